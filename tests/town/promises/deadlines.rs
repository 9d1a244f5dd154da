//! What is owed and by when: at both sides the same, with who says so, noted once each time.

use rogatory::clock::Timestamp;
use rogatory::directory::contact_point::Hours;
use rogatory::directory::{OfficeHours, Opening};
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::domain::obligation::DueStage;
use rogatory::identity::{Principal, Role};
use rogatory::transport::oversight;
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::promises::messages::{ARE_DESK, bank_records, from_are, from_bra, hearing, with};
use crate::promises::network::{ARE, BRA, DAY, HOUR, Network, Sent, time};

/// The only thing owed in a request: what, by whom, when, and who says so.
fn owed(network: &Network, n: usize, request: RequestId) -> (String, String, String, String) {
    let mut all = network.party(n, request).deadlines;
    assert_eq!(all.len(), 1, "{all:?}");
    let due = all.remove(0);
    (due.obligation, due.owner, due.due, due.source)
}

/// Both sides show this as the only thing owed.
fn both_owe(network: &Network, sent: Sent, expected: (&str, &str, &str, &str)) {
    for n in [BRA, ARE] {
        let (what, owner, at, source) = owed(network, n, sent.request);
        assert_eq!((&*what, &*owner, &*at, &*source), expected, "node {n}");
    }
}

/// Both sides show this among what is owed.
fn both_owe_besides(network: &Network, sent: Sent, expected: (&str, &str, &str, &str)) {
    for n in [BRA, ARE] {
        let all = network.party(n, sent.request).deadlines;
        let same = |it: &&pb::Deadline| it.obligation == expected.0;
        let found: Vec<_> = all.iter().filter(same).collect();
        let [due] = found.as_slice() else { panic!("node {n}: {all:?}") };
        assert_eq!((&*due.obligation, &*due.owner, &*due.due, &*due.source), expected, "node {n}");
    }
}

fn neither_owes(network: &Network, sent: Sent, obligation: &str) {
    for n in [BRA, ARE] {
        let all = network.party(n, sent.request).deadlines;
        assert!(all.iter().all(|it| it.obligation != obligation), "node {n}: {all:?}");
    }
}

/// Stages that node `n` has noted since position `from`.
fn noted(network: &Network, n: usize, from: u64) -> Vec<DueStage> {
    let entries = network.entries(n, from).into_iter();
    let noted = entries.filter(|it| it.entry.fact == Fact::DeadlineNoted);
    noted.map(|it| it.skeleton.deadline.unwrap().stage).collect()
}

fn listed(network: &Network, n: usize, ours_only: bool) -> Vec<pb::Deadline> {
    let setting = network.setting(n);
    let clerk = Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap();
    let asked = pb::ListDeadlinesRequest { ours_only, ..pb::ListDeadlinesRequest::default() };
    oversight::deadlines(&setting, &clerk.to_string(), &asked).unwrap().deadlines
}

fn acknowledged(network: &mut Network, file: &Value) -> Sent {
    let sent = network.send(BRA, file);
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    sent
}

fn examined(network: &mut Network, file: &Value) -> Sent {
    let sent = acknowledged(network, file);
    network.send(ARE, &from_are(sent.request, "transmitted_for_execution", json!({})));
    sent
}

#[test]
fn an_acknowledgement_is_owed_in_time_and_each_stage_is_noted_once_at_each_side() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let due = network.now().plus_millis(DAY).to_string();
    both_owe(&network, sent, ("acknowledge", "requested", &due, "policy"));
    let before = [network.size(BRA), network.size(ARE)];
    // A quarter of the time before it falls due.
    let stages: [(i64, &[DueStage]); 5] = [
        (18 * HOUR - 1, &[]),
        (1, &[DueStage::Soon]),
        (6 * HOUR - 1, &[DueStage::Soon]),
        (1, &[DueStage::Soon, DueStage::Overdue]),
        (30 * DAY, &[DueStage::Soon, DueStage::Overdue]),
    ];
    for (passed, expected) in stages {
        network.pass(passed);
        for n in [BRA, ARE] {
            for _ in 0..3 {
                network.do_duties(n);
            }
            assert_eq!(noted(&network, n, before[n]), expected, "node {n}");
            assert_eq!(network.size(n), before[n] + expected.len() as u64, "node {n}");
            let stage = expected.last().map_or("", |it| it.as_str());
            let [shown] = listed(&network, n, false).try_into().unwrap();
            assert_eq!((shown.stage.as_str(), shown.source.as_str()), (stage, "policy"));
            assert_eq!((shown.due.as_str(), shown.ours), (due.as_str(), n == ARE));
            assert_eq!(listed(&network, n, true).len(), usize::from(n == ARE));
        }
    }
}

