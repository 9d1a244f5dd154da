//! C2SP signed-note v1.0.0, verifier keys: `NAME+ID+KEY`, where the id is eight hexadecimal digits
//! and the key the base64 of its type and bytes. Only type 0x01, Ed25519, is read here.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{KEY_ID_BYTES, SignatureLine, SignedNote, TYPE_ED25519, is_key_name, key_id};
use super::signature::{ED25519_PUBLIC_BYTES, Ed25519Signer, verify_ed25519};

/// Why a text is not a verifier key of type 0x01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// Not three parts, or a part that is malformed.
    #[error("must be NAME+ID+KEY of an Ed25519 key, as C2SP signed-note writes verifier keys")]
    Malformed,
    /// The id is not that of the name and the key.
    #[error("the id in the key is not that of its name and bytes")]
    Id,
}

/// A name and the Ed25519 key that signs notes under it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifierKey {
    name: String,
    public: [u8; ED25519_PUBLIC_BYTES],
}

/// What a note says of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No line is by the key.
    Absent,
    /// At least one line is by the key, and all that claim to be are.
    Signed,
    /// A line claims to be by the key and is not: the note is no good.
    Wrong,
}

impl VerifierKey {
    /// The key under a name; `None` if no key can have that name.
    pub fn new(name: &str, public: [u8; ED25519_PUBLIC_BYTES]) -> Option<Self> {
        is_key_name(name).then(|| Self { name: name.to_owned(), public })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's bytes.
    pub fn public(&self) -> &[u8; ED25519_PUBLIC_BYTES] {
        &self.public
    }

    /// The label of the key's signature lines.
    pub fn key_id(&self) -> [u8; KEY_ID_BYTES] {
        key_id(&self.name, TYPE_ED25519, &self.public)
    }

    /// Whether the key has signed a note. However often it did, it counts once.
    pub fn verdict(&self, note: &SignedNote) -> Verdict {
        let mut verdict = Verdict::Absent;
        for line in note.lines_by(&self.name, self.key_id()) {
            if !verify_ed25519(&self.public, note.text.as_bytes(), &line.signature) {
                return Verdict::Wrong;
            }
            verdict = Verdict::Signed;
        }
        verdict
    }

    /// The signature of the key's holder over a text; `None` if `signer` is another key. Signing
    /// again gives the same line.
    pub fn sign(&self, text: &str, signer: &Ed25519Signer) -> Option<SignatureLine> {
        (signer.public() == self.public).then(|| SignatureLine {
            name: self.name.clone(),
            key_id: self.key_id(),
            signature: signer.sign(text.as_bytes()).to_vec(),
        })
    }
}

impl FromStr for VerifierKey {
    type Err = VkeyError;

    fn from_str(text: &str) -> Result<Self, VkeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VkeyError::Malformed);
        };
        let bytes = STANDARD.decode(key).map_err(|_| VkeyError::Malformed)?;
        let public = match bytes.split_first() {
            Some((&TYPE_ED25519, public)) => public.try_into().ok(),
            Some(_) | None => None,
        };
        let key = public.and_then(|public| Self::new(name, public)).ok_or(VkeyError::Malformed)?;
        if id == hex::encode(key.key_id()) { Ok(key) } else { Err(VkeyError::Id) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[TYPE_ED25519][..], &self.public].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.key_id()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Secret;

    /// The verifier key of the example in the specification.
    const SPECIFIED: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_key_of_the_specification_is_read_and_written_back() {
        let key: VerifierKey = SPECIFIED.parse().unwrap();
        assert_eq!((key.name(), key.to_string().as_str()), ("example.com/foo", SPECIFIED));
    }

    #[test]
    fn what_is_altered_is_no_key_or_has_another_id() {
        let (name, rest) = SPECIFIED.split_once('+').unwrap();
        let (id, key) = rest.split_once('+').unwrap();
        for bad in ["", name, &format!("{name}+{id}"), &format!("{name}+{id}+"), "+00000000+AA=="] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(VkeyError::Malformed), "{bad}");
        }
        let other_type = format!("{name}+{id}+{}", key.replacen("Ae", "Be", 1));
        assert_eq!(other_type.parse::<VerifierKey>(), Err(VkeyError::Malformed));
        for bad in [format!("x{SPECIFIED}"), SPECIFIED.replacen("530d", "530D", 1)] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(VkeyError::Id), "{bad}");
        }
    }

    #[test]
    fn a_key_counts_once_and_a_wrong_line_condemns_the_note() {
        let signer = Ed25519Signer::from_seed(&Secret::new([7; 32]));
        let key = VerifierKey::new("a", signer.public()).unwrap();
        let line = key.sign("text\n", &signer).unwrap();
        let mut note = SignedNote { text: "text\n".to_owned(), signatures: vec![] };
        assert_eq!(key.verdict(&note), Verdict::Absent);
        note.signatures = vec![line.clone(), line.clone()];
        assert_eq!(key.verdict(&note), Verdict::Signed);
        note.text = "other\n".to_owned();
        assert_eq!(key.verdict(&note), Verdict::Wrong);
        let stranger = Ed25519Signer::from_seed(&Secret::new([8; 32]));
        assert_eq!(key.sign("text\n", &stranger), None);
        assert_eq!(VerifierKey::new("a b", signer.public()), None);
    }
}
