//! `transit`: what this agency looks at on its way to somebody else (UNTOC 18(13)): let it go on, give it
//! back with a reason, remark on it, or write to its recipient. Each is an entry, and its receipt is verified.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::cli::args::Global;
use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::inbox::{Named, act, find};
use crate::cli::output::Output;
use crate::cli::proof::Expected;
use crate::cli::request::send::{tell_key, unknown};
use crate::cli::sheet::Sheet;
use crate::domain::fact::Reason;
use crate::domain::limits::NOTE_BYTES_MAX;
use crate::domain::reviewing::Remark;
use crate::wire::{json, pb};

/// Messages that are looked at in one step.
const PAGE_SIZE: i32 = 200;

/// What to do with what passes through.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List what is held for review at the desk, in the order in which it came
    #[command(before_help = "Example: rogatory transit list")]
    List {
        /// What was released, given back or has expired too
        #[arg(long)]
        all: bool,
    },
    /// Let a message go on to its destination
    #[command(
        before_help = "Example: rogatory transit release 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        after_help = "Read it first: rogatory inbox show. Its origin is told, with proof. Once the \
                      next hop has it, its content is not here any more."
    )]
    Release(Deciding),
    /// Give a message back: its origin is told that it was not delivered, and why
    #[command(
        before_help = "Example: rogatory transit return 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --reason form"
    )]
    Return {
        /// Which message.
        #[command(flatten)]
        deciding: Deciding,
        /// form: incomplete or out of form (UNTOC 18(14), 18(15)); competence: not the sender or the
        /// recipient for it (18(13)); law: the own law does not let it pass (18(17), 18(21))
        #[arg(long, value_enum)]
        reason: Why,
    },
    /// Remark on a message that is held: to its origin in a word, or to its recipient in your own words
    #[command(
        before_help = "Example: rogatory transit annotate 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --remark form-checked",
        after_help = "A note goes to the message's recipient at once, in a message of this agency's own, \
                      sealed, with its origin's proof of the message; one note a message. The origin is \
                      told that there is one (NOTED), and not what it says. What opens the message goes \
                      with the message alone, so a note about one that is given back shows nothing of it."
    )]
    Annotate {
        /// Which message.
        #[command(flatten)]
        deciding: Deciding,
        /// A remark of the closed list: every hop may see it, so it says nothing of the case
        #[arg(long, value_enum, required_unless_present = "note")]
        remark: Option<Said>,
        /// A text file for the recipient of the message, at most 16 KiB
        #[arg(long, value_name = "FILE", conflicts_with = "remark")]
        note: Option<PathBuf>,
    },
}

/// Names a message, and the call about it.
#[derive(Debug, Args)]
pub struct Deciding {
    /// Which message.
    #[command(flatten)]
    message: Named,
    /// Names the call; the same key with the same message is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Why a message is given back.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Why {
    /// It is incomplete or out of form.
    Form,
    /// Its sender or its recipient is not the one for it.
    Competence,
    /// The own law does not let it pass.
    Law,
}

impl Why {
    const fn reason(self) -> Reason {
        match self {
            Self::Form => Reason::ReviewForm,
            Self::Competence => Reason::ReviewCompetence,
            Self::Law => Reason::ReviewLaw,
        }
    }
}

/// What is remarked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Said {
    /// The form was looked at and is complete.
    FormChecked,
    /// The recipient may not accept the language.
    LanguageDoubtful,
    /// The recipient may have grounds to refuse.
    GroundsDoubtful,
    /// It is as urgent as it says.
    UrgencyConfirmed,
    /// This agency wishes to be consulted about it.
    Consult,
}

impl Said {
    const fn remark(self) -> Remark {
        match self {
            Self::FormChecked => Remark::FormChecked,
            Self::LanguageDoubtful => Remark::LanguageDoubtful,
            Self::GroundsDoubtful => Remark::GroundsDoubtful,
            Self::UrgencyConfirmed => Remark::UrgencyConfirmed,
            Self::Consult => Remark::Consult,
        }
    }
}

/// Does it.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    let line = Line::open(global).await?;
    match verb {
        Verb::List { all } => list(&line, all, output).await,
        Verb::Release(deciding) => release(&line, &deciding, output).await,
        Verb::Return { deciding, reason } => give_back(&line, &deciding, reason, output).await,
        Verb::Annotate { deciding, note: Some(path), .. } => {
            note_on(&line, &deciding, &path, output).await
        }
        Verb::Annotate { deciding, remark, note: None } => {
            let remark = remark.context("neither a remark nor a note")?;
            annotate(&line, &deciding, remark, output).await
        }
    }
}

async fn list(line: &Line, all: bool, output: &Output) -> Result<()> {
    let mut held = pb::ListMessagesResponse::default();
    loop {
        let asked = pb::ListMessagesRequest {
            contact_point: line.desk(),
            after: held.next_after,
            page_size: PAGE_SIZE,
            ..pb::ListMessagesRequest::default()
        };
        let page = line.client.list_messages(asked).await?;
        if page.items.is_empty() {
            break;
        }
        held.next_after = page.next_after;
        let passes = |it: &pb::InboxItem| it.message.as_ref().is_some_and(|it| it.in_transit);
        let wanted = |it: &pb::InboxItem| passes(it) && (all || it.status == "under_review");
        held.items.extend(page.items.into_iter().filter(wanted));
    }
    output.list(|| json::from_message(&held), "items", || table(&held.items, output))
}

