//! What an entry states, fact by fact.

use crate::domain::auditing::AuditFact;
use crate::domain::digest::Digest;
use crate::domain::fact::{Fact, Handover, MessageRef, Reason};
use crate::domain::header::{Header, OrderToken};
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::retention::ErasureCause;
use crate::domain::reviewing::Remark;
use crate::domain::station::{Carried, Station};
use crate::wire::header::{read_header, read_order, write_order};
use crate::wire::{WireError, attachment, auditing, drafting, ids, pb, reviewing, volume};

use pb::entry::Fact as PbFact;

pub(super) fn write_fact(fact: &Fact) -> PbFact {
    match fact {
        Fact::JournalOpened => PbFact::JournalOpened(pb::JournalOpened {}),
        Fact::DirectoryAdopted { version, hash } => write_directory_adopted(*version, hash),
        Fact::Submitted { header } => {
            PbFact::Submitted(pb::Submitted { header: header.bytes.clone() })
        }
        Fact::HandedOver { message, handover } => write_handed_over(message, handover),
        Fact::TakenOver { header, handover } => write_taken_over(header, handover),
        Fact::Delivered { header, handover } => write_delivered(header, handover),
        Fact::NotTaken { message, handover, reason } => write_not_taken(message, handover, *reason),
        Fact::StatementRecorded { message, issuer, station, entry } => {
            PbFact::StatementRecorded(write_statement_recorded(message, issuer, *station, entry))
        }
        Fact::Returned { message, reason } => PbFact::Returned(write_returned(message, *reason)),
        Fact::Undelivered { message, destination, order, reason } => {
            PbFact::Undelivered(write_undelivered(message, destination, order, *reason))
        }
        Fact::SetAside { message, reason } => PbFact::SetAside(write_set_aside(message, *reason)),
        Fact::WayChosen { message, reason } => {
            PbFact::WayChosen(write_way_chosen(message, *reason))
        }
        Fact::Claimed { message: it } => PbFact::Claimed(pb::Claimed { message: write_ref(it) }),
        Fact::Released { message: it } => PbFact::Released(pb::Released { message: write_ref(it) }),
        Fact::Read { message: it } => PbFact::Read(pb::Read { message: write_ref(it) }),
        Fact::Acknowledged { message } => {
            PbFact::Acknowledged(pb::Acknowledged { message: write_ref(message) })
        }
        Fact::OrderWaitEnded { message } => {
            PbFact::OrderWaitEnded(pb::OrderWaitEnded { message: write_ref(message) })
        }
        Fact::ConflictFound { journal, known, shown } => {
            PbFact::ConflictFound(write_conflict_found(journal, known, shown))
        }
        Fact::PeerCutOff { peer, refused, cause } => {
            let cause = cause.map(|it| it.to_string()).unwrap_or_default();
            PbFact::PeerCutOff(pb::PeerCutOff { peer: peer.to_string(), refused: *refused, cause })
        }
        Fact::DeadlineNoted => PbFact::DeadlineNoted(pb::DeadlineNoted {}),
        Fact::AccessGranted => PbFact::AccessGranted(pb::AccessGranted {}),
        Fact::AccessRevoked => PbFact::AccessRevoked(pb::AccessRevoked {}),
        Fact::TransmissionRefused => PbFact::TransmissionRefused(pb::TransmissionRefused {}),
        Fact::AlarmRaised { message } => {
            PbFact::AlarmRaised(pb::AlarmRaised { message: write_ref(message) })
        }
        Fact::Escalated { message } => {
            PbFact::Escalated(pb::Escalated { message: write_ref(message) })
        }
        Fact::ContentErased { message, cause } => PbFact::ContentErased(erased(message, *cause)),
        Fact::ErasureAsked { message, destination, cause } => {
            PbFact::ErasureAsked(write_erasure_asked(message, destination, *cause))
        }
        Fact::ErasureRefused { message, reason } => PbFact::ErasureRefused(kept(message, *reason)),
        Fact::HoldPlaced => PbFact::HoldPlaced(pb::HoldPlaced {}),
        Fact::HoldReleased => PbFact::HoldReleased(pb::HoldReleased {}),
        Fact::RetentionEnded => PbFact::RetentionEnded(pb::RetentionEnded {}),
        Fact::ReviewSet => PbFact::ReviewSet(pb::ReviewSet {}),
        Fact::RetentionReviewed => PbFact::RetentionReviewed(pb::RetentionReviewed {}),
        Fact::Attachment(fact) => attachment::write(fact),
        Fact::Audit(fact) => auditing::write(fact),
        Fact::Draft(fact) => drafting::write(fact),
        Fact::Volume(fact) => volume::write(fact),
        Fact::Review(fact) => reviewing::write(fact),
    }
}

