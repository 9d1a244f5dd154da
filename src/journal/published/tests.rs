//! The folder of a published journal: complete, never ahead, and made again where it was harmed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::journal::store::{Batch, MemoryStore};
use crate::journal::{Append, Journal, StoreJournal};
use crate::merkle::checkpoint::{Checkpoint, sign_checkpoint, verify_checkpoint};
use crate::merkle::signature::Ed25519Signer;
use crate::merkle::tree::{Frontier, leaf_hash};
use crate::redact::Secret;

fn name() -> JournalName {
    JournalName::new("ita.coast-guard".parse().unwrap(), 1)
}

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&Secret::new([seed; 32]))
}

fn entry(tag: &str, position: u64) -> Vec<u8> {
    format!("{tag} {position}").into_bytes()
}

/// A journal that grows, and the folder that it is published in.
struct Town {
    journal: Arc<StoreJournal<MemoryStore>>,
    frontier: Frontier,
    tag: &'static str,
    folder: Folder,
    all: tempfile::TempDir,
}

impl Town {
    fn new(tag: &'static str) -> Self {
        let journal = Arc::new(StoreJournal::open(MemoryStore::new(), name()).unwrap());
        let all = tempfile::tempdir().unwrap();
        let folder = Folder::of(all.path(), &name());
        Self { journal, frontier: Frontier::new(), tag, folder, all }
    }

    /// Appends until there are `size` entries; the checkpoint over them.
    fn grow(&mut self, size: u64) -> Vec<u8> {
        let mut note = Vec::new();
        while self.frontier.size() < size {
            let first = self.frontier.size();
            let end = size.min(first + 1_000);
            let entries: Vec<_> = (first..end).map(|at| entry(self.tag, at)).collect();
            entries.iter().for_each(|it| self.frontier.push(leaf_hash(it)));
            let (origin, root) = (name().to_string(), self.frontier.root());
            note = sign_checkpoint(&Checkpoint { origin, size: end, root }, &signer(1));
            let append = Append { entries, checkpoint: note.clone(), rows: Batch::new() };
            self.journal.append(first, append).unwrap();
        }
        note
    }

    /// As [`Town::grow`], and the checkpoint may be shown.
    fn grow_shown(&mut self, size: u64) -> Vec<u8> {
        let note = self.grow(size);
        self.journal.put_countersigned(size, &note).unwrap();
        note
    }

    fn publisher(&self) -> Publisher {
        let key = signer(1).public();
        let is_ours = move |note: &[u8]| verify_checkpoint(note, &name().to_string(), &key).is_ok();
        let journal = Arc::clone(&self.journal) as Arc<dyn Journal>;
        Publisher::new(self.all.path(), journal, Box::new(is_ours))
    }

    /// Rounds of a new publisher until there is nothing to do; what it had to make again.
    fn publish(&self) -> u64 {
        finish(&mut self.publisher())
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(self.folder.path(), "", &mut found);
        found
    }
}

