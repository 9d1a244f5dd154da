//! Writes what was judged into a new store, folds it, and leaves a doubt: nobody knows yet whether
//! neighbours have seen more of the journal than was copied.

use std::sync::Arc;

use crate::domain::drafting::DraftFact;
use crate::domain::fact::Fact;
use crate::domain::header::{Header, MessageKey, MessageMark};
use crate::domain::ids::MessageId;
use crate::envelope::storage::StorageKey;
use crate::history::attachments::Whereabouts;
use crate::history::drafts::{self, DraftState};
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::journal::store::Batch;
use crate::journal::{Append, Journal, JournalError};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::attachments::carried::{self, Coming};
use crate::node::copy::judge::{Judge, name_of};
use crate::node::copy::sealed::Head;
use crate::node::copy::{CopyFault, Item, Must};
use crate::node::kept::{Kept, KeptFault};
use crate::node::rest::{self, Slotting};
use crate::node::setting::Setting;
use crate::node::{self, attachments, content, doubt, travelling, waiting};
use crate::wire;

/// Entries that are looked at in one step.
const STEP: usize = 256;

/// A store that is being built.
pub struct Build<'a> {
    setting: &'a Setting,
    /// Storage keys under which content may come, besides the one of the new store.
    others: Vec<StorageKey>,
    /// The volume that is written.
    journal: Arc<dyn Journal>,
    /// Slots that content is given.
    slots: Slotting,
    /// The file that comes.
    coming: Option<Coming>,
    judge: Judge,
}

impl<'a> Build<'a> {
    /// Builds in the empty store of `setting`.
    ///
    /// # Errors
    /// `OtherJournal` if the directory does not name the setting's journal.
    pub fn new(setting: &'a Setting) -> Result<Self, CopyFault> {
        let found = setting.journal_name.to_string();
        let directory = setting.directory();
        let keys = directory.journal(&setting.journal_name);
        let keys = keys.ok_or(CopyFault::OtherJournal { found })?;
        Ok(Self {
            setting,
            others: Vec::new(),
            journal: Arc::clone(&setting.journal),
            slots: Slotting::default(),
            coming: None,
            judge: Judge::new(&directory, keys),
        })
    }

    /// Content may come under these storage keys too: those that the one of the new store is to
    /// replace.
    pub fn opens_under(&mut self, others: Vec<StorageKey>) {
        self.others = others;
    }

