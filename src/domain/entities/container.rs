//! Numbers of freight containers (ISO 6346): owner, category, serial number, check digit.

use std::str::FromStr;

use super::ascii::{Ascii, shown_by_length};
use super::fault::{EntityFault, fault};

/// A container number, such as `CSQU3054383`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerNumber(Ascii<11>);

impl ContainerNumber {
    /// The eleven signs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The three letters of the owner.
    pub fn owner(&self) -> &str {
        self.as_str().get(..3).unwrap_or_default()
    }
}

/// Letters count from 10 and leave out the multiples of eleven: A = 10, B = 12, L = 23, V = 34.
fn value(sign: u8) -> u32 {
    match sign {
        b'0'..=b'9' => u32::from(sign - b'0'),
        b'A' => 10,
        b'B'..=b'K' => u32::from(sign - b'B') + 12,
        b'L'..=b'U' => u32::from(sign - b'L') + 23,
        b'V'..=b'Z' => u32::from(sign - b'V') + 34,
        _ => 0,
    }
}

impl FromStr for ContainerNumber {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a container number is three letters, one of U J Z, and seven digits";
        let shape = fault("BAD_CONTAINER_SHAPE", why);
        let (owner, number) = text.as_bytes().split_at_checked(4).ok_or(shape)?;
        let owned = owner.iter().all(u8::is_ascii_uppercase)
            && matches!(owner.last(), Some(b'U' | b'J' | b'Z'));
        if !owned || number.len() != 7 || !number.iter().all(u8::is_ascii_digit) {
            return Err(shape);
        }
        let body = text.bytes().take(10).enumerate();
        let sum: u32 = body.map(|(at, sign)| value(sign) << at).sum();
        if number.last().copied().map(value) != Some(sum % 11 % 10) {
            let why = "the last digit of the container number must fit";
            return Err(fault("BAD_CONTAINER_CHECK_DIGIT", why));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(ContainerNumber);

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<ContainerNumber>().err().map(|it| it.code)
    }

    #[test]
    fn published_numbers_hold() {
        for text in ["CSQU3054383", "MSKU6011672", "TOLU4734787"] {
            assert_eq!(text.parse::<ContainerNumber>().unwrap().as_str(), text);
        }
        assert_eq!("CSQU3054383".parse::<ContainerNumber>().unwrap().owner(), "CSQ");
        assert_eq!(code("CSQU3054384"), Some("BAD_CONTAINER_CHECK_DIGIT"));
    }

    #[test]
    fn a_number_is_four_letters_and_seven_digits() {
        for text in
            ["", "CSQ", "CSQX3054383", "CSQU305438", "CSQU30543830", "csqu3054383", "CSQÜ305438"]
        {
            assert_eq!(code(text), Some("BAD_CONTAINER_SHAPE"), "{text}");
        }
    }

    #[test]
    fn every_change_of_one_serial_digit_is_caught_where_the_digit_is_not_nought() {
        let mut unseen = Vec::new();
        for at in 4..10 {
            for digit in b'0'..=b'9' {
                let mut changed = *b"CSQU3054383";
                if changed[at] != digit {
                    changed[at] = digit;
                    let changed = String::from_utf8(changed.to_vec()).unwrap();
                    unseen.extend(code(&changed).is_none().then_some(changed));
                }
            }
        }
        // A remainder of ten is written as nought, so ten and nought are not told apart; the digit
        // here is three, so every change is seen.
        assert_eq!(unseen, Vec::<String>::new());
    }
}
