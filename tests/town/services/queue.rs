//! What a node owes, who must act, what an operator decides, and the word that nothing new is taken.

use std::time::Duration;

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::MessageId;
use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::node::command::Command;
use rogatory::transport::client::Client;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;
use tonic_types::StatusExt as _;

use crate::services::town::{Town, draft, reason, sending};

/// Looks until something is there.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..2_400 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for {what}");
}

async fn owed(operator: &Client, asked: pb::ListQueueRequest) -> Vec<pb::QueuedItem> {
    operator.list_queue(asked).await.unwrap().items
}

async fn of(operator: &Client, message_id: &str) -> Vec<pb::QueuedItem> {
    let message_id = message_id.to_owned();
    let found = owed(operator, pb::ListQueueRequest { message_id, ..Default::default() }).await;
    found.into_iter().filter(|it| it.item == "message").collect()
}

/// Waits until the one message with this id stands so.
async fn stands(operator: &Client, message_id: &str, state: &str, reason: &str) -> pb::QueuedItem {
    let what = format!("{message_id} to be {state} {reason}");
    until(&what, async || {
        let found = of(operator, message_id).await.pop()?;
        (found.state == state && found.reason == reason).then_some(found)
    })
    .await
}

/// Agency 1 takes nothing new, and agency 0 has heard of it: what it sends waits.
async fn blocked(town: &Town) -> [Client; 3] {
    let officer = town.client(0, Role::Officer).await;
    let [near, far] = [town.client(0, Role::Operator).await, town.client(1, Role::Operator).await];
    let first = send(&officer, "first").await;
    until("the first message to be gone", async || {
        of(&near, &first).await.is_empty().then_some(())
    })
    .await;
    let drain = far.set_drain(pb::SetDrainRequest { on: true }).await.unwrap().drain.unwrap();
    assert_eq!(drain.by, "spiffe://int.n1/operator/one");
    until("the neighbour to hear of it", async || {
        let peers = near.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        peers.iter().any(|it| it.agency == "int.n1" && it.connected && it.draining).then_some(())
    })
    .await;
    [officer, near, far]
}

async fn send(officer: &Client, key: &str) -> String {
    let sent = officer.send_message(sending(key, draft("A vessel was sighted"))).await;
    sent.unwrap().messages.remove(0).message_id
}

fn key_of(id: &str) -> MessageKey {
    MessageKey::new(&"int.n0".parse().unwrap(), id.parse::<MessageId>().unwrap())
}

fn releasing(key: &str, id: &str) -> pb::ReleaseSetAsideRequest {
    let (idempotency_key, message_id) = (key.to_owned(), id.to_owned());
    pb::ReleaseSetAsideRequest { idempotency_key, origin: "int.n0".to_owned(), message_id }
}

fn returning(key: &str, id: &str) -> pb::ReturnSetAsideRequest {
    let (idempotency_key, message_id) = (key.to_owned(), id.to_owned());
    pb::ReturnSetAsideRequest { idempotency_key, origin: "int.n0".to_owned(), message_id }
}

async fn set_aside(town: &Town, id: &str) {
    let command = Command::SetAside { message: key_of(id), reason: Reason::ProofInvalid };
    town.writers[0].ask(command).await.unwrap();
}

