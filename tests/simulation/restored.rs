//! A node whose disk is set back to an earlier instant, as one that comes out of a backup does: it
//! asks its neighbours what they have seen, its journal goes on in a new volume once the directory
//! names it and their operators have confirmed it, and it asks them for what it missed.

use std::sync::Arc;

use rogatory::domain::digest::Digest;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{AgencyId, JournalName};
use rogatory::domain::volume::VolumeFact;
use rogatory::entropy::SeededEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::files::FileDisk;
use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;
use rogatory::journal::store::{Batch, Store, StoreError};
use rogatory::journal::volumes::{self, Volume};
use rogatory::journal::{Journal, StoreJournal};
use rogatory::node::command::{Call, Command};
use rogatory::node::doubt::{self, Behind, Doubt, Heard};
use rogatory::node::recovery::{self, Recovery};
use rogatory::node::setting::{Before, Keys, Setting};
use rogatory::node::{Node, query, records};

use crate::support;
use crate::workload::Acknowledged;
use crate::world::{Chance, Id, Waiting, World, count};

/// So many of a thousand worlds have a node whose disk is set back.
const WORLDS: u64 = 150;
/// What an operator has to do is done within some ticks, by so many chances of a thousand.
const OPERATOR: u64 = 250;

/// A disk as it stood at an instant.
struct Copied {
    disk: MemoryDisk,
    slots: MemorySlots,
    files: MemoryFiles,
    /// Entries on it.
    size: u64,
    /// The key that seals it.
    storage: [u8; 32],
}

/// What a node had when its disk was set back.
pub struct Lost {
    /// Which node.
    pub node: usize,
    /// Entries that it still has.
    pub size: u64,
    /// All entries of its journal, as it stood.
    pub entries: Vec<Vec<u8>>,
    /// What it had acknowledged to clients, and has no more.
    pub acknowledged: Vec<Acknowledged>,
    /// What it had listed in its inbox, with the places, as far as it was up.
    pub listed: Vec<(u64, Id)>,
    /// The volume in which it goes on is named.
    named: bool,
}

/// Whose disk is set back, and when.
pub struct Setback {
    node: usize,
    chance: Chance,
    copy_at: u64,
    back_at: u64,
    ticks: u64,
    copied: Option<Copied>,
    /// What was lost, once it was.
    pub lost: Option<Lost>,
}

impl Setback {
    /// What is planned for the world of `seed`; `surely` where there must be something.
    pub fn planned(seed: u64, nodes: usize, surely: bool) -> Option<Self> {
        // A chance of its own: what else happens does not depend on it.
        let mut chance = Chance::new(seed ^ 0x5e7_bac4);
        if !chance.one_in_thousand(WORLDS) && !surely {
            return None;
        }
        let node = usize::try_from(chance.below(nodes as u64)).ok()?;
        let copy_at = 10 + chance.below(100);
        let back_at = copy_at + 5 + chance.below(80);
        Some(Self { node, chance, copy_at, back_at, ticks: 0, copied: None, lost: None })
    }

    /// Whose disk it is.
    pub const fn node(&self) -> usize {
        self.node
    }
}

impl World {
    /// The next step of what becomes of a disk that is set back.
    pub fn set_back(&mut self) {
        let Some(mut setback) = self.setback.take() else {
            return;
        };
        setback.ticks += 1;
        if let Some(lost) = &mut setback.lost {
            self.tend(lost, &mut setback.chance);
        } else if setback.copied.is_none() {
            if setback.ticks >= setback.copy_at {
                setback.copied = self.copied(setback.node);
            }
        } else if setback.ticks >= setback.back_at
            && self.is_stormy()
            && self.rotations.announced(&self.federation) != Some(setback.node)
            && let Some(copied) = setback.copied.take_if(|it| self.is_known_of(setback.node, it))
        {
            setback.lost = self.put_back(setback.node, copied);
        }
        self.setback = Some(setback);
    }

