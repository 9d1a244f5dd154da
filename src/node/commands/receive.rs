//! Take a message over from a peer, or say never.

use crate::domain::fact::{Fact, Handover, Reason};
use crate::domain::header::Header;
use crate::domain::limits::{CLOCK_SKEW_MS_MAX, ENTRY_BYTES_MAX, HEADER_BYTES_MAX};
use crate::history::message::{self, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::history::{agenda, known, lost};
use crate::node::command::{Arrival, Arriving, Opened, Outcome};
use crate::node::commands::{Decline, said_before};
use crate::node::conduct::{self, No, Vain};
use crate::node::content::{self, Parts};
use crate::node::records;
use crate::node::rejection::Rejection;
use crate::node::turn::Turn;
use crate::wire;
use crate::wire::skeleton::Skeleton;

/// Decides an arrival: the same handover gets the same answer; what comes too late, twice, or
/// without proof is refused for good, by an entry as long as the peer does not make too many of them
/// ([`conduct`]); what a newer directory may judge otherwise is asked for again; the rest is taken over. While the disk is nearly full, or the
/// node takes nothing new, the rest is refused, though not for good: custody stays with the sender, who asks again.
pub(super) fn decide(turn: &mut Turn<'_>, arrival: Arrival) -> Result<Outcome, Decline> {
    let handover = Handover {
        from: arrival.from.clone(),
        to: turn.setting.agency.clone(),
        number: arrival.number,
    };
    let header = arrival.header().clone();
    let record = message::find(&turn.rows, header.key())?;
    if let Some(position) = known::answer(&turn.rows, record.as_ref(), &header, &handover)? {
        return Ok(Outcome::Answered(position));
    }
    let is_unknown = record.is_none();
    let position = match judge(turn, &arrival, &header, record)? {
        Judgement::Never(No { reason, vain }) => {
            // It may have been taken over and passed on in what was lost, to a neighbour that is still asked.
            if let (true, Vain::Chance, Some(recovery)) = (is_unknown, vain, &turn.recovery) {
                return Err(recovery.rejection().into());
            }
            conduct::goes_on_record(turn, &arrival.from, vain)?;
            let message = message::reference(&header);
            let fact = Fact::NotTaken { message, handover, reason };
            turn.record(fact, Skeleton::default())?
        }
        Judgement::AgainAtDestination => {
            conduct::goes_on_record(turn, &arrival.from, Vain::Chance)?;
            let fact = Fact::Delivered { header, handover };
            turn.record(fact, Skeleton::default())?
        }
        Judgement::Take(_) if turn.setting.is_storage_low() => {
            return Err(Rejection::storage_low().into());
        }
        Judgement::Take(_) if records::draining(turn.setting.store.as_ref())?.is_some() => {
            return Err(Rejection::draining().into());
        }
        Judgement::Take(arriving) => take(turn, &arrival, header, handover, arriving)?,
    };
    Ok(Outcome::Answered(position))
}

enum Judgement {
    Never(No),
    AgainAtDestination,
    Take(Arriving),
}

fn judge(
    turn: &Turn<'_>,
    arrival: &Arrival,
    header: &Header,
    record: Option<MessageRecord>,
) -> Result<Judgement, HistoryError> {
    let never = |reason| Ok(Judgement::Never(No { reason, vain: Vain::Chance }));
    if let Err(lie @ No { vain: Vain::Lie, .. }) = &arrival.verdict {
        return Ok(Judgement::Never(*lie));
    }
    if let Some(record) = record {
        if record.header != header.bytes {
            return never(Reason::ProofInvalid);
        }
        return match record.part {
            // It is here, whatever would be said of it now, or of the way by which it came once more.
            Part::Destination => Ok(Judgement::AgainAtDestination),
            Part::Origin | Part::Transit => never(Reason::Loop),
        };
    }
    // What somebody has from here, as was shown since it was lost, this node does not refuse.
    let before = lost::shown_before(&turn.rows, header.key())?;
    if let Some(next_hop) = said_before::passed_on_to(turn, &before)? {
        let onward = Arriving::ToPassOn { next_hop };
        return Ok(Judgement::Take(arrival.verdict.clone().unwrap_or(onward)));
    }
    let latest = header.address.expires_at.plus_millis(CLOCK_SKEW_MS_MAX);
    let is_late = turn.now > latest;
    let arriving = match &arrival.verdict {
        Ok(arriving) => arriving.clone(),
        // No directory takes it any more.
        Err(No { vain: Vain::Early | Vain::EarlyInside, .. }) if is_late => {
            return never(Reason::Expired);
        }
        Err(no) => return Ok(Judgement::Never(*no)),
    };
    if is_late {
        return never(Reason::Expired);
    }
    if agenda::is_void(&turn.rows, header.key())? {
        return never(Reason::OrderInvalid);
    }
    Ok(Judgement::Take(arriving))
}

fn take(
    turn: &mut Turn<'_>,
    arrival: &Arrival,
    header: Header,
    handover: Handover,
    arriving: Arriving,
) -> Result<u64, Decline> {
    let envelope = &arrival.envelope;
    let parts = |stored_key| Parts {
        wraps: &envelope.wraps_bytes,
        particulars: &envelope.particulars,
        content: &envelope.content,
        origin: Some(&envelope.origin),
        stored_key,
        attachments: &envelope.attachments,
    };
    let attachments = wire::envelope::count_attachments(&envelope.attachments);
    let readers = arrival.readers.clone();
    let key = header.key();
    let before = lost::shown_before(&turn.rows, key)?;
    let position = match arriving {
        Arriving::ToPassOn { next_hop } => {
            content::put(turn, key, &parts(None))?;
            let skeleton = Skeleton {
                next_hop: Some(next_hop),
                hops: arrival.hops,
                attachments,
                readers,
                trail: arrival.trail.clone(),
                ..Skeleton::default()
            };
            turn.record(Fact::TakenOver { header, handover }, skeleton)?
        }
        Arriving::ToReview { desk, opened } => {
            let Opened { particulars, stored_key, .. } = *opened;
            content::put(turn, key, &parts(stored_key.as_deref()))?;
            let skeleton = Skeleton {
                unreadable: particulars.is_none() || stored_key.is_none(),
                particulars,
                contact_point: Some(desk),
                hops: arrival.hops,
                attachments,
                readers,
                trail: arrival.trail.clone(),
                ..Skeleton::default()
            };
            turn.record(Fact::TakenOver { header, handover }, with_room(skeleton))?
        }
        Arriving::ForUs(opened) => {
            let Opened { particulars, stored_key, references } = *opened;
            if said_before::is_erased(turn, &before)? {
                content::put_proofs(&mut turn.beside, key, &parts(None));
            } else {
                content::put(turn, key, &parts(stored_key.as_deref()))?;
            }
            let directory = turn.setting.directory();
            let own = directory.agency(&turn.setting.agency);
            let desk = own.and_then(|record| record.contact_points.first());
            let unreadable = particulars.is_none() || stored_key.is_none();
            let contact_point =
                if particulars.is_none() { desk.map(|desk| desk.id.clone()) } else { None };
            let skeleton = Skeleton {
                particulars,
                contact_point,
                unreadable,
                references,
                attachments,
                readers,
                ..Skeleton::default()
            };
            turn.record(Fact::Delivered { header, handover }, skeleton)?
        }
    };
    said_before::after_coming(turn, &before)?;
    Ok(position)
}

/// What an entry that takes a message over holds beside its skeleton, at most: header, handover, names.
const BESIDE_SKELETON_BYTES: usize = HEADER_BYTES_MAX + 512;

/// A skeleton that fits its entry: beside long particulars it goes without the trail.
fn with_room(skeleton: Skeleton) -> Skeleton {
    let room = ENTRY_BYTES_MAX.saturating_sub(BESIDE_SKELETON_BYTES);
    let fits = wire::skeleton::write(&skeleton).len() <= room;
    if fits { skeleton } else { Skeleton { trail: Vec::new(), ..skeleton } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::TRAIL_MAX;

    #[test]
    fn a_trail_goes_with_an_entry_only_as_far_as_there_is_room() {
        let trail: Vec<_> = (0..TRAIL_MAX).map(|n| format!("int.n{n}").parse().unwrap()).collect();
        let with = |bytes: usize| Skeleton {
            principal: Some("p".repeat(bytes)),
            trail: trail.clone(),
            ..Skeleton::default()
        };
        let room = ENTRY_BYTES_MAX - BESIDE_SKELETON_BYTES;
        let beside = wire::skeleton::write(&with(1_000)).len() - 1_000;
        assert_eq!(with_room(with(room - beside)), with(room - beside), "it fits to the byte");
        let longer = with_room(with(room - beside + 1));
        assert_eq!(longer, Skeleton { trail: Vec::new(), ..with(room - beside + 1) });
    }
}
