//! Sends a message: names the call, shows where it would go, asks, sends, verifies the receipt.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::cli::args::Global;
use crate::cli::call::{self, Line};
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::file;
use crate::cli::marks;
use crate::cli::output::{Output, escaped};
use crate::cli::proof::{self, Expected};
use crate::cli::request::attach::{self, Attach};
use crate::cli::request::wait::{self, Goal};
use crate::cli::request::{addressed, approve, check};
use crate::cli::sheet::Sheet;
use crate::cli::times::{parse_duration, whole_seconds};
use crate::transport::client::ClientError;
use crate::wire::{json, pb};

/// How to send a message file.
#[derive(Debug, Args)]
pub struct Sending {
    /// The message file; - reads stdin
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// How it is sent.
    #[command(flatten)]
    pub options: Options,
}

/// How to send, whatever is sent.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The file of an attachment; without it the one of its name beside the message file
    #[arg(long = "attach", value_name = "ID=PATH")]
    pub attach: Vec<Attach>,
    /// The folder of the message file.
    #[arg(skip)]
    pub beside: Option<PathBuf>,
    /// Names the call; the same key with the same message is the same call
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// The message expires after this time
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub expires_in: Option<Duration>,
    /// Send it as an exercise: marked everywhere, and without effect in law
    #[arg(long)]
    pub exercise: bool,
    /// Let the node check everything and show the route; nothing is sent
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before sending
    #[arg(short, long)]
    pub yes: bool,
    /// Never ask anything; on a terminal this needs --yes
    #[arg(long)]
    pub no_input: bool,
    /// Wait until the message has reached this station
    #[arg(long, value_enum, value_name = "STATION")]
    pub wait: Option<Goal>,
    /// Wait at most this long, then end with exit code 8
    #[arg(long, value_parser = parse_duration, default_value = "5m", value_name = "TIME")]
    pub timeout: Duration,
    /// Write the receipt to BASE.tlog-proof and BASE.entry
    #[arg(long, value_name = "BASE")]
    pub save_receipt: Option<PathBuf>,
}

impl Options {
    /// Remembers the folder of the message file: attachments are looked for there.
    pub fn lies_beside(&mut self, file: &Path) {
        let is_file = file != Path::new("-");
        self.beside = is_file.then(|| file.parent().unwrap_or(Path::new("")).to_owned());
    }

    /// Marks the message as an exercise, where that was said.
    pub fn mark(&self, draft: &mut pb::Draft) {
        if self.exercise {
            draft.exercise = Some(true);
        }
    }
}

/// Sends a file.
///
/// # Errors
/// What is wrong with the file, what the node answers, a receipt that does not hold.
pub async fn run(mut sending: Sending, global: &Global, output: &Output) -> Result<()> {
    let mut draft = check::read(&sending.file)?;
    sending.options.lies_beside(&sending.file);
    sending.options.mark(&mut draft);
    check::judge(&sending.file, &draft)?;
    let line = Line::open(global).await?;
    send(&line, draft, &sending.options, output).await
}

