//! How reliable a source and its information are, as the sender judges them.
//!
//! The same letter means different things in different schemes: C is "mostly unreliable" at
//! Europol and "fairly reliable" in the Admiralty code. A letter therefore never stands without
//! its scheme. Sources: Europol Regulation art. 29, UK 5x5x5 and 3x5x2, the Admiralty code.

use std::fmt;
use std::str::FromStr;

use super::ascii::closed_list;
use super::fault::{EntityFault, fault};

closed_list! {
    /// A scheme of evaluation.
    EvaluationScheme, "UNKNOWN_EVALUATION_SCHEME", "the scheme of an evaluation is one of the closed list" {
        /// Europol: source A B C X, information 1 to 4.
        Europol4x4 = "europol_4x4",
        /// United Kingdom until about 2016: source A to E, information 1 to 5.
        Uk5x5x5 = "uk_5x5x5",
        /// United Kingdom since: source 1 to 3, information A to E.
        Uk3x5x2 = "uk_3x5x2",
        /// Admiralty and NATO: source A to F, information 1 to 6.
        Admiralty = "admiralty",
    }
}

impl EvaluationScheme {
    /// Codes of sources, the most reliable first.
    pub const fn sources(self) -> &'static str {
        match self {
            Self::Europol4x4 => "ABCX",
            Self::Uk5x5x5 => "ABCDE",
            Self::Uk3x5x2 => "123",
            Self::Admiralty => "ABCDEF",
        }
    }

    /// Codes of information, the most reliable first.
    pub const fn informations(self) -> &'static str {
        match self {
            Self::Europol4x4 => "1234",
            Self::Uk5x5x5 => "12345",
            Self::Uk3x5x2 => "ABCDE",
            Self::Admiralty => "123456",
        }
    }
}

/// A judgement of one source and one piece of information, within one scheme.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evaluation {
    scheme: EvaluationScheme,
    source: char,
    information: char,
}

fn one_of(codes: &str, text: &str) -> Option<char> {
    codes.chars().find(|it| text.chars().eq([*it]))
}

impl Evaluation {
    /// The judgement with these codes.
    ///
    /// # Errors
    /// `BAD_EVALUATION_SOURCE` or `BAD_EVALUATION_INFORMATION` if the scheme has no such code.
    pub fn new(
        scheme: EvaluationScheme,
        source: &str,
        information: &str,
    ) -> Result<Self, EntityFault> {
        let why = "the code of the source must be one of its scheme";
        let source = one_of(scheme.sources(), source).ok_or(fault("BAD_EVALUATION_SOURCE", why))?;
        let why = "the code of the information must be one of its scheme";
        let information = one_of(scheme.informations(), information)
            .ok_or(fault("BAD_EVALUATION_INFORMATION", why))?;
        Ok(Self { scheme, source, information })
    }

    /// The scheme that gives the codes their meaning.
    pub fn scheme(&self) -> EvaluationScheme {
        self.scheme
    }

    /// The code of the source.
    pub fn source(&self) -> char {
        self.source
    }

    /// The code of the information.
    pub fn information(&self) -> char {
        self.information
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.scheme, self.source, self.information)
    }
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Evaluation({self})")
    }
}

impl FromStr for Evaluation {
    type Err = EntityFault;

    /// Scheme, a space, and the two codes: `europol_4x4 B2`.
    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let why = "an evaluation is a scheme, a space, and two codes";
        let shape = fault("BAD_EVALUATION_SHAPE", why);
        let (scheme, codes) = text.split_once(' ').ok_or(shape)?;
        let (source, information) = codes.split_at_checked(1).ok_or(shape)?;
        Self::new(scheme.parse()?, source, information)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_belongs_to_its_scheme() {
        let mut pairs = Vec::new();
        for scheme in EvaluationScheme::ALL {
            for source in scheme.sources().chars() {
                for information in scheme.informations().chars() {
                    let text = format!("{scheme} {source}{information}");
                    let read: Evaluation = text.parse().unwrap();
                    assert_eq!((read.scheme(), read.source()), (*scheme, source));
                    assert_eq!((read.information(), read.to_string()), (information, text));
                    pairs.push(read);
                }
            }
        }
        assert_eq!(pairs.len(), 16 + 25 + 15 + 36);
    }

    #[test]
    fn codes_of_other_schemes_are_refused() {
        let code = |text: &str| text.parse::<Evaluation>().unwrap_err().code;
        for text in ["europol_4x4 D1", "uk_5x5x5 X1", "uk_3x5x2 A1", "uk_3x5x2 4A", "admiralty X1"]
        {
            assert_eq!(code(text), "BAD_EVALUATION_SOURCE", "{text}");
        }
        for text in ["europol_4x4 A5", "uk_5x5x5 A6", "uk_3x5x2 1F", "admiralty A7", "admiralty A"]
        {
            assert_eq!(code(text), "BAD_EVALUATION_INFORMATION", "{text}");
        }
        assert_eq!(code("nato A1"), "UNKNOWN_EVALUATION_SCHEME");
    }

    #[test]
    fn a_letter_never_stands_without_its_scheme() {
        for text in ["A1", "B2", "", "europol_4x4", "europol_4x4 "] {
            let code = text.parse::<Evaluation>().unwrap_err().code;
            assert_eq!(code, "BAD_EVALUATION_SHAPE", "{text}");
        }
        let one = Evaluation::new(EvaluationScheme::Europol4x4, "C", "1").unwrap();
        let other = Evaluation::new(EvaluationScheme::Admiralty, "C", "1").unwrap();
        assert_ne!(one, other);
    }
}
