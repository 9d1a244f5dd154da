//! Reviews of content: when somebody is to look whether it is still needed, and whether one did.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::due::Due;
use crate::domain::ids::{AgencyId, RequestId};
use crate::history::dues::{self, DueKey};
use crate::history::rows::{HistoryError, Rows, Working, key, name_part};
use crate::history::table;

/// What is known of the reviews of a request, between this agency and one other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviews {
    /// When the agency's policy wants the first one; none where it wants none.
    pub set: Option<Timestamp>,
    /// How often somebody looked.
    pub made: u32,
}

fn reviews_key(request: RequestId, party: &AgencyId) -> Vec<u8> {
    key(table::REVIEWS, &[request.as_bytes(), &name_part(party.as_str())])
}

/// What is known; nothing before the first is set.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    party: &AgencyId,
) -> Result<Reviews, HistoryError> {
    let found = rows.load(&reviews_key(request, party), "reviews of a request")?;
    Ok(found.unwrap_or_default())
}

/// The agency's policy wants one then.
pub(super) fn set(
    rows: &mut Working<'_>,
    due: &DueKey,
    owed: Due,
    since: Timestamp,
) -> Result<(), HistoryError> {
    let mut known = find(rows, due.request, &due.party)?;
    known.set = Some(owed.at);
    rows.save(reviews_key(due.request, &due.party), &known);
    dues::replace(rows, due, Some((owed, since)))
}

/// Somebody looked: the next one is owed then, or none.
pub(super) fn made(
    rows: &mut Working<'_>,
    due: &DueKey,
    next: Option<(Due, Timestamp)>,
) -> Result<(), HistoryError> {
    let mut known = find(rows, due.request, &due.party)?;
    known.made = known.made.saturating_add(1);
    rows.save(reviews_key(due.request, &due.party), &known);
    dues::replace(rows, due, next)
}
