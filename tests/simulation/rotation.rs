//! Keys that are replaced while messages are under way: sealing, journal, witness and storage keys of any
//! node, at instants of chance. Directories that carry the new ones reach each node at a time of its own.
//!
//! It has chance of its own, so that a seed's weather stays what it was. A key of a journal or of a
//! witness is announced for a time at which every node has heard of it, as the ceremony wants it; all else may happen at any time.

use std::collections::BTreeMap;
use std::sync::Arc;

use rogatory::clock::{Clock, Timestamp};
use rogatory::directory::Directory;
use rogatory::directory::journal_keys::{EarlierKeys, NextKeys};
use rogatory::directory::record::{AgencyRecord, SealingKey};
use rogatory::directory::witness_keys::{EarlierWitness, NextWitness, WitnessKeys};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::AgencyId;
use rogatory::entropy::{self, SeededEntropy};
use rogatory::envelope::keyring::{Keyring, SealingPrivate};
use rogatory::evidence::statement;
use rogatory::journal::files::FileDisk;
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::store::{Batch, Store as _};
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::node::command::Command;
use rogatory::node::cosigning::WitnessSigning;
use rogatory::node::setting::Setting;
use rogatory::node::signing::{JournalSigning, SigningPair};
use rogatory::node::{fold_up_to, query, records, reseal, rest};
use rogatory::redact::Secret;
use rogatory::wire::envelope::Statement;

use crate::directory::Registry;
use crate::support::Federation;
use crate::world::{Chance, Waiting, World, count};

/// A directory reaches every node within this time, in milliseconds.
const HEARD_WITHIN_MS: u64 = 4_000;
/// And is followed within so many more: a disk may be slow.
const FOLLOWED_WITHIN_MS: u64 = 24_000;
/// Slots made ahead at a time.
const SLOTS_AHEAD: u64 = 16;
/// Rows that are sealed at a time.
const STEP: usize = 256;

/// A version of the directory, and when each node hears of it.
struct Version {
    directory: Arc<Directory>,
    heard_at: Vec<i64>,
}

/// What was replaced, and who knows of it.
pub struct Rotations {
    chance: Chance,
    seed: u64,
    /// Chances of a rotation at each tick, in a thousand.
    rate: u64,
    versions: Vec<Version>,
    /// The signed texts, where anything changes.
    pub registry: Option<Registry>,
    /// The latest version that each node follows.
    follows: Vec<usize>,
    /// Which sealing keys each node has made, and which storage key is in force.
    made: Vec<(u64, u64)>,
}

impl Rotations {
    /// Nothing is replaced yet; `rate` is how often something is, in a thousand ticks.
    pub fn new(seed: u64, rate: u64, federation: &Federation, registry: Option<Registry>) -> Self {
        let nodes = federation.agencies.len();
        let directory = match &registry {
            Some(registry) => Arc::new(registry.directory()),
            None => Arc::clone(&federation.directory),
        };
        let first = Version { directory, heard_at: vec![0; nodes] };
        Self {
            chance: Chance::new(seed ^ 0x0707_a7e5),
            seed,
            rate,
            versions: vec![first],
            registry,
            follows: vec![0; nodes],
            made: vec![(0, 0); nodes],
        }
    }

    fn secret(&self, node: usize, purpose: u64, number: u64) -> Secret<32> {
        let which = self.seed ^ (node as u64) << 48 ^ purpose << 40 ^ number << 32 ^ 0x5eed_5eed;
        Secret::new(entropy::bytes(&SeededEntropy::new(which)))
    }

    /// The pair of a journal that follows `number` others, which are the first one's successors.
    fn pair(&self, node: usize, number: u64) -> SigningPair {
        SigningPair {
            ed25519: Arc::new(Ed25519Signer::from_seed(&self.secret(node, 1, number))),
            mldsa44: Arc::new(MlDsa44Signer::from_seed(&self.secret(node, 2, number))),
        }
    }