/// Sends a draft.
///
/// # Errors
/// As [`run`].
pub async fn send(line: &Line, draft: pb::Draft, options: &Options, output: &Output) -> Result<()> {
    if let Some(base) = &options.save_receipt {
        let [proof, entry] = receipt_paths(base, None);
        file::must_be_free([proof.as_path(), entry.as_path()])?;
    }
    let key = options.idempotency_key.clone().unwrap_or_else(call::new_key);
    let asked = pb::SendMessageRequest {
        idempotency_key: key.clone(),
        draft: Some(draft),
        expires_in_seconds: options.expires_in.map_or(0, whole_seconds),
        validate_only: options.dry_run,
    };
    if options.dry_run {
        let answer = line.client.send_message(asked).await?;
        output.show(|| json::from_message(&answer), || planned(&answer))?;
        tell_findings(&answer, output);
        if answer.draft.is_some() {
            output.note("somebody else would have to approve it first");
        }
        output.note("nothing was sent");
        return Ok(());
    }
    let findings_told = confirm(line, &asked, options, output).await?;
    let draft = asked.draft.as_ref().context("a call without a draft")?;
    let files = (options.attach.as_slice(), options.beside.as_deref());
    let attached_bytes = attach::hand_in(line, draft, files, output).await?;
    tell_key(&key, options.idempotency_key.is_some(), output);
    let sent = {
        let _doing = output.doing("sending");
        line.client.send_message_with(asked, attached_bytes).await
    };
    let answer = sent.map_err(|error| unknown(error, "sending", &key))?;
    if let Some(draft) = &answer.draft {
        return not_sent(&answer, draft, output);
    }
    verify(line, &answer, output)?;
    output.show(|| json::from_message(&answer), || accepted(&answer, output))?;
    if !findings_told {
        tell_findings(&answer, output);
    }
    if let Some(base) = &options.save_receipt {
        save(base, &answer, output)?;
    }
    match options.wait {
        Some(goal) => wait::until(line, &answer.messages, goal, options.timeout, output).await?,
        None => {
            if let Some(sent) = answer.messages.first() {
                output
                    .note(format!("follow it: rogatory request show --route {}", sent.request_id));
            }
        }
    }
    Ok(())
}

/// A call whose outcome nobody knows may be repeated under its name; a no is a no.
pub fn unknown(error: ClientError, doing: &str, key: &str) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    match exit::code_of(&error) {
        Exit::Unreachable | Exit::Pending | Exit::Failed => {
            error.context(format!("{doing}; repeat it safely with --idempotency-key {key}"))
        }
        Exit::Done
        | Exit::Usage
        | Exit::Declined
        | Exit::NotPermitted
        | Exit::NotFound
        | Exit::Refused
        | Exit::AnswerIsNo
        | Exit::StoreFailed
        | Exit::Interrupted => error,
    }
}

/// The name of the call comes before the call, so that whoever is interrupted can repeat it.
pub fn tell_key(key: &str, is_given: bool, output: &Output) {
    if !output.is_json() {
        output.note(format!("idempotency key {key}"));
    } else if !is_given {
        // What can't be said on stderr can't be said at all.
        let told = json!({ "idempotency_key": key });
        drop(writeln!(anstream::stderr(), "{}", escaped(&told, false)));
    }
}

/// What the rules found, though the message may go; programs read it in the answer.
fn tell_findings(answer: &pb::SendMessageResponse, output: &Output) {
    for finding in &answer.findings {
        output.note(said(finding));
    }
}

fn said(finding: &pb::Finding) -> String {
    let pb::Finding { rule, pointer, severity, code: _, reason, source } = finding;
    let severity = if severity == "warn" { "warning" } else { severity.as_str() };
    let place = if pointer.is_empty() { "the message" } else { pointer.as_str() };
    let source = if source.is_empty() { String::new() } else { format!(" ({source})") };
    format!("{severity}: {rule} at {place}: {reason}{source}")
}

