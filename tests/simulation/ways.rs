//! Judges the ways that were chosen, from entries alone.

use std::collections::BTreeMap;

use super::{Journal, fact, of_header, of_reference};
use crate::proto::{self, Fields};
use crate::world::{Id, Tally, World, count};

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
    world: &World,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    for (node, journal) in journals.iter().enumerate() {
        let own = world.federation.agencies[node].to_string();
        let mut courses: BTreeMap<Id, Course> = BTreeMap::new();
        for (_, fields) in &journal.entries {
            step(&mut courses, &mut tally, &own, fields)
                .map_err(|what| format!("one-way-at-a-time: node {node} {what}"))?;
        }
    }
    Ok(tally)
}

fn step(
    courses: &mut BTreeMap<Id, Course>,
    tally: &mut Tally,
    own: &str,
    fields: &Fields,
) -> Result<(), String> {
    for came in [fact::SUBMITTED, fact::TAKEN_OVER] {
        if fields.contains_key(&came) {
            let id = of_header(&proto::bytes(&proto::message(fields, came), 1));
            let is_origin = came == fact::SUBMITTED;
            let course = Course { place: Place::Here, is_origin, given_back: false };
            if courses.insert(id.clone(), course).is_some() {
                return Err(format!("takes {id:?} over twice"));
            }
        }
    }
    let about = |number: u64| -> Option<(Id, Fields)> {
        let told = fields.contains_key(&number).then(|| proto::message(fields, number))?;
        Some((of_reference(&told), told))
    };
    if let Some((id, handed)) = about(fact::HANDED_OVER) {
        let course = courses.get_mut(&id).ok_or_else(|| format!("offers {id:?}, unknown"))?;
        if course.place != Place::Here {
            return Err(format!("offers {id:?} while it is {:?}", course.place));
        }
        course.place = Place::Offered(proto::text(&proto::message(&handed, 2), 2));
    }
    if let Some((id, _)) = about(fact::WAY_CHOSEN) {
        let course = courses.get_mut(&id).ok_or_else(|| format!("moves {id:?}, unknown"))?;
        count(tally, "way chosen");
        match course.place {
            Place::Here => {}
            Place::Passed if course.is_origin && course.given_back => {
                count(tally, "given back and sent again");
            }
            Place::Offered(_) | Place::Passed | Place::Ended => {
                return Err(format!("moves {id:?} while it is {:?}", course.place));
            }
        }
        (course.place, course.given_back) = (Place::Here, false);
    }
    for ended in [fact::RETURNED, fact::UNDELIVERED] {
        if let Some((id, _)) = about(ended)
            && let Some(course) = courses.get_mut(&id)
        {
            if matches!(course.place, Place::Offered(_) | Place::Ended) {
                return Err(format!("ends {id:?} while it is {:?}", course.place));
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
