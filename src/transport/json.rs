//! The same calls as JSON over plain HTTP, for those who have no gRPC: `POST
//! /rogatory.v1.InboxService/ListMessages` with `content-type: application/json`.
//!
//! Answers and errors have the shape that Connect gives unary calls. Requests enter the same
//! services as gRPC does, after the same certificate; whatever is not JSON goes on to gRPC.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderMap, Method, StatusCode, header};
use prost::{Message, Name};
use serde_json::{Value, json};
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::domain::violation::Violation;
use crate::transport::admin::Admin;
use crate::transport::approval::Approval;
use crate::transport::attachments::Attachments;
use crate::transport::audit::Audit;
use crate::transport::exchange::Exchange;
use crate::transport::inbox::Inbox;
use crate::transport::limits::CALL_BYTES_MAX;
use crate::transport::status::{self, EdgeReason};
use crate::transport::told;
use crate::wire;
use crate::wire::json::{JSON_BYTES_MAX, JsonError};
use crate::wire::pb::admin_service_server::{AdminService, AdminServiceServer};
use crate::wire::pb::approval_service_server::{ApprovalService, ApprovalServiceServer};
use crate::wire::pb::attachment_service_server::{AttachmentService, AttachmentServiceServer};
use crate::wire::pb::audit_service_server::{AuditService, AuditServiceServer};
use crate::wire::pb::exchange_service_server::{ExchangeService, ExchangeServiceServer};
use crate::wire::pb::inbox_service_server::{InboxService, InboxServiceServer};

const JSON: &str = "application/json";
/// The longest time that a caller may set, in milliseconds: ten digits, as Connect has it.
const TIMEOUT_DIGITS_MAX: usize = 10;

/// The services that JSON calls enter.
#[derive(Clone)]
pub struct Services {
    /// Requests and messages.
    pub exchange: Exchange,
    /// What came in.
    pub inbox: Inbox,
    /// What waits for a second pair of eyes.
    pub approval: Approval,
    /// The journal.
    pub audit: Audit,
    /// Peers and queues.
    pub admin: Admin,
    /// Bytes of attachments.
    pub attachments: Attachments,
}

impl Services {
    /// The same services as gRPC has them.
    pub fn into_routes(self) -> Routes {
        let exchange = ExchangeServiceServer::new(self.exchange)
            .max_decoding_message_size(CALL_BYTES_MAX)
            .max_encoding_message_size(CALL_BYTES_MAX);
        let inbox = InboxServiceServer::new(self.inbox).max_encoding_message_size(CALL_BYTES_MAX);
        let audit = AuditServiceServer::new(self.audit).max_encoding_message_size(CALL_BYTES_MAX);
        let admin = AdminServiceServer::new(self.admin).max_encoding_message_size(CALL_BYTES_MAX);
        let attachments = AttachmentServiceServer::new(self.attachments)
            .max_decoding_message_size(CALL_BYTES_MAX)
            .max_encoding_message_size(CALL_BYTES_MAX);
        let approval =
            ApprovalServiceServer::new(self.approval).max_encoding_message_size(CALL_BYTES_MAX);
        let routes = Routes::new(exchange).add_service(inbox).add_service(approval);
        routes.add_service(audit).add_service(admin).add_service(attachments)
    }
}

/// Puts the JSON front before `grpc`: it answers what comes as JSON and passes on the rest.
pub fn before(grpc: Router, services: Services) -> Router {
    grpc.layer(middleware::from_fn_with_state(services, answer_json))
}

async fn answer_json(State(services): State<Services>, request: Request, next: Next) -> Response {
    if !is_json(request.headers()) {
        return next.run(request).await;
    }
    if request.method() != Method::POST {
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, Vec::new());
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        return response;
    }
    match answered(&services, request).await {
        Ok(answer) => response(StatusCode::OK, answer),
        Err(status) => error(&status),
    }
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = given.and_then(|it| it.split(';').next()).map(str::trim);
    essence.is_some_and(|it| it.eq_ignore_ascii_case(JSON))
}

