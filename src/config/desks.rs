//! The file of who may do what at which desk of the agency: text to [`DeskPolicy`], or every fault at
//! once with line and field. `config/desks.toml` explains each key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::directory::strict::{self, Fault, Spot, Table};
use crate::domain::acts::Act;
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::kinds::KindCode;
use crate::identity::desks::{DeskPolicy, DeskRights, FourEyes, Keeping, Right, Rules, Who};
use crate::identity::principal::{Principal, Role};
use crate::identity::spiffe::{self, SCHEME};

/// Largest file, in bytes.
pub const DESKS_BYTES_MAX: usize = 256 * 1024;
/// Most desks that a file names.
pub const DESKS_MAX: usize = 1_000;
/// Most lines about four eyes.
pub const FOUR_EYES_MAX: usize = 200;
/// Most names in one list.
pub const NAMES_MAX: usize = 200;
/// Longest wait of a draft for its approval, in hours: 30 days.
pub const WITHIN_HOURS_MAX: u64 = 720;
/// The wait of a draft whose line does not say, in hours.
pub const WITHIN_HOURS_DEFAULT: u64 = 24;
/// The format that this program reads.
const FORMAT: u64 = 1;
const HOUR_MS: i64 = 3_600_000;

const ROOT: &[&str] = &["format", "desk", "keeping", "four_eyes"];
const DESK: &[&str] = &["id", "answer", "claim", "read", "release", "review", "send"];
const KEEPING: &[&str] = &["audit", "erase", "hold"];
const FOUR_EYES: &[&str] = &["desks", "kinds", "acts", "within_hours"];

/// Why a policy could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DesksError {
    /// The file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is read and wrong.
    #[error("{} has {} faults:{}", path.display(), faults.len(), listed(faults))]
    Faulty {
        /// Which file.
        path: PathBuf,
        /// All of them.
        faults: Vec<Fault>,
    },
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

