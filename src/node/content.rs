//! Sealed content beside the journal: stored with the entry that brings it, opened for readers,
//! erased for good.
//!
//! At rest a message's parts lie sealed under the rest key of its slot (`rest`), which goes with its
//! content; the origin's statement stays, for it proves the message and opens nothing.

use crate::domain::header::{Header, MessageKey};
use crate::envelope::{self, Part};
use crate::history::rows::{HistoryError, key};
use crate::journal::content;
use crate::journal::slots::{SlotError, Slots};
use crate::journal::store::{Batch, Store};
use crate::node::kept::Kept;
use crate::node::rest::{self, Slotting};
use crate::node::sealing::stored_key_context;
use crate::node::setting::Setting;
use crate::node::turn::Turn;
use crate::redact::Secret;
use crate::wire;
use crate::wire::draft::Original;
use crate::wire::envelope::{Envelope, Statement};

/// The parts of a message as they travel, and the content key as it rests.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The key wraps.
    pub wraps: &'a [u8],
    /// The sealed particulars.
    pub particulars: &'a [u8],
    /// The sealed content.
    pub content: &'a [u8],
    /// The origin's statement; none at the origin itself, which can make it anew.
    pub origin: Option<&'a Statement>,
    /// The content key under the storage key; none at a blind transit.
    pub stored_key: Option<&'a [u8]>,
}

fn part_key(message: MessageKey, part: u8) -> Vec<u8> {
    key(b"cm", &[message.as_bytes(), &[part]])
}

const WRAPS: u8 = 1;
const PARTICULARS: u8 = 2;
const CONTENT: u8 = 3;
const ORIGIN: u8 = 4;
const STORED_KEY: u8 = 5;

/// The parts that lead to the content, and go with it.
const ERASABLE: [u8; 4] = [WRAPS, PARTICULARS, CONTENT, STORED_KEY];

/// Stores the parts of a message with the batch of its entry: all that leads to its content is sealed
/// once more, under a key of its own that can be destroyed.
///
/// # Errors
/// A file of slots, or a store, that fails.
pub fn put(
    turn: &mut Turn<'_>,
    message: MessageKey,
    parts: &Parts<'_>,
) -> Result<(), HistoryError> {
    let rest_key = rest::take(turn.setting, &mut turn.slots, &mut turn.beside, message)?;
    let entropy = turn.setting.entropy.as_ref();
    let sealed = [
        (WRAPS, Some(parts.wraps)),
        (PARTICULARS, Some(parts.particulars)),
        (CONTENT, Some(parts.content)),
        (STORED_KEY, parts.stored_key),
    ];
    for (part, bytes) in sealed {
        if let Some(bytes) = bytes {
            let place = part_key(message, part);
            let rests = rest_key.seal_record(&place, bytes, entropy);
            content::put(&mut turn.beside, &place, &rests);
        }
    }
    if let Some(statement) = parts.origin {
        let bytes = wire::envelope::write_statement(statement);
        content::put(&mut turn.beside, &part_key(message, ORIGIN), &bytes);
    }
    Ok(())
}

/// All that lies here of a message, as it came, for a check or a copy.
///
/// # Errors
/// `Damaged` of the store names the first value that can't be trusted.
pub fn export(store: &dyn Store, slots: &Slots, message: MessageKey) -> Result<Kept, HistoryError> {
    let part = |number| part_in((store, slots), message, number);
    Ok(Kept {
        wraps: part(WRAPS)?,
        particulars: part(PARTICULARS)?,
        content: part(CONTENT)?,
        origin: content::get(store, &part_key(message, ORIGIN))?,
        stored_key: part(STORED_KEY)?,
    })
}

/// Stores what [`export`] gave, where nothing of the message lies yet, under a key of its own.
///
/// # Errors
/// A file of slots, or a store, that fails.
pub fn import(
    setting: &Setting,
    place: (&mut Batch, &mut Slotting),
    message: MessageKey,
    kept: &Kept,
) -> Result<(), HistoryError> {
    let (batch, slotting) = place;
    let sealed = [
        (WRAPS, &kept.wraps),
        (PARTICULARS, &kept.particulars),
        (CONTENT, &kept.content),
        (STORED_KEY, &kept.stored_key),
    ];
    if sealed.iter().any(|(_, bytes)| bytes.is_some()) {
        let rest_key = rest::take(setting, slotting, batch, message)?;
        for (part, bytes) in sealed {
            if let Some(bytes) = bytes {
                let place = part_key(message, part);
                let rests = rest_key.seal_record(&place, bytes, setting.entropy.as_ref());
                content::put(batch, &place, &rests);
            }
        }
    }
    if let Some(bytes) = &kept.origin {
        content::put(batch, &part_key(message, ORIGIN), bytes);
    }
    Ok(())
}

/// Drops what a blind transit held, once the next hop's receipt is durable.
pub(super) fn drop_sealed(turn: &mut Turn<'_>, message: MessageKey) -> Result<(), HistoryError> {
    let Turn { setting, slots, beside, .. } = turn;
    erase_in(setting, (beside, slots), message)?;
    forget_origin(setting, beside, message)
}

/// Drops the origin's statement of a message that is here no more.
pub(super) fn forget_origin(
    setting: &Setting,
    batch: &mut Batch,
    message: MessageKey,
) -> Result<(), HistoryError> {
    Ok(content::delete(setting.store.as_ref(), batch, &part_key(message, ORIGIN))?)
}

/// Erases all that leads to the content of a message, whatever stands under it, once the turn is
/// durable; what proves the message stays. False if nothing is here (any more).
pub(super) fn erase(turn: &mut Turn<'_>, message: MessageKey) -> Result<bool, HistoryError> {
    let Turn { setting, slots, beside, .. } = turn;
    erase_in(setting, (beside, slots), message)
}

