//! Prints what comes in, as it comes. A connection that is lost is opened again where it ended.

use std::time::Duration;

use anyhow::Result;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, code_of, sentence};
use crate::cli::inbox::list;
use crate::cli::output::{Output, Stream};
use crate::cli::sheet::Sheet;
use crate::wire::{json, pb};

/// First and longest pause before a lost stream is opened again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Watches a desk after a place of its sequence.
///
/// # Errors
/// What the node answers at first; later, anything but a node that can't be reached.
pub async fn run(line: &Line, mut after: u64, output: &Output) -> Result<()> {
    let mut stream = output.stream();
    let mut pause = PAUSES.0;
    loop {
        let before = after;
        let Err(error) = follow(line, &mut after, output, &mut stream).await else {
            continue;
        };
        if code_of(&error) != Exit::Unreachable {
            return Err(error);
        }
        output.note(format!(
            "the node is not reachable ({}); going on after {after}",
            sentence(&error)
        ));
        pause = if after > before { PAUSES.0 } else { pause.saturating_mul(2).min(PAUSES.1) };
        tokio::time::sleep(pause).await;
    }
}

async fn follow(line: &Line, after: &mut u64, output: &Output, stream: &mut Stream) -> Result<()> {
    let asked = pb::WatchMessagesRequest { contact_point: line.desk(), after: *after };
    let mut coming = line.client.watch_messages(asked).await?;
    while let Some(answer) = coming.next().await? {
        let Some(item) = answer.item else { continue };
        *after = item.sequence;
        stream.push(|| json::from_message(&item), || Sheet::new().row(list::row(&item, output)))?;
    }
    Ok(())
}
