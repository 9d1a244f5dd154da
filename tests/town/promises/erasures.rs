//! What one side erases reaches the other where the rules say so: as something that it is asked, owes
//! an answer to, and decides by itself.

use std::sync::Arc;

use rogatory::directory::Directory;
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::domain::retention::{ErasureCause, Honour};
use rogatory::domain::station::Station;
use rogatory::evidence::statement::{self, CheckedStatement};
use rogatory::history::erasures::{self, Answer};
use rogatory::history::message;
use rogatory::history::state_hash;
use rogatory::node::command::{Command, Outcome};
use rogatory::node::content::{self, ContentError};
use rogatory::node::queue::Asker;
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::setting::Setting;
use rogatory::node::{self, Decision, query};
use serde_json::json;

use crate::promises::messages::{MLT_DESK, bank_records, from_are};
use crate::promises::network::{ARE, BRA, DAY, MLT, Network, Sent};

pub const ORDER: ErasureCause = ErasureCause::AuthorityOrder;

pub fn key_of(network: &Network, from: usize, sent: Sent) -> MessageKey {
    MessageKey::new(network.agency(from), sent.message)
}

pub fn try_erase(
    network: &mut Network,
    n: usize,
    message: MessageKey,
    cause: ErasureCause,
) -> Result<Outcome, Rejection> {
    let by = Some(network.call(n, "clerk").principal);
    network.ask(n, Command::Erase { by, message, cause })
}

/// The clerk of node `n` erases a message; everything that follows arrives.
pub fn erase(network: &mut Network, n: usize, message: MessageKey, cause: ErasureCause) {
    let done = try_erase(network, n, message, cause);
    assert!(matches!(done, Ok(Outcome::Done(_))), "{done:?}");
    network.settle();
}

pub fn refuse(
    network: &mut Network,
    n: usize,
    message: MessageKey,
    reason: Reason,
) -> Result<Outcome, Rejection> {
    let call = network.call(n, "clerk");
    let decided = network.ask(n, Command::RefuseErasure { call, message, reason });
    network.settle();
    decided
}

pub fn hold(network: &mut Network, n: usize, request: RequestId, held: bool) {
    let call = network.call(n, "clerk");
    let decided = network.ask(n, Command::Hold { call, request, held });
    assert!(matches!(decided, Ok(Outcome::Done(_))), "{decided:?}");
}

pub fn is_readable(network: &Network, n: usize, message: MessageKey) -> bool {
    let setting = network.setting(n);
    let view = query::message(&setting, message).unwrap().unwrap();
    match content::open(&setting, &view.header) {
        Ok(_) => true,
        Err(ContentError::Absent) => false,
        Err(other) => panic!("{other}"),
    }
}

/// What stands about erasure among the stations of a message at node `n`; each proof holds.
pub fn told(network: &Network, n: usize, message: MessageKey) -> Vec<(Station, String, String)> {
    let setting = network.setting(n);
    let view = query::message(&setting, message).unwrap().unwrap();
    let mut told = Vec::new();
    for station in view.stations {
        let checked = statement::check(&setting.directory(), station.receipt.unwrap()).unwrap();
        assert_eq!(checked.station, station.record.station);
        assert_eq!(checked.entry.journal.agency(), &station.record.agency);
        if checked.station >= Station::ErasureAsked {
            let reason = station.record.reason.map(|it| it.to_string()).unwrap_or_default();
            told.push((checked.station, station.record.agency.to_string(), reason));
        }
    }
    told
}

pub fn step(network: &Network, station: Station, n: usize) -> (Station, String, String) {
    (station, network.agency(n).to_string(), String::new())
}

/// The answers to erasures that are owed in a request by node `n`: by when, how it stands, by whom.
pub fn owed(network: &Network, n: usize, request: RequestId) -> Vec<(String, String, bool)> {
    let owed = network.party(n, request).deadlines.into_iter();
    let owed = owed.filter(|it| it.obligation == "answer_erasure");
    owed.map(|it| (it.due, it.stage, it.ours)).collect()
}

