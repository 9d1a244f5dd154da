//! Give someone of the agency sight of a confidential request, or take it (UNTOC 18(20)).

use crate::domain::fact::Fact;
use crate::domain::ids::RequestId;
use crate::history::{access, requests};
use crate::identity::permission::Verb;
use crate::identity::principal::{Principal, Role};
use crate::node::command::{Call, Outcome};
use crate::node::commands::{Decline, admitted};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sight;
use crate::node::turn::Turn;
use crate::wire::skeleton::{Access, Skeleton};

/// Decides: by somebody who has sight of the request, for an officer or service of the agency.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    request: RequestId,
    (holder, granted): (&Principal, bool),
) -> Result<Outcome, Decline> {
    let verb = if granted { Verb::GrantAccess } else { Verb::RevokeAccess };
    let caller = call.principal.to_string();
    if let Some(position) = admitted(turn, call, verb)? {
        return Ok(Outcome::Done(position));
    }
    requests::find(&turn.rows, request)?.ok_or_else(Rejection::not_found)?;
    let sees = sight::has(turn.setting, &turn.rows, request, &caller)?;
    if !sees || !access::has(&turn.rows, request, &caller)? {
        return Err(Rejection::not_found().into());
    }
    let fits = matches!(holder.role, Role::Officer | Role::Service);
    if holder.agency != turn.setting.agency || !fits {
        let text = "sight is given to officers and services of the own agency";
        return Err(Rejection::new(RejectionReason::RoleNotPermitted, text).into());
    }
    let last = access::holders(&turn.rows, request)?.len() <= 1;
    if !granted && last && access::has(&turn.rows, request, &holder.to_string())? {
        let text = "somebody must keep sight of the request; give it to another first";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    }
    let skeleton = Skeleton {
        principal: Some(caller),
        call: Some((call.key.clone(), call.fingerprint)),
        access: Some(Access { request, holder: holder.to_string() }),
        ..Skeleton::default()
    };
    let fact = if granted { Fact::AccessGranted } else { Fact::AccessRevoked };
    Ok(Outcome::Done(turn.record(fact, skeleton)?))
}
