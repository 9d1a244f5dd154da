//! What nodes owe each other, and the word that one takes nothing new, by the command line alone.

use serde_json::Value;

use crate::cli::network::{Kept, SENDER};
use crate::cli::{code, err, out, text};

const NEAR: &str = "ita-coast-guard-operator";
const HUB: &str = "int-liaison-hub-operator";

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("waited for {what}");
}

fn sent(kept: &Kept, flags: &[&str]) -> [String; 2] {
    let file = kept.net().join("messages/ex2-vessel.json");
    let send = ["request", "send", "-f", text(&file)];
    let sent = kept.answer(SENDER, &[&send[..], flags].concat());
    ["message_id", "request_id"]
        .map(|name| sent["messages"][0][name].as_str().expect("an id").to_owned())
}

fn of(kept: &Kept, id: &str) -> Value {
    let output = kept.call(NEAR, &["node", "queue", "show", id]);
    if code(&output) == 5 {
        return Value::Null;
    }
    let answer: Value = serde_json::from_str(&out(&output)).expect("one JSON document");
    let items = answer["items"].as_array().expect("items");
    items.iter().find(|it| it["item"] == "message").cloned().unwrap_or_default()
}

#[test]
fn an_operator_drains_a_node_and_sees_what_waits_for_it() {
    let kept = Kept::start();
    sent(&kept, &["--wait", "delivered"]);
    let drained = kept.answer(HUB, &["node", "drain", "on", "--wait", "60s"]);
    assert_eq!(drained["drain"]["empty"], true, "{drained}");
    assert_eq!(kept.answer(HUB, &["node", "drain"])["drain"]["since"], drained["drain"]["since"]);
    wait_until("the neighbour to hear of it", || {
        let peers = kept.answer(NEAR, &["node", "peers"]);
        peers["peers"][0]["draining"] == true
    });
    let [id, request] = sent(&kept, &[]);
    wait_until("the message to wait", || of(&kept, &id)["reason"] == "DRAINING");
    let item = of(&kept, &id);
    assert_eq!((&item["state"], &item["must_act"]), (&"waiting".into(), &"peer".into()), "{item}");
    assert_eq!(item["peer"], "int.liaison-hub");
    let shown = kept.answer(SENDER, &["request", "show", &request, "--route"]);
    let open = &shown["messages"][0]["open"];
    assert_eq!((&open["state"], &open["agency"]), (&"waiting".into(), &"ita.coast-guard".into()));
    let listed = kept.answer(NEAR, &["node", "queue", "list"]);
    let listed = listed["items"].as_array().expect("items").clone();
    assert!(listed.iter().any(|it| it["message_id"] == id.as_str()), "{listed:?}");
    assert_eq!(kept.answer(NEAR, &["node", "queue"])["items"], Value::Array(listed));
    let none = kept.answer(NEAR, &["node", "queue", "--set-aside"]);
    assert_eq!(none["items"], Value::Null, "nothing is set aside: {none}");
    for verb in ["release", "return"] {
        assert_eq!(code(&kept.call(NEAR, &["node", "queue", verb, &id])), 5, "{verb}");
        let named = format!("ita.coast-guard/{id}");
        let output = kept.call(NEAR, &["node", "queue", verb, &named]);
        assert_eq!(code(&output), 6, "{verb}");
        assert!(err(&output).contains("\"STATE_FORBIDS\""), "{}", err(&output));
    }

    let own = kept.answer(NEAR, &["node", "drain", "on"]);
    assert_eq!((&own["drain"]["messages"], &own["drain"]["empty"]), (&1.into(), &Value::Null));
    let file = kept.net().join("messages/ex2-vessel.json");
    let refused = kept.call(SENDER, &["request", "send", "-f", text(&file)]);
    assert_eq!(code(&refused), 9, "{}", err(&refused));
    assert!(err(&refused).contains("\"DRAINING\""), "{}", err(&refused));
    let pending = kept.call(NEAR, &["node", "drain", "--wait", "1s"]);
    assert_eq!(code(&pending), 8, "{}", err(&pending));

    let off = kept.answer(HUB, &["node", "drain", "off"]);
    assert_eq!(off["drain"], Value::Null);
    let emptied = kept.answer(NEAR, &["node", "drain", "--wait", "60s"]);
    assert_eq!(emptied["drain"]["empty"], true, "a node that drains hands over what it has");
    assert_eq!(of(&kept, &id), Value::Null);
    kept.answer(NEAR, &["node", "drain", "off"]);
    sent(&kept, &["--wait", "delivered"]);
}
