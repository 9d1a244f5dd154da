//! A journal and what lies beside it, carried from one store to another: backup, restore, salvage.
//!
//! What is carried are [`Item`]s: batches of entries with the checkpoint that covers them, sealed
//! content with the entry that brought it, attachments a piece at a time with the entry by which they
//! were here, drafts that wait, statements of others, records of the node. Rows are not carried: they
//! follow from the entries. `read.rs` takes items out of a store, `judge.rs` holds them against the
//! signed checkpoints and the directory, `build.rs` writes what was judged into a new store,
//! `sealed.rs` and `frame.rs` are a backup's bytes, `salvage.rs` makes the most of a damaged store.
//!
//! **Invariant:** nothing is written that was not judged, and a store that is built is a prefix of
//! the journal that ends at a checkpoint which its key signed.

pub mod build;
mod frame;
pub mod judge;
pub mod read;
pub mod salvage;
pub mod sealed;

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::header::{Header, MessageMark};
use crate::domain::ids::MessageId;
use crate::envelope::{OpenError, attachment};
use crate::history::rows::HistoryError;
use crate::journal::files::FileId;
use crate::journal::store::StoreError;
use crate::journal::{AppendError, JournalError};
use crate::node::Stop;
use crate::node::attachments::carried::Carried;
use crate::node::kept::Kept;
use crate::node::records::KeptRecord;

/// One thing that is carried, in the order in which it must come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// A record that the node keeps beside its journal.
    Record(KeptRecord),
    /// Entries, and the checkpoint as it was first signed over them and all before them.
    Batch {
        /// The checkpoint.
        checkpoint: Vec<u8>,
        /// The entries.
        entries: Vec<Vec<u8>>,
    },
    /// What lies here of a message that came with an entry of the last batch.
    Content {
        /// Which message.
        message: MessageMark,
        /// What lies here.
        kept: Kept,
    },
    /// The statement that an entry of the last batch recorded.
    Statement {
        /// Position of the entry.
        position: u64,
        /// The statement.
        bytes: Vec<u8>,
    },
    /// The latest checkpoint with the journal's second signature.
    Countersigned(Vec<u8>),
    /// Nothing follows.
    End(Counts),
    /// What follows is of this volume; only where there are several.
    Volume(String),
    /// What names the sealed attachments of a message that came with an entry of the last batch.
    Attachments {
        /// Which message.
        message: MessageMark,
        /// What names them.
        bytes: Vec<u8>,
    },
    /// A file of an attachment; its bytes follow.
    File(Carried),
    /// The next bytes of the file that came last.
    Piece(#[serde(with = "serde_bytes")] Vec<u8>),
    /// An attachment of a message is a file that has come.
    Attached {
        /// Which message.
        message: MessageMark,
        /// Its number.
        number: attachment::Number,
        /// The file.
        file: FileId,
    },
    /// An attachment as it came, sealed; the last batch says that all of it was here. Its bytes follow.
    Came {
        /// Of which message.
        message: MessageMark,
        /// Its number.
        number: attachment::Number,
        /// The file that it lies in.
        file: FileId,
    },
    /// What a draft says that the last batch made, and that waits.
    Draft {
        /// Which draft.
        draft: MessageId,
        /// What it says, under the storage key.
        sealed: Vec<u8>,
    },
}

/// What must be here after a copy.
#[derive(Clone, Copy, Debug)]
pub enum Must<'a> {
    /// What lies here of a message.
    Message(&'a Header),
    /// What a draft says that waits.
    Draft(MessageId),
}

impl Must<'_> {
    /// Its name: origin and id of a message, or which draft.
    pub fn name(&self) -> String {
        match self {
            Self::Message(header) => judge::name_of(header),
            Self::Draft(draft) => format!("draft {draft}"),
        }
    }
}

/// How much there is of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Entries.
    pub entries: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Messages with content.
    pub contents: u64,
    /// Statements of others.
    pub statements: u64,
    /// Records of the node.
    pub records: u64,
}

