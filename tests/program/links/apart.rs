//! Machines apart, with cables that are pulled, slow, lossy, narrow or deaf in one direction: what no
//! proxy can do, since nobody is told that a connection has ended.
//!
//! The scenarios of a test follow each other on the same nodes; each ends with good cables and all that
//! was sent delivered, and everything that must hold is asserted at the end.

use std::collections::BTreeMap;

use rogatory::identity::Role;

use super::spaces::{self, Spaces, host, readdress};
use super::{DESTINATION, HUB, LONG, Links, ORIGIN, holding};
use crate::network::drafts::DESTINATION_DESK;
use crate::network::{Network, STAGES, agency, until};
use crate::reload::read_again;

/// A slow line: a long request takes some seconds.
const SLOW: &str = "tbf rate 64kbit burst 2kb latency 2s";
/// One with hardly any room: what comes at once is lost in part.
const CRAMPED: &str = "tbf rate 512kbit burst 2kb limit 6kb";
const LOSSY: &str = "netem loss 8% delay 20ms";
const FAR: &str = "netem delay 120ms 30ms";
/// Less than a handshake's first packet.
const NARROW: u32 = 700;
/// What a cable carries else.
const WIDE: u32 = 1_500;
/// So often something is sent again before it counts as lost.
const IN_VAIN: u64 = 3;
/// Another place on the switch.
const ELSEWHERE: u8 = 33;

/// Nodes on machines of their own, which have reached each other.
pub(super) async fn laid(spaces: &Spaces) -> Links {
    let mut network = Network::started_with(&[]).await;
    for stage in STAGES {
        network.spaces.insert(agency(stage), spaces.machine(stage));
        readdress(&mut network, stage, host(stage));
    }
    for stage in STAGES {
        network.start(stage);
    }
    Box::pin(Links::over(network, BTreeMap::new())).await
}

/// Waits until the last of what was sent is delivered.
async fn settled(links: &Links, scenario: &str) {
    for sent in &links.sent {
        links.delivered(sent).await;
    }
    println!("held: {scenario}");
}

/// How many messages the destination lists.
async fn listed(links: &Links) -> usize {
    Box::pin(holding::inbox(&links.network, DESTINATION, DESTINATION_DESK)).await.len()
}

/// Waits until the hub has sent again and again, and nobody has confirmed it.
async fn in_vain(spaces: &Spaces, before: u64) {
    let times = async || (spaces.sent_again(HUB) >= before + IN_VAIN).then_some(());
    until("the hub to send again", times).await;
}

async fn a_cable_is_pulled_in_the_middle_of_a_batch(links: &mut Links, spaces: &Spaces) {
    let again = spaces.sent_again(HUB);
    spaces.pull(DESTINATION);
    links.ask_many(10).await;
    assert!(links.queued(HUB, "in_doubt").await > 0);
    in_vain(spaces, again).await;
    spaces.put_back(DESTINATION);
    settled(links, "a cable is pulled in the middle of a batch").await;
}

async fn a_cable_comes_and_goes(links: &mut Links, spaces: &Spaces) {
    for _ in 0..5 {
        for stage in [HUB, DESTINATION] {
            spaces.pull(stage);
            links.ask(LONG).await;
            spaces.put_back(stage);
        }
    }
    settled(links, "a cable comes and goes").await;
}

async fn the_transit_is_cut_off_from_both_ends(links: &mut Links, spaces: &Spaces) {
    let first = links.sent[0].clone();
    spaces.pull(HUB);
    let before = listed(links).await;
    links.ask(1).await;
    links.follow(DESTINATION, "ack_receipt", &first).await;
    for stage in [ORIGIN, DESTINATION] {
        let waits = async || {
            let queue = super::queue(&links.network, stage).await?;
            queue.iter().any(|it| it.item == "message").then_some(())
        };
        until("both ends to wait", waits).await;
    }
    assert_eq!(listed(links).await, before);
    spaces.put_back(HUB);
    settled(links, "the transit is cut off from both ends").await;
}

async fn one_direction_is_deaf(links: &mut Links, spaces: &Spaces) {
    let (before, again) = (listed(links).await, spaces.sent_again(HUB));
    spaces.misdirect(HUB, DESTINATION);
    links.ask(LONG).await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    in_vain(spaces, again).await;
    assert_eq!(listed(links).await, before, "nothing comes through");
    spaces.redirect(HUB, DESTINATION);
    settled(links, "one direction is deaf").await;
}

