//! An act within a request is taken by the listener only if it goes to the sides of that request.

use rogatory::identity::Role;
use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::services::town::{Town, file, sending};

/// An acknowledgement of agency 2, to the desks of these.
fn ack(request_id: &str, to: &[usize]) -> pb::Draft {
    let whole = file("a vessel without lights");
    let desks: Vec<String> = to.iter().map(|n| format!("int.n{n}/desk")).collect();
    let mut ack: Value = json!({
        "request_id": request_id, "message_type": "ack_receipt", "from": "int.n2/desk",
        "to": desks, "languages": {"request": "en"},
    });
    for kept in ["kind", "form", "urgency", "official", "handling"] {
        if !whole[kept].is_null() {
            ack[kept] = whole[kept].clone();
        }
    }
    read_file(ack.to_string().as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_to_an_agency_without_a_part_in_the_request_is_refused_with_place_and_rule() {
    let town = Town::built().await;
    let (asks, answers) =
        (town.client(0, Role::Officer).await, town.client(2, Role::Officer).await);
    let draft = read_file(file("a vessel without lights").to_string().as_bytes()).unwrap();
    let sent = asks.send_message(sending("k1", draft)).await.unwrap();
    let request_id = sent.messages[0].request_id.clone();
    let asked = pb::ListMessagesRequest { wait_seconds: 10, ..Default::default() };
    assert_eq!(answers.list_messages(asked).await.unwrap().items.len(), 1);
    let before = town.writers[2].setting().journal.next();
    for (to, place) in [(&[1][..], "/to/0"), (&[0, 1], "/to/1")] {
        let refused = answers.send_message(sending("k2", ack(&request_id, to))).await.unwrap_err();
        assert_eq!((refused.reason(), refused.code()), ("CONTENT_INVALID", 3));
        let found: Vec<_> =
            refused.violations().iter().map(|it| (&*it.pointer, &*it.code)).collect();
        assert_eq!(found, [(place, "RECIPIENT_NOT_PARTY")]);
        let rule = &refused.violations()[0].rule;
        assert_eq!(rule, "R-ROUTE-FLAG");
    }
    assert_eq!(town.writers[2].setting().journal.next(), before);
    answers.send_message(sending("k2", ack(&request_id, &[0]))).await.unwrap();
    town.stopped().await;
}
