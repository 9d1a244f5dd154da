//! How long content is kept, and why it is erased.
//!
//! No number stands in the Convention or the Protocol. The times below are policy of this network,
//! between bounds that an agency may not leave: as long as a purpose needs it, and a first period of
//! not over five years as a rule (INTERPOL's Rules on the Processing of Data), a review after three
//! (Europol), time limits in any case (Directive (EU) 2016/680 art. 5). They run from the closing of a
//! request. What a message says itself (`handling.retain_until`) goes before them, and so does a hold.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::handling::{HandlingCode, Label, Onward, Tlp};
use crate::domain::header::UnknownWord;
use crate::domain::ids::StateCode;
use crate::domain::kinds::{Group, Kind, Profile};

/// How many days after its closing the content of a request is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The part of the catalogue that its kind belongs to.
    pub group: Group,
    /// The group's name in a configuration.
    pub name: &'static str,
    /// Policy of the network.
    pub days: u16,
    /// An agency may not erase earlier: the other side may still ask.
    pub days_min: u16,
    /// An agency may not keep it longer without a hold.
    pub days_max: u16,
}

const YEAR: u16 = 365;

/// The table, in the order of [`Group::ALL`].
#[rustfmt::skip]
pub const KEEPING: [Keeping; 6] = [
    // Proceedings last: evidence outlives the request until judgment is final.
    keeping(Group::Assistance,  "assistance_days",  5 * YEAR, YEAR, 10 * YEAR),
    keeping(Group::Cooperation, "cooperation_days", 3 * YEAR, 180,  5 * YEAR),
    // A measure at sea is reported, and disputed, for years (Protocol 8(3), 9(2)).
    keeping(Group::Sea,         "sea_days",         5 * YEAR, YEAR, 10 * YEAR),
    keeping(Group::Information, "information_days", 3 * YEAR, 90,   5 * YEAR),
    // Those who are protected or returned are mostly no suspects (Protocol 5, 16).
    keeping(Group::Protection,  "protection_days",  YEAR,     90,   3 * YEAR),
    keeping(Group::Companion,   "companion_days",   YEAR,     90,   3 * YEAR),
];

const fn keeping(group: Group, name: &'static str, days: u16, min: u16, max: u16) -> Keeping {
    Keeping { group, name, days, days_min: min, days_max: max }
}

/// Days that an agency keeps content, by group: within the bounds of [`KEEPING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepDays([u16; KEEPING.len()]);

impl Default for KeepDays {
    fn default() -> Self {
        Self(KEEPING.map(|it| it.days))
    }
}

impl KeepDays {
    /// For a group, so many days.
    #[must_use]
    pub fn with(mut self, group: Group, days: u16) -> Self {
        for (it, own) in KEEPING.iter().zip(&mut self.0) {
            if it.group == group {
                *own = days.clamp(it.days_min, it.days_max);
            }
        }
        self
    }

    /// For a kind.
    pub fn of(&self, kind: &Kind) -> u16 {
        let found = KEEPING.iter().zip(self.0).find(|(it, _)| it.group == kind.group);
        found.map_or(YEAR, |(_, days)| days)
    }

    /// Each group's name with its days, in the order of the table.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u16)> {
        KEEPING.iter().map(|it| it.name).zip(self.0)
    }
}

/// Why content was erased: a closed list, fit to be shown to another agency.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum ErasureCause {
    /// The time for which it may be kept has ended.
    RetentionEnded,
    /// Whoever's information it is asked for it.
    OriginatorOrder,
    /// A court or a supervisory authority ordered it.
    AuthorityOrder,
    /// Whoever holds it decided so.
    OwnDecision,
    /// Nobody erased it: it was lost with the end of a journal's volume.
    Lost,
}

impl ErasureCause {
    /// Every cause for which something is erased; [`ErasureCause::Lost`] is none.
    pub const ALL: [Self; 4] =
        [Self::RetentionEnded, Self::OriginatorOrder, Self::AuthorityOrder, Self::OwnDecision];

    /// The cause's name in entries, files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetentionEnded => "retention_ended",
            Self::OriginatorOrder => "originator_order",
            Self::AuthorityOrder => "authority_order",
            Self::OwnDecision => "own_decision",
            Self::Lost => "lost",
        }
    }
}

/// What of a message decides whether its erasure is asked of the other side, too.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The kind of its request.
    pub kind: &'a Kind,
    /// What it did.
    pub act: Act,
    /// How it is handled.
    pub label: &'a Label,
    /// The State of whoever sent it; none for an international body.
    pub sender: Option<StateCode>,
}

