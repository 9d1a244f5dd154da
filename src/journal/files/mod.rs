//! Large files beside the store: what is too long for rows, and never passes the writer's queue.
//!
//! A file has a random name and one life. It *grows* as a part, in order, from its first byte; at
//! its last byte it is *finished*, and from then on only read, until it is removed. What it holds and
//! to whom it belongs stands in the store; here are bytes, sealed by whoever brings them.
//!
//! ```text
//! <id>.part   a file that grows
//! <id>.at     how much of it is durable: length (8 B, big-endian) ‖ CRC-32C of that
//! <id>        a finished file
//! ```
//!
//! The length is overwritten in place, and only after a sync of the part returned; so whatever
//! version of it survives is true, and a torn or missing one means 0. After a stop a part is cut to its
//! durable length, since what lies behind it may be anything. A finished file has its name durable
//! before anyone is told, so an entry may rely on it.
//!
//! Two keep this promise: `folder` on disk and `memory` for the simulator; `contract` holds them to it.

#[cfg(test)]
mod contract;
pub mod folder;
pub mod memory;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::entropy::{self, Entropy};

/// A part that has grown by so many bytes since it was last made durable is made durable (4 MiB).
pub const SYNC_BYTES: u64 = 4 * 1024 * 1024;
/// Name of the folder, beside the store.
pub const FOLDER_NAME: &str = "attachments";
const ID_BYTES: usize = 16;

/// The name of a file: random, and 32 hexadecimal digits on the disk. Nothing of what it holds, and
/// nothing that a sender wrote, is in it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct FileId([u8; ID_BYTES]);

impl FileId {
    /// A name that no other file has.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(entropy::bytes(entropy))
    }

    /// The name of these bytes.
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for rows and for what seals are bound to.
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a file is 32 lower-case hexadecimal digits")]
pub struct NotAName;

impl FromStr for FileId {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        if text.bytes().any(|it| it.is_ascii_uppercase()) {
            return Err(NotAName);
        }
        let mut id = [0; ID_BYTES];
        hex::decode_to_slice(text, &mut id).map_err(|_| NotAName)?;
        Ok(Self(id))
    }
}

/// Whether a file still grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// It grows.
    Part,
    /// It is whole.
    Finished,
}

/// A file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub id: FileId,
    /// Whether it still grows.
    pub kind: FileKind,
    /// Its length in bytes, durable or not.
    pub bytes: u64,
}

/// How far a part has come, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Where the next byte goes.
    pub length: u64,
    /// So many are on the disk.
    pub durable: u64,
}

/// Where files lie: a folder, or memory for the simulator.
///
/// All of these may be called from any thread. One part is one caller's at a time; files do not wait
/// for each other.
pub trait FileDisk: Send + Sync {
    /// Makes an empty part, its name durable.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is one, or what the system says; so for all of these.
    fn begin(&self, id: FileId) -> io::Result<()>;

    /// How far a part has come. The first time after a start it is cut to its durable length.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] unless it grows; [`io::ErrorKind::InvalidData`] if it is shorter
    /// than what was made durable.
    fn growth(&self, id: FileId) -> io::Result<Growth>;

    /// Puts `bytes` behind the part, whose length must be `at`.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] elsewhere, and as [`FileDisk::growth`]. The part is as long as
    /// before then, unless it can't even be cut.
    fn append(&self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what a part holds; gives its length.
    ///
    /// # Errors
    /// What is durable is unknown then; it is never tried again.
    fn sync(&self, id: FileId) -> io::Result<u64>;

    /// Makes a part durable and whole; gives its length. Nothing happens to a file that is whole.
    ///
    /// # Errors
    /// As [`FileDisk::sync`].
    fn finish(&self, id: FileId) -> io::Result<u64>;

    /// Length of a finished file in bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] unless it is there and whole.
    fn length(&self, id: FileId) -> io::Result<u64>;

    /// Fills `into` from the byte at `at` on, of a finished file or of a part as far as it has come.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] behind the end, [`io::ErrorKind::NotFound`] without a file.
    fn read(&self, id: FileId, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Takes a file away, whole or not; nothing happens if there is none. Its name may come back
    /// after a cut of power, and nothing names it then.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, id: FileId) -> io::Result<()>;

    /// All files, by name.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<Found>>;
}

/// Why a file can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// An earlier write failed; nothing more is written before the next start.
    #[error("the files failed earlier and are closed")]
    Failed,
    /// There is no such file.
    #[error("file {id} is missing")]
    Missing {
        /// Which one.
        id: FileId,
    },
    /// A file is shorter than what was made durable, or has other bytes.
    #[error("file {id} is not what was written")]
    Damaged {
        /// Which one.
        id: FileId,
    },
    /// The piece does not begin where the part ends.
    #[error("the next byte of file {id} is {length}")]
    OutOfStep {
        /// Which one.
        id: FileId,
        /// Where it goes on.
        length: u64,
    },
    /// The disk has no room for the piece; the part is as long as before.
    #[error("the disk has no room for more of file {id}")]
    NoRoom {
        /// Which one.
        id: FileId,
    },
    /// The operating system refused.
    #[error("a file cannot be {doing}")]
    Io {
        /// What was being done with it.
        doing: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
}

impl FileError {
    /// Whether nobody knows what is durable: the files are closed, and the program must end.
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::Failed | Self::Io { .. } => true,
            Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::OutOfStep { .. }
            | Self::NoRoom { .. } => false,
        }
    }
}

