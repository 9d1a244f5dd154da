//! Exit codes: an auditor's script must tell "the journal is bad" from "the tool broke".

use std::fmt;

use crate::transport::client::ClientError;

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

/// The table of `rogatory help exit-codes`.
pub const TABLE: &str = "\
  0  done (an empty list too)
  1  failed, unclassified
  2  bad command line
  3  declined at a prompt, or cancelled
  4  not authenticated or not permitted
  5  no such thing
  6  content or state refuses
  7  ran well, the answer is no (verify, check)
  8  still pending when --timeout ran out
  9  node or peer not reachable, or overloaded; try later
 74  the node's store failed; `node check` before the next start
130  interrupted";

/// An error with the exit code that it deserves.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What to say on stderr.
    pub text: String,
    /// The same for programs.
    pub json: serde_json::Value,
}

impl Failure {
    /// A failure with a sentence.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        let text = text.into();
        let json = serde_json::json!({ "error": text });
        Self { exit, text, json }
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
    match error.downcast_ref::<ClientError>() {
        Some(error) => of_grpc(error.code()),
        None => Exit::Failed,
    }
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
