//! A restored node that has nobody to ask what was seen of its journal says so wherever it is asked, and asks
//! whom a newer directory names. And one that neighbours show more than the directory counts says which size its
//! agency's record has to name.

use std::sync::Arc;

use rogatory::identity::Role;
use rogatory::journal::store::Batch;
use rogatory::node::doubt::{Doubt, NOBODY_TO_ASK};
use rogatory::node::recovery::{Asked, Recovery};
use rogatory::wire::pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::services::queue::until;
use crate::services::town::{Town, reason};
use crate::services::voids::{asked, follow, sent, until_listed};

async fn health(town: &Town) -> String {
    let mut stream = tokio::net::TcpStream::connect(town.operations(0)).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_node_that_has_nobody_to_ask_says_so_and_asks_whom_a_newer_directory_names() {
    let mut town = Town::built().await;
    let links = town.directory.draft().links;
    let first = sent(&town.client(0, Role::Officer).await, asked("k1", None, 0)).await;
    until_listed(&town, &[&first.message_id]).await;
    follow(&town, Vec::new()).await;
    town.stop(0);
    let setting = Arc::clone(town.writers[0].setting());
    let mut batch = Batch::new();
    let doubt = Doubt::begun(setting.clock.now(), setting.journal.next());
    doubt.put(setting.store.as_ref(), &mut batch).unwrap();
    setting.store.commit(batch).unwrap();
    town.restarted(0).await;

    let size = setting.journal.next();
    let said = health(&town).await;
    assert!(said.starts_with("HTTP/1.0 503") && said.contains(NOBODY_TO_ASK), "{said}");
    let operator = town.client(0, Role::Operator).await;
    let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap();
    let doubt = peers.doubt.expect("it is in doubt");
    assert_eq!((doubt.reason.as_str(), doubt.unanswered.len()), ("JOURNAL_UNCONFIRMED", 0));
    let officer = town.client(0, Role::Officer).await;
    let refused = officer.send_message(asked("k2", Some(&first), 0)).await;
    assert_eq!(reason(refused), "JOURNAL_UNCONFIRMED");
    assert_eq!(setting.journal.next(), size, "nothing is signed");

    follow(&town, links).await;
    until("the node to serve", async || health(&town).await.contains(" 200 ").then_some(())).await;
    let second = sent(&officer, asked("k3", Some(&first), 0)).await;
    until_listed(&town, &[&first.message_id, &second.message_id]).await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_node_that_is_shown_more_than_counts_says_so_and_works_on() {
    let mut town = Town::built().await;
    town.stop(0);
    let setting = Arc::clone(town.writers[0].setting());
    // The directory names no such volume: nothing of it counts.
    let mut recovery = Recovery::begun(format!("{}/journal/7", setting.agency), 3, Vec::new());
    for peer in setting.directory().neighbours(&setting.agency) {
        recovery.asked.insert(peer, Asked::Beyond { size: 23, next: None });
    }
    let mut batch = Batch::new();
    recovery.put(setting.store.as_ref(), &mut batch).unwrap();
    setting.store.commit(batch).unwrap();
    town.restarted(0).await;

    let operator = town.client(0, Role::Operator).await;
    let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap();
    let doubt = peers.doubt.expect("something is left to ask");
    assert_eq!((doubt.reason.as_str(), doubt.unanswered.len()), ("JOURNAL_UNCONFIRMED", 0));
    assert_eq!((doubt.size, doubt.size_seen, doubt.size_counted), (3, 23, 0));
    assert_eq!(doubt.seen_by, town.agencies[1].to_string());
    assert!(health(&town).await.contains(" 200 "), "it works on");
    let first = sent(&town.client(0, Role::Officer).await, asked("k1", None, 0)).await;
    until_listed(&town, &[&first.message_id]).await;
    town.stopped().await;
}
