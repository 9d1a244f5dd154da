//! Shows a finished run to the checker with one thing other than it was: it must say which.

use crate::checker;
use crate::faults::Fault;
use crate::observed;
use crate::seen::Seen;
use crate::world::World;

/// A world in which messages go around, attachments too, and nobody means harm.
const SEED: u64 = 1;

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
];

#[test]
fn a_run_that_is_shown_otherwise_than_it_was_is_not_believed() {
    let mut world = World::new(SEED, Fault::None);
    world.live().expect("it comes to rest");
    let seen = observed::observe(&world).expect("every node is up");
    checker::check(&seen).expect("as it was, all holds");
    for (what, invariant, lie) in LIES {
        let mut told = seen.clone();
        lie(&mut told);
        let found = checker::check(&told).expect_err(what);
        assert!(found.contains(invariant), "{what}: {found}");
    }
}
