//! What callers are told when a call fails.

use super::*;
use crate::domain::violation::Violation;

#[test]
fn an_error_keeps_reason_and_violations() {
    let violation = |at: usize| {
        let text = "it is not in the directory";
        Violation::new(format!("/to/{at}"), "UNKNOWN_CONTACT_POINT", text)
    };
    let error = ClientError::from(crate::transport::status::of_violations(
        (0..40).map(violation).collect(),
    ));
    assert_eq!((error.code(), error.reason()), (3, "CONTENT_INVALID"));
    let first = error.violations().first().unwrap();
    assert_eq!((first.pointer.as_str(), first.code.as_str()), ("/to/0", "UNKNOWN_CONTACT_POINT"));
    assert_eq!(error.violations().len() + error.left_out(), 40);
    let json = error.to_json();
    assert_eq!(json["reason"], "CONTENT_INVALID");
    assert_eq!(json["violations"][1]["pointer"], "/to/1");
    assert_eq!(json["code"], "INVALID_ARGUMENT");
}

#[test]
fn a_lost_connection_is_unavailable() {
    let error = ClientError::from(ConnectError::Transport("connection refused".to_owned()));
    assert_eq!((error.code(), error.reason()), (14, ""));
    assert_eq!(error.to_string(), "the node could not be reached: connection refused");
}