    /// The witness key that follows `number` others.
    fn witness(&self, node: usize, number: u64, federation: &Federation) -> Ed25519Signer {
        let seed = match number {
            0 => first_seed(federation, node, 2),
            n => self.secret(node, 5, n),
        };
        Ed25519Signer::from_seed(&seed)
    }

    fn sealing(&self, node: usize, number: u64) -> SealingPrivate {
        SealingPrivate::from_seed(&self.secret(node, 3, number))
    }

    fn latest(&self) -> &Version {
        self.versions.last().expect("there is a first")
    }

    /// The latest directory of all.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.latest().directory)
    }

    /// A node whose next journal keys are announced, if there is one.
    pub fn announced(&self, federation: &Federation) -> Option<usize> {
        let directory = &self.latest().directory;
        federation.agencies.iter().position(|agency| {
            directory.current_journal(agency).is_some_and(|it| it.next.is_some())
        })
    }

    /// The same of witness keys.
    fn announced_witness(&self, federation: &Federation) -> Option<usize> {
        let directory = &self.latest().directory;
        // Who joins late is not there yet.
        let named = |it| directory.agency(it)?.witness.as_ref()?.next.as_ref();
        federation.agencies.iter().position(|it| named(it).is_some())
    }

    fn is_heard_by_all(&self, now: i64) -> bool {
        self.latest().heard_at.iter().all(|it| *it <= now)
    }

    /// Publishes another version of one agency's record.
    fn publish(&mut self, now: i64, agency: &AgencyId, change: impl FnOnce(&mut AgencyRecord)) {
        let registry = self.registry.as_mut().expect("only what is signed is replaced");
        registry.change(now, agency, change);
        self.follow(now);
    }

    /// Another version follows from what was signed; each node hears of it in its time.
    pub fn follow(&mut self, now: i64) {
        let registry = self.registry.as_ref().expect("only what is signed is replaced");
        let directory = registry.directory();
        let mut heard_at: Vec<i64> = Vec::with_capacity(self.follows.len());
        for before in self.latest().heard_at.clone() {
            // Versions only go up: none is heard of before the one that it follows.
            let at = now + self.chance.below(HEARD_WITHIN_MS) as i64;
            heard_at.push(at.max(before));
        }
        self.versions.push(Version { directory: Arc::new(directory), heard_at });
    }

    /// A node hears of the latest version at once.
    pub fn hears_now(&mut self, node: usize, now: i64) {
        let last = self.versions.last_mut().expect("there is a first");
        last.heard_at[node] = now;
    }

    /// The version that a node has heard of at a time.
    fn heard(&self, node: usize, now: i64) -> usize {
        self.versions.iter().rposition(|it| it.heard_at[node] <= now).unwrap_or(0)
    }

    /// Gives a node that starts, or hears of a version, its own keys as that version names them.
    fn keys(&self, node: usize, version: usize, federation: &Federation) -> OwnKeys {
        let directory = &self.versions[version].directory;
        let agency = &federation.agencies[node];
        let own = directory.current_journal(agency).expect("it has a journal");
        let volume = volumes(directory, agency);
        let pair = |number: usize| match number {
            0 => first_pair(federation, node, volume),
            n => self.pair(node, numbered(volume, n)),
        };
        let in_use = own.earlier.len();
        let next = own.next.as_ref().map(|it| (it.from, pair(in_use + 1)));
        let signing = JournalSigning::of(pair(in_use), next);
        let named = witness_of(directory, &federation.agencies[node]);
        let number = named.earlier.len() as u64;
        let next = named.next.map(|it| (it.from, self.witness(node, number + 1, federation)));
        let witness = WitnessSigning::of(self.witness(node, number, federation), next);
        let made = (1..=self.made[node].0).map(|number| self.sealing(node, number));
        let first = SealingPrivate::from_seed(&first_seed(federation, node, 3));
        let ring = Keyring::new(std::iter::once(first).chain(made));
        OwnKeys { signing, witness, ring }
    }
}

/// What a node signs, cosigns and opens with.
struct OwnKeys {
    signing: JournalSigning,
    witness: WitnessSigning,
    ring: Keyring,
}

