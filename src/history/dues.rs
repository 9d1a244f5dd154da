//! What is owed and not yet done, found again by the time at which somebody must be told.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::due::Due;
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::domain::lifecycle::Side;
use crate::domain::obligation::{DueStage, Obligation};
use crate::domain::particulars::Particulars;
use crate::history::dockets::{self, PartyRecord};
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, name_part, time_part};
use crate::history::{requests, table};

/// Shortest time before a deadline at which it falls due soon, in milliseconds.
const SOON_MS_MIN: i64 = 10 * 60 * 1000;
/// Longest such time, in milliseconds.
const SOON_MS_MAX: i64 = 24 * 3_600_000;

/// Something owed, and how far its deadline has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDue {
    /// What, by whom, by when, and who says so.
    pub due: Due,
    /// From when on it falls due soon: a quarter of its time before, but ten minutes at the least
    /// and a day at the most.
    pub soon_at: Timestamp,
    /// What was noted of it last.
    pub stage: Option<DueStage>,
}

impl OpenDue {
    /// Owed since `since`.
    pub fn new(due: Due, since: Timestamp) -> Self {
        let lead = due.at.millis_since(since) / 4;
        let soon_at = due.at.plus_millis(-lead.clamp(SOON_MS_MIN, SOON_MS_MAX));
        Self { due, soon_at, stage: None }
    }

    /// When it must be noted next; `None` once it is noted as overdue.
    pub fn next_at(&self) -> Option<Timestamp> {
        match self.stage {
            None => Some(self.soon_at),
            Some(DueStage::Soon) => Some(self.due.at),
            Some(DueStage::Overdue) => None,
        }
    }

    /// The stage that it has reached at `now`, if that is still to be noted.
    pub fn to_note(&self, now: Timestamp) -> Option<DueStage> {
        if now >= self.due.at {
            (self.stage != Some(DueStage::Overdue)).then_some(DueStage::Overdue)
        } else {
            (now >= self.soon_at && self.stage.is_none()).then_some(DueStage::Soon)
        }
    }
}

/// One deadline by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueKey {
    /// The request.
    pub request: RequestId,
    /// The executing agency.
    pub party: AgencyId,
    /// What is owed.
    pub obligation: Obligation,
    /// By which side: both can owe the same, such as to review what the other side gave.
    pub owner: Side,
}

impl DueKey {
    fn is_of(&self, due: &Due) -> bool {
        (due.obligation, due.owner) == (self.obligation, self.owner)
    }
}

fn place(kind: table::Table, at: Timestamp, due: &DueKey) -> Vec<u8> {
    let party = name_part(due.party.as_str());
    let number = Obligation::ALL.iter().zip(0_u8..).find(|(it, _)| **it == due.obligation);
    let number = [number.map_or(0, |(_, n)| n)];
    let owner = [u8::from(due.owner == Side::Requested)];
    key(kind, &[&time_part(at), due.request.as_bytes(), &party, &number, &owner])
}

/// Deadlines in order of time.
const BY_TIME: table::Table = table::DEADLINES;
/// Deadlines in the order in which they must be noted.
const TO_NOTE: table::Table = table::DEADLINES_TO_NOTE;

/// Finds `after` in place of `before`.
pub(super) fn reindex(
    rows: &mut Working<'_>,
    request: RequestId,
    party: &AgencyId,
    before: &[OpenDue],
    after: &[OpenDue],
) -> Result<(), HistoryError> {
    let requester = requests::find(rows, request)?.map(|it| it.requester);
    let side = |due: &OpenDue| match due.due.owner {
        Side::Requester => requester.as_ref().map(ContactPointId::agency),
        Side::Requested => Some(party),
    };
    let erases = |rows: &Working<'_>, due: &OpenDue| {
        let ours = side(due).is_some_and(|agency| rows.is_own(agency));
        ours && due.due.obligation == Obligation::EndRetention
    };
    let named = |due: &OpenDue| {
        let Due { obligation, owner, .. } = due.due;
        DueKey { request, party: party.clone(), obligation, owner }
    };
    for due in before {
        rows.remove(place(BY_TIME, due.due.at, &named(due)));
        if erases(rows, due) {
            rows.remove(place(table::RETENTIONS, due.due.at, &named(due)));
        }
        if let Some(at) = due.next_at() {
            rows.remove(place(TO_NOTE, at, &named(due)));
        }
    }
    for due in after {
        rows.save(place(BY_TIME, due.due.at, &named(due)), &named(due));
        if erases(rows, due) {
            rows.save(place(table::RETENTIONS, due.due.at, &named(due)), &named(due));
        }
        if let Some(at) = due.next_at() {
            rows.save(place(TO_NOTE, at, &named(due)), &named(due));
        }
    }
    Ok(())
}

/// Up to `limit` dues of this agency to erase what it kept, past at `now`, the earliest first.
pub fn retentions<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<DueKey>, HistoryError> {
    let until = key(table::RETENTIONS, &[&time_part(now.plus_millis(1))]);
    let found = rows.rows(&key(table::RETENTIONS, &[]), &until, limit)?;
    found.iter().map(|(_, value)| decode(value, "retention that ends")).collect()
}

/// What was owed is done.
pub(super) fn fulfilled(rows: &mut Working<'_>, due: &DueKey) -> Result<(), HistoryError> {
    let Some(mut party) = dockets::party(rows, due.request, &due.party)? else {
        return Ok(());
    };
    let before = party.owed();
    party.due = party.due.filter(|it| !due.is_of(&it.due));
    party.obligations.retain(|it| !due.is_of(&it.due));
    reindex(rows, due.request, &due.party, &before, &party.owed())?;
    dockets::save_party(rows, due.request, &party);
    Ok(())
}

