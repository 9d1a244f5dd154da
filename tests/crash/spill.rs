//! The fault that the limit on values keeps away: what is longer than a quarter of a part of sled's log
//! (a value, or a leaf of 17 of them) goes to a file of its own, which nothing syncs. A process
//! commits as the store does (one batch, `flush`, `sync_data` on the open file), with values that are
//! too long; its power is cut, and what it acknowledged is looked for. A harness that finds nothing
//! missing then is blind.
//!
//! The limit is a constant of the program, so the process is this test itself and not a node.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use rogatory::entropy::{self, SeededEntropy};

use crate::disk::Disk;
use crate::{Asked, Counts, PAUSE_MS_MAX};

/// Length of a part of the log, as in `src/journal/sled.rs`.
const SEGMENT_BYTES: usize = 16 * 1024 * 1024;
/// More than a quarter of a part, in which the engine keeps what it writes at once.
const VALUE_BYTES: usize = SEGMENT_BYTES / 4 + 64 * 1024;
const VALUES_PER_BATCH: u32 = 2;
/// Names the folder in which a process of ours writes or reads.
const FOLDER: &str = "ROGATORY_CRASH_SPILL";

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn opened(store: &Path) -> sled::Db {
    let config = sled::Config::new().path(store).cache_capacity(16 << 20);
    let config = config.segment_size(SEGMENT_BYTES).flush_every_ms(Some(500));
    config.open().expect("the store opens")
}

/// A process of this test that does `what` in the folder.
fn process(what: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", &format!("spill::{what}"), "--nocapture"]).env(FOLDER, folder);
    command
}

/// Writes for ever, and says outside of the disk what is durable.
#[test]
#[expect(clippy::disallowed_methods, reason = "it commits as the store does")]
fn writes() {
    let Some(folder) = told(FOLDER).map(PathBuf::from) else { return };
    let store = folder.join("spill");
    let db = opened(&store);
    let file = File::open(store.join("db")).unwrap();
    let mut acknowledged = OpenOptions::new().append(true).open(folder.join("said")).unwrap();
    for number in 0_u32.. {
        let mut batch = sled::Batch::default();
        for value in 0..VALUES_PER_BATCH {
            let key = (number * VALUES_PER_BATCH + value).to_be_bytes();
            batch.insert(&key, vec![key[3]; VALUE_BYTES]);
        }
        db.apply_batch(batch).unwrap();
        db.flush().unwrap();
        file.sync_data().unwrap();
        acknowledged.write_all(b"+").unwrap();
    }
}

/// Says how many of the values that were durable are there.
#[test]
fn reads() {
    let Some(folder) = told(FOLDER).map(PathBuf::from) else { return };
    let db = opened(&folder.join("spill"));
    let count = u32::try_from(fs::metadata(folder.join("said")).unwrap().len()).unwrap();
    let is_there = |key: &u32| db.get(key.to_be_bytes()).is_ok_and(|it| it.is_some());
    let there = (0..count * VALUES_PER_BATCH).filter(is_there).count();
    let mut found = File::create(folder.join("found")).unwrap();
    found.write_all(there.to_string().as_bytes()).unwrap();
}

/// Cuts until something is lost.
pub fn cuts(told: &Asked, counts: &mut Counts) {
    let chance = SeededEntropy::new(told.seed);
    while counts.cuts < told.cuts && counts.lost == 0 {
        let mut disk = Disk::mounted(&told.folder, "store", &told.folder.join("spill"));
        drop(File::create(told.folder.join("said")).unwrap());
        let mut writer = process("writes", &told.folder).spawn().expect("this program starts");
        wait_for_acknowledgement(&told.folder, &mut writer);
        let pause = u64::from_be_bytes(entropy::bytes(&chance)) % PAUSE_MS_MAX;
        std::thread::sleep(Duration::from_millis(pause));
        let said = fs::metadata(told.folder.join("said")).unwrap().len();
        disk.cut();
        writer.kill().expect("it is killed");
        writer.wait().expect("it has ended");
        // What it said after the cut is of no account.
        File::options().write(true).open(told.folder.join("said")).unwrap().set_len(said).unwrap();
        disk.go_on_from_the_cut();
        drop(fs::remove_file(told.folder.join("found")));
        // sled may panic when it opens what is left; then nothing is found.
        drop(process("reads", &told.folder).output().expect("this program starts"));
        let found = fs::read_to_string(told.folder.join("found")).unwrap_or_default();
        let found: usize = found.parse().unwrap_or(0);
        let durable = usize::try_from(said).unwrap() * VALUES_PER_BATCH as usize;
        counts.cuts += 1;
        counts.acknowledged += durable;
        counts.lost += durable - found;
        println!("cut {}: {durable} values were durable, {found} are there", counts.cuts);
    }
}

fn wait_for_acknowledgement(folder: &Path, writer: &mut Child) {
    while fs::metadata(folder.join("said")).unwrap().len() < 2 {
        assert!(writer.try_wait().unwrap().is_none(), "the writer ended");
        std::thread::sleep(Duration::from_millis(5));
    }
}