    /// What judges.
    pub fn judge(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// Begins with a backup.
    ///
    /// # Errors
    /// As [`Judge::begin`].
    pub fn begin(&mut self, head: &Head) -> Result<(), CopyFault> {
        self.judge.begin(head)
    }

    /// Judges the next item and writes it.
    ///
    /// # Errors
    /// What does not hold, or what the store said; the store is of no use then.
    pub fn take(&mut self, item: Item) -> Result<(), CopyFault> {
        self.judge.take(&item)?;
        let (store, journal) = (self.setting.store.as_ref(), Arc::clone(&self.journal));
        let mut batch = Batch::new();
        match item {
            Item::Batch { checkpoint, entries } => {
                let append = Append { entries, checkpoint, rows: batch };
                return Ok(journal.append(journal.next(), append)?);
            }
            Item::Countersigned(note) => {
                let signed = SignedCheckpoint::parse(&note);
                let size = signed.map_or(0, |it| it.checkpoint.size);
                return match journal.put_countersigned(size, &note) {
                    // That of an earlier size; a start makes a later one.
                    Err(JournalError::UnknownCheckpoint { .. }) => Ok(()),
                    other => Ok(other?),
                };
            }
            Item::Record(record) => record.put(store, &mut batch)?,
            Item::Content { message, kept } => {
                let key = self.key_of(message)?;
                let kept = self.under_own_key(message, kept)?;
                let place = (&mut batch, &mut self.slots);
                content::import(self.setting, place, key, &kept)?;
            }
            Item::Draft { draft, sealed } => {
                let storage = storage_keys(self.setting, &self.others);
                let place = (&mut batch, &mut self.slots);
                waiting::import(self.setting, place, draft, (&storage, &sealed))?;
            }
            Item::Attachments { message, bytes } => {
                let key = self.key_of(message)?;
                content::lay_attachments(&mut batch, key, &bytes);
            }
            Item::File(carried) => self.coming = Some(Coming::begin(self.setting, carried)?),
            Item::Piece(bytes) => {
                let none = CopyFault::Malformed("bytes of no file");
                let storage = storage_keys(self.setting, &self.others);
                let coming = self.coming.as_mut().ok_or(none)?;
                coming.push(self.setting, (&mut self.slots, &storage), &bytes)?;
            }
            Item::Came { message, number, file } => {
                let none = CopyFault::Malformed("an attachment that had not come before it");
                let bytes = self.judge.came(message, number).ok_or(none)?;
                let place = (self.key_of(message)?, number);
                let coming = Coming::begin_as_it_came(self.setting, place, (file, bytes))?;
                self.coming = Some(coming);
            }
            Item::Attached { message, number, file } => {
                let place = (self.key_of(message)?, number);
                carried::refer(self.setting, &mut self.slots, place, file)?;
            }
            Item::Statement { position, bytes } => {
                let damaged = HistoryError::Damaged { what: "statement of another journal" };
                let statement = wire::envelope::read_statement(&bytes).map_err(|_| damaged)?;
                content::put_statement(&mut batch, position, &statement);
            }
            Item::Volume(name) => {
                let volumes = self.setting.before.volumes().iter();
                let found = volumes.chain([&self.setting.journal]);
                let found = found.into_iter().find(|it| it.name().to_string() == name);
                self.journal = Arc::clone(found.ok_or(CopyFault::OtherJournal { found: name })?);
            }
            Item::End(_) => {}
        }
        Ok(store.apply(batch)?)
    }

    fn key_of(&mut self, message: MessageMark) -> Result<MessageKey, CopyFault> {
        let unknown = CopyFault::Malformed("content of a message that did not come");
        self.judge.key(message).ok_or(unknown)
    }

    /// What is kept of a message, its content key under the storage key of the new store.
    fn under_own_key(&self, message: MessageMark, mut kept: Kept) -> Result<Kept, CopyFault> {
        let unknown = CopyFault::Malformed("content of a message that did not come");
        let header = self.judge.header(message).ok_or(unknown)?;
        if let Some(stored) = &kept.stored_key {
            let storage = storage_keys(self.setting, &self.others);
            let again = content::sealed_again(self.setting, &storage, header, stored);
            let problem = "its key is sealed under a storage key that is not here".to_owned();
            let message = name_of(header);
            kept.stored_key = Some(again.ok_or(CopyFault::Content { message, problem })?);
        }
        Ok(kept)
    }

    /// Folds all that was taken, lets go of what a transit had let go of and of what was erased since
    /// it was copied, and notes the doubt. Each message and draft of which something must be here that is
    /// not goes to `lost`.
    ///
    /// # Errors
    /// What can't be folded or stored.
    pub fn finish(
        self,
        lost: &mut dyn FnMut(Must<'_>, KeptFault) -> Result<(), CopyFault>,
    ) -> Result<(), CopyFault> {
        let (setting, mut slots) = (self.setting, self.slots);
        node::rebuild(setting)?;
        let mut position = 0;
        while position < setting.next() {
            for bytes in setting.read(position, STEP)? {
                let damaged = HistoryError::Damaged { what: "entry of the journal" };
                let fact = wire::entry::read(&bytes).map_err(|_| damaged)?.fact;
                if let Some(header) = fact.header() {
                    settle(setting, &mut slots, header, lost)?;
                }
                if let Fact::Draft(DraftFact::Made { draft, .. }) = fact {
                    settle_draft(setting, &mut slots, draft, lost)?;
                }
                position += 1;
            }
        }
        let mut batch = Batch::new();
        doubt::of_a_copy(setting)?.put(setting.store.as_ref(), &mut batch)?;
        setting.store.commit(batch)?;
        Ok(rest::destroy(setting, &slots.into_doomed())?)
    }
}

fn storage_keys<'a>(setting: &'a Setting, others: &'a [StorageKey]) -> Vec<&'a StorageKey> {
    std::iter::once(&setting.keys.storage).chain(others).collect()
}

fn settle(
    setting: &Setting,
    slots: &mut Slotting,
    header: &Header,
    lost: &mut dyn FnMut(Must<'_>, KeptFault) -> Result<(), CopyFault>,
) -> Result<(), CopyFault> {
    let (store, key) = (setting.store.as_ref(), header.key());
    let Some(record) = message::find(store, key)? else {
        return Ok(());
    };
    let kept = content::export(store, &setting.slots, key)?;
    let is_gone = matches!(record.custody, Custody::PassedOn | Custody::Ended { .. });
    let passed_on = record.part == Part::Transit && is_gone;
    let mut files = Ok(());
    if record.erased.is_none() {
        files = settle_attachments(setting, slots, (key, header), &record)?;
    }
    if passed_on || record.erased.is_some() {
        let mut batch = Batch::new();
        content::erase_in(setting, (&mut batch, slots), key)?;
        if record.erased.is_some() {
            carried::in_turn(setting, slots, |turn| {
                attachments::release(turn, key)?;
                travelling::drop_files(turn, key)
            })?;
        }
        if passed_on {
            content::forget_origin(setting, &mut batch, key)?;
        }
        store.apply(batch)?;
        return files.or_else(|fault| lost(Must::Message(header), fault));
    }
    match kept.check_whole(&record).and(files) {
        Ok(()) => Ok(()),
        Err(fault) => lost(Must::Message(header), fault),
    }
}

/// Lets go of attachments that are not here by the entries that were copied. Whether those are here that
/// are by them: whoever sent a message has all of them, others what had come and was not passed on.
fn settle_attachments(
    setting: &Setting,
    slots: &mut Slotting,
    (key, header): (MessageKey, &Header),
    record: &MessageRecord,
) -> Result<Result<(), KeptFault>, CopyFault> {
    let store = setting.store.as_ref();
    if header.digests.attachments.is_none() {
        return Ok(Ok(()));
    }
    let missing = Err(KeptFault::Missing("attachments"));
    let named = content::attachments(store, key)?.len();
    if record.part == Part::Origin {
        let here = carried::files_of(store, key)?.len();
        return Ok(if named > 0 && here == named { Ok(()) } else { missing });
    }
    let mut whole = Ok(());
    for (number, attachment) in crate::history::attachments::all(store, key)? {
        let held = attachments::of_message(store, key, number)?;
        if attachment.whereabouts == Whereabouts::Here {
            let is_here = held.is_some() || travelling::file(store, key, number)?.is_some();
            whole = if is_here { whole } else { missing };
            continue;
        }
        carried::in_turn(setting, slots, |turn| {
            attachments::release_one(turn, key, number)?;
            travelling::drop_file(turn, key, number)
        })?;
    }
    Ok(whole)
}

/// Lets go of a draft that waits no longer by the entries that were copied.
fn settle_draft(
    setting: &Setting,
    slots: &mut Slotting,
    draft: MessageId,
    lost: &mut dyn FnMut(Must<'_>, KeptFault) -> Result<(), CopyFault>,
) -> Result<(), CopyFault> {
    let store = setting.store.as_ref();
    let waits = drafts::find(store, draft)?.is_some_and(|it| it.state == DraftState::Waiting);
    if !waits {
        carried::in_turn(setting, slots, |turn| waiting::erase(turn, draft))?;
        return Ok(());
    }
    match waiting::export((store, &setting.slots), &setting.agency, draft)? {
        Some(_) => Ok(()),
        None => lost(Must::Draft(draft), KeptFault::Missing("words")),
    }
}

/// What a restore says of content that a backup lacks. A transit may have let go of it between the
/// snapshot and the reading, and a draft may have ended; whoever sent or received a message never does.
///
/// # Errors
/// `Content` with the message.
pub fn must_be_whole(setting: &Setting, must: Must<'_>, fault: KeptFault) -> Result<(), CopyFault> {
    let Must::Message(header) = must else {
        return Ok(());
    };
    let own = &setting.agency;
    if header.address.origin == *own || header.address.destination == *own {
        let (message, problem) = (name_of(header), fault.to_string());
        return Err(CopyFault::Content { message, problem });
    }
    Ok(())
}
