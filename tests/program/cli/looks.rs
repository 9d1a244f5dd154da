//! What looks like something else is refused or told, and nothing that is printed steers a terminal.
//!
//! The samples in `tests/data/looks/` are those of Unicode Technical Standard 39 and of Trojan Source.

use std::io::Write as _;

use rogatory::domain::entities::name::PersonName;
use rogatory::domain::entities::reference::CaseReference;
use rogatory::domain::file_name;
use rogatory::domain::unseen::{has_unseen, skeleton};
use rogatory::merkle::note::{NoteError, SignatureLine, SignedNote, is_key_name};
use rogatory::merkle::vkey::VerifierKey;
use serde_json::{Value, json};

use crate::cli::network::{Kept, RECEIVER, SENDER};
use crate::cli::{code, err, folder, out, program, run, text, write};

const ALIKE: &str = include_str!("../../data/looks/alike.txt");
const UNSEEN: &str = include_str!("../../data/looks/unseen.txt");

/// Lines of a table that are no comment, with `\u{..}` read.
fn samples(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|it| !it.starts_with('#') && !it.is_empty());
    lines.map(read).collect()
}

fn read(line: &str) -> String {
    let mut parts = line.split("\\u{");
    let mut out = parts.next().expect("a first part").to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('}').expect("a closing brace");
        let sign = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        out.push(sign.expect("a sign"));
        out.push_str(rest);
    }
    out
}

/// A directory whose desks have these ids and names, as its authors would write it.
fn directory(desks: &[(&str, &str)], comment: &str) -> String {
    let mut agencies: Vec<&str> =
        desks.iter().map(|(id, _)| id.split('/').next().expect("an agency")).collect();
    agencies.dedup();
    let mut toml = format!("network = \"mla\"\nversion = 1\n{comment}");
    for agency in agencies {
        let country = agency.split('.').next().expect("letters").to_uppercase();
        toml += &format!("[[agency]]\nid = \"{agency}\"\ncountry = \"{country}\"\n");
        for (id, name) in desks.iter().filter(|(id, _)| id.starts_with(&format!("{agency}/"))) {
            let escaped: String =
                name.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
            toml += &format!(
                "[[agency.contact_point]]\nid = \"{id}\"\nname = \"{escaped}\"\n\
                 functions = [\"fiu\"]\nlanguages = [\"en\"]\nhours = \"24/7\"\n"
            );
        }
    }
    toml
}

/// `directory check` of a text: exit code, what programs are told, and stderr as people see it.
fn checked(toml: &str) -> (i32, Value, String) {
    let home = folder();
    let file = home.path().join("directory.toml");
    write(&file, toml);
    let arguments = ["directory", "check", text(&file)];
    let told = run(home.path(), &[&["-o", "json"][..], &arguments].concat());
    let json = serde_json::from_str(&out(&told)).unwrap_or_default();
    (code(&told), json, err(&run(home.path(), &arguments)))
}

#[test]
fn texts_that_look_alike_have_one_skeleton() {
    let pairs = samples(ALIKE);
    assert!(pairs.len() >= 15, "{}", pairs.len());
    for pair in pairs {
        let (one, other) = pair.split_once('\t').expect("two of them");
        assert_ne!(one, other);
        assert_eq!(skeleton(one), skeleton(other), "{one} {}", other.escape_unicode());
    }
    for (one, other) in [("Coast Guard", "Coast Guards"), ("desk-1", "desk-2"), ("a", "b")] {
        assert_ne!(skeleton(one), skeleton(other), "{one}, {other}");
    }
}

