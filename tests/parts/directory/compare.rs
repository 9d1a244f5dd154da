//! Nodes compare what they hold: newer texts go from one to the next, what is not signed as it must
//! be is refused by whoever is given it, and a second text of one version is found.

use std::collections::VecDeque;

use rogatory::clock::Timestamp;
use rogatory::config::DirectoryFolder;
use rogatory::config::directory::replace;
use rogatory::directory::signed::compare::{
    Declined, Holding, Lacked, ListedRecord, Listing, TEXTS_AT_ONCE, TextName,
};
use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::{Held, Judging, Refusal, Roll, Status, write};
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::AgencyId;
use rogatory::node::duties::gossip::{Breach, Comparing, TEXTS_GIVEN_MAX, Wish};
use rogatory::wire::gossip::Said;

use crate::directory::ceremony::{
    Holder, Town, at, authorities, next_record, now, record_after, sign, signed_record,
};
use crate::directory::id;

/// A node with its own copy on a disk.
struct Keeper {
    held: Held,
    home: tempfile::TempDir,
    refused: Vec<(TextName, Refusal)>,
    day: i64,
}

impl Keeper {
    fn of(town: &Town, held: &Held) -> Self {
        let home = tempfile::tempdir().unwrap();
        DirectoryFolder::at(home.path()).begin(&town.genesis_text).unwrap();
        let folder = DirectoryFolder::at(home.path());
        let version = held.roll().unwrap().roll.version;
        let agencies = held.recorded().cloned().map(TextName::Record);
        for name in agencies.chain([TextName::Roll(version)]) {
            let path = match &name {
                TextName::Record(agency) => folder.record_path(agency),
                TextName::Roll(_) | TextName::List(..) => folder.roll_path(version),
            };
            replace(&path, &held.text(&name).unwrap()).unwrap();
        }
        Self { held: held.clone(), home, refused: Vec::new(), day: 9 }
    }

    fn folder(&self) -> DirectoryFolder {
        DirectoryFolder::at(self.home.path())
    }

    fn roll(&mut self, bytes: &[u8]) {
        let rolls = [bytes.to_vec()];
        assert_eq!(self.folder().adopt_rolls(&mut self.held, &rolls, at(self.day)).unwrap(), Ok(1));
    }

    fn record(&mut self, record: &OwnRecord) {
        let bytes = signed_record(record);
        self.folder().adopt_record(&mut self.held, &bytes, Judging::Then).unwrap().unwrap();
    }

    fn judge(&mut self, given: Vec<(Lacked, Vec<u8>)>) -> Vec<(Lacked, Refusal)> {
        let folder = self.folder();
        let mut refused = Vec::new();
        let (rolls, others): (Vec<_>, Vec<_>) =
            given.into_iter().partition(|(it, _)| matches!(it.name, TextName::Roll(_)));
        let texts: Vec<_> = rolls.iter().map(|(_, text)| text.clone()).collect();
        let taken = folder.adopt_rolls(&mut self.held, &texts, at(self.day)).unwrap();
        if let Err((at, why)) = taken {
            refused.push((rolls[at].0.clone(), why));
        }
        for (lacked, text) in others {
            let adopted = match &lacked.name {
                TextName::Record(_) => folder.adopt_record(&mut self.held, &text, Judging::Then),
                TextName::List(agency, _) => folder.adopt_list(&mut self.held, agency, &text),
                TextName::Roll(_) => unreachable!(),
            };
            if let Err(why) = adopted.unwrap() {
                refused.push((lacked, why));
            }
        }
        let told = refused.iter().map(|(lacked, why)| (lacked.name.clone(), why.clone()));
        self.refused.extend(told);
        refused
    }

    fn text(&self, name: &TextName) -> Option<Vec<u8>> {
        self.folder().text(&self.held, name).unwrap()
    }

