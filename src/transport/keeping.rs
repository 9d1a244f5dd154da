//! What an agency keeps and what it erases: content of messages, and holds.

use tonic::Status;

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MessageId, RequestId};
use crate::domain::retention::ErasureCause;
use crate::domain::station::Station;
use crate::history::{message, requests};
use crate::identity::principal::Principal;
use crate::node::command::{Command, Outcome};
use crate::node::desks;
use crate::node::proofs;
use crate::node::query::REQUEST_MESSAGES_MAX;
use crate::node::setting::Setting;
use crate::node::sight;
use crate::node::turn::open_entry;
use crate::node::writer::Writer;
use crate::transport::{caller, status, views};
use crate::wire::pb;

/// Erases the content of a message, or of each message of a request in turn. What was erased when
/// a no comes in between stays erased, and the call may be made again.
///
/// # Errors
/// `NOT_FOUND` for what the caller may not know of, or what the door says.
pub async fn erase(
    writer: &Writer,
    principal: Principal,
    asked: pb::EraseContentRequest,
) -> Result<pb::EraseContentResponse, Status> {
    let cause: ErasureCause = asked.cause.parse().map_err(|_| {
        let known = ErasureCause::ALL.map(ErasureCause::as_str).join(", ");
        status::of_field("/cause", "UNKNOWN_WORD", format!("it is one of {known}"))
    })?;
    let holder = principal.to_string();
    let named = views::read(writer, move |setting| named(setting, &asked, &holder)).await?;
    let holder = principal.to_string();
    let mut messages = Vec::with_capacity(named.len());
    for message in named {
        let command = Command::Erase { by: Some(principal.clone()), message, cause };
        let decided = writer.ask(command).await.map_err(status::of_rejection)?;
        let Outcome::Done(position) = decided else {
            return Err(status::of_failure(&"an erasure came to something else"));
        };
        let holder = holder.clone();
        let shown = views::read(writer, move |setting| shown(setting, message, position, &holder));
        messages.push(shown.await?);
    }
    Ok(pb::EraseContentResponse { messages })
}

/// The messages that a call names, as far as the caller may see them.
fn named(
    setting: &Setting,
    asked: &pb::EraseContentRequest,
    holder: &str,
) -> Result<Vec<MessageKey>, Status> {
    if asked.request_id.is_empty() {
        let message: MessageId = caller::name("/message_id", &asked.message_id)?;
        let origin: AgencyId = match asked.origin.is_empty() {
            true => setting.agency.clone(),
            false => caller::name("/origin", &asked.origin)?,
        };
        return Ok(vec![MessageKey::new(&origin, message)]);
    }
    if !asked.message_id.is_empty() {
        let text = "a call names a message or a request, not both";
        return Err(status::of_field("/message_id", "AMBIGUOUS", text));
    }
    let request: RequestId = caller::name("/request_id", &asked.request_id)?;
    let rows = setting.store.as_ref();
    let broken = |error| status::of_history(&error);
    let known = requests::find(rows, request).map_err(broken)?.is_some();
    if !known || !sight::has(setting, rows, request, holder).map_err(broken)? {
        return Err(status::not_found());
    }
    let mut found = Vec::new();
    for key in requests::messages(rows, request, 0, REQUEST_MESSAGES_MAX).map_err(broken)? {
        // What stands at a desk that is not for the caller is for others to erase.
        let record = message::find(rows, key).map_err(broken)?;
        if record.is_some_and(|it| desks::reads(setting, &it, holder)) {
            found.push(key);
        }
    }
    Ok(found)
}

fn shown(
    setting: &Setting,
    message: MessageKey,
    position: u64,
    holder: &str,
) -> Result<pb::ErasedMessage, Status> {
    let view = views::own_message(setting, message, holder)?;
    let receipt = proofs::statement(setting, position).map_err(|it| status::of_history(&it))?;
    let mut stations = view.stations.iter().rev();
    let asks = stations.find(|it| it.record.own && it.record.station == Station::ErasureAsked);
    let asked = asks.and_then(|it| it.receipt.clone()).map(views::statement);
    let summary = views::summary(view);
    Ok(pb::ErasedMessage {
        message_id: summary.message_id,
        origin: summary.origin,
        erased_at: summary.erased_at,
        cause: summary.erasure_cause,
        receipt: Some(views::statement(receipt)),
        asked,
        backups: backups(setting, position)?,
    })
}

