//! Records of the node beside its folds: what was witnessed, what peers cosigned and took.
//!
//! They are durable before anyone hears of them, but they are not entries: a checkpoint that was
//! seen must not make the journal grow, or two neighbours would never come to rest.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::retention::BackupMade;
use crate::history::rows::{HistoryError, Rows, decode, encode, key, name_part};
use crate::journal::content;
use crate::journal::store::{Batch, Store};
use crate::merkle::checkpoint::SignedCheckpoint;

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

impl CosignedCheckpoint {
    /// Whether it is one of this volume.
    pub fn is_of(&self, journal: &JournalName) -> bool {
        let signed = SignedCheckpoint::parse(&self.note);
        signed.is_ok_and(|it| it.checkpoint.origin == journal.to_string())
    }
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

fn shown_key(journal: &JournalName) -> Vec<u8> {
    key(b"lS", &[&name_part(&journal.to_string())])
}

fn conflict_note_key(note: &Digest) -> Vec<u8> {
    key(b"lf", &[note.as_bytes()])
}

/// Where it stands what neighbours are asked for: [`recovery`](crate::node::recovery) says what.
pub(super) fn recovery_key() -> Vec<u8> {
    key(b"lV", &[])
}

fn rung_key() -> Vec<u8> {
    key(b"lr", &[])
}

fn draining_key() -> Vec<u8> {
    key(b"ld", &[])
}

/// An operator's word that this node takes nothing new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// Since when.
    pub since: Timestamp,
    /// SPIFFE id of the operator.
    pub by: String,
}

/// Whether this node takes nothing new until told otherwise. It is not carried into copies of the
/// store: a node that is made anew serves.
pub fn draining<R: Rows + ?Sized>(rows: &R) -> Result<Option<Draining>, HistoryError> {
    rows.load(&draining_key(), "word that the node takes nothing new")
}

/// Remembers whether this node takes nothing new.
pub fn put_draining(batch: &mut Batch, draining: Option<&Draining>) {
    match draining {
        Some(draining) => batch.put(draining_key(), encode(draining)),
        None => batch.delete(draining_key()),
    }
}

fn backups_key() -> Vec<u8> {
    key(b"lb", &[])
}

/// The backups that this node made and that are not to be destroyed yet, as far as it knows.
pub fn backups(store: &dyn Store) -> Result<Vec<BackupMade>, HistoryError> {
    match content::get(store, &backups_key())? {
        Some(bytes) => decode(&bytes, "backups that were made"),
        None => Ok(Vec::new()),
    }
}

/// Remembers which backups there are.
pub fn put_backups(
    store: &dyn Store,
    batch: &mut Batch,
    made: &[BackupMade],
) -> Result<KeptRecord, HistoryError> {
    let record = KeptRecord { key: backups_key(), bytes: encode(&made), long: true };
    record.put(store, batch)?;
    Ok(record)
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

/// The greatest checkpoint of a neighbour's `journal` that came with a statement, as it was signed. It may be
/// of more entries than were witnessed, and is what is known first of a journal that was rewound.
pub fn shown(store: &dyn Store, journal: &JournalName) -> Result<Option<Vec<u8>>, HistoryError> {
    Ok(content::get(store, &shown_key(journal))?)
}

/// Remembers a checkpoint that came with a statement.
pub fn put_shown(
    store: &dyn Store,
    batch: &mut Batch,
    journal: &JournalName,
    note: &[u8],
) -> Result<(), HistoryError> {
    Ok(content::replace(store, batch, &shown_key(journal), note)?)
}

/// Keeps a checkpoint that is evidence, under its hash.
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

/// Reads every record that is kept about the agencies and journals of the directory; how many
/// there are.
///
/// # Errors
/// The first that can't be read.
pub fn check(store: &dyn Store, directory: &Directory) -> Result<u64, HistoryError> {
    let mut found = u64::from(rung(store)? > 0) + u64::from(!backups(store)?.is_empty());
    for agency in directory.agencies() {
        found += u64::from(cosigned(store, &agency.id)?.is_some());
        found += u64::from(notices_taken(store, &agency.id)? > 0);
        for journal in &agency.journals {
            found += u64::from(seen(store, &journal.name)?.is_some());
            found += u64::from(seen_note(store, &journal.name)?.is_some());
            found += u64::from(shown(store, &journal.name)?.is_some());
        }
    }
    Ok(found)
}

/// A record as it is carried into another store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRecord {
    /// Its key; all begin with `l`.
    pub key: Vec<u8>,
    /// What it says.
    pub bytes: Vec<u8>,
    /// Whether it is kept as content, in several values.
    pub long: bool,
}

