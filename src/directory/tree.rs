//! What a TOML text holds, as a tree in which each value knows its place.
//!
//! Two readers make one: [`of_toml`] reads whatever is TOML and knows the places, `plain.rs` reads only the
//! plain form in which this program writes, and knows none.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Longest text, in bytes, that is read on after a syntax fault to find the next ones.
const RECOVERY_BYTES_MAX: usize = 256 * 1024;

/// A value.
#[derive(Debug)]
pub(crate) enum Value<'t> {
    /// A text, of whatever notation.
    Text(Cow<'t, str>),
    /// An integer; its number, where that is one from 0 on that fits.
    Integer(Option<u64>),
    /// A number with a point, or none at all.
    Float,
    /// Yes or no.
    Flag(bool),
    /// A date, a time, or both.
    Time,
    /// Values in their order.
    List(Vec<Placed<'t>>),
    /// Values by their keys, in the order of these; in that of the text, where the text is plain.
    Table(Vec<Entry<'t>>),
}

impl Value<'_> {
    /// It, if it is a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_)
            | Self::Float
            | Self::Flag(_)
            | Self::Time
            | Self::List(_)
            | Self::Table(_) => None,
        }
    }

    /// What it is, for a fault.
    pub(crate) const fn with_article(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float => "a float",
            Self::Flag(_) => "a boolean",
            Self::Time => "a date or time",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// A value, and where it begins in its text, in bytes; 0 where places are not known.
#[derive(Debug)]
pub(crate) struct Placed<'t> {
    /// Where it begins.
    pub(crate) at: usize,
    /// The value.
    pub(crate) value: Value<'t>,
}

/// A key of a table with its value.
#[derive(Debug)]
pub(crate) struct Entry<'t> {
    /// The key.
    pub(crate) key: Cow<'t, str>,
    /// Where that begins in the text, in bytes; 0 where places are not known.
    pub(crate) key_at: usize,
    /// What it has.
    pub(crate) placed: Placed<'t>,
}

/// Texts in their order, as they stand in a list. Two are equal where all their texts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'t>(&'t [Placed<'t>]);

impl<'t> Words<'t> {
    /// No text.
    pub(crate) const NONE: Self = Self(&[]);

    /// The texts of a list; none where something else stands in it too.
    pub(crate) fn of(list: &'t [Placed<'t>]) -> Option<Self> {
        list.iter().all(|it| it.value.text().is_some()).then_some(Self(list))
    }
}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(other.0);
        self.0.len() == other.0.len() && pairs.all(|(a, b)| a.value.text() == b.value.text())
    }
}

/// What a TOML text holds, or its syntax faults: all of a short text, the first of a long one, since the
/// parser's list of faults has no bound of its own.
pub(crate) fn of_toml(text: &str) -> Result<Vec<Entry<'_>>, Vec<toml::de::Error>> {
    if text.len() > RECOVERY_BYTES_MAX {
        let root = DeTable::parse(text).map_err(|error| vec![error])?;
        return Ok(entries(root.into_inner()));
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() { Ok(entries(root.into_inner())) } else { Err(errors) }
}

fn entries<'t>(table: DeTable<'t>) -> Vec<Entry<'t>> {
    let entry = |(key, value): (Spanned<Cow<'t, str>>, _)| Entry {
        key_at: key.span().start,
        key: key.into_inner(),
        placed: placed(value),
    };
    table.into_iter().map(entry).collect()
}

fn placed(value: Spanned<DeValue<'_>>) -> Placed<'_> {
    let at = value.span().start;
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(it) => Value::Integer(u64::from_str_radix(it.as_str(), it.radix()).ok()),
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Time,
        DeValue::Array(list) => Value::List(list.into_iter().map(placed).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Placed { at, value }
}
