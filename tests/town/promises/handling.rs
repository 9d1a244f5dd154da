//! What handling forbids: weaker labels, passing on without consent, classification above what a
//! node may hold; and that whoever is offered information first takes its restrictions.

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::handling::Classification;
use rogatory::domain::header::MessageKey;
use rogatory::node::query;
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::transport::views;
use serde_json::{Value, json};

use crate::promises::messages::{
    ARE_DESK, MLT_DESK, bank_records, from_are, from_bra, offer, with,
};
use crate::promises::network::{ARE, BRA, MLT, Network, Sent};

/// The door of node `n` refuses the message for what stands at `pointer`, and its journal grows by
/// the entry about that and nothing else.
fn refused(network: &mut Network, n: usize, file: &Value, expected: (&str, &str, &str)) {
    let before = network.size(n);
    let rejection = network.check(n, file).unwrap_err();
    assert_eq!(found(&rejection), expected);
    assert_eq!(network.size(n), before, "what is only checked is not on record");
    let rejection = network.try_send(n, file).unwrap_err();
    assert_eq!(found(&rejection), expected);
    let entries = network.entries(n, before);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.entry.fact, Fact::TransmissionRefused);
    assert_eq!(entry.skeleton.rule.as_deref(), Some(expected.2));
    let desk = entry.skeleton.contact_point.as_ref().map(ToString::to_string);
    assert_eq!(desk.as_deref(), file["from"].as_str());
    let clerk = format!("spiffe://{}/officer/clerk", network.agency(n));
    assert_eq!(entry.skeleton.principal.as_deref(), Some(clerk.as_str()));
}

/// Where the one thing is that handling forbids, its code and its rule.
fn found(rejection: &Rejection) -> (&str, &str, &str) {
    assert_eq!(rejection.reason, RejectionReason::HandlingForbids);
    let [violation] = rejection.violations.as_slice() else { panic!("{rejection:?}") };
    (&violation.pointer, violation.code, violation.rule)
}

fn labelled(mut file: Value, label: &str, value: &str) -> Value {
    file["handling"][label] = json!(value);
    file
}

const WEAKER: &str = "LABEL_WEAKER_THAN_PARENT";
const ORIGINATOR: &str = "R-USE-ORIGINATOR";

#[test]
fn an_answer_with_a_weaker_label_is_refused_and_the_refusal_is_on_record() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let ack = from_are(sent.request, "ack_receipt", json!({}));
    for (label, value) in [
        ("tlp", "TLP:AMBER"),
        ("tlp", "TLP:CLEAR"),
        ("handling_code", "H0"),
        ("onward_sharing", "free"),
    ] {
        let pointer = format!("/handling/{label}");
        let weaker = labelled(ack.clone(), label, value);
        refused(&mut network, ARE, &weaker, (&pointer, WEAKER, ORIGINATOR));
    }
    assert_eq!(network.states(sent.request), ["delivered", "delivered"]);
    for (label, value) in
        [("tlp", "TLP:RED"), ("handling_code", "H1+H2"), ("onward_sharing", "forbidden")]
    {
        network.check(ARE, &labelled(ack.clone(), label, value)).unwrap();
    }
    network.send(ARE, &ack);
    assert_eq!(network.states(sent.request), ["received", "received"]);
}

#[test]
fn a_message_that_says_nothing_of_its_label_is_as_strict_as_the_strictest_that_is_usual() {
    let mut network = Network::new();
    let sent = network.send(BRA, &labelled(bank_records(), "handling_code", "H0"));
    let mut silent = from_are(sent.request, "ack_receipt", json!({}));
    silent.as_object_mut().unwrap().remove("handling");
    network.send(ARE, &silent);
    let red = network
        .send(BRA, &labelled(labelled(bank_records(), "handling_code", "H0"), "tlp", "TLP:RED"));
    silent["request_id"] = json!(red.request.to_string());
    refused(&mut network, ARE, &silent, ("/handling/tlp", WEAKER, ORIGINATOR));
}

#[test]
fn the_originator_lowers_its_own_label_and_what_answers_that_may_follow() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    let report =
        labelled(from_are(sent.request, "cost_consultation", json!({})), "tlp", "TLP:GREEN");
    refused(&mut network, ARE, &report, ("/handling/tlp", WEAKER, ORIGINATOR));
    // Nor in two steps: an answer that calls itself another's is bound by the request all the same.
    let own = from_are(sent.request, "cost_consultation", json!({}));
    let own = network.send(ARE, &labelled(own, "originator", "ARE"));
    let second = with(report.clone(), json!({"in_reply_to": own.message.to_string()}));
    refused(&mut network, ARE, &second, ("/handling/tlp", WEAKER, ORIGINATOR));
    let amendment = from_bra(sent.request, "amendment", json!({"note": "No longer so strict"}));
    network.send(BRA, &labelled(amendment, "tlp", "TLP:GREEN"));
    network.send(ARE, &report);
    let too_low = labelled(report, "tlp", "TLP:CLEAR");
    refused(&mut network, ARE, &too_low, ("/handling/tlp", WEAKER, ORIGINATOR));
}

