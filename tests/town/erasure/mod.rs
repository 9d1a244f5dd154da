//! The promise: at rest nothing is in plaintext, and what is erased is erased on the disk.
//!
//! Real nodes on real folders. Every file is searched, bytes and all, for what was said, for whom it
//! named, for what travelled and for the key that opened it; before an erasure, after it, and after
//! a stop in the midst of it.

mod disks;

use std::sync::Arc;

use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Fact;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::domain::retention::ErasureCause;
use rogatory::domain::station::Station;
use rogatory::evidence::statement;
use rogatory::history::message;
use rogatory::history::rows::{self, HistoryError};
use rogatory::history::state_hash;
use rogatory::journal::slot_disks::FileSlots;
use rogatory::journal::slots::{FILE_NAME, SlotError, Slots};
use rogatory::journal::store::StoreError;
use rogatory::node::command::{Command, InboxAct, Outcome, PlannedBackup};
use rogatory::node::content::{self, ContentError};
use rogatory::node::copy::Item;
use rogatory::node::copy::read::Reader;
use rogatory::node::rejection::RejectionReason;
use rogatory::node::{self, Stop, query, rest};
use rogatory::wire;
use rogatory::wire::relay::Handing;

use crate::erasure::disks::{Row, chance, copy, files, holding, put, stranger};

const FACTS: &str = "Xanthippe Marker-Person was aboard the vessel Kalliope of the smugglers";
const PERSON: &str = "Xanthippe";

fn request() -> RequestId {
    RequestId::from_bytes(*b"\x01\x99\x42\x17\xab\xcd\x7e\x11\x8f\x20\x51\x62\x73\x84\x95\xa6")
}

fn key_of(handing: &Handing) -> MessageKey {
    handing.envelope.header.key()
}

/// What leads to the content or to the persons in it, and must stand in no file.
fn secrets(row: &Row, handing: &Handing) -> Vec<(&'static str, Vec<u8>)> {
    let envelope = &handing.envelope;
    let part = |bytes: &[u8]| bytes[bytes.len() / 3..][..24].to_vec();
    let agency = row.federation.agencies[0].as_str();
    vec![
        ("what was said", b"aboard the vessel".to_vec()),
        ("a person", PERSON.as_bytes().to_vec()),
        ("the request's id", request().as_bytes().to_vec()),
        ("half of the request's id", request().as_bytes()[8..].to_vec()),
        ("the request's id as text", request().to_string().into_bytes()),
        ("the kind", b"UNTOC.27".to_vec()),
        ("who sent it", b"clerk-of-the-night".to_vec()),
        ("a desk", b"/desk".to_vec()),
        ("an agency", agency.as_bytes().to_vec()),
        ("the wraps", part(&envelope.wraps_bytes)),
        ("the sealed particulars", part(&envelope.particulars)),
        ("the sealed content", part(&envelope.content)),
    ]
}

fn nothing_of(row: &Row, n: usize, secrets: &[(&str, Vec<u8>)]) {
    for (what, bytes) in secrets {
        let found = holding(row.folder(n), bytes);
        assert_eq!(found, Vec::<String>::new(), "{what} stands in files of node {n}");
    }
}

fn opens(row: &Row, n: usize, handing: &Handing) -> Result<bool, ContentError> {
    let plain = content::open(row.setting(n), &handing.envelope.header)?;
    Ok(plain.windows(PERSON.len()).any(|it| it == PERSON.as_bytes()))
}

#[test]
fn at_rest_nothing_is_in_plaintext() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let secrets = secrets(&row, &handing);
    for n in [0, 2] {
        assert!(opens(&row, n, &handing).unwrap());
    }
    for n in 0..3 {
        row.stop(n);
        assert!(files(row.folder(n)).len() >= 4, "store, mark and slots are there");
        nothing_of(&row, n, &secrets);
    }
    // The search can find: what the store does not seal is its format.
    assert_eq!(holding(row.folder(0), b"rogatory store 2"), ["db"]);
}

