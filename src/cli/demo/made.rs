//! Files for the attachments of the worked examples: made up, of the size that the example says, and the
//! same each time.

use serde_json::Value;

use crate::domain::digest::Digest;

/// The bytes of the file of this name and size.
pub(super) fn bytes(name: &str, size: usize) -> Vec<u8> {
    let line = format!("An exercise of rogatory. Nothing stands in {name}.\n");
    line.bytes().cycle().take(size).collect()
}

/// Lets every attachment that a message describes have the hash of the file that is made for it.
pub(super) fn describe(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str);
            let size = fields.get("size_bytes").and_then(Value::as_u64);
            let made = name.zip(size).map(|(name, size)| {
                Digest::of(&bytes(name, usize::try_from(size).unwrap_or_default())).to_string()
            });
            if let (Some(made), Some(sha256)) = (made, fields.get_mut("sha256")) {
                *sha256 = made.into();
            }
            fields.values_mut().for_each(describe);
        }
        Value::Array(items) => items.iter_mut().for_each(describe),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{draft, json};

    #[test]
    fn what_is_described_is_what_is_made() {
        let example = include_str!("../../../config/demo/ex2-vessel-boarding-som-8-2.json");
        let mut value: Value = serde_json::from_str(example).unwrap();
        describe(&mut value);
        let read = json::read_file(value.to_string().as_bytes()).unwrap();
        let described = draft::attachments_of(&read);
        assert_eq!(described.len(), 2);
        for it in described {
            let size = usize::try_from(it.bytes).unwrap();
            let made = bytes(it.name.as_deref().unwrap(), size);
            assert_eq!((made.len(), Digest::of(&made)), (size, it.digest));
        }
    }
}
