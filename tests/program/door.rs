//! The promise: bad input from anyone gets a typed no that names its reason, and changes nothing.
//!
//! Everything here goes through the real socket of a real node, whose journal is compared before
//! and after.

use std::fmt::Debug;
use std::time::Duration;

use prost::Message as _;
use rogatory::domain::limits::CONTENT_BYTES_MAX;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::json::JSON_BYTES_MAX;
use rogatory::wire::pb;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::network::drafts::{self, ORIGIN_DESK, sending};
use crate::network::raw::{framed, reason};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};

/// A node, an officer of its agency, and the size of its journal when all was well.
struct Door {
    network: Network,
    officer: Client,
    entries: u64,
}

impl Door {
    async fn open() -> Self {
        let network = Network::started_with(&[ORIGIN]).await;
        let officer = network.client(ORIGIN, Role::Officer).await;
        let entries = network.entries(ORIGIN).await;
        Self { network, officer, entries }
    }

    async fn sends(&self, key: &str, file: &Value) -> Result<pb::SendMessageResponse, ClientError> {
        self.officer.send_message(sending(key, file)).await
    }

    async fn refuses(&self, file: &Value) -> ClientError {
        self.sends("refused", file).await.expect_err("the door says no")
    }

    /// Notes that the journal has grown by what was accepted meanwhile.
    async fn note(&mut self) {
        self.entries = self.network.entries(ORIGIN).await;
    }

    /// The node still serves, and its journal is what it was.
    async fn is_unchanged(&self) {
        assert_eq!(self.network.entries(ORIGIN).await, self.entries, "the journal grew");
    }
}

fn no<T: Debug>(answer: Result<T, ClientError>) -> (i32, String) {
    let error = answer.expect_err("the door says no");
    (error.code(), error.reason().to_owned())
}

