//! Courses as they are told: the published ones, and what each rule is for.

use super::*;

fn kind(code: &str) -> KindCode {
    code.parse().unwrap()
}

/// Plays `steps` (side, act, kind, outcome) from a delivered request and compares each state.
fn play(steps: &[(Side, Act, &str, Option<&str>, State)]) -> Course {
    let mut course = Course::opened(Act::Request).unwrap().delivered();
    for (side, act, code, outcome, state) in steps {
        let step = Step {
            act: *act,
            side: *side,
            kind: kind(code),
            outcome: *outcome,
            redirection: Redirection::default(),
        };
        course = course.after(step).unwrap_or_else(|_| panic!("{act} in {}", course.state));
        assert_eq!(course.state, *state, "after {act}");
    }
    course
}

#[test]
fn the_published_thread_runs_from_end_to_end() {
    let read = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let request = read(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/config/demo/ex1-bank-records-untoc-18-3-f.json"
    )));
    let thread = read(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/config/demo/thread1-ex1-lifecycle.json"
    )));
    let opening = request["message_type"].as_str().unwrap().parse().unwrap();
    let mut course = Course::opened(opening).unwrap().delivered();
    let mut states = Vec::new();
    for message in thread["messages"].as_array().unwrap() {
        let step = Step {
            act: message["message_type"].as_str().unwrap().parse().unwrap(),
            side: if message["from"] == request["from"] {
                Side::Requester
            } else {
                Side::Requested
            },
            kind: kind(message["kind"].as_str().unwrap()),
            outcome: message["outcome"].as_str(),
            redirection: Redirection::default(),
        };
        course = course.after(step).unwrap();
        states.push(course.state.as_str());
    }
    assert_eq!(
        states,
        [
            "received",
            "in_examination",
            "awaiting_requester",
            "in_examination",
            "in_examination",
            "in_execution",
            "conditions_pending",
            "in_execution",
            "partially_executed",
            "executed",
            "delivered_result",
            "closed",
        ]
    );
}

#[test]
fn a_vessel_is_boarded_on_conditions_and_the_results_are_reported() {
    use Side::{Requested, Requester};
    let (vessel, results) = ("SOM.8.2.VESSEL", "SOM.8.3.RESULTS");
    let authorised = Some("authorised_with_conditions");
    let course = play(&[
        (Requested, Act::AckReceipt, vessel, None, State::Received),
        (
            Requested,
            Act::PartialResult,
            vessel,
            Some("registry_confirmed"),
            State::PartiallyExecuted,
        ),
        (Requested, Act::ConditionsOffer, vessel, authorised, State::ConditionsPending),
        (Requester, Act::ConditionsAccept, vessel, None, State::InExecution),
    ]);
    assert_eq!(course.owner(), Some(Requester), "the requester owes the results");
    play(&[
        (Requested, Act::AckReceipt, vessel, None, State::Received),
        (Requested, Act::ConditionsOffer, vessel, authorised, State::ConditionsPending),
        (Requester, Act::ConditionsAccept, vessel, None, State::InExecution),
        // The registry's answer comes late; the report is still owed.
        (Requested, Act::Result, vessel, Some("registry_confirmed"), State::PartiallyExecuted),
        (Requester, Act::MeasureReport, results, None, State::Executed),
        (Requested, Act::AckReceipt, results, None, State::Executed),
        (Requester, Act::Closing, vessel, None, State::Closed),
    ]);
}

#[test]
fn an_authorisation_without_conditions_makes_the_requester_owe_the_results() {
    use Side::{Requested, Requester};
    let vessel = "SOM.8.2.VESSEL";
    let course = play(&[
        (Requested, Act::AckReceipt, vessel, None, State::Received),
        (Requested, Act::Result, vessel, Some("authorised"), State::InExecution),
    ]);
    assert_eq!((course.owner(), course.executes()), (Some(Requester), Requester));
    // Declined and boarding by the flag State itself leave nothing to report for the requester.
    for (act, outcome, state) in [
        (Act::Refusal, "declined", State::Refused),
        (Act::Result, "will_board_itself", State::Executed),
    ] {
        let course = play(&[
            (Requested, Act::AckReceipt, vessel, None, State::Received),
            (Requested, act, vessel, Some(outcome), state),
        ]);
        assert_eq!(course.executes(), Requested);
    }
}

#[test]
fn what_one_side_did_the_other_cannot_do() {
    let course = Course::opened(Act::Request).unwrap().delivered();
    let step = Step {
        act: Act::AckReceipt,
        side: Side::Requester,
        kind: kind("SOM.13.DOCUMENT"),
        outcome: None,
        redirection: Redirection::default(),
    };
    let impossible = course.after(step).unwrap_err();
    assert_eq!(
        impossible.possible,
        [
            Act::Supplement,
            Act::Amendment,
            Act::CostConsultation,
            Act::ProgressQuery,
            Act::Withdrawal,
            Act::UseConsentRequest,
            Act::UseConsent,
            Act::ExculpatoryNotice,
            Act::UsefulnessFeedback,
            Act::Recall,
        ]
    );
}

