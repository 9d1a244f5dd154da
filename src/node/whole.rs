//! Checks an attachment of which all has come: that it is what the header names, and, at its
//! destination, that it opens to what the content says of it.

use crate::domain::digest::{Digest, Hashing};
use crate::domain::fact::Reason;
use crate::envelope::attachment::{FRONT, TRAVELLING_CHUNK, Travelling};
use crate::history::message::{self, Part};
use crate::history::rows::HistoryError;
use crate::journal::files::FileId;
use crate::node::content::{self, ContentError};
use crate::node::setting::Setting;
use crate::node::travelling::{Offered, Wanted};
use crate::redact::Secret;
use crate::wire;
use crate::wire::draft::Described;

/// Chunks that one step reads and checks (2 MiB).
const STEP_CHUNKS: u64 = 128;
/// Steps after which the peer hears that the check goes on.
const STEPS_TO_A_WORD: u64 = 16;

/// What a check came to.
#[derive(Debug)]
pub enum Found {
    /// It is what the header names; opened, it is what the content says, where this agency can open it.
    Whole(Option<Plain>),
    /// It is not, and never will be.
    Refused(Reason),
}

/// What leads to the plain bytes of an attachment.
#[derive(Debug)]
pub struct Plain {
    /// SHA-256 of them.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
    /// The key of the message's attachments.
    pub key: Secret<32>,
}

/// A check under way.
pub struct Check {
    file: FileId,
    sealed: Digest,
    bytes: u64,
    at: u64,
    hashing: Hashing,
    opening: Opening,
}

enum Opening {
    /// It is passed on sealed, or this agency can't open it.
    Sealed,
    /// It is opened chunk by chunk.
    Open(Box<Opened>),
    /// It can't be what the content says.
    False,
}

struct Opened {
    travelling: Travelling,
    key: Secret<32>,
    described: Described,
    hashing: Hashing,
}

impl Check {
    /// Begins to check what was brought for an attachment.
    ///
    /// # Errors
    /// `HistoryError` if the state can't be read.
    pub fn begin(
        setting: &Setting,
        offered: &Offered,
        wanted: &Wanted,
    ) -> Result<Self, HistoryError> {
        Ok(Self {
            file: wanted.file,
            sealed: wanted.sealed.digest,
            bytes: wanted.sealed.bytes,
            at: 0,
            hashing: Hashing::default(),
            opening: opening(setting, offered, wanted)?,
        })
    }

    /// Checks some more; what was found, once all of it was seen.
    ///
    /// # Errors
    /// `HistoryError` if the file can't be read.
    pub fn step(&mut self, setting: &Setting) -> Result<Option<Found>, HistoryError> {
        let whole = if self.at == 0 { FRONT } else { STEP_CHUNKS * TRAVELLING_CHUNK };
        let length = whole.min(self.bytes.saturating_sub(self.at));
        let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
        setting.files.read(self.file, self.at, &mut piece)?;
        self.hashing.update(&piece);
        if self.at == 0 {
            self.check_front(&piece);
        } else {
            self.open_chunks(&piece);
        }
        self.at = self.at.saturating_add(length);
        Ok((self.at >= self.bytes).then(|| self.found()))
    }

    /// Whether so much was read since the last time that the peer is to hear of it.
    pub const fn is_worth_a_word(&self) -> bool {
        (self.at / (STEP_CHUNKS * TRAVELLING_CHUNK)).is_multiple_of(STEPS_TO_A_WORD)
    }

    fn check_front(&mut self, front: &[u8]) {
        if let Opening::Open(opened) = &self.opening
            && opened.travelling.front().as_slice() != front
        {
            self.opening = Opening::False;
        }
    }

    fn open_chunks(&mut self, piece: &[u8]) {
        let first = self.at.saturating_sub(FRONT) / TRAVELLING_CHUNK;
        let Opening::Open(opened) = &mut self.opening else {
            return;
        };
        let chunk_bytes = usize::try_from(TRAVELLING_CHUNK).unwrap_or(usize::MAX);
        for (number, chunk) in (first..).zip(piece.chunks(chunk_bytes)) {
            match opened.travelling.open(number, chunk) {
                Ok(plain) => opened.hashing.update(&plain),
                Err(_) => {
                    self.opening = Opening::False;
                    return;
                }
            }
        }
    }

    fn found(&mut self) -> Found {
        if std::mem::take(&mut self.hashing).finish() != self.sealed {
            return Found::Refused(Reason::AttachmentAltered);
        }
        match std::mem::replace(&mut self.opening, Opening::Sealed) {
            Opening::Sealed => Found::Whole(None),
            Opening::False => Found::Refused(Reason::AttachmentFalse),
            Opening::Open(opened) => {
                let Opened { key, described, hashing, .. } = *opened;
                if hashing.finish() != described.digest {
                    return Found::Refused(Reason::AttachmentFalse);
                }
                let Described { digest, bytes, .. } = described;
                Found::Whole(Some(Plain { digest, bytes, key }))
            }
        }
    }
}

/// How an attachment is opened here.
fn opening(setting: &Setting, offered: &Offered, wanted: &Wanted) -> Result<Opening, HistoryError> {
    let key = offered.message.key();
    let Some(record) = message::find(setting.store.as_ref(), key)? else {
        return Ok(Opening::Sealed);
    };
    if record.part != Part::Destination {
        return Ok(Opening::Sealed);
    }
    let content = match content::open(setting, &record.header()?) {
        Ok(content) => content,
        Err(ContentError::Absent | ContentError::Unreadable) => return Ok(Opening::Sealed),
        Err(ContentError::History(error)) => return Err(error),
    };
    let described = wire::draft::attachments(&content).ok();
    let place = usize::try_from(offered.number).ok().and_then(|it| it.checked_sub(1));
    let described = described.zip(place).and_then(|(all, place)| all.into_iter().nth(place));
    let key = wire::draft::attachment_key(&content).ok().flatten();
    let (Some(described), Some(key)) = (described, key) else {
        return Ok(Opening::False);
    };
    let travelling = Travelling::new(&key, offered.number, described.bytes).ok();
    match travelling.filter(|it| it.bytes() == wanted.sealed.bytes) {
        Some(travelling) => {
            let hashing = Hashing::default();
            Ok(Opening::Open(Box::new(Opened { travelling, key, described, hashing })))
        }
        None => Ok(Opening::False),
    }
}
