//! Judges what became of erasures.

use std::collections::BTreeSet;

use rogatory::domain::acts::Act;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::MessageId;
use rogatory::node::content::{self, ContentError};
use rogatory::node::query::{self, MessageView};

use super::{Journal, about, fact, lost, of_reference};
use crate::proto;
use crate::world::{Id, Tally, World, count};

fn shown(world: &World, node: usize, id: &Id) -> Result<MessageView, String> {
    let setting = world.setting(node).ok_or("a node is down at the end")?;
    let bytes: [u8; 16] = id.1.clone().try_into().map_err(|_| "an id is no UUID")?;
    let origin = id.0.parse().map_err(|_| "an origin is no agency")?;
    let key = MessageKey::new(&origin, MessageId::from_bytes(bytes));
    let view = query::message(&setting, key).map_err(|error| error.to_string())?;
    view.ok_or_else(|| format!("erased-not-served: {id:?} is not known"))
}

/// `erased-not-served`: content that a node sent or received opens there, unless an entry says that
/// it is erased; then nothing of it does. What was acknowledged as erased is.
pub(super) fn what_is_erased_is_not_served(
    world: &World,
    journals: &[Journal],
) -> Result<(), String> {
    let touched = lost::touched(journals);
    let set_back = lost::lost(world).map(|it| it.node);
    for (node, id) in &world.workload.erased {
        // A backup holds what was erased after it; it is named where that is erased.
        let is_in_gap = set_back == Some(*node) && touched.contains(id);
        if !is_in_gap && !about(&journals[*node], fact::CONTENT_ERASED).contains(id) {
            return Err(format!("erased-not-served: node {node} forgot that {id:?} is erased"));
        }
    }
    for (node, journal) in journals.iter().enumerate() {
        let erased: BTreeSet<Id> = about(journal, fact::CONTENT_ERASED).into_iter().collect();
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        let own = [fact::SUBMITTED, fact::DELIVERED].map(|it| about(journal, it)).concat();
        for id in own {
            let header = shown(world, node, &id)?.header;
            let opens = match content::open(&setting, &header) {
                Ok(_) => true,
                Err(ContentError::Absent) => false,
                Err(error) => return Err(format!("erased-not-served: {id:?}: {error}")),
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
    world: &World,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let touched = lost::touched(journals);
    let requests = lost::touched_requests(world, journals);
    for (origin, journal) in journals.iter().enumerate() {
        let asked: BTreeSet<Id> = about(journal, fact::ERASURE_ASKED).into_iter().collect();
        for id in asked {
            let request = shown(world, origin, &id)?.record.particulars.map(|it| it.request);
            let is_touched = request.is_some_and(|it| requests.contains(&it.to_string()));
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
            let elsewhere = passed_on(world, journals, (node, &id))?;
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
            let setting = world.setting(node).ok_or("a node is down at the end")?;
            let request = shown(world, node, &id)?.record.particulars.map(|it| it.request);
            let request = request.map(|it| query::request(&setting, it)).transpose();
            let held = request.map_err(|error| error.to_string())?.flatten();
            let held = held.is_some_and(|it| it.held.is_some());
            if World::honours_at_once(node) && !held && !kept && !erased {
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

/// What became of message `id`, delivered to `node`, where that one passed it on.
fn passed_on(
    world: &World,
    journals: &[Journal],
    (node, id): (usize, &Id),
) -> Result<Elsewhere, String> {
    let opening = shown(world, node, id)?.record;
    let Some(request) = opening.particulars.filter(|it| it.act == Act::Request) else {
        return Ok(Elsewhere::Never);
    };
    let mut found = Elsewhere::Never;
    for notice in about(&journals[node], fact::SUBMITTED) {
        let record = shown(world, node, &notice)?.record;
        let hands = record.particulars.filter(|it| it.bearing.handed_on().is_some());
        if hands.is_none_or(|it| it.request != request.request) {
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
    Ok(found)
}

fn refusals(journal: &Journal, id: &Id) -> Vec<String> {
    let facts = journal.entries.iter().filter(|(_, it)| it.contains_key(&fact::ERASURE_REFUSED));
    let refused = facts.map(|(_, fields)| proto::message(fields, fact::ERASURE_REFUSED));
    refused.filter(|it| of_reference(it) == *id).map(|it| proto::text(&it, 2)).collect()
}