fn witness_of<'a>(directory: &'a Directory, agency: &AgencyId) -> &'a WitnessKeys {
    let record = directory.agency(agency).expect("it is in the network");
    record.witness.as_ref().expect("it has a witness key")
}

impl World {
    /// What a node that starts stands in, by the directory that it has heard of.
    pub fn rotated(&mut self, node: usize, setting: &mut Setting) {
        // Nothing changes: the directory is what the federation has, whatever else came into it.
        if !self.is_changing() {
            return;
        }
        let version = self.version_at_start(node);
        let directory = &self.rotations.versions[version].directory;
        setting.directory = Arc::clone(directory).into();
        // It has not joined yet, and does not start.
        if directory.agency(&setting.agency).is_none() {
            return;
        }
        self.rotations.follows[node] = version;
        let own = self.rotations.keys(node, version, &self.federation);
        setting.keys.journal = own.signing;
        setting.keys.witness = own.witness;
        setting.keys.sealing.store(Arc::new(own.ring));
    }

    fn version_at_start(&self, node: usize) -> usize {
        self.rotations.heard(node, self.now()).max(self.rotations.follows[node])
    }

    /// The directory that a node follows if it starts now.
    pub fn directory_at_start(&self, node: usize) -> Arc<Directory> {
        if !self.is_changing() {
            return Arc::clone(&self.federation.directory);
        }
        Arc::clone(&self.rotations.versions[self.version_at_start(node)].directory)
    }

    /// Lets nodes hear of directories, and replaces a key now and then.
    pub fn rotate(&mut self) {
        let now = self.now();
        self.change_directory();
        for node in 0..self.machines.len() {
            let (heard, follows) = (self.rotations.heard(node, now), self.rotations.follows[node]);
            let Some(setting) = self.setting(node).filter(|_| heard > follows) else {
                continue;
            };
            let own = self.rotations.keys(node, heard, &self.federation);
            if signing_replaced(&setting, own.signing).is_err() {
                continue;
            }
            setting.keys.witness.replace(own.witness);
            setting.keys.sealing.store(Arc::new(own.ring));
            self.rotations.follows[node] = heard;
            let directory = Arc::clone(&self.rotations.versions[heard].directory);
            count(&mut self.tally, "directory adopted");
            self.ask(node, Command::AdoptDirectory(directory), Waiting::Nobody);
        }
        let rate = self.rotations.rate;
        if !self.is_stormy() || !self.rotations.chance.one_in_thousand(rate) {
            return;
        }
        let nodes = self.machines.len() as u64;
        let node = self.rotations.chance.below(nodes) as usize;
        // Whoever takes no part signs no record.
        let is_active = |node: usize| {
            let agency = &self.federation.agencies[node];
            self.rotations.registry.as_ref().is_some_and(|it| it.is_active(agency))
        };
        let begun = [
            self.rotations.announced(&self.federation),
            self.rotations.announced_witness(&self.federation),
        ];
        if !begun.into_iter().flatten().chain([node]).all(is_active) {
            return;
        }
        match self.rotations.chance.below(4) {
            0 => self.replace_sealing_key(node),
            1 => {
                // What was begun is ended before another is.
                let begun = self.rotations.announced(&self.federation);
                let node = begun.unwrap_or(node);
                // Nobody changes the keys of a journal whose end is in doubt.
                if !self.is_in_doubt(node) {
                    self.replace_journal_keys(node);
                }
            }
            2 => {
                let begun = self.rotations.announced_witness(&self.federation);
                self.replace_witness_key(begun.unwrap_or(node));
            }
            _ => self.replace_storage_key(node),
        }
    }

    /// Whether the directory changes in this world, and each node hears of it in its time.
    pub const fn is_changing(&self) -> bool {
        self.rotations.registry.is_some()
    }

    /// The newest directory, whether a node has heard of it or not.
    pub fn newest_directory(&self) -> Arc<Directory> {
        if self.is_changing() {
            return self.rotations.directory();
        }
        Arc::clone(&self.federation.directory)
    }

