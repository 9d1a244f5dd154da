//! `node salvage`: writes all that still verifies in a damaged store into a new one, and lists what
//! is lost. The damaged store is only ever copied.
//!
//! A process of its own reads the copy. Before each unit it notes what it is about to read; if it
//! ends there, it is started again and leaves that unit out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::node::apart::{self, Copy, Ended};
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::node::setting;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::{Config, NodeKeys};
use crate::entropy::{Entropy, SystemEntropy};
use crate::envelope::storage::StorageKey;
use crate::history::table;
use crate::journal::remains::Remains;
use crate::journal::sealed;
use crate::journal::store::{DiskStore, Sealed};
use crate::journal::volumes::{self, Volume};
use crate::node::copy::salvage::{Source, salvage};
use crate::redact::Secret;

/// Units that may be left out because reading them ended the process.
const LEFT_OUT_MAX: usize = 64;
/// Longest name of a unit, in bytes; shorter ones are filled up, so that each covers the last.
const UNIT_BYTES: usize = 128;
/// The unit before all others: opening the store.
const OPENING: &str = "open";

/// Salvages the store of a configuration into `to`.
///
/// # Errors
/// Exit status 7 if anything is lost (the new store is there all the same) or nothing can be read,
/// 6 if `to` is not empty or a node has the store, 5 if there is no store.
pub fn run(path: &Path, to: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    apart::must_be_empty(to)?;
    let list = with_ending(to, ".lost.json");
    file::must_be_free([list.as_path()])?;
    let folder = &config.node.data_dir;
    let lock = apart::lock(folder)?;
    let work = Copy::beside(to.parent().unwrap_or(Path::new(".")), "salvage");
    file::make_folder(work.path())?;
    let report = attempts(path, folder, work.path(), output)?;
    drop(lock);
    apart::put_in_place(&work.path().join("new"), to)
        .with_context(|| format!("writing {}", to.display()))?;
    drop(work);
    let lost = report.get("lost").and_then(Value::as_array).map_or(0, Vec::len);
    file::write_new(&list, format!("{:#}\n", report["lost"]).as_bytes(), file::OWNER_ONLY)?;
    let text = sheet(&report);
    output.show(|| report, || text)?;
    output.note(format!(
        "the store is in {}, the list of what is lost in {}",
        to.display(),
        list.display()
    ));
    output.note("a node that starts on it asks its neighbours first what they have seen");
    if lost == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::AnswerIsNo, format!("{lost} things are lost; they are listed")).into())
}

fn with_ending(path: &Path, ending: &str) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Starts the process again and again, each time on a fresh copy, until it comes to its end.
fn attempts(path: &Path, folder: &Path, work: &Path, output: &Output) -> Result<Value> {
    let (mut left_out, mut log_alone) = (BTreeSet::new(), false);
    while left_out.len() <= LEFT_OUT_MAX {
        let (copy, new) = (Copy::at(work.join("copy")), work.join("new"));
        {
            let _doing = output.doing(format!("copying {}", folder.display()));
            copy.fill(folder)?;
        }
        if log_alone {
            set_aside(copy.path())?;
        }
        if new.exists() {
            std::fs::remove_dir_all(&new).context("beginning again")?;
        }
        let units: Vec<&str> = left_out.iter().map(String::as_str).collect();
        let units = units.join("\n");
        let at = work.join("at");
        let arguments = [OsStr::new("--to"), new.as_os_str(), OsStr::new("--opened")];
        let more = [copy.path().as_os_str(), OsStr::new("--at"), at.as_os_str()];
        let last = [OsStr::new("--leave-out"), OsStr::new(&units)];
        let _doing = output.doing("reading what can be read");
        let why = match apart::run("salvage", path, &[&arguments[..], &more, &last].concat())? {
            Ended::Done(report) => return Ok(report),
            Ended::Failed(failure) if failure.exit != Exit::StoreFailed => {
                return Err(failure.into());
            }
            Ended::Failed(failure) => failure.text,
            Ended::Crashed(first) => first,
        };
        let unit = std::fs::read_to_string(&at).unwrap_or_default().trim().to_owned();
        if unit != OPENING && !unit.is_empty() {
            left_out.insert(unit);
        } else if log_alone {
            let text = format!("nothing can be read, all is lost: {why}");
            return Err(Failure::new(Exit::AnswerIsNo, text).into());
        } else {
            log_alone = true;
        }
    }
    Err(Failure::new(Exit::AnswerIsNo, "reading ends the process wherever it begins").into())
}

/// The log can do without snapshots and the engine's own settings (measured): both are made again.
fn set_aside(copy: &Path) -> Result<()> {
    for entry in std::fs::read_dir(copy)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "conf" || name.to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What the process that [`run`] starts is told.
pub struct Told<'a> {
    /// The copy that is read.
    pub copy: &'a Path,
    /// The new store.
    pub to: &'a Path,
    /// The file that says what is read next.
    pub at: &'a Path,
    /// Units that are left out, one a line.
    pub leave_out: &'a str,
}

