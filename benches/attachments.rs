//! What large attachments cost: memory of three nodes while one goes through, and how long messages take
//! beside it.
//!
//! A file is handed in at the origin, goes through a transit that cannot read it, and is read by an
//! officer at the destination, hashed on the way out. A small one went before it, so what each node needs
//! is set against what it needed idle, and against the small one. Idle is a node that has worked: the
//! store keeps what it touched last, and messages have filled that before. Meanwhile a message is sent in
//! each half second.
//!
//! `cargo bench --bench attachments -- --mebibytes 2048` needs about four times as much of the disk where
//! `TMPDIR` lies. It fails if a node needs more than 64 MiB above idle, whatever the size, or if a message
//! takes ten times as long beside the file as alone.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unreachable_pub, reason = "a benchmark's modules have no outside")]

mod attached;
#[expect(dead_code, reason = "the benchmark uses a part of the network")]
#[path = "../tests/network/mod.rs"]
mod network;
mod told;

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use attached::MEBIBYTE;
use futures::future::join_all;
use network::drafts::{request, sending};
use network::{DESTINATION, HUB, Network, ORIGIN, STAGES};
use rogatory::domain::digest::Hashing;
use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;

/// Above idle a node may need so much, in MiB, however large an attachment is.
const ABOVE_IDLE_MAX: f64 = 64.0;
/// Beside a file a message may take so many times as long as alone, by the medians; what is below half a
/// second is never too long.
const BESIDE_TIMES_MAX: f64 = 10.0;
const BESIDE_MS_LEAST: f64 = 500.0;
const MEBIBYTES_SMALL: usize = 8;
/// Messages that are timed without a file on the way.
const MESSAGES: usize = 20;
/// Messages that fill what the stores keep in memory, and how many of them are on the way at a time.
const MESSAGES_BEFORE: usize = 480;
const ABREAST: usize = 16;
/// Between messages beside the file.
const PAUSE: Duration = Duration::from_millis(500);
/// Copies of the file on the disk at once: at the origin in clear and sealed, and at two others.
const COPIES: u64 = 4;
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// A line of `/proc/PID/status` of a node, in MiB.
fn memory(network: &Network, stage: &str, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", network.process(stage)));
    let status = status.expect("the node runs");
    let found = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.expect("the system tells") / 1_024.0
}

/// The most that each node had counts from here on; what it has now.
fn idle(network: &Network) -> [f64; 3] {
    STAGES.map(|stage| {
        let path = format!("/proc/{}/clear_refs", network.process(stage));
        let mut file = fs::OpenOptions::new().write(true).open(path).expect("the node runs");
        file.write_all(b"5").expect("the system forgets it");
        memory(network, stage, "VmRSS")
    })
}

async fn state(officer: &Client, sent: &pb::SentMessage) -> pb::MessageSummary {
    let asked = pb::GetRequestStateRequest { request_id: sent.request_id.clone() };
    let state = officer.get_request_state(asked).await.expect("the request is known");
    let found = state.messages.into_iter().find(|it| it.message_id == sent.message_id);
    found.expect("its message is known")
}

/// How long a message takes until its origin knows that it is delivered.
async fn message(officer: &Client, number: usize) -> Duration {
    let began = now();
    let call = sending(&format!("beside-{number}"), &request(&format!("Sheet {number}.")));
    let sent = officer.send_message(call).await.expect("it is accepted").messages.remove(0);
    while !state(officer, &sent).await.stations.iter().any(|it| it.station == "delivered") {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).expect("there are times").as_secs_f64() * 1_000.0
}