fn write_directory_adopted(version: u64, hash: &Digest) -> PbFact {
    PbFact::DirectoryAdopted(pb::DirectoryAdopted { version, hash: hash.as_bytes().to_vec() })
}

fn write_handed_over(message: &MessageRef, handover: &Handover) -> PbFact {
    let (message, handover) = (write_ref(message), write_handover(handover));
    PbFact::HandedOver(pb::HandedOver { message, handover })
}

fn write_taken_over(header: &Header, handover: &Handover) -> PbFact {
    let (header, handover) = (header.bytes.clone(), write_handover(handover));
    PbFact::TakenOver(pb::TakenOver { header, handover })
}

fn write_delivered(header: &Header, handover: &Handover) -> PbFact {
    let (header, handover) = (header.bytes.clone(), write_handover(handover));
    PbFact::Delivered(pb::Delivered { header, handover })
}

fn write_not_taken(message: &MessageRef, handover: &Handover, reason: Reason) -> PbFact {
    let (message, handover) = (write_ref(message), write_handover(handover));
    PbFact::NotTaken(pb::NotTaken { message, handover, reason: reason.to_string() })
}

fn write_returned(message: &MessageRef, reason: Reason) -> pb::Returned {
    pb::Returned { message: write_ref(message), reason: reason.to_string() }
}

fn write_set_aside(message: &MessageRef, reason: Reason) -> pb::SetAside {
    pb::SetAside { message: write_ref(message), reason: reason.to_string() }
}

fn write_way_chosen(message: &MessageRef, reason: Reason) -> pb::WayChosen {
    pb::WayChosen { message: write_ref(message), reason: reason.to_string() }
}

fn erased(message: &MessageRef, cause: ErasureCause) -> pb::ContentErased {
    pb::ContentErased { message: write_ref(message), cause: cause.to_string() }
}

fn write_erasure_asked(
    message: &MessageRef,
    destination: &AgencyId,
    cause: ErasureCause,
) -> pb::ErasureAsked {
    let (message, destination) = (write_ref(message), destination.to_string());
    pb::ErasureAsked { message, destination, cause: cause.to_string() }
}

fn kept(message: &MessageRef, reason: Reason) -> pb::ErasureRefused {
    pb::ErasureRefused { message: write_ref(message), reason: reason.to_string() }
}

fn write_statement_recorded(
    message: &MessageRef,
    issuer: &JournalName,
    station: Station,
    entry: &Digest,
) -> pb::StatementRecorded {
    pb::StatementRecorded {
        message: write_ref(message),
        issuer: issuer.to_string(),
        station: station.to_string(),
        entry_hash: entry.as_bytes().to_vec(),
    }
}

fn write_undelivered(
    message: &MessageRef,
    destination: &AgencyId,
    order: &OrderToken,
    reason: Reason,
) -> pb::Undelivered {
    pb::Undelivered {
        message: write_ref(message),
        destination: destination.to_string(),
        order: Some(write_order(order)),
        reason: reason.to_string(),
    }
}

fn write_conflict_found(
    journal: &JournalName,
    known: &Digest,
    shown: &Digest,
) -> pb::ConflictFound {
    pb::ConflictFound {
        journal: journal.to_string(),
        known_hash: known.as_bytes().to_vec(),
        shown_hash: shown.as_bytes().to_vec(),
    }
}

