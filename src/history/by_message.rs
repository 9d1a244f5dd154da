//! One value for each message of a sort, found by the message and read in pages.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::header::MessageKey;
use crate::domain::ids::MessageId;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, message_key};

/// Most messages of one id that are looked at.
const NAMESAKES_MAX: usize = 64;

/// Up to `limit` messages that have a row in `table`, after the message `from`.
pub(super) fn keys<R: Rows + ?Sized>(
    rows: &R,
    table: &[u8; 2],
    from: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    let prefix = key(table, &[]);
    let next = |it: MessageKey| [key(table, &[it.as_bytes()]).as_slice(), &[0]].concat();
    let first = from.map_or_else(|| prefix.clone(), next);
    let found = rows.rows(&first, &after(&prefix), limit)?;
    found
        .iter()
        .map(|(place, _)| message_key(place.get(table.len()..).unwrap_or_default()))
        .collect()
}

/// The rows of one table whose keys are messages.
pub struct ByMessage<T> {
    table: [u8; 2],
    what: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> ByMessage<T> {
    /// Those of `table`; `what` names one that is damaged.
    pub(super) const fn of(table: &[u8; 2], what: &'static str) -> Self {
        Self { table: *table, what, value: PhantomData }
    }

    fn row_key(&self, message: MessageKey) -> Vec<u8> {
        key(&self.table, &[message.as_bytes()])
    }

    /// The value of a message; none if it has none.
    pub fn find<R: Rows + ?Sized>(
        &self,
        rows: &R,
        message: MessageKey,
    ) -> Result<Option<T>, HistoryError> {
        rows.load(&self.row_key(message), self.what)
    }

    /// Keeps the value of a message.
    pub(super) fn put(&self, rows: &mut Working<'_>, message: MessageKey, value: &T) {
        rows.save(self.row_key(message), value);
    }

    /// Takes the value of a message out, if it has one.
    pub(super) fn take(
        &self,
        rows: &mut Working<'_>,
        message: MessageKey,
    ) -> Result<Option<T>, HistoryError> {
        let found = self.find(rows, message)?;
        if found.is_some() {
            rows.remove(self.row_key(message));
        }
        Ok(found)
    }

    /// Those of messages with this id, of different origins.
    pub fn namesakes<R: Rows + ?Sized>(
        &self,
        rows: &R,
        id: MessageId,
    ) -> Result<Vec<(MessageKey, T)>, HistoryError> {
        let first = key(&self.table, &[id.as_bytes()]);
        self.between(rows, (&first, &after(&first)), NAMESAKES_MAX)
    }

    /// Up to `limit` of them after the message `from`, in the order of the messages' ids.
    pub fn page<R: Rows + ?Sized>(
        &self,
        rows: &R,
        from: Option<MessageKey>,
        limit: usize,
    ) -> Result<Vec<(MessageKey, T)>, HistoryError> {
        let prefix = key(&self.table, &[]);
        let next = |it| [self.row_key(it).as_slice(), &[0]].concat();
        let first = from.map_or_else(|| prefix.clone(), next);
        self.between(rows, (&first, &after(&prefix)), limit)
    }

    fn between<R: Rows + ?Sized>(
        &self,
        rows: &R,
        (first, end): (&[u8], &[u8]),
        limit: usize,
    ) -> Result<Vec<(MessageKey, T)>, HistoryError> {
        let mut found = Vec::new();
        for (place, value) in rows.rows(first, end, limit)? {
            let message = message_key(place.get(self.table.len()..).unwrap_or_default())?;
            found.push((message, decode(&value, self.what)?));
        }
        Ok(found)
    }
}
