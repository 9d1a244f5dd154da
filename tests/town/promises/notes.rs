//! A reviewing transit (UNTOC 18(13)) writes to the recipient of what it holds: in a message of its own,
//! with its origin's proof of which message is meant, and with nothing that opens that message.

use std::collections::BTreeMap;
use std::sync::Arc;

use rogatory::clock::Timestamp;
use rogatory::directory::Transit;
use rogatory::directory::write::DirectoryDraft;
use rogatory::domain::acts::Act;
use rogatory::domain::bearing::Redirect;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::{Header, MessageKey};
use rogatory::domain::ids::{ContactPointId, MessageId, RequestId};
use rogatory::domain::kinds::Group;
use rogatory::domain::limits::NOTE_BYTES_MAX;
use rogatory::domain::particulars::Particulars;
use rogatory::domain::retention::{ErasureCause, KeepDays};
use rogatory::domain::reviewing::Remark;
use rogatory::domain::station::Station;
use rogatory::evidence::original::{self, OriginalError};
use rogatory::evidence::statement::StatementError;
use rogatory::history::message::{self, Custody};
use rogatory::history::{note_ends, requests};
use rogatory::identity::desks::{DeskPolicy, DeskRights, FourEyes, Right, Rules, Who};
use rogatory::identity::{Principal, Role};
use rogatory::node::command::{Call, Command, Outcome, Submission, TransitAct};
use rogatory::node::conduct::Vain;
use rogatory::node::noting::{self, Held};
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::sealing::Plan;
use rogatory::node::sight::{self, Sight};
use rogatory::node::{content, query};
use rogatory::transport::audit::skeleton_json;
use rogatory::wire::draft::{TransitNote, read_content, transit_note};
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::promises::erasures::{erase, hold, is_readable, refolds};
use crate::promises::lanes::Lanes;
use crate::promises::messages::{
    ARE_DESK, BRA_DESK, MLT_DESK, act, bank_records, from_are, from_bra,
};
use crate::promises::network::{ARE, BRA, DAY, MLT, Network, Sent};

const WORDS: &str = "The account moved to another bank in May; ask there first.";

/// The third agency reviews, and stands between the two others.
fn between(draft: &mut DirectoryDraft) {
    draft.links.remove(0);
    draft.agencies[MLT].transit = Some(Transit::Reviewing);
}

fn network() -> Network {
    Network::with(between, |_, _| {})
}

fn open_request() -> Value {
    let mut file = bank_records();
    file["handling"]["confidentiality_requested"] = json!(false);
    file
}

fn key(network: &Network, from: usize, message: MessageId) -> MessageKey {
    MessageKey::new(network.agency(from), message)
}

fn decide(network: &mut Network, sent: Sent, act: TransitAct) -> Result<u64, Rejection> {
    let call = network.call(MLT, "anna");
    asked(network, call, sent, act)
}

fn asked(network: &mut Network, call: Call, sent: Sent, act: TransitAct) -> Result<u64, Rejection> {
    let message = key(network, BRA, sent.message);
    match network.ask(MLT, Command::OfTransit { call, message, act })? {
        Outcome::Done(position) => Ok(position),
        other => panic!("{other:?}"),
    }
}

fn note(network: &mut Network, sent: Sent, text: &str) -> Result<u64, Rejection> {
    decide(network, sent, TransitAct::Note(text.to_owned()))
}

/// The last note that MLT sent.
fn last_note(network: &Network) -> MessageKey {
    let facts = network.facts(MLT, 0).into_iter().rev();
    let sent = facts.filter_map(|it| {
        if let Fact::Submitted { header } = it { Some(header.key()) } else { None }
    });
    sent.take(1).next().unwrap()
}

/// A message as agency `n` has it: header, particulars and content.
fn here(network: &Network, n: usize, message: MessageKey) -> (Header, Particulars, pb::Draft) {
    let setting = network.setting(n);
    let view = query::message(&setting, message).unwrap().unwrap();
    let content = read_content(&content::open(&setting, &view.header).unwrap()).unwrap();
    (view.header, view.record.particulars.unwrap(), content)
}

