//! Shows a finished run to the checker with one thing other than it was: it must say which.

use crate::checker;
use crate::faults::Fault;
use crate::lies::{self, At, TRAIL, text};
use crate::lying::LIARS;
use crate::observed;
use crate::proto::{self, Value};
use crate::seen::{Id, Seen, Tally};
use crate::world::{Sure, World};

/// A world in which messages go around, attachments too, some ask by a competence, and nobody means harm.
const SEED: u64 = 10;

/// One letter of the last signature of a note is another.
fn forged(note: &[u8]) -> Vec<u8> {
    let mut bytes = note.to_vec();
    let at = bytes.len() - 10;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    bytes
}

/// The signature of the journal, which stands first in the note at the end of a proof, is another.
fn forged_proof(proof: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(proof.to_vec()).expect("a proof is text");
    let (before, lines) = text.rsplit_once("\n\n").expect("it ends with a note");
    let (first, rest) = lines.split_once('\n').expect("somebody signed");
    let first = String::from_utf8(forged(first.as_bytes())).expect("it is text");
    format!("{before}\n\n{first}\n{rest}").into_bytes()
}

/// What is changed, by which invariant it is noticed, and how.
type Lie = (&'static str, &'static str, fn(&mut Seen));

fn a_sender(seen: &mut Seen) -> &mut Vec<crate::seen::Station> {
    let all = seen.nodes.iter_mut().flat_map(|it| it.stations.values_mut());
    let mut shown = all.filter_map(|it| it.as_mut().ok()?.as_mut());
    shown.find(|it| it.iter().any(|it| !it.own)).expect("somebody's message arrived")
}

fn an_inbox(seen: &mut Seen) -> &mut Vec<(u64, Vec<u8>)> {
    let all = seen.nodes.iter_mut().filter_map(|it| it.inbox.as_mut().ok());
    all.max_by_key(|it| it.len()).expect("somebody has an inbox")
}

const LIES: &[Lie] = &[
    ("the last of an inbox is gone", "listed-as-recorded", |seen| {
        an_inbox(seen).pop();
    }),
    ("the last of an inbox is gone", "delivered-is-listed", |seen| {
        an_inbox(seen).pop();
    }),
    ("two of an inbox have changed places", "listed-as-recorded", |seen| {
        let inbox = an_inbox(seen);
        let last = inbox.len() - 1;
        let (one, other) = (inbox[0].1.clone(), inbox[last].1.clone());
        (inbox[0].1, inbox[last].1) = (other, one);
    }),
    ("a station is not shown", "shown-as-recorded", |seen| {
        let shown = a_sender(seen);
        let at = shown.iter().position(|it| it.name == "delivered").expect("it arrived");
        shown.remove(at);
    }),
    ("a station is another", "receipt-in-journal", |seen| {
        a_sender(seen)[0].name = "delivered".to_owned();
    }),
    ("a proof is signed by nobody", "is under no key of its journal", |seen| {
        let receipt = a_sender(seen)[0].receipt.as_mut().expect("a station has a proof");
        receipt.1 = forged_proof(&receipt.1);
    }),
    ("a checkpoint is signed by nobody", "is not signed by its keys", |seen| {
        let note = seen.checkpoints.pop_first().expect("a checkpoint left a node");
        let note = forged_proof(&note);
        seen.checkpoints.insert(note);
    }),
    ("a cosignature is another's", "proved-for-ever", |seen| {
        let all = seen.nodes.iter_mut().filter_map(|it| it.cosigned.as_mut().ok());
        let cosigned = all.flatten().next().expect("a neighbour cosigned");
        cosigned.0 = "int.nobody".to_owned();
    }),
    ("a state is another", "same-course", |seen| {
        let all = seen.nodes.iter_mut().filter_map(|it| it.courses.as_mut().ok());
        let courses = all.max_by_key(|it| it.len()).expect("somebody has requests");
        courses.values_mut().for_each(|it| *it = vec!["another".to_owned()]);
    }),
    ("a request that nobody owes stands open", "owned-and-due", |seen| {
        let courses = seen.nodes[0].courses.as_mut().expect("it was asked");
        courses.insert((vec![7; 16], "int.n0".to_owned()), vec!["sent".to_owned()]);
    }),
    ("a request has no state", "same-course", |seen| {
        seen.nodes.iter_mut().for_each(|it| it.courses = Ok([].into()));
    }),
    ("rows are others once they are folded again", "refold", |seen| {
        seen.nodes[0].refolded = Ok(Some(("one".to_owned(), "other".to_owned())));
    }),
    ("a store has grown", "bounded", |seen| {
        seen.nodes[0].store_bytes = usize::MAX;
    }),
    ("a line has grown", "bounded", |seen| {
        seen.nodes[0].queue_max = usize::MAX;
    }),
    ("an auditor was permitted something", "no-other-verb", |seen| {
        seen.permitted.push("something".to_owned());
    }),
    ("the marker left a node", "no-personal-data", |seen| {
        seen.clear.push(seen.marker.as_bytes().to_vec());
    }),
    ("an entry is another", "statement-in-journal", |seen| {
        // The entry in which an inbox's agency states that something was delivered there.
        let node = seen.nodes.iter_mut().find(|it| it.volumes[0].len() > 3).expect("it wrote");
        node.volumes[0].iter_mut().skip(1).for_each(|it| {
            // When it was recorded: the fields before are the version and the journal's name.
            let at = 4 + usize::from(it[3]) + 2;
            it[at] ^= 1;
        });
    }),
    ("an entry names another function", "competence-agrees", |seen| {
        let at = asked_by_competence(seen);
        lies::rewrite_own(seen, at, |own| {
            lies::within(own, 35, |it| lies::put(it, 2, text("liaison_office")));
        });
    }),
    ("a client asked for nobody by a function", "competence-agrees", |seen| {
        seen.asked.clear();
    }),
    ("another directory is shown to have said who is competent", "competence-agrees", |seen| {
        let mut all = seen.nodes.iter_mut().flat_map(|it| it.competences.values_mut());
        all.next().expect("somebody asked by a competence").version += 1;
    }),
    ("a competence led to one desk, and the message came to another", "and came to", |seen| {
        let asked = asked_by_competence(seen);
        let id = lies::of_header(&entry(seen, asked), 12);
        let came = lies::all(seen, 15).into_iter().find(|it| lies::of_header(&it.1, 15) == id);
        lies::rewrite_own(seen, came.expect("it arrived").0, |own| {
            lies::within(own, 4, |it| lies::put(it, 6, text("int.n0/another")));
        });
    }),
];

