//! The folder of a signed directory: files in, values out, and newer ones kept in their place.
//!
//! ```text
//! genesis.toml              what the network began with; a node pins its hash
//! rolls/000001.note ...     every version of the roll, each a signed note
//! records/AGENCY.note       the record in force of each agency
//! seen/AGENCY               hashes of the versions of its record that were seen
//! lists/AGENCY.ISSUER.crl   revocation lists that are newer than those in records, DER
//! confirmed                 when a peer held the same last; in a node's own copy
//! proposed/                 texts on their way, which nothing reads by itself
//! evidence/                 texts that contradict those in force
//! ```
//!
//! A file is replaced at once, after its successor is on the disk: whoever reads sees the old or
//! the new. A folder whose rolls do not follow each other from the genesis is refused with the file
//! named; a record or list that does not count is named, and the others go on. `loading.rs` reads a
//! folder whole; `adoption.rs` takes texts over.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::config::persist;
use crate::directory::signed::compare::TextName;
use crate::directory::signed::genesis::GENESIS_BYTES_MAX;
use crate::directory::signed::record::RECORD_BYTES_MAX;
use crate::directory::signed::roll::ROLL_BYTES_MAX;
use crate::directory::signed::{Genesis, Held, Refusal};
use crate::directory::strict::Fault;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::merkle::note::SignedNote;

/// File of the genesis.
pub const GENESIS: &str = "genesis.toml";
/// Folder of the rolls.
pub const ROLLS: &str = "rolls";
/// Folder of the records.
pub const RECORDS: &str = "records";
/// Folder of the hashes of records that were seen.
pub const SEEN: &str = "seen";
/// Folder of revocation lists.
pub const LISTS: &str = "lists";
/// Ending of revocation lists.
pub const LIST_ENDING: &str = "crl";
/// Folder of texts on their way.
pub const PROPOSED: &str = "proposed";
/// Folder of texts that contradict those in force.
pub const EVIDENCE: &str = "evidence";
/// File of the time at which a peer confirmed the directory last, in a node's own copy.
pub const CONFIRMED: &str = "confirmed";
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
    /// What was seen of a record can't be read.
    #[error("{}: line {line} is no version and hash", path.display())]
    Seen {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
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

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
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

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.refusal)
    }
}

/// What a folder holds.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is in force.
    pub held: Held,
    /// Records and revocation lists that are not.
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

    /// When a peer of the node whose own copy this is held the same, the last time; written once a
    /// minute at the most. `None` where no node keeps it, or none has been heard.
    pub fn confirmed(&self) -> Option<Timestamp> {
        let text = fs::read_to_string(self.path.join(CONFIRMED)).ok()?;
        Timestamp::parse(text.trim())
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

    /// The revocation lists, by name.
    ///
    /// # Errors
    /// What the file system said.
    pub fn lists(&self) -> Result<Vec<PathBuf>, FolderError> {
        files(&self.path.join(LISTS), Some(LIST_ENDING))
    }

    /// The files in which an agency's roots and revocation lists stand: its record and its lists; none
    /// that is not there or can't be looked for.
    pub fn files_of(&self, agency: &AgencyId) -> Vec<PathBuf> {
        let record = Some(self.record_path(agency)).filter(|it| it.is_file());
        let lists = self.lists().unwrap_or_default().into_iter();
        let own = lists.filter(|it| list_agency(it).as_ref() == Some(agency));
        record.into_iter().chain(own).collect()
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

    /// Writes a text that is to be signed, whole or not at all; gives where it stands.
    ///
    /// # Errors
    /// What the file system said, such as that a text of that name stands there.
    pub fn propose(&self, name: &str, text: &str) -> Result<PathBuf, FolderError> {
        let folder = self.path.join(PROPOSED);
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let path = self.proposed(name);
        persist::write_new_at_once(&path, text.as_bytes()).map_err(io_error(&path))?;
        Ok(path)
    }

    /// Where a text that is to be signed stands.
    pub fn proposed(&self, name: &str) -> PathBuf {
        self.path.join(PROPOSED).join(format!("{name}.toml"))
    }

    /// The text of an agency's record as it is in force in `held`, with its signatures: the file's, where
    /// it rests there. `None` if there is none, or another stands in the file.
    ///
    /// # Errors
    /// What can't be read.
    pub fn note(&self, held: &Held, agency: &AgencyId) -> Result<Option<SignedNote>, FolderError> {
        let Some((_, hash)) = held.record(agency) else { return Ok(None) };
        if let Some(note) = held.note(agency) {
            return Ok(Some(note.clone()));
        }
        let bytes = match read(&self.record_path(agency), RECORD_BYTES_MAX) {
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            read => read?,
        };
        let note = SignedNote::parse_up_to(&bytes, RECORD_BYTES_MAX).ok();
        Ok(note.filter(|it| Digest::of(it.text.as_bytes()) == hash))
    }

    /// One of the texts in force in `held`, or an earlier roll, as it travels; `None` if it is not here.
    ///
    /// # Errors
    /// What can't be read.
    pub fn text(&self, held: &Held, name: &TextName) -> Result<Option<Vec<u8>>, FolderError> {
        match (held.text(name), name) {
            (Some(text), _) => Ok(Some(text)),
            (None, TextName::Roll(version)) => self.roll(*version),
            (None, TextName::Record(agency)) => {
                Ok(self.note(held, agency)?.map(|it| it.to_bytes()))
            }
            (None, TextName::List(..)) => Ok(None),
        }
    }

    /// Where an agency's record stands.
    pub fn record_path(&self, agency: &AgencyId) -> PathBuf {
        self.path.join(RECORDS).join(format!("{agency}.{ENDING}"))
    }
}

pub(super) fn version_of(path: &Path) -> Option<u64> {
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

/// The agency whose record a file is to hold, by its name.
pub(super) fn agency_of(path: &Path) -> Option<AgencyId> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The agency that the name of a list's file begins with.
pub(super) fn list_agency(path: &Path) -> Option<AgencyId> {
    path.file_stem()?.to_str()?.rsplit_once('.')?.0.parse().ok()
}

/// The signed notes of a folder in the order of their names; none if there is no folder.
fn notes(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    files(folder, Some(ENDING))
}

/// The files of a folder, those with an ending if one is given, in the order of their names.
pub(super) fn files(folder: &Path, ending: Option<&str>) -> Result<Vec<PathBuf>, FolderError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error(folder))?.path();
        if ending.is_none_or(|ending| path.extension().is_some_and(|it| it == ending)) {
            found.push(path);
        }
    }
    found.sort_by_key(|path| (version_of(path), path.clone()));
    Ok(found)
}

/// Reads a file of at most `max` bytes.
pub(super) fn read(path: &Path, max: usize) -> Result<Vec<u8>, FolderError> {
    let file = File::open(path).map_err(io_error(path))?;
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let length = file.metadata().map_or(0, |it| it.len()).min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    file.take(limit).read_to_end(&mut bytes).map_err(io_error(path))?;
    if bytes.len() > max {
        return Err(FolderError::TooLong { path: path.to_owned(), max });
    }
    Ok(bytes)
}
