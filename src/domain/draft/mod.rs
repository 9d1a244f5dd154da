//! A message as its sender wrote it, and the same once it is known to be well formed.
//!
//! [`UncheckedDraft`] holds words as they came; [`UncheckedDraft::check`] turns them into a
//! [`Draft`] or names every violation at once. Violations quote nothing of what they reject.
//! Whether the act is possible now, and whether sender and recipients are who they should be, is
//! asked at the door.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::Bearing;
use crate::domain::competence::{Competence, Function, read_country};
use crate::domain::ids::{ContactPointId, MalformedId, MessageId, RequestId};
use crate::domain::kinds::KindCode;
use crate::domain::limits::{CONTENT_BYTES_MAX, RECIPIENTS_MAX};
use crate::domain::urgency::Urgency;
use crate::domain::violation::Violation;

/// What every violation of a draft can be called.
pub mod code {
    /// A field that is needed is absent or empty.
    pub const MISSING: &str = "MISSING";
    /// A field does not have the form it must have.
    pub const MALFORMED: &str = "MALFORMED";
    /// The code is not in the catalogue of kinds.
    pub const KIND_UNKNOWN: &str = "KIND_UNKNOWN";
    /// The word is not in the list of acts.
    pub const MESSAGE_TYPE_UNKNOWN: &str = "MESSAGE_TYPE_UNKNOWN";
    /// The word is not in the list of urgencies.
    pub const URGENCY_UNKNOWN: &str = "URGENCY_UNKNOWN";
    /// An immediate message says no reason.
    pub const URGENCY_REASON_MISSING: &str = "URGENCY_REASON_MISSING";
    /// A deadline says no reason.
    pub const DEADLINE_REASON_MISSING: &str = "DEADLINE_REASON_MISSING";
    /// A deadline is not later than the issue of the message.
    pub const DEADLINE_NOT_AFTER_ISSUE: &str = "DEADLINE_NOT_AFTER_ISSUE";
    /// The kind does not know this outcome of this act.
    pub const OUTCOME_NOT_IN_PROFILE: &str = "OUTCOME_NOT_IN_PROFILE";
    /// More contact points than a message may name.
    pub const TOO_MANY_RECIPIENTS: &str = "TOO_MANY_RECIPIENTS";
    /// A contact point is named twice.
    pub const RECIPIENT_REPEATED: &str = "RECIPIENT_REPEATED";
    /// Contact points and a competence are named, and it is one or the other.
    pub const TO_AND_COMPETENCE: &str = "TO_AND_COMPETENCE";
    /// Only what opens a request may name a competence.
    pub const COMPETENCE_NOT_HERE: &str = "COMPETENCE_NOT_HERE";
    /// The code is in no list of countries.
    pub const COUNTRY_UNKNOWN: &str = "COUNTRY_UNKNOWN";
    /// The word is not in the list of functions.
    pub const FUNCTION_UNKNOWN: &str = "FUNCTION_UNKNOWN";
    /// The kind is not received by this function.
    pub const WRONG_AUTHORITY_ROLE: &str = "WRONG_AUTHORITY_ROLE";
    /// The content is larger than a message may be.
    pub const CONTENT_TOO_LARGE: &str = "CONTENT_TOO_LARGE";
}

/// A deadline as its sender wrote it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UncheckedDeadline {
    /// RFC 3339 time with an offset.
    pub at: Option<String>,
    /// Why it is needed by then.
    pub reason: Option<String>,
}

/// An urgency as its sender wrote it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UncheckedUrgency {
    /// One of the urgencies' words.
    pub level: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A competence as its sender wrote it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UncheckedCompetence {
    /// A country's three letters, or `int`.
    pub country: Option<String>,
    /// One of the functions' words.
    pub function: Option<String>,
}

