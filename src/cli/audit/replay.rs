//! Prints the entries of a journal: what happened, when, about which message.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::domain::attachment::AttachmentRef;
use crate::domain::auditing::AuditFact;
use crate::domain::fact::{EntryParts, Fact};
use crate::domain::ids::AgencyId;
use crate::domain::misconduct::CutOffCause;
use crate::domain::reviewing::{ReviewFact, ReviewWord};
use crate::domain::volume::VolumeFact;
use crate::wire::{self, json, pb};

/// Prints the entries from `from` to `to`.
///
/// # Errors
/// What the node answers.
pub async fn run(line: &Line, from: u64, to: Option<u64>, output: &Output) -> Result<()> {
    let asked = pb::ReplayEntriesRequest { start: from, end: to.unwrap_or(0) };
    let mut entries = line.client.replay_entries(asked).await?;
    let mut stream = output.stream();
    while let Some(answer) = entries.next().await? {
        stream.push(|| to_json(&answer), || to_sheet(&answer, output))?;
    }
    stream.finish()?;
    output.note("judge the journal: rogatory audit verify");
    Ok(())
}

/// What an entry states, besides its name: about whom and what.
pub fn detail(fact: &Fact) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    if let Some(message) = fact.message() {
        fields.push(("origin", message.origin.to_string()));
        fields.push(("message", message.message.to_string()));
    }
    if let Some(handover) = fact.handover() {
        fields.push(("from", handover.from.to_string()));
        fields.push(("to", handover.to.to_string()));
        fields.push(("handover", handover.number.to_string()));
    }
    if let Some(reason) = fact.reason() {
        fields.push(("reason", reason.to_string()));
    }
    match fact {
        Fact::DirectoryAdopted { version, hash } => {
            fields.extend([("version", version.to_string()), ("hash", hash.to_string())]);
        }
        Fact::HandedOver { handover, .. } => {
            fields.push(("to", handover.to.to_string()));
            fields.push(("handover", handover.number.to_string()));
        }
        Fact::StatementRecorded { issuer, station, .. } => {
            fields.extend([("issuer", issuer.to_string()), ("station", station.to_string())]);
        }
        Fact::ConflictFound { journal, known, shown } => {
            let [known, shown] = [known, shown].map(ToString::to_string);
            fields.extend([("journal", journal.to_string()), ("known", known), ("shown", shown)]);
        }
        Fact::PeerCutOff { peer, refused, cause } => {
            fields.extend(of_cut_off(peer, *refused, *cause));
        }
        Fact::ContentErased { cause, .. } => fields.push(("cause", cause.to_string())),
        Fact::ErasureAsked { destination, cause, .. } => {
            fields.extend([("destination", destination.to_string()), ("cause", cause.to_string())]);
        }
        Fact::Submitted { header } => {
            fields.push(("destination", header.address.destination.to_string()));
        }
        Fact::Attachment(fact) => fields.extend(of_attachment(&fact.attachment)),
        Fact::Audit(fact) => fields.extend(of_audit(fact)),
        Fact::Draft(fact) => fields.push(("draft", fact.draft().to_string())),
        Fact::Volume(fact) => fields.extend(of_volume(fact)),
        Fact::Review(fact) => fields.extend(of_review(fact)),
        Fact::JournalOpened
        | Fact::TakenOver { .. }
        | Fact::Delivered { .. }
        | Fact::NotTaken { .. }
        | Fact::Returned { .. }
        | Fact::Undelivered { .. }
        | Fact::SetAside { .. }
        | Fact::WayChosen { .. }
        | Fact::Claimed { .. }
        | Fact::Released { .. }
        | Fact::Read { .. }
        | Fact::Acknowledged { .. }
        | Fact::OrderWaitEnded { .. }
        | Fact::DeadlineNoted
        | Fact::AccessGranted
        | Fact::AccessRevoked
        | Fact::TransmissionRefused
        | Fact::ErasureRefused { .. }
        | Fact::HoldPlaced
        | Fact::HoldReleased
        | Fact::RetentionEnded
        | Fact::ReviewSet
        | Fact::RetentionReviewed
        | Fact::AlarmRaised { .. }
        | Fact::Escalated { .. } => {}
    }
    fields
}

