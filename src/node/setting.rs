//! What a node stands in: its agency, its keys, its stores, the directory, time and chance.
//!
//! Shared by the writer and by everyone who reads. Nothing here changes the state.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;

use crate::clock::{Clock, Timestamp};
use crate::directory::Directory;
use crate::directory::freshness::{FreshFor, Freshness};
use crate::directory::witness_keys::witness_name;
use crate::domain::handling::Classification;
use crate::domain::header::{Address, Channel};
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::retention::{Honour, KeepDays, ReviewDays};
use crate::entropy::Entropy;
use crate::envelope::keyring::Keyring;
use crate::envelope::storage::StorageKey;
use crate::identity::desks::DeskPolicy;
use crate::journal::disk::Space;
use crate::journal::files::Files;
use crate::journal::slots::Slots;
use crate::journal::store::Store;
use crate::journal::{Journal, JournalError};
use crate::law::PartyStatus;
use crate::node::attachments::upload::Limits;
use crate::node::claims::Claims;
use crate::node::cosigning::WitnessSigning;
use crate::node::reach::Reach;
use crate::node::signing::JournalSigning;
use crate::redact::Secret;

/// The keys of a node, each for one kind of text only.
pub struct Keys {
    /// Signs every checkpoint of the journal (note type 0x01), and countersigns (note type 0x06).
    pub journal: JournalSigning,
    /// Cosigns checkpoints of neighbours (note type 0x04).
    pub witness: WitnessSigning,
    /// Opens what is sealed to this agency.
    pub sealing: ArcSwap<Keyring>,
    /// Encrypts the skeletons of entries.
    pub skeleton: StorageKey,
    /// Wraps content keys at rest.
    pub storage: StorageKey,
    /// Keys the fingerprints of calls.
    pub fingerprint: Secret<32>,
}

/// Times and counts that an operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Life of a message whose sender does not say, in milliseconds.
    pub expiry_default_ms: i64,
    /// Largest content of a message sent here, in bytes before sealing.
    pub content_bytes_max: usize,
    /// Lease of a claim whose holder does not say, in milliseconds.
    pub lease_default_ms: i64,
    /// Highest classification that this node may hold; only what is unclassified without one.
    pub ceiling: Option<Classification>,
    /// Days that content is kept after its request was closed.
    pub keep_days: KeepDays,
    /// What is done where the other side asks for an erasure.
    pub honour: Honour,
    /// Days until content is reviewed.
    pub review_days: ReviewDays,
    /// An urgent message that nobody took raises an alarm after this time, in milliseconds.
    pub unclaimed_after_ms: i64,
    /// What may be handed in as attachments, and held.
    pub attachments: Limits,
    /// With less room than this, in bytes, nothing new is taken; 0 for no such mark.
    pub low_water_bytes: u64,
    /// Messages in flight to one peer.
    pub window: usize,
    /// First wait after a failed contact, in milliseconds.
    pub retry_min_ms: i64,
    /// Longest wait between contacts, in milliseconds.
    pub retry_max_ms: i64,
    /// What waits for a peer that is not reached for so long goes another way, in milliseconds.
    pub detour_after_ms: i64,
    /// The same of urgent messages, in milliseconds.
    pub detour_urgent_after_ms: i64,
    /// A checkpoint is offered to each peer so often while the journal grows, in milliseconds.
    pub checkpoint_interval_ms: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            expiry_default_ms: crate::domain::limits::EXPIRY_MS_DEFAULT,
            content_bytes_max: crate::domain::limits::CONTENT_BYTES_MAX,
            lease_default_ms: 1_800_000,
            ceiling: None,
            keep_days: KeepDays::default(),
            honour: Honour::default(),
            review_days: ReviewDays::default(),
            unclaimed_after_ms: 600_000,
            attachments: Limits::default(),
            low_water_bytes: 256 * 1024 * 1024,
            window: 64,
            retry_min_ms: 250,
            retry_max_ms: 900_000,
            detour_after_ms: 300_000,
            detour_urgent_after_ms: 30_000,
            checkpoint_interval_ms: 10_000,
        }
    }
}

