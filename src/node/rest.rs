//! The keys under which content rests: which message has which slot, and how slots are destroyed.
//!
//! A slot is taken in the batch of the entry that brings the message. It is destroyed in three
//! steps: the batch of the entry that ends the content also says that the slot must go; once that
//! is durable the slot is overwritten and synced; then it may be taken again. A stop in between
//! leaves the second and third to the next start.

use std::sync::Arc;

use crate::domain::header::MessageKey;
use crate::entropy::Entropy;
use crate::envelope::storage::StorageKey;
use crate::history::rows::{HistoryError, Rows, after, decode, encode, key, trailing_number};
use crate::journal::slots::{SlotDisk, Slots, Volume};
use crate::journal::store::{Batch, Store};
use crate::node::setting::Setting;

/// Slots that are destroyed in one step at a start.
const STEP: usize = 256;

/// What a turn does to slots.
#[derive(Debug, Default)]
pub struct Slotting {
    /// The first slot that was never taken, once it was looked up.
    next: Option<u64>,
    /// The last free slot that the turn has taken again.
    again: Option<u64>,
    /// Slots to be destroyed once the entries are durable.
    doomed: Vec<u64>,
}

impl Slotting {
    /// The slots to be destroyed.
    pub fn into_doomed(self) -> Vec<u64> {
        self.doomed
    }
}

fn slot_key(message: MessageKey) -> Vec<u8> {
    key(b"ck", &[message.as_bytes()])
}

fn next_key() -> Vec<u8> {
    key(b"ls", &[])
}

fn volume_key() -> Vec<u8> {
    key(b"lv", &[])
}

fn free_key(slot: u64) -> Vec<u8> {
    key(b"lF", &[&slot.to_be_bytes()])
}

fn doomed_key(slot: u64) -> Vec<u8> {
    key(b"lE", &[&slot.to_be_bytes()])
}

/// Opens the slots of a store; the store remembers which file they stand in.
///
/// # Errors
/// What [`Slots::open`] says, or a store that fails.
pub fn open_slots(
    store: &dyn Store,
    disk: Box<dyn SlotDisk>,
    storage: &StorageKey,
    entropy: Arc<dyn Entropy>,
    ahead: u64,
) -> Result<Slots, HistoryError> {
    let known: Option<Volume> = store.load(&volume_key(), "name of the file of slots")?;
    let slots = Slots::open(disk, storage, entropy, ahead, known)?;
    if known.is_none() {
        let mut batch = Batch::new();
        batch.put(volume_key(), encode(&slots.volume()));
        store.commit(batch)?;
    }
    Ok(slots)
}

/// Whether a store has content under slots, so that their file must be there already.
///
/// # Errors
/// What can't be read.
pub fn knows_slots(store: &dyn Store) -> Result<bool, HistoryError> {
    let known: Option<Volume> = store.load(&volume_key(), "name of the file of slots")?;
    Ok(known.is_some())
}

/// As a start does, destroys what a stop left to be destroyed.
///
/// # Errors
/// A store or a file of slots that fails.
pub fn finish_stopped(setting: &Setting) -> Result<(), HistoryError> {
    finish(setting)
}

/// Leaves out which file of slots a store knows, in a batch for another store with another file.
pub fn forget_volume(batch: &mut Batch) {
    batch.delete(volume_key());
}

/// The slot of a message, while its content is here.
pub fn slot<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<Option<u64>, HistoryError> {
    rows.load(&slot_key(message), "slot of a message")
}

/// Says which slot a message has.
pub(super) fn put_slot(batch: &mut Batch, message: MessageKey, slot: u64) {
    batch.put(slot_key(message), encode(&slot));
}

/// Gives a message a slot with the batch, and the key in it.
pub(super) fn take(
    setting: &Setting,
    slots: &mut Slotting,
    batch: &mut Batch,
    message: MessageKey,
) -> Result<StorageKey, HistoryError> {
    let (slot, rest_key) = take_slot(setting, slots, batch)?;
    put_slot(batch, message, slot);
    Ok(rest_key)
}

/// Takes a slot with the batch, and the key in it: one that is free again, or the next.
pub(super) fn take_slot(
    setting: &Setting,
    slots: &mut Slotting,
    batch: &mut Batch,
) -> Result<(u64, StorageKey), HistoryError> {
    let store = setting.store.as_ref();
    let from = slots.again.map_or_else(|| free_key(0), |last| after(&free_key(last)));
    let free = store.range(&from, &after(&key(b"lF", &[])), 1)?;
    let slot = match free.first() {
        Some((place, _)) => {
            let slot = trailing_number(place)?;
            slots.again = Some(slot);
            batch.delete(free_key(slot));
            slot
        }
        None => {
            let next = match slots.next {
                Some(next) => next,
                None => store.load(&next_key(), "next slot")?.unwrap_or(0),
            };
            slots.next = Some(next.saturating_add(1));
            batch.put(next_key(), encode(&next.saturating_add(1)));
            next
        }
    };
    Ok((slot, setting.slots.take(slot)?))
}

/// Destroys the slot of a message with the batch; false if it has none (any more).
pub(super) fn doom(
    setting: &Setting,
    slots: &mut Slotting,
    batch: &mut Batch,
    message: MessageKey,
) -> Result<bool, HistoryError> {
    let Some(slot) = slot(setting.store.as_ref(), message)? else {
        return Ok(false);
    };
    doom_slot(slots, batch, slot);
    batch.delete(slot_key(message));
    Ok(true)
}

/// Destroys a slot with the batch.
pub(super) fn doom_slot(slots: &mut Slotting, batch: &mut Batch, slot: u64) {
    if !slots.doomed.contains(&slot) {
        slots.doomed.push(slot);
    }
    batch.put(doomed_key(slot), Vec::new());
}

/// Destroys slots whose end is durable, and frees them.
pub(super) fn destroy(setting: &Setting, doomed: &[u64]) -> Result<(), HistoryError> {
    if doomed.is_empty() {
        return Ok(());
    }
    setting.slots.destroy(doomed)?;
    let mut batch = Batch::new();
    for slot in doomed {
        batch.delete(doomed_key(*slot));
        batch.put(free_key(*slot), Vec::new());
    }
    // Not durable by itself: the slot is destroyed again if this is lost, and taken only with it.
    Ok(setting.store.apply(batch)?)
}

/// Destroys what a stop left to be destroyed.
pub(super) fn finish(setting: &Setting) -> Result<(), HistoryError> {
    loop {
        let found = setting.store.range(&doomed_key(0), &after(&key(b"lE", &[])), STEP)?;
        let slots: Result<Vec<u64>, _> =
            found.iter().map(|(key, _)| trailing_number(key)).collect();
        let slots = slots?;
        if slots.is_empty() {
            return Ok(());
        }
        destroy(setting, &slots)?;
    }
}

/// The slots that content rests in, with their messages, after `from`: what a backup carries.
///
/// # Errors
/// A store that fails.
pub fn taken(
    store: &dyn Store,
    from: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<(MessageKey, u64)>, HistoryError> {
    let prefix = key(b"ck", &[]);
    let first = from.map_or_else(|| prefix.clone(), |it| after(&slot_key(it)));
    let damaged = || HistoryError::Damaged { what: "slot of a message" };
    let found = store.range(&first, &after(&prefix), limit)?;
    let read = found.into_iter().map(|(place, value)| {
        let message = place.strip_prefix(prefix.as_slice()).and_then(MessageKey::from_slice);
        Ok((message.ok_or_else(damaged)?, decode(&value, "slot of a message")?))
    });
    read.collect()
}