pub(super) fn read_fact(fact: PbFact) -> Result<Fact, WireError> {
    Ok(match fact {
        PbFact::JournalOpened(pb::JournalOpened {}) => Fact::JournalOpened,
        PbFact::DirectoryAdopted(it) => read_directory_adopted(&it)?,
        PbFact::Submitted(pb::Submitted { header }) => {
            Fact::Submitted { header: read_header(&header)? }
        }
        PbFact::HandedOver(pb::HandedOver { message, handover }) => {
            Fact::HandedOver { message: read_ref(message)?, handover: read_handover(handover)? }
        }
        PbFact::TakenOver(pb::TakenOver { header, handover }) => {
            Fact::TakenOver { header: read_header(&header)?, handover: read_handover(handover)? }
        }
        PbFact::Delivered(pb::Delivered { header, handover }) => {
            Fact::Delivered { header: read_header(&header)?, handover: read_handover(handover)? }
        }
        PbFact::NotTaken(it) => read_not_taken(it)?,
        PbFact::StatementRecorded(it) => read_statement_recorded(it)?,
        PbFact::Returned(it) => read_returned(it)?,
        PbFact::Undelivered(it) => read_undelivered(it)?,
        PbFact::SetAside(it) => read_set_aside(it)?,
        PbFact::WayChosen(it) => read_way_chosen(it)?,
        PbFact::Claimed(pb::Claimed { message }) => Fact::Claimed { message: read_ref(message)? },
        PbFact::Released(it) => Fact::Released { message: read_ref(it.message)? },
        PbFact::Read(pb::Read { message }) => Fact::Read { message: read_ref(message)? },
        PbFact::Acknowledged(it) => Fact::Acknowledged { message: read_ref(it.message)? },
        PbFact::OrderWaitEnded(it) => Fact::OrderWaitEnded { message: read_ref(it.message)? },
        PbFact::DeadlineNoted(pb::DeadlineNoted {}) => Fact::DeadlineNoted,
        PbFact::AccessGranted(pb::AccessGranted {}) => Fact::AccessGranted,
        PbFact::AccessRevoked(pb::AccessRevoked {}) => Fact::AccessRevoked,
        PbFact::TransmissionRefused(pb::TransmissionRefused {}) => Fact::TransmissionRefused,
        PbFact::AlarmRaised(pb::AlarmRaised { message }) => {
            Fact::AlarmRaised { message: read_ref(message)? }
        }
        PbFact::Escalated(pb::Escalated { message }) => {
            Fact::Escalated { message: read_ref(message)? }
        }
        PbFact::ContentErased(it) => read_content_erased(it)?,
        PbFact::ErasureAsked(it) => read_erasure_asked(it)?,
        PbFact::ErasureRefused(it) => read_erasure_refused(it)?,
        PbFact::HoldPlaced(pb::HoldPlaced {}) => Fact::HoldPlaced,
        PbFact::HoldReleased(pb::HoldReleased {}) => Fact::HoldReleased,
        PbFact::RetentionEnded(pb::RetentionEnded {}) => Fact::RetentionEnded,
        PbFact::ReviewSet(pb::ReviewSet {}) => Fact::ReviewSet,
        PbFact::RetentionReviewed(pb::RetentionReviewed {}) => Fact::RetentionReviewed,
        PbFact::AttachmentRelayed(it) => Fact::Attachment(attachment::relayed(it)?),
        PbFact::AttachmentArrived(it) => Fact::Attachment(attachment::arrived(it)?),
        PbFact::AttachmentNotTaken(it) => Fact::Attachment(attachment::not_taken(it)?),
        PbFact::AttachmentReturned(it) => Fact::Attachment(attachment::returned(it)?),
        PbFact::VolumeOpened(it) => Fact::Volume(volume::opened(&it)?),
        PbFact::VolumeConfirmed(it) => Fact::Volume(volume::confirmed(&it)?),
        PbFact::MessageMissed(it) => Fact::Volume(volume::missed(it)?),
        PbFact::MessageTakenBack(it) => Fact::Volume(volume::taken_back(it)?),
        PbFact::AuditGranted(pb::AuditGranted {}) => Fact::Audit(AuditFact::Granted),
        PbFact::AuditRevoked(pb::AuditRevoked {}) => Fact::Audit(AuditFact::Revoked),
        PbFact::AuditContentRead(it) => Fact::Audit(auditing::content_read(it)?),
        PbFact::AuditSealedRead(it) => Fact::Audit(auditing::sealed_read(it)?),
        PbFact::AuditJournalRead(it) => Fact::Audit(auditing::journal_read(&it)),
        PbFact::DraftMade(it) => Fact::Draft(drafting::made(&it)?),
        PbFact::DraftShown(it) => Fact::Draft(drafting::shown(&it)?),
        PbFact::DraftApproved(it) => Fact::Draft(drafting::approved(&it)?),
        PbFact::DraftWithdrawn(it) => Fact::Draft(drafting::withdrawn(&it)?),
        PbFact::DraftExpired(it) => Fact::Draft(drafting::expired(&it)?),
        PbFact::TransitReleased(it) => reviewing::released(it)?,
        PbFact::TransitAnnotated(it) => reviewing::annotated(it)?,
        PbFact::ConflictFound(it) => read_conflict_found(&it)?,
        PbFact::PeerCutOff(it) => read_peer_cut_off(&it)?,
    })
}

