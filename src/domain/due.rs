//! What is owed in a state, until when, and who says so.
//!
//! Neither treaty names hours or days for an answer: all of these are policy (DESIGN: the source
//! stands beside each deadline, so that no officer reads a service level as law), but for the time
//! that the requester asked for with reasons (UNTOC 18(24)).

use crate::clock::Timestamp;
use crate::domain::kinds::{KindCode, Profile};
use crate::domain::lifecycle::State;
use crate::domain::particulars::Urgency;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Who says that something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueSource {
    /// This network's service levels.
    Policy,
    /// What the requester asked for, with reasons (UNTOC 18(24)).
    TreatyPhrase,
}

impl DueSource {
    /// The word on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::TreatyPhrase => "treaty phrase",
        }
    }
}

/// A deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Until when.
    pub at: Timestamp,
    /// Who says so.
    pub source: DueSource,
}

/// What is due in a state that was reached at `since`; nothing in a final state.
pub fn due(state: State, since: Timestamp, urgency: Urgency, kind: KindCode) -> Option<Due> {
    let profile = kind.profile();
    let millis = match state {
        State::Closed => return None,
        State::Sent | State::Delivered | State::Redirected => acknowledgement(urgency, profile),
        State::Received | State::InExamination | State::Consulting | State::ConditionsPending => {
            first_answer(urgency, profile)
        }
        State::AwaitingRequester => 14 * DAY_MS,
        State::InExecution | State::PartiallyExecuted => match urgency {
            Urgency::Immediate => 8 * HOUR_MS,
            Urgency::Priority => 7 * DAY_MS,
            Urgency::Routine => 90 * DAY_MS,
        },
        State::Postponed => 90 * DAY_MS,
        State::Executed
        | State::DeliveredResult
        | State::Refused
        | State::Withdrawn
        | State::Informed => 30 * DAY_MS,
    };
    Some(Due { at: since.plus_millis(millis), source: DueSource::Policy })
}

fn acknowledgement(urgency: Urgency, profile: Profile) -> i64 {
    match (urgency, profile) {
        (Urgency::Immediate, _) => HOUR_MS,
        (Urgency::Priority, _) => DAY_MS,
        (Urgency::Routine, Profile::Police | Profile::Notice) => 3 * DAY_MS,
        (
            Urgency::Routine,
            Profile::Agreement
            | Profile::Assistance
            | Profile::Document
            | Profile::Extradition
            | Profile::Return
            | Profile::Sea,
        ) => 7 * DAY_MS,
    }
}

fn first_answer(urgency: Urgency, profile: Profile) -> i64 {
    match (urgency, profile) {
        (Urgency::Immediate, Profile::Sea) => 4 * HOUR_MS,
        (Urgency::Immediate, _) => 8 * HOUR_MS,
        (Urgency::Priority, _) => 3 * DAY_MS,
        (Urgency::Routine, Profile::Police | Profile::Notice) => 7 * DAY_MS,
        (
            Urgency::Routine,
            Profile::Agreement
            | Profile::Assistance
            | Profile::Document
            | Profile::Extradition
            | Profile::Return
            | Profile::Sea,
        ) => 30 * DAY_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_open_state_has_a_deadline_and_the_final_one_has_none() {
        let kind = "SOM.8.2.VESSEL".parse().unwrap();
        for state in State::ALL {
            let due = due(*state, Timestamp::from_millis(0), Urgency::Immediate, kind);
            assert_eq!(due.is_none(), state.is_final(), "{state}");
        }
    }

    #[test]
    fn a_boarding_request_is_acknowledged_in_an_hour_and_answered_in_four() {
        let kind = "SOM.8.2.VESSEL".parse().unwrap();
        let since = Timestamp::from_millis(1_000);
        let hours = |state| due(state, since, Urgency::Immediate, kind).unwrap().at;
        assert_eq!(hours(State::Delivered).millis_since(since), HOUR_MS);
        assert_eq!(hours(State::Received).millis_since(since), 4 * HOUR_MS);
    }
}
