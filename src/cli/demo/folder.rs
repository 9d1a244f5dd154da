//! The folder in which a throw-away network lives, and how files get into it.
//!
//! Every folder is closed to others and every file readable by its owner alone: private keys stand
//! in them. Nothing is synced, for nothing here is to outlast the machine.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::exit::{Exit, Failure};
use crate::entropy::{self, SystemEntropy};

/// A folder that was made for a network, or given for one.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    made: bool,
    keeps: bool,
}

impl Folder {
    /// A new folder among the temporary ones; it goes when the value goes.
    ///
    /// # Errors
    /// What the file system said.
    pub(super) fn throw_away() -> Result<Self> {
        let name = hex::encode(entropy::bytes::<8>(&SystemEntropy));
        let path = std::env::temp_dir().join(format!("rogatory-demo-{name}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path, made: true, keeps: false })
    }

    /// `path`, which must be empty or not there yet. It goes with the value until [`Self::keep`].
    ///
    /// # Errors
    /// If something stands in it, or what the file system said.
    pub(super) fn given(path: &Path) -> Result<Self> {
        let made = !path.exists();
        make(path)?;
        let shown = path.display();
        let path = path.canonicalize().with_context(|| format!("finding {shown}"))?;
        let mut entries = path.read_dir().with_context(|| format!("reading {shown}"))?;
        if entries.next().is_some() {
            let text = format!("{shown} is not empty; name a folder that is, or a new one");
            return Err(Failure::new(Exit::Refused, text).into());
        }
        Ok(Self { path, made, keeps: false })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the folder stay when the value goes.
    pub(super) fn keep(&mut self) {
        self.keeps = true;
    }

    fn remove(&self) -> io::Result<()> {
        if self.made {
            return std::fs::remove_dir_all(&self.path);
        }
        for entry in self.path.read_dir()? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keeps
            && let Err(error) = self.remove()
        {
            let shown = self.path.display();
            drop(writeln!(anstream::stderr(), "{shown} could not be removed: {error}"));
        }
    }
}

/// Makes `folder` and what is missing above it, closed to others.
///
/// # Errors
/// What the file system said.
pub(super) fn make(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("making {}", folder.display()))
}

/// A new file that only its owner may read, open for writing.
///
/// # Errors
/// If it exists, or what the file system said.
pub(super) fn create(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.with_context(|| format!("making {}", path.display()))
}

/// Writes a new file that only its owner may read.
///
/// # Errors
/// As [`create`].
pub(super) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let written = create(path)?.write_all(bytes.as_ref());
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_throw_away_folder_is_closed_and_goes_with_all_that_is_in_it() {
        let folder = Folder::throw_away().unwrap();
        let path = folder.path().to_owned();
        make(&path.join("inner")).unwrap();
        let file = path.join("inner/key");
        write(&file, "secret").unwrap();
        assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
        assert!(write(&file, "other").is_err());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_given_folder_must_be_empty_and_stays_when_it_was_there_or_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let there = Folder::given(home.path()).unwrap();
        write(&there.path().join("file"), "x").unwrap();
        let error = Folder::given(home.path()).unwrap_err();
        assert_eq!(crate::cli::exit::code_of(&error), Exit::Refused);
        drop(there);
        assert!(home.path().exists() && !home.path().join("file").exists());
        let mut kept = Folder::given(&home.path().join("new")).unwrap();
        kept.keep();
        drop(kept);
        assert!(home.path().join("new").exists());
    }
}
