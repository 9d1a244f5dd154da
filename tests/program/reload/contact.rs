//! `node peer test` against real nodes: every step of a good contact, and of each bad one the step, the
//! reason and what to do.

use std::process::Command;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::entropy::SystemEntropy;
use rogatory::identity::Role;
use rogatory::pki::{LeafRequest, Validity};
use serde_json::Value;

use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};
use crate::reload::{HOUR_MS, adopt, authority, facts, next_record, put, revoke};

/// How it ended, and the contacts that were tried.
fn tried(network: &Network, at: &str, peer: Option<&str>) -> (i32, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    command.args(["-o", "json", "node", "peer", "test"]).args(peer);
    command.arg("--config").arg(&network.place(at).config);
    let output = command.output().expect("the program starts");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let code = output.status.code().expect("it ended by itself");
    (code, told["contacts"].as_array().expect("contacts").clone())
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn steps(contact: &Value) -> Vec<&str> {
    contact["steps"].as_array().unwrap().iter().map(|it| word(it, "step")).collect()
}

/// The one contact with a peer that fails: exit code, step, reason, advice.
fn failed(network: &Network, peer: &str) -> (i32, String, String, String) {
    let (code, contacts) = tried(network, ORIGIN, Some(peer));
    let [contact] = contacts.as_slice() else { panic!("one contact: {contacts:?}") };
    let last = contact["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["holds"], &contact["holds"]), (&Value::Bool(false), &Value::Bool(false)));
    let [step, reason, advice] = ["step", "reason", "advice"].map(|it| word(last, it).to_owned());
    (code, step, reason, advice)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_shown_step_by_step_and_nobody_listening_is_told_apart() {
    let network = Network::started_with(&[ORIGIN, HUB]).await;
    let (code, contacts) = tried(&network, ORIGIN, Some(HUB));
    let [contact] = contacts.as_slice() else { panic!("one node: {contacts:?}") };
    assert_eq!((code, &contact["holds"]), (0, &Value::Bool(true)), "{contact}");
    let all = [
        "own certificate",
        "name",
        "connect",
        "tls",
        "agency",
        "protocol",
        "checkpoint",
        "directory",
        "clock",
    ];
    assert_eq!(steps(contact), all);
    let found: Vec<&str> =
        contact["steps"].as_array().unwrap().iter().map(|it| word(it, "found")).collect();
    let node = facts(&network, HUB, Role::Node);
    let (who, serial) = (node.principal.unwrap().to_string(), node.serial);
    let (from, until) = (node.not_before, node.not_after);
    let shown = format!("certificate of {who}, serial {serial}, from {from} until {until}");
    assert_eq!(found[3], format!("TLS 1.3, X25519MLKEM768; {shown}"));
    assert_eq!(found[4], who);
    assert_eq!(found[5], "version 1, 64 messages may be in flight");
    assert!(found[7].starts_with("both follow version "), "{}", found[7]);
    let (ahead, _) = found[8].split_once(" s ").expect("seconds");
    let ahead: f64 = ahead.trim_start_matches("its clock is ").parse().expect("a number");
    assert!(ahead < 600.0, "{}", found[8]);

    // All that the hub is linked with: one node runs, the other does not.
    let (code, contacts) = tried(&network, HUB, None);
    let held: Vec<_> = contacts.iter().map(|it| (word(it, "agency"), &it["holds"])).collect();
    assert!(held.contains(&(ORIGIN, &Value::Bool(true))), "{held:?}");
    assert!(held.contains(&(DESTINATION, &Value::Bool(false))), "{held:?}");
    let silent = contacts.iter().find(|it| word(it, "agency") == DESTINATION).unwrap();
    assert_eq!((code, *steps(silent).last().unwrap()), (9, "connect"));
    let last = silent["steps"].as_array().unwrap().last().unwrap();
    assert!(word(last, "reason").ends_with("Connection refused (os error 111)"), "{last}");
    assert!(word(last, "advice").starts_with("nobody listens there: does its node run"), "{last}");

    let (code, step, reason, _) = failed(&network, "xyz.nobody");
    assert_eq!((code, step.as_str()), (5, "name"));
    assert!(reason.ends_with("does not know xyz.nobody"), "{reason}");
    let (code, step, reason, advice) = failed(&network, DESTINATION);
    assert_eq!((code, step.as_str()), (7, "name"));
    let unlinked = format!("the directory names no link between {ORIGIN} and {DESTINATION}");
    assert_eq!(reason, unlinked);
    assert!(advice.starts_with("a link stands where the records of both"), "{advice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_another_or_expired_or_revoked_is_told_with_its_certificate() {
    let network = Network::started_with(&[HUB, DESTINATION]).await;
    // The hub's record names a place where another agency's node answers.
    let (right, wrong) = (network.place(HUB).listen.peers, network.place(DESTINATION).listen.peers);
    let set = |address: std::net::SocketAddr| {
        let note = next_record(&network, HUB, |it| {
            it.nodes.first_mut().unwrap().peer_address = address.to_string();
        });
        adopt(&network, &note);
    };
    set(wrong);
    let (code, step, reason, advice) = failed(&network, HUB);
    assert_eq!((code, step.as_str()), (7, "tls"));
    let shown = facts(&network, DESTINATION, Role::Node).principal.unwrap();
    let told = format!("the certificate is of another agency; certificate of {shown}, ");
    assert!(reason.starts_with(&told), "{reason}");
    assert!(advice.starts_with("somebody else answers at this address"), "{advice}");
    set(right);
    assert_eq!(tried(&network, ORIGIN, Some(HUB)).0, 0, "the right place again");

    // Its certificate has ended an hour ago.
    let now = SystemClock.now();
    let hub = facts(&network, HUB, Role::Node).principal.unwrap();
    let request = LeafRequest {
        principal: hub.clone(),
        validity: Validity {
            not_before: now.plus_millis(-HOUR_MS),
            not_after: now.plus_millis(-HOUR_MS / 2),
        },
        dns_names: vec!["localhost".to_owned()],
        ip_addresses: vec!["127.0.0.1".parse().unwrap()],
    };
    let kept = &network.place(HUB).callers[&Role::Node];
    let good = [&kept.certificate, &kept.key].map(|it| std::fs::read_to_string(it).unwrap());
    let issued = authority(&network, HUB).issue(&request, &SystemEntropy).unwrap();
    put(&kept.certificate, &issued.certificate_pem());
    put(&kept.key, &issued.key_pem());
    crate::reload::read_again(&network, HUB);
    let (code, step, reason, advice) = until("the hub to show it", async || {
        let (code, contacts) = tried(&network, ORIGIN, Some(HUB));
        (code != 0).then(|| drop(contacts)).map(|()| failed(&network, HUB))
    })
    .await;
    assert_eq!((code, step.as_str()), (7, "tls"));
    let told = format!("the certificate has expired; certificate of {hub}, serial ");
    assert!(reason.starts_with(&told), "{reason}");
    let ended = facts(&network, HUB, Role::Node).not_after;
    assert!(reason.ends_with(&format!(" until {ended}")), "{reason}");
    assert!(advice.starts_with("its operator renews it (pki renew)"), "{advice}");
    put(&kept.certificate, &good[0]);
    put(&kept.key, &good[1]);
    crate::reload::read_again(&network, HUB);
    until("the hub to show the good one", async || {
        (tried(&network, ORIGIN, Some(HUB)).0 == 0).then_some(())
    })
    .await;

    revoke(&network, HUB, Role::Node);
    let (code, step, reason, advice) = failed(&network, HUB);
    assert_eq!((code, step.as_str()), (7, "tls"));
    let told = format!("the certificate is revoked; certificate of {hub}, serial ");
    assert!(reason.starts_with(&told), "{reason}");
    assert!(advice.starts_with("its agency has taken it back"), "{advice}");

    revoke(&network, ORIGIN, Role::Node);
    let (code, step, reason, advice) = failed(&network, HUB);
    assert_eq!((code, step.as_str()), (7, "own certificate"));
    assert!(reason.starts_with("this node's own: the certificate is revoked; "), "{reason}");
    assert!(advice.starts_with("have a new one issued"), "{advice}");
}
