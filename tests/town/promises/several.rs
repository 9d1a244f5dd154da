//! A request to several agencies is one message each, and stands with each of them where that one is.

use rogatory::domain::fact::Fact;
use rogatory::domain::header::Header;
use rogatory::domain::ids::RequestId;
use serde_json::json;

use crate::promises::messages::{
    ARE_DESK, BRA_DESK, MLT_DESK, act, bank_records, from_are, from_bra, with,
};
use crate::promises::network::{ARE, BRA, HOUR, MLT, Network, Sent};

/// A request of BRA to both others.
fn both() -> serde_json::Value {
    with(bank_records(), json!({"to": [ARE_DESK, MLT_DESK]}))
}

fn from_mlt(request: RequestId, word: &str) -> serde_json::Value {
    act((MLT_DESK, BRA_DESK), request, word, json!({}))
}

/// Where a request stands at each agency that executes it, as node `n` shows it.
fn stands(network: &Network, n: usize, sent: Sent) -> Vec<(String, String)> {
    let parties = network.shown(n, sent.request).parties.into_iter();
    parties.map(|it| (it.agency, it.state)).collect()
}

fn at(network: &Network, states: [&str; 2]) -> Vec<(String, String)> {
    let agencies = [ARE, MLT].map(|n| network.agency(n).to_string());
    agencies.into_iter().zip(states).map(|(agency, state)| (agency, state.to_owned())).collect()
}

fn submitted(network: &Network) -> Vec<Header> {
    let header = |fact: Fact| match fact {
        Fact::Submitted { header } => Some(header),
        _ => None,
    };
    network.facts(BRA, 0).into_iter().filter_map(header).collect()
}

#[test]
fn each_agency_gets_a_message_of_its_own_and_knows_of_no_other() {
    let mut network = Network::new();
    let sent = network.send(BRA, &both());
    let headers = submitted(&network);
    let [one, other] = &headers[..] else { panic!("{} were submitted", headers.len()) };
    let destinations = [one, other].map(|it| it.address.destination.clone());
    assert_eq!(destinations, [ARE, MLT].map(|n| network.agency(n).clone()));
    assert_ne!(one.address.message, other.address.message);
    assert_ne!(one.address.order.stream, other.address.order.stream, "an order for each");
    assert_eq!(stands(&network, BRA, sent), at(&network, ["delivered", "delivered"]));
    for (n, own) in [(ARE, 0), (MLT, 1)] {
        assert_eq!(stands(&network, n, sent), at(&network, ["delivered", "delivered"])[own..=own]);
    }
}

#[test]
fn it_goes_on_at_one_agency_while_it_stands_still_or_ends_at_the_other() {
    let mut network = Network::new();
    let sent = network.send(BRA, &both());
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    assert_eq!(stands(&network, BRA, sent), at(&network, ["received", "delivered"]));
    network.send(ARE, &from_are(sent.request, "transmitted_for_execution", json!({})));
    network.send(MLT, &from_mlt(sent.request, "ack_receipt"));
    assert_eq!(stands(&network, BRA, sent), at(&network, ["in_examination", "received"]));
    let before = network.size(ARE);
    network.send(BRA, &act((BRA_DESK, MLT_DESK), sent.request, "supplement", json!({})));
    assert_eq!(network.size(ARE), before, "what the one is told the other does not hear");
    network.send(BRA, &from_bra(sent.request, "withdrawal", json!({})));
    assert_eq!(stands(&network, BRA, sent), at(&network, ["withdrawn", "received"]));
    assert_eq!(stands(&network, ARE, sent), at(&network, ["withdrawn", ""])[..1]);
    assert_eq!(stands(&network, MLT, sent), at(&network, ["", "received"])[1..]);
}

#[test]
fn it_arrives_at_one_agency_while_it_waits_for_the_other() {
    let mut network = Network::new();
    let sent = network.try_send(BRA, &both()).unwrap();
    for _ in 0..2 {
        network.hand_over(BRA, ARE);
        network.hand_over(ARE, BRA);
    }
    assert_eq!(stands(&network, BRA, sent), at(&network, ["delivered", "sent"]));
    network.settle();
    assert_eq!(stands(&network, BRA, sent), at(&network, ["delivered", "delivered"]));
}

