//! Posts of an agency with certificates of their own, who make the same call in JSON and in gRPC; and
//! policies that a running node reads again.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use rogatory::clock::{Clock as _, SystemClock};
use rogatory::entropy::SystemEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::pki::{Authority, LeafRequest, Validity};
use rogatory::transport::tls::{self, ClientStream, OwnCertificate, TlsConnector};
use rogatory::transport::told::told;
use rogatory::wire::json::to_message;
use rogatory::wire::pb;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tonic::Status;

use crate::network::raw::{framed, metadata, reason};
use crate::network::{Network, PATIENCE, agency, until};

const HOUR_MS: i64 = 3_600_000;

/// What a call came to: the reason of a no, empty for an answer, and the bytes of that.
#[derive(Debug)]
pub struct Came {
    /// Code of gRPC; 0 for an answer, and in JSON.
    pub code: i32,
    /// Why not; empty for an answer.
    pub reason: String,
    /// The right that was lacking, where the no names one.
    pub right: String,
    /// The answer, as it travelled.
    pub bytes: Vec<u8>,
}

impl Came {
    fn of(status: &Status, bytes: Vec<u8>) -> Self {
        let told = told(status);
        let right = told.metadata.into_iter().find(|(name, _)| name == "right");
        let right = right.map(|(_, value)| value).unwrap_or_default();
        Self { code: i32::from(status.code()), reason: told.reason, right, bytes }
    }

    /// The answer of a call in JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.reason, "", "{}", String::from_utf8_lossy(&self.bytes));
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// Whether the answer holds a text.
    pub fn holds(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|it| it == text.as_bytes())
    }
}

/// Somebody of an agency with a certificate of its own, who keeps a connection for each language.
pub struct Post {
    tls: Arc<rustls::ClientConfig>,
    door: SocketAddr,
    http1: Mutex<Option<Line<http1::SendRequest<Asked>>>>,
    http2: Mutex<Option<Line<http2::SendRequest<Asked>>>>,
    /// The name in the certificate.
    pub id: String,
}

type Asked = Full<Bytes>;

/// A connection, and what moves its bytes.
struct Line<S> {
    sender: S,
    _moving: JoinSet<hyper::Result<()>>,
}

impl<S> Line<S> {
    fn over(sender: S, moving: impl Future<Output = hyper::Result<()>> + Send + 'static) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(moving);
        Self { sender, _moving: tasks }
    }
}

impl Post {
    /// A post of `stage`, at the door of its own node.
    pub fn of(network: &Network, stage: &str, role: Role, name: &str) -> Self {
        let place = network.place(stage);
        let read = |path| std::fs::read_to_string(path).unwrap();
        let authority = Authority::load(&read(&place.ca), &read(&place.ca_key)).unwrap();
        let now = SystemClock.now();
        let validity = Validity {
            not_before: now.plus_millis(-HOUR_MS / 2),
            not_after: now.plus_millis(10 * HOUR_MS),
        };
        let principal = Principal::new(agency(stage), role, name).unwrap();
        let id = principal.to_string();
        let (dns_names, ip_addresses) = (Vec::new(), Vec::new());
        let request = LeafRequest { principal, validity, dns_names, ip_addresses };
        let issued = authority.issue(&request, &SystemEntropy).unwrap();
        let chain = [issued.certificate_der().to_vec()];
        let own = Arc::new(OwnCertificate::from_der(&chain, issued.key_der()).unwrap());
        let tls = tls::ClientSettings { own, ..network.tls(stage, stage, role) };
        let (http1, http2) = Default::default();
        Self { tls: tls::client(tls), door: place.listen.agency, http1, http2, id }
    }

