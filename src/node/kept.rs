//! All that lies here of one message, as one value: what a check looks at and a copy carries.

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::header::Header;
use crate::history::message::{Custody, MessageRecord, Part};

/// The parts of a message as they lie in the store; one that is not here is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The key wraps as they travel.
    #[serde(with = "serde_bytes")]
    pub wraps: Option<Vec<u8>>,
    /// The sealed particulars.
    #[serde(with = "serde_bytes")]
    pub particulars: Option<Vec<u8>>,
    /// The sealed content.
    #[serde(with = "serde_bytes")]
    pub content: Option<Vec<u8>>,
    /// The origin's statement as it came with the message.
    #[serde(with = "serde_bytes")]
    pub origin: Option<Vec<u8>>,
    /// The content key as it rests.
    #[serde(with = "serde_bytes")]
    pub stored_key: Option<Vec<u8>>,
}

/// What is wrong with what is kept of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptFault {
    /// A part is not the one that the header names by its hash.
    #[error("the {0} are not the ones that its entry names")]
    Differs(&'static str),
    /// A part that must be here is not.
    #[error("the {0} are missing")]
    Missing(&'static str),
}

impl Kept {
    /// True if nothing is here.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Holds the sealed parts that are here against the hashes of the header.
    ///
    /// # Errors
    /// [`KeptFault::Differs`] with the first part that is another one.
    pub fn check(&self, header: &Header) -> Result<(), KeptFault> {
        let digests = &header.digests;
        let parts = [
            ("key wraps", &self.wraps, digests.wraps),
            ("sealed particulars", &self.particulars, digests.particulars),
            ("sealed content bytes", &self.content, digests.content),
        ];
        for (name, part, digest) in parts {
            if part.as_ref().is_some_and(|it| Digest::of(it) != digest) {
                return Err(KeptFault::Differs(name));
            }
        }
        Ok(())
    }

    /// Whether everything is here that must be, by what the node is for the message. Whoever sent
    /// or received it keeps it; a transit keeps it only until the next hop has it.
    ///
    /// # Errors
    /// [`KeptFault::Missing`] with the first part that is not here.
    pub fn check_whole(&self, record: &MessageRecord) -> Result<(), KeptFault> {
        let must = match (record.part, &record.custody) {
            _ if record.erased.is_some() => false,
            (Part::Origin | Part::Destination, _) => true,
            (Part::Transit, Custody::PassedOn | Custody::Ended { .. }) => false,
            (
                Part::Transit,
                Custody::Waiting { .. }
                | Custody::InDoubt { .. }
                | Custody::SetAside { .. }
                | Custody::UnderReview
                | Custody::Held,
            ) => true,
        };
        let parts = [
            ("key wraps", self.wraps.is_none()),
            ("sealed particulars", self.particulars.is_none()),
            ("sealed content bytes", self.content.is_none()),
        ];
        match parts.into_iter().find(|(_, is_missing)| *is_missing) {
            Some((name, _)) if must => Err(KeptFault::Missing(name)),
            Some(_) | None => Ok(()),
        }
    }
}
