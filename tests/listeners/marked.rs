//! A message whose every text field holds a marker, and the search for it.

use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use serde_json::{Map, Value};

/// Stands in every text field, followed by a number.
pub const MARKER: &str = "Quassia-Marker";
/// What the node acts on, which must be what it is.
const GIVEN: [&str; 15] = [
    "message_id",
    "request_id",
    "in_reply_to",
    "message_type",
    "outcome",
    "kind",
    "issued_at",
    "urgency",
    "respond_by",
    "from",
    "to",
    "relay_of",
    "consent_message_id",
    "form",
    "level",
];

/// The message file `file` with a marker in every text field that it does not have yet; gives the
/// number of markers too.
pub fn marked(file: &Value) -> (Value, usize) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let set = protox::compile(["rogatory/v1/draft.proto"], [root]).expect("the proto compiles");
    let pool = DescriptorPool::from_file_descriptor_set(set).expect("a descriptor set");
    let draft = pool.get_message_by_name("rogatory.v1.Draft").expect("there is a draft");
    let mut count = 0;
    let mut marked = filled(&draft, &mut count, &mut vec![]);
    let given = file.as_object().expect("a message file is an object");
    for name in GIVEN {
        marked.shift_remove(name);
    }
    marked.extend(given.clone());
    (Value::Object(marked), count)
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
