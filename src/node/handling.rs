//! What handling forbids at the door: classification above the node's ceiling, labels weaker than
//! what is answered or passed on, and passing on without the originator's consent.

use crate::domain::draft::Draft;
use crate::domain::handling::{Label, Onward, Respect};
use crate::domain::ids::{AgencyId, RequestId, StateCode};
use crate::domain::violation::Violation;
use crate::history::message::{self, MessageRecord};
use crate::history::requests;
use crate::history::rows::{HistoryError, Rows};
use crate::node::course;
use crate::node::passing_on;
use crate::node::setting::Setting;
use crate::node::sight::{self, Sight};

/// The rule of labels and onward transmission.
pub const ORIGINATOR: &str = "R-USE-ORIGINATOR";
/// Where it is written down.
const ORIGINATOR_SOURCE: &str = "Protocol 10(2); UNTOC 18(5)";
/// The rule of classification.
pub const CEILING: &str = "R-HANDLING-CEILING";

/// A message on its way out, as handling sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// What is to be sent.
    pub draft: &'a Draft,
    /// Its request.
    pub request: RequestId,
    /// To which agencies.
    pub destinations: &'a [AgencyId],
    /// Who sends it, a SPIFFE id.
    pub caller: &'a str,
}

/// Everything that handling forbids about a sending; empty if nothing.
pub fn forbidden<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    sending: Sending<'_>,
) -> Result<Vec<Violation>, HistoryError> {
    let Sending { draft, request, destinations, caller } = sending;
    let mut found = Vec::new();
    let label = &draft.bearing.label;
    if !label.within(setting.policy.ceiling) {
        let text = "this node is not accredited for this classification";
        found.push(
            Violation::new("/handling/classification", "ABOVE_CEILING", text).by(CEILING, "policy"),
        );
    }
    for parent in parents(rows, draft, request)? {
        found.extend(weaker(setting, label, &parent));
    }
    if let Some(relayed) = draft.bearing.relay_of {
        let mut seen = false;
        for record in known(rows, relayed)? {
            if sight::of_message(setting, rows, &record, caller)? == Sight::Full {
                seen = true;
                onward(setting, rows, &record, ("/relay_of", destinations), &mut found)?;
            }
        }
        if !seen {
            // The same for what is absent and for what the caller may not know of.
            let text = "there is no such message, or none for you, to be passed on";
            let violation = Violation::new("/relay_of", "RELAYED_MESSAGE_UNKNOWN", text);
            found.push(violation.by(ORIGINATOR, ORIGINATOR_SOURCE));
        }
    }
    if let (Some(desk), Some(opening)) =
        (draft.bearing.passed_on(), passing_on::opening(rows, request)?)
    {
        let to = std::slice::from_ref(desk.agency());
        onward(setting, rows, &opening, ("/redirect/passed_on", to), &mut found)?;
    }
    found.dedup();
    Ok(found)
}

/// The labels of what the draft answers and of what it passes on.
fn parents<R: Rows + ?Sized>(
    rows: &R,
    draft: &Draft,
    request: RequestId,
) -> Result<Vec<Label>, HistoryError> {
    let mut found = answered(rows, draft, Some(request))?;
    if let Some(id) = draft.bearing.relay_of {
        let relayed = known(rows, id)?.into_iter().filter_map(|it| it.particulars);
        found.extend(relayed.map(|it| it.bearing.label));
    }
    Ok(found)
}

/// The labels of the request and of what the draft answers in it. What stands in another request is
/// no answer and lends no label.
pub fn answered<R: Rows + ?Sized>(
    rows: &R,
    draft: &Draft,
    request: Option<RequestId>,
) -> Result<Vec<Label>, HistoryError> {
    let opens = course::opens(draft.act);
    let mut found = Vec::new();
    if let Some(id) = draft.in_reply_to {
        let answered = known(rows, id)?.into_iter().filter_map(|it| it.particulars);
        let answered = answered.filter(|it| opens || Some(it.request) == request);
        found.extend(answered.map(|it| it.bearing.label));
    }
    if let Some(request) = request.filter(|_| !opens) {
        found.extend(requests::find(rows, request)?.map(|it| it.label));
    }
    Ok(found)
}

/// The messages of that id that this agency sent or received.
fn known<R: Rows + ?Sized>(
    rows: &R,
    id: crate::domain::ids::MessageId,
) -> Result<Vec<MessageRecord>, HistoryError> {
    let mut found = Vec::new();
    for key in message::by_id(rows, id)? {
        found.extend(message::find(rows, key)?);
    }
    Ok(found)
}

/// Only the originator lowers a label.
fn weaker(setting: &Setting, label: &Label, parent: &Label) -> Option<Violation> {
    let own = StateCode::of(&setting.agency);
    if own.is_some() && own == parent.originator {
        return None;
    }
    let respects = label.weaker_than(parent);
    let pointer = match respects.first()? {
        Respect::Tlp => "/handling/tlp",
        Respect::Codes => "/handling/handling_code",
        Respect::Classification => "/handling/classification",
        Respect::Onward => "/handling/onward_sharing",
    };
    let text = "it is at least as strict as what it answers or passes on; only the originator \
                lowers a label";
    let violation = Violation::new(pointer, "LABEL_WEAKER_THAN_PARENT", text);
    Some(violation.by(ORIGINATOR, ORIGINATOR_SOURCE))
}

/// Content goes on to another State only as its originator allows, or whoever it came from. Nobody
/// consents to its own wish.
fn onward<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    relayed: &MessageRecord,
    (pointer, destinations): (&str, &[AgencyId]),
    found: &mut Vec<Violation>,
) -> Result<(), HistoryError> {
    let Some(particulars) = &relayed.particulars else {
        return Ok(());
    };
    let label = &particulars.bearing.label;
    let own = StateCode::of(&setting.agency);
    if own.is_some() && own == label.originator {
        return Ok(());
    }
    let origin = relayed.header()?.address.origin;
    let given =
        requests::find(rows, particulars.request)?.map(|it| it.consented).unwrap_or_default();
    let counts = |giver: &AgencyId| {
        let originator = label.originator.is_some() && StateCode::of(giver) == label.originator;
        *giver != setting.agency && (originator || *giver == origin)
    };
    for destination in destinations {
        let state = StateCode::of(destination);
        let home = state.is_some() && (state == label.originator || state == own);
        let consented = given.iter().any(|(by, to)| Some(*to) == state && counts(by));
        let allowed = match label.onward {
            Onward::Free => true,
            Onward::OriginatorConsent => home || consented,
            Onward::Forbidden => false,
        };
        if !allowed {
            let text = "the originator has not consented that this goes to that State";
            let violation = Violation::new(pointer, "ORIGINATOR_RESTRICTION_BROKEN", text);
            found.push(violation.by(ORIGINATOR, ORIGINATOR_SOURCE));
        }
    }
    Ok(())
}