impl ErasureCause {
    /// Whether whoever sent a message and erases it asks whoever received it to do the same.
    ///
    /// An order of the originator or of an authority says that the other side should not have it
    /// either (Directive (EU) 2016/680 arts 7(3) and 16(6)). A time that ended says nothing of the
    /// other side, which keeps its own; nor does a loss. A sender's own decision reaches as far as its
    /// control does: over its own information that was given unasked or from one police to another
    /// (UNTOC 18(4), 18(5), 27), or that the other side may not pass on (Protocol 10(2)); evidence that
    /// was asked for is the requester's to keep until its proceedings end (UNTOC 18(19)).
    pub fn reaches_other_side(self, given: &Given<'_>) -> bool {
        match self {
            Self::OriginatorOrder | Self::AuthorityOrder => true,
            Self::RetentionEnded | Self::Lost => false,
            Self::OwnDecision => given.is_own() && given.is_under_control(),
        }
    }
}

impl Given<'_> {
    fn is_own(&self) -> bool {
        self.label.originator.is_none() || self.label.originator == self.sender
    }

    fn is_under_control(&self) -> bool {
        let unasked = self.act == Act::SpontaneousInformation;
        let between_police =
            self.kind.profile == Profile::Pol || self.kind.profile == Profile::Info;
        let kept_close = self.label.onward == Onward::Forbidden
            || self.label.tlp == Tlp::Red
            || self.label.codes.has(HandlingCode::H2);
        unasked || between_police || kept_close
    }
}

/// What a node does when the other side asks it to erase content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Honour {
    /// Its officers decide; until they do it is owed.
    #[default]
    Ask,
    /// It erases, unless the request is held.
    AtOnce,
}

impl Honour {
    /// The word in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::AtOnce => "at_once",
        }
    }
}

impl FromStr for Honour {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = [Self::Ask, Self::AtOnce].into_iter().find(|it| it.as_str() == text);
        known.ok_or(UnknownWord { what: "way to honour an erasure" })
    }
}

/// What an agency set of all this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long it keeps content.
    pub keep_days: KeepDays,
    /// What it does when the other side asks for an erasure.
    pub honour: Honour,
    /// After how long it looks whether content is still needed.
    pub review_days: ReviewDays,
}

/// Names in a configuration of the times after which content is reviewed: by group of kinds in the
/// order of [`Group::ALL`], then by handling.
pub const REVIEWS: [&str; 9] = [
    "assistance_review_days",
    "cooperation_review_days",
    "sea_review_days",
    "information_review_days",
    "protection_review_days",
    "companion_review_days",
    "classified_review_days",
    "red_review_days",
    "codes_review_days",
];
/// Longest time until a review, in days.
pub const REVIEW_DAYS_MAX: u16 = 5 * YEAR;

/// Days after the opening of a request until somebody looks whether its content is still needed, by
/// what [`REVIEWS`] names; 0 for never. Where several hold, the shortest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReviewDays([u16; REVIEWS.len()]);

impl ReviewDays {
    /// For what `name` names, so many days.
    #[must_use]
    pub fn with(mut self, name: &str, days: u16) -> Self {
        for (known, own) in REVIEWS.iter().zip(&mut self.0) {
            if *known == name {
                *own = days.min(REVIEW_DAYS_MAX);
            }
        }
        self
    }

    /// For a request of a kind that is handled so; none where it is never reviewed.
    pub fn of(&self, kind: &Kind, label: &Label) -> Option<u16> {
        let groups = Group::ALL.map(|it| it == kind.group);
        let restricted =
            HandlingCode::ALL.iter().any(|it| *it != HandlingCode::H0 && label.codes.has(*it));
        let handling = [label.classification.is_some(), label.tlp == Tlp::Red, restricted];
        let holds = groups.into_iter().chain(handling).zip(self.0);
        holds.filter(|(holds, days)| *holds && *days > 0).map(|(_, days)| days).min()
    }

    /// Each name with its days, in the order of [`REVIEWS`].
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u16)> {
        REVIEWS.into_iter().zip(self.0)
    }
}

/// A backup that a node made: it may hold what is erased later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BackupMade {
    /// Entries that it follows.
    pub from: u64,
    /// Entries that it reaches.
    pub to: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// It is to be destroyed then.
    pub keep_until: Timestamp,
}

impl BackupMade {
    /// Whether it holds, at `now`, what came with the entry at `position`.
    pub fn holds(&self, position: u64, now: Timestamp) -> bool {
        (self.from..self.to).contains(&position) && now < self.keep_until
    }
}

