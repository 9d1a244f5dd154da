//! What an error from a node tells, read by its receiver.

use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt as _;

use crate::transport::status::{LEFT_OUT, RULE, RULE_SOURCE};

/// An error as its receiver reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The reason in UPPER_SNAKE_CASE; empty where the sender gave none.
    pub reason: String,
    /// Variable parts.
    pub metadata: Vec<(String, String)>,
    /// What is wrong with what was sent.
    pub violations: Vec<ToldViolation>,
    /// How many more violations there are.
    pub left_out: usize,
}

/// One violation as its receiver reads it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ToldViolation {
    /// JSON pointer (RFC 6901) into the message file.
    pub pointer: String,
    /// The rule that is broken, in UPPER_SNAKE_CASE.
    pub code: String,
    /// What is wrong, in words.
    pub text: String,
    /// The rule, such as `R-CONTENT-C`; empty where its sender named none.
    pub rule: String,
    /// The paragraph that the rule rests on.
    pub source: String,
}

/// After how long the node takes another call of a caller that was too fast for it. It refused this
/// one before it read anything of it, so the same call may come again.
pub fn too_fast(status: &Status) -> Option<Duration> {
    let reason = status.get_details_error_info().map(|it| it.reason);
    let is_too_fast = reason.is_some_and(|it| it == "RATE_LIMITED");
    let told = status.get_details_retry_info().and_then(|it| it.retry_delay);
    told.filter(|_| is_too_fast).map(|it| it.max(Duration::from_millis(1)))
}

/// Reads an error's details; what is malformed in them is passed over.
pub fn told(status: &Status) -> Told {
    let details = status.get_error_details();
    let mut told = Told::default();
    if let Some(found) = details.error_info() {
        told.reason.clone_from(&found.reason);
        let variable = found.metadata.iter().filter(|(name, _)| !name.starts_with(RULE));
        told.metadata = variable.map(|(name, value)| (name.clone(), value.clone())).collect();
        told.metadata.sort();
        let left_out = found.metadata.get(LEFT_OUT).and_then(|it| it.parse().ok());
        told.left_out = left_out.unwrap_or(0);
    }
    if let Some(found) = details.bad_request() {
        let info = status.get_details_error_info();
        let rule = |at: usize| {
            let named = info.as_ref()?.metadata.get(&format!("{RULE}{at}"))?;
            let (rule, source) = named.split_once(RULE_SOURCE)?;
            Some((rule.to_owned(), source.to_owned()))
        };
        let violations = found.field_violations.iter().enumerate().map(|(at, it)| {
            let (rule, source) = rule(at).unwrap_or_default();
            let (pointer, code) = (it.field.clone(), it.reason.clone());
            ToldViolation { pointer, code, text: it.description.clone(), rule, source }
        });
        told.violations = violations.collect();
    }
    told
}
