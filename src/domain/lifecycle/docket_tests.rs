//! Dockets of two nodes that hear of the same acts in different orders.

use proptest::prelude::*;

use super::*;

fn kind(code: &str) -> KindCode {
    code.parse().unwrap()
}

fn items(count: usize) -> Vec<ItemId> {
    (1..=count).map(|n| format!("I{n}").parse().unwrap()).collect()
}

fn opened(count: usize) -> Docket {
    Docket::opened(Course::opened(Act::Request).unwrap(), items(count), 1)
}

/// One node with what it has sent and has yet to hear.
struct Node {
    side: Side,
    docket: Docket,
    sent: u64,
    inbound: Vec<Filing>,
}

impl Node {
    fn new(side: Side, opening: Course, count: usize) -> Self {
        let mut docket = Docket::opened(opening, items(count), 1);
        if side == Side::Requested {
            docket.arrive();
        }
        Self { side, docket, sent: u64::from(side == Side::Requester), inbound: Vec::new() }
    }

    /// Acts as far as the door allows it.
    fn act(
        &mut self,
        kind: KindCode,
        act: Act,
        outcome: Option<&str>,
        item: Option<u8>,
    ) -> Option<Filing> {
        let step =
            Step { act, side: self.side, kind, outcome, redirection: Redirection::default() };
        let named: Vec<(u8, Act)> = item.map(|it| (it, act)).into_iter().collect();
        let judged = self.docket.judge(step, &named).ok()?;
        if self.docket.is_full(self.side) {
            return None;
        }
        self.sent += 1;
        let filing = Filing {
            side: self.side,
            number: self.sent,
            heard: judged.heard,
            kind,
            outcome: outcome.map(str::to_owned),
            redirection: step.redirection,
            marks: judged.marks,
        };
        assert!(self.docket.file(filing.clone()), "what the door allows has an effect");
        Some(filing)
    }

    fn hear(&mut self) -> bool {
        if self.inbound.is_empty() {
            return false;
        }
        let filing = self.inbound.remove(0);
        self.docket.file(filing);
        true
    }
}

fn steps(kind: KindCode) -> Vec<(Act, KindCode, Option<&'static str>)> {
    let mut steps = Vec::new();
    for of in KindCode::all().filter(|it| it.belongs_to(kind)) {
        for act in Act::ALL {
            steps.push((act, of, None));
            let outcomes = of.kind().outcomes().filter(|word| of.allows(act, word));
            steps.extend(outcomes.map(|word| (act, of, Some(word))));
        }
    }
    steps
}

/// What happens next: who acts how on which item, or hears; `void` loses the message for good.
#[derive(Clone, Debug)]
struct Turn {
    requester: bool,
    hears: bool,
    step: usize,
    item: Option<u8>,
    void: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    (any::<bool>(), any::<bool>(), any::<usize>(), prop::option::of(0_u8..3), 0_u8..12).prop_map(
        |(requester, hears, step, item, void)| Turn {
            requester,
            hears,
            step,
            item,
            void: void == 0,
        },
    )
}

fn play_out(kind: KindCode, opening: Course, count: usize, turns: &[Turn]) -> (Node, Node) {
    let steps = steps(kind);
    let mut ours = Node::new(Side::Requester, opening, count);
    let mut theirs = Node::new(Side::Requested, opening, count);
    for turn in turns {
        let (one, two) =
            if turn.requester { (&mut ours, &mut theirs) } else { (&mut theirs, &mut ours) };
        if turn.hears && one.hear() {
            continue;
        }
        // From a random place on, the first step that the door allows.
        for at in 0..steps.len() {
            let (act, of, outcome) = steps[(turn.step % steps.len() + at) % steps.len()];
            let Some(filing) = one.act(of, act, outcome, turn.item) else {
                continue;
            };
            if turn.void {
                // Returned on its way: its origin voids it, the other side passes over it.
                one.docket.void(filing.side, filing.number);
                let unheard = two.inbound.is_empty();
                if unheard {
                    two.docket.void(filing.side, filing.number);
                } else {
                    let nothing = Filing { marks: Vec::new(), ..filing };
                    two.inbound.push(nothing);
                }
            } else {
                two.inbound.push(filing);
            }
            break;
        }
    }
    while ours.hear() || theirs.hear() {}
    ours.docket.arrive();
    (ours, theirs)
}

