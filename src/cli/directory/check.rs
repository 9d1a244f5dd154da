//! `directory check`: every fault of a directory, or of one text of it; then what its reader may take
//! for something else.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::directory::text::{Said, Text};
use crate::cli::directory::{head, head_sheet};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock};
use crate::config::DirectoryFolder;
use crate::directory::{Directory, ListRemark, LookAlike, list_remarks, look_alikes};

/// Most look-alikes that people are told of one by one.
const TOLD_MAX: usize = 50;

/// Judges a folder or a file.
///
/// # Errors
/// Every fault at once. What looks alike is told and is no fault.
pub(super) fn run(path: &Path, output: &Output) -> Result<()> {
    if path.is_dir() {
        return check_folder(path, output);
    }
    let text = Text::read(path)?;
    let signatures = text.note.signatures.len();
    let shown = |network: &dyn ToString, of: &str, version: u64, alike: &[LookAlike]| {
        let (network, hash) = (network.to_string(), text.hash());
        tell(alike, output);
        output.show(
            || {
                json!({
                    "network": network,
                    "of": of,
                    "version": version,
                    "hash": hash.to_string(),
                    "signatures": signatures,
                    "look_alikes": listed(alike),
                })
            },
            || {
                let sheet = Sheet::new().field("network", &network).field("of", of);
                let sheet = sheet.field("version", version).field("hash", hash);
                sheet.field("signatures", signatures)
            },
        )
    };
    match &text.said {
        Said::Directory(directory) => show(directory, None, output),
        Said::Genesis(genesis) => shown(&genesis.network, "genesis", 0, &[]),
        Said::Roll(roll) => {
            let alike = look_alikes(roll.agencies.iter().map(|it| &it.id), []);
            shown(&roll.network, "roll", roll.version, &alike)
        }
        Said::Record(record) => {
            let agency = &record.agency;
            let alike = look_alikes([&agency.id], &agency.contact_points);
            if agency.crls.is_empty() && !agency.roots.is_empty() {
                output.note(format!(
                    "warning: this record names no revocation list; unless one of {} is adopted by \
                     itself, nobody of it is let in anywhere",
                    agency.id
                ));
            }
            shown(&record.network, agency.id.as_str(), record.version, &alike)
        }
    }
}

/// A folder: every record or list that does not count is a fault, what stands in an agency's way is noted.
fn check_folder(path: &Path, output: &Output) -> Result<()> {
    let loaded = DirectoryFolder::at(path).load(None)?;
    let (directory, complaints) = loaded.held.directory();
    for complaint in &complaints {
        output.note(complaint);
    }
    if !loaded.refused.is_empty() {
        let lines = loaded.refused.iter();
        let lines = lines.map(|it| format!("\n  {it}"));
        let text = format!("files do not count:{}", lines.collect::<String>());
        let mut failure = Failure::new(Exit::Refused, text);
        let listed = loaded.refused.iter();
        let listed = listed.map(|it| json!({ "file": it.path, "reason": it.refusal.word() }));
        failure.json = json!({ "refused": listed.collect::<Vec<_>>() });
        return Err(failure.into());
    }
    let complaints = complaints.iter().map(|it| it.to_string().into()).collect();
    show(&directory, Some(complaints), output)
}

fn show(directory: &Directory, complaints: Option<Vec<Value>>, output: &Output) -> Result<()> {
    let alike = of(directory);
    tell(&alike, output);
    let remarks = list_remarks(directory, SystemClock.now());
    tell_lists(&remarks, output);
    output.show(
        || {
            let mut object = head(directory);
            if let Value::Object(object) = &mut object {
                if let Some(complaints) = complaints {
                    object.insert("complaints".to_owned(), Value::Array(complaints));
                }
                object.insert("look_alikes".to_owned(), listed(&alike));
                object.insert("revocation_lists".to_owned(), listed_lists(&remarks));
            }
            object
        },
        || head_sheet(directory),
    )
}

/// What looks alike in a directory.
pub(super) fn of(directory: &Directory) -> Vec<LookAlike> {
    let agencies = directory.agencies().map(|it| &it.id);
    look_alikes(agencies, directory.agencies().flat_map(|it| &it.contact_points))
}

/// Tells people what looks alike.
pub(super) fn tell(alike: &[LookAlike], output: &Output) {
    for it in alike.iter().take(TOLD_MAX) {
        output.note(format!("warning: {it}"));
    }
    if let Some(more) = alike.len().checked_sub(TOLD_MAX).filter(|it| *it > 0) {
        output.note(format!("and {more} more that look alike"));
    }
}

/// The same for programs.
pub(super) fn listed(alike: &[LookAlike]) -> Value {
    alike.iter().map(|it| json!({ "of": it.word(), "ids": it.ids() })).collect()
}

/// Tells people what is amiss with revocation lists.
pub(super) fn tell_lists(remarks: &[ListRemark], output: &Output) {
    for it in remarks.iter().take(TOLD_MAX) {
        output.note(format!("warning: {it}"));
    }
    if let Some(more) = remarks.len().checked_sub(TOLD_MAX).filter(|it| *it > 0) {
        output.note(format!("and {more} more lists of which something is amiss"));
    }
}

/// The same for programs.
pub(super) fn listed_lists(remarks: &[ListRemark]) -> Value {
    remarks.iter().map(|it| json!({ "agency": it.agency().to_string(), "is": it.word() })).collect()
}
