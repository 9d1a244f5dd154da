//! Verifies statements from files: no node, no network, only the directory.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::audit::replay;
use crate::cli::call;
use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::proof::{self, Proven};
use crate::cli::sheet::Sheet;
use crate::directory::Directory;
use crate::wire::pb;

/// A statement that holds, to be shown.
pub struct Shown(Proven);

impl Shown {
    /// Judges a statement.
    ///
    /// # Errors
    /// Exit status 7 with the reason.
    pub fn judge(directory: &Directory, statement: pb::Statement, what: &str) -> Result<Self> {
        proof::check(directory, statement).map(Self).map_err(|why| {
            let mut failure =
                Failure::new(Exit::AnswerIsNo, format!("{what} does not hold: {why}"));
            failure.json = json!({ "verified": false, "fault": why });
            failure.into()
        })
    }

    fn witnesses(&self, directory: &Directory) -> Vec<String> {
        let found = proof::witnesses(directory, &self.0.signed);
        found.iter().map(ToString::to_string).collect()
    }

    fn to_json(&self, directory: &Directory) -> Value {
        json!({
            "verified": true,
            "index": self.0.index,
            "size": self.0.signed.checkpoint.size,
            "root": self.0.signed.checkpoint.root.to_string(),
            "witnesses": self.witnesses(directory),
            "states": replay::entry_json(&self.0.entry),
        })
    }

    /// For people.
    pub fn sheet(&self, directory: &Directory, output: &Output) -> Sheet {
        let Proven { entry, index, signed } = &self.0;
        let sheet = Sheet::new()
            .field("verdict", "the entry stands in the journal, and the signature holds")
            .field("journal", &entry.journal)
            .field("entry", format!("{index} of {}", signed.checkpoint.size))
            .field("states", entry.fact.name())
            .field("recorded", output.times().exact(entry.recorded_at))
            .field("cosigned by", self.witnesses(directory).join(" "));
        let detail = replay::detail(&entry.fact);
        detail.into_iter().fold(sheet, |sheet, (name, value)| sheet.field(name, value))
    }
}

/// A proof as it is, where nothing can be said about it.
pub fn bare(proof: &[u8]) -> Sheet {
    Sheet::new().line(String::from_utf8_lossy(proof))
}

/// Verifies one statement.
///
/// # Errors
/// Exit status 7 if it does not hold; what keeps the files from being read.
pub fn files(global: &Global, proof: &Path, entry: &Path, output: &Output) -> Result<()> {
    let directory = call::trusted_directory(global)?;
    let shown = Shown::judge(&directory, read(proof, entry)?, &proof.display().to_string())?;
    output.show(|| shown.to_json(&directory), || shown.sheet(&directory, output))
}

fn read(proof: &Path, entry: &Path) -> Result<pb::Statement> {
    Ok(pb::Statement {
        entry: file::read(entry, file::SMALL_BYTES_MAX)?,
        proof: file::read(proof, file::SMALL_BYTES_MAX)?,
    })
}

/// Verifies every statement of a folder.
///
/// # Errors
/// Exit status 7 if one does not hold, 5 if there is none.
pub fn folder(global: &Global, folder: &Path, output: &Output) -> Result<()> {
    let directory = call::trusted_directory(global)?;
    let mut failed = 0_u64;
    let mut stream = output.stream();
    let proofs = proofs_in(folder)?;
    for proof in &proofs {
        let name = proof.display().to_string();
        let statement = read(proof, &proof.with_extension("entry"))?;
        match Shown::judge(&directory, statement, "it") {
            Ok(shown) => stream.push(
                || {
                    let mut object = shown.to_json(&directory);
                    if let Value::Object(object) = &mut object {
                        object.insert("file".to_owned(), json!(name));
                    }
                    object
                },
                || Sheet::new().row(["holds".to_owned(), name.clone(), row(&shown)]),
            )?,
            Err(error) => {
                failed = failed.saturating_add(1);
                stream.push(
                    || json!({ "verified": false, "file": name, "fault": sentence(&error) }),
                    || Sheet::new().row(["FAILS".to_owned(), name.clone(), sentence(&error)]),
                )?;
            }
        }
    }
    stream.finish()?;
    if failed > 0 {
        let text = format!("{failed} of {} statements do not hold", proofs.len());
        return Err(Failure::new(Exit::AnswerIsNo, text).into());
    }
    Ok(())
}

fn row(shown: &Shown) -> String {
    let entry = &shown.0.entry;
    format!("{} {} {}", entry.fact.name(), entry.journal, entry.recorded_at)
}

fn proofs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "tlog-proof") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        let text = format!("there is no .tlog-proof file in {}", folder.display());
        return Err(Failure::new(Exit::NotFound, text).into());
    }
    Ok(found)
}
