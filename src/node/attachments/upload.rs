//! How files are handed in: begun with their size and hash, brought in order a piece at a time, gone on
//! with after any stop, and whole only if they are what was said.
//!
//! What is limited is decided before the first byte. Pieces never pass the writer: only what begins and
//! ends a file does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::domain::digest::{Digest, Hashing};
use crate::envelope::attachment::{self, CHUNK, Resting};
use crate::history::rows::{HistoryError, after, key};
use crate::journal::files::{FileError, FileId};
use crate::journal::store::Store;
use crate::node::attachments::reading::Source;
use crate::node::attachments::{self, Form, Held, Mark, file_key, fresh_key, unused_key};
use crate::node::command::Outcome;
use crate::node::files;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::turn::Turn;

/// Bytes read at a time of what was handed in before a stop.
const STEP_BYTES: u64 = 16 * CHUNK;

/// What may be handed in, and held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes.
    pub file_bytes_max: u64,
    /// Most bytes of all attachments of one message.
    pub message_bytes_max: u64,
    /// Most bytes that everything held may take.
    pub quota_bytes: u64,
    /// What no message names is dropped after this time, in milliseconds.
    pub upload_ms: i64,
    /// Files that grow at a time.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 16 << 30,
            message_bytes_max: 32 << 30,
            quota_bytes: 256 << 30,
            upload_ms: 7 * 24 * 3600 * 1000,
            parallel: 8,
        }
    }
}

/// What becomes of a file that is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// It begins, unless it is here.
    Begin {
        /// Its size and hash, and whose it is.
        mark: Mark,
        /// Its size in bytes.
        bytes: u64,
    },
    /// All of it is here, and is what was said.
    Finish(FileId),
    /// It is not what was said.
    Drop(FileId),
    /// It was not used for too long.
    Expire(FileId),
}

/// Decides what becomes of a file that is handed in; no entry says so, and no message has it yet.
pub(in crate::node) fn decide(
    turn: &mut Turn<'_>,
    upload: Upload,
) -> Result<Result<Outcome, Rejection>, HistoryError> {
    match upload {
        Upload::Begin { mark, bytes } => {
            if turn.held_under(mark)?.is_some() {
                return Ok(Ok(Outcome::Unchanged));
            }
            if let Some(rejection) = over_a_limit(turn, bytes)? {
                return Ok(Err(rejection));
            }
            let file = FileId::random(turn.setting.entropy.as_ref());
            let key = fresh_key(turn.setting);
            turn.hold((file, Form::Own), (bytes, mark), &key, false)?;
            files::name(&mut turn.beside, file);
            turn.beside.put(unused_key(false, file), Vec::new());
            turn.holdings.growing = Some(growing(turn)?.saturating_add(1));
        }
        Upload::Finish(file) => {
            if let Some(held) = turn.held(file)?.filter(|it| !it.whole) {
                turn.put_held(file, Held { whole: true, ..held });
                turn.beside.delete(unused_key(false, file));
                turn.beside.put(unused_key(true, file), Vec::new());
            }
        }
        Upload::Drop(file) => drop_unused(turn, file, |_| true)?,
        Upload::Expire(file) => {
            let last = turn.now.plus_millis(-turn.setting.policy.attachments.upload_ms);
            drop_unused(turn, file, |held| held.since < last)?;
        }
    }
    Ok(Ok(Outcome::Unchanged))
}

fn drop_unused(
    turn: &mut Turn<'_>,
    file: FileId,
    must_go: impl Fn(&Held) -> bool,
) -> Result<(), HistoryError> {
    match turn.held(file)? {
        Some(held) if held.count == 0 && must_go(&held) => turn.let_go(file, &held),
        Some(_) | None => Ok(()),
    }
}

fn growing(turn: &Turn<'_>) -> Result<usize, HistoryError> {
    if let Some(known) = turn.holdings.growing {
        return Ok(known);
    }
    let (prefix, most) = (key(b"fW", &[&[0]]), turn.setting.policy.attachments.parallel);
    Ok(turn.setting.store.range(&prefix, &after(&prefix), most.saturating_add(1))?.len())
}