async fn answered(services: &Services, request: Request) -> Result<Vec<u8>, Status> {
    let (parts, body) = request.into_parts();
    let limit = timeout(&parts.headers)?;
    let path = parts.uri.path().to_owned();
    let done = async {
        let text = to_bytes(body, JSON_BYTES_MAX).await.map_err(|_| too_large())?;
        let metadata = MetadataMap::from_headers(parts.headers);
        services
            .call(&path, Asked { text: text.to_vec(), metadata, extensions: parts.extensions })
            .await
    };
    match limit {
        None => done.await,
        Some(limit) => match tokio::time::timeout(limit, done).await {
            Ok(answer) => answer,
            Err(_) => Err(status::of_edge(EdgeReason::TimeRanOut, "the time given has run out")),
        },
    }
}

fn too_large() -> Status {
    let text = format!("a call has at most {JSON_BYTES_MAX} bytes");
    status::of_edge(EdgeReason::LimitExceeded, &text)
}

/// The time that the caller gives, `connect-timeout-ms`.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(given) = headers.get("connect-timeout-ms") else {
        return Ok(None);
    };
    let text = given.to_str().ok().filter(|it| it.len() <= TIMEOUT_DIGITS_MAX);
    match text.and_then(|it| it.parse().ok()) {
        Some(millis) => Ok(Some(Duration::from_millis(millis))),
        None => {
            let text = "connect-timeout-ms is a number of at most ten digits";
            Err(status::of_violations(vec![Violation::new("", "MALFORMED", text)]))
        }
    }
}

/// One call as it came.
struct Asked {
    text: Vec<u8>,
    metadata: MetadataMap,
    extensions: http::Extensions,
}

impl Services {
    async fn call(&self, path: &str, asked: Asked) -> Result<Vec<u8>, Status> {
        let Self { exchange, inbox, approval, audit, admin, attachments } = self;
        match path.strip_prefix("/rogatory.v1.").unwrap_or_default() {
            "ExchangeService/SendMessage" => unary(asked, |it| exchange.send_message(it)).await,
            "ExchangeService/ListRequestStates" => {
                unary(asked, |it| exchange.list_request_states(it)).await
            }
            "ExchangeService/GetRequestState" => {
                unary(asked, |it| exchange.get_request_state(it)).await
            }
            "ExchangeService/GetMessage" => unary(asked, |it| exchange.get_message(it)).await,
            "ExchangeService/ResolveRecipients" => {
                unary(asked, |it| exchange.resolve_recipients(it)).await
            }
            "ExchangeService/GrantAccess" => unary(asked, |it| exchange.grant_access(it)).await,
            "ExchangeService/RevokeAccess" => unary(asked, |it| exchange.revoke_access(it)).await,
            "ExchangeService/ListDeadlines" => unary(asked, |it| exchange.list_deadlines(it)).await,
            "ExchangeService/SearchRequests" => {
                unary(asked, |it| exchange.search_requests(it)).await
            }
            "ExchangeService/GetStatistics" => unary(asked, |it| exchange.get_statistics(it)).await,
            "ExchangeService/EraseContent" => unary(asked, |it| exchange.erase_content(it)).await,
            "ExchangeService/RefuseErasure" => unary(asked, |it| exchange.refuse_erasure(it)).await,
            "ExchangeService/ReviewContent" => unary(asked, |it| exchange.review_content(it)).await,
            "ExchangeService/PlaceHold" => unary(asked, |it| exchange.place_hold(it)).await,
            "ExchangeService/ReleaseHold" => unary(asked, |it| exchange.release_hold(it)).await,
            "InboxService/ListMessages" => unary(asked, |it| inbox.list_messages(it)).await,
            "InboxService/ClaimMessage" => unary(asked, |it| inbox.claim_message(it)).await,
            "InboxService/ReleaseMessage" => unary(asked, |it| inbox.release_message(it)).await,
            "InboxService/ReadMessage" => unary(asked, |it| inbox.read_message(it)).await,
            "InboxService/AcknowledgeMessage" => {
                unary(asked, |it| inbox.acknowledge_message(it)).await
            }
            "InboxService/ReleaseTransit" => unary(asked, |it| inbox.release_transit(it)).await,
            "InboxService/ReturnTransit" => unary(asked, |it| inbox.return_transit(it)).await,
            "InboxService/AnnotateTransit" => unary(asked, |it| inbox.annotate_transit(it)).await,
            "AttachmentService/BeginAttachment" => {
                unary(asked, |it| attachments.begin_attachment(it)).await
            }
            "AttachmentService/AppendAttachment" => {
                unary(asked, |it| attachments.append_attachment(it)).await
            }
            "ApprovalService/ListDrafts" => unary(asked, |it| approval.list_drafts(it)).await,
            "ApprovalService/GetDraft" => unary(asked, |it| approval.get_draft(it)).await,
            "ApprovalService/ApproveDraft" => unary(asked, |it| approval.approve_draft(it)).await,
            "ApprovalService/WithdrawDraft" => unary(asked, |it| approval.withdraw_draft(it)).await,
            "AuditService/GetCheckpoint" => unary(asked, |it| audit.get_checkpoint(it)).await,
            "AuditService/ProveInclusion" => unary(asked, |it| audit.prove_inclusion(it)).await,
            "AuditService/ProveConsistency" => unary(asked, |it| audit.prove_consistency(it)).await,
            "AuditService/ReadSealed" => unary(asked, |it| audit.read_sealed(it)).await,
            "AuditService/ReadGranted" => unary(asked, |it| audit.read_granted(it)).await,
            "AuditService/GrantContent" => unary(asked, |it| audit.grant_content(it)).await,
            "AuditService/RevokeContent" => unary(asked, |it| audit.revoke_content(it)).await,
            "AuditService/ListContentGrants" => {
                unary(asked, |it| audit.list_content_grants(it)).await
            }
            "AuditService/ListStatements" => unary(asked, |it| audit.list_statements(it)).await,
            "AdminService/ListPeers" => unary(asked, |it| admin.list_peers(it)).await,
            "AdminService/GetNodeStatus" => unary(asked, |it| admin.get_node_status(it)).await,
            "AdminService/ListQueue" => unary(asked, |it| admin.list_queue(it)).await,
            "AdminService/ReleaseSetAside" => unary(asked, |it| admin.release_set_aside(it)).await,
            "AdminService/ReturnSetAside" => unary(asked, |it| admin.return_set_aside(it)).await,
            "AdminService/SetDrain" => unary(asked, |it| admin.set_drain(it)).await,
            "AdminService/ConfirmVolume" => unary(asked, |it| admin.confirm_volume(it)).await,
            "AdminService/ListLost" => unary(asked, |it| admin.list_lost(it)).await,
            _ => Err(not_had_here()),
        }
    }
}

