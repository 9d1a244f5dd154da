//! Whose answer is needed at once and that nobody takes wakes somebody, then another desk, and is
//! rung outside once.

use rogatory::directory::contact_point::ContactPoint;
use rogatory::directory::write::DirectoryDraft;
use rogatory::domain::fact::Fact;
use rogatory::domain::header::MessageKey;
use rogatory::history::alarms::{self, Ring};
use rogatory::history::message::ESCALATIONS_MAX;
use rogatory::node::command::{Command, InboxAct, Outcome};
use rogatory::node::{self, query, records};
use serde_json::json;

use crate::promises::messages::{bank_records, from_are, vessel, with};
use crate::promises::network::{ARE, BRA, MINUTE, Network, Sent};

/// What an entry says of an alarm: that it was raised, or passed to which desk.
#[derive(Debug, PartialEq, Eq)]
enum Alarm {
    Raised,
    Escalated(String),
}

/// The alarms about `sent` that stand in the journal of ARE.
fn alarms(network: &Network, sent: Sent) -> Vec<Alarm> {
    let mut found = Vec::new();
    for opened in network.entries(ARE, 0) {
        let (Fact::AlarmRaised { message } | Fact::Escalated { message }) = &opened.entry.fact
        else {
            continue;
        };
        if message.message == sent.message {
            let desk = opened.skeleton.contact_point;
            found.push(desk.map_or(Alarm::Raised, |it| Alarm::Escalated(it.to_string())));
        }
    }
    found
}

/// Lets time pass and does what is due then, twice.
fn pass(network: &mut Network, millis: i64) {
    network.pass(millis);
    for _ in 0..2 {
        network.do_duties(BRA);
        network.do_duties(ARE);
    }
}

/// Where `sent` is listed at ARE.
fn listed(network: &Network, sent: Sent) -> Vec<(&'static str, u64)> {
    let mut found = Vec::new();
    for desk in ["mla", "night"] {
        let id = format!("are.central-authority/{desk}").parse().unwrap();
        let page = query::inbox_page(&network.setting(ARE), &id, 0, 100).unwrap();
        let places = page.into_iter().filter(|(_, it)| it.header.address.message == sent.message);
        found.extend(places.map(|(place, _)| (desk, place)));
    }
    found
}

fn key(network: &Network, sent: Sent) -> MessageKey {
    MessageKey::new(network.agency(BRA), sent.message)
}

/// What is still to be rung at ARE, each with its position.
fn to_ring(network: &Network) -> Vec<(u64, Ring)> {
    let setting = network.setting(ARE);
    let rows = setting.store.as_ref();
    alarms::rings(rows, records::rung(rows).unwrap(), 100).unwrap()
}

const NIGHT: &str = "are.central-authority/night";

#[test]
fn what_nobody_takes_raises_an_alarm_and_goes_to_the_next_competent_desk() {
    let mut network = Network::new();
    let sent = network.send(BRA, &vessel());
    let before = network.size(BRA);
    pass(&mut network, 10 * MINUTE - 1);
    assert_eq!(alarms(&network, sent), []);
    pass(&mut network, 1);
    assert_eq!(alarms(&network, sent), [Alarm::Raised]);
    assert_eq!(listed(&network, sent), [("mla", 1)]);
    pass(&mut network, 10 * MINUTE - 1);
    assert_eq!(alarms(&network, sent), [Alarm::Raised]);
    pass(&mut network, 1);
    let escalated = || Alarm::Escalated(NIGHT.to_owned());
    assert_eq!(alarms(&network, sent), [Alarm::Raised, escalated()]);
    assert_eq!(listed(&network, sent), [("mla", 1), ("night", 1)]);
    // There is no third desk: it is rung again where it stands, ever more seldom.
    for wait in [10, 20, 40] {
        let known = alarms(&network, sent).len();
        pass(&mut network, wait * MINUTE - 1);
        assert_eq!(alarms(&network, sent).len(), known, "{wait}");
        pass(&mut network, 1);
        assert_eq!(alarms(&network, sent).len(), known + 1, "{wait}");
        assert_eq!(alarms(&network, sent).last(), Some(&Alarm::Raised), "{wait}");
    }
    let raised_at_origin = network.facts(BRA, before);
    let wakes = |it: &Fact| matches!(it, Fact::AlarmRaised { .. } | Fact::Escalated { .. });
    assert!(!raised_at_origin.iter().any(wakes), "{raised_at_origin:?}");
}

/// The desks to which an alarm is passed on, of an agency that has `others` beside the first; and
/// what became of the rounds after.
fn passed_on(others: usize) -> (Vec<String>, Vec<Alarm>) {
    let change = |draft: &mut DirectoryDraft| {
        let desks = &mut draft.agencies[ARE].contact_points;
        desks.truncate(1);
        for at in 1..=others {
            let id = format!("are.central-authority/watch-{at}").parse().unwrap();
            desks.push(ContactPoint { id, ..desks[0].clone() });
        }
    };
    let mut network = Network::with(change, |_, _| {});
    let sent = network.send(BRA, &vessel());
    for _ in 0..8 {
        pass(&mut network, 640 * MINUTE);
    }
    let mut told = alarms(&network, sent);
    assert_eq!((told.len(), told.remove(0)), (8, Alarm::Raised));
    let desk = |it: &Alarm| match it {
        Alarm::Raised => None,
        Alarm::Escalated(desk) => desk.strip_prefix("are.central-authority/").map(str::to_owned),
    };
    let desks: Vec<String> = told.iter().map_while(desk).collect();
    let after = told.split_off(desks.len());
    (desks, after)
}

