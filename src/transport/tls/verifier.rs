//! Who is let in: one check for both directions.
//!
//! The one id in the leaf names the agency; that agency's roots and list, and no others, judge the
//! chain (SPIFFE federation: bundles are never merged); then the id is held against what this door
//! lets in. The same check runs in the handshake and again on each request.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, PeerIncompatible,
    SignatureScheme,
};
use webpki::{
    EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy, VerifiedPath,
};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::identity::{Principal, Role, SpiffeError, spiffe};
use crate::pki;
use crate::transport::tls::roots::{RootsByAgency, Trust};

/// Most certificates that a peer may show, leaf included.
pub const CHAIN_MAX: usize = 4;

/// ECDSA on P-256 with SHA-256 and nothing else, in chains, lists and handshakes.
pub(super) static SIGNATURES: &[&dyn SignatureVerificationAlgorithm] =
    &[webpki::aws_lc_rs::ECDSA_P256_SHA256];
static SCHEMES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: SIGNATURES,
    mapping: &[(SignatureScheme::ECDSA_NISTP256_SHA256, SIGNATURES)],
};

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No certificate was shown.
    #[error("no certificate was shown")]
    NoCertificate,
    /// More than [`CHAIN_MAX`] certificates, or one that is larger than we read.
    #[error("the chain of certificates is too long")]
    ChainTooLong,
    /// The leaf names no caller.
    #[error(transparent)]
    Id(#[from] SpiffeError),
    /// The directory does not have the agency, or what it has cannot be read.
    #[error("the agency is not known here")]
    UnknownAgency,
    /// The chain does not lead to a root of that agency that is valid now.
    #[error("the chain leads to no root of its agency")]
    UnknownIssuer,
    /// The certificate, or the authority between it and the root, has ended.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is for later.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// It stands on its agency's list.
    #[error("the certificate is revoked")]
    Revoked,
    /// The agency publishes no list, so nobody could learn of a certificate that it took back.
    #[error("the agency publishes no revocation list")]
    NoList,
    /// The agency's list is past its next update and past the grace.
    #[error("the agency's revocation list is out of date")]
    ListExpired,
    /// The agency's list does not speak of this certificate's issuer.
    #[error("the agency's revocation list does not cover the certificate")]
    ListSilent,
    /// The agency's list is not signed by its authority.
    #[error("the agency's revocation list is not its authority's")]
    ListForged,
    /// The certificate is not for this side of TLS.
    #[error("the certificate is not for this use")]
    Purpose,
    /// The two sides have agreed on no protocol (ALPN).
    #[error("no protocol was agreed on")]
    NoProtocol,
    /// The handshake is not signed with the certificate's key.
    #[error("the handshake is not signed with the certificate's key")]
    NotItsKey,
    /// A signature in the chain is wrong, or not ECDSA P-256 with SHA-256.
    #[error("a signature in the chain does not hold")]
    Signature,
    /// Anything else that is wrong with the chain.
    #[error("the chain is not valid: {0}")]
    Chain(webpki::Error),
    /// Genuine, but that role has no business at this door.
    #[error("a certificate of the role {0} is not for this door")]
    Role(Role),
    /// Genuine, but of another agency than the one for which this door is.
    #[error("the certificate is of another agency")]
    OtherAgency,
}

/// Whom a door lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Officers, services, auditors and operators of one agency.
    CallersOf(AgencyId),
    /// Nodes of all agencies in the directory.
    AnyNode,
    /// The node of one agency, as a client wants to meet it.
    NodeOf(AgencyId),
}

impl Admission {
    fn admits(&self, principal: &Principal) -> Result<(), Refusal> {
        let is_node = match principal.role {
            Role::Node => true,
            Role::Auditor | Role::Officer | Role::Operator | Role::Service => false,
        };
        let (nodes, agency) = match self {
            Self::CallersOf(agency) => (false, Some(agency)),
            Self::AnyNode => (true, None),
            Self::NodeOf(agency) => (true, Some(agency)),
        };
        if is_node != nodes {
            return Err(Refusal::Role(principal.role));
        }
        if agency.is_some_and(|agency| *agency != principal.agency) {
            return Err(Refusal::OtherAgency);
        }
        Ok(())
    }

