//! A journal that shows two histories is found by its neighbour, refused, and what shows it to anybody is
//! kept; a proof that does not hold convicts nobody.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::directory::Directory;
use rogatory::directory::journal_keys::EarlierKeys;
use rogatory::directory::witness_keys::{EarlierWitness, NextWitness, WitnessKeys};
use rogatory::directory::write::to_toml;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::domain::misconduct::CutOffCause;
use rogatory::entropy::SeededEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::merkle::proof::contradicts;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::node::Node;
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::conduct::{LIES_MAX, SPAN_MS};
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::duties::outbound::{Lie, Outbound, SessionEnd, Wish};
use rogatory::node::sealing::{self, Plan};
use rogatory::node::{proofs, records};
use rogatory::redact::Secret;
use rogatory::wire;
use rogatory::wire::relay::{CheckpointOffer, Cosigned, Cosigning, Incoming, Outgoing};

use crate::support::Federation;

struct Pair {
    federation: Federation,
    clock: Arc<HandClock>,
}

impl Pair {
    fn new() -> Self {
        let start = Timestamp::from_millis(1_768_099_620_000);
        let federation = Federation::grow(1, 2, &[(0, 1)], &[]);
        Self { federation, clock: Arc::new(HandClock::at(start)) }
    }

    /// Node `n` on an empty disk; with another chance it becomes another history of the same keys.
    fn node(&self, n: usize, chance: u64) -> Node {
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let entropy = Arc::new(SeededEntropy::new(chance));
        let setting = self.federation.setting(n, Arc::new(store), clock, entropy).unwrap();
        Node::open(Arc::new(setting)).unwrap()
    }

    fn submit(&self, node: &mut Node, key: &str) {
        let setting = Arc::clone(node.setting());
        let from = crate::support::desk(&self.federation.agencies[0]);
        let to = crate::support::desk(&self.federation.agencies[1]);
        let text = format!(
            r#"{{"from": "{from}", "to": ["{to}"], "kind": "UNTOC.27.1.B.I.PERSON",
                "message_type": "request", "facts": "{key}"}}"#
        );
        let file = wire::json::read_file(text.as_bytes()).unwrap();
        let draft = wire::draft::read(file).unwrap();
        let mut id = [7; 16];
        id[0] = key.len() as u8;
        let request = RequestId::from_bytes(id);
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: 3_600_000 };
        let messages = sealing::prepare(&setting, &draft, &plan).unwrap();
        let call = Call {
            principal: Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap(),
            key: key.to_owned(),
            fingerprint: Digest::of(key.as_bytes()),
        };
        let submission = Submission::of(call, draft, &plan, messages);
        node.execute(vec![Command::Submit(Box::new(submission))]).unwrap().remove(0).unwrap();
    }
}

fn offer(node: &Node, old_size: u64) -> Outgoing {
    let setting = node.setting();
    let size = setting.journal.next();
    let proof = if old_size == 0 || old_size >= size {
        Vec::new()
    } else {
        proofs::consistency(setting, old_size, size).unwrap()
    };
    let checkpoint = setting.journal.latest_checkpoint().unwrap().unwrap();
    Outgoing::CheckpointOffer(CheckpointOffer { old_size, proof, checkpoint })
}

fn ask(witness: &mut Node, inbound: &mut Inbound, frame: Outgoing) -> Incoming {
    match inbound.take(frame).unwrap() {
        Step::Reply(reply) => reply,
        Step::Ask(command, asked) => {
            let decision = witness.execute(vec![*command]).unwrap().remove(0);
            inbound.tell(&asked, decision).unwrap()
        }
    }
}

fn greeted(pair: &Pair, witness: &Node, dialler: &Node) -> Inbound {
    let peer = pair.federation.agencies[0].clone();
    let mut inbound = Inbound::new(Arc::clone(witness.setting()), peer);
    let hello = Outbound::new(Arc::clone(dialler.setting()), pair.federation.agencies[1].clone());
    assert!(matches!(inbound.take(hello.hello()).unwrap(), Step::Reply(Incoming::Welcome(_))));
    inbound
}

