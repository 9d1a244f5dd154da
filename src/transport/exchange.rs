//! For focal points and case systems: send requests and follow them. Converts, calls, converts.

use tonic::{Request, Response, Status};

use crate::domain::header::Channel;
use crate::domain::ids::{AgencyId, RequestId};
use crate::identity::permission::Verb;
use crate::node::command::{Command, Outcome, Submitted};
use crate::node::proofs;
use crate::node::query;
use crate::node::setting::Setting;
use crate::node::sight;
use crate::node::writer::Writer;
use crate::transport::caller::Admitted;
use crate::transport::limits::{INBOX_SCAN_MAX, PAGE_BYTES_MAX};
use crate::transport::submission::Asked;
use crate::transport::{
    approval, caller, inbox, keeping, oversight, pages, resolve, status, submission, views,
};
use crate::wire::pb;
use crate::wire::pb::exchange_service_server::ExchangeService;

/// Sends messages and shows what became of them.
#[derive(Clone)]
pub struct Exchange {
    writer: Writer,
}

impl Exchange {
    /// Over the node behind `writer`.
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }
}

#[tonic::async_trait]
impl ExchangeService for Exchange {
    async fn send_message(
        &self,
        request: Request<pb::SendMessageRequest>,
    ) -> Result<Response<pb::SendMessageResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::SendMessage)?;
        let time = Admitted::of(&request, Verb::SendMessage)?.time;
        let asked = request.into_inner();
        let sent = views::read(&self.writer, move |setting| {
            submission::read_call(setting, (principal, time), asked)
        });
        let Asked { submission, prevented, findings } = sent.await?;
        let channel = submission.draft.kind.channel;
        let to_be_approved = approval::needed(setting, &submission);
        let decided = self.writer.ask(Command::Submit(Box::new(submission))).await;
        let mut answer = match decided.map_err(status::of_rejection)? {
            Outcome::Submitted(messages, repeated_call) => {
                if let Some(rejection) = prevented.filter(|_| !repeated_call) {
                    return Err(status::of_rejection(rejection));
                }
                let sent =
                    move |setting: &Setting| answer(setting, messages, channel, repeated_call);
                views::read(&self.writer, sent).await?
            }
            Outcome::Drafted(draft) => approval::waiting(&self.writer, draft).await?,
            Outcome::Answered(_)
            | Outcome::Done(_)
            | Outcome::HandedOver(_)
            | Outcome::Shown(_)
            | Outcome::Snapshot(_)
            | Outcome::Wanted(_)
            | Outcome::Witnessed(_)
            | Outcome::Unchanged => {
                return Err(status::of_failure(&"a submission came to something else"));
            }
        };
        answer.findings = findings.iter().map(views::finding).collect();
        answer.draft = answer.draft.or(to_be_approved);
        Ok(Response::new(answer))
    }

    async fn list_request_states(
        &self,
        request: Request<pb::ListRequestStatesRequest>,
    ) -> Result<Response<pb::ListRequestStatesResponse>, Status> {
        let holder = oversight::holder(&request, self.writer.setting(), Verb::ListRequestStates)?;
        let asked = request.into_inner();
        let answer = views::read(&self.writer, move |setting| requests(setting, &holder, &asked));
        Ok(Response::new(answer.await?))
    }

    async fn get_request_state(
        &self,
        request: Request<pb::GetRequestStateRequest>,
    ) -> Result<Response<pb::GetRequestStateResponse>, Status> {
        let holder = oversight::holder(&request, self.writer.setting(), Verb::GetRequestState)?;
        let id: RequestId = caller::name("/request_id", &request.into_inner().request_id)?;
        let answer = views::read(&self.writer, move |setting| request_state(setting, id, &holder));
        Ok(Response::new(answer.await?))
    }

    async fn get_message(
        &self,
        request: Request<pb::GetMessageRequest>,
    ) -> Result<Response<pb::GetMessageResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::GetMessage)?;
        let holder = principal.to_string();
        let mut asked = request.into_inner();
        if asked.origin.is_empty() {
            asked.origin = setting.agency.to_string();
        }
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let content = if asked.with_content {
            let submitted = caller::fingerprint(setting, "GetMessage", &asked);
            let call = caller::unnamed_call(setting, principal, submitted);
            Some(inbox::open_for(&self.writer, call, key).await?.0)
        } else {
            None
        };
        let shown =
            views::read(&self.writer, move |setting| views::own_message(setting, key, &holder));
        let message = Some(views::summary(shown.await?));
        let original = content.as_ref().and_then(inbox::handed_on);
        Ok(Response::new(pb::GetMessageResponse { message, content, original }))
    }

    async fn resolve_recipients(
        &self,
        request: Request<pb::ResolveRecipientsRequest>,
    ) -> Result<Response<pb::ResolveRecipientsResponse>, Status> {
        let setting = self.writer.setting();
        caller::caller(&request, setting, Verb::ResolveRecipients)?;
        Ok(Response::new(resolve::resolve(setting, &request.into_inner())?))
    }

    async fn grant_access(
        &self,
        request: Request<pb::GrantAccessRequest>,
    ) -> Result<Response<pb::GrantAccessResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::GrantAccess)?;
        let asked = request.into_inner();
        let receipt = oversight::change_sight(&self.writer, principal, asked, true).await?;
        Ok(Response::new(pb::GrantAccessResponse { receipt }))
    }

    async fn revoke_access(
        &self,
        request: Request<pb::RevokeAccessRequest>,
    ) -> Result<Response<pb::RevokeAccessResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::RevokeAccess)?;
        let pb::RevokeAccessRequest { idempotency_key, request_id, holder } = request.into_inner();
        let asked = pb::GrantAccessRequest { idempotency_key, request_id, holder };
        let receipt = oversight::change_sight(&self.writer, principal, asked, false).await?;
        Ok(Response::new(pb::RevokeAccessResponse { receipt }))
    }

    async fn erase_content(
        &self,
        request: Request<pb::EraseContentRequest>,
    ) -> Result<Response<pb::EraseContentResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::EraseContent)?;
        let answer = keeping::erase(&self.writer, principal, request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn refuse_erasure(
        &self,
        request: Request<pb::RefuseErasureRequest>,
    ) -> Result<Response<pb::RefuseErasureResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::RefuseErasure)?;
        let answer = keeping::refuse_erasure(&self.writer, principal, request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn review_content(
        &self,
        request: Request<pb::ReviewContentRequest>,
    ) -> Result<Response<pb::ReviewContentResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::ReviewContent)?;
        let answer = keeping::review(&self.writer, principal, request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn place_hold(
        &self,
        request: Request<pb::PlaceHoldRequest>,
    ) -> Result<Response<pb::PlaceHoldResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::PlaceHold)?;
        let receipt = keeping::hold(&self.writer, principal, request.into_inner(), true).await?;
        Ok(Response::new(pb::PlaceHoldResponse { receipt }))
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::ReleaseHoldResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::ReleaseHold)?;
        let pb::ReleaseHoldRequest { idempotency_key, request_id } = request.into_inner();
        let asked = pb::PlaceHoldRequest { idempotency_key, request_id };
        let receipt = keeping::hold(&self.writer, principal, asked, false).await?;
        Ok(Response::new(pb::ReleaseHoldResponse { receipt }))
    }

    async fn list_deadlines(
        &self,
        request: Request<pb::ListDeadlinesRequest>,
    ) -> Result<Response<pb::ListDeadlinesResponse>, Status> {
        let holder = oversight::holder(&request, self.writer.setting(), Verb::ListDeadlines)?;
        let asked = request.into_inner();
        let answer = move |setting: &Setting| oversight::deadlines(setting, &holder, &asked);
        Ok(Response::new(views::read(&self.writer, answer).await?))
    }

    async fn search_requests(
        &self,
        request: Request<pb::SearchRequestsRequest>,
    ) -> Result<Response<pb::SearchRequestsResponse>, Status> {
        let holder = oversight::holder(&request, self.writer.setting(), Verb::SearchRequests)?;
        let asked = request.into_inner();
        let answer = move |setting: &Setting| oversight::search(setting, &holder, &asked.reference);
        Ok(Response::new(views::read(&self.writer, answer).await?))
    }

    async fn get_statistics(
        &self,
        request: Request<pb::GetStatisticsRequest>,
    ) -> Result<Response<pb::GetStatisticsResponse>, Status> {
        caller::caller(&request, self.writer.setting(), Verb::GetStatistics)?;
        let year = request.into_inner().year;
        let answer = move |setting: &Setting| oversight::figures(setting, year);
        Ok(Response::new(views::read(&self.writer, answer).await?))
    }
}

