//! What is changed in a finished run to see whether the checker notices: entries, and the agency's own part
//! of them, written anew.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::checker::skeletons;
use crate::proto::{self, Fields, Value};
use crate::seen::{Id, Seen};

/// All fields of a message, in order.
pub type Listed = Vec<(u64, Value)>;

const RECORDED_AT: u64 = 3;
const OWN: u64 = 5;
/// A trail, in a skeleton.
pub const TRAIL: u64 = 34;

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The bytes of a message.
pub fn written(fields: &[(u64, Value)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in fields {
        match value {
            Value::Number(it) => {
                varint(number << 3, &mut bytes);
                varint(*it, &mut bytes);
            }
            Value::Bytes(it) => {
                varint(number << 3 | 2, &mut bytes);
                varint(it.len() as u64, &mut bytes);
                bytes.extend(it);
            }
        }
    }
    bytes
}

/// A text as a field.
pub fn text(it: &str) -> Value {
    Value::Bytes(it.as_bytes().to_vec())
}

fn listed(bytes: &[u8]) -> Listed {
    proto::listed(bytes).expect("it is protobuf")
}

/// Puts this in the place of a field, or behind all if there is none.
pub fn put(fields: &mut Listed, number: u64, value: Value) {
    match fields.iter_mut().find(|it| it.0 == number) {
        Some(field) => field.1 = value,
        None => fields.push((number, value)),
    }
}

/// Changes a message within a message.
pub fn within(fields: &mut Listed, number: u64, change: impl FnOnce(&mut Listed)) {
    let bytes = proto::bytes(&fields.iter().cloned().collect(), number);
    let mut inner = listed(&bytes);
    change(&mut inner);
    put(fields, number, Value::Bytes(written(&inner)));
}

/// Where an entry stands: node, volume, index.
#[derive(Clone, Copy, Debug)]
pub struct At(pub usize, pub usize, pub usize);

/// Every entry that states a fact of this number.
pub fn all(seen: &Seen, number: u64) -> Vec<(At, Fields)> {
    let mut found = Vec::new();
    for (node, it) in seen.nodes.iter().enumerate() {
        for (volume, entries) in it.volumes.iter().enumerate() {
            for (index, bytes) in entries.iter().enumerate() {
                let fields = proto::fields(bytes).expect("an entry is protobuf");
                if fields.contains_key(&number) {
                    found.push((At(node, volume, index), fields));
                }
            }
        }
    }
    found
}

/// The message of which an entry speaks that names it so.
pub fn of_reference(entry: &Fields, number: u64) -> Id {
    let message = proto::message(&proto::message(entry, number), 1);
    (proto::text(&message, 1), proto::bytes(&message, 2))
}

/// The address in the header that an entry holds.
pub fn address(entry: &Fields, number: u64) -> Fields {
    let header = proto::message(&proto::message(entry, number), 1);
    proto::message(&header, 1)
}

/// The message whose header an entry holds.
pub fn of_header(entry: &Fields, number: u64) -> Id {
    let address = address(entry, number);
    (proto::text(&address, 4), proto::bytes(&address, 3))
}

/// Writes an entry anew.
pub fn rewrite(seen: &mut Seen, At(node, volume, index): At, change: impl FnOnce(&mut Listed)) {
    let entry = &mut seen.nodes[node].volumes[volume][index];
    let mut fields = listed(entry);
    change(&mut fields);
    *entry = written(&fields);
}

/// The agency's own part of an entry.
pub fn own(seen: &Seen, At(node, volume, index): At) -> Listed {
    let it = &seen.nodes[node];
    let entry = proto::fields(&it.volumes[volume][index]).expect("an entry is protobuf");
    let plain = skeletons::plain(&it.skeleton_key, &proto::bytes(&entry, OWN));
    listed(&plain.expect("it opens"))
}

/// Writes the agency's own part of an entry anew.
pub fn rewrite_own(seen: &mut Seen, at: At, change: impl FnOnce(&mut Listed)) {
    let mut fields = own(seen, at);
    change(&mut fields);
    let key = seen.nodes[at.0].skeleton_key;
    let sealed = sealed(&key, written(&fields));
    rewrite(seen, at, |entry| put(entry, OWN, Value::Bytes(sealed)));
}

fn sealed(key: &[u8; 32], mut bytes: Vec<u8>) -> Vec<u8> {
    let nonce = [7; skeletons::NONCE_BYTES];
    let (own, commitment) = skeletons::derived(key, &nonce).expect("it can be derived");
    let cipher = UnboundKey::new(&AES_256_GCM, &own).expect("a key of that length");
    let unique = Nonce::assume_unique_for_key([0; 12]);
    let context = Aad::from(skeletons::CONTEXT);
    LessSafeKey::new(cipher).seal_in_place_append_tag(unique, context, &mut bytes).expect("sealed");
    [&nonce[..], &commitment, &bytes].concat()
}

/// What stands in an entry beside its fact: as the last entry of that journal has it, and with nothing of
/// the agency's own.
fn frame(seen: &Seen, node: usize) -> Listed {
    let last = seen.nodes[node].volumes.iter().flatten().next_back().expect("it wrote");
    let beside: Range<u64> = 1..OWN;
    listed(last).into_iter().filter(|it| beside.contains(&it.0)).collect()
}

/// Adds an entry at the end of a journal.
pub fn add(seen: &mut Seen, node: usize, number: u64, fact: Value) {
    let mut entry = frame(seen, node);
    entry.push((number, fact));
    let entry = written(&entry);
    seen.nodes[node].volumes.last_mut().expect("it has a journal").push(entry);
}

/// Adds a copy of an entry right behind another one, recorded so many milliseconds after that.
pub fn copy(seen: &mut Seen, from: At, behind: At, later_ms: u64) {
    let entry = seen.nodes[from.0].volumes[from.1][from.2].clone();
    let before = proto::fields(&seen.nodes[behind.0].volumes[behind.1][behind.2]);
    let at = proto::number(&before.expect("an entry is protobuf"), RECORDED_AT) + later_ms;
    let mut fields = listed(&entry);
    put(&mut fields, RECORDED_AT, Value::Number(at));
    seen.nodes[behind.0].volumes[behind.1].insert(behind.2 + 1, written(&fields));
}

/// What names a message in a fact, with what follows it there.
pub fn about((origin, message): &Id, more: &[(u64, Value)]) -> Value {
    let hash = Value::Bytes(vec![0; 32]);
    let named = written(&[(1, text(origin)), (2, Value::Bytes(message.clone())), (3, hash)]);
    let mut fields = vec![(1, Value::Bytes(named))];
    fields.extend_from_slice(more);
    Value::Bytes(written(&fields))
}
