<<<<<<< HEAD
//! Kinds of request: a row of the catalogue each.
//!
//! A kind says what may be asked, in which channel it travels, and which answers fit it. The
//! catalogue follows the treaties: UNTOC articles 13 to 28, the Smuggling of Migrants Protocol
//! articles 8 to 18, and the preservation of data of the Convention on Cybercrime.

mod catalogue;

use std::fmt;
use std::str::FromStr;

use crate::domain::header::{Channel, UnknownWord};

/// Which answers a kind of request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Proposals, which are agreed or not (`RP-AGREE`).
    Agreement,
    /// Mutual legal assistance (`RP-MLA`).
    Assistance,
    /// Verification of documents (`RP-DOC`).
    Document,
    /// Extradition (`RP-EXT`).
    Extradition,
    /// Information and notices, which ask for nothing (`RP-INFO`).
    Notice,
    /// Police cooperation (`RP-POL`).
    Police,
    /// Return of persons (`RP-RET`).
    Return,
    /// Measures at sea (`RP-SEA`).
=======
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
>>>>>>> domain
    Sea,
}

impl Profile {
<<<<<<< HEAD
    /// All profiles.
    pub const ALL: [Self; 8] = [
        Self::Agreement,
        Self::Assistance,
        Self::Document,
        Self::Extradition,
        Self::Notice,
        Self::Police,
        Self::Return,
        Self::Sea,
    ];

    /// Outcomes that an answer of this profile may state besides its act (DOMAIN catalogue).
    pub const fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Agreement => &["willing", "counter_proposal", "agreement", "unwilling"],
            Self::Assistance => &[],
            Self::Document => &[
=======
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
>>>>>>> domain
                "genuine_valid",
                "genuine_but_cancelled",
                "genuine_but_reported_lost_or_stolen",
                "genuine_improperly_issued",
                "genuine_wrong_bearer",
                "altered",
                "counterfeit_not_issued",
                "cannot_determine",
            ],
<<<<<<< HEAD
            Self::Extradition => &[
=======
            Self::Ext => &[
>>>>>>> domain
                "arrest_report",
                "surrender_decision",
                "surrender_date",
                "submitted_for_prosecution_16_10",
            ],
<<<<<<< HEAD
            Self::Notice => &["receipt"],
            Self::Police => &["no_record", "mla_required"],
            Self::Return => &[
=======
            Self::Info | Self::Mla | Self::Receipt => &[],
            Self::Pol => &["no_record", "mla_required"],
            Self::Preserve => &["preserved", "refused", "prejudice_warning"],
            Self::Ret => &[
>>>>>>> domain
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

<<<<<<< HEAD
/// A row of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its code, such as `SOM.8.2.VESSEL`.
    pub code: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The channel in which its messages travel.
    pub channel: Channel,
    /// Which answers it has.
    pub profile: Profile,
    /// Outcomes of its own, besides those of its profile.
    pub outcomes: &'static [&'static str],
}

/// All kinds, in the order of the catalogue.
pub fn all() -> &'static [Kind] {
    catalogue::CATALOGUE
}

/// A kind, known to be in the catalogue.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KindCode(&'static Kind);

impl KindCode {
=======
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
        self.profile
            .outcomes()
            .iter()
            .chain(self.own_outcomes)
            .copied()
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
        if self.code == RESULTS {
            Profile::Sea
        } else {
            self.profile
        }
    }

    /// Does it ask to take a measure at sea oneself, or report one? Once authorised, the requester
    /// executes, and owes a report of the results (Protocol 8(3)). Help from another State (8(1))
    /// is that State's to execute.
    pub fn is_measure(&self) -> bool {
        matches!(
            self.code,
            "SOM.8.2.VESSEL" | "SOM.8.5.EXTRA_MEASURE" | RESULTS
        )
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

>>>>>>> domain
    /// The code.
    pub const fn as_str(self) -> &'static str {
        self.0.code
    }
<<<<<<< HEAD

    /// The title.
    pub const fn title(self) -> &'static str {
        self.0.title
    }

    /// The channel in which its messages travel.
    pub const fn channel(self) -> Channel {
        self.0.channel
    }

    /// Which answers it has.
    pub const fn profile(self) -> Profile {
        self.0.profile
    }

    /// The profile by whose rules an act of this kind moves a request.
    pub fn rules(self) -> Profile {
        self.0.profile
    }

    /// True if an answer of this kind may state `outcome`.
    pub fn has_outcome(self, outcome: &str) -> bool {
        self.0.profile.outcomes().contains(&outcome) || self.0.outcomes.contains(&outcome)
=======
}