fn entry(seen: &Seen, At(node, volume, index): At) -> proto::Fields {
    proto::fields(&seen.nodes[node].volumes[volume][index]).expect("an entry is protobuf")
}

fn trail(seen: &Seen, at: At) -> Vec<String> {
    proto::texts(&lies::own(seen, at), TRAIL)
}

fn trailed(seen: &Seen, at: At) -> Id {
    lies::of_header(&entry(seen, at), 14)
}

/// Where a transit took a message over with at least so many on its trail.
fn with_a_trail(seen: &Seen, least: usize) -> At {
    let all = lies::all(seen, 14).into_iter().map(|it| it.0);
    let mut long = all.filter(|at| trail(seen, *at).len() >= least);
    long.next().expect("somebody took over so far away")
}

fn destination(seen: &Seen, id: &Id) -> String {
    let all = lies::all(seen, 12);
    let sent = all.iter().find(|it| lies::of_header(&it.1, 12) == *id).expect("it was sent");
    proto::text(&lies::address(&sent.1, 12), 5)
}

/// Where a message was sent by a competence that arrived.
fn asked_by_competence(seen: &Seen) -> At {
    let came: Vec<Id> = lies::all(seen, 15).iter().map(|it| lies::of_header(&it.1, 15)).collect();
    let sent = lies::all(seen, 12).into_iter();
    let mut asked = sent.filter(|(_, it)| {
        let id = lies::of_header(it, 12);
        seen.asked.contains_key(&id) && came.contains(&id)
    });
    asked.next().expect("somebody asked by a competence").0
}

/// Each lie about a run is noticed, by the rule that it breaks.
fn each_is_noticed(seen: &Seen, lies: &[Lie], check: fn(&Seen) -> Result<Tally, String>) {
    check(seen).expect("as it was, all holds");
    let unnoticed = lies.iter().filter_map(|(what, invariant, lie)| {
        let mut told = seen.clone();
        lie(&mut told);
        let found = check(&told).err();
        let is_noticed = found.as_ref().is_some_and(|it| it.contains(invariant));
        (!is_noticed).then(|| format!("{what}, against {invariant}: {found:?}"))
    });
    let unnoticed: Vec<String> = unnoticed.collect();
    assert!(unnoticed.is_empty(), "not noticed: {unnoticed:#?}");
}

