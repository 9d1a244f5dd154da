//! TOML read strictly: unknown keys, wrong types and values out of range are faults, told at once.
//!
//! A derived deserializer stops at the first fault; whoever edits a directory or a node's
//! configuration wants to see every one. Each [`Table`] is opened with the keys that it may hold,
//! and a getter notes what is wrong and gives `None`, so reading goes on.

use std::fmt;
use std::ops::RangeInclusive;

use crate::clock::Timestamp;
use crate::directory::notes::Notes;
pub use crate::directory::notes::{FAULTS_MAX, Fault, Place};
use crate::directory::plain;
use crate::directory::tree::{self, Entry, Placed, Value, Words};

/// A value at its place.
pub(crate) struct Spot<'t> {
    notes: &'t Notes<'t>,
    path: String,
    placed: &'t Placed<'t>,
}

impl<'t> Spot<'t> {
    /// Where it stands in its text, such as `agency[2].id`; empty where paths are not told.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Notes what is wrong with this value.
    pub(crate) fn fault(&self, problem: impl Into<String>) {
        self.notes.note(&self.path, self.placed.at, problem);
    }

    /// The value as text.
    pub(crate) fn text(&self) -> Option<&'t str> {
        let text = self.placed.value.text();
        if text.is_none() {
            self.wrong_type("a string");
        }
        text
    }

    /// The value, if it is text; nothing is noted if it is not.
    pub(crate) fn said(&self) -> Option<&'t str> {
        self.placed.value.text()
    }

    /// The value as text that names a `T`.
    pub(crate) fn parsed<T: std::str::FromStr<Err: fmt::Display>>(&self) -> Option<T> {
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(error.to_string());
                None
            }
        }
    }

    /// The value as a time.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        let time = Timestamp::parse(self.text()?);
        if time.is_none() {
            self.fault("must be a time such as 2030-01-01T00:00:00Z");
        }
        time
    }

    fn integer(&self, allowed: &RangeInclusive<u64>) -> Option<u64> {
        let Value::Integer(value) = self.placed.value else {
            self.wrong_type("an integer");
            return None;
        };
        let value = value.filter(|value| allowed.contains(value));
        if value.is_none() {
            let (low, high) = (allowed.start(), allowed.end());
            self.fault(format!("must be {low} to {high}"));
        }
        value
    }

    fn elements(&self, max: usize) -> Vec<Spot<'t>> {
        let Value::List(list) = &self.placed.value else {
            self.wrong_type("an array");
            return Vec::new();
        };
        if list.len() > max {
            self.fault(format!("has {} elements, more than {max}", list.len()));
        }
        let element = |(index, placed): (usize, &'t Placed<'t>)| Spot {
            notes: self.notes,
            path: self.notes.path(|| format!("{}[{index}]", self.path)),
            placed,
        };
        list.iter().take(max).enumerate().map(element).collect()
    }

    fn table(self, known: &'static [&'static str]) -> Option<Table<'t>> {
        let Value::Table(entries) = &self.placed.value else {
            self.wrong_type("a table");
            return None;
        };
        let at = self.placed.at;
        let table = Table { notes: self.notes, path: self.path, at, entries, known };
        table.refuse_unknown();
        Some(table)
    }

    fn wrong_type(&self, wanted: &str) {
        self.fault(format!("must be {wanted}, is {}", self.placed.value.with_article()));
    }
}

/// A table that may hold only the keys it was opened with.
pub(crate) struct Table<'t> {
    /// Where faults of the whole text go.
    pub(crate) notes: &'t Notes<'t>,
    path: String,
    at: usize,
    entries: &'t [Entry<'t>],
    known: &'static [&'static str],
}

