//! Judges how long a neighbour is cut off, why, and that nothing is taken from it in between.

use std::collections::BTreeMap;

use super::reviewed::ever;
use super::{Journal, fact, of_header, recorded_at};
use crate::proto::{self, Fields};
use crate::seen::{Seen, Tally, count};

const CUT_OFF: u64 = 38;
/// A neighbour is cut off for so long, and what it did is counted for as long, in milliseconds.
const SPAN_MS: i64 = 600_000;
/// What comes to nothing of one neighbour goes on record so often in that time.
const ON_RECORD_MAX: u64 = 512;
/// For what a neighbour is cut off.
const CAUSES: [&str; 5] = ["handovers", "answers", "checkpoints", "frames", "directory"];
/// Facts about what a neighbour handed over, messages and attachments.
const TAKEN: [u64; 6] = [fact::TAKEN_OVER, fact::DELIVERED, fact::NOT_TAKEN, 60, 61, NOT_CARRIED];

/// An attachment is not taken: for its own reasons, or since it came no more in its time.
const NOT_CARRIED: u64 = 62;

/// Who handed over what this entry is about; nobody, where it only says that something came no more.
fn handed_by(entry: &Fields) -> Option<String> {
    let number = TAKEN.into_iter().find(|it| entry.contains_key(it))?;
    let is_over =
        number == NOT_CARRIED && proto::text(&proto::message(entry, NOT_CARRIED), 3) == "EXPIRED";
    (!is_over).then_some(())?;
    Some(proto::text(&proto::message(&proto::message(entry, number), 2), 1))
}

/// To whom this entry offers a message.
fn offered_to(entry: &Fields) -> Option<String> {
    let handed = entry.contains_key(&fact::HANDED_OVER).then(|| {
        let handed = proto::message(entry, fact::HANDED_OVER);
        proto::message(&handed, 2)
    })?;
    Some(proto::text(&handed, 2))
}

/// Facts about attachments. Whoever takes one looks so often whether its peer is cut off, in milliseconds.
const CARRIED: std::ops::RangeInclusive<u64> = 60..=63;
const LOOK_MS: i64 = 1_000;

/// What of a neighbour may have come to nothing and is on record in the time before: refusals, what came to
/// its destination again, and words about messages, whoever brought them.
fn in_vain(entries: &[&Fields], peer: &str, at: i64) -> u64 {
    let is_so = |entry: &&&Fields| {
        let is_refused =
            entry.contains_key(&fact::NOT_TAKEN) || entry.contains_key(&fact::DELIVERED);
        let is_of_it = is_refused && handed_by(entry).as_deref() == Some(peer);
        let is_near = (recorded_at(entry) - at).abs() <= SPAN_MS;
        is_near && (is_of_it || entry.contains_key(&fact::STATEMENT_RECORDED))
    };
    entries.iter().filter(is_so).count() as u64
}

/// `cut-off-holds`: an entry says which neighbour is cut off, for what, and how much of it had come to nothing,
/// as other entries show; for ten minutes from then on nothing that it handed over is taken or refused, nothing
/// is offered to it, and it is not cut off anew. What a node shows of that is what its entries say.
pub(super) fn nothing_is_taken_in_between(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    for (node, journal) in seen.nodes.iter().zip(journals) {
        let entries: Vec<&Fields> = ever(journal).collect();
        let broken = |what: &str| format!("cut-off-holds: {}: {what}", node.agency);
        let mut running: BTreeMap<String, (i64, String)> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let at = recorded_at(entry);
            // A clock that was put back begins anew.
            running.retain(|_, (since, _)| (*since..*since + SPAN_MS).contains(&at));
            let is_message = !entry.keys().any(|it| CARRIED.contains(it));
            let within = if is_message { 0 } else { LOOK_MS };
            if let Some(peer) = handed_by(entry)
                && running.get(&peer).is_some_and(|(since, _)| at > *since + within)
            {
                let since = at - running.get(&peer).map_or(0, |it| it.0);
                let what = format!("takes from {peer}, {since} ms cut off: {}", named(entry));
                return Err(broken(&what));
            }
            if let Some(peer) = offered_to(entry)
                && running.get(&peer).is_some_and(|(since, _)| at > *since)
            {
                return Err(broken(&format!("offers to {peer}, which is cut off")));
            }
            if !entry.contains_key(&CUT_OFF) {
                continue;
            }
            let said = proto::message(entry, CUT_OFF);
            let (peer, refused) = (proto::text(&said, 1), proto::number(&said, 2));
            let cause = proto::text(&said, 3);
            let is_known = seen.nodes.iter().any(|it| it.agency == peer) && peer != node.agency;
            if !is_known || !CAUSES.contains(&cause.as_str()) {
                return Err(broken(&format!("cuts off {peer:?} for {cause:?}")));
            }
            if refused > ON_RECORD_MAX.min(in_vain(&entries[..place], &peer, at)) {
                return Err(broken(&format!("cuts off {peer} for {refused} that are not there")));
            }
            if running.insert(peer.clone(), (at, cause)).is_some() {
                return Err(broken(&format!("cuts off {peer} again")));
            }
            count(&mut tally, "neighbour cut off");
            let later = entries[place..].iter().filter(|it| recorded_at(it) >= at + SPAN_MS);
            let mut ends = later.filter_map(|it| handed_by(it).or_else(|| offered_to(it)));
            if ends.any(|it| it == peer) {
                count(&mut tally, "neighbour heard again");
            }
        }
        let now = node.now;
        running.retain(|_, (since, _)| (*since..*since + SPAN_MS).contains(&now));
        let said = running.into_iter().map(|(peer, (at, cause))| (peer, (at + SPAN_MS, cause)));
        let said: BTreeMap<String, (i64, String)> = said.collect();
        let shown = node.cut_off.as_ref().map_err(Clone::clone)?;
        if *shown != said {
            return Err(broken(&format!("shows {shown:?}, and its entries say {said:?}")));
        }
    }
    Ok(tally)
}

fn named(entry: &Fields) -> String {
    let number = TAKEN.into_iter().find(|it| entry.contains_key(it)).unwrap_or_default();
    let header = proto::bytes(&proto::message(entry, number), 1);
    format!("{number} {:?}", of_header(&header))
}
