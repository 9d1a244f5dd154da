//! Erase the content of a message: its keys are destroyed, its proofs stay. A request that was passed
//! on is held by the notice to the other agency, too, and that copy goes with it.

use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::retention::ErasureCause;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::history::{erasures, holds, onward};
use crate::identity::desks::Keeping;
use crate::identity::permission::{Verb, permitted};
use crate::identity::principal::Principal;
use crate::node::command::Outcome;
use crate::node::commands::asked_erasure::{self, Asking};
use crate::node::commands::{Decline, snapshot};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sight::{self, Sight};
use crate::node::turn::Turn;
use crate::node::{content, desks};
use crate::wire::skeleton::Skeleton;

/// Decides an erasure: by somebody who sees the message, of content that is needed no more for its
/// delivery and is not held; the other side is asked to do the same where the rules say so. Erased
/// again, it is the same erasure.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    by: Option<&Principal>,
    key: MessageKey,
    cause: ErasureCause,
) -> Result<Outcome, Decline> {
    let caller = by.map(ToString::to_string);
    if by.is_some_and(|it| !permitted(it.role, Verb::EraseContent)) {
        let text = "this role may not do this";
        return Err(Rejection::new(RejectionReason::RoleNotPermitted, text).into());
    }
    let record = message::find(&turn.rows, key)?.ok_or_else(Rejection::not_found)?;
    let ours = match record.part {
        Part::Origin => true,
        Part::Destination => record.is_listed(),
        Part::Transit => false,
    };
    let seen = match &caller {
        Some(caller) => {
            sight::of_message(turn.setting, &turn.rows, &record, caller)? == Sight::Full
        }
        None => true,
    };
    if !ours || !seen {
        return Err(Rejection::not_found().into());
    }
    if let Some(by) = by {
        desks::demand_keeping(turn.setting, by, Keeping::Erase)?;
    }
    let asking = asked_erasure::asking(turn, (key, &record), cause)?;
    if let Some(erased) = record.erased.filter(|_| record.is_erased()) {
        let in_vain = matches!(asking, Asking::This { next_hop: None, .. });
        asked_erasure::ask(turn, asking, cause, caller.as_deref())?;
        if in_vain && erasures::is_to_ask(&turn.rows, key)?.is_none() {
            return Err(no_way(&record)?.into());
        }
        with_notices(turn, by, (key, &record), cause)?;
        return Ok(Outcome::Done(erased.position));
    }
    possible(turn, (key, &record))?;
    let message = message::reference(&record.header()?);
    let backups = snapshot::holding(turn, record.recorded)?;
    // What can't be asked yet stays owed.
    let owed = match &asking {
        Asking::This { due, next_hop: None, .. } => Some(*due),
        Asking::This { .. } | Asking::Nothing => None,
    };
    let skeleton = Skeleton { principal: caller.clone(), backups, owed, ..Skeleton::default() };
    let position = turn.record(Fact::ContentErased { message, cause }, skeleton)?;
    content::erase(turn, key)?;
    asked_erasure::ask(turn, asking, cause, caller.as_deref())?;
    with_notices(turn, by, (key, &record), cause)?;
    Ok(Outcome::Done(position))
}

/// Erases the copies of a request that went on with notices of this agency.
fn with_notices(
    turn: &mut Turn<'_>,
    by: Option<&Principal>,
    message: (MessageKey, &MessageRecord),
    cause: ErasureCause,
) -> Result<(), Decline> {
    for notice in onward::notices(&turn.rows, message)? {
        if message::find(&turn.rows, notice)?.is_some_and(|it| it.erased.is_none()) {
            decide(turn, by, notice, cause)?;
        }
    }
    Ok(())
}

/// Is a notice that holds this request still on its way?
pub(super) fn travels_onward(
    turn: &Turn<'_>,
    message: (MessageKey, &MessageRecord),
) -> Result<bool, HistoryError> {
    for notice in onward::notices(&turn.rows, message)? {
        if message::find(&turn.rows, notice)?.is_some_and(|it| is_on_its_way(turn, &it)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// It is erased here already, and this is another reason, for which the other side can't be asked.
fn no_way(record: &MessageRecord) -> Result<Rejection, HistoryError> {
    let destination = record.header()?.address.destination;
    let text = format!("it is erased here, and there is no route to {destination} to ask it");
    let rejection = Rejection::new(RejectionReason::NoRoute, text);
    Ok(rejection.with("destination", destination.as_str()))
}

/// Is the content still needed for its delivery, or only just being recorded?
pub(super) fn is_on_its_way(turn: &Turn<'_>, record: &MessageRecord) -> bool {
    let travels = match record.custody {
        Custody::PassedOn | Custody::Held | Custody::Ended { .. } => false,
        Custody::Waiting { .. }
        | Custody::InDoubt { .. }
        | Custody::SetAside { .. }
        | Custody::UnderReview => true,
    };
    travels || record.recorded >= turn.setting.next()
}

/// Nothing that is still to be delivered, and nothing that is held.
fn possible(turn: &Turn<'_>, (key, record): (MessageKey, &MessageRecord)) -> Result<(), Decline> {
    let forbids = |text: &str| Rejection::new(RejectionReason::StateForbids, text);
    if is_on_its_way(turn, record) {
        return Err(forbids("the message is still on its way from here").into());
    }
    if travels_onward(turn, (key, record))? {
        return Err(forbids("the request was passed on, and that is still on its way").into());
    }
    if holds::of_message(&turn.rows, record)?.is_some() {
        let text = "the request is held; release it first";
        return Err(forbids(text).with("held", "true").into());
    }
    Ok(())
}
