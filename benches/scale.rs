//! What a large network costs its hubs in the busiest hour: 2,000 agencies with 100,000 desks, a network
//! of 20 million messages a year, 300 of them in each second of this hour, and some hubs that do not run
//! for a third of it.
//!
//! Real are the directory and its routes, and each hub's node: it decides, records, folds, queues,
//! signs and stores every message and statement that crosses it, as `Node` does it. In the place of the
//! rest stand numbers: agencies at the edge submit, take over and read without nodes of their own;
//! content and the proofs of others are sizes and no bytes, and are not checked; stores are in memory;
//! a session is a step of one second, which is far longer than a round trip, so that queues are longer
//! than they would be. What a message costs besides (TLS, sealing, signatures of others, the disk) is
//! measured by `benches/corridor.rs` and `benches/growth.rs`.
//!
//! `cargo bench --bench scale -- --full` runs the whole hour and prints figures of this machine. Without
//! arguments it runs two minutes of a tenth of the agencies, which shows that it works and little more.
//! `--agencies`, `--desks`, `--rate` (messages in a second), `--seconds` and `--down` (hubs that stop)
//! change either.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark's parts may fail by panicking")]

#[expect(dead_code, reason = "the benchmark uses a part of the ceremony")]
#[path = "../tests/parts/directory/ceremony.rs"]
mod ceremony;
#[path = "scale/hour.rs"]
mod hour;
#[path = "scale/hub.rs"]
mod hub;
#[path = "directory/made.rs"]
mod made;
#[expect(dead_code, reason = "the benchmark uses a part of what is made")]
#[path = "../tests/parts/directory/making.rs"]
mod making;
#[path = "scale/post.rs"]
mod post;
mod status;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hour::{Ended, Hour};
use hub::Hub;
use rogatory::config::DirectoryFolder;
use rogatory::directory::Directory;
use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::write;

const MIB: f64 = 1_048_576.0;

/// What was asked for on the command line.
#[derive(Clone, Copy)]
struct Asked {
    agencies: usize,
    desks: usize,
    rate: usize,
    seconds: usize,
    down: usize,
}

