//! Writes what was judged into a new store, folds it, and leaves a doubt: nobody knows yet whether
//! neighbours have seen more of the journal than was copied.

use std::sync::Arc;

use crate::domain::header::{Header, MessageKey, MessageMark};
use crate::history::message::{self, Custody, Part};
use crate::history::rows::HistoryError;
use crate::journal::store::Batch;
use crate::journal::{Append, Journal, JournalError};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::attachments::carried::{self, Coming};
use crate::node::copy::judge::{Judge, name_of};
use crate::node::copy::sealed::Head;
use crate::node::copy::{CopyFault, Item};
use crate::node::kept::KeptFault;
use crate::node::rest::{self, Slotting};
use crate::node::setting::Setting;
use crate::node::{self, attachments, content, doubt};
use crate::wire;

/// Entries that are looked at in one step.
const STEP: usize = 256;

/// A store that is being built.
pub struct Build<'a> {
    setting: &'a Setting,
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
            journal: Arc::clone(&setting.journal),
            slots: Slotting::default(),
            coming: None,
            judge: Judge::new(&directory, keys),
        })
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
                let place = (&mut batch, &mut self.slots);
                content::import(self.setting, place, key, &kept)?;
            }
            Item::Attachments { message, bytes } => {
                let key = self.key_of(message)?;
                content::lay_attachments(&mut batch, key, &bytes);
            }
            Item::File(carried) => self.coming = Some(Coming::begin(self.setting, carried)?),
            Item::Piece(bytes) => {
                let none = CopyFault::Malformed("bytes of no file");
                let coming = self.coming.as_mut().ok_or(none)?;
                coming.push(self.setting, &mut self.slots, &bytes)?;
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
        Ok(self.judge.header(message).ok_or(unknown)?.key())
    }

    /// Folds all that was taken, lets go of what a transit had let go of and of what was erased since
    /// it was copied, and notes the doubt. Each message whose content must be here and is not goes to
    /// `lost`.
    ///
    /// # Errors
    /// What can't be folded or stored.
    pub fn finish(
        self,
        lost: &mut dyn FnMut(&Header, KeptFault) -> Result<(), CopyFault>,
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
                position += 1;
            }
        }
        let mut batch = Batch::new();
        doubt::of_a_copy(setting)?.put(setting.store.as_ref(), &mut batch)?;
        setting.store.commit(batch)?;
        Ok(rest::destroy(setting, &slots.into_doomed())?)
    }
}

fn settle(
    setting: &Setting,
    slots: &mut Slotting,
    header: &Header,
    lost: &mut dyn FnMut(&Header, KeptFault) -> Result<(), CopyFault>,
) -> Result<(), CopyFault> {
    let (store, key) = (setting.store.as_ref(), header.key());
    let Some(record) = message::find(store, key)? else {
        return Ok(());
    };
    let kept = content::export(store, &setting.slots, key)?;
    let is_gone = matches!(record.custody, Custody::PassedOn | Custody::Ended { .. });
    let passed_on = record.part == Part::Transit && is_gone;
    if passed_on || record.erased.is_some() {
        let mut batch = Batch::new();
        content::erase_in(setting, (&mut batch, slots), key)?;
        carried::in_turn(setting, slots, |turn| attachments::release(turn, key))?;
        if passed_on {
            content::forget_origin(setting, &mut batch, key)?;
        }
        return Ok(store.apply(batch)?);
    }
    let whole = kept.check_whole(&record).and_then(|()| {
        // Whoever sent it has all of them; others, what had arrived.
        let named = content::attachments(store, key).map_or(0, |it| it.len());
        let here = carried::files_of(store, key).map_or(0, |it| it.len());
        let must = header.digests.attachments.is_some() && record.part == Part::Origin;
        let is_whole = named > 0 && here == named;
        if must && !is_whole { Err(KeptFault::Missing("attachments")) } else { Ok(()) }
    });
    match whole {
        Ok(()) => Ok(()),
        Err(fault) => lost(header, fault),
    }
}

/// What a restore says of content that a backup lacks. A transit may have let go of it between the
/// snapshot and the reading; whoever sent or received it never does.
///
/// # Errors
/// `Content` with the message.
pub fn must_be_whole(
    setting: &Setting,
    header: &Header,
    fault: KeptFault,
) -> Result<(), CopyFault> {
    let own = &setting.agency;
    if header.address.origin == *own || header.address.destination == *own {
        let (message, problem) = (name_of(header), fault.to_string());
        return Err(CopyFault::Content { message, problem });
    }
    Ok(())
}
