//! The promise of [`Journal`] and [`Store`], kept by every backend: one suite, run against each.

mod crashes;
mod damage;
mod limits;
mod promises;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::ids::JournalName;
use crate::entropy::{self, SeededEntropy};
use crate::envelope::storage::StorageKey;
use crate::merkle::checkpoint::{Checkpoint, SignedCheckpoint, sign_checkpoint};
use crate::merkle::proof::prove_inclusion;
use crate::merkle::receipt::TlogProof;
use crate::merkle::signature::Ed25519Signer;
use crate::merkle::tree::leaf_hash;
use crate::redact::Secret;

use super::memory::MemoryDisk;
use super::store::{Batch, DiskStore, Memory, MemoryStore, Records, Sealed, Store, StoreError};
use super::{Append, AppendError, Journal, JournalHashes, StoreJournal};

/// A place that a store can be opened in again and again.
trait Backend {
    type Opened: Store + std::fmt::Debug;
    fn new() -> Self;
    fn open(&self) -> Result<Self::Opened, StoreError>;
}

struct OnDisk(tempfile::TempDir);

impl Backend for OnDisk {
    type Opened = DiskStore;
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn open(&self) -> Result<DiskStore, StoreError> {
        DiskStore::open(&self.0.path().join("store"), 1 << 20)
    }
}

/// On disk, where rows settle all the time.
struct Settling(tempfile::TempDir);

#[derive(Debug)]
struct SettlingStore {
    store: DiskStore,
    writes: AtomicU64,
}

impl SettlingStore {
    /// Lets rows settle after every second write.
    fn settled(&self, written: Result<(), StoreError>) -> Result<(), StoreError> {
        written?;
        match self.writes.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => self.store.settle(),
            _ => Ok(()),
        }
    }
}

impl Store for SettlingStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        self.store.range(from, to, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        self.store.range_back(from, to, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.settled(self.store.apply(batch))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.settled(self.store.commit(batch))
    }
}

impl Backend for Settling {
    type Opened = SettlingStore;
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn open(&self) -> Result<SettlingStore, StoreError> {
        let folder = self.0.path().join("store");
        let store = DiskStore::open_still(&folder, Memory::cache(1 << 20), &Arc::default())?;
        Ok(SettlingStore { store, writes: AtomicU64::new(0) })
    }
}

struct InMemory(MemoryDisk);

impl Backend for InMemory {
    type Opened = MemoryStore;
    fn new() -> Self {
        Self(MemoryDisk::new())
    }
    fn open(&self) -> Result<MemoryStore, StoreError> {
        MemoryStore::open(&self.0)
    }
}

/// Memory under a layer that seals.
struct SealedInMemory(MemoryDisk);

impl Backend for SealedInMemory {
    type Opened = Sealed<MemoryStore>;
    fn new() -> Self {
        Self(MemoryDisk::new())
    }
    fn open(&self) -> Result<Sealed<MemoryStore>, StoreError> {
        let storage = StorageKey::new(Secret::new([9; 32]));
        Sealed::open(MemoryStore::open(&self.0)?, &storage, |_| None)
    }
}

fn name() -> JournalName {
    JournalName::new("ita.coast-guard".parse().unwrap(), 1)
}

fn key() -> Ed25519Signer {
    Ed25519Signer::from_seed(&Secret::new([7; 32]))
}

fn journal<B: Backend>(backend: &B) -> StoreJournal<B::Opened> {
    StoreJournal::open(backend.open().unwrap(), name()).unwrap()
}

fn signed(journal: &dyn Journal, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut frontier = journal.frontier().unwrap();
    entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    let (size, root) = (frontier.size(), frontier.root());
    let origin = journal.name().to_string();
    sign_checkpoint(&Checkpoint { origin, size, root }, &key())
}

fn prepared(journal: &dyn Journal, entries: Vec<Vec<u8>>) -> Append {
    let checkpoint = signed(journal, &entries);
    Append { entries, checkpoint, rows: Batch::new() }
}

fn append(journal: &dyn Journal, entries: Vec<Vec<u8>>) -> Result<(), AppendError> {
    journal.append(journal.next(), prepared(journal, entries))
}

/// Entry number `position`, of a length that chance chose.
fn entry(position: u64) -> Vec<u8> {
    let chance = SeededEntropy::new(position);
    let [high, low] = entropy::bytes::<2>(&chance);
    let length = 1 + usize::from(u16::from_be_bytes([high, low])) % 900;
    let mut bytes = vec![0; length];
    entropy::Entropy::fill(&chance, &mut bytes);
    bytes
}

fn entries(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to).map(entry).collect()
}

/// Appends until there are `size` entries, in batches of growing length.
fn grow(journal: &dyn Journal, size: u64) {
    let mut step = 1;
    while journal.next() < size {
        let (from, to) = (journal.next(), size.min(journal.next() + step));
        append(journal, entries(from, to)).unwrap();
        step = step % 41 + 3;
    }
}

fn all(journal: &dyn Journal) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while (found.len() as u64) < journal.next() {
        found.extend(journal.read(found.len() as u64, 100).unwrap());
    }
    found
}

fn receipt(journal: &dyn Journal, index: u64) -> TlogProof {
    let checkpoint = journal.checkpoint_covering(index).unwrap().unwrap();
    let size = SignedCheckpoint::parse(&checkpoint).unwrap().checkpoint.size;
    let hashes = prove_inclusion(&JournalHashes::over(journal), index, size).unwrap();
    TlogProof { index, hashes, checkpoint }
}

fn put(store: &impl Store, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key, value);
    store.commit(batch).unwrap();
}

macro_rules! suite {
    ($($file:ident :: $promise:ident),* $(,)?) => {
        mod on_disk {
            $(#[test] fn $promise() { super::$file::$promise::<super::OnDisk>(); })*
        }
        mod settling {
            $(#[test] fn $promise() { super::$file::$promise::<super::Settling>(); })*
        }
        mod in_memory {
            $(#[test] fn $promise() { super::$file::$promise::<super::InMemory>(); })*
        }
        mod sealed_in_memory {
            $(#[test] fn $promise() { super::$file::$promise::<super::SealedInMemory>(); })*
        }
    };
}

suite!(
    damage::a_changed_tail_is_named_when_the_journal_is_opened,
    damage::a_changed_value_of_each_kind_is_named,
    damage::a_record_that_is_gone_or_out_of_place_is_named,
    limits::a_checkpoint_that_is_not_of_this_batch_is_refused,
    limits::limits_hold_at_below_and_above,
    limits::one_append_is_whole_and_brings_its_rows,
    limits::ranges_go_by_key_in_both_directions,
    promises::a_stale_writer_is_refused_and_told_where_to_go_on,
    promises::a_store_has_one_opening_and_one_journal,
    promises::entries_come_back_in_order_from_any_position,
    promises::everything_survives_reopening_and_receipts_are_the_same_bytes,
    promises::proofs_verify_for_any_index_and_size,
    promises::the_later_countersigned_checkpoint_stays,
    promises::two_writers_in_a_race_never_append_at_one_position,
);
