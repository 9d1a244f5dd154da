//! A request that came to a wrong authority goes on to the one that is competent, with its proof.

use rogatory::domain::acts::Act;
use rogatory::domain::bearing::Redirect;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::handling::Tlp;
use rogatory::domain::header::{Header, MessageKey};
use rogatory::domain::ids::{MessageId, RequestId};
use rogatory::domain::particulars::Particulars;
use rogatory::evidence::original::{self, OriginalError};
use rogatory::evidence::statement::StatementError;
use rogatory::history::message;
use rogatory::node::conduct::Vain;
use rogatory::node::rejection::RejectionReason;
use rogatory::node::{content, passing_on};
use rogatory::redact::Secret;
use rogatory::wire::draft::{Original, original_in, read_content};
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::promises::messages::{BRA_DESK, MLT_DESK, act, bank_records, from_are, from_bra, with};
use crate::promises::network::{ARE, BRA, MLT, Network};

/// The request for bank records, which may go to any State.
fn free() -> Value {
    let mut request = bank_records();
    request["handling"]["onward_sharing"] = json!("free");
    request
}

/// The wrong authority says that another one is competent.
fn notice(request: RequestId, to: &str) -> Value {
    let redirect = json!({"redirect": {"to": to, "reason": "The account moved"}});
    from_are(request, "redirect_notice", redirect)
}

/// An acknowledged request of BRA to ARE, which is to find that MLT is competent.
fn misdirected(network: &mut Network, file: &Value) -> RequestId {
    let request = network.send(BRA, file).request;
    network.send(ARE, &from_are(request, "ack_receipt", json!({})));
    request
}

/// State, owner and what is owed of a request at `executing`, as node `n` shows it.
fn shown(network: &Network, n: usize, request: RequestId, executing: usize) -> [String; 3] {
    let agency = network.agency(executing).to_string();
    let parties = network.shown(n, request).parties;
    let party = parties.into_iter().find(|it| it.agency == agency).unwrap_or_default();
    let owed = party.deadlines.first().map(|it| it.obligation.clone()).unwrap_or_default();
    [party.state, party.owner, owed]
}

/// The message that hands the request on, as MLT has it: header, particulars and content.
fn handed_on(network: &Network, notice: MessageId) -> (Header, Particulars, Vec<u8>) {
    let setting = network.setting(MLT);
    let rows = setting.store.as_ref();
    let known = message::by_id(rows, notice).unwrap();
    assert_eq!(known, [], "each agency gets a message of its own");
    let delivered =
        network.facts(MLT, 0).into_iter().rev().find_map(|it| {
            if let Fact::Delivered { header, .. } = it { Some(header) } else { None }
        });
    let header = delivered.unwrap();
    let key = MessageKey::new(&header.address.origin, header.address.message);
    let record = message::find(rows, key).unwrap().unwrap();
    let content = content::open(&setting, &header).unwrap();
    (header, record.particulars.unwrap(), content)
}

#[test]
fn the_wrong_authority_passes_the_request_on_and_it_goes_on_where_it_belongs() {
    let mut network = Network::new();
    let request = misdirected(&mut network, &free());
    let told = network.send(ARE, &notice(request, MLT_DESK));
    // Each of the three knows where it stands and who must act.
    for n in [BRA, ARE] {
        assert_eq!(shown(&network, n, request, ARE), ["redirected", "requester", "close"], "{n}");
    }
    for n in [BRA, MLT] {
        let expected = ["delivered", "requested", "acknowledge"];
        assert_eq!(shown(&network, n, request, MLT), expected, "node {n}");
    }
    assert_eq!(network.shown(MLT, request).requester, BRA_DESK);
    assert_eq!(network.shown(ARE, request).parties.len(), 1, "what goes on elsewhere is not its");

    // The competent authority has the request as it was sent, with its origin's proof.
    let (header, particulars, content) = handed_on(&network, told.message);
    assert_eq!(header.address.origin, *network.agency(ARE));
    assert_eq!(particulars.bearing.handed_on().unwrap().to_string(), BRA_DESK);
    let original = original_in(&content).unwrap().unwrap();
    let setting = network.setting(MLT);
    let proven = original::check(&setting.directory(), network.agency(ARE), &original).unwrap();
    assert_eq!(proven.header.address.origin, *network.agency(BRA));
    assert_eq!(proven.particulars.request, request);
    let said = read_content(&original::content(&original).unwrap()).unwrap();
    assert_eq!(said.facts.as_deref(), free()["facts"].as_str());
    assert_eq!(said.to, ["are.central-authority/mla"]);

    // From here on the two deal with each other directly.
    network.send(MLT, &act((MLT_DESK, BRA_DESK), request, "ack_receipt", json!({})));
    network.send(MLT, &act((MLT_DESK, BRA_DESK), request, "transmitted_for_execution", json!({})));
    let result = json!({"result": {"complete": true, "text": "All certified copies"}});
    network.send(MLT, &act((MLT_DESK, BRA_DESK), request, "result", result));
    for n in [BRA, MLT] {
        let expected = ["executed", "requester", "close"];
        assert_eq!(shown(&network, n, request, MLT), expected, "node {n}");
    }
    network.send(BRA, &from_bra(request, "closing", json!({})));
    assert_eq!(shown(&network, ARE, request, ARE)[0], "closed");
    assert_eq!(shown(&network, BRA, request, MLT)[0], "executed");
}

