//! A draft's time, moved by hand; the same call twice in one batch; and what a replay says of drafts that
//! ended as they must not.

use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::digest::Digest;
use rogatory::domain::drafting::DraftFact;
use rogatory::domain::fact::{EntryParts, Fact};
use rogatory::domain::ids::{JournalName, MessageId, RequestId};
use rogatory::entropy::SeededEntropy;
use rogatory::evidence::replay::Replay;
use rogatory::history::drafts::{self, DraftState};
use rogatory::identity::desks::{DeskPolicy, DeskRights, FourEyes, Right, Rules, Who};
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::node::command::{Call, Command, DraftAct, Outcome, Submission};
use rogatory::node::duties::due;
use rogatory::node::rejection::RejectionReason;
use rogatory::node::sealing::{self, Plan};
use rogatory::node::{Node, rebuild, waiting};
use rogatory::wire;

use crate::support::{self, Federation};

const START: i64 = 1_768_099_620_000;
const WITHIN_MS: i64 = 3_600_000;

struct Alone {
    node: Node,
    clock: Arc<HandClock>,
    federation: Federation,
}

impl Alone {
    fn begun(four_eyes: bool) -> Self {
        let federation = Federation::grow(1, 2, &[(0, 1)], &[]);
        let clock = Arc::new(HandClock::at(Timestamp::from_millis(START)));
        let store = Arc::new(MemoryStore::open(&MemoryDisk::new()).unwrap());
        let time: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let setting = federation.setting(0, store, time, Arc::new(SeededEntropy::new(1))).unwrap();
        let officers = vec![Who { role: Role::Officer, name: None }];
        let rights: DeskRights = Right::ALL.map(|it| (it, officers.clone())).into();
        let desk = support::desk(&federation.agencies[0]);
        let all = FourEyes { desks: vec![], kinds: vec![], acts: vec![], within_ms: WITHIN_MS };
        let rules = Rules {
            desks: [(desk, rights)].into(),
            four_eyes: four_eyes.then_some(all).into_iter().collect(),
            ..Rules::default()
        };
        setting.hold_to(DeskPolicy::from(rules));
        Self { node: Node::open(Arc::new(setting)).unwrap(), clock, federation }
    }

    fn call(&self, name: &str, key: &str) -> Call {
        let agency = self.federation.agencies[0].clone();
        let principal = Principal::new(agency, Role::Officer, name).unwrap();
        let fingerprint = Digest::of(format!("{name}{key}").as_bytes());
        Call { principal, key: key.to_owned(), fingerprint }
    }

    fn submission(&self, key: &str) -> Submission {
        let setting = self.node.setting();
        let [from, to] = [0, 1].map(|it| support::desk(&self.federation.agencies[it]));
        let text = format!(
            r#"{{"from": "{from}", "to": ["{to}"], "kind": "UNTOC.27.1.B.I.PERSON",
                "message_type": "request", "facts": "{key}"}}"#
        );
        let draft = wire::json::read_file(text.as_bytes()).unwrap();
        let draft = wire::draft::read(draft).unwrap();
        let request = RequestId::from_bytes([7; 16]);
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: 3_600_000 };
        let messages = sealing::prepare(setting, &draft, &plan).unwrap();
        Submission {
            call: self.call("clerk", key),
            draft,
            request,
            expires_in_ms: plan.expires_in_ms,
            messages,
            forbidden: Vec::new(),
            validate_only: false,
            as_submitted: b"what was said".to_vec(),
        }
    }

    fn due(&mut self) -> Vec<Outcome> {
        let commands = due::commands(self.node.setting()).unwrap();
        self.node.execute(commands).unwrap().into_iter().map(Result::unwrap).collect()
    }
}

fn drafted(outcome: &Outcome) -> MessageId {
    let Outcome::Drafted(draft) = outcome else { panic!("{outcome:?}") };
    *draft
}