    /// What the leaf must be for: the other side's part in TLS.
    fn usage(&self) -> KeyUsage {
        match self {
            Self::CallersOf(_) | Self::AnyNode => KeyUsage::client_auth(),
            Self::NodeOf(_) => KeyUsage::server_auth(),
        }
    }
}

/// The check of one door, with the roots and lists as they stand at each call.
#[derive(Debug)]
pub struct Gate {
    admission: Admission,
    roots: Arc<ArcSwap<RootsByAgency>>,
}

impl Gate {
    /// A door that lets in whom `admission` says.
    pub fn new(admission: Admission, roots: Arc<ArcSwap<RootsByAgency>>) -> Self {
        Self { admission, roots }
    }

    /// Checks the certificates that the other side showed, leaf first.
    ///
    /// # Errors
    /// The first reason not to let it in.
    pub fn admit(
        &self,
        shown: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Principal, Refusal> {
        Ok(self.judge(shown, now)?.principal)
    }

    /// Checks the certificates, and says for how long the answer stands.
    ///
    /// # Errors
    /// As [`Gate::admit`].
    pub(super) fn judge(
        &self,
        shown: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Judged, Refusal> {
        let (leaf, intermediates) = shown.split_first().ok_or(Refusal::NoCertificate)?;
        let too_large = |der: &CertificateDer<'_>| der.len() > spiffe::CERTIFICATE_BYTES_MAX;
        if shown.len() > CHAIN_MAX || intermediates.iter().any(too_large) {
            return Err(Refusal::ChainTooLong);
        }
        let principal = spiffe::of_certificate(leaf)?;
        let roots = self.roots.load_full();
        let trust = roots.of(&principal.agency).ok_or(Refusal::UnknownAgency)?;
        check_chain(trust, leaf, intermediates, self.admission.usage(), now)?;
        self.admission.admits(&principal)?;
        let until = until(trust, shown, now);
        Ok(Judged { principal, roots, from: now, until })
    }

    /// Whether what was judged then is judged the same now, without asking again.
    pub(super) fn still(&self, judged: &Judged, now: Timestamp) -> bool {
        let in_time = (judged.from..=judged.until).contains(&now);
        in_time && Arc::ptr_eq(&self.roots.load(), &judged.roots)
    }

    fn admit_at(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Principal, rustls::Error> {
        let mut shown = vec![leaf.clone()];
        shown.extend(intermediates.iter().cloned());
        let millis = i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000);
        self.admit(&shown, Timestamp::from_millis(millis)).map_err(into_rustls)
    }
}

/// A certificate that was let in.
pub(super) struct Judged {
    pub(super) principal: Principal,
    /// By these roots and lists.
    roots: Arc<RootsByAgency>,
    /// When.
    from: Timestamp,
    /// Up to when nothing that was looked at ends.
    until: Timestamp,
}

/// The next moment at which a certificate, a root or a list ends.
fn until(trust: &Trust, shown: &[CertificateDer<'_>], now: Timestamp) -> Timestamp {
    // A certificate counts to the end of its last second.
    let to_its_end = |last: Timestamp| last.plus_millis(999);
    let own = shown.iter().filter_map(|der| pki::inspect(der).ok()).map(|it| it.not_after);
    let roots = trust.roots.iter().map(|it| it.not_after);
    let (own, roots) = (own.map(to_its_end), roots.map(to_its_end));
    let list = trust.lists.iter().map(|it| it.counts_until);
    own.chain(roots).chain(list).filter(|end| *end >= now).min().unwrap_or(now)
}

fn check_chain(
    trust: &Trust,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    usage: KeyUsage,
    now: Timestamp,
) -> Result<(), Refusal> {
    let second = Timestamp::from_millis(now.millis().div_euclid(1000).saturating_mul(1000));
    // webpki believes a root whatever its times; we do not.
    let anchors: Vec<TrustAnchor<'_>> = trust
        .roots
        .iter()
        .filter(|root| (root.not_before..=root.not_after).contains(&second))
        .map(|root| root.anchor.clone())
        .collect();
    let seconds = u64::try_from(second.millis() / 1000).map_err(|_| Refusal::NotYetValid)?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let parsed = EndEntityCert::try_from(leaf).map_err(refusal)?;
    let lists: Vec<_> = trust.lists.iter().map(|list| &list.parsed).collect();
    // One list past its grace ends the grace of the agency's others.
    let grace_is_over = trust.lists.iter().any(|list| list.counts_until < now);
    let expiration =
        if grace_is_over { ExpirationPolicy::Enforce } else { ExpirationPolicy::Ignore };
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
        options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(expiration)
            .build()
    });
    let keeps_length = |path: &VerifiedPath<'_>| check_length(trust, path);
    parsed
        .verify_for_usage(
            SIGNATURES,
            &anchors,
            intermediates,
            time,
            usage,
            revocation,
            Some(&keeps_length),
        )
        .map_err(refusal)?;
    if trust.lists.is_empty() && trust.needs_list { Err(Refusal::NoList) } else { Ok(()) }
}

/// webpki holds intermediates to their path length, and roots to none.
fn check_length(trust: &Trust, path: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
    let below = u32::try_from(path.intermediate_certificates().count()).unwrap_or(u32::MAX);
    let root = trust.roots.iter().find(|root| root.anchor == *path.anchor());
    if root.is_some_and(|root| root.path_length.is_none_or(|length| below <= length)) {
        Ok(())
    } else {
        Err(webpki::Error::PathLenConstraintViolated)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
fn refusal(error: webpki::Error) -> Refusal {
    use webpki::Error;
    match error {
        Error::UnknownIssuer => Refusal::UnknownIssuer,
        Error::CertExpired { .. } => Refusal::Expired,
        Error::CertNotValidYet { .. } => Refusal::NotYetValid,
        Error::CertRevoked => Refusal::Revoked,
        Error::CrlExpired { .. } => Refusal::ListExpired,
        Error::UnknownRevocationStatus => Refusal::ListSilent,
        Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Refusal::ListForged,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Refusal::Purpose,
        Error::InvalidSignatureForPublicKey
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::Signature,
        other => Refusal::Chain(other),
    }
}

/// As rustls takes it: our reason travels inside, except where the other side can be told more by
/// a TLS alert of its own.
fn into_rustls(refusal: Refusal) -> rustls::Error {
    let error = match refusal {
        Refusal::Expired => CertificateError::Expired,
        Refusal::NotYetValid => CertificateError::NotValidYet,
        Refusal::Revoked => CertificateError::Revoked,
        Refusal::UnknownIssuer => CertificateError::UnknownIssuer,
        other @ (Refusal::NoCertificate
        | Refusal::ChainTooLong
        | Refusal::Id(_)
        | Refusal::UnknownAgency
        | Refusal::NoList
        | Refusal::ListExpired
        | Refusal::ListSilent
        | Refusal::ListForged
        | Refusal::Purpose
        | Refusal::NoProtocol
        | Refusal::NotItsKey
        | Refusal::Signature
        | Refusal::Chain(_)
        | Refusal::Role(_)
        | Refusal::OtherAgency) => CertificateError::Other(OtherError(Arc::new(other))),
    };
    rustls::Error::InvalidCertificate(error)
}

/// Our reason, out of the error that a handshake ended with.
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
pub(super) fn refusal_in(error: &rustls::Error) -> Option<Refusal> {
    match error {
        rustls::Error::NoCertificatesPresented => Some(Refusal::NoCertificate),
        rustls::Error::InvalidCertificate(CertificateError::Expired) => Some(Refusal::Expired),
        rustls::Error::InvalidCertificate(CertificateError::NotValidYet) => {
            Some(Refusal::NotYetValid)
        }
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => Some(Refusal::Revoked),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some(Refusal::UnknownIssuer)
        }
        // Chains are ours to judge, so this is the signature of the handshake.
        rustls::Error::InvalidCertificate(
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => Some(Refusal::NotItsKey),
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<Refusal>().cloned()
        }
        _ => None,
    }
}

fn no_tls12() -> rustls::Error {
    rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)
}

impl ClientCertVerifier for Gate {
    /// None: a foreign client chooses by its configuration, and a list of all agencies' roots is
    /// nobody's business before it has shown who it is.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.admit_at(leaf, intermediates, now).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &SCHEMES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.supported_schemes()
    }
}

impl ServerCertVerifier for Gate {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dns_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.admit_at(leaf, intermediates, now).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &SCHEMES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.supported_schemes()
    }
}
