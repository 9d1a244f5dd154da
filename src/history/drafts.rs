//! Drafts that wait for a second pair of eyes, and what became of them. What they say lies sealed beside
//! the journal, only while they wait; what is here is without a word of it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::digest::Digest;
use crate::domain::ids::{ContactPointId, MessageId, RequestId};
use crate::domain::kinds::KindCode;
use crate::history::rows::{HistoryError, Rows, Working, after, key, time_part};
use crate::history::table;

/// How a draft stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DraftState {
    /// Somebody who may release at its desk owes a word.
    Waiting,
    /// It was approved, and is sent.
    Approved,
    /// It was taken or sent back.
    Withdrawn,
    /// Its time has run out.
    Expired,
}

impl DraftState {
    /// The word for it on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// How a draft ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftEnd {
    /// When.
    pub at: Timestamp,
    /// SPIFFE id of who ended it; none where its time ran out.
    pub by: Option<String>,
    /// Position of the entry.
    pub position: u64,
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRecord {
    /// SPIFFE id of who drafted it.
    pub drafter: String,
    /// The drafter's name for the call.
    pub call: String,
    /// HMAC over that call.
    pub fingerprint: Digest,
    /// The desk that it is sent from.
    pub desk: ContactPointId,
    /// The request that it belongs to, or that it is to open.
    pub request: RequestId,
    /// Its kind.
    pub kind: KindCode,
    /// Its act.
    pub act: Act,
    /// When it was drafted.
    pub made_at: Timestamp,
    /// Position of that entry.
    pub made: u64,
    /// It waits until then.
    pub until: Timestamp,
    /// How it stands.
    pub state: DraftState,
    /// How it ended, once it has.
    pub end: Option<DraftEnd>,
    /// Positions of the entries of the messages that it became.
    pub became: Vec<u64>,
}

fn draft_key(draft: MessageId) -> Vec<u8> {
    key(table::DRAFTS, &[draft.as_bytes()])
}

fn waiting_key(draft: MessageId) -> Vec<u8> {
    key(table::DRAFTS_WAITING, &[draft.as_bytes()])
}

fn end_key(until: Timestamp, draft: MessageId) -> Vec<u8> {
    key(table::DRAFTS_BY_END, &[&time_part(until), draft.as_bytes()])
}

/// The draft, if there is or was one.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    draft: MessageId,
) -> Result<Option<DraftRecord>, HistoryError> {
    rows.load(&draft_key(draft), "record of a draft")
}

/// Keeps what is known of a draft, and whether it waits.
pub(super) fn save(rows: &mut Working<'_>, draft: MessageId, record: &DraftRecord) {
    rows.save(draft_key(draft), record);
    let (waiting, end) = (waiting_key(draft), end_key(record.until, draft));
    if record.state == DraftState::Waiting {
        rows.save(waiting, &());
        rows.save(end, &());
    } else {
        rows.remove(waiting);
        rows.remove(end);
    }
}

/// Up to `limit` drafts after `from`, the oldest first: those that wait, or all there ever were.
pub fn page<R: Rows + ?Sized>(
    rows: &R,
    only_waiting: bool,
    from: Option<MessageId>,
    limit: usize,
) -> Result<Vec<MessageId>, HistoryError> {
    let table = if only_waiting { table::DRAFTS_WAITING } else { table::DRAFTS };
    let prefix = key(table, &[]);
    let first = from.map_or_else(|| prefix.clone(), |it| after(&key(table, &[it.as_bytes()])));
    let found = rows.rows(&first, &after(&prefix), limit)?;
    found.iter().map(|(key, _)| id_at_end(key)).collect()
}

/// Up to `limit` drafts whose time has run out at `now`.
pub fn ended<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MessageId>, HistoryError> {
    let prefix = key(table::DRAFTS_BY_END, &[]);
    let end = after(&key(table::DRAFTS_BY_END, &[&time_part(now)]));
    let found = rows.rows(&prefix, &end, limit)?;
    found.iter().map(|(key, _)| id_at_end(key)).collect()
}

fn id_at_end(key: &[u8]) -> Result<MessageId, HistoryError> {
    let damaged = HistoryError::Damaged { what: "key of a draft" };
    let id = key.last_chunk::<16>().ok_or(damaged)?;
    Ok(MessageId::from_bytes(*id))
}
