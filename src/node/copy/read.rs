//! Takes the items out of a store that a running node goes on to write.
//!
//! Entries up to a checkpoint never change, so they are read without a lock. What can change (the
//! records beside the journal) was read in one turn of the writer, with the size that was durable
//! then: a [`Snapshot`].

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::drafting::DraftFact;
use crate::domain::fact::Fact;
use crate::domain::header::{MessageKey, MessageMark};
use crate::domain::ids::MessageId;
use crate::envelope::attachment;
use crate::history::rows::HistoryError;
use crate::journal::Journal;
use crate::journal::files::FileId;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::tree::empty_root;
use crate::node::attachments::carried::{self, Carried, Shelf};
use crate::node::copy::judge::was_here;
use crate::node::copy::{CopyFault, Counts, Item, Reach};
use crate::node::records::{self, KeptRecord};
use crate::node::setting::Setting;
use crate::node::{attachments, content, travelling, waiting};
use crate::wire;

/// What the writer says of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Entries that were durable.
    pub size: u64,
    /// Records that are kept beside the journal.
    pub records: Vec<KeptRecord>,
    /// The latest checkpoint with the journal's second signature.
    pub countersigned: Option<Vec<u8>>,
}

/// How far the journal reaches at a size at which a batch ended.
///
/// # Errors
/// `SizeUnknown` if none ended there.
pub fn reach(setting: &Setting, size: u64) -> Result<Reach, CopyFault> {
    let Some(last) = size.checked_sub(1) else {
        return Ok(Reach { size, root: empty_root() });
    };
    let note = setting.journal.checkpoint_covering(last)?;
    let note = note.ok_or(CopyFault::SizeUnknown { size })?;
    let damaged = HistoryError::Damaged { what: "checkpoint of the journal" };
    let checkpoint = SignedCheckpoint::parse(&note).map_err(|_| damaged)?.checkpoint;
    if checkpoint.size == size {
        Ok(Reach { size, root: checkpoint.root })
    } else {
        Err(CopyFault::SizeUnknown { size })
    }
}

/// What lies beside an entry and is still to be read.
enum Beside {
    Content(MessageKey, MessageMark),
    Attachments(MessageKey, MessageMark, bool),
    Attached(MessageKey, MessageMark, attachment::Number, FileId),
    Came(MessageKey, MessageMark, attachment::Number),
    Draft(MessageId),
    Statement(u64),
    Conflict(Digest),
}

/// A file whose bytes are read.
enum Reading {
    /// One that is held.
    Held(Carried),
    /// One that lies here as it came, of so many bytes.
    Came { key: MessageKey, number: attachment::Number, file: FileId, bytes: u64 },
}

/// A volume that is read.
struct Part {
    journal: Arc<dyn Journal>,
    /// Position of its first entry, through all volumes.
    first: u64,
    at: u64,
    to: u64,
    countersigned: Option<Vec<u8>>,
    /// It is named before what it holds.
    named: bool,
}

