//! What its origin wants erased is erased with the agency that it was passed on to, too; or its origin
//! hears that it stands there, and why.

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::domain::retention::{ErasureCause, Honour};
use rogatory::domain::station::Station;
use rogatory::history::{erasures, onward};
use rogatory::node::query;
use rogatory::node::rejection::RejectionReason;
use serde_json::{Value, json};

use crate::promises::erasures::{
    ORDER, erase, follow, hold, honouring, is_readable, key_of, owed, refolds, refuse, step, told,
    try_erase,
};
use crate::promises::messages::{MLT_DESK, bank_records, from_are};
use crate::promises::network::{ARE, BRA, DAY, HOUR, MLT, Network};

/// A request of BRA that came to ARE, which any State may be told of.
fn misdirected(network: &mut Network) -> (RequestId, MessageKey) {
    let mut file = bank_records();
    file["handling"]["onward_sharing"] = json!("free");
    let sent = network.send(BRA, &file);
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    (sent.request, key_of(network, BRA, sent))
}

fn redirect(request: RequestId) -> Value {
    let named = json!({"redirect": {"to": MLT_DESK, "reason": "The account moved"}});
    from_are(request, "redirect_notice", named)
}

/// The notice by which ARE passed the request on.
fn notice(network: &Network, opening: MessageKey) -> MessageKey {
    let setting = network.setting(ARE);
    let record = query::message(&setting, opening).unwrap().unwrap().record;
    let found = onward::notices(setting.store.as_ref(), (opening, &record)).unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

/// A request that ARE passed on to MLT: the request, its opening message and the notice.
fn passed_on(network: &mut Network) -> (RequestId, MessageKey, MessageKey) {
    let (request, opening) = misdirected(network);
    network.send(ARE, &redirect(request));
    let notice = notice(network, opening);
    assert!(is_readable(network, ARE, notice) && is_readable(network, MLT, notice));
    (request, opening, notice)
}

/// All do what is due, and everything that follows arrives.
fn go_on(network: &mut Network) {
    for _ in 0..3 {
        for n in [BRA, ARE, MLT] {
            network.do_duties(n);
        }
        network.settle();
    }
}

fn kept(network: &Network, n: usize, reason: &str) -> (Station, String, String) {
    (Station::ErasureRefused, network.agency(n).to_string(), reason.to_owned())
}

/// What BRA hears last about its message.
fn last(network: &Network, opening: MessageKey) -> (Station, String, String) {
    told(network, BRA, opening).pop().unwrap()
}

#[test]
fn an_asking_goes_on_to_whom_the_request_went_and_the_answer_waits_for_theirs() {
    let mut network = Network::new();
    let (request, opening, notice) = passed_on(&mut network);
    erase(&mut network, BRA, opening, ORDER);
    go_on(&mut network);
    // Nobody is erased from outside, and everybody who has it is asked.
    let asked = step(&network, Station::ErasureAsked, ARE);
    assert_eq!(told(&network, ARE, notice), std::slice::from_ref(&asked));
    assert_eq!(told(&network, MLT, notice), std::slice::from_ref(&asked));
    assert!(is_readable(&network, ARE, opening) && is_readable(&network, MLT, notice));
    let due = network.now().plus_millis(7 * DAY).to_string();
    let here: Vec<_> = owed_by(&network, MLT, request, MLT);
    assert_eq!(here, [(due, true)]);

    // What ARE passed on goes with what it got; it says so once MLT has answered.
    erase(&mut network, ARE, opening, ErasureCause::OriginatorOrder);
    go_on(&mut network);
    assert!(!is_readable(&network, ARE, opening) && !is_readable(&network, ARE, notice));
    assert_eq!(last(&network, opening), step(&network, Station::ErasureAsked, BRA));
    assert_eq!(owed(&network, ARE, request).len(), 1, "it still owes its answer");
    let late = refuse(&mut network, ARE, opening, Reason::LawRequires).unwrap_err();
    assert_eq!(late.reason, RejectionReason::StateForbids, "what is erased can't be kept");

    erase(&mut network, MLT, notice, ErasureCause::OriginatorOrder);
    go_on(&mut network);
    assert!(!is_readable(&network, MLT, notice));
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    assert_eq!(owed(&network, ARE, request), []);
    assert_eq!(owed_by(&network, MLT, request, MLT), []);
    let sizes = [BRA, ARE, MLT].map(|n| network.size(n));
    go_on(&mut network);
    assert_eq!([BRA, ARE, MLT].map(|n| network.size(n)), sizes, "it is done once");
    refolds(&network);
}

/// Answers to erasures that are owed at the part of a request that agency `party` has, as node `n`
/// shows them: by when, and whether by itself.
fn owed_by(network: &Network, n: usize, request: RequestId, party: usize) -> Vec<(String, bool)> {
    let agency = network.agency(party).to_string();
    let parties = network.shown(n, request).parties.into_iter().filter(|it| it.agency == agency);
    let owed = parties.flat_map(|it| it.deadlines).filter(|it| it.obligation == "answer_erasure");
    owed.map(|it| (it.due, it.ours)).collect()
}

#[test]
fn agencies_that_honour_at_once_leave_nothing_of_what_was_passed_on() {
    let mut network = Network::with(|_| {}, |_, setting| setting.policy.honour = Honour::AtOnce);
    let (_, opening, notice) = passed_on(&mut network);
    erase(&mut network, BRA, opening, ErasureCause::OriginatorOrder);
    go_on(&mut network);
    for (n, message) in [(BRA, opening), (ARE, opening), (ARE, notice), (MLT, notice)] {
        assert!(!is_readable(&network, n, message), "node {n}");
    }
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    let cause = query::message(&network.setting(MLT), notice).unwrap().unwrap().record.erased;
    assert_eq!(cause.unwrap().cause, ErasureCause::OriginatorOrder);
    refolds(&network);
}

#[test]
fn what_is_held_there_is_told_as_held_until_the_hold_ends() {
    let mut network = Network::with(|_| {}, |_, setting| setting.policy.honour = Honour::AtOnce);
    let (request, opening, notice) = passed_on(&mut network);
    hold(&mut network, MLT, request, true);
    erase(&mut network, BRA, opening, ORDER);
    go_on(&mut network);
    assert!(is_readable(&network, MLT, notice) && !is_readable(&network, ARE, opening));
    assert_eq!(last(&network, opening), kept(&network, ARE, "HELD_ONWARD"));
    assert_eq!(owed(&network, ARE, request), []);
    let before = network.size(BRA);
    erase(&mut network, BRA, opening, ORDER);
    assert_eq!(network.size(BRA), before, "another answer is to come");

    hold(&mut network, MLT, request, false);
    go_on(&mut network);
    assert!(!is_readable(&network, MLT, notice));
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    refolds(&network);
}

#[test]
fn what_is_kept_there_is_told_as_kept_and_may_be_asked_for_again() {
    let mut network = Network::with(|_| {}, honouring(ARE));
    let (_, opening, notice) = passed_on(&mut network);
    erase(&mut network, BRA, opening, ORDER);
    go_on(&mut network);
    refuse(&mut network, MLT, notice, Reason::InProceedings).unwrap();
    go_on(&mut network);
    assert_eq!(last(&network, opening), kept(&network, ARE, "KEPT_ONWARD"));

    erase(&mut network, BRA, opening, ORDER);
    go_on(&mut network);
    let asked = told(&network, MLT, notice).into_iter().filter(|it| it.0 == Station::ErasureAsked);
    assert_eq!(asked.count(), 2);
    assert_eq!(last(&network, opening), step(&network, Station::ErasureAsked, BRA));
    erase(&mut network, MLT, notice, ErasureCause::OriginatorOrder);
    go_on(&mut network);
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    refolds(&network);
}

#[test]
fn a_hold_at_the_wrong_authority_is_its_own_and_keeps_nothing_elsewhere() {
    let mut network = Network::with(|_| {}, |_, setting| setting.policy.honour = Honour::AtOnce);
    let (request, opening, notice) = passed_on(&mut network);
    hold(&mut network, ARE, request, true);
    erase(&mut network, BRA, opening, ORDER);
    go_on(&mut network);
    assert!(!is_readable(&network, MLT, notice), "it decides for itself");
    assert!(is_readable(&network, ARE, opening) && is_readable(&network, ARE, notice));
    assert_eq!(last(&network, opening), kept(&network, ARE, "LEGAL_HOLD"));
    hold(&mut network, ARE, request, false);
    go_on(&mut network);
    assert!(!is_readable(&network, ARE, opening) && !is_readable(&network, ARE, notice));
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    refolds(&network);
}

#[test]
fn what_was_erased_there_before_anybody_asked_is_answered_at_once() {
    let mut network = Network::new();
    let (_, opening, notice) = passed_on(&mut network);
    erase(&mut network, MLT, notice, ErasureCause::OwnDecision);
    erase(&mut network, ARE, opening, ErasureCause::OwnDecision);
    assert!(!is_readable(&network, ARE, notice), "the notice held the request");
    assert_eq!(told(&network, BRA, opening), [], "nobody asked");
    erase(&mut network, BRA, opening, ORDER);
    go_on(&mut network);
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    refolds(&network);
}

#[test]
fn a_notice_on_its_way_is_waited_for_and_one_that_never_arrives_asks_nobody() {
    for arrives in [true, false] {
        let mut network = Network::with(|_| {}, honouring(ARE));
        let (request, opening) = misdirected(&mut network);
        network.try_send(ARE, &redirect(request)).unwrap();
        let notice = notice(&network, opening);
        let early = try_erase(&mut network, ARE, opening, ORDER).unwrap_err();
        assert_eq!(early.reason, RejectionReason::StateForbids);
        assert_eq!(early.text, "the request was passed on, and that is still on its way");
        let done = try_erase(&mut network, BRA, opening, ORDER);
        assert!(done.is_ok(), "{done:?}");
        network.hand_over(BRA, ARE);
        let before = network.size(ARE);
        network.do_duties(ARE);
        assert_eq!(network.size(ARE), before);
        assert!(is_readable(&network, ARE, opening), "it is needed for its delivery");
        if arrives {
            go_on(&mut network);
            let asked = step(&network, Station::ErasureAsked, ARE);
            assert_eq!(told(&network, MLT, notice), [asked]);
            erase(&mut network, MLT, notice, ORDER);
        } else {
            let expiry = network.setting(ARE).policy.expiry_default_ms;
            network.pass(expiry + HOUR);
            network.do_duties(ARE);
        }
        go_on(&mut network);
        assert!(!is_readable(&network, ARE, opening) && !is_readable(&network, ARE, notice));
        assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE), "{arrives}");
        refolds(&network);
    }
}

