//! Comes back to what is due: messages to conclude or to send another way, expiries, waits that end,
//! deadlines, alarms, content that was kept long enough, drafts that nobody approved.

use crate::domain::header::MessageKey;
use crate::domain::retention::Honour;
use crate::history::message::{self, Custody, Part};
use crate::history::rows::HistoryError;
use crate::history::{agenda, alarms, attachments, drafts, dues, erasures, holds, lost, note_ends};
use crate::node::attachments::upload::{self, Upload};
use crate::node::command::Command;
use crate::node::doubt::Doubt;
use crate::node::duties::detours;
use crate::node::reach::Ending;
use crate::node::recovery::{self, Recovery};
use crate::node::setting::Setting;
use crate::node::ways;

/// Messages looked at in one round.
const ROUND: usize = 256;

/// The commands that are due now; none while the end of the journal is in doubt. Each is judged
/// again in its turn.
pub fn commands(setting: &Setting) -> Result<Vec<Command>, HistoryError> {
    let rows = setting.store.as_ref();
    let recovery = Recovery::of(rows)?;
    if Doubt::of(rows)?.is_some() || recovery.as_ref().is_some_and(|it| !it.settled) {
        return Ok(Vec::new());
    }
    let mut commands = Vec::new();
    for (message, _) in ending(setting, recovery.is_some(), Ending::Refused)? {
        commands.push(Command::Conclude { message });
    }
    if recovery::has_asked_all(setting)? {
        let lost = lost::on_the_way(rows, ROUND)?.into_iter();
        commands.extend(lost.map(|message| Command::Conclude { message }));
    }
    let now = setting.clock.now();
    for (message, part) in ending(setting, recovery.is_some(), Ending::Expired)? {
        commands.push(match part {
            Part::Destination => Command::EndOrderWait { message },
            Part::Origin | Part::Transit => Command::Conclude { message },
        });
    }
    let mut detours = detours::possible(setting)?;
    detours.extend(detours::words(setting)?);
    if !detours.is_empty() {
        commands.push(Command::Detour { messages: detours });
    }
    for message in attachments::ended(rows, now, ROUND)? {
        commands.push(Command::EndAttachments { message });
    }
    for due in dues::to_note(rows, now, ROUND)? {
        commands.push(Command::NoteDeadline { due });
    }
    for due in dues::retentions(rows, now, ROUND)? {
        if holds::placed(rows, due.request)?.is_none() {
            commands.push(Command::EndRetention { due });
        }
    }
    commands.extend(own_notes(setting)?);
    let erases = setting.policy.honour == Honour::AtOnce;
    for message in erasures::to_do(rows, erases, ROUND)? {
        commands.push(Command::HonourErasure { message });
    }
    for file in upload::expired(setting, now, ROUND)? {
        commands.push(Command::Upload(Upload::Expire(file)));
    }
    commands.extend(to_ask(setting)?);
    for draft in drafts::ended(rows, now, ROUND)? {
        commands.push(Command::ExpireDraft { draft });
    }
    let until = now.plus_millis(-setting.policy.unclaimed_after_ms);
    for message in alarms::unclaimed(rows, until, ROUND)? {
        commands.push(Command::Alarm { message });
    }
    Ok(commands)
}

/// Messages that end here now, as far as nobody may have them who is still asked. What somebody may have is
/// passed over, and the next round goes on behind it: however much there is of it, it holds up nothing else.
fn ending(
    setting: &Setting,
    asks: bool,
    list: Ending,
) -> Result<Vec<(MessageKey, Part)>, HistoryError> {
    let (rows, now) = (setting.store.as_ref(), setting.clock.now());
    let from = setting.reach.passed_over(list).filter(|_| asks);
    let placed = match list {
        Ending::Refused => {
            let from = from.as_deref().and_then(MessageKey::from_slice);
            let found = agenda::unconcluded_after(rows, from, ROUND)?.into_iter();
            found.map(|it| (it.as_bytes().to_vec(), it)).collect()
        }
        Ending::Expired => agenda::expired_after(rows, now, from.as_ref(), ROUND)?,
    };
    let is_full = placed.len() == ROUND;
    let last = placed.last().map(|(place, _)| place.clone()).filter(|_| is_full && asks);
    setting.reach.pass_over(list, last);
    let mut found = Vec::new();
    for (_, message) in placed {
        let Some(record) = message::find(rows, message)? else {
            continue;
        };
        // What has another way goes by that.
        let waits = asks
            && recovery::is_asked_about(setting, &record)
            && ways::anew(setting, rows, (message, &record))?.is_none();
        if !waits {
            found.push((message, record.part));
        }
    }
    Ok(found)
}

/// Own notes about messages that were kept for long enough.
fn own_notes(setting: &Setting) -> Result<Vec<Command>, HistoryError> {
    let rows = setting.store.as_ref();
    let mut commands = Vec::new();
    for note in note_ends::ended(rows, setting.clock.now(), ROUND)? {
        if let Some(record) = message::find(rows, note)?
            && holds::of_message(rows, &record)?.is_none()
        {
            commands.push(Command::EndNote { note });
        }
    }
    Ok(commands)
}

/// Erasures of which the other side hears once there is a way to it.
fn to_ask(setting: &Setting) -> Result<Vec<Command>, HistoryError> {
    let rows = setting.store.as_ref();
    let mut commands = Vec::new();
    for (message, _) in erasures::to_ask(rows, ROUND)? {
        let Some(record) = message::find(rows, message)? else {
            continue;
        };
        // A request that is passed on may still be on its way there.
        let left = record.custody == Custody::PassedOn;
        if left && setting.way_of_word(&record.header()?.address).is_some() {
            commands.push(Command::AskErasure { message });
        }
    }
    Ok(commands)
}
