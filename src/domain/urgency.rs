//! How soon an answer is needed. Policy, never law.

use std::fmt;
use std::str::FromStr;

use crate::domain::header::{Lane, UnknownWord};

/// How soon an answer is needed; the sender states it, with a reason where it is immediate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Life in danger, a vessel at sea, money or data about to vanish, provisional arrest.
    Immediate,
    /// Detention limits, ends of retention periods, hearings close at hand.
    Priority,
    /// Everything else.
    Routine,
}

impl Urgency {
    /// Every urgency there is, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Immediate, Self::Priority, Self::Routine];

    /// The urgency's word, `urgency.level` of a message file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Priority => "priority",
            Self::Routine => "routine",
        }
    }

    /// The lane in which a message of this urgency travels.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Immediate => Lane::Urgent,
            Self::Priority | Self::Routine => Lane::Ordinary,
        }
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Urgency {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "urgency" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_immediate_overtakes() {
        let lanes = Urgency::ALL.map(Urgency::lane);
        assert_eq!(lanes, [Lane::Urgent, Lane::Ordinary, Lane::Ordinary]);
    }

    #[test]
    fn urgencies_are_found_by_their_word_only() {
        for urgency in Urgency::ALL {
            assert_eq!(urgency.as_str().parse(), Ok(urgency));
            assert_eq!(serde_json::to_value(urgency).unwrap(), urgency.as_str());
        }
        assert_eq!("urgent".parse::<Urgency>(), Err(UnknownWord { what: "urgency" }));
    }
}
