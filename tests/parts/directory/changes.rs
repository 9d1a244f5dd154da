//! What a newer directory changes of contact points is told, each change by its name.

use rogatory::directory::changes::{DeskChange, changed_desks};
use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::{Held, Judging};
use rogatory::directory::{ContactPoint, Directory, Hours};
use rogatory::domain::competence::Function;

use crate::directory::ceremony::{Town, next_record, signed_record};
use crate::directory::{id, making};

const GUARD: &str = "ita.coast-guard";

/// The town's directory, and the one after a record of one of its agencies was changed.
fn changed(agency: &str, change: impl FnOnce(&mut Vec<ContactPoint>)) -> (Directory, Directory) {
    let mut held = Town::new().held();
    let before = held.directory().0;
    adopt(&mut held, agency, change);
    (before, held.directory().0)
}

fn adopt(held: &mut Held, agency: &str, change: impl FnOnce(&mut Vec<ContactPoint>)) {
    let mut record: OwnRecord = next_record(held, &id(agency));
    change(&mut record.agency.contact_points);
    held.adopt_record(&signed_record(&record), Judging::Then).expect("it follows");
}

fn told((before, after): &(Directory, Directory)) -> Vec<String> {
    let changed = changed_desks(before, after);
    let words = |changes: &[DeskChange]| {
        changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    changed.iter().map(|it| format!("{}: {}", it.desk, words(&it.changes))).collect()
}

fn moved(desk: &ContactPoint, to: &str) -> ContactPoint {
    ContactPoint { id: to.parse().expect("an address"), ..desk.clone() }
}

#[test]
fn each_change_of_a_desk_has_its_name() {
    type Change = fn(&mut ContactPoint);
    let cases: [(Change, &str); 6] = [
        (|it| it.functions = [Function::Fiu].into(), "functions"),
        (|it| it.languages = [String::from("it")].into(), "languages"),
        (|it| it.hours = Hours::Always, "hours"),
        (|it| it.name = "Another name".to_owned(), "name"),
        (|it| it.id = "ita.coast-guard/other".parse().unwrap(), "moved to ita.coast-guard/other"),
        (
            |it| (it.functions, it.hours) = ([Function::Fiu].into(), Hours::Always),
            "functions, hours",
        ),
    ];
    for (change, words) in cases {
        let lines = told(&changed(GUARD, |desks| change(&mut desks[0])));
        assert!(lines.contains(&format!("{GUARD}/desk: {words}")), "{words}: {lines:?}");
        let opened = usize::from(words.starts_with("moved"));
        assert_eq!(lines.len(), 1 + opened, "{lines:?}");
    }
}

#[test]
fn a_desk_is_gone_opened_or_moved_only_if_that_is_certain() {
    let other = making::desk(&id(GUARD));
    let gone = changed(GUARD, |desks| {
        desks[0].id = "ita.coast-guard/new".parse().unwrap();
        desks[0].name = "Something else".to_owned();
    });
    assert_eq!(told(&gone), ["ita.coast-guard/desk: gone", "ita.coast-guard/new: opened"]);
    // Two of the name have come: nobody knows which of them it is now.
    let two = changed(GUARD, |desks| {
        *desks = vec![moved(&other, "ita.coast-guard/one"), moved(&other, "ita.coast-guard/two")];
    });
    let lines = [
        "ita.coast-guard/desk: gone",
        "ita.coast-guard/one: opened",
        "ita.coast-guard/two: opened",
    ];
    assert_eq!(told(&two), lines);
    // Of another State it is another desk, whatever its name.
    let mut held = Town::new().held();
    let before = held.directory().0;
    adopt(&mut held, GUARD, |desks| desks[0].id = "ita.coast-guard/new".parse().unwrap());
    adopt(&mut held, "pan.flag", |desks| desks[0].id = "pan.flag/new".parse().unwrap());
    let lines = [
        "ita.coast-guard/desk: moved to ita.coast-guard/new",
        "ita.coast-guard/new: opened",
        "pan.flag/desk: moved to pan.flag/new",
        "pan.flag/new: opened",
    ];
    let after = held.directory().0;
    assert_eq!(told(&(before.clone(), after)), lines);
    assert_eq!(told(&(before.clone(), before)), [""; 0]);
}