fn inbox(network: &Network, n: usize, desk: &str) -> Vec<MessageKey> {
    let desk: ContactPointId = desk.parse().unwrap();
    let listed = query::inbox_page(&network.setting(n), &desk, 0, 100).unwrap();
    listed.into_iter().map(|(_, it)| it.header.key()).collect()
}

fn messages_of(network: &Network, n: usize, request: RequestId) -> Vec<MessageKey> {
    requests::messages(network.setting(n).store.as_ref(), request, 0, 100).unwrap()
}

fn stations(network: &Network, n: usize, message: MessageKey) -> Vec<Station> {
    let view = query::message(&network.setting(n), message).unwrap().unwrap();
    view.stations.into_iter().map(|it| it.record.station).collect()
}

#[test]
fn a_note_reaches_the_recipient_with_its_origins_proof_and_the_message_follows() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    let about = key(&network, BRA, sent.message);
    note(&mut network, sent, WORDS).unwrap();
    network.settle();
    let noted = last_note(&network);
    assert_eq!(inbox(&network, ARE, ARE_DESK), [noted], "the message itself is held");
    assert_eq!(stations(&network, BRA, about).last(), Some(&Station::Annotated(Remark::Noted)));

    let (header, particulars, content) = here(&network, ARE, noted);
    assert_eq!(header.address.origin, *network.agency(MLT));
    assert_eq!(particulars.act, Act::SpontaneousInformation);
    assert_eq!(particulars.from.to_string(), MLT_DESK);
    assert_eq!(particulars.request, sent.request);
    assert_eq!(particulars.bearing.noted().map(ToString::to_string).unwrap(), BRA_DESK);
    assert_eq!(particulars.bearing.relay_of, Some(sent.message));
    let held = query::message(&network.setting(MLT), about).unwrap().unwrap();
    let label = held.record.particulars.unwrap().bearing.label;
    assert_eq!(particulars.bearing.label, label, "as strict as its message");
    let found = transit_note(&content).unwrap().unwrap();
    assert_eq!(found.text, WORDS);
    let directory = network.setting(ARE).directory();
    let proven = original::noted(&directory, network.agency(ARE), &found).unwrap();
    assert_eq!((proven.key(), &proven), (about, &held.header));

    // It does nothing in a request, and its message does what it does.
    assert!(query::request(&network.setting(ARE), sent.request).unwrap().is_none());
    decide(&mut network, sent, TransitAct::Release).unwrap();
    network.settle();
    assert_eq!(messages_of(&network, ARE, sent.request), [about, noted]);
    assert_eq!(network.states(sent.request), ["delivered", "delivered"]);
    let record = message::find(network.setting(ARE).store.as_ref(), noted).unwrap().unwrap();
    assert!(!record.out_of_state);
    network.restart(ARE);
    refolds(&network);
    let ack = json!({"in_reply_to": sent.message.to_string()});
    through(&mut network, ARE, &from_are(sent.request, "ack_receipt", ack));
    assert_eq!(network.states(sent.request), ["received", "received"]);
    refolds(&network);
}

#[test]
fn a_note_that_comes_after_its_message_stands_in_its_request_at_once() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    note(&mut network, sent, WORDS).unwrap();
    decide(&mut network, sent, TransitAct::Release).unwrap();
    let (about, noted) = (key(&network, BRA, sent.message), last_note(&network));
    network.settle();
    let mut found = messages_of(&network, ARE, sent.request);
    found.sort();
    let mut both = [about, noted];
    both.sort();
    assert_eq!(found, both);
    assert_eq!(stations(&network, MLT, noted), [Station::Accepted, Station::Delivered]);
}

#[test]
fn a_note_opens_nothing_of_a_message_that_is_given_back() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    let about = key(&network, BRA, sent.message);
    let facts = open_request()["facts"].as_str().unwrap().to_owned();
    let setting = network.setting(MLT);
    let (header, ..) = here(&network, MLT, about);
    let opening = content::original(&setting, &header).unwrap().key;
    note(&mut network, sent, WORDS).unwrap();
    decide(&mut network, sent, TransitAct::Return(Reason::ReviewLaw)).unwrap();
    network.settle();
    let (header, ..) = here(&network, ARE, last_note(&network));
    let bytes = content::open(&network.setting(ARE), &header).unwrap();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|it| it == part);
    assert!(holds(WORDS.as_bytes()));
    assert!(!holds(facts.as_bytes()) && !holds(opening.expose()));
    assert!(query::message(&network.setting(ARE), about).unwrap().is_none());
    network.do_duties(BRA);
    assert!(stations(&network, BRA, about).contains(&Station::Undelivered));
}

