//! Numbers of mobile devices (3GPP TS 23.003): IMEI with or without its check digit, and IMEISV.
//!
//! The length is looked at first: only fifteen digits carry a check digit, and fourteen may pass
//! its sum by chance.

use std::str::FromStr;

use super::ascii::{Ascii, digits, shown_by_length};
use super::check::luhn;
use super::fault::{EntityFault, fault};

/// Which of the three forms a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImeiForm {
    /// Fourteen digits: the check digit was left out.
    WithoutDigit,
    /// Fifteen digits, the last one a check digit that holds.
    Full,
    /// Sixteen digits: a software version, and no check digit.
    SoftwareVersion,
}

/// The number of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Imei(Ascii<16>);

impl Imei {
    /// The digits as written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Which form it is.
    pub fn form(&self) -> ImeiForm {
        match self.as_str().len() {
            14 => ImeiForm::WithoutDigit,
            15 => ImeiForm::Full,
            _ => ImeiForm::SoftwareVersion,
        }
    }

    /// The fourteen digits that all forms share, by which devices are compared.
    pub fn device(&self) -> &str {
        self.as_str().get(..14).unwrap_or_default()
    }
}

impl FromStr for Imei {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape =
            fault("BAD_IMEI_SHAPE", "an IMEI is 15 digits, 14 without its check digit, or 16");
        if !matches!(text.len(), 14..=16) || !text.bytes().all(|it| it.is_ascii_digit()) {
            return Err(shape);
        }
        if digits::<15>(text).is_some_and(|it| !luhn(&it).is_multiple_of(10)) {
            return Err(fault(
                "BAD_IMEI_CHECK_DIGIT",
                "the last digit of the IMEI must fit (Luhn)",
            ));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(Imei);

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<Imei>().err().map(|it| it.code)
    }

    #[test]
    fn fifteen_digits_carry_a_check_digit() {
        for text in ["354178036859789", "356868000041418", "490154203237518"] {
            assert_eq!(text.parse::<Imei>().unwrap().form(), ImeiForm::Full, "{text}");
        }
        assert_eq!(code("354178036859781"), Some("BAD_IMEI_CHECK_DIGIT"));
    }

    #[test]
    fn fourteen_and_sixteen_digits_carry_none() {
        assert_eq!(luhn(&digits::<14>("35780502398494").unwrap()) % 10, 0, "by chance");
        let short: Imei = "35780502398494".parse().unwrap();
        assert_eq!((short.form(), short.device()), (ImeiForm::WithoutDigit, "35780502398494"));
        let other: Imei = "35780502398495".parse().unwrap();
        assert_eq!(other.form(), ImeiForm::WithoutDigit);
        let long: Imei = "3541780368597800".parse().unwrap();
        assert_eq!((long.form(), long.device()), (ImeiForm::SoftwareVersion, "35417803685978"));
    }

    #[test]
    fn other_lengths_and_signs_are_no_number_of_a_device() {
        for text in
            ["", "3541780368597", "35417803685978900", "35417803685978A", "35-417803-685978"]
        {
            assert_eq!(code(text), Some("BAD_IMEI_SHAPE"), "{text}");
        }
    }

    #[test]
    fn every_change_of_one_digit_is_caught() {
        for at in 0..15 {
            for digit in b'0'..=b'9' {
                let mut changed = *b"490154203237518";
                if changed[at] != digit {
                    changed[at] = digit;
                    let changed = String::from_utf8(changed.to_vec()).unwrap();
                    assert_eq!(code(&changed), Some("BAD_IMEI_CHECK_DIGIT"), "{changed}");
                }
            }
        }
    }
}
