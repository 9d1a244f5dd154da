//! The docket of a request at one executing agency: its acts in order, and the state of each item.
//!
//! Acts of two sides cross on their way, so the two nodes do not hear of them in the same order.
//! Each act therefore says how many of the other side's acts its sender had heard. From that both
//! nodes make the same order: an act stands after all that its sender had heard and after the
//! sender's own earlier acts; where that leaves a choice, the requested side's act goes first.
//!
//! **Invariant `converges`:** two dockets that hold the same acts hold the same courses, in
//! whatever order they were filed. Acts that every later act must follow are folded into the base,
//! so a docket stays small however long a request lives.

use crate::domain::acts::Act;
use crate::domain::ids::ItemId;
use crate::domain::kinds::KindCode;
use crate::domain::lifecycle::{Course, Impossible, Redirection, Side, State, Step};

/// Most acts of one side of which no later message of the other side has shown that it knows them.
pub const UNHEARD_ACTS_MAX: usize = 128;
/// Most acts that a docket holds besides its base; honest sides stay below it.
const ACTS_MAX: usize = 4 * UNHEARD_ACTS_MAX;

/// What one act does to one item of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// Place of the item in the request; 0 for a request that names none.
    pub item: u8,
    /// What is done: a result may deliver one item and refuse another.
    pub act: Act,
    /// The state of the item that the sender had seen.
    pub seen: State,
}

/// An act as it is put on the docket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Filing {
    /// Whose act it is.
    pub side: Side,
    /// Its number among the messages of that side in this request, from 1.
    pub number: u64,
    /// The number of the other side's last message that its sender had heard; 0 for none.
    pub heard: u64,
    /// Its kind, one that belongs to the request.
    pub kind: KindCode,
    /// The outcome that it states.
    pub outcome: Option<String>,
    /// Who goes on with the request, where the act redirects it.
    pub redirection: Redirection,
    /// What it does to which items.
    pub marks: Vec<Mark>,
}

/// What an act would do, by the door's judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What it does to which items, each with the state seen.
    pub marks: Vec<Mark>,
    /// The number of the other side's last act heard.
    pub heard: u64,
}

/// The acts of a request at one executing agency, and where each item stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Docket {
    items: Vec<ItemId>,
    /// Where the items stood after all acts that nothing can precede any more.
    base: Vec<Course>,
    /// Acts folded into the base, for each side the number of the last.
    settled: [u64; 2],
    /// The acts after that, in the order in which they were filed.
    acts: Vec<Filing>,
    /// For each side, the number of its last act filed or void.
    last: [u64; 2],
    /// Where the items stand.
    courses: Vec<Course>,
}

const fn place(side: Side) -> usize {
    match side {
        Side::Requester => 0,
        Side::Requested => 1,
    }
}

fn get(numbers: [u64; 2], side: Side) -> u64 {
    let [requester, requested] = numbers;
    match side {
        Side::Requester => requester,
        Side::Requested => requested,
    }
}

fn raise(numbers: &mut [u64; 2], side: Side, to: u64) {
    if let Some(number) = numbers.get_mut(place(side)) {
        *number = to.max(*number);
    }
}

impl Docket {
    /// The docket that the opening message of a request makes: one course for each item that it
    /// names, or one for the whole.
    pub fn opened(opening: Course, items: Vec<ItemId>, number: u64) -> Self {
        let courses = vec![opening; items.len().max(1)];
        let numbers = [number, 0];
        Self {
            items,
            base: courses.clone(),
            settled: numbers,
            acts: Vec::new(),
            last: numbers,
            courses,
        }
    }

    /// The request has arrived at the executing agency.
    pub fn arrive(&mut self) {
        for course in &mut self.base {
            *course = course.delivered();
        }
        self.recompute();
    }

    /// Puts an act on the docket. False if it changes no item and was possible for none, or if
    /// there is no room: the message is then on record without effect.
    pub fn file(&mut self, act: Filing) -> bool {
        let (side, number) = (act.side, act.number);
        let known = self.acts.iter().any(|it| (it.side, it.number) == (side, number));
        let settled = number <= get(self.settled, side);
        if known || settled || self.acts.len() >= ACTS_MAX {
            return false;
        }
        raise(&mut self.last, act.side, act.number);
        if act.side == Side::Requested {
            for course in &mut self.base {
                *course = course.delivered();
            }
        }
        self.acts.push(act);
        let took_effect = self.recompute().contains(&(side, number));
        self.settle();
        took_effect
    }

    /// The message of `side` with this number will never arrive: it has no effect.
    pub fn void(&mut self, side: Side, number: u64) {
        raise(&mut self.last, side, number);
        self.acts.retain(|it| (it.side, it.number) != (side, number));
        self.recompute();
        self.settle();
    }

    /// The items by name; none where the request names none.
    pub fn items(&self) -> &[ItemId] {
        &self.items
    }

    /// Where each item stands; one course for the whole where the request names no items.
    pub fn courses(&self) -> &[Course] {
        &self.courses
    }

    /// The number of the last message of the side opposite to `side` that is known here.
    pub fn heard_by(&self, side: Side) -> u64 {
        get(self.last, side.other())
    }

    /// True if `side` has [`UNHEARD_ACTS_MAX`] acts out of which the other side is not known to
    /// know.
    pub fn is_full(&self, side: Side) -> bool {
        let known = self.known_to(side.other());
        let unheard = self.acts.iter().filter(|it| it.side == side && it.number > known);
        unheard.count() >= UNHEARD_ACTS_MAX
    }

    /// The number of the last act of the side opposite to `side` that `side` is known to know.
    fn known_to(&self, side: Side) -> u64 {
        let heard = self.acts.iter().filter(|it| it.side == side).map(|it| it.heard);
        heard.max().unwrap_or(0).max(get(self.settled, side.other()))
    }

