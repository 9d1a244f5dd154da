//! Who calls is said by the certificate of the connection and by nothing else: no header, no second name
//! and no name from elsewhere makes more of a caller. (Two names in one certificate, names of other
//! agencies' authorities and roles in the subject alone are in `tests/parts/tls.rs`.)

use rogatory::identity::Role;
use serde_json::json;

use crate::desks::posts::{Post, restarted_with};
use crate::network::drafts::{self, ORIGIN_DESK};
use crate::network::raw::framed;
use crate::network::{Network, ORIGIN};

/// What proxies and frameworks carry a caller's name in, and what would be tried besides.
const HEADERS: [&str; 14] = [
    "role",
    "x-role",
    "x-user",
    "x-forwarded-user",
    "x-forwarded-client-cert",
    "x-client-cert",
    "x-ssl-client-s-dn",
    "x-spiffe-id",
    "x-principal",
    "principal",
    "forwarded",
    "authorization",
    "rogatory-role",
    "grpc-previous-rpc-attempts",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_call_says_of_itself_makes_another_caller_of_it() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let policy = format!(
        "format = 1\n[[desk]]\nid = \"{ORIGIN_DESK}\"\nread = [\"officer/chief\"]\n\
         send = [\"officer/chief\"]\nrelease = [\"officer/chief\"]\n[[four_eyes]]\n"
    );
    restarted_with(&mut network, ORIGIN, &policy).await;
    let of = |role, name| Post::of(&network, ORIGIN, role, name);
    let chief = of(Role::Officer, "chief");
    let send = "ExchangeService/SendMessage";
    let body = json!({"idempotency_key": "k", "draft": drafts::request("Adrift")});
    let drafted = chief.json(send, &body).await.json()["draft"].clone();
    let id = json!({"draft_id": drafted["draft_id"]});
    let before = network.entries(ORIGIN).await;
    let xfcc = format!("By=spiffe://{ORIGIN}/node/node-1;URI={}", chief.id);
    let bearer = format!("Bearer {}", chief.id);
    // Another role, and another post of the same role.
    let others = [
        (of(Role::Auditor, "chief"), "ROLE_NOT_PERMITTED"),
        (of(Role::Operator, "chief"), "ROLE_NOT_PERMITTED"),
        (of(Role::Officer, "clerk"), "DESK_NOT_PERMITTED"),
        (of(Role::Service, "chief"), "DESK_NOT_PERMITTED"),
    ];
    let values = ["officer", chief.id.as_str(), xfcc.as_str(), bearer.as_str()];
    for (name, value) in HEADERS.iter().flat_map(|name| values.map(|value| (*name, value))) {
        let said = [(name, value), (name, "officer")];
        for (post, reason) in &others {
            let came = post.json_with(send, &body, &said).await;
            assert_eq!(came.reason, *reason, "{name}: {value} json {}", post.id);
            let came = post.grpc_with(send, &body, &said).await;
            assert_eq!(came.reason, *reason, "{name}: {value} grpc {}", post.id);
        }
    }
    // The same post under another role is another caller: it has not drafted, and may not approve.
    let approve = json!({
        "idempotency_key": "a", "draft_id": drafted["draft_id"],
        "fingerprint": drafted["fingerprint"],
    });
    let double = of(Role::Service, "chief");
    let call = "ApprovalService/ApproveDraft";
    assert_eq!(double.json(call, &approve).await.reason, "ROLE_NOT_PERMITTED");
    assert_eq!(double.json("ApprovalService/GetDraft", &id).await.reason, "NOT_FOUND");
    assert_eq!(chief.json(call, &approve).await.reason, "OWN_DRAFT");
    assert_eq!(network.entries(ORIGIN).await, before, "what is refused leaves no entry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_call_is_refused_and_never_expanded() {
    let network = Network::started_with(&[ORIGIN]).await;
    let before = network.entries(ORIGIN).await;
    // The flag of a frame says that it is compressed (gRPC over HTTP/2, Length-Prefixed-Message).
    let mut frame = framed(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    frame[0] = 1;
    let call = "ExchangeService/SendMessage";
    let answer = network.grpc(ORIGIN, Role::Officer, call, frame).await;
    assert!(matches!(answer.code, Some(12 | 13)), "{answer:?}");
    let officer = Post::of(&network, ORIGIN, Role::Officer, "chief");
    for said in [[("grpc-encoding", "gzip")], [("grpc-encoding", "zstd")]] {
        let came = officer.grpc_with(call, &json!({}), &said).await;
        assert_ne!(came.code, 0, "{said:?}");
    }
    let came = officer.json_with(call, &json!({}), &[("content-encoding", "gzip")]).await;
    assert_eq!(came.reason, "CONTENT_INVALID");
    assert_eq!(network.entries(ORIGIN).await, before);
}
