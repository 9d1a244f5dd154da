//! The one place that decides what outsiders learn of an error.
//!
//! Every error carries `google.rpc.ErrorInfo` with a reason in UPPER_SNAKE_CASE and the domain
//! `rogatory`; what is wrong with a draft comes as `google.rpc.BadRequest`, each violation with a
//! JSON pointer into the message file. An error of ours tells its reason and nothing else: detail
//! goes to the trace.

use std::collections::HashMap;
use std::fmt::Display;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::domain::violation::Violation;
use crate::history::rows::HistoryError;
use crate::journal::JournalError;
use crate::journal::files::FileError;
use crate::journal::slots::SlotError;
use crate::journal::store::StoreError;
use crate::node::content::ContentError;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sealing::PrepareError;
use crate::transport::limits::{DETAILS_BYTES_MAX, ERROR_TEXT_BYTES_MAX, RETRY_AFTER};
use crate::transport::shares::Unserved;
use crate::transport::tls::Refusal;
use crate::wire::WireError;
use crate::wire::violation::field_violations;

/// The domain of every reason.
pub const DOMAIN: &str = "rogatory";
/// Under this name the metadata say how many violations were left out.
pub const LEFT_OUT: &str = "violations_left_out";
/// Under this name and the violation's number, from 0, the metadata name its rule and source.
pub(super) const RULE: &str = "rule_";
/// Stands between the two.
pub(super) const RULE_SOURCE: &str = "; ";

/// Why the edge itself says no, before or beside the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeReason {
    /// The certificate has ended, or is not valid yet.
    CertificateExpired,
    /// The certificate does not hold any more.
    CertificateInvalid,
    /// The certificate was revoked.
    CertificateRevoked,
    /// Key or bytes of the content do not open.
    ContentUnreadable,
    /// A page token or a place in a sequence is none of ours.
    CursorInvalid,
    /// A frame of a peer is malformed.
    FrameInvalid,
    /// A hash does not agree with the bytes that it speaks of.
    HashMismatch,
    /// No certificate that names a caller.
    IdentityMalformed,
    /// Something failed here.
    Internal,
    /// A size is over its limit.
    LimitExceeded,
    /// No such call.
    MethodUnknown,
    /// The node's configuration names no backup key.
    NoBackupKey,
    /// The agency is not known here, or no link leads to it.
    NotInDirectory,
    /// The node cannot answer yet.
    NotReady,
    /// The journal has another history than the one that the caller knows.
    OtherHistory,
    /// The caller asks faster than its pace, or has as many sessions as it may.
    RateLimited,
    /// A record here is damaged.
    RecordDamaged,
    /// The caller's agency or role has no business at this door.
    RoleNotPermitted,
    /// The journal has no checkpoint of this size.
    SizeUnknown,
    /// The time that the caller gave has run out.
    TimeRanOut,
}

impl EdgeReason {
    /// Every reason of the edge.
    pub const ALL: [Self; 20] = [
        Self::CertificateExpired,
        Self::CertificateInvalid,
        Self::CertificateRevoked,
        Self::ContentUnreadable,
        Self::CursorInvalid,
        Self::FrameInvalid,
        Self::HashMismatch,
        Self::IdentityMalformed,
        Self::Internal,
        Self::LimitExceeded,
        Self::MethodUnknown,
        Self::NoBackupKey,
        Self::NotInDirectory,
        Self::NotReady,
        Self::OtherHistory,
        Self::RateLimited,
        Self::RecordDamaged,
        Self::RoleNotPermitted,
        Self::SizeUnknown,
        Self::TimeRanOut,
    ];

