//! A draft on the wire and in the domain: content as bytes, and of it what the node acts on.

use prost::Message;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::draft::{
    Draft, UncheckedCompetence, UncheckedDeadline, UncheckedDraft, UncheckedUrgency,
};
use crate::domain::ids::{ContactPointId, MessageId, RequestId, StateCode};
use crate::domain::limits::{CONTENT_BYTES_MAX, NOTE_BYTES_MAX};
use crate::domain::particulars::Particulars;
use crate::domain::violation::Violation;
use crate::redact::Secret;
use crate::wire::envelope::Statement;
use crate::wire::extract::{self, Extract};
use crate::wire::filler::{self, Names};
use crate::wire::{WireError, ids, pb};

/// Reads a draft as it was submitted; its content is the whole draft again, as bytes.
///
/// # Errors
/// Every violation at once, as [`UncheckedDraft::check`] finds them.
pub fn read(draft: pb::Draft) -> Result<Draft, Vec<Violation>> {
    let has_key = draft.attachment_key.is_some();
    let has_note = draft.transit_note.is_some();
    let draft = pb::Draft { filler: None, attachment_key: None, ..draft };
    let content = draft.encode_to_vec();
    let act = draft.message_type.as_deref().and_then(|it| it.parse().ok());
    let sender: Option<ContactPointId> = draft.from.as_deref().and_then(|it| it.parse().ok());
    let own = sender.as_ref().and_then(|it| StateCode::of(it.agency()));
    let Extract { bearing, mut violations } = extract::bearing(&draft, act, own);
    if has_key {
        let text = "the node makes the key of attachments";
        violations.push(Violation::new("/attachment_key", "SET_BY_NODE", text));
    }
    if has_note {
        let text = "the node of a reviewing transit writes it, out of `transit annotate`";
        violations.push(Violation::new("/transit_note", "SET_BY_NODE", text));
    }
    let references = references(&draft);
    let oral = draft.form.as_deref() == Some(ORAL);
    let unchecked = UncheckedDraft {
        message_id: draft.message_id,
        request_id: draft.request_id,
        in_reply_to: draft.in_reply_to,
        message_type: draft.message_type,
        outcome: draft.outcome,
        kind: draft.kind,
        issued_at: draft.issued_at,
        urgency: draft.urgency.map(|it| UncheckedUrgency { level: it.level, reason: it.reason }),
        respond_by: draft.respond_by.map(|it| UncheckedDeadline { at: it.at, reason: it.reason }),
        from: draft.from,
        to: draft.to,
        competence: draft.competence.map(|it| {
            let pb::Competence { country, function } = it;
            UncheckedCompetence { country, function }
        }),
        bearing,
        oral,
        references,
        content,
    };
    match unchecked.check() {
        Ok(draft) if violations.is_empty() => Ok(draft),
        Ok(_) => Err(violations),
        Err(found) => Err([found, violations].concat()),
    }
}

/// The references under which the two sides file the request, related matters last.
pub fn references(draft: &pb::Draft) -> Vec<String> {
    let Some(references) = &draft.references else {
        return Vec::new();
    };
    let pb::References { requesting, requested, related } = references;
    let all = requesting.iter().chain(requested).chain(related);
    all.filter(|it| !it.is_empty()).cloned().collect()
}

/// The form of a request by word of mouth (UNTOC 18(14)).
const ORAL: &str = "oral_note";

/// What the node gives a message where its sender did not.
#[derive(Debug)]
pub struct Given {
    /// Id of the message.
    pub message: MessageId,
    /// Id of the request.
    pub request: RequestId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The key of its attachments, if it has any.
    pub attachment_key: Option<Secret<32>>,
}

/// Content of a draft with the ids and the time that the node gave: what is sealed. It may have
/// grown over the limit of content by the length of the ids; sealing checks it.
///
/// # Errors
/// `content` is not what [`read`] made.
pub fn fill(content: &[u8], given: &Given) -> Result<Vec<u8>, WireError> {
    let Given { message, request, issued_at, attachment_key } = given;
    let mut draft = read_content(content)?;
    draft.message_id = Some(message.to_string());
    draft.request_id = Some(request.to_string());
    draft.issued_at = Some(issued_at.to_string());
    draft.attachment_key = attachment_key.as_ref().map(|it| it.expose().to_vec());
    let text = |it: &'_ Option<String>| it.clone().unwrap_or_default();
    let (kind, act) = (text(&draft.kind), text(&draft.message_type));
    let (outcome, from) = (text(&draft.outcome), text(&draft.from));
    let desks = std::iter::once(&from).chain(&draft.to).map(String::as_str).collect();
    let names = Names { words: vec![kind.as_str(), act.as_str()], outcome: &outcome, desks };
    draft.filler = Some(filler::of(&names));
    Ok(draft.encode_to_vec())
}

