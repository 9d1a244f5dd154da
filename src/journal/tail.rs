//! Reads the end of sled's log before sled does, and changes nothing.
//!
//! sled takes the first message of its log that does not hold for the end: it opens as if the rest had
//! never been written, and overwrites it with zeros. So one flipped byte costs what came after it, and
//! the opening destroys what shows it. Here the log is read as sled 0.34.7 reads it (`iterator.rs`,
//! `check_contiguity_in_unstable_tail`; the version is pinned): which parts are its end, and which
//! message is the first that does not hold. Numbers of commits stand in the messages before it. If the
//! greatest is less than the one that was acknowledged, the store is refused as it is.
//!
//! Where nothing can be concluded, nothing is refused: sled opens, and the mark is compared then. What
//! is read is what sled reads next, seldom more than one part.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::folder::io;
use super::store::{CHECKSUM_BYTES, COMMIT_KEY, SEGMENT_BYTES, StoreError, checked};

/// Length of a part, as a position in the log.
const PART: i64 = SEGMENT_BYTES as i64;
/// Length of the head of a part, in bytes: a checksum, where it begins in the log, how far the log had
/// been written.
const HEAD_BYTES: usize = 20;
/// Greatest length of the head of a message, in bytes. Nearer to the end of a part none begins.
const MESSAGE_HEAD_BYTES_MAX: usize = 32;
/// sled reads so many bytes of a message at first, and those that the file lacks as zeros.
const FIRST_READ_BYTES: usize = 128;
/// Length of a commit's number with its checksum, in bytes.
const NUMBER_BYTES: usize = CHECKSUM_BYTES + size_of::<u64>();

/// What a refusal of the end of a log says.
pub(super) fn said(at: Option<u64>, found: Option<u64>, acknowledged: Option<u64>) -> String {
    let text = format!("ends at commit {found:?}, but {acknowledged:?} was acknowledged");
    match at {
        Some(at) => {
            format!("the log of the store is damaged at byte {at} of its file db: it {text}")
        }
        None => format!("the store {text}"),
    }
}

/// Refuses a folder whose log ends before the commit that was acknowledged, or before its snapshot.
///
/// # Errors
/// [`StoreError::Lost`] with the place; [`StoreError::Io`] if a file can't be read.
pub(super) fn check(folder: &Path, acknowledged: Option<u64>) -> Result<(), StoreError> {
    let doing = "read the end of its log";
    let Some(snapshot) = snapshot(folder).map_err(io(doing))? else {
        return Ok(());
    };
    let file = match File::open(folder.join("db")) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io(doing)(e)),
    };
    let Some(log) = Log::of(&file, snapshot).map_err(io(doing))? else {
        return Ok(());
    };
    let end = log.end().map_err(io(doing))?;
    let found = end.commit;
    let is_whole = acknowledged.is_some_and(|it| it <= found.unwrap_or(0));
    if is_whole && end.reached.is_none_or(|reached| reached >= snapshot) {
        return Ok(());
    }
    Err(StoreError::Lost { at: Some(end.at), acknowledged, found })
}

/// How far the log had been read when sled's last snapshot was made: 0 without one, `None` if it can't
/// be read, which sled says without changing anything.
fn snapshot(folder: &Path) -> io::Result<Option<i64>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && !name.ends_with(".generating") {
            names.push(name);
        }
    }
    let Some(name) = names.into_iter().max() else {
        return Ok(Some(0));
    };
    let bytes = std::fs::read(folder.join(name))?;
    // A length and a checksum stand at the end. What is missing is written as 0, all else as one more.
    let whole = bytes.split_last_chunk::<4>().and_then(|(rest, sum)| {
        let (body, _length) = rest.split_last_chunk::<8>()?;
        (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(body)
    });
    let read = whole.and_then(|it| it.first_chunk()).map(|it| i64::from_le_bytes(*it));
    Ok(read.filter(|it| *it >= 0).map(|it| it.saturating_sub(1).max(0)))
}

/// The parts of a log.
struct Log<'a> {
    file: &'a File,
    /// Where each begins in the file, by where it begins in the log.
    parts: BTreeMap<i64, u64>,
    /// How far the log was written for certain, by the heads and the snapshot.
    written: i64,
    /// The first part in the file whose head does not hold, and is not empty.
    damaged: Option<u64>,
}

/// Where a log ends.
#[derive(Debug, Default)]
struct End {
    /// Where sled would go on; `None` if it would not read any part.
    reached: Option<i64>,
    /// The same in the file, or where a part is damaged.
    at: u64,
    /// The greatest number of a commit before it.
    commit: Option<u64>,
}

