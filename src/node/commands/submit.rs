//! Send a message: the worked example of a command.

use crate::directory::Wanted;
use crate::directory::freshness::Freshness;
use crate::domain::acts::Act;
use crate::domain::draft::Draft;
use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, ContactPointId, MessageId};
use crate::domain::lifecycle::{Impossible, Side, UNHEARD_ACTS_MAX};
use crate::domain::violation::Violation;
use crate::history::addressed::{self, Addressed};
use crate::history::drafts::DraftState;
use crate::history::requests::RequestRecord;
use crate::history::rows::HistoryError;
use crate::history::{dockets, known, lost, message, readers, requests};
use crate::identity::permission::{Verb, permitted};
use crate::law;
use crate::node::attachments::sending;
use crate::node::command::{Call, Outcome, Submission, Submitted};
use crate::node::commands::{Decline, drafting, key_reused, named_shortly};
use crate::node::content::{self, Parts};
use crate::node::course::{self, Prospect};
use crate::node::handling::{self, Sending};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sealing::{self, Plan, PrepareError, SealedMessage};
use crate::node::turn::Turn;
use crate::node::{desks, noting, passing_on, records, references, sight};
use crate::wire;
use crate::wire::skeleton::Skeleton;

/// Sealed content of all messages of one call, in bytes: they share one commit. Two of the largest.
const SUBMISSION_BYTES_MAX: usize = 2_176 * 1024;

/// Decides a submission: permitted, not seen before, well addressed, possible now; then records
/// one fact for each destination.
pub(super) fn decide(turn: &mut Turn<'_>, submission: Submission) -> Result<Outcome, Decline> {
    if !permitted(submission.call.principal.role, Verb::SendMessage) {
        let text = "this role may not send messages";
        return Err(Rejection::new(RejectionReason::RoleNotPermitted, text).into());
    }
    named_shortly(&submission.call)?;
    if let Some(outcome) = repeated(turn, &submission.call)? {
        return Ok(outcome);
    }
    let messages = judged(turn, &submission)?;
    let draft = &submission.draft;
    match turn.setting.desks().four_eyes(&draft.from, draft.kind, draft.act) {
        Some(within_ms) if !submission.validate_only => {
            drafting::make(turn, &submission, within_ms)
        }
        Some(_) | None => Ok(Outcome::Submitted(sent(turn, &submission, messages, None)?, false)),
    }
}

/// What is to be sent, sealed: well addressed, possible now, allowed by its handling, and new. Nothing
/// is written but a refusal by handling.
pub(super) fn judged(
    turn: &mut Turn<'_>,
    submission: &Submission,
) -> Result<Vec<SealedMessage>, Decline> {
    if !submission.validate_only {
        takes_on_more(turn)?;
    }
    if turn.setting.freshness() == Freshness::Ended {
        return Err(Rejection::directory_stale().into());
    }
    let total: usize = submission.messages.iter().map(|it| it.sealed_content.len()).sum();
    if total > SUBMISSION_BYTES_MAX {
        let text = format!("one call seals at most {SUBMISSION_BYTES_MAX} bytes, not {total}");
        return Err(Rejection::new(RejectionReason::LimitExceeded, text).into());
    }
    // What was sent once is told as that, whatever has become of desks and ways since.
    if let Some(message) = submission.draft.message {
        demand_new(turn, MessageKey::new(&turn.setting.agency, message))?;
    }
    addressed(turn, submission)?;
    still_competent(turn, &submission.draft)?;
    possible(turn, submission)?;
    if let Some(rejection) =
        passing_on::forbidden(&turn.rows, &submission.draft, submission.request)?
    {
        return Err(rejection.into());
    }
    handled(turn, submission)?;
    let messages = fitted(turn, submission)?;
    for sealed in &messages {
        sending::must_be_here(turn, sealed.attached.as_deref())?;
        demand_new(turn, sealed.header.key())?;
    }
    Ok(messages)
}

/// Has the node room for what is to be sent, and is it not being emptied?
pub(super) fn takes_on_more(turn: &Turn<'_>) -> Result<(), Decline> {
    if turn.setting.is_storage_low() {
        return Err(Rejection::storage_low().into());
    }
    if records::draining(turn.setting.store.as_ref())?.is_some() {
        return Err(Rejection::draining().into());
    }
    Ok(())
}

/// Refuses what this agency has sent before.
fn demand_new(turn: &Turn<'_>, key: MessageKey) -> Result<(), Decline> {
    if lost::was_sent(&turn.rows, key)? {
        let text = "this agency has already sent a message with this id";
        return Err(Rejection::new(RejectionReason::MessageExists, text).into());
    }
    Ok(())
}

