//! `node backup`: takes a backup from a running node, or reads backups whole and verifies them.
//!
//! The node seals; whoever takes the backup needs an operator's certificate and sees nothing of
//! what is in it. To verify takes the private backup key and the directory, and no node.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::node::restore::{failure, open, private_key};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::cli::times::parse_end;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::envelope::keyring::SealingPrivate;
use crate::node::copy::judge::Judge;
use crate::node::copy::sealed::{Head, Opening, read_head};
use crate::node::copy::{CopyFault, Counts};
use crate::wire::pb;

/// What is to be taken, or verified.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// The new file; with --verify, a full backup and the increments that follow it, in order
    #[arg(required = true, value_name = "BACKUP")]
    pub backups: Vec<PathBuf>,
    /// Only what follows this backup
    #[arg(long, value_name = "BACKUP", conflicts_with_all = ["from", "verify"])]
    pub since: Option<PathBuf>,
    /// Only what follows so many entries, at which an earlier backup ended
    #[arg(long, value_name = "ENTRIES", conflicts_with = "verify")]
    pub from: Option<u64>,
    /// When the backup is to be destroyed, a day or RFC 3339; [backup] keep_days where none is given
    #[arg(long, value_name = "DATE", value_parser = parse_end, conflicts_with = "verify")]
    pub keep_until: Option<Timestamp>,
    /// Read backups whole, and hold every entry against the signed checkpoints
    #[arg(long, requires = "key")]
    pub verify: bool,
    /// The private backup key
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub key: Option<PathBuf>,
}

/// Takes a backup into a file that must not exist yet.
///
/// # Errors
/// What the node answers, or the file system.
pub async fn take(asked: &Asked, global: &Global, output: &Output) -> Result<()> {
    let [path] = asked.backups.as_slice() else {
        let text = "one file takes one backup; --verify reads many";
        return Err(Failure::new(Exit::Usage, text).into());
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    file::must_be_free([path.as_path(), part.as_path()])?;
    let from = match &asked.since {
        Some(since) => {
            let head = read_head(&mut open(since)?).map_err(|fault| failure(since, &fault))?.0;
            (head.to.size, head.to.root.as_bytes().to_vec())
        }
        None => (asked.from.unwrap_or(0), Vec::new()),
    };
    let line = Line::open(global).await?;
    let written = write(&line, from, asked.keep_until, &part).await;
    let placed = written.and_then(|bytes| {
        place(&part, path).with_context(|| format!("writing {}", path.display()))?;
        Ok(bytes)
    });
    let bytes = placed.inspect_err(|_| {
        // What came is no backup; that it can't be removed changes nothing about that.
        drop(std::fs::remove_file(&part));
    })?;
    let head = read_head(&mut open(path)?).map_err(|fault| failure(path, &fault))?.0;
    let report =
        json!({ "file": path.display().to_string(), "bytes": bytes, "head": brief(&head) });
    output.show(
        || report,
        || {
            Sheet::new()
                .field("file", path.display())
                .field("bytes", bytes)
                .field("entries", format!("{} to {}", head.from.size, head.to.size))
                .field("keep until", output.times().show(&head.keep_until.to_string()))
                .field("opens with", &head.key_id)
        },
    )?;
    output.note("verify it where the private key is: rogatory node backup --verify --key FILE …");
    Ok(())
}

/// A head without what only a program needs.
fn brief(head: &Head) -> Value {
    let mut value = head.to_json();
    if let Some(object) = value.as_object_mut() {
        object.remove("encapsulation");
    }
    value
}

async fn write(
    line: &Line,
    from: (u64, Vec<u8>),
    keep_until: Option<Timestamp>,
    part: &Path,
) -> Result<u64> {
    let (from_size, from_root) = from;
    let keep_until = keep_until.map(|it| it.to_string()).unwrap_or_default();
    let asked = pb::TakeBackupRequest { from_size, from_root, keep_until };
    let mut pieces = line.client.take_backup(asked).await?;
    let file = OpenOptions::new().write(true).create_new(true).mode(file::OWNER_ONLY).open(part);
    let mut file = BufWriter::new(file.with_context(|| format!("writing {}", part.display()))?);
    let mut bytes = 0;
    while let Some(answer) = pieces.next().await? {
        file.write_all(&answer.piece)?;
        bytes += u64::try_from(answer.piece.len()).unwrap_or(u64::MAX);
    }
    file.into_inner()?.sync_all()?;
    Ok(bytes)
}

/// Gives a whole file its name, durably.
#[expect(clippy::disallowed_methods, reason = "the file is synced before, and its folder after")]
fn place(part: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::rename(part, path)?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads backups whole and verifies them, without any node.
///
/// # Errors
/// Exit status 7 with the first fault.
pub fn verify(asked: &Asked, global: &Global, output: &Output) -> Result<()> {
    let directory = call::trusted_directory(global)?;
    let Some(key) = &asked.key else {
        return Err(Failure::new(Exit::Usage, "--verify needs --key").into());
    };
    let private = private_key(key)?;
    let doing = output.doing("verifying");
    let (counts, heads) = verified(&directory, &asked.backups, &private)?;
    drop(doing);
    let entries = heads.last().map_or(0, |it| it.to.size);
    let listed: Vec<Value> = heads.iter().map(brief).collect();
    let report = json!({
        "verified": true,
        "entries": entries,
        "contents": counts.contents,
        "statements": counts.statements,
        "records": counts.records,
        "backups": listed,
    });
    output.show(
        || report,
        || {
            Sheet::new()
                .field("verdict", "the backups hold")
                .field("entries", entries)
                .field("contents", counts.contents)
                .field("statements", counts.statements)
        },
    )
}

fn verified(
    directory: &Directory,
    backups: &[PathBuf],
    private: &SealingPrivate,
) -> Result<(Counts, Vec<Head>)> {
    let (mut judge, mut heads, mut sum) = (None, Vec::new(), Counts::default());
    for path in backups {
        let no = |fault: CopyFault| {
            let error = failure(path, &fault);
            error.downcast::<Failure>().map(|it| Failure { exit: Exit::AnswerIsNo, ..it })
        };
        let file = open(path)?;
        let (mut opening, head) = match Opening::begin(Box::new(file), private) {
            Ok(begun) => begun,
            Err(fault) => return Err(no(fault)?.into()),
        };
        if judge.is_none() {
            let name = head.journal.parse().ok();
            let keys = name.and_then(|it| directory.journal(&it));
            let Some(keys) = keys else {
                let found = head.journal.clone();
                return Err(no(CopyFault::OtherJournal { found })?.into());
            };
            judge = Some(Judge::new(directory, keys));
        }
        let judge = judge.as_mut().context("there is a judge from the first backup on")?;
        match judged(judge, &mut opening, &head) {
            Ok(counts) => {
                sum.contents += counts.contents;
                sum.statements += counts.statements;
                sum.records += counts.records;
            }
            Err(fault) => return Err(no(fault)?.into()),
        }
        heads.push(head);
    }
    Ok((sum, heads))
}

fn judged(judge: &mut Judge, opening: &mut Opening<'_>, head: &Head) -> Result<Counts, CopyFault> {
    judge.begin(head)?;
    while let Some(item) = opening.next_item()? {
        judge.take(&item)?;
    }
    judge.finish()?;
    Ok(*judge.counts())
}
