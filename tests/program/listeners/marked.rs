//! A message whose every text field holds a marker, and the search for it.

use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use rogatory::clock::{Clock as _, SystemClock};
use rogatory::domain::violation::Violation;
use rogatory::law::{PartyStatus, Standing, Thread, check};
use rogatory::wire::json::read_file;
use serde_json::{Map, Value};

/// Stands in every text field, followed by a number.
pub const MARKER: &str = "Quassia-Marker";
/// A message file with a marker in every text field that there is, lawful or not.
pub fn marked() -> (Value, usize) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let set = protox::compile(["rogatory/v1/draft.proto"], [root]).expect("the proto compiles");
    let pool = DescriptorPool::from_file_descriptor_set(set).expect("a descriptor set");
    let draft = pool.get_message_by_name("rogatory.v1.Draft").expect("there is a draft");
    let mut count = 0;
    let marked = filled(&draft, &mut count, &mut vec![]);
    (Value::Object(marked), count)
}

/// The lawful message file `file` with a marker in every text field where it stays lawful: all that
/// is free text. Gives the number of markers too.
pub fn marked_lawfully(file: &Value) -> (Value, usize) {
    let (everywhere, _) = marked();
    let mut places = Vec::new();
    leaves(&everywhere, &mut Vec::new(), &mut places);
    let (mut lawful, mut count) = (file.clone(), 0);
    for (place, marker) in places {
        let mut tried = lawful.clone();
        put(&mut tried, &place, &marker);
        if is_lawful(&tried) {
            (lawful, count) = (tried, count + 1);
        }
    }
    (lawful, count)
}

fn is_lawful(file: &Value) -> bool {
    let Ok(draft) = read_file(file.to_string().as_bytes()) else {
        return false;
    };
    let standing = Standing {
        directory: None,
        parties: PartyStatus::built_in(),
        now: SystemClock.now(),
        thread: Thread::default(),
    };
    !check(&draft, &standing).iter().any(Violation::rejects)
}

/// Every text of `value` with its place.
fn leaves(value: &Value, at: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), it)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(n, it)| (n.to_string(), it)).collect()
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            found.push((at.clone(), leaf.clone()));
            return;
        }
    };
    for (name, value) in inner {
        at.push(name);
        leaves(value, at, found);
        at.pop();
    }
}

/// Puts a text at a place, making what lies above it.
fn put(value: &mut Value, place: &[String], text: &Value) {
    let Some((first, rest)) = place.split_first() else {
        *value = text.clone();
        return;
    };
    if first == "0" {
        if !value.is_array() {
            *value = Value::Array(Vec::new());
        }
        let items = value.as_array_mut().expect("it was made an array");
        if items.is_empty() {
            items.push(Value::Null);
        }
        put(&mut items[0], rest, text);
    } else {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        let fields = value.as_object_mut().expect("it was made an object");
        put(fields.entry(first.clone()).or_insert(Value::Null), rest, text);
    }
}

fn filled(
    message: &MessageDescriptor,
    count: &mut usize,
    above: &mut Vec<String>,
) -> Map<String, Value> {
    above.push(message.full_name().to_owned());
    let mut fields = Map::new();
    for field in message.fields() {
        let kind = field.kind();
        let value = if matches!(kind, Kind::String) {
            *count += 1;
            Some(Value::from(format!("{MARKER}-{count}")))
        } else {
            // A block within itself once is enough; what is no text holds no marker.
            let block = kind.as_message();
            let block = block.filter(|it| !above.iter().any(|name| name == it.full_name()));
            block.map(|inner| Value::Object(filled(inner, count, above)))
        };
        if let Some(value) = value {
            let value = if field.is_list() { Value::from(vec![value]) } else { value };
            fields.insert(field.name().to_owned(), value);
        }
    }
    above.pop();
    fields
}

/// The files under `folder` in which one of the texts stands.
pub fn holding(folder: &Path, texts: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            found.extend(holding(&path, texts));
        } else {
            let bytes = std::fs::read(&path).expect("the file can be read");
            if texts.iter().any(|it| stands_in(&bytes, it.as_bytes())) {
                found.push(path);
            }
        }
    }
    found
}

fn stands_in(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|it| it == text)
}
