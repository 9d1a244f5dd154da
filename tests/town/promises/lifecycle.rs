//! The life of a request as both sides see it: states, items, acts that are refused or cross.

use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::promises::messages::{
    BRA_DESK, MLT_DESK, act, bank_records, bank_records_of, from_are, from_bra, thread, with,
};
use crate::promises::network::{ARE, BRA, MLT, Network, Sent, time};

/// A request of BRA that ARE has acknowledged.
fn received(network: &mut Network, file: &Value) -> Sent {
    let sent = network.send(BRA, file);
    acknowledge(network, sent.request);
    sent
}

fn acknowledge(network: &mut Network, request: RequestId) {
    let ack = json!({"ack": {"level": "central_authority", "contact": "mla@justice.example"}});
    network.send(ARE, &from_are(request, "ack_receipt", ack));
}

/// A request of BRA that ARE examines.
fn examined(network: &mut Network, file: &Value) -> Sent {
    let sent = received(network, file);
    network.send(ARE, &from_are(sent.request, "transmitted_for_execution", json!({})));
    sent
}

/// A request of BRA for one thing that was delivered, received and closed.
fn closed(network: &mut Network) -> Sent {
    let sent = examined(network, &bank_records());
    let result = json!({"result": {"complete": true, "text": "All certified copies"}});
    network.send(ARE, &from_are(sent.request, "result", result));
    let receipt = json!({"receipt": {"integrity_checked": true, "satisfied": true}});
    network.send(BRA, &from_bra(sent.request, "receipt_of_result", receipt));
    network
        .send(BRA, &from_bra(sent.request, "closing", json!({"closing": {"outcome": "executed"}})));
    assert_eq!(network.states(sent.request), ["closed", "closed"]);
    sent
}

fn items(party: &pb::PartyState) -> Vec<(&str, &str)> {
    party.items.iter().map(|it| (it.item.as_str(), it.state.as_str())).collect()
}

/// Both sides show these items, and this state of the whole.
fn both_show(network: &Network, request: RequestId, expected: &[(&str, &str)], state: &str) {
    for n in [BRA, ARE] {
        let party = network.party(n, request);
        assert_eq!(items(&party), expected, "node {n}");
        assert_eq!(party.state, state, "node {n}");
    }
}

fn possible(rejection: &Rejection) -> &str {
    assert_eq!(rejection.reason, RejectionReason::StateForbids);
    let [(name, acts)] = rejection.metadata.as_slice() else { panic!("{rejection:?}") };
    assert_eq!(*name, "possible_acts");
    acts
}

#[test]
fn the_published_thread_goes_through_two_nodes_from_request_to_closing() {
    let expected = [
        ("request", "delivered", "requested"),
        ("ack_receipt", "received", "requested"),
        ("transmitted_for_execution", "in_examination", "requested"),
        ("clarification_request", "awaiting_requester", "requester"),
        ("supplement", "in_examination", "requested"),
        ("progress_query", "in_examination", "requested"),
        ("progress_report", "in_execution", "requested"),
        ("conditions_offer", "conditions_pending", "requester"),
        ("conditions_accept", "in_execution", "requested"),
        ("partial_result", "partially_executed", "requested"),
        ("result", "executed", "requester"),
        ("receipt_of_result", "delivered_result", "requester"),
        ("closing", "closed", "nobody"),
    ];
    let mut network = Network::new();
    let messages = thread();
    assert_eq!(messages.len(), expected.len());
    let mut request = None;
    for (message, (act, state, owner)) in messages.iter().zip(expected) {
        assert_eq!(message["message_type"], act);
        network.pass_to(time(message["issued_at"].as_str().unwrap()));
        let from = if message["from"] == messages[0]["from"] { BRA } else { ARE };
        let sent = network.send(from, message);
        assert_eq!(sent.message.to_string(), message["message_id"].as_str().unwrap());
        if act == "request" {
            // It is confidential: whoever answers has taken it before.
            network.claim(ARE, BRA, sent);
        }
        let known = *request.get_or_insert(sent.request);
        assert_eq!(sent.request, known);
        assert_eq!(network.states(known), [state, state], "after {act}");
        for n in [BRA, ARE] {
            let party = network.party(n, known);
            assert_eq!(party.owner, owner, "after {act}");
            assert_eq!(party.due.is_empty(), owner == "nobody", "after {act}");
        }
    }
    for n in [BRA, ARE] {
        assert_eq!(network.shown(n, request.unwrap()).message_count, 13);
    }
}

