//! The life of a request at one executing agency: a closed state machine.
//!
//! The table follows the treaties where they speak (clarification UNTOC 18(16), conditions 18(26)
//! and Protocol 8(5), postponement 18(25), reasons 18(23), withdrawal 18(24), results 8(3)) and
//! fills in what they leave open. Outside the assistance profile the requested side may answer
//! without naming an executing authority first, and at sea conditions may be offered at any time
//! while the request is open, since registry and authorisation are decided one after the other.

use std::fmt;
use std::str::FromStr;

use crate::domain::acts::Act;
use crate::domain::header::UnknownWord;
use crate::domain::kinds::{KindCode, Profile};

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Where a request stands at one executing agency.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum State {
            $($(#[$doc])* $name,)*
        }

        impl State {
            /// All states.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The state's word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

states! {
    /// Accepted by the requester's node.
    Sent = "sent",
    /// At the requested agency's node, by its receipt.
    Delivered = "delivered",
    /// Acknowledged by the authority.
    Received = "received",
    /// Another authority is competent; it must acknowledge anew.
    Redirected = "redirected",
    /// An executing authority examines it.
    InExamination = "in_examination",
    /// The requester owes an answer to a question.
    AwaitingRequester = "awaiting_requester",
    /// The requester must accept or decline conditions.
    ConditionsPending = "conditions_pending",
    /// Both sides consult before a refusal or a postponement.
    Consulting = "consulting",
    /// It is being executed.
    InExecution = "in_execution",
    /// Postponed because of an ongoing proceeding.
    Postponed = "postponed",
    /// A part was delivered.
    PartiallyExecuted = "partially_executed",
    /// Everything that can be given was given.
    Executed = "executed",
    /// The requester has confirmed the result.
    DeliveredResult = "delivered_result",
    /// Refused, with reasons.
    Refused = "refused",
    /// The requester needs it no longer.
    Withdrawn = "withdrawn",
    /// Information that was given unasked.
    Informed = "informed",
    /// Ended; use limits, confidentiality and conditions survive.
    Closed = "closed",
}

impl State {
    /// True where nobody owes anything any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|it| it.as_str() == text);
        found.copied().ok_or(UnknownWord { what: "state" })
    }
}

/// One of the two sides of a request.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Side {
    /// Who asked.
    Requester,
    /// Who was asked.
    Requested,
}

impl Side {
    /// The side's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Requested => "requested",
        }
    }
}

/// One act as the state machine sees it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What is done.
    pub act: Act,
    /// By which side.
    pub side: Side,
    /// In what kind of request.
    pub kind: KindCode,
    /// With which outcome.
    pub outcome: Option<&'a str>,
}

/// An act that the state forbids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{act} is not possible in the state {state}")]
pub struct Impossible {
    /// The act.
    pub act: Act,
    /// The state that forbids it.
    pub state: State,
    /// What the same side may do instead.
    pub possible: Vec<Act>,
}

/// Where a request stands, and where it goes back to after a question.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Course {
    /// Where it stands.
    pub state: State,
    /// Where it stood before a question was asked.
    pub before: Option<State>,
}

impl Course {
    const fn at(state: State) -> Self {
        Self { state, before: None }
    }

    /// The course that an opening act begins; none if the act opens nothing.
    pub fn opened(act: Act) -> Option<Self> {
        match act {
            Act::Request => Some(Self::at(State::Sent)),
            Act::SpontaneousInformation => Some(Self::at(State::Informed)),
            _ => None,
        }
    }

    /// The same course once the executing agency's node has the opening message.
    #[must_use]
    pub fn delivered(self) -> Self {
        if self.state == State::Sent { Self::at(State::Delivered) } else { self }
    }

    /// The course after an act.
    ///
    /// # Errors
    /// If the state forbids it; says what the same side may do instead.
    pub fn after(&self, step: &Step<'_>) -> Result<Self, Impossible> {
        self.next(step.act, step.side, step.kind.profile()).ok_or_else(|| Impossible {
            act: step.act,
            state: self.state,
            possible: self.possible(step.side, step.kind.profile()),
        })
    }

    /// What a side may do now.
    pub fn possible(&self, side: Side, profile: Profile) -> Vec<Act> {
        let acts = Act::ALL.iter().copied();
        acts.filter(|act| self.next(*act, side, profile).is_some()).collect()
    }

    /// Which side must act next; none in a final state.
    pub const fn owner(&self) -> Option<Side> {
        match self.state {
            State::Sent
            | State::Delivered
            | State::Received
            | State::Redirected
            | State::InExamination
            | State::Consulting
            | State::InExecution
            | State::Postponed
            | State::PartiallyExecuted => Some(Side::Requested),
            State::AwaitingRequester
            | State::ConditionsPending
            | State::Executed
            | State::DeliveredResult
            | State::Refused
            | State::Withdrawn => Some(Side::Requester),
            State::Informed => Some(Side::Requested),
            State::Closed => None,
        }
    }

