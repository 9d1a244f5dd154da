//! Whole federations on one thread: the shipped `Node` and its duties, over links and disks that
//! lose, repeat, reorder and delay, under a clock that is moved by hand and chance from a seed.
//!
//! `ROGATORY_SEEDS=N` sets how many seeds run (100 without it), `ROGATORY_SEED=S` replays one.
//! A failing run prints its seed. `checker.rs` judges from bytes alone and shares no code with the
//! node. `faults.rs` holds ports that break a promise on purpose; each must be caught.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]

mod carriage;
mod checker;
mod faults;
mod network;
mod proto;
mod restored;
mod workload;
mod world;

#[expect(dead_code, reason = "each test uses a part of the network")]
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;

use crate::faults::Fault;
use crate::world::{Tally, World};

const SEEDS_DEFAULT: u64 = 100;
/// A broken port must be caught within so many seeds.
const SEEDS_TO_CATCH: u64 = 60;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long to run")]
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Past the harness, which keeps what passing tests print to itself.
fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").expect("stderr takes text");
}

fn run(seed: u64, fault: Fault) -> (Result<(), String>, Tally) {
    run_in(World::new(seed, fault, fault == Fault::SignsOn))
}

fn run_in(mut world: World) -> (Result<(), String>, Tally) {
    let lived = world.live();
    let checked = checker::check(&world);
    let mut tally = world.tally;
    let outcome = checked.and_then(|fates| {
        tally.extend(fates);
        lived
    });
    (outcome, tally)
}

#[test]
fn invariants_hold_under_every_seed() {
    let one = told("ROGATORY_SEED");
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (1..=told("ROGATORY_SEEDS").unwrap_or(SEEDS_DEFAULT)).collect(),
    };
    let mut total: Tally = BTreeMap::new();
    for seed in &seeds {
        let (outcome, tally) = run(*seed, Fault::None);
        for (what, count) in tally {
            *total.entry(what).or_default() += count;
        }
        if let Err(broken) = outcome {
            panic!(
                "seed {seed}: {broken}\nreplay: ROGATORY_SEED={seed} cargo test --test simulation"
            );
        }
    }
    let mut report = format!("{} seeds; how often what ran:", seeds.len());
    for what in world::EVERYTHING {
        report += &format!("\n  {what:26} {}", total.get(what).copied().unwrap_or(0));
    }
    say(&report);
    if one.is_none() {
        let never: Vec<_> =
            world::EVERYTHING.iter().filter(|it| !total.contains_key(*it)).collect();
        assert!(never.is_empty(), "never ran: {never:?}");
    }
}

/// A broken port is caught by one of the invariants that it breaks, not by mere unrest.
fn is_caught(fault: Fault, invariants: &[&str]) {
    for seed in 1..=SEEDS_TO_CATCH {
        if let (Err(broken), _) = run(seed, fault)
            && invariants.iter().all(|name| broken.contains(name))
        {
            say(&format!("{fault:?} caught by seed {seed}: {broken}"));
            return;
        }
    }
    panic!("{fault:?} was not caught within {SEEDS_TO_CATCH} seeds");
}

#[test]
fn an_answer_before_the_commit_is_caught() {
    is_caught(Fault::AnswersBeforeCommit, &["acknowledged-survives"]);
}

#[test]
fn duplicates_forgotten_at_a_restart_are_caught() {
    is_caught(Fault::ForgetsDuplicates, &["order: node", "again"]);
}

#[test]
fn a_non_delivery_while_in_doubt_is_caught() {
    is_caught(Fault::GivesUpInDoubt, &["delivered-xor-returned"]);
}

/// Seeds in each of which a disk is set back.
const SET_BACK: std::ops::RangeInclusive<u64> = 2..=4;

#[test]
fn a_node_whose_disk_was_set_back_goes_on_in_a_new_volume_and_asks_what_it_missed() {
    let mut total: Tally = BTreeMap::new();
    for seed in told("ROGATORY_SEED").map_or(SET_BACK, |seed| seed..=seed) {
        let (outcome, tally) = run_in(World::new(seed, Fault::None, true));
        assert_eq!(outcome, Ok(()), "seed {seed}");
        for (what, count) in tally {
            *total.entry(what).or_default() += count;
        }
    }
    say(&format!("{total:?}"));
    for what in ["disk set back", "volume opened", "command ConfirmVolume", "command Recover"] {
        assert!(total.contains_key(what), "{what} never ran");
    }
}

#[test]
fn a_node_that_signs_on_after_its_disk_was_set_back_is_caught() {
    is_caught(Fault::SignsOn, &["no-fork", "was shown with another history"]);
}
