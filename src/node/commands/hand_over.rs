//! Note handovers before they are made: from here on their outcome is in doubt.

use crate::domain::fact::{Fact, Handover};
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::message::{self, Custody};
use crate::history::rows::HistoryError;
use crate::node::command::Outcome;
use crate::node::conduct;
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// Records a handover for each message that still waits for `peer` and has not expired; none to a peer that
/// was cut off since that was wished: what waits may go another way, and what is in doubt could not.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    messages: &[MessageKey],
) -> Result<Outcome, HistoryError> {
    if conduct::is_cut(turn, peer)? {
        return Ok(Outcome::HandedOver(Vec::new()));
    }
    let mut noted = Vec::with_capacity(messages.len());
    for key in messages {
        let Some(record) = message::find(&turn.rows, *key)? else {
            continue;
        };
        let header = record.header()?;
        let waits = matches!(&record.custody, Custody::Waiting { peer: next } if next == peer);
        if !waits || turn.now >= header.address.expires_at {
            continue;
        }
        let number = record.handovers.saturating_add(1);
        let handover = Handover { from: turn.setting.agency.clone(), to: peer.clone(), number };
        let fact = Fact::HandedOver { message: message::reference(&header), handover };
        turn.record(fact, Skeleton::default())?;
        noted.push((*key, number));
    }
    Ok(Outcome::HandedOver(noted))
}
