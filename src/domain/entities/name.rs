//! Names of persons, in any script and any order; their scripts and languages; and the form they
//! have in a machine-readable zone.
//!
//! A name is one text. Nothing asks for a given and a family name: there are people with one name,
//! with a father's and a grandfather's behind their own, with two surnames.

use std::fmt;
use std::str::FromStr;

use super::ascii::{Ascii, shown_by_length};
use super::fault::{EntityFault, fault};
use super::transliteration::ComparisonKey;
use crate::domain::unseen::{has_unseen, is_composed};

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 512;

/// A name as it stands somewhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(String);

impl PersonName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is left of the name when script and spelling are taken away.
    pub fn comparison_key(&self) -> ComparisonKey {
        ComparisonKey::of(&self.0)
    }
}

impl FromStr for PersonName {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        if text.len() > NAME_BYTES_MAX {
            return Err(fault("BAD_NAME_LENGTH", "a name has at most 512 bytes"));
        }
        if has_unseen(text) {
            let why = "a name has no signs that are not seen, and none that override direction";
            return Err(fault("BAD_NAME_SIGN", why));
        }
        if !is_composed(text) {
            return Err(fault("BAD_NAME_FORM", "a name is in composed form (Unicode NFC)"));
        }
        if !text.chars().any(char::is_alphabetic) {
            return Err(fault("BAD_NAME_EMPTY", "a name has at least one letter"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A script (ISO 15924) by its form, such as `Arab`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Script(Ascii<4>);

impl Script {
    /// The four letters.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Script {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "a script is one upper-case and three lower-case letters (ISO 15924)";
        let shape = fault("BAD_SCRIPT_SHAPE", why);
        let (first, others) = text.split_at_checked(1).ok_or(shape)?;
        let upper = first.bytes().all(|it| it.is_ascii_uppercase());
        if !upper || others.len() != 3 || !others.bytes().all(|it| it.is_ascii_lowercase()) {
            return Err(shape);
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

/// Longest tag of a language, in bytes.
pub const LANGUAGE_BYTES_MAX: usize = 64;

/// A language (BCP 47) by its form, such as `ar-Latn`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(Ascii<LANGUAGE_BYTES_MAX>);

impl Language {
    /// The tag as written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Language {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape = fault("BAD_LANGUAGE_SHAPE", "a language is a tag of BCP 47, such as ar-Latn");
        let read = Ascii::read(text).ok_or(shape)?;
        oxilangtag::LanguageTag::parse(text).map_err(|_| shape)?;
        Ok(Self(read))
    }
}

/// Longest name in a machine-readable zone, in signs (passports and visas of two lines of 44).
pub const MRZ_NAME_SIGNS_MAX: usize = 39;

/// A name as a machine-readable zone has it: A to Z, parts joined by `<`, and `<<` before the
/// secondary part if there is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MrzName(Ascii<MRZ_NAME_SIGNS_MAX>);

impl MrzName {
    /// The name without fillers at its end.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The primary part, such as the family name.
    pub fn primary(&self) -> &str {
        self.as_str().split_once("<<").map_or(self.as_str(), |(primary, _)| primary)
    }

    /// The secondary part; empty for who has one name.
    pub fn secondary(&self) -> &str {
        self.as_str().split_once("<<").map_or("", |(_, secondary)| secondary)
    }

    /// What is left of the name when spelling is taken away.
    pub fn comparison_key(&self) -> ComparisonKey {
        ComparisonKey::of(self.as_str())
    }
}

impl FromStr for MrzName {
    type Err = EntityFault;

    /// Fillers at the end are left out.
    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why =
            "a name in a zone is A to Z and <, begins with a letter, and has at most 39 signs";
        let shape = fault("BAD_MRZ_NAME_SHAPE", why);
        let known = |it: u8| it.is_ascii_uppercase() || it == b'<';
        let begun = text.bytes().next().is_some_and(|it| it.is_ascii_uppercase());
        if text.len() > MRZ_NAME_SIGNS_MAX || !begun || !text.bytes().all(known) {
            return Err(shape);
        }
        let text = text.trim_end_matches('<');
        if text.contains("<<<") || text.matches("<<").count() > 1 {
            let why = "a name in a zone has at most one primary and one secondary part";
            return Err(fault("BAD_MRZ_NAME_PARTS", why));
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(PersonName, MrzName);

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({self})")
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<PersonName>().err().map(|it| it.code)
    }

    #[test]
    fn a_name_may_stand_in_any_script_and_be_one_word() {
        for text in [
            "Mahmoud",
            "محمود",
            "አበበ ቢቂላ",
            "রফিকুল করিম চৌধুরী",
            "María José García-O’Neill",
            "李",
            "نازنین\u{200c}زهرا",
            "Karim II",
        ] {
            assert_eq!(text.parse::<PersonName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn hidden_signs_are_refused() {
        let marks =
            ['\0', '\n', '\u{85}', '\u{61c}', '\u{200b}', '\u{200d}', '\u{200f}', '\u{2028}'];
        let more = ['\u{202e}', '\u{2066}', '\u{3164}', '\u{feff}', '\u{e0041}'];
        for sign in marks.into_iter().chain(more) {
            assert_eq!(code(&format!("Maria{sign}")), Some("BAD_NAME_SIGN"), "{sign:?}");
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(code("José"), None);
        assert_eq!(code("Jose\u{301}"), Some("BAD_NAME_FORM"));
    }

    #[test]
    fn a_name_has_a_letter_and_at_most_512_bytes() {
        for text in ["", " ", "?", "123", "<<"] {
            assert_eq!(code(text), Some("BAD_NAME_EMPTY"), "{text}");
        }
        assert_eq!(code(&"a".repeat(512)), None);
        assert_eq!(code(&"a".repeat(513)), Some("BAD_NAME_LENGTH"));
    }

    #[test]
    fn scripts_and_languages_are_looked_at_by_form() {
        for text in ["Latn", "Arab", "Ethi", "Beng"] {
            assert_eq!(text.parse::<Script>().unwrap().to_string(), text);
        }
        for text in ["", "latn", "LATN", "Lat", "Latin", "L4tn", "Äatn"] {
            assert_eq!(text.parse::<Script>().unwrap_err().code, "BAD_SCRIPT_SHAPE", "{text}");
        }
        for text in ["ar", "ar-Latn", "ckb-Latn", "pt-BR", "am", "zh-Hant-TW", "x-private"] {
            assert_eq!(text.parse::<Language>().unwrap().to_string(), text);
        }
        let long = format!("x-{}", "abcdefgh-".repeat(7));
        for text in ["", "a", "-", "ar_Latn", "ar-", "toolonglanguage", long.as_str()] {
            assert_eq!(text.parse::<Language>().unwrap_err().code, "BAD_LANGUAGE_SHAPE", "{text}");
        }
    }

    #[test]
    fn a_zone_has_a_primary_and_perhaps_a_secondary_part() {
        let name: MrzName = "QUISPE<MAMANI<<LUZ<ELENA".parse().unwrap();
        assert_eq!((name.primary(), name.secondary()), ("QUISPE<MAMANI", "LUZ<ELENA"));
        let name: MrzName = "MAHMOUD<<<<<".parse().unwrap();
        assert_eq!((name.as_str(), name.primary(), name.secondary()), ("MAHMOUD", "MAHMOUD", ""));
        assert_eq!("CHOWDHURY<<RAFIQUL<KARIM".parse::<MrzName>().unwrap().primary(), "CHOWDHURY");
    }

    #[test]
    fn a_zone_has_no_diacritics_digits_or_spaces() {
        let code = |text: &str| text.parse::<MrzName>().map_err(|it| it.code);
        for text in ["", "<<ANNA", "MÜLLER", "Anna", "ANNA MARIA", "ANNA1", "O'NEILL"] {
            assert_eq!(code(text), Err("BAD_MRZ_NAME_SHAPE"), "{text}");
        }
        assert!(code(&"A".repeat(39)).is_ok());
        assert_eq!(code(&"A".repeat(40)), Err("BAD_MRZ_NAME_SHAPE"));
        for text in ["A<<<B", "A<<B<<C"] {
            assert_eq!(code(text), Err("BAD_MRZ_NAME_PARTS"), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_name() {
        let name: PersonName = "Maria".parse().unwrap();
        assert_eq!(format!("{name:?}"), "PersonName(5 bytes)");
    }
}