fn not_had_here() -> Status {
    let text = "no such call, or one that streams and is had by gRPC only";
    status::of_edge(EdgeReason::MethodUnknown, text)
}

async fn unary<Q, A, C, F>(asked: Asked, call: C) -> Result<Vec<u8>, Status>
where
    Q: Message + Name + Default,
    A: Message + Name,
    C: FnOnce(tonic::Request<Q>) -> F,
    F: Future<Output = Result<tonic::Response<A>, Status>>,
{
    let message = wire::json::to_message(&asked.text).map_err(unreadable)?;
    let request = tonic::Request::from_parts(asked.metadata, asked.extensions, message);
    let answer = call(request).await?.into_inner();
    Ok(wire::json::from_message(&answer).to_string().into_bytes())
}

/// What is wrong with the text. Pointers into a draft begin at the draft, as those of the door do.
fn unreadable(error: JsonError) -> Status {
    let mut found = wire::violation::of_json(error);
    for violation in &mut found {
        if let Some(inner) = violation.pointer.strip_prefix("/draft/") {
            violation.pointer = format!("/{inner}");
        }
    }
    status::of_violations(found)
}

fn response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// An error as Connect writes it.
pub(super) fn error(status: &Status) -> Response {
    let (http, code) = connect_code(status.code());
    let mut body = json!({ "code": code, "message": status.message() });
    let details = details(status);
    if let (Some(fields), false) = (body.as_object_mut(), details.is_empty()) {
        fields.insert("details".to_owned(), Value::from(details));
    }
    response(http, body.to_string().into_bytes())
}

/// Status and word that Connect has for a code of gRPC.
fn connect_code(code: Code) -> (StatusCode, &'static str) {
    let cancelled = StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST);
    match code {
        Code::Ok => (StatusCode::OK, "ok"),
        Code::Cancelled => (cancelled, "canceled"),
        Code::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "unknown"),
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "invalid_argument"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded"),
        Code::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "already_exists"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "permission_denied"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "resource_exhausted"),
        Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "failed_precondition"),
        Code::Aborted => (StatusCode::CONFLICT, "aborted"),
        Code::OutOfRange => (StatusCode::BAD_REQUEST, "out_of_range"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "unimplemented"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Code::DataLoss => (StatusCode::INTERNAL_SERVER_ERROR, "data_loss"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
    }
}

