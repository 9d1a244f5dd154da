//! The promise: whatever the disk, the clock or a second process does to a node, nothing that it
//! acknowledged is lost, or it refuses to start and says which record is to blame.
//!
//! Each row of the table is a test with a real node, its real socket and its real disk. Calls that
//! fail are made to fail by a library that the node loads before the C library (`shim.c`), at a
//! place that a seed chooses; disks that are full or read-only are small images that are mounted.
//! `ROGATORY_SEED=S` gives the same places again.

mod attached;
mod damage;
mod failing;
mod image;
mod low;
mod others;
mod room;
pub(crate) mod rung;

use std::path::PathBuf;
use std::process::ExitStatus;

use rogatory::clock::{Clock as _, SystemClock};

use crate::check;
use crate::load::{Acknowledged, Load};
use crate::network::{Network, ORIGIN, until};

/// Status of a node whose store failed.
const STORE_FAILED: i32 = 74;

/// A node that sends, alone, and what it acknowledged.
pub struct Bench {
    network: Network,
    load: Load,
    kept: Vec<Acknowledged>,
}

impl Bench {
    /// A network none of whose nodes runs; they are to load this library.
    pub async fn made(library: Option<PathBuf>) -> Self {
        let mut network = Network::started_with(&[]).await;
        network.preloaded = library;
        Self { network, load: Load::new(seed()), kept: Vec::new() }
    }

    /// Starts the node and waits until it serves.
    pub async fn start(&mut self) {
        self.network.start(ORIGIN);
        self.network.serves(ORIGIN).await;
    }

    /// Starts the node; how it ended if it does not serve.
    pub async fn try_start(&mut self) -> Result<(), ExitStatus> {
        self.network.start(ORIGIN);
        self.network.opens(ORIGIN).await
    }

    /// Sends until so many more messages are acknowledged.
    pub async fn send(&mut self, count: usize) {
        let senders = self.load.start(&self.network).await;
        until("acknowledgements", async || (self.load.acknowledged().len() >= count).then_some(()))
            .await;
        self.keep();
        drop(senders);
    }

    /// Sends until the node ends of what is brought about; gives how.
    pub async fn send_until_the_end(&mut self, bring_about: impl FnOnce()) -> ExitStatus {
        let senders = self.load.start(&self.network).await;
        bring_about();
        let status = self.network.ends(ORIGIN).await;
        self.keep();
        drop(senders);
        status
    }

    fn keep(&mut self) {
        self.kept.extend(self.load.acknowledged());
        self.load.forget();
    }

    /// Everything that was acknowledged is there, whole, proven, with the same receipt.
    pub async fn holds_everything(&self) {
        let lost = check::lost(&self.network, &self.kept).await;
        assert_eq!(lost, Vec::<String>::new(), "of {}", self.kept.len());
    }

    /// The last line that the node wrote, but for what other threads go on to tell of while it ends.
    pub fn last_line(&self) -> String {
        let log = self.network.log(ORIGIN);
        let last = log.lines().rfind(|line| !line.contains(" info  rogatory::"));
        last.unwrap_or_default().to_owned()
    }

    /// The folder of the node's store.
    pub fn store(&self) -> PathBuf {
        self.network.store(ORIGIN)
    }
}

/// Whence the places come; told, so that they can be had again.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment")]
pub fn seed() -> u64 {
    let told = std::env::var("ROGATORY_SEED").ok().and_then(|it| it.parse().ok());
    let seed = told.unwrap_or_else(|| SystemClock.now().millis().unsigned_abs() % 1_000_000);
    println!("seed {seed}: ROGATORY_SEED={seed} gives the same places");
    seed
}
