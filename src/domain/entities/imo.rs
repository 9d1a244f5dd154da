//! IMO numbers: of ships, and of the companies that own or manage them (resolution A.1117(30)).
//!
//! One digit in eight that is misread goes unseen, `1234567` passes, and registers hold numbers
//! that fail: a wrong one is worth a look and never a proof.

use std::str::FromStr;

use super::ascii::{Ascii, digits, shown_by_length};
use super::fault::{EntityFault, fault};

/// A ship's number: seven digits without the letters IMO, the last one a check digit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImoNumber(Ascii<7>);

impl ImoNumber {
    /// The seven digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for ImoNumber {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape = fault("BAD_IMO_SHAPE", "an IMO ship number is seven digits");
        let digits: [u32; 7] = digits(text).ok_or(shape)?;
        let sum: u32 = digits.iter().zip((2..=7).rev()).map(|(it, weight)| it * weight).sum();
        if digits.last() != Some(&(sum % 10)) {
            return Err(fault("BAD_IMO_CHECK_DIGIT", "the last digit of the IMO number must fit"));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

/// A company's number: seven digits, the last one a check digit of its own kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImoCompanyNumber(Ascii<7>);

impl ImoCompanyNumber {
    /// The seven digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for ImoCompanyNumber {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape = fault("BAD_IMO_COMPANY_SHAPE", "an IMO company number is seven digits");
        let digits: [u32; 7] = digits(text).ok_or(shape)?;
        let sum: u32 = digits.iter().zip([8, 6, 4, 2, 9, 7]).map(|(it, weight)| it * weight).sum();
        if digits.last() != Some(&((11 - sum % 11) % 10)) {
            let why = "the last digit of the IMO company number must fit";
            return Err(fault("BAD_IMO_COMPANY_CHECK_DIGIT", why));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(ImoNumber, ImoCompanyNumber);

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<ImoNumber>().err().map(|it| it.code)
    }

    #[test]
    fn numbers_of_known_ships_hold() {
        for text in ["9074729", "9319466", "8814275", "9619907", "9811000"] {
            assert_eq!(text.parse::<ImoNumber>().unwrap().as_str(), text);
        }
        assert_eq!(code("8814274"), Some("BAD_IMO_CHECK_DIGIT"));
    }

    #[test]
    fn a_number_made_up_by_counting_holds_as_well() {
        assert_eq!(code("1234567"), None);
    }

    #[test]
    fn a_number_is_seven_digits_and_nothing_else() {
        for text in ["", "907472", "90747290", "907472X", "IMO 9074729", " 9074729", "٩٠٧٤٧٢٩"]
        {
            assert_eq!(code(text), Some("BAD_IMO_SHAPE"), "{text}");
        }
    }

    #[test]
    fn seventy_of_540_single_digit_errors_go_unseen() {
        let mut unseen = 0;
        for (at, weight) in (2..=7).rev().enumerate() {
            for from in 0..10 {
                for to in (0..10).filter(|to| *to != from) {
                    let mut digits = [0_u32; 7];
                    digits[at] = to;
                    digits[6] = from * weight % 10;
                    let text: String = digits.iter().map(u32::to_string).collect();
                    unseen += u32::from(code(&text).is_none());
                }
            }
        }
        assert_eq!(unseen, 70);
    }

    #[test]
    fn companies_have_a_digit_of_their_own_kind() {
        let code = |text: &str| text.parse::<ImoCompanyNumber>().err().map(|it| it.code);
        assert_eq!("2041999".parse::<ImoCompanyNumber>().unwrap().to_string(), "2041999");
        for last in 0..9 {
            assert_eq!(code(&format!("204199{last}")), Some("BAD_IMO_COMPANY_CHECK_DIGIT"));
        }
        assert_eq!(code("204199"), Some("BAD_IMO_COMPANY_SHAPE"));
        assert_eq!(code("0000001"), None, "a sum of nought gives eleven, of which one remains");
    }

    #[test]
    fn debug_shows_no_number() {
        let ship: ImoNumber = "9074729".parse().unwrap();
        assert_eq!(format!("{ship:?}"), "ImoNumber(7 bytes)");
    }
}