impl Deref for KindCode {
    type Target = Kind;

    fn deref(&self) -> &Kind {
        self.0
>>>>>>> domain
    }
}

impl PartialEq for KindCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for KindCode {}

<<<<<<< HEAD
impl fmt::Debug for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
=======
impl PartialOrd for KindCode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KindCode {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.code.cmp(other.0.code)
>>>>>>> domain
    }
}

impl fmt::Display for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
    }
}

<<<<<<< HEAD
=======
impl fmt::Debug for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

>>>>>>> domain
impl FromStr for KindCode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
<<<<<<< HEAD
        let found = all().iter().find(|kind| kind.code == text);
        found.map(Self).ok_or(UnknownWord { what: "kind" })
=======
        find(text).map(Self).ok_or(UnknownWord { what: "kind" })
>>>>>>> domain
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

<<<<<<< HEAD
    #[test]
    fn the_catalogue_agrees_with_its_source() {
        let source = include_str!("../../../tests/data/domain/kinds.json");
        let source: serde_json::Value = serde_json::from_str(source).unwrap();
        let rows = source["kinds"].as_array().unwrap();
        let expected: Vec<_> = rows
            .iter()
            .map(|it| (it["code"].as_str().unwrap(), it["title"].as_str().unwrap()))
            .collect();
        let ours: Vec<_> = all().iter().map(|kind| (kind.code, kind.title)).collect();
        assert_eq!(ours, expected);
        assert_eq!(ours.len(), 54);
        for (kind, row) in all().iter().zip(rows) {
            let profile = row["responses"].as_str().unwrap().split(" + ").next().unwrap();
            let expected = match profile {
                "RP-AGREE" => Profile::Agreement,
                "RP-MLA" => Profile::Assistance,
                "RP-DOC" => Profile::Document,
                "RP-EXT" => Profile::Extradition,
                "RP-POL" | "preserved / refused / prejudice_warning" => Profile::Police,
                "RP-RET" => Profile::Return,
                "RP-SEA" => Profile::Sea,
                _ => Profile::Notice,
            };
            assert_eq!(kind.profile, expected, "{}", kind.code);
=======
    const PUBLISHED: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/domain/kinds.json"
    ));

    fn published() -> serde_json::Value {
        serde_json::from_str(PUBLISHED).unwrap()
    }

    /// `RP-MLA + order, enforcement_report` -> the words.
    fn words(responses: &str) -> Vec<&str> {
        responses
            .split([' ', '+', ',', '/'])
            .filter(|word| !word.is_empty())
            .collect()
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
>>>>>>> domain
        }
    }

    #[test]
<<<<<<< HEAD
    fn codes_read_back_and_strangers_do_not() {
        let vessel: KindCode = "SOM.8.2.VESSEL".parse().unwrap();
        assert_eq!((vessel.channel(), vessel.profile()), (Channel::Sea, Profile::Sea));
        assert!(vessel.has_outcome("registry_confirmed") && !vessel.has_outcome("genuine_valid"));
        assert_eq!("SOM.8.2".parse::<KindCode>(), Err(UnknownWord { what: "kind" }));
=======
    fn every_published_answer_is_an_act_or_an_outcome() {
        let published = published();
        for (name, answers) in published["response_profiles"].as_object().unwrap() {
            let profile = Profile::ALL
                .into_iter()
                .find(|it| it.as_str() == name)
                .unwrap();
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
                let acts = Act::ALL
                    .into_iter()
                    .filter(|act| kind.allows(*act, outcome))
                    .count();
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
        assert_eq!(
            (results.profile, results.rules()),
            (Profile::Receipt, Profile::Sea)
        );
        assert_eq!(vessel.rules(), Profile::Sea);
    }

    #[test]
    fn a_kind_is_kept_as_its_code() {
        let kind: KindCode = "SOM.13.DOCUMENT".parse().unwrap();
        assert_eq!(serde_json::to_value(kind).unwrap(), "SOM.13.DOCUMENT");
        let bytes = postcard::to_stdvec(&kind).unwrap();
        assert_eq!(postcard::from_bytes::<KindCode>(&bytes).unwrap(), kind);
        assert!(serde_json::from_str::<KindCode>("\"SOM.13\"").is_err());
        assert_eq!(
            "som.13.document".parse::<KindCode>(),
            Err(UnknownWord { what: "kind" })
        );
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = KindCode::all().collect();
        assert_eq!(codes.len(), CATALOGUE.len());
>>>>>>> domain
    }
}
