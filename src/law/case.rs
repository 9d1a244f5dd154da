//! What the rules look at, and where they write down what they find.

use crate::clock::Timestamp;
use crate::directory::{ContactPoint, Directory, Unaddressed};
use crate::domain::acts::Act;
use crate::domain::entities::country::IcaoNationality;
use crate::domain::ids::{ContactPointId, StateCode};
use crate::domain::kinds::KindCode;
use crate::domain::limits::RECIPIENTS_MAX;
use crate::domain::urgency::Urgency;
use crate::domain::violation::{Severity, Violation};
use crate::law::{FINDINGS_MAX, Standing, Thread, competence};
use crate::wire::pb;

/// The word by which a file says that it passes a message on. It is no act: which message is
/// passed on stands in `relay_of`.
pub(super) const RELAY: &str = "relay";

/// One message before its judge.
pub(super) struct Case<'a> {
    /// The message, with the label that it takes over.
    pub(super) draft: &'a pb::Draft,
    /// The message as its author wrote it.
    pub(super) stated: &'a pb::Draft,
    /// What the judge stands on.
    pub(super) standing: &'a Standing<'a>,
    /// Its act; `None` if it is not in the list.
    pub(super) act: Option<Act>,
    /// Its kind; `None` if it is not in the catalogue.
    pub(super) kind: Option<KindCode>,
    /// Who sends; `None` if malformed.
    pub(super) from: Option<ContactPointId>,
    /// Recipients with their place in the list; malformed ones are left out. Whoever is competent,
    /// where the message names a competence and one desk is.
    pub(super) to: Vec<(usize, ContactPointId)>,
    /// Why the competence that it names leads to no desk.
    pub(super) unaddressed: Option<Unaddressed>,
    /// The States of the recipients, each once; international bodies have none.
    pub(super) states: Vec<StateCode>,
    /// When it was issued, if it says so.
    pub(super) issued_at: Option<Timestamp>,
}

impl<'a> Case<'a> {
    /// The message as far as it can be read: as it is written, and as it is with the label that it
    /// takes over.
    pub(super) fn new(
        stated: &'a pb::Draft,
        draft: &'a pb::Draft,
        standing: &'a Standing<'a>,
    ) -> Self {
        let to = draft.to.iter().take(RECIPIENTS_MAX).enumerate();
        let mut to: Vec<(usize, ContactPointId)> =
            to.filter_map(|(at, it)| Some((at, it.parse().ok()?))).collect();
        let from: Option<ContactPointId> = draft.from.as_deref().and_then(|it| it.parse().ok());
        let kind: Option<KindCode> = draft.kind.as_deref().and_then(|it| it.parse().ok());
        let asked = competence::of(draft).filter(|_| draft.to.is_empty());
        let received = kind.zip(asked).filter(|(kind, asked)| asked.receives(*kind));
        let found = received.zip(from.as_ref()).and_then(|((kind, asked), from)| {
            competence::desk(standing, from.agency(), (&asked, kind))
        });
        let unaddressed = match found {
            Some(Ok(desk)) => {
                to.push((0, desk));
                None
            }
            Some(Err(why)) => Some(why),
            None => None,
        };
        let mut states: Vec<StateCode> =
            to.iter().filter_map(|(_, desk)| StateCode::of(desk.agency())).collect();
        states.extend(asked.and_then(|it| it.country));
        states.sort_unstable();
        states.dedup();
        Self {
            draft,
            stated,
            standing,
            act: draft.message_type.as_deref().and_then(|it| it.parse().ok()),
            kind,
            from,
            to,
            unaddressed,
            states,
            issued_at: draft.issued_at.as_deref().and_then(Timestamp::parse),
        }
    }

    /// The request so far.
    pub(super) fn thread(&self) -> &'a Thread {
        &self.standing.thread
    }

    /// The network, if there is one.
    pub(super) fn directory(&self) -> Option<&'a Directory> {
        self.standing.directory
    }

    /// Is this the kind?
    pub(super) fn is(&self, code: &str) -> bool {
        self.kind.is_some_and(|it| it.as_str() == code)
    }

    /// Does it ask for something new?
    pub(super) fn asks(&self) -> bool {
        self.act == Some(Act::Request)
    }

    /// Does it begin a course: a request, information unasked, or something passed on?
    pub(super) fn opens(&self) -> bool {
        match self.act {
            Some(act) => matches!(act, Act::Request | Act::SpontaneousInformation),
            None => self.draft.relay_of.is_some(),
        }
    }

    /// Does it only offer information?
    pub(super) fn offers(&self) -> bool {
        self.draft.offer == Some(true)
    }

    /// The State of the sender; `None` for an international body.
    pub(super) fn own_state(&self) -> Option<StateCode> {
        StateCode::of(self.from.as_ref()?.agency())
    }

    /// Does one of the recipients belong to this State? Its code may be one of ICAO 9303.
    pub(super) fn goes_to(&self, state: &str) -> bool {
        let state = plain(state);
        self.states.iter().any(|it| it.as_str() == state)
    }

    /// The directory's record of a desk.
    pub(super) fn desk(&self, id: &ContactPointId) -> Option<&'a ContactPoint> {
        self.directory()?.contact_point(id)
    }

    /// How urgent it is: as it says, or else as its kind is.
    pub(super) fn urgency(&self) -> Urgency {
        let stated = self.draft.urgency.as_ref().and_then(|it| it.level.as_deref());
        let usual = self.kind.map_or(Urgency::Routine, |it| it.urgency);
        stated.and_then(|it| it.parse().ok()).unwrap_or(usual)
    }

    /// When the law looks at it: when it was issued, or else now.
    pub(super) fn date(&self) -> Timestamp {
        self.issued_at.unwrap_or(self.standing.now)
    }
}