fn reason(answer: Incoming) -> String {
    match answer {
        Incoming::Cosigned(Cosigned { verdict: Cosigning::Withheld(reason), .. }) => reason,
        Incoming::Refused(refused) => refused.reason,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn conflict_of(witness: &Node) -> (Digest, Digest) {
    let setting = witness.setting();
    let last = setting.journal.next() - 1;
    let entry = setting.journal.read(last, 1).unwrap().remove(0);
    match wire::entry::read(&entry).unwrap().fact {
        Fact::ConflictFound { known, shown, .. } => (known, shown),
        other => panic!("expected a conflict, not {other:?}"),
    }
}

#[test]
fn another_root_of_the_same_size_is_a_fork_and_both_checkpoints_are_kept() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let (mut honest, mut forked) = (pair.node(0, 1), pair.node(0, 2));
    pair.submit(&mut honest, "one");
    pair.submit(&mut forked, "another");
    let mut inbound = greeted(&pair, &witness, &honest);
    let seen = ask(&mut witness, &mut inbound, offer(&honest, 0));
    assert!(matches!(seen, Incoming::Cosigned(Cosigned { verdict: Cosigning::Given(_), .. })));
    let size = honest.setting().journal.next();
    assert_eq!(forked.setting().journal.next(), size);
    let answer = ask(&mut witness, &mut inbound, offer(&forked, size));
    assert_eq!(reason(answer), "JOURNAL_FORKED");
    let (known, shown) = conflict_of(&witness);
    let store = witness.setting().store.as_ref();
    let kept = |hash: &Digest| records::conflict(store, hash).unwrap().unwrap();
    assert_eq!(kept(&known), honest.setting().journal.latest_checkpoint().unwrap().unwrap());
    assert_eq!(kept(&shown), forked.setting().journal.latest_checkpoint().unwrap().unwrap());
    let again = ask(&mut witness, &mut inbound, offer(&honest, size));
    assert_eq!(reason(again), "JOURNAL_FORKED");
}

/// What is read of evidence without the product: an old size, a proof, and the checkpoint after it.
fn read_offer(text: &[u8]) -> (u64, Vec<Digest>, Vec<u8>) {
    let end = text.windows(2).position(|it| it == b"\n\n").unwrap();
    let (head, note) = (std::str::from_utf8(&text[..end]).unwrap(), &text[end + 2..]);
    let mut lines = head.lines();
    let old = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
    let hash = |line| {
        let bytes = STANDARD.decode(line).unwrap();
        Digest::from_bytes(bytes.try_into().unwrap())
    };
    (old, lines.map(hash).collect(), note.to_vec())
}

#[test]
fn a_larger_tree_that_proves_its_own_growth_is_a_fork_and_the_proof_is_kept_as_evidence() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let (mut honest, mut forked) = (pair.node(0, 1), pair.node(0, 2));
    pair.submit(&mut honest, "one");
    pair.submit(&mut forked, "another");
    pair.submit(&mut forked, "yet another");
    let mut inbound = greeted(&pair, &witness, &honest);
    ask(&mut witness, &mut inbound, offer(&honest, 0));
    let size = honest.setting().journal.next();
    let answer = ask(&mut witness, &mut inbound, offer(&forked, size));
    assert_eq!(reason(answer), "JOURNAL_FORKED");
    // A third party needs the two texts, and the journal's key.
    let (known, shown) = conflict_of(&witness);
    let store = witness.setting().store.as_ref();
    let kept = |hash: &Digest| records::conflict(store, hash).unwrap().unwrap();
    let (old, proof, note) = read_offer(&kept(&shown));
    let directory = pair.federation.directory.as_ref();
    let keys = directory.current_journal(&pair.federation.agencies[0]).unwrap();
    let signed = |note: &[u8]| keys.checkpoint(note).unwrap().checkpoint;
    let (before, after) = (signed(&kept(&known)), signed(&note));
    assert_eq!((old, before.size), (size, size));
    assert!(contradicts(old, after.size, &proof, &before.root, &after.root));
}

#[test]
fn a_fork_that_shows_nothing_against_itself_is_refused_and_not_convicted() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let (mut honest, mut forked) = (pair.node(0, 1), pair.node(0, 2));
    pair.submit(&mut honest, "one");
    pair.submit(&mut honest, "the second");
    pair.submit(&mut forked, "another");
    pair.submit(&mut forked, "the second");
    let mut inbound = greeted(&pair, &witness, &honest);
    ask(&mut witness, &mut inbound, offer(&honest, 0));
    let size = honest.setting().journal.next();
    assert!(size.is_power_of_two(), "its proof takes the old root from the verifier");
    pair.submit(&mut forked, "the third of the other");
    let before = witness.setting().journal.next();
    let answer = ask(&mut witness, &mut inbound, offer(&forked, size));
    assert_eq!(reason(answer), "PROOF_INVALID");
    assert_eq!(witness.setting().journal.next(), before, "nothing is stated");
}

/// The offer with a proof that does not hold.
fn spoilt(offer: Outgoing) -> Outgoing {
    let Outgoing::CheckpointOffer(mut offer) = offer else {
        panic!("it offers a checkpoint");
    };
    assert!(!offer.proof.is_empty(), "there is something to spoil");
    offer.proof[0] = Digest::of(b"spoilt");
    Outgoing::CheckpointOffer(offer)
}

