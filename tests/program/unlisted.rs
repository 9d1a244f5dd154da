//! The promise: of an agency that publishes no revocation list nobody is let in anywhere, neither who
//! calls nor who answers; and everybody is, once a list is there.

use std::process::Command;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rogatory::cli::node::run::roots_of;
use rogatory::clock::{Clock as _, SystemClock};
use rogatory::config::DirectoryFolder;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::pki::revoke::list_pem;
use rogatory::pki::{Authority, Issued, LeafRequest, RevocationList, Validity};
use rogatory::transport::client::{Client, ClientError, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate};
use rogatory::wire::pb;

use crate::network::{HUB, Network, ORIGIN, agency, until};
use crate::reload::{adopt, next_record, put, read_again};

const HOUR_MS: i64 = 3_600_000;
const TOLD: &str = "the agency publishes no revocation list";

fn issued(by: &Authority, role: Role, name: &str) -> Issued {
    let now = SystemClock.now();
    let is_node = role == Role::Node;
    let request = LeafRequest {
        principal: Principal::new(agency(ORIGIN), role, name).unwrap(),
        validity: Validity {
            not_before: now.plus_millis(-HOUR_MS),
            not_after: now.plus_millis(HOUR_MS),
        },
        dns_names: is_node.then(|| "localhost".to_owned()).into_iter().collect(),
        ip_addresses: Vec::new(),
    };
    by.issue(&request, &SystemEntropy).unwrap()
}

/// Somebody with this certificate calls a listener; what the agency's people see of it is its error.
async fn calls(
    network: &Network,
    (at, address): (&str, String),
    who: &Issued,
) -> Result<(), ClientError> {
    let chain = [who.certificate_der().to_vec()];
    let own = OwnCertificate::from_der(&chain, who.key_der()).unwrap();
    let folder = DirectoryFolder::at(&network.made.directory_path);
    let directory = folder.load(None).unwrap().held.directory().0;
    let tls = tls::ClientSettings {
        expected: agency(at),
        own: Arc::new(own),
        roots: Arc::new(ArcSwap::from_pointee(roots_of(&directory))),
        clock: Arc::new(SystemClock),
    };
    let client = Client::connect(ClientSettings::new(address, ClientTls::new(tls))).await?;
    client.list_request_states(Default::default()).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_an_agency_without_a_list_is_let_in_and_everybody_once_it_has_one() {
    let mut network = Network::between(&[HUB]).await;
    let now = SystemClock.now();
    let life = Validity::days(now.plus_millis(-2 * HOUR_MS), 30);
    let authority = Authority::create(&agency(ORIGIN), life, &SystemEntropy).unwrap();
    let note = next_record(&network, ORIGIN, |record| {
        record.roots = vec![authority.certificate_der().to_vec()];
        record.crls.clear();
    });
    adopt(&network, &note);
    let (node, officer) = (
        issued(&authority, Role::Node, "node-1"),
        issued(&authority, Role::Officer, "duty-officer"),
    );
    let kept = &network.place(ORIGIN).callers[&Role::Node];
    put(&kept.certificate, &node.certificate_pem());
    put(&kept.key, &node.key_pem());
    for stage in [ORIGIN, HUB] {
        network.start(stage);
        network.serves(stage).await;
    }
    let of_hub = network.client(HUB, Role::Operator).await;
    let peer = async || {
        let peers = of_hub.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        peers.into_iter().find(|it| it.agency == ORIGIN).expect("a neighbour")
    };
    // The hub dials it, and does not take what it shows.
    until("the hub to say why", async || peer().await.last_error.contains(TOLD).then_some(()))
        .await;
    assert!(!peer().await.connected);
    // It dials the hub, which does not take it either; nor does its own node its officer.
    until("the hub's refusal", async || {
        let log = network.log(HUB);
        log.lines().any(|it| it.contains("handshake refused") && it.contains(TOLD)).then_some(())
    })
    .await;
    let at_home = || (ORIGIN, network.place(ORIGIN).listen.agency.to_string());
    let refused = calls(&network, at_home(), &officer).await.unwrap_err();
    assert!(refused.to_string().contains(TOLD), "our own client says it first: {refused}");
    let warned = "nobody is let in of an agency without a revocation list";
    assert!(network.log(ORIGIN).contains(warned), "{}", network.log(ORIGIN));

    // A list that nobody stands on, adopted by itself.
    let list = RevocationList::first(now.plus_millis(-HOUR_MS), now.plus_millis(24 * HOUR_MS));
    let file = network.made.folder.join("first.crl");
    put(&file, &list_pem(&authority.sign_revocations(&list).unwrap()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    program.args(["directory", "adopt"]).arg(&network.made.directory_path).arg(&file);
    let adopted = program.output().unwrap();
    assert!(adopted.status.success(), "{}", String::from_utf8_lossy(&adopted.stderr));
    for stage in [ORIGIN, HUB] {
        read_again(&network, stage);
    }
    until("the officer to be let in", async || calls(&network, at_home(), &officer).await.ok())
        .await;
    until("the hub's line", async || peer().await.connected.then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_names_the_file_of_a_list_or_root_that_is_bad_and_serves_with_the_rest() {
    let mut network = Network::between(&[HUB]).await;
    let folder = network.made.directory_path.clone();
    let life = Validity::days(SystemClock.now().plus_millis(-2 * HOUR_MS), 30);
    let stranger = Authority::create(&agency(ORIGIN), life, &SystemEntropy).unwrap();
    let list = RevocationList::first(life.not_before, life.not_after);
    let bad = format!("{ORIGIN}.0000000000000000.crl");
    let forged = stranger.sign_revocations(&list).unwrap();
    rogatory::config::directory::replace(&folder.join("lists").join(&bad), &forged).unwrap();
    // A leaf is no authority: nobody of the hub is let in.
    let leaf = issued(&stranger, Role::Node, "node-1").certificate_der().to_vec();
    let note = next_record(&network, HUB, |record| {
        record.roots = vec![leaf];
        record.crls.clear();
    });
    adopt(&network, &note);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let log = network.log(ORIGIN);
    let told = format!("{bad}: crl: the list is not signed by the authority that it names");
    assert!(log.contains(&told), "{log}");
    let own = network.store(ORIGIN).join("directory");
    let record = own.join(format!("records/{HUB}.note"));
    let told = format!("root 0 of {HUB} is not an authority's certificate: {}", record.display());
    assert!(log.contains(&told), "{log}");
    // Of the bad list nothing is kept, and the agency's people are let in by the good one.
    assert!(!own.join("lists").join(&bad).exists());
    let officer = network.client(ORIGIN, Role::Officer).await;
    officer.list_request_states(Default::default()).await.expect("it is let in");
}
