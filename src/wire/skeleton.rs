//! What stands encrypted in an entry: the agency's own part, without free text.

use std::str::FromStr;

use prost::Message;

use crate::clock::Timestamp;
use crate::domain::competence::Competence;
use crate::domain::digest::Digest;
use crate::domain::due::Due;
use crate::domain::fact::Reason;
use crate::domain::header::OrderToken;
use crate::domain::ids::{AgencyId, ContactPointId, MalformedId, MessageId, RequestId};
use crate::domain::lifecycle::Side;
use crate::domain::limits::{ENTRY_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, READERS_MAX, TRAIL_MAX};
use crate::domain::obligation::{DueStage, Obligation};
use crate::domain::particulars::Particulars;
use crate::domain::retention::{BackupMade, ErasureCause};
use crate::wire::auditing::AuditGrant;
use crate::wire::drafting::Drafted;
use crate::wire::header::{read_order, write_order};
use crate::wire::{WireError, auditing, bearing, decode_canonical, drafting, ids, particulars, pb};

/// Longest SPIFFE id (SPIFFE-ID 2.3), in bytes.
const PRINCIPAL_BYTES_MAX: usize = 2048;
/// Longest name of a rule, in bytes.
const RULE_BYTES_MAX: usize = 40;

/// The agency's own part of an entry, in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skeleton {
    /// SPIFFE id of who asked, if somebody did.
    pub principal: Option<String>,
    /// Key of the call that caused the entry, and the HMAC-SHA-256 of the call as submitted.
    pub call: Option<(String, Digest)>,
    /// The message's particulars, where this agency may know them.
    pub particulars: Option<Particulars>,
    /// The desk in whose name it was done.
    pub contact_point: Option<ContactPointId>,
    /// End of the lease.
    pub lease_until: Option<Timestamp>,
    /// True where the sealed parts could not be opened by their recipient.
    pub unreadable: bool,
    /// The agency to which the message or statement goes next.
    pub next_hop: Option<AgencyId>,
    /// Hops that the message has made, this node included; 0 at its origin.
    pub hops: u32,
    /// What another journal's statement said, for `StatementRecorded`; or a lost one's, for `Missed`, where
    /// its message is not known here.
    pub statement: Option<StatementDetail>,
    /// The place in an order that is void, where a statement said so; for `WayChosen` where that word
    /// goes this way, and not the message.
    pub void: Option<Void>,
    /// The agency that a recorded statement asks to erase the message; for `WayChosen` where that word
    /// goes this way, and not the message.
    pub asked: Option<AgencyId>,
    /// What is owed next in the request after this entry, by the service level of its state.
    pub owed: Option<Due>,
    /// What is owed next by the agency that the request was passed on to with this entry.
    pub owed_onward: Option<Due>,
    /// The deadline that is noted, for `DeadlineNoted`.
    pub deadline: Option<NotedDeadline>,
    /// Who is given or loses sight of which request.
    pub access: Option<Access>,
    /// The rule by which a message was not sent.
    pub rule: Option<String>,
    /// References of the request, keyed: they can be found again and not read.
    pub references: Vec<ReferenceMark>,
    /// The request that is held or released.
    pub held: Option<RequestId>,
    /// Backups that still hold what is erased, those that are kept longest first.
    pub backups: Vec<BackupMade>,
    /// Attachments of the message that the entry brings here.
    pub attachments: u32,
    /// What was drafted, for a draft that waits for approval.
    pub drafted: Option<Drafted>,
    /// What an auditor is granted, or loses.
    pub audit: Option<AuditGrant>,
    /// The draft that was approved and became the message.
    pub of_draft: Option<MessageId>,
    /// Reviewing transits to which the message is sealed besides its destination.
    pub readers: Vec<AgencyId>,
    /// Agencies that had the message before it came here, as the handover named them.
    pub trail: Vec<AgencyId>,
    /// The competence that the message's sender named instead of a contact point.
    pub competence: Option<Competence>,
    /// Until when the agency keeps what its own note about a message says, for `Submitted`.
    pub keep_until: Option<Timestamp>,
}

/// A reference of a request under the node's key: equal for equal references, and nothing more.
pub type ReferenceMark = [u8; 16];

/// Most backups that one entry names.
pub const BACKUPS_MAX: usize = 64;