/// A note as its recipient has it, and another one beside it.
struct Arrived {
    network: Network,
    sent: Sent,
    other: Sent,
    header: Header,
    particulars: Particulars,
    content: pb::Draft,
    theirs: TransitNote,
}

fn arrived() -> Arrived {
    let mut network = network();
    let [sent, other] = [open_request(), open_request()].map(|it| network.send(BRA, &it));
    note(&mut network, sent, WORDS).unwrap();
    let noted = last_note(&network);
    note(&mut network, other, WORDS).unwrap();
    network.settle();
    let theirs = transit_note(&here(&network, ARE, last_note(&network)).2).unwrap().unwrap();
    let (header, particulars, content) = here(&network, ARE, noted);
    Arrived { network, sent, other, header, particulars, content, theirs }
}

impl Arrived {
    /// What is found of the proof after a change to what the note carries; the node says the same.
    fn check(&self, change: &dyn Fn(&mut TransitNote)) -> Result<MessageKey, OriginalError> {
        let mut changed = transit_note(&self.content).unwrap().unwrap();
        change(&mut changed);
        let TransitNote { text, header, origin } = changed.clone();
        let [header, entry, proof] = [header, origin.entry, origin.proof].map(Some);
        let carried = pb::TransitNote { text: Some(text), header, entry, proof };
        let content = pb::Draft { transit_note: Some(carried), ..pb::Draft::default() };
        let judged = self.judge(&|_| {}, Some(&content));
        let directory = self.network.setting(ARE).directory();
        let proof = original::noted(&directory, self.network.agency(ARE), &changed);
        assert_eq!(judged, if proof.is_ok() { Ok(()) } else { UNPROVEN });
        proof.map(|it| it.key())
    }

    /// What the node says after a change to what the note says of itself.
    fn judge(
        &self,
        change: &dyn Fn(&mut Particulars),
        content: Option<&pb::Draft>,
    ) -> Result<(), (Reason, Vain)> {
        let setting = self.network.setting(ARE);
        let mut changed = self.particulars.clone();
        change(&mut changed);
        let told = setting.directory().version();
        let content = content.map(prost::Message::encode_to_vec);
        let judged = noting::check(&setting, told, &self.header, (&changed, content.as_deref()));
        judged.map_err(|no| (no.reason, no.vain))
    }
}

const UNPROVEN: Result<(), (Reason, Vain)> = Err((Reason::ProofInvalid, Vain::Chance));

#[test]
fn each_altered_part_of_what_a_note_carries_is_found() {
    let it = arrived();
    let (about, theirs) = (key(&it.network, BRA, it.sent.message), &it.theirs);
    assert_eq!(it.check(&|note| note.text = "Something else".to_owned()), Ok(about));
    let wrong = Err(OriginalError::Statement(StatementError::WrongFact));
    assert_eq!(it.check(&|note| note.header.clone_from(&theirs.header)), wrong);
    let unread = it.check(&|note| note.header.truncate(9));
    assert!(matches!(unread, Err(OriginalError::Malformed(_))), "{unread:?}");
    let unread = it.check(&|note| note.origin.entry.truncate(9));
    assert_eq!(unread, Err(OriginalError::Statement(StatementError::Entry)));
    let parts: [&dyn Fn(&mut TransitNote); 3] = [
        &|note| note.origin.entry.clone_from(&theirs.origin.entry),
        &|note| note.origin.proof.clone_from(&theirs.origin.proof),
        &|note| note.origin.proof.truncate(40),
    ];
    for part in parts {
        let unproven = it.check(part);
        let proof = matches!(&unproven, Err(OriginalError::Statement(StatementError::Proof(_))));
        assert!(proof, "{unproven:?}");
    }
    // What the reviewing transit states itself of the message is no word of its origin.
    let stations = query::message(&it.network.setting(BRA), about).unwrap().unwrap().stations;
    let mut relayed = stations.into_iter().filter(|it| it.record.station == Station::Relayed);
    let relayed = relayed.next().unwrap().receipt.unwrap();
    assert_eq!(it.check(&|note| note.origin = relayed.clone()), wrong);
    let unwitnessed = it.check(&|note| {
        let text = String::from_utf8(note.origin.proof.clone()).unwrap();
        let kept = text.lines().filter(|it| !it.starts_with("\u{2014} mlt."));
        note.origin.proof = kept.map(|it| format!("{it}\n")).collect::<String>().into_bytes();
    });
    assert_eq!(unwitnessed, Err(OriginalError::Statement(StatementError::NoWitness)));
    let whole = transit_note(&it.content).unwrap().unwrap();
    let directory = it.network.setting(ARE).directory();
    let elsewhere = original::noted(&directory, it.network.agency(MLT), &whole);
    assert_eq!(elsewhere.unwrap_err(), OriginalError::SentElsewhere);
}

