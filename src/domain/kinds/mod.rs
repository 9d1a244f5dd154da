//! The closed catalogue of what can be asked for: one table, one row a kind.
//!
//! A row says all that the product knows of a kind: what it rests on, who sends and who receives
//! it, what it must and may say, how it may be answered, on which grounds it may be refused and
//! put off, how urgent it is when its sender does not say, and which links may carry it and why.
//!
//! In comes a code, such as `SOM.8.2.VESSEL`; out goes a [`KindCode`], which exists only for codes
//! of the catalogue and is as small as a pointer.
//!
//! Invariants: codes are unique; every answer that a profile names is either an act or, by
//! [`Kind::outcomes`], an outcome of exactly one act or pair of acts. The table is there without
//! being loaded: nothing is allocated for it.

pub mod block;
mod catalogue;
mod group;
mod profile;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::domain::acts::Act;
use crate::domain::grounds::{Ground, Grounds};
use crate::domain::header::{Channel, UnknownWord};
use crate::domain::urgency::Urgency;
use block::Block;

pub use catalogue::CATALOGUE;
pub use group::{Group, Postponement};
pub use profile::Profile;

/// The kind by which results of a measure at sea are reported (Protocol 8(3)).
const RESULTS: &str = "SOM.8.3.RESULTS";

/// One row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its code: treaty, article, a word.
    pub code: &'static str,
    /// Its title, English.
    pub title: &'static str,
    /// The part of the catalogue in which it stands.
    pub group: Group,
    /// Articles of its instrument, and other instruments by name.
    pub legal_basis: &'static str,
    /// Functions of contact points that may send it.
    pub senders: &'static [&'static str],
    /// Functions of contact points that may receive it, best first.
    pub receivers: &'static [&'static str],
    /// What it must say, besides what every message says.
    pub mandatory: &'static [Block],
    /// What it may say.
    pub optional: &'static [Block],
    /// The answers that it gets.
    pub profile: Profile,
    /// Answers of this kind alone, besides those of the profile.
    pub own_outcomes: &'static [&'static str],
    /// On which grounds it may be refused.
    pub refusal: Grounds,
    /// On which grounds it may be put off.
    pub postponement: Postponement,
    /// How urgent it is when its sender does not say.
    pub urgency: Urgency,
    /// True: its sender grades it, and [`Kind::urgency`] only holds until then.
    pub as_graded: bool,
    /// What the deadline is measured by; a phrase of the treaty, or policy.
    pub deadline_anchor: &'static str,
    /// Which links may carry it.
    pub channel: Channel,
    /// Why these and no others.
    pub channel_reason: &'static str,
}

impl Kind {
    /// The treaty on which it rests, as `legal_basis.instruments` of a message file names it.
    pub fn instrument(&self) -> &'static str {
        match self.code.split_once('.') {
            Some(("SOM", _)) => "SOM-PROTOCOL",
            Some(("CYBER", _)) => "BUDAPEST",
            Some(_) | None => "UNTOC",
        }
    }

    /// The articles of that treaty, without what rests on another; of a range the first.
    pub fn articles(&self) -> impl Iterator<Item = &'static str> + use<> {
        let own = self.legal_basis.split(';').next().unwrap_or_default();
        let first = |it: &'static str| it.split('-').next().unwrap_or_default().trim();
        own.split(',').map(move |it| first(it.trim().trim_start_matches("Budapest Convention ")))
    }

    /// The act by which it begins: information is given, everything else is asked for.
    pub fn opening(&self) -> Act {
        if self.profile == Profile::Info { Act::SpontaneousInformation } else { Act::Request }
    }

    /// Every block that a message of this kind must say, the parts of [`block::BASE`] apart.
    pub fn must_say(&self) -> impl Iterator<Item = &'static Block> + use<> {
        self.mandatory.iter().flat_map(Block::expanded)
    }

    /// The ground on which it may be refused, however `written`.
    pub fn ground(&self, written: &str) -> Option<&'static Ground> {
        self.refusal.all().find(|it| it.is(written))
    }

    /// May it be refused on this ground?
    pub fn may_refuse_on(&self, written: &str) -> bool {
        self.ground(written).is_some()
    }

    /// The urgency column in words.
    pub fn urgency_default(&self) -> &'static str {
        if self.as_graded { "as graded" } else { self.urgency.as_str() }
    }

    /// The responses column in words: the profile by its name, then what is its own.
    pub fn responses(&self) -> String {
        let own = self.own_outcomes.join(", ");
        let profile = self.profile.as_str();
        if own.is_empty() { profile.to_owned() } else { format!("{profile} + {own}") }
    }

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
mod tests;
