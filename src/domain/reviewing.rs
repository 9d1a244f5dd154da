//! What an entry states about a message that a reviewing transit holds: a central authority (UNTOC
//! 18(13)) reads what is sealed to it, remarks on it, and lets it go on.
//!
//! That it gave a message back is no fact of its own: it returned it, with a reason.

use std::fmt;
use std::str::FromStr;

use crate::domain::fact::MessageRef;
use crate::domain::header::UnknownWord;
use crate::domain::station::Station;

/// A word of the reviewing transit about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewFact {
    /// Which message.
    pub message: MessageRef,
    /// The word.
    pub word: ReviewWord,
}

/// What an officer of a reviewing transit said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewWord {
    /// It goes on.
    Released,
    /// A remark, while the message is held.
    Annotated(Remark),
}

/// The closed list of remarks. Every hop may see them, so they say nothing of persons or of the case.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Remark {
    /// The form was looked at and is complete (UNTOC 18(14), 18(15)).
    FormChecked,
    /// The recipient may not accept the language (18(14)).
    LanguageDoubtful,
    /// The recipient may have grounds to refuse (18(21)).
    GroundsDoubtful,
    /// It is as urgent as it says (18(13): speedy and proper execution).
    UrgencyConfirmed,
    /// The reviewing authority wishes to be consulted about it (18(26)).
    Consult,
    /// A note about it, of the reviewing authority's own words, is on its way to its recipient.
    Noted,
}

impl Remark {
    /// Every remark there is.
    pub const ALL: [Self; 6] = [
        Self::FormChecked,
        Self::LanguageDoubtful,
        Self::GroundsDoubtful,
        Self::UrgencyConfirmed,
        Self::Consult,
        Self::Noted,
    ];

    /// The remark's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FormChecked => "FORM_CHECKED",
            Self::LanguageDoubtful => "LANGUAGE_DOUBTFUL",
            Self::GroundsDoubtful => "GROUNDS_DOUBTFUL",
            Self::UrgencyConfirmed => "URGENCY_CONFIRMED",
            Self::Consult => "CONSULT",
            Self::Noted => "NOTED",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Remark {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "remark" })
    }
}

impl ReviewFact {
    /// The station that it proves.
    pub const fn station(&self) -> Station {
        match self.word {
            ReviewWord::Released => Station::Released,
            ReviewWord::Annotated(remark) => Station::Annotated(remark),
        }
    }

    /// The fact's stable name, as auditors see it.
    pub const fn name(&self) -> &'static str {
        match self.word {
            ReviewWord::Released => "transit_released",
            ReviewWord::Annotated(_) => "transit_annotated",
        }
    }
}
