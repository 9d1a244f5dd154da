//! An agency's authority: its self-signed root, which signs leaves and revocation lists.
//!
//! One level, as a demo network or a small agency uses it. A larger one keeps its root offline and
//! publishes that root in the directory all the same: leaves may come with intermediates.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::domain::ids::AgencyId;
use crate::entropy::Entropy;
use crate::identity::spiffe::SCHEME;
use crate::pki::inspect::{self, CertificateFacts};
use crate::pki::{PkiError, Validity, id_name, serial, subject, whole_seconds};

/// An authority with its key, able to sign.
pub struct Authority {
    agency: AgencyId,
    certificate: CertificateDer<'static>,
    facts: CertificateFacts,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new key and a root for it.
    ///
    /// # Errors
    /// [`PkiError::Times`]; [`PkiError::Making`] when the library fails.
    pub fn create(
        agency: &AgencyId,
        validity: Validity,
        entropy: &dyn Entropy,
    ) -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.not_before = whole_seconds(validity.not_before)?;
        params.not_after = whole_seconds(validity.not_after)?;
        if params.not_before > params.not_after {
            return Err(PkiError::Times);
        }
        params.serial_number = Some(serial(entropy));
        params.distinguished_name = subject(agency, "authority");
        params.subject_alt_names = vec![id_name(&trust_domain(agency))?];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate: CertificateDer<'static> = params.self_signed(&key)?.into();
        Self::of_parts(certificate, key)
    }

    /// An authority made earlier, from its certificate and PKCS#8 key in PEM form.
    ///
    /// # Errors
    /// [`PkiError::Pem`], [`PkiError::NoAuthority`], [`PkiError::OtherKey`].
    pub fn load(certificate: &str, key: &str) -> Result<Self, PkiError> {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| PkiError::Pem("certificate"))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| PkiError::Pem("private key (PKCS#8)"))?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(|_| PkiError::Pem("P-256 private key (PKCS#8)"))?;
        Self::of_parts(certificate, key)
    }

    fn of_parts(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, PkiError> {
        let facts = inspect::inspect(&certificate)?;
        let agency = agency_of(&certificate, &facts)?;
        let (_, read) =
            X509Certificate::from_der(&certificate).map_err(|_| PkiError::Certificate)?;
        if read.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::OtherKey);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { agency, certificate, facts, issuer })
    }

    /// Whose authority it is.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// The root, DER: what the directory names for the agency.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The root in PEM form.
    pub fn certificate_pem(&self) -> String {
        crate::pki::issue::pem("CERTIFICATE", &self.certificate)
    }

    /// The key in PEM form (PKCS#8). Whoever has it speaks for the agency.
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// What the root says.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.agency)
    }
}

/// The id of a signing certificate: a trust domain without a path (X.509-SVID, section 3.2).
fn trust_domain(agency: &AgencyId) -> String {
    format!("{SCHEME}{agency}")
}

fn agency_of(certificate: &[u8], facts: &CertificateFacts) -> Result<AgencyId, PkiError> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| PkiError::Certificate)?;
    let usage = read.key_usage().map_err(|_| PkiError::Certificate)?;
    if !facts.is_authority {
        return Err(PkiError::NoAuthority("it is not marked as one"));
    }
    if !usage.is_some_and(|usage| usage.value.key_cert_sign() && usage.value.crl_sign()) {
        return Err(PkiError::NoAuthority("it may not sign both certificates and lists"));
    }
    let [id] = facts.ids.as_slice() else {
        return Err(PkiError::NoAuthority("it does not carry one id"));
    };
    id.strip_prefix(SCHEME)
        .and_then(|domain| domain.parse().ok())
        .ok_or(PkiError::NoAuthority("its id is no agency"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::entropy::SeededEntropy;

    fn authority(agency: &str) -> Authority {
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let validity = Validity::days(start, 365);
        Authority::create(&agency.parse().unwrap(), validity, &SeededEntropy::new(1)).unwrap()
    }

    #[test]
    fn an_authority_is_found_again_in_its_pem() {
        let made = authority("ita.coast-guard");
        let read = Authority::load(&made.certificate_pem(), &made.key_pem()).unwrap();
        assert_eq!(read.agency().as_str(), "ita.coast-guard");
        assert_eq!(read.certificate_der(), made.certificate_der());
        assert_eq!(read.facts().path_length, Some(0));
        assert_eq!(read.facts().not_after, Timestamp::parse("2027-01-01T00:00:00Z").unwrap());
        assert_eq!(format!("{read:?}"), "Authority(ita.coast-guard)");
    }

    #[test]
    fn another_key_is_noticed() {
        let (left, right) = (authority("ita.coast-guard"), authority("ita.coast-guard"));
        let found = Authority::load(&left.certificate_pem(), &right.key_pem());
        assert!(matches!(found, Err(PkiError::OtherKey)), "{found:?}");
        let found = Authority::load("nothing", &right.key_pem());
        assert!(matches!(found, Err(PkiError::Pem("certificate"))), "{found:?}");
    }

    #[test]
    fn times_that_no_certificate_can_name_are_refused() {
        let agency: AgencyId = "ita.coast-guard".parse().unwrap();
        for (from, to) in [(-1, 5), (2_000, 1_000), (0, 253_402_300_799_001)] {
            let validity = Validity {
                not_before: Timestamp::from_millis(from),
                not_after: Timestamp::from_millis(to),
            };
            let found = Authority::create(&agency, validity, &SeededEntropy::new(1));
            assert!(matches!(found, Err(PkiError::Times)), "{from} {to}: {found:?}");
        }
    }
}