/// Most references that one entry marks.
pub const REFERENCES_MAX: usize = 8;

/// One deadline of a request, at the stage that it has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedDeadline {
    /// The request.
    pub request: RequestId,
    /// The executing agency.
    pub party: AgencyId,
    /// What is owed.
    pub obligation: Obligation,
    /// By which side.
    pub owner: Side,
    /// How it stands.
    pub stage: DueStage,
}

/// Sight of a confidential request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The request.
    pub request: RequestId,
    /// SPIFFE id of who is given or loses it.
    pub holder: String,
}

/// What a statement of another journal said besides its station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementDetail {
    /// When it was recorded there.
    pub at: Timestamp,
    /// Why, where it gives a reason.
    pub reason: Option<Reason>,
    /// The agency that handed over, where it answers a handover.
    pub from: Option<AgencyId>,
    /// Number of that handover; 0 without one.
    pub number: u32,
    /// Why an erasure is asked for, where one is.
    pub cause: Option<ErasureCause>,
    /// The attachment that it is about, from 1; 0 where it is about none.
    pub attachment: u32,
}

/// A place in the order between two agencies for which no message will come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    /// The agency that sends in this order.
    pub origin: AgencyId,
    /// The agency that receives in this order.
    pub destination: AgencyId,
    /// The place.
    pub order: OrderToken,
}

/// The canonical bytes of a skeleton.
pub fn write(skeleton: &Skeleton) -> Vec<u8> {
    let Skeleton {
        principal,
        call,
        particulars,
        contact_point,
        lease_until,
        unreadable,
        next_hop,
        hops,
        statement,
        void,
        asked,
        owed,
        owed_onward,
        deadline,
        access,
        rule,
        references,
        held,
        backups,
        attachments,
        drafted,
        audit,
        of_draft,
        readers,
        trail,
        competence,
        keep_until,
    } = skeleton;
    let (idempotency_key, fingerprint) = match call {
        Some((key, fingerprint)) => (key.clone(), fingerprint.as_bytes().to_vec()),
        None => (String::new(), Vec::new()),
    };
    pb::Skeleton {
        principal: principal.clone().unwrap_or_default(),
        idempotency_key,
        fingerprint,
        particulars: particulars.as_ref().map(particulars::to_pb),
        contact_point: contact_point.as_ref().map(ToString::to_string).unwrap_or_default(),
        lease_until_ms: ids::millis_or_zero(*lease_until),
        unreadable: *unreadable,
        next_hop: next_hop.as_ref().map(ToString::to_string).unwrap_or_default(),
        hops: *hops,
        statement: statement.as_ref().map(write_detail),
        void: void.as_ref().map(write_void),
        asked_agency: asked.as_ref().map(ToString::to_string).unwrap_or_default(),
        owed: owed.as_ref().map(bearing::write_owed),
        owed_onward: owed_onward.as_ref().map(bearing::write_owed),
        deadline: deadline.as_ref().map(write_deadline),
        access: access.as_ref().map(write_access),
        rule: rule.clone().unwrap_or_default(),
        references: references.iter().map(|it| it.to_vec()).collect(),
        held_request: held.map(|it| it.as_bytes().to_vec()).unwrap_or_default(),
        backups: backups.iter().map(write_backup).collect(),
        attachments: *attachments,
        drafted: drafted.as_ref().map(drafting::write_drafted),
        audit: audit.as_ref().map(auditing::write_grant),
        of_draft: of_draft.map(|it| it.as_bytes().to_vec()).unwrap_or_default(),
        readers: readers.iter().map(ToString::to_string).collect(),
        trail: trail.iter().map(ToString::to_string).collect(),
        competence: competence.as_ref().map(write_competence),
        keep_until_ms: ids::millis_or_zero(*keep_until),
    }
    .encode_to_vec()
}

