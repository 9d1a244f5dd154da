//! What keeps the node busy: requests of all sizes from many senders at once, so that a cut comes in
//! the middle of something. What a message says follows from the seed and its number.

use std::sync::{Arc, Mutex, MutexGuard};

use rogatory::entropy::{self, Entropy as _, SeededEntropy};
use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use tokio::task::JoinSet;

use crate::network::callers::insistently;
use crate::network::{Network, ORIGIN, drafts};

/// Senders at the same time.
const SENDERS: usize = 64;
/// Connections that they share.
const CONNECTIONS: usize = 4;
/// Shortest and longest facts, in bytes; half of them are shorter than the root of the product.
const FACTS_BYTES: (u32, u32) = (100, 64 * 1024);

/// A message that the node acknowledged.
#[derive(Clone)]
pub struct Acknowledged {
    seed: u64,
    /// Which one of the load.
    pub number: u64,
    /// What the node said.
    pub answer: pb::SentMessage,
}

impl Acknowledged {
    /// The call, to be made again.
    pub fn call(&self) -> pb::SendMessageRequest {
        call(self.seed, self.number)
    }

    /// The facts that the message states.
    pub fn facts(&self) -> String {
        facts(self.seed, self.number)
    }
}

#[derive(Default)]
struct Seen {
    numbers: u64,
    in_flight: usize,
    acknowledged: Vec<Acknowledged>,
}

/// The load and what was acknowledged since the last cut; clones share it.
#[derive(Clone)]
pub struct Load {
    seed: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Load {
    /// The load of that seed; nobody sends yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, seen: Arc::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder panics")
    }

    /// What was acknowledged since the last cut.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.seen().acknowledged.clone()
    }

    /// The same, which is then forgotten.
    pub fn taken(&self) -> Vec<Acknowledged> {
        std::mem::take(&mut self.seen().acknowledged)
    }

    /// Calls that are not answered.
    pub fn in_flight(&self) -> usize {
        self.seen().in_flight
    }

    /// Forgets what was acknowledged; numbers go on.
    pub fn forget(&self) {
        let mut seen = self.seen();
        seen.acknowledged.clear();
        seen.in_flight = 0;
    }

    /// Starts senders; they end with the value.
    pub async fn start(&self, network: &Network) -> JoinSet<()> {
        let mut officers = Vec::new();
        for _ in 0..CONNECTIONS {
            officers.push(network.client(ORIGIN, Role::Officer).await);
        }
        let mut tasks = JoinSet::new();
        for lane in 0..SENDERS {
            tasks.spawn(self.clone().send(officers[lane % CONNECTIONS].clone()));
        }
        tasks
    }

    async fn send(self, officer: Client) {
        loop {
            let number = {
                let mut seen = self.seen();
                seen.numbers += 1;
                seen.in_flight += 1;
                seen.numbers
            };
            let call = call(self.seed, number);
            let answer = insistently(|| officer.send_message(call.clone())).await;
            let [answer] = <[_; 1]>::try_from(answer.messages).expect("one agency, one message");
            let mut seen = self.seen();
            seen.in_flight = seen.in_flight.saturating_sub(1);
            seen.acknowledged.push(Acknowledged { seed: self.seed, number, answer });
        }
    }
}

fn call(seed: u64, number: u64) -> pb::SendMessageRequest {
    drafts::sending(&format!("c{seed}-{number}"), &drafts::request(&facts(seed, number)))
}

/// Hexadecimal digits that no other message has.
fn facts(seed: u64, number: u64) -> String {
    let chance = SeededEntropy::new(seed.rotate_left(32) ^ number);
    let (shortest, longest) = FACTS_BYTES;
    let share = f64::from(u32::from_be_bytes(entropy::bytes(&chance))) / f64::from(u32::MAX);
    let length = f64::from(shortest) * f64::from(longest / shortest).powf(share);
    let mut bytes = vec![0; length as usize / 2];
    chance.fill(&mut bytes);
    hex::encode(bytes)
}
