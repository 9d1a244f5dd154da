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
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::domain::fact::{EntryParts, Fact};
use crate::domain::retention::ErasureCause;
use crate::wire::pb;

/// A statement that holds, to be shown.
pub struct Shown {
    proven: Proven,
    /// The entry by which the content of its message was erased, where one is known.
    erasure: Option<EntryParts>,
}

/// When and why an entry says that content was erased.
fn erasure_of(entry: &EntryParts) -> Option<(Timestamp, ErasureCause)> {
    let Fact::ContentErased { cause, .. } = &entry.fact else {
        return None;
    };
    Some((entry.recorded_at, *cause))
}

impl Shown {
    /// Judges a statement.
    ///
    /// # Errors
    /// Exit status 7 with the reason.
    pub fn judge(directory: &Directory, statement: pb::Statement, what: &str) -> Result<Self> {
        let shown = |proven| Self { proven, erasure: None };
        proof::check(directory, statement).map(shown).map_err(|why| {
            let mut failure =
                Failure::new(Exit::AnswerIsNo, format!("{what} does not hold: {why}"));
            failure.json = json!({ "verified": false, "fault": why });
            failure.into()
        })
    }

    /// The same, with the statement of the same journal that the content of its message is erased.
    ///
    /// # Errors
    /// Exit status 7 if that does not hold, or is about another message.
    pub fn erased_by(self, directory: &Directory, statement: pb::Statement) -> Result<Self> {
        let erasure = Self::judge(directory, statement, "the proof of the erasure")?.proven.entry;
        let own = &self.proven.entry;
        let same = erasure.journal == own.journal && erasure.fact.message() == own.fact.message();
        if !same || erasure_of(&erasure).is_none() {
            let text = "the proof of the erasure is about something else";
            return Err(Failure::new(Exit::AnswerIsNo, text).into());
        }
        Ok(Self { erasure: Some(erasure), ..self })
    }

    /// The same, with the entry among these by which its journal says that the content of its message
    /// is erased.
    fn among(mut self, erasures: &[EntryParts]) -> Self {
        let own = &self.proven.entry;
        let about = |it: &&EntryParts| {
            it.journal == own.journal && it.fact.message() == own.fact.message() && *it != own
        };
        self.erasure = erasures.iter().find(about).cloned();
        self
    }

    fn row(&self, output: &Output) -> String {
        let entry = &self.proven.entry;
        let states = format!("{} {} {}", entry.fact.name(), entry.journal, entry.recorded_at);
        match self.told(output) {
            none if none.is_empty() => states,
            erased => format!("{states}; {erased}"),
        }
    }

    /// When and why the content of its message was erased, where that is known.
    fn erased(&self) -> Option<(Timestamp, ErasureCause)> {
        self.erasure.as_ref().and_then(erasure_of)
    }

    fn witnesses(&self, directory: &Directory) -> Vec<String> {
        let found = proof::witnesses(directory, &self.proven.signed);
        found.iter().map(ToString::to_string).collect()
    }

    fn to_json(&self, directory: &Directory) -> Value {
        let erased = self
            .erased()
            .map(|(at, cause)| json!({ "on": at.to_string(), "reason": cause.as_str() }));
        json!({
            "verified": true,
            "content_erased": erased,
            "index": self.proven.index,
            "size": self.proven.signed.checkpoint.size,
            "root": self.proven.signed.checkpoint.root.to_string(),
            "witnesses": self.witnesses(directory),
            "states": replay::entry_json(&self.proven.entry),
        })
    }

    /// What is said of content that is gone; empty while nothing says that it is.
    fn told(&self, output: &Output) -> String {
        let told = |(at, cause)| format!("content erased on {} ({cause})", output.times().at(at));
        self.erased().map(told).unwrap_or_default()
    }

    /// For people.
    pub fn sheet(&self, directory: &Directory, output: &Output) -> Sheet {
        let Proven { entry, index, signed } = &self.proven;
        let sheet = Sheet::new()
            .field("verdict", "the entry stands in the journal, and the signature holds")
            .field("journal", &entry.journal)
            .field("entry", format!("{index} of {}", signed.checkpoint.size))
            .field("states", entry.fact.name())
            .field("recorded", output.times().exact(entry.recorded_at))
            .field("cosigned by", self.witnesses(directory).join(" "))
            .field("content", self.told(output));
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
    let mut judged = Vec::with_capacity(proofs.len());
    for proof in &proofs {
        let statement = read(proof, &proof.with_extension("entry"))?;
        judged.push((proof.display().to_string(), Shown::judge(&directory, statement, "it")));
    }
    let holding = judged.iter().filter_map(|(_, it)| it.as_ref().ok());
    let erasures: Vec<EntryParts> =
        holding.map(|it| &it.proven.entry).filter(|it| erasure_of(it).is_some()).cloned().collect();
    for (name, shown) in judged {
        match shown.map(|it| it.among(&erasures)) {
            Ok(shown) => stream.push(
                || {
                    let mut object = shown.to_json(&directory);
                    if let Value::Object(object) = &mut object {
                        object.insert("file".to_owned(), json!(name));
                    }
                    object
                },
                || Sheet::new().row(["holds".to_owned(), name.clone(), shown.row(output)]),
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
