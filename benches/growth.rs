//! What a long history costs: start, memory, calls and disk of a node with many entries against one
//! with few. The past is grown through the shipped journal and folds (`growth/past.rs`); then two
//! node processes serve, and each figure is taken at both in turn.
//!
//! `cargo bench --bench growth -- --entries 10000000 --content 2048 --abreast 64` prints figures of
//! this machine; the ratios are what can be compared. Without arguments it grows 20,000 entries,
//! which shows that it works and little more. `--content 0` grows a past whose content was erased.
//! The store lies where `TMPDIR` says. To drop the page cache it must be root; else a start is
//! called warm twice.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unreachable_pub, reason = "a benchmark's modules have no outside")]

#[expect(dead_code, reason = "the benchmark uses a part of the network")]
#[path = "../tests/network/mod.rs"]
mod network;
#[path = "growth/past.rs"]
mod past;
mod told;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use network::drafts::{ORIGIN_DESK, request, sending};
use network::{Network, ORIGIN};
use past::{ENTRIES_A_REQUEST, Past};
use rogatory::cli::node::setting;
use rogatory::config::Config;
use rogatory::identity::Role;
use rogatory::journal::store::{AFTER_LAST_KEY, Store};
use rogatory::node::Node;
use rogatory::transport::client::Client;
use rogatory::wire::pb;

/// The history that others are compared with.
const ENTRIES_FEW: u64 = 10_000;
/// Calls of each sort at each of the two nodes.
const ROUNDS: u64 = 200;
/// Messages of a request course.
const MESSAGES_A_REQUEST: u64 = 4;
const MIB: f64 = 1_048_576.0;

/// What was asked for on the command line.
struct Asked {
    entries: u64,
    content: usize,
    abreast: usize,
}

