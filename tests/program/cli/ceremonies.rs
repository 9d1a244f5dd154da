//! How a signed directory begins, grows and is defended, as the people do it who hold its keys.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::{code, err, folder, out, run, text, write};

/// A home with keys, and a directory in it.
struct Ceremony {
    home: tempfile::TempDir,
}

const AUTHORITIES: [&str; 3] = ["ita.ministry", "pan.ministry", "int.secretariat"];

/// The record of an agency that runs no node.
const RECORD: &str = "# the desk moves in May\nid = \"per.registry\"\ncountry = \"PER\"\n\n\
    [[contact_point]]\nid = \"per.registry/desk\"\nname = \"Desk\"\nfunctions = [\"fiu\"]\n\
    languages = [\"es\"]\nhours = \"24/7\"\n";

impl Ceremony {
    /// Three authorities, two of which must sign, and an empty first roll.
    fn begun() -> Self {
        let ceremony = Self { home: folder() };
        for name in AUTHORITIES.iter().chain(&["per.registry/record", "a.stranger"]) {
            ceremony.key(name);
        }
        let mut words = vec!["init", "net", "--network", "mla"];
        let files = AUTHORITIES.map(|it| format!("{it}.key.pub"));
        for file in &files {
            words.extend(["--authority", file]);
        }
        ceremony.done(&words);
        ceremony
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        let path = self.file(&format!("{}.key", name.replace('/', "-")));
        let done = run(self.home.path(), &["keys", "directory", name, text(&path)]);
        assert_eq!(code(&done), 0, "{}", err(&done));
        path
    }

    /// `directory` with files of the home: a word that names one, or would, is made its path.
    fn directory(&self, words: &[&str]) -> (i32, String, Value) {
        let is_file = |it: &&str| {
            [".pub", ".key", ".toml", ".note"].iter().any(|end| it.ends_with(end))
                || it.starts_with("net")
        };
        let words: Vec<String> = words
            .iter()
            .map(|it| if is_file(it) { text(&self.file(it)).to_owned() } else { (*it).to_owned() })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = run(self.home.path(), &[&["-o", "json", "directory"], &words[..]].concat());
        let json = serde_json::from_str(&out(&done)).unwrap_or_default();
        (code(&done), err(&done), json)
    }

    /// One that must end well.
    fn done(&self, words: &[&str]) -> Value {
        let (code, err, json) = self.directory(words);
        assert_eq!(code, 0, "{words:?}: {err}");
        json
    }

    /// One that must not; what a program is told.
    fn refused(&self, wanted: i32, words: &[&str]) -> Value {
        let (code, err, _) = self.directory(words);
        assert_eq!(code, wanted, "{words:?}: {err}");
        serde_json::from_str(&err).unwrap_or_else(|_| panic!("JSON: {err}"))
    }

    fn sign(&self, text: &str, names: &[&str]) {
        for name in names {
            self.done(&["sign", text, "--key", &format!("{name}.key")]);
        }
    }

    /// The first roll signed and in force.
    fn open() -> Self {
        let ceremony = Self::begun();
        ceremony.sign("net/proposed/roll-1.toml", &AUTHORITIES[..2]);
        ceremony.done(&["adopt", "net", "net/proposed/roll-1.note"]);
        ceremony
    }

