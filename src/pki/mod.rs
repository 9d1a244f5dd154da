//! Makes the certificates that `identity` reads: an agency's authority, its leaves, its list of
//! revoked ones.
//!
//! In come an agency or a principal, a validity, random bytes for serial numbers; out come DER,
//! PEM and PKCS#12 as bytes. Nothing here opens a file: where keys are kept and under which
//! permissions is for `cli/`.
//!
//! What always holds: every key is ECDSA P-256 signed with SHA-256, because foreign gRPC stacks
//! refuse Ed25519 and stumble over P-384; a leaf carries exactly one URI SAN and may not sign
//! certificates; an authority signs leaves and revocation lists and nothing below another
//! authority (path length 0); what has a key shows none in `Debug`.
//!
//! Key pairs come from the random source of aws-lc itself, not from an `Entropy`: no replay ever
//! makes a key again, and a scalar chosen outside of the library would be one more thing to get
//! wrong.
//!
//! Left to others: checking chains (`transport/tls/`), publishing roots and lists (`directory/`).

use rcgen::{DistinguishedName, DnType, SanType};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::entropy::{self, Entropy};
use crate::identity::SpiffeError;

pub mod authority;
pub mod inspect;
pub mod issue;
pub mod renewal;
pub mod revoke;

pub use authority::Authority;
pub use inspect::{CertificateFacts, inspect};
pub use issue::{Issued, LeafRequest};
pub use revoke::{Revocation, RevocationList};

/// Length of a serial number, in bytes; its first bit is 0 and its first byte is not (RFC 5280,
/// 4.1.2.2 allows 20).
pub const SERIAL_BYTES: usize = 16;
/// The latest time that a certificate can name: 9999-12-31T23:59:59Z (RFC 5280, 4.1.2.5).
const LATEST_MILLIS: i64 = 253_402_300_799_000;

/// From when to when something counts, both ends included, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: Timestamp,
    /// Last second.
    pub not_after: Timestamp,
}

impl Validity {
    /// From when on a renewal is due: two thirds of the life.
    pub fn due_at(&self) -> Timestamp {
        let life = self.not_after.millis_since(self.not_before);
        self.not_before.plus_millis(life / 3 * 2)
    }

    /// Whether a renewal is due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.due_at()
    }

    /// From `start` on, for `days` days.
    pub fn days(start: Timestamp, days: u32) -> Self {
        let millis = i64::from(days).saturating_mul(86_400_000);
        Self { not_before: start, not_after: start.plus_millis(millis) }
    }
}

/// Why something could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A validity that ends before it begins, or a time that a certificate cannot name.
    #[error("the times given are not an interval between 1970 and 9999")]
    Times,
    /// A node without any DNS name or address, or someone else with one.
    #[error("a node needs a DNS name or an address, and nobody else may have one")]
    Names,
    /// Not a DNS name in lower case.
    #[error("{0:?} is no DNS name in lower case")]
    DnsName(String),
    /// The name of the holder.
    #[error(transparent)]
    Spiffe(#[from] SpiffeError),
    /// A leaf asked for by one agency of the authority of another.
    #[error("the authority of {authority} does not issue for {agency}")]
    OtherAgency {
        /// Whose authority was asked.
        authority: String,
        /// For whom.
        agency: String,
    },
    /// A validity beyond the authority's own.
    #[error("the validity is not within the authority's own")]
    BeyondAuthority,
    /// A text that is not one PEM section of the kind expected.
    #[error("no {0} in PEM form")]
    Pem(&'static str),
    /// A certificate that is no agency's authority.
    #[error("the certificate is no agency's authority: {0}")]
    NoAuthority(&'static str),
    /// The key is not the certificate's.
    #[error("the key does not belong to the certificate")]
    OtherKey,
    /// Bytes that are no certificate.
    #[error("the certificate cannot be read")]
    Certificate,
    /// Bytes that are no revocation list, or one without number or next update.
    #[error("the revocation list cannot be read")]
    RevocationList,
    /// The list's number would not grow.
    #[error("the revocation list's number cannot grow further")]
    Number,
    /// An empty password for a PKCS#12 file.
    #[error("a PKCS#12 file needs a password")]
    Password,
    /// The PKCS#12 file could not be made.
    #[error("the PKCS#12 file could not be made: {0}")]
    Pkcs12(#[from] p12_keystore::error::Error),
    /// Bytes that are no public key of ECDSA P-256.
    #[error("the public key is none of ECDSA P-256")]
    PublicKey,
    /// The certificate or list could not be made.
    #[error("it could not be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// The time as rcgen takes it, cut to whole seconds.
fn whole_seconds(at: Timestamp) -> Result<time::OffsetDateTime, PkiError> {
    if !(0..=LATEST_MILLIS).contains(&at.millis()) {
        return Err(PkiError::Times);
    }
    time::OffsetDateTime::from_unix_timestamp(at.millis().div_euclid(1000))
        .map_err(|_| PkiError::Times)
}

/// A positive serial number of [`SERIAL_BYTES`] bytes.
fn serial(entropy: &dyn Entropy) -> rcgen::SerialNumber {
    let mut bytes = entropy::bytes::<SERIAL_BYTES>(entropy);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    rcgen::SerialNumber::from_slice(&bytes)
}

/// The subject of what this room makes. It is for people to read: nothing is decided by it.
fn subject(agency: &AgencyId, name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, agency.as_str());
    subject.push(DnType::CommonName, name);
    subject
}

/// The SPIFFE id as a subject alternative name.
fn id_name(id: &str) -> Result<SanType, PkiError> {
    Ok(SanType::URI(id.try_into()?))
}
