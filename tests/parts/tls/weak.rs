//! Leaves with keys that are too weak for any of our libraries to make: OpenSSL makes them.

use std::process::Command;

use rogatory::pki::Authority;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::tls::parties::{Files, said, text};

/// Keys that count nowhere any more, as OpenSSL calls them (row 35 of the matrix).
pub(crate) const WEAK_KEYS: [(&str, &[&str]); 2] = [
    ("a key on P-224", &["ec", "-pkeyopt", "ec_paramgen_curve:secp224r1"]),
    ("an RSA key of 1024 bits", &["rsa:1024"]),
];

/// A leaf by an agency's own authority that is good in all but its key; DER.
pub(crate) fn leaf_with(
    key: &[&str],
    authority: &Authority,
    (id, purpose): (&str, &str),
) -> Vec<u8> {
    let files = Files::new();
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    };
    let (root, root_key) =
        files.pem_pair("root", &authority.certificate_pem(), &authority.key_pem());
    let says = format!(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
         extendedKeyUsage={purpose}\nsubjectAltName=URI:{id}\n"
    );
    let says = files.put("says", says);
    let [kept, request, leaf] = ["leaf.key", "request", "leaf.crt"].map(|it| files.path(it));
    let made = ["req", "-new", "-subj", "/CN=x", "-nodes", "-newkey"];
    openssl(&[&made[..], key, &["-keyout", text(&kept), "-out", text(&request)]].concat());
    let signed = ["x509", "-req", "-days", "1", "-sha256", "-extfile", text(&says)];
    let by = ["-CA", text(&root), "-CAkey", text(&root_key)];
    openssl(&[&signed[..], &by, &["-in", text(&request), "-out", text(&leaf)]].concat());
    let pem = std::fs::read(&leaf).unwrap();
    CertificateDer::from_pem_slice(&pem).unwrap().to_vec()
}
