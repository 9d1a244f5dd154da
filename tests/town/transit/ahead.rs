//! A peer that names a newer directory than there is can't have what does not hold discounted for ever: it is
//! believed for an hour, then counted, then cut off, and both operators read why. What it sends is refused for
//! good by nobody.

use std::sync::Arc;

use rogatory::directory::contact_point::{ContactPoint, Hours};
use rogatory::directory::write::DirectoryDraft;
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::domain::misconduct::CutOffCause;
use rogatory::history::message::{self, Custody};
use rogatory::node::claims::BELIEVED_MS;
use rogatory::node::command::Command;
use rogatory::node::conduct::{self, LIES_MAX, Misconduct, SPAN_MS};
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::Outbound;
use rogatory::wire;
use rogatory::wire::relay::{Cosigning, Handing, Incoming, Notice, Outgoing};
use serde_json::json;

use crate::corridor::{Corridor, Crossed, desk_of};
use crate::support::agency;
use crate::transit::attached::{carry, file, sent};
use crate::transit::conduct::{
    catch_up, crossed, follow, go_on, handed, lag, met, request, said, size,
};

const MINUTE_MS: i64 = 60_000;
/// A directory that there is not.
const FAR: u64 = u64::MAX;
const BEHIND: &str = "DIRECTORY_BEHIND";
const CUT_OFF: &str = "PEER_CUT_OFF";
/// Frames a minute while the peer is believed: more than it may lie.
const A_MINUTE: u32 = 2 * LIES_MAX;

/// The listening end of `to` for a session of `from`, which names such a directory.
fn greeted(row: &mut Corridor, from: usize, to: usize) -> Inbound {
    let setting = |n: usize| Arc::clone(row.nodes[n].setting());
    let mut inbound = Inbound::new(setting(to), agency(from));
    let Outgoing::Hello(mut hello) = Outbound::new(setting(from), agency(to)).hello() else {
        panic!("a session begins with a greeting")
    };
    hello.directory_version = FAR;
    let answer = row.answered(to, &mut inbound, Outgoing::Hello(hello));
    assert_eq!(said(&answer), "welcome");
    inbound
}

/// The same message under another number, with an origin's proof that does not hold.
fn unproved(sound: &Handing, number: u32) -> Outgoing {
    let mut handing = Handing { handover: number, ..sound.clone() };
    handing.envelope.origin.proof.truncate(20);
    Outgoing::Handing(Box::new(handing))
}

fn facts(row: &Corridor, n: usize) -> Vec<Fact> {
    row.entries(n).into_iter().map(|it| wire::entry::read(&it).expect("an entry").fact).collect()
}

/// For what node `n` cut others off, by its entries.
fn cut_off_at(row: &Corridor, n: usize) -> Vec<(String, Option<CutOffCause>)> {
    let cut = |it: Fact| match it {
        Fact::PeerCutOff { peer, cause, .. } => Some((peer.to_string(), cause)),
        _ => None,
    };
    facts(row, n).into_iter().filter_map(cut).collect()
}

fn lies(row: &Corridor, at: usize, of: usize) -> u32 {
    let setting = row.nodes[at].setting();
    let now = setting.clock.now();
    conduct::of(setting.store.as_ref(), &agency(of), now).expect("it can be read").lies()
}

/// What the answer to a frame that can't be judged says, and whether the frame may come again.
fn no(answer: &Incoming) -> (&str, bool) {
    match answer {
        Incoming::Refused(refused) => (&refused.reason, refused.retry),
        Incoming::Cosigned(it) => match &it.verdict {
            Cosigning::Withheld(reason) => (reason, true),
            Cosigning::Given(_) => panic!("{answer:?}"),
        },
        Incoming::Welcome(_)
        | Incoming::Answer(_)
        | Incoming::NoticeTaken(_)
        | Incoming::Shown(_) => panic!("{answer:?}"),
    }
}

/// Sends such frames of agency 0 to node 1 for an hour, in which they count as nothing.
fn believed(row: &mut Corridor, inbound: &mut Inbound, frame: impl Fn(u32) -> Outgoing) {
    let before = size(row, 1);
    for minute in 0..60 {
        for number in 0..A_MINUTE {
            let answer = row.answered(1, inbound, frame(minute * A_MINUTE + number));
            assert_eq!(no(&answer), (BEHIND, true), "minute {minute}");
        }
        row.clock.advance(MINUTE_MS);
    }
    assert_eq!((size(row, 1), lies(row, 1, 0)), (before, 0));
}

