//! Looks at the store of a node that does not run.
//!
//! The engine under the store may end its process when it meets damage, and may overwrite what it
//! takes for the end of its log. So `check` opens a copy, in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;

use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::file;
use crate::cli::node::setting::{self, Opened};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::Config;
use crate::domain::digest::Digest;
use crate::domain::fact::Fact;
use crate::entropy::{self, SystemEntropy};
use crate::evidence::replay::{Replay, Verdict};
use crate::history;
use crate::journal::store::Store;
use crate::journal::{Checked, Depth, Journal as _};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::{self, content};

/// Entries that are read in one step.
const STEP: usize = 256;

/// Checks the store of a configuration on a copy.
///
/// # Errors
/// Exit status 7 with the first fault, 5 if there is no store, 6 if a node has it.
pub fn check(path: &Path, copy_to: Option<&Path>, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let folder = &config.node.data_dir;
    let lock = lock(folder)?;
    let name = format!(".check-{}", hex::encode(entropy::bytes::<6>(&SystemEntropy)));
    let beside = folder.parent().unwrap_or(Path::new("."));
    let copy = Copy(copy_to.unwrap_or(beside).join(name));
    {
        let _doing = output.doing(format!("copying {}", folder.display()));
        copy.fill(folder)?;
    }
    let doing = output.doing("checking the copy");
    let program = std::env::current_exe().context("finding this program")?;
    let done = Command::new(program)
        .args(["node", "check", "--config"])
        .arg(path)
        .arg("--opened")
        .arg(&copy.0)
        .args(["-o", if output.is_json() { "json" } else { "text" }])
        .stdin(Stdio::null())
        .output()
        .context("starting the check")?;
    drop(doing);
    drop(lock);
    drop(copy);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    match done.status.code().and_then(|it| u8::try_from(it).ok()) {
        Some(0) => {
            let verdict: serde_json::Value = match output.is_json() {
                true => serde_json::from_slice(&done.stdout)?,
                false => serde_json::Value::Null,
            };
            let text = String::from_utf8_lossy(&done.stdout).into_owned();
            output.show(|| verdict, || Sheet::new().line(text))
        }
        Some(code) if code == Exit::AnswerIsNo.number() => Err(passed_on(&said)),
        Some(101) | None => {
            let text =
                format!("the store can't be read: {}", said.lines().next().unwrap_or("it ended"));
            Err(Failure::new(Exit::AnswerIsNo, text).into())
        }
        Some(_) => Err(anyhow!("{}", said.trim().trim_start_matches("error: "))),
    }
}

/// What the process that checked the copy said, as our own.
fn passed_on(said: &str) -> anyhow::Error {
    let json: Option<serde_json::Value> = serde_json::from_str(said.trim()).ok();
    let text = json
        .as_ref()
        .and_then(|it| it.get("error")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| said.trim().trim_start_matches("error: ").to_owned());
    let mut failure = Failure::new(Exit::AnswerIsNo, text);
    if let Some(json) = json {
        failure.json = json;
    }
    failure.into()
}

