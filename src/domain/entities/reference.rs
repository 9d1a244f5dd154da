//! References that an authority gives its cases: compared and shown, never taken apart.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use super::ascii::shown_by_length;
use super::fault::{EntityFault, fault};
use crate::domain::unseen::has_unseen;

/// Longest reference, in bytes.
pub const REFERENCE_BYTES_MAX: usize = 128;

/// A reference as its authority writes it. Two are equal if their composed forms (NFC) are; upper
/// and lower case differ.
#[derive(Clone)]
pub struct CaseReference(String);

impl CaseReference {
    /// The reference as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CaseReference {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        if !(1..=REFERENCE_BYTES_MAX).contains(&text.len()) {
            return Err(fault("BAD_REFERENCE_LENGTH", "a case reference has 1 to 128 bytes"));
        }
        if has_unseen(text) {
            let why = "a case reference has no signs that are not seen or override direction";
            return Err(fault("BAD_REFERENCE_SIGN", why));
        }
        Ok(Self(text.to_owned()))
    }
}

impl PartialEq for CaseReference {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0.nfc().eq(other.0.nfc())
    }
}

impl Eq for CaseReference {}

impl PartialOrd for CaseReference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CaseReference {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.nfc().cmp(other.0.nfc())
    }
}

impl Hash for CaseReference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.nfc().for_each(|it| it.hash(state));
        0xff_u8.hash(state);
    }
}

shown_by_length!(CaseReference);

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> CaseReference {
        text.parse().unwrap()
    }

    #[test]
    fn a_reference_has_1_to_128_bytes() {
        for (length, fits) in [(0, false), (1, true), (128, true), (129, false)] {
            let read = "x".repeat(length).parse::<CaseReference>();
            assert_eq!(read.is_ok(), fits, "{length}");
            assert!(fits || read.unwrap_err().code == "BAD_REFERENCE_LENGTH");
        }
        for text in ["a\nb", "a\0", "\u{85}", "12\u{202e}34", "1\u{200b}2"] {
            let code = text.parse::<CaseReference>().unwrap_err().code;
            assert_eq!(code, "BAD_REFERENCE_SIGN");
        }
    }

    #[test]
    fn references_are_equal_by_their_composed_form_and_in_nothing_else() {
        assert_eq!(reference("2024/é"), reference("2024/e\u{301}"));
        assert_eq!(reference("2024/e\u{301}").as_str(), "2024/e\u{301}", "shown as written");
        assert_eq!(reference("é").cmp(&reference("e\u{301}")), Ordering::Equal);
        for (one, other) in [("A/1", "a/1"), ("A/1", "A/1 "), ("A/1", "A/01"), ("ﬁ", "fi")] {
            assert_ne!(reference(one), reference(other));
        }
    }
}
