//! Facts about attachments, both ways.

use crate::domain::attachment::{AttachmentFact, AttachmentRef, Verdict};
use crate::domain::limits::ATTACHMENTS_MAX;
use crate::wire::fact::{read_handover, read_ref, write_handover, write_ref};
use crate::wire::{WireError, ids, pb};

use pb::entry::Fact as PbFact;

pub(super) fn write(fact: &AttachmentFact) -> PbFact {
    let AttachmentFact { attachment, handover, verdict } = fact;
    let (attachment, handover) = (write_attachment(attachment), write_handover(handover));
    match verdict {
        Verdict::Relayed => {
            PbFact::AttachmentRelayed(pb::AttachmentRelayed { attachment, handover })
        }
        Verdict::Arrived => {
            PbFact::AttachmentArrived(pb::AttachmentArrived { attachment, handover })
        }
        Verdict::NotTaken(reason) => {
            let reason = reason.to_string();
            PbFact::AttachmentNotTaken(pb::AttachmentNotTaken { attachment, handover, reason })
        }
        Verdict::Returned(reason) => {
            let reason = reason.to_string();
            PbFact::AttachmentReturned(pb::AttachmentReturned { attachment, handover, reason })
        }
    }
}

fn write_attachment(attachment: &AttachmentRef) -> Option<pb::AttachmentRef> {
    let AttachmentRef { message, number, sealed, bytes } = attachment;
    Some(pb::AttachmentRef {
        message: write_ref(message),
        number: *number,
        sealed_hash: sealed.as_bytes().to_vec(),
        sealed_bytes: *bytes,
    })
}

/// The place of an attachment among those of its message.
pub(super) fn number(field: &'static str, number: u32) -> Result<u32, WireError> {
    match usize::try_from(number) {
        Ok(1..=ATTACHMENTS_MAX) => Ok(number),
        Ok(_) | Err(_) => Err(WireError::OutOfRange { field }),
    }
}

fn read_fact(
    attachment: Option<pb::AttachmentRef>,
    handover: Option<pb::Handover>,
    verdict: Verdict,
) -> Result<AttachmentFact, WireError> {
    let pb::AttachmentRef { message, number: place, sealed_hash, sealed_bytes } =
        ids::part("attachment", attachment)?;
    let attachment = AttachmentRef {
        message: read_ref(message)?,
        number: number("attachment.number", place)?,
        sealed: ids::digest("attachment.sealed_hash", &sealed_hash)?,
        bytes: sealed_bytes,
    };
    Ok(AttachmentFact { attachment, handover: read_handover(handover)?, verdict })
}

pub(super) fn relayed(it: pb::AttachmentRelayed) -> Result<AttachmentFact, WireError> {
    read_fact(it.attachment, it.handover, Verdict::Relayed)
}

pub(super) fn arrived(it: pb::AttachmentArrived) -> Result<AttachmentFact, WireError> {
    read_fact(it.attachment, it.handover, Verdict::Arrived)
}

pub(super) fn not_taken(it: pb::AttachmentNotTaken) -> Result<AttachmentFact, WireError> {
    let reason = ids::word("attachment_not_taken.reason", &it.reason)?;
    read_fact(it.attachment, it.handover, Verdict::NotTaken(reason))
}

pub(super) fn returned(it: pb::AttachmentReturned) -> Result<AttachmentFact, WireError> {
    let reason = ids::word("attachment_returned.reason", &it.reason)?;
    read_fact(it.attachment, it.handover, Verdict::Returned(reason))
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::fact::Reason;
    use crate::wire::fact::samples::{any_handover, any_ref};
    use crate::wire::header::samples::any_digest;

    pub(in crate::wire) fn any_attachment_fact() -> impl Strategy<Value = AttachmentFact> {
        let reason = prop::sample::select(Reason::ALL.to_vec());
        let verdict = (0_u8..4, reason).prop_map(|(which, reason)| match which {
            0 => Verdict::Relayed,
            1 => Verdict::Arrived,
            2 => Verdict::NotTaken(reason),
            _ => Verdict::Returned(reason),
        });
        let number = 1..=u32::try_from(ATTACHMENTS_MAX).unwrap();
        (any_ref(), number, any_digest(), any::<u64>(), any_handover(), verdict).prop_map(
            |(message, number, sealed, bytes, handover, verdict)| AttachmentFact {
                attachment: AttachmentRef { message, number, sealed, bytes },
                handover,
                verdict,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_are_counted_from_one_to_the_limit() {
        let read = |place| number("attachment.number", place);
        assert_eq!((read(1), read(16)), (Ok(1), Ok(16)));
        let refused = WireError::OutOfRange { field: "attachment.number" };
        assert_eq!((read(0), read(17)), (Err(refused.clone()), Err(refused)));
    }
}
