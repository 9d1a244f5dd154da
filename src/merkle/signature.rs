//! Ed25519 (RFC 8032) and ML-DSA-44 (FIPS 204, pure, empty context): keys from seeds, signatures,
//! verification. A key signs one type of text; which one is the caller's to keep.

use std::fmt;

use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, PqdsaKeyPair, UnparsedPublicKey,
};

use crate::redact::{Secret, scrubbed};

/// Length of an Ed25519 public key, in bytes.
pub const ED25519_PUBLIC_BYTES: usize = 32;
/// Length of an Ed25519 signature, in bytes.
pub const ED25519_SIGNATURE_BYTES: usize = 64;
/// Length of an ML-DSA-44 public key, in bytes.
pub const MLDSA44_PUBLIC_BYTES: usize = 1312;
/// Length of an ML-DSA-44 signature, in bytes.
pub const MLDSA44_SIGNATURE_BYTES: usize = 2420;

/// The holder of a private key did not sign. What was to be signed has not left the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal's key does not sign: {0}")]
pub struct SignFault(pub String);

/// Whoever signs with an Ed25519 key: the key in memory, or a token that holds it.
pub trait SignsEd25519: Send + Sync + fmt::Debug {
    /// The public key.
    fn public_key(&self) -> [u8; ED25519_PUBLIC_BYTES];

    /// Signs `message` as it is.
    ///
    /// # Errors
    /// That the holder of the key did not sign; a key in memory always does.
    fn try_sign(&self, message: &[u8]) -> Result<[u8; ED25519_SIGNATURE_BYTES], SignFault>;
}

/// An Ed25519 private key. Its signatures are deterministic.
pub struct Ed25519Signer {
    pair: Ed25519KeyPair,
    public: [u8; ED25519_PUBLIC_BYTES],
}

impl Ed25519Signer {
    /// The key that belongs to a seed.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let pair = scrubbed(|| Ed25519KeyPair::from_seed_unchecked(seed.expose()))
            .expect("every 32 bytes are the seed of an Ed25519 key");
        let public = pair.public_key().as_ref().try_into();
        Self { public: public.expect("an Ed25519 public key has 32 bytes"), pair }
    }

    /// The public key.
    pub fn public(&self) -> [u8; ED25519_PUBLIC_BYTES] {
        self.public
    }

    /// Signs `message` as it is.
    pub fn sign(&self, message: &[u8]) -> [u8; ED25519_SIGNATURE_BYTES] {
        let signature = self.pair.sign(message);
        signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

impl SignsEd25519 for Ed25519Signer {
    fn public_key(&self) -> [u8; ED25519_PUBLIC_BYTES] {
        self.public()
    }

    fn try_sign(&self, message: &[u8]) -> Result<[u8; ED25519_SIGNATURE_BYTES], SignFault> {
        Ok(self.sign(message))
    }
}

impl fmt::Debug for Ed25519Signer {
    /// The public key only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer({})", hex::encode(self.public))
    }
}

/// Whether `signature` over `message` is by the holder of `public`.
pub fn verify_ed25519(
    public: &[u8; ED25519_PUBLIC_BYTES],
    message: &[u8],
    signature: &[u8],
) -> bool {
    signature.len() == ED25519_SIGNATURE_BYTES
        && UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// An ML-DSA-44 private key. It signs with randomness of its own: two signatures over the same
/// message differ, so a signature is stored before it is shown.
pub struct MlDsa44Signer {
    pair: PqdsaKeyPair,
}

impl MlDsa44Signer {
    /// The key that belongs to a seed.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let pair = scrubbed(|| PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed.expose()))
            .expect("every 32 bytes are the seed of an ML-DSA-44 key");
        Self { pair }
    }

    /// The public key, [`MLDSA44_PUBLIC_BYTES`] long.
    pub fn public(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// Signs `message` as it is; the signature is [`MLDSA44_SIGNATURE_BYTES`] long.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; MLDSA44_SIGNATURE_BYTES];
        self.pair
            .sign(message, &mut signature)
            .expect("a valid ML-DSA-44 key signs any message into 2,420 bytes");
        signature
    }
}

impl fmt::Debug for MlDsa44Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MlDsa44Signer")
    }
}

/// Whether `signature` over `message`, with an empty context, is by the holder of `public`. A key
/// in any form but the raw [`MLDSA44_PUBLIC_BYTES`] is nobody's.
pub fn verify_mldsa44(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    public.len() == MLDSA44_PUBLIC_BYTES
        && signature.len() == MLDSA44_SIGNATURE_BYTES
        && UnparsedPublicKey::new(&ML_DSA_44, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ed25519_signature_is_the_one_of_rfc_8032() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let key =
            Ed25519Signer::from_seed(&Secret::new(hex::decode(seed).unwrap().try_into().unwrap()));
        assert_eq!(
            hex::encode(key.public()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(
            hex::encode(key.sign(b"")),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
    }

    #[test]
    fn a_signature_holds_for_its_key_and_message_only() {
        let (ours, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let (key, stranger) = (Ed25519Signer::from_seed(&ours), Ed25519Signer::from_seed(&other));
        let signature = key.sign(b"text");
        assert!(verify_ed25519(&key.public(), b"text", &signature));
        assert!(!verify_ed25519(&key.public(), b"Text", &signature));
        assert!(!verify_ed25519(&stranger.public(), b"text", &signature));
        let (key, stranger) = (MlDsa44Signer::from_seed(&ours), MlDsa44Signer::from_seed(&other));
        let signature = key.sign(b"text");
        assert!(verify_mldsa44(&key.public(), b"text", &signature));
        assert!(!verify_mldsa44(&key.public(), b"Text", &signature));
        assert!(!verify_mldsa44(&stranger.public(), b"text", &signature));
    }

    #[test]
    fn keys_and_signatures_of_any_other_length_are_refused() {
        let key = Ed25519Signer::from_seed(&Secret::new([1; 32]));
        let mut signature = key.sign(b"text").to_vec();
        for length in 0..ED25519_SIGNATURE_BYTES {
            assert!(!verify_ed25519(&key.public(), b"text", &signature[..length]));
        }
        signature.push(0);
        assert!(!verify_ed25519(&key.public(), b"text", &signature));
        let key = MlDsa44Signer::from_seed(&Secret::new([1; 32]));
        let (public, signature) = (key.public(), key.sign(b"text"));
        assert!(!verify_mldsa44(&public[1..], b"text", &signature));
        assert!(!verify_mldsa44(&[], b"text", &signature));
        assert!(!verify_mldsa44(&public, b"text", &signature[1..]));
        assert!(!verify_mldsa44(&public, b"text", &[signature.as_slice(), &[0]].concat()));
        assert!(!verify_mldsa44(&[public.as_slice(), &[0]].concat(), b"text", &signature));
    }

    #[test]
    fn debug_shows_no_private_key() {
        let seed = Secret::new([1; 32]);
        let shown =
            format!("{:?} {:?}", Ed25519Signer::from_seed(&seed), MlDsa44Signer::from_seed(&seed));
        assert_eq!(
            shown,
            "Ed25519Signer(8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c) \
             MlDsa44Signer"
        );
    }
}