/// A State as ISO 3166-1 has it, where ICAO 9303 writes nationalities in another way.
pub(super) fn plain(code: &str) -> &str {
    code.parse::<IcaoNationality>().ok().and_then(IcaoNationality::country).unwrap_or(code)
}

/// Does the field say something?
pub(super) fn said(text: Option<&str>) -> bool {
    text.is_some_and(|it| !it.trim().is_empty())
}

/// A rule's id and the paragraph that it rests on.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    /// The rule.
    pub(super) rule: &'static str,
    /// The paragraph.
    pub(super) source: &'static str,
}

/// The rule `rule`, resting on `source`.
pub(super) const fn basis(rule: &'static str, source: &'static str) -> Basis {
    Basis { rule, source }
}

/// The findings so far: of each severity at most [`FINDINGS_MAX`], so that warnings never crowd out
/// what stops a message.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<Violation>,
    rejected: usize,
    warned: usize,
    noted: usize,
}

impl Findings {
    /// Notes what stops the message.
    pub(super) fn reject(
        &mut self,
        basis: Basis,
        pointer: impl Into<String>,
        code: &'static str,
        text: impl Into<String>,
    ) {
        self.add(Violation::new(pointer, code, text).by(basis.rule, basis.source));
    }

    /// Notes what the reader should look at.
    pub(super) fn warn(
        &mut self,
        basis: Basis,
        pointer: impl Into<String>,
        code: &'static str,
        text: impl Into<String>,
    ) {
        self.add(Violation::new(pointer, code, text).by(basis.rule, basis.source).warn());
    }

    /// Notes what is worth knowing.
    pub(super) fn note(
        &mut self,
        basis: Basis,
        pointer: impl Into<String>,
        code: &'static str,
        text: impl Into<String>,
    ) {
        self.add(Violation::new(pointer, code, text).by(basis.rule, basis.source).note());
    }

    /// Adds a finding, unless there are many of its severity already.
    pub(super) fn add(&mut self, violation: Violation) {
        let count = match violation.severity {
            Severity::Reject => &mut self.rejected,
            Severity::Warn => &mut self.warned,
            Severity::Note => &mut self.noted,
        };
        *count = count.saturating_add(1);
        if *count <= FINDINGS_MAX {
            self.found.push(violation);
        }
    }

    /// Does a rejection stand at this place, below it, or at what it is part of?
    pub(super) fn rejects_within(&self, pointer: &str) -> bool {
        let within = |one: &str, other: &str| {
            one.strip_prefix(other).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let told = |it: &&Violation| !it.pointer.is_empty() && it.rejects();
        let mut told = self.found.iter().filter(told);
        told.any(|it| within(&it.pointer, pointer) || within(pointer, &it.pointer))
    }

    /// All of them, by place and rule.
    pub(super) fn into_ordered(mut self) -> Vec<Violation> {
        order(&mut self.found);
        self.found
    }
}

/// Puts findings in the order of place, rule and code; the same finding stands once.
pub(super) fn order(found: &mut Vec<Violation>) {
    found.sort_by(|a, b| {
        (&a.pointer, a.rule, a.code, a.severity).cmp(&(&b.pointer, b.rule, b.code, b.severity))
    });
    found.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_never_crowd_out_what_stops_a_message() {
        let mut found = Findings::default();
        for at in 0..FINDINGS_MAX + 7 {
            found.warn(basis("R-TIME", "policy"), format!("/a/{at}"), "ODD", "it is odd");
        }
        found.reject(basis("R-TIME", "policy"), "/b", "WRONG", "it is wrong");
        found.note(basis("R-TIME", "policy"), "/c", "NEWS", "it is news");
        assert!(found.rejects_within("/b") && found.rejects_within("/b/0"));
        assert!(!found.rejects_within("/a/1") && !found.rejects_within("/bc"));
        found.reject(basis("R-TIME", "policy"), "/d/0/e", "WRONG", "it is wrong");
        assert!(found.rejects_within("/d/0") && !found.rejects_within("/d/01"));
        let found = found.into_ordered();
        let count = |severity| found.iter().filter(|it| it.severity == severity).count();
        let counts = [Severity::Reject, Severity::Warn, Severity::Note].map(count);
        assert_eq!(counts, [2, FINDINGS_MAX, 1]);
    }

    #[test]
    fn nationalities_of_icao_name_their_state() {
        assert_eq!([plain("D"), plain("GBN"), plain("ECU")], ["DEU", "GBR", "ECU"]);
    }
}
