//! The signed directory that a node follows: what it keeps itself, and the folder that its operator
//! keeps for it.
//!
//! The node's own copy stands in its data folder, so the last good directory is there whatever
//! becomes of the other one. From the operator's folder it takes over what is newer and signed as
//! it must be; what is not is traced and changes nothing. What peers give comes in by the same door, and
//! is kept beside it: the node's own copy may be ahead of the operator's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use crate::cli::call::trust_of;
use crate::cli::exit::{Exit, Failure};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::directory::{CONFIRMED, FolderError, replace};
use crate::config::{Config, DirectoryFolder};
use crate::directory::Directory;
use crate::directory::signed::compare::{Lacked, TextName};
use crate::directory::signed::{Held, Judging, Refusal};
use crate::domain::ids::AgencyId;
use crate::transport::gossip::{Follow, Given};
use crate::transport::tls::AgencyTrust;
use crate::transport::tls::roots::RootsFault;

/// Folder of a node's own copy, in its data folder.
const OWN: &str = "directory";

/// What a node follows, in force and on disk.
pub(super) struct Followed {
    own: DirectoryFolder,
    given: DirectoryFolder,
    held: Held,
}

/// Texts that were refused are named to the operator up to so many.
const REFUSED_TOLD_MAX: usize = 20;

/// What came of the operator's folder.
#[derive(Debug, Default)]
pub(super) struct TakenOver {
    /// Whether anything of it was newer.
    pub(super) newer: bool,
    /// What was refused: each file, and why.
    pub(super) refused: Vec<String>,
}

impl TakenOver {
    /// That nothing was refused.
    ///
    /// # Errors
    /// What was, up to [`REFUSED_TOLD_MAX`] files by name.
    pub(super) fn whole(self) -> Result<()> {
        let left_out = self.refused.len().saturating_sub(REFUSED_TOLD_MAX);
        let mut told = self.refused;
        if told.is_empty() {
            return Ok(());
        }
        told.truncate(REFUSED_TOLD_MAX);
        told.extend((left_out > 0).then(|| format!("and {left_out} more")));
        Err(Failure::new(Exit::Refused, told.join("; ")).into())
    }
}