/// The fact that a receipt proves.
fn proven(town: &Town, receipt: Option<pb::Statement>) -> Fact {
    let receipt = Statement::from_pb(receipt.unwrap()).unwrap();
    statement::verify(&town.directory, &receipt).unwrap().0.fact
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_for_a_peer_that_is_gone_is_shown_with_attempts_and_the_next_try() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let operator = town.client(0, Role::Operator).await;
    town.stop(1);
    until("the peer to be gone", async || {
        let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        let gone = peers.iter().any(|it| it.agency == "int.n1" && !it.connected);
        (gone && !peers[0].next_attempt.is_empty()).then_some(())
    })
    .await;
    let id = send(&officer, "k1").await;
    let item = until("failed attempts", async || {
        let found = of(&operator, &id).await.pop()?;
        (found.attempts >= 2).then_some(found)
    })
    .await;
    assert_eq!((item.state.as_str(), item.must_act.as_str()), ("waiting_for_witness", "peer"));
    assert_eq!((item.peer.as_str(), item.destination.as_str()), ("int.n1", "int.n2"));
    assert_eq!((item.origin.as_str(), item.lane.as_str(), item.handover), ("int.n0", "urgent", 0));
    assert!(!item.next_try.is_empty() && !item.reason.is_empty(), "{item:?}");
    assert!(item.since < item.expires_at, "{item:?}");
    // Pages go on where the last one ended, and end.
    let other = send(&officer, "k2").await;
    let page = |page_token| pb::ListQueueRequest { page_size: 1, page_token, ..Default::default() };
    let first = operator.list_queue(page(String::new())).await.unwrap();
    let second = operator.list_queue(page(first.next_page_token)).await.unwrap();
    let third = operator.list_queue(page(second.next_page_token)).await.unwrap();
    let ids = [&first.items, &second.items].map(|it| it[0].message_id.clone());
    assert_eq!(ids, [id, other]);
    assert_eq!((third.items.len(), third.next_page_token.as_str()), (0, ""));
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_tried_again_or_returned_by_an_operator_alone() {
    let town = Town::built().await;
    let [officer, operator, far] = blocked(&town).await;
    let [again, back] = [send(&officer, "k1").await, send(&officer, "k2").await];
    stands(&operator, &again, "waiting", "DRAINING").await;
    for id in [&again, &back] {
        set_aside(&town, id).await;
    }
    let only = pb::ListQueueRequest { only_set_aside: true, ..Default::default() };
    let shelved = owed(&operator, only.clone()).await;
    let found: Vec<_> = shelved.iter().map(|it| (&it.message_id, it.must_act.as_str())).collect();
    assert_eq!(found, [(&again, "operator"), (&back, "operator")]);
    assert!(shelved.iter().all(|it| it.state == "set_aside" && it.reason == "PROOF_INVALID"));

    assert_eq!(
        reason(officer.release_set_aside(releasing("r", &again)).await),
        "ROLE_NOT_PERMITTED"
    );
    assert_eq!(reason(officer.return_set_aside(returning("r", &back)).await), "ROLE_NOT_PERMITTED");
    let released = operator.release_set_aside(releasing("r", &again)).await.unwrap();
    assert_eq!(released.peer, "int.n1");
    let fact = proven(&town, released.receipt.clone());
    let Fact::WayChosen { message, reason: Reason::Operator } = fact else { panic!("{fact:?}") };
    assert_eq!(message.message.to_string(), again);
    stands(&operator, &again, "waiting", "DRAINING").await;
    let same = operator.release_set_aside(releasing("r", &again)).await.unwrap();
    assert_eq!(same.receipt.unwrap().entry, released.receipt.unwrap().entry);
    let other = operator.release_set_aside(releasing("s", &again)).await;
    assert_eq!(reason(other), "STATE_FORBIDS");
    let unknown = operator.release_set_aside(releasing("s", &"0".repeat(8))).await.unwrap_err();
    assert_eq!(unknown.violations()[0].pointer, "/message_id");
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(reason(operator.return_set_aside(returning("t", nobody)).await), "NOT_FOUND");

    let returned = operator.return_set_aside(returning("u", &back)).await.unwrap();
    let fact = proven(&town, returned.receipt);
    let Fact::Undelivered { message, reason: Reason::Operator, .. } = fact else {
        panic!("{fact:?}")
    };
    assert_eq!(message.message.to_string(), back);
    assert_eq!(owed(&operator, only).await, []);
    let asked = pb::GetMessageRequest { message_id: back.clone(), ..Default::default() };
    let shown = officer.get_message(asked).await.unwrap().message.unwrap();
    assert_eq!(shown.custody, "undelivered");
    let last = shown.stations.last().unwrap();
    assert_eq!((last.station.as_str(), last.reason.as_str()), ("undelivered", "OPERATOR"));

    // What was released arrives, and what was returned does not.
    assert!(far.set_drain(pb::SetDrainRequest { on: false }).await.unwrap().drain.is_none());
    let desk = town.client(2, Role::Service).await;
    until("what was released", async || {
        let asked = pb::ListMessagesRequest::default();
        let items = desk.list_messages(asked).await.unwrap().items;
        let ids: Vec<_> =
            items.into_iter().filter_map(|it| it.message).map(|it| it.message_id).collect();
        assert!(!ids.contains(&back));
        ids.contains(&again).then_some(())
    })
    .await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_peer_may_have_is_never_returned_and_is_asked_again_when_released() {
    let town = Town::built().await;
    let [officer, operator, far] = blocked(&town).await;
    let id = send(&officer, "k1").await;
    stands(&operator, &id, "waiting", "DRAINING").await;
    let command =
        Command::HandOver { peer: "int.n1".parse().unwrap(), messages: vec![key_of(&id)] };
    town.writers[0].ask(command).await.unwrap();
    let item = until("a refusal", async || {
        let found = of(&operator, &id).await.pop()?;
        (found.attempts > 0 && found.reason == "DRAINING").then_some(found)
    })
    .await;
    assert_eq!((item.state.as_str(), item.handover, &*item.must_act), ("in_doubt", 1, "peer"));
    assert!(!item.next_try.is_empty(), "{item:?}");
    set_aside(&town, &id).await;
    let item = stands(&operator, &id, "set_aside", "PROOF_INVALID").await;
    assert_eq!((item.handover, item.must_act.as_str()), (1, "operator"));
    let size = town.writers[0].setting().journal.next();
    let error = operator.return_set_aside(returning("r", &id)).await.unwrap_err();
    assert_eq!(error.reason(), "STATE_FORBIDS");
    assert!(error.to_string().contains("int.n1 was offered the message"), "{error}");
    assert_eq!(town.writers[0].setting().journal.next(), size, "a no writes nothing");
    operator.release_set_aside(releasing("s", &id)).await.unwrap();
    let item = of(&operator, &id).await.pop().unwrap();
    assert_eq!((item.state.as_str(), item.handover), ("in_doubt", 1), "the same handover");
    far.set_drain(pb::SetDrainRequest { on: false }).await.unwrap();
    until("custody to pass", async || of(&operator, &id).await.is_empty().then_some(())).await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_drains_takes_nothing_new_and_says_when_it_is_empty() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let operator = town.client(0, Role::Operator).await;
    let state = async || {
        let asked = pb::GetNodeStatusRequest {};
        operator.get_node_status(asked).await.unwrap().drain
    };
    assert_eq!(state().await, None);
    let id = send(&officer, "k1").await;
    let on = pb::SetDrainRequest { on: true };
    assert_eq!(reason(officer.set_drain(on).await), "ROLE_NOT_PERMITTED");
    let began = operator.set_drain(on).await.unwrap().drain.unwrap();
    assert_eq!(operator.set_drain(on).await.unwrap().drain.unwrap().since, began.since);
    let size = town.writers[0].setting().journal.next();
    let refused = officer.send_message(sending("k2", draft("x"))).await.unwrap_err();
    assert_eq!((refused.code(), refused.reason()), (14, "DRAINING"));
    let refused = officer.exchange().send_message(sending("k2", draft("x"))).await.unwrap_err();
    let hint = refused.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(hint, Some(Duration::from_secs(1)));
    // The same call as before has the same answer, and what is only checked is checked.
    assert!(officer.send_message(sending("k1", draft("A vessel was sighted"))).await.is_ok());
    let check = pb::SendMessageRequest { validate_only: true, ..sending("k2", draft("x")) };
    assert!(officer.send_message(check).await.is_ok());
    let drained = until("nothing to be owed", async || state().await.filter(|it| it.empty)).await;
    assert_eq!((drained.messages, drained.attachments, drained.statements), (0, 0, 0));
    assert!(of(&operator, &id).await.is_empty());
    let entries = town.writers[0].setting().read(size, 100).unwrap();
    let facts = entries.iter().map(|it| rogatory::wire::entry::read(it).unwrap().fact);
    assert_eq!(facts.filter(|it| matches!(it, Fact::Submitted { .. })).count(), 0);
    assert_eq!(operator.set_drain(pb::SetDrainRequest { on: false }).await.unwrap().drain, None);
    assert!(officer.send_message(sending("k2", draft("x"))).await.is_ok());
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_returns_is_handed_what_waits_once_it_makes_contact() {
    const HOUR_MS: i64 = 3_600_000;
    let mut town = Town::built_with(|policy| {
        (policy.retry_min_ms, policy.retry_max_ms) = (HOUR_MS, HOUR_MS);
    })
    .await;
    let officer = town.client(0, Role::Officer).await;
    let operator = town.client(0, Role::Operator).await;
    let first = send(&officer, "first").await;
    until("custody to pass", async || of(&operator, &first).await.is_empty().then_some(())).await;
    town.stop(1);
    let peer = until("the peer to be gone", async || {
        let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        peers.into_iter().find(|it| it.agency == "int.n1" && !it.next_attempt.is_empty())
    })
    .await;
    let next = Timestamp::parse(&peer.next_attempt).unwrap();
    assert!(next.millis_since(SystemClock.now()) > HOUR_MS / 3, "{peer:?}");
    let id = send(&officer, "k1").await;
    assert_eq!(of(&operator, &id).await.len(), 1, "nobody is there to take it");
    town.serve_again(1).await;
    // Nothing but the contact can have ended a wait of half an hour and more.
    until("custody to pass", async || of(&operator, &id).await.is_empty().then_some(())).await;
    town.stopped().await;
}