#[test]
fn a_deadline_that_was_met_is_noted_by_nobody() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    network.pass(17 * HOUR);
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    let before = [network.size(BRA), network.size(ARE)];
    network.pass(8 * HOUR);
    for n in [BRA, ARE] {
        network.do_duties(n);
        assert_eq!(network.size(n), before[n], "node {n}");
    }
}

#[test]
fn a_node_that_was_down_notes_what_passed_meanwhile_and_only_that() {
    let mut network = Network::new();
    network.send(BRA, &bank_records());
    let before = network.size(ARE);
    network.pass(2 * DAY);
    network.restart(ARE);
    network.do_duties(ARE);
    network.do_duties(ARE);
    assert_eq!(noted(&network, ARE, before), [DueStage::Overdue]);
    network.restart(ARE);
    network.do_duties(ARE);
    assert_eq!(network.size(ARE), before + 1);
}

#[test]
fn the_time_that_the_requester_suggests_is_owed_as_suggested_until_it_has_passed() {
    let mut network = Network::new();
    let respond_by = json!({"at": "2026-05-15T00:00:00Z", "reason": "The hearing is on 8 June"});
    let file = with(bank_records(), json!({"respond_by": respond_by}));
    let sent = network.send(BRA, &file);
    let day = network.now().plus_millis(DAY).to_string();
    both_owe(&network, sent, ("acknowledge", "requested", &day, "policy"));
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    let at = "2026-05-15T00:00:00Z";
    both_owe(&network, sent, ("answer", "requested", at, "suggested"));
    network.send(ARE, &from_are(sent.request, "transmitted_for_execution", json!({})));
    both_owe(&network, sent, ("decide", "requested", at, "suggested"));
    network.pass_to(time("2026-05-15T00:00:00Z"));
    network.send(ARE, &from_are(sent.request, "progress_report", json!({})));
    let days = network.now().plus_millis(30 * DAY).to_string();
    both_owe(&network, sent, ("execute", "requested", &days, "policy"));
}

#[test]
fn questions_are_answered_by_the_time_that_they_name() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records());
    let questions = json!({"clarification": {"basis": "UNTOC 18(16)", "clock": "suspended",
        "questions": [{"id": "Q1", "pointer": "/nexus", "text": "Which of the lines?"}],
        "answer_by": "2026-03-23T00:00:00Z"}});
    network.send(ARE, &from_are(sent.request, "clarification_request", questions));
    both_owe(&network, sent, ("clarify", "requester", "2026-03-23T00:00:00Z", "suggested"));
    network.pass(HOUR);
    network.send(BRA, &from_bra(sent.request, "progress_query", json!({})));
    both_owe(&network, sent, ("clarify", "requester", "2026-03-23T00:00:00Z", "suggested"));
    let answers = json!({"supplement": {"answers": [{"question": "Q1", "text": "22 to 41"}]}});
    network.send(BRA, &from_bra(sent.request, "supplement", answers));
    let days = network.now().plus_millis(3 * DAY).to_string();
    both_owe(&network, sent, ("decide", "requested", &days, "policy"));
}

#[test]
fn a_question_without_a_time_is_answered_within_the_service_level() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records());
    network.send(ARE, &from_are(sent.request, "clarification_request", json!({})));
    let days = network.now().plus_millis(3 * DAY).to_string();
    both_owe(&network, sent, ("clarify", "requester", &days, "policy"));
}

#[test]
fn safe_conduct_lasts_fifteen_days_by_treaty_or_as_long_as_was_agreed() {
    for (agreed, ends, source) in [
        (None, "2026-06-05T12:00:00Z", "treaty_phrase"),
        (Some(20), "2026-06-10T12:00:00Z", "agreed"),
    ] {
        let mut network = Network::new();
        let sent = acknowledged_hearing(&mut network);
        let notice = json!({"kind": "UNTOC.18.18.VIDEO", "safe_conduct": {"person": "P1",
            "presence_no_longer_required_at": "2026-05-21T12:00:00Z", "days_agreed": agreed}});
        network.send(BRA, &from_bra(sent.request, "safe_conduct_notice", notice));
        both_owe_besides(&network, sent, ("safe_conduct_ends", "requester", ends, source));
        assert_eq!(network.states(sent.request), ["received", "received"]);
    }
}

fn acknowledged_hearing(network: &mut Network) -> Sent {
    let sent = network.send(BRA, &hearing());
    let ack = json!({"kind": "UNTOC.18.18.VIDEO"});
    network.send(ARE, &from_are(sent.request, "ack_receipt", ack));
    sent
}

