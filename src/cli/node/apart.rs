//! Work on a store in a process of its own: an engine that meets damage may end its process, and a
//! store is closed for certain once its process has ended.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::entropy::{self, SystemEntropy};
use crate::journal::files::{self, FileId};

/// The folder of the published journal, where it lies in that of the store.
pub const TILES: &str = "tiles";
/// How a process of ours ends that panicked.
const PANICKED: u8 = 101;

/// How the process ended.
#[derive(Debug)]
pub enum Ended {
    /// Well, with this answer.
    Done(Value),
    /// With a failure of its own.
    Failed(Failure),
    /// It panicked or was ended; the first line of what it said.
    Crashed(String),
}

/// Runs `node VERB --config PATH ARGUMENTS` of this program and waits for its answer.
///
/// # Errors
/// If it does not start, or its answer is none.
pub fn run(verb: &str, path: &Path, arguments: &[&OsStr]) -> Result<Ended> {
    let program = std::env::current_exe().context("finding this program")?;
    let done = Command::new(program)
        .args(["node", verb, "--config"])
        .arg(path)
        .args(arguments)
        .args(["-o", "json"])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting the {verb}"))?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    Ok(match done.status.code().and_then(|it| u8::try_from(it).ok()) {
        Some(0) => Ended::Done(serde_json::from_slice(&done.stdout)?),
        Some(PANICKED) | None => {
            let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it ended");
            Ended::Crashed(first.to_owned())
        }
        Some(_) => Ended::Failed(passed_on(&said)),
    })
}

/// What the process said, as our own.
fn passed_on(said: &str) -> Failure {
    let Ok(json) = serde_json::from_str::<Value>(said.trim()) else {
        return Failure::new(Exit::Failed, said.trim());
    };
    let text = json.get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = json.get("exit_code").and_then(Value::as_u64);
    let known = [Exit::Refused, Exit::AnswerIsNo, Exit::NotFound, Exit::StoreFailed];
    let exit = known.into_iter().find(|it| Some(u64::from(it.number())) == number);
    Failure { exit: exit.unwrap_or(Exit::Failed), text, json }
}

/// Keeps a node from starting while its store is looked at.
///
/// # Errors
/// Exit status 5 if there is no store, 6 if a node has it.
pub fn lock(folder: &Path) -> Result<std::fs::File> {
    if !folder.join("db").exists() {
        let text = format!("there is no store in {}", folder.display());
        return Err(Failure::new(Exit::NotFound, text).into());
    }
    let path = folder.join("lock");
    let file = std::fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    file.try_lock().map_err(|_| {
        let text = format!("a node has the store in {}; stop it first", folder.display());
        Failure::new(Exit::Refused, text)
    })?;
    Ok(file)
}

/// A copy of a store, without what is published beside it, or another folder for a while; it goes
/// with the value.
pub struct Copy(PathBuf);

impl Copy {
    /// A place for a copy in `folder`, under a name of its own that begins with what it is for.
    pub fn beside(folder: &Path, purpose: &str) -> Self {
        let name = format!(".{purpose}-{}", hex::encode(entropy::bytes::<6>(&SystemEntropy)));
        Self(folder.join(name))
    }

    /// A place for a copy at `path`.
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it with what is in `from`.
    ///
    /// # Errors
    /// What the system says.
    pub fn fill(&self, from: &Path) -> Result<()> {
        self.fill_with(from, |name| name != TILES)
    }

    /// [`Copy::fill`] with those of the folder's entries whose names are wanted.
    ///
    /// # Errors
    /// What the system says.
    pub fn fill_with(&self, from: &Path, wanted: fn(&str) -> bool) -> Result<()> {
        file::make_folder(&self.0)?;
        copy_folder(from, &self.0, wanted)
            .with_context(|| format!("copying to {}", self.0.display()))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What stays behind has a name that tells what it is; there is nobody to be told.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn copy_folder(from: &Path, to: &Path, wanted: fn(&str) -> bool) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if !entry.file_name().to_str().is_none_or(wanted) {
            continue;
        }
        let is_attachments = from.file_name().is_some_and(|it| it == files::FOLDER_NAME);
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target, |name| name != TILES)?;
        } else if is_attachments && is_finished(&entry.file_name()) {
            // It never changes, and may be large: one more name is a copy where the disk is the same.
            if std::fs::hard_link(entry.path(), &target).is_err() {
                std::fs::copy(entry.path(), &target)?;
            }
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn is_finished(name: &OsStr) -> bool {
    name.to_str().is_some_and(|it| it.parse::<FileId>().is_ok())
}

/// Syncs all files of a folder and the folder itself.
///
/// # Errors
/// What the system says.
pub fn sync_all(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            std::fs::File::open(entry.path())?.sync_all()?;
        }
    }
    std::fs::File::open(folder)?.sync_all()
}

/// Puts a folder that is whole into its place, where at most an empty folder stands, durably.
///
/// # Errors
/// What the system says.
#[expect(
    clippy::disallowed_methods,
    reason = "what is renamed and its folder are synced around it"
)]
pub fn put_in_place(folder: &Path, place: &Path) -> std::io::Result<()> {
    sync_all(folder)?;
    std::fs::rename(folder, place)?;
    let above = place.parent().filter(|it| !it.as_os_str().is_empty());
    std::fs::File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

/// Refuses a place where something stands already.
///
/// # Errors
/// Exit status 6 if the folder is there and not empty, 5 if the folder above it is missing.
pub fn must_be_empty(folder: &Path) -> Result<()> {
    let is_taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(|| format!("opening {}", folder.display())),
    };
    if is_taken {
        let text = format!("{} is not empty, and is not overwritten", folder.display());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let above = folder.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(above) = above.filter(|it| !it.is_dir()) {
        let text = format!("there is no folder {}", above.display());
        return Err(Failure::new(Exit::NotFound, text).into());
    }
    Ok(())
}
