//! Holds what is carried against the journal's own signature: entries must lead to the roots of
//! their checkpoints, content must have the hashes of its header, statements must verify.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::directory::Directory;
use crate::directory::JournalKeys;
use crate::domain::attachment::{AttachmentFact, AttachmentRef, Verdict};
use crate::domain::digest::{Digest, Hashing};
use crate::domain::drafting::DraftFact;
use crate::domain::fact::Fact;
use crate::domain::header::{Header, MessageKey, MessageMark};
use crate::domain::ids::{JournalName, MessageId};
use crate::envelope::attachment::Number;
use crate::evidence::statement;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::tree::{Frontier, leaf_hash};
use crate::node::copy::sealed::Head;
use crate::node::copy::{CopyFault, Counts, Item, Reach};
use crate::node::kept::Kept;
use crate::wire;

/// A file of which so many bytes are to come; what it must be, where an entry names its hash.
struct FileToCome {
    left: u64,
    named: Option<(Hashing, AttachmentRef)>,
}

/// Judges items as they come, each after all before it.
pub struct Judge {
    directory: Directory,
    /// The volume that is written, which comes last.
    last: JournalName,
    /// The volume that is read.
    name: JournalName,
    keys: JournalKeys,
    /// Entries of the volumes before it.
    first: u64,
    frontier: Frontier,
    /// Volumes that are to come before anything else does.
    to_come: VecDeque<String>,
    /// Headers that came with the last batch.
    brought: BTreeMap<MessageMark, Header>,
    /// Statements that the last batch recorded: hashes of their entries.
    recorded: BTreeMap<u64, Digest>,
    /// Attachments that were here by the last batch.
    came: BTreeMap<(MessageMark, Number), AttachmentRef>,
    /// Drafts that the last batch made.
    drafted: BTreeSet<MessageId>,
    /// A file whose bytes are to come.
    file: Option<FileToCome>,
    /// Of the copy that is being taken.
    counts: Counts,
    goal: Option<Reach>,
    ended: bool,
}

impl Judge {
    /// Judges copies of the journal that has these keys, from its first entry on.
    pub fn new(directory: &Directory, keys: &JournalKeys) -> Self {
        Self {
            directory: directory.clone(),
            last: keys.name.clone(),
            name: keys.name.clone(),
            keys: keys.clone(),
            first: 0,
            frontier: Frontier::new(),
            to_come: VecDeque::new(),
            brought: BTreeMap::new(),
            recorded: BTreeMap::new(),
            came: BTreeMap::new(),
            drafted: BTreeSet::new(),
            file: None,
            counts: Counts::default(),
            goal: None,
            ended: false,
        }
    }

    /// What was taken so far.
    pub fn reach(&self) -> Reach {
        Reach { size: self.frontier.size(), root: self.frontier.root() }
    }

    /// Entries that were taken so far, of all volumes.
    pub fn entries(&self) -> u64 {
        self.first.saturating_add(self.frontier.size())
    }

    /// How much the copy holds that is being taken.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The header of a message that came with the last batch.
    pub fn header(&self, message: MessageMark) -> Option<&Header> {
        self.brought.get(&message)
    }

    /// The key of a message that came with the last batch, or of which an attachment was here by it.
    pub fn key(&self, message: MessageMark) -> Option<MessageKey> {
        let by_header = self.header(message).map(Header::key);
        let mut came = self.came.iter().filter(|((of, _), _)| *of == message);
        let by_came = || {
            let (_, named) = came.next()?;
            Some(MessageKey::new(&named.message.origin, named.message.message))
        };
        by_header.or_else(by_came)
    }

    /// Size in bytes of an attachment as it came, which was here by the last batch.
    pub fn came(&self, message: MessageMark, number: Number) -> Option<u64> {
        self.came.get(&(message, number)).map(|it| it.bytes)
    }

    /// Several volumes are to come, in this order, before anything else does.
    pub fn expect(&mut self, volumes: VecDeque<String>) {
        self.to_come = volumes;
    }

    /// Begins with a backup that must follow what was taken before.
    ///
    /// # Errors
    /// `OtherJournal`, `OutOfOrder` or `OtherHistory`.
    pub fn begin(&mut self, head: &Head) -> Result<(), CopyFault> {
        if head.journal != self.last.to_string() {
            return Err(CopyFault::OtherJournal { found: head.journal.clone() });
        }
        let here = self.reach();
        if head.from.size != here.size {
            return Err(CopyFault::OutOfOrder { follows: head.from.size, ends: here.size });
        }
        if head.from.root != here.root {
            return Err(CopyFault::OtherHistory { size: here.size });
        }
        if head.from.size == 0 && !head.before.is_empty() {
            self.to_come = head.before.iter().cloned().collect();
            self.to_come.push_back(head.journal.clone());
        }
        self.goal = Some(head.to);
        self.counts = Counts::default();
        self.ended = false;
        Ok(())
    }

