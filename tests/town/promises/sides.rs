//! What follows in a request goes to its two sides, and to nobody who has no part in it.

use rogatory::node::rejection::{Rejection, RejectionReason};
use serde_json::{Value, json};

use crate::promises::messages::{
    ARE_DESK, BRA_DESK, MLT_DESK, act, bank_records, from_are, from_bra, with,
};
use crate::promises::network::{ARE, BRA, MLT, Network};

/// The places that are found to lead to somebody without a part in the request.
fn outside(refused: Rejection) -> Vec<String> {
    assert_eq!(refused.reason, RejectionReason::ContentInvalid);
    let found = refused.violations.into_iter().map(|it| {
        let expected = ("RECIPIENT_NOT_PARTY", "R-ROUTE-CA", "UNTOC 18(13)");
        assert_eq!((it.code, it.rule, it.source), expected);
        it.pointer
    });
    found.collect()
}

fn to(file: Value, desks: &[&str]) -> Value {
    with(file, json!({ "to": desks }))
}

#[test]
fn an_answer_to_somebody_without_a_part_in_the_request_is_refused_and_counts_for_nothing() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let before = network.size(ARE);
    let ack = from_are(sent.request, "ack_receipt", json!({}));
    for (desks, places) in [
        (&[MLT_DESK][..], &["/to/0"][..]),
        (&[BRA_DESK, MLT_DESK], &["/to/1"]),
        (&[MLT_DESK, BRA_DESK], &["/to/0"]),
    ] {
        let ack = to(ack.clone(), desks);
        assert_eq!(outside(network.check(ARE, &ack).unwrap_err()), places);
        assert_eq!(outside(network.try_send(ARE, &ack).unwrap_err()), places);
    }
    assert_eq!(network.size(ARE), before);
    assert_eq!(network.states(sent.request), ["delivered", "delivered"]);
    network.send(ARE, &ack);
    assert_eq!(network.states(sent.request), ["received", "received"]);
}

#[test]
fn two_agencies_that_were_asked_the_same_have_no_part_in_each_others_course() {
    let mut network = Network::new();
    let sent = network.send(BRA, &to(bank_records(), &[ARE_DESK, MLT_DESK]));
    for (n, desk, other) in [(ARE, ARE_DESK, MLT_DESK), (MLT, MLT_DESK, ARE_DESK)] {
        let ack = act((desk, other), sent.request, "ack_receipt", json!({}));
        assert_eq!(outside(network.try_send(n, &ack).unwrap_err()), ["/to/0"]);
    }
    // Whoever asked deals with both.
    for desk in [ARE_DESK, MLT_DESK] {
        network.send(BRA, &act((BRA_DESK, desk), sent.request, "supplement", json!({})));
    }
}

#[test]
fn who_passed_a_request_on_and_who_has_it_now_each_deal_with_its_requester_alone() {
    let mut network = Network::new();
    let mut request = bank_records();
    request["handling"]["onward_sharing"] = json!("free");
    let request = network.send(BRA, &request).request;
    network.send(ARE, &from_are(request, "ack_receipt", json!({})));
    let redirect = json!({"redirect": {"to": MLT_DESK, "reason": "The account moved"}});
    network.send(ARE, &from_are(request, "redirect_notice", redirect));
    let back = act((MLT_DESK, ARE_DESK), request, "ack_receipt", json!({}));
    assert_eq!(outside(network.try_send(MLT, &back).unwrap_err()), ["/to/0"]);
    network.send(MLT, &act((MLT_DESK, BRA_DESK), request, "ack_receipt", json!({})));
    network.send(BRA, &from_bra(request, "closing", json!({})));
    let last = act((ARE_DESK, MLT_DESK), request, "ack_receipt", json!({}));
    assert_eq!(outside(network.try_send(ARE, &last).unwrap_err()), ["/to/0"]);
}