/// The files of a node. Once a write failed nothing more is written: a failed sync is never tried
/// again, and ends the program as a failed store does.
#[derive(Clone)]
pub struct Files {
    disk: Arc<dyn FileDisk>,
    failed: Arc<AtomicBool>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
}

impl Files {
    /// The files on `disk`.
    pub fn over(disk: Arc<dyn FileDisk>) -> Self {
        Self { disk, failed: Arc::default() }
    }

    /// True once a write failed.
    pub fn have_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Makes an empty part, its name durable.
    ///
    /// # Errors
    /// As all of these: [`FileError::Failed`] after a failure, [`FileError::Io`] is one.
    pub fn begin(&self, id: FileId) -> Result<(), FileError> {
        self.write(id, "begun", || self.disk.begin(id))
    }

    /// How far a part has come; what is behind its durable length after a stop is cut off.
    ///
    /// # Errors
    /// [`FileError::Missing`] unless it grows, [`FileError::Damaged`] if it is shorter than it was.
    pub fn growth(&self, id: FileId) -> Result<Growth, FileError> {
        self.write(id, "measured", || self.disk.growth(id))
    }

    /// Puts a piece behind a part, and makes the part durable when it has grown by
    /// [`SYNC_BYTES`].
    ///
    /// # Errors
    /// [`FileError::OutOfStep`] unless the part is `at` bytes long, [`FileError::NoRoom`]; nothing is
    /// changed then.
    pub fn append(&self, id: FileId, at: u64, bytes: &[u8]) -> Result<Growth, FileError> {
        let before = self.growth(id)?;
        if before.length != at {
            return Err(FileError::OutOfStep { id, length: before.length });
        }
        self.write(id, "written", || self.disk.append(id, at, bytes))?;
        let length = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if length.saturating_sub(before.durable) < SYNC_BYTES {
            return Ok(Growth { length, durable: before.durable });
        }
        Ok(Growth { length, durable: self.sync(id)? })
    }

    /// Makes durable what a part holds; gives its length.
    ///
    /// # Errors
    /// [`FileError::Missing`] unless it grows.
    pub fn sync(&self, id: FileId) -> Result<u64, FileError> {
        self.write(id, "synced", || self.disk.sync(id))
    }

    /// Makes a part durable and whole, under a name that is durable too; gives its length.
    ///
    /// # Errors
    /// [`FileError::Missing`] without a part and a file.
    pub fn finish(&self, id: FileId) -> Result<u64, FileError> {
        self.write(id, "finished", || self.disk.finish(id))
    }

    /// Length of a finished file in bytes.
    ///
    /// # Errors
    /// [`FileError::Missing`] unless it is there and whole.
    pub fn length(&self, id: FileId) -> Result<u64, FileError> {
        self.disk.length(id).map_err(|source| named(id, "measured", source))
    }

    /// Fills `into` from the byte at `at` on.
    ///
    /// # Errors
    /// [`FileError::Damaged`] behind the end. Reading closes nothing.
    pub fn read(&self, id: FileId, at: u64, into: &mut [u8]) -> Result<(), FileError> {
        self.disk.read(id, at, into).map_err(|source| named(id, "read", source))
    }

    /// Takes a file away, whole or not.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, id: FileId) -> Result<(), FileError> {
        self.write(id, "removed", || self.disk.remove(id))
    }

    /// All files, by name.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self) -> Result<Vec<Found>, FileError> {
        self.disk.list().map_err(|source| FileError::Io { doing: "listed", source })
    }

    fn write<T>(
        &self,
        id: FileId,
        doing: &'static str,
        write: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, FileError> {
        if self.have_failed() {
            return Err(FileError::Failed);
        }
        write().map_err(|source| {
            let error = named(id, doing, source);
            if error.is_fatal() {
                self.failed.store(true, Ordering::SeqCst);
            }
            error
        })
    }
}

fn named(id: FileId, doing: &'static str, source: io::Error) -> FileError {
    match (source.kind(), doing) {
        (io::ErrorKind::NotFound, _) => FileError::Missing { id },
        (io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof, _) => FileError::Damaged { id },
        // What a sync could not write is lost without a word; only a piece can be given back.
        (
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge,
            "begun" | "written",
        ) => FileError::NoRoom { id },
        _ => FileError::Io { doing, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_32_lower_case_digits_and_nothing_else() {
        let id = FileId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(id.to_string().parse(), Ok(id));
        let wrong = ["", "AB", &"AB".repeat(16), &"ab".repeat(15), &"ab".repeat(17), "../../etc"];
        for text in wrong {
            assert_eq!(text.parse::<FileId>(), Err(NotAName), "{text}");
        }
    }
}