impl fmt::Display for ErasureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErasureCause {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = UnknownWord { what: "cause of an erasure" };
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_kept_within_its_bounds_and_none_longer_than_ten_years() {
        for (it, group) in KEEPING.iter().zip(Group::ALL) {
            assert_eq!(it.group, group);
            assert!(it.days_min >= 90 && it.days_min <= it.days, "{}", it.name);
            assert!(it.days <= it.days_max && it.days_max <= 3_650, "{}", it.name);
        }
        let own = KeepDays::default().with(Group::Sea, 400).with(Group::Protection, 9_999);
        let days = |code: &str| own.of(crate::domain::kinds::find(code).unwrap());
        assert_eq!(days("SOM.8.2.VESSEL"), 400);
        assert_eq!(days("UNTOC.18.18.VIDEO"), 1_825);
        assert_eq!(days("SOM.18.3.NATIONALITY"), 1_095, "no longer than the rules allow");
    }

    #[test]
    fn the_other_side_is_asked_where_an_order_or_the_senders_control_reaches() {
        use crate::domain::bearing::Bearing;
        use ErasureCause::{AuthorityOrder, OriginatorOrder, OwnDecision, RetentionEnded};
        let (bra, are) = ("BRA".parse().ok(), "ARE".parse().ok());
        let silent = Bearing::silent(bra).label;
        let asked = |cause: ErasureCause, kind: &str, act, label: Label| {
            let kind: crate::domain::kinds::KindCode = kind.parse().unwrap();
            cause.reaches_other_side(&Given { kind: &kind, act, label: &label, sender: bra })
        };
        let evidence = |cause, label| asked(cause, "UNTOC.18.3.F.DOCS", Act::Result, label);
        let person = |cause, label| asked(cause, "UNTOC.27.1.B.I.PERSON", Act::Result, label);
        for cause in [OriginatorOrder, AuthorityOrder] {
            assert!(evidence(cause, silent) && person(cause, silent), "{cause}");
        }
        assert!(!evidence(RetentionEnded, silent) && !person(RetentionEnded, silent));
        assert!(!evidence(OwnDecision, silent), "evidence is the requester's to keep");
        assert!(person(OwnDecision, silent));
        assert!(!person(OwnDecision, Label { originator: are, ..silent }), "it is another State's");
        let closer = [
            Label { onward: Onward::Forbidden, ..silent },
            Label { tlp: Tlp::Red, ..silent },
            Label { codes: silent.codes.with(HandlingCode::H2), ..silent },
        ];
        assert!(closer.into_iter().all(|label| evidence(OwnDecision, label)));
        let unasked = Act::SpontaneousInformation;
        assert!(asked(OwnDecision, "UNTOC.18.4.SPONTANEOUS", unasked, silent));
    }

    #[test]
    fn the_shortest_time_that_kind_or_handling_sets_counts_and_none_is_none() {
        let label = crate::domain::bearing::Bearing::silent(None).label;
        let kind = |code: &str| crate::domain::kinds::find(code).unwrap();
        let (docs, vessel) = (kind("UNTOC.18.3.F.DOCS"), kind("SOM.8.2.VESSEL"));
        assert_eq!(ReviewDays::default().of(docs, &label), None);
        let set = ReviewDays::default()
            .with("assistance_review_days", 400)
            .with("red_review_days", 90)
            .with("codes_review_days", 30)
            .with("unknown", 1);
        assert_eq!((set.of(docs, &label), set.of(vessel, &label)), (Some(400), None));
        let red = Label { tlp: Tlp::Red, ..label };
        assert_eq!((set.of(docs, &red), set.of(vessel, &red)), (Some(90), Some(90)));
        let code = |it| Label { codes: label.codes.with(it), ..red };
        assert_eq!(set.of(vessel, &code(HandlingCode::H0)), Some(90));
        assert_eq!(set.of(vessel, &code(HandlingCode::H1)), Some(30));
    }

    #[test]
    fn a_backup_holds_what_came_within_it_until_its_end() {
        let at = Timestamp::from_millis;
        let made = BackupMade { from: 3, to: 5, made_at: at(10), keep_until: at(20) };
        let held: Vec<u64> = (0..9).filter(|it| made.holds(*it, at(19))).collect();
        assert_eq!((held, made.holds(4, at(20))), (vec![3, 4], false));
    }

    #[test]
    fn ways_to_honour_an_erasure_are_found_by_their_word_only() {
        assert_eq!(("ask".parse(), "at_once".parse()), (Ok(Honour::Ask), Ok(Honour::AtOnce)));
        let unknown = UnknownWord { what: "way to honour an erasure" };
        assert_eq!("never".parse::<Honour>(), Err(unknown));
    }

    #[test]
    fn causes_name_themselves() {
        for cause in ErasureCause::ALL {
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
        let unknown = UnknownWord { what: "cause of an erasure" };
        assert_eq!("whim".parse::<ErasureCause>(), Err(unknown));
    }
}