impl<'t> Table<'t> {
    fn refuse_unknown(&self) {
        for entry in self.entries {
            let name = entry.key.as_ref();
            if !self.known.contains(&name) {
                let problem = format!("unknown key; known here: {}", self.known.join(", "));
                self.notes.note(&self.path_of(&shown(name)), entry.key_at, problem);
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        let path = || match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        self.notes.path(path)
    }

    /// Notes what is wrong with the table as a whole.
    pub(crate) fn fault(&self, problem: impl Into<String>) {
        self.notes.note(&self.path, self.at, problem);
    }

    /// Notes what is wrong with `key`, which may be absent.
    pub(crate) fn fault_at(&self, key: &'static str, problem: impl Into<String>) {
        match self.spot(key) {
            Some(spot) => spot.fault(problem),
            None => self.notes.note(&self.path_of(key), self.at, problem),
        }
    }

    /// Notes each of `keys` that is missing.
    pub(crate) fn require(&self, keys: &[&'static str]) {
        for key in keys {
            if !self.has(key) {
                self.fault_at(key, "is missing");
            }
        }
    }

    /// Whether `key` is there, right or wrong.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &str) -> Option<&'t Placed<'t>> {
        self.entries.iter().find(|it| it.key == key).map(|it| &it.placed)
    }

    /// The value of `key`, if there is one.
    pub(crate) fn spot(&self, key: &'static str) -> Option<Spot<'t>> {
        debug_assert!(self.known.contains(&key), "{key} is asked for but not known");
        let placed = self.value(key)?;
        Some(Spot { notes: self.notes, path: self.path_of(key), placed })
    }

    /// The text of `key`.
    pub(crate) fn text(&self, key: &'static str) -> Option<&'t str> {
        self.spot(key)?.text()
    }

    /// The text of `key` as a `T`.
    pub(crate) fn parsed<T: std::str::FromStr<Err: fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Option<T> {
        self.spot(key)?.parsed()
    }

    /// The number of `key`, if it is within `allowed`.
    pub(crate) fn integer(&self, key: &'static str, allowed: RangeInclusive<u64>) -> Option<u64> {
        self.spot(key)?.integer(&allowed)
    }

    /// The yes or no of `key`.
    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        let spot = self.spot(key)?;
        if let Value::Flag(flag) = spot.placed.value {
            return Some(flag);
        }
        spot.wrong_type("true or false");
        None
    }

    /// The elements of the array `key`, at most `max` of them.
    pub(crate) fn elements(&self, key: &'static str, max: usize) -> Vec<Spot<'t>> {
        self.spot(key).map(|spot| spot.elements(max)).unwrap_or_default()
    }

    /// The texts of the array `key`, none where it is absent; `None` where it is anything but texts,
    /// of which nothing is noted.
    pub(crate) fn words(&self, key: &'static str) -> Option<Words<'t>> {
        match self.value(key).map(|it| &it.value) {
            None => Some(Words::NONE),
            Some(Value::List(list)) if !list.is_empty() => Words::of(list),
            Some(_) => None,
        }
    }

    /// The tables of the array `key`, at most `max` of them.
    pub(crate) fn tables(
        &self,
        key: &'static str,
        known: &'static [&'static str],
        max: usize,
    ) -> Vec<Table<'t>> {
        self.elements(key, max).into_iter().filter_map(|spot| spot.table(known)).collect()
    }

    /// The table `key`.
    pub(crate) fn table(
        &self,
        key: &'static str,
        known: &'static [&'static str],
    ) -> Option<Table<'t>> {
        self.spot(key)?.table(known)
    }
}

/// A key as faults print it: short, and without characters that could move a terminal's cursor.
fn shown(key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let short: String = key.chars().take(40).collect();
    if plain && !key.is_empty() { short } else { format!("{short:?}") }
}

/// Reads `text`, whose top level may hold `known`, with `read`: its value, or every fault.
///
/// `read` gives `None` only after it noted a fault. Where there is one, it is called a second time, which
/// says where each stands: most texts have none, and places cost more than all else. So does the grammar of
/// all of TOML, which a text in the plain form ([`plain`]) needs only for its faults. A text that is no TOML
/// has its syntax faults told and is read no further.
pub(crate) fn read<T>(
    text: &str,
    bytes_max: usize,
    known: &'static [&'static str],
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> Result<T, Vec<Fault>> {
    if text.len() > bytes_max {
        let problem = format!("the text has {} bytes, more than {bytes_max}", text.len());
        return Err(vec![Fault::of_text(problem)]);
    }
    let quick = |root: &[Entry<'_>]| {
        let notes = Notes::quick(text);
        let value = read_root(&notes, root, known, &read);
        notes.note_unseen();
        value.filter(|_| !notes.has_faults())
    };
    let plain = plain::read(text);
    if let Some(value) = plain.as_deref().and_then(quick) {
        return Ok(value);
    }
    let root = tree::of_toml(text).map_err(|errors| told(text, &errors))?;
    if plain.is_none()
        && let Some(value) = quick(&root)
    {
        return Ok(value);
    }
    let notes = Notes::exact(text);
    let value = read_root(&notes, &root, known, &read);
    notes.note_unseen();
    let faults = notes.into_faults();
    match value {
        Some(value) if faults.is_empty() => Ok(value),
        Some(_) | None => Err(faults),
    }
}

fn told(text: &str, errors: &[toml::de::Error]) -> Vec<Fault> {
    let notes = Notes::exact(text);
    for error in errors {
        let at = error.span().map_or(0, |it| it.start);
        notes.note("", at, error.message().trim());
    }
    notes.into_faults()
}

fn read_root<'t, T>(
    notes: &'t Notes<'t>,
    entries: &'t [Entry<'t>],
    known: &'static [&'static str],
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> Option<T> {
    let table = Table { notes, path: String::new(), at: 0, entries, known };
    table.refuse_unknown();
    read(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let result = read(text, 1000, &["name", "size", "part"], |table| {
            table.require(&["name"]);
            for part in table.tables("part", &["id"], 2) {
                if let Some(spot) = part.spot("id") {
                    part.notes.claim("part", spot.text()?.as_bytes(), &spot);
                }
            }
            table.integer("size", 1..=9);
            table.text("name").map(str::to_owned)
        });
        result.err().unwrap_or_default().iter().map(Fault::to_string).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = "size = 0\nbogus = 1\nname = 3\n[[part]]\nid = 'x'\n[[part]]\nid = 'x'\nno = 1";
        assert_eq!(
            faults(text),
            [
                "line 2, column 1: bogus: unknown key; known here: name, size, part",
                "line 8, column 1: part[1].no: unknown key; known here: id",
                "line 7, column 6: part[1].id: this part stands already at part[0].id",
                "line 1, column 8: size: must be 1 to 9",
                "line 3, column 8: name: must be a string, is an integer",
            ]
        );
        assert_eq!(faults("size = -1\nname = ''"), ["line 1, column 8: size: must be 1 to 9"]);
        assert_eq!(
            faults("part = 1\nname = ''"),
            ["line 1, column 8: part: must be an array, is an integer"]
        );
        assert_eq!(faults(""), ["line 1, column 1: name: is missing"]);
    }

    #[test]
    fn syntax_faults_stop_the_reading_and_are_all_told() {
        let told = faults("name = 'x'\nsize =\npart = [\n");
        assert!(told.len() >= 2, "{told:?}");
        assert!(told.iter().any(|it| it.starts_with("line 2")), "{told:?}");
    }

    #[test]
    fn size_depth_and_count_are_bounded() {
        assert_eq!(faults(&" ".repeat(1001)), ["the text has 1001 bytes, more than 1000"]);
        assert!(!faults(&"[".repeat(900)).is_empty());
        assert!(!faults(&format!("{}a = 1", "a.".repeat(400))).is_empty());
        let many: String = (0..150).map(|n| format!("k{n}=1\n")).collect();
        let told = faults(&many);
        assert_eq!(told.len(), FAULTS_MAX + 1);
        assert_eq!(told.last().unwrap(), "and 51 more faults");
        let parts = "name=''\n[[part]]\n[[part]]\n[[part]]\n";
        assert_eq!(faults(parts), ["line 2, column 1: part: has 3 elements, more than 2"]);
    }

    #[test]
    fn strange_keys_are_shown_escaped_and_cut() {
        let told = faults("name=''\n\"\\u001b[2J\" = 1");
        assert_eq!(told.len(), 1);
        assert!(told.iter().all(|it| it.contains(r#""\u{1b}[2J": unknown key"#)), "{told:?}");
    }
}
