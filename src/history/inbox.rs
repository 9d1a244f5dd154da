//! The inbox of a contact point: a dense sequence in which messages stand in the order of listing.

use crate::domain::header::MessageKey;
use crate::domain::ids::ContactPointId;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, name_part};
use crate::history::{paged, table};

fn places(desk: &ContactPointId) -> Vec<u8> {
    key(table::INBOX_PLACES, &[&name_part(&desk.to_string())])
}

fn counter_key(desk: &ContactPointId) -> Vec<u8> {
    key(table::INBOX_LENGTHS, &[&name_part(&desk.to_string())])
}

/// Where the inboxes begin in which nothing is listed yet.
fn first_key() -> Vec<u8> {
    key(table::INBOX_LENGTHS, &[])
}

/// The last place in the inbox of `desk`. While it is empty that is 0, or the end of what was left out
/// when a volume ended.
pub fn last<R: Rows + ?Sized>(rows: &R, desk: &ContactPointId) -> Result<u64, HistoryError> {
    let length = "length of an inbox";
    if let Some(place) = rows.load(&counter_key(desk), length)? {
        return Ok(place);
    }
    Ok(rows.load(&first_key(), length)?.unwrap_or(0))
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

/// Places that are left out when a volume ends: more than were given after what is here of it, since
/// nobody knows any more which were.
const GAP: u64 = 1 << 32;

/// Leaves so many places out in every inbox that none is given a second time, also in those that are
/// empty here: others may know of places that were given in them.
pub(super) fn leave_a_gap(rows: &mut Working<'_>) -> Result<(), HistoryError> {
    let prefix = first_key();
    if rows.load::<u64>(&prefix, "length of an inbox")?.is_none() {
        rows.save(prefix.clone(), &0_u64);
    }
    for (counter, value) in rows.rows(&prefix, &after(&prefix), usize::MAX)? {
        let place: u64 = decode(&value, "length of an inbox")?;
        // It goes on with a page of its own.
        rows.save(counter, &paged::page_from(place.saturating_add(GAP)));
    }
    Ok(())
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

    #[test]
    fn a_gap_leaves_old_places_readable_and_gives_none_again() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (desk, full): (ContactPointId, ContactPointId) =
            ("ita.a/one".parse().unwrap(), "ita.a/two".parse().unwrap());
        let message = |n: u8| MessageKey::from_slice(&[n; 24]).unwrap();
        for n in 1..=3 {
            list(&mut rows, &desk, message(n)).unwrap();
        }
        for n in 1..=64 {
            list(&mut rows, &full, message(n)).unwrap();
        }
        leave_a_gap(&mut rows).unwrap();
        let next = list(&mut rows, &desk, message(4)).unwrap();
        assert_eq!(next, GAP + 64 + 1, "it begins a page");
        assert_eq!(list(&mut rows, &full, message(65)).unwrap(), GAP + 64 + 1);
        leave_a_gap(&mut rows).unwrap();
        let later = list(&mut rows, &desk, message(5)).unwrap();
        assert!(later > next + GAP, "{later}");
        let all = [(1, 1), (2, 2), (3, 3), (next, 4), (later, 5)].map(|(at, n)| (at, message(n)));
        assert_eq!(page(&rows, &desk, 0, 10).unwrap(), all);
        assert_eq!(page(&rows, &desk, 0, 4).unwrap(), all[..4]);
        assert_eq!(page(&rows, &desk, 3, 1).unwrap(), all[3..4]);
        assert_eq!(page(&rows, &desk, next, 10).unwrap(), all[4..]);
        assert_eq!(last(&rows, &desk).unwrap(), later);
    }

    #[test]
    fn an_inbox_that_was_empty_when_a_volume_ended_gives_no_place_a_second_time() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let desk: ContactPointId = "ita.a/one".parse().unwrap();
        let message = |n: u8| MessageKey::from_slice(&[n; 24]).unwrap();
        leave_a_gap(&mut rows).unwrap();
        assert_eq!(list(&mut rows, &desk, message(1)).unwrap(), GAP + 1);
        assert_eq!(page(&rows, &desk, 5, 10).unwrap(), [(GAP + 1, message(1))]);
        let other: ContactPointId = "ita.a/two".parse().unwrap();
        leave_a_gap(&mut rows).unwrap();
        assert_eq!(list(&mut rows, &other, message(2)).unwrap(), 2 * GAP + 1);
        assert!(list(&mut rows, &desk, message(3)).unwrap() > 2 * GAP);
    }
}