#[test]
fn of_two_items_one_is_refused_after_consultation_and_the_other_delivered() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records_of(&["I1", "I2"]));
    let request = sent.request;
    both_show(
        &network,
        request,
        &[("I1", "in_examination"), ("I2", "in_examination")],
        "in_examination",
    );
    let consultation = json!({"items": ["I1"], "consultation": {"basis": "UNTOC 18(26)",
        "considered": "refusal", "text": "Can the tax file be left out?"}});
    network.send(ARE, &from_are(request, "consultation", consultation));
    both_show(
        &network,
        request,
        &[("I1", "consulting"), ("I2", "in_examination")],
        "in_examination",
    );
    let refusal = json!({"items": ["I1"],
        "refusal": {"grounds": ["18.21.b"], "reasons": "Essential interests"}});
    network.send(ARE, &from_are(request, "refusal", refusal));
    both_show(
        &network,
        request,
        &[("I1", "refused"), ("I2", "in_examination")],
        "partially_executed",
    );
    let result = json!({"result": {"complete": true,
        "items": [{"item": "I2", "asked": "Certified copies", "status": "delivered"}]}});
    network.send(ARE, &from_are(request, "result", result));
    both_show(&network, request, &[("I1", "refused"), ("I2", "executed")], "executed");
    let receipt = json!({"items": ["I2"], "receipt": {"integrity_checked": true}});
    network.send(BRA, &from_bra(request, "receipt_of_result", receipt));
    both_show(
        &network,
        request,
        &[("I1", "refused"), ("I2", "delivered_result")],
        "delivered_result",
    );
    network.send(BRA, &from_bra(request, "closing", json!({"closing": {"outcome": "executed"}})));
    both_show(&network, request, &[("I1", "closed"), ("I2", "closed")], "closed");
}

#[test]
fn one_result_delivers_one_item_and_leaves_another_to_do() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records_of(&["I1", "I2"]));
    let result = json!({"result": {"items": [
        {"item": "I1", "asked": "statements", "status": "delivered"},
        {"item": "I2", "asked": "wire messages", "status": "pending"}]}});
    network.send(ARE, &from_are(sent.request, "partial_result", result));
    let expected = [("I1", "executed"), ("I2", "partially_executed")];
    both_show(&network, sent.request, &expected, "partially_executed");
}

#[test]
fn an_impossible_act_is_refused_with_the_acts_that_are_possible_and_writes_nothing() {
    let mut network = Network::new();
    let sent = received(&mut network, &bank_records());
    let before = network.size(ARE);
    let refusal = json!({"refusal": {"grounds": ["18.21.b"], "reasons": "Essential interests"}});
    let refused = network.try_send(ARE, &from_are(sent.request, "refusal", refusal)).unwrap_err();
    let acts: Vec<String> = possible(&refused).split(", ").map(ToOwned::to_owned).collect();
    assert_eq!(acts, network.party(ARE, sent.request).possible_acts);
    assert!(acts.contains(&"transmitted_for_execution".to_owned()), "{acts:?}");
    assert!(!acts.contains(&"refusal".to_owned()), "{acts:?}");
    let early = network.try_send(BRA, &from_bra(sent.request, "closing", json!({}))).unwrap_err();
    let acts = possible(&early);
    assert!(acts.contains("withdrawal") && !acts.contains("closing"), "{acts}");
    assert_eq!(network.size(ARE), before);
    assert_eq!(network.states(sent.request), ["received", "received"]);
}

#[test]
fn every_act_that_is_listed_is_accepted_and_every_other_is_refused() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records());
    for (n, build) in [
        (BRA, from_bra as fn(RequestId, &str, Value) -> Value),
        (ARE, from_are as fn(RequestId, &str, Value) -> Value),
    ] {
        let listed = network.party(n, sent.request).possible_acts;
        for act in rogatory::domain::acts::Act::ALL {
            let word = act.as_str();
            if matches!(word, "request" | "spontaneous_information") {
                continue;
            }
            let before = network.size(n);
            let asked = network.check(n, &build(sent.request, word, json!({})));
            assert_eq!(asked.is_ok(), listed.contains(&word.to_owned()), "{word} at node {n}");
            if let Err(rejection) = asked {
                assert_eq!(possible(&rejection), listed.join(", "), "{word} at node {n}");
            }
            assert_eq!(network.size(n), before, "{word} at node {n}");
        }
    }
}

