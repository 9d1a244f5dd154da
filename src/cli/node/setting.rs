//! Opens what a node stands in, as its configuration says.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::node::{ending, followed, seal};
use crate::cli::parties;
use crate::clock::SystemClock;
use crate::config::backup_keys::backup_public;
use crate::config::{Config, NodeKeys, desks};
use crate::directory::record::AgencyRecord;
use crate::directory::{Directory, JournalKeys};
use crate::domain::ids::JournalName;
use crate::entropy::{Entropy, SystemEntropy};
use crate::envelope::keyring::{Keyring, SealingPrivate};
use crate::envelope::storage::StorageKey;
use crate::history::table;
use crate::identity::desks::DeskPolicy;
use crate::journal::disk::Disk;
use crate::journal::files::folder::FolderFiles;
use crate::journal::files::{self, FileError, Files};
use crate::journal::slot_disks::FileSlots;
use crate::journal::slots::{self, SlotError, Slots};
use crate::journal::store::{Batch, DiskStore, Memory, Sealed, Store, StoreError};
use crate::journal::volumes::{self, Volume};
use crate::journal::watch::Watch;
use crate::journal::{Depth, Journal, StoreJournal};
use crate::node::cosigning::WitnessSigning;
use crate::node::reach::Reach;
use crate::node::setting::{BackupTo, Before, Keys, Policy, Setting};
use crate::node::signing::JournalSigning;
use crate::node::{rest, turn};
use crate::redact::Secret;
use arc_swap::ArcSwap;

/// A store of a node: every value sealed, over the engine.
pub type OwnStore = Sealed<Arc<DiskStore>>;

/// A volume of a node's journal.
pub type OwnJournal = StoreJournal<Volume<Arc<OwnStore>>>;

/// What was opened: the setting, and its parts by their own types.
pub struct Opened {
    /// What the node stands in.
    pub setting: Setting,
    /// Its journal.
    pub journal: Arc<OwnJournal>,
    /// The volumes before it, oldest first.
    pub earlier: Vec<Arc<OwnJournal>>,
    /// Its store.
    pub store: Arc<OwnStore>,
    /// The storage key under which it is sealed.
    pub storage: Secret<32>,
}

/// The keys of a node in the form in which it uses them, for a volume of its journal that begins.
///
/// # Errors
/// As [`OwnKeys::first_pair`].
pub(super) fn keys(from: &OwnKeys, volume: u32, record: Option<&AgencyRecord>) -> Result<Keys> {
    let pair = from.first_pair(volume, record)?;
    let witness = witness(from, record)?;
    Ok(keys_with(&from.files, JournalSigning::of(pair, None), witness))
}

/// The witness keys that the agency's record names.
///
/// # Errors
/// Exit status 6 if the one in use is not here.
pub(super) fn witness(from: &OwnKeys, record: Option<&AgencyRecord>) -> Result<WitnessSigning> {
    let named = record.and_then(|it| it.witness.as_ref());
    let found = named.and_then(|it| from.witness(it));
    found.ok_or_else(|| {
        let text = "the directory names another witness key for this node";
        Failure::new(Exit::Refused, text).into()
    })
}

/// The keys that open what is sealed to the agency.
pub(super) fn ring(own: &NodeKeys) -> Keyring {
    Keyring::new(own.sealing.iter().map(SealingPrivate::from_seed))
}

fn keys_with(from: &NodeKeys, journal: JournalSigning, witness: WitnessSigning) -> Keys {
    Keys {
        journal,
        witness,
        sealing: ArcSwap::from_pointee(ring(from)),
        skeleton: StorageKey::new(from.skeleton.second()),
        storage: StorageKey::new(from.storage.second()),
        fingerprint: from.fingerprint.second(),
    }
}

/// The signed directory that a node of this configuration follows, from the genesis that is pinned.
///
/// # Errors
/// A folder that holds none, another genesis, a roll that does not follow, another network.
pub fn directory(config: &Config) -> Result<Directory> {
    right_network(config, followed::look(config)?)
}

fn right_network(config: &Config, directory: Directory) -> Result<Directory> {
    if *directory.network() != config.node.network {
        let (named, found) = (&config.node.network, directory.network());
        let text = format!("the directory is of network {found}, the configuration of {named}");
        return Err(Failure::new(Exit::Refused, text).into());
    }
    Ok(directory)
}

