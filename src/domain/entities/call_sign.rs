//! Radio call signs: three to seven letters and digits, the first of which belong to a State.

use std::str::FromStr;

use super::ascii::{Ascii, is_upper_or_digit, shown_by_length};
use super::fault::{EntityFault, fault};

/// Series and their State; a State has more series than stand here.
static SERIES: [(&str, &str); 3] = [("9H", "MLT"), ("H3", "PAN"), ("TS", "TUN")];

/// A call sign by its form. Whether it is assigned is known to the State of the series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallSign(Ascii<7>);

impl CallSign {
    /// The sign.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The State of the series, ISO 3166-1 alpha-3; `None` if the series is not in the list.
    pub fn flag(&self) -> Option<&'static str> {
        let found = SERIES.iter().find(|(series, _)| self.as_str().starts_with(series));
        found.map(|(_, flag)| *flag)
    }

    /// Does the series belong to `flag` (alpha-3)? `None` if nothing is known of it.
    pub fn agrees_with_flag(&self, flag: &str) -> Option<bool> {
        self.flag().map(|it| it == flag)
    }
}

impl FromStr for CallSign {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape = fault(
            "BAD_CALL_SIGN_SHAPE",
            "a call sign is three to seven upper-case letters or digits",
        );
        if text.len() < 3 || !is_upper_or_digit(text) {
            return Err(shape);
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(CallSign);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_has_three_to_seven_letters_and_digits() {
        for text in ["TSA", "H3ZZ9", "9HABC12"] {
            assert_eq!(text.parse::<CallSign>().unwrap().to_string(), text);
        }
        for text in ["TS", "9HABC123", "h3zz9", "H3-Z9", "H3 Z9", "ÄBC"] {
            let code = text.parse::<CallSign>().unwrap_err().code;
            assert_eq!(code, "BAD_CALL_SIGN_SHAPE", "{text}");
        }
    }

    #[test]
    fn a_known_series_agrees_with_its_flag_only() {
        let sign: CallSign = "H3ZZ9".parse().unwrap();
        assert_eq!(sign.agrees_with_flag("PAN"), Some(true));
        assert_eq!(sign.agrees_with_flag("MLT"), Some(false));
        let signs = ["9HAB1", "TSAB"].map(|it| it.parse::<CallSign>().unwrap().flag());
        assert_eq!(signs, [Some("MLT"), Some("TUN")]);
        assert_eq!("HP123".parse::<CallSign>().unwrap().agrees_with_flag("PAN"), None);
    }
}
