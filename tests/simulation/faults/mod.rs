//! Nodes that break a promise on purpose: wrappers around what a node stands on, never a switch in it.
//!
//! Each variant is what a fault of the node would look like from its store, its keys or its files:
//! rows that it forgets or never writes, words that it takes for done. `main.rs` says by which
//! invariant each must be caught.

mod disks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use rogatory::clock::Clock;
use rogatory::domain::fact::Reason;
use rogatory::domain::ids::AgencyId;
use rogatory::history::message::{Custody, MessageRecord, Part};
use rogatory::history::rows;
use rogatory::journal::memory::MemoryStore;
use rogatory::journal::store::{Batch, Records, Sealed, Store, StoreError};

pub use disks::{FaultyFiles, FaultySlots};

/// Which promise a node breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None.
    None,
    /// `commit` returns before anything is durable.
    AnswersBeforeCommit,
    /// Messages that were taken, and handovers that were answered, are not found after a restart.
    ForgetsDuplicates,
    /// After its expiry a handover in doubt looks as if it had never been made.
    GivesUpInDoubt,
    /// A handover in doubt looks as if it had never been made, so the message goes another way too.
    MovesInDoubt,
    /// What is owed to peers is not known after a restart.
    ForgetsWhatIsOwed,
    /// A message is listed as soon as it comes, whatever stands before it in its stream.
    ListsAtOnce,
    /// What inboxes list is not known after a restart: what was stated to be delivered stands in none.
    ForgetsInboxes,
    /// Statements of others are recorded and told to nobody.
    KeepsNoticesBack,
    /// Calls that were accepted are not known after a restart.
    ForgetsCalls,
    /// That content was asked to be erased is not known.
    ForgetsErasures,
    /// Content is stated to be erased; its keys and bytes stay.
    ErasesInWordOnly,
    /// Files are taken for durable before they are.
    TrustsFilesUnsynced,
    /// A node that was restored does not know it, and signs on where its journal ends.
    SignsOn,
    /// A transit that reviews takes itself for a blind one, and passes on what nobody has looked at.
    PassesUnread,
    /// What a transit holds for review is not known after a restart.
    ForgetsReviews,
    /// What has waited for some seconds looks as if its next hop had refused it.
    GivesUpEarly,
    /// Order is kept only of what the same neighbour brings: what comes another way is listed at once.
    OrdersByNeighbour,
}

const MESSAGES: &[u8] = b"pm";
const HANDOVERS: &[u8] = b"ph";
const EXPIRIES: &[u8] = b"pe";
const STREAMS: &[u8] = b"pt";
const CONTENT: &[u8] = b"cm";
const DOUBT: &[u8] = b"lR";
const SLOTS: &[u8] = b"ck";
const CONCLUSIONS: &[u8] = b"pw";
/// Who gives up early does so after this time, in milliseconds.
const EARLY_MS: i64 = 3_000;

