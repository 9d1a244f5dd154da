//! Take nothing new until told otherwise, so that a node can be stopped for good or for work on it.

use crate::identity::permission::{Verb, permitted};
use crate::node::command::{Call, Outcome};
use crate::node::commands::Decline;
use crate::node::records::{self, Draining};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;

/// Decides: a record that a restart reads again, and no entry, since nothing is stated of any message.
pub(super) fn decide(turn: &mut Turn<'_>, call: &Call, on: bool) -> Result<Outcome, Decline> {
    if !permitted(call.principal.role, Verb::SetDrain) {
        let text = "this role may not do this";
        return Err(Rejection::new(RejectionReason::RoleNotPermitted, text).into());
    }
    let draining = records::draining(turn.setting.store.as_ref())?;
    if draining.is_some() != on {
        let by = call.principal.to_string();
        let draining = on.then_some(Draining { since: turn.now, by });
        records::put_draining(&mut turn.beside, draining.as_ref());
    }
    Ok(Outcome::Unchanged)
}