/// Records one fact for each message, which may have been a draft.
pub(super) fn sent(
    turn: &mut Turn<'_>,
    submission: &Submission,
    messages: Vec<SealedMessage>,
    of_draft: Option<MessageId>,
) -> Result<Vec<Submitted>, HistoryError> {
    let mut submitted = Vec::with_capacity(messages.len());
    for sealed in messages {
        let position = if submission.validate_only {
            None
        } else {
            Some(record(turn, submission, &sealed, of_draft)?)
        };
        submitted.push(Submitted {
            message: sealed.header.address.message,
            request: submission.request,
            destination: sealed.header.address.destination.clone(),
            expires_at: sealed.header.address.expires_at,
            readers: sealed.readers,
            to: sealed.particulars.to,
            addressed: submission.draft.competence.map(|competence| {
                let directory_version = turn.setting.directory().version();
                Addressed { competence, directory_version }
            }),
            position,
        });
    }
    Ok(submitted)
}

/// The answer to a call that was accepted before: the same, for the same call.
fn repeated(turn: &Turn<'_>, call: &Call) -> Result<Option<Outcome>, Decline> {
    let Some(known) = known::call(&turn.rows, &call.principal.to_string(), &call.key)? else {
        return Ok(None);
    };
    if known.fingerprint != call.fingerprint {
        return Err(key_reused().into());
    }
    let mut positions = known.positions;
    if let Some(first) = positions.first().copied()
        && let Some((draft, record)) = drafting::made_by(turn, first)?
    {
        if record.state != DraftState::Approved {
            return Ok(Some(Outcome::Drafted(draft)));
        }
        positions = record.became;
    }
    Ok(Some(Outcome::Submitted(resubmitted_all(turn, &positions)?, true)))
}

/// The messages of these entries, as they were submitted.
pub(super) fn resubmitted_all(
    turn: &Turn<'_>,
    positions: &[u64],
) -> Result<Vec<Submitted>, Decline> {
    positions.iter().map(|position| resubmitted(turn, *position)).collect()
}

fn resubmitted(turn: &Turn<'_>, position: u64) -> Result<Submitted, Decline> {
    let damaged = || HistoryError::Damaged { what: "entry of a known call" };
    let mut found = turn.entry_bytes(position)?;
    let bytes = found.pop().ok_or_else(damaged)?;
    let entry = wire::entry::read(&bytes).map_err(|_| damaged())?;
    let Fact::Submitted { header } = entry.fact else {
        return Err(key_reused().into());
    };
    let record = message::find(&turn.rows, header.key())?.ok_or_else(damaged)?;
    let readers = readers::of(&turn.rows, header.key())?;
    let addressed = addressed::ROWS.find(&turn.rows, header.key())?;
    let particulars = record.particulars.ok_or_else(damaged)?;
    Ok(Submitted {
        message: header.address.message,
        request: particulars.request,
        destination: header.address.destination,
        expires_at: header.address.expires_at,
        readers,
        to: particulars.to,
        addressed,
        position: Some(position),
    })
}

/// Sender and recipients stand in the directory, the sender here and the recipients elsewhere.
fn addressed(turn: &Turn<'_>, submission: &Submission) -> Result<(), Decline> {
    let directory = &turn.setting.directory();
    let draft = &submission.draft;
    if *draft.from.agency() != turn.setting.agency || directory.contact_point(&draft.from).is_none()
    {
        let text = format!("{} is no contact point of {}", draft.from, turn.setting.agency);
        return Err(Rejection::new(RejectionReason::NotYourContactPoint, text).into());
    }
    desks::demand_sending(turn.setting, &submission.call.principal, draft)?;
    let unknown = |(index, desk): (usize, &ContactPointId)| {
        let pointer = format!("/to/{index}");
        if *desk.agency() == turn.setting.agency {
            let text = format!("{desk} is a contact point of your own agency");
            return Some(Violation::new(pointer, "RECIPIENT_IS_SENDER", text));
        }
        let text = format!("{desk} is not in the directory");
        let missing = directory.contact_point(desk).is_none();
        missing.then_some(Violation::new(pointer, "UNKNOWN_CONTACT_POINT", text))
    };
    let mut violations: Vec<Violation> = draft.to.iter().enumerate().filter_map(unknown).collect();
    let agencies = sealing::destinations(draft).len();
    let named = agencies - usize::from(draft.bearing.passed_on().is_some());
    if draft.message.is_some() && named > 1 {
        let text = "several agencies get one message each, so the node names them".to_owned();
        let pointer = "/message_id".to_owned();
        violations.push(Violation::new(pointer, "MESSAGE_ID_AMBIGUOUS", text));
    }
    if violations.is_empty() { Ok(()) } else { Err(Rejection::content(violations).into()) }
}