    /// Publishes another link, if both of its ends take part and have none; whether they do.
    pub fn name_link(&mut self, (one, other): (usize, usize)) -> bool {
        let now = self.now();
        let [one, other] = [one, other].map(|it| self.federation.agencies[it].clone());
        let registry = self.rotations.registry.as_mut();
        let is_named = registry.is_some_and(|it| it.open_link(now, &one, &other));
        if is_named {
            self.rotations.follow(now);
        }
        is_named
    }

    /// Publishes that the journal of a node goes on in its next volume; the node itself knows at once.
    pub fn name_next_volume(&mut self, node: usize, seen: u64) {
        if !self.is_changing() {
            self.federation.name_next_volume(node, seen);
            return;
        }
        let now = self.now();
        let federation = &self.federation;
        let change = |record: &mut AgencyRecord| federation.add_volume(node, record, seen);
        self.rotations.publish(now, &federation.agencies[node], change);
        self.rotations.hears_now(node, now);
    }

    /// The first volume of a journal counts up to another size.
    pub fn name_retired_size(&mut self, node: usize, size: u64) {
        if !self.is_changing() {
            self.federation.name_retired_size(node, size);
            return;
        }
        let now = self.now();
        self.rotations.publish(now, &self.federation.agencies[node], |record| {
            record.journals[0].retired_at_size = Some(size);
        });
        self.rotations.hears_now(node, now);
    }

    fn replace_sealing_key(&mut self, node: usize) {
        let now = self.now();
        let number = self.rotations.made[node].0 + 1;
        self.rotations.made[node].0 = number;
        // The node has the key before anybody is told of it.
        if let Some(setting) = self.setting(node) {
            let version = self.rotations.follows[node];
            let own = self.rotations.keys(node, version, &self.federation);
            setting.keys.sealing.store(Arc::new(own.ring));
        }
        let public = self.rotations.sealing(node, number).public();
        let agency = self.federation.agencies[node].clone();
        self.rotations.publish(now, &agency, |record| {
            for key in &mut record.sealing {
                let retired = key.retired_at.unwrap_or(Timestamp::from_millis(now));
                key.retired_at = Some(retired);
            }
            record.sealing.insert(0, SealingKey::new(public));
        });
        count(&mut self.tally, "sealing key replaced");
    }

    /// Announces the next keys of a journal, or retires those before once the next ones sign.
    fn replace_journal_keys(&mut self, node: usize) {
        let now = self.now();
        let agency = self.federation.agencies[node].clone();
        let directory = self.rotations.directory();
        let volume = volumes(&directory, &agency);
        let named = directory.current_journal(&agency);
        let named = named.expect("it has a journal").clone();
        let changed = self.setting(node).and_then(|it| it.keys.journal.changed_at());
        match (&named.next, changed) {
            (None, _) => {
                let next = self.rotations.pair(node, numbered(volume, named.earlier.len() + 1));
                let later =
                    HEARD_WITHIN_MS + FOLLOWED_WITHIN_MS + self.rotations.chance.below(8_000);
                // By the clock of the node that is to sign with them.
                let from = self.clock_of(node).now().plus_millis(later as i64);
                self.rotations.publish(now, &agency, |record| {
                    let own = record.journals.last_mut().expect("it has a journal");
                    let ed25519 = next.ed25519.public_key();
                    let mldsa44 = next.mldsa44.public();
                    own.next = Some(NextKeys { ed25519, mldsa44, from });
                });
                count(&mut self.tally, "journal keys announced");
            }
            (Some(next), Some(size)) if self.rotations.is_heard_by_all(now) => {
                let next = next.clone();
                self.rotations.publish(now, &agency, |record| {
                    let own = record.journals.last_mut().expect("it has a journal");
                    let retired = EarlierKeys {
                        ed25519: own.ed25519,
                        mldsa44: own.mldsa44.clone(),
                        retired_at_size: size,
                    };
                    own.earlier.push(retired);
                    (own.ed25519, own.mldsa44, own.next) = (next.ed25519, next.mldsa44, None);
                });
                count(&mut self.tally, "journal keys retired");
            }
            (Some(_), _) => {}
        }
    }