#[test]
fn a_note_that_says_something_else_of_itself_than_it_carries_is_not_taken() {
    let it = arrived();
    assert_eq!(it.judge(&|_| {}, Some(&it.content)), Ok(()));
    assert_eq!(it.judge(&|_| {}, None), UNPROVEN);
    assert_eq!(it.judge(&|_| {}, Some(&pb::Draft::default())), UNPROVEN);
    let (setting, mut blind) = (it.network.setting(ARE), it.header.clone());
    blind.address.origin = it.network.agency(BRA).clone();
    for (newer, vain) in [(0, Vain::Chance), (1, Vain::Early)] {
        let told = setting.directory().version() + newer;
        let content = prost::Message::encode_to_vec(&it.content);
        let judged = noting::check(&setting, told, &blind, (&it.particulars, Some(&content)));
        let judged = judged.map_err(|no| (no.reason, no.vain));
        assert_eq!(judged, Err((Reason::ProofInvalid, vain)), "an agency that reviews nothing");
    }
    let other = it.other.message;
    let lies: [&dyn Fn(&mut Particulars); 6] = [
        &|it| it.act = Act::Request,
        &|it| it.in_reply_to = Some(other),
        &|it| it.outcome = Some("registry_confirmed".to_owned()),
        &|it| it.bearing.relay_of = Some(other),
        &|it| it.bearing.redirect = Some(Redirect::Noted(MLT_DESK.parse().unwrap())),
        &|it| it.bearing.heard = 1,
    ];
    for lie in lies {
        let judged = it.judge(lie, Some(&it.content));
        assert_eq!(judged, Err((Reason::HeaderMismatch, Vain::Chance)));
    }
}

#[test]
fn a_note_is_some_words_within_the_limit_once_and_while_the_message_is_held() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    let before = network.size(MLT);
    let mut refused = |text: &str| note(&mut network, sent, text).unwrap_err().reason;
    assert_eq!(refused(""), RejectionReason::ContentInvalid);
    assert_eq!(refused(" \n"), RejectionReason::ContentInvalid);
    assert_eq!(refused(&"x".repeat(NOTE_BYTES_MAX + 1)), RejectionReason::LimitExceeded);
    let bare = decide(&mut network, sent, TransitAct::Annotate(Remark::Noted));
    assert_eq!(bare.unwrap_err().reason, RejectionReason::ContentInvalid);
    assert_eq!(network.size(MLT), before, "a no changes nothing");

    let (call, long) = (network.call(MLT, "anna"), "x".repeat(NOTE_BYTES_MAX));
    let act = TransitAct::Note(long.clone());
    let first = asked(&mut network, call.clone(), sent, act.clone()).unwrap();
    let after = network.size(MLT);
    assert_eq!(asked(&mut network, call, sent, act), Ok(first), "the same call is the same entry");
    assert_eq!(network.size(MLT), after);
    let again = note(&mut network, sent, WORDS).unwrap_err();
    assert_eq!(again.reason, RejectionReason::StateForbids);
    network.settle();
    let found = transit_note(&here(&network, ARE, last_note(&network)).2).unwrap().unwrap();
    assert_eq!(found.text, long);

    decide(&mut network, sent, TransitAct::Release).unwrap();
    let late = note(&mut network, sent, WORDS).unwrap_err();
    assert_eq!(late.reason, RejectionReason::StateForbids);
}