#[test]
fn a_request_by_word_of_mouth_is_confirmed_in_writing_by_a_supplement_or_an_amendment() {
    for word in ["supplement", "amendment"] {
        let mut network = Network::new();
        let oral = json!({"form": "oral_note", "oral": {"agreed": true}});
        let sent = network.send(BRA, &with(bank_records(), oral));
        let day = network.now().plus_millis(DAY).to_string();
        let expected = ("confirm_in_writing", "requester", &*day, "treaty_phrase");
        both_owe_besides(&network, sent, expected);
        network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
        network.send(BRA, &from_bra(sent.request, "progress_query", json!({})));
        both_owe_besides(&network, sent, expected);
        network.send(BRA, &from_bra(sent.request, word, json!({"note": "In writing"})));
        neither_owes(&network, sent, "confirm_in_writing");
    }
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    neither_owes(&network, sent, "confirm_in_writing");
}

#[test]
fn retention_and_confidentiality_end_with_the_days_that_the_message_names() {
    let mut network = Network::new();
    let mut file = bank_records();
    file["handling"]["review_by"] = json!("2027-03-02");
    file["handling"]["retain_until"] = json!("2031-12-31");
    file["art_18_5"] = json!({"remain_confidential": true, "until": "2026-06-30"});
    let sent = network.send(BRA, &file);
    for (what, at, source) in [
        ("confidentiality_ends", "2026-06-30T23:59:59Z", "treaty_phrase"),
        ("review_retention", "2027-03-02T23:59:59Z", "agreed"),
        ("end_retention", "2031-12-31T23:59:59Z", "agreed"),
    ] {
        both_owe_besides(&network, sent, (what, "requested", at, source));
    }
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    let end = ("end_retention", "requested", "2031-12-31T23:59:59Z", "agreed");
    both_owe_besides(&network, sent, end);
}

/// The desk of ARE keeps office hours in Rome.
fn with_office() -> Network {
    let office = || {
        let open: Vec<Opening> = vec!["mon-fri 09:00-17:00".parse().unwrap()];
        let holidays = vec!["2026-03-17".parse().unwrap()];
        Hours::Office(OfficeHours::new(Some("Europe/Rome"), open, holidays).unwrap())
    };
    Network::with(|draft| draft.agencies[ARE].contact_points[0].hours = office(), |_, _| {})
}

fn due_at_office(sent_at: &str, level: &str) -> Timestamp {
    let mut network = with_office();
    network.pass_to(time(sent_at));
    let urgency = json!({"urgency": {"level": level, "reason": "The bank deletes on Monday"}});
    let sent = network.send(BRA, &with(bank_records(), urgency));
    let dues = [BRA, ARE].map(|n| owed(&network, n, sent.request));
    assert_eq!(dues[0], dues[1]);
    let (what, owner, at, source) = &dues[0];
    assert_eq!((&**what, &**owner, &**source), ("acknowledge", "requested", "policy"));
    let directory = &network.setting(ARE).directory();
    let hours = &directory.contact_point(&ARE_DESK.parse().unwrap()).unwrap().hours;
    let at = time(at);
    // Days end while the desk is open; hours may end with its closing.
    assert!(hours.open_at(at) || (level == "immediate" && hours.open_at(at.plus_millis(-1))));
    at
}

#[test]
fn what_a_desk_with_office_hours_owes_falls_due_while_it_works() {
    // Friday evening in Rome, seven days later is Friday evening: it opens on Monday at nine.
    let due = due_at_office("2026-03-06T18:00:00Z", "routine");
    assert_eq!(due.to_string(), "2026-03-16T08:00:00Z");
    // On a working time it is the same time of day.
    let due = due_at_office("2026-03-05T10:30:00Z", "routine");
    assert_eq!(due.to_string(), "2026-03-12T10:30:00Z");
    // Seven days later is a holiday.
    let due = due_at_office("2026-03-10T10:30:00Z", "routine");
    assert_eq!(due.to_string(), "2026-03-18T08:00:00Z");
    // The clocks go forward in between: half past ten in Rome is half past eight in UTC.
    let due = due_at_office("2026-03-27T09:30:00Z", "routine");
    assert_eq!(due.to_string(), "2026-04-03T08:30:00Z");
}

#[test]
fn an_hour_that_a_desk_has_is_an_hour_in_which_it_works() {
    let due = due_at_office("2026-03-06T18:00:00Z", "immediate");
    assert_eq!(due.to_string(), "2026-03-09T09:00:00Z");
    let due = due_at_office("2026-03-06T15:30:00Z", "immediate");
    assert_eq!(due.to_string(), "2026-03-09T08:30:00Z");
    let due = due_at_office("2026-03-06T15:00:00Z", "immediate");
    assert_eq!(due.to_string(), "2026-03-06T16:00:00Z");
    // Over the weekend in which the clocks go forward.
    let due = due_at_office("2026-03-27T18:00:00Z", "immediate");
    assert_eq!(due.to_string(), "2026-03-30T08:00:00Z");
}

