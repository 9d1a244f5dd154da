//! What an operator must look after rings by the hook that rings for messages: a peer's clock that was
//! moved, a certificate that ends, a directory that nobody confirms, a journal with two histories.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::config::NodeKeys;
use rogatory::domain::digest::Digest;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::{Checkpoint, SignedCheckpoint, sign_checkpoint};
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::pki::{Authority, LeafRequest, Validity, inspect};
use rogatory::transport::tls::ClientTls;
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_client::RelayServiceClient;
use rogatory::wire::relay::{
    CheckpointOffer, Cosigned, Cosigning, Hello, Incoming, Outgoing, Welcome,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio_stream::wrappers::ReceiverStream;

use crate::network::shim::Shim;
use crate::network::{HUB, Network, ORIGIN, until};

const HOUR_MS: i64 = 3_600_000;
/// Further than clocks of honest nodes are apart.
const AHEAD_S: i64 = 700;

fn put(path: &Path, text: &str) {
    let mut file = File::create(path).expect("the file can be made");
    file.write_all(text.as_bytes()).expect("the file is written");
}

/// Lets the node of an agency, which does not run, ring by a command that keeps what it is told.
pub(crate) fn kept_by_a_command(network: &Network, stage: &str) -> PathBuf {
    let folder = &network.place(stage).folder;
    let (script, told) = (folder.join("ring.sh"), folder.join("rung"));
    put(&script, "cat >> \"$1\"\necho >> \"$1\"\n");
    let words = ["/bin/sh", script.to_str().expect("a name"), told.to_str().expect("a name")];
    let words = words.map(|it| format!("\"{it}\"")).join(", ");
    network.configure(stage, "command = []", &format!("command = [{words}]"));
    told
}

/// Waits until it was rung for a cause; what went out.
pub(crate) async fn rung(told: &Path, event: &str) -> Value {
    until(event, async || {
        let text = fs::read_to_string(told).ok()?;
        let lines = text.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok());
        lines.into_iter().find(|it| it["event"] == event)
    })
    .await
}

fn names(alarm: &Value) -> Vec<&str> {
    alarm.as_object().expect("an object").keys().map(String::as_str).collect()
}

