//! Where the sealed bytes of an attachment come from, and where they go.
//!
//! What comes lies in a file of its own, as it came; a row says which. Its origin has no such file: it
//! makes the same bytes again from where the attachment rests.

use crate::domain::fact::MessageRef;
use crate::domain::header::{MessageKey, SealedAttachment};
use crate::domain::ids::AgencyId;
use crate::history::attachments;
use crate::history::message::{MessageRecord, Part};
use crate::history::rows::{HistoryError, Rows, encode, key};
use crate::journal::files::{FileError, FileId};
use crate::journal::store::{Batch, Store};
use crate::node::attachments::reading::Road;
use crate::node::content::{self, ContentError};
use crate::node::files;
use crate::node::setting::Setting;
use crate::node::turn::Turn;
use crate::node::whole::Found;

/// An attachment that a peer offers.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Who offers.
    pub from: AgencyId,
    /// Of which message.
    pub message: MessageRef,
    /// Place among its attachments, from 1.
    pub number: u32,
    /// The handover by which the message came.
    pub handover: u32,
}

/// An attachment that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The file into which it goes.
    pub file: FileId,
    /// What it must be.
    pub sealed: SealedAttachment,
}

/// An attachment that was brought.
#[derive(Debug)]
pub struct Carried {
    /// As it was offered.
    pub offered: Offered,
    /// As it was wanted.
    pub wanted: Wanted,
    /// What a check of it came to.
    pub found: Found,
}

fn file_key(message: MessageKey, number: u32) -> Vec<u8> {
    key(b"ca", &[message.as_bytes(), &number.to_be_bytes()])
}

/// The file in which an attachment lies as it came, whole or not; none if none of it is here.
///
/// # Errors
/// A store that fails.
pub fn file(
    store: &dyn Store,
    message: MessageKey,
    number: u32,
) -> Result<Option<FileId>, HistoryError> {
    store.load(&file_key(message, number), "file of an attachment")
}

/// Says which file an attachment goes into.
pub(super) fn put_file(batch: &mut Batch, message: MessageKey, number: u32, file: FileId) {
    batch.put(file_key(message, number), encode(&file));
}

/// The files into which an attachment came, that are no longer counted as coming.
fn come_no_more(
    turn: &mut Turn<'_>,
    message: MessageKey,
    number: u32,
) -> Result<Vec<FileId>, HistoryError> {
    let here = turn.coming.remove(&(message, number));
    let known = file(turn.setting.store.as_ref(), message, number)?;
    let files: Vec<FileId> = here.into_iter().chain(known).collect();
    for file in &files {
        turn.uncount_coming(*file)?;
    }
    turn.beside.delete(file_key(message, number));
    Ok(files)
}

/// Takes the file of an attachment away, once the turn is durable.
pub(super) fn drop_file(
    turn: &mut Turn<'_>,
    message: MessageKey,
    number: u32,
) -> Result<(), HistoryError> {
    for file in come_no_more(turn, message, number)? {
        files::doom(&mut turn.beside, &mut turn.doomed_files, file);
    }
    Ok(())
}

/// What is known in clear of a sealed attachment; none if the message has none of this number.
///
/// # Errors
/// A store that fails.
pub fn sealed(
    setting: &Setting,
    message: MessageKey,
    number: u32,
) -> Result<Option<SealedAttachment>, HistoryError> {
    let all = content::attachments(setting.store.as_ref(), message)?;
    let place = usize::try_from(number).ok().and_then(|it| it.checked_sub(1));
    Ok(place.and_then(|it| all.get(it).copied()))
}

/// Where the sealed bytes of an attachment come from.
pub enum Source {
    /// They lie here as they came.
    Came(FileId),
    /// This agency sent it: they are made again from where it rests.
    Made(Box<Road>),
}

impl Source {
    /// The sealed bytes of an attachment of this message; none if they are not here (any more).
    ///
    /// # Errors
    /// A store, slots or content that can't be read.
    pub fn open(
        setting: &Setting,
        record: &MessageRecord,
        number: u32,
    ) -> Result<Option<Self>, HistoryError> {
        let header = record.header()?;
        if record.part != Part::Origin {
            let file = file(setting.store.as_ref(), header.key(), number)?;
            return Ok(file.map(Self::Came));
        }
        match Road::open(setting, &header, number) {
            Ok(road) => Ok(road.map(|it| Self::Made(Box::new(it)))),
            Err(ContentError::Absent | ContentError::Unreadable) => Ok(None),
            Err(ContentError::History(error)) => Err(error),
        }
    }

    /// `length` sealed bytes from `at` on, which must be there.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn read(&self, setting: &Setting, at: u64, length: usize) -> Result<Vec<u8>, FileError> {
        match self {
            Self::Came(file) => {
                let mut bytes = vec![0; length];
                setting.files.read(*file, at, &mut bytes)?;
                Ok(bytes)
            }
            Self::Made(road) => road.read(at, length),
        }
    }
}

/// Takes away what grew of the attachments of a message, once the turn is durable.
pub(super) fn drop_files(turn: &mut Turn<'_>, message: MessageKey) -> Result<(), HistoryError> {
    for (number, _) in attachments::all(&turn.rows, message)? {
        drop_file(turn, message, number)?;
    }
    Ok(())
}

/// The attachment rests in a file of its own right from here on.
pub(super) fn hand_over_file(
    turn: &mut Turn<'_>,
    message: MessageKey,
    number: u32,
) -> Result<(), HistoryError> {
    come_no_more(turn, message, number).map(drop)
}