#[test]
fn an_answer_that_overtakes_the_notice_has_its_effect_once_the_notice_is_there() {
    let mut network = Network::new();
    let request = misdirected(&mut network, &free());
    network.try_send(ARE, &notice(request, MLT_DESK)).unwrap();
    network.hand_over(ARE, MLT);
    network.try_send(MLT, &act((MLT_DESK, BRA_DESK), request, "ack_receipt", json!({}))).unwrap();
    network.hand_over(MLT, BRA);
    assert_eq!(network.shown(BRA, request).parties.len(), 1, "nobody has named MLT to BRA");
    network.settle();
    for n in [BRA, MLT] {
        let expected = ["received", "requested", "answer"];
        assert_eq!(shown(&network, n, request, MLT), expected, "node {n}");
    }
}

#[test]
fn a_withdrawal_that_overtakes_the_request_has_its_effect_once_the_request_is_there() {
    let mut network = Network::new();
    let request = misdirected(&mut network, &free());
    network.try_send(ARE, &notice(request, MLT_DESK)).unwrap();
    network.hand_over(ARE, BRA);
    let withdrawal = json!({"withdrawal": {"reason": "The account was closed"}});
    network.try_send(BRA, &act((BRA_DESK, MLT_DESK), request, "withdrawal", withdrawal)).unwrap();
    network.hand_over(BRA, MLT);
    network.settle();
    for n in [BRA, MLT] {
        let expected = ["withdrawn", "requester", "close"];
        assert_eq!(shown(&network, n, request, MLT), expected, "node {n}");
    }
}

#[test]
fn to_another_state_a_request_is_passed_on_only_with_its_originators_consent() {
    let mut network = Network::new();
    let request = misdirected(&mut network, &bank_records());
    let refused = network.try_send(ARE, &notice(request, MLT_DESK)).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::HandlingForbids);
    let found: Vec<_> = refused.violations.iter().map(|it| (&*it.pointer, it.code)).collect();
    assert_eq!(found, [("/redirect/passed_on", "ORIGINATOR_RESTRICTION_BROKEN")]);
    assert_eq!(network.states(request), ["received", "received"]);
    // Its sender can leave that to the requester, or the requester consents.
    let mut plain = notice(request, MLT_DESK);
    plain["redirect"]["passed_on"] = json!(false);
    network.check(ARE, &plain).unwrap();
    let word = json!({"use_consent": {"granted": true, "states": ["MLT"],
        "proceedings": ["0009-2027"]}});
    network.send(BRA, &from_bra(request, "use_consent", word));
    network.send(ARE, &notice(request, MLT_DESK));
    assert_eq!(shown(&network, MLT, request, MLT)[0], "delivered");
}

#[test]
fn what_was_passed_on_is_not_passed_on_again() {
    let mut network = Network::new();
    let request = misdirected(&mut network, &free());
    network.send(ARE, &notice(request, MLT_DESK));
    network.send(MLT, &act((MLT_DESK, BRA_DESK), request, "ack_receipt", json!({})));
    let redirect = json!({"redirect": {"to": "are.central-authority/night", "reason": "Yours"}});
    let back = act((MLT_DESK, BRA_DESK), request, "redirect_notice", redirect);
    let refused = network.try_send(MLT, &back).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::StateForbids);
    assert!(refused.text.contains("say passed_on: false"), "{}", refused.text);
    let plain = with(
        back,
        json!({"redirect": {"to": "are.central-authority/night",
        "reason": "Yours", "passed_on": false}}),
    );
    network.send(MLT, &plain);
    assert_eq!(shown(&network, BRA, request, MLT), ["redirected", "requester", "send_anew"]);
}

