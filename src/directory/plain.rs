//! TOML in the plain form in which this program writes it, read in one pass over its bytes.
//!
//! Of thousands of records at a start, nearly all are as they were written; the grammar of all of TOML costs
//! five times as much to read. Plain is a text of lines that each are
//!
//! ```text
//! key = "text"             key = 'text' over several lines, in ''' after a line's end
//! key = 7                  key = true
//! key = ["text", "text"]   # a comment, or an empty line
//! [[name]]                 [[name.part]] or [name.part], of the last [[name]]
//! ```
//!
//! with bare keys, texts without escapes, no control sign but the ends of lines, and each key once. What is
//! said so means the same to every reader of TOML. **Anything else is not plain, and nothing is said of
//! it**: the caller has it read by a reader of all of TOML, which tells faults with their places, too. The
//! tests below hold what is read here against that reader.

use std::borrow::Cow;

use crate::directory::tree::{Entry, Placed, Value};

/// Most keys of a table, and most names of tables, of a plain text.
const KEYS_MAX: usize = 64;
/// Room that a table is begun with, in entries.
const ROOM: usize = 8;
/// How texts over several lines begin, and how they end.
const LINES_BEGIN: &str = "'''\n";
const LINES_END: &str = "'''";

/// What a plain text holds; nothing if it is not plain. Places are not told.
pub(crate) fn read(text: &str) -> Option<Vec<Entry<'_>>> {
    let is_control = |byte: u8| (byte < b' ' && byte != b'\n') || byte == 0x7f;
    // Without a way out on the way, many bytes are looked at together.
    if text.bytes().fold(false, |found, byte| found | is_control(byte)) {
        return None;
    }
    let root = Vec::with_capacity(ROOM);
    let mut plain = Plain { root, lists: Vec::new(), current: None, part: None };
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        rest = match first {
            b'\n' => rest,
            b'#' => rest.split_at(rest.find('\n').unwrap_or(rest.len())).1,
            b'[' => plain.header(rest)?,
            _ => plain.entry(rest)?,
        };
        rest = after_line(rest)?;
    }
    Some(plain.finish())
}

/// What was read so far.
struct Plain<'t> {
    root: Vec<Entry<'t>>,
    /// Tables by their names, in the order in which the names come first.
    lists: Vec<(&'t str, Vec<Placed<'t>>)>,
    /// Which of those names the last header had, and its table.
    current: Option<(usize, Vec<Entry<'t>>)>,
    /// The part of that table which the last header had.
    part: Option<Part<'t>>,
}

/// A table within a table.
struct Part<'t> {
    name: &'t str,
    /// Whether it is one of several of this name.
    is_listed: bool,
    table: Vec<Entry<'t>>,
}