    /// Whether a node that was set back works again, and everybody follows the directory in which it
    /// does.
    pub fn is_mended(&self) -> bool {
        let Some(lost) = self.setback.as_ref().and_then(|it| it.lost.as_ref()) else {
            return true;
        };
        let newest = self.newest_directory().version();
        let follows =
            |node: usize| self.setting(node).is_some_and(|it| it.directory().version() == newest);
        let asks = |it: &Arc<Setting>| {
            let store = it.store.as_ref();
            !matches!((Doubt::of(store), Recovery::of(store)), (Ok(None), Ok(None)))
        };
        lost.named
            && (0..self.machines.len()).all(follows)
            && !self.setting(lost.node).is_none_or(|it| asks(&it))
    }

    /// Whether a node was set back and has not gone on yet.
    pub fn is_in_doubt(&self, node: usize) -> bool {
        let lost = self.setback.as_ref().and_then(|it| it.lost.as_ref());
        lost.is_some_and(|it| it.node == node && !it.named)
    }

    /// Whether lost entries speak of a message: its attachments may stay owed until they expire.
    pub fn is_touched(&self, message: MessageKey) -> bool {
        let Some(lost) = self.setback.as_ref().and_then(|it| it.lost.as_ref()) else {
            return false;
        };
        let id = message.message();
        let speaks = |it: &Vec<u8>| it.windows(16).any(|bytes| bytes == id.as_bytes());
        lost.entries.iter().skip(usize::try_from(lost.size).unwrap_or(usize::MAX)).any(speaks)
    }

    fn copied(&mut self, node: usize) -> Option<Copied> {
        let machine = &self.machines[node];
        let disk = machine.disk.copy();
        let (slots, files) = (machine.slots.copy(), machine.files.copy());
        let size = self.entries_on(node, &disk)?.len() as u64;
        count(&mut self.tally, "disk copied");
        let storage = self.federation.seeds[node].0[5];
        (size > 0).then_some(Copied { disk, slots, files, size, storage })
    }

    fn opened(&self, node: usize, disk: &MemoryDisk) -> Result<Arc<dyn Store>, StoreError> {
        let store = MemoryStore::open(disk)?;
        Ok(Arc::new(self.federation.sealed(node, store)?))
    }

    /// The entries of a journal in its first volume, on a disk that nobody has open.
    fn entries_on(&self, node: usize, disk: &MemoryDisk) -> Option<Vec<Vec<u8>>> {
        let store = self.opened(node, disk).ok()?;
        let (_, journal) = self.federation.volume(node, &store, 0)?;
        let mut entries = Vec::new();
        loop {
            let more = journal.read(entries.len() as u64, 500).ok()?;
            if more.is_empty() {
                return Some(entries);
            }
            entries.extend(more);
        }
    }

    /// Whether a neighbour knows of more than the copy holds: only then somebody can say so. Who is none by
    /// the directory with which the node starts is asked by nobody.
    fn is_known_of(&self, node: usize, copied: &Copied) -> bool {
        let near = self.directory_at_start(node).neighbours(&self.federation.agencies[node]);
        let name = JournalName::new(self.federation.agencies[node].clone(), 1);
        let others = (0..self.machines.len()).filter_map(|peer| self.setting(peer));
        others.filter(|it| near.contains(&it.agency)).any(|setting| {
            let seen = records::seen(setting.store.as_ref(), &name).ok().flatten();
            seen.is_some_and(|it| it.size > copied.size)
        })
    }

