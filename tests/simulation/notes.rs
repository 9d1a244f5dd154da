//! Trees (RFC 6962), signed notes and the keys that sign them (C2SP), read and verified with nothing but
//! the hash and the signature scheme.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

pub(super) type Hash = [u8; 32];

const TYPE_ED25519: u8 = 1;
const TYPE_COSIGNATURE: u8 = 4;

fn inner(left: &[u8], right: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The hash of an entry as a leaf.
pub(super) fn leaf(bytes: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

/// The root over leaves.
pub(super) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            inner(&root(left), &root(right))
        }
    }
}

/// The root to which a path leads from a leaf.
pub(super) fn path_root(leaf: Hash, mut index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let (mut hash, mut last) = (leaf, size.checked_sub(1)?);
    let mut path = path.iter();
    while last > 0 {
        if index % 2 == 1 || index == last {
            while index.is_multiple_of(2) && index != 0 {
                index /= 2;
                last /= 2;
            }
            if last == 0 {
                break;
            }
            hash = inner(path.next()?, &hash);
        } else {
            hash = inner(&hash, path.next()?);
        }
        index /= 2;
        last /= 2;
    }
    path.next().is_none().then_some(hash)
}

/// The bytes of a base64 text.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|it| *it == letter)? as u32;
        (bits, held) = ((bits << 6) | value, held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// A checkpoint: whose, of which size and root, and what was signed by whom.
pub(super) struct Note {
    /// The volume.
    pub(super) name: String,
    /// Entries.
    pub(super) size: u64,
    /// Root over them.
    pub(super) root: Hash,
    text: String,
    /// Name of the key, its id, the signature.
    lines: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl Note {
    /// Reads one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let note = std::str::from_utf8(bytes).ok()?;
        let (text, lines) = note.rsplit_once("\n\n")?;
        let mut parts = text.lines();
        let name = parts.next()?.to_owned();
        let size = parts.next()?.parse().ok()?;
        let root = base64(parts.next()?)?.try_into().ok()?;
        let lines = lines.lines().map(|line| {
            let (name, signed) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let signed = base64(signed)?;
            let (id, signature) = signed.split_at_checked(4)?;
            Some((name.to_owned(), id.to_vec(), signature.to_vec()))
        });
        let lines = lines.collect::<Option<_>>()?;
        Some(Self { name, size, root, text: format!("{text}\n"), lines })
    }

    fn lines_of(&self, name: &str, sort: u8, key: &[u8]) -> Vec<&[u8]> {
        let id = Sha256::digest([name.as_bytes(), b"\n", &[sort], key].concat());
        let mine = self.lines.iter().filter(|it| it.0 == name && it.1 == id[..4]);
        mine.map(|it| it.2.as_slice()).collect()
    }
}

fn holds(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
}

/// A key and up to where it counts: a size of a journal, a time of a witness in seconds.
struct Key {
    public: Vec<u8>,
    until: Option<u64>,
}

impl Key {
    fn counts(&self, at: u64) -> bool {
        self.until.is_none_or(|until| at <= until)
    }
}

/// The keys that a directory names.
pub(super) struct Keys {
    journals: BTreeMap<String, Vec<Key>>,
    witnesses: BTreeMap<String, Vec<Key>>,
}

fn public(table: &Table, name: &str) -> Option<Vec<u8>> {
    base64(table.get(name)?.as_str()?)
}

fn tables<'a>(table: &'a Table, name: &str) -> impl Iterator<Item = &'a Table> {
    let all = table.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_table)
}

fn size(table: &Table) -> Option<u64> {
    let size = table.get("retired_at_size")?.as_integer()?;
    u64::try_from(size).ok()
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// The end of a second that a directory writes down: what was cosigned within it counts.
fn seconds(table: &Table) -> Option<u64> {
    let at: jiff::Timestamp = table.get("retired_at")?.as_str()?.parse().ok()?;
    u64::try_from(at.as_second()).ok()
}

impl Keys {
    /// Reads them off the text of a directory.
    pub(super) fn read(directory: &str) -> Option<Self> {
        let directory: Table = directory.parse().ok()?;
        let (mut journals, mut witnesses) = (BTreeMap::new(), BTreeMap::new());
        for agency in tables(&directory, "agency") {
            for volume in tables(agency, "journal") {
                let end = size(volume);
                let mut keys = vec![Key { public: public(volume, "ed25519")?, until: end }];
                for earlier in tables(volume, "earlier") {
                    let until = least(end, Some(size(earlier)?));
                    keys.push(Key { public: public(earlier, "ed25519")?, until });
                }
                if let Some(next) = volume.get("next").and_then(Value::as_table) {
                    keys.push(Key { public: public(next, "ed25519")?, until: end });
                }
                journals.insert(volume.get("name")?.as_str()?.to_owned(), keys);
            }
            let mut keys = vec![Key { public: public(agency, "witness")?, until: None }];
            for earlier in tables(agency, "witness_earlier") {
                let until = Some(seconds(earlier)?);
                keys.push(Key { public: public(earlier, "ed25519")?, until });
            }
            if let Some(next) = agency.get("witness_next").and_then(Value::as_table) {
                keys.push(Key { public: public(next, "ed25519")?, until: None });
            }
            witnesses.insert(agency.get("id")?.as_str()?.to_owned(), keys);
        }
        Some(Self { journals, witnesses })
    }

    /// Whether a key of the volume, one that counts at this size, has signed the checkpoint, and none of
    /// its lines is false.
    pub(super) fn have_signed(&self, note: &Note) -> bool {
        self.have_signed_at(note, note.size)
    }

    /// The same of what was signed before the end of the volume was lost: whatever size counts of it now.
    pub(super) fn had_signed(&self, note: &Note) -> bool {
        self.have_signed_at(note, 0)
    }

    fn have_signed_at(&self, note: &Note, size: u64) -> bool {
        let Some(keys) = self.journals.get(&note.name) else {
            return false;
        };
        let mut signed = false;
        for key in keys {
            for signature in note.lines_of(&note.name, TYPE_ED25519, &key.public) {
                if !holds(&key.public, note.text.as_bytes(), signature) {
                    return false;
                }
                signed |= key.counts(size);
            }
        }
        signed
    }

    /// Whether a key of the witness, one that counts at the time that it states, has cosigned.
    pub(super) fn have_cosigned(&self, witness: &str, note: &Note) -> bool {
        let Some(keys) = self.witnesses.get(witness) else {
            return false;
        };
        let name = format!("{witness}/witness");
        keys.iter().any(|key| {
            note.lines_of(&name, TYPE_COSIGNATURE, &key.public).into_iter().any(|line| {
                let Some((time, signature)) = line.split_at_checked(8) else {
                    return false;
                };
                let at = time.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte));
                let text = format!("cosignature/v1\ntime {at}\n{}", note.text);
                key.counts(at) && holds(&key.public, text.as_bytes(), signature)
            })
        })
    }
}

/// A receipt taken apart: place, path and checkpoint.
pub(super) fn proof(bytes: &[u8]) -> Option<(u64, Vec<Hash>, Note)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, note) = text.split_once("\n\n")?;
    let index = head.lines().find_map(|line| line.strip_prefix("index "))?.parse().ok()?;
    let path = head.lines().filter(|line| line.len() == 44);
    let path = path.map(|line| base64(line)?.try_into().ok()).collect::<Option<_>>()?;
    Some((index, path, Note::read(note.as_bytes())?))
}
