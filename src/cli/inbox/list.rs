//! Lists what came in.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::cli::times::{parse_duration, whole_seconds};
use crate::wire::{json, pb};

/// Most messages that a node gives at a time.
const PAGE_MAX: u32 = 200;

/// What to list.
#[derive(Debug, Args)]
pub struct Listing {
    /// Begin after this place of the sequence
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub after: u64,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: u32,
    /// Leave out what is acknowledged
    #[arg(long)]
    pub open: bool,
    /// Wait so long for a message if there is none; at most 60s
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub wait: Option<Duration>,
}

/// Lists up to so many messages.
///
/// # Errors
/// What the node answers.
pub async fn run(line: &Line, listing: &Listing, output: &Output) -> Result<()> {
    let mut whole = pb::ListMessagesResponse { items: Vec::new(), next_after: listing.after };
    loop {
        let have = u32::try_from(whole.items.len()).unwrap_or(u32::MAX);
        let wanted = listing.limit.saturating_sub(have).min(PAGE_MAX);
        if wanted == 0 {
            break;
        }
        let waits = if whole.items.is_empty() { listing.wait } else { None };
        let asked = pb::ListMessagesRequest {
            contact_point: line.desk(),
            after: whole.next_after,
            page_size: i32::try_from(wanted).unwrap_or(i32::MAX),
            wait_seconds: waits.map_or(0, whole_seconds),
            open_only: listing.open,
        };
        let page = line.client.list_messages(asked).await?;
        let is_last = page.items.is_empty();
        whole.items.extend(page.items);
        whole.next_after = page.next_after;
        if is_last {
            break;
        }
    }
    output.list(
        || json::from_message(&whole),
        "items",
        || {
            let rows = whole.items.iter().map(|it| row(it, output));
            Sheet::new().table(HEADER, rows)
        },
    )?;
    let next = whole.items.iter().find(|it| it.status == "new");
    match next.and_then(|it| it.message.as_ref()) {
        Some(message) => {
            output.note(format!("take it: rogatory inbox claim {}", message.message_id))
        }
        None => output.note(format!("go on from here: --after {}", whole.next_after)),
    }
    Ok(())
}

/// What the columns are.
pub const HEADER: [&str; 10] =
    ["place", "status", "message", "act", "kind", "from", "urgency", "sent", "due", "held by"];

/// One message as a row.
pub fn row(item: &pb::InboxItem, output: &Output) -> [String; 10] {
    let message = item.message.clone().unwrap_or_default();
    let times = output.times();
    [
        item.sequence.to_string(),
        item.status.clone(),
        message.message_id,
        message.message_type,
        message.kind,
        message.from,
        message.urgency,
        times.show(&message.sent_at),
        times.show(&message.respond_by),
        item.claimed_by.clone(),
    ]
}
