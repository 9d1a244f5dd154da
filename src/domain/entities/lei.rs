//! Legal entity identifiers (ISO 17442).

use std::str::FromStr;

use super::ascii::{Ascii, is_upper_or_digit, shown_by_length};
use super::check::mod_97;
use super::fault::{EntityFault, fault};

/// A legal entity identifier: eighteen signs and two check digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lei(Ascii<20>);

impl Lei {
    /// The twenty signs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Lei {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "an LEI is eighteen upper-case letters or digits and two digits";
        let shape = fault("BAD_LEI_SHAPE", why);
        let digits = text.bytes().skip(18).all(|it| it.is_ascii_digit());
        if text.len() != 20 || !digits || !is_upper_or_digit(text) {
            return Err(shape);
        }
        if mod_97(text.bytes()) != 1 {
            let why = "the check digits of the LEI must fit (ISO 7064 mod 97-10)";
            return Err(fault("BAD_LEI_CHECK_DIGITS", why));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(Lei);

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<Lei>().err().map(|it| it.code)
    }

    #[test]
    fn check_digits_hold_or_the_identifier_is_none() {
        assert_eq!(code("213800KUD8LAJWSQ9D15"), None);
        assert_eq!(code("213800KUD8LXJWSQ9D15"), Some("BAD_LEI_CHECK_DIGITS"));
        for text in ["", "213800KUD8LAJWSQ9D1", "213800KUD8LAJWSQ9D1A", "213800kud8lajwsq9d15"] {
            assert_eq!(code(text), Some("BAD_LEI_SHAPE"), "{text}");
        }
    }
}
