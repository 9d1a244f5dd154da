//! Business identifier codes of banks (ISO 9362), by their form.

use std::str::FromStr;

use super::ascii::{Ascii, is_upper_or_digit, shown_by_length};
use super::country;
use super::fault::{EntityFault, fault};

/// A business identifier code: four letters, two of the country, two signs, and three of the
/// branch or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bic(Ascii<11>);

impl Bic {
    /// The eight or eleven signs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The country, ISO 3166-1 alpha-2 by its form.
    pub fn country(&self) -> &str {
        self.as_str().get(4..6).unwrap_or_default()
    }

    /// The country as alpha-3; `None` if there is none of that code (`XK` is in use and in no
    /// list).
    pub fn country_alpha3(&self) -> Option<&'static str> {
        country::alpha3_of(self.country())
    }
}

impl FromStr for Bic {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a BIC is four letters, two of the country, two signs, and three more or none";
        let shape = fault("BAD_BIC_SHAPE", why);
        let named = text.bytes().take(6).all(|it| it.is_ascii_uppercase());
        if !matches!(text.len(), 8 | 11) || !named || !is_upper_or_digit(text) {
            return Err(shape);
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(Bic);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_eight_or_eleven_signs() {
        for (text, alpha3) in [("AGRIFRPP882", "FRA"), ("ABNABE2A", "BEL")] {
            let bic: Bic = text.parse().unwrap();
            assert_eq!((bic.as_str(), bic.country_alpha3()), (text, Some(alpha3)));
        }
        for text in
            ["AGRIFRPP8", "AGRIF2PP", "", "AGRIFRPP8821", "agrifrpp", "AGR1FRPP", "AGRIFRP-"]
        {
            assert_eq!(text.parse::<Bic>().unwrap_err().code, "BAD_BIC_SHAPE", "{text}");
        }
    }
}
