//! The keys under which content rests, in a file of fixed slots beside the store, overwritten in
//! place.
//!
//! What is removed from the store lingers in its file for tens of thousands of writes, so removing
//! content erases nothing. Each slot holds one random *rest key*, wrapped under the node's storage
//! key; all of a message that could lead to its content is sealed under the rest key of its
//! slot. To erase is to overwrite the slot with a new key and to sync: the bytes that linger elsewhere
//! open under no key that is left.
//!
//! ```text
//! file = header (4,096 B) ‖ slot 0 ‖ slot 1 ‖ …
//! header = "rogatory slots 1\n" ‖ volume (16, random) ‖ check ‖ CRC-32C of all that, then zeros
//! check = record of the volume under the storage key
//! slot = record of a rest key (104 B) under the storage key, bound to its number ‖ CRC-32C, then zeros: 128 B
//! ```
//!
//! Slots are made ahead, a block at a time with one sync, so that taking one costs none. Which
//! message has which slot stands in the store, in the batch of its entry; a slot that nobody has may
//! be anything, and is made anew when it is taken. No slot crosses a sector.
//!
//! This holds where the disk overwrites in place. A file system that copies on write, and the spare
//! cells of a flash disk, may keep old bytes: they open only under the storage key.

mod rewrapping;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::entropy::{self, Entropy};
use crate::envelope::storage::{RECORD_OVERHEAD_BYTES, StorageKey};
use crate::redact::Secret;

/// Slots that a node makes ahead at a time.
pub const SLOTS_AHEAD: u64 = 1_024;
/// Name of the file, beside those of the store.
pub const FILE_NAME: &str = "slots";

/// Names one file of slots, for good.
pub type Volume = [u8; VOLUME_BYTES];

const MAGIC: &[u8] = b"rogatory slots 1\n";
const VOLUME_BYTES: usize = 16;
pub(super) const HEADER_BYTES: u64 = 4_096;
const CHECK_BYTES: usize = VOLUME_BYTES + RECORD_OVERHEAD_BYTES;
const KEY_BYTES: usize = 32;
const RECORD_BYTES: usize = KEY_BYTES + RECORD_OVERHEAD_BYTES;
const SUM_BYTES: usize = 4;
const SLOT_BYTES: usize = 128;
/// The same, as the file counts.
const STRIDE: u64 = 128;
const CHECK: &[u8] = b"rogatory slots";
const SLOT: &[u8] = b"rogatory slot";

/// Where slots lie: a file, or memory for the simulator.
pub trait SlotDisk: Send + Sync {
    /// How long it is, in bytes.
    ///
    /// # Errors
    /// What the system says; so for all of these.
    fn length(&self) -> io::Result<u64>;

    /// Fills `into` from the byte at `at` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] behind the end.
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Overwrites in place, or lengthens.
    ///
    /// # Errors
    /// As [`SlotDisk::length`].
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written durable.
    ///
    /// # Errors
    /// What is durable is unknown then; it is never tried again.
    fn sync(&self) -> io::Result<()>;
}

impl<D: SlotDisk + ?Sized> SlotDisk for Arc<D> {
    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        (**self).read(at, into)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write(at, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        (**self).sync()
    }
}

/// Why a slot can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// An earlier write failed; nothing more is read or written before the next start.
    #[error("the slots failed earlier and are closed")]
    Failed,
    /// The file is none of this program, or its header is damaged.
    #[error("the file of slots is damaged: {what}")]
    Header {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The slots are wrapped under another storage key.
    #[error("the slots are wrapped under another storage key")]
    Key,
    /// The store has content whose slots stood in a file that is not here.
    #[error("the file of slots is missing, or is another than the store's")]
    OtherVolume,
    /// A slot can't be trusted: what rests under it can't be read.
    #[error("slot {slot} is damaged")]
    Damaged {
        /// Which one, from 0.
        slot: u64,
    },
    /// A slot is behind the end of the file.
    #[error("slot {slot} is missing")]
    Missing {
        /// Which one, from 0.
        slot: u64,
    },
    /// The operating system refused.
    #[error("the file of slots cannot be {doing}")]
    Io {
        /// What was being done with it.
        doing: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
}

fn io(doing: &'static str) -> impl Fn(io::Error) -> SlotError {
    move |source| SlotError::Io { doing, source }
}

/// The rest keys of a node.
pub struct Slots {
    disk: Box<dyn SlotDisk>,
    key: StorageKey,
    entropy: Arc<dyn Entropy>,
    ahead: u64,
    volume: Volume,
    /// Slots that are there, synced.
    count: AtomicU64,
    /// Held by whoever writes; true once a write failed.
    failed: Mutex<bool>,
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slots({})", self.count())
    }
}

