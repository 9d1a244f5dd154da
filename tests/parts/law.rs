//! The law, held against the reference set: every invalid message is refused for its stated reason
//! and no other, every lawful one is not, however odd it looks. And nothing a file holds makes the
//! judge panic or dawdle.

use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use rogatory::cli::demo::network;
use rogatory::clock::Timestamp;
use rogatory::directory::Directory;
use rogatory::domain::violation::{Severity, Violation};
use rogatory::law::{FINDINGS_MAX, PartyStatus, Standing, Thread, check, judge};
use rogatory::wire::{json, pb};
use serde_json::Value;

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let text = read("config/demo/network.json");
    network::desks(&text).expect("the network of the examples")
});

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

fn draft(text: &str) -> pb::Draft {
    json::read_file(text.as_bytes()).expect("a well-formed file")
}

fn manifest() -> Value {
    serde_json::from_str(&read("tests/data/domain/manifest.json")).expect("the manifest is JSON")
}

/// The entries of one list of the manifest, each with its message.
fn listed(list: &str, folder: &str) -> Vec<(String, Value, pb::Draft)> {
    let manifest = manifest();
    let entries = manifest[list].as_array().expect("a list");
    let one = |entry: &Value| {
        let file = entry["file"].as_str().expect("a file").to_owned();
        let message = draft(&read(&format!("{folder}/{file}")));
        (file, entry.clone(), message)
    };
    entries.iter().map(one).collect()
}

/// A day after all examples were issued.
fn standing(directory: Option<&Directory>) -> Standing<'_> {
    let now = Timestamp::parse("2027-01-01T00:00:00Z").expect("a time");
    Standing { directory, parties: PartyStatus::built_in(), now, thread: Thread::default() }
}

fn rejections(found: &[Violation]) -> Vec<&Violation> {
    found.iter().filter(|it| it.rejects()).collect()
}

/// Severity, rule, place and code of each finding.
fn told(found: &[Violation]) -> Vec<String> {
    let line = |it: &Violation| format!("{} {} {} {}", it.severity, it.rule, it.pointer, it.code);
    found.iter().map(line).collect()
}

#[test]
fn every_invalid_message_is_refused_for_its_reason_and_no_other() {
    let invalid = listed("invalid", "tests/data/domain");
    assert_eq!(invalid.len(), 11);
    for (file, entry, message) in invalid {
        // What only a network can tell is not refused without one.
        let needs_network = entry["rule"] == "R-ROUTE-FLAG";
        for directory in [Some(&*DIRECTORY), None] {
            let found = check(&message, &standing(directory));
            let found = rejections(&found);
            if directory.is_none() && needs_network {
                assert_eq!(found.len(), 0, "{file}");
                continue;
            }
            assert_eq!(found.len(), 1, "{file}: {found:?}");
            let one = found[0];
            assert_eq!(one.rule, entry["rule"], "{file}");
            assert_eq!(one.code, entry["error_code"], "{file}");
            assert_eq!(one.pointer, entry["pointer"], "{file}");
            assert_eq!(one.source, entry["article"], "{file}");
            assert_eq!(one.severity.as_str(), entry["severity"], "{file}");
        }
    }
}

#[test]
fn every_valid_message_is_acceptable_with_the_warnings_that_it_deserves() {
    let valid = listed("valid", "config/demo");
    assert_eq!(valid.len(), 6);
    for (file, _, message) in valid {
        let found = check(&message, &standing(Some(&DIRECTORY)));
        // Nothing is known of this State, and so the request relies on the Convention alone.
        let expected: &[&str] = match file.as_str() {
            "ex1-bank-records-untoc-18-3-f.json" => {
                &["warn R-PARTY /legal_basis/instruments/0 PARTY_STATUS_UNKNOWN"]
            }
            _ => &[],
        };
        assert_eq!(told(&found), expected, "{file}");
    }
}

#[test]
fn lawful_messages_that_look_wrong_are_acceptable() {
    let odd = listed("accept_edge_cases", "tests/data/domain");
    assert_eq!(odd.len(), 3);
    for (file, entry, message) in odd {
        assert_eq!(entry["expect"], "accept", "{file}");
        let found = check(&message, &standing(Some(&DIRECTORY)));
        let expected: &[&str] = match file.as_str() {
            "edge01-mrz-wrong-but-declared.json" => {
                &["warn R-ID-MRZ /documents/0/mrz/check_digits/composite BAD_MRZ_CHECK_DIGIT"]
            }
            _ => &[],
        };
        assert_eq!(told(&found), expected, "{file}");
    }
}

