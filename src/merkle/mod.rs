//! The verifiable log: a tree over entries, texts that are signed, proofs that anyone can check.
//!
//! What comes in is the bytes of entries, hashes that the journal keeps, keys, and texts from
//! peers that may be hostile. What goes out is roots, proofs, signed bytes and verdicts. Nothing
//! here reads a store, a clock or a random source; ML-DSA signing alone draws its randomness from
//! the cryptographic library.
//!
//! The tree is that of RFC 6962 (the same as RFC 9162) with SHA-256. The texts are those of C2SP,
//! so that any tool of that family can check them: signed-note v1.0.0 (`note`, `vkey`), tlog-checkpoint
//! v1.0.0 (`checkpoint`), tlog-cosignature v1.1.0-rc.1 (`cosignature`), tlog-proof (`receipt`),
//! tlog-tiles (`tile`) and the rules of tlog-witness v1.0.0 (`witness`).
//!
//! Invariants: every parser takes any bytes, never panics, and holds to a named limit; what it
//! accepts it writes back byte for byte (but for the `extra` line of a proof). A verifier works on
//! the bytes received, never on rebuilt ones. A known key whose signature fails condemns the text.
//!
//! Left to others: keeping hashes and checkpoints durably (`journal/`), which key belongs to whom
//! (`directory/`), what an entry says (`wire/`), whom to believe (`evidence/` and `node/`).

pub mod checkpoint;
pub mod cosignature;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod signature;
pub mod tile;
pub mod tree;
pub mod vkey;
pub mod witness;
