//! Attachments over lines that stall, trickle, break again and again or end on one side, and between nodes
//! of which each is killed, all in the middle of a file. What has passed a leg and was durable does not pass
//! it again, by the bytes that the line counts.

use std::time::Duration;

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::identity::Role;

use super::attached::{Attached, BYTES, all_there, arrived, durable, went_on};
use super::killed::growing;
use super::proxy::{Proxy, Way};
use super::{DESTINATION, HUB, Links, ORIGIN};
use crate::network::until;

const MIB: u64 = 1024 * 1024;
/// So much has come when something happens: two steps of making durable lie behind.
const COME: u64 = 9 * MIB;
/// What else passes a line, and what may be on the way when it breaks: a file that began anew would be more.
const BESIDES: u64 = 3 * MIB;
/// A line that carries at most 8 MiB a second.
const PACED: (usize, Duration) = (16 * 1024, Duration::from_millis(2));
/// One that carries a quarter of a MiB a second.
const TRICKLES: (usize, Duration) = (512, Duration::from_millis(2));
/// A line that breaks after so many bytes breaks before a step of making durable is through.
const BREAKS_AFTER: usize = 2 * 1024 * 1024;
const BREAKS: usize = 4;

/// A file in the middle of a leg.
struct Underway {
    attached: Attached,
    to: &'static str,
    /// Bytes that had passed, and what the node at the end had written, when something struck.
    passed: u64,
    dialled: u64,
    log: usize,
    durable: u64,
}

impl Underway {
    /// A file on its way over a line that is not too quick, in the middle of which something is to happen.
    async fn to(links: &mut Links, to: &'static str) -> Self {
        links.line(to).trickle(PACED.0, PACED.1);
        let attached = Attached::sent(links, links.line(to).passed(Way::There) + 1).await;
        until("the middle of the file", async || {
            assert!(!attached.has_arrived(links).await, "it was too quick");
            (growing(&links.network, to) > COME).then_some(())
        })
        .await;
        let line: &Proxy = links.line(to);
        let (passed, dialled) = (line.passed(Way::There), line.dialled());
        let (log, durable) = (links.network.log(to).len(), durable(links, to));
        assert!(durable >= 2 * rogatory::journal::files::SYNC_BYTES, "{durable} were durable");
        Self { attached, to, passed, dialled, log, durable }
    }

    /// Waits until it has arrived; gives what passed since something struck.
    async fn arrives(&self, links: &Links) -> u64 {
        arrived(links, &self.attached.sent).await;
        let passed = links.line(self.to).passed(Way::There) - self.passed;
        let left = BYTES as u64 - self.durable;
        assert!(passed < left + BESIDES, "{passed} bytes passed to {}, {left} left", self.to);
        passed
    }

    /// The same over a new connection, on which it went on at the last durable byte.
    async fn goes_on(self, links: &Links, what: &str) -> Attached {
        let passed = self.arrives(links).await;
        let offsets = went_on(links, self.to, self.log);
        let [offset] = offsets[..] else { panic!("{what}: it went on at {offsets:?}") };
        assert!(offset >= self.durable, "{what}: it went on at {offset}");
        println!("{what}: went on at {offset}, {passed} bytes passed after");
        self.attached
    }

    /// The same over the connection on which it began.
    async fn goes_through(self, links: &Links, what: &str) -> Attached {
        let passed = self.arrives(links).await;
        assert_eq!(links.line(self.to).dialled(), self.dialled, "{what}: it was dialled anew");
        println!("{what}: {passed} bytes passed after, over the same connection");
        self.attached
    }
}

async fn stalled(links: &mut Links) -> Attached {
    let file = Underway::to(links, DESTINATION).await;
    links.line(DESTINATION).stall();
    links.line(DESTINATION).struck(Way::There).await;
    // It stands still, and nobody takes the other for dead.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(growing(&links.network, DESTINATION) < BYTES as u64);
    links.heal();
    file.goes_through(links, "a line stalls").await
}

