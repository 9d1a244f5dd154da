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
    Sea,
}

impl Profile {
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
                "genuine_valid",
                "genuine_but_cancelled",
                "genuine_but_reported_lost_or_stolen",
                "genuine_improperly_issued",
                "genuine_wrong_bearer",
                "altered",
                "counterfeit_not_issued",
                "cannot_determine",
            ],
            Self::Extradition => &[
                "arrest_report",
                "surrender_decision",
                "surrender_date",
                "submitted_for_prosecution_16_10",
            ],
            Self::Notice => &["receipt"],
            Self::Police => &["no_record", "mla_required"],
            Self::Return => &[
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
    /// The code.
    pub const fn as_str(self) -> &'static str {
        self.0.code
    }

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
    }
}

impl PartialEq for KindCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for KindCode {}

impl fmt::Debug for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
    }
}

impl fmt::Display for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
    }
}

impl FromStr for KindCode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = all().iter().find(|kind| kind.code == text);
        found.map(Self).ok_or(UnknownWord { what: "kind" })
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
        }
    }

    #[test]
    fn codes_read_back_and_strangers_do_not() {
        let vessel: KindCode = "SOM.8.2.VESSEL".parse().unwrap();
        assert_eq!((vessel.channel(), vessel.profile()), (Channel::Sea, Profile::Sea));
        assert!(vessel.has_outcome("registry_confirmed") && !vessel.has_outcome("genuine_valid"));
        assert_eq!("SOM.8.2".parse::<KindCode>(), Err(UnknownWord { what: "kind" }));
    }
}