#[test]
fn a_proof_that_does_not_hold_convicts_nobody_and_a_good_one_is_taken_after_it() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let mut honest = pair.node(0, 1);
    pair.submit(&mut honest, "one");
    let mut inbound = greeted(&pair, &witness, &honest);
    ask(&mut witness, &mut inbound, offer(&honest, 0));
    let size = honest.setting().journal.next();
    pair.submit(&mut honest, "the second");
    let before = witness.setting().journal.next();
    let refused = ask(&mut witness, &mut inbound, spoilt(offer(&honest, size)));
    let Incoming::Cosigned(refused) = refused else {
        panic!("expected an answer to the checkpoint");
    };
    assert_eq!(refused.verdict, Cosigning::Withheld("PROOF_INVALID".to_owned()));
    assert_eq!(refused.witnessed_size, size, "it is told from where a proof is wanted");
    assert_eq!(witness.setting().journal.next(), before, "nothing is stated");
    let good = ask(&mut witness, &mut inbound, offer(&honest, size));
    let Incoming::Cosigned(Cosigned { witnessed_size, verdict: Cosigning::Given(_), .. }) = good
    else {
        panic!("expected a cosignature, not {good:?}");
    };
    assert_eq!(witnessed_size, honest.setting().journal.next());
}

#[test]
fn a_neighbour_that_brings_bad_proofs_again_and_again_is_cut_off_for_a_while() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let mut honest = pair.node(0, 1);
    pair.submit(&mut honest, "one");
    let mut inbound = greeted(&pair, &witness, &honest);
    ask(&mut witness, &mut inbound, offer(&honest, 0));
    let size = honest.setting().journal.next();
    pair.submit(&mut honest, "the second");
    let before = witness.setting().journal.next();
    for _ in 0..LIES_MAX {
        let refused = ask(&mut witness, &mut inbound, spoilt(offer(&honest, size)));
        assert_eq!(reason(refused), "PROOF_INVALID");
    }
    assert_eq!(witness.setting().journal.next(), before, "nothing is stated of them");
    ask(&mut witness, &mut inbound, spoilt(offer(&honest, size)));
    let entry = witness.setting().journal.read(before, 1).unwrap().remove(0);
    let peer = pair.federation.agencies[0].clone();
    let fact = wire::entry::read(&entry).unwrap().fact;
    assert_eq!(fact, Fact::PeerCutOff { peer, refused: 0, cause: Some(CutOffCause::Checkpoints) });
    let cut = ask(&mut witness, &mut inbound, offer(&honest, size));
    assert_eq!(reason(cut), "PEER_CUT_OFF");
    pair.clock.advance(SPAN_MS);
    let good = ask(&mut witness, &mut inbound, offer(&honest, size));
    assert!(matches!(good, Incoming::Cosigned(Cosigned { verdict: Cosigning::Given(_), .. })));
}

/// The directory in which agency 0 has replaced its journal's keys, which count up to a size.
fn retired_at(directory: &Directory, size: u64) -> Arc<Directory> {
    let mut draft = directory.draft();
    let journal = &mut draft.agencies[0].journals[0];
    let seed = Secret::new([0x77; 32]);
    let ed25519 = Ed25519Signer::from_seed(&seed).public();
    let mldsa44 = MlDsa44Signer::from_seed(&seed).public();
    journal.earlier.push(EarlierKeys {
        ed25519: std::mem::replace(&mut journal.ed25519, ed25519),
        mldsa44: std::mem::replace(&mut journal.mldsa44, mldsa44),
        retired_at_size: size,
    });
    Arc::new(Directory::parse(&to_toml(&draft)).unwrap())
}

#[test]
fn a_checkpoint_by_a_retired_key_is_cosigned_up_to_its_size_and_refused_beyond() {
    let mut pair = Pair::new();
    let mut honest = pair.node(0, 1);
    pair.submit(&mut honest, "one");
    let size = honest.setting().journal.next();
    pair.federation.directory = retired_at(&pair.federation.directory, size);
    let mut witness = pair.node(1, 9);
    let mut inbound = greeted(&pair, &witness, &honest);
    let seen = ask(&mut witness, &mut inbound, offer(&honest, 0));
    assert!(matches!(seen, Incoming::Cosigned(Cosigned { verdict: Cosigning::Given(_), .. })));
    pair.submit(&mut honest, "the second");
    let before = witness.setting().journal.next();
    let late = ask(&mut witness, &mut inbound, offer(&honest, size));
    assert_eq!(reason(late), "KEY_RETIRED");
    assert_eq!(witness.setting().journal.next(), before, "nothing is written");
}

