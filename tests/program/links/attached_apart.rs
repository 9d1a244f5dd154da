//! Attachments between machines apart: a cable is pulled in the middle of a file, is slow, or comes and
//! goes, and the machine in the middle loses its power. What was durable on a leg does not pass there
//! again, by the bytes that the kernel counts on the cable.
//!
//! The scenarios of a test follow each other on the same nodes, each with a file of its own; at the end
//! all files are there, whole, and nothing of them is anywhere else.

use super::attached::{Attached, BYTES, all_there, arrived, durable, went_on};
use super::killed::growing;
use super::spaces::{self, Spaces};
use super::{DESTINATION, HUB, Links, ORIGIN, apart};
use crate::network::until;

const MIB: u64 = 1024 * 1024;
/// So much has come when something happens: two steps of making durable lie behind.
const COME: u64 = 9 * MIB;
/// What else comes to a machine meanwhile: a file that began anew would be more.
const BESIDES: u64 = 2 * MIB;
/// What a step of making durable leaves to be carried at the most, once so much has come.
const LEFT_MAX: u64 = BYTES as u64 - 8 * MIB;
/// A cable on which a file takes two seconds.
const PACED: &str = "tbf rate 48mbit burst 64kb latency 50ms";
/// One on which it takes half a minute.
const THROTTLED: &str = "tbf rate 3mbit burst 16kb latency 50ms";
/// So often a cable comes and goes.
const TIMES: u64 = 3;

/// A file in the middle of a leg.
struct Underway {
    attached: Attached,
    to: &'static str,
    /// What had come over the cable before the file.
    began: u64,
}

/// What was there when something struck.
struct Struck {
    durable: u64,
    came: u64,
    log: usize,
}

impl Underway {
    /// A file on its way over a cable that is not too quick, of which so much has come.
    async fn until(links: &mut Links, spaces: &Spaces, to: &'static str, come: u64) -> Self {
        let began = spaces.came(to);
        let attached = Attached::sent(links, began + 1).await;
        until("the middle of the file", async || {
            assert!(!attached.has_arrived(links).await, "it was too quick");
            (growing(&links.network, to) > come).then_some(())
        })
        .await;
        Self { attached, to, began }
    }

    fn struck(&self, links: &Links, spaces: &Spaces) -> Struck {
        let durable = durable(links, self.to);
        assert!(BYTES as u64 - durable <= LEFT_MAX, "{durable} bytes were durable");
        let log = links.network.log(self.to).len();
        Struck { durable, came: spaces.came(self.to), log }
    }

    /// Waits until it has arrived; asserts that it went on at the last durable byte, once.
    async fn goes_on(self, links: &Links, spaces: &Spaces, struck: &Struck) -> Attached {
        arrived(links, &self.attached.sent).await;
        let came = spaces.came(self.to) - struck.came;
        let left = BYTES as u64 - struck.durable;
        // Packets have headers.
        let most = left + left / 16 + BESIDES;
        assert!(came < most, "{came} bytes came to {}, and {} were there", self.to, struck.durable);
        let offsets = went_on(links, self.to, struck.log);
        let [offset] = offsets[..] else { panic!("it went on at {offsets:?}") };
        assert!(offset >= struck.durable, "it went on at {offset}, not {}", struck.durable);
        spaces.undisciplined(self.to);
        self.attached
    }

    /// Waits until it has arrived; asserts that it never was interrupted, and came once.
    async fn goes_through(self, links: &Links, spaces: &Spaces, struck: &Struck) -> Attached {
        arrived(links, &self.attached.sent).await;
        let came = spaces.came(self.to) - self.began;
        let most = BYTES as u64 + BYTES as u64 / 16 + BESIDES;
        assert!(came < most, "{came} bytes came to {}", self.to);
        assert_eq!(went_on(links, self.to, struck.log), [0; 0], "it is the same connection");
        spaces.undisciplined(self.to);
        self.attached
    }
}