/// Reads the attachment at the destination, piece by piece; gives its SHA-256.
async fn read(network: &Network, sent: &pb::SentMessage) -> String {
    let officer = network.client(DESTINATION, Role::Officer).await;
    let asked = pb::ReadAttachmentRequest {
        origin: ORIGIN.to_owned(),
        message_id: sent.message_id.clone(),
        attachment_id: "A1".to_owned(),
        offset: 0,
    };
    let mut pieces = officer.read_attachment(asked).await.expect("it may be read");
    let mut hashing = Hashing::default();
    while let Some(piece) = pieces.next().await.expect("it can be read") {
        hashing.update(&piece.bytes);
    }
    hashing.finish().to_string()
}

/// What a file came to: for each node the most above idle, in MiB, and the messages beside it.
struct Cost {
    above: [f64; 3],
    beside: Vec<Duration>,
}

async fn through(network: &Network, mebibytes: usize) -> Cost {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let sha256 = attached::sha256(mebibytes);
    let had = idle(network);
    let began = now();
    attached::hand_in(&officer, mebibytes, &sha256).await;
    let handed_in = began.elapsed();
    let sent = attached::send(&officer, mebibytes, &sha256).await;
    let mut beside = Vec::new();
    let went = now();
    while state(&officer, &sent).await.attachments.iter().any(|it| it.state != "arrived") {
        beside.push(message(&officer, mebibytes * 10_000 + beside.len()).await);
        tokio::time::sleep(PAUSE).await;
    }
    let arrived = went.elapsed();
    let reads = now();
    assert_eq!(read(network, &sent).await, sha256, "it is the file that was handed in");
    let pace = |took: Duration| mebibytes as f64 / took.as_secs_f64();
    println!(
        "{mebibytes} MiB: handed in at {:.0} MiB/s, over two links at {:.0} MiB/s, read at {:.0} MiB/s",
        pace(handed_in),
        pace(arrived),
        pace(reads.elapsed())
    );
    let most = STAGES.map(|stage| memory(network, stage, "VmHWM"));
    let above = [0, 1, 2].map(|at| (most[at] - had[at]).max(0.0));
    for (at, stage) in STAGES.into_iter().enumerate() {
        println!("  {stage}: {:.1} MiB idle, {:.1} MiB more at most", had[at], above[at]);
    }
    Cost { above, beside }
}

#[tokio::main]
async fn main() {
    let mebibytes = told::count("--mebibytes", 64);
    let network = Network::started().await;
    let wanted = COPIES * (mebibytes * MEBIBYTE) as u64;
    let free = rustix::fs::statvfs(network.folder()).map_or(0, |it| it.f_bavail * it.f_frsize);
    if free < wanted {
        println!(
            "SKIPPED: {mebibytes} MiB through three nodes: {free} bytes free, {wanted} wanted"
        );
        return;
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let numbers: Vec<usize> = (0..MESSAGES_BEFORE).map(|it| MESSAGES + it).collect();
    for numbers in numbers.chunks(ABREAST) {
        join_all(numbers.iter().map(|it| message(&officer, *it))).await;
    }
    let small = through(&network, MEBIBYTES_SMALL).await;
    let mut alone = Vec::new();
    for number in 0..MESSAGES {
        alone.push(message(&officer, number).await);
    }
    let large = through(&network, mebibytes).await;
    let (alone, count) = (median(alone), large.beside.len());
    assert!(count > 0, "the file was too quick to send a message beside it");
    let beside = median(large.beside);
    println!(
        "a message took {alone:.1} ms alone, {beside:.1} ms beside the file ({count} of them): medians"
    );
    let most = (BESIDE_TIMES_MAX * alone).max(BESIDE_MS_LEAST);
    assert!(beside <= most, "a message took {beside:.1} ms beside the file, {most:.1} ms at most");
    for ((stage, small), large) in
        [ORIGIN, HUB, DESTINATION].iter().zip(small.above).zip(large.above)
    {
        println!(
            "{stage}: a file {} times as large, {:.1} MiB above idle instead of {small:.1}",
            mebibytes / MEBIBYTES_SMALL,
            large
        );
        assert!(large <= ABOVE_IDLE_MAX, "{stage} needs {large:.1} MiB above idle");
    }
}