#[test]
fn a_run_that_is_shown_otherwise_than_it_was_is_not_believed() {
    let mut world = World::new(SEED, Fault::None);
    world.live().expect("it comes to rest");
    let seen = observed::observe(&world).expect("every node is up");
    each_is_noticed(&seen, LIES, checker::check);
}

/// A message that an agency which reviews let go on, that went on, and arrived: with the agency.
fn let_on(seen: &Seen) -> (usize, Id) {
    let came: Vec<Id> = lies::all(seen, 15).iter().map(|it| lies::of_header(&it.1, 15)).collect();
    let released =
        lies::all(seen, 90).into_iter().map(|(at, it)| (at.0, lies::of_reference(&it, 90)));
    let mut arrived = released.filter(|(_, id)| came.contains(id));
    arrived.next().expect("something was let go on and arrived")
}

/// A world in which agencies review what passes, and something goes around them.
const SEED_OF_REVIEWS: u64 = 4;

const LIES_OF_REVIEWS: &[Lie] = &[
    ("what was let go on and went on is given back", "which it does not hold", |seen| {
        let (node, id) = let_on(seen);
        lies::add(seen, node, 18, lies::about(&id, &[(2, text("NO_ROUTE"))]));
    }),
    ("what came past a review is said to be let go on there later", "came past node", |seen| {
        // Somebody who reviews says of a message that went elsewhere: taken, let go on, and given back.
        let node = seen.reviewing[0];
        let own = seen.nodes[node].agency.clone();
        let had: Vec<Id> = lies::all(seen, 14)
            .into_iter()
            .filter(|it| it.0.0 == node)
            .map(|it| lies::of_header(&it.1, 14))
            .collect();
        let came = lies::all(seen, 15).into_iter().find(|(at, it)| {
            let id = lies::of_header(it, 15);
            at.0 != node && id.0 != own && !had.contains(&id)
        });
        let (_, entry) = came.expect("something went another way");
        let id = lies::of_header(&entry, 15);
        let header = proto::bytes(&proto::message(&entry, 15), 1);
        let handover = [(1, text(&id.0)), (2, text(&own)), (3, Value::Number(1))];
        let handover = Value::Bytes(lies::written(&handover));
        let taken = lies::written(&[(1, Value::Bytes(header)), (2, handover)]);
        lies::add(seen, node, 14, Value::Bytes(taken));
        lies::add(seen, node, 90, lies::about(&id, &[]));
        lies::add(seen, node, 18, lies::about(&id, &[(2, text("NO_ROUTE"))]));
        seen.sealed_to.entry(id).or_default().insert(own);
    }),
];

#[test]
fn what_is_let_go_on_is_given_back_for_a_cause_alone() {
    let mut world = World::with(SEED_OF_REVIEWS, Fault::None, Sure::Reviews);
    world.live().expect("it comes to rest");
    let seen = observed::observe(&world).expect("every node is up");
    each_is_noticed(&seen, LIES_OF_REVIEWS, checker::check);
}

/// A world in which operators set messages aside.
const SEED_OF_OPERATORS: u64 = 2;

const LIES_OF_OPERATORS: &[Lie] =
    &[("what an operator ended was not set aside for him", "was given up for OPERATOR", |seen| {
        for (at, it) in lies::all(seen, 20) {
            let other = (lies::of_reference(&it, 20).0, vec![9; 16]);
            let about = lies::about(&other, &[(2, text("HANDLING_FORBIDS"))]);
            lies::rewrite(seen, at, |entry| lies::put(entry, 20, about));
        }
    })];

#[test]
fn an_operator_ends_only_what_was_set_aside() {
    let mut world = World::new(SEED_OF_OPERATORS, Fault::None);
    world.live().expect("it comes to rest");
    let seen = observed::observe(&world).expect("every node is up");
    each_is_noticed(&seen, LIES_OF_OPERATORS, checker::check);
}

