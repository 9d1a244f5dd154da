//! What the number of rows costs a store in memory and in time: one with many rows against one with few.
//!
//! Each store is filled and read in a process of its own, which writes batches as a node does: half of
//! the keys go by time, half lie scattered, as keys under pseudonyms do; some rows are written again, some
//! deleted. Its memory must not follow the number of rows.
//!
//! `cargo bench --bench settled -- --few 1000000 --rows 20000000` prints figures of this machine; the ratios
//! are what can be compared. Without arguments it writes 1,500,000 rows. The stores lie where `TMPDIR` says.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod status;
#[expect(dead_code, reason = "the benchmark uses a part of it")]
mod told;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rogatory::entropy::{self, SeededEntropy};
use rogatory::journal::store::{AFTER_LAST_KEY, Batch, DiskStore, Memory, Store};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Rows of the store that others are compared with: more than may be recent.
const ROWS_FEW: u64 = 400_000;
/// Rows of one batch.
const BATCH_ROWS: u64 = 512;
/// Batches that share a commit.
const BATCHES_A_COMMIT: u64 = 8;
/// Reads of each sort.
const READS: u32 = 20_000;
/// Rows of a range.
const RANGE_ROWS: usize = 20;
/// So much later has the allocator given back what the store freed (`.cargo/config.toml`), with room to spare.
const GIVEN_BACK: Duration = Duration::from_secs(3);
/// More than this, in MiB, may the many not need above the few: in sled alone the 1,100,000 rows between them
/// need 30, and caches that are filled further need some.
const MORE_MIB_MAX: f64 = 20.0;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The key of row `number`: every other one lies where chance says.
fn key(number: u64) -> Vec<u8> {
    let number = number.to_be_bytes();
    match number[7] % 2 {
        0 => [&[1][..], &number].concat(),
        _ => [&[2][..], &entropy::bytes::<16>(&SeededEntropy::new(u64::from_be_bytes(number)))]
            .concat(),
    }
}

/// The row is deleted later.
fn is_passing(number: u64) -> bool {
    number % 10 == 3
}

/// Fills a store and reads it; prints MiB, and rows and reads a second.
fn measured(rows: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = DiskStore::open_watched(folder.path(), Memory::cache(4 << 20), &Arc::default());
    let store = store.expect("a new store");
    let began = now();
    for first in (0..rows).step_by(BATCH_ROWS as usize) {
        let mut batch = Batch::new();
        for number in first..rows.min(first + BATCH_ROWS) {
            batch.put(key(number), [number.to_le_bytes(); 12].concat());
            let before = number.saturating_sub(rows / 4);
            if is_passing(before) {
                batch.delete(key(before));
            }
        }
        batch.put(*b"\x01head", first.to_be_bytes());
        let is_last = first / BATCH_ROWS % BATCHES_A_COMMIT == BATCHES_A_COMMIT - 1;
        if is_last { store.commit(batch) } else { store.apply(batch) }.expect("the store holds");
    }
    let written = rows as f64 / began.elapsed().as_secs_f64();
    store.settle().expect("the rest settles");
    let chance = SeededEntropy::new(rows);
    let any = || u64::from_be_bytes(entropy::bytes(&chance)) % rows;
    let each = |took: Duration| took.as_secs_f64() * 1e6 / f64::from(READS);
    let began = now();
    for number in (0..READS).map(|_| any()) {
        let found = store.get(&key(number)).expect("it can be read").is_some();
        let is_gone = is_passing(number) && number + rows / 4 < rows;
        assert_eq!(found, !is_gone, "row {number} of {rows}");
    }
    let gets = each(began.elapsed());
    let began = now();
    for number in (0..READS).map(|_| any()) {
        let found = store.range(&key(number), AFTER_LAST_KEY, RANGE_ROWS).expect("it can be read");
        assert!(found.len() == RANGE_ROWS || found.iter().all(|(key, _)| key[0] == 2));
    }
    let ranges = each(began.elapsed());
    std::thread::sleep(GIVEN_BACK);
    println!("{:.1} {written:.0} {gets:.1} {ranges:.1}", status::mib("self", "VmRSS"));
}

/// What a process of its own says of so many rows: MiB, rows written a second, and what a read and a range of
/// twenty take in microseconds.
fn told(name: &str, rows: u64) -> [f64; 4] {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).args(["--alone", &rows.to_string()]).output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: Vec<f64> = text.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    let figures: [f64; 4] = figures.try_into().expect("four figures");
    let [mib, written, get, range] = figures;
    println!(
        "{name}: {rows} rows: {mib:.0} MiB; {written:.0} written/s, a row read in {get:.1} us, twenty in \
         {range:.1} us"
    );
    figures
}

fn main() {
    let alone = told::number("--alone", 0);
    if alone > 0 {
        return measured(alone);
    }
    let (shorter, rows) = (told::number("--few", ROWS_FEW), told::number("--rows", 1_500_000));
    let few = told("few ", shorter);
    let many = told("many", rows);
    let more = many[0] - few[0];
    println!(
        "{rows} rows need {more:.1} MiB more than {shorter}; they are written {:.2} times as fast, a row \
         is read in {:.2} and twenty in {:.2} times the time",
        many[1] / few[1],
        many[2] / few[2],
        many[3] / few[3],
    );
    assert!(more <= MORE_MIB_MAX, "what rows cost follows their number");
}
