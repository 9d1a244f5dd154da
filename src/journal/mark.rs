//! A mark beside the store: the number of its last acknowledged commit.
//!
//! sled takes a damaged message of its log for the torn end of it: one flipped byte, and the store
//! opens without complaint as it was hundreds of commits ago (measured; its later records are then
//! overwritten). The journal would be whole, shorter, and about to fork. So each commit carries its
//! number, and after the sync the number is written into this file too; a store that ends before
//! its mark is refused.
//!
//! The mark is written after the sync and not synced itself, so it costs a microsecond and can be
//! behind the store (after a power cut by what the system had not written back), but never ahead of
//! it: there is no false alarm. Two slots in different sectors are written in turn, so a torn write
//! leaves one.
//!
//! A third slot says how the last process that had the store ended: [`Ending`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SLOTS: u64 = 2;
/// The slot that says how the last process ended.
const ENDING_SLOT: u64 = 2;
const SLOT_STRIDE_BYTES: u64 = 512;
const SLOT_BYTES: usize = 12;

/// How the last process that had the store ended.
///
/// After a failed sync the system counts what it could not write as written: it shows it to whoever
/// reads, and the disk never had it. So the next process must know. It is told by a few bytes that
/// are overwritten in place, in a file that is open and has its block: no name, no room and no sync
/// is needed. They need not reach the disk, since what they warn of is gone too once the machine has
/// been down. If even that write fails, the file still says `Open`, and what the system remembers
/// of the store's files is dropped all the same; only the check of everything is then left to whoever
/// reads exit status 74.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It closed the store after a last sync that succeeded.
    Closed,
    /// It is running, or ended without a word: killed, or without power.
    Open,
    /// A write or a sync failed.
    Failed,
}

impl Ending {
    const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Failed];

    const fn number(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::Failed => 2,
        }
    }
}

/// The open mark file of a store.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
}

impl Mark {
    /// Makes the file with commit number 0, durably; its folder is the caller's to sync.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let mark = Self { file };
        mark.set(0)?;
        mark.set_ending(Ending::Closed)?;
        mark.sync()?;
        Ok(mark)
    }

    /// `None` if there is no such file.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Some(Self { file })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The same mark, for somebody else.
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()? })
    }

    /// The greatest number that a slot holds; `None` if no slot holds one.
    pub(super) fn commit(&self) -> io::Result<Option<u64>> {
        let mut greatest = None;
        for slot in 0..SLOTS {
            greatest = greatest.max(self.read(slot)?);
        }
        Ok(greatest)
    }

    /// Notes that commit `number` is durable.
    pub(super) fn set(&self, number: u64) -> io::Result<()> {
        self.write(number % SLOTS, number)
    }

    /// How the last process ended; `Open` if that cannot be read.
    pub(super) fn ending(&self) -> io::Result<Ending> {
        let number = self.read(ENDING_SLOT)?;
        let ending = Ending::ALL.into_iter().find(|it| Some(it.number()) == number);
        Ok(ending.unwrap_or(Ending::Open))
    }

    /// Says how this process ends, if it says nothing more.
    pub(super) fn set_ending(&self, ending: Ending) -> io::Result<()> {
        self.write(ENDING_SLOT, ending.number())
    }

    fn write(&self, slot: u64, number: u64) -> io::Result<()> {
        let mut bytes = [0; SLOT_BYTES];
        let (value, sum) = bytes.split_at_mut(size_of::<u64>());
        value.copy_from_slice(&number.to_le_bytes());
        sum.copy_from_slice(&crc32c::crc32c(value).to_le_bytes());
        self.file.write_all_at(&bytes, slot * SLOT_STRIDE_BYTES)
    }

    /// The number that a slot holds, if it holds one.
    fn read(&self, slot: u64) -> io::Result<Option<u64>> {
        let mut bytes = [0; SLOT_BYTES];
        match self.file.read_exact_at(&mut bytes, slot * SLOT_STRIDE_BYTES) {
            Ok(()) => Ok(number_in(&bytes)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Makes the mark durable as it stands.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn number_in(bytes: &[u8; SLOT_BYTES]) -> Option<u64> {
    let (value, sum) = bytes.split_first_chunk()?;
    (crc32c::crc32c(value).to_le_bytes() == *sum).then_some(u64::from_le_bytes(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        assert!(Mark::open(&path).unwrap().is_none());
        let mark = Mark::create(&path).unwrap();
        assert_eq!(mark.commit().unwrap(), Some(0));
        for number in [1, 2, 3] {
            mark.set(number).unwrap();
        }
        let mark = Mark::open(&path).unwrap().unwrap();
        assert_eq!(mark.commit().unwrap(), Some(3));
        mark.file.write_all_at(&[9], SLOT_STRIDE_BYTES).unwrap();
        assert_eq!(mark.commit().unwrap(), Some(2));
        mark.file.write_all_at(&[9], 0).unwrap();
        assert_eq!(mark.commit().unwrap(), None);
        mark.file.set_len(0).unwrap();
        assert_eq!(mark.commit().unwrap(), None);
    }

    #[test]
    fn an_ending_is_kept_beside_the_numbers_and_counts_as_open_if_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark::create(&folder.path().join("mark")).unwrap();
        assert_eq!(mark.ending().unwrap(), Ending::Closed);
        mark.set(7).unwrap();
        for ending in Ending::ALL {
            mark.set_ending(ending).unwrap();
            assert_eq!((mark.ending().unwrap(), mark.commit().unwrap()), (ending, Some(7)));
        }
        mark.file.write_all_at(&[9], ENDING_SLOT * SLOT_STRIDE_BYTES).unwrap();
        assert_eq!(mark.ending().unwrap(), Ending::Open);
        mark.file.set_len(SLOTS * SLOT_STRIDE_BYTES).unwrap();
        assert_eq!(mark.ending().unwrap(), Ending::Open);
    }
}
