//! What auditors are shown besides entries, and the grants by which they are: converts, asks, converts.

use tonic::Status;

use crate::clock::Timestamp;
use crate::domain::auditing::AuditReason;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MessageId, RequestId};
use crate::history::grants::{self, GrantRecord};
use crate::history::message::{self, MessageRecord};
use crate::identity::principal::Principal;
use crate::identity::spiffe;
use crate::node::command::{AuditAct, Call, Command, Outcome};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::sight::{self, Sight};
use crate::node::writer::Writer;
use crate::node::{audit, content, proofs};
use crate::transport::{caller, status, views};
use crate::wire::auditing::AuditScope;
use crate::wire::{self, pb};

async fn ask(writer: &Writer, call: Call, act: AuditAct) -> Result<u64, Status> {
    let decided = writer.ask(Command::Audit { call, act }).await;
    let Outcome::Done(position) = decided.map_err(status::of_rejection)? else {
        return Err(status::of_failure(&"an act of an audit came to something else"));
    };
    Ok(position)
}

async fn receipt(writer: &Writer, position: u64) -> Result<Option<pb::Statement>, Status> {
    let receipt = views::read(writer, move |setting| {
        proofs::statement(setting, position).map_err(|error| status::of_history(&error))
    });
    Ok(Some(views::statement(receipt.await?)))
}

/// Records that entries are about to be shown. While a node may record nothing, since its journal may be
/// behind what neighbours have seen, they are shown without: they are what its auditors need then.
///
/// # Errors
/// What the door says.
pub(super) async fn replayed(
    writer: &Writer,
    call: Call,
    (from, to): (u64, u64),
) -> Result<(), Status> {
    let recorded = views::read(writer, move |setting| {
        audit::is_recorded(setting, from, to).map_err(|error| status::of_history(&error))
    });
    if !recorded.await? {
        return Ok(());
    }
    match writer.ask(Command::Audit { call, act: AuditAct::Replay { from, to } }).await {
        Ok(_) => Ok(()),
        Err(Rejection {
            reason: RejectionReason::JournalBehind | RejectionReason::JournalUnconfirmed,
            ..
        }) => Ok(()),
        Err(rejection) => Err(status::of_rejection(rejection)),
    }
}

fn found(setting: &Setting, key: MessageKey) -> Result<MessageRecord, Status> {
    let record = message::find(setting.store.as_ref(), key);
    record.map_err(|error| status::of_history(&error))?.ok_or_else(status::not_found)
}

/// The sealed bytes of a message as they lie here, once the entry about the reading is durable.
///
/// # Errors
/// `NOT_FOUND`, `CONTENT_ERASED`, or a state that can't be read.
pub(super) async fn read_sealed(
    writer: &Writer,
    call: Call,
    key: MessageKey,
) -> Result<pb::ReadSealedResponse, Status> {
    let read = views::read(writer, move |setting| {
        let record = found(setting, key)?;
        let kept = content::export(setting.store.as_ref(), &setting.slots, key);
        let kept = kept.map_err(|error| status::of_history(&error))?;
        Ok(pb::ReadSealedResponse {
            header: record.header,
            wraps: kept.wraps.unwrap_or_default(),
            sealed_particulars: kept.particulars.unwrap_or_default(),
            sealed_content: kept.content.unwrap_or_default(),
        })
    });
    let answer = read.await?;
    ask(writer, call, AuditAct::ReadSealed { message: key }).await?;
    Ok(answer)
}

/// The content of a message by a grant that runs, once the entry about the reading is durable. What can't
/// be opened is not recorded as read.
///
/// # Errors
/// `NOT_FOUND` without a grant, `CONTENT_ERASED`, `CONTENT_UNREADABLE`.
pub(super) async fn read_granted(
    writer: &Writer,
    call: Call,
    key: MessageKey,
) -> Result<pb::ReadGrantedResponse, Status> {
    let auditor = call.principal.to_string();
    let opened = views::read(writer, move |setting| {
        let record = found(setting, key)?;
        let (rows, now) = (setting.store.as_ref(), setting.clock.now());
        let granted = audit::is_granted(rows, &record, &auditor, now);
        if !granted.map_err(|error| status::of_history(&error))? {
            return Err(status::not_found());
        }
        if let Some(erased) = &record.erased {
            return Err(status::of_rejection(Rejection::erased(erased)));
        }
        let header = record.header().map_err(|error| status::of_history(&error))?;
        let bytes = content::open(setting, &header).map_err(|error| status::of_content(&error))?;
        wire::draft::read_content(&bytes).map_err(|_| status::unreadable())
    });
    let content = Some(opened.await?);
    let position = ask(writer, call, AuditAct::ReadContent { message: key }).await?;
    Ok(pb::ReadGrantedResponse { content, receipt: receipt(writer, position).await? })
}

