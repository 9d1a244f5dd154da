//! Say how far the journal reaches and what is kept beside it, for a copy of both.

use crate::history::rows::HistoryError;
use crate::node::command::Outcome;
use crate::node::copy::read::Snapshot;
use crate::node::records;
use crate::node::turn::Turn;

/// Reads in the writer's turn, so that no record says more than the journal holds.
pub(super) fn decide(turn: &Turn<'_>) -> Result<Outcome, HistoryError> {
    let setting = turn.setting;
    let mut failed = None;
    let mut lost = |_: &[u8], error| failed = Some(error);
    let records = records::export(setting.store.as_ref(), &setting.directory, &mut lost);
    match failed {
        Some(error) => Err(error),
        None => Ok(Outcome::Snapshot(Box::new(Snapshot {
            size: setting.journal.next(),
            records,
            countersigned: setting.journal.countersigned()?,
        }))),
    }
}
