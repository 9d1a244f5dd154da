//! A store with one damaged record: `node check` names it, and changes nothing.

use std::path::Path;

use rogatory::domain::digest::Digest;

use crate::network::{Network, ORIGIN};
use crate::stores::{Kept, Raw, node, plain, put_plain, put_raw, raw};

/// The record that a key is, as a check names it.
fn name_of(key: &[u8]) -> String {
    let number = || key.get(2..10).and_then(|it| it.try_into().ok()).map_or(0, u64::from_be_bytes);
    match key {
        [0] => "record 00".to_owned(),
        // Which file the keys of content stand in: read before anything can be checked.
        b"lv" => "record 6c76".to_owned(),
        [0, ..] => format!("record {}", hex::encode(key)),
        [1, b'c', ..] => format!("checkpoint of size {}", number()),
        [1, b'e', ..] => format!("entries from position {}", number()),
        [1, b'h'] => "head of the journal".to_owned(),
        [1, b'k', ..] => "countersigned checkpoint".to_owned(),
        [1, b'n'] => "name of the journal".to_owned(),
        [1, b't', level, ..] => format!("hashes of level {level}, tile "),
        // Ids in the keys of rows are pseudonyms on the disk; a check names what they stand for.
        _ => format!("row {}", hex::encode(key.get(..2).unwrap_or(key))),
    }
}

/// Checks the store as it lies there; the fault that is named, none if it holds.
fn fault(network: &Network) -> Option<String> {
    let checked = node(network, ORIGIN, &["check"]);
    match checked.code {
        0 => None,
        7 => Some(checked.err["fault"].as_str().expect("a fault").to_owned()),
        other => panic!("exit code {other}: {}", checked.err),
    }
}

/// One key of each kind: the first and the last of all that have the same two letters.
fn kinds(store: &Raw) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut keys: Vec<&Vec<u8>> = store.keys().collect();
    keys.sort();
    for window in keys.chunk_by(|a, b| a.get(..2) == b.get(..2)) {
        found.extend(window.first().map(|it| (*it).clone()));
        found.extend(window.last().map(|it| (*it).clone()));
    }
    found.dedup();
    found
}

pub fn each_flipped_record_is_named(network: &Network) {
    let kept = Kept::of(network, ORIGIN);
    let good = node(network, ORIGIN, &["check"]);
    assert_eq!(good.code, 0, "{}", good.err);
    for count in ["entries", "checkpoints", "rows", "statements", "contents", "records_kept"] {
        assert!(good.out[count].as_u64() > Some(0), "{count} in {}", good.out);
    }
    let store = raw(&kept.aside);
    let kinds = kinds(&store);
    let tables: std::collections::BTreeSet<_> = kinds.iter().map(|it| it.get(..2)).collect();
    assert!(tables.len() > 25, "records of many kinds: {}", tables.len());
    for key in kinds {
        let mut value = store[&key].clone();
        let at = value.len() / 2;
        value[at] ^= 0x10;
        put_raw(&kept.store, &[(key.clone(), Some(value))]);
        let before = std::fs::read(kept.store.join("db")).expect("the store");
        let found = fault(network).expect("the damage is found");
        let name = name_of(&key);
        assert!(found.contains(&name), "{name}: {found}");
        assert_eq!(std::fs::read(kept.store.join("db")).expect("the store"), before, "{name}");
        kept.again();
    }
}

/// Changes a value, makes its seal and checksum right, and gives the fault that is found.
fn forged(network: &Network, kept: &Kept, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut value = plain(network, ORIGIN, &kept.aside)[key].clone();
    change(&mut value);
    put_plain((network, ORIGIN), &kept.store, &[(key.to_vec(), Some(value))]);
    let found = fault(network).expect("the forgery is found");
    kept.again();
    found
}

fn last_flipped(value: &mut [u8]) {
    *value.last_mut().expect("a byte") ^= 1;
}

