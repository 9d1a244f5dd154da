//! Doubt that outlasts its message: a peer was offered one, has not answered, and the message has expired
//! meanwhile. No node can end that by itself, for the peer may have it; people have to make the peer answer.

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::history::message::{self, Custody};
use crate::history::outbox;
use crate::history::rows::HistoryError;
use crate::node::outstanding::{Owed, State};
use crate::node::setting::Setting;

/// Messages owed to one peer that are looked at: more than may be in doubt at a time, in any lane.
const LOOKED_AT: usize = 1_024;

/// What is in doubt with one peer past its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The peer that has to answer.
    pub peer: AgencyId,
    /// How many messages.
    pub messages: usize,
    /// Since when the first of them has expired.
    pub since: Timestamp,
}

/// Whether a message has expired by any clock that peers may have.
fn is_over(expires_at: Timestamp, now: Timestamp) -> bool {
    now > expires_at.plus_millis(CLOCK_SKEW_MS_MAX)
}

/// The same; what is in doubt past its expiry says so, and since when.
pub(super) fn judged(owed: Owed, now: Timestamp) -> Owed {
    let in_doubt = matches!(owed.state, State::InDoubt | State::DoubtWithoutLink);
    let ended = owed.expires_at.filter(|at| in_doubt && is_over(*at, now));
    match ended {
        Some(since) => Owed { state: State::DoubtPastExpiry, since, ..owed },
        None => owed,
    }
}

/// What is in doubt past its expiry, by peer; peers with nothing of that are left out.
///
/// # Errors
/// `HistoryError` if the state can't be read.
pub fn by_peer(setting: &Setting) -> Result<Vec<Overdue>, HistoryError> {
    let (rows, now) = (setting.store.as_ref(), setting.clock.now());
    let mut found = Vec::new();
    for peer in outbox::peers(rows)? {
        let mut expired = Vec::new();
        for (_, key) in outbox::owed(rows, &peer, None, LOOKED_AT)? {
            let Some(record) = message::find(rows, key)? else {
                continue;
            };
            let expires_at = record.header()?.address.expires_at;
            if matches!(record.custody, Custody::InDoubt { .. }) && is_over(expires_at, now) {
                expired.push(expires_at);
            }
        }
        if let Some(since) = expired.iter().min().copied() {
            found.push(Overdue { peer, messages: expired.len(), since });
        }
    }
    Ok(found)
}
