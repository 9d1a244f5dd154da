//! Attachments that lie here whole or grow to be so: where each rests, under which key, and how many
//! messages it belongs to.
//!
//! A file is held once however many messages name it; the last one takes it along. It rests either as it
//! was handed in here (`Form::Own`), or as it travelled (`Form::Travelled`). Its key lies in a row, sealed
//! under the rest key of a slot of its own; to erase is to overwrite the slot, then to remove the file.
//! What is the same is found by size and hash *after* a file was opened or handed in, and only under a
//! mark that this node's key makes: a hash can be guessed. What one caller handed in is found by that
//! caller alone, or knowing a hash would be enough to be shown a file.
//!
//! | key | value |
//! |---|---|
//! | `fH file` | what is held: [`Held`] |
//! | `fP mark` | the file of this size and hash |
//! | `fR message number` | the file of a message's attachment |
//! | `fW state file` | what no message has named yet: growing (0) or whole (1) |
//! | `fT` | bytes that everything held may take |

pub mod carried;
pub mod check;
pub mod reading;
pub mod sending;
pub mod upload;

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::header::MessageKey;
use crate::envelope::attachment;
use crate::history::rows::{HistoryError, Rows, encode, key};
use crate::journal::files::FileId;
use crate::journal::slots::Slots;
use crate::journal::store::Store;
use crate::node::setting::Setting;
use crate::node::turn::Turn;
use crate::node::{files, rest};
use crate::redact::Secret;

/// What binds a file's key to its purpose; the file's name follows.
const KEY_CONTEXT: &[u8] = b"rogatory attachment key 1";
/// What keeps marks of files apart from other uses of the key.
const PURPOSE: &[u8] = b"rogatory attachment mark 1\n";
/// Rows read in one step.
const STEP: usize = 64;

/// Size and hash of a file, under this node's key.
pub type Mark = [u8; 32];

/// How a file rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// As it was handed in: sealed under a file key of its own.
    Own,
    /// As it came: sealed under the attachment key of the message that brought it.
    Travelled {
        /// Its number within that message.
        number: attachment::Number,
    },
}

/// A file that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How it rests.
    pub form: Form,
    /// The slot whose rest key seals its key.
    pub slot: u64,
    /// Its key, sealed.
    pub key: Vec<u8>,
    /// Its size in bytes, once it is whole.
    pub bytes: u64,
    /// Under which it is found.
    pub mark: Mark,
    /// Attachments of messages that it is.
    pub count: u64,
    /// When it was begun.
    pub since: Timestamp,
    /// Whether all of it is here.
    pub whole: bool,
}

impl Held {
    /// Bytes that it may take on the disk.
    fn resting_bytes(&self) -> u64 {
        match self.form {
            Form::Own => attachment::resting_bytes(self.bytes),
            Form::Travelled { .. } => attachment::travelling_bytes(self.bytes).unwrap_or(u64::MAX),
        }
    }
}

fn held_key(file: FileId) -> Vec<u8> {
    key(b"fH", &[file.as_bytes()])
}

fn mark_key(mark: Mark) -> Vec<u8> {
    key(b"fP", &[&mark])
}

fn reference_key(message: MessageKey, number: attachment::Number) -> Vec<u8> {
    key(b"fR", &[message.as_bytes(), &number.to_be_bytes()])
}

fn unused_key(whole: bool, file: FileId) -> Vec<u8> {
    key(b"fW", &[&[u8::from(whole)], file.as_bytes()])
}

fn total_key() -> Vec<u8> {
    key(b"fT", &[])
}

fn coming_key(file: FileId) -> Vec<u8> {
    key(b"fC", &[file.as_bytes()])
}

fn mark(setting: &Setting, whose: &str, bytes: u64, digest: &Digest) -> Mark {
    let key = hmac::Key::new(hmac::HMAC_SHA256, setting.keys.fingerprint.expose());
    let parts = [PURPOSE, whose.as_bytes(), b"\n", &bytes.to_be_bytes(), digest.as_bytes()];
    let tag = hmac::sign(&key, &parts.concat());
    let mut mark = Mark::default();
    for (to, from) in mark.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    mark
}

/// The mark of a file that `caller` hands in.
pub fn mark_of_upload(setting: &Setting, caller: &str, bytes: u64, digest: &Digest) -> Mark {
    mark(setting, caller, bytes, digest)
}

/// What a turn has changed of what is held, before it is durable.
#[derive(Debug, Default)]
pub struct Holdings {
    held: BTreeMap<FileId, Option<Held>>,
    marks: BTreeMap<Mark, Option<FileId>>,
    references: BTreeMap<(MessageKey, attachment::Number), Option<FileId>>,
    growing: Option<usize>,
    total: Option<u64>,
    coming: BTreeMap<FileId, Option<u64>>,
}

