//! What a long queue costs the hub that holds it for a destination that is away, and what the hub does to
//! those who bring more.

use std::time::{Duration, Instant};

use rogatory::identity::Role;
use rogatory::wire::pb;

use crate::network::drafts::{request, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN};
use crate::{Queued, fill, is_at, now, passed, reached, resident, silent};

/// Messages that a node hands to a peer and that are not answered yet, as every configuration of this
/// network has it.
const WINDOW: usize = 64;
/// Messages that are sent while the hub takes nothing.
const PRESSING: u64 = 3 * WINDOW as u64;
/// Of a hub whose disk is nearly full, by its own word: no disk has so much room.
const MARKS: [&str; 2] = ["low_water_bytes = 268435456", "low_water_bytes = 1125899906842624"];
/// How often what nodes need is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a hub needed, in MiB, and how fast it was, in messages a second.
pub(crate) struct Costs {
    /// The most while it took the queue, above what the open store of that queue needs.
    pub(crate) taking: f64,
    /// More after it has held the queue for a while, with others pressing.
    pub(crate) holding: f64,
    /// How fast it took the queue.
    pub(crate) took: f64,
    /// How fast it passed the queue on in the end.
    pub(crate) passed: f64,
}

fn rate(messages: u64, began: Instant) -> f64 {
    messages as f64 / began.elapsed().as_secs_f64()
}

/// What the origin owes, from the first page; the first of these is what it owes longest.
async fn owed(network: &Network) -> Vec<pb::QueuedItem> {
    let operator = network.client(ORIGIN, Role::Operator).await;
    let asked = pb::ListQueueRequest { page_size: 200, ..Default::default() };
    let mut items = operator.list_queue(asked).await.expect("the queue is shown").items;
    items.retain(|it| it.item == "message");
    items
}

/// How many messages the hub was offered and has not answered, as their origin sees it.
fn in_doubt(items: &[pb::QueuedItem]) -> usize {
    let count = items.iter().filter(|it| it.state == "in_doubt").count();
    assert!(count <= WINDOW, "{count} messages are on the way to a hub");
    count
}

/// Waits until the hub has taken the queue of the origin; gives the most that it needed meanwhile, in MiB,
/// and how many messages were on the way at the most.
async fn taking(network: &Network, last: &str) -> (f64, usize) {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let (mut most, mut abreast) = (0.0_f64, 0);
    while !is_at(&officer, last, "relayed").await {
        most = most.max(resident(network, HUB));
        abreast = abreast.max(in_doubt(&owed(network).await));
        tokio::time::sleep(LOOK).await;
    }
    (most, abreast)
}

/// Sends messages while the hub has no room, and looks at both for so long; gives the last of them.
async fn pressing(network: &Network, seconds: u64) -> String {
    let entries = async || network.metric(HUB, "rogatory_journal_entries").await;
    let (before, began) = (entries().await, now());
    let officer = network.client(ORIGIN, Role::Officer).await;
    let mut last = String::new();
    for number in 0..PRESSING {
        let draft = request("A vessel adrift, and nobody takes it.");
        let call = sending(&format!("pressing {number}"), &draft);
        let mut sent = officer.send_message(call).await.expect("the origin has room");
        last = sent.messages.remove(0).message_id;
    }
    let operator = network.client(HUB, Role::Operator).await;
    let mut refused = 0;
    while refused == 0 || began.elapsed() < Duration::from_secs(seconds) {
        let items = owed(network).await;
        assert_eq!(items.len() as u64, PRESSING, "what a hub does not take stays upstream");
        in_doubt(&items);
        refused = items.iter().filter(|it| it.reason == "STORAGE_LOW").count();
        let asked = pb::ListQueueRequest { page_size: 100, ..Default::default() };
        operator.list_queue(asked).await.expect("the queue is shown");
        tokio::time::sleep(LOOK).await;
    }
    // Who presses is told once in a while, and costs nothing that is kept.
    assert_eq!(entries().await, before, "a hub that takes nothing records nothing");
    last
}

/// A hub with so many messages for a destination that is away; prints what it costs.
pub(crate) async fn measure(name: &str, messages: u64, seconds: u64) -> Costs {
    let mut network = silent().await;
    let Queued { first, passed: nth, last } = fill(&network, messages);
    network.start(HUB);
    network.serves(HUB).await;
    let idle = resident(&network, HUB);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let began = now();
    let (most, abreast) = taking(&network, &last).await;
    let took = rate(messages, began);
    println!("{name}: idle hub                      {idle:.0} MiB");
    println!(
        "{name}: takes the queue, {took:.0}/s, {most:.0} MiB at most, {abreast} on the way at most"
    );

    network.terminate(HUB).await;
    network.configure(HUB, MARKS[0], MARKS[1]);
    network.start(HUB);
    network.serves(HUB).await;
    let opened = resident(&network, HUB);
    let pressed = pressing(&network, seconds).await;
    let holding = resident(&network, HUB) - opened;
    println!("{name}: once its store is open        {opened:.0} MiB");
    println!(
        "{name}: more while it holds           {holding:.1} MiB, and {PRESSING} wait upstream"
    );

    network.terminate(HUB).await;
    network.configure(HUB, MARKS[1], MARKS[0]);
    for stage in [DESTINATION, HUB] {
        network.start(stage);
        network.serves(stage).await;
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let began = now();
    reached(&officer, &first, "delivered").await;
    println!("{name}: first one delivered after     {:.2} s", began.elapsed().as_secs_f64());
    reached(&officer, &nth, "delivered").await;
    let count = passed(messages);
    let passed = rate(count, began);
    // What waited upstream is taken now.
    reached(&officer, &pressed, "relayed").await;
    let needs = [ORIGIN, HUB, DESTINATION].map(|it| format!("{:.0}", resident(&network, it)));
    println!(
        "{name}: {count} delivered, {passed:.0}/s; {} MiB in order of the way",
        needs.join(", ")
    );
    Costs { taking: most - opened, holding, took, passed }
}
