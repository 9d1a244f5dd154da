//! The promise: an agency's certificates may come from whoever issues them as SPIFFE says. Here chains in
//! the shape of SPIRE's X.509-SVIDs and chains as OpenSSL makes them, each with an authority between and
//! with lists by OpenSSL, at nodes in processes of their own: as a node's certificate, on both sides of
//! its lines, and as an officer's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rogatory::cli::node::run::roots_of;
use rogatory::clock::SystemClock;
use rogatory::config::DirectoryFolder;
use rogatory::identity::Role;
use rogatory::pki::revoke::list_der;
use rogatory::transport::client::{Client, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate};
use rogatory::wire::pb;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::network::{HUB, Network, ORIGIN, agency, until};
use crate::reload::{adopt, next_record, put, read_again};

/// How somebody names what it issues.
struct Manner {
    root: &'static str,
    between: &'static str,
    node: &'static str,
    officer: &'static str,
    /// What leaves may do with their keys.
    usage: &'static str,
    /// The officer has nothing but its id.
    officer_id: &'static str,
}

/// SPIRE: every authority carries the trust domain as its id, a leaf may agree on keys and wrap them too,
/// and one without a name carries its id critically (X509-SVID, 2 and 5).
const SPIRE: Manner = Manner {
    root: "/C=US/O=SPIFFE/serialNumber=1",
    between: "/C=US/O=SPIRE/OU=DOWNSTREAM-1",
    node: "/C=US/O=SPIRE/x500UniqueIdentifier=f4a1",
    officer: "/",
    usage: "critical,digitalSignature,keyEncipherment,keyAgreement",
    officer_id: "critical,URI:spiffe://ita.coast-guard/officer/duty-officer",
};

const OPENSSL: Manner = Manner {
    root: "/CN=made by openssl",
    between: "/CN=issuing/O=made by openssl",
    node: "/CN=rome-1",
    officer: "/CN=duty officer",
    usage: "critical,digitalSignature",
    officer_id: "URI:spiffe://ita.coast-guard/officer/duty-officer",
};

/// A folder in which OpenSSL makes certificates.
struct Maker(tempfile::TempDir);

impl Maker {
    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, words: &str) {
        let output = Command::new("openssl")
            .args(words.split(' ').map(|it| it.replace('~', " ")))
            .current_dir(self.0.path())
            .output()
            .expect("openssl starts");
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn authorities(&self, manner: &Manner) {
        let says = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
                    subjectKeyIdentifier=hash\nsubjectAltName=URI:spiffe://ita.coast-guard\n";
        self.made(("root", manner.root), says, None);
        self.made(("between", manner.between), says, Some("root"));
        for name in ["root", "between"] {
            put(&self.at(&format!("{name}.index")), "");
            put(&self.at(&format!("{name}.number")), "01\n");
            put(
                &self.at(&format!("{name}.conf")),
                &format!(
                    "[ca]\ndefault_ca=it\n[it]\ndatabase={name}.index\ncrlnumber={name}.number\n\
                     default_md=sha256\ndefault_crl_days=2\ncrl_extensions=more\n\
                     [more]\nauthorityKeyIdentifier=keyid\n"
                ),
            );
        }
    }

    fn leaf(&self, (name, subject): (&str, &str), usage: &str, id: &str) {
        let says = format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage={usage}\n\
             extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName={id}\n\
             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        );
        self.made((name, subject), &says, Some("between"));
    }

    /// A certificate with its key, by itself or by another.
    fn made(&self, (name, subject): (&str, &str), says: &str, by: Option<&str>) {
        put(&self.at(&format!("{name}.says")), says);
        let subject = subject.replace(' ', "~");
        self.openssl(&format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj {subject} \
             -keyout {name}.key -out {name}.csr"
        ));
        let by = match by {
            None => format!("-signkey {name}.key"),
            Some(by) => format!("-CA {by}.pem -CAkey {by}.key"),
        };
        self.openssl(&format!(
            "x509 -req -sha256 -days 2 -in {name}.csr {by} -extfile {name}.says -out {name}.pem"
        ));
    }

    fn list(&self, name: &str) -> Vec<u8> {
        self.openssl(&format!(
            "ca -gencrl -config {name}.conf -cert {name}.pem -keyfile {name}.key -out {name}.crl"
        ));
        list_der(&std::fs::read(self.at(&format!("{name}.crl"))).unwrap()).expect("a list")
    }

    fn der(&self, name: &str) -> Vec<u8> {
        let pem = std::fs::read(self.at(&format!("{name}.pem"))).unwrap();
        CertificateDer::from_pem_slice(&pem).unwrap().to_vec()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// What is shown: the leaf, then the authority between.
    fn chain(&self, name: &str) -> String {
        self.text(&format!("{name}.pem")) + &self.text("between.pem")
    }
}