/// What is held under a name; none if nothing is.
///
/// # Errors
/// A store that fails.
pub fn held(store: &dyn Store, file: FileId) -> Result<Option<Held>, HistoryError> {
    store.load(&held_key(file), "file that is held")
}

/// The file of this size and hash; none if there is none.
///
/// # Errors
/// A store that fails.
pub fn find(store: &dyn Store, mark: Mark) -> Result<Option<(FileId, Held)>, HistoryError> {
    let Some(file) = store.load(&mark_key(mark), "mark of a file")? else {
        return Ok(None);
    };
    Ok(held(store, file)?.map(|held| (file, held)))
}

/// The file of a message's attachment, if it is here.
///
/// # Errors
/// A store that fails.
pub fn of_message(
    store: &dyn Store,
    message: MessageKey,
    number: attachment::Number,
) -> Result<Option<FileId>, HistoryError> {
    store.load(&reference_key(message, number), "file of an attachment")
}

/// Bytes that everything held may take, and everything that is under way from and to peers.
///
/// # Errors
/// A store that fails.
pub fn total_bytes(store: &dyn Store) -> Result<u64, HistoryError> {
    Ok(store.load(&total_key(), "bytes of attachments")?.unwrap_or(0))
}

impl Turn<'_> {
    fn held(&self, file: FileId) -> Result<Option<Held>, HistoryError> {
        match self.holdings.held.get(&file) {
            Some(held) => Ok(held.clone()),
            None => held(self.setting.store.as_ref(), file),
        }
    }

    fn held_under(&self, mark: Mark) -> Result<Option<(FileId, Held)>, HistoryError> {
        let file = match self.holdings.marks.get(&mark) {
            Some(file) => *file,
            None => self.setting.store.load(&mark_key(mark), "mark of a file")?,
        };
        let Some(file) = file else {
            return Ok(None);
        };
        Ok(self.held(file)?.map(|held| (file, held)))
    }

    fn put_held(&mut self, file: FileId, held: Held) {
        self.beside.put(held_key(file), encode(&held));
        self.holdings.held.insert(file, Some(held));
    }

    fn put_mark(&mut self, mark: Mark, file: FileId) {
        self.beside.put(mark_key(mark), encode(&file));
        self.holdings.marks.insert(mark, Some(file));
    }

    /// Bytes of all attachments as this turn sees them.
    pub(super) fn attachment_bytes(&self) -> Result<u64, HistoryError> {
        match self.holdings.total {
            Some(total) => Ok(total),
            None => total_bytes(self.setting.store.as_ref()),
        }
    }

    /// A file begins to come from a peer: all that it may take counts from now on.
    pub(super) fn count_coming(&mut self, file: FileId, bytes: u64) -> Result<(), HistoryError> {
        self.add_bytes(bytes, 0)?;
        self.beside.put(coming_key(file), encode(&bytes));
        self.holdings.coming.insert(file, Some(bytes));
        Ok(())
    }

    /// A file comes no more, or is held from here on: what was counted of it is not any more.
    pub(super) fn uncount_coming(&mut self, file: FileId) -> Result<(), HistoryError> {
        let counted = match self.holdings.coming.get(&file) {
            Some(counted) => *counted,
            None => self.setting.store.load(&coming_key(file), "bytes of a file that comes")?,
        };
        let Some(bytes) = counted else {
            return Ok(());
        };
        self.add_bytes(0, bytes)?;
        self.beside.delete(coming_key(file));
        self.holdings.coming.insert(file, None);
        Ok(())
    }

    fn add_bytes(&mut self, added: u64, taken: u64) -> Result<(), HistoryError> {
        let total = self.attachment_bytes()?.saturating_add(added).saturating_sub(taken);
        self.holdings.total = Some(total);
        self.beside.put(total_key(), encode(&total));
        Ok(())
    }

    /// Begins to hold a file under a fresh slot.
    fn hold(
        &mut self,
        (file, form): (FileId, Form),
        (bytes, mark): (u64, Mark),
        file_key: &Secret<32>,
        whole: bool,
    ) -> Result<(), HistoryError> {
        let (slot, rest_key) = rest::take_slot(self.setting, &mut self.slots, &mut self.beside)?;
        let context = [KEY_CONTEXT, file.as_bytes()].concat();
        let key = rest_key.seal_record(&context, file_key.expose(), self.setting.entropy.as_ref());
        let since = self.now;
        let held = Held { form, slot, key, bytes, mark, count: 0, since, whole };
        self.add_bytes(held.resting_bytes(), 0)?;
        self.put_held(file, held);
        self.put_mark(mark, file);
        Ok(())
    }

    /// Lets a file be the attachment of a message.
    fn refer(
        &mut self,
        (message, number): (MessageKey, attachment::Number),
        file: FileId,
    ) -> Result<(), HistoryError> {
        let damaged = HistoryError::Damaged { what: "file of an attachment" };
        let held = self.held(file)?.ok_or(damaged)?;
        if held.count == 0 {
            self.beside.delete(unused_key(true, file));
        }
        self.put_held(file, Held { count: held.count.saturating_add(1), ..held });
        self.beside.put(reference_key(message, number), encode(&file));
        self.holdings.references.insert((message, number), Some(file));
        Ok(())
    }

    /// Holds a file no more: its slot is destroyed and it is removed once the turn is durable.
    fn let_go(&mut self, file: FileId, held: &Held) -> Result<(), HistoryError> {
        rest::doom_slot(&mut self.slots, &mut self.beside, held.slot);
        files::doom(&mut self.beside, &mut self.doomed_files, file);
        self.add_bytes(0, held.resting_bytes())?;
        self.beside.delete(held_key(file));
        self.holdings.held.insert(file, None);
        self.beside.delete(unused_key(held.whole, file));
        if self.held_under(held.mark)?.is_none() {
            self.beside.delete(mark_key(held.mark));
            self.holdings.marks.insert(held.mark, None);
        }
        Ok(())
    }
}

