//! The texts of records rest in the folder: what is asked of them later is asked of the file, and only
//! the text that is in force counts.

use std::path::Path;

use rogatory::config::DirectoryFolder;
use rogatory::config::directory::replace;
use rogatory::directory::signed::compare::TextName;
use rogatory::directory::signed::roll::record_key_name;
use rogatory::directory::signed::{Held, Judging, Member, Refusal, Roll, write};

use crate::directory::ceremony::{
    Holder, TOWN, Town, at, next_record, own, sign, signed_record, small,
};
use crate::directory::id;

const GUARD: &str = "ita.coast-guard";

/// The town's directory in a folder, and the same with all its texts in memory.
fn folder(home: &Path, town: &Town) -> (DirectoryFolder, Held) {
    let (folder, held) = (DirectoryFolder::at(home), town.held());
    folder.begin(&town.genesis_text).unwrap();
    replace(&folder.roll_path(1), &held.text(&TextName::Roll(1)).unwrap()).unwrap();
    for agency in TOWN.map(id) {
        let text = held.text(&TextName::Record(agency.clone())).unwrap();
        replace(&folder.record_path(&agency), &text).unwrap();
    }
    (folder, held)
}

fn loaded(folder: &DirectoryFolder) -> Held {
    let loaded = folder.load(None).unwrap();
    assert_eq!(loaded.refused, []);
    loaded.held
}

#[test]
fn a_text_is_given_from_its_file_and_only_if_it_is_the_one_in_force() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let (folder, _) = folder(home.path(), &town);
    let (held, guard) = (loaded(&folder), id(GUARD));
    let name = TextName::Record(guard.clone());
    assert_eq!((held.note(&guard), held.text(&name)), (None, None));
    let path = folder.record_path(&guard);
    let file = std::fs::read(&path).unwrap();
    assert_eq!(folder.text(&held, &name).unwrap(), Some(file.clone()));
    assert_eq!(folder.note(&held, &guard).unwrap().unwrap().to_bytes(), file);
    // Another text of the agency, a harmed one, none at all: each is no text that is in force.
    let mut other = own(held.says(&guard).unwrap().clone(), &[]);
    other.version = 9;
    for bytes in [signed_record(&other), file[1..].to_vec(), Vec::new()] {
        replace(&path, &bytes).unwrap();
        assert_eq!(folder.text(&held, &name).unwrap(), None);
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(folder.text(&held, &name).unwrap(), None);
    assert_eq!(folder.text(&held, &TextName::Record(id("fra.police"))).unwrap(), None);
}

#[test]
fn a_record_that_the_next_key_has_signed_too_stands_when_the_roll_names_that_key() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let (folder, first) = folder(home.path(), &town);
    let (mut held, guard) = (loaded(&folder), id(GUARD));
    let (old, new) = (Holder::of(GUARD), Holder::new(&record_key_name(&guard), 1));
    let record = next_record(&first, &guard);
    let both = sign(&write::record(&record), &[&old, &new]);
    folder.adopt_record(&mut held, &both, Judging::Then).unwrap().unwrap();
    assert_eq!(held.note(&guard), None, "it rests in its file");
    let next = town.next(&held);
    let named = |it: Member| {
        if it.id == guard { Member { key: new.key.clone(), ..it } } else { it }
    };
    let next = Roll { agencies: next.agencies.iter().cloned().map(named).collect(), ..next };
    let roll = sign(&write::roll(&next), &[&town.a, &town.b, &old]);
    assert_eq!(folder.adopt_rolls(&mut held, &[roll], at(2)).unwrap(), Ok(1));
    assert!(held.stands(&guard));
    assert_eq!(held.directory().1, []);
    // A start comes to the same.
    let again = loaded(&folder);
    assert!(again.stands(&guard));
    assert_eq!(again.hash(), held.hash());
}

#[test]
fn a_folder_with_the_same_texts_has_no_news_and_one_that_differs_is_judged() {
    let (town, home, away) =
        (Town::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, given) = (folder(home.path(), &town).0, DirectoryFolder::at(away.path()));
    given.begin(&town.genesis_text).unwrap();
    let roll = "rolls/000001.note";
    replace(&away.path().join(roll), &std::fs::read(home.path().join(roll)).unwrap()).unwrap();
    for agency in TOWN.map(id) {
        replace(&given.record_path(&agency), &std::fs::read(here.record_path(&agency)).unwrap())
            .unwrap();
    }
    let mut held = loaded(&here);
    assert_eq!(here.adopt_all(&mut held, &given, at(2)).unwrap(), []);
    // One sign more below the same text is another file, and its signature is looked at.
    let guard = id(GUARD);
    let path = given.record_path(&guard);
    let mut harmed = std::fs::read(&path).unwrap();
    let at_signature = harmed.len() - 20;
    harmed[at_signature] = if harmed[at_signature] == b'A' { b'B' } else { b'A' };
    replace(&path, &harmed).unwrap();
    let told = here.adopt_all(&mut held, &given, at(2)).unwrap();
    let wrong = Refusal::WrongSignature(record_key_name(&guard));
    assert_eq!(told, [(path, Err(wrong))]);
}

#[test]
fn two_files_of_one_agency_are_judged_one_after_the_other() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let (folder, first) = folder(home.path(), &town);
    let guard = id(GUARD);
    let newer = signed_record(&next_record(&first, &guard));
    let beside = home.path().join("records/zzz.note");
    replace(&beside, &newer).unwrap();
    let held = loaded(&folder);
    assert_eq!(held.record(&guard).map(|it| it.0), Some(2));
    assert_eq!(folder.text(&held, &TextName::Record(guard.clone())).unwrap(), Some(newer.clone()));
    // The other way round the later file is an older text, and refused as such.
    let old = std::fs::read(folder.record_path(&guard)).unwrap();
    replace(&folder.record_path(&guard), &newer).unwrap();
    replace(&beside, &old).unwrap();
    let loaded = folder.load(None).unwrap();
    let refused: Vec<_> = loaded.refused.iter().map(|it| it.refusal.clone()).collect();
    assert_eq!(refused, [Refusal::Rollback { version: 1, held: 2 }]);
    assert_eq!(loaded.held.record(&guard).map(|it| it.0), Some(2));
    let stranger = signed_record(&small("fra.police"));
    replace(&beside, &stranger).unwrap();
    let refused = folder.load(None).unwrap().refused;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].refusal, Refusal::NotOnTheRoll(id("fra.police")));
}
