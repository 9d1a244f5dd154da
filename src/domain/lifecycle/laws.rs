//! What holds of every course, tried over all that can come about.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::urgency::Urgency;

fn kind(code: &str) -> KindCode {
    code.parse().unwrap()
}

/// The steps that can stand in a request of kind `request`.
fn steps(request: KindCode) -> Vec<Step<'static>> {
    let mut all = Vec::new();
    for kind in KindCode::all().filter(|it| it.belongs_to(request)) {
        for (act, side) in
            Act::ALL.into_iter().flat_map(|act| Side::ALL.into_iter().map(move |side| (act, side)))
        {
            let redirection = Redirection::default();
            let plain = Step { act, side, kind, outcome: None, redirection };
            let redirections = [Redirection::SentAnew, Redirection::Within, Redirection::PassedOn];
            let number = if act == Act::RedirectNotice { redirections.len() } else { 1 };
            all.extend(
                redirections
                    .into_iter()
                    .take(number)
                    .map(|redirection| Step { redirection, ..plain }),
            );
            all.extend(
                kind.kind()
                    .outcomes()
                    .filter(|outcome| kind.allows(act, outcome))
                    .map(|outcome| Step { outcome: Some(outcome), ..plain }),
            );
        }
    }
    all
}

/// One kind of each profile, and both sorts of request at sea.
fn kinds_of_each_sort() -> Vec<KindCode> {
    let mut sorts = BTreeMap::new();
    for kind in KindCode::all() {
        sorts.entry((kind.profile, kind.is_measure())).or_insert(kind);
    }
    sorts.into_values().collect()
}

/// Every course that can come about in a request of kind `request`; what it has been in aside.
fn reachable(request: KindCode) -> Vec<Course> {
    let key = |course: &Course| (course.state, course.before, course.executes);
    let steps = steps(request);
    let mut found = BTreeMap::new();
    let mut open: Vec<_> = [Act::Request, Act::SpontaneousInformation]
        .into_iter()
        .filter_map(Course::opened)
        .chain([Course::offered()])
        .collect();
    while let Some(course) = open.pop() {
        if found.insert(key(&course), course).is_none() {
            open.push(course.delivered());
            open.extend(steps.iter().filter_map(|step| course.after(*step).ok()));
        }
    }
    found.into_values().collect()
}

#[test]
fn assistance_is_refused_or_put_off_only_out_of_a_consultation() {
    for course in reachable(kind("UNTOC.18.3.F.DOCS")) {
        let possible = course.possible(Side::Requested, Profile::Mla);
        for act in [Act::Refusal, Act::Postponement] {
            assert_eq!(possible.contains(&act), course.state == State::Consulting, "{course:?}");
        }
    }
}

#[test]
fn every_state_is_reachable_and_only_closed_is_nobodys() {
    let mut states = BTreeSet::new();
    for request in kinds_of_each_sort() {
        for course in reachable(request) {
            states.insert(course.state);
            let term = course.term(Urgency::Routine, request);
            assert_eq!(course.owner().is_none(), course.state.is_final(), "{course:?}");
            assert_eq!(term.is_none(), course.state.is_final(), "{course:?}");
            if let (Some(owner), Some(term)) = (course.owner(), term) {
                assert!(term.span.millis() > 0);
                let possible = course.possible(owner, request.rules());
                assert!(!possible.is_empty(), "{course:?}: the owner can do nothing");
            }
        }
    }
    assert_eq!(states.into_iter().collect::<Vec<_>>(), State::ALL);
}

#[test]
fn every_course_can_still_come_to_its_end() {
    for request in kinds_of_each_sort() {
        let steps = steps(request);
        for start in reachable(request) {
            let mut seen = BTreeSet::new();
            let mut open = vec![start];
            let mut ends = false;
            while let Some(course) = open.pop().filter(|_| !ends) {
                ends = course.state.is_final();
                if seen.insert((course.state, course.before, course.executes)) {
                    open.push(course.delivered());
                    open.extend(steps.iter().filter_map(|step| course.after(*step).ok()));
                }
            }
            assert!(ends, "{start:?}");
        }
    }
}

