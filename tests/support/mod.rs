//! A network in a builder: directory, keys and settings for n agencies, grown from a seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rogatory::clock::Clock;
use rogatory::directory::Directory;
use rogatory::directory::JournalKeys;
use rogatory::directory::contact_point::{ContactPoint, Hours};
use rogatory::directory::link::Link;
use rogatory::directory::record::{AgencyRecord, Endpoint, SealingKey, Transit};
use rogatory::directory::witness_keys::WitnessKeys;
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::ids::{AgencyId, ContactPointId, JournalName};
use rogatory::entropy::{self, Entropy, SeededEntropy};
use rogatory::envelope::keyring::{Keyring, SealingPrivate};
use rogatory::envelope::storage::StorageKey;
use rogatory::history::table;
use rogatory::journal::disk::Endless;
use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::files::{FileDisk, Files};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;
use rogatory::journal::store::{Sealed, Store, StoreError};
use rogatory::journal::volumes::{self, Volume};
use rogatory::journal::{Journal, StoreJournal};
use rogatory::law::PartyStatus;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::node::cosigning::WitnessSigning;
use rogatory::node::reach::Reach;
use rogatory::node::rest::open_slots;
use rogatory::node::setting::{Before, Desks, Keys, Policy, Setting};
use rogatory::node::signing::JournalSigning;
use rogatory::pki::{Authority, Validity};
use rogatory::redact::Secret;

/// Slots made ahead at a time; few, for networks are many.
const SLOTS_AHEAD: u64 = 16;

/// The seven seeds of one agency's keys: of the journal two, witness, sealing, skeleton, storage, fingerprint.
pub struct Seeds(pub [[u8; 32]; 7]);

/// Agencies, their keys, and the directory that names them.
pub struct Federation {
    /// The agencies in order.
    pub agencies: Vec<AgencyId>,
    /// Who is in the network.
    pub directory: Arc<Directory>,
    draft: DirectoryDraft,
    /// The seeds of their keys, in the same order.
    pub seeds: Vec<Seeds>,
    /// What opens what is sealed to them: it costs more to make than all their other keys.
    keyrings: Vec<Arc<Keyring>>,
}

/// Agency `n`.
pub fn agency(n: usize) -> AgencyId {
    format!("int.n{n}").parse().expect("a well-formed id")
}

/// What every desk is competent for.
const FUNCTIONS: [&str; 4] =
    ["central_authority", "flag_state_authority", "liaison_office", "police_contact_point"];

/// The one desk of an agency.
pub fn desk(agency: &AgencyId) -> ContactPointId {
    format!("{agency}/desk").parse().expect("a well-formed id")
}

impl Federation {
    /// `count` agencies, joined by `links`; all of them pass on, blind, and have `desks` besides the
    /// one called desk.
    pub fn grow(seed: u64, count: usize, links: &[(usize, usize)], desks: &[&str]) -> Self {
        let chance = SeededEntropy::new(seed ^ 0x5eed);
        let agencies: Vec<AgencyId> = (0..count).map(agency).collect();
        let seeds: Vec<Seeds> =
            (0..count).map(|_| Seeds(std::array::from_fn(|_| entropy::bytes(&chance)))).collect();
        let records = agencies.iter().zip(&seeds).enumerate();
        let draft = DirectoryDraft {
            network: "test".parse().expect("a well-formed name"),
            version: 1,
            agencies: records.map(|(n, (id, seeds))| record(n, id, seeds, desks)).collect(),
            links: links
                .iter()
                .map(|(a, b)| Link::between(agencies[*a].clone(), agencies[*b].clone()))
                .collect(),
        };
        let directory = Directory::parse(&to_toml(&draft)).expect("the draft is well formed");
        let keyrings = seeds.iter().map(|it| Arc::new(keyring(it))).collect();
        Self { agencies, directory: Arc::new(directory), draft, seeds, keyrings }
    }

    /// The next version of the directory: the journal of agency `n` goes on in its next volume, and
    /// the one before counts up to the size `retired_at`.
    pub fn name_next_volume(&mut self, n: usize, retired_at: u64) {
        let mut record = self.draft.agencies[n].clone();
        self.add_volume(n, &mut record, retired_at);
        self.name(n, record);
    }

    /// The next version of the directory: the first volume of agency `n`'s journal counts up to another size.
    pub fn name_retired_size(&mut self, n: usize, retired_at: u64) {
        let mut record = self.draft.agencies[n].clone();
        record.journals[0].retired_at_size = Some(retired_at);
        self.name(n, record);
    }

