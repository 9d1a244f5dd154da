//! The promise: what a node acknowledged before its machine lost power is there afterwards, opens,
//! is proven, and its receipt is the same bytes.
//!
//! `tests/crash/run` starts this test and says where the disk is, how many cuts there are to be and
//! whether the node runs with a library that leaves out what makes a commit durable; `Cargo.toml`
//! keeps it out of a plain `cargo test`. The node is the real program with its store on an ext4
//! image; senders keep it busy; the image is copied at one instant, and a node goes on from the
//! copy. Counts go into a file, which `tests/crash/run` judges: with a fault, messages must be lost.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]

#[path = "crash/check.rs"]
mod check;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/load.rs"]
mod load;
#[expect(dead_code, reason = "each test uses a part of the network")]
mod network;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rogatory::entropy::{self, SeededEntropy};

use crate::disk::Disk;
use crate::load::{Acknowledged, Load};
use crate::network::{Network, ORIGIN, until};

/// Cuts that one disk lives through, one after the other; then the node begins with an empty one.
const CUTS_PER_DISK: u64 = 5;
/// A cut comes at most so long after the first acknowledgement, in milliseconds.
const PAUSE_MS_MAX: u64 = 800;
/// Reasons that are shown of one cut.
const REASONS_SHOWN: usize = 3;

/// What `tests/crash/run` asks for.
struct Told {
    /// Where the empty disk lies, and where everything else is put.
    folder: PathBuf,
    cuts: u64,
    seed: u64,
    /// What the node is to load before all other libraries, so that it loses something. The cuts
    /// end with the first loss.
    fault: Option<PathBuf>,
}

impl Told {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment")]
    fn read() -> Option<Self> {
        let told = |name: &str| std::env::var(name).ok();
        let number = |name: &str| told(name)?.parse().ok();
        Some(Self {
            folder: told("ROGATORY_CRASH_FOLDER")?.into(),
            cuts: number("ROGATORY_CRASH_CUTS")?,
            seed: number("ROGATORY_SEED")?,
            fault: told("ROGATORY_CRASH_FAULT").map(PathBuf::from),
        })
    }
}

/// What the cuts came to.
#[derive(Default)]
struct Counts {
    cuts: u64,
    acknowledged: usize,
    lost: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_cut_of_power() {
    let Some(told) = Told::read() else {
        println!("SKIPPED: power cuts need a disk; run tests/crash/run");
        return;
    };
    let chance = SeededEntropy::new(told.seed);
    let mut network = Network::started_with(&[]).await;
    network.preloaded.clone_from(&told.fault);
    let mut counts = Counts::default();
    let load = Load::new(told.seed);
    while counts.cuts < told.cuts && (told.fault.is_none() || counts.lost == 0) {
        let mut disk = Disk::mounted(&told.folder, &network.store(ORIGIN));
        network.start(ORIGIN);
        network.serves(ORIGIN).await;
        let cuts = CUTS_PER_DISK.min(told.cuts - counts.cuts);
        let kept =
            cuts_of_a_disk(&mut network, &mut disk, &load, (&chance, cuts), &mut counts).await;
        if kept {
            network.terminate(ORIGIN).await;
            holds(&network.place(ORIGIN).config);
        }
        drop(disk);
    }
    let text = format!(
        "cuts {}, acknowledged {}, lost {}\n",
        counts.cuts, counts.acknowledged, counts.lost
    );
    let mut file = File::create(told.folder.join("counts")).expect("the folder takes a file");
    file.write_all(text.as_bytes()).expect("the counts are written");
}

/// Cuts the power of a node again and again, each time going on from what its disk held. Whether
/// everything was found; ends with the first cut after which something is not.
#[expect(clippy::print_stdout, reason = "whoever waits sees each cut")]
async fn cuts_of_a_disk(
    network: &mut Network,
    disk: &mut Disk,
    load: &Load,
    (chance, cuts): (&SeededEntropy, u64),
    counts: &mut Counts,
) -> bool {
    let mut kept: Vec<Acknowledged> = Vec::new();
    for _ in 0..cuts {
        let senders = load.start(network).await;
        until("an acknowledgement", async || load.acknowledged().last().map(|_| ())).await;
        let pause = u64::from_be_bytes(entropy::bytes(chance)) % PAUSE_MS_MAX;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        // First what was acknowledged, then the instant of the cut.
        let acknowledged = load.acknowledged();
        let in_flight = load.in_flight();
        disk.cut();
        drop(senders);
        network.kill(ORIGIN);
        disk.go_on_from_the_cut();
        counts.cuts += 1;
        counts.acknowledged += acknowledged.len();
        kept.extend(acknowledged);
        load.forget();
        network.start(ORIGIN);
        let lost = match network.opens(ORIGIN).await {
            Ok(()) => check::lost(network, &kept).await,
            Err(status) => {
                let said = network.log(ORIGIN);
                let said = said.lines().last().unwrap_or_default();
                kept.iter().map(|_| format!("the node ended with {status}: {said}")).collect()
            }
        };
        println!(
            "cut {} after {pause} ms: {} kept on this disk, {in_flight} in flight, {} lost",
            counts.cuts,
            kept.len() - lost.len(),
            lost.len()
        );
        let reasons: BTreeSet<&str> = lost.iter().map(String::as_str).collect();
        for reason in reasons.into_iter().take(REASONS_SHOWN) {
            println!("  {reason}");
        }
        counts.lost += lost.len();
        if !lost.is_empty() {
            disk.keep_the_cut(&format!("lost-{}", counts.cuts));
            network.end(ORIGIN);
            return false;
        }
    }
    true
}

/// What an operator would ask after a cut: whether all of the store holds.
fn holds(config: &Path) {
    let checked = Command::new(env!("CARGO_BIN_EXE_rogatory"))
        .args(["node", "check", "--config"])
        .arg(config)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "node check: {}: {said}", checked.status);
}
