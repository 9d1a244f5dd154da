//! What one side owes the other in the life of a request: the closed list.
//!
//! A state owes its next act (`due`); an obligation may outlive the state in which it arose, such as
//! the report of a measure at sea (Protocol 8(3)) or the return of a person (UNTOC 18(11)(b)).

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::due::DueSource;
use crate::domain::header::UnknownWord;

macro_rules! obligations {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Something owed. Written and kept as its word.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(into = "String", try_from = "String")]
        pub enum Obligation { $($(#[$doc])* $name,)* }

        impl Obligation {
            /// Every obligation there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The obligation's name in files and on screens.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

obligations! {
    /// The authority acknowledges what it was asked.
    Acknowledge = "acknowledge",
    /// The first answer of substance.
    Answer = "answer",
    /// The decision whether to execute.
    Decide = "decide",
    /// Execution (UNTOC 18(24)).
    Execute = "execute",
    /// The requester answers questions (UNTOC 18(16)).
    Clarify = "clarify",
    /// The requester says whether it accepts conditions (UNTOC 18(26), Protocol 8(5)).
    AnswerConditions = "answer_conditions",
    /// The other side answers a consultation (UNTOC 18(26)).
    AnswerConsultation = "answer_consultation",
    /// What was asked by word of mouth is confirmed in writing forthwith (UNTOC 18(14)).
    ConfirmInWriting = "confirm_in_writing",
    /// What was put off is looked at again (UNTOC 18(25)).
    ReviewPostponement = "review_postponement",
    /// The flag State is told the results of a measure (Protocol 8(3)).
    ReportMeasure = "report_measure",
    /// A transferred person is returned (UNTOC 18(11)(b)).
    ReturnPerson = "return_person",
    /// The sender is told before exculpatory information is disclosed (UNTOC 18(5), 18(19)).
    NoticeBeforeDisclosure = "notice_before_disclosure",
    /// Safe conduct ends: 15 consecutive days without leaving (UNTOC 18(27)).
    SafeConductEnds = "safe_conduct_ends",
    /// Confidentiality that was asked for a time ends (UNTOC 18(5)).
    ConfidentialityEnds = "confidentiality_ends",
    /// Whether the content is still needed is looked at.
    ReviewRetention = "review_retention",
    /// The content is deleted or given back.
    EndRetention = "end_retention",
    /// The giver of information is told what it was worth.
    Feedback = "feedback",
    /// A closed course is closed: receipt of a result, closing.
    Close = "close",
    /// The request is sent to the authority that is competent.
    SendAnew = "send_anew",
    /// What the other side asked to be erased is erased, or it is told why it is kept.
    AnswerErasure = "answer_erasure",
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Obligation {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::ALL.iter().copied();
        all.find(|it| it.as_str() == text).ok_or(UnknownWord { what: "obligation" })
    }
}

impl TryFrom<String> for Obligation {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<Obligation> for String {
    fn from(obligation: Obligation) -> Self {
        obligation.as_str().to_owned()
    }
}

/// A time that a message itself sets for something owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StatedDue {
    /// What is owed.
    pub obligation: Obligation,
    /// By when.
    pub at: Timestamp,
    /// Who says so.
    pub source: DueSource,
}

/// How a deadline stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum DueStage {
    /// It falls due soon.
    Soon,
    /// It has passed.
    Overdue,
}

impl DueStage {
    /// The stage's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Soon => "due_soon",
            Self::Overdue => "overdue",
        }
    }
}

impl FromStr for DueStage {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Soon, Self::Overdue]
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(UnknownWord { what: "stage of a deadline" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obligations_and_stages_are_found_by_their_word_only() {
        for obligation in Obligation::ALL {
            assert_eq!(obligation.as_str().parse(), Ok(*obligation));
        }
        assert_eq!("report".parse::<Obligation>(), Err(UnknownWord { what: "obligation" }));
        assert_eq!(DueStage::Overdue.as_str().parse(), Ok(DueStage::Overdue));
        assert!("late".parse::<DueStage>().is_err());
    }
}
