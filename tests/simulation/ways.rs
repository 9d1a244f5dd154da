//! Judges the ways that were chosen, from entries alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Journal, about, causes, fact, lost, of_header, of_reference};
use crate::proto::{self, Fields};
use crate::seen::{Id, Seen, Tally, count};

/// Where a message is, by the entries of one journal so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Here,
    /// Offered to this agency, which has not answered.
    Offered(String),
    /// Somebody else has it, or had it.
    Passed,
    Ended,
}

struct Course {
    place: Place,
    is_origin: bool,
    /// Somebody gave it back since its way was chosen last. That may be heard before it is heard that
    /// they took it.
    given_back: bool,
}

/// `one-way-at-a-time`: a node offers a message, and chooses another way for it, only while by its own
/// entries nobody else may have it; and no node takes a message over twice.
pub(super) fn are_chosen_by_whoever_holds(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let touched = lost::touched(journals);
    for (node, journal) in journals.iter().enumerate() {
        let own = seen.nodes[node].agency.clone();
        let mut courses: BTreeMap<Id, Course> = BTreeMap::new();
        for (_, fields) in &journal.entries {
            let stepped = step(&mut courses, &mut tally, &own, fields);
            let broken = stepped.err().filter(|(id, _)| !touched.contains(id));
            if let Some((id, what)) = broken {
                return Err(format!("one-way-at-a-time: node {node} {what} {id:?}"));
            }
        }
    }
    Ok(tally)
}

fn step(
    courses: &mut BTreeMap<Id, Course>,
    tally: &mut Tally,
    own: &str,
    fields: &Fields,
) -> Result<(), (Id, String)> {
    for came in [fact::SUBMITTED, fact::TAKEN_OVER] {
        if fields.contains_key(&came) {
            let id = of_header(&proto::bytes(&proto::message(fields, came), 1));
            let is_origin = came == fact::SUBMITTED;
            let course = Course { place: Place::Here, is_origin, given_back: false };
            // What is its own a node states again in a new volume.
            if courses.get(&id).is_some_and(|it| it.is_origin && is_origin) {
                return Ok(());
            }
            if courses.insert(id.clone(), course).is_some() {
                return Err((id, "takes over twice".to_owned()));
            }
        }
    }
    let about = |number: u64| -> Option<(Id, Fields)> {
        let told = fields.contains_key(&number).then(|| proto::message(fields, number))?;
        Some((of_reference(&told), told))
    };
    if let Some((id, handed)) = about(fact::HANDED_OVER) {
        let unknown = || (id.clone(), "offers, unknown to it,".to_owned());
        let course = courses.get_mut(&id).ok_or_else(unknown)?;
        if course.place != Place::Here {
            return Err((id, format!("offers, while it is {:?},", course.place)));
        }
        course.place = Place::Offered(proto::text(&proto::message(&handed, 2), 2));
    }
    if let Some((id, chosen)) = about(fact::WAY_CHOSEN) {
        let unknown = || (id.clone(), "moves, unknown to it,".to_owned());
        let course = courses.get_mut(&id).ok_or_else(unknown)?;
        count(tally, "way chosen");
        let is_released = proto::text(&chosen, 2) == "OPERATOR";
        if is_released {
            count(tally, "set aside and released");
        }
        match course.place {
            // What is in doubt is asked again of the same peer, under the same number.
            Place::Offered(_) if is_released => return Ok(()),
            Place::Here => {}
            Place::Passed if course.is_origin && course.given_back => {
                count(tally, "given back and sent again");
            }
            Place::Offered(_) | Place::Passed | Place::Ended => {
                return Err((id, format!("moves, while it is {:?},", course.place)));
            }
        }
        (course.place, course.given_back) = (Place::Here, false);
    }
    for ended in [fact::RETURNED, fact::UNDELIVERED] {
        if let Some((id, end)) = about(ended)
            && let Some(course) = courses.get_mut(&id)
        {
            let field = if ended == fact::RETURNED { 2 } else { 4 };
            if proto::text(&end, field) == "OPERATOR" {
                count(tally, "set aside and returned");
            }
            // What somebody else took over only its origin ends, who hears of it.
            let is_gone = course.place == Place::Passed && !course.is_origin;
            if is_gone || matches!(course.place, Place::Offered(_) | Place::Ended) {
                return Err((id, format!("ends, while it is {:?},", course.place)));
            }
            course.place = Place::Ended;
        }
    }
    if let Some((id, told)) = about(fact::STATEMENT_RECORDED)
        && let Some(course) = courses.get_mut(&id)
    {
        heard(course, own, &told);
    }
    Ok(())
}

fn heard(course: &mut Course, own: &str, told: &Fields) {
    let journal = proto::text(told, 2);
    let agency = journal.split('/').next().unwrap_or_default();
    let station = proto::text(told, 3);
    let is_asked = course.place == Place::Offered(agency.to_owned());
    match station.as_str() {
        "relayed" | "delivered" if is_asked => course.place = Place::Passed,
        "not_taken" if is_asked => course.place = Place::Here,
        "returned" if agency != own => course.given_back = true,
        _ => {}
    }
}

/// Hops that a message may make, by every header of the simulator.
const HOPS_MAX: usize = 8;

