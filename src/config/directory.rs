//! The folder of a signed directory: files in, values out, and newer ones kept in their place.
//!
//! ```text
//! genesis.toml              what the network began with; a node pins its hash
//! rolls/000001.note ...     every version of the roll, each a signed note
//! records/AGENCY.note       the record in force of each agency
//! proposed/                 texts on their way, which nothing reads by itself
//! evidence/                 texts that contradict those in force
//! ```
//!
//! A file is replaced at once, after its successor is on the disk: whoever reads sees the old or
//! the new. A folder whose rolls do not follow each other from the genesis is refused with the file
//! named; a record that does not count is named, and the others go on.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::config::persist;
use crate::directory::signed::genesis::GENESIS_BYTES_MAX;
use crate::directory::signed::record::RECORD_BYTES_MAX;
use crate::directory::signed::roll::ROLL_BYTES_MAX;
use crate::directory::signed::{Adopted, Genesis, Held, Judging, Refusal};
use crate::directory::strict::Fault;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;

/// File of the genesis.
pub const GENESIS: &str = "genesis.toml";
/// Folder of the rolls.
pub const ROLLS: &str = "rolls";
/// Folder of the records.
pub const RECORDS: &str = "records";
/// Folder of texts on their way.
pub const PROPOSED: &str = "proposed";
/// Folder of texts that contradict those in force.
pub const EVIDENCE: &str = "evidence";
/// Ending of signed notes.
pub const ENDING: &str = "note";
/// Most texts that are kept as evidence; more are counted and not kept.
pub const EVIDENCE_MAX: usize = 256;

/// Why a folder is no directory.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is longer than its kind may be.
    #[error("{} has more than {max} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The limit, in bytes.
        max: usize,
    },
    /// The genesis is none.
    #[error("{} is no genesis:{}", path.display(), listed(faults))]
    Genesis {
        /// Which file.
        path: PathBuf,
        /// All that is wrong.
        faults: Vec<Fault>,
    },
    /// The genesis is not the one that is pinned.
    #[error("{} is the genesis of another network: its hash is {found}, and {pinned} is pinned",
        path.display())]
    OtherGenesis {
        /// Which file.
        path: PathBuf,
        /// The hash that is pinned.
        pinned: Digest,
        /// The hash of the file.
        found: Digest,
    },
    /// A roll does not follow.
    #[error("{}: {refusal}", path.display())]
    Roll {
        /// Which file.
        path: PathBuf,
        /// Why.
        refusal: Refusal,
    },
    /// There is no roll at all.
    #[error("{} holds no roll", path.display())]
    NoRoll {
        /// Which folder.
        path: PathBuf,
    },
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    |source| FolderError::Io { path, source }
}

/// A file that was not adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub refusal: Refusal,
}

/// A file of another folder, and whether it was adopted.
pub type Taken = (PathBuf, Result<(), Refusal>);

/// What a folder holds.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is in force.
    pub held: Held,
    /// Records that are not.
    pub refused: Vec<Refused>,
}

/// A folder of a signed directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryFolder {
    path: PathBuf,
}

impl DirectoryFolder {
    /// The folder at `path`, which need not be there.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it holds a genesis.
    pub fn is_there(&self) -> bool {
        self.path.join(GENESIS).is_file()
    }

    /// The genesis.
    ///
    /// # Errors
    /// What can't be read; another genesis than `pinned`, if one is.
    pub fn genesis(&self, pinned: Option<Digest>) -> Result<Genesis, FolderError> {
        let path = self.path.join(GENESIS);
        let text = String::from_utf8(read(&path, GENESIS_BYTES_MAX)?);
        let faults = |faults| FolderError::Genesis { path: path.clone(), faults };
        let text = text.map_err(|_| faults(vec![Fault::of_text("the text is not UTF-8")]))?;
        let genesis = Genesis::parse(&text).map_err(faults)?;
        match pinned.filter(|pinned| *pinned != genesis.hash()) {
            Some(pinned) => Err(FolderError::OtherGenesis { path, pinned, found: genesis.hash() }),
            None => Ok(genesis),
        }
    }

