//! Records of the node beside its folds: what was witnessed, what peers cosigned and took.
//!
//! They are durable before anyone hears of them, but they are not entries: a checkpoint that was
//! seen must not make the journal grow, or two neighbours would never come to rest.

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, JournalName};
use crate::history::rows::{HistoryError, Rows, decode, encode, key, name_part};
use crate::journal::content;
use crate::journal::store::{Batch, Store};

/// The last checkpoint of another journal that this node has verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenCheckpoint {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// A checkpoint of this node's journal that a peer has cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CosignedCheckpoint {
    /// Its size.
    pub size: u64,
    /// The note with the peer's cosignature.
    pub note: Vec<u8>,
}

fn seen_key(journal: &JournalName) -> Vec<u8> {
    key(b"lw", &[&name_part(&journal.to_string())])
}

fn cosigned_key(peer: &AgencyId) -> Vec<u8> {
    key(b"lc", &[&name_part(peer.as_str())])
}

fn notices_key(peer: &AgencyId) -> Vec<u8> {
    key(b"ln", &[&name_part(peer.as_str())])
}

fn seen_note_key(journal: &JournalName) -> Vec<u8> {
    key(b"lW", &[&name_part(&journal.to_string())])
}

fn conflict_note_key(note: &Digest) -> Vec<u8> {
    key(b"lf", &[note.as_bytes()])
}

fn rung_key() -> Vec<u8> {
    key(b"lr", &[])
}

/// The position up to which alarms have been rung; 0 before the first.
pub fn rung<R: Rows + ?Sized>(rows: &R) -> Result<u64, HistoryError> {
    Ok(rows.load(&rung_key(), "position of the last alarm rung")?.unwrap_or(0))
}

/// Remembers up to which position alarms have been rung.
pub fn put_rung(batch: &mut Batch, position: u64) {
    batch.put(rung_key(), encode(&position));
}

/// The last checkpoint of `journal` that was verified.
pub fn seen(
    store: &dyn Store,
    journal: &JournalName,
) -> Result<Option<SeenCheckpoint>, HistoryError> {
    store.load(&seen_key(journal), "checkpoint that was seen")
}

/// Remembers a checkpoint of another journal, with its note.
pub fn put_seen(
    store: &dyn Store,
    batch: &mut Batch,
    journal: &JournalName,
    seen: &SeenCheckpoint,
    note: &[u8],
) -> Result<(), HistoryError> {
    batch.put(seen_key(journal), encode(seen));
    Ok(content::replace(store, batch, &seen_note_key(journal), note)?)
}

/// The note of the last checkpoint of `journal` that was verified.
pub fn seen_note(
    store: &dyn Store,
    journal: &JournalName,
) -> Result<Option<Vec<u8>>, HistoryError> {
    Ok(content::get(store, &seen_note_key(journal))?)
}

/// Keeps a checkpoint that contradicts another, under its hash.
pub fn put_conflict(batch: &mut Batch, note: &[u8]) {
    content::put(batch, &conflict_note_key(&Digest::of(note)), note);
}

/// A checkpoint that was kept as evidence.
pub fn conflict(store: &dyn Store, note: &Digest) -> Result<Option<Vec<u8>>, HistoryError> {
    Ok(content::get(store, &conflict_note_key(note))?)
}

/// The latest checkpoint of this node's journal that `peer` cosigned.
pub fn cosigned(
    store: &dyn Store,
    peer: &AgencyId,
) -> Result<Option<CosignedCheckpoint>, HistoryError> {
    match content::get(store, &cosigned_key(peer))? {
        Some(bytes) => Ok(Some(decode(&bytes, "cosigned checkpoint")?)),
        None => Ok(None),
    }
}

/// Remembers a checkpoint of this node's journal that `peer` cosigned.
pub fn put_cosigned(
    store: &dyn Store,
    batch: &mut Batch,
    peer: &AgencyId,
    checkpoint: &CosignedCheckpoint,
) -> Result<(), HistoryError> {
    Ok(content::replace(store, batch, &cosigned_key(peer), &encode(checkpoint))?)
}

/// Place of the last statement that `peer` took.
pub fn notices_taken(store: &dyn Store, peer: &AgencyId) -> Result<u64, HistoryError> {
    Ok(store.load(&notices_key(peer), "statements taken")?.unwrap_or(0))
}

/// Remembers how far `peer` took statements.
pub fn put_notices_taken(batch: &mut Batch, peer: &AgencyId, sequence: u64) {
    batch.put(notices_key(peer), encode(&sequence));
}
