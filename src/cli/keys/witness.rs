//! `keys rotate witness`: makes the next witness key and announces it in the agency's own record, or
//! retires the one before it.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml_edit::{ArrayOfTables, Item, Table, value};

use crate::cli::keys::rotate::{HOUR_MS, Proposed, Work, now, refused, tell};
use crate::cli::keys::text;
use crate::cli::node::health;
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::output::Output;
use crate::config::{Environment, NodeKeys, witness_keys};
use crate::directory::WitnessKeys;
use crate::directory::signed::record::OwnRecord;
use crate::entropy::SystemEntropy;
use crate::envelope::keyring::key_id;
use crate::merkle::signature::Ed25519Signer;
use crate::redact::Secret;
use crate::transport::operations::WITNESS_KEY_CHANGED;

/// What is proposed, in words.
const ANNOUNCED: &str = "witness key";
const RETIRED: &str = "retired witness key";

fn named(record: &OwnRecord) -> Result<&WitnessKeys> {
    record.agency.witness.as_ref().ok_or_else(|| refused("the record names no witness key"))
}

/// Makes the next witness key and announces it.
///
/// # Errors
/// Exit status 6 if another change of the record waits, or a key is announced already.
pub(super) fn announce(path: &Path, after_hours: u32, output: &Output) -> Result<()> {
    let work = Work::begin(path)?;
    let before = named(&work.before)?;
    let waiting = work.waiting.as_ref().and_then(|it| it.agency.witness.as_ref()?.next);
    if let (Some(next), None) = (waiting, &before.next) {
        let (path, key_id) = (work.folder.proposed(&work.name), key_id(&next.ed25519));
        let when = format!("it cosigns from {}", next.from);
        return tell(&Proposed { path, what: ANNOUNCED, key_id, when }, output);
    }
    work.must_be_free()?;
    if let Some(next) = &before.next {
        let text = format!(
            "a key is announced already, which cosigns from {}; retire the one before it: --retire",
            next.from
        );
        return Err(refused(text));
    }
    let public = next_key(&work, before)?;
    let from = now().plus_millis(HOUR_MS.saturating_mul(i64::from(after_hours)));
    let path = work.propose(|record| {
        let mut next = Table::new();
        next.insert("ed25519", value(STANDARD.encode(public)));
        next.insert("from", value(from.to_string()));
        record.put("witness_next", Item::Table(next));
        Ok(())
    })?;
    let (key_id, when) = (key_id(&public), format!("it cosigns from {from}"));
    tell(&Proposed { path, what: ANNOUNCED, key_id, when }, output)
}

/// The public half of a key that the record does not name: one that is there, or a new one.
fn next_key(work: &Work, named: &WitnessKeys) -> Result<[u8; 32]> {
    let own = OwnKeys::load(&work.config)?.files;
    let public_of = |seed: &Secret<32>| Ed25519Signer::from_seed(seed).public();
    let is_free = |public: &[u8; 32]| !named.publics().any(|it| it == public);
    // A key that was made and never named was left by a rotation that did not end.
    if let Some(left) = own.witness.values().map(public_of).find(is_free) {
        return Ok(left);
    }
    let folder = &work.config.keys.folder;
    let number = witness_keys::make(folder, &own, &SystemEntropy)?;
    let made = NodeKeys::load_beside_token(folder, &Environment::of_process())?;
    let made = made.witness.get(&number).context("the key that was made is not there")?;
    Ok(public_of(made))
}

/// Puts the announced key, which cosigns by now, in the place of the one before, which counts for what
/// it cosigned up to now.
///
/// # Errors
/// Exit status 6 if none is announced or it does not cosign yet, 9 if the node does not run.
pub(super) async fn retire(path: &Path, output: &Output) -> Result<()> {
    let work = Work::begin(path)?;
    let before = named(&work.before)?;
    let key = key_id(&before.ed25519);
    let until = |at| format!("it counts for what it cosigned up to {at}");
    let waiting = work.waiting.as_ref().and_then(|it| it.agency.witness.as_ref());
    if let (Some(waiting), Some(next)) = (waiting, &before.next)
        && waiting.ed25519 == next.ed25519
        && let Some(retired) = waiting.earlier.last()
    {
        let (path, when) = (work.folder.proposed(&work.name), until(retired.retired_at));
        return tell(&Proposed { path, what: RETIRED, key_id: key, when }, output);
    }
    let Some(next) = &before.next else {
        return Err(refused("the record announces no witness key; announce it first"));
    };
    if health::metric(&work.config, WITNESS_KEY_CHANGED).await?.is_none() {
        let from = next.from;
        let text = format!("the announced key does not cosign yet; it does from {from} on");
        return Err(refused(text));
    }
    // The node picks its key by the time that it states: nothing later is by the one before.
    let at = now();
    let path = work.propose(|record| {
        let mut next = text::table(record.take("witness_next"))?;
        let mut retired = Table::new();
        retired.insert("ed25519", value(STANDARD.encode(before.ed25519)));
        retired.insert("retired_at", value(at.to_string()));
        record.put("witness", next.remove("ed25519").context("the next key is not whole")?);
        let mut earlier = ArrayOfTables::new();
        text::tables(record.take("witness_earlier"))?.into_iter().for_each(|it| earlier.push(it));
        earlier.push(retired);
        record.put("witness_earlier", Item::ArrayOfTables(earlier));
        Ok(())
    })?;
    tell(&Proposed { path, what: RETIRED, key_id: key, when: until(at) }, output)
}
