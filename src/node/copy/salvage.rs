//! Makes the most of a damaged store: the longest prefix of the journal that ends at a checkpoint
//! and verifies, what can be read beside it, and a list of exactly what is lost.
//!
//! Reading a damaged store may end the process. So whoever calls is told before each unit that is
//! read, and may leave out the one at which the process ended the last time.

mod attached;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::digest::Digest;
use crate::domain::drafting::DraftFact;
use crate::domain::fact::Fact;
use crate::domain::header::Header;
use crate::domain::ids::MessageId;
use crate::history::rows::HistoryError;
use crate::journal::JournalError;
use crate::journal::files::{FileId, Files};
use crate::journal::remains::{Remaining, Remains};
use crate::journal::slots::Slots;
use crate::journal::store::{Commits, Store};
use crate::journal::volumes::Volume;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::copy::build::Build;
use crate::node::copy::judge::{name_of, was_here};
use crate::node::copy::{CopyFault, Counts, Item, Must};
use crate::node::setting::Setting;
use crate::node::{content, records, waiting};
use crate::wire;

/// One thing that is lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Lost {
    /// Entries, and all that came with them.
    Entries {
        /// Position of the first.
        from: u64,
        /// The position after the last; none if nobody knows how many there were.
        to: Option<u64>,
        /// Why.
        why: String,
    },
    /// A checkpoint: its entries are here, under a later one.
    Checkpoint {
        /// Its size.
        size: u64,
        /// Why.
        why: String,
    },
    /// What a message says; its entries are here.
    Content {
        /// Origin and id.
        message: String,
        /// Why.
        why: String,
    },
    /// The statement of another journal that an entry recorded.
    Statement {
        /// Position of the entry.
        position: u64,
        /// Why.
        why: String,
    },
    /// A record that the node keeps beside its journal.
    Record {
        /// Its key in hexadecimal.
        key: String,
        /// Why.
        why: String,
    },
}

impl Lost {
    /// Origin and id of the message whose content is lost.
    fn message(&self) -> Option<String> {
        match self {
            Self::Content { message, .. } => Some(message.clone()),
            Self::Entries { .. }
            | Self::Checkpoint { .. }
            | Self::Statement { .. }
            | Self::Record { .. } => None,
        }
    }
}

/// Where everything comes from.
pub struct Source<'a, S> {
    /// The damaged store.
    pub store: &'a S,
    /// The keys under which its content rests; none if their file can't be read.
    pub slots: Option<&'a Slots>,
    /// The files beside it; none if their folder can't be opened.
    pub files: Option<&'a Files>,
    /// The volumes of its journal, oldest first.
    pub remains: &'a [Remains<Volume<&'a S>>],
    /// Commits that were acknowledged, and that are there.
    pub commits: Commits,
    /// Is told what is read next; false leaves it out.
    pub enter: &'a mut dyn FnMut(&str) -> bool,
}

struct Salvage<'s, 'b, S> {
    source: Source<'s, S>,
    build: Build<'b>,
    setting: &'b Setting,
    carried: BTreeSet<FileId>,
    lost: Vec<Lost>,
}

const LEFT_OUT: &str = "reading it ended the process";
const NO_SLOTS: &str = "the file of the keys of content can't be read";

/// Writes all that verifies into the empty store of `setting`; gives how much that is, and what is
/// lost.
///
/// # Errors
/// What the new store says; what is wrong with the old one is in the list.
pub fn salvage<S: Store>(
    setting: &Setting,
    source: Source<'_, S>,
) -> Result<(Counts, Vec<Lost>), CopyFault> {
    let build = Build::new(setting)?;
    let carried = BTreeSet::new();
    let mut salvage = Salvage { source, build, setting, carried, lost: Vec::new() };
    salvage.volumes()?;
    salvage.beside(setting)?;
    let Salvage { mut build, mut lost, .. } = salvage;
    let counts = *build.judge().counts();
    let named: BTreeSet<String> = lost.iter().filter_map(Lost::message).collect();
    build.finish(&mut |must, fault| {
        let (message, why) = (must.name(), fault.to_string());
        if !named.contains(&message) {
            lost.push(Lost::Content { message, why });
        }
        Ok(())
    })?;
    lost.sort();
    Ok((counts, lost))
}

impl<S: Store> Salvage<'_, '_, S> {
    /// Volume after volume, until one is not whole: what follows it counts from its end.
    fn volumes(&mut self) -> Result<(), CopyFault> {
        let volumes = self.source.remains;
        if let [one] = volumes {
            self.journal(one)?;
            return self.countersigned(one);
        }
        let names = volumes.iter().map(|it| it.name().to_string());
        self.build.judge().expect(names.collect());
        for (at, volume) in volumes.iter().enumerate() {
            self.build.take(Item::Volume(volume.name().to_string()))?;
            let lost = self.lost.len();
            self.journal(volume)?;
            self.countersigned(volume)?;
            let is_cut = self.lost.iter().skip(lost).any(|it| matches!(it, Lost::Entries { .. }));
            if is_cut && at + 1 < volumes.len() {
                let from = self.build.judge().entries();
                let why = "the volume before is not whole".to_owned();
                self.lost.push(Lost::Entries { from, to: None, why });
                break;
            }
        }
        Ok(())
    }

