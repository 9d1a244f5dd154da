//! Files that are not as the node left them: a torn end, a flipped byte, what an engine left over.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::entropy::{self, Entropy as _, SeededEntropy};

use crate::check;
use crate::faults::{Bench, STORE_FAILED, seed};
use crate::network::ORIGIN;

/// Messages in the store that is damaged.
const MESSAGES: usize = 150;
/// Flipped bytes, one a start.
const FLIPS: u64 = 40;
/// Flipped bytes near the end of the log, one a start.
const FLIPS_AT_THE_END: u64 = 12;
/// How near, in bytes: more than what was written since the last commit.
const NEAR_BYTES: u64 = 4 * 1024 * 1024;
/// Torn ends, one a start.
const TEARS: u64 = 12;

/// A node that was stopped in order, and a copy of its store.
async fn stopped() -> (Bench, tempfile::TempDir) {
    let mut bench = Bench::made(None).await;
    bench.start().await;
    bench.send(MESSAGES).await;
    assert!(bench.network.terminate(ORIGIN).await.success());
    let whole = tempfile::tempdir().expect("a temporary folder can be made");
    copy(&bench.store(), whole.path());
    (bench, whole)
}

fn copy(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    let done = Command::new("cp").args(["-r", "--sparse=always"]).arg(from).arg(to).status();
    assert!(done.expect("there is cp").success());
}

/// What an operator hears who asks whether the store holds.
fn verdict(bench: &Bench) -> Result<(), String> {
    let checked = Command::new(env!("CARGO_BIN_EXE_rogatory"))
        .args(["node", "check", "--config"])
        .arg(&bench.network.place(ORIGIN).config)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    if checked.status.success() { Ok(()) } else { Err(said) }
}

/// Starts the node on damaged files, and says what came of it: `whole` if everything is there,
/// `refused` if it does not start, `named` if it serves and refuses single records, which
/// `node check` finds too.
async fn outcome(bench: &mut Bench, row: &str) -> &'static str {
    let ended = |bench: &Bench, status: std::process::ExitStatus| {
        let said = bench.last_line();
        assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {said}");
        println!("{row}: {said}");
    };
    if let Err(status) = bench.try_start().await {
        ended(bench, status);
        return "refused";
    }
    let lost = check::lost(&bench.network, &bench.kept).await;
    for it in lost.iter().take(3) {
        println!("{row}: {it}");
    }
    bench.network.end(ORIGIN);
    if lost.is_empty() {
        return "whole";
    }
    let found = verdict(bench).expect_err(row);
    println!("{row}: {found}");
    "named"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_loses_nothing_or_is_named() {
    let (mut bench, whole) = stopped().await;
    let chance = SeededEntropy::new(seed());
    let store = bench.store();
    let mut counts = BTreeMap::<&str, u32>::new();
    for _ in 0..FLIPS {
        copy(whole.path(), &store);
        let names: Vec<_> = fs::read_dir(&store).unwrap().map(|it| it.unwrap().path()).collect();
        let mut files: Vec<_> = names.into_iter().filter(|it| it.is_file()).collect();
        files.sort();
        // Mostly where most bytes are.
        let at = u64::from_be_bytes(entropy::bytes(&chance));
        let other = files.get((at % 16) as usize).filter(|it| fs::metadata(it).unwrap().len() > 0);
        let path = other.cloned().unwrap_or_else(|| store.join("db"));
        let length = fs::metadata(&path).unwrap().len();
        let place = u64::from_be_bytes(entropy::bytes(&chance)) % length;
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).unwrap();
        let [mask] = entropy::bytes::<1>(&chance);
        file.write_all_at(&[byte[0] ^ mask.max(1)], place).unwrap();
        let row = format!("byte {place} of {}", path.file_name().unwrap().to_string_lossy());
        *counts.entry(outcome(&mut bench, &row).await).or_default() += 1;
    }
    println!("{FLIPS} flipped bytes: {counts:?}");
}

/// Every file of a folder and the folders in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let entry = entry.expect("the folder can be listed");
        if entry.file_type().expect("its kind is known").is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path(), fs::read(entry.path()).expect("it can be read"));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_refused_for_the_end_of_its_log_leaves_every_file_as_it_was() {
    let (mut bench, whole) = stopped().await;
    let chance = SeededEntropy::new(seed());
    let store = bench.store();
    let mut refused = 0;
    for _ in 0..FLIPS_AT_THE_END {
        copy(whole.path(), &store);
        let mut bytes = fs::read(store.join("db")).unwrap();
        let end = bytes.iter().rposition(|it| *it != 0).unwrap() as u64;
        let place = end - u64::from_be_bytes(entropy::bytes(&chance)) % NEAR_BYTES.min(end);
        bytes[place as usize] ^= 1;
        let file = OpenOptions::new().write(true).open(store.join("db")).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let before = files(&store);
        // Not once, but each time: nothing that it finds is repaired on the way.
        for start in 1..=2 {
            let Err(status) = bench.try_start().await else {
                bench.holds_everything().await;
                bench.network.end(ORIGIN);
                break;
            };
            let said = bench.last_line();
            assert_eq!(status.code(), Some(STORE_FAILED), "byte {place}: {said}");
            let (_, named) = said.split_once("the log of the store is damaged at byte ").unwrap();
            let (named, rest) = named.split_once(' ').unwrap();
            assert!(named.parse::<u64>().unwrap() <= place, "byte {place}: {said}");
            assert!(rest.starts_with("of its file db: it ends at commit Some("), "{said}");
            assert!(files(&store) == before, "byte {place}: start {start} changed a file");
            refused += 1;
        }
        println!("byte {place}: {}", bench.last_line());
    }
    assert!(refused > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_end_loses_nothing_or_is_refused() {
    let (mut bench, whole) = stopped().await;
    let chance = SeededEntropy::new(seed());
    let db = bench.store().join("db");
    let mut counts = BTreeMap::<&str, u32>::new();
    for tear in 0..TEARS {
        copy(whole.path(), &bench.store());
        let file = OpenOptions::new().read(true).write(true).open(&db).unwrap();
        let length = file.metadata().unwrap().len();
        let torn = 1 + u64::from_be_bytes(entropy::bytes(&chance)) % (1 << (6 + tear + tear / 2));
        let keeps = length.saturating_sub(torn);
        file.set_len(keeps).unwrap();
        let row = format!("{torn} bytes short");
        let came = outcome(&mut bench, &row).await;
        assert_ne!(came, "named", "{row}");
        *counts.entry(came).or_default() += 1;
        // What a write that was never finished leaves behind the end.
        copy(whole.path(), &bench.store());
        let mut rubbish = vec![0; torn as usize];
        chance.fill(&mut rubbish);
        let file = OpenOptions::new().read(true).write(true).open(&db).unwrap();
        file.write_all_at(&rubbish, length).unwrap();
        let row = format!("{torn} bytes of rubbish behind the end");
        assert_eq!(outcome(&mut bench, &row).await, "whole", "{row}");
    }
    println!("{TEARS} torn ends: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_was_never_finished_is_swept_out() {
    let (mut bench, _whole) = stopped().await;
    for name in ["snap.0000000000000400.generating", "snap.FFFFFFFFFFFFFFFF.generating"] {
        let left = bench.store().join(name);
        File::create(&left).unwrap().write_all(b"half a snapshot").unwrap();
        bench.start().await;
        assert!(!left.exists());
        bench.holds_everything().await;
        bench.send(5).await;
        bench.network.kill(ORIGIN);
    }
    assert_eq!(verdict(&bench), Ok(()));
}