#[test]
fn the_label_of_one_attachment_counts_for_the_whole_message() {
    let mut network = Network::new();
    let mut file = labelled(bank_records(), "tlp", "TLP:GREEN");
    file["attachments"][0]["handling"] = json!({"tlp": "TLP:RED"});
    let sent = network.send(BRA, &file);
    let ack = from_are(sent.request, "ack_receipt", json!({}));
    refused(&mut network, ARE, &ack, ("/handling/tlp", WEAKER, ORIGINATOR));
    network.send(ARE, &labelled(ack, "tlp", "TLP:RED"));
}

/// What BRA asked, passed on by ARE to MLT.
fn relayed(sent: Sent) -> Value {
    let own = json!({"from": ARE_DESK, "to": [MLT_DESK], "relay_of": sent.message.to_string()});
    with(bank_records(), own)
}

fn word(network: &mut Network, sent: Sent, granted: bool, states: &[&str]) {
    let consent = json!({"use_consent": {"granted": granted, "states": states,
        "purpose": "The account moved"}});
    network.send(BRA, &from_bra(sent.request, "use_consent", consent));
}

const BROKEN: (&str, &str, &str) = ("/relay_of", "ORIGINATOR_RESTRICTION_BROKEN", ORIGINATOR);

#[test]
fn content_goes_to_a_third_state_only_with_its_originators_consent_for_that_state() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    refused(&mut network, ARE, &relayed(sent), BROKEN);
    let wish = json!({"use_consent": {"states": ["MLT"], "purpose": "The account moved"}});
    network.send(ARE, &from_are(sent.request, "use_consent_request", wish));
    refused(&mut network, ARE, &relayed(sent), BROKEN);
    word(&mut network, sent, true, &["ITA"]);
    refused(&mut network, ARE, &relayed(sent), BROKEN);
    word(&mut network, sent, true, &["MLT"]);
    let passed_on = network.send(ARE, &relayed(sent));
    assert_eq!(network.state(MLT, passed_on.request), "delivered");
    word(&mut network, sent, false, &["MLT"]);
    refused(&mut network, ARE, &relayed(sent), BROKEN);
}

#[test]
fn whoever_wants_consent_cannot_give_it_to_itself() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    let own = json!({"use_consent": {"granted": true, "states": ["MLT"]}});
    network.send(ARE, &from_are(sent.request, "use_consent", own));
    refused(&mut network, ARE, &relayed(sent), BROKEN);
}

#[test]
fn what_may_go_to_nobody_goes_nowhere_whatever_was_consented() {
    let mut network = Network::new();
    let sent = network.send(BRA, &labelled(bank_records(), "onward_sharing", "forbidden"));
    network.send(
        ARE,
        &labelled(from_are(sent.request, "ack_receipt", json!({})), "onward_sharing", "forbidden"),
    );
    word(&mut network, sent, true, &["MLT"]);
    let file = labelled(relayed(sent), "onward_sharing", "forbidden");
    refused(&mut network, ARE, &file, BROKEN);
}

#[test]
fn what_is_free_and_what_goes_home_needs_no_consent() {
    let mut network = Network::new();
    let free = network.send(BRA, &labelled(bank_records(), "onward_sharing", "free"));
    let passed_on = network.send(ARE, &relayed(free));
    assert_eq!(network.state(MLT, passed_on.request), "delivered");
    let kept = network.send(BRA, &bank_records());
    let home = with(relayed(kept), json!({"to": ["bra.central-authority/mla"]}));
    network.send(ARE, &home);
    let own = with(relayed(kept), json!({"from": "bra.central-authority/mla"}));
    network.send(BRA, &own);
}

fn classified(level: &str) -> Value {
    labelled(bank_records(), "classification", level)
}

fn with_ceilings(ceilings: [Option<Classification>; 3]) -> Network {
    Network::with(|_| {}, |n, setting| setting.policy.ceiling = ceilings[n])
}

const RESTRICTED: Option<Classification> = Some(Classification::Restricted);
const ABOVE: (&str, &str, &str) =
    ("/handling/classification", "ABOVE_CEILING", "R-HANDLING-CEILING");

#[test]
fn what_is_classified_above_the_senders_own_ceiling_is_refused_at_its_door() {
    let mut network = with_ceilings([None, RESTRICTED, None]);
    refused(&mut network, BRA, &classified("R-UE/EU-R"), ABOVE);
    let mut network = with_ceilings([RESTRICTED, RESTRICTED, None]);
    refused(&mut network, BRA, &classified("C-UE/EU-C"), ABOVE);
    let sent = network.send(BRA, &classified("R-UE/EU-R"));
    assert_eq!(network.states(sent.request), ["delivered", "delivered"]);
}