#[test]
fn an_alarm_is_passed_on_to_four_desks_and_to_no_fifth() {
    let four = ["watch-1", "watch-2", "watch-3", "watch-4"];
    for (others, desks) in [(3, &four[..3]), (4, &four), (5, &four)] {
        let (told, after) = passed_on(others);
        assert_eq!(told, desks, "{others}");
        assert_eq!(after.len(), 7 - desks.len(), "{others}");
        assert!(after.iter().all(|it| *it == Alarm::Raised), "{others}: {after:?}");
    }
    assert_eq!(four.len(), ESCALATIONS_MAX);
}

#[test]
fn whoever_claims_it_at_the_next_desk_ends_the_alarm() {
    let mut network = Network::new();
    let sent = network.send(BRA, &vessel());
    pass(&mut network, 10 * MINUTE);
    pass(&mut network, 10 * MINUTE);
    assert_eq!(alarms(&network, sent).len(), 2);
    network.claim(ARE, BRA, sent);
    pass(&mut network, 600 * MINUTE);
    assert_eq!(alarms(&network, sent).len(), 2);
}

#[test]
fn what_somebody_took_or_answered_or_acknowledged_raises_none() {
    let mut network = Network::new();
    let [claimed, answered, acknowledged, left] =
        std::array::from_fn(|_| network.send(BRA, &vessel()));
    network.pass(9 * MINUTE);
    network.claim(ARE, BRA, claimed);
    let own = json!({"kind": "SOM.8.2.VESSEL", "in_reply_to": answered.message.to_string()});
    network.send(ARE, &from_are(answered.request, "ack_receipt", own));
    let call = network.call(ARE, "clerk");
    let message = key(&network, acknowledged);
    let act = InboxAct::Acknowledge;
    network.ask(ARE, Command::Inbox { call, message, act }).unwrap();
    pass(&mut network, 30 * MINUTE);
    for taken in [claimed, answered, acknowledged] {
        assert_eq!(alarms(&network, taken), []);
    }
    assert_eq!(alarms(&network, left), [Alarm::Raised]);
}

#[test]
fn an_answer_in_another_request_wakes_and_calms_nobody() {
    let mut network = Network::new();
    let [urgent, other] = std::array::from_fn(|_| network.send(BRA, &vessel()));
    let own = json!({"kind": "SOM.8.2.VESSEL", "in_reply_to": urgent.message.to_string()});
    network.send(ARE, &from_are(other.request, "ack_receipt", own));
    pass(&mut network, 10 * MINUTE);
    assert_eq!(alarms(&network, urgent), [Alarm::Raised]);
    assert_eq!(alarms(&network, other), [Alarm::Raised]);
}

#[test]
fn only_what_needs_an_answer_at_once_wakes_anybody() {
    let mut network = Network::new();
    let priority = json!({"urgency": {"level": "priority", "reason": "A hearing is fixed"}});
    let calm = network.send(BRA, &with(vessel(), priority));
    let records = network.send(BRA, &bank_records());
    pass(&mut network, 24 * 60 * MINUTE);
    assert_eq!((alarms(&network, calm), alarms(&network, records)), (vec![], vec![]));
}

#[test]
fn the_time_until_an_alarm_is_the_operators() {
    let mut network =
        Network::with(|_| {}, |_, setting| setting.policy.unclaimed_after_ms = 3 * MINUTE);
    let sent = network.send(BRA, &vessel());
    pass(&mut network, 3 * MINUTE - 1);
    assert_eq!(alarms(&network, sent), []);
    pass(&mut network, 1);
    assert_eq!(alarms(&network, sent), [Alarm::Raised]);
}

#[test]
fn an_alarm_about_an_exercise_says_so() {
    let mut network = Network::new();
    // The one that comes first is rung for first.
    for exercise in [true, false] {
        network.send(BRA, &with(vessel(), json!({"exercise": exercise})));
        pass(&mut network, MINUTE);
    }
    pass(&mut network, 9 * MINUTE);
    let rings = to_ring(&network);
    assert_eq!(rings.iter().map(|(_, it)| it.exercise).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn each_alarm_is_handed_out_until_it_was_rung_and_never_again_even_after_a_restart() {
    let mut network = Network::new();
    let sent = network.send(BRA, &vessel());
    assert_eq!(to_ring(&network), []);
    pass(&mut network, 10 * MINUTE);
    let first = to_ring(&network);
    let [(position, ring)] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!((ring.desk.to_string().as_str(), ring.place), ("are.central-authority/mla", 1));
    assert_eq!((ring.message, ring.escalated), (key(&network, sent), false));
    assert_eq!(ring.at, network.now());
    assert!(matches!(network.facts(ARE, *position)[0], Fact::AlarmRaised { .. }));
    // Nobody was rung yet: a stop loses nothing.
    network.restart(ARE);
    assert_eq!(to_ring(&network), first);
    let size = network.size(ARE);
    let rung = network.ask(ARE, Command::RecordRung { position: *position });
    assert_eq!((rung, network.size(ARE)), (Ok(Outcome::Unchanged), size));
    assert_eq!(to_ring(&network), []);
    network.restart(ARE);
    assert_eq!(to_ring(&network), []);
    pass(&mut network, 10 * MINUTE);
    let second = to_ring(&network);
    let [(_, ring)] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!((ring.desk.to_string().as_str(), ring.place), (NIGHT, 1));
    assert!(ring.escalated);
    node::rebuild(&network.setting(ARE)).unwrap();
    assert_eq!(to_ring(&network), second);
}