pub fn what_has_a_right_checksum_and_is_wrong_is_named(network: &Network) {
    let kept = Kept::again_of(network, ORIGIN);
    let store = plain(network, ORIGIN, &kept.aside);
    let first = |prefix: &[u8]| {
        store.keys().find(|it| it.starts_with(prefix)).cloned().expect("there is one")
    };
    let page = forged(network, &kept, &first(&[1, b'e']), |it| last_flipped(it));
    assert!(page.contains("entries from position 0: the entry at position "), "{page}");
    let tile = forged(network, &kept, &first(&[1, b't']), |it| it[0] ^= 1);
    assert!(tile.contains("hashes of level 0, tile 0: the hash over position "), "{tile}");
    let checkpoint = forged(network, &kept, &first(&[1, b'c']), |it| {
        // A letter of the signature, in base64.
        let at = it.len() - 10;
        it[at] = if it[at] == b'A' { b'B' } else { b'A' };
    });
    assert!(checkpoint.starts_with("checkpoint of size "), "{checkpoint}");
    for table in [b"pm", b"px", b"pi", b"pr"] {
        let key = first(table);
        let row = forged(network, &kept, &key, |it| last_flipped(it));
        let wanted = format!("row {}: it is not what the entries give", hex::encode(&key));
        assert_eq!(row, wanted);
    }
    let statement = forged(network, &kept, &first(b"cs"), |it| last_flipped(it));
    assert!(statement.starts_with("statement that entry "), "{statement}");
    // Content of another length and hash, whole in itself, which no key of this message sealed.
    let content = first(b"cm");
    let foreign = forged(network, &kept, &content, |it| {
        *it = [&5_u64.to_be_bytes()[..], Digest::of(b"other").as_bytes(), b"other"].concat();
    });
    assert!(foreign.starts_with("content of message "), "{foreign}");
    assert!(foreign.contains(": slot ") && foreign.ends_with(" is damaged"), "{foreign}");
    put_plain((network, ORIGIN), &kept.store, &[(content, None)]);
    let missing = fault(network).expect("what is missing is found");
    assert!(missing.ends_with("are missing"), "{missing}");
    kept.again();
}

/// The rows of a store as they lie there.
fn rows(network: &Network, folder: &Path) -> Raw {
    plain(network, ORIGIN, folder).into_iter().filter(|(key, _)| key.starts_with(b"p")).collect()
}

pub fn rows_are_made_again_byte_for_byte(network: &Network) {
    let kept = Kept::again_of(network, ORIGIN);
    let before = rows(network, &kept.store);
    let same = node(network, ORIGIN, &["rebuild"]);
    assert_eq!((same.code, &same.out["same"]), (0, &true.into()), "{}", same.err);
    assert_eq!(rows(network, &kept.store), before);
    let mut writes: Vec<_> = before.keys().map(|key| (key.clone(), None)).collect();
    for (number, (key, value)) in writes.iter_mut().enumerate() {
        // Every third row is changed, every third stays, every third goes; others are made up.
        let mut other = before[key].clone();
        last_flipped(&mut other);
        match number % 3 {
            0 if key != b"pa" => *value = Some(other),
            1 => *value = Some(before[key].clone()),
            _ if key == b"pa" => *value = Some(before[key].clone()),
            _ => {}
        }
    }
    writes.push((b"pmmade up".to_vec(), Some(b"row".to_vec())));
    put_plain((network, ORIGIN), &kept.store, &writes);
    assert_ne!(rows(network, &kept.store), before);
    let found = fault(network).expect("wrong rows are found");
    assert!(found.starts_with("row 70") || found.contains("damaged"), "{found}");
    let again = node(network, ORIGIN, &["rebuild"]);
    assert_eq!((again.code, &again.out["same"]), (7, &false.into()), "{}", again.err);
    assert_eq!(rows(network, &kept.store), before);
    assert_eq!(fault(network), None);
}
