//! What only recipients may know about a message besides its content.
<<<<<<< HEAD

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::header::{Lane, UnknownWord};
=======
//!
//! Sealed with the content: article 18(20) of UNTOC protects even the fact of a request.

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::header::{Channel, Lane};
>>>>>>> domain
use crate::domain::ids::{ContactPointId, MessageId, RequestId};
use crate::domain::kinds::KindCode;
use crate::domain::lifecycle::State;

<<<<<<< HEAD
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
=======
pub use crate::domain::urgency::Urgency;

/// What a message is, whom it concerns and what it answers. Holds no free text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Particulars {
    /// The request in whose life the message stands.
    pub request: RequestId,
    /// What kind of request, or of report, it is.
    pub kind: KindCode,
    /// What the message does.
    pub act: Act,
    /// The outcome that it states, one of the kind's words.
    pub outcome: Option<String>,
    /// The desk that sends.
    pub from: ContactPointId,
    /// The desks that it is for.
    pub to: Vec<ContactPointId>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// How soon an answer is needed.
    pub urgency: Urgency,
    /// The state of the request that its sender had seen; acts that cross are judged by it.
    pub state_seen: Option<State>,
    /// By when its sender suggests an answer.
    pub respond_by: Option<Timestamp>,
    /// When its sender issued it.
    pub issued_at: Timestamp,
}

impl Particulars {
    /// The channel that the header must name.
    pub fn channel(&self) -> Channel {
        self.kind.channel
    }

    /// The lane that the header must name.
    pub fn lane(&self) -> Lane {
        self.urgency.lane()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_and_lane_follow_from_kind_and_urgency() {
        let particulars = Particulars {
            request: RequestId::from_bytes([7; 16]),
            kind: "SOM.8.2.VESSEL".parse().unwrap(),
            act: Act::Request,
            outcome: None,
            from: "ita.coast-guard/operations-centre".parse().unwrap(),
            to: vec!["pan.maritime-authority/flag-state-desk".parse().unwrap()],
            in_reply_to: None,
            urgency: Urgency::Immediate,
            state_seen: Some(State::InExecution),
            respond_by: None,
            issued_at: Timestamp::from_millis(0),
        };
        assert_eq!(
            (particulars.channel(), particulars.lane()),
            (Channel::Sea, Lane::Urgent)
        );
        let bytes = postcard::to_stdvec(&particulars).unwrap();
        assert_eq!(
            postcard::from_bytes::<Particulars>(&bytes).unwrap(),
            particulars
        );
        for cut in 0..bytes.len() {
            let part = bytes.get(..cut).unwrap();
            assert!(postcard::from_bytes::<Particulars>(part).is_err(), "{cut}");
        }
    }
}
>>>>>>> domain