    /// The next version of the directory: agency `n` reviews what passes through it.
    pub fn name_reviewing(&mut self, n: usize) {
        let transit = Some(Transit::Reviewing);
        self.name(n, AgencyRecord { transit, ..self.draft.agencies[n].clone() });
    }

    /// The next version of the directory: the desk of agency `n` is competent by this function besides.
    pub fn name_competent(&mut self, n: usize, function: &str) {
        let mut record = self.draft.agencies[n].clone();
        let desk = &mut record.contact_points[0];
        let function = function.parse().expect("a known function");
        desk.functions = desk.functions.iter().copied().chain([function]).collect();
        self.name(n, record);
    }

    /// The same directory, but for agency `n`, which passes on blind.
    pub fn where_blind(&self, n: usize) -> Arc<Directory> {
        let mut draft = self.draft.clone();
        draft.agencies[n].transit = Some(Transit::Blind);
        Arc::new(Directory::parse(&to_toml(&draft)).expect("the draft is well formed"))
    }

    /// The next version of the directory: it names these links, and no other.
    pub fn name_links(&mut self, links: Vec<Link>) {
        self.draft.version += 1;
        self.draft.links = links;
        let text = to_toml(&self.draft);
        self.directory = Arc::new(Directory::parse(&text).expect("the draft is well formed"));
    }

    fn name(&mut self, n: usize, record: AgencyRecord) {
        self.draft.version += 1;
        self.draft.agencies[n] = record;
        let text = to_toml(&self.draft);
        self.directory = Arc::new(Directory::parse(&text).expect("the draft is well formed"));
    }

    /// Adds the next volume of its journal to the record of agency `n`.
    pub fn add_volume(&self, n: usize, record: &mut AgencyRecord, retired_at: u64) {
        if let Some(before) = record.journals.last_mut() {
            before.retired_at_size = Some(retired_at);
        }
        let number = u32::try_from(record.journals.len() + 1).expect("few volumes");
        record.journals.push(journal_keys(&self.agencies[n], &self.seeds[n], number));
    }

    /// What signs first in a volume of the journal of agency `n`, from 1.
    pub fn signers(&self, n: usize, volume: u32) -> (Ed25519Signer, MlDsa44Signer) {
        signers(&self.seeds[n], volume)
    }

    /// The keys of agency `n` for a volume of its journal, from 1.
    pub fn keys(&self, n: usize, volume: u32) -> Keys {
        let seeds = &self.seeds[n];
        let (ed25519, mldsa44) = signers(seeds, volume);
        Keys {
            journal: JournalSigning::alone(ed25519, mldsa44),
            witness: WitnessSigning::alone(witness(seeds)),
            sealing: ArcSwap::new(Arc::clone(&self.keyrings[n])),
            skeleton: StorageKey::new(secret(seeds, 4)),
            storage: self.storage(n),
            fingerprint: secret(seeds, 6),
        }
    }