/// To whom backups are sealed, and how long they may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupTo {
    /// The public backup key.
    pub public: Vec<u8>,
    /// Longest life of a backup, in milliseconds.
    pub keep_ms: i64,
}

/// The directory that is followed: the writer puts a newer one in its place while the node serves.
pub struct Following {
    directory: ArcSwap<Directory>,
    /// For how long it counts without a peer's word; for ever without one.
    fresh_for: Option<FreshFor>,
    /// When a peer confirmed it last, in milliseconds since 1970.
    confirmed: AtomicI64,
    /// Which peers name a newer one.
    claims: Claims,
}

impl Following {
    /// A directory that was confirmed at a time, and counts for so long after that.
    pub fn confirmed(directory: Arc<Directory>, fresh_for: FreshFor, at: Timestamp) -> Self {
        let (directory, confirmed) = (ArcSwap::new(directory), AtomicI64::new(at.millis()));
        Self { directory, fresh_for: Some(fresh_for), confirmed, claims: Claims::default() }
    }
}

impl From<Arc<Directory>> for Following {
    fn from(directory: Arc<Directory>) -> Self {
        let directory = ArcSwap::new(directory);
        let (confirmed, claims) = (AtomicI64::new(0), Claims::default());
        Self { directory, fresh_for: None, confirmed, claims }
    }
}

/// The agency's policy about its desks: whoever reads its file puts a newer one in its place while the
/// node serves.
#[derive(Default)]
pub struct Desks(ArcSwap<DeskPolicy>);

impl From<DeskPolicy> for Desks {
    fn from(policy: DeskPolicy) -> Self {
        Self(ArcSwap::from_pointee(policy))
    }
}

/// The volumes of a journal that are not written any more, oldest first.
///
/// What folds and rows call a position counts through all volumes; a proof knows positions of its own
/// volume only. [`Setting::place`] leads from the one to the other.
#[derive(Clone, Default)]
pub struct Before(Vec<Arc<dyn Journal>>);

impl Before {
    /// These volumes, oldest first.
    pub const fn of(volumes: Vec<Arc<dyn Journal>>) -> Self {
        Self(volumes)
    }

    /// The volumes.
    pub fn volumes(&self) -> &[Arc<dyn Journal>] {
        &self.0
    }

    /// Entries in all of them: the position of the first entry of the volume that is written.
    pub fn size(&self) -> u64 {
        self.0.iter().fold(0, |size, it| size.saturating_add(it.next()))
    }
}

/// Everything a node stands in.
pub struct Setting {
    /// The agency that runs the node.
    pub agency: AgencyId,
    /// Its journal.
    pub journal_name: JournalName,
    /// Its keys.
    pub keys: Keys,
    /// What the operator set.
    pub policy: Policy,
    /// To whom backups are sealed; none are made without it.
    pub backup: Option<BackupTo>,
    /// Who is in the network.
    pub directory: Following,
    /// Which peers are reached.
    pub reach: Reach,
    /// Who of the agency may do what at which of its desks.
    pub desks: Desks,
    /// Who is party to what.
    pub parties: Arc<PartyStatus>,
    /// Where entries stand: the volume that is written.
    pub journal: Arc<dyn Journal>,
    /// The volumes before it, which are only read.
    pub before: Before,
    /// Where rows and content stand.
    pub store: Arc<dyn Store>,
    /// Room on the disk of both.
    pub space: Arc<dyn Space>,
    /// The keys under which content rests.
    pub slots: Arc<Slots>,
    /// Attachments, and what grows to be one.
    pub files: Files,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

impl Setting {
    /// The neighbour to which a statement is passed that travels to the destination of an own message.
    /// Each hop passes it on by the best way, whoever is reached, for only so do all of them agree.
    pub fn way_of_word(&self, address: &Address) -> Option<AgencyId> {
        self.directory().next_hop(&self.agency, &address.destination, address.channel)
    }

