//! A word that no way leads on is shown at the door, outlives a restart and is told by a newer directory.

use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, SystemClock};
use rogatory::directory::Directory;
use rogatory::directory::link::Link;
use rogatory::directory::write::to_toml;
use rogatory::identity::Role;
use rogatory::node::command::Command;
use rogatory::transport::client::Client;
use rogatory::wire;
use rogatory::wire::pb;
use serde_json::json;

use crate::services::queue::until;
use crate::services::town::{Town, file, reason, sending};

/// The life of what is to expire, in seconds.
const SHORT_S: u32 = 3_600;

/// Node 0 follows the next version of its directory, with these links.
pub(super) async fn follow(town: &Town, links: Vec<Link>) {
    let writer = &town.writers[0];
    let mut draft = writer.setting().directory().draft();
    (draft.version, draft.links) = (draft.version + 1, links);
    let directory = Directory::parse(&to_toml(&draft)).unwrap();
    writer.ask(Command::AdoptDirectory(Arc::new(directory))).await.unwrap();
}

/// A message of agency 0 to agency 2: a request, or what supplements one.
pub(super) fn asked(
    key: &str,
    request: Option<&pb::SentMessage>,
    life_s: u32,
) -> pb::SendMessageRequest {
    let mut message = file("a vessel without lights");
    if let Some(first) = request {
        let kept = ["from", "to", "kind", "form", "languages", "handling", "official"];
        message.as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
        message["message_type"] = json!("supplement");
        message["request_id"] = json!(first.request_id);
        message["in_reply_to"] = json!(first.message_id);
        message["supplement"] = json!({"answers": [{"question": "Q1", "text": "a correction"}]});
    }
    let draft = wire::json::read_file(message.to_string().as_bytes()).unwrap();
    pb::SendMessageRequest { expires_in_seconds: life_s, ..sending(key, draft) }
}

pub(super) async fn sent(officer: &Client, asked: pb::SendMessageRequest) -> pb::SentMessage {
    officer.send_message(asked).await.unwrap().messages.remove(0)
}

pub(super) async fn until_listed(town: &Town, wanted: &[&str]) {
    let desk = town.client(2, Role::Service).await;
    until("the inbox", async || {
        let items = desk.list_messages(pb::ListMessagesRequest::default()).await.unwrap().items;
        let messages = items.into_iter().filter_map(|it| it.message);
        let ids: Vec<_> = messages.map(|it| it.message_id).collect();
        (ids == wanted).then_some(())
    })
    .await;
}

/// The word that node 0 owes about a message, once it waits for a way.
async fn word(town: &Town, message_id: &str) -> pb::QueuedItem {
    let operator = town.client(0, Role::Operator).await;
    until("the word", async || {
        let message_id = message_id.to_owned();
        let asked = pb::ListQueueRequest { message_id, ..Default::default() };
        let items = operator.list_queue(asked).await.unwrap().items;
        // Its message may wait for one, too, until it ends.
        let is_word = |it: &pb::QueuedItem| it.item == "statement" && it.state == "waiting_for_way";
        items.into_iter().find(is_word)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_without_a_way_is_shown_outlives_a_restart_and_is_told_by_a_newer_directory() {
    let clock = Arc::new(HandClock::at(SystemClock.now()));
    let mut town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, |_| ()).await;
    let links = town.directory.draft().links;
    let officer = town.client(0, Role::Officer).await;
    let first = sent(&officer, asked("k1", None, 0)).await;
    until_listed(&town, &[&first.message_id]).await;
    town.stop(1);
    let operator = town.client(0, Role::Operator).await;
    until("the peer to be gone", async || {
        let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        peers.iter().any(|it| it.agency == "int.n1" && !it.connected).then_some(())
    })
    .await;
    let second = sent(&officer, asked("k2", Some(&first), SHORT_S)).await;
    let third = sent(&officer, asked("k3", Some(&first), 0)).await;
    follow(&town, Vec::new()).await;
    clock.advance(i64::from(SHORT_S) * 1_000 + 1);
    let shown = word(&town, &second.message_id).await;
    assert_eq!((shown.item.as_str(), shown.number), ("statement", 0));
    assert_eq!((shown.must_act.as_str(), shown.reason.as_str()), ("operator", "NO_ROUTE"));
    assert_eq!((shown.destination.as_str(), shown.peer.as_str()), ("int.n2", ""));
    assert_eq!((shown.since, shown.expires_at), (clock.now().to_string(), third.expires_at));

    town.restarted(0).await;
    assert_eq!(word(&town, &second.message_id).await.since, clock.now().to_string());
    town.serve_again(1).await;
    follow(&town, links).await;
    until_listed(&town, &[&first.message_id, &third.message_id]).await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_once_is_told_as_that_whatever_has_become_of_ways_and_desks() {
    let town = Town::built_by(Arc::new(SystemClock), |_| ()).await;
    let officer = town.client(0, Role::Officer).await;
    let first = sent(&officer, asked("k1", None, 0)).await;
    let mut again = asked("k2", None, 0);
    again.draft.as_mut().unwrap().message_id = Some(first.message_id.clone());
    follow(&town, Vec::new()).await;
    assert_eq!(reason(officer.send_message(again.clone()).await), "MESSAGE_EXISTS");
    // Whom the directory does not know is told likewise, and nothing of the law.
    again.draft.as_mut().unwrap().to = vec!["int.n2/gone".to_owned()];
    again.idempotency_key = "k3".to_owned();
    assert_eq!(reason(officer.send_message(again).await), "MESSAGE_EXISTS");
    assert_eq!(reason(officer.send_message(asked("k4", None, 0)).await), "NO_ROUTE");
    town.stopped().await;
}
