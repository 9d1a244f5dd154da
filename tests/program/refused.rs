//! The promise: at rest, what belongs to another key, another node or another purpose is refused with
//! the file that is wrong, and nothing in the node's folder is changed by the attempt, neither a byte nor a
//! name: not by `node check`, and not by `node run`, which refuses it before the engine of the store opens.
//!
//! Real stores, put wrong one thing at a time, and the program at work on them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::network::files::everything;
use crate::network::{HUB, Network, ORIGIN, STAGES};
use crate::stores::{copy_folder, exchange, node, text, with_room};

/// Overwrites a file that is there; who may read it stays.
fn put(path: &Path, bytes: &[u8]) {
    let mut file =
        std::fs::OpenOptions::new().write(true).truncate(true).open(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("a write");
}

/// A key file of somebody else.
fn key(byte: u8) -> Vec<u8> {
    (STANDARD.encode([byte; 32]) + "\n").into_bytes()
}

/// One thing that is put wrong.
struct Wrong {
    name: &'static str,
    put: fn(&Place),
    /// What `node run` and `node check` say, with the file for `{}`.
    said: &'static str,
    file: &'static str,
}

/// Where the origin's things are, and the hub's.
struct Place {
    own: PathBuf,
    other: PathBuf,
}

impl Place {
    fn keys(&self, name: &str) -> PathBuf {
        self.own.join("keys").join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.keys(name)).expect("a key")
    }
}

const MALFORMED: &str = "key file {} must hold the base64 of 32 bytes and nothing else";
const OTHER_STORAGE: &str =
    "the store is sealed under another storage key than that of key file {}";
const OTHER_SKELETON: &str = "key file {} does not open what the journal holds: it is another key";

const WRONG: &[Wrong] = &[
    Wrong {
        name: "another storage key",
        put: |place| put(&place.keys("storage.key"), &key(1)),
        said: OTHER_STORAGE,
        file: "keys/storage.key",
    },
    Wrong {
        name: "another skeleton key",
        put: |place| put(&place.keys("skeleton.key"), &key(2)),
        said: OTHER_SKELETON,
        file: "keys/skeleton.key",
    },
    Wrong {
        name: "another node's slots",
        put: |place| {
            let slots = std::fs::read(place.other.join("store/slots")).expect("slots");
            put(&place.own.join("store/slots"), &slots);
        },
        said: "the slots are wrapped under another storage key",
        file: "store/slots",
    },
    Wrong {
        name: "no slots",
        put: |place| std::fs::remove_file(place.own.join("store/slots")).expect("it goes"),
        said: "opening the keys of content in {}: the file of slots is missing, or is another than the \
               store's",
        file: "store/slots",
    },
    Wrong {
        name: "another node's store",
        put: |place| {
            std::fs::remove_dir_all(place.own.join("store")).expect("it goes");
            copy_folder(&place.other.join("store"), &place.own.join("store"));
        },
        said: OTHER_STORAGE,
        file: "keys/storage.key",
    },
    Wrong {
        name: "a key that was cut",
        put: |place| put(&place.keys("storage.key"), &place.read("storage.key")[..20]),
        said: MALFORMED,
        file: "keys/storage.key",
    },
    Wrong {
        name: "an empty key",
        put: |place| put(&place.keys("skeleton.key"), b""),
        said: MALFORMED,
        file: "keys/skeleton.key",
    },
    Wrong {
        name: "a key with something behind it",
        put: |place| {
            let bytes = [place.read("journal.ed25519"), b"rubbish\n".to_vec()].concat();
            put(&place.keys("journal.ed25519"), &bytes);
        },
        said: MALFORMED,
        file: "keys/journal.ed25519",
    },
    Wrong {
        name: "a key with zeros behind it",
        put: |place| {
            let bytes = [place.read("fingerprint.key"), vec![0; 4096]].concat();
            put(&place.keys("fingerprint.key"), &bytes);
        },
        said: MALFORMED,
        file: "keys/fingerprint.key",
    },
    Wrong {
        name: "a copy of a key of another purpose",
        put: |place| put(&place.keys("skeleton.key"), &place.read("fingerprint.key")),
        said: "{} hold the same key",
        file: "keys/fingerprint.key",
    },
    Wrong {
        name: "the keys of two purposes, one in the other's place",
        put: |place| {
            let [skeleton, fingerprint] =
                ["skeleton.key", "fingerprint.key"].map(|it| place.read(it));
            put(&place.keys("skeleton.key"), &fingerprint);
            put(&place.keys("fingerprint.key"), &skeleton);
        },
        said: OTHER_SKELETON,
        file: "keys/skeleton.key",
    },
    Wrong {
        name: "the witness's key in the journal's place, and the journal's in its",
        put: |place| {
            let [journal, witness] =
                ["journal.ed25519", "witness.ed25519"].map(|it| place.read(it));
            put(&place.keys("journal.ed25519"), &witness);
            put(&place.keys("witness.ed25519"), &journal);
        },
        said: "the directory names other keys for ita.coast-guard/journal/1",
        file: "",
    },
];

async fn each_is_refused() {
    let mut network = Network::started().await;
    exchange(&network, "matter", "A vessel was sighted without lights").await;
    for stage in STAGES {
        let ended = network.terminate(stage).await;
        assert!(ended.success(), "{stage}: {ended}");
    }
    // What opens the journal's skeletons is noted at the first start that finds one.
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    assert!(network.terminate(ORIGIN).await.success());
    let place = Place {
        own: network.place(ORIGIN).folder.clone(),
        other: network.place(HUB).folder.clone(),
    };
    let aside = network.folder().join("aside");
    copy_folder(&place.own, &aside);
    let good = node(&network, ORIGIN, &["check"]);
    assert_eq!(good.code, 0, "{}", good.err);
    for wrong in WRONG {
        (wrong.put)(&place);
        let before = everything(&place.own);
        let wanted = wrong.said.replace("{}", text(&place.own.join(wrong.file)));
        for verb in ["check", "run"] {
            let told = node(&network, ORIGIN, &[verb]);
            let said = told.err["error"].as_str().unwrap_or_default();
            assert!(said.contains(&wanted), "{}, {verb}: {}", wrong.name, told.err);
            assert_eq!(told.code, 6, "{}, {verb}: {}", wrong.name, told.err);
            let after = everything(&place.own);
            let differs = after.iter().find(|(path, bytes)| before.get(*path) != Some(*bytes));
            let differs = differs.map(|(path, _)| path);
            assert!(differs.is_none(), "{}, {verb}: {differs:?}", wrong.name);
            assert_eq!(after.len(), before.len(), "{}, {verb}", wrong.name);
        }
        // With its own keys the store is what it was.
        for name in ["keys", "store/slots"] {
            let (from, to) = (aside.join(name), place.own.join(name));
            if from.is_dir() {
                std::fs::remove_dir_all(&to).expect("it goes");
                copy_folder(&from, &to);
            } else {
                std::fs::copy(&from, &to).expect("a copy");
            }
        }
        let held = node(&network, ORIGIN, &["check"]);
        let wanted = if wrong.name == "another node's store" { 6 } else { 0 };
        assert_eq!(held.code, wanted, "{}: {}", wrong.name, held.err);
        std::fs::remove_dir_all(&place.own).expect("it goes");
        copy_folder(&aside, &place.own);
    }
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
}

#[test]
fn what_belongs_to_another_key_node_or_purpose_is_refused_and_nothing_changes() {
    with_room(each_is_refused);
}
