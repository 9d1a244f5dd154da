//! Calls without our client: bytes of the test's choice in HTTP/1.1 and HTTP/2.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rogatory::identity::Role;
use rogatory::transport::tls::{self, ClientStream, TlsConnector};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Network;

/// What a node answered to a call of gRPC: its code, from the trailers or the headers.
#[derive(Debug, PartialEq, Eq)]
pub struct GrpcAnswer {
    /// Status of HTTP.
    pub http: u16,
    /// Code of gRPC; none if the node gave none.
    pub code: Option<i32>,
}

impl Network {
    /// A connection of an agency's caller to its own node, on which nothing was said yet.
    pub async fn connected(
        &self,
        stage: &str,
        role: Role,
        protocol: &str,
    ) -> ClientStream<TcpStream> {
        let mut config = (*tls::client(self.tls(stage, stage, role))).clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let tcp = TcpStream::connect(self.place(stage).listen.agency).await;
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(Arc::new(config));
        let stream = stream.connect(name, tcp.expect("the node listens")).await;
        stream.expect("the certificates hold")
    }

    /// A connection of the node of agency `of` to the peer listener of `stage`, on which nothing was said yet.
    pub async fn connected_as_peer(&self, stage: &str, of: &str) -> ClientStream<TcpStream> {
        let stream = self.knocked_as(stage, of, Role::Node).await;
        stream.expect("the certificates hold")
    }

    /// The same for somebody of this role, who may be shown the door.
    pub async fn knocked_as(
        &self,
        stage: &str,
        of: &str,
        role: Role,
    ) -> std::io::Result<ClientStream<TcpStream>> {
        let mut config = (*tls::client(self.tls(stage, of, role))).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(self.place(stage).listen.peers).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    /// A call in JSON over HTTP/1.1.
    pub async fn json(&self, stage: &str, role: Role, call: &str, body: &str) -> (u16, Value) {
        let stream = TokioIo::new(self.connected(stage, role, "http/1.1").await);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.expect("HTTP/1.1 is spoken");
        let request = Request::post(format!("/rogatory.v1.{call}"))
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a well-formed request");
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let response = sender.send_request(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("the answer ends well").to_bytes();
        (status, serde_json::from_slice(&body).expect("the answer is JSON"))
    }

    /// A call of gRPC with this body as it is.
    pub async fn grpc(&self, stage: &str, role: Role, call: &str, body: Vec<u8>) -> GrpcAnswer {
        let stream = self.connected(stage, role, "h2").await;
        GrpcAnswer::of(stream, call, &[], body).await
    }
}

impl GrpcAnswer {
    /// Makes a call of gRPC over a connection, with these headers besides and this body as it is.
    pub async fn of(
        stream: ClientStream<TcpStream>,
        call: &str,
        besides: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Self {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .expect("HTTP/2 is spoken");
        let mut request = Request::post(format!("https://localhost/rogatory.v1.{call}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in besides {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a well-formed request");
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let response = sender.send_request(request).await.expect("an answer");
        let http = response.status().as_u16();
        let early = response.headers().get("grpc-status").cloned();
        let body = response.into_body().collect().await.expect("the answer ends well");
        let late = body.trailers().and_then(|it| it.get("grpc-status")).cloned();
        let code = early.or(late).and_then(|it| it.to_str().ok()?.parse().ok());
        GrpcAnswer { http, code }
    }
}

/// The reason in an error of a JSON answer.
pub fn reason(body: &Value) -> &str {
    info(body).and_then(|it| it["reason"].as_str()).unwrap_or_default()
}

/// A variable part of an error of a JSON answer; empty if it has none of this name.
pub fn metadata<'a>(body: &'a Value, name: &str) -> &'a str {
    info(body).and_then(|it| it["metadata"][name].as_str()).unwrap_or_default()
}

fn info(body: &Value) -> Option<&Value> {
    let details = body["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    details.iter().find(|it| it["type"] == "google.rpc.ErrorInfo").map(|it| &it["debug"])
}

/// A message in the frame that gRPC puts around it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    framed
}
