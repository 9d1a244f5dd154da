//! A large signed directory, made and signed as its authorities and agencies would.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::{LinkOffer, Roll, SignedRecord, write};
use rogatory::directory::{AgencyRecord, ContactPoint, Hours, OfficeHours, Transit};
use rogatory::domain::competence::Function;
use rogatory::domain::header::Channel;
use rogatory::domain::ids::AgencyId;
use rogatory::pki::revoke;

use crate::ceremony::{Holder, Town, member, sign};
use crate::making::{authority, id, office, with_node};

/// Agencies that pass on, all linked with each other.
pub(crate) const HUBS: usize = 20;
/// Agencies of one State.
const OF_A_STATE: usize = 10;
/// Hubs that each agency is linked with.
const HUBS_EACH: usize = 3;
const ZONES: [&str; 6] = [
    "Europe/Rome",
    "America/Panama",
    "Asia/Tokyo",
    "Africa/Lagos",
    "America/Sao_Paulo",
    "Pacific/Auckland",
];
const HOLIDAYS: [&str; 8] = [
    "2026-01-01",
    "2026-04-06",
    "2026-05-01",
    "2026-06-02",
    "2026-08-15",
    "2026-11-01",
    "2026-12-25",
    "2026-12-26",
];

/// Three letters for each number of a State.
pub(crate) fn country(number: usize) -> String {
    let letter = |at: usize| char::from(b'a' + u8::try_from(at % 26).expect("below 26"));
    [number / 676, number / 26, number].map(letter).iter().collect()
}

/// The agency of a number; the first are hubs.
pub(crate) fn agency(number: usize) -> AgencyId {
    match number.checked_sub(HUBS) {
        None => id(&format!("int.hub-{number:02}")),
        Some(n) => id(&format!("{}.agency-{:02}", country(n / OF_A_STATE), n % OF_A_STATE)),
    }
}

/// Its neighbours: the hubs each other, others some hubs and the next agency of their State.
fn neighbours(number: usize, count: usize) -> Vec<usize> {
    let hubs_of = |it: usize| (0..HUBS_EACH).map(move |at| (it * 7 + at * 5) % HUBS);
    let mut with: BTreeSet<usize> = BTreeSet::new();
    if number < HUBS {
        with.extend((0..HUBS).filter(|it| *it != number));
        with.extend((HUBS..count).filter(|it| hubs_of(*it).any(|hub| hub == number)));
    } else {
        with.extend(hubs_of(number));
        let pair = number ^ 1;
        with.extend((pair < count && pair >= HUBS).then_some(pair));
    }
    with.into_iter().collect()
}

fn desk(agency: &AgencyId, number: usize, hours: &[OfficeHours]) -> ContactPoint {
    let functions = Function::ALL;
    let of = |at: usize| functions[at % functions.len()];
    let mut own = vec![of(number)];
    own.extend(
        (!number.is_multiple_of(3)).then(|| of(number * 4 + 1)).filter(|it| *it != of(number)),
    );
    let languages = ["en", "fr", "es", "pt-BR", "zh-Hant"];
    ContactPoint {
        id: format!("{agency}/desk-{number:02}").parse().expect("a well-formed id"),
        name: format!("Desk {number:02} for cooperation of {agency}"),
        functions: own.into(),
        languages: (0..=number % 3).map(|it| languages[it + number % 3].to_owned()).collect(),
        hours: match number % 4 {
            0 => Hours::Always,
            kind => Hours::Office(hours[kind % hours.len()].clone()),
        },
    }
}

/// What an agency says of itself.
pub(crate) fn record(number: usize, count: usize, desks: usize) -> OwnRecord {
    let name = agency(number);
    let pki = authority(name.as_str());
    let seed = u64::try_from(number).expect("a small number") + 1;
    let zone = ZONES[number / OF_A_STATE % ZONES.len()];
    let hours = [
        office(zone, &[], &HOLIDAYS),
        office(zone, &["mon-thu 08:00-18:00", "fri 08:00-13:00"], &HOLIDAYS),
    ];
    let record = AgencyRecord {
        contact_points: (0..desks).map(|it| desk(&name, it, &hours)).collect(),
        transit: (number < HUBS).then_some(Transit::Blind),
        ..with_node(name.as_str(), seed, &pki)
    };
    let cost = |other: usize| 1 + u32::try_from((number + other) % 5).expect("below 5");
    let links = neighbours(number, count).into_iter().map(|other| LinkOffer {
        with: agency(other),
        channels: BTreeSet::from(Channel::ALL),
        cost: cost(other),
    });
    OwnRecord {
        network: "demo".parse().expect("a well-formed name"),
        version: 1,
        previous: None,
        agency: record,
        links: links.collect(),
    }
}

/// Writes the folder of a directory of `count` agencies with `desks` contact points each, as a node's own
/// copy has it; gives the bytes of its texts.
pub(crate) fn folder(path: &Path, count: usize, desks: usize) -> u64 {
    let town = Town::new();
    let roll = Roll {
        agencies: {
            let mut names: Vec<_> = (0..count).map(agency).collect();
            names.sort();
            names.iter().map(|it| member(it.as_str())).collect()
        },
        ..town.first()
    };
    let mut bytes = 0;
    let mut put = |name: String, text: &[u8]| {
        bytes += u64::try_from(text.len()).expect("a small file");
        write_file(&path.join(name), text);
    };
    for inner in ["rolls", "records", "seen", "lists"] {
        fs::create_dir_all(path.join(inner)).expect("the folder can be made");
    }
    put("genesis.toml".to_owned(), town.genesis_text.as_bytes());
    put("rolls/000001.note".to_owned(), &town.signed(&roll));
    for number in 0..count {
        let record = record(number, count, desks);
        let name = record.agency.id.to_string();
        let note = sign(&write::record(&record), &[&Holder::of(&name)]);
        put(format!("records/{name}.note"), &note);
        let hash = SignedRecord::parse(&note).expect("it is signed").hash;
        put(format!("seen/{name}"), format!("1 {hash}\n").as_bytes());
        let (root, list) = (&record.agency.roots[0], &record.agency.crls[0]);
        let issuer = revoke::authority_id(root).expect("a certificate").to_string();
        put(format!("lists/{name}.{}.crl", &issuer[..16]), list);
    }
    bytes
}

#[expect(clippy::disallowed_methods, reason = "a benchmark's files need not be durable")]
fn write_file(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the file can be written");
}
