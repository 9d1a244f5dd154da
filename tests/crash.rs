//! The promise: what a node acknowledged before its machine lost power is there afterwards, opens,
//! is proven, and its receipt is the same bytes.
//!
//! `tests/crash/run` starts this test and says where the disk is, how many cuts there are to be and
//! whether the node runs with a library that leaves out what makes a commit durable; `Cargo.toml`
//! keeps it out of a plain `cargo test`. The node is the real program with its store on an ext4
//! image; senders keep it busy; the image is copied at one instant, and a node goes on from the
//! copy. It is in turn the node that sends, which must keep what it acknowledged, and the one that
//! receives, which must keep what it stated to its neighbour. Files are handed in and sent meanwhile; of
//! every other pair of disks the files of attachments have one of their own, whose order no sync of the
//! store vouches for; and of every other disk rows settle all the time. Some cuts come at an instant by chance, the others at a point of `points.rs`: at
//! those of an erasure and of a file first, each once, then by chance. Counts go into a file, which
//! `tests/crash/run` judges: with a fault, something must be lost.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(clippy::print_stdout, reason = "whoever waits sees each cut")]
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

#[path = "crash/attaching.rs"]
mod attaching;
#[path = "crash/check.rs"]
mod check;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/erasing.rs"]
mod erasing;
#[path = "crash/load.rs"]
#[expect(dead_code, reason = "each test uses a part of the load")]
mod load;
#[expect(dead_code, reason = "each test uses a part of the network")]
mod network;
#[path = "crash/points.rs"]
mod points;
#[path = "crash/spill.rs"]
mod spill;
#[path = "crash/told.rs"]
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rogatory::entropy::{self, SeededEntropy};
use rogatory::journal::settled;
use rogatory::transport::client::Client;

use crate::attaching::Attaching;
use crate::disk::Disks;
use crate::erasing::Erasing;
use crate::load::{Acknowledged, Load};
use crate::network::shim::Shim;
use crate::network::{DESTINATION, LOOK_INTERVAL, Network, ORIGIN, STAGES};
use crate::points::Point;
use crate::told::{Besides, Told};

/// Cuts that one disk lives through, one after the other; then the node begins with an empty one.
const CUTS_PER_DISK: u64 = 5;
/// In so many cuts each point of an erasure and of a file comes at least once.
const CUTS_FOR_ALL: u64 = 40;
/// One of so many cuts comes by chance while such a point is owed, and afterwards.
const BY_CHANCE: (u64, u64) = (3, 2);
/// A cut comes at most so long after the first acknowledgement, in milliseconds.
pub const PAUSE_MS_MAX: u64 = 800;
/// How often it is looked whether a node works, and whether it has come to its point.
const WAITS_MAX: u32 = 6_000;
const STANDS_WAITS_MAX: u32 = 6_000;
/// Rows that a node keeps in the first part of its store on every other pair of disks, and the line that
/// says so: there rows settle all the time.
const FEW_RECENT_ROWS: (&str, &str) = ("recent_rows = 262144\n", "recent_rows = 200\n");
/// Reasons that are shown of one cut.
const REASONS_SHOWN: usize = 3;

/// What `tests/crash/run` asks for.
pub struct Asked {
    /// Where the empty disk lies, and where everything else is put.
    folder: PathBuf,
    cuts: u64,
    seed: u64,
    /// What the node is to load before all other libraries, so that it loses something. The cuts
    /// end with the first loss.
    fault: Option<PathBuf>,
    /// Values are to be too long.
    spills: bool,
    /// The fault is one of files: each cut comes when a file is whole by the node's word.
    of_files: bool,
}

