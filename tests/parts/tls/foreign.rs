//! TLS that we did not make, against our listeners: the system's OpenSSL.
//!
//! In TLS 1.3 a client learns of a refusal after its own handshake is over, so every refusal is
//! read off the server.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rogatory::identity::Role;
use rogatory::pki::{Authority, Issued, Validity};
use rogatory::transport::tls::{AgencyTrust, Listener, Refusal};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, NamedGroup, RootCertStore, ServerConfig};

use crate::tls::parties::{
    Door, Files, HOUR, Odd, authority, certs, leaf, leaf_within, p256, past, roots, said, text,
    trust,
};

const HOME: &str = "ita.coast-guard";

/// One agency, its node, an officer with files, and a door.
pub(crate) struct Scene {
    pub(crate) italy: Authority,
    pub(crate) node: Issued,
    pub(crate) officer: Issued,
    pub(crate) files: Files,
    pub(crate) door: Door,
}

impl Scene {
    pub(crate) fn at(listener: Listener) -> Self {
        let italy = authority(HOME);
        let node = leaf(&italy, Role::Node, "rome-1");
        let officer = leaf(&italy, Role::Officer, "duty-desk");
        let door = Door::open(listener, &node, roots(vec![(HOME, trust(&italy))]));
        let files = Files::new();
        files.put("root.crt", italy.certificate_pem());
        files.pair("officer", &officer);
        files.pair("node", &node);
        Self { italy, node, officer, files, door }
    }

    /// `openssl s_client` at `door`, with the certificate in the files called `who`.
    fn openssl(&self, door: &Door, who: Option<&str>, more: &[&str]) -> String {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &door.address.to_string()]);
        command.args(["-CAfile", text(&self.files.path("root.crt")), "-verify_return_error"]);
        command.args(["-verify_hostname", "localhost", "-alpn", "h2", "-ign_eof"]);
        if let Some(who) = who {
            let (certificate, key) = self.pair(who);
            command.args(["-cert", text(&certificate), "-key", text(&key)]);
        }
        command.args(more).stdin(Stdio::null());
        said(&command.output().expect("openssl is installed"))
    }

    pub(crate) fn pair(&self, who: &str) -> (PathBuf, PathBuf) {
        (self.files.path(&format!("{who}.crt")), self.files.path(&format!("{who}.key")))
    }

    fn refused(&self, who: &str) -> Option<Refusal> {
        let output = self.openssl(&self.door, Some(who), &[]);
        assert!(!output.contains("welcome"), "{output}");
        self.door.refused().refusal
    }
}