/// What a fact about an attachment states of it.
fn of_attachment(attachment: &AttachmentRef) -> [(&'static str, String); 3] {
    let AttachmentRef { message: _, number, sealed, bytes } = attachment;
    [
        ("attachment", number.to_string()),
        ("sealed", sealed.to_string()),
        ("bytes", bytes.to_string()),
    ]
}

/// What a word of a reviewing transit states besides the message.
fn of_review(fact: &ReviewFact) -> Option<(&'static str, String)> {
    match fact.word {
        ReviewWord::Annotated(remark) => Some(("remark", remark.to_string())),
        ReviewWord::Released => None,
    }
}

/// Which peer was cut off, and for what.
fn of_cut_off(
    peer: &AgencyId,
    refused: u32,
    cause: Option<CutOffCause>,
) -> Vec<(&'static str, String)> {
    let told = [("peer", peer.to_string()), ("refused", refused.to_string())];
    told.into_iter().chain(cause.map(|it| ("cause", it.to_string()))).collect()
}

/// What a fact about auditors states.
fn of_audit(fact: &AuditFact) -> Vec<(&'static str, String)> {
    match fact {
        AuditFact::JournalRead { from, to } => {
            vec![("from", from.to_string()), ("to", to.to_string())]
        }
        AuditFact::Granted
        | AuditFact::Revoked
        | AuditFact::ContentRead { .. }
        | AuditFact::SealedRead { .. } => Vec::new(),
    }
}

/// What a fact about volumes states.
fn of_volume(fact: &VolumeFact) -> Vec<(&'static str, String)> {
    match fact {
        VolumeFact::Opened { before, size, seen, shown, unasked } => {
            let unasked: Vec<&str> = unasked.iter().map(AgencyId::as_str).collect();
            let mut fields = vec![
                ("before", before.to_string()),
                ("size", size.to_string()),
                ("seen", seen.to_string()),
            ];
            fields.extend(shown.map(|it| ("shown", it.to_string())));
            fields.extend((!unasked.is_empty()).then(|| ("unasked", unasked.join(" "))));
            fields
        }
        VolumeFact::Confirmed { journal, witnessed, known } => {
            let mut fields =
                vec![("journal", journal.to_string()), ("witnessed", witnessed.to_string())];
            fields.extend(known.map(|it| ("known", it.to_string())));
            fields
        }
        VolumeFact::Missed { issuer, entry, .. } => {
            vec![("issuer", issuer.to_string()), ("entry", entry.to_string())]
        }
        VolumeFact::TakenBack { .. } => Vec::new(),
    }
}

/// An entry for programs.
pub fn entry_json(entry: &EntryParts) -> Value {
    let mut object = json!({
        "fact": entry.fact.name(),
        "journal": entry.journal.to_string(),
        "recorded_at": entry.recorded_at.to_string(),
        "directory_version": entry.directory_version,
    });
    if let Value::Object(object) = &mut object {
        let fields = detail(&entry.fact).into_iter();
        object.extend(fields.map(|(name, value)| (name.to_owned(), Value::String(value))));
    }
    object
}

/// The API's message, with the entry read beside its bytes and the skeleton as an object.
pub(super) fn to_json(answer: &pb::ReplayEntriesResponse) -> Value {
    let mut object = json::from_message(answer);
    if let (Value::Object(object), Ok(entry)) = (&mut object, wire::entry::read(&answer.entry)) {
        object.insert("states".to_owned(), entry_json(&entry));
    }
    object
}

/// A line for people.
pub(super) fn to_sheet(answer: &pb::ReplayEntriesResponse, output: &Output) -> Sheet {
    let index = answer.index.to_string();
    match wire::entry::read(&answer.entry) {
        Ok(entry) => {
            let detail = detail(&entry.fact).into_iter().map(|(name, it)| format!("{name}={it}"));
            Sheet::new().row([
                index,
                output.times().exact(entry.recorded_at),
                entry.fact.name().to_owned(),
                detail.collect::<Vec<_>>().join(" "),
                answer.skeleton_json.clone(),
            ])
        }
        Err(error) => Sheet::new().row([index, format!("MALFORMED: {error}")]),
    }
}
