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
use crate::domain::lifecycle::{Course, Redirection, Side, State};
use crate::domain::obligation::Obligation;
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
    /// One side suggests it, with its reasons (UNTOC 18(24)).
    Suggested,
}

impl DueSource {
    /// Every source there is.
    pub const ALL: [Self; 4] = [Self::Policy, Self::Agreed, Self::TreatyPhrase, Self::Suggested];

    /// The source's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Agreed => "agreed",
            Self::TreatyPhrase => "treaty_phrase",
            Self::Suggested => "suggested",
        }
    }
}

impl FromStr for DueSource {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(UnknownWord { what: "source of a deadline" })
    }
}

/// A stretch of time as whoever owes something counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// Hours in which the desk that owes is open.
    Hours(u16),
    /// Days; one that ends while the desk is closed ends when it opens next.
    Days(u16),
}

impl Span {
    /// The stretch in milliseconds at a desk that never closes.
    pub const fn millis(self) -> i64 {
        match self {
            Self::Hours(hours) => hours as i64 * HOUR_MS,
            Self::Days(days) => days as i64 * DAY_MS,
        }
    }
}

/// What is owed in a state, and within which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// What is owed.
    pub obligation: Obligation,
    /// Within which time of the state's begin.
    pub span: Span,
}

/// Something owed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Due {
    /// What is owed.
    pub obligation: Obligation,
    /// By which side.
    pub owner: Side,
    /// By when.
    pub at: Timestamp,
    /// Who says so.
    pub source: DueSource,
}

impl Due {
    /// The end of safe conduct for a person who was told at `told` that presence is no longer
    /// required: 15 consecutive days, or those that the States agreed (UNTOC 18(27)).
    pub fn safe_conduct(told: Timestamp, days_agreed: Option<u32>) -> Timestamp {
        let days = days_agreed.map_or(SAFE_CONDUCT_DAYS, i64::from);
        told.plus_millis(days.saturating_mul(DAY_MS))
    }
}

impl Course {
    /// What the owner of the present state owes, and within which time: a service level. `None`
    /// only when the course is closed.
    pub fn term(&self, urgency: Urgency, kind: KindCode) -> Option<Term> {
        let (obligation, span) = match self.state {
            State::Redirected => match self.redirected() {
                Redirection::SentAnew => (Obligation::SendAnew, acknowledgement(urgency, &kind)),
                Redirection::Within => (Obligation::Acknowledge, acknowledgement(urgency, &kind)),
                Redirection::PassedOn => (Obligation::Close, Span::Days(90)),
            },
            // What has not arrived by then can't be acknowledged by then either.
            State::Sent | State::Delivered => {
                (Obligation::Acknowledge, acknowledgement(urgency, &kind))
            }
            State::Offered => (Obligation::AnswerConditions, acknowledgement(urgency, &kind)),
            State::Informed => (Obligation::Feedback, Span::Days(90)),
            State::Received => (Obligation::Answer, answer(urgency, &kind)),
            State::InExamination => (Obligation::Decide, answer(urgency, &kind)),
            State::AwaitingRequester => (Obligation::Clarify, answer(urgency, &kind)),
            State::ConditionsPending => (Obligation::AnswerConditions, answer(urgency, &kind)),
            State::Consulting => (Obligation::AnswerConsultation, answer(urgency, &kind)),
            State::InExecution | State::PartiallyExecuted => match self.executes() {
                Side::Requested => (Obligation::Execute, execution(urgency, &kind)),
                Side::Requester => (Obligation::ReportMeasure, answer(urgency, &kind)),
            },
            State::Executed => (Obligation::Close, acknowledgement(urgency, &kind)),
            // A review, so that nothing stays put off in silence.
            State::Postponed => (Obligation::ReviewPostponement, Span::Days(30)),
            State::Refused | State::Withdrawn | State::DeliveredResult => {
                (Obligation::Close, Span::Days(90))
            }
            State::Closed => return None,
        };
        Some(Term { obligation, span })
    }
}

