//! The promise: every node of an exchange can be audited, and whatever was changed afterwards, down
//! to one byte of an entry, a proof or a checkpoint, is found and named.

use std::sync::Arc;

use rogatory::clock::Timestamp;
use rogatory::config::NodeKeys;
use rogatory::directory::Directory;
use rogatory::directory::witness_keys::witness_name;
use rogatory::evidence::replay::Fault;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::merkle::cosignature;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::transport::client::Client;
use rogatory::wire::pb;

use crate::network::drafts::{self, DESTINATION_DESK, ORIGIN_DESK, sending};
use crate::network::journals::JournalCopy;
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, agency, until};

/// Places of one byte sequence at which a byte is changed, spread over all of it.
const PLACES: usize = 48;

/// The journals of a finished exchange, and the directory that names their keys.
struct Taken {
    directory: Arc<Directory>,
    /// With it the hub signs other journals' checkpoints.
    witness: Ed25519Signer,
    journals: Vec<(&'static str, JournalCopy)>,
}

async fn arrived(client: &Client, desk: &str, after: u64) -> pb::MessageSummary {
    let asked =
        pb::ListMessagesRequest { contact_point: desk.to_owned(), after, ..Default::default() };
    let item = until("a message in the inbox", async || {
        let page = client.list_messages(asked.clone()).await.expect("the inbox is listed");
        page.items.into_iter().next()
    });
    item.await.message.expect("an item has its message")
}

/// A request, two answers and an acceptance through the corridor, then the auditors.
async fn taken() -> Taken {
    let network = Network::started().await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let service = network.client(DESTINATION, Role::Service).await;
    let facts = "A vessel was sighted without lights";
    let sent = officer.send_message(sending("request", &drafts::request(facts))).await;
    let request = sent.expect("it is accepted").messages.remove(0).request_id;
    let first = arrived(&service, DESTINATION_DESK, 0).await;
    let (origin, message_id) = (first.origin.clone(), first.message_id.clone());
    let claim = pb::ClaimMessageRequest {
        idempotency_key: "claim".to_owned(),
        origin: origin.clone(),
        message_id: message_id.clone(),
        lease_seconds: 600,
    };
    service.claim_message(claim).await.expect("it is claimed");
    let read = pb::ReadMessageRequest { origin: origin.clone(), message_id: message_id.clone() };
    service.read_message(read).await.expect("it is read");
    let idempotency_key = "acknowledge".to_owned();
    let done = pb::AcknowledgeMessageRequest { idempotency_key, origin, message_id };
    service.acknowledge_message(done).await.expect("it is acknowledged");
    let steps = [
        (DESTINATION, "ack_receipt"),
        (DESTINATION, "conditions_offer"),
        (ORIGIN, "conditions_accept"),
    ];
    let mut last = first;
    let mut places = [0, 1];
    for (by, act) in steps {
        let file = drafts::act(by, act, &request, &last.message_id);
        let (sender, reader, desk, place) = if by == ORIGIN {
            (&officer, &service, DESTINATION_DESK, &mut places[1])
        } else {
            (&service, &officer, ORIGIN_DESK, &mut places[0])
        };
        sender.send_message(sending(act, &file)).await.expect("it is accepted");
        last = arrived(reader, desk, *place).await;
        *place += 1;
    }
    let mut journals = Vec::new();
    for stage in STAGES {
        journals.push((stage, network.journal(stage).await));
    }
    let keys = NodeKeys::load(&network.place(HUB).folder.join("keys")).expect("the hub's keys");
    let witness = Ed25519Signer::from_seed(&keys.witness[&1]);
    Taken { directory: Arc::clone(&network.made.directory), witness, journals }
}

/// Every place of short bytes, or so many spread over long ones.
fn places(bytes: &[u8]) -> impl Iterator<Item = usize> + use<> {
    (0..bytes.len()).step_by(bytes.len().div_ceil(PLACES).max(1))
}

/// The bytes with one of them changed: for each of some places.
fn changed(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    places(bytes).flat_map(move |place| {
        [0x01, 0x80].map(|bit| {
            let mut changed = bytes.to_vec();
            changed[place] ^= bit;
            (place, changed)
        })
    })
}

/// Whether a fault names an entry, or the statement that it recorded.
fn is_of_entry(fault: &Fault, index: u64) -> bool {
    matches!(
        fault,
        Fault::Entry { index: it, .. }
            | Fault::ForeignEntry { index: it, .. }
            | Fault::Statement { index: it, .. } if *it == index
    )
}

/// Whether a fault says that the first so many entries make up another tree.
fn is_of_tree(fault: &Fault, entries: u64) -> bool {
    matches!(fault, Fault::Root { size, .. } if *size == entries)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_of_an_exchange_passes_and_no_changed_byte_does() {
    let taken = taken().await;
    let directory = &taken.directory;
    let mut escaped = Vec::new();
    let mut tried = 0;
    for (stage, journal) in &taken.journals {
        let verdict =
            journal.replayed(directory).unwrap_or_else(|fault| panic!("{stage}: {fault}"));
        assert_eq!(verdict.entries, journal.entries.len() as u64);
        assert_eq!(verdict.countersigned, verdict.entries);
        assert_eq!(verdict.statements, journal.statements.len() as u64);
        assert!(verdict.statements >= 4, "{stage}: {verdict:?}");
        let mut found =
            |what: String, place: usize, copy: &JournalCopy, named: &dyn Fn(&Fault) -> bool| {
                tried += 1;
                match copy.replayed(directory) {
                    Err(fault) if named(&fault) => {}
                    Err(fault) => escaped.push(format!("{stage}, {what}, byte {place}: {fault}")),
                    Ok(_) => escaped.push(format!("{stage}, {what}, byte {place}: not found")),
                }
            };
        let mut copy = journal.clone();
        let total = verdict.entries;
        for at in 0..journal.entries.len() {
            let (index, entry) = &journal.entries[at];
            for (place, bytes) in changed(entry) {
                copy.entries[at].1 = bytes;
                let named = |fault: &Fault| is_of_entry(fault, *index) || is_of_tree(fault, total);
                found(format!("entry {index}"), place, &copy, &named);
            }
            copy.entries[at] = journal.entries[at].clone();
        }
        for at in 0..journal.statements.len() {
            let (index, statement) = &journal.statements[at];
            let here =
                |fault: &Fault| matches!(fault, Fault::Statement { index: it, .. } if it == index);
            for (place, bytes) in changed(&statement.entry) {
                copy.statements[at].1.entry = bytes;
                found(format!("entry of statement {index}"), place, &copy, &here);
            }
            copy.statements[at].1.entry = statement.entry.clone();
            for (place, bytes) in changed(&statement.proof) {
                copy.statements[at].1.proof = bytes;
                found(format!("proof of statement {index}"), place, &copy, &here);
            }
            copy.statements[at].1.proof = statement.proof.clone();
        }
        let of_checkpoint = |fault: &Fault| {
            matches!(fault, Fault::Checkpoint { .. } | Fault::Root { .. } | Fault::Missing { .. })
        };
        for (place, bytes) in changed(&journal.latest) {
            copy.latest = bytes;
            found("latest checkpoint".to_owned(), place, &copy, &of_checkpoint);
        }
        copy.latest = journal.latest.clone();
        for (place, bytes) in changed(&journal.countersigned) {
            copy.countersigned = bytes;
            found("countersigned checkpoint".to_owned(), place, &copy, &of_checkpoint);
        }
    }
    println!("{tried} changes tried");
    assert!(escaped.is_empty(), "{} of {tried}:\n{}", escaped.len(), escaped.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cosignature_that_was_changed_is_found() {
    let taken = taken().await;
    let (_, journal) = taken.journals.iter().find(|it| it.0 == ORIGIN).expect("a copy");
    let signed = SignedCheckpoint::parse(&journal.latest).unwrap();
    let name = witness_name(&agency(HUB));
    let at = Timestamp::from_millis(1_800_000_000_000);
    let line = cosignature::cosign_ed25519(&signed.checkpoint, &name, &taken.witness, at);
    let mut copy = journal.clone();
    copy.latest = cosignature::with_lines(&journal.latest, &[line]).unwrap();
    copy.replayed(&taken.directory).unwrap();
    let cosigned = copy.latest.clone();
    for place in journal.latest.len()..cosigned.len() {
        copy.latest = cosigned.clone();
        copy.latest[place] ^= 1;
        let fault = copy.replayed(&taken.directory).expect_err("every byte counts");
        assert!(matches!(fault, Fault::Checkpoint { .. }), "byte {place}: {fault}");
    }
    let own =
        cosignature::cosign_ed25519(&signed.checkpoint, "mlt.police/witness", &taken.witness, at);
    copy.latest = cosignature::with_lines(&journal.latest, &[own]).unwrap();
    let fault = copy.replayed(&taken.directory).expect_err("Malta's key is another one");
    assert!(matches!(fault, Fault::Checkpoint { .. }), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_an_entry_dropped_swapped_or_added_is_refused() {
    let taken = taken().await;
    let directory = &taken.directory;
    for (stage, journal) in &taken.journals {
        let total = journal.entries.len() as u64;
        let refused = |what: &str, copy: &JournalCopy| match copy.replayed(directory) {
            Ok(_) => panic!("{stage}: {what} is not found"),
            Err(fault) => fault,
        };
        for at in 0..journal.entries.len() {
            let index = at as u64;
            let mut dropped = journal.clone();
            dropped.entries.remove(at);
            let fault = refused("a dropped entry", &dropped);
            if index + 1 < total {
                let expected = Fault::OutOfOrder { expected: index, given: index + 1 };
                assert_eq!(fault, expected, "{stage}");
            } else if journal.statements.last().is_some_and(|it| it.0 == index) {
                let is_named = matches!(fault, Fault::Statement { index: it, .. } if it == index);
                assert!(is_named, "{stage}: {fault}");
            } else {
                let expected = Fault::Missing { signed: total, given: total - 1 };
                assert_eq!(fault, expected, "{stage}");
            }

            let mut renumbered = dropped;
            for (place, entry) in renumbered.entries.iter_mut().enumerate() {
                entry.0 = place as u64;
            }
            let fault = refused("a dropped entry, the rest renumbered", &renumbered);
            let is_named = matches!(fault, Fault::Missing { .. } | Fault::Statement { .. });
            assert!(is_named, "{stage}: {fault}");

            let mut added = journal.clone();
            added.entries.insert(at, journal.entries[at].clone());
            let fault = refused("an entry twice", &added);
            assert_eq!(fault, Fault::OutOfOrder { expected: index + 1, given: index }, "{stage}");

            let Some(next) = journal.entries.get(at + 1) else {
                continue;
            };
            let mut swapped = journal.clone();
            swapped.entries.swap(at, at + 1);
            let fault = refused("swapped entries", &swapped);
            assert_eq!(fault, Fault::OutOfOrder { expected: index, given: index + 1 }, "{stage}");
            swapped.entries[at] = (index, next.1.clone());
            swapped.entries[at + 1] = (index + 1, journal.entries[at].1.clone());
            let fault = refused("swapped entries, renumbered", &swapped);
            let at_entry = is_of_entry(&fault, index) || is_of_entry(&fault, index + 1);
            let is_named = at_entry || is_of_tree(&fault, total);
            assert!(is_named, "{stage}: {fault}");
        }
        for at in 0..journal.statements.len() {
            let index = journal.statements[at].0;
            let mut without = journal.clone();
            without.statements.remove(at);
            let fault = refused("a statement that is kept back", &without);
            assert!(matches!(fault, Fault::Statement { index: it, .. } if it == index), "{fault}");
        }
        // A tail of this agency's own making: well formed, and signed by nobody.
        let mut longer = journal.clone();
        longer.entries.push((total, journal.entries[1].1.clone()));
        let grown = longer.replayed(directory);
        // What no checkpoint covers proves nothing; the verdict speaks of what is covered alone.
        assert!(grown.is_ok_and(|it| it.entries == total), "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_journal_says_proves_nothing_in_another() {
    let taken = taken().await;
    let directory = &taken.directory;
    let of = |stage: &str| &taken.journals.iter().find(|it| it.0 == stage).expect("a copy").1;
    for (own, other) in [(ORIGIN, HUB), (HUB, DESTINATION), (DESTINATION, ORIGIN)] {
        let mut renamed = of(own).clone();
        renamed.journal = of(other).journal.clone();
        let fault = renamed.replayed(directory).unwrap_err();
        assert!(matches!(fault, Fault::ForeignEntry { index: 0, .. }), "{own}: {fault}");
        let mut foreign = of(own).clone();
        foreign.latest = of(other).latest.clone();
        let fault = foreign.replayed(directory).unwrap_err();
        assert!(matches!(fault, Fault::Checkpoint { .. }), "{own}: {fault}");
        let mut foreign = of(own).clone();
        foreign.countersigned = of(other).countersigned.clone();
        let fault = foreign.replayed(directory).unwrap_err();
        assert!(matches!(fault, Fault::Checkpoint { .. }), "{own}: {fault}");
        // The journal's own signature alone is not the countersignature.
        let mut plain = of(own).clone();
        plain.countersigned = plain.latest.clone();
        let fault = plain.replayed(directory).unwrap_err();
        assert!(matches!(fault, Fault::Checkpoint { .. }), "{own}: {fault}");
        let mut exchanged = of(own).clone();
        let index = exchanged.statements[0].0;
        exchanged.statements[0].1 = of(own).statements[1].1.clone();
        let fault = exchanged.replayed(directory).unwrap_err();
        assert!(matches!(fault, Fault::Statement { index: it, .. } if it == index), "{fault}");
    }
}
