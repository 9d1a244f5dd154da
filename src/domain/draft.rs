//! What a caller wants to send: the content, and of it what the node itself acts on.

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::ids::{ContactPointId, MessageId, RequestId};
use crate::domain::kinds::KindCode;
use crate::domain::particulars::Urgency;
use crate::domain::violation::Violation;

/// A draft whose front is well formed. `wire/` makes it from bytes, `complete` says whether it has
/// what its act needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The contact point that sends.
    pub from: ContactPointId,
    /// The contact points that it is for, one or more.
    pub to: Vec<ContactPointId>,
    /// The kind of request.
    pub kind: KindCode,
    /// What it does in the life of the request.
    pub act: Act,
    /// The outcome that it states.
    pub outcome: Option<String>,
    /// How urgent it is.
    pub urgency: Urgency,
    /// When an answer is asked for.
    pub respond_by: Option<Timestamp>,
    /// When the sender issued it; the node's time where it does not say.
    pub issued_at: Option<Timestamp>,
    /// The id that the sender chose; the node chooses otherwise.
    pub message: Option<MessageId>,
    /// The request that it belongs to; a new one where it opens a request and does not say.
    pub request: Option<RequestId>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// The exact bytes of the whole draft.
    pub content: Vec<u8>,
}

impl Draft {
    /// True if the act begins something, rather than going on with it.
    pub fn opens(&self) -> bool {
        matches!(self.act, Act::Request | Act::SpontaneousInformation)
    }

    /// What the draft lacks or contradicts by its act and kind; nothing if it may be sent.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut add = |pointer: &str, code: &'static str, text: &str| {
            found.push(Violation { pointer: pointer.to_owned(), code, text: text.to_owned() });
        };
        if !self.opens() && self.request.is_none() {
            add("/request_id", "REQUEST_ID_MISSING", "this act belongs to a request; name it");
        }
        if self.outcome.as_deref().is_some_and(|outcome| !self.kind.has_outcome(outcome)) {
            add("/outcome", "OUTCOME_UNKNOWN", "this kind of request has no such outcome");
        }
        if let (Some(respond_by), Some(issued_at)) = (self.respond_by, self.issued_at) {
            if respond_by <= issued_at {
                let text = "an answer is asked for before the message was issued";
                add("/respond_by/at", "RESPOND_BY_TOO_EARLY", text);
            }
        }
        found
    }
}
