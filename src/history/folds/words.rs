//! Words of an origin about its message, on their way to the destination.

use super::next_hop;
use crate::domain::fact::MessageRef;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, Working};
use crate::history::words::{self, Said, Word};
use crate::history::{Opened, erasures, outbox};

/// A word travels on from here by the entry's next hop; if there is none it waits for a way.
pub(super) fn travels(
    rows: &mut Working<'_>,
    opened: &Opened,
    (reference, own): (&MessageRef, bool),
    (destination, said): (&AgencyId, Said),
) -> Result<(), HistoryError> {
    let now = opened.entry.recorded_at;
    let word = Word {
        position: opened.position,
        own,
        origin: reference.origin.clone(),
        message: reference.message,
        header: reference.header,
        destination: destination.clone(),
        said,
        since: now,
        to: opened.skeleton.next_hop.clone(),
    };
    words::put(rows, reference.key(), &word, now)
}

/// A word goes by this way, for which it waited, or where it was told by another one before.
pub(super) fn goes_on(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (key, peer) = (reference.key(), next_hop(opened)?);
    let unknown = HistoryError::Damaged { what: "way of a word that is not known" };
    let word = words::find(rows, key)?.ok_or(unknown)?;
    let word = Word { to: Some(peer.clone()), ..word };
    words::put(rows, key, &word, opened.entry.recorded_at)?;
    if word.own && word.said == Said::Erasure && erasures::goes_by(rows, key, peer)? {
        return Ok(());
    }
    outbox::notify(rows, peer, word.notice())
}
