//! A neighbour with a sound certificate that hands over what it must not: altered, led astray, in a circle,
//! in another's name, out of step, or out of two journals. Each gets a typed no at the real listener over
//! mutual TLS, changes nothing, and keeps nobody from being served.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message as _;
use rogatory::clock::Clock;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::entropy::SeededEntropy;
use rogatory::evidence::statement;
use rogatory::history::message;
use rogatory::journal::memory::MemoryStore;
use rogatory::node::Node;
use rogatory::node::conduct::{LIES_MAX, SPAN_MS};
use rogatory::wire;
use rogatory::wire::pb;
use rogatory::wire::relay::{
    CheckpointOffer, Cosigned, Cosigning, Handing, Incoming, Outgoing, Refused,
};

use crate::services::conduct::{others_are_served, peer};
use crate::services::gone::follow;
use crate::services::hostile::{Neighbour, Said, Session, is_no, sort, submission};
use crate::support::Federation;

fn frame(handing: &Handing) -> pb::TransferRequest {
    Outgoing::Handing(Box::new(handing.clone())).into_pb()
}

/// What an answer to a handover states; it must hold, and be about that handover.
fn stated(neighbour: &Neighbour, handing: &Handing, answer: &Incoming) -> Fact {
    let Incoming::Answer(answer) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.header, handing.envelope.header.hash());
    assert_eq!(answer.handover, handing.handover);
    let directory = &neighbour.town.directory;
    let (entry, _) = statement::verify(directory, &answer.statement).unwrap();
    entry.fact
}

/// The same message under another address; what is sealed stays what it was.
fn readdressed(
    handing: &Handing,
    change: impl FnOnce(&mut rogatory::domain::header::Address),
) -> Handing {
    let mut handing = handing.clone();
    let header = &handing.envelope.header;
    let mut address = header.address.clone();
    change(&mut address);
    handing.envelope.header = wire::header::write_header(&address, &header.digests);
    handing
}