    fn next(&self, act: Act, side: Side, profile: Profile) -> Option<Self> {
        if self.state == State::Informed {
            return informed(act, side);
        }
        if self.state == State::Closed {
            let reopened = act == Act::Reopening && side == Side::Requester;
            return (reopened || surviving(act)).then(|| match act {
                Act::Reopening => Self::at(State::Received),
                _ => self.clone(),
            });
        }
        if surviving(act) || at_any_time(act, side) {
            return Some(self.clone());
        }
        match side {
            Side::Requester => self.after_requester(act, profile),
            Side::Requested => self.after_requested(act, profile),
        }
    }

    fn after_requester(&self, act: Act, profile: Profile) -> Option<Self> {
        let state = self.state;
        match act {
            Act::Supplement if state == State::AwaitingRequester => {
                Some(Self::at(self.before.unwrap_or(State::Received)))
            }
            Act::Supplement | Act::Amendment if self.is_open() => Some(self.clone()),
            Act::ConditionsAccept if state == State::ConditionsPending => {
                Some(Self::at(State::InExecution))
            }
            Act::ConditionsDecline if state == State::ConditionsPending => {
                Some(Self::at(State::InExamination))
            }
            Act::MeasureReport if profile == Profile::Sea && self.is_open() => {
                let measured =
                    matches!(state, State::InExecution | State::PartiallyExecuted | State::Executed);
                Some(if measured { Self::at(State::Executed) } else { self.clone() })
            }
            Act::ReceiptOfResult => match state {
                State::Executed => Some(Self::at(State::DeliveredResult)),
                State::PartiallyExecuted => Some(self.clone()),
                _ => None,
            },
            Act::Withdrawal if self.is_open() && state != State::Executed => {
                Some(Self::at(State::Withdrawn))
            }
            Act::Closing => self.closing(),
            _ => None,
        }
    }

    fn after_requested(&self, act: Act, profile: Profile) -> Option<Self> {
        let state = self.state;
        let direct = profile != Profile::Assistance && state == State::Received;
        let examined = state == State::InExamination || direct;
        let executing = matches!(state, State::InExecution | State::PartiallyExecuted);
        let working = examined || executing;
        match act {
            Act::AckReceipt => match state {
                State::Sent | State::Delivered | State::Redirected => {
                    Some(Self::at(State::Received))
                }
                _ => None,
            },
            Act::RedirectNotice if state == State::Received => Some(Self::at(State::Redirected)),
            Act::TransmittedForExecution if state == State::Received => {
                Some(Self::at(State::InExamination))
            }
            Act::ClarificationRequest if working || state == State::Received => {
                Some(Self { state: State::AwaitingRequester, before: Some(state) })
            }
            Act::ConditionsOffer
                if state == State::InExamination || (profile == Profile::Sea && working) =>
            {
                Some(Self::at(State::ConditionsPending))
            }
            // In the thread of the treaties' authors conditions also come up during execution.
            Act::ConditionsOffer if executing => Some(Self::at(State::ConditionsPending)),
            Act::Consultation if examined || executing => Some(Self::at(State::Consulting)),
            Act::Refusal if state == State::Consulting || direct => Some(Self::at(State::Refused)),
            // Dual criminality (18(9)) needs no consultation in terms.
            Act::Refusal if state == State::InExamination => Some(Self::at(State::Refused)),
            Act::Postponement if state == State::Consulting => Some(Self::at(State::Postponed)),
            Act::Resumption if matches!(state, State::Postponed | State::Consulting) => {
                Some(Self::at(State::InExecution))
            }
            Act::ProgressReport if examined => Some(Self::at(State::InExecution)),
            Act::ProgressReport if self.is_open() => Some(self.clone()),
            Act::PartialResult if working => Some(Self::at(State::PartiallyExecuted)),
            Act::Result if working || state == State::Refused => Some(Self::at(State::Executed)),
            Act::WithdrawalConfirmed if state == State::Withdrawn => Some(self.clone()),
            Act::Closing => self.closing(),
            _ => None,
        }
    }

    fn closing(&self) -> Option<Self> {
        let ended = matches!(
            self.state,
            State::Executed | State::DeliveredResult | State::Refused | State::Withdrawn
        );
        ended.then_some(Self::at(State::Closed))
    }

    fn is_open(&self) -> bool {
        !matches!(
            self.state,
            State::Closed | State::Refused | State::Withdrawn | State::DeliveredResult
        )
    }
}

/// The short course of information given unasked.
fn informed(act: Act, side: Side) -> Option<Course> {
    match (act, side) {
        (Act::Closing, _) => Some(Course::at(State::Closed)),
        (Act::Recall | Act::Supplement | Act::UseConsent, Side::Requester)
        | (
            Act::AckReceipt
            | Act::UsefulnessFeedback
            | Act::UseConsentRequest
            | Act::ExculpatoryNotice,
            Side::Requested,
        ) => Some(Course::at(State::Informed)),
        _ => None,
    }
}