fn last_fact(network: &Network, n: usize) -> Fact {
    network.facts(n, network.size(n) - 1).remove(0)
}

pub fn refolds(network: &Network) {
    for n in [BRA, ARE, MLT] {
        let setting = network.setting(n);
        let rows = state_hash(setting.store.as_ref()).unwrap();
        node::rebuild(&setting).unwrap();
        assert_eq!(state_hash(setting.store.as_ref()).unwrap(), rows, "node {n}");
    }
}

pub fn honouring(n: usize) -> impl Fn(usize, &mut Setting) {
    move |node, setting| {
        if node == n {
            setting.policy.honour = Honour::AtOnce;
        }
    }
}

#[test]
fn an_order_to_erase_is_asked_of_the_destination_owed_there_and_told_back() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ORDER);
    assert!(!is_readable(&network, BRA, key));
    network.do_duties(ARE);
    assert!(is_readable(&network, ARE, key), "nobody is erased from outside");
    let asked =
        vec![step(&network, Station::Erased, BRA), step(&network, Station::ErasureAsked, BRA)];
    assert_eq!(told(&network, BRA, key), asked);
    assert_eq!(told(&network, ARE, key), asked[1..]);
    let due = network.now().plus_millis(7 * DAY).to_string();
    assert_eq!(owed(&network, ARE, sent.request), [(due.clone(), String::new(), true)]);
    assert_eq!(owed(&network, BRA, sent.request), [(due.clone(), String::new(), false)]);

    network.pass(8 * DAY);
    let before = network.size(ARE);
    network.do_duties(ARE);
    assert!(network.facts(ARE, before).contains(&Fact::DeadlineNoted));
    assert_eq!(owed(&network, ARE, sent.request), [(due, "overdue".to_owned(), true)]);

    erase(&mut network, ARE, key, ErasureCause::OriginatorOrder);
    assert!(!is_readable(&network, ARE, key));
    let all = [asked, vec![step(&network, Station::Erased, ARE)]].concat();
    assert_eq!(told(&network, BRA, key), all);
    assert_eq!(told(&network, ARE, key), all[1..]);
    for n in [BRA, ARE] {
        assert_eq!(owed(&network, n, sent.request), []);
    }
    refolds(&network);
}

#[test]
fn an_agency_that_honours_at_once_erases_what_it_is_asked_to() {
    let mut network = Network::with(|_| {}, honouring(ARE));
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ORDER);
    network.do_duties(ARE);
    assert!(!is_readable(&network, ARE, key));
    let view = query::message(&network.setting(ARE), key).unwrap().unwrap();
    assert_eq!(view.record.erased.unwrap().cause, ErasureCause::OriginatorOrder);
    network.settle();
    assert_eq!(told(&network, BRA, key).last(), Some(&step(&network, Station::Erased, ARE)));
    let before = network.size(ARE);
    network.do_duties(ARE);
    assert_eq!(network.size(ARE), before, "it is done once");
    refolds(&network);
}

/// The request of a message is held at its destination, which is asked to erase it, and says so.
fn asked_while_held(network: &mut Network) -> (Sent, MessageKey) {
    let sent = network.send(BRA, &bank_records());
    let key = key_of(network, BRA, sent);
    hold(network, ARE, sent.request, true);
    erase(network, BRA, key, ORDER);
    network.do_duties(ARE);
    network.settle();
    (sent, key)
}

