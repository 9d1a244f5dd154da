//! Labels: how content may be seen, used and passed on.
//!
//! A label travels with every message and every item of it. What is made of several (a reply, an
//! extract, a relay) is handled as the strictest of them, and only the originator lowers a label.
//! Schemes: TLP 2.0 (FIRST, August 2022), Europol handling codes H0 to H3, EU classification;
//! confidentiality is UNTOC 18(20), use limitation UNTOC 18(19), 18(5) and Protocol 10(2).

use std::fmt;
use std::str::FromStr;

use crate::domain::header::UnknownWord;
use crate::domain::ids::StateCode;

macro_rules! scale {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$case:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$case])* $variant,)* }

        impl $name {
            /// Every value, the least strict first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in message files; never translated.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let mut all = Self::ALL.iter().copied();
                all.find(|it| it.as_str() == text).ok_or(UnknownWord { what: $what })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

scale! {
    /// Traffic Light Protocol 2.0, the least strict first. Not a classification.
    Tlp, "TLP label" {
        /// No limit on disclosure.
        Clear = "TLP:CLEAR",
        /// Within the community.
        Green = "TLP:GREEN",
        /// Within the organisation and its clients, as needed.
        Amber = "TLP:AMBER",
        /// Within the organisation only.
        AmberStrict = "TLP:AMBER+STRICT",
        /// For the named recipients only.
        Red = "TLP:RED",
    }
}

scale! {
    /// EU classification, the lowest first; what carries none is unclassified.
    Classification, "classification" {
        /// EU restricted.
        Restricted = "R-UE/EU-R",
        /// EU confidential.
        Confidential = "C-UE/EU-C",
        /// EU secret.
        Secret = "S-UE/EU-S",
        /// EU top secret.
        TopSecret = "TS-UE/EU-TS",
    }
}

scale! {
    /// To whom the content may be passed on, the freest first.
    Onward, "onward sharing" {
        /// To whoever needs it.
        Free = "free",
        /// To another State only with the originator's consent (UNTOC 18(5), 18(19); Protocol 10(2)).
        OriginatorConsent = "originator_consent",
        /// To nobody.
        Forbidden = "forbidden",
    }
}

scale! {
    /// Europol handling code, each with a meaning of its own; several can stand together.
    HandlingCode, "handling code" {
        /// For preventing and combating crime.
        H0 = "H0",
        /// Not in judicial proceedings without the provider's permission.
        H1 = "H1",
        /// No dissemination without the provider's permission.
        H2 = "H2",
        /// Other restrictions, in words.
        H3 = "H3",
    }
}

/// A set of handling codes.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct HandlingCodes(u8);

impl HandlingCodes {
    const fn bit(code: HandlingCode) -> u8 {
        match code {
            HandlingCode::H0 => 1,
            HandlingCode::H1 => 2,
            HandlingCode::H2 => 4,
            HandlingCode::H3 => 8,
        }
    }

    /// The set with one more code.
    #[must_use]
    pub const fn with(self, code: HandlingCode) -> Self {
        Self(self.0 | Self::bit(code))
    }

    /// Is the code in the set?
    pub const fn has(self, code: HandlingCode) -> bool {
        self.0 & Self::bit(code) != 0
    }

    /// All codes of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The codes in order.
    pub fn codes(self) -> impl Iterator<Item = HandlingCode> {
        HandlingCode::ALL.iter().copied().filter(move |code| self.has(*code))
    }

    /// The codes that restrict (all but H0) as they stand in a set, one bit each.
    const fn restrictions(self) -> u8 {
        self.0 & !1
    }

    /// The set as a number below 16.
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// The set of that number; `None` from 16 on.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 16 { Some(Self(bits)) } else { None }
    }
}

impl fmt::Debug for HandlingCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.codes()).finish()
    }
}

/// How content may be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Label {
    /// Who may see it.
    pub tlp: Tlp,
    /// Handling codes.
    pub codes: HandlingCodes,
    /// Classification, where there is one.
    pub classification: Option<Classification>,
    /// To whom it may be passed on.
    pub onward: Onward,
    /// The State whose information it is; only it lowers the label.
    pub originator: Option<StateCode>,
}