#[test]
fn every_answer_of_the_thread_is_acceptable() {
    let thread: Value = serde_json::from_str(&read("config/demo/thread1-ex1-lifecycle.json"))
        .expect("the thread is JSON");
    let messages = thread["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 12);
    for message in messages {
        let message = draft(&message.to_string());
        for directory in [Some(&*DIRECTORY), None] {
            let found = check(&message, &standing(directory));
            assert_eq!(rejections(&found).len(), 0, "{}: {found:?}", message.message_type());
        }
    }
}

#[test]
fn five_faults_are_told_at_once() {
    let mut message = draft(&read("config/demo/ex1-bank-records-untoc-18-3-f.json"));
    message.facts = None;
    message.purpose = None;
    message.accounts[0].iban = Some("AE080331234567890123456".to_owned());
    message.handling.as_mut().expect("a label").tlp = Some("TLP:WHITE".to_owned());
    message.to = vec!["pan.maritime-authority/flag-state-desk".to_owned()];
    let found = check(&message, &standing(Some(&DIRECTORY)));
    let found: Vec<_> = rejections(&found).into_iter().map(|it| (it.rule, &*it.pointer)).collect();
    let expected = [
        ("R-ID-IBAN", "/accounts/0/iban"),
        ("R-CONTENT-C", "/facts"),
        ("R-HANDLING", "/handling/tlp"),
        ("R-CONTENT-F", "/purpose"),
        ("R-ROUTE-CA", "/to/0"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn shape_and_law_are_told_together_and_no_fault_twice() {
    let mut message = draft(&read("config/demo/ex1-bank-records-untoc-18-3-f.json"));
    message.from = Some("nowhere".to_owned());
    message.respond_by.as_mut().expect("a deadline").reason = None;
    message.urgency.as_mut().expect("an urgency").level = Some("soon".to_owned());
    let found = check(&message, &standing(Some(&DIRECTORY)));
    let found: Vec<_> = rejections(&found).into_iter().map(|it| (it.rule, &*it.pointer)).collect();
    let expected =
        [("R-SHAPE", "/from"), ("R-DEADLINE", "/respond_by/reason"), ("R-SHAPE", "/urgency/level")];
    assert_eq!(found, expected);
}

#[test]
fn passing_on_is_no_act_even_with_consent() {
    let file = "tests/data/domain/inv11-onward-sharing-against-restriction.json";
    let mut message = draft(&read(file));
    message.consent_message_id = Some("019cadb0-31dc-77d7-8565-f70001ab37ff".to_owned());
    let found = check(&message, &standing(Some(&DIRECTORY)));
    let found: Vec<_> = rejections(&found).into_iter().map(|it| (it.code, &*it.pointer)).collect();
    assert_eq!(found, [("MESSAGE_TYPE_UNKNOWN", "/message_type")]);
}

#[test]
fn findings_never_quote_the_sender() {
    let secret = "Zanzibar77";
    for (_, _, mut message) in listed("valid", "config/demo") {
        for person in &mut message.persons {
            person.roles.push(secret.to_owned());
            person.sex = Some(secret.to_owned());
        }
        for instrument in message.legal_basis.iter_mut().flat_map(|it| &mut it.instruments) {
            instrument.instrument = Some(secret.to_owned());
        }
        message.form = Some(secret.to_owned());
        message.offences.clear();
        message.handling.as_mut().expect("a label").tlp = Some(secret.to_owned());
        let found = check(&message, &standing(Some(&DIRECTORY)));
        assert!(rejections(&found).len() >= 2);
        let quoted = found.iter().find(|it| it.to_string().contains(secret));
        assert_eq!(quoted, None);
    }
}

/// As large as content may be, and nothing in it is gone through once for each of something else:
/// then this would take many times as long as all the other tests.
#[test]
fn a_message_full_of_faults_is_judged_in_time() {
    let file = "tests/data/domain/inv10-migrant-as-accused.json";
    let mut message = draft(&read(file));
    let many = |count: usize| std::iter::repeat_n((), count);
    let person = message.persons[0].clone();
    let accused = pb::Person { id: None, roles: person.roles.clone(), ..Default::default() };
    message.persons.extend(many(10_000).map(|()| accused.clone()));
    let offence = message.offences[0].clone();
    message.offences.extend(many(10_000).map(|()| offence.clone()));
    let languages = message.languages.as_mut().expect("languages");
    languages.request = Some("xx".to_owned());
    let translation = pb::Translation { lang: Some("am".to_owned()), ..Default::default() };
    languages.translations = many(10_000).map(|()| translation.clone()).collect();
    message.attachments = many(10_000).map(|()| pb::Attachment::default()).collect();
    message.requests = many(10_000).map(|()| pb::RequestedStep::default()).collect();
    message.comms = many(10_000).map(|()| pb::Communication::default()).collect();
    let found = judge(&message, &standing(Some(&DIRECTORY)));
    let rejected = found.iter().filter(|it| it.severity == Severity::Reject).count();
    assert_eq!(rejected, FINDINGS_MAX);
}

/// Every message of the reference set, as text.
fn texts() -> Vec<Vec<u8>> {
    let lists = [("valid", "config/demo"), ("invalid", "tests/data/domain")];
    let all = lists.into_iter().flat_map(|(list, folder)| listed(list, folder));
    all.map(|(_, _, message)| json::write_file(&message)).collect()
}

static TEXTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(texts);

/// A value in place of another: of the same type or not.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["free", "oral_note", "refusal", "SOM.8.2.VESSEL", "XXB", "P1"])
            .prop_map(Value::from),
        Just(Value::Array(Vec::new())),
        Just(Value::Object(serde_json::Map::new())),
    ]
}

/// The `at`th place of a value, counted as it is written.
fn place(value: &mut Value, at: &mut usize, by: &Value) -> bool {
    if *at == 0 {
        *value = by.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|it| place(it, at, by)),
        Value::Object(fields) => fields.values_mut().any(|it| place(it, at, by)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn judged(text: &[u8]) {
    if let Ok(draft) = json::read_file(text) {
        for directory in [Some(&*DIRECTORY), None] {
            let found = check(&draft, &standing(directory));
            assert!(found.is_sorted_by_key(|it| (it.pointer.clone(), it.rule)));
        }
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        judged(&bytes);
    }

    #[test]
    fn a_changed_file_never_panics(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0_usize..400, any_value()), 1..6),
    ) {
        let text: &Vec<u8> = which.get(TEXTS.as_slice());
        let mut value: Value = serde_json::from_slice(text).unwrap();
        for (mut at, by) in changes {
            place(&mut value, &mut at, &by);
        }
        judged(value.to_string().as_bytes());
    }

    #[test]
    fn a_changed_byte_never_panics(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut text: Vec<u8> = which.get(TEXTS.as_slice()).clone();
        let at = at.index(text.len());
        text[at] = byte;
        judged(&text);
    }
}
