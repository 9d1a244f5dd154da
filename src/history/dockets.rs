//! Where a request stands at one executing agency: its docket, what is owed, what came of it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, Redirect};
use crate::domain::due::Due;
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::domain::lifecycle::{Course, Docket, Filing, Mark, Redirection, Side, State};
use crate::domain::obligation::StatedDue;
use crate::domain::particulars::Particulars;
use crate::history::dues::{self, OpenDue};
use crate::history::rows::{HistoryError, Rows, Working, after, name_part, request_row};
use crate::history::table::OfRequest;

/// State of a request at one executing agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyRecord {
    /// The executing agency.
    pub agency: AgencyId,
    /// Its desk that the request was addressed to.
    pub desk: ContactPointId,
    /// Where the request stands there, all items together.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// What is owed next, by the service level of the state.
    pub due: Option<OpenDue>,
    /// What is owed besides, whatever the state.
    pub obligations: Vec<OpenDue>,
    /// Times that the last act set for the state that it led to.
    pub stated: Vec<StatedDue>,
    /// Deadlines of which it was noted that they passed unmet, since the beginning.
    pub missed: u64,
    /// A consultation stands in it (UNTOC 18(26)).
    pub consulted: bool,
    /// The flag State confirmed the registry (Protocol 8(2)).
    pub registry_confirmed: bool,
    /// When the authority acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// When the first answer of substance came.
    pub answered_at: Option<Timestamp>,
    /// When it was first executed, refused, withdrawn or closed, and which of these.
    pub concluded: Option<(State, Timestamp)>,
    /// The last outcome that was stated.
    pub outcome: Option<String>,
}

impl PartyRecord {
    /// Everything that is owed, the next first.
    pub fn owed(&self) -> Vec<OpenDue> {
        let mut all: Vec<OpenDue> = self.due.iter().chain(&self.obligations).cloned().collect();
        all.sort_by_key(|it| it.due.at);
        all
    }
}

fn party_key(request: RequestId, agency: &AgencyId) -> Vec<u8> {
    request_row(request, OfRequest::Parties, &[&name_part(agency.as_str())])
}

fn docket_key(request: RequestId, agency: &AgencyId, part: u8) -> Vec<u8> {
    request_row(request, OfRequest::Dockets, &[&name_part(agency.as_str()), &[part]])
}

/// The state at one executing agency.
pub fn party<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    agency: &AgencyId,
) -> Result<Option<PartyRecord>, HistoryError> {
    rows.load(&party_key(request, agency), "party of a request")
}

/// Most executing agencies that one request is shown with.
pub const PARTIES_MAX: usize = 64;

/// All executing agencies of a request, by the hash of their names.
pub fn parties<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Vec<PartyRecord>, HistoryError> {
    let prefix = request_row(request, OfRequest::Parties, &[]);
    let found = rows.rows(&prefix, &after(&prefix), PARTIES_MAX)?;
    found.iter().map(|(_, value)| super::rows::decode(value, "party of a request")).collect()
}

/// Bytes of a docket in one row.
const PART_BYTES: usize = 3_500;
/// Most rows of one docket.
const PARTS_MAX: usize = 64;

/// The docket of a request at one executing agency.
pub fn docket<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    agency: &AgencyId,
) -> Result<Option<Docket>, HistoryError> {
    let found =
        rows.rows(&docket_key(request, agency, 0), &docket_key(request, agency, 255), PARTS_MAX)?;
    if found.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    for (_, part) in &found {
        let part: Vec<u8> = super::rows::decode(part, "docket of a request")?;
        bytes.extend(part);
    }
    super::rows::decode(&bytes, "docket of a request").map(Some)
}

fn save_docket(
    rows: &mut Working<'_>,
    request: RequestId,
    agency: &AgencyId,
    docket: &Docket,
) -> Result<(), HistoryError> {
    let known =
        rows.rows(&docket_key(request, agency, 0), &docket_key(request, agency, 255), PARTS_MAX)?;
    for (key, _) in known {
        rows.remove(key);
    }
    let bytes = super::rows::encode(docket);
    for (part, bytes) in (0_u8..).zip(bytes.chunks(PART_BYTES)) {
        rows.save(docket_key(request, agency, part), &bytes.to_vec());
    }
    Ok(())
}

