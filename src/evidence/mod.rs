//! What a third party needs to check what a journal says: bytes in, verdict out, no network.
//!
//! `statement` checks one entry under one checkpoint: the form of every receipt and every proof of
//! origin. `replay` checks a whole journal: that its entries make up the tree whose root was
//! signed, that they are well formed, and that the statements of other journals which it claims to
//! have recorded exist and verify. `original` checks a request that a wrong authority hands on. Nodes, the command line and auditors use the same code.
//!
//! **Invariant `offline`:** this room uses Ground and Forms only, so it provably opens no file and
//! no connection. Trust comes from a directory that the caller gives.

pub mod original;
pub mod replay;
pub mod statement;
