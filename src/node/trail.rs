//! The trail of a message: the agencies that have had it, or said that they never will take it.
//!
//! It travels beside the message, in no signed part: first who had it on ways that came to nothing, and
//! who refused it; then its origin and the hops of this way in order, who hands over last. By it a hop knows
//! whom to leave out, and a transit whose next hop fails whether the origin has a way left
//! ([`crate::node::ways`]). Whoever lies in it decides about no more than the copy that it held itself:
//! the hops behind it wait longer than they need, or give back what they could have waited with.
//!
//! What is not known is said to nobody: where a hop before named none, or it would be too long, or the
//! message goes to somebody who had it before (only who lost it takes it again), it travels without one.

use std::collections::BTreeSet;

use crate::domain::header::{Address, MessageKey};
use crate::domain::ids::AgencyId;
use crate::domain::limits::TRAIL_MAX;
use crate::domain::station::Station;
use crate::history::message::{self, MessageRecord, Part, StationRecord};
use crate::history::rows::{HistoryError, Rows};
use crate::history::trails;

/// Whether an honest node may name this trail to `own`: nobody twice, not `own` and not the destination,
/// and at its end as many as the message has made hops, from the origin to the one that hands over.
pub fn holds(
    trail: &[AgencyId],
    address: &Address,
    (from, own): (&AgencyId, &AgencyId),
    hops: u32,
) -> bool {
    if trail.is_empty() {
        return true;
    }
    let way = trail.iter().position(|it| *it == address.origin).map(|at| trail.len() - at);
    trail.iter().collect::<BTreeSet<_>>().len() == trail.len()
        && !trail.iter().any(|it| it == own || *it == address.destination)
        && trail.last() == Some(from)
        && way == usize::try_from(hops).ok()
}

/// The trail with which a message came here; none where it is not known. What came straight from its
/// origin, which had offered it to nobody before, needs none to be known.
pub fn known<R: Rows + ?Sized>(
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
    origin: &AgencyId,
) -> Result<Option<Vec<AgencyId>>, HistoryError> {
    if record.part == Part::Origin {
        return Ok(Some(Vec::new()));
    }
    let named = trails::ROWS.find(rows, key)?;
    let straight =
        record.upstream.as_ref() == Some(origin) && record.brought == 1 && record.hops == 1;
    Ok(named.or_else(|| straight.then(|| vec![origin.clone()])))
}

/// Others that had the message or never take it, by what was stated here. `own` statements of this node
/// don't count.
pub fn told(stations: &[StationRecord]) -> impl Iterator<Item = &AgencyId> {
    let said = stations.iter().filter(|it| {
        !it.own && matches!(it.station, Station::Relayed | Station::Returned | Station::NotTaken)
    });
    said.map(|it| &it.agency)
}

/// The trail with which a message is handed to `to`; empty where it travels without one.
pub fn onward<R: Rows + ?Sized>(
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
    (own, to): (&AgencyId, &AgencyId),
) -> Result<Vec<AgencyId>, HistoryError> {
    let address = record.header()?.address;
    let came = known(rows, (key, record), &address.origin)?;
    let stations = message::stations(rows, key, record)?;
    let trail = came.map(|it| joined(&it, &stations, own, &address.destination));
    let fits = |it: &Vec<AgencyId>| it.len() <= TRAIL_MAX && !it.contains(to);
    Ok(trail.filter(fits).unwrap_or_default())
}

/// Those that others named here, those that are known here besides, and this node; the way stays at the end.
fn joined(
    came: &[AgencyId],
    stations: &[StationRecord],
    own: &AgencyId,
    destination: &AgencyId,
) -> Vec<AgencyId> {
    let is_new = |it: &&AgencyId| !came.contains(it) && *it != own && *it != destination;
    let besides: BTreeSet<&AgencyId> = told(stations).filter(is_new).collect();
    besides.into_iter().chain(came).chain([own]).cloned().collect()
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
