//! One turn of the writer: the commands of a batch, decided one after the other.
//!
//! A turn sees the state as it stands after all commands before it. What it records becomes
//! durable as a whole, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::domain::due::Due;
use crate::domain::fact::{EntryParts, Fact};
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, JournalName, RequestId};
use crate::domain::retention::BackupMade;
use crate::domain::station::Station;
use crate::history::message::MessageRecord;
use crate::history::rows::{HistoryError, Working};
use crate::history::{self, Opened};
use crate::journal::files::FileId;
use crate::journal::store::Batch;
use crate::node::attachments::Holdings;
use crate::node::conduct::Conduct;
use crate::node::doubt::Doubt;
use crate::node::owed;
use crate::node::records::{self, SeenCheckpoint};
use crate::node::recovery::{self, Recovery};
use crate::node::rest::Slotting;
use crate::node::review;
use crate::node::setting::Setting;
use crate::wire;
use crate::wire::envelope::Statement;
use crate::wire::skeleton::Skeleton;

/// What binds a skeleton to its purpose.
const SKELETON_CONTEXT: &[u8] = b"rogatory skeleton 1";

/// Where an entry leads, found ahead of its fold.
struct Ahead {
    /// What is owed next, and what is owed onward.
    owed: [Option<Due>; 2],
    /// The requests that it changes, each with its executing agency.
    touched: Vec<(RequestId, AgencyId)>,
}

/// The batch that is being decided.
pub struct Turn<'a> {
    /// What the node stands in.
    pub setting: &'a Setting,
    /// The time of the whole batch.
    pub now: Timestamp,
    /// The state after all that was decided so far.
    pub rows: Working<'a>,
    /// Content and records of the node that become durable with the entries.
    pub beside: Batch,
    /// The entries.
    pub entries: Vec<Vec<u8>>,
    /// Whether the journal may be behind what neighbours have seen; nothing is recorded then.
    pub doubt: Option<Doubt>,
    /// What neighbours are still asked for, after a volume was lost in part.
    pub recovery: Option<Recovery>,
    /// The directory that is followed once the entries are durable.
    pub adopted: Option<Arc<Directory>>,
    /// Slots that are taken, and slots that are destroyed once the entries are durable.
    pub slots: Slotting,
    /// What changes of the attachments that are held.
    pub holdings: Holdings,
    /// Files that are removed once the entries are durable.
    pub doomed_files: Vec<FileId>,
    /// Sizes of checkpoints that came with statements and are remembered with this turn.
    pub shown: BTreeMap<JournalName, u64>,
    /// Statements that the turn keeps of lost entries, by the entries that keep them.
    pub kept: BTreeMap<u64, Statement>,
    /// Backups that the turn began, with those that were made before; once they were looked up.
    pub backups: Option<Vec<BackupMade>>,
    /// Files that the turn gave to attachments that come.
    pub coming: BTreeMap<(MessageKey, u32), FileId>,
    /// Messages of which something was recorded.
    pub changed: BTreeSet<MessageKey>,
    /// What the turn counted of how peers conduct themselves.
    pub conduct: BTreeMap<AgencyId, Conduct>,
    seen: BTreeMap<JournalName, SeenCheckpoint>,
    next: u64,
}

impl<'a> Turn<'a> {
    /// A turn over the state as it stands.
    pub fn begin(setting: &'a Setting) -> Self {
        Self {
            setting,
            now: setting.clock.now(),
            rows: Working::over(setting.store.as_ref()),
            beside: Batch::default(),
            entries: Vec::new(),
            doubt: None,
            recovery: None,
            adopted: None,
            slots: Slotting::default(),
            holdings: Holdings::default(),
            doomed_files: Vec::new(),
            shown: BTreeMap::new(),
            kept: BTreeMap::new(),
            backups: None,
            coming: BTreeMap::new(),
            changed: BTreeSet::new(),
            conduct: BTreeMap::new(),
            seen: BTreeMap::new(),
            next: setting.next(),
        }
    }

