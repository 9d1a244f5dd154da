//! Who may change what in a signed directory, and what is refused, each with its reason.

use std::collections::BTreeSet;

use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::refusal::Whose;
use rogatory::directory::signed::{
    Adopted, Complaint, Genesis, Held, Judging, NextKey, Refusal, Roll, SignedRecord, SignedRoll,
    Status, write,
};
use rogatory::domain::digest::Digest;
use rogatory::domain::header::Channel;

use crate::directory::ceremony::{
    Holder, Town, at, authorities, member, next_record, now, sign, signed_record, small,
};
use crate::directory::id;

/// What a roll comes to, and that a refusal changes nothing.
fn refused(held: &Held, bytes: &[u8], judging: Judging) -> Refusal {
    let mut after = held.clone();
    let refusal = after.adopt_roll(bytes, judging).unwrap_err();
    assert_eq!((after.version(), after.hash()), (held.version(), held.hash()));
    refusal
}

fn too_few(whose: Whose, counted: usize) -> Refusal {
    Refusal::TooFew { whose, counted, needed: 2 }
}

#[test]
fn what_is_written_is_read() {
    let town = Town::new();
    let held = town.held();
    let mut roll = town.next(&held);
    roll.agencies[1].status = Status::Suspended;
    roll.agencies[2].next =
        Some(NextKey { key: Holder::new("pan.flag/record", 1).key, from: at(30) });
    roll.authorities.members[0].until = Some(at(100));
    let text = write::roll(&roll);
    assert_eq!(Roll::parse(&text, 2).unwrap(), roll);
    let mut record = next_record(&held, &id("ita.coast-guard"));
    record.links[0].channels = BTreeSet::from([Channel::Sea]);
    record.links[0].cost = 9;
    assert_eq!(OwnRecord::parse(&write::record(&record)).unwrap(), record);
    assert_eq!(town.genesis.hash(), Digest::of(town.genesis_text.as_bytes()));
}

#[test]
fn a_directory_follows_from_roll_and_records() {
    let town = Town::new();
    let held = town.held();
    let (directory, told) = held.directory();
    assert_eq!(told, []);
    assert_eq!((directory.version(), directory.hash()), (4, held.hash()));
    let way = directory.route(&id("ita.coast-guard"), &id("pan.flag"), Channel::Sea);
    assert_eq!(way, None, "the hub is no transit");
    assert_eq!(directory.neighbours(&id("int.hub")), [id("ita.coast-guard"), id("pan.flag")]);
    let names: Vec<_> = directory.agencies().map(|it| it.id.to_string()).collect();
    assert_eq!(names, ["int.hub", "ita.coast-guard", "pan.flag"]);
}

#[test]
fn an_agency_without_a_good_record_is_named_and_the_others_go_on() {
    let town = Town::new();
    let mut held = town.held();
    let mut roll = town.next(&held);
    roll.agencies.push(member("per.registry"));
    assert_eq!(held.adopt_roll(&town.signed(&roll), now(1)), Ok(Adopted::Newer));
    let (directory, told) = held.directory();
    assert_eq!(told, [Complaint::NoRecord(id("per.registry"))]);
    assert_eq!(directory.agencies().count(), 3);
    assert_eq!(
        held.adopt_record(&signed_record(&small("per.registry")), now(1)),
        Ok(Adopted::Newer)
    );
    assert_eq!(held.directory().1, []);
}

#[test]
fn a_link_stands_where_both_ends_name_it_and_carries_what_both_do() {
    let town = Town::new();
    let mut held = town.held();
    let (hub, guard) = (id("int.hub"), id("ita.coast-guard"));
    let mut record = next_record(&held, &guard);
    record.links[0].channels = BTreeSet::from([Channel::Sea]);
    record.links[0].cost = 5;
    held.adopt_record(&signed_record(&record), now(0)).unwrap();
    let (directory, _) = held.directory();
    let link = directory.links().iter().find(|it| it.b == guard).unwrap();
    assert_eq!((&link.channels, link.cost), (&BTreeSet::from([Channel::Sea]), 5));
    let mut record = next_record(&held, &hub);
    record.links.retain(|it| it.with != guard);
    held.adopt_record(&signed_record(&record), now(0)).unwrap();
    let (directory, told) = held.directory();
    assert_eq!(told, [Complaint::OneSided(guard, hub.clone())]);
    assert_eq!(directory.neighbours(&hub), [id("pan.flag")]);
}

