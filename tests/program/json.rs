//! The promise: a case system without gRPC works its inbox with curl, a client certificate and
//! JSON over HTTP/1.1. Where curl is missing the test says so aloud.

use std::process::{Command, Output};

use rogatory::identity::Role;
use serde_json::{Value, json};

use crate::network::drafts::{self, DESTINATION_DESK, sending};
use crate::network::raw::reason;
use crate::network::{DESTINATION, Network, ORIGIN};

fn curl_is_there() -> bool {
    Command::new("curl").arg("--version").output().is_ok_and(|it| it.status.success())
}

/// What curl's write-out is told apart from the body by.
const WRITTEN_OUT: &str = "\n--written-out--";

/// `curl` as a case system of the destination calls it, with more arguments.
fn curl(network: &Network, who: Option<(&str, Role)>, call: &str, body: &str) -> Output {
    let place = network.place(DESTINATION);
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--http1.1", "--tlsv1.3", "--max-time", "30"]);
    command.arg("--cacert").arg(&place.ca);
    if let Some((agency, role)) = who {
        let caller = &network.place(agency).callers[&role];
        command.arg("--cert").arg(&caller.certificate).arg("--key").arg(&caller.key);
    }
    let written_out = format!("{WRITTEN_OUT}%{{http_code}} %{{http_version}} %{{content_type}}");
    command.args(["--write-out", &written_out]);
    command.args(["--header", "Content-Type: application/json", "--data-binary", body]);
    command.arg(format!("https://{}/rogatory.v1.{call}", place.listen.agency));
    command.output().expect("curl starts")
}

/// An answer's status and body.
fn asked(network: &Network, role: Role, call: &str, body: &Value) -> (u16, Value) {
    asked_with(network, role, call, &body.to_string())
}

fn asked_with(network: &Network, role: Role, call: &str, body: &str) -> (u16, Value) {
    let output = curl(network, Some((DESTINATION, role)), call, body);
    let text = String::from_utf8(output.stdout).expect("the answer is UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{call}: {errors}");
    let (body, told) = text.rsplit_once(WRITTEN_OUT).expect("curl writes out");
    let told: Vec<&str> = told.split(' ').collect();
    assert_eq!(told[1..], ["1.1", "application/json"], "{call}");
    let body = serde_json::from_str(body).expect("the answer is JSON");
    (told[0].parse().expect("a status"), body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_system_with_curl_polls_claims_reads_and_acknowledges() {
    if !curl_is_there() {
        println!("SKIPPED: no curl on this machine");
        return;
    }
    let network = Network::started().await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let facts = "A vessel was sighted without lights";
    let sent = officer.send_message(sending("k", &drafts::request(facts))).await.unwrap();
    let sent = &sent.messages[0];

    let poll = json!({"contact_point": DESTINATION_DESK, "wait_seconds": 20});
    let (status, page) = asked(&network, Role::Service, "InboxService/ListMessages", &poll);
    assert_eq!(status, 200, "{page}");
    let item = &page["items"][0];
    assert_eq!((&item["sequence"], &item["status"]), (&json!(1), &json!("new")), "{page}");
    assert_eq!(item["message"]["message_id"], json!(sent.message_id));
    assert_eq!(item["message"]["kind"], "SOM.8.2.VESSEL");
    assert!(!page.to_string().contains(facts), "a list shows no content");
    assert_eq!(page["next_after"], 1);

    let named = json!({"origin": ORIGIN, "message_id": sent.message_id});
    let with = |more: Value| {
        let mut call = named.clone();
        let fields = call.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        call
    };
    let claim = with(json!({"idempotency_key": "claim-1", "lease_seconds": 600}));
    let (status, claimed) = asked(&network, Role::Service, "InboxService/ClaimMessage", &claim);
    assert_eq!(status, 200, "{claimed}");
    assert!(claimed["lease_until"].is_string() && claimed["receipt"]["proof"].is_string());
    let again = asked(&network, Role::Service, "InboxService/ClaimMessage", &claim);
    assert_eq!(again, (200, claimed), "the same call, the same receipt");
    let other = with(json!({"idempotency_key": "claim-2", "lease_seconds": 600}));
    let (status, body) = asked(&network, Role::Officer, "InboxService/ClaimMessage", &other);
    assert_eq!((status, reason(&body)), (400, "CLAIMED_BY_ANOTHER"), "{body}");

    let (status, read) = asked(&network, Role::Service, "InboxService/ReadMessage", &named);
    assert_eq!(status, 200, "{read}");
    assert_eq!(read["content"]["facts"], facts);
    assert_eq!(read["content"]["from"], drafts::ORIGIN_DESK);
    assert!(read["receipt"]["entry"].is_string() && read["origin"]["proof"].is_string());

    let done = with(json!({"idempotency_key": "done-1"}));
    let (status, body) = asked(&network, Role::Service, "InboxService/AcknowledgeMessage", &done);
    assert_eq!(status, 200, "{body}");
    assert!(body["receipt"]["proof"].is_string());
    let open = json!({"open_only": true});
    let (status, page) = asked(&network, Role::Service, "InboxService/ListMessages", &open);
    assert_eq!(status, 200);
    assert!(page["items"].as_array().is_none_or(Vec::is_empty), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_is_told_what_is_wrong_and_needs_a_certificate() {
    if !curl_is_there() {
        println!("SKIPPED: no curl on this machine");
        return;
    }
    let network = Network::started_with(&[DESTINATION]).await;
    let entries = network.entries(DESTINATION).await;
    let list = "InboxService/ListMessages";
    let (status, body) = asked(&network, Role::Service, list, &json!({"affter": 1}));
    assert_eq!((status, &body["code"]), (400, &json!("invalid_argument")), "{body}");
    assert_eq!(reason(&body), "CONTENT_INVALID");
    assert!(body["message"].as_str().is_some_and(|it| it.starts_with("/affter")), "{body}");

    assert!(body.to_string().contains("UNKNOWN_FIELD"), "{body}");
    for broken in ["{", "[1]", "nonsense", "{\"after\": \"x\"}"] {
        let (status, body) = asked_with(&network, Role::Service, list, broken);
        assert_eq!((status, &body["code"]), (400, &json!("invalid_argument")), "{broken}");
        assert_eq!(reason(&body), "CONTENT_INVALID", "{broken}");
    }
    let (status, body) = asked(&network, Role::Auditor, list, &json!({}));
    assert_eq!((status, &body["code"]), (403, &json!("permission_denied")), "{body}");
    assert_eq!(reason(&body), "ROLE_NOT_PERMITTED");
    let message_id = "019cadb0-eef7-70f4-8158-cde69e1d7f9d";
    let named = json!({"origin": ORIGIN, "message_id": message_id});
    let (status, body) = asked(&network, Role::Service, "InboxService/ReadMessage", &named);
    assert_eq!((status, reason(&body)), (404, "NOT_FOUND"), "{body}");

    for who in [None, Some((ORIGIN, Role::Service)), Some((DESTINATION, Role::Node))] {
        let output = curl(&network, who, list, "{}");
        assert!(!output.status.success(), "{who:?} is let in");
        let told = String::from_utf8_lossy(&output.stderr);
        // 35 and 56: the handshake, or the first bytes after it, ended with an alert.
        assert!(matches!(output.status.code(), Some(35 | 55 | 56)), "{who:?}: {told}");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.starts_with(&format!("{WRITTEN_OUT}000")), "{who:?}: {answer}");
    }
    assert_eq!(network.entries(DESTINATION).await, entries, "the journal grew");
}