fn table(items: &[pb::InboxItem], output: &Output) -> Sheet {
    let times = output.times();
    let rows = items.iter().filter_map(|it| {
        let message = it.message.as_ref()?;
        Some([
            message.message_id.clone(),
            message.origin.clone(),
            message.destination.clone(),
            message.kind.clone(),
            message.message_type.clone(),
            message.urgency.clone(),
            it.status.clone(),
            times.show(&message.sent_at),
            times.show(&message.expires_at),
        ])
    });
    let header =
        ["message", "origin", "destination", "kind", "act", "urgency", "status", "sent", "expires"];
    Sheet::new().table(header, rows)
}

/// The origin of a message, and the name of the call about it.
async fn begin(line: &Line, deciding: &Deciding, output: &Output) -> Result<(String, String)> {
    let origin = find::origin(line, &deciding.message).await?;
    let key = deciding.idempotency_key.clone().unwrap_or_else(call::new_key);
    tell_key(&key, deciding.idempotency_key.is_some(), output);
    Ok((origin, key))
}

async fn release(line: &Line, deciding: &Deciding, output: &Output) -> Result<()> {
    let (origin, key) = begin(line, deciding, output).await?;
    let message_id = deciding.message.message.id.to_string();
    let asked = pb::ReleaseTransitRequest {
        idempotency_key: key.clone(),
        origin: origin.clone(),
        message_id: message_id.clone(),
    };
    let answered = line.client.release_transit(asked).await;
    let answer = answered.map_err(|error| unknown(error, "releasing", &key))?;
    let receipt = answer.receipt.clone();
    let told = Told { fact: "transit_released", origin: &origin, message: &message_id, receipt };
    told.show(line, "goes on", || json::from_message(&answer), output)
}

async fn give_back(line: &Line, deciding: &Deciding, why: Why, output: &Output) -> Result<()> {
    let (origin, key) = begin(line, deciding, output).await?;
    let message_id = deciding.message.message.id.to_string();
    let reason = why.reason().to_string();
    let asked = pb::ReturnTransitRequest {
        idempotency_key: key.clone(),
        origin: origin.clone(),
        message_id: message_id.clone(),
        reason: reason.clone(),
    };
    let answered = line.client.return_transit(asked).await;
    let answer = answered.map_err(|error| unknown(error, "giving back", &key))?;
    let receipt = answer.receipt.clone();
    let told = Told { fact: "returned", origin: &origin, message: &message_id, receipt };
    let text = format!("is given back: {reason}");
    told.show(line, &text, || json::from_message(&answer), output)
}

async fn annotate(line: &Line, deciding: &Deciding, said: Said, output: &Output) -> Result<()> {
    let (origin, key) = begin(line, deciding, output).await?;
    let message_id = deciding.message.message.id.to_string();
    let remark = said.remark().to_string();
    let asked = pb::AnnotateTransitRequest {
        idempotency_key: key.clone(),
        origin: origin.clone(),
        message_id: message_id.clone(),
        remark: remark.clone(),
        note: String::new(),
    };
    let answered = line.client.annotate_transit(asked).await;
    let answer = answered.map_err(|error| unknown(error, "remarking", &key))?;
    let receipt = answer.receipt.clone();
    let told = Told { fact: "transit_annotated", origin: &origin, message: &message_id, receipt };
    let text = format!("has the remark {remark}, and stays held");
    told.show(line, &text, || json::from_message(&answer), output)
}

async fn note_on(line: &Line, deciding: &Deciding, path: &Path, output: &Output) -> Result<()> {
    let note = file::read_text(path, u64::try_from(NOTE_BYTES_MAX)?)?;
    if note.trim().is_empty() {
        let text = format!("{} says nothing", path.display());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let (origin, key) = begin(line, deciding, output).await?;
    let message_id = deciding.message.message.id.to_string();
    let asked = pb::AnnotateTransitRequest {
        idempotency_key: key.clone(),
        origin: origin.clone(),
        message_id: message_id.clone(),
        remark: String::new(),
        note,
    };
    let answered = line.client.annotate_transit(asked).await;
    let answer = answered.map_err(|error| unknown(error, "noting", &key))?;
    let own = line.agency.as_str();
    let sent = Expected { fact: "submitted", agency: own, origin: own, message: &answer.note_id };
    act::verify(line, answer.note_receipt.clone(), sent, output)?;
    let receipt = answer.receipt.clone();
    let told = Told { fact: "transit_annotated", origin: &origin, message: &message_id, receipt };
    let text = format!("stays held; the note about it is on its way: {}", answer.note_id);
    told.show(line, &text, || json::from_message(&answer), output)
}

/// What a node says it recorded.
struct Told<'a> {
    fact: &'a str,
    origin: &'a str,
    message: &'a str,
    receipt: Option<pb::Statement>,
}

impl Told<'_> {
    fn show(
        self,
        line: &Line,
        text: &str,
        json: impl FnOnce() -> Value,
        output: &Output,
    ) -> Result<()> {
        let Self { fact, origin, message, receipt } = self;
        let expected = Expected { fact, agency: line.agency.as_str(), origin, message };
        act::verify(line, receipt, expected, output)?;
        output.show(json, || Sheet::new().line(format!("{message} {text}")))
    }
}