impl Asked {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment")]
    fn read() -> Option<Self> {
        let told = |name: &str| std::env::var(name).ok();
        let number = |name: &str| told(name)?.parse().ok();
        Some(Self {
            folder: told("ROGATORY_CRASH_FOLDER")?.into(),
            cuts: number("ROGATORY_CRASH_CUTS")?,
            seed: number("ROGATORY_SEED")?,
            fault: told("ROGATORY_CRASH_FAULT").map(PathBuf::from),
            spills: told("ROGATORY_CRASH_SPILLS").is_some(),
            of_files: told("ROGATORY_CRASH_OF_FILES").is_some(),
        })
    }
}

/// What the cuts came to.
#[derive(Default)]
pub struct Counts {
    cuts: u64,
    acknowledged: usize,
    lost: usize,
    points: BTreeMap<&'static str, u64>,
}

/// A node whose power is cut: it sends, or it receives.
struct Victim {
    network: Network,
    stage: &'static str,
    load: Load,
    sent: Vec<Acknowledged>,
    told: Told,
    /// Who erases on a receiving node.
    erasing: Erasing,
    /// Who hands files in at the node that sends.
    attaching: Attaching,
    /// Files that are whole by the word of a node that sends.
    whole: usize,
    /// Who hears what a receiving node states.
    neighbour: Option<Client>,
    shim: Option<Shim>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_cut_of_power() {
    let Some(told) = Asked::read() else {
        println!("SKIPPED: power cuts need a disk; run tests/crash/run");
        return;
    };
    let chance = SeededEntropy::new(told.seed);
    let mut counts = Counts::default();
    if told.spills {
        spill::cuts(&told, &mut counts);
        return write_down(&told, &counts);
    }
    let mut disks = 0;
    while counts.cuts < told.cuts && (told.fault.is_none() || counts.lost == 0) {
        let stage = if disks % 2 == 0 || told.fault.is_some() { ORIGIN } else { DESTINATION };
        disks += 1;
        let mut victim = Victim::made(&told, stage, disks).await;
        let has_own_for_files = told.of_files || (disks - 1) / 2 % 2 == 1;
        let store = victim.network.store(stage);
        let mut disk = Disks::mounted(&told.folder, &store, has_own_for_files);
        let has_few_recent = told.fault.is_none() && disks / 2 % 2 == 0;
        if has_few_recent {
            victim.network.configure(stage, FEW_RECENT_ROWS.0, FEW_RECENT_ROWS.1);
        }
        victim.begin().await;
        let cuts = CUTS_PER_DISK.min(told.cuts - counts.cuts);
        let plan = (&chance, cuts, told.of_files);
        let kept = cuts_of_a_disk(&mut victim, &mut disk, plan, &mut counts).await;
        if kept {
            victim.network.terminate(stage).await;
            if let Err(fault) = holds(&victim.network.place(stage).config) {
                println!("a check of what is left: {fault}");
                counts.lost += 1;
            }
            let is_there = store.join(settled::FILE_NAME).exists();
            assert_eq!(is_there, has_few_recent, "rows settle where few may be recent");
        }
        drop(disk);
    }
    for (point, count) in &counts.points {
        println!("{count} cuts at: {point}");
    }
    let all = told.fault.is_none() && told.cuts >= CUTS_FOR_ALL && counts.lost == 0;
    if let Some(point) = Point::owed(&counts.points, None).filter(|_| all) {
        panic!("no cut came to: {}", point.name);
    }
    write_down(&told, &counts);
}

/// Leaves the counts to whoever judges them.
fn write_down(told: &Asked, counts: &Counts) {
    let Counts { cuts, acknowledged, lost, .. } = counts;
    let text = format!("cuts {cuts}, acknowledged {acknowledged}, lost {lost}\n");
    let mut file = File::create(told.folder.join("counts")).expect("the folder takes a file");
    file.write_all(text.as_bytes()).expect("the counts are written");
}

impl Victim {
    /// Lets the node stand still where it is; it can only be killed then.
    fn freeze(&self) {
        let stop = format!("kill -s STOP {}", self.network.process(self.stage));
        let told = Command::new("sh").args(["-c", &stop]).status().expect("there is a shell");
        assert!(told.success(), "{} is told to stand still", self.stage);
    }

