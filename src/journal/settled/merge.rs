//! Ranges over both parts of a store.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::Bound;

use super::super::kept::Kept;
use super::super::store::{Records, StoreError};
use super::{Parts, after};

/// So many times as many rows of the first part are read at once when those before were not enough:
/// many may be gone.
const STEP_GROWTH: usize = 4;

/// At most `limit` records from `from` (inclusive) to `to` (exclusive), ascending, or with `back` the last
/// one first.
pub(super) fn range(
    parts: &Parts,
    (from, to): (&[u8], &[u8]),
    limit: usize,
    back: bool,
) -> Result<Records, StoreError> {
    let mut found = Records::new();
    let (mut low, mut high) = (from.to_vec(), to.to_vec());
    let mut step = limit;
    while found.len() < limit && low < high {
        let wanted = limit - found.len();
        let recent = parts.recent.kept_range((&low, &high), step, back)?;
        // Where there may be more of them, what is settled is read as far as these go.
        let edge = recent.last().filter(|_| recent.len() == step).map(|(key, _)| key.clone());
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = match &edge {
            Some(edge) if back => (Bound::Included(edge), Bound::Excluded(&high)),
            Some(edge) => (Bound::Included(&low), Bound::Included(edge)),
            None => (Bound::Included(&low), Bound::Excluded(&high)),
        };
        let settled = parts.settled(bounds, wanted.saturating_add(recent.len()), back)?;
        let first = if back { Ordering::Greater } else { Ordering::Less };
        found.extend(merged(recent, settled, first).take(wanted));
        match edge {
            Some(edge) if back => high = edge,
            Some(edge) => low = after(&edge),
            None => break,
        }
        step = step.saturating_mul(STEP_GROWTH);
    }
    Ok(found)
}

impl Parts {
    /// Settled rows as they are now. Read after those of the first part, so that none is missed that
    /// settles meanwhile.
    fn settled(
        &self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        limit: usize,
        back: bool,
    ) -> Result<Records, StoreError> {
        match self.settled.get() {
            Some(settled) => self.judged(settled.range(bounds, limit, back)),
            None => Ok(Records::new()),
        }
    }
}

/// Both parts in the order of their keys (`first` is how a key stands to the next one); of two rows
/// with one key the one of the first part counts.
fn merged(
    recent: Vec<(Vec<u8>, Kept)>,
    settled: Records,
    first: Ordering,
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    Merged { recent: recent.into_iter().peekable(), settled: settled.into_iter().peekable(), first }
}

struct Merged<R: Iterator, S: Iterator> {
    recent: Peekable<R>,
    settled: Peekable<S>,
    first: Ordering,
}

impl<R, S> Iterator for Merged<R, S>
where
    R: Iterator<Item = (Vec<u8>, Kept)>,
    S: Iterator<Item = (Vec<u8>, Vec<u8>)>,
{
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.recent.peek(), self.settled.peek()) {
                (None, _) => return self.settled.next(),
                (Some(_), None) => self.first,
                (Some((recent, _)), Some((settled, _))) => recent.cmp(settled),
            };
            if order == Ordering::Equal {
                self.settled.next();
            } else if order != self.first {
                return self.settled.next();
            }
            let (key, kept) = self.recent.next()?;
            if let Some(value) = kept.value() {
                return Some((key, value));
            }
        }
    }
}
