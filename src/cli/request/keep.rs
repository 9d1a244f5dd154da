//! Erases content for good, and holds requests so that nothing of them is erased; each is an entry,
//! and its receipt is verified.

use anyhow::Result;
use clap::Args;

use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::request::access;
use crate::cli::request::send::{tell_key, unknown};
use crate::cli::sheet::Sheet;
use crate::cli::times::parse_end;
use crate::clock::Timestamp;
use crate::domain::ids::{AgencyId, MessageId, RequestId};
use crate::domain::retention::ErasureCause;
use crate::wire::{json, pb};

/// What to erase, and why.
#[derive(Debug, Args)]
pub struct Erasing {
    /// Id of a request, all of whose messages are meant, or of one message
    #[arg(value_name = "REQUEST|MESSAGE")]
    id: RequestId,
    /// The id is that of a message, and this is its agency of origin; without it, of the own one
    #[arg(long, value_name = "AGENCY")]
    origin: Option<AgencyId>,
    /// Why: retention_ended, originator_order, authority_order or own_decision
    #[arg(long, value_name = "REASON")]
    reason: ErasureCause,
    /// It cannot be undone; without this nothing is erased
    #[arg(long)]
    yes: bool,
}

/// Erases content.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn erase(line: &Line, erasing: Erasing, output: &Output) -> Result<()> {
    if !erasing.yes {
        let text = "erased content cannot be brought back; --yes erases it";
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let id = erasing.id.to_string();
    let cause = erasing.reason.to_string();
    let asked = if erasing.origin.is_none() && is_request(line, &id).await? {
        pb::EraseContentRequest { request_id: id, cause, ..pb::EraseContentRequest::default() }
    } else {
        let origin = erasing.origin.map(|it| it.to_string()).unwrap_or_default();
        let (message_id, request_id) = (id, String::new());
        pb::EraseContentRequest { message_id, origin, request_id, cause }
    };
    let answer = line.client.erase_content(asked).await?;
    let (times, mut rows) = (output.times(), Vec::with_capacity(answer.messages.len()));
    let mut backups = Vec::new();
    for message in &answer.messages {
        let told = access::told(line, "content_erased", message.receipt.clone(), output)?;
        let at = output.times().show(&message.erased_at);
        let other = match &message.asked {
            Some(asked) => access::told(line, "erasure_asked", Some(asked.clone()), output)?,
            None => "not asked".to_owned(),
        };
        rows.push([message.message_id.clone(), at, message.cause.clone(), told, other]);
        backups.extend(message.backups.iter().map(|it| {
            let entries = format!("{} to {}", it.from_size, it.to_size);
            [
                message.message_id.clone(),
                entries,
                times.show(&it.made_at),
                times.show(&it.keep_until),
            ]
        }));
    }
    let header = ["message", "content erased on", "reason", "entry", "other side"];
    let sheet = || {
        let sheet = Sheet::new().table(header, rows);
        let header = ["message still in backup of entries", "", "made", "to be destroyed on"];
        if backups.is_empty() { sheet } else { sheet.line("").table(header, backups) }
    };
    output.show(|| json::from_message(&answer), sheet)
}