/// Shows where the message would go and asks, where somebody is there to answer. Says whether it
/// told what the rules found.
async fn confirm(
    line: &Line,
    asked: &pb::SendMessageRequest,
    options: &Options,
    output: &Output,
) -> Result<bool> {
    let somebody = io::stdin().is_terminal() && io::stderr().is_terminal();
    if options.yes || output.is_json() || !somebody {
        return Ok(false);
    }
    if options.no_input {
        let text = "sending is to be confirmed; --yes does that";
        return Err(Failure::new(Exit::Declined, text).into());
    }
    let check = pb::SendMessageRequest { validate_only: true, ..asked.clone() };
    let answer = line.client.send_message(check).await?;
    let draft = asked.draft.clone().unwrap_or_default();
    let exercise = draft.exercise();
    if exercise {
        output.note(marks::EXERCISE_LINE);
    }
    output.note(format!("{} of kind {} from {}", draft.message_type(), draft.kind(), draft.from()));
    for sent in &answer.messages {
        let readers: Vec<&String> = draft
            .to
            .iter()
            .filter(|to| to.starts_with(&format!("{}/", sent.destination)))
            .collect();
        let readers: Vec<&str> = readers.into_iter().map(String::as_str).collect();
        let competence = sent.competence.as_ref();
        let to = competence.map_or_else(|| readers.join(", "), addressed::line);
        output.note(format!("  to {to} by way of {}", sent.route.join(" > ")));
        output.note(format!("  readers: {}", sent.readers.join(", ")));
    }
    let handling = draft.handling.unwrap_or_default();
    let code = match (handling.tlp(), handling.handling_code()) {
        ("", "") => "none is given".to_owned(),
        (tlp, code) => format!("{tlp} {code}").trim().to_owned(),
    };
    output.note(format!("  handling code: {code}"));
    tell_findings(&answer, output);
    let sure = tokio::task::spawn_blocking(move || ask_sure(exercise)).await??;
    if sure { Ok(true) } else { Err(Failure::new(Exit::Declined, "nothing was sent").into()) }
}

