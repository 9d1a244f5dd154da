//! A request that came to a wrong authority, followed by the command line alone.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::network::Kept;
use crate::cli::{code, err, out, program, text, write};

const BRA: &str = "bra-central-authority-officer";
const ARE: &str = "are-central-authority-officer";
const BEL: &str = "bel-central-authority-officer";
const BEL_DESK: &str = "bel.central-authority/mla";

/// The example's request for bank records with a change, sent by the officer of BRA to ARE and
/// acknowledged there; gives the file and the request's id.
fn misdirected(kept: &Kept, onward: &str) -> (Value, String) {
    let file = std::fs::read(kept.net().join("messages/ex1-bank-records.json")).expect("a file");
    let mut message: Value = serde_json::from_slice(&file).expect("JSON");
    message["handling"]["onward_sharing"] = json!(onward);
    message["handling"]["confidentiality_requested"] = json!(false);
    // A request with attachments is for its requester alone to send on.
    message.as_object_mut().expect("an object").remove("attachments");
    message["languages"] = json!({"request": "en"});
    for offence in message["offences"].as_array_mut().expect("offences") {
        offence.as_object_mut().expect("an object").remove("text_attachment");
        offence["max_penalty_years"] = json!(8);
    }
    let path = kept.net().join(format!("{onward}.json"));
    write(&path, &message.to_string());
    let sent = send(kept, BRA, &path);
    let request = sent["messages"][0]["request_id"].as_str().expect("an id").to_owned();
    let ack = json!({"ack": {"level": "central_authority", "contact": "mla@justice.example"}});
    send(kept, ARE, &answer(kept, &message, &request, "ack_receipt", ack));
    (message, request)
}

fn send(kept: &Kept, context: &str, file: &std::path::Path) -> Value {
    kept.answer(context, &["request", "send", "-f", text(file), "--wait", "delivered"])
}

/// A message file of ARE in that request.
fn answer(kept: &Kept, message: &Value, request: &str, act: &str, own: Value) -> PathBuf {
    let mut answer = json!({
        "request_id": request, "message_type": act, "kind": message["kind"],
        "form": "electronic_written", "urgency": message["urgency"],
        "from": message["to"][0], "official": message["official"], "to": [message["from"]],
        "references": {"requesting": message["references"]["requesting"], "requested": "ARE-1"},
        "languages": {"request": "en"}, "handling": message["handling"],
    });
    answer.as_object_mut().expect("an object").extend(own.as_object().expect("one").clone());
    let path = kept.net().join(format!("{act}-{request}.json"));
    write(&path, &answer.to_string());
    path
}

/// The executing agencies of a request with their states.
fn parties(kept: &Kept, context: &str, request: &str) -> Vec<(String, String)> {
    let shown = kept.answer(context, &["request", "show", request]);
    let of = |it: &Value, name: &str| it[name].as_str().expect("a text").to_owned();
    let parties = shown["request"]["parties"].as_array().expect("parties");
    let mut parties: Vec<_> =
        parties.iter().map(|it| (of(it, "agency"), of(it, "state"))).collect();
    parties.sort();
    parties
}

fn states(are: &str, bel: &str) -> Vec<(String, String)> {
    [("are.central-authority", are), ("bel.central-authority", bel)]
        .map(|(agency, state)| (agency.to_owned(), state.to_owned()))
        .to_vec()
}

#[test]
fn a_misdirected_request_is_passed_on_or_sent_anew_and_acknowledged_where_it_belongs() {
    let kept = Kept::all();
    it_is_passed_on_with_its_proof(&kept);
    it_is_sent_anew_where_it_may_not_be_passed_on(&kept);
    one_command_forwards_it(&kept);
}

