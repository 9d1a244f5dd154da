//! Revocation: an authority's signed list of serial numbers that count no longer (RFC 5280, 5).
//!
//! A list is read back, a serial number added, and signed again with the next number: the number
//! never goes down, so that whoever has seen one list does not take an older one.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use webpki::OwnedCertRevocationList;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::pki::authority::Authority;
use crate::pki::inspect::seconds;
use crate::pki::{PkiError, issue, whole_seconds};

/// Most that may lie between a list and the next: 72 hours. Whoever is kept from newer lists believes an
/// old one up to then. A list that names a later time counts all the same, and is remarked upon.
pub const NEXT_UPDATE_MS_MAX: i64 = 72 * 60 * 60 * 1000;

/// One revoked certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its serial number, as in the certificate.
    pub serial: Vec<u8>,
    /// Since when.
    pub at: Timestamp,
}

/// The contents of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// Grows with each list of the same authority.
    pub number: u64,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one is due; past it, and past the grace of whoever checks, nobody of this
    /// agency is let in.
    pub next_update: Timestamp,
    /// In ascending order of serial numbers.
    pub revoked: Vec<Revocation>,
}

impl RevocationList {
    /// An agency's first list, on which nobody stands.
    pub fn first(this_update: Timestamp, next_update: Timestamp) -> Self {
        Self { number: 1, this_update, next_update, revoked: Vec::new() }
    }

    /// The list that follows this one.
    ///
    /// # Errors
    /// [`PkiError::Number`] at the end of all numbers.
    pub fn next(&self, this_update: Timestamp, next_update: Timestamp) -> Result<Self, PkiError> {
        let number = self.number.checked_add(1).ok_or(PkiError::Number)?;
        Ok(Self { number, this_update, next_update, revoked: self.revoked.clone() })
    }

    /// Adds a serial number; one that already stands there keeps its time.
    pub fn revoke(&mut self, serial: &[u8], at: Timestamp) {
        let place = self.revoked.binary_search_by(|found| found.serial.as_slice().cmp(serial));
        if let Err(free) = place {
            self.revoked.insert(free, Revocation { serial: serial.to_vec(), at });
        }
    }

    /// Reads a signed list, DER. The signature is for whoever trusts the authority to check.
    ///
    /// # Errors
    /// [`PkiError::RevocationList`] when the bytes are no list, or it has no number that fits, or
    /// no next update.
    pub fn parse(der: &[u8]) -> Result<Self, PkiError> {
        let (rest, read) =
            CertificateRevocationList::from_der(der).map_err(|_| PkiError::RevocationList)?;
        let number = read.crl_number().and_then(|number| u64::try_from(number).ok());
        let next_update = read.next_update();
        let (true, Some(number), Some(next_update)) = (rest.is_empty(), number, next_update) else {
            return Err(PkiError::RevocationList);
        };
        let mut list = Self {
            number,
            this_update: seconds(read.last_update().timestamp()),
            next_update: seconds(next_update.timestamp()),
            revoked: Vec::new(),
        };
        for found in read.iter_revoked_certificates() {
            list.revoke(found.raw_serial(), seconds(found.revocation_date.timestamp()));
        }
        Ok(list)
    }
}

/// The name under which a list is issued, DER; `None` if the bytes are no list.
pub fn issuer_of(der: &[u8]) -> Option<Vec<u8>> {
    let (_, list) = CertificateRevocationList::from_der(der).ok()?;
    Some(list.issuer().as_raw().to_vec())
}

/// What an authority is known by: the hash of its public key. `None` if it can't be read.
pub fn authority_id(certificate: &[u8]) -> Option<Digest> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    Some(Digest::of(read.public_key().raw))
}

/// Why a list is not one of some authorities'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    /// The bytes are no list, or it has no number that fits, or no next update.
    #[error("cannot be read, or has no number or no next update")]
    Unreadable,
    /// It is a list, and holds what whoever verifies chains by it does not understand, such as an
    /// unknown critical extension: then it may not be used at all (RFC 5280, 5.2).
    #[error(
        "holds something that no verifier may pass over, such as an unknown critical extension"
    )]
    Unsupported,
    /// None of the authorities has the name that it is issued under.
    #[error("is issued by none of the agency's authorities")]
    Issuer,
    /// One has the name, and its key has not signed it with ECDSA P-256 and SHA-256.
    #[error("is not signed by the authority that it names")]
    Signature,
}

/// A list whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedList {
    /// Hash of the public key of the authority that signed it, which stays when its certificate is
    /// renewed.
    pub issuer: Digest,
    /// Hash of what was signed. Whoever has a signature by ECDSA can make another of the same text.
    pub hash: Digest,
    /// What it says.
    pub says: RevocationList,
}

/// Which authority made a list, found by its name and proved by its signature.
///
/// `authorities` are certificates, DER; one that can't be read, or that may not sign lists, is
/// passed over. Bytes around what is signed that DER has another way to write are refused, so that
/// nobody on the way can make a list unreadable for others.
///
/// # Errors
/// Why it is none of theirs.
pub fn list_of<'a>(
    der: &[u8],
    authorities: impl IntoIterator<Item = &'a [u8]>,
) -> Result<SignedList, ListFault> {
    let says = RevocationList::parse(der).map_err(|_| ListFault::Unreadable)?;
    let (_, list) = CertificateRevocationList::from_der(der).map_err(|_| ListFault::Unreadable)?;
    let mut fault = ListFault::Issuer;
    for authority in authorities {
        let Ok((_, authority)) = X509Certificate::from_der(authority) else { continue };
        let usage = authority.key_usage().ok().flatten();
        if authority.subject().as_raw() != list.issuer().as_raw()
            || usage.is_some_and(|it| !it.value.crl_sign())
        {
            continue;
        }
        fault = ListFault::Signature;
        let public = authority.public_key();
        let key = UnparsedPublicKey::new(
            &ECDSA_P256_SHA256_ASN1,
            public.subject_public_key.data.as_ref(),
        );
        let text = list.tbs_cert_list.as_ref();
        let signed = is_plain(der, text, &list.signature_value.data)
            && key.verify(text, &list.signature_value.data).is_ok();
        if signed {
            if OwnedCertRevocationList::from_der(der).is_err() {
                return Err(ListFault::Unsupported);
            }
            let (issuer, hash) = (Digest::of(public.raw), Digest::of(text));
            return Ok(SignedList { issuer, hash, says });
        }
    }
    Err(fault)
}