/// The journal that the directory names for the node, if it names the node's own keys; with those.
///
/// # Errors
/// That it names none, or other keys.
pub fn named_journal(
    config: &Config,
    directory: &Directory,
    own: &OwnKeys,
) -> Result<(JournalName, Keys)> {
    let agency = &config.node.agency;
    let named = directory.current_journal(agency).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("the directory names no journal of {agency}"))
    })?;
    let other = || {
        let text = format!("the directory names other keys for {}", named.name);
        Failure::new(Exit::Refused, text)
    };
    let signing = own.signing(named).ok_or_else(other)?;
    let witness = witness(own, directory.agency(agency))?;
    Ok((named.name.clone(), keys_with(&own.files, signing, witness)))
}

/// A store that is open, with what seals it.
pub struct OpenStore {
    engine: Arc<DiskStore>,
    watch: Arc<Watch>,
    /// The store.
    pub store: Arc<OwnStore>,
    storage: Secret<32>,
}

/// Opens the store of a configuration, and nothing in it.
///
/// # Errors
/// What can't be opened, and why.
pub fn open_store(config: &Config, own: &NodeKeys) -> Result<OpenStore> {
    open_store_by(config, own, DiskStore::open_watched)
}

/// Opens the engine in a folder, with so much memory, and watched.
type Engine = fn(&Path, Memory, &Arc<Watch>) -> Result<DiskStore, StoreError>;

fn open_store_by(config: &Config, own: &NodeKeys, engine: Engine) -> Result<OpenStore> {
    let folder = &config.node.data_dir;
    seal::fits(config, own)?;
    let opening = || format!("opening the store in {}", folder.display());
    let watch = ending::watch(config)?;
    let store = engine(folder, config.store.memory(), &watch).with_context(opening)?;
    let engine = Arc::new(store);
    let open = |key: &Secret<32>| {
        Sealed::open(Arc::clone(&engine), &StorageKey::new(key.second()), table::hidden_id)
    };
    let mut storage = own.storage.second();
    let mut sealed = open(&storage);
    // While the storage key is replaced there are several, and the store tells which is its own.
    for before in own.storage_before.iter().rev() {
        if matches!(sealed, Err(StoreError::Key)) {
            storage = before.second();
            sealed = open(before);
        }
    }
    let sealed = sealed.map_err(|error| {
        let is_another = matches!(error, StoreError::Key);
        if is_another {
            seal::another(config)
        } else {
            anyhow::Error::from(error).context(opening())
        }
    });
    let sealed = sealed.inspect_err(|_| keep_as_it_is(&engine))?;
    seal::note(folder, &StorageKey::new(storage.second()));
    Ok(OpenStore { engine, watch, store: Arc::new(sealed), storage })
}

/// To close a store is to write and sync once more: one that fails is left as it is.
fn keep_as_it_is(engine: &Arc<DiskStore>) {
    std::mem::forget(Arc::clone(engine));
}

/// Opens stores and keys.
///
/// # Errors
/// What can't be opened, and why; keys that the directory does not name for this agency.
pub fn open(config: &Config) -> Result<Opened> {
    open_with(config, directory(config)?)
}

/// [`open`] with a directory that was read already.
///
/// # Errors
/// As [`open`].
pub fn open_with(config: &Config, directory: Directory) -> Result<Opened> {
    open_by(config, directory, DiskStore::open_watched)
}

/// Opens stores and keys of this format or of an older one, to bring it to this one. No row is to be
/// read.
///
/// # Errors
/// As [`open`].
pub fn open_older(config: &Config) -> Result<Opened> {
    open_by(config, directory(config)?, |folder, memory, _| {
        DiskStore::open_older(folder, memory.cache_bytes)
    })
}

fn open_by(config: &Config, directory: Directory, engine: Engine) -> Result<Opened> {
    let directory = right_network(config, directory)?;
    let own = OwnKeys::load(config)?;
    named_journal(config, &directory, &own)?;
    open_in(config, open_store_by(config, &own.files, engine)?, directory, &own)
}

/// As [`open`], in a new store that is sealed under the storage key of `own`, and is to hold so many
/// volumes before the one that is written.
///
/// # Errors
/// As [`open`].
pub fn open_fresh(config: &Config, own: &OwnKeys, before: usize) -> Result<Opened> {
    let directory = directory(config)?;
    named_journal(config, &directory, own)?;
    let opened = open_store(config, &own.files)?;
    if before > 0 {
        let mut batch = Batch::new();
        volumes::put_current(&mut batch, u16::try_from(before)?);
        opened.store.commit(batch)?;
    }
    open_in(config, opened, directory, own)
}