#[test]
fn no_name_that_people_see_has_a_sign_that_is_not_seen() {
    let public = [7; 32];
    for sample in samples(UNSEEN) {
        let shown = sample.escape_unicode();
        assert!(has_unseen(&sample), "{shown}");
        assert!(file_name::check(&format!("{sample}.pdf")).is_err(), "{shown}");
        assert_eq!(sample.parse::<PersonName>().unwrap_err().code, "BAD_NAME_SIGN", "{shown}");
        let no = sample.parse::<CaseReference>().unwrap_err();
        assert_eq!(no.code, "BAD_REFERENCE_SIGN", "{shown}");
        // Names of keys, without the blanks that they may not have either.
        let name = sample.replace(' ', "");
        assert!(!is_key_name(&name), "{shown}");
        let honest = SignatureLine { name: "desk-one".into(), key_id: [1; 4], signature: vec![2] };
        let line = honest.to_text().replace("desk-one", &name);
        assert_eq!(SignatureLine::parse(line.trim_end_matches('\n')), None, "{shown}");
        let note = SignedNote::parse(format!("said\n\n{line}").as_bytes());
        assert!(matches!(note, Err(NoteError::SignatureLine | NoteError::NotText)), "{shown}");
        let key = VerifierKey::new("desk-one", public).expect("a name").to_string();
        assert!(key.parse::<VerifierKey>().is_ok());
        assert!(key.replace("desk-one", &name).parse::<VerifierKey>().is_err(), "{shown}");
        assert!(VerifierKey::new(&name, public).is_none(), "{shown}");
    }
}

#[test]
fn a_desk_whose_name_hides_something_is_a_fault_of_the_directory() {
    let wanted = ["has a sign that is not seen", "without control characters"];
    for sample in samples(UNSEEN) {
        let (code, _, told) = checked(&directory(&[("ita.guard/one", &sample)], ""));
        assert_eq!(code, 6, "{}", sample.escape_unicode());
        assert!(told.contains("agency[0].contact_point[0].name"), "{told}");
        assert!(wanted.iter().any(|it| told.contains(it)), "{told}");
    }
    let (code, _, told) = checked(&directory(&[("ita.guard/one", "Zu\u{308}rich")], ""));
    assert_eq!(code, 6, "{told}");
    assert!(told.contains("must be in composed form (Unicode NFC)"), "{told}");
}

#[test]
fn a_comment_that_reads_as_something_else_is_a_fault_with_its_place() {
    // Whoever signs it would read the key as a comment, and the comment as a key.
    let comment = "# \u{202e}1 = noisrev \u{2066}version = 2\u{2069}\n";
    let (code, _, told) = checked(&directory(&[("ita.guard/one", "One")], comment));
    assert_eq!(code, 6);
    for place in ["line 3, column 3: a sign", "line 3, column 16: a sign"] {
        assert!(told.contains(place), "{told}");
    }
    assert!(!told.lines().any(has_unseen), "{told:?}");
    let persian = "# میز\u{200c}کار: the desk's name, spelt with a joiner\n";
    let (code, _, told) = checked(&directory(&[("ita.guard/one", "One")], persian));
    assert_eq!((code, told.as_str()), (0, ""));
}

#[test]
fn desks_and_agencies_that_look_alike_are_told_with_their_ids() {
    let desks = [
        ("ita.guard/one", "Coast Guard"),
        ("ita.guard/two", "Harbour"),
        ("ita.guard/tw0", "Radio"),
        ("ita.guand/one", "Registry"),
        ("pan.hub1/one", "Co\u{430}st Guard"),
        ("pan.hubl/one", "Registry"),
    ];
    let (code, told, people) = checked(&directory(&desks, ""));
    assert_eq!(code, 0, "what looks alike is told, and refused by nobody: {people}");
    let alike = json!([
        { "of": "agency_ids", "ids": ["pan.hub1", "pan.hubl"] },
        { "of": "desk_ids", "ids": ["ita.guard/tw0", "ita.guard/two"] },
        { "of": "desk_names", "ids": ["ita.guard/one", "pan.hub1/one"] },
        { "of": "mixed_scripts", "ids": ["pan.hub1/one"] },
        { "of": "same_desk_name", "ids": ["ita.guand/one", "pan.hubl/one"] },
    ]);
    let sorted = |mut it: Value| {
        for group in it.as_array_mut().expect("a list") {
            let ids = group["ids"].as_array_mut().expect("ids");
            ids.sort_by_key(ToString::to_string);
        }
        it
    };
    assert_eq!(sorted(told["look_alikes"].clone()), alike);
    let line =
        "warning: desks whose names look alike and are not the same: ita.guard/one, pan.hub1/one";
    assert!(people.contains(line), "{people}");
    let (code, told, people) = checked(&directory(&desks[..2], ""));
    assert_eq!((code, &told["look_alikes"], people.as_str()), (0, &json!([]), ""));
}

