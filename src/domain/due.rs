//! What is owed by when, and who says so.
//!
//! Neither treaty counts an answer in hours or days: the times below are service levels, policy and
//! never law. Their models are the EU's information exchange (Directive (EU) 2023/977), the
//! European Investigation Order (arts 12 and 16), the 1995 Council of Europe Agreement on illicit
//! traffic by sea (art. 7), and readmission agreements. Every due time carries its source, so that
//! no officer reads a service level as law.

use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::header::UnknownWord;
use crate::domain::kinds::{Kind, KindCode, Profile};
use crate::domain::lifecycle::{Course, Side, State};
use crate::domain::urgency::Urgency;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Days of safe conduct after a person's presence is no longer required (UNTOC 18(27)): the only
/// number that runs in a case under either treaty.
const SAFE_CONDUCT_DAYS: i64 = 15;

/// Who says that something is owed by then.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DueSource {
    /// A service level of this network; nobody is bound by it in law.
    Policy,
    /// Both sides agreed on it in this request.
    Agreed,
    /// A treaty says so.
    TreatyPhrase,
}

impl DueSource {
    /// The source's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Agreed => "agreed",
            Self::TreatyPhrase => "treaty_phrase",
        }
    }
}

impl FromStr for DueSource {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Policy, Self::Agreed, Self::TreatyPhrase]
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(UnknownWord { what: "source of a deadline" })
    }
}

/// A time by which the owner of a state owes the next act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Due {
    /// By when.
    pub at: Timestamp,
    /// Who says so.
    pub source: DueSource,
}

impl Due {
    /// A time that both sides agreed on.
    pub const fn agreed(at: Timestamp) -> Self {
        Self { at, source: DueSource::Agreed }
    }

    /// The end of safe conduct for a person who was free to leave since `since`: 15 consecutive
    /// days, unless the States agreed otherwise (UNTOC 18(27)).
    pub const fn safe_conduct(since: Timestamp) -> Self {
        let at = since.plus_millis(SAFE_CONDUCT_DAYS * DAY_MS);
        Self { at, source: DueSource::TreatyPhrase }
    }
}

impl Course {
    /// By when the owner of the present state owes the next act, when the state was entered at
    /// `since`; `None` only when the course is closed.
    pub fn due(&self, since: Timestamp, urgency: Urgency, kind: KindCode) -> Option<Due> {
        let millis = match self.state {
            // What has not arrived by then can't be acknowledged by then either.
            State::Sent
            | State::Delivered
            | State::Redirected
            | State::Offered
            | State::Informed => acknowledgement(urgency, &kind),
            State::Received
            | State::InExamination
            | State::AwaitingRequester
            | State::ConditionsPending
            | State::Consulting => answer(urgency, &kind),
            State::InExecution | State::PartiallyExecuted => match self.executes() {
                Side::Requested => execution(urgency, &kind),
                Side::Requester => answer(urgency, &kind),
            },
            State::Executed => acknowledgement(urgency, &kind),
            // A review, so that nothing stays put off in silence.
            State::Postponed => 30 * DAY_MS,
            State::Refused | State::Withdrawn | State::DeliveredResult => 90 * DAY_MS,
            State::Closed => return None,
        };
        Some(Due { at: since.plus_millis(millis), source: DueSource::Policy })
    }
}

/// Is it answered at the pace of courts and ministries, rather than of duty desks?
const fn is_formal(kind: &Kind) -> bool {
    match kind.profile {
        Profile::Mla | Profile::Ext | Profile::Agree | Profile::Doc | Profile::Ret => true,
        Profile::Info | Profile::Pol | Profile::Preserve | Profile::Receipt | Profile::Sea => false,
    }
}

/// Milliseconds for the authority to acknowledge.
const fn acknowledgement(urgency: Urgency, kind: &Kind) -> i64 {
    match urgency {
        Urgency::Immediate => HOUR_MS,
        Urgency::Priority => DAY_MS,
        Urgency::Routine if is_formal(kind) => 7 * DAY_MS,
        Urgency::Routine => 3 * DAY_MS,
    }
}

