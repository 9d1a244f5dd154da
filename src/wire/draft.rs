//! What a caller wants to send: the content, and of it what the node itself acts on.

use std::collections::BTreeSet;
use std::str::FromStr;

use prost::Message;

use crate::clock::Timestamp;
use crate::domain::draft::Draft;
use crate::domain::header::UnknownWord;
use crate::domain::ids::{ContactPointId, MalformedId, MessageId, RequestId};
use crate::domain::limits::{CONTENT_BYTES_MAX, RECIPIENTS_MAX};
use crate::domain::particulars::Urgency;
use crate::domain::violation::Violation;
use crate::wire::particulars::is_outcome;
use crate::wire::{WireError, pb};

/// Reads a draft as it was submitted; its content is the whole draft again, as bytes.
///
/// # Errors
/// Every violation at once: `REQUIRED`, `MALFORMED`, `UNKNOWN_WORD`, `DUPLICATE_RECIPIENT` and
/// `LIMIT_EXCEEDED`, each with the JSON pointer of its field. What a kind or an act requires is
/// checked elsewhere.
pub fn read(draft: pb::Draft) -> Result<Draft, Vec<Violation>> {
    let mut found = Found::default();
    let from = found.name("/from", draft.from.as_deref());
    let to = found.recipients(&draft.to);
    let kind = found.word("/kind", draft.kind.as_deref());
    let act = found.word("/message_type", draft.message_type.as_deref());
    let outcome = found.outcome(draft.outcome.as_deref());
    let urgency = match draft.urgency.as_ref().and_then(|it| it.level.as_deref()) {
        None => Some(Urgency::Routine),
        level => found.word("/urgency/level", level),
    };
    let respond_by = draft.respond_by.as_ref().and_then(|it| it.at.as_deref());
    let respond_by = found.time("/respond_by/at", respond_by);
    let issued_at = found.time("/issued_at", draft.issued_at.as_deref());
    let message = found.id::<MessageId>("/message_id", draft.message_id.as_deref());
    let request = found.id::<RequestId>("/request_id", draft.request_id.as_deref());
    let in_reply_to = found.id::<MessageId>("/in_reply_to", draft.in_reply_to.as_deref());
    let content = draft.encode_to_vec();
    if content.len() > CONTENT_BYTES_MAX {
        found.add("", "LIMIT_EXCEEDED", too_long());
    }
    match (from, kind, act, urgency, found.violations.is_empty()) {
        (Some(from), Some(kind), Some(act), Some(urgency), true) => Ok(Draft {
            from,
            to,
            kind,
            act,
            outcome,
            urgency,
            respond_by,
            issued_at,
            message,
            request,
            in_reply_to,
            content,
        }),
        _ => Err(found.violations),
    }
}

/// What the node gives a message where its sender did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// Id of the message.
    pub message: MessageId,
    /// Id of the request.
    pub request: RequestId,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// Content of a draft with the ids and the time that the node gave: what is sealed. It may have
/// grown over the limit of content by the length of the ids; sealing checks it.
///
/// # Errors
/// `content` is not what [`read`] made.
pub fn fill(content: &[u8], given: &Given) -> Result<Vec<u8>, WireError> {
    let Given { message, request, issued_at } = given;
    let mut draft = read_content(content)?;
    draft.message_id = Some(message.to_string());
    draft.request_id = Some(request.to_string());
    draft.issued_at = Some(issued_at.to_string());
    Ok(draft.encode_to_vec())
}

fn too_long() -> String {
    format!("a message has at most {CONTENT_BYTES_MAX} bytes")
}

/// Reads content that was opened. Fields of a later version are passed over: no hash is made of
/// the result.
///
/// # Errors
/// Over the limit, or not protobuf.
pub fn read_content(content: &[u8]) -> Result<pb::Draft, WireError> {
    let (what, allowed, given) = ("content", CONTENT_BYTES_MAX, content.len());
    if given > allowed {
        return Err(WireError::TooLarge { what, allowed, given });
    }
    pb::Draft::decode(content).map_err(|_| WireError::Undecodable { what })
}

/// The violations so far.
#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
}

impl Found {
    fn add(&mut self, pointer: &str, code: &'static str, text: impl Into<String>) {
        self.violations.push(Violation { pointer: pointer.to_owned(), code, text: text.into() });
    }

