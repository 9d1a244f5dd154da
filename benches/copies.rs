//! What a copy costs the node that is copied, and what the seal over its store costs.
//!
//! *Backups.* A node with few entries and one with many, and with an attachment, are backed up while
//! they serve; what the serving process needs above what it needs idle is set against how much was copied.
//! *Seal.* The same values go into a store with the sealing layer (`src/journal/sealed.rs`) and into one
//! without, and are read back, in turn.
//!
//! `cargo bench --bench copies -- --entries 200000 --mebibytes 2048 --values 200000` prints figures of
//! this machine; the ratios are what can be compared. Without arguments it shows that it works and little
//! more. The stores lie where `TMPDIR` says.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unreachable_pub, reason = "a benchmark's modules have no outside")]

mod attached;
#[expect(dead_code, reason = "the benchmark uses a part of the network")]
#[path = "../tests/network/mod.rs"]
mod network;
#[path = "growth/past.rs"]
#[expect(dead_code, reason = "the benchmark uses a part of the past")]
mod past;
mod told;

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use attached::MEBIBYTE;
use network::{Network, ORIGIN};
use past::{ENTRIES_A_REQUEST, Past};
use rogatory::cli::node::setting;
use rogatory::config::Config;
use rogatory::entropy::{Entropy as _, SeededEntropy, bytes};
use rogatory::envelope::storage::StorageKey;
use rogatory::history::table;
use rogatory::identity::Role;
use rogatory::journal::store::{Batch, DiskStore, Sealed, Store};
use rogatory::node::Node;
use rogatory::redact::Secret;
use rogatory::transport::client::Client;

/// Entries of the history that others are compared with.
const ENTRIES_FEW: u64 = 1_000;
/// Content of each message of the past, in bytes.
const CONTENT_BYTES: usize = 2_048;
const ABREAST: u64 = 64;
/// Bytes of a value, and values of a batch: about what a busy commit holds.
const VALUE_BYTES: usize = 1_024;
const VALUES_A_BATCH: u64 = 64;
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// What was asked for on the command line.
struct Asked {
    entries: u64,
    mebibytes: usize,
    values: u64,
}