/// Sends as many more, of which each counts; what is beyond is told that the peer is cut off.
fn counted(row: &mut Corridor, inbound: &mut Inbound, frame: impl Fn(u32) -> Outgoing) {
    let before = size(row, 1);
    for number in 0..A_MINUTE {
        let answer = row.answered(1, inbound, frame(100_000 + number));
        let wanted = if number < LIES_MAX { BEHIND } else { CUT_OFF };
        assert_eq!(no(&answer), (wanted, true), "{number}");
    }
    assert_eq!(size(row, 1), before + 1);
    let last = cut_off_at(row, 1).pop().expect("an entry says so");
    assert_eq!(last, (agency(0).to_string(), Some(CutOffCause::Directory)));
}

#[test]
fn whoever_names_a_directory_that_there_is_not_is_cut_off_and_both_operators_read_why() {
    let sound = handed(&crossed(), 0, 1);
    let mut row = Corridor::grown(&[]);
    let mut inbound = greeted(&mut row, 0, 1);
    believed(&mut row, &mut inbound, |it| unproved(&sound, 100 + it));
    counted(&mut row, &mut inbound, |it| unproved(&sound, 100 + it));
    let fact = facts(&row, 1).pop().expect("an entry");
    let cause = Some(CutOffCause::Directory);
    assert_eq!(fact, Fact::PeerCutOff { peer: agency(0), refused: 0, cause });
    // Its operator reads it at the next greeting, and so does this one's.
    let (_, answer) = met(&mut row, 0, 1);
    let mut outbound = Outbound::new(Arc::clone(row.nodes[0].setting()), agency(1));
    let told = outbound.take(answer).expect_err("the session ends").to_string();
    let why = "it named a newer directory again and again and never showed it";
    assert!(told.contains(CUT_OFF) && told.contains(why), "{told}");
    let setting = row.nodes[1].setting();
    let told = conduct::told(setting.store.as_ref(), &agency(0), setting.clock.now());
    let told = told.expect("it can be read").expect("it is cut off").to_string();
    assert!(told.contains(why), "{told}");
    // Once it is heard again it is not believed for another hour.
    row.clock.advance(SPAN_MS);
    let mut inbound = greeted(&mut row, 0, 1);
    let mut statement = sound.envelope.origin;
    statement.proof.truncate(20);
    counted(&mut row, &mut inbound, |it| {
        let sequence = u64::from(it) + 1;
        Outgoing::Notice(Notice { sequence, statement: statement.clone() })
    });
    row.clock.advance(SPAN_MS);
    greeted(&mut row, 0, 1);
    // None of it was refused for good.
    assert!(!facts(&row, 1).iter().any(|it| matches!(it, Fact::NotTaken { .. })));
}

