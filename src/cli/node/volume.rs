//! New volumes: begun at a node that does not run, confirmed at its neighbours, and what was lost.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::node::apart;
use crate::cli::node::own_keys::{OwnKeys, must_make};
use crate::cli::node::setting::{self, OpenStore, Opened, OwnStore};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::Config;
use crate::config::volume_keys::{self, Halves};
use crate::domain::digest::Digest;
use crate::domain::fact::Fact;
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::volume::VolumeFact;
use crate::entropy::SystemEntropy;
use crate::identity::principal::{Principal, Role};
use crate::identity::spiffe;
use crate::journal::store::{Batch, Store};
use crate::journal::volumes::{self, Volume};
use crate::journal::{Journal, StoreJournal};
use crate::node::doubt::{self, Doubt};
use crate::node::recovery::Recovery;
use crate::node::setting::{Before, Setting};
use crate::node::signing::SigningPair;
use crate::node::{Node, records};
use crate::wire::{self, json, pb};

fn refused(text: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Refused, text).into()
}

/// Begins the next volume, or shows again what was begun.
///
/// # Errors
/// Exit status 6 if nothing calls for a new volume, or a neighbour was not asked; 5 without a store.
pub(super) fn begin(path: &Path, by: &str, gone: &[AgencyId], output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let by = operator(&config.node.agency, by)?;
    drop(apart::lock(&config.node.data_dir)?);
    let directory = setting::directory(&config)?;
    let own = OwnKeys::load(&config)?;
    let (named, _) = setting::named_journal(&config, &directory, &own)?;
    let record = directory.agency(&config.node.agency).cloned();
    let opened = setting::open_store(&config, &own.files)?;
    let written = volumes::current_name(opened.store.as_ref()).context("reading the store")?;
    let written: Option<JournalName> = written.and_then(|it| it.parse().ok());
    let begun = match written {
        Some(written) if written.volume() > named.volume() => begun_before(&opened.store, written)?,
        Some(_) | None => {
            let opened: OpenStore = opened;
            let opened = setting::open_in(&config, opened, directory, &own)?;
            begin_in(&config, opened, by, gone)?
        }
    };
    let keys = setting::keys(&OwnKeys::load(&config)?, begun.journal.volume(), record.as_ref())?;
    show(&begun, &keys.journal.present(), output)
}

fn operator(agency: &AgencyId, name: &str) -> Result<String> {
    let (agency, name) = (agency.clone(), name.to_owned());
    let principal = Principal { agency, role: Role::Operator, name }.to_string();
    spiffe::parse(&principal).map_err(|fault| refused(format!("--by: {fault}")))?;
    Ok(principal)
}

/// A volume with its first entry.
struct Begun {
    journal: JournalName,
    before: JournalName,
    size: u64,
    seen: u64,
    shown: Option<Digest>,
}

/// What the first entry of the volume says that the store has gone on in.
fn begun_before(store: &Arc<OwnStore>, journal: JournalName) -> Result<Begun> {
    let ordinal = volumes::current(store.as_ref())?;
    let volume = StoreJournal::open(Volume::of(Arc::clone(store), ordinal), journal.clone())?;
    let first = volume.read(0, 1)?.pop().context("the new volume has no entry")?;
    let fact = wire::entry::read(&first).context("the first entry of the new volume")?.fact;
    let Fact::Volume(VolumeFact::Opened { before, size, seen, shown, .. }) = fact else {
        return Err(refused(format!("the store has gone on in {journal}, which follows no other")));
    };
    Ok(Begun { journal, before, size, seen, shown })
}

fn begin_in(config: &Config, opened: Opened, by: String, gone: &[AgencyId]) -> Result<Begun> {
    let Opened { setting, store, .. } = opened;
    let evidence = evidence(&setting, gone)?;
    let before = setting.journal_name.clone();
    let number = before.volume().checked_add(1).context("a journal has no more volumes")?;
    let journal = JournalName::new(config.node.agency.clone(), number);
    let own = OwnKeys::load(config)?;
    let directory = setting.directory();
    let record = directory.agency(&config.node.agency);
    let halves = if own.tokens.is_empty() {
        Halves::Both
    } else {
        own.unnamed(record).next().ok_or_else(|| must_make("the new volume's key"))?;
        Halves::BesideToken
    };
    volume_keys::make(&config.keys.folder, (number, 1), halves, &SystemEntropy)?;
    let own = OwnKeys::load(config)?;
    let ordinal = volumes::current(store.as_ref())?.checked_add(1);
    let ordinal = ordinal.context("a store has no more volumes")?;
    let size = setting.journal.next();
    let (seen, note) = match evidence {
        Some((seen, note)) => (seen, Some(note)),
        None => (size, None),
    };
    let shown = note.as_deref().map(Digest::of);
    let mut batch = Batch::new();
    volumes::put_current(&mut batch, ordinal);
    let mut recovery = Recovery::begun(before.to_string(), size, gone.to_vec());
    let doubt = Doubt::of(store.as_ref()).context("reading the store")?;
    let asked = doubt.map(|it| it.asked(&setting)).unwrap_or_default();
    recovery.note(&setting, asked).context("reading the store")?;
    doubt::forget(store.as_ref(), &mut batch)?;
    recovery.put(store.as_ref(), &mut batch)?;
    if let Some(note) = &note {
        records::put_conflict(&mut batch, note);
    }
    let mut volumes = setting.before.volumes().to_vec();
    volumes.push(Arc::clone(&setting.journal));
    let volume = StoreJournal::open(Volume::of(Arc::clone(&store), ordinal), journal.clone())?;
    let setting = Setting {
        journal_name: journal.clone(),
        keys: setting::keys(&own, number, record)?,
        journal: Arc::new(volume) as Arc<dyn Journal>,
        before: Before::of(volumes),
        ..setting
    };
    let unasked = gone.to_vec();
    let first = VolumeFact::Opened { before: before.clone(), size, seen, shown, unasked };
    Node::begin_volume(Arc::new(setting), first, by, batch)
        .map_err(|stop| Failure::new(Exit::StoreFailed, stop.to_string()))?;
    Ok(Begun { journal, before, size, seen, shown })
}

