//! Ask the other side to erase what was erased here, and answer where it asks.
//!
//! What this agency passed on to another one is asked for there in turn, in the name of whoever asked,
//! as soon as that is known here: each that has it decides for itself. Only this agency knows the
//! message that went there, and whether it arrived; so its origin need not ask twice.

use crate::domain::due::Due;
use crate::domain::fact::{Fact, Reason};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, StateCode};
use crate::domain::retention::{ErasureCause, Given, Honour};
use crate::history::erasures::{self, Answer, AskedErasure};
use crate::history::holds;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::onward::{self, Standing};
use crate::history::rows::HistoryError;
use crate::identity::desks::Keeping;
use crate::identity::permission::Verb;
use crate::node::command::{Call, Outcome};
use crate::node::commands::{Decline, admitted, erase, snapshot};
use crate::node::desks;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sight::{self, Sight};
use crate::node::turn::Turn;
use crate::node::{content, owed};
use crate::wire::skeleton::Skeleton;

/// What is asked of the other side when content is erased here.
pub(super) enum Asking {
    /// Nothing.
    Nothing,
    /// To erase it too, by then, through this neighbour; by nobody as long as there is no way to it.
    This { due: Due, header: Box<Header>, next_hop: Option<AgencyId> },
}

/// Whether the destination of an own message is to be asked to erase it too: where the rules say so
/// and it was not asked before. One that refused may be asked again.
pub(super) fn asking(
    turn: &Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    cause: ErasureCause,
) -> Result<Asking, HistoryError> {
    let Some(particulars) = &record.particulars else {
        return Ok(Asking::Nothing);
    };
    let given = Given {
        kind: &particulars.kind,
        act: particulars.act,
        label: &particulars.bearing.label,
        sender: StateCode::of(&turn.setting.agency),
    };
    let left = record.part == Part::Origin && record.custody == Custody::PassedOn;
    let asked = erasures::find(&turn.rows, key)?;
    if !left || !cause.reaches_other_side(&given) || asked.is_some_and(|it| !it.is_refused()) {
        return Ok(Asking::Nothing);
    }
    let header = Box::new(record.header()?);
    let next_hop = turn.setting.way_of_word(&header.address);
    let due = due(turn, record, &header)?;
    Ok(Asking::This { due, header, next_hop })
}

/// Asks, if that is to be done and there is a way; gives the position of the entry.
pub(super) fn ask(
    turn: &mut Turn<'_>,
    asking: Asking,
    cause: ErasureCause,
    by: Option<&str>,
) -> Result<Option<u64>, HistoryError> {
    let Asking::This { due, header, next_hop: Some(next_hop) } = asking else {
        return Ok(None);
    };
    let message = message::reference(&header);
    let destination = header.address.destination.clone();
    let skeleton = Skeleton {
        principal: by.map(ToOwned::to_owned),
        next_hop: Some(next_hop),
        owed: Some(due),
        ..Skeleton::default()
    };
    Ok(Some(turn.record(Fact::ErasureAsked { message, destination, cause }, skeleton)?))
}

/// Asks what could not be asked when the content was erased, once there is a way.
pub(super) fn ask_at_last(turn: &mut Turn<'_>, key: MessageKey) -> Result<Outcome, HistoryError> {
    let owed = erasures::is_to_ask(&turn.rows, key)?;
    let Some((cause, record)) = owed.zip(message::find(&turn.rows, key)?) else {
        return Ok(Outcome::Unchanged);
    };
    let asking = asking(turn, (key, &record), cause)?;
    let asked = ask(turn, asking, cause, None)?;
    Ok(asked.map_or(Outcome::Unchanged, Outcome::Done))
}

/// When the destination of a message is to answer that it is asked to erase it.
pub(super) fn due(
    turn: &Turn<'_>,
    record: &MessageRecord,
    header: &Header,
) -> Result<Due, HistoryError> {
    let request = record.particulars.as_ref().map(|it| it.request);
    owed::erasure(turn.setting, &turn.rows, (request, header), turn.now)
}

/// What is asked of this agency for a message that it received, and is not answered for good.
fn open(
    turn: &Turn<'_>,
    key: MessageKey,
) -> Result<Option<(AskedErasure, MessageRecord)>, HistoryError> {
    let asked = erasures::find(&turn.rows, key)?.filter(AskedErasure::is_open);
    let record = message::find(&turn.rows, key)?.filter(|it| it.part == Part::Destination);
    Ok(asked.zip(record))
}

