//! The mind: what the node decides, and the duties that it does unasked.
//!
//! `Node` is a plain value without threads, sockets or timers. Commands go in, in batches; what
//! they come to goes out once it is durable. Whoever holds a `Node` is the journal's one writer:
//! the writer's thread in the product, the simulator by hand. Both drive this very type.
//!
//! A batch goes through four steps, and only the third is slow:
//! 1. each command is decided against the state as it stands after the one before it (`turn`);
//! 2. the entries' leaves join the tree, and one checkpoint is signed over its root;
//! 3. entries, checkpoint, content and records become durable, all together;
//! 4. the folded rows are written, readers see the new state, keys of what was erased are destroyed,
//!    and the outcomes are released.
//!
//! **Invariant `fact before answer`:** no outcome is released before step 3 is done. A store error
//! ends the node: what the disk holds is then unknown, and only a start reads it again.
//!
//! **Invariant `no input panics`:** whatever a peer or client sends was parsed and checked before
//! it became a command.
//!
//! The room leaves bytes on wires to `transport/`, files to `journal/` and `config/`.

pub mod act;
pub mod arrival;
pub mod attachments;
pub mod audit;
pub mod claims;
pub mod command;
mod commands;
mod company;
pub mod conduct;
pub mod content;
pub mod copy;
pub mod cosigning;
pub mod course;
pub mod desks;
pub mod doubt;
pub mod duties;
pub mod files;
pub mod gone_desks;
pub mod handling;
pub mod kept;
mod load;
pub mod noting;
pub mod older;
pub mod outstanding;
pub mod overdue;
pub mod owed;
pub mod passing_on;
pub mod proofs;
pub mod query;
pub mod queue;
pub mod reach;
pub mod records;
pub mod recovery;
pub mod references;
pub mod reseal;
pub mod rest;
pub mod remainder;
mod review;
pub mod rejection;
pub mod sealing;
pub mod setting;
pub mod sight;
pub mod signing;
pub mod standing;
pub mod statistics;
pub mod stranded;
pub mod trail;
pub mod travelling;
pub mod turn;
pub mod waiting;
pub mod ways;
pub mod whole;
pub mod writer;

use std::sync::Arc;

use crate::domain::fact::Fact;
use crate::domain::volume::VolumeFact;
use crate::history::rows::{HistoryError, Working};
use crate::history::{self, directories};
use crate::journal::files::FileError;
use crate::journal::store::{Batch, StoreError};
use crate::journal::{Append, AppendError, JournalError};
use crate::merkle::checkpoint::{Checkpoint, sign_checkpoint_by};
use crate::merkle::signature::SignFault;
use crate::merkle::tree::{Frontier, leaf_hash};
use crate::node::command::{Command, Outcome};
use crate::node::commands::Decline;
use crate::node::doubt::Doubt;
use crate::node::recovery::Recovery;
use crate::node::rejection::Rejection;
use crate::node::setting::Setting;
use crate::node::turn::{Turn, open_entry};
use crate::wire::skeleton::Skeleton;

