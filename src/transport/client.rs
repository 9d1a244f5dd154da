//! The typed client of a node's agency listener: for the command line and for tests.
//!
//! Every call has a time limit that travels with it. Whoever is too fast for the node waits as it is told,
//! and calls again. Errors come with the reason and the
//! violations that the node gave, so that a caller can show them and choose an exit code.

use std::time::Duration;

use serde_json::{Value, json};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming, TimeoutExpired};

use crate::transport::limits::{CALL_BYTES_MAX, CALL_TIME_DEFAULT, SEALED_BYTES_PER_SECOND};
use crate::transport::tls::stream::{ClientTls, ConnectError};
use crate::transport::told::{Told, ToldViolation, told, too_fast};
use crate::wire::pb;
use crate::wire::pb::admin_service_client::AdminServiceClient;
use crate::wire::pb::approval_service_client::ApprovalServiceClient;
use crate::wire::pb::attachment_service_client::AttachmentServiceClient;
use crate::wire::pb::audit_service_client::AuditServiceClient;
use crate::wire::pb::exchange_service_client::ExchangeServiceClient;
use crate::wire::pb::inbox_service_client::InboxServiceClient;

/// Largest answer that is taken, in bytes: more than a node sends.
const ANSWER_BYTES_MAX: usize = 2 * CALL_BYTES_MAX;
/// The header in which a call's time travels.
const TIMEOUT: &str = "grpc-timeout";

/// How to reach a node.
#[derive(Clone)]
pub struct ClientSettings {
    /// Host and port of the agency listener.
    pub address: String,
    /// The name said in the handshake; the address's host where none is given.
    pub server_name: Option<String>,
    /// The caller's certificate, and whose node must answer.
    pub tls: ClientTls,
    /// Longest call; streams are bounded until they open.
    pub time_max: Duration,
}

impl ClientSettings {
    /// With the default time for calls.
    pub fn new(address: impl Into<String>, tls: ClientTls) -> Self {
        Self { address: address.into(), server_name: None, tls, time_max: CALL_TIME_DEFAULT }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The node could not be reached.
    #[error("the node could not be reached: {0}")]
    Connect(#[from] ConnectError),
    /// The node closed the connection because of the certificate.
    #[error("the node does not accept the certificate: {0}")]
    Refused(String),
    /// The connection was lost.
    #[error("the connection was lost: {0}; a node also closes it on a certificate it refuses")]
    Lost(String),
    /// The node said no.
    #[error("{0}")]
    Call(Box<CallError>),
}

/// A call that did not succeed, as the node explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Number of the gRPC code.
    pub code: i32,
    /// Name of the gRPC code, in UPPER_SNAKE_CASE.
    pub code_name: &'static str,
    /// What to tell the user.
    pub message: String,
    /// Reason, variable parts and violations.
    pub told: Told,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let message = if self.message.is_empty() { "no answer" } else { &self.message };
        let reason = if self.told.reason.is_empty() { self.code_name } else { &self.told.reason };
        write!(f, "{message} ({reason})")
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        // tonic calls a time that ran out a cancellation, on both sides.
        let ran_out =
            status.code() == Code::Cancelled && status.message() == TimeoutExpired(()).to_string();
        // What a node answers has no source; what happened to the connection has.
        if let (false, Some(text)) = (ran_out, innermost(&status)) {
            let refused = text.contains("received fatal alert");
            return if refused { Self::Refused(text) } else { Self::Lost(text) };
        }
        let code = if ran_out { Code::DeadlineExceeded } else { status.code() };
        let (code, code_name) = (i32::from(code), name(code));
        let (message, told) = (status.message().to_owned(), told(&status));
        Self::Call(Box::new(CallError { code, code_name, message, told }))
    }
}

fn innermost(status: &Status) -> Option<String> {
    let mut source = std::error::Error::source(status);
    let mut text = None;
    while let Some(inner) = source {
        text = Some(inner.to_string());
        source = inner.source();
    }
    text
}

impl ClientError {
    /// Number of the gRPC code; UNAVAILABLE (14) where no connection stood, UNAUTHENTICATED (16)
    /// where the node closed it because of the certificate.
    pub fn code(&self) -> i32 {
        match self {
            Self::Connect(_) | Self::Lost(_) => i32::from(Code::Unavailable),
            Self::Refused(_) => i32::from(Code::Unauthenticated),
            Self::Call(error) => error.code,
        }
    }