    /// The course that decides where the whole stands: of the items still to be done, the one whose
    /// requester owes a word, or else the one least far along; where none is to be done, the one
    /// furthest along that is not closed.
    pub fn leading(&self) -> Course {
        let waits =
            |it: &&Course| matches!(it.state, State::AwaitingRequester | State::ConditionsPending);
        let open = || self.courses.iter().filter(|it| it.state.is_open());
        let left = || self.courses.iter().filter(|it| !it.state.is_final());
        let leading = open().find(waits).or_else(|| open().min_by_key(|it| it.state));
        let leading = leading.or_else(|| left().max_by_key(|it| it.state));
        leading.or_else(|| self.courses.first()).copied().unwrap_or_else(Course::offered)
    }

    /// The state of the whole: that of the leading item, but partially executed where another item
    /// is done or declined while that one is still to be done.
    pub fn state(&self) -> State {
        let leading = self.leading().state;
        let waits = matches!(leading, State::AwaitingRequester | State::ConditionsPending);
        let further = |it: &Course| {
            matches!(
                it.state,
                State::PartiallyExecuted
                    | State::Executed
                    | State::DeliveredResult
                    | State::Refused
                    | State::Closed
            )
        };
        if leading.is_open() && !waits && self.courses.iter().any(further) {
            State::PartiallyExecuted
        } else {
            leading
        }
    }

    /// Who owes the next act; `None` only when all is closed.
    pub fn owner(&self) -> Option<Side> {
        self.leading().owner()
    }

    /// Every act that `side` can do now to some item.
    pub fn possible(&self, side: Side, kind: KindCode) -> Vec<Act> {
        let rules = kind.rules();
        let possible: Vec<Vec<Act>> =
            self.courses.iter().map(|it| it.possible(side, rules)).collect();
        let any = |act: &Act| possible.iter().any(|acts| acts.contains(act));
        Act::ALL.into_iter().filter(any).collect()
    }

    /// What `step` does now: to the items named, each by its own act, or to every item for which
    /// it is possible.
    ///
    /// # Errors
    /// [`Impossible`] if a named item forbids its act, or every item does.
    pub fn judge(&self, step: Step<'_>, named: &[(u8, Act)]) -> Result<Judged, Impossible> {
        let heard = self.heard_by(step.side);
        let impossible = || Impossible { possible: self.possible(step.side, step.kind) };
        let mut marks = Vec::new();
        for (item, act) in named {
            let course = self.courses.get(usize::from(*item)).ok_or_else(impossible)?;
            course.after(Step { act: *act, ..step }).map_err(|_| impossible())?;
            marks.push(Mark { item: *item, act: *act, seen: course.state });
        }
        if named.is_empty() {
            let all = self.courses.iter().zip(0_u8..);
            let possible = all.filter(|(course, _)| course.after(step).is_ok());
            marks.extend(possible.map(|(it, item)| Mark { item, act: step.act, seen: it.state }));
        }
        if marks.is_empty() { Err(impossible()) } else { Ok(Judged { marks, heard }) }
    }

    /// The acts after the base in the order that both nodes make of them.
    fn order(&self) -> Vec<&Filing> {
        let queue = |side| {
            let mut acts: Vec<&Filing> = self.acts.iter().filter(|it| it.side == side).collect();
            acts.sort_by_key(|it| it.number);
            acts.into_iter().peekable()
        };
        let (mut ours, mut theirs) = (queue(Side::Requester), queue(Side::Requested));
        let mut order = Vec::with_capacity(self.acts.len());
        loop {
            let first = match (ours.peek(), theirs.peek()) {
                (None, None) => return order,
                (Some(_), None) => ours.next(),
                (None, Some(_)) => theirs.next(),
                (Some(our), Some(their)) => {
                    let waits = their.heard >= our.number && our.heard < their.number;
                    if waits { ours.next() } else { theirs.next() }
                }
            };
            order.extend(first);
        }
    }

    /// Plays the acts over the base; gives those that changed or could have changed an item.
    fn recompute(&mut self) -> Vec<(Side, u64)> {
        let mut courses = self.base.clone();
        let mut effective = Vec::new();
        for act in self.order() {
            if play(&mut courses, act) {
                effective.push((act.side, act.number));
            }
        }
        self.courses = courses;
        effective
    }

    /// Folds into the base what every act still to come must follow: acts that the other side is
    /// known to have heard, and before which nothing stands that it has not.
    fn settle(&mut self) {
        let order: Vec<Filing> = self.order().into_iter().cloned().collect();
        let known = [self.known_to(Side::Requested), self.known_to(Side::Requester)];
        let settled = order.iter().take_while(|it| it.number <= get(known, it.side)).count();
        for act in order.iter().take(settled) {
            play(&mut self.base, act);
            raise(&mut self.settled, act.side, act.number);
        }
        self.acts = order.into_iter().skip(settled).collect();
    }
}

/// Plays one act; true if it is possible for one of its items.
fn play(courses: &mut [Course], act: &Filing) -> bool {
    let mut possible = false;
    for mark in &act.marks {
        let Some(course) = courses.get_mut(usize::from(mark.item)) else {
            continue;
        };
        let outcome = act.outcome.as_deref();
        let (side, kind, redirection) = (act.side, act.kind, act.redirection);
        let step = Step { act: mark.act, side, kind, outcome, redirection };
        let next = course.after(step).or_else(|_| course.after_crossing(mark.seen, step));
        if let Ok(next) = next {
            *course = next;
            possible = true;
        }
    }
    possible
}

#[cfg(test)]
#[path = "docket_tests.rs"]
mod tests;
