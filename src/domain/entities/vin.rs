//! Vehicle identification numbers (ISO 3779): seventeen signs without I, O and Q.
//!
//! The ninth sign is a check digit only in North America and China. Elsewhere it is a sign like
//! any other: whether it fits is told apart from whether the number is one.

use std::str::FromStr;

use super::ascii::{Ascii, is_upper_or_digit, shown_by_length};
use super::fault::{EntityFault, fault};

const WEIGHTS: [usize; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/// A vehicle identification number by its form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vin(Ascii<17>);

fn value(sign: u8) -> usize {
    match sign {
        b'0'..=b'9' => usize::from(sign - b'0'),
        b'A'..=b'H' => usize::from(sign - b'A') + 1,
        b'J'..=b'R' => usize::from(sign - b'J') + 1,
        b'S'..=b'Z' => usize::from(sign - b'S') + 2,
        _ => 0,
    }
}

impl Vin {
    /// The seventeen signs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Does the ninth sign fit the others? A no means something in North America and China only.
    pub fn check_digit_holds(&self) -> bool {
        let signs = self.as_str().as_bytes();
        let sum: usize = signs.iter().zip(WEIGHTS).map(|(it, weight)| value(*it) * weight).sum();
        let due = b"0123456789X".get(sum % 11);
        due.is_some() && signs.get(8) == due
    }
}

impl FromStr for Vin {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a VIN is seventeen upper-case letters or digits, without I, O and Q";
        let shape = fault("BAD_VIN_SHAPE", why);
        if text.len() != 17 || !is_upper_or_digit(text) || text.contains(['I', 'O', 'Q']) {
            return Err(shape);
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(Vin);

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        text.parse::<Vin>().unwrap().check_digit_holds()
    }

    #[test]
    fn the_ninth_sign_fits_or_not_and_the_number_is_one_all_the_same() {
        for text in ["1M8GDM9AXKP042788", "1HGCM82633A004352", "11111111111111111"] {
            assert!(holds(text), "{text}");
        }
        assert!(!holds("1HGCM82633A004353"));
    }

    #[test]
    fn seventeen_signs_without_those_that_look_like_digits() {
        for text in [
            "1HGCM82633A00435",
            "1HGCM82633A0043522",
            "1HGCM82633A00435I",
            "1HGCM82633A00435O",
            "1HGCM82633A00435Q",
            "1hgcm82633a004352",
            "",
        ] {
            assert_eq!(text.parse::<Vin>().unwrap_err().code, "BAD_VIN_SHAPE", "{text}");
        }
    }
}
