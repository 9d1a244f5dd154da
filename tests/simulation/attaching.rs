//! Judges what became of attachments.

use std::collections::BTreeSet;

use super::{Journal, about, causes, fact, lost, recorded_at};
use crate::proto;
use crate::seen::{Id, Seen, Tally, count};

/// Numbers of the facts about attachments, with the names of their stations.
const ARRIVED: (u64, &str) = (61, "attachment_arrived");
const NOT_TAKEN: (u64, &str) = (62, "attachment_not_taken");
const RETURNED: (u64, &str) = (63, "attachment_returned");

/// The attachments of `id` of which a journal states this.
fn stated(journal: &Journal, id: &Id, number: u64) -> BTreeSet<u64> {
    stated_from(journal, id, (number, i64::MIN))
}

/// Of which it states this at an instant of its own clock or later.
fn stated_from(journal: &Journal, id: &Id, (number, from): (u64, i64)) -> BTreeSet<u64> {
    let entries = journal.entries.iter().filter(|(_, fields)| recorded_at(fields) >= from);
    let facts = entries.filter_map(|(_, fields)| {
        let fact = proto::message(fields, number);
        let attachment = proto::message(&fact, 1);
        let message = proto::message(&attachment, 1);
        let about = (proto::text(&message, 1), proto::bytes(&message, 2));
        (about == *id).then(|| proto::number(&attachment, 2))
    });
    facts.filter(|it| *it > 0).collect()
}

/// How often a journal recorded another's statement of that name about `id`.
fn told(journal: &Journal, id: &Id, station: &str) -> usize {
    let facts = journal.entries.iter().filter(|(_, fields)| {
        let told = proto::message(fields, fact::STATEMENT_RECORDED);
        proto::text(&told, 3) == station && super::of_reference(&told) == *id
    });
    facts.count()
}

/// `attached-arrives`: each attachment of a delivered message has arrived, whole and as it was handed in,
/// or is refused for good, never both, or was given back once it had expired by the clock of whoever had it;
/// its origin heard which; and transits keep none of it.
pub(super) fn attachments_arrive_or_are_refused(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut fates = Tally::new();
    let touched = lost::touched(journals);
    for told_to in &seen.acknowledged {
        let files = &told_to.files;
        let id: Id = (seen.nodes[told_to.origin].agency.clone(), told_to.message.clone());
        let there = journals.iter().position(|it| about(it, fact::DELIVERED).contains(&id));
        let (Some(there), false) = (there, files.is_empty() || touched.contains(&id)) else {
            continue;
        };
        let broken =
            |what: &str| format!("attached-arrives: {id:?} of node {}: {what}", told_to.origin);
        let erased = |node: usize| about(&journals[node], fact::CONTENT_ERASED).contains(&id);
        let is_erased = erased(there) || erased(told_to.origin);
        let arrived = stated(&journals[there], &id, ARRIVED.0);
        let refused = stated(&journals[there], &id, NOT_TAKEN.0);
        if arrived.intersection(&refused).next().is_some() {
            return Err(broken("an attachment has arrived and is refused"));
        }
        // A transit that was given other bytes says so, and its word ends it as well.
        let on_the_way = journals.iter().flat_map(|it| stated(it, &id, NOT_TAKEN.0));
        let on_the_way: BTreeSet<u64> = on_the_way.filter(|it| !arrived.contains(it)).collect();
        let heard = told(&journals[told_to.origin], &id, NOT_TAKEN.1) >= on_the_way.len();
        let mut ended = if heard { on_the_way.len() } else { refused.len() };
        let address = causes::sent(journals, &id).ok_or_else(|| broken("it was never sent"))?;
        let expires_at = i64::try_from(proto::number(&address, 9)).unwrap_or(i64::MAX);
        let returned =
            journals.iter().flat_map(|it| stated_from(it, &id, (RETURNED.0, expires_at)));
        let returned: BTreeSet<u64> =
            returned.filter(|it| !arrived.contains(it) && !on_the_way.contains(it)).collect();
        if told(&journals[told_to.origin], &id, RETURNED.1) >= returned.len() {
            ended += returned.len();
        }
        if arrived.len() + ended != files.len() && !is_erased {
            return Err(broken(&format!("{} of {} are accounted for", arrived.len(), files.len())));
        }
        let heard = told(&journals[told_to.origin], &id, ARRIVED.1);
        if heard != arrived.len() {
            return Err(broken(&format!("{heard} of {} arrivals were heard of", arrived.len())));
        }
        for number in arrived {
            count(&mut fates, "attachment arrived");
            let bytes = seen.nodes[there].attachments.get(&(id.clone(), number));
            if erased(there) {
                if bytes.is_some() {
                    return Err(broken("what is erased opens"));
                }
                continue;
            }
            if bytes != files.get(number as usize - 1) {
                return Err(broken("what arrived is not what was handed in"));
            }
        }
        if !refused.is_empty() {
            count(&mut fates, "attachment refused");
        }
    }
    Ok(fates)
}
