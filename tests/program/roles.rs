//! The promise: every role may make the calls that its row of the table allows and no other, at
//! every door of a running node, in gRPC and in JSON. The cells are made of the methods in `proto/`.
//!
//! A call that is refused carries what would change something if it were let in, and the journal has
//! as many entries afterwards as before.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use rogatory::identity::{Role, Verb, permitted};
use rogatory::transport::tls::{self, ClientStream, TlsConnector};
use rogatory::transport::told::told;
use rogatory::wire::{DESCRIPTORS, pb};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Status;

use crate::network::drafts::{self, sending};
use crate::network::raw::{framed, reason};
use crate::network::{HUB, Network, ORIGIN, PATIENCE};

/// What a call came to, as far as the matrix asks: its code (0 for an answer or an open stream), and
/// the reason of a no.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    code: i32,
    reason: String,
}

impl Came {
    fn to(code: i32, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }

    fn is_refusal_of_the_role(&self) -> bool {
        *self == Self::to(7, "ROLE_NOT_PERMITTED")
    }
}

/// A connection of agency `of` to a door of ORIGIN; none if the door does not let it in.
async fn shaken(
    network: &Network,
    (of, role): (&str, Role),
    door: SocketAddr,
    protocol: &str,
) -> Option<ClientStream<TcpStream>> {
    let mut config = (*tls::client(network.tls(ORIGIN, of, role))).clone();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let tcp = TcpStream::connect(door).await.expect("the door is there");
    let name = ServerName::try_from("localhost").expect("a name");
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let shaken = tokio::time::timeout(PATIENCE, shaken).await;
    shaken.unwrap_or_else(|_| panic!("{of} {role}: no handshake in {PATIENCE:?}")).ok()
}

/// Makes one call of gRPC; none if the connection is closed instead of an answer.
async fn grpc<S>(stream: S, path: &str, body: Vec<u8>) -> Option<Came>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = shaken.await.ok()?;
    let request = Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(body)))
        .expect("a well-formed request");
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let answered = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
    let response = answered.unwrap_or_else(|_| panic!("{path}: no answer in {PATIENCE:?}")).ok()?;
    if response.status() == 404 {
        // What a client of gRPC makes of it.
        return Some(Came::to(12, ""));
    }
    assert_eq!(response.status(), 200, "{path}");
    // A no comes with the headers; what has none there is answered, or streams.
    let Some(status) = Status::from_header_map(response.headers()) else {
        return Some(Came::to(0, ""));
    };
    Some(Came { code: i32::from(status.code()), reason: told(&status).reason })
}

/// A call's message that would do something, where a verb can do something.
fn body(verb: Verb, sent: &pb::SentMessage) -> Vec<u8> {
    let (request_id, message_id) = (sent.request_id.clone(), sent.message_id.clone());
    let idempotency_key = "k".to_owned();
    let holder = format!("spiffe://{ORIGIN}/officer/somebody");
    let held = || pb::PlaceHoldRequest {
        idempotency_key: idempotency_key.clone(),
        request_id: request_id.clone(),
    };
    match verb.path().rsplit('/').next().unwrap_or_default() {
        "SendMessage" => sending("k", &drafts::request("Never sent")).encode_to_vec(),
        "GrantAccess" | "RevokeAccess" => {
            pb::GrantAccessRequest { idempotency_key, request_id, holder }.encode_to_vec()
        }
        "EraseContent" => {
            let cause = "own_decision".to_owned();
            pb::EraseContentRequest { request_id, cause, ..Default::default() }.encode_to_vec()
        }
        "PlaceHold" | "ReleaseHold" => held().encode_to_vec(),
        "GetMessage" => {
            let origin = ORIGIN.to_owned();
            pb::GetMessageRequest { message_id, origin, with_content: true }.encode_to_vec()
        }
        _ => Vec::new(),
    }
}

async fn one_message(network: &Network) -> pb::SentMessage {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let sent = officer.send_message(sending("first", &drafts::request("A vessel"))).await;
    sent.expect("it is sent").messages.remove(0)
}

