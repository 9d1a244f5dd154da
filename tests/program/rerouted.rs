//! The promise: with two hubs between two agencies, a message arrives by the second one when the first is
//! killed, its sender sees by which way and why, and what follows goes by the first again once that is
//! back. Where the way is longer and breaks further in, the message is given back and arrives by the other
//! way, and its sender sees that too, with proof.

use std::process::Command;

use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::Value;

use crate::network::drafts::{self, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};

/// The agency that stands beside the hub in this network.
pub(crate) const SECOND: &str = "mlt.police";
const ALL: [&str; 4] = [ORIGIN, HUB, SECOND, DESTINATION];

/// A network of two hubs in which what waits goes another way soon.
pub(crate) async fn started() -> Network {
    let mut network = Network::between(&[HUB, SECOND]).await;
    for stage in ALL {
        network.configure(stage, "detour_after_s = 300", "detour_after_s = 2");
        network.configure(stage, "detour_urgent_after_s = 30", "detour_urgent_after_s = 1");
        network.start(stage);
    }
    for stage in ALL {
        network.serves(stage).await;
    }
    network
}

/// Waits until the node of the origin has a stream to each of these, or has none.
async fn contact(operator: &Client, peers: &[&str], connected: bool) {
    until("a word on the peers", async || {
        let said = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        let stands =
            |name: &&str| said.iter().any(|it| it.agency == **name && it.connected == connected);
        peers.iter().all(stands).then_some(())
    })
    .await;
}

/// Sends a message, and waits until it is delivered; gives what is known of it.
async fn delivered(officer: &Client, key: &str) -> pb::MessageSummary {
    let sent = officer.send_message(sending(key, &drafts::request(key))).await.unwrap();
    let message_id = sent.messages[0].message_id.clone();
    until("a delivery", async || {
        let asked = pb::GetMessageRequest { message_id: message_id.clone(), ..Default::default() };
        let message = officer.get_message(asked).await.unwrap().message.unwrap();
        message.stations.iter().any(|it| it.station == "delivered").then_some(message)
    })
    .await
}

fn relayed_by(message: &pb::MessageSummary) -> Vec<&str> {
    let relayed = message.stations.iter().filter(|it| it.station == "relayed");
    relayed.map(|it| it.agency.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_arrives_by_the_second_hub_when_the_first_is_killed() {
    let mut network = started().await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let operator = network.client(ORIGIN, Role::Operator).await;
    contact(&operator, &[HUB, SECOND], true).await;
    let before = delivered(&officer, "before").await;
    assert_eq!((relayed_by(&before), before.ways.len()), (vec![HUB], 0));

    network.kill(HUB);
    contact(&operator, &[HUB], false).await;
    let after = delivered(&officer, "after").await;
    assert_eq!(relayed_by(&after), [SECOND]);
    for way in &after.ways {
        let said = [&way.from, &way.to, &way.reason];
        assert_eq!(said, [HUB, SECOND, "PEER_UNREACHABLE"], "and the time: {}", way.at);
    }
    let later = delivered(&officer, "later").await;
    assert_eq!(relayed_by(&later), [SECOND], "it is given to the second hub without a wait");
    assert!(later.ways.is_empty(), "{:?}", later.ways);

    network.start(HUB);
    network.serves(HUB).await;
    let mut sent = 0;
    until("a message by the first hub", async || {
        sent += 1;
        let again = delivered(&officer, &format!("again {sent}")).await;
        (relayed_by(&again) == [HUB]).then_some(())
    })
    .await;
}

/// Two ways of four hops; the first is the best, by its names.
const LONG: [&[&str]; 2] = [
    &["are.central-authority", "bel.central-authority", "bgd.central-authority"],
    &["bra.central-authority", "ecu.civil-registry", "eth.consular-service"],
];

/// What the command line shows of the way of a request's only message.
fn route(network: &Network, request: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROGATORY_") {
            command.env_remove(name);
        }
    }
    let context = format!("{}-officer", ORIGIN.replace('.', "-"));
    command.env("XDG_CONFIG_HOME", network.folder()).env("HOME", network.folder());
    command.args(["--context", &context, "-o", "json", "request", "show", request, "--route"]);
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    shown["messages"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_turns_back_where_its_way_breaks_further_in() {
    let mut network = Network::of_ways(&LONG).await;
    let all = [&[ORIGIN, DESTINATION][..], LONG[0], LONG[1]].concat();
    for stage in &all {
        network.configure(stage, "detour_after_s = 300", "detour_after_s = 2");
        network.configure(stage, "detour_urgent_after_s = 30", "detour_urgent_after_s = 1");
        network.start(stage);
    }
    for stage in &all {
        network.serves(stage).await;
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let before = delivered(&officer, "before").await;
    assert_eq!((relayed_by(&before), before.ways.len()), (LONG[0].to_vec(), 0));

    network.kill(LONG[0][2]);
    let after = delivered(&officer, "after").await;
    let shown = route(&network, &after.request_id);
    let word = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    let stations = shown["stations"].as_array().expect("stations").iter();
    let told: Vec<_> = stations
        .map(|it| {
            assert_eq!(it["proof_found"]["state"], "holds", "{it}");
            (word(it, "station"), word(it, "agency"), word(it, "reason"))
        })
        .collect();
    let relayed = |agency: &str| ("relayed".to_owned(), agency.to_owned(), String::new());
    let one = |station: &str, agency: &str, reason: &str| {
        (station.to_owned(), agency.to_owned(), reason.to_owned())
    };
    let expected = [
        vec![one("accepted", ORIGIN, ""), relayed(LONG[0][0]), relayed(LONG[0][1])],
        vec![one("returned", LONG[0][1], "NO_ROUTE")],
        LONG[1].iter().map(|it| relayed(it)).collect(),
        vec![one("delivered", DESTINATION, "")],
    ]
    .concat();
    assert_eq!(told, expected);
    let ways = shown["ways"].as_array().expect("ways");
    let chosen: Vec<_> = ways.iter().map(|it| (word(it, "to"), word(it, "reason"))).collect();
    assert_eq!(chosen, [(LONG[1][0].to_owned(), "NO_ROUTE".to_owned())]);
}