/// Reads item after item; memory holds one batch, and one message's content.
pub struct Reader<'a> {
    setting: &'a Setting,
    records: VecDeque<KeptRecord>,
    part: Part,
    later: VecDeque<Part>,
    beside: VecDeque<Beside>,
    /// A file whose bytes are read, and how far.
    file: Option<(Reading, u64)>,
    /// Files that were read; what several messages have comes once.
    carried: BTreeSet<FileId>,
    counts: Counts,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Reads what stands from `from` on in a snapshot; from the first entry on, the volumes before it
    /// too.
    ///
    /// # Errors
    /// What can't be read.
    pub fn new(setting: &'a Setting, from: u64, snapshot: Snapshot) -> Result<Self, CopyFault> {
        let (mut parts, mut first) = (VecDeque::new(), 0);
        let is_full = from == 0 && !setting.before.volumes().is_empty();
        for journal in setting.before.volumes() {
            let (to, journal) = (journal.next(), Arc::clone(journal));
            let countersigned = journal.countersigned()?;
            let part = Part { journal, first, at: 0, to, countersigned, named: true };
            parts.extend(is_full.then_some(part));
            first += to;
        }
        let last = Part {
            journal: Arc::clone(&setting.journal),
            first,
            at: from,
            to: snapshot.size,
            countersigned: snapshot.countersigned,
            named: is_full,
        };
        let (part, last) = match parts.pop_front() {
            Some(part) => (part, Some(last)),
            None => (last, None),
        };
        parts.extend(last);
        Ok(Self {
            setting,
            records: snapshot.records.into(),
            part,
            later: parts,
            beside: VecDeque::new(),
            file: None,
            carried: BTreeSet::new(),
            counts: Counts::default(),
            ended: false,
        })
    }

    /// How much was read so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The next item; `None` after the end.
    ///
    /// # Errors
    /// What can't be read.
    pub fn next_item(&mut self) -> Result<Option<Item>, CopyFault> {
        if let Some(record) = self.records.pop_front() {
            self.counts.records += 1;
            return Ok(Some(Item::Record(record)));
        }
        if let Some(item) = self.piece()? {
            return Ok(Some(item));
        }
        while let Some(beside) = self.beside.pop_front() {
            if let Some(item) = self.beside(beside)? {
                return Ok(Some(item));
            }
        }
        if std::mem::take(&mut self.part.named) {
            return Ok(Some(Item::Volume(self.part.journal.name().to_string())));
        }
        if self.part.at < self.part.to {
            return self.batch().map(Some);
        }
        if let Some(note) = self.part.countersigned.take() {
            return Ok(Some(Item::Countersigned(note)));
        }
        if let Some(next) = self.later.pop_front() {
            self.part = next;
            return self.next_item();
        }
        if std::mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        Ok(Some(Item::End(self.counts)))
    }

    fn batch(&mut self) -> Result<Item, CopyFault> {
        let journal = Arc::clone(&self.part.journal);
        let damaged = || HistoryError::Damaged { what: "checkpoint of the journal" };
        let checkpoint = journal.checkpoint_covering(self.part.at)?.ok_or_else(damaged)?;
        let size = SignedCheckpoint::parse(&checkpoint).map_err(|_| damaged())?.checkpoint.size;
        let mut entries = Vec::new();
        while self.part.at < size {
            let left = usize::try_from(size - self.part.at).unwrap_or(usize::MAX);
            for bytes in journal.read(self.part.at, left)? {
                self.note(&bytes)?;
                entries.push(bytes);
                self.part.at += 1;
            }
        }
        self.counts.entries += u64::try_from(entries.len()).unwrap_or(u64::MAX);
        self.counts.checkpoints += 1;
        Ok(Item::Batch { checkpoint, entries })
    }

    /// Notes what lies beside the next entry.
    fn note(&mut self, bytes: &[u8]) -> Result<(), HistoryError> {
        let damaged = HistoryError::Damaged { what: "entry of the journal" };
        let fact = wire::entry::read(bytes).map_err(|_| damaged)?.fact;
        if let Some(header) = fact.header() {
            self.beside.push_back(Beside::Content(header.key(), header.mark()));
            if header.digests.attachments.is_some() {
                // What was sent was here before; what comes is here by an entry of its own.
                let sent = matches!(fact, Fact::Submitted { .. });
                self.beside.push_back(Beside::Attachments(header.key(), header.mark(), sent));
            }
        }
        if let Some(named) = was_here(&fact) {
            let (origin, message) = (&named.message.origin, named.message.message);
            let (key, mark) = (MessageKey::new(origin, message), MessageMark::new(origin, message));
            self.beside.push_back(Beside::Came(key, mark, named.number));
        }
        if let Fact::Draft(DraftFact::Made { draft, .. }) = fact {
            self.beside.push_back(Beside::Draft(draft));
        }
        if fact.keeps_a_statement() {
            self.beside.push_back(Beside::Statement(self.part.first + self.part.at));
        }
        self.beside.extend(fact.evidence().into_iter().map(Beside::Conflict));
        Ok(())
    }

    /// What names the attachments of a message; of one that was sent they are read next.
    fn attachments(
        &mut self,
        key: MessageKey,
        message: MessageMark,
        sent: bool,
    ) -> Result<Option<Item>, CopyFault> {
        let store = self.setting.store.as_ref();
        let bytes = content::attachments_bytes(store, key)?;
        let files = if sent { carried::files_of(store, key)? } else { Vec::new() };
        for (number, file) in files.into_iter().rev() {
            self.beside.push_front(Beside::Attached(key, message, number, file));
        }
        Ok((!bytes.is_empty()).then_some(Item::Attachments { message, bytes }))
    }

    /// An attachment that came: the file that it is, or, where it is passed on or can't be opened, as
    /// it came. What was passed on or erased meanwhile is left out.
    fn came(
        &mut self,
        key: MessageKey,
        message: MessageMark,
        number: attachment::Number,
    ) -> Result<Option<Item>, CopyFault> {
        let setting = self.setting;
        let store = setting.store.as_ref();
        if let Some(file) = attachments::of_message(store, key, number)? {
            return self.attached((key, message), number, file);
        }
        let Some(file) = travelling::file(store, key, number)? else {
            return Ok(None);
        };
        if !self.carried.insert(file) {
            return Ok(None);
        }
        match setting.files.length(file) {
            Ok(bytes) => {
                self.file = Some((Reading::Came { key, number, file, bytes }, 0));
                Ok(Some(Item::Came { message, number, file }))
            }
            Err(_) if travelling::file(store, key, number)?.is_none() => Ok(None),
            Err(error) => Err(HistoryError::from(error).into()),
        }
    }

    /// What a draft says, while it waits.
    fn draft(&self, draft: MessageId) -> Result<Option<Item>, CopyFault> {
        let Setting { store, slots, agency, .. } = self.setting;
        let sealed = waiting::export((store.as_ref(), slots), agency, draft)?;
        Ok(sealed.map(|sealed| Item::Draft { draft, sealed }))
    }

    /// Whose attachment a file is, once its bytes were read. What was erased meanwhile is left out.
    fn attached(
        &mut self,
        (key, message): (MessageKey, MessageMark),
        number: attachment::Number,
        file: FileId,
    ) -> Result<Option<Item>, CopyFault> {
        let setting = self.setting;
        if attachments::of_message(setting.store.as_ref(), key, number)? != Some(file) {
            return Ok(None);
        }
        if !self.carried.insert(file) {
            return Ok(Some(Item::Attached { message, number, file }));
        }
        let storage = (&setting.keys.storage, setting.entropy.as_ref());
        let Some(carried) = self.shelf().carried(storage, file)? else {
            return Ok(None);
        };
        self.beside.push_front(Beside::Attached(key, message, number, file));
        self.file = Some((Reading::Held(carried.clone()), 0));
        Ok(Some(Item::File(carried)))
    }

    fn shelf(&self) -> Shelf<'a> {
        let setting = self.setting;
        Shelf { store: setting.store.as_ref(), slots: &setting.slots, files: &setting.files }
    }

    /// The next bytes of the file that is read; an empty file has one piece without any.
    fn piece(&mut self) -> Result<Option<Item>, CopyFault> {
        let Some((reading, at)) = self.file.take() else {
            return Ok(None);
        };
        let (file, length) = match &reading {
            Reading::Held(carried) => (carried.file, carried.resting),
            Reading::Came { file, bytes, .. } => (*file, *bytes),
        };
        match carried::piece(&self.setting.files, file, length, at) {
            Ok(bytes) => {
                let next = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                if next < length {
                    self.file = Some((reading, next));
                }
                Ok(Some(Item::Piece(bytes)))
            }
            Err(error) => {
                // It may have been erased, or passed on, while it was read.
                let store = self.setting.store.as_ref();
                let gone = match reading {
                    Reading::Held(_) => attachments::held(store, file)?.is_none(),
                    Reading::Came { key, number, .. } => {
                        travelling::file(store, key, number)?.is_none()
                    }
                };
                if gone { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    fn beside(&mut self, beside: Beside) -> Result<Option<Item>, CopyFault> {
        match beside {
            Beside::Content(key, message) => {
                let kept = {
                    let setting = self.setting;
                    content::export(setting.store.as_ref(), &setting.slots, key)?
                };
                if kept.is_empty() {
                    return Ok(None);
                }
                self.counts.contents += 1;
                Ok(Some(Item::Content { message, kept }))
            }
            Beside::Attachments(key, message, sent) => self.attachments(key, message, sent),
            Beside::Came(key, message, number) => self.came(key, message, number),
            Beside::Draft(draft) => self.draft(draft),
            Beside::Attached(key, message, number, file) => {
                self.attached((key, message), number, file)
            }
            Beside::Statement(position) => {
                let statement = content::statement(self.setting, position)?;
                let damaged = HistoryError::Damaged { what: "statement of another journal" };
                let bytes = wire::envelope::write_statement(&statement.ok_or(damaged)?);
                self.counts.statements += 1;
                Ok(Some(Item::Statement { position, bytes }))
            }
            Beside::Conflict(note) => {
                let record = records::export_conflict(self.setting.store.as_ref(), &note)?;
                self.counts.records += u64::from(record.is_some());
                Ok(record.map(Item::Record))
            }
        }
    }
}
