//! Whole federations on one thread: the shipped `Node` and its duties, over links and disks that
//! lose, repeat, reorder and delay, under a clock that is moved by hand and chance from a seed.
//!
//! `ROGATORY_SEEDS=N` sets how many seeds run (100 without it), `ROGATORY_SEED=S` replays one.
//! That everything ran at least once is asked of no fewer than a hundred; of fewer, what runs in so many (`ran.rs`).
//! A failing run prints its seed. `checker.rs` judges by journals and what left nodes, and uses nothing of
//! the product; what the product shows at the end `observed.rs` asks. `faults/` holds nodes that break a
//! promise on purpose, each of which must be caught; `malice/` a transit that means harm, `directory.rs` a
//! directory that changes, `reviewing.rs` officers of agencies that review what passes, `operators.rs`
//! operators, `trouble.rs` clocks that are off and disks that are slow or full.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]

mod carriage;
mod checker;
mod competences;
mod directory;
mod faults;
mod judged;
mod lies;
mod lying;
mod malice;
mod network;
mod observed;
mod operators;
mod proto;
mod ran;
mod restored;
mod reviewing;
mod rotation;
mod seen;
mod trouble;
mod workload;
mod world;

#[expect(dead_code, reason = "each test uses a part of the network")]
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{panic, thread};

use crate::faults::Fault;
use crate::seen::Tally;
use crate::world::{Sure, World};

/// The program's own: worlds are many small things.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SEEDS_DEFAULT: u64 = 100;
/// Seeds in which keys are replaced all the time.
const SEEDS_OF_ROTATION: u64 = 24;
/// How often a key is replaced there, in a thousand ticks.
const ROTATIONS_IN_THOUSAND: u64 = 120;
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

/// What became of one world, and how often what happened in it.
type Outcome = (Result<(), String>, Tally);

fn run(seed: u64, fault: Fault) -> Outcome {
    let sure = if fault == Fault::SignsOn {
        Sure::SetBack
    } else if matches!(fault, Fault::PassesUnread | Fault::ForgetsReviews) {
        Sure::Reviews
    } else {
        Sure::Nothing
    };
    run_in(World::with(seed, fault, sure))
}

fn run_in(mut world: World) -> Outcome {
    let lived = world.live();
    let proved = rotation::old_proofs_hold(&world);
    let seen = observed::observe(&world);
    let checked = seen.as_ref().map_err(Clone::clone).and_then(checker::check);
    let checked = checked.and_then(|fates| proved.map(|()| fates));
    let harm = seen.and_then(|seen| malice::verdict::harm_is_found(&world, &seen));
    let checked = checked.and_then(|fates| Ok((fates, harm?)));
    let mut tally = world.tally;
    let outcome = match (checked, lived) {
        (Ok((fates, harm)), lived) => {
            tally.extend(fates);
            tally.extend(harm);
            lived
        }
        (Err(broken), Ok(())) => Err(broken),
        (Err(broken), Err(unrest)) => Err(format!("{broken}; {unrest}")),
    };
    (outcome, tally)
}

/// The same; a world that panics is broken.
fn run_caught(seed: u64) -> Outcome {
    let ended = panic::catch_unwind(|| run(seed, Fault::None));
    ended.unwrap_or_else(|_| (Err("it panicked, as is told above".to_owned()), Tally::new()))
}

