//! What people read: fields, tables and lines, shaped for a terminal or for a pipe.
//!
//! On a terminal a table has a header and fits the width. In a pipe every row is one line of
//! tab-separated values, complete and without header, for `cut` and `awk`.

use std::io::{self, IsTerminal as _, Write};

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::domain::unseen;

/// A column is not made narrower than this, in characters, however narrow the terminal is.
const READABLE: usize = 14;
/// Columns that are never broken, so that what stands in them can be copied.
const WHOLE: [&str; 2] = ["message", "request"];

/// Text to be shown.
#[derive(Debug, Default)]
pub struct Sheet {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Fields(Vec<(&'static str, String)>),
    Table { header: Vec<&'static str>, rows: Vec<Vec<String>> },
    Row(Vec<String>),
    Line(String),
}

impl Sheet {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field; an empty value is left out.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        if value.is_empty() {
            return self;
        }
        if let Some(Part::Fields(fields)) = self.parts.last_mut() {
            fields.push((name, value));
        } else {
            self.parts.push(Part::Fields(vec![(name, value)]));
        }
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table<const N: usize>(
        mut self,
        header: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        let rows = rows.into_iter().map(Vec::from).collect();
        self.parts.push(Part::Table { header: header.to_vec(), rows });
        self
    }

    /// Adds one line of values, such as one event of many.
    #[must_use]
    pub fn row(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.parts.push(Part::Row(values.into_iter().collect()));
        self
    }

    /// Adds text; line ends in it are kept.
    #[must_use]
    pub fn line(mut self, text: impl ToString) -> Self {
        self.parts.push(Part::Line(text.to_string()));
        self
    }

    /// Writes all of it to stdout.
    ///
    /// # Errors
    /// What the system says; a reader that went away is one.
    pub fn print(&self) -> io::Result<()> {
        let text = self.render(io::stdout().is_terminal());
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// What a pipe gets.
    #[cfg(test)]
    pub fn in_a_pipe(&self) -> String {
        self.render(false)
    }

    fn render(&self, on_terminal: bool) -> String {
        let mut out = String::new();
        let mut after_block = false;
        for part in &self.parts {
            let is_block = matches!(part, Part::Fields(_) | Part::Table { .. });
            if on_terminal && is_block && after_block {
                out.push('\n');
            }
            after_block = is_block;
            match part {
                Part::Line(text) if text.is_empty() => {
                    if on_terminal {
                        out.push('\n');
                    }
                }
                Part::Line(text) => {
                    let lines = text.lines().map(visible);
                    lines.for_each(|line| push(&mut out, &line));
                }
                Part::Row(values) => {
                    let values: Vec<String> = values.iter().map(|it| visible(it)).collect();
                    push(&mut out, &values.join(if on_terminal { "  " } else { "\t" }));
                }
                Part::Fields(fields) if on_terminal => push_fields(&mut out, fields),
                Part::Fields(fields) => fields.iter().for_each(|(name, value)| {
                    push(&mut out, &format!("{name}\t{}", visible(value)));
                }),
                Part::Table { header, rows } if on_terminal => push_table(&mut out, header, rows),
                Part::Table { rows, .. } => rows.iter().for_each(|row| {
                    let cells: Vec<String> = row.iter().map(|it| visible(it)).collect();
                    push(&mut out, &cells.join("\t"));
                }),
            }
        }
        out
    }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn push_fields(out: &mut String, fields: &[(&'static str, String)]) {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in fields {
        push(out, &format!("{name:<width$}  {}", visible(value)));
    }
}

fn push_table(out: &mut String, header: &[&'static str], rows: &[Vec<String>]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|it| Cell::new(it).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row.iter().map(|it| visible(it)));
    }
    for (index, (column, name)) in table.column_iter_mut().zip(header).enumerate() {
        let longest = rows.iter().filter_map(|row| row.get(index)).map(|it| it.chars().count());
        let wanted = name.len().max(longest.max().unwrap_or(0).min(READABLE));
        column.set_constraint(match WHOLE.contains(name) {
            true => ColumnConstraint::ContentWidth,
            false => ColumnConstraint::LowerBoundary(Width::Fixed(
                u16::try_from(wanted).unwrap_or(u16::MAX),
            )),
        });
    }
    table.to_string().lines().for_each(|line| push(out, line.trim_end()));
}

/// A text with the signs written out that are not seen: it cannot move the cursor, hide or reorder
/// what stands beside it, and it takes one line.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (_, sign, unseen) in unseen::signs(text) {
        if unseen {
            out.extend(sign.escape_unicode());
        } else {
            out.push(sign);
        }
    }
    out
}

/// The same for a text of several lines, each made visible; their ends stay as they are.
pub fn visible_lines(text: &str) -> String {
    let shown = text.split_inclusive('\n').map(|line| {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let body = body.strip_suffix('\r').unwrap_or(body);
        let end = line.strip_prefix(body).unwrap_or_default();
        visible(body) + end
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet::new().field("request", "r-1").field("empty", "").table(
            ["agency", "state"],
            [["ita.coast-guard".to_owned(), "sent\tand\nmore".to_owned()]],
        )
    }

    #[test]
    fn a_pipe_gets_one_tab_separated_line_a_row() {
        let text = sheet().render(false);
        assert_eq!(text, "request\tr-1\nita.coast-guard\tsent\\u{9}and\\u{a}more\n");
    }

    #[test]
    fn a_terminal_gets_a_header() {
        let text = sheet().render(true);
        assert!(text.starts_with("request  r-1\n\n"), "{text:?}");
        assert!(text.contains("agency") && text.contains("state"), "{text:?}");
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(visible("a\u{61c}\u{200b}b\u{e0041}"), "a\\u{61c}\\u{200b}b\\u{e0041}");
        assert_eq!(visible_lines("a\u{7}\r\nb\rc\nd"), "a\\u{7}\r\nb\\u{d}c\nd");
        for plain in ["Zürich 東京", "نازنین\u{200c}زهرا"] {
            assert_eq!(visible(plain), plain);
        }
    }
}
