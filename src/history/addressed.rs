//! By which competence messages of this agency were addressed, and which directory said who that is.
//! Most messages name contact points, and have no row.

use serde::{Deserialize, Serialize};

use crate::domain::competence::Competence;
use crate::domain::header::MessageKey;
use crate::history::by_message::ByMessage;
use crate::history::rows::Working;
use crate::history::{Opened, table};

/// How a message came to its contact point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressed {
    /// The competence that its sender named.
    pub competence: Competence,
    /// Version of the directory by which its contact point was competent.
    pub directory_version: u64,
}

/// Those of all messages that were addressed by a competence.
pub const ROWS: ByMessage<Addressed> = ByMessage::of(table::ADDRESSED, "competence of a message");

/// Keeps the competence that an entry names, with the directory that was followed when it was made.
pub(super) fn put(rows: &mut Working<'_>, message: MessageKey, opened: &Opened) {
    if let Some(competence) = opened.skeleton.competence {
        let directory_version = opened.entry.directory_version;
        ROWS.put(rows, message, &Addressed { competence, directory_version });
    }
}