    /// Announces the next witness key of a node, or retires the one before once the next one cosigns.
    fn replace_witness_key(&mut self, node: usize) {
        let now = self.now();
        let directory = self.rotations.directory();
        let agency = self.federation.agencies[node].clone();
        let named = witness_of(&directory, &agency).clone();
        let by_its_clock = self.clock_of(node).now();
        let changed =
            self.setting(node).and_then(|it| it.keys.witness.changed_at(by_its_clock)).is_some();
        let Some(next) = named.next else {
            let number = named.earlier.len() as u64 + 1;
            let next = self.rotations.witness(node, number, &self.federation).public();
            let later = HEARD_WITHIN_MS + FOLLOWED_WITHIN_MS + self.rotations.chance.below(8_000);
            let from = by_its_clock.plus_millis(later as i64);
            self.rotations.publish(now, &agency, |record| {
                let own = record.witness.as_mut().expect("it has a witness key");
                own.next = Some(NextWitness { ed25519: next, from });
            });
            count(&mut self.tally, "witness key announced");
            return;
        };
        if !changed || !self.rotations.is_heard_by_all(now) {
            return;
        }
        self.rotations.publish(now, &agency, |record| {
            let own = record.witness.as_mut().expect("it has a witness key");
            let last = own.earlier.last().map_or(by_its_clock, |it| it.retired_at);
            // A clock may have been put back since another one was retired.
            let retired_at = last.max(by_its_clock);
            own.earlier.push(EarlierWitness { ed25519: own.ed25519, retired_at });
            (own.ed25519, own.next) = (next.ed25519, None);
        });
        count(&mut self.tally, "witness key retired");
    }

    /// Seals the store of a node anew that does not run, into another disk that takes the place of it.
    fn replace_storage_key(&mut self, node: usize) {
        if self.machines[node].up.is_some()
            || self.machines[node].disk.bytes() == 0
            // There is no room for a second store.
            || self.machines[node].trouble.is_full()
            || !self.is_sound()
        {
            return;
        }
        let number = self.rotations.made[node].1 + 1;
        let (old, new) = (self.federation.storage(node), self.rotations.secret(node, 4, number));
        let Ok(store) = MemoryStore::open(&self.machines[node].disk) else { return };
        let Ok(from) = self.federation.sealed(node, store) else { return };
        let from = Arc::new(from);
        let (chance, clock) = (SeededEntropy::new(self.seed ^ number), Arc::clone(&self.clock));
        let chance: Arc<dyn entropy::Entropy> = Arc::new(chance);
        let place = (
            Arc::clone(&from) as Arc<dyn rogatory::journal::store::Store>,
            Box::new(self.machines[node].slots.clone()) as Box<_>,
            Arc::new(self.machines[node].files.clone()) as Arc<dyn FileDisk>,
        );
        let clock: Arc<dyn Clock> = clock;
        let setting = self.federation.setting_beside(node, place, clock, Arc::clone(&chance));
        // What stopped before it was whole has no slots yet; it is replaced another time.
        let Some(setting) = setting else { return };
        fold_up_to(&setting, u64::MAX).expect("what the rows lack is folded");
        rest::finish_stopped(&setting).expect("what was begun is ended");
        let (disk, slots) = (MemoryDisk::new(), MemorySlots::new());
        self.federation.seeds[node].0[5] = *new.expose();
        let storage = self.federation.storage(node);
        let to = MemoryStore::open(&disk).expect("an empty disk");
        let to = self.federation.sealed(node, to).expect("it takes the seal");
        let mut at = Vec::new();
        loop {
            let (found, next) = from.walk(&at, STEP).expect("every row opens");
            let mut batch = Batch::new();
            found.into_iter().for_each(|(key, value)| batch.put(key, value));
            rest::forget_volume(&mut batch);
            to.apply(batch).expect("the new store takes it");
            let Some(next) = next else { break };
            at = next;
        }
        let fresh = rest::open_slots(
            &to,
            Box::new(slots.clone()),
            &storage,
            Arc::clone(&chance),
            SLOTS_AHEAD,
        )
        .expect("new slots");
        fresh.rewrap(&setting.slots).expect("every slot opens");
        let before = reseal::Place { store: from.as_ref(), slots: &setting.slots, storage: &old };
        let after = reseal::Place { store: &to, slots: &fresh, storage: &storage };
        let own = self.federation.agencies[node].clone();
        reseal::content_keys(&own, before, after, chance.as_ref())
            .expect("every content key opens");
        to.commit(Batch::new()).expect("it is durable");
        drop((to, fresh, setting, from));
        self.machines[node].disk = disk;
        self.machines[node].slots = slots;
        self.rotations.made[node].1 = number;
        count(&mut self.tally, "storage key replaced");
    }
}

