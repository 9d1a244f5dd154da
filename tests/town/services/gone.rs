//! What is owed to an agency that leaves the directory, or is suspended, stays in the queue that an operator
//! is shown at the door: where it is, since when, and who must act.

use std::sync::Arc;
use std::time::Duration;

use rogatory::clock::{Clock, HandClock, SystemClock};
use rogatory::directory::Directory;
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::header::MessageKey;
use rogatory::identity::Role;
use rogatory::node::command::Command;
use rogatory::transport::client::Client;
use rogatory::wire::pb;

use crate::services::queue::until;
use crate::services::town::Town;
use crate::services::voids::{asked, sent, until_listed};

/// The life of what is to expire, in seconds.
const SHORT_S: u32 = 3_600;

/// Node `n` follows another directory.
pub(super) async fn follow(town: &Town, n: usize, change: impl FnOnce(&mut DirectoryDraft)) {
    let writer = &town.writers[n];
    let mut draft = writer.setting().directory().draft();
    draft.version += 1;
    change(&mut draft);
    let directory = Directory::parse(&to_toml(&draft)).unwrap();
    writer.ask(Command::AdoptDirectory(Arc::new(directory))).await.unwrap();
}

/// What becomes of the record of an agency that takes no part any more.
type Cut = fn(&mut DirectoryDraft);

/// It is not there.
fn left(draft: &mut DirectoryDraft) {
    draft.links.clear();
    draft.agencies.retain(|it| it.id.as_str() != "int.n1");
}

/// It stays named for what it signed, without a node or a link.
fn suspended(draft: &mut DirectoryDraft) {
    draft.links.clear();
    for record in draft.agencies.iter_mut().filter(|it| it.id.as_str() == "int.n1") {
        (record.nodes, record.transit) = (Vec::new(), None);
    }
}

/// What the queue has of a message, which is the same by the list of all and by its id.
async fn queued(operator: &Client, message_id: &str) -> Vec<pb::QueuedItem> {
    until("both lists to agree", async || {
        let all = operator.list_queue(pb::ListQueueRequest::default()).await.unwrap().items;
        let all: Vec<_> = all.into_iter().filter(|it| it.message_id == message_id).collect();
        let message_id = message_id.to_owned();
        let asked = pb::ListQueueRequest { message_id, ..Default::default() };
        // Something may have changed between the two.
        (operator.list_queue(asked).await.unwrap().items == all).then_some(all)
    })
    .await
}

async fn waits_for_a_way(operator: &Client, message_id: &str, item: &str) -> pb::QueuedItem {
    let what = format!("the {item} to wait for a way");
    until(&what, async || {
        let mut found = queued(operator, message_id).await;
        found.retain(|it| it.item == item && it.state == "waiting_for_way");
        found.pop()
    })
    .await
}

/// An officer of node `n` reads a message of node 0, which states that it was.
async fn read_at(town: &Town, n: usize, message_id: &str) {
    let desk = town.client(n, Role::Officer).await;
    let (origin, message_id) = ("int.n0".to_owned(), message_id.to_owned());
    desk.read_message(pb::ReadMessageRequest { origin, message_id }).await.unwrap();
}