impl Asked {
    fn read() -> Self {
        let full = std::env::args().any(|it| it == "--full");
        let of = |name, few, all| told::count(name, if full { all } else { few });
        Self {
            agencies: of("--agencies", 200, 2_000),
            desks: of("--desks", 5, 50),
            rate: of("--rate", 30, 300),
            seconds: of("--seconds", 120, 3_600),
            down: of("--down", 2, 2),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = now();
    let value = act();
    (value, began.elapsed())
}

/// Who is in the network, loaded from a signed folder as each of its nodes loads it.
fn directory(asked: &Asked) -> Directory {
    let records: Vec<_> = {
        let own = (0..asked.agencies).map(|it| made::record(it, asked.agencies, asked.desks));
        own.collect()
    };
    show_gossip(&records);
    drop(records);
    let folder = tempfile::tempdir().unwrap();
    let bytes = made::folder(folder.path(), asked.agencies, asked.desks);
    let (loaded, took) = timed(|| DirectoryFolder::at(folder.path()).load(None).unwrap());
    assert_eq!(loaded.refused, []);
    let (directory, complaints) = loaded.held.directory();
    assert_eq!(complaints, []);
    println!(
        "{} agencies, {} desks: {:.1} MiB of text, {:.1} KiB an agency, read in {:.1} s",
        asked.agencies,
        asked.agencies * asked.desks,
        bytes as f64 / MIB,
        bytes as f64 / 1024.0 / asked.agencies as f64,
        took.as_secs_f64(),
    );
    directory
}

/// What it costs to tell changes on, each text once to each node: reckoned from the sizes of texts.
fn show_gossip(records: &[OwnRecord]) {
    let nodes = records.len();
    let text: usize = records.iter().map(|it| write::record(it).len()).sum();
    let lists: usize = records.iter().flat_map(|it| &it.agency.crls).map(Vec::len).sum();
    println!(
        "a record has {:.1} KiB: one that changes is {:.1} MiB over all links",
        text as f64 / 1024.0 / nodes as f64,
        text as f64 / MIB,
    );
    println!(
        "a new revocation list of each agency is {:.2} MiB to each node, {:.0} MiB over all links",
        lists as f64 / MIB,
        (lists * nodes) as f64 / MIB,
    );
}

/// Median, 99th percentile and most.
fn spread(mut found: Vec<u64>) -> [u64; 3] {
    found.sort_unstable();
    let at = |part: usize| found.get((found.len() * part / 100).min(found.len() - 1)).copied();
    [50, 99, 100].map(|it| at(it).unwrap_or_default())
}

fn show_hub(hub: &Hub, seconds: f64) {
    let [median, late, most] = spread(hub.queued.iter().map(|it| it.0).collect());
    let bytes = hub.queued.iter().map(|it| it.1).max().unwrap_or_default();
    let busy = hub.busy.as_secs_f64();
    println!(
        "{:<12} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9.1} {:>8.1} {:>7.2}% {:>8.0}",
        hub.name(),
        hub.taken,
        hub.entries(),
        median,
        late,
        most,
        bytes as f64 / MIB,
        hub.stored() as f64 / MIB,
        100.0 * busy / seconds,
        hub.taken as f64 / busy,
    );
}

fn show(ended: &Ended, hubs: &[Hub], asked: &Asked) {
    println!(
        "hub            taken   entries  q median     q 99%   q most  MiB most  store MiB    busy  \
         taken/busy s"
    );
    hubs.iter().for_each(|it| show_hub(it, asked.seconds as f64));
    let Ended { submitted, direct, delivered, rerouted, hops, .. } = ended;
    println!("submitted {submitted}, of these {direct} to a neighbour, over no hub");
    println!("delivered {delivered} over hubs, {:.2} hubs each", *hops as f64 / *delivered as f64);
    println!("went another way because the first hop was down: {rerouted}");
    for (lane, took) in [("urgent", &ended.urgent), ("ordinary", &ended.ordinary)] {
        let [median, late, most] = spread(took.clone());
        println!("{lane:<9} delivered after {median} s, 99 % within {late} s, all within {most} s");
    }
    let taken: u64 = hubs.iter().map(|it| it.taken).sum();
    let busy: f64 = hubs.iter().map(|it| it.busy.as_secs_f64()).sum();
    let stored: usize = hubs.iter().map(Hub::stored).sum();
    println!("one core decides, records and folds {:.0} messages/s of a hub", taken as f64 / busy);
    println!("a hub keeps {:.0} bytes of a message", stored as f64 / taken as f64);
    println!(
        "memory: {:.0} MiB, at most {:.0}",
        status::mib("self", "VmRSS"),
        status::mib("self", "VmHWM")
    );
}

fn main() {
    let asked = Asked::read();
    let began = now();
    let directory = Arc::new(directory(&asked));
    println!("memory with the directory: {:.0} MiB", status::mib("self", "VmRSS"));
    let (posts, took) = timed(|| post::hour(&directory, &asked));
    println!(
        "ways of {} messages from {} agencies: {:.1} s, {:.1} ms an agency's table",
        posts.len(),
        asked.agencies,
        took.as_secs_f64(),
        1e3 * took.as_secs_f64() / asked.agencies as f64,
    );
    let mut hour = Hour::new(&directory, posts);
    println!("memory with {} hubs: {:.0} MiB", hour.hubs.len(), status::mib("self", "VmRSS"));
    let (ended, took) = timed(|| hour.pass(&asked));
    show(&ended, &hour.hubs, &asked);
    println!("{} s took {:.0} s, all {:.0} s", asked.seconds, took.as_secs_f64(), {
        began.elapsed().as_secs_f64()
    });
    // What must hold, whatever the figures are.
    assert_eq!(ended.submitted, ended.direct + ended.delivered, "something was lost");
    hour.hubs.iter().for_each(Hub::assert_at_rest);
}
