//! Calls that fail: write, sync, rename and open, with EIO and ENOSPC.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rogatory::entropy::{self, SeededEntropy};
use tempfile::TempDir;

use crate::faults::{Bench, STORE_FAILED, seed};
use crate::network::ORIGIN;
use crate::network::shim::Shim;

/// What fails while the node serves: error, call, path, and at which call of this kind at the most.
const UNDER_LOAD: &[(&str, &str, &str, u64)] = &[
    ("EIO", "write", "/store/db", 60),
    ("ENOSPC", "write", "/store/db", 60),
    ("EIO", "sync", "/store/db", 60),
    ("ENOSPC", "sync", "/store/db", 60),
    ("EIO", "write", "/store/mark", 20),
    ("ENOSPC", "write", "/store/mark", 20),
];
/// What fails while it starts: each of its calls of this kind, one start after the other.
const AT_THE_START: &[(&str, &str)] = &[
    ("EIO", "open"),
    ("ENOSPC", "open"),
    ("EIO", "write"),
    ("ENOSPC", "write"),
    ("EIO", "sync"),
    ("EIO", "rename"),
    ("ENOSPC", "rename"),
];
/// More calls of one kind than a start makes.
const CALLS_MAX: u64 = 400;
/// More calls in a row than there are that a start can do without: by then the node serves, and what it does
/// beside that, such as publishing its journal, has no end.
const WITHOUT_MAX: u64 = 40;
/// What never returns, while the node serves: call, path, and at which call at the most.
const NEVER_RETURNS: &[(&str, &str, u64)] =
    &[("sync", "/store/db", 60), ("write", "/store/db", 60)];
/// What the node cannot do then: a read waits, too, for what is on its way to the disk.
const WAITING: &[&str] = &["write to its files", "read its files"];
/// The configuration's own bound, and one for which a test can wait.
const BOUNDS: [&str; 2] = ["standstill_s = 240", "standstill_s = 15"];
/// What a start says after that.
const CHECKED: &str = "a write or a sync had failed: everything in the store is checked";
/// What a node says whose store stands still.
const STILL: &str = "the store stands still: it could not";
/// Messages that the store holds before a row begins.
const MESSAGES: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_or_sync_that_fails_ends_the_node_at_once_and_nothing_acknowledged_is_lost() {
    let Some(shim) = Shim::built("calls that fail under load") else { return };
    let chance = SeededEntropy::new(seed());
    let mut bench = Bench::made(Some(shim.library())).await;
    // A call of the engine's own thread that fails may leave whoever waits for it waiting.
    bench.network.configure(ORIGIN, BOUNDS[0], BOUNDS[1]);
    let mut stills = 0;
    for (error, call, path, most) in UNDER_LOAD {
        shim.clear();
        bench.start().await;
        bench.send(10).await;
        let number = 1 + u64::from_be_bytes(entropy::bytes(&chance)) % most;
        let row = format!("{error} {call} {number} {path}");
        let status = bench.send_until_the_end(|| shim.plan(&row)).await;
        assert!(shim.has_fired(), "{row}");
        let said = bench.last_line();
        assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {said}");
        assert!(!shim.was_synced_again(), "{row}: a sync that failed was tried again");
        shim.clear();
        bench.start().await;
        assert!(bench.network.log(ORIGIN).contains(CHECKED), "{row}");
        bench.holds_everything().await;
        assert!(bench.network.terminate(ORIGIN).await.success(), "{row}");
        let still = if said.contains(STILL) { " once it stood still" } else { "" };
        stills += usize::from(!still.is_empty());
        println!("{row}: ended with 74{still}; {} acknowledged, none lost", bench.kept.len());
    }
    assert!(stills <= 1, "{stills} of {} rows did not end at once", UNDER_LOAD.len());
}

/// A store as it was once: what each start leaves behind would give the next one more to open.
struct Kept {
    store: PathBuf,
    copy: TempDir,
}

impl Kept {
    fn of(store: PathBuf) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder can be made");
        copied(&store, &copy.path().join("store"));
        Self { store, copy }
    }

    fn put_back(&self) {
        std::fs::remove_dir_all(&self.store).expect("the store is there");
        copied(&self.copy.path().join("store"), &self.store);
    }
}

