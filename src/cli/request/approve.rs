//! What waits for a second pair of eyes: lists it, shows it, approves it, takes or sends it back. Each is
//! an entry, and its receipt is verified.

use anyhow::Result;
use clap::Args;

use crate::cli::call::{self, Line};
use crate::cli::output::Output;
use crate::cli::request::access::told;
use crate::cli::request::send::{tell_key, unknown};
use crate::cli::sheet::Sheet;
use crate::domain::ids::MessageId;
use crate::wire::{json, pb};

/// Which drafts are looked at.
#[derive(Debug, Args)]
pub struct Waiting {
    /// Id of a draft: shows all that it says, which is recorded
    draft: Option<MessageId>,
    /// List those too that wait no longer
    #[arg(long, conflicts_with = "draft")]
    ended: bool,
    /// Go on after this draft
    #[arg(long, value_name = "ID", conflicts_with = "draft")]
    after: Option<MessageId>,
}

/// Which draft is approved.
#[derive(Debug, Args)]
pub struct Approving {
    /// Id of the draft
    draft: MessageId,
    /// Its fingerprint, as `rogatory request approvals ID` showed it beside what it says
    fingerprint: String,
    /// Names the call; the same key with the same draft is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which draft is taken or sent back.
#[derive(Debug, Args)]
pub struct Withdrawing {
    /// Id of the draft
    draft: MessageId,
    /// Names the call; the same key with the same draft is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Lists what waits, or shows one of it.
///
/// # Errors
/// What the node answers.
pub async fn waiting(line: &Line, asked: Waiting, output: &Output) -> Result<()> {
    if let Some(draft) = asked.draft {
        let asked = pb::GetDraftRequest { draft_id: draft.to_string() };
        let answer = line.client.get_draft(asked).await?;
        return output.show(|| json::from_message(&answer), || whole(&answer));
    }
    let asked = pb::ListDraftsRequest {
        with_ended: asked.ended,
        after: asked.after.map(|it| it.to_string()).unwrap_or_default(),
        page_size: 0,
    };
    let answer = line.client.list_drafts(asked).await?;
    output.show(
        || json::from_message(&answer),
        || answer.drafts.iter().fold(Sheet::new(), |sheet, it| sheet.line(in_line(it))),
    )?;
    if answer.drafts.is_empty() {
        output.note("no draft waits for you");
    }
    if !answer.next_after.is_empty() {
        output.note(format!("more: --after {}", answer.next_after));
    }
    Ok(())
}

/// One line about a draft: what it is, whose, and until when it waits or how it ended.
pub(super) fn in_line(draft: &pb::DraftSummary) -> String {
    let pb::DraftSummary { draft_id, state, drafter, kind, act, .. } = draft;
    let end = match (draft.ended_at.as_str(), draft.ended_by.as_str()) {
        ("", _) => format!("until {}", draft.approve_until),
        (at, "") => format!("on {at}"),
        (at, by) => format!("on {at} by {by}"),
    };
    format!("{draft_id}  {act} of kind {kind} by {drafter}: {state} {end}")
}

fn whole(answer: &pb::GetDraftResponse) -> Sheet {
    let draft = answer.draft.clone().unwrap_or_default();
    let sheet = Sheet::new().line(in_line(&draft)).line(format!("from {}", draft.contact_point));
    let Some(content) = &answer.content else {
        return sheet;
    };
    let file = String::from_utf8_lossy(&json::write_file(content)).into_owned();
    sheet.line(file).line(format!(
        "to approve it: rogatory request approve {} {}",
        draft.draft_id, draft.fingerprint
    ))
}

/// Approves a draft of somebody else.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn approve(line: &Line, asked: Approving, output: &Output) -> Result<()> {
    let key = named(asked.idempotency_key, output);
    let draft = asked.draft.to_string();
    let call = pb::ApproveDraftRequest {
        idempotency_key: key.clone(),
        draft_id: draft.clone(),
        fingerprint: asked.fingerprint,
    };
    let answered = line.client.approve_draft(call).await;
    let answer = answered.map_err(|error| unknown(error, "approving", &key))?;
    let told = told(line, "draft_approved", answer.receipt.clone(), output)?;
    output.show(
        || json::from_message(&answer),
        || {
            let sheet = Sheet::new().line(format!("{draft} is approved: {told}"));
            let messages = answer.sent.iter().flat_map(|it| &it.messages);
            messages.fold(sheet, |sheet, it| {
                sheet.line(format!("message {} goes to {}", it.message_id, it.destination))
            })
        },
    )
}

/// Takes an own draft back, or sends one of somebody else back.
///
/// # Errors
/// As [`approve`].
pub async fn withdraw(line: &Line, asked: Withdrawing, output: &Output) -> Result<()> {
    let key = named(asked.idempotency_key, output);
    let draft = asked.draft.to_string();
    let call = pb::WithdrawDraftRequest { idempotency_key: key.clone(), draft_id: draft.clone() };
    let answered = line.client.withdraw_draft(call).await;
    let answer = answered.map_err(|error| unknown(error, "withdrawing", &key))?;
    let told = told(line, "draft_withdrawn", answer.receipt.clone(), output)?;
    output.show(
        || json::from_message(&answer),
        || Sheet::new().line(format!("{draft} is withdrawn, and not sent: {told}")),
    )
}

fn named(given: Option<String>, output: &Output) -> String {
    let is_given = given.is_some();
    let key = given.unwrap_or_else(call::new_key);
    tell_key(&key, is_given, output);
    key
}