fn read_directory_adopted(it: &pb::DirectoryAdopted) -> Result<Fact, WireError> {
    let pb::DirectoryAdopted { version, hash } = it;
    let hash = ids::digest("directory_adopted.hash", hash)?;
    Ok(Fact::DirectoryAdopted { version: *version, hash })
}

fn read_set_aside(it: pb::SetAside) -> Result<Fact, WireError> {
    let pb::SetAside { message, reason } = it;
    let reason = ids::word("set_aside.reason", &reason)?;
    Ok(Fact::SetAside { message: read_ref(message)?, reason })
}

fn read_way_chosen(it: pb::WayChosen) -> Result<Fact, WireError> {
    let pb::WayChosen { message, reason } = it;
    let reason = ids::word("way_chosen.reason", &reason)?;
    Ok(Fact::WayChosen { message: read_ref(message)?, reason })
}

fn read_not_taken(it: pb::NotTaken) -> Result<Fact, WireError> {
    let pb::NotTaken { message, handover, reason } = it;
    Ok(Fact::NotTaken {
        message: read_ref(message)?,
        handover: read_handover(handover)?,
        reason: ids::word("not_taken.reason", &reason)?,
    })
}

fn read_conflict_found(it: &pb::ConflictFound) -> Result<Fact, WireError> {
    let pb::ConflictFound { journal, known_hash, shown_hash } = it;
    Ok(Fact::ConflictFound {
        journal: ids::name("conflict_found.journal", journal)?,
        known: ids::digest("conflict_found.known_hash", known_hash)?,
        shown: ids::digest("conflict_found.shown_hash", shown_hash)?,
    })
}

fn read_peer_cut_off(it: &pb::PeerCutOff) -> Result<Fact, WireError> {
    let pb::PeerCutOff { peer, refused, cause } = it;
    let peer = ids::name("peer_cut_off.peer", peer)?;
    let cause = match cause.as_str() {
        "" => None,
        word => Some(ids::word("peer_cut_off.cause", word)?),
    };
    Ok(Fact::PeerCutOff { peer, refused: *refused, cause })
}

fn read_returned(it: pb::Returned) -> Result<Fact, WireError> {
    let pb::Returned { message, reason } = it;
    let reason = ids::word("returned.reason", &reason)?;
    Ok(Fact::Returned { message: read_ref(message)?, reason })
}

fn read_statement_recorded(it: pb::StatementRecorded) -> Result<Fact, WireError> {
    let pb::StatementRecorded { message, issuer, station, entry_hash } = it;
    Ok(Fact::StatementRecorded {
        message: read_ref(message)?,
        issuer: ids::name("statement_recorded.issuer", &issuer)?,
        station: read_station(&station)?,
        entry: ids::digest("statement_recorded.entry_hash", &entry_hash)?,
    })
}

