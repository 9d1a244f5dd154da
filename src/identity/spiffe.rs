//! The one URI SAN: `spiffe://AGENCY/ROLE/NAME`, read and checked in one place.
//!
//! Narrower than the SPIFFE id standard (SPIFFE-ID, section 2): the path has exactly two segments
//! and everything is lower case, so that two ids are the same caller only if they are the same
//! bytes. [`of_certificate`] adds the leaf rules of X.509-SVID (sections 2, 4 and 5.2).

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::domain::ids::{AgencyId, MalformedId};
use crate::identity::principal::{Principal, Role};

/// How every id begins.
pub const SCHEME: &str = "spiffe://";
/// Longest id, in bytes (SPIFFE-ID, section 2.3).
pub const ID_BYTES_MAX: usize = 2048;
/// Longest name of a post or machine, in bytes.
pub const NAME_BYTES_MAX: usize = 63;
/// Largest certificate that is looked at, in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// Why a text is not an id, or a certificate names no caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// Over [`ID_BYTES_MAX`].
    #[error("the id is over {ID_BYTES_MAX} bytes")]
    TooLong,
    /// It does not begin with [`SCHEME`].
    #[error("the id does not begin with {SCHEME}")]
    Scheme,
    /// Upper case, anywhere.
    #[error("the id has an upper-case letter")]
    UpperCase,
    /// Something that a URI may have and an id may not: query, fragment, port, user, escapes.
    #[error("the id has the character {0:?}, which no id has")]
    Character(char),
    /// Not exactly agency, role and name.
    #[error("the id is not agency, role and name with one slash between them")]
    Shape,
    /// The trust domain is no agency.
    #[error("the id's trust domain is no agency: {0}")]
    Agency(MalformedId),
    /// The role is not one of [`Role::ALL`].
    #[error("the id's role is unknown")]
    Role,
    /// The name is not 1 to [`NAME_BYTES_MAX`] of `a-z`, `0-9` and inner hyphens.
    #[error("the id's name is not 1 to {NAME_BYTES_MAX} of a-z, 0-9 and inner hyphens")]
    Name,
    /// Over [`CERTIFICATE_BYTES_MAX`].
    #[error("the certificate is over {CERTIFICATE_BYTES_MAX} bytes")]
    CertificateTooLong,
    /// Not one well-formed X.509 certificate.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No URI among the subject alternative names.
    #[error("the certificate carries no id")]
    NoId,
    /// More than one URI among the subject alternative names.
    #[error("the certificate carries {0} ids instead of one")]
    SeveralIds(usize),
    /// A CA certificate, or one that may sign certificates or CRLs, presented as a caller's.
    #[error("the certificate is an authority's and not a caller's")]
    Authority,
    /// Key usage is missing or has no digital signature.
    #[error("the certificate's key may not make digital signatures")]
    KeyUsage,
    /// Key usage is there and not marked critical: whoever does not know it could pass over it.
    #[error("the certificate's key usage is not critical")]
    KeyUsageNotCritical,
    /// No extended key usage.
    #[error("the certificate does not say what it is for")]
    NoPurpose,
}

/// Reads `spiffe://AGENCY/ROLE/NAME`.
///
/// # Errors
/// The first rule that the text breaks.
pub fn parse(text: &str) -> Result<Principal, SpiffeError> {
    if text.len() > ID_BYTES_MAX {
        return Err(SpiffeError::TooLong);
    }
    let rest = text.strip_prefix(SCHEME).ok_or(SpiffeError::Scheme)?;
    for c in rest.chars() {
        if c.is_ascii_uppercase() {
            return Err(SpiffeError::UpperCase);
        }
        if !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '/')) {
            return Err(SpiffeError::Character(c));
        }
    }
    let mut segments = rest.split('/');
    let (Some(agency), Some(role), Some(name), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(SpiffeError::Shape);
    };
    if name.is_empty() {
        return Err(SpiffeError::Shape);
    }
    let agency: AgencyId = agency.parse().map_err(SpiffeError::Agency)?;
    let role = Role::from_word(role).ok_or(SpiffeError::Role)?;
    Principal::new(agency, role, name)
}

/// Checks the name of a post or machine.
pub(crate) fn check_name(name: &str) -> Result<(), SpiffeError> {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    let inner = !name.starts_with('-') && !name.ends_with('-');
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits && inner && plain { Ok(()) } else { Err(SpiffeError::Name) }
}

/// Reads who a leaf certificate (DER) belongs to. Says nothing of its signature, time or
/// revocation: that is for whoever verified the chain.
///
/// # Errors
/// The first rule that the certificate breaks: it must be one certificate of at most
/// [`CERTIFICATE_BYTES_MAX`], not an authority's, with a key that may sign, with an extended key
/// usage, and with exactly one URI SAN that [`parse`] takes.
pub fn of_certificate(der: &[u8]) -> Result<Principal, SpiffeError> {
    if der.len() > CERTIFICATE_BYTES_MAX {
        return Err(SpiffeError::CertificateTooLong);
    }
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| SpiffeError::Unreadable)?;
    if !rest.is_empty() {
        return Err(SpiffeError::Unreadable);
    }
    check_leaf(&certificate)?;
    parse(only_id(&certificate)?)
}