/// A request as it came to a wrong authority: what proves it and what opens it.
#[derive(Debug)]
pub struct Original {
    /// The bytes of its header.
    pub header: Vec<u8>,
    /// Its origin's statement.
    pub origin: Statement,
    /// Its sealed particulars.
    pub particulars: Vec<u8>,
    /// Its sealed content.
    pub content: Vec<u8>,
    /// Opens both.
    pub key: Secret<32>,
}

impl Original {
    /// The same a second time, with its key.
    pub fn second(&self) -> Self {
        Self {
            header: self.header.clone(),
            origin: self.origin.clone(),
            particulars: self.particulars.clone(),
            content: self.content.clone(),
            key: self.key.second(),
        }
    }
}

/// Content of a redirect notice with the request that it hands on.
///
/// # Errors
/// `content` is no content, or no redirect notice.
pub fn hand_on(content: &[u8], original: &Original) -> Result<Vec<u8>, WireError> {
    let mut draft =
        pb::Draft::decode(content).map_err(|_| WireError::Undecodable { what: "content" })?;
    let redirect = ids::part("redirect", draft.redirect.as_mut())?;
    redirect.original = Some(pb::Original {
        header: Some(original.header.clone()),
        entry: Some(original.origin.entry.clone()),
        proof: Some(original.origin.proof.clone()),
        particulars: Some(original.particulars.clone()),
        content: Some(original.content.clone()),
        key: Some(original.key.expose().to_vec()),
    });
    Ok(draft.encode_to_vec())
}

/// The request that content hands on; none if it hands on none.
///
/// # Errors
/// As [`read_content`] and [`original`].
pub fn original_in(content: &[u8]) -> Result<Option<Original>, WireError> {
    original(&read_content(content)?)
}

/// The request that a redirect notice hands on; none if it hands on none.
///
/// # Errors
/// A part is missing, over its limit or of another length.
pub fn original(draft: &pb::Draft) -> Result<Option<Original>, WireError> {
    let Some(original) = draft.redirect.as_ref().and_then(|it| it.original.clone()) else {
        return Ok(None);
    };
    let pb::Original { header, entry, proof, particulars, content, key } = original;
    let statement =
        pb::Statement { entry: entry.unwrap_or_default(), proof: proof.unwrap_or_default() };
    Ok(Some(Original {
        header: ids::part("redirect.original.header", header)?,
        origin: Statement::from_pb(statement)?,
        particulars: ids::part("redirect.original.particulars", particulars)?,
        content: ids::part("redirect.original.content", content)?,
        key: secret("redirect.original.key", key.unwrap_or_default())?,
    }))
}

/// A note of a reviewing transit: its words, and what proves the message that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitNote {
    /// Its words.
    pub text: String,
    /// The bytes of the message's header.
    pub header: Vec<u8>,
    /// The statement of that message's origin.
    pub origin: Statement,
}

/// Content of a message that holds a note, with what the node gives any message.
///
/// # Errors
/// What [`fill`] says.
pub fn write_note(
    note: &TransitNote,
    particulars: &Particulars,
    message: MessageId,
) -> Result<Vec<u8>, WireError> {
    let Particulars { request, issued_at, .. } = *particulars;
    let draft = pb::Draft {
        message_type: Some(particulars.act.to_string()),
        kind: Some(particulars.kind.to_string()),
        from: Some(particulars.from.to_string()),
        to: particulars.to.iter().map(ToString::to_string).collect(),
        urgency: Some(pb::Urgency {
            level: Some(particulars.urgency.as_str().to_owned()),
            reason: None,
        }),
        relay_of: particulars.bearing.relay_of.map(|it| it.to_string()),
        transit_note: Some(pb::TransitNote {
            text: Some(note.text.clone()),
            header: Some(note.header.clone()),
            entry: Some(note.origin.entry.clone()),
            proof: Some(note.origin.proof.clone()),
        }),
        ..pb::Draft::default()
    };
    fill(&draft.encode_to_vec(), &Given { message, request, issued_at, attachment_key: None })
}

