//! Sealed content beside the journal: stored with the entry that brings it, opened for readers,
//! erased for good.
//!
//! At rest a message's parts lie as one value, sealed under the rest key of its slot (`rest`), which goes
//! with its content; the origin's statement stays, for it proves the message and opens nothing.

use serde::{Deserialize, Serialize};

use crate::domain::header::{Header, MessageKey, SealedAttachment};
use crate::entropy::Entropy;
use crate::envelope::storage::StorageKey;
use crate::envelope::{self, Part};
use crate::history::message::Part as MessagePart;
use crate::history::rows::{HistoryError, decode, encode, key};
use crate::journal::content;
use crate::journal::slots::{SlotError, Slots};
use crate::journal::store::{Batch, Store};
use crate::node::attachments;
use crate::node::kept::Kept;
use crate::node::rest::{self, Slotting};
use crate::node::sealing::stored_key_context;
use crate::node::setting::Setting;
use crate::node::travelling;
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
    /// What names the sealed attachments; empty without any.
    pub attachments: &'a [u8],
}

fn part_key(message: MessageKey, part: u8) -> Vec<u8> {
    key(b"cm", &[message.as_bytes(), &[part]])
}

/// All that leads to the content, as one value.
const RESTS: u8 = 1;
/// The origin's statement.
const ORIGIN: u8 = 2;
/// What names the sealed attachments. It opens nothing, and stays as long as the message is known.
const ATTACHMENTS: u8 = 3;

/// What leads to the content of a message and goes with it, before it is sealed.
#[derive(Serialize)]
struct Resting<'a> {
    #[serde(with = "serde_bytes")]
    wraps: Option<&'a [u8]>,
    #[serde(with = "serde_bytes")]
    particulars: Option<&'a [u8]>,
    #[serde(with = "serde_bytes")]
    content: Option<&'a [u8]>,
    #[serde(with = "serde_bytes")]
    stored_key: Option<&'a [u8]>,
}

/// The same, opened.
#[derive(Default, Deserialize)]
struct Rests {
    #[serde(with = "serde_bytes")]
    wraps: Option<Vec<u8>>,
    #[serde(with = "serde_bytes")]
    particulars: Option<Vec<u8>>,
    #[serde(with = "serde_bytes")]
    content: Option<Vec<u8>>,
    #[serde(with = "serde_bytes")]
    stored_key: Option<Vec<u8>>,
}

impl Resting<'_> {
    fn put(
        &self,
        batch: &mut Batch,
        (rest_key, entropy): (&StorageKey, &dyn Entropy),
        message: MessageKey,
    ) {
        let place = part_key(message, RESTS);
        content::put(batch, &place, &rest_key.seal_record(&place, &encode(self), entropy));
    }
}

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
    let resting = Resting {
        wraps: Some(parts.wraps),
        particulars: Some(parts.particulars),
        content: Some(parts.content),
        stored_key: parts.stored_key,
    };
    resting.put(&mut turn.beside, (&rest_key, turn.setting.entropy.as_ref()), message);
    put_proofs(&mut turn.beside, message, parts);
    Ok(())
}

/// Stores only what proves a message and opens nothing of it.
pub(super) fn put_proofs(batch: &mut Batch, message: MessageKey, parts: &Parts<'_>) {
    if let Some(statement) = parts.origin {
        let bytes = wire::envelope::write_statement(statement);
        content::put(batch, &part_key(message, ORIGIN), &bytes);
    }
    if !parts.attachments.is_empty() {
        content::put(batch, &part_key(message, ATTACHMENTS), parts.attachments);
    }
}

/// Lays the bytes that name a message's sealed attachments.
pub(super) fn lay_attachments(batch: &mut Batch, message: MessageKey, bytes: &[u8]) {
    content::put(batch, &part_key(message, ATTACHMENTS), bytes);
}

/// The bytes that name a message's sealed attachments, as they came; empty without any.
///
/// # Errors
/// A store that fails.
pub fn attachments_bytes(store: &dyn Store, message: MessageKey) -> Result<Vec<u8>, HistoryError> {
    Ok(content::get(store, &part_key(message, ATTACHMENTS))?.unwrap_or_default())
}

/// The sealed attachments of a message in their order, from number 1; none if it has none.
///
/// # Errors
/// A store that fails, or what is none of that.
pub fn attachments(
    store: &dyn Store,
    message: MessageKey,
) -> Result<Vec<SealedAttachment>, HistoryError> {
    let bytes = attachments_bytes(store, message)?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let damaged = |_| HistoryError::Damaged { what: "attachments of a message" };
    wire::envelope::read_attachments(&bytes).map_err(damaged)
}

/// All that lies here of a message, as it came, for a check or a copy.
///
/// # Errors
/// `Damaged` of the store names the first value that can't be trusted.
pub fn export(store: &dyn Store, slots: &Slots, message: MessageKey) -> Result<Kept, HistoryError> {
    let Rests { wraps, particulars, content, stored_key } = rests_in((store, slots), message)?;
    let origin = content::get(store, &part_key(message, ORIGIN))?;
    Ok(Kept { wraps, particulars, content, origin, stored_key })
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
    let rests = [&kept.wraps, &kept.particulars, &kept.content, &kept.stored_key];
    if rests.iter().any(|it| it.is_some()) {
        let rest_key = rest::take(setting, slotting, batch, message)?;
        lay(setting, (batch, &rest_key), message, kept);
    } else {
        lay_origin(batch, message, kept);
    }
    Ok(())
}

/// Lays what is kept of a message under the key of a slot that it has.
pub(super) fn lay(
    setting: &Setting,
    (batch, rest_key): (&mut Batch, &StorageKey),
    message: MessageKey,
    kept: &Kept,
) {
    lay_again(setting.entropy.as_ref(), (batch, rest_key), message, kept);
    lay_origin(batch, message, kept);
}

