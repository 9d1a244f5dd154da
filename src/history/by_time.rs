//! Messages by a time at which somebody comes back to them, the earliest first.

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::history::rows::{HistoryError, Rows, Working, key, message_key, time_part};
use crate::history::table::Table;

/// The rows of one table whose keys are a time and a message.
pub(super) struct ByTime(Table);

impl ByTime {
    /// Those of `table`.
    pub(super) const fn of(table: Table) -> Self {
        Self(table)
    }

    fn place(&self, at: Timestamp, message: MessageKey) -> Vec<u8> {
        key(self.0, &[&time_part(at), message.as_bytes()])
    }

    /// Comes back to `message` at that time.
    pub(super) fn put(&self, rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
        rows.save(self.place(at, message), &message);
    }

    /// Does not come back to it for that time.
    pub(super) fn remove(&self, rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
        rows.remove(self.place(at, message));
    }

    /// Up to `limit` messages whose time is before `end`.
    pub(super) fn before<R: Rows + ?Sized>(
        &self,
        rows: &R,
        end: Timestamp,
        limit: usize,
    ) -> Result<Vec<MessageKey>, HistoryError> {
        let found = self.placed_before(rows, end, None, limit)?;
        Ok(found.into_iter().map(|(_, message)| message).collect())
    }

    /// The same with their places, and after the place `from`.
    pub(super) fn placed_before<R: Rows + ?Sized>(
        &self,
        rows: &R,
        end: Timestamp,
        from: Option<&Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, MessageKey)>, HistoryError> {
        let first = from.map_or_else(|| key(self.0, &[]), |it| [it.as_slice(), &[0]].concat());
        let found = rows.rows(&first, &key(self.0, &[&time_part(end)]), limit)?;
        found.into_iter().map(|(place, value)| Ok((place, message_key(&value)?))).collect()
    }

    /// Up to `limit` messages whose time has come at `now`.
    pub(super) fn until<R: Rows + ?Sized>(
        &self,
        rows: &R,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<MessageKey>, HistoryError> {
        self.before(rows, now.plus_millis(1), limit)
    }
}
