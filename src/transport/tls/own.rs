//! The certificate that we show, on either side; it can be renewed while connections stand.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, SignatureScheme};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::identity::{Principal, SpiffeError, spiffe};
use crate::pki::{self, Validity};
use crate::token::{P256Key, TokenFault};
use crate::transport::tls::token;

/// Why a certificate and key cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum OwnCertificateError {
    /// No certificate in PEM form.
    #[error("no certificate in PEM form")]
    NoCertificate,
    /// No private key in PEM form.
    #[error("no private key in PEM form")]
    NoKey,
    /// The certificate names no caller or node.
    #[error(transparent)]
    Id(#[from] SpiffeError),
    /// The key cannot be used or does not belong to the certificate.
    #[error("the key does not fit the certificate: {0}")]
    Key(rustls::Error),
    /// The key is in a token, which does not sign with it.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// The key in the token is not the certificate's.
    #[error("the key in the token does not fit the certificate")]
    OtherKey,
    /// A renewed certificate is somebody else's.
    #[error("the renewed certificate is of {renewed} and not of {present}")]
    OtherPrincipal {
        /// Who we are.
        present: String,
        /// Whom the new certificate names.
        renewed: String,
    },
}

struct Shown {
    principal: Principal,
    not_before: Timestamp,
    not_after: Timestamp,
    key: Arc<CertifiedKey>,
}

/// The private key of a certificate.
#[derive(Clone, Copy, Debug)]
pub enum PrivateKey<'a> {
    /// In PEM form.
    Pem(&'a str),
    /// In a token.
    Token(&'a Arc<P256Key>),
}

/// A certificate and key that may take the present one's place.
pub struct Renewal(Shown);

/// Our chain and key; whoever resolves it gets the present one.
pub struct OwnCertificate(ArcSwap<Shown>);

impl OwnCertificate {
    /// From DER: the chain with the leaf first and the root left out, and its PKCS#8 key.
    ///
    /// # Errors
    /// Whatever makes them unfit to be shown.
    pub fn from_der(chain: &[Vec<u8>], key: &[u8]) -> Result<Self, OwnCertificateError> {
        let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = Zeroizing::new(PrivatePkcs8KeyDer::from(key.to_vec()).into());
        Ok(Self(ArcSwap::from_pointee(shown(chain, &key)?)))
    }

    /// From PEM: the chain with the leaf first, and its key.
    ///
    /// # Errors
    /// Whatever makes them unfit to be shown.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, OwnCertificateError> {
        Self::of(chain, PrivateKey::Pem(key))
    }

    /// From a chain in PEM form, with the leaf first, and its key, wherever that is.
    ///
    /// # Errors
    /// Whatever makes them unfit to be shown.
    pub fn of(chain: &str, key: PrivateKey<'_>) -> Result<Self, OwnCertificateError> {
        Ok(Self(ArcSwap::from_pointee(read(chain, key)?)))
    }

    /// Takes a renewed chain and key; handshakes from now on show it.
    ///
    /// # Errors
    /// Whatever makes them unfit to be shown, and another principal: then the present one stays.
    pub fn renew_from_pem(&self, chain: &str, key: &str) -> Result<(), OwnCertificateError> {
        self.renew(self.renewal(chain, PrivateKey::Pem(key))?);
        Ok(())
    }

    /// Reads what may take the present one's place, and changes nothing.
    ///
    /// # Errors
    /// As [`OwnCertificate::renew_from_pem`].
    pub fn renewal(
        &self,
        chain: &str,
        key: PrivateKey<'_>,
    ) -> Result<Renewal, OwnCertificateError> {
        let renewed = read(chain, key)?;
        let present = self.principal();
        if renewed.principal != present {
            return Err(OwnCertificateError::OtherPrincipal {
                present: present.to_string(),
                renewed: renewed.principal.to_string(),
            });
        }
        Ok(Renewal(renewed))
    }

    /// Shows the renewed one from now on.
    pub fn renew(&self, renewal: Renewal) {
        self.0.store(Arc::new(renewal.0));
    }

    /// From when to when it counts.
    pub fn validity(&self) -> Validity {
        let shown = self.0.load();
        Validity { not_before: shown.not_before, not_after: shown.not_after }
    }

    /// The leaf itself, in DER.
    pub fn leaf(&self) -> Vec<u8> {
        self.0.load().key.cert.first().map(|it| it.to_vec()).unwrap_or_default()
    }

    /// The chain as it is shown, the leaf first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.load().key.cert.clone()
    }

    /// Who we are.
    pub fn principal(&self) -> Principal {
        self.0.load().principal.clone()
    }

    fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.load().key)
    }
}

fn read(chain: &str, key: PrivateKey<'_>) -> Result<Shown, OwnCertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| OwnCertificateError::NoCertificate)?;
    match key {
        PrivateKey::Pem(key) => {
            let key = key_in(key).ok_or(OwnCertificateError::NoKey)?;
            shown(chain, &key)
        }
        PrivateKey::Token(key) => {
            let leaf = chain.first().ok_or(OwnCertificateError::NoCertificate)?;
            let principal = spiffe::of_certificate(leaf)?;
            if !token::fits(key, leaf)? {
                return Err(OwnCertificateError::OtherKey);
            }
            let key: Arc<dyn SigningKey> = Arc::new(token::TokenSigningKey::new(Arc::clone(key)));
            Shown::of(principal, CertifiedKey::new(chain, key))
        }
    }
}

fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<Shown, OwnCertificateError> {
    let leaf = chain.first().ok_or(OwnCertificateError::NoCertificate)?;
    let principal = spiffe::of_certificate(leaf)?;
    let key = aws_lc_rs::sign::any_supported_type(key).map_err(OwnCertificateError::Key)?;
    let key = CertifiedKey::new(chain, key);
    match key.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
            Shown::of(principal, key)
        }
        Err(error) => Err(OwnCertificateError::Key(error)),
    }
}

/// The first private key in a PEM text. Neither its bytes nor its text are left in memory, as they are by readers
/// that know nothing of what they read.
fn key_in(pem: &str) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
    let mut rest = pem;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----")?;
        let (body, after) = body.split_once("-----END ")?;
        let of: fn(Vec<u8>) -> PrivateKeyDer<'static> = match label {
            "PRIVATE KEY" => |der| PrivatePkcs8KeyDer::from(der).into(),
            "EC PRIVATE KEY" => |der| PrivateSec1KeyDer::from(der).into(),
            "RSA PRIVATE KEY" => |der| PrivatePkcs1KeyDer::from(der).into(),
            _ => {
                rest = after;
                continue;
            }
        };
        let mut text = Zeroizing::new(String::with_capacity(body.len()));
        text.extend(body.split_ascii_whitespace());
        let mut der = Zeroizing::new(vec![0; text.len()]);
        let length = STANDARD.decode_slice(text.as_bytes(), &mut der).ok()?;
        der.truncate(length);
        return Some(Zeroizing::new(of(std::mem::take(&mut *der))));
    }
    None
}

impl Shown {
    fn of(principal: Principal, key: CertifiedKey) -> Result<Self, OwnCertificateError> {
        let leaf = key.cert.first().ok_or(OwnCertificateError::NoCertificate)?;
        let facts = pki::inspect(leaf).map_err(|_| SpiffeError::Unreadable)?;
        let (not_before, not_after) = (facts.not_before, facts.not_after);
        Ok(Self { principal, not_before, not_after, key: Arc::new(key) })
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key())
    }
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(self.key())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnCertificate({})", self.0.load().principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::identity::Role;
    use crate::pki::{Authority, Issued, LeafRequest};

    fn leaf(authority: &Authority, name: &str) -> Issued {
        let agency = authority.agency().clone();
        let request = LeafRequest {
            principal: Principal::new(agency, Role::Officer, name).unwrap(),
            validity: Validity::days(Timestamp::from_millis(0), 1),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
        };
        authority.issue(&request, &SystemEntropy).unwrap()
    }

    fn authority() -> Authority {
        let agency = "ita.coast-guard".parse().unwrap();
        let validity = Validity::days(Timestamp::from_millis(0), 1);
        Authority::create(&agency, validity, &SystemEntropy).unwrap()
    }

    #[test]
    fn a_renewed_certificate_is_shown_from_then_on() {
        let authority = authority();
        let (first, second) = (leaf(&authority, "desk-1"), leaf(&authority, "desk-1"));
        let own = OwnCertificate::from_pem(&first.certificate_pem(), &first.key_pem()).unwrap();
        assert_eq!(own.key().cert[0].as_ref(), first.certificate_der());
        own.renew_from_pem(&second.certificate_pem(), &second.key_pem()).unwrap();
        assert_eq!(own.key().cert[0].as_ref(), second.certificate_der());
    }

    #[test]
    fn what_does_not_fit_leaves_the_present_one() {
        let authority = authority();
        let (mine, other) = (leaf(&authority, "desk-1"), leaf(&authority, "desk-2"));
        let own =
            OwnCertificate::from_der(&[mine.certificate_der().to_vec()], mine.key_der()).unwrap();
        let found = own.renew_from_pem(&other.certificate_pem(), &other.key_pem());
        assert!(matches!(found, Err(OwnCertificateError::OtherPrincipal { .. })), "{found:?}");
        let found = own.renew_from_pem(&mine.certificate_pem(), &other.key_pem());
        assert!(matches!(found, Err(OwnCertificateError::Key(_))), "{found:?}");
        let found = own.renew_from_pem("", &other.key_pem());
        assert!(matches!(found, Err(OwnCertificateError::NoCertificate)), "{found:?}");
        let found = own.renew_from_pem(&mine.certificate_pem(), "");
        assert!(matches!(found, Err(OwnCertificateError::NoKey)), "{found:?}");
        let found = own.renew_from_pem(&authority.certificate_pem(), &authority.key_pem());
        assert!(matches!(found, Err(OwnCertificateError::Id(SpiffeError::Authority))), "{found:?}");
        assert_eq!(own.key().cert[0].as_ref(), mine.certificate_der());
    }
}
