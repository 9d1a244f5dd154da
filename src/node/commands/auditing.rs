//! What an auditor is shown: each reading is an entry before anything leaves. Content is shown by a
//! grant alone, which an officer gives for a time and a reason, and takes again.

use crate::clock::Timestamp;
use crate::domain::auditing::{AuditFact, AuditReason, GRANT_DAYS_MAX};
use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::history::message::{self, MessageRecord, Part};
use crate::history::{grants, requests};
use crate::identity::desks::Keeping;
use crate::identity::permission::Verb;
use crate::identity::principal::{Principal, Role};
use crate::node::command::{AuditAct, Call, Outcome};
use crate::node::commands::{Decline, admitted};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sight::{self, Sight};
use crate::node::turn::Turn;
use crate::node::{audit, desks};
use crate::wire::auditing::{AuditGrant, AuditScope};
use crate::wire::skeleton::Skeleton;

const DAY_MS: i64 = 24 * 3_600_000;

/// Decides what an auditor is shown, or may be.
pub(super) fn decide(turn: &mut Turn<'_>, call: &Call, act: AuditAct) -> Result<Outcome, Decline> {
    match act {
        AuditAct::Grant { auditor, scope, reason, until } => {
            grant(turn, call, (&auditor, scope), (reason, until))
        }
        AuditAct::Revoke { auditor, scope } => revoke(turn, call, &auditor, scope),
        AuditAct::ReadContent { message } => read_content(turn, call, message),
        AuditAct::ReadSealed { message } => read_sealed(turn, call, message),
        AuditAct::Replay { from, to } => {
            admitted(turn, call, Verb::ReplayEntries)?;
            let fact = Fact::Audit(AuditFact::JournalRead { from, to });
            let skeleton =
                Skeleton { principal: Some(call.principal.to_string()), ..Skeleton::default() };
            Ok(Outcome::Done(turn.record(fact, skeleton)?))
        }
    }
}

/// By an officer who sees it, for an auditor of the agency, for at most [`GRANT_DAYS_MAX`] days.
fn grant(
    turn: &mut Turn<'_>,
    call: &Call,
    (auditor, scope): (&Principal, AuditScope),
    (reason, until): (AuditReason, Timestamp),
) -> Result<Outcome, Decline> {
    if let Some(position) = admitted(turn, call, Verb::GrantContent)? {
        return Ok(Outcome::Done(position));
    }
    sees(turn, call, &scope)?;
    if auditor.role != Role::Auditor || auditor.agency != turn.setting.agency {
        let text = "content is granted to auditors of the own agency";
        return Err(Rejection::new(RejectionReason::RoleNotPermitted, text).into());
    }
    let latest = turn.now.plus_millis(i64::from(GRANT_DAYS_MAX) * DAY_MS);
    if until <= turn.now || until > latest {
        let text = format!("a grant ends later than now, and within {GRANT_DAYS_MAX} days");
        return Err(Rejection::new(RejectionReason::LimitExceeded, text).into());
    }
    let auditor = auditor.to_string();
    let grant = AuditGrant { auditor, scope, reason: Some(reason), until: Some(until) };
    Ok(Outcome::Done(turn.record(Fact::Audit(AuditFact::Granted), by(call, grant))?))
}

fn revoke(
    turn: &mut Turn<'_>,
    call: &Call,
    auditor: &Principal,
    scope: AuditScope,
) -> Result<Outcome, Decline> {
    if let Some(position) = admitted(turn, call, Verb::RevokeContent)? {
        return Ok(Outcome::Done(position));
    }
    sees(turn, call, &scope)?;
    let auditor = auditor.to_string();
    if grants::find(&turn.rows, &auditor, &scope)?.is_none() {
        let text = "no such grant stands";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    }
    let grant = AuditGrant { auditor, scope, reason: None, until: None };
    Ok(Outcome::Done(turn.record(Fact::Audit(AuditFact::Revoked), by(call, grant))?))
}

fn by(call: &Call, grant: AuditGrant) -> Skeleton {
    Skeleton {
        principal: Some(call.principal.to_string()),
        call: Some((call.key.clone(), call.fingerprint)),
        audit: Some(grant),
        ..Skeleton::default()
    }
}

/// The officer sees what is granted, and looks after such grants.
fn sees(turn: &Turn<'_>, call: &Call, scope: &AuditScope) -> Result<(), Decline> {
    let (setting, rows) = (turn.setting, &turn.rows);
    let caller = call.principal.to_string();
    let seen = match scope {
        AuditScope::Request(request) => {
            requests::find(rows, *request)?.is_some()
                && sight::has(setting, rows, *request, &caller)?
        }
        AuditScope::Message(origin, message) => {
            match message::find(rows, MessageKey::new(origin, *message))? {
                Some(record) if is_own(&record) => {
                    sight::of_message(setting, rows, &record, &caller)? == Sight::Full
                }
                Some(_) | None => false,
            }
        }
    };
    if !seen {
        return Err(Rejection::not_found().into());
    }
    Ok(desks::demand_keeping(setting, &call.principal, Keeping::Audit)?)
}

fn is_own(record: &MessageRecord) -> bool {
    match record.part {
        Part::Origin => true,
        Part::Destination => record.is_listed(),
        Part::Transit => false,
    }
}

fn read_content(turn: &mut Turn<'_>, call: &Call, key: MessageKey) -> Result<Outcome, Decline> {
    admitted(turn, call, Verb::ReadGranted)?;
    let record = message::find(&turn.rows, key)?.filter(is_own);
    let record = record.ok_or_else(Rejection::not_found)?;
    let auditor = call.principal.to_string();
    if !audit::is_granted(&turn.rows, &record, &auditor, turn.now)? {
        return Err(Rejection::not_found().into());
    }
    if let Some(erased) = &record.erased {
        return Err(Rejection::erased(erased).into());
    }
    let message = message::reference(&record.header()?);
    let skeleton = Skeleton { principal: Some(auditor), ..Skeleton::default() };
    Ok(Outcome::Done(turn.record(Fact::Audit(AuditFact::ContentRead { message }), skeleton)?))
}

fn read_sealed(turn: &mut Turn<'_>, call: &Call, key: MessageKey) -> Result<Outcome, Decline> {
    admitted(turn, call, Verb::ReadSealed)?;
    let record = message::find(&turn.rows, key)?.ok_or_else(Rejection::not_found)?;
    if let Some(erased) = &record.erased {
        return Err(Rejection::erased(erased).into());
    }
    let message = message::reference(&record.header()?);
    let principal = Some(call.principal.to_string());
    let skeleton = Skeleton { principal, ..Skeleton::default() };
    Ok(Outcome::Done(turn.record(Fact::Audit(AuditFact::SealedRead { message }), skeleton)?))
}
