//! Rows: how folded state lies in the store, and the overlay in which a batch is decided.
//!
//! A row is a postcard value under a short key: two letters, then fixed-size parts, so that keys
//! sort as their parts do and stay within the store's limit.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, RequestId};
use crate::history::table::{self, OfRequest};
use crate::journal::JournalError;
use crate::journal::files::FileError;
use crate::journal::slots::SlotError;
use crate::journal::store::{Batch, KEY_BYTES_MAX, Store, StoreError, VALUE_BYTES_MAX};

/// A key and its value, as a range read gives them.
pub type Row = (Vec<u8>, Vec<u8>);

/// Why state could not be read or folded.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key under which content rests can't be used.
    #[error(transparent)]
    Slots(#[from] SlotError),
    /// A file beside the store can't be used.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A row or an entry does not read back as what it should be.
    #[error("{what} is damaged")]
    Damaged {
        /// Which row or entry.
        what: &'static str,
    },
}

/// Read access to rows: the store itself, or the overlay over it.
pub trait Rows {
    /// The value under `key`.
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Up to `limit` rows from `from` (inclusive) to `to` (exclusive), ascending.
    fn rows(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, HistoryError>;

    /// The typed value under `key`.
    fn load<T: DeserializeOwned>(
        &self,
        key: &[u8],
        what: &'static str,
    ) -> Result<Option<T>, HistoryError> {
        self.row(key)?.map(|bytes| decode(&bytes, what)).transpose()
    }
}

impl Rows for dyn Store + '_ {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(self.get(key)?)
    }

    fn rows(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, HistoryError> {
        Ok(self.range(from, to, limit)?)
    }
}

/// Reads what [`Working::save_long`] wrote.
pub fn load_long<R: Rows + ?Sized, T: DeserializeOwned>(
    rows: &R,
    key: &[u8],
    rest: &[u8],
    what: &'static str,
) -> Result<Option<T>, HistoryError> {
    let Some(value) = rows.row(key)? else {
        return Ok(None);
    };
    match value.split_first() {
        Some((0, bytes)) => decode(bytes, what).map(Some),
        Some((1, first)) => {
            let more = rows.row(rest)?.ok_or(HistoryError::Damaged { what })?;
            decode(&[first, &more].concat(), what).map(Some)
        }
        Some(_) | None => Err(HistoryError::Damaged { what }),
    }
}

/// The state as a batch sees it while it is being decided: the store plus what the batch did.
pub struct Working<'a> {
    under: Under<'a>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    touched: Vec<(RequestId, AgencyId)>,
    own: Option<AgencyId>,
}

/// What an overlay lies over.
enum Under<'a> {
    Store(&'a dyn Store),
    Working(&'a Working<'a>),
}

impl Under<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        match self {
            Self::Store(store) => Ok(store.get(key)?),
            Self::Working(rows) => rows.row(key),
        }
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, HistoryError> {
        match self {
            Self::Store(store) => Ok(store.range(from, to, limit)?),
            Self::Working(rows) => rows.rows(from, to, limit),
        }
    }
}

impl<'a> Working<'a> {
    /// Nothing written yet.
    pub fn over(store: &'a dyn Store) -> Self {
        let under = Under::Store(store);
        Self { under, writes: BTreeMap::new(), touched: Vec::new(), own: None }
    }

    /// An overlay over this one, to see what a fold would do.
    pub fn ahead(&'a self) -> Self {
        let under = Under::Working(self);
        Self { under, writes: BTreeMap::new(), touched: Vec::new(), own: None }
    }

    /// The folds are over the journal of `own`.
    pub(super) fn belongs_to(&mut self, own: &AgencyId) {
        self.own.get_or_insert_with(|| own.clone());
    }

    /// Is it the agency whose journal is folded?
    pub(super) fn is_own(&self, agency: &AgencyId) -> bool {
        self.own.as_ref() == Some(agency)
    }

    /// A fold changed where a request stands at an executing agency.
    pub fn touch(&mut self, request: RequestId, agency: &AgencyId) {
        if !self.touched.iter().any(|(it, at)| *it == request && at == agency) {
            self.touched.push((request, agency.clone()));
        }
    }