/// All that a command wrote, and that nothing of it moves, hides or reorders.
fn plain(what: &str, output: &std::process::Output) -> String {
    let all = out(output) + &err(output);
    for line in all.lines() {
        // Columns of a table in a pipe are told apart by tabs.
        let bad = line.split('\t').any(has_unseen);
        assert!(!bad, "{what}: {}", line.escape_debug());
    }
    all
}

#[test]
fn arguments_and_files_that_steer_a_terminal_are_shown_without_doing_it() {
    let home = folder();
    let hostile = "\u{1b}[2J\u{202e}x\u{9b}1m";
    for arguments in [
        &["inbox", "show", hostile][..],
        &[hostile],
        &["request", "list", &format!("--{hostile}")],
        &["-o", "json", "directory", "check", hostile],
        &["directory", "check", hostile],
        &["context", "show", hostile],
        &["help", hostile],
    ] {
        let output = run(home.path(), arguments);
        assert_ne!(code(&output), 0, "{arguments:?}");
        plain("an argument", &output);
    }
    let file = home.path().join("wrong.toml");
    write(&file, &format!("\"{hostile}\" = 1\nnetwork = [\n"));
    let output = run(home.path(), &["directory", "check", text(&file)]);
    assert_eq!(code(&output), 6);
    plain("a key of a file", &output);
    let file = home.path().join("wrong.json");
    write(&file, &format!("{{ \"{hostile}\": \"{hostile}\", \"kind\": \"{hostile}\" }}"));
    for form in [&["-o", "json"][..], &[]] {
        let output = run(home.path(), &[form, &["request", "check", "-f", text(&file)]].concat());
        assert_ne!(code(&output), 0);
        plain("a message file", &output);
    }
}

#[test]
fn what_a_message_says_reaches_the_terminal_with_its_signs_written_out() {
    let kept = Kept::start();
    let net = kept.net();
    let file = net.join("messages/ex2-vessel.json");
    let mut message: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("the example")).expect("JSON");
    let hostile = "\u{1b}]0;root\u{7}\u{1b}[2J\u{202e}desrever\u{2066}\u{9b}31m\u{200b}";
    message["facts"] = format!("The vessel {hostile} was seen").into();
    message["official"]["function"] = format!("Officer {hostile}").into();
    let file = net.join("hostile.json");
    let mut made = std::fs::File::create(&file).expect("a file");
    made.write_all(message.to_string().as_bytes()).expect("it is written");
    let send = ["request", "send", "-f", text(&file), "--wait", "delivered"];
    let sent = kept.answer(SENDER, &send);
    let id = sent["messages"][0]["message_id"].as_str().expect("an id").to_owned();
    kept.answer(RECEIVER, &["inbox", "claim", &id, "--lease", "1h"]);
    for form in ["text", "json", "jsonl"] {
        for arguments in [&["inbox", "show", &id][..], &["inbox", "list"]] {
            let mut command = program(&net);
            command.args(["--context", RECEIVER, "-o", form]).args(arguments);
            let output = command.output().expect("the program starts");
            assert_eq!(code(&output), 0, "{}", err(&output));
            let all = plain(form, &output);
            if arguments[1] == "show" {
                assert!(all.contains("\\u001b]0;root"), "{form}: it is shown all the same");
            }
        }
    }
    let shown = kept.answer(RECEIVER, &["inbox", "show", &id]);
    assert_eq!(shown["content"]["facts"], message["facts"], "and programs read it as it was sent");
}