#[test]
fn a_note_is_sent_by_who_may_review_and_send_at_the_desk_that_holds_its_message() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    for role in [Role::Service, Role::Operator, Role::Auditor, Role::Node] {
        let mut call = network.call(MLT, "anna");
        call.principal = Principal::new(network.agency(MLT).clone(), role, "anna").unwrap();
        let act = TransitAct::Note(WORDS.to_owned());
        let refused = asked(&mut network, call, sent, act).unwrap_err();
        assert_eq!(refused.reason, RejectionReason::RoleNotPermitted, "{role:?}");
    }
    let post = || vec![Who { role: Role::Officer, name: Some("anna".to_owned()) }];
    let policy = |rights: &[Right], four_eyes: Vec<FourEyes>| {
        let rights = DeskRights::from_iter(rights.iter().map(|it| (*it, post())));
        let desks = BTreeMap::from([(MLT_DESK.parse().unwrap(), rights)]);
        DeskPolicy::from(Rules { desks, four_eyes, ..Rules::default() })
    };
    let may = [Right::Read, Right::Review, Right::Send];
    network.setting(MLT).hold_to(policy(&may[..2], Vec::new()));
    let refused = note(&mut network, sent, WORDS).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::DeskNotPermitted);
    let eyes = FourEyes { desks: Vec::new(), kinds: Vec::new(), acts: Vec::new(), within_ms: 9 };
    network.setting(MLT).hold_to(policy(&may, vec![eyes]));
    let refused = note(&mut network, sent, WORDS).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::StateForbids);
    assert!(refused.text.contains("a second pair of eyes"), "{}", refused.text);
    network.setting(MLT).hold_to(policy(&may, Vec::new()));
    note(&mut network, sent, WORDS).unwrap();
}

#[test]
fn a_note_about_a_confidential_request_shows_no_more_than_the_request_does() {
    let mut network = network();
    let mut file = open_request();
    file["handling"]["confidentiality_requested"] = json!(true);
    for (file, expected) in [(file, Sight::Envelope), (open_request(), Sight::Full)] {
        let sent = network.send(BRA, &file);
        note(&mut network, sent, WORDS).unwrap();
        network.settle();
        let setting = network.setting(ARE);
        let rows = setting.store.as_ref();
        let record = message::find(rows, last_note(&network)).unwrap().unwrap();
        let zoe = Principal::new(network.agency(ARE).clone(), Role::Officer, "zoe").unwrap();
        let seen = sight::of_message(&setting, rows, &record, &zoe.to_string()).unwrap();
        assert_eq!(seen, expected);
    }
}

/// Agency `n` sends something in a request, and it is released on its way.
fn through(network: &mut Network, n: usize, file: &Value) -> Sent {
    let sent = network.send(n, file);
    released(network, n, sent);
    sent
}

fn released(network: &mut Network, n: usize, sent: Sent) {
    let (call, message) = (network.call(MLT, "anna"), key(network, n, sent.message));
    let act = TransitAct::Release;
    network.ask(MLT, Command::OfTransit { call, message, act }).unwrap();
    network.settle();
}

fn do_all(network: &mut Network, n: usize) {
    loop {
        let before = network.size(n);
        network.do_duties(n);
        if network.size(n) == before {
            return;
        }
    }
}