fn sorts() -> Vec<(KindCode, Course)> {
    let request = Course::opened(Act::Request).unwrap();
    let informed = Course::opened(Act::SpontaneousInformation).unwrap();
    let codes = [
        "UNTOC.18.3.F.DOCS",
        "SOM.8.2.VESSEL",
        "SOM.13.DOCUMENT",
        "SOM.18.3.NATIONALITY",
        "UNTOC.19.JIT",
        "UNTOC.16.EXTRADITION",
        "SOM.8.7.STATELESS",
        "UNTOC.27.1.B.I.PERSON",
        "CYBER.29.PRESERVE",
    ];
    let asked = codes.into_iter().map(|code| (kind(code), request));
    let told = kind("SOM.10.1.A.ROUTE");
    asked.chain([(told, informed), (told, Course::offered())]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_sides_end_in_the_same_state_whatever_crosses(
        sort in 0_usize..11,
        count in 0_usize..4,
        turns in proptest::collection::vec(turn(), 0..60),
    ) {
        let (kind, opening) = sorts()[sort];
        let (ours, theirs) = play_out(kind, opening, count, &turns);
        prop_assert_eq!(ours.docket.courses(), theirs.docket.courses());
        prop_assert_eq!(ours.docket.state(), theirs.docket.state());
        prop_assert_eq!(ours.docket.owner(), theirs.docket.owner());
        let closed = ours.docket.courses().iter().all(|it| it.state.is_final());
        prop_assert_eq!(ours.docket.owner().is_none(), closed);
    }

    #[test]
    fn a_docket_is_kept_as_it_was(turns in proptest::collection::vec(turn(), 0..30)) {
        let (kind, opening) = sorts()[0];
        let (ours, _) = play_out(kind, opening, 2, &turns);
        let bytes = postcard::to_stdvec(&ours.docket).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Docket>(&bytes).unwrap(), ours.docket);
    }
}

fn asked(act: Act) -> Step<'static> {
    Step {
        act,
        side: Side::Requested,
        kind: kind("UNTOC.18.3.F.DOCS"),
        outcome: None,
        redirection: Redirection::default(),
    }
}

fn file(docket: &mut Docket, side: Side, act: Act, named: &[(u8, Act)]) {
    let step = Step { side, ..asked(act) };
    let Judged { marks, heard } = docket.judge(step, named).unwrap();
    let number = docket.heard_by(side.other()) + 1;
    let kind = step.kind;
    assert!(docket.file(Filing {
        side,
        number,
        heard,
        kind,
        outcome: None,
        redirection: Redirection::default(),
        marks
    }));
}

#[test]
fn one_item_is_refused_while_another_is_executed() {
    let mut docket = opened(2);
    docket.arrive();
    let both = Side::Requested;
    for act in [Act::AckReceipt, Act::TransmittedForExecution] {
        file(&mut docket, both, act, &[]);
    }
    file(&mut docket, both, Act::Consultation, &[(1, Act::Consultation)]);
    file(&mut docket, both, Act::PartialResult, &[(0, Act::PartialResult), (1, Act::Refusal)]);
    let states: Vec<State> = docket.courses().iter().map(|it| it.state).collect();
    assert_eq!(states, [State::PartiallyExecuted, State::Refused]);
    assert_eq!((docket.state(), docket.owner()), (State::PartiallyExecuted, Some(both)));
    file(&mut docket, both, Act::Result, &[(0, Act::Result)]);
    assert_eq!(docket.state(), State::Executed);
    // A result after a refusal in part is lawful.
    file(&mut docket, both, Act::Result, &[(1, Act::Result)]);
    assert_eq!(docket.state(), State::Executed);
}

#[test]
fn a_named_item_that_forbids_its_act_says_what_is_possible() {
    let mut docket = opened(2);
    docket.arrive();
    let refused = docket.judge(asked(Act::Result), &[(0, Act::Result)]).unwrap_err();
    assert_eq!(refused.possible, docket.possible(Side::Requested, kind("UNTOC.18.3.F.DOCS")));
    assert!(refused.possible.contains(&Act::AckReceipt));
    assert!(docket.judge(asked(Act::AckReceipt), &[(2, Act::AckReceipt)]).is_err());
    assert_eq!(docket.judge(asked(Act::AckReceipt), &[]).unwrap().marks.len(), 2);
}

#[test]
fn a_side_that_is_never_answered_can_send_so_many_acts_and_no_more() {
    let mut docket = opened(0);
    for _ in 0..UNHEARD_ACTS_MAX {
        assert!(!docket.is_full(Side::Requester));
        file(&mut docket, Side::Requester, Act::ProgressQuery, &[]);
    }
    assert!(docket.is_full(Side::Requester) && !docket.is_full(Side::Requested));
    let bytes = postcard::to_stdvec(&docket).unwrap();
    assert!(bytes.len() < 48 * UNHEARD_ACTS_MAX, "{} bytes", bytes.len());
    // One answer shows that all were heard, and the docket is small again.
    file(&mut docket, Side::Requested, Act::AckReceipt, &[]);
    assert!(!docket.is_full(Side::Requester));
    assert!(postcard::to_stdvec(&docket).unwrap().len() < 100);
}

#[test]
fn an_act_filed_twice_counts_once() {
    let mut docket = opened(0);
    docket.arrive();
    let step = asked(Act::AckReceipt);
    let Judged { marks, heard } = docket.judge(step, &[]).unwrap();
    let kind = step.kind;
    let filing = Filing {
        side: step.side,
        number: 1,
        heard,
        kind,
        outcome: None,
        redirection: Redirection::default(),
        marks,
    };
    assert!(docket.file(filing.clone()));
    let before = docket.clone();
    assert!(!docket.file(filing));
    assert_eq!(docket, before);
}