/// When a peer confirmed the directory last is written down so often, in milliseconds.
const NOTE_INTERVAL_MS: i64 = 60_000;

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

    /// Takes over what the operator's folder has that is newer. What is refused of it changes nothing.
    ///
    /// # Errors
    /// What can't be read or written, or a folder of another network. The last good stays.
    pub(super) fn take_over(&mut self) -> Result<TakenOver, FolderError> {
        self.given.genesis(Some(self.held.genesis().hash()))?;
        let before = [self.held.hash(), self.held.lists_hash()];
        let results = self.own.adopt_all(&mut self.held, &self.given, SystemClock.now())?;
        let (mut newer, mut refused) = (0_u64, Vec::new());
        for (path, result) in results {
            match result {
                Ok(()) => newer += 1,
                Err(why) => {
                    tell_refused(&path, &why);
                    refused.push(format!("{}: {why}", path.display()));
                }
            }
        }
        if newer > 0 {
            tracing::info!(size = newer, "newer texts of the directory are in force");
        }
        let newer = [self.held.hash(), self.held.lists_hash()] != before;
        Ok(TakenOver { newer, refused })
    }

    /// Judges what a peer gave and takes over what is newer; gives what was refused.
    ///
    /// # Errors
    /// What can't be written. The last good stays.
    pub(super) fn judge(&mut self, given: Given) -> Result<Vec<(Lacked, Refusal)>, FolderError> {
        let mut refused = Vec::new();
        let (rolls, others): (Given, Given) =
            given.into_iter().partition(|(it, _)| matches!(it.name, TextName::Roll(_)));
        let texts: Vec<Vec<u8>> = rolls.iter().map(|(_, text)| text.clone()).collect();
        let taken = self.own.adopt_rolls(&mut self.held, &texts, SystemClock.now())?;
        if let Err((at, why)) = taken {
            refused.extend(rolls.into_iter().nth(at).map(|(lacked, _)| (lacked, why)));
        }
        for (lacked, text) in others {
            let adopted = match &lacked.name {
                TextName::Record(_) => {
                    self.own.adopt_record(&mut self.held, &text, Judging::Then)?
                }
                TextName::List(agency, _) => self.own.adopt_list(&mut self.held, agency, &text)?,
                TextName::Roll(_) => continue,
            };
            if let Err(why) = adopted {
                refused.push((lacked, why));
            }
        }
        Ok(refused)
    }

    /// What is wrong with an agency's roots or lists, and the files of the node's copy in which they stand.
    pub(super) fn with_files(&self, fault: &RootsFault) -> String {
        let files = self.own.files_of(fault.agency());
        let named: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
        format!("{fault}: {}", named.join(", "))
    }

    /// What is held.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Whom to believe by a directory. The people of this node's own agency are let in whatever its
    /// standing in the network is: what they hold stays theirs to read.
    pub(super) fn trust(
        &self,
        directory: &Directory,
        own: &AgencyId,
    ) -> Vec<(AgencyId, AgencyTrust)> {
        let mut trust = trust_of(directory);
        if let (false, Some(record)) = (trust.iter().any(|(it, _)| it == own), self.held.says(own))
        {
            let lists = self.held.lists().filter(|(agency, ..)| *agency == own);
            let crls = lists.map(|(_, _, list)| list.der.as_ref().clone()).collect();
            trust.push((own.clone(), AgencyTrust { roots: record.roots.clone(), crls }));
        }
        trust
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

/// What the one who follows the directory is asked.
pub(super) enum Asked {
    /// To judge what a peer gave; the answer is what was refused.
    Judge(Given, oneshot::Sender<Vec<(Lacked, Refusal)>>),
    /// To note that a peer holds the same.
    Confirmed,
}

/// Things that may wait for the one who follows the directory.
pub(super) const ASKED_WAITING: usize = 16;

/// The door for peers to the one who follows the directory.
pub(super) struct Door {
    held: watch::Receiver<Arc<Held>>,
    own: DirectoryFolder,
    asked: mpsc::Sender<Asked>,
}

impl Door {
    /// Before `followed`, which answers what comes through the receiver of `asked`.
    pub(super) fn new(
        followed: &Followed,
        held: watch::Receiver<Arc<Held>>,
        asked: mpsc::Sender<Asked>,
    ) -> Self {
        Self { held, own: followed.own.clone(), asked }
    }
}

impl Follow for Door {
    fn held(&self) -> watch::Receiver<Arc<Held>> {
        self.held.clone()
    }

    fn text(&self, name: &TextName) -> Option<Vec<u8>> {
        let held = Arc::clone(&self.held.borrow());
        // What can't be read is not there for others.
        self.own.text(&held, name).ok().flatten()
    }

    fn judge(&self, _: &AgencyId, given: Given) -> BoxFuture<'static, Vec<(Lacked, Refusal)>> {
        let asked = self.asked.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            // A node that stops judges nothing more.
            drop(asked.send(Asked::Judge(given, answer)).await);
            answered.await.unwrap_or_default()
        }
        .boxed()
    }

    fn confirmed(&self) {
        // The next word of a peer says it again.
        drop(self.asked.try_send(Asked::Confirmed));
    }
}

/// When a peer confirmed the directory last, kept through restarts in the node's own copy.
pub(super) struct Confirmed {
    path: PathBuf,
    at: Timestamp,
}

impl Confirmed {
    /// What was noted; now, where nothing was yet.
    ///
    /// # Errors
    /// What can't be read or written.
    pub(super) fn start(config: &Config) -> Result<Self, FolderError> {
        let own = DirectoryFolder::at(&config.node.data_dir.join(OWN));
        let path = own.path().join(CONFIRMED);
        match own.confirmed() {
            Some(at) => Ok(Self { path, at }),
            None => {
                let mut begun = Self { path, at: Timestamp::from_millis(0) };
                begun.note(SystemClock.now())?;
                Ok(begun)
            }
        }
    }

    /// When it was.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// A peer confirms it now. It is written once a minute at the most.
    ///
    /// # Errors
    /// What can't be written.
    pub(super) fn note(&mut self, now: Timestamp) -> Result<(), FolderError> {
        if now.millis_since(self.at) >= NOTE_INTERVAL_MS {
            replace(&self.path, format!("{now}\n").as_bytes())?;
            self.at = now;
        }
        Ok(())
    }
}
