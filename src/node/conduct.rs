//! How a peer conducts itself, and what of it goes on record.
//!
//! Each handover that is refused for good is an entry, because its sender must be able to show it; and a
//! second copy at its destination is one too. A neighbour that lies could fill the journal with them, so
//! of one peer only so many go on record within [`SPAN_MS`]. Beyond [`ON_RECORD_MAX`] the rest is refused
//! without an entry, and not for good: custody stays with the sender, who asks again later. A peer that
//! handed over more than [`LIES_MAX`] times what an honest node would have refused itself is cut off for as
//! long, by one entry; both operators are shown it.
//!
//! What is counted stands beside the journal and is no entry. It is not carried into copies of the store.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::Fact;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, Rows, encode, key, name_part};
use crate::node::commands::Decline;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// What is counted begins anew after this time, and a peer that was cut off is heard again, in
/// milliseconds: ten minutes.
pub const SPAN_MS: i64 = 600_000;
/// Refusals and second copies of one peer that go on record within [`SPAN_MS`].
pub const ON_RECORD_MAX: u32 = 512;
/// Handovers within [`SPAN_MS`] that no honest node makes, before the peer is cut off: a directory that one
/// side lacks makes a few of an honest one.
pub const LIES_MAX: u32 = 16;
/// Frames of one session that come to nothing and leave no entry, before the peer is cut off.
pub const FAULTS_OF_SESSION_MAX: u32 = 1_024;

/// What is known of a peer's conduct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conduct {
    since: Timestamp,
    lies: u32,
    on_record: u32,
    cut_off: bool,
}

impl Conduct {
    const fn begun(now: Timestamp) -> Self {
        Self { since: now, lies: 0, on_record: 0, cut_off: false }
    }

    /// The same at a later time. A clock that was put back begins anew.
    fn at(self, now: Timestamp) -> Self {
        let is_over = !(0..SPAN_MS).contains(&now.millis_since(self.since));
        if is_over { Self::begun(now) } else { self }
    }

    /// Refusals and second copies that went on record since the count began.
    pub const fn on_record(&self) -> u32 {
        self.on_record
    }

    /// Until when nothing is taken from the peer; none if it is heard.
    pub fn cut_off_until(&self) -> Option<Timestamp> {
        self.cut_off.then(|| self.since.plus_millis(SPAN_MS))
    }
}

fn conduct_key(peer: &AgencyId) -> Vec<u8> {
    key(b"lp", &[&name_part(peer.as_str())])
}

/// What is known of the conduct of `peer` now.
///
/// # Errors
/// `HistoryError` if the record can't be read.
pub fn of<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    now: Timestamp,
) -> Result<Conduct, HistoryError> {
    let known: Option<Conduct> = rows.load(&conduct_key(peer), "conduct of a peer")?;
    Ok(known.unwrap_or(Conduct::begun(now)).at(now))
}

/// Until when nothing is taken from `peer`; none if it is heard.
///
/// # Errors
/// `HistoryError` if the record can't be read.
pub fn cut_off<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    now: Timestamp,
) -> Result<Option<Timestamp>, HistoryError> {
    Ok(of(rows, peer, now)?.cut_off_until())
}

/// What was handed over and comes to an entry that gives this node nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vain {
    /// An honest node would not have made it.
    Lie,
    /// It happens among honest nodes: too late, twice, by a way that is none here.
    Chance,
}

/// Whether one more entry about what `peer` handed over in vain goes on record.
///
/// # Errors
/// A rejection if none does: the peer is cut off (by this one, or was before), or has had its share.
pub(super) fn goes_on_record(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    vain: Vain,
) -> Result<(), Decline> {
    let mut conduct = known(turn, peer)?;
    if let Some(until) = conduct.cut_off_until() {
        return Err(is_cut_off(until).into());
    }
    if vain == Vain::Lie {
        conduct.lies = conduct.lies.saturating_add(1);
    }
    if conduct.lies > LIES_MAX {
        return Err(cut(turn, peer, conduct)?.into());
    }
    if conduct.on_record >= ON_RECORD_MAX {
        let until = conduct.since.plus_millis(SPAN_MS);
        let text = format!(
            "{ON_RECORD_MAX} handovers of this peer came to nothing within ten minutes; the next one is \
             answered after {until}"
        );
        return Err(Rejection::new(RejectionReason::TooManyRefusals, text).into());
    }
    conduct.on_record = conduct.on_record.saturating_add(1);
    remember(turn, peer, conduct);
    Ok(())
}

/// Counts what no honest node would have said and no entry speaks of. A peer that does so again and again is
/// cut off.
pub(super) fn lied(turn: &mut Turn<'_>, peer: &AgencyId) -> Result<(), HistoryError> {
    let mut conduct = known(turn, peer)?;
    if conduct.cut_off_until().is_some() {
        return Ok(());
    }
    conduct.lies = conduct.lies.saturating_add(1);
    if conduct.lies > LIES_MAX {
        cut(turn, peer, conduct)?;
    } else {
        remember(turn, peer, conduct);
    }
    Ok(())
}

/// Cuts a peer off that keeps sending what comes to nothing, unless it is already.
pub(super) fn cut_for_faults(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
) -> Result<Rejection, HistoryError> {
    let conduct = known(turn, peer)?;
    match conduct.cut_off_until() {
        Some(until) => Ok(is_cut_off(until)),
        None => cut(turn, peer, conduct),
    }
}

fn known(turn: &Turn<'_>, peer: &AgencyId) -> Result<Conduct, HistoryError> {
    match turn.conduct.get(peer) {
        Some(conduct) => Ok(conduct.at(turn.now)),
        None => of(turn.setting.store.as_ref(), peer, turn.now),
    }
}

fn remember(turn: &mut Turn<'_>, peer: &AgencyId, conduct: Conduct) {
    turn.beside.put(conduct_key(peer), encode(&conduct));
    turn.conduct.insert(peer.clone(), conduct);
}

fn cut(turn: &mut Turn<'_>, peer: &AgencyId, before: Conduct) -> Result<Rejection, HistoryError> {
    let fact = Fact::PeerCutOff { peer: peer.clone(), refused: before.on_record };
    turn.record(fact, Skeleton::default())?;
    let conduct = Conduct { since: turn.now, cut_off: true, ..before };
    remember(turn, peer, conduct);
    tracing::warn!(%peer, entries = before.on_record, "cut off: what it sends does not hold");
    Ok(is_cut_off(turn.now.plus_millis(SPAN_MS)))
}

/// The no to a peer that is cut off.
pub fn is_cut_off(until: Timestamp) -> Rejection {
    let text =
        format!("too much of what this peer sent did not hold; nothing is taken until {until}");
    Rejection::new(RejectionReason::PeerCutOff, text)
}