impl Asked {
    fn read() -> Self {
        Self {
            entries: told::number("--entries", 20_000),
            content: told::count("--content", 2_048),
            abreast: told::count("--abreast", 64),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// What growing left.
struct Grown {
    messages: u64,
    took: Duration,
    envelope: usize,
    disk: u64,
}

fn config(network: &Network) -> Config {
    Config::load(&network.place(ORIGIN).config).expect("the configuration is good")
}

/// Grows the history of the origin's node until it has so many entries.
fn grow(network: &Network, asked: &Asked, entries: u64) -> Grown {
    let opened = setting::open(&config(network)).expect("the node's store opens");
    let setting = std::sync::Arc::new(opened.setting);
    drop(Node::open(std::sync::Arc::clone(&setting)).expect("the node opens"));
    let abreast = usize::try_from(entries.div_ceil(ENTRIES_A_REQUEST)).unwrap_or(1);
    let mut past = Past::new(&setting, asked.content, asked.abreast.min(abreast).max(1));
    let began = now();
    let before = setting.journal.next();
    let mut told = 0;
    while setting.journal.next() < entries {
        past.requests();
        let grown = setting.journal.next();
        if grown / 500_000 > told {
            told = grown / 500_000;
            let rate = grown as f64 / began.elapsed().as_secs_f64();
            println!("  {grown} entries, {rate:.0}/s, {:.0} MiB resident", resident("self"));
        }
    }
    let requests = (setting.journal.next() - before) / ENTRIES_A_REQUEST;
    let (took, envelope) = (began.elapsed(), past.shape().envelope);
    if entries <= 100_000 {
        tally(opened.store.as_ref(), requests * MESSAGES_A_REQUEST);
    }
    drop((setting, opened.journal, opened.store));
    let disk = bytes_in(&network.store(ORIGIN));
    Grown { messages: requests * MESSAGES_A_REQUEST, took, envelope, disk }
}

/// How many values one message leaves, and where.
fn tally(store: &dyn Store, messages: u64) {
    let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut from = Vec::new();
    loop {
        let records = store.range(&from, AFTER_LAST_KEY, 1_000).expect("the store can be read");
        let Some((last, _)) = records.last() else { break };
        from = [last.as_slice(), &[0]].concat();
        for (key, value) in &records {
            let prefix = key.get(..2).unwrap_or(key).escape_ascii().to_string();
            let (count, bytes) = found.entry(prefix).or_default();
            *count += 1;
            *bytes += (key.len() + value.len()) as u64;
        }
    }
    let per = |number: u64| number as f64 / messages as f64;
    let (mut counts, mut sizes) = (0, 0);
    println!("values of one message         count   bytes");
    for (prefix, (count, bytes)) in &found {
        println!("  {prefix:<26} {:>7.2} {:>7.0}", per(*count), per(*bytes));
        counts += count;
        sizes += bytes;
    }
    println!("  all                        {:>7.2} {:>7.0}", per(counts), per(sizes));
}

fn bytes_in(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(folder).expect("the folder can be listed");
    let bytes = entries.map(|entry| {
        let entry = entry.expect("the folder can be listed");
        let found = entry.metadata().expect("its size can be read");
        if found.is_dir() { bytes_in(&entry.path()) } else { found.blocks() * 512 }
    });
    bytes.sum()
}

fn resident(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1_024.0
}

/// Drops what the system keeps of files in memory; false if it may not.
fn forget_files() -> bool {
    let synced = std::process::Command::new("sync").status().is_ok_and(|it| it.success());
    let file = fs::OpenOptions::new().write(true).open("/proc/sys/vm/drop_caches");
    synced && file.is_ok_and(|mut file| file.write_all(b"3").is_ok())
}

async fn start(network: &mut Network) -> (Duration, f64) {
    let began = now();
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    (began.elapsed(), resident(&network.process(ORIGIN).to_string()))
}

/// Starts of a node that has a past, after each way to stop.
async fn starts(network: &mut Network, name: &str) {
    let is_cold = forget_files();
    let (cold, at_start) = start(network).await;
    network.terminate(ORIGIN).await;
    let (warm, _) = start(network).await;
    disturb(network).await;
    network.kill(ORIGIN);
    let is_cold = forget_files() && is_cold;
    let (cold_killed, _) = start(network).await;
    disturb(network).await;
    network.kill(ORIGIN);
    let (warm_killed, after_kill) = start(network).await;
    let cold_is = if is_cold { "cold" } else { "warm" };
    let times = [cold, warm, cold_killed, warm_killed].map(|it| it.as_secs_f64());
    println!("{name}: start after a stop, {cold_is}   {:.3} s, {at_start:.0} MiB", times[0]);
    println!("{name}: start after a stop, warm   {:.3} s", times[1]);
    println!("{name}: start after kill -9, {cold_is}  {:.3} s", times[2]);
    println!("{name}: start after kill -9, warm  {:.3} s, {after_kill:.0} MiB", times[3]);
}

/// Some messages, so that a kill has something to hurt.
async fn disturb(network: &Network) {
    let officer = network.client(ORIGIN, Role::Officer).await;
    for _ in 0..20 {
        send(&officer).await;
    }
}

async fn send(officer: &Client) -> Duration {
    let key = rogatory::entropy::bytes::<16>(&rogatory::entropy::SystemEntropy);
    let asked = sending(&hex::encode(key), &request("A vessel adrift without lights."));
    let began = now();
    officer.send_message(asked).await.expect("the message is accepted");
    began.elapsed()
}

/// The callers of one node.
struct Callers {
    officer: Client,
    auditor: Client,
    size: u64,
    places: u64,
}

impl Callers {
    async fn of(network: &Network) -> Self {
        let officer = network.client(ORIGIN, Role::Officer).await;
        let auditor = network.client(ORIGIN, Role::Auditor).await;
        let size = network.entries(ORIGIN).await;
        Self { officer, auditor, size, places: size / ENTRIES_A_REQUEST * 2 }
    }

    /// Some place in a history, another one each round.
    fn somewhere(round: u64, end: u64) -> u64 {
        (round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) % end.max(1)
    }

    async fn poll(&self, round: u64) -> Duration {
        let after = Self::somewhere(round, self.places.saturating_sub(60));
        let contact_point = ORIGIN_DESK.to_owned();
        let asked =
            pb::ListMessagesRequest { contact_point, after, page_size: 20, ..Default::default() };
        let began = now();
        let page = self.officer.list_messages(asked).await.expect("the inbox is listed");
        let took = began.elapsed();
        assert_eq!(page.items.len(), 20, "a page is full");
        took
    }

    async fn prove(&self, round: u64) -> Duration {
        let index = Self::somewhere(round, self.size);
        let asked = pb::ProveInclusionRequest { index, size: 0 };
        let began = now();
        let proof = self.auditor.prove_inclusion(asked).await.expect("the entry is proven");
        let took = began.elapsed();
        assert!(!proof.proof.is_empty() && !proof.entry.is_empty());
        took
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |it| it.as_secs_f64() * 1e6)
}

/// Calls at both nodes in turn, so that both see the same weather.
async fn calls(few: &Callers, many: &Callers) {
    let mut times: [[Vec<Duration>; 2]; 3] = Default::default();
    for round in 0..ROUNDS {
        for (side, callers) in [few, many].into_iter().enumerate() {
            times[0][side].push(send(&callers.officer).await);
            times[1][side].push(callers.poll(round).await);
            times[2][side].push(callers.prove(round).await);
        }
    }
    for (name, [few, many]) in ["send", "poll of 20", "proof"].into_iter().zip(times) {
        let (few, many) = (median(few), median(many));
        println!("{name:<12} {few:>8.0} us with few, {many:>8.0} us with many: {:.2}x", many / few);
    }
}

fn show(name: &str, entries: u64, grown: &Grown) {
    let per = |bytes: u64| bytes as f64 / grown.messages as f64;
    let rate = entries as f64 / grown.took.as_secs_f64();
    println!("{name}: {entries} entries of {} messages, {rate:.0} entries/s", grown.messages);
    println!("{name}: on disk                   {:.0} MiB", grown.disk as f64 / MIB);
    println!(
        "{name}: on disk, of a message     {:.0} bytes: {:.2}x its envelope of {}",
        per(grown.disk),
        per(grown.disk) / grown.envelope as f64,
        grown.envelope
    );
}

#[tokio::main]
async fn main() {
    let asked = Asked::read();
    let mut few = Network::started_with(&[]).await;
    let mut many = Network::started_with(&[]).await;
    show("few ", ENTRIES_FEW, &grow(&few, &asked, ENTRIES_FEW));
    show("many", asked.entries, &grow(&many, &asked, asked.entries));
    starts(&mut few, "few ").await;
    starts(&mut many, "many").await;
    let (callers_few, callers_many) = (Callers::of(&few).await, Callers::of(&many).await);
    calls(&callers_few, &callers_many).await;
    for (name, network) in [("few ", &few), ("many", &many)] {
        println!(
            "{name}: while serving             {:.0} MiB",
            resident(&network.process(ORIGIN).to_string())
        );
    }
}
