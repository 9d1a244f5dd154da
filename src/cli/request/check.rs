//! Are message files lawful? Judged as far as it can be without a node: shape, and every rule of the
//! law. What hangs on the network, the parties or the request so far is told as not known. Whether an
//! act is possible now is for the node to say.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::call;
use crate::cli::demo::network;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::parties;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::directory::Directory;
use crate::domain::violation::Violation;
use crate::law::{PartyStatus, Standing, Thread, check};
use crate::wire::json::{self, JSON_BYTES_MAX, JsonError};
use crate::wire::{draft, pb, violation};

/// What to judge, and by what.
#[derive(Debug, clap::Args)]
pub struct Checking {
    /// The message files; - reads stdin
    #[arg(short, long = "file", value_name = "FILE", num_args = 1.., required = true)]
    pub files: Vec<PathBuf>,
    /// The directory (TOML), or a list of agencies with their desks (JSON)
    #[arg(long, value_name = "FILE")]
    pub network: Option<PathBuf>,
    /// Who is party to what (TOML), beside the built-in table
    #[arg(long, value_name = "FILE")]
    pub parties: Option<PathBuf>,
}

/// One file and what was found in it.
struct Judged {
    file: String,
    findings: Vec<Violation>,
}

impl Judged {
    fn is_refused(&self) -> bool {
        self.findings.iter().any(Violation::rejects)
    }

    const fn verdict(refused: bool) -> &'static str {
        if refused { "refused" } else { "acceptable" }
    }

    fn to_json(&self) -> Value {
        let finding = |it: &Violation| {
            json!({
                "rule": it.rule,
                "pointer": it.pointer,
                "severity": it.severity.as_str(),
                "code": it.code,
                "reason": it.text,
                "source": it.source,
            })
        };
        let findings: Vec<Value> = self.findings.iter().map(finding).collect();
        let verdict = Self::verdict(self.is_refused());
        json!({ "file": self.file, "verdict": verdict, "findings": findings })
    }
}

/// Judges files.
///
/// # Errors
/// Exit status 6 if one is refused, after all were told.
pub fn run(checking: &Checking, output: &Output) -> Result<()> {
    let directory = checking.network.as_deref().map(read_network).transpose()?;
    let parties = parties::read(checking.parties.as_deref())?;
    let now = SystemClock.now();
    let mut judged = Vec::new();
    for path in &checking.files {
        let findings = findings(path, directory.as_ref(), &parties, now)?;
        judged.push(Judged { file: path.display().to_string(), findings });
    }
    let all = || json!({ "files": judged.iter().map(Judged::to_json).collect::<Vec<_>>() });
    output.list(all, "files", || sheet(&judged))?;
    let refused = judged.iter().filter(|it| it.is_refused()).count();
    if refused > 0 {
        let text = format!("refused: {refused} of {} files", judged.len());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    if let [only] = judged.as_slice() {
        output.note(format!("send it: rogatory request send -f {}", only.file));
    }
    Ok(())
}

fn sheet(judged: &[Judged]) -> Sheet {
    judged.iter().fold(Sheet::new(), |sheet, one| {
        let verdict = Judged::verdict(one.is_refused());
        let told = |sheet: Sheet, it: &Violation| sheet.line(format!("  {}: {it}", it.severity));
        one.findings.iter().fold(sheet.line(format!("{} is {verdict}", one.file)), told)
    })
}

fn findings(
    path: &Path,
    directory: Option<&Directory>,
    parties: &PartyStatus,
    now: Timestamp,
) -> Result<Vec<Violation>> {
    let bytes = file::read_body(path, u64::try_from(JSON_BYTES_MAX).unwrap_or(u64::MAX))?;
    let thread = Thread::default();
    let standing = Standing { directory, parties, now, thread };
    Ok(match json::read_file(&bytes) {
        Ok(draft) => check(&draft, &standing),
        Err(error) => violation::of_json(error),
    })
}

/// A network for the rules: a directory, or the short JSON form of one.
fn read_network(path: &Path) -> Result<Directory> {
    let text = file::read_text(path, file::DIRECTORY_BYTES_MAX)?;
    if !text.trim_start().starts_with('{') {
        return call::read_directory(path);
    }
    network::desks(&text).map_err(|error| {
        Failure::new(Exit::Refused, format!("{}: {error:#}", path.display())).into()
    })
}

/// Reads a message file.
///
/// # Errors
/// Exit status 6 with every field that is unknown or ill-typed.
pub fn read(path: &Path) -> Result<pb::Draft> {
    let bytes = file::read_body(path, u64::try_from(JSON_BYTES_MAX).unwrap_or(u64::MAX))?;
    let shown = path.display();
    json::read_file(&bytes).map_err(|error| match error {
        JsonError::Invalid(violations) => {
            let count = violations.len();
            let text = format!("{shown}: {count} fields are unknown or ill-typed");
            Failure::violations(text, &violations).into()
        }
        JsonError::TooLarge { .. } | JsonError::TooDeep | JsonError::NotJson { .. } => {
            Failure::new(Exit::Refused, format!("{shown}: {error}")).into()
        }
    })
}

/// Judges what was read.
///
/// # Errors
/// Exit status 6 with every violation.
pub fn judge(path: &Path, read: &pb::Draft) -> Result<()> {
    match draft::read(read.clone()) {
        Ok(_) => Ok(()),
        Err(violations) => {
            let count = violations.len();
            let text = format!("{}: {count} rules are broken", path.display());
            Err(Failure::violations(text, &violations).into())
        }
    }
}