#[test]
fn what_is_held_is_kept_the_other_side_is_told_and_it_is_owed_again_on_release() {
    for honour in [Honour::Ask, Honour::AtOnce] {
        let mut network = Network::with(|_| {}, |_, setting| setting.policy.honour = honour);
        let (sent, key) = asked_while_held(&mut network);
        let are = network.agency(ARE).to_string();
        let kept = (Station::ErasureRefused, are, "LEGAL_HOLD".to_owned());
        for n in [BRA, ARE] {
            assert_eq!(told(&network, n, key).last(), Some(&kept));
            assert_eq!(owed(&network, n, sent.request), [], "{honour:?}");
        }
        assert!(is_readable(&network, ARE, key));
        let refused = try_erase(&mut network, ARE, key, ORDER).unwrap_err();
        assert_eq!(refused.reason, RejectionReason::StateForbids);
        let before = network.size(ARE);
        network.do_duties(ARE);
        assert_eq!(network.size(ARE), before, "it is told once");

        network.pass(DAY);
        hold(&mut network, ARE, sent.request, false);
        let due = network.now().plus_millis(7 * DAY).to_string();
        assert_eq!(owed(&network, ARE, sent.request), [(due, String::new(), true)]);
        network.do_duties(ARE);
        network.settle();
        assert_eq!(is_readable(&network, ARE, key), honour == Honour::Ask);
        let last = told(&network, BRA, key).pop().unwrap();
        let erased = step(&network, Station::Erased, ARE);
        assert_eq!(last, if honour == Honour::Ask { kept } else { erased });
        refolds(&network);
    }
}

#[test]
fn a_hold_that_is_placed_while_an_answer_is_owed_is_told_too() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ORDER);
    hold(&mut network, ARE, sent.request, true);
    network.do_duties(ARE);
    let message =
        message::reference(&query::message(&network.setting(ARE), key).unwrap().unwrap().header);
    let kept = Fact::ErasureRefused { message, reason: Reason::LegalHold };
    assert_eq!(last_fact(&network, ARE), kept);
    assert_eq!(owed(&network, ARE, sent.request), []);
}

#[test]
fn an_officer_keeps_what_is_needed_says_why_and_may_be_asked_again() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    let early = refuse(&mut network, ARE, key, Reason::InProceedings).unwrap_err();
    assert_eq!(early.reason, RejectionReason::StateForbids, "nobody asked");
    erase(&mut network, BRA, key, ErasureCause::OriginatorOrder);
    refuse(&mut network, ARE, key, Reason::InProceedings).unwrap();
    let are = network.agency(ARE).to_string();
    let kept = (Station::ErasureRefused, are, "IN_PROCEEDINGS".to_owned());
    assert_eq!(told(&network, BRA, key).last(), Some(&kept));
    let again = refuse(&mut network, ARE, key, Reason::LawRequires).unwrap_err();
    assert_eq!(again.reason, RejectionReason::StateForbids, "it is answered");
    let own = refuse(&mut network, BRA, key, Reason::LawRequires).unwrap_err();
    assert_eq!(own.reason, RejectionReason::NotFound, "whoever asks does not answer");

    erase(&mut network, BRA, key, ORDER);
    let asked = |n| told(&network, n, key).into_iter().filter(|it| it.0 == Station::ErasureAsked);
    assert_eq!((asked(BRA).count(), asked(ARE).count()), (2, 2));
    assert_eq!(owed(&network, ARE, sent.request).len(), 1);
    let before = network.size(BRA);
    erase(&mut network, BRA, key, ORDER);
    assert_eq!(network.size(BRA), before, "it waits for the answer");
    refolds(&network);
}

#[test]
fn an_answer_is_asked_back_from_the_requester_in_the_same_way() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let answer = network.send(ARE, &from_are(sent.request, "ack_receipt", json!({})));
    let key = key_of(&network, ARE, answer);
    erase(&mut network, ARE, key, ORDER);
    assert!(owed(&network, BRA, sent.request)[0].2, "the requester owes the answer");
    assert!(!owed(&network, ARE, sent.request)[0].2);
    assert!(is_readable(&network, BRA, key));
    erase(&mut network, BRA, key, ErasureCause::OriginatorOrder);
    assert_eq!(told(&network, ARE, key).last(), Some(&step(&network, Station::Erased, BRA)));
    let opening = key_of(&network, BRA, sent);
    assert!(is_readable(&network, BRA, opening) && is_readable(&network, ARE, opening));
    refolds(&network);
}

