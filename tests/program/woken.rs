//! The promise: an urgent message that nobody takes wakes somebody, by a command that the operator
//! chose, and tells them nothing but where to look; also when the node is killed in between.

use std::path::Path;

use rogatory::identity::Role;
use serde_json::{Value, json};

use crate::network::drafts::{self, DESTINATION_DESK, sending};
use crate::network::{DESTINATION, Network, ORIGIN, STAGES, until};

/// Lets the node of `stage` ring by appending to a file, after ten seconds.
fn rings_into(network: &Network, stage: &str, file: &Path) {
    let config = &network.place(stage).config;
    let before = std::fs::read_to_string(config).expect("the configuration is there");
    let command = format!("cat >> {0}; echo >> {0}", file.display());
    let command = format!("command = [\"/bin/sh\", \"-c\", \"{command}\"]");
    let text = before
        .replace("command = []", &command)
        .replace("unclaimed_after_s = 600", "unclaimed_after_s = 10");
    assert!(text.contains(&command) && text.contains("unclaimed_after_s = 10\n"), "{text}");
    let mut options = std::fs::OpenOptions::new();
    let mut open = options.write(true).truncate(true).open(config).expect("it can be written");
    std::io::Write::write_all(&mut open, text.as_bytes()).expect("it is written");
}

fn rung(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_message_that_nobody_takes_wakes_somebody_once() {
    let mut network = Network::started_with(&[]).await;
    let file = network.folder().join("rung");
    rings_into(&network, DESTINATION, &file);
    for stage in STAGES {
        network.start(stage);
    }
    for stage in STAGES {
        network.serves(stage).await;
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let mut draft = drafts::request("A name that must not be rung out");
    draft["urgency"] = json!({"level": "immediate", "reason": "A vessel adrift"});
    draft["exercise"] = json!(true);
    let sent = officer.send_message(sending("urgent", &draft)).await.unwrap();
    let calm = drafts::request("Another that can wait");
    officer.send_message(sending("calm", &calm)).await.unwrap();
    until("a ring", async || (!rung(&file).is_empty()).then_some(())).await;
    // What was rung, and is on record as rung, is not rung again by a node that was killed and
    // started. A kill in between would ring twice: better than never.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    network.kill(DESTINATION);
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let rings = rung(&file);
    assert_eq!(rings.len(), 1, "{rings:?}");
    let ring = rings[0].as_object().unwrap();
    assert_eq!(ring["id"], sent.messages[0].message_id);
    assert_eq!(ring["event"], "unclaimed_immediate_message");
    assert_eq!((&ring["contact_point"], &ring["sequence"]), (&json!(DESTINATION_DESK), &json!(1)));
    assert_eq!(ring["exercise"], true);
    assert!(!serde_json::to_string(ring).unwrap().contains("name"), "{ring:?}");
    let metrics = network.operations(DESTINATION, "/metrics").await;
    let shown = metrics.lines().find(|it| it.starts_with("rogatory_alarms_delivered"));
    assert!(shown.is_some(), "{metrics}");
}
