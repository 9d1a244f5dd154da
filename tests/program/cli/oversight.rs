//! What is owed, who sees what, where a matter is filed and how much there was of it: on a network
//! of three nodes, by the command line alone.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::cli::network::{Kept, RECEIVER, SENDER};
use crate::cli::{code, err, out, program, run, text, write};

/// The second officer of the sender's agency.
const NIGHT: &str = "spiffe://ita.coast-guard/officer/night-officer";
const OWN_REFERENCE: &str = "ITA-SEA-01/2026/000077";
/// The figures' columns, in their order.
const COLUMNS: &str = "state,direction,kind,urgency,outcome,count,acknowledged_seconds,\
                       answered_seconds,concluded_seconds,concluded_seconds_max,overdue,late";

#[test]
fn an_agency_looks_after_deadlines_sight_references_and_figures() {
    let kept = Kept::start();
    let year = year_of(&kept);
    let before = counted(&kept, &year);
    let exercise = an_exercise_is_marked_and_its_deadlines_are_listed(&kept);
    assert_eq!(counted(&kept, &year), before, "an exercise does not count");
    let request = a_confidential_request_is_seen_by_those_who_were_given_sight(&kept);
    assert_eq!(counted(&kept, &year), before + 1, "a confidential request counts");
    the_receiver_sees_more_once_it_claimed(&kept, &request);
    requests_are_found_by_either_sides_reference(&kept, &exercise, &request);
    the_figures_have_three_forms(&kept, &year);
}

/// The example of a vessel, changed.
fn vessel(kept: &Kept, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let file = std::fs::read(kept.net().join("messages/ex2-vessel.json")).expect("the example");
    let mut message: Value = serde_json::from_slice(&file).expect("the example is JSON");
    change(&mut message);
    let path = kept.net().join(name);
    write(&path, &message.to_string());
    path
}

fn send(kept: &Kept, file: &Path, flags: &[&str]) -> [String; 2] {
    let send = ["request", "send", "-f", text(file), "--wait", "delivered"];
    let sent = kept.answer(SENDER, &[&send[..], flags].concat());
    ["request_id", "message_id"]
        .map(|name| sent["messages"][0][name].as_str().expect("an id").to_owned())
}

/// What people read.
fn said(kept: &Kept, context: &str, arguments: &[&str]) -> String {
    let mut command = program(&kept.net());
    let output = command.args(["--context", context]).args(arguments).output().expect("it starts");
    assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
    out(&output)
}

fn with_id<'a>(listed: &'a Value, items: &str, id: &str) -> Vec<&'a Value> {
    let listed = listed[items].as_array().into_iter().flatten();
    listed.filter(|it| it["request_id"] == id).collect()
}

fn an_exercise_is_marked_and_its_deadlines_are_listed(kept: &Kept) -> String {
    let file = vessel(kept, "exercise.json", |message| {
        message["handling"]["confidentiality_requested"] = false.into();
    });
    let [request, message] = send(kept, &file, &["--exercise"]);
    let owed = kept.answer(SENDER, &["request", "list", "--due", "--limit", "200"]);
    let owed = with_id(&owed, "deadlines", &request);
    let acknowledge = owed.iter().find(|it| it["obligation"] == "acknowledge").expect("it is owed");
    assert_eq!(acknowledge["owner"], "requested");
    assert_eq!(acknowledge["ours"], Value::Null, "they owe it");
    let line = said(kept, SENDER, &["request", "list", "--due", "--limit", "200"]);
    let line = line.lines().find(|it| it.contains(&request)).expect("a line").to_owned();
    let cells: Vec<&str> = line.split('\t').collect();
    assert_eq!(cells[1..4], ["they", "acknowledge", "policy"], "{line}");

    let ours = kept.answer(SENDER, &["request", "list", "--due", "--ours"]);
    assert!(with_id(&ours, "deadlines", &request).is_empty(), "{ours}");
    let theirs = kept.answer(RECEIVER, &["request", "list", "--due", "--ours"]);
    let theirs = with_id(&theirs, "deadlines", &request);
    assert!(theirs.iter().any(|it| it["obligation"] == "acknowledge" && it["ours"] == true));

    let shown = said(kept, SENDER, &["request", "show", &request]);
    assert!(shown.starts_with("EXERCISE: without effect in law\n"), "{shown}");
    let came = said(kept, RECEIVER, &["inbox", "list"]);
    let line = came.lines().find(|it| it.contains(&message)).expect("it came");
    assert!(line.ends_with("\tEXERCISE"), "{line}");
    request
}