#[test]
fn what_is_possible_is_what_is_accepted() {
    for request in kinds_of_each_sort() {
        for course in reachable(request) {
            for step in steps(request) {
                let possible = course.possible(step.side, step.kind.rules());
                match course.after(step) {
                    Ok(_) => assert!(possible.contains(&step.act), "{course:?} {step:?}"),
                    Err(impossible) => {
                        assert!(!possible.contains(&step.act), "{course:?} {step:?}");
                        assert_eq!(impossible.possible, possible);
                    }
                }
            }
        }
    }
}

/// The requester sends `ours` and the requested side `theirs` before either has the other's act.
fn cross(start: Course, ours: Step<'_>, theirs: Step<'_>) {
    // The request is at the other node even where its sender doesn't know yet.
    let (mut here, mut there) =
        (Docket::opened(start, Vec::new(), 1), Docket::opened(start, Vec::new(), 1));
    there.arrive();
    let filing = |docket: &Docket, step: Step<'_>, number| {
        let Judged { marks, heard } = docket.judge(step, &[]).unwrap();
        let Step { side, kind, redirection, .. } = step;
        let outcome = step.outcome.map(str::to_owned);
        Filing { side, number, heard, kind, outcome, redirection, marks }
    };
    let (ours_filed, theirs_filed) = (filing(&here, ours, 2), filing(&there, theirs, 1));
    assert!(here.file(ours_filed.clone()) && there.file(theirs_filed.clone()));
    here.file(theirs_filed);
    there.file(ours_filed);
    assert_eq!(here.courses(), there.courses(), "{start:?}: {ours:?} x {theirs:?}");
}

#[test]
fn two_acts_that_cross_leave_both_nodes_in_the_same_state() {
    for request in kinds_of_each_sort() {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            steps(request).into_iter().partition(|step| step.side == Side::Requester);
        for start in reachable(request) {
            let mut theirs = theirs.clone();
            theirs.retain(|step| start.delivered().after(*step).is_ok());
            for ours in ours.iter().filter(|step| start.after(**step).is_ok()) {
                theirs.iter().for_each(|theirs| cross(start, *ours, *theirs));
            }
        }
    }
}

#[test]
fn a_course_is_small_and_comes_back_as_it_was() {
    for course in reachable(kind("SOM.8.2.VESSEL")) {
        let bytes = postcard::to_stdvec(&course).unwrap();
        assert!(bytes.len() <= 8, "{} bytes", bytes.len());
        assert_eq!(postcard::from_bytes::<Course>(&bytes).unwrap(), course);
    }
}

proptest! {
    #[test]
    fn whatever_is_tried_a_closed_course_only_reopens(
        tried in proptest::collection::vec(
            (0_usize..33, 0_usize..2, 0_usize..53, 0_usize..8),
            0..60,
        ),
        opening in 0_usize..2,
        seen in proptest::collection::vec(0_usize..18, 60),
    ) {
        let opening = [Act::Request, Act::SpontaneousInformation][opening];
        let mut course = Course::opened(opening).unwrap();
        for ((act, side, kind, outcome), seen) in tried.into_iter().zip(seen) {
            let kind = KindCode::all().nth(kind).unwrap();
            let outcome = kind.kind().outcomes().nth(outcome);
            let (act, side, redirection) =
                (Act::ALL[act], Side::ALL[side], Redirection::default());
            let step = Step { act, side, kind, outcome, redirection };
            let crossed = course.after_crossing(State::ALL[seen], step);
            if let Ok(next) = crossed.as_ref() {
                prop_assert!(!course.state.is_final() || next.state.is_final()
                    || step.act == Act::Reopening);
            }
            if let Ok(next) = course.after(step).or(crossed) {
                if course.state.is_final() && !next.state.is_final() {
                    prop_assert_eq!(step.act, Act::Reopening);
                }
                course = next;
            }
            prop_assert_eq!(course.owner().is_none(), course.state.is_final());
        }
    }
}
