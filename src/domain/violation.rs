//! What is wrong with a draft: all of it at once, each with its place.

/// One rule that a draft breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the field in the message file.
    pub pointer: String,
    /// The stable code, in UPPER_SNAKE_CASE.
    pub code: &'static str,
    /// What to tell the sender.
    pub text: String,
}
