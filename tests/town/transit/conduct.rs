//! A neighbour that lies can't fill a journal: so many of its refusals go on record, then it is cut off for
//! a time, by one entry; and whoever only repeats and is late is answered later, and not cut off.

use std::collections::BTreeMap;
use std::sync::Arc;

use rogatory::clock::Clock as _;
use rogatory::directory::write::to_toml;
use rogatory::directory::{Directory, DirectoryDraft};
use rogatory::domain::digest::Digest;
use rogatory::domain::entry::EntryParts;
use rogatory::domain::fact::{Fact, MessageRef, Reason};
use rogatory::domain::header::{MessageKey, OrderToken};
use rogatory::domain::ids::{MessageId, RequestId};
use rogatory::domain::misconduct::CutOffCause;
use rogatory::history::message;
use rogatory::identity::{Principal, Role};
use rogatory::merkle::checkpoint::{Checkpoint, sign_checkpoint_by};
use rogatory::merkle::receipt::TlogProof;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::tree::leaf_hash;
use rogatory::node::command::{Call, Command, InboxAct, Outcome};
use rogatory::node::conduct::{self, FAULTS_OF_SESSION_MAX, LIES_MAX, ON_RECORD_MAX, SPAN_MS};
use rogatory::node::duties::inbound::{Asked, Inbound, Step};
use rogatory::node::duties::outbound::{Outbound, SessionEnd};
use rogatory::node::proofs;
use rogatory::redact::Secret;
use rogatory::wire;
use rogatory::wire::envelope::Statement;
use rogatory::wire::relay::{Cosigning, Handing, Incoming, Notice, Outgoing};
use serde_json::json;

use crate::corridor::{Corridor, Crossed, desk_of};
use crate::support::agency;

/// A row in which a request of node 0 to node 2 waits for node 1.
pub(super) fn waiting() -> Corridor {
    let mut row = Corridor::grown(&[]);
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(0, "key-1", RequestId::from_bytes([1; 16]), &file.to_string());
    row
}

/// The same after it went there.
pub(super) fn crossed() -> Corridor {
    let mut row = waiting();
    row.rest();
    row
}