/// Lets an auditor be shown content; gives the receipt of the entry about it.
///
/// # Errors
/// What is wrong with the grant, or what the door says.
pub(super) async fn grant(
    writer: &Writer,
    principal: Principal,
    asked: pb::GrantContentRequest,
) -> Result<pb::GrantContentResponse, Status> {
    let setting = writer.setting();
    let grant = asked.grant.clone().unwrap_or_default();
    let (auditor, scope) = named(&grant)?;
    let reason: AuditReason = grant.reason.parse().map_err(|_| {
        let known = AuditReason::ALL.map(AuditReason::as_str).join(", ");
        status::of_field("/grant/reason", "UNKNOWN_WORD", format!("it is one of {known}"))
    })?;
    let until = Timestamp::parse(&grant.until).ok_or_else(|| {
        status::of_field("/grant/until", "MALFORMED", "it is no time of RFC 3339")
    })?;
    let submitted = caller::fingerprint(setting, "GrantContent", &asked);
    let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
    let position = ask(writer, call, AuditAct::Grant { auditor, scope, reason, until }).await?;
    Ok(pb::GrantContentResponse { receipt: receipt(writer, position).await? })
}

/// Takes content from an auditor; gives the receipt of the entry about it.
///
/// # Errors
/// As [`grant`].
pub(super) async fn revoke(
    writer: &Writer,
    principal: Principal,
    asked: pb::RevokeContentRequest,
) -> Result<pb::RevokeContentResponse, Status> {
    let setting = writer.setting();
    let (auditor, scope) = named(&asked.grant.clone().unwrap_or_default())?;
    let submitted = caller::fingerprint(setting, "RevokeContent", &asked);
    let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
    let position = ask(writer, call, AuditAct::Revoke { auditor, scope }).await?;
    Ok(pb::RevokeContentResponse { receipt: receipt(writer, position).await? })
}

fn named(grant: &pb::ContentGrant) -> Result<(Principal, AuditScope), Status> {
    let auditor = spiffe::parse(&grant.auditor)
        .map_err(|fault| status::of_field("/grant/auditor", "MALFORMED", fault.to_string()))?;
    if grant.request_id.is_empty() {
        let origin: AgencyId = caller::name("/grant/origin", &grant.origin)?;
        let message: MessageId = caller::name("/grant/message_id", &grant.message_id)?;
        return Ok((auditor, AuditScope::Message(origin, message)));
    }
    if !grant.message_id.is_empty() || !grant.origin.is_empty() {
        let text = "a grant names a message or a request, not both";
        return Err(status::of_field("/grant/message_id", "AMBIGUOUS", text));
    }
    let request: RequestId = caller::name("/grant/request_id", &grant.request_id)?;
    Ok((auditor, AuditScope::Request(request)))
}

/// What is granted, of what the caller sees.
///
/// # Errors
/// A state that can't be read.
pub(super) fn listed(
    setting: &Setting,
    holder: &str,
) -> Result<pb::ListContentGrantsResponse, Status> {
    let broken = |error| status::of_history(&error);
    let rows = setting.store.as_ref();
    let mut found = Vec::new();
    for grant in grants::all(rows).map_err(broken)? {
        let seen = match &grant.scope {
            AuditScope::Request(request) => {
                sight::has(setting, rows, *request, holder).map_err(broken)?
            }
            AuditScope::Message(origin, id) => {
                match message::find(rows, MessageKey::new(origin, *id)).map_err(broken)? {
                    Some(record) => {
                        let sight = sight::of_message(setting, rows, &record, holder);
                        sight.map_err(broken)? == Sight::Full
                    }
                    None => false,
                }
            }
        };
        found.extend(seen.then(|| shown(grant)));
    }
    Ok(pb::ListContentGrantsResponse { grants: found })
}

fn shown(grant: GrantRecord) -> pb::ContentGrant {
    let (request_id, origin, message_id) = match &grant.scope {
        AuditScope::Request(request) => (request.to_string(), String::new(), String::new()),
        AuditScope::Message(origin, id) => (String::new(), origin.to_string(), id.to_string()),
    };
    pb::ContentGrant {
        auditor: grant.auditor,
        request_id,
        origin,
        message_id,
        reason: grant.reason.to_string(),
        until: grant.until.to_string(),
        granted_by: grant.by,
        granted_at: grant.at.to_string(),
    }
}
