//! What `node check` looks at, in a process and on a copy of its own: records, chain and tree, then
//! whether the rows are what the entries give, then signatures, statements and sealed content.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::setting::{self, Opened};
use crate::cli::node::store::sheet;
use crate::cli::output::Output;
use crate::config::Config;
use crate::domain::fact::{EntryParts, Fact};
use crate::evidence::replay::{Replay, Verdict};
use crate::history::{self, message};
use crate::journal::store::{Sealed, SledStore, Store};
use crate::journal::{Depth, Fault, Journal as _, JournalError, Record};
use crate::merkle::checkpoint::{SignedCheckpoint, verify_checkpoint};
use crate::node::setting::Setting;
use crate::node::{self, content, records};

/// Entries that are read in one step.
const STEP: usize = 256;
/// Where the entries are folded again, within the copy.
const REFOLDED: &str = "refolded";

/// Checks a copy; what the process that [`super::store::check`] starts does.
///
/// # Errors
/// Exit status 7 with the first fault.
pub fn check_copy(path: &Path, copy: &Path, output: &Output) -> Result<()> {
    let mut config = Config::load(path)?;
    config.node.data_dir = copy.to_owned();
    let mut opened = setting::open(&config).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => failure.into(),
        Err(error) => no(format!("the store can't be opened: {}", error.root_cause())),
    })?;
    let checked = opened.journal.check(Depth::Full).map_err(|error| damaged(&error))?;
    let rows: &dyn Store = opened.store.as_ref();
    let applied = history::applied(rows).map_err(|error| damaged(&error))?;
    compare_rows(&mut opened, copy, &config, applied)?;
    let (verdict, contents) = verify(&opened, applied)?;
    let rows: &dyn Store = opened.store.as_ref();
    let kept =
        records::check(rows, &opened.setting.directory()).map_err(|error| damaged(&error))?;
    let verified = json!({
        "verified": true,
        "entries": checked.entries,
        "checkpoints": checked.checkpoints,
        "rows": checked.rows,
        "statements": verdict.as_ref().map_or(0, |it| it.statements),
        "contents": contents,
        "records_kept": kept,
        "countersigned": verdict.as_ref().map_or(0, |it| it.countersigned),
        "folded_entries": applied,
    });
    let text = sheet(&verified);
    output.show(|| verified, || text)
}

/// The answer that a store does not hold, with its first fault.
pub fn no(text: String) -> anyhow::Error {
    let mut failure = Failure::new(Exit::AnswerIsNo, text.clone());
    failure.json = json!({ "error": text, "verified": false, "fault": text });
    failure.into()
}

fn damaged(error: &dyn std::fmt::Display) -> anyhow::Error {
    no(error.to_string())
}

/// What an auditor would find (signatures and recorded statements), and the sealed content that
/// came with entries; how many messages have some here.
fn verify(opened: &Opened, applied: u64) -> Result<(Option<Verdict>, u64)> {
    let setting = &opened.setting;
    let journal = opened.journal.as_ref();
    let Some(latest) = journal.latest_checkpoint().map_err(|error| damaged(&error))? else {
        return Ok((None, 0));
    };
    let countersigned = journal.countersigned().map_err(|error| damaged(&error))?;
    let countersigned = countersigned.unwrap_or_default();
    let sizes: Vec<u64> = [latest.as_slice(), countersigned.as_slice()]
        .into_iter()
        .filter_map(|note| Some(SignedCheckpoint::parse(note).ok()?.checkpoint.size))
        .collect();
    let directory = setting.directory();
    let mut replay = Replay::new(&directory, setting.journal_name.clone(), &sizes);
    let (mut next, mut contents, mut signed) = (0, 0_u64, 0);
    while next < journal.next() {
        let entries = journal.read(next, STEP).map_err(|error| damaged(&error))?;
        for bytes in entries {
            if next == signed {
                signed = check_signature(setting, next)?;
            }
            replay.entry(next, &bytes).map_err(|fault| damaged(&fault))?;
            let read = crate::wire::entry::read(&bytes).map_err(|error| damaged(&error))?;
            if matches!(read.fact, Fact::StatementRecorded { .. }) {
                let kept = content::statement(setting, next);
                let kept = kept.map_err(|error| {
                    no(format!("statement that entry {next} recorded: {}", named(error)))
                })?;
                let kept = kept.ok_or_else(|| {
                    no(format!("statement that entry {next} recorded: it is missing"))
                })?;
                replay.statement(next, &kept).map_err(|fault| damaged(&fault))?;
            }
            contents += u64::from(check_content(setting, &read, next < applied)?);
            next = next.saturating_add(1);
        }
    }
    let verdict = replay.finish(&latest, &countersigned).map_err(|fault| damaged(&fault))?;
    Ok((Some(verdict), contents))
}

