//! Sealing keys: what is under way opens, what is old opens, and a retired key is destroyed.

use rogatory::clock::{Clock as _, SystemClock};

use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES};
use crate::rotation::{adopt, done, followed, killed, logged, opens, replays, sent, states};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The text with another time in the one place that names a retirement.
fn retired_days_ago(text: &str, days: i64) -> String {
    let at = SystemClock.now().plus_millis(-days * DAY_MS);
    let (head, tail) = text.split_once("retired_at = \"").expect("a retirement");
    let (_, tail) = tail.split_once('"').expect("it ends");
    format!("{head}retired_at = \"{at}\"{tail}")
}

pub async fn it_is_replaced_and_destroyed() {
    let mut network = Network::started().await;
    let mut messages = vec![sent(&network, "before").await];
    opens(&network, &messages).await;

    // Stopped at any instant, the rotation leaves keys that load, and at most one that waits.
    killed(&network, DESTINATION, &["rotate", "sealing"], 9, || {
        let found = states(&network, DESTINATION, "sealing");
        assert!(found == ["in use"] || found == ["in use", "unpublished"], "{found:?}");
    });
    let proposed = done(&network, DESTINATION, &["rotate", "sealing"]);
    assert_eq!(states(&network, DESTINATION, "sealing"), ["in use", "unpublished"]);
    assert_eq!(done(&network, DESTINATION, &["rotate", "sealing"])["key_id"], proposed["key_id"]);

    // Sealed to the old key, and on its way while the key is replaced.
    assert!(network.terminate(DESTINATION).await.success());
    messages.push(sent(&network, "under way").await);
    adopt(&network, DESTINATION, &proposed, |text| text);
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    opens(&network, &messages).await;
    assert_eq!(states(&network, DESTINATION, "sealing"), ["accepted", "in use"]);

    // The origin seals to the old key until it has the newer record, then to the new one.
    messages.push(sent(&network, "by the old record").await);
    followed(&network, &[ORIGIN, HUB]).await;
    messages.push(sent(&network, "by the new record").await);
    opens(&network, &messages).await;

    // Thirty days after its retirement the node destroys it, and reads on what it had opened.
    let first = network.place(DESTINATION).folder.join("keys/sealing/0001.xwing");
    assert!(first.exists());
    let next = done(&network, DESTINATION, &["rotate", "sealing", "--overlap-days", "0"]);
    assert_eq!(states(&network, DESTINATION, "sealing"), ["accepted", "in use", "unpublished"]);
    network.hang_up(DESTINATION);
    adopt(&network, DESTINATION, &next, |text| {
        // The second retirement in the text is that of the first key.
        let (head, tail) = text.split_once("retired_at = ").expect("a retirement");
        format!("{head}retired_at = {}", retired_days_ago(tail, 31))
    });
    followed(&network, &STAGES).await;
    logged(&network, DESTINATION, "a retired sealing key is destroyed").await;
    assert!(!first.exists());
    assert_eq!(states(&network, DESTINATION, "sealing"), ["retired", "in use"]);
    messages.push(sent(&network, "by the third record").await);
    opens(&network, &messages).await;
    network.kill(DESTINATION);
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    opens(&network, &messages).await;
    replays(&network).await;
}

pub async fn the_program_destroys_it() {
    let mut network = Network::started_with(&[HUB]).await;
    assert!(network.terminate(HUB).await.success());
    let first = network.place(HUB).folder.join("keys/sealing/0001.xwing");
    let proposed = done(&network, HUB, &["rotate", "sealing"]);
    adopt(&network, HUB, &proposed, |text| retired_days_ago(&text, 29));
    assert_eq!(states(&network, HUB, "sealing"), ["retired", "in use"]);
    assert_eq!(done(&network, HUB, &["destroy"])["destroyed"], serde_json::json!([]));
    assert!(first.exists());
    let next = done(&network, HUB, &["rotate", "sealing"]);
    let id = next["key_id"].as_str().expect("an id").to_owned();
    adopt(&network, HUB, &next, |text| {
        let (head, tail) = text.split_once("retired_at = ").expect("a retirement");
        format!("{head}retired_at = {}", retired_days_ago(tail, 30))
    });
    assert_eq!(states(&network, HUB, "sealing"), ["to be destroyed", "accepted", "in use"]);
    let gone = done(&network, HUB, &["destroy"]);
    assert_eq!(gone["destroyed"].as_array().map(Vec::len), Some(1));
    assert!(!first.exists());
    assert_eq!(states(&network, HUB, "sealing"), ["accepted", "in use"]);
    // The record lets go of it at the next change.
    let last = done(&network, HUB, &["rotate", "sealing"]);
    assert_ne!(last["key_id"], id.as_str());
    let text = std::fs::read_to_string(last["proposed"].as_str().expect("a path")).expect("text");
    assert_eq!(
        text.matches("[[sealing]]").count(),
        3,
        "the two before it, and the new one: {text}"
    );
}
