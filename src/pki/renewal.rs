//! Requests for a certificate that follows on another (PKCS#10, RFC 2986), for an authority whose key
//! is not here.

use rcgen::{CertificateParams, KeyPair, SanType};
use zeroize::Zeroizing;

use crate::pki::{CertificateFacts, PkiError, id_name, subject};

/// Makes a new key and a request for it: the id and names of the present certificate, and nothing
/// else of it. PEM, both.
///
/// # Errors
/// [`PkiError::Spiffe`] if the present certificate names no caller; [`PkiError::Making`] when the
/// library fails.
pub fn request(present: &CertificateFacts) -> Result<(String, Zeroizing<String>), PkiError> {
    let principal = present.principal.clone()?;
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    let name = format!("{} {}", principal.role, principal.name);
    params.distinguished_name = subject(&principal.agency, &name);
    params.subject_alt_names = vec![id_name(&principal.to_string())?];
    for name in &present.dns_names {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    let addresses = present.ip_addresses.iter().map(|address| SanType::IpAddress(*address));
    params.subject_alt_names.extend(addresses);
    let text = params.serialize_request(&key)?.pem()?;
    Ok((text, Zeroizing::new(key.serialize_pem())))
}
