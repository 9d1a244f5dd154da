//! Positions on the earth (WGS 84), in decimal degrees.

use std::fmt;
use std::str::FromStr;

use super::fault::{EntityFault, fault};

/// A latitude and a longitude that exist.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

impl Position {
    /// Latitude -90 to 90 and longitude -180 to 180, in degrees; north and east are positive.
    ///
    /// # Errors
    /// `BAD_POSITION_RANGE` if one is outside, or no number.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, EntityFault> {
        if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) {
            Ok(Self { latitude, longitude })
        } else {
            let why = "a latitude is -90 to 90 degrees and a longitude -180 to 180";
            Err(fault("BAD_POSITION_RANGE", why))
        }
    }

    /// Degrees north.
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Degrees east.
    pub fn longitude(&self) -> f64 {
        self.longitude
    }

    /// Both nought: in the Gulf of Guinea, and what a device writes that does not know where it
    /// is.
    pub fn is_null_island(&self) -> bool {
        self.latitude == 0.0 && self.longitude == 0.0
    }
}

/// Most bytes of a position in text.
const TEXT_BYTES_MAX: usize = 64;

impl FromStr for Position {
    type Err = EntityFault;

    /// Latitude and longitude with a comma between them: `36.5,12.25`.
    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a position is two numbers of degrees with a comma between them";
        let shape = fault("BAD_POSITION_SHAPE", why);
        let plain =
            |it: &str| it.bytes().all(|it| it.is_ascii_digit() || matches!(it, b'.' | b'-'));
        let (latitude, longitude) = text.split_once(',').ok_or(shape)?;
        if text.len() > TEXT_BYTES_MAX || !plain(latitude) || !plain(longitude) {
            return Err(shape);
        }
        let degrees = |it: &str| it.parse::<f64>().map_err(|_| shape);
        Self::new(degrees(latitude)?, degrees(longitude)?)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude, self.longitude)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_lies_on_the_earth() {
        for (latitude, longitude) in [(90.0, 180.0), (-90.0, -180.0), (35.5, 12.6)] {
            let position = Position::new(latitude, longitude).unwrap();
            assert_eq!((position.latitude(), position.longitude()), (latitude, longitude));
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for (latitude, longitude) in [
            (90.01, 0.0),
            (-90.01, 0.0),
            (0.0, 180.01),
            (0.0, -180.01),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            let code = Position::new(latitude, longitude).unwrap_err().code;
            assert_eq!(code, "BAD_POSITION_RANGE");
        }
    }

    #[test]
    fn nought_and_nought_is_worth_a_look() {
        assert!(Position::new(0.0, -0.0).unwrap().is_null_island());
        assert!(!Position::new(0.0, 0.0001).unwrap().is_null_island());
    }

    #[test]
    fn a_position_in_text_is_two_plain_numbers() {
        assert_eq!("36.5,12.25".parse(), Position::new(36.5, 12.25));
        for text in
            ["", "36.5", "36.5,", ",", "36.5;12.25", "inf,0", "nan,0", "1e1,0", "1-1,2", " 1,2"]
        {
            assert_eq!(text.parse::<Position>().unwrap_err().code, "BAD_POSITION_SHAPE", "{text}");
        }
        assert_eq!("91,0".parse::<Position>().unwrap_err().code, "BAD_POSITION_RANGE");
    }
}
