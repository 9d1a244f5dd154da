//! `keys rotate`: makes the keys that are next, and the text that says so in the agency's own record,
//! to be signed and adopted like any other. Each step can be asked for again, and then shows what it
//! did before.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use toml_edit::{ArrayOfTables, Item, Table, value};

use crate::cli::directory::propose;
use crate::cli::exit::{Exit, Failure};
use crate::cli::keys::text::{self, Record};
use crate::cli::node::health;
use crate::cli::node::own_keys::{OwnKeys, must_make};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::volume_keys::{self, Halves};
use crate::config::{Config, DirectoryFolder, Environment, sealing_keys};
use crate::directory::SealingKey;
use crate::directory::journal_keys::JournalKeys;
use crate::directory::record::AgencyRecord;
use crate::directory::signed::record::OwnRecord;
use crate::entropy::SystemEntropy;
use crate::envelope::keyring::{SealingPrivate, key_id};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer, SignsEd25519 as _};
use crate::transport::operations::JOURNAL_KEYS_CHANGED;

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;
/// An hour, in milliseconds.
pub(super) const HOUR_MS: i64 = 3600 * 1000;

pub(super) fn refused(text: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Refused, text).into()
}

/// What was proposed.
pub(super) struct Proposed {
    /// The text that waits to be signed.
    pub(super) path: PathBuf,
    /// What changes, as a word.
    pub(super) what: &'static str,
    /// The id of the key.
    pub(super) key_id: String,
    /// From when, or up to which size; as people read it.
    pub(super) when: String,
}

/// Now, in whole seconds.
pub(super) fn now() -> Timestamp {
    let millis = SystemClock.now().millis();
    Timestamp::from_millis(millis - millis.rem_euclid(1000))
}

pub(super) fn tell(proposed: &Proposed, output: &Output) -> Result<()> {
    let Proposed { path, what, key_id, when } = proposed;
    output.note(format!("next: rogatory directory sign {} --key FILE", path.display()));
    output.note("then: rogatory directory adopt, at every node that does not get it by itself");
    output.show(
        || json!({ "proposed": path, "what": what, "key_id": key_id, "when": when }),
        || {
            Sheet::new()
                .field("proposed", path.display())
                .field("what", what)
                .field("key", key_id)
                .field("when", when)
        },
    )
}

/// The agency's record as the operator's folder has it, and what stands there as its next version.
pub(super) struct Work {
    pub(super) config: Config,
    pub(super) folder: DirectoryFolder,
    /// The version in force.
    pub(super) before: OwnRecord,
    text: String,
    /// What the next version is called.
    pub(super) name: String,
    /// The next version, if it was proposed already.
    pub(super) waiting: Option<OwnRecord>,
}

impl Work {
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let config = Config::load(path)?;
        let folder = DirectoryFolder::at(&config.node.directory);
        let agency = &config.node.agency;
        let held = folder.load(Some(config.node.genesis))?.held;
        let before = held.record(agency).zip(folder.note(&held, agency)?);
        let ((version, hash), note) = before.ok_or_else(|| {
            let text = format!("there is no record of {agency} in {}", folder.path().display());
            Failure::new(Exit::NotFound, text)
        })?;
        let before = text::read(&note.text)?;
        let next = version.saturating_add(1);
        let text = propose::headed(&held, next, Some(hash), &note.text);
        let name = format!("{agency}-{next}");
        let waiting = text::waiting(&folder.proposed(&name))?;
        Ok(Self { config, folder, before, text, name, waiting })
    }

    /// Refuses to go on where another change waits for its signature.
    pub(super) fn must_be_free(&self) -> Result<()> {
        if self.waiting.is_none() {
            return Ok(());
        }
        let path = self.folder.proposed(&self.name);
        Err(refused(format!("{} waits to be signed; adopt it first, or remove it", path.display())))
    }

    /// Proposes the text with a change.
    pub(super) fn propose(
        &self,
        change: impl FnOnce(&mut Record) -> Result<()>,
    ) -> Result<PathBuf> {
        self.must_be_free()?;
        let mut record = Record::parse(&self.text)?;
        change(&mut record)?;
        let text = record.to_text();
        text::read(&text)?;
        Ok(self.folder.propose(&self.name, &text)?)
    }
}

