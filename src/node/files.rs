//! Which files beside the store belong to something, and how they go.
//!
//! A file is named in a batch before its first byte is written, so a start knows whose it is. It goes in
//! three steps, as slots do: the batch of the entry that ends it says that it must go; once that is
//! durable the file is removed; then nothing names it. A stop in between leaves the second and the
//! third to the next start, and a file that nothing names is removed there too.

use crate::history::rows::{HistoryError, after, key};
use crate::journal::files::FileId;
use crate::journal::store::{Batch, Store};
use crate::node::setting::Setting;

/// Files that are removed in one step at a start.
const STEP: usize = 256;

fn named_key(file: FileId) -> Vec<u8> {
    key(b"fN", &[file.as_bytes()])
}

fn doomed_key(file: FileId) -> Vec<u8> {
    key(b"fD", &[file.as_bytes()])
}

/// Says with the batch that a file belongs to something.
pub(super) fn name(batch: &mut Batch, file: FileId) {
    batch.put(named_key(file), Vec::new());
}

/// Whether a file belongs to something.
///
/// # Errors
/// A store that fails.
pub fn is_named(store: &dyn Store, file: FileId) -> Result<bool, HistoryError> {
    Ok(store.get(&named_key(file))?.is_some())
}

/// Says with the batch that a file must go; `doomed` is removed once the batch is durable.
pub(super) fn doom(batch: &mut Batch, doomed: &mut Vec<FileId>, file: FileId) {
    batch.delete(named_key(file));
    batch.put(doomed_key(file), Vec::new());
    if !doomed.contains(&file) {
        doomed.push(file);
    }
}

/// Removes files whose end is durable.
///
/// # Errors
/// Files, or a store, that fail.
pub(super) fn remove(setting: &Setting, doomed: &[FileId]) -> Result<(), HistoryError> {
    if doomed.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::new();
    for file in doomed {
        setting.files.remove(*file)?;
        batch.delete(doomed_key(*file));
    }
    // Not durable by itself: a file is removed again if this is lost.
    Ok(setting.store.apply(batch)?)
}

/// Removes what a stop left to be removed, and every file that nothing names.
pub(super) fn finish(setting: &Setting) -> Result<(), HistoryError> {
    let damaged = || HistoryError::Damaged { what: "name of a file" };
    let prefix = key(b"fD", &[]);
    loop {
        let found = setting.store.range(&prefix, &after(&prefix), STEP)?;
        let doomed: Vec<FileId> = found
            .iter()
            .map(|(place, _)| {
                let id = place.strip_prefix(prefix.as_slice()).and_then(|it| it.try_into().ok());
                id.map(FileId::from_bytes).ok_or_else(damaged)
            })
            .collect::<Result<_, _>>()?;
        if doomed.is_empty() {
            break;
        }
        remove(setting, &doomed)?;
    }
    for found in setting.files.list()? {
        if !is_named(setting.store.as_ref(), found.id)? {
            setting.files.remove(found.id)?;
        }
    }
    Ok(())
}
