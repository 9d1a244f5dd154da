//! C2SP tlog-proof: an entry's place in a journal, provable without asking anyone. With the
//! entry's bytes beside it, this is a receipt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{
    CheckpointError, SignedCheckpoint, hash_from_text, hash_to_text, number_from_text,
    verify_checkpoint,
};
use super::note::NOTE_BYTES_MAX;
use super::proof::{PROOF_HASHES_MAX, ProofError, verify_inclusion};
use super::tree::leaf_hash;
use crate::domain::digest::Digest;

/// Longest proof, in bytes: checkpoint, hashes, and room for an `extra` line.
pub const TLOG_PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + 8 * 1024;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const EXTRA_PREFIX: &str = "extra ";
const INDEX_PREFIX: &str = "index ";

/// Why bytes are not a receipt, or do not prove what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Longer than [`TLOG_PROOF_BYTES_MAX`].
    #[error("the proof is longer than {TLOG_PROOF_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the proof is not text")]
    NotText,
    /// The first line is not that of a tlog-proof.
    #[error("the proof has another header")]
    Header,
    /// The `extra` line is not base64.
    #[error("the extra line is malformed")]
    Extra,
    /// The `index` line is missing or malformed.
    #[error("the index is malformed")]
    Index,
    /// A line is not the base64 form of a hash.
    #[error("a hash is malformed")]
    Hash,
    /// More than [`PROOF_HASHES_MAX`] hashes.
    #[error("the proof has more than {PROOF_HASHES_MAX} hashes")]
    TooManyHashes,
    /// It ends before the empty line that the checkpoint follows.
    #[error("the proof has no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is not a good one of that journal.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not at that place under the checkpoint.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

/// Where an entry stands, the path to the root, and the checkpoint that signs the root.
///
/// The `extra` line of the format is read and dropped, and never written: nothing signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Index of the entry in the journal, from 0.
    pub index: u64,
    /// Inclusion proof, the leaf's sibling first.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint as received.
    pub checkpoint: Vec<u8>,
}

