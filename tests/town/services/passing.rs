//! A reviewing transit in the middle of the row, on real sockets: what its people list, read and decide,
//! attachments included.

use rogatory::directory::Transit;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire;
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::services::attachments::{asking, file, hand_in, read, with};
use crate::services::queue::until;
use crate::services::town::{self, Town, reason, sending};

const ORIGIN: &str = "int.n0";

async fn town() -> Town {
    Town::built_where(|draft| draft.agencies[1].transit = Some(Transit::Reviewing)).await
}

/// What is listed at the only desk of an agency, of this message.
async fn listed(client: &Client, id: &str) -> Option<pb::InboxItem> {
    let asked = pb::ListMessagesRequest::default();
    let items = client.list_messages(asked).await.unwrap().items;
    items.into_iter().find(|it| it.message.as_ref().is_some_and(|it| it.message_id == id))
}

fn releasing(key: &str, id: &str) -> pb::ReleaseTransitRequest {
    let (origin, message_id) = (ORIGIN.to_owned(), id.to_owned());
    pb::ReleaseTransitRequest { idempotency_key: key.to_owned(), origin, message_id }
}

fn giving_back(key: &str, id: &str, reason: &str) -> pb::ReturnTransitRequest {
    let pb::ReleaseTransitRequest { idempotency_key, origin, message_id } = releasing(key, id);
    pb::ReturnTransitRequest { idempotency_key, origin, message_id, reason: reason.to_owned() }
}

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    result.unwrap_err().violations()[0].code.clone()
}