/// Where and how a draft is wrong.
fn faults(error: &ClientError) -> Vec<(&str, &str)> {
    assert_eq!((error.code(), error.reason()), (3, "CONTENT_INVALID"), "{error}");
    error.violations().iter().map(|it| (it.pointer.as_str(), it.code.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_file_names_its_unknown_fields() {
    let door = Door::open().await;
    let mut draft = drafts::request("x");
    draft["vessel"] = json!({"imoo": "1234567"});
    draft["hull"] = json!("red");
    let call = json!({"idempotencyKey": "k", "draft": draft}).to_string();
    let send = "ExchangeService/SendMessage";
    let (status, body) = door.network.json(ORIGIN, Role::Officer, send, &call).await;
    assert_eq!(
        (status, &body["code"], reason(&body)),
        (400, &json!("invalid_argument"), "CONTENT_INVALID")
    );
    let text = body.to_string();
    assert!(text.contains("/vessel/imoo") && text.contains("/hull"), "{text}");
    assert!(text.contains("UNKNOWN_FIELD") && !text.contains("1234567"), "{text}");
    for broken in ["", "{", "[]", "null", "{\"draft\": 7}", "\u{0}"] {
        let (status, body) = door.network.json(ORIGIN, Role::Officer, send, broken).await;
        assert_eq!((status, reason(&body)), (400, "CONTENT_INVALID"), "{broken:?}: {body}");
    }
    let mut wrong = drafts::request("x");
    wrong["kind"] = json!("SOM.99");
    wrong["message_type"] = json!("order");
    wrong["to"] = json!(["nobody"]);
    let error = door.refuses(&wrong).await;
    let found = [
        ("/kind", "KIND_UNKNOWN"),
        ("/message_type", "MESSAGE_TYPE_UNKNOWN"),
        ("/to/0", "MALFORMED"),
    ];
    assert_eq!(faults(&error), found);
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contact_points_are_those_of_the_directory_and_the_senders_own() {
    let door = Door::open().await;
    let mut unknown = drafts::request("x");
    unknown["to"] =
        json!(["pan.maritime-authority/flag-state-desk", "pan.maritime-authority/nobody"]);
    let error = door.refuses(&unknown).await;
    assert_eq!(faults(&error), [("/to/1", "UNKNOWN_CONTACT_POINT")]);
    let mut own = drafts::request("x");
    own["to"] = json!([ORIGIN_DESK]);
    let error = door.refuses(&own).await;
    assert_eq!(faults(&error), [("/to/0", "RECIPIENT_IS_SENDER")]);
    let mut foreign = drafts::request("x");
    foreign["from"] = json!("pan.maritime-authority/flag-state-desk");
    assert_eq!(door.refuses(&foreign).await.reason(), "NOT_YOUR_CONTACT_POINT");
    let mut absent = drafts::request("x");
    absent["from"] = json!("ita.coast-guard/nobody");
    assert_eq!(door.refuses(&absent).await.reason(), "NOT_YOUR_CONTACT_POINT");
    // In the directory, and another authority's business.
    let mut wrong = drafts::request("x");
    wrong["to"] = json!(["bel.central-authority/mla"]);
    let error = door.refuses(&wrong).await;
    assert_eq!(faults(&error), [("/to/0", "WRONG_AUTHORITY_ROLE")]);
    door.is_unchanged().await;
}

/// A request with this text. A message file could not be as long as some of them.
fn of_facts(facts: usize) -> pb::SendMessageRequest {
    let mut call = sending("large", &drafts::request(""));
    call.draft.get_or_insert_default().facts = Some("x".repeat(facts));
    call
}

/// A request whose content is this long before the node gives it ids and a time.
fn of_size(bytes: usize) -> pb::SendMessageRequest {
    let length =
        |call: &pb::SendMessageRequest| call.draft.as_ref().map_or(0, pb::Draft::encoded_len);
    let around = length(&of_facts(bytes)) - bytes;
    let call = of_facts(bytes - around);
    assert_eq!(length(&call), bytes);
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_refused_with_its_reason() {
    let mut door = Door::open().await;
    let error = door.officer.send_message(of_size(CONTENT_BYTES_MAX + 1)).await.unwrap_err();
    assert_eq!(faults(&error), [("", "CONTENT_TOO_LARGE")]);
    // It fits as it came, and not with the ids and the filler that the node gives it.
    let answer = door.officer.send_message(of_size(CONTENT_BYTES_MAX)).await;
    assert_eq!(no(answer), (8, "LIMIT_EXCEEDED".to_owned()));
    // Far beyond every limit: not even read.
    let huge = door.officer.send_message(of_facts(3 * 1024 * 1024)).await;
    let (code, _) = no(huge);
    assert!(matches!(code, 8 | 11), "RESOURCE_EXHAUSTED or OUT_OF_RANGE, not {code}");
    let body = format!("{{\"draft\": \"{}\"}}", "x".repeat(JSON_BYTES_MAX));
    let send = "ExchangeService/SendMessage";
    let (status, body) = door.network.json(ORIGIN, Role::Officer, send, &body).await;
    assert_eq!((status, reason(&body)), (429, "LIMIT_EXCEEDED"));
    door.is_unchanged().await;
    // Just within the limit: accepted.
    door.officer.send_message(of_size(CONTENT_BYTES_MAX - 1_024)).await.unwrap();
    door.note().await;
    let mut many = drafts::request("x");
    let desks: Vec<String> =
        (0..13).map(|it| format!("pan.maritime-authority/desk-{it}")).collect();
    many["to"] = json!(desks);
    let error = door.refuses(&many).await;
    assert_eq!(faults(&error).first(), Some(&("/to", "TOO_MANY_RECIPIENTS")));
    let mut long = sending("long", &drafts::request("x"));
    long.expires_in_seconds = 90 * 24 * 3600 + 1;
    let error = door.officer.send_message(long).await.unwrap_err();
    assert_eq!(faults(&error), [("/expires_in_seconds", "LIMIT_EXCEEDED")]);
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_call_gets_the_same_bytes_and_a_key_is_used_once() {
    let mut door = Door::open().await;
    let file = drafts::request("the first");
    let first = door.sends("key", &file).await.unwrap();
    door.note().await;
    let again = door.sends("key", &file).await.unwrap();
    assert!(again.repeated_call && !first.repeated_call);
    assert_eq!(again.messages, first.messages);
    assert!(!first.messages[0].receipt.as_ref().unwrap().proof.is_empty());
    let other = door.sends("key", &drafts::request("another")).await;
    assert_eq!(no(other), (9, "IDEMPOTENCY_KEY_REUSED".to_owned()));
    let mut longer = sending("key", &file);
    longer.expires_in_seconds = 60;
    let longer = door.officer.send_message(longer).await;
    assert_eq!(no(longer), (9, "IDEMPOTENCY_KEY_REUSED".to_owned()));
    for key in [String::new(), "k".repeat(65)] {
        let error = door.sends(&key, &file).await.unwrap_err();
        assert_eq!(faults(&error).first().map(|it| it.0), Some("/idempotency_key"));
    }
    let mut taken = drafts::request("with the first one's id");
    taken["message_id"] = json!(first.messages[0].message_id);
    assert_eq!(no(door.sends("other", &taken).await), (6, "MESSAGE_EXISTS".to_owned()));
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_may_not_do_it_cannot_do() {
    let door = Door::open().await;
    let denied = (7, "ROLE_NOT_PERMITTED".to_owned());
    let officer = &door.officer;
    let auditor = door.network.client(ORIGIN, Role::Auditor).await;
    let operator = door.network.client(ORIGIN, Role::Operator).await;
    assert_eq!(no(officer.get_checkpoint(Default::default()).await), denied);
    assert_eq!(no(officer.replay_entries(Default::default()).await.map(drop)), denied);
    assert_eq!(no(officer.prove_inclusion(Default::default()).await), denied);
    assert_eq!(no(officer.prove_consistency(Default::default()).await), denied);
    assert_eq!(no(officer.list_statements(Default::default()).await), denied);
    for who in [officer, &auditor] {
        assert_eq!(no(who.list_peers(Default::default()).await), denied);
        assert_eq!(no(who.list_queue(Default::default()).await), denied);
    }
    let message = "019cadb0-eef7-70f4-8158-cde69e1d7f9d".to_owned();
    let origin = DESTINATION.to_owned();
    for who in [&auditor, &operator] {
        let send = who.send_message(sending("k", &drafts::request("x"))).await;
        assert_eq!(no(send), denied);
        let (origin, message_id) = (origin.clone(), message.clone());
        let read = pb::ReadMessageRequest { origin, message_id };
        assert_eq!(no(who.read_message(read).await), denied);
        let claim =
            pb::ClaimMessageRequest { idempotency_key: "c".to_owned(), ..Default::default() };
        assert_eq!(no(who.claim_message(claim).await), denied);
        assert_eq!(no(who.acknowledge_message(Default::default()).await), denied);
        assert_eq!(no(who.release_message(Default::default()).await), denied);
        assert_eq!(no(who.list_messages(Default::default()).await), denied);
        assert_eq!(no(who.watch_messages(Default::default()).await.map(drop)), denied);
        assert_eq!(no(who.get_message(Default::default()).await), denied);
        assert_eq!(no(who.list_request_states(Default::default()).await), denied);
        assert_eq!(no(who.get_request_state(Default::default()).await), denied);
        assert_eq!(no(who.resolve_recipients(Default::default()).await), denied);
    }
    assert_eq!(no(operator.get_checkpoint(Default::default()).await), denied);
    // The relay's method is no officer's, at this door or another.
    let transfer = "RelayService/Transfer";
    let answer = door.network.grpc(ORIGIN, Role::Officer, transfer, framed(&[])).await;
    assert_eq!(answer.code, Some(7), "{answer:?}");
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_the_state_forbids_is_told_what_is_possible() {
    let mut door = Door::open().await;
    let sent = door.sends("k", &drafts::request("x")).await.unwrap().messages.remove(0);
    door.note().await;
    for act in ["closing", "conditions_accept", "receipt_of_result", "ack_receipt", "refusal"] {
        let file = drafts::act(ORIGIN, act, &sent.request_id, &sent.message_id);
        let error = door.refuses(&file).await;
        assert_eq!((error.code(), error.reason()), (9, "STATE_FORBIDS"), "{act}: {error}");
        let told = error.to_json();
        let possible = told["metadata"]["possible_acts"].as_str().unwrap_or_default();
        let possible: Vec<&str> = possible.split(", ").collect();
        assert!(possible.contains(&"withdrawal") && possible.contains(&"supplement"), "{told}");
        assert!(!possible.contains(&act), "{told}");
    }
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_others_does_not_exist() {
    let network = Network::started().await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let sent = officer.send_message(sending("k", &drafts::request("x"))).await.unwrap();
    let sent = &sent.messages[0];
    let reader = network.client(DESTINATION, Role::Officer).await;
    let wait = pb::ListMessagesRequest { wait_seconds: 20, ..Default::default() };
    assert_eq!(reader.list_messages(wait).await.unwrap().items.len(), 1);
    // The transit has passed the message on and knows its id; its officers see nothing of it.
    let transit = network.client(HUB, Role::Officer).await;
    network.journal(HUB).await;
    let at_rest = network.entries(HUB).await;
    let missing = (5, "NOT_FOUND".to_owned());
    let hub_desk = network.place(HUB).desk.to_string();
    let mut file = drafts::act(ORIGIN, "supplement", &sent.request_id, &sent.message_id);
    file["from"] = json!(hub_desk);
    assert_eq!(no(transit.send_message(sending("k", &file)).await), missing);
    let asked = pb::GetRequestStateRequest { request_id: sent.request_id.clone() };
    assert_eq!(no(transit.get_request_state(asked).await), missing);
    let (origin, message_id) = (ORIGIN.to_owned(), sent.message_id.clone());
    let read = pb::ReadMessageRequest { origin: origin.clone(), message_id: message_id.clone() };
    assert_eq!(no(transit.read_message(read).await), missing);
    let shown = pb::GetMessageRequest { origin, message_id, with_content: true };
    assert_eq!(no(transit.get_message(shown).await), missing);
    let claim = pb::ClaimMessageRequest {
        idempotency_key: "c".to_owned(),
        origin: ORIGIN.to_owned(),
        message_id: sent.message_id.clone(),
        lease_seconds: 60,
    };
    assert_eq!(no(transit.claim_message(claim).await), missing);
    // And so is an id that was never given to anyone.
    let never = "019cadb0-5da8-764d-8ede-a570473907c2";
    let file = drafts::act(ORIGIN, "supplement", never, never);
    assert_eq!(no(officer.send_message(sending("n", &file)).await), missing);
    assert_eq!(network.entries(HUB).await, at_rest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_a_call_is_no_message() {
    let door = Door::open().await;
    let calls =
        ["ExchangeService/SendMessage", "InboxService/ClaimMessage", "InboxService/ListMessages"];
    // A string of more bytes than there are, a field number 0, a group that never ends.
    let garbage: [&[u8]; 4] = [&[0x0a, 0x7f, 1], &[0x00, 0x00], &[0x0b, 0x0b], &[0xff; 40]];
    for call in calls {
        for body in garbage {
            let answer = door.network.grpc(ORIGIN, Role::Officer, call, framed(body)).await;
            assert_eq!(answer.http, 200, "{call}: {answer:?}");
            assert!(matches!(answer.code, Some(3 | 13)), "{call} {body:?}: {answer:?}");
        }
        // A frame that says more than it holds, and one that is cut in its own head.
        for body in [vec![0, 0, 0, 0, 9, 1], vec![0, 0], vec![7; 64]] {
            let answer = door.network.grpc(ORIGIN, Role::Officer, call, body.clone()).await;
            assert!(answer.code.is_some_and(|it| it != 0), "{call} {body:?}: {answer:?}");
        }
    }
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_pages_that_do_not_exist_are_refused() {
    let door = Door::open().await;
    for call in ["ExchangeService/EraseEverything", "NoService/SendMessage", ""] {
        let answer = door.network.grpc(ORIGIN, Role::Officer, call, framed(&[])).await;
        assert_eq!(answer.code, Some(12), "{call}: {answer:?}");
        let (status, body) = door.network.json(ORIGIN, Role::Officer, call, "{}").await;
        assert_eq!((status, reason(&body)), (501, "METHOD_UNKNOWN"), "{call}: {body}");
    }
    let officer = &door.officer;
    let page = |page_size, page_token: &str| pb::ListRequestStatesRequest {
        page_size,
        page_token: page_token.to_owned(),
    };
    let error = officer.list_request_states(page(-1, "")).await.unwrap_err();
    assert_eq!(faults(&error), [("/page_size", "OUT_OF_RANGE")]);
    let inbox = pb::ListMessagesRequest { page_size: i32::MIN, ..Default::default() };
    let error = officer.list_messages(inbox).await.unwrap_err();
    assert_eq!(faults(&error), [("/page_size", "OUT_OF_RANGE")]);
    for token in ["AAAA", "%%%", "x", &"A".repeat(5_000)] {
        let answer = officer.list_request_states(page(10, token)).await;
        assert_eq!(no(answer), (3, "CURSOR_INVALID".to_owned()), "{token}");
    }
    let wait = pb::ListMessagesRequest { wait_seconds: 61, ..Default::default() };
    let error = officer.list_messages(wait).await.unwrap_err();
    assert_eq!(faults(&error), [("/wait_seconds", "LIMIT_EXCEEDED")]);
    let foreign = pb::ListMessagesRequest {
        contact_point: drafts::DESTINATION_DESK.to_owned(),
        ..Default::default()
    };
    assert_eq!(
        officer.list_messages(foreign).await.unwrap_err().reason(),
        "NOT_YOUR_CONTACT_POINT"
    );
    door.is_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_a_tls_port_ends_that_connection_alone() {
    let door = Door::open().await;
    let listen = door.network.place(ORIGIN).listen.clone();
    let hello_of_length =
        [&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3][..], &[7; 4_000]].concat();
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        &[0xff; 600],
        &[0; 5],
        &hello_of_length,
    ];
    for address in [listen.agency, listen.peers] {
        for bytes in garbage {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // It may have been cut off by now: after the first wrong byte the door owes nothing.
            drop(stream.write_all(bytes).await);
            drop(stream.shutdown().await);
            let mut answer = Vec::new();
            let ended = stream.read_to_end(&mut answer);
            let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
            // An alert or a reset, and nothing of what is behind the door.
            assert!(ended.is_ok(), "the connection stays open");
            assert!(answer.len() < 16, "{} bytes for {bytes:02x?}", answer.len());
        }
    }
    // Connections that say nothing keep nobody out.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(listen.agency).await.unwrap());
    }
    until("an answer beside silent connections", async || {
        door.officer.list_request_states(Default::default()).await.ok()
    })
    .await;
    let fresh = door.network.client(ORIGIN, Role::Officer).await;
    fresh.list_request_states(Default::default()).await.unwrap();
    door.is_unchanged().await;
}
