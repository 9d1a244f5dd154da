//! The law: what a message must satisfy before it is sent, and again where it arrives.
//!
//! What comes in is a message as its sender wrote it and what the judge knows besides: the
//! directory, who is party to what, the time, the request so far. What goes out is every finding at
//! once, each with the place, the rule and the paragraph that the rule rests on.
//!
//! The rules read the message file's own schema, the generated `pb::Draft`. The message file *is*
//! the legal form: it only ever grows, and a mirror of its hundred structs would write everything
//! twice and check nothing more.
//!
//! What always holds:
//! - pure: no IO, no clock of its own; the same message and standing give the same findings;
//! - never panics and ends in time that grows with the message, whatever the message says;
//! - a finding never quotes the sender: what was written may name a person;
//! - what is not known here is a warning that names it, not a rejection, unless the message
//!   contradicts itself.
//!
//! - `rules/` holds one function for each rule, in files by theme; `case.rs` what they look at.
//! - `blocks.rs` and `places.rs` say which blocks of its kind a message lacks; `beside.rs` what
//!   other rules ask of a message that opens a request.
//! - `parties.rs` knows who is party to what; `label.rs` reads a handling label; `competence.rs` finds
//!   for whom a message is that names a competence.
//!
//! Left to others: whether an act is possible now (`domain/lifecycle`), whether the sender's proof
//! holds (`envelope/`), whether the bytes of an attachment have the digest that is stated.

pub mod beside;
pub mod blocks;
mod case;
pub mod competence;
pub mod label;
pub mod parties;
mod places;
mod rules;
#[cfg(test)]
mod samples;

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::domain::handling::Label;
use crate::domain::ids::StateCode;
use crate::domain::kinds::KindCode;
use crate::domain::violation::{SHAPE, Violation};
use crate::wire::{draft as shape, pb};
use case::{Case, Findings};

pub use parties::PartyStatus;

/// Most findings of one severity that one judgement tells; what is beyond is not kept.
pub const FINDINGS_MAX: usize = 256;

/// What whoever judges stands on.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// Who is in the network; `None` where a file is judged without one.
    pub directory: Option<&'a Directory>,
    /// Who is party to what.
    pub parties: &'a PartyStatus,
    /// The present.
    pub now: Timestamp,
    /// The request so far.
    pub thread: Thread,
}

/// What whoever judges knows of the request besides this message. `None` is *not known here*: what
/// hangs on it is a warning that names it, and no rejection, except where the message alone
/// contradicts itself.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// The sides consulted before (UNTOC 18(26)).
    pub consulted: Option<bool>,
    /// The flag State confirmed registry (Protocol 8(2)).
    pub registry_confirmed: Option<bool>,
    /// The person's consent to a transfer is on record (UNTOC 18(10)(a)).
    pub consent_recorded: Option<bool>,
    /// The request is an exercise.
    pub exercise: Option<bool>,
    /// The message that this one passes on, where `relay_of` names one.
    pub relayed: Option<Relayed>,
    /// The labels of what this message answers: its request, and the message that it names.
    pub parents: Vec<Label>,
}

/// A message that is passed on to somebody else.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// Its label.
    pub label: Label,
    /// The State whose information it is.
    pub originator: Option<StateCode>,
    /// States for which the originator granted consent (act use_consent).
    pub consented: Vec<StateCode>,
}

/// Every finding about a message, ordered by place and rule. Shape is judged elsewhere: an unknown
/// kind or act only makes the rules that hang on it silent.
///
/// A label that its author left out is judged as the one that the message takes over, and a note
/// says so: see [`label::join`].
pub fn judge(draft: &pb::Draft, standing: &Standing<'_>) -> Vec<Violation> {
    let joined = label::join(draft, &standing.thread);
    let case = Case::new(draft, joined.as_ref(), standing);
    let mut found = Findings::default();
    for rule in rules::RULES {
        (rule.judge)(&case, &mut found);
    }
    found.into_ordered()
}

/// The finding about the desk at this place of `to`, which is neither side of the request that a message
/// of `kind` follows in: by the rule of its kind's route. Who the sides are knows the node that sends it.
pub fn outside(kind: KindCode, place: usize) -> Violation {
    rules::outside(kind, place)
}

/// Shape and law together: what [`judge`] finds, and where the file is not well formed.
///
/// One fault is told once: the law's finding at a place stands in for that of the shape there. A
/// message that must not be passed on at all is not also told how passing on is spelt.
pub fn check(draft: &pb::Draft, standing: &Standing<'_>) -> Vec<Violation> {
    let mut found = judge(draft, standing);
    let Err(shape) = shape::read(draft.clone()) else {
        return found;
    };
    let is_relay = draft.message_type.as_deref() == Some(case::RELAY);
    let broken = |it: &Violation| it.rule == rules::USE_ORIGINATOR && it.rejects();
    let barred = is_relay && found.iter().any(broken);
    for violation in shape {
        let told = |it: &Violation| it.rejects() && it.pointer == violation.pointer;
        let spelling = barred && violation.pointer == "/message_type";
        if !spelling && !found.iter().any(told) {
            found.push(violation);
        }
    }
    case::order(&mut found);
    debug_assert!(found.iter().all(|it| it.rule != SHAPE || it.rejects()));
    found
}