/// Makes a sealing key and proposes it as the one to seal to; those before it are retired after some
/// days.
///
/// # Errors
/// Exit status 6 if another change of the record waits for its signature.
pub(super) fn sealing(path: &Path, overlap_days: u16, output: &Output) -> Result<()> {
    let work = Work::begin(path)?;
    let seeds = sealing_keys::files(&work.config.keys.folder, &Environment::of_process())?;
    let here = |key: &SealingKey| {
        seeds.iter().any(|(_, seed)| SealingPrivate::from_seed(seed).key_id() == key.key_id)
    };
    if let Some(key) = work.waiting.as_ref().and_then(|it| it.agency.sealing.first())
        && here(key)
        && !work.before.agency.sealing.contains(key)
    {
        let path = work.folder.proposed(&work.name);
        let when = "as proposed before".to_owned();
        let what = "sealing key";
        return tell(&Proposed { path, what, key_id: key.key_id.clone(), when }, output);
    }
    work.must_be_free()?;
    let named = &work.before.agency.sealing;
    let is_named = |it: &SealingPrivate| named.iter().any(|named| named.key_id == it.key_id());
    let mut unnamed = seeds.iter().map(|(_, seed)| SealingPrivate::from_seed(seed));
    // A key that was made and never named was left by a rotation that did not end.
    let key = match unnamed.rfind(|it| !is_named(it)) {
        Some(key) => key,
        None => made(&work.config)?,
    };
    let retired_at = now().plus_millis(DAY_MS.saturating_mul(i64::from(overlap_days)));
    let gone: Vec<&str> = named
        .iter()
        .filter(|it| it.is_over(SystemClock.now()) && !here(it))
        .map(|it| it.key_id.as_str())
        .collect();
    let proposed = work.propose(|record| {
        let before = record.tables("sealing")?;
        let mut after = ArrayOfTables::new();
        let mut first = Table::new();
        // It comes before those that stand there, and what people wrote stays in its place.
        first.set_position(before.first().and_then(Table::position));
        first.insert("key_id", value(key.key_id()));
        first.insert("public", value(STANDARD.encode(key.public())));
        after.push(first);
        for mut table in before {
            let id = table.get("key_id").and_then(Item::as_str).unwrap_or_default();
            if gone.contains(&id) {
                continue;
            }
            if !table.contains_key("retired_at") {
                table.insert("retired_at", value(retired_at.to_string()));
            }
            after.push(table);
        }
        record.put("sealing", Item::ArrayOfTables(after));
        Ok(())
    })?;
    output.note("let the node read its keys again before the record is adopted: kill -HUP");
    let when = format!("those before it are retired at {retired_at}");
    let key_id = key.key_id().to_owned();
    tell(&Proposed { path: proposed, what: "sealing key", key_id, when }, output)
}

fn made(config: &Config) -> Result<SealingPrivate> {
    let path = sealing_keys::make(&config.keys.folder, &SystemEntropy)?;
    let files = sealing_keys::files(&config.keys.folder, &Environment::of_process())?;
    let made = files.into_iter().find(|(it, _)| *it == path);
    let (_, seed) = made.context("the key that was made is not there")?;
    Ok(SealingPrivate::from_seed(&seed))
}

fn current(record: &OwnRecord) -> Result<&JournalKeys> {
    record.agency.current_journal().ok_or_else(|| refused("the record names no journal in use"))
}

/// Makes the next keys of the journal and announces them.
///
/// # Errors
/// Exit status 6 if another change of the record waits, or keys are announced already.
pub(super) fn announce(path: &Path, after_hours: u32, output: &Output) -> Result<()> {
    let work = Work::begin(path)?;
    let waiting = work.waiting.as_ref().and_then(|it| current(it).ok());
    let waiting = waiting.and_then(|it| it.next.as_ref());
    let before = current(&work.before)?;
    if let (Some(next), None) = (waiting, &before.next) {
        let (path, key_id) = (work.folder.proposed(&work.name), key_id(&next.ed25519));
        let when = format!("they sign from {}", next.from);
        return tell(&Proposed { path, what: "journal keys", key_id, when }, output);
    }
    work.must_be_free()?;
    if let Some(next) = &before.next {
        let text = format!(
            "keys are announced already, which sign from {}; retire those before them: --retire",
            next.from
        );
        return Err(refused(text));
    }
    let [ed25519, mldsa44] = next_pair(&work, before)?;
    let from = now().plus_millis(HOUR_MS.saturating_mul(i64::from(after_hours)));
    let path = work.propose(|record| {
        record.in_last("journal", |journal| {
            let mut next = Table::new();
            next.insert("ed25519", value(STANDARD.encode(&ed25519)));
            next.insert("mldsa44", value(STANDARD.encode(&mldsa44)));
            next.insert("from", value(from.to_string()));
            journal.insert("next", Item::Table(next));
            Ok(())
        })
    })?;
    let (key_id, when) = (key_id(&ed25519), format!("they sign from {from}"));
    tell(&Proposed { path, what: "journal keys", key_id, when }, output)
}

