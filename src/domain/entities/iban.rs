//! International bank account numbers (ISO 13616): check digits, length and structure by country.
//!
//! Most States of origin and transit have none, so an account without one is nothing odd. Length
//! and structure are looked at before the check digits: a sign too few is told as what it is.

use std::str::FromStr;

use super::ascii::{Ascii, is_upper_or_digit, shown_by_length};
use super::check::mod_97;
use super::country;
use super::fault::{EntityFault, fault};

/// Shortest number of the registry (Norway), in signs.
const SIGNS_MIN: usize = 15;
/// Longest number that ISO 13616 allows, in signs.
const SIGNS_MAX: usize = 34;

/// An account number in its electronic form, without spaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iban(Ascii<SIGNS_MAX>);

impl Iban {
    /// The number.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The country, two letters.
    pub fn country(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }

    /// The country as alpha-3; `None` if there is none of that code (`XK` is in the registry of
    /// account numbers and in no other).
    pub fn country_alpha3(&self) -> Option<&'static str> {
        country::alpha3_of(self.country())
    }
}

/// Countries of the registry and what stands behind their check digits: so many digits (n),
/// letters (a), or either (c). Release 101 of the registry.
#[rustfmt::skip]
static STRUCTURES: [&str; 89] = [
    "AD 8n12c", "AE 19n", "AL 8n16c", "AT 16n", "AZ 4a20c", "BA 16n", "BE 12n", "BG 4a6n8c",
    "BH 4a14c", "BI 23n", "BR 23n1a1c", "BY 4c4n16c", "CH 5n12c", "CR 18n", "CY 8n16c", "CZ 20n",
    "DE 18n", "DJ 23n", "DK 14n", "DO 4c20n", "EE 16n", "EG 25n", "ES 20n", "FI 14n", "FK 2a12n",
    "FO 14n", "FR 10n11c2n", "GB 4a14n", "GE 2a16n", "GI 4a15c", "GL 14n", "GR 7n16c", "GT 24c",
    "HN 4a20n", "HR 17n", "HU 24n", "IE 4a14n", "IL 19n", "IQ 4a15n", "IS 22n", "IT 1a10n12c",
    "JO 4a4n18c", "KW 4a22c", "KZ 3n13c", "LB 4n20c", "LC 4a24c", "LI 5n12c", "LT 16n", "LU 3n13c",
    "LV 4a13c", "LY 21n", "MC 10n11c2n", "MD 20c", "ME 18n", "MK 3n10c2n", "MN 16n", "MR 23n",
    "MT 4a5n18c", "MU 4a19n3a", "NI 4a20n", "NL 4a10n", "NO 11n", "OM 3n16c", "PK 4a16c", "PL 24n",
    "PS 4a21c", "PT 21n", "QA 4a21c", "RO 4a16c", "RS 18n", "RU 14n15c", "SA 2n18c", "SC 4a20n3a",
    "SD 14n", "SE 20n", "SI 15n", "SK 20n", "SM 1a10n12c", "SO 19n", "ST 21n", "SV 4a20n", "TL 19n",
    "TN 20n", "TR 6n16c", "UA 6n19c", "VA 18n", "VG 4a16n", "XK 16n", "YE 4a4n18c",
];

/// The structure of a country's numbers.
fn structure_of(country: &str) -> Option<&'static str> {
    let at = STRUCTURES.binary_search_by(|it| it.get(..2).cmp(&Some(country))).ok()?;
    STRUCTURES.get(at).and_then(|it| it.get(3..))
}

/// Has `account` the signs that `structure` wants, and no more?
fn fits(structure: &str, account: &str) -> bool {
    let mut signs = account.bytes();
    let mut count = 0;
    for part in structure.bytes() {
        let fits = |it: u8| match part {
            b'n' => it.is_ascii_digit(),
            b'a' => it.is_ascii_uppercase(),
            _ => it.is_ascii_uppercase() || it.is_ascii_digit(),
        };
        if part.is_ascii_digit() {
            count = count * 10 + usize::from(part - b'0');
        } else {
            if !(0..count).all(|_| signs.next().is_some_and(fits)) {
                return false;
            }
            count = 0;
        }
    }
    signs.next().is_none()
}

fn has_shape(text: &str) -> bool {
    let country = text.bytes().take(2).all(|it| it.is_ascii_uppercase());
    let digits = text.bytes().skip(2).take(2).all(|it| it.is_ascii_digit());
    (SIGNS_MIN..=SIGNS_MAX).contains(&text.len()) && country && digits && is_upper_or_digit(text)
}

/// ISO 7064 mod 97-10 with country and digits moved to the end; 00, 01 and 99 are never issued.
fn check_digits_hold(text: &str) -> bool {
    let issued = !matches!(text.get(2..4), Some("00" | "01" | "99"));
    issued && mod_97(text.bytes().skip(4).chain(text.bytes().take(4))) == 1
}

impl FromStr for Iban {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "an IBAN is two letters, two digits and up to thirty signs, without spaces";
        let shape = fault("BAD_IBAN_SHAPE", why);
        let read = Self(Ascii::read(text).filter(|_| has_shape(text)).ok_or(shape)?);
        let why = "the country must be in the IBAN registry";
        let structure = structure_of(read.country()).ok_or(fault("UNKNOWN_IBAN_COUNTRY", why))?;
        if !fits(structure, text.get(4..).unwrap_or_default()) {
            let why = "length and structure of the IBAN must be those of its country";
            return Err(fault("BAD_IBAN_STRUCTURE", why));
        }
        if !check_digits_hold(text) {
            let why = "the check digits of the IBAN must fit (ISO 7064 mod 97-10)";
            return Err(fault("BAD_IBAN_CHECK_DIGITS", why));
        }
        Ok(read)
    }
}

