//! Rings for the alarms that stand in the journal, each once, in their order, also after a restart.

use std::time::Duration;

use crate::history::alarms::{self, Ring};
use crate::history::message::{self, Part};
use crate::history::rows::HistoryError;
use crate::node::command::Command;
use crate::node::records;
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::transport::Tasks;
use crate::transport::alarm::{AlarmCause, AlarmEvent, AlarmHook};

/// Alarms are looked for so often.
const INTERVAL: Duration = Duration::from_millis(500);
/// An alarm that could not be rung is tried again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// An alarm is tried so often; then the traces and the metrics have to do.
const ATTEMPTS_MAX: u32 = 10;
/// Alarms looked at in one round.
const ROUND: usize = 32;

/// Rings until told to stop.
pub(super) async fn ring(writer: Writer, hook: AlarmHook, tasks: Tasks) {
    let mut attempts = 0;
    loop {
        let mut pause = INTERVAL;
        match due(writer.setting()) {
            Ok(events) => {
                for (position, event) in events {
                    let rung = tokio::select! {
                        rung = hook.ring(&event) => rung,
                        () = tasks.stopping() => return,
                    };
                    attempts += 1;
                    if rung.is_err() && attempts < ATTEMPTS_MAX {
                        pause = AGAIN_AFTER;
                        break;
                    }
                    if rung.is_err() {
                        tracing::error!(id = event.id, "an alarm could not be rung");
                    }
                    attempts = 0;
                    if writer.ask(Command::RecordRung { position }).await.is_err() {
                        break;
                    }
                }
            }
            Err(error) => tracing::error!(%error, "alarms could not be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = tasks.stopping() => return,
        }
    }
}

/// What is to be rung, with the position of its entry.
fn due(setting: &Setting) -> Result<Vec<(u64, AlarmEvent)>, HistoryError> {
    let rows = setting.store.as_ref();
    let mut events = Vec::new();
    for (position, ring) in alarms::rings(rows, records::rung(rows)?, ROUND)? {
        let missing = HistoryError::Damaged { what: "message of an alarm" };
        let record = message::find(rows, ring.message)?.ok_or(missing)?;
        events.push((
            position,
            event(record.header()?.address.message.to_string(), record.part, &ring),
        ));
    }
    Ok(events)
}

fn event(id: String, part: Part, ring: &Ring) -> AlarmEvent {
    let cause = match part {
        Part::Origin | Part::Transit | Part::Destination if ring.escalated => AlarmCause::Escalated,
        Part::Transit => AlarmCause::HeldForReview,
        Part::Origin | Part::Destination => AlarmCause::UnclaimedImmediateMessage,
    };
    AlarmEvent {
        id,
        event: cause,
        contact_point: ring.desk.to_string(),
        sequence: ring.place,
        exercise: ring.exercise,
        at: ring.at,
    }
}
