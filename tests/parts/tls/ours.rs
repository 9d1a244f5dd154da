//! Our client against our listeners.

use std::sync::Arc;

use rogatory::clock::SystemClock;
use rogatory::identity::Role;
use rogatory::pki::{Issued, RevocationList};
use rogatory::transport::tls::{self, ClientSettings, Listener, Refusal};
use rustls::pki_types::ServerName;
use rustls::{HandshakeKind, NamedGroup};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;

use crate::tls::parties::{
    Door, GRACE, agency, authority, leaf, own, past, roots, trust, trust_with_list,
};

/// Calls the door and reads what it says; the error is the client's own.
fn call(door: &Door, settings: ClientSettings, times: usize) -> std::io::Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connector = TlsConnector::from(tls::client(settings));
    runtime.block_on(async {
        let mut said = Vec::new();
        for _ in 0..times {
            let socket = tokio::net::TcpStream::connect(door.address).await?;
            let name = ServerName::try_from("any.name.at.all").unwrap();
            let mut stream = connector.connect(name, socket).await?;
            stream.read_to_end(&mut said).await?;
        }
        Ok(said)
    })
}

fn settings(
    expected: &str,
    caller: &Issued,
    roots: &Arc<arc_swap::ArcSwap<tls::RootsByAgency>>,
) -> ClientSettings {
    ClientSettings {
        expected: agency(expected),
        own: own(caller),
        roots: Arc::clone(roots),
        clock: Arc::new(SystemClock),
    }
}

#[test]
fn nodes_meet_on_x25519mlkem768_and_never_resume() {
    let (italy, malta) = (authority("ita.coast-guard"), authority("mlt.armed-forces"));
    let roots =
        roots(vec![("ita.coast-guard", trust(&italy)), ("mlt.armed-forces", trust(&malta))]);
    let node = leaf(&italy, Role::Node, "rome-1");
    let door = Door::open(Listener::Peer, &node, Arc::clone(&roots));
    let caller = leaf(&malta, Role::Node, "valletta-1");
    // One connector for both calls, so that it would resume if anything could be resumed.
    let said = call(&door, settings("ita.coast-guard", &caller, &roots), 2).unwrap();
    assert_eq!(said, b"welcome\nwelcome\n");
    for _ in 0..2 {
        let met = door.admitted();
        assert_eq!(met.principal.to_string(), "spiffe://mlt.armed-forces/node/valletta-1");
        assert_eq!(met.group, Some(NamedGroup::X25519MLKEM768));
        assert_eq!(met.kind, Some(HandshakeKind::Full));
        assert_eq!(met.alpn.as_deref(), Some(&b"h2"[..]));
    }
}

#[test]
fn an_officer_is_let_in_at_home_and_not_at_the_peer_door() {
    let italy = authority("ita.coast-guard");
    let roots = roots(vec![("ita.coast-guard", trust(&italy))]);
    let node = leaf(&italy, Role::Node, "rome-1");
    let officer = leaf(&italy, Role::Officer, "duty-desk");
    let home = Door::open(Listener::Agency, &node, Arc::clone(&roots));
    call(&home, settings("ita.coast-guard", &officer, &roots), 1).unwrap();
    let met = home.admitted();
    assert_eq!(met.principal.to_string(), "spiffe://ita.coast-guard/officer/duty-desk");
    assert_eq!(met.group, Some(NamedGroup::X25519MLKEM768));

    let peers = Door::open(Listener::Peer, &node, Arc::clone(&roots));
    assert!(call(&peers, settings("ita.coast-guard", &officer, &roots), 1).is_err());
    assert_eq!(peers.refused().refusal, Some(Refusal::Role(Role::Officer)));

    assert!(call(&home, settings("ita.coast-guard", &node, &roots), 1).is_err());
    assert_eq!(home.refused().refusal, Some(Refusal::Role(Role::Node)));
}

#[test]
fn our_client_wants_the_node_of_the_agency_it_meant() {
    let (italy, malta) = (authority("ita.coast-guard"), authority("mlt.armed-forces"));
    let roots =
        roots(vec![("ita.coast-guard", trust(&italy)), ("mlt.armed-forces", trust(&malta))]);
    let door = Door::open(Listener::Peer, &leaf(&italy, Role::Node, "rome-1"), Arc::clone(&roots));
    let caller = leaf(&malta, Role::Node, "valletta-1");
    let error = call(&door, settings("mlt.armed-forces", &caller, &roots), 1).unwrap_err();
    assert_eq!(tls::refusal_of(&error), Some(Refusal::OtherAgency));
    let seen = door.refused();
    assert_eq!(seen.refusal, None, "the server only hears an alert: {}", seen.text);
}

#[test]
fn a_new_list_reaches_the_next_handshake_on_both_sides() {
    let (italy, malta) = (authority("ita.coast-guard"), authority("mlt.armed-forces"));
    let node = leaf(&italy, Role::Node, "rome-1");
    let caller = leaf(&malta, Role::Node, "valletta-1");
    let first = RevocationList::first(past(), past().plus_millis(GRACE));
    let both = |italian: &RevocationList, maltese: &RevocationList| {
        roots(vec![
            ("ita.coast-guard", trust_with_list(&italy, italian)),
            ("mlt.armed-forces", trust_with_list(&malta, maltese)),
        ])
    };
    let with = |issued: &Issued| {
        let mut next = first.next(past(), past().plus_millis(GRACE)).unwrap();
        let facts = rogatory::pki::inspect(issued.certificate_der()).unwrap();
        next.revoke(&hex::decode(facts.serial).unwrap(), past());
        next
    };
    let known = both(&first, &first);
    let door = Door::open(Listener::Peer, &node, Arc::clone(&known));
    call(&door, settings("ita.coast-guard", &caller, &known), 1).unwrap();
    door.admitted();

    // The server hears of it.
    known.store(both(&first, &with(&caller)).load_full());
    assert!(call(&door, settings("ita.coast-guard", &caller, &known), 1).is_err());
    assert_eq!(door.refused().refusal, Some(Refusal::Revoked));

    // The client hears of it.
    known.store(both(&with(&node), &first).load_full());
    let error = call(&door, settings("ita.coast-guard", &caller, &known), 1).unwrap_err();
    assert_eq!(tls::refusal_of(&error), Some(Refusal::Revoked));
}