async fn a_machine_loses_its_power(links: &mut Links, spaces: &Spaces) {
    spaces.pull(DESTINATION);
    links.network.kill(DESTINATION);
    links.ask(LONG).await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    spaces.put_back(DESTINATION);
    links.network.start(DESTINATION);
    links.network.serves(DESTINATION).await;
    links.service = links.network.client(DESTINATION, Role::Service).await;
    settled(links, "a machine loses its power").await;
    let waited = links.network.log(HUB).contains("owes an answer and is silent");
    assert!(!waited, "the hub waited until the old connection had been silent for long");
}

async fn a_line_is_slow(links: &mut Links, spaces: &Spaces) {
    assert!(spaces.disciplined(DESTINATION, SLOW), "every kernel has tbf");
    links.ask(LONG).await;
    settled(links, "a line is slow").await;
    spaces.undisciplined(DESTINATION);
}

async fn a_line_loses_packets(links: &mut Links, spaces: &Spaces) {
    if !spaces.disciplined(DESTINATION, LOSSY) {
        println!("SKIPPED: this kernel has no netem; packets are lost where a queue is short");
        assert!(spaces.disciplined(DESTINATION, CRAMPED), "every kernel has tbf");
    }
    links.ask_many(10).await;
    settled(links, "a line loses packets").await;
    assert!(spaces.dropped(DESTINATION) > 0, "no packet was lost");
    spaces.undisciplined(DESTINATION);
}

async fn a_line_is_long(links: &mut Links, spaces: &Spaces) {
    if !spaces.disciplined(DESTINATION, FAR) {
        println!("SKIPPED: this kernel has no netem; no line is long");
        return;
    }
    links.ask_many(5).await;
    settled(links, "a line is long").await;
    spaces.undisciplined(DESTINATION);
}

async fn large_packets_vanish(links: &mut Links, spaces: &Spaces) {
    let (before, again) = (listed(links).await, spaces.sent_again(HUB));
    spaces.narrow(DESTINATION, NARROW);
    links.ask(LONG).await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    in_vain(spaces, again).await;
    spaces.narrow(DESTINATION, WIDE);
    assert_eq!(listed(links).await, before, "what is large does not come through");
    settled(links, "large packets vanish").await;
}

async fn a_machine_has_another_address(links: &mut Links, spaces: &Spaces) {
    // Nobody is told: what stood with the old address stands for the hub until it finds out.
    let again = spaces.sent_again(HUB);
    spaces.move_to(DESTINATION, host(DESTINATION), ELSEWHERE);
    links.ask(LONG).await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    in_vain(spaces, again).await;
    links.network.kill(DESTINATION);
    readdress(&mut links.network, DESTINATION, ELSEWHERE);
    for stage in [ORIGIN, HUB] {
        read_again(&links.network, stage);
    }
    links.network.start(DESTINATION);
    links.network.serves(DESTINATION).await;
    links.service = links.network.client(DESTINATION, Role::Service).await;
    settled(links, "a machine has another address").await;
}

#[test]
fn cables_that_are_pulled_and_put_back_lose_nothing_and_double_nothing() {
    let name = "links::apart::cables_that_are_pulled_and_put_back_lose_nothing_and_double_nothing";
    spaces::inside(name, async |spaces| {
        let mut links = laid(&spaces).await;
        links.ask(1).await;
        Box::pin(a_cable_is_pulled_in_the_middle_of_a_batch(&mut links, &spaces)).await;
        Box::pin(a_cable_comes_and_goes(&mut links, &spaces)).await;
        Box::pin(the_transit_is_cut_off_from_both_ends(&mut links, &spaces)).await;
        Box::pin(one_direction_is_deaf(&mut links, &spaces)).await;
        Box::pin(a_machine_loses_its_power(&mut links, &spaces)).await;
        links.hold().await;
    });
}

#[test]
fn lines_that_are_slow_lossy_long_or_narrow_and_machines_that_move_lose_nothing() {
    let name = "links::apart::lines_that_are_slow_lossy_long_or_narrow_and_machines_that_move_lose_nothing";
    spaces::inside(name, async |spaces| {
        let mut links = laid(&spaces).await;
        Box::pin(a_line_is_slow(&mut links, &spaces)).await;
        Box::pin(a_line_loses_packets(&mut links, &spaces)).await;
        Box::pin(a_line_is_long(&mut links, &spaces)).await;
        Box::pin(large_packets_vanish(&mut links, &spaces)).await;
        Box::pin(a_machine_has_another_address(&mut links, &spaces)).await;
        links.hold().await;
    });
}
