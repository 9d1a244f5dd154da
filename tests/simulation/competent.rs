//! Judges messages that were addressed by a competence: what was asked, what the entry and its receipt say,
//! what is shown, and what stands at the destination.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Journal, address, fact, lost, of_header, skeletons};
use crate::proto::{self, Fields};
use crate::seen::{Id, Named, Seen, Tally, count};

/// Fields of a skeleton: the particulars, and the competence that was named.
const PARTICULARS: u64 = 4;
const COMPETENCE: u64 = 35;
/// Of particulars: the contact points that it is for.
const TO: u64 = 6;

/// What an entry's own part says: country and function, and the desks.
fn in_skeleton(key: &[u8; 32], entry: &Fields) -> Option<((String, String), Vec<String>)> {
    let own = proto::fields(&skeletons::plain(key, &proto::bytes(entry, 5))?)?;
    let asked = own.contains_key(&COMPETENCE).then(|| proto::message(&own, COMPETENCE))?;
    let particulars = proto::listed(&proto::bytes(&own, PARTICULARS))?;
    Some(((proto::text(&asked, 1), proto::text(&asked, 2)), proto::texts(&particulars, TO)))
}

/// Whether a directory names this desk, and says that it is competent by this function.
fn is_competent(directory: &Table, desk: &str, function: &str) -> bool {
    let tables = |table: &Table, name: &str| -> Vec<Table> {
        let all = table.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_table).cloned().collect()
    };
    let text = |table: &Table| table.get("id").and_then(Value::as_str).map(str::to_owned);
    let desks = tables(directory, "agency").into_iter().flat_map(|it| tables(&it, "contact_point"));
    desks.filter(|it| text(it).as_deref() == Some(desk)).any(|it| {
        let functions = it.get("functions").and_then(Value::as_array).into_iter().flatten();
        functions.filter_map(Value::as_str).any(|it| it == function)
    })
}

/// `competence-agrees`: what a client asked for by a competence, the entry of its origin names with the one
/// desk that it led to, of the agency that the message is addressed to, and competent by that function; the
/// destination has the same desk; its origin shows the same, with the directory that the entry, and so its
/// receipt, names; and nobody else's entry or screen names a competence.
pub(super) fn is_the_same_everywhere(seen: &Seen, journals: &[Journal]) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let directory: Table = seen.directory.parse().map_err(|it| format!("{it}"))?;
    let touched = lost::touched(journals);
    for (node, journal) in seen.nodes.iter().zip(journals) {
        let mut known = BTreeSet::new();
        for (_, entry) in &journal.entries {
            let header = proto::bytes(&proto::message(entry, fact::SUBMITTED), 1);
            let found = in_skeleton(&node.skeleton_key, entry);
            if header.is_empty() {
                if found.is_some() {
                    let what = "an entry names a competence that submits nothing";
                    return Err(format!("competence-agrees: {}: {what}", node.agency));
                }
                continue;
            }
            let id = of_header(&header);
            let broken = |what: String| format!("competence-agrees: {id:?}: {what}");
            // What is stated once more in a new volume says nothing new.
            if touched.contains(&id) || !known.insert(id.clone()) {
                continue;
            }
            let asked = seen.asked.get(&id);
            if asked != found.as_ref().map(|it| &it.0) {
                return Err(broken(format!("{asked:?} was asked for and the entry has {found:?}")));
            }
            let shown = node.competences.get(&id);
            let Some(((country, function), desks)) = found else {
                if shown.is_some() {
                    return Err(broken(format!("nobody named one, and {shown:?} is shown")));
                }
                continue;
            };
            let to = proto::text(&address(&header), 5);
            let [desk] = desks.as_slice() else {
                return Err(broken(format!("it led to {desks:?}")));
            };
            let agency = desk.split('/').next().unwrap_or_default();
            if agency != to || !is_competent(&directory, desk, &function) {
                return Err(broken(format!("it goes to {to}, by {function} of {desk}")));
            }
            let version = proto::number(entry, 4);
            let expected = Named { country, function, desk: desk.clone(), version };
            if shown != Some(&expected) {
                return Err(broken(format!("{expected:?} is recorded, and {shown:?} shown")));
            }
            let elsewhere = seen.nodes.iter().filter(|it| it.agency != node.agency);
            if elsewhere.into_iter().any(|it| it.competences.contains_key(&id)) {
                return Err(broken("somebody else shows it too".to_owned()));
            }
            count(&mut tally, "asked by competence");
            is_for_that_desk(seen, journals, (&id, &to, desk), &mut tally).map_err(broken)?;
        }
    }
    Ok(tally)
}

/// What arrived is for the desk to which the competence led.
fn is_for_that_desk(
    seen: &Seen,
    journals: &[Journal],
    (id, to, desk): (&Id, &String, &String),
    tally: &mut Tally,
) -> Result<(), String> {
    let at = seen.nodes.iter().position(|it| it.agency == *to).ok_or("it goes to nobody")?;
    let Some(particulars) = journals[at].particulars.get(id) else {
        return Ok(());
    };
    count(tally, "asked by competence and delivered");
    let came = proto::texts(&proto::listed(particulars).unwrap_or_default(), TO);
    if came != [desk.clone()] {
        return Err(format!("it led to {desk}, and came to {came:?}"));
    }
    Ok(())
}