impl Asked {
    fn read() -> Self {
        Self {
            entries: told::number("--entries", 10_000),
            mebibytes: told::count("--mebibytes", 96),
            values: told::number("--values", 20_000),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Grows the history of the origin's node, which does not run, until it has so many entries.
fn grow(network: &Network, entries: u64) {
    let config = Config::load(&network.place(ORIGIN).config).expect("the configuration is good");
    let opened = setting::open(&config).expect("the node's store opens");
    let setting = Arc::new(opened.setting);
    drop(Node::open(Arc::clone(&setting)).expect("the node opens"));
    let abreast = entries.div_ceil(ENTRIES_A_REQUEST).min(ABREAST);
    let abreast = usize::try_from(abreast).expect("a count");
    let mut past = Past::new(&setting, CONTENT_BYTES, abreast);
    while setting.journal.next() < entries {
        past.requests();
    }
}

async fn start(network: &mut Network) -> Client {
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    network.client(ORIGIN, Role::Officer).await
}

/// A line of `/proc/PID/status` of the node, in MiB.
fn memory(network: &Network, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", network.process(ORIGIN)));
    let status = status.expect("the node runs");
    let found = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.expect("the system tells") / 1_024.0
}

/// The most that the node had counts from here on.
fn forget_the_most(network: &Network) {
    let path = format!("/proc/{}/clear_refs", network.process(ORIGIN));
    let mut file = fs::OpenOptions::new().write(true).open(path).expect("the node runs");
    file.write_all(b"5").expect("the system forgets it");
}

/// What a backup came to, in MiB: how much was written, and what the node needed above what it had.
struct Cost {
    written: f64,
    above: f64,
}

fn back_up(network: &Network, name: &str) -> Cost {
    let place = network.place(ORIGIN);
    let caller = &place.callers[&Role::Operator];
    let file = network.folder().join(name);
    forget_the_most(network);
    let idle = memory(network, "VmRSS");
    let began = now();
    let done = Command::new(env!("CARGO_BIN_EXE_rogatory"))
        .args(["node", "backup"])
        .arg(&file)
        .args(["--address", &place.listen.agency.to_string(), "--agency", ORIGIN, "--directory"])
        .arg(network.folder().join("directory"))
        .arg("--tls-cert")
        .arg(&caller.certificate)
        .arg("--tls-key")
        .arg(&caller.key)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let took = began.elapsed().as_secs_f64();
    let most = memory(network, "VmHWM");
    let written = fs::metadata(&file).expect("the backup").len() as f64 / MEBIBYTE as f64;
    fs::remove_file(file).expect("the backup goes");
    let above = (most - idle).max(0.0);
    println!(
        "{name}: {written:.0} MiB in {took:.1} s; the node had {idle:.1} MiB idle and {above:.1} MiB more"
    );
    Cost { written, above }
}

/// Backups of a node with little and with much.
async fn backups(asked: &Asked) {
    let mut network = Network::started_with(&[]).await;
    let key = network.folder().join("backup.key");
    let mut made = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    let made = made.args(["keys", "backup"]).arg(&key).output().expect("the program starts");
    assert!(made.status.success(), "a backup key is made");
    let named = format!("[backup]\nkey = \"{}.pub\"", key.display());
    network.configure(ORIGIN, "[backup]\nkey = \"\"", &named);
    grow(&network, ENTRIES_FEW);
    start(&mut network).await;
    let few = back_up(&network, "few entries");
    network.terminate(ORIGIN).await;
    grow(&network, asked.entries);
    let officer = start(&mut network).await;
    let sha256 = attached::sha256(asked.mebibytes);
    attached::hand_in(&officer, asked.mebibytes, &sha256).await;
    attached::send(&officer, asked.mebibytes, &sha256).await;
    network.terminate(ORIGIN).await;
    start(&mut network).await;
    let many = back_up(&network, "many entries and an attachment");
    network.terminate(ORIGIN).await;
    let floor = few.above.max(1.0);
    println!(
        "backup: {:.0} times as much was copied, with {:.1} times the memory above idle",
        many.written / few.written,
        many.above / floor
    );
}

/// Times of one store.
#[derive(Default)]
struct Times {
    applied: Duration,
    committed: Duration,
    read: Duration,
}

fn key(number: u64) -> Vec<u8> {
    [&b"cm"[..], &number.to_be_bytes(), &[7; 20]].concat()
}

fn batch(from: u64) -> Batch {
    let mut batch = Batch::new();
    for number in from..from + VALUES_A_BATCH {
        let mut value = vec![0; VALUE_BYTES];
        SeededEntropy::new(number).fill(&mut value);
        batch.put(key(number), value);
    }
    batch
}

fn timed<T>(into: &mut Duration, act: impl FnOnce() -> T) -> T {
    let began = now();
    let done = act();
    *into += began.elapsed();
    done
}

/// The same values into both stores and out again, batch by batch in turn: every second one is synced.
fn seal(asked: &Asked) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = |name: &str| {
        let store = DiskStore::open(&folder.path().join(name), CACHE_BYTES);
        Arc::new(store.expect("the store opens"))
    };
    let storage = StorageKey::new(Secret::new(bytes(&SeededEntropy::new(1))));
    let plain = open("plain");
    let sealed = Sealed::open(open("sealed"), &storage, table::hidden_id).expect("it opens");
    let stores: [&dyn Store; 2] = [&plain, &sealed];
    let mut times = [Times::default(), Times::default()];
    let batches = asked.values.div_ceil(VALUES_A_BATCH);
    for number in 0..batches {
        let first = number * VALUES_A_BATCH;
        for (store, times) in stores.into_iter().zip(&mut times) {
            let batch = batch(first);
            let done = if number.is_multiple_of(2) {
                timed(&mut times.committed, || store.commit(batch))
            } else {
                timed(&mut times.applied, || store.apply(batch))
            };
            done.expect("the batch is taken");
        }
    }
    let count = batches * VALUES_A_BATCH;
    for round in 0..count {
        let place = key(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count);
        for (store, times) in stores.into_iter().zip(&mut times) {
            let value = timed(&mut times.read, || store.get(&place));
            let value = value.expect("it can be read").expect("it is there");
            assert_eq!(value.len(), VALUE_BYTES);
        }
    }
    let [plain, sealed] = times;
    let half = count as f64 / 2.0;
    for (name, plain, sealed, values) in [
        ("append, synced", plain.committed, sealed.committed, half),
        ("append, not synced", plain.applied, sealed.applied, half),
        ("read", plain.read, sealed.read, count as f64),
    ] {
        let [plain, sealed] = [plain, sealed].map(|it| it.as_secs_f64() * 1e6 / values);
        println!(
            "{name:<20} {plain:>7.2} us a value without a seal, {sealed:>7.2} us with: {:.2}x",
            sealed / plain
        );
    }
}

#[tokio::main]
async fn main() {
    let asked = Asked::read();
    seal(&asked);
    backups(&asked).await;
}