/// One act as it is put on the docket of a request.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// The request.
    pub request: RequestId,
    /// The executing agency.
    pub agency: &'a AgencyId,
    /// Whose act it is.
    pub side: Side,
    /// What the message says of itself.
    pub particulars: &'a Particulars,
    /// Its number among the messages of that side in the request.
    pub number: u64,
    /// When it was recorded here.
    pub at: Timestamp,
    /// What is owed after it.
    pub owed: Option<&'a Due>,
}

/// Puts an act on the docket. False if it was possible for no item: the message is kept, the state
/// stays.
pub fn put(rows: &mut Working<'_>, act: Put<'_>) -> Result<bool, HistoryError> {
    let Put { request, agency, side, particulars, number, at, .. } = act;
    rows.touch(request, agency);
    let (docket, effective) = match docket(rows, request, agency)? {
        Some(mut docket) => {
            let effective = docket.file(filing(&docket, &act));
            (docket, effective)
        }
        None => match opening(particulars) {
            Some(course) => {
                let items = particulars.bearing.named().cloned().collect();
                (Docket::opened(course, items, number), true)
            }
            None => return Ok(false),
        },
    };
    save_docket(rows, request, agency, &docket)?;
    let known = party(rows, request, agency)?;
    let desk = particulars.to.first().ok_or(HistoryError::Damaged { what: "particulars" })?;
    let mut record = known.clone().unwrap_or_else(|| fresh(agency, desk, &docket, at));
    if effective {
        tell(&mut record, side, particulars, at);
        dues::obliged(&mut record, side, particulars, at);
    }
    settle(&mut record, &docket, at);
    let owed = act.owed;
    save(rows, request, known.as_ref(), record, owed, at)?;
    Ok(effective)
}

/// The course that a message opens, if it opens one.
pub fn opening(particulars: &Particulars) -> Option<Course> {
    if particulars.bearing.handed_on().is_some() {
        return Course::opened(Act::Request);
    }
    if particulars.act == Act::SpontaneousInformation && particulars.bearing.offer {
        return Some(Course::offered());
    }
    Course::opened(particulars.act)
}

/// Who goes on with a request that is redirected where `executing` has it.
pub fn redirection(bearing: &Bearing, executing: &AgencyId) -> Redirection {
    match &bearing.redirect {
        Some(Redirect::PassedOn(_)) => Redirection::PassedOn,
        Some(Redirect::Named(desk)) if desk.agency() == executing => Redirection::Within,
        Some(Redirect::Named(_) | Redirect::HandedOn(_) | Redirect::Noted(_)) | None => {
            Redirection::SentAnew
        }
    }
}

fn filing(docket: &Docket, act: &Put<'_>) -> Filing {
    let Put { agency, side, particulars, number, .. } = *act;
    let place = |item: &crate::domain::bearing::ItemMark| {
        let at = match &item.item {
            Some(name) => docket.items().iter().position(|it| it == name)?,
            None => 0,
        };
        Some(Mark { item: u8::try_from(at).ok()?, act: item.act, seen: item.seen? })
    };
    Filing {
        side,
        number,
        heard: particulars.bearing.heard,
        kind: particulars.kind,
        outcome: particulars.outcome.clone(),
        redirection: redirection(&particulars.bearing, agency),
        marks: particulars.bearing.items.iter().filter_map(place).collect(),
    }
}

fn fresh(agency: &AgencyId, desk: &ContactPointId, docket: &Docket, at: Timestamp) -> PartyRecord {
    PartyRecord {
        agency: agency.clone(),
        desk: desk.clone(),
        state: docket.state(),
        since: at,
        due: None,
        obligations: Vec::new(),
        stated: Vec::new(),
        missed: 0,
        consulted: false,
        registry_confirmed: false,
        acknowledged_at: None,
        answered_at: None,
        concluded: None,
        outcome: None,
    }
}

/// What an act tells for good, besides where it leads.
fn tell(record: &mut PartyRecord, side: Side, particulars: &Particulars, at: Timestamp) {
    record.stated.clone_from(&particulars.bearing.dues);
    record.consulted |= particulars.act == Act::Consultation;
    if side == Side::Requester {
        return;
    }
    let word = particulars.outcome.as_deref();
    record.registry_confirmed |= word == Some("registry_confirmed");
    record.outcome = particulars.outcome.clone().or(record.outcome.take());
    let act = particulars.act;
    if act == Act::AckReceipt {
        record.acknowledged_at.get_or_insert(at);
    } else if !matches!(act, Act::RedirectNotice | Act::TransmittedForExecution) {
        record.answered_at.get_or_insert(at);
    }
}