async fn metric(network: &Network, stage: &str, line: &str) {
    until(line, async || network.operations(stage, "/metrics").await.contains(line).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_clock_that_is_moved_rings_and_is_told() {
    let Some(shim) = Shim::built("a peer's clock that is moved") else { return };
    let mut network = Network::started_with(&[]).await;
    let told = kept_by_a_command(&network, ORIGIN);
    network.start(ORIGIN);
    network.preloaded = Some(shim.library());
    network.start(HUB);
    network.serves(ORIGIN).await;
    network.serves(HUB).await;
    let label = format!("rogatory_peer_clock_alarm{{peer=\"{HUB}\"}}");
    metric(&network, ORIGIN, &format!("{label} 0")).await;
    assert!(!told.exists(), "nothing is wrong yet");

    shim.set_clock(AHEAD_S);
    let alarm = rung(&told, "clock_apart").await;
    assert_eq!(names(&alarm), ["event", "subject", "detail", "at"]);
    assert_eq!(alarm["subject"], HUB);
    let detail = alarm["detail"].as_str().unwrap_or_default();
    let seconds = detail.strip_prefix(&format!("the clock of {HUB} is "));
    let seconds = seconds.and_then(|it| it.strip_suffix(" s ahead of this node's"));
    let seconds: i64 = seconds.and_then(|it| it.parse().ok()).expect("so many seconds");
    assert!((AHEAD_S - 60..=AHEAD_S + 60).contains(&seconds), "{detail}");
    metric(&network, ORIGIN, &format!("{label} 1")).await;
    metric(&network, ORIGIN, "rogatory_alarms_delivered{way=\"command\"} 1").await;
    let log = network.log(ORIGIN);
    assert!(log.contains("the clocks of this node and its peer are too far apart"), "it is traced");
    // Whoever tries the contact is told the same.
    let mut probe = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    probe.args(["node", "peer", "test", HUB, "--config"]).arg(&network.place(ORIGIN).config);
    let probe = probe.output().expect("the program starts");
    assert_eq!(probe.status.code(), Some(7));
    let said = String::from_utf8_lossy(&probe.stdout).into_owned();
    assert!(said.contains("more than the 120 s that messages allow for"), "{said}");
    assert!(said.contains("what to do: one of the two clocks is wrong"), "{said}");

    shim.set_clock(0);
    metric(&network, ORIGIN, &format!("{label} 0")).await;
    let times = fs::read_to_string(&told).expect("it was rung").matches("clock_apart").count();
    assert_eq!(times, 1, "it is rung once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_due_and_a_directory_that_nobody_confirms_ring() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    assert!(network.terminate(ORIGIN).await.success());
    let told = kept_by_a_command(&network, ORIGIN);
    network.configure(ORIGIN, "alarm_after_s = 259200", "alarm_after_s = 30");
    let place = network.place(ORIGIN);
    let now = SystemClock.now();
    let confirmed = now.plus_millis(-HOUR_MS);
    put(&network.store(ORIGIN).join("directory/confirmed"), &format!("{confirmed}\n"));
    let kept = &place.callers[&Role::Node];
    let read = |path: &Path| fs::read_to_string(path).expect("the file is there");
    let pem = read(&kept.certificate);
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let request = LeafRequest {
        principal: inspect(&leaf).expect("facts").principal.expect("a node"),
        validity: Validity {
            not_before: now.plus_millis(-HOUR_MS),
            not_after: now.plus_millis(HOUR_MS / 4),
        },
        dns_names: vec!["localhost".to_owned()],
        ip_addresses: vec!["127.0.0.1".parse().expect("an address")],
    };
    let authority = Authority::load(&read(&place.ca), &read(&place.ca_key)).expect("an authority");
    let issued = authority.issue(&request, &SystemEntropy).expect("it is issued");
    put(&kept.certificate, &issued.certificate_pem());
    put(&kept.key, &issued.key_pem());
    network.start(ORIGIN);
    network.serves(ORIGIN).await;

    let alarm = rung(&told, "certificate_due").await;
    let listeners = ["agency", "peers"];
    assert!(listeners.contains(&alarm["subject"].as_str().unwrap_or_default()), "{alarm}");
    let end = inspect(&CertificateDer::from(issued.certificate_der())).expect("facts").not_after;
    let detail = alarm["detail"].as_str().unwrap_or_default();
    assert!(detail.ends_with(&format!("ends at {end}")), "{detail}");
    let alarm = rung(&told, "directory_stale").await;
    let detail = format!("no peer has confirmed the directory since {confirmed}");
    assert_eq!(alarm["detail"], detail);
    // One for each listener, one for the directory.
    let text = until("three rings", async || {
        let text = fs::read_to_string(&told).ok()?;
        (text.lines().count() >= 3).then_some(text)
    })
    .await;
    assert_eq!(text.matches("certificate_due").count(), 2, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_shows_two_histories_rings_at_whoever_finds_it() {
    let mut network = Network::started_with(&[]).await;
    let told = kept_by_a_command(&network, HUB);
    network.start(ORIGIN);
    network.start(HUB);
    network.serves(ORIGIN).await;
    network.serves(HUB).await;
    let operator = network.client(HUB, Role::Operator).await;
    until("the hub to have seen the journal", async || {
        let peers = operator.list_peers(pb::ListPeersRequest {}).await.expect("peers").peers;
        peers.into_iter().find(|it| it.agency == ORIGIN && it.witnessed_size > 0)
    })
    .await;
    network.kill(ORIGIN);

    // Whoever holds the journal's key shows another history of the same length.
    let tls = ClientTls::new(network.tls(HUB, ORIGIN, Role::Node));
    let address = network.place(HUB).listen.peers.to_string();
    let channel = tls.channel(&address, "localhost").await.expect("the hub answers");
    let (frames, outgoing) = tokio::sync::mpsc::channel(4);
    let hello = Hello {
        versions: vec![1],
        network: network.made.directory.network().clone(),
        directory_version: network.made.directory.version(),
    };
    frames.send(Outgoing::Hello(hello).into_pb()).await.expect("the stream is open");
    let mut client = RelayServiceClient::new(channel);
    let answers = client.transfer(ReceiverStream::new(outgoing)).await;
    let mut answers = answers.expect("a session").into_inner();
    let mut answer = async || {
        let frame = answers.message().await.expect("an answer").expect("a frame");
        Incoming::from_pb(frame).expect("a well-formed frame")
    };
    let Incoming::Welcome(Welcome { witnessed, .. }) = answer().await else {
        panic!("a welcome comes first")
    };
    let seen = SignedCheckpoint::parse(&witnessed).expect("what it has seen").checkpoint;
    let other = Checkpoint { root: Digest::of(b"another history"), ..seen.clone() };
    let keys = NodeKeys::load(&network.place(ORIGIN).folder.join("keys")).expect("keys");
    let seed = keys.journal_ed25519.as_ref().expect("a key in a file");
    let signer = Ed25519Signer::from_seed(seed);
    let offer = CheckpointOffer {
        old_size: seen.size,
        proof: Vec::new(),
        checkpoint: sign_checkpoint(&other, &signer),
    };
    frames.send(Outgoing::CheckpointOffer(offer).into_pb()).await.expect("the stream is open");
    let said = answer().await;
    let Incoming::Cosigned(Cosigned { verdict: Cosigning::Withheld(reason), .. }) = said else {
        panic!("a refusal, not {said:?}")
    };
    assert_eq!(reason, "JOURNAL_FORKED");

    let alarm = rung(&told, "conflict_found").await;
    assert_eq!(alarm["subject"], seen.origin);
    let detail = alarm["detail"].as_str().unwrap_or_default();
    assert!(
        detail.starts_with(&format!("two histories of {} were shown", seen.origin)),
        "{detail}"
    );
    metric(&network, HUB, &format!("rogatory_peer_conflict{{peer=\"{ORIGIN}\"}} 1")).await;
}