/// As [`open`], in a store that is open.
///
/// # Errors
/// As [`open`].
pub fn open_in(
    config: &Config,
    opened: OpenStore,
    directory: Directory,
    own: &OwnKeys,
) -> Result<Opened> {
    let directory = Arc::new(directory);
    let (journal_name, mut keys) = named_journal(config, &directory, own)?;
    keys.storage = StorageKey::new(opened.storage.second());
    let folder = &config.node.data_dir;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let OpenStore { engine, watch, store, storage } = opened;
    let over = Over {
        folder,
        directory: &directory,
        keys: &keys,
        name: &journal_name,
        entropy: &entropy,
        watch: &watch,
    };
    let (slots, journal, earlier) =
        over.open(&engine, &store).inspect_err(|_| keep_as_it_is(&engine))?;
    let before = earlier.iter().map(|it| Arc::clone(it) as Arc<dyn Journal>).collect();
    let setting = Setting {
        agency: config.node.agency.clone(),
        journal_name,
        keys,
        policy: policy(config)?,
        backup: backup(config)?,
        directory: directory.into(),
        reach: Reach::default(),
        desks: desks(config)?.into(),
        parties: Arc::new(parties::read(config.handling.parties.as_deref())?),
        journal: Arc::clone(&journal) as Arc<dyn Journal>,
        before: Before::of(before),
        store: Arc::clone(&store) as Arc<dyn crate::journal::store::Store>,
        space: Arc::new(Disk::of(folder)),
        clock: Arc::new(SystemClock),
        slots: Arc::new(slots),
        files: files(folder)?,
        entropy,
    };
    let opens = turn::opens_skeletons(&setting);
    if opens == Some(false) {
        keep_as_it_is(&engine);
        return Err(seal::another_skeleton(config));
    }
    seal::note_whole(folder, &setting, opens.is_some());
    Ok(Opened { setting, journal, earlier, store, storage })
}

/// Who may do what at which desk, as the configuration of the node says.
///
/// # Errors
/// Exit status 6 with every fault of the file.
pub fn desks(config: &Config) -> Result<DeskPolicy> {
    let read = desks::load(config.handling.desks.as_deref(), &config.node.agency);
    read.map_err(|error| Failure::new(Exit::Refused, error.to_string()).into())
}

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// To whom the node of a configuration seals its backups.
///
/// # Errors
/// If the key can't be read.
pub fn backup(config: &Config) -> Result<Option<BackupTo>> {
    let Some(path) = &config.backup.key else {
        return Ok(None);
    };
    let keep_days = i64::try_from(config.backup.keep_days)?;
    let public = backup_public(path)?;
    Ok(Some(BackupTo { public, keep_ms: keep_days.saturating_mul(DAY_MS) }))
}

/// The slots beside a store, the volume that is written, and those before it.
type Layers = (Slots, Arc<OwnJournal>, Vec<Arc<OwnJournal>>);

/// What lies over the engine of a store.
struct Over<'a> {
    folder: &'a Path,
    directory: &'a Directory,
    keys: &'a Keys,
    name: &'a JournalName,
    entropy: &'a Arc<dyn Entropy>,
    watch: &'a Arc<Watch>,
}

impl Over<'_> {
    /// The keys of content and the journal. The last batch of each volume is checked, and everything
    /// if a write had failed.
    fn open(&self, engine: &Arc<DiskStore>, store: &Arc<OwnStore>) -> Result<Layers> {
        let random = Arc::clone(self.entropy);
        let slots = slots(self.folder, store.as_ref(), self.keys, random, self.watch)?;
        let mut volumes = self.volumes(store)?;
        if engine.is_suspect() {
            tracing::warn!("a write or a sync had failed: everything in the store is checked");
            for volume in &volumes {
                let checked = volume.check(Depth::Full);
                checked.context("checking the store, in which a write had failed")?;
            }
            engine.trust()?;
        }
        let journal = volumes.pop().context("the store has no volume")?;
        Ok((slots, journal, volumes))
    }

    /// The volumes of the journal, oldest first: those that the directory names, and in the last
    /// place the one that the store writes.
    fn volumes(&self, store: &Arc<OwnStore>) -> Result<Vec<Arc<OwnJournal>>> {
        let current = volumes::current(store.as_ref()).context("opening the journal")?;
        let named = self.directory.agency(self.name.agency());
        let named = named.map(|it| it.journals.as_slice()).unwrap_or_default();
        let count = usize::from(current).saturating_add(1);
        let Some(first) = named.len().checked_sub(count) else {
            let text = format!(
                "the store has gone on in another volume than {}, which the directory names: \
                 publish the new one (rogatory node new-volume shows it)",
                self.name
            );
            return Err(Failure::new(Exit::Refused, text).into());
        };
        let named = named.get(first..).unwrap_or_default();
        let open = |(ordinal, keys): (u16, &JournalKeys)| {
            let volume = Volume::of(Arc::clone(store), ordinal);
            let journal = StoreJournal::open(volume, keys.name.clone());
            Ok(Arc::new(journal.context("opening the journal")?))
        };
        (0..=current).zip(named).map(open).collect()
    }
}

