//! How a peer conducts itself, and what of it goes on record.
//!
//! Each handover that is refused for good is an entry, because its sender must be able to show it; and a
//! second copy at its destination is one too. A neighbour that lies could fill the journal with them, so
//! of one peer only so many go on record within [`SPAN_MS`]. Beyond [`ON_RECORD_MAX`] the rest is refused
//! without an entry, and not for good: custody stays with the sender, who asks again later. A peer that
//! lied more than [`LIES_MAX`] times is cut off for as long, by one entry; both operators are shown it. A lie
//! is a handover that an honest node would have refused itself, and an answer that no honest node gives: a
//! receipt for something else, a proof or a cosignature that does not hold, what was not asked for. An
//! answer of that kind ends its session and changes nothing. To a peer that is cut off nothing is offered.
//! What may hold by a newer directory, which this node lacks so far, is no lie ([`Vain::Early`]): it waits with
//! its sender until that directory is here. Who names one for too long without showing it ([`claims`]) is counted
//! like a liar, and what it sends waits all the same: nothing of it is refused for good.
//!
//! What an origin states of messages that were never here (that they are not delivered, that they are to be
//! erased) counts beside its handovers that come to nothing, whoever brings it: the rest is not taken yet, and told
//! again later.
//!
//! What is counted stands beside the journal and is no entry. It is not carried into copies of the store.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::{Fact, Reason};
use crate::domain::ids::AgencyId;
use crate::domain::misconduct::CutOffCause;
use crate::history::rows::{HistoryError, Rows, encode, key, name_part};
use crate::node::claims;
use crate::node::command::Outcome;
use crate::node::commands::Decline;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// What is counted begins anew after this time, and a peer that was cut off is heard again, in
/// milliseconds: ten minutes.
pub const SPAN_MS: i64 = 600_000;
/// Refusals and second copies of one peer that go on record within [`SPAN_MS`].
pub const ON_RECORD_MAX: u32 = 512;
/// Handovers and answers within [`SPAN_MS`] that no honest node makes, before the peer is cut off.
pub const LIES_MAX: u32 = 16;
/// Frames of one session that come to nothing and leave no entry, before the peer is cut off.
pub const FAULTS_OF_SESSION_MAX: u32 = 1_024;

/// What is known of a peer's conduct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conduct {
    since: Timestamp,
    lies: u32,
    on_record: u32,
    cut: Cut,
}

/// Whether a peer is cut off. The first two are written as the yes and no that stood here before the cause
/// did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Cut {
    No,
    Unsaid,
    For(CutOffCause),
}

impl Conduct {
    const fn begun(now: Timestamp) -> Self {
        Self { since: now, lies: 0, on_record: 0, cut: Cut::No }
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

    /// Lies since the count began.
    pub const fn lies(&self) -> u32 {
        self.lies
    }

    /// Until when nothing is taken from the peer; none if it is heard.
    pub fn cut_off_until(&self) -> Option<Timestamp> {
        match self.cut {
            Cut::No => None,
            Cut::Unsaid | Cut::For(_) => Some(self.since.plus_millis(SPAN_MS)),
        }
    }

    /// What it is told if it is cut off.
    fn told(&self) -> Option<Rejection> {
        self.cut_off_until().map(|until| is_cut_off(until, self.cut_off_cause()))
    }

    /// For what it is cut off; none if it is heard, or if that was not noted.
    pub const fn cut_off_cause(&self) -> Option<CutOffCause> {
        match self.cut {
            Cut::No | Cut::Unsaid => None,
            Cut::For(cause) => Some(cause),
        }
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

/// What `peer` is told if it is cut off.
///
/// # Errors
/// `HistoryError` if the record can't be read.
pub fn told<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    now: Timestamp,
) -> Result<Option<Rejection>, HistoryError> {
    Ok(of(rows, peer, now)?.told())
}

/// What a peer does wrong in a session, besides what it hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misconduct {
    /// Frame after frame of it came to nothing.
    Faults,
    /// It gave an answer that no honest node gives.
    Lie,
    /// It sent what may hold by a newer directory, which it names: none while it is believed ([`claims`]).
    Early,
}

/// What was handed over and gives this node nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vain {
    /// An honest node would have found it itself, and not handed it over.
    Lie,
    /// It happens among honest nodes: too late, twice, by a way that is none here.
    Chance,
    /// Who handed it over, or who stated it, names a newer directory than this node has, and that may say
    /// otherwise: it is no lie and no entry, and is asked for again.
    Early,
    /// The same of what is sealed, which whoever handed it over can't see.
    EarlyInside,
}

/// Why a message must not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct No {
    /// What its entry says.
    pub reason: Reason,
    /// What it says of whoever handed the message over.
    pub vain: Vain,
}

