//! What judging a message costs on one core: shape and every rule, on the largest of the examples.
//!
//! `cargo bench --bench law` prints microseconds of this machine and the ratio to decoding the same
//! message, which is what can be compared; and how many allocations a judgement makes, to show that
//! tables are asked and never loaded.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use prost::Message as _;
use rogatory::cli::demo::network;
use rogatory::clock::Timestamp;
use rogatory::domain::kinds::find;
use rogatory::law::{PartyStatus, Standing, Thread, check, judge};
use rogatory::wire::draft::read_content;
use rogatory::wire::{json, pb};

const ROUNDS: u32 = 2_000;
const BUDGET: Duration = Duration::from_micros(100);

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo").join(name);
    std::fs::read(&path).expect("the example is there")
}

/// The largest of the worked examples.
fn largest() -> (&'static str, pb::Draft) {
    let names = [
        "ex1-bank-records-untoc-18-3-f.json",
        "ex2-vessel-boarding-som-8-2.json",
        "ex3-document-verification-som-13.json",
        "ex4-nationality-verification-som-18-3.json",
        "ex5-spontaneous-route-som-10-untoc-18-4.json",
        "ex6-witness-video-hearing-untoc-18-18.json",
    ];
    let drafts = names.map(|it| (it, json::read_file(&read(it)).expect("a well-formed file")));
    let all = drafts.into_iter();
    all.max_by_key(|(_, draft)| draft.encoded_len()).expect("there are examples")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The shortest of several rounds: what it costs when nothing else runs.
fn shortest(mut act: impl FnMut()) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let began = now();
        act();
        began.elapsed()
    });
    rounds.min().unwrap_or_default()
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn main() {
    let text = String::from_utf8(read("network.json")).expect("the network is UTF-8");
    let directory = network::desks(&text).expect("the network reads");
    let parties = PartyStatus::built_in();
    let now = Timestamp::parse("2026-06-20T00:00:00Z").expect("a time");
    let thread = Thread::default();
    let standing = Standing { directory: Some(&directory), parties, now, thread };
    let (name, draft) = largest();
    let bytes = draft.encode_to_vec();

    let decoding = shortest(|| drop(black_box(read_content(black_box(&bytes)))));
    let judging = shortest(|| drop(black_box(judge(black_box(&draft), &standing))));
    let checking = shortest(|| drop(black_box(check(black_box(&draft), &standing))));
    let findings = check(&draft, &standing).len();
    println!("message                 {name}, {} bytes, {findings} findings", bytes.len());
    println!("decoding                {:.1} us", micros(decoding));
    println!("law alone               {:.1} us", micros(judging));
    println!("shape and law           {:.1} us", micros(checking));
    println!("shape and law, ratio    {:.2} of decoding", micros(checking) / micros(decoding));

    let tables = allocation_counter::measure(|| {
        black_box(find(black_box("SOM.18.1.READMIT")));
        let brazil = black_box("BRA").parse().expect("a State");
        black_box(parties.on(brazil, "UNTOC", "18(3)(f)", now));
    });
    let once = allocation_counter::measure(|| drop(black_box(judge(&draft, &standing))));
    let again = allocation_counter::measure(|| drop(black_box(judge(&draft, &standing))));
    println!("allocations, tables     {}", tables.count_total);
    println!("allocations, judgement  {} ({} bytes)", again.count_total, again.bytes_total);
    assert_eq!(tables.count_total, 0, "asking the catalogue and the parties allocates nothing");
    assert_eq!(once.count_total, again.count_total, "nothing is loaded on the way");
    assert!(checking <= BUDGET, "judging took {checking:?}, more than {BUDGET:?}");
}
