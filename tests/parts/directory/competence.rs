//! Who is competent, in which order, and that the instant counts.

use rogatory::clock::Timestamp;
use rogatory::directory::write::to_toml;
use rogatory::directory::{
    Competent, ContactPoint, Directory, DirectoryDraft, Hours, Link, Unaddressed, Wanted,
};
use rogatory::domain::competence::Function;
use rogatory::domain::ids::StateCode;
use rogatory::domain::kinds::KindCode;

use crate::directory::making::{authority, desk, id, office, with_node, without_node};

/// A Tuesday in summer.
fn at(time: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-07-07T{time}:00Z")).unwrap()
}

fn point(agency: &str, name: &str, functions: &[Function], hours: Hours) -> ContactPoint {
    let functions = functions.into();
    let address = format!("{agency}/{name}").parse().unwrap();
    ContactPoint { id: address, functions, hours, ..desk(&id(agency)) }
}

fn in_panama() -> Hours {
    Hours::Office(office("America/Panama", &["mon-fri 08:00-16:00"], &["2026-07-08"]))
}

fn directory() -> Directory {
    let pki = authority("demo");
    let (flag, central) = (Function::FlagStateAuthority, Function::CentralAuthority);
    let police = Function::PoliceContactPoint;
    let mut registry = without_node("pan.a-registry");
    registry.contact_points =
        vec![point("pan.a-registry", "ships", &[flag, central], Hours::Always)];
    let mut maritime = with_node("pan.maritime", 1, &pki);
    maritime.contact_points = vec![
        point("pan.maritime", "office", &[flag, police], in_panama()),
        point("pan.maritime", "night", &[central, flag], Hours::Always),
    ];
    let mut ministry = with_node("pan.ministry", 2, &pki);
    ministry.contact_points = vec![
        point("pan.ministry", "police", &[police], Hours::Always),
        point("pan.ministry", "courts", &[police, central], in_panama()),
    ];
    let mut italy = with_node("ita.guard", 3, &pki);
    italy.contact_points = vec![point("ita.guard", "desk", &[flag, central], Hours::Always)];
    let mut office = with_node("int.office", 4, &pki);
    office.contact_points = vec![point("int.office", "desk", &[central], Hours::Always)];
    let agencies = vec![office, italy, registry, maritime, ministry];
    let network = "demo".parse().unwrap();
    let draft = DirectoryDraft { network, version: 1, agencies, links: Vec::new() };
    Directory::parse(&to_toml(&draft)).unwrap()
}

fn wanted(country: &str, kind: &str, function: Option<Function>) -> Wanted {
    let country = (country != "int").then(|| country.parse::<StateCode>().unwrap());
    Wanted { country, kind: kind.parse::<KindCode>().unwrap(), function }
}