    /// What neighbours are still asked for, if one of them may have this message by a handover that was lost.
    pub fn asks_about(&self, record: &MessageRecord) -> Option<&Recovery> {
        self.recovery.as_ref().filter(|_| recovery::is_asked_about(self.setting, record))
    }

    /// Records a fact and folds it; gives its position.
    pub fn record(&mut self, fact: Fact, skeleton: Skeleton) -> Result<u64, HistoryError> {
        self.changed.extend(fact.message().map(|it| it.key()));
        let position = self.next;
        let mut entry = EntryParts {
            journal: self.setting.journal_name.clone(),
            recorded_at: self.now,
            directory_version: self.setting.directory().version(),
            fact,
            skeleton: Vec::new(),
        };
        let Ahead { owed: [owed, owed_onward], touched } =
            self.owed(position, &entry, &skeleton)?;
        let skeleton = Skeleton { owed, owed_onward, ..skeleton };
        entry.skeleton = seal_skeleton(self.setting, &skeleton);
        let bytes = wire::entry::write(&entry);
        history::apply(
            &mut self.rows,
            &self.setting.agency,
            &Opened { position, entry, skeleton },
        )?;
        self.entries.push(bytes);
        self.next = position.saturating_add(1);
        for (request, party) in touched {
            if let Some(skeleton) = review::wanted(self, request, &party)? {
                self.record(Fact::ReviewSet, skeleton)?;
            }
        }
        Ok(position)
    }

    /// What is owed in the request whose course the entry changes, and at the agency that it passes
    /// the request on to; what the skeleton says where it changes none. Folds read no calendar, so
    /// the entry says it: the fold is tried ahead to see where it leads.
    fn owed(
        &self,
        position: u64,
        entry: &EntryParts,
        skeleton: &Skeleton,
    ) -> Result<Ahead, HistoryError> {
        if !changes_a_course(&entry.fact) {
            let owed = [skeleton.owed, skeleton.owed_onward];
            return Ok(Ahead { owed, touched: Vec::new() });
        }
        let mut owed = [None, None];
        let mut ahead = self.rows.ahead();
        let opened = Opened { position, entry: entry.clone(), skeleton: skeleton.clone() };
        history::apply(&mut ahead, &self.setting.agency, &opened)?;
        for (owed, (request, agency)) in owed.iter_mut().zip(ahead.touched()) {
            let rows = (&self.rows, &ahead);
            *owed = owed::next(self.setting, rows, (*request, agency), self.now)?;
        }
        Ok(Ahead { owed, touched: ahead.touched().to_vec() })
    }

    /// The bytes of an entry, whether earlier batches made it durable or this one will; empty if there
    /// is none.
    pub fn entry_bytes(&self, position: u64) -> Result<Vec<Vec<u8>>, HistoryError> {
        if let Some(ahead) = position.checked_sub(self.setting.next()) {
            let found = usize::try_from(ahead).ok().and_then(|at| self.entries.get(at));
            return Ok(found.cloned().into_iter().collect());
        }
        Ok(self.setting.read(position, 1)?)
    }

    /// The last checkpoint of another journal that was verified, this turn included.
    pub fn seen(&self, journal: &JournalName) -> Result<Option<SeenCheckpoint>, HistoryError> {
        match self.seen.get(journal) {
            Some(seen) => Ok(Some(seen.clone())),
            None => records::seen(self.setting.store.as_ref(), journal),
        }
    }

    /// Remembers a checkpoint of another journal.
    pub fn remember_seen(
        &mut self,
        journal: &JournalName,
        seen: &SeenCheckpoint,
        note: &[u8],
    ) -> Result<(), HistoryError> {
        let store = self.setting.store.as_ref();
        records::put_seen(store, &mut self.beside, journal, seen, note)?;
        self.seen.insert(journal.clone(), seen.clone());
        Ok(())
    }
}

