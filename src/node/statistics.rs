//! The requests of a year, counted by State, kind, outcome and time taken (Directive (EU) 2023/977,
//! art. 18 asks such figures of each single point of contact every year).
//!
//! Exercises do not count. Confidential requests count without State and kind: the fact of a
//! request to a State is itself protected (UNTOC 18(20)).

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::domain::ids::{AgencyId, StateCode};
use crate::domain::lifecycle::Side;
use crate::domain::obligation::DueStage;
use crate::history::dockets::PartyRecord;
use crate::history::requests::{self, RequestRecord};
use crate::history::rows::HistoryError;
use crate::node::query::{self, RequestView};
use crate::node::setting::Setting;

/// What stands for State and kind of a confidential request.
pub const WITHHELD: &str = "withheld";
/// Requests read in one step.
const STEP: usize = 256;

/// What the requests of one row have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The other State, the other agency's country where it is none, or [`WITHHELD`].
    pub state: String,
    /// True where this agency asks.
    pub sent: bool,
    /// Code of the kind, or [`WITHHELD`].
    pub kind: String,
    /// immediate, priority or routine.
    pub urgency: &'static str,
    /// open, executed, refused, withdrawn or closed.
    pub outcome: &'static str,
}

/// How many there are, and how long they took, in milliseconds each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests, one for each executing agency.
    pub count: u64,
    /// Until the authority acknowledged.
    pub acknowledged_ms: Vec<i64>,
    /// Until the first answer of substance.
    pub answered_ms: Vec<i64>,
    /// Until it was concluded.
    pub concluded_ms: Vec<i64>,
    /// Deadlines that passed unmet and still are.
    pub overdue: u64,
    /// Deadlines that passed unmet and were met, or fell away, later.
    pub late: u64,
}

impl Count {
    /// The middle of `times`, or the mean of the two in the middle; 0 for none.
    pub fn median_ms(times: &[i64]) -> i64 {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let half = sorted.len() / 2;
        let at = |place: usize| sorted.get(place).copied().unwrap_or(0);
        if sorted.len() % 2 == 1 { at(half) } else { at(half.wrapping_sub(1)).midpoint(at(half)) }
    }
}

/// Counts the requests that were opened from `begin` to before `end`.
pub fn between(
    setting: &Setting,
    begin: Timestamp,
    end: Timestamp,
) -> Result<BTreeMap<Group, Count>, HistoryError> {
    let mut rows = BTreeMap::new();
    let mut before = None;
    loop {
        let page = query::requests_page(setting, before, STEP)?;
        let Some(last) = page.last() else {
            return Ok(rows);
        };
        before = Some(last.record.opened);
        let over = last.record.opened_at < begin;
        for view in &page {
            let opened = view.record.opened_at;
            if opened >= begin && opened < end && !view.record.exercise {
                count(setting, view, &mut rows);
            }
        }
        if over {
            return Ok(rows);
        }
    }
}

fn count(setting: &Setting, view: &RequestView, rows: &mut BTreeMap<Group, Count>) {
    for party in &view.parties {
        let row = rows.entry(group(setting, &view.record, party)).or_default();
        let took = |at: Timestamp| at.millis_since(view.record.opened_at).max(0);
        row.count += 1;
        row.acknowledged_ms.extend(party.acknowledged_at.map(took));
        row.answered_ms.extend(party.answered_at.map(took));
        row.concluded_ms.extend(party.concluded.map(|(_, at)| took(at)));
        let overdue = party.owed().into_iter().filter(|it| it.stage == Some(DueStage::Overdue));
        let overdue = u64::try_from(overdue.count()).unwrap_or(u64::MAX);
        row.overdue += overdue;
        row.late += party.missed.saturating_sub(overdue);
    }
}

fn group(setting: &Setting, request: &RequestRecord, party: &PartyRecord) -> Group {
    let sent = requests::side(request, &setting.agency) == Side::Requester;
    let other = if sent { &party.agency } else { request.requester.agency() };
    let outcome = party.concluded.map_or("open", |(state, _)| state.as_str());
    let withheld = |shown: String| if request.confidential { WITHHELD.to_owned() } else { shown };
    Group {
        state: withheld(country(other)),
        sent,
        kind: withheld(request.kind.to_string()),
        urgency: request.urgency.as_str(),
        outcome,
    }
}

fn country(agency: &AgencyId) -> String {
    StateCode::of(agency).map_or_else(|| agency.country().to_owned(), |it| it.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        for (times, median) in
            [(vec![], 0), (vec![7], 7), (vec![9, 1, 5], 5), (vec![8, 2, 4, 100], 6)]
        {
            assert_eq!(Count::median_ms(&times), median, "{times:?}");
        }
    }
}