/// Whoever was competent when the message was read is so by the directory that its entry will name.
fn still_competent(turn: &Turn<'_>, draft: &Draft) -> Result<(), Decline> {
    let Some(asked) = &draft.competence else {
        return Ok(());
    };
    let (directory, wanted) = (turn.setting.directory(), Wanted::by(asked, draft.kind));
    let found = directory.addressee(&turn.setting.agency, &wanted, turn.now);
    if found.is_ok_and(|desk| draft.to.as_slice() == [desk.id.clone()]) {
        return Ok(());
    }
    let text = "who is competent changed just now; send it again";
    Err(Rejection::new(RejectionReason::CompetenceMoved, text).into())
}

/// The act is possible in the state of the request at each destination.
fn possible(turn: &Turn<'_>, submission: &Submission) -> Result<(), Decline> {
    let draft = &submission.draft;
    let known = requests::find(&turn.rows, submission.request)?;
    if course::opens(draft.act) {
        return match known {
            Some(request) => again(turn, submission, &request),
            None => Ok(()),
        };
    }
    let caller = submission.call.principal.to_string();
    let Some(request) = known else {
        return Err(Rejection::not_found().into());
    };
    if !sight::has(turn.setting, &turn.rows, submission.request, &caller)? {
        return Err(Rejection::not_found().into());
    }
    if let Some(answered) = draft.in_reply_to
        && noting::is_note(&turn.rows, answered)?
    {
        let text = "it is a reviewing transit's note: answer the message that it is about";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    }
    if !draft.kind.belongs_to(request.kind) {
        let text = format!("{} does not belong to a request of kind {}", draft.kind, request.kind);
        let pointer = "/kind".to_owned();
        let violation = Violation::new(pointer, "KIND_OF_ANOTHER_REQUEST", text);
        return Err(Rejection::content(vec![violation]).into());
    }
    let mut outside = Vec::new();
    for (agency, _) in sealing::destinations(draft) {
        let id = submission.request;
        match course::prospect(turn.setting, &turn.rows, draft, id, &agency)? {
            Prospect::Opens | Prospect::Possible(_) => {}
            Prospect::Impossible(impossible) => {
                return Err(state_forbids(draft.act, &agency, &impossible).into());
            }
            Prospect::NoSuchItem(place) => return Err(no_such_item(place).into()),
            Prospect::Full => return Err(unheard(&agency).into()),
            Prospect::Unknown => return Err(Rejection::not_found().into()),
            Prospect::Outsider => outside.extend(outsiders(draft, &agency)),
        }
    }
    if outside.is_empty() { Ok(()) } else { Err(Rejection::content(outside).into()) }
}

/// The desks of an agency that has no part in the request: each is one too many.
fn outsiders<'a>(draft: &'a Draft, agency: &'a AgencyId) -> impl Iterator<Item = Violation> + 'a {
    let desks = draft.to.iter().enumerate().filter(move |(_, desk)| desk.agency() == agency);
    desks.map(move |(place, _)| law::outside(draft.kind, place))
}

/// A request that is known goes to one more agency, as it was: to the authority that is competent,
/// after another one said so.
fn again(turn: &Turn<'_>, submission: &Submission, request: &RequestRecord) -> Result<(), Decline> {
    let (draft, id) = (&submission.draft, submission.request);
    let own = requests::side(request, &turn.setting.agency) == Side::Requester;
    let same = draft.act == Act::Request && draft.kind == request.kind;
    let mut fresh = own && same;
    for (agency, _) in sealing::destinations(draft) {
        fresh &= dockets::party(&turn.rows, id, &agency)?.is_none();
    }
    if fresh && sight::has(turn.setting, &turn.rows, id, &submission.call.principal.to_string())? {
        return Ok(());
    }
    let text = "a request with this id is known already";
    Err(Rejection::new(RejectionReason::RequestExists, text).into())
}

fn no_such_item(place: usize) -> Rejection {
    let text = "the request has no such item";
    let pointer = format!("/items/{place}");
    Rejection::content(vec![Violation::new(pointer, "ITEM_UNKNOWN", text)])
}

