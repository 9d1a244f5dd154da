//! Drafts that wait for a second pair of eyes: made instead of sent, approved by somebody else, taken or
//! sent back, or ended by their time.

use crate::domain::digest::Digest;
use crate::domain::drafting::DraftFact;
use crate::domain::fact::Fact;
use crate::domain::ids::MessageId;
use crate::entropy;
use crate::history::drafts::{self, DraftRecord, DraftState};
use crate::history::rows::HistoryError;
use crate::identity::desks::Right;
use crate::identity::permission::Verb;
use crate::node::command::{Call, DraftAct, Outcome, Submission};
use crate::node::commands::{Decline, admitted, submit};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::node::{desks, waiting};
use crate::wire;
use crate::wire::drafting::Drafted;
use crate::wire::skeleton::Skeleton;

/// Keeps what was to be sent, sealed, until somebody else has looked at it.
pub(super) fn make(
    turn: &mut Turn<'_>,
    submission: &Submission,
    within_ms: i64,
) -> Result<Outcome, Decline> {
    let Submission { call, draft, request, as_submitted, .. } = submission;
    let id = MessageId::from(entropy::uuid_v7(turn.setting.entropy.as_ref(), turn.now));
    waiting::put(turn, id, as_submitted)?;
    let fingerprint = call.fingerprint;
    let until = turn.now.plus_millis(within_ms);
    let skeleton = Skeleton {
        contact_point: Some(draft.from.clone()),
        drafted: Some(Drafted { request: *request, kind: draft.kind, act: draft.act }),
        ..by(call)
    };
    turn.record(Fact::Draft(DraftFact::Made { draft: id, fingerprint, until }), skeleton)?;
    Ok(Outcome::Drafted(id))
}

/// The draft that the entry at `position` made, if it made one.
pub(super) fn made_by(
    turn: &Turn<'_>,
    position: u64,
) -> Result<Option<(MessageId, DraftRecord)>, HistoryError> {
    let damaged = || HistoryError::Damaged { what: "entry of a known call" };
    let bytes = turn.entry_bytes(position)?.pop().ok_or_else(damaged)?;
    let entry = wire::entry::read(&bytes).map_err(|_| damaged())?;
    let Fact::Draft(DraftFact::Made { draft, .. }) = entry.fact else {
        return Ok(None);
    };
    let record = drafts::find(&turn.rows, draft)?.ok_or_else(damaged)?;
    Ok(Some((draft, record)))
}

/// Decides an act: permitted, on a draft that the caller may know of.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    draft: MessageId,
    act: DraftAct,
) -> Result<Outcome, Decline> {
    let verb = match act {
        DraftAct::Show => Verb::GetDraft,
        DraftAct::Approve { .. } => Verb::ApproveDraft,
        DraftAct::Withdraw => Verb::WithdrawDraft,
    };
    let before = admitted(turn, call, verb)?;
    let record = drafts::find(&turn.rows, draft)?.ok_or_else(Rejection::not_found)?;
    if !desks::sees_draft(turn.setting, &turn.rows, &record, &call.principal)? {
        return Err(Rejection::not_found().into());
    }
    match act {
        DraftAct::Show => show(turn, call, draft, &record),
        DraftAct::Withdraw if before.is_some() => {
            Ok(before.map_or(Outcome::Unchanged, Outcome::Done))
        }
        DraftAct::Withdraw => withdraw(turn, call, draft, &record),
        DraftAct::Approve { fingerprint, submission } => {
            approve(turn, call, (draft, &record), (fingerprint, submission.as_deref()))
        }
    }
}

fn show(
    turn: &mut Turn<'_>,
    call: &Call,
    draft: MessageId,
    record: &DraftRecord,
) -> Result<Outcome, Decline> {
    if record.state != DraftState::Waiting {
        return Ok(Outcome::Unchanged);
    }
    let skeleton = Skeleton { principal: Some(call.principal.to_string()), ..Skeleton::default() };
    Ok(Outcome::Done(turn.record(Fact::Draft(DraftFact::Shown { draft }), skeleton)?))
}

fn withdraw(
    turn: &mut Turn<'_>,
    call: &Call,
    draft: MessageId,
    record: &DraftRecord,
) -> Result<Outcome, Decline> {
    if record.state != DraftState::Waiting {
        return Err(ended(record.state).into());
    }
    let position = turn.record(Fact::Draft(DraftFact::Withdrawn { draft }), by(call))?;
    waiting::erase(turn, draft)?;
    Ok(Outcome::Done(position))
}

/// By somebody else than the drafter, who may release at the desk, of exactly what was drafted. Approved
/// again by the same officer, it is the same approval.
fn approve(
    turn: &mut Turn<'_>,
    call: &Call,
    (draft, record): (MessageId, &DraftRecord),
    (fingerprint, submission): (Digest, Option<&Submission>),
) -> Result<Outcome, Decline> {
    let approver = call.principal.to_string();
    if record.drafter == approver {
        let text = "nobody approves an own draft";
        return Err(Rejection::new(RejectionReason::OwnDraft, text).into());
    }
    desks::demand(turn.setting, &call.principal, Right::Release, &record.desk)?;
    if fingerprint != record.fingerprint {
        let text = "this is not the fingerprint of the draft";
        return Err(Rejection::new(RejectionReason::DraftDiffers, text).into());
    }
    let by_caller = record.end.as_ref().is_some_and(|it| it.by.as_deref() == Some(&approver));
    match record.state {
        DraftState::Approved if by_caller => {
            return Ok(Outcome::Submitted(submit::resubmitted_all(turn, &record.became)?, true));
        }
        DraftState::Waiting if turn.now >= record.until => {
            return Err(ended(DraftState::Expired).into());
        }
        DraftState::Waiting => {}
        state @ (DraftState::Approved | DraftState::Withdrawn | DraftState::Expired) => {
            return Err(ended(state).into());
        }
    }
    let is_it = |it: &&Submission| {
        let drafted = &it.call;
        drafted.principal.to_string() == record.drafter
            && drafted.key == record.call
            && drafted.fingerprint == record.fingerprint
            && it.request == record.request
    };
    let Some(submission) = submission.filter(is_it) else {
        let text = "what is to be sent is not what was drafted";
        return Err(Rejection::new(RejectionReason::DraftDiffers, text).into());
    };
    let messages = submit::judged(turn, submission)?;
    turn.record(Fact::Draft(DraftFact::Approved { draft, fingerprint }), by(call))?;
    let submitted = submit::sent(turn, submission, messages, Some(draft))?;
    waiting::erase(turn, draft)?;
    Ok(Outcome::Submitted(submitted, false))
}

/// Ends a draft that nobody approved in its time.
pub(super) fn expire(turn: &mut Turn<'_>, draft: MessageId) -> Result<Outcome, HistoryError> {
    let record = drafts::find(&turn.rows, draft)?;
    let due = record.is_some_and(|it| it.state == DraftState::Waiting && turn.now >= it.until);
    if !due {
        return Ok(Outcome::Unchanged);
    }
    let fact = Fact::Draft(DraftFact::Expired { draft });
    let position = turn.record(fact, Skeleton::default())?;
    waiting::erase(turn, draft)?;
    Ok(Outcome::Done(position))
}

fn by(call: &Call) -> Skeleton {
    Skeleton {
        principal: Some(call.principal.to_string()),
        call: Some((call.key.clone(), call.fingerprint)),
        ..Skeleton::default()
    }
}

fn ended(state: DraftState) -> Rejection {
    let text = format!("the draft waits no longer: it is {}", state.as_str());
    Rejection::new(RejectionReason::StateForbids, text).with("state", state.as_str())
}
