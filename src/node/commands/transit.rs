//! An officer's word about a message that this reviewing transit holds (UNTOC 18(13)): it goes on, it is
//! given back with a reason, it is remarked on, or its recipient is told something about it.

use crate::clock::Timestamp;
use crate::directory::freshness::Freshness;
use crate::domain::acts::Act;
use crate::domain::fact::{Fact, Reason};
use crate::domain::header::MessageKey;
use crate::domain::reviewing::{Remark, ReviewFact, ReviewWord};
use crate::domain::station::Station;
use crate::history::message::{self, MessageRecord};
use crate::history::readers;
use crate::history::rows::HistoryError;
use crate::history::under_review::{self, UnderReview};
use crate::identity::desks::Right;
use crate::identity::permission::Verb;
use crate::identity::principal::Principal;
use crate::node::command::{Call, Outcome, TransitAct};
use crate::node::commands::{Decline, admitted, conclude, submit};
use crate::node::desks;
use crate::node::noting::{self, Held};
use crate::node::owed;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sealing::{PrepareError, SealedMessage};
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
    let verb = match &act {
        TransitAct::Release => Verb::ReleaseTransit,
        TransitAct::Return(_) => Verb::ReturnTransit,
        TransitAct::Annotate(_) | TransitAct::Note(_) => Verb::AnnotateTransit,
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
        TransitAct::Annotate(Remark::Noted) => {
            let text = "it says that there is a note: give its words";
            Err(Rejection::new(RejectionReason::ContentInvalid, text).into())
        }
        TransitAct::Annotate(remark) => annotate(turn, (key, &record), remark, skeleton),
        TransitAct::Note(text) => {
            let note = noted(turn, &call.principal, (&record, &held), text)?;
            let outcome = annotate(turn, (key, &record), Remark::Noted, skeleton)?;
            send(turn, call, &note)?;
            Ok(outcome)
        }
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
    if let Some(asks) = turn.asks_about(record) {
        return Err(asks.rejection().into());
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

/// A note, and until when this agency keeps what it says.
struct Noted {
    sealed: SealedMessage,
    keep_until: Timestamp,
}

/// The note about a message that is held, sealed: it is sent from the desk that holds the message, by who may
/// send from there, and goes to nobody who may not read the message.
fn noted(
    turn: &Turn<'_>,
    caller: &Principal,
    (record, held): (&MessageRecord, &UnderReview),
    text: String,
) -> Result<Noted, Decline> {
    let header = record.header()?;
    let readable = record.particulars.as_ref().filter(|_| record.erased.is_none());
    let Some(particulars) = readable else {
        let text = "the message can't be opened here, so there is nothing to say about it";
        return Err(forbids(text).into());
    };
    if particulars.bearing.noted().is_some() {
        return Err(forbids("the message is a note itself").into());
    }
    if turn.now >= header.address.expires_at {
        return Err(forbids("the message has expired and is given back").into());
    }
    submit::takes_on_more(turn)?;
    if turn.setting.freshness() == Freshness::Ended {
        return Err(Rejection::directory_stale().into());
    }
    desks::demand(turn.setting, caller, Right::Send, &held.desk)?;
    let act = Act::SpontaneousInformation;
    if turn.setting.desks().four_eyes(&held.desk, particulars.kind, act).is_some() {
        let text = "the agency's policy wants a second pair of eyes for what is sent from that desk, \
                    and a note has none";
        return Err(forbids(text).into());
    }
    let readers = readers::of(&turn.rows, header.key())?;
    let about = Held { header: &header, particulars, desk: &held.desk, readers: &readers };
    let sealed =
        noting::seal(turn.setting, turn.now, about, text).map_err(|error| match error {
            PrepareError::Rejected(rejection) => Decline::Rejected(rejection),
            PrepareError::History(error) => Decline::Stopped(error),
        })?;
    Ok(Noted { sealed, keep_until: owed::note_kept_until(turn.setting, particulars, turn.now) })
}

/// Records the note as sent, right behind the word that there is one.
fn send(turn: &mut Turn<'_>, call: &Call, note: &Noted) -> Result<(), HistoryError> {
    let Noted { sealed, keep_until } = note;
    submit::lay(turn, sealed)?;
    let skeleton = Skeleton {
        principal: Some(call.principal.to_string()),
        particulars: Some(sealed.particulars.clone()),
        next_hop: Some(sealed.next_hop.clone()),
        readers: sealed.readers.clone(),
        keep_until: Some(*keep_until),
        ..Skeleton::default()
    };
    turn.record(Fact::Submitted { header: sealed.header.clone() }, skeleton)?;
    Ok(())
}

fn forbids(text: impl Into<String>) -> Rejection {
    Rejection::new(RejectionReason::StateForbids, text)
}

fn no_way() -> Rejection {
    let text = "no way leads to the destination of the message now";
    Rejection::new(RejectionReason::NoRoute, text)
}