    /// The record that follows the one here, whose text rests on the disk or in memory.
    fn next(&self, agency: &AgencyId) -> OwnRecord {
        let note = self.folder().note(&self.held, agency).unwrap().unwrap();
        record_after(&self.held, agency, &note)
    }

    fn evidence(&self) -> usize {
        std::fs::read_dir(self.home.path().join("evidence")).map_or(0, Iterator::count)
    }

    fn refusals(&self) -> Vec<Refusal> {
        self.refused.iter().map(|(_, why)| why.clone()).collect()
    }
}

/// Two nodes talk until neither has anything to say; how many frames that took.
fn talk(left: &mut Keeper, right: &mut Keeper) -> usize {
    let mut sides = [(left, Comparing::default()), (right, Comparing::default())];
    let mut queues = [VecDeque::new(), VecDeque::new()];
    for (number, (keeper, _)) in sides.iter().enumerate() {
        queues[1 - number].push_back(Comparing::say(&keeper.held, at(keeper.day)));
    }
    let mut frames = 0;
    while let Some(to) = (0..2).find(|it| !queues[*it].is_empty()) {
        frames += 1;
        assert!(frames < 10_000, "they talk without an end");
        let said = queues[to].pop_front().unwrap();
        let (keeper, comparing) = &mut sides[to];
        let mut wishes = VecDeque::from(comparing.take(&keeper.held, said).unwrap());
        while let Some(wish) = wishes.pop_front() {
            match wish {
                Wish::Say(said) => queues[1 - to].push_back(said),
                Wish::Give(names) => {
                    for name in names {
                        let text = keeper.text(&name);
                        queues[1 - to].push_back(Said::Text(name, text));
                    }
                }
                Wish::Heard(..) => {}
                Wish::Judge(given) => {
                    let before = (keeper.held.hash(), keeper.held.lists_hash());
                    let refused = keeper.judge(given);
                    wishes.extend(comparing.judged(&keeper.held, refused));
                    if (keeper.held.hash(), keeper.held.lists_hash()) != before {
                        queues[1 - to].push_back(Comparing::say(&keeper.held, at(keeper.day)));
                        wishes.extend(comparing.changed(&keeper.held));
                    }
                }
            }
        }
    }
    frames
}

fn same(keepers: &[&Keeper]) -> bool {
    keepers.windows(2).all(|it| it[0].held.holding() == it[1].held.holding())
}

#[test]
fn newer_rolls_and_records_go_down_a_line_of_three() {
    let town = Town::new();
    let held = town.held();
    let [mut first, mut middle, mut last] = [(); 3].map(|()| Keeper::of(&town, &held));
    let mut third = held.clone();
    for _ in 0..3 {
        let mut roll = town.next(&third);
        roll.agencies[2].status = Status::Suspended;
        third.adopt_roll(&town.signed(&roll), Judging::Then).unwrap();
        first.roll(&town.signed(&roll));
    }
    for agency in ["ita.coast-guard", "int.hub"] {
        first.record(&first.next(&id(agency)));
    }
    assert!(talk(&mut first, &mut middle) < 40);
    assert!(talk(&mut middle, &mut last) < 40, "what was given is given on");
    assert!(same(&[&first, &middle, &last]));
    assert_eq!(last.held.roll().unwrap().roll.version, 4);
    let (directory, _) = last.held.directory();
    assert!(directory.agency(&id("pan.flag")).unwrap().nodes.is_empty(), "it is suspended");
    // It stands on the disk of the last as on that of the first.
    let loaded = last.folder().load(Some(town.genesis.hash())).unwrap();
    assert_eq!(loaded.held.roll().unwrap().roll.version, 4);
    assert_eq!(talk(&mut middle, &mut last), 2, "who holds the same has nothing to say");
    let all = [first.refused, middle.refused, last.refused].concat();
    assert_eq!(all, []);
}