#[test]
fn a_roll_needs_two_of_three_and_no_name_counts_twice() {
    let town = Town::new();
    let held = town.held();
    let text = write::roll(&town.next(&held));
    let stranger = Holder::new("ita.ministry", 9);
    let by = |holders: &[&Holder]| refused(&held, &sign(&text, holders), now(1));
    assert_eq!(by(&[&town.a]), too_few(Whose::Present, 1));
    assert_eq!(by(&[&town.a, &town.a, &town.a]), too_few(Whose::Present, 1));
    assert_eq!(by(&[&town.a, &stranger]), too_few(Whose::Present, 1));
    assert_eq!(by(&[&stranger, &Holder::of("int.hub")]), Refusal::Stranger);
    assert_eq!(refused(&held, text.as_bytes(), now(1)), Refusal::Unsigned);
    let moved = String::from_utf8(sign(&text, &[&town.a, &town.b])).unwrap();
    let altered = moved.replacen("status = \"active\"", "status = \"left\"", 1);
    let wrong = refused(&held, altered.as_bytes(), now(1));
    assert_eq!(wrong, Refusal::WrongSignature("ita.ministry".to_owned()));
    for pair in [[&town.a, &town.b], [&town.a, &town.c], [&town.b, &town.c]] {
        let adopted = held.clone().adopt_roll(&sign(&text, &pair), now(1));
        assert_eq!(adopted, Ok(Adopted::Newer));
    }
}

#[test]
fn versions_only_go_up_and_one_by_one() {
    let town = Town::new();
    let mut held = town.held();
    let first = town.signed(&town.first());
    let second = town.next(&held);
    assert_eq!(held.adopt_roll(&town.signed(&second), now(1)), Ok(Adopted::Newer));
    let again = sign(&write::roll(&second), &[&town.b, &town.c]);
    assert_eq!(held.adopt_roll(&again, now(1)), Ok(Adopted::Already), "other signatures");
    assert_eq!(refused(&held, &first, now(1)), Refusal::Rollback { version: 1, held: 2 });
    let far = Roll { version: 4, ..town.next(&held) };
    assert_eq!(refused(&held, &town.signed(&far), now(2)), Refusal::Gap { version: 4, held: 2 });
    let early = Roll { issued_at: at(0), ..town.next(&held) };
    assert_eq!(refused(&held, &town.signed(&early), now(2)), Refusal::IssuedEarlier);
    let late = Roll { issued_at: at(3), ..town.next(&held) };
    assert_eq!(refused(&held, &town.signed(&late), now(2)), Refusal::IssuedLater);
    let other = Roll { network: "other".parse().unwrap(), ..town.next(&held) };
    assert_eq!(refused(&held, &town.signed(&other), now(2)), Refusal::OtherNetwork);
}

#[test]
fn two_texts_of_one_version_are_a_fork_if_enough_have_signed_both() {
    let town = Town::new();
    let mut held = town.held();
    let second = town.next(&held);
    let mut other = second.clone();
    other.agencies[0].status = Status::Suspended;
    held.adopt_roll(&town.signed(&second), now(1)).unwrap();
    let hash = |roll: &Roll| Digest::of(write::roll(roll).as_bytes());
    let fork = Refusal::Fork { version: 2, held: hash(&second), other: hash(&other) };
    assert_eq!(refused(&held, &town.signed(&other), now(1)), fork);
    let by_one = sign(&write::roll(&other), &[&town.c]);
    assert_eq!(refused(&held, &by_one, now(1)), too_few(Whose::Present, 1));
    let third = Roll { version: 3, previous: hash(&other), ..town.next(&held) };
    assert_eq!(refused(&held, &town.signed(&third), now(2)), fork);
}

#[test]
fn authorities_change_by_the_old_threshold_and_the_new() {
    let town = Town::new();
    let mut held = town.held();
    let (d, e) = (Holder::new("per.ministry", 0), Holder::new("fra.ministry", 0));
    let mut roll = town.next(&held);
    roll.authorities = authorities(2, &[&town.c, &d, &e]);
    let text = write::roll(&roll);
    let by = |holders: &[&Holder]| refused(&held, &sign(&text, holders), now(1));
    assert_eq!(by(&[&town.a, &town.b]), too_few(Whose::New, 0));
    assert_eq!(by(&[&town.b, &town.c]), too_few(Whose::New, 1));
    assert_eq!(by(&[&town.c, &d, &e]), too_few(Whose::Present, 1));
    assert_eq!(by(&[&d, &e]), Refusal::Stranger);
    let both = sign(&text, &[&town.a, &town.c, &e]);
    assert_eq!(held.adopt_roll(&both, now(1)), Ok(Adopted::Newer));
    let next = write::roll(&town.next(&held));
    let old = refused(&held, &sign(&next, &[&town.a, &town.b]), now(2));
    assert_eq!(old, Refusal::Stranger);
    assert_eq!(held.adopt_roll(&sign(&next, &[&d, &e]), now(2)), Ok(Adopted::Newer));
}