#[test]
fn what_is_erased_stands_in_no_file_and_opens_under_no_key_that_is_left() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let key = key_of(&handing);
    let kept = tempfile::tempdir().unwrap();
    let (_, slot) = row.slot_bytes(2, key);
    assert_eq!(holding(row.folder(2), &slot), [FILE_NAME]);
    row.stop(2);
    copy(row.folder(2), kept.path());
    row.start(2);

    let erased = row.erase(2, key).unwrap().unwrap();
    let Outcome::Done(position) = erased else { panic!("{erased:?}") };
    assert!(matches!(opens(&row, 2, &handing), Err(ContentError::Absent)));
    assert_eq!(row.erase(2, key).unwrap().unwrap(), Outcome::Done(position), "once is for good");
    row.stop(2);
    nothing_of(&row, 2, &[("the old slot", slot.clone()), ("its tail", slot[80..].to_vec())]);
    nothing_of(&row, 2, &secrets(&row, &handing));

    // The store as it was, every byte of it, opens with the slots of that time and with no others.
    let header = &handing.envelope.header;
    let setting = row.opened_on(2, kept.path()).unwrap();
    let plain = content::open(&setting, header).unwrap();
    assert!(plain.windows(PERSON.len()).any(|it| it == PERSON.as_bytes()), "what it said");
    drop(setting);
    copy_slots(&row, kept.path());
    let setting = row.opened_on(2, kept.path()).unwrap();
    let closed = content::open(&setting, header).unwrap_err();
    let slot = HistoryError::Slots(SlotError::Damaged { slot: 0 }).to_string();
    assert_eq!(closed.to_string(), slot);
    // The sender's own copy is its own to erase.
    assert!(opens(&row, 0, &handing).unwrap());
}

fn copy_slots(row: &Row, to: &std::path::Path) {
    let slots = std::fs::read(row.folder(2).join(FILE_NAME)).unwrap();
    put(&to.join(FILE_NAME), &slots);
}

#[test]
fn a_stop_between_the_entry_and_the_overwriting_is_finished_at_the_next_start() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let key = key_of(&handing);
    let (taken, slot) = row.slot_bytes(2, key);
    row.shut(2, true);
    let stopped = row.erase(2, key).unwrap_err();
    assert!(matches!(stopped, Stop::History(HistoryError::Slots(_))), "{stopped}");
    row.stop(2);
    assert_eq!(holding(row.folder(2), &slot), [FILE_NAME], "the entry is there, the key too");
    row.shut(2, false);
    row.start(2);
    assert_eq!(holding(row.folder(2), &slot), Vec::<String>::new());
    let journal = &row.setting(2).journal;
    let last = journal.read(journal.next() - 1, 1).unwrap().remove(0);
    let fact = wire::entry::read(&last).unwrap().fact;
    let cause = ErasureCause::OwnDecision;
    let message = message::reference(&handing.envelope.header);
    assert_eq!(fact, Fact::ContentErased { message, cause });
    assert!(matches!(opens(&row, 2, &handing), Err(ContentError::Absent)));
    // The slot is free again, and holds for another message.
    let second = row.carried(RequestId::from_bytes([7; 16]), FACTS);
    assert_eq!(row.slot_bytes(2, key_of(&second)).0, taken);
    assert!(opens(&row, 2, &second).unwrap());
}

#[test]
fn a_blind_transit_destroys_the_key_of_what_it_drops() {
    let mut row = Row::new();
    row.submitted(request(), FACTS);
    let handing = row.hand_over(0, 1).remove(0);
    let key = key_of(&handing);
    let (_, slot) = row.slot_bytes(1, key);
    assert_eq!(row.hand_over(1, 2).len(), 1);
    assert_eq!(rest::slot(row.setting(1).store.as_ref(), key).unwrap(), None);
    row.stop(1);
    nothing_of(&row, 1, &[("the slot", slot)]);
}

#[test]
fn every_proof_verifies_after_an_erasure_and_refolding_gives_the_same_rows() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let key = key_of(&handing);
    for n in [0, 2] {
        row.erase(n, key).unwrap().unwrap();
        let setting = row.setting(n);
        let view = query::message(setting, key).unwrap().unwrap();
        let erased = view.record.erased.unwrap();
        assert_eq!((erased.cause, erased.at), (ErasureCause::OwnDecision, setting.clock.now()));
        assert!(!view.stations.is_empty());
        for station in view.stations {
            statement::check(&row.federation.directory, station.receipt.unwrap()).unwrap();
        }
        let before = state_hash(setting.store.as_ref()).unwrap();
        node::rebuild(setting).unwrap();
        assert_eq!(state_hash(setting.store.as_ref()).unwrap(), before);
    }
    let origin = content::origin_statement(row.setting(2), key).unwrap().unwrap();
    statement::check(&row.federation.directory, origin).unwrap();
}

