//! Bytes of attachments that are here: plain for who may read them, sealed for the road.

use crate::domain::digest::{Digest, Hashing};
use crate::domain::header::{Header, SealedAttachment};
use crate::envelope::attachment::{self, CHUNK, RESTING_CHUNK, Resting, Travelling};
use crate::history::attachments::{self, Whereabouts};
use crate::history::rows::HistoryError;
use crate::journal::files::{FileError, FileId, Files};
use crate::node::attachments::{Form, Held, file_key, held, of_message};
use crate::node::content::{self, ContentError};
use crate::node::setting::Setting;
use crate::node::travelling;
use crate::redact::Secret;
use crate::wire;

/// Bytes that one step of a pass over a file reads.
const STEP_BYTES: usize = 256 * 1024;

enum Opening {
    Own(Resting),
    Travelled(Travelling),
}

/// The plain bytes of a file that is held.
pub struct Source {
    files: Files,
    file: FileId,
    bytes: u64,
    opening: Opening,
}

impl Source {
    /// Opens a file; none if it is not held.
    ///
    /// # Errors
    /// A store or slots that fail, a key that does not open.
    pub fn open(setting: &Setting, file: FileId) -> Result<Option<Self>, HistoryError> {
        let Some(held) = held(setting.store.as_ref(), file)? else {
            return Ok(None);
        };
        Ok(Some(Self::over(setting, file, &held)?))
    }

    /// Opens what a reviewing transit holds of an attachment, of so many plain bytes, as it came; none if not
    /// all of it is here. Whether it is what the content says, the destination finds out.
    ///
    /// # Errors
    /// A store or content that can't be read, a size that contradicts what came.
    pub fn in_transit(
        setting: &Setting,
        header: &Header,
        (number, bytes): (attachment::Number, u64),
    ) -> Result<Option<Self>, ContentError> {
        let (store, key) = (setting.store.as_ref(), header.key());
        let record = attachments::find(store, key, number)?;
        let is_here = record.is_some_and(|it| it.whereabouts == Whereabouts::Here);
        let file = travelling::file(store, key, number)?.filter(|_| is_here);
        let (Some(file), Some(sealed)) = (file, travelling::sealed(setting, key, number)?) else {
            return Ok(None);
        };
        let content = content::open(setting, header)?;
        let opens = wire::draft::attachment_key(&content).map_err(|_| ContentError::Unreadable)?;
        let opens = opens.ok_or(ContentError::Unreadable)?;
        let came = Travelling::new(&opens, number, bytes).map_err(|_| ContentError::Unreadable)?;
        if came.bytes() != sealed.bytes {
            return Err(ContentError::Unreadable);
        }
        let files = setting.files.clone();
        Ok(Some(Self { files, file, bytes, opening: Opening::Travelled(came) }))
    }

    pub(super) fn over(setting: &Setting, file: FileId, held: &Held) -> Result<Self, HistoryError> {
        let key = file_key(setting, file, held)?;
        let opening = match held.form {
            Form::Own => Opening::Own(Resting::new(&key, file.as_bytes())),
            Form::Travelled { number } => {
                let damaged = |_| HistoryError::Damaged { what: "size of an attachment" };
                let travelling = Travelling::new(&key, number, held.bytes).map_err(damaged)?;
                Opening::Travelled(travelling)
            }
        };
        Ok(Self { files: setting.files.clone(), file, bytes: held.bytes, opening })
    }

