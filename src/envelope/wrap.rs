//! The content key, wrapped for one recipient: HPKE (RFC 9180) base mode, X-Wing, HKDF-SHA256,
//! ChaCha20-Poly1305.
//!
//! ```text
//! info         = label, suite, recipient, recipient's key id, sender; a zero byte after each
//! wrapping key = Export(message id ‖ SHA-256(address), 32)
//! wrapped key  = ChaCha20-Poly1305(wrapping key, nonce 0, content key)
//! ```
//!
//! Every wrap has an encapsulation of its own, so a wrapping key encrypts one thing, once, and a
//! fixed nonce cannot repeat under it. HPKE's own encryption is not used: only its exporter.

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

use super::keyring::{self, SealingPrivate};
use super::primitive::{Cipher, NONCE_BYTES, TAG_BYTES};
use super::{OpenError, SealError};
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, MessageId};
use crate::entropy::Entropy;
use crate::redact::{Secret, scrubbed};

/// Size of a public sealing key, in bytes.
pub const PUBLIC_BYTES: usize = 1216;
/// Size of an encapsulation, in bytes.
pub const ENCAPSULATION_BYTES: usize = 1120;
/// Size of a wrapped content key, in bytes.
pub const WRAPPED_KEY_BYTES: usize = 32 + TAG_BYTES;

const LABEL: &[u8] = b"rogatory/v1 content key wrap";
/// All algorithms that stand between a wrap and plain bytes, so that none can be exchanged.
const SUITE: &[u8] = b"hpke-base/x-wing/hkdf-sha256/chacha20-poly1305 \
c2sp.org/chunked-encryption@v1/aes-256-gcm/sha-512 padme";
/// The wrapping key encrypts once, so one nonce is enough.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// A content key, wrapped for one agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Whose sealing key.
    pub recipient: AgencyId,
    /// Which of its sealing keys.
    pub key_id: String,
    /// HPKE encapsulation, 1,120 bytes.
    pub encapsulation: Vec<u8>,
    /// The content key under the exported wrapping key, 48 bytes.
    pub wrapped_key: Vec<u8>,
}

/// A public sealing key, as the directory names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientKey {
    /// Whose key.
    pub agency: AgencyId,
    /// Its id, which follows from the key.
    pub key_id: String,
    /// The X-Wing public key, 1,216 bytes.
    pub public: Vec<u8>,
}

/// What all wraps of a message are bound to.
pub(super) struct Binding<'a> {
    pub(super) sender: &'a AgencyId,
    pub(super) message: MessageId,
    pub(super) address: Digest,
}

impl Binding<'_> {
    /// HPKE's `info` for a wrap to this key of this agency. No field can hold a zero byte: ids of
    /// agencies have none by their form, and key ids are compared with the key before this.
    fn info(&self, recipient: &AgencyId, key_id: &str) -> Vec<u8> {
        let fields: [&[u8]; 5] = [
            LABEL,
            SUITE,
            recipient.as_str().as_bytes(),
            key_id.as_bytes(),
            self.sender.as_str().as_bytes(),
        ];
        let mut info = Vec::new();
        for field in fields {
            info.extend_from_slice(field);
            info.push(0);
        }
        info
    }

    /// HPKE's exporter context: two fields of fixed size.
    fn context(&self) -> Vec<u8> {
        [self.message.as_bytes().as_slice(), self.address.as_bytes()].concat()
    }
}

/// Wraps `content_key` for `recipient`.
pub(super) fn wrap(
    content_key: &Secret<32>,
    recipient: &RecipientKey,
    binding: &Binding<'_>,
    entropy: &dyn Entropy,
) -> Result<WrappedKey, SealError> {
    let RecipientKey { agency, key_id, public } = recipient;
    let malformed = || SealError::RecipientKey { agency: agency.clone(), key_id: key_id.clone() };
    if keyring::key_id(public) != *key_id {
        return Err(malformed());
    }
    let info = binding.info(agency, key_id);
    let (encapsulation, wrapping_key) =
        encapsulate(public, &info, &binding.context(), entropy).ok_or_else(malformed)?;
    let cipher = Cipher::chacha20_poly1305(wrapping_key.expose());
    let wrapped_key = cipher.seal(NONCE, &[], content_key.expose());
    Ok(WrappedKey { recipient: agency.clone(), key_id: key_id.clone(), encapsulation, wrapped_key })
}

