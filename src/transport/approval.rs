//! For officers: what waits for a second pair of eyes. Converts, calls, converts.

use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::domain::digest::Digest;
use crate::domain::ids::MessageId;
use crate::history::drafts::{self, DraftRecord, DraftState};
use crate::identity::desks::Right;
use crate::identity::permission::Verb;
use crate::identity::principal::Principal;
use crate::node::command::{Call, Command, DraftAct, Outcome, Submission};
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::node::{desks, proofs, waiting};
use crate::transport::caller::Admitted;
use crate::transport::exchange;
use crate::transport::limits::INBOX_SCAN_MAX;
use crate::transport::shares::CallTime;
use crate::transport::submission::{self, Asked, Calling};
use crate::transport::{caller, pages, status, views};
use crate::wire::pb;
use crate::wire::pb::approval_service_server::ApprovalService;

/// Shows what waits and lets it be sent.
#[derive(Clone)]
pub struct Approval {
    writer: Writer,
}

impl Approval {
    /// Over the node behind `writer`.
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    async fn act(&self, call: Call, draft: MessageId, act: DraftAct) -> Result<Outcome, Status> {
        let decided = self.writer.ask(Command::Draft { call, draft, act }).await;
        decided.map_err(status::of_rejection)
    }

    async fn receipt(&self, position: u64) -> Result<Option<pb::Statement>, Status> {
        let receipt = views::read(&self.writer, move |setting| {
            proofs::statement(setting, position).map_err(|error| status::of_history(&error))
        });
        Ok(Some(views::statement(receipt.await?)))
    }
}

#[tonic::async_trait]
impl ApprovalService for Approval {
    async fn list_drafts(
        &self,
        request: Request<pb::ListDraftsRequest>,
    ) -> Result<Response<pb::ListDraftsResponse>, Status> {
        let caller = caller::caller(&request, self.writer.setting(), Verb::ListDrafts)?;
        let asked = request.into_inner();
        let answer = views::read(&self.writer, move |setting| listed(setting, &caller, &asked));
        Ok(Response::new(answer.await?))
    }

    async fn get_draft(
        &self,
        request: Request<pb::GetDraftRequest>,
    ) -> Result<Response<pb::GetDraftResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::GetDraft)?;
        let asked = request.into_inner();
        let draft = id(&asked.draft_id)?;
        let submitted = caller::fingerprint(setting, "GetDraft", &asked);
        let by = principal.clone();
        // Opened first: what can't be opened is not recorded as shown.
        let opened = views::read(&self.writer, move |setting| {
            let record = known(setting, draft, &by)?;
            let waits = record.state == DraftState::Waiting;
            waits.then(|| written(setting, draft, &record)).transpose()
        });
        let opened = opened.await?;
        let call = caller::unnamed_call(setting, principal, submitted);
        let outcome = self.act(call, draft, DraftAct::Show).await?;
        let shown = opened.filter(|_| matches!(outcome, Outcome::Done(_))).unwrap_or_default();
        let summary = views::read(&self.writer, move |setting| summary_of(setting, draft)).await?;
        Ok(Response::new(pb::GetDraftResponse {
            draft: Some(summary),
            content: shown.draft,
            expires_in_seconds: shown.expires_in_seconds,
        }))
    }

    async fn approve_draft(
        &self,
        request: Request<pb::ApproveDraftRequest>,
    ) -> Result<Response<pb::ApproveDraftResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ApproveDraft)?;
        let time = Admitted::of(&request, Verb::ApproveDraft)?.time;
        let asked = request.into_inner();
        let draft = id(&asked.draft_id)?;
        let fingerprint = fingerprint(&asked.fingerprint)?;
        let submitted = caller::fingerprint(setting, "ApproveDraft", &asked);
        let call = caller::call(setting, principal.clone(), &asked.idempotency_key, submitted)?;
        let read =
            views::read(&self.writer, move |setting| drafted(setting, draft, &principal, time));
        let (submission, findings) = match read.await? {
            Some(Asked { prevented: Some(no), .. }) => return Err(status::of_rejection(no)),
            Some(Asked { submission, findings, .. }) => (Some(Box::new(submission)), findings),
            None => (None, Vec::new()),
        };
        let outcome = self.act(call, draft, DraftAct::Approve { fingerprint, submission }).await?;
        let Outcome::Submitted(messages, repeated) = outcome else {
            return Err(status::of_failure(&"an approval came to something else"));
        };
        let answer = views::read(&self.writer, move |setting| {
            let record = found(setting, draft)?;
            let channel = record.kind.channel;
            let mut sent = exchange::answer(setting, messages, channel, repeated)?;
            sent.draft = Some(summary(draft, &record));
            Ok((sent, record.end.map(|it| it.position)))
        });
        let (mut sent, end) = answer.await?;
        sent.findings = findings.iter().map(views::finding).collect();
        let receipt = match end {
            Some(position) => self.receipt(position).await?,
            None => None,
        };
        Ok(Response::new(pb::ApproveDraftResponse { sent: Some(sent), receipt }))
    }

    async fn withdraw_draft(
        &self,
        request: Request<pb::WithdrawDraftRequest>,
    ) -> Result<Response<pb::WithdrawDraftResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::WithdrawDraft)?;
        let asked = request.into_inner();
        let draft = id(&asked.draft_id)?;
        let submitted = caller::fingerprint(setting, "WithdrawDraft", &asked);
        let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
        let Outcome::Done(position) = self.act(call, draft, DraftAct::Withdraw).await? else {
            return Err(status::of_failure(&"a withdrawal came to something else"));
        };
        let receipt = self.receipt(position).await?;
        Ok(Response::new(pb::WithdrawDraftResponse { receipt }))
    }
}

