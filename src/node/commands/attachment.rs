//! Attachments on the road: whether one is wanted, what became of it, and when it comes no more.

use crate::domain::attachment::{AttachmentFact, AttachmentRef, Verdict};
use crate::domain::fact::{Fact, Handover, Reason};
use crate::domain::header::{Header, MessageKey, SealedAttachment};
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::history::attachments::{self, AttachmentRecord, Whereabouts};
use crate::history::known;
use crate::history::message::{self, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::journal::files::FileId;
use crate::node::attachments::{self as node_attachments, Came};
use crate::node::command::Outcome;
use crate::node::commands::Decline;
use crate::node::files;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::travelling::{self, Carried, Offered, Wanted};
use crate::node::turn::Turn;
use crate::node::whole::{Found, Plain};
use crate::wire;
use crate::wire::skeleton::Skeleton;

/// An attachment of a message that is here.
struct Place {
    key: MessageKey,
    number: u32,
    message: MessageRecord,
    header: Header,
    record: AttachmentRecord,
    sealed: SealedAttachment,
}

impl Place {
    fn find(turn: &Turn<'_>, key: MessageKey, number: u32) -> Result<Option<Self>, HistoryError> {
        let (Some(message), Some(record)) =
            (message::find(&turn.rows, key)?, attachments::find(&turn.rows, key, number)?)
        else {
            return Ok(None);
        };
        let Some(sealed) = travelling::sealed(turn.setting, key, number)? else {
            return Ok(None);
        };
        let header = message.header()?;
        Ok(Some(Self { key, number, message, header, record, sealed }))
    }

    fn is_over(&self, turn: &Turn<'_>) -> bool {
        turn.now > self.header.address.expires_at.plus_millis(CLOCK_SKEW_MS_MAX)
    }

    /// The handover by which the message came.
    fn brought(&self, turn: &Turn<'_>) -> Option<Handover> {
        let from = self.message.upstream.clone()?;
        Some(Handover { from, to: turn.setting.agency.clone(), number: self.message.brought })
    }

    /// Who is told besides the one that offers: what became of it for good travels back as all
    /// statements do, since whoever erased the message meanwhile offers nothing again.
    fn told_besides(&self, verdict: Verdict) -> Skeleton {
        let next_hop = match verdict {
            Verdict::Relayed => None,
            Verdict::Arrived | Verdict::NotTaken(_) | Verdict::Returned(_) => {
                self.message.upstream.clone()
            }
        };
        Skeleton { next_hop, ..Skeleton::default() }
    }

    fn record(
        &self,
        turn: &mut Turn<'_>,
        handover: Handover,
        verdict: Verdict,
        skeleton: Skeleton,
    ) -> Result<u64, HistoryError> {
        let attachment = AttachmentRef {
            message: message::reference(&self.header),
            number: self.number,
            sealed: self.sealed.digest,
            bytes: self.sealed.bytes,
        };
        turn.record(Fact::Attachment(AttachmentFact { attachment, handover, verdict }), skeleton)
    }
}

fn handover_of(turn: &Turn<'_>, offered: &Offered) -> Handover {
    let (from, to) = (offered.from.clone(), turn.setting.agency.clone());
    Handover { from, to, number: offered.handover }
}

/// Whether an attachment is wanted: the same offer gets the same answer; what comes too late is refused
/// for good; of the rest it is said into which file it goes. Nothing is wanted for which there is no
/// room, though not for good.
pub(super) fn offer(turn: &mut Turn<'_>, offered: &Offered) -> Result<Outcome, Decline> {
    let handover = handover_of(turn, offered);
    let number = offered.number;
    let header = &offered.message.header;
    if let Some(position) = known::carried(&turn.rows, header, number, &handover)? {
        return Ok(Outcome::Answered(position));
    }
    let key = offered.message.key();
    let place = Place::find(turn, key, number)?.filter(|it| it.header.hash() == *header);
    let Some(place) = place else {
        return Err(Rejection::not_found().into());
    };
    if !came_by(turn, &place, &handover)? {
        return Err(Rejection::not_found().into());
    }
    let verdict = match place.record.whereabouts {
        Whereabouts::Here if place.message.part == Part::Destination => Verdict::Arrived,
        // It had come, and does not come again: too late, or nobody could open it any more.
        Whereabouts::Lost
            if place.message.part == Part::Destination
                && (place.is_over(turn) || place.message.erased.is_some()) =>
        {
            Verdict::Arrived
        }
        Whereabouts::Lost if place.is_over(turn) => return Err(Rejection::not_found().into()),
        Whereabouts::Ended { reason } => Verdict::NotTaken(reason),
        Whereabouts::Awaited if place.is_over(turn) => {
            give_up(turn, &place)?;
            Verdict::NotTaken(Reason::Expired)
        }
        Whereabouts::Awaited | Whereabouts::Lost
            if turn.setting.is_storage_low_for(place.sealed.bytes) =>
        {
            return Err(Rejection::storage_low().into());
        }
        Whereabouts::Awaited | Whereabouts::Lost if is_over_quota(turn, &place)? => {
            let text = "attachments here take as many bytes as they may";
            return Err(Rejection::new(RejectionReason::LimitExceeded, text).into());
        }
        Whereabouts::Awaited | Whereabouts::Lost => {
            let file = want(turn, &place)?;
            return Ok(Outcome::Wanted(Box::new(Wanted { file, sealed: place.sealed })));
        }
        Whereabouts::Here | Whereabouts::PassedOn => return Err(Rejection::not_found().into()),
    };
    let told = place.told_besides(verdict);
    let position = place.record(turn, handover, verdict, told)?;
    Ok(Outcome::Answered(position))
}

/// Whether it is more than all attachments here may take. One that comes already is counted.
fn is_over_quota(turn: &Turn<'_>, place: &Place) -> Result<bool, HistoryError> {
    let (key, number) = (place.key, place.number);
    let comes = turn.coming.contains_key(&(key, number))
        || travelling::file(turn.setting.store.as_ref(), key, number)?.is_some();
    let wanted = turn.attachment_bytes()?.saturating_add(place.sealed.bytes);
    Ok(!comes && wanted > turn.setting.policy.attachments.quota_bytes)
}

/// Whether the message came by this handover: by the first one, or, at its destination, by another.
fn came_by(turn: &Turn<'_>, place: &Place, handover: &Handover) -> Result<bool, HistoryError> {
    if place.brought(turn).as_ref() == Some(handover) {
        return Ok(true);
    }
    let header = place.header.hash();
    let Some(position) = known::answer_beside(&turn.rows, &header, handover)? else {
        return Ok(false);
    };
    let bytes = turn.setting.read(position, 1)?;
    let entry = bytes.first().and_then(|it| wire::entry::read(it).ok());
    Ok(entry.is_some_and(|it| matches!(it.fact, Fact::Delivered { .. })))
}

/// The file into which an attachment goes: the one that grows already, or a new one.
fn want(turn: &mut Turn<'_>, place: &Place) -> Result<FileId, HistoryError> {
    let store = turn.setting.store.as_ref();
    let here = turn.coming.get(&(place.key, place.number)).copied();
    if let Some(file) = here.or(travelling::file(store, place.key, place.number)?) {
        return Ok(file);
    }
    let file = FileId::random(turn.setting.entropy.as_ref());
    files::name(&mut turn.beside, file);
    turn.coming.insert((place.key, place.number), file);
    travelling::put_file(&mut turn.beside, place.key, place.number, file);
    turn.count_coming(file, place.sealed.bytes)?;
    Ok(file)
}

/// States what became of an attachment that came, or was found to be another.
pub(super) fn state(turn: &mut Turn<'_>, carried: &Carried) -> Result<Outcome, Decline> {
    let Carried { offered, wanted, found } = carried;
    let handover = handover_of(turn, offered);
    let (header, number) = (&offered.message.header, offered.number);
    if let Some(position) = known::carried(&turn.rows, header, number, &handover)? {
        return Ok(Outcome::Answered(position));
    }
    let key = offered.message.key();
    let Some(place) = Place::find(turn, key, number)? else {
        return Err(Rejection::not_found().into());
    };
    let is_current = travelling::file(turn.setting.store.as_ref(), key, number)?;
    let awaited = [Whereabouts::Awaited, Whereabouts::Lost].contains(&place.record.whereabouts);
    if !awaited || is_current != Some(wanted.file) {
        let text = "the attachment was offered by another session meanwhile";
        return Err(Rejection::new(RejectionReason::NotFound, text).into());
    }
    let verdict = match found {
        Found::Whole(_) if place.is_over(turn) => Verdict::NotTaken(Reason::Expired),
        Found::Whole(_) if place.message.part == Part::Transit => Verdict::Relayed,
        Found::Whole(_) => Verdict::Arrived,
        Found::Refused(reason) => Verdict::NotTaken(*reason),
    };
    match (verdict, found) {
        (Verdict::Arrived, Found::Whole(Some(plain))) => {
            let Plain { digest, bytes, key: secret } = plain;
            let (bytes, digest) = (*bytes, *digest);
            let came = Came { file: wanted.file, key: secret.second(), bytes, digest };
            if node_attachments::keep(turn, key, number, &came)? {
                travelling::hand_over_file(turn, key, number)?;
            } else {
                give_up(turn, &place)?;
            }
        }
        // A transit passes it on as it came; what this agency can't open stays as it came.
        (Verdict::Relayed | Verdict::Arrived, _) => {}
        (Verdict::NotTaken(_) | Verdict::Returned(_), _) => give_up(turn, &place)?,
    }
    let told = place.told_besides(verdict);
    Ok(Outcome::Answered(place.record(turn, handover, verdict, told)?))
}

/// What grew of an attachment that does not come goes.
fn give_up(turn: &mut Turn<'_>, place: &Place) -> Result<(), HistoryError> {
    travelling::drop_file(turn, place.key, place.number)
}

/// Says of attachments that have not come in time that they never will be taken, and gives up what was
/// not passed on in time.
pub(super) fn end(turn: &mut Turn<'_>, key: MessageKey) -> Result<Outcome, HistoryError> {
    let mut last = Outcome::Unchanged;
    for (number, _) in attachments::all(&turn.rows, key)? {
        let Some(place) = Place::find(turn, key, number)? else {
            continue;
        };
        let Some(handover) = place.brought(turn).filter(|_| place.is_over(turn)) else {
            continue;
        };
        let verdict = match (place.record.whereabouts, place.message.part) {
            (Whereabouts::Awaited, _) => Verdict::NotTaken(Reason::Expired),
            (Whereabouts::Here | Whereabouts::Lost, Part::Transit) => {
                Verdict::Returned(Reason::Expired)
            }
            (
                Whereabouts::Here
                | Whereabouts::Lost
                | Whereabouts::PassedOn
                | Whereabouts::Ended { .. },
                _,
            ) => continue,
        };
        give_up(turn, &place)?;
        let skeleton = Skeleton { next_hop: place.message.upstream.clone(), ..Skeleton::default() };
        last = Outcome::Done(place.record(turn, handover, verdict, skeleton)?);
    }
    Ok(last)
}

/// Whether what this node said of an attachment in a volume whose end was lost is to be said again. Not
/// where the attachment is not known here, or it says so already.
pub(super) fn is_news_again(turn: &Turn<'_>, fact: &AttachmentFact) -> Result<bool, HistoryError> {
    let message = &fact.attachment.message;
    let key = message.key();
    let is_known =
        message::find(&turn.rows, key)?.is_some() && attachments::way(&turn.rows, key)?.is_some();
    let record = attachments::find(&turn.rows, key, fact.attachment.number)?;
    let Some((record, station)) = record.zip(fact.verdict.station().carried()) else {
        return Ok(false);
    };
    Ok(is_known && !record.says(station, &turn.setting.agency))
}

/// A transit holds the bytes of an attachment no longer than it must, and what names them no longer
/// than any of them is needed.
pub(super) fn drop_what_was_passed_on(
    turn: &mut Turn<'_>,
    key: MessageKey,
) -> Result<(), HistoryError> {
    let message = message::find(&turn.rows, key)?;
    if message.is_none_or(|it| it.part != Part::Transit) {
        return Ok(());
    }
    for (number, record) in attachments::all(&turn.rows, key)? {
        if record.is_settled(false) {
            travelling::drop_file(turn, key, number)?;
        }
    }
    Ok(())
}