/// ARE says that MLT is competent, and passes the request on.
fn passed_on_to_mlt(network: &mut Network, request: RequestId) {
    network.send(ARE, &from_are(request, "ack_receipt", json!({})));
    network.send(ARE, &redirect(request));
}

fn redirect(request: RequestId) -> serde_json::Value {
    let redirect = json!({"redirect": {"to": MLT_DESK, "reason": "The account moved"}});
    from_are(request, "redirect_notice", redirect)
}

/// BRA's own message to MLT has expired and is void.
fn own_message_expires(network: &mut Network) {
    network.pass(network.setting(BRA).policy.expiry_default_ms + HOUR);
    network.do_duties(BRA);
    let voids = network.facts(BRA, 0).into_iter();
    assert_eq!(voids.filter(|it| matches!(it, Fact::Undelivered { .. })).count(), 1);
}

/// A request of BRA that has come to ARE, and whose message to MLT is void.
fn void_at_mlt() -> (Network, Sent) {
    let mut network = Network::new();
    let mut request = both();
    request["handling"]["onward_sharing"] = json!("free");
    let sent = network.try_send(BRA, &request).unwrap();
    network.hand_over(BRA, ARE);
    own_message_expires(&mut network);
    network.settle();
    (network, sent)
}

/// What BRA and MLT show of the request at MLT: its state, who must act, and what is owed by when.
fn shown_at_mlt(network: &Network, request: RequestId) -> [[String; 4]; 2] {
    [BRA, MLT].map(|n| {
        let agency = network.agency(MLT).to_string();
        let parties = network.shown(n, request).parties;
        let party = parties.iter().rfind(|it| it.agency == agency).unwrap();
        let [due] = &party.deadlines[..] else { panic!("{:?}", party.deadlines) };
        [&party.state, &party.owner, &due.obligation, &due.due].map(Clone::clone)
    })
}

#[test]
fn what_was_void_at_one_agency_arrives_there_by_another_that_passes_it_on() {
    let (mut network, sent) = void_at_mlt();
    assert_eq!(stands(&network, BRA, sent), at(&network, ["delivered", "sent"]));
    passed_on_to_mlt(&mut network, sent.request);
    assert_eq!(stands(&network, BRA, sent), at(&network, ["redirected", "delivered"]));
    assert_eq!(stands(&network, MLT, sent), at(&network, ["redirected", "delivered"])[1..]);
    let [requester, requested] = shown_at_mlt(&network, sent.request);
    assert_eq!(requester[..3], ["delivered", "requested", "acknowledge"]);
    assert_eq!(requester, requested);
    network.send(MLT, &from_mlt(sent.request, "ack_receipt"));
    assert_eq!(stands(&network, BRA, sent), at(&network, ["redirected", "received"]));
}

#[test]
fn what_is_passed_on_has_arrived_though_the_notice_of_it_does_nothing_any_more() {
    let (mut network, sent) = void_at_mlt();
    // Both wait at ARE until the receipt, without which nothing can be redirected, is void.
    network.try_send(ARE, &from_are(sent.request, "ack_receipt", json!({}))).unwrap();
    network.pass(network.setting(ARE).policy.expiry_default_ms - HOUR);
    network.try_send(ARE, &redirect(sent.request)).unwrap();
    network.pass(2 * HOUR);
    network.do_duties(ARE);
    network.settle();
    assert_eq!(stands(&network, ARE, sent), at(&network, ["delivered", ""])[..1]);
    assert_eq!(stands(&network, BRA, sent), at(&network, ["delivered", "delivered"]));
    assert_eq!(stands(&network, MLT, sent), at(&network, ["", "delivered"])[1..]);
    let [requester, requested] = shown_at_mlt(&network, sent.request);
    assert_eq!(requester, requested);
}
