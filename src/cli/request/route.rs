//! The way that a message took: stations with times, durations and what was found of their proofs.

use crate::cli::marks;
use crate::cli::output::Output;
use crate::cli::proof::Standing;
use crate::cli::sheet::Sheet;
use crate::cli::times::span;
use crate::clock::Timestamp;
use crate::wire::pb;

/// Adds a message and its stations to a sheet.
pub fn add(
    sheet: Sheet,
    message: &pb::MessageSummary,
    standings: &[Standing],
    output: &Output,
) -> Sheet {
    let direction = if message.incoming { "from" } else { "to" };
    let other = if message.incoming { &message.origin } else { &message.destination };
    let act = match message.outcome.as_str() {
        "" => message.message_type.clone(),
        outcome => format!("{} ({outcome})", message.message_type),
    };
    let marks = match marks::of_message(message) {
        none if none.is_empty() => none,
        some => format!("{some}  "),
    };
    let (id, custody) = (&message.message_id, &message.custody);
    let title = format!("{marks}{act} {direction} {other}  {id}  {custody}");
    let mut before = None;
    let mut rows = Vec::with_capacity(message.stations.len());
    for (station, standing) in message.stations.iter().zip(standings) {
        let at = Timestamp::parse(&station.at);
        let took = before.zip(at).map(|(before, at)| span(at.millis_since(before)));
        before = at.or(before);
        rows.push([
            station.station.clone(),
            station.agency.clone(),
            at.map_or_else(|| station.at.clone(), |at| output.times().exact(at)),
            took.unwrap_or_default(),
            station.reason.clone(),
            standing.to_string(),
        ]);
    }
    sheet.line("").line(title).table(["station", "agency", "at", "took", "reason", "proof"], rows)
}