/// Reads the policy of `agency` from a file; without one there is none.
///
/// # Errors
/// [`DesksError`], with every fault at once.
pub fn load(path: Option<&Path>, agency: &AgencyId) -> Result<DeskPolicy, DesksError> {
    let Some(path) = path else {
        return Ok(DeskPolicy::default());
    };
    let unreadable = |source| DesksError::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > DESKS_BYTES_MAX as u64 {
        let problem = format!("the text has {size} bytes, more than {DESKS_BYTES_MAX}");
        let faults = vec![Fault::of_text(problem)];
        return Err(DesksError::Faulty { path: path.to_owned(), faults });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    read(&text, agency).map_err(|faults| DesksError::Faulty { path: path.to_owned(), faults })
}

/// Reads the policy of `agency` from a text.
///
/// # Errors
/// Every fault at once, with its line and field.
pub fn read(text: &str, agency: &AgencyId) -> Result<DeskPolicy, Vec<Fault>> {
    strict::read(text, DESKS_BYTES_MAX, ROOT, |root| {
        root.require(&["format"]);
        root.integer("format", FORMAT..=FORMAT);
        let mut rules = Rules::default();
        for table in root.tables("desk", DESK, DESKS_MAX) {
            if let Some((id, rights)) = desk(&table, agency) {
                rules.desks.insert(id, rights);
            }
        }
        if let Some(table) = root.table("keeping", KEEPING) {
            rules.keeping = keeping(&table, agency);
        }
        for table in root.tables("four_eyes", FOUR_EYES, FOUR_EYES_MAX) {
            let line = four_eyes(&table, agency);
            somebody_approves(&table, &line, &rules.desks);
            rules.four_eyes.push(line);
        }
        Some(DeskPolicy::from(rules))
    })
}

fn desk(table: &Table<'_>, agency: &AgencyId) -> Option<(ContactPointId, DeskRights)> {
    table.require(&["id"]);
    let id = table.spot("id").and_then(|spot| {
        let id = own_desk(&spot, agency)?;
        table.notes.claim("desk", id.to_string().as_bytes(), &spot);
        Some(id)
    });
    let rights: DeskRights = Right::ALL
        .into_iter()
        .map(|right| {
            let roles: &[Role] = match right {
                // A second pair of eyes is a person's, and so is the word of a central authority.
                Right::Release | Right::Review => &[Role::Officer],
                Right::Answer | Right::Claim | Right::Read | Right::Send => {
                    &[Role::Officer, Role::Service]
                }
            };
            (right, who(table, right.as_str(), agency, roles))
        })
        .collect();
    let readers = rights.get(&Right::Read).map(Vec::as_slice).unwrap_or_default();
    for right in [Right::Answer, Right::Claim, Right::Review] {
        let blind = rights.get(&right).into_iter().flatten();
        if blind.clone().any(|it| !readers.iter().any(|reader| reader.covers(it))) {
            let text = format!("whoever may {right} must stand in read too");
            table.fault_at(right.as_str(), text);
        }
    }
    Some((id?, rights))
}

fn own_desk(spot: &Spot<'_>, agency: &AgencyId) -> Option<ContactPointId> {
    let id: ContactPointId = spot.parsed()?;
    if id.agency() != agency {
        spot.fault(format!("must be a contact point of {agency}"));
        return None;
    }
    Some(id)
}

fn keeping(table: &Table<'_>, agency: &AgencyId) -> BTreeMap<Keeping, Vec<Who>> {
    let read = |it: Keeping| (it, who(table, it.as_str(), agency, &[Role::Officer]));
    Keeping::ALL.into_iter().map(read).collect()
}

/// The names of a list: a role, a role and a post, or a whole SPIFFE id of the agency.
fn who(table: &Table<'_>, key: &'static str, agency: &AgencyId, roles: &[Role]) -> Vec<Who> {
    let mut found: Vec<Who> = Vec::new();
    for spot in table.elements(key, NAMES_MAX) {
        let Some(text) = spot.text() else { continue };
        let known = match named(text, agency) {
            Ok(known) if roles.contains(&known.role) => known,
            Ok(known) => {
                spot.fault(format!("the role {} can't be given this", known.role));
                continue;
            }
            Err(problem) => {
                spot.fault(problem);
                continue;
            }
        };
        if found.contains(&known) {
            spot.fault("stands twice");
        }
        found.push(known);
    }
    found
}

fn named(text: &str, agency: &AgencyId) -> Result<Who, String> {
    if text.starts_with(SCHEME) {
        let id = Principal::parse_spiffe(text).map_err(|it| it.to_string())?;
        if id.agency != *agency {
            return Err(format!("must be of {agency}"));
        }
        return Ok(Who { role: id.role, name: Some(id.name) });
    }
    let (role, name) = match text.split_once('/') {
        Some((role, name)) => (role, Some(name)),
        None => (text, None),
    };
    let form = "must be a role, a role and a post such as officer/duty-1, or a SPIFFE id";
    let role = Role::from_word(role).ok_or_else(|| form.to_owned())?;
    if let Some(name) = name {
        spiffe::check_name(name).map_err(|it| it.to_string())?;
    }
    Ok(Who { role, name: name.map(str::to_owned) })
}

fn four_eyes(table: &Table<'_>, agency: &AgencyId) -> FourEyes {
    let within = table.integer("within_hours", 1..=WITHIN_HOURS_MAX);
    let within = i64::try_from(within.unwrap_or(WITHIN_HOURS_DEFAULT)).unwrap_or(i64::MAX);
    let listed = |key, max| {
        let found = table.elements(key, max);
        if table.has(key) && found.is_empty() {
            table.fault_at(key, "is empty; leave it out to mean all");
        }
        found
    };
    let (desks, kinds) = (listed("desks", DESKS_MAX), listed("kinds", NAMES_MAX));
    let acts = listed("acts", Act::ALL.len());
    FourEyes {
        desks: desks.iter().filter_map(|it| own_desk(it, agency)).collect(),
        kinds: kinds.iter().flat_map(of_pattern).collect(),
        acts: acts.iter().filter_map(act).collect(),
        within_ms: within.saturating_mul(HOUR_MS),
    }
}

fn act(spot: &Spot<'_>) -> Option<Act> {
    let text = spot.text()?;
    let found = Act::ALL.into_iter().find(|it| it.as_str() == text);
    if found.is_none() {
        spot.fault("is no act of the closed list");
    }
    found
}

/// A code of the catalogue, or all codes that begin as a pattern does before its `*`.
fn of_pattern(spot: &Spot<'_>) -> Vec<KindCode> {
    let Some(text) = spot.text() else {
        return Vec::new();
    };
    let found: Vec<KindCode> = match text.strip_suffix(".*") {
        Some(start) => {
            let begins = |it: &KindCode| {
                it.as_str().strip_prefix(start).is_some_and(|rest| rest.starts_with('.'))
            };
            KindCode::all().filter(begins).collect()
        }
        None => KindCode::all().filter(|it| it.as_str() == text).collect(),
    };
    if found.is_empty() {
        spot.fault("is no kind of the catalogue, nor the beginning of one followed by .*");
    }
    found
}

/// Where something can be drafted that waits for a second pair of eyes, somebody has it.
fn somebody_approves(
    table: &Table<'_>,
    line: &FourEyes,
    desks: &BTreeMap<ContactPointId, DeskRights>,
) {
    let has = |rights: &DeskRights, right| rights.get(&right).is_some_and(|it| !it.is_empty());
    let meant = |id: &ContactPointId| line.desks.is_empty() || line.desks.contains(id);
    for (id, rights) in desks.iter().filter(|(id, _)| meant(id)) {
        let drafts = has(rights, Right::Send) || has(rights, Right::Answer);
        if drafts && !has(rights, Right::Release) {
            table.fault(format!("nobody may release at {id}"));
        }
    }
    for id in line.desks.iter().filter(|it| !desks.contains_key(it)) {
        table.fault_at("desks", format!("{id} is no desk of this file"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = include_str!("../../config/desks.toml");

    fn agency() -> AgencyId {
        "ita.coast-guard".parse().unwrap()
    }

    fn faults(text: &str) -> Vec<String> {
        let found = read(text, &agency()).err().unwrap_or_default();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_reference_is_read_and_shows_every_key() {
        let policy = read(REFERENCE, &agency()).unwrap();
        let rules = policy.rules().unwrap();
        assert_eq!(rules.desks.len(), 2);
        let desk: ContactPointId = "ita.coast-guard/operations-centre".parse().unwrap();
        let of = |name: &str| Principal::new(agency(), Role::Officer, name).unwrap();
        assert!(policy.allows(&of("duty-1"), Right::Send, &desk));
        assert!(!policy.allows(&of("duty-1"), Right::Release, &desk));
        assert!(policy.allows(&of("head-of-watch"), Right::Release, &desk));
        assert!(policy.keeps(&of("records"), Keeping::Erase));
        let vessel: KindCode = "SOM.8.2.VESSEL".parse().unwrap();
        assert_eq!(policy.four_eyes(&desk, vessel, Act::Request), Some(4 * HOUR_MS));
        assert_eq!(policy.four_eyes(&desk, vessel, Act::ProgressReport), None);
        let extradition = KindCode::all().find(|it| it.as_str().starts_with("UNTOC.16."));
        assert_eq!(policy.four_eyes(&desk, extradition.unwrap(), Act::Result), Some(24 * HOUR_MS));
        for (section, keys) in [("desk", DESK), ("keeping", KEEPING), ("four_eyes", FOUR_EYES)] {
            for key in keys {
                let shown = REFERENCE.lines().any(|it| it.starts_with(&format!("{key} = ")));
                assert!(shown, "{section}.{key} is not shown");
            }
        }
    }

    #[test]
    fn without_a_file_there_is_no_policy_and_a_missing_one_is_told() {
        assert_eq!(load(None, &agency()).unwrap(), DeskPolicy::default());
        let error = load(Some(Path::new("/nowhere/desks.toml")), &agency()).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/desks.toml: "), "{error}");
    }

    #[test]
    fn each_wrong_line_is_told_with_its_place_and_field() {
        let night = "[[desk]]\nid = \"ita.coast-guard/night\"\n";
        let wrong = |lines: &str| faults(&format!("format = 1\n{night}{lines}"));
        let form = "must be a role, a role and a post such as officer/duty-1, or a SPIFFE id";
        let cases: &[(&str, String)] = &[
            ("read = [\"captain\"]", format!("line 4, column 9: desk[0].read[0]: {form}")),
            ("read = [\"Officer\"]", format!("line 4, column 9: desk[0].read[0]: {form}")),
            ("read = \"officer\"", "desk[0].read: must be an array, is a string".to_owned()),
            ("read = [7]", "desk[0].read[0]: must be a string, is an integer".to_owned()),
            (
                "read = [\"auditor\"]",
                "desk[0].read[0]: the role auditor can't be given this".to_owned(),
            ),
            (
                "release = [\"service\"]",
                "desk[0].release[0]: the role service can't be given this".to_owned(),
            ),
            (
                "read = [\"officer/../x\"]",
                "desk[0].read[0]: the id's name is not 1 to 63 of a-z, 0-9 and inner hyphens"
                    .to_owned(),
            ),
            (
                "read = [\"spiffe://pan.maritime-authority/officer/x\"]",
                "desk[0].read[0]: must be of ita.coast-guard".to_owned(),
            ),
            (
                "read = [\"spiffe://ita.coast-guard/officer/x?y\"]",
                "desk[0].read[0]: the id has the character '?', which no id has".to_owned(),
            ),
            ("read = [\"officer\", \"officer\"]", "desk[0].read[1]: stands twice".to_owned()),
            ("claim = [\"officer\"]", "whoever may claim must stand in read too".to_owned()),
            (
                "read = [\"officer/a\"]\nanswer = [\"officer\"]",
                "whoever may answer must stand in read too".to_owned(),
            ),
            ("write = []", "line 4, column 1: desk[0].write: unknown key".to_owned()),
            (
                "[[desk]]\nid = \"ita.coast-guard/night\"",
                "desk[1].id: this desk stands already at desk[0].id".to_owned(),
            ),
            (
                "[[desk]]\nid = \"pan.maritime-authority/x\"",
                "desk[1].id: must be a contact point of ita.coast-guard".to_owned(),
            ),
            ("[[desk]]", "desk[1].id: is missing".to_owned()),
            ("[keeping]\nerase = [\"service\"]", "the role service can't be given".to_owned()),
            ("[[four_eyes]]\nkinds = [\"SOM.8.2\"]", "is no kind of the catalogue".to_owned()),
            ("[[four_eyes]]\nkinds = [\"*\"]", "is no kind of the catalogue".to_owned()),
            ("[[four_eyes]]\nkinds = []", "is empty; leave it out to mean all".to_owned()),
            ("[[four_eyes]]\nacts = [\"asking\"]", "is no act of the closed list".to_owned()),
            ("[[four_eyes]]\nwithin_hours = 0", "must be 1 to 720".to_owned()),
            ("[[four_eyes]]\nwithin_hours = 721", "must be 1 to 720".to_owned()),
            (
                "send = [\"officer\"]\n[[four_eyes]]",
                "four_eyes[0]: nobody may release at ita.coast-guard/night".to_owned(),
            ),
            (
                "[[four_eyes]]\ndesks = [\"ita.coast-guard/day\"]",
                "ita.coast-guard/day is no desk of this file".to_owned(),
            ),
        ];
        for (lines, expected) in cases {
            let found = wrong(lines);
            assert_eq!(found.len(), 1, "{lines}: {found:?}");
            assert!(found[0].contains(expected.as_str()), "{lines}: {found:?}");
        }
        assert_eq!(faults(""), ["line 1, column 1: format: is missing"]);
        assert_eq!(faults("format = 2"), ["line 1, column 10: format: must be 1 to 1"]);
    }

    #[test]
    fn hostile_texts_are_faults_and_nothing_else() {
        let long = "#".repeat(DESKS_BYTES_MAX + 1);
        assert!(faults(&long)[0].contains("more than 262144"));
        for text in ["\0", "[[[[", "format = 1\n[desk]\nid = 1", "format = 1\nkeeping = 3"] {
            assert!(!faults(text).is_empty(), "{text:?}");
        }
        let deep = format!("format = {}1{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(!faults(&deep).is_empty());
        let names: Vec<String> = (0..=NAMES_MAX).map(|it| format!("\"officer/p{it}\"")).collect();
        let desk = "[[desk]]\nid = \"ita.coast-guard/night\"";
        let many = format!("format = 1\n{desk}\nread = [{}]", names.join(","));
        assert!(faults(&many)[0].contains("has 201 elements, more than 200"));
        let most = format!("format = 1\n{desk}\nread = [{}]", names[1..].join(","));
        assert_eq!(faults(&most), Vec::<String>::new());
        // What somebody wrote is never said again but for keys of the form.
        let secret = "format = 1\n[[desk]]\nid = \"Mario Rossi\"\nread = [\"Mario Rossi\"]";
        assert!(faults(secret).iter().all(|it| !it.contains("Rossi")), "{:?}", faults(secret));
    }
}