    /// The stable code, in UPPER_SNAKE_CASE.
    pub const fn as_str(self) -> &'static str {
        self.told().1
    }

    const fn told(self) -> (Code, &'static str) {
        match self {
            Self::CertificateExpired => (Code::Unauthenticated, "CERTIFICATE_EXPIRED"),
            Self::CertificateInvalid => (Code::Unauthenticated, "CERTIFICATE_INVALID"),
            Self::CertificateRevoked => (Code::Unauthenticated, "CERTIFICATE_REVOKED"),
            Self::ContentUnreadable => (Code::FailedPrecondition, "CONTENT_UNREADABLE"),
            Self::CursorInvalid => (Code::InvalidArgument, "CURSOR_INVALID"),
            Self::FrameInvalid => (Code::InvalidArgument, "FRAME_INVALID"),
            Self::HashMismatch => (Code::InvalidArgument, "HASH_MISMATCH"),
            Self::IdentityMalformed => (Code::Unauthenticated, "IDENTITY_MALFORMED"),
            Self::Internal => (Code::Internal, "INTERNAL"),
            Self::LimitExceeded => (Code::ResourceExhausted, "LIMIT_EXCEEDED"),
            Self::MethodUnknown => (Code::Unimplemented, "METHOD_UNKNOWN"),
            Self::NoBackupKey => (Code::FailedPrecondition, "NO_BACKUP_KEY"),
            Self::NotInDirectory => (Code::PermissionDenied, "NOT_IN_DIRECTORY"),
            Self::NotReady => (Code::Unavailable, "NOT_READY"),
            Self::OtherHistory => (Code::FailedPrecondition, "OTHER_HISTORY"),
            Self::RateLimited => (Code::ResourceExhausted, "RATE_LIMITED"),
            Self::RecordDamaged => (Code::DataLoss, "RECORD_DAMAGED"),
            Self::RoleNotPermitted => (Code::PermissionDenied, "ROLE_NOT_PERMITTED"),
            Self::SizeUnknown => (Code::OutOfRange, "SIZE_UNKNOWN"),
            Self::TimeRanOut => (Code::DeadlineExceeded, "TIME_RAN_OUT"),
        }
    }
}

/// The code of a rejection.
const fn code(reason: RejectionReason) -> Code {
    match reason {
        RejectionReason::ContentInvalid | RejectionReason::ProofInvalid => Code::InvalidArgument,
        RejectionReason::ClaimedByAnother
        | RejectionReason::ContentErased
        | RejectionReason::DraftDiffers
        | RejectionReason::IdempotencyKeyReused
        | RejectionReason::DirectoryStale
        | RejectionReason::JournalBehind
        | RejectionReason::NoRoute
        | RejectionReason::NotClaimedByCaller
        | RejectionReason::StateForbids => Code::FailedPrecondition,
        RejectionReason::CompetenceMoved => Code::Aborted,
        RejectionReason::MessageExists | RejectionReason::RequestExists => Code::AlreadyExists,
        RejectionReason::DeskNotPermitted
        | RejectionReason::HandlingForbids
        | RejectionReason::NotYourContactPoint
        | RejectionReason::OwnDraft
        | RejectionReason::PeerCutOff
        | RejectionReason::RoleNotPermitted => Code::PermissionDenied,
        RejectionReason::NotFound => Code::NotFound,
        RejectionReason::LimitExceeded
        | RejectionReason::QueueFull
        | RejectionReason::StorageLow
        | RejectionReason::TooManyRefusals => Code::ResourceExhausted,
        RejectionReason::DirectoryBehind
        | RejectionReason::Draining
        | RejectionReason::JournalUnconfirmed
        | RejectionReason::VolumeUnconfirmed => Code::Unavailable,
        RejectionReason::JournalForked => Code::DataLoss,
    }
}

/// True where the same call may succeed a little later.
const fn passes(reason: RejectionReason) -> bool {
    matches!(
        reason,
        RejectionReason::Draining
            | RejectionReason::JournalUnconfirmed
            | RejectionReason::QueueFull
            | RejectionReason::StorageLow
            | RejectionReason::VolumeUnconfirmed
    )
}

