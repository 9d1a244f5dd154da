//! What this node has found out about other journals.
//!
//! Only a conflict is a fold: what was witnessed is a record of the node beside the journal, since
//! a checkpoint seen must not make the journal grow (it would never come to rest).

use crate::domain::ids::JournalName;
use crate::history::rows::{HistoryError, Rows, Working, key, name_part};
use crate::history::table;

fn conflict_key(journal: &JournalName) -> Vec<u8> {
    key(table::CONFLICTS, &[&name_part(&journal.to_string())])
}

/// Notes at which position the conflict of a journal was recorded.
pub fn conflict_found(rows: &mut Working<'_>, journal: &JournalName, position: u64) {
    rows.save(conflict_key(journal), &position);
}

/// Position of the entry that recorded a conflict of this journal, if one was found.
pub fn conflict<R: Rows + ?Sized>(
    rows: &R,
    journal: &JournalName,
) -> Result<Option<u64>, HistoryError> {
    rows.load(&conflict_key(journal), "conflict of a journal")
}

fn volume_key(journal: &JournalName) -> Vec<u8> {
    key(table::VOLUMES, &[&name_part(&journal.to_string())])
}

/// Notes at which position an operator confirmed that a journal goes on in this volume.
pub fn volume_confirmed(rows: &mut Working<'_>, journal: &JournalName, position: u64) {
    rows.save(volume_key(journal), &position);
}

/// Position of the entry that confirmed this volume, if one did.
pub fn confirmation<R: Rows + ?Sized>(
    rows: &R,
    journal: &JournalName,
) -> Result<Option<u64>, HistoryError> {
    rows.load(&volume_key(journal), "confirmed volume")
}