/// Why a file of this size can't be taken now.
fn over_a_limit(turn: &Turn<'_>, bytes: u64) -> Result<Option<Rejection>, HistoryError> {
    let limits = turn.setting.policy.attachments;
    if bytes > limits.file_bytes_max {
        return Ok(Some(over("attachment", "bytes", limits.file_bytes_max, bytes)));
    }
    if growing(turn)? >= limits.parallel {
        let (allowed, given) = (limits.parallel, limits.parallel.saturating_add(1));
        let [allowed, given] = [allowed, given].map(|it| u64::try_from(it).unwrap_or(u64::MAX));
        return Ok(Some(over("attachments that grow", "files", allowed, given)));
    }
    let resting = attachment::resting_bytes(bytes);
    let given = turn.attachment_bytes()?.saturating_add(resting);
    if given > limits.quota_bytes {
        return Ok(Some(over("all attachments", "bytes", limits.quota_bytes, given)));
    }
    let wanted = turn.setting.policy.low_water_bytes.saturating_add(resting);
    let is_low = turn.setting.free_bytes().is_some_and(|free| free < wanted);
    Ok(is_low.then(Rejection::storage_low))
}

/// A size or count that is over its limit.
pub fn over(what: &'static str, unit: &'static str, allowed: u64, given: u64) -> Rejection {
    let text = format!("{what}: {given} {unit} are over the limit of {allowed}");
    Rejection::new(RejectionReason::LimitExceeded, text)
        .with("limit", what)
        .with("unit", unit)
        .with("allowed", allowed.to_string())
        .with("given", given.to_string())
}

/// Files that no message has named for too long, up to `limit` of them.
///
/// # Errors
/// A store that fails.
pub fn expired(
    setting: &Setting,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<FileId>, HistoryError> {
    let last = now.plus_millis(-setting.policy.attachments.upload_ms);
    let prefix = key(b"fW", &[]);
    let (mut from, mut found) = (prefix.clone(), Vec::new());
    loop {
        let rows = setting.store.range(&from, &after(&prefix), limit)?;
        let Some((place, _)) = rows.last() else {
            return Ok(found);
        };
        from = after(place);
        for (place, _) in &rows {
            let damaged = HistoryError::Damaged { what: "file that no message names" };
            let file = place.last_chunk().copied().map(FileId::from_bytes).ok_or(damaged)?;
            let held = attachments::held(setting.store.as_ref(), file)?;
            if held.is_some_and(|it| it.since < last) {
                found.push(file);
            }
        }
        if found.len() >= limit {
            return Ok(found);
        }
    }
}

/// Why a piece was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PieceError {
    /// Nothing of this size and hash was begun.
    #[error("nothing of this size and hash was begun")]
    NotBegun,
    /// The piece does not begin where the file ends, or not at its place.
    #[error("the next piece begins at {offset}")]
    OutOfStep {
        /// Where the next piece begins.
        offset: u64,
    },
    /// A piece that is not the last one is no multiple of 16 KiB, or the piece goes beyond the end.
    #[error(
        "a piece is a multiple of {CHUNK} bytes, but for the last, and ends where the file does"
    )]
    Uneven,
    /// All pieces are here and are not what was said.
    #[error("the bytes have another hash")]
    DigestDiffers {
        /// The file, which is to be dropped.
        file: FileId,
    },
    /// The disk is full.
    #[error("the disk has no room")]
    NoRoom,
    /// Store or files failed.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl From<FileError> for PieceError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NoRoom { .. } => Self::NoRoom,
            other @ (FileError::Failed
            | FileError::Missing { .. }
            | FileError::Damaged { .. }
            | FileError::OutOfStep { .. }
            | FileError::Io { .. }) => Self::History(other.into()),
        }
    }
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are on the disk.
    pub durable: u64,
    /// Where the next piece begins.
    pub next: u64,
    /// The file whose last piece came, and which is to be finished by the writer.
    pub finished: Option<FileId>,
    /// All of it is here.
    pub complete: bool,
}

/// The hash of what has come of a file.
#[derive(Debug, Default)]
struct Hashed {
    bytes: u64,
    hashing: Hashing,
}

/// The files that grow in this process: their hashes so far. What is lost with the process is
/// reckoned again.
#[derive(Clone, Debug, Default)]
pub struct Growing(Arc<Mutex<BTreeMap<FileId, Arc<Mutex<Hashed>>>>>);