/// The checkpoint that was stored with the entry at a position is signed by the journal; its size.
fn check_signature(setting: &Setting, position: u64) -> Result<u64> {
    let note = setting.journal.checkpoint_covering(position).map_err(|error| damaged(&error))?;
    let note = note.unwrap_or_default();
    let (name, key) = (setting.journal_name.to_string(), setting.keys.journal.public());
    let signed = verify_checkpoint(&note, &name, &key).map_err(|error| {
        let size = SignedCheckpoint::parse(&note).map_or(0, |it| it.checkpoint.size);
        no(format!("checkpoint of size {size}: {error}"))
    })?;
    Ok(signed.checkpoint.size)
}

/// Sealed content is the one that its entry names, and is here if it must be. Whether there is any.
fn check_content(setting: &Setting, entry: &EntryParts, is_folded: bool) -> Result<bool> {
    let Some(header) = entry.fact.header() else {
        return Ok(false);
    };
    let address = &header.address;
    let name = format!("content of message {}/{}", address.origin, address.message);
    let rows = setting.store.as_ref();
    let kept = content::export(rows, &setting.slots, header.key())
        .map_err(|error| no(format!("{name}: {}", named(error))))?;
    kept.check(header).map_err(|fault| no(format!("{name}: {fault}")))?;
    let record = message::find(rows, header.key()).map_err(|error| damaged(&error))?;
    if let Some(record) = record.filter(|_| is_folded) {
        kept.check_whole(&record).map_err(|fault| no(format!("{name}: {fault}")))?;
    }
    Ok(!kept.is_empty())
}

/// An error with the record that it is about.
fn named(error: history::rows::HistoryError) -> String {
    match error {
        history::rows::HistoryError::Store(error) => JournalError::from(error).to_string(),
        other @ (history::rows::HistoryError::Journal(_)
        | history::rows::HistoryError::Damaged { .. }
        | history::rows::HistoryError::Slots(_)) => other.to_string(),
    }
}

/// Folds the entries into a store of their own and holds the rows against it, byte for byte.
fn compare_rows(opened: &mut Opened, copy: &Path, config: &Config, applied: u64) -> Result<()> {
    let folder = copy.join(REFOLDED);
    let fresh = SledStore::open(&folder, config.store.cache_bytes)?;
    let keys = &opened.setting.keys;
    opened.setting.store = Arc::new(Sealed::open(fresh, &keys.storage, history::table::hidden_id)?);
    node::fold_up_to(&opened.setting, applied)
        .map_err(|stop| no(format!("the entries can't be folded: {stop}")))?;
    let found = history::first_difference(opened.store.as_ref(), opened.setting.store.as_ref());
    opened.setting.store = Arc::clone(&opened.store) as Arc<dyn Store>;
    match found.map_err(|error| no(named(error)))? {
        None => Ok(()),
        Some(key) => {
            let (record, fault) = (Record::Row { key }, Fault::FoldDiffers);
            Err(damaged(&JournalError::Damaged { record, fault }))
        }
    }
}
