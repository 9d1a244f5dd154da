//! The course of a request: which acts are possible now, and where each leads.
//!
//! A request to several agencies has one [`Course`] for each. In comes a [`Step`] (an act, by which
//! side, of which kind, with which outcome); out goes the next course, or [`Impossible`] with all
//! that would have been possible. The same rules run on both sides: the door of the sender asks
//! them before it accepts an act, the node of the recipient before it takes one for granted.
//!
//! Invariants: only `closed` is final, and only reopening leaves it; every other state has an owner
//! (`owner`) and a due time (`due`); what `possible` lists is what `after` accepts.
//!
//! The rules themselves stand in `moves.rs`, by side and act. Left to others: whether the caller
//! may act for its side, whether the message's kind belongs to the request
//! ([`Kind::belongs_to`](crate::domain::kinds::Kind::belongs_to)), and obligations that outlive a
//! state, such as conditions, use limits and safe conduct.

#[cfg(test)]
mod laws;
mod docket;
mod moves;
mod state;
#[cfg(test)]
mod stories;

use crate::domain::acts::Act;
use crate::domain::kinds::{KindCode, Profile};

pub use docket::{Docket, Filing, Judged, Mark, UNHEARD_ACTS_MAX};
pub use state::{Redirection, Side, State};

/// One act, as far as the course of a request depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What the message does.
    pub act: Act,
    /// Whose message it is.
    pub side: Side,
    /// The message's kind; it belongs to the request.
    pub kind: KindCode,
    /// The outcome that it states.
    pub outcome: Option<&'a str>,
    /// Who goes on with the request, where the act redirects it.
    pub redirection: Redirection,
}

/// The act is not possible as the request stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the act is not possible as the request stands")]
pub struct Impossible {
    /// What that side could do instead.
    pub possible: Vec<Act>,
}

/// Where a request stands at one executing agency, and what is needed to go on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Course {
    /// Where it stands.
    pub state: State,
    /// The state that an answer to a clarification leads back to, `informed` where the answer is
    /// the content of an accepted offer; in a closed course the state that reopening leads back
    /// to, where that is not `received`.
    before: Option<State>,
    /// Who carries out what was asked for. The requester does once it is authorised to take a
    /// measure at sea, and then owes its results (Protocol 8(3)).
    executes: Side,
    /// Who goes on with it while it is redirected.
    redirected: Redirection,
    /// The states that the course has been in since it began or was reopened, one bit each.
    been: u32,
}

impl Course {
    /// The course that `act` opens; `None` unless it is a request or spontaneous information.
    pub fn opened(act: Act) -> Option<Self> {
        let state = if act == Act::Request {
            State::Sent
        } else if act == Act::SpontaneousInformation {
            State::Informed
        } else {
            return None;
        };
        Some(Self::begun(state))
    }

    /// The course that an offer of information opens: its content follows once the restrictions
    /// are accepted, since they bind whoever receives it (UNTOC 18(5), Protocol 10(2)).
    pub fn offered() -> Self {
        Self::begun(State::Offered)
    }

    fn begun(state: State) -> Self {
        let (executes, redirected) = (Side::Requested, Redirection::default());
        Self { state, before: None, executes, redirected, been: bit(state) }
    }

    /// The course after the destination stated that the request has arrived. That statement and
    /// the first answer take ways of their own, so it changes nothing when it comes later.
    #[must_use]
    pub fn delivered(self) -> Self {
        if self.state == State::Sent { self.at(State::Delivered) } else { self }
    }

    /// The course after `step`.
    ///
    /// # Errors
    /// [`Impossible`] when that side can't do that now.
    pub fn after(&self, step: Step<'_>) -> Result<Self, Impossible> {
        moves::after(self, step.act, step.side, step.kind.rules()).map_or_else(
            || Err(Impossible { possible: self.possible(step.side, step.kind.rules()) }),
            |mv| Ok(self.moved(mv, step)),
        )
    }