/// Milliseconds for the first answer of substance, and for a word in return.
fn answer(urgency: Urgency, kind: &Kind) -> i64 {
    match urgency {
        Urgency::Immediate if kind.profile == Profile::Sea => 4 * HOUR_MS,
        Urgency::Immediate => 8 * HOUR_MS,
        // Three working days after confirmation; five days hold them whichever days a State rests
        // on.
        Urgency::Priority | Urgency::Routine if kind.code == "SOM.18.4.TRAVEL_DOC" => 5 * DAY_MS,
        Urgency::Priority => 3 * DAY_MS,
        Urgency::Routine if is_formal(kind) => 30 * DAY_MS,
        Urgency::Routine => 7 * DAY_MS,
    }
}

/// Milliseconds for execution. Only mutual legal assistance has a time of its own for it: 90 days,
/// and 30 where there is a reason to hurry; elsewhere the answer is the execution.
fn execution(urgency: Urgency, kind: &Kind) -> i64 {
    match urgency {
        Urgency::Routine if kind.profile == Profile::Mla => 90 * DAY_MS,
        Urgency::Priority if kind.profile == Profile::Mla => 30 * DAY_MS,
        Urgency::Immediate | Urgency::Priority | Urgency::Routine => answer(urgency, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::acts::Act;

    const START: Timestamp = Timestamp::from_millis(1_768_099_620_000);

    fn owed(state: State, urgency: Urgency, kind: &str) -> Option<i64> {
        let mut course = Course::opened(Act::Request).unwrap();
        course.state = state;
        let due = course.due(START, urgency, kind.parse().unwrap())?;
        assert_eq!(due.source, DueSource::Policy);
        Some(due.at.millis_since(START) / HOUR_MS)
    }

    #[test]
    fn service_levels_are_those_of_the_table() {
        use Urgency::{Immediate, Priority, Routine};
        let day = 24;
        for (kind, urgency, acknowledged, answered) in [
            ("SOM.8.2.VESSEL", Immediate, 1, 4),
            ("CYBER.29.PRESERVE", Immediate, 1, 8),
            ("UNTOC.18.3.F.DOCS", Priority, day, 3 * day),
            ("UNTOC.27.1.B.I.PERSON", Routine, 3 * day, 7 * day),
            ("UNTOC.18.18.VIDEO", Routine, 7 * day, 30 * day),
            ("SOM.13.DOCUMENT", Priority, day, 3 * day),
            ("SOM.13.DOCUMENT", Routine, 7 * day, 30 * day),
            ("SOM.18.3.NATIONALITY", Routine, 7 * day, 30 * day),
            ("SOM.18.4.TRAVEL_DOC", Priority, day, 5 * day),
        ] {
            assert_eq!(owed(State::Delivered, urgency, kind), Some(acknowledged), "{kind}");
            assert_eq!(owed(State::Received, urgency, kind), Some(answered), "{kind}");
        }
        assert_eq!(owed(State::InExecution, Routine, "UNTOC.18.18.VIDEO"), Some(90 * day));
        assert_eq!(owed(State::InExecution, Immediate, "SOM.8.2.VESSEL"), Some(4));
        assert_eq!(owed(State::Closed, Routine, "UNTOC.18.18.VIDEO"), None);
    }

    #[test]
    fn other_sources_name_themselves() {
        let safe = Due::safe_conduct(START);
        assert_eq!(safe.at.millis_since(START), 15 * DAY_MS);
        assert_eq!((safe.source, safe.source.as_str()), (DueSource::TreatyPhrase, "treaty_phrase"));
        assert_eq!(Due::agreed(START), Due { at: START, source: DueSource::Agreed });
    }

    #[test]
    fn a_time_at_the_end_of_all_times_does_not_overflow() {
        let course = Course::opened(Act::Request).unwrap();
        let end = Timestamp::from_millis(i64::MAX);
        let kind = "SOM.8.2.VESSEL".parse().unwrap();
        assert_eq!(course.due(end, Urgency::Routine, kind).unwrap().at, end);
    }
}