/// The keys under which content rests, beside the store.
///
/// # Errors
/// The file is missing, damaged or another's, or the storage key is another.
pub fn slots(
    folder: &Path,
    store: &dyn Store,
    keys: &Keys,
    entropy: Arc<dyn Entropy>,
    watch: &Arc<Watch>,
) -> Result<Slots> {
    let path = folder.join(slots::FILE_NAME);
    let opening = || seal::opening_slots(folder);
    // A file that is missing is not made anew where its store knows of one.
    if rest::knows_slots(store).with_context(opening)? && !path.exists() {
        return Err(SlotError::OtherVolume).with_context(opening);
    }
    let disk = FileSlots::open_watched(&path, watch)
        .map_err(|source| SlotError::Io { doing: "opened", source })
        .with_context(opening)?;
    let ahead = slots::SLOTS_AHEAD;
    let opened = rest::open_slots(store, Box::new(disk), &keys.storage, entropy, ahead);
    opened.with_context(opening)
}

/// The files beside the store.
///
/// # Errors
/// The folder can't be made or opened.
pub fn files(folder: &Path) -> Result<Files> {
    let path = folder.join(files::FOLDER_NAME);
    let opened = FolderFiles::open(&path)
        .map_err(|source| FileError::Io { doing: "opened", source })
        .with_context(|| format!("opening the attachments in {}", path.display()))?;
    Ok(Files::over(Arc::new(opened)))
}

fn policy(config: &Config) -> Result<Policy> {
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let relay = &config.relay;
    Ok(Policy {
        expiry_default_ms: millis(config.messages.expiry_default_s.saturating_mul(1_000)),
        content_bytes_max: usize::try_from(config.limits.content_bytes)?,
        lease_default_ms: millis(config.messages.lease_default_s.saturating_mul(1_000)),
        attachments: config.attachments.limits(),
        low_water_bytes: config.store.low_water_bytes,
        window: usize::try_from(relay.window)?,
        retry_min_ms: millis(relay.retry_min_ms),
        retry_max_ms: millis(relay.retry_max_ms),
        detour_after_ms: millis(relay.detour_after_s.saturating_mul(1_000)),
        detour_urgent_after_ms: millis(relay.detour_urgent_after_s.saturating_mul(1_000)),
        checkpoint_interval_ms: millis(relay.checkpoint_interval_ms),
        keep_days: config.retention.keep_days,
        honour: config.retention.honour,
        review_days: config.retention.review_days,
        ceiling: config.handling.ceiling,
        unclaimed_after_ms: millis(config.alarm.unclaimed_after_s.saturating_mul(1_000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::config::check::check;
    use crate::domain::handling::Classification;

    const REFERENCE: &str = include_str!("../../../config/node.toml");

    fn policy_of(text: &str) -> Policy {
        policy(&check(text, &Environment::default()).unwrap()).unwrap()
    }

    #[test]
    fn a_node_holds_what_its_configuration_lets_it_hold() {
        assert_eq!(policy_of(REFERENCE).ceiling, None);
        let raised = REFERENCE.replace("ceiling = \"\"", "ceiling = \"R-UE/EU-R\"");
        assert_eq!(policy_of(&raised).ceiling, Some(Classification::Restricted));
    }

    #[test]
    fn a_node_honours_an_erasure_as_its_configuration_says() {
        use crate::domain::retention::Honour;
        assert_eq!(policy_of(REFERENCE).honour, Honour::Ask);
        let other = REFERENCE.replace("erasure = \"ask\"", "erasure = \"at_once\"");
        assert_eq!(policy_of(&other).honour, Honour::AtOnce);
    }

    #[test]
    fn a_node_leaves_the_room_free_that_the_configuration_names() {
        assert_eq!(policy_of(REFERENCE).low_water_bytes, 268_435_456);
        let other = REFERENCE.replace("low_water_bytes = 268435456", "low_water_bytes = 0");
        assert_eq!(policy_of(&other).low_water_bytes, 0);
    }

    #[test]
    fn a_message_that_nobody_takes_rings_when_the_configuration_says() {
        assert_eq!(policy_of(REFERENCE).unclaimed_after_ms, 600_000);
        let sooner = REFERENCE.replace("unclaimed_after_s = 600", "unclaimed_after_s = 10");
        assert_eq!(policy_of(&sooner).unclaimed_after_ms, 10_000);
    }
}
