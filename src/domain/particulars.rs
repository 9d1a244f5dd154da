//! What only recipients may know about a message besides its content.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::header::{Lane, UnknownWord};
use crate::domain::ids::{ContactPointId, MessageId, RequestId};
use crate::domain::kinds::KindCode;
use crate::domain::lifecycle::State;

/// How urgent a message is, by its sender's word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Urgency {
    /// Life in danger, a vessel at sea, money or data about to vanish.
    Immediate,
    /// A detention, retention or hearing date is near.
    Priority,
    /// All else.
    Routine,
}

impl Urgency {
    /// The word in message files.
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
        let all = [Self::Immediate, Self::Priority, Self::Routine];
        all.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "urgency" })
    }
}

/// What travels sealed beside the content, so that a recipient's node can list and route a message
/// within its agency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Particulars {
    /// The request that the message belongs to.
    pub request: RequestId,
    /// The kind of request.
    pub kind: KindCode,
    /// What the message does in the life of the request.
    pub act: Act,
    /// The outcome that it states, if it states one.
    pub outcome: Option<String>,
    /// The contact point that sends.
    pub from: ContactPointId,
    /// The contact points of the destination agency that it is for.
    pub to: Vec<ContactPointId>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The state of the request as the sender had seen it.
    pub state_seen: Option<State>,
    /// When an answer is asked for.
    pub respond_by: Option<Timestamp>,
    /// When the sender issued it.
    pub issued_at: Timestamp,
}