/// The note that content holds; none if it holds none.
///
/// # Errors
/// As [`read_content`] and [`transit_note`].
pub fn note_in(content: &[u8]) -> Result<Option<TransitNote>, WireError> {
    transit_note(&read_content(content)?)
}

/// The note that a message holds; none if it holds none.
///
/// # Errors
/// A part is missing, or over its limit.
pub fn transit_note(draft: &pb::Draft) -> Result<Option<TransitNote>, WireError> {
    let Some(pb::TransitNote { text, header, entry, proof }) = draft.transit_note.clone() else {
        return Ok(None);
    };
    let text = text.unwrap_or_default();
    let (what, allowed, given) = ("transit_note.text", NOTE_BYTES_MAX, text.len());
    if given > allowed {
        return Err(WireError::TooLarge { what, allowed, given });
    }
    let statement =
        pb::Statement { entry: entry.unwrap_or_default(), proof: proof.unwrap_or_default() };
    let header = ids::part("transit_note.header", header)?;
    Ok(Some(TransitNote { text, header, origin: Statement::from_pb(statement)? }))
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
    let draft = pb::Draft::decode(content).map_err(|_| WireError::Undecodable { what })?;
    Ok(pb::Draft { filler: None, attachment_key: None, ..draft })
}

/// An attachment as content describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its id within the message, such as `A1`.
    pub id: String,
    /// The name that its sender gave it, which may be anything.
    pub name: Option<String>,
    /// Where its description stands, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// The attachments that content describes, in the order in which they are numbered from 1: those of
/// the message, of its supplement, then of its results. One without size or digest is passed over: the
/// law lets none through.
///
/// # Errors
/// As [`read_content`].
pub fn attachments(content: &[u8]) -> Result<Vec<Described>, WireError> {
    Ok(attachments_of(&read_content(content)?))
}

/// As [`attachments`], of content that was read.
pub fn attachments_of(draft: &pb::Draft) -> Vec<Described> {
    let mut found = Vec::new();
    let mut each = |at: &str, list: &[pb::Attachment]| {
        for (number, it) in list.iter().enumerate() {
            let digest = it.sha256.as_deref().and_then(|it| {
                let mut bytes = [0; 32];
                hex::decode_to_slice(it, &mut bytes).ok().map(|()| Digest::from_bytes(bytes))
            });
            let bytes = it.size_bytes.and_then(|it| u64::try_from(it).ok());
            if let (Some(digest), Some(bytes)) = (digest, bytes) {
                let (id, pointer) = (it.id.clone().unwrap_or_default(), format!("{at}/{number}"));
                let name = it.name.clone();
                found.push(Described { id, name, pointer, bytes, digest });
            }
        }
    };
    each("/attachments", &draft.attachments);
    if let Some(supplement) = &draft.supplement {
        each("/supplement/attachments", &supplement.attachments);
    }
    for (at, item) in draft.result.iter().flat_map(|it| &it.items).enumerate() {
        each(&format!("/result/items/{at}/attachments"), &item.attachments);
    }
    found
}

/// The key of the attachments, out of content that was opened; none without attachments.
///
/// # Errors
/// Not protobuf; a key of another length.
pub fn attachment_key(content: &[u8]) -> Result<Option<Secret<32>>, WireError> {
    let what = "content";
    let draft = pb::Draft::decode(content).map_err(|_| WireError::Undecodable { what })?;
    draft.attachment_key.map(|it| secret("attachment_key", it)).transpose()
}