/// A key that an agency had from the beginning.
fn first_seed(federation: &Federation, node: usize, at: usize) -> Secret<32> {
    Secret::new(federation.seeds[node].0[at])
}

fn first_pair(federation: &Federation, node: usize, volume: usize) -> SigningPair {
    let (ed25519, mldsa44) = federation.signers(node, volume as u32);
    SigningPair { ed25519: Arc::new(ed25519), mldsa44: Arc::new(mldsa44) }
}

/// How many volumes a directory names of an agency's journal.
fn volumes(directory: &Directory, agency: &AgencyId) -> usize {
    directory.agency(agency).map_or(1, |it| it.journals.len())
}

/// No two volumes have a pair in common.
const fn numbered(volume: usize, pair: usize) -> u64 {
    (volume as u64 - 1) * 1_000 + pair as u64
}

fn signing_replaced(setting: &Setting, signing: JournalSigning) -> Result<(), String> {
    let replaced = setting.keys.journal.replace(signing, setting.journal.as_ref());
    replaced.map_err(|error| error.to_string())
}

/// `proved-for-ever`: whatever key signed it, each receipt that a node shows of what it acknowledged holds by
/// the directory of the end, and none is of a key that it does not name.
pub fn old_proofs_hold(world: &World) -> Result<(), String> {
    let directory = world.newest_directory();
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for told in &world.workload.acknowledged {
        let setting = world.setting(told.origin).ok_or("a node is down at the end")?;
        let key = MessageKey::new(&setting.agency, told.message);
        let view = query::message(&setting, key).map_err(|error| error.to_string())?;
        let view = view.ok_or("proved-for-ever: an acknowledged message is not shown")?;
        for station in view.stations {
            let receipt = station.receipt.ok_or("proved-for-ever: a station has no proof")?;
            let statement = Statement { entry: receipt.entry, proof: receipt.proof };
            if let Err(error) = statement::verify(&directory, &statement) {
                let (station, message) = (station.record.station, told.message);
                return Err(format!("proved-for-ever: {station} of {message}: {error}"));
            }
            *shown.entry(setting.agency.to_string()).or_default() += 1;
        }
    }
    for node in 0..world.machines.len() {
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        cosignatures_hold(&setting, &directory)?;
    }
    Ok(())
}

/// The same of the latest checkpoint that each neighbour cosigned, whenever that was.
fn cosignatures_hold(setting: &Setting, directory: &Directory) -> Result<(), String> {
    for peer in directory.neighbours(&setting.agency) {
        let known = records::cosigned(setting.store.as_ref(), &peer);
        let Some(known) = known.map_err(|error| error.to_string())? else { continue };
        let signed = SignedCheckpoint::parse(&known.note).map_err(|error| error.to_string())?;
        if let Err(error) = witness_of(directory, &peer).cosigned(&peer, &signed) {
            let own = &setting.agency;
            return Err(format!("proved-for-ever: what {peer} cosigned of {own}: {error}"));
        }
    }
    Ok(())
}