#[test]
fn both_sides_give_what_the_other_lacks() {
    let town = Town::new();
    let held = town.held();
    let [mut left, mut right] = [(); 2].map(|()| Keeper::of(&town, &held));
    left.record(&next_record(&held, &id("ita.coast-guard")));
    right.record(&next_record(&held, &id("pan.flag")));
    right.roll(&town.signed(&town.next(&held)));
    talk(&mut left, &mut right);
    assert!(same(&[&left, &right]));
    assert_eq!(left.held.version(), held.version() + 3);
}

#[test]
fn whoever_is_many_rolls_behind_catches_up() {
    let town = Town::new();
    let held = town.held();
    let [mut ahead, mut behind] = [(); 2].map(|()| Keeper::of(&town, &held));
    (ahead.day, behind.day) = (99, 99);
    for _ in 0..40 {
        ahead.roll(&town.signed(&town.next(&ahead.held)));
    }
    talk(&mut ahead, &mut behind);
    assert!(same(&[&ahead, &behind]));
    assert_eq!(behind.held.roll().unwrap().roll.version, 41);
}

/// What the node on the right says of rolls that the one on the left gives.
fn given(left: &Held, rolls: &[Vec<u8>], right: &Held, day: i64) -> Vec<Refusal> {
    let town = Town::new();
    let mut from = Keeper::of(&town, left);
    for (number, bytes) in rolls.iter().enumerate() {
        let version = right.roll().unwrap().roll.version + u64::try_from(number).unwrap() + 1;
        let path = from.folder().roll_path(version);
        replace(&path, bytes).unwrap();
    }
    let mut to = Keeper::of(&town, right);
    to.day = day;
    let before = to.held.holding();
    let mut comparing = Comparing::default();
    let version = before.roll + u64::try_from(rolls.len()).unwrap();
    let theirs = Holding { roll: version, roll_hash: Digest::of(b"new"), ..before.clone() };
    let said = Said::Holding(theirs.clone(), at(day));
    let mut wishes = VecDeque::from(comparing.take(&to.held, said).unwrap());
    let mut asked = 0;
    while let Some(wish) = wishes.pop_front() {
        match wish {
            Wish::Say(Said::TextsWanted(names)) => {
                asked += 1;
                assert!(asked < 10, "it asks for the same again and again");
                for name in names {
                    let TextName::Roll(version) = &name else { panic!("{name:?}") };
                    let text = from.folder().roll(*version).unwrap();
                    wishes.extend(comparing.take(&to.held, Said::Text(name, text)).unwrap());
                }
            }
            Wish::Judge(texts) => {
                let refused = to.judge(texts);
                wishes.extend(comparing.judged(&to.held, refused));
            }
            Wish::Say(_) | Wish::Heard(..) | Wish::Give(_) => {}
        }
    }
    from.day = day;
    assert_eq!(to.held.holding(), before, "nothing was adopted");
    let again = comparing.take(&to.held, Said::Holding(theirs, at(day))).unwrap();
    assert!(
        again.iter().all(|it| !matches!(it, Wish::Say(Said::TextsWanted(_)))),
        "what was refused is not asked for again: {again:?}"
    );
    to.refusals()
}

#[test]
fn rolls_that_are_not_signed_as_they_must_be_are_refused_and_not_asked_for_again() {
    let town = Town::new();
    let held = town.held();
    let roll = town.next(&held);
    let text = write::roll(&roll);
    let stranger = Holder::new("a.stranger", 0);
    let one = |bytes: Vec<u8>| given(&held, &[bytes], &held, 9);
    assert_eq!(one(sign(&text, &[&stranger])), [Refusal::Stranger]);
    let few = one(sign(&text, &[&town.a]));
    assert!(matches!(few.as_slice(), [Refusal::TooFew { counted: 1, needed: 2, .. }]), "{few:?}");
    let good = String::from_utf8(town.signed(&roll)).unwrap();
    let changed = good.replacen("active", "suspended", 1).into_bytes();
    assert_eq!(one(changed), [Refusal::WrongSignature("ita.ministry".to_owned())]);
    let unsigned = one(text.clone().into_bytes());
    assert_eq!(unsigned, [Refusal::Unsigned]);
    let far = Roll { version: roll.version + 3, ..roll.clone() };
    assert_eq!(one(town.signed(&far)), [Refusal::Gap { version: 5, held: 1 }]);
    let back = Roll { version: 1, ..town.first() };
    assert_eq!(one(town.signed(&back)), [], "the one in force is no news and no fault");
}