    /// The rolls, the oldest first.
    ///
    /// # Errors
    /// What the file system said.
    pub fn rolls(&self) -> Result<Vec<PathBuf>, FolderError> {
        notes(&self.path.join(ROLLS))
    }

    /// The records, by name.
    ///
    /// # Errors
    /// What the file system said.
    pub fn records(&self) -> Result<Vec<PathBuf>, FolderError> {
        notes(&self.path.join(RECORDS))
    }

    /// Everything that is in force, each text judged at the time at which it was issued.
    ///
    /// # Errors
    /// A genesis that is not `pinned`, a roll that does not follow, what can't be read.
    pub fn load(&self, pinned: Option<Digest>) -> Result<Loaded, FolderError> {
        let mut held = Held::begin(self.genesis(pinned)?);
        for path in self.rolls()? {
            let bytes = read(&path, ROLL_BYTES_MAX)?;
            if let Err(refusal) = held.adopt_roll(&bytes, Judging::Then) {
                return Err(FolderError::Roll { path, refusal });
            }
        }
        if held.roll().is_none() {
            return Err(FolderError::NoRoll { path: self.path.join(ROLLS) });
        }
        let mut refused = Vec::new();
        for path in self.records()? {
            let bytes = read(&path, RECORD_BYTES_MAX)?;
            if let Err(refusal) = held.adopt_record(&bytes, Judging::Then) {
                refused.push(Refused { path, refusal });
            }
        }
        Ok(Loaded { held, refused })
    }

    /// Begins a folder: its genesis, which must not be there yet.
    ///
    /// # Errors
    /// What the file system said.
    pub fn begin(&self, genesis: &str) -> Result<(), FolderError> {
        for folder in [ROLLS, RECORDS, PROPOSED] {
            let folder = self.path.join(folder);
            fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        }
        let path = self.path.join(GENESIS);
        let written = persist::write_new_as(&path, genesis.as_bytes(), persist::PUBLIC);
        written.map_err(io_error(&path))
    }

    /// The genesis as it stands.
    ///
    /// # Errors
    /// What can't be read.
    pub fn genesis_text(&self) -> Result<Vec<u8>, FolderError> {
        read(&self.path.join(GENESIS), GENESIS_BYTES_MAX)
    }