    /// The course after an act of the other side whose sender had seen the state `seen`.
    ///
    /// Acts that cross on their way are judged by what their sender had seen, so both nodes accept
    /// both. Each then stands where the act that leads further leads (the order of [`State`]), and
    /// so both stand in the same state. An act that changed nothing where its sender stood changes
    /// nothing here. Proven by test for one act of each side crossing.
    ///
    /// # Errors
    /// [`Impossible`] when the act was not possible there, or this course never was in that state
    /// since it was opened or reopened.
    pub fn after_crossing(&self, seen: State, step: Step<'_>) -> Result<Self, Impossible> {
        let mut here = *self;
        if step.side == Side::Requested {
            // Whoever answers has the request, even if the statement of its arrival is still to
            // come.
            here = here.delivered();
            here.been |= bit(State::Delivered);
        }
        if seen == here.state {
            return here.after(step);
        }
        if here.been & bit(seen) == 0 {
            return Err(Impossible { possible: here.possible(step.side, step.kind.rules()) });
        }
        let then = Self { state: seen, ..here }.after(step)?;
        let further = if then.state != seen && then.state > here.state { then } else { here };
        Ok(Self { been: here.been | then.been, ..further })
    }

    /// Every act that `side` can do now in a request whose rules are those of `profile`.
    pub fn possible(&self, side: Side, profile: Profile) -> Vec<Act> {
        Act::ALL
            .into_iter()
            .filter(|act| moves::after(self, *act, side, profile).is_some())
            .collect()
    }

    /// Whose turn it is; `None` only when the course is closed.
    pub const fn owner(&self) -> Option<Side> {
        match self.state {
            State::Redirected => Some(self.redirected.owner()),
            State::Sent
            | State::AwaitingRequester
            | State::ConditionsPending
            | State::Withdrawn
            | State::Refused
            | State::Executed
            | State::DeliveredResult => Some(Side::Requester),
            State::Delivered
            | State::Received
            | State::InExamination
            | State::Consulting
            | State::Postponed
            | State::Offered
            | State::Informed => Some(Side::Requested),
            State::InExecution | State::PartiallyExecuted => Some(self.executes),
            State::Closed => None,
        }
    }

    /// Who carries out what was asked for.
    pub const fn executes(&self) -> Side {
        self.executes
    }

    /// Who goes on with it while it is redirected.
    pub const fn redirected(&self) -> Redirection {
        self.redirected
    }

    /// The course in another state, which it has then been in.
    fn at(self, state: State) -> Self {
        Self { state, been: self.been | bit(state), ..self }
    }

    fn moved(&self, mv: Move, step: Step<'_>) -> Self {
        let mut next = match mv {
            Move::Stay => *self,
            Move::To(state) => self.at(state),
            Move::Ask => Self { before: Some(self.state), ..self.at(State::AwaitingRequester) },
            Move::Accept => {
                Self { before: Some(State::Informed), ..self.at(State::AwaitingRequester) }
            }
            Move::Back => self.at(self.before.unwrap_or(State::InExamination)),
            Move::Close => {
                let unasked = matches!(self.state, State::Informed | State::Offered);
                let before = unasked.then_some(self.state);
                Self { before, ..self.at(State::Closed) }
            }
            Move::Reopen => {
                let state = self.before.unwrap_or(State::Received);
                let begun = Self::begun(state);
                Self { been: begun.been | bit(State::Closed), ..begun }
            }
        };
        if mv == Move::To(State::Redirected) {
            next.redirected = step.redirection;
        }
        if moves::hands_over(step) {
            next.executes = Side::Requester;
            if mv != Move::Stay {
                next = next.at(State::InExecution);
            }
        }
        next
    }
}

/// What an act does to a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// Nothing: it is on record, and that is all.
    Stay,
    /// Leads to a state.
    To(State),
    /// Leads to `awaiting_requester`, from where an answer leads back.
    Ask,
    /// Leads to `awaiting_requester`, which then owes the content of its offer.
    Accept,
    /// Leads back to the state before the question.
    Back,
    /// Closes.
    Close,
    /// Opens again.
    Reopen,
}

/// The bit of `state` in a set of states.
fn bit(state: State) -> u32 {
    State::ALL.into_iter().zip(0_u32..).find(|(it, _)| *it == state).map_or(0, |(_, n)| 1 << n)
}
