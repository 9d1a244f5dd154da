//! Notes which certificate a node shows, whether it is let in or not: for whoever asks why.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::transport::tls::verifier::Gate;

/// The leaf that was shown last; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Noted(Arc<ArcSwapOption<Vec<u8>>>);

impl Noted {
    /// The certificate, DER; none while nobody has shown any.
    pub fn leaf(&self) -> Option<Vec<u8>> {
        self.0.load_full().map(|it| it.as_ref().clone())
    }
}

/// A gate that judges as it always does, and notes what it judged.
#[derive(Debug)]
pub(super) struct Noting {
    pub(super) gate: Arc<Gate>,
    pub(super) noted: Noted,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.noted.0.store(Some(Arc::new(leaf.to_vec())));
        self.gate.verify_server_cert(leaf, intermediates, server_name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self.gate.as_ref(), message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self.gate.as_ref(), message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self.gate.as_ref())
    }
}
