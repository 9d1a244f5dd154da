//! The promise: what changes in the directory reaches every node by its neighbours, without anybody
//! touching them: who belongs, an emergency suspension, a revoked certificate. Two texts of one
//! version are found, kept and adopted by nobody who has the other. A directory that nobody confirms
//! raises an alarm, and in the end nothing new is sent under it.

use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::identity::Role;
use rogatory::pki::{Authority, RevocationList, inspect};
use rogatory::wire::pb;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::network::drafts::{self, DESTINATION_DESK, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};

fn done(words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_rogatory")).args(words).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Two authorities sign a change of the roll, which takes its place in a folder.
fn change_roll(network: &Network, folder: &Path, version: u64, change: &[&str]) {
    done(&[&["directory", "propose", text(folder)], change].concat());
    let proposed = folder.join("proposed").join(format!("roll-{version}.toml"));
    for name in ["demo.first-authority", "demo.third-authority"] {
        let key = network.made.folder.join("directory-keys").join(format!("{name}.key"));
        done(&["directory", "sign", text(&proposed), "--key", text(&key)]);
    }
    done(&["directory", "adopt", text(folder), text(&proposed.with_extension("note"))]);
}

async fn until_metric(network: &Network, stage: &str, name: &str, wanted: Option<u64>) {
    let what = format!("{name} of {stage}");
    until(&what, async || (network.metric(stage, name).await == wanted).then_some(())).await;
}

const VERSION: &str = "rogatory_directory_version";

fn connected(peer: &str) -> String {
    format!("rogatory_relay_connected{{peer=\"{peer}\"}}")
}

async fn standing(network: &Network, stage: &str) -> pb::DirectoryStanding {
    let operator = network.client(stage, Role::Operator).await;
    let status = operator.get_node_status(pb::GetNodeStatusRequest {}).await;
    status.expect("an operator is told").directory.expect("the directory is told of")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_published_at_one_end_reaches_the_other_and_so_does_its_end() {
    let network = Network::started().await;
    for stage in [ORIGIN, DESTINATION] {
        until_metric(&network, HUB, &connected(stage), Some(1)).await;
        until_metric(&network, stage, &connected(HUB), Some(1)).await;
    }
    let before = network.metric(HUB, VERSION).await.expect("a version");
    let folder = network.made.directory_path.clone();
    change_roll(&network, &folder, 2, &["--suspend", DESTINATION]);
    // Only the node at the other end of the line reads its folder again.
    network.hang_up(ORIGIN);
    until_metric(&network, HUB, VERSION, Some(before + 1)).await;
    until_metric(&network, HUB, &connected(DESTINATION), None).await;
    until_metric(&network, HUB, &connected(ORIGIN), Some(1)).await;
    until("whoever is suspended to be cut off", async || {
        (network.metric(DESTINATION, &connected(HUB)).await != Some(1)).then_some(())
    })
    .await;
    let journal = network.journal(ORIGIN).await.replayed(&network.made.directory);
    let facts = journal.expect("the journal holds").facts;
    assert_eq!(facts.get("directory_adopted"), Some(&2), "both ways end in the same entry");

    change_roll(&network, &folder, 3, &["--activate", DESTINATION]);
    network.hang_up(ORIGIN);
    for stage in [HUB, DESTINATION] {
        until_metric(&network, stage, VERSION, Some(before + 2)).await;
    }
    until_metric(&network, HUB, &connected(DESTINATION), Some(1)).await;
    until_metric(&network, DESTINATION, &connected(HUB), Some(1)).await;
    // It stands on the disk of the far node, from which it starts again by itself.
    assert!(network.store(DESTINATION).join("directory/rolls/000003.note").is_file());
    let agrees = format!("rogatory_directory_agrees{{peer=\"{HUB}\"}}");
    until_metric(&network, DESTINATION, &agrees, Some(1)).await;
    let told = standing(&network, DESTINATION).await;
    assert_eq!((told.state.as_str(), told.refused.len()), ("fresh", 0));
    let peer = told.peers.first().expect("the hub was heard");
    assert_eq!((peer.agency.as_str(), peer.version, peer.clock_alarm), (HUB, before + 2, false));
}

/// The next list of an agency, on which an officer stands; signed by its authority alone.
fn revoked(network: &Network, stage: &str) -> PathBuf {
    let place = network.place(stage);
    let read = |path: &Path| std::fs::read_to_string(path).expect("the file is there");
    let authority = Authority::load(&read(&place.ca), &read(&place.ca_key)).expect("an authority");
    let officer = std::fs::read(&place.callers[&Role::Officer].certificate).expect("a file");
    let officer = CertificateDer::from_pem_slice(&officer).expect("a certificate");
    let serial = inspect(&officer).expect("it is read").serial;
    let now = SystemClock.now();
    let mut list = RevocationList::first(now, now.plus_millis(24 * 3_600_000));
    list.number = 2;
    list.revoke(&hex::decode(serial).expect("hexadecimal"), now);
    let path = network.folder().join(format!("{stage}.crl"));
    let signed = authority.sign_revocations(&list).expect("a list");
    std::fs::File::create(&path)
        .and_then(|mut it| std::io::Write::write_all(&mut it, &signed))
        .expect("it is written");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_only_its_authority_signed_cuts_streams_two_nodes_away() {
    let network = Network::started().await;
    let officer = network.client(DESTINATION, Role::Officer).await;
    let contact_point = DESTINATION_DESK.to_owned();
    let watching = pb::WatchMessagesRequest { contact_point, after: 0 };
    let mut watch = officer.watch_messages(watching).await.expect("an officer may watch");
    let before = network.metric(DESTINATION, VERSION).await;
    let folder = network.made.directory_path.clone();
    done(&["directory", "adopt", text(&folder), text(&revoked(&network, DESTINATION))]);
    network.hang_up(ORIGIN);
    let ended = tokio::time::timeout(crate::network::PATIENCE, watch.next()).await;
    let ended = ended.expect("the stream ends").expect_err("it is cut");
    assert_eq!(ended.reason(), "CERTIFICATE_REVOKED");
    assert_eq!(network.metric(DESTINATION, VERSION).await, before, "no record had to change");
    let other = network.client(DESTINATION, Role::Service).await;
    let polled = pb::ListMessagesRequest {
        contact_point: DESTINATION_DESK.to_owned(),
        ..Default::default()
    };
    assert!(other.list_messages(polled).await.is_ok(), "the others go on");
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copied(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_of_the_roll_is_refused_on_both_sides_and_messages_go_on() {
    let mut network = Network::started().await;
    let other = network.made.folder.join("other-directory");
    let folder = network.made.directory_path.clone();
    copied(&folder, &other);
    let third = network.made.directory.agencies().map(|it| it.id.to_string());
    let third: Vec<String> =
        third.filter(|it| ![ORIGIN, HUB, DESTINATION].contains(&it.as_str())).collect();
    let [ours, theirs] = [0, 1].map(|at| third.get(at).expect("agencies without a node").clone());
    change_roll(&network, &folder, 2, &["--suspend", &ours]);
    change_roll(&network, &other, 2, &["--suspend", &theirs]);
    network.kill(ORIGIN);
    network.kill(HUB);
    network.configure(ORIGIN, "directory = \"../directory\"", "directory = \"../other-directory\"");
    network.start(ORIGIN);
    network.start(HUB);
    for stage in [ORIGIN, HUB] {
        network.serves(stage).await;
    }
    let name = "rogatory_directory_refused{text=\"roll\",reason=\"fork\"}";
    for stage in [ORIGIN, HUB] {
        until("the fork", async || network.metric(stage, name).await.filter(|it| *it > 0)).await;
        let evidence = network.store(stage).join("directory/evidence");
        assert_eq!(std::fs::read_dir(&evidence).expect("there is evidence").count(), 1);
    }
    let told = standing(&network, ORIGIN).await;
    let refused = told.refused.first().expect("it is told");
    assert_eq!((refused.from.as_str(), refused.reason.as_str()), (HUB, "fork"));
    assert_eq!(refused.text, "roll 2");
    // The session stays, and the message arrives.
    let officer = network.client(ORIGIN, Role::Officer).await;
    let sent = officer.send_message(sending("k", &drafts::request("Vessel in distress"))).await;
    let sent = sent.expect("it is taken");
    let theirs = network.client(DESTINATION, Role::Officer).await;
    let polled = pb::ListMessagesRequest {
        contact_point: DESTINATION_DESK.to_owned(),
        ..Default::default()
    };
    let sent = sent.messages.first().expect("one message").message_id.clone();
    until("the message", async || {
        let listed = theirs.list_messages(polled.clone()).await.expect("a list").items;
        let found =
            |it: &pb::InboxItem| it.message.as_ref().map(|it| &it.message_id) == Some(&sent);
        listed.iter().any(found).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_nobody_confirms_raises_an_alarm_and_ends_for_what_is_new() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    assert_eq!(standing(&network, ORIGIN).await.state, "fresh");
    network.kill(ORIGIN);
    // By the clock of the file it was confirmed an hour ago.
    let hour_ago = SystemClock.now().plus_millis(-3_600_000);
    let note = network.store(ORIGIN).join("directory/confirmed");
    let put = |at: rogatory::clock::Timestamp| {
        let file = std::fs::OpenOptions::new().write(true).truncate(true).open(&note);
        let written =
            file.map(|mut it| std::io::Write::write_all(&mut it, format!("{at}\n").as_bytes()));
        assert!(matches!(written, Ok(Ok(()))), "{written:?}");
    };
    put(hour_ago);
    network.configure(ORIGIN, "alarm_after_s = 259200", "alarm_after_s = 3000");
    network.configure(ORIGIN, "end_after_s = 1209600", "end_after_s = 7200");
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let told = standing(&network, ORIGIN).await;
    assert_eq!(told.state, "stale");
    assert_eq!(told.confirmed_at, hour_ago.to_string());
    assert_eq!(told.ends_at, hour_ago.plus_millis(7_200_000).to_string());
    until_metric(&network, ORIGIN, "rogatory_directory_stale", Some(1)).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let sent = officer.send_message(sending("k1", &drafts::request("While it is stale"))).await;
    assert!(sent.is_ok(), "a stale directory still counts: {sent:?}");
    network.kill(ORIGIN);
    put(hour_ago.plus_millis(-3_600_000));
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    assert_eq!(standing(&network, ORIGIN).await.state, "ended");
    let officer = network.client(ORIGIN, Role::Officer).await;
    let refused = officer.send_message(sending("k2", &drafts::request("Too late"))).await;
    assert_eq!(refused.expect_err("nothing new is sent").reason(), "DIRECTORY_STALE");
    // A neighbour that holds the same ends it, and what was accepted has waited for nothing else.
    network.start(HUB);
    network.serves(HUB).await;
    until("a confirmation", async || {
        (standing(&network, ORIGIN).await.state == "fresh").then_some(())
    })
    .await;
    let sent = officer.send_message(sending("k3", &drafts::request("In time again"))).await;
    assert!(sent.is_ok(), "{sent:?}");
}