/// Runs each seed, on all cores: no world knows of another. They come back in order, up to the first
/// that failed, after which none is begun.
fn run_all(seeds: &[u64]) -> BTreeMap<u64, Outcome> {
    let next = AtomicUsize::new(0);
    let lived = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run_caught(*seed);
            let end = if outcome.0.is_err() { seeds.len() } else { 0 };
            next.fetch_max(end, Ordering::Relaxed);
            lived.lock().unwrap_or_else(PoisonError::into_inner).insert(*seed, outcome);
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    lived.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn invariants_hold_under_every_seed() {
    let one = told("ROGATORY_SEED");
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (1..=told("ROGATORY_SEEDS").unwrap_or(SEEDS_DEFAULT)).collect(),
    };
    let mut total: Tally = BTreeMap::new();
    for (seed, (outcome, tally)) in run_all(&seeds) {
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
    for what in ran::everything() {
        report += &format!("\n  {what:26} {}", total.get(what).copied().unwrap_or(0));
    }
    say(&report);
    let never = ran::missing(&total, seeds.len() as u64, SEEDS_DEFAULT);
    assert!(never.is_empty(), "never ran: {never:?}");
}

/// Worlds in which one link is dead: rings, and one of many nodes.
const SEEDS_SEVERED: u64 = 6;

#[test]
fn a_message_turns_back_from_a_dead_link_however_far_it_has_come() {
    let mut total: Tally = BTreeMap::new();
    let one = told("ROGATORY_SEED");
    for seed in one.map_or(1..=SEEDS_SEVERED, |seed| seed..=seed) {
        let mut world = World::severed(seed);
        world.settle();
        match observed::observe(&world).and_then(|seen| checker::check_severed(&seen)) {
            Ok(tally) => tally.into_iter().for_each(|(what, n)| {
                *total.entry(what).or_default() += n;
            }),
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    say(&format!("{total:?}"));
    for what in [
        "turned back and delivered",
        "turned back behind the first transit",
        "trail of more than one way",
    ] {
        assert!(one.is_some() || total.contains_key(what), "{what} never ran");
    }
}

/// Worlds that are lived through twice: trees and rings, with keys replaced, a transit that means harm, a disk
/// set back, clocks that jump, operators, requests to several agencies.
const LIVED_TWICE: [u64; 5] = [2, 3, 4, 5, 7];

#[test]
fn a_seed_gives_the_same_world_again() {
    let lived = |seed: u64| {
        let mut world = World::new(seed, Fault::None);
        let ended = world.live();
        let left = observed::fingerprint(&world).expect("every node is up");
        (ended, left, world.tally)
    };
    let mut all = Vec::new();
    for seed in LIVED_TWICE {
        let (first, second) = (lived(seed), lived(seed));
        assert_eq!(first, second, "seed {seed}");
        assert!(!all.contains(&first), "seed {seed} is another's world");
        all.push(first);
    }
}

#[test]
fn the_smallest_and_the_largest_federation_are_among_two_hundred_seeds() {
    let sizes: Vec<usize> = (1..=200).map(World::nodes_of).collect();
    assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&3), Some(&50)), "{sizes:?}");
}

#[test]
fn keys_of_all_sorts_are_replaced_while_messages_are_under_way() {
    let mut total: Tally = BTreeMap::new();
    for seed in 1..=SEEDS_OF_ROTATION {
        let (outcome, tally) = run_in(World::rotating(seed, ROTATIONS_IN_THOUSAND));
        assert_eq!(outcome, Ok(()), "seed {seed}");
        for (what, count) in tally {
            *total.entry(what).or_default() += count;
        }
    }
    for what in [
        "sealing key replaced",
        "journal keys announced",
        "journal keys retired",
        "witness key announced",
        "witness key retired",
        "storage key replaced",
        "directory adopted",
    ] {
        say(&format!("{what}: {}", total.get(what).copied().unwrap_or(0)));
        assert!(total.contains_key(what), "{what}");
    }
}

