//! What a certificate says, for people to read. Nothing is decided on it.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::clock::Timestamp;
use crate::identity::{Principal, SpiffeError, spiffe};
use crate::pki::PkiError;

/// The facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Subject, as text; nothing follows from it.
    pub subject: String,
    /// Issuer, as text.
    pub issuer: String,
    /// Serial number in lower-case hex, as a revocation list names it.
    pub serial: String,
    /// First second.
    pub not_before: Timestamp,
    /// Last second.
    pub not_after: Timestamp,
    /// Type and size of the key, such as `ECDSA P-256`.
    pub key: String,
    /// Every URI among the subject alternative names.
    pub ids: Vec<String>,
    /// The caller that the certificate stands for, or why it stands for none.
    pub principal: Result<Principal, SpiffeError>,
    /// DNS names.
    pub dns_names: Vec<String>,
    /// IP addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// Whether it is marked as an authority.
    pub is_authority: bool,
    /// How many authorities may stand below it.
    pub path_length: Option<u32>,
    /// What it may be used for in TLS: `server`, `client`.
    pub purposes: Vec<&'static str>,
}

/// Reads the facts of one certificate, DER.
///
/// # Errors
/// [`PkiError::Certificate`] when the bytes are not one X.509 certificate.
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
pub fn inspect(der: &[u8]) -> Result<CertificateFacts, PkiError> {
    let unreadable = |_| PkiError::Certificate;
    let (rest, read) = X509Certificate::from_der(der).map_err(|_| PkiError::Certificate)?;
    if !rest.is_empty() {
        return Err(PkiError::Certificate);
    }
    let constraints = read.basic_constraints().map_err(unreadable)?;
    let purpose = read.extended_key_usage().map_err(unreadable)?;
    let names = read.subject_alternative_name().map_err(unreadable)?;
    let mut facts = CertificateFacts {
        subject: read.subject().to_string(),
        issuer: read.issuer().to_string(),
        serial: hex::encode(read.raw_serial()),
        not_before: seconds(read.validity().not_before.timestamp()),
        not_after: seconds(read.validity().not_after.timestamp()),
        key: key_type(&read),
        ids: Vec::new(),
        principal: spiffe::of_certificate(der),
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        is_authority: constraints.as_ref().is_some_and(|found| found.value.ca),
        path_length: constraints.and_then(|found| found.value.path_len_constraint),
        purposes: Vec::new(),
    };
    if let Some(purpose) = purpose {
        let known = [(purpose.value.server_auth, "server"), (purpose.value.client_auth, "client")];
        facts.purposes.extend(known.into_iter().filter(|(has, _)| *has).map(|(_, word)| word));
    }
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::URI(id) => facts.ids.push((*id).to_owned()),
            GeneralName::DNSName(name) => facts.dns_names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => facts.ip_addresses.extend(address(bytes)),
            _ => {}
        }
    }
    Ok(facts)
}

/// The public key of a certificate, as a SubjectPublicKeyInfo in DER form.
///
/// # Errors
/// [`PkiError::Certificate`] when the bytes are not one X.509 certificate.
pub fn public_key(der: &[u8]) -> Result<Vec<u8>, PkiError> {
    let (_, read) = X509Certificate::from_der(der).map_err(|_| PkiError::Certificate)?;
    Ok(read.public_key().raw.to_vec())
}

pub(super) fn seconds(since_1970: i64) -> Timestamp {
    Timestamp::from_millis(since_1970.saturating_mul(1000))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn key_type(certificate: &X509Certificate<'_>) -> String {
    let algorithm = &certificate.public_key().algorithm;
    match certificate.public_key().parsed() {
        Ok(PublicKey::EC(point)) => {
            let curve = algorithm.parameters.as_ref().and_then(|found| found.as_oid().ok());
            let named = curve.map(|oid| oid.to_id_string());
            match named.as_deref() {
                Some("1.2.840.10045.3.1.7") => "ECDSA P-256".to_owned(),
                Some("1.3.132.0.34") => "ECDSA P-384".to_owned(),
                Some(_) | None => format!("ECDSA {} bits", point.key_size()),
            }
        }
        Ok(PublicKey::RSA(key)) => format!("RSA {} bits", key.key_size()),
        Ok(_) | Err(_) => match algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            other => other.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        for bytes in [&[][..], &[0x30, 0x80], &[0xff; 64]] {
            assert!(matches!(inspect(bytes), Err(PkiError::Certificate)));
        }
    }
}
