//! One thing that is wrong, or worth knowing, about a message, by the place where it stands.

use std::fmt;

/// What a finding does to the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The message is not sent: the other side could return it as defective.
    Reject,
    /// The message goes, and whoever reads it should look here.
    Warn,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    /// The severity's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Warn => "warn",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule of the message file itself: known fields, known words, ids of their form.
pub const SHAPE: &str = "R-SHAPE";
/// Where [`SHAPE`] is written down.
pub const SHAPE_SOURCE: &str = "message file";

/// One finding. Holds nothing of what the sender wrote: a value may name a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where, as a JSON pointer (RFC 6901) into the message file, such as `/to/0`.
    pub pointer: String,
    /// What is wrong, `UPPER_SNAKE_CASE`; stable.
    pub code: &'static str,
    /// What is expected there and why, lower case, without full stop.
    pub text: String,
    /// Whether the message can go all the same.
    pub severity: Severity,
    /// The rule, such as `R-CONTENT-C`.
    pub rule: &'static str,
    /// The paragraph that the rule rests on, such as `UNTOC 18(15)(c)`; `policy` where it is ours.
    pub source: &'static str,
}

impl Violation {
    /// At `pointer` the file does not have the form that it must have.
    pub fn new(pointer: impl Into<String>, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            text: text.into(),
            severity: Severity::Reject,
            rule: SHAPE,
            source: SHAPE_SOURCE,
        }
    }

    /// The same finding, made by a rule that rests on `source`.
    #[must_use]
    pub fn by(mut self, rule: &'static str, source: &'static str) -> Self {
        self.rule = rule;
        self.source = source;
        self
    }

    /// The same finding, as one that lets the message go.
    #[must_use]
    pub fn warn(mut self) -> Self {
        self.severity = Severity::Warn;
        self
    }

    /// The same finding, as one that is only worth knowing.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// Does it stop the message?
    pub fn rejects(&self) -> bool {
        self.severity == Severity::Reject
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}; {}, {})", self.pointer, self.text, self.code, self.rule, self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_place_first_and_names_its_source() {
        let violation = Violation::new("/to/0", "MALFORMED", "it needs a slash");
        let shown = "/to/0: it needs a slash (MALFORMED; R-SHAPE, message file)";
        assert_eq!((violation.to_string().as_str(), violation.rejects()), (shown, true));
        let violation = violation.by("R-CONTENT-C", "UNTOC 18(15)(c)");
        assert_eq!((violation.rule, violation.source), ("R-CONTENT-C", "UNTOC 18(15)(c)"));
    }

    #[test]
    fn only_a_rejection_stops_a_message() {
        let violation = Violation::new("", "MISSING", "a word");
        assert_eq!((violation.severity, violation.rejects()), (Severity::Reject, true));
        let warned = violation.clone().warn();
        assert_eq!((warned.severity, warned.rejects()), (Severity::Warn, false));
        let noted = violation.note();
        assert_eq!((noted.severity, noted.rejects()), (Severity::Note, false));
    }
}