/// A journal up to a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

/// Why a copy cannot be read, taken or written.
#[derive(Debug, thiserror::Error)]
pub enum CopyFault {
    /// It is a copy of another journal.
    #[error("it is of the journal {found}, not of this one")]
    OtherJournal {
        /// Whose.
        found: String,
    },
    /// It does not follow what was taken before it.
    #[error("it follows {follows} entries, and {ends} are here: one is missing or out of order")]
    OutOfOrder {
        /// Entries that it follows.
        follows: u64,
        /// Entries that there are.
        ends: u64,
    },
    /// It follows another history of the same journal.
    #[error("it follows another history of {size} entries than the one that is here")]
    OtherHistory {
        /// Entries of both.
        size: u64,
    },
    /// A checkpoint is not signed by the journal, or not over these entries.
    #[error("checkpoint of size {size}: {problem}")]
    Checkpoint {
        /// Its size, as far as it can be read.
        size: u64,
        /// What is wrong.
        problem: String,
    },
    /// An entry is not one of this journal.
    #[error("entry {position}: {problem}")]
    Entry {
        /// Its position.
        position: u64,
        /// What is wrong.
        problem: String,
    },
    /// Content is not that of a message that came with the entries.
    #[error("content of message {message}: {problem}")]
    Content {
        /// Origin and id of the message.
        message: String,
        /// What is wrong.
        problem: String,
    },
    /// A statement is not the one that was recorded, or does not verify.
    #[error("statement that entry {position} recorded: {problem}")]
    Statement {
        /// Position of the entry.
        position: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file is no backup of a form that this program knows.
    #[error("it is no backup: {0}")]
    NoBackup(&'static str),
    /// It was made for another key.
    #[error("it is sealed to the backup key {wanted}, and the key given is {given}")]
    WrongKey {
        /// Id of the key that opens it.
        wanted: String,
        /// Id of the key that was given.
        given: String,
    },
    /// It was altered, or its end is missing.
    #[error("it was altered or cut off: {0}")]
    Altered(#[from] OpenError),
    /// It holds what no backup holds, although it opens.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// The journal has no checkpoint of this size.
    #[error("the journal has no checkpoint of size {size}")]
    SizeUnknown {
        /// The size.
        size: u64,
    },
    /// Reading or writing it failed.
    #[error("reading: {0}")]
    Io(#[from] std::io::Error),
    /// The state or the store failed.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The new store did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What was copied can't be folded.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl From<JournalError> for CopyFault {
    fn from(error: JournalError) -> Self {
        Self::History(error.into())
    }
}

impl From<StoreError> for CopyFault {
    /// A damaged record is named as what it is to the journal.
    fn from(error: StoreError) -> Self {
        JournalError::from(error).into()
    }
}

impl CopyFault {
    /// The reason for programs, in UPPER_SNAKE_CASE.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::OtherJournal { .. } => "OTHER_JOURNAL",
            Self::OutOfOrder { .. } => "OUT_OF_ORDER",
            Self::OtherHistory { .. } => "OTHER_HISTORY",
            Self::Checkpoint { .. } | Self::Entry { .. } => "JOURNAL_INVALID",
            Self::Content { .. } => "CONTENT_INVALID",
            Self::Statement { .. } => "STATEMENT_INVALID",
            Self::NoBackup(_) => "NO_BACKUP",
            Self::WrongKey { .. } => "WRONG_KEY",
            Self::Altered(OpenError::Truncated) => "TRUNCATED",
            Self::Altered(_) => "ALTERED",
            Self::Malformed(_) => "MALFORMED",
            Self::SizeUnknown { .. } => "SIZE_UNKNOWN",
            Self::Io(_) => "UNREADABLE",
            Self::History(_) | Self::Append(_) | Self::Stop(_) => "STORE_FAILED",
        }
    }
}