    async fn connected(&self, protocol: &str) -> TokioIo<ClientStream<TcpStream>> {
        let mut config = (*self.tls).clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let tcp = TcpStream::connect(self.door).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TokioIo::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap())
    }

    /// The answer in HTTP/1.1; over a new connection where the node has ended the one before.
    async fn over_http1(&self, request: &Request<Asked>) -> Response<Incoming> {
        let mut kept = self.http1.lock().await;
        if let Some(Line { sender, .. }) = kept.as_mut()
            && sender.ready().await.is_ok()
            && let Ok(response) = sender.send_request(request.clone()).await
        {
            return response;
        }
        let stream = self.connected("http/1.1").await;
        let (sender, moving) = http1::handshake(stream).await.unwrap();
        let mut line = Line::over(sender, moving);
        let response = line.sender.send_request(request.clone()).await.unwrap();
        *kept = Some(line);
        response
    }

    /// The same in HTTP/2.
    async fn over_http2(&self, request: &Request<Asked>) -> Response<Incoming> {
        let mut kept = self.http2.lock().await;
        if let Some(Line { sender, .. }) = kept.as_mut()
            && sender.ready().await.is_ok()
            && let Ok(response) = sender.send_request(request.clone()).await
        {
            return response;
        }
        let stream = self.connected("h2").await;
        let shaken = http2::handshake(TokioExecutor::new(), stream).await;
        let (sender, moving) = shaken.unwrap();
        let mut line = Line::over(sender, moving);
        let response = line.sender.send_request(request.clone()).await.unwrap();
        *kept = Some(line);
        response
    }

    /// A call in JSON.
    pub async fn json(&self, call: &str, body: &Value) -> Came {
        self.json_with(call, body, &[]).await
    }

    /// The same call in gRPC.
    pub async fn grpc(&self, call: &str, body: &Value) -> Came {
        self.grpc_with(call, body, &[]).await
    }

    /// A call in JSON that says more of itself in its headers.
    pub async fn json_with(&self, call: &str, body: &Value, said: &[(&str, &str)]) -> Came {
        let request = Request::post(format!("/rogatory.v1.{call}"))
            .header("host", "localhost")
            .header("content-type", "application/json");
        let request = said
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let answered = async {
            let response = self.over_http1(&request).await;
            let is_well = response.status() == 200;
            (is_well, response.into_body().collect().await.unwrap().to_bytes())
        };
        let (is_well, bytes) = tokio::time::timeout(PATIENCE, answered).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let reason = if is_well { String::new() } else { reason(&body).to_owned() };
        assert!(is_well || !reason.is_empty(), "{call}: {body}");
        let right = if is_well { String::new() } else { metadata(&body, "right").to_owned() };
        Came { code: 0, reason, right, bytes: bytes.to_vec() }
    }

    /// The same call in gRPC.
    pub async fn grpc_with(&self, call: &str, body: &Value, said: &[(&str, &str)]) -> Came {
        let asked = written(call, body.to_string().as_bytes());
        let request = Request::post(format!("https://localhost/rogatory.v1.{call}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let request = said
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .body(Full::new(Bytes::from(framed(&asked))))
            .unwrap();
        let answered = async {
            let mut response = self.over_http2(&request).await;
            if let Some(status) = Status::from_header_map(response.headers()) {
                return Came::of(&status, Vec::new());
            }
            let mut bytes = Vec::new();
            while let Some(frame) = response.body_mut().frame().await {
                match frame.unwrap().into_data() {
                    Ok(data) => bytes.extend_from_slice(&data),
                    Err(trailers) => {
                        let trailers = trailers.into_trailers().unwrap();
                        let status = Status::from_header_map(&trailers).expect("a status");
                        return Came::of(&status, bytes);
                    }
                }
                // It does not end by itself.
                if call == "InboxService/WatchMessages" {
                    break;
                }
            }
            Came { code: 0, reason: String::new(), right: String::new(), bytes }
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap()
    }
}

macro_rules! forms {
    ($($call:literal = $asked:ident;)*) => {
        /// A call's message, from its form in JSON.
        fn written(call: &str, text: &[u8]) -> Vec<u8> {
            match call {
                $($call => to_message::<pb::$asked>(text).unwrap().encode_to_vec(),)*
                // Nothing is said where the role is what is asked about.
                _ if text == b"{}" => Vec::new(),
                other => panic!("{other} is not made here"),
            }
        }
    };
}

forms! {
    "ExchangeService/SendMessage" = SendMessageRequest;
    "ExchangeService/ListRequestStates" = ListRequestStatesRequest;
    "ExchangeService/GetRequestState" = GetRequestStateRequest;
    "ExchangeService/GetMessage" = GetMessageRequest;
    "ExchangeService/ResolveRecipients" = ResolveRecipientsRequest;
    "ExchangeService/GetStatistics" = GetStatisticsRequest;
    "ExchangeService/GrantAccess" = GrantAccessRequest;
    "ExchangeService/RevokeAccess" = RevokeAccessRequest;
    "ExchangeService/EraseContent" = EraseContentRequest;
    "ExchangeService/RefuseErasure" = RefuseErasureRequest;
    "ExchangeService/ReviewContent" = ReviewContentRequest;
    "ExchangeService/PlaceHold" = PlaceHoldRequest;
    "ExchangeService/ReleaseHold" = ReleaseHoldRequest;
    "ExchangeService/ListDeadlines" = ListDeadlinesRequest;
    "ExchangeService/SearchRequests" = SearchRequestsRequest;
    "ApprovalService/ListDrafts" = ListDraftsRequest;
    "ApprovalService/GetDraft" = GetDraftRequest;
    "ApprovalService/ApproveDraft" = ApproveDraftRequest;
    "ApprovalService/WithdrawDraft" = WithdrawDraftRequest;
    "AttachmentService/BeginAttachment" = BeginAttachmentRequest;
    "AttachmentService/AppendAttachment" = AppendAttachmentRequest;
    "AttachmentService/ReadAttachment" = ReadAttachmentRequest;
    "AuditService/ListContentGrants" = ListContentGrantsRequest;
    "AuditService/GrantContent" = GrantContentRequest;
    "AuditService/RevokeContent" = RevokeContentRequest;
    "AuditService/ReadGranted" = ReadGrantedRequest;
    "InboxService/ListMessages" = ListMessagesRequest;
    "InboxService/WatchMessages" = WatchMessagesRequest;
    "InboxService/ClaimMessage" = ClaimMessageRequest;
    "InboxService/ReleaseMessage" = ReleaseMessageRequest;
    "InboxService/ReadMessage" = ReadMessageRequest;
    "InboxService/AcknowledgeMessage" = AcknowledgeMessageRequest;
    "InboxService/ReleaseTransit" = ReleaseTransitRequest;
    "InboxService/ReturnTransit" = ReturnTransitRequest;
    "InboxService/AnnotateTransit" = AnnotateTransitRequest;
}

/// Writes the policy of a node and lets it read its files again; what it says of that reading.
pub async fn read_again(network: &Network, stage: &str, policy: &str) -> pb::GetNodeStatusResponse {
    put(network, stage, policy);
    let operator = network.client(stage, Role::Operator).await;
    let before = operator.get_node_status(pb::GetNodeStatusRequest {}).await.unwrap();
    let hangup = format!("kill -s HUP {}", network.process(stage));
    assert!(Command::new("sh").args(["-c", &hangup]).status().unwrap().success());
    until("the files to be read again", async || {
        let told = operator.get_node_status(pb::GetNodeStatusRequest {}).await.ok()?;
        (told.read_at != before.read_at).then_some(told)
    })
    .await
}

/// Writes the policy that the configuration of a node names.
pub fn put(network: &Network, stage: &str, policy: &str) {
    let path = network.place(stage).folder.join("desks.toml");
    std::fs::File::create(path).unwrap().write_all(policy.as_bytes()).unwrap();
}

/// Lets a node that runs start anew with a policy.
pub async fn restarted_with(network: &mut Network, stage: &str, policy: &str) {
    network.terminate(stage).await;
    put(network, stage, policy);
    network.configure(stage, "desks = \"\"", "desks = \"desks.toml\"");
    network.start(stage);
    network.serves(stage).await;
}