impl Fault {
    /// Tables whose rows are gone after a restart.
    fn lost_at_start(self) -> &'static [&'static [u8]] {
        match self {
            Self::ForgetsWhatIsOwed => &[b"po", b"pv"],
            Self::ForgetsInboxes => &[b"pc", b"px"],
            Self::ForgetsCalls => &[b"pi"],
            Self::ForgetsReviews => &[b"pq"],
            Self::None
            | Self::AnswersBeforeCommit
            | Self::ForgetsDuplicates
            | Self::GivesUpInDoubt
            | Self::MovesInDoubt
            | Self::SignsOn
            | Self::PassesUnread
            | Self::ListsAtOnce
            | Self::KeepsNoticesBack
            | Self::ForgetsErasures
            | Self::ErasesInWordOnly
            | Self::TrustsFilesUnsynced
            | Self::GivesUpEarly
            | Self::OrdersByNeighbour => &[],
        }
    }

    /// Tables into which nothing is written.
    fn never_written(self) -> &'static [&'static [u8]] {
        match self {
            Self::KeepsNoticesBack => &[b"pn", b"pN"],
            Self::ForgetsErasures => &[b"pX", b"pZ"],
            Self::None
            | Self::AnswersBeforeCommit
            | Self::ForgetsDuplicates
            | Self::GivesUpInDoubt
            | Self::MovesInDoubt
            | Self::SignsOn
            | Self::PassesUnread
            | Self::ForgetsReviews
            | Self::ForgetsWhatIsOwed
            | Self::ListsAtOnce
            | Self::ForgetsInboxes
            | Self::ForgetsCalls
            | Self::ErasesInWordOnly
            | Self::TrustsFilesUnsynced
            | Self::GivesUpEarly
            | Self::OrdersByNeighbour => &[],
        }
    }

    /// Tables of which nothing is taken away.
    fn never_removed(self) -> &'static [&'static [u8]] {
        match self {
            Self::GivesUpInDoubt => &[EXPIRIES],
            Self::ErasesInWordOnly => &[CONTENT, SLOTS],
            Self::None
            | Self::AnswersBeforeCommit
            | Self::ForgetsDuplicates
            | Self::MovesInDoubt
            | Self::SignsOn
            | Self::PassesUnread
            | Self::ForgetsReviews
            | Self::ForgetsWhatIsOwed
            | Self::ListsAtOnce
            | Self::ForgetsInboxes
            | Self::KeepsNoticesBack
            | Self::ForgetsCalls
            | Self::ForgetsErasures
            | Self::TrustsFilesUnsynced
            | Self::GivesUpEarly
            | Self::OrdersByNeighbour => &[],
        }
    }
}

fn is_of(tables: &[&[u8]], key: &[u8]) -> bool {
    tables.iter().any(|it| key.starts_with(it))
}

/// Who brought the first message of a stream, and whether somebody else brought another.
type Brought = (Option<AgencyId>, bool);

/// A store that breaks one promise, or none.
pub struct Port {
    inner: Sealed<MemoryStore>,
    fault: Fault,
    clock: Arc<dyn Clock>,
    forgotten: BTreeSet<Vec<u8>>,
    /// Who brought what is in a stream, and whether that was more than one.
    brought: Mutex<BTreeMap<[u8; 16], Brought>>,
}

/// The record in a row that says it is whole; records here are short.
fn record(value: &[u8]) -> Option<MessageRecord> {
    rows::decode(value.strip_prefix(&[0])?, "message").ok()
}

fn is_received(key: &[u8], value: &[u8]) -> bool {
    !key.starts_with(MESSAGES) || record(value).is_some_and(|it| it.part == Part::Destination)
}

fn forget_the_offer(record: &mut MessageRecord) {
    if let Custody::InDoubt { peer, .. } = &record.custody {
        record.custody = Custody::Waiting { peer: peer.clone() };
    }
}

impl Port {
    /// Opens the port over a store that was just opened.
    ///
    /// # Errors
    /// What the store says.
    pub fn over(
        inner: Sealed<MemoryStore>,
        fault: Fault,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut forgotten = BTreeSet::new();
        if fault == Fault::ForgetsDuplicates {
            for table in [MESSAGES, HANDOVERS] {
                let found = inner.range(table, &rows::after(table), usize::MAX)?.into_iter();
                let received = found.filter(|(key, value)| is_received(key, value));
                forgotten.extend(received.map(|(key, _)| key));
            }
        }
        let mut lost = Batch::new();
        for table in fault.lost_at_start() {
            for (key, _) in inner.range(table, &rows::after(table), usize::MAX)? {
                lost.delete(key);
            }
        }
        if lost.writes().next().is_some() {
            inner.apply(lost)?;
        }
        Ok(Self { inner, fault, clock, forgotten, brought: Mutex::default() })
    }