/// What all journals say of one message.
struct Travel {
    origin: usize,
    destination: usize,
    /// Nodes that took it over as transits.
    had: BTreeSet<usize>,
    /// Who has it, by what everybody says of themselves; its origin where nobody does.
    holder: usize,
    /// It is undelivered because it expired, by the clock of whoever says so first, or because an operator
    /// ended it: entries of theirs say so.
    has_ended: bool,
}

fn travels(seen: &Seen, journals: &[Journal]) -> BTreeMap<Id, Travel> {
    let number = |agency: &str| {
        seen.nodes.iter().position(|it| it.agency == agency).expect("an agency of this world")
    };
    let mut travels = BTreeMap::new();
    for (origin, journal) in journals.iter().enumerate() {
        for (_, fields) in journal.entries.iter().filter(|it| it.1.contains_key(&fact::SUBMITTED)) {
            let header = proto::bytes(&proto::message(fields, fact::SUBMITTED), 1);
            let address = proto::message(&proto::fields(&header).unwrap_or_default(), 1);
            let destination = number(&proto::text(&address, 5));
            let id = of_header(&header);
            let has_ended = causes::has_ended(seen, journals, (origin, &id));
            let (had, holder) = (BTreeSet::new(), origin);
            travels.insert(id, Travel { origin, destination, had, holder, has_ended });
        }
    }
    for (node, journal) in journals.iter().enumerate() {
        let own = seen.nodes[node].agency.clone();
        let mut courses = BTreeMap::new();
        for (_, fields) in &journal.entries {
            step(&mut courses, &mut Tally::new(), &own, fields).unwrap_or_default();
        }
        for (id, course) in courses {
            let Some(travel) = travels.get_mut(&id) else { continue };
            if !course.is_origin {
                travel.had.insert(node);
            }
            if matches!(course.place, Place::Here | Place::Offered(_)) {
                travel.holder = node;
            }
        }
    }
    travels
}

/// Whether a way over links that carry something leads from one node to another, around these.
fn is_way((from, to): (usize, usize), alive: &[(usize, usize)], around: &BTreeSet<usize>) -> bool {
    let (mut reached, mut next) = (BTreeSet::from([from]), VecDeque::from([(from, 0)]));
    while let Some((at, hops)) = next.pop_front() {
        if at == to {
            return true;
        }
        if hops == HOPS_MAX {
            continue;
        }
        let ends = alive.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
        for (_, end) in ends.filter(|(start, _)| *start == at) {
            if !around.contains(&end) && reached.insert(end) {
                next.push_back((end, hops + 1));
            }
        }
    }
    false
}

/// `way-left-is-taken`: a message that has not arrived long after everything healed waits because no way
/// is left over nodes that have not had it, or right beside its destination. It never ends undelivered
/// for want of a way while one is left.
pub(super) fn a_way_that_is_left_is_taken(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let (alive, dead) = (&seen.links_alive, seen.link_dead);
    let delivered: BTreeSet<Id> =
        journals.iter().flat_map(|it| about(it, fact::DELIVERED)).collect();
    let turned: BTreeSet<Id> = journals.iter().flat_map(without_a_way).collect();
    for (id, travel) in travels(seen, journals) {
        let is_there = delivered.contains(&id);
        if turned.contains(&id) {
            count(&mut tally, "turned back");
            if is_there {
                count(&mut tally, "turned back and delivered");
            }
        }
        let Travel { origin, destination, had, holder, has_ended } = &travel;
        // Who stands before a dead link takes the agency beyond it for dead, and waits for it.
        let beyond = dead.and_then(|(a, b)| match *holder {
            holder if holder == a => Some(b),
            holder if holder == b => Some(a),
            _ => None,
        });
        if is_there || *has_ended || beyond == Some(*destination) {
            continue;
        }
        count(&mut tally, "no way is left");
        let around: BTreeSet<usize> = had.iter().copied().chain(beyond).collect();
        if is_way((*origin, *destination), alive, &around) {
            let story = lost::story(journals, &id);
            return Err(format!(
                "way-left-is-taken: {id:?} had {had:?}, and is not there: {story}"
            ));
        }
    }
    for journal in journals {
        let further = without_a_way(journal).into_iter();
        for _ in further.filter(|id| brought(journal, id).is_some_and(|from| from != id.0)) {
            count(&mut tally, "turned back behind the first transit");
        }
    }
    Ok(tally)
}

/// Messages that a transit gave back because it knew no way on.
fn without_a_way(journal: &Journal) -> Vec<Id> {
    let returned = journal.entries.iter().filter(|(_, it)| it.contains_key(&fact::RETURNED));
    let told = returned.map(|(_, it)| proto::message(it, fact::RETURNED));
    told.filter(|it| proto::text(it, 2) == "NO_ROUTE").map(|it| of_reference(&it)).collect()
}

/// Who brought a message, by the journal of the transit that took it over.
fn brought(journal: &Journal, id: &Id) -> Option<String> {
    let taken = journal.entries.iter().filter(|(_, it)| it.contains_key(&fact::TAKEN_OVER));
    let mut taken = taken.map(|(_, it)| proto::message(it, fact::TAKEN_OVER));
    let it = taken.find(|it| of_header(&proto::bytes(it, 1)) == *id)?;
    Some(proto::text(&proto::message(&it, 2), 1))
}
