//! The same rest keys in the same slots, wrapped under another storage key: in another file.

use std::sync::atomic::Ordering;

use super::{HEADER_BYTES, KEY_BYTES, SLOT_BYTES, STRIDE, SlotError, Slots, context, io, place};
use crate::redact::Secret;

/// Slots that are written at a time.
const STEP: u64 = 256;

impl Slots {
    /// Fills these slots, of which none was taken, with the rest keys of `from`, and syncs. A slot there
    /// that can't be read gets a key of its own: what rested under it can't be read there either.
    ///
    /// # Errors
    /// What can't be read or written.
    pub fn rewrap(&self, from: &Self) -> Result<(), SlotError> {
        let count = from.count();
        self.write(|| {
            for first in (0..count).step_by(usize::try_from(STEP).unwrap_or(usize::MAX)) {
                let last = count.min(first.saturating_add(STEP));
                let block: Result<Vec<[u8; SLOT_BYTES]>, SlotError> =
                    (first..last).map(|slot| self.taken_over(from, slot)).collect();
                self.disk.write(place(first), &block?.concat()).map_err(io("written"))?;
            }
            Ok(())
        })?;
        self.recount()
    }

    /// Counts the slots that are there.
    pub(super) fn recount(&self) -> Result<(), SlotError> {
        let length = self.disk.length().map_err(io("measured"))?;
        self.count.store(length.saturating_sub(HEADER_BYTES) / STRIDE, Ordering::SeqCst);
        Ok(())
    }

    /// A rest key as it stands in its slot.
    pub(super) fn wrapped(&self, slot: u64, rest: &Secret<KEY_BYTES>) -> [u8; SLOT_BYTES] {
        let record = self.key.seal_record(&context(slot), rest.expose(), self.entropy.as_ref());
        let mut bytes = [0; SLOT_BYTES];
        let sum = crc32c::crc32c(&record).to_le_bytes();
        for (to, from) in bytes.iter_mut().zip(record.iter().chain(&sum)) {
            *to = *from;
        }
        bytes
    }

    fn taken_over(&self, from: &Self, slot: u64) -> Result<[u8; SLOT_BYTES], SlotError> {
        match from.key_in(slot) {
            Ok(key) => Ok(self.wrapped(slot, &key)),
            Err(SlotError::Damaged { .. } | SlotError::Missing { .. }) => Ok(self.fresh(slot)),
            Err(
                error @ (SlotError::Failed
                | SlotError::Header { .. }
                | SlotError::Key
                | SlotError::OtherVolume
                | SlotError::Io { .. }),
            ) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::envelope::storage::StorageKey;
    use crate::journal::slot_disks::MemorySlots;

    fn opened(disk: &Arc<MemorySlots>, byte: u8) -> Result<Slots, SlotError> {
        let key = StorageKey::new(Secret::new([byte; 32]));
        Slots::open(Box::new(Arc::clone(disk)), &key, Arc::new(SystemEntropy), 4, None)
    }

    #[test]
    fn what_rested_under_a_slot_opens_under_the_same_slot_and_the_other_key_alone() {
        let (before, after) = (Arc::new(MemorySlots::new()), Arc::new(MemorySlots::new()));
        let old = opened(&before, 1).unwrap();
        let rests: Vec<Vec<u8>> = (0..6)
            .map(|slot| old.take(slot).unwrap().seal_record(b"place", b"text", &SystemEntropy))
            .collect();
        let new = opened(&after, 2).unwrap();
        new.rewrap(&old).unwrap();
        assert_eq!(new.count(), old.count());
        for (slot, rest) in (0..6).zip(&rests) {
            let key = new.rest_key(slot).unwrap();
            assert_eq!(key.open_record(b"place", rest).unwrap()[..], b"text"[..]);
        }
        assert!(matches!(opened(&after, 1), Err(SlotError::Key)));
        assert_eq!(opened(&after, 2).unwrap().count(), old.count());
    }
}