/// Can the fact change where a request stands?
fn changes_a_course(fact: &Fact) -> bool {
    match fact {
        Fact::Submitted { .. }
        | Fact::Delivered { .. }
        | Fact::Undelivered { .. }
        | Fact::OrderWaitEnded { .. } => true,
        Fact::StatementRecorded { station, .. } => {
            matches!(station, Station::Delivered | Station::Undelivered)
        }
        Fact::JournalOpened
        | Fact::DirectoryAdopted { .. }
        | Fact::HandedOver { .. }
        | Fact::TakenOver { .. }
        | Fact::NotTaken { .. }
        | Fact::Returned { .. }
        | Fact::SetAside { .. }
        | Fact::WayChosen { .. }
        | Fact::Claimed { .. }
        | Fact::Released { .. }
        | Fact::Read { .. }
        | Fact::Acknowledged { .. }
        | Fact::ConflictFound { .. }
        | Fact::PeerCutOff { .. }
        | Fact::DeadlineNoted
        | Fact::AccessGranted
        | Fact::AccessRevoked
        | Fact::TransmissionRefused
        | Fact::AlarmRaised { .. }
        | Fact::Escalated { .. }
        | Fact::ContentErased { .. }
        | Fact::ErasureAsked { .. }
        | Fact::ErasureRefused { .. }
        | Fact::HoldPlaced
        | Fact::HoldReleased
        | Fact::RetentionEnded
        | Fact::ReviewSet
        | Fact::RetentionReviewed
        | Fact::Attachment(_)
        | Fact::Audit(_)
        | Fact::Draft(_)
        | Fact::Volume(_)
        | Fact::Review(_) => false,
    }
}

fn seal_skeleton(setting: &Setting, skeleton: &Skeleton) -> Vec<u8> {
    if *skeleton == Skeleton::default() {
        return Vec::new();
    }
    let plain = wire::skeleton::write(skeleton);
    setting.keys.skeleton.seal_record(SKELETON_CONTEXT, &plain, setting.entropy.as_ref())
}

/// Entries that are looked at to find skeletons.
const LOOKED_AT: u64 = 4_096;
/// Skeletons that are tried.
const TRIED: usize = 8;

/// Whether the node's key opens what its journal holds: one of the latest skeletons; nothing where there are
/// none. What is damaged says nothing about the key, and is found by whoever checks the journal.
pub fn opens_skeletons(setting: &Setting) -> Option<bool> {
    let (mut end, mut tried) = (setting.next(), 0);
    let first = end.saturating_sub(LOOKED_AT);
    while end > first && tried < TRIED {
        end = end.saturating_sub(1);
        let read = setting.read(end, 1).unwrap_or_default();
        let entry = read.first().and_then(|bytes| wire::entry::read(bytes).ok());
        let Some(entry) = entry.filter(|it| !it.skeleton.is_empty()) else {
            continue;
        };
        if setting.keys.skeleton.open_record(SKELETON_CONTEXT, &entry.skeleton).is_ok() {
            return Some(true);
        }
        tried = tried.saturating_add(1);
    }
    (tried > 0).then_some(false)
}

/// Reads an entry of this node's journal with its skeleton.
pub fn open_entry(setting: &Setting, position: u64, bytes: &[u8]) -> Result<Opened, HistoryError> {
    let entry = wire::entry::read(bytes)
        .map_err(|_| HistoryError::Damaged { what: "entry of the journal" })?;
    let damaged = HistoryError::Damaged { what: "skeleton of an entry" };
    if entry.skeleton.is_empty() {
        return Ok(Opened { position, entry, skeleton: Skeleton::default() });
    }
    let Ok(plain) = setting.keys.skeleton.open_record(SKELETON_CONTEXT, &entry.skeleton) else {
        return Err(damaged);
    };
    match wire::skeleton::read(&plain) {
        Ok(skeleton) => Ok(Opened { position, entry, skeleton }),
        Err(_) => Err(damaged),
    }
}
