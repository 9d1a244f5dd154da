//! The closed catalogue of what can be asked for: one row a kind.
//!
//! A row says what routing, the lifecycle and the checks of a draft need of a kind: its channel,
//! the profile of answers that it gets, outcomes of its own, who may receive it and how urgent it
//! is when its sender does not say. What a kind's content must hold is not said here.
//!
//! In comes a code, such as `SOM.8.2.VESSEL`; out goes a [`KindCode`], which exists only for codes
//! of the catalogue and is as small as a pointer.
//!
//! Invariants: codes are unique; every answer that a profile names is either an act or, by
//! [`Kind::outcomes`], an outcome of exactly one act or pair of acts.

mod catalogue;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::domain::acts::Act;
use crate::domain::header::{Channel, UnknownWord};
use crate::domain::urgency::Urgency;

pub use catalogue::CATALOGUE;

/// The kind by which results of a measure at sea are reported (Protocol 8(3)).
const RESULTS: &str = "SOM.8.3.RESULTS";

/// The answers that a kind of request gets, over and above the acts that every request knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Agreement between authorities.
    Agree,
    /// Verification of a document.
    Doc,
    /// Extradition.
    Ext,
    /// Information, asked for or given unasked.
    Info,
    /// Mutual legal assistance: consultation comes before refusal.
    Mla,
    /// Police cooperation.
    Pol,
    /// Preservation of data (Budapest 29).
    Preserve,
    /// A notice: its receipt is all that is owed.
    Receipt,
    /// Return and nationality.
    Ret,
    /// Measures at sea.
    Sea,
}

impl Profile {
    /// Every profile there is.
    pub const ALL: [Self; 10] = [
        Self::Agree,
        Self::Doc,
        Self::Ext,
        Self::Info,
        Self::Mla,
        Self::Pol,
        Self::Preserve,
        Self::Receipt,
        Self::Ret,
        Self::Sea,
    ];

    /// The profile's name in the catalogue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "RP-AGREE",
            Self::Doc => "RP-DOC",
            Self::Ext => "RP-EXT",
            Self::Info => "RP-INFO",
            Self::Mla => "RP-MLA",
            Self::Pol => "RP-POL",
            Self::Preserve => "preserve",
            Self::Receipt => "receipt",
            Self::Ret => "RP-RET",
            Self::Sea => "RP-SEA",
        }
    }

    /// The answers of the profile that are not acts themselves.
    const fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Agree => &["willing", "counter_proposal", "agreement", "unwilling"],
            Self::Doc => &[
                "genuine_valid",
                "genuine_but_cancelled",
                "genuine_but_reported_lost_or_stolen",
                "genuine_improperly_issued",
                "genuine_wrong_bearer",
                "altered",
                "counterfeit_not_issued",
                "cannot_determine",
            ],
            Self::Ext => &[
                "arrest_report",
                "surrender_decision",
                "surrender_date",
                "submitted_for_prosecution_16_10",
            ],
            Self::Info | Self::Mla | Self::Receipt => &[],
            Self::Pol => &["no_record", "mla_required"],
            Self::Preserve => &["preserved", "refused", "prejudice_warning"],
            Self::Ret => &[
                "confirmed_national",
                "confirmed_permanent_resident",
                "not_confirmed",
                "interview_needed",
                "travel_document_issued",
                "travel_document_declined",
                "return_date_agreed",
            ],
            Self::Sea => &[
                "registry_confirmed",
                "registry_not_confirmed",
                "authorised",
                "authorised_with_conditions",
                "will_board_itself",
                "board_jointly",
                "declined",
                "further_information_needed",
            ],
        }
    }
}

/// One row of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its code: treaty, article, a word.
    pub code: &'static str,
    /// Its title, English.
    pub title: &'static str,
    /// Which links may carry it.
    pub channel: Channel,
    /// The answers that it gets.
    pub profile: Profile,
    /// Answers of this kind alone, besides those of the profile.
    pub own_outcomes: &'static [&'static str],
    /// Functions of contact points that may receive it, best first.
    pub receivers: &'static [&'static str],
    /// How urgent it is when its sender does not say.
    pub urgency: Urgency,
}

impl Kind {
    /// The words that a message of this kind may carry as its outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.profile.outcomes().iter().chain(self.own_outcomes).copied()
    }

    /// May an `act` of this kind carry `outcome`? Most words belong to a result or partial result;
    /// four stand for acts that are answers by themselves.
    pub fn allows(&self, act: Act, outcome: &str) -> bool {
        let fits = match outcome {
            "authorised_with_conditions" => act == Act::ConditionsOffer,
            "declined" | "unwilling" | "refused" => act == Act::Refusal,
            "further_information_needed" => act == Act::ClarificationRequest,
            _ => matches!(act, Act::Result | Act::PartialResult),
        };
        fits && self.outcomes().any(|word| word == outcome)
    }

    /// The profile by whose rules an act of this kind moves a request. Results of a measure travel
    /// inside the request by which the measure was asked for.
    pub fn rules(&self) -> Profile {
        if self.code == RESULTS { Profile::Sea } else { self.profile }
    }

    /// Does it ask to take a measure at sea oneself, or report one? Once authorised, the requester
    /// executes, and owes a report of the results (Protocol 8(3)). Help from another State (8(1))
    /// is that State's to execute.
    pub fn is_measure(&self) -> bool {
        matches!(self.code, "SOM.8.2.VESSEL" | "SOM.8.5.EXTRA_MEASURE" | RESULTS)
    }

    /// May a message of this kind stand in a request of kind `request`? The same kind may, and a
    /// report of results in every request for a measure at sea.
    pub fn belongs_to(&self, request: KindCode) -> bool {
        self.code == request.code || (self.code == RESULTS && request.profile == Profile::Sea)
    }
}