#[test]
fn keys_that_have_ended_count_no_more() {
    let town = Town::new();
    let mut held = town.held();
    let mut roll = town.next(&held);
    for it in &mut roll.authorities.members[..2] {
        it.until = Some(at(10));
    }
    held.adopt_roll(&town.signed(&roll), now(1)).unwrap();
    let next = Roll { issued_at: at(9), ..town.next(&held) };
    let expired = Refusal::ThresholdExpired { whose: Whose::Present, left: 1, needed: 2 };
    assert_eq!(refused(&held, &town.signed(&next), now(10)), expired);
    assert_eq!(held.clone().adopt_roll(&town.signed(&next), now(9)), Ok(Adopted::Newer));
    let kept = held.clone().adopt_roll(&town.signed(&next), Judging::Then);
    assert_eq!(kept, Ok(Adopted::Newer), "what was adopted in time stays in force");
}

#[test]
fn nobody_is_dropped_and_a_suspended_agency_can_only_be_proved() {
    let town = Town::new();
    let mut held = town.held();
    let mut roll = town.next(&held);
    let flag = roll.agencies.pop().unwrap();
    assert_eq!(refused(&held, &town.signed(&roll), now(1)), Refusal::Dropped(id("pan.flag")));
    roll.agencies.push(rogatory::directory::signed::Member { status: Status::Suspended, ..flag });
    held.adopt_roll(&town.signed(&roll), now(1)).unwrap();
    let (directory, _) = held.directory();
    let left = directory.agency(&id("pan.flag")).unwrap();
    assert!(left.nodes.is_empty() && left.roots.is_empty() && left.contact_points.is_empty());
    assert!(directory.current_journal(&id("pan.flag")).is_some(), "what it signed is provable");
    assert_eq!(directory.neighbours(&id("int.hub")), [id("ita.coast-guard")]);
    let record = signed_record(&next_record(&held, &id("pan.flag")));
    let refused = held.adopt_record(&record, now(1));
    assert_eq!(refused, Err(Refusal::NotActive(id("pan.flag"))));
}

#[test]
fn a_record_key_is_replaced_by_the_old_one_or_after_seven_days() {
    let town = Town::new();
    let mut held = town.held();
    let flag = id("pan.flag");
    let (old, new) = (Holder::of("pan.flag"), Holder::new("pan.flag/record", 1));
    let mut roll = town.next(&held);
    roll.agencies[2].key = new.key.clone();
    let replaced = Refusal::KeyReplaced(flag.clone());
    assert_eq!(refused(&held, &town.signed(&roll), now(1)), replaced);
    let by_old = sign(&write::roll(&roll), &[&town.a, &town.b, &old]);
    assert_eq!(held.clone().adopt_roll(&by_old, now(1)), Ok(Adopted::Newer));

    let mut announced = town.next(&held);
    announced.agencies[2].next = Some(NextKey { key: new.key.clone(), from: at(7) });
    let short = Refusal::ShortNotice(flag.clone());
    assert_eq!(refused(&held, &town.signed(&announced), now(1)), short);
    announced.agencies[2].next = Some(NextKey { key: new.key.clone(), from: at(8) });
    held.adopt_roll(&town.signed(&announced), now(1)).unwrap();
    let mut roll = town.next(&held);
    roll.agencies[2].key = new.key.clone();
    roll.agencies[2].next = None;
    assert_eq!(refused(&held, &town.signed(&roll), now(2)), replaced);
    roll.issued_at = at(8);
    assert_eq!(refused(&held, &town.signed(&roll), now(7)), Refusal::IssuedLater);
    held.adopt_roll(&town.signed(&roll), now(8)).unwrap();

    let (directory, told) = held.directory();
    assert_eq!(told.first(), Some(&Complaint::OldKey(flag.clone())));
    assert!(directory.agency(&flag).unwrap().nodes.is_empty(), "the old record is void");
    let record = next_record(&held, &flag);
    assert_eq!(held.adopt_record(&signed_record(&record), now(8)), Err(Refusal::Stranger));
    let by_new = sign(&write::record(&record), &[&new]);
    assert_eq!(held.adopt_record(&by_new, now(8)), Ok(Adopted::Newer));
    assert_eq!(held.directory().1, []);
}

