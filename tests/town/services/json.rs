//! The same calls over HTTP/1.1 in JSON, with the same certificate.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rogatory::identity::Role;
use rogatory::transport::tls::{self, TlsConnector};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::services::town::{Town, file};

/// One call on a connection of its own, as an HTTP library of any language makes it.
pub(crate) async fn post(
    town: &Town,
    n: usize,
    role: Role,
    path: &str,
    body: &str,
) -> (u16, Value) {
    let issued = town.leaf(n, role, "one");
    let mut config = (*tls::client(town.caller_tls(n, &issued))).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let tcp = TcpStream::connect(&town.addresses[n]).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let request = hyper::Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let answered = async {
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    };
    tokio::select! {
        answer = answered => answer,
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}

fn reason(body: &Value) -> &Value {
    let details = body["details"].as_array().unwrap();
    let found = details.iter().find(|it| it["type"] == "google.rpc.ErrorInfo").unwrap();
    &found["debug"]["reason"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_system_without_grpc_sends_and_polls() {
    let town = Town::built().await;
    let draft = file("A vessel was sighted");
    let call = json!({ "idempotencyKey": "k1", "draft": draft }).to_string();
    let path = "/rogatory.v1.ExchangeService/SendMessage";
    let (status, sent) = post(&town, 0, Role::Service, path, &call).await;
    assert_eq!(status, 200, "{sent}");
    let message = &sent["messages"][0];
    assert_eq!(message["route"], json!(["int.n1", "int.n2"]));
    assert!(message["receipt"]["proof"].is_string());
    let path = "/rogatory.v1.InboxService/ListMessages";
    let (status, found) = post(&town, 2, Role::Service, path, r#"{"wait_seconds":10}"#).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(found["items"][0]["message"]["message_id"], message["message_id"]);
    assert_eq!(found["next_after"], 1);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_in_json_say_what_they_say_in_grpc() {
    let town = Town::built().await;
    let list = "/rogatory.v1.InboxService/ListMessages";
    let (status, body) = post(&town, 0, Role::Officer, list, r#"{"affter":1}"#).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_argument")));
    assert_eq!(reason(&body), "CONTENT_INVALID");
    assert!(body["message"].as_str().unwrap().starts_with("/affter"), "{body}");
    let (status, body) = post(&town, 0, Role::Officer, list, "{").await;
    assert_eq!((status, reason(&body)), (400, &json!("CONTENT_INVALID")));
    let (status, body) = post(&town, 0, Role::Auditor, list, "{}").await;
    assert_eq!((status, reason(&body)), (403, &json!("ROLE_NOT_PERMITTED")));
    let (status, body) = post(&town, 0, Role::Officer, list, r#"{"wait_seconds":61}"#).await;
    assert_eq!((status, reason(&body)), (400, &json!("CONTENT_INVALID")));
    let streams = "/rogatory.v1.InboxService/WatchMessages";
    let (status, body) = post(&town, 0, Role::Officer, streams, "{}").await;
    assert_eq!((status, &body["code"]), (501, &json!("unimplemented")));
    let large = format!(r#"{{"contact_point":"{}"}}"#, "a".repeat(1024 * 1024));
    let (status, body) = post(&town, 0, Role::Officer, list, &large).await;
    assert_eq!(status, 429, "{body}");
    assert_eq!(reason(&body), "LIMIT_EXCEEDED");
    town.stopped().await;
}