/// Acts about duties that survive even the closing (UNTOC 18(5), 18(19), 18(27)).
fn surviving(act: Act) -> bool {
    matches!(
        act,
        Act::UseConsentRequest
            | Act::UseConsent
            | Act::ExculpatoryNotice
            | Act::SafeConductNotice
            | Act::UsefulnessFeedback
            | Act::Recall
    )
}

/// Acts that are possible while a request is open and change nothing about where it stands.
fn at_any_time(act: Act, side: Side) -> bool {
    match side {
        Side::Requester => matches!(act, Act::ProgressQuery | Act::CostConsultation),
        Side::Requested => matches!(act, Act::ConfidentialityImpossible | Act::CostConsultation),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn play(kind: &str, acts: &[(Act, Side)]) -> Vec<State> {
        let kind: KindCode = kind.parse().unwrap();
        let mut course = Course::opened(acts[0].0).unwrap().delivered();
        let mut states = vec![course.state];
        for (act, side) in &acts[1..] {
            let step = Step { act: *act, side: *side, kind, outcome: None };
            course = course.after(&step).unwrap_or_else(|error| panic!("{error}"));
            states.push(course.state);
        }
        states
    }

    #[test]
    fn a_vessel_is_boarded_on_a_condition_and_the_request_closes() {
        let (asks, is_asked) = (Side::Requester, Side::Requested);
        let states = play(
            "SOM.8.2.VESSEL",
            &[
                (Act::Request, asks),
                (Act::AckReceipt, is_asked),
                (Act::PartialResult, is_asked),
                (Act::ConditionsOffer, is_asked),
                (Act::ConditionsAccept, asks),
                (Act::MeasureReport, asks),
                (Act::Closing, asks),
            ],
        );
        use State::{
            Closed, ConditionsPending, Delivered, Executed, InExecution, PartiallyExecuted,
            Received,
        };
        let expected = [
            Delivered,
            Received,
            PartiallyExecuted,
            ConditionsPending,
            InExecution,
            Executed,
            Closed,
        ];
        assert_eq!(states, expected);
    }

    #[test]
    fn the_bank_records_thread_runs_from_end_to_end() {
        let text = include_str!("../../config/demo/thread1-ex1-lifecycle.json");
        let thread: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut acts = vec![(Act::Request, Side::Requester)];
        for message in thread["messages"].as_array().unwrap() {
            let act = message["message_type"].as_str().unwrap().parse().unwrap();
            let requester = message["from"].as_str().unwrap().starts_with("bra.");
            acts.push((act, if requester { Side::Requester } else { Side::Requested }));
        }
        let states = play("UNTOC.18.3.F.DOCS", &acts);
        assert_eq!(states.last(), Some(&State::Closed), "{states:?}");
    }

    #[test]
    fn an_impossible_act_says_what_is_possible() {
        let kind = "UNTOC.18.3.F.DOCS".parse().unwrap();
        let course = Course::opened(Act::Request).unwrap().delivered();
        let step = Step { act: Act::Result, side: Side::Requested, kind, outcome: None };
        let impossible = course.after(&step).unwrap_err();
        assert_eq!((impossible.act, impossible.state), (Act::Result, State::Delivered));
        assert!(impossible.possible.contains(&Act::AckReceipt), "{:?}", impossible.possible);
    }

    #[test]
    fn every_state_can_be_reached_and_every_open_one_has_an_owner() {
        let mut reached = BTreeSet::from([State::Sent, State::Delivered, State::Informed]);
        let mut courses: Vec<Course> = reached.iter().map(|state| Course::at(*state)).collect();
        while let Some(course) = courses.pop() {
            for profile in Profile::ALL {
                for side in [Side::Requester, Side::Requested] {
                    for act in course.possible(side, profile) {
                        let next = course.next(act, side, profile).unwrap();
                        if reached.insert(next.state) {
                            courses.push(next);
                        }
                    }
                }
            }
        }
        for state in State::ALL {
            assert!(reached.contains(state), "{state} is never reached");
            assert_eq!(Course::at(*state).owner().is_none(), state.is_final(), "{state}");
        }
    }

    proptest! {
        #[test]
        fn only_reopening_leaves_the_end(
            acts in prop::collection::vec((0..Act::ALL.len(), any::<bool>()), 1..60),
            profile in 0..Profile::ALL.len(),
        ) {
            let mut course = Course::at(State::Delivered);
            for (act, requester) in acts {
                let side = if requester { Side::Requester } else { Side::Requested };
                let before = course.state;
                if let Some(next) = course.next(Act::ALL[act], side, Profile::ALL[profile]) {
                    course = next;
                }
                let left = before.is_final() && course.state != before;
                prop_assert!(!left || Act::ALL[act] == Act::Reopening);
            }
        }
    }
}