impl<'a> Log<'a> {
    /// Reads the heads. `None` if two parts claim the same place, which is for sled to say.
    fn of(file: &'a File, snapshot: i64) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        let (mut parts, mut damaged) = (BTreeMap::new(), None);
        let mut written = snapshot / PART * PART;
        let mut at = 0;
        while at + HEAD_BYTES as u64 <= length {
            let mut head = [0; HEAD_BYTES];
            file.read_exact_at(&mut head, at)?;
            match head_of(&head) {
                Some((begins, known)) => {
                    written = written.max(known);
                    if parts.insert(begins, at).is_some() {
                        return Ok(None);
                    }
                }
                None if head == [0; HEAD_BYTES] => {}
                None => damaged = damaged.or(Some(at)),
            }
            at += SEGMENT_BYTES as u64;
        }
        Ok(Some(Self { file, parts, written, damaged }))
    }

    /// Reads the parts in which the end must be: those that follow each other from the one that the
    /// heads name.
    fn end(&self) -> io::Result<End> {
        let lowest = (self.written / PART * PART).max(0);
        let mut reading = Reading::default();
        let mut expected = lowest;
        let in_order = |it: &(&i64, &u64)| {
            let follows = *it.0 == expected;
            expected += PART;
            follows
        };
        let parts: Vec<_> = self.parts.range(lowest..).take_while(in_order).collect();
        let after = lowest + PART * i64::try_from(parts.len()).unwrap_or(i64::MAX / PART);
        reading.missing = self.parts.range(after..).next().map(|_| after);
        for (begins, at) in parts {
            let (bytes, length) = self.part(*at)?;
            if !reading.goes_through(&bytes, length, (*begins, *at)) {
                break;
            }
        }
        let mut end = reading.into_end(self.damaged);
        if end.commit.is_none() {
            end.commit = self.commit_before(lowest)?;
        }
        Ok(end)
    }

