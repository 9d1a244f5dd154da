//! What the law says about a message: judged on its content, before it is sealed.
//!
//! In comes a typed message and the kind and act that it claims; out goes what is missing or wrong,
//! each by its place. Nothing here reads a file, a clock or a random source, and nothing repeats
//! what the sender wrote.

pub mod blocks;
mod places;