fn settle(record: &mut PartyRecord, docket: &Docket, at: Timestamp) {
    let state = docket.state();
    if state != record.state {
        record.since = at;
    }
    record.state = state;
    let concludes =
        matches!(state, State::Executed | State::Refused | State::Withdrawn | State::Closed);
    if concludes && record.concluded.is_none() {
        record.concluded = Some((state, at));
    } else if state.is_open() {
        record.concluded = None;
    }
}

fn save(
    rows: &mut Working<'_>,
    request: RequestId,
    known: Option<&PartyRecord>,
    mut record: PartyRecord,
    owed: Option<&Due>,
    at: Timestamp,
) -> Result<(), HistoryError> {
    let kept = record.due.take().filter(|it| Some(&it.due) == owed);
    record.due = kept.or_else(|| owed.map(|due| OpenDue::new(*due, at)));
    let before = known.map(PartyRecord::owed).unwrap_or_default();
    dues::reindex(rows, request, &record.agency, &before, &record.owed())?;
    rows.save(party_key(request, &record.agency), &record);
    Ok(())
}

/// A request that was passed on: opens its docket at the agency that it is on its way to, with the
/// items that it has where it came from. False if that agency has one already: it was asked too, and
/// has the request now, whatever becomes of the message to it. False, and nothing changes, if whoever
/// says that it passed it on was not asked.
pub fn passed_on(
    rows: &mut Working<'_>,
    request: RequestId,
    (wrong, competent): (&AgencyId, &ContactPointId),
    at: Timestamp,
    owed: Option<&Due>,
) -> Result<bool, HistoryError> {
    let agency = competent.agency();
    let (Some(known), Some(opening)) =
        (docket(rows, request, wrong)?, Course::opened(Act::Request))
    else {
        return Ok(false);
    };
    if docket(rows, request, agency)?.is_some() {
        arrived(rows, request, agency, at, owed)?;
        return Ok(false);
    }
    rows.touch(request, agency);
    // The requester itself has sent nothing there: its messages to that agency begin with 1.
    // From now on it is that agency's turn to acknowledge; if it never gets there, the wrong one
    // learns that, and both hear that the acknowledgement is overdue.
    let docket = Docket::opened(opening.delivered(), known.items().to_vec(), 0);
    save_docket(rows, request, agency, &docket)?;
    let record = fresh(agency, competent, &docket, at);
    save(rows, request, None, record, owed, at)?;
    Ok(true)
}

/// Writes a party whose dues stand at other stages.
pub(super) fn save_party(rows: &mut Working<'_>, request: RequestId, record: &PartyRecord) {
    rows.save(party_key(request, &record.agency), record);
}

/// The request has arrived at the executing agency: sent becomes delivered.
pub fn arrived(
    rows: &mut Working<'_>,
    request: RequestId,
    agency: &AgencyId,
    at: Timestamp,
    owed: Option<&Due>,
) -> Result<(), HistoryError> {
    change(rows, request, agency, at, owed, Docket::arrive)
}

/// The message of `side` with this number will never arrive.
pub fn voided(
    rows: &mut Working<'_>,
    request: RequestId,
    agency: &AgencyId,
    void: (Side, u64),
    (at, owed): (Timestamp, Option<&Due>),
) -> Result<(), HistoryError> {
    change(rows, request, agency, at, owed, |docket| docket.void(void.0, void.1))
}

fn change(
    rows: &mut Working<'_>,
    request: RequestId,
    agency: &AgencyId,
    at: Timestamp,
    owed: Option<&Due>,
    change: impl FnOnce(&mut Docket),
) -> Result<(), HistoryError> {
    let (Some(mut docket), Some(known)) =
        (docket(rows, request, agency)?, party(rows, request, agency)?)
    else {
        return Ok(());
    };
    let before = docket.clone();
    change(&mut docket);
    if docket == before {
        return Ok(());
    }
    rows.touch(request, agency);
    save_docket(rows, request, agency, &docket)?;
    let mut record = known.clone();
    settle(&mut record, &docket, at);
    save(rows, request, Some(&known), record, owed, at)
}