/// Says of a message for which there is a way that it is undelivered for this reason.
fn given_up(seen: &mut Seen, reason: &str) {
    let came: Vec<Id> = lies::all(seen, 15).iter().map(|it| lies::of_header(&it.1, 15)).collect();
    let sent =
        lies::all(seen, 12).into_iter().find(|it| came.contains(&lies::of_header(&it.1, 12)));
    let (at, entry) = sent.expect("something arrived");
    let header = proto::bytes(&proto::message(&entry, 12), 1);
    let mut header = proto::listed(&header).expect("a header is protobuf");
    lies::within(&mut header, 1, |it| lies::put(it, 3, Value::Bytes(vec![9; 16])));
    let header = Value::Bytes(lies::written(&header));
    lies::add(seen, at.0, 12, Value::Bytes(lies::written(&[(1, header)])));
    let id = (seen.nodes[at.0].agency.clone(), vec![9; 16]);
    lies::add(seen, at.0, 19, lies::about(&id, &[(4, text(reason))]));
}

const LIES_OF_WAYS: &[Lie] = &[
    ("a trail is in another order", "trail-is-the-way", |seen| {
        let at = with_a_trail(seen, 2);
        lies::rewrite_own(seen, at, |own| {
            let mut places = own.iter().enumerate().filter(|(_, it)| it.0 == TRAIL);
            let mut place = || places.next().expect("a trail of two").0;
            let (one, other) = (place(), place());
            own.swap(one, other);
        });
    }),
    ("somebody stands on a trail who never had it", "never had it", |seen| {
        let at = with_a_trail(seen, 1);
        let (id, trail) = (trailed(seen, at), trail(seen, at));
        let had = |it: &&str| !trail.iter().any(|other| other == it);
        let names: Vec<String> = seen.nodes.iter().map(|it| it.agency.clone()).collect();
        let to = destination(seen, &id);
        let own = names[at.0].clone();
        let mut others = names.iter().map(String::as_str).filter(had);
        let other = others.rfind(|it| *it != own && *it != to).expect("another");
        lies::rewrite_own(seen, at, |own| {
            let first = own.iter().position(|it| it.0 == TRAIL).expect("it has a trail");
            own.insert(first, (TRAIL, text(other)));
        });
        // Whoever handed it over heard that it had been there.
        let before = names.iter().position(|it| Some(it) == trail.last()).expect("an agency");
        let said = [(2, text(&format!("{other}/journal/1"))), (3, text("relayed"))];
        lies::add(seen, before, 17, lies::about(&id, &said));
    }),
    ("a trail is left out", "it is left out without a cause", |seen| {
        let at = with_a_trail(seen, 1);
        lies::rewrite_own(seen, at, |own| own.retain(|it| it.0 != TRAIL));
    }),
    ("a handover has another number", "it was not offered by it", |seen| {
        let at = with_a_trail(seen, 1);
        lies::rewrite(seen, at, |entry| {
            lies::within(entry, 14, |taken| {
                lies::within(taken, 2, |handover| lies::put(handover, 3, Value::Number(99)));
            });
        });
    }),
    ("an operator ended it, says its origin alone", "way-left-is-taken", |seen| {
        given_up(seen, "OPERATOR");
    }),
    ("it expired, says its origin long before", "way-left-is-taken", |seen| {
        given_up(seen, "EXPIRED");
    }),
];

#[test]
fn what_has_a_way_left_ends_by_an_operators_word_or_in_its_time_alone() {
    let mut world = World::severed(1);
    world.settle();
    let seen = observed::observe(&world).expect("every node is up");
    each_is_noticed(&seen, LIES_OF_WAYS, checker::check_severed);
}

/// An entry that cuts a neighbour off, the first one.
fn cut(seen: &Seen) -> (At, proto::Fields) {
    lies::all(seen, 38).into_iter().next().expect("somebody was cut off")
}

/// Something that this node took over from a neighbour, or that arrived from it.
fn taken_from(seen: &Seen, node: usize, peer: &str) -> At {
    let all = [14, 15].into_iter().flat_map(|number| {
        lies::all(seen, number).into_iter().map(move |(at, it)| {
            (at, proto::text(&proto::message(&proto::message(&it, number), 2), 1))
        })
    });
    let mut of_it = all.filter(|(at, from)| at.0 == node && from == peer);
    of_it.next().expect("something came from it").0
}