/// A broken node is caught by one of the invariants that it breaks, not by mere unrest.
fn is_caught(fault: Fault, invariants: &[&str]) {
    let mut last = String::new();
    for seed in 1..=SEEDS_TO_CATCH {
        let Err(broken) = run(seed, fault).0 else {
            continue;
        };
        if invariants.iter().all(|name| broken.contains(name)) {
            say(&format!("{fault:?} caught by seed {seed}: {broken}"));
            return;
        }
        last = format!("; seed {seed} ended so: {broken}");
    }
    panic!("{fault:?} was not caught within {SEEDS_TO_CATCH} seeds{last}");
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

#[test]
fn an_outbox_forgotten_at_a_restart_is_caught() {
    is_caught(Fault::ForgetsWhatIsOwed, &["delivered-xor-returned", "neither"]);
}

#[test]
fn messages_listed_before_their_turn_are_caught() {
    is_caught(Fault::ListsAtOnce, &["order: node", "before its predecessor"]);
}

#[test]
fn a_receipt_for_what_stands_in_no_inbox_is_caught() {
    is_caught(Fault::ForgetsInboxes, &["delivered-is-listed"]);
}

#[test]
fn statements_that_are_kept_back_are_caught() {
    is_caught(Fault::KeepsNoticesBack, &["delivered-is-heard"]);
}

#[test]
fn calls_forgotten_at_a_restart_are_caught() {
    is_caught(Fault::ForgetsCalls, &["refused-without-trace"]);
}

#[test]
fn an_erasure_that_is_not_answered_is_caught() {
    is_caught(Fault::ForgetsErasures, &["asked-is-heard"]);
}

#[test]
fn an_erasure_in_word_only_is_caught() {
    is_caught(Fault::ErasesInWordOnly, &["erased-not-served", "is erased and opens"]);
}

#[test]
fn files_that_were_not_durable_are_missed() {
    is_caught(Fault::TrustsFilesUnsynced, &["attached-arrives", "accounted for"]);
}

#[test]
fn another_way_for_what_is_in_doubt_is_caught() {
    is_caught(Fault::MovesInDoubt, &["one-way-at-a-time"]);
}

#[test]
fn what_nobody_let_go_on_is_caught() {
    is_caught(Fault::PassesUnread, &["released-first", "without a word"]);
}

#[test]
fn reviews_forgotten_at_a_restart_are_caught() {
    is_caught(Fault::ForgetsReviews, &["released-first", "has no end"]);
}

/// Seeds in each of which agencies review, and in which a disk is set back besides.
const REVIEWED: std::ops::RangeInclusive<u64> = 1..=6;

#[test]
fn what_passes_an_agency_that_reviews_waits_for_its_officers_and_each_has_an_end() {
    let mut total: Tally = BTreeMap::new();
    let one = told("ROGATORY_SEED");
    for seed in one.map_or(REVIEWED, |seed| seed..=seed) {
        for sure in [Sure::Reviews, Sure::SetBackAndReviews] {
            let (outcome, tally) = run_in(World::with(seed, Fault::None, sure));
            assert_eq!(outcome, Ok(()), "seed {seed}, {sure:?}");
            for (what, count) in tally {
                *total.entry(what).or_default() += count;
            }
        }
    }
    say(&format!("{total:?}"));
    for what in [
        "released by an officer",
        "given back by an officer",
        "remarked on by an officer",
        "expired under review",
    ] {
        assert!(one.is_some() || total.contains_key(what), "{what} never ran");
    }
}

#[test]
fn a_message_that_is_given_up_early_is_caught() {
    is_caught(Fault::GivesUpEarly, &["undelivered-for-cause", "before it expires"]);
}

#[test]
fn an_order_that_is_lost_on_another_way_is_caught() {
    is_caught(Fault::OrdersByNeighbour, &["order: node", "before its predecessor"]);
}

/// Seeds in each of which a disk is set back; in all of them keys are replaced, in some there is a second
/// way, and in some a transit means harm.
const SET_BACK: [u64; 6] = [1, 3, 5, 39, 55, 72];

#[test]
fn a_node_whose_disk_was_set_back_goes_on_in_a_new_volume_and_asks_what_it_missed() {
    let mut total: Tally = BTreeMap::new();
    let one = told("ROGATORY_SEED");
    for seed in one.map_or(SET_BACK.to_vec(), |seed| vec![seed]) {
        let (outcome, tally) = run_in(World::with(seed, Fault::None, Sure::SetBack));
        assert_eq!(outcome, Ok(()), "seed {seed}");
        for (what, count) in tally {
            *total.entry(what).or_default() += count;
        }
    }
    say(&format!("{total:?}"));
    for what in [
        "disk set back",
        "volume opened",
        "command ConfirmVolume",
        "command Recover",
        "said again as it was",
        "directory adopted",
        "malice: kept",
    ] {
        assert!(one.is_some() || total.contains_key(what), "{what} never ran");
    }
}

#[test]
fn a_node_that_signs_on_after_its_disk_was_set_back_is_caught() {
    is_caught(Fault::SignsOn, &["no-fork", "was shown with another history"]);
}

/// Worlds in which a transit shows two histories of its journal.
const SEEDS_OF_FORKS: u64 = 6;

#[test]
fn a_transit_that_shows_two_journals_is_found() {
    let mut total: Tally = BTreeMap::new();
    let one = told("ROGATORY_SEED");
    for seed in one.map_or((1..=SEEDS_OF_FORKS).collect(), |seed| vec![seed]) {
        let mut world = World::forking(seed);
        let liar = (0..world.machines.len()).find(|it| world.means_harm(*it));
        // That it does not come to rest is what it is about.
        let _unrest = world.live();
        let safe = malice::forks::honest_nodes_are_safe(&world, liar.unwrap(), true);
        let found = safe.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        for (what, count) in world.tally.into_iter().chain(found) {
            *total.entry(what).or_default() += count;
        }
    }
    for what in [
        "malice: two journals shown",
        "malice: two journals cosigned",
        "malice: found",
        "malice: in the liar's hands",
        "message delivered",
    ] {
        say(&format!("{what}: {}", total.get(what).copied().unwrap_or(0)));
        assert!(one.is_some() || total.contains_key(what), "{what} never happened");
    }
}

#[test]
fn a_journal_that_was_cut_and_is_written_anew_is_found() {
    let mut total: Tally = BTreeMap::new();
    let one = told("ROGATORY_SEED");
    for seed in one.map_or(SET_BACK.to_vec(), |seed| vec![seed]) {
        let mut world = World::cut_in(seed);
        // That it does not come to rest is what it is about.
        let _unrest = world.live();
        let lost = world.setback.as_ref().and_then(|it| it.lost.as_ref());
        let Some(liar) = lost.map(|it| it.node) else { continue };
        let safe = malice::forks::honest_nodes_are_safe(&world, liar, false);
        let found = safe.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        for (what, count) in world.tally.into_iter().chain(found) {
            *total.entry(what).or_default() += count;
        }
    }
    for what in ["disk set back", "malice: found", "message delivered"] {
        say(&format!("{what}: {}", total.get(what).copied().unwrap_or(0)));
        assert!(one.is_some() || total.contains_key(what), "{what} never happened");
    }
}
