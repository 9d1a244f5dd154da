//! What `node check` looks at, in a process and on a copy of its own: records, chain and tree, then
//! whether the rows are what the entries give, then signatures, statements and sealed content.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::{self, Exit, Failure};
use crate::cli::node::setting::{self, Opened};
use crate::cli::node::store::sheet;
use crate::cli::output::Output;
use crate::config::Config;
use crate::domain::fact::{EntryParts, Fact};
use crate::domain::header::Header;
use crate::domain::volume::VolumeFact;
use crate::evidence::replay::Replay;
use crate::evidence::statement;
use crate::history::message::{MessageRecord, Part};
use crate::history::{self, message};
use crate::journal::store::{DiskStore, Sealed, Store};
use crate::journal::{Depth, Fault, Journal, JournalError, Record};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::attachments::check::{AttachmentFault, check as attachment_check};
use crate::node::setting::Setting;
use crate::node::{self, content, records};
use crate::wire::envelope::Statement;

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
    let own = std::mem::replace(&mut config.node.data_dir, copy.to_owned());
    let mut opened = setting::open(&config).map_err(|error| {
        if exit::code_of(&error) == Exit::Refused {
            // The store is another's: what is said is about it, and not about its copy.
            let [copy, own] = [copy, &own].map(|it| it.display().to_string());
            Failure::new(Exit::Refused, exit::sentence(&error).replace(&copy, &own)).into()
        } else if error.is::<Failure>() {
            error
        } else {
            no(format!("the store can't be opened: {}", error.root_cause()))
        }
    })?;
    let mut checked = opened.journal.check(Depth::Full).map_err(|error| damaged(&error))?;
    for volume in &opened.earlier {
        let earlier = volume.check(Depth::Full).map_err(|error| damaged(&error))?;
        checked.entries += earlier.entries;
        checked.checkpoints += earlier.checkpoints;
    }
    let rows: &dyn Store = opened.store.as_ref();
    let applied = history::applied(rows).map_err(|error| damaged(&error))?;
    compare_rows(&mut opened, copy, &config, applied)?;
    let found = verify_volumes(&opened, applied)?;
    let rows: &dyn Store = opened.store.as_ref();
    let kept =
        records::check(rows, &opened.setting.directory()).map_err(|error| damaged(&error))?;
    let verified = json!({
        "verified": true,
        "entries": checked.entries,
        "checkpoints": checked.checkpoints,
        "rows": checked.rows,
        "statements": found.statements,
        "contents": found.contents,
        "records_kept": kept,
        "countersigned": found.countersigned,
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

/// What all volumes come to.
#[derive(Default)]
struct Found {
    statements: u64,
    contents: u64,
    countersigned: u64,
}

/// Every volume of the journal, oldest first: records and hashes, then what an auditor would find.
fn verify_volumes(opened: &Opened, applied: u64) -> Result<Found> {
    let setting = &opened.setting;
    let mut found = Found::default();
    let mut first = 0;
    for volume in setting.before.volumes() {
        verify(setting, (volume.as_ref(), first), applied, &mut found)?;
        first += volume.next();
    }
    verify(setting, (setting.journal.as_ref(), first), applied, &mut found)?;
    Ok(found)
}

/// What an auditor would find in a volume whose first entry has the position `first` (signatures and
/// recorded statements), and the sealed content that came with its entries.
fn verify(
    setting: &Setting,
    (journal, first): (&dyn Journal, u64),
    applied: u64,
    found: &mut Found,
) -> Result<()> {
    let Some(latest) = journal.latest_checkpoint().map_err(|error| damaged(&error))? else {
        return Ok(());
    };
    let countersigned = journal.countersigned().map_err(|error| damaged(&error))?;
    let countersigned = countersigned.unwrap_or_default();
    let sizes: Vec<u64> = [latest.as_slice(), countersigned.as_slice()]
        .into_iter()
        .filter_map(|note| Some(SignedCheckpoint::parse(note).ok()?.checkpoint.size))
        .collect();
    let directory = setting.directory();
    let mut replay = Replay::new(&directory, journal.name().clone(), &sizes);
    let (mut next, mut signed) = (0, 0);
    while next < journal.next() {
        let entries = journal.read(next, STEP).map_err(|error| damaged(&error))?;
        for bytes in entries {
            if next == signed {
                signed = check_signature(setting, journal, next)?;
            }
            replay.entry(next, &bytes).map_err(|fault| damaged(&fault))?;
            let read = crate::wire::entry::read(&bytes).map_err(|error| damaged(&error))?;
            let position = first + next;
            if matches!(read.fact, Fact::StatementRecorded { .. }) {
                replay
                    .statement(next, &kept_statement(setting, position)?)
                    .map_err(|fault| damaged(&fault))?;
            }
            if matches!(read.fact, Fact::Volume(VolumeFact::Missed { .. })) {
                let shown = kept_statement(setting, position)?;
                found.statements += 1;
                statement::verify(&directory, &shown).map_err(|fault| {
                    no(format!("statement that entry {position} recorded: {fault}"))
                })?;
            }
            found.contents += u64::from(check_content(setting, &read, position < applied)?);
            next = next.saturating_add(1);
        }
    }
    let verdict = replay.finish(&latest, &countersigned).map_err(|fault| damaged(&fault))?;
    found.statements += verdict.statements;
    found.countersigned = verdict.countersigned;
    Ok(())
}

/// The statement that an entry recorded.
fn kept_statement(setting: &Setting, position: u64) -> Result<Statement> {
    let no = |why: String| no(format!("statement that entry {position} recorded: {why}"));
    let kept = content::statement(setting, position).map_err(|error| no(named(error)))?;
    kept.ok_or_else(|| no("it is missing".to_owned()))
}

/// The checkpoint that was stored with the entry at a position is signed by the volume; its size.
fn check_signature(setting: &Setting, journal: &dyn Journal, position: u64) -> Result<u64> {
    let note = journal.checkpoint_covering(position).map_err(|error| damaged(&error))?;
    let note = note.unwrap_or_default();
    let name = journal.name();
    let directory = setting.directory();
    let keys = directory.journal(name);
    let keys = keys.ok_or_else(|| no(format!("the directory names no journal {name}")))?;
    let signed = keys.checkpoint(&note).map_err(|error| {
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
    let record = record.filter(|_| is_folded);
    if let Some(record) = &record {
        kept.check_whole(record).map_err(|fault| no(format!("{name}: {fault}")))?;
    }
    check_attachments(setting, header, record.as_ref())?;
    Ok(!kept.is_empty())
}

/// The attachments of a message are those that its entry names; those that are here are whole, and are
/// what the message says. Where it was sent, all of them are.
fn check_attachments(
    setting: &Setting,
    header: &Header,
    record: Option<&MessageRecord>,
) -> Result<()> {
    let address = &header.address;
    let name = format!("attachments of message {}/{}", address.origin, address.message);
    let fault = |why: &dyn std::fmt::Display| no(format!("{name}: {why}"));
    let is_here = record.is_some_and(|it| it.erased.is_none());
    let sent = record.is_some_and(|it| it.part == Part::Origin);
    match attachment_check(setting, header, (is_here, is_here && sent)) {
        Ok(()) => Ok(()),
        Err(AttachmentFault::History(error)) => Err(fault(&named(error))),
        Err(other) => Err(fault(&other)),
    }
}

/// An error with the record that it is about.
fn named(error: history::rows::HistoryError) -> String {
    match error {
        history::rows::HistoryError::Store(error) => JournalError::from(error).to_string(),
        other @ (history::rows::HistoryError::Journal(_)
        | history::rows::HistoryError::Damaged { .. }
        | history::rows::HistoryError::Files(_)
        | history::rows::HistoryError::Slots(_)) => other.to_string(),
    }
}

/// Folds the entries into a store of their own and holds the rows against it, byte for byte.
fn compare_rows(opened: &mut Opened, copy: &Path, config: &Config, applied: u64) -> Result<()> {
    let folder = copy.join(REFOLDED);
    let fresh = DiskStore::open(&folder, config.store.cache_bytes)?;
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
