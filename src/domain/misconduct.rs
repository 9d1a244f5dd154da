//! For what a peer is cut off: words of a closed list, which an entry may state and both operators may read.

use std::fmt;
use std::str::FromStr;

use crate::domain::header::UnknownWord;

/// What of a peer did not hold, the last time before it was cut off.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum CutOffCause {
    /// It handed over what an honest node would have refused itself.
    Handovers,
    /// It gave answers that no honest node gives.
    Answers,
    /// It brought proofs of growth that do not hold.
    Checkpoints,
    /// Frame after frame of a session came to nothing.
    Frames,
    /// What it sent would hold by a newer directory only, which it names and never showed.
    Directory,
}

impl CutOffCause {
    /// Every cause there is.
    pub const ALL: [Self; 5] =
        [Self::Handovers, Self::Answers, Self::Checkpoints, Self::Frames, Self::Directory];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handovers => "handovers",
            Self::Answers => "answers",
            Self::Checkpoints => "checkpoints",
            Self::Frames => "frames",
            Self::Directory => "directory",
        }
    }

    /// What it says to an operator.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Handovers => "it handed over what an honest node would have refused itself",
            Self::Answers => "it gave answers that no honest node gives",
            Self::Checkpoints => "it brought proofs of growth that do not hold",
            Self::Frames => "frame after frame of it came to nothing",
            Self::Directory => "it named a newer directory again and again and never showed it",
        }
    }
}

impl fmt::Display for CutOffCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CutOffCause {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or(UnknownWord { what: "cause of a cut" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_back_and_no_other_is() {
        for cause in CutOffCause::ALL {
            assert_eq!(cause.as_str().parse(), Ok(cause));
            assert_eq!(cause.to_string(), cause.as_str());
        }
        for other in ["", "Handovers", "handover", "frames "] {
            assert!(other.parse::<CutOffCause>().is_err(), "{other:?}");
        }
    }
}