fn read_undelivered(it: pb::Undelivered) -> Result<Fact, WireError> {
    let pb::Undelivered { message, destination, order, reason } = it;
    let order = ids::part("undelivered.order", order)?;
    Ok(Fact::Undelivered {
        message: read_ref(message)?,
        destination: ids::name("undelivered.destination", &destination)?,
        order: read_order("undelivered.order", order)?,
        reason: ids::word("undelivered.reason", &reason)?,
    })
}

fn read_content_erased(it: pb::ContentErased) -> Result<Fact, WireError> {
    let pb::ContentErased { message, cause } = it;
    let cause = ids::word("content_erased.cause", &cause)?;
    Ok(Fact::ContentErased { message: read_ref(message)?, cause })
}

fn read_erasure_asked(it: pb::ErasureAsked) -> Result<Fact, WireError> {
    let pb::ErasureAsked { message, destination, cause } = it;
    Ok(Fact::ErasureAsked {
        message: read_ref(message)?,
        destination: ids::name("erasure_asked.destination", &destination)?,
        cause: ids::word("erasure_asked.cause", &cause)?,
    })
}

fn read_erasure_refused(it: pb::ErasureRefused) -> Result<Fact, WireError> {
    let pb::ErasureRefused { message, reason } = it;
    let field = "erasure_refused.reason";
    let reason: Reason = ids::word(field, &reason)?;
    if !reason.keeps_content() {
        return Err(WireError::OutOfRange { field });
    }
    Ok(Fact::ErasureRefused { message: read_ref(message)?, reason })
}

/// Stations that another journal can state; each is some fact's [`Fact::station`].
const STATIONS: [Station; 21] = [
    Station::Accepted,
    Station::Relayed,
    Station::Delivered,
    Station::Retrieved,
    Station::NotTaken,
    Station::Returned,
    Station::Undelivered,
    Station::ErasureAsked,
    Station::Erased,
    Station::ErasureRefused,
    Station::Attachment(Carried::Relayed),
    Station::Attachment(Carried::Arrived),
    Station::Attachment(Carried::NotTaken),
    Station::Attachment(Carried::Returned),
    Station::Released,
    Station::Annotated(Remark::FormChecked),
    Station::Annotated(Remark::LanguageDoubtful),
    Station::Annotated(Remark::GroundsDoubtful),
    Station::Annotated(Remark::UrgencyConfirmed),
    Station::Annotated(Remark::Consult),
    Station::Annotated(Remark::Noted),
];

fn read_station(text: &str) -> Result<Station, WireError> {
    let found = STATIONS.into_iter().find(|it| it.as_str() == text);
    found.ok_or(WireError::Unknown { field: "statement_recorded.station" })
}

pub(super) fn write_ref(message: &MessageRef) -> Option<pb::MessageRef> {
    let MessageRef { origin, message, header } = message;
    Some(pb::MessageRef {
        origin: origin.to_string(),
        message_id: message.as_bytes().to_vec(),
        header_hash: header.as_bytes().to_vec(),
    })
}

pub(super) fn read_ref(message: Option<pb::MessageRef>) -> Result<MessageRef, WireError> {
    let pb::MessageRef { origin, message_id, header_hash } = ids::part("message", message)?;
    Ok(MessageRef {
        origin: ids::name("message.origin", &origin)?,
        message: ids::message_id("message.message_id", &message_id)?,
        header: ids::digest("message.header_hash", &header_hash)?,
    })
}

pub(super) fn write_handover(handover: &Handover) -> Option<pb::Handover> {
    let Handover { from, to, number } = handover;
    Some(pb::Handover { from: from.to_string(), to: to.to_string(), number: *number })
}