#[test]
fn openssl_is_let_in_with_a_good_certificate() {
    let scene = Scene::at(Listener::Agency);
    let output = scene.openssl(&scene.door, Some("officer"), &[]);
    assert!(output.contains("welcome"), "{output}");
    assert!(output.contains("Verify return code: 0 (ok)"), "{output}");
    let met = scene.door.admitted();
    assert_eq!(met.principal, scene.officer.principal);
    assert_eq!(met.alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(met.group, Some(NamedGroup::X25519));
    let output = scene.openssl(&scene.door, Some("officer"), &["-alpn", "http/1.1"]);
    assert!(output.contains("welcome"), "{output}");
    assert_eq!(scene.door.admitted().alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn tls_1_2_is_not_spoken() {
    for listener in [Listener::Agency, Listener::Peer] {
        let scene = Scene::at(listener);
        let output = scene.openssl(&scene.door, Some("officer"), &["-tls1_2"]);
        assert!(output.contains("alert protocol version"), "{output}");
        let closed = scene.door.refused();
        assert!(
            closed.text.contains("Tls12NotOfferedOrEnabled")
                || closed.text.contains("SupportedVersionsExtensionRequired"),
            "{closed:?}"
        );
    }
}

#[test]
fn groups_that_are_not_offered_here_are_refused() {
    let peers = Scene::at(Listener::Peer);
    let output = peers.openssl(&peers.door, Some("node"), &["-groups", "X25519:P-256"]);
    assert!(output.contains("alert handshake failure"), "{output}");
    let closed = peers.door.refused();
    assert!(closed.text.contains("NoKxGroupsInCommon"), "{closed:?}");

    let home = Scene::at(Listener::Agency);
    home.openssl(&home.door, Some("officer"), &["-groups", "P-256"]);
    assert_eq!(home.door.admitted().group, Some(NamedGroup::secp256r1));
    home.openssl(&home.door, Some("officer"), &["-groups", "P-384:X448"]);
    let closed = home.door.refused();
    assert!(closed.text.contains("NoKxGroupsInCommon"), "{closed:?}");
}

#[test]
fn whoever_cannot_show_a_good_certificate_is_refused() {
    let scene = Scene::at(Listener::Agency);
    let output = scene.openssl(&scene.door, None, &[]);
    assert!(output.contains("alert certificate required"), "{output}");
    assert_eq!(scene.door.refused().refusal, Some(Refusal::NoCertificate));

    let (key, id) = (p256(), scene.officer.principal.to_string());
    let put = |name: &str, pem: &str| scene.files.pem_pair(name, pem, &key.serialize_pem());
    put("selfmade", &Odd::new(&[&id]).self_signed(&key).1);
    assert_eq!(scene.refused("selfmade"), Some(Refusal::UnknownIssuer));

    let malta = authority("mlt.armed-forces");
    put("borrowed-id", &Odd::new(&[&id]).signed_with_key(&malta, &key).1);
    assert_eq!(scene.refused("borrowed-id"), Some(Refusal::UnknownIssuer));

    scene.files.pair("foreigner", &leaf(&malta, Role::Officer, "duty-desk"));
    assert_eq!(scene.refused("foreigner"), Some(Refusal::UnknownAgency));

    let ended = Validity { not_before: past(), not_after: past().plus_millis(HOUR / 2) };
    scene.files.pair("ended", &leaf_within(&scene.italy, Role::Officer, "duty-desk", ended));
    assert_eq!(scene.refused("ended"), Some(Refusal::Expired));

    assert_eq!(scene.refused("node"), Some(Refusal::Role(Role::Node)));

    for (name, ids) in [
        ("two-ids", &[id.as_str(), "spiffe://ita.coast-guard/auditor/x"][..]),
        ("no-id", &[]),
        ("upper-case", &["spiffe://ita.coast-guard/Officer/duty-desk"]),
    ] {
        put(name, &Odd::new(ids).signed_with_key(&scene.italy, &key).1);
        let refusal = scene.refused(name);
        assert!(matches!(refusal, Some(Refusal::Id(_))), "{name}: {refusal:?}");
    }
    let output = scene.openssl(&scene.door, Some("officer"), &[]);
    assert!(output.contains("welcome"), "{output}");
    assert_eq!(scene.door.admitted().principal, scene.officer.principal);
}

/// A listener as rustls makes it by itself: it hands out tickets and takes early data. It shows
/// that the client would use both.
fn ticket_office(scene: &Scene) -> Door {
    let mut store = RootCertStore::empty();
    store.add(certs(scene.italy.certificate_der()).remove(0)).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            certs(scene.node.certificate_der()),
            PrivatePkcs8KeyDer::from(scene.node.key_der().to_vec()).into(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.max_early_data_size = 16_384;
    Door::serve(Arc::new(config))
}

#[test]
fn no_ticket_is_issued_none_is_taken_and_nothing_early_is_read() {
    const TICKET: &str = "Post-Handshake New Session Ticket arrived";
    let scene = Scene::at(Listener::Agency);
    let session = scene.files.path("session.pem");
    let early = scene.files.put("early", "too soon");
    let keep = ["-sess_out", text(&session)];
    let again = ["-sess_in", text(&session), "-early_data", text(&early)];

    let output = scene.openssl(&scene.door, Some("officer"), &keep);
    assert!(output.contains("welcome") && !output.contains(TICKET), "{output}");
    scene.door.admitted();

    // The control: the same client takes a ticket where there is one, and comes back with it.
    let office = ticket_office(&scene);
    let output = scene.openssl(&office, Some("officer"), &keep);
    assert!(output.contains(TICKET), "{output}");
    office.admitted();
    let output = scene.openssl(&office, Some("officer"), &again);
    assert!(output.contains("Early data was accepted"), "{output}");
    let met = office.admitted();
    assert_eq!((met.kind, met.early), (Some(HandshakeKind::Resumed), 8));

    let output = scene.openssl(&office, Some("officer"), &keep);
    assert!(output.contains(TICKET), "{output}");
    office.admitted();
    let output = scene.openssl(&scene.door, Some("officer"), &again);
    assert!(output.contains("Early data was rejected"), "{output}");
    let met = scene.door.admitted();
    assert_eq!((met.kind, met.early), (Some(HandshakeKind::Full), 0));
}

#[test]
fn a_chain_made_by_openssl_is_let_in() {
    let scene = Scene::at(Listener::Agency);
    let files = &scene.files;
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let (root, root_key) = scene.pair("openssl-root");
    let mut make = vec!["req", "-x509", "-subj", "/CN=made by openssl", "-days", "2"];
    make.extend(curve);
    make.extend(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
    make.extend(["-keyout", text(&root_key), "-out", text(&root)]);
    run(&make);
    let (certificate, key) = scene.pair("openssl-officer");
    let request = files.path("request.pem");
    let mut make = vec!["req", "-new", "-subj", "/CN=x"];
    make.extend(curve);
    make.extend(["-keyout", text(&key), "-out", text(&request)]);
    run(&make);
    let extensions = files.put(
        "extensions",
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
         extendedKeyUsage=clientAuth\nsubjectAltName=URI:spiffe://ita.coast-guard/service/cases\n",
    );
    run(&[
        "x509",
        "-req",
        "-in",
        text(&request),
        "-CA",
        text(&root),
        "-CAkey",
        text(&root_key),
        "-days",
        "1",
        "-extfile",
        text(&extensions),
        "-out",
        text(&certificate),
    ]);
    let pem = std::fs::read_to_string(&root).unwrap();
    let mut both = trust(&scene.italy);
    both.roots.push(read_pem(&pem));
    both.crls.push(list_by_openssl(files, [&root, &root_key]));
    let door = Door::open(Listener::Agency, &scene.node, roots(vec![(HOME, both)]));
    let output = scene.openssl(&door, Some("openssl-officer"), &[]);
    assert!(output.contains("welcome"), "{output}");
    assert_eq!(door.admitted().principal.to_string(), "spiffe://ita.coast-guard/service/cases");
}

/// An authority's first list, which names nobody; DER.
fn list_by_openssl(files: &Files, [root, key]: [&PathBuf; 2]) -> Vec<u8> {
    let (index, number) = (files.put("index", ""), files.put("number", "01\n"));
    let settings = format!(
        "[ca]\ndefault_ca=it\n[it]\ndatabase={}\ncrlnumber={}\ndefault_md=sha256\n\
         default_crl_days=2\ncrl_extensions=more\n[more]\nauthorityKeyIdentifier=keyid\n",
        text(&index),
        text(&number)
    );
    let (settings, list) = (files.put("settings", settings), files.path("openssl.crl"));
    let mut make = Command::new("openssl");
    make.args(["ca", "-gencrl", "-config", text(&settings), "-out", text(&list)]);
    let output = make.args(["-cert", text(root), "-keyfile", text(key)]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    rogatory::pki::revoke::list_der(&std::fs::read(&list).unwrap()).unwrap()
}

fn read_pem(pem: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[test]
fn openssl_opens_our_pkcs12_and_reads_our_list() {
    let scene = Scene::at(Listener::Agency);
    let stored = scene.files.put("officer.p12", &*scene.officer.pkcs12("correct horse").unwrap());
    let open = |password: &str| {
        let mut command = Command::new("openssl");
        command.args(["pkcs12", "-info", "-nodes", "-in", text(&stored)]);
        command.args(["-passin", &format!("pass:{password}")]).output().unwrap()
    };
    let output = open("correct horse");
    assert!(output.status.success(), "{}", said(&output));
    let shown = said(&output);
    assert!(shown.contains("MAC: sha256"), "{shown}");
    assert!(shown.contains("PBES2, PBKDF2, AES-256-CBC"), "{shown}");
    assert_eq!(shown.matches("BEGIN CERTIFICATE").count(), 2, "{shown}");
    let body: String = scene.officer.certificate_pem().lines().nth(3).unwrap().to_owned();
    assert!(shown.contains(&body), "{shown}");
    assert!(shown.contains(scene.officer.key_pem().lines().nth(1).unwrap()), "{shown}");
    assert!(!open("wrong").status.success());

    let list = rogatory::pki::RevocationList::first(past(), past().plus_millis(HOUR));
    let list = rogatory::pki::revoke::list_pem(&scene.italy.sign_revocations(&list).unwrap());
    let list = scene.files.put("list.pem", list);
    let root = scene.files.path("root.crt");
    let output = Command::new("openssl")
        .args(["crl", "-in", text(&list), "-CAfile", text(&root), "-noout", "-crlnumber"])
        .output()
        .unwrap();
    let shown = said(&output);
    assert!(shown.contains("verify OK") && shown.contains("crlNumber=0x01"), "{shown}");
}

/// How an authority and a leaf by it are made by OpenSSL.
struct Odds {
    name: &'static str,
    root_key: &'static [&'static str],
    leaf_key: &'static [&'static str],
    /// What the authority says of itself besides.
    more: &'static str,
    digest: &'static str,
    expected: fn(&Refusal) -> bool,
}

const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P224: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:secp224r1"];
const RSA_1024: &[&str] = &["rsa:1024"];
const LEAF_SAYS: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
     extendedKeyUsage=clientAuth\nsubjectAltName=URI:spiffe://ita.coast-guard/service/cases\n";

/// Makes both, and gives the root (DER); the leaf stands in the files called `odd`.
fn odd_pair(scene: &Scene, odds: &Odds) -> Vec<u8> {
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    };
    let (root, root_key) = scene.pair("odd-root");
    let (certificate, key) = scene.pair("odd");
    let request = scene.files.path("odd.request");
    let extensions = scene.files.put("odd.extensions", LEAF_SAYS);
    let usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-addext", odds.more];
    let made = ["req", "-x509", "-subj", "/CN=odd", "-days", "2", "-nodes", "-newkey"];
    let into = ["-keyout", text(&root_key), "-out", text(&root)];
    let usage = if odds.more.is_empty() { &usage[..2] } else { &usage[..] };
    run(&[&made[..], odds.root_key, usage, &into].concat());
    let made = ["req", "-new", "-subj", "/CN=x", "-nodes", "-newkey"];
    let into = ["-keyout", text(&key), "-out", text(&request)];
    run(&[&made[..], odds.leaf_key, &into].concat());
    let signed = ["x509", "-req", "-days", "1", odds.digest, "-extfile", text(&extensions)];
    let by = ["-CA", text(&root), "-CAkey", text(&root_key)];
    run(&[&signed[..], &by, &["-in", text(&request), "-out", text(&certificate)]].concat());
    read_pem(&std::fs::read_to_string(&root).unwrap())
}

#[test]
fn weak_keys_old_hashes_and_constraints_that_are_not_understood_are_refused() {
    let signature: fn(&Refusal) -> bool = |it| *it == Refusal::Signature;
    let with = |name, root_key, leaf_key| Odds {
        name,
        root_key,
        leaf_key,
        more: "",
        digest: "-sha256",
        expected: signature,
    };
    let shows_none: fn(&Refusal) -> bool = |it| *it == Refusal::NoCertificate;
    let cases = [
        Odds { digest: "-sha1", ..with("a signature over SHA-1", P256, P256) },
        with("an authority on P-224", P224, P256),
        with("an authority with RSA 1024", RSA_1024, P256),
        // Nothing is asked for that such a key could sign, so nothing is shown.
        Odds { expected: shows_none, ..with("a leaf on P-224", P256, P224) },
        Odds { expected: shows_none, ..with("a leaf with RSA 1024", P256, RSA_1024) },
        Odds {
            more: "nameConstraints=critical,permitted;URI:.ita.coast-guard",
            expected: |it| *it == Refusal::Chain(webpki::Error::NameConstraintViolation),
            ..with("an authority with a constraint on URIs", P256, P256)
        },
    ];
    let scene = Scene::at(Listener::Agency);
    for odds in cases {
        let root = odd_pair(&scene, &odds);
        // What is wrong with a chain is said before anything of lists.
        let both = AgencyTrust {
            roots: vec![scene.italy.certificate_der().to_vec(), root],
            crls: Vec::new(),
        };
        let door = Door::open(Listener::Agency, &scene.node, roots(vec![(HOME, both)]));
        // The client itself must not stumble over what it shows.
        let output = scene.openssl(&door, Some("odd"), &["-cipher", "DEFAULT@SECLEVEL=0"]);
        assert!(!output.contains("welcome"), "{}: {output}", odds.name);
        let refusal = door.refused().refusal;
        assert!(refusal.as_ref().is_some_and(odds.expected), "{}: {refusal:?}", odds.name);
    }
}