#[test]
fn a_request_with_attachments_is_left_to_its_requester() {
    let mut network = Network::new();
    let request = network.send_attached(BRA, &free(), ARE).request;
    network.send(ARE, &from_are(request, "ack_receipt", json!({})));
    let refused = network.try_send(ARE, &notice(request, MLT_DESK)).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::StateForbids);
    assert!(refused.text.starts_with("the request has attachments"), "{}", refused.text);
    let redirect = json!({"redirect": {"to": MLT_DESK, "reason": "Theirs", "passed_on": false}});
    network.send(ARE, &from_are(request, "redirect_notice", redirect));
    assert_eq!(shown(&network, BRA, request, ARE), ["redirected", "requester", "send_anew"]);
}

#[test]
fn a_request_that_is_too_long_to_go_with_its_notice_is_left_to_the_requester() {
    let mut network = Network::new();
    let mut long = free();
    long["facts"] = json!("x".repeat(1_040_000));
    let request = misdirected(&mut network, &long);
    let refused = network.try_send(ARE, &notice(request, MLT_DESK)).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::LimitExceeded);
    assert_eq!(network.states(request), ["received", "received"]);
}

#[test]
fn nothing_about_a_request_that_is_handed_on_is_taken_on_trust() {
    let mut network = Network::new();
    let request = misdirected(&mut network, &free());
    let told = network.send(ARE, &notice(request, MLT_DESK));
    let (header, particulars, content) = handed_on(&network, told.message);
    let setting = network.setting(MLT);
    let original = original_in(&content).unwrap().unwrap();
    let check = |change: &dyn Fn(&mut Original)| {
        let mut changed = original.second();
        change(&mut changed);
        original::check(&setting.directory(), network.agency(ARE), &changed).unwrap_err()
    };
    let parts: [fn(&mut Original) -> &mut Vec<u8>; 5] = [
        |it| &mut it.header,
        |it| &mut it.origin.entry,
        |it| &mut it.origin.proof,
        |it| &mut it.particulars,
        |it| &mut it.content,
    ];
    for part in parts {
        let length = part(&mut original.second()).len();
        for at in (0..length).step_by(7) {
            check(&|it| part(it)[at] ^= 1);
        }
        check(&|it| part(it).truncate(length - 1));
    }
    assert!(matches!(check(&|it| it.key = Secret::new([7; 32])), OriginalError::Key(_)));
    for (part, expected) in [("particulars", 3), ("contents", 4)] {
        let altered = check(&|it| parts[expected](it)[0] ^= 1);
        assert_eq!(altered, OriginalError::Altered(part));
    }
    assert!(matches!(check(&|it| it.header.truncate(9)), OriginalError::Malformed(_)));
    let unread = check(&|it| it.origin.entry.truncate(9));
    assert_eq!(unread, OriginalError::Statement(StatementError::Entry));
    let unproven = check(&|it| it.origin.proof.truncate(40));
    assert!(matches!(unproven, OriginalError::Statement(StatementError::Proof(_))));
    let elsewhere = original::check(&setting.directory(), network.agency(MLT), &original);
    assert_eq!(elsewhere.unwrap_err(), OriginalError::SentElsewhere);

    let judge = |change: &dyn Fn(&mut Particulars), content: Option<&[u8]>| {
        let mut changed = particulars.clone();
        change(&mut changed);
        let told = setting.directory().version();
        let judged = passing_on::check(&setting, told, &header, (&changed, content));
        judged.map_err(|no| (no.reason, no.vain))
    };
    let content = content.as_slice();
    assert_eq!(judge(&|_| {}, Some(content)), Ok(()));
    let unproven = Err((Reason::ProofInvalid, Vain::Chance));
    assert_eq!(judge(&|_| {}, None), unproven);
    let bare = pb::Draft::default();
    assert_eq!(judge(&|_| {}, Some(&prost::Message::encode_to_vec(&bare))), unproven);
    let differs = Err((Reason::HeaderMismatch, Vain::Chance));
    let lies: [&dyn Fn(&mut Particulars); 6] = [
        &|it| it.request = RequestId::from_bytes([9; 16]),
        &|it| it.kind = "SOM.8.2.VESSEL".parse().unwrap(),
        &|it| it.bearing.confidential = !it.bearing.confidential,
        &|it| it.respond_by = Some(it.issued_at),
        &|it| {
            let desk = "mlt.central-authority/mla".parse().unwrap();
            it.bearing.redirect = Some(Redirect::HandedOn(desk));
        },
        &|it| it.act = Act::Request,
    ];
    for lie in lies {
        assert_eq!(judge(lie, Some(content)), differs);
    }
    // The label of the notice may be stricter than that of the request, and never weaker.
    let weaker = Tlp::ALL[0];
    assert_eq!(judge(&|it| it.bearing.label.tlp = weaker, Some(content)), differs);
}
