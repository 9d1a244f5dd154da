//! Say how far the journal reaches and what is kept beside it, for a copy of both, and remember the
//! copy.

use crate::domain::retention::BackupMade;
use crate::history::rows::HistoryError;
use crate::node::command::{Outcome, PlannedBackup};
use crate::node::copy::read::Snapshot;
use crate::node::records;
use crate::node::turn::Turn;
use crate::wire::skeleton::BACKUPS_MAX;

/// Reads in the writer's turn, so that no record says more than the journal holds. The backup is
/// remembered before its first byte leaves, and itself carries that; those that were to be destroyed
/// by now are forgotten.
pub(super) fn decide(turn: &mut Turn<'_>, planned: PlannedBackup) -> Result<Outcome, HistoryError> {
    let setting = turn.setting;
    let PlannedBackup { from, keep_until } = planned;
    let size = setting.journal.next();
    let mut known = made(turn)?;
    known.retain(|it| turn.now < it.keep_until);
    known.push(BackupMade { from, to: size, made_at: turn.now, keep_until });
    let mut failed = None;
    let mut lost = |_: &[u8], error| failed = Some(error);
    let mut records = records::export(setting.store.as_ref(), &setting.directory(), &mut lost);
    if let Some(error) = failed {
        return Err(error);
    }
    let record = records::put_backups(setting.store.as_ref(), &mut turn.beside, &known)?;
    records.retain(|it| it.key != record.key);
    records.push(record);
    turn.backups = Some(known);
    let countersigned = setting.journal.countersigned()?;
    Ok(Outcome::Snapshot(Box::new(Snapshot { size, records, countersigned })))
}

fn made(turn: &Turn<'_>) -> Result<Vec<BackupMade>, HistoryError> {
    match &turn.backups {
        Some(known) => Ok(known.clone()),
        None => records::backups(turn.setting.store.as_ref()),
    }
}

/// The backups that still hold what came with the entry at `recorded`: those that are kept longest
/// first, as many as an entry names.
pub(super) fn holding(turn: &mut Turn<'_>, recorded: u64) -> Result<Vec<BackupMade>, HistoryError> {
    let known = made(turn)?;
    let mut holding: Vec<BackupMade> =
        known.iter().filter(|it| it.holds(recorded, turn.now)).copied().collect();
    turn.backups = Some(known);
    holding.sort_by_key(|it| std::cmp::Reverse((it.keep_until, it.made_at)));
    holding.truncate(BACKUPS_MAX);
    Ok(holding)
}