/// What the door's no looks like from outside.
pub fn of_rejection(rejection: Rejection) -> Status {
    let Rejection { reason, text, violations, metadata } = rejection;
    let mut details = ErrorDetails::new();
    if passes(reason) {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    let named = metadata.into_iter().map(|(name, value)| (name.to_owned(), cut(&value)));
    details.set_error_info(reason.as_str(), DOMAIN, named.collect::<HashMap<_, _>>());
    built(code(reason), &text, details, violations)
}

/// What a no of the edge looks like from outside.
pub fn of_edge(reason: EdgeReason, text: &str) -> Status {
    let (code, name) = reason.told();
    let mut details = ErrorDetails::new();
    details.set_error_info(name, DOMAIN, HashMap::new());
    built(code, text, details, Vec::new())
}

/// A no to a call that takes more than its caller's share; says when the next one is let in.
pub fn of_unserved(unserved: Unserved) -> Status {
    match unserved {
        Unserved::TooFast(wait) => {
            let mut details = ErrorDetails::new();
            details.set_retry_info(Some(wait));
            details.set_error_info(EdgeReason::RateLimited.as_str(), DOMAIN, HashMap::new());
            let text =
                format!("too many calls; the next one is let in after {} ms", wait.as_millis());
            built(Code::ResourceExhausted, &text, details, Vec::new())
        }
        Unserved::TooLong => {
            let text = "the call took longer than a call may";
            of_edge(EdgeReason::TimeRanOut, text)
        }
    }
}

/// A no to what the caller sent: all that is wrong with it.
pub fn of_violations(violations: Vec<Violation>) -> Status {
    of_rejection(Rejection::content(violations))
}

/// A no to one field of a call.
pub fn of_field(pointer: &str, code: &'static str, text: impl Into<String>) -> Status {
    let violation = Violation::new(pointer, code, text);
    of_violations(vec![violation])
}

/// The same for what is absent and for what the caller may not know of.
pub fn not_found() -> Status {
    of_rejection(Rejection::not_found())
}

/// State that can't be read. The trace has the detail.
pub fn of_history(error: &HistoryError) -> Status {
    match error {
        HistoryError::Journal(error) => of_journal(error),
        HistoryError::Damaged { .. }
        | HistoryError::Store(StoreError::Damaged { .. })
        | HistoryError::Files(FileError::Damaged { .. } | FileError::Missing { .. })
        | HistoryError::Slots(SlotError::Damaged { .. } | SlotError::Missing { .. }) => {
            ours(EdgeReason::RecordDamaged, error)
        }
        HistoryError::Store(_) | HistoryError::Slots(_) | HistoryError::Files(_) => {
            ours(EdgeReason::Internal, error)
        }
    }
}

/// A journal that can't be read. The trace has the detail.
pub fn of_journal(error: &JournalError) -> Status {
    let reason = match error {
        JournalError::Damaged { .. } => EdgeReason::RecordDamaged,
        JournalError::Absent { .. }
        | JournalError::OtherJournal { .. }
        | JournalError::Outdated { .. }
        | JournalError::Store(_)
        | JournalError::UnknownCheckpoint { .. } => EdgeReason::Internal,
    };
    ours(reason, error)
}

/// Anything else that failed here. The trace has the detail.
pub fn of_failure(error: &dyn Display) -> Status {
    ours(EdgeReason::Internal, error)
}

fn ours(reason: EdgeReason, error: &dyn Display) -> Status {
    tracing::error!(reason = reason.as_str(), %error, "a call failed");
    let text = if reason == EdgeReason::RecordDamaged {
        "a record of this node is damaged; its operator must check it"
    } else {
        "the node failed; its operator finds the cause in the trace"
    };
    of_edge(reason, text)
}

/// A draft that could not be sealed.
pub fn of_prepare(error: PrepareError) -> Status {
    match error {
        PrepareError::Rejected(rejection) => of_rejection(rejection),
        PrepareError::History(error) => of_history(&error),
    }
}

/// Content that can't be shown.
pub fn of_content(error: &ContentError) -> Status {
    match error {
        ContentError::Absent => {
            let text = "the content is not here any more";
            of_rejection(Rejection::new(RejectionReason::ContentErased, text))
        }
        ContentError::Unreadable => unreadable(),
        ContentError::History(error) => of_history(error),
    }
}

/// Content that its recipient could never open.
pub fn unreadable() -> Status {
    of_edge(
        EdgeReason::ContentUnreadable,
        "the content could not be opened with this agency's keys",
    )
}

/// A frame of a peer that is not what it should be.
pub fn of_wire(error: &WireError) -> Status {
    of_edge(reason_of_wire(error), &error.to_string())
}

/// Why a frame can't be read, as a peer is told.
pub const fn reason_of_wire(error: &WireError) -> EdgeReason {
    match error {
        WireError::Mismatch { .. } => EdgeReason::HashMismatch,
        WireError::TooLarge { .. } => EdgeReason::LimitExceeded,
        WireError::Undecodable { .. }
        | WireError::NotCanonical { .. }
        | WireError::Missing { .. }
        | WireError::Length { .. }
        | WireError::Malformed { .. }
        | WireError::Unknown { .. }
        | WireError::OutOfRange { .. } => EdgeReason::FrameInvalid,
    }
}

/// A certificate that is not let in any more.
pub fn of_refusal(refusal: &Refusal) -> Status {
    let reason = match refusal {
        Refusal::Expired | Refusal::NotYetValid => EdgeReason::CertificateExpired,
        Refusal::Revoked => EdgeReason::CertificateRevoked,
        Refusal::NoCertificate | Refusal::Id(_) => EdgeReason::IdentityMalformed,
        Refusal::UnknownAgency => EdgeReason::NotInDirectory,
        Refusal::Role(_) | Refusal::OtherAgency => EdgeReason::RoleNotPermitted,
        Refusal::ChainTooLong
        | Refusal::UnknownIssuer
        | Refusal::NoList
        | Refusal::ListExpired
        | Refusal::ListSilent
        | Refusal::ListForged
        | Refusal::Purpose
        | Refusal::NoProtocol
        | Refusal::NotItsKey
        | Refusal::Signature
        | Refusal::Chain(_) => EdgeReason::CertificateInvalid,
    };
    of_edge(reason, &refusal.to_string())
}

/// Puts an error together; violations are cut until the details fit into headers.
fn built(code: Code, text: &str, details: ErrorDetails, found: Vec<Violation>) -> Status {
    let text = cut(text);
    if found.is_empty() {
        return Status::with_error_details(code, text, details);
    }
    let total = found.len();
    let mut shown = field_violations(found).violations;
    loop {
        let mut details = details.clone();
        let left_out = total - shown.len();
        if let Some(mut told) = details.error_info().cloned() {
            for (at, it) in shown.iter().enumerate() {
                let name = format!("{RULE}{at}");
                told.metadata.insert(name, format!("{}{RULE_SOURCE}{}", it.rule, it.source));
            }
            if left_out > 0 {
                told.metadata.insert(LEFT_OUT.to_owned(), left_out.to_string());
            }
            details.set_error_info(told.reason, told.domain, told.metadata);
        }
        let violations = shown.iter().map(|it| FieldViolation {
            field: cut(&it.field),
            description: cut(&it.description),
            reason: it.reason.to_owned(),
            localized_message: None,
        });
        details.set_bad_request(violations.collect::<Vec<_>>());
        let status = Status::with_error_details(code, text.clone(), details);
        let fits = status.details().len().div_ceil(3) * 4 <= DETAILS_BYTES_MAX;
        if fits || shown.pop().is_none() {
            return status;
        }
    }
}

/// The first bytes of a text, whole characters only.
fn cut(text: &str) -> String {
    let ends = text.char_indices().map(|(at, it)| at + it.len_utf8());
    let end = ends.take_while(|end| *end <= ERROR_TEXT_BYTES_MAX).last().unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