impl Slots {
    /// Opens the slots on `disk`, or begins them if it is empty; `ahead` of them are made at a
    /// time. `known` is the volume that the store remembers, if it does.
    ///
    /// # Errors
    /// [`SlotError::Key`] under another storage key, [`SlotError::OtherVolume`] if the store's slots
    /// are elsewhere, [`SlotError::Header`] if the file is damaged; nothing is changed then.
    pub fn open(
        disk: Box<dyn SlotDisk>,
        key: &StorageKey,
        entropy: Arc<dyn Entropy>,
        ahead: u64,
        known: Option<Volume>,
    ) -> Result<Self, SlotError> {
        let length = disk.length().map_err(io("measured"))?;
        let volume = match known {
            None if is_blank(disk.as_ref(), length)? => {
                begin(disk.as_ref(), key, entropy.as_ref())?
            }
            None => read_header(disk.as_ref(), key)?,
            Some(_) if length < HEADER_BYTES => return Err(SlotError::OtherVolume),
            Some(known) => {
                let found = read_header(disk.as_ref(), key)?;
                if found != known {
                    return Err(SlotError::OtherVolume);
                }
                found
            }
        };
        let length = disk.length().map_err(io("measured"))?;
        let count = AtomicU64::new(length.saturating_sub(HEADER_BYTES) / STRIDE);
        let (key, failed) = (key.second(), Mutex::new(false));
        Ok(Self { disk, key, entropy, ahead: ahead.max(1), volume, count, failed })
    }

    /// The name of the file: what the store remembers.
    pub fn volume(&self) -> Volume {
        self.volume
    }

    /// Slots that are there.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// The rest key in a slot.
    ///
    /// # Errors
    /// [`SlotError::Damaged`] or [`SlotError::Missing`] names the slot.
    pub fn rest_key(&self, slot: u64) -> Result<StorageKey, SlotError> {
        Ok(StorageKey::new(self.key_in(slot)?))
    }

    fn key_in(&self, slot: u64) -> Result<Secret<KEY_BYTES>, SlotError> {
        let mut bytes = [0; SLOT_BYTES];
        match self.disk.read(place(slot), &mut bytes) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SlotError::Missing { slot });
            }
            Err(e) => return Err(io("read")(e)),
        }
        let damaged = || SlotError::Damaged { slot };
        let (record, sum) = bytes.split_first_chunk::<RECORD_BYTES>().ok_or_else(damaged)?;
        if sum.first_chunk::<SUM_BYTES>() != Some(&crc32c::crc32c(record).to_le_bytes()) {
            return Err(damaged());
        }
        let opened = self.key.open_record(&context(slot), record).map_err(|_| damaged())?;
        let key = opened.first_chunk::<KEY_BYTES>().filter(|_| opened.len() == KEY_BYTES);
        Ok(Secret::of(key.ok_or_else(damaged)?))
    }

    /// The rest key of a slot that nobody has until now. Makes slots ahead where there are none,
    /// and makes this one anew where a stop left it unfinished.
    ///
    /// # Errors
    /// After [`SlotError::Io`] the slots are closed.
    pub fn take(&self, slot: u64) -> Result<StorageKey, SlotError> {
        if slot >= self.count() {
            self.extend(slot)?;
        }
        match self.rest_key(slot) {
            Err(SlotError::Damaged { .. } | SlotError::Missing { .. }) => {
                self.destroy(&[slot])?;
                self.rest_key(slot)
            }
            found => found,
        }
    }

    /// Overwrites slots with new keys and syncs: what rested under the old ones is erased.
    ///
    /// # Errors
    /// The slots are closed then; the next start must destroy them again.
    pub fn destroy(&self, slots: &[u64]) -> Result<(), SlotError> {
        if slots.is_empty() {
            return Ok(());
        }
        self.write(|| {
            for slot in slots {
                self.disk.write(place(*slot), &self.fresh(*slot)).map_err(io("written"))?;
            }
            Ok(())
        })
    }

    /// Whole blocks, up to and with `slot`.
    fn extend(&self, slot: u64) -> Result<(), SlotError> {
        self.write(|| {
            let count = self.count();
            let end = (slot / self.ahead).saturating_add(1).saturating_mul(self.ahead);
            for first in (count..end).step_by(usize::try_from(self.ahead).unwrap_or(usize::MAX)) {
                let last = end.min(first.saturating_add(self.ahead));
                let block: Vec<u8> = (first..last).flat_map(|slot| self.fresh(slot)).collect();
                self.disk.write(place(first), &block).map_err(io("written"))?;
            }
            Ok(())
        })?;
        self.recount()
    }

    fn fresh(&self, slot: u64) -> [u8; SLOT_BYTES] {
        let rest = Secret::fresh(self.entropy.as_ref());
        self.wrapped(slot, &rest)
    }

    fn write(&self, write: impl Fn() -> Result<(), SlotError>) -> Result<(), SlotError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(SlotError::Failed);
        }
        let written = write().and_then(|()| self.disk.sync().map_err(io("synced")));
        *failed = written.is_err();
        written
    }
}

