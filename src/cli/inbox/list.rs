//! Lists what came in.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::cli::call::Line;
use crate::cli::marks;
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
pub const HEADER: [&str; 11] = [
    "place", "status", "message", "act", "kind", "from", "urgency", "sent", "due", "held by",
    "marks",
];

/// One message as a row. Of a confidential message that nobody claimed no more than its agency of
/// origin is known.
pub fn row(item: &pb::InboxItem, output: &Output) -> [String; 11] {
    let message = item.message.clone().unwrap_or_default();
    let marks = marks::of_message(&message);
    let from = if message.from.is_empty() { message.origin } else { message.from };
    let times = output.times();
    [
        item.sequence.to_string(),
        item.status.clone(),
        message.message_id,
        message.message_type,
        message.kind,
        from,
        message.urgency,
        times.show(&message.sent_at),
        times.show(&message.respond_by),
        item.claimed_by.clone(),
        marks,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Global;
    use crate::cli::times::TimeFormat;

    fn shown(message: pb::MessageSummary) -> String {
        let time_format = Some(TimeFormat::Iso);
        let output = Output::new(&Global { utc: true, time_format, ..Global::default() });
        let status = "new".to_owned();
        let item = pb::InboxItem {
            sequence: 7,
            status,
            message: Some(message),
            ..pb::InboxItem::default()
        };
        row(&item, &output).join("|")
    }

    #[test]
    fn an_unclaimed_confidential_message_shows_its_envelope_and_how_to_see_more() {
        let hidden = pb::MessageSummary {
            message_id: "m-1".to_owned(),
            origin: "ita.coast-guard".to_owned(),
            urgency: "immediate".to_owned(),
            sent_at: "2027-03-05T12:00:30Z".to_owned(),
            confidential: true,
            ..pb::MessageSummary::default()
        };
        let wanted = "7|new|m-1|||ita.coast-guard|immediate|2027-03-05T12:00:30Z|||\
                      confidential: claim it to see more";
        assert_eq!(shown(hidden), wanted);
    }

    #[test]
    fn an_exercise_is_marked_in_the_list() {
        let message = pb::MessageSummary {
            message_id: "m-1".to_owned(),
            message_type: "request".to_owned(),
            kind: "SOM.8.2.VESSEL".to_owned(),
            from: "ita.coast-guard/operations-centre".to_owned(),
            origin: "ita.coast-guard".to_owned(),
            exercise: true,
            ..pb::MessageSummary::default()
        };
        let start = "7|new|m-1|request|SOM.8.2.VESSEL|ita.coast-guard/operations-centre||||";
        assert_eq!(shown(message.clone()), format!("{start}|EXERCISE"));
        let real = pb::MessageSummary { exercise: false, ..message };
        assert_eq!(shown(real), format!("{start}|"));
    }
}