#[test]
fn checkpoints_and_words_that_only_such_a_directory_makes_good_are_counted_alike() {
    let mut ahead = crossed();
    let offer = ahead.crossed.iter().find_map(|(from, to, it)| match it {
        Crossed::Out(offer @ Outgoing::CheckpointOffer(_)) if (*from, *to) == (0, 1) => Some(offer),
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    let offer = offer.expect("it was offered").clone();
    let mut statement = handed(&ahead, 0, 1).envelope.origin;
    statement.proof.truncate(20);
    let word =
        |it: u64| Outgoing::Notice(Notice { sequence: it + 1, statement: statement.clone() });
    let mut inbound = greeted(&mut ahead, 0, 1);
    believed(&mut ahead, &mut inbound, |it| word(it.into()));
    counted(&mut ahead, &mut inbound, |it| word(it.into()));
    // Here the key that signed it is not known.
    let mut row = Corridor::grown(&[]);
    lag(&mut row, 1, 0);
    let mut inbound = greeted(&mut row, 0, 1);
    believed(&mut row, &mut inbound, |_| offer.clone());
    counted(&mut row, &mut inbound, |_| offer.clone());
}

/// Where the one message of node 0 is.
fn custody(row: &Corridor) -> Custody {
    let submitted = facts(row, 0)
        .into_iter()
        .find_map(|it| if let Fact::Submitted { header } = it { Some(header.key()) } else { None });
    let found =
        message::find(row.nodes[0].setting().store.as_ref(), submitted.expect("it was submitted"));
    found.expect("it can be read").expect("it is known").custody
}

#[test]
fn whoever_answers_so_is_cut_off_too_and_what_it_answered_counts_once_its_directory_is_here() {
    let mut row = Corridor::grown(&[]);
    lag(&mut row, 0, 1);
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    request(&mut row);
    for _ in 0..60 {
        row.session(0, 1);
        row.clock.advance(MINUTE_MS);
    }
    assert_eq!((lies(&row, 0, 1), cut_off_at(&row, 0)), (0, Vec::new()));
    for heard in 1..=LIES_MAX {
        row.session(0, 1);
        assert_eq!(lies(&row, 0, 1), heard);
    }
    row.session(0, 1);
    let cut = (agency(1).to_string(), Some(CutOffCause::Directory));
    assert_eq!(cut_off_at(&row, 0), [cut]);
    assert_eq!(custody(&row), Custody::InDoubt { peer: agency(1), number: 1 });
    catch_up(&mut row, 0, 1);
    row.clock.advance(SPAN_MS);
    row.session(0, 1);
    assert_eq!(custody(&row), Custody::PassedOn);
}

#[test]
fn whoever_answers_so_of_attachments_is_cut_off_too() {
    let mut row = sent(&[&file(300_000, 1)]);
    lag(&mut row, 0, 1);
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    for _ in 0..60 {
        carry(&mut row, 0, 1);
        row.clock.advance(MINUTE_MS);
    }
    assert_eq!((lies(&row, 0, 1), cut_off_at(&row, 0)), (0, Vec::new()));
    for heard in 1..=LIES_MAX {
        carry(&mut row, 0, 1);
        assert_eq!(lies(&row, 0, 1), heard);
    }
    let once_more = Command::Misconduct(agency(1), Misconduct::Early);
    let told = row.nodes[0].execute(vec![once_more]).expect("the store holds").remove(0);
    assert_eq!(told.expect_err("it is enough").reason.as_str(), CUT_OFF);
    let cut = (agency(1).to_string(), Some(CutOffCause::Directory));
    assert_eq!(cut_off_at(&row, 0), [cut]);
}

/// A row in which agency 2 has a desk that node 2 does not know, though nobody else's directory is newer
/// than its own but that of node `from`, which sends to it; gives what node 1 handed over.
fn to_an_unknown_desk(from: usize) -> (Corridor, Handing) {
    let new = desk_of(2, "new");
    let with_new = |draft: &mut DirectoryDraft| {
        draft.version += 5;
        let found = draft.agencies.iter_mut().find(|it| it.id == agency(2));
        let desks = &mut found.expect("an agency").contact_points;
        let ContactPoint { functions, languages, .. } = desks[0].clone();
        let (id, name) = (new.parse().expect("a desk"), "A new desk".to_owned());
        desks.push(ContactPoint { id, name, functions, languages, hours: Hours::Always });
    };
    let mut row = Corridor::grown(&[]);
    follow(&mut row, from, with_new);
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
        "from": desk_of(from, "desk"), "to": [new],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(from, "key-1", RequestId::from_bytes([1; 16]), &file.to_string());
    row.session(0, 1);
    row.session(1, 2);
    let handing = handed(&row, 1, 2);
    (row, handing)
}

/// What node 2 says to it more than an hour later, and before the message expires, as often as is too often;
/// and for what it has cut others off by then.
fn told_after_an_hour(
    row: &mut Corridor,
    handing: &Handing,
) -> (Vec<String>, Vec<(String, Option<CutOffCause>)>) {
    let (mut inbound, _) = met(row, 1, 2);
    row.clock.advance(BELIEVED_MS / 2);
    let frame = Outgoing::Handing(Box::new(handing.clone()));
    assert_eq!(no(&row.answered(2, &mut inbound, frame.clone())), (BEHIND, true));
    row.clock.advance(BELIEVED_MS / 2);
    let mut answers: Vec<String> = (0..A_MINUTE)
        .map(|_| no(&row.answered(2, &mut inbound, frame.clone())).0.to_owned())
        .collect();
    answers.dedup();
    (answers, cut_off_at(row, 2))
}

#[test]
fn what_an_origin_names_inside_of_what_is_sealed_does_not_cut_off_the_transit_that_cannot_see_it() {
    let (mut row, handing) = to_an_unknown_desk(0);
    assert_eq!(told_after_an_hour(&mut row, &handing), (vec![BEHIND.to_owned()], Vec::new()));
    assert_eq!(lies(&row, 2, 1), 0);
    catch_up(&mut row, 2, 0);
    row.session(1, 2);
    assert!(facts(&row, 2).iter().any(|it| matches!(it, Fact::Delivered { .. })));
    // Who names it in a message of its own can see it.
    let (mut row, handing) = to_an_unknown_desk(1);
    let cut = (agency(1).to_string(), Some(CutOffCause::Directory));
    let told = [BEHIND, CUT_OFF].map(str::to_owned).to_vec();
    assert_eq!(told_after_an_hour(&mut row, &handing), (told, vec![cut]));
}