#[test]
fn a_note_goes_with_its_request_when_that_is_erased_and_its_author_erases_its_own() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    let request = sent.request;
    note(&mut network, sent, WORDS).unwrap();
    network.settle();
    let about_the_request = last_note(&network);
    released(&mut network, BRA, sent);
    let ack = network.send(ARE, &from_are(request, "ack_receipt", json!({})));
    let (call, message) = (network.call(MLT, "anna"), key(&network, ARE, ack.message));
    let act = TransitAct::Note(WORDS.to_owned());
    network.ask(MLT, Command::OfTransit { call, message, act }).unwrap();
    network.settle();
    let about_the_answer = last_note(&network);
    released(&mut network, ARE, ack);
    through(&mut network, BRA, &from_bra(request, "withdrawal", json!({})));
    through(&mut network, BRA, &from_bra(request, "closing", json!({})));
    assert_eq!(network.states(request), ["closed", "closed"]);
    for (n, note) in [(ARE, about_the_request), (BRA, about_the_answer)] {
        assert!(is_readable(&network, n, note));
    }
    network.pass(6 * 365 * DAY);
    for (n, note) in [(ARE, about_the_request), (BRA, about_the_answer)] {
        do_all(&mut network, n);
        assert!(!is_readable(&network, n, note), "node {n}");
    }
    // Who wrote it has it still, shows to whom it went, and erases it as any message of its own.
    let (header, ..) = here(&network, MLT, about_the_request);
    assert_eq!(header.address.destination, *network.agency(ARE));
    erase(&mut network, MLT, about_the_request, ErasureCause::OwnDecision);
    assert!(!is_readable(&network, MLT, about_the_request));
    refolds(&network);
}

/// What the journal of MLT says of the erasure of a message, the last first.
fn erased_for(network: &Network, note: MessageKey) -> Vec<ErasureCause> {
    let facts = network.facts(MLT, 0).into_iter().rev();
    let of_note = |it| match it {
        Fact::ContentErased { message, cause } if message.message == note.message() => Some(cause),
        _ => None,
    };
    facts.filter_map(of_note).collect()
}

#[test]
fn what_a_note_says_is_kept_by_its_author_as_long_as_the_agencys_policy_says_and_no_longer() {
    let mut network = Network::with(between, |n, setting| {
        if n == MLT {
            setting.policy.keep_days = KeepDays::default().with(Group::Assistance, 400);
        }
    });
    let sent = network.send(BRA, &open_request());
    note(&mut network, sent, WORDS).unwrap();
    network.settle();
    let noted = last_note(&network);
    let sending =
        network.entries(MLT, 0).into_iter().rev().find(|it| it.skeleton.keep_until.is_some());
    let sending = sending.unwrap();
    let until = sending.entry.recorded_at.plus_millis(400 * DAY);
    let shown: Value = serde_json::from_str(&skeleton_json(&sending.skeleton)).unwrap();
    assert_eq!(shown["keep_until"], json!(until.to_string()), "auditors see until when");
    network.pass(400 * DAY - 1);
    do_all(&mut network, MLT);
    assert!(is_readable(&network, MLT, noted), "not a moment before");
    network.pass(1);
    do_all(&mut network, MLT);
    assert!(!is_readable(&network, MLT, noted));
    assert_eq!(erased_for(&network, noted), [ErasureCause::RetentionEnded]);
    // Its header and what became of it stay.
    let view = query::message(&network.setting(MLT), noted).unwrap().unwrap();
    assert_eq!(view.header.address.destination, *network.agency(ARE));
    refolds(&network);
}

#[test]
fn a_time_that_the_message_names_goes_for_the_note_too_and_an_erasure_before_it_ends_it() {
    let mut network = network();
    let mut file = open_request();
    file["handling"]["retain_until"] = json!("2027-01-31");
    let [kept, erased] = [0, 1].map(|_| {
        let sent = network.send(BRA, &file);
        note(&mut network, sent, WORDS).unwrap();
        network.settle();
        last_note(&network)
    });
    erase(&mut network, MLT, erased, ErasureCause::OwnDecision);
    network.pass_to(Timestamp::parse("2027-01-31T23:59:59Z").unwrap());
    do_all(&mut network, MLT);
    assert!(!is_readable(&network, MLT, kept));
    assert_eq!(erased_for(&network, kept), [ErasureCause::RetentionEnded]);
    assert_eq!(erased_for(&network, erased), [ErasureCause::OwnDecision], "and not once more");
    let store = network.setting(MLT).store.clone();
    let left = note_ends::ended(store.as_ref(), network.now(), 10).unwrap();
    assert_eq!(left, [], "nothing is looked for any more");
    refolds(&network);
}