fn unheard(agency: &AgencyId) -> Rejection {
    let text = format!("{agency} has answered none of the last {UNHEARD_ACTS_MAX} messages");
    Rejection::new(RejectionReason::LimitExceeded, text)
        .with("limit", "unanswered messages")
        .with("unit", "messages")
        .with("allowed", UNHEARD_ACTS_MAX.to_string())
}

/// Handling allows that it goes there; what it forbids is put on record.
fn handled(turn: &mut Turn<'_>, submission: &Submission) -> Result<(), Decline> {
    let draft = &submission.draft;
    let destinations: Vec<AgencyId> =
        sealing::destinations(draft).into_iter().map(|(agency, _)| agency).collect();
    let request = submission.request;
    let mut found = submission.forbidden.clone();
    let caller = submission.call.principal.to_string();
    let sending = Sending { draft, request, destinations: &destinations, caller: &caller };
    found.extend(handling::forbidden(turn.setting, &turn.rows, sending)?);
    let Some(first) = found.first() else {
        return Ok(());
    };
    if !submission.validate_only {
        let skeleton = Skeleton {
            principal: Some(submission.call.principal.to_string()),
            contact_point: Some(draft.from.clone()),
            rule: Some(first.rule.to_owned()),
            ..Skeleton::default()
        };
        turn.record(Fact::TransmissionRefused, skeleton)?;
    }
    let text = format!("{}: {}", first.pointer, first.text);
    let rejection = Rejection::new(RejectionReason::HandlingForbids, text);
    Err(Rejection { violations: found, ..rejection }.into())
}

fn state_forbids(act: Act, agency: &AgencyId, impossible: &Impossible) -> Rejection {
    let acts: Vec<&str> = impossible.possible.iter().map(|act| act.as_str()).collect();
    let acts = acts.join(", ");
    let text = format!("{act} to {agency} is not possible now; possible: {acts}");
    Rejection::new(RejectionReason::StateForbids, text).with("possible_acts", acts)
}

/// The messages as sealed ahead, or sealed again where another message came first.
fn fitted(turn: &Turn<'_>, submission: &Submission) -> Result<Vec<SealedMessage>, Decline> {
    let plan = Plan {
        request: submission.request,
        now: turn.now,
        expires_in_ms: submission.expires_in_ms,
    };
    let (setting, draft) = (turn.setting, &submission.draft);
    let mut fits = true;
    for sealed in &submission.messages {
        fits &= sealing::still_fits(setting, &turn.rows, draft, &plan, sealed)?;
    }
    if fits {
        return Ok(submission.messages.clone());
    }
    let sealed: Result<Vec<_>, _> = sealing::destinations(&submission.draft)
        .iter()
        .map(|to| {
            let before = submission.messages.iter();
            let mut before = before.filter(|it| it.header.address.destination == to.0);
            let attached = before.next().and_then(|it| it.attached.as_ref());
            sealing::seal_for(setting, &turn.rows, draft, &plan, to, attached)
        })
        .collect();
    sealed.map_err(|error| match error {
        PrepareError::Rejected(rejection) => Decline::Rejected(rejection),
        PrepareError::History(error) => Decline::Stopped(error),
    })
}

fn record(
    turn: &mut Turn<'_>,
    submission: &Submission,
    sealed: &SealedMessage,
    of_draft: Option<MessageId>,
) -> Result<u64, HistoryError> {
    let (call, draft) = (&submission.call, &submission.draft);
    lay(turn, sealed)?;
    let skeleton = Skeleton {
        attachments: wire::envelope::count_attachments(&sealed.attachments),
        principal: Some(call.principal.to_string()),
        call: Some((call.key.clone(), call.fingerprint)),
        particulars: Some(sealed.particulars.clone()),
        next_hop: Some(sealed.next_hop.clone()),
        readers: sealed.readers.clone(),
        references: references::marks(turn.setting, &draft.references),
        of_draft,
        competence: draft.competence,
        ..Skeleton::default()
    };
    turn.record(Fact::Submitted { header: sealed.header.clone() }, skeleton)
}

/// Lays what is sealed beside the entry that submits it.
pub(super) fn lay(turn: &mut Turn<'_>, sealed: &SealedMessage) -> Result<(), HistoryError> {
    let key: MessageKey = sealed.header.key();
    let parts = Parts {
        wraps: &sealed.wraps,
        particulars: &sealed.sealed_particulars,
        content: &sealed.sealed_content,
        origin: None,
        stored_key: Some(&sealed.stored_key),
        attachments: &sealed.attachments,
    };
    content::put(turn, key, &parts)?;
    match &sealed.attached {
        Some(attached) => sending::attach(turn, key, attached),
        None => Ok(()),
    }
}