/// An attachment that came whole, in a file that is finished and named.
#[derive(Debug)]
pub struct Came {
    /// The file.
    pub file: FileId,
    /// The attachment key of its message.
    pub key: Secret<32>,
    /// Its plain size in bytes.
    pub bytes: u64,
    /// The hash of its plain bytes, which were compared with it.
    pub digest: Digest,
}

/// Keeps an attachment that came. False if the same file was here already: then the one that came is
/// the caller's to remove.
///
/// # Errors
/// A file of slots, or a store, that fails.
pub fn keep(
    turn: &mut Turn<'_>,
    message: MessageKey,
    number: attachment::Number,
    came: &Came,
) -> Result<bool, HistoryError> {
    let mark = mark(turn.setting, "", came.bytes, &came.digest);
    if let Some((file, _)) = turn.held_under(mark)? {
        turn.refer((message, number), file)?;
        return Ok(false);
    }
    let form = Form::Travelled { number };
    turn.hold((came.file, form), (came.bytes, mark), &came.key, true)?;
    turn.refer((message, number), came.file)?;
    Ok(true)
}

/// Takes from a message all attachments that are here; what no other message has is erased with the
/// turn.
///
/// # Errors
/// A store that fails.
pub fn release(turn: &mut Turn<'_>, message: MessageKey) -> Result<(), HistoryError> {
    let found = carried::files_of(turn.setting.store.as_ref(), message)?;
    let mut files: BTreeMap<attachment::Number, FileId> = found.into_iter().collect();
    for ((of, number), file) in &turn.holdings.references {
        match file {
            Some(file) if *of == message => drop(files.insert(*number, *file)),
            None if *of == message => drop(files.remove(number)),
            Some(_) | None => {}
        }
    }
    for (number, file) in files {
        release_file(turn, (message, number), file)?;
    }
    Ok(())
}

/// Takes one attachment from a message, if it is here; what no other message has is erased with the
/// turn.
///
/// # Errors
/// A store that fails.
pub fn release_one(
    turn: &mut Turn<'_>,
    message: MessageKey,
    number: attachment::Number,
) -> Result<(), HistoryError> {
    match of_message(turn.setting.store.as_ref(), message, number)? {
        Some(file) => release_file(turn, (message, number), file),
        None => Ok(()),
    }
}

fn release_file(
    turn: &mut Turn<'_>,
    (message, number): (MessageKey, attachment::Number),
    file: FileId,
) -> Result<(), HistoryError> {
    turn.beside.delete(reference_key(message, number));
    turn.holdings.references.insert((message, number), None);
    let Some(held) = turn.held(file)? else {
        return Ok(());
    };
    let count = held.count.saturating_sub(1);
    if count == 0 {
        turn.let_go(file, &held)?;
    } else {
        turn.put_held(file, Held { count, ..held });
    }
    Ok(())
}

/// The key of a file, opened under the rest key of its slot.
fn file_key(setting: &Setting, file: FileId, held: &Held) -> Result<Secret<32>, HistoryError> {
    opened_key(&setting.slots, file, held)
}

fn opened_key(slots: &Slots, file: FileId, held: &Held) -> Result<Secret<32>, HistoryError> {
    let damaged = || HistoryError::Damaged { what: "key of an attachment" };
    let context = [KEY_CONTEXT, file.as_bytes()].concat();
    let opened = slots.rest_key(held.slot)?.open_record(&context, &held.key);
    let opened = opened.map_err(|_| damaged())?;
    Ok(Secret::of(opened.as_slice().try_into().map_err(|_| damaged())?))
}

/// A fresh key.
fn fresh_key(setting: &Setting) -> Secret<32> {
    Secret::fresh(setting.entropy.as_ref())
}