    /// Batch after batch, until one does not verify.
    fn journal(&mut self, remains: &Remains<Volume<&S>>) -> Result<(), CopyFault> {
        let first = self.build.judge().entries();
        let mut why = None;
        while why.is_none() {
            match self.batch(remains)? {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => why = Some(error),
            }
        }
        let from = self.build.judge().reach().size;
        let told = remains.size_told();
        let Commits { acknowledged, found } = self.source.commits;
        let is_short = acknowledged.is_none() || found < acknowledged;
        if is_short {
            let why = format!("the store ends at commit {found:?} of {acknowledged:?}");
            self.lost.push(Lost::Entries { from: first + from, to: None, why });
        } else if why.is_some() || told != Some(from) {
            let why = why.unwrap_or_else(|| "no checkpoint covers them".to_owned());
            let to = told.filter(|it| *it > from).map(|it| first + it);
            self.lost.push(Lost::Entries { from: first + from, to, why });
        }
        Ok(())
    }

    /// Takes the next batch and what lies beside it; false at the end, and why the journal ends.
    fn batch(&mut self, remains: &Remains<Volume<&S>>) -> Result<Result<bool, String>, CopyFault> {
        let from = self.build.judge().reach().size;
        let position = self.build.judge().entries();
        if !(self.source.enter)(&format!("batch {position}")) {
            return Ok(Err(LEFT_OUT.to_owned()));
        }
        let (mut beyond, mut first) = (from, None);
        loop {
            let Remaining { checkpoint, entries, skipped } = match remains.batch(from, beyond) {
                Ok(Some(remaining)) => remaining,
                Ok(None) => return Ok(first.map_or(Ok(false), Err)),
                Err(error) => return Ok(Err(first.unwrap_or_else(|| error.to_string()))),
            };
            let size = SignedCheckpoint::parse(&checkpoint).map_or(0, |it| it.checkpoint.size);
            let beside = entries.clone();
            match self.build.take(Item::Batch { checkpoint, entries }) {
                Ok(()) => {
                    let skipped = skipped.iter().filter_map(checkpoint_of);
                    self.lost.extend(skipped);
                    let passed = first.map(|why| Lost::Checkpoint { size: beyond, why });
                    self.lost.extend(passed);
                    for (position, bytes) in (position..).zip(beside) {
                        self.take_beside(position, &bytes)?;
                    }
                    return Ok(Ok(true));
                }
                // Its checkpoint may be what is wrong: a later one then covers the same entries.
                Err(fault @ (CopyFault::Checkpoint { .. } | CopyFault::Entry { .. })) => {
                    first.get_or_insert(fault.to_string());
                    beyond = size.max(beyond.saturating_add(1));
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Takes what lies beside an entry.
    fn take_beside(&mut self, position: u64, bytes: &[u8]) -> Result<(), CopyFault> {
        let damaged = HistoryError::Damaged { what: "entry of the journal" };
        let fact = wire::entry::read(bytes).map_err(|_| damaged)?.fact;
        if let Some(header) = fact.header() {
            let sent = matches!(fact, Fact::Submitted { .. });
            self.content(header, &name_of(header), sent)?;
        }
        if let Some(named) = was_here(&fact) {
            self.came(named)?;
        }
        if let Fact::Draft(DraftFact::Made { draft, .. }) = fact {
            self.draft(draft)?;
        }
        if fact.keeps_a_statement() {
            self.statement(position)?;
        }
        for note in fact.evidence() {
            self.conflict(&note)?;
        }
        Ok(())
    }

    fn content(&mut self, header: &Header, name: &str, sent: bool) -> Result<(), CopyFault> {
        let lost = |why| Lost::Content { message: name.to_owned(), why };
        if !(self.source.enter)(&format!("content {}", hex::encode(header.key().as_bytes()))) {
            self.lost.push(lost(LEFT_OUT.to_owned()));
            return Ok(());
        }
        let Some(slots) = self.source.slots else {
            self.lost.push(lost(NO_SLOTS.to_owned()));
            return Ok(());
        };
        match content::export(self.source.store, slots, header.key()) {
            // A transit that passed it on may still owe its attachments.
            Ok(kept) if kept.is_empty() => {}
            Ok(kept) => self.take(Item::Content { message: header.mark(), kept }, lost)?,
            Err(error) => {
                self.lost.push(lost(told(error)));
                return Ok(());
            }
        }
        self.attachments(header, name, sent.then_some(slots))
    }

    fn draft(&mut self, draft: MessageId) -> Result<(), CopyFault> {
        let lost = |why| Lost::Content { message: Must::Draft(draft).name(), why };
        if !(self.source.enter)(&format!("draft {draft}")) {
            self.lost.push(lost(LEFT_OUT.to_owned()));
            return Ok(());
        }
        let Some(slots) = self.source.slots else {
            self.lost.push(lost(NO_SLOTS.to_owned()));
            return Ok(());
        };
        let place: (&dyn Store, _) = (self.source.store, slots);
        match waiting::export(place, &self.setting.agency, draft) {
            Ok(Some(sealed)) => self.take(Item::Draft { draft, sealed }, lost),
            Ok(None) => Ok(()),
            Err(error) => {
                self.lost.push(lost(told(error)));
                Ok(())
            }
        }
    }

    fn statement(&mut self, position: u64) -> Result<(), CopyFault> {
        let lost = |why| Lost::Statement { position, why };
        if !(self.source.enter)(&format!("statement {position}")) {
            self.lost.push(lost(LEFT_OUT.to_owned()));
            return Ok(());
        }
        match content::statement_bytes(self.source.store, position) {
            Ok(Some(bytes)) => self.take(Item::Statement { position, bytes }, lost),
            Ok(None) => {
                self.lost.push(lost("it is missing".to_owned()));
                Ok(())
            }
            Err(error) => {
                self.lost.push(lost(told(error)));
                Ok(())
            }
        }
    }

    fn conflict(&mut self, note: &Digest) -> Result<(), CopyFault> {
        let lost = |why| Lost::Record { key: note.to_string(), why };
        if !(self.source.enter)(&format!("conflict {note}")) {
            self.lost.push(lost(LEFT_OUT.to_owned()));
            return Ok(());
        }
        match records::export_conflict(self.source.store, note) {
            Ok(Some(record)) => self.take(Item::Record(record), lost),
            Ok(None) => {
                self.lost.push(lost("it is missing".to_owned()));
                Ok(())
            }
            Err(error) => {
                self.lost.push(lost(told(error)));
                Ok(())
            }
        }
    }

    /// The records beside the journal.
    fn beside(&mut self, setting: &Setting) -> Result<(), CopyFault> {
        let record = |key: &[u8], why| Lost::Record { key: hex::encode(key), why };
        if !(self.source.enter)("records") {
            self.lost.push(record(b"l", LEFT_OUT.to_owned()));
            return Ok(());
        }
        let lost = &mut self.lost;
        let mut failed = |key: &[u8], error| lost.push(record(key, told(error)));
        let found = records::export(self.source.store, &setting.directory(), &mut failed);
        for kept in found {
            let key = kept.key.clone();
            self.take(Item::Record(kept), |why| record(&key, why))?;
        }
        Ok(())
    }

    /// The volume's countersigned checkpoint.
    fn countersigned(&mut self, remains: &Remains<Volume<&S>>) -> Result<(), CopyFault> {
        if !(self.source.enter)("countersigned") {
            return Ok(());
        }
        let record = |key: &[u8], why| Lost::Record { key: hex::encode(key), why };
        match remains.countersigned() {
            Ok(None) => Ok(()),
            Ok(Some(note)) => {
                let size = SignedCheckpoint::parse(&note).map_or(0, |it| it.checkpoint.size);
                self.take(Item::Countersigned(note), |why| Lost::Checkpoint { size, why })
            }
            Err(error) => {
                self.lost.push(record(b"countersigned", error.to_string()));
                Ok(())
            }
        }
    }

    /// Takes what verifies; what does not is lost.
    fn take(&mut self, item: Item, lost: impl FnOnce(String) -> Lost) -> Result<(), CopyFault> {
        match self.build.take(item) {
            Ok(()) => Ok(()),
            Err(
                fault @ (CopyFault::Content { .. }
                | CopyFault::Statement { .. }
                | CopyFault::Checkpoint { .. }
                | CopyFault::Malformed(_)),
            ) => {
                self.lost.push(lost(fault.to_string()));
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}

/// A checkpoint that could not be read, as what is lost.
fn checkpoint_of(error: &JournalError) -> Option<Lost> {
    match error {
        JournalError::Damaged { record, fault } => {
            let size = record.position()?.saturating_add(1);
            Some(Lost::Checkpoint { size, why: fault.to_string() })
        }
        JournalError::Absent { .. }
        | JournalError::OtherJournal { .. }
        | JournalError::Outdated { .. }
        | JournalError::Store(_)
        | JournalError::UnknownCheckpoint { .. } => None,
    }
}

fn told(error: HistoryError) -> String {
    match error {
        HistoryError::Store(error) => JournalError::from(error).to_string(),
        other @ (HistoryError::Journal(_)
        | HistoryError::Damaged { .. }
        | HistoryError::Files(_)
        | HistoryError::Slots(_)) => other.to_string(),
    }
}