    fn put_back(&mut self, node: usize, copied: Copied) -> Option<Lost> {
        let listed = self.listed(node);
        if self.machines[node].up.is_some() {
            self.crash(node, "crash");
        }
        self.drop_of(node);
        let entries = self.entries_on(node, &self.machines[node].disk.clone())?;
        let Copied { disk, slots, files, size, storage } = copied;
        self.federation.seeds[node].0[5] = storage;
        let (acknowledged, kept) = std::mem::take(&mut self.workload.acknowledged)
            .into_iter()
            .partition(|it| it.origin == node && it.position >= size);
        self.workload.acknowledged = kept;
        let machine = &mut self.machines[node];
        (machine.disk, machine.slots, machine.files) = (disk, slots, files);
        count(&mut self.tally, "disk set back");
        // As `node restore` does: what is here may be behind what others have seen, and who is a neighbour now is
        // to be asked, whatever directory there is once the node can start.
        let store = self.opened(node, &self.machines[node].disk).expect("it opens");
        let mut batch = Batch::new();
        let near = self.directory_at_start(node).neighbours(&self.federation.agencies[node]);
        let mut begun = Doubt::begun(self.clock_of(node).now(), size);
        begun.heard.extend(near.into_iter().map(|it| (it, Heard::Unreached(0))));
        begun.put(store.as_ref(), &mut batch).expect("it reads");
        store.commit(batch).expect("it writes");
        drop(store);
        self.start(node);
        Some(Lost { node, size, entries, acknowledged, listed, named: false })
    }

    /// What a node lists in its inbox, if it is up.
    pub fn listed(&self, node: usize) -> Vec<(u64, Id)> {
        let Some(setting) = self.setting(node) else {
            return Vec::new();
        };
        let desk = support::desk(&setting.agency);
        let places = query::inbox_page(&setting, &desk, 0, 10_000).unwrap_or_default();
        let id = |view: &query::MessageView| {
            let address = &view.header.address;
            (address.origin.to_string(), address.message.as_bytes().to_vec())
        };
        places.iter().map(|(place, view)| (*place, id(view))).collect()
    }

    /// What operators do: open the new volume, name it, adopt the directory, confirm the volume.
    fn tend(&mut self, lost: &mut Lost, chance: &mut Chance) {
        if !lost.named {
            if !chance.one_in_thousand(OPERATOR) {
                return;
            }
            let Some(seen) = self.open_volume(lost.node, chance) else {
                return;
            };
            count(&mut self.tally, "volume opened");
            self.name_next_volume(lost.node, seen);
            lost.named = true;
            self.start(lost.node);
            return;
        }
        self.count_what_was_shown(lost.node, chance);
        let agency = self.federation.agencies[lost.node].clone();
        for peer in 0..self.machines.len() {
            let Some(setting) = self.setting(peer) else {
                continue;
            };
            let newest = self.newest_directory();
            if setting.directory().version() < newest.version() {
                if !self.is_changing() && chance.one_in_thousand(OPERATOR) {
                    self.ask(peer, Command::AdoptDirectory(newest), Waiting::Nobody);
                }
                continue;
            }
            let is_near = setting.directory().neighbours(&agency).contains(&setting.agency);
            let waits = recovery::is_unconfirmed(&setting, &agency).unwrap_or(false);
            if is_near && waits && chance.one_in_thousand(OPERATOR) {
                let call = operator(&setting, chance.below(u64::MAX));
                let journal = JournalName::new(agency.clone(), 2);
                self.ask(peer, Command::ConfirmVolume { call, journal }, Waiting::Nobody);
            }
        }
    }

    /// An operator whose node is shown more of the volume before than the directory counts has its agency's
    /// record name a greater size.
    fn count_what_was_shown(&mut self, node: usize, chance: &mut Chance) {
        let Some(setting) = self.setting(node) else {
            return;
        };
        let recovery = Recovery::of(setting.store.as_ref()).ok().flatten();
        let beyond = recovery.map(|it| it.beyond(&setting)).unwrap_or_default();
        let Some(most) = beyond.last().map(|it| it.size) else {
            return;
        };
        let newest = self.newest_directory();
        let named = newest.agency(&setting.agency).and_then(|it| it.journals.first());
        let counts = named.and_then(|it| it.retired_at_size).unwrap_or(u64::MAX);
        if counts < most && chance.one_in_thousand(OPERATOR) {
            count(&mut self.tally, "volume counted further");
            self.name_retired_size(node, most);
        }
    }

