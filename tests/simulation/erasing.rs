//! Judges what became of erasures.

use std::collections::BTreeSet;

use super::{Journal, about, fact, lost, of_reference};
use crate::proto;
use crate::seen::{Content, Id, Seen, Tally, count};

/// `erased-not-served`: content that a node sent or received opens there, unless an entry says that
/// it is erased; then nothing of it does. What was acknowledged as erased is.
pub(super) fn what_is_erased_is_not_served(
    seen: &Seen,
    journals: &[Journal],
) -> Result<(), String> {
    let touched = lost::touched(journals);
    let set_back = seen.lost.as_ref().map(|it| it.node);
    for (node, id) in &seen.erased {
        // A backup holds what was erased after it; it is named where that is erased.
        let is_in_gap = set_back == Some(*node) && touched.contains(id);
        if !is_in_gap && !about(&journals[*node], fact::CONTENT_ERASED).contains(id) {
            return Err(format!("erased-not-served: node {node} forgot that {id:?} is erased"));
        }
    }
    for (node, journal) in journals.iter().enumerate() {
        let erased: BTreeSet<Id> = about(journal, fact::CONTENT_ERASED).into_iter().collect();
        let own = [fact::SUBMITTED, fact::DELIVERED].map(|it| about(journal, it)).concat();
        for id in own {
            let opens = match seen.nodes[node].contents.get(&id) {
                Some(Content::Opens) => true,
                Some(Content::Absent) => false,
                Some(Content::Fails(error)) => {
                    return Err(format!("erased-not-served: {id:?}: {error}"));
                }
                Some(Content::Unknown) | None => {
                    return Err(format!("erased-not-served: {id:?} is not known"));
                }
            };
            let is_lost = set_back == Some(node) && !opens && lost::is_listed(journal, &id);
            if opens == erased.contains(&id) && !is_lost {
                let what = if opens { "is erased and opens" } else { "is lost" };
                return Err(format!("erased-not-served: {id:?} {what} on node {node}"));
            }
        }
    }
    Ok(())
}

/// The messages of which a journal recorded another's statement of that name.
pub(super) fn told(journal: &Journal, station: &str) -> BTreeSet<Id> {
    let facts = journal.entries.iter().filter_map(|(_, fields)| {
        let told = proto::message(fields, fact::STATEMENT_RECORDED);
        (proto::text(&told, 3) == station).then(|| of_reference(&told))
    });
    facts.collect()
}

/// `asked-is-heard`: whoever has a message that its origin asks to be erased heard of it, and the
/// origin heard each answer; whoever erases by itself did, but for what is held or was kept. Who
/// passed the message on asked in turn, and says that it is erased only when nothing is left there.
pub(super) fn who_is_asked_hears_and_answers(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let touched = lost::touched(journals);
    let requests = lost::touched_requests(seen, journals);
    for (origin, journal) in journals.iter().enumerate() {
        let asked: BTreeSet<Id> = about(journal, fact::ERASURE_ASKED).into_iter().collect();
        for id in asked {
            let is_touched = journal.request(&id).is_some_and(|it| requests.contains(&it));
            if touched.contains(&id) || is_touched {
                continue;
            }
            let mut all = journals.iter().enumerate();
            let Some((node, there)) = all.find(|(_, it)| about(it, fact::DELIVERED).contains(&id))
            else {
                continue;
            };
            let broken =
                |what: &str| format!("asked-is-heard: {id:?} of node {origin} {what} node {node}");
            if !told(there, "erasure_asked").contains(&id) {
                return Err(broken("was not asked of"));
            }
            let refused = refusals(there, &id);
            if !refused.is_empty() && !told(journal, "erasure_refused").contains(&id) {
                return Err(broken("was kept in silence by"));
            }
            let elsewhere = passed_on(journals, (node, &id));
            let said = told(journal, "erased").contains(&id);
            match &elsewhere {
                Elsewhere::Never => {}
                Elsewhere::Gone => count(&mut tally, "passed on and erased"),
                Elsewhere::Stands { asked: false } => {
                    return Err(broken("was passed on, and not asked for there, by"));
                }
                Elsewhere::Stands { .. } if said => {
                    return Err(broken("is said to be erased, and stands where it went, by"));
                }
                Elsewhere::Stands { .. } => count(&mut tally, "passed on and not erased"),
            }
            let waits = matches!(elsewhere, Elsewhere::Stands { .. });
            let kept =
                refused.iter().any(|it| !matches!(it.as_str(), "LEGAL_HOLD" | "HELD_ONWARD"));
            let erased = about(there, fact::CONTENT_ERASED).contains(&id);
            if erased && !kept && !waits && !said {
                return Err(broken("was erased in silence by"));
            }
            let held = there.request(&id).is_some_and(|it| is_held(there, &it));
            if seen.nodes[node].honours_at_once && !held && !kept && !erased {
                return Err(broken("is still with"));
            }
        }
    }
    Ok(tally)
}

/// What became of a request where it was passed on to.
enum Elsewhere {
    /// It was not passed on, or never arrived there.
    Never,
    /// It is erased there, and in the notice.
    Gone,
    /// It is not; who has it was asked, or not.
    Stands { asked: bool },
}

/// Whether a request is held at the end.
fn is_held(journal: &Journal, request: &[u8]) -> bool {
    let words = journal.entries.iter().zip(&journal.skeletons);
    let mut words = words.filter(|(_, skeleton)| proto::bytes(skeleton, 20) == request);
    let last = words.rfind(|((_, entry), _)| {
        entry.contains_key(&fact::HOLD_PLACED) || entry.contains_key(&fact::HOLD_RELEASED)
    });
    last.is_some_and(|((_, entry), _)| entry.contains_key(&fact::HOLD_PLACED))
}

/// What a notice says in its bearing that hands a request on to its competent authority.
const HANDED_ON: u64 = 3;

/// What became of message `id`, delivered to `node`, where that one passed it on.
fn passed_on(journals: &[Journal], (node, id): (usize, &Id)) -> Elsewhere {
    let opening = journals[node].particulars(id);
    let Some(opening) = opening.filter(|it| proto::text(it, 3) == "request") else {
        return Elsewhere::Never;
    };
    let mut found = Elsewhere::Never;
    for notice in about(&journals[node], fact::SUBMITTED) {
        let said = journals[node].particulars(&notice).unwrap_or_default();
        let hands = proto::number(&proto::message(&said, 9), 14) == HANDED_ON;
        if !hands || proto::bytes(&said, 1) != proto::bytes(&opening, 1) {
            continue;
        }
        let mut all = journals.iter();
        let Some(there) = all.find(|it| about(it, fact::DELIVERED).contains(&notice)) else {
            continue;
        };
        let gone = |it: &Journal| about(it, fact::CONTENT_ERASED).contains(&notice);
        let asked = about(&journals[node], fact::ERASURE_ASKED).contains(&notice);
        found = if gone(there) && gone(&journals[node]) {
            Elsewhere::Gone
        } else {
            Elsewhere::Stands { asked }
        };
    }
    found
}

fn refusals(journal: &Journal, id: &Id) -> Vec<String> {
    let facts = journal.entries.iter().filter(|(_, it)| it.contains_key(&fact::ERASURE_REFUSED));
    let refused = facts.map(|(_, fields)| proto::message(fields, fact::ERASURE_REFUSED));
    refused.filter(|it| of_reference(it) == *id).map(|it| proto::text(&it, 2)).collect()
}