    /// The same of another agency's statement, of which no message need be known here.
    pub fn way_of_passing_word(&self, destination: &AgencyId) -> Option<AgencyId> {
        let directory = self.directory();
        let mut channels = Channel::ALL.into_iter();
        channels.find_map(|it| directory.next_hop(&self.agency, destination, it))
    }

    /// Who is in the network, as it stands now. Take it once for what must fit together.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.directory.load_full()
    }

    /// Who may do what at which desk, as it stands now.
    pub fn desks(&self) -> Arc<DeskPolicy> {
        self.desks.0.load_full()
    }

    /// From here on this policy holds for whatever is decided or shown.
    pub fn hold_to(&self, policy: DeskPolicy) {
        self.desks.0.store(Arc::new(policy));
    }

    /// Follows another directory from here on, if there is one. Whoever reads goes on with the one
    /// that it took. Only the writer does this, between its batches.
    pub(crate) fn follow(&self, newer: Option<Arc<Directory>>) {
        if let Some(directory) = newer {
            directory.look_from(&self.agency);
            self.directory.directory.store(directory);
        }
    }

    /// A peer holds the same directory.
    pub fn confirm_directory(&self, at: Timestamp) {
        self.directory.confirmed.fetch_max(at.millis(), Ordering::Relaxed);
    }

    /// Which peers name a newer directory.
    pub(super) fn claims(&self) -> &Claims {
        &self.directory.claims
    }

    /// When a peer confirmed the directory last, and for how long it counts after that; `None`
    /// where it counts for ever, as it does without neighbours.
    pub fn directory_confirmed(&self) -> Option<(Timestamp, FreshFor)> {
        let fresh_for = self.directory.fresh_for?;
        if self.directory().neighbours(&self.agency).is_empty() {
            return None;
        }
        let at = Timestamp::from_millis(self.directory.confirmed.load(Ordering::Relaxed));
        Some((at, fresh_for))
    }

    /// How the directory stands.
    pub fn freshness(&self) -> Freshness {
        let judge = |(at, fresh_for): (Timestamp, FreshFor)| fresh_for.judge(at, self.clock.now());
        self.directory_confirmed().map_or(Freshness::Fresh, judge)
    }

    /// The name under which this agency cosigns checkpoints of others.
    pub fn witness_name(&self) -> String {
        witness_name(&self.agency)
    }

    /// The position that the next entry gets, counted through all volumes.
    pub fn next(&self) -> u64 {
        self.before.size().saturating_add(self.journal.next())
    }

    /// The volume in which the entry at `position` stands, and its position there.
    pub fn place(&self, position: u64) -> (&dyn Journal, u64) {
        let mut first: u64 = 0;
        for volume in self.before.volumes() {
            let end = first.saturating_add(volume.next());
            if position < end {
                return (volume.as_ref(), position.saturating_sub(first));
            }
            first = end;
        }
        (self.journal.as_ref(), position.saturating_sub(first))
    }

    /// Entries from `position` on, counted through all volumes: at most `limit`, and those of one
    /// volume. None only where there is none.
    ///
    /// # Errors
    /// What can't be read.
    pub fn read(&self, position: u64, limit: usize) -> Result<Vec<Vec<u8>>, JournalError> {
        let (volume, position) = self.place(position);
        volume.read(position, limit)
    }

    /// Bytes that the disk still has room for; none if the system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        self.space.free_bytes().ok()
    }

    /// Whether so many bytes more would leave too little room. Unknown room is no reason to refuse.
    pub fn is_storage_low_for(&self, bytes: u64) -> bool {
        let wanted = self.policy.low_water_bytes.saturating_add(bytes);
        self.free_bytes().is_some_and(|free| free < wanted)
    }

    /// Whether there is so little room that nothing new may be taken. What is here is still shown,
    /// passed on and concluded. Unknown room is no reason to refuse.
    pub fn is_storage_low(&self) -> bool {
        self.free_bytes().is_some_and(|free| free < self.policy.low_water_bytes)
    }
}