/// The row with this code.
pub fn find(code: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.code == code)
}

/// A kind of the catalogue; equal and ordered by its code, written and kept as its code.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KindCode(&'static Kind);

impl KindCode {
    /// Every kind there is, in the order of the catalogue.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(Self)
    }

    /// The row of the catalogue.
    pub const fn kind(self) -> &'static Kind {
        self.0
    }

    /// The code.
    pub const fn as_str(self) -> &'static str {
        self.0.code
    }
}

impl Deref for KindCode {
    type Target = Kind;

    fn deref(&self) -> &Kind {
        self.0
    }
}

impl PartialEq for KindCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for KindCode {}

impl PartialOrd for KindCode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KindCode {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.code.cmp(other.0.code)
    }
}

impl fmt::Display for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
    }
}

impl fmt::Debug for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KindCode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find(text).map(Self).ok_or(UnknownWord { what: "kind" })
    }
}

impl TryFrom<String> for KindCode {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<KindCode> for String {
    fn from(kind: KindCode) -> Self {
        kind.0.code.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/domain/kinds.json"));

    fn published() -> serde_json::Value {
        serde_json::from_str(PUBLISHED).unwrap()
    }

    /// `RP-MLA + order, enforcement_report` -> the words.
    fn words(responses: &str) -> Vec<&str> {
        responses.split([' ', '+', ',', '/']).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn the_catalogue_is_the_published_one() {
        let published = published();
        let rows = published["kinds"].as_array().unwrap();
        assert_eq!((rows.len(), CATALOGUE.len()), (53, 53));
        for row in rows {
            let code = row["code"].as_str().unwrap();
            let kind = find(code).unwrap_or_else(|| panic!("{code} is not in the catalogue"));
            assert_eq!(kind.title, row["title"], "{code}");
            let mut expected = words(row["responses"].as_str().unwrap());
            let mut built: Vec<_> = kind.own_outcomes.to_vec();
            match kind.profile {
                Profile::Preserve => built.extend(kind.profile.outcomes()),
                Profile::Agree
                | Profile::Doc
                | Profile::Ext
                | Profile::Info
                | Profile::Mla
                | Profile::Pol
                | Profile::Receipt
                | Profile::Ret
                | Profile::Sea => built.push(kind.profile.as_str()),
            }
            expected.sort_unstable();
            built.sort_unstable();
            assert_eq!(built, expected, "{code}");
            let receivers: Vec<_> = row["receiver_roles"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_str().unwrap())
                .collect();
            assert_eq!(kind.receivers, receivers, "{code}");
            match row["urgency_default"].as_str().unwrap() {
                "as graded" => assert_eq!(kind.urgency, Urgency::Routine, "{code}"),
                word => assert_eq!(kind.urgency.as_str(), word, "{code}"),
            }
        }
    }

    #[test]
    fn every_published_answer_is_an_act_or_an_outcome() {
        let published = published();
        for (name, answers) in published["response_profiles"].as_object().unwrap() {
            let profile = Profile::ALL.into_iter().find(|it| it.as_str() == name).unwrap();
            for answer in answers.as_array().unwrap() {
                let answer = answer.as_str().unwrap();
                let is_act = answer.parse::<Act>().is_ok() || answer == "receipt";
                let is_outcome = profile.outcomes().contains(&answer);
                assert!(is_act != is_outcome, "{name}: {answer}");
            }
        }
    }

    #[test]
    fn every_outcome_belongs_to_some_act() {
        for kind in KindCode::all() {
            for outcome in kind.outcomes() {
                let acts = Act::ALL.into_iter().filter(|act| kind.allows(*act, outcome)).count();
                assert!((1..=2).contains(&acts), "{kind} {outcome}");
            }
        }
        let vessel = find("SOM.8.2.VESSEL").unwrap();
        assert!(vessel.allows(Act::ConditionsOffer, "authorised_with_conditions"));
        assert!(!vessel.allows(Act::Result, "authorised_with_conditions"));
        assert!(vessel.allows(Act::PartialResult, "registry_confirmed"));
        assert!(!vessel.allows(Act::Result, "genuine_valid"));
        assert!(!vessel.allows(Act::Result, ""));
        let service = find("UNTOC.18.3.B.SERVICE").unwrap();
        assert!(service.allows(Act::Result, "proof_of_service"));
    }

    #[test]
    fn results_of_a_measure_stand_in_the_request_for_it() {
        let kind = |code: &str| code.parse::<KindCode>().unwrap();
        let (results, vessel) = (kind("SOM.8.3.RESULTS"), kind("SOM.8.2.VESSEL"));
        assert!(results.belongs_to(vessel) && results.belongs_to(results));
        assert!(!vessel.belongs_to(results));
        assert!(!results.belongs_to(kind("SOM.13.DOCUMENT")));
        assert_eq!((results.profile, results.rules()), (Profile::Receipt, Profile::Sea));
        assert_eq!(vessel.rules(), Profile::Sea);
    }

    #[test]
    fn a_kind_is_kept_as_its_code() {
        let kind: KindCode = "SOM.13.DOCUMENT".parse().unwrap();
        assert_eq!(serde_json::to_value(kind).unwrap(), "SOM.13.DOCUMENT");
        let bytes = postcard::to_stdvec(&kind).unwrap();
        assert_eq!(postcard::from_bytes::<KindCode>(&bytes).unwrap(), kind);
        assert!(serde_json::from_str::<KindCode>("\"SOM.13\"").is_err());
        assert_eq!("som.13.document".parse::<KindCode>(), Err(UnknownWord { what: "kind" }));
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = KindCode::all().collect();
        assert_eq!(codes.len(), CATALOGUE.len());
    }
}