#[test]
fn whom_the_wrong_authority_can_t_reach_is_asked_once_there_is_a_way() {
    let mut network = Network::with(|_| {}, honouring(MLT));
    let (_, opening, notice) = passed_on(&mut network);
    let links = network.setting(ARE).directory().draft().links;
    erase(&mut network, BRA, opening, ORDER);
    follow(&mut network, ARE, |draft| draft.links.clear());
    erase(&mut network, ARE, opening, ErasureCause::OriginatorOrder);
    go_on(&mut network);
    assert!(!is_readable(&network, ARE, notice) && is_readable(&network, MLT, notice));
    let to_ask = erasures::is_to_ask(network.setting(ARE).store.as_ref(), notice).unwrap();
    assert_eq!(to_ask, Some(ErasureCause::OriginatorOrder));
    assert_eq!(last(&network, opening), step(&network, Station::ErasureAsked, BRA));
    follow(&mut network, ARE, |draft| draft.links = links);
    go_on(&mut network);
    assert!(!is_readable(&network, MLT, notice));
    assert_eq!(last(&network, opening), step(&network, Station::Erased, ARE));
    refolds(&network);
}

#[test]
fn what_its_requester_wants_erased_is_not_passed_on_any_more() {
    let mut network = Network::new();
    let (request, opening) = misdirected(&mut network);
    erase(&mut network, BRA, opening, ORDER);
    let before = network.facts(ARE, 0).len();
    let refused = network.try_send(ARE, &redirect(request)).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::StateForbids);
    assert!(refused.text.contains("its requester asks for its erasure"), "{}", refused.text);
    assert_eq!(network.facts(ARE, 0).len(), before);
    // Once it is decided that it is kept, it may go on.
    refuse(&mut network, ARE, opening, Reason::InProceedings).unwrap();
    network.send(ARE, &redirect(request));
    assert_eq!(network.facts(MLT, 0).iter().filter(|it| delivers(it)).count(), 1);
}

fn delivers(fact: &Fact) -> bool {
    matches!(fact, Fact::Delivered { .. })
}
