//! What an act would do to its request now, asked before it is sealed and again at the door.

use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, ItemMark};
use crate::domain::draft::Draft;
use crate::domain::due::DueSource;
use crate::domain::ids::{AgencyId, RequestId};
use crate::domain::lifecycle::{Docket, Impossible, Judged, Side, Step};
use crate::domain::obligation::{Obligation, StatedDue};
use crate::history::rows::{HistoryError, Rows};
use crate::history::{dockets, requests};
use crate::node::passing_on;
use crate::node::sealing::Plan;
use crate::node::setting::Setting;

/// Time in which an oral request is confirmed in writing, in milliseconds: the treaty says
/// forthwith (UNTOC 18(14)).
const IN_WRITING_MS: i64 = 24 * 3_600_000;

/// What an act comes to at one executing agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It opens the request.
    Opens,
    /// It does this.
    Possible(Judged),
    /// It is not possible now.
    Impossible(Impossible),
    /// The item at this place of the draft is none of the request.
    NoSuchItem(usize),
    /// Too many acts are out that the other side has not been heard to know.
    Full,
    /// The request is not known here, or not with that agency.
    Unknown,
    /// This agency deals with its requester alone, and that is another one.
    Outsider,
}

/// What `draft` would do to its request at `destination`.
pub fn prospect<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    request: RequestId,
    destination: &AgencyId,
) -> Result<Prospect, HistoryError> {
    if opens(draft.act) {
        return Ok(Prospect::Opens);
    }
    let Some(record) = requests::find(rows, request)? else {
        return Ok(Prospect::Unknown);
    };
    let executing = requests::executing(&record, &setting.agency, destination);
    let Some(docket) = dockets::docket(rows, request, executing)? else {
        return Ok(Prospect::Unknown);
    };
    let side = requests::side(&record, &setting.agency);
    let is_side = match side {
        Side::Requester => true,
        Side::Requested => {
            record.requester.agency() == destination || passing_on::goes_to(draft, destination)
        }
    };
    if !is_side {
        return Ok(Prospect::Outsider);
    }
    if docket.is_full(side) {
        return Ok(Prospect::Full);
    }
    let redirection = dockets::redirection(&draft.bearing, executing);
    let outcome = draft.outcome.as_deref();
    let step = Step { act: draft.act, side, kind: draft.kind, outcome, redirection };
    let mut named = Vec::new();
    for (at, mark) in draft.bearing.items.iter().enumerate() {
        let place = docket.items().iter().position(|it| Some(it) == mark.item.as_ref());
        match place.and_then(|it| u8::try_from(it).ok()) {
            Some(place) => named.push((place, mark.act)),
            None => return Ok(Prospect::NoSuchItem(at)),
        }
    }
    Ok(match docket.judge(step, &named) {
        Ok(judged) => Prospect::Possible(judged),
        Err(impossible) => Prospect::Impossible(impossible),
    })
}

/// Does the act begin a request?
pub const fn opens(act: Act) -> bool {
    matches!(act, Act::Request | Act::SpontaneousInformation)
}

/// The bearing of `draft` as it travels to `destination`: what it does to which items, and what
/// its sender had heard.
pub fn bearing<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    plan: &Plan,
    destination: &AgencyId,
) -> Result<Bearing, HistoryError> {
    let mut bearing = draft.bearing.clone();
    if draft.oral {
        bearing.dues.push(StatedDue {
            obligation: Obligation::ConfirmInWriting,
            at: plan.now.plus_millis(IN_WRITING_MS),
            source: DueSource::TreatyPhrase,
        });
    }
    match prospect(setting, rows, draft, plan.request, destination)? {
        Prospect::Opens => {}
        Prospect::Possible(judged) => {
            let request = requests::find(rows, plan.request)?;
            let executing =
                request.map(|it| requests::executing(&it, &setting.agency, destination).clone());
            let docket = match executing {
                Some(executing) => dockets::docket(rows, plan.request, &executing)?,
                None => None,
            };
            bearing.heard = judged.heard;
            bearing.items = docket.map(|it| marks(&it, &judged)).unwrap_or_default();
        }
        // The door says why; what is sealed ahead has no effect.
        Prospect::Impossible(_)
        | Prospect::NoSuchItem(_)
        | Prospect::Full
        | Prospect::Unknown
        | Prospect::Outsider => bearing.items.clear(),
    }
    Ok(bearing)
}

fn marks(docket: &Docket, judged: &Judged) -> Vec<ItemMark> {
    let name = |place: u8| docket.items().get(usize::from(place)).cloned();
    let marks = judged.marks.iter();
    marks.map(|it| ItemMark { item: name(it.item), act: it.act, seen: Some(it.seen) }).collect()
}
