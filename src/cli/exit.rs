//! Exit codes: an auditor's script must tell "the journal is bad" from "the tool broke".

use std::fmt;
use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::cli::output::escaped;
use crate::cli::sheet::{visible, visible_lines};
use crate::config::ConfigError;
use crate::config::context::ContextError;
use crate::config::directory::FolderError;
use crate::config::keys::KeyError;
use crate::config::note_keys::NoteKeyError;
use crate::domain::unseen;
use crate::domain::violation::Violation;
use crate::history::rows::HistoryError;
use crate::journal::JournalError;
use crate::journal::files::FileError;
use crate::journal::slots::SlotError;
use crate::journal::store::StoreError;
use crate::transport::client::ClientError;
use crate::transport::tls::stream::ConnectError;
use crate::transport::told::ToldViolation;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, an empty list too.
    Done = 0,
    /// Failed, unclassified.
    Failed = 1,
    /// Bad command line (clap's own).
    Usage = 2,
    /// Declined at a prompt, or cancelled.
    Declined = 3,
    /// Not authenticated or not permitted.
    NotPermitted = 4,
    /// No such thing.
    NotFound = 5,
    /// Content or state refuses.
    Refused = 6,
    /// Ran well; the answer is no.
    AnswerIsNo = 7,
    /// Still pending when the time ran out.
    Pending = 8,
    /// Node or peer not reachable, or overloaded.
    Unreachable = 9,
    /// The store failed; do not start again before the disk was looked at.
    StoreFailed = 74,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The number that the process ends with.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// The table of `rogatory help exit-codes`.
pub const TABLE: &str = "  0  done (an empty list too)
  1  failed, unclassified
  2  bad command line, or it leaves open whom to talk to
  3  declined at a prompt, or cancelled
  4  not authenticated or not permitted
  5  no such thing
  6  content or state refuses; a file that is wrong
  7  ran well, the answer is no: a proof does not hold, a store is damaged, a node does not serve
  8  still pending when --timeout ran out
  9  node or peer not reachable, or overloaded; try later
 74  the node's store failed; `rogatory node check` before the next start
130  interrupted
";

/// An error with the exit code that it deserves.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What to say on stderr.
    pub text: String,
    /// The same for programs.
    pub json: Value,
}

impl Failure {
    /// A failure with a sentence.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        let text = text.into();
        let json = json!({ "error": text });
        Self { exit, text, json }
    }

    /// A file whose content breaks rules: all of them.
    pub fn violations(text: impl Into<String>, violations: &[Violation]) -> Self {
        let text = text.into();
        let lines: String = violations.iter().map(|it| format!("\n  {it}")).collect();
        let listed: Vec<Value> = violations
            .iter()
            .map(|it| json!({ "pointer": it.pointer, "code": it.code, "text": it.text }))
            .collect();
        let json = json!({ "error": text, "violations": listed });
        Self { exit: Exit::Refused, text: text + &lines, json }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// The exit code that an error of any kind deserves.
pub fn code_of(error: &anyhow::Error) -> Exit {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.exit;
    }
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return of_client(error);
    }
    if let Some(error) = error.downcast_ref::<ContextError>() {
        return match error {
            ContextError::Open(_) | ContextError::Name | ContextError::Variable { .. } => {
                Exit::Usage
            }
            ContextError::Unknown(_) => Exit::NotFound,
            ContextError::Faulty { .. } => Exit::Refused,
            ContextError::Io { .. } | ContextError::NoHome => Exit::Failed,
        };
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return match error {
            ConfigError::Unreadable { source, .. } => of_io(source),
            ConfigError::Faulty { .. } => Exit::Refused,
        };
    }
    if let Some(error) = error.downcast_ref::<KeyError>() {
        return of_key(error);
    }
    if let Some(error) = error.downcast_ref::<NoteKeyError>() {
        return match error {
            NoteKeyError::Private(error) => of_key(error),
            NoteKeyError::Public { .. } | NoteKeyError::Halves { .. } => Exit::Refused,
            NoteKeyError::Name => Exit::Usage,
        };
    }
    if let Some(error) = error.downcast_ref::<FolderError>() {
        return match error {
            FolderError::Io { source, .. } => of_io(source),
            FolderError::TooLong { .. }
            | FolderError::Genesis { .. }
            | FolderError::OtherGenesis { .. }
            | FolderError::Roll { .. }
            | FolderError::Seen { .. }
            | FolderError::NoRoll { .. } => Exit::Refused,
        };
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return of_store(error);
    }
    if let Some(error) = error.downcast_ref::<HistoryError>() {
        return of_history(error);
    }
    if error.downcast_ref::<FileError>().is_some() {
        return Exit::StoreFailed;
    }
    if let Some(error) = error.downcast_ref::<SlotError>() {
        return of_slots(error);
    }
    if let Some(error) = error.downcast_ref::<JournalError>() {
        return match error {
            JournalError::Store(error) => of_store(error),
            JournalError::OtherJournal { .. } => Exit::Refused,
            JournalError::Absent { .. }
            | JournalError::Damaged { .. }
            | JournalError::Outdated { .. }
            | JournalError::UnknownCheckpoint { .. } => Exit::StoreFailed,
        };
    }
    error.downcast_ref::<io::Error>().map_or(Exit::Failed, of_io)
}

