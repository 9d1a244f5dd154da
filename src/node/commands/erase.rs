//! Erase the content of a message: its keys are destroyed, its proofs stay.

use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::retention::ErasureCause;
use crate::history::holds;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::identity::permission::{Verb, permitted};
use crate::identity::principal::Principal;
use crate::node::command::Outcome;
use crate::node::commands::{Decline, asked_erasure, snapshot};
use crate::node::content;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sight::{self, Sight};
use crate::node::turn::Turn;
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
        Some(caller) => sight::of_message(&turn.rows, &record, caller)? == Sight::Full,
        None => true,
    };
    if !ours || !seen {
        return Err(Rejection::not_found().into());
    }
    if let Some(erased) = record.erased {
        asked_erasure::ask(turn, (key, &record), cause, caller.as_deref())?;
        return Ok(Outcome::Done(erased.position));
    }
    possible(turn, &record)?;
    let message = message::reference(&record.header()?);
    let backups = snapshot::holding(turn, record.recorded)?;
    let skeleton = Skeleton { principal: caller.clone(), backups, ..Skeleton::default() };
    let position = turn.record(Fact::ContentErased { message, cause }, skeleton)?;
    content::erase(turn, key)?;
    asked_erasure::ask(turn, (key, &record), cause, caller.as_deref())?;
    Ok(Outcome::Done(position))
}

/// Is the content still needed for its delivery, or only just being recorded?
pub(super) fn is_on_its_way(turn: &Turn<'_>, record: &MessageRecord) -> bool {
    let travels = match record.custody {
        Custody::PassedOn | Custody::Held | Custody::Ended { .. } => false,
        Custody::Waiting { .. } | Custody::InDoubt { .. } | Custody::SetAside { .. } => true,
    };
    travels || record.recorded >= turn.setting.next()
}

/// Nothing that is still to be delivered, and nothing that is held.
fn possible(turn: &Turn<'_>, record: &MessageRecord) -> Result<(), Decline> {
    let forbids = |text: &str| Rejection::new(RejectionReason::StateForbids, text);
    if is_on_its_way(turn, record) {
        return Err(forbids("the message is still on its way from here").into());
    }
    let request = record.particulars.as_ref().map(|it| it.request);
    if let Some(request) = request
        && holds::placed(&turn.rows, request)?.is_some()
    {
        let text = "the request is held; release it first";
        return Err(forbids(text).with("held", "true").into());
    }
    Ok(())
}
