//! What a node may write about itself: the closed list of fields of a trace line, and its forms.
//!
//! In come a time, a level, a target and fields; out comes one line, as JSON for collectors or as
//! text for people. A field whose name is not in [`FIELDS`] is left out: a trace line holds ids,
//! peers, sizes and reasons, never content and never a person. Which line is written where is for
//! `cli/trace.rs` to say.
//!
//! What always holds: one event is one line, whatever stands in its values; a value has at most
//! [`VALUE_BYTES_MAX`] bytes; no field tells a kind of request, which is for its parties alone.

use std::fmt;

use serde_json::{Map, Value as Json};

use crate::clock::Timestamp;
use crate::domain::unseen;

/// The fields that a trace line may have.
///
/// - `message` what happened, a fixed sentence;
/// - `agency`, `peer` agencies of the directory; `channel`;
/// - `reason` a stable code in UPPER_SNAKE_CASE, or why a certificate or a token was refused; `cause`, `state`
///   words of closed lists;
/// - `error`, `fault`, `stop` an error of this program, which never repeats what was sent;
/// - `desk` a contact point of the directory, and `change` what of it is another;
/// - `address`, `listener` what of this node is dialled; `key`, `token`, `id` names of a key, of a token and of
///   an alarm;
/// - `size`, `seen`, `offset`, `place`, `entries`, `files`, `version`, `wait_ms`, `ahead_ms` counts; `next`, `end`
///   times.
pub const FIELDS: [&str; 28] = [
    "message", "agency", "peer", "channel", "reason", "cause", "state", "error", "fault", "stop",
    "desk", "change", "address", "listener", "key", "token", "id", "size", "seen", "offset",
    "place", "entries", "files", "version", "wait_ms", "ahead_ms", "next", "end",
];

/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 512;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A count or a size.
    Number(u64),
    /// Anything else.
    Text(String),
}

impl Value {
    /// A text, cut to [`VALUE_BYTES_MAX`].
    pub fn text(value: &dyn fmt::Display) -> Self {
        let text = value.to_string();
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = ends.take_while(|end| *end <= VALUE_BYTES_MAX).last().unwrap_or(0);
        Self::Text(text.get(..end).unwrap_or_default().to_owned())
    }
}

/// One trace line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    at: Timestamp,
    level: &'static str,
    target: String,
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// A line without fields.
    pub fn new(at: Timestamp, level: &'static str, target: &str) -> Self {
        Self { at, level, target: target.to_owned(), fields: Vec::new() }
    }

    /// Adds a field, if it may be written.
    pub fn add(&mut self, name: &str, value: Value) {
        if let Some(name) = FIELDS.into_iter().find(|it| *it == name) {
            self.fields.push((name, value));
        }
    }

    /// The line for collectors.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("at".to_owned(), self.at.to_string().into());
        object.insert("level".to_owned(), self.level.into());
        object.insert("target".to_owned(), self.target.clone().into());
        for (name, value) in &self.fields {
            let value = match value {
                Value::Number(number) => Json::from(*number),
                Value::Text(text) => Json::from(text.as_str()),
            };
            object.insert((*name).to_owned(), value);
        }
        Json::Object(object)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:<5} {}", self.at, self.level, self.target)?;
        for (name, value) in &self.fields {
            match (*name, value) {
                ("message", Value::Text(text)) => write!(f, " {}", OneLine(text))?,
                (name, Value::Number(number)) => write!(f, " {name}={number}")?,
                (name, Value::Text(text)) => write!(f, " {name}={}", OneLine(text))?,
            }
        }
        Ok(())
    }
}

/// A text whose signs are all seen.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unseen::signs(self.0).try_for_each(|(_, c, unseen)| {
            if unseen { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::new(Timestamp::from_millis(0), "info", "rogatory::node");
        line.add("message", Value::text(&"relay session ended"));
        line.add("peer", Value::text(&"int.hub\nforged line"));
        line.add("facts", Value::text(&"a person"));
        line.add("wait_ms", Value::Number(250));
        line
    }

    #[test]
    fn a_field_that_is_not_listed_is_left_out() {
        assert!(!line().to_string().contains("person"));
        assert!(!line().to_json().to_string().contains("person"));
        assert_eq!(line().to_json()["wait_ms"], 250);
    }

    #[test]
    fn one_event_is_one_line() {
        assert_eq!(
            line().to_string(),
            "1970-01-01T00:00:00Z info  rogatory::node relay session ended \
             peer=int.hub\\nforged line wait_ms=250"
        );
        assert_eq!(line().to_json().to_string().lines().count(), 1);
    }

    #[test]
    fn values_are_cut_at_whole_characters() {
        let Value::Text(text) = Value::text(&"é".repeat(400)) else { unreachable!() };
        assert_eq!(text.len(), VALUE_BYTES_MAX);
    }
}
