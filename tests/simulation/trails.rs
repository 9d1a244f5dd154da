//! Judges trails: what a transit kept of who had a message before it, against what those say themselves.

use std::collections::BTreeSet;

use super::{Journal, address, fact, lost, of_header, of_reference, skeletons};
use crate::proto::{self, Fields, Value};
use crate::seen::{Id, Seen, Tally, count};

/// Fields of a skeleton: hops that were made, and the trail.
const HOPS: u64 = 9;
const TRAIL: u64 = 34;
/// Most agencies on a trail.
const TRAIL_MAX: usize = 16;

/// A transit's entry that it took a message over.
struct Taken {
    id: Id,
    destination: String,
    from: String,
    number: u64,
    hops: u64,
    trail: Vec<String>,
}

/// All that a node took over as a transit, but for what only lost entries say.
fn taken(seen: &Seen, node: usize, journal: &Journal) -> Vec<Taken> {
    let key = &seen.nodes[node].skeleton_key;
    let entries = journal.entries.iter().filter(|(_, it)| it.contains_key(&fact::TAKEN_OVER));
    let read = entries.map(|(_, entry)| {
        let said = proto::message(entry, fact::TAKEN_OVER);
        let (header, handover) = (proto::bytes(&said, 1), proto::message(&said, 2));
        let plain = skeletons::plain(key, &proto::bytes(entry, 5)).unwrap_or_default();
        let own: Vec<(u64, Value)> = proto::listed(&plain).unwrap_or_default();
        let hops = proto::number(&own.iter().cloned().collect::<Fields>(), HOPS);
        Taken {
            id: of_header(&header),
            destination: proto::text(&address(&header), 5),
            from: proto::text(&handover, 1),
            number: proto::number(&handover, 3),
            hops,
            trail: proto::texts(&own, TRAIL),
        }
    });
    read.collect()
}

/// What a node says of a message, as far as trails are about it.
struct Told {
    /// The agencies of which it had heard that they had the message, or never take it: before this handover
    /// was on record, and at all.
    before: BTreeSet<String>,
    ever: BTreeSet<String>,
    /// It says that it offered the message to this agency under this number.
    is_offered: bool,
}

fn told(journal: &Journal, own: &str, id: &Id, (to, number): (&str, u64)) -> Told {
    let mut told = Told { before: BTreeSet::new(), ever: BTreeSet::new(), is_offered: false };
    for (_, entry) in &journal.entries {
        if entry.contains_key(&fact::HANDED_OVER) {
            let handed = proto::message(entry, fact::HANDED_OVER);
            let handover = proto::message(&handed, 2);
            told.is_offered |= of_reference(&handed) == *id
                && proto::text(&handover, 2) == to
                && proto::number(&handover, 3) == number;
        }
        let said = proto::message(entry, fact::STATEMENT_RECORDED);
        let station = proto::text(&said, 3);
        let is_about = matches!(station.as_str(), "relayed" | "returned" | "not_taken");
        if !is_about || of_reference(&said) != *id {
            continue;
        }
        let issuer = proto::text(&said, 2);
        let agency = issuer.split('/').next().unwrap_or_default().to_owned();
        if agency != own {
            if !told.is_offered {
                told.before.insert(agency.clone());
            }
            told.ever.insert(agency);
        }
    }
    told
}

/// Whether an agency had the message as a transit, or refused it for good, by its own entries.
fn had_or_refused(journal: &Journal, id: &Id) -> bool {
    journal.entries.iter().any(|(_, entry)| {
        let header = proto::bytes(&proto::message(entry, fact::TAKEN_OVER), 1);
        let had = !header.is_empty() && of_header(&header) == *id;
        let refused = entry.contains_key(&fact::NOT_TAKEN)
            && of_reference(&proto::message(entry, fact::NOT_TAKEN)) == *id;
        had || refused
    })
}

