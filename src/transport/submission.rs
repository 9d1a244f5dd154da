//! What a call asks to be sent: read, judged by the law and sealed ahead of its turn.

use std::borrow::Cow;
use std::time::Duration;

use tonic::Status;

use crate::domain::digest::Digest;
use crate::domain::draft::Draft;
use crate::domain::header::MessageKey;
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::limits::EXPIRY_MS_MAX;
use crate::domain::violation::Violation;
use crate::entropy;
use crate::history::{known, lost};
use crate::identity::principal::Principal;
use crate::law::{self, Standing, Thread};
use crate::node::attachments::sending;
use crate::node::command::{Call, Submission};
use crate::node::rejection::Rejection;
use crate::node::sealing::{self, Plan, PrepareError, SealedMessage};
use crate::node::setting::Setting;
use crate::node::{handling, standing};
use crate::transport::limits::SEALED_BYTES_PER_SECOND;
use crate::transport::shares::CallTime;
use crate::transport::{caller, status};
use crate::wire;
use crate::wire::pb;

/// A call that sends: was it made before, is it only checked, and how long may it take.
pub(super) struct Calling {
    pub(super) call: Call,
    pub(super) known: bool,
    pub(super) validate_only: bool,
    pub(super) time: CallTime,
}

/// What a call asks for, sealed ahead of its turn; or not sealed, with what prevented it. The door
/// hears of both: what it says comes first.
pub(super) struct Asked {
    pub(super) submission: Submission,
    pub(super) prevented: Option<Rejection>,
    pub(super) findings: Vec<Violation>,
}

/// What a call comes to that sends.
pub(super) fn read_call(
    setting: &Setting,
    (principal, time): (Principal, CallTime),
    mut asked: pb::SendMessageRequest,
) -> Result<Asked, Status> {
    let key = std::mem::take(&mut asked.idempotency_key);
    let validate_only = std::mem::take(&mut asked.validate_only);
    let submitted: Digest = caller::fingerprint(setting, "SendMessage", &asked);
    let call = caller::call(setting, principal, &key, submitted)?;
    let known = is_known(setting, &call)? || was_sent(setting, asked.draft.as_ref())?;
    let calling = Calling { call, known, validate_only, time };
    let mut read = prepared(setting, calling, asked, None)?;
    read.submission.validate_only |= validate_only;
    Ok(read)
}

/// What a call comes to, for a new request or the one that was set apart for it; one that is known is
/// neither judged nor sealed, and one that is only checked needs no attachments.
pub(super) fn prepared(
    setting: &Setting,
    calling: Calling,
    asked: pb::SendMessageRequest,
    apart: Option<RequestId>,
) -> Result<Asked, Status> {
    let Calling { call, known, validate_only, time } = calling;
    let as_submitted = prost::Message::encode_to_vec(&asked);
    let expires_in_ms = life(setting, asked.expires_in_seconds)?;
    let missing = || status::of_field("", "REQUIRED", "the field is required");
    let draft = asked.draft.ok_or_else(missing)?;
    let now = setting.clock.now();
    let caller = call.principal.to_string();
    let (draft, judged) = judged(setting, draft, &caller, known)?;
    let fresh = || RequestId::from(entropy::uuid_v7(setting.entropy.as_ref(), now));
    let request = draft.request.or(apart).unwrap_or_else(fresh);
    let Judged { forbidden, findings } = judged;
    let (messages, prevented) = if known {
        (Vec::new(), None)
    } else {
        let plan = Plan { request, now, expires_in_ms };
        if !validate_only {
            let seconds = sending::bytes_to_seal(setting, &draft) / SEALED_BYTES_PER_SECOND;
            time.lengthen(Duration::from_secs(seconds));
        }
        sealed(setting, &draft, &plan, (!validate_only).then_some(&caller))?
    };
    let validate_only = prevented.is_some();
    let submission = Submission {
        call,
        draft,
        request,
        expires_in_ms,
        messages,
        forbidden,
        validate_only,
        as_submitted,
    };
    Ok(Asked { submission, prevented, findings })
}

/// What the law finds about a draft that it does not stop.
struct Judged {
    /// What its handling forbids: the door refuses it and puts the refusal on record.
    forbidden: Vec<Violation>,
    /// Warnings and notes.
    findings: Vec<Violation>,
}

