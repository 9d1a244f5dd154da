//! The sums behind check digits, each by the name of its standard.

/// ISO 7064 mod 97-10 over upper-case letters (A = 10 to Z = 35) and digits: 1 where it holds.
pub(super) fn mod_97(text: impl Iterator<Item = u8>) -> u32 {
    text.fold(0, |rest, sign| match sign {
        b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
        b'A'..=b'Z' => (rest * 100 + u32::from(sign - b'A') + 10) % 97,
        _ => 0,
    })
}

/// The Luhn sum (ISO/IEC 7812-1) with the check digit last: a multiple of ten where it holds.
pub(super) fn luhn(digits: &[u32]) -> u32 {
    let doubled = |it: u32| if it > 4 { it * 2 - 9 } else { it * 2 };
    let signs = digits.iter().rev().enumerate();
    signs.map(|(at, it)| if at % 2 == 1 { doubled(*it) } else { *it }).sum()
}

/// ICAO 9303-3 section 4.9: weights 7-3-1, digits as they are, A = 10 to Z = 35, `<` = 0.
pub(super) fn icao(text: impl Iterator<Item = u8>) -> u8 {
    let sum = text.zip([7, 3, 1].into_iter().cycle()).fold(0_u32, |sum, (sign, weight)| {
        let value = match sign {
            b'0'..=b'9' => u32::from(sign - b'0'),
            b'A'..=b'Z' => u32::from(sign - b'A') + 10,
            _ => 0,
        };
        (sum + value * weight) % 10
    });
    u8::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icao_digit_of_the_specimen_passport_is_six() {
        assert_eq!(icao("L898902C3".bytes()), 6);
        assert_eq!(icao("<<<<<<".bytes()), 0);
    }

    #[test]
    fn the_icao_digit_does_not_tell_values_equal_by_ten_apart() {
        for (one, other) in ["6G", "8S", "1L", "0U", "0K", "MW"].map(|it| it.split_at(1)) {
            assert_eq!(icao(one.bytes()), icao(other.bytes()), "{one}{other}");
        }
        assert_ne!(icao("6".bytes()), icao("S".bytes()));
    }

    #[test]
    fn neighbours_that_differ_by_five_may_be_swapped_unseen() {
        assert_eq!(icao("16".bytes()), icao("61".bytes()));
        assert_ne!(icao("17".bytes()), icao("71".bytes()));
    }
}