    /// The reason in UPPER_SNAKE_CASE; empty where the node gave none.
    pub fn reason(&self) -> &str {
        match self {
            Self::Connect(_) | Self::Lost(_) | Self::Refused(_) => "",
            Self::Call(error) => &error.told.reason,
        }
    }

    /// What is wrong with what was sent, as far as the answer carries it.
    pub fn violations(&self) -> &[ToldViolation] {
        match self {
            Self::Connect(_) | Self::Lost(_) | Self::Refused(_) => &[],
            Self::Call(error) => &error.told.violations,
        }
    }

    /// How many more violations there are.
    pub fn left_out(&self) -> usize {
        match self {
            Self::Connect(_) | Self::Lost(_) | Self::Refused(_) => 0,
            Self::Call(error) => error.told.left_out,
        }
    }

    /// The whole error for programs.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Connect(_) | Self::Lost(_) => {
                json!({ "code": "UNAVAILABLE", "message": self.to_string() })
            }
            Self::Refused(_) => json!({ "code": "UNAUTHENTICATED", "message": self.to_string() }),
            Self::Call(error) => {
                let named = error.told.metadata.iter().cloned();
                let metadata: serde_json::Map<_, _> =
                    named.map(|(name, value)| (name, Value::from(value))).collect();
                json!({
                    "code": error.code_name,
                    "message": error.message,
                    "reason": error.told.reason,
                    "metadata": metadata,
                    "violations": error.told.violations,
                    "violations_left_out": error.told.left_out,
                })
            }
        }
    }
}

const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Gives each call its time, unless it has one.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit(Duration);

impl Interceptor for TimeLimit {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata: &MetadataMap = request.metadata();
        if metadata.get(TIMEOUT).is_none() {
            request.set_timeout(self.0);
        }
        Ok(request)
    }
}

/// What calls go through.
pub type Timed = InterceptedService<Channel, TimeLimit>;