async fn trickling(links: &mut Links) -> Attached {
    let file = Underway::to(links, DESTINATION).await;
    links.line(DESTINATION).trickle(TRICKLES.0, TRICKLES.1);
    let sent = links.ask(1).await;
    links.delivered(&sent).await;
    assert!(!file.attached.has_arrived(links).await, "the message waited for the file");
    links.heal();
    file.goes_through(links, "a line trickles").await
}

/// Waits until the hub's connection for attachments has ended, by what it writes from this place on.
async fn ended(links: &Links, before: usize) {
    until("the connection to end", async || {
        links.network.log(HUB)[before..].contains("attachments: session ended").then_some(())
    })
    .await;
}

async fn half_closed(links: &mut Links, way: Way) -> Attached {
    let file = Underway::to(links, DESTINATION).await;
    let before = links.network.log(HUB).len();
    links.line(DESTINATION).half_close(way);
    ended(links, before).await;
    links.heal();
    file.goes_on(links, &format!("a line is half closed, {way:?}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_on_a_line_that_stalls_or_trickles_comes_once_over_the_same_connection() {
    let mut links = Links::laid().await;
    let attached = [Box::pin(stalled(&mut links)).await, Box::pin(trickling(&mut links)).await];
    all_there(&links, &attached).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_on_a_line_that_ends_on_one_side_goes_on_over_another() {
    let mut links = Links::laid().await;
    let mut attached = Vec::new();
    for way in [Way::There, Way::Back] {
        attached.push(Box::pin(half_closed(&mut links, way)).await);
    }
    all_there(&links, &attached).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_gets_on_over_a_line_that_never_holds_for_one_step() {
    let mut links = Links::laid().await;
    let log = links.network.log(DESTINATION).len();
    links.line(DESTINATION).stall_after(Way::There, BREAKS_AFTER);
    let attached = Attached::sent(&mut links, 1).await;
    let mut come = 0;
    for _ in 0..BREAKS {
        links.line(DESTINATION).struck(Way::There).await;
        // Who is told of a break forgets what it has not read.
        come = until("more of it", async || {
            let now = growing(&links.network, DESTINATION);
            (now > come + MIB).then_some(now)
        })
        .await;
        let before = links.network.log(HUB).len();
        links.line(DESTINATION).sever();
        ended(&links, before).await;
        links.line(DESTINATION).stall_after(Way::There, BREAKS_AFTER);
    }
    links.heal();
    arrived(&links, &attached.sent).await;
    let offsets = went_on(&links, DESTINATION, log);
    println!("it went on at {offsets:?}");
    assert_eq!(offsets.len(), BREAKS, "{offsets:?}");
    assert!(offsets.windows(2).all(|it| it[1] >= it[0] + MIB), "{offsets:?}");
    all_there(&links, &[attached]).await;
    links.hold().await;
}

/// When a node wrote the first line that holds these words, of those beyond `after` bytes.
fn written(links: &Links, stage: &str, after: usize, words: &str) -> Timestamp {
    let log = links.network.log(stage);
    let line = log[after..].lines().find(|it| it.contains(words));
    let line = line.unwrap_or_else(|| panic!("{stage} has written no {words}"));
    line.split(' ').find_map(Timestamp::parse).expect("a line begins with its time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_on_within_a_second_after_a_peer_that_was_away_makes_contact() {
    // By its own schedule the hub would try again in twenty seconds at the earliest.
    let slow = [
        (HUB, "retry_min_ms = 50", "retry_min_ms = 60000"),
        (HUB, "retry_max_ms = 1000", "retry_max_ms = 3600000"),
    ];
    let mut links = Links::laid_with(&slow).await;
    let file = Underway::to(&mut links, DESTINATION).await;
    let (before, after) = (links.network.log(HUB).len(), file.log);
    links.network.kill(DESTINATION);
    ended(&links, before).await;
    links.heal();
    links.network.start(DESTINATION);
    links.network.serves(DESTINATION).await;
    links.service = links.network.client(DESTINATION, Role::Service).await;
    let attached = file.goes_on(&links, "a peer that was away comes back").await;
    let contact = written(&links, DESTINATION, after, "relay session opened");
    let began = written(&links, DESTINATION, after, "an attachment goes on");
    let took = began.millis_since(contact);
    println!("it went on {took} ms after contact");
    assert!(took < 1_000, "it went on {took} ms after contact");
    all_there(&links, &[attached]).await;
    links.hold().await;
}

/// The configuration's own mark, and one for which no disk has room.
const MARKS: [&str; 2] = ["low_water_bytes = 268435456", "low_water_bytes = 1125899906842624"];

/// Starts the hub, which was killed, with another mark.
async fn with_mark(links: &mut Links, before: &str, after: &str) {
    links.network.configure(HUB, before, after);
    links.network.start(HUB);
    links.network.serves(HUB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_without_room_does_not_take_waits_and_the_queue_says_for_whom_and_until_when() {
    const MESSAGES: usize = 3;
    let mut links = Links::laid().await;
    let file = Underway::to(&mut links, HUB).await;
    links.network.kill(HUB);
    links.heal();
    with_mark(&mut links, MARKS[0], MARKS[1]).await;
    let began = SystemClock.now();
    for _ in 0..MESSAGES {
        links.ask(1).await;
    }
    let operator = links.network.client(ORIGIN, Role::Operator).await;
    let items = until("everything to be refused, or held back", async || {
        let owed = operator.list_queue(Default::default()).await.ok()?.items;
        let owed: Vec<_> = owed.into_iter().filter(|it| it.item != "statement").collect();
        owed.iter().all(|it| it.reason == "STORAGE_LOW").then_some(owed)
    })
    .await;
    let now = SystemClock.now();
    assert_eq!(items.len(), MESSAGES + 1);
    for it in &items {
        assert_eq!((it.peer.as_str(), it.must_act.as_str()), (HUB, "peer"), "{it:?}");
        let [since, next] =
            [&it.since, &it.next_try].map(|it| Timestamp::parse(it).expect("a time"));
        let wait = next.millis_since(now);
        assert!((-1_000..=5_000).contains(&wait), "{wait} ms to the next try: {it:?}");
        let is_file = it.item == "attachment";
        assert_eq!(is_file, since < began, "{it:?}");
        assert!(since < now && (it.attempts > 0 || it.state == "waiting"), "{it:?}");
    }
    let files = items.iter().filter(|it| it.item == "attachment");
    let files: Vec<_> = files.map(|it| (it.state.as_str(), it.number)).collect();
    assert_eq!(files, [("to_carry", 1)]);
    links.network.kill(HUB);
    with_mark(&mut links, MARKS[1], MARKS[0]).await;
    let attached = file.goes_on(&links, "a node has room again").await;
    all_there(&links, &[attached]).await;
    links.hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_on_after_each_node_on_its_way_was_killed_in_the_middle_of_it() {
    let mut links = Links::laid().await;
    let mut attached = Vec::new();
    for (killed, to) in [(ORIGIN, HUB), (HUB, HUB), (HUB, DESTINATION), (DESTINATION, DESTINATION)]
    {
        let file = Underway::to(&mut links, to).await;
        links.network.kill(killed);
        links.heal();
        links.network.start(killed);
        links.network.serves(killed).await;
        links.officer = links.network.client(ORIGIN, Role::Officer).await;
        links.service = links.network.client(DESTINATION, Role::Service).await;
        let what = format!("{killed} is killed in the middle of a file to {to}");
        attached.push(Box::pin(file.goes_on(&links, &what)).await);
    }
    all_there(&links, &attached).await;
    links.hold().await;
}