/// As [`erase`], with a batch.
pub(super) fn erase_in(
    setting: &Setting,
    (batch, slots): (&mut Batch, &mut Slotting),
    message: MessageKey,
) -> Result<bool, HistoryError> {
    let erased = rest::doom(setting, slots, batch, message)?;
    for part in ERASABLE {
        content::delete(setting.store.as_ref(), batch, &part_key(message, part))?;
    }
    Ok(erased)
}

/// A part as it came; none if it is not here (any more).
fn part(setting: &Setting, message: MessageKey, part: u8) -> Result<Option<Vec<u8>>, HistoryError> {
    part_in((setting.store.as_ref(), &setting.slots), message, part)
}

fn part_in(
    (store, slots): (&dyn Store, &Slots),
    message: MessageKey,
    part: u8,
) -> Result<Option<Vec<u8>>, HistoryError> {
    let place = part_key(message, part);
    let (Some(slot), Some(rests)) = (rest::slot(store, message)?, content::get(store, &place)?)
    else {
        return Ok(None);
    };
    let opened = slots.rest_key(slot)?.open_record(&place, &rests);
    match opened {
        Ok(bytes) => Ok(Some(bytes)),
        // It may have been erased while it was read.
        Err(_) if rest::slot(store, message)?.is_none() => Ok(None),
        Err(_) => Err(SlotError::Damaged { slot }.into()),
    }
}

/// The origin's statement as it came with the message.
pub fn origin_statement(
    setting: &Setting,
    message: MessageKey,
) -> Result<Option<Statement>, HistoryError> {
    let damaged = HistoryError::Damaged { what: "origin's statement of a message" };
    let found = content::get(setting.store.as_ref(), &part_key(message, ORIGIN))?;
    let Some(bytes) = found else {
        return Ok(None);
    };
    match wire::envelope::read_statement(&bytes) {
        Ok(statement) => Ok(Some(statement)),
        Err(_) => Err(damaged),
    }
}

/// The message as it travels on, with the origin's statement given; none if a part is gone.
pub fn envelope(
    setting: &Setting,
    header: &Header,
    origin: Statement,
) -> Result<Option<Envelope>, HistoryError> {
    let message = header.key();
    let wraps = part(setting, message, WRAPS)?;
    let particulars = part(setting, message, PARTICULARS)?;
    let content = part(setting, message, CONTENT)?;
    let (Some(wraps_bytes), Some(particulars), Some(content)) = (wraps, particulars, content)
    else {
        return Ok(None);
    };
    let Ok(wraps) = wire::envelope::read_wraps(&wraps_bytes) else {
        return Ok(None);
    };
    let header = header.clone();
    Ok(Some(Envelope { header, wraps_bytes, wraps, particulars, content, origin }))
}

/// Why content can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Key or bytes are not here (any more).
    #[error("the content is not here")]
    Absent,
    /// Key or bytes do not open.
    #[error("the content can't be opened")]
    Unreadable,
    /// The store failed.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Opens the content of a message with the key that this agency stored: bytes of a draft.
pub fn open(setting: &Setting, header: &Header) -> Result<Vec<u8>, ContentError> {
    let sealed = part(setting, header.key(), CONTENT)?.ok_or(ContentError::Absent)?;
    let key = stored_key(setting, header)?;
    let address = wire::header::address_bytes(header).map_err(|_| ContentError::Unreadable)?;
    envelope::open_part(Part::Content, &key, &address, &sealed)
        .map_err(|_| ContentError::Unreadable)
}

/// A message that this agency received, with what proves it and what opens it.
pub fn original(setting: &Setting, header: &Header) -> Result<Original, ContentError> {
    let message = header.key();
    let here = |part: Option<Vec<u8>>| part.ok_or(ContentError::Absent);
    Ok(Original {
        header: header.bytes.clone(),
        origin: origin_statement(setting, message)?.ok_or(ContentError::Absent)?,
        particulars: here(part(setting, message, PARTICULARS)?)?,
        content: here(part(setting, message, CONTENT)?)?,
        key: stored_key(setting, header)?,
    })
}

/// The content key of a message that this agency sent or received.
fn stored_key(setting: &Setting, header: &Header) -> Result<Secret<32>, ContentError> {
    let stored = part(setting, header.key(), STORED_KEY)?.ok_or(ContentError::Absent)?;
    let context = stored_key_context(&header.address.origin, header.address.message);
    let key = setting
        .keys
        .storage
        .open_record(&context, &stored)
        .map_err(|_| ContentError::Unreadable)?;
    let key: [u8; 32] = key.try_into().map_err(|_| ContentError::Unreadable)?;
    Ok(Secret::new(key))
}

fn statement_key(position: u64) -> Vec<u8> {
    key(b"cs", &[&position.to_be_bytes()])
}

/// Keeps a statement of another journal beside the entry that records it.
pub fn put_statement(batch: &mut Batch, position: u64, statement: &Statement) {
    content::put(batch, &statement_key(position), &wire::envelope::write_statement(statement));
}

/// The statement that the entry at `position` recorded, as it is kept.
pub fn statement_bytes(store: &dyn Store, position: u64) -> Result<Option<Vec<u8>>, HistoryError> {
    Ok(content::get(store, &statement_key(position))?)
}

/// The statement that the entry at `position` recorded.
pub fn statement(setting: &Setting, position: u64) -> Result<Option<Statement>, HistoryError> {
    let damaged = HistoryError::Damaged { what: "statement of another journal" };
    let Some(bytes) = statement_bytes(setting.store.as_ref(), position)? else {
        return Ok(None);
    };
    match wire::envelope::read_statement(&bytes) {
        Ok(statement) => Ok(Some(statement)),
        Err(_) => Err(damaged),
    }
}