/// Reads a skeleton from its canonical bytes.
///
/// # Errors
/// Any byte more, less or other than [`write`] would write; names the field at fault.
pub fn read(bytes: &[u8]) -> Result<Skeleton, WireError> {
    let pb::Skeleton {
        principal,
        idempotency_key,
        fingerprint,
        particulars,
        contact_point,
        lease_until_ms,
        unreadable,
        next_hop,
        hops,
        statement,
        void,
        asked_agency,
        owed,
        owed_onward,
        deadline,
        access,
        rule,
        references,
        held_request,
        backups,
        attachments,
        drafted,
        audit,
        of_draft,
        readers,
        trail,
        competence,
        keep_until_ms,
    } = decode_canonical("skeleton", bytes, ENTRY_BYTES_MAX)?;
    at_most("skeleton.principal", principal.len(), PRINCIPAL_BYTES_MAX)?;
    at_most("skeleton.rule", rule.len(), RULE_BYTES_MAX)?;
    at_most("skeleton.references", references.len(), REFERENCES_MAX)?;
    at_most("skeleton.backups", backups.len(), BACKUPS_MAX)?;
    at_most("skeleton.readers", readers.len(), READERS_MAX)?;
    at_most("skeleton.trail", trail.len(), TRAIL_MAX)?;
    Ok(Skeleton {
        principal: (!principal.is_empty()).then_some(principal),
        call: read_call(idempotency_key, &fingerprint)?,
        particulars: particulars.map(particulars::from_pb).transpose()?,
        contact_point: name_or_none("skeleton.contact_point", &contact_point)?,
        lease_until: ids::time_or_none(lease_until_ms),
        unreadable,
        next_hop: name_or_none("skeleton.next_hop", &next_hop)?,
        hops,
        statement: statement.map(read_detail).transpose()?,
        void: void.map(read_void).transpose()?,
        asked: name_or_none("skeleton.asked_agency", &asked_agency)?,
        owed: owed.map(bearing::read_owed).transpose()?,
        owed_onward: owed_onward.map(bearing::read_owed).transpose()?,
        deadline: deadline.map(read_deadline).transpose()?,
        access: access.map(read_access).transpose()?,
        rule: (!rule.is_empty()).then_some(rule),
        references: read_references(&references)?,
        held: (!held_request.is_empty())
            .then(|| ids::request_id("skeleton.held_request", &held_request))
            .transpose()?,
        backups: backups.into_iter().map(read_backup).collect(),
        attachments,
        drafted: drafted.map(drafting::read_drafted).transpose()?,
        audit: audit.map(auditing::read_grant).transpose()?,
        of_draft: (!of_draft.is_empty())
            .then(|| ids::message_id("skeleton.of_draft", &of_draft))
            .transpose()?,
        readers: names("skeleton.readers", &readers)?,
        trail: names("skeleton.trail", &trail)?,
        competence: competence.as_ref().map(read_competence).transpose()?,
        keep_until: ids::time_or_none(keep_until_ms),
    })
}

fn read_references(references: &[Vec<u8>]) -> Result<Vec<ReferenceMark>, WireError> {
    references.iter().map(|it| ids::array("skeleton.references", it)).collect()
}

fn write_competence(asked: &Competence) -> pb::AskedCompetence {
    let (country, function) = (asked.country_text().to_owned(), asked.function.to_string());
    pb::AskedCompetence { country, function }
}

fn read_competence(asked: &pb::AskedCompetence) -> Result<Competence, WireError> {
    let pb::AskedCompetence { country, function } = asked;
    let unknown = WireError::Unknown { field: "skeleton.competence" };
    Competence::read(country, function).ok_or(unknown)
}

fn write_backup(made: &BackupMade) -> pb::BackupMade {
    let BackupMade { from, to, made_at, keep_until } = made;
    pb::BackupMade {
        from_size: *from,
        to_size: *to,
        made_at_ms: made_at.millis(),
        keep_until_ms: keep_until.millis(),
    }
}

fn read_backup(made: pb::BackupMade) -> BackupMade {
    let pb::BackupMade { from_size, to_size, made_at_ms, keep_until_ms } = made;
    BackupMade {
        from: from_size,
        to: to_size,
        made_at: Timestamp::from_millis(made_at_ms),
        keep_until: Timestamp::from_millis(keep_until_ms),
    }
}

fn write_deadline(deadline: &NotedDeadline) -> pb::NotedDeadline {
    let NotedDeadline { request, party, obligation, owner, stage } = deadline;
    pb::NotedDeadline {
        request_id: request.as_bytes().to_vec(),
        party: party.to_string(),
        obligation: bearing::obligation_number(*obligation),
        owner: bearing::side_number(*owner),
        stage: match stage {
            DueStage::Soon => 1,
            DueStage::Overdue => 2,
        },
    }
}