pub(super) fn read_handover(handover: Option<pb::Handover>) -> Result<Handover, WireError> {
    let pb::Handover { from, to, number } = ids::part("handover", handover)?;
    if number == 0 {
        return Err(WireError::OutOfRange { field: "handover.number" });
    }
    Ok(Handover {
        from: ids::name("handover.from", &from)?,
        to: ids::name("handover.to", &to)?,
        number,
    })
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::MessageId;
    use crate::domain::misconduct::CutOffCause;
    use crate::wire::header::samples;

    pub(in crate::wire) fn any_ref() -> impl Strategy<Value = MessageRef> {
        (samples::any_agency(), any::<[u8; 16]>(), samples::any_digest()).prop_map(
            |(origin, id, header)| {
                let message = MessageId::from_bytes(id);
                MessageRef { origin, message, header }
            },
        )
    }

    pub(in crate::wire) fn any_handover() -> impl Strategy<Value = Handover> {
        (samples::any_agency(), samples::any_agency(), 1..=u32::MAX)
            .prop_map(|(from, to, number)| Handover { from, to, number })
    }

    pub(in crate::wire) fn any_journal() -> impl Strategy<Value = JournalName> {
        (samples::any_agency(), 1..=u32::MAX).prop_map(|(it, volume)| JournalName::new(it, volume))
    }

    fn any_named_fact() -> impl Strategy<Value = Fact> {
        let reason = prop::sample::select(Reason::ALL.to_vec());
        let other =
            (samples::any_agency(), samples::any_order(), any_journal(), samples::any_digest());
        let station = prop::sample::select(STATIONS.to_vec());
        (0_usize..18, any_ref(), any_handover(), reason, station, other).prop_map(
            |(which, message, handover, reason, station, (destination, order, issuer, entry))| {
                match which {
                    0 => Fact::HandedOver { message, handover },
                    1 => Fact::NotTaken { message, handover, reason },
                    2 => Fact::StatementRecorded { message, issuer, station, entry },
                    3 => Fact::Returned { message, reason },
                    4 => Fact::Undelivered { message, destination, order, reason },
                    5 => Fact::SetAside { message, reason },
                    6 => Fact::Claimed { message },
                    7 => Fact::Released { message },
                    8 => Fact::Read { message },
                    9 => Fact::Acknowledged { message },
                    10 => Fact::OrderWaitEnded { message },
                    11..=14 => {
                        Fact::ContentErased { message, cause: ErasureCause::ALL[which - 11] }
                    }
                    15 => {
                        let cause = ErasureCause::OriginatorOrder;
                        Fact::ErasureAsked { message, destination, cause }
                    }
                    16 => Fact::WayChosen { message, reason },
                    _ => Fact::ErasureRefused { message, reason: Reason::LegalHold },
                }
            },
        )
    }

    pub(in crate::wire) fn any_fact() -> impl Strategy<Value = Fact> {
        let hash = samples::any_digest;
        let cause = prop::sample::select(CutOffCause::ALL.to_vec());
        prop_oneof![
            Just(Fact::JournalOpened),
            Just(Fact::HoldPlaced),
            Just(Fact::HoldReleased),
            Just(Fact::RetentionEnded),
            Just(Fact::ReviewSet),
            Just(Fact::RetentionReviewed),
            (any::<u64>(), hash())
                .prop_map(|(version, hash)| Fact::DirectoryAdopted { version, hash }),
            samples::any_header().prop_map(|header| Fact::Submitted { header }),
            (samples::any_header(), any_handover())
                .prop_map(|(header, handover)| Fact::TakenOver { header, handover }),
            (samples::any_header(), any_handover())
                .prop_map(|(header, handover)| Fact::Delivered { header, handover }),
            (any_journal(), hash(), hash()).prop_map(|(journal, known, shown)| {
                Fact::ConflictFound { journal, known, shown }
            }),
            (samples::any_agency(), any::<u32>(), prop::option::of(cause))
                .prop_map(|(peer, refused, cause)| Fact::PeerCutOff { peer, refused, cause }),
            crate::wire::auditing::samples::any_audit_fact().prop_map(Fact::Audit),
            crate::wire::drafting::samples::any_draft_fact().prop_map(Fact::Draft),
            crate::wire::volume::samples::any_volume_fact().prop_map(Fact::Volume),
            crate::wire::reviewing::samples::any_review_fact().prop_map(Fact::Review),
            crate::wire::attachment::samples::any_attachment_fact().prop_map(Fact::Attachment),
            any_named_fact(),
        ]
    }
}
