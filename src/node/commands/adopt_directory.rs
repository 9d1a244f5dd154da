//! Follow another directory from here on.

use std::sync::Arc;

use crate::directory::Directory;
use crate::domain::fact::Fact;
use crate::history::directories;
use crate::history::rows::HistoryError;
use crate::node::command::Outcome;
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// Whoever gives a directory has verified it. It is an entry, and in force once that is durable.
/// While the end of the journal is in doubt it is followed without one: the entry is made when the
/// doubt ends.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    directory: Arc<Directory>,
) -> Result<Outcome, HistoryError> {
    let (version, hash) = (directory.version(), directory.hash());
    // Whoever is no neighbour from here on may know what the others don't.
    let near = turn.setting.directory().neighbours(&turn.setting.agency);
    if let Some(recovery) = turn.recovery.as_mut() {
        recovery.note(turn.setting, near.clone())?;
        recovery.under(turn.setting, &directory.neighbours(&turn.setting.agency))?;
        recovery.put(turn.setting.store.as_ref(), &mut turn.beside)?;
    }
    if let Some(doubt) = turn.doubt.as_mut() {
        doubt.note(near);
        doubt.put(turn.setting.store.as_ref(), &mut turn.beside)?;
    }
    turn.adopted = Some(directory);
    let known = directories::latest(&turn.rows)? == Some((version, hash));
    if known || turn.doubt.is_some() {
        return Ok(Outcome::Unchanged);
    }
    let fact = Fact::DirectoryAdopted { version, hash };
    Ok(Outcome::Done(turn.record(fact, Skeleton::default())?))
}
