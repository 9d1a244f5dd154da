//! A reader of protobuf bytes for the checker: fields by number, nothing of the product's own.

use std::collections::BTreeMap;

/// One value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// Bytes: a string, bytes or a message.
    Bytes(Vec<u8>),
}

/// The last value of each field.
pub type Fields = BTreeMap<u64, Value>;

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// All fields of a message in the order in which they stand; none if the bytes are not one.
pub fn listed(mut bytes: &[u8]) -> Option<Vec<(u64, Value)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (inner, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Value::Bytes(inner.to_vec())
            }
            _ => return None,
        };
        found.push((tag >> 3, value));
    }
    Some(found)
}

/// The fields of a message; none if the bytes are not one.
pub fn fields(bytes: &[u8]) -> Option<Fields> {
    Some(listed(bytes)?.into_iter().collect())
}

/// Every text of a field that may stand there more than once.
pub fn texts(listed: &[(u64, Value)], number: u64) -> Vec<String> {
    let all = listed.iter().filter(|it| it.0 == number).filter_map(|it| match &it.1 {
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Number(_) => None,
    });
    all.collect()
}

/// A field of bytes; empty if it is not there.
pub fn bytes(fields: &Fields, number: u64) -> Vec<u8> {
    match fields.get(&number) {
        Some(Value::Bytes(bytes)) => bytes.clone(),
        Some(Value::Number(_)) | None => Vec::new(),
    }
}

/// A field of text.
pub fn text(fields: &Fields, number: u64) -> String {
    String::from_utf8_lossy(&bytes(fields, number)).into_owned()
}

/// A number; 0 if it is not there.
pub fn number(fields: &Fields, number: u64) -> u64 {
    match fields.get(&number) {
        Some(Value::Number(value)) => *value,
        Some(Value::Bytes(_)) | None => 0,
    }
}

/// A message within a message.
pub fn message(outer: &Fields, number: u64) -> Fields {
    fields(&bytes(outer, number)).unwrap_or_default()
}