#[test]
fn a_record_signed_by_both_keys_stays_in_force_through_the_change() {
    let town = Town::new();
    let mut held = town.held();
    let (old, new) = (Holder::of("pan.flag"), Holder::new("pan.flag/record", 1));
    let record = write::record(&next_record(&held, &id("pan.flag")));
    held.adopt_record(&sign(&record, &[&old, &new]), now(0)).unwrap();
    let mut roll = town.next(&held);
    roll.agencies[2].key = new.key.clone();
    held.adopt_roll(&sign(&write::roll(&roll), &[&town.a, &town.b, &old]), now(1)).unwrap();
    assert_eq!(held.directory().1, []);
}

#[test]
fn a_record_is_its_agencys_alone_and_only_goes_up() {
    let town = Town::new();
    let mut held = town.held();
    let guard = id("ita.coast-guard");
    let before = held.version();
    let mut refused = |bytes: &[u8]| {
        let refusal = held.adopt_record(bytes, now(0)).unwrap_err();
        assert_eq!(held.version(), before);
        refusal
    };
    let mut next = next_record(&town.held(), &guard);
    let text = write::record(&next);
    assert_eq!(refused(&sign(&text, &[&Holder::of("int.hub"), &town.a])), Refusal::Stranger);
    assert_eq!(refused(text.as_bytes()), Refusal::Unsigned);
    let unknown = refused(&signed_record(&small("per.registry")));
    assert_eq!(unknown, Refusal::NotOnTheRoll(id("per.registry")));
    next.network = "other".parse().unwrap();
    assert_eq!(refused(&signed_record(&next)), Refusal::OtherNetwork);
    assert_eq!(
        Held::begin(town.genesis.clone()).adopt_record(&sign(&text, &[]), now(0)),
        Err(Refusal::Unsigned)
    );

    let mut held = town.held();
    let first = signed_record(&OwnRecord::parse(&held.note(&guard).unwrap().text).unwrap());
    let second = next_record(&held, &guard);
    let mut other = second.clone();
    other.agency.contact_points[0].name = "Another".to_owned();
    assert_eq!(held.adopt_record(&signed_record(&second), now(0)), Ok(Adopted::Newer));
    assert_eq!(held.adopt_record(&signed_record(&second), now(0)), Ok(Adopted::Already));
    let rollback = Refusal::Rollback { version: 1, held: 2 };
    assert_eq!(held.adopt_record(&first, now(0)), Err(rollback));
    let hash = |record: &OwnRecord| Digest::of(write::record(record).as_bytes());
    let fork = Refusal::Fork { version: 2, held: hash(&second), other: hash(&other) };
    assert_eq!(held.adopt_record(&signed_record(&other), now(0)), Err(fork.clone()));
    let on_it = OwnRecord { version: 3, previous: Some(hash(&other)), ..second.clone() };
    assert_eq!(held.adopt_record(&signed_record(&on_it), now(0)), Err(fork));
    let far = OwnRecord { version: 9, previous: Some(hash(&other)), ..second };
    assert_eq!(held.adopt_record(&signed_record(&far), now(0)), Ok(Adopted::Newer));
}

/// The one fault of a text.
fn fault<T: std::fmt::Debug>(read: Result<T, Vec<rogatory::directory::DirectoryFault>>) -> String {
    let faults = read.unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].to_string()
}