    /// The greatest number of a commit in the last part before `lowest` that has any. sled does not
    /// read these from their beginning, so whatever stands there counts.
    fn commit_before(&self, lowest: i64) -> io::Result<Option<u64>> {
        for (_, at) in self.parts.range(..lowest).rev() {
            let (bytes, _) = self.part(*at)?;
            if let Some(found) = greatest_commit(&bytes) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A part with zeros for what the file lacks, and how much of it the file has.
    fn part(&self, at: u64) -> io::Result<(Vec<u8>, usize)> {
        let mut bytes = vec![0; SEGMENT_BYTES];
        let mut length = 0;
        while let Some(rest) = bytes.get_mut(length..).filter(|it| !it.is_empty()) {
            match self.file.read_at(rest, at + length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok((bytes, length))
    }
}

/// What was read of the parts at the end.
#[derive(Debug, Default)]
struct Reading {
    /// Where a part should begin that is not there, though later ones are.
    missing: Option<i64>,
    /// Where the next message would stand in the log.
    reached: Option<i64>,
    /// The same in the file.
    at: u64,
    /// The message there does not hold.
    is_damaged: bool,
    /// Places of messages that hold numbers of commits, and the greatest in each.
    commits: Vec<(i64, u64)>,
    /// Places of messages that begin a batch, and where its last message stands.
    batches: Vec<(i64, i64)>,
}

impl Reading {
    /// Reads the messages of a part that begins there in the log and in the file; whether it may go on
    /// in the next.
    fn goes_through(&mut self, bytes: &[u8], length: usize, (begins, at): (i64, u64)) -> bool {
        let mut offset = HEAD_BYTES;
        loop {
            let here = begins + i64::try_from(offset).unwrap_or(PART);
            (self.reached, self.at) = (Some(here), at + offset as u64);
            if offset > SEGMENT_BYTES - MESSAGE_HEAD_BYTES_MAX {
                return true;
            }
            let Some(message) = Message::read(bytes, length, offset, begins / PART) else {
                self.is_damaged = true;
                return false;
            };
            match message.holds {
                Holds::NothingMore => return true,
                Holds::Batch { last } if self.missing.is_some_and(|it| last > it) => return false,
                Holds::Batch { last } => self.batches.push((here, last)),
                Holds::Rows(rows) => {
                    self.commits.extend(greatest_commit(rows).map(|number| (here, number)));
                }
                Holds::Other => {}
            }
            offset += message.bytes;
        }
    }

    /// A batch of which the end is missing never was.
    fn into_end(self, damaged_head: Option<u64>) -> End {
        let Some(reached) = self.reached else {
            return End { at: damaged_head.unwrap_or(0), ..End::default() };
        };
        let torn = self.batches.iter().find(|(_, last)| *last >= reached).map(|(at, _)| *at);
        let stop = torn.unwrap_or(reached);
        let before = self.commits.iter().filter(|(at, _)| *at < stop);
        let is_full = stop % PART + MESSAGE_HEAD_BYTES_MAX as i64 >= PART;
        End {
            reached: Some(if is_full { stop / PART * PART + PART } else { stop }),
            at: damaged_head.filter(|_| !self.is_damaged).unwrap_or(self.at),
            commit: before.map(|(_, number)| *number).max(),
        }
    }
}

/// A message that holds.
struct Message<'a> {
    /// Its length, in bytes.
    bytes: usize,
    holds: Holds<'a>,
}

/// What it says.
enum Holds<'a> {
    /// The rest of its part is empty.
    NothingMore,
    /// It begins a batch whose last message stands there in the log.
    Batch { last: i64 },
    /// Rows.
    Rows(&'a [u8]),
    /// What sled keeps for itself.
    Other,
}

impl<'a> Message<'a> {
    /// Reads the message at `offset` of a part of which the file has `length` bytes; `None` if it does
    /// not hold.
    fn read(part: &'a [u8], length: usize, offset: usize, number: i64) -> Option<Self> {
        let rest = part.get(offset..).filter(|_| offset <= length)?;
        let (sum, after) = rest.split_first_chunk::<4>()?;
        let (kind, mut cursor) = after.split_first()?;
        let body_bytes = usize::try_from(varint(&mut cursor)?).ok()?;
        let in_part = varint(&mut cursor)?;
        varint(&mut cursor)?;
        let head_bytes = rest.len() - cursor.len();
        let body = cursor.get(..body_bytes)?;
        let is_there = head_bytes + body_bytes <= FIRST_READ_BYTES
            || offset + head_bytes + body_bytes <= length;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(body);
        hasher.update(rest.get(sum.len()..head_bytes)?);
        let holds = hasher.finalize() == !u32::from_le_bytes(*sum);
        if !is_there || !holds || i64::try_from(in_part).ok()? != number {
            return None;
        }
        let holds = match kind {
            2 => Holds::NothingMore,
            3 => Holds::Batch { last: i64::from_le_bytes(body.try_into().ok()?) },
            8 | 10 => Holds::Rows(body),
            1 | 4..=7 | 9 | 11 => Holds::Other,
            0 | 12.. => return None,
        };
        Some(Self { bytes: head_bytes + body_bytes, holds })
    }
}

/// A number as sled writes it, in 1 to 9 bytes.
fn varint(from: &mut &[u8]) -> Option<u64> {
    let (first, rest) = from.split_first()?;
    let first = u64::from(*first);
    let (extra, number) = match first {
        0..=240 => (0, first),
        241..=248 => (1, 240 + 256 * (first - 241) + u64::from(*rest.first()?)),
        249 => (2, 2288 + 256 * u64::from(*rest.first()?) + u64::from(*rest.get(1)?)),
        250.. => {
            let extra = usize::try_from(first - 247).ok()?;
            let mut bytes = [0; size_of::<u64>()];
            bytes.get_mut(..extra)?.copy_from_slice(rest.get(..extra)?);
            (extra, u64::from_le_bytes(bytes))
        }
    };
    *from = rest.get(extra..)?;
    Some(number)
}

/// Where a part begins in the log, and how far the log was written when it was begun.
fn head_of(head: &[u8; HEAD_BYTES]) -> Option<(i64, i64)> {
    let (sum, rest) = head.split_first_chunk::<4>()?;
    let (begins, known) = rest.split_first_chunk::<8>()?;
    let number = |bytes: &[u8; 8]| i64::from_le_bytes(*bytes) ^ i64::MAX;
    let (begins, known) = (number(begins), number(known.first_chunk()?));
    let holds = crc32fast::hash(rest) == !u32::from_le_bytes(*sum);
    (holds && begins >= 0 && begins % PART == 0).then_some((begins, known))
}

/// The greatest number of a commit in these bytes. Its checksum, over the key too, tells it from all
/// else; a number that takes more than five bytes is none.
fn greatest_commit(bytes: &[u8]) -> Option<u64> {
    let number = |stored: &[u8]| {
        let value = checked(COMMIT_KEY, stored).ok()?;
        Some(u64::from_be_bytes(value.try_into().ok()?))
    };
    let is_small = |it: &&[u8]| it.get(CHECKSUM_BYTES..CHECKSUM_BYTES + 3) == Some(&[0; 3][..]);
    bytes.windows(NUMBER_BYTES).filter(is_small).filter_map(number).max()
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