#[test]
fn a_draft_that_nobody_approves_in_its_time_expires_and_what_it_says_is_gone() {
    let mut alone = Alone::begun(true);
    let submission = alone.submission("one");
    let command = Command::Submit(Box::new(submission.clone()));
    let made = alone.node.execute(vec![command.clone()]).unwrap().remove(0).unwrap();
    let draft = drafted(&made);
    let setting = Arc::clone(alone.node.setting());
    assert_eq!(waiting::open(&setting, draft).unwrap().as_slice(), b"what was said");
    assert_eq!(alone.due(), []);
    alone.clock.advance(WITHIN_MS - 1);
    assert_eq!(alone.due(), []);
    alone.clock.advance(1);
    // From that instant on it is not approved either, whether the node has come to it or not.
    let fingerprint = submission.call.fingerprint;
    let act = DraftAct::Approve { fingerprint, submission: Some(Box::new(submission)) };
    let call = alone.call("head", "a");
    let approving = Command::Draft { call, draft, act };
    let no = alone.node.execute(vec![approving]).unwrap().remove(0).unwrap_err();
    assert_eq!(
        (no.reason, no.metadata),
        (RejectionReason::StateForbids, vec![("state", "expired".to_owned())])
    );
    assert_eq!(alone.due().len(), 1);
    assert_eq!(alone.due(), []);
    let record = drafts::find(setting.store.as_ref(), draft).unwrap().unwrap();
    assert_eq!(record.state, DraftState::Expired);
    assert_eq!(record.end.unwrap().by, None);
    assert!(waiting::open(&setting, draft).is_err());
    // The drafter's call is answered with what became of it, and folding again gives the same.
    let again = alone.node.execute(vec![command]).unwrap().remove(0).unwrap();
    assert_eq!(drafted(&again), draft);
    rebuild(&setting).unwrap();
    let folded = drafts::find(setting.store.as_ref(), draft).unwrap().unwrap();
    assert_eq!(folded.state, DraftState::Expired);
}

#[test]
fn the_same_call_twice_in_one_batch_is_one_message_or_one_draft() {
    for four_eyes in [false, true] {
        let mut alone = Alone::begun(four_eyes);
        let command = Command::Submit(Box::new(alone.submission("one")));
        let mut decided = alone.node.execute(vec![command.clone(), command]).unwrap();
        let (second, first) = (decided.pop().unwrap().unwrap(), decided.pop().unwrap().unwrap());
        match (first, second) {
            (Outcome::Submitted(one, false), Outcome::Submitted(two, true)) if !four_eyes => {
                assert_eq!(one, two);
            }
            (one @ Outcome::Drafted(_), two) if four_eyes => assert_eq!(one, two),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_replay_finds_a_draft_that_ended_as_it_must_not() {
    let federation = Federation::grow(1, 2, &[(0, 1)], &[]);
    let journal = JournalName::new(federation.agencies[0].clone(), 1);
    let (draft, fingerprint) = (MessageId::from_bytes([1; 16]), Digest::of(b"call"));
    let until = Timestamp::from_millis(START + 10);
    let made = DraftFact::Made { draft, fingerprint, until };
    let approved = DraftFact::Approved { draft, fingerprint };
    let verdict = |facts: &[(i64, DraftFact)]| {
        let mut replay = Replay::new(&federation.directory, journal.clone(), &[]);
        for (index, (at, fact)) in (0..).zip(facts) {
            let entry = EntryParts {
                journal: journal.clone(),
                recorded_at: Timestamp::from_millis(START + at),
                directory_version: 1,
                fact: Fact::Draft(fact.clone()),
                skeleton: Vec::new(),
            };
            if let Err(fault) = replay.entry(index, &wire::entry::write(&entry)) {
                return fault.to_string();
            }
        }
        String::new()
    };
    assert_eq!(verdict(&[(0, made.clone()), (9, approved.clone())]), "");
    let withdrawn = DraftFact::Withdrawn { draft };
    let other = DraftFact::Approved { draft, fingerprint: Digest::of(b"another call") };
    let expired = DraftFact::Expired { draft };
    for (facts, fault) in [
        (vec![(0, approved.clone())], "entry 0 about a draft: no such draft waits"),
        (
            vec![(0, made.clone()), (1, other)],
            "entry 1 about a draft: what was approved is not what was drafted",
        ),
        (
            vec![(0, made.clone()), (10, approved.clone())],
            "entry 1 about a draft: it was approved too late",
        ),
        (
            vec![(0, made.clone()), (9, expired.clone())],
            "entry 1 about a draft: it expired before its time",
        ),
        (
            vec![(0, made.clone()), (1, withdrawn), (2, approved)],
            "entry 2 about a draft: no such draft waits",
        ),
        (vec![(0, made.clone()), (1, made)], "entry 1 about a draft: it was drafted before"),
    ] {
        assert_eq!(verdict(&facts), fault);
    }
}