/// Keeps a node from starting while its store is looked at.
fn lock(folder: &Path) -> Result<std::fs::File> {
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

/// A copy of a store; it goes with the value.
struct Copy(PathBuf);

impl Copy {
    fn fill(&self, from: &Path) -> Result<()> {
        file::make_folder(&self.0)?;
        copy_folder(from, &self.0).with_context(|| format!("copying to {}", self.0.display()))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What stays behind has a name that tells what it is; there is nobody to be told.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Checks a copy; what the process that [`check`] starts does.
///
/// # Errors
/// Exit status 7 with the first fault.
pub fn check_copy(path: &Path, copy: &Path, output: &Output) -> Result<()> {
    let mut config = Config::load(path)?;
    config.node.data_dir = copy.to_owned();
    let opened = setting::open(&config).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => failure.into(),
        Err(error) => no(sentence(&error)),
    })?;
    let checked = opened.journal.check(Depth::Full).map_err(|error| no(error.to_string()))?;
    let verdict = verify(&opened)?;
    let rows: &dyn Store = opened.store.as_ref();
    let applied = history::applied(rows).map_err(|error| no(error.to_string()))?;
    show(&checked, &verdict, applied, output)
}

fn no(text: String) -> anyhow::Error {
    let mut failure = Failure::new(Exit::AnswerIsNo, text.clone());
    failure.json = json!({ "error": text, "verified": false, "fault": text });
    failure.into()
}

/// What an auditor would find: signatures and recorded statements.
fn verify(opened: &Opened) -> Result<Option<Verdict>> {
    let setting = &opened.setting;
    let journal = opened.journal.as_ref();
    let damaged = |error: &dyn std::fmt::Display| no(error.to_string());
    let Some(latest) = journal.latest_checkpoint().map_err(|error| damaged(&error))? else {
        return Ok(None);
    };
    let countersigned = journal.countersigned().map_err(|error| damaged(&error))?;
    let countersigned = countersigned.unwrap_or_default();
    let sizes: Vec<u64> = [latest.as_slice(), countersigned.as_slice()]
        .into_iter()
        .filter_map(|note| Some(SignedCheckpoint::parse(note).ok()?.checkpoint.size))
        .collect();
    let mut replay = Replay::new(&setting.directory, setting.journal_name.clone(), &sizes);
    let mut next = 0;
    while next < journal.next() {
        let entries = journal.read(next, STEP).map_err(|error| damaged(&error))?;
        for bytes in entries {
            replay.entry(next, &bytes).map_err(|fault| damaged(&fault))?;
            let read = crate::wire::entry::read(&bytes).map_err(|error| damaged(&error))?;
            if matches!(read.fact, Fact::StatementRecorded { .. }) {
                let kept = content::statement(setting, next).map_err(|error| damaged(&error))?;
                let kept =
                    kept.ok_or_else(|| no(format!("the statement of entry {next} is gone")))?;
                replay.statement(next, &kept).map_err(|fault| damaged(&fault))?;
            }
            next = next.saturating_add(1);
        }
    }
    replay.finish(&latest, &countersigned).map(Some).map_err(|fault| damaged(&fault))
}

fn show(checked: &Checked, verdict: &Option<Verdict>, applied: u64, output: &Output) -> Result<()> {
    let statements = verdict.as_ref().map_or(0, |it| it.statements);
    let countersigned = verdict.as_ref().map_or(0, |it| it.countersigned);
    output.show(
        || {
            json!({
                "verified": true,
                "entries": checked.entries,
                "checkpoints": checked.checkpoints,
                "rows": checked.rows,
                "statements": statements,
                "countersigned": countersigned,
                "folded_entries": applied,
            })
        },
        || {
            Sheet::new()
                .field("verdict", "the store holds")
                .field("entries", checked.entries)
                .field("checkpoints", checked.checkpoints)
                .field("rows", checked.rows)
                .field("statements", statements)
                .field("countersigned", countersigned)
                .field("folded entries", applied)
        },
    )
}

/// Folds the journal again from its first entry, and compares the state.
///
/// # Errors
/// Exit status 7 if the state had been another one, 74 if the store fails.
pub fn rebuild(path: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    drop(lock(&config.node.data_dir)?);
    let Opened { setting, journal, store } = setting::open(&config)?;
    let failed = |error: &dyn std::fmt::Display| {
        anyhow::Error::from(Failure::new(Exit::StoreFailed, error.to_string()))
    };
    let state = || -> Result<(u64, Digest)> {
        let rows: &dyn Store = store.as_ref();
        let applied = history::applied(rows).map_err(|error| failed(&error))?;
        Ok((applied, history::state_hash(rows).map_err(|error| failed(&error))?))
    };
    let (applied, before) = state()?;
    let doing = output.doing("folding the journal again");
    node::rebuild(&setting).map_err(|error| failed(&error))?;
    drop(doing);
    let (entries, after) = state()?;
    let was_whole = applied == journal.next();
    output.show(
        || {
            json!({
                "entries": entries,
                "before": before.to_string(),
                "after": after.to_string(),
                "same": before == after,
                "was_whole": was_whole,
            })
        },
        || {
            Sheet::new()
                .field("entries", entries)
                .field("state before", before)
                .field("state after", after)
        },
    )?;
    if before == after {
        output.note("the state is the same, byte for byte");
        Ok(())
    } else if was_whole {
        let text = "the state was not what the journal says; it is now";
        Err(Failure::new(Exit::AnswerIsNo, text).into())
    } else {
        output.note(format!("the state had {applied} of {entries} entries; it is whole now"));
        Ok(())
    }
}