/// Calls as the second officer.
fn at_night(kept: &Kept, arguments: &[&str]) -> Output {
    let [pem, key] = ["night.pem", "night.key"].map(|name| kept.net().join(name));
    let who = ["--tls-cert", text(&pem), "--tls-key", text(&key)];
    kept.call(SENDER, &[&who[..], arguments].concat())
}

fn a_confidential_request_is_seen_by_those_who_were_given_sight(kept: &Kept) -> [String; 2] {
    let (ca, base) = (kept.net().join("ita.coast-guard"), kept.net().join("night"));
    let issue = ["pki", "issue", NIGHT, "--ca", text(&ca), "--out", text(&base), "--days", "7"];
    let issued = run(&kept.net(), &issue);
    assert_eq!(code(&issued), 0, "{}", err(&issued));
    let file = vessel(kept, "confidential.json", |message| {
        message["references"]["requesting"] = OWN_REFERENCE.into();
    });
    let [request, message] = send(kept, &file, &[]);
    let show = ["request", "show", request.as_str()];
    let seen = kept.answer(SENDER, &show);
    let day = "spiffe://ita.coast-guard/officer/duty-officer";
    assert_eq!(seen["request"]["holders"], serde_json::json!([day]));
    let text = said(kept, SENDER, &show);
    assert!(text.contains(&format!("confidential\tyes\nseen by\t{day}\n")), "{text}");

    assert_eq!(code(&at_night(kept, &show)), 5, "it is as if it were not there");
    let grant = ["request", "grant", &request, "officer/night-officer"];
    let named = [&grant[..], &["--idempotency-key", "g-1"]].concat();
    let granted = kept.answer(SENDER, &named);
    assert_eq!(kept.answer(SENDER, &named), granted, "the same call, the same receipt");
    let seen = at_night(kept, &show);
    assert_eq!(code(&seen), 0, "{}", err(&seen));
    let seen: Value = serde_json::from_str(&out(&seen)).expect("JSON");
    let holders = seen["request"]["holders"].as_array().expect("the holders");
    assert!(holders.len() == 2 && holders.contains(&NIGHT.into()), "{holders:?}");

    let revoked = said(kept, SENDER, &["request", "revoke", &request, NIGHT]);
    let wanted = format!("{NIGHT} lost sight of {request}: entry ");
    assert!(revoked.starts_with(&wanted), "{revoked}");
    assert!(revoked.ends_with(" in ita.coast-guard/journal/1\n"), "{revoked}");
    assert_eq!(code(&at_night(kept, &show)), 5, "it is as if it were not there");
    for (holder, wanted) in [
        ("spiffe://pan.maritime-authority/officer/duty-officer", 4),
        ("auditor/audit-office", 4),
        ("night-officer", 2),
    ] {
        let no = kept.call(SENDER, &["request", "grant", &request, holder]);
        assert_eq!(code(&no), wanted, "{holder}: {}", err(&no));
    }
    [request, message]
}