fn place(slot: u64) -> u64 {
    slot.saturating_mul(STRIDE).saturating_add(HEADER_BYTES)
}

fn context(slot: u64) -> Vec<u8> {
    [SLOT, &slot.to_be_bytes()].concat()
}

/// Whether nothing was begun here, or not finished: all that a header says lies in one sector.
fn is_blank(disk: &dyn SlotDisk, length: u64) -> Result<bool, SlotError> {
    let mut begun = [0; MAGIC.len()];
    if length < HEADER_BYTES {
        return Ok(true);
    }
    disk.read(0, &mut begun).map_err(io("read"))?;
    Ok(begun == [0; MAGIC.len()])
}

fn begin(
    disk: &dyn SlotDisk,
    key: &StorageKey,
    entropy: &dyn Entropy,
) -> Result<Volume, SlotError> {
    let volume: Volume = entropy::bytes(entropy);
    let mut header = [MAGIC, &volume, &key.seal_record(CHECK, &volume, entropy)].concat();
    let sum = crc32c::crc32c(&header).to_le_bytes();
    header.extend_from_slice(&sum);
    header.resize(usize::try_from(HEADER_BYTES).unwrap_or_default(), 0);
    disk.write(0, &header).map_err(io("written"))?;
    disk.sync().map_err(io("synced"))?;
    Ok(volume)
}