#[test]
fn what_a_note_says_is_kept_while_the_note_is_still_on_its_way() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    note(&mut network, sent, WORDS).unwrap();
    let noted = last_note(&network);
    let setting = network.setting(MLT);
    let until = note_ends::KEPT.find(setting.store.as_ref(), noted).unwrap().unwrap();
    let ended = |network: &mut Network| {
        !matches!(network.ask(MLT, Command::EndNote { note: noted }), Ok(Outcome::Unchanged))
    };
    assert!(!ended(&mut network), "not yet");
    network.pass_to(until);
    assert!(
        !ended(&mut network),
        "it was not handed over, and nobody has said that it never will be"
    );
    do_all(&mut network, MLT);
    assert!(!is_readable(&network, MLT, noted), "it had expired, and then its time was over");
    assert!(!ended(&mut network), "nothing is left");
}

#[test]
fn what_a_note_says_is_kept_while_its_author_holds_the_request() {
    let mut network = network();
    let mut file = open_request();
    // The authority is asked too, so it knows the request and can hold it.
    file["to"] = json!([ARE_DESK, MLT_DESK]);
    let sent = network.send(BRA, &file);
    note(&mut network, sent, WORDS).unwrap();
    network.settle();
    let noted = last_note(&network);
    hold(&mut network, MLT, sent.request, true);
    network.pass(6 * 365 * DAY);
    do_all(&mut network, MLT);
    let ended = network.ask(MLT, Command::EndNote { note: noted });
    assert!(matches!(ended, Ok(Outcome::Unchanged)), "{ended:?}");
    assert!(is_readable(&network, MLT, noted), "held");
    hold(&mut network, MLT, sent.request, false);
    do_all(&mut network, MLT);
    assert!(!is_readable(&network, MLT, noted));
    assert_eq!(erased_for(&network, noted), [ErasureCause::RetentionEnded]);
}

#[test]
fn a_note_is_answered_by_nobody() {
    let mut network = network();
    let sent = network.send(BRA, &open_request());
    note(&mut network, sent, WORDS).unwrap();
    released(&mut network, BRA, sent);
    let (header, ..) = here(&network, ARE, last_note(&network));
    let reply = json!({"in_reply_to": header.address.message.to_string()});
    let reply = act((ARE_DESK, MLT_DESK), sent.request, "ack_receipt", reply);
    let refused = network.try_send(ARE, &reply).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::StateForbids);
    assert!(refused.text.contains("answer the message"), "{}", refused.text);
}

#[test]
fn a_note_of_another_request_than_its_message_is_on_record_without_effect() {
    for comes_first in [true, false] {
        let mut network = network();
        let [sent, other] = [open_request(), open_request()].map(|it| network.send(BRA, &it));
        let setting = network.setting(MLT);
        let about = key(&network, BRA, sent.message);
        let (header, particulars, _) = here(&network, MLT, about);
        let forged = Particulars { request: other.request, ..particulars };
        let desk: ContactPointId = MLT_DESK.parse().unwrap();
        let readers = [network.agency(MLT).clone()];
        let held = Held { header: &header, particulars: &forged, desk: &desk, readers: &readers };
        let sealed = noting::seal(&setting, network.now(), held, WORDS.to_owned()).unwrap();
        let noted = sealed.header.key();
        if !comes_first {
            decide(&mut network, sent, TransitAct::Release).unwrap();
            network.settle();
        }
        submit(&mut network, sealed);
        network.settle();
        for it in [sent, other].into_iter().filter(|it| comes_first || it.message != sent.message) {
            decide(&mut network, it, TransitAct::Release).unwrap();
        }
        network.settle();
        let record = message::find(network.setting(ARE).store.as_ref(), noted).unwrap().unwrap();
        assert!(record.out_of_state, "{comes_first}");
        assert_eq!(messages_of(&network, ARE, sent.request), [about]);
        assert_eq!(messages_of(&network, ARE, other.request).len(), 1);
        refolds(&network);
    }
}

