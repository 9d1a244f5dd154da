//! Acts of the agency's own people and systems on a message: claim, release, read, acknowledge.

use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::limits::LEASE_MS_MAX;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::identity::desks::Right;
use crate::identity::permission::Verb;
use crate::node::command::{Call, InboxAct, Outcome};
use crate::node::commands::{Decline, admitted};
use crate::node::desks;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sight::{self, Sight};
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// Decides an act: permitted, on a message that is listed here, in the caller's turn.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    key: MessageKey,
    act: InboxAct,
) -> Result<Outcome, Decline> {
    if let Some(position) = admitted(turn, call, verb(act))? {
        return Ok(Outcome::Done(position));
    }
    let record = message::find(&turn.rows, key)?.ok_or_else(Rejection::not_found)?;
    let listed = record.part == Part::Destination && record.is_listed();
    let own_copy = record.part == Part::Origin && act == InboxAct::Read;
    let reviewed = record.was_reviewed_here();
    if !listed && !own_copy && !reviewed {
        return Err(Rejection::not_found().into());
    }
    let caller = call.principal.to_string();
    let seen = match sight::of_message(turn.setting, &turn.rows, &record, &caller)? {
        Sight::Full => true,
        Sight::Envelope => matches!(act, InboxAct::Claim { .. }),
        Sight::None => false,
    };
    if !seen {
        return Err(Rejection::not_found().into());
    }
    if reviewed && !is_for_transit(&record, act) {
        let text = "the message only passes through here: it is released or given back";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    }
    match act {
        InboxAct::Acknowledge | InboxAct::Claim { .. } | InboxAct::Release => {
            desks::demand_of(turn.setting, &call.principal, Right::Claim, &record)?;
        }
        // Whoever may not read at its desk has no sight of it.
        InboxAct::Read => {}
    }
    if let (InboxAct::Read, Some(erased)) = (act, &record.erased) {
        return Err(Rejection::erased(erased).into());
    }
    let position = record_act(turn, call, &record, act)?;
    Ok(Outcome::Done(position))
}

/// Whether it can be done with what only passes through: a lease while it is held, reading as long as its
/// content is here.
fn is_for_transit(record: &MessageRecord, act: InboxAct) -> bool {
    match act {
        InboxAct::Acknowledge => false,
        InboxAct::Claim { .. } => record.custody == Custody::UnderReview,
        InboxAct::Read | InboxAct::Release => true,
    }
}

fn verb(act: InboxAct) -> Verb {
    match act {
        InboxAct::Acknowledge => Verb::AcknowledgeMessage,
        InboxAct::Claim { .. } => Verb::ClaimMessage,
        InboxAct::Read => Verb::ReadMessage,
        InboxAct::Release => Verb::ReleaseMessage,
    }
}

fn record_act(
    turn: &mut Turn<'_>,
    call: &Call,
    record: &MessageRecord,
    act: InboxAct,
) -> Result<u64, Decline> {
    let caller = call.principal.to_string();
    let now = turn.now;
    let running = record.claim.as_ref().filter(|claim| claim.until > now);
    let by_other = running.is_some_and(|claim| claim.holder != caller);
    let message = message::reference(&record.header()?);
    let mut skeleton = Skeleton {
        principal: Some(caller.clone()),
        call: Some((call.key.clone(), call.fingerprint)),
        ..Skeleton::default()
    };
    let fact = match act {
        InboxAct::Claim { .. } | InboxAct::Acknowledge if by_other => {
            let text = "another holder's lease on this message still runs";
            return Err(Rejection::new(RejectionReason::ClaimedByAnother, text).into());
        }
        InboxAct::Claim { lease_ms } => {
            if !(1..=LEASE_MS_MAX).contains(&lease_ms) {
                let text = format!("a lease lasts from 1 to {LEASE_MS_MAX} ms");
                return Err(Rejection::new(RejectionReason::LimitExceeded, text).into());
            }
            skeleton.lease_until = Some(turn.now.plus_millis(lease_ms));
            Fact::Claimed { message }
        }
        InboxAct::Release => {
            if running.is_none_or(|claim| claim.holder != caller) {
                let text = "only the holder of a running lease gives it back";
                return Err(Rejection::new(RejectionReason::NotClaimedByCaller, text).into());
            }
            Fact::Released { message }
        }
        InboxAct::Read => Fact::Read { message },
        InboxAct::Acknowledge => Fact::Acknowledged { message },
    };
    Ok(turn.record(fact, skeleton)?)
}
