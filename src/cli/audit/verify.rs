//! Judges a journal over the wire: entries, statements, checkpoints, cosignatures.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::proof;
use crate::cli::sheet::Sheet;
use crate::directory::Directory;
use crate::domain::ids::{AgencyId, JournalName};
use crate::evidence::replay::{Fault, Replay, Verdict};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::wire::envelope::Statement;
use crate::wire::pb;

/// Statements that are asked for at a time.
const STATEMENTS_PAGE: i32 = 500;

/// Replays the whole journal and shows the verdict.
///
/// # Errors
/// Exit status 7 with the first fault; what kept it from being looked for.
pub async fn run(line: &Line, output: &Output) -> Result<()> {
    let directory = line.directory.as_ref().ok_or_else(|| {
        Failure::new(Exit::Usage, "a journal is judged against a directory; name one: --directory")
    })?;
    let doing = output.doing(format!("replaying the journal of {}", line.agency));
    let (verdict, witnesses) = replay(line, directory).await?;
    drop(doing);
    show(&verdict, &witnesses, output)
}

async fn replay(line: &Line, directory: &Directory) -> Result<(Verdict, Vec<AgencyId>)> {
    let shown = line.client.get_checkpoint(pb::GetCheckpointRequest {}).await?;
    let journal = directory.current_journal(&line.agency).map(|it| it.name.clone());
    let journal: JournalName = journal.ok_or_else(|| {
        let text = format!("the directory names no journal of {}", line.agency);
        Failure::new(Exit::AnswerIsNo, text)
    })?;
    let latest = parsed(&shown.checkpoint)?;
    let size = latest.checkpoint.size;
    let mut sizes = vec![size];
    if !shown.countersigned_checkpoint.is_empty() {
        sizes.push(parsed(&shown.countersigned_checkpoint)?.checkpoint.size);
    }
    let mut replay = Replay::new(directory, journal, &sizes);
    let asked = pb::ReplayEntriesRequest { start: 0, end: size };
    let mut entries = line.client.replay_entries(asked).await?;
    while let Some(entry) = entries.next().await? {
        replay.entry(entry.index, &entry.entry).map_err(no)?;
    }
    let mut start = 0;
    loop {
        let asked = pb::ListStatementsRequest { start, page_size: STATEMENTS_PAGE };
        let page = line.client.list_statements(asked).await?;
        for kept in page.statements.into_iter().filter(|it| it.index < size) {
            let pb::KeptStatement { index, entry, proof } = kept;
            replay.statement(index, &Statement { entry, proof }).map_err(no)?;
        }
        start = page.next_start;
        if start == 0 || start >= size {
            break;
        }
    }
    let verdict = replay.finish(&shown.checkpoint, &shown.countersigned_checkpoint).map_err(no)?;
    Ok((verdict, proof::witnesses(directory, &latest)))
}

fn parsed(checkpoint: &[u8]) -> Result<SignedCheckpoint> {
    let parsed = SignedCheckpoint::parse(checkpoint);
    parsed.map_err(|error| {
        let text = format!("the node's checkpoint is malformed: {error}");
        Failure::new(Exit::AnswerIsNo, text).into()
    })
}

/// The fault as the answer of the command.
fn no(fault: Fault) -> anyhow::Error {
    let mut failure = Failure::new(Exit::AnswerIsNo, format!("the journal does not hold: {fault}"));
    failure.json = json!({ "verified": false, "fault": fault.to_string() });
    failure.into()
}

/// Shows a verdict.
pub(super) fn show(verdict: &Verdict, witnesses: &[AgencyId], output: &Output) -> Result<()> {
    let named: Vec<String> = witnesses.iter().map(ToString::to_string).collect();
    let told = "every entry, statement and signature that was given holds";
    output
        .show(
            || {
                json!({
                    "verified": true,
                    "journal": verdict.journal.to_string(),
                    "entries": verdict.entries,
                    "root": verdict.root.to_string(),
                    "countersigned": verdict.countersigned,
                    "statements": verdict.statements,
                    "witnesses": named,
                    "facts": verdict.facts,
                })
            },
            || {
                let facts = verdict
                    .facts
                    .iter()
                    .map(|(fact, count)| [(*fact).to_owned(), count.to_string()]);
                let erased = verdict.facts.get("content_erased");
                let erased = erased.map(|it| format!("erased of {it} messages; every proof holds"));
                Sheet::new()
                    .field("journal", &verdict.journal)
                    .field("verdict", told)
                    .field("content", erased.unwrap_or_default())
                    .field("entries", verdict.entries)
                    .field("root", verdict.root)
                    .field(
                        "countersigned",
                        format!("{} entries (ML-DSA-44)", verdict.countersigned),
                    )
                    .field("statements", format!("{} of other journals", verdict.statements))
                    .field("latest checkpoint cosigned by", named.join(" "))
                    .table(["fact", "count"], facts)
            },
        )
        .context("showing the verdict")
}
