//! A certificate whose key is in a token: how rustls asks for a signature, and in which form it gets it.
//!
//! rustls asks in the middle of a handshake and waits. A token takes milliseconds, so the thread says
//! that it will be away, and what else it had to do goes on in others.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use tokio::runtime::{Handle, RuntimeFlavor};
use webpki::EndEntityCert;

use crate::token::key::P256_SIGNATURE_BYTES;
use crate::token::{P256Key, TokenFault};
use crate::transport::tls::verifier::SIGNATURES;

/// What a key signs to show that it is a certificate's.
const TRIAL: &[u8] = b"rogatory/v1 trial of a certificate's key in a token";
/// Length of r and of s, in bytes.
const SCALAR_BYTES: usize = P256_SIGNATURE_BYTES / 2;

/// Whether a key in a token is a certificate's: it signs once.
///
/// # Errors
/// That the token does not sign.
pub(super) fn fits(key: &P256Key, leaf: &CertificateDer<'_>) -> Result<bool, TokenFault> {
    let signature = to_der(&key.try_sign(TRIAL)?);
    let Ok(certificate) = EndEntityCert::try_from(leaf) else {
        return Ok(false);
    };
    let verifies = |it: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
        certificate.verify_signature(*it, TRIAL, &signature).is_ok()
    };
    Ok(SIGNATURES.iter().any(verifies))
}

/// A P-256 key in a token, as rustls knows keys.
#[derive(Debug)]
pub(super) struct TokenSigningKey(Arc<P256Key>);

impl TokenSigningKey {
    pub(super) fn new(key: Arc<P256Key>) -> Self {
        Self(key)
    }
}

impl SigningKey for TokenSigningKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        offered.contains(&scheme).then(|| Box::new(TokenSigner(Arc::clone(&self.0))) as _)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

#[derive(Debug)]
struct TokenSigner(Arc<P256Key>);

impl Signer for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature = apart(|| self.0.try_sign(message)).map_err(|fault| {
            tracing::error!(%fault, "a handshake ends: the certificate's key does not sign");
            rustls::Error::General("the certificate's key does not sign".to_owned())
        })?;
        Ok(to_der(&signature))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// Does what waits, where the runtime has other threads for what it had to do here.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|it| it.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// r and s as a sequence of two integers (RFC 3279, 2.2.3).
fn to_der(signature: &[u8; P256_SIGNATURE_BYTES]) -> Vec<u8> {
    let (r, s) = signature.split_at(SCALAR_BYTES);
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).expect("two integers of 33 bytes at most");
    [&[0x30, length], body.as_slice()].concat()
}

/// A positive integer, without zeros before it but the one that its sign needs (X.690, 8.3).
fn integer(scalar: &[u8]) -> Vec<u8> {
    let zeros = scalar.iter().take_while(|it| **it == 0).count().min(scalar.len() - 1);
    let digits = scalar.get(zeros..).unwrap_or(scalar);
    let sign: &[u8] = if digits.first().is_some_and(|it| *it >= 0x80) { &[0] } else { &[] };
    let length = u8::try_from(sign.len().saturating_add(digits.len()));
    let length = length.expect("a scalar has 32 bytes");
    [&[0x02, length], sign, digits].concat()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    };

    use super::*;

    #[test]
    fn what_tokens_give_becomes_the_form_of_tls() {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key());
        // Enough of them that some begin with zeros and some with a high bit.
        for n in 0..2_000_u32 {
            let message = n.to_be_bytes();
            let raw = key.sign(&SystemRandom::new(), &message).unwrap();
            let der = to_der(raw.as_ref().try_into().unwrap());
            public.verify(&message, &der).unwrap();
        }
    }

    #[test]
    fn integers_are_written_as_short_as_they_may_be() {
        let mut signature = [0; P256_SIGNATURE_BYTES];
        assert_eq!(to_der(&signature), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        signature[31] = 0x80;
        signature[62] = 1;
        assert_eq!(to_der(&signature), [0x30, 8, 2, 2, 0, 0x80, 2, 2, 1, 0]);
        let longest = to_der(&[0xff; P256_SIGNATURE_BYTES]);
        assert_eq!((longest.len(), longest[1]), (72, 70));
    }
}
