//! What follows from the journal: requests, inbox, outbox, stations, order, what is known for good.
//!
//! In: entries, one after the other, with their skeletons opened. Out: rows that answer questions
//! without reading the journal again. Everything here is a plain function of the entries.
//!
//! **Invariant `refold`:** folding the same entries again gives the same rows, byte for byte. So
//! no fold reads a clock, a random source, the directory or the environment, and none iterates
//! over anything whose order is left to chance. What a fold needs to know, the entry says.
//!
//! **Invariant `behind`:** rows never run ahead of what the journal holds durably. The rows of a
//! batch are written after its entries, together with the position up to which they reach; a start
//! folds the rest again.
//!
//! The room decides nothing (that is `node/`) and appends nothing.

pub mod access;
pub mod addressed;
pub mod agenda;
pub mod alarms;
pub mod attachments;
pub mod by_message;
mod by_time;
pub mod directories;
pub mod dockets;
pub mod drafts;
pub mod dues;
pub mod erasures;
pub mod folds;
pub mod grants;
pub mod holds;
pub mod inbox;
pub mod known;
pub mod lost;
pub mod message;
pub mod neighbours;
pub mod note_ends;
pub mod notes;
pub mod onward;
pub mod order;
pub mod outbox;
pub mod paged;
pub mod readers;
pub mod references;
pub mod requests;
pub mod reviews;
pub mod rows;
pub mod set_aside;
pub mod table;
pub mod trails;
pub mod under_review;
pub mod waiting;
pub mod ways;
pub mod words;

use crate::domain::digest::Digest;
use crate::domain::fact::EntryParts;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, Rows, Working, key};
use crate::journal::store::{Batch, Store};
use crate::wire::skeleton::Skeleton;

/// An entry as folds see it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its position in the journal.
    pub position: u64,
    /// Its clear part.
    pub entry: EntryParts,
    /// Its skeleton, decrypted.
    pub skeleton: Skeleton,
}

fn applied_key() -> Vec<u8> {
    key(table::APPLIED, &[])
}

/// The position of the first entry that is not folded yet.
pub fn applied<R: Rows + ?Sized>(rows: &R) -> Result<u64, HistoryError> {
    Ok(rows.load(&applied_key(), "position of the folds")?.unwrap_or(0))
}

/// Folds one entry of the journal of `own`.
///
/// # Errors
/// `Damaged` if the entry is not the next one, or if a row it builds on is missing.
pub fn apply(rows: &mut Working<'_>, own: &AgencyId, opened: &Opened) -> Result<(), HistoryError> {
    if applied(rows)? != opened.position {
        return Err(HistoryError::Damaged { what: "order of the folds" });
    }
    rows.belongs_to(own);
    folds::fold(rows, own, opened)?;
    rows.save(applied_key(), &opened.position.saturating_add(1));
    Ok(())
}

/// Rows removed or hashed in one step.
const ROWS_STEP: usize = 1024;

/// Removes every folded row, so that the journal can be folded again from the start.
pub fn clear(store: &dyn Store) -> Result<(), HistoryError> {
    loop {
        let found = store.range(b"p", b"q", ROWS_STEP)?;
        if found.is_empty() {
            return Ok(store.commit(Batch::default())?);
        }
        let mut batch = Batch::default();
        for (key, _) in found {
            batch.delete(key);
        }
        store.apply(batch)?;
    }
}

/// A hash over all folded rows: two stores with equal state have equal hashes.
pub fn state_hash(store: &dyn Store) -> Result<Digest, HistoryError> {
    let mut hash = Digest::of(b"rogatory state");
    let mut from = b"p".to_vec();
    loop {
        let found = store.range(&from, b"q", ROWS_STEP)?;
        let Some((last, _)) = found.last() else {
            return Ok(hash);
        };
        from = [last.as_slice(), &[0]].concat();
        for (key, value) in &found {
            let pair = Digest::of_parts(&[Digest::of(key).as_bytes(), value]);
            hash = Digest::of_parts(&[hash.as_bytes(), pair.as_bytes()]);
        }
    }
}

/// The key of the first folded row that two stores do not have alike; `None` if they are equal.
///
/// # Errors
/// What can't be read.
pub fn first_difference(
    left: &dyn Store,
    right: &dyn Store,
) -> Result<Option<Vec<u8>>, HistoryError> {
    let mut from = b"p".to_vec();
    loop {
        let (ours, theirs) =
            (left.range(&from, b"q", ROWS_STEP)?, right.range(&from, b"q", ROWS_STEP)?);
        if ours != theirs {
            let unequal = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            let first = match unequal {
                Some(((ours, _), (theirs, _))) => Some(ours.min(theirs)),
                // One of them ends here.
                None => ours.get(theirs.len()).or(theirs.get(ours.len())).map(|(key, _)| key),
            };
            return Ok(first.cloned());
        }
        let Some((last, _)) = ours.last() else {
            return Ok(None);
        };
        from = [last.as_slice(), &[0]].concat();
    }
}
