//! C2SP signed-note v1.0.0: a text, an empty line, signature lines.
//!
//! A note that was parsed is written back byte for byte: there is one way to write each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::digest::Digest;
use crate::domain::unseen::is_unseen;

/// Longest note, in bytes: room for 16 of the largest signatures and a text.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Most signature lines in a note; the specification wants 16 at least.
pub const SIGNATURES_MAX: usize = 32;
/// Longest key name, in bytes; a 0x06 cosignature can carry no longer one.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// Length of a key id, in bytes.
pub const KEY_ID_BYTES: usize = 4;

/// Type byte of an Ed25519 signature over the text.
pub const TYPE_ED25519: u8 = 0x01;
/// Type byte of a timestamped Ed25519 cosignature.
pub const TYPE_COSIGNATURE_ED25519: u8 = 0x04;
/// Type byte of a timestamped ML-DSA-44 cosignature.
pub const TYPE_COSIGNATURE_MLDSA44: u8 = 0x06;

const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why bytes are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_BYTES_MAX`], or the limit that its reader set.
    #[error("the note is longer than its kind may be")]
    TooLong,
    /// Not UTF-8, or with control characters other than line feeds.
    #[error("the note is not plain text")]
    NotText,
    /// No empty line between text and signatures.
    #[error("the note has no signatures")]
    NoSignatures,
    /// A line after the last empty one is not a signature line.
    #[error("a signature line is malformed")]
    SignatureLine,
    /// More than [`SIGNATURES_MAX`] signature lines.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
}

/// One signature as it stands in a note, of a known key or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// Name of the key.
    pub name: String,
    /// First bytes of a hash over name, type and key; a label, not a proof.
    pub key_id: [u8; KEY_ID_BYTES],
    /// What the key's type makes of it.
    pub signature: Vec<u8>,
}

impl SignatureLine {
    /// Reads one line, without its line feed; `None` if it is no signature line.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = decoded.split_first_chunk::<KEY_ID_BYTES>()?;
        let well_formed = is_key_name(name) && !signature.is_empty();
        well_formed.then(|| Self {
            name: name.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    }

    /// The line with its line feed.
    pub fn to_text(&self) -> String {
        let encoded = STANDARD.encode([&self.key_id[..], &self.signature].concat());
        format!("{SIGNATURE_PREFIX}{} {encoded}\n", self.name)
    }
}

/// A text and the signatures that came with it; that they are there says nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    /// What is signed, with its final line feed.
    pub text: String,
    /// One or more lines, in their order.
    pub signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Reads a note. No signature is verified here.
    ///
    /// # Errors
    /// Names the first rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        Self::parse_up_to(bytes, NOTE_BYTES_MAX)
    }

    /// Reads a note of a kind whose text may be longer than that of others. No signature is
    /// verified here.
    ///
    /// # Errors
    /// Names the first rule that the bytes break.
    pub fn parse_up_to(bytes: &[u8], bytes_max: usize) -> Result<Self, NoteError> {
        if bytes.len() > bytes_max {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        // Without a way out on the way, many bytes are looked at together.
        let is_control = |byte: &u8| *byte < b' ' && *byte != b'\n';
        if note.as_bytes().iter().fold(false, |found, byte| found | is_control(byte)) {
            return Err(NoteError::NotText);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::SignatureLine)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(SignatureLine::parse(line).ok_or(NoteError::SignatureLine)?);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The note as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = self.signatures.iter().map(SignatureLine::to_text);
        format!("{}\n{}", self.text, lines.collect::<String>()).into_bytes()
    }

    /// The lines that claim to be by one key: the same name *and* id.
    pub fn lines_by<'a>(
        &'a self,
        name: &'a str,
        key_id: [u8; KEY_ID_BYTES],
    ) -> impl Iterator<Item = &'a SignatureLine> {
        self.signatures.iter().filter(move |line| line.name == name && line.key_id == key_id)
    }
}

/// The id of a key: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key).
pub fn key_id(name: &str, type_byte: u8, public: &[u8]) -> [u8; KEY_ID_BYTES] {
    let digest = Digest::of_parts(&[name.as_bytes(), b"\n", &[type_byte], public]);
    let [a, b, c, d, ..] = *digest.as_bytes();
    [a, b, c, d]
}

/// Whether a text can be the name of a key: 1 to [`KEY_NAME_BYTES_MAX`] bytes, no plus sign, no
/// spaces of any script (C2SP signed-note); and, stricter than that text, no sign that is not seen.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= KEY_NAME_BYTES_MAX
        && !name.contains(|c: char| c == '+' || c.is_whitespace() || is_unseen(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIFIED: &str = "This is an example message.\n\n\u{2014} example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZ\
        XsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const SPECIFIED_KEY: &str = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_example_of_the_specification_verifies() {
        let note = SignedNote::parse(SPECIFIED.as_bytes()).unwrap();
        assert_eq!(note.text, "This is an example message.\n");
        let vkey = STANDARD.decode(SPECIFIED_KEY).unwrap();
        let public: [u8; 32] = vkey[1..].try_into().unwrap();
        let id = key_id("example.com/foo", TYPE_ED25519, &public);
        assert_eq!(hex::encode(id), "530d903a");
        let lines: Vec<_> = note.lines_by("example.com/foo", id).collect();
        assert_eq!(lines.len(), 1);
        assert!(super::super::signature::verify_ed25519(
            &public,
            note.text.as_bytes(),
            &lines[0].signature
        ));
        assert_eq!(note.to_bytes(), SPECIFIED.as_bytes());
    }

    #[test]
    fn the_text_ends_at_the_last_empty_line() {
        let note = "\n\none\n\n\ntwo\n\n\u{2014} key AAAAAAA=\n";
        let parsed = SignedNote::parse(note.as_bytes()).unwrap();
        assert_eq!(parsed.text, "\n\none\n\n\ntwo\n");
        assert_eq!(parsed.to_bytes(), note.as_bytes());
    }

    #[test]
    fn each_way_of_being_malformed_has_its_reason() {
        let cases: [(&[u8], NoteError); 17] = [
            (b"", NoteError::NoSignatures),
            (b"text\n", NoteError::NoSignatures),
            (b"text\n\n", NoteError::SignatureLine),
            (b"te\xffxt\n\n", NoteError::NotText),
            (b"te\txt\n\n", NoteError::NotText),
            (b"te\rxt\n\n", NoteError::NotText),
            (b"te\0xt\n\n", NoteError::NotText),
            ("t\n\n- key AAAAAAA=\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} key AAAAAAA=".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} key AAAAAA==\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} key AAAAAAB=\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} key AAAAAAA\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} key  AAAAAAA=\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} key AAAAAAA= \n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} k+y AAAAAAA=\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014} k\u{a0}y AAAAAAA=\n".as_bytes(), NoteError::SignatureLine),
            ("t\n\n\u{2014}  AAAAAAA=\n".as_bytes(), NoteError::SignatureLine),
        ];
        for (bytes, reason) in cases {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(SignedNote::parse(bytes), Err(reason), "{shown:?}");
        }
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let with = |lines: usize| format!("t\n\n{}", "\u{2014} key AAAAAAA=\n".repeat(lines));
        assert!(SignedNote::parse(with(SIGNATURES_MAX).as_bytes()).is_ok());
        assert_eq!(
            SignedNote::parse(with(SIGNATURES_MAX + 1).as_bytes()),
            Err(NoteError::TooManySignatures)
        );
        let tail = with(1);
        let long = format!("{}{tail}", "t".repeat(NOTE_BYTES_MAX - tail.len()));
        assert!(SignedNote::parse(long.as_bytes()).is_ok());
        assert_eq!(SignedNote::parse(format!("t{long}").as_bytes()), Err(NoteError::TooLong));
        assert!(is_key_name(&"k".repeat(KEY_NAME_BYTES_MAX)));
        assert!(!is_key_name(&"k".repeat(KEY_NAME_BYTES_MAX + 1)));
    }

    #[test]
    fn hostile_bytes_never_panic_and_what_is_read_is_written_back() {
        let good = SPECIFIED.as_bytes();
        for length in 0..good.len() {
            SignedNote::parse(&good[..length]).unwrap_err();
        }
        for at in 0..good.len() {
            for byte in [0, b'\n', b' ', b'+', b'A', 0x80, 0xe2, 0xff] {
                let mut bytes = good.to_vec();
                bytes[at] = byte;
                if let Ok(note) = SignedNote::parse(&bytes) {
                    assert_eq!(note.to_bytes(), bytes);
                }
            }
        }
    }
}