pub(super) fn answer(
    setting: &Setting,
    messages: Vec<Submitted>,
    channel: Channel,
    repeated_call: bool,
) -> Result<pb::SendMessageResponse, Status> {
    let mut sent = Vec::with_capacity(messages.len());
    for submitted in messages {
        let receipt = submitted.position.map(|position| proofs::statement(setting, position));
        let receipt = receipt.transpose().map_err(|error| status::of_history(&error))?;
        let readers = submitted.readers.iter().chain([&submitted.destination]);
        let readers = readers.map(ToString::to_string).collect();
        let competence = submitted.addressed.map(|it| views::competence(&it, &submitted.to));
        sent.push(pb::SentMessage {
            message_id: submitted.message.to_string(),
            request_id: submitted.request.to_string(),
            route: route(setting, &submitted.destination, channel),
            readers,
            destination: submitted.destination.to_string(),
            receipt: receipt.map(views::statement),
            expires_at: submitted.expires_at.to_string(),
            competence,
        });
    }
    let (findings, draft) = (Vec::new(), None);
    Ok(pb::SendMessageResponse { messages: sent, repeated_call, findings, draft })
}

fn route(setting: &Setting, destination: &AgencyId, channel: Channel) -> Vec<String> {
    let route = setting.directory().route(&setting.agency, destination, channel);
    route.unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// A page of requests, newest first, as far as the caller may see them.
fn requests(
    setting: &Setting,
    holder: &str,
    asked: &pb::ListRequestStatesRequest,
) -> Result<pb::ListRequestStatesResponse, Status> {
    let broken = |error| status::of_history(&error);
    let key = &setting.keys.fingerprint;
    let size = pages::size(asked.page_size)?;
    let mut before = pages::requests_before(key, &asked.page_token)?;
    let (mut requests, mut looked_at, mut more) = (Vec::new(), 0, true);
    while more && requests.len() < size && looked_at < INBOX_SCAN_MAX {
        let wanted = (size - requests.len()).saturating_add(1);
        let found = query::requests_page(setting, before, wanted).map_err(broken)?;
        more = found.len() == wanted;
        for view in found.iter().take(wanted - 1) {
            looked_at += 1;
            before = Some(view.record.opened);
            if sight::has(setting, setting.store.as_ref(), view.id, holder).map_err(broken)? {
                requests.push(views::request(&setting.agency, view));
            }
        }
    }
    let next = before.filter(|_| more).map(|it| pages::of_requests(key, it));
    Ok(pb::ListRequestStatesResponse { requests, next_page_token: next.unwrap_or_default() })
}

/// A request with its messages. Receipts are left out where the answer would grow too large; they
/// come with the message itself.
fn request_state(
    setting: &Setting,
    id: RequestId,
    holder: &str,
) -> Result<pb::GetRequestStateResponse, Status> {
    let broken = |error| status::of_history(&error);
    if !sight::has(setting, setting.store.as_ref(), id, holder).map_err(broken)? {
        return Err(status::not_found());
    }
    let view = query::request(setting, id).map_err(broken)?.ok_or_else(status::not_found)?;
    let mut bytes = 0;
    let mut messages = Vec::new();
    for message in query::request_messages(setting, id).map_err(broken)? {
        // At another desk of the same request there may be what is not for this caller.
        let Some(message) = views::as_seen(setting, message, holder)? else { continue };
        let mut summary = views::summary(message);
        bytes += prost::Message::encoded_len(&summary);
        if bytes > PAGE_BYTES_MAX {
            let beside = summary.attachments.iter_mut().flat_map(|it| &mut it.stations);
            summary.stations.iter_mut().chain(beside).for_each(|it| it.receipt = None);
        }
        messages.push(summary);
    }
    let request = Some(views::request(&setting.agency, &view));
    Ok(pb::GetRequestStateResponse { request, messages })
}