#[test]
fn the_cells_are_made_of_the_methods_in_proto() {
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).expect("our own descriptors");
    let mut paths = Vec::new();
    for file in set.file.iter().filter(|it| it.package() == "rogatory.v1") {
        for service in &file.service {
            let named = service.method.iter();
            paths.extend(named.map(|it| format!("/rogatory.v1.{}/{}", service.name(), it.name())));
        }
    }
    assert_eq!(paths, Verb::ALL.map(Verb::path));
    assert!(paths.len() >= 28, "{}", paths.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_holds_at_the_agencys_door_in_grpc() {
    let network = Network::started_with(&[ORIGIN]).await;
    let sent = one_message(&network).await;
    let door = network.place(ORIGIN).listen.agency;
    let entries = network.entries(ORIGIN).await;
    let mut refused = 0;
    let mut allowed = Vec::new();
    for verb in Verb::ALL {
        for role in [Role::Officer, Role::Service, Role::Auditor, Role::Operator] {
            if permitted(role, verb) {
                allowed.push((role, verb));
                continue;
            }
            // What can't be read at all is refused for the same reason: nothing of it is read.
            for asked in [framed(&body(verb, &sent)), vec![0xff; 64]] {
                let stream = shaken(&network, (ORIGIN, role), door, "h2").await;
                let came = grpc(stream.expect("it is let in"), verb.path(), asked).await;
                let came = came.expect("an answer");
                assert!(came.is_refusal_of_the_role(), "{role} {verb:?}: {came:?}");
            }
            refused += 1;
        }
    }
    assert_eq!(network.entries(ORIGIN).await, entries, "what is refused changes nothing");
    for verb in Verb::ALL {
        // A node has no business at this door at all.
        if let Some(stream) = shaken(&network, (ORIGIN, Role::Node), door, "h2").await {
            assert_eq!(grpc(stream, verb.path(), framed(&[])).await, None, "{verb:?}");
        }
        refused += 1;
    }
    assert_eq!(network.entries(ORIGIN).await, entries, "what is refused changes nothing");
    for (role, verb) in &allowed {
        let stream = shaken(&network, (ORIGIN, *role), door, "h2").await;
        let came = grpc(stream.expect("it is let in"), verb.path(), framed(&[])).await;
        let came = came.expect("an answer");
        assert!(!matches!(came.code, 7 | 12 | 13 | 16), "{role} {verb:?}: {came:?}");
    }
    assert_eq!(refused + allowed.len(), Verb::ALL.len() * Role::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_holds_at_the_agencys_door_in_json() {
    let network = Network::started_with(&[ORIGIN]).await;
    one_message(&network).await;
    let door = network.place(ORIGIN).listen.agency;
    let entries = network.entries(ORIGIN).await;
    let roles = [Role::Officer, Role::Service, Role::Auditor, Role::Operator];
    let cells = || Verb::ALL.into_iter().flat_map(|verb| roles.map(|role| (role, verb)));
    let call = |verb: Verb| verb.path().strip_prefix("/rogatory.v1.").unwrap();
    for (role, verb) in cells().filter(|(role, verb)| !permitted(*role, *verb)) {
        for text in ["{}", "{", "nonsense"] {
            let (status, body) = network.json(ORIGIN, role, call(verb), text).await;
            let found = (status, body["code"].as_str(), reason(&body));
            let no = (403, Some("permission_denied"), "ROLE_NOT_PERMITTED");
            assert_eq!(found, no, "{role} {verb:?}");
        }
    }
    assert_eq!(network.entries(ORIGIN).await, entries, "what is refused changes nothing");
    for (role, verb) in cells().filter(|(role, verb)| permitted(*role, *verb)) {
        let (status, body) = network.json(ORIGIN, role, call(verb), "{}").await;
        if verb.is_streamed() {
            assert_eq!((status, reason(&body)), (501, "METHOD_UNKNOWN"), "{role} {verb:?}");
        } else {
            assert!(matches!(status, 200 | 400 | 404), "{role} {verb:?}: {status} {body}");
        }
    }
    // An empty question for a proof shows the first entry, which is on record.
    let shown = entries + 1;
    assert_eq!(network.entries(ORIGIN).await, shown, "what is empty changes nothing else");
    // A node is not let in in any language.
    if let Some(mut stream) = shaken(&network, (ORIGIN, Role::Node), door, "http/1.1").await {
        let asked = "POST /rogatory.v1.ExchangeService/ListRequestStates HTTP/1.1\r\nHost: x\r\n\
                     Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        drop(stream.write_all(asked.as_bytes()).await);
        let mut said = Vec::new();
        drop(stream.read_to_end(&mut said).await);
        assert_eq!(said, b"");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_holds_at_the_peers_door() {
    let network = Network::started_with(&[ORIGIN]).await;
    let sent = one_message(&network).await;
    let door = network.place(ORIGIN).listen.peers;
    let entries = network.entries(ORIGIN).await;
    for verb in Verb::ALL {
        let asked = framed(&body(verb, &sent));
        for role in Role::ALL {
            let Some(stream) = shaken(&network, (HUB, role), door, "h2").await else {
                assert_ne!(role, Role::Node);
                continue;
            };
            let came = grpc(stream, verb.path(), asked.clone()).await;
            match (role, came) {
                (Role::Node, Some(came)) if permitted(Role::Node, verb) => {
                    assert!(!matches!(came.code, 7 | 12 | 16), "{verb:?}: {came:?}");
                }
                (Role::Node, Some(came)) => {
                    assert!(came.is_refusal_of_the_role(), "{verb:?}: {came:?}");
                }
                (Role::Node, None) => panic!("{verb:?}: no answer"),
                (role, came) => assert_eq!(came, None, "{role} {verb:?}"),
            }
        }
    }
    assert_eq!(network.entries(ORIGIN).await, entries, "what is refused changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operations_door_has_none_of_the_calls() {
    let network = Network::started_with(&[ORIGIN]).await;
    let sent = one_message(&network).await;
    let door = network.place(ORIGIN).listen.operations;
    let entries = network.entries(ORIGIN).await;
    for verb in Verb::ALL {
        let plain = TcpStream::connect(door).await.unwrap();
        let came = grpc(plain, verb.path(), framed(&body(verb, &sent))).await;
        assert_eq!(came, Some(Came::to(12, "")), "{verb:?}");
        let mut plain = TcpStream::connect(door).await.unwrap();
        let path = verb.path();
        let asked = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        plain.write_all(asked.as_bytes()).await.unwrap();
        let mut said = String::new();
        plain.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 404") && said.ends_with("\r\n\r\n"), "{said}");
    }
    for role in Role::ALL {
        assert!(shaken(&network, (ORIGIN, role), door, "h2").await.is_none(), "{role}");
    }
    assert_eq!(network.entries(ORIGIN).await, entries, "nothing changes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_no_method_has_is_no_call() {
    let network = Network::started_with(&[ORIGIN]).await;
    let door = network.place(ORIGIN).listen.agency;
    let near = "/rogatory.v1.ExchangeService/SendMessage";
    for path in ["/", "/x", "/rogatory.v1.ExchangeService/Nothing", &format!("{near}/")] {
        let stream = shaken(&network, (ORIGIN, Role::Officer), door, "h2").await.unwrap();
        let came = grpc(stream, path, framed(&[])).await;
        assert_eq!(came, Some(Came::to(12, "METHOD_UNKNOWN")), "{path}");
    }
    let (status, body) = network.json(ORIGIN, Role::Officer, "ExchangeService/Nothing", "{}").await;
    assert_eq!((status, &body["code"]), (501, &json!("unimplemented")), "{body}");
    assert_eq!(reason(&body), "METHOD_UNKNOWN");
}