/// A key as it was read, whose bytes are cleared.
fn secret(field: &'static str, read: Vec<u8>) -> Result<Secret<32>, WireError> {
    let read = Zeroizing::new(read);
    match read.as_slice().try_into() {
        Ok(key) => Ok(Secret::of(key)),
        Err(_) => Err(WireError::Length { field, expected: 32, given: read.len() }),
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
            urgency: Some(pb::Urgency { level: text("immediate"), reason: text("adrift") }),
            facts: text("A vessel was sighted"),
            ..pb::Draft::default()
        }
    }

    #[test]
    fn a_draft_keeps_its_content() {
        let draft = read(sample()).unwrap();
        assert_eq!(draft.kind.as_str(), "SOM.8.2.VESSEL");
        assert_eq!((draft.message, draft.request, draft.issued_at), (None, None, None));
        assert_eq!(read_content(&draft.content), Ok(sample()));
    }

    #[test]
    fn the_key_of_attachments_is_made_by_the_node_only() {
        let draft = pb::Draft { attachment_key: Some(vec![1; 32]), ..sample() };
        let found = read(draft).unwrap_err();
        let found: Vec<_> = found.iter().map(|it| (it.pointer.as_str(), it.code)).collect();
        assert_eq!(found, [("/attachment_key", "SET_BY_NODE")]);
        let short = pb::Draft { attachment_key: Some(vec![1; 31]), ..sample() }.encode_to_vec();
        let field = "attachment_key";
        let length = WireError::Length { field, expected: 32, given: 31 };
        assert_eq!(attachment_key(&short).map(|it| it.is_some()), Err(length));
        assert!(attachment_key(&sample().encode_to_vec()).unwrap().is_none());
    }

    #[test]
    fn a_transits_note_is_written_by_its_node_only_and_read_up_to_its_limit() {
        let with = |text: usize| pb::Draft {
            transit_note: Some(pb::TransitNote {
                text: Some("x".repeat(text)),
                header: Some(vec![1]),
                entry: Some(vec![2]),
                proof: Some(vec![3]),
            }),
            ..sample()
        };
        let found = read(with(1)).unwrap_err();
        let found: Vec<_> = found.iter().map(|it| (it.pointer.as_str(), it.code)).collect();
        assert_eq!(found, [("/transit_note", "SET_BY_NODE")]);
        let (what, allowed) = ("transit_note.text", NOTE_BYTES_MAX);
        let read = |text| transit_note(&with(text)).map(|it| it.map(|it| it.text.len()));
        assert_eq!(read(allowed), Ok(Some(allowed)));
        let given = allowed + 1;
        assert_eq!(read(given), Err(WireError::TooLarge { what, allowed, given }));
        assert_eq!(transit_note(&sample()), Ok(None));
    }

    #[test]
    fn attachments_are_numbered_in_one_order() {
        let one = |id: &str, size_bytes| pb::Attachment {
            id: Some(id.to_owned()),
            size_bytes: Some(size_bytes),
            sha256: Some("ab".repeat(32)),
            ..pb::Attachment::default()
        };
        let item = |id: &str| pb::ResultItem {
            attachments: vec![one(id, 4)],
            ..pb::ResultItem::default()
        };
        let result =
            pb::ExecutionResult { items: vec![item("R1"), item("R2")], ..Default::default() };
        let draft = pb::Draft {
            attachments: vec![one("A1", 1), one("A2", 2)],
            supplement: Some(pb::Supplement {
                attachments: vec![one("S", 3)],
                ..Default::default()
            }),
            result: Some(result),
            ..sample()
        };
        let found = attachments(&draft.encode_to_vec()).unwrap();
        let found: Vec<_> = found.iter().map(|it| (it.id.as_str(), it.bytes)).collect();
        assert_eq!(found, [("A1", 1), ("A2", 2), ("S", 3), ("R1", 4), ("R2", 4)]);
    }

    #[test]
    fn every_violation_is_found_at_once() {
        let text = |it: &str| Some(it.to_owned());
        let draft = pb::Draft {
            respond_by: Some(pb::RespondBy { at: text("soon"), reason: text("tide") }),
            kind: text("SOM.99"),
            to: vec!["a".to_owned()],
            from: None,
            ..sample()
        };
        let mut found: Vec<String> =
            read(draft).unwrap_err().into_iter().map(|it| it.pointer).collect();
        found.sort();
        assert_eq!(found, ["/from", "/kind", "/respond_by/at", "/to/0"]);
    }

    #[test]
    fn what_the_node_gives_stands_in_the_content() {
        let given = Given {
            message: MessageId::from_bytes([1; 16]),
            request: RequestId::from_bytes([2; 16]),
            issued_at: Timestamp::from_millis(1_768_099_620_000),
            attachment_key: Some(Secret::new([3; 32])),
        };
        let filled = fill(&read(sample()).unwrap().content, &given).unwrap();
        let draft = read(read_content(&filled).unwrap()).unwrap();
        assert_eq!((draft.message, draft.request), (Some(given.message), Some(given.request)));
        assert_eq!(draft.issued_at, Some(given.issued_at));
        let key = attachment_key(&filled).unwrap().map(|it| *it.expose());
        assert_eq!((key, read_content(&filled).unwrap().attachment_key), (Some([3; 32]), None));
        assert_eq!(fill(&[0xff], &given), Err(WireError::Undecodable { what: "content" }));
    }
}
