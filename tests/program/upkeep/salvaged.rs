//! A byte is flipped anywhere in a closed store: what `node salvage` brings back and what it lists
//! as lost are together all that there was, and nothing is invented.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rogatory::domain::fact::Fact;
use rogatory::entropy::{self, SeededEntropy};
use rogatory::journal::Journal as _;
use rogatory::journal::settled;
use rogatory::journal::store::{DiskStore, Store};
use rogatory::node::content;
use rogatory::node::kept::Kept as Content;
use rogatory::wire;
use serde_json::Value;

use crate::network::{DESTINATION, Network};
use crate::stores::{Kept, node, own, program, text};

const SEEDS: u64 = 36;

/// What a store holds, as far as it must not be lost.
#[derive(PartialEq, Eq)]
pub struct Holding {
    pub entries: Vec<Vec<u8>>,
    pub checkpoints: Vec<Vec<u8>>,
    pub contents: BTreeMap<String, (u64, Content)>,
    pub statements: BTreeMap<u64, Vec<u8>>,
}

pub fn holding(network: &Network, folder: &Path, stage: &str) -> Holding {
    let opened = own(network, stage, folder);
    let journal = opened.journal.as_ref();
    let mut held = Holding {
        entries: Vec::new(),
        checkpoints: Vec::new(),
        contents: BTreeMap::new(),
        statements: BTreeMap::new(),
    };
    let (rows, slots): (&dyn Store, _) = (opened.store.as_ref(), &opened.setting.slots);
    for position in 0..journal.next() {
        let bytes = journal.read(position, 1).expect("an entry").remove(0);
        held.checkpoints.push(journal.checkpoint_covering(position).expect("one").expect("one"));
        let fact = wire::entry::read(&bytes).expect("an entry").fact;
        if let Some(header) = fact.header() {
            let kept = content::export(rows, slots, header.key()).expect("it can be read");
            let name = format!("{}/{}", header.address.origin, header.address.message);
            held.contents.insert(name, (position, kept));
        }
        if matches!(fact, Fact::StatementRecorded { .. }) {
            let bytes = content::statement_bytes(rows, position).expect("it can be read");
            held.statements.extend(bytes.map(|it| (position, it)));
        }
        held.entries.push(bytes);
    }
    held
}

/// What of a list is lost: the first position of lost entries, and names and numbers.
struct Listed {
    from: u64,
    messages: BTreeSet<String>,
    statements: BTreeSet<u64>,
    checkpoints: bool,
}

fn listed(lost: &Value) -> Listed {
    let items = || lost.as_array().expect("a list").iter();
    let of = |what: &'static str| items().filter(move |it| it["what"] == what);
    Listed {
        from: of("entries").filter_map(|it| it["from"].as_u64()).min().unwrap_or(u64::MAX),
        messages: of("content").filter_map(|it| Some(it["message"].as_str()?.to_owned())).collect(),
        statements: of("statement").filter_map(|it| it["position"].as_u64()).collect(),
        checkpoints: of("checkpoint").next().is_some(),
    }
}

/// Everything that was there is there or listed; what is there was there.
fn compare(had: &Holding, has: &Holding, lost: &Value, seed: u64) {
    let listed = listed(lost);
    let entries = has.entries.len();
    assert_eq!(has.entries[..], had.entries[..entries], "seed {seed}: no entry is invented");
    let all = entries == had.entries.len();
    let count = u64::try_from(entries).expect("a count");
    assert!(all || listed.from == count, "seed {seed}: {lost}");
    for (at, checkpoint) in has.checkpoints.iter().enumerate() {
        let same = *checkpoint == had.checkpoints[at];
        assert!(same || listed.checkpoints, "seed {seed}: checkpoint of entry {at}, {lost}");
    }
    for (name, (position, kept)) in &had.contents {
        let is_lost = *position >= count || listed.messages.contains(name);
        match has.contents.get(name) {
            Some((_, found)) if found == kept => {}
            other => assert!(is_lost, "seed {seed}: {name} {}, {lost}", other.is_some()),
        }
    }
    assert!(has.contents.keys().all(|it| had.contents.contains_key(it)), "seed {seed}");
    for (position, bytes) in &had.statements {
        let is_lost = *position >= count || listed.statements.contains(position);
        assert!(has.statements.get(position) == Some(bytes) || is_lost, "seed {seed}: {lost}");
    }
}

