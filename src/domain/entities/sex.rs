//! Sex as travel documents state it (ICAO 9303-3).

use super::ascii::closed_list;

closed_list! {
    /// Sex as a document or a person states it.
    Sex, "UNKNOWN_SEX", "sex is M, F or X" {
        /// Male.
        Male = "M",
        /// Female.
        Female = "F",
        /// Unspecified; `<` in a machine-readable zone.
        Unspecified = "X",
    }
}

impl Sex {
    /// As it stands in a machine-readable zone; `None` if the sign means nothing there.
    pub fn of_mrz(sign: char) -> Option<Self> {
        match sign {
            'M' => Some(Self::Male),
            'F' => Some(Self::Female),
            '<' | 'X' => Some(Self::Unspecified),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filler_stands_for_unspecified_in_a_zone_only() {
        let read = ['M', 'F', 'X', '<', '1'].map(Sex::of_mrz);
        let unspecified = Some(Sex::Unspecified);
        assert_eq!(read, [Some(Sex::Male), Some(Sex::Female), unspecified, unspecified, None]);
        assert_eq!("<".parse::<Sex>().unwrap_err().code, "UNKNOWN_SEX");
        assert_eq!("X".parse::<Sex>(), Ok(Sex::Unspecified));
    }
}