fn check_leaf(certificate: &X509Certificate<'_>) -> Result<(), SpiffeError> {
    let constraints = certificate.basic_constraints().map_err(|_| SpiffeError::Unreadable)?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(SpiffeError::Authority);
    }
    let usage = certificate.key_usage().map_err(|_| SpiffeError::Unreadable)?;
    let usage = usage.ok_or(SpiffeError::KeyUsage)?;
    let is_critical = usage.critical;
    let usage = usage.value;
    if usage.key_cert_sign() || usage.crl_sign() {
        return Err(SpiffeError::Authority);
    }
    if !usage.digital_signature() {
        return Err(SpiffeError::KeyUsage);
    }
    if !is_critical {
        return Err(SpiffeError::KeyUsageNotCritical);
    }
    let purpose = certificate.extended_key_usage().map_err(|_| SpiffeError::Unreadable)?;
    purpose.map(|_| ()).ok_or(SpiffeError::NoPurpose)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
fn only_id<'a>(certificate: &'a X509Certificate<'_>) -> Result<&'a str, SpiffeError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| SpiffeError::Unreadable)?
        .ok_or(SpiffeError::NoId)?;
    let mut ids = Vec::new();
    for name in &names.value.general_names {
        match name {
            GeneralName::URI(id) => ids.push(*id),
            GeneralName::Invalid(..) => return Err(SpiffeError::Unreadable),
            _ => {}
        }
    }
    match ids.as_slice() {
        [] => Err(SpiffeError::NoId),
        [id] => Ok(id),
        several => Err(SpiffeError::SeveralIds(several.len())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(text: &str) -> SpiffeError {
        parse(text).expect_err(text)
    }

    #[test]
    fn every_departure_has_its_reason() {
        use SpiffeError::{Character, Name, Scheme, Shape, UpperCase};
        let with_cases = [
            ("", Scheme),
            ("https://ita.coast-guard/node/rome", Scheme),
            ("SPIFFE://ita.coast-guard/node/rome", Scheme),
            ("spiffe:/ita.coast-guard/node/rome", Scheme),
            (" spiffe://ita.coast-guard/node/rome", Scheme),
            ("spiffe://ITA.coast-guard/node/rome", UpperCase),
            ("spiffe://ita.coast-guard/Node/rome", UpperCase),
            ("spiffe://ita.coast-guard/node/Rome", UpperCase),
            ("spiffe://ita.coast-guard:443/node/rome", Character(':')),
            ("spiffe://me@ita.coast-guard/node/rome", Character('@')),
            ("spiffe://ita.coast-guard/node/rome?x=1", Character('?')),
            ("spiffe://ita.coast-guard/node/rome#x", Character('#')),
            ("spiffe://ita.coast-guard/node/ro%6de", Character('%')),
            ("spiffe://ita.coast-guard/node/rome\n", Character('\n')),
            ("spiffe://ita.coast-guard/node/rome\0", Character('\0')),
            ("spiffe://ita.coast-guard/node/romé", Character('é')),
            ("spiffe://ita.coast-guard", Shape),
            ("spiffe://ita.coast-guard/", Shape),
            ("spiffe://ita.coast-guard/node", Shape),
            ("spiffe://ita.coast-guard/node/", Shape),
            ("spiffe://ita.coast-guard/node/rome/", Shape),
            ("spiffe://ita.coast-guard/node//rome", Shape),
            ("spiffe://ita.coast-guard/node/../rome", Shape),
            ("spiffe://ita.coast-guard/node/..", Name),
            ("spiffe://ita.coast-guard/node/.", Name),
            ("spiffe://ita.coast-guard/node/-rome", Name),
            ("spiffe://ita.coast-guard/node/rome-", Name),
            ("spiffe://ita.coast-guard/node/rome.one", Name),
            ("spiffe://ita.coast-guard/../rome", SpiffeError::Role),
            ("spiffe://ita.coast-guard//rome", SpiffeError::Role),
            ("spiffe://ita.coast-guard/admin/rome", SpiffeError::Role),
        ];
        for (text, expected) in with_cases {
            assert_eq!(reason(text), expected, "{text:?}");
        }
        for agency in ["", "ita", "..", "it.x", "ita.a.b"] {
            let text = format!("spiffe://{agency}/node/rome");
            assert!(matches!(reason(&text), SpiffeError::Agency(_)), "{text}");
        }
    }

    #[test]
    fn lengths_are_judged_at_their_boundary() {
        let id = |bytes: usize| format!("spiffe://ita.coast-guard/node/{}", "a".repeat(bytes));
        assert!(parse(&id(NAME_BYTES_MAX)).is_ok_and(|p| p.name.len() == NAME_BYTES_MAX));
        assert_eq!(reason(&id(NAME_BYTES_MAX + 1)), SpiffeError::Name);
        let fixed = id(0).len();
        assert_eq!(reason(&id(ID_BYTES_MAX - fixed)), SpiffeError::Name);
        assert_eq!(reason(&id(ID_BYTES_MAX - fixed + 1)), SpiffeError::TooLong);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert_eq!(of_certificate(&[]), Err(SpiffeError::Unreadable));
        let long = vec![0x30; CERTIFICATE_BYTES_MAX + 1];
        assert_eq!(of_certificate(&long), Err(SpiffeError::CertificateTooLong));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_taken_prints_itself(
            text in "(spiffe://)?[a-cA./%:@?# é-]{0,40}"
        ) {
            if let Ok(principal) = parse(&text) {
                prop_assert_eq!(principal.to_string(), text);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(of_certificate(&bytes).is_err());
        }
    }
}