fn read_deadline(deadline: pb::NotedDeadline) -> Result<NotedDeadline, WireError> {
    let pb::NotedDeadline { request_id, party, obligation, owner, stage } = deadline;
    Ok(NotedDeadline {
        request: ids::request_id("skeleton.deadline.request_id", &request_id)?,
        party: ids::name("skeleton.deadline.party", &party)?,
        obligation: bearing::obligation("skeleton.deadline.obligation", obligation)?,
        owner: bearing::side("skeleton.deadline.owner", owner)?,
        stage: match stage {
            1 => DueStage::Soon,
            2 => DueStage::Overdue,
            _ => return Err(WireError::Unknown { field: "skeleton.deadline.stage" }),
        },
    })
}

fn write_access(access: &Access) -> pb::Access {
    let Access { request, holder } = access;
    pb::Access { request_id: request.as_bytes().to_vec(), holder: holder.clone() }
}

fn read_access(access: pb::Access) -> Result<Access, WireError> {
    let pb::Access { request_id, holder } = access;
    at_most("skeleton.access.holder", holder.len(), PRINCIPAL_BYTES_MAX)?;
    if holder.is_empty() {
        return Err(WireError::Missing { field: "skeleton.access.holder" });
    }
    Ok(Access { request: ids::request_id("skeleton.access.request_id", &request_id)?, holder })
}

fn name_or_none<T>(field: &'static str, text: &str) -> Result<Option<T>, WireError>
where
    T: FromStr<Err = MalformedId>,
{
    if text.is_empty() { Ok(None) } else { ids::name(field, text).map(Some) }
}

fn names(field: &'static str, texts: &[String]) -> Result<Vec<AgencyId>, WireError> {
    texts.iter().map(|it| ids::name(field, it)).collect()
}

fn write_detail(detail: &StatementDetail) -> pb::StatementDetail {
    let StatementDetail { at, reason, from, number, cause, attachment } = detail;
    pb::StatementDetail {
        at_ms: at.millis(),
        reason: reason.map(|it| it.to_string()).unwrap_or_default(),
        from: from.as_ref().map(ToString::to_string).unwrap_or_default(),
        number: *number,
        cause: cause.map(|it| it.to_string()).unwrap_or_default(),
        attachment: *attachment,
    }
}

fn read_detail(detail: pb::StatementDetail) -> Result<StatementDetail, WireError> {
    let pb::StatementDetail { at_ms, reason, from, number, cause, attachment } = detail;
    let cause = (!cause.is_empty()).then(|| ids::word("skeleton.statement.cause", &cause));
    let reason = (!reason.is_empty()).then(|| ids::word("skeleton.statement.reason", &reason));
    Ok(StatementDetail {
        at: Timestamp::from_millis(at_ms),
        reason: reason.transpose()?,
        from: name_or_none("skeleton.statement.from", &from)?,
        number,
        cause: cause.transpose()?,
        attachment,
    })
}

fn write_void(void: &Void) -> pb::Void {
    let Void { origin, destination, order } = void;
    pb::Void {
        origin: origin.to_string(),
        destination: destination.to_string(),
        order: Some(write_order(order)),
    }
}

fn read_void(void: pb::Void) -> Result<Void, WireError> {
    let pb::Void { origin, destination, order } = void;
    let order = ids::part("skeleton.void.order", order)?;
    Ok(Void {
        origin: ids::name("skeleton.void.origin", &origin)?,
        destination: ids::name("skeleton.void.destination", &destination)?,
        order: read_order("skeleton.void.order", order)?,
    })
}

fn read_call(key: String, fingerprint: &[u8]) -> Result<Option<(String, Digest)>, WireError> {
    match (key.is_empty(), fingerprint.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(WireError::Missing { field: "skeleton.idempotency_key" }),
        (false, _) => {
            at_most("skeleton.idempotency_key", key.len(), IDEMPOTENCY_KEY_BYTES_MAX)?;
            Ok(Some((key, ids::digest("skeleton.fingerprint", fingerprint)?)))
        }
    }
}

fn at_most(what: &'static str, given: usize, allowed: usize) -> Result<(), WireError> {
    if given > allowed { Err(WireError::TooLarge { what, allowed, given }) } else { Ok(()) }
}

#[cfg(test)]
#[path = "skeleton_tests.rs"]
mod tests;
