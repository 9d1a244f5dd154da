//! The inbox of a contact point: a dense sequence in which messages stand in the order of listing.

use crate::domain::header::MessageKey;
use crate::domain::ids::ContactPointId;
use crate::history::rows::{HistoryError, Rows, Working, key, name_part};
use crate::history::{paged, table};

fn places(desk: &ContactPointId) -> Vec<u8> {
    key(table::INBOX_PLACES, &[&name_part(&desk.to_string())])
}

fn counter_key(desk: &ContactPointId) -> Vec<u8> {
    key(table::INBOX_LENGTHS, &[&name_part(&desk.to_string())])
}

/// The last place in the inbox of `desk`; 0 while it is empty.
pub fn last<R: Rows + ?Sized>(rows: &R, desk: &ContactPointId) -> Result<u64, HistoryError> {
    Ok(rows.load(&counter_key(desk), "length of an inbox")?.unwrap_or(0))
}

/// Lists a message as the next in the inbox of `desk`; gives its place, counted from 1.
pub fn list(
    rows: &mut Working<'_>,
    desk: &ContactPointId,
    message: MessageKey,
) -> Result<u64, HistoryError> {
    let before = last(rows, desk)?;
    let place = before.saturating_add(1);
    rows.save(counter_key(desk), &place);
    paged::put(rows, &places(desk), before, message)?;
    Ok(place)
}

/// Up to `limit` places after `after`, ascending.
pub fn page<R: Rows + ?Sized>(
    rows: &R,
    desk: &ContactPointId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, MessageKey)>, HistoryError> {
    let found = paged::read(rows, &places(desk), after, limit)?;
    Ok(found.into_iter().map(|(before, message)| (before.saturating_add(1), message)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    #[test]
    fn places_are_dense_and_desks_are_apart() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (one, two): (ContactPointId, ContactPointId) =
            ("ita.a/one".parse().unwrap(), "ita.a/two".parse().unwrap());
        let message = |n: u8| MessageKey::from_slice(&[n; 24]).unwrap();
        for n in 1..=3 {
            assert_eq!(list(&mut rows, &one, message(n)).unwrap(), u64::from(n));
        }
        assert_eq!(list(&mut rows, &two, message(9)).unwrap(), 1);
        assert_eq!(page(&rows, &one, 1, 10).unwrap(), [(2, message(2)), (3, message(3))]);
        assert_eq!(page(&rows, &two, 0, 10).unwrap(), [(1, message(9))]);
        assert_eq!(last(&rows, &one).unwrap(), 3);
    }
}