/// The greatest checkpoint that a neighbour has shown, if one has shown more than is here.
fn evidence(setting: &Setting, gone: &[AgencyId]) -> Result<Option<(u64, Vec<u8>)>> {
    let store: &dyn Store = setting.store.as_ref();
    let doubt = Doubt::of(store).context("reading the store")?;
    let doubt = doubt.ok_or_else(|| {
        refused(format!(
            "nobody has seen more of {} than is here: it goes on",
            setting.journal_name
        ))
    })?;
    let asked = doubt.asked(setting);
    if let Some(other) = gone.iter().find(|it| !asked.contains(it)) {
        return Err(refused(format!("--gone: {other} is no neighbour of {}", setting.agency)));
    }
    let unasked = doubt.unanswered(asked).into_iter();
    let unasked: Vec<String> = unasked
        .filter(|it| !gone.contains(it) && !is_evident(&doubt, it))
        .map(String::from)
        .collect();
    if !unasked.is_empty() {
        let text = format!(
            "not yet asked what they have seen: {}. Start the node, which asks them; --gone names \
             one that is gone for good",
            unasked.join(", ")
        );
        let mut failure = Failure::new(Exit::Refused, text);
        failure.json = json!({ "reason": "JOURNAL_UNCONFIRMED", "unanswered": unasked });
        return Err(failure.into());
    }
    Ok(doubt.behind.map(|it| (it.size, it.note)))
}

/// A neighbour that has shown the checkpoint has answered.
fn is_evident(doubt: &Doubt, peer: &AgencyId) -> bool {
    doubt.behind.as_ref().is_some_and(|it| it.by == *peer)
}

fn show(begun: &Begun, pair: &SigningPair, output: &Output) -> Result<()> {
    let Begun { journal, before, size, seen, shown } = begun;
    let ed25519 = STANDARD.encode(pair.ed25519.public_key());
    let mldsa44 = STANDARD.encode(pair.mldsa44.public());
    let retired = format!("retired_at_size = {seen}");
    let lines = format!(
        "[[journal]]\nname = \"{journal}\"\ned25519 = \"{ed25519}\"\nmldsa44 = \"{mldsa44}\""
    );
    output.show(
        || {
            json!({
                "journal": journal.to_string(),
                "ed25519": ed25519,
                "mldsa44": mldsa44,
                "before": before.to_string(),
                "size": size,
                "retired_at_size": seen,
                "shown": shown.map(|it| it.to_string()),
                "directory": { "before": retired, "journal": lines },
            })
        },
        || {
            Sheet::new()
                .field("journal", journal)
                .field("before", before)
                .field("entries here", size)
                .field("entries seen", seen)
                .line(format!("in the agency's record, in the table of {before}:"))
                .line(&retired)
                .line("and behind it:")
                .line(&lines)
        },
    )?;
    output
        .note("sign the record, let all adopt it, start the node, and let neighbours confirm it:");
    output.note(format!("  rogatory node confirm-volume {journal}"));
    Ok(())
}

/// Confirms a volume of another agency's journal.
///
/// # Errors
/// What the node answers.
pub(super) async fn confirm(line: &Line, journal: &JournalName, output: &Output) -> Result<()> {
    let asked = pb::ConfirmVolumeRequest { journal: journal.to_string() };
    let answer = line.client.confirm_volume(asked).await?;
    let known = String::from_utf8_lossy(&answer.known).into_owned();
    output.show(
        || {
            let mut object = json::from_message(&answer);
            if let serde_json::Value::Object(object) = &mut object {
                object.insert("known_text".to_owned(), known.clone().into());
            }
            object
        },
        || {
            let sheet = Sheet::new()
                .field("confirmed", journal)
                .field("before", &answer.before)
                .field("witnessed", answer.witnessed);
            known.lines().fold(sheet, Sheet::line)
        },
    )
}

/// The messages that a node lost with an earlier volume.
///
/// # Errors
/// What the node answers.
pub(super) async fn lost(line: &Line, output: &Output) -> Result<()> {
    let mut whole = pb::ListLostResponse::default();
    loop {
        let page_token = whole.next_page_token.clone();
        let page =
            line.client.list_lost(pb::ListLostRequest { page_size: 200, page_token }).await?;
        let mut messages = std::mem::take(&mut whole.messages);
        messages.extend(page.messages.iter().cloned());
        whole = pb::ListLostResponse { messages, ..page };
        if whole.next_page_token.is_empty() {
            break;
        }
    }
    output.list(
        || json::from_message(&whole),
        "messages",
        || {
            let rows = whole.messages.iter().map(|it| {
                let here = if it.restated { "without content" } else { "not here" };
                [
                    it.message_id.clone(),
                    it.origin.clone(),
                    it.station.clone(),
                    it.issuer.clone(),
                    here.to_owned(),
                ]
            });
            Sheet::new().table(["message", "origin", "station", "shown by", "here"], rows)
        },
    )?;
    if !whole.before.is_empty() {
        let (before, size, seen) = (&whole.before, whole.size, whole.seen);
        output.note(format!("{before} ended with {size} entries here, of {seen} that were seen"));
    }
    Ok(())
}
