//! The promise: each listener of a running node lets its own callers in and nobody else, shows
//! nothing that is not theirs, and a node that is told to stop loses nothing.
//!
//! The handshakes are those of the system's OpenSSL; where it is missing the test says so aloud.

mod marked;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::json;
use tokio::task::JoinSet;

use crate::listeners::marked::{MARKER, holding, marked, marked_lawfully};
use crate::network::callers::insistently;
use crate::network::drafts::{self, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, until};

const LIST: &str = "POST /rogatory.v1.ExchangeService/ListRequestStates HTTP/1.1\r\n\
    Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
    Connection: close\r\n\r\n{}";

fn openssl_is_there() -> bool {
    Command::new("openssl").arg("version").output().is_ok_and(|it| it.status.success())
}

/// What `openssl s_client` and the node said to each other after a call was sent.
fn s_client(
    network: &Network,
    address: SocketAddr,
    who: Option<(&str, Role)>,
    more: &[&str],
) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-ign_eof", "-alpn", "http/1.1", "-connect", &address.to_string()]);
    command.arg("-CAfile").arg(&network.place(ORIGIN).ca).arg("-verify_return_error").args(more);
    if let Some((agency, role)) = who {
        let caller = &network.place(agency).callers[&role];
        command.arg("-cert").arg(&caller.certificate).arg("-key").arg(&caller.key);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("openssl starts");
    let mut stdin = child.stdin.take().expect("it reads");
    // A node that refuses may have closed the connection, and openssl its input.
    drop(stdin.write_all(LIST.as_bytes()));
    let output = child.wait_with_output().expect("openssl has ended");
    drop(stdin);
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agency_listener_takes_callers_of_its_agency_alone() {
    if !openssl_is_there() {
        println!("SKIPPED: no openssl on this machine");
        return;
    }
    let network = Network::started_with(&[ORIGIN]).await;
    let address = network.place(ORIGIN).listen.agency;
    let entries = network.entries(ORIGIN).await;
    let officer = Some((ORIGIN, Role::Officer));
    let said = s_client(&network, address, officer, &[]);
    assert!(said.contains("HTTP/1.1 200") && said.contains("TLSv1.3"), "{said}");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    assert!(!said.contains("New Session Ticket arrived"), "{said}");

    let refused = |who, more: &[&str], alert: &str| {
        let said = s_client(&network, address, who, more);
        assert!(said.contains(alert), "{alert}: {said}");
        assert!(!said.contains("HTTP/1.1"), "{said}");
    };
    refused(officer, &["-tls1_2"], "alert protocol version");
    refused(None, &[], "alert certificate required");
    // Officers of others have good certificates too, under roots that this node knows.
    for foreign in [DESTINATION, HUB] {
        refused(Some((foreign, Role::Officer)), &[], " alert ");
    }
    refused(Some((ORIGIN, Role::Node)), &[], " alert ");
    refused(Some((DESTINATION, Role::Node)), &[], " alert ");
    refused(officer, &["-groups", "P-384"], "alert handshake failure");
    // The auditor is let in, and refused by the call.
    let said = s_client(&network, address, Some((ORIGIN, Role::Auditor)), &[]);
    assert!(said.contains("HTTP/1.1 403") && said.contains("ROLE_NOT_PERMITTED"), "{said}");
    assert_eq!(network.entries(ORIGIN).await, entries, "the journal grew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peer_listener_takes_nodes_alone() {
    let network = Network::started_with(&[ORIGIN]).await;
    let address = network.place(ORIGIN).listen.peers;
    if openssl_is_there() {
        for (who, more, alert) in [
            (Some((DESTINATION, Role::Node)), &["-tls1_2"][..], "alert protocol version"),
            // Debian's OpenSSL has no X25519MLKEM768, and peers agree on that or not at all.
            (Some((DESTINATION, Role::Node)), &["-groups", "X25519"], "alert handshake failure"),
            (Some((ORIGIN, Role::Officer)), &[], " alert "),
            (None, &[], " alert "),
        ] {
            let said = s_client(&network, address, who, more);
            assert!(said.contains(alert), "{who:?} {alert}: {said}");
            assert!(!said.contains("HTTP/1.1"), "{said}");
        }
    } else {
        println!("SKIPPED: no openssl on this machine");
    }
    // With the right key exchange it is the role that counts.
    for stage in [ORIGIN, DESTINATION, HUB] {
        for role in [Role::Officer, Role::Service, Role::Auditor, Role::Operator] {
            let mut settings = network.line(ORIGIN, stage, role);
            settings.address = address.to_string();
            let called = async || {
                let client = Client::connect(settings.clone()).await?;
                client.list_request_states(Default::default()).await
            };
            let error = called().await.expect_err("only nodes are let in");
            assert!(matches!(error.code(), 14 | 16), "{stage} {role}: {error}");
            assert_eq!(error.reason(), "", "{stage} {role}: {error}");
        }
    }
    // A node is let in, and may make none of the calls of the agency listener.
    let mut settings = network.line(ORIGIN, HUB, Role::Node);
    settings.address = address.to_string();
    let node = Client::connect(settings).await.unwrap();
    let error = node.list_request_states(Default::default()).await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (7, "ROLE_NOT_PERMITTED"));
}

/// Waits until an inbox lists so many messages.
async fn arrived(client: &Client, count: usize) -> Vec<pb::InboxItem> {
    until("messages in the inbox", async || {
        let asked = pb::ListMessagesRequest { page_size: 200, ..Default::default() };
        let page = client.list_messages(asked).await.ok()?;
        (page.items.len() >= count).then_some(page.items)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_message_says_stands_in_traces_files_or_metrics() {
    let mut network = Network::started_with(&[]).await;
    for stage in STAGES {
        network.trace_everything(stage);
        network.start(stage);
    }
    for stage in STAGES {
        network.serves(stage).await;
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let service = network.client(DESTINATION, Role::Service).await;
    let mut draft = drafts::request(&format!("{MARKER}-facts"));
    draft["urgency"] = json!({"level": "immediate", "reason": format!("{MARKER}-urgency")});
    draft["respond_by"] =
        json!({"at": "2999-01-01T00:00:00Z", "reason": format!("{MARKER}-deadline")});
    let (unlawful, count) = marked();
    assert!(count > 300, "{count} text fields are marked");
    officer.send_message(sending("unlawful", &unlawful)).await.unwrap_err();
    let (draft, count) = marked_lawfully(&draft);
    assert!(count > 60, "{count} text fields are marked");
    let sent = officer.send_message(sending("marked", &draft)).await.unwrap();
    let item = arrived(&service, 1).await.remove(0);
    let message_id = item.message.unwrap().message_id;
    assert_eq!(message_id, sent.messages[0].message_id);
    let (origin, id) = (ORIGIN.to_owned(), message_id.clone());
    let read = pb::ReadMessageRequest { origin, message_id: id };
    let content = service.read_message(read).await.unwrap().content.unwrap();
    assert!(content.facts().contains(MARKER), "the reader reads it");
    // Wrong input holds text as well, and errors are traced.
    let mut wrong = drafts::request("x");
    wrong["kind"] = json!(format!("{MARKER}-kind"));
    wrong["to"] = json!([format!("{MARKER}-desk")]);
    officer.send_message(sending(&format!("{MARKER}-key"), &wrong)).await.unwrap_err();
    officer.send_message(sending("marked", &drafts::request(MARKER))).await.unwrap_err();
    for stage in STAGES {
        let verdict = network.journal(stage).await.replayed(&network.made.directory);
        assert!(verdict.is_ok(), "{verdict:?}");
        let metrics = network.operations(stage, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(metrics.contains("rogatory_journal_entries "), "{metrics}");
        let told = [MARKER, &message_id, "SOM", "vessel", "-desk", "-centre", "VESSEL"];
        for text in told {
            assert!(!metrics.contains(text), "{text} in the metrics of {stage}:\n{metrics}");
        }
        assert!(network.operations(stage, "/health").await.starts_with("HTTP/1.1 200"));
        assert!(network.terminate(stage).await.success(), "{stage} stops well");
        let log = network.log(stage);
        assert!(log.lines().count() >= 2, "{stage} traces something: {log}");
        for text in [MARKER, &message_id, "SOM.8.2", "/operations-centre", "/flag-state-desk"] {
            assert!(!log.contains(text), "{text} in the trace of {stage}:\n{log}");
        }
    }
    // What is stopped has written everything. The directory shows that the search finds things.
    let folder = network.folder().to_owned();
    assert_eq!(holding(&folder, &[MARKER]), Vec::<std::path::PathBuf>::new());
    assert!(!holding(&folder, &["flag-state-desk"]).is_empty());
    for stage in STAGES {
        let store = network.store(stage);
        assert!(!holding(&store, &[stage]).is_empty(), "journals name their agency");
        let sealed = ["SOM.8.2", "flag-state-desk", "operations-centre"];
        if stage == HUB {
            // What everybody may know of desks, the node has in its copy of the directory.
            let found = holding(&store, &sealed);
            let found: Vec<_> =
                found.iter().filter(|it| !it.starts_with(store.join("directory"))).collect();
            assert_eq!(found, Vec::<&std::path::PathBuf>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_told_to_stop_loses_nothing() {
    const AT_ONCE: usize = 24;
    let mut network = Network::started().await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let mut expected = 0;
    for stage in [ORIGIN, HUB, DESTINATION, ORIGIN] {
        let mut calls = JoinSet::new();
        for number in 0..AT_ONCE {
            let officer = officer.clone();
            let call = sending(&format!("{expected}-{number}"), &drafts::request("x"));
            calls.spawn(async move {
                insistently(|| officer.send_message(call.clone())).await.messages.remove(0)
            });
        }
        let first = calls.join_next().await.unwrap().unwrap();
        // At once after the first acknowledgement, with all other calls on their way.
        let ended = network.terminate(stage).await;
        assert!(ended.success(), "{stage} ended with {ended}");
        network.start(stage);
        network.serves(stage).await;
        let mut sent = calls.join_all().await;
        sent.push(first);
        expected += sent.len();
        let reader = network.client(DESTINATION, Role::Officer).await;
        let listed = arrived(&reader, expected).await;
        let listed: Vec<String> =
            listed.into_iter().map(|it| it.message.unwrap().message_id).collect();
        assert_eq!(listed.len(), expected);
        for it in sent {
            let times = listed.iter().filter(|id| **id == it.message_id).count();
            assert_eq!(times, 1, "{} is delivered once", it.message_id);
        }
    }
}