fn id(text: &str) -> Result<MessageId, Status> {
    caller::name("/draft_id", text)
}

fn fingerprint(text: &str) -> Result<Digest, Status> {
    let bytes = hex::decode(text).ok().and_then(|it| Digest::from_slice(&it));
    let problem = "it is the fingerprint of a draft: 64 hexadecimal digits";
    bytes.ok_or_else(|| status::of_field("/fingerprint", "MALFORMED", problem))
}

fn found(setting: &Setting, draft: MessageId) -> Result<DraftRecord, Status> {
    let record = drafts::find(setting.store.as_ref(), draft);
    record.map_err(|error| status::of_history(&error))?.ok_or_else(status::not_found)
}

/// A draft that the caller may know of.
fn known(setting: &Setting, draft: MessageId, caller: &Principal) -> Result<DraftRecord, Status> {
    let record = found(setting, draft)?;
    let seen = desks::sees_draft(setting, setting.store.as_ref(), &record, caller);
    if seen.map_err(|error| status::of_history(&error))? {
        Ok(record)
    } else {
        Err(status::not_found())
    }
}

/// What a draft says: the call as it was submitted. Another one than was drafted is none.
fn written(
    setting: &Setting,
    draft: MessageId,
    record: &DraftRecord,
) -> Result<pb::SendMessageRequest, Status> {
    let bytes = waiting::open(setting, draft).map_err(|error| status::of_content(&error))?;
    let asked = pb::SendMessageRequest::decode(bytes.as_slice());
    let asked = asked.map_err(|_| status::unreadable())?;
    if caller::fingerprint(setting, "SendMessage", &asked) != record.fingerprint {
        return Err(status::unreadable());
    }
    Ok(asked)
}

