//! The figures of a year: what was sent and received, how long it took, and what is not counted.

use rogatory::transport::oversight;
use rogatory::wire::pb;
use serde_json::json;

use crate::promises::messages::{
    ARE_DESK, MLT_DESK, bank_records, from_are, from_bra, vessel, with,
};
use crate::promises::network::{ARE, BRA, DAY, HOUR, MINUTE, Network, Sent, time};

fn figures(network: &Network, n: usize, year: u32) -> Vec<pb::StatisticsRow> {
    let found = oversight::figures(&network.setting(n), year).unwrap();
    assert_eq!(found.year, year);
    found.rows
}

/// A row of bank records that BRA asked of ARE, with nothing counted yet.
fn row(direction: &str, state: &str, outcome: &str) -> pb::StatisticsRow {
    pb::StatisticsRow {
        state: state.to_owned(),
        direction: direction.to_owned(),
        kind: "UNTOC.18.3.F.DOCS".to_owned(),
        urgency: "priority".to_owned(),
        outcome: outcome.to_owned(),
        ..pb::StatisticsRow::default()
    }
}

/// A request that was acknowledged, answered and executed so many minutes after it was sent.
fn executed(network: &mut Network, minutes: [i64; 3]) -> Sent {
    let opened = network.now();
    let sent = network.send(BRA, &bank_records());
    let [acknowledged, answered, concluded] = minutes;
    for (act, at) in [
        ("ack_receipt", acknowledged),
        ("transmitted_for_execution", acknowledged + 1),
        ("progress_report", answered),
        ("result", concluded),
    ] {
        network.pass_to(opened.plus_millis(at * MINUTE));
        network.send(ARE, &from_are(sent.request, act, json!({})));
    }
    sent
}

#[test]
fn a_year_counts_what_was_sent_and_received_with_the_time_in_the_middle() {
    let mut network = Network::new();
    for minutes in [[10, 100, 1_000], [30, 600, 9_000], [20, 200, 3_000]] {
        executed(&mut network, minutes);
    }
    let taken = |row: pb::StatisticsRow| pb::StatisticsRow {
        count: 3,
        acknowledged_seconds: 20 * 60,
        answered_seconds: 200 * 60,
        concluded_seconds: 3_000 * 60,
        concluded_seconds_max: 9_000 * 60,
        ..row
    };
    assert_eq!(figures(&network, BRA, 2026), [taken(row("sent", "ARE", "executed"))]);
    assert_eq!(figures(&network, ARE, 2026), [taken(row("received", "BRA", "executed"))]);
    executed(&mut network, [50, 400, 5_000]);
    let even = &figures(&network, BRA, 2026)[0];
    assert_eq!((even.count, even.acknowledged_seconds), (4, 25 * 60));
    assert_eq!((even.answered_seconds, even.concluded_seconds), (300 * 60, 4_000 * 60));
}

#[test]
fn rows_are_apart_by_state_urgency_kind_and_outcome() {
    let mut network = Network::new();
    let to_both = json!({"to": [ARE_DESK, MLT_DESK]});
    let withdrawn = network.send(BRA, &bank_records());
    network.send(BRA, &from_bra(withdrawn.request, "withdrawal", json!({})));
    network.send(BRA, &with(bank_records(), to_both));
    network.send(BRA, &vessel());
    let found: Vec<_> = figures(&network, BRA, 2026)
        .into_iter()
        .map(|it| (it.state, it.kind, it.urgency, it.outcome, it.count))
        .collect();
    let row = |state: &str, kind: &str, urgency: &str, outcome: &str| {
        (state.to_owned(), kind.to_owned(), urgency.to_owned(), outcome.to_owned(), 1)
    };
    assert_eq!(
        found,
        [
            row("ARE", "SOM.8.2.VESSEL", "immediate", "open"),
            row("ARE", "UNTOC.18.3.F.DOCS", "priority", "open"),
            row("ARE", "UNTOC.18.3.F.DOCS", "priority", "withdrawn"),
            row("MLT", "UNTOC.18.3.F.DOCS", "priority", "open"),
        ]
    );
}

#[test]
fn exercises_do_not_count() {
    let mut network = Network::new();
    network.send(BRA, &with(bank_records(), json!({"exercise": true})));
    for n in [BRA, ARE] {
        assert_eq!(figures(&network, n, 2026), []);
    }
    network.send(BRA, &with(bank_records(), json!({"exercise": false})));
    for n in [BRA, ARE] {
        assert_eq!(figures(&network, n, 2026).len(), 1);
    }
}

#[test]
fn state_and_kind_of_a_confidential_request_are_withheld() {
    let mut network = Network::new();
    let mut file = bank_records();
    file["handling"]["confidentiality_requested"] = json!(true);
    network.send(BRA, &file);
    for (n, direction) in [(BRA, "sent"), (ARE, "received")] {
        let kind = "withheld".to_owned();
        let expected = pb::StatisticsRow { kind, count: 1, ..row(direction, "withheld", "open") };
        assert_eq!(figures(&network, n, 2026), [expected]);
    }
}

#[test]
fn a_year_begins_with_its_first_moment_and_ends_before_the_next_one() {
    let mut network = Network::new();
    for at in ["2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z", "2027-12-31T23:59:59.999Z"] {
        network.pass_to(time(at));
        network.send(BRA, &bank_records());
    }
    let counts = [2025, 2026, 2027, 2028]
        .map(|year| figures(&network, BRA, year).iter().map(|it| it.count).sum::<u64>());
    assert_eq!(counts, [0, 1, 2, 0]);
}

#[test]
fn deadlines_that_passed_unmet_are_counted_where_they_were_noted() {
    let mut network = Network::new();
    network.send(BRA, &bank_records());
    network.pass(DAY);
    assert_eq!(figures(&network, BRA, 2026)[0].overdue, 0);
    for n in [BRA, ARE] {
        network.do_duties(n);
        assert_eq!(figures(&network, n, 2026)[0].overdue, 1);
    }
    network.pass(HOUR);
    network.do_duties(BRA);
    assert_eq!(figures(&network, BRA, 2026)[0].overdue, 1);
}

#[test]
fn a_deadline_that_is_met_late_counts_as_late_and_no_longer_as_overdue() {
    let mut network = Network::new();
    let late = |network: &Network, n: usize| {
        let row = figures(network, n, 2026).remove(0);
        (row.overdue, row.late)
    };
    let sent = network.send(BRA, &bank_records());
    network.pass(DAY);
    for n in [BRA, ARE] {
        network.do_duties(n);
        assert_eq!(late(&network, n), (1, 0));
    }
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    for n in [BRA, ARE] {
        assert_eq!(late(&network, n), (0, 1));
        rogatory::node::rebuild(&network.setting(n)).unwrap();
        assert_eq!(late(&network, n), (0, 1), "the journal tells the same again");
    }
    let punctual = network.send(BRA, &bank_records());
    network.send(ARE, &from_are(punctual.request, "ack_receipt", json!({})));
    assert_eq!(late(&network, BRA), (0, 1), "what is met in time is neither");
}
