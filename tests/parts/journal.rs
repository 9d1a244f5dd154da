//! What the journal has acknowledged is there after a killed process, whole and in order; a second
//! process is kept out; a flipped byte on the disk is never read as if nothing were wrong.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rogatory::domain::ids::JournalName;
use rogatory::entropy::{Entropy, SeededEntropy};
use rogatory::journal::store::{Batch, DiskStore, StoreError};
use rogatory::journal::{Append, Depth, Journal, StoreJournal};
use rogatory::merkle::checkpoint::{Checkpoint, sign_checkpoint};
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::tree::leaf_hash;
use rogatory::redact::Secret;

/// Where a child process of this test keeps its store; set by the parent only.
const FOLDER: &str = "ROGATORY_JOURNAL_TEST_FOLDER";
const CACHE_BYTES: u64 = 16 << 20;
const ENTRY_BYTES: usize = 600;

fn entry(position: u64) -> Vec<u8> {
    let mut bytes = vec![0; ENTRY_BYTES];
    SeededEntropy::new(position).fill(&mut bytes);
    bytes
}

fn open(folder: &Path) -> StoreJournal<DiskStore> {
    let name = JournalName::new("ita.coast-guard".parse().unwrap(), 1);
    StoreJournal::open(DiskStore::open(folder, CACHE_BYTES).unwrap(), name).unwrap()
}

fn append(journal: &impl Journal, count: u64) {
    let mut frontier = journal.frontier().unwrap();
    let next = frontier.size();
    let entries: Vec<_> = (next..next + count).map(entry).collect();
    entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    let checkpoint = Checkpoint {
        origin: journal.name().to_string(),
        size: frontier.size(),
        root: frontier.root(),
    };
    let key = Ed25519Signer::from_seed(&Secret::new([7; 32]));
    let checkpoint = sign_checkpoint(&checkpoint, &key);
    let mut rows = Batch::new();
    rows.put(*b"count", frontier.size().to_be_bytes());
    journal.append(next, Append { entries, checkpoint, rows }).unwrap();
}

/// This test's program again, running only [`child_appends_until_it_is_killed`].
fn child(folder: &Path) -> (Child, impl Iterator<Item = u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::child_appends_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.filter_map(|line| line.unwrap().strip_prefix("durable ")?.parse().ok()))
}

#[test]
fn child_appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let journal = open(Path::new(&folder));
    let mut step = 0;
    loop {
        // The harness writes its own words before; a line of ours starts on a line of its own.
        write!(std::io::stdout(), "\ndurable {}\n", journal.next()).unwrap();
        std::io::stdout().flush().unwrap();
        step = step % 40 + 1;
        append(&journal, step);
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut acknowledged = 0;
    for round in 1..=4 {
        let (mut child, durable) = child(&store);
        let mut seen = durable.take(20 * round);
        let first = seen.next().unwrap();
        assert!(first >= acknowledged, "{first} of {acknowledged}");
        acknowledged = seen.last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let journal = open(&store);
    assert!(journal.next() >= acknowledged);
    for position in 0..journal.next() {
        assert_eq!(journal.read(position, 1).unwrap(), [entry(position)]);
    }
    let checked = journal.check(Depth::Full).unwrap();
    assert_eq!((checked.entries, checked.rows), (journal.next(), 1));
}

#[test]
fn a_second_process_is_kept_out_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let (mut child, mut durable) = child(&store);
    durable.nth(3).unwrap();
    assert!(matches!(DiskStore::open(&store, CACHE_BYTES), Err(StoreError::InUse)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(open(&store).check(Depth::Full).unwrap().entries > 0);
}

/// Opens and checks a copy of the store with one byte of its file flipped. sled may also panic.
fn with_flipped_byte(store: &Path, at: usize) -> Result<u64, String> {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(store).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    let db = copy.path().join("db");
    let mut bytes = std::fs::read(&db).unwrap();
    bytes[at] ^= 1;
    std::fs::File::create(&db).unwrap().write_all(&bytes).unwrap();
    let outcome = std::panic::catch_unwind(|| {
        let name = JournalName::new("ita.coast-guard".parse().unwrap(), 1);
        let store = DiskStore::open(copy.path(), CACHE_BYTES).map_err(|e| format!("{e:?}"))?;
        let journal = StoreJournal::open(store, name).map_err(|e| format!("{e:?}"))?;
        Ok(journal.check(Depth::Full).map_err(|e| format!("{e:?}"))?.entries)
    });
    outcome.unwrap_or_else(|_| Err("panic".to_owned()))
}

#[test]
fn a_flipped_byte_on_the_disk_is_refused_or_hurts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let journal = open(&store);
    (0..40).for_each(|_| append(&journal, 10));
    drop(journal);
    let db = std::fs::read(store.join("db")).unwrap();
    let mut refused = 0;
    for position in [0, 50, 200, 399] {
        // Later pages of the log replace earlier ones, so not every copy of an entry counts.
        let wanted = &entry(position)[..64];
        let copies = db.windows(64).enumerate().filter(|(_, bytes)| *bytes == wanted);
        for (at, _) in copies {
            match with_flipped_byte(&store, at + 7) {
                Ok(entries) => assert_eq!(entries, 400, "position {position} at {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 4, "{refused}");
}

/// Length of the head of a part: a checksum, where the part begins in the log, and how far the log had
/// been written then.
const HEAD: usize = 20;

/// Which part of a log is the one that the head written last says the log had come to; none if its
/// place has been used again.
fn part_named_last(folder: &Path, part_bytes: u64) -> Option<u64> {
    let file = File::open(folder.join("db")).unwrap();
    let heads = (0..file.metadata().unwrap().len().div_ceil(part_bytes)).map(|at| {
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, at * part_bytes).unwrap();
        let number = |from: usize| {
            u64::from_le_bytes(head[from..from + 8].try_into().unwrap()) ^ (u64::MAX >> 1)
        };
        (number(4), number(12), at)
    });
    let heads: Vec<_> = heads.collect();
    let (_, written, _) = *heads.iter().max()?;
    let named = heads.iter().find(|(begins, ..)| *begins == written / part_bytes * part_bytes);
    named.map(|(_, _, at)| *at)
}

/// Why the store bounds what stands unsynced: see `SEGMENT_BYTES` in `src/journal/sled.rs`.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the engine alone, without what the store adds to it"
)]
fn the_engine_takes_a_log_for_empty_if_the_part_that_its_last_head_names_is_missing() {
    const PART: u64 = 512 * 1024;
    const STORES: usize = 50;
    const RECORDS: u64 = 1_000;
    // The engine's own threads decide whether the part that its last head names is still there, or
    // has been used again meanwhile.
    let store = (0..STORES).find_map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let config = sled::Config::new().path(folder.path()).segment_size(PART as usize);
        let config = config.flush_every_ms(None).cache_capacity(16 << 20);
        let db = config.open().unwrap();
        for number in 0..RECORDS {
            db.insert(number.to_be_bytes(), vec![7; 2_000]).unwrap();
        }
        db.flush().unwrap();
        assert_eq!(db.len() as u64, RECORDS);
        drop(db);
        let named = part_named_last(folder.path(), PART)?;
        Some((folder, config, named))
    });
    let (folder, config, named) = store.expect("one of so many stores has that part");
    let file = File::options().write(true).open(folder.path().join("db")).unwrap();
    file.write_all_at(&[0; HEAD], named * PART).unwrap();
    drop(file);
    let db = config.open().unwrap();
    assert_eq!(db.len(), 0, "it says nothing, and has forgotten everything");
}