#[test]
fn of_a_request_that_was_passed_on_nothing_is_left_at_any_of_the_three() {
    let mut row = Row::new();
    let desks: Vec<String> =
        row.federation.agencies.iter().map(|it| crate::support::desk(it).to_string()).collect();
    let asks = format!(
        r#"{{"from": "{}", "to": ["{}"], "kind": "UNTOC.27.1.B.I.PERSON",
            "message_type": "request", "facts": "{FACTS}", "handling": {{"onward_sharing": "free"}}}}"#,
        desks[0], desks[1]
    );
    let asked = row.send(0, request(), &asks).remove(0);
    let mut handed = row.hand_over(0, 1);
    let says = |act: &str, own: &str| {
        format!(
            r#"{{"from": "{}", "to": ["{}"], "kind": "UNTOC.27.1.B.I.PERSON",
                "message_type": "{act}", "request_id": "{}"{own}}}"#,
            desks[1],
            desks[0],
            request()
        )
    };
    row.send(1, request(), &says("ack_receipt", ""));
    let to = format!(r#", "redirect": {{"to": "{}", "reason": "Theirs"}}"#, desks[2]);
    let elsewhere = says("redirect_notice", &to);
    let told = row.send(1, request(), &elsewhere);
    let notice = *told.last().unwrap();
    handed.extend(row.hand_over(1, 2));
    assert_eq!((handed.len(), key_of(&handed[1])), (2, notice));
    row.hand_over(1, 0);
    let slots = [(0, asked), (1, asked), (1, notice), (2, notice)];
    let slots = slots.map(|(n, key)| (n, row.slot_bytes(n, key).1));
    for (n, slot) in &slots {
        assert_eq!(holding(row.folder(*n), slot), [FILE_NAME]);
    }
    let inner = content::open(row.setting(2), &handed[1].envelope.header).unwrap();
    assert!(inner.windows(24).any(|it| it == &handed[0].envelope.content[100..124]));

    let order = ErasureCause::AuthorityOrder;
    row.erase_for(0, asked, order).unwrap().unwrap();
    row.hand_over(0, 1);
    row.do_duties(1);
    row.hand_over(1, 2);
    row.erase(1, asked).unwrap().unwrap();
    row.erase(2, notice).unwrap().unwrap();
    row.hand_over(2, 1);
    row.hand_over(1, 0);
    let stations = query::message(row.setting(0), asked).unwrap().unwrap().stations;
    let last = stations.last().unwrap();
    assert_eq!((last.record.station, last.record.agency.as_str()), (Station::Erased, "int.n1"));
    for n in 0..3 {
        row.stop(n);
        for handing in &handed {
            nothing_of(&row, n, &secrets(&row, handing));
        }
        for (_, slot) in &slots {
            nothing_of(&row, n, &[("a slot", slot.clone())]);
        }
        // With every key that is left nothing of it opens.
        row.start(n);
        for handing in &handed {
            let opened = content::open(row.setting(n), &handing.envelope.header);
            assert!(matches!(opened, Err(ContentError::Absent)), "node {n}");
        }
    }
}

/// All that a backup of node 2 carries of what stands from `from` on, as bytes; once the message has been
/// named, and before what lies beside its entry is read, `meanwhile` happens.
fn backed_up(
    row: &mut Row,
    from: u64,
    named: &Digest,
    meanwhile: impl FnOnce(&mut Row),
) -> Vec<u8> {
    let keep_until = row.setting(2).clock.now().plus_millis(1);
    let command = Command::TakeSnapshot(PlannedBackup { from, keep_until });
    let taken = row.nodes[2].as_mut().unwrap().execute(vec![command]).unwrap().remove(0);
    let Ok(Outcome::Snapshot(snapshot)) = taken else { panic!("{taken:?}") };
    let setting = Arc::clone(row.setting(2));
    let mut reader = Reader::new(&setting, from, *snapshot).unwrap();
    let (mut bytes, mut meanwhile) = (Vec::new(), Some(meanwhile));
    let names = |entry: &Vec<u8>| {
        let fact = wire::entry::read(entry).unwrap().fact;
        fact.header().is_some_and(|it| it.hash() == *named)
    };
    while let Some(item) = reader.next_item().unwrap() {
        bytes.extend(rows::encode(&item));
        if let Item::Batch { entries, .. } = &item
            && entries.iter().any(names)
            && let Some(happens) = meanwhile.take()
        {
            happens(row);
        }
    }
    bytes
}