/// Answers by itself: that it is held, or by erasing, where the agency's policy says so. What nobody
/// here could ever open is erased in any case.
pub(super) fn honour(turn: &mut Turn<'_>, key: MessageKey) -> Result<Outcome, HistoryError> {
    let Some((asked, record)) = open(turn, key)? else {
        return Ok(Outcome::Unchanged);
    };
    let onward = onward::standing(&turn.rows, (key, &record))?;
    let message = message::reference(&record.header()?);
    if record.is_erased() && onward != Standing::Here {
        return match onward {
            Standing::Kept(reason) if asked.answer != Some(Answer::Refused(reason)) => {
                let fact = Fact::ErasureRefused { message, reason };
                Ok(Outcome::Done(turn.record(fact, Skeleton::default())?))
            }
            Standing::Here | Standing::Kept(_) | Standing::Waits | Standing::Gone => {
                Ok(Outcome::Unchanged)
            }
        };
    }
    let held = match asked.request {
        Some(request) => holds::placed(&turn.rows, request)?.is_some(),
        None => false,
    };
    if held {
        if asked.answer.is_some() {
            return Ok(Outcome::Unchanged);
        }
        let fact = Fact::ErasureRefused { message, reason: Reason::LegalHold };
        return Ok(Outcome::Done(turn.record(fact, Skeleton::default())?));
    }
    let at_once = turn.setting.policy.honour == Honour::AtOnce;
    let may = at_once || asked.unopened || record.erased.is_some();
    if !may || erase::is_on_its_way(turn, &record) || erase::travels_onward(turn, (key, &record))? {
        return Ok(Outcome::Unchanged);
    }
    let mut last = None;
    let passed_on = onward::notices(&turn.rows, (key, &record))?;
    for key in std::iter::once(key).chain(passed_on) {
        last = erase_one(turn, key)?.or(last);
    }
    Ok(last.map_or(Outcome::Unchanged, Outcome::Done))
}

/// Erases what its origin asks to be erased, unless it is erased; gives the position of the entry.
fn erase_one(turn: &mut Turn<'_>, key: MessageKey) -> Result<Option<u64>, HistoryError> {
    let Some(record) = message::find(&turn.rows, key)?.filter(|it| !it.is_erased()) else {
        return Ok(None);
    };
    let message = message::reference(&record.header()?);
    let backups = snapshot::holding(turn, record.recorded)?;
    let skeleton = Skeleton { backups, ..Skeleton::default() };
    let cause = ErasureCause::OriginatorOrder;
    let position = turn.record(Fact::ContentErased { message, cause }, skeleton)?;
    content::erase(turn, key)?;
    Ok(Some(position))
}

/// An officer keeps what the other side asks to be erased, and says why.
pub(super) fn refuse(
    turn: &mut Turn<'_>,
    call: &Call,
    key: MessageKey,
    reason: Reason,
) -> Result<Outcome, Decline> {
    let caller = call.principal.to_string();
    if let Some(position) = admitted(turn, call, Verb::RefuseErasure)? {
        return Ok(Outcome::Done(position));
    }
    let record = message::find(&turn.rows, key)?.ok_or_else(Rejection::not_found)?;
    let ours = record.part == Part::Destination && record.is_listed();
    if !ours || sight::of_message(turn.setting, &turn.rows, &record, &caller)? != Sight::Full {
        return Err(Rejection::not_found().into());
    }
    desks::demand_keeping(turn.setting, &call.principal, Keeping::Erase)?;
    // What is erased here waits for another agency's answer, or can't be kept any more.
    if open(turn, key)?.is_none_or(|(_, record)| record.erased.is_some()) {
        let text = "nobody asks for the erasure of this message, or it is answered";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    }
    let message = message::reference(&record.header()?);
    let skeleton = Skeleton {
        principal: Some(caller),
        call: Some((call.key.clone(), call.fingerprint)),
        ..Skeleton::default()
    };
    Ok(Outcome::Done(turn.record(Fact::ErasureRefused { message, reason }, skeleton)?))
}