/// The draft, judged by every rule at once; a call that was accepted before is not judged again.
fn judged(
    setting: &Setting,
    draft: pb::Draft,
    holder: &str,
    known: bool,
) -> Result<(Draft, Judged), Status> {
    let broken = |error| status::of_history(&error);
    let rows = setting.store.as_ref();
    let shape = wire::draft::read(draft.clone());
    let thread = match &shape {
        // What the door refuses whatever the message says comes first: whoever may not know of a
        // request learns nothing of it from the rules.
        Ok(shape)
            if known || standing::is_barred(setting, rows, shape, holder).map_err(broken)? =>
        {
            let nothing = Judged { forbidden: Vec::new(), findings: Vec::new() };
            return Ok((shape.clone(), nothing));
        }
        Ok(shape) => standing::thread(setting, rows, shape, holder).map_err(broken)?,
        Err(_) => Thread::default(),
    };
    let followed = setting.directory();
    let (directory, parties) = (Some(followed.as_ref()), setting.parties.as_ref());
    let standing = Standing { directory, parties, now: setting.clock.now(), thread };
    let found = law::check(&draft, &standing);
    let addressed = law::competence::addressed(&draft, &standing);
    let (rejects, findings): (Vec<_>, Vec<_>) = found.into_iter().partition(Violation::rejects);
    let handling = rejects.iter().any(|it| it.rule == handling::ORIGINATOR);
    // What is sent says the label that it takes over, and the contact point that is competent.
    let competence = shape.as_ref().ok().and_then(|it| it.competence);
    let shape = match law::label::join(&addressed, &standing.thread) {
        Cow::Owned(said) => wire::draft::read(said),
        Cow::Borrowed(_) if competence.is_none() => shape,
        Cow::Borrowed(said) => wire::draft::read(said.clone()),
    };
    match shape.map(|it| Draft { competence, ..it }) {
        Ok(shape) if rejects.is_empty() || (handling && !shape.to.is_empty()) => {
            Ok((shape, Judged { forbidden: rejects, findings }))
        }
        Ok(_) => Err(status::of_violations(rejects)),
        Err(faults) if rejects.is_empty() => Err(status::of_violations(faults)),
        Err(_) => Err(status::of_violations(rejects)),
    }
}

fn life(setting: &Setting, seconds: u32) -> Result<i64, Status> {
    let millis = i64::from(seconds).saturating_mul(1000);
    match millis {
        0 => Ok(setting.policy.expiry_default_ms),
        millis if millis <= EXPIRY_MS_MAX => Ok(millis),
        _ => {
            let text = format!("a message lives for at most {} seconds", EXPIRY_MS_MAX / 1000);
            Err(status::of_field("/expires_in_seconds", "LIMIT_EXCEEDED", text))
        }
    }
}

/// True for a call that was accepted before: the door has its answer, nothing needs sealing.
fn is_known(setting: &Setting, call: &Call) -> Result<bool, Status> {
    let rows = setting.store.as_ref();
    let known = known::call(rows, &call.principal.to_string(), &call.key);
    Ok(known.map_err(|error| status::of_history(&error))?.is_some())
}

/// True for a message that this agency has sent: the door says so, whatever the law says of it now.
fn was_sent(setting: &Setting, draft: Option<&pb::Draft>) -> Result<bool, Status> {
    let message: Option<MessageId> = draft.and_then(|it| it.message_id.as_ref()?.parse().ok());
    let Some(message) = message else {
        return Ok(false);
    };
    let key = MessageKey::new(&setting.agency, message);
    lost::was_sent(setting.store.as_ref(), key).map_err(|error| status::of_history(&error))
}

fn sealed(
    setting: &Setting,
    draft: &Draft,
    plan: &Plan,
    caller: Option<&String>,
) -> Result<(Vec<SealedMessage>, Option<Rejection>), Status> {
    // What is only checked needs no attachments.
    let attached = caller.map(|it| sending::prepare(setting, draft, it)).transpose();
    let messages = attached
        .and_then(|it| sealing::prepare_with(setting, draft, plan, &it.unwrap_or_default()));
    match messages {
        Ok(messages) => Ok((messages, None)),
        Err(PrepareError::Rejected(rejection)) => Ok((Vec::new(), Some(rejection))),
        Err(error @ PrepareError::History(_)) => Err(status::of_prepare(error)),
    }
}
