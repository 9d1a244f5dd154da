//! The same messages as JSON, by the field names of `proto/`: message files and the JSON front.
//!
//! Reading finds every unknown and every ill-typed field at once, each by its JSON pointer
//! (RFC 6901). `null` is absent. 64-bit integers are numbers, and may come as decimal strings, as
//! the protobuf JSON mapping writes them; both `snake_case` and `lowerCamelCase` names are read.
//! Message files, and they alone, may have lines of comment.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::domain::violation::Violation;
use crate::wire::{DESCRIPTORS, pb};
use check::check_message;
use parse::parse;

pub use form::{Form, form};

mod check;
mod comment;
mod form;
mod parse;

/// Largest JSON text, in bytes.
pub const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Most levels of objects and lists within each other.
pub const JSON_DEPTH_MAX: usize = 32;
/// Most violations that one reading reports; what is beyond is not looked for.
pub const VIOLATIONS_MAX: usize = 256;
/// Longest name of an unknown field that a violation repeats, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Why a text is not the message that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Over [`JSON_BYTES_MAX`].
    #[error("the text has {given} bytes, allowed are {JSON_BYTES_MAX}")]
    TooLarge {
        /// Its size in bytes.
        given: usize,
    },
    /// Over [`JSON_DEPTH_MAX`].
    #[error("the text is nested deeper than {JSON_DEPTH_MAX} levels")]
    TooDeep,
    /// Not JSON.
    #[error("the text is not JSON at line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 at the end of a line.
        column: usize,
    },
    /// JSON, but not this message. At most [`VIOLATIONS_MAX`], in the order of the text.
    #[error("the text has {} fields that are unknown or ill-typed", .0.len())]
    Invalid(Vec<Violation>),
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS).expect("build.rs wrote a valid descriptor set")
});

fn descriptor<M: Name>() -> MessageDescriptor {
    let found = POOL.get_message_by_name(&M::full_name());
    found.expect("types and descriptors are made from the same files")
}

/// Reads a message file. It may have comments: lines that begin with `//`.
///
/// # Errors
/// As [`to_message`].
pub fn read_file(text: &[u8]) -> Result<pb::Draft, JsonError> {
    if text.len() > JSON_BYTES_MAX {
        return Err(JsonError::TooLarge { given: text.len() });
    }
    to_message(&comment::blanked(text))
}

/// Writes a message file: indented, ends with a line feed.
pub fn write_file(draft: &pb::Draft) -> Vec<u8> {
    format!("{:#}\n", from_message(draft)).into_bytes()
}

/// Reads a message from JSON.
///
/// # Errors
/// Over a limit, not JSON, or every field that is unknown (`UNKNOWN_FIELD`), given twice
/// (`DUPLICATE_FIELD`) or ill-typed (`WRONG_TYPE`).
pub fn to_message<M: Message + Name + Default>(text: &[u8]) -> Result<M, JsonError> {
    let mut faults = Faults::default();
    let value = parse(text, &mut faults)?;
    let descriptor = descriptor::<M>();
    check_message(&descriptor, &value, &mut faults);
    if faults.found.is_empty() {
        match DynamicMessage::deserialize(descriptor, value) {
            Ok(message) => match message.transcode_to() {
                Ok(message) => return Ok(message),
                Err(_) => faults.add("WRONG_TYPE", "this is not the message that is expected"),
            },
            Err(_) => faults.add("WRONG_TYPE", "this is not the message that is expected"),
        }
    }
    Err(JsonError::Invalid(faults.found))
}

/// A message as JSON. Absent fields are left out, and so are plain ones that are zero or empty.
pub fn from_message<M: Message + Name>(message: &M) -> Value {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic.transcode_from(message).expect("types and descriptors are made from the same files");
    let options =
        SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    let mut value = dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("messages have text keys only");
    shorten_numbers(&mut value);
    value
}