/// The message as its sender sees it.
async fn seen(client: &Client, id: &str) -> pb::MessageSummary {
    let asked = pb::GetMessageRequest { message_id: id.to_owned(), ..Default::default() };
    client.get_message(asked).await.unwrap().message.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_wait_with_their_message_are_read_in_between_and_pass_with_it() {
    let town = town().await;
    let (sender, reviewer) =
        (town.client(0, Role::Officer).await, town.client(1, Role::Officer).await);
    let recipient = town.client(2, Role::Officer).await;
    let annex = file(70_003, 5);
    hand_in(&sender, &annex).await;
    let sent = sender.send_message(sending("k1", with(&[&annex]))).await.unwrap();
    let sent = &sent.messages[0];
    assert_eq!(sent.route, ["int.n1", "int.n2"]);
    assert_eq!(sent.readers, ["int.n1", "int.n2"]);
    let id = &sent.message_id;
    let item = until("the message to be listed", async || listed(&reviewer, id).await).await;
    assert_eq!(item.status, "under_review");
    let message = item.message.unwrap();
    assert_eq!((message.custody.as_str(), message.in_transit), ("under_review", true));
    assert_eq!((message.kind.as_str(), message.incoming), ("SOM.8.2.VESSEL", false));
    let bytes =
        until("the attachment", async || read(&reviewer, asking(sent, "A1", 0)).await.ok()).await;
    assert!(bytes == annex, "what passes is read as it was handed in");
    let asked = pb::ReadMessageRequest { origin: ORIGIN.to_owned(), message_id: id.clone() };
    let shown = reviewer.read_message(asked.clone()).await.unwrap();
    assert_eq!(shown.content.unwrap().facts(), "A vessel was sighted");
    assert_eq!(listed(&recipient, id).await, None, "nothing has gone on");
    let unread = read(&recipient, asking(sent, "A1", 0)).await;
    assert_eq!(reason(unread), "NOT_FOUND");

    let service = town.client(1, Role::Service).await;
    assert_eq!(reason(service.release_transit(releasing("s", id)).await), "ROLE_NOT_PERMITTED");
    let elsewhere = recipient.release_transit(releasing("s", id)).await;
    assert_eq!(reason(elsewhere), "NOT_FOUND", "only where it is held");
    let released = reviewer.release_transit(releasing("r", id)).await.unwrap();
    let stated = wire::entry::read(&released.receipt.as_ref().unwrap().entry).unwrap();
    assert_eq!(stated.fact.name(), "transit_released");
    let again = reviewer.release_transit(releasing("r", id)).await.unwrap();
    let entry = |it: pb::ReleaseTransitResponse| it.receipt.unwrap().entry;
    assert_eq!(entry(again), entry(released), "the same call is the same entry");
    let arrived =
        until("the attachment", async || read(&recipient, asking(sent, "A1", 0)).await.ok()).await;
    assert!(arrived == annex);
    let item = until("the transit to be rid of it", async || {
        let item = listed(&reviewer, id).await?;
        (item.message.as_ref()?.custody == "passed_on"
            || item.message.as_ref()?.custody == "delivered")
            .then_some(item)
    })
    .await;
    assert_eq!(item.status, "reviewed");
    let gone = reviewer.read_message(asked).await;
    assert!(gone.is_err(), "its content is not kept where it only passed");
    let open = pb::ListMessagesRequest { open_only: true, ..Default::default() };
    assert_eq!(reviewer.list_messages(open).await.unwrap().items, []);
    until("the word to reach the sender", async || {
        let told = seen(&sender, id).await;
        told.stations.iter().any(|it| it.station == "released").then_some(())
    })
    .await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_given_back_is_not_delivered_for_the_reason_that_was_given() {
    let town = town().await;
    let (sender, reviewer) =
        (town.client(0, Role::Officer).await, town.client(1, Role::Officer).await);
    let sent = sender.send_message(sending("k1", with(&[]))).await.unwrap();
    let id = &sent.messages[0].message_id;
    until("the message to be listed", async || listed(&reviewer, id).await).await;
    assert_eq!(seen(&sender, id).await.readers, ["int.n1"]);
    for wrong in ["", "EXPIRED", "review_form"] {
        let refused = reviewer.return_transit(giving_back("w", id, wrong)).await;
        assert_eq!(code(refused), "UNKNOWN_WORD", "{wrong}");
    }
    let (origin, message_id) = (ORIGIN.to_owned(), id.clone());
    let remark = |remark: &str| pb::AnnotateTransitRequest {
        idempotency_key: remark.to_owned(),
        origin: origin.clone(),
        message_id: message_id.clone(),
        remark: remark.to_owned(),
        note: String::new(),
    };
    assert_eq!(code(reviewer.annotate_transit(remark("well done")).await), "UNKNOWN_WORD");
    reviewer.annotate_transit(remark("LANGUAGE_DOUBTFUL")).await.unwrap();
    reviewer.return_transit(giving_back("b", id, "REVIEW_FORM")).await.unwrap();
    let end = until("the end to be stated", async || {
        let stations = seen(&sender, id).await.stations;
        stations.iter().any(|it| it.station == "undelivered").then_some(stations)
    })
    .await;
    let told: Vec<_> = end.iter().map(|it| (it.station.as_str(), it.reason.as_str())).collect();
    let expected = [
        ("accepted", ""),
        ("relayed", ""),
        ("annotated_language_doubtful", ""),
        ("returned", "REVIEW_FORM"),
        ("undelivered", "REVIEW_FORM"),
    ];
    assert_eq!(told, expected);
    let late = reviewer.release_transit(releasing("l", id)).await;
    assert_eq!(reason(late), "STATE_FORBIDS");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_read_by_the_recipient_before_its_message_and_never_by_the_origin() {
    let town = town().await;
    let (sender, reviewer) =
        (town.client(0, Role::Officer).await, town.client(1, Role::Officer).await);
    let recipient = town.client(2, Role::Officer).await;
    let sent = sender.send_message(sending("k1", with(&[]))).await.unwrap();
    let id = &sent.messages[0].message_id;
    until("the message to be listed", async || listed(&reviewer, id).await).await;
    let noting = |key: &str, remark: &str, note: &str| pb::AnnotateTransitRequest {
        idempotency_key: key.to_owned(),
        origin: ORIGIN.to_owned(),
        message_id: id.clone(),
        remark: remark.to_owned(),
        note: note.to_owned(),
    };
    let both = reviewer.annotate_transit(noting("n", "CONSULT", "Both")).await;
    assert_eq!(code(both), "REMARK_AND_NOTE");
    assert_eq!(code(reviewer.annotate_transit(noting("n", "NOTED", "")).await), "UNKNOWN_WORD");
    let words = "The vessel changed its name in May";
    let noted = reviewer.annotate_transit(noting("n", "", words)).await.unwrap();
    let again = reviewer.annotate_transit(noting("n", "", words)).await.unwrap();
    assert_eq!(again, noted, "the same call is the same note");
    let said = |it: &Option<pb::Statement>| {
        wire::entry::read(&it.as_ref().unwrap().entry).unwrap().fact.name()
    };
    assert_eq!(said(&noted.receipt), "transit_annotated");
    assert_eq!(said(&noted.note_receipt), "submitted");

    let item = until("the note", async || listed(&recipient, &noted.note_id).await).await;
    let message = item.message.unwrap();
    assert_eq!(
        (message.origin.as_str(), message.message_type.as_str()),
        ("int.n1", "spontaneous_information")
    );
    assert_eq!(listed(&recipient, id).await, None, "the message itself is held");
    let asked =
        pb::ReadMessageRequest { origin: "int.n1".to_owned(), message_id: noted.note_id.clone() };
    let content = recipient.read_message(asked).await.unwrap().content.unwrap();
    assert_eq!(content.transit_note.as_ref().unwrap().text(), words);
    let note = wire::draft::transit_note(&content).unwrap().unwrap();
    let agency = "int.n2".parse().unwrap();
    let proven = rogatory::evidence::original::noted(&town.directory, &agency, &note).unwrap();
    assert_eq!(proven.address.message.to_string(), *id);
    reviewer.release_transit(releasing("r", id)).await.unwrap();
    until("the message", async || listed(&recipient, id).await).await;
    let told = until("the word to reach the sender", async || {
        let stations = seen(&sender, id).await.stations;
        let words: Vec<_> = stations.into_iter().map(|it| it.station).collect();
        words.contains(&"delivered".to_owned()).then_some(words)
    })
    .await;
    assert!(told.contains(&"annotated_noted".to_owned()), "{told:?}");
    let asked = pb::GetMessageRequest {
        origin: "int.n1".to_owned(),
        message_id: noted.note_id,
        with_content: false,
    };
    assert_eq!(reason(sender.get_message(asked).await), "NOT_FOUND", "the note is not its");
    town.stopped().await;
}

/// What was rung for at the agency in the middle, as a hook is told.
fn rung(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let told = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    told.filter(|it| it["contact_point"] == "int.n1/desk").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_rung_for_again_and_again_until_somebody_decides() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rung");
    let line = format!("cat >> {0}; echo >> {0}", file.display());
    let town = Town::built_ringing(
        |draft| draft.agencies[1].transit = Some(Transit::Reviewing),
        |policy| policy.unclaimed_after_ms = 1_000,
        vec!["/bin/sh".to_owned(), "-c".to_owned(), line],
    )
    .await;
    let (sender, reviewer) =
        (town.client(0, Role::Officer).await, town.client(1, Role::Officer).await);
    let mut ids = Vec::new();
    for (key, level) in [("k1", "immediate"), ("k2", "immediate"), ("k3", "routine")] {
        let mut draft = town::file("A vessel was sighted");
        draft["urgency"] = json!({"level": level, "reason": "A vessel adrift"});
        let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
        let sent = sender.send_message(sending(key, draft)).await.unwrap();
        ids.push(sent.messages[0].message_id.clone());
    }
    for id in &ids {
        until("the message to be listed", async || listed(&reviewer, id).await).await;
    }
    let of = |id: &str| rung(&file).iter().filter(|it| it["id"] == id).count();
    until("two rings for each", async || ids[..2].iter().all(|id| of(id) >= 2).then_some(())).await;
    for ring in rung(&file) {
        assert_eq!((&ring["event"], &ring["exercise"]), (&json!("held_for_review"), &json!(false)));
        assert!(ring["sequence"].as_u64().is_some_and(|it| (1..=3).contains(&it)), "{ring}");
    }
    reviewer.release_transit(releasing("r", &ids[0])).await.unwrap();
    reviewer.return_transit(giving_back("b", &ids[1], "REVIEW_FORM")).await.unwrap();
    // A ring that stood in the journal before may still go out.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let before = [of(&ids[0]), of(&ids[1])];
    let wait = std::time::Duration::from_secs(2_u64.pow(u32::try_from(before[0]).unwrap().min(3)));
    tokio::time::sleep(wait).await;
    assert_eq!([of(&ids[0]), of(&ids[1])], before, "who has decided is left in peace");
    assert_eq!(of(&ids[2]), 0, "what can wait rings only in time before it expires");
    town.stopped().await;
}
