//! Attachments on their way into a copy: a file as it rests, with its key under the storage key; and how
//! they get into another store.

use serde::{Deserialize, Serialize};

use crate::domain::header::MessageKey;
use crate::entropy::Entropy;
use crate::envelope::attachment;
use crate::envelope::storage::StorageKey;
use crate::history::rows::{HistoryError, after, decode, key};
use crate::journal::files::{FileError, FileId, Files};
use crate::journal::slots::Slots;
use crate::journal::store::Store;
use crate::node::attachments::{Form, KEY_CONTEXT, Mark, STEP, held, of_message, opened_key};
use crate::node::files;
use crate::node::rest::Slotting;
use crate::node::setting::Setting;
use crate::node::travelling;
use crate::node::turn::Turn;
use crate::redact::Secret;

/// Bytes of a file that one item carries.
const CARRIED_BYTES: u64 = 256 * 1024;

/// Where files, and what belongs to them, are taken from.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    /// The rows.
    pub store: &'a dyn Store,
    /// The keys under which keys of files rest.
    pub slots: &'a Slots,
    /// The files.
    pub files: &'a Files,
}

/// A file that is carried, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Its name.
    pub file: FileId,
    /// How it rests.
    pub form: Form,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its size in bytes as it rests.
    pub resting: u64,
    /// Under which it is found.
    pub mark: Mark,
    /// Its key, under the storage key.
    pub key: Vec<u8>,
}

/// The files of a message's attachments that are here, by number.
///
/// # Errors
/// A store that fails.
pub fn files_of(
    store: &dyn Store,
    message: MessageKey,
) -> Result<Vec<(attachment::Number, FileId)>, HistoryError> {
    let prefix = key(b"fR", &[message.as_bytes()]);
    let damaged = || HistoryError::Damaged { what: "file of an attachment" };
    let found = store.range(&prefix, &after(&prefix), STEP)?;
    let read = found.into_iter().map(|(place, value)| {
        let number = place.last_chunk().copied().map(u32::from_be_bytes).ok_or_else(damaged)?;
        Ok((number, decode(&value, "file of an attachment")?))
    });
    read.collect()
}

impl Shelf<'_> {
    /// A file as it is carried; none if it is not held (any more).
    ///
    /// # Errors
    /// A store, slots or a file that can't be read.
    pub fn carried(
        &self,
        storage: (&StorageKey, &dyn Entropy),
        file: FileId,
    ) -> Result<Option<Carried>, HistoryError> {
        let Some(held) = held(self.store, file)? else {
            return Ok(None);
        };
        let resting = held.resting_bytes();
        if self.files.length(file)? != resting {
            return Err(FileError::Damaged { id: file }.into());
        }
        let opened = opened_key(self.slots, file, &held)?;
        let key = storage.0.seal_record(&context(file), opened.expose(), storage.1);
        let (form, bytes, mark) = (held.form, held.bytes, held.mark);
        Ok(Some(Carried { file, form, bytes, resting, mark, key }))
    }
}

/// The next bytes of a file of so many that is carried.
///
/// # Errors
/// A file that can't be read.
pub fn piece(files: &Files, file: FileId, length: u64, at: u64) -> Result<Vec<u8>, HistoryError> {
    let left = length.saturating_sub(at).min(CARRIED_BYTES);
    let mut bytes = vec![0; usize::try_from(left).unwrap_or_default()];
    files.read(file, at, &mut bytes)?;
    Ok(bytes)
}

fn context(file: FileId) -> Vec<u8> {
    [KEY_CONTEXT, file.as_bytes()].concat()
}