fn hold<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Growing {
    fn of(&self, file: FileId) -> Arc<Mutex<Hashed>> {
        Arc::clone(hold(&self.0).entry(file).or_default())
    }

    fn forget(&self, file: FileId) {
        hold(&self.0).remove(&file);
    }

    /// Where a file that was begun goes on.
    ///
    /// # Errors
    /// As [`Growing::append`].
    pub fn resume(
        &self,
        setting: &Setting,
        mark: Mark,
        digest: &Digest,
    ) -> Result<Progress, PieceError> {
        let (file, held) = begun(setting, mark)?;
        if held.whole {
            let bytes = held.bytes;
            return Ok(Progress { durable: bytes, next: bytes, finished: None, complete: true });
        }
        if setting.files.length(file).is_ok() {
            // It was whole, and compared, when the process stopped: maybe before its name was durable.
            setting.files.finish(file)?;
            return Ok(Progress::whole(file, held.bytes));
        }
        match setting.files.growth(file) {
            Ok(_) => {}
            Err(FileError::Missing { .. }) => setting.files.begin(file)?,
            Err(error) => return Err(error.into()),
        }
        let state = self.of(file);
        let mut hashed = hold(&state);
        let durable = setting.files.sync(file)?;
        self.go_on(setting, (file, &held), &mut hashed, (durable, digest))
    }

    /// Takes a piece of a file that was begun.
    ///
    /// # Errors
    /// Why not; the file is as it was, but for [`PieceError::DigestDiffers`].
    pub fn append(
        &self,
        setting: &Setting,
        (mark, digest): (Mark, &Digest),
        offset: u64,
        piece: &[u8],
    ) -> Result<Progress, PieceError> {
        let (file, held) = begun(setting, mark)?;
        if held.whole {
            return Err(PieceError::OutOfStep { offset: held.bytes });
        }
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(length);
        let is_even = length.is_multiple_of(CHUNK) || end == held.bytes;
        let state = self.of(file);
        let mut hashed = hold(&state);
        let growth = match setting.files.growth(file) {
            Err(FileError::Missing { .. }) => return Err(PieceError::NotBegun),
            growth => growth?,
        };
        let next = plain(growth.length, held.bytes);
        if offset != next {
            return Err(PieceError::OutOfStep { offset: next });
        }
        if length == 0 || end > held.bytes || !is_even {
            return Err(PieceError::Uneven);
        }
        if hashed.bytes != offset {
            catch_up(setting, (file, &held), &mut hashed, offset)?;
        }
        let resting = Resting::new(&file_key(setting, file, &held)?, file.as_bytes());
        let sealed = resting.seal(offset / CHUNK, piece);
        let growth = setting.files.append(file, growth.length, &sealed)?;
        hashed.hashing.update(piece);
        hashed.bytes = end;
        self.go_on(setting, (file, &held), &mut hashed, (growth.durable, digest))
    }

    /// Says where a file goes on, or makes it whole.
    fn go_on(
        &self,
        setting: &Setting,
        (file, held): (FileId, &Held),
        hashed: &mut Hashed,
        (durable, digest): (u64, &Digest),
    ) -> Result<Progress, PieceError> {
        let durable = plain(durable, held.bytes);
        let length = plain(setting.files.growth(file)?.length, held.bytes);
        if length < held.bytes {
            return Ok(Progress { durable, next: length, finished: None, complete: false });
        }
        catch_up(setting, (file, held), hashed, held.bytes)?;
        self.forget(file);
        if hashed.hashing.clone().finish() != *digest {
            return Err(PieceError::DigestDiffers { file });
        }
        setting.files.finish(file)?;
        Ok(Progress::whole(file, held.bytes))
    }
}

impl Progress {
    const fn whole(file: FileId, bytes: u64) -> Self {
        Self { durable: bytes, next: bytes, finished: Some(file), complete: true }
    }
}

fn begun(setting: &Setting, mark: Mark) -> Result<(FileId, Held), PieceError> {
    attachments::find(setting.store.as_ref(), mark)?.ok_or(PieceError::NotBegun)
}

/// Plain bytes in so many at rest, of a file of `bytes`.
fn plain(resting: u64, bytes: u64) -> u64 {
    if resting >= attachment::resting_bytes(bytes) {
        return bytes;
    }
    resting / attachment::RESTING_CHUNK * CHUNK
}

/// Reads again what came before a stop, up to `end`.
fn catch_up(
    setting: &Setting,
    (file, held): (FileId, &Held),
    hashed: &mut Hashed,
    end: u64,
) -> Result<(), PieceError> {
    if hashed.bytes > end {
        *hashed = Hashed::default();
    }
    let source = Source::over(setting, file, held)?;
    while hashed.bytes < end {
        let count = end.saturating_sub(hashed.bytes).min(STEP_BYTES);
        let mut piece = zeroize::Zeroizing::new(vec![0; usize::try_from(count).unwrap_or(0)]);
        source.read(hashed.bytes, &mut piece)?;
        hashed.hashing.update(&piece);
        hashed.bytes = hashed.bytes.saturating_add(count);
    }
    Ok(())
}
