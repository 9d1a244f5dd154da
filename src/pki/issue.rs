//! Leaves: certificates of nodes and of callers, in the forms that people's software takes.

use std::fmt;
use std::net::IpAddr;

use p12_keystore::{
    Certificate as StoredCertificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm,
    PrivateKey, PrivateKeyChain,
};
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData,
    SanType, SubjectPublicKeyInfo,
};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::identity::{Principal, Role};
use crate::pki::authority::Authority;
use crate::pki::{PkiError, Validity, id_name, serial, subject, whole_seconds};

/// Longest DNS name, in bytes (RFC 1035, 2.3.4).
pub const DNS_NAME_BYTES_MAX: usize = 253;
/// Rounds of the PKCS#12 key derivation, for the key and for the MAC.
const PKCS12_ROUNDS: u32 = 100_000;
/// Characters in a line of PEM (RFC 7468, section 2).
const PEM_LINE: usize = 64;

/// What a leaf should say.
#[derive(Debug, Clone)]
pub struct LeafRequest {
    /// The holder, from whose id the role follows.
    pub principal: Principal,
    /// From when to when; within the authority's own.
    pub validity: Validity,
    /// Names that foreign clients look for; nodes only.
    pub dns_names: Vec<String>,
    /// Addresses that foreign clients look for; nodes only.
    pub ip_addresses: Vec<IpAddr>,
}