/// The public halves of a pair that the record does not name yet: one that is there, or a new one. An
/// Ed25519 key in a token is never made here.
fn next_pair(work: &Work, journal: &JournalKeys) -> Result<[Vec<u8>; 2]> {
    let (folder, volume) = (&work.config.keys.folder, journal.name.volume());
    let own = OwnKeys::load(&work.config)?;
    let record = &work.before.agency;
    let halves = if own.tokens.is_empty() { Halves::Both } else { Halves::BesideToken };
    if halves == Halves::BesideToken {
        own.unnamed(Some(record)).next().ok_or_else(|| must_make("the journal's next key"))?;
    }
    if let Some(found) = unnamed(&own, record, journal) {
        return Ok(found);
    }
    let last = own.files.pairs(volume).map(|((_, pair), _)| pair).max().unwrap_or(1);
    volume_keys::make(folder, (volume, last.saturating_add(1)), halves, &SystemEntropy)?;
    let own = OwnKeys::load(&work.config)?;
    unnamed(&own, record, journal).context("the keys that were made are not there")
}

/// A pair of which the record names neither half.
fn unnamed(own: &OwnKeys, record: &AgencyRecord, journal: &JournalKeys) -> Option<[Vec<u8>; 2]> {
    let is_free = |public: &[u8]| !journal.publics().any(|it| it == public);
    let mut pairs = own.files.pairs(journal.name.volume());
    if let Some(key) = own.unnamed(Some(record)).next() {
        let mut publics = pairs.map(|(_, it)| MlDsa44Signer::from_seed(it.mldsa44).public());
        return Some([key.public_key().to_vec(), publics.find(|it| is_free(it))?]);
    }
    pairs.find_map(|(_, seeds)| {
        let ed25519 = Ed25519Signer::from_seed(seeds.ed25519?).public().to_vec();
        let mldsa44 = MlDsa44Signer::from_seed(seeds.mldsa44).public();
        is_free(&ed25519).then_some([ed25519, mldsa44])
    })
}

/// Puts announced keys, which sign by now, in the place of those before, which count up to the size
/// that they signed last.
///
/// # Errors
/// Exit status 6 if none are announced or they have not signed yet, 9 if the node does not run.
pub(super) async fn retire(path: &Path, output: &Output) -> Result<()> {
    let work = Work::begin(path)?;
    let before = current(&work.before)?;
    let waiting = work.waiting.as_ref().and_then(|it| current(it).ok());
    if let (Some(waiting), Some(next)) = (waiting, &before.next)
        && waiting.ed25519 == next.ed25519
    {
        let size = waiting.earlier.last().map_or(0, |it| it.retired_at_size);
        let (path, key_id) = (work.folder.proposed(&work.name), key_id(&before.ed25519));
        let when = format!("it counts up to {size} entries");
        return tell(&Proposed { path, what: "retired", key_id, when }, output);
    }
    let Some(next) = &before.next else {
        return Err(refused("the record announces no keys; announce them first"));
    };
    let told = health::metric(&work.config, JOURNAL_KEYS_CHANGED).await?;
    let size = told.ok_or_else(|| {
        let from = next.from;
        refused(format!("the announced keys have not signed yet; they do from {from} on"))
    })?;
    let path = work.propose(|record| {
        record.in_last("journal", |journal| {
            let [ed25519, mldsa44] = ["ed25519", "mldsa44"].map(|it| journal.remove(it));
            let mut next = text::table(journal.remove("next"))?;
            let mut retired = Table::new();
            retired.insert("ed25519", ed25519.context("the record names no key")?);
            retired.insert("mldsa44", mldsa44.context("the record names no key")?);
            retired.insert("retired_at_size", value(i64::try_from(size)?));
            for name in ["ed25519", "mldsa44"] {
                journal.insert(name, next.remove(name).context("the next keys are not whole")?);
            }
            let mut earlier = text::tables(journal.remove("earlier"))?;
            earlier.push(retired);
            let mut all = ArrayOfTables::new();
            earlier.into_iter().for_each(|it| all.push(it));
            journal.insert("earlier", Item::ArrayOfTables(all));
            Ok(())
        })
    })?;
    let (key_id, when) = (key_id(&before.ed25519), format!("it counts up to {size} entries"));
    tell(&Proposed { path, what: "retired", key_id, when }, output)
}
