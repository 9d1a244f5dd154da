//! Do the attachments of a message hold? What `node check` asks.

use crate::domain::digest::Digest;
use crate::domain::header::Header;
use crate::envelope::attachment;
use crate::history::rows::HistoryError;
use crate::journal::files::FileError;
use crate::node::attachments::{of_message, reading};
use crate::node::content;
use crate::node::setting::Setting;
use crate::wire;

/// What is wrong with the attachments of a message.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentFault {
    /// What names them is not what the header names by its hash.
    #[error("what names them is not what its entry names")]
    ListDiffers,
    /// One that must be here is not.
    #[error("attachment {number} is missing")]
    Missing {
        /// Which one, from 1.
        number: attachment::Number,
    },
    /// One is not what the message says.
    #[error("attachment {number} is not what the message says")]
    Differs {
        /// Which one, from 1.
        number: attachment::Number,
    },
    /// The store or a file can't be read.
    #[error("attachment {number}: {error}")]
    File {
        /// Which one, from 1.
        number: attachment::Number,
        /// What is wrong with its file.
        error: FileError,
    },
    /// The store can't be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Holds the attachments of a message that are here against its entry and against what it says: every
/// byte is read. `content` is here where the message was not erased; `all` must be here where it was
/// sent.
///
/// # Errors
/// The first attachment that does not hold.
pub fn check(
    setting: &Setting,
    header: &Header,
    (content, all): (bool, bool),
) -> Result<(), AttachmentFault> {
    let Some(wanted) = header.digests.attachments else {
        return Ok(());
    };
    let store = setting.store.as_ref();
    if Digest::of(&content::attachments_bytes(store, header.key())?) != wanted {
        return Err(AttachmentFault::ListDiffers);
    }
    let sealed = content::attachments(store, header.key())?;
    let opened = if content { content::open(setting, header).ok() } else { None };
    let described = opened.and_then(|it| wire::draft::attachments(&it).ok()).unwrap_or_default();
    for (place, number) in (0..sealed.len()).zip(1..) {
        let Some(file) = of_message(store, header.key(), number)? else {
            if all {
                return Err(AttachmentFault::Missing { number });
            }
            continue;
        };
        let missing = AttachmentFault::Missing { number };
        let source = reading::Source::open(setting, file)?.ok_or(missing)?;
        let digest = match source.plain_digest() {
            Err(FileError::Missing { .. }) => return Err(AttachmentFault::Missing { number }),
            digest => digest.map_err(|error| AttachmentFault::File { number, error })?,
        };
        let said = described.get(place).map(|it| (it.bytes, it.digest));
        if said.is_some_and(|it| it != (source.bytes(), digest)) {
            return Err(AttachmentFault::Differs { number });
        }
    }
    Ok(())
}
