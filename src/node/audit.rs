//! What an auditor may be shown now: content by a grant that still runs, and which readings of the
//! journal leave an entry.

use crate::clock::Timestamp;
use crate::domain::auditing::AuditFact;
use crate::domain::fact::Fact;
use crate::history::grants;
use crate::history::message::MessageRecord;
use crate::history::rows::{HistoryError, Rows};
use crate::node::setting::Setting;
use crate::wire;
use crate::wire::auditing::AuditScope;

/// Entries that are looked at to find whether a reading shows anything but readings.
const LOOKED_AT: usize = 64;

/// Whether a grant that still runs covers the message: one of it, or one of its request.
pub fn is_granted<R: Rows + ?Sized>(
    rows: &R,
    record: &MessageRecord,
    auditor: &str,
    now: Timestamp,
) -> Result<bool, HistoryError> {
    let address = record.header()?.address;
    let request = record.particulars.as_ref().map(|it| AuditScope::Request(it.request));
    let message = AuditScope::Message(address.origin, address.message);
    for scope in request.into_iter().chain([message]) {
        if grants::find(rows, auditor, &scope)?.is_some_and(|it| now < it.until) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether to read these entries of the volume that is written leaves an entry: once a replay, and not
/// where it shows nothing, or nothing but earlier readings. So whoever follows a journal that rests does
/// not make it grow.
///
/// # Errors
/// What can't be read.
pub fn is_recorded(setting: &Setting, from: u64, to: u64) -> Result<bool, HistoryError> {
    let damaged = || HistoryError::Damaged { what: "entry of the journal" };
    let count = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    if count == 0 || count > LOOKED_AT {
        return Ok(count > 0);
    }
    let mut at = from;
    while at < to {
        let page = setting.journal.read(at, count)?;
        if page.is_empty() {
            return Ok(false);
        }
        for bytes in page.iter().take(usize::try_from(to - at).unwrap_or(usize::MAX)) {
            let entry = wire::entry::read(bytes).map_err(|_| damaged())?;
            if !matches!(entry.fact, Fact::Audit(AuditFact::JournalRead { .. })) {
                return Ok(true);
            }
        }
        at = at.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
    }
    Ok(false)
}
