//! Hold a request, so that nothing of it is erased, or release it.

use crate::domain::fact::Fact;
use crate::domain::ids::RequestId;
use crate::history::{holds, requests};
use crate::identity::desks::Keeping;
use crate::identity::permission::Verb;
use crate::node::command::{Call, Outcome};
use crate::node::commands::{Decline, admitted};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::node::{desks, sight};
use crate::wire::skeleton::Skeleton;

/// Decides: by somebody who has sight of the request. What is held already stays held by the entry
/// that placed the hold.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    request: RequestId,
    held: bool,
) -> Result<Outcome, Decline> {
    let verb = if held { Verb::PlaceHold } else { Verb::ReleaseHold };
    let caller = call.principal.to_string();
    if let Some(position) = admitted(turn, call, verb)? {
        return Ok(Outcome::Done(position));
    }
    requests::find(&turn.rows, request)?.ok_or_else(Rejection::not_found)?;
    if !sight::has(turn.setting, &turn.rows, request, &caller)? {
        return Err(Rejection::not_found().into());
    }
    desks::demand_keeping(turn.setting, &call.principal, Keeping::Hold)?;
    match (held, holds::placed(&turn.rows, request)?) {
        (true, Some(position)) => return Ok(Outcome::Done(position)),
        (false, None) => {
            let text = "the request is not held";
            return Err(Rejection::new(RejectionReason::StateForbids, text).into());
        }
        (true, None) | (false, Some(_)) => {}
    }
    let skeleton = Skeleton {
        principal: Some(caller),
        call: Some((call.key.clone(), call.fingerprint)),
        held: Some(request),
        ..Skeleton::default()
    };
    let fact = if held { Fact::HoldPlaced } else { Fact::HoldReleased };
    Ok(Outcome::Done(turn.record(fact, skeleton)?))
}