    fn seen(&self, key: &[u8], value: Vec<u8>) -> Vec<u8> {
        if self.fault == Fault::ListsAtOnce && key.starts_with(STREAMS) {
            return rows::encode(&u64::MAX);
        }
        if !key.starts_with(MESSAGES) {
            return value;
        }
        let Some(mut record) = record(&value) else {
            return value;
        };
        match self.fault {
            Fault::GivesUpInDoubt => self.give_up(&mut record),
            Fault::MovesInDoubt => forget_the_offer(&mut record),
            Fault::ErasesInWordOnly => record.erased = None,
            Fault::GivesUpEarly => self.give_up_early(&mut record),
            Fault::None
            | Fault::AnswersBeforeCommit
            | Fault::ForgetsDuplicates
            | Fault::ForgetsWhatIsOwed
            | Fault::ListsAtOnce
            | Fault::ForgetsInboxes
            | Fault::KeepsNoticesBack
            | Fault::ForgetsCalls
            | Fault::ForgetsErasures
            | Fault::SignsOn
            | Fault::PassesUnread
            | Fault::ForgetsReviews
            | Fault::OrdersByNeighbour
            | Fault::TrustsFilesUnsynced => return value,
        }
        [&[0], rows::encode(&record).as_slice()].concat()
    }

    fn give_up(&self, record: &mut MessageRecord) {
        let Ok(header) = record.header() else {
            return;
        };
        if self.clock.now() >= header.address.expires_at {
            forget_the_offer(record);
        }
    }

    fn give_up_early(&self, record: &mut MessageRecord) {
        let is_owed =
            record.part == Part::Origin && matches!(record.custody, Custody::Waiting { .. });
        let sent_at = record.header().map(|it| it.address.sent_at);
        if is_owed && sent_at.is_ok_and(|it| self.clock.now() >= it.plus_millis(EARLY_MS)) {
            record.custody = Custody::SetAside { reason: Reason::NextHopRefused };
        }
    }

    /// Whether a row is that of a stream whose messages came by more than one neighbour.
    fn is_mixed(&self, key: &[u8]) -> bool {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = key.last_chunk::<16>().and_then(|it| brought.get(it));
        self.fault == Fault::OrdersByNeighbour
            && key.starts_with(STREAMS)
            && stream.is_some_and(|(_, more)| *more)
    }

    fn note_who_brought(&self, record: &MessageRecord) {
        let Some(header) = record.header().ok().filter(|_| record.part == Part::Destination) else {
            return;
        };
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || (record.upstream.clone(), false);
        let known = brought.entry(header.address.order.stream).or_insert_with(first);
        known.1 |= known.0 != record.upstream;
    }

    fn kept(&self, batch: Batch) -> Batch {
        let mut batch = batch;
        let mut more = Vec::new();
        for (_, value) in batch.writes().filter(|(key, _)| key.starts_with(MESSAGES)) {
            let Some(record) = value.and_then(record) else {
                continue;
            };
            if self.fault == Fault::OrdersByNeighbour {
                self.note_who_brought(&record);
            }
            let waits = matches!(record.custody, Custody::Waiting { .. });
            if let (Fault::GivesUpEarly, true, Ok(header)) = (self.fault, waits, record.header()) {
                let message = header.key();
                let key = [CONCLUSIONS, message.as_bytes()].concat();
                more.push((key, rows::encode(&message)));
            }
        }
        more.into_iter().for_each(|(key, value)| batch.put(key, value));
        let (unwritten, unremoved) = (self.fault.never_written(), self.fault.never_removed());
        if unwritten.is_empty() && unremoved.is_empty() {
            return batch;
        }
        let mut kept = Batch::new();
        for (key, value) in batch.writes() {
            match value {
                Some(_) if is_of(unwritten, key) => {}
                Some(value) => kept.put(key, value),
                None if is_of(unremoved, key) => {}
                None => kept.delete(key),
            }
        }
        kept
    }
}

impl Store for Port {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let is_hidden = self.fault == Fault::SignsOn && key.starts_with(DOUBT);
        if is_hidden || self.forgotten.contains(key) {
            return Ok(None);
        }
        let found = self.inner.get(key)?;
        if self.fault == Fault::ListsAtOnce && key.starts_with(STREAMS) {
            return Ok(Some(self.seen(key, Vec::new())));
        }
        if self.is_mixed(key) {
            return Ok(Some(rows::encode(&u64::MAX)));
        }
        Ok(found.map(|value| self.seen(key, value)))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        self.inner.range(from, to, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        self.inner.range_back(from, to, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.inner.apply(self.kept(batch))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.fault == Fault::AnswersBeforeCommit {
            self.inner.apply(batch)
        } else {
            self.inner.commit(self.kept(batch))
        }
    }
}
