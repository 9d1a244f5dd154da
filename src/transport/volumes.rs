//! Volumes of journals, as operators see them: confirming a neighbour's, and what was lost of the own.

use tonic::Status;

use crate::domain::digest::Digest;
use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::ids::JournalName;
use crate::domain::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::domain::volume::VolumeFact;
use crate::history::{lost as lost_rows, message};
use crate::identity::principal::Principal;
use crate::node::command::{Call, Command, Outcome};
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::node::{content, proofs, records};
use crate::transport::status::EdgeReason;
use crate::transport::{caller, pages, status, views};
use crate::wire::{self, pb};

/// Confirms a volume; gives what is known of the one before.
///
/// # Errors
/// `NOT_FOUND` for a volume that the directory does not name as the one in use.
pub async fn confirm(
    writer: &Writer,
    principal: Principal,
    asked: pb::ConfirmVolumeRequest,
) -> Result<pb::ConfirmVolumeResponse, Status> {
    let setting = writer.setting();
    let journal: JournalName = caller::name("/journal", &asked.journal)?;
    let fingerprint = caller::fingerprint(setting, "ConfirmVolume", &asked);
    let call = Call { principal, key: key_of(&journal), fingerprint };
    let command = Command::ConfirmVolume { call, journal };
    let decided = writer.ask(command).await.map_err(status::of_rejection)?;
    let Outcome::Done(position) = decided else {
        return Err(status::of_failure(&"a confirmation came to something else"));
    };
    views::read(writer, move |setting| confirmed(setting, position)).await
}

/// The name of the call, for it has none of its caller's: the journal's, or its hash where that is too long.
fn key_of(journal: &JournalName) -> String {
    let key = format!("confirm {journal}");
    if key.len() <= IDEMPOTENCY_KEY_BYTES_MAX {
        return key;
    }
    Digest::of(key.as_bytes()).to_string()
}

fn confirmed(setting: &Setting, position: u64) -> Result<pb::ConfirmVolumeResponse, Status> {
    let receipt =
        proofs::statement(setting, position).map_err(|error| status::of_history(&error))?;
    let entry = wire::entry::read(&receipt.entry).map_err(|error| status::of_failure(&error))?;
    let Fact::Volume(VolumeFact::Confirmed { journal, witnessed, known }) = entry.fact else {
        return Err(status::of_failure(&"the entry of a confirmation is another"));
    };
    let directory = setting.directory();
    let volumes = directory.agency(journal.agency());
    let volumes = volumes.map(|it| it.journals.as_slice()).unwrap_or_default();
    let before = volumes.iter().take_while(|it| it.name != journal).last();
    Ok(pb::ConfirmVolumeResponse {
        before: before.map(|it| it.name.to_string()).unwrap_or_default(),
        witnessed,
        known: evidence(setting, known)?,
        receipt: Some(views::statement(receipt)),
    })
}

/// A checkpoint that is kept for good; empty if there is none.
fn evidence(setting: &Setting, hash: Option<Digest>) -> Result<Vec<u8>, Status> {
    let Some(hash) = hash else {
        return Ok(Vec::new());
    };
    let note = records::conflict(setting.store.as_ref(), &hash);
    Ok(note.map_err(|error| status::of_history(&error))?.unwrap_or_default())
}

/// What was lost with the volume before the one that is written.
///
/// # Errors
/// A token that is none, or a state that can't be read.
pub fn lost(
    setting: &Setting,
    asked: &pb::ListLostRequest,
) -> Result<pb::ListLostResponse, Status> {
    let broken = |error| status::of_history(&error);
    let size = pages::size(asked.page_size)?;
    let after = match asked.page_token.as_str() {
        "" => None,
        token => {
            let key = hex::decode(token).ok().and_then(|it| MessageKey::from_slice(&it));
            let text = "the page token is none of ours";
            Some(key.ok_or_else(|| status::of_edge(EdgeReason::CursorInvalid, text))?)
        }
    };
    let mut answer = opening(setting)?;
    let found = lost_rows::page(setting.store.as_ref(), after, size).map_err(broken)?;
    if let (true, Some((last, _))) = (found.len() == size, found.last()) {
        answer.next_page_token = hex::encode(last.as_bytes());
    }
    for (key, position) in found {
        answer.messages.extend(lost_message(setting, key, position)?);
    }
    Ok(answer)
}

/// What the first entry of the volume says of the one before.
fn opening(setting: &Setting) -> Result<pb::ListLostResponse, Status> {
    let mut answer = pb::ListLostResponse::default();
    let first = setting.journal.read(0, 1).map_err(|error| status::of_journal(&error))?;
    let Some(bytes) = first.first() else {
        return Ok(answer);
    };
    let entry = wire::entry::read(bytes).map_err(|error| status::of_failure(&error))?;
    if let Fact::Volume(VolumeFact::Opened { before, size, seen, shown, .. }) = entry.fact {
        answer.before = before.to_string();
        (answer.size, answer.seen) = (size, seen);
        answer.checkpoint = evidence(setting, shown)?;
    }
    Ok(answer)
}

fn lost_message(
    setting: &Setting,
    key: MessageKey,
    position: u64,
) -> Result<Option<pb::LostMessage>, Status> {
    let broken = |error| status::of_history(&error);
    let Some(shown) = content::statement(setting, position).map_err(broken)? else {
        return Ok(None);
    };
    let entry = wire::entry::read(&shown.entry).map_err(|error| status::of_failure(&error))?;
    let Some(reference) = entry.fact.message() else {
        return Ok(None);
    };
    let record = message::find(setting.store.as_ref(), key).map_err(broken)?;
    Ok(Some(pb::LostMessage {
        origin: reference.origin.to_string(),
        message_id: reference.message.to_string(),
        restated: record.is_some(),
        issuer: entry.journal.to_string(),
        station: entry.fact.station().map(|it| it.to_string()).unwrap_or_default(),
        shown: Some(views::statement(shown)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AGENCY_NAME_BYTES_MAX;

    #[test]
    fn a_confirmation_has_a_key_within_the_limit_whatever_the_journals_name() {
        let named = |name: &str, volume| {
            key_of(&JournalName::new(format!("int.{name}").parse().unwrap(), volume))
        };
        assert_eq!(named("hub", 2), "confirm int.hub/journal/2");
        let longest = "a".repeat(AGENCY_NAME_BYTES_MAX);
        let keys = [named(&longest, 2), named(&longest, 3)];
        assert!(keys.iter().all(|it| it.len() <= IDEMPOTENCY_KEY_BYTES_MAX), "{keys:?}");
        assert_ne!(keys[0], keys[1]);
    }
}