    /// Opens the next volume once all neighbours have said what they have seen, as `node new-volume`
    /// does. Gives the size that was seen; none as long as it can't be opened.
    fn open_volume(&mut self, node: usize, chance: &mut Chance) -> Option<u64> {
        // Who takes no part now may have seen something too: it is waited for.
        let first = self.federation.directory.neighbours(&self.federation.agencies[node]);
        if let Some(setting) = self.setting(node) {
            evidence(&setting, first.clone())?;
            self.crash(node, "crash");
        }
        let store = self.opened(node, &self.machines[node].disk).ok()?;
        let clock = self.clock_of(node);
        let entropy = Arc::new(SeededEntropy::new(chance.below(u64::MAX)));
        let slots: Box<dyn SlotDisk> = Box::new(self.machines[node].slots.clone());
        let files = Arc::new(self.machines[node].files.clone());
        let place = (Arc::clone(&store), slots, files as Arc<dyn FileDisk>);
        let setting = self.federation.setting_beside(node, place, clock, entropy)?;
        if volumes::current(&store).ok()? > 0 {
            // It was opened before, and the word of it was lost.
            let first = setting.journal.read(0, 1).ok()?.pop()?;
            let fact = rogatory::wire::entry::read(&first).ok()?.fact;
            let rogatory::domain::fact::Fact::Volume(VolumeFact::Opened { seen, .. }) = fact else {
                return None;
            };
            return Some(seen);
        }
        let Some(behind) = evidence(&setting, first) else {
            // It was down, and goes on asking.
            drop((setting, store));
            self.start(node);
            return None;
        };
        let seen = behind.size;
        let opened = begin(self.federation.keys(node, 2), setting, &store, behind);
        drop(store);
        if !opened {
            self.crash(node, "crash");
        }
        opened.then_some(seen)
    }
}

/// The first entry of the next volume, in one batch with what makes it the one that is written.
fn begin(keys: Keys, old: Setting, store: &Arc<dyn Store>, behind: Behind) -> bool {
    let (before, size) = (old.journal_name.clone(), old.journal.next());
    let journal_name = JournalName::new(old.agency.clone(), 2);
    let Ok(journal) = StoreJournal::open(Volume::of(Arc::clone(store), 1), journal_name.clone())
    else {
        return false;
    };
    let mut batch = Batch::new();
    volumes::put_current(&mut batch, 1);
    records::put_conflict(&mut batch, &behind.note);
    let mut recovery = Recovery::begun(before.to_string(), size, Vec::new());
    let asked = Doubt::of(store.as_ref()).ok().flatten().map(|it| it.asked(&old));
    recovery.note(&old, asked.unwrap_or_default()).expect("it reads");
    let noted = doubt::forget(store.as_ref(), &mut batch)
        .and_then(|()| recovery.put(store.as_ref(), &mut batch));
    let first = VolumeFact::Opened {
        before,
        size,
        seen: behind.size,
        shown: Some(Digest::of(&behind.note)),
        unasked: Vec::new(),
    };
    let mut earlier = old.before.volumes().to_vec();
    earlier.push(Arc::clone(&old.journal));
    let by = operator(&old, 0).principal.to_string();
    let journal = Arc::new(journal) as Arc<dyn Journal>;
    let setting = Setting { journal_name, keys, journal, before: Before::of(earlier), ..old };
    noted.is_ok() && Node::begin_volume(Arc::new(setting), first, by, batch).is_ok()
}

/// Evidence that more was seen, once every neighbour has answered, those of the beginning too.
fn evidence(setting: &Setting, first: Vec<AgencyId>) -> Option<Behind> {
    let doubt = Doubt::of(setting.store.as_ref()).ok()??;
    let mut near = doubt.asked(setting);
    near.extend(first);
    let unanswered = doubt.unanswered(near);
    let behind = doubt.behind?;
    unanswered.iter().all(|it| *it == behind.by).then_some(behind)
}

fn operator(setting: &Setting, number: u64) -> Call {
    let key = format!("operator-{number}");
    let principal = Principal::new(setting.agency.clone(), Role::Operator, "duty-1");
    Call {
        principal: principal.expect("a well-formed name"),
        fingerprint: Digest::of(key.as_bytes()),
        key,
    }
}
