//! A competence: whoever of a State answers by a function, whichever desk that is.
//!
//! A sender often knows which State must answer and for what, and not at which desk: "the flag State's
//! authority of Panama". Which kind is asked for the message says itself; who that is, the directory
//! (`directory/competence.rs`).

use std::fmt;
use std::str::FromStr;

use crate::domain::entities::country;
use crate::domain::ids::StateCode;
use crate::domain::kinds::KindCode;

/// How international bodies are named where a country is: they are of no State.
pub const INTERNATIONAL: &str = "int";

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a contact point is competent for: the closed list of roles that may send or
        /// receive a kind of request (UNTOC, its Smuggling of Migrants Protocol, practice).
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub enum Function { $($(#[$doc])* $name,)* }

        impl Function {
            /// All functions, in alphabetical order of their names in files.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The function's name in files and on screens.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

functions! {
    /// Traces proceeds of crime.
    AssetRecoveryOffice = "asset_recovery_office",
    /// Guards a border (Protocol art. 11(6)).
    BorderAgency = "border_agency",
    /// Sends and receives mutual legal assistance (UNTOC art. 18(13)).
    CentralAuthority = "central_authority",
    /// A court or prosecution office that may act directly.
    CompetentJudicial = "competent_judicial",
    /// Looks after nationals abroad (Protocol art. 16(5)).
    ConsularPost = "consular_post",
    /// Answers at any hour (Budapest Convention art. 35).
    ContactPoint247 = "contact_point_24_7",
    /// An embassy.
    DiplomaticMission = "diplomatic_mission",
    /// Says whether a travel or identity document is good (Protocol art. 13).
    DocumentVerificationOffice = "document_verification_office",
    /// A financial intelligence unit.
    Fiu = "fiu",
    /// Answers for ships under its flag (Protocol art. 8(6)).
    FlagStateAuthority = "flag_state_authority",
    /// A national central bureau of INTERPOL.
    InterpolNcb = "interpol_ncb",
    /// Relays between agencies and advises them.
    LiaisonOffice = "liaison_office",
    /// Keeps the registers from which nationality follows (Protocol art. 18(3)).
    MinistryOfInterior = "ministry_of_interior",
    /// The police desk for cooperation (UNTOC art. 27).
    PoliceContactPoint = "police_contact_point",
    /// Protects and relocates witnesses (UNTOC art. 24(3)).
    WitnessProtectionUnit = "witness_protection_unit",
}

/// A word that is not in the list of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown function; it is one of the roles of the catalogue, such as central_authority")]
pub struct UnknownFunction;

impl FromStr for Function {
    type Err = UnknownFunction;

    fn from_str(text: &str) -> Result<Self, UnknownFunction> {
        Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or(UnknownFunction)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Function {
    type Error = UnknownFunction;

    fn try_from(text: String) -> Result<Self, UnknownFunction> {
        text.parse()
    }
}

impl From<Function> for String {
    fn from(function: Function) -> Self {
        function.as_str().to_owned()
    }
}

/// Whom a message is for, where it names no contact point: the kind is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Competence {
    /// Of this State; of international bodies without one.
    pub country: Option<StateCode>,
    /// By this function.
    pub function: Function,
}

impl Competence {
    /// The competence that two words name; `None` unless both are known.
    pub fn read(country: &str, function: &str) -> Option<Self> {
        Some(Self { country: read_country(country)?, function: function.parse().ok()? })
    }

    /// How its country is written.
    pub fn country_text(&self) -> &str {
        self.country.as_ref().map_or(INTERNATIONAL, StateCode::as_str)
    }

    /// Whether messages of `kind` are received by this function.
    pub fn receives(&self, kind: KindCode) -> bool {
        kind.receivers.contains(&self.function.as_str())
    }
}

impl fmt::Display for Competence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.country_text(), self.function)
    }
}

/// The State that a text names, none for international bodies; `None` if it names neither.
pub fn read_country(text: &str) -> Option<Option<StateCode>> {
    if text == INTERNATIONAL {
        return Some(None);
    }
    country::is_state(text).then(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_a_closed_list_in_order() {
        let names: Vec<_> = Function::ALL.iter().map(|it| it.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names.len(), 15);
        for function in Function::ALL {
            assert_eq!(function.to_string().parse(), Ok(*function));
        }
        assert_eq!("Central_authority".parse::<Function>(), Err(UnknownFunction));
    }

    #[test]
    fn every_function_by_which_a_kind_is_received_is_one_of_the_list() {
        for kind in KindCode::all() {
            for function in kind.receivers.iter().chain(kind.senders) {
                assert!(function.parse::<Function>().is_ok(), "{kind}: {function}");
            }
        }
    }

    #[test]
    fn a_competence_names_a_state_or_none_and_a_known_function() {
        let read = |country, function| Competence::read(country, function);
        let flag = read("PAN", "flag_state_authority").unwrap();
        assert_eq!(flag.to_string(), "PAN flag_state_authority");
        assert!(flag.receives("SOM.8.2.VESSEL".parse().unwrap()));
        assert!(!flag.receives("UNTOC.18.3.F.DOCS".parse().unwrap()));
        let liaison = read("int", "liaison_office").unwrap();
        assert_eq!((liaison.country, liaison.country_text()), (None, "int"));
        let odd = ["", "pan", "PA", "PANA", "ZZZ", "INT", "P\u{410}N", "PAN ", "\0\0\0"];
        for country in odd {
            assert_eq!(read(country, "flag_state_authority"), None, "{country:?}");
        }
        for function in ["", "FLAG_STATE_AUTHORITY", "flag_state_authority ", "a\nb"] {
            assert_eq!(read("PAN", function), None, "{function:?}");
        }
    }
}
