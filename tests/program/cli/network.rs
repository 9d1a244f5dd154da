//! Every role at work on a network of three nodes, by the command line alone.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::cli::{code, err, folder, mode, out, program, run, text};

/// A demo network that goes on, until the value is dropped.
pub(crate) struct Kept {
    home: tempfile::TempDir,
}

impl Kept {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// All agencies of the examples, not only those of the vessel.
    pub(crate) fn all() -> Self {
        Self::with(&["--all"])
    }

    fn with(flags: &[&str]) -> Self {
        let home = folder();
        let net = home.path().join("net");
        let demo = ["demo", "--keep", text(&net), "-o", "json"];
        let output = run(home.path(), &[&demo[..], flags].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        Self { home }
    }

    pub(crate) fn net(&self) -> PathBuf {
        self.home.path().join("net")
    }

    pub(crate) fn call(&self, context: &str, arguments: &[&str]) -> Output {
        let mut command = program(&self.net());
        command.args(["--context", context, "-o", "json"]).args(arguments);
        command.output().expect("the program starts")
    }

    pub(crate) fn answer(&self, context: &str, arguments: &[&str]) -> Value {
        let output = self.call(context, arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
        serde_json::from_str(&out(&output)).expect("one JSON document")
    }

    fn network(&self) -> Value {
        let file = std::fs::read(self.net().join("network.json")).expect("network.json");
        serde_json::from_slice(&file).expect("JSON")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(run(self.home.path(), &["demo", "--stop", text(&self.net())]));
    }
}

pub(crate) const SENDER: &str = "ita-coast-guard-officer";
pub(crate) const RECEIVER: &str = "pan-maritime-authority-officer";

#[test]
fn every_role_does_its_work_by_the_command_line() {
    let kept = Kept::start();
    who_is_competent_is_found(&kept);
    let (request, message) = a_request_is_sent_read_and_answered(&kept);
    the_way_is_shown_with_proofs(&kept, &request);
    auditors_verify_online_and_offline(&kept);
    what_may_not_be_is_told_by_its_code(&kept, &message);
    an_operator_looks_after_a_node(&kept);
}

fn who_is_competent_is_found(kept: &Kept) {
    // On a Sunday night, in no zone of theirs an opening hour.
    let resolve = |country: &str, kind: &str| {
        let asked = ["--country", country, "--kind", kind, "--at", "2026-07-05T03:00:00Z"];
        let answer = kept.answer(SENDER, &[&["directory", "resolve"], &asked[..]].concat());
        answer["recipients"].as_array().cloned().unwrap_or_default()
    };
    let flag = resolve("PAN", "SOM.8.2.VESSEL");
    let [desk] = flag.as_slice() else { panic!("one desk answers for ships: {flag:?}") };
    assert_eq!(desk["contact_point"], "pan.maritime-authority/flag-state-desk");
    assert_eq!(
        (&desk["competent_as"], &desk["open"]),
        (&"flag_state_authority".into(), &true.into())
    );
    assert_eq!(desk["route"], serde_json::json!(["int.liaison-hub", "pan.maritime-authority"]));
    let liaison = resolve("ITA", "UNTOC.27.1.D.LIAISON");
    let told: Vec<_> = liaison
        .iter()
        .map(|it| {
            (
                it["contact_point"].as_str().unwrap_or_default(),
                it["opens_at"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let police = ("ita.border-police/duty-desk", "2026-07-05T03:00:00Z");
    let central = ("ita.central-authority/mla", "2026-07-06T09:00:00Z");
    assert_eq!(told, [police, central], "who is there comes before who opens on Monday");
    let mut command = program(&kept.net());
    command.args(["--context", SENDER, "--utc", "directory", "resolve", "--country", "ITA"]);
    command.args(["--kind", "UNTOC.27.1.D.LIAISON", "--at", "2026-07-05T03:00:00Z"]);
    let shown = out(&command.output().expect("the program starts"));
    assert!(shown.contains("\tclosed, opens 2026-07-06T09:00:00Z\tno route\t"), "{shown}");
    let wrong = kept.call(SENDER, &["directory", "resolve", "--kind", "SOM.8.2.VESSEL"]);
    assert_eq!(code(&wrong), 2, "neither a desk nor a country");
}

fn a_request_is_sent_read_and_answered(kept: &Kept) -> (String, String) {
    let net = kept.net();
    let file = net.join("messages/ex2-vessel.json");
    let receipt = net.join("receipt");
    let send = ["request", "send", "-f", text(&file), "--idempotency-key", "k-1"];
    let plan = kept.answer(SENDER, &[&send[..], &["--dry-run"]].concat());
    assert_eq!(plan["messages"][0]["route"][0], "int.liaison-hub");
    assert_eq!(plan["messages"][0]["receipt"], Value::Null, "nothing was sent");
    let more = ["--wait", "delivered", "--save-receipt", text(&receipt)];
    let sent = kept.answer(SENDER, &[&send[..], &more].concat());
    let again = kept.answer(SENDER, &send);
    assert_eq!(again["messages"], sent["messages"], "the same call, the same receipt");
    assert_eq!(again["repeated_call"], true);
    let [message, request] = ["message_id", "request_id"]
        .map(|name| sent["messages"][0][name].as_str().expect("an id").to_owned());

    let claimed = kept.answer(RECEIVER, &["inbox", "claim", &message, "--lease", "1h"]);
    assert!(claimed["lease_until"].is_string());
    let copy = net.join("copy.json");
    let shown = kept.answer(RECEIVER, &["inbox", "show", &message, "--save", text(&copy)]);
    let written: Value =
        serde_json::from_slice(&std::fs::read(&copy).expect("the copy")).expect("JSON");
    assert_eq!(written["facts"], shown["content"]["facts"]);
    assert_eq!(mode(&copy), 0o600);
    let answer = net.join("messages/ex2-answer-ack-receipt.json");
    let named = format!("ita.coast-guard/{message}");
    let reply = ["inbox", "reply", &named, "-f", text(&answer), "--wait", "delivered"];
    let replied = kept.answer(RECEIVER, &reply);
    assert_eq!(replied["messages"][0]["request_id"], request.as_str());
    kept.answer(RECEIVER, &["inbox", "ack", &message]);
    (request, message)
}

fn the_way_is_shown_with_proofs(kept: &Kept, request: &str) {
    let shown = kept.answer(SENDER, &["request", "show", request, "--route"]);
    assert_eq!(shown["request"]["parties"][0]["state"], "received");
    let stations = shown["messages"][0]["stations"].as_array().expect("stations");
    let words: Vec<_> = stations.iter().filter_map(|it| it["station"].as_str()).collect();
    assert_eq!(words, ["accepted", "relayed", "delivered", "retrieved"]);
    assert!(stations.iter().all(|it| it["proof_found"]["state"] == "holds"), "{stations:?}");
    assert!(stations.iter().skip(1).all(|it| it["took_ms"].is_i64()), "{stations:?}");
    assert_eq!(shown["messages"][0]["open"], Value::Null, "nothing is missing");
    the_way_of_attachments_is_shown(kept, request);
    let watch = ["-o", "jsonl", "request", "watch", request, "--timeout", "1s"];
    let mut command = program(&kept.net());
    let output = command.args(["--context", SENDER]).args(watch).output().expect("it starts");
    assert_eq!(code(&output), 8, "the request is not over");
    assert!(out(&output).lines().count() >= 7, "{}", out(&output));
}

/// The stations of what is attached are proved like those of the message.
fn the_way_of_attachments_is_shown(kept: &Kept, request: &str) {
    let show = ["request", "show", request, "--route"];
    let mut attached = Vec::new();
    wait_until(|| {
        let shown = kept.answer(SENDER, &show);
        attached = shown["messages"][0]["attachments"].as_array().expect("files").clone();
        attached.iter().all(|it| it["state"] == "arrived")
    });
    assert_eq!(attached.len(), 2);
    for attachment in attached {
        let stations = attachment["stations"].as_array().expect("stations");
        let words: Vec<_> = stations.iter().filter_map(|it| it["station"].as_str()).collect();
        assert_eq!(words, ["attachment_relayed", "attachment_arrived"]);
        assert!(stations.iter().all(|it| it["proof_found"]["state"] == "holds"), "{stations:?}");
        assert_eq!(attachment["open"], Value::Null);
    }
    let mut command = program(&kept.net());
    let output = command.args(["--context", SENDER]).args(show).output().expect("it starts");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let line = "attachment_arrived\tpan.maritime-authority\t";
    assert!(out(&output).contains(line), "{}", out(&output));
}

fn auditors_verify_online_and_offline(kept: &Kept) {
    for context in ["ita-coast-guard", "int-liaison-hub", "pan-maritime-authority"] {
        let verdict = kept.answer(&format!("{context}-auditor"), &["audit", "verify"]);
        assert_eq!(verdict["verified"], true, "{context}");
        assert!(verdict["entries"].as_u64() > Some(10), "{context}");
    }
    let (net, auditor) = (kept.net(), "ita-coast-guard-auditor");
    let entries = kept.answer(auditor, &["audit", "replay", "--to", "2"]);
    assert_eq!(entries[0]["states"]["fact"], "journal_opened");
    let proofs = net.join("proofs");
    std::fs::create_dir(&proofs).expect("a folder");
    kept.answer(auditor, &["audit", "proof", "1", "--save", text(&proofs.join("one"))]);
    let directory = net.join("directory");
    let offline = ["--directory", text(&directory), "audit", "verify"];
    let (proof, entry) = (net.join("receipt.tlog-proof"), net.join("receipt.entry"));
    let receipt = ["--proof", text(&proof), "--entry", text(&entry)];
    let output = run(kept.home.path(), &[&offline[..], &receipt].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("states\tsubmitted"), "{}", out(&output));
    let folder = [&offline[..], &["--from-dir", text(&proofs)]].concat();
    assert_eq!(code(&run(kept.home.path(), &folder)), 0);
    let mut bytes = std::fs::read(proofs.join("one.entry")).expect("the entry");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::File::create(proofs.join("one.entry"))
        .and_then(|mut it| it.write_all(&bytes))
        .expect("the entry is changed");
    let output = run(kept.home.path(), &folder);
    assert_eq!(code(&output), 7, "{}", err(&output));
    assert!(out(&output).contains("FAILS\t"), "{}", out(&output));
}

fn what_may_not_be_is_told_by_its_code(kept: &Kept, message: &str) {
    let auditor = "pan-maritime-authority-auditor";
    for (context, arguments, wanted) in [
        (auditor, &["inbox", "show", message][..], 4),
        (RECEIVER, &["audit", "verify"], 4),
        (RECEIVER, &["inbox", "claim", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"], 5),
        (SENDER, &["request", "show", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"], 5),
        (RECEIVER, &["inbox", "reply", message, "--type", "closing"], 6),
    ] {
        let output = kept.call(context, arguments);
        assert_eq!(code(&output), wanted, "{arguments:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{arguments:?}");
        let failure: Value =
            serde_json::from_str(err(&output).lines().last().expect("a line")).expect("JSON");
        assert_eq!(failure["exit_code"], wanted);
    }
}

fn an_operator_looks_after_a_node(kept: &Kept) {
    let operator = "pan-maritime-authority-operator";
    let peers = kept.answer(operator, &["node", "peers"]);
    assert_eq!(peers["peers"][0]["agency"], "int.liaison-hub");
    kept.answer(operator, &["node", "queue"]);
    let network = kept.network();
    let node = &network["agencies"]["pan.maritime-authority"];
    let config = node["config"].as_str().expect("a path").to_owned();
    let log = node["log"].as_str().expect("a path").to_owned();
    let configured = ["--config", config.as_str()];
    let ask = |words: &[&str]| run(kept.home.path(), &[words, &configured].concat());
    assert_eq!(code(&ask(&["node", "health"])), 0);
    assert_eq!(code(&ask(&["node", "config", "check"])), 0);
    assert_eq!(code(&ask(&["node", "check"])), 6, "the node has its store");
    let pid = node["pid"].to_string();
    signal(&pid, "-HUP");
    let read_again = "the directory was read again; nothing in it is newer";
    wait_until(|| std::fs::read_to_string(&log).is_ok_and(|log| log.contains(read_again)));
    assert_eq!(code(&ask(&["node", "health"])), 0, "it goes on");
    signal(&pid, "-TERM");
    wait_until(|| code(&ask(&["node", "health"])) == 9);
    wait_until(|| code(&ask(&["node", "check"])) != 6);
    let checked = ask(&["-o", "json", "node", "check"]);
    assert_eq!(code(&checked), 0, "{}", err(&checked));
    let checked: Value = serde_json::from_str(&out(&checked)).expect("JSON");
    assert_eq!(checked["entries"], checked["folded_entries"]);
    let rebuilt = ask(&["-o", "json", "node", "rebuild"]);
    let rebuilt: Value = serde_json::from_str(&out(&rebuilt)).expect("JSON");
    assert_eq!(rebuilt["same"], true, "folding again gives the same state");
}

fn signal(pid: &str, name: &str) {
    let sent = Command::new("kill").args([name, pid]).status().expect("kill starts");
    assert!(sent.success(), "{name} {pid}");
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("it did not come about in a minute");
}
