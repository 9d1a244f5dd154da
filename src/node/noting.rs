//! A reviewing transit writes to the recipient of a message that it holds (UNTOC 18(13)).
//!
//! Its note is a message of its own, from its desk to the desks that the message is for, in the same
//! request. It carries the message's header, its origin's entry and the proof of that entry, so its
//! recipient knows which message is meant, and that its origin sent it, on nobody's word. What opens the
//! message goes with the message alone: so a note opens nothing that is given back or erased, and it is
//! read by nobody who may not read the message.

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, Redirect};
use crate::domain::fact::Reason;
use crate::domain::header::{Address, Header, OrderToken};
use crate::domain::ids::{AgencyId, ContactPointId, MessageId};
use crate::domain::limits::{HOP_LIMIT_DEFAULT, NOTE_BYTES_MAX};
use crate::domain::particulars::Particulars;
use crate::entropy;
use crate::evidence::original;
use crate::evidence::statement::names_newer;
use crate::history::message;
use crate::history::rows::{HistoryError, Rows};
use crate::node::conduct::{No, Vain};
use crate::node::content;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sealing::{self, PrepareError, SealedMessage};
use crate::node::setting::Setting;
use crate::node::ways;
use crate::wire;
use crate::wire::draft::TransitNote;

/// A message that is held for review, as a note about it needs it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Its header.
    pub header: &'a Header,
    /// What it says of itself.
    pub particulars: &'a Particulars,
    /// The desk that decides about it.
    pub desk: &'a ContactPointId,
    /// The reviewing transits to which it is sealed.
    pub readers: &'a [AgencyId],
}

/// Whether a message of that id that is known here is a note.
///
/// # Errors
/// The rows can't be read.
pub fn is_note<R: Rows + ?Sized>(rows: &R, id: MessageId) -> Result<bool, HistoryError> {
    for key in message::by_id(rows, id)? {
        let particulars = message::find(rows, key)?.and_then(|it| it.particulars);
        if particulars.is_some_and(|it| it.bearing.noted().is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a note says of itself: as strict as `message`, and nothing of what that does.
fn bearing(message: &Bearing, about: Option<MessageId>, sender: Option<Redirect>) -> Bearing {
    let Bearing { label, confidential, exercise, .. } = *message;
    let (relay_of, redirect) = (about, sender);
    Bearing { label, confidential, exercise, relay_of, redirect, ..Bearing::silent(None) }
}

/// Seals the note with these words about a message that is held.
///
/// # Errors
/// Words that are none or too many; no way to its recipient, or only one over somebody to whom the
/// message is not sealed; a message whose proof is not here.
pub fn seal(
    setting: &Setting,
    now: Timestamp,
    held: Held<'_>,
    text: String,
) -> Result<SealedMessage, PrepareError> {
    let Held { header, particulars: message, desk, readers } = held;
    said(&text)?;
    let to = &header.address.destination;
    let kind = (header.address.channel, header.address.lane);
    let route = ways::first(setting, to, kind, HOP_LIMIT_DEFAULT)
        .ok_or_else(|| sealing::no_route(to, header.address.channel.as_str()))?;
    if !route.readers.iter().all(|it| readers.contains(it)) {
        let text = "the way to its recipient leads over somebody to whom the message is not sealed";
        return Err(Rejection::new(RejectionReason::HandlingForbids, text).into());
    }
    let origin = content::origin_statement(setting, header.key())?.ok_or_else(|| {
        let text = "the proof of the message is not here any more";
        Rejection::new(RejectionReason::StateForbids, text)
    })?;
    let particulars = Particulars {
        request: message.request,
        kind: message.kind,
        act: Act::SpontaneousInformation,
        outcome: None,
        from: desk.clone(),
        to: message.to.clone(),
        in_reply_to: None,
        urgency: message.urgency,
        respond_by: None,
        bearing: bearing(
            &message.bearing,
            Some(header.address.message),
            Some(Redirect::Noted(message.from.clone())),
        ),
        issued_at: now,
    };
    let id = MessageId::from(entropy::uuid_v7(setting.entropy.as_ref(), now));
    let note = TransitNote { text, header: header.bytes.clone(), origin };
    let damaged = |_| HistoryError::Damaged { what: "content that was just written" };
    let content = wire::draft::write_note(&note, &particulars, id).map_err(damaged)?;
    let address = Address {
        message: id,
        origin: setting.agency.clone(),
        sent_at: now,
        hop_limit: HOP_LIMIT_DEFAULT,
        order: OrderToken { stream: entropy::bytes(setting.entropy.as_ref()), number: 1 },
        ..header.address.clone()
    };
    sealing::seal(setting, address, particulars, (&content, None), route)
}

/// A note is some words, and not more than there is room for.
fn said(text: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        let text = "a note says something";
        return Err(Rejection::new(RejectionReason::ContentInvalid, text));
    }
    if text.len() <= NOTE_BYTES_MAX {
        return Ok(());
    }
    let told = format!("a note has at most {NOTE_BYTES_MAX} bytes, not {}", text.len());
    Err(Rejection::new(RejectionReason::LimitExceeded, told)
        .with("limit", "note")
        .with("unit", "bytes")
        .with("allowed", NOTE_BYTES_MAX.to_string()))
}

/// Checks that a note from the agency of `header` is about the message that it says, and proves it. The
/// content beside its particulars is its own, opened; `told` is the version of the directory that whoever
/// hands it over follows.
///
/// # Errors
/// [`Reason::ProofInvalid`] if the agency reviews nothing, or the proof of the message is missing or fails,
/// too early where a newer directory may judge that otherwise; [`Reason::HeaderMismatch`] if note and message differ.
pub fn check(
    setting: &Setting,
    told: u64,
    header: &Header,
    (particulars, content): (&Particulars, Option<&[u8]>),
) -> Result<(), No> {
    let no = |reason| No { reason, vain: Vain::Chance };
    let note = content.and_then(|it| wire::draft::note_in(it).ok().flatten());
    let note = note.ok_or(no(Reason::ProofInvalid))?;
    let directory = setting.directory();
    let address = &header.address;
    let unproven = |is_early| {
        let vain = if is_early { Vain::Early } else { Vain::Chance };
        No { reason: Reason::ProofInvalid, vain }
    };
    // A hop that reads nothing has nothing to say of it.
    if !directory.reviews(&address.origin) {
        return Err(unproven(names_newer(&directory, told, &note.origin)));
    }
    let noted = original::noted(&directory, &address.destination, &note)
        .map_err(|error| unproven(error.may_hold_by(&directory, told, &note.origin)))?;
    let own = &particulars.bearing;
    let plain = bearing(own, own.relay_of, own.redirect.clone());
    let noted = &noted.address;
    let sender = own.noted().map(ContactPointId::agency);
    let agrees = particulars.act == Act::SpontaneousInformation
        && particulars.outcome.is_none()
        && particulars.in_reply_to.is_none()
        && particulars.respond_by.is_none()
        && *own == plain
        && sender == Some(&noted.origin)
        && own.relay_of == Some(noted.message)
        && (noted.channel, noted.lane) == (address.channel, address.lane);
    if agrees { Ok(()) } else { Err(no(Reason::HeaderMismatch)) }
}
