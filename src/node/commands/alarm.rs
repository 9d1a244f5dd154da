//! Raise the alarm for an urgent message that nobody took, or one held for review that nobody decides
//! about, then pass it to the next desk.

use crate::domain::competence::Function;
use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::ids::ContactPointId;
use crate::history::alarms::Unclaimed;
use crate::history::message::{self, ESCALATIONS_MAX, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::node::command::Outcome;
use crate::node::records;
use crate::node::setting::Setting;
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// Doublings of the time between two alarms about one message, at the most.
const DOUBLINGS_MAX: u32 = 6;

/// Raises the alarm if the message still stands so: first at its own desk, then at the next
/// competent one, and in the end again where it stands, ever more seldom.
pub(super) fn decide(turn: &mut Turn<'_>, key: MessageKey) -> Result<Outcome, HistoryError> {
    let Some(record) = message::find(&turn.rows, key)? else {
        return Ok(Outcome::Unchanged);
    };
    let claimed = record.claim.as_ref().is_some_and(|it| it.until > turn.now);
    let Some(unclaimed) = record.unclaimed.filter(|it| !claimed && is_due(turn, *it)) else {
        return Ok(Outcome::Unchanged);
    };
    let message = message::reference(&record.header()?);
    let next = next_desk(turn.setting, &record).filter(|_| unclaimed.alarms > 0);
    let (fact, contact_point) = match next {
        Some(desk) => (Fact::Escalated { message }, Some(desk)),
        None => (Fact::AlarmRaised { message }, None),
    };
    let skeleton = Skeleton { contact_point, ..Skeleton::default() };
    Ok(Outcome::Done(turn.record(fact, skeleton)?))
}

/// Has it stood unclaimed for long enough? While there are desks to turn to, the same time each;
/// after that twice as long each time.
fn is_due(turn: &Turn<'_>, unclaimed: Unclaimed) -> bool {
    let doublings = unclaimed.alarms.saturating_sub(2).min(DOUBLINGS_MAX);
    let wait = turn.setting.policy.unclaimed_after_ms.saturating_mul(1 << doublings);
    unclaimed.since.plus_millis(wait) <= turn.now
}

/// The first desk of this agency that is competent for the kind, or to review, and has not been listed yet;
/// none after [`ESCALATIONS_MAX`] of them.
fn next_desk(setting: &Setting, record: &MessageRecord) -> Option<ContactPointId> {
    let reviewers = [Function::CentralAuthority.as_str()];
    let (first, functions) = match (record.part, &record.particulars) {
        (Part::Transit, _) => (1, &reviewers[..]),
        (Part::Origin | Part::Destination, it) => {
            it.as_ref().map(|it| (it.to.len(), it.kind.receivers))?
        }
    };
    if record.inbox.len() >= first.saturating_add(ESCALATIONS_MAX) {
        return None;
    }
    let directory = setting.directory();
    let own = directory.agency(&setting.agency)?;
    let competent = |function: &str| {
        own.contact_points.iter().find(|desk| {
            let listed = record.inbox.iter().any(|(it, _)| *it == desk.id);
            !listed && desk.functions.iter().any(|it| it.as_str() == function)
        })
    };
    functions.iter().find_map(|function| competent(function)).map(|desk| desk.id.clone())
}

/// Remembers up to which entry alarms have been rung.
pub(super) fn record_rung(turn: &mut Turn<'_>, position: u64) -> Outcome {
    records::put_rung(&mut turn.beside, position);
    Outcome::Unchanged
}
