//! Desks that open requests are with, and that the directory names no more. Reads only.
//!
//! A request stays with its agencies when a desk of theirs goes: nothing of it is lost or decided
//! anew. What is under way to the desk is answered `not_taken`, which comes back to its origin as a
//! message that was not delivered; a new act must name another desk of that agency; and at the agency
//! itself another desk answers. Somebody has to know, so these are looked for and told.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::history::dues::{self, DuePlace};
use crate::history::rows::HistoryError;
use crate::history::{dockets, requests};
use crate::node::setting::Setting;

/// Deadlines that are looked at, at the most: the next ones.
pub const DUES_LOOKED_AT_MAX: usize = 20_000;
/// Deadlines read at a time.
const PAGE: usize = 200;

/// Requests that are open with each desk that is gone; in the order of the desks' addresses.
pub fn with_open_requests(
    setting: &Setting,
) -> Result<BTreeMap<ContactPointId, BTreeSet<RequestId>>, HistoryError> {
    let (rows, directory) = (setting.store.as_ref(), setting.directory());
    let mut found: BTreeMap<ContactPointId, BTreeSet<RequestId>> = BTreeMap::new();
    let mut seen: BTreeSet<(RequestId, AgencyId)> = BTreeSet::new();
    let (mut place, mut looked_at): (Option<DuePlace>, usize) = (None, 0);
    loop {
        let page = dues::by_time(rows, place.as_ref(), PAGE)?;
        looked_at += page.len();
        place = page.last().map(|(place, _)| place.clone());
        // A state that is not final has an obligation of its own; what is owed besides may outlive it.
        let open = page.iter().map(|(_, due)| due).filter(|it| dues::is_of_a_state(it.obligation));
        for due in open {
            if !seen.insert((due.request, due.party.clone())) {
                continue;
            }
            let party = dockets::party(rows, due.request, &due.party)?.map(|it| it.desk);
            let requester = requests::find(rows, due.request)?.map(|it| it.requester);
            for desk in party.into_iter().chain(requester) {
                if directory.contact_point(&desk).is_none() {
                    found.entry(desk).or_default().insert(due.request);
                }
            }
        }
        if page.len() < PAGE || looked_at >= DUES_LOOKED_AT_MAX {
            return Ok(found);
        }
    }
}
