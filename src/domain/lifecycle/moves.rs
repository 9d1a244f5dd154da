//! The rules, by side and act. Each arm names the states from which its act is possible.
//!
//! The course follows UNTOC article 18 and Protocol article 8, with acknowledgements after the
//! European Investigation Order (art. 16), and is wide enough that no story ends in a state nobody
//! can leave:
//!
//! - Conditions can be offered during execution too, and at sea from receipt on: a flag State
//!   decides item by item, often registry first. They may be offered again while they are pending,
//!   and out of a consultation, which is what UNTOC 18(26) has it for.
//! - A consultation can end in execution, and can begin during execution (UNTOC 18(25)).
//! - A question can be asked again; a requester that never answers is consulted, then refused.
//! - A flag State's authorisation hands execution to the requester. From then on a result of the
//!   flag State doesn't end the request: the requester's report does (Protocol 8(3)).
//! - A wrong authority says who is competent, and passes the request on; its course is then left to
//!   be closed. Where it may not, its course waits for the requester to send the same request there.
//!   Where another desk of its own agency is competent, that one acknowledges.
//! - After a refusal in part the rest can still be delivered; after a result, a corrected one.
//! - Use limits and confidentiality survive closing, and so do the acts that speak of them.

use super::{Course, Move, Side, State, Step};
use crate::domain::acts::Act;
use crate::domain::kinds::Profile;

use State::{
    AwaitingRequester, Closed, ConditionsPending, Consulting, Delivered, DeliveredResult, Executed,
    InExamination, InExecution, Informed, Offered, PartiallyExecuted, Postponed, Received,
    Redirected, Refused, Sent, Withdrawn,
};

/// What `act` by `side` does to `course` under the rules of `profile`; `None` if it is impossible.
pub(super) fn after(course: &Course, act: Act, side: Side, profile: Profile) -> Option<Move> {
    match (course.state, side) {
        (Closed, _) => closed(act, side),
        (Informed, _) => informed(act, side),
        (Offered, _) => offered(act, side),
        (AwaitingRequester, _) if course.before == Some(Informed) => accepted(act, side),
        (_, Side::Requester) => requester(course, act, profile),
        (_, Side::Requested) => requested(course, act, profile),
    }
}

/// Does this step hand execution to the requester? Accepting the conditions of a measure does, and
/// so does an authorisation without conditions.
pub(super) fn hands_over(step: Step<'_>) -> bool {
    let authorises = matches!(step.outcome, Some("authorised" | "board_jointly"));
    step.kind.is_measure()
        && match step.side {
            Side::Requester => step.act == Act::ConditionsAccept,
            Side::Requested => authorises && matches!(step.act, Act::PartialResult | Act::Result),
        }
}

/// `Some(mv)` if `state` is one of `from`.
fn from(state: State, from: &[State], mv: Move) -> Option<Move> {
    from.contains(&state).then_some(mv)
}

/// Changes nothing, and is possible if `possible`.
fn stay(possible: bool) -> Option<Move> {
    possible.then_some(Move::Stay)
}

fn requester(course: &Course, act: Act, profile: Profile) -> Option<Move> {
    let state = course.state;
    match act {
        Act::Supplement if state == AwaitingRequester => Some(Move::Back),
        Act::Supplement | Act::Amendment | Act::ProgressQuery | Act::CostConsultation => {
            stay(state.is_open())
        }
        Act::Consultation => from(state, &[Consulting], Move::Stay),
        Act::ConditionsAccept => from(state, &[ConditionsPending], Move::To(InExecution)),
        Act::ConditionsDecline => from(state, &[ConditionsPending], Move::To(InExamination)),
        Act::ReceiptOfResult => from(state, &[Executed], Move::To(DeliveredResult)).or(from(
            state,
            &[PartiallyExecuted],
            Move::Stay,
        )),
        // Measures taken under an authorisation (Protocol 8(3)). What was done before there was
        // one, because lives were in imminent danger (8(5)), is told in a supplement.
        Act::MeasureReport if profile == Profile::Sea && course.executes == Side::Requester => {
            from(state, &[InExecution, PartiallyExecuted], Move::To(Executed)).or(Some(Move::Stay))
        }
        Act::SafeConductNotice => stay(profile == Profile::Mla),
        Act::Withdrawal => state.is_open().then_some(Move::To(State::Withdrawn)),
        // A redirected request goes on at the competent authority; here it can be closed.
        Act::Closing => {
            from(state, &[Executed, DeliveredResult, Refused, Withdrawn, Redirected], Move::Close)
        }
        Act::UseConsentRequest
        | Act::UseConsent
        | Act::ExculpatoryNotice
        | Act::UsefulnessFeedback
        | Act::Recall => Some(Move::Stay),
        Act::MeasureReport
        | Act::Request
        | Act::SpontaneousInformation
        | Act::AckReceipt
        | Act::RedirectNotice
        | Act::TransmittedForExecution
        | Act::ClarificationRequest
        | Act::ConditionsOffer
        | Act::ProgressReport
        | Act::Postponement
        | Act::Resumption
        | Act::PartialResult
        | Act::Result
        | Act::Refusal
        | Act::WithdrawalConfirmed
        | Act::ConfidentialityImpossible
        | Act::Reopening => None,
    }
}