    /// A network of which no node runs.
    async fn made(told: &Asked, stage: &'static str, disk: u64) -> Self {
        let mut network = Network::started_with(&[]).await;
        let shim = if told.fault.is_none() { Shim::built("cuts at a point") } else { None };
        network.preloaded = told.fault.clone().or(shim.as_ref().map(Shim::library));
        Self {
            network,
            stage,
            load: Load::new(told.seed.wrapping_add(disk << 32)),
            sent: Vec::new(),
            told: Told::default(),
            erasing: Erasing::default(),
            attaching: Attaching::new(told.seed.wrapping_add(disk << 32)),
            whole: 0,
            neighbour: None,
            shim,
        }
    }

    /// Starts it, and whom it needs.
    async fn begin(&mut self) {
        let stages: &[&str] = if self.stage == ORIGIN { &[ORIGIN] } else { &STAGES };
        for stage in stages {
            self.network.start(stage);
        }
        for stage in stages {
            self.network.serves(stage).await;
        }
        if self.stage == DESTINATION {
            self.neighbour = Some(Told::neighbour(&self.network).await);
        }
    }

    /// Hears what it has acknowledged or stated since; gives how much.
    async fn hear(&mut self) -> usize {
        let (sent, told, whole) = (self.sent.len(), self.told.count(), self.whole);
        self.sent.extend(self.load.taken());
        self.whole = self.attaching.hear();
        match &self.neighbour {
            None => self.sent.len() - sent + self.whole.saturating_sub(whole),
            Some(neighbour) => {
                self.told.hear(&self.network, neighbour).await;
                self.told.count() - told
            }
        }
    }