fn the_receiver_sees_more_once_it_claimed(kept: &Kept, [request, message]: &[String; 2]) {
    let line = || {
        let came = said(kept, RECEIVER, &["inbox", "list"]);
        came.lines().find(|it| it.contains(message.as_str())).expect("it came").to_owned()
    };
    let cells = line();
    let cells: Vec<&str> = cells.split('\t').collect();
    assert_eq!(cells[3..7], ["", "", "ita.coast-guard", "immediate"]);
    assert_eq!(cells.last(), Some(&"confidential: claim it to see more"));
    let early = kept.call(RECEIVER, &["inbox", "reply", message, "--type", "ack_receipt"]);
    assert_eq!(code(&early), 6, "{}", err(&early));
    assert_eq!(code(&kept.call(RECEIVER, &["request", "show", request])), 5);
    kept.answer(RECEIVER, &["inbox", "claim", message]);
    let cells = line();
    let cells: Vec<&str> = cells.split('\t').collect();
    assert_eq!(cells[3..6], ["request", "SOM.8.2.VESSEL", "ita.coast-guard/operations-centre"]);
    assert_eq!(cells.last(), Some(&"confidential"));
    kept.answer(RECEIVER, &["request", "show", request]);
}

fn requests_are_found_by_either_sides_reference(
    kept: &Kept,
    exercise: &str,
    [request, _]: &[String; 2],
) {
    let find =
        |context, reference| kept.answer(context, &["request", "list", "--reference", reference]);
    for context in [SENDER, RECEIVER] {
        let found = find(context, OWN_REFERENCE);
        assert_eq!(found["requests"].as_array().map(Vec::len), Some(1), "{context}: {found}");
        assert_eq!(found["requests"][0]["request_id"], request.as_str());
    }
    // The example's own reference is that of the exercise too.
    let found = find(SENDER, "ITA-SEA-01/2026/000031");
    assert_eq!(with_id(&found, "requests", exercise).len(), 1, "{found}");
    assert_eq!(find(SENDER, "ITA-SEA-01/2026/00007"), serde_json::json!({}), "not a part of it");
    let night = at_night(kept, &["request", "list", "--reference", OWN_REFERENCE]);
    assert_eq!(out(&night), "{}\n", "who has no sight finds nothing");
    let both = kept.call(SENDER, &["request", "list", "--due", "--reference", OWN_REFERENCE]);
    assert_eq!(code(&both), 2);
}

/// The year of the requests that the demo opened.
fn year_of(kept: &Kept) -> String {
    let listed = kept.answer(SENDER, &["request", "list"]);
    let opened = listed["requests"][0]["opened_at"].as_str().expect("a time");
    opened.split('-').next().expect("a year").to_owned()
}

/// The lines of the figures as CSV, by cells.
fn table(kept: &Kept, year: &str) -> Vec<Vec<String>> {
    let csv = said(kept, SENDER, &["request", "statistics", "--year", year, "--csv"]);
    let mut lines = csv.split_terminator("\r\n");
    assert_eq!(lines.next(), Some(COLUMNS));
    let rows: Vec<Vec<String>> =
        lines.map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert!(rows.iter().all(|it| it.len() == 12), "{csv}");
    rows
}

/// How many requests the figures count as sent.
fn counted(kept: &Kept, year: &str) -> u64 {
    let rows = table(kept, year);
    let sent = rows.iter().filter(|row| row[1] == "sent");
    sent.map(|row| row[5].parse::<u64>().expect("a number")).sum()
}

fn the_figures_have_three_forms(kept: &Kept, year: &str) {
    let rows = table(kept, year);
    let ask = ["request", "statistics", "--year", year];
    let json = kept.answer(SENDER, &ask);
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(rows.len()));
    let secret = rows.iter().find(|row| row[0] == "withheld").expect("a confidential request");
    assert_eq!(secret[1..4], ["sent", "withheld", "immediate"]);
    assert_eq!(said(kept, SENDER, &ask).lines().count(), rows.len());
    assert_eq!(table(kept, "1999"), Vec::<Vec<String>>::new());
    let two_forms = kept.call(SENDER, &[&ask[..], &["--csv"]].concat());
    assert_eq!(code(&two_forms), 2, "--csv and -o json");
    let auditor = kept.call("ita-coast-guard-auditor", &ask);
    assert_eq!(code(&auditor), 4, "{}", err(&auditor));
}
