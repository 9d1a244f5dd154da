//! Fetches the proof of one entry and verifies it before it is kept.

use std::path::Path;

use anyhow::Result;

use crate::cli::audit::offline::{self, Shown};
use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::request::send;
use crate::cli::sheet::Sheet;
use crate::wire::{json, pb};

/// Fetches one.
///
/// # Errors
/// What the node answers; exit status 7 if the proof does not hold.
pub async fn run(
    line: &Line,
    index: u64,
    size: Option<u64>,
    save: Option<&Path>,
    output: &Output,
) -> Result<()> {
    let asked = pb::ProveInclusionRequest { index, size: size.unwrap_or(0) };
    let answer = line.client.prove_inclusion(asked).await?;
    let statement = pb::Statement { entry: answer.entry.clone(), proof: answer.proof.clone() };
    match &line.directory {
        Some(directory) => {
            let mut shown = Shown::judge(directory, statement.clone(), "the proof")?;
            if let Some(erasure) = answer.erasure.clone() {
                shown = shown.erased_by(directory, erasure)?;
            }
            output.show(|| json::from_message(&answer), || shown.sheet(directory, output))?;
        }
        None => {
            output.show(|| json::from_message(&answer), || bare(&answer))?;
            output.note("the proof is not checked: no directory is named");
        }
    }
    if let Some(base) = save {
        send::save_statement(base, &statement, output)?;
        if let Some(erasure) = &answer.erasure {
            let mut beside = base.as_os_str().to_owned();
            beside.push("-erasure");
            send::save_statement(Path::new(&beside), erasure, output)?;
        }
    }
    Ok(())
}

fn bare(answer: &pb::ProveInclusionResponse) -> Sheet {
    let sheet = offline::bare(&answer.proof);
    match answer.erased_at.as_str() {
        "" => sheet,
        at => sheet.line(format!("content erased on {at} ({})", answer.erasure_cause)),
    }
}