/// `trail-is-the-way`: a transit keeps of each message by whom it came: its origin and the hops of this way,
/// in order, as each of them says itself that it offered and took it; before them whoever had it, or refused
/// it, on ways that came to nothing; nobody twice, and nobody left out of whom the one that handed it over
/// knew. It keeps none only where that one could name none.
pub(super) fn each_that_had_it_is_on_it(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let touched = lost::touched(journals);
    let all: Vec<Vec<Taken>> =
        journals.iter().enumerate().map(|(node, it)| taken(seen, node, it)).collect();
    for (node, taken) in all.iter().enumerate() {
        for it in taken.iter().filter(|it| !touched.contains(&it.id)) {
            let names: Vec<&str> = it.trail.iter().map(String::as_str).collect();
            let place = |agency: &str| seen.nodes.iter().position(|it| it.agency == agency);
            let is_harmful =
                |agency: &&str| place(agency) == seen.harmful && seen.harmful.is_some();
            if [it.from.as_str()].iter().chain(&names).any(is_harmful) {
                count(&mut tally, "trail through a liar");
                continue;
            }
            let broken = |what: &str| {
                let story = lost::story(journals, &it.id);
                let (id, from) = (&it.id, &it.from);
                format!(
                    "trail-is-the-way: {node}: {id:?} from {from} by {names:?}: {what}: {story}"
                )
            };
            let before = place(&it.from).ok_or_else(|| broken("from nobody"))?;
            let came = all[before].iter().find(|other| other.id == it.id);
            agrees(seen, journals, (node, it), (before, came), &mut tally)
                .map_err(|what| broken(&what))?;
            if !names.is_empty() {
                is_a_way(seen, journals, &all, (node, it)).map_err(|what| broken(&what))?;
                count(&mut tally, "trail traced");
                if names.first() != Some(&it.id.0.as_str()) {
                    count(&mut tally, "trail of more than one way");
                }
            }
        }
    }
    Ok(tally)
}

/// The trail is what whoever handed over could name: what it kept itself, whom it had heard of, and itself.
fn agrees(
    seen: &Seen,
    journals: &[Journal],
    (node, it): (usize, &Taken),
    (before, came): (usize, Option<&Taken>),
    tally: &mut Tally,
) -> Result<(), String> {
    let (own, own_before) = (&seen.nodes[node].agency, &seen.nodes[before].agency);
    let told = told(&journals[before], own_before, &it.id, (own, it.number));
    if !told.is_offered {
        return Err("it was not offered by it".to_owned());
    }
    let is_origin = *own_before == it.id.0;
    let known = match came {
        _ if is_origin => Some(Vec::new()),
        Some(it) if !it.trail.is_empty() => Some(it.trail.clone()),
        Some(_) | None => None,
    };
    let is_new = |agency: &&String| {
        known.as_ref().is_some_and(|it| !it.contains(agency)) && **agency != it.destination
    };
    let least: BTreeSet<&String> = told.before.iter().filter(is_new).collect();
    let most: BTreeSet<&String> = told.ever.iter().filter(is_new).collect();
    let Some(known) = &known else {
        count(tally, "trail of nobody who knows");
        return if it.trail.is_empty() { Ok(()) } else { Err("nobody could know".to_owned()) };
    };
    if it.trail.is_empty() {
        count(tally, "trail left out");
        let is_long = most.len() + known.len() + 1 > TRAIL_MAX;
        let comes_again = known.contains(own) || least.contains(own);
        return if is_long || comes_again {
            Ok(())
        } else {
            Err("it is left out without a cause".to_owned())
        };
    }
    let behind: Vec<String> = known.iter().chain([own_before]).cloned().collect();
    let Some(besides) = it.trail.strip_suffix(behind.as_slice()) else {
        return Err(format!("it does not end with {behind:?}"));
    };
    let named: BTreeSet<&String> = besides.iter().collect();
    if !named.is_superset(&least) || !named.is_subset(&most) {
        return Err(format!("beside {behind:?} it was to name {least:?}, at the most {most:?}"));
    }
    Ok(())
}

/// Nobody stands on it twice, nor its reader, nor the destination; each of this way took the message from the
/// one before, and each of others had it or refused it.
fn is_a_way(
    seen: &Seen,
    journals: &[Journal],
    all: &[Vec<Taken>],
    (node, it): (usize, &Taken),
) -> Result<(), String> {
    let own = &seen.nodes[node].agency;
    let each: BTreeSet<&String> = it.trail.iter().collect();
    if each.len() != it.trail.len() || each.contains(own) || each.contains(&it.destination) {
        return Err("somebody stands on it who may not".to_owned());
    }
    let begins = it.trail.iter().position(|agency| *agency == it.id.0);
    let begins = begins.ok_or("its origin is not on it")?;
    let (others, way) = it.trail.split_at(begins);
    if way.len() as u64 != it.hops {
        return Err(format!("it made {} hops", it.hops));
    }
    let place = |agency: &str| seen.nodes.iter().position(|it| it.agency == agency);
    for (from, to) in way.iter().zip(way.iter().skip(1)) {
        let node = place(to).ok_or("nobody is called so")?;
        let took = all[node].iter().find(|other| other.id == it.id);
        if took.is_none_or(|it| it.from != *from) {
            return Err(format!("{to} did not take it from {from}"));
        }
    }
    let is_so =
        |agency: &String| place(agency).is_some_and(|at| had_or_refused(&journals[at], &it.id));
    match others.iter().find(|it| !is_so(it)) {
        Some(agency) => Err(format!("{agency} never had it")),
        None => Ok(()),
    }
}