#[test]
fn no_state_but_the_last_is_without_somebody_who_owes_something_by_a_time() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let walk = [
        (ARE, "ack_receipt", "received"),
        (ARE, "redirect_notice", "redirected"),
        (ARE, "ack_receipt", "received"),
        (ARE, "transmitted_for_execution", "in_examination"),
        (ARE, "clarification_request", "awaiting_requester"),
        (BRA, "supplement", "in_examination"),
        (ARE, "conditions_offer", "conditions_pending"),
        (BRA, "conditions_decline", "in_examination"),
        (ARE, "consultation", "consulting"),
        (ARE, "postponement", "postponed"),
        (ARE, "resumption", "in_execution"),
        (ARE, "partial_result", "partially_executed"),
        (ARE, "consultation", "consulting"),
        (ARE, "refusal", "refused"),
        (ARE, "result", "executed"),
        (BRA, "receipt_of_result", "delivered_result"),
        (BRA, "closing", "closed"),
        (BRA, "reopening", "received"),
        (BRA, "withdrawal", "withdrawn"),
        (ARE, "withdrawal_confirmed", "withdrawn"),
        (BRA, "closing", "closed"),
    ];
    for (n, act, state) in walk {
        network.pass(HOUR);
        let build = if n == BRA { from_bra } else { from_are };
        network.send(n, &build(sent.request, act, json!({})));
        assert_eq!(network.states(sent.request), [state, state], "after {act}");
        let shown = [BRA, ARE].map(|n| network.party(n, sent.request));
        assert_eq!((&shown[0].owner, &shown[0].due), (&shown[1].owner, &shown[1].due));
        if state == "closed" {
            // What is left to be done is to erase it, in time.
            let owed: Vec<_> = shown[0].deadlines.iter().map(|it| it.obligation.as_str()).collect();
            assert_eq!((shown[0].owner.as_str(), owed), ("nobody", vec!["end_retention"]));
        } else {
            assert!(matches!(shown[0].owner.as_str(), "requester" | "requested"), "after {act}");
            assert!(time(&shown[0].due) > network.now(), "after {act}");
            assert_eq!(shown[0].due_source, "policy", "after {act}");
        }
    }
}

#[test]
fn each_side_reviews_what_the_other_gave_it_at_the_time_that_came_with_it() {
    let mut network = Network::new();
    let reviewed = |mut file: Value, day: &str| {
        file["handling"]["review_by"] = json!(day);
        file
    };
    let sent = network.send(BRA, &reviewed(bank_records(), "2027-03-02"));
    let reviews = |network: &Network, n| -> Vec<(String, String, bool)> {
        let owed = network.party(n, sent.request).deadlines.into_iter();
        let reviews = owed.filter(|it| it.obligation == "review_retention");
        reviews.map(|it| (it.owner, it.due, it.ours)).collect()
    };
    let ack = |day| reviewed(from_are(sent.request, "ack_receipt", json!({})), day);
    network.send(ARE, &ack("2027-05-01"));
    for n in [BRA, ARE] {
        let requested = ("requested".to_owned(), "2027-03-02T23:59:59Z".to_owned(), n == ARE);
        let requester = ("requester".to_owned(), "2027-05-01T23:59:59Z".to_owned(), n == BRA);
        assert_eq!(reviews(&network, n), [requested, requester], "node {n}");
    }
    // A later time of the same side takes the place of the earlier one, and of no other.
    network.send(ARE, &ack("2027-01-01"));
    for n in [BRA, ARE] {
        let times: Vec<String> = reviews(&network, n).into_iter().map(|it| it.1).collect();
        assert_eq!(times, ["2027-01-01T23:59:59Z", "2027-03-02T23:59:59Z"], "node {n}");
    }
    let before = network.size(ARE);
    network.pass_to(time("2027-03-03T00:00:00Z"));
    for _ in 0..2 {
        network.do_duties(ARE);
    }
    let noted: Vec<_> = network
        .entries(ARE, before)
        .into_iter()
        .filter_map(|it| it.skeleton.deadline)
        .filter(|it| it.obligation.as_str() == "review_retention")
        .map(|it| (it.owner.as_str(), it.stage))
        .collect();
    assert_eq!(noted, [("requester", DueStage::Overdue), ("requested", DueStage::Overdue)]);
}
