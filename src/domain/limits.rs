//! Sizes and times that every node of a network agrees on, each with its unit in the name.

/// Largest content of one message before sealing, in bytes.
pub const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// Largest particulars of one message before sealing, in bytes.
pub const PARTICULARS_BYTES_MAX: usize = 8 * 1024;
/// Largest header in its canonical form, in bytes.
pub const HEADER_BYTES_MAX: usize = 1024;
/// Largest entry of a journal, in bytes; C2SP tlog-tiles would allow 65,535.
pub const ENTRY_BYTES_MAX: usize = 3840;
/// Largest envelope on the wire, in bytes: content, padding, seals and proof.
pub const ENVELOPE_BYTES_MAX: usize = 1536 * 1024;
/// Most attachments of one message.
pub const ATTACHMENTS_MAX: usize = 16;
/// Most contact points that one message may name.
pub const RECIPIENTS_MAX: usize = 12;
/// Longest note of a reviewing transit about a message, in bytes.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Most reviewing transits to which one message is sealed besides its destination.
pub const READERS_MAX: usize = 3;
/// Most agencies that a message names as those that have had it.
pub const TRAIL_MAX: usize = 16;
/// Most items that one act may name.
pub const ITEMS_MAX: usize = 16;
/// Most times that one message may set for what is owed.
pub const STATED_DUES_MAX: usize = 6;
/// Most States that one consent may name.
pub const CONSENT_STATES_MAX: usize = 16;
/// Hops that a message may take from origin to destination when nothing else is said.
pub const HOP_LIMIT_DEFAULT: u32 = 8;
/// Most hops that a header may allow.
pub const HOP_LIMIT_MAX: u32 = 32;
/// Clocks of two honest nodes differ by at most this, in milliseconds.
pub const CLOCK_SKEW_MS_MAX: i64 = 120_000;
/// Life of a message when its sender does not say, in milliseconds (7 days).
pub const EXPIRY_MS_DEFAULT: i64 = 7 * 24 * 3600 * 1000;
/// Longest life of a message, in milliseconds (90 days).
pub const EXPIRY_MS_MAX: i64 = 90 * 24 * 3600 * 1000;
/// Longest lease of a claim, in milliseconds (8 hours).
pub const LEASE_MS_MAX: i64 = 8 * 3600 * 1000;
/// Longest idempotency key of a call, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 64;
