//! Content is kept as long as the rules say and no longer; what is held stays.

use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::domain::retention::{ErasureCause, KeepDays};
use rogatory::history::state_hash;
use rogatory::node::command::{Command, Outcome};
use rogatory::node::content::{self, ContentError};
use rogatory::node::{self, query};
use serde_json::{Value, json};

use crate::promises::messages::{bank_records, from_are, from_bra};
use crate::promises::network::{ARE, BRA, Network, Sent, time};

const DAY: i64 = 24 * 3_600_000;

/// A request of BRA that ARE declined and BRA closed: three messages.
fn closed(network: &mut Network, file: &Value) -> Sent {
    let sent = network.send(BRA, file);
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    network.send(BRA, &from_bra(sent.request, "withdrawal", json!({})));
    network.send(BRA, &from_bra(sent.request, "closing", json!({})));
    assert_eq!(network.states(sent.request), ["closed", "closed"]);
    sent
}

/// Does what is due until nothing more is.
fn rest(network: &mut Network, n: usize) {
    loop {
        let before = network.size(n);
        network.do_duties(n);
        if network.size(n) == before {
            return;
        }
    }
}

/// How many messages of a request node `n` has content of, and how many it erased.
fn content_of(network: &Network, n: usize, request: RequestId) -> (usize, usize) {
    let setting = network.setting(n);
    let messages = query::request_messages(&setting, request).unwrap();
    let opened = |header| match content::open(&setting, header) {
        Ok(_) => true,
        Err(ContentError::Absent) => false,
        Err(other) => panic!("{other}"),
    };
    let here = messages.iter().filter(|it| opened(&it.header)).count();
    (here, messages.iter().filter(|it| it.record.erased.is_some()).count())
}

fn hold(network: &mut Network, n: usize, request: RequestId, held: bool) {
    let call = network.call(n, "clerk");
    let decided = network.ask(n, Command::Hold { call, request, held });
    assert!(matches!(decided, Ok(Outcome::Done(_))), "{decided:?}");
}

fn ends(network: &Network, n: usize, request: RequestId) -> Vec<(String, String, bool)> {
    let owed = network.party(n, request).deadlines.into_iter();
    let ends = owed.filter(|it| it.obligation == "end_retention");
    ends.map(|it| (it.due, it.source, it.ours)).collect()
}

#[test]
fn a_closed_request_is_erased_when_its_time_has_ended_and_not_a_moment_before() {
    let mut network = Network::new();
    let sent = closed(&mut network, &bank_records());
    let end = network.now().plus_millis(5 * 365 * DAY);
    for n in [BRA, ARE] {
        let wanted = [(end.to_string(), "policy".to_owned(), true)];
        assert_eq!(ends(&network, n, sent.request), wanted, "node {n}");
    }
    network.pass_to(end.plus_millis(-1));
    rest(&mut network, ARE);
    assert_eq!(content_of(&network, ARE, sent.request), (4, 0));
    network.pass(1);
    let before = network.size(ARE);
    rest(&mut network, ARE);
    assert_eq!(content_of(&network, ARE, sent.request), (0, 4));
    assert_eq!(content_of(&network, BRA, sent.request), (4, 0), "each node keeps its own time");
    let facts = network.facts(ARE, before);
    let erased =
        |it: &&Fact| matches!(it, Fact::ContentErased { cause: ErasureCause::RetentionEnded, .. });
    assert_eq!(facts.iter().filter(erased).count(), 4);
    assert_eq!(facts.last(), Some(&Fact::RetentionEnded));
    assert_eq!(ends(&network, ARE, sent.request), [], "nothing is owed twice");
    // What was sent, and every state, is still known; folding again gives the same rows.
    assert_eq!(network.states(sent.request), ["closed", "closed"]);
    let setting = network.setting(ARE);
    let rows = state_hash(setting.store.as_ref()).unwrap();
    node::rebuild(&setting).unwrap();
    assert_eq!(state_hash(setting.store.as_ref()).unwrap(), rows);
}

#[test]
fn what_is_held_is_erased_only_once_it_is_released() {
    let mut network = Network::new();
    let sent = closed(&mut network, &bank_records());
    hold(&mut network, ARE, sent.request, true);
    network.pass(6 * 365 * DAY);
    rest(&mut network, ARE);
    assert_eq!(content_of(&network, ARE, sent.request), (4, 0));
    assert!(network.shown(ARE, sent.request).held);
    hold(&mut network, ARE, sent.request, false);
    rest(&mut network, ARE);
    assert_eq!(content_of(&network, ARE, sent.request), (0, 4));
}

#[test]
fn what_a_message_says_of_its_retention_goes_before_and_is_owed_by_who_received_it() {
    let mut network = Network::new();
    let mut file = bank_records();
    file["handling"]["retain_until"] = json!("2027-03-02");
    let sent = network.send(BRA, &file);
    let stated = |ours| [("2027-03-02T23:59:59Z".to_owned(), "agreed".to_owned(), ours)];
    assert_eq!(ends(&network, ARE, sent.request), stated(true));
    assert_eq!(ends(&network, BRA, sent.request), stated(false));
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    network.pass_to(time("2027-03-03T00:00:00Z"));
    for n in [BRA, ARE] {
        rest(&mut network, n);
    }
    // The request goes on: ARE erases what BRA gave it, and nothing else is erased.
    assert_eq!(content_of(&network, ARE, sent.request), (1, 1));
    assert_eq!(content_of(&network, BRA, sent.request), (2, 0));
}

#[test]
fn an_agency_may_keep_less_long_within_the_bounds() {
    let shorter = |_, setting: &mut rogatory::node::setting::Setting| {
        let group = rogatory::domain::kinds::Group::Assistance;
        setting.policy.keep_days = KeepDays::default().with(group, 400);
    };
    let mut network = Network::with(|_| {}, shorter);
    let sent = closed(&mut network, &bank_records());
    network.pass(400 * DAY);
    rest(&mut network, ARE);
    assert_eq!(content_of(&network, ARE, sent.request), (0, 4));
}