pub(super) fn read_header(disk: &dyn SlotDisk, key: &StorageKey) -> Result<Volume, SlotError> {
    const SUMMED: usize = MAGIC.len() + VOLUME_BYTES + CHECK_BYTES;
    let mut bytes = [0; SUMMED + SUM_BYTES];
    disk.read(0, &mut bytes).map_err(io("read"))?;
    let damaged = |what| SlotError::Header { what };
    let (header, sum) = bytes.split_at(SUMMED);
    let Some(rest) = header.strip_prefix(MAGIC) else {
        return Err(damaged("it does not begin as one"));
    };
    if sum != crc32c::crc32c(header).to_le_bytes() {
        return Err(damaged("the checksum of its header does not hold"));
    }
    let (volume, check) =
        rest.split_first_chunk::<VOLUME_BYTES>().ok_or(damaged("it is too short"))?;
    match key.open_record(CHECK, check) {
        Ok(found) if found[..] == volume[..] => Ok(*volume),
        Ok(_) | Err(_) => Err(SlotError::Key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::journal::slot_disks::MemorySlots;

    fn storage(byte: u8) -> StorageKey {
        StorageKey::new(Secret::new([byte; 32]))
    }

    fn opened(disk: &MemorySlots, byte: u8, known: Option<Volume>) -> Result<Slots, SlotError> {
        let chance = Arc::new(SeededEntropy::new(disk.bytes().len() as u64));
        Slots::open(Box::new(disk.clone()), &storage(byte), chance, 8, known)
    }

    fn rests(slots: &Slots, slot: u64) -> Vec<u8> {
        slots.rest_key(slot).unwrap().seal_record(b"", b"content", &SeededEntropy::new(1))
    }

    #[test]
    fn what_rests_under_a_slot_opens_until_the_slot_is_destroyed() {
        let disk = MemorySlots::new();
        let slots = opened(&disk, 1, None).unwrap();
        assert_eq!(slots.count(), 0);
        let sealed = slots.take(0).unwrap().seal_record(b"", b"content", &SeededEntropy::new(9));
        assert_eq!(slots.count(), 8);
        drop(slots);
        disk.crash();
        let slots = opened(&disk, 1, None).unwrap();
        assert_eq!(
            slots.rest_key(0).unwrap().open_record(b"", &sealed).unwrap()[..],
            b"content"[..]
        );
        let before = disk.bytes();
        slots.destroy(&[0]).unwrap();
        disk.crash();
        let slots = opened(&disk, 1, Some(slots.volume())).unwrap();
        assert!(slots.rest_key(0).unwrap().open_record(b"", &sealed).is_err());
        let (after, slot) = (disk.bytes(), 4_096..4_096 + RECORD_BYTES);
        let old = &before[slot.clone()];
        assert!(!after.windows(16).any(|it| old.windows(16).any(|part| part == it)));
        assert_eq!(before[..4_096], after[..4_096]);
        assert_eq!(before[4_096 + SLOT_BYTES..], after[4_096 + SLOT_BYTES..]);
    }

    #[test]
    fn slots_are_made_a_block_at_a_time_and_no_two_are_alike() {
        let disk = MemorySlots::new();
        let slots = opened(&disk, 1, None).unwrap();
        for slot in 0..20 {
            slots.take(slot).unwrap();
        }
        assert_eq!((slots.count(), disk.syncs()), (24, 4));
        let keys: std::collections::BTreeSet<_> = (0..24).map(|it| rests(&slots, it)).collect();
        assert_eq!(keys.len(), 24);
        assert!(matches!(slots.rest_key(24), Err(SlotError::Missing { slot: 24 })));
        slots.take(100).unwrap();
        assert_eq!(slots.count(), 104);
    }

    #[test]
    fn a_slot_moved_or_altered_is_named() {
        let disk = MemorySlots::new();
        let slots = opened(&disk, 1, None).unwrap();
        slots.take(7).unwrap();
        let mut bytes = vec![0; SLOT_BYTES];
        disk.read(place(2), &mut bytes).unwrap();
        disk.write(place(3), &bytes).unwrap();
        assert!(matches!(slots.rest_key(3), Err(SlotError::Damaged { slot: 3 })));
        for at in 0..u64::try_from(RECORD_BYTES + SUM_BYTES).unwrap() {
            let mut byte = [0];
            disk.read(place(5) + at, &mut byte).unwrap();
            disk.write(place(5) + at, &[byte[0] ^ 4]).unwrap();
            assert!(matches!(slots.rest_key(5), Err(SlotError::Damaged { slot: 5 })), "{at}");
            disk.write(place(5) + at, &byte).unwrap();
        }
        slots.rest_key(5).unwrap();
        slots.take(3).unwrap();
    }

    #[test]
    fn blocks_that_a_crash_left_unfinished_are_made_anew_when_they_are_taken() {
        let disk = MemorySlots::new();
        let slots = opened(&disk, 1, None).unwrap();
        slots.take(7).unwrap();
        let kept = rests(&slots, 7);
        drop(slots);
        disk.write(place(8), &[0; 300]).unwrap();
        disk.sync().unwrap();
        let slots = opened(&disk, 1, None).unwrap();
        assert_eq!(slots.count(), 10);
        for slot in 8..20 {
            slots.take(slot).unwrap();
        }
        assert_eq!(rests(&slots, 7), kept);
    }

    #[test]
    fn another_key_and_another_file_are_refused_and_nothing_is_changed() {
        let disk = MemorySlots::new();
        let volume = opened(&disk, 1, None).unwrap().volume();
        let before = disk.bytes();
        assert!(matches!(opened(&disk, 2, None), Err(SlotError::Key)));
        assert!(matches!(opened(&disk, 2, Some(volume)), Err(SlotError::Key)));
        let other = Some([9; VOLUME_BYTES]);
        assert!(matches!(opened(&disk, 1, other), Err(SlotError::OtherVolume)));
        let missing = opened(&MemorySlots::new(), 1, Some(volume));
        assert!(matches!(missing, Err(SlotError::OtherVolume)));
        assert_eq!(disk.bytes(), before);
        opened(&disk, 1, Some(volume)).unwrap();
    }

    #[test]
    fn every_flipped_byte_of_the_header_is_found() {
        let disk = MemorySlots::new();
        opened(&disk, 1, None).unwrap();
        for at in 0..u64::try_from(MAGIC.len() + VOLUME_BYTES + CHECK_BYTES + SUM_BYTES).unwrap() {
            let mut byte = [0];
            disk.read(at, &mut byte).unwrap();
            disk.write(at, &[byte[0] ^ 1]).unwrap();
            assert!(matches!(opened(&disk, 1, None), Err(SlotError::Header { .. })), "{at}");
            disk.write(at, &byte).unwrap();
        }
        opened(&disk, 1, None).unwrap();
        // A header that was never written whole is begun anew, as long as the store knows of none.
        disk.write(0, &[0; 512]).unwrap();
        opened(&disk, 1, None).unwrap();
    }

    #[test]
    fn a_failed_sync_closes_the_slots() {
        let disk = MemorySlots::new();
        let slots = opened(&disk, 1, None).unwrap();
        slots.take(0).unwrap();
        disk.fail_syncs(true);
        assert!(matches!(slots.destroy(&[0]), Err(SlotError::Io { doing: "synced", .. })));
        disk.fail_syncs(false);
        assert!(matches!(slots.destroy(&[0]), Err(SlotError::Failed)));
    }
}
