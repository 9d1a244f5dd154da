//! Looks at the store of a node that does not run.
//!
//! The engine under the store may end its process when it meets damage, and may overwrite what it
//! takes for the end of its log. So `check` opens a copy, in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
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

/// The folder of the published journal, where it lies in that of the store.
pub(super) const TILES: &str = "tiles";
/// How a process of ours ends that panicked.
const PANICKED: u8 = 101;
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
        .args(["-o", "json"])
        .stdin(Stdio::null())
        .output()
        .context("starting the check")?;
    drop(doing);
    drop(lock);
    drop(copy);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    match done.status.code().and_then(|it| u8::try_from(it).ok()) {
        Some(0) => {
            let verdict: Value = serde_json::from_slice(&done.stdout)?;
            let text = sheet(&verdict);
            output.show(|| verdict, || text)
        }
        Some(PANICKED) | None => {
            let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it ended");
            Err(no(format!("the store can't be read: {first}")))
        }
        Some(_) => Err(passed_on(&said)),
    }
}

/// What the process that checked the copy said, as our own.
fn passed_on(said: &str) -> anyhow::Error {
    let Ok(json) = serde_json::from_str::<Value>(said.trim()) else {
        return anyhow!("{}", said.trim());
    };
    let text = json.get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = json.get("exit_code").and_then(Value::as_u64);
    let known = [Exit::Refused, Exit::AnswerIsNo, Exit::NotFound];
    let exit = known.into_iter().find(|it| Some(u64::from(it.number())) == number);
    Failure { exit: exit.unwrap_or(Exit::Failed), text, json }.into()
}

fn sheet(verdict: &Value) -> Sheet {
    let fields = verdict.as_object().into_iter().flatten();
    let counts = fields.filter_map(|(name, value)| Some((name, value.as_u64()?)));
    let rows = counts.map(|(name, count)| [name.replace('_', " "), count.to_string()]);
    Sheet::new().field("verdict", "the store holds").table(["what", "count"], rows)
}

/// Keeps a node from starting while its store is looked at.
pub(super) fn lock(folder: &Path) -> Result<std::fs::File> {
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

/// A copy of a store, without what is published beside it; it goes with the value.
pub(super) struct Copy(pub(super) PathBuf);

impl Copy {
    pub(super) fn fill(&self, from: &Path) -> Result<()> {
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
        if entry.file_name() == TILES {
            continue;
        }
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
        Err(error) => no(format!("the store can't be opened: {}", error.root_cause())),
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
    let verified = json!({
        "verified": true,
        "entries": checked.entries,
        "checkpoints": checked.checkpoints,
        "rows": checked.rows,
        "statements": verdict.as_ref().map_or(0, |it| it.statements),
        "countersigned": verdict.as_ref().map_or(0, |it| it.countersigned),
        "folded_entries": applied,
    });
    let text = sheet(&verified);
    output.show(|| verified, || text)
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
