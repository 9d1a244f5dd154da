//! Facts about auditors, both ways, and what a skeleton says of a grant.

use crate::clock::Timestamp;
use crate::domain::auditing::{AuditFact, AuditReason};
use crate::domain::ids::{AgencyId, MessageId, RequestId};
use crate::wire::fact::{read_ref, write_ref};
use crate::wire::{WireError, ids, pb};

use pb::entry::Fact as PbFact;

/// Longest SPIFFE id, in bytes.
const AUDITOR_BYTES_MAX: usize = 2048;

/// Of what an auditor is shown the content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum AuditScope {
    /// Of every message of a request.
    Request(RequestId),
    /// Of one message.
    Message(AgencyId, MessageId),
}

/// A grant of content to an auditor, given or taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditGrant {
    /// SPIFFE id of the auditor.
    pub auditor: String,
    /// Of what.
    pub scope: AuditScope,
    /// Why; none where it is taken.
    pub reason: Option<AuditReason>,
    /// Until when; none where it is taken.
    pub until: Option<Timestamp>,
}

pub(super) fn write(fact: &AuditFact) -> PbFact {
    match fact {
        AuditFact::Granted => PbFact::AuditGranted(pb::AuditGranted {}),
        AuditFact::Revoked => PbFact::AuditRevoked(pb::AuditRevoked {}),
        AuditFact::ContentRead { message } => {
            PbFact::AuditContentRead(pb::AuditContentRead { message: write_ref(message) })
        }
        AuditFact::SealedRead { message } => {
            PbFact::AuditSealedRead(pb::AuditSealedRead { message: write_ref(message) })
        }
        AuditFact::JournalRead { from, to } => {
            PbFact::AuditJournalRead(pb::AuditJournalRead { from: *from, to: *to })
        }
    }
}

pub(super) fn content_read(it: pb::AuditContentRead) -> Result<AuditFact, WireError> {
    Ok(AuditFact::ContentRead { message: read_ref(it.message)? })
}

pub(super) fn sealed_read(it: pb::AuditSealedRead) -> Result<AuditFact, WireError> {
    Ok(AuditFact::SealedRead { message: read_ref(it.message)? })
}

pub(super) fn journal_read(it: &pb::AuditJournalRead) -> AuditFact {
    let pb::AuditJournalRead { from, to } = *it;
    AuditFact::JournalRead { from, to }
}

pub(super) fn write_grant(grant: &AuditGrant) -> pb::AuditGrant {
    let AuditGrant { auditor, scope, reason, until } = grant;
    let (request_id, origin, message_id) = match scope {
        AuditScope::Request(request) => (request.as_bytes().to_vec(), String::new(), Vec::new()),
        AuditScope::Message(origin, message) => {
            (Vec::new(), origin.to_string(), message.as_bytes().to_vec())
        }
    };
    pb::AuditGrant {
        auditor: auditor.clone(),
        request_id,
        origin,
        message_id,
        reason: reason.map(|it| it.to_string()).unwrap_or_default(),
        until_ms: ids::millis_or_zero(*until),
    }
}

pub(super) fn read_grant(it: pb::AuditGrant) -> Result<AuditGrant, WireError> {
    let pb::AuditGrant { auditor, request_id, origin, message_id, reason, until_ms } = it;
    if auditor.is_empty() || auditor.len() > AUDITOR_BYTES_MAX {
        return Err(WireError::OutOfRange { field: "skeleton.audit.auditor" });
    }
    let scope = match (request_id.is_empty(), message_id.is_empty() && origin.is_empty()) {
        (false, true) => {
            AuditScope::Request(ids::request_id("skeleton.audit.request_id", &request_id)?)
        }
        (true, false) => AuditScope::Message(
            ids::name("skeleton.audit.origin", &origin)?,
            ids::message_id("skeleton.audit.message_id", &message_id)?,
        ),
        (true, true) | (false, false) => {
            return Err(WireError::OutOfRange { field: "skeleton.audit.request_id" });
        }
    };
    let reason = (!reason.is_empty()).then(|| ids::word("skeleton.audit.reason", &reason));
    let until = ids::time_or_none(until_ms);
    Ok(AuditGrant { auditor, scope, reason: reason.transpose()?, until })
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::fact::samples::any_ref;
    use crate::wire::header::samples::any_agency;

    pub(in crate::wire) fn any_audit_fact() -> impl Strategy<Value = AuditFact> {
        prop_oneof![
            Just(AuditFact::Granted),
            Just(AuditFact::Revoked),
            any_ref().prop_map(|message| AuditFact::ContentRead { message }),
            any_ref().prop_map(|message| AuditFact::SealedRead { message }),
            (any::<u64>(), any::<u64>()).prop_map(|(from, to)| AuditFact::JournalRead { from, to }),
        ]
    }

    pub(in crate::wire) fn any_grant() -> impl Strategy<Value = AuditGrant> {
        let request = any::<[u8; 16]>().prop_map(RequestId::from_bytes);
        let message = (any_agency(), any::<[u8; 16]>());
        let scope = prop_oneof![
            request.prop_map(AuditScope::Request),
            message.prop_map(|(origin, id)| {
                AuditScope::Message(origin, MessageId::from_bytes(id))
            }),
        ];
        let reason = prop::option::of(prop::sample::select(AuditReason::ALL.to_vec()));
        ("[a-z:/]{1,40}", scope, reason, prop::option::of(1..=i64::MAX)).prop_map(
            |(auditor, scope, reason, until)| {
                let until = until.map(Timestamp::from_millis);
                AuditGrant { auditor, scope, reason, until }
            },
        )
    }
}