/// What a message says about itself, in words as they came. Field names are those of a message
/// file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UncheckedDraft {
    /// Id of the message, if its sender gave one.
    pub message_id: Option<String>,
    /// Id of the request; a new request may come without.
    pub request_id: Option<String>,
    /// The message that this one answers.
    pub in_reply_to: Option<String>,
    /// The act's word.
    pub message_type: Option<String>,
    /// The outcome's word.
    pub outcome: Option<String>,
    /// Code of the kind.
    pub kind: Option<String>,
    /// RFC 3339 time of issue, if its sender gave one.
    pub issued_at: Option<String>,
    /// How soon an answer is needed; without it, as is usual for the kind.
    pub urgency: Option<UncheckedUrgency>,
    /// By when an answer is suggested.
    pub respond_by: Option<UncheckedDeadline>,
    /// The contact point that sends.
    pub from: Option<String>,
    /// The contact points that it is for.
    pub to: Vec<String>,
    /// Whom it is for, where it names no contact points.
    pub competence: Option<UncheckedCompetence>,
    /// What must be known for good of what it says.
    pub bearing: Bearing,
    /// It was asked by word of mouth (UNTOC 18(14)).
    pub oral: bool,
    /// References under which the two sides file the request.
    pub references: Vec<String>,
    /// The exact bytes of what the message says.
    pub content: Vec<u8>,
}

impl fmt::Debug for UncheckedDraft {
    /// Sizes only: unchecked words may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UncheckedDraft")
            .field("recipients", &self.to.len())
            .field("content_bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// A well-formed message that is not sent yet. What is absent, the node fills in.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// The contact point that sends.
    pub from: ContactPointId,
    /// The contact points that it is for: one to [`RECIPIENTS_MAX`], none twice; none as long as
    /// nobody has asked a directory who is competent.
    pub to: Vec<ContactPointId>,
    /// The competence that its sender named instead of a contact point.
    pub competence: Option<Competence>,
    /// Its kind.
    pub kind: KindCode,
    /// What it does.
    pub act: Act,
    /// The outcome that it states, one that the kind knows of this act.
    pub outcome: Option<String>,
    /// How soon an answer is needed.
    pub urgency: Urgency,
    /// By when an answer is suggested; later than `issued_at` where both are there.
    pub respond_by: Option<Timestamp>,
    /// When its sender issued it.
    pub issued_at: Option<Timestamp>,
    /// Its id.
    pub message: Option<MessageId>,
    /// The request; always there unless the act opens one.
    pub request: Option<RequestId>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// What must be known for good of what it says.
    pub bearing: Bearing,
    /// It was asked by word of mouth, and is to be confirmed in writing forthwith (UNTOC 18(14)).
    pub oral: bool,
    /// References under which the two sides file the request.
    pub references: Vec<String>,
    /// The exact bytes of what it says, at most [`CONTENT_BYTES_MAX`].
    pub content: Vec<u8>,
}

impl fmt::Debug for Draft {
    /// Everything but the content, of which the size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("kind", &self.kind)
            .field("act", &self.act)
            .field("message", &self.message)
            .field("request", &self.request)
            .field("content_bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl UncheckedDraft {
    /// The draft that these words make.
    ///
    /// # Errors
    /// Every violation there is, in the order of the fields of a message file.
    pub fn check(self) -> Result<Draft, Vec<Violation>> {
        let mut wrong = Findings::default();
        let message = wrong.id("/message_id", self.message_id.as_deref());
        let request = wrong.id("/request_id", self.request_id.as_deref());
        let in_reply_to = wrong.id("/in_reply_to", self.in_reply_to.as_deref());
        let act = wrong.word::<Act>(
            "/message_type",
            self.message_type.as_deref(),
            code::MESSAGE_TYPE_UNKNOWN,
            "it is one of the acts in the life of a request, such as request or ack_receipt",
        );
        let kind = wrong.word::<KindCode>(
            "/kind",
            self.kind.as_deref(),
            code::KIND_UNKNOWN,
            "it is a code of the catalogue of kinds, such as SOM.8.2.VESSEL",
        );
        if act.is_some_and(|act| !opens(act)) && self.request_id.is_none() {
            wrong.add("/request_id", code::MISSING, "every act but the first names its request");
        }
        let outcome = wrong.outcome(self.outcome, kind, act);
        let issued_at = wrong.time("/issued_at", self.issued_at.as_deref());
        let urgency = wrong.urgency(self.urgency.as_ref(), kind);
        let respond_by = wrong.deadline(self.respond_by.as_ref(), issued_at);
        let from = wrong.from(self.from.as_deref());
        let to = wrong.recipients(&self.to, self.competence.is_some());
        let competence = wrong.competence(self.competence.as_ref(), kind, act);
        if self.content.len() > CONTENT_BYTES_MAX {
            let text = format!("the whole message is at most {CONTENT_BYTES_MAX} bytes");
            wrong.add("", code::CONTENT_TOO_LARGE, text);
        }
        match (from, kind, act, wrong.0.is_empty()) {
            (Some(from), Some(kind), Some(act), true) => Ok(Draft {
                from,
                to,
                competence,
                kind,
                act,
                outcome,
                urgency,
                respond_by,
                issued_at,
                message,
                request,
                in_reply_to,
                bearing: self.bearing,
                oral: self.oral,
                references: self.references,
                content: self.content,
            }),
            _ => Err(wrong.0),
        }
    }
}

/// Does the act begin a course, so that the node may name the request?
const fn opens(act: Act) -> bool {
    matches!(act, Act::Request | Act::SpontaneousInformation)
}

/// The violations found so far.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, text: impl Into<String>) {
        self.0.push(Violation::new(pointer, code, text));
    }

