//! Note a deadline that falls due soon or has passed.

use crate::domain::fact::Fact;
use crate::history::dues::{self, DueKey};
use crate::history::rows::HistoryError;
use crate::node::command::Outcome;
use crate::node::turn::Turn;
use crate::wire::skeleton::{NotedDeadline, Skeleton};

/// Notes the stage that a deadline has reached, if it is still owed and that is not noted yet.
pub(super) fn decide(turn: &mut Turn<'_>, due: DueKey) -> Result<Outcome, HistoryError> {
    let open = dues::find(&turn.rows, &due)?;
    let Some(stage) = open.and_then(|it| it.to_note(turn.now)) else {
        return Ok(Outcome::Unchanged);
    };
    let DueKey { request, party, obligation, owner } = due;
    let deadline = Some(NotedDeadline { request, party, obligation, owner, stage });
    let skeleton = Skeleton { deadline, ..Skeleton::default() };
    Ok(Outcome::Done(turn.record(Fact::DeadlineNoted, skeleton)?))
}