/// What is owed by that name is this from now on, since then, or nothing.
pub(super) fn replace(
    rows: &mut Working<'_>,
    key: &DueKey,
    owed: Option<(Due, Timestamp)>,
) -> Result<(), HistoryError> {
    let Some(mut party) = dockets::party(rows, key.request, &key.party)? else {
        return Ok(());
    };
    let before = party.owed();
    let stands = |it: &OpenDue| !key.is_of(&it.due) || owed.is_some_and(|(due, _)| due == it.due);
    party.obligations.retain(stands);
    if let Some((due, since)) = owed
        && !party.obligations.iter().any(|it| key.is_of(&it.due))
    {
        party.obligations.push(OpenDue::new(due, since));
    }
    reindex(rows, key.request, &key.party, &before, &party.owed())?;
    dockets::save_party(rows, key.request, &party);
    Ok(())
}

/// Up to `limit` deadlines that must be noted at `now`.
pub fn to_note<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<DueKey>, HistoryError> {
    let until = key(TO_NOTE, &[&time_part(now.plus_millis(1))]);
    let found = rows.rows(&key(TO_NOTE, &[]), &until, limit)?;
    found.iter().map(|(_, value)| decode(value, "deadline to note")).collect()
}

/// Where a page of deadlines ended.
pub type DuePlace = Vec<u8>;

/// Up to `limit` deadlines in order of time, after `from`.
pub fn by_time<R: Rows + ?Sized>(
    rows: &R,
    from: Option<&DuePlace>,
    limit: usize,
) -> Result<Vec<(DuePlace, DueKey)>, HistoryError> {
    let prefix = key(BY_TIME, &[]);
    let first = from.map_or_else(|| prefix.clone(), |it| after(it));
    let found = rows.rows(&first, &after(&prefix), limit)?;
    let read = found.into_iter().map(|(place, value)| Ok((place, decode(&value, "deadline")?)));
    read.collect()
}

/// The deadline as it stands, if it still does.
pub fn find<R: Rows + ?Sized>(rows: &R, due: &DueKey) -> Result<Option<OpenDue>, HistoryError> {
    let party = dockets::party(rows, due.request, &due.party)?;
    Ok(party.and_then(|it| it.owed().into_iter().find(|it| due.is_of(&it.due))))
}

/// A deadline was noted at a stage.
pub(super) fn noted(
    rows: &mut Working<'_>,
    due: &DueKey,
    stage: DueStage,
) -> Result<(), HistoryError> {
    let Some(mut party) = dockets::party(rows, due.request, &due.party)? else {
        return Ok(());
    };
    let before = party.owed();
    let all = party.due.iter_mut().chain(&mut party.obligations);
    for open in all.filter(|it| due.is_of(&it.due)) {
        let passed = stage == DueStage::Overdue && open.stage != Some(DueStage::Overdue);
        party.missed = party.missed.saturating_add(u64::from(passed));
        open.stage = Some(stage);
    }
    reindex(rows, due.request, &due.party, &before, &party.owed())?;
    dockets::save_party(rows, due.request, &party);
    Ok(())
}

/// Is it owed in a state, and ends with it?
pub const fn is_of_a_state(obligation: Obligation) -> bool {
    match obligation {
        Obligation::Acknowledge
        | Obligation::Answer
        | Obligation::Decide
        | Obligation::Execute
        | Obligation::Clarify
        | Obligation::AnswerConditions
        | Obligation::AnswerConsultation
        | Obligation::ReviewPostponement
        | Obligation::ReportMeasure
        | Obligation::Feedback
        | Obligation::SendAnew
        | Obligation::Close => true,
        Obligation::ConfirmInWriting
        | Obligation::ReturnPerson
        | Obligation::NoticeBeforeDisclosure
        | Obligation::SafeConductEnds
        | Obligation::ConfidentialityEnds
        | Obligation::ReviewRetention
        | Obligation::EndRetention
        | Obligation::AnswerErasure => false,
    }
}

/// Who owes what a message of `side` sets a time for.
const fn owner(obligation: Obligation, side: Side) -> Side {
    if matches!(obligation, Obligation::SafeConductEnds | Obligation::ReturnPerson) {
        Side::Requester
    } else if matches!(
        obligation,
        Obligation::ConfirmInWriting | Obligation::NoticeBeforeDisclosure
    ) {
        side
    } else {
        // Whoever holds what the other side gave.
        side.other()
    }
}

/// What an act obliges to besides the state that it leads to, and what it fulfils of that. A time
/// that it sets takes the place of one that the same side owed until now.
pub(super) fn obliged(
    party: &mut PartyRecord,
    side: Side,
    particulars: &Particulars,
    at: Timestamp,
) {
    let in_writing = matches!(particulars.act, Act::Supplement | Act::Amendment);
    let stated = |open: &Due| {
        let mut dues = particulars.bearing.dues.iter().map(|it| it.obligation);
        dues.any(|it| it == open.obligation && owner(it, side) == open.owner)
    };
    party.obligations.retain(|open| {
        let fulfilled = open.due.obligation == Obligation::ConfirmInWriting
            && in_writing
            && side == open.due.owner;
        !fulfilled && !stated(&open.due)
    });
    let besides = particulars.bearing.dues.iter().filter(|it| !is_of_a_state(it.obligation));
    for it in besides {
        let (obligation, source) = (it.obligation, it.source);
        let due = Due { obligation, owner: owner(obligation, side), at: it.at, source };
        party.obligations.push(OpenDue::new(due, at));
    }
}
