//! Ports that break a promise on purpose: wrappers around the store, never a switch in the node.

use std::collections::BTreeSet;
use std::sync::Arc;

use rogatory::clock::Clock;
use rogatory::history::message::{Custody, MessageRecord, Part};
use rogatory::history::rows;
use rogatory::journal::memory::MemoryStore;
use rogatory::journal::store::{Batch, Records, Sealed, Store, StoreError};

/// Which promise the store breaks.
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
    /// A node that was restored does not know it, and signs on where its journal ends.
    SignsOn,
}

/// A store that breaks one promise, or none.
pub struct Port {
    inner: Sealed<MemoryStore>,
    fault: Fault,
    clock: Arc<dyn Clock>,
    forgotten: BTreeSet<Vec<u8>>,
}

const MESSAGES: &[u8] = b"pm";
const HANDOVERS: &[u8] = b"ph";
const EXPIRIES: &[u8] = b"pe";
const DOUBT: &[u8] = b"lR";

/// The record in a row that says it is whole; records here are short.
fn record(value: &[u8]) -> Option<MessageRecord> {
    rows::decode(value.strip_prefix(&[0])?, "message").ok()
}

fn is_received(key: &[u8], value: &[u8]) -> bool {
    !key.starts_with(MESSAGES) || record(value).is_some_and(|it| it.part == Part::Destination)
}

impl Port {
    /// Opens the port over a store that was just opened.
    pub fn over(inner: Sealed<MemoryStore>, fault: Fault, clock: Arc<dyn Clock>) -> Self {
        let mut forgotten = BTreeSet::new();
        if fault == Fault::ForgetsDuplicates {
            for table in [MESSAGES, HANDOVERS] {
                let found = inner.range(table, &rows::after(table), usize::MAX);
                let found = found.unwrap_or_default().into_iter();
                let received = found.filter(|(key, value)| is_received(key, value));
                forgotten.extend(received.map(|(key, _)| key));
            }
        }
        Self { inner, fault, clock, forgotten }
    }

    fn seen(&self, key: &[u8], value: Vec<u8>) -> Vec<u8> {
        if self.fault != Fault::GivesUpInDoubt || !key.starts_with(MESSAGES) {
            return value;
        }
        let Some(mut record) = record(&value) else {
            return value;
        };
        let Ok(header) = record.header() else {
            return value;
        };
        if let Custody::InDoubt { peer, .. } = &record.custody
            && self.clock.now() >= header.address.expires_at
        {
            record.custody = Custody::Waiting { peer: peer.clone() };
        }
        [&[0], rows::encode(&record).as_slice()].concat()
    }

    fn kept(&self, batch: Batch) -> Batch {
        if self.fault != Fault::GivesUpInDoubt {
            return batch;
        }
        let mut kept = Batch::new();
        for (key, value) in batch.writes() {
            match value {
                Some(value) => kept.put(key, value),
                None if key.starts_with(EXPIRIES) => {}
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
        Ok(self.inner.get(key)?.map(|value| self.seen(key, value)))
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
        match self.fault {
            Fault::AnswersBeforeCommit => self.inner.apply(batch),
            Fault::None | Fault::ForgetsDuplicates | Fault::GivesUpInDoubt | Fault::SignsOn => {
                self.inner.commit(batch)
            }
        }
    }
}
