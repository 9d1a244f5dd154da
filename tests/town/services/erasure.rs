//! Content is erased at the door: by an officer, for good, and proven to be so.

use rogatory::evidence::replay::Replay;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::transport::client::Client;
use rogatory::wire;
use rogatory::wire::pb;

use crate::services::town::{Town, draft, reason, sending};

const WORDS: &str = "A vessel was sighted";

fn erasing(message: &pb::SentMessage, cause: &str) -> pb::EraseContentRequest {
    pb::EraseContentRequest {
        message_id: message.message_id.clone(),
        origin: "int.n0".to_owned(),
        cause: cause.to_owned(),
        ..pb::EraseContentRequest::default()
    }
}

fn holding(key: &str, request_id: &str) -> pb::PlaceHoldRequest {
    pb::PlaceHoldRequest { idempotency_key: key.to_owned(), request_id: request_id.to_owned() }
}

fn reading(message: &pb::SentMessage) -> pb::ReadMessageRequest {
    let (origin, message_id) = ("int.n0".to_owned(), message.message_id.clone());
    pb::ReadMessageRequest { origin, message_id }
}

/// A request that has arrived at agency 2.
async fn arrived(town: &Town) -> (Client, pb::SentMessage) {
    let officer = town.client(0, Role::Officer).await;
    let sent = officer.send_message(sending("k1", draft(WORDS))).await.unwrap();
    let reader = town.client(2, Role::Officer).await;
    let asked = pb::ListMessagesRequest { wait_seconds: 10, ..Default::default() };
    assert_eq!(reader.list_messages(asked).await.unwrap().items.len(), 1);
    (reader, sent.messages[0].clone())
}

