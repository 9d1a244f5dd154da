//! Judges the ways that were chosen, from entries alone.

use std::collections::BTreeMap;

use super::{Journal, fact, lost, of_header, of_reference};
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
            if matches!(course.place, Place::Offered(_) | Place::Ended) {
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
