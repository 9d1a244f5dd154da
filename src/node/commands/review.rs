//! Record that somebody looked whether the content of a request is still needed.

use crate::clock::Timestamp;
use crate::domain::due::{Due, DueSource};
use crate::domain::fact::Fact;
use crate::domain::ids::{AgencyId, RequestId};
use crate::domain::lifecycle::Side;
use crate::domain::obligation::{DueStage, Obligation};
use crate::domain::retention::REVIEW_DAYS_MAX;
use crate::history::rows::HistoryError;
use crate::history::{dockets, message, requests};
use crate::identity::desks::Keeping;
use crate::identity::permission::Verb;
use crate::node::command::{Call, Outcome};
use crate::node::commands::{Decline, admitted};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::node::{desks, sight};
use crate::wire::skeleton::{NotedDeadline, Skeleton};

const DAY_MS: i64 = 24 * 3_600_000;
const OBLIGATION: Obligation = Obligation::ReviewRetention;
/// Messages looked at in one step.
const STEP: usize = 256;

/// Decides: by somebody who has sight of a request of which a review is owed here. It is needed until
/// a time, and is looked at again then; or nothing of it is left.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    request: RequestId,
    keep_until: Option<Timestamp>,
) -> Result<Outcome, Decline> {
    let caller = call.principal.to_string();
    if let Some(position) = admitted(turn, call, Verb::ReviewContent)? {
        return Ok(Outcome::Done(position));
    }
    let record = requests::find(&turn.rows, request)?.ok_or_else(Rejection::not_found)?;
    if !sight::has(turn.setting, &turn.rows, request, &caller)? {
        return Err(Rejection::not_found().into());
    }
    desks::demand_keeping(turn.setting, &call.principal, Keeping::Erase)?;
    let owner = requests::side(&record, &turn.setting.agency);
    let owed = owing(turn, request, owner)?;
    possible(turn, (request, owed.is_empty()), keep_until)?;
    let mut first = None;
    for party in owed {
        let stage = DueStage::Overdue;
        let deadline = NotedDeadline { request, party, obligation: OBLIGATION, owner, stage };
        let source = DueSource::Policy;
        let skeleton = Skeleton {
            principal: Some(caller.clone()),
            call: first.is_none().then(|| (call.key.clone(), call.fingerprint)),
            deadline: Some(deadline),
            owed: keep_until.map(|at| Due { obligation: OBLIGATION, owner, at, source }),
            ..Skeleton::default()
        };
        let position = turn.record(Fact::RetentionReviewed, skeleton)?;
        first.get_or_insert(position);
    }
    Ok(first.map_or(Outcome::Unchanged, Outcome::Done))
}

/// The executing agencies between which and this one a review is owed here.
fn owing(turn: &Turn<'_>, request: RequestId, owner: Side) -> Result<Vec<AgencyId>, HistoryError> {
    let parties = dockets::parties(&turn.rows, request)?.into_iter();
    let owes = parties.filter(|party| {
        let mut dues = party.obligations.iter().map(|it| &it.due);
        dues.any(|it| (it.obligation, it.owner) == (OBLIGATION, owner))
    });
    Ok(owes.map(|it| it.agency).collect())
}

fn possible(
    turn: &Turn<'_>,
    (request, owes_none): (RequestId, bool),
    keep_until: Option<Timestamp>,
) -> Result<(), Decline> {
    let forbids = |text: &str| Decline::from(Rejection::new(RejectionReason::StateForbids, text));
    if owes_none {
        return Err(forbids("no review of this request is owed here"));
    }
    let latest = turn.now.plus_millis(i64::from(REVIEW_DAYS_MAX) * DAY_MS);
    match keep_until {
        Some(at) if at <= turn.now => Err(forbids("the time until which it is kept has passed")),
        Some(at) if at > latest => {
            Err(forbids("it is kept too long without a review: at most five years"))
        }
        Some(_) => Ok(()),
        None if is_erased(turn, request)? => Ok(()),
        None => Err(forbids("content of the request is still here; erase it, or say until when")),
    }
}

fn is_erased(turn: &Turn<'_>, request: RequestId) -> Result<bool, HistoryError> {
    let mut from = 0;
    loop {
        let page = requests::messages(&turn.rows, request, from, STEP)?;
        for key in &page {
            if message::find(&turn.rows, *key)?.is_some_and(|it| it.erased.is_none()) {
                return Ok(false);
            }
        }
        if page.len() < STEP {
            return Ok(true);
        }
        from = from.saturating_add(u32::try_from(STEP).unwrap_or(u32::MAX));
    }
}