#[test]
fn an_item_that_the_request_does_not_name_is_unknown_at_its_place() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records_of(&["I1", "I2"]));
    for (named, pointer) in [(json!(["I3"]), "/items/0"), (json!(["I2", "I3"]), "/items/1")] {
        let before = network.size(ARE);
        let consultation = json!({"items": named, "consultation": {"text": "Which account?"}});
        let file = from_are(sent.request, "consultation", consultation);
        let refused = network.try_send(ARE, &file).unwrap_err();
        assert_eq!(refused.reason, RejectionReason::ContentInvalid);
        let found: Vec<(&str, &str)> =
            refused.violations.iter().map(|it| (&*it.pointer, it.code)).collect();
        assert_eq!(found, [(pointer, "ITEM_UNKNOWN")]);
        assert_eq!(network.size(ARE), before);
    }
    let whole = examined(&mut network, &bank_records());
    let file = from_are(whole.request, "consultation", json!({"items": ["I1"]}));
    let refused = network.try_send(ARE, &file).unwrap_err();
    assert_eq!(refused.violations[0].code, "ITEM_UNKNOWN");
}

#[test]
fn a_named_item_that_forbids_its_act_forbids_the_message() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records_of(&["I1", "I2"]));
    let consultation = json!({"items": ["I1"], "consultation": {"text": "Which account?"}});
    network.send(ARE, &from_are(sent.request, "consultation", consultation));
    let refusal = |items: Value| from_are(sent.request, "refusal", json!({"items": items}));
    let refused = network.try_send(ARE, &refusal(json!(["I1", "I2"]))).unwrap_err();
    assert!(possible(&refused).contains("refusal"), "it is possible for one of them");
    network.try_send(ARE, &refusal(json!(["I1"]))).unwrap();
}

#[test]
fn acts_that_cross_leave_both_sides_in_the_same_state() {
    let crossings = [
        ("withdrawal", "transmitted_for_execution", "withdrawn"),
        ("amendment", "clarification_request", "awaiting_requester"),
        ("withdrawal", "clarification_request", "withdrawn"),
        ("progress_query", "redirect_notice", "redirected"),
    ];
    for (ours, theirs, state) in crossings {
        let mut network = Network::new();
        let sent = received(&mut network, &bank_records());
        network.try_send(BRA, &from_bra(sent.request, ours, json!({}))).unwrap();
        network.try_send(ARE, &from_are(sent.request, theirs, json!({}))).unwrap();
        network.settle();
        assert_eq!(network.states(sent.request), [state, state], "{ours} and {theirs}");
    }
}

#[test]
fn acts_on_different_items_that_cross_both_count() {
    let mut network = Network::new();
    let sent = examined(&mut network, &bank_records_of(&["I1", "I2"]));
    let withdrawal = json!({"items": ["I2"], "withdrawal": {"reason": "No longer needed"}});
    network.try_send(BRA, &from_bra(sent.request, "withdrawal", withdrawal)).unwrap();
    let result = json!({"result": {
        "items": [{"item": "I1", "asked": "Certified copies", "status": "delivered"}]}});
    network.try_send(ARE, &from_are(sent.request, "result", result)).unwrap();
    network.settle();
    let expected = [("I1", "executed"), ("I2", "withdrawn")];
    both_show(&network, sent.request, &expected, "executed");
}

#[test]
fn whoever_is_not_competent_says_who_is_and_the_other_acknowledges() {
    let mut network = Network::new();
    let sent = received(&mut network, &bank_records());
    let redirect = json!({"redirect": {"to": "are.central-authority/night",
        "reason": "Competent for banks", "passed_on": true}});
    network.send(ARE, &from_are(sent.request, "redirect_notice", redirect));
    assert_eq!(network.states(sent.request), ["redirected", "redirected"]);
    for n in [BRA, ARE] {
        let party = network.party(n, sent.request);
        assert_eq!((&*party.owner, &*party.deadlines[0].obligation), ("requested", "acknowledge"));
    }
    let acts = network.party(ARE, sent.request).possible_acts;
    assert!(acts.contains(&"ack_receipt".to_owned()));
    assert!(!acts.contains(&"transmitted_for_execution".to_owned()), "{acts:?}");
    acknowledge(&mut network, sent.request);
    assert_eq!(network.states(sent.request), ["received", "received"]);
}

/// The state of a request at one executing agency, as node `n` shows it.
fn state_at(network: &Network, n: usize, request: RequestId, executing: usize) -> String {
    let agency = network.agency(executing).to_string();
    let parties = network.shown(n, request).parties;
    parties.into_iter().find(|it| it.agency == agency).map(|it| it.state).unwrap_or_default()
}

