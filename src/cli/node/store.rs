//! Looks at the store of a node that does not run.
//!
//! The engine under the store may end its process when it meets damage, and may overwrite what it
//! takes for the end of its log. So `check` opens a copy, in a process of its own; what that one
//! looks at is in `verify.rs`.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::apart::{self, Copy, Ended};
use crate::cli::node::setting::{self, Opened};
use crate::cli::node::verify;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::Config;
use crate::domain::digest::Digest;
use crate::history;
use crate::journal::store::Store;
use crate::node;

/// Checks the store of a configuration on a copy.
///
/// # Errors
/// Exit status 7 with the first fault, 5 if there is no store, 6 if a node has it.
pub fn check(path: &Path, copy_to: Option<&Path>, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let folder = &config.node.data_dir;
    let lock = apart::lock(folder)?;
    let beside = folder.parent().unwrap_or(Path::new("."));
    let copy = Copy::beside(copy_to.unwrap_or(beside), "check");
    {
        let _doing = output.doing(format!("copying {}", folder.display()));
        copy.fill(folder)?;
    }
    let doing = output.doing("checking the copy");
    let opened = [OsStr::new("--opened"), copy.path().as_os_str()];
    let ended = apart::run("check", path, &opened)?;
    drop(doing);
    drop(lock);
    drop(copy);
    match ended {
        Ended::Done(verdict) => {
            let text = sheet(&verdict);
            output.show(|| verdict, || text)
        }
        Ended::Crashed(first) => Err(verify::no(format!("the store can't be read: {first}"))),
        Ended::Failed(failure) => Err(failure.into()),
    }
}

pub(super) fn sheet(verdict: &Value) -> Sheet {
    let fields = verdict.as_object().into_iter().flatten();
    let counts = fields.filter_map(|(name, value)| Some((name, value.as_u64()?)));
    let rows = counts.map(|(name, count)| [name.replace('_', " "), count.to_string()]);
    Sheet::new().field("verdict", "the store holds").table(["what", "count"], rows)
}

/// Folds the journal again from its first entry, and compares the state.
///
/// # Errors
/// Exit status 7 if the state had been another one, 74 if the store fails.
pub fn rebuild(path: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    drop(apart::lock(&config.node.data_dir)?);
    let Opened { setting, store, .. } = setting::open(&config)?;
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
    let was_whole = applied == setting.next();
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