/// The backups that the entry about an erasure names.
fn backups(setting: &Setting, position: u64) -> Result<Vec<pb::HoldingBackup>, Status> {
    let found = setting.journal.read(position, 1).map_err(|it| status::of_journal(&it))?;
    let mut backups = Vec::new();
    for bytes in found {
        let opened = open_entry(setting, position, &bytes).map_err(|it| status::of_history(&it))?;
        backups.extend(opened.skeleton.backups.iter().map(|it| pb::HoldingBackup {
            from_size: it.from,
            to_size: it.to,
            made_at: it.made_at.to_string(),
            keep_until: it.keep_until.to_string(),
        }));
    }
    Ok(backups)
}

/// Records that somebody looked whether the content of a request is still needed.
///
/// # Errors
/// `NOT_FOUND` for a request that the caller has no sight of, or what the door says.
pub async fn review(
    writer: &Writer,
    principal: Principal,
    asked: pb::ReviewContentRequest,
) -> Result<pb::ReviewContentResponse, Status> {
    let setting = writer.setting();
    let request: RequestId = caller::name("/request_id", &asked.request_id)?;
    let keep_until = match asked.keep_until.as_str() {
        "" => None,
        text => Some(Timestamp::parse(text).ok_or_else(|| {
            status::of_field("/keep_until", "MALFORMED", "it is no time of RFC 3339")
        })?),
    };
    let submitted = caller::fingerprint(setting, "ReviewContent", &asked);
    let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
    let receipt = Some(receipt(writer, Command::Review { call, request, keep_until }).await?);
    Ok(pb::ReviewContentResponse { receipt })
}

/// Keeps what the other side asks to be erased; gives the receipt of the entry about it.
///
/// # Errors
/// `NOT_FOUND` for what the caller may not know of, or what the door says.
pub async fn refuse_erasure(
    writer: &Writer,
    principal: Principal,
    asked: pb::RefuseErasureRequest,
) -> Result<pb::RefuseErasureResponse, Status> {
    let setting = writer.setting();
    let message: MessageId = caller::name("/message_id", &asked.message_id)?;
    let origin: AgencyId = caller::name("/origin", &asked.origin)?;
    let reasons = [Reason::InProceedings, Reason::LawRequires];
    let reason = reasons.into_iter().find(|it| it.as_str() == asked.reason).ok_or_else(|| {
        let known = reasons.map(Reason::as_str).join(", ");
        status::of_field("/reason", "UNKNOWN_WORD", format!("it is one of {known}"))
    })?;
    let submitted = caller::fingerprint(setting, "RefuseErasure", &asked);
    let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
    let message = MessageKey::new(&origin, message);
    let command = Command::RefuseErasure { call, message, reason };
    let receipt = Some(receipt(writer, command).await?);
    Ok(pb::RefuseErasureResponse { receipt })
}

/// Asks the node, and gives the receipt of the entry that it came to.
async fn receipt(writer: &Writer, command: Command) -> Result<pb::Statement, Status> {
    let decided = writer.ask(command).await.map_err(status::of_rejection)?;
    let Outcome::Done(position) = decided else {
        return Err(status::of_failure(&"a call about what is kept came to something else"));
    };
    let receipt = views::read(writer, move |setting| {
        proofs::statement(setting, position).map_err(|error| status::of_history(&error))
    });
    Ok(views::statement(receipt.await?))
}

/// Holds a request or releases it; gives the receipt of the entry about it.
///
/// # Errors
/// `NOT_FOUND` for a request that the caller has no sight of, or what the door says.
pub async fn hold(
    writer: &Writer,
    principal: Principal,
    asked: pb::PlaceHoldRequest,
    held: bool,
) -> Result<Option<pb::Statement>, Status> {
    let setting = writer.setting();
    let request: RequestId = caller::name("/request_id", &asked.request_id)?;
    let method = if held { "PlaceHold" } else { "ReleaseHold" };
    let submitted = caller::fingerprint(setting, method, &asked);
    let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
    let command = Command::Hold { call, request, held };
    Ok(Some(receipt(writer, command).await?))
}
