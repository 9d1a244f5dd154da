//! The promise: a node that is killed at any instant loses nothing and duplicates nothing.
//!
//! Three node processes carry a load in both directions while SIGKILL lands on each of them again
//! and again, each time with many messages unfinished. Afterwards what was acknowledged and what
//! was delivered are the same set, in order; every receipt is still the same bytes; and all three
//! journals verify. `ROGATORY_SEED=S` gives the same victims and pauses again.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(clippy::print_stdout, reason = "whoever waits sees what was skipped")]

mod load;
#[expect(dead_code, reason = "each program of tests uses a part of it")]
#[path = "../network/mod.rs"]
mod network;
mod rounds;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::identity::Role;
use rogatory::journal::settled;

use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES};
use crate::rounds::Corridor;

const ROUNDS: u64 = 3;
/// Kills of each stage in one round.
const KILLS_PER_STAGE: usize = 3;
/// Messages that are acknowledged and not delivered when a kill lands.
const UNFINISHED_MIN: usize = 50;
/// Rows that a node keeps in the first part of its store, and the line that says so: few, so that rows
/// settle while kills land.
const FEW_RECENT_ROWS: (&str, &str) = ("recent_rows = 262144\n", "recent_rows = 4000\n");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_killed_under_load_lose_nothing_and_duplicate_nothing() {
    let seed = seed();
    println!("seed {seed}: ROGATORY_SEED={seed} gives the same victims and pauses");
    let began = SystemClock.now();
    let mut network = Network::started_with(&[]).await;
    for stage in STAGES {
        network.configure(stage, FEW_RECENT_ROWS.0, FEW_RECENT_ROWS.1);
        network.start(stage);
    }
    for stage in STAGES {
        network.serves(stage).await;
    }
    let mut corridor = Corridor::opened(network).await;
    for round in 0..ROUNDS {
        let kills = corridor.round(seed.wrapping_add(round), KILLS_PER_STAGE).await;
        let sent = corridor.load.sent();
        let mut per_stage = [0; 3];
        for kill in &kills {
            let unfinished = sent.iter().filter(|it| it.is_unfinished(kill.at)).count();
            println!("  round {round}: kill -9 {:22} with {unfinished} unfinished", kill.stage);
            assert!(unfinished >= UNFINISHED_MIN, "too few for the kill to count");
            let place = STAGES.iter().position(|it| *it == kill.stage).unwrap();
            per_stage[place] += 1;
        }
        assert_eq!(per_stage, [KILLS_PER_STAGE; 3]);
        corridor.compare().await;
        println!("round {round}: {} messages so far, each delivered exactly once", sent.len());
    }
    let receipts = corridor.ask_again().await;
    println!("{receipts} receipts verify and are given again byte for byte");
    let network = corridor.network;
    for stage in [ORIGIN, HUB, DESTINATION] {
        let settled = network.store(stage).join(settled::FILE_NAME);
        assert!(settled.exists(), "rows of {stage} settled while it was killed");
        let journal = network.journal(stage).await;
        let verdict = journal.replayed(&network.made.directory);
        let verdict = verdict.unwrap_or_else(|fault| panic!("journal of {stage}: {fault}"));
        println!(
            "{stage}: {} entries and {} statements verify",
            verdict.entries, verdict.statements
        );
    }
    // What an operator would see: nobody owes anything to anybody.
    for stage in STAGES {
        let operator = network.client(stage, Role::Operator).await;
        let queue = operator.list_queue(Default::default()).await.unwrap();
        let messages = queue.items.iter().filter(|it| it.item == "message");
        assert_eq!(messages.count(), 0, "{stage}");
    }
    println!("{} s in all", SystemClock.now().millis_since(began) / 1_000);
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment")]
fn seed() -> u64 {
    let told = std::env::var("ROGATORY_SEED").ok().and_then(|it| it.parse().ok());
    told.unwrap_or_else(|| SystemClock.now().millis().unsigned_abs() % 1_000_000)
}
