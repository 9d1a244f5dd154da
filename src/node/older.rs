//! What lies beside the journal of a store of format 1, brought to format 2.
//!
//! There the sealed parts of a message were a content each, under a hash of origin and id; now they
//! are one, under a key that begins with the id. The slot stays the one that it was, so what was erased
//! stays erased, and what is erased later is erased here too. Rows are not moved: they are folded anew.

use crate::domain::header::{Header, MessageMark};
use crate::history::rows::{HistoryError, Rows, key};
use crate::journal::content;
use crate::journal::slots::SlotError;
use crate::journal::store::{Batch, Store};
use crate::node::content::{lay, lay_origin};
use crate::node::kept::Kept;
use crate::node::rest;
use crate::node::setting::Setting;
use crate::wire;

/// Entries that are read in one step.
const STEP: usize = 256;

const WRAPS: u8 = 1;
const PARTICULARS: u8 = 2;
const CONTENT: u8 = 3;
const ORIGIN: u8 = 4;
const STORED_KEY: u8 = 5;

fn part_key(message: MessageMark, part: u8) -> Vec<u8> {
    key(b"cm", &[message.as_bytes(), &[part]])
}

fn slot_key(message: MessageMark) -> Vec<u8> {
    key(b"ck", &[message.as_bytes()])
}

/// Moves what is kept of every message, each in one batch: a run that was stopped is taken up by the
/// next one, which finds nothing at the old places of what was moved before.
///
/// # Errors
/// What can't be read, opened or stored.
pub fn to_format_2(setting: &Setting) -> Result<(), HistoryError> {
    let damaged = || HistoryError::Damaged { what: "entry of the journal" };
    let mut position = 0;
    while position < setting.journal.next() {
        for bytes in setting.journal.read(position, STEP)? {
            let fact = wire::entry::read(&bytes).map_err(|_| damaged())?.fact;
            if let Some(header) = fact.header() {
                step(setting, header)?;
            }
            position = position.saturating_add(1);
        }
    }
    Ok(setting.store.commit(Batch::new())?)
}

fn step(setting: &Setting, header: &Header) -> Result<(), HistoryError> {
    let (store, mark) = (setting.store.as_ref(), header.mark());
    let slot: Option<u64> = store.load(&slot_key(mark), "slot of a message")?;
    let kept = kept(setting, mark, slot)?;
    let mut batch = Batch::new();
    match slot {
        Some(slot) => {
            let rest_key = setting.slots.rest_key(slot)?;
            lay(setting, (&mut batch, &rest_key), header.key(), &kept);
            rest::put_slot(&mut batch, header.key(), slot);
            batch.delete(slot_key(mark));
        }
        None => lay_origin(&mut batch, header.key(), &kept),
    }
    for part in [WRAPS, PARTICULARS, CONTENT, ORIGIN, STORED_KEY] {
        content::delete(store, &mut batch, &part_key(mark, part))?;
    }
    if batch.is_empty() {
        return Ok(());
    }
    Ok(store.apply(batch)?)
}

/// What format 1 kept of a message.
fn kept(setting: &Setting, mark: MessageMark, slot: Option<u64>) -> Result<Kept, HistoryError> {
    let store = setting.store.as_ref();
    let part = |number| -> Result<Option<Vec<u8>>, HistoryError> {
        let place = part_key(mark, number);
        let (Some(slot), Some(rests)) = (slot, content::get(store, &place)?) else {
            return Ok(None);
        };
        let opened = setting.slots.rest_key(slot)?.open_record(&place, &rests);
        Ok(Some(opened.map_err(|_| SlotError::Damaged { slot })?.to_vec()))
    };
    Ok(Kept {
        wraps: part(WRAPS)?,
        particulars: part(PARTICULARS)?,
        content: part(CONTENT)?,
        origin: content::get(store, &part_key(mark, ORIGIN))?,
        stored_key: part(STORED_KEY)?,
    })
}