    /// One version of the roll; `None` if it is not there.
    ///
    /// # Errors
    /// What can't be read.
    pub fn roll(&self, version: u64) -> Result<Option<Vec<u8>>, FolderError> {
        match read(&self.roll_path(version), ROLL_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Where a version of the roll stands.
    pub fn roll_path(&self, version: u64) -> PathBuf {
        self.path.join(ROLLS).join(format!("{version:06}.{ENDING}"))
    }

    /// Adopts a roll into `held`, and keeps it here. What contradicts the one in force is kept as
    /// evidence.
    ///
    /// # Errors
    /// What the file system said; then nothing was adopted.
    pub fn adopt_roll(
        &self,
        held: &mut Held,
        bytes: &[u8],
        judging: Judging,
    ) -> Result<Result<Adopted, Refusal>, FolderError> {
        let mut after = held.clone();
        let adopted = after.adopt_roll(bytes, judging);
        match &adopted {
            Ok(Adopted::Newer) => {
                let version = after.roll().map_or(0, |it| it.roll.version);
                replace(&self.roll_path(version), bytes)?;
                *held = after;
            }
            Ok(Adopted::Already) => {}
            Err(refusal) => self.keep_evidence("roll", refusal, bytes)?,
        }
        Ok(adopted)
    }

    /// Adopts a record into `held`, and keeps it here, as [`DirectoryFolder::adopt_roll`].
    ///
    /// # Errors
    /// What the file system said; then nothing was adopted.
    pub fn adopt_record(
        &self,
        held: &mut Held,
        bytes: &[u8],
        judging: Judging,
    ) -> Result<Result<Adopted, Refusal>, FolderError> {
        match held.judge_record(bytes, judging) {
            Ok(Some(newer)) => {
                replace(&self.record_path(newer.agency()), bytes)?;
                held.put(newer);
                Ok(Ok(Adopted::Newer))
            }
            Ok(None) => Ok(Ok(Adopted::Already)),
            Err(refusal) => {
                self.keep_evidence("record", &refusal, bytes)?;
                Ok(Err(refusal))
            }
        }
    }

    /// Where an agency's record stands.
    pub fn record_path(&self, agency: &AgencyId) -> PathBuf {
        self.path.join(RECORDS).join(format!("{agency}.{ENDING}"))
    }

    /// Keeps a properly signed text that contradicts the one in force, which stays beside it.
    fn keep_evidence(&self, of: &str, refusal: &Refusal, bytes: &[u8]) -> Result<(), FolderError> {
        let Refusal::Fork { version, .. } = refusal else {
            return Ok(());
        };
        let folder = self.path.join(EVIDENCE);
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let hash = Digest::of(bytes).to_string();
        let short = hash.get(..16).unwrap_or_default();
        let path = folder.join(format!("{of}-{version}-{short}.{ENDING}"));
        if path.exists() || notes(&folder)?.len() >= EVIDENCE_MAX {
            return Ok(());
        }
        persist::write_new_as(&path, bytes, persist::PUBLIC).map_err(io_error(&path))
    }

    /// Adopts what another folder of the same network has that is newer, and keeps it here: its
    /// rolls in order, then its records. Gives what came of each file that is not in force here
    /// already. The last roll is judged at `now`, those on the way when they were issued.
    ///
    /// # Errors
    /// What can't be read or written; what was adopted before that stays.
    pub fn adopt_all(
        &self,
        held: &mut Held,
        from: &Self,
        now: crate::clock::Timestamp,
    ) -> Result<Vec<Taken>, FolderError> {
        let mut told = Vec::new();
        let rolls = from.rolls()?;
        let in_force = held.roll().map_or(0, |it| it.roll.version);
        for (at, path) in rolls.iter().enumerate() {
            let bytes = read(path, ROLL_BYTES_MAX)?;
            if version_of(path).is_some_and(|it| it < in_force) {
                continue;
            }
            let is_last = at.saturating_add(1) == rolls.len();
            let judging = if is_last { Judging::Now(now) } else { Judging::Then };
            match self.adopt_roll(held, &bytes, judging)? {
                Ok(Adopted::Newer) => told.push((path.clone(), Ok(()))),
                Ok(Adopted::Already) => {}
                Err(refusal) => {
                    told.push((path.clone(), Err(refusal)));
                    break;
                }
            }
        }
        if held.roll().is_none() {
            return Ok(told);
        }
        for path in from.records()? {
            let bytes = read(&path, RECORD_BYTES_MAX)?;
            match self.adopt_record(held, &bytes, Judging::Then)? {
                Ok(Adopted::Newer) => told.push((path, Ok(()))),
                Ok(Adopted::Already) => {}
                Err(refusal) => told.push((path, Err(refusal))),
            }
        }
        Ok(told)
    }
}

fn version_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Puts a text in the place of whatever `path` held, at once and durably, for everybody to read.
///
/// # Errors
/// What the file system said.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
    }
    persist::replace_as(path, bytes, persist::PUBLIC).map_err(io_error(path))
}

/// The signed notes of a folder in the order of their names; none if there is no folder.
fn notes(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error(folder))?.path();
        if path.extension().is_some_and(|it| it == ENDING) {
            found.push(path);
        }
    }
    found.sort_by_key(|path| (version_of(path), path.clone()));
    Ok(found)
}

/// Reads a file of at most `max` bytes.
fn read(path: &Path, max: usize) -> Result<Vec<u8>, FolderError> {
    let file = File::open(path).map_err(io_error(path))?;
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(io_error(path))?;
    if bytes.len() > max {
        return Err(FolderError::TooLong { path: path.to_owned(), max });
    }
    Ok(bytes)
}