fn of_key(error: &KeyError) -> Exit {
    match error {
        KeyError::Io { source, .. } => of_io(source),
        KeyError::Exposed { .. }
        | KeyError::Malformed { .. }
        | KeyError::MalformedPublic { .. }
        | KeyError::Repeated { .. }
        | KeyError::SealingKeys { .. }
        | KeyError::WitnessKeys { .. }
        | KeyError::Exists { .. } => Exit::Refused,
    }
}

fn of_io(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::NotFound {
        Exit::NotFound
    } else if error.kind() == io::ErrorKind::AlreadyExists {
        Exit::Refused
    } else {
        Exit::Failed
    }
}

/// A store that is somebody else's, or another thing, can be left to itself; any other needs a look.
fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::InUse | StoreError::Format { .. } | StoreError::Key => Exit::Refused,
        StoreError::Damaged { .. }
        | StoreError::Engine { .. }
        | StoreError::Failed { .. }
        | StoreError::Io { .. }
        | StoreError::Lost { .. }
        | StoreError::Settled { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Unexpected { .. } => Exit::StoreFailed,
    }
}

fn of_history(error: &HistoryError) -> Exit {
    match error {
        HistoryError::Slots(error) => of_slots(error),
        HistoryError::Store(error) => of_store(error),
        HistoryError::Journal(_) | HistoryError::Files(_) | HistoryError::Damaged { .. } => {
            Exit::StoreFailed
        }
    }
}

/// Keys that are another's can be put right; any other fault of their file needs a look.
const fn of_slots(error: &SlotError) -> Exit {
    match error {
        SlotError::Key | SlotError::OtherVolume => Exit::Refused,
        SlotError::Failed
        | SlotError::Header { .. }
        | SlotError::Damaged { .. }
        | SlotError::Missing { .. }
        | SlotError::Io { .. } => Exit::StoreFailed,
    }
}

fn of_client(error: &ClientError) -> Exit {
    match error {
        // The handshake ended because one side does not take the other's certificate.
        ClientError::Connect(ConnectError::Refused(_)) => Exit::NotPermitted,
        ClientError::Connect(inner) if is_certificate_refused(&inner.to_string()) => {
            Exit::NotPermitted
        }
        ClientError::Connect(_)
        | ClientError::Refused(_)
        | ClientError::Lost(_)
        | ClientError::Call(_) => of_grpc(error.code()),
    }
}

/// Whether rustls says that the node did not take our certificate, or that theirs can't be read.
fn is_certificate_refused(text: &str) -> bool {
    text.contains("received fatal alert") || text.contains("invalid peer certificate")
}