shown_by_length!(Iban);

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<Iban>().err().map(|it| it.code)
    }

    const SAMPLES: [&str; 9] = [
        "DE89370400440532013000",
        "AE070331234567890123456",
        "TN5910006035183598478831",
        "TR330006100519786457841326",
        "PK36SCBL0000001123456702",
        "MT84MALT011000012345MTLCAST001S",
        "GB82WEST12345698765432",
        "LY83002048000020100120361",
        "EG380019000500000000263180002",
    ];

    #[test]
    fn samples_of_the_registry_hold() {
        for text in SAMPLES {
            assert_eq!(text.parse::<Iban>().unwrap().as_str(), text);
        }
        assert_eq!(
            "TN5910006035183598478831".parse::<Iban>().unwrap().country_alpha3(),
            Some("TUN")
        );
    }

    #[test]
    fn wrong_check_digits_are_told_from_a_wrong_form() {
        for text in ["DE89370400440532013001", "AE080331234567890123456"] {
            assert_eq!(code(text), Some("BAD_IBAN_CHECK_DIGITS"), "{text}");
        }
        for text in [
            "",
            "DE89",
            "DE89 3704 0044 0532 0130 00",
            "de89370400440532013000",
            "D189370400440532013000",
        ] {
            assert_eq!(code(text), Some("BAD_IBAN_SHAPE"), "{text}");
        }
    }

    /// A number with check digits that fit.
    fn made(country: &str, account: &str) -> String {
        let rest = mod_97(format!("{account}{country}00").bytes());
        format!("{country}{:02}{account}", 98 - rest)
    }

    #[test]
    fn a_country_has_its_length_and_its_signs() {
        assert_eq!(code(&made("DE", "370400440532013000")), None);
        assert_eq!(code(&made("DE", "37040044053201300")), Some("BAD_IBAN_STRUCTURE"));
        assert_eq!(code(&made("DE", "3704004405320130000")), Some("BAD_IBAN_STRUCTURE"));
        assert_eq!(code(&made("DE", "37040044053201300A")), Some("BAD_IBAN_STRUCTURE"));
    }

    #[test]
    fn the_registry_is_in_order_and_agrees_with_one_kept_elsewhere() {
        assert!(STRUCTURES.is_sorted());
        let mut known = Vec::new();
        for row in STRUCTURES {
            let (country, structure) = row.split_once(' ').unwrap();
            let mut account = String::new();
            for part in structure.split_inclusive(|it: char| it.is_alphabetic()) {
                let (count, class) = part.split_at(part.len() - 1);
                let sign = if class == "n" { "1" } else { "A" };
                account += &sign.repeat(count.parse().unwrap());
            }
            let number = made(country, &account);
            assert_eq!(code(&number), None, "{country}");
            match number.parse::<iban::Iban>() {
                Ok(_) => known.push(country),
                Err(fault) => {
                    let unknown = matches!(fault, iban::ParseIbanError::UnknownCountry(_));
                    assert!(unknown, "{country}: {fault}");
                }
            }
        }
        assert_eq!((known.len(), known.contains(&"PK"), known.contains(&"HN")), (87, false, false));
    }

    #[test]
    fn states_without_account_numbers_of_this_kind_are_told_so() {
        for country in
            ["NE", "SN", "NG", "BD", "VN", "ML", "GH", "ET", "SY", "AF", "ER", "MA", "DZ"]
        {
            let number = made(country, "370400440532013000");
            assert_eq!(code(&number), Some("UNKNOWN_IBAN_COUNTRY"), "{country}");
        }
        for country in ["PA", "EC", "MX", "US"] {
            let number = made(country, "370400440532013000");
            assert_eq!(code(&number), Some("UNKNOWN_IBAN_COUNTRY"), "{country}");
        }
    }

    #[test]
    fn check_digits_that_are_never_issued_do_not_hold() {
        // 98 and 01 leave the same rest, as do 97 and 00, 02 and 99.
        let number = (0..1000).map(|it| made("DE", &format!("370400440532{it:06}")));
        let low = number.into_iter().find(|it| it.starts_with("DE02")).unwrap();
        assert_eq!(code(&low), None);
        assert_eq!(code(&low.replacen("DE02", "DE99", 1)), Some("BAD_IBAN_CHECK_DIGITS"));
    }

    #[test]
    fn every_change_of_one_digit_and_every_swap_of_two_neighbours_is_caught() {
        for sample in SAMPLES {
            for at in 2..sample.len() {
                let mut signs = sample.as_bytes().to_vec();
                let own = signs[at];
                for digit in (b'0'..=b'9').filter(|it| own.is_ascii_digit() && *it != own) {
                    signs[at] = digit;
                    let changed = String::from_utf8(signs.clone()).unwrap();
                    assert_eq!(code(&changed), Some("BAD_IBAN_CHECK_DIGITS"), "{changed}");
                }
                signs[at] = own;
                let swapped = |it: &[u8]| it.iter().all(u8::is_ascii_digit) && it[0] != it[1];
                if at > 4 && swapped(&signs[at - 1..=at]) {
                    signs.swap(at - 1, at);
                    let changed = String::from_utf8(signs.clone()).unwrap();
                    assert_eq!(code(&changed), Some("BAD_IBAN_CHECK_DIGITS"), "{changed}");
                }
            }
        }
    }
}
