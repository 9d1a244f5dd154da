//! What the demo says: the story and the summary on stdout, progress on stderr.
//!
//! Colour goes to terminals only and respects `NO_COLOR` (anstream decides); the progress line
//! shows on a terminal only (indicatif decides). With JSON output stdout carries one object.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::cli::output::escaped;

/// The form of what the demo prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// A story for people.
    #[default]
    Text,
    /// One JSON object at the end.
    Json,
}

/// Tells the story as it happens.
pub(super) struct Teller {
    output: Output,
    bar: ProgressBar,
}

impl Teller {
    /// Tells a story of `steps` messages.
    pub(super) fn new(output: Output, steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        let style = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(80));
        Self { output, bar }
    }

    /// A line of the story.
    pub(super) fn line(&self, text: impl Display) {
        if self.output == Output::Text {
            // A reader that went away does not stop the demo: it has to clean up.
            self.bar.suspend(|| drop(writeln!(anstream::stdout(), "{text}")));
        }
    }

    /// The result, for programs.
    pub(super) fn object(&self, value: &Value) {
        if self.output == Output::Json {
            drop(writeln!(anstream::stdout(), "{}", escaped(value, false)));
        }
    }

    /// What goes on now.
    pub(super) fn doing(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }

    /// One message more is done.
    pub(super) fn step(&self) {
        self.bar.inc(1);
    }

    /// Takes the progress line away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Emphasis: names and titles.
pub(super) fn bold(text: impl Display) -> String {
    format!("\u{1b}[1m{text}\u{1b}[0m")
}

/// Less important: proofs and addresses.
pub(super) fn dim(text: impl Display) -> String {
    format!("\u{1b}[2m{text}\u{1b}[0m")
}

/// Good news.
pub(super) fn green(text: impl Display) -> String {
    format!("\u{1b}[32m{text}\u{1b}[0m")
}

/// Bad news.
pub(super) fn red(text: impl Display) -> String {
    format!("\u{1b}[31m{text}\u{1b}[0m")
}