#[test]
fn what_is_erased_while_a_backup_is_read_is_neither_in_its_rest_nor_in_the_next_one() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let (key, header) = (key_of(&handing), handing.envelope.header.hash());
    let envelope = &handing.envelope;
    let part = |bytes: &[u8]| bytes[bytes.len() / 3..][..24].to_vec();
    let sealed =
        [&envelope.wraps_bytes, &envelope.particulars, &envelope.content].map(|it| part(it));
    let holds = |bytes: &[u8]| {
        sealed
            .iter()
            .filter(|it| bytes.windows(it.len()).any(|found| found == it.as_slice()))
            .count()
    };
    // The search finds what a backup carries of a message that is here.
    let size = row.setting(2).journal.next();
    assert_eq!(holds(&backed_up(&mut row, 0, &header, |_| ())), sealed.len());

    let cut = backed_up(&mut row, 0, &header, |row| {
        row.erase(2, key).unwrap().unwrap();
    });
    assert_eq!(holds(&cut), 0);
    let next = backed_up(&mut row, size, &header, |_| ());
    assert_eq!(holds(&next), 0);
    // Whoever restores both is told that it is erased.
    let last = row.setting(2).journal.read(row.setting(2).journal.next() - 1, 1).unwrap().remove(0);
    assert!(matches!(wire::entry::read(&last).unwrap().fact, Fact::ContentErased { .. }));
    assert!(next.windows(last.len()).any(|it| it == last), "the next one says so");
}

#[test]
fn what_is_on_its_way_or_not_known_is_not_erased() {
    let mut row = Row::new();
    row.submitted(request(), FACTS);
    let key = query::request_messages(row.setting(0), request()).unwrap().remove(0).header.key();
    let refused = row.erase(0, key).unwrap().unwrap_err();
    assert_eq!(refused.reason, RejectionReason::StateForbids);
    let unknown = MessageKey::from_slice(&[9; 24]).unwrap();
    assert_eq!(row.erase(0, unknown).unwrap().unwrap_err().reason, RejectionReason::NotFound);
    let handing = row.hand_over(0, 1).remove(0);
    let transit = row.erase(1, key_of(&handing)).unwrap().unwrap_err();
    assert_eq!(transit.reason, RejectionReason::NotFound, "a transit has nothing of its own");
}

#[test]
fn slots_that_are_missing_damaged_or_another_nodes_are_refused_by_name() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let (slot, _) = row.slot_bytes(2, key_of(&handing));
    row.stop(2);
    let path = row.folder(2).join(FILE_NAME);
    let whole = std::fs::read(&path).unwrap();

    let mut damaged = whole.clone();
    damaged[4_096 + usize::try_from(slot).unwrap() * 128 + 50] ^= 1;
    put(&path, &damaged);
    row.start(2);
    let error = content::open(row.setting(2), &handing.envelope.header).unwrap_err();
    assert_eq!(error.to_string(), format!("slot {slot} is damaged"));
    row.stop(2);

    std::fs::remove_file(&path).unwrap();
    let error = opened_slots(&row).unwrap_err();
    assert!(matches!(error, HistoryError::Slots(SlotError::OtherVolume)), "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "nothing is begun in its place");

    put(&path, &whole);
    let other = stranger();
    let store = rogatory::journal::store::DiskStore::open(row.folder(2), 1 << 20).unwrap();
    let refused = other.sealed(2, store).unwrap_err();
    assert!(matches!(refused, StoreError::Key), "{refused}");
    opened_slots(&row).unwrap();
}

fn opened_slots(row: &Row) -> Result<Slots, HistoryError> {
    let store = row.store(2, row.folder(2)).unwrap();
    let disk = Box::new(FileSlots::open(&row.folder(2).join(FILE_NAME)).unwrap());
    let storage = row.federation.storage(2);
    rest::open_slots(store.as_ref(), disk, &storage, chance(), 16)
}

#[test]
fn erased_content_is_not_read_and_no_reading_is_recorded() {
    let mut row = Row::new();
    let handing = row.carried(request(), FACTS);
    let key = key_of(&handing);
    row.erase(2, key).unwrap().unwrap();
    let setting = Arc::clone(row.setting(2));
    let before = setting.journal.next();
    let call = rogatory::node::command::Call {
        principal: rogatory::identity::Principal::new(
            setting.agency.clone(),
            rogatory::identity::Role::Officer,
            "reader",
        )
        .unwrap(),
        key: "k".to_owned(),
        fingerprint: rogatory::domain::digest::Digest::of(b"k"),
    };
    let command = Command::Inbox { call, message: key, act: InboxAct::Read };
    let node = row.nodes[2].as_mut().unwrap();
    let refused = node.execute(vec![command]).unwrap().remove(0).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::ContentErased);
    let at = ("erased_at", setting.clock.now().to_string());
    assert!(refused.metadata.contains(&at), "{refused:?}");
    assert_eq!(setting.journal.next(), before);
}