fn requested(course: &Course, act: Act, profile: Profile) -> Option<Move> {
    // An answer shows that the request has arrived.
    let state = course.delivered().state;
    // Mutual legal assistance goes from the central authority to the one that executes; elsewhere
    // whoever receives may answer at once, and may refuse without consulting first.
    let direct = profile != Profile::Mla;
    match act {
        Act::AckReceipt if matches!(state, Delivered | Redirected) => {
            // A notice awaits nothing but its receipt.
            let notice = profile == Profile::Receipt;
            Some(Move::To(if notice { Executed } else { Received }))
        }
        // Every executing authority acknowledges, and so are reports (Protocol 8(3)).
        Act::AckReceipt => Some(Move::Stay),
        Act::RedirectNotice => from(state, &[Received], Move::To(Redirected)),
        Act::TransmittedForExecution => from(state, &[Received], Move::To(InExamination)),
        Act::ClarificationRequest => {
            from(state, &[Received, InExamination, InExecution, PartiallyExecuted], Move::Ask)
                .or(from(state, &[AwaitingRequester], Move::Stay))
        }
        Act::Consultation => consultation(state, direct),
        Act::ConditionsOffer => conditions_offer(state, profile),
        Act::ProgressReport | Act::PartialResult | Act::Result => execution(course, act, direct),
        Act::Refusal => refusal(state, direct),
        Act::Postponement => from(state, &[Consulting], Move::To(Postponed)),
        Act::Resumption => from(state, &[Postponed], Move::To(InExecution)),
        Act::CostConsultation => stay(state.is_open()),
        Act::MeasureReport => stay(profile == Profile::Sea),
        Act::SafeConductNotice => stay(profile == Profile::Mla),
        Act::WithdrawalConfirmed => from(state, &[Withdrawn], Move::Stay),
        // A proposal: the requester closes.
        Act::Closing => from(state, &[Executed, DeliveredResult, Refused, Withdrawn], Move::Stay),
        Act::UseConsentRequest
        | Act::UseConsent
        | Act::ExculpatoryNotice
        | Act::ConfidentialityImpossible
        | Act::Recall => Some(Move::Stay),
        Act::Request
        | Act::SpontaneousInformation
        | Act::Supplement
        | Act::Amendment
        | Act::ConditionsAccept
        | Act::ConditionsDecline
        | Act::ProgressQuery
        | Act::ReceiptOfResult
        | Act::Withdrawal
        | Act::UsefulnessFeedback
        | Act::Reopening => None,
    }
}

fn consultation(state: State, direct: bool) -> Option<Move> {
    match state {
        InExamination | AwaitingRequester | ConditionsPending | Postponed | InExecution
        | PartiallyExecuted => Some(Move::To(Consulting)),
        Received => direct.then_some(Move::To(Consulting)),
        Consulting => Some(Move::Stay),
        Sent | Delivered | Redirected | Withdrawn | Refused | Executed | DeliveredResult
        | Offered | Informed | Closed => None,
    }
}

