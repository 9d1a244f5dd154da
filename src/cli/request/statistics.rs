//! The figures of a year, for people, programs and spreadsheets.

use anyhow::Result;
use clap::Args;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::{Sheet, visible};
use crate::cli::times::lasting;
use crate::wire::{json, pb};

/// What each column says.
pub const COLUMNS_HELP: &str = "Each row counts requests that are alike. Columns:
  state                  the other State, three letters; withheld for confidential requests
  direction              sent or received
  kind                   code of the kind; withheld for confidential requests
  urgency                immediate, priority or routine
  outcome                open, executed, refused, withdrawn or closed
  count                  how many, one for each executing agency
  acknowledged_seconds   median time until the authority acknowledged, of those acknowledged
  answered_seconds       median time until the first answer of substance, of those answered
  concluded_seconds      median time until the end, of those that ended
  concluded_seconds_max  longest such time
  overdue                deadlines that passed unmet and are still open
  late                   deadlines that passed unmet and were met, or fell away, later
A time of 0 also stands where there is none. Exercises do not count. The year is that in which a
request was opened, in UTC. With --csv these are the columns of the file (RFC 4180).";

/// The columns: the fields of a row, in their order.
const COLUMNS: [&str; 12] = [
    "state",
    "direction",
    "kind",
    "urgency",
    "outcome",
    "count",
    "acknowledged_seconds",
    "answered_seconds",
    "concluded_seconds",
    "concluded_seconds_max",
    "overdue",
    "late",
];

/// Which figures, and in which form.
#[derive(Debug, Args)]
pub struct Figures {
    /// The year
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(u32).range(0..=9998))]
    year: u32,
    /// Print them as CSV, with a line of names first
    #[arg(long)]
    csv: bool,
}

impl Figures {
    /// Whether the flags go together.
    ///
    /// # Errors
    /// Exit status 2 for two forms at the same time.
    pub fn judge(&self, output: &Output) -> Result<()> {
        if self.csv && output.is_json() {
            let text = "--csv is a form of its own; leave out -o";
            return Err(Failure::new(Exit::Usage, text).into());
        }
        Ok(())
    }
}

/// Shows them.
///
/// # Errors
/// What the node answers.
pub async fn run(line: &Line, figures: &Figures, output: &Output) -> Result<()> {
    let answer =
        line.client.get_statistics(pb::GetStatisticsRequest { year: figures.year }).await?;
    if figures.csv {
        return output.verbatim(|| csv(&answer.rows));
    }
    output.list(|| json::from_message(&answer), "rows", || sheet(&answer.rows))
}

/// The values of a row as texts, by [`COLUMNS`].
fn values(row: &pb::StatisticsRow) -> [String; 12] {
    [
        row.state.clone(),
        row.direction.clone(),
        row.kind.clone(),
        row.urgency.clone(),
        row.outcome.clone(),
        row.count.to_string(),
        row.acknowledged_seconds.to_string(),
        row.answered_seconds.to_string(),
        row.concluded_seconds.to_string(),
        row.concluded_seconds_max.to_string(),
        row.overdue.to_string(),
        row.late.to_string(),
    ]
}

fn sheet(rows: &[pb::StatisticsRow]) -> Sheet {
    let header = [
        "state",
        "direction",
        "kind",
        "urgency",
        "outcome",
        "count",
        "acknowledged",
        "answered",
        "concluded",
        "at most",
        "overdue",
        "late",
    ];
    let rows = rows.iter().map(|row| {
        let mut cells = values(row);
        let times = [
            row.acknowledged_seconds,
            row.answered_seconds,
            row.concluded_seconds,
            row.concluded_seconds_max,
        ];
        for (cell, seconds) in cells.iter_mut().skip(6).zip(times) {
            *cell = lasting(seconds);
        }
        cells
    });
    Sheet::new().table(header, rows)
}

/// CSV by RFC 4180: a header, one line a row, each ended by CR and LF.
fn csv(rows: &[pb::StatisticsRow]) -> String {
    let header = COLUMNS.map(str::to_owned);
    let lines = std::iter::once(header).chain(rows.iter().map(values));
    lines.map(|cells| cells.map(|cell| quoted(&cell)).join(",") + "\r\n").collect()
}

/// A value as a field of CSV. What steers a terminal is written out, line ends among it.
fn quoted(value: &str) -> String {
    let value = visible(value);
    if value.contains(['"', ',']) {
        return format!("\"{}\"", value.replace('"', "\"\""));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> pb::StatisticsRow {
        pb::StatisticsRow {
            state: "PAN".to_owned(),
            direction: "sent".to_owned(),
            kind: "SOM.8.2.VESSEL".to_owned(),
            urgency: "immediate".to_owned(),
            outcome: "executed".to_owned(),
            count: 2,
            acknowledged_seconds: 90,
            answered_seconds: 7_200,
            concluded_seconds: 93_600,
            concluded_seconds_max: 93_601,
            overdue: 1,
            late: 3,
        }
    }

    #[test]
    fn the_columns_are_the_fields_of_a_row_and_help_explains_each() {
        let fields = json::from_message(&row());
        let names: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, COLUMNS);
        for name in COLUMNS {
            let explained = |line: &str| line.trim_start().split(' ').next() == Some(name);
            assert!(COLUMNS_HELP.lines().any(explained), "{name}");
        }
    }

    #[test]
    fn csv_has_a_header_and_one_line_a_row() {
        let wanted = "state,direction,kind,urgency,outcome,count,acknowledged_seconds,\
                      answered_seconds,concluded_seconds,concluded_seconds_max,overdue,late\r\n\
                      PAN,sent,SOM.8.2.VESSEL,immediate,executed,2,90,7200,93600,93601,1,3\r\n";
        assert_eq!(csv(&[row()]), wanted);
        assert_eq!(csv(&[]).lines().count(), 1, "a year without requests has a header");
    }

    #[test]
    fn fields_are_quoted_where_they_would_be_taken_for_more_than_one() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
        assert_eq!(quoted("a\r\nb"), "a\\u{d}\\u{a}b");
    }
}