fn named(found: &[Competent<'_>]) -> Vec<(String, Function)> {
    found.iter().map(|it| (it.desk.id.to_string(), it.function)).collect()
}

fn pairs(expected: &[(&str, Function)]) -> Vec<(String, Function)> {
    expected.iter().map(|(desk, function)| ((*desk).to_owned(), *function)).collect()
}

#[test]
fn a_desk_that_is_closed_at_the_instant_comes_after_those_that_are_open() {
    let directory = directory();
    let asked = wanted("PAN", "SOM.8.2.VESSEL", None);
    let flag = Function::FlagStateAuthority;
    let by_day = directory.competent(&asked, at("14:00"));
    let (office, night, ships) = (
        ("pan.maritime/office", flag),
        ("pan.maritime/night", flag),
        ("pan.a-registry/ships", flag),
    );
    assert_eq!(named(&by_day), pairs(&[office, night, ships]), "who runs no node comes last");
    assert!(by_day.iter().all(|it| it.opens == at("14:00")));
    let by_night = directory.competent(&asked, at("22:00"));
    assert_eq!(named(&by_night), pairs(&[night, ships, office]), "open before closed");
    let opens = by_night.last().map(|it| it.opens.to_string());
    assert_eq!(opens.as_deref(), Some("2026-07-09T13:00:00Z"), "over the holiday");
    let closing = directory.competent(&asked, at("21:00"));
    assert_eq!(named(&closing), pairs(&[night, ships, office]), "the moment of closing is closed");
}

#[test]
fn a_competence_leads_to_the_one_desk_that_comes_first() {
    let directory = directory();
    let asked = |country, kind, function, time| {
        let wanted = wanted(country, kind, Some(function));
        let found = directory.addressee(&id("ita.guard"), &wanted, at(time));
        found.map(|it| it.id.to_string())
    };
    let several = |names: &[&str]| {
        Err(Unaddressed::Several(names.iter().map(|it| it.parse().unwrap()).collect()))
    };
    let (flag, central) = (Function::FlagStateAuthority, Function::CentralAuthority);
    let ships = |time| asked("PAN", "SOM.8.2.VESSEL", flag, time);
    let both = ["pan.maritime/office", "pan.maritime/night"];
    assert_eq!(ships("14:00"), several(&both), "both are there, and their agency runs a node");
    assert_eq!(ships("22:00"), Ok("pan.maritime/night".to_owned()), "the other is closed");
    let courts = |time| asked("PAN", "UNTOC.18.3.F.DOCS", central, time);
    assert_eq!(courts("14:00"), several(&["pan.maritime/night", "pan.ministry/courts"]));
    assert_eq!(courts("22:00"), Ok("pan.maritime/night".to_owned()));
    assert_eq!(asked("PER", "SOM.8.2.VESSEL", flag, "14:00"), Err(Unaddressed::Nobody));
    let fiu = asked("PAN", "SOM.8.2.VESSEL", Function::Fiu, "14:00");
    assert_eq!(fiu, Err(Unaddressed::Nobody), "the kind is not received by it");
}

#[test]
fn whom_a_way_leads_to_comes_before_whom_none_does() {
    let mut draft = directory().draft();
    let link = Link::between(id("ita.guard"), id("pan.ministry"));
    draft.links = vec![link];
    let directory = Directory::parse(&to_toml(&draft)).unwrap();
    let asked = wanted("PAN", "UNTOC.18.3.F.DOCS", Some(Function::CentralAuthority));
    let found = |own, time| {
        let found = directory.addressee(&id(own), &asked, at(time));
        found.map(|it| it.id.to_string())
    };
    assert_eq!(found("ita.guard", "14:00"), Ok("pan.ministry/courts".to_owned()));
    let closed = found("ita.guard", "22:00");
    assert_eq!(closed, Ok("pan.ministry/courts".to_owned()), "closed, and yet it is reached");
    assert_eq!(found("int.office", "22:00"), Ok("pan.maritime/night".to_owned()));
}

#[test]
fn functions_come_in_the_order_of_the_kind_and_a_desk_comes_once() {
    let directory = directory();
    let (police, central) = (Function::PoliceContactPoint, Function::CentralAuthority);
    let kind = "UNTOC.27.1.D.LIAISON";
    let receivers = kind.parse::<KindCode>().unwrap().receivers;
    assert_eq!(receivers, ["police_contact_point", "central_authority"]);
    let all = [
        ("pan.maritime/office", police),
        ("pan.ministry/police", police),
        ("pan.ministry/courts", police),
        ("pan.maritime/night", central),
        ("pan.a-registry/ships", central),
    ];
    let found = |function| named(&directory.competent(&wanted("PAN", kind, function), at("14:00")));
    assert_eq!(found(None), pairs(&all));
    assert_eq!(found(Some(police)), pairs(&all[..3]));
    let (night, courts) = (("pan.maritime/night", central), ("pan.ministry/courts", central));
    let by_central = found(Some(central));
    assert_eq!(by_central, pairs(&[night, courts, ("pan.a-registry/ships", central)]));
    assert_eq!(found(Some(Function::Fiu)), [], "the kind is not received by it");
}

#[test]
fn international_bodies_are_of_no_state_and_other_states_have_nobody() {
    let directory = directory();
    let desks = |country| {
        named(&directory.competent(&wanted(country, "UNTOC.18.3.F.DOCS", None), at("14:00")))
    };
    let central = Function::CentralAuthority;
    assert_eq!(desks("int"), pairs(&[("int.office/desk", central)]));
    assert_eq!(desks("ITA"), pairs(&[("ita.guard/desk", central)]));
    assert_eq!(desks("PER"), []);
}
