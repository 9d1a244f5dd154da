//! Violations as the rich errors of gRPC name them.

use crate::domain::violation::Violation;
use crate::wire::json::JsonError;

/// Most violations that one answer carries; details ride in HTTP/2 headers, which clients limit.
pub const FIELD_VIOLATIONS_MAX: usize = 32;

/// One `google.rpc.BadRequest.FieldViolation`, before `transport/` makes it one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// JSON pointer (RFC 6901) to the field; empty for the whole message.
    pub field: String,
    /// The rule that is broken, in UPPER_SNAKE_CASE.
    pub reason: &'static str,
    /// What is wrong, in words.
    pub description: String,
    /// Id of the rule.
    pub rule: &'static str,
    /// The paragraph that the rule rests on.
    pub source: &'static str,
}

/// What one answer can carry of many violations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolations {
    /// The first ones, at most [`FIELD_VIOLATIONS_MAX`].
    pub violations: Vec<FieldViolation>,
    /// How many more there are.
    pub left_out: usize,
}

/// Violations in the order in which they were found, cut where the answer would grow too large.
pub fn field_violations(found: Vec<Violation>) -> FieldViolations {
    let left_out = found.len().saturating_sub(FIELD_VIOLATIONS_MAX);
    let violations = found.into_iter().take(FIELD_VIOLATIONS_MAX).map(|violation| {
        let Violation { pointer, code, text, severity: _, rule, source } = violation;
        FieldViolation { field: pointer, reason: code, description: text, rule, source }
    });
    FieldViolations { violations: violations.collect(), left_out }
}

/// What is wrong with a JSON text, as violations: faults of the whole text have an empty pointer.
pub fn of_json(error: JsonError) -> Vec<Violation> {
    let text = error.to_string();
    let of_the_whole = |code| vec![Violation::new("", code, text)];
    match error {
        JsonError::TooLarge { .. } | JsonError::TooDeep => of_the_whole("LIMIT_EXCEEDED"),
        JsonError::NotJson { .. } => of_the_whole("NOT_JSON"),
        JsonError::Invalid(found) => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_violations_are_cut_and_counted() {
        let one =
            |at: usize| Violation::new(format!("/persons/{at}/id"), "MISSING", "an id is missing");
        let few = field_violations((0..FIELD_VIOLATIONS_MAX).map(one).collect());
        assert_eq!((few.violations.len(), few.left_out), (FIELD_VIOLATIONS_MAX, 0));
        let many = field_violations((0..FIELD_VIOLATIONS_MAX + 5).map(one).collect());
        assert_eq!((many.violations.len(), many.left_out), (FIELD_VIOLATIONS_MAX, 5));
        let first = FieldViolation {
            field: "/persons/0/id".to_owned(),
            reason: "MISSING",
            description: "an id is missing".to_owned(),
            rule: "R-SHAPE",
            source: "message file",
        };
        assert_eq!(many.violations[0], first);
    }

    #[test]
    fn a_text_that_is_not_json_is_one_violation_of_the_whole() {
        let found = of_json(JsonError::NotJson { line: 2, column: 3 });
        let text = "the text is not JSON at line 2, column 3".to_owned();
        assert_eq!(found, [Violation::new("", "NOT_JSON", text)]);
        assert_eq!(of_json(JsonError::TooDeep)[0].code, "LIMIT_EXCEEDED");
        assert_eq!(of_json(JsonError::Invalid(found.clone())), found);
    }
}
