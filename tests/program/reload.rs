//! The promise: certificates, roots and revocation lists are read again without a restart, on both
//! sides of a connection; a bad reading keeps what was there and says so; and whoever is revoked, or
//! whose certificate ends, loses open streams and the next request.

mod contact;
mod desks;
mod rolls;
mod texts;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::config::DirectoryFolder;
use rogatory::directory::AgencyRecord;
use rogatory::directory::signed::{SignedRecord, write};
use rogatory::entropy::SystemEntropy;
use rogatory::identity::Role;
use rogatory::pki::{Authority, CertificateFacts, LeafRequest, RevocationList, Validity, inspect};
use rogatory::transport::client::{Client, ClientError, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate, ServerTls};
use rogatory::wire::pb;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tonic::transport::server::Connected as _;

use crate::network::drafts::ORIGIN_DESK;
use crate::network::{HUB, Network, ORIGIN, agency, until};

const HOUR_MS: i64 = 3_600_000;
/// Open streams are closed within this time.
const WITHIN: Duration = Duration::from_secs(5);

pub fn put(path: &Path, text: &str) {
    let mut file = std::fs::File::create(path).expect("the file can be written");
    file.write_all(text.as_bytes()).expect("the file is written");
}

fn authority(network: &Network, stage: &str) -> Authority {
    let read = |path| std::fs::read_to_string(path).expect("the file is there");
    let place = network.place(stage);
    Authority::load(&read(&place.ca), &read(&place.ca_key)).expect("an authority")
}

/// The certificate of a caller, DER.
fn certificate(network: &Network, stage: &str, role: Role) -> Vec<u8> {
    let path = &network.place(stage).callers[&role].certificate;
    let pem = std::fs::read(path).expect("the file is there");
    CertificateDer::from_pem_slice(&pem).expect("a certificate").to_vec()
}

/// What it says.
fn facts(network: &Network, stage: &str, role: Role) -> CertificateFacts {
    inspect(&certificate(network, stage, role)).unwrap()
}

/// What an agency says of itself in the directory that all nodes read.
fn record(network: &Network, stage: &str) -> SignedRecord {
    let folder = DirectoryFolder::at(&network.made.directory_path);
    let note = std::fs::read(folder.record_path(&agency(stage))).expect("the agency has a record");
    SignedRecord::parse(&note).expect("it is signed")
}

/// The list that the directory names for an agency.
fn list(network: &Network, stage: &str) -> RevocationList {
    let crl = record(network, stage).record.agency.crls.pop();
    RevocationList::parse(&crl.expect("the agency publishes a list")).unwrap()
}

/// Puts an agency's list into the next version of its record, signs that, and lets it take its place.
fn publish(network: &Network, stage: &str, list: &RevocationList) {
    adopt(network, &signed(network, stage, list));
}

/// Lets a signed record take its place.
pub fn adopt(network: &Network, note: &Path) {
    let folder = network.made.directory_path.as_path();
    let adopted = directory(&["adopt".as_ref(), folder, note]);
    assert!(adopted.status.success(), "{}", String::from_utf8_lossy(&adopted.stderr));
    std::fs::remove_file(note).expect("it has taken its place");
}

fn directory(words: &[&Path]) -> std::process::Output {
    let program =
        Command::new(env!("CARGO_BIN_EXE_rogatory")).arg("directory").args(words).output();
    program.expect("the program starts")
}

/// An agency's list in the next version of its record, which is signed.
fn signed(network: &Network, stage: &str, list: &RevocationList) -> PathBuf {
    let crl = authority(network, stage).sign_revocations(list).unwrap();
    next_record(network, stage, |it| it.crls = vec![crl])
}

