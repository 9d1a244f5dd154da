//! The worked examples, a network for them and a short way to say what was found: for tests.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::law::{PartyStatus, Standing, Thread, judge};
use crate::wire::{json, pb};

const NETWORK: &str = include_str!("../../config/demo/network.json");

/// Records asked of a bank.
pub(super) const BANK: &str = include_str!("../../config/demo/ex1-bank-records-untoc-18-3-f.json");
/// A vessel is to be boarded.
pub(super) const VESSEL: &str = include_str!("../../config/demo/ex2-vessel-boarding-som-8-2.json");
/// A passport is to be verified.
pub(super) const PASSPORT: &str =
    include_str!("../../config/demo/ex3-document-verification-som-13.json");
/// A nationality is to be verified.
pub(super) const NATIONALITY: &str =
    include_str!("../../config/demo/ex4-nationality-verification-som-18-3.json");
/// Information about a departure.
pub(super) const DEPARTURE: &str =
    include_str!("../../config/demo/ex5-spontaneous-route-som-10-untoc-18-4.json");
/// A witness is to be heard.
pub(super) const HEARING: &str =
    include_str!("../../config/demo/ex6-witness-video-hearing-untoc-18-18.json");

/// The network of the examples: desks without nodes.
pub(super) static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let network: serde_json::Value = serde_json::from_str(NETWORK).unwrap();
    let mut text = "network = 'demo'\nversion = 1\n".to_owned();
    for agency in network["agencies"].as_array().unwrap() {
        writeln!(text, "[[agency]]\nid = {}", agency["agency"]).unwrap();
        for key in ["country", "transit"] {
            if agency[key].is_string() {
                writeln!(text, "{key} = {}", agency[key]).unwrap();
            }
        }
        for desk in agency["contact_points"].as_array().unwrap() {
            writeln!(text, "[[agency.contact_point]]\nid = {}", desk["address"]).unwrap();
            for key in ["name", "functions", "languages", "hours"] {
                writeln!(text, "{key} = {}", desk[key]).unwrap();
            }
        }
    }
    Directory::parse(&text).unwrap()
});

/// A message with a change.
pub(super) fn changed(example: &str, change: impl FnOnce(&mut pb::Draft)) -> pb::Draft {
    let mut draft = json::read_file(example.as_bytes()).unwrap();
    change(&mut draft);
    draft
}

/// Text in a field.
pub(super) fn text(words: &str) -> Option<String> {
    Some(words.to_owned())
}

/// A day after all examples were issued.
pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-06-01T00:00:00Z").unwrap()
}

/// What `rule` finds with the whole network at hand: severity, place, code.
pub(super) fn found(rule: &str, draft: &pb::Draft) -> Vec<String> {
    found_in(rule, draft, Thread::default())
}

/// The same with something known of the request.
pub(super) fn found_in(rule: &str, draft: &pb::Draft, thread: Thread) -> Vec<String> {
    let directory = Some(&*DIRECTORY);
    of(rule, draft, &Standing { directory, parties: PartyStatus::built_in(), now: now(), thread })
}

/// The same without a network.
pub(super) fn found_offline(rule: &str, draft: &pb::Draft) -> Vec<String> {
    let parties = PartyStatus::built_in();
    of(rule, draft, &Standing { directory: None, parties, now: now(), thread: Thread::default() })
}

fn of(rule: &str, draft: &pb::Draft, standing: &Standing<'_>) -> Vec<String> {
    let all = judge(draft, standing).into_iter().filter(|it| it.rule == rule);
    all.map(|it| format!("{} {} {}", it.severity, it.pointer, it.code)).collect()
}