/// What agency 0 makes of the cosignature of agency 1, whose witness key it knows as `change` makes the record.
fn judged(change: impl FnOnce(&mut WitnessKeys, Timestamp)) -> Result<(), SessionEnd> {
    let mut pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let mut draft = pair.federation.directory.draft();
    change(draft.agencies[1].witness.as_mut().unwrap(), pair.clock.now());
    pair.federation.directory = Arc::new(Directory::parse(&to_toml(&draft)).unwrap());
    let mut origin = pair.node(0, 1);
    pair.submit(&mut origin, "one");
    let mut inbound = Inbound::new(Arc::clone(witness.setting()), origin.setting().agency.clone());
    let peer = pair.federation.agencies[1].clone();
    let mut outbound = Outbound::new(Arc::clone(origin.setting()), peer.clone());
    let welcome = ask(&mut witness, &mut inbound, outbound.hello());
    assert!(outbound.take(welcome).unwrap().is_empty());
    let wishes = outbound.poll().unwrap();
    let [Wish::Send(offered)] = &wishes[..] else { panic!("{wishes:?}") };
    let answer = ask(&mut witness, &mut inbound, offered.as_ref().clone());
    let before = origin.setting().journal.next();
    let came = outbound.take(answer).map(drop);
    assert_eq!(origin.setting().journal.next(), before);
    came
}

#[test]
fn a_cosignature_counts_while_its_key_does_and_is_refused_by_name_outside_of_it() {
    let other = || Ed25519Signer::from_seed(&Secret::new([0x77; 32])).public();
    let retired = |at: i64| {
        judged(|keys, now| {
            let ed25519 = std::mem::replace(&mut keys.ed25519, other());
            keys.earlier.push(EarlierWitness { ed25519, retired_at: now.plus_millis(at) });
        })
    };
    let announced = |from: i64| {
        judged(|keys, now| {
            let ed25519 = std::mem::replace(&mut keys.ed25519, other());
            keys.next = Some(NextWitness { ed25519, from: now.plus_millis(from) });
        })
    };
    assert!(retired(0).is_ok() && announced(0).is_ok() && judged(|_, _| ()).is_ok());
    let lies = [
        (retired(-1), "the witness key was retired before this time"),
        (announced(1), "the witness key is announced for a later time"),
        (judged(|keys, _| keys.ed25519 = other()), "the key has not cosigned"),
    ];
    for (came, why) in lies {
        let Err(SessionEnd::Lie(lie)) = came else { panic!("{why}: {came:?}") };
        assert_eq!(lie, Lie::Cosignature(why.to_owned()));
    }
}

#[test]
fn growth_is_cosigned_and_an_old_offer_is_told_the_size_that_is_known() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let mut honest = pair.node(0, 1);
    let first = offer(&honest, 0);
    let mut inbound = greeted(&pair, &witness, &honest);
    ask(&mut witness, &mut inbound, first.clone());
    let before = honest.setting().journal.next();
    pair.submit(&mut honest, "one");
    let grown = ask(&mut witness, &mut inbound, offer(&honest, before));
    let Incoming::Cosigned(Cosigned { witnessed_size, verdict: Cosigning::Given(_), .. }) = grown
    else {
        panic!("expected a cosignature, not {grown:?}");
    };
    assert_eq!(witnessed_size, honest.setting().journal.next());
    let Incoming::Cosigned(stale) = ask(&mut witness, &mut inbound, first) else {
        panic!("expected an answer to the checkpoint");
    };
    assert_eq!(stale.verdict, Cosigning::Withheld("CHECKPOINT_STALE".to_owned()));
    assert_eq!(stale.witnessed_size, witnessed_size);
}

#[test]
fn a_journal_that_was_rewound_finds_out_at_contact_and_says_nothing_more() {
    let pair = Pair::new();
    let mut witness = pair.node(1, 9);
    let mut honest = pair.node(0, 1);
    pair.submit(&mut honest, "one");
    let mut inbound = greeted(&pair, &witness, &honest);
    ask(&mut witness, &mut inbound, offer(&honest, 0));
    let rewound = pair.node(0, 3);
    let peer = pair.federation.agencies[1].clone();
    let mut outbound = Outbound::new(Arc::clone(rewound.setting()), peer);
    // It dials anew.
    let origin = pair.federation.agencies[0].clone();
    let mut inbound = Inbound::new(Arc::clone(witness.setting()), origin);
    let welcome = ask(&mut witness, &mut inbound, outbound.hello());
    let end = outbound.take(welcome).unwrap_err();
    assert_eq!(end.to_string(), "the peer has witnessed 3 entries, this journal holds 2");
}