/// What a draft becomes once it is approved: judged again by the law as it stands now, and sealed.
/// Nothing of one that waits no longer or is not for the caller to approve: the door says so.
fn drafted(
    setting: &Setting,
    draft: MessageId,
    approver: &Principal,
    time: CallTime,
) -> Result<Option<Asked>, Status> {
    let record = known(setting, draft, approver)?;
    let principal =
        Principal::parse_spiffe(&record.drafter).map_err(|it| status::of_failure(&it))?;
    let call = Call { principal, key: record.call.clone(), fingerprint: record.fingerprint };
    let waits = record.state == DraftState::Waiting;
    let may = desks::demand(setting, approver, Right::Release, &record.desk).is_ok();
    let is_other = record.drafter != approver.to_string();
    if waits && may && is_other {
        let asked = written(setting, draft, &record)?;
        let calling = Calling { call, known: false, validate_only: false, time };
        return submission::prepared(setting, calling, asked, Some(record.request)).map(Some);
    }
    Ok(None)
}

fn listed(
    setting: &Setting,
    caller: &Principal,
    asked: &pb::ListDraftsRequest,
) -> Result<pb::ListDraftsResponse, Status> {
    let broken = |error| status::of_history(&error);
    let rows = setting.store.as_ref();
    let size = pages::size(asked.page_size)?;
    let mut after = (!asked.after.is_empty())
        .then(|| caller::name::<MessageId>("/after", &asked.after))
        .transpose()?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while looked_at < INBOX_SCAN_MAX {
        let page = drafts::page(rows, !asked.with_ended, after, size).map_err(broken)?;
        let is_last = page.len() < size;
        looked_at += page.len();
        for draft in page {
            if found.len() == size {
                let next_after = after.map(|it| it.to_string()).unwrap_or_default();
                return Ok(pb::ListDraftsResponse { drafts: found, next_after });
            }
            after = Some(draft);
            let Some(record) = drafts::find(rows, draft).map_err(broken)? else { continue };
            if desks::sees_draft(setting, rows, &record, caller).map_err(broken)? {
                found.push(summary(draft, &record));
            }
        }
        if is_last {
            return Ok(pb::ListDraftsResponse { drafts: found, next_after: String::new() });
        }
    }
    let next_after = after.map(|it| it.to_string()).unwrap_or_default();
    Ok(pb::ListDraftsResponse { drafts: found, next_after })
}

fn summary_of(setting: &Setting, draft: MessageId) -> Result<pb::DraftSummary, Status> {
    Ok(summary(draft, &found(setting, draft)?))
}

fn summary(draft: MessageId, record: &DraftRecord) -> pb::DraftSummary {
    let end = record.end.as_ref();
    pb::DraftSummary {
        draft_id: draft.to_string(),
        state: record.state.as_str().to_owned(),
        drafter: record.drafter.clone(),
        contact_point: record.desk.to_string(),
        request_id: record.request.to_string(),
        kind: record.kind.to_string(),
        act: record.act.to_string(),
        made_at: record.made_at.to_string(),
        approve_until: record.until.to_string(),
        fingerprint: hex::encode(record.fingerprint.as_bytes()),
        ended_at: end.map(|it| it.at.to_string()).unwrap_or_default(),
        ended_by: end.and_then(|it| it.by.clone()).unwrap_or_default(),
    }
}

/// The draft as which a call waits, or waited.
///
/// # Errors
/// If the state can't be read.
pub(super) async fn waiting(
    writer: &Writer,
    draft: MessageId,
) -> Result<pb::SendMessageResponse, Status> {
    let draft = views::read(writer, move |setting| summary_of(setting, draft)).await?;
    Ok(pb::SendMessageResponse { draft: Some(draft), ..pb::SendMessageResponse::default() })
}

/// Says of what is only checked that somebody else would have to approve it.
pub(super) fn needed(setting: &Setting, submission: &Submission) -> Option<pb::DraftSummary> {
    let draft = &submission.draft;
    let asks = setting.desks().four_eyes(&draft.from, draft.kind, draft.act);
    asks.filter(|_| submission.validate_only).map(|_| pb::DraftSummary {
        contact_point: draft.from.to_string(),
        kind: draft.kind.to_string(),
        act: draft.act.to_string(),
        ..pb::DraftSummary::default()
    })
}