fn finish(publisher: &mut Publisher) -> u64 {
    let mut repaired = 0;
    loop {
        let round = publisher.round().unwrap();
        repaired += round.repaired;
        if !round.more {
            return repaired;
        }
    }
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn what_is_published_leads_from_every_entry_to_the_signed_root() {
    let mut town = Town::new("a");
    let note = town.grow_shown(66_000);
    assert_eq!(town.publish(), 0);
    assert_eq!(town.folder.checkpoint().unwrap(), Some(note));
    let mut frontier = Frontier::new();
    for index in 0..258 {
        let tile = Tile::within(0, index, 66_000).unwrap();
        let entries = town.folder.entries(&tile).unwrap();
        let hashes = town.folder.hashes(&tile).unwrap();
        for (at, (bytes, hash)) in (tile.first_entry()..).zip(entries.iter().zip(&hashes)) {
            assert_eq!((bytes, leaf_hash(bytes)), (&entry("a", at), *hash));
            frontier.push(*hash);
        }
    }
    assert_eq!(frontier.root(), town.frontier.root());
    let names: Vec<String> = town.files().into_keys().collect();
    assert_eq!(names.len(), 2 * 258 + 4, "level 0 and its entries, two tiles above, a checkpoint");
    for name in ["tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/257.p/208"] {
        assert!(names.contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn only_what_is_countersigned_is_shown_and_nothing_before_that() {
    let mut town = Town::new("a");
    town.grow(3);
    let mut publisher = town.publisher();
    assert_eq!(publisher.round().unwrap(), Round::default());
    assert!(!town.folder.path().exists());
    let note = town.grow_shown(5);
    town.grow(9);
    assert_eq!(publisher.round().unwrap(), Round { published: 5, repaired: 0, more: false });
    assert_eq!(town.folder.checkpoint().unwrap(), Some(note));
    let tile = Tile::within(0, 0, 5).unwrap();
    assert_eq!(town.folder.entries(&tile).unwrap().len(), 5);
    let ahead = town.folder.entries(&Tile::within(0, 0, 9).unwrap()).unwrap_err();
    assert_eq!(ahead.to_string(), "tile/entries/000.p/9 is missing");
}

#[test]
fn the_tiles_of_a_checkpoint_stay_until_they_are_full() {
    let mut town = Town::new("a");
    let mut publisher = town.publisher();
    for size in [3, 200, 255] {
        town.grow_shown(size);
        finish(&mut publisher);
    }
    let partial = |town: &Town| {
        let files = town.files().into_keys();
        files.filter(|it| it.contains(".p/")).collect::<Vec<_>>()
    };
    let three = ["tile/0/000.p/200", "tile/0/000.p/255", "tile/0/000.p/3"];
    assert_eq!(partial(&town)[..3], three);
    write(&town.folder.path().join("tile/0/000.p/3"), b"harm");
    write(&town.folder.path().join("tile/entries/000.p/3"), b"harm");
    assert_eq!(town.publish(), 1, "one tile with its bundle, of an older checkpoint");
    assert_eq!(town.folder.entries(&Tile::within(0, 0, 3).unwrap()).unwrap().len(), 3);
    town.grow_shown(256);
    finish(&mut publisher);
    assert_eq!(partial(&town), ["tile/1/000.p/1"]);
}

#[test]
fn narrower_tiles_are_looked_at_in_turn_and_none_is_forgotten() {
    let mut town = Town::new("a");
    let mut publisher = town.publisher();
    for size in 1..=20 {
        town.grow_shown(size);
        finish(&mut publisher);
    }
    let harmed = |town: &Town| {
        let files = town.files();
        (1..=20).filter(|it| files[&format!("tile/0/000.p/{it}")] == b"harm").count()
    };
    for width in 1..=20 {
        write(&town.folder.path().join(format!("tile/0/000.p/{width}")), b"harm");
    }
    let mut left = harmed(&town);
    for _ in 0..5 {
        let repaired = publisher.round().unwrap().repaired;
        assert!((3..=5).contains(&repaired), "of 19 four, and once that of now: {repaired}");
        left -= usize::try_from(repaired).unwrap();
        assert_eq!(harmed(&town), left);
        if left == 0 {
            return;
        }
    }
    panic!("{left} are harmed still");
}

#[test]
fn how_it_grew_and_who_published_it_makes_no_difference() {
    let (mut steps, mut once) = (Town::new("a"), Town::new("a"));
    for size in [1, 255, 256, 700, 20_000, 20_001, 66_000] {
        steps.grow_shown(size);
        assert_eq!(steps.publish(), 0, "size {size}");
    }
    once.grow_shown(66_000);
    once.publish();
    let of_now = |town: &Town| {
        let of_now: Vec<Tile> = Tile::new_since(0, 66_000).collect();
        let mut files = town.files();
        files.retain(|name, _| {
            !name.contains(".p/")
                || of_now.iter().any(|it| it.path() == *name || it.entries_path() == *name)
        });
        files
    };
    assert_eq!(of_now(&steps), of_now(&once));
    assert_eq!(once.files(), of_now(&once));
}

#[test]
fn what_is_deleted_cut_or_flipped_is_made_again_byte_for_byte() {
    let mut town = Town::new("a");
    town.grow_shown(1_000);
    town.publish();
    let good = town.files();
    let names = [
        "checkpoint",
        "tile/0/000",
        "tile/0/003.p/232",
        "tile/1/000.p/3",
        "tile/entries/001",
        "tile/entries/003.p/232",
    ];
    for name in names {
        let path = town.folder.path().join(name);
        let bytes = &good[name];
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        let long = [bytes.as_slice(), &[0; 40]].concat();
        let cut = &bytes[..bytes.len() - 1];
        for harmed in [Some(cut), Some(&[][..]), Some(&flipped[..]), Some(&long[..]), None] {
            match harmed {
                Some(harmed) => write(&path, harmed),
                None => fs::remove_file(&path).unwrap(),
            }
            // A folder without a checkpoint is one that was never published.
            let wanted = u64::from(name != "checkpoint" || harmed.is_some());
            assert_eq!(town.publish(), wanted, "{name} {:?}", harmed.map(<[u8]>::len));
            assert_eq!(town.files(), good, "{name}");
        }
    }
    fs::remove_dir_all(town.folder.path().join("tile")).unwrap();
    assert_eq!(town.publish(), 5, "four tiles of level 0 with their entries, and one above");
    assert_eq!(town.files(), good);
    fs::remove_dir_all(town.folder.path()).unwrap();
    assert_eq!(town.publish(), 0);
    assert_eq!(town.files(), good);
}

#[test]
fn a_publisher_that_goes_on_notices_harm_too() {
    let mut town = Town::new("a");
    town.grow_shown(300);
    let mut publisher = town.publisher();
    finish(&mut publisher);
    let good = town.files();
    write(&town.folder.path().join("tile/entries/000"), b"harm");
    write(&town.folder.path().join("checkpoint"), b"harm");
    let round = publisher.round().unwrap();
    assert_eq!(round, Round { published: 300, repaired: 2, more: false });
    assert_eq!(town.files(), good);
}

#[test]
fn a_store_that_lost_entries_does_not_overwrite_the_evidence() {
    let mut before = Town::new("a");
    before.grow_shown(300);
    before.publish();
    let good = before.files();
    let mut after = Town::new("a");
    after.grow_shown(299);
    after.all = before.all;
    after.folder = Folder::of(after.all.path(), &name());
    let refused = after.publisher().round().unwrap_err();
    let text = "300 entries are published under this journal's signature, the store has 299";
    assert_eq!(refused.to_string(), text);
    let mut other = Town::new("b");
    other.grow_shown(400);
    (other.all, other.folder) = (after.all, after.folder);
    let mut publisher = other.publisher();
    let text = "the first 300 entries are published with another root than that of the store";
    assert_eq!(publisher.round().unwrap_err().to_string(), text);
    assert_eq!(publisher.round().unwrap_err().to_string(), text, "and it stays so");
    assert_eq!(other.files(), good);
}

#[test]
fn hostile_files_are_refused_by_their_path() {
    let all = tempfile::tempdir().unwrap();
    let folder = Folder::at(all.path());
    fs::create_dir_all(all.path().join("tile/0")).unwrap();
    fs::create_dir_all(all.path().join("tile/entries")).unwrap();
    let tile = Tile::within(0, 0, 256).unwrap();
    let said = |bytes: &[u8]| {
        write(&all.path().join("tile/0/000"), bytes);
        write(&all.path().join("tile/entries/000"), bytes);
        let hashes = folder.hashes(&tile).unwrap_err().to_string();
        (hashes, folder.entries(&tile).unwrap_err().to_string())
    };
    let (hashes, entries) = said(&[0; 31]);
    assert_eq!(hashes, "tile/0/000: the tile has 31 bytes, not those of 256 hashes");
    assert_eq!(entries, "tile/entries/000: entry 0 of the bundle is malformed");
    let (hashes, entries) = said(&vec![0xff; BUNDLE_BYTES_MAX + 1]);
    assert_eq!(hashes, format!("tile/0/000 has more than {TILE_BYTES_MAX} bytes"));
    assert_eq!(entries, format!("tile/entries/000 has more than {BUNDLE_BYTES_MAX} bytes"));
    write(&all.path().join("checkpoint"), &vec![b'x'; NOTE_BYTES_MAX + 1]);
    let long = folder.checkpoint().unwrap_err().to_string();
    assert_eq!(long, format!("checkpoint has more than {NOTE_BYTES_MAX} bytes"));
    assert_eq!(Folder::at(all.path().join("none")).checkpoint().unwrap(), None);
}