#[test]
fn rolls_are_taken_all_or_none_and_expired_authorities_count_no_more() {
    let town = Town::new();
    let mut held = town.held();
    let mut ending = town.next(&held);
    for authority in &mut ending.authorities.members {
        authority.until = Some(at(5));
    }
    held.adopt_roll(&town.signed(&ending), now(1)).unwrap();
    let next = town.next(&held);
    let signed = town.signed(&next);
    // In time it counts, and so it does on the way to one that does; later it does not by itself.
    let mut in_time = Keeper::of(&town, &held);
    in_time.day = 3;
    in_time.roll(&signed);
    let refused = given(&held, std::slice::from_ref(&signed), &held, 9);
    assert!(matches!(refused.as_slice(), [Refusal::ThresholdExpired { .. }]), "{refused:?}");
    let others = [Holder::new("new.one", 0), Holder::new("new.two", 0)];
    let mut after = town.next(&in_time.held);
    after.authorities = authorities(2, &[&others[0], &others[1]]);
    let by_both = sign(&write::roll(&after), &[&town.a, &town.b, &others[0], &others[1]]);
    let refused = given(&held, &[signed, by_both], &held, 9);
    assert!(matches!(refused.as_slice(), [Refusal::ThresholdExpired { .. }, ..]), "{refused:?}");
}

#[test]
fn a_fork_of_the_roll_is_found_by_both_sides_and_kept() {
    let town = Town::new();
    let held = town.held();
    let [mut ours, mut theirs] = [(); 2].map(|()| Keeper::of(&town, &held));
    for (number, keeper) in [&mut ours, &mut theirs].into_iter().enumerate() {
        let mut roll = town.next(&held);
        roll.agencies[number].status = Status::Suspended;
        keeper.roll(&town.signed(&roll));
    }
    // One side has gone on since: an earlier version is held against what is remembered.
    ours.roll(&town.signed(&town.next(&ours.held)));
    let before = [ours.held.holding(), theirs.held.holding()];
    talk(&mut ours, &mut theirs);
    assert_eq!([ours.held.holding(), theirs.held.holding()], before, "both keep what they have");
    assert!(matches!(ours.refusals().as_slice(), [Refusal::Fork { version: 2, .. }]));
    assert!(matches!(theirs.refusals().as_slice(), [Refusal::Fork { version: 2, .. }]));
    assert_eq!((ours.evidence(), theirs.evidence()), (1, 1));
}

#[test]
fn a_fork_of_a_record_is_found_although_versions_were_skipped() {
    let town = Town::new();
    let held = town.held();
    let guard = id("ita.coast-guard");
    let [mut first, mut second] = [(); 2].map(|()| Keeper::of(&town, &held));
    let mut other = next_record(&held, &guard);
    other.agency.contact_points[0].name = "Another desk".to_owned();
    second.record(&other);
    let two = next_record(&held, &guard);
    first.record(&two);
    // Two versions on: the hash of the second one is remembered, its text is not.
    for _ in 0..2 {
        first.record(&first.next(&guard));
    }
    talk(&mut first, &mut second);
    let found = first.refusals();
    assert!(matches!(found.as_slice(), [Refusal::Fork { version: 2, .. }]), "{found:?}");
    assert_eq!(first.evidence(), 1);
    assert_eq!(first.held.record(&guard).unwrap().0, 4);
    // After a restart it is still known.
    let mut again = Held::begin(town.genesis.clone());
    again.adopt_roll(&town.signed(&town.first()), Judging::Then).unwrap();
    let path = first.home.path().join("seen/ita.coast-guard");
    let seen = std::fs::read_to_string(&path).unwrap();
    assert_eq!(seen.lines().count(), 4, "{seen}");
    let hash = Digest::of(write::record(&two).as_bytes());
    assert!(seen.contains(&format!("2 {hash}\n")), "{seen}");
}