    /// Its size in bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `into` with plain bytes from `at` on.
    ///
    /// # Errors
    /// [`FileError::Damaged`] behind the end, and where bytes are not those that were written.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<(), FileError> {
        let damaged = || FileError::Damaged { id: self.file };
        let mut filled = 0;
        while filled < into.len() {
            let place = at.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            let chunk = place / CHUNK;
            let plain = self.chunk(chunk)?;
            let skipped = usize::try_from(place % CHUNK).map_err(|_| damaged())?;
            let rest = plain.get(skipped..).filter(|it| !it.is_empty()).ok_or_else(damaged)?;
            let to = into.get_mut(filled..).ok_or_else(damaged)?;
            let count = rest.len().min(to.len());
            for (to, from) in to.iter_mut().zip(rest) {
                *to = *from;
            }
            filled = filled.saturating_add(count);
        }
        Ok(())
    }

    fn chunk(&self, number: u64) -> Result<zeroize::Zeroizing<Vec<u8>>, FileError> {
        let damaged = |_| FileError::Damaged { id: self.file };
        match &self.opening {
            Opening::Own(resting) => {
                let begins = number.saturating_mul(CHUNK);
                let plain = self.bytes.saturating_sub(begins).min(CHUNK);
                let sealed = usize::try_from(attachment::resting_bytes(plain)).unwrap_or(0);
                let mut bytes = vec![0; sealed];
                self.files.read(self.file, number.saturating_mul(RESTING_CHUNK), &mut bytes)?;
                resting.open(number, &bytes).map_err(damaged)
            }
            Opening::Travelled(travelling) => {
                let (at, count) = travelling.place(number);
                let mut bytes = vec![0; count];
                self.files.read(self.file, at, &mut bytes)?;
                travelling.open(number, &bytes).map_err(damaged)
            }
        }
    }

    /// The hash of its plain bytes; its file is neither shorter nor longer than they are.
    ///
    /// # Errors
    /// As [`Source::read`], and [`FileError::Missing`] without a file.
    pub fn plain_digest(&self) -> Result<Digest, FileError> {
        let resting = match &self.opening {
            Opening::Own(_) => attachment::resting_bytes(self.bytes),
            Opening::Travelled(travelling) => travelling.bytes(),
        };
        if self.files.length(self.file)? != resting {
            return Err(FileError::Damaged { id: self.file });
        }
        let (mut hashing, mut at) = (Hashing::default(), 0);
        let mut buffer = zeroize::Zeroizing::new(vec![0; STEP_BYTES]);
        while at < self.bytes {
            let left = usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(STEP_BYTES);
            let piece = buffer.get_mut(..left.min(STEP_BYTES)).unwrap_or_default();
            self.read(at, piece)?;
            hashing.update(piece);
            at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Ok(hashing.finish())
    }

    /// What it is on the road as attachment `number` under a message's attachment key: one pass over
    /// the file.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn sealed(
        &self,
        key: &Secret<32>,
        number: attachment::Number,
    ) -> Result<SealedAttachment, FileError> {
        let too_long = |_| FileError::Damaged { id: self.file };
        let travelling = Travelling::new(key, number, self.bytes).map_err(too_long)?;
        let (mut hashing, mut at) = (Hashing::default(), 0);
        while at < travelling.bytes() {
            let piece = travelling.read(at, STEP_BYTES, |at, into| self.read(at, into))?;
            hashing.update(&piece);
            at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Ok(SealedAttachment { digest: hashing.finish(), bytes: travelling.bytes() })
    }
}

/// An attachment of a message that this agency sent, as it travels; made anew at any place.
pub struct Road {
    source: Source,
    travelling: Travelling,
}

impl Road {
    /// Attachment `number` of a message; none if it is not here (any more).
    ///
    /// # Errors
    /// A store, slots or content that can't be read.
    pub fn open(
        setting: &Setting,
        header: &Header,
        number: attachment::Number,
    ) -> Result<Option<Self>, ContentError> {
        let Some(file) = of_message(setting.store.as_ref(), header.key(), number)? else {
            return Ok(None);
        };
        let Some(source) = Source::open(setting, file)? else {
            return Ok(None);
        };
        let content = content::open(setting, header)?;
        let unreadable = |_| ContentError::Unreadable;
        let key = wire::draft::attachment_key(&content).map_err(unreadable)?;
        let key = key.ok_or(ContentError::Unreadable)?;
        let travelling = Travelling::new(&key, number, source.bytes());
        let travelling = travelling.map_err(|_| ContentError::Unreadable)?;
        Ok(Some(Self { source, travelling }))
    }

    /// Its size on the road, in bytes.
    pub const fn bytes(&self) -> u64 {
        self.travelling.bytes()
    }

    /// `length` sealed bytes from `at` on, or as many as there are.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, FileError> {
        self.travelling.read(at, length, |at, into| self.source.read(at, into))
    }
}