    /// Judges the next item.
    ///
    /// # Errors
    /// What does not hold; nothing after it may be used.
    pub fn take(&mut self, item: &Item) -> Result<(), CopyFault> {
        if self.ended {
            return Err(CopyFault::Malformed("something follows its end"));
        }
        if let (Item::Batch { .. }, true) = (item, self.name == self.last)
            && !self.to_come.is_empty()
        {
            return Err(CopyFault::Malformed("a volume is missing"));
        }
        match item {
            Item::Volume(name) => self.volume(name),
            Item::Record(record) => {
                if !record.is_one() {
                    return Err(CopyFault::Malformed("a record has a key of others"));
                }
                self.counts.records += 1;
                Ok(())
            }
            Item::Batch { checkpoint, entries } => self.batch(checkpoint, entries),
            Item::Content { message, kept } => self.content(*message, kept),
            Item::Statement { position, bytes } => self.statement(*position, bytes),
            Item::Countersigned(note) => self.countersigned(note),
            Item::Attachments { message, bytes } => self.attachments(*message, bytes),
            Item::File(carried) => {
                self.file = Some(FileToCome { left: carried.resting, named: None });
                Ok(())
            }
            Item::Piece(bytes) => self.piece(bytes),
            Item::Attached { message, number, .. } => {
                let header = self.header(*message);
                let has = header.is_some_and(|it| it.digests.attachments.is_some());
                if has || self.came.contains_key(&(*message, *number)) {
                    return Ok(());
                }
                Err(CopyFault::Malformed("a file of a message that has no attachments"))
            }
            Item::Came { message, number, .. } => {
                let none = CopyFault::Malformed("an attachment that had not come before it");
                let named = self.came.get(&(*message, *number)).ok_or(none)?.clone();
                let left = named.bytes;
                self.file = Some(FileToCome { left, named: Some((Hashing::default(), named)) });
                Ok(())
            }
            Item::Draft { draft, .. } => {
                let none = CopyFault::Malformed("a draft that was not made before it");
                if self.drafted.contains(draft) { Ok(()) } else { Err(none) }
            }
            Item::End(counts) => {
                self.ended = true;
                if *counts == self.counts {
                    Ok(())
                } else {
                    Err(CopyFault::Malformed("its counts differ"))
                }
            }
        }
    }

    /// Ends a backup.
    ///
    /// # Errors
    /// `Malformed` if it does not reach what its head says, or has no end.
    pub fn finish(&mut self) -> Result<(), CopyFault> {
        let reaches = self.goal.take() == Some(self.reach()) && self.to_come.is_empty();
        match (self.ended, reaches) {
            (true, true) => Ok(()),
            (false, _) => Err(CopyFault::Malformed("its end is missing")),
            (true, false) => Err(CopyFault::Malformed("it does not reach what its head says")),
        }
    }

    /// What follows is of the next volume.
    fn volume(&mut self, name: &str) -> Result<(), CopyFault> {
        if self.to_come.pop_front().as_deref() != Some(name) {
            return Err(CopyFault::Malformed("a volume is out of order"));
        }
        let other = || CopyFault::OtherJournal { found: name.to_owned() };
        let name: JournalName = name.parse().map_err(|_| other())?;
        let keys = self.directory.journal(&name).filter(|_| name.agency() == self.last.agency());
        self.keys = keys.ok_or_else(other)?.clone();
        self.name = name;
        self.first = self.first.saturating_add(self.frontier.size());
        self.frontier = Frontier::new();
        Ok(())
    }

