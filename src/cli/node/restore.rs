//! `node restore`: a new store out of backups. It is built beside the data folder, by a process of
//! its own, and takes its place only when it is whole and checked; until then nothing is there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::node::apart::{self, Copy, Ended};
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::node::setting;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::config::backup_keys::backup_private;
use crate::envelope::keyring::SealingPrivate;
use crate::envelope::storage::StorageKey;
use crate::journal::{Depth, JournalError};
use crate::node::copy::build::{Build, must_be_whole};
use crate::node::copy::sealed::{Head, Opening, read_head};
use crate::node::copy::{CopyFault, Must};

/// What is restored from.
#[derive(Debug, Clone, clap::Args)]
pub struct From {
    /// The private backup key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Take backups that should have been destroyed
    #[arg(long)]
    pub expired: bool,
    /// A full backup and the increments that follow it, in their order
    #[arg(required = true, value_name = "BACKUP")]
    pub backups: Vec<PathBuf>,
}

/// Restores the store of a configuration.
///
/// # Errors
/// Exit status 6 for a data folder that is not empty and for what is wrong with a backup, 4 for an
/// expired one; nothing is written then.
pub fn run(path: &Path, from: &From, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let folder = &config.node.data_dir;
    apart::must_be_empty(folder)?;
    let private = private_key(&from.key)?;
    for backup in &from.backups {
        judge_head(backup, &private, from.expired)?;
    }
    let beside = folder.parent().filter(|it| !it.as_os_str().is_empty());
    let work = Copy::beside(beside.unwrap_or(Path::new(".")), "restore");
    let doing = output.doing("restoring");
    let mut arguments = vec![OsStr::new("--into"), work.path().as_os_str()];
    arguments.extend([OsStr::new("--key"), from.key.as_os_str(), OsStr::new("--expired")]);
    arguments.extend(from.backups.iter().map(|it| it.as_os_str()));
    let report = match apart::run("restore", path, &arguments)? {
        Ended::Done(report) => report,
        Ended::Failed(failure) => return Err(failure.into()),
        Ended::Crashed(first) => {
            return Err(Failure::new(Exit::Failed, format!("restoring ended: {first}")).into());
        }
    };
    drop(doing);
    apart::must_be_empty(folder)?;
    apart::put_in_place(work.path(), folder)
        .with_context(|| format!("writing {}", folder.display()))?;
    let text = sheet(&report);
    let lost = report["drafts_lost"].as_array().map_or(0, Vec::len);
    output.show(|| report, || text)?;
    if lost > 0 {
        output.note(format!("{lost} drafts that waited are not in the backups, and will expire"));
    }
    output.note("the node asks its neighbours first what they have seen of its journal");
    Ok(())
}

/// Reads a private backup key.
///
/// # Errors
/// What is wrong with its file.
pub fn private_key(path: &Path) -> Result<SealingPrivate> {
    Ok(SealingPrivate::from_seed(&backup_private(path)?))
}

/// Looks at the head of a backup, which says without any key whether it may still be used.
fn judge_head(path: &Path, private: &SealingPrivate, expired: bool) -> Result<()> {
    let mut file = open(path)?;
    let (head, _) = read_head(&mut file).map_err(|fault| failure(path, &fault))?;
    if head.key_id != private.key_id() {
        let (wanted, given) = (head.key_id, private.key_id().to_owned());
        return Err(failure(path, &CopyFault::WrongKey { wanted, given }));
    }
    if !expired && SystemClock.now() >= head.keep_until {
        let until = head.keep_until;
        let text = format!(
            "{}: it was to be destroyed on {until}; --expired takes it all the same",
            path.display()
        );
        let mut failure = Failure::new(Exit::Refused, text);
        failure.json = json!({ "backup": path.display().to_string(), "reason": "EXPIRED" });
        return Err(failure.into());
    }
    Ok(())
}

/// Opens a backup file.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    Ok(BufReader::new(file))
}