fn conditions_offer(state: State, profile: Profile) -> Option<Move> {
    match state {
        InExamination | Consulting | InExecution | PartiallyExecuted => {
            Some(Move::To(ConditionsPending))
        }
        Received => (profile == Profile::Sea).then_some(Move::To(ConditionsPending)),
        ConditionsPending => Some(Move::Stay),
        Sent | Delivered | Redirected | AwaitingRequester | Postponed | Withdrawn | Refused
        | Executed | DeliveredResult | Offered | Informed | Closed => None,
    }
}

/// Progress, part of the result, or the result.
fn execution(course: &Course, act: Act, direct: bool) -> Option<Move> {
    let result = if course.executes == Side::Requester && course.state.is_open() {
        PartiallyExecuted
    } else {
        Executed
    };
    let to = |progress, partial, result| {
        if act == Act::ProgressReport {
            progress
        } else if act == Act::PartialResult {
            partial
        } else {
            result
        }
    };
    let (partial, result) = (Some(Move::To(PartiallyExecuted)), Some(Move::To(result)));
    let begun = to(Some(Move::To(InExecution)), partial, result);
    match course.state {
        InExamination | Consulting => begun,
        Received => begun.filter(|_| direct),
        InExecution | PartiallyExecuted | AwaitingRequester => {
            to(Some(Move::Stay), partial, result)
        }
        ConditionsPending => to(Some(Move::Stay), Some(Move::Stay), None),
        Postponed => to(Some(Move::Stay), None, None),
        Refused => to(None, partial, result),
        Executed | DeliveredResult => to(None, None, Some(Move::To(Executed))),
        Sent | Delivered | Redirected | Withdrawn | Offered | Informed | Closed => None,
    }
}

fn refusal(state: State, direct: bool) -> Option<Move> {
    match state {
        Consulting => Some(Move::To(Refused)),
        Received | InExamination | AwaitingRequester | ConditionsPending | Postponed
        | InExecution | PartiallyExecuted => direct.then_some(Move::To(Refused)),
        Sent | Delivered | Redirected | Withdrawn | Refused | Executed | DeliveredResult
        | Offered | Informed | Closed => None,
    }
}

/// Information given unasked: its recipient acknowledges it, says later what it was worth, and asks
/// before it uses it otherwise; either side closes.
fn informed(act: Act, side: Side) -> Option<Move> {
    if act == Act::Closing {
        return Some(Move::Close);
    }
    match side {
        Side::Requester => {
            stay(matches!(act, Act::Supplement | Act::Amendment | Act::UseConsent | Act::Recall))
        }
        Side::Requested => stay(matches!(
            act,
            Act::AckReceipt
                | Act::UsefulnessFeedback
                | Act::UseConsentRequest
                | Act::ExculpatoryNotice
                | Act::ConfidentialityImpossible
                | Act::Recall
        )),
    }
}

/// Information offered: whoever is offered it takes the restrictions or leaves it; nothing of it
/// is told before.
fn offered(act: Act, side: Side) -> Option<Move> {
    match (side, act) {
        (Side::Requester, Act::Withdrawal) | (_, Act::Closing) => Some(Move::Close),
        (Side::Requested, Act::ConditionsAccept) => Some(Move::Accept),
        (Side::Requested, Act::ConditionsDecline) => Some(Move::Close),
        (Side::Requested, Act::AckReceipt) | (_, Act::Recall) => Some(Move::Stay),
        _ => None,
    }
}

/// An offer that was accepted: its content is owed, in a supplement.
fn accepted(act: Act, side: Side) -> Option<Move> {
    match (side, act) {
        (Side::Requester, Act::Supplement) => Some(Move::Back),
        (Side::Requester, Act::Withdrawal) | (_, Act::Closing) => Some(Move::Close),
        (Side::Requested, Act::AckReceipt) | (_, Act::Recall) => Some(Move::Stay),
        _ => None,
    }
}

/// What survives closing: use limits, confidentiality, and that errors can be owned up to.
fn closed(act: Act, side: Side) -> Option<Move> {
    if act == Act::Reopening {
        return (side == Side::Requester).then_some(Move::Reopen);
    }
    stay(matches!(
        act,
        Act::UseConsentRequest
            | Act::UseConsent
            | Act::ExculpatoryNotice
            | Act::ConfidentialityImpossible
            | Act::UsefulnessFeedback
            | Act::Recall
    ))
}