impl<'t> Plain<'t> {
    /// Begins the table of a header; gives what follows that.
    fn header(&mut self, line: &'t str) -> Option<&'t str> {
        self.close_part();
        let several = line.strip_prefix("[[");
        let (name, rest) = bare(several.or(line.strip_prefix('['))?)?;
        let rest = match rest.strip_prefix('.') {
            Some(rest) => {
                let (part, rest) = bare(rest)?;
                self.begin_part(name, part, several.is_some())?;
                rest
            }
            None if several.is_none() => return None,
            None => {
                self.begin(name)?;
                rest
            }
        };
        rest.strip_prefix(if several.is_some() { "]]" } else { "]" })
    }

    fn begin(&mut self, name: &'t str) -> Option<()> {
        self.close();
        let list = match self.lists.iter().position(|(it, _)| *it == name) {
            Some(list) => list,
            None if self.lists.len() >= KEYS_MAX || has(&self.root, name) => return None,
            None => {
                self.lists.push((name, Vec::new()));
                self.lists.len() - 1
            }
        };
        self.current = Some((list, Vec::with_capacity(ROOM)));
        Some(())
    }

    fn begin_part(&mut self, of: &str, name: &'t str, is_listed: bool) -> Option<()> {
        let (list, table) = self.current.as_ref()?;
        let is_of = self.lists.get(*list).is_some_and(|(it, _)| *it == of);
        let is_free = match table.iter().find(|it| it.key == name) {
            Some(entry) => is_listed && is_of_tables(&entry.placed.value),
            None => table.len() < KEYS_MAX,
        };
        let table = Vec::with_capacity(ROOM);
        self.part = (is_of && is_free).then_some(Part { name, is_listed, table });
        self.part.is_some().then_some(())
    }

    /// Reads a key and its value; gives what follows them.
    fn entry(&mut self, line: &'t str) -> Option<&'t str> {
        let (key, rest) = bare(line)?;
        let (value, rest) = value(rest.strip_prefix(" = ")?)?;
        let table = match (&mut self.part, &mut self.current) {
            (Some(part), _) => &mut part.table,
            (None, Some((_, table))) => table,
            (None, None) => &mut self.root,
        };
        if table.len() >= KEYS_MAX || has(table, key) {
            return None;
        }
        table.push(entry(key, value));
        Some(rest)
    }

    /// Puts the last part where it belongs.
    fn close_part(&mut self) {
        let (Some(part), Some((_, table))) = (self.part.take(), &mut self.current) else { return };
        let inner = Value::Table(part.table);
        if !part.is_listed {
            table.push(entry(part.name, inner));
            return;
        }
        match table.iter_mut().find(|it| it.key == part.name).map(|it| &mut it.placed.value) {
            Some(Value::List(list)) => list.push(placed(inner)),
            Some(_) | None => table.push(entry(part.name, Value::List(vec![placed(inner)]))),
        }
    }

    /// Puts the last table where it belongs.
    fn close(&mut self) {
        self.close_part();
        let Some((list, table)) = self.current.take() else { return };
        if let Some((_, tables)) = self.lists.get_mut(list) {
            tables.push(placed(Value::Table(table)));
        }
    }

    fn finish(mut self) -> Vec<Entry<'t>> {
        self.close();
        let lists = self.lists.into_iter().map(|(name, tables)| entry(name, Value::List(tables)));
        self.root.extend(lists);
        self.root
    }
}

/// Whether a value was made by headers: a list in brackets holds texts alone, or nothing.
fn is_of_tables(value: &Value<'_>) -> bool {
    let Value::List(list) = value else { return false };
    list.first().is_some_and(|it| matches!(it.value, Value::Table(_)))
}

fn entry<'t>(key: &'t str, value: Value<'t>) -> Entry<'t> {
    Entry { key: Cow::Borrowed(key), key_at: 0, placed: placed(value) }
}

fn placed(value: Value<'_>) -> Placed<'_> {
    Placed { at: 0, value }
}

fn has(table: &[Entry<'_>], key: &str) -> bool {
    table.iter().any(|it| it.key == key)
}

/// What follows the end of a line, which must come now.
fn after_line(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
}

/// A bare key, and what follows it.
fn bare(text: &str) -> Option<(&str, &str)> {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let end = text.bytes().position(|byte| !is_bare(byte))?;
    text.split_at_checked(end).filter(|(key, _)| !key.is_empty())
}

/// A value, and what follows it.
fn value(text: &str) -> Option<(Value<'_>, &str)> {
    match text.bytes().next()? {
        b'"' => string(text).map(|(text, rest)| (Value::Text(Cow::Borrowed(text)), rest)),
        b'\'' => {
            let (text, rest) = text.strip_prefix(LINES_BEGIN)?.split_once(LINES_END)?;
            Some((Value::Text(Cow::Borrowed(text)), rest))
        }
        b'[' => list(text),
        b't' => text.strip_prefix("true").map(|rest| (Value::Flag(true), rest)),
        b'f' => text.strip_prefix("false").map(|rest| (Value::Flag(false), rest)),
        b'0'..=b'9' => integer(text),
        _ => None,
    }
}

/// A text in quotes, without escapes, and what follows it. Two quotes with a third behind them begin
/// something else, which is not plain: no third may follow.
fn string(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = inner.bytes().position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
    let (said, rest) = inner.split_at_checked(end)?;
    Some((said, rest.strip_prefix('"')?))
}

/// Texts in brackets on one line, and what follows them.
fn list(text: &str) -> Option<(Value<'_>, &str)> {
    let mut rest = text.strip_prefix('[')?;
    let mut found = Vec::new();
    if let Some(rest) = rest.strip_prefix(']') {
        return Some((Value::List(found), rest));
    }
    loop {
        let (said, after) = string(rest)?;
        found.push(placed(Value::Text(Cow::Borrowed(said))));
        if let Some(rest) = after.strip_prefix(']') {
            return Some((Value::List(found), rest));
        }
        rest = after.strip_prefix(", ")?;
    }
}

/// A number from 0 on, of at most 18 digits and no zero before others, and what follows it.
fn integer(text: &str) -> Option<(Value<'_>, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let is_plain = digits.len() <= 18 && (digits.len() == 1 || !digits.starts_with('0'));
    is_plain.then_some((Value::Integer(digits.parse().ok()), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::tree;

    /// A tree without its places and without the order of its keys.
    fn shown(entries: &[Entry<'_>]) -> String {
        let mut told: Vec<String> =
            entries.iter().map(|it| format!("{:?}={}", it.key, said(&it.placed.value))).collect();
        told.sort();
        told.join(";")
    }

    fn said(value: &Value<'_>) -> String {
        match value {
            Value::Text(_) | Value::Integer(_) | Value::Float | Value::Flag(_) | Value::Time => {
                format!("{value:?}")
            }
            Value::List(list) => {
                let told: Vec<_> = list.iter().map(|it| said(&it.value)).collect();
                format!("[{}]", told.join(","))
            }
            Value::Table(table) => format!("{{{}}}", shown(table)),
        }
    }

    /// Whether a text is plain. If it is, all of TOML says the same.
    fn is_plain(text: &str) -> bool {
        let Some(plain) = read(text) else { return false };
        match tree::of_toml(text) {
            Ok(whole) => assert_eq!(shown(&plain), shown(&whole), "{text:?}"),
            Err(faults) => panic!("{text:?} is none: {faults:?}"),
        }
        true
    }

    const SAMPLE: &str = "# Café\nnetwork = \"demo\"\nversion = 12\non = true\nnone = []\n\
        roots = '''\n-----BEGIN\n''quoted''\n'''\n\n[[node]]\nname = \"\"\n\
        [[desk]]\nid = \"ä.b/c\"\nopen = [\"mon 09:00-17:00\", \"\"]\n\n[[node]]\nname = \"#\"\n[[desk]]\n\
        [[desk.old]]\nid = 1\n[[desk.old]]\nid = 2\n[desk.next]\nid = 3\n[[node]]\n[[node.old]]\nid = 4\n";

    #[test]
    fn what_this_program_writes_is_plain_and_means_what_toml_says() {
        assert!(is_plain(SAMPLE));
        for text in [
            "",
            "\n",
            "# only a comment",
            "a = 0",
            "a = \"x\"\n\n\n",
            "1 = false\n",
            "[[a]]\n",
            "[[a]]\n[a.b]",
            "[[a]]\n[[a.b]]\n[a.c]\n[[a.b]]\nb = 1\n[[a]]\n[[a.b]]",
        ] {
            assert!(is_plain(text), "{text:?}");
        }
    }

    /// TOML, or nearly, that is not in the plain form.
    const OTHERWISE: &[&str] = &[
        "a = 1 # one",
        "a=1",
        " a = 1",
        "a = 1 ",
        "a = 01",
        "a = +1",
        "a = -1",
        "a = 1_0",
        "a = 1.5",
        "a = 0x1",
        "a = 2026-01-01",
        "a = 1000000000000000000",
        "a = tru",
        "a = truee",
        "a = 1\na = 2",
        "a = 'x'",
        "a = '''x'''",
        "a = '''\nx''''",
        "a = \"\"\"x\"\"\"",
        "a = \"\"\"\"",
        "a = \"\\n\"",
        "a = \"x",
        "a = \"x\ny\"",
        "a = [\"x\",\"y\"]",
        "a = [1]",
        "a = [\"x\", ]",
        "a = [ \"x\" ]",
        "a = [\"x\"",
        "a = [\"x\"]]",
        "a.b = 1",
        "\"a\" = 1",
        "[a]",
        "[[a.b]]",
        "[a.b]",
        "[[a]]\n[b.c]",
        "[[a]]\n[[b]]\n[a.c]",
        "[[a]]\nb = []\n[[a.b]]",
        "[[a]]\nb = 1\n[a.b]",
        "[[a]]\n[a.b]\n[a.b]",
        "[[a]]\n[a.b]\n[[a.b]]",
        "[[a]]\n[[a.b]]\n[a.b]",
        "[[a]]\n[a.b.c]",
        "[[a]]\n[a.b]]",
        "[[a]]\n[[a.b]",
        "[[a]]\n[a.]",
        "[[a]] ",
        "[[ a ]]",
        "[[a]]b = 1",
        "[[]]",
        "a = 1\n[[a]]",
        "a = []\n[[a]]",
        "[[a]]\nb = 1\nb = 2",
        "a = {}",
        "a = 1\r\n",
        "a = \"\t\"",
        "a = \"\u{7f}\"",
        "# \u{1}",
        "\u{feff}a = 1",
        "ä = 1",
        "a = ",
        "a",
        "= 1",
        "a = \"x\" \"y\"",
        "[[a]]]",
    ];

    #[test]
    fn what_is_said_in_another_way_is_left_to_the_whole_of_toml() {
        for text in OTHERWISE {
            assert!(read(text).is_none(), "{text:?}");
        }
        let keys = |count: usize| (0..count).map(|it| format!("k{it} = 1\n")).collect::<String>();
        assert!(is_plain(&keys(KEYS_MAX)) && read(&keys(KEYS_MAX + 1)).is_none());
        let names = |count: usize| (0..count).map(|it| format!("[[k{it}]]\n")).collect::<String>();
        assert!(is_plain(&names(KEYS_MAX)) && read(&names(KEYS_MAX + 1)).is_none());
    }

    #[test]
    fn a_byte_changed_cut_or_put_in_anywhere_never_means_something_else() {
        let mut plain = 0;
        for at in (0..=SAMPLE.len()).filter(|at| SAMPLE.is_char_boundary(*at)) {
            let (before, after) = SAMPLE.split_at(at);
            plain += usize::from(is_plain(before));
            for sign in "\n\"'[]=#, ax01._-\\\t\u{a0}".chars() {
                plain += usize::from(is_plain(&format!("{before}{sign}{after}")));
                let mut rest = after.chars();
                rest.next();
                plain += usize::from(is_plain(&format!("{before}{sign}{}", rest.as_str())));
            }
        }
        assert!(plain > 1_000, "{plain}");
    }

    proptest! {
        #[test]
        fn lines_of_chance_mean_what_toml_says(
            parts in prop::collection::vec(prop::sample::select(vec![
                "a", "b", "[[a]]\n", "[[b]]\n", "[a]", "[[a.b]]\n", "[a.b]\n", "[a.a]\n", "\n", "\n", "\n", " = ", " = ", "\"", "\"x\"", "'''\n",
                "'''", "'", "[", "]", ", ", "1", "0", "true", "# ", "[\"x\", \"y\"]", ".", " ", "\\", "é",
            ]), 0..24)
        ) {
            is_plain(&parts.concat());
        }
    }
}