/// What a review came to.
#[derive(Debug, Args)]
pub struct Reviewing {
    /// Id of the request whose review is owed
    request: RequestId,
    /// Its content is still needed, and is looked at again then: a day, or RFC 3339
    #[arg(long, value_name = "DATE", value_parser = parse_end, required_unless_present = "erased")]
    keep_until: Option<Timestamp>,
    /// Nothing of it is left: rogatory request erase erased it
    #[arg(long, conflicts_with = "keep_until")]
    erased: bool,
    /// Names the call; the same key with the same request and time is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Records a review.
///
/// # Errors
/// As [`hold`].
pub async fn review(line: &Line, reviewing: Reviewing, output: &Output) -> Result<()> {
    let key = reviewing.idempotency_key.clone().unwrap_or_else(call::new_key);
    tell_key(&key, reviewing.idempotency_key.is_some(), output);
    let keep_until = reviewing.keep_until.map(|it| it.to_string()).unwrap_or_default();
    let asked = pb::ReviewContentRequest {
        idempotency_key: key.clone(),
        request_id: reviewing.request.to_string(),
        keep_until: keep_until.clone(),
    };
    let answered = line.client.review_content(asked).await;
    let answer = answered.map_err(|error| unknown(error, "reviewing", &key))?;
    let told = access::told(line, "retention_reviewed", answer.receipt.clone(), output)?;
    let next = match keep_until.as_str() {
        "" => "nothing of it is left".to_owned(),
        until => format!("it is kept, and is looked at again on {}", output.times().show(until)),
    };
    let text = format!("{} is reviewed, {next}: {told}", reviewing.request);
    output.show(|| json::from_message(&answer), || Sheet::new().line(text))
}

/// What is kept, and why.
#[derive(Debug, Args)]
pub struct Refusing {
    /// Id of the message whose erasure the other side asks for
    message: MessageId,
    /// The agency that sent it, and asks
    #[arg(long, value_name = "AGENCY")]
    origin: AgencyId,
    /// Why it is kept: in_proceedings or law_requires
    #[arg(long, value_name = "REASON")]
    reason: String,
    /// Names the call; the same key with the same message and reason is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Keeps what the other side asks to be erased.
///
/// # Errors
/// As [`hold`].
pub async fn refuse(line: &Line, refusing: Refusing, output: &Output) -> Result<()> {
    let key = refusing.idempotency_key.clone().unwrap_or_else(call::new_key);
    tell_key(&key, refusing.idempotency_key.is_some(), output);
    let asked = pb::RefuseErasureRequest {
        idempotency_key: key.clone(),
        message_id: refusing.message.to_string(),
        origin: refusing.origin.to_string(),
        reason: refusing.reason.to_uppercase(),
    };
    let answered = line.client.refuse_erasure(asked).await;
    let answer = answered.map_err(|error| unknown(error, "keeping", &key))?;
    let told = access::told(line, "erasure_refused", answer.receipt.clone(), output)?;
    let (message, origin) = (refusing.message, refusing.origin);
    let text = format!("{message} is kept, and {origin} is told: {told}");
    output.show(|| json::from_message(&answer), || Sheet::new().line(text))
}

/// Is it the id of a request? Those of messages look the same.
async fn is_request(line: &Line, id: &str) -> Result<bool> {
    let asked = pb::GetRequestStateRequest { request_id: id.to_owned() };
    match line.client.get_request_state(asked).await {
        Ok(_) => Ok(true),
        Err(error) if error.reason() == "NOT_FOUND" => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Which request.
#[derive(Debug, Args)]
pub struct Holding {
    /// Id of the request
    request: RequestId,
    /// Names the call; the same key with the same request is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Holding {
    fn key(&self, output: &Output) -> String {
        let key = self.idempotency_key.clone().unwrap_or_else(call::new_key);
        tell_key(&key, self.idempotency_key.is_some(), output);
        key
    }
}

/// Holds a request.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn hold(line: &Line, holding: Holding, output: &Output) -> Result<()> {
    let (idempotency_key, request_id) = (holding.key(output), holding.request.to_string());
    let asked = pb::PlaceHoldRequest { idempotency_key: idempotency_key.clone(), request_id };
    let answered = line.client.place_hold(asked).await;
    let answer = answered.map_err(|error| unknown(error, "holding", &idempotency_key))?;
    let told = access::told(line, "hold_placed", answer.receipt.clone(), output)?;
    let text = format!("nothing of {} is erased until it is released: {told}", holding.request);
    output.show(|| json::from_message(&answer), || Sheet::new().line(text))
}

/// Releases a request.
///
/// # Errors
/// As [`hold`].
pub async fn release(line: &Line, holding: Holding, output: &Output) -> Result<()> {
    let (idempotency_key, request_id) = (holding.key(output), holding.request.to_string());
    let asked = pb::ReleaseHoldRequest { idempotency_key: idempotency_key.clone(), request_id };
    let answered = line.client.release_hold(asked).await;
    let answer = answered.map_err(|error| unknown(error, "releasing", &idempotency_key))?;
    let told = access::told(line, "hold_released", answer.receipt.clone(), output)?;
    let text = format!("{} is held no longer: {told}", holding.request);
    output.show(|| json::from_message(&answer), || Sheet::new().line(text))
}
