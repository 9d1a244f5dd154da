//! Answers a message: the addresses and references follow from it, the rest is the file's.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::inbox::{Named, find};
use crate::cli::marks;
use crate::cli::output::Output;
use crate::cli::request::{check, send};
use crate::domain::acts::Act;
use crate::domain::violation::Violation;
use crate::wire::pb;

/// How to answer.
#[derive(Debug, Args)]
pub struct Reply {
    /// The message that is answered.
    #[command(flatten)]
    pub message: Named,
    /// What the answer does, such as ack_receipt, result or refusal; the file may say it instead
    #[arg(long = "type", value_name = "ACT", required_unless_present = "file")]
    pub act: Option<Act>,
    /// The outcome that it states, such as registry_confirmed
    #[arg(long, value_name = "WORD")]
    pub outcome: Option<String>,
    /// The rest of the message as a message file; - reads stdin. Nothing more where none is given
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How it is sent.
    #[command(flatten)]
    pub options: send::Options,
}

/// Answers one message.
///
/// # Errors
/// What is wrong with the file, what the node answers, a receipt that does not hold.
pub async fn run(line: &Line, reply: Reply, output: &Output) -> Result<()> {
    let draft = reply.file.as_deref().map(check::read).transpose()?.unwrap_or_default();
    answer(line, reply, draft, output).await
}

/// Answers one message with what a file or the command line says.
///
/// # Errors
/// As [`run`].
pub async fn answer(
    line: &Line,
    reply: Reply,
    mut draft: pb::Draft,
    output: &Output,
) -> Result<()> {
    let Reply { message, act, outcome, file, mut options } = reply;
    if let Some(file) = &file {
        options.lies_beside(file);
    }
    let path = file.unwrap_or_else(|| PathBuf::from("reply"));
    let item = find::item(line, &message).await?;
    let answered = item.message.context("an item without a message")?;
    if marks::is_envelope(&answered) {
        let text =
            format!("it is confidential; first rogatory inbox claim {}", answered.message_id);
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let mut faults = Vec::new();
    let mut fill = |pointer: &'static str, field: &mut Option<String>, value: &str| {
        let other = field.as_deref().is_some_and(|it| it != value);
        if other {
            let text = format!("the reply has {value} there; leave it out of the file");
            faults.push(Violation::new(pointer, "CONTRADICTS_REPLY", text));
        }
        *field = Some(value.to_owned());
    };
    if let Some(act) = act {
        fill("/message_type", &mut draft.message_type, act.as_str());
    }
    fill("/request_id", &mut draft.request_id, &answered.request_id);
    fill("/in_reply_to", &mut draft.in_reply_to, &answered.message_id);
    fill("/from", &mut draft.from, &item.contact_point);
    if let Some(outcome) = &outcome {
        fill("/outcome", &mut draft.outcome, outcome);
    }
    // Results of a measure are of a kind of their own within the same request.
    draft.kind.get_or_insert(answered.kind);
    // What answers an exercise is of the exercise.
    if answered.exercise {
        draft.exercise = Some(true);
    }
    options.mark(&mut draft);
    if draft.to.is_empty() {
        draft.to =
            vec![whom(line, &answered.message_type, &answered.request_id, answered.from).await?];
    }
    if !faults.is_empty() {
        let text = format!("{}: it contradicts what is answered", path.display());
        return Err(Failure::violations(text, &faults).into());
    }
    check::judge(&path, &draft)?;
    send::send(line, draft, &options, output).await
}

/// Who gets the answer: whoever sent the message, or asked where a wrong authority passed it on.
async fn whom(line: &Line, act: &str, request_id: &str, sender: String) -> Result<String> {
    if act != Act::RedirectNotice.as_str() {
        return Ok(sender);
    }
    let asked = pb::GetRequestStateRequest { request_id: request_id.to_owned() };
    let request = line.client.get_request_state(asked).await?.request.unwrap_or_default();
    let own =
        request.requester.split_once('/').is_some_and(|(agency, _)| agency == line.agency.as_str());
    Ok(if own || request.requester.is_empty() { sender } else { request.requester })
}