/// Is it answered at the pace of courts and ministries, rather than of duty desks?
const fn is_formal(kind: &Kind) -> bool {
    match kind.profile {
        Profile::Mla | Profile::Ext | Profile::Agree | Profile::Doc | Profile::Ret => true,
        Profile::Info | Profile::Pol | Profile::Preserve | Profile::Receipt | Profile::Sea => false,
    }
}

/// Time for the authority to acknowledge.
const fn acknowledgement(urgency: Urgency, kind: &Kind) -> Span {
    match urgency {
        Urgency::Immediate => Span::Hours(1),
        Urgency::Priority => Span::Days(1),
        Urgency::Routine if is_formal(kind) => Span::Days(7),
        Urgency::Routine => Span::Days(3),
    }
}

/// Time for the first answer of substance, and for a word in return.
fn answer(urgency: Urgency, kind: &Kind) -> Span {
    match urgency {
        Urgency::Immediate if kind.profile == Profile::Sea => Span::Hours(4),
        Urgency::Immediate => Span::Hours(8),
        // Three working days after confirmation; five days hold them whichever days a State rests
        // on.
        Urgency::Priority | Urgency::Routine if kind.code == "SOM.18.4.TRAVEL_DOC" => Span::Days(5),
        Urgency::Priority => Span::Days(3),
        Urgency::Routine if is_formal(kind) => Span::Days(30),
        Urgency::Routine => Span::Days(7),
    }
}

/// Time for execution. Only mutual legal assistance has a time of its own for it: 90 days, and 30
/// where there is a reason to hurry; elsewhere the answer is the execution.
fn execution(urgency: Urgency, kind: &Kind) -> Span {
    match urgency {
        Urgency::Routine if kind.profile == Profile::Mla => Span::Days(90),
        Urgency::Priority if kind.profile == Profile::Mla => Span::Days(30),
        Urgency::Immediate | Urgency::Priority | Urgency::Routine => answer(urgency, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::acts::Act;

    const START: Timestamp = Timestamp::from_millis(1_768_099_620_000);

    fn owed(state: State, urgency: Urgency, kind: &str) -> Option<(Obligation, i64)> {
        let mut course = Course::opened(Act::Request).unwrap();
        course.state = state;
        let Term { obligation, span } = course.term(urgency, kind.parse().unwrap())?;
        Some((obligation, span.millis() / HOUR_MS))
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
            let acknowledged = Some((Obligation::Acknowledge, acknowledged));
            assert_eq!(owed(State::Delivered, urgency, kind), acknowledged, "{kind}");
            let answered = Some((Obligation::Answer, answered));
            assert_eq!(owed(State::Received, urgency, kind), answered, "{kind}");
        }
        let executed = Some((Obligation::Execute, 90 * day));
        assert_eq!(owed(State::InExecution, Routine, "UNTOC.18.18.VIDEO"), executed);
        let executed = Some((Obligation::Execute, 4));
        assert_eq!(owed(State::InExecution, Immediate, "SOM.8.2.VESSEL"), executed);
        assert_eq!(owed(State::Closed, Routine, "UNTOC.18.18.VIDEO"), None);
    }

    #[test]
    fn safe_conduct_lasts_fifteen_days_unless_agreed_otherwise() {
        assert_eq!(Due::safe_conduct(START, None).millis_since(START), 15 * DAY_MS);
        assert_eq!(Due::safe_conduct(START, Some(20)).millis_since(START), 20 * DAY_MS);
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(Due::safe_conduct(end, Some(u32::MAX)), end);
    }

    #[test]
    fn sources_name_themselves() {
        for source in DueSource::ALL {
            assert_eq!(source.as_str().parse(), Ok(source));
        }
        let unknown = UnknownWord { what: "source of a deadline" };
        assert_eq!("law".parse::<DueSource>(), Err(unknown));
    }
}
