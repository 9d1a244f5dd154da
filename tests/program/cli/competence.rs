//! A request to "the flag State's authority of Panama", by the command line alone: where it would go is
//! shown before it is sent, and afterwards who was asked for and which directory said who that is.

use serde_json::{Value, json};

use crate::cli::network::{Kept, SENDER};
use crate::cli::{code, err, out, program, root, text, write};

const DESK: &str = "pan.maritime-authority/flag-state-desk";

#[test]
fn a_request_by_competence_is_checked_planned_sent_and_shown() {
    let kept = Kept::start();
    let example = std::fs::read(kept.net().join("messages/ex2-vessel.json")).expect("a file");
    let mut message: Value = serde_json::from_slice(&example).expect("JSON");
    message.as_object_mut().expect("an object").remove("to");
    message["competence"] = json!({"country": "PAN", "function": "flag_state_authority"});
    let file = kept.net().join("messages/by-competence.json");
    write(&file, &message.to_string());

    let network = root().join("config/demo/network.json");
    let checked =
        kept.answer(SENDER, &["request", "check", "-f", text(&file), "--network", text(&network)]);
    let checked = &checked["files"][0];
    assert_eq!(checked["verdict"], "acceptable", "{checked}");
    assert_eq!(checked["competence"]["contact_point"], DESK);
    let without = kept.answer(SENDER, &["request", "check", "-f", text(&file)]);
    let findings = without["files"][0]["findings"].as_array().expect("findings").iter();
    let mut places = findings.map(|it| (it["pointer"].as_str(), it["code"].as_str()));
    assert!(places.any(|it| it == (Some("/competence"), Some("NETWORK_NOT_KNOWN"))), "{without}");

    let send = ["request", "send", "-f", text(&file), "--idempotency-key", "k-1"];
    let plan = kept.answer(SENDER, &[&send[..], &["--dry-run"]].concat());
    let planned = &plan["messages"][0];
    assert_eq!(planned["competence"]["contact_point"], DESK, "{plan}");
    assert_eq!(planned["receipt"], Value::Null, "nothing was sent");
    let said = shown(&kept, &[&send[..], &["--dry-run"]].concat());
    let line = format!("PAN flag_state_authority is {DESK} by directory version ");
    assert!(said.contains(&line), "{said}");

    let sent = kept.answer(SENDER, &[&send[..], &["--wait", "delivered"]].concat());
    let one = &sent["messages"][0];
    assert_eq!(one["competence"], planned["competence"]);
    let request = one["request_id"].as_str().expect("an id");
    let state = kept.answer(SENDER, &["request", "show", request]);
    let message = &state["messages"][0];
    assert_eq!((&message["competence"], &message["to"]), (&one["competence"], &json!([DESK])));
    for more in [&[][..], &["--route"][..]] {
        let said = shown(&kept, &[&["request", "show", request][..], more].concat());
        assert!(said.contains(&format!("addressed by competence: {line}")), "{said}");
    }

    message_to_nobody(&kept, &message_file(&file));
}

fn message_file(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

/// Nobody of Peru answers for ships: the place and the code are told, and nothing is sent.
fn message_to_nobody(kept: &Kept, message: &Value) {
    let mut message = message.clone();
    message["competence"]["country"] = json!("PER");
    let file = kept.net().join("messages/to-nobody.json");
    write(&file, &message.to_string());
    let refused = kept.call(SENDER, &["request", "send", "-f", text(&file), "--dry-run"]);
    assert_eq!(code(&refused), 6, "{}", err(&refused));
    let told = err(&refused);
    assert!(told.contains("/competence") && told.contains("NO_COMPETENT_CONTACT_POINT"), "{told}");
}

/// What people are shown.
fn shown(kept: &Kept, arguments: &[&str]) -> String {
    let mut command = program(&kept.net());
    let output = command.args(["--context", SENDER]).args(arguments).output();
    let output = output.expect("the program starts");
    assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
    out(&output)
}
