//! The way of a message as people read it: when it was where and how long that took, another way that was
//! chosen, and a proof that does not hold.

use rogatory::clock::Timestamp;
use rogatory::directory::JournalKeys;
use rogatory::directory::write::to_toml;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::redact::Secret;
use serde_json::Value;

use crate::cli::people::{SENDER, answer, call, command, until};
use crate::cli::{code, err, out, text, write};
use crate::network::{HUB, Network, ORIGIN, agency, drafts};
use crate::rerouted::{SECOND, started};

/// How rows of a way begin.
const STATIONS: [&str; 5] = ["accepted", "relayed", "delivered", "retrieved", "way chosen"];

fn sent(network: &Network, name: &str) -> String {
    let file = network.folder().join(name);
    write(&file, &drafts::request(name).to_string());
    let send = ["request", "send", "-f", text(&file), "--wait", "delivered", "--timeout", "60s"];
    let sent = answer(network, SENDER, &send);
    sent["messages"][0]["request_id"].as_str().expect("an id").to_owned()
}

/// The rows of the way, as people see them.
fn rows(network: &Network, request: &str) -> Vec<Vec<String>> {
    let show = ["--utc", "--time-format", "iso", "request", "show", request, "--route"];
    let output = command(network, SENDER, &show).output().expect("the program starts");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = out(&output);
    let lines = said.lines().map(|it| it.split('\t').map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|it| STATIONS.contains(&it[0].as_str())).collect()
}

/// A directory that names other keys for the journal of the hub.
fn other_keys(network: &Network) -> String {
    let mut draft = network.made.directory.draft();
    let name = network.made.directory.current_journal(&agency(HUB)).expect("keys").name.clone();
    let ed25519 = Ed25519Signer::from_seed(&Secret::new([7; 32])).public();
    let mldsa44 = MlDsa44Signer::from_seed(&Secret::new([8; 32])).public();
    let record = draft.agencies.iter_mut().find(|it| it.id == agency(HUB));
    record.expect("the hub").journals = vec![JournalKeys::of(name, ed25519, mldsa44)];
    to_toml(&draft)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_is_shown_with_its_times_its_turns_and_a_proof_that_fails() {
    let mut network = started().await;
    let operator = "ita-coast-guard-operator";
    until("the hub to be reached", || {
        let peers = answer(&network, operator, &["node", "peers"]);
        let peers = peers["peers"].as_array()?;
        peers.iter().all(|it| it["connected"] == true).then_some(())
    });
    let request = sent(&network, "first");
    let show = ["request", "show", request.as_str(), "--route"];
    let shown = answer(&network, SENDER, &show);
    let stations = shown["messages"][0]["stations"].as_array().expect("stations").clone();
    let rows_of = rows(&network, &request);
    let mut before = None;
    assert_eq!(stations.len(), 3, "{stations:?}");
    for (row, station) in rows_of.iter().zip(&stations) {
        assert_eq!(row[0], station["station"].as_str().expect("a word"));
        assert_eq!(row[1], station["agency"].as_str().expect("an agency"));
        let at = |text: &str| Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"));
        let time = at(&row[2]);
        assert_eq!(time, at(station["at"].as_str().expect("a time")));
        let took = before.map_or_else(String::new, |it| {
            let millis = time.millis_since(it);
            let sign = if millis < 0 { "-" } else { "+" };
            let millis = millis.abs();
            format!("{sign}{}.{:03} s", millis / 1_000, millis % 1_000)
        });
        assert_eq!(row[3], took);
        assert!(row[5].starts_with("proved: entry "), "{row:?}");
        before = Some(time);
    }
    a_proof_that_fails_is_told(&network, &show);

    // Killed before the next message leaves: it is given to the hub, and goes another way.
    network.kill(HUB);
    let request = sent(&network, "second");
    let rows_of = rows(&network, &request);
    let chosen: Vec<_> = rows_of.iter().filter(|it| it[0] == "way chosen").collect();
    let [row] = &chosen[..] else { panic!("{rows_of:?}") };
    let instead = format!("instead of {HUB}");
    assert_eq!([&row[1], &row[4], &row[5]], [SECOND, "PEER_UNREACHABLE", &instead]);
    assert!(Timestamp::parse(&row[2]).is_some(), "{row:?}");
    let relayed: Vec<_> = rows_of.iter().filter(|it| it[0] == "relayed").map(|it| &it[1]).collect();
    assert_eq!(relayed, [SECOND]);
    let shown = answer(&network, SENDER, &["request", "show", &request, "--route"]);
    let way = &shown["messages"][0]["ways"][0];
    let said = ["from", "to", "reason"].map(|it| way[it].as_str().unwrap_or_default());
    assert_eq!(said, [HUB, SECOND, "PEER_UNREACHABLE"]);
}

fn a_proof_that_fails_is_told(network: &Network, show: &[&str]) {
    let directory = network.folder().join("other.toml");
    write(&directory, &other_keys(network));
    let other = [&["--directory", text(&directory)][..], show].concat();
    let output = call(network, SENDER, &other);
    assert_eq!(code(&output), 7, "{}", err(&output));
    assert!(err(&output).contains("a proof does not hold"), "{}", err(&output));
    let shown: Value = serde_json::from_str(&out(&output)).expect("it is shown all the same");
    let stations = shown["messages"][0]["stations"].as_array().expect("stations");
    let of = |agency: &str| stations.iter().find(|it| it["agency"] == agency).expect("a station");
    assert_eq!(of(ORIGIN)["proof_found"]["state"], "holds");
    assert_eq!(of(HUB)["proof_found"]["state"], "fails");
    assert!(of(HUB)["proof_found"]["problem"].is_string());
    let output = command(network, SENDER, &other).output().expect("the program starts");
    assert_eq!(code(&output), 7, "{}", err(&output));
    let said = out(&output);
    let line = said.lines().find(|it| it.starts_with("relayed\t")).expect("a station");
    assert!(line.contains("\tTHE PROOF DOES NOT HOLD: "), "{line}");
    let line = said.lines().find(|it| it.starts_with("accepted\t")).expect("a station");
    assert!(line.contains("\tproved: entry "), "{line}");
}
