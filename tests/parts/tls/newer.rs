//! Newer TLS than the system's, driven from Python: the OpenSSL in the `cryptography` wheel, and
//! the C core of gRPC.
//!
//! The interpreter is `$ROGATORY_TEST_PYTHON` or `target/test-python/bin/python`, with the packages
//! `pyOpenSSL`, `cryptography` and `grpcio`. Where one is missing its tests say `SKIPPED`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::identity::Role;
use rogatory::transport::tls::{Listener, Refusal};
use rustls::{HandshakeKind, NamedGroup};

use crate::tls::foreign::Scene;
use crate::tls::parties::{said, text};

/// The interpreter that has `module`; says so and answers none if there is none.
fn python(module: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
    let named = std::env::var("ROGATORY_TEST_PYTHON");
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-python/bin/python");
    let python = named.map_or(default, PathBuf::from);
    let found = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    // Not `println!`, which is kept from whoever runs the tests when they pass.
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nSKIPPED: {} has no module {module}", python.display()).unwrap();
    None
}

fn offer(python: &Path, scene: &Scene, who: &str, groups: &str) -> serde_json::Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts/tls/offer.py");
    let (certificate, key) = scene.pair(who);
    let port = scene.door.address.port().to_string();
    let output = Command::new(python)
        .args([text(&script), "127.0.0.1", &port, text(&certificate), text(&key)])
        .args([text(&scene.files.path("root.crt")), groups])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
}

#[test]
fn a_newer_openssl_agrees_on_x25519mlkem768() {
    let Some(python) = python("OpenSSL") else {
        return;
    };
    for (listener, who) in [(Listener::Agency, "officer"), (Listener::Peer, "node")] {
        let scene = Scene::at(listener);
        let found = offer(&python, &scene, who, "X25519MLKEM768:X25519");
        assert_eq!(found["said"], "welcome\n", "{found}");
        assert_eq!(found["group"], "X25519MLKEM768", "{found}");
        let met = scene.door.admitted();
        assert_eq!(met.group, Some(NamedGroup::X25519MLKEM768));
        assert_eq!(met.kind, Some(HandshakeKind::Full));
    }
}

#[test]
fn the_peer_door_refuses_a_newer_openssl_without_mlkem() {
    let Some(python) = python("OpenSSL") else {
        return;
    };
    let scene = Scene::at(Listener::Peer);
    let found = offer(&python, &scene, "node", "X25519");
    assert!(found["error"].to_string().contains("handshake failure"), "{found}");
    let closed = scene.door.refused();
    assert!(closed.text.contains("NoKxGroupsInCommon"), "{closed:?}");
    // Its first share is X25519, and the listener asks for the other.
    let found = offer(&python, &scene, "node", "X25519:X25519MLKEM768");
    assert_eq!(found["said"], "welcome\n", "{found}");
    assert_eq!(scene.door.admitted().group, Some(NamedGroup::X25519MLKEM768));
}

#[test]
fn the_c_core_of_grpc_is_let_in() {
    let Some(python) = python("grpc") else { return };
    let scene = Scene::at(Listener::Agency);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts/tls/dial.py");
    let (certificate, key) = scene.pair("officer");
    let output = Command::new(python)
        .args([text(&script), &scene.door.address.to_string(), text(&certificate), text(&key)])
        .arg(text(&scene.files.path("root.crt")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let met = scene.door.admitted();
    assert_eq!(met.principal, scene.officer.principal);
    // grpcio 1.60 and 1.71 offer secp256r1 alone; 1.85 offers X25519MLKEM768.
    let known = [NamedGroup::X25519MLKEM768, NamedGroup::secp256r1];
    assert!(met.group.is_some_and(|group| known.contains(&group)), "{met:?}");
}

#[test]
fn an_officer_has_no_business_at_the_peer_door() {
    let Some(python) = python("OpenSSL") else {
        return;
    };
    let scene = Scene::at(Listener::Peer);
    let found = offer(&python, &scene, "officer", "X25519MLKEM768");
    assert_eq!(found["said"], "", "{found}");
    assert_eq!(scene.door.refused().refusal, Some(Refusal::Role(Role::Officer)));
}
