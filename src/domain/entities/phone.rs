//! Telephone numbers in their international form (ITU-T E.164).
//!
//! Only the form is looked at. Whether a number exists in its country's plan is not known here;
//! the metadata that would tell is larger than everything else in this room.

use std::str::FromStr;

use super::ascii::{Ascii, shown_by_length};
use super::fault::{EntityFault, fault};

/// Fewest digits of a number with its country code that are in use.
pub const PHONE_DIGITS_MIN: usize = 7;
/// Most digits of a number with its country code (E.164).
pub const PHONE_DIGITS_MAX: usize = 15;

/// A number: `+`, country code, digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(Ascii<16>);

/// Country codes of two digits; 1 and 7 stand alone, all others have three.
static TWO_DIGITS: [u8; 43] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56,
    57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95,
];

impl PhoneNumber {
    /// The number with its plus sign.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The country code, one to three digits, by the plan of E.164; it may be one not assigned.
    pub fn country_code(&self) -> &str {
        let digits = self.as_str().get(1..).unwrap_or_default();
        let two = digits.get(..2).and_then(|it| it.parse::<u8>().ok()).unwrap_or_default();
        let length = match two {
            10..=19 | 70..=79 => 1,
            98 => 2,
            _ if TWO_DIGITS.contains(&two) => 2,
            _ => 3,
        };
        digits.get(..length).unwrap_or_default()
    }
}

impl FromStr for PhoneNumber {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a telephone number is a plus sign, a country code, and at most 15 digits in all";
        let shape = fault("BAD_PHONE_SHAPE", why);
        let digits = text.strip_prefix('+').ok_or(shape)?;
        let numbered = digits.bytes().all(|it| it.is_ascii_digit()) && !digits.starts_with('0');
        if !numbered || !(PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len()) {
            return Err(shape);
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(PhoneNumber);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_by_their_country_code() {
        for (text, country) in [
            ("+393123456789", "39"),
            ("+21620123456", "216"),
            ("+218912345678", "218"),
            ("+905012345678", "90"),
            ("+8801812345678", "880"),
            ("+50761234567", "507"),
            ("+12015550123", "1"),
            ("+79123456789", "7"),
            ("+989123456789", "98"),
        ] {
            let number: PhoneNumber = text.parse().unwrap();
            assert_eq!((number.as_str(), number.country_code()), (text, country));
        }
    }

    #[test]
    fn a_number_has_a_plus_sign_and_7_to_15_digits() {
        for text in ["+1234567", "+123456789012345"] {
            assert!(text.parse::<PhoneNumber>().is_ok(), "{text}");
        }
        for text in [
            "",
            "+",
            "+123456",
            "+1234567890123456",
            "393123456789",
            "+0393123456",
            "+39 312345678",
        ] {
            assert_eq!(text.parse::<PhoneNumber>().unwrap_err().code, "BAD_PHONE_SHAPE", "{text}");
        }
    }
}