#[test]
fn the_first_of_several_answers_is_owed_until_all_are_given() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let more = json!({"message_type": "supplement", "request_id": sent.request.to_string()});
    let second = network.send(BRA, &crate::promises::messages::with(bank_records(), more));
    let (one, two) = (key_of(&network, BRA, sent), key_of(&network, BRA, second));
    erase(&mut network, BRA, one, ORDER);
    let first = network.now().plus_millis(7 * DAY).to_string();
    network.pass(DAY);
    erase(&mut network, BRA, two, ORDER);
    let later = network.now().plus_millis(7 * DAY).to_string();
    assert_eq!(owed(&network, ARE, sent.request), [(first, String::new(), true)]);
    erase(&mut network, ARE, one, ORDER);
    assert_eq!(owed(&network, ARE, sent.request), [(later, String::new(), true)]);
    refuse(&mut network, ARE, two, Reason::LawRequires).unwrap();
    assert_eq!(owed(&network, ARE, sent.request), []);
    refolds(&network);
}

#[test]
fn evidence_that_its_giver_decides_to_erase_and_what_was_kept_long_enough_ask_nobody() {
    let mut network = Network::new();
    for cause in [ErasureCause::OwnDecision, ErasureCause::RetentionEnded] {
        let sent = network.send(BRA, &bank_records());
        let key = key_of(&network, BRA, sent);
        erase(&mut network, BRA, key, cause);
        assert_eq!(told(&network, BRA, key), [step(&network, Station::Erased, BRA)]);
        assert_eq!(told(&network, ARE, key), [], "{cause}");
    }
    let mut close = bank_records();
    close["handling"]["tlp"] = json!("TLP:RED");
    let sent = network.send(BRA, &close);
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ErasureCause::OwnDecision);
    assert_eq!(told(&network, ARE, key), [step(&network, Station::ErasureAsked, BRA)]);
}

#[test]
fn what_was_erased_there_already_is_told_at_once() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, ARE, key, ErasureCause::OwnDecision);
    assert_eq!(told(&network, BRA, key), [], "nobody asked");
    erase(&mut network, BRA, key, ORDER);
    assert_eq!(told(&network, BRA, key).last(), Some(&step(&network, Station::Erased, ARE)));
    assert_eq!(owed(&network, BRA, sent.request), []);
    refolds(&network);
}

#[test]
fn through_a_transit_it_is_asked_once_the_message_is_known_to_have_arrived() {
    let apart = |draft: &mut rogatory::directory::write::DirectoryDraft| {
        draft.links.remove(2);
    };
    let mut network = Network::with(apart, honouring(MLT));
    let mut file = bank_records();
    file["to"] = json!([MLT_DESK]);
    let sent = network.try_send(BRA, &file).unwrap();
    let key = key_of(&network, BRA, sent);
    network.hand_over(BRA, ARE);
    let done = try_erase(&mut network, BRA, key, ORDER);
    assert!(matches!(done, Ok(Outcome::Done(_))), "{done:?}");
    network.hand_over(BRA, ARE);
    assert_eq!(told(&network, ARE, key), [], "nobody can be asked for what did not arrive");
    network.settle();
    network.do_duties(MLT);
    network.settle();
    assert!(!is_readable(&network, MLT, key));
    let asked = step(&network, Station::ErasureAsked, BRA);
    let erased = step(&network, Station::Erased, MLT);
    assert_eq!(told(&network, MLT, key), [asked.clone(), erased.clone()]);
    assert_eq!(told(&network, ARE, key), [asked.clone(), erased.clone()], "a hop passes both on");
    assert_eq!(told(&network, BRA, key), [step(&network, Station::Erased, BRA), asked, erased]);
    refolds(&network);
}