const LIES_OF_CUT_OFFS: &[Lie] = &[
    ("a neighbour is cut off for nothing", "cut-off-holds", |seen| {
        let at = cut(seen).0;
        lies::rewrite(seen, at, |it| lies::within(it, 38, |cut| cut.retain(|it| it.0 != 3)));
    }),
    ("more of it is on record than there is", "that are not there", |seen| {
        let at = cut(seen).0;
        lies::rewrite(seen, at, |it| {
            lies::within(it, 38, |cut| lies::put(cut, 2, Value::Number(512)));
        });
    }),
    ("a message is taken from it in between", "takes from", |seen| {
        let (at, entry) = cut(seen);
        let peer = proto::text(&proto::message(&entry, 38), 1);
        let from = taken_from(seen, at.0, &peer);
        lies::copy(seen, from, at, 1_000);
    }),
    ("a message is offered to it in between", "offers to", |seen| {
        let (at, entry) = cut(seen);
        let peer = proto::text(&proto::message(&entry, 38), 1);
        let offered = lies::all(seen, 13).into_iter().find(|(from, it)| {
            let handover = proto::message(&proto::message(it, 13), 2);
            from.0 == at.0 && proto::text(&handover, 2) == peer
        });
        lies::copy(seen, offered.expect("something was offered to it").0, at, 599_999);
    }),
    ("it is cut off again before its time is over", "again", |seen| {
        let at = cut(seen).0;
        lies::copy(seen, at, at, 1_000);
    }),
    ("a neighbour is shown as cut off that is not", "cut-off-holds", |seen| {
        let shown = seen.nodes[0].cut_off.as_mut().expect("it was asked");
        shown.insert("int.n1".to_owned(), (i64::MAX, "answers".to_owned()));
    }),
];

#[test]
fn whoever_is_cut_off_is_so_for_a_cause_and_for_its_time() {
    let worlds = LIARS.map(|seed| {
        let mut world = World::lying(seed);
        world.live().expect("it comes to rest");
        observed::observe(&world).expect("every node is up")
    });
    let seen = worlds.into_iter().find(|it| !lies::all(it, 38).is_empty());
    let seen = seen.expect("a liar was cut off in one of these worlds");
    each_is_noticed(&seen, LIES_OF_CUT_OFFS, checker::check);
}

/// A world in which a restored transit takes a message over anew that it had given back, and gives it back.
const SEED_OF_RETURNS: u64 = 3839;
/// A world in which a restored reviewer hears who has a message that it had let go on.
const SEED_OF_RELEASES: u64 = 10325;

/// Where the journal of a restored node says this of a message with what follows it about the same.
fn said_once_more(seen: &Seen, number: u64, follows: &[u64]) -> At {
    let node = seen.lost.as_ref().expect("a disk was set back").node;
    let last = seen.nodes[node].volumes.len() - 1;
    let says = |index: usize| {
        let entry = entry(seen, At(node, last, index));
        entry.into_keys().find(|it| *it >= 10).unwrap_or_default()
    };
    let mut places = 0..seen.nodes[node].volumes[last].len() - follows.len();
    let is_it = |at: &usize| {
        says(*at) == number && (1..).zip(follows).all(|(behind, it)| says(at + behind) == *it)
    };
    At(node, last, places.find(is_it).expect("it was said once more"))
}

#[test]
fn what_was_given_back_is_taken_over_anew_only_to_be_given_back_again() {
    let lies: &[Lie] = &[("it is taken over twice", "stays-said", |seen| {
        let at = said_once_more(seen, 14, &[52, 18]);
        lies::copy(seen, at, at, 0);
    })];
    let mut world = World::new(SEED_OF_RETURNS, Fault::None);
    world.live().expect("it comes to rest");
    let seen = observed::observe(&world).expect("every node is up");
    each_is_noticed(&seen, lies, checker::check);
}

#[test]
fn what_was_given_back_is_let_go_on_anew_only_as_somebody_has_it() {
    let lies: &[Lie] = &[("it is let go on twice", "stays-said", |seen| {
        let at = said_once_more(seen, 90, &[13]);
        lies::copy(seen, at, at, 0);
    })];
    let mut world = World::new(SEED_OF_RELEASES, Fault::None);
    world.live().expect("it comes to rest");
    let seen = observed::observe(&world).expect("every node is up");
    each_is_noticed(&seen, lies, checker::check);
}
