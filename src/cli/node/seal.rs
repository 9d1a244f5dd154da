//! Whether the keys of a configuration are those of its store, before the store is opened.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::exit::{Exit, Failure};
use crate::config::keys::SKELETON;
use crate::config::{Config, Environment, NodeKeys, storage_keys};
use crate::entropy::SystemEntropy;
use crate::envelope::storage::StorageKey;
use crate::journal::seal::Seal;
use crate::journal::slots;
use crate::node::setting::Setting;

/// Refuses keys and a file of slots that are not the store's, as far as the file of the seal tells; nothing is
/// opened to be written for it.
///
/// # Errors
/// Exit status 6 with the file that is another's; what the system says of the file of the seal.
pub(super) fn fits(config: &Config, own: &NodeKeys) -> Result<()> {
    let folder = &config.node.data_dir;
    let found =
        Seal::of(folder).with_context(|| format!("opening the store in {}", folder.display()));
    let Some(seal) = found? else {
        return Ok(());
    };
    let mut keys = std::iter::once(&own.storage).chain(&own.storage_before);
    let storage = keys.find_map(|key| {
        Some(StorageKey::new(key.second())).filter(|storage| seal.is_under(storage))
    });
    let storage = storage.ok_or_else(|| another(config))?;
    let fitted = seal.fits_slots(folder, &storage);
    fitted.with_context(|| opening_slots(folder))?;
    match seal.may_open_with(&StorageKey::new(own.skeleton.second())) {
        true => Ok(()),
        false => Err(another_skeleton(config)),
    }
}

/// What is being done when the file of slots of a store is opened.
pub(super) fn opening_slots(folder: &Path) -> String {
    format!("opening the keys of content in {}", folder.join(slots::FILE_NAME).display())
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

/// Notes beside a store that is open, with its slots, whose they all are. Of the skeleton key that is known
/// once it has opened something of the journal: `has_opened`.
pub(super) fn note_whole(folder: &Path, setting: &Setting, has_opened: bool) {
    let (keys, volume) = (&setting.keys, setting.slots.volume());
    let skeleton = Some(&keys.skeleton).filter(|_| has_opened);
    let noted = Seal::of(folder).and_then(|seal| match seal {
        Some(seal) if seal.says(&keys.storage, volume, skeleton) => Ok(()),
        Some(_) | None => Seal::put_whole(folder, &keys.storage, volume, skeleton, &SystemEntropy),
    });
    if let Err(error) = noted {
        tracing::warn!(%error, "the seal of the store is not noted beside it");
    }
}

/// That the key of skeletons is not the one under which the journal was written.
pub(super) fn another_skeleton(config: &Config) -> anyhow::Error {
    let path = config.keys.folder.join(SKELETON);
    let text = format!(
        "key file {} does not open what the journal holds: it is another key",
        path.display()
    );
    Failure::new(Exit::Refused, text).into()
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