    /// What agency `n` stands in, over a store; none if the journal does not open. Its slots are in
    /// memory and new, so a store that is opened again needs [`Federation::setting_on`].
    pub fn setting(
        &self,
        n: usize,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Option<Setting> {
        let store = Arc::new(self.sealed(n, store).ok()?);
        self.setting_on(n, (store, Box::new(MemorySlots::new())), clock, entropy)
    }

    /// The storage key of agency `n`.
    pub fn storage(&self, n: usize) -> StorageKey {
        StorageKey::new(secret(&self.seeds[n], 5))
    }

    /// The layer of agency `n` that seals what stands in a store.
    pub fn sealed<S: Store>(&self, n: usize, store: S) -> Result<Sealed<S>, StoreError> {
        Sealed::open(store, &self.storage(n), table::hidden_id)
    }

    /// What agency `n` stands in, over a sealed store and slots.
    pub fn setting_on(
        &self,
        n: usize,
        (store, slots): (Arc<dyn Store>, Box<dyn SlotDisk>),
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Option<Setting> {
        let files = Arc::new(MemoryFiles::new());
        self.setting_beside(n, (store, slots, files), clock, entropy)
    }

    /// The same, with files beside it.
    pub fn setting_beside(
        &self,
        n: usize,
        (store, slots, files): (Arc<dyn Store>, Box<dyn SlotDisk>, Arc<dyn FileDisk>),
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Option<Setting> {
        let agency = self.agencies[n].clone();
        let current = volumes::current(&store).ok()?;
        let keys = self.keys(n, u32::from(current) + 1);
        let chance = Arc::clone(&entropy);
        let slots = open_slots(store.as_ref(), slots, &keys.storage, chance, SLOTS_AHEAD).ok()?;
        let mut opened = Vec::new();
        for ordinal in 0..=current {
            opened.push(self.volume(n, &store, ordinal)?);
        }
        let (journal_name, journal) = opened.pop()?;
        let before = opened.into_iter().map(|(_, journal)| journal).collect();
        Some(Setting {
            agency,
            journal_name,
            keys,
            policy: Policy::default(),
            backup: None,
            directory: Arc::clone(&self.directory).into(),
            reach: Reach::default(),
            desks: Desks::default(),
            parties: Arc::new(PartyStatus::built_in().clone()),
            journal,
            before: Before::of(before),
            store,
            space: Arc::new(Endless),
            slots: Arc::new(slots),
            files: Files::over(files),
            clock,
            entropy,
        })
    }

    /// A volume of the journal of agency `n` in its store, with its name.
    pub fn volume(
        &self,
        n: usize,
        store: &Arc<dyn Store>,
        ordinal: u16,
    ) -> Option<(JournalName, Arc<dyn Journal>)> {
        let name = JournalName::new(self.agencies[n].clone(), u32::from(ordinal) + 1);
        let volume = Volume::of(Arc::clone(store), ordinal);
        let journal = StoreJournal::open(volume, name.clone()).ok()?;
        Some((name, Arc::new(journal)))
    }
}

fn secret(seeds: &Seeds, at: usize) -> Secret<32> {
    Secret::new(seeds.0[at])
}

/// What signs a volume, from 1: no two volumes have a key in common.
fn signers(seeds: &Seeds, volume: u32) -> (Ed25519Signer, MlDsa44Signer) {
    let seed = |at: usize| {
        let mut seed = seeds.0[at];
        seed[0] ^= u8::try_from(volume - 1).expect("few volumes");
        Secret::new(seed)
    };
    (Ed25519Signer::from_seed(&seed(0)), MlDsa44Signer::from_seed(&seed(1)))
}

fn journal_keys(agency: &AgencyId, seeds: &Seeds, volume: u32) -> JournalKeys {
    let (ed25519, mldsa44) = signers(seeds, volume);
    let name = JournalName::new(agency.clone(), volume);
    JournalKeys::of(name, ed25519.public(), mldsa44.public())
}

fn witness(seeds: &Seeds) -> Ed25519Signer {
    Ed25519Signer::from_seed(&secret(seeds, 2))
}

fn keyring(seeds: &Seeds) -> Keyring {
    Keyring::new([SealingPrivate::from_seed(&secret(seeds, 3))])
}

fn contact_point(id: ContactPointId) -> ContactPoint {
    ContactPoint {
        name: format!("Desk of {}", id.agency()),
        id,
        functions: FUNCTIONS.iter().map(|it| it.parse().expect("a known function")).collect(),
        languages: [String::from("en")].into(),
        hours: Hours::Always,
    }
}

/// The certificate of an agency's authority. Making one costs much, and no two are alike: an agency has the
/// same in every network that a process grows.
fn root(id: &AgencyId) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<AgencyId, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let start = rogatory::clock::Timestamp::from_millis(1_700_000_000_000);
    let make = || {
        Authority::create(id, Validity::days(start, 3_650), &SeededEntropy::new(1))
            .expect("an authority can be made")
            .certificate_der()
            .to_vec()
    };
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(id.clone()).or_insert_with(make).clone()
}

fn record(n: usize, id: &AgencyId, seeds: &Seeds, desks: &[&str]) -> AgencyRecord {
    let more = desks.iter().map(|it| format!("{id}/{it}").parse().expect("a well-formed id"));
    AgencyRecord {
        id: id.clone(),
        country: None,
        roots: vec![root(id)],
        issuing: Vec::new(),
        crls: Vec::new(),
        journals: vec![journal_keys(id, seeds, 1)],
        witness: Some(WitnessKeys::of(witness(seeds).public())),
        sealing: vec![SealingKey::new(SealingPrivate::from_seed(&secret(seeds, 3)).public())],
        nodes: vec![Endpoint {
            name: "one".to_owned(),
            peer_address: format!("127.0.0.1:{}", 1_000 + n),
            server_name: "localhost".to_owned(),
        }],
        contact_points: std::iter::once(desk(id)).chain(more).map(contact_point).collect(),
        transit: Some(Transit::Blind),
    }
}