/// The details as Connect writes them: type, bytes in base64, and the same in plain JSON.
fn details(status: &Status) -> Vec<Value> {
    let packed = tonic_types::Status::decode(status.details()).unwrap_or_default();
    let shown = |it: &prost_types::Any| {
        let name = it.type_url.rsplit('/').next().unwrap_or_default();
        let mut detail = json!({ "type": name, "value": STANDARD_NO_PAD.encode(&it.value) });
        if let (Some(fields), Some(debug)) = (detail.as_object_mut(), debug(status, name)) {
            fields.insert("debug".to_owned(), debug);
        }
        detail
    };
    packed.details.iter().map(shown).collect()
}

fn debug(status: &Status, name: &str) -> Option<Value> {
    match name {
        "google.rpc.ErrorInfo" => {
            let told = told::told(status);
            let metadata: serde_json::Map<_, _> =
                told.metadata.into_iter().map(|(name, value)| (name, value.into())).collect();
            Some(json!({ "reason": told.reason, "domain": status::DOMAIN, "metadata": metadata }))
        }
        "google.rpc.BadRequest" => {
            let violations = told::told(status).violations;
            let violations = violations.into_iter().map(
                |it| json!({ "field": it.pointer, "description": it.text, "reason": it.code }),
            );
            Some(json!({ "fieldViolations": violations.collect::<Vec<_>>() }))
        }
        "google.rpc.RetryInfo" => {
            let delay = status.get_details_retry_info()?.retry_delay?;
            Some(json!({ "retryDelay": format!("{}s", delay.as_secs_f64()) }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::rejection::{Rejection, RejectionReason};

    async fn shown(status: &Status) -> (u16, Value) {
        let response = error(status);
        let http = response.status().as_u16();
        let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        (http, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn an_error_has_connects_shape_and_says_why_in_words() {
        let (http, body) = shown(&unreadable(JsonError::Invalid(vec![Violation::new(
            "/draft/vessel/imoo",
            "UNKNOWN_FIELD",
            "there is no such field",
        )])))
        .await;
        assert_eq!(http, 400);
        assert_eq!(body["code"], "invalid_argument");
        assert_eq!(body["message"], "/vessel/imoo: there is no such field");
        let named = body["details"].as_array().unwrap();
        let of = |name: &str| named.iter().find(|it| it["type"] == name).unwrap();
        assert_eq!(of("google.rpc.ErrorInfo")["debug"]["reason"], "CONTENT_INVALID");
        let violation = &of("google.rpc.BadRequest")["debug"]["fieldViolations"][0];
        assert_eq!(violation["field"], "/vessel/imoo");
        assert_eq!(violation["reason"], "UNKNOWN_FIELD");
        let bytes = STANDARD_NO_PAD.decode(of("google.rpc.ErrorInfo")["value"].as_str().unwrap());
        assert!(bytes.unwrap().windows(15).any(|it| it == b"CONTENT_INVALID"));
    }

    #[tokio::test]
    async fn a_stopping_node_says_when_to_come_back() {
        let rejection = Rejection::new(RejectionReason::Draining, "the node is stopping");
        let (http, body) = shown(&status::of_rejection(rejection)).await;
        assert_eq!((http, body["code"].as_str()), (503, Some("unavailable")));
        let named = body["details"].as_array().unwrap();
        let retry = named.iter().find(|it| it["type"] == "google.rpc.RetryInfo").unwrap();
        assert_eq!(retry["debug"]["retryDelay"], "1s");
    }

    #[test]
    fn only_json_is_taken() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            is_json(&headers)
        };
        assert!(of("application/json") && of("Application/JSON; charset=utf-8"));
        for other in ["application/grpc", "application/grpc+json", "application/jsonp", "text/json"]
        {
            assert!(!of(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn the_callers_time_has_at_most_ten_digits() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("connect-timeout-ms", text.parse().unwrap());
            timeout(&headers).map_err(|it| it.code())
        };
        assert_eq!(of("1500"), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(of("9999999999"), Ok(Some(Duration::from_millis(9_999_999_999))));
        for bad in ["10000000000", "-1", "1.5", ""] {
            assert_eq!(of(bad), Err(Code::InvalidArgument), "{bad}");
        }
        assert_eq!(timeout(&HeaderMap::new()).unwrap(), None);
    }
}
