//! Entries packed into pages: a run of entries, each after its length (two bytes, big-endian),
//! stored under the position of the first.
//!
//! Memory and start of the store follow the number of values, not their bytes, so small entries
//! share a value of up to 4 KiB. An append that does not fill the last page writes it again, longer.
//! The price: with entries of 600 bytes appended one by one, six share a page and it is written
//! 3.5 times over on average, about 2 KB for each entry, beside a sync that costs the disk far
//! more; in batches of six or more it is written about once. Where a page ends follows from the
//! entries alone and not from how they were batched.

use std::ops::Range;

use super::records::{Record, number_in, page_key};
use super::store::{Store, VALUE_BYTES_MAX};
use super::{Fault, JournalError};

/// Bytes in front of each entry of a page.
const LENGTH_BYTES: usize = 2;
/// Pages that are read in one go.
const PAGES_PER_READ: usize = 16;

/// A page that can still grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) first: u64,
    pub(super) bytes: Vec<u8>,
}

impl Page {
    /// A page without entries that will begin at position `first`.
    pub(super) fn empty(first: u64) -> Self {
        Self { first, bytes: Vec::new() }
    }

    /// Adds an entry; `false` if it belongs into the next page.
    pub(super) fn push(&mut self, entry: &[u8]) -> bool {
        let fits = self.bytes.len() + LENGTH_BYTES + entry.len() <= VALUE_BYTES_MAX;
        if let (true, Ok(length)) = (fits, u16::try_from(entry.len())) {
            self.bytes.extend_from_slice(&length.to_be_bytes());
            self.bytes.extend_from_slice(entry);
            return true;
        }
        false
    }

    /// The entries of the page in order.
    pub(super) fn entries(&self) -> Result<Vec<&[u8]>, JournalError> {
        let mut rest = self.bytes.as_slice();
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let entry = rest.split_first_chunk::<LENGTH_BYTES>().and_then(|(length, after)| {
                after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            });
            let (entry, after) = entry
                .filter(|(entry, _)| !entry.is_empty())
                .ok_or_else(|| damaged(self.first, Fault::Malformed))?;
            entries.push(entry);
            rest = after;
        }
        if entries.is_empty() {
            return Err(damaged(self.first, Fault::Malformed));
        }
        Ok(entries)
    }
}

/// The page that the entry at position `size` may still go into.
pub(super) fn tail(store: &impl Store, size: u64) -> Result<Page, JournalError> {
    if size == 0 {
        return Ok(Page::empty(0));
    }
    let page = page_of(store, size - 1)?;
    if position_after(page.first, page.entries()?.len()) != size {
        return Err(damaged(page.first, Fault::OutOfPlace));
    }
    Ok(page)
}

/// The page that holds the entry at `position`.
pub(super) fn page_of(store: &impl Store, position: u64) -> Result<Page, JournalError> {
    let found = store.range_back(&page_key(0), &after(position), 1)?;
    let page = found.into_iter().next().and_then(|(key, bytes)| page(&key, bytes));
    page.ok_or_else(|| damaged(position, Fault::Missing))
}

/// Entries from `from` to `to` (exclusive), at most `limit`: read page by page, each of which must
/// begin where the last one ended.
pub(super) fn read(
    store: &impl Store,
    from: u64,
    to: u64,
    limit: usize,
) -> Result<Vec<Vec<u8>>, JournalError> {
    let to = to.min(position_after(from, limit));
    let mut entries = Vec::new();
    if from >= to {
        return Ok(entries);
    }
    let first = page_of(store, from)?;
    let mut next = first.first;
    take(&first, &mut next, from..to, &mut entries)?;
    while next < to {
        let found = store.range(&page_key(next), &page_key(to), PAGES_PER_READ)?;
        if found.is_empty() {
            return Err(damaged(next, Fault::Missing));
        }
        for (key, bytes) in found {
            let page = page(&key, bytes).ok_or_else(|| damaged(next, Fault::Missing))?;
            take(&page, &mut next, from..to, &mut entries)?;
        }
    }
    Ok(entries)
}

/// Takes from a page, which must begin at `next`, the entries whose positions are `wanted`.
fn take(
    page: &Page,
    next: &mut u64,
    wanted: Range<u64>,
    entries: &mut Vec<Vec<u8>>,
) -> Result<(), JournalError> {
    if page.first != *next {
        return Err(damaged(*next, Fault::Missing));
    }
    for entry in page.entries()? {
        if wanted.contains(next) {
            entries.push(entry.to_vec());
        }
        *next += 1;
    }
    Ok(())
}

/// Position of the first page that holds an entry at or after `size`, where nothing should be.
pub(super) fn page_beyond(store: &impl Store, size: u64) -> Result<Option<u64>, JournalError> {
    let found = store.range(&page_key(size), &page_key(u64::MAX), 1)?;
    Ok(found.first().and_then(|(key, _)| number_in(key)))
}

fn page(key: &[u8], bytes: Vec<u8>) -> Option<Page> {
    number_in(key).map(|first| Page { first, bytes })
}

/// Greater than the key of a page that begins at `position`, and than no later one.
fn after(position: u64) -> [u8; 10] {
    page_key(position.saturating_add(1))
}

fn position_after(first: u64, count: usize) -> u64 {
    first.saturating_add(u64::try_from(count).unwrap_or(u64::MAX))
}

fn damaged(first: u64, fault: Fault) -> JournalError {
    JournalError::Damaged { record: Record::Page { first }, fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::ENTRY_BYTES_MAX;

    #[test]
    fn a_page_takes_entries_until_the_value_is_full() {
        let mut page = Page::empty(3);
        assert!(page.push(&[1; ENTRY_BYTES_MAX]));
        let room = VALUE_BYTES_MAX - page.bytes.len() - LENGTH_BYTES;
        assert!(!page.push(&vec![2; room + 1]));
        assert!(page.push(&vec![2; room]));
        assert_eq!(page.bytes.len(), VALUE_BYTES_MAX);
        assert!(!page.push(&[3]));
        assert_eq!(page.entries().unwrap(), [&[1; ENTRY_BYTES_MAX][..], &vec![2; room]]);
    }

    #[test]
    fn no_truncated_page_is_read_as_another() {
        let mut page = Page::empty(0);
        assert!(page.push(b"first") && page.push(b"second"));
        for length in 0..page.bytes.len() {
            let cut = Page { first: 0, bytes: page.bytes[..length].to_vec() };
            match cut.entries() {
                Ok(entries) => assert_eq!((length, entries), (7, vec![&b"first"[..]])),
                Err(e) => assert_eq!(e.to_string(), "entries from position 0: it is malformed"),
            }
        }
    }

    #[test]
    fn random_bytes_never_panic() {
        let chance = crate::entropy::SeededEntropy::new(1);
        for _ in 0..1000 {
            let bytes = crate::entropy::bytes::<64>(&chance).to_vec();
            let page = Page { first: 0, bytes };
            if let Ok(entries) = page.entries() {
                assert_eq!(entries.iter().map(|it| it.len() + LENGTH_BYTES).sum::<usize>(), 64);
            }
        }
    }
}
