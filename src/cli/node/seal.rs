//! Whether the keys of a configuration are those of its store, before the store is opened.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::exit::{Exit, Failure};
use crate::config::{Config, Environment, NodeKeys, storage_keys};
use crate::envelope::storage::StorageKey;
use crate::journal::seal::Seal;

/// Refuses keys that are not the store's, as far as the file of the seal tells; nothing is opened for it.
///
/// # Errors
/// Exit status 6 with the file of the key; what the system says of the file of the seal.
pub(super) fn fits(config: &Config, own: &NodeKeys) -> Result<()> {
    let folder = &config.node.data_dir;
    let found =
        Seal::of(folder).with_context(|| format!("opening the store in {}", folder.display()));
    let Some(seal) = found? else {
        return Ok(());
    };
    let mut keys = std::iter::once(&own.storage).chain(&own.storage_before);
    match keys.any(|key| seal.is_under(&StorageKey::new(key.second()))) {
        true => Ok(()),
        false => Err(another(config)),
    }
}

/// Notes beside a store that was opened under which key it is sealed. Where that is not possible, the
/// store says it as before.
pub(super) fn note(folder: &Path, storage: &StorageKey) {
    let noted = match Seal::of(folder) {
        Ok(Some(seal)) if seal.is_under(storage) => Ok(()),
        Ok(_) => Seal::put(folder, storage),
        Err(error) => Err(error),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "the seal of the store is not noted beside it");
    }
}

/// That the store is another's, with the file of the key that was tried.
pub(super) fn another(config: &Config) -> anyhow::Error {
    let files = storage_keys::files(&config.keys.folder, &Environment::of_process());
    let latest = files.ok().and_then(|it| Some(it.last()?.0.clone()));
    let latest = latest.unwrap_or_else(|| config.keys.folder.clone());
    let text = format!(
        "opening the store in {}: the store is sealed under another storage key than that of key \
         file {}",
        config.node.data_dir.display(),
        latest.display()
    );
    Failure::new(Exit::Refused, text).into()
}