/// The exit code of a gRPC code, by number.
fn of_grpc(code: i32) -> Exit {
    match code {
        0 => Exit::Done,
        1 => Exit::Declined,
        3 | 6 | 9 | 10 | 11 => Exit::Refused,
        4 => Exit::Pending,
        5 => Exit::NotFound,
        7 | 16 => Exit::NotPermitted,
        8 | 14 => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// Whether the reader of our output went away: no failure of ours.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|it| it.downcast_ref::<io::Error>())
        .any(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells an error on stderr: for people, or as one JSON object for programs.
pub fn tell(error: &anyhow::Error, as_json: bool) {
    let written = if as_json {
        writeln!(anstream::stderr(), "{}", escaped(&to_json(error), false))
    } else {
        writeln!(anstream::stderr(), "{}", to_text(error))
    };
    // Nobody is left to be told that stderr is closed.
    drop(written);
}

/// Tells what is wrong with a command line, or its help. What stood in an argument is shown as it is
/// only if all its signs are seen.
pub fn tell_usage(error: &clap::Error) {
    let text = error.render().to_string();
    let told = if text.lines().any(unseen::has_unseen) {
        anstream::stderr().write_all(visible_lines(&text).as_bytes())
    } else {
        error.print()
    };
    // A reader that went away changes nothing.
    drop(told);
}

fn to_text(error: &anyhow::Error) -> String {
    let mut text = format!("error: {}", sentence(error));
    if let Some(error) = error.downcast_ref::<ClientError>() {
        for ToldViolation { pointer, code, text: why, rule, source } in error.violations() {
            let basis = [rule, source].map(String::as_str);
            let basis: Vec<&str> = basis.into_iter().filter(|it| !it.is_empty()).collect();
            // As a violation that was found without a node reads.
            let basis =
                if basis.is_empty() { String::new() } else { format!("; {}", basis.join(", ")) };
            text.push_str(&format!("\n  {pointer}: {why} ({code}{basis})"));
        }
        if error.left_out() > 0 {
            text.push_str(&format!("\n  and {} more", error.left_out()));
        }
    }
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// An error with its causes, each said once: many repeat their cause in their own text.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn to_json(error: &anyhow::Error) -> Value {
    let mut object = json!({ "exit_code": code_of(error).number(), "error": sentence(error) });
    let more = match (error.downcast_ref::<Failure>(), error.downcast_ref::<ClientError>()) {
        (Some(failure), _) => failure.json.clone(),
        (None, Some(error)) => error.to_json(),
        (None, None) => Value::Null,
    };
    if let (Value::Object(all), Value::Object(more)) = (&mut object, more) {
        all.extend(more);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_exit_code_under_context() {
        use anyhow::Context as _;
        let error = Err::<(), _>(Failure::new(Exit::AnswerIsNo, "no")).context("asking");
        assert_eq!(code_of(&error.unwrap_err()), Exit::AnswerIsNo);
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let error = Err::<(), _>(missing).context("reading").unwrap_err();
        assert_eq!(code_of(&error), Exit::NotFound);
        assert_eq!(code_of(&anyhow::anyhow!("something")), Exit::Failed);
    }

    #[test]
    fn what_handling_forbids_is_not_permitted_and_says_where_and_why() {
        use crate::node::rejection::{Rejection, RejectionReason};
        let reason = "its label is stricter than the answer's";
        let violation = Violation::new("/handling/tlp", "LABEL_LOWERED", reason);
        let mut no = Rejection::new(RejectionReason::HandlingForbids, "handling forbids it");
        no.violations = vec![violation];
        let told = ClientError::from(crate::transport::status::of_rejection(no));
        let error = anyhow::Error::from(told).context("sending");
        assert_eq!(code_of(&error), Exit::NotPermitted);
        let line = "\n  /handling/tlp: its label is stricter than the answer's \
                    (LABEL_LOWERED; R-SHAPE, message file)";
        assert!(to_text(&error).ends_with(line), "{}", to_text(&error));
        let json = to_json(&error);
        assert_eq!((&json["exit_code"], &json["reason"]), (&json!(4), &json!("HANDLING_FORBIDS")));
        assert_eq!(json["violations"][0]["pointer"], "/handling/tlp");
    }

    #[test]
    fn violations_are_told_to_people_and_programs() {
        let violation = Violation::new("/to/0", "MALFORMED", "it needs a slash");
        let error = anyhow::Error::from(Failure::violations("the file is wrong", &[violation]));
        let text = "error: the file is wrong\n  /to/0: it needs a slash (MALFORMED; R-SHAPE, \
                    message file)";
        assert_eq!(to_text(&error), text);
        let json = to_json(&error);
        assert_eq!((&json["exit_code"], &json["error"]), (&json!(6), &json!("the file is wrong")));
        assert_eq!(json["violations"][0]["pointer"], "/to/0");
    }

    #[test]
    fn a_cause_that_its_error_repeats_is_said_once() {
        let refused = anyhow::anyhow!("refused").context("no node: refused").context("calling");
        assert_eq!(sentence(&refused), "calling: no node: refused");
    }

    #[test]
    fn a_service_manager_leaves_a_failed_store_and_a_wrong_file_to_people() {
        let unit = include_str!("../../deploy/rogatory.service");
        let line = unit.lines().find_map(|it| it.strip_prefix("RestartPreventExitStatus="));
        let statuses: Vec<&str> = line.unwrap().split(' ').collect();
        let wanted = [Exit::Usage, Exit::NotFound, Exit::Refused, Exit::StoreFailed];
        assert_eq!(statuses, wanted.map(|it| it.number().to_string()));
    }

    #[test]
    fn a_store_of_somebody_else_is_refused_and_one_that_is_hurt_has_failed() {
        use anyhow::Context as _;
        let code = |error: StoreError| code_of(&Err::<(), _>(error).context("open").unwrap_err());
        assert_eq!(code(StoreError::InUse), Exit::Refused);
        assert_eq!(code(StoreError::Format { found: None }), Exit::Refused);
        assert_eq!(
            code(StoreError::Lost { at: None, acknowledged: Some(2), found: Some(1) }),
            Exit::StoreFailed
        );
        assert_eq!(code(StoreError::Damaged { key: vec![1] }), Exit::StoreFailed);
        let damaged = JournalError::from(StoreError::Damaged { key: vec![1] });
        assert_eq!(code_of(&anyhow::Error::from(damaged)), Exit::StoreFailed);
    }

    #[test]
    fn every_code_stands_in_the_table() {
        for exit in [Exit::Done, Exit::Pending, Exit::StoreFailed, Exit::Interrupted] {
            let number = exit.number().to_string();
            let stands =
                TABLE.lines().any(|line| line.split_whitespace().next() == Some(number.as_str()));
            assert!(stands, "{number}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_recognised_under_context() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&anyhow::Error::from(gone).context("writing")));
        assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
    }
}