#[test]
fn a_record_by_a_key_that_was_replaced_does_not_come_back() {
    let town = Town::new();
    let mut held = town.held();
    let flag = id("pan.flag");
    let old = signed_record(&next_record(&held, &flag));
    let (before, after) = (Holder::of("pan.flag"), Holder::new("pan.flag/record", 7));
    let mut roll = town.next(&held);
    roll.agencies[2].key = after.key.clone();
    let signed = sign(&write::roll(&roll), &[&town.a, &town.b, &before]);
    held.adopt_roll(&signed, now(1)).unwrap();
    let next = next_record(&held, &flag);
    held.adopt_record(&sign(&write::record(&next), &[&after]), now(1)).unwrap();
    let hash = held.hash();
    assert_eq!(held.adopt_record(&old, Judging::Then), Err(Refusal::OldKey(flag.clone())));
    assert_eq!(held.hash(), hash);
}

#[test]
fn what_comes_unasked_or_without_end_is_dropped_or_ends_the_stream() {
    let town = Town::new();
    let held = town.held();
    let mut comparing = Comparing::default();
    let record = TextName::Record(id("pan.flag"));
    let unasked = Said::Text(record.clone(), Some(vec![1; 100]));
    assert_eq!(comparing.take(&held, unasked), Ok(Vec::new()));
    let listed = |number: usize| ListedRecord {
        agency: format!("ita.a{number}").parse().unwrap(),
        version: 1,
        hash: Digest::of(b""),
    };
    let listing = |count: usize| Said::Listing {
        part: Listing { records: (0..count).map(listed).collect(), lists: Vec::new() },
        last: false,
    };
    assert_eq!(comparing.take(&held, listing(1_024)), Ok(Vec::new()), "it was not asked for");
    let other = Holding { hash: Digest::of(b"other"), ..held.holding() };
    let wishes = comparing.take(&held, Said::Holding(other, at(0))).unwrap();
    assert_eq!(wishes.last(), Some(&Wish::Say(Said::ListingWanted)));
    for _ in 0..4 {
        assert_eq!(comparing.take(&held, listing(1_024)), Ok(Vec::new()));
    }
    assert_eq!(comparing.take(&held, listing(1)), Err(Breach::Endless));

    let mut comparing = Comparing::default();
    let names = || Said::TextsWanted(vec![record.clone(); TEXTS_AT_ONCE]);
    for _ in 0..TEXTS_GIVEN_MAX / TEXTS_AT_ONCE {
        assert!(comparing.take(&held, names()).is_ok());
    }
    assert_eq!(comparing.take(&held, names()), Err(Breach::TooMany));
    let strange = Holding { genesis: Digest::of(b"another network"), ..held.holding() };
    let said = Said::Holding(strange, Timestamp::from_millis(0));
    assert_eq!(Comparing::default().take(&held, said), Err(Breach::OtherNetwork));
}

#[test]
fn what_was_refused_is_remembered_within_bounds() {
    let mut declined = Declined::default();
    let lacked = |version| Lacked { name: TextName::Roll(version), version, hash: None };
    for version in 0..2_000 {
        declined.note(lacked(version));
    }
    assert!(!declined.has(&lacked(975)) && declined.has(&lacked(976)));
    declined.clear();
    assert!(!declined.has(&lacked(1_999)));
}
