//! Parts of the product without a node around them: what is read, signed, sealed, judged and shown.
//!
//! Much of it is held against what others published or compute (`tests/vectors/`, `tests/oracles/`).

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod alarm;
mod bad_files;
mod config;
mod directory;
mod grown;
mod journal;
mod law;
mod merkle_vectors;
mod oracles;
mod proto;
mod remains;
mod sealing;
mod tls;