/// Lays what leads to the content of a message again, under the key of its slot.
pub(super) fn lay_again(
    entropy: &dyn Entropy,
    (batch, rest_key): (&mut Batch, &StorageKey),
    message: MessageKey,
    kept: &Kept,
) {
    let resting = Resting {
        wraps: kept.wraps.as_deref(),
        particulars: kept.particulars.as_deref(),
        content: kept.content.as_deref(),
        stored_key: kept.stored_key.as_deref(),
    };
    resting.put(batch, (rest_key, entropy), message);
}

/// Lays the origin's statement, if it is kept.
pub(super) fn lay_origin(batch: &mut Batch, message: MessageKey, kept: &Kept) {
    if let Some(bytes) = &kept.origin {
        content::put(batch, &part_key(message, ORIGIN), bytes);
    }
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
    attachments::release(turn, message)?;
    travelling::drop_files(turn, message)?;
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
    content::delete(setting.store.as_ref(), batch, &part_key(message, RESTS))?;
    Ok(erased)
}

/// What rests here of a message, opened; nothing if it is not here (any more).
fn rests(setting: &Setting, message: MessageKey) -> Result<Rests, HistoryError> {
    rests_in((setting.store.as_ref(), &setting.slots), message)
}

fn rests_in(
    (store, slots): (&dyn Store, &Slots),
    message: MessageKey,
) -> Result<Rests, HistoryError> {
    let place = part_key(message, RESTS);
    let (Some(slot), Some(rests)) = (rest::slot(store, message)?, content::get(store, &place)?)
    else {
        return Ok(Rests::default());
    };
    let opened = slots.rest_key(slot)?.open_record(&place, &rests);
    match opened {
        Ok(bytes) => decode(&bytes, "content of a message"),
        // It may have been erased while it was read.
        Err(_) if rest::slot(store, message)?.is_none() => Ok(Rests::default()),
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
    let Rests { wraps, particulars, content, .. } = rests(setting, header.key())?;
    let (Some(wraps_bytes), Some(particulars), Some(content)) = (wraps, particulars, content)
    else {
        return Ok(None);
    };
    let Ok(wraps) = wire::envelope::read_wraps(&wraps_bytes) else {
        return Ok(None);
    };
    let header = header.clone();
    let attachments = attachments_bytes(setting.store.as_ref(), header.key())?;
    Ok(Some(Envelope { header, wraps_bytes, wraps, particulars, content, origin, attachments }))
}

/// Whether all is here that a message travels with.
pub fn is_whole(
    setting: &Setting,
    key: MessageKey,
    part: MessagePart,
) -> Result<bool, HistoryError> {
    let Rests { wraps, particulars, content, .. } = rests(setting, key)?;
    let proven = part == MessagePart::Origin || origin_statement(setting, key)?.is_some();
    let wraps = wraps.is_some_and(|it| wire::envelope::read_wraps(&it).is_ok());
    Ok(proven && wraps && particulars.is_some() && content.is_some())
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
    let Rests { content, stored_key, .. } = rests(setting, header.key())?;
    let sealed = content.ok_or(ContentError::Absent)?;
    let key = content_key(setting, header, stored_key)?;
    let address = wire::header::address_bytes(header).map_err(|_| ContentError::Unreadable)?;
    envelope::open_part(Part::Content, &key, &address, &sealed)
        .map_err(|_| ContentError::Unreadable)
}

/// A message that this agency received, with what proves it and what opens it.
pub fn original(setting: &Setting, header: &Header) -> Result<Original, ContentError> {
    let message = header.key();
    let here = |part: Option<Vec<u8>>| part.ok_or(ContentError::Absent);
    let Rests { particulars, content, stored_key, .. } = rests(setting, message)?;
    Ok(Original {
        header: header.bytes.clone(),
        origin: origin_statement(setting, message)?.ok_or(ContentError::Absent)?,
        particulars: here(particulars)?,
        content: here(content)?,
        key: content_key(setting, header, stored_key)?,
    })
}

/// The content key of a message that this agency sent or received.
fn content_key(
    setting: &Setting,
    header: &Header,
    stored: Option<Vec<u8>>,
) -> Result<Secret<32>, ContentError> {
    let stored = stored.ok_or(ContentError::Absent)?;
    let context = stored_key_context(&header.address.origin, header.address.message);
    let key = setting
        .keys
        .storage
        .open_record(&context, &stored)
        .map_err(|_| ContentError::Unreadable)?;
    let whole = key.first_chunk::<32>().filter(|whole| whole.len() == key.len());
    Ok(Secret::of(whole.ok_or(ContentError::Unreadable)?))
}

/// The content key of a message under the storage key of `setting`; none if it opens under none of these.
pub(super) fn sealed_again(
    setting: &Setting,
    storage: &[&StorageKey],
    header: &Header,
    stored: &[u8],
) -> Option<Vec<u8>> {
    let context = stored_key_context(&header.address.origin, header.address.message);
    let entropy = setting.entropy.as_ref();
    if setting.keys.storage.open_record(&context, stored).is_ok() {
        return Some(stored.to_vec());
    }
    resealed((storage, &setting.keys.storage), (&context, stored), entropy)
}

/// What is sealed under one of the keys `from`, sealed under another; none if it opens under none of them.
pub(super) fn resealed(
    (from, to): (&[&StorageKey], &StorageKey),
    (context, sealed): (&[u8], &[u8]),
    entropy: &dyn Entropy,
) -> Option<Vec<u8>> {
    let opened = from.iter().find_map(|it| it.open_record(context, sealed).ok())?;
    Some(to.seal_record(context, &opened, entropy))
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