    fn id<T: FromStr<Err = MalformedId>>(
        &mut self,
        pointer: &str,
        text: Option<&str>,
    ) -> Option<T> {
        text?.parse().map_err(|why: MalformedId| self.add(pointer, code::MALFORMED, why.why)).ok()
    }

    fn word<T: FromStr>(
        &mut self,
        pointer: &str,
        text: Option<&str>,
        unknown: &'static str,
        expected: &str,
    ) -> Option<T> {
        let found = text.map(str::parse::<T>);
        if found.is_none() {
            self.add(pointer, code::MISSING, expected);
        }
        found?.map_err(|_| self.add(pointer, unknown, expected)).ok()
    }

    fn time(&mut self, pointer: &str, text: Option<&str>) -> Option<Timestamp> {
        let time = Timestamp::parse(text?);
        if time.is_none() {
            let expected = "it is an RFC 3339 time with an offset, such as 2026-01-11T02:47:00Z";
            self.add(pointer, code::MALFORMED, expected);
        }
        time
    }

    fn outcome(
        &mut self,
        outcome: Option<String>,
        kind: Option<KindCode>,
        act: Option<Act>,
    ) -> Option<String> {
        // Without kind and act there is nothing to hold the outcome against.
        let (kind, act) = (kind?, act?);
        let known = kind.allows(act, outcome.as_deref()?);
        if !known {
            let words: Vec<_> = kind.outcomes().filter(|word| kind.allows(act, word)).collect();
            let expected = if words.is_empty() {
                format!("{act} of {kind} states no outcome")
            } else {
                format!("{act} of {kind} states one of: {}", words.join(", "))
            };
            self.add("/outcome", code::OUTCOME_NOT_IN_PROFILE, expected);
        }
        outcome
    }

    fn urgency(&mut self, stated: Option<&UncheckedUrgency>, kind: Option<KindCode>) -> Urgency {
        let usual = kind.map_or(Urgency::Routine, |kind| kind.urgency);
        let Some(stated) = stated else { return usual };
        let level = self.word::<Urgency>(
            "/urgency/level",
            stated.level.as_deref(),
            code::URGENCY_UNKNOWN,
            "it is immediate, priority or routine",
        );
        if level == Some(Urgency::Immediate) && is_blank(stated.reason.as_deref()) {
            let expected = "what is immediate overtakes others and says why";
            self.add("/urgency/reason", code::URGENCY_REASON_MISSING, expected);
        }
        level.unwrap_or(usual)
    }

