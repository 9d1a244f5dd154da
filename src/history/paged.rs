//! Dense sequences in pages: 64 places in one row, since what a store costs follows the number of its
//! values. Nothing is ever taken out of one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::history::rows::{HistoryError, Rows, Working, decode, trailing_number};

/// Places of one page.
const PAGE: u64 = 64;

fn page_key(sequence: &[u8], page: u64) -> Vec<u8> {
    [sequence, &page.to_be_bytes()].concat()
}

/// Puts the value of place `number`, counted from 0, which is the next of `sequence`: a key without
/// its last eight bytes.
///
/// # Errors
/// `Damaged` if another place is the next one.
pub fn put<T: Serialize + DeserializeOwned>(
    rows: &mut Working<'_>,
    sequence: &[u8],
    number: u64,
    value: T,
) -> Result<(), HistoryError> {
    let key = page_key(sequence, number / PAGE);
    let mut page: Vec<T> = rows.load(&key, "page of a sequence")?.unwrap_or_default();
    if u64::try_from(page.len()) != Ok(number % PAGE) {
        return Err(HistoryError::Damaged { what: "order of a sequence" });
    }
    page.push(value);
    rows.save(key, &page);
    Ok(())
}

/// The first number from `number` on that begins a page: where a sequence goes on if it leaves places
/// out.
pub fn page_from(number: u64) -> u64 {
    number.checked_next_multiple_of(PAGE).unwrap_or(number)
}

/// Up to `limit` places from number `from` on, ascending.
///
/// # Errors
/// What can't be read.
pub fn read<R: Rows + ?Sized, T: DeserializeOwned>(
    rows: &R,
    sequence: &[u8],
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, T)>, HistoryError> {
    let mut found = Vec::new();
    let mut next = from / PAGE;
    loop {
        // A page may have places that are not asked for, or be shorter than others.
        let left = limit.saturating_sub(found.len());
        let pages = (left / 64).saturating_add(2);
        let read = rows.rows(&page_key(sequence, next), &page_key(sequence, u64::MAX), pages)?;
        let is_last = read.len() < pages;
        for (key, value) in read {
            let page = trailing_number(&key)?;
            let before = page.saturating_mul(PAGE);
            let places: Vec<T> = decode(&value, "page of a sequence")?;
            found.extend((before..).zip(places).filter(|(number, _)| *number >= from));
            next = page.saturating_add(1);
        }
        if is_last || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    #[test]
    fn a_sequence_is_read_from_anywhere_and_grows_at_its_end_only() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        for number in 0..200 {
            put(&mut rows, b"pxa", number, number * 3).unwrap();
        }
        put(&mut rows, b"pxb", 0, 7_u64).unwrap();
        assert_eq!(rows.len(), 4 + 1, "four pages, and one of the other sequence");
        let numbers = |from: u64, limit| -> Vec<u64> {
            let found: Vec<(u64, u64)> = read(&rows, b"pxa", from, limit).unwrap();
            assert!(found.iter().all(|(number, value)| *value == number * 3));
            found.into_iter().map(|(number, _)| number).collect()
        };
        assert_eq!(numbers(0, 3), [0, 1, 2]);
        assert_eq!(numbers(60, 10), (60..70).collect::<Vec<_>>());
        assert_eq!(numbers(1, 150), (1..151).collect::<Vec<_>>());
        assert_eq!(numbers(195, usize::MAX), (195..200).collect::<Vec<_>>());
        assert!(numbers(200, 9).is_empty());
        assert!(put(&mut rows, b"pxa", 199, 0_u64).is_err());
        assert!(put(&mut rows, b"pxa", 201, 0_u64).is_err());
    }

    #[test]
    fn a_sequence_that_leaves_places_out_goes_on_with_a_page_of_its_own() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        assert_eq!([0, 1, 64, 65].map(page_from), [0, 64, 64, 128]);
        let mut expected = Vec::new();
        for begins in (0..9).map(|gap| page_from(gap * (1_000_000 + gap))) {
            for number in begins..begins + 2 {
                put(&mut rows, b"pxa", number, number).unwrap();
                expected.push((number, number));
            }
            assert!(put(&mut rows, b"pxa", begins + 69, 0_u64).is_err());
        }
        assert_eq!(read::<_, u64>(&rows, b"pxa", 0, 18).unwrap(), expected);
        assert_eq!(read::<_, u64>(&rows, b"pxa", 0, 100).unwrap(), expected);
        assert_eq!(read::<_, u64>(&rows, b"pxa", 0, 7).unwrap(), expected[..7]);
        assert_eq!(read::<_, u64>(&rows, b"pxa", 1, 3).unwrap(), expected[1..4]);
        assert_eq!(read::<_, u64>(&rows, b"pxa", 2, 1).unwrap(), expected[2..3]);
    }
}