/// Reads a copy; what the process that [`run`] starts does.
///
/// # Errors
/// Exit status 74 if the copy does not open or the new store fails.
pub fn read_copy(path: &Path, told: &Told<'_>, output: &Output) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        anyhow::Error::from(Failure::new(Exit::StoreFailed, error.to_string()))
    };
    let at = OpenOptions::new().create(true).truncate(true).write(true).open(told.at)?;
    note(&at, OPENING)?;
    let mut config = Config::load(path)?;
    config.node.data_dir = told.to.to_owned();
    let opened = DiskStore::open_remains(told.copy, config.store.cache_bytes);
    let (store, commits) = opened.map_err(|error| failed(&error))?;
    let mut own = OwnKeys::load(&config)?;
    own.files.storage = storage_key(&store, &own.files);
    let storage = StorageKey::new(own.files.storage.second());
    let store = Arc::new(Sealed::over_remains(store, &storage, table::hidden_id));
    let most =
        setting::directory(&config)?.agency(&config.node.agency).map_or(0, |it| it.journals.len());
    let before = volumes::told(store.as_ref(), u16::try_from(most)?.saturating_sub(1));
    let new = setting::open_fresh(&config, &own, usize::from(before))?;
    let slots =
        setting::slots(told.copy, store.as_ref(), &new.setting.keys, random(), &Arc::default());
    let slots = slots.inspect_err(|error| tracing::warn!(%error, "content can't be opened")).ok();
    let files = setting::files(told.copy);
    let files = files.inspect_err(|error| tracing::warn!(%error, "attachments are lost")).ok();
    let volumes = new.setting.before.volumes().iter().chain([&new.setting.journal]);
    let remains = (0..)
        .zip(volumes)
        .map(|(ordinal, volume)| Remains::of(Volume::of(&store, ordinal), volume.name().clone()));
    let remains = remains.collect::<Result<Vec<_>, _>>();
    let remains = remains.map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
    let mut noted = Ok(());
    let mut enter = |unit: &str| {
        noted = note(&at, unit);
        noted.is_ok() && !told.leave_out.lines().any(|it| it == unit)
    };
    let source = Source {
        store: &store,
        slots: slots.as_ref(),
        files: files.as_ref(),
        remains: &remains,
        commits,
        enter: &mut enter,
    };
    let (counts, lost) = salvage(&new.setting, source).map_err(|error| failed(&error))?;
    noted.context("noting what is read")?;
    let report = json!({
        "entries": counts.entries,
        "checkpoints": counts.checkpoints,
        "contents": counts.contents,
        "statements": counts.statements,
        "records": counts.records,
        "lost": lost,
    });
    let text = sheet(&report);
    output.show(|| report, || text)
}

/// The storage key under which what is left of a store is sealed: while it is replaced there are several,
/// and the rows tell. The new store is sealed under the same one, and a rotation goes on from there.
fn storage_key(store: &DiskStore, own: &NodeKeys) -> Secret<32> {
    let all = std::iter::once(&own.storage).chain(own.storage_before.iter().rev());
    let fits = |key: &&Secret<32>| sealed::bears(store, &StorageKey::new(key.second()));
    let found = all.into_iter().find(|key| own.storage_before.is_empty() || fits(key));
    found.unwrap_or(&own.storage).second()
}

fn random() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

fn note(at: &File, unit: &str) -> std::io::Result<()> {
    at.write_all_at(format!("{unit:UNIT_BYTES$}").as_bytes(), 0)
}

fn sheet(report: &Value) -> Sheet {
    let counts = report.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?)));
    let sheet =
        Sheet::new().table(["saved", "count"], counts.map(|(name, it)| [name, it.to_string()]));
    let listed = report.get("lost").and_then(Value::as_array).into_iter().flatten();
    let rows = listed.map(|it| {
        let text = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        [text("what"), which(it), text("why")]
    });
    sheet.table(["lost", "which", "why"], rows)
}

/// Which one is lost, for a person.
fn which(lost: &Value) -> String {
    let number = |name: &str| lost.get(name).and_then(Value::as_u64);
    let text = |name: &str| lost.get(name).and_then(Value::as_str).map(str::to_owned);
    let end = number("to").map_or("…".to_owned(), |to| to.saturating_sub(1).to_string());
    number("from")
        .map(|from| format!("{from}–{end}"))
        .or_else(|| text("message"))
        .or_else(|| text("key"))
        .or_else(|| number("position").or(number("size")).map(|it| it.to_string()))
        .unwrap_or_default()
}