#[test]
fn what_is_classified_above_the_recipients_ceiling_is_not_taken_and_stated_undelivered() {
    let mut network = with_ceilings([RESTRICTED, None, None]);
    let before = network.size(ARE);
    let sent = network.send(BRA, &classified("R-UE/EU-R"));
    let facts = network.facts(ARE, before);
    let refusals: Vec<&Reason> = facts
        .iter()
        .filter_map(|it| if let Fact::NotTaken { reason, .. } = it { Some(reason) } else { None })
        .collect();
    assert_eq!(refusals, [&Reason::HandlingForbids]);
    assert!(!facts.iter().any(|it| matches!(it, Fact::Delivered { .. })), "{facts:?}");
    network.do_duties(BRA);
    network.settle();
    let key = MessageKey::new(network.agency(BRA), sent.message);
    let shown = views::summary(query::message(&network.setting(BRA), key).unwrap().unwrap());
    assert_eq!(shown.custody, "undelivered");
    let told: Vec<(&str, &str)> =
        shown.stations.iter().map(|it| (it.station.as_str(), it.reason.as_str())).collect();
    assert_eq!(
        told,
        [("accepted", ""), ("not_taken", "HANDLING_FORBIDS"), ("undelivered", "NEXT_HOP_REFUSED")]
    );
    assert_eq!(network.state(BRA, sent.request), "sent");
    assert!(query::request(&network.setting(ARE), sent.request).unwrap().is_none());
}

fn of_offer(sent: Sent, from_bra_side: bool, act: &str, own: Value) -> Value {
    let build = if from_bra_side { from_bra } else { from_are };
    with(build(sent.request, act, json!({"kind": "SOM.10.1.A.ROUTE"})), own)
}

fn state_forbids(network: &mut Network, n: usize, file: &Value) -> String {
    let before = network.size(n);
    let rejection = network.try_send(n, file).unwrap_err();
    assert_eq!(rejection.reason, RejectionReason::StateForbids);
    assert_eq!(network.size(n), before);
    rejection.metadata[0].1.clone()
}

#[test]
fn what_is_offered_is_told_only_after_its_restrictions_are_accepted() {
    let mut network = Network::new();
    let sent = network.send(BRA, &offer());
    assert_eq!(network.states(sent.request), ["offered", "offered"]);
    for n in [BRA, ARE] {
        let party = network.party(n, sent.request);
        assert_eq!(party.owner, "requested");
        assert_eq!(party.deadlines.iter().filter(|it| it.ours).count(), usize::from(n == ARE) * 2);
        assert!(party.deadlines.iter().any(|it| it.obligation == "answer_conditions"));
    }
    let content = json!({"facts": "Departure on the night of 5 May"});
    let content = of_offer(sent, true, "supplement", content);
    let possible = state_forbids(&mut network, BRA, &content);
    assert_eq!(possible, "withdrawal, recall, closing");
    let accept = json!({"conditions": {"accepted": ["18.5"]}});
    network.send(ARE, &of_offer(sent, false, "conditions_accept", accept));
    assert_eq!(network.states(sent.request), ["awaiting_requester", "awaiting_requester"]);
    assert_eq!(network.party(ARE, sent.request).owner, "requester");
    network.send(BRA, &content);
    assert_eq!(network.states(sent.request), ["informed", "informed"]);
    let feedback = json!({"feedback": {"useful": true}});
    network.send(ARE, &of_offer(sent, false, "usefulness_feedback", feedback));
    network.send(ARE, &of_offer(sent, false, "closing", json!({})));
    assert_eq!(network.states(sent.request), ["closed", "closed"]);
}

#[test]
fn an_offer_that_is_declined_or_withdrawn_is_closed_and_its_content_is_never_told() {
    for (n, act) in [(ARE, "conditions_decline"), (BRA, "withdrawal")] {
        let mut network = Network::new();
        let sent = network.send(BRA, &offer());
        network.send(n, &of_offer(sent, n == BRA, act, json!({})));
        assert_eq!(network.states(sent.request), ["closed", "closed"], "{act}");
        let content = of_offer(sent, true, "supplement", json!({}));
        assert!(!state_forbids(&mut network, BRA, &content).contains("supplement"));
    }
}

#[test]
fn what_is_offered_while_it_is_withdrawn_ends_alike_at_both_sides() {
    let mut network = Network::new();
    let sent = network.send(BRA, &offer());
    network.try_send(BRA, &of_offer(sent, true, "withdrawal", json!({}))).unwrap();
    network.try_send(ARE, &of_offer(sent, false, "conditions_accept", json!({}))).unwrap();
    network.settle();
    assert_eq!(network.states(sent.request), ["closed", "closed"]);
}

#[test]
fn a_message_of_another_request_lends_no_weaker_label() {
    let mut network = Network::new();
    let green = network.send(BRA, &labelled(bank_records(), "tlp", "TLP:GREEN"));
    let red = network.send(BRA, &labelled(bank_records(), "tlp", "TLP:RED"));
    let weak = labelled(from_are(red.request, "ack_receipt", json!({})), "tlp", "TLP:GREEN");
    let strange = with(weak.clone(), json!({"in_reply_to": green.message.to_string()}));
    refused(&mut network, ARE, &strange, ("/handling/tlp", WEAKER, ORIGINATOR));
    let passing = with(weak, json!({"relay_of": green.message.to_string()}));
    refused(&mut network, ARE, &passing, ("/handling/tlp", WEAKER, ORIGINATOR));
    let same = with(strange, json!({"request_id": green.request.to_string()}));
    network.send(ARE, &same);
}
