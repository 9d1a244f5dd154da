//! What auditors are shown besides entries: officers grant content for a time and take it again, auditors
//! read what is granted, and sealed bytes. Each is an entry.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::request::access::{Holder, told};
use crate::cli::request::send::{tell_key, unknown};
use crate::cli::sheet::Sheet;
use crate::domain::auditing::AuditReason;
use crate::domain::ids::{AgencyId, MessageId, RequestId};
use crate::wire::{json, pb};

/// Of what content is granted: a request, or one message.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Scope {
    /// All messages of this request
    #[arg(long, value_name = "ID", conflicts_with = "message")]
    request: Option<RequestId>,
    /// This message
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// Agency of origin of the message; the own one where none is given
    #[arg(long, value_name = "AGENCY", requires = "message")]
    origin: Option<AgencyId>,
}

/// What is granted.
#[derive(Debug, Args)]
pub struct Granting {
    /// Who: a SPIFFE id, or auditor/NAME of the own agency
    auditor: Holder,
    /// Of what.
    #[command(flatten)]
    scope: Scope,
    /// Why: complaint, inquiry, order or supervision
    #[arg(long, value_name = "WORD")]
    reason: AuditReason,
    /// Until when, RFC 3339; at most 90 days
    #[arg(long, value_name = "TIME")]
    until: String,
    /// Names the call; the same key with the same grant is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What is taken again.
#[derive(Debug, Args)]
pub struct Revoking {
    /// Who: a SPIFFE id, or auditor/NAME of the own agency
    auditor: Holder,
    /// Of what.
    #[command(flatten)]
    scope: Scope,
    /// Names the call; the same key with the same grant is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which message an auditor reads.
#[derive(Debug, Args)]
pub struct Reading {
    /// Id of the message
    message: MessageId,
    /// Its agency of origin; the own one where none is given
    #[arg(long, value_name = "AGENCY")]
    origin: Option<AgencyId>,
}

fn named(line: &Line, auditor: Holder, scope: &Scope) -> pb::ContentGrant {
    let of_message = scope.message.map(|it| it.to_string());
    let origin = scope.origin.as_ref().unwrap_or(&line.agency).to_string();
    pb::ContentGrant {
        auditor: auditor.of(&line.agency).to_string(),
        request_id: scope.request.map(|it| it.to_string()).unwrap_or_default(),
        origin: of_message.as_ref().map(|_| origin).unwrap_or_default(),
        message_id: of_message.unwrap_or_default(),
        ..pb::ContentGrant::default()
    }
}

fn key(given: Option<String>, output: &Output) -> String {
    let is_given = given.is_some();
    let key = given.unwrap_or_else(call::new_key);
    tell_key(&key, is_given, output);
    key
}

/// Lets an auditor be shown content.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn grant(line: &Line, asked: Granting, output: &Output) -> Result<()> {
    let key = key(asked.idempotency_key, output);
    let grant = pb::ContentGrant {
        reason: asked.reason.to_string(),
        until: asked.until,
        ..named(line, asked.auditor, &asked.scope)
    };
    let auditor = grant.auditor.clone();
    let call = pb::GrantContentRequest { idempotency_key: key.clone(), grant: Some(grant) };
    let answered = line.client.grant_content(call).await;
    let answer = answered.map_err(|error| unknown(error, "granting", &key))?;
    let told = told(line, "audit_granted", answer.receipt.clone(), output)?;
    output.show(
        || json::from_message(&answer),
        || Sheet::new().line(format!("{auditor} may be shown the content: {told}")),
    )
}

/// Takes content from an auditor.
///
/// # Errors
/// As [`grant`].
pub async fn revoke(line: &Line, asked: Revoking, output: &Output) -> Result<()> {
    let key = key(asked.idempotency_key, output);
    let grant = named(line, asked.auditor, &asked.scope);
    let auditor = grant.auditor.clone();
    let call = pb::RevokeContentRequest { idempotency_key: key.clone(), grant: Some(grant) };
    let answered = line.client.revoke_content(call).await;
    let answer = answered.map_err(|error| unknown(error, "revoking", &key))?;
    let told = told(line, "audit_revoked", answer.receipt.clone(), output)?;
    output.show(
        || json::from_message(&answer),
        || Sheet::new().line(format!("{auditor} is shown the content no more: {told}")),
    )
}

/// Lists what is granted.
///
/// # Errors
/// What the node answers.
pub async fn grants(line: &Line, output: &Output) -> Result<()> {
    let answer = line.client.list_content_grants(pb::ListContentGrantsRequest {}).await?;
    let said = |it: &pb::ContentGrant| {
        let scope = match it.request_id.as_str() {
            "" => format!("message {} of {}", it.message_id, it.origin),
            request => format!("request {request}"),
        };
        format!("{}  {scope}: {} until {}, by {}", it.auditor, it.reason, it.until, it.granted_by)
    };
    output.show(
        || json::from_message(&answer),
        || answer.grants.iter().fold(Sheet::new(), |sheet, it| sheet.line(said(it))),
    )
}

/// Shows an auditor content that was granted.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn content(line: &Line, asked: Reading, output: &Output) -> Result<()> {
    let origin = asked.origin.as_ref().unwrap_or(&line.agency).to_string();
    let call = pb::ReadGrantedRequest { origin, message_id: asked.message.to_string() };
    let answer = line.client.read_granted(call).await?;
    told(line, "audit_content_read", answer.receipt.clone(), output)?;
    let file = answer.content.as_ref().map(json::write_file).unwrap_or_default();
    output.show(
        || json::from_message(&answer),
        || Sheet::new().line(String::from_utf8_lossy(&file).into_owned()),
    )
}

/// Writes the sealed bytes of a message for an auditor.
///
/// # Errors
/// What the node answers, or files that are there already.
pub async fn sealed(line: &Line, asked: Reading, base: PathBuf, output: &Output) -> Result<()> {
    let origin = asked.origin.as_ref().unwrap_or(&line.agency).to_string();
    let call = pb::ReadSealedRequest { origin, message_id: asked.message.to_string() };
    let answer = line.client.read_sealed(call).await?;
    let parts = [
        ("header", &answer.header),
        ("wraps", &answer.wraps),
        ("particulars", &answer.sealed_particulars),
        ("content", &answer.sealed_content),
    ];
    let named = parts.map(|(name, bytes)| (base.with_extension(name), bytes));
    file::must_be_free(named.iter().map(|(path, _)| path.as_path()))
        .map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
    for (path, bytes) in &named {
        file::write_new(path, bytes, file::PUBLIC)?;
    }
    output.show(
        || json::from_message(&answer),
        || {
            let lines = named
                .iter()
                .map(|(path, bytes)| format!("{} ({} bytes)", path.display(), bytes.len()));
            lines.fold(Sheet::new(), |sheet, line| sheet.line(line))
        },
    )
}
