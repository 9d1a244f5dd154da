//! The signed directory that a node follows: what it keeps itself, and the folder that its operator
//! keeps for it.
//!
//! The node's own copy stands in its data folder, so the last good directory is there whatever
//! becomes of the other one. From the operator's folder it takes over what is newer and signed as
//! it must be; what is not is traced and changes nothing.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::clock::{Clock as _, SystemClock};
use crate::config::directory::FolderError;
use crate::config::{Config, DirectoryFolder};
use crate::directory::Directory;
use crate::directory::signed::{Held, Refusal};

/// Folder of a node's own copy, in its data folder.
const OWN: &str = "directory";

/// What a node follows, in force and on disk.
pub(super) struct Followed {
    own: DirectoryFolder,
    given: DirectoryFolder,
    held: Held,
}

impl Followed {
    /// Reads what the node has kept, or begins with what its operator gave it, and takes over what
    /// is newer there. Nothing is written but the node's own copy.
    ///
    /// # Errors
    /// A copy of its own that does not hold; where there is none, a folder that does not.
    pub(super) fn start(config: &Config) -> Result<Self, FolderError> {
        let (own, given) = folders(config);
        let genesis = config.node.genesis;
        let begins = !own.is_there() || own.rolls()?.is_empty();
        let held = if begins {
            let loaded = given.load(Some(genesis))?;
            if !own.is_there() {
                let text = String::from_utf8_lossy(&given.genesis_text()?).into_owned();
                own.begin(&text)?;
            }
            Held::begin(loaded.held.genesis().clone())
        } else {
            let loaded = own.load(Some(genesis))?;
            for it in &loaded.refused {
                tell_refused(&it.path, &it.refusal);
            }
            loaded.held
        };
        let mut followed = Self { own, given, held };
        if let Err(error) = followed.take_over() {
            if begins {
                return Err(error);
            }
            tracing::error!(%error, "the directory given does not hold; the last good one stays");
        }
        if followed.held.roll().is_none() {
            return Err(FolderError::NoRoll { path: followed.given.path().to_owned() });
        }
        Ok(followed)
    }

    /// Takes over what the operator's folder has that is newer; whether there was any.
    ///
    /// # Errors
    /// What can't be read or written, or a folder of another network. The last good stays.
    pub(super) fn take_over(&mut self) -> Result<bool, FolderError> {
        self.given.genesis(Some(self.held.genesis().hash()))?;
        let before = self.held.hash();
        let results = self.own.adopt_all(&mut self.held, &self.given, SystemClock.now())?;
        let mut newer = 0_u64;
        for (path, result) in results {
            match result {
                Ok(()) => newer += 1,
                Err(why) => tell_refused(&path, &why),
            }
        }
        if newer > 0 {
            tracing::info!(size = newer, "newer texts of the directory are in force");
        }
        Ok(self.held.hash() != before)
    }

    /// The directory that is in force. What stands in the way of agencies is traced.
    pub(super) fn directory(&self) -> Directory {
        let (directory, complaints) = self.held.directory();
        for complaint in complaints {
            tracing::warn!(fault = %complaint, "a part of the directory does not count");
        }
        directory
    }
}

/// The reason first, for a trace line is cut off where it is too long.
fn tell_refused(path: &Path, why: &Refusal) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    tracing::error!(reason = why.word(), error = %format!("{name}: {why}"),
        "a text of the directory is refused");
}

fn folders(config: &Config) -> (DirectoryFolder, DirectoryFolder) {
    let own: PathBuf = config.node.data_dir.join(OWN);
    (DirectoryFolder::at(&own), DirectoryFolder::at(&config.node.directory))
}

/// The directory that a node of this configuration would follow; nothing is written.
///
/// # Errors
/// As [`Followed::start`].
pub(super) fn look(config: &Config) -> Result<Directory, FolderError> {
    let (own, given) = folders(config);
    let genesis = Some(config.node.genesis);
    if !own.is_there() || own.rolls()?.is_empty() {
        return Ok(given.load(genesis)?.held.directory().0);
    }
    let kept = own.load(genesis)?.held;
    match given.load(genesis) {
        Ok(loaded) if loaded.held.version() > kept.version() => Ok(loaded.held.directory().0),
        Ok(_) | Err(_) => Ok(kept.directory().0),
    }
}