/// Whether one more entry about what `peer` handed over in vain goes on record.
///
/// # Errors
/// A rejection if none does: the peer is cut off (by this one, or was before), or has had its share, or it is
/// too early to judge.
pub(super) fn goes_on_record(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    vain: Vain,
) -> Result<(), Decline> {
    let mut conduct = known(turn, peer)?;
    if let Some(told) = conduct.told() {
        return Err(told.into());
    }
    match vain {
        Vain::Lie => conduct.lies = conduct.lies.saturating_add(1),
        Vain::Chance => {}
        Vain::Early => {
            let cut = too_early(turn, peer)?;
            return Err(cut.unwrap_or_else(Rejection::directory_behind).into());
        }
        Vain::EarlyInside => return Err(Rejection::directory_behind().into()),
    }
    if conduct.lies > LIES_MAX {
        return Err(cut(turn, peer, (conduct, CutOffCause::Handovers))?.into());
    }
    if conduct.on_record >= ON_RECORD_MAX {
        let until = conduct.since.plus_millis(SPAN_MS);
        let text = format!(
            "{ON_RECORD_MAX} handovers and words of this agency came to nothing within ten minutes; the \
             next one is answered after {until}"
        );
        return Err(Rejection::new(RejectionReason::TooManyRefusals, text).into());
    }
    conduct.on_record = conduct.on_record.saturating_add(1);
    remember(turn, peer, conduct);
    Ok(())
}

/// Notes misconduct of a peer, and cuts it off once it is enough, unless it is already. A lie in an
/// answer leaves no entry of its own: it changes nothing here.
///
/// # Errors
/// A rejection if the peer is cut off, by this or before.
pub(super) fn note(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    what: Misconduct,
) -> Result<Outcome, Decline> {
    let cut = match what {
        Misconduct::Faults => counted(turn, peer, (true, CutOffCause::Frames))?,
        Misconduct::Lie => counted(turn, peer, (false, CutOffCause::Answers))?,
        Misconduct::Early => too_early(turn, peer)?,
    };
    match cut {
        Some(rejection) => Err(rejection.into()),
        None => Ok(Outcome::Unchanged),
    }
}

/// Counts a proof of growth that no honest node would have brought: no entry speaks of it, and it is answered
/// otherwise.
pub(super) fn lied(turn: &mut Turn<'_>, peer: &AgencyId) -> Result<(), HistoryError> {
    counted(turn, peer, (false, CutOffCause::Checkpoints)).map(drop)
}

/// Counts what a peer needs a newer directory for, once it is not believed any more that there is one.
fn too_early(turn: &mut Turn<'_>, peer: &AgencyId) -> Result<Option<Rejection>, HistoryError> {
    if claims::is_believed(turn.setting, peer) {
        return Ok(None);
    }
    counted(turn, peer, (false, CutOffCause::Directory))
}

/// Counts a lie, or what is enough by itself; gives what a peer is told that is cut off, by this or before.
fn counted(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    (is_enough, cause): (bool, CutOffCause),
) -> Result<Option<Rejection>, HistoryError> {
    let mut conduct = known(turn, peer)?;
    if let Some(told) = conduct.told() {
        return Ok(Some(told));
    }
    conduct.lies = conduct.lies.saturating_add(u32::from(!is_enough));
    if is_enough || conduct.lies > LIES_MAX {
        return cut(turn, peer, (conduct, cause)).map(Some);
    }
    remember(turn, peer, conduct);
    Ok(None)
}

/// Whether `peer` is cut off, also by what came before in the same batch.
pub(super) fn is_cut(turn: &Turn<'_>, peer: &AgencyId) -> Result<bool, HistoryError> {
    Ok(known(turn, peer)?.cut_off_until().is_some())
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

fn cut(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    (before, cause): (Conduct, CutOffCause),
) -> Result<Rejection, HistoryError> {
    let refused = before.on_record;
    let fact = Fact::PeerCutOff { peer: peer.clone(), refused, cause: Some(cause) };
    turn.record(fact, Skeleton::default())?;
    let conduct = Conduct { since: turn.now, cut: Cut::For(cause), ..before };
    remember(turn, peer, conduct);
    tracing::warn!(%peer, %cause, entries = refused, "cut off: what it sends does not hold");
    Ok(is_cut_off(turn.now.plus_millis(SPAN_MS), Some(cause)))
}

/// The no to a peer that is cut off.
fn is_cut_off(until: Timestamp, cause: Option<CutOffCause>) -> Rejection {
    let why = cause.map(|it| format!(" ({})", it.told())).unwrap_or_default();
    let text = format!(
        "too much of what this peer sent did not hold{why}; nothing is taken until {until}"
    );
    Rejection::new(RejectionReason::PeerCutOff, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::rows::decode;

    /// The row as it was before the cause stood in it.
    #[derive(Serialize)]
    struct Before(Timestamp, u32, u32, bool);

    #[test]
    fn a_row_without_a_cause_is_read_as_it_was_meant() {
        let since = Timestamp::from_millis(1_768_099_620_000);
        let read = |cut| {
            let row = encode(&Before(since, 3, 5, cut));
            decode::<Conduct>(&row, "conduct of a peer").expect("it is read")
        };
        assert_eq!(read(false), Conduct { since, lies: 3, on_record: 5, cut: Cut::No });
        assert_eq!(read(true).cut_off_until(), Some(since.plus_millis(SPAN_MS)));
        assert_eq!(read(true).cut_off_cause(), None);
        let now = Conduct { since, lies: 3, on_record: 5, cut: Cut::For(CutOffCause::Frames) };
        let again = decode::<Conduct>(&encode(&now), "conduct of a peer").expect("it is read");
        assert_eq!(again.cut_off_cause(), Some(CutOffCause::Frames));
    }
}