/// Writes 278.0 as 278, as protobuf's JSON mapping has it; both are the same number.
fn shorten_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|it| number.is_f64() && it.fract() == 0.0);
            if let Some(Ok(short)) = whole.map(|it| format!("{it:.0}").parse::<i64>()) {
                *number = short.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten_numbers),
        Value::Object(fields) => fields.values_mut().for_each(shorten_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// What was found so far, and where the reader stands.
#[derive(Default)]
struct Faults {
    found: Vec<Violation>,
    path: Vec<String>,
    too_deep: bool,
}

impl Faults {
    fn add(&mut self, code: &'static str, text: impl Into<String>) {
        if self.found.len() < VIOLATIONS_MAX {
            let pointer: String = self.path.iter().flat_map(|it| ["/", it]).collect();
            self.found.push(Violation::new(pointer, code, text));
        }
    }

    fn wrong_type(&mut self, expected: &str) {
        self.add("WRONG_TYPE", format!("{expected} is expected here"));
    }

    /// Does something one step further down; `step` is a name or an index.
    fn at<T>(&mut self, step: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let end = step.char_indices().map(|(at, it)| at + it.len_utf8());
        let end = end.take_while(|end| *end <= NAME_BYTES_MAX).last().unwrap_or(0);
        let shown = step.get(..end).unwrap_or_default();
        self.path.push(shown.replace('~', "~0").replace('/', "~1"));
        let result = act(self);
        self.path.pop();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// Every message of the reference set: (file, message).
    fn examples() -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for folder in ["config/demo", "tests/data/domain"] {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if !["ex", "edge", "inv", "thread"].iter().any(|it| name.starts_with(it)) {
                    continue;
                }
                let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let thread = value.get("messages").and_then(Value::as_array).cloned();
                let messages = thread.unwrap_or_else(|| vec![value]);
                found.extend(messages.into_iter().map(|it| (name.clone(), it)));
            }
        }
        found
    }

    /// Without `null` and empty lists, which are absent; numbers by value.
    fn essence(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let absent = |it: &Value| it.is_null() || it == &Value::Array(Vec::new());
                let kept = fields.iter().filter(|(_, it)| !absent(it));
                Value::Object(kept.map(|(name, it)| (name.clone(), essence(it))).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(essence).collect()),
            Value::Number(number) => Value::from(number.as_f64().unwrap()),
            Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        }
    }

    fn read(text: &str) -> Result<pb::Draft, JsonError> {
        read_file(text.as_bytes())
    }

    /// Pointers and codes of the violations.
    fn faults(text: &str) -> Vec<(String, &'static str)> {
        let Err(JsonError::Invalid(found)) = read(text) else {
            panic!("{text}");
        };
        found.into_iter().map(|it| (it.pointer, it.code)).collect()
    }

    #[test]
    fn every_example_comes_back_as_it_was() {
        let examples = examples();
        assert_eq!(examples.len(), 32);
        for (name, value) in examples {
            let draft = read_file(value.to_string().as_bytes());
            let draft = draft.unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
            let again = pb::Draft::decode(&draft.encode_to_vec()[..]).unwrap();
            assert_eq!(essence(&from_message(&again)), essence(&value), "{name}");
            assert_eq!(read_file(&write_file(&draft)), Ok(draft), "{name}");
        }
    }

    #[test]
    fn absent_empty_and_zero_are_three_things() {
        let draft = read(r#"{"facts":"","vessel":{"persons_on_board_estimate":0,"imo":null}}"#);
        let draft = draft.unwrap();
        assert_eq!((draft.facts.as_deref(), draft.note.as_deref()), (Some(""), None));
        let vessel = draft.vessel.as_ref().unwrap();
        assert_eq!((vessel.persons_on_board_estimate, &vessel.imo), (Some(0), &None));
        let text = String::from_utf8(write_file(&draft)).unwrap();
        let expected = "{\n  \"facts\": \"\",\n  \"vessel\": {\n    \
                        \"persons_on_board_estimate\": 0\n  }\n}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_unknown_and_ill_typed_field_is_named_at_once() {
        let text = r#"{"vessel":{"imoo":"1","name":7},"to":"x","persons":[{},{"sexx":"F"},null],
            "position":{"lat":"36","at":[]},"attachments":[{"size_bytes":1.5}],"a/b~c":{}}"#;
        let expected = [
            ("/vessel/imoo", "UNKNOWN_FIELD"),
            ("/vessel/name", "WRONG_TYPE"),
            ("/to", "WRONG_TYPE"),
            ("/persons/1/sexx", "UNKNOWN_FIELD"),
            ("/persons/2", "WRONG_TYPE"),
            ("/position/lat", "WRONG_TYPE"),
            ("/position/at", "WRONG_TYPE"),
            ("/attachments/0/size_bytes", "WRONG_TYPE"),
            ("/a~1b~0c", "UNKNOWN_FIELD"),
        ];
        assert_eq!(faults(text), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        assert_eq!(faults("[]"), [(String::new(), "WRONG_TYPE")]);
        let text = r#"{"vessel":{"gross_tonnage":-1}}"#;
        assert_eq!(faults(text), [("/vessel/gross_tonnage".to_owned(), "WRONG_TYPE")]);
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        let twice = |pointer: &str| vec![(pointer.to_owned(), "DUPLICATE_FIELD")];
        assert_eq!(faults(r#"{"facts":"a","facts":"b"}"#), twice("/facts"));
        assert_eq!(faults(r#"{"issued_at":"a","issuedAt":"b"}"#), twice("/issuedAt"));
        let nested = r#"{"persons":[{"id":"P1","id":"P2"}]}"#;
        assert_eq!(faults(nested), twice("/persons/0/id"));
    }

    #[test]
    fn limits_hold_at_their_border() {
        let nested = |levels: usize| {
            let (open, close) = (r#"{"x":"#.repeat(levels), "}".repeat(levels));
            read(&format!("{open}1{close}")).unwrap_err()
        };
        assert!(matches!(nested(JSON_DEPTH_MAX), JsonError::Invalid(_)));
        assert_eq!(nested(JSON_DEPTH_MAX + 1), JsonError::TooDeep);
        assert_eq!(read(&"[".repeat(100_000)), Err(JsonError::TooDeep));
        let sized = |given: usize| {
            let frame = r#"{"facts":""}"#.len();
            read(&format!(r#"{{"facts":"{}"}}"#, "a".repeat(given - frame)))
        };
        let facts = sized(JSON_BYTES_MAX).unwrap().facts;
        assert_eq!(facts.map(|it| it.len()), Some(JSON_BYTES_MAX - 12));
        let given = JSON_BYTES_MAX + 1;
        assert_eq!(sized(given), Err(JsonError::TooLarge { given }));
        let many: Vec<_> = (0..1000).map(|it| format!(r#""x{it}":1"#)).collect();
        assert_eq!(faults(&format!("{{{}}}", many.join(","))).len(), VIOLATIONS_MAX);
        let long = format!(r#"{{"{}":1}}"#, "é".repeat(100));
        assert_eq!(faults(&long), [(format!("/{}", "é".repeat(32)), "UNKNOWN_FIELD")]);
    }

    #[test]
    fn what_is_not_json_says_where() {
        assert_eq!(read(""), Err(JsonError::NotJson { line: 1, column: 0 }));
        assert_eq!(read("{\n  nope"), Err(JsonError::NotJson { line: 2, column: 3 }));
        assert_eq!(read("{} {}"), Err(JsonError::NotJson { line: 1, column: 4 }));
        assert!(matches!(read_file(b"{\"facts\":\"\xff\"}"), Err(JsonError::NotJson { .. })));
    }

    #[test]
    fn a_cut_file_never_panics() {
        let text = write_file(&read_file(examples()[0].1.to_string().as_bytes()).unwrap());
        for length in 0..text.len() - 2 {
            assert!(matches!(read_file(&text[..length]), Err(JsonError::NotJson { .. })));
        }
    }

    #[test]
    fn other_messages_are_read_and_written_too() {
        let text = br#"{"idempotencyKey":"k","draft":{"kind":"SOM.8.2.VESSEL"}}"#;
        let asked: pb::SendMessageRequest = to_message(text).unwrap();
        assert_eq!(asked.draft.as_ref().unwrap().kind(), "SOM.8.2.VESSEL");
        let written = r#"{"idempotency_key":"k","draft":{"kind":"SOM.8.2.VESSEL"}}"#;
        assert_eq!(from_message(&asked).to_string(), written);
        let item: pb::InboxItem = to_message(br#"{"sequence":"7"}"#).unwrap();
        assert_eq!(from_message(&item).to_string(), r#"{"sequence":7}"#);
        let proof: pb::ProveInclusionResponse = to_message(br#"{"proof":"AQI="}"#).unwrap();
        assert_eq!(proof.proof, [1, 2]);
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in r#"[{}\[\]",:0-9a-z_ \\nul]{0,60}"#,
        ) {
            drop(read_file(&bytes));
            drop(read(&text));
        }

        #[test]
        fn one_changed_byte_is_read_or_refused(at in 0_usize..20_000, byte in any::<u8>()) {
            for (_, value) in examples().into_iter().take(3) {
                let mut text = value.to_string().into_bytes();
                let at = at % text.len();
                text[at] = byte;
                if let Ok(draft) = read_file(&text) {
                    prop_assert_eq!(read_file(&write_file(&draft)), Ok(draft));
                }
            }
        }
    }
}