/// Files beside the store of node 1.
fn files(neighbour: &Neighbour) -> usize {
    neighbour.town.writers[1].setting().files.list().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_astray_in_a_circle_or_in_anothers_name_is_refused_by_an_entry_and_not_kept() {
    let neighbour = Neighbour::met().await;
    // In a circle: node 1's own message comes back to it.
    neighbour.submits_to((1, 0), 1).await;
    let own = neighbour.is_brought().await.into_iter().find_map(|it| match it {
        Outgoing::Handing(handing) => Some(*handing),
        _ => None,
    });
    let looped = Handing { handover: 1, ..own.expect("node 1 hands it over") };
    // Astray: what agency 2 sends to agency 0, which agency 0 hands on to node 1, where it has not been.
    neighbour.town.stop(2);
    neighbour.submits_to((2, 0), 2).await;
    let channel = neighbour.connected_as(2).await;
    let (_, mut strayed) = neighbour.withholds((2, &channel)).await;
    // Who has had it is not said: by that it would be found before its way is looked for.
    let strayed = Handing { trail: Vec::new(), ..strayed.remove(0) };
    // A sound one, and what can be made of it.
    neighbour.submits(3).await;
    let (said, mut sound) = neighbour.withholds((0, &neighbour.channel)).await;
    let sound = sound.remove(0);
    let limit = sound.envelope.header.address.hop_limit;
    let forged = readdressed(&sound, |it| it.origin = neighbour.town.agencies[2].clone());
    let forged = Handing { trail: Vec::new(), ..forged };
    let elsewhere = readdressed(&sound, |it| it.network = "other".parse().unwrap());
    let mut anothers = strayed.clone();
    anothers.envelope.origin = sound.envelope.origin.clone();
    let made_up = vec![neighbour.town.agencies[1].clone(), neighbour.town.agencies[0].clone()];
    let attacks = [
        ("in a circle", looped, Reason::Loop),
        ("astray", strayed, Reason::NoRoute),
        ("forged origin", forged, Reason::ProofInvalid),
        ("another's proof", anothers, Reason::ProofInvalid),
        ("of another network", elsewhere, Reason::HeaderMismatch),
        ("too far", Handing { hops: limit + 1, ..sound.clone() }, Reason::HopLimit),
        (
            "a trail that can't be",
            Handing { trail: made_up, ..sound.clone() },
            Reason::TrailInvalid,
        ),
    ];
    let (before, beside) = (neighbour.state().1, files(&neighbour));
    let mut session = neighbour.greeted(&said[0].0).await;
    let mut wanted = Vec::new();
    for (number, (what, attack, reason)) in (70..).zip(attacks) {
        let attack = Handing { handover: number, ..attack };
        let record = |it: &Handing| {
            let rows = neighbour.town.writers[1].setting();
            message::find(rows.store.as_ref(), it.envelope.header.key()).unwrap()
        };
        let known = record(&attack);
        let answer = session.asks(frame(&attack)).await.unwrap();
        let fact = stated(&neighbour, &attack, &answer);
        let Fact::NotTaken { reason: given, .. } = &fact else { panic!("{what}: {fact:?}") };
        assert_eq!(*given, reason, "{what}");
        assert_eq!(record(&attack), known, "{what}");
        wanted.push(fact);
    }
    // Each no is an entry, for its sender must be able to show it; nothing else came of it.
    assert_eq!(neighbour.facts(1, before), wanted);
    assert_eq!(files(&neighbour), beside);
    let answer = session.asks(frame(&sound)).await.unwrap();
    let fact = stated(&neighbour, &sound, &answer);
    assert!(matches!(fact, Fact::Delivered { .. }), "{fact:?}");
    neighbour.town.stopped().await;
}

fn refused(answer: &Incoming) -> (&str, bool) {
    let Incoming::Refused(Refused { reason, retry, .. }) = answer else { panic!("{answer:?}") };
    (reason, *retry)
}

/// The checkpoint among what was said.
fn checkpoint(said: &Said) -> pb::TransferRequest {
    let found = said.iter().find(|(frame, _)| sort(frame) == "checkpoint");
    found.expect("it offers one").0.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_in_another_order_are_refused_or_come_to_the_same_and_none_counts_twice() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let (earlier, _) = neighbour.withholds((0, &neighbour.channel)).await;
    neighbour.submits(2).await;
    let (later, sound) = neighbour.withholds((0, &neighbour.channel)).await;
    let hello = earlier[0].0.clone();
    assert_eq!(sound.len(), 2, "both wait");
    let before = neighbour.state();
    // Before it has greeted, nothing it says is looked at.
    let mut session = neighbour.silent().await;
    for first in [frame(&sound[0]), checkpoint(&later), frame(&sound[1])] {
        let answer = session.asks(first).await.unwrap();
        assert_eq!(refused(&answer), ("HELLO_MISSING", false));
    }
    assert_eq!(neighbour.state(), before);
    let welcome = session.asks(hello.clone()).await.unwrap();
    assert!(matches!(welcome, Incoming::Welcome(_)), "{welcome:?}");
    // A checkpoint from before the one that was shown last.
    let answer = session.asks(checkpoint(&earlier)).await.unwrap();
    let Incoming::Cosigned(Cosigned { verdict, witnessed_size, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(verdict, Cosigning::Withheld("CHECKPOINT_STALE".to_owned()));
    assert!(witnessed_size > 0);
    assert_eq!(neighbour.state(), before);
    // The second message before the first, a greeting amidst them, and each once more.
    for handing in [&sound[1], &sound[0], &sound[1], &sound[0]] {
        let answer = session.asks(frame(handing)).await.unwrap();
        let fact = stated(&neighbour, handing, &answer);
        assert!(matches!(fact, Fact::Delivered { .. }), "{fact:?}");
        let again = session.asks(hello.clone()).await.unwrap();
        assert_eq!(refused(&again), ("HELLO_REPEATED", false));
    }
    let came = neighbour.facts(1, before.1);
    let delivered = came.iter().filter(|it| matches!(it, Fact::Delivered { .. })).count();
    assert_eq!((delivered, came.len()), (2, 2), "{came:?}");
    neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_in_which_the_node_came_to_follow_another_directory_than_it_named_ends() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let (said, sound) = neighbour.withholds((0, &neighbour.channel)).await;
    let hello = said[0].0.clone();
    let mut session = neighbour.greeted(&hello).await;
    follow(&neighbour.town, 1, |_| ()).await;
    let before = neighbour.state();
    let answer = session.asks(frame(&sound[0])).await.unwrap();
    assert_eq!(refused(&answer), ("DIRECTORY_CHANGED", true));
    assert_eq!(session.hears().await.unwrap_err().message(), "the stream ended");
    assert_eq!(neighbour.state(), before);
    let mut session = neighbour.greeted(&hello).await;
    let answer = session.asks(frame(&sound[0])).await.unwrap();
    let fact = stated(&neighbour, &sound[0], &answer);
    assert!(matches!(fact, Fact::Delivered { .. }), "{fact:?}");
    neighbour.town.stopped().await;
}

/// The latest checkpoint of another journal under the keys and the name of agency 0, of this size.
fn forked(neighbour: &Neighbour, size: u64) -> Vec<u8> {
    // The same seed as the town's, so the same keys.
    let federation = Federation::grow(7, 3, &[(0, 1), (1, 2)], &[]);
    let clock = Arc::clone(&neighbour.clock) as Arc<dyn Clock>;
    let chance = Arc::new(SeededEntropy::new(99));
    let setting = federation.setting(0, Arc::new(MemoryStore::new()), clock, chance);
    let mut setting = setting.unwrap();
    setting.directory = Arc::clone(&neighbour.town.directory).into();
    let mut node = Node::open(Arc::new(setting)).unwrap();
    let mut number = 40;
    while node.setting().journal.next() < size {
        let command = submission(node.setting(), 1, number);
        node.execute(vec![command]).unwrap().remove(0).unwrap();
        number += 1;
    }
    assert_eq!(node.setting().journal.next(), size);
    node.setting().journal.latest_checkpoint().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_shows_two_journals_is_found_at_once_and_heard_no_more() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let (said, mut sound) = neighbour.withholds((0, &neighbour.channel)).await;
    let sound = sound.remove(0);
    let mut session = neighbour.silent().await;
    let Incoming::Welcome(welcome) = session.asks(said[0].0.clone()).await.unwrap() else {
        panic!("it is let in")
    };
    let size = welcome.witnessed_size;
    let checkpoint = forked(&neighbour, size);
    let before = neighbour.state().1;
    let offer = CheckpointOffer { old_size: size, proof: Vec::new(), checkpoint };
    let answer = session.asks(Outgoing::CheckpointOffer(offer).into_pb()).await.unwrap();
    let Incoming::Cosigned(Cosigned { verdict, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(verdict, Cosigning::Withheld("JOURNAL_FORKED".to_owned()));
    let came = neighbour.facts(1, before);
    let [Fact::ConflictFound { journal, .. }] = &came[..] else { panic!("{came:?}") };
    assert_eq!(*journal.agency(), neighbour.town.agencies[0]);
    assert!(peer(&neighbour.town, 1, "int.n0").await.conflict, "its operator sees it");
    // What it hands over is not taken any more; another neighbour is served.
    let after = neighbour.state();
    let answer = session.asks(frame(&sound)).await.unwrap();
    assert_eq!(refused(&answer), ("JOURNAL_FORKED", false));
    assert_eq!(neighbour.state(), after);
    assert!(!peer(&neighbour.town, 1, "int.n2").await.conflict);
    others_are_served(&neighbour.town, "meanwhile").await;
    neighbour.town.stopped().await;
}

/// Frames that are on their way at a time, of which no more than so many are lies within a span.
const AT_ONCE: usize = 12;
/// A session is ended by one more frame that can't be read.
const UNREADABLE_MAX: usize = 64;

/// Handovers of one new message, each with one byte changed.
struct Flips<'a> {
    neighbour: &'a Neighbour,
    hello: pb::TransferRequest,
    sound: Handing,
    session: Session,
    unreadable: usize,
    refused: usize,
    /// What was taken all the same, which must be what was sent.
    same: usize,
    next_message: u8,
    seen: BTreeSet<Digest>,
}

impl Flips<'_> {
    /// A message that node 1 has not seen yet.
    async fn anew(&mut self) {
        self.next_message += 1;
        self.seen.insert(self.sound.envelope.header.hash());
        self.neighbour.submits(self.next_message).await;
        let (_, kept) = self.neighbour.withholds((0, &self.neighbour.channel)).await;
        let newest = kept.into_iter().find(|it| !self.seen.contains(&it.envelope.header.hash()));
        self.sound = newest.expect("it waits to be handed over");
    }

    /// The handover under a number of its own, so that nobody remembers the answer to it.
    fn numbered(&self, at: usize) -> Handing {
        // Large enough that every such number is written in three bytes.
        Handing { handover: 20_000 + u32::try_from(at).unwrap(), ..self.sound.clone() }
    }

    /// Hands over the message with byte after byte changed, until one was taken or all were tried; gives where
    /// to go on.
    async fn hands_over(&mut self, from: usize, to: usize) -> usize {
        // A span has room for so many lies; what comes after it is judged as the first was.
        self.neighbour.clock.advance(SPAN_MS);
        let mut asked = Vec::new();
        for at in from..to {
            let mut bytes = frame(&self.numbered(at)).encode_to_vec();
            bytes[at] ^= 1 << (at % 8);
            let Ok(changed) = pb::TransferRequest::decode(&*bytes) else {
                self.refused += 1;
                continue;
            };
            let read = Outgoing::from_pb(changed.clone());
            self.unreadable += usize::from(read.is_err());
            asked.push((at, read, changed));
        }
        if self.unreadable > UNREADABLE_MAX {
            self.session = self.neighbour.greeted(&self.hello).await;
            self.unreadable = asked.iter().filter(|(_, read, _)| read.is_err()).count();
        }
        for (_, _, changed) in &asked {
            self.session.says(changed.clone()).await;
        }
        let mut taken = false;
        for (at, read, _) in asked {
            let answer = self.session.hears().await.unwrap_or_else(|it| panic!("byte {at}: {it}"));
            if is_no(&answer) {
                assert!(!is_cut_off(&answer), "byte {at}");
                self.refused += 1;
                continue;
            }
            // The number and the hops are the dialling node's own words, and lines of a proof that nobody
            // asks for may be anything.
            let Ok(Outgoing::Handing(changed)) = read else { panic!("byte {at}: {answer:?}") };
            let mut envelope = changed.envelope;
            envelope.origin.proof.clone_from(&self.sound.envelope.origin.proof);
            assert_eq!(envelope, self.sound.envelope, "byte {at} was taken");
            self.same += 1;
            taken = true;
        }
        if taken {
            self.anew().await;
        }
        to
    }
}

fn is_cut_off(answer: &Incoming) -> bool {
    matches!(answer, Incoming::Refused(it) if it.reason == "PEER_CUT_OFF")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_byte_of_a_new_messages_handover_is_changed_once_and_none_of_them_is_taken() {
    assert!(AT_ONCE < LIES_MAX as usize, "no span is used up");
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let (said, mut kept) = neighbour.withholds((0, &neighbour.channel)).await;
    let hello = said[0].0.clone();
    let session = neighbour.greeted(&hello).await;
    let before = neighbour.state().1;
    let mut flips = Flips {
        neighbour: &neighbour,
        hello,
        sound: kept.remove(0),
        session,
        unreadable: 0,
        refused: 0,
        same: 0,
        next_message: 1,
        seen: BTreeSet::new(),
    };
    let length = frame(&flips.numbered(0)).encode_to_vec().len();
    let mut at = 0;
    while at < length {
        at = flips.hands_over(at, (at + AT_ONCE).min(length)).await;
    }
    let Flips { refused, same, sound, mut session, .. } = flips;
    println!("{length} bytes: {refused} refused, {same} were the same message");
    assert_eq!(refused + same, length);
    assert!(refused > 50 * same, "{same} of {length}");
    // Each that could be read is on record as not taken, or was the same.
    let came = neighbour.facts(1, before);
    let count = |is: fn(&Fact) -> bool| came.iter().filter(|it| is(it)).count();
    let taken = count(|it| matches!(it, Fact::Delivered { .. }));
    let not_taken = count(|it| matches!(it, Fact::NotTaken { .. }));
    // Days pass meanwhile: what nobody claims rings, and deadlines come near.
    let in_time = count(|it| matches!(it, Fact::DeadlineNoted | Fact::AlarmRaised { .. }));
    assert_eq!(taken + not_taken + in_time, came.len(), "nothing else came of it");
    assert!(taken <= same && not_taken > length / 2, "{taken} of {same}, {not_taken}");
    // The last of them is new here to the end, and is taken as it was sealed.
    let answer = session.asks(frame(&sound)).await.unwrap();
    let fact = stated(&neighbour, &sound, &answer);
    let Fact::Delivered { header, .. } = &fact else { panic!("{fact:?}") };
    assert_eq!(header.bytes, sound.envelope.header.bytes);
    neighbour.town.stopped().await;
}