    /// With one agency on the roll, and its record.
    fn joined() -> Self {
        let ceremony = Self::open();
        ceremony.done(&["propose", "net", "--join", "per.registry-record.key.pub"]);
        ceremony.sign("net/proposed/roll-2.toml", &AUTHORITIES[1..]);
        ceremony.done(&["adopt", "net", "net/proposed/roll-2.note"]);
        write(&ceremony.file("own.toml"), RECORD);
        ceremony.done(&["propose", "net", "--record", "per.registry", "--from", "own.toml"]);
        ceremony.sign("net/proposed/per.registry-1.toml", &["per.registry-record"]);
        ceremony.done(&["adopt", "net", "net/proposed/per.registry-1.note"]);
        ceremony
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

#[test]
fn a_directory_begins_with_two_of_three_and_an_agency_joins() {
    let ceremony = Ceremony::begun();
    let (roll, note) = ("net/proposed/roll-1.toml", "net/proposed/roll-1.note");
    ceremony.sign(roll, &AUTHORITIES[..1]);
    ceremony.sign(note, &AUTHORITIES[..1]);
    let told = ceremony.refused(7, &["verify", "net", note]);
    assert_eq!((&told["reason"], &told["signatures"]["needed"]), (&"too_few".into(), &2.into()));
    assert_eq!(told["signatures"]["signed_by"], serde_json::json!(["ita.ministry"]));
    ceremony.sign(note, &AUTHORITIES[2..]);
    assert_eq!(ceremony.done(&["verify", "net", note])["holds"], true);
    let adopted = ceremony.done(&["adopt", "net", note]);
    assert_eq!((&adopted["newer"], &adopted["roll"]), (&true.into(), &1.into()));
}

#[test]
fn what_is_in_force_is_shown_checked_and_resolved_offline() {
    let ceremony = Ceremony::joined();
    let verdict = ceremony.done(&["verify", "net"]);
    assert_eq!((&verdict["roll"], &verdict["records"]), (&2.into(), &1.into()));
    assert_eq!(verdict["signed_by"], serde_json::json!(["pan.ministry", "int.secretariat"]));
    let net = ceremony.file("net");
    let shown = run(
        ceremony.home.path(),
        &["--directory", text(&net), "directory", "show", "per.registry"],
    );
    assert!(out(&shown).contains("per.registry/desk"), "{}", out(&shown));
    let checked = ceremony.done(&["check", "net"]);
    assert_eq!((&checked["version"], &checked["complaints"]), (&3.into(), &serde_json::json!([])));
    let kept = read(&ceremony.file("net/records/per.registry.note"));
    assert!(kept.contains("# the desk moves in May\n"), "what people wrote stays: {kept}");
}

#[test]
fn too_few_strangers_and_texts_that_were_changed_are_refused() {
    let ceremony = Ceremony::joined();
    ceremony.done(&["propose", "net", "--suspend", "per.registry"]);
    let (roll, note) = ("net/proposed/roll-3.toml", "net/proposed/roll-3.note");
    let changes = ceremony.done(&["diff", "net", roll]);
    let changes: Vec<&str> = changes["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .filter_map(|it| it["line"].as_str())
        .filter(|it| it.starts_with("status") || it.starts_with("version"))
        .collect();
    assert_eq!(
        changes,
        ["version = 2", "version = 3", "status = \"active\"", "status = \"suspended\""]
    );
    ceremony.sign(roll, &["a.stranger"]);
    let told = ceremony.refused(7, &["verify", "net", note]);
    assert_eq!(told["reason"], "stranger");
    ceremony.sign(roll, &["ita.ministry", "ita.ministry"]);
    let told = ceremony.refused(6, &["adopt", "net", note]);
    assert_eq!(told["reason"], "too_few");
    ceremony.sign(note, &["pan.ministry"]);
    let good = read(&ceremony.file(note));
    write(&ceremony.file(note), &good.replace("suspended", "left"));
    assert_eq!(ceremony.refused(6, &["adopt", "net", note])["reason"], "wrong_signature");
    let mixed = ceremony.refused(6, &["sign", roll, "--key", "int.secretariat.key"]);
    assert!(mixed["error"].as_str().is_some_and(|it| it.contains("holds another text")), "{mixed}");
    write(&ceremony.file(note), &good);
    ceremony.done(&["adopt", "net", note]);
    let again = ceremony.done(&["adopt", "net", note]);
    assert_eq!(again["newer"], false);
    let old = ceremony.refused(6, &["adopt", "net", "net/rolls/000001.note"]);
    assert_eq!(old["reason"], "rollback");
}

#[test]
fn a_fork_is_refused_and_kept_as_evidence() {
    let ceremony = Ceremony::joined();
    for (name, change) in [("ours", "--suspend"), ("theirs", "--leave")] {
        ceremony.done(&["propose", "net", change, "per.registry"]);
        ceremony.sign("net/proposed/roll-3.toml", &AUTHORITIES[..2]);
        for ending in ["toml", "note"] {
            let from = ceremony.file(&format!("net/proposed/roll-3.{ending}"));
            let to = ceremony.file(&format!("{name}.{ending}"));
            std::fs::copy(&from, to).expect("a copy");
            std::fs::remove_file(from).expect("it goes");
        }
    }
    ceremony.done(&["adopt", "net", "ours.note"]);
    let before = ceremony.done(&["verify", "net"]);
    assert_eq!(ceremony.refused(6, &["adopt", "net", "theirs.note"])["reason"], "fork");
    assert_eq!(ceremony.done(&["verify", "net"]), before, "nothing changed");
    let evidence: Vec<_> = std::fs::read_dir(ceremony.file("net/evidence"))
        .expect("there is evidence")
        .map(|it| it.expect("an entry").path())
        .collect();
    assert_eq!(evidence.len(), 1);
    assert_eq!(read(&evidence[0]), read(&ceremony.file("theirs.note")));
    assert_eq!(read(&ceremony.file("net/rolls/000003.note")), read(&ceremony.file("ours.note")));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what is moved need not outlast the test")]
fn another_folder_takes_over_all_that_is_newer_of_its_own_network_only() {
    let ceremony = Ceremony::joined();
    let genesis = ceremony.done(&["verify", "net"])["genesis"].as_str().expect("a hash").to_owned();
    let told = ceremony.refused(2, &["adopt", "net-copy", "net"]);
    assert!(told["error"].as_str().is_some_and(|it| it.contains("--genesis HASH")), "{told}");
    let wrong = genesis.replace(|_: char| true, "0");
    ceremony.refused(6, &["adopt", "net-copy", "net", "--genesis", &wrong]);
    assert!(!ceremony.file("net-copy").exists(), "nothing is begun");
    ceremony.done(&["adopt", "net-copy", "net", "--genesis", &genesis]);
    let verdict = ceremony.done(&["verify", "net-copy", "--genesis", &genesis]);
    assert_eq!(verdict, ceremony.done(&["verify", "net"]));
    let other = Ceremony::joined();
    std::fs::rename(other.file("net"), ceremony.file("net-other")).expect("it is moved");
    ceremony.refused(6, &["adopt", "net-copy", "net-other"]);
    assert_eq!(ceremony.done(&["verify", "net-copy"]), verdict);
}

#[test]
fn damage_to_any_file_of_a_directory_is_named() {
    let ceremony = Ceremony::joined();
    let damaged = |name: &str, before: &str, after: &str| {
        let path = ceremony.file(name);
        let good = read(&path);
        assert!(good.contains(before), "{name}");
        write(&path, &good.replacen(before, after, 1));
        let told = ceremony.refused(7, &["verify", "net"]);
        write(&path, &good);
        told["error"].as_str().expect("a sentence").to_owned()
    };
    let told = damaged("net/rolls/000002.note", "active", "left");
    assert!(told.ends_with("000002.note: the signature of pan.ministry is wrong"), "{told}");
    let told = damaged("net/records/per.registry.note", "Desk", "Dusk");
    let wanted = "per.registry.note: the signature of per.registry/record is wrong";
    assert!(told.ends_with(wanted), "{told}");
    let told = damaged("net/genesis.toml", "mla", "mlb");
    assert!(told.contains("000001.note: it is of another network"), "{told}");
    let told = damaged("net/rolls/000001.note", "threshold = 2", "threshold = ");
    assert!(told.contains("000001.note: its text has 1 faults:\n  line 5"), "{told}");
    ceremony.done(&["verify", "net"]);
}

#[test]
fn what_is_proposed_wrongly_is_told_and_nothing_is_written() {
    let ceremony = Ceremony::joined();
    let count = || std::fs::read_dir(ceremony.file("net/proposed")).expect("a folder").count();
    let before = count();
    let join = ["propose", "net", "--join", "per.registry-record.key.pub"];
    ceremony.refused(6, &join);
    ceremony.refused(5, &["propose", "net", "--suspend", "fra.police"]);
    let none = ceremony.refused(6, &["propose", "net", "--threshold", "1"]);
    assert_eq!(none["faults"][0]["path"], "threshold");
    write(&ceremony.file("own.toml"), &RECORD.replace("fiu", "fio"));
    let told =
        ceremony.refused(6, &["propose", "net", "--record", "per.registry", "--from", "own.toml"]);
    assert_eq!(told["faults"][0]["path"], "contact_point[0].functions[0]");
    assert_eq!(told["faults"][0]["line"], 11, "{told}");
    assert_eq!(count(), before);
    let one = ["init", "net-one", "--network", "mla", "--authority", "ita.ministry.key.pub"];
    ceremony.refused(6, &one);
    ceremony.done(&[&one[..], &["--threshold", "1", "--demo"]].concat());
    ceremony.refused(6, &["sign", "net/proposed/roll-2.toml", "--key", "ita.ministry.key.pub"]);
}
