//! The stations of a message on its way.

use std::fmt;

/// What some node states about a message, in the order in which it can happen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Station {
    /// The origin holds it durably and owes its delivery.
    Accepted,
    /// A transit took it over.
    Relayed,
    /// The destination took it over.
    Delivered,
    /// Somebody at the destination read its content for the first time.
    Retrieved,
    /// A hop refused it for good: not taken, never will be.
    NotTaken,
    /// The hop that had custody gave its copy up.
    Returned,
    /// The origin states that it was not delivered and never will be.
    Undelivered,
    /// The origin asks that what the message said is erased.
    ErasureAsked,
    /// Who sent or received it erased what it said.
    Erased,
    /// The destination was asked to erase it, and keeps it.
    ErasureRefused,
}

impl Station {
    /// The station's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
            Self::Retrieved => "retrieved",
            Self::NotTaken => "not_taken",
            Self::Returned => "returned",
            Self::Undelivered => "undelivered",
            Self::ErasureAsked => "erasure_asked",
            Self::Erased => "erased",
            Self::ErasureRefused => "erasure_refused",
        }
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