    /// Waits until it has acknowledged or stated something new.
    async fn works(&mut self) -> usize {
        for _ in 0..WAITS_MAX {
            let heard = self.hear().await;
            if heard > 0 {
                return heard;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        panic!("the node of {} does no work", self.stage)
    }

    /// Waits until the node has come to the point that is planned.
    async fn has_come_to(&self, point: &Point) -> bool {
        for _ in 0..STANDS_WAITS_MAX {
            let has_come = match &self.shim {
                _ if point.is_at_its_word() => self.attaching.has_stopped(),
                Some(shim) => shim.has_fired(),
                None => return false,
            };
            if has_come {
                return true;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        false
    }

    /// Brings the node to where the power is to be cut; says where that is.
    async fn brought_to(&mut self, point: &'static Point, chance: &SeededEntropy) -> &'static str {
        let plan = point.plan(&self.network.store(self.stage), chance);
        if point.is_in_a_start() {
            self.network.kill(self.stage);
        }
        match &self.shim {
            _ if point.is_at_its_word() => self.attaching.stop_at_a_whole_one(),
            Some(shim) => shim.plan(&plan),
            None => {}
        }
        if point.is_in_a_start() {
            self.network.start(self.stage);
        }
        if self.has_come_to(point).await { point.name } else { "a point that did not come" }
    }

    /// Says what a cut came to.
    fn tell(&self, cut: u64, (place, heard, in_flight): (&str, usize, usize), lost: &[String]) {
        println!(
            "cut {cut} of {} at {place}: {heard} more acknowledged, {in_flight} in flight, {} erased, \
             {} files whole, {} arrived, {} lost",
            self.stage,
            self.erasing.count(),
            self.whole,
            self.told.arrived(),
            lost.len()
        );
        let reasons: BTreeSet<&str> = lost.iter().map(String::as_str).collect();
        for reason in reasons.into_iter().take(REASONS_SHOWN) {
            println!("  {reason}");
        }
    }

    /// Why each message counts as lost; all of them if the node does not start.
    async fn lost(&mut self) -> Vec<String> {
        if let Some(shim) = &self.shim {
            shim.clear();
        }
        self.network.start(self.stage);
        match self.network.opens(self.stage).await {
            Ok(()) if self.stage == ORIGIN => {
                let mut lost = check::lost(&self.network, &self.sent).await;
                lost.extend(self.attaching.lost(&self.network).await);
                lost
            }
            Ok(()) => {
                let Self { sent, erasing, attaching, .. } = self;
                self.told.lost(&self.network, &Besides { sent, erasing, attaching }).await
            }
            Err(status) => {
                let said = self.network.log(self.stage);
                let said = said.lines().last().unwrap_or_default();
                let count = self.sent.len().max(self.told.count());
                (0..count).map(|_| format!("the node ended with {status}: {said}")).collect()
            }
        }
    }
}

/// The point of the next cut; none if it comes at an instant by chance.
fn next_point(
    victim: &Victim,
    (chance, of_files): (&SeededEntropy, bool),
    counts: &Counts,
) -> Option<&'static Point> {
    if of_files {
        return Some(Point::at_its_word());
    }
    victim.shim.as_ref()?;
    let receives = victim.stage == DESTINATION;
    let owed = Point::owed(&counts.points, Some(receives));
    let each = if owed.is_some() { BY_CHANCE.0 } else { BY_CHANCE.1 };
    if counts.cuts.is_multiple_of(each) {
        return None;
    }
    Some(owed.unwrap_or_else(|| Point::chosen(chance, receives)))
}

/// Cuts the power of a node again and again, each time going on from what its disks held: at an
/// instant that chance chooses, and at a point, in turn. Whether everything was found; ends with the
/// first cut after which something is not.
async fn cuts_of_a_disk(
    victim: &mut Victim,
    disk: &mut Disks,
    (chance, cuts, of_files): (&SeededEntropy, u64, bool),
    counts: &mut Counts,
) -> bool {
    for _ in 0..cuts {
        let senders = victim.load.start(&victim.network).await;
        let attachers = victim.attaching.start(&victim.network, of_files).await;
        let erasers = match victim.stage {
            DESTINATION => Some(victim.erasing.start(&victim.network).await),
            _ => None,
        };
        let mut heard = victim.works().await;
        let place = match next_point(victim, (chance, of_files), counts) {
            Some(point) => victim.brought_to(point, chance).await,
            None => {
                let pause = u64::from_be_bytes(entropy::bytes(chance)) % PAUSE_MS_MAX;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                "an instant by chance"
            }
        };
        // First what was acknowledged, then the instant of the cut. Its neighbour goes on, and must
        // not hear of what the node states after that instant; two disks are copied one by one.
        if victim.stage == DESTINATION || disk.are_two() {
            victim.freeze();
        }
        heard += victim.hear().await;
        let in_flight = victim.load.in_flight();
        disk.cut();
        drop((senders, attachers, erasers));
        victim.network.kill(victim.stage);
        disk.go_on_from_the_cut();
        counts.cuts += 1;
        counts.acknowledged += heard;
        *counts.points.entry(place).or_default() += 1;
        victim.load.forget();
        if victim.stage == ORIGIN {
            victim.attaching.forget();
        }
        let lost = victim.lost().await;
        victim.tell(counts.cuts, (place, heard, in_flight), &lost);
        counts.lost += lost.len();
        if !lost.is_empty() {
            disk.keep_the_cut(&format!("lost-{}", counts.cuts));
            victim.network.end(victim.stage);
            return false;
        }
    }
    true
}

/// What an operator would ask after a cut: whether all of the store holds. What a check can't find is
/// lost to every copy of the store, such as a file that the node itself still finds under the name under
/// which it grew.
fn holds(config: &Path) -> Result<(), String> {
    let checked = Command::new(env!("CARGO_BIN_EXE_rogatory"))
        .args(["node", "check", "--config"])
        .arg(config)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&checked.stderr);
    if checked.status.success() { Ok(()) } else { Err(format!("{}: {said}", checked.status)) }
}
