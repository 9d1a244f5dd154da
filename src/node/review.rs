//! When somebody is to look whether content is still needed, by the agency's policy.

use crate::domain::due::{Due, DueSource};
use crate::domain::ids::{AgencyId, RequestId};
use crate::domain::obligation::{DueStage, Obligation};
use crate::history::rows::HistoryError;
use crate::history::{dockets, requests, reviews};
use crate::node::turn::Turn;
use crate::wire::skeleton::{NotedDeadline, Skeleton};

const DAY_MS: i64 = 24 * 3_600_000;

/// What is to be recorded where the agency's policy wants a review of the request earlier than one is
/// owed: a time that a message states goes before, and so does what an officer decided.
///
/// # Errors
/// Rows that can't be read.
pub(super) fn wanted(
    turn: &Turn<'_>,
    request: RequestId,
    party: &AgencyId,
) -> Result<Option<Skeleton>, HistoryError> {
    let rows = &turn.rows;
    let (Some(record), Some(known)) =
        (requests::find(rows, request)?, dockets::party(rows, request, party)?)
    else {
        return Ok(None);
    };
    let Some(days) = turn.setting.policy.review_days.of(&record.kind, &record.label) else {
        return Ok(None);
    };
    let owner = requests::side(&record, &turn.setting.agency);
    let obligation = Obligation::ReviewRetention;
    let at = record.opened_at.plus_millis(i64::from(days).saturating_mul(DAY_MS));
    let stated = known.obligations.iter().map(|it| it.due).any(|it| {
        (it.obligation, it.owner) == (obligation, owner) && it.source != DueSource::Policy
    });
    let before = reviews::find(rows, request, party)?;
    if stated || before.made > 0 || before.set.is_some_and(|set| set <= at) {
        return Ok(None);
    }
    let (party, stage) = (party.clone(), DueStage::Soon);
    let deadline = Some(NotedDeadline { request, party, obligation, owner, stage });
    let owed = Some(Due { obligation, owner, at, source: DueSource::Policy });
    Ok(Some(Skeleton { deadline, owed, ..Skeleton::default() }))
}
