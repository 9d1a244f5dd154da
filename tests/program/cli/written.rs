//! The ceremonies as they are written down: each command of `deploy/CEREMONIES.md` runs, in order, in an
//! empty folder, and what comes of them is what the document says.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cli::{code, err, folder, out, run, text};

pub(super) fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    std::fs::read_to_string(path).expect("the document is there")
}

/// The blocks of commands, each with the heading that it stands under.
pub(super) fn blocks(document: &str) -> Vec<(String, String)> {
    let (mut heading, mut blocks, mut open) = (String::new(), Vec::new(), None);
    for line in document.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (None, line) => {
                if let Some(name) = line.strip_prefix("## ") {
                    heading = name.to_owned();
                }
            }
            (Some(block), "```") => {
                blocks.push((heading.clone(), std::mem::take(block)));
                open = None;
            }
            (Some(block), line) => *block += &format!("{line}\n"),
        }
    }
    blocks
}

/// Runs a script in a folder, in which `rogatory` is the program under test.
pub(super) fn play(home: &Path, script: &str) -> std::process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_rogatory"));
    let folder = program.parent().and_then(Path::to_str).expect("the program's folder");
    let path = format!("{folder}:/usr/local/bin:/usr/bin:/bin");
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", script]).current_dir(home).env_clear();
    shell.env("PATH", path).env("HOME", home).output().expect("there is a shell")
}

fn json(home: &Path, words: &[&str]) -> Value {
    let done = run(home, &[&["-o", "json"], words].concat());
    assert_eq!(code(&done), 0, "{words:?}: {}", err(&done));
    serde_json::from_str(&out(&done)).expect("JSON")
}

#[test]
fn every_written_ceremony_runs_in_order_in_an_empty_folder() {
    let home = folder();
    let blocks = blocks(&document("CEREMONIES.md"));
    let headings: Vec<&str> = blocks.iter().map(|(heading, _)| heading.as_str()).collect();
    let ceremonies = [
        "A network begins",
        "An agency joins",
        "A certificate is renewed",
        "A certificate is revoked",
        "An agency is suspended in an emergency",
        "The authorities change",
        "An agency replaces its record key",
        "An agency leaves",
    ];
    let mut distinct = headings.clone();
    distinct.dedup();
    assert_eq!(distinct, ceremonies);
    // One shell plays all of it: what a block sets, the next ones know.
    let (mut script, mut before) = (String::new(), String::new());
    for (at, (heading, block)) in blocks.iter().enumerate() {
        script = format!("{before}{block}");
        let done = play(home.path(), &script);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{heading}, block {at}: {said}");
        // Functions and variables stay; what was done is not done twice.
        before = kept(&before, block);
        let is_last = headings.get(at + 1) != Some(&heading.as_str());
        holds_after(home.path(), heading, is_last);
    }
    assert!(script.contains("rogatory directory verify net --genesis"), "the last was played");
}

/// What must be so after a block of a ceremony, the last one or one before it.
fn holds_after(home: &Path, heading: &str, is_last: bool) {
    let net = home.join("net");
    let verdict = || json(home, &["directory", "verify", text(&net)]);
    let nodes = || {
        let shown = json(home, &["--directory", text(&net), "directory", "show", "int.hub"]);
        shown["nodes"].as_array().map(Vec::len)
    };
    let certificate = |name: &str| std::fs::read_to_string(home.join(name)).expect("it is there");
    match (heading, is_last) {
        ("An agency joins" | "An agency is suspended in an emergency", true) => {
            assert_eq!(nodes(), Some(1));
        }
        ("An agency is suspended in an emergency", false) => assert_eq!(nodes(), Some(0)),
        ("A certificate is renewed", false) => {
            let before = home.join("before.pem");
            std::fs::copy(home.join("hub/node.pem"), before).expect("a copy");
        }
        ("A certificate is renewed", true) => {
            assert_ne!(certificate("hub/node.pem"), certificate("before.pem"));
        }
        ("A certificate is revoked", true) => {
            let lists = std::fs::read_dir(net.join("lists")).expect("lists");
            let lists: Vec<_> = lists.map(|it| it.expect("an entry").path()).collect();
            let [list] = lists.as_slice() else { panic!("one list: {lists:?}") };
            let said = json(home, &["pki", "inspect", text(list)]);
            let list = &said["revocation_lists"][0];
            assert_eq!((&list["number"], revoked(list)), (&3.into(), 1));
        }
        ("The authorities change", true) => assert_eq!(verdict()["roll"], 5),
        ("An agency replaces its record key", true) => {
            assert_eq!((nodes(), &verdict()["roll"]), (Some(1), &6.into()));
        }
        ("An agency leaves", true) => {
            let verdict = verdict();
            assert_eq!(nodes(), Some(0));
            assert_eq!((&verdict["roll"], &verdict["records"]), (&7.into(), &1.into()));
        }
        _ => {}
    }
}

