//! Why a text is not the value it should be: a code and a reason, never the text.

/// The form that a value lacks. Holds nothing of what the sender wrote: it may name a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("{why}")]
pub struct EntityFault {
    /// What is wrong, `UPPER_SNAKE_CASE`; stable.
    pub code: &'static str,
    /// What is expected, lower case, without full stop.
    pub why: &'static str,
}

impl EntityFault {
    /// Is the form right and only the check digit wrong? Then one sign was misread or altered.
    pub fn is_check_digit(&self) -> bool {
        self.code.ends_with("_CHECK_DIGIT") || self.code.ends_with("_CHECK_DIGITS")
    }
}

pub(super) const fn fault(code: &'static str, why: &'static str) -> EntityFault {
    EntityFault { code, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_tells_form_from_check_digit() {
        assert!(fault("BAD_IBAN_CHECK_DIGITS", "").is_check_digit());
        assert!(fault("BAD_IMO_CHECK_DIGIT", "").is_check_digit());
        assert!(!fault("BAD_IBAN_SHAPE", "").is_check_digit());
    }

    #[test]
    fn a_fault_reads_as_its_reason() {
        let fault = fault("BAD_IMO_SHAPE", "an IMO number is seven digits");
        assert_eq!(fault.to_string(), "an IMO number is seven digits");
    }
}
