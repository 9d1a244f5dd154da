//! The journal as static files (C2SP tlog-tiles): a second copy, for auditors and whoever serves it
//! to them.
//!
//! Entries are fit to be shown: their clear part, and a skeleton encrypted under the journal's own
//! key. What is here follows from the store and can be made again from it; the store never reads
//! it. It is written after the commit, away from it, under checkpoints that bear both signatures.
//!
//! **Invariant `behind`:** the folder never shows what the journal does not hold durably. Tiles come
//! first, each whole under its name or not at all, then the checkpoint that covers them.
//!
//! `Folder` reads, and trusts no byte; `publisher.rs` writes, looks again at what it wrote, and
//! makes anew what is missing or damaged.

mod publisher;

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::domain::digest::Digest;
use crate::domain::ids::JournalName;
use crate::merkle::note::NOTE_BYTES_MAX;
use crate::merkle::tile::{BUNDLE_BYTES_MAX, TILE_BYTES_MAX, Tile, TileError};

use super::JournalError;

pub use self::publisher::{IsOurs, Publisher, Round};

/// The file of the checkpoint, below the folder of a volume.
const CHECKPOINT: &str = "checkpoint";

/// The folder of one published volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// This very folder, which holds a checkpoint.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder of the volume `name` below the folder of all of them, such as
    /// `ita.coast-guard/journal/1`.
    pub fn of(all: &Path, name: &JournalName) -> Self {
        Self(all.join(name.to_string()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The bytes of the checkpoint; `None` if there is none.
    ///
    /// # Errors
    /// [`PublishedError::Io`]; [`PublishedError::TooLong`].
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, PublishedError> {
        self.read(CHECKPOINT, NOTE_BYTES_MAX)
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// What keeps the file from being that tile, with its path.
    pub fn hashes(&self, tile: &Tile) -> Result<Vec<Digest>, PublishedError> {
        let path = tile.path();
        let bytes = self.present(&path, TILE_BYTES_MAX)?;
        tile.read(&bytes).map_err(|fault| PublishedError::Tile { path, fault })
    }

    /// The entries under a tile of level 0.
    ///
    /// # Errors
    /// What keeps the file from being that bundle, with its path.
    pub fn entries(&self, tile: &Tile) -> Result<Vec<Vec<u8>>, PublishedError> {
        let path = tile.entries_path();
        let bytes = self.present(&path, BUNDLE_BYTES_MAX)?;
        match tile.read_entries(&bytes) {
            Ok(entries) => Ok(entries.into_iter().map(<[u8]>::to_vec).collect()),
            Err(fault) => Err(PublishedError::Tile { path, fault }),
        }
    }

    fn present(&self, path: &str, max: usize) -> Result<Vec<u8>, PublishedError> {
        self.read(path, max)?.ok_or_else(|| PublishedError::Missing { path: path.to_owned() })
    }

    fn read(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, PublishedError> {
        let io = |source| PublishedError::Io { path: path.to_owned(), source };
        let file = match File::open(self.0.join(path)) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(max).unwrap_or(u64::MAX);
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() > max {
            return Err(PublishedError::TooLong { path: path.to_owned(), max });
        }
        Ok(Some(bytes))
    }
}

/// Whether nothing stands under a name; a file where a folder should be says so too.
fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Why published files cannot be read, or could not be written. Paths are below the folder.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// The folder shows more entries, signed, than the store has: the store has lost some, and
    /// what is published is the evidence. Nothing is written over it.
    #[error(
        "{published} entries are published under this journal's signature, the store has {stored}"
    )]
    Ahead {
        /// Size of the published checkpoint.
        published: u64,
        /// Entries of the store.
        stored: u64,
    },
    /// A file is whole and not what the journal says.
    #[error("{path} is not what the journal says")]
    Differs {
        /// Which one.
        path: String,
    },
    /// The folder shows another history under this journal's signature. Nothing is written over it.
    #[error("the first {size} entries are published with another root than that of the store")]
    Forked {
        /// Size of the published checkpoint.
        size: u64,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file is not there.
    #[error("{path} is missing")]
    Missing {
        /// Which one.
        path: String,
    },
    /// A file is not the tile or bundle that its name says.
    #[error("{path}: {fault}")]
    Tile {
        /// Which one.
        path: String,
        /// What is wrong with it.
        fault: TileError,
    },
    /// A file is longer than any of its sort.
    #[error("{path} has more than {max} bytes")]
    TooLong {
        /// Which one.
        path: String,
        /// How long it may be.
        max: usize,
    },
}

impl PublishedError {
    /// Whether the file itself is at fault, so that making it again helps.
    fn is_damage(&self) -> bool {
        match self {
            Self::Differs { .. }
            | Self::Missing { .. }
            | Self::Tile { .. }
            | Self::TooLong { .. } => true,
            Self::Ahead { .. } | Self::Forked { .. } | Self::Io { .. } | Self::Journal(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
