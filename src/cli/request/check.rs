//! Are message files lawful? Judged as far as it can be without a node: shape, and every rule of the
//! law. What hangs on the network, the parties or the request so far is told as not known. Whether an
//! act is possible now is for the node to say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::call;
use crate::cli::demo::network;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::parties;
use crate::cli::request::addressed;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::directory::{Directory, Route};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::kinds::KindCode;
use crate::domain::violation::Violation;
use crate::law::competence::addressed as addressed_to;
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
    competence: Option<pb::ResolvedCompetence>,
    ways: Vec<Way>,
}

/// Which way the file's message would take to one agency, and who could read it.
struct Way {
    destination: AgencyId,
    route: Route,
}

impl Way {
    fn readers(&self) -> Vec<&str> {
        self.route.readers.iter().chain([&self.destination]).map(AgencyId::as_str).collect()
    }

    fn hops(&self) -> Vec<&str> {
        self.route.hops.iter().map(AgencyId::as_str).collect()
    }

    fn to_json(&self) -> Value {
        let (route, readers) = (self.hops(), self.readers());
        json!({ "destination": self.destination.as_str(), "route": route, "readers": readers })
    }

    fn line(&self) -> String {
        let (route, readers) = (self.hops().join(" > "), self.readers().join(", "));
        format!("  to {} by way of {route}; readers: {readers}", self.destination)
    }
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
        let ways: Vec<Value> = self.ways.iter().map(Way::to_json).collect();
        let competence = self.competence.as_ref().map(json::from_message);
        json!({
            "file": self.file,
            "verdict": verdict,
            "findings": findings,
            "competence": competence,
            "ways": ways,
        })
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
        judged.push(found(path, directory.as_ref(), &parties, now)?);
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
        let sheet =
            one.findings.iter().fold(sheet.line(format!("{} is {verdict}", one.file)), told);
        let resolved = one.competence.iter().map(|it| format!("  {}", addressed::line(it)));
        let sheet = resolved.fold(sheet, Sheet::line);
        one.ways.iter().fold(sheet, |sheet, way| sheet.line(way.line()))
    })
}

/// What the rules find, to whom a competence leads, and the ways that the directory has; none in a
/// network without links.
fn found(
    path: &Path,
    directory: Option<&Directory>,
    parties: &PartyStatus,
    now: Timestamp,
) -> Result<Judged> {
    let file = path.display().to_string();
    let bytes = file::read_body(path, u64::try_from(JSON_BYTES_MAX).unwrap_or(u64::MAX))?;
    let thread = Thread::default();
    let standing = Standing { directory, parties, now, thread };
    let draft = match json::read_file(&bytes) {
        Ok(draft) => draft,
        Err(error) => {
            let (findings, ways) = (violation::of_json(error), Vec::new());
            return Ok(Judged { file, findings, competence: None, ways });
        }
    };
    let said = addressed_to(&draft, &standing);
    let competence = draft.competence.as_ref().filter(|_| said.competence.is_none());
    let competence = competence.map(|it| pb::ResolvedCompetence {
        country: it.country().to_owned(),
        function: it.function().to_owned(),
        contact_point: said.to.first().cloned().unwrap_or_default(),
        directory_version: directory.map(Directory::version).unwrap_or_default(),
    });
    let (findings, ways) = (check(&draft, &standing), ways(&said, directory));
    Ok(Judged { file, findings, competence, ways })
}

/// The way to each agency that the file names, as a node of its sender would take it now.
fn ways(draft: &pb::Draft, directory: Option<&Directory>) -> Vec<Way> {
    let desk = |text: &str| text.parse::<ContactPointId>().ok();
    let (from, kind) = (desk(draft.from()), draft.kind().parse::<KindCode>().ok());
    let (Some(directory), Some(from), Some(kind)) = (directory, from, kind) else {
        return Vec::new();
    };
    let to: BTreeSet<AgencyId> =
        draft.to.iter().filter_map(|it| Some(desk(it)?.agency().clone())).collect();
    let way = |destination: AgencyId| {
        let routes = directory.routes(from.agency(), &destination, kind.channel);
        Some(Way { route: routes.into_iter().next()?, destination })
    };
    to.into_iter().filter_map(way).collect()
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