async fn is_listed_while_it_is_gone(cut: Cut) {
    let clock = Arc::new(HandClock::at(SystemClock.now()));
    let mut town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, |_| ()).await;
    let officer = town.client(0, Role::Officer).await;
    let [near, far] = [town.client(0, Role::Operator).await, town.client(2, Role::Operator).await];
    let first = sent(&officer, asked("k1", None, 0)).await;
    until_listed(&town, &[&first.message_id]).await;
    town.stop(1);
    until("the peer to be gone", async || {
        let peers = near.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        peers.iter().any(|it| it.agency == "int.n1" && !it.connected).then_some(())
    })
    .await;
    // One waits, one was offered and not answered, and the other side owes a statement.
    let waiting = sent(&officer, asked("k2", None, SHORT_S)).await;
    let doubtful = sent(&officer, asked("k3", None, SHORT_S)).await;
    let key = MessageKey::new(&town.agencies[0], doubtful.message_id.parse().unwrap());
    let offer = Command::HandOver { peer: town.agencies[1].clone(), messages: vec![key] };
    town.writers[0].ask(offer).await.unwrap();
    let since = clock.now().to_string();
    read_at(&town, 2, &first.message_id).await;
    let links = town.directory.draft();
    for n in [0, 2] {
        follow(&town, n, cut).await;
    }

    let item = waits_for_a_way(&near, &waiting.message_id, "message").await;
    assert_eq!((item.must_act.as_str(), item.reason.as_str()), ("operator", "LINK_ENDED"));
    assert_eq!((item.peer.as_str(), item.destination.as_str()), ("int.n1", "int.n2"));
    assert_eq!((&item.since, &item.expires_at), (&since, &waiting.expires_at));
    assert_eq!(item.next_try, "", "nobody is dialled");
    let item = queued(&near, &doubtful.message_id).await.remove(0);
    assert_eq!(
        (item.state.as_str(), item.must_act.as_str()),
        ("in_doubt_without_link", "operators")
    );
    assert_eq!((item.peer.as_str(), item.handover, item.next_try.as_str()), ("int.n1", 1, ""));
    let item = waits_for_a_way(&far, &first.message_id, "statement").await;
    assert_eq!((item.must_act.as_str(), item.reason.as_str()), ("operator", "LINK_ENDED"));
    assert_eq!((item.peer.as_str(), &item.since), ("int.n1", &since));
    let drain = near.set_drain(pb::SetDrainRequest { on: true }).await.unwrap().drain.unwrap();
    assert_eq!((drain.messages, drain.waiting_for_way, drain.empty), (0, 2, true));
    near.set_drain(pb::SetDrainRequest { on: false }).await.unwrap();

    // It outlives a restart, and ends by expiry but where the peer may have it.
    town.restarted(0).await;
    let near = town.client(0, Role::Operator).await;
    waits_for_a_way(&near, &waiting.message_id, "message").await;
    clock.advance(i64::from(SHORT_S) * 1_000 + 600_000);
    until("what waited to end", async || {
        queued(&near, &waiting.message_id).await.is_empty().then_some(())
    })
    .await;
    let item = queued(&near, &doubtful.message_id).await.remove(0);
    assert_eq!(
        (item.state.as_str(), item.must_act.as_str()),
        ("in_doubt_past_expiry", "operators")
    );
    assert_eq!(item.peer, "int.n1");

    // Once it is there again all is asked and told.
    town.serve_again(1).await;
    for n in [0, 2] {
        let (agencies, links) = (links.agencies.clone(), links.links.clone());
        follow(&town, n, |draft| (draft.agencies, draft.links) = (agencies, links)).await;
    }
    until("nothing to be owed", async || {
        let done = queued(&near, &doubtful.message_id).await.is_empty()
            && queued(&far, &first.message_id).await.is_empty();
        done.then_some(())
    })
    .await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_ends_and_is_there_again_at_once_carries_messages_as_before() {
    let mut town = Town::built_by(Arc::new(SystemClock), |_| ()).await;
    let links = town.directory.draft();
    let officer = town.client(0, Role::Officer).await;
    let mut all = Vec::new();
    for n in 0..4 {
        // What carries messages dials in vain, and looks at the directory more often than what carries
        // attachments, which has none.
        town.stop(1);
        all.push(sent(&officer, asked(&format!("k{n}"), None, 0)).await.message_id);
        tokio::time::sleep(Duration::from_millis(300 + 200 * n)).await;
        follow(&town, 0, left).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let (agencies, links) = (links.agencies.clone(), links.links.clone());
        follow(&town, 0, |draft| (draft.agencies, draft.links) = (agencies, links)).await;
        town.serve_again(1).await;
        until_listed(&town, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_to_an_agency_that_has_left_stays_in_the_queue() {
    is_listed_while_it_is_gone(left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_to_a_suspended_agency_stays_in_the_queue() {
    is_listed_while_it_is_gone(suspended).await;
}