/// In which respect a label is weaker than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Respect {
    /// Who may see it.
    Tlp,
    /// Handling codes.
    Codes,
    /// Classification.
    Classification,
    /// To whom it may be passed on.
    Onward,
}

impl Label {
    /// The strictest of both. The originator is that of `self`, or else that of `other`.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            tlp: self.tlp.max(other.tlp),
            codes: self.codes.and(other.codes),
            classification: self.classification.max(other.classification),
            onward: self.onward.max(other.onward),
            originator: self.originator.or(other.originator),
        }
    }

    /// In which respects `self` allows more than `parent` does.
    pub fn weaker_than(&self, parent: &Self) -> Vec<Respect> {
        let mut found = Vec::new();
        if self.tlp < parent.tlp {
            found.push(Respect::Tlp);
        }
        if parent.codes.restrictions() & !self.codes.restrictions() != 0 {
            found.push(Respect::Codes);
        }
        if self.classification < parent.classification {
            found.push(Respect::Classification);
        }
        if self.onward < parent.onward {
            found.push(Respect::Onward);
        }
        found
    }

    /// May a node that is accredited up to `ceiling` hold it? Without a ceiling, only what is
    /// unclassified.
    pub fn within(&self, ceiling: Option<Classification>) -> bool {
        self.classification <= ceiling
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_label() -> impl Strategy<Value = Label> {
        (
            prop::sample::select(Tlp::ALL),
            0_u8..16,
            prop::option::of(prop::sample::select(Classification::ALL)),
            prop::sample::select(Onward::ALL),
        )
            .prop_map(|(tlp, codes, classification, onward)| Label {
                tlp,
                codes: HandlingCodes::from_bits(codes).unwrap(),
                classification,
                onward,
                originator: None,
            })
    }

    #[test]
    fn words_are_found_as_written_and_not_otherwise() {
        assert_eq!("TLP:AMBER+STRICT".parse(), Ok(Tlp::AmberStrict));
        for bad in ["TLP:WHITE", "tlp:red", "TLP: RED", "AMBER"] {
            assert_eq!(bad.parse::<Tlp>(), Err(UnknownWord { what: "TLP label" }), "{bad}");
        }
        assert!("H4".parse::<HandlingCode>().is_err() && "H3".parse::<HandlingCode>().is_ok());
        assert_eq!(
            (HandlingCodes::from_bits(16), Tlp::Red.to_string().as_str()),
            (None, "TLP:RED")
        );
    }

    #[test]
    fn an_unclassified_node_holds_nothing_classified() {
        let label = Label {
            tlp: Tlp::Green,
            codes: HandlingCodes::default(),
            classification: Some(Classification::Restricted),
            onward: Onward::Free,
            originator: None,
        };
        assert!(!label.within(None) && label.within(Some(Classification::Restricted)));
        assert!(Label { classification: None, ..label }.within(None));
        let secret = Label { classification: Some(Classification::Secret), ..label };
        assert!(!secret.within(Some(Classification::Confidential)));
    }

    proptest! {
        #[test]
        fn the_join_is_weaker_than_neither_and_the_least_such(a in any_label(), b in any_label()) {
            let joined = a.join(b);
            prop_assert!(joined.weaker_than(&a).is_empty() && joined.weaker_than(&b).is_empty());
            prop_assert_eq!(joined, b.join(a));
            prop_assert_eq!(a.join(a), a);
            let other = joined.join(a).join(b);
            prop_assert_eq!(other, joined);
        }

        #[test]
        fn what_is_weaker_says_where(a in any_label(), b in any_label()) {
            prop_assert_eq!(a.weaker_than(&b).contains(&Respect::Tlp), a.tlp < b.tlp);
            prop_assert_eq!(a.weaker_than(&b).contains(&Respect::Onward), a.onward < b.onward);
            if a.weaker_than(&b).is_empty() {
                prop_assert_eq!(a.join(b).tlp, a.tlp);
            }
        }
    }
}