/// How many certificates a list names.
fn revoked(list: &Value) -> u64 {
    let named = &list["revoked"];
    named.as_array().map_or_else(
        || named.as_u64().unwrap_or_default(),
        |it| u64::try_from(it.len()).expect("a few"),
    )
}

/// The functions and variables that a block sets, after those of the blocks before.
fn kept(before: &str, block: &str) -> String {
    let is_setting = |line: &&str| {
        let name: String = line.chars().take_while(char::is_ascii_lowercase).collect();
        let rest = line.get(name.len()..).unwrap_or_default();
        !name.is_empty() && (rest.starts_with("=$(") || rest.starts_with("() {"))
    };
    let lines = block.lines().filter(is_setting).map(|line| format!("{line}\n"));
    before.to_owned() + &lines.collect::<String>()
}

#[test]
fn the_timer_renews_as_the_ceremony_does() {
    let service = document("rogatory-renew.service");
    let started = service.lines().find_map(|it| it.strip_prefix("ExecStart=")).expect("a command");
    let written = started.replace("/usr/local/bin/", "").replace("/etc/rogatory/", "hub/");
    let blocks = blocks(&document("CEREMONIES.md"));
    let renewals: Vec<&str> = blocks
        .iter()
        .filter(|(heading, _)| heading == "A certificate is renewed")
        .map(|(_, block)| block.trim())
        .collect();
    assert_eq!(renewals.first(), Some(&written.as_str()));
    assert!(document("rogatory-renew.timer").contains("OnCalendar=*:0/15\n"));
}

#[test]
fn a_nodes_own_copy_says_when_a_peer_confirmed_it_last() {
    let home = folder();
    let began = blocks(&document("CEREMONIES.md"));
    let began = began.first().map(|(_, block)| block.as_str()).expect("a block");
    assert!(play(home.path(), began).status.success());
    let net = home.path().join("net");
    let shown = || json(home.path(), &["--directory", text(&net), "directory", "show"]);
    assert_eq!(shown()["confirmed_at"], Value::Null, "no node keeps this one");
    crate::cli::write(&net.join("confirmed"), "2026-07-07T03:00:00Z\n");
    assert_eq!(shown()["confirmed_at"], "2026-07-07T03:00:00Z");
    let told = run(home.path(), &["--directory", text(&net), "--utc", "directory", "show"]);
    assert!(out(&told).contains("confirmed by a peer\t2026-07-07T03:00:00Z"), "{}", out(&told));
}

#[test]
fn an_agency_without_a_revocation_list_is_named_until_one_is_adopted() {
    let home = folder();
    let joining = ["A network begins", "An agency joins"];
    let blocks = blocks(&document("CEREMONIES.md"));
    let blocks = blocks.iter().filter(|(heading, _)| joining.contains(&heading.as_str()));
    let script: String = blocks.map(|(_, block)| block.as_str()).collect();
    let list = "crl = \"\"\"\n$(cat hub/ca/ca.crl)\n\"\"\"\n";
    assert!(script.contains(list), "the record names its list");
    let done = play(home.path(), &script.replace(list, ""));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let none = "warning: int.hub publishes no revocation list: nobody of it is let in anywhere\n";
    // Adopting its record says so, and so does the check.
    assert_eq!(said.matches(none).count(), 2, "{said}");
    let net = home.path().join("net");
    let check = || {
        let told = run(home.path(), &["directory", "check", text(&net)]);
        let remarks = json(home.path(), &["directory", "check", text(&net)]);
        (err(&told), remarks["revocation_lists"].clone())
    };
    let named = |word: &str| serde_json::json!([{ "agency": "int.hub", "is": word }]);
    let (said, remarks) = check();
    assert!(said.contains(none), "{said}");
    assert_eq!(remarks, named("no_list"));
    // The record by itself, before it is signed.
    let record = net.join("proposed/int.hub-1.toml");
    let told = err(&run(home.path(), &["directory", "check", text(&record)]));
    assert!(told.contains("warning: this record names no revocation list"), "{told}");

    let adopt = |days: &[&str]| {
        let revoke = [&["pki", "revoke", "--ca", "hub/ca"], days].concat();
        let words = revoke.join(" ");
        let script = format!("rogatory {words}\nrogatory directory adopt net hub/ca/ca.crl\n");
        let done = play(home.path(), &script);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        said
    };
    let said = adopt(&[]);
    assert!(!said.contains("warning"), "{said}");
    let (said, remarks) = check();
    assert_eq!(remarks, serde_json::json!([]), "{said}");
    assert!(!said.contains("revocation list"), "{said}");
    // One that is good for a month counts, and everybody is told what that means.
    let said = adopt(&["--days", "30"]);
    assert!(said.contains("72 hours are the most that is usual"), "{said}");
    let (said, remarks) = check();
    assert!(said.contains("warning: the revocation list of int.hub names 2"), "{said}");
    assert_eq!(remarks, named("list_too_long"));
}
