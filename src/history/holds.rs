//! Requests of which nothing is erased: holds, each with the entry that placed it.

use crate::domain::ids::RequestId;
use crate::history::message::MessageRecord;
use crate::history::rows::{HistoryError, Rows, Working, request_row};
use crate::history::table::OfRequest;

fn hold_key(request: RequestId) -> Vec<u8> {
    request_row(request, OfRequest::Hold, &[])
}

/// Nothing of `request` is erased from now on.
pub(super) fn place(rows: &mut Working<'_>, request: RequestId, position: u64) {
    rows.save(hold_key(request), &position);
}

/// What is due may be erased again.
pub(super) fn release(rows: &mut Working<'_>, request: RequestId) {
    rows.remove(hold_key(request));
}

/// Position of the entry that placed the hold, if one stands.
pub fn placed<R: Rows + ?Sized>(rows: &R, request: RequestId) -> Result<Option<u64>, HistoryError> {
    rows.load(&hold_key(request), "hold of a request")
}

/// Position of the entry that placed the hold on the request in which a message stands, if one does.
pub fn of_message<R: Rows + ?Sized>(
    rows: &R,
    record: &MessageRecord,
) -> Result<Option<u64>, HistoryError> {
    match &record.particulars {
        Some(particulars) => placed(rows, particulars.request),
        None => Ok(None),
    }
}
