//! The promise: what goes through a central authority that reviews (UNTOC 18(13)) is read, remarked on and
//! released there by its officers, or given back, and whoever sent it sees so beforehand and after, with
//! proof; all by the command line alone.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rogatory::directory::write::to_toml;
use serde_json::{Value, json};

use crate::network::{DESTINATION, Network, ORIGIN, drafts, until};

/// A central authority, as the examples list it: it reviews what passes.
const REVIEWER: &str = "ita.central-authority";

fn call(network: &Network, context: &str, arguments: &[&str]) -> Output {
    by(network, context, "json", arguments)
}

fn by(network: &Network, context: &str, form: &str, arguments: &[&str]) -> Output {
    let home = network.folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROGATORY_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", home).env("HOME", home).stdin(Stdio::null());
    command.args(["--context", context, "-o", form]).args(arguments);
    command.output().expect("the program starts")
}

fn answer(network: &Network, context: &str, arguments: &[&str]) -> Value {
    let output = call(network, context, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive it")]
fn put(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the file can be written");
}

fn context(agency: &str, role: &str) -> String {
    format!("{}-{role}", agency.replace('.', "-"))
}

/// Stations of a request's only message as its sender shows them, once `last` is among them.
async fn way(network: &Network, request: &str, last: &str) -> Vec<Value> {
    let officer = context(ORIGIN, "officer");
    until("the way of a message", async || {
        let shown = answer(network, &officer, &["request", "show", request, "--route"]);
        let stations = shown["messages"][0]["stations"].as_array().expect("stations").clone();
        stations.iter().any(|it| it["station"] == last).then_some(stations)
    })
    .await
}

fn words(stations: &[Value]) -> Vec<(String, String)> {
    let word = |it: &'_ Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    stations.iter().map(|it| (word(it, "station"), word(it, "agency"))).collect()
}

async fn sent(network: &Network, facts: &str) -> [String; 2] {
    let file = network.folder().join("request.json");
    put(&file, &drafts::request(facts).to_string());
    let file = file.to_str().expect("a path of this test");
    let officer = context(ORIGIN, "officer");
    let plan = answer(network, &officer, &["request", "send", "-f", file, "--dry-run"]);
    assert_eq!(plan["messages"][0]["readers"], json!([REVIEWER, DESTINATION]));
    let sent = answer(network, &officer, &["request", "send", "-f", file]);
    let ids = ["message_id", "request_id"];
    let ids = ids.map(|it| sent["messages"][0][it].as_str().expect("an id").to_owned());
    let reviewer = context(REVIEWER, "officer");
    until("the message to be held", async || {
        let held = answer(network, &reviewer, &["transit", "list"]);
        let items = held["items"].as_array().cloned().unwrap_or_default();
        items.iter().any(|it| it["message"]["message_id"] == ids[0].as_str()).then_some(())
    })
    .await;
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_central_authority_reads_remarks_releases_and_gives_back_by_the_command_line() {
    let mut network = Network::between(&[REVIEWER]).await;
    let stages = [ORIGIN, REVIEWER, DESTINATION];
    for stage in stages {
        network.start(stage);
    }
    for stage in stages {
        network.serves(stage).await;
    }
    who_will_read_is_known_beforehand(&network);
    let [id, request] = sent(&network, "A vessel was sighted").await;
    what_is_held_is_listed_and_read(&network, &id);
    what_others_may_not_do_is_refused(&network, &id);

    let reviewer = context(REVIEWER, "officer");
    let remark = ["transit", "annotate", &id, "--remark", "form-checked"];
    assert!(answer(&network, &reviewer, &remark)["receipt"].is_object());
    let note = a_note_goes_to_the_recipient(&network, &id).await;
    assert!(answer(&network, &reviewer, &["transit", "release", &id])["receipt"].is_object());
    let stations = way(&network, &request, "delivered").await;
    let expected = [
        ("accepted", ORIGIN),
        ("relayed", REVIEWER),
        ("annotated_form_checked", REVIEWER),
        ("annotated_noted", REVIEWER),
        ("released", REVIEWER),
        ("delivered", DESTINATION),
    ];
    assert_eq!(words(&stations), expected.map(|(it, by)| (it.to_owned(), by.to_owned())));
    assert!(stations.iter().all(|it| it["proof_found"]["state"] == "holds"), "{stations:?}");
    assert_eq!(answer(&network, &reviewer, &["transit", "list"])["items"], Value::Null);

    let about = format!("{id} of {ORIGIN}, which is here as its origin sent it (proved: entry ");
    let read = to_people(&network, DESTINATION, &["inbox", "show", &note]);
    assert!(read.contains(&format!("It is a note of {REVIEWER} about {about}")), "{read}");
    assert!(read.contains(WORDS) && !read.contains("\"proof\""), "{read}");

    let [id, request] = sent(&network, "Another vessel was sighted").await;
    answer(&network, &reviewer, &["transit", "return", &id, "--reason", "competence"]);
    let stations = way(&network, &request, "undelivered").await;
    let last = stations.last().expect("a station");
    assert_eq!(
        (&last["station"], &last["reason"]),
        (&json!("undelivered"), &json!("REVIEW_COMPETENCE"))
    );
    let late = call(&network, &reviewer, &["transit", "release", &id]);
    assert_eq!(late.status.code(), Some(6), "{}", String::from_utf8_lossy(&late.stderr));

    let journal = network.journal(REVIEWER).await;
    let facts = journal.replayed(&network.made.directory).expect("the journal holds").facts;
    let counted =
        ["taken_over", "read", "transit_annotated", "submitted", "transit_released", "returned"];
    let counts = counted.map(|it| facts.get(it).copied());
    assert_eq!(counts, [2, 1, 2, 1, 1, 1].map(Some), "{facts:?}");
}

/// What the authority writes to whom the message is for.
const WORDS: &str = "The vessel changed its name in May";

/// The authority writes a note about what it holds, and its recipient reads it first; gives its id.
async fn a_note_goes_to_the_recipient(network: &Network, id: &str) -> String {
    let (empty, file) = (network.folder().join("empty.txt"), network.folder().join("note.txt"));
    put(&empty, "");
    put(&file, WORDS);
    let [empty, file] = [&empty, &file].map(|it| it.to_str().expect("a path of this test"));
    let reviewer = context(REVIEWER, "officer");
    let unsaid = call(network, &reviewer, &["transit", "annotate", id]);
    assert_eq!(unsaid.status.code(), Some(2), "a remark or a note");
    let both = ["transit", "annotate", id, "--remark", "consult", "--note", file];
    assert_eq!(call(network, &reviewer, &both).status.code(), Some(2), "not both");
    let silent = call(network, &reviewer, &["transit", "annotate", id, "--note", empty]);
    assert_eq!(silent.status.code(), Some(6), "{}", String::from_utf8_lossy(&silent.stderr));
    let told = answer(network, &reviewer, &["transit", "annotate", id, "--note", file]);
    let note = told["note_id"].as_str().expect("an id").to_owned();
    assert!(told["receipt"].is_object() && told["note_receipt"].is_object(), "{told}");
    let again = call(network, &reviewer, &["transit", "annotate", id, "--note", file]);
    assert_eq!(again.status.code(), Some(6), "{}", String::from_utf8_lossy(&again.stderr));
    let officer = context(DESTINATION, "officer");
    until("the note to be listed", async || {
        let listed = answer(network, &officer, &["inbox", "list"]);
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        items.iter().any(|it| it["message"]["message_id"] == note.as_str()).then_some(())
    })
    .await;
    let shown = answer(network, &officer, &["inbox", "show", &note]);
    assert_eq!(shown["content"]["transit_note"]["text"], WORDS);
    assert!(shown["content"]["transit_note"]["proof"].is_string(), "{shown}");
    let read = to_people(network, DESTINATION, &["inbox", "show", &note]);
    assert!(read.contains(&format!("about {id} of {ORIGIN}, not here yet (proved")), "{read}");
    note
}

/// What an officer of `agency` sees on the screen.
fn to_people(network: &Network, agency: &str, arguments: &[&str]) -> String {
    let output = by(network, &context(agency, "officer"), "text", arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn who_will_read_is_known_beforehand(network: &Network) {
    let officer = context(ORIGIN, "officer");
    let ask = ["directory", "resolve", drafts::DESTINATION_DESK, "--kind", "SOM.8.2.VESSEL"];
    let found = answer(network, &officer, &ask);
    assert_eq!(found["recipients"][0]["route"], json!([REVIEWER, DESTINATION]));
    assert_eq!(found["recipients"][0]["readers"], json!([REVIEWER, DESTINATION]));
    let (directory, file) =
        (network.folder().join("all.toml"), network.folder().join("check.json"));
    let text = to_toml(&network.made.directory.draft());
    put(&directory, &text);
    put(&file, &drafts::request("A vessel").to_string());
    let [directory, file] = [&directory, &file].map(|it| it.to_str().expect("a path of this test"));
    let judged =
        answer(network, &officer, &["request", "check", "-f", file, "--network", directory]);
    let way = json!([{
        "destination": DESTINATION,
        "route": [REVIEWER, DESTINATION],
        "readers": [REVIEWER, DESTINATION],
    }]);
    assert_eq!(judged["files"][0]["ways"], way, "{judged}");
}

fn what_is_held_is_listed_and_read(network: &Network, id: &str) {
    let operator = context(REVIEWER, "operator");
    let owed = answer(network, &operator, &["node", "queue", "show", id]);
    let items = owed["items"].as_array().expect("items");
    let held = items.iter().find(|it| it["item"] == "message").expect("the message is owed");
    assert_eq!((&held["state"], &held["must_act"]), (&json!("under_review"), &json!("officer")));
    assert!(held["since"].is_string() && held["expires_at"].is_string(), "{held}");
    let officer = context(REVIEWER, "officer");
    let shown = answer(network, &officer, &["inbox", "show", id]);
    assert_eq!(shown["content"]["facts"], "A vessel was sighted");
    assert_eq!(shown["message"]["custody"], "under_review");
}

fn what_others_may_not_do_is_refused(network: &Network, id: &str) {
    let service = call(network, &context(REVIEWER, "service"), &["transit", "release", id]);
    assert_eq!(service.status.code(), Some(4), "{}", String::from_utf8_lossy(&service.stderr));
    let own = call(network, &context(DESTINATION, "officer"), &["transit", "release", id]);
    assert_eq!(own.status.code(), Some(5), "{}", String::from_utf8_lossy(&own.stderr));
    let officer = context(REVIEWER, "officer");
    let output = call(network, &officer, &["transit", "return", id, "--reason", "dislike"]);
    assert_eq!(output.status.code(), Some(2));
}
