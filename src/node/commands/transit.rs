//! An officer's word about a message that this reviewing transit holds (UNTOC 18(13)): it goes on, it is
//! given back with a reason, or it is remarked on.

use crate::domain::fact::{Fact, Reason};
use crate::domain::header::MessageKey;
use crate::domain::reviewing::{Remark, ReviewFact, ReviewWord};
use crate::domain::station::Station;
use crate::history::message::{self, MessageRecord};
use crate::history::readers;
use crate::history::under_review::{self, UnderReview};
use crate::identity::desks::Right;
use crate::identity::permission::Verb;
use crate::node::command::{Call, Outcome, TransitAct};
use crate::node::commands::{Decline, admitted, conclude};
use crate::node::desks;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::trail;
use crate::node::turn::Turn;
use crate::node::ways;
use crate::wire::skeleton::Skeleton;

/// Decides: by whoever reviews at the desk that holds the message, while it is held there and nobody
/// else has a lease on it. What could not be opened is given back and never let through.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    call: &Call,
    key: MessageKey,
    act: TransitAct,
) -> Result<Outcome, Decline> {
    let verb = match act {
        TransitAct::Release => Verb::ReleaseTransit,
        TransitAct::Return(_) => Verb::ReturnTransit,
        TransitAct::Annotate(_) => Verb::AnnotateTransit,
    };
    if let Some(position) = admitted(turn, call, verb)? {
        return Ok(Outcome::Done(position));
    }
    let record = message::find(&turn.rows, key)?.ok_or_else(Rejection::not_found)?;
    // Whoever does not read at the desk learns nothing of what is held there.
    if !record.was_reviewed_here()
        || !desks::allows(turn.setting, &record, &call.principal, Right::Read)
    {
        return Err(Rejection::not_found().into());
    }
    desks::demand_of(turn.setting, &call.principal, Right::Review, &record)?;
    let Some(held) = under_review::ROWS.find(&turn.rows, key)? else {
        let text = format!("the message is {} and not held for review", record.custody.as_str());
        return Err(forbids(text).with("custody", record.custody.as_str()).into());
    };
    let caller = call.principal.to_string();
    let claim = record.claim.as_ref().filter(|it| it.until > turn.now);
    if claim.is_some_and(|it| it.holder != caller) {
        let text = "another holder's lease on this message still runs";
        return Err(Rejection::new(RejectionReason::ClaimedByAnother, text).into());
    }
    let skeleton = Skeleton {
        principal: Some(caller),
        call: Some((call.key.clone(), call.fingerprint)),
        contact_point: Some(held.desk.clone()),
        ..Skeleton::default()
    };
    match act {
        TransitAct::Release => release(turn, (key, &record), &held, skeleton),
        TransitAct::Return(reason) => give_back(turn, (key, &record), (&held, reason), skeleton),
        TransitAct::Annotate(remark) => annotate(turn, (key, &record), remark, skeleton),
    }
}

/// Lets it go on, by the best way that there is now.
fn release(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    held: &UnderReview,
    skeleton: Skeleton,
) -> Result<Outcome, Decline> {
    if record.unreadable {
        let text = "the message can't be opened here, so nobody can look at it: give it back";
        return Err(forbids(text).into());
    }
    if record.erased.is_some() {
        let text =
            "the message was lost with the end of the journal, so there is nothing to let go on";
        return Err(forbids(text).into());
    }
    let header = record.header()?;
    // What may have been passed on before is asked about, however late: only so the doubt ends.
    if !held.again && turn.now >= header.address.expires_at {
        return Err(forbids("the message has expired and is given back").into());
    }
    let from = record.upstream.as_ref().unwrap_or(&header.address.origin);
    let readers = readers::of(&turn.rows, key)?;
    let trail = trail::known(&turn.rows, (key, record), &header.address.origin)?;
    let trail = trail.unwrap_or_default();
    let came = (from, record.hops, &trail[..]);
    let next = ways::onward(turn.setting, &header.address, (&readers, &readers), came);
    let next_hop = Some(next.ok_or_else(no_way)?);
    let message = message::reference(&header);
    let fact = Fact::Review(ReviewFact { message, word: ReviewWord::Released });
    Ok(Outcome::Done(turn.record(fact, Skeleton { next_hop, ..skeleton })?))
}

/// Gives it back: the signed non-delivery with the officer's reason.
fn give_back(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    (held, reason): (&UnderReview, Reason),
    skeleton: Skeleton,
) -> Result<Outcome, Decline> {
    if !Reason::OF_REVIEW.contains(&reason) {
        let text = "a reviewing transit gives back for one of its own reasons";
        return Err(Rejection::new(RejectionReason::ContentInvalid, text).into());
    }
    if held.again {
        let text = "the message may have been passed on before the end of the journal was lost: \
                    only a release asks the next hop";
        return Err(forbids(text).into());
    }
    Ok(conclude::end(turn, (key, record), reason, skeleton)?)
}

/// Remarks on it, each remark once.
fn annotate(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    remark: Remark,
    skeleton: Skeleton,
) -> Result<Outcome, Decline> {
    let stations = message::stations(&turn.rows, key, record)?;
    let said = |it: &message::StationRecord| it.own && it.station == Station::Annotated(remark);
    if stations.iter().any(said) {
        return Err(forbids("this remark was made about the message already").into());
    }
    let message = message::reference(&record.header()?);
    let fact = Fact::Review(ReviewFact { message, word: ReviewWord::Annotated(remark) });
    Ok(Outcome::Done(turn.record(fact, skeleton)?))
}

fn forbids(text: impl Into<String>) -> Rejection {
    Rejection::new(RejectionReason::StateForbids, text)
}

fn no_way() -> Rejection {
    let text = "no way leads to the destination of the message now";
    Rejection::new(RejectionReason::NoRoute, text)
}
