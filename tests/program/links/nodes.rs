//! Lines between nodes: each fault strikes while something is under way.

use std::time::Duration;

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::wire::pb;

use super::holding::Sent;
use super::proxy::Way;
use super::{LONG, Links, holding};
use crate::network::drafts::{DESTINATION_DESK, ORIGIN_DESK};
use crate::network::{DESTINATION, HUB, ORIGIN, until};

/// A part of a long request, and more than what else passes meanwhile.
const PART: usize = 4_000;

/// What the inbox of an end lists.
async fn inbox(links: &Links, stage: &str) -> Vec<pb::InboxItem> {
    let desk = if stage == ORIGIN { ORIGIN_DESK } else { DESTINATION_DESK };
    Box::pin(holding::inbox(&links.network, stage, desk)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_stalls_is_given_up_and_made_anew() {
    let mut links = Links::laid().await;
    links.line(HUB).shut();
    links.loses(ORIGIN, HUB).await;
    links.line(HUB).heal();
    links.line(HUB).stall();
    links.line(HUB).struck(Way::There).await;
    let sent = links.ask(1).await;
    until("the handshake to be given up", async || {
        links.peer(ORIGIN, HUB).await.last_error.contains("took too long").then_some(())
    })
    .await;
    assert_eq!(links.queued(ORIGIN, "waiting_for_witness").await, 1);
    links.heal();
    links.delivered(&sent).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_that_stalls_is_in_doubt_until_the_line_is_good_and_arrives_once() {
    let mut links = Links::laid().await;
    let before = links.line(DESTINATION).dialled();
    links.line(DESTINATION).stall_after(Way::There, PART);
    let sent = links.ask(LONG).await;
    links.line(DESTINATION).struck(Way::There).await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    assert!(inbox(&links, DESTINATION).await.is_empty());
    links.heal();
    links.delivered(&sent).await;
    // What was held back went on over the same connection.
    assert_eq!(links.line(DESTINATION).dialled(), before);
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_a_reset_cuts_in_two_arrives_whole_and_in_order() {
    let mut links = Links::laid().await;
    for to in [HUB, DESTINATION] {
        links.line(to).reset_after(Way::There, 10 * PART);
    }
    links.ask_many(20).await;
    for to in [HUB, DESTINATION] {
        links.line(to).struck(Way::There).await;
    }
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_its_dialler_half_closes_is_dialled_anew() {
    half_closed(Way::There).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_its_listener_half_closes_is_dialled_anew() {
    half_closed(Way::Back).await;
}

async fn half_closed(way: Way) {
    let mut links = Links::laid().await;
    links.line(DESTINATION).half_close(way);
    links.line(DESTINATION).struck(way).await;
    links.loses(HUB, DESTINATION).await;
    let sent = links.ask(1).await;
    assert_eq!(links.queued(HUB, "waiting").await, 1);
    links.heal();
    links.delivered(&sent).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_trickles_is_slow_and_not_dead() {
    let mut links = Links::laid().await;
    // Both have dialled each other, and each has heard the other answer since.
    let first = links.ask(1).await;
    links.delivered(&first).await;
    let before = links.line(DESTINATION).dialled();
    links.line(DESTINATION).trickle(256, Duration::from_millis(50));
    let sent = links.ask(LONG).await;
    links.delivered(&sent).await;
    links.line(DESTINATION).struck(Way::There).await;
    assert_eq!(links.line(DESTINATION).dialled(), before, "it was taken for dead");
    links.heal();
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_delays_carries_a_batch_and_its_answers() {
    let mut links = Links::laid().await;
    for to in [ORIGIN, HUB, DESTINATION] {
        links.line(to).delay(Duration::from_millis(150));
    }
    links.ask_many(4).await;
    let asked = links.sent[0].clone();
    links.delivered(&asked).await;
    let answer = links.follow(DESTINATION, "ack_receipt", &asked).await;
    links.delivered(&answer).await;
    // It held under the delays; nothing has to be healed.
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_after_the_peer_has_committed_leaves_one_message() {
    let mut links = Links::laid().await;
    links.line(DESTINATION).stall_after(Way::Back, 0);
    let sent = links.ask(1).await;
    until("the destination to have it", async || {
        let items = inbox(&links, DESTINATION).await;
        (items.len() == 1).then_some(())
    })
    .await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    links.line(DESTINATION).reset_after(Way::Back, 0);
    links.line(DESTINATION).struck(Way::Back).await;
    links.delivered(&sent).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_can_be_reached_one_way_only_still_sends_and_gets_the_rest_later() {
    let mut links = Links::laid().await;
    let first = links.ask(1).await;
    links.delivered(&first).await;
    links.line(DESTINATION).shut();
    links.loses(HUB, DESTINATION).await;
    let answer = links.follow(DESTINATION, "ack_receipt", &first).await;
    let second = links.ask(1).await;
    until("the answer to come", async || {
        let items = inbox(&links, ORIGIN).await;
        (items.len() == 1).then_some(())
    })
    .await;
    assert_eq!(links.queued(HUB, "waiting").await, 1);
    assert_eq!(inbox(&links, DESTINATION).await.len(), 1);
    links.heal();
    links.delivered(&second).await;
    links.delivered(&answer).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_peer_with_a_full_window_holds_up_no_other_peer() {
    let mut links = Links::laid().await;
    let first = links.ask(1).await;
    links.delivered(&first).await;
    links.line(DESTINATION).stall();
    // More than may be in flight.
    links.ask_many(40).await;
    links.line(DESTINATION).struck(Way::There).await;
    assert!(links.queued(HUB, "in_doubt").await > 0);
    links.follow(DESTINATION, "ack_receipt", &first).await;
    until("the answer to come", async || {
        let items = inbox(&links, ORIGIN).await;
        (items.len() == 1).then_some(())
    })
    .await;
    let stalled = inbox(&links, DESTINATION).await;
    assert_eq!(stalled.len(), 1, "the other line stands still meanwhile");
    links.heal();
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_break_again_and_again_delay_and_lose_nothing() {
    let mut links = Links::laid().await;
    for round in 0..6 {
        let way = if round % 2 == 0 { Way::There } else { Way::Back };
        for to in [ORIGIN, HUB, DESTINATION] {
            links.line(to).reset_after(way, PART * (round + 1) / 4);
        }
        links.ask_many(3).await;
        let asked = links.sent[0].clone();
        links.follow(ORIGIN, "supplement", &asked).await;
        links.line(HUB).struck(way).await;
    }
    links.heal();
    links.hold().await;
}

/// When a node's last session with its peer was opened, by what it wrote.
fn opened(links: &Links, at: &str) -> Timestamp {
    let log = links.network.log(at);
    let line = log.lines().rfind(|it| it.contains("relay session opened"));
    let line = line.expect("it has written so");
    let at = line.split(['"', ' ']).find_map(Timestamp::parse);
    at.unwrap_or_else(|| panic!("a line begins with its time: {line}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_returns_after_a_long_outage_is_drained_at_once() {
    // By its own schedule the hub would try again in half a minute at the earliest.
    let slow = [
        (HUB, "retry_min_ms = 50", "retry_min_ms = 60000"),
        (HUB, "retry_max_ms = 1000", "retry_max_ms = 60000"),
    ];
    let mut links = Links::laid_with(&slow).await;
    links.ask(1).await;
    links.hold().await;
    for stage in [HUB, DESTINATION] {
        links.line(stage).shut();
    }
    links.loses(HUB, DESTINATION).await;
    links.loses(DESTINATION, HUB).await;
    let next = links.peer(HUB, DESTINATION).await.next_attempt;
    let next = Timestamp::parse(&next).expect("it says when");
    let sent = links.ask(1).await;
    links.heal();
    links.delivered(&sent).await;
    let stations = holding::stations(&links.network, &sent).await.expect("it is shown");
    let delivered = stations.iter().find(|it| it.station == "delivered");
    let delivered = Timestamp::parse(&delivered.expect("it was delivered").at).expect("a time");
    assert!(delivered < next, "it waited for the hub's next try");
    let after = delivered.millis_since(opened(&links, DESTINATION));
    println!("delivered {after} ms after contact");
    assert!(after < 10_000, "delivered {after} ms after contact");
    links.hold().await;
}

/// A message in the middle of which the line and the power of its recipient fail together: what stands is
/// never ended, and passes nothing; a new connection would.
async fn left_standing(links: &mut Links) -> Sent {
    // Both have dialled each other, and the hub has heard its peer answer since: else it would take the
    // peer for one that has come anew.
    let first = links.ask(1).await;
    links.delivered(&first).await;
    links.line(DESTINATION).stall_after(Way::There, PART);
    let sent = links.ask(LONG).await;
    links.line(DESTINATION).struck(Way::There).await;
    links.line(DESTINATION).strand();
    links.line(DESTINATION).heal();
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_back_without_having_said_goodbye_is_drained_at_once() {
    let mut links = Links::laid().await;
    let sent = left_standing(&mut links).await;
    links.network.kill(DESTINATION);
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    let began = SystemClock.now();
    links.network.start(DESTINATION);
    links.network.serves(DESTINATION).await;
    links.delivered(&sent).await;
    let took = SystemClock.now().millis_since(began);
    println!("delivered {took} ms after its node was started");
    let waited = links.network.log(HUB).contains("owes an answer and is silent");
    assert!(!waited, "the hub waited until the old connection had been silent for long");
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_nobody_ends_and_nothing_passes_is_given_up() {
    let mut links = Links::laid().await;
    let sent = left_standing(&mut links).await;
    assert_eq!(links.queued(HUB, "in_doubt").await, 1);
    links.delivered(&sent).await;
    assert!(links.network.log(HUB).contains("owes an answer and is silent"));
    links.hold().await;
}