/// A connection to a node's agency listener; clones share it.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    time_max: Duration,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// If the node can't be reached, or the certificates don't hold.
    pub async fn connect(settings: ClientSettings) -> Result<Self, ClientError> {
        let ClientSettings { address, server_name, tls, time_max } = settings;
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = server_name.as_deref().unwrap_or(host);
        let channel = tls.channel(&address, name).await?;
        Ok(Self { channel, time_max })
    }

    fn timed(&self) -> Timed {
        InterceptedService::new(self.channel.clone(), TimeLimit(self.time_max))
    }

    /// The generated client of `ExchangeService`.
    pub fn exchange(&self) -> ExchangeServiceClient<Timed> {
        ExchangeServiceClient::new(self.timed()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The generated client of `InboxService`.
    pub fn inbox(&self) -> InboxServiceClient<Timed> {
        InboxServiceClient::new(self.timed()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The generated client of `AttachmentService`.
    pub fn attachments(&self) -> AttachmentServiceClient<Timed> {
        AttachmentServiceClient::new(self.timed()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// `AttachmentService.ReadAttachment`.
    ///
    /// # Errors
    /// As the node answers.
    pub async fn read_attachment(
        &self,
        asked: pb::ReadAttachmentRequest,
    ) -> Result<Answers<pb::ReadAttachmentResponse>, ClientError> {
        Ok(Answers(self.attachments().read_attachment(asked).await?.into_inner()))
    }

    /// `ExchangeService.SendMessage`; the node first reads what is attached, and has that much more
    /// time.
    ///
    /// # Errors
    /// As the node answers.
    pub async fn send_message_with(
        &self,
        asked: pb::SendMessageRequest,
        attached_bytes: u64,
    ) -> Result<pb::SendMessageResponse, ClientError> {
        let more = Duration::from_secs(attached_bytes / SEALED_BYTES_PER_SECOND);
        let mut request = Request::new(asked);
        request.set_timeout(self.time_max.saturating_add(more));
        Ok(self.exchange().send_message(request).await?.into_inner())
    }

    /// The generated client of `ApprovalService`.
    pub fn approval(&self) -> ApprovalServiceClient<Timed> {
        ApprovalServiceClient::new(self.timed()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The generated client of `AuditService`.
    pub fn audit(&self) -> AuditServiceClient<Timed> {
        AuditServiceClient::new(self.timed()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// `AdminService.TakeBackup`.
    ///
    /// # Errors
    /// As the node answers.
    pub async fn take_backup(
        &self,
        asked: pb::TakeBackupRequest,
    ) -> Result<Answers<pb::TakeBackupResponse>, ClientError> {
        Ok(Answers(self.admin().take_backup(asked).await?.into_inner()))
    }

    /// The generated client of `AdminService`.
    pub fn admin(&self) -> AdminServiceClient<Timed> {
        AdminServiceClient::new(self.timed()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// `InboxService.ListMessages`; a call that waits has that much more time.
    ///
    /// # Errors
    /// As the node answers.
    pub async fn list_messages(
        &self,
        asked: pb::ListMessagesRequest,
    ) -> Result<pb::ListMessagesResponse, ClientError> {
        let waits = Duration::from_secs(u64::from(asked.wait_seconds));
        let mut request = Request::new(asked);
        request.set_timeout(self.time_max.saturating_add(waits));
        Ok(self.inbox().list_messages(request).await?.into_inner())
    }

    /// `InboxService.WatchMessages`.
    ///
    /// # Errors
    /// As the node answers.
    pub async fn watch_messages(
        &self,
        asked: pb::WatchMessagesRequest,
    ) -> Result<Answers<pb::WatchMessagesResponse>, ClientError> {
        Ok(Answers(self.inbox().watch_messages(asked).await?.into_inner()))
    }

    /// `AuditService.ReplayEntries`.
    ///
    /// # Errors
    /// As the node answers.
    pub async fn replay_entries(
        &self,
        asked: pb::ReplayEntriesRequest,
    ) -> Result<Answers<pb::ReplayEntriesResponse>, ClientError> {
        Ok(Answers(self.audit().replay_entries(asked).await?.into_inner()))
    }
}

/// Answers that come one after the other.
pub struct Answers<T>(Streaming<T>);

impl<T> Answers<T> {
    /// The next one; none at the end.
    ///
    /// # Errors
    /// As the node ends the stream, or if it is lost.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        Ok(self.0.message().await?)
    }
}

macro_rules! calls {
    ($($service:ident . $method:ident ( $asked:ident ) -> $answer:ident = $name:literal;)*) => {
        impl Client {
            $(
                #[doc = concat!("`", $name, "`.\n\n# Errors\nAs the node answers.")]
                pub async fn $method(&self, asked: pb::$asked) -> Result<pb::$answer, ClientError> {
                    let mut patience = self.time_max;
                    loop {
                        // On the heap: what awaits many calls does not hold each of them by value.
                        let answered = Box::pin(self.$service().$method(asked.clone())).await;
                        let Err(status) = answered else {
                            return Ok(answered.map(Response::into_inner)?);
                        };
                        let wait = too_fast(&status).filter(|it| *it <= patience);
                        let Some(wait) = wait else { return Err(status.into()) };
                        patience -= wait;
                        tokio::time::sleep(wait).await;
                    }
                }
            )*
        }
    };
}

calls! {
    exchange.send_message(SendMessageRequest) -> SendMessageResponse
        = "ExchangeService.SendMessage";
    exchange.list_request_states(ListRequestStatesRequest) -> ListRequestStatesResponse
        = "ExchangeService.ListRequestStates";
    exchange.get_request_state(GetRequestStateRequest) -> GetRequestStateResponse
        = "ExchangeService.GetRequestState";
    exchange.get_message(GetMessageRequest) -> GetMessageResponse
        = "ExchangeService.GetMessage";
    exchange.resolve_recipients(ResolveRecipientsRequest) -> ResolveRecipientsResponse
        = "ExchangeService.ResolveRecipients";
    exchange.grant_access(GrantAccessRequest) -> GrantAccessResponse
        = "ExchangeService.GrantAccess";
    exchange.revoke_access(RevokeAccessRequest) -> RevokeAccessResponse
        = "ExchangeService.RevokeAccess";
    exchange.erase_content(EraseContentRequest) -> EraseContentResponse
        = "ExchangeService.EraseContent";
    exchange.refuse_erasure(RefuseErasureRequest) -> RefuseErasureResponse
        = "ExchangeService.RefuseErasure";
    exchange.review_content(ReviewContentRequest) -> ReviewContentResponse
        = "ExchangeService.ReviewContent";
    exchange.place_hold(PlaceHoldRequest) -> PlaceHoldResponse
        = "ExchangeService.PlaceHold";
    exchange.release_hold(ReleaseHoldRequest) -> ReleaseHoldResponse
        = "ExchangeService.ReleaseHold";
    exchange.list_deadlines(ListDeadlinesRequest) -> ListDeadlinesResponse
        = "ExchangeService.ListDeadlines";
    exchange.search_requests(SearchRequestsRequest) -> SearchRequestsResponse
        = "ExchangeService.SearchRequests";
    exchange.get_statistics(GetStatisticsRequest) -> GetStatisticsResponse
        = "ExchangeService.GetStatistics";
    attachments.begin_attachment(BeginAttachmentRequest) -> BeginAttachmentResponse
        = "AttachmentService.BeginAttachment";
    attachments.append_attachment(AppendAttachmentRequest) -> AppendAttachmentResponse
        = "AttachmentService.AppendAttachment";
    inbox.claim_message(ClaimMessageRequest) -> ClaimMessageResponse
        = "InboxService.ClaimMessage";
    inbox.release_message(ReleaseMessageRequest) -> ReleaseMessageResponse
        = "InboxService.ReleaseMessage";
    inbox.read_message(ReadMessageRequest) -> ReadMessageResponse
        = "InboxService.ReadMessage";
    inbox.acknowledge_message(AcknowledgeMessageRequest) -> AcknowledgeMessageResponse
        = "InboxService.AcknowledgeMessage";
    inbox.release_transit(ReleaseTransitRequest) -> ReleaseTransitResponse
        = "InboxService.ReleaseTransit";
    inbox.return_transit(ReturnTransitRequest) -> ReturnTransitResponse
        = "InboxService.ReturnTransit";
    inbox.annotate_transit(AnnotateTransitRequest) -> AnnotateTransitResponse
        = "InboxService.AnnotateTransit";
    approval.list_drafts(ListDraftsRequest) -> ListDraftsResponse
        = "ApprovalService.ListDrafts";
    approval.get_draft(GetDraftRequest) -> GetDraftResponse
        = "ApprovalService.GetDraft";
    approval.approve_draft(ApproveDraftRequest) -> ApproveDraftResponse
        = "ApprovalService.ApproveDraft";
    approval.withdraw_draft(WithdrawDraftRequest) -> WithdrawDraftResponse
        = "ApprovalService.WithdrawDraft";
    audit.get_checkpoint(GetCheckpointRequest) -> GetCheckpointResponse
        = "AuditService.GetCheckpoint";
    audit.prove_inclusion(ProveInclusionRequest) -> ProveInclusionResponse
        = "AuditService.ProveInclusion";
    audit.prove_consistency(ProveConsistencyRequest) -> ProveConsistencyResponse
        = "AuditService.ProveConsistency";
    audit.list_statements(ListStatementsRequest) -> ListStatementsResponse
        = "AuditService.ListStatements";
    audit.read_sealed(ReadSealedRequest) -> ReadSealedResponse
        = "AuditService.ReadSealed";
    audit.read_granted(ReadGrantedRequest) -> ReadGrantedResponse
        = "AuditService.ReadGranted";
    audit.grant_content(GrantContentRequest) -> GrantContentResponse
        = "AuditService.GrantContent";
    audit.revoke_content(RevokeContentRequest) -> RevokeContentResponse
        = "AuditService.RevokeContent";
    audit.list_content_grants(ListContentGrantsRequest) -> ListContentGrantsResponse
        = "AuditService.ListContentGrants";
    admin.list_peers(ListPeersRequest) -> ListPeersResponse
        = "AdminService.ListPeers";
    admin.list_queue(ListQueueRequest) -> ListQueueResponse
        = "AdminService.ListQueue";
    admin.release_set_aside(ReleaseSetAsideRequest) -> ReleaseSetAsideResponse
        = "AdminService.ReleaseSetAside";
    admin.return_set_aside(ReturnSetAsideRequest) -> ReturnSetAsideResponse
        = "AdminService.ReturnSetAside";
    admin.set_drain(SetDrainRequest) -> SetDrainResponse
        = "AdminService.SetDrain";
    admin.get_node_status(GetNodeStatusRequest) -> GetNodeStatusResponse
        = "AdminService.GetNodeStatus";
    admin.confirm_volume(ConfirmVolumeRequest) -> ConfirmVolumeResponse
        = "AdminService.ConfirmVolume";
    admin.list_lost(ListLostRequest) -> ListLostResponse
        = "AdminService.ListLost";
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