/// MLT sends what was sealed by hand.
fn submit(network: &mut Network, sealed: rogatory::node::sealing::SealedMessage) {
    let mut file = open_request();
    file["message_type"] = json!("spontaneous_information");
    file["from"] = json!(MLT_DESK);
    file["to"] = json!([ARE_DESK]);
    let file = rogatory::wire::json::read_file(file.to_string().as_bytes()).unwrap();
    let draft = rogatory::wire::draft::read(file).unwrap();
    let (request, now) = (RequestId::from_bytes([5; 16]), network.now());
    let plan = Plan { request, now, expires_in_ms: 1 };
    let call = network.call(MLT, "clerk");
    let submission = Submission::of(call, draft, &plan, vec![sealed]);
    network.ask(MLT, Command::Submit(Box::new(submission))).unwrap();
}

/// Four agencies in a row, of which these review.
fn row(reviewers: &[usize]) -> Lanes {
    let mut lanes = Lanes::new(4, &[(0, 1), (1, 2), (2, 3)]);
    for n in 0..4 {
        lanes.follow(n, |draft| {
            for reviewer in reviewers {
                draft.agencies[*reviewer].transit = Some(Transit::Reviewing);
            }
        });
    }
    lanes
}

fn of_transit(
    lanes: &mut Lanes,
    n: usize,
    message: MessageKey,
    act: TransitAct,
) -> Result<(), Rejection> {
    let principal = Principal::new(lanes.agency(n), Role::Officer, "anna").unwrap();
    let key = format!("{act:?} {message:?}");
    let key = rogatory::domain::digest::Digest::of(key.as_bytes());
    let call = Call { principal, key: format!("{key}")[..40].to_owned(), fingerprint: key };
    let command = Command::OfTransit { call, message, act };
    lanes.nodes[n].execute(vec![command]).unwrap().remove(0).map(drop)
}

#[test]
fn a_note_goes_over_nobody_who_may_not_read_its_message() {
    let mut lanes = row(&[1]);
    let message = lanes.send(3, 1, false);
    lanes.settle();
    assert_eq!(lanes.custody(1, message), Custody::UnderReview);
    lanes.follow(1, |draft| draft.agencies[2].transit = Some(Transit::Reviewing));
    let refused = of_transit(&mut lanes, 1, message, TransitAct::Note(WORDS.to_owned()));
    assert_eq!(refused.unwrap_err().reason, RejectionReason::HandlingForbids);
    lanes.follow(1, |draft| draft.agencies[2].transit = Some(Transit::Blind));
    of_transit(&mut lanes, 1, message, TransitAct::Note(WORDS.to_owned())).unwrap();
    lanes.settle();
    assert_eq!(lanes.inbox(3).len(), 1);
}

#[test]
fn the_next_authority_on_the_way_looks_at_a_note_and_writes_none_about_it() {
    let mut lanes = row(&[1, 2]);
    let message = lanes.send(3, 1, false);
    lanes.settle();
    of_transit(&mut lanes, 1, message, TransitAct::Note(WORDS.to_owned())).unwrap();
    lanes.settle();
    let sent = lanes
        .facts(1)
        .into_iter()
        .find_map(|it| if let Fact::Submitted { header } = it { Some(header.key()) } else { None });
    let note = sent.unwrap();
    assert_eq!(lanes.custody(2, note), Custody::UnderReview);
    let again = of_transit(&mut lanes, 2, note, TransitAct::Note(WORDS.to_owned()));
    assert_eq!(again.unwrap_err().reason, RejectionReason::StateForbids);
    of_transit(&mut lanes, 2, note, TransitAct::Release).unwrap();
    of_transit(&mut lanes, 1, message, TransitAct::Release).unwrap();
    lanes.settle();
    of_transit(&mut lanes, 2, message, TransitAct::Note("Urgent, too".to_owned())).unwrap();
    of_transit(&mut lanes, 2, message, TransitAct::Release).unwrap();
    lanes.settle();
    let rows = Arc::clone(&lanes.nodes[3].setting().store);
    let request = RequestId::from_bytes([1; 16]);
    let messages = requests::messages(rows.as_ref(), request, 0, 100).unwrap();
    assert_eq!(messages.len(), 3, "both notes stand in the request");
}
