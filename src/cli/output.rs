//! The forms of output: text for people, the API's own JSON for programs, or nothing.
//!
//! stdout carries data only. What goes on and what to do next is said on stderr, and only to
//! people.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::cli::args::Global;
use crate::cli::sheet::{Sheet, visible, visible_lines};
use crate::cli::times::Times;
use crate::domain::unseen;

/// In which form data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and sentences; tab-separated in a pipe.
    #[default]
    Text,
    /// One JSON document, as the API has it.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// No data; the exit code tells.
    None,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On terminals, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it the choice of the process.
    pub fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Where a command's data and messages go.
#[derive(Clone, Debug)]
pub struct Output {
    format: Format,
    times: Times,
}

impl Output {
    /// As the flags say.
    pub fn new(global: &Global) -> Self {
        Self { format: global.output, times: Times::new(global.time_format, global.utc) }
    }

    /// How times are shown.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// Whether programs read along: then people are not spoken to.
    pub fn is_json(&self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    /// Shows one thing.
    ///
    /// # Errors
    /// If stdout can't be written.
    pub fn show(&self, json: impl FnOnce() -> Value, text: impl FnOnce() -> Sheet) -> Result<()> {
        match self.format {
            Format::Text => text().print()?,
            Format::Json => print_json(&json(), true)?,
            Format::Jsonl => print_json(&json(), false)?,
            Format::None => {}
        }
        Ok(())
    }

    /// Prints a text in a form of its own that the caller chose.
    ///
    /// # Errors
    /// If stdout can't be written.
    pub fn verbatim(&self, text: impl FnOnce() -> String) -> Result<()> {
        if self.format != Format::None {
            let mut out = anstream::stdout().lock();
            out.write_all(visible_lines(&text()).as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }

    /// Shows a list: `json` is the whole answer, whose field `items` holds the things listed.
    ///
    /// # Errors
    /// If stdout can't be written.
    pub fn list(
        &self,
        json: impl FnOnce() -> Value,
        items: &str,
        text: impl FnOnce() -> Sheet,
    ) -> Result<()> {
        if self.format != Format::Jsonl {
            return self.show(json, text);
        }
        let whole = json();
        let listed = whole.get(items).and_then(Value::as_array);
        listed.into_iter().flatten().try_for_each(|it| print_json(it, false))?;
        Ok(())
    }

    /// Begins a list whose end is not known yet.
    pub fn stream(&self) -> Stream {
        Stream { format: self.format, count: 0 }
    }

    /// Says something to people.
    pub fn note(&self, text: impl Display) {
        if !self.is_json() {
            // What can't be said on stderr can't be said at all.
            drop(writeln!(anstream::stderr(), "{}", visible(&text.to_string())));
        }
    }

    /// Shows how far `bytes` have come, until the value is dropped.
    pub fn carrying(&self, text: impl Into<String>, bytes: u64) -> Carrying {
        if self.is_json() {
            return Carrying(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(bytes);
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(visible(&text.into()));
        Carrying(bar)
    }

    /// Says that something goes on, until the value is dropped.
    pub fn doing(&self, text: impl Into<String>) -> Doing {
        if self.is_json() {
            return Doing(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(visible(&text.into()));
        bar.enable_steady_tick(Duration::from_millis(80));
        Doing(bar)
    }
}

/// Bytes on their way; only a terminal shows them.
#[derive(Debug)]
pub struct Carrying(ProgressBar);

impl Carrying {
    /// So many bytes are there.
    pub fn at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Something that goes on; only a terminal shows it.
#[derive(Debug)]
pub struct Doing(ProgressBar);

impl Drop for Doing {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A list on its way to stdout: one JSON array, or one object a line.
#[derive(Debug)]
pub struct Stream {
    format: Format,
    count: u64,
}

impl Stream {
    /// Writes one thing.
    ///
    /// # Errors
    /// If stdout can't be written.
    pub fn push(
        &mut self,
        json: impl FnOnce() -> Value,
        text: impl FnOnce() -> Sheet,
    ) -> Result<()> {
        let is_first = self.count == 0;
        self.count = self.count.saturating_add(1);
        match self.format {
            Format::Text => text().print()?,
            Format::Jsonl => print_json(&json(), false)?,
            Format::Json => {
                let mut out = anstream::stdout().lock();
                write!(out, "{}{}", if is_first { "[\n" } else { ",\n" }, escaped(&json(), false))?;
                out.flush()?;
            }
            Format::None => {}
        }
        Ok(())
    }

    /// Ends the list.
    ///
    /// # Errors
    /// If stdout can't be written.
    pub fn finish(self) -> Result<()> {
        if self.format == Format::Json {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{}", if self.count == 0 { "[]" } else { "\n]" })?;
            out.flush()?;
        }
        Ok(())
    }
}

fn print_json(value: &Value, pretty: bool) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", escaped(value, pretty))?;
    out.flush()
}

/// The value as JSON in which all signs are seen; a JSON reader sees the same value.
pub fn escaped(value: &Value, pretty: bool) -> String {
    let text = if pretty { format!("{value:#}") } else { value.to_string() };
    let mut out = String::with_capacity(text.len());
    for (_, sign, unseen) in unseen::signs(&text) {
        if unseen && sign != '\n' {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(sign);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_cannot_steer_a_terminal_and_means_the_same() {
        let value = json!({ "text": "a\u{9b}2J \u{202e}b\u{7f}\nc\u{e0041}\u{200b}" });
        for pretty in [true, false] {
            let text = escaped(&value, pretty);
            assert!(!text.lines().any(unseen::has_unseen), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