/// The TLS side of a caller with a chain of the maker's.
fn caller(network: &Network, maker: &Maker, name: &str) -> ClientSettings {
    let own = OwnCertificate::from_pem(&maker.chain(name), &maker.text(&format!("{name}.key")));
    let folder = DirectoryFolder::at(&network.made.directory_path);
    let directory = folder.load(None).unwrap().held.directory().0;
    let tls = tls::ClientSettings {
        expected: agency(ORIGIN),
        own: Arc::new(own.expect("a chain with its key")),
        roots: Arc::new(ArcSwap::from_pointee(roots_of(&directory))),
        clock: Arc::new(SystemClock),
    };
    let address = network.place(ORIGIN).listen.agency.to_string();
    ClientSettings::new(address, ClientTls::new(tls))
}

async fn is_connected(client: &Client, with: &str) -> Option<()> {
    let peers = client.list_peers(pb::ListPeersRequest {}).await.ok()?.peers;
    peers.iter().any(|it| it.agency == with && it.connected).then_some(())
}

/// `rogatory directory` with these words.
fn directory(words: &[&Path]) -> std::process::Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    program.arg("directory").args(words).output().expect("the program starts")
}

/// The agency of the origin has its certificates from elsewhere.
async fn served_by(manner: &Manner) {
    let maker = Maker(tempfile::tempdir().unwrap());
    maker.authorities(manner);
    let node = "URI:spiffe://ita.coast-guard/node/node-1,DNS:localhost,IP:127.0.0.1";
    let operator = "URI:spiffe://ita.coast-guard/operator/watch";
    maker.leaf(("node", manner.node), manner.usage, node);
    maker.leaf(("officer", manner.officer), manner.usage, manner.officer_id);
    maker.leaf(
        ("operator", manner.officer),
        manner.usage,
        &operator.replace("URI", "critical,URI"),
    );
    let mut network = Network::between(&[HUB]).await;
    let note = next_record(&network, ORIGIN, |record| {
        record.roots = vec![maker.der("root")];
        record.issuing = vec![maker.der("between")];
        record.crls = vec![maker.list("root"), maker.list("between")];
    });
    adopt(&network, &note);
    let kept = &network.place(ORIGIN).callers[&Role::Node];
    put(&kept.certificate, &maker.chain("node"));
    put(&kept.key, &maker.text("node.key"));
    for stage in [ORIGIN, HUB] {
        network.start(stage);
        network.serves(stage).await;
    }
    // Its node shows the chain to callers and to the hub, which dials it and which it dials.
    let officer = Client::connect(caller(&network, &maker, "officer")).await.expect("it is let in");
    officer.list_request_states(Default::default()).await.expect("it is answered");
    let operator = Client::connect(caller(&network, &maker, "operator")).await.unwrap();
    until("the line to the hub", async || is_connected(&operator, HUB).await).await;
    let of_hub = network.client(HUB, Role::Operator).await;
    until("the hub's line", async || is_connected(&of_hub, ORIGIN).await).await;

    // Who is revoked by the authority between is shut out by its next list alone.
    maker.openssl(
        "ca -config between.conf -cert between.pem -keyfile between.key -revoke officer.pem",
    );
    maker.list("between");
    let folder = network.made.directory_path.as_path();
    let adopted = directory(&["adopt".as_ref(), folder, &maker.at("between.crl")]);
    assert!(adopted.status.success(), "{}", String::from_utf8_lossy(&adopted.stderr));
    read_again(&network, ORIGIN);
    let refused = until("the revocation", async || {
        officer.list_request_states(Default::default()).await.err()
    })
    .await;
    assert_eq!(refused.reason(), "CERTIFICATE_REVOKED", "{refused}");
    operator.list_peers(pb::ListPeersRequest {}).await.expect("the others are let in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_and_its_callers_use_what_a_spiffe_issuer_gives_them() {
    served_by(&SPIRE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_and_its_callers_use_what_openssl_makes() {
    served_by(&OPENSSL).await;
}