/// A leaf with its key.
pub struct Issued {
    /// The holder.
    pub principal: Principal,
    certificate: Vec<u8>,
    authority: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Authority {
    /// Makes a new key and a leaf for it: `serverAuth` and `clientAuth` for nodes, `clientAuth`
    /// for all others; key usage digital signature alone.
    ///
    /// # Errors
    /// [`PkiError::OtherAgency`], [`PkiError::Spiffe`], [`PkiError::Names`],
    /// [`PkiError::DnsName`], [`PkiError::Times`], [`PkiError::BeyondAuthority`].
    pub fn issue(&self, request: &LeafRequest, entropy: &dyn Entropy) -> Result<Issued, PkiError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        Ok(Issued {
            principal: request.principal.clone(),
            certificate: self.leaf(request, &key, entropy)?,
            authority: self.certificate_der().to_vec(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    /// Makes a leaf for a key that somebody else holds, such as a token: `public` is its
    /// SubjectPublicKeyInfo in DER form. Gives the leaf in PEM form. That the holder has the private
    /// half is theirs to show: without it the certificate is of no use.
    ///
    /// # Errors
    /// As [`Authority::issue`]; [`PkiError::PublicKey`] unless it is one of ECDSA P-256.
    pub fn issue_for(
        &self,
        request: &LeafRequest,
        public: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<String, PkiError> {
        let key = SubjectPublicKeyInfo::from_der(public).map_err(|_| PkiError::PublicKey)?;
        if *key.algorithm() != rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(PkiError::PublicKey);
        }
        Ok(pem("CERTIFICATE", &self.leaf(request, &key, entropy)?))
    }

    fn leaf(
        &self,
        request: &LeafRequest,
        key: &impl PublicKeyData,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, PkiError> {
        self.check(request)?;
        let principal = &request.principal;
        let mut params = CertificateParams::default();
        params.not_before = whole_seconds(request.validity.not_before)?;
        params.not_after = whole_seconds(request.validity.not_after)?;
        params.serial_number = Some(serial(entropy));
        params.distinguished_name =
            subject(&principal.agency, &format!("{} {}", principal.role, principal.name));
        params.subject_alt_names = vec![id_name(&principal.to_string())?];
        for name in &request.dns_names {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        let addresses = request.ip_addresses.iter().map(|address| SanType::IpAddress(*address));
        params.subject_alt_names.extend(addresses);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match principal.role {
            Role::Node => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
            Role::Auditor | Role::Officer | Role::Operator | Role::Service => {
                vec![ExtendedKeyUsagePurpose::ClientAuth]
            }
        };
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, self.issuer())?.der().to_vec())
    }

    fn check(&self, request: &LeafRequest) -> Result<(), PkiError> {
        let principal = &request.principal;
        if principal.agency != *self.agency() {
            return Err(PkiError::OtherAgency {
                authority: self.agency().to_string(),
                agency: principal.agency.to_string(),
            });
        }
        // The fields of a principal are public, so its name is checked where it becomes a fact.
        Principal::new(principal.agency.clone(), principal.role, &principal.name)?;
        let has_names = !(request.dns_names.is_empty() && request.ip_addresses.is_empty());
        if has_names != (principal.role == Role::Node) {
            return Err(PkiError::Names);
        }
        if let Some(bad) = request.dns_names.iter().find(|name| !is_dns_name(name)) {
            return Err(PkiError::DnsName(bad.clone()));
        }
        let Validity { not_before, not_after } = request.validity;
        if not_before > not_after {
            return Err(PkiError::Times);
        }
        // Compared in the whole seconds that a certificate holds.
        let own = self.facts();
        let starts = whole_seconds(not_before)? >= whole_seconds(own.not_before)?;
        let ends = whole_seconds(not_after)? <= whole_seconds(own.not_after)?;
        if starts && ends { Ok(()) } else { Err(PkiError::BeyondAuthority) }
    }
}

impl Issued {
    /// The leaf, DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The leaf in PEM form.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The key, PKCS#8 in DER form.
    pub fn key_der(&self) -> &[u8] {
        &self.key
    }

    /// The key in PEM form (PKCS#8, which every foreign stack takes).
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem("PRIVATE KEY", &self.key))
    }

    /// Leaf, key and authority in one PKCS#12 file (RFC 7292; AES-256, SHA-256), for software that
    /// takes no PEM: .NET on Windows, browsers, Java.
    ///
    /// # Errors
    /// [`PkiError::Password`] when it is empty; [`PkiError::Pkcs12`] when the library fails.
    pub fn pkcs12(&self, password: &str) -> Result<Zeroizing<Vec<u8>>, PkiError> {
        if password.is_empty() {
            return Err(PkiError::Password);
        }
        let alias = format!("{} {}", self.principal.role, self.principal.name);
        let chain = PrivateKeyChain::new(
            alias.as_str(),
            PrivateKey::from_der(&self.key)?,
            [
                StoredCertificate::from_der(&self.certificate)?,
                StoredCertificate::from_der(&self.authority)?,
            ],
        );
        let mut store = KeyStore::new();
        store.add_entry(&alias, KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store
            .writer(password)
            .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
            .encryption_iterations(PKCS12_ROUNDS)
            .mac_algorithm(MacAlgorithm::HmacSha256)
            .mac_iterations(PKCS12_ROUNDS);
        Ok(Zeroizing::new(writer.write()?))
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({})", self.principal)
    }
}

/// PEM of `der` (RFC 7468).
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(der));
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in body.chars().enumerate() {
        if index != 0 && index % PEM_LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// Letters, digits and inner hyphens in lower case, labels of 1 to 63 bytes (RFC 1123, 2.1).
fn is_dns_name(name: &str) -> bool {
    name.len() <= DNS_NAME_BYTES_MAX
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        && !name.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::entropy::{SeededEntropy, SystemEntropy};
    use crate::identity::spiffe;
    use crate::pki::inspect;

    fn start() -> Timestamp {
        Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
    }

    fn authority() -> Authority {
        let agency = "ita.coast-guard".parse().unwrap();
        Authority::create(&agency, Validity::days(start(), 365), &SystemEntropy).unwrap()
    }

    fn request(role: Role, dns_names: &[&str]) -> LeafRequest {
        let agency = "ita.coast-guard".parse().unwrap();
        LeafRequest {
            principal: Principal::new(agency, role, "rome-1").unwrap(),
            validity: Validity::days(start(), 30),
            dns_names: dns_names.iter().map(|name| (*name).to_owned()).collect(),
            ip_addresses: Vec::new(),
        }
    }

    #[test]
    fn a_node_serves_and_calls_and_has_names() {
        let mut asked = request(Role::Node, &["node.ita.example", "localhost"]);
        asked.ip_addresses = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        let issued = authority().issue(&asked, &SeededEntropy::new(3)).unwrap();
        let facts = inspect(issued.certificate_der()).unwrap();
        assert_eq!(facts.principal, Ok(asked.principal));
        assert_eq!(facts.ids, ["spiffe://ita.coast-guard/node/rome-1"]);
        assert_eq!(facts.dns_names, ["node.ita.example", "localhost"]);
        assert_eq!(facts.ip_addresses, asked.ip_addresses);
        assert_eq!(facts.purposes, ["server", "client"]);
        assert_eq!((facts.key.as_str(), facts.is_authority), ("ECDSA P-256", false));
        assert_eq!(facts.subject, "O=ita.coast-guard, CN=node rome-1");
        assert_eq!(facts.issuer, "O=ita.coast-guard, CN=authority");
        assert_eq!(
            (facts.not_before, facts.not_after),
            (start(), start().plus_millis(2_592_000_000))
        );
        assert_eq!(facts.serial.len(), 2 * crate::pki::SERIAL_BYTES);
    }

    #[test]
    fn callers_only_call_and_have_no_names() {
        let authority = authority();
        for role in [Role::Officer, Role::Service, Role::Auditor, Role::Operator] {
            let issued = authority.issue(&request(role, &[]), &SystemEntropy).unwrap();
            let facts = inspect(issued.certificate_der()).unwrap();
            assert_eq!(facts.purposes, ["client"], "{role}");
            let found = spiffe::of_certificate(issued.certificate_der()).unwrap();
            assert_eq!(found.role, role);
            let named = authority.issue(&request(role, &["a.example"]), &SystemEntropy);
            assert!(matches!(named, Err(PkiError::Names)), "{role}");
        }
        let unnamed = authority.issue(&request(Role::Node, &[]), &SystemEntropy);
        assert!(matches!(unnamed, Err(PkiError::Names)));
    }

    #[test]
    fn an_authority_issues_for_its_agency_within_its_time() {
        let authority = authority();
        let mut asked = request(Role::Officer, &[]);
        asked.principal.agency = "mlt.armed-forces".parse().unwrap();
        let found = authority.issue(&asked, &SystemEntropy);
        assert!(matches!(found, Err(PkiError::OtherAgency { .. })), "{found:?}");
        let mut asked = request(Role::Officer, &[]);
        asked.validity = Validity::days(start(), 365);
        assert!(authority.issue(&asked, &SystemEntropy).is_ok());
        asked.validity.not_after = asked.validity.not_after.plus_millis(1000);
        let found = authority.issue(&asked, &SystemEntropy);
        assert!(matches!(found, Err(PkiError::BeyondAuthority)), "{found:?}");
        asked.validity.not_after = start().plus_millis(-1000);
        let found = authority.issue(&asked, &SystemEntropy);
        assert!(matches!(found, Err(PkiError::Times)), "{found:?}");
    }

    #[test]
    fn names_that_are_not_dns_names_are_refused() {
        let authority = authority();
        for bad in ["", "a..b", "A.example", "*.example", "-a.b", "a-.b", "a_b", "127.0.0.1", "é"]
        {
            let found = authority.issue(&request(Role::Node, &[bad]), &SystemEntropy);
            assert!(matches!(found, Err(PkiError::DnsName(_))), "{bad}");
        }
        let mut asked = request(Role::Officer, &[]);
        asked.principal.name = "a/b".to_owned();
        let found = authority.issue(&asked, &SystemEntropy);
        assert!(matches!(found, Err(PkiError::Spiffe(_))), "{found:?}");
    }

    #[test]
    fn keys_are_not_shown_and_a_file_needs_a_password() {
        let issued = authority().issue(&request(Role::Officer, &[]), &SystemEntropy).unwrap();
        assert_eq!(format!("{issued:?}"), "Issued(spiffe://ita.coast-guard/officer/rome-1)");
        assert!(matches!(issued.pkcs12(""), Err(PkiError::Password)));
        assert!(issued.key_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    }
}