    /// Rows that were written or removed so far.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// The requests that folds changed, each with its executing agency.
    pub fn touched(&self) -> &[(RequestId, AgencyId)] {
        &self.touched
    }

    /// Writes a typed row.
    pub fn save<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        self.writes.insert(key, Some(encode(value)));
    }

    /// Writes a typed row that may be larger than one value: what does not fit goes on at `rest`.
    pub fn save_long<T: Serialize>(&mut self, key: Vec<u8>, rest: Vec<u8>, value: &T) {
        let bytes = encode(value);
        let (first, more) = match bytes.split_at_checked(VALUE_BYTES_MAX - 1) {
            Some((first, more)) if !more.is_empty() => (first, more),
            Some(_) | None => (bytes.as_slice(), [].as_slice()),
        };
        self.writes.insert(key, Some([&[u8::from(!more.is_empty())], first].concat()));
        if !more.is_empty() {
            self.writes.insert(rest, Some(more.to_vec()));
        }
    }

    /// Removes a row.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// True if nothing was written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// What was written, as one batch.
    pub fn into_batch(self) -> Batch {
        let mut batch = Batch::default();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch
    }
}

impl Rows for Working<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.under.get(key),
        }
    }

    fn rows(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, HistoryError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let written = self.writes.range(from.to_vec()..to.to_vec());
        let removed = written.clone().filter(|(_, value)| value.is_none()).count();
        let stored = self.under.range(from, to, limit.saturating_add(removed))?;
        let mut merged: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            stored.into_iter().map(|(key, value)| (key, Some(value))).collect();
        merged.extend(written.map(|(key, value)| (key.clone(), value.clone())));
        let present = merged.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Ok(present.take(limit).collect())
    }
}

/// The bytes of a row. Our own types always encode.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("rows hold no type that postcard refuses")
}

/// Reads the bytes of a row back.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, HistoryError> {
    postcard::from_bytes(bytes).map_err(|_| HistoryError::Damaged { what })
}

/// Bytes of a name in a key.
pub const NAME_PART_BYTES: usize = 16;

/// First 16 bytes of the hash of a name: names are longer than keys may be.
pub fn name_part(name: &str) -> [u8; NAME_PART_BYTES] {
    let digest = Digest::of(name.as_bytes());
    let mut part = [0; NAME_PART_BYTES];
    for (to, from) in part.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    part
}

/// A time as keys sort it; times before 1970 come first of all.
pub fn time_part(at: Timestamp) -> [u8; 8] {
    u64::try_from(at.millis()).unwrap_or(0).to_be_bytes()
}

/// A key of `table` and `parts`, one after the other.
pub fn key(table: &[u8; 2], parts: &[&[u8]]) -> Vec<u8> {
    let mut key = table.to_vec();
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A key of a request's rows of one sort, and `parts`, one after the other.
pub fn request_row(request: RequestId, sort: OfRequest, parts: &[&[u8]]) -> Vec<u8> {
    let sort = [sort as u8];
    let mut key = key(table::REQUESTS, &[request.as_bytes(), &sort]);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// An end of ranges that comes after all keys that begin with `prefix`, and before all others that
/// come after these. It begins with `prefix` too: what stands in keys may be hidden in the store, and
/// the next number after an id is another id.
pub fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    end.resize(end.len().max(KEY_BYTES_MAX.saturating_add(1)), u8::MAX);
    end
}

/// The last eight bytes of a key as a number.
pub fn trailing_number(key: &[u8]) -> Result<u64, HistoryError> {
    let damaged = HistoryError::Damaged { what: "key of a numbered row" };
    let tail = key.last_chunk::<8>().ok_or(damaged)?;
    Ok(u64::from_be_bytes(*tail))
}

/// The message key that a row holds.
pub fn message_key(value: &[u8]) -> Result<MessageKey, HistoryError> {
    MessageKey::from_slice(value).ok_or(HistoryError::Damaged { what: "message key in a row" })
}

/// The request id that a row holds.
pub fn request_id(value: &[u8]) -> Result<RequestId, HistoryError> {
    RequestId::from_slice(value).ok_or(HistoryError::Damaged { what: "request id in a row" })
}