/// The statement by which BRA asks, as ARE was told it.
fn asking(network: &Network, key: MessageKey) -> CheckedStatement {
    let setting = network.setting(ARE);
    let view = query::message(&setting, key).unwrap().unwrap();
    let asked = view.stations.into_iter().find(|it| it.record.station == Station::ErasureAsked);
    statement::check(&setting.directory(), asked.unwrap().receipt.unwrap()).unwrap()
}

/// What `who` makes of a statement that the other of the two agencies tells it.
fn told_to(network: &mut Network, who: usize, statement: CheckedStatement) -> Decision {
    let other = network.agency(if who == ARE { BRA } else { ARE }).clone();
    network.ask(who, Command::RecordStatement(Asker::Peer(other), Box::new(statement)))
}

#[test]
fn an_erasure_that_is_asked_by_another_for_another_or_again_changes_nothing() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ORDER);
    let genuine = asking(&network, key);
    let recorded = network.size(ARE);
    let replayed = told_to(&mut network, ARE, genuine.clone());
    assert!(matches!(replayed, Ok(Outcome::Done(at)) if at < recorded), "{replayed:?}");

    // Bytes that differ at all prove nothing.
    let mut forged = genuine.statement.clone();
    let last = forged.entry.len() - 1;
    forged.entry[last] ^= 1;
    assert!(statement::check(&network.setting(ARE).directory(), forged).is_err());

    let other = |digest: u8| rogatory::domain::digest::Digest::of(&[digest]);
    let mut by_another = CheckedStatement { digest: other(1), ..genuine.clone() };
    by_another.entry.journal =
        rogatory::domain::ids::JournalName::new(network.agency(MLT).clone(), 1);
    let mut of_another = CheckedStatement { digest: other(2), ..genuine.clone() };
    of_another.entry.fact = Fact::ErasureAsked {
        message: genuine.message.clone(),
        destination: network.agency(MLT).clone(),
        cause: ORDER,
    };
    let mut other_header = CheckedStatement { digest: other(3), ..genuine.clone() };
    other_header.message.header = other(9);
    for wrong in [by_another, of_another, other_header] {
        let no = told_to(&mut network, ARE, wrong).unwrap_err();
        assert_eq!(no.reason, RejectionReason::ProofInvalid);
    }
    // The origin itself says it twice, in an entry of its own: nothing new.
    let twice = CheckedStatement { digest: other(4), ..genuine.clone() };
    let said = told_to(&mut network, ARE, twice);
    assert_eq!(said, Ok(Outcome::Unchanged));
    // A message that is not here can't be erased.
    let mut unknown = CheckedStatement { digest: other(5), ..genuine };
    unknown.message.message = rogatory::domain::ids::MessageId::from_bytes([9; 16]);
    let said = told_to(&mut network, ARE, unknown);
    assert_eq!(said, Ok(Outcome::Unchanged));
    assert_eq!(network.size(ARE), recorded);
    assert!(is_readable(&network, ARE, key));
}

#[test]
fn an_answer_counts_only_from_whoever_was_asked() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ORDER);
    refuse(&mut network, ARE, key, Reason::LawRequires).unwrap();
    let setting = network.setting(BRA);
    let asked = erasures::find(setting.store.as_ref(), key).unwrap().unwrap();
    assert_eq!(asked.answer, Some(Answer::Refused(Reason::LawRequires)));
    let view = query::message(&setting, key).unwrap().unwrap();
    let refused = view.stations.last().unwrap().receipt.clone().unwrap();
    let mut refused = statement::check(&setting.directory(), refused).unwrap();
    refused.digest = rogatory::domain::digest::Digest::of(b"another entry");
    let again = told_to(&mut network, BRA, refused.clone());
    assert_eq!(again, Ok(Outcome::Unchanged), "it is answered");
    refused.entry.journal = rogatory::domain::ids::JournalName::new(network.agency(MLT).clone(), 1);
    let no = told_to(&mut network, BRA, refused).unwrap_err();
    assert_eq!(no.reason, RejectionReason::ProofInvalid);
}

