//! A network in a builder: directory, keys and settings for n agencies, grown from a seed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rogatory::clock::Clock;
use rogatory::directory::Directory;
use rogatory::directory::JournalKeys;
use rogatory::directory::contact_point::{ContactPoint, Hours};
use rogatory::directory::link::Link;
use rogatory::directory::record::{AgencyRecord, Endpoint, SealingKey, Transit};
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::ids::{AgencyId, ContactPointId, JournalName};
use rogatory::entropy::{self, Entropy, SeededEntropy};
use rogatory::envelope::keyring::{Keyring, SealingPrivate};
use rogatory::envelope::storage::StorageKey;
use rogatory::history::table;
use rogatory::journal::StoreJournal;
use rogatory::journal::disk::Endless;
use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::files::{FileDisk, Files};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;
use rogatory::journal::store::{Sealed, Store, StoreError};
use rogatory::law::PartyStatus;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
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
    /// The seeds of their keys, in the same order.
    pub seeds: Vec<Seeds>,
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
        Self { agencies, directory: Arc::new(directory), seeds }
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
        keys(&self.seeds[n]).storage
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
        let journal_name = JournalName::new(agency.clone(), 1);
        let keys = keys(&self.seeds[n]);
        let chance = Arc::clone(&entropy);
        let slots = open_slots(store.as_ref(), slots, &keys.storage, chance, SLOTS_AHEAD).ok()?;
        let journal = StoreJournal::open(Arc::clone(&store), journal_name.clone()).ok()?;
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
            journal: Arc::new(journal),
            before: Before::default(),
            store,
            space: Arc::new(Endless),
            slots: Arc::new(slots),
            files: Files::over(files),
            clock,
            entropy,
        })
    }
}

fn secret(seeds: &Seeds, at: usize) -> Secret<32> {
    Secret::new(seeds.0[at])
}

fn keys(seeds: &Seeds) -> Keys {
    Keys {
        journal: JournalSigning::alone(
            Ed25519Signer::from_seed(&secret(seeds, 0)),
            MlDsa44Signer::from_seed(&secret(seeds, 1)),
        ),
        witness: Ed25519Signer::from_seed(&secret(seeds, 2)),
        sealing: ArcSwap::from_pointee(Keyring::new([SealingPrivate::from_seed(&secret(
            seeds, 3,
        ))])),
        skeleton: StorageKey::new(secret(seeds, 4)),
        storage: StorageKey::new(secret(seeds, 5)),
        fingerprint: secret(seeds, 6),
    }
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

fn record(n: usize, id: &AgencyId, seeds: &Seeds, desks: &[&str]) -> AgencyRecord {
    let more = desks.iter().map(|it| format!("{id}/{it}").parse().expect("a well-formed id"));
    let start = rogatory::clock::Timestamp::from_millis(1_700_000_000_000);
    let authority = Authority::create(id, Validity::days(start, 3_650), &SeededEntropy::new(1))
        .expect("an authority can be made");
    let keys = keys(seeds);
    AgencyRecord {
        id: id.clone(),
        country: None,
        roots: vec![authority.certificate_der().to_vec()],
        issuing: Vec::new(),
        crls: Vec::new(),
        journals: vec![JournalKeys::of(
            JournalName::new(id.clone(), 1),
            Ed25519Signer::from_seed(&secret(seeds, 0)).public(),
            MlDsa44Signer::from_seed(&secret(seeds, 1)).public(),
        )],
        witness: Some(keys.witness.public()),
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
