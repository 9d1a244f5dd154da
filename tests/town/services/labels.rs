//! Labels join strictest first: an answer and what is passed on take over what their label leaves
//! out, their author is told, and what is stated weaker is refused.

use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::services::town::{Town, reason, sending, without_attachments};

const BANK_RECORDS: &str = include_str!("../../../config/demo/ex1-bank-records-untoc-18-3-f.json");

/// The worked request for bank records between two agencies, with this label.
fn request(from: usize, to: usize, handling: &Value) -> Value {
    let mut file: Value = serde_json::from_str(BANK_RECORDS).unwrap();
    let fields = file.as_object_mut().unwrap();
    for gone in ["message_id", "request_id", "issued_at", "respond_by", "handling"] {
        fields.remove(gone);
    }
    without_attachments(&mut file);
    file["from"] = json!(format!("int.n{from}/desk"));
    file["to"] = json!([format!("int.n{to}/desk")]);
    if !handling.is_null() {
        file["handling"] = handling.clone();
    }
    file
}

/// An acknowledgement from agency 2 to agency 0, with this label.
fn ack(request_id: &str, handling: &Value) -> Value {
    let whole = request(2, 0, handling);
    let mut ack = json!({ "request_id": request_id, "message_type": "ack_receipt" });
    for kept in ["kind", "form", "official", "from", "to", "handling"] {
        if !whole[kept].is_null() {
            ack[kept] = whole[kept].clone();
        }
    }
    ack["languages"] = json!({"request": "en"});
    ack
}

fn read(file: &Value) -> pb::Draft {
    read_file(file.to_string().as_bytes()).unwrap()
}

async fn send(client: &Client, key: &str, file: &Value) -> pb::SendMessageResponse {
    client.send_message(sending(key, read(file))).await.unwrap()
}

/// The first message in an inbox after place `after`, and its content.
async fn arrived(client: &Client, after: u64) -> (pb::MessageSummary, pb::Draft) {
    let asked = pb::ListMessagesRequest { after, wait_seconds: 10, ..Default::default() };
    let message = client.list_messages(asked).await.unwrap().items.remove(0).message.unwrap();
    let (origin, message_id) = (message.origin.clone(), message.message_id.clone());
    let asked = pb::ReadMessageRequest { origin, message_id };
    (message, client.read_message(asked).await.unwrap().content.unwrap())
}

/// What was told of the label.
fn told(sent: &pb::SendMessageResponse) -> Vec<(&str, &str, &str)> {
    let notes = sent.findings.iter().filter(|it| it.code == "LABEL_TAKEN_OVER");
    notes.map(|it| (it.severity.as_str(), it.pointer.as_str(), it.reason.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_a_label_takes_over_that_of_the_request_and_its_author_is_told() {
    let town = Town::built().await;
    let (asks, answers) =
        (town.client(0, Role::Officer).await, town.client(2, Role::Officer).await);
    let red = json!({"tlp": "TLP:RED", "handling_code": "H1+H2", "onward_sharing": "forbidden"});
    let sent = send(&asks, "k1", &request(0, 2, &red)).await;
    assert_eq!(told(&sent), []);
    arrived(&answers, 0).await;
    let request_id = &sent.messages[0].request_id;
    let weaker = ack(request_id, &json!({"tlp": "TLP:AMBER"}));
    let refused = answers.send_message(sending("k2", read(&weaker))).await;
    assert_eq!(reason(refused), "HANDLING_FORBIDS");
    let answer = send(&answers, "k3", &ack(request_id, &Value::Null)).await;
    let words = "what its label leaves out it takes over from what it answers or passes on, the \
                 strictest of several: TLP:RED, H1, H2, forbidden";
    assert_eq!(told(&answer), [("note", "/handling", words)]);
    let (_, content) = arrived(&asks, 0).await;
    let handling = content.handling.unwrap();
    assert_eq!(handling.tlp.as_deref(), Some("TLP:RED"));
    assert_eq!(handling.handling_code.as_deref(), Some("H1+H2"));
    assert_eq!(handling.onward_sharing.as_deref(), Some("forbidden"));
    assert_eq!(handling.originator, None);
    // The same call again is answered as before.
    let again = send(&answers, "k3", &ack(request_id, &Value::Null)).await;
    assert!(again.repeated_call);
    assert_eq!(again.messages, answer.messages);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_passed_on_without_a_label_keeps_that_of_its_originator() {
    let town = Town::built().await;
    let (asks, passes) = (town.client(0, Role::Officer).await, town.client(2, Role::Officer).await);
    let free = json!({"tlp": "TLP:RED", "handling_code": "H1", "onward_sharing": "free",
        "originator": "BRA"});
    let sent = send(&asks, "k1", &request(0, 2, &free)).await;
    arrived(&passes, 0).await;
    let mut relay = request(2, 1, &Value::Null);
    relay["relay_of"] = json!(sent.messages[0].message_id);
    relay["handling"] = json!({"tlp": "TLP:GREEN"});
    let refused = passes.send_message(sending("k2", read(&relay))).await;
    assert_eq!(reason(refused), "HANDLING_FORBIDS");
    relay.as_object_mut().unwrap().remove("handling");
    let passed = send(&passes, "k3", &relay).await;
    let words = told(&passed).remove(0).2;
    assert!(words.ends_with(": TLP:RED, H1, originator_consent"), "{words}");
    let third = town.client(1, Role::Officer).await;
    let (_, content) = arrived(&third, 0).await;
    let handling = content.handling.unwrap();
    assert_eq!(handling.tlp.as_deref(), Some("TLP:RED"));
    assert_eq!(handling.handling_code.as_deref(), Some("H1"));
    assert_eq!(handling.originator.as_deref(), Some("BRA"));
    // A request of one's own says itself how it is handled.
    relay.as_object_mut().unwrap().remove("relay_of");
    let bare = passes.send_message(sending("k4", read(&relay))).await.unwrap_err();
    let bare: Vec<_> = bare.violations().iter().map(|it| it.code.clone()).collect();
    assert_eq!(bare, ["HANDLING_MISSING"]);
    town.stopped().await;
}
