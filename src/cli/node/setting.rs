//! Opens what a node stands in, as its configuration says.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::exit::{Exit, Failure};
use crate::clock::SystemClock;
use crate::config::{Config, NodeKeys};
use crate::directory::Directory;
use crate::entropy::SystemEntropy;
use crate::envelope::keyring::{Keyring, SealingPrivate};
use crate::envelope::storage::StorageKey;
use crate::journal::StoreJournal;
use crate::journal::store::SledStore;
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use crate::node::setting::{Keys, Policy, Setting};

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

/// Reads the directory that a configuration names, and compares it with what the node is.
///
/// # Errors
/// Every fault of the directory, or that it is of another network or does not know the agency.
pub fn directory(config: &Config) -> Result<Directory> {
    let path = &config.node.directory;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let directory = Directory::parse(&text).map_err(|faults| {
        let listed: Vec<String> =
            faults.iter().map(|it| format!("  {}: {}", it.path, it.problem)).collect();
        Failure::new(Exit::Refused, format!("{}:\n{}", path.display(), listed.join("\n")))
    })?;
    if *directory.network() != config.node.network {
        let text = format!("the directory is of network {}", directory.network());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    Ok(directory)
}

/// Opens stores and keys.
///
/// # Errors
/// What can't be opened, and why; keys that the directory does not name for this agency.
pub fn open(config: &Config) -> Result<Setting> {
    let directory = Arc::new(directory(config)?);
    let keys = keys(&NodeKeys::load(&config.keys.folder)?);
    let agency = config.node.agency.clone();
    let named = directory.current_journal(&agency).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("the directory names no journal of {agency}"))
    })?;
    if named.ed25519 != keys.journal.public() || named.mldsa44 != keys.countersign.public() {
        let text = format!("the directory names other keys for {}", named.name);
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let journal_name = named.name.clone();
    let cache = config.store.cache_bytes;
    let store = SledStore::open(&config.node.data_dir, cache)
        .with_context(|| format!("opening the store in {}", config.node.data_dir.display()))?;
    let store = Arc::new(store);
    let journal = StoreJournal::open(Arc::clone(&store), journal_name.clone())
        .context("opening the journal")?;
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let policy = Policy {
        expiry_default_ms: millis(config.messages.expiry_default_s.saturating_mul(1_000)),
        window: usize::try_from(config.relay.window)?,
        retry_min_ms: millis(config.relay.retry_min_ms),
        retry_max_ms: millis(config.relay.retry_max_ms),
        checkpoint_interval_ms: millis(config.relay.checkpoint_interval_ms),
    };
    Ok(Setting {
        agency,
        journal_name,
        keys,
        policy,
        directory,
        journal: Arc::new(journal),
        store,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    })
}