impl TlogProof {
    /// Reads a proof. Nothing is verified here, and the checkpoint is not looked into.
    ///
    /// # Errors
    /// Names the first rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > TLOG_PROOF_BYTES_MAX {
            return Err(ReceiptError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ReceiptError::NotText)?;
        let (header, mut rest) = text.split_once('\n').ok_or(ReceiptError::Header)?;
        if header != HEADER {
            return Err(ReceiptError::Header);
        }
        if let Some(extra) = rest.strip_prefix(EXTRA_PREFIX) {
            let (extra, after) = extra.split_once('\n').ok_or(ReceiptError::Extra)?;
            STANDARD.decode(extra).map_err(|_| ReceiptError::Extra)?;
            rest = after;
        }
        let (index, mut rest) = rest.split_once('\n').ok_or(ReceiptError::Index)?;
        let index = index
            .strip_prefix(INDEX_PREFIX)
            .and_then(number_from_text)
            .ok_or(ReceiptError::Index)?;
        let mut hashes = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(ReceiptError::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(ReceiptError::TooManyHashes);
            }
            hashes.push(hash_from_text(line).ok_or(ReceiptError::Hash)?);
        }
        Ok(Self { index, hashes, checkpoint: rest.as_bytes().to_vec() })
    }

    /// The proof as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n{INDEX_PREFIX}{}\n", self.index);
        for hash in &self.hashes {
            text.push_str(&hash_to_text(hash));
            text.push('\n');
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint].concat()
    }

    /// Verifies that `entry` stands at `index` in the journal `origin`, under a checkpoint that
    /// the journal's key has signed. What the entry says, and whether the key still counts at that
    /// size, is the caller's to judge; cosignatures are verified on what is returned.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn verify(
        &self,
        entry: &[u8],
        origin: &str,
        public: &[u8; 32],
    ) -> Result<SignedCheckpoint, ReceiptError> {
        let signed = verify_checkpoint(&self.checkpoint, origin, public)?;
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        verify_inclusion(&leaf_hash(entry), self.index, size, &self.hashes, &root)?;
        Ok(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::{Checkpoint, sign_checkpoint};
    use super::super::proof::prove_inclusion;
    use super::super::signature::Ed25519Signer;
    use super::super::tree::tests::Grown;
    use super::*;
    use crate::redact::Secret;

    const ORIGIN: &str = "ita.coast-guard/journal/1";

    fn key() -> Ed25519Signer {
        Ed25519Signer::from_seed(&Secret::new([5; 32]))
    }

    fn receipt(index: u64, size: u64) -> TlogProof {
        let tree = Grown::of(size);
        let root = tree.frontier.root();
        TlogProof {
            index,
            hashes: prove_inclusion(&tree, index, size).unwrap(),
            checkpoint: sign_checkpoint(
                &Checkpoint { origin: ORIGIN.to_owned(), size, root },
                &key(),
            ),
        }
    }

    #[test]
    fn a_receipt_proves_its_entry_and_no_other() {
        for index in 0..11 {
            let bytes = receipt(index, 11).to_bytes();
            let proof = TlogProof::parse(&bytes).unwrap();
            assert_eq!(proof.to_bytes(), bytes);
            let signed = proof.verify(&index.to_be_bytes(), ORIGIN, &key().public()).unwrap();
            assert_eq!(signed.checkpoint.size, 11);
            let other = index + 1;
            assert_eq!(
                proof.verify(&other.to_be_bytes(), ORIGIN, &key().public()),
                Err(ReceiptError::Inclusion(ProofError::Root))
            );
            assert_eq!(
                proof.verify(&index.to_be_bytes(), "mlt.police/journal/1", &key().public()),
                Err(ReceiptError::Checkpoint(CheckpointError::OtherOrigin))
            );
        }
    }

    #[test]
    fn every_flipped_bit_of_a_receipt_is_refused() {
        let entry = 6_u64.to_be_bytes();
        let bytes = receipt(6, 11).to_bytes();
        let public = key().public();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let taken =
                    TlogProof::parse(&changed).and_then(|it| it.verify(&entry, ORIGIN, &public));
                assert!(taken.is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn the_extra_line_is_read_and_dropped() {
        let proof = receipt(0, 1);
        let text = String::from_utf8(proof.to_bytes()).unwrap();
        let with = |extra: &str| text.replacen("index", &format!("{extra}index"), 1);
        assert_eq!(TlogProof::parse(with("extra AAAA\n").as_bytes()), Ok(proof));
        assert_eq!(TlogProof::parse(with("extra AAA\n").as_bytes()), Err(ReceiptError::Extra));
        assert_eq!(
            TlogProof::parse(with("extra AAAA\nextra AAAA\n").as_bytes()),
            Err(ReceiptError::Index)
        );
    }

    #[test]
    fn malformed_proofs_are_refused_with_their_reason() {
        let hash = hash_to_text(&Digest::of(b"hash"));
        let head = format!("{HEADER}\nindex 5\n");
        let most = format!("{head}{}\n", format!("{hash}\n").repeat(PROOF_HASHES_MAX));
        assert_eq!(TlogProof::parse(most.as_bytes()).unwrap().hashes.len(), PROOF_HASHES_MAX);
        for (text, reason) in [
            (String::new(), ReceiptError::Header),
            ("c2sp.org/tlog-proof@v2\n".to_owned(), ReceiptError::Header),
            (format!("{HEADER}\nextra AAAA"), ReceiptError::Extra),
            (format!("{HEADER}\n\n"), ReceiptError::Index),
            (format!("{HEADER}\nindex 5"), ReceiptError::Index),
            (format!("{HEADER}\nindex 05\n\n"), ReceiptError::Index),
            (format!("{HEADER}\nindex  5\n\n"), ReceiptError::Index),
            (format!("{HEADER}\nindex 18446744073709551616\n\n"), ReceiptError::Index),
            (format!("{head}AAAA\n\n"), ReceiptError::Hash),
            (format!("{head}{hash}\r\n\n"), ReceiptError::Hash),
            (head.clone(), ReceiptError::NoCheckpoint),
            (format!("{head}{hash}\n"), ReceiptError::NoCheckpoint),
            (
                format!("{head}{}\n", format!("{hash}\n").repeat(PROOF_HASHES_MAX + 1)),
                ReceiptError::TooManyHashes,
            ),
            (format!("{head}\n{}", "x".repeat(TLOG_PROOF_BYTES_MAX)), ReceiptError::TooLong),
        ] {
            assert_eq!(TlogProof::parse(text.as_bytes()), Err(reason), "{text:.60?}");
        }
        assert_eq!(TlogProof::parse(b"\xff\n"), Err(ReceiptError::NotText));
    }

    #[test]
    fn truncated_receipts_never_verify() {
        let bytes = receipt(6, 11).to_bytes();
        let public = key().public();
        for length in 0..bytes.len() {
            let taken = TlogProof::parse(&bytes[..length])
                .and_then(|it| it.verify(&6_u64.to_be_bytes(), ORIGIN, &public));
            assert!(taken.is_err(), "{length} bytes");
        }
    }
}