/// A fault of a backup as a failure that names the file.
pub fn failure(path: &Path, fault: &CopyFault) -> anyhow::Error {
    let text = format!("{}: {fault}", path.display());
    let exit = match fault {
        CopyFault::History(_) | CopyFault::Append(_) | CopyFault::Stop(_) => Exit::StoreFailed,
        CopyFault::Io(_) => Exit::Failed,
        CopyFault::OtherJournal { .. }
        | CopyFault::OutOfOrder { .. }
        | CopyFault::OtherHistory { .. }
        | CopyFault::Checkpoint { .. }
        | CopyFault::Entry { .. }
        | CopyFault::Content { .. }
        | CopyFault::Statement { .. }
        | CopyFault::NoBackup(_)
        | CopyFault::WrongKey { .. }
        | CopyFault::Altered(_)
        | CopyFault::Malformed(_)
        | CopyFault::SizeUnknown { .. } => Exit::Refused,
    };
    let mut failure = Failure::new(exit, text.clone());
    let backup = path.display().to_string();
    failure.json = json!({ "error": text, "backup": backup, "reason": fault.reason() });
    failure.into()
}

/// Builds a store in `into`; what the process that [`run`] starts does.
///
/// # Errors
/// As [`run`]; what was built is of no use then.
pub fn build(path: &Path, into: &Path, from: &From, output: &Output) -> Result<()> {
    let mut config = Config::load(path)?;
    config.node.data_dir = into.to_owned();
    file::make_folder(into)?;
    let own = OwnKeys::load(&config)?;
    let opened = setting::open_fresh(&config, &own, volumes_before(from)?)?;
    let setting = &opened.setting;
    let private = private_key(&from.key)?;
    let mut build = Build::new(setting).map_err(|fault| failure(into, &fault))?;
    // While the storage key is replaced, content may have been copied under the one before.
    build.opens_under(own.files.storage_before.into_iter().map(StorageKey::new).collect());
    let mut contents = 0;
    for backup in &from.backups {
        let wrong = |fault: CopyFault| failure(backup, &fault);
        let head = take(&mut build, backup, &private).map_err(wrong)?;
        contents += build.judge().counts().contents;
        tracing::debug!(size = head.to.size, "a backup was taken");
    }
    let size = build.judge().entries();
    let mut drafts_lost = Vec::new();
    let mut must = |must: Must<'_>, fault| {
        if let Must::Draft(draft) = must {
            drafts_lost.push(draft.to_string());
        }
        must_be_whole(setting, must, fault)
    };
    let last = from.backups.last().map_or(into, PathBuf::as_path);
    build.finish(&mut must).map_err(|fault| failure(last, &fault))?;
    let failed = |error: JournalError| Failure::new(Exit::StoreFailed, error.to_string());
    let mut checked = opened.journal.check(Depth::Full).map_err(failed)?;
    for volume in &opened.earlier {
        checked.checkpoints += volume.check(Depth::Full).map_err(failed)?.checkpoints;
    }
    let report = json!({
        "restored": true,
        "journal": setting.journal_name.to_string(),
        "entries": size,
        "checkpoints": checked.checkpoints,
        "contents": contents,
        "rows": checked.rows,
        "drafts_lost": drafts_lost,
    });
    let text = sheet(&report);
    output.show(|| report, || text)
}

/// How many volumes before the last one the first backup holds.
fn volumes_before(from: &From) -> Result<usize> {
    let Some(first) = from.backups.first() else {
        return Ok(0);
    };
    let (head, _) = read_head(&mut open(first)?).map_err(|fault| failure(first, &fault))?;
    Ok(head.before.len())
}

fn take(build: &mut Build<'_>, path: &Path, private: &SealingPrivate) -> Result<Head, CopyFault> {
    let file = BufReader::new(File::open(path)?);
    let (mut opening, head) = Opening::begin(Box::new(file), private)?;
    build.begin(&head)?;
    while let Some(item) = opening.next_item()? {
        build.take(item)?;
    }
    build.judge().finish()?;
    Ok(head)
}

fn sheet(report: &Value) -> Sheet {
    let fields = report.as_object().into_iter().flatten();
    let counts = fields.filter_map(|(name, value)| Some((name, value.as_u64()?)));
    let rows = counts.map(|(name, count)| [name.clone(), count.to_string()]);
    Sheet::new().table(["restored", "count"], rows)
}