/// The next version of an agency's record, changed and signed.
pub fn next_record(
    network: &Network,
    stage: &str,
    change: impl FnOnce(&mut AgencyRecord),
) -> PathBuf {
    let present = record(network, stage);
    let mut next = present.record.clone();
    (next.version, next.previous) = (present.record.version + 1, Some(present.hash));
    change(&mut next.agency);
    let draft = network.made.folder.join(format!("{stage}.toml"));
    put(&draft, &write::record(&next));
    let key = network.made.folder.join(format!("directory-keys/{stage}.key"));
    let output = directory(&["sign".as_ref(), &draft, "--key".as_ref(), &key]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    draft.with_extension("note")
}

/// An agency revokes one of its certificates.
fn revoke(network: &Network, stage: &str, role: Role) {
    let now = SystemClock.now();
    let mut next = list(network, stage).next(now, now.plus_millis(24 * HOUR_MS)).unwrap();
    next.revoke(&hex::decode(facts(network, stage, role).serial).unwrap(), now);
    publish(network, stage, &next);
}

pub fn read_again(network: &Network, stage: &str) {
    let hangup = format!("kill -s HUP {}", network.process(stage));
    assert!(Command::new("sh").args(["-c", &hangup]).status().unwrap().success());
}

async fn status(network: &Network, stage: &str) -> pb::GetNodeStatusResponse {
    let operator = network.client(stage, Role::Operator).await;
    operator.get_node_status(pb::GetNodeStatusRequest {}).await.expect("an operator is told")
}

/// Waits until a node has read its files once more than `before` says.
async fn has_read(network: &Network, stage: &str, before: &str) -> pb::GetNodeStatusResponse {
    until("the files to be read again", async || {
        let told = status(network, stage).await;
        (told.read_at != before).then_some(told)
    })
    .await
}

fn watching() -> pb::WatchMessagesRequest {
    pb::WatchMessagesRequest { contact_point: ORIGIN_DESK.to_owned(), after: 0 }
}

async fn ends<T: std::fmt::Debug>(stream: impl Future<Output = Result<T, ClientError>>) -> String {
    let ended = tokio::time::timeout(crate::network::PATIENCE, stream).await;
    ended.expect("the stream ends").unwrap_err().reason().to_owned()
}

async fn peer(network: &Network, at: &str, of: &str) -> pb::Peer {
    let operator = network.client(at, Role::Operator).await;
    let answer = operator.list_peers(pb::ListPeersRequest {}).await.unwrap();
    answer.peers.into_iter().find(|it| it.agency == of).expect("a neighbour")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_caller_loses_open_streams_waits_and_the_next_request() {
    let network = Network::started_with(&[ORIGIN]).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let service = network.client(ORIGIN, Role::Service).await;
    let mut watch = officer.watch_messages(watching()).await.unwrap();
    let mut other = service.watch_messages(watching()).await.unwrap();
    let polling = pb::ListMessagesRequest {
        contact_point: ORIGIN_DESK.to_owned(),
        wait_seconds: 60,
        ..Default::default()
    };
    revoke(&network, ORIGIN, Role::Officer);
    let poll = officer.list_messages(polling);
    let revoked = async {
        read_again(&network, ORIGIN);
        let begun = tokio::time::Instant::now();
        assert_eq!(ends(watch.next()).await, "CERTIFICATE_REVOKED");
        assert!(begun.elapsed() <= WITHIN, "the stream was closed after {:?}", begun.elapsed());
    };
    let polled = async {
        let begun = tokio::time::Instant::now();
        let polled = ends(poll).await;
        assert!(begun.elapsed() <= WITHIN, "the poll was ended after {:?}", begun.elapsed());
        polled
    };
    let (polled, ()) = tokio::join!(polled, revoked);
    assert_eq!(polled, "CERTIFICATE_REVOKED");
    let next = officer.list_request_states(Default::default()).await.unwrap_err();
    assert_eq!((next.code(), next.reason()), (16, "CERTIFICATE_REVOKED"));
    // A new connection is not made at all.
    let settings = network.line(ORIGIN, ORIGIN, Role::Officer);
    let anew = async { Client::connect(settings).await?.list_peers(Default::default()).await };
    assert!(matches!(anew.await.unwrap_err().code(), 14 | 16));
    // Nobody else is troubled.
    let waited = Duration::from_secs(3);
    assert!(tokio::time::timeout(waited, other.next()).await.is_err(), "it goes on");
    service.list_request_states(Default::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_node_loses_its_sessions_in_both_directions() {
    let network = Network::started_with(&[ORIGIN, HUB]).await;
    for (at, of) in [(ORIGIN, HUB), (HUB, ORIGIN)] {
        until("a session", async || peer(&network, at, of).await.connected.then_some(())).await;
    }
    revoke(&network, HUB, Role::Node);
    read_again(&network, ORIGIN);
    let begun = tokio::time::Instant::now();
    // The one that dialled looks at who answered, the one that listens at who calls.
    for (at, of) in [(ORIGIN, HUB), (HUB, ORIGIN)] {
        until("the session to end, and to say why", async || {
            let it = peer(&network, at, of).await;
            let why = it.last_error.to_lowercase();
            (!it.connected && why.contains("revoked")).then_some(())
        })
        .await;
        assert!(begun.elapsed() <= WITHIN, "{at} lost {of} after {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_reading_keeps_what_was_there_and_says_so() {
    let network = Network::started_with(&[ORIGIN]).await;
    let place = network.place(ORIGIN);
    let config = std::fs::read_to_string(&place.config).unwrap();
    let value = config.lines().find_map(|it| it.strip_prefix("certificate = ")).unwrap();
    let certificate = place.folder.join(value.trim_matches('"'));
    let good = std::fs::read_to_string(&certificate).unwrap();
    let before = status(&network, ORIGIN).await;
    assert_eq!((before.read_at.as_str(), before.read_fault.as_str()), ("", ""));
    let officer = network.client(ORIGIN, Role::Officer).await;
    officer.list_request_states(Default::default()).await.unwrap();

    revoke(&network, ORIGIN, Role::Officer);
    put(&certificate, "nothing");
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, "").await;
    assert!(told.read_fault.contains("no certificate in PEM form"), "{}", told.read_fault);
    let named = certificate.display().to_string();
    assert!(told.read_fault.contains(&named), "{}", told.read_fault);
    assert_eq!(told.certificates, before.certificates);
    // The directory is signed for itself: it counts although the certificate beside it is none.
    let settings = network.line(ORIGIN, ORIGIN, Role::Officer);
    let anew = async { Client::connect(settings).await?.list_peers(Default::default()).await };
    assert!(matches!(anew.await.unwrap_err().code(), 14 | 16));
    assert!(network.operations(ORIGIN, "/metrics").await.contains("rogatory_reading_failed 1"));
    assert!(network.log(ORIGIN).contains("what is named stays as it was"));

    put(&certificate, &good);
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, &told.read_at).await;
    assert_eq!(told.read_fault, "");

    // A list that goes back would let the officer in again.
    let now = SystemClock.now();
    let backwards = RevocationList::first(now, now.plus_millis(HOUR_MS));
    let note = signed(&network, ORIGIN, &backwards);
    let folder = network.made.directory_path.as_path();
    let refused = directory(&["adopt".as_ref(), folder, &note]);
    assert_eq!(refused.status.code(), Some(6));
    let expected = "crl: the list is number 1, and number 2 is known";
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(expected), "{said}");
    // Whoever can write in the folder puts it there all the same.
    let place = DirectoryFolder::at(folder).record_path(&agency(ORIGIN));
    std::fs::copy(&note, place).expect("a copy");
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, &told.read_at).await;
    let named = format!("/records/{ORIGIN}.note: {expected}");
    assert!(told.read_fault.contains(&named), "{}", told.read_fault);
    assert!(network.log(ORIGIN).contains(expected), "it is traced, and changes nothing");
    let refused = officer.list_request_states(Default::default()).await.unwrap_err();
    assert_eq!(refused.reason(), "CERTIFICATE_REVOKED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_is_bad_is_told_with_its_line_or_field_and_the_node_goes_on() {
    let network = Network::started_with(&[ORIGIN]).await;
    let config = &network.place(ORIGIN).config;
    let good = std::fs::read_to_string(config).unwrap();
    let before = status(&network, ORIGIN).await;
    let mut told = before.clone();
    let broken = format!("{good}\n[[nonsense\n");
    let line = format!("line {}", broken.lines().count());
    let unknown = format!("{good}\n[nonsense]\nvalue = 1\n");
    for (bad, named) in [(broken, line.as_str()), (unknown, "nonsense")] {
        put(config, &bad);
        read_again(&network, ORIGIN);
        told = has_read(&network, ORIGIN, &told.read_at).await;
        let file = config.display().to_string();
        assert!(told.read_fault.contains(&file), "{}", told.read_fault);
        assert!(told.read_fault.contains(named), "{named}: {}", told.read_fault);
        assert_eq!(told.certificates, before.certificates);
        let officer = network.client(ORIGIN, Role::Officer).await;
        officer.list_request_states(Default::default()).await.unwrap();
    }
    put(config, &good);
    read_again(&network, ORIGIN);
    assert_eq!(has_read(&network, ORIGIN, &told.read_at).await.read_fault, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_callers_certificate() {
    let network = Network::started_with(&[ORIGIN]).await;
    let authority = authority(&network, ORIGIN);
    let mut life_ms = 5_000;
    let (mut watch, end) = loop {
        assert!(life_ms < 200_000, "it can be opened in the life of a certificate");
        let now = SystemClock.now();
        let request = LeafRequest {
            principal: facts(&network, ORIGIN, Role::Officer).principal.unwrap(),
            validity: Validity {
                not_before: now.plus_millis(-1000),
                not_after: now.plus_millis(life_ms),
            },
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
        };
        let end = request.validity.not_after;
        let issued = authority.issue(&request, &SystemEntropy).unwrap();
        let chain = [issued.certificate_der().to_vec()];
        let own = OwnCertificate::from_der(&chain, issued.key_der()).unwrap();
        let own = Arc::new(own);
        let tls = tls::ClientSettings { own, ..network.tls(ORIGIN, ORIGIN, Role::Officer) };
        let address = network.place(ORIGIN).listen.agency.to_string();
        let settings = ClientSettings::new(address, ClientTls::new(tls));
        let opened = async { Client::connect(settings).await?.watch_messages(watching()).await };
        match opened.await {
            Ok(watch) => break (watch, end),
            Err(_) => life_ms *= 2,
        }
    };
    assert_eq!(ends(watch.next()).await, "CERTIFICATE_EXPIRED");
    let late_ms = SystemClock.now().millis_since(end);
    let late = Duration::from_millis(u64::try_from(late_ms).expect("not before its end"));
    assert!(late <= WITHIN, "{late:?} after its end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let network = Network::started_with(&[ORIGIN]).await;
    let place = network.place(ORIGIN);
    // In the hub's place the test looks at who dials.
    let hub = Looking::at(&network, HUB).await;
    let old = hub.shown().await;
    assert_eq!(old, certificate(&network, ORIGIN, Role::Node), "the one it began with");
    let before = status(&network, ORIGIN).await;
    let kept = &place.callers[&Role::Node];
    let now = SystemClock.now();
    let request = LeafRequest {
        principal: facts(&network, ORIGIN, Role::Node).principal.unwrap(),
        validity: Validity {
            not_before: now.plus_millis(-HOUR_MS),
            not_after: now.plus_millis(HOUR_MS / 4),
        },
        dns_names: vec!["localhost".to_owned()],
        ip_addresses: vec!["127.0.0.1".parse().unwrap()],
    };
    let issued = authority(&network, ORIGIN).issue(&request, &SystemEntropy).unwrap();
    put(&kept.certificate, &issued.certificate_pem());
    put(&kept.key, &issued.key_pem());
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, "").await;
    assert_eq!(told.read_fault, "");
    assert_eq!(told.certificates.len(), 2);
    for (new, old) in told.certificates.iter().zip(&before.certificates) {
        assert_eq!((new.state.as_str(), old.state.as_str()), ("due", "fine"));
        assert_ne!(new.not_after, old.not_after);
    }
    let metrics = network.operations(ORIGIN, "/metrics").await;
    assert!(metrics.contains("rogatory_certificate_due{listener=\"agency\"} 1"), "{metrics}");
    // Who connects from now on meets it, and so do those to whom the node connects.
    let tls = ClientTls::new(network.tls(ORIGIN, ORIGIN, Role::Service));
    let address = place.listen.agency.to_string();
    let shown = tls.line(&address, "localhost").await.unwrap().other;
    assert_eq!(shown.certificate(), issued.certificate_der());
    let seen = until("the new certificate", async || {
        let seen = hub.shown().await;
        // It may have been dialling when it read the new one.
        (seen != old).then_some(seen)
    })
    .await;
    assert_eq!(seen, issued.certificate_der());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_list_counts_for_the_grace_that_is_configured() {
    let mut network = Network::between(&[HUB]).await;
    let now = SystemClock.now();
    let due = now.plus_millis(-HOUR_MS);
    let late = list(&network, ORIGIN).next(due.plus_millis(-HOUR_MS), due).unwrap();
    publish(&network, ORIGIN, &late);
    // It is an hour late.
    let mut before = "crl_grace_s = 259200".to_owned();
    for (grace_s, counts) in [(4_200, true), (3_000, false), (0, false)] {
        let after = format!("crl_grace_s = {grace_s}");
        network.configure(ORIGIN, &before, &after);
        before = after;
        network.start(ORIGIN);
        network.serves(ORIGIN).await;
        let settings = network.line(ORIGIN, ORIGIN, Role::Officer);
        let called = async {
            Client::connect(settings).await?.list_request_states(Default::default()).await
        };
        match called.await {
            Ok(_) => assert!(counts, "{grace_s} s are over"),
            Err(error) => assert!(!counts && matches!(error.code(), 14 | 16), "{error}"),
        }
        let told = "the agency's revocation list is out of date";
        if counts {
            assert!(!network.log(ORIGIN).contains(told), "{grace_s} s");
        } else {
            // The caller may hear of it first.
            until("the refusal", async || network.log(ORIGIN).contains(told).then_some(())).await;
        }
        let overdue = format!("rogatory_revocation_list_overdue{{agency=\"{ORIGIN}\"}}");
        assert_eq!(network.metric(ORIGIN, &overdue).await, Some(1));
        network.kill(ORIGIN);
    }
}

/// The peer listener of a node that looks at who dials, and hangs up.
struct Looking {
    socket: tokio::net::TcpListener,
    tls: ServerTls,
}

impl Looking {
    async fn at(network: &Network, stage: &str) -> Self {
        let address = network.place(stage).listen.peers;
        let settings = network.tls(stage, stage, Role::Node);
        let tls = ServerTls::new(tls::ServerSettings {
            listener: tls::Listener::Peer,
            agency: agency(stage),
            own: settings.own,
            roots: settings.roots,
            clock: settings.clock,
        });
        Self { socket: tokio::net::TcpListener::bind(address).await.expect("it is free"), tls }
    }

    /// The certificate that the next one shows who dials, DER.
    async fn shown(&self) -> Vec<u8> {
        let places = Arc::new(tokio::sync::Semaphore::new(1));
        let (tcp, _) = tokio::time::timeout(crate::network::PATIENCE, self.socket.accept())
            .await
            .expect("somebody dials")
            .expect("a connection");
        let place = places.try_acquire_owned().expect("there is one place");
        let stream = self.tls.accept(tcp, place).await.expect("it is let in");
        stream.connect_info().certificate().to_vec()
    }
}
