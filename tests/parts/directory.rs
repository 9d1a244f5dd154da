//! A directory exists only if its text holds, and routes over it are what they promise.

mod calendar;
pub(crate) mod ceremony;
mod changes;
mod compare;
mod competence;
mod lists;
pub(crate) mod making;
mod resting;
mod routes;
mod signed;
mod wrong;

use making::{draft, id, key, office};
use rogatory::directory::document::DIRECTORY_BYTES_MAX;
use rogatory::directory::write::to_toml;
use rogatory::directory::{Directory, DirectoryDraft, Hours, OfficeHours, Transit};
use rogatory::domain::competence::Function;
use rogatory::domain::digest::Digest;
use rogatory::domain::header::Channel;
use rogatory::domain::ids::{AgencyId, JournalName};
use wrong::{WRONG, WRONG_IN_DESK, WRONG_RECORDS};

fn faults(text: &str) -> Vec<(String, String)> {
    let faults = Directory::parse(text).err().unwrap_or_default();
    faults.into_iter().map(|it| (it.path, it.problem)).collect()
}

fn names(route: Option<Vec<AgencyId>>) -> Option<Vec<String>> {
    route.map(|it| it.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_written_is_read() {
    let draft = draft();
    let text = to_toml(&draft);
    let directory = Directory::parse(&text).unwrap();
    assert_eq!(directory.draft(), draft);
    assert_eq!(to_toml(&directory.draft()), text);
    assert_eq!(directory.hash(), Digest::of(text.as_bytes()));
    assert_eq!((directory.network().to_string(), directory.version()), ("demo".to_owned(), 3));
    assert_eq!(directory.agencies().count(), 4);
}

#[test]
fn office_hours_are_written_in_one_form_and_read_back() {
    let mut draft = draft();
    let openings = ["mon-thu 08:00-18:00", "fri 08:00-14:00"];
    let hours = office("Europe/Malta", &openings, &["2026-12-25", "2027-01-01"]);
    draft.agencies[1].contact_points[0].hours = Hours::Office(hours);
    draft.agencies[2].contact_points[0].hours = Hours::Office(OfficeHours::default());
    let text = to_toml(&draft);
    let written = "hours = \"office\"\nzone = \"Europe/Malta\"\n\
                   open = [\"mon-thu 08:00-18:00\", \"fri 08:00-14:00\"]\n\
                   holidays = [\"2026-12-25\", \"2027-01-01\"]\n";
    assert_eq!(text.matches(written).count(), 1, "{text}");
    assert_eq!(text.matches("open =").count(), 1, "the usual hours are left out");
    let directory = Directory::parse(&text).unwrap();
    assert_eq!(directory.draft(), draft);
    let said = text.replace(written, "hours = \"office\"\nopen = [\"mon-fri 09:00-17:00\"]\n");
    let directory = Directory::parse(&said).unwrap();
    let desk = directory.contact_point(&"ita.coast-guard/desk".parse().unwrap()).unwrap();
    assert_eq!(desk.hours, Hours::Office(OfficeHours::default()));
}

#[test]
fn all_faults_of_office_hours_are_told_at_once() {
    let good = to_toml(&draft());
    let (head, tail) = good.split_once("id = \"pan.flag/desk\"").unwrap();
    let many: Vec<_> =
        (1..=65).map(|day| format!("\"2026-{:02}-{:02}\"", 1 + day / 28, 1 + day % 28)).collect();
    let told = |hours: &str| {
        let tail = tail.replacen("zone = \"Europe/Rome\"", hours, 1);
        let faults = faults(&format!("{head}id = \"pan.flag/desk\"{tail}"));
        let short = |path: String| path.replace("agency[2].contact_point[0].", "");
        faults.into_iter().map(|(path, problem)| format!("{}: {problem}", short(path))).collect()
    };
    let told: [Vec<String>; 2] = [
        told(
            "zone = \"Europe/Roma\"\n\
             open = [\"mon-wed 09:00-17:00\", \"daily\", \"wed 16:59-18:00\", \"wed 18:00-19:00\"]\n\
             holidays = [\"2026-12-25\", \"2026-02-29\", \"2026-12-25\", 2027-01-01, \"20270101\"]",
        ),
        told(&format!("open = []\nholidays = [{}]", many.join(", "))),
    ];
    assert_eq!(
        told[0],
        [
            "open[1]: must be days and times such as mon-fri 09:00-17:00 or sat 09:00-24:00, \
             the earlier one first",
            "holidays[1]: must be a day such as 2026-12-25",
            "holidays[3]: must be a string, is a date or time",
            "holidays[4]: must be a day such as 2026-12-25",
            "zone: must be an IANA time zone that this program knows, such as Europe/Rome",
            "open[2]: opens while an opening above is open already",
            "holidays[2]: holidays stand in ascending order, none twice",
        ]
    );
    assert_eq!(
        told[1],
        [
            "holidays: has 65 elements, more than 64",
            "open: needs at least one opening; leave it out for mon-fri 09:00-17:00",
        ]
    );
}

#[test]
fn a_directory_can_be_asked() {
    let directory = Directory::parse(&to_toml(&draft())).unwrap();
    let (guard, hub, flag) = (id("ita.coast-guard"), id("int.hub"), id("pan.flag"));
    let current = directory.current_journal(&guard).unwrap();
    assert_eq!(current.name.volume(), 3);
    let retired = directory.journal(&JournalName::new(guard.clone(), 1)).unwrap();
    assert_eq!(retired.retired_at_size, Some(42));
    assert_eq!(directory.journal(&JournalName::new(guard.clone(), 2)), None);
    assert_eq!(directory.current_journal(&id("per.registry")), None);
    let desk = directory.contact_point(&"pan.flag/desk".parse().unwrap()).unwrap();
    assert!(desk.has(Function::CentralAuthority) && !desk.has(Function::Fiu));
    assert_eq!(directory.contact_point(&"pan.flag/other".parse().unwrap()), None);
    assert_eq!(directory.neighbours(&hub), [guard.clone(), flag.clone()]);

    let route = |from: &AgencyId, to: &AgencyId, channel| names(directory.route(from, to, channel));
    let way = Some(vec!["int.hub".to_owned(), "pan.flag".to_owned()]);
    assert_eq!(route(&guard, &flag, Channel::Sea), way);
    assert_eq!(route(&guard, &flag, Channel::Assistance), None, "the link carries it not");
    assert_eq!(route(&guard, &id("per.registry"), Channel::Sea), None, "it has no node");
    assert_eq!(route(&id("per.registry"), &guard, Channel::Sea), None, "it has no node");
    assert_eq!(route(&guard, &guard, Channel::Sea), None);
    assert_eq!(route(&guard, &id("xyz.unknown"), Channel::Sea), None);
    assert_eq!(directory.next_hop(&guard, &flag, Channel::Police), Some(hub));
}

#[test]
fn only_transits_stand_in_the_middle_and_a_reviewing_one_reads() {
    let mut draft = draft();
    let middle = |draft: &DirectoryDraft| {
        let directory = Directory::parse(&to_toml(draft)).unwrap();
        let (from, to) = (id("ita.coast-guard"), id("pan.flag"));
        assert_eq!(
            names(directory.route(&from, &id("int.hub"), Channel::Sea)).unwrap(),
            ["int.hub"]
        );
        let ways = directory.routes(&from, &to, Channel::Sea);
        ways.into_iter().map(|it| names(Some(it.readers)).unwrap()).next()
    };
    assert_eq!(middle(&draft).unwrap(), [""; 0]);
    draft.agencies[0].transit = Some(Transit::Reviewing);
    assert_eq!(middle(&draft).unwrap(), ["int.hub"]);
    draft.agencies[0].transit = None;
    assert_eq!(middle(&draft), None);
}

#[test]
fn each_wrong_line_gives_its_fault() {
    let good = to_toml(&draft());
    for (from, to, path, problem) in WRONG.iter().copied() {
        assert_eq!(good.matches(from).count(), 1, "{from}");
        assert_eq!(
            faults(&good.replace(from, to)),
            [(path.to_owned(), problem.to_owned())],
            "{to}"
        );
    }
    let one_desk = |from: &str, to: &str| {
        let (head, tail) = good.split_once("id = \"ita.coast-guard/desk\"").unwrap();
        format!("{head}id = \"ita.coast-guard/desk\"{}", tail.replacen(from, to, 1))
    };
    for (from, to, field, problem) in WRONG_IN_DESK.iter().copied() {
        let told = faults(&one_desk(from, to));
        assert_eq!(
            told,
            [(format!("agency[1].contact_point[0].{field}"), problem.to_owned())],
            "{to}"
        );
    }
}

#[test]
fn keys_certificates_and_completeness_are_checked() {
    for (change, path, problem) in WRONG_RECORDS.iter().copied() {
        let mut changed = draft();
        change(&mut changed);
        let told = faults(&to_toml(&changed));
        assert!(
            told.iter().any(|it| it.0 == path && it.1.starts_with(problem)),
            "{path} {problem}: {told:?}"
        );
    }
    let good = to_toml(&draft());
    let (head, tail) = good.split_once("-----END CERTIFICATE-----").unwrap();
    let told = faults(&format!("{head}-----END CERT-----{tail}"));
    assert!(told.iter().all(|it| it.0 == "agency[0].roots") && !told.is_empty(), "{told:?}");
}

#[test]
fn all_faults_are_told_at_once() {
    let text = r#"
network = "Demo"
version = "1"
[[agency]]
id = "ita"
[[agency]]
id = "fra.police"
country = "FRA"
[[agency.contact_point]]
id = "fra.police/one"
functions = ["captain", 3]
[[link]]
a = "fra.police"
b = "fra.police"
"#;
    let told = Directory::parse(text).unwrap_err();
    let lines: Vec<_> = told.iter().map(|it| (it.place.unwrap().line, it.path.as_str())).collect();
    assert_eq!(
        lines,
        [
            (2, "network"),
            (3, "version"),
            (4, "agency[0].contact_point"),
            (5, "agency[0].id"),
            (9, "agency[1].contact_point[0].name"),
            (9, "agency[1].contact_point[0].languages"),
            (9, "agency[1].contact_point[0].hours"),
            (11, "agency[1].contact_point[0].functions[0]"),
            (11, "agency[1].contact_point[0].functions[1]"),
            (12, "link[0]"),
        ]
    );
}

#[test]
fn hostile_texts_are_refused_without_harm() {
    let good = to_toml(&draft());
    for cut in (0..good.len()).step_by(97).filter(|cut| good.is_char_boundary(*cut)) {
        drop(Directory::parse(good.get(..cut).unwrap()));
    }
    for seed in 0..400 {
        let noise = key(seed, 300);
        drop(Directory::parse(&String::from_utf8_lossy(&noise)));
        let mut bytes = good.clone().into_bytes();
        for pair in noise.chunks(30) {
            let at = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            let at = at % bytes.len();
            bytes[at] = pair[2] & 0x7f;
        }
        drop(Directory::parse(&String::from_utf8_lossy(&bytes)));
    }
    for (part, times) in
        [("[", 100_000), ("a.", 100_000), ("a={", 100_000), ("[[agency]]\n", 9_000)]
    {
        assert!(Directory::parse(&part.repeat(times)).is_err(), "{part}");
    }
    let long = " ".repeat(DIRECTORY_BYTES_MAX + 1);
    let told = faults(&long);
    assert_eq!(told.len(), 1);
    assert!(told[0].1.starts_with("the text has 8388609 bytes"), "{told:?}");
}