    fn deadline(
        &mut self,
        stated: Option<&UncheckedDeadline>,
        issued_at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let stated = stated?;
        if stated.at.is_none() {
            self.add("/respond_by/at", code::MISSING, "a deadline is a time");
        }
        let at = self.time("/respond_by/at", stated.at.as_deref());
        if let (Some(at), Some(issued_at)) = (at, issued_at)
            && at <= issued_at
        {
            let expected = "a deadline is later than the issue of the message";
            self.add("/respond_by/at", code::DEADLINE_NOT_AFTER_ISSUE, expected);
        }
        if is_blank(stated.reason.as_deref()) {
            let expected = "a deadline says why (UNTOC 18(24))";
            self.add("/respond_by/reason", code::DEADLINE_REASON_MISSING, expected);
        }
        at
    }

    fn from(&mut self, text: Option<&str>) -> Option<ContactPointId> {
        if text.is_none() {
            self.add("/from", code::MISSING, "it is the contact point that sends");
        }
        self.id("/from", text)
    }

    fn recipients(&mut self, texts: &[String], has_competence: bool) -> Vec<ContactPointId> {
        match (texts.is_empty(), has_competence) {
            (true, false) => {
                let expected =
                    "it names at least one contact point, or a competence in their place";
                self.add("/to", code::MISSING, expected);
            }
            (false, true) => {
                let expected = "it names contact points or a competence, not both";
                self.add("/to", code::TO_AND_COMPETENCE, expected);
            }
            (true, true) | (false, false) => {}
        }
        if texts.len() > RECIPIENTS_MAX {
            let expected = format!("it names at most {RECIPIENTS_MAX} contact points");
            self.add("/to", code::TOO_MANY_RECIPIENTS, expected);
        }
        let mut known = BTreeSet::new();
        let mut to = Vec::new();
        // Beyond the limit nothing more is looked at, so that the answer stays small.
        for (index, text) in texts.iter().take(RECIPIENTS_MAX).enumerate() {
            let pointer = format!("/to/{index}");
            let Some(id) = self.id::<ContactPointId>(&pointer, Some(text)) else {
                continue;
            };
            if known.insert(id.clone()) {
                to.push(id);
            } else {
                self.add(pointer, code::RECIPIENT_REPEATED, "each contact point is named once");
            }
        }
        to
    }
}

impl Findings {
    fn competence(
        &mut self,
        stated: Option<&UncheckedCompetence>,
        kind: Option<KindCode>,
        act: Option<Act>,
    ) -> Option<Competence> {
        let stated = stated?;
        if act.is_some_and(|act| !opens(act)) {
            let expected = "only what opens a request names a competence; what follows names the \
                            contact points that take part";
            self.add("/competence", code::COMPETENCE_NOT_HERE, expected);
        }
        let expected = "it is a country of ISO 3166-1 alpha-3, or int for international bodies";
        let pointer = "/competence/country";
        let country = match stated.country.as_deref() {
            None => {
                self.add(pointer, code::MISSING, expected);
                None
            }
            Some(text) => read_country(text).or_else(|| {
                self.add(pointer, code::COUNTRY_UNKNOWN, expected);
                None
            }),
        };
        let function = self.word::<Function>(
            "/competence/function",
            stated.function.as_deref(),
            code::FUNCTION_UNKNOWN,
            "it is one of the functions of contact points, such as central_authority",
        );
        let competence = Competence { country: country?, function: function? };
        if let Some(kind) = kind.filter(|kind| !competence.receives(*kind)) {
            let receivers = kind.receivers.join(" or ");
            let expected = format!("{kind} goes to a desk that is {receivers}");
            self.add("/competence/function", code::WRONG_AUTHORITY_ROLE, expected);
        }
        Some(competence)
    }
}

fn is_blank(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests;