/// Takes the content key out of a wrap made for `private`.
pub(super) fn unwrap(
    wrap: &WrappedKey,
    private: &SealingPrivate,
    binding: &Binding<'_>,
) -> Result<Secret<32>, OpenError> {
    for (bytes, expected) in [
        (wrap.encapsulation.len(), ENCAPSULATION_BYTES),
        (wrap.wrapped_key.len(), WRAPPED_KEY_BYTES),
    ] {
        if bytes != expected {
            return Err(OpenError::Length { bytes });
        }
    }
    let info = binding.info(&wrap.recipient, &wrap.key_id);
    let wrapping_key = decapsulate(private, &wrap.encapsulation, &info, &binding.context())
        .ok_or(OpenError::Encapsulation)?;
    let cipher = Cipher::chacha20_poly1305(wrapping_key.expose());
    let opened = cipher.open(NONCE, &[], &wrap.wrapped_key).ok_or(OpenError::Tag)?;
    let key = opened.first_chunk::<32>().ok_or(OpenError::Length { bytes: opened.len() })?;
    Ok(Secret::of(key))
}

/// An encapsulation to `public` and the key exported from it; `None` if `public` is no X-Wing key.
pub(super) fn encapsulate(
    public: &[u8],
    info: &[u8],
    context: &[u8],
    entropy: &dyn Entropy,
) -> Option<(Vec<u8>, Secret<32>)> {
    let public = <XWing as Kem>::PublicKey::from_bytes(public).ok()?;
    scrubbed(|| {
        let (encapsulation, sender) = hpke::setup_sender_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            XWing,
        >(&OpModeS::Base, &public, info, &mut Draw(entropy))
        .ok()?;
        let mut exported = Ok(());
        let key = Secret::made(|it| exported = sender.export(context, it));
        exported.ok()?;
        Some((encapsulation.to_bytes().to_vec(), key))
    })
}

/// The key that the sender exported; another one if anything differs, for X-Wing rejects nothing
/// of the right length. `None` if `encapsulation` has another length.
pub(super) fn decapsulate(
    private: &SealingPrivate,
    encapsulation: &[u8],
    info: &[u8],
    context: &[u8],
) -> Option<Secret<32>> {
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(encapsulation).ok()?;
    scrubbed(|| {
        let receiver = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            private.key(),
            &encapsulation,
            info,
        )
        .ok()?;
        let mut exported = Ok(());
        let key = Secret::made(|it| exported = receiver.export(context, it));
        exported.ok()?;
        Some(key)
    })
}

/// Our source of randomness, as HPKE wants it.
struct Draw<'a>(&'a dyn Entropy);

impl TryRng for Draw<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(crate::entropy::bytes(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(crate::entropy::bytes(self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Draw<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = include_str!("../../tests/vectors/hpke/hpke-pq.json");

    /// Gives out the bytes of a vector, once.
    struct Fixed(Vec<u8>);

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.copy_from_slice(&self.0);
        }
    }

    fn bytes(value: &serde_json::Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    /// Both directions with the very functions that wrap and unwrap.
    #[test]
    fn encapsulation_and_exports_are_those_of_the_x_wing_vector() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let case = vectors
            .as_array()
            .unwrap()
            .iter()
            .find(|case| case["kem_id"] == 0x647a && case["kdf_id"] == 1 && case["aead_id"] == 3)
            .unwrap();
        let private =
            SealingPrivate::from_seed(&Secret::new(bytes(&case["skRm"]).try_into().unwrap()));
        assert_eq!(private.public(), bytes(&case["pkRm"]));
        let (info, chance) = (bytes(&case["info"]), Fixed(bytes(&case["ikmE"])));
        let exports = case["exports"].as_array().unwrap();
        assert_eq!(exports.len(), 5);
        for export in exports {
            assert_eq!(export["L"], 32);
            let context = bytes(&export["exporter_context"]);
            let (encapsulation, sent) =
                encapsulate(&private.public(), &info, &context, &chance).unwrap();
            assert_eq!(encapsulation, bytes(&case["enc"]));
            let received = decapsulate(&private, &encapsulation, &info, &context).unwrap();
            assert_eq!(sent.expose().as_slice(), bytes(&export["exported_value"]));
            assert_eq!(received.expose(), sent.expose());
        }
    }

    #[test]
    fn fields_of_info_cannot_flow_into_each_other() {
        let (one, two): (AgencyId, AgencyId) =
            ("ita.a".parse().unwrap(), "ita.ab".parse().unwrap());
        let binding = |sender| Binding {
            sender,
            message: MessageId::from_bytes([1; 16]),
            address: Digest::of(b"address"),
        };
        assert_ne!(binding(&one).info(&two, "k"), binding(&one).info(&one, "bk"));
        assert_ne!(binding(&one).info(&two, "k"), binding(&two).info(&one, "k"));
        assert_eq!(binding(&one).context().len(), 48);
    }
}
