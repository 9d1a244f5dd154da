//! Opens what a node stands in, as its configuration says.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::followed;
use crate::cli::parties;
use crate::clock::SystemClock;
use crate::config::keys::backup_public;
use crate::config::{Config, NodeKeys};
use crate::directory::Directory;
use crate::domain::ids::JournalName;
use crate::entropy::{Entropy, SystemEntropy};
use crate::envelope::keyring::{Keyring, SealingPrivate};
use crate::envelope::storage::StorageKey;
use crate::history::table;
use crate::journal::disk::Disk;
use crate::journal::slot_disks::FileSlots;
use crate::journal::slots::{self, SlotError, Slots};
use crate::journal::store::{Sealed, SledStore, Store, StoreError};
use crate::journal::{Depth, StoreJournal};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use crate::node::rest;
use crate::node::setting::{BackupTo, Keys, Policy, Setting};

/// A store of a node: every value sealed, over the engine.
pub type OwnStore = Sealed<Arc<SledStore>>;

/// What was opened: the setting, and its parts by their own types.
pub struct Opened {
    /// What the node stands in.
    pub setting: Setting,
    /// Its journal.
    pub journal: Arc<StoreJournal<Arc<OwnStore>>>,
    /// Its store.
    pub store: Arc<OwnStore>,
}

/// The keys of a node in the form in which it uses them.
pub fn keys(from: &NodeKeys) -> Keys {
    Keys {
        journal: Ed25519Signer::from_seed(&from.journal_ed25519),
        countersign: MlDsa44Signer::from_seed(&from.journal_mldsa44),
        witness: Ed25519Signer::from_seed(&from.witness_ed25519),
        sealing: Keyring::new(from.sealing.iter().map(SealingPrivate::from_seed)),
        skeleton: StorageKey::new(from.skeleton.clone()),
        storage: StorageKey::new(from.storage.clone()),
        fingerprint: from.fingerprint.clone(),
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

/// The journal that the directory names for the node, if it names the node's own keys.
///
/// # Errors
/// That it names none, or other keys.
pub fn named_journal(config: &Config, directory: &Directory, keys: &Keys) -> Result<JournalName> {
    let agency = &config.node.agency;
    let named = directory.current_journal(agency).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("the directory names no journal of {agency}"))
    })?;
    let witness = directory.agency(agency).and_then(|it| it.witness);
    let is_ours = named.ed25519 == keys.journal.public()
        && named.mldsa44 == keys.countersign.public()
        && witness == Some(keys.witness.public());
    if !is_ours {
        let text = format!("the directory names other keys for {}", named.name);
        return Err(Failure::new(Exit::Refused, text).into());
    }
    Ok(named.name.clone())
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
    open_by(config, directory, SledStore::open)
}

/// Opens stores and keys of this format or of an older one, to bring it to this one. No row is to be
/// read.
///
/// # Errors
/// As [`open`].
pub fn open_older(config: &Config) -> Result<Opened> {
    open_by(config, directory(config)?, SledStore::open_older)
}

fn open_by(
    config: &Config,
    directory: Directory,
    engine: fn(&Path, u64) -> Result<SledStore, StoreError>,
) -> Result<Opened> {
    let directory = Arc::new(right_network(config, directory)?);
    let keys = keys(&NodeKeys::load(&config.keys.folder)?);
    let journal_name = named_journal(config, &directory, &keys)?;
    let folder = &config.node.data_dir;
    let store = engine(folder, config.store.cache_bytes)
        .with_context(|| format!("opening the store in {}", folder.display()))?;
    let engine = Arc::new(store);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let over = Over { folder, keys: &keys, name: &journal_name, entropy: &entropy };
    let (store, slots, journal) = over.open(&engine).inspect_err(|_| {
        // To close a store is to write and sync once more: one that fails is left as it is.
        std::mem::forget(Arc::clone(&engine));
    })?;
    let setting = Setting {
        agency: config.node.agency.clone(),
        journal_name,
        keys,
        policy: policy(config)?,
        backup: backup(config)?,
        directory: directory.into(),
        parties: Arc::new(parties::read(config.handling.parties.as_deref())?),
        journal: Arc::clone(&journal) as Arc<dyn crate::journal::Journal>,
        store: Arc::clone(&store) as Arc<dyn crate::journal::store::Store>,
        space: Arc::new(Disk::of(folder)),
        clock: Arc::new(SystemClock),
        slots: Arc::new(slots),
        entropy,
    };
    Ok(Opened { setting, journal, store })
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

/// A store, the slots beside it, and the journal on it.
type Layers = (Arc<OwnStore>, Slots, Arc<StoreJournal<Arc<OwnStore>>>);

/// What lies over the engine of a store.
struct Over<'a> {
    folder: &'a Path,
    keys: &'a Keys,
    name: &'a JournalName,
    entropy: &'a Arc<dyn Entropy>,
}

impl Over<'_> {
    /// The sealing layer, the keys of content, the journal. The journal's last batch is checked, and
    /// everything if a write had failed.
    fn open(&self, engine: &Arc<SledStore>) -> Result<Layers> {
        let sealed = Sealed::open(Arc::clone(engine), &self.keys.storage, table::hidden_id);
        let store =
            sealed.with_context(|| format!("opening the store in {}", self.folder.display()))?;
        let store = Arc::new(store);
        let slots = slots(self.folder, store.as_ref(), self.keys, Arc::clone(self.entropy))?;
        let journal = StoreJournal::open(Arc::clone(&store), self.name.clone())
            .context("opening the journal")?;
        if engine.is_suspect() {
            tracing::warn!("a write or a sync had failed: everything in the store is checked");
            journal
                .check(Depth::Full)
                .context("checking the store, in which a write had failed")?;
            engine.trust()?;
        }
        Ok((store, slots, Arc::new(journal)))
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
) -> Result<Slots> {
    let path = folder.join(slots::FILE_NAME);
    let opening = || format!("opening the keys of content in {}", path.display());
    let disk = FileSlots::open(&path)
        .map_err(|source| SlotError::Io { doing: "opened", source })
        .with_context(opening)?;
    let ahead = slots::SLOTS_AHEAD;
    let opened = rest::open_slots(store, Box::new(disk), &keys.storage, entropy, ahead);
    opened.with_context(opening)
}

fn policy(config: &Config) -> Result<Policy> {
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let relay = &config.relay;
    Ok(Policy {
        expiry_default_ms: millis(config.messages.expiry_default_s.saturating_mul(1_000)),
        content_bytes_max: usize::try_from(config.limits.content_bytes)?,
        lease_default_ms: millis(config.messages.lease_default_s.saturating_mul(1_000)),
        low_water_bytes: config.store.low_water_bytes,
        window: usize::try_from(relay.window)?,
        retry_min_ms: millis(relay.retry_min_ms),
        retry_max_ms: millis(relay.retry_max_ms),
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