    fn required<'t>(&mut self, pointer: &str, text: Option<&'t str>) -> Option<&'t str> {
        let present = text.filter(|it| !it.is_empty());
        if present.is_none() {
            self.add(pointer, "REQUIRED", "the field is required");
        }
        present
    }

    fn name<T: FromStr<Err = MalformedId>>(
        &mut self,
        pointer: &str,
        text: Option<&str>,
    ) -> Option<T> {
        let text = self.required(pointer, text)?;
        self.malformed(pointer, text.parse())
    }

    fn id<T: FromStr<Err = MalformedId>>(
        &mut self,
        pointer: &str,
        text: Option<&str>,
    ) -> Option<T> {
        self.malformed(pointer, text?.parse())
    }

    fn malformed<T>(&mut self, pointer: &str, parsed: Result<T, MalformedId>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(pointer, "MALFORMED", fault.to_string());
                None
            }
        }
    }

    fn word<T: FromStr<Err = UnknownWord>>(
        &mut self,
        pointer: &str,
        text: Option<&str>,
    ) -> Option<T> {
        match self.required(pointer, text)?.parse() {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(pointer, "UNKNOWN_WORD", fault.to_string());
                None
            }
        }
    }

    fn time(&mut self, pointer: &str, text: Option<&str>) -> Option<Timestamp> {
        let time = Timestamp::parse(text?);
        if time.is_none() {
            self.add(pointer, "MALFORMED", "it is a time with an offset, 2026-01-11T02:47:00Z");
        }
        time
    }

    fn outcome(&mut self, text: Option<&str>) -> Option<String> {
        let text = text?;
        if !is_outcome(text) {
            self.add("/outcome", "MALFORMED", "it is a word of at most 64 of a-z, 0-9 and _");
        }
        Some(text.to_owned())
    }

    fn recipients(&mut self, to: &[String]) -> Vec<ContactPointId> {
        if to.is_empty() {
            self.add("/to", "REQUIRED", "the field is required");
        }
        if to.len() > RECIPIENTS_MAX {
            let text = format!("a message names at most {RECIPIENTS_MAX} contact points");
            self.add("/to", "LIMIT_EXCEEDED", text);
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut recipients = Vec::new();
        for (index, text) in to.iter().enumerate() {
            let pointer = format!("/to/{index}");
            if let Some(id) = self.name::<ContactPointId>(&pointer, Some(text)) {
                if seen.insert(id.clone()) {
                    recipients.push(id);
                } else {
                    self.add(&pointer, "DUPLICATE_RECIPIENT", "it is named twice");
                }
            }
        }
        recipients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> pb::Draft {
        let text = |it: &str| Some(it.to_owned());
        pb::Draft {
            message_type: text("request"),
            kind: text("SOM.8.2.VESSEL"),
            from: text("ita.coast-guard/operations-centre"),
            to: vec!["pan.maritime-authority/flag-state-desk".to_owned()],
            urgency: Some(pb::Urgency { level: text("immediate"), reason: None }),
            facts: text("A vessel was sighted"),
            ..pb::Draft::default()
        }
    }

    fn faults(draft: pb::Draft) -> Vec<(String, &'static str)> {
        let found = read(draft).unwrap_err();
        found.into_iter().map(|it| (it.pointer, it.code)).collect()
    }

    #[test]
    fn a_draft_keeps_its_content() {
        let draft = read(sample()).unwrap();
        assert_eq!(draft.kind.as_str(), "SOM.8.2.VESSEL");
        assert_eq!((draft.act.as_str(), draft.urgency), ("request", Urgency::Immediate));
        assert_eq!((draft.message, draft.request, draft.issued_at), (None, None, None));
        assert_eq!(read_content(&draft.content), Ok(sample()));
        let without = pb::Draft { urgency: None, ..sample() };
        assert_eq!(read(without).unwrap().urgency, Urgency::Routine);
    }

    #[test]
    fn every_violation_is_found_at_once() {
        let text = |it: &str| Some(it.to_owned());
        let draft = pb::Draft {
            message_id: text("1"),
            issued_at: text("yesterday"),
            respond_by: Some(pb::RespondBy { at: text("soon"), reason: None }),
            outcome: text("Not a word"),
            urgency: Some(pb::Urgency { level: text("at once"), reason: None }),
            kind: text("SOM.99"),
            to: ["a", "pan.x/y", "pan.x/y"].map(ToOwned::to_owned).to_vec(),
            ..pb::Draft::default()
        };
        let expected = [
            ("/from", "REQUIRED"),
            ("/to/0", "MALFORMED"),
            ("/to/2", "DUPLICATE_RECIPIENT"),
            ("/kind", "UNKNOWN_WORD"),
            ("/message_type", "REQUIRED"),
            ("/outcome", "MALFORMED"),
            ("/urgency/level", "UNKNOWN_WORD"),
            ("/respond_by/at", "MALFORMED"),
            ("/issued_at", "MALFORMED"),
            ("/message_id", "MALFORMED"),
        ];
        assert_eq!(faults(draft), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn limits_hold_at_their_border() {
        let named = |count: usize| {
            let to = (0..count).map(|it| format!("pan.x/desk-{it}")).collect();
            pb::Draft { to, ..sample() }
        };
        assert_eq!(read(named(RECIPIENTS_MAX)).unwrap().to.len(), RECIPIENTS_MAX);
        assert_eq!(faults(named(RECIPIENTS_MAX + 1)), [("/to".to_owned(), "LIMIT_EXCEEDED")]);
        assert_eq!(faults(named(0)), [("/to".to_owned(), "REQUIRED")]);
        let room = CONTENT_BYTES_MAX - pb::Draft { facts: None, ..sample() }.encoded_len();
        let told = |bytes: usize| pb::Draft { facts: Some("a".repeat(bytes)), ..sample() };
        // Two bytes of tag and three of length stand before the text.
        assert_eq!(read(told(room - 5)).unwrap().content.len(), CONTENT_BYTES_MAX);
        assert_eq!(faults(told(room - 4)), [(String::new(), "LIMIT_EXCEEDED")]);
        let (what, allowed) = ("content", CONTENT_BYTES_MAX);
        let too_large = WireError::TooLarge { what, allowed, given: allowed + 1 };
        assert_eq!(read_content(&told(room - 4).encode_to_vec()), Err(too_large));
    }

    #[test]
    fn what_the_node_gives_stands_in_the_content() {
        let given = Given {
            message: MessageId::from_bytes([1; 16]),
            request: RequestId::from_bytes([2; 16]),
            issued_at: Timestamp::from_millis(1_768_099_620_000),
        };
        let filled = fill(&read(sample()).unwrap().content, &given).unwrap();
        let draft = read(read_content(&filled).unwrap()).unwrap();
        assert_eq!((draft.message, draft.request), (Some(given.message), Some(given.request)));
        assert_eq!(draft.issued_at, Some(given.issued_at));
        assert_eq!(fill(&[0xff], &given), Err(WireError::Undecodable { what: "content" }));
    }
}