/// What was handed from `from` to `to`.
pub(super) fn handed(row: &Corridor, from: usize, to: usize) -> Handing {
    let found = row.crossed.iter().find_map(|(f, t, it)| match it {
        Crossed::Out(Outgoing::Handing(handing)) if (*f, *t) == (from, to) => {
            Some(handing.as_ref().clone())
        }
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    found.expect("it was handed over")
}

/// The listening end of `to` for a session of `from`, with the answer to its greeting.
pub(super) fn met(row: &mut Corridor, from: usize, to: usize) -> (Inbound, Incoming) {
    let setting = |n: usize| Arc::clone(row.nodes[n].setting());
    let mut inbound = Inbound::new(setting(to), agency(from));
    let hello = Outbound::new(setting(from), agency(to)).hello();
    let answer = row.answered(to, &mut inbound, hello);
    (inbound, answer)
}

pub(super) fn size(row: &Corridor, n: usize) -> u64 {
    row.nodes[n].setting().journal.next()
}

/// The same message under another number, with a byte of its content changed.
fn lie(sound: &Handing, number: u32) -> Outgoing {
    let mut handing = Handing { handover: number, ..sound.clone() };
    handing.envelope.content[0] ^= 1;
    Outgoing::Handing(Box::new(handing))
}

pub(super) fn said(answer: &Incoming) -> &str {
    match answer {
        Incoming::Refused(refused) => &refused.reason,
        Incoming::Answer(_) => "answer",
        Incoming::Welcome(_) => "welcome",
        Incoming::Cosigned(_) | Incoming::NoticeTaken(_) | Incoming::Shown(_) => "other",
    }
}

#[test]
fn a_neighbour_that_lies_is_cut_off_by_one_entry_and_heard_again_later() {
    let mut row = crossed();
    let sound = handed(&row, 0, 1);
    let before = size(&row, 1);
    let (mut inbound, _) = met(&mut row, 0, 1);
    let mut answers = BTreeMap::<String, u32>::new();
    for number in 0..500 {
        let answer = row.answered(1, &mut inbound, lie(&sound, 100 + number));
        *answers.entry(said(&answer).to_owned()).or_default() += 1;
    }
    let wanted = [("PEER_CUT_OFF", 500 - LIES_MAX), ("answer", LIES_MAX)];
    assert_eq!(answers, wanted.map(|(it, n)| (it.to_owned(), n)).into());
    assert_eq!(size(&row, 1), before + u64::from(LIES_MAX) + 1);
    let last = row.entries(1).pop().expect("an entry");
    let fact = wire::entry::read(&last).expect("an entry").fact;
    let cause = Some(CutOffCause::Handovers);
    assert_eq!(fact, Fact::PeerCutOff { peer: agency(0), refused: LIES_MAX, cause });
    assert!(inbound.cut_off().expect("it can be read").is_some(), "its session ends");

    // The next session is told so too, and the one that dialled says it to its own operator.
    let (_, answer) = met(&mut row, 0, 1);
    assert_eq!(said(&answer), "PEER_CUT_OFF");
    let mut outbound = Outbound::new(Arc::clone(row.nodes[0].setting()), agency(1));
    let SessionEnd::Peer(text) = outbound.take(answer).expect_err("the session ends") else {
        panic!("the peer ended it")
    };
    assert_eq!(
        text,
        "PEER_CUT_OFF: too much of what this node sent did not hold there (it handed over what an honest \
         node would have refused itself); it takes nothing for ten minutes"
    );
    // Another neighbour is heard all the while.
    let (_, answer) = met(&mut row, 2, 1);
    assert_eq!(said(&answer), "welcome");

    row.clock.advance(SPAN_MS - 1);
    let (_, answer) = met(&mut row, 0, 1);
    assert_eq!(said(&answer), "PEER_CUT_OFF");
    row.clock.advance(1);
    let (mut inbound, answer) = met(&mut row, 0, 1);
    assert_eq!(said(&answer), "welcome");
    let size_then = size(&row, 1);
    let again = row.answered(1, &mut inbound, Outgoing::Handing(Box::new(sound)));
    assert_eq!(said(&again), "answer");
    assert_eq!(size(&row, 1), size_then, "the sound one has its answer already");
}

#[test]
fn lies_in_one_batch_and_after_a_restart_of_the_count_are_counted_alike() {
    let mut row = crossed();
    let sound = handed(&row, 0, 1);
    let (mut inbound, _) = met(&mut row, 0, 1);
    let before = size(&row, 1);
    let commands = (0..200).map(|number| match inbound.take(lie(&sound, 100 + number)) {
        Ok(Step::Ask(command, _)) => *command,
        other => panic!("{other:?}"),
    });
    let commands: Vec<Command> = commands.collect();
    let decided = row.nodes[1].execute(commands).expect("the store holds");
    assert_eq!(decided.iter().filter(|it| it.is_ok()).count(), LIES_MAX as usize);
    assert_eq!(size(&row, 1), before + u64::from(LIES_MAX) + 1);
    // Each span has its own count, and a clock that is put back gives none away.
    row.clock.advance(SPAN_MS);
    let (mut inbound, _) = met(&mut row, 0, 1);
    let before = size(&row, 1);
    for number in 0..LIES_MAX {
        let answer = row.answered(1, &mut inbound, lie(&sound, 1_000 + number));
        assert_eq!(said(&answer), "answer");
    }
    assert_eq!(size(&row, 1), before + u64::from(LIES_MAX));
}

#[test]
fn whoever_hands_the_same_over_again_and_again_is_answered_later_and_not_cut_off() {
    let mut row = crossed();
    let sound = handed(&row, 1, 2);
    let (mut inbound, _) = met(&mut row, 1, 2);
    let before = size(&row, 2);
    let frames = 1_000;
    let mut taken = 0;
    for batch in 0..10 {
        let asked: Vec<_> = (0..100)
            .map(|n| {
                let handover = 10 + batch * 100 + n;
                let frame = Outgoing::Handing(Box::new(Handing { handover, ..sound.clone() }));
                match inbound.take(frame).expect("the state can be read") {
                    Step::Ask(command, asked) => (*command, asked),
                    Step::Reply(reply) => panic!("{reply:?}"),
                }
            })
            .collect();
        let (commands, asked): (Vec<_>, Vec<Asked>) = asked.into_iter().unzip();
        let decided = row.nodes[2].execute(commands).expect("the store holds");
        for (asked, decision) in asked.iter().zip(decided) {
            let answer = inbound.tell(asked, decision).expect("the state can be read");
            match said(&answer) {
                "answer" => taken += 1,
                other => assert_eq!(other, "TOO_MANY_REFUSALS"),
            }
        }
    }
    assert_eq!(taken, ON_RECORD_MAX);
    assert!(frames > taken);
    assert_eq!(size(&row, 2), before + u64::from(ON_RECORD_MAX));
    let setting = row.nodes[2].setting();
    let now = rogatory::clock::Clock::now(row.clock.as_ref());
    let conduct = conduct::of(setting.store.as_ref(), &agency(1), now).expect("it can be read");
    assert_eq!((conduct.on_record(), conduct.cut_off_until()), (ON_RECORD_MAX, None));
    row.clock.advance(SPAN_MS);
    let frame = Outgoing::Handing(Box::new(Handing { handover: 9_000, ..sound }));
    let answer = row.answered(2, &mut inbound, frame);
    assert_eq!(said(&answer), "answer");
}

#[test]
fn a_session_of_nothing_but_garbage_is_cut_off_by_one_entry() {
    let mut row = crossed();
    let before = size(&row, 1);
    let mut inbound = Inbound::new(Arc::clone(row.nodes[1].setting()), agency(0));
    let sound = handed(&row, 0, 1);
    let frame = Outgoing::Handing(Box::new(sound));
    for _ in 0..FAULTS_OF_SESSION_MAX {
        let answer = row.answered(1, &mut inbound, frame.clone());
        assert_eq!(said(&answer), "HELLO_MISSING");
    }
    assert_eq!(size(&row, 1), before);
    for _ in 0..3 {
        let answer = row.answered(1, &mut inbound, frame.clone());
        assert_eq!(said(&answer), "PEER_CUT_OFF");
    }
    assert_eq!(size(&row, 1), before + 1);
}

#[test]
fn what_an_agency_states_of_a_message_again_and_again_is_recorded_a_few_times() {
    let mut row = crossed();
    let header = handed(&row, 1, 2).envelope.header;
    let message = MessageKey::new(&header.address.origin, header.address.message);
    // Each reading is an entry of the destination, and each proves that the message was retrieved.
    let officer = Principal::new(agency(2), Role::Officer, "clerk").expect("a principal");
    let call = Call { principal: officer, key: String::new(), fingerprint: Digest::of(b"read") };
    let mut positions = Vec::new();
    for _ in 0..40 {
        let (call, act) = (call.clone(), InboxAct::Read);
        let decided = row.nodes[2].execute(vec![Command::Inbox { call, message, act }]);
        let decided = decided.expect("the store holds").remove(0).expect("it is read");
        if let Outcome::Done(position) = decided {
            positions.push(position);
        }
    }
    assert_eq!(positions.len(), 40);
    let before = size(&row, 1);
    let (mut inbound, _) = met(&mut row, 2, 1);
    for (sequence, position) in (1..).zip(positions) {
        let statement = proofs::statement(row.nodes[2].setting(), position).expect("a statement");
        let frame = Outgoing::Notice(Notice { sequence, statement });
        let answer = row.answered(1, &mut inbound, frame);
        assert!(matches!(answer, Incoming::NoticeTaken(_)), "{answer:?}");
    }
    assert_eq!(size(&row, 1), before + 16);
    let setting = row.nodes[1].setting();
    let record = message::find(setting.store.as_ref(), message).expect("it can be read");
    assert!(record.is_some());
}

/// What agency `n` states, signed by its journal, of a message that never was: that it is not delivered to
/// agency 2.
fn made_up(row: &Corridor, n: usize, number: u32) -> Statement {
    let setting = row.nodes[n].setting();
    let mut id = [0x77; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let message = MessageRef {
        origin: agency(n),
        message: MessageId::from_bytes(id),
        header: Digest::of(&id),
    };
    let order = OrderToken { stream: id, number: 1 };
    let (destination, reason) = (agency(2), Reason::Expired);
    let entry = wire::entry::write(&EntryParts {
        journal: setting.journal_name.clone(),
        recorded_at: row.clock.now(),
        directory_version: 1,
        fact: Fact::Undelivered { message, destination, order, reason },
        skeleton: Vec::new(),
    });
    let origin = setting.journal_name.to_string();
    let checkpoint = Checkpoint { origin, size: 1, root: leaf_hash(&entry) };
    let key = setting.keys.journal.present().ed25519;
    let checkpoint = sign_checkpoint_by(&checkpoint, key.as_ref()).expect("it signs");
    let proof = TlogProof { index: 0, hashes: Vec::new(), checkpoint }.to_bytes();
    Statement { entry, proof }
}

/// Tells node `to` such words of agency `of`, by the session of `from`; gives how many it took. The others are to
/// come again.
fn told(
    row: &mut Corridor,
    (from, to): (usize, usize),
    of: usize,
    numbers: std::ops::Range<u32>,
) -> u32 {
    let (mut inbound, _) = met(row, from, to);
    let mut taken = 0;
    for number in numbers {
        let (sequence, statement) = (u64::from(number) + 1, made_up(row, of, number));
        let frame = Outgoing::Notice(Notice { sequence, statement });
        match row.answered(to, &mut inbound, frame) {
            Incoming::NoticeTaken(it) => {
                assert_eq!(it.sequence, sequence);
                taken += 1;
            }
            Incoming::Refused(it) => {
                let wanted = ("TOO_MANY_REFUSALS", true, Some(sequence));
                assert_eq!((it.reason.as_str(), it.retry, it.sequence), wanted);
            }
            other => panic!("{other:?}"),
        }
    }
    taken
}

#[test]
fn what_an_origin_states_of_messages_that_never_were_goes_on_record_so_often() {
    let mut row = crossed();
    let before = size(&row, 1);
    assert_eq!(told(&mut row, (0, 1), 0, 0..600), ON_RECORD_MAX);
    assert_eq!(size(&row, 1), before + u64::from(ON_RECORD_MAX));
    // Nor by another neighbour, who is not to blame; and what is known is taken as ever.
    assert_eq!(told(&mut row, (2, 1), 0, 600..610), 0);
    assert_eq!(told(&mut row, (2, 1), 0, 0..10), 10);
    assert_eq!(size(&row, 1), before + u64::from(ON_RECORD_MAX));
    // Another agency's word is heard.
    assert_eq!(told(&mut row, (0, 1), 2, 0..3), 3);
    let now = row.clock.now();
    let store = row.nodes[1].setting().store.as_ref();
    let conduct = conduct::of(store, &agency(0), now).expect("it can be read");
    assert_eq!((conduct.on_record(), conduct.lies(), conduct.cut_off_until()), (512, 0, None));
    // What was not taken is taken later.
    row.clock.advance(SPAN_MS);
    let before = size(&row, 1);
    assert_eq!(told(&mut row, (0, 1), 0, 512..610), 98);
    assert_eq!(size(&row, 1), before + 98);
}

#[test]
fn a_word_that_is_not_taken_for_now_is_told_again_and_holds_up_no_other() {
    let mut row = crossed();
    // At node 2 agency 0 has had its share of such words, when node 1 brings it more.
    assert_eq!(told(&mut row, (1, 2), 0, 0..ON_RECORD_MAX), ON_RECORD_MAX);
    assert_eq!(told(&mut row, (0, 1), 0, 1_000..1_003), 3);
    let before = size(&row, 2);
    let recorded = |row: &Corridor, n: usize| {
        let facts = row.entries(n).into_iter().map(|it| wire::entry::read(&it).expect("one").fact);
        facts.filter(|it| matches!(it, Fact::StatementRecorded { .. })).count()
    };
    let words = recorded(&row, 2);
    row.session(1, 2);
    assert_eq!(size(&row, 2), before);
    // A message goes its way and its receipts come back meanwhile.
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "another vessel",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(0, "key-2", RequestId::from_bytes([2; 16]), &file.to_string());
    let at_origin = recorded(&row, 0);
    for _ in 0..4 {
        for (from, to) in [(0, 1), (1, 2), (2, 1), (1, 0)] {
            row.session(from, to);
        }
    }
    assert!(recorded(&row, 0) >= at_origin + 2, "relayed, and delivered");
    assert_eq!(recorded(&row, 2), words);
    row.clock.advance(SPAN_MS);
    row.rest();
    assert_eq!(recorded(&row, 2), words + 3);
}

/// Node `n` follows its directory with something else in it.
pub(super) fn follow(row: &mut Corridor, n: usize, change: impl FnOnce(&mut DirectoryDraft)) {
    let mut draft = row.nodes[n].setting().directory().draft();
    change(&mut draft);
    let directory = Directory::parse(&to_toml(&draft)).expect("a directory");
    let command = Command::AdoptDirectory(Arc::new(directory));
    let decided = row.nodes[n].execute(vec![command]).expect("the store holds");
    assert!(decided[0].is_ok());
}

/// Node `n` follows the next version, which says the same.
pub(super) fn go_on(row: &mut Corridor, n: usize) {
    follow(row, n, |draft| draft.version += 1);
}

/// Node `n` knows other journal keys of agency `of` than that has, as before a change of keys.
pub(super) fn lag(row: &mut Corridor, n: usize, of: usize) {
    follow(row, n, |draft| {
        let found = draft.agencies.iter_mut().find(|it| it.id == agency(of));
        let journal = &mut found.expect("an agency").journals[0];
        journal.ed25519 = Ed25519Signer::from_seed(&Secret::new([99; 32])).public();
    });
}

/// Node `n` follows what the others do.
pub(super) fn catch_up(row: &mut Corridor, n: usize, from: usize) {
    let directory = row.nodes[from].setting().directory();
    let command = Command::AdoptDirectory(directory);
    assert!(row.nodes[n].execute(vec![command]).expect("the store holds")[0].is_ok());
}

pub(super) fn request(row: &mut Corridor) {
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(0, "key-1", RequestId::from_bytes([1; 16]), &file.to_string());
}

#[test]
fn what_only_a_newer_directory_can_judge_is_no_lie_and_is_taken_once_that_is_here() {
    // As it crosses where everybody follows the next version.
    let mut ahead = Corridor::grown(&[]);
    (0..3).for_each(|n| go_on(&mut ahead, n));
    request(&mut ahead);
    ahead.rest();
    let sound = handed(&ahead, 0, 1);
    // Here the transit still has the version before, by which the origin has another key.
    let mut row = Corridor::grown(&[]);
    lag(&mut row, 1, 0);
    go_on(&mut row, 0);
    let (mut inbound, answer) = met(&mut row, 0, 1);
    assert_eq!(said(&answer), "welcome");
    let before = size(&row, 1);
    for number in 1..=10 * LIES_MAX {
        let frame = Outgoing::Handing(Box::new(Handing { handover: number, ..sound.clone() }));
        let Incoming::Refused(refused) = row.answered(1, &mut inbound, frame) else {
            panic!("it can't be judged")
        };
        assert_eq!((refused.reason.as_str(), refused.retry), ("DIRECTORY_BEHIND", true));
    }
    let now = rogatory::clock::Clock::now(row.clock.as_ref());
    let conduct = conduct::of(row.nodes[1].setting().store.as_ref(), &agency(0), now);
    let conduct = conduct.expect("it can be read");
    assert_eq!((conduct.on_record(), conduct.cut_off_until()), (0, None));
    assert_eq!(size(&row, 1), before);
    // What no directory makes good is a lie all the same.
    assert_eq!(said(&row.answered(1, &mut inbound, lie(&sound, 1_000))), "answer");
    assert_eq!(size(&row, 1), before + 1);
    catch_up(&mut row, 1, 0);
    let (mut inbound, _) = met(&mut row, 0, 1);
    let frame = Outgoing::Handing(Box::new(Handing { handover: 1, ..sound }));
    assert_eq!(said(&row.answered(1, &mut inbound, frame)), "answer");
    let last = wire::entry::read(&row.entries(1).pop().expect("an entry")).expect("an entry").fact;
    assert!(matches!(last, Fact::TakenOver { .. }), "{last:?}");
}

#[test]
fn a_checkpoint_under_keys_that_are_not_known_yet_is_cosigned_once_they_are() {
    let mut ahead = Corridor::grown(&[]);
    (0..3).for_each(|n| go_on(&mut ahead, n));
    request(&mut ahead);
    ahead.rest();
    let offer = ahead.crossed.iter().find_map(|(from, to, it)| match it {
        Crossed::Out(offer @ Outgoing::CheckpointOffer(_)) if (*from, *to) == (0, 1) => Some(offer),
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    let offer = offer.expect("it was offered");
    let mut row = Corridor::grown(&[]);
    lag(&mut row, 1, 0);
    go_on(&mut row, 0);
    let (mut inbound, _) = met(&mut row, 0, 1);
    let Incoming::Cosigned(withheld) = row.answered(1, &mut inbound, offer.clone()) else {
        panic!("a verdict")
    };
    assert_eq!(withheld.verdict, Cosigning::Withheld("DIRECTORY_BEHIND".to_owned()));
    catch_up(&mut row, 1, 0);
    let (mut inbound, _) = met(&mut row, 0, 1);
    let Incoming::Cosigned(given) = row.answered(1, &mut inbound, offer.clone()) else {
        panic!("a verdict")
    };
    assert!(matches!(given.verdict, Cosigning::Given(_)), "{:?}", given.verdict);
}

#[test]
fn a_statement_under_a_newer_directory_is_not_taken_before_that_is_here() {
    let mut row = Corridor::grown(&[]);
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    lag(&mut row, 0, 2);
    let mut ahead = Corridor::grown(&[]);
    (0..3).for_each(|n| go_on(&mut ahead, n));
    request(&mut ahead);
    ahead.rest();
    let by_destination = |it: &Notice| {
        wire::entry::read(&it.statement.entry).is_ok_and(|it| *it.journal.agency() == agency(2))
    };
    let notice = ahead.crossed.iter().find_map(|(from, to, it)| match it {
        Crossed::Out(Outgoing::Notice(notice)) if (*from, *to) == (1, 0) => {
            Some(notice.clone()).filter(by_destination)
        }
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    let notice = notice.expect("the delivery is told to the origin");
    let sequence = notice.sequence;
    let notice = Outgoing::Notice(notice);
    let (mut inbound, answer) = met(&mut row, 1, 0);
    assert_eq!(said(&answer), "welcome");
    let Incoming::Refused(refused) = row.answered(0, &mut inbound, notice.clone()) else {
        panic!("it can't be judged")
    };
    let wanted = ("DIRECTORY_BEHIND", Some(sequence), true);
    assert_eq!((refused.reason.as_str(), refused.sequence, refused.retry), wanted);
    catch_up(&mut row, 0, 1);
    let (mut inbound, _) = met(&mut row, 1, 0);
    let taken = row.answered(0, &mut inbound, notice);
    assert!(matches!(taken, Incoming::NoticeTaken(_)), "{taken:?}");
}

#[test]
fn a_statement_that_is_not_judged_yet_is_told_again_and_its_session_goes_on() {
    let mut row = Corridor::grown(&[]);
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    lag(&mut row, 0, 2);
    request(&mut row);
    for (from, to) in [(0, 1), (1, 2), (2, 1)] {
        row.session(from, to);
    }
    let heard = |row: &Corridor, issuer: usize| {
        let facts = row.entries(0).into_iter().map(|it| wire::entry::read(&it).expect("one").fact);
        let of = |it: Fact| {
            matches!(it, Fact::StatementRecorded { issuer: journal, .. }
            if *journal.agency() == agency(issuer))
        };
        facts.filter(|it| of(it.clone())).count()
    };
    assert_eq!((heard(&row, 1), heard(&row, 2)), (1, 0));
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "another vessel",
        "from": desk_of(1, "desk"), "to": [desk_of(0, "desk")],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(1, "key-2", RequestId::from_bytes([2; 16]), &file.to_string());
    row.session(1, 0);
    let came =
        |it: &Vec<u8>| matches!(wire::entry::read(it).expect("one").fact, Fact::Delivered { .. });
    assert!(row.entries(0).iter().any(came), "what follows goes over in the same session");
    assert_eq!(heard(&row, 2), 0);
    catch_up(&mut row, 0, 1);
    row.session(1, 0);
    assert_eq!(heard(&row, 2), 1, "delivered");
}

#[test]
fn what_came_is_said_to_have_come_again_though_its_desk_is_none_any_more() {
    let mut row = crossed();
    let sound = handed(&row, 1, 2);
    follow(&mut row, 2, |draft| {
        draft.version += 1;
        let found = draft.agencies.iter_mut().find(|it| it.id == agency(2));
        let desk = &mut found.expect("an agency").contact_points[0];
        assert_eq!(desk.id.to_string(), desk_of(2, "desk"));
        desk.id = desk_of(2, "another").parse().expect("a desk");
    });
    let (mut inbound, _) = met(&mut row, 1, 2);
    let again = Outgoing::Handing(Box::new(Handing { handover: 2, ..sound }));
    let Incoming::Answer(answer) = row.answered(2, &mut inbound, again) else {
        panic!("it is answered")
    };
    let fact = wire::entry::read(&answer.statement.entry).expect("an entry").fact;
    assert!(matches!(fact, Fact::Delivered { .. }), "{fact:?}");
}
