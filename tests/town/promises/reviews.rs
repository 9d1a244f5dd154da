//! Somebody looks in time whether content is still needed; and an erasure names the backups that
//! still hold what it erased.

use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::domain::retention::{BackupMade, ErasureCause, ReviewDays};
use rogatory::history::state_hash;
use rogatory::node;
use rogatory::node::command::{Command, Outcome, PlannedBackup};
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::setting::Setting;
use serde_json::{Value, json};

use crate::promises::messages::{bank_records, from_are, from_bra};
use crate::promises::network::{ARE, BRA, DAY, Network};

fn after(days: u16) -> impl Fn(usize, &mut Setting) {
    move |node, setting| {
        if node == ARE {
            let set = ReviewDays::default().with("assistance_review_days", days);
            setting.policy.review_days = set.with("red_review_days", 90);
        }
    }
}

fn reviews(network: &Network, n: usize, request: RequestId) -> Vec<[String; 3]> {
    let owed = network.party(n, request).deadlines.into_iter();
    let owed = owed.filter(|it| it.obligation == "review_retention" && it.ours);
    owed.map(|it| [it.due, it.source, it.stage]).collect()
}

fn due(at: rogatory::clock::Timestamp, source: &str, stage: &str) -> Vec<[String; 3]> {
    vec![[at.to_string(), source.to_owned(), stage.to_owned()]]
}

fn review(
    network: &mut Network,
    n: usize,
    request: RequestId,
    days: Option<i64>,
) -> Result<Outcome, Rejection> {
    let call = network.call(n, "clerk");
    let keep_until = days.map(|it| network.now().plus_millis(it * DAY));
    network.ask(n, Command::Review { call, request, keep_until })
}

fn labelled(tlp: &str) -> Value {
    let mut file = bank_records();
    file["handling"]["tlp"] = json!(tlp);
    file
}

#[test]
fn a_review_is_owed_by_policy_noted_as_it_comes_and_made_by_an_officer() {
    let mut network = Network::with(|_| {}, after(400));
    let sent = network.send(BRA, &bank_records());
    let first = network.now().plus_millis(400 * DAY);
    assert_eq!(reviews(&network, ARE, sent.request), due(first, "policy", ""));
    assert_eq!(reviews(&network, BRA, sent.request), Vec::<[String; 3]>::new(), "no policy there");
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    assert_eq!(reviews(&network, ARE, sent.request), due(first, "policy", ""), "it is set once");

    network.pass_to(first.plus_millis(-DAY));
    network.do_duties(ARE);
    assert_eq!(reviews(&network, ARE, sent.request), due(first, "policy", "due_soon"));
    network.pass_to(first);
    network.do_duties(ARE);
    assert_eq!(reviews(&network, ARE, sent.request), due(first, "policy", "overdue"));

    let early = review(&mut network, ARE, sent.request, Some(0)).unwrap_err();
    assert_eq!(early.reason, RejectionReason::StateForbids);
    let long = review(&mut network, ARE, sent.request, Some(5 * 365 + 1)).unwrap_err();
    assert_eq!(long.reason, RejectionReason::StateForbids);
    let left = review(&mut network, ARE, sent.request, None).unwrap_err();
    assert!(left.text.contains("still here"), "{left}");
    let before = network.size(ARE);
    let done = review(&mut network, ARE, sent.request, Some(200));
    assert_eq!(done, Ok(Outcome::Done(before)));
    assert_eq!(network.facts(ARE, before), [Fact::RetentionReviewed]);
    let next = network.now().plus_millis(200 * DAY);
    assert_eq!(reviews(&network, ARE, sent.request), due(next, "policy", ""));
    network.send(BRA, &from_bra(sent.request, "withdrawal", json!({})));
    assert_eq!(reviews(&network, ARE, sent.request), due(next, "policy", ""), "an officer decided");

    for message in rogatory::node::query::request_messages(&network.setting(ARE), sent.request)
        .unwrap()
        .iter()
        .map(|it| it.header.key())
    {
        let by = Some(network.call(ARE, "clerk").principal);
        let cause = ErasureCause::OwnDecision;
        network.ask(ARE, Command::Erase { by, message, cause }).unwrap();
    }
    review(&mut network, ARE, sent.request, None).unwrap();
    assert_eq!(reviews(&network, ARE, sent.request), Vec::<[String; 3]>::new());
    let none = review(&mut network, ARE, sent.request, Some(9)).unwrap_err();
    assert_eq!(none.text, "no review of this request is owed here");
    let setting = network.setting(ARE);
    let rows = state_hash(setting.store.as_ref()).unwrap();
    node::rebuild(&setting).unwrap();
    assert_eq!(state_hash(setting.store.as_ref()).unwrap(), rows);
}

#[test]
fn handling_brings_a_review_forward_and_a_time_that_a_message_names_goes_before() {
    let mut network = Network::with(|_| {}, after(400));
    let now = network.now();
    let red = network.send(BRA, &labelled("TLP:RED"));
    assert_eq!(reviews(&network, ARE, red.request), due(now.plus_millis(90 * DAY), "policy", ""));
    let mut stated = labelled("TLP:RED");
    stated["handling"]["review_by"] = json!("2028-03-02");
    let stated = network.send(BRA, &stated);
    let at = crate::promises::network::time("2028-03-02T23:59:59Z");
    assert_eq!(reviews(&network, ARE, stated.request), due(at, "agreed", ""));
    let never = Network::new();
    assert_eq!(never.setting(ARE).policy.review_days, ReviewDays::default());
}

fn back_up(network: &mut Network, n: usize, from: u64, days: i64) -> BackupMade {
    let (made_at, to) = (network.now(), network.size(n));
    let keep_until = made_at.plus_millis(days * DAY);
    let taken = network.ask(n, Command::TakeSnapshot(PlannedBackup { from, keep_until }));
    let Ok(Outcome::Snapshot(snapshot)) = taken else { panic!("{taken:?}") };
    assert_eq!(snapshot.size, to);
    assert!(snapshot.records.iter().all(|it| it.is_one()), "it carries what it is remembered by");
    BackupMade { from, to, made_at, keep_until }
}

#[test]
fn an_erasure_names_each_backup_that_still_holds_what_it_erased() {
    let mut network = Network::new();
    let before = back_up(&mut network, ARE, 0, 90);
    let first = network.send(BRA, &bank_records());
    let full = back_up(&mut network, ARE, 0, 90);
    let short = back_up(&mut network, ARE, 0, 1);
    let second = network.send(BRA, &bank_records());
    let next = back_up(&mut network, ARE, full.to, 30);
    network.restart(ARE);
    network.pass(2 * DAY);
    let named = |network: &mut Network, sent: crate::promises::network::Sent| {
        let message = rogatory::domain::header::MessageKey::new(network.agency(BRA), sent.message);
        let by = Some(network.call(ARE, "clerk").principal);
        let cause = ErasureCause::AuthorityOrder;
        let done = network.ask(ARE, Command::Erase { by, message, cause });
        let Ok(Outcome::Done(position)) = done else { panic!("{done:?}") };
        network.entries(ARE, position).remove(0).skeleton.backups
    };
    assert_eq!(named(&mut network, first), [full], "{before:?} {short:?}");
    assert_eq!(named(&mut network, second), [next]);
    let later = network.send(BRA, &bank_records());
    assert_eq!(named(&mut network, later), []);
}