fn fact(receipt: Option<pb::Statement>) -> &'static str {
    wire::entry::read(&receipt.unwrap().entry).unwrap().fact.name()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erased_content_answers_with_its_date_and_what_proves_it_stays() {
    let town = Town::built().await;
    let (reader, sent) = arrived(&town).await;
    assert_eq!(reader.read_message(reading(&sent)).await.unwrap().content.unwrap().facts(), WORDS);
    let erased = reader.erase_content(erasing(&sent, "own_decision")).await.unwrap();
    let [message] = erased.messages.as_slice() else { panic!("one message was named") };
    assert_eq!((&message.message_id, message.cause.as_str()), (&sent.message_id, "own_decision"));
    assert_eq!(fact(message.receipt.clone()), "content_erased");
    let again = reader.erase_content(erasing(&sent, "retention_ended")).await.unwrap();
    assert_eq!(again, erased, "it is erased once, for the reason that was given then");

    let refused = reader.read_message(reading(&sent)).await.unwrap_err();
    assert_eq!((refused.code(), refused.reason()), (9, "CONTENT_ERASED"));
    let told = format!("the content was erased on {} (own_decision)", message.erased_at);
    assert!(refused.to_string().contains(&told), "{refused}");
    let asked = pb::GetRequestStateRequest { request_id: sent.request_id.clone() };
    let shown = reader.get_request_state(asked).await.unwrap();
    let summary = &shown.messages[0];
    assert_eq!(summary.erased_at, message.erased_at);
    assert_eq!(summary.erasure_cause, "own_decision");
    assert!(summary.stations.iter().all(|it| it.receipt.is_some()));

    // The whole journal still replays, and says what was erased.
    let setting = town.writers[2].setting();
    let journal = &setting.journal;
    let latest = journal.latest_checkpoint().unwrap().unwrap();
    let size = SignedCheckpoint::parse(&latest).unwrap().checkpoint.size;
    let directory = setting.directory();
    let mut replay = Replay::new(&directory, setting.journal_name.clone(), &[size]);
    let entries = journal.read(0, 1_000).unwrap();
    for (position, bytes) in (0..size).zip(&entries) {
        replay.entry(position, bytes).unwrap();
    }
    let facts = entries.iter().map(|it| wire::entry::read(it).unwrap().fact.name());
    assert_eq!(facts.filter(|it| *it == "content_erased").count(), 1);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_not_erased_and_only_officers_decide() {
    let town = Town::built().await;
    let (reader, sent) = arrived(&town).await;
    let id = &sent.request_id;
    let placed = reader.place_hold(holding("h1", id)).await.unwrap();
    assert_eq!(reader.place_hold(holding("h1", id)).await.unwrap(), placed);
    assert_eq!(reader.place_hold(holding("h2", id)).await.unwrap(), placed, "it is held already");
    assert_eq!(fact(placed.receipt), "hold_placed");
    let refused = reader.erase_content(erasing(&sent, "own_decision")).await.unwrap_err();
    assert_eq!(refused.reason(), "STATE_FORBIDS");
    let asked = pb::GetRequestStateRequest { request_id: id.clone() };
    assert!(reader.get_request_state(asked.clone()).await.unwrap().request.unwrap().held);
    let read = reader.read_message(reading(&sent)).await.unwrap();
    assert_eq!(read.content.unwrap().facts(), WORDS);

    for role in [Role::Service, Role::Operator, Role::Auditor] {
        let other = town.client(2, role).await;
        let erased = other.erase_content(erasing(&sent, "own_decision")).await;
        assert_eq!(reason(erased), "ROLE_NOT_PERMITTED");
        assert_eq!(reason(other.place_hold(holding("h3", id)).await), "ROLE_NOT_PERMITTED");
    }
    let releasing = |key: &str| pb::ReleaseHoldRequest {
        idempotency_key: key.to_owned(),
        request_id: id.clone(),
    };
    let released = reader.release_hold(releasing("r1")).await.unwrap();
    assert_eq!(fact(released.receipt), "hold_released");
    assert_eq!(reason(reader.release_hold(releasing("r2")).await), "STATE_FORBIDS");
    assert!(!reader.get_request_state(asked).await.unwrap().request.unwrap().held);

    let whole = pb::EraseContentRequest {
        request_id: id.clone(),
        cause: "authority_order".to_owned(),
        ..pb::EraseContentRequest::default()
    };
    assert_eq!(reader.erase_content(whole.clone()).await.unwrap().messages.len(), 1);
    let odd = pb::EraseContentRequest { cause: "whim".to_owned(), ..whole.clone() };
    assert_eq!(reason(reader.erase_content(odd).await), "CONTENT_INVALID");
    let both = pb::EraseContentRequest { message_id: sent.message_id, ..whole };
    assert_eq!(reason(reader.erase_content(both).await), "CONTENT_INVALID");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_side_is_asked_answers_and_every_proof_says_what_was_erased() {
    let town = Town::built().await;
    let (reader, sent) = arrived(&town).await;
    let sender = town.client(0, Role::Officer).await;
    let whole = pb::EraseContentRequest {
        request_id: sent.request_id.clone(),
        cause: "authority_order".to_owned(),
        ..pb::EraseContentRequest::default()
    };
    let erased = sender.erase_content(whole).await.unwrap().messages.remove(0);
    assert_eq!(fact(erased.asked.clone()), "erasure_asked");
    assert_eq!(erased.backups, []);
    let owed = async |client: &Client| {
        let asked = pb::ListDeadlinesRequest::default();
        let owed = client.list_deadlines(asked).await.unwrap().deadlines;
        owed.into_iter().find(|it| it.obligation == "answer_erasure").map(|it| it.ours)
    };
    until("the other side is asked", async || owed(&reader).await == Some(true)).await;
    assert_eq!(owed(&sender).await, Some(false));
    let refusing = |reason: &str| pb::RefuseErasureRequest {
        idempotency_key: format!("keep-{reason}"),
        message_id: sent.message_id.clone(),
        origin: "int.n0".to_owned(),
        reason: reason.to_owned(),
    };
    let service = town.client(2, Role::Service).await;
    assert_eq!(
        reason(service.refuse_erasure(refusing("LAW_REQUIRES")).await),
        "ROLE_NOT_PERMITTED"
    );
    for odd in ["LEGAL_HOLD", "whim", ""] {
        assert_eq!(reason(reader.refuse_erasure(refusing(odd)).await), "CONTENT_INVALID", "{odd}");
    }
    let kept = reader.refuse_erasure(refusing("LAW_REQUIRES")).await.unwrap();
    assert_eq!(reader.refuse_erasure(refusing("LAW_REQUIRES")).await.unwrap(), kept);
    assert_eq!(fact(kept.receipt), "erasure_refused");
    let asked = pb::GetMessageRequest { message_id: sent.message_id.clone(), ..Default::default() };
    until("the answer is told", async || {
        let shown = sender.get_message(asked.clone()).await.unwrap().message.unwrap();
        shown.stations.iter().any(|it| it.reason == "LAW_REQUIRES")
    })
    .await;
    assert_eq!(owed(&sender).await, None);

    // The entry by which it was sent still proves itself, and says that its content is gone.
    let setting = town.writers[0].setting();
    let entries = setting.journal.read(0, 1_000).unwrap();
    let index =
        entries.iter().position(|it| wire::entry::read(it).unwrap().fact.header().is_some());
    let auditor = town.client(0, Role::Auditor).await;
    let asked = pb::ProveInclusionRequest { index: index.unwrap() as u64, size: 0 };
    let proven = auditor.prove_inclusion(asked).await.unwrap();
    assert_eq!(proven.erased_at, erased.erased_at);
    assert_eq!(proven.erasure_cause, "authority_order");
    assert_eq!(fact(proven.erasure), "content_erased");
    let plain = auditor.prove_inclusion(pb::ProveInclusionRequest::default()).await.unwrap();
    assert_eq!((plain.erased_at.as_str(), plain.erasure), ("", None));
    let reviewing = pb::ReviewContentRequest {
        idempotency_key: "review".to_owned(),
        request_id: sent.request_id.clone(),
        keep_until: "2099-01-01T00:00:00Z".to_owned(),
    };
    assert_eq!(reason(service.review_content(reviewing.clone()).await), "ROLE_NOT_PERMITTED");
    assert_eq!(reason(reader.review_content(reviewing.clone()).await), "STATE_FORBIDS");
    let odd = pb::ReviewContentRequest { keep_until: "soon".to_owned(), ..reviewing };
    assert_eq!(reason(reader.review_content(odd).await), "CONTENT_INVALID");
    town.stopped().await;
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..1_200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{what}: that did not come");
}
