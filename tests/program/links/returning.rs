//! A neighbour that comes back begins to be drained within a second of contact, however long its node
//! would still have waited before it dialled again: by the times that the node that drains recorded itself.

use rogatory::clock::Timestamp;
use rogatory::domain::fact::Fact;
use rogatory::identity::Role;
use rogatory::wire;
use rogatory::wire::pb;

use super::queued;
use crate::network::callers::insistently;
use crate::network::drafts::{request, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, until};

/// The promise.
const WITHIN_MS: i64 = 1_000;
/// The pause of the hub before it dials anew: a minute, then longer; a third of it at the least.
const PAUSES: [(&str, &str); 2] = [
    ("retry_min_ms = 50", "retry_min_ms = 60000"),
    ("retry_max_ms = 1000", "retry_max_ms = 3600000"),
];
const PAUSE_LEAST_MS: i64 = 20_000;
const MESSAGES: usize = 5;

/// When a node's log says last that its session with a peer was opened.
fn opened(network: &Network, at: &str, with: &str) -> Option<Timestamp> {
    let log = network.log(at);
    let said = format!("relay session opened peer={with}");
    let line = log.lines().rfind(|it| it.ends_with(&said))?;
    Timestamp::parse(line.split(' ').next()?)
}

/// When the hub recorded each handover to the destination.
async fn handed_over(network: &Network) -> Vec<Timestamp> {
    let journal = network.journal(HUB).await;
    let entries = journal.entries.iter().map(|(_, it)| wire::entry::read(it).expect("an entry"));
    let handed = entries.filter(|it| {
        matches!(&it.fact, Fact::HandedOver { handover, .. }
            if handover.to.as_str() == DESTINATION)
    });
    handed.map(|it| it.recorded_at).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_back_is_handed_what_waits_within_a_second_of_contact() {
    let mut network = Network::started_with(&[]).await;
    for (before, after) in PAUSES {
        network.configure(HUB, before, after);
    }
    for stage in STAGES {
        network.start(stage);
    }
    for stage in STAGES {
        network.serves(stage).await;
    }
    let operator = network.client(HUB, Role::Operator).await;
    let peer = async || {
        let peers = operator.list_peers(pb::ListPeersRequest {}).await.ok()?.peers;
        peers.into_iter().find(|it| it.agency == DESTINATION)
    };
    until("a session", async || peer().await?.connected.then_some(())).await;
    network.kill(DESTINATION);
    let gone = until("the peer to be gone", async || {
        peer().await.filter(|it| !it.connected && !it.next_attempt.is_empty())
    })
    .await;
    let before = opened(&network, HUB, DESTINATION).expect("it was opened once");
    let officer = network.client(ORIGIN, Role::Officer).await;
    for n in 0..MESSAGES {
        let call = sending(&format!("call-{n}"), &request("A vessel adrift"));
        insistently(|| officer.send_message(call.clone())).await;
    }
    until("all of it to wait at the hub", async || {
        (queued(&network, HUB, "waiting").await == MESSAGES).then_some(())
    })
    .await;
    assert_eq!(handed_over(&network).await, []);
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    until("the hub to owe nothing", async || {
        let queue = operator.list_queue(pb::ListQueueRequest::default()).await.ok()?.items;
        queue.iter().all(|it| it.item != "message").then_some(())
    })
    .await;
    let session = opened(&network, HUB, DESTINATION).expect("it was opened again");
    let attempt = Timestamp::parse(&gone.next_attempt).expect("a time");
    assert!(session > before);
    let early = attempt.millis_since(session);
    assert!(attempt.millis_since(before) > PAUSE_LEAST_MS, "{gone:?}");
    let handed = handed_over(&network).await;
    assert_eq!(handed.len(), MESSAGES);
    let took: Vec<_> = handed.iter().map(|it| it.millis_since(session)).collect();
    let contact = opened(&network, DESTINATION, HUB).expect("it dialled the hub");
    let answered = session.millis_since(contact);
    println!(
        "contact, a session {answered} ms later, {early} ms before the next attempt; handed over \
         after {took:?} ms"
    );
    assert!(took[0] < WITHIN_MS, "the first was handed over after {} ms", took[0]);
    assert!(took.iter().all(|it| *it >= -answered.abs()), "nothing before contact: {took:?}");
    for stage in STAGES {
        let journal = network.journal(stage).await;
        let verdict = journal.replayed(&network.made.directory);
        verdict.unwrap_or_else(|fault| panic!("journal of {stage}: {fault}"));
    }
}
