//! Fetches the proof of one entry and verifies it before it is kept.

use std::path::Path;

use anyhow::Result;

use crate::cli::audit::offline::{self, Shown};
use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::request::send;
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
            let shown = Shown::judge(directory, statement.clone(), "the proof")?;
            output.show(|| json::from_message(&answer), || shown.sheet(directory, output))?;
        }
        None => {
            output.show(|| json::from_message(&answer), || offline::bare(&answer.proof))?;
            output.note("the proof is not checked: no directory is named");
        }
    }
    if let Some(base) = save {
        send::save_statement(base, &statement, output)?;
    }
    Ok(())
}