fn copied(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().expect("there is cp");
    assert!(done.success(), "{} is copied", from.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_open_its_files_says_so_and_starts_once_it_can() {
    let Some(shim) = Shim::built("calls that fail at a start") else { return };
    let mut bench = Bench::made(Some(shim.library())).await;
    bench.network.configure(ORIGIN, BOUNDS[0], BOUNDS[1]);
    bench.start().await;
    bench.send(MESSAGES).await;
    bench.network.end(ORIGIN);
    let kept = Kept::of(bench.store());
    let mut still = 0;
    for (error, call) in AT_THE_START {
        let (mut refused, mut served) = (0, 0);
        for number in 1..=CALLS_MAX {
            bench.network.end(ORIGIN);
            shim.clear();
            kept.put_back();
            let row = format!("{error} {call} {number} /store/");
            shim.plan(&row);
            match bench.try_start().await {
                Ok(()) if !shim.has_fired() || served == WITHOUT_MAX => break,
                // What failed was not needed, or the node that served has ended of it since. Whatever
                // it was, nothing is lost.
                Ok(()) => {
                    served += 1;
                    bench.network.end(ORIGIN);
                    shim.clear();
                    bench.start().await;
                    bench.holds_everything().await;
                }
                Err(status) => {
                    let said = bench.last_line();
                    assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {said}");
                    still += u32::from(said.contains(STILL));
                    let named = [
                        STILL,
                        "the store cannot",
                        "the file of slots can",
                        "/store/directory",
                        "the files beside the store failed",
                        "/store/attachments",
                    ];
                    let named = named.iter().any(|it| said.contains(it));
                    assert!(named, "{row}: {said}");
                    (refused, served) = (refused + 1, 0);
                }
            }
            assert!(number < CALLS_MAX, "{row}: a start makes fewer calls");
        }
        assert!(refused > 0, "{error} {call}");
        println!("{error} at each {call} of a start: {refused} starts refused");
    }
    println!("{still} starts stood still, and ended by themselves");
    bench.network.end(ORIGIN);
    shim.clear();
    bench.start().await;
    bench.holds_everything().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_stands_still_ends_the_node_and_nothing_acknowledged_is_lost() {
    let Some(shim) = Shim::built("calls that never return") else { return };
    let chance = SeededEntropy::new(seed());
    let mut bench = Bench::made(Some(shim.library())).await;
    bench.network.configure(ORIGIN, BOUNDS[0], BOUNDS[1]);
    let ended = |bench: &Bench, status: ExitStatus, row: &str, doing: &[&str]| {
        let said = bench.last_line();
        assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {said}");
        let named = |it: &&str| said.ends_with(&format!("{STILL} {it} within 15 seconds"));
        assert!(doing.iter().any(named), "{row}: {said}");
    };
    // A new store makes its slots before it serves.
    for (row, doing) in [
        ("before sync 1 /store/slots", "open the file of slots"),
        ("before sync 1 /store/slots", "sync the file of slots"),
        ("before sync 1 /store/db", "open its files"),
    ] {
        shim.clear();
        shim.plan(row);
        let status = bench.try_start().await.unwrap_err();
        assert!(shim.has_fired(), "{row}");
        ended(&bench, status, row, &[doing]);
    }
    for (call, path, most) in NEVER_RETURNS {
        shim.clear();
        bench.start().await;
        bench.send(10).await;
        let number = 1 + u64::from_be_bytes(entropy::bytes(&chance)) % most;
        let row = format!("before {call} {number} {path}");
        let status = bench.send_until_the_end(|| shim.plan(&row)).await;
        ended(&bench, status, &row, WAITING);
        shim.clear();
        bench.start().await;
        assert!(bench.network.log(ORIGIN).contains(CHECKED), "{row}");
        bench.holds_everything().await;
        assert!(bench.network.terminate(ORIGIN).await.success(), "{row}");
        println!("{row}: ended with 74; {} acknowledged, none lost", bench.kept.len());
    }
}
