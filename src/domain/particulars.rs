//! What only recipients may know about a message besides its content.
//!
//! Sealed with the content: article 18(20) of UNTOC protects even the fact of a request.

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::Bearing;
use crate::domain::header::{Channel, Lane};
use crate::domain::ids::{ContactPointId, MessageId, RequestId};
use crate::domain::kinds::KindCode;

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
    /// By when its sender suggests an answer.
    pub respond_by: Option<Timestamp>,
    /// What must be known for good of what it says.
    pub bearing: Bearing,
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
            respond_by: None,
            bearing: Bearing::silent(None),
            issued_at: Timestamp::from_millis(0),
        };
        assert_eq!((particulars.channel(), particulars.lane()), (Channel::Sea, Lane::Urgent));
        let bytes = postcard::to_stdvec(&particulars).unwrap();
        assert_eq!(postcard::from_bytes::<Particulars>(&bytes).unwrap(), particulars);
        for cut in 0..bytes.len() {
            let part = bytes.get(..cut).unwrap();
            assert!(postcard::from_bytes::<Particulars>(part).is_err(), "{cut}");
        }
    }
}
