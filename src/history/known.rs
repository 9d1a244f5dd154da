//! What is remembered for good: calls by their idempotency key, handovers by their number.

use serde::{Deserialize, Serialize};

use crate::domain::attachment::AttachmentRef;
use crate::domain::digest::Digest;
use crate::domain::fact::Handover;
use crate::domain::header::Header;
use crate::history::message::MessageRecord;
use crate::history::rows::{HistoryError, Rows, Working, key};
use crate::history::table;

/// A call that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCall {
    /// HMAC over the call as it was submitted.
    pub fingerprint: Digest,
    /// Positions of the entries that it caused, in order.
    pub positions: Vec<u64>,
}

fn call_key(principal: &str, idempotency_key: &str) -> Vec<u8> {
    let hash = Digest::of_parts(&[principal.as_bytes(), b"\n", idempotency_key.as_bytes()]);
    key(table::CALLS, &[hash.as_bytes()])
}

/// The call that `principal` made with this key, if there was one.
pub fn call<R: Rows + ?Sized>(
    rows: &R,
    principal: &str,
    idempotency_key: &str,
) -> Result<Option<KnownCall>, HistoryError> {
    rows.load(&call_key(principal, idempotency_key), "known call")
}

/// Remembers that a call caused the entry at `position`.
pub fn remember_call(
    rows: &mut Working<'_>,
    principal: &str,
    idempotency_key: &str,
    fingerprint: Digest,
    position: u64,
) -> Result<(), HistoryError> {
    let fresh = KnownCall { fingerprint, positions: Vec::new() };
    let mut known = call(rows, principal, idempotency_key)?.unwrap_or(fresh);
    known.positions.push(position);
    rows.save(call_key(principal, idempotency_key), &known);
    Ok(())
}

fn handover_key(header: &Digest, handover: &Handover) -> Vec<u8> {
    let hash = Digest::of_parts(&[
        header.as_bytes(),
        handover.from.as_str().as_bytes(),
        b"\n",
        &handover.number.to_be_bytes(),
    ]);
    key(table::ANSWERS, &[hash.as_bytes()])
}

/// Position of the entry that answered this handover, if it was answered. What `record`, the message's
/// own, says of the handover that brought it is not said again beside it.
pub fn answer<R: Rows + ?Sized>(
    rows: &R,
    record: Option<&MessageRecord>,
    header: &Header,
    handover: &Handover,
) -> Result<Option<u64>, HistoryError> {
    if let Some(record) = record.filter(|it| it.came_by(header, handover)) {
        return Ok(Some(record.recorded));
    }
    answer_beside(rows, &header.hash(), handover)
}

/// Position of the entry that answered this handover, where no record says it: that of a refusal.
pub fn answer_beside<R: Rows + ?Sized>(
    rows: &R,
    header: &Digest,
    handover: &Handover,
) -> Result<Option<u64>, HistoryError> {
    rows.load(&handover_key(header, handover), "known handover")
}

/// Remembers the answer to a handover.
pub fn remember_answer(
    rows: &mut Working<'_>,
    header: &Digest,
    handover: &Handover,
    position: u64,
) {
    rows.save(handover_key(header, handover), &position);
}

fn carried_key(header: &Digest, number: u32, handover: &Handover) -> Vec<u8> {
    let hash = Digest::of_parts(&[
        header.as_bytes(),
        &number.to_be_bytes(),
        handover.from.as_str().as_bytes(),
        b"\n",
        &handover.number.to_be_bytes(),
    ]);
    key(table::ATTACHMENT_ANSWERS, &[hash.as_bytes()])
}

/// Position of the entry that says what became of an attachment by this handover, if one does.
pub fn carried<R: Rows + ?Sized>(
    rows: &R,
    header: &Digest,
    number: u32,
    handover: &Handover,
) -> Result<Option<u64>, HistoryError> {
    rows.load(&carried_key(header, number, handover), "known attachment")
}

/// Remembers the entry that says what became of an attachment by this handover.
pub(super) fn remember_carried(
    rows: &mut Working<'_>,
    attachment: &AttachmentRef,
    handover: &Handover,
    position: u64,
) {
    let key = carried_key(&attachment.message.header, attachment.number, handover);
    rows.save(key, &position);
}

fn statement_key(entry: &Digest) -> Vec<u8> {
    key(table::STATEMENTS, &[entry.as_bytes()])
}

/// Position of the entry that recorded this statement, if it was recorded; `record` is that of the
/// message that it is about.
pub fn statement<R: Rows + ?Sized>(
    rows: &R,
    record: Option<&MessageRecord>,
    entry: &Digest,
) -> Result<Option<u64>, HistoryError> {
    if let Some(position) = record.and_then(|it| it.recorded_statement(entry)) {
        return Ok(Some(position));
    }
    rows.load(&statement_key(entry), "known statement")
}

/// Remembers that a statement was recorded.
pub fn remember_statement(rows: &mut Working<'_>, entry: &Digest, position: u64) {
    rows.save(statement_key(entry), &position);
}
