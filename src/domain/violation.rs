//! One thing that is wrong with a draft, by the place where it stands.

use std::fmt;

/// One broken rule. Holds nothing of what the sender wrote: a value may name a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where, as a JSON pointer (RFC 6901) into the message file, such as `/to/0`.
    pub pointer: String,
    /// Which rule, `UPPER_SNAKE_CASE`; stable.
    pub code: &'static str,
    /// What is expected there, lower case, without full stop.
    pub text: String,
}

impl Violation {
    /// At `pointer`, the rule `code` is broken; `text` says what is expected.
    pub fn new(pointer: impl Into<String>, code: &'static str, text: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.pointer, self.text, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_place_first() {
        let violation = Violation::new("/to/0", "MALFORMED", "it needs a slash");
        assert_eq!(violation.to_string(), "/to/0: it needs a slash (MALFORMED)");
    }
}