#[test]
fn a_redirected_request_goes_on_to_the_authority_that_was_named_and_is_acknowledged_there() {
    let mut network = Network::new();
    let sent = received(&mut network, &bank_records());
    let again =
        with(bank_records(), json!({"request_id": sent.request.to_string(), "to": [MLT_DESK]}));
    let redirect =
        json!({"redirect": {"to": MLT_DESK, "reason": "The account moved", "passed_on": false}});
    network.send(ARE, &from_are(sent.request, "redirect_notice", redirect));
    let party = network.party(BRA, sent.request);
    assert_eq!((party.state.as_str(), party.owner.as_str()), ("redirected", "requester"));
    assert_eq!(party.deadlines[0].obligation, "send_anew");
    let anew = network.send(BRA, &again);
    assert_eq!(anew.request, sent.request, "it is the same request");
    for n in [BRA, MLT] {
        assert_eq!(state_at(&network, n, sent.request, MLT), "delivered", "node {n}");
    }
    network.send(MLT, &act((MLT_DESK, BRA_DESK), sent.request, "ack_receipt", json!({})));
    for n in [BRA, MLT] {
        assert_eq!(state_at(&network, n, sent.request, MLT), "received", "node {n}");
    }
    // Where it was wrong it is closed; where it is right it goes on.
    network.send(BRA, &from_bra(sent.request, "closing", json!({})));
    assert_eq!(state_at(&network, ARE, sent.request, ARE), "closed");
    assert_eq!(state_at(&network, BRA, sent.request, MLT), "received");
    // Twice to the same agency is once too often, and so is another kind under the same name.
    let rejection = network.try_send(BRA, &again).unwrap_err();
    assert_eq!(rejection.reason, RejectionReason::RequestExists);
}

#[test]
fn only_who_asked_opens_a_closed_request_again() {
    let mut network = Network::new();
    let sent = closed(&mut network);
    let theirs = network.try_send(ARE, &from_are(sent.request, "reopening", json!({})));
    assert!(!possible(&theirs.unwrap_err()).contains("reopening"));
    network.send(BRA, &from_bra(sent.request, "reopening", json!({"note": "A new account"})));
    assert_eq!(network.states(sent.request), ["received", "received"]);
    let party = network.party(ARE, sent.request);
    assert_eq!((party.owner.as_str(), party.due_source.as_str()), ("requested", "policy"));
    network.send(ARE, &from_are(sent.request, "transmitted_for_execution", json!({})));
    assert_eq!(network.states(sent.request), ["in_examination", "in_examination"]);
}

#[test]
fn use_consent_and_exculpatory_notice_outlive_closing_and_change_no_state() {
    let mut network = Network::new();
    let sent = closed(&mut network);
    let wish = json!({"use_consent": {"purpose": "Another trial", "proceedings": ["0009-2027"]}});
    network.send(BRA, &from_bra(sent.request, "use_consent_request", wish));
    let word = json!({"use_consent": {"granted": true, "proceedings": ["0009-2027"]}});
    network.send(ARE, &from_are(sent.request, "use_consent", word));
    let notice = json!({"disclosure": {"text": "An alibi stands in the file", "to": "the defence",
        "at": "2026-09-01T00:00:00Z"}});
    network.send(BRA, &from_bra(sent.request, "exculpatory_notice", notice));
    assert_eq!(network.states(sent.request), ["closed", "closed"]);
    for n in [BRA, ARE] {
        let owed = network.party(n, sent.request).deadlines;
        let owed: Vec<_> = owed.iter().map(|it| (&*it.obligation, &*it.due, &*it.source)).collect();
        let notice = ("notice_before_disclosure", "2026-09-01T00:00:00Z", "treaty_phrase");
        let erasure = ("end_retention", "2031-03-01T09:14:00Z", "policy");
        assert_eq!(owed, [notice, erasure]);
    }
    let late = network.try_send(BRA, &from_bra(sent.request, "supplement", json!({})));
    assert!(possible(&late.unwrap_err()).contains("exculpatory_notice"));
}

#[test]
fn an_act_that_was_accepted_is_one_entry_at_each_side() {
    let mut network = Network::new();
    let sent = received(&mut network, &bank_records());
    let before = [network.size(BRA), network.size(ARE)];
    network.send(ARE, &from_are(sent.request, "transmitted_for_execution", json!({})));
    let count = |n: usize, wanted: fn(&Fact) -> bool| {
        network.facts(n, before[n]).iter().filter(|it| wanted(it)).count()
    };
    assert_eq!(count(ARE, |it| matches!(it, Fact::Submitted { .. })), 1);
    assert_eq!(count(BRA, |it| matches!(it, Fact::Delivered { .. })), 1);
}
