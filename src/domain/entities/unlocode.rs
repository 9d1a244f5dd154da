//! Codes of places (UN/ECE Recommendation 16): two letters of the country, three of the place.

use std::str::FromStr;

use super::ascii::{Ascii, shown_by_length};
use super::country;
use super::fault::{EntityFault, fault};

/// The code in the place of a country for what lies in none.
const INTERNATIONAL_WATERS: &str = "XZ";

/// A place by the form of its code. Whether it is listed is not known here; beaches and paths over
/// a border have no code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnLocode(Ascii<5>);

impl UnLocode {
    /// The five signs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The country, two letters; `XZ` for international waters.
    pub fn country(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }

    /// The country as alpha-3; `None` for international waters.
    pub fn country_alpha3(&self) -> Option<&'static str> {
        country::alpha3_of(self.country())
    }

    /// Does it lie in no country?
    pub fn is_international_waters(&self) -> bool {
        self.country() == INTERNATIONAL_WATERS
    }
}

impl FromStr for UnLocode {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a UN/LOCODE is two letters and three letters or digits 2 to 9";
        let shape = fault("BAD_UNLOCODE_SHAPE", why);
        let placed = |it: u8| matches!(it, b'A'..=b'Z' | b'2'..=b'9');
        let (country, place) = text.split_at_checked(2).ok_or(shape)?;
        if place.len() != 3
            || !country.bytes().all(|it| it.is_ascii_uppercase())
            || !place.bytes().all(placed)
        {
            return Err(shape);
        }
        if country != INTERNATIONAL_WATERS && country::alpha3_of(country).is_none() {
            let why = "a UN/LOCODE begins with a country of ISO 3166-1, or XZ";
            return Err(fault("UNKNOWN_UNLOCODE_COUNTRY", why));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(UnLocode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_a_country_or_lie_in_international_waters() {
        for (text, alpha3) in [
            ("BEANR", "BEL"),
            ("USNYC", "USA"),
            ("DEBER", "DEU"),
            ("TRMER", "TUR"),
            ("ITCTA", "ITA"),
            ("TNSFA", "TUN"),
            ("ITLMP", "ITA"),
            ("US2NY", "USA"),
        ] {
            let place: UnLocode = text.parse().unwrap();
            assert_eq!((place.as_str(), place.country_alpha3()), (text, Some(alpha3)));
            assert!(!place.is_international_waters());
        }
        let sea: UnLocode = "XZ9AA".parse().unwrap();
        assert_eq!((sea.country_alpha3(), sea.is_international_waters()), (None, true));
    }

    #[test]
    fn digits_of_a_place_are_2_to_9() {
        for text in
            ["", "BE", "BEANRX", "BEAN", "BEA0R", "BEA1R", "beanr", "B2ANR", "BE AN", "éANR"]
        {
            assert_eq!(text.parse::<UnLocode>().unwrap_err().code, "BAD_UNLOCODE_SHAPE", "{text}");
        }
        assert_eq!("QQANR".parse::<UnLocode>().unwrap_err().code, "UNKNOWN_UNLOCODE_COUNTRY");
    }
}