/// Does something in a turn of its own, with slots that others take from too, and makes it visible.
///
/// # Errors
/// What `act` says, or a store that fails.
pub(in crate::node) fn in_turn<T>(
    setting: &Setting,
    slots: &mut Slotting,
    act: impl FnOnce(&mut Turn<'_>) -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    let mut turn = Turn::begin(setting);
    turn.slots = std::mem::take(slots);
    let done = act(&mut turn);
    let Turn { beside, slots: taken, doomed_files, .. } = turn;
    *slots = taken;
    let done = done?;
    setting.store.apply(beside)?;
    files::remove(setting, &doomed_files)?;
    Ok(done)
}

/// A file that comes into a store.
#[derive(Debug)]
pub struct Coming {
    file: FileId,
    length: u64,
    becomes: Becomes,
    at: u64,
    /// It came with an earlier copy, and its bytes are passed over.
    is_here: bool,
}

/// What a file that comes is, once all of it is here.
#[derive(Debug)]
enum Becomes {
    /// One that is held.
    Held(Box<Carried>),
    /// An attachment as it came.
    Came(MessageKey, attachment::Number),
}

impl Coming {
    /// Begins with a file that is to be held.
    ///
    /// # Errors
    /// Files, or a store, that fail.
    pub fn begin(setting: &Setting, carried: Carried) -> Result<Self, HistoryError> {
        let is_here = held(setting.store.as_ref(), carried.file)?.is_some();
        let (file, length) = (carried.file, carried.resting);
        Self::new(setting, (file, length), Becomes::Held(Box::new(carried)), is_here)
    }

    /// Begins with an attachment of so many bytes as it came.
    ///
    /// # Errors
    /// Files, or a store, that fail.
    pub fn begin_as_it_came(
        setting: &Setting,
        (message, number): (MessageKey, attachment::Number),
        (file, length): (FileId, u64),
    ) -> Result<Self, HistoryError> {
        let is_here = travelling::file(setting.store.as_ref(), message, number)?.is_some();
        Self::new(setting, (file, length), Becomes::Came(message, number), is_here)
    }

    fn new(
        setting: &Setting,
        (file, length): (FileId, u64),
        becomes: Becomes,
        is_here: bool,
    ) -> Result<Self, HistoryError> {
        if !is_here {
            // What an earlier try left of it is not whole.
            setting.files.remove(file)?;
            setting.files.begin(file)?;
        }
        Ok(Self { file, length, becomes, at: 0, is_here })
    }

    /// Takes the next bytes; holds the file once all of them are here.
    ///
    /// # Errors
    /// Files, slots or a store that fail; a key that opens under none of the storage keys.
    pub(in crate::node) fn push(
        &mut self,
        setting: &Setting,
        (slots, storage): (&mut Slotting, &[&StorageKey]),
        bytes: &[u8],
    ) -> Result<(), HistoryError> {
        let file = self.file;
        if !self.is_here && !bytes.is_empty() {
            setting.files.append(file, self.at, bytes)?;
        }
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.is_here || self.at < self.length {
            return Ok(());
        }
        setting.files.finish(file)?;
        self.is_here = true;
        let carried = match &self.becomes {
            Becomes::Held(carried) => carried,
            Becomes::Came(message, number) => {
                let length = self.length;
                return in_turn(setting, slots, |turn| {
                    files::name(&mut turn.beside, file);
                    travelling::put_file(&mut turn.beside, *message, *number, file);
                    turn.count_coming(file, length)
                });
            }
        };
        let damaged = || HistoryError::Damaged { what: "key of an attachment" };
        let opened =
            storage.iter().find_map(|it| it.open_record(&context(file), &carried.key).ok());
        let opened = opened.ok_or_else(damaged)?;
        let key = Secret::of(opened.as_slice().try_into().map_err(|_| damaged())?);
        let Carried { form, bytes, mark, .. } = **carried;
        in_turn(setting, slots, |turn| {
            files::name(&mut turn.beside, file);
            turn.hold((file, form), (bytes, mark), &key, true)
        })
    }
}

/// Lets a file that came be the attachment of a message, unless it is already.
///
/// # Errors
/// `Damaged` unless it is held.
pub(in crate::node) fn refer(
    setting: &Setting,
    slots: &mut Slotting,
    place: (MessageKey, attachment::Number),
    file: FileId,
) -> Result<(), HistoryError> {
    if of_message(setting.store.as_ref(), place.0, place.1)? == Some(file) {
        return Ok(());
    }
    in_turn(setting, slots, |turn| turn.refer(place, file))
}