#[test]
fn a_refusal_that_an_erasure_overtakes_on_its_way_is_told_and_changes_nothing() {
    let mut network = Network::new();
    let (sent, key) = asked_while_held(&mut network);
    let view = query::message(&network.setting(BRA), key).unwrap().unwrap();
    let refused = view.stations.last().unwrap().receipt.clone().unwrap();
    let mut late = statement::check(&network.setting(BRA).directory(), refused).unwrap();
    late.digest = rogatory::domain::digest::Digest::of(b"another entry");
    hold(&mut network, ARE, sent.request, false);
    erase(&mut network, ARE, key, ErasureCause::OriginatorOrder);
    let answer = |network: &Network| {
        let asked = erasures::find(network.setting(BRA).store.as_ref(), key).unwrap();
        asked.unwrap().answer
    };
    assert_eq!(answer(&network), Some(Answer::Erased));
    let told = told_to(&mut network, BRA, late);
    assert!(matches!(told, Ok(Outcome::Done(_))), "{told:?}");
    assert_eq!(answer(&network), Some(Answer::Erased));
    refolds(&network);
}

/// Node `n` follows its directory with other links.
pub fn follow(network: &mut Network, n: usize, change: impl FnOnce(&mut DirectoryDraft)) {
    let mut draft = network.setting(n).directory().draft();
    change(&mut draft);
    let directory = Directory::parse(&to_toml(&draft)).unwrap();
    network.ask(n, Command::AdoptDirectory(Arc::new(directory))).unwrap();
}

#[test]
fn whom_nobody_can_ask_when_content_is_erased_is_asked_once_there_is_a_way() {
    let mut network = Network::with(|_| {}, honouring(ARE));
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    let links = network.setting(BRA).directory().draft().links;
    follow(&mut network, BRA, |draft| draft.links.clear());
    erase(&mut network, BRA, key, ORDER);
    let erased = step(&network, Station::Erased, BRA);
    assert_eq!(told(&network, BRA, key), std::slice::from_ref(&erased));
    let to_ask =
        |network: &Network| erasures::is_to_ask(network.setting(BRA).store.as_ref(), key).unwrap();
    assert_eq!(to_ask(&network), Some(ORDER));
    let before = network.size(BRA);
    network.do_duties(BRA);
    erase(&mut network, BRA, key, ORDER);
    assert_eq!(network.size(BRA), before, "as long as there is no way it stays owed");
    refolds(&network);
    assert_eq!(to_ask(&network), Some(ORDER), "it follows from the entries");

    follow(&mut network, BRA, |draft| draft.links = links);
    network.do_duties(BRA);
    network.settle();
    network.do_duties(ARE);
    network.settle();
    let asked = step(&network, Station::ErasureAsked, BRA);
    let there = step(&network, Station::Erased, ARE);
    assert_eq!(told(&network, BRA, key), [erased, asked, there]);
    assert!(!is_readable(&network, ARE, key));
    assert_eq!(to_ask(&network), None);
    let before = network.size(BRA);
    network.do_duties(BRA);
    assert_eq!(network.size(BRA), before, "once");
    refolds(&network);
}

#[test]
fn a_reason_that_comes_later_is_refused_as_long_as_nobody_can_be_asked() {
    let mut network = Network::new();
    let sent = network.send(BRA, &bank_records());
    let key = key_of(&network, BRA, sent);
    erase(&mut network, BRA, key, ErasureCause::OwnDecision);
    let links = network.setting(BRA).directory().draft().links;
    follow(&mut network, BRA, |draft| draft.links.clear());
    let before = network.size(BRA);
    let refused = try_erase(&mut network, BRA, key, ORDER).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::NoRoute);
    let text = "it is erased here, and there is no route to are.central-authority to ask it";
    assert_eq!(refused.text, text);
    assert_eq!(network.size(BRA), before);
    follow(&mut network, BRA, |draft| draft.links = links);
    erase(&mut network, BRA, key, ORDER);
    assert_eq!(told(&network, ARE, key), [step(&network, Station::ErasureAsked, BRA)]);
}