    fn batch(&mut self, checkpoint: &[u8], entries: &[Vec<u8>]) -> Result<(), CopyFault> {
        let size = SignedCheckpoint::parse(checkpoint).map_or(0, |it| it.checkpoint.size);
        let fault = |problem: String| CopyFault::Checkpoint { size, problem };
        let signed = self.keys.checkpoint(checkpoint).map_err(|error| fault(error.to_string()))?;
        let (mut frontier, mut headers) = (self.frontier.clone(), BTreeMap::new());
        let (mut recorded, mut came) = (BTreeMap::new(), BTreeMap::new());
        let mut drafted = BTreeSet::new();
        for bytes in entries {
            let position = self.first.saturating_add(frontier.size());
            let fault = |problem: String| CopyFault::Entry { position, problem };
            let entry = wire::entry::read(bytes).map_err(|error| fault(error.to_string()))?;
            if entry.journal != self.name {
                return Err(fault(format!("it is of the journal {}", entry.journal)));
            }
            if let Some(header) = entry.fact.header() {
                headers.insert(header.mark(), header.clone());
            }
            if let Some(entry) = entry.fact.stated_entry() {
                recorded.insert(position, entry);
            }
            if let Some(named) = was_here(&entry.fact) {
                let reference = &named.message;
                let mark = MessageMark::new(&reference.origin, reference.message);
                came.insert((mark, named.number), named.clone());
            }
            if let Fact::Draft(DraftFact::Made { draft, .. }) = &entry.fact {
                drafted.insert(*draft);
            }
            frontier.push(leaf_hash(bytes));
        }
        if frontier.size() != size || frontier.root() != signed.checkpoint.root {
            return Err(fault("the entries do not lead to it".to_owned()));
        }
        self.counts.entries += u64::try_from(entries.len()).unwrap_or(u64::MAX);
        self.counts.checkpoints += 1;
        (self.frontier, self.brought, self.recorded) = (frontier, headers, recorded);
        (self.came, self.drafted) = (came, drafted);
        Ok(())
    }

    fn content(&mut self, message: MessageMark, kept: &Kept) -> Result<(), CopyFault> {
        let Some(header) = self.brought.get(&message) else {
            return Err(CopyFault::Malformed("content of a message that did not come before it"));
        };
        kept.check(header).map_err(|fault| CopyFault::Content {
            message: name_of(header),
            problem: fault.to_string(),
        })?;
        if let Some(origin) = &kept.origin
            && wire::envelope::read_statement(origin).is_err()
        {
            let problem = "the origin's statement is malformed".to_owned();
            return Err(CopyFault::Content { message: name_of(header), problem });
        }
        self.counts.contents += 1;
        Ok(())
    }

    fn attachments(&self, message: MessageMark, bytes: &[u8]) -> Result<(), CopyFault> {
        let none = CopyFault::Malformed("attachments of a message that did not come before them");
        let header = self.brought.get(&message).ok_or(none)?;
        if header.digests.attachments == Some(Digest::of(bytes)) {
            return Ok(());
        }
        let problem = "what names its attachments is not what its entry names".to_owned();
        Err(CopyFault::Content { message: name_of(header), problem })
    }

    fn piece(&mut self, bytes: &[u8]) -> Result<(), CopyFault> {
        let none = CopyFault::Malformed("bytes of no file");
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let longer = CopyFault::Malformed("a file is longer than it says");
        let file = self.file.as_mut().ok_or(none)?;
        file.left = file.left.checked_sub(length).ok_or(longer)?;
        let Some((hashing, named)) = file.named.as_mut() else {
            return Ok(());
        };
        hashing.update(bytes);
        if file.left > 0 || std::mem::take(hashing).finish() == named.sealed {
            return Ok(());
        }
        let AttachmentRef { message, number, .. } = named;
        let problem = format!("attachment {number} is not the one that its entry names");
        Err(CopyFault::Content {
            message: format!("{}/{}", message.origin, message.message),
            problem,
        })
    }

    fn statement(&mut self, position: u64, bytes: &[u8]) -> Result<(), CopyFault> {
        let fault = |problem: String| CopyFault::Statement { position, problem };
        let statement =
            wire::envelope::read_statement(bytes).map_err(|error| fault(error.to_string()))?;
        if self.recorded.get(&position) != Some(&Digest::of(&statement.entry)) {
            return Err(fault("it is not the statement that was recorded".to_owned()));
        }
        statement::verify(&self.directory, &statement).map_err(|error| fault(error.to_string()))?;
        self.counts.statements += 1;
        Ok(())
    }

    fn countersigned(&self, note: &[u8]) -> Result<(), CopyFault> {
        let size = SignedCheckpoint::parse(note).map_or(0, |it| it.checkpoint.size);
        let fault = |problem: String| CopyFault::Checkpoint { size, problem };
        let signed = self.keys.checkpoint(note).map_err(|error| fault(error.to_string()))?;
        self.keys.countersigned(&signed).map(drop).map_err(|error| fault(error.to_string()))
    }
}

/// The attachment of which an entry says that all of it was here.
pub fn was_here(fact: &Fact) -> Option<&AttachmentRef> {
    let Fact::Attachment(AttachmentFact { attachment, verdict, .. }) = fact else {
        return None;
    };
    match verdict {
        Verdict::Relayed | Verdict::Arrived => Some(attachment),
        Verdict::NotTaken(_) | Verdict::Returned(_) => None,
    }
}

/// Origin and id of a message, as they are told.
pub fn name_of(header: &Header) -> String {
    format!("{}/{}", header.address.origin, header.address.message)
}