/// The cable of a machine is out until the system of whoever sends gives the connection up.
async fn a_cable_is_pulled_until_nobody_waits(
    links: &mut Links,
    spaces: &Spaces,
    (from, to, pulled): (&'static str, &'static str, &'static str),
) -> Option<Attached> {
    if !spaces.impatient(from) {
        println!("SKIPPED: the system of a namespace can't be told when to give a connection up");
        return None;
    }
    assert!(spaces.disciplined(to, PACED), "every kernel has tbf");
    let file = Underway::until(links, spaces, to, COME).await;
    spaces.pull(pulled);
    let before = links.network.log(from).len();
    let struck = file.struck(links, spaces);
    until("the connection to be given up", async || {
        links.network.log(from)[before..].contains("attachments: session ended").then_some(())
    })
    .await;
    spaces.put_back(pulled);
    let attached = file.goes_on(links, spaces, &struck).await;
    println!("held: the cable of {pulled} is pulled, and {from} gives up");
    Some(attached)
}

/// The cable is out again and again, never for so long that anybody gives up.
async fn a_cable_comes_and_goes(links: &mut Links, spaces: &Spaces) -> Attached {
    assert!(spaces.disciplined(DESTINATION, PACED), "every kernel has tbf");
    let file = Underway::until(links, spaces, DESTINATION, MIB).await;
    let log = links.network.log(DESTINATION).len();
    let struck = Struck { durable: 0, came: 0, log };
    for time in 1..=TIMES {
        let again = spaces.sent_again(HUB);
        spaces.pull(DESTINATION);
        until("the hub to send in vain", async || (spaces.sent_again(HUB) > again).then_some(()))
            .await;
        spaces.put_back(DESTINATION);
        until("more of it", async || {
            (growing(&links.network, DESTINATION) > time * 2 * MIB).then_some(())
        })
        .await;
    }
    let attached = file.goes_through(links, spaces, &struck).await;
    println!("held: a cable comes and goes in the middle of a file");
    attached
}

/// Messages overtake a file on a cable that is slow, and it comes once.
async fn a_file_on_a_slow_cable_delays_no_message(links: &mut Links, spaces: &Spaces) -> Attached {
    assert!(spaces.disciplined(DESTINATION, THROTTLED), "every kernel has tbf");
    let file = Underway::until(links, spaces, DESTINATION, MIB).await;
    let log = links.network.log(DESTINATION).len();
    let struck = Struck { durable: 0, came: 0, log };
    for _ in 0..3 {
        let sent = links.ask(1).await;
        links.delivered(&sent).await;
    }
    let has_arrived = file.attached.has_arrived(links).await;
    let come = growing(&links.network, DESTINATION);
    assert!(!has_arrived && come < BYTES as u64, "the messages waited for the file");
    println!("three messages were delivered while {come} bytes of the file had come");
    assert!(spaces.disciplined(DESTINATION, PACED), "every kernel has tbf");
    let attached = file.goes_through(links, spaces, &struck).await;
    println!("held: a file on a slow cable delays no message");
    attached
}

/// The hub is killed while its cable is out, so that nobody hears of it, and comes back.
async fn the_hub_loses_its_power(links: &mut Links, spaces: &Spaces, to: &'static str) -> Attached {
    assert!(spaces.disciplined(to, PACED), "every kernel has tbf");
    let file = Underway::until(links, spaces, to, COME).await;
    spaces.pull(HUB);
    links.network.kill(HUB);
    let struck = file.struck(links, spaces);
    spaces.put_back(HUB);
    links.network.start(HUB);
    links.network.serves(HUB).await;
    let attached = file.goes_on(links, spaces, &struck).await;
    println!("held: the hub loses its power in the middle of a file to {to}");
    attached
}

#[test]
fn a_file_goes_on_at_the_last_durable_byte_of_a_leg_whose_cable_is_pulled() {
    let name = "links::attached_apart::a_file_goes_on_at_the_last_durable_byte_of_a_leg_whose_cable_is_pulled";
    spaces::inside(name, async |spaces| {
        let mut links = Box::pin(apart::laid(&spaces)).await;
        let mut attached = Vec::new();
        for leg in [(HUB, DESTINATION, DESTINATION), (ORIGIN, HUB, ORIGIN)] {
            let pulled = a_cable_is_pulled_until_nobody_waits(&mut links, &spaces, leg);
            attached.extend(Box::pin(pulled).await);
        }
        attached.push(Box::pin(a_cable_comes_and_goes(&mut links, &spaces)).await);
        all_there(&links, &attached).await;
        links.hold().await;
    });
}

#[test]
fn a_file_on_a_slow_cable_delays_no_message_and_survives_the_power_of_the_hub() {
    let name = "links::attached_apart::a_file_on_a_slow_cable_delays_no_message_and_survives_the_power_of_the_hub";
    spaces::inside(name, async |spaces| {
        let mut links = Box::pin(apart::laid(&spaces)).await;
        let slow = a_file_on_a_slow_cable_delays_no_message(&mut links, &spaces);
        let mut attached = vec![Box::pin(slow).await];
        for to in [HUB, DESTINATION] {
            let lost = the_hub_loses_its_power(&mut links, &spaces, to);
            attached.push(Box::pin(lost).await);
        }
        all_there(&links, &attached).await;
        links.hold().await;
    });
}
