//! What the demo showed, for people and for programs.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::cli::demo::carry::{Tally, seconds};
use crate::cli::demo::replay::Finding;
use crate::cli::demo::say::{Teller, bold, green, red};
use crate::domain::ids::AgencyId;

/// What came of the demo.
pub(super) struct Report {
    /// What was counted.
    pub(super) tally: Tally,
    /// Last state of each request.
    pub(super) states: BTreeMap<String, String>,
    /// What the auditors found.
    pub(super) findings: BTreeMap<AgencyId, Finding>,
    /// From the command to this report, in milliseconds.
    pub(super) took_ms: i64,
}

impl Report {
    /// Whether every message arrived and every journal verified.
    pub(super) fn is_good(&self) -> bool {
        self.tally.sent == self.tally.delivered && self.findings.values().all(Result::is_ok)
    }

    /// The report for programs.
    pub(super) fn to_json(&self) -> Value {
        let entries = self.findings.iter().map(|(agency, finding)| {
            let entries = finding.as_ref().map_or(0, |verdict| verdict.entries);
            (agency.to_string(), json!(entries))
        });
        let faults = self.findings.iter().filter_map(|(agency, finding)| {
            Some((agency.to_string(), json!(finding.as_ref().err()?)))
        });
        let first = self.tally.first_delivery_ms.map(seconds);
        json!({
            "ok": self.is_good(),
            "messages_sent": self.tally.sent,
            "messages_delivered": self.tally.delivered,
            "messages_answered": self.tally.answered.len(),
            "receipts_verified": self.tally.receipts.len(),
            "entries_replayed": Value::Object(entries.collect()),
            "faults": Value::Object(faults.collect()),
            "requests": self.states,
            "first_delivery_seconds": first,
            "seconds": seconds(self.took_ms),
        })
    }

    /// The report for people.
    pub(super) fn tell(&self, teller: &Teller) {
        teller.line(format!("\n{}", bold("What the auditors found")));
        teller.line(indented(&self.journals().to_string()));
        teller.line(format!("\n{}", bold("Summary")));
        teller.line(indented(&self.figures().to_string()));
        let verdict = if self.is_good() {
            green("Every message arrived, and every proof holds.")
        } else {
            red("Not everything holds; see the faults above.")
        };
        teller.line(format!("\n{}", bold(verdict)));
    }

    fn journals(&self) -> Table {
        let mut table = table();
        table.set_header(["journal", "entries", "statements", "countersigned", "verdict"]);
        for (agency, finding) in &self.findings {
            let number = |it: u64| it.to_string();
            match finding {
                Ok(verdict) => table.add_row([
                    verdict.journal.to_string(),
                    number(verdict.entries),
                    number(verdict.statements),
                    number(verdict.countersigned),
                    "every proof holds".to_owned(),
                ]),
                Err(fault) => {
                    let none = || "-".to_owned();
                    table.add_row([agency.to_string(), none(), none(), none(), fault.clone()])
                }
            };
        }
        for column in 1..=3 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn figures(&self) -> Table {
        let mut table = table();
        let tally = &self.tally;
        let entries = self.findings.values().flatten().map(|it| it.entries).sum::<u64>();
        let first = tally.first_delivery_ms.map_or(0.0, seconds);
        let rows = [
            ("messages sent", tally.sent.to_string()),
            ("messages delivered, with proof", tally.delivered.to_string()),
            ("messages answered", tally.answered.len().to_string()),
            ("receipts verified", tally.receipts.len().to_string()),
            ("entries replayed", format!("{entries} in {} journals", self.findings.len())),
            ("first delivery", format!("{first:.2} s after the command")),
            ("all in all", format!("{:.2} s", seconds(self.took_ms))),
        ];
        for (what, figure) in rows {
            table.add_row([what.to_owned(), figure]);
        }
        for (request, state) in &self.states {
            table.add_row([format!("request {request}"), state.clone()]);
        }
        table
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("   {}", line.trim_end())).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut tally = Tally { sent: 2, delivered: 2, ..Tally::default() };
        tally.first_delivery_ms = Some(1_500);
        let states = BTreeMap::from([("r".to_owned(), "closed".to_owned())]);
        Report { tally, states, findings: BTreeMap::new(), took_ms: 2_250 }
    }

    #[test]
    fn the_object_has_every_figure() {
        let expected = json!({
            "ok": true, "messages_sent": 2, "messages_delivered": 2, "messages_answered": 0,
            "receipts_verified": 0, "entries_replayed": {}, "faults": {},
            "requests": {"r": "closed"}, "first_delivery_seconds": 1.5, "seconds": 2.25,
        });
        assert_eq!(report().to_json(), expected);
    }

    #[test]
    fn a_fault_or_a_message_that_did_not_arrive_is_not_good() {
        let mut bad = report();
        bad.findings.insert("ita.coast-guard".parse().unwrap(), Err("entry 3".to_owned()));
        assert!(!bad.is_good());
        assert_eq!(bad.to_json().pointer("/faults/ita.coast-guard").unwrap(), "entry 3");
        let mut short = report();
        short.tally.delivered = 1;
        assert!(!short.is_good());
    }
}