/// Whether `der` is the one way to write a text with its signature by ECDSA and SHA-256.
fn is_plain(der: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let mut bits = vec![0];
    bits.extend(signature);
    let inner = [text, &ECDSA_SHA256, &tagged(0x03, &bits)].concat();
    tagged(DER_SEQUENCE, &inner) == der
}

/// The algorithm identifier of ECDSA with SHA-256 (RFC 5758, 3.2).
const ECDSA_SHA256: [u8; 12] =
    [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// A DER value of at most 16 MiB.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let short: Vec<u8> = length.into_iter().skip_while(|it| *it == 0).collect();
    let mut out = vec![tag];
    match (short.as_slice(), u8::try_from(short.len())) {
        ([], _) => out.push(0),
        ([one], _) if *one < 0x80 => out.push(*one),
        (_, count) => {
            out.push(0x80 | count.unwrap_or(0));
            out.extend(short);
        }
    }
    out.extend(value);
    out
}

impl Authority {
    /// Signs a list; DER.
    ///
    /// # Errors
    /// [`PkiError::Times`]; [`PkiError::Making`] when the next update is not after this one.
    pub fn sign_revocations(&self, list: &RevocationList) -> Result<Vec<u8>, PkiError> {
        let mut revoked_certs = Vec::with_capacity(list.revoked.len());
        for revocation in &list.revoked {
            revoked_certs.push(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&revocation.serial),
                revocation_time: whole_seconds(revocation.at)?,
                reason_code: None,
                invalidity_date: None,
            });
        }
        let params = CertificateRevocationListParams {
            this_update: whole_seconds(list.this_update)?,
            next_update: whole_seconds(list.next_update)?,
            crl_number: list.number.into(),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(self.issuer())?.der().to_vec())
    }
}

/// The list in a file that somebody gives, in PEM form or DER; `None` if it looks like neither.
pub fn list_der(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Some(bytes.to_vec());
    }
    if !bytes.starts_with(PEM_START) {
        return None;
    }
    CertificateRevocationListDer::from_pem_slice(bytes).ok().map(|der| der.as_ref().to_vec())
}

/// Whether a file is to hold a list, whatever it holds: no text of a directory begins so.
pub fn is_list_file(bytes: &[u8]) -> bool {
    bytes.first() == Some(&DER_SEQUENCE) || bytes.starts_with(PEM_START)
}

/// How a list in PEM form begins; a record holds lists too, further down.
const PEM_START: &[u8] = b"-----BEGIN X509 CRL-----";
/// How every DER structure of X.509 begins.
const DER_SEQUENCE: u8 = 0x30;

/// A signed list in PEM form.
pub fn list_pem(der: &[u8]) -> String {
    issue::pem("X509 CRL", der)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::pki::Validity;

    const HOUR: i64 = 3_600_000;

    fn start() -> Timestamp {
        Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
    }

    fn authority() -> Authority {
        let agency = "ita.coast-guard".parse().unwrap();
        Authority::create(&agency, Validity::days(start(), 365), &SystemEntropy).unwrap()
    }

    #[test]
    fn a_list_is_read_back_as_it_was_signed() {
        let authority = authority();
        let first = RevocationList::first(start(), start().plus_millis(72 * HOUR));
        let signed = authority.sign_revocations(&first).unwrap();
        assert_eq!(RevocationList::parse(&signed).unwrap(), first);

        let later = start().plus_millis(HOUR);
        let mut second = first.next(later, later.plus_millis(72 * HOUR)).unwrap();
        second.revoke(&[0x41, 2], later);
        second.revoke(&[0x40, 1], later);
        second.revoke(&[0x41, 2], later.plus_millis(HOUR));
        let signed = authority.sign_revocations(&second).unwrap();
        let read = RevocationList::parse(&signed).unwrap();
        assert_eq!(read, second);
        assert_eq!(read.number, 2);
        let serials: Vec<_> = read.revoked.iter().map(|found| found.serial.clone()).collect();
        assert_eq!(serials, [vec![0x40, 1], vec![0x41, 2]]);
        assert!(read.revoked.iter().all(|found| found.at == later));
    }

    #[test]
    fn a_list_must_end_after_it_begins() {
        let list = RevocationList::first(start(), start());
        assert!(matches!(authority().sign_revocations(&list), Err(PkiError::Making(_))));
    }

    #[test]
    fn numbers_do_not_start_again() {
        let mut list = RevocationList::first(start(), start().plus_millis(HOUR));
        list.number = u64::MAX;
        assert!(matches!(list.next(start(), start()), Err(PkiError::Number)));
    }

    #[test]
    fn no_cut_list_is_taken() {
        let list = RevocationList::first(start(), start().plus_millis(HOUR));
        let signed = authority().sign_revocations(&list).unwrap();
        for end in 0..signed.len() {
            let found = RevocationList::parse(signed.get(..end).unwrap());
            assert!(matches!(found, Err(PkiError::RevocationList)), "{end}");
        }
    }
}
