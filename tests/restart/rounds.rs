//! A round: load, kills at times from a seed, rest; and what must hold after it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::entropy::{self, Entropy, SeededEntropy};
use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;
use tokio::task::JoinSet;

use crate::load::{Load, Sent};
use crate::network::callers::insistently;
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, until};

/// Longest pause before a kill, in milliseconds, and the part of it that comes last.
const PAUSE_MS_MAX: (u64, u64) = (150, 20);
/// A kill waits until so many messages are unfinished: more than it must land on, because some are
/// delivered before it lands and not listed yet.
const UNFINISHED_WANTED: usize = 130;
/// And until so many were accepted or delivered since the kill before it, so that it hits nodes at
/// work; one kill in four does not wait, and hits nodes that are starting.
const MOVED_WANTED: usize = 60;
const UNWAITED: u64 = 4;
/// A hub that passes on as fast as others send is held after this time, until enough is unfinished.
const KEEPS_UP: Duration = Duration::from_secs(5);
/// Calls that are made again at the same time.
const AGAIN_AT_ONCE: usize = 32;

/// A SIGKILL that landed.
pub struct Kill {
    /// Whose node.
    pub stage: &'static str,
    /// When.
    pub at: Timestamp,
}

/// The network under load.
pub struct Corridor {
    /// The nodes.
    pub network: Network,
    /// What is sent and seen.
    pub load: Load,
    _readers: JoinSet<()>,
}

impl Corridor {
    /// Readers at both ends.
    pub async fn opened(network: Network) -> Self {
        let load = Load::default();
        let readers = load.read(&network).await;
        Self { network, load, _readers: readers }
    }

    /// Sends, kills each stage `times` times in an order and after pauses of the seed, starts each
    /// node again at once, and waits until everything has arrived.
    pub async fn round(&mut self, seed: u64, times: usize) -> Vec<Kill> {
        let chance = SeededEntropy::new(seed);
        let mut kills = Vec::new();
        let mut senders = self.load.start(&self.network).await;
        let mut moved = self.load.moved();
        for stage in victims(&chance, times) {
            let waits = below(&chance, UNWAITED) != 0;
            tokio::time::sleep(below_ms(&chance, PAUSE_MS_MAX.0)).await;
            self.until_unfinished(if waits { moved + MOVED_WANTED } else { 0 }).await;
            tokio::time::sleep(below_ms(&chance, PAUSE_MS_MAX.1)).await;
            moved = self.load.moved();
            let at = SystemClock.now();
            self.network.kill(stage);
            self.network.start(stage);
            kills.push(Kill { stage, at });
        }
        self.load.stop();
        while let Some(done) = senders.join_next().await {
            done.expect("no sender panics");
        }
        until("everything to arrive", async || self.load.is_finished().then_some(())).await;
        kills
    }

    /// Waits until enough was moved and enough is unfinished.
    async fn until_unfinished(&self, moved: usize) {
        let is_enough =
            || self.load.moved() >= moved && self.load.unfinished() >= UNFINISHED_WANTED;
        let enough = || until("unfinished messages", async || is_enough().then_some(()));
        if tokio::time::timeout(KEEPS_UP, enough()).await.is_err() {
            self.network.signal(HUB, "STOP");
            enough().await;
            self.network.signal(HUB, "CONT");
        }
    }

    /// What was acknowledged is what was delivered: once, without gaps, in the order of its
    /// request.
    pub async fn compare(&self) {
        let sent = self.load.sent();
        for (origin, destination) in [(ORIGIN, DESTINATION), (DESTINATION, ORIGIN)] {
            let sent: Vec<&Sent> = sent.iter().filter(|it| it.origin == origin).collect();
            let listed = self.load.listed(destination);
            let dense = listed.iter().zip(1_u64..).all(|(it, place)| it.sequence == place);
            assert!(dense, "the inbox of {destination} has a gap");
            let acknowledged: BTreeSet<&str> =
                sent.iter().map(|it| it.answer.message_id.as_str()).collect();
            let delivered: BTreeSet<&str> = listed.iter().map(|it| it.message.as_str()).collect();
            assert_eq!(acknowledged, delivered);
            assert_eq!((listed.len(), sent.len()), (delivered.len(), acknowledged.len()));
            let mut order_sent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for it in sent {
                let request = order_sent.entry(it.answer.request_id.as_str()).or_default();
                request.push(it.answer.message_id.as_str());
            }
            let mut order_listed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for it in &listed {
                order_listed.entry(&it.request).or_default().push(&it.message);
            }
            assert_eq!(order_sent, order_listed, "{origin} to {destination}");
        }
    }

    /// Every receipt verifies, and the same call gets the same bytes again.
    pub async fn ask_again(&self) -> usize {
        let sent = self.load.sent();
        let clients = [
            (ORIGIN, self.network.client(ORIGIN, Role::Officer).await),
            (DESTINATION, self.network.client(DESTINATION, Role::Service).await),
        ];
        let mut tasks = JoinSet::new();
        for part in sent.chunks(sent.len().div_ceil(AGAIN_AT_ONCE)) {
            let (part, clients) = (part.to_vec(), clients.clone());
            tasks.spawn(async move {
                for it in part {
                    let found = clients.iter().find(|(stage, _)| *stage == it.origin);
                    let (_, client) = found.expect("a client of each sender");
                    let again = insistently(|| client.send_message(it.call.clone())).await;
                    assert!(again.repeated_call);
                    assert_eq!(again.messages, [it.answer]);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("every receipt is the same");
        }
        for it in &sent {
            self.verify(it);
        }
        sent.len()
    }

    fn verify(&self, sent: &Sent) {
        let pb::SentMessage { receipt, message_id, .. } = &sent.answer;
        let receipt = Statement::from_pb(receipt.clone().expect("a receipt"));
        let receipt = receipt.expect("a well-formed statement");
        let checked = statement::check(&self.network.made.directory, receipt);
        let checked = checked.unwrap_or_else(|error| panic!("{message_id}: {error}"));
        assert_eq!(checked.station.as_str(), "accepted");
        assert_eq!(checked.message.message.to_string(), *message_id);
        assert_eq!(checked.entry.journal.agency().as_str(), sent.origin);
    }
}

/// Each stage `times` times, in an order by chance.
fn victims(chance: &dyn Entropy, times: usize) -> Vec<&'static str> {
    let mut victims = STAGES.repeat(times);
    for last in (1..victims.len()).rev() {
        let other = below(chance, last as u64 + 1) as usize;
        victims.swap(last, other);
    }
    victims
}

fn below_ms(chance: &dyn Entropy, bound: u64) -> Duration {
    Duration::from_millis(below(chance, bound))
}

fn below(chance: &dyn Entropy, bound: u64) -> u64 {
    u64::from_be_bytes(entropy::bytes(chance)) % bound
}
