//! One call, two agencies: what is sent to both has a state and a way with each, the same call again is
//! answered with the same receipts, and no kill of a node on the way changes that. Where one of them is
//! away until the message expires, its sender is shown so with proof.

use rogatory::clock::Timestamp;
use serde_json::{Value, json};

use crate::cli::people::{RECEIVER, SENDER, all_hold, answer, command, stations, until};
use crate::cli::{code, err, out, text, write};
use crate::network::drafts::{self, DESTINATION_DESK};
use crate::network::{DESTINATION, HUB, Network, ORIGIN};

/// The agency beside the hub; it has a link of its own with the one that sends.
const SECOND: &str = "mlt.police";
const SECOND_DESK: &str = "mlt.police/contact-point";
/// Long enough for a kill, and short enough to wait for.
const LIFE: &str = "25s";

/// What the sender is shown of the message to an agency.
fn shown_of(network: &Network, request: &str, agency: &str) -> Value {
    let shown = answer(network, SENDER, &["request", "show", request, "--route"]);
    let messages = shown["messages"].as_array().expect("messages");
    messages.iter().find(|it| it["destination"] == agency).expect("one to each").clone()
}

fn time(shown: &Value) -> Option<Timestamp> {
    Timestamp::parse(shown.as_str()?)
}

fn state(network: &Network, request: &str, agency: &str) -> Value {
    let shown = answer(network, SENDER, &["request", "show", request]);
    let parties = shown["request"]["parties"].as_array().expect("parties");
    parties.iter().find(|it| it["agency"] == agency).expect("a party")["state"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_two_agencies_arrives_at_one_and_expires_on_its_way_to_the_other() {
    let mut network = Network::between(&[HUB, SECOND]).await;
    for stage in [ORIGIN, HUB, SECOND] {
        network.start(stage);
    }
    for stage in [ORIGIN, HUB, SECOND] {
        network.serves(stage).await;
    }
    let mut message = drafts::request("A vessel adrift");
    message["to"] = json!([DESTINATION_DESK, SECOND_DESK]);
    let file = network.folder().join("both.json");
    write(&file, &message.to_string());
    let send = ["request", "send", "-f", text(&file), "--idempotency-key", "k-1"];
    let short = [&send[..], &["--expires-in", LIFE]].concat();
    let sent = answer(&network, SENDER, &short);
    // Nothing but the receipt has left the node when it is killed.
    network.kill(ORIGIN);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let messages = sent["messages"].as_array().expect("messages");
    let of = |name: &str| messages.iter().map(|it| it[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("destination"), [DESTINATION, SECOND]);
    assert_ne!(messages[0]["message_id"], messages[1]["message_id"]);
    assert_eq!(messages[0]["request_id"], messages[1]["request_id"]);
    let request = messages[0]["request_id"].as_str().expect("an id").to_owned();
    let again = answer(&network, SENDER, &short);
    assert_eq!((&again["messages"], &again["repeated_call"]), (&sent["messages"], &true.into()));

    let near = until("the near one to have it", || {
        let shown = shown_of(&network, &request, SECOND);
        (shown["stations"].as_array()?.len() == 2).then_some(shown)
    });
    assert_eq!(stations(&near), [("accepted", ORIGIN), ("delivered", SECOND)]);
    let far = until("the hub to have it", || {
        let shown = shown_of(&network, &request, DESTINATION);
        (shown["stations"].as_array()?.len() > 1).then_some(shown)
    });
    assert_eq!(stations(&far)[..2], [("accepted", ORIGIN), ("relayed", HUB)]);
    network.kill(HUB);
    network.start(HUB);
    network.serves(HUB).await;

    let far = until("the message to expire", || {
        let shown = shown_of(&network, &request, DESTINATION);
        (shown["custody"] == "undelivered").then_some(shown)
    });
    let way = [("accepted", ORIGIN), ("relayed", HUB), ("returned", HUB), ("undelivered", ORIGIN)];
    assert_eq!(stations(&far), way);
    for station in &far["stations"].as_array().expect("stations")[2..] {
        assert_eq!(station["reason"], "EXPIRED", "{station}");
        assert!(time(&station["at"]) >= time(&far["expires_at"]), "{station}");
    }
    assert!(all_hold(&far), "{far}");
    assert_eq!(far["open"], Value::Null, "nothing is missing");
    let near = shown_of(&network, &request, SECOND);
    assert_eq!(stations(&near), [("accepted", ORIGIN), ("delivered", SECOND)]);
    assert!(all_hold(&near), "{near}");
    assert_eq!(state(&network, &request, SECOND), "delivered");
    assert_eq!(state(&network, &request, DESTINATION), "sent", "it never got further");
    let again = answer(&network, SENDER, &short);
    assert_eq!((&again["messages"], &again["repeated_call"]), (&sent["messages"], &true.into()));
    people_read_two_ways(&network, &request);

    // It never arrives; what is sent then does, at both.
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    let next = ["request", "send", "-f", text(&file), "--wait", "delivered"];
    let next = answer(&network, SENDER, &next);
    let next = next["messages"].as_array().expect("messages");
    let inbox = answer(&network, RECEIVER, &["inbox", "list"]);
    let listed = inbox["items"].as_array().expect("items").iter();
    let ids: Vec<_> = listed.map(|it| it["message"]["message_id"].clone()).collect();
    assert_eq!(ids, [next[0]["message_id"].clone()]);
}

fn people_read_two_ways(network: &Network, request: &str) {
    let show = ["request", "show", request, "--route"];
    let output = command(network, SENDER, &show).output().expect("the program starts");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = out(&output);
    for (agency, custody) in [(DESTINATION, "undelivered"), (SECOND, "delivered")] {
        let title = format!("request to {agency}  ");
        let line = said.lines().find(|it| it.contains(&title));
        assert!(line.is_some_and(|it| it.ends_with(custody)), "{agency}: {said}");
    }
    let line = said.lines().find(|it| it.starts_with("undelivered\t")).expect("a station");
    assert!(line.contains("\tEXPIRED\tproved: entry "), "{line}");
}
