//! A JSON value against the description of a message: finds every fault, not the first.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;

use crate::wire::json::Faults;

pub(super) fn check_message(descriptor: &MessageDescriptor, value: &Value, faults: &mut Faults) {
    let Value::Object(fields) = value else {
        return faults.wrong_type("an object");
    };
    let mut seen = BTreeSet::new();
    for (name, value) in fields {
        let field =
            descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
        faults.at(name, |faults| match field {
            None => faults.add("UNKNOWN_FIELD", "the field is unknown"),
            Some(field) if !seen.insert(field.number()) => {
                faults.add("DUPLICATE_FIELD", "the field is given twice");
            }
            Some(field) => check_field(&field, value, faults),
        });
    }
}

fn check_field(field: &FieldDescriptor, value: &Value, faults: &mut Faults) {
    match value {
        Value::Null => {}
        Value::Array(items) if field.is_list() => {
            for (index, item) in items.iter().enumerate() {
                faults.at(&index.to_string(), |faults| check_one(&field.kind(), item, faults));
            }
        }
        Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            if field.is_list() {
                faults.wrong_type("a list");
            } else {
                check_one(&field.kind(), value, faults);
            }
        }
    }
}

fn check_one(kind: &Kind, value: &Value, faults: &mut Faults) {
    let (holds, expected) = match kind {
        Kind::Message(descriptor) => return check_message(descriptor, value, faults),
        Kind::Enum(descriptor) => (is_enum(descriptor, value), "a word of the list"),
        Kind::Bool => (value.is_boolean(), "true or false"),
        Kind::String => (value.is_string(), "a text"),
        Kind::Bytes => (is_base64(value), "a text in base64"),
        Kind::Double | Kind::Float => (value.is_number(), "a number"),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            (integer(value).is_some_and(|it| i32::try_from(it).is_ok()), "a whole number")
        }
        Kind::Uint32 | Kind::Fixed32 => {
            let fits = integer(value).is_some_and(|it| u32::try_from(it).is_ok());
            (fits, "a whole number of 0 or more")
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            (integer(value).is_some_and(|it| i64::try_from(it).is_ok()), "a whole number")
        }
        Kind::Uint64 | Kind::Fixed64 => {
            let fits = integer(value).is_some_and(|it| u64::try_from(it).is_ok());
            (fits, "a whole number of 0 or more")
        }
    };
    if !holds {
        faults.wrong_type(expected);
    }
}

/// A number without fraction, or the same as decimal text.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
        }
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn is_enum(descriptor: &EnumDescriptor, value: &Value) -> bool {
    value.as_str().is_some_and(|it| descriptor.get_value_by_name(it).is_some())
}

fn is_base64(value: &Value) -> bool {
    let decodes = |it: &str| STANDARD.decode(it).is_ok() || URL_SAFE.decode(it).is_ok();
    value.as_str().is_some_and(decodes)
}
