//! `keys rotate storage`: the store of a node that does not run, sealed anew under another key.
//!
//! A new store is built beside the one that is there, checked, and takes its place in one step; then
//! the old one is removed and its key destroyed. Until that step the old store is whole under the old
//! key, from it on the new one under the new key, and a node opens whichever there is: it has both
//! keys and takes the one that fits.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::keys::list::secret_id;
use crate::cli::node::apart::{self, Copy, TILES};
use crate::cli::node::setting::{self, Opened};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::{Config, Environment, storage_keys};
use crate::entropy::{Entropy, SystemEntropy};
use crate::envelope::storage::StorageKey;
use crate::history::table;
use crate::journal::seal;
use crate::journal::settled;
use crate::journal::slot_disks::FileSlots;
use crate::journal::slots::{self, SLOTS_AHEAD, Slots};
use crate::journal::store::{Batch, DiskStore, Sealed, Store as _};
use crate::journal::{Depth, Journal as _};
use crate::node::{fold_up_to, reseal, rest};
use crate::redact::Secret;

/// How the folder of a store that is being built begins.
const PURPOSE: &str = "reseal";
/// Rows that are sealed at a time.
const STEP: usize = 256;

/// Seals the store of a configuration under a new key.
///
/// # Errors
/// Exit status 5 without a store, 6 if a node has it, 7 if it does not hold; the store is then as it
/// was.
pub(super) fn run(path: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let folder = &config.node.data_dir;
    drop(apart::lock(folder)?);
    remove_left(folder)?;
    let keys = &config.keys.folder;
    let mut files = storage_keys::files(keys, &Environment::of_process())?;
    let (rows, messages) = {
        let _doing = output.doing("sealing the store anew");
        let opened = setting::open(&config)?;
        let in_force = opened.storage.expose();
        if files.last().is_some_and(|(_, latest)| latest.expose() == in_force) {
            if files.len() > 1 {
                // It ended after the stores had changed places, and before the old key was destroyed.
                drop(opened);
                return finish(&config, None, output);
            }
            storage_keys::make(keys, &SystemEntropy)?;
            files = storage_keys::files(keys, &Environment::of_process())?;
        }
        let (_, latest) = files.last().context("there is no storage key")?;
        let fresh = Copy::beside(folder.parent().unwrap_or(Path::new(".")), PURPOSE);
        let done = build(&config, opened, latest, &fresh)?;
        exchange(folder, &fresh)?;
        done
    };
    finish(&config, Some((rows, messages)), output)
}

/// Removes what a rotation that was stopped left beside the store: one that is not whole, or one
/// that has had its day.
fn remove_left(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder.parent().unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&format!(".{PURPOSE}-")) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Builds the store under the new key; gives how many rows and messages there are.
fn build(config: &Config, opened: Opened, latest: &Secret<32>, fresh: &Copy) -> Result<(u64, u64)> {
    let no = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::AnswerIsNo, format!("the store does not hold: {error}"))
    };
    let Opened { setting, journal, store, .. } = &opened;
    // What a process that was struck down did not fold has content keys already, and no message yet.
    fold_up_to(setting, u64::MAX).map_err(|error| no(&error))?;
    rest::finish_stopped(setting).map_err(|error| no(&error))?;
    fresh.fill_with(&config.node.data_dir, is_carried)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let storage = StorageKey::new(latest.second());
    let engine = DiskStore::open(fresh.path(), config.store.cache_bytes)?;
    let to = Sealed::open(Arc::new(engine), &storage, table::hidden_id)?;
    let mut rows = 0_u64;
    let mut from = Vec::new();
    loop {
        let (found, next) = store.walk(&from, STEP).map_err(|error| no(&error))?;
        let mut batch = Batch::new();
        for (key, value) in found {
            rows = rows.saturating_add(1);
            batch.put(key, value);
        }
        rest::forget_volume(&mut batch);
        to.apply(batch)?;
        let Some(next) = next else { break };
        from = next;
    }
    let disk = FileSlots::open(&fresh.path().join(slots::FILE_NAME))?;
    let new = rest::open_slots(&to, Box::new(disk), &storage, Arc::clone(&entropy), SLOTS_AHEAD)
        .map_err(|error| no(&error))?;
    new.rewrap(&setting.slots).map_err(|error| no(&error))?;
    let old = place(setting.store.as_ref(), &setting.slots, &setting.keys.storage);
    let own = &config.node.agency;
    let messages = reseal::content_keys(own, old, place(&to, &new, &storage), entropy.as_ref());
    let messages = messages.map_err(|error| no(&error))?;
    to.commit(Batch::new())?;
    let entries = journal.next();
    drop((to, new));
    drop(opened);
    check(config, fresh.path(), entries)?;
    apart::sync_all(fresh.path())?;
    Ok((rows, messages))
}

fn place<'a>(
    store: &'a dyn crate::journal::store::Store,
    slots: &'a Slots,
    storage: &'a StorageKey,
) -> reseal::Place<'a> {
    reseal::Place { store, slots, storage }
}

/// What lies in a data folder besides the store, and goes along.
fn is_carried(name: &str) -> bool {
    let of_store = [
        "db",
        "conf",
        "blobs",
        "lock",
        "mark",
        settled::FILE_NAME,
        seal::FILE_NAME,
        slots::FILE_NAME,
        TILES,
    ];
    !of_store.contains(&name) && !name.starts_with("snap.")
}

/// The new store opens as a node's, and all of its journal holds.
fn check(config: &Config, fresh: &Path, entries: u64) -> Result<()> {
    let mut config = config.clone();
    config.node.data_dir = fresh.to_owned();
    let Opened { setting, journal, store, .. } = setting::open(&config)?;
    let no = |why: String| Failure::new(Exit::AnswerIsNo, format!("the new store {why}"));
    journal.check(Depth::Full).map_err(|error| no(format!("does not hold: {error}")))?;
    if journal.next() != entries {
        return Err(no("lacks entries".to_owned()).into());
    }
    drop((setting, journal, store));
    Ok(())
}

fn exchange(folder: &Path, fresh: &Copy) -> Result<()> {
    renameat_with(CWD, fresh.path(), CWD, folder, RenameFlags::EXCHANGE)
        .with_context(|| format!("exchanging {} for the new store", folder.display()))?;
    // What the new store was called is now the old one.
    let (published, place) = (fresh.path().join(TILES), folder.join(TILES));
    if published.exists() && !place.exists() {
        renameat_with(CWD, &published, CWD, &place, RenameFlags::NOREPLACE)?;
    }
    File::open(folder.parent().unwrap_or(Path::new("."))).and_then(|it| it.sync_all())?;
    Ok(())
}

/// Destroys the keys before the latest, under which nothing is sealed any more.
fn finish(config: &Config, done: Option<(u64, u64)>, output: &Output) -> Result<()> {
    let files = storage_keys::files(&config.keys.folder, &Environment::of_process())?;
    let (latest, before) = files.split_last().context("there is no storage key")?;
    for (path, _) in before {
        storage_keys::destroy(path)?;
    }
    let (id, (rows, messages)) = (secret_id(latest.1.expose()), done.unwrap_or_default());
    if done.is_none() {
        output.note("the store is sealed under the latest key already; those before it are gone");
    }
    output.show(
        || json!({ "key_id": id, "rows": rows, "messages": messages, "destroyed": before.len() }),
        || {
            Sheet::new()
                .field("storage key", &id)
                .field("rows", rows)
                .field("messages", messages)
                .field("destroyed keys", before.len())
        },
    )
}
