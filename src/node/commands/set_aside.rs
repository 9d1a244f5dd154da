//! An operator's word about a message that was set aside: it is tried again, or it ends here.

use crate::domain::fact::{Fact, Reason};
use crate::domain::header::MessageKey;
use crate::history::message::{self, MessageRecord};
use crate::history::set_aside::{self, SetAside};
use crate::identity::permission::Verb;
use crate::node::command::{Call, Outcome, SetAsideAct};
use crate::node::commands::{Decline, admitted, conclude};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::node::ways;
use crate::wire::skeleton::Skeleton;

/// Decides: only about what is set aside. What is in doubt is asked again of the same peer, under the
/// same number, and is never returned: the peer may have it. Nor is what a neighbour may have by a handover that
/// was lost, before all were asked.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    key: MessageKey,
    act: SetAsideAct,
) -> Result<Outcome, Decline> {
    let verb = match act {
        SetAsideAct::Release => Verb::ReleaseSetAside,
        SetAsideAct::Return => Verb::ReturnSetAside,
    };
    if let Some(position) = admitted(turn, call, verb)? {
        return Ok(Outcome::Done(position));
    }
    let record = message::find(&turn.rows, key)?.ok_or_else(Rejection::not_found)?;
    let Some(set_aside) = set_aside::ROWS.find(&turn.rows, key)? else {
        let text = format!("the message is {} and not set aside", record.custody.as_str());
        let rejection = Rejection::new(RejectionReason::StateForbids, text);
        return Err(rejection.with("custody", record.custody.as_str()).into());
    };
    let skeleton = Skeleton {
        principal: Some(call.principal.to_string()),
        call: Some((call.key.clone(), call.fingerprint)),
        ..Skeleton::default()
    };
    match act {
        SetAsideAct::Release => release(turn, (key, &record), set_aside, skeleton),
        SetAsideAct::Return => match set_aside.in_doubt {
            Some(_) => Err(doubtful(&set_aside).into()),
            None => match turn.asks_about(&record) {
                Some(asks) => Err(asks.rejection().into()),
                None => Ok(conclude::end(turn, (key, &record), Reason::Operator, skeleton)?),
            },
        },
    }
}

fn release(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    set_aside: SetAside,
    skeleton: Skeleton,
) -> Result<Outcome, Decline> {
    let header = record.header()?;
    let peer = match set_aside.in_doubt {
        Some(_) => set_aside.peer,
        None => ways::let_go_on(turn.setting, &turn.rows, (key, record))?.ok_or_else(no_way)?,
    };
    let fact = Fact::WayChosen { message: message::reference(&header), reason: Reason::Operator };
    Ok(Outcome::Done(turn.record(fact, Skeleton { next_hop: Some(peer), ..skeleton })?))
}

fn doubtful(set_aside: &SetAside) -> Rejection {
    let peer = &set_aside.peer;
    let text = format!(
        "{peer} was offered the message and may have it: only its answer ends that, and a release \
         asks it again"
    );
    Rejection::new(RejectionReason::StateForbids, text).with("peer", peer.as_str())
}

fn no_way() -> Rejection {
    let text = "no way leads to the destination of the message now";
    Rejection::new(RejectionReason::NoRoute, text)
}