impl KeptRecord {
    /// Whether its key is that of a record that is carried.
    pub fn is_one(&self) -> bool {
        let short: &[&[u8]] = &[b"lw", b"ln", b"lr"];
        let long: &[&[u8]] = &[b"lc", b"lW", b"lS", b"lf", b"lb", b"lV"];
        let begins = if self.long { long } else { short };
        begins.iter().any(|it| self.key.starts_with(it))
    }

    /// Writes it, in the place of what stands there.
    pub fn put(&self, store: &dyn Store, batch: &mut Batch) -> Result<(), HistoryError> {
        if self.long {
            return Ok(content::replace(store, batch, &self.key, &self.bytes)?);
        }
        batch.put(self.key.clone(), self.bytes.clone());
        Ok(())
    }
}

/// Every record about the agencies and journals of the directory, for a copy of the store; each one
/// that can't be read goes to `lost`.
pub fn export(
    store: &dyn Store,
    directory: &Directory,
    lost: &mut dyn FnMut(&[u8], HistoryError),
) -> Vec<KeptRecord> {
    let mut keys = vec![(rung_key(), false), (backups_key(), true), (recovery_key(), true)];
    for agency in directory.agencies() {
        keys.push((notices_key(&agency.id), false));
        keys.push((cosigned_key(&agency.id), true));
        for journal in &agency.journals {
            keys.push((seen_key(&journal.name), false));
            keys.push((seen_note_key(&journal.name), true));
            keys.push((shown_key(&journal.name), true));
        }
    }
    let mut found = Vec::new();
    for (key, long) in keys {
        let read = if long { content::get(store, &key) } else { store.get(&key) };
        match read {
            Ok(Some(bytes)) => found.push(KeptRecord { key, bytes, long }),
            Ok(None) => {}
            Err(error) => lost(&key, error.into()),
        }
    }
    found
}

/// A checkpoint that was kept as evidence, for a copy of the store.
pub fn export_conflict(
    store: &dyn Store,
    note: &Digest,
) -> Result<Option<KeptRecord>, HistoryError> {
    let key = conflict_note_key(note);
    let bytes = content::get(store, &key)?;
    Ok(bytes.map(|bytes| KeptRecord { key, bytes, long: true }))
}

/// Place of the last statement that `peer` took.
pub fn notices_taken(store: &dyn Store, peer: &AgencyId) -> Result<u64, HistoryError> {
    Ok(store.load(&notices_key(peer), "statements taken")?.unwrap_or(0))
}

/// Remembers how far `peer` took statements.
pub fn put_notices_taken(batch: &mut Batch, peer: &AgencyId, sequence: u64) {
    batch.put(notices_key(peer), encode(&sequence));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::{MemoryDisk, MemoryStore};
    use crate::node::recovery::Recovery;

    #[test]
    fn a_copy_of_a_node_that_still_asks_what_it_lost_goes_on_asking() {
        let from = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let gone = vec!["int.n2".parse().unwrap()];
        let asks = Recovery::begun("int.n1/journal/1".to_owned(), 7, gone);
        let mut batch = Batch::new();
        asks.put(&from, &mut batch).unwrap();
        from.commit(batch).unwrap();
        let mut lost = Vec::new();
        let text = "network = 'demo'\nversion = 1\n[[agency]]\nid = 'ita.coast-guard'\n\
                    country = 'ITA'\n[[agency.contact_point]]\nid = 'ita.coast-guard/desk'\n\
                    name = 'Desk'\nfunctions = ['central_authority']\nlanguages = ['it']\n\
                    hours = '24/7'\n";
        let directory = Directory::parse(text).unwrap();
        let records = export(&from, &directory, &mut |key, _| lost.push(key.to_vec()));
        assert_eq!((records.len(), lost.len()), (1, 0));
        assert!(records.iter().all(KeptRecord::is_one));
        let to = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let mut batch = Batch::new();
        for record in &records {
            record.put(&to, &mut batch).unwrap();
        }
        to.commit(batch).unwrap();
        assert_eq!(Recovery::of(&to).unwrap(), Some(asks));
    }
}