#[test]
fn only_outside_mutual_legal_assistance_is_a_request_answered_on_receipt() {
    let received =
        play(&[(Side::Requested, Act::AckReceipt, "SOM.13.DOCUMENT", None, State::Received)]);
    let early = [Act::ProgressReport, Act::PartialResult, Act::Result, Act::Refusal];
    for profile in Profile::ALL {
        let possible = received.possible(Side::Requested, profile);
        for act in early {
            assert_eq!(possible.contains(&act), profile != Profile::Mla, "{act} {profile:?}");
        }
        assert_eq!(possible.contains(&Act::ConditionsOffer), profile == Profile::Sea);
    }
}

#[test]
fn information_given_unasked_has_a_course_of_its_own() {
    let step = |act, side| Step {
        act,
        side,
        kind: kind("SOM.10.1.A.ROUTE"),
        outcome: None,
        redirection: Redirection::default(),
    };
    let informed = Course::opened(Act::SpontaneousInformation).unwrap();
    assert_eq!((informed.state, informed.owner()), (State::Informed, Some(Side::Requested)));
    assert_eq!(informed.delivered(), informed);
    assert!(informed.after(step(Act::Result, Side::Requested)).is_err());
    assert!(informed.after(step(Act::Withdrawal, Side::Requester)).is_err());
    let told = informed
        .after(step(Act::AckReceipt, Side::Requested))
        .and_then(|it| it.after(step(Act::UsefulnessFeedback, Side::Requested)))
        .unwrap();
    assert_eq!(told.state, State::Informed);
    for side in Side::ALL {
        let closed = told.after(step(Act::Closing, side)).unwrap();
        assert_eq!((closed.state, closed.owner()), (State::Closed, None));
        let again = closed.after(step(Act::Reopening, Side::Requester)).unwrap();
        assert_eq!(again.state, State::Informed);
    }
}

#[test]
fn nothing_but_a_request_or_information_opens_a_course() {
    for act in Act::ALL {
        let opens = matches!(act, Act::Request | Act::SpontaneousInformation);
        assert_eq!(Course::opened(act).is_some(), opens, "{act}");
    }
}

#[test]
fn nobody_claims_to_have_seen_what_never_was() {
    let course = Course::opened(Act::Request).unwrap().delivered();
    let refusal = Step {
        act: Act::Refusal,
        side: Side::Requested,
        kind: kind("UNTOC.18.3.F.DOCS"),
        outcome: None,
        redirection: Redirection::default(),
    };
    assert!(course.after_crossing(State::Consulting, refusal).is_err());
}

#[test]
fn an_answer_overtakes_the_statement_of_arrival() {
    let course = Course::opened(Act::Request).unwrap();
    let answer = Step {
        act: Act::AckReceipt,
        side: Side::Requested,
        kind: kind("SOM.13.DOCUMENT"),
        outcome: None,
        redirection: Redirection::default(),
    };
    let received = course.after_crossing(State::Delivered, answer).unwrap();
    assert_eq!(received.state, State::Received);
    assert_eq!(received.delivered(), received);
}

#[test]
fn states_are_found_by_their_word_and_in_order() {
    for (state, next) in State::ALL.iter().zip(State::ALL.iter().skip(1)) {
        assert!(state < next);
    }
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    assert!("draft".parse::<State>().is_err());
}

#[test]
fn whoever_goes_on_with_a_redirected_request_owes_the_next_word() {
    use crate::domain::obligation::Obligation;
    use crate::domain::urgency::Urgency;

    let received =
        play(&[(Side::Requested, Act::AckReceipt, "UNTOC.18.3.F.DOCS", None, State::Received)]);
    for (redirection, owner, owed) in [
        (Redirection::SentAnew, Side::Requester, Obligation::SendAnew),
        (Redirection::Within, Side::Requested, Obligation::Acknowledge),
        (Redirection::PassedOn, Side::Requester, Obligation::Close),
    ] {
        let step = Step {
            act: Act::RedirectNotice,
            side: Side::Requested,
            kind: kind("UNTOC.18.3.F.DOCS"),
            outcome: None,
            redirection,
        };
        let redirected = received.after(step).unwrap();
        assert_eq!((redirected.state, redirected.owner()), (State::Redirected, Some(owner)));
        let term = redirected.term(Urgency::Routine, step.kind).unwrap();
        assert_eq!(term.obligation, owed, "{redirection:?}");
    }
}