fn ask_sure(exercise: bool) -> io::Result<bool> {
    let what = if exercise { marks::EXERCISE } else { "it" };
    let mut err = anstream::stderr().lock();
    write!(err, "Send {what}? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// It waits for somebody else's approval, or did until it ended without one: nothing is sent.
fn not_sent(
    answer: &pb::SendMessageResponse,
    draft: &pb::DraftSummary,
    output: &Output,
) -> Result<()> {
    output.show(|| json::from_message(answer), || Sheet::new().line(approve::in_line(draft)))?;
    let id = &draft.draft_id;
    if draft.state == "waiting" {
        let text = format!("it is not sent yet: somebody else approves draft {id} first");
        return Err(Failure::new(Exit::Pending, text).into());
    }
    let text = format!("it is not sent: draft {id} is {}", draft.state);
    Err(Failure::new(Exit::AnswerIsNo, text).into())
}

/// A message counts as accepted once its receipt holds.
fn verify(line: &Line, answer: &pb::SendMessageResponse, output: &Output) -> Result<()> {
    let Some(directory) = &line.directory else {
        output.note("the receipt is not checked: no directory is named");
        return Ok(());
    };
    for sent in &answer.messages {
        let receipt = sent.receipt.clone().unwrap_or_default();
        let expected = Expected {
            fact: "submitted",
            agency: line.agency.as_str(),
            origin: line.agency.as_str(),
            message: &sent.message_id,
        };
        proof::check_about(directory, receipt, expected).map_err(|why| {
            let text = format!("the receipt of {} does not hold: {why}", sent.message_id);
            Failure::new(Exit::AnswerIsNo, text)
        })?;
    }
    Ok(())
}

fn planned(answer: &pb::SendMessageResponse) -> Sheet {
    let rows = answer.messages.iter().map(|it| {
        [&it.destination, &it.route.join(" > "), &it.readers.join(" "), &it.expires_at]
            .map(String::clone)
    });
    competences(answer).table(["destination", "route", "readers", "expires"], rows)
}

/// To whom competences led.
fn competences(answer: &pb::SendMessageResponse) -> Sheet {
    let named = answer.messages.iter().filter_map(|it| it.competence.as_ref());
    named.map(addressed::line).fold(Sheet::new(), Sheet::line)
}

fn accepted(answer: &pb::SendMessageResponse, output: &Output) -> Sheet {
    let state = if answer.repeated_call { "accepted before" } else { "accepted" };
    let rows = answer.messages.iter().map(|it| {
        [
            state.to_owned(),
            it.message_id.clone(),
            it.request_id.clone(),
            it.destination.clone(),
            it.route.join(" > "),
            it.readers.join(" "),
            output.times().show(&it.expires_at),
        ]
    });
    competences(answer)
        .table(["", "message", "request", "destination", "route", "readers", "expires"], rows)
}

/// Where a receipt goes: proof and entry. A destination's name keeps several apart.
fn receipt_paths(base: &Path, destination: Option<&str>) -> [PathBuf; 2] {
    let text = base.to_string_lossy();
    let text = text.strip_suffix(".tlog-proof").unwrap_or(&text);
    let middle = destination.map(|it| format!(".{it}")).unwrap_or_default();
    ["tlog-proof", "entry"].map(|ending| PathBuf::from(format!("{text}{middle}.{ending}")))
}

/// Writes a statement as two files, which `audit verify --proof` takes.
///
/// # Errors
/// What the system says; nothing is overwritten.
pub fn save_statement(base: &Path, statement: &pb::Statement, output: &Output) -> Result<()> {
    let paths = receipt_paths(base, None);
    write_statement(&paths, statement, output)
}

fn write_statement(
    [proof, entry]: &[PathBuf; 2],
    statement: &pb::Statement,
    output: &Output,
) -> Result<()> {
    file::must_be_free([proof.as_path(), entry.as_path()])?;
    file::write_new(entry, &statement.entry, file::PUBLIC)?;
    file::write_new(proof, &statement.proof, file::PUBLIC)?;
    output.note(format!(
        "verify it anywhere: rogatory audit verify --proof {} --entry {}",
        proof.display(),
        entry.display()
    ));
    Ok(())
}

fn save(base: &Path, answer: &pb::SendMessageResponse, output: &Output) -> Result<()> {
    let several = answer.messages.len() > 1;
    for sent in &answer.messages {
        let destination = several.then_some(sent.destination.as_str());
        let receipt = sent.receipt.clone().unwrap_or_default();
        write_statement(&receipt_paths(base, destination), &receipt, output)
            .context("the message was accepted, and its receipt could not be written")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_of_several_destinations_stand_apart() {
        let paths =
            |base: &str, to| receipt_paths(Path::new(base), to).map(|it| it.into_os_string());
        assert_eq!(paths("out/vessel", None), ["out/vessel.tlog-proof", "out/vessel.entry"]);
        assert_eq!(paths("vessel.tlog-proof", None), ["vessel.tlog-proof", "vessel.entry"]);
        assert_eq!(
            paths("vessel", Some("pan.maritime-authority")),
            ["vessel.pan.maritime-authority.tlog-proof", "vessel.pan.maritime-authority.entry"]
        );
    }

    #[test]
    fn a_finding_is_said_with_its_rule_its_place_and_its_source() {
        let finding = pb::Finding {
            rule: "R-PARTY".to_owned(),
            pointer: "/legal_basis/instruments/0".to_owned(),
            severity: "warn".to_owned(),
            code: "NOT_PARTY".to_owned(),
            reason: "the directory does not say that PAN is a party".to_owned(),
            source: "UNTOC 18(1)".to_owned(),
        };
        let text = "warning: R-PARTY at /legal_basis/instruments/0: the directory does not say \
                    that PAN is a party (UNTOC 18(1))";
        assert_eq!(said(&finding), text);
        let bare = pb::Finding {
            pointer: String::new(),
            severity: "note".to_owned(),
            source: String::new(),
            ..finding
        };
        let text = "note: R-PARTY at the message: the directory does not say that PAN is a party";
        assert_eq!(said(&bare), text);
    }

    #[test]
    fn only_who_says_so_sends_an_exercise() {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let marked = |arguments: &[&str], mut draft: pb::Draft| {
            Line::parse_from(arguments).options.mark(&mut draft);
            draft.exercise
        };
        let said = pb::Draft { exercise: Some(true), ..Default::default() };
        assert_eq!(marked(&["send"], pb::Draft::default()), None);
        assert_eq!(marked(&["send"], said), Some(true), "the file says it");
        assert_eq!(marked(&["send", "--exercise"], pb::Draft::default()), Some(true));
    }
}