#[test]
fn every_fault_of_a_roll_or_genesis_has_its_place() {
    let town = Town::new();
    let text = write::roll(&town.first());
    let told = |before: &str, after: &str| {
        assert!(text.contains(before), "{before}");
        fault(Roll::parse(&text.replacen(before, after, 1), 2))
    };
    assert_eq!(
        told("threshold = 2", "threshold = 1"),
        "line 5, column 13: threshold: must be at least 2: no single authority decides"
    );
    assert_eq!(
        told("threshold = 2", "threshold = 4"),
        "line 5, column 13: threshold: is more than the 3 authorities"
    );
    assert_eq!(
        told("status = \"active\"", "status = \"gone\""),
        "line 19, column 10: agency[0].status: must be active, suspended or left"
    );
    let hub = Holder::of("int.hub").key.to_string();
    let flag = Holder::of("pan.flag").key.to_string();
    let told: Vec<_> = Roll::parse(&text.replacen(&flag, &hub, 1), 2)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let place = "line 28, column 14: agency[2].record_key:";
    assert_eq!(
        told,
        [
            format!("{place} must be a key of the name pan.flag/record"),
            format!("{place} this key stands already at agency[0].record_key"),
        ]
    );
    let minister = town.a.key.to_string();
    let told = |after: &str| Roll::parse(&text.replacen(&minister, after, 1), 2).unwrap_err();
    let again: Vec<_> = told(&town.b.key.to_string()).iter().map(ToString::to_string).collect();
    assert_eq!(
        again,
        [
            "line 11, column 7: authority[1].key: this authority stands already at authority[0].key",
            "line 11, column 7: authority[1].key: this key stands already at authority[0].key",
        ]
    );
    let genesis = &town.genesis_text;
    let one = genesis.replacen("threshold = 2", "threshold = 1", 1);
    assert!(fault(Genesis::parse(&one)).ends_with("no single authority decides"));
    assert!(Genesis::parse(&format!("demo = true\n{one}")).is_ok());
    let record = write::record(&small("per.registry"));
    let told = fault(OwnRecord::parse(&record.replacen("version = 1", "version = 2", 1)));
    assert!(told.ends_with("is the hash of the version before, which version 1 has not"), "{told}");
}

/// Whatever is done to a roll or a record, it is refused or says what was signed.
#[test]
fn every_byte_flipped_and_every_cut_is_refused() {
    let town = Town::new();
    let held = town.held();
    let roll = town.signed(&town.next(&held));
    let record = signed_record(&small("pan.flag"));
    let mut empty = Held::begin(town.genesis.clone());
    empty.adopt_roll(&town.signed(&town.first()), now(0)).unwrap();
    for at_byte in 0..roll.len() {
        let cut = roll.get(..at_byte).unwrap();
        assert!(held.clone().adopt_roll(cut, now(1)).is_err(), "cut at {at_byte}");
        for bit in [0x01, 0x20] {
            let mut flipped = roll.clone();
            flipped[at_byte] ^= bit;
            let adopted = held.clone().adopt_roll(&flipped, now(1));
            assert!(adopted.is_err(), "byte {at_byte} with bit {bit:#x}");
        }
    }
    for at_byte in 0..record.len() {
        let cut = record.get(..at_byte).unwrap();
        assert!(empty.judge_record(cut, now(1)).is_err(), "cut at {at_byte}");
        let mut flipped = record.clone();
        flipped[at_byte] ^= 0x01;
        assert!(empty.judge_record(&flipped, now(1)).is_err(), "byte {at_byte}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_at_all_harm_a_reader(bytes in proptest::collection::vec(0_u8.., 0..2_000)) {
        proptest::prop_assert!(SignedRoll::parse(&bytes, 2).is_err());
        proptest::prop_assert!(SignedRecord::parse(&bytes).is_err());
        drop(Genesis::parse(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn no_text_in_a_note_harms_a_reader(text in "[\\PC\\n]{0,400}", name in "[a-z./]{1,20}") {
        let bytes = format!("{text}\n\n\u{2014} {name} AAAAAAA=\n").into_bytes();
        proptest::prop_assert!(SignedRoll::parse(&bytes, 2).is_err());
        proptest::prop_assert!(SignedRecord::parse(&bytes).is_err());
    }
}

#[test]
fn a_name_with_signs_that_are_not_seen_is_refused_with_its_place() {
    let mut record = small("per.registry");
    for sign in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{200f}', '\u{ad}', '\u{feff}', '\u{e0041}']
    {
        record.agency.contact_points[0].name = format!("De{sign}sk");
        let faults = OwnRecord::parse(&write::record(&record)).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].path, "contact_point[0].name");
        let problem = "has a sign that is not seen, or that changes the direction of others";
        assert_eq!(faults[0].problem, problem, "{sign:?}");
        assert!(faults[0].to_string().starts_with("line "), "{}", faults[0]);
    }
    for good in ["São João", "指揮センター", "مركز القيادة", "Центр"] {
        record.agency.contact_points[0].name = good.to_owned();
        assert_eq!(OwnRecord::parse(&write::record(&record)).as_ref(), Ok(&record), "{good}");
    }
}