/// Why a node must stop. It answers nobody again; a start reads what the disk holds.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The store failed; what became durable is unknown until the next start.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// Folded state or an entry is damaged.
    #[error("the history is damaged: {0}")]
    History(#[source] HistoryError),
    /// A file beside the store failed; what became durable is unknown until the next start.
    #[error("the files beside the store failed: {0}")]
    Files(#[source] FileError),
    /// The journal can't be read.
    #[error("the journal failed: {0}")]
    Journal(#[from] JournalError),
    /// A batch was not appended, or may not have been.
    #[error("the journal did not take a batch: {0}")]
    Append(#[from] AppendError),
    /// A batch was not signed, and so not appended.
    #[error(transparent)]
    Sign(#[from] SignFault),
}

/// A store that fails under a fold is no damage to the history.
impl From<HistoryError> for Stop {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(error) => Self::Store(error),
            HistoryError::Journal(error) => Self::Journal(error),
            HistoryError::Files(error) => Self::Files(error),
            other @ (HistoryError::Slots(_) | HistoryError::Damaged { .. }) => Self::History(other),
        }
    }
}

/// What a command came to: an outcome, or a typed no.
pub type Decision = Result<Outcome, Rejection>;

/// The one writer of a journal.
pub struct Node {
    setting: Arc<Setting>,
    frontier: Frontier,
}

/// Entries folded in one step at a start.
const REPLAY_STEP: usize = 256;
/// Rows after which a step writes, so that no batch is larger than a store takes: one entry changes
/// some dozens, of up to 4 KiB each.
const REPLAY_ROWS: usize = 384;

impl Node {
    /// Opens the node: folds what the rows lack, opens the volume if it is new, adopts the
    /// directory if it changed. While the end of the journal is in doubt it writes neither.
    ///
    /// # Errors
    /// `Stop` if the store fails or the history is damaged; nothing is served then.
    pub fn open(setting: Arc<Setting>) -> Result<Self, Stop> {
        setting.directory().look_from(&setting.agency);
        setting.keys.journal.settle(setting.journal.as_ref())?;
        replay(&setting)?;
        rest::finish(&setting)?;
        files::finish(&setting)?;
        recovery::at_start(&setting)?;
        let frontier = setting.journal.frontier()?;
        let mut node = Self { setting, frontier };
        node.open_volume()?;
        Ok(node)
    }

    /// Begins a volume that follows others, with `first` as its first entry and `beside` in the same
    /// batch. It is done whole or not at all, and nothing is served.
    ///
    /// # Errors
    /// `Stop` if the store fails or the history is damaged.
    pub fn begin_volume(
        setting: Arc<Setting>,
        first: VolumeFact,
        by: String,
        beside: Batch,
    ) -> Result<(), Stop> {
        replay(&setting)?;
        let frontier = setting.journal.frontier()?;
        let mut node = Self { setting: Arc::clone(&setting), frontier };
        let mut turn = Turn::begin(&setting);
        turn.beside.extend(beside);
        let skeleton = Skeleton { principal: Some(by), ..Skeleton::default() };
        turn.record(Fact::Volume(first), skeleton)?;
        node.commit(turn)
    }

    /// What the node stands in: all that readers need.
    pub fn setting(&self) -> &Arc<Setting> {
        &self.setting
    }

    fn open_volume(&mut self) -> Result<(), Stop> {
        let setting = Arc::clone(&self.setting);
        if doubt::at_start(&setting)? {
            tracing::warn!("the journal may be behind; neighbours are asked before anything else");
            return Ok(());
        }
        let mut turn = Turn::begin(&setting);
        if setting.next() == 0 {
            turn.record(Fact::JournalOpened, Skeleton::default())?;
        }
        let directory = setting.directory();
        let (version, hash) = (directory.version(), directory.hash());
        if directories::latest(&turn.rows)? != Some((version, hash)) {
            turn.record(Fact::DirectoryAdopted { version, hash }, Skeleton::default())?;
        }
        self.commit(turn)?;
        self.give_up_lost()
    }

    /// Decides a batch of commands in order, makes it durable, and gives what each came to.
    ///
    /// # Errors
    /// `Stop` ends the node: none of the batch's outcomes may be told to anyone.
    pub fn execute(&mut self, commands: Vec<Command>) -> Result<Vec<Decision>, Stop> {
        let setting = Arc::clone(&self.setting);
        if setting.files.have_failed() {
            return Err(Stop::Files(FileError::Failed));
        }
        let mut turn = Turn::begin(&setting);
        turn.doubt = Doubt::of(setting.store.as_ref())?;
        turn.recovery = Recovery::of(setting.store.as_ref())?;
        let (was_in_doubt, was_recovering) = (turn.doubt.is_some(), turn.recovery.is_some());
        let mut decisions = Vec::with_capacity(commands.len());
        for command in commands {
            decisions.push(match commands::decide(&mut turn, command) {
                Ok(outcome) => Ok(outcome),
                Err(Decline::Rejected(rejection)) => Err(rejection),
                Err(Decline::Stopped(error)) => return Err(error.into()),
            });
        }
        let is_sure_now = was_in_doubt && turn.doubt.is_none();
        self.commit(turn)?;
        if is_sure_now {
            self.open_volume()?;
        }
        if was_recovering {
            self.give_up_lost()?;
        }
        Ok(decisions)
    }

    /// States what became of own messages that were lost with the end of a volume, once everybody was asked.
    fn give_up_lost(&mut self) -> Result<(), Stop> {
        let setting = Arc::clone(&self.setting);
        if !recovery::has_asked_all(&setting)? {
            return Ok(());
        }
        let mut from = None;
        loop {
            let mut turn = Turn::begin(&setting);
            from = commands::give_up_lost(&mut turn, from)?;
            self.commit(turn)?;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    fn commit(&mut self, turn: Turn<'_>) -> Result<(), Stop> {
        let Turn { setting, now, rows, beside, entries, slots, doomed_files, adopted, .. } = turn;
        let changed = turn.changed;
        if entries.is_empty() {
            if !beside.is_empty() {
                setting.store.commit(beside)?;
            }
            setting.follow(adopted);
            files::remove(setting, &doomed_files)?;
            return Ok(());
        }
        let expected = setting.journal.next();
        for entry in &entries {
            self.frontier.push(leaf_hash(entry));
        }
        let checkpoint = Checkpoint {
            origin: setting.journal_name.to_string(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        };
        let signer = setting.keys.journal.at(now, expected).ed25519;
        let checkpoint = sign_checkpoint_by(&checkpoint, signer.as_ref())?;
        setting.journal.append(expected, Append { entries, checkpoint, rows: beside })?;
        setting.store.apply(rows.into_batch())?;
        setting.reach.note_changed(changed);
        setting.follow(adopted);
        rest::destroy(setting, &slots.into_doomed())?;
        files::remove(setting, &doomed_files)?;
        Ok(())
    }
}

/// Folds the entries that the rows lack.
fn replay(setting: &Setting) -> Result<(), Stop> {
    fold_up_to(setting, u64::MAX)
}

/// Folds the entries that the rows lack, up to position `end` (exclusive) or the journal's end.
///
/// # Errors
/// `Stop` with what can't be read or folded.
pub fn fold_up_to(setting: &Setting, end: u64) -> Result<(), Stop> {
    let store = setting.store.as_ref();
    let mut position = history::applied(store)?;
    loop {
        let left = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        let entries = setting.read(position, REPLAY_STEP.min(left))?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut rows = Working::over(store);
        for bytes in entries {
            let opened = open_entry(setting, position, &bytes)?;
            history::apply(&mut rows, &setting.agency, &opened)?;
            position = position.saturating_add(1);
            if rows.len() >= REPLAY_ROWS {
                store.apply(std::mem::replace(&mut rows, Working::over(store)).into_batch())?;
            }
        }
        store.apply(rows.into_batch())?;
    }
}

/// Drops every folded row and folds the journal again from its first entry.
pub fn rebuild(setting: &Setting) -> Result<(), Stop> {
    history::clear(setting.store.as_ref())?;
    replay(setting)?;
    setting.store.commit(Batch::default())?;
    Ok(())
}
