//! What outsiders learn of an error: code, reason, place, and no more.

use std::collections::BTreeSet;

use super::*;
use crate::transport::told::{ToldViolation, told};

/// Every reason of the door with the code that the interface promises for it.
const PROMISED: &[(RejectionReason, Code)] = &[
    (RejectionReason::ClaimedByAnother, Code::FailedPrecondition),
    (RejectionReason::CompetenceMoved, Code::Aborted),
    (RejectionReason::ContentErased, Code::FailedPrecondition),
    (RejectionReason::ContentInvalid, Code::InvalidArgument),
    (RejectionReason::DirectoryStale, Code::FailedPrecondition),
    (RejectionReason::Draining, Code::Unavailable),
    (RejectionReason::HandlingForbids, Code::PermissionDenied),
    (RejectionReason::IdempotencyKeyReused, Code::FailedPrecondition),
    (RejectionReason::JournalBehind, Code::FailedPrecondition),
    (RejectionReason::JournalForked, Code::DataLoss),
    (RejectionReason::JournalUnconfirmed, Code::Unavailable),
    (RejectionReason::LimitExceeded, Code::ResourceExhausted),
    (RejectionReason::MessageExists, Code::AlreadyExists),
    (RejectionReason::NoRoute, Code::FailedPrecondition),
    (RejectionReason::NotClaimedByCaller, Code::FailedPrecondition),
    (RejectionReason::NotFound, Code::NotFound),
    (RejectionReason::NotYourContactPoint, Code::PermissionDenied),
    (RejectionReason::ProofInvalid, Code::InvalidArgument),
    (RejectionReason::QueueFull, Code::ResourceExhausted),
    (RejectionReason::RequestExists, Code::AlreadyExists),
    (RejectionReason::DeskNotPermitted, Code::PermissionDenied),
    (RejectionReason::DraftDiffers, Code::FailedPrecondition),
    (RejectionReason::OwnDraft, Code::PermissionDenied),
    (RejectionReason::RoleNotPermitted, Code::PermissionDenied),
    (RejectionReason::StateForbids, Code::FailedPrecondition),
    (RejectionReason::StorageLow, Code::ResourceExhausted),
    (RejectionReason::VolumeUnconfirmed, Code::Unavailable),
];

fn violations(count: usize, text: &str) -> Vec<Violation> {
    let one = |at| Violation::new(format!("/persons/{at}/id"), "MISSING", text);
    (0..count).map(one).collect()
}

#[test]
fn each_reason_of_the_door_has_its_code_and_tells_itself() {
    for (reason, code) in PROMISED {
        let rejection = Rejection::new(*reason, "a sentence").with("name", "value");
        let status = of_rejection(rejection);
        assert_eq!(status.code(), *code, "{reason:?}");
        assert_eq!(status.message(), "a sentence");
        let found = status.get_details_error_info().unwrap();
        assert_eq!((found.reason.as_str(), found.domain.as_str()), (reason.as_str(), DOMAIN));
        assert_eq!(found.metadata.get("name").unwrap(), "value");
        assert_eq!(status.get_details_retry_info().is_some(), passes(*reason), "{reason:?}");
    }
}

#[test]
fn reasons_of_the_edge_are_apart_and_in_upper_case() {
    let names: BTreeSet<_> = EdgeReason::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(names.len(), EdgeReason::ALL.len());
    for reason in EdgeReason::ALL {
        let upper = |it: char| it.is_ascii_uppercase() || it == '_';
        assert!(reason.as_str().chars().all(upper), "{reason:?}");
        let status = of_edge(reason, "a sentence");
        assert_eq!(told(&status).reason, reason.as_str());
    }
}

#[test]
fn violations_are_told_with_place_and_code() {
    let status = of_violations(violations(2, "an id is missing"));
    let told = told(&status);
    assert_eq!((status.code(), told.reason.as_str()), (Code::InvalidArgument, "CONTENT_INVALID"));
    let expected = ToldViolation {
        pointer: "/persons/1/id".to_owned(),
        code: "MISSING".to_owned(),
        text: "an id is missing".to_owned(),
        rule: "R-SHAPE".to_owned(),
        source: "message file".to_owned(),
    };
    assert_eq!((told.violations.len(), told.left_out), (2, 0));
    assert_eq!(told.violations[1], expected);
}

#[test]
fn details_stay_within_headers_and_say_what_they_leave_out() {
    for (count, text) in [(1000, "short".to_owned()), (200, "é".repeat(400)), (1, "x".repeat(9000))]
    {
        let status = of_violations(violations(count, &text));
        let told = told(&status);
        assert!(status.details().len().div_ceil(3) * 4 <= DETAILS_BYTES_MAX);
        assert!(status.message().len() <= ERROR_TEXT_BYTES_MAX);
        assert!(!told.violations.is_empty(), "{count}");
        assert_eq!(told.violations.len() + told.left_out, count);
    }
}

#[test]
fn an_error_of_ours_tells_no_detail() {
    let secret = "table po, key 706f";
    let failed = of_failure(&secret);
    assert_eq!((failed.code(), told(&failed).reason.as_str()), (Code::Internal, "INTERNAL"));
    let damaged = of_history(&HistoryError::Damaged { what: "row of a test" });
    assert_eq!(
        (damaged.code(), told(&damaged).reason.as_str()),
        (Code::DataLoss, "RECORD_DAMAGED")
    );
    let store =
        of_journal(&JournalError::Store(StoreError::Failed { first: "a write".to_owned() }));
    assert_eq!(store.code(), Code::Internal);
    for status in [failed, damaged, store] {
        assert!(!status.message().contains(secret) && !status.message().contains("row of a test"));
    }
}

#[test]
fn a_certificate_that_ended_is_told_apart_from_one_that_was_revoked() {
    let reason = |refusal| told(&of_refusal(&refusal)).reason;
    assert_eq!(reason(Refusal::Expired), "CERTIFICATE_EXPIRED");
    assert_eq!(reason(Refusal::Revoked), "CERTIFICATE_REVOKED");
    assert_eq!(reason(Refusal::UnknownAgency), "NOT_IN_DIRECTORY");
    assert_eq!(reason(Refusal::OtherAgency), "ROLE_NOT_PERMITTED");
    assert_eq!(reason(Refusal::NoCertificate), "IDENTITY_MALFORMED");
    assert_eq!(reason(Refusal::Signature), "CERTIFICATE_INVALID");
}