/// Flips a bit of a file of the store, mostly one in the file `most`.
fn flip(folder: &Path, seed: u64, most: &str) -> String {
    let chance = SeededEntropy::new(seed);
    let draw = || u64::from_be_bytes(entropy::bytes(&chance));
    // At places that were written; sometimes of a snapshot, conf or mark.
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.is_file() && it.metadata().expect("a size").len() > 0)
        .collect();
    files.sort();
    let most = folder.join(most);
    let count = u64::try_from(files.len()).expect("a count");
    let path = if draw() % 4 > 0 {
        most
    } else {
        files[usize::try_from(draw() % count).expect("an index")].clone()
    };
    let mut bytes = std::fs::read(&path).expect("a file");
    let written = bytes.iter().rposition(|it| *it != 0).unwrap_or(0) + 1;
    let at = usize::try_from(draw()).expect("64 bits") % written;
    bytes[at] ^= 1 << (draw() % 8);
    let mut file = std::fs::File::create(&path).expect("a file");
    std::io::Write::write_all(&mut file, &bytes).expect("a write");
    format!("{} byte {at} of {written}", path.file_name().expect("a name").display())
}

#[expect(clippy::print_stdout, reason = "whoever waits sees what each seed came to")]
pub fn what_verifies_is_saved_and_the_rest_is_listed(network: &Network) {
    let kept = Kept::of(network, DESTINATION);
    let had = holding(network, &kept.aside, DESTINATION);
    kept.again();
    let new = kept.store.with_file_name("store-new");
    let list = kept.store.with_file_name("store-new.lost.json");
    let whole = node(network, DESTINATION, &["salvage", "--to", text(&new)]);
    assert_eq!((whole.code, &whole.out["lost"]), (0, &Value::Array(Vec::new())), "{}", whole.err);
    assert_eq!(node(network, DESTINATION, &["salvage", "--to", text(&new)]).code, 6, "it is taken");
    assert!(holding(network, &new, DESTINATION) == had, "a whole store is saved whole");
    let (mut saved, mut lost_all) = (0, 0);
    for seed in 0..SEEDS {
        drop(std::fs::remove_dir_all(&new));
        drop(std::fs::remove_file(&list));
        kept.again();
        // Of every second store the rows have settled.
        let most = if seed % 2 == 0 { "db" } else { settled::FILE_NAME };
        if seed % 2 > 0 {
            let store = DiskStore::open(&kept.store, 1 << 20).expect("the store opens");
            store.settle().expect("its rows settle");
        }
        let place = flip(&kept.store, seed, most);
        let damaged = std::fs::read(kept.store.join(most)).expect("the store");
        let done = node(network, DESTINATION, &["salvage", "--to", text(&new)]);
        let after = std::fs::read(kept.store.join(most)).expect("the store");
        assert!(damaged == after, "seed {seed}: the damaged store is as it was");
        if !new.exists() {
            println!("seed {seed}: {place}: {}", done.err["error"]);
            let told = done.err["error"].as_str().unwrap_or_default();
            assert!(done.code == 7 && told.contains("all is lost"), "seed {seed}: {}", done.err);
            assert!(!list.exists(), "seed {seed}");
            lost_all += 1;
            continue;
        }
        let lost = &done.out["lost"];
        println!("seed {seed}: {place}: {} entries, lost {lost}", done.out["entries"]);
        let is_nothing_lost = lost.as_array().is_some_and(Vec::is_empty);
        assert_eq!(done.code, if is_nothing_lost { 0 } else { 7 }, "seed {seed}: {}", done.err);
        let written = std::fs::read_to_string(&list).expect("the list");
        assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), *lost);
        compare(&had, &holding(network, &new, DESTINATION), lost, seed);
        saved += 1;
    }
    assert!(saved > lost_all, "{saved} of {SEEDS} were saved, {lost_all} lost all");
    kept.again();
    let foreign = program(&[
        "node",
        "salvage",
        "--config",
        text(&network.place(crate::network::ORIGIN).config),
        "--to",
        text(&new),
    ]);
    assert_eq!(foreign.code, 6, "the place is taken: {}", foreign.err);
}