fn one_command_forwards_it(kept: &Kept) {
    let (message, request) = misdirected(kept, "free");
    let shown = kept.answer(ARE, &["request", "show", &request]);
    let opening = shown["messages"][0]["message_id"].as_str().expect("an id").to_owned();
    let [note, empty, rest] = ["why.txt", "empty.txt", "rest.json"].map(|it| kept.net().join(it));
    write(&note, "The account moved to another bank\n");
    write(&empty, "\n");
    let words = json!({"form": "electronic_written", "official": message["official"],
        "references": {"requesting": message["references"]["requesting"], "requested": "ARE-1"},
        "languages": {"request": "en"}, "handling": message["handling"]});
    write(&rest, &words.to_string());
    let forward = |note| {
        ["request", "forward", &opening, "--to", BEL_DESK, "--note", text(note), "-f", text(&rest)]
    };
    let silent = kept.call(ARE, &forward(&empty));
    assert_eq!(code(&silent), 6, "{}", err(&silent));
    let told = kept.answer(ARE, &[&forward(&note)[..], &["--wait", "delivered"]].concat());
    let messages = told["messages"].as_array().expect("messages");
    let to: Vec<_> = messages.iter().map(|it| it["destination"].as_str()).collect();
    assert_eq!(to, [Some("bra.central-authority"), Some("bel.central-authority")]);
    assert_eq!(parties(kept, BRA, &request), states("redirected", "delivered"));
    let handed_on = messages[1]["message_id"].as_str().expect("an id");
    let shown = kept.answer(BEL, &["inbox", "show", handed_on]);
    assert_eq!(shown["original"]["facts"], message["facts"]);
    assert_eq!(shown["content"]["redirect"]["reason"], "The account moved to another bank");
    let again = kept.call(ARE, &forward(&note));
    assert_eq!(code(&again), 6, "{}", err(&again));
}

fn it_is_passed_on_with_its_proof(kept: &Kept) {
    let (message, request) = misdirected(kept, "free");
    let redirect = json!({"redirect": {"to": BEL_DESK, "reason": "The account moved"}});
    let told = send(kept, ARE, &answer(kept, &message, &request, "redirect_notice", redirect));
    let messages = told["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 2, "one for the requester, one for the competent authority");
    let handed_on = messages[1]["message_id"].as_str().expect("an id");
    assert_eq!(parties(kept, BRA, &request), states("redirected", "delivered"));

    let shown = kept.answer(BEL, &["inbox", "show", handed_on]);
    assert_eq!(shown["original"]["facts"], message["facts"]);
    assert!(shown["content"]["redirect"]["original"]["proof"].is_string());
    let read = program(&kept.net())
        .args(["--context", BEL, "inbox", "show", handed_on])
        .output()
        .expect("it starts");
    assert_eq!(code(&read), 0, "{}", err(&read));
    let proved = "It hands on this request (proved: entry ";
    assert!(out(&read).contains(proved), "{}", out(&read));
    assert!(!out(&read).contains("\"proof\""), "people read what it says");
    // The answer goes to who asked, and not to who passed it on.
    let ack = kept.net().join("bel.json");
    let words = json!({"form": "electronic_written", "official": message["official"],
        "references": {"requesting": "BRA-CA-01/2026/000417", "requested": "BEL-1"},
        "languages": {"request": "en"}, "handling": message["handling"],
        "ack": {"level": "central_authority", "contact": "mla@justice.example"}});
    write(&ack, &words.to_string());
    let reply = ["inbox", "reply", handed_on, "--type", "ack_receipt", "-f", text(&ack)];
    let replied = kept.answer(BEL, &[&reply[..], &["--wait", "delivered"]].concat());
    assert_eq!(replied["messages"][0]["destination"], "bra.central-authority");
    assert_eq!(parties(kept, BRA, &request), states("redirected", "received"));
}

fn it_is_sent_anew_where_it_may_not_be_passed_on(kept: &Kept) {
    let (message, request) = misdirected(kept, "originator_consent");
    let mut redirect = json!({"redirect": {"to": BEL_DESK, "reason": "The account moved"}});
    let file = answer(kept, &message, &request, "redirect_notice", redirect.clone());
    let refused = kept.call(ARE, &["request", "send", "-f", text(&file)]);
    assert_eq!(code(&refused), 4, "{}", err(&refused));
    assert!(err(&refused).contains("ORIGINATOR_RESTRICTION_BROKEN"), "{}", err(&refused));
    redirect["redirect"]["passed_on"] = json!(false);
    send(kept, ARE, &answer(kept, &message, &request, "redirect_notice", redirect));
    let stranger = kept.call(ARE, &["request", "anew", &request, "--to", BEL_DESK]);
    assert_eq!(code(&stranger), 6, "{}", err(&stranger));
    let anew = ["request", "anew", &request, "--to", BEL_DESK, "--wait", "delivered"];
    let sent = kept.answer(BRA, &anew);
    assert_eq!(sent["messages"][0]["request_id"], request.as_str());
    assert_eq!(parties(kept, BRA, &request), states("redirected", "delivered"));
    let again = kept.call(BRA, &anew);
    assert_eq!(code(&again), 6, "{}", err(&again));
    assert!(err(&again).contains("REQUEST_EXISTS"), "{}", err(&again));
}
