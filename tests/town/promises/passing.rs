//! A reviewing transit (UNTOC 18(13)): it reads what is sealed to it, and nothing goes on from it without
//! the word of one of its officers; a blind one reads nothing.

use std::collections::BTreeMap;

use rogatory::directory::write::DirectoryDraft;
use rogatory::directory::{Directory, Link, Transit};
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{AgencyId, ContactPointId};
use rogatory::domain::reviewing::{Remark, ReviewWord};
use rogatory::domain::station::Station;
use rogatory::history::alarms::{self, Ring};
use rogatory::history::message::Custody;
use rogatory::history::under_review::RUNG_BEFORE_EXPIRY_MS;
use rogatory::identity::desks::{DeskPolicy, DeskRights, Right, Rules, Who};
use rogatory::identity::{Principal, Role};
use rogatory::node::command::{Command, InboxAct, Outcome, TransitAct};
use rogatory::node::content::{self, ContentError};
use rogatory::node::outstanding::{self, State};
use rogatory::node::query;
use rogatory::node::rejection::RejectionReason;
use rogatory::wire;

use crate::promises::lanes::{LONG_MS, Lanes};
use crate::promises::messages::{bank_records, vessel};
use crate::promises::network::{ARE, BRA, DAY, MINUTE, MLT, Network, Sent};

/// The third agency reviews, and stands between the two others.
fn between(draft: &mut DirectoryDraft) {
    draft.links.remove(0);
    draft.agencies[MLT].transit = Some(Transit::Reviewing);
    let mut night = draft.agencies[MLT].contact_points[0].clone();
    night.id = "mlt.central-authority/night".parse().unwrap();
    draft.agencies[MLT].contact_points.push(night);
}

fn network() -> Network {
    Network::with(between, |_, _| {})
}

fn key(network: &Network, sent: Sent) -> MessageKey {
    MessageKey::new(network.agency(BRA), sent.message)
}

/// What somebody at the reviewing agency does with a message: what it comes to, or the reason of the no.
fn decide(
    network: &mut Network,
    (role, who): (Role, &str),
    sent: Sent,
    act: TransitAct,
) -> Result<u64, RejectionReason> {
    let mut call = network.call(MLT, who);
    call.principal = Principal::new(network.agency(MLT).clone(), role, who).unwrap();
    let message = key(network, sent);
    match network.ask(MLT, Command::OfTransit { call, message, act }) {
        Ok(Outcome::Done(position)) => Ok(position),
        Ok(other) => panic!("{other:?}"),
        Err(rejection) => Err(rejection.reason),
    }
}

const ANNA: (Role, &str) = (Role::Officer, "anna");

/// Stations that agency `n` shows of a message, by whom, and why.
fn stations(network: &Network, n: usize, sent: Sent) -> Vec<(Station, String, Option<Reason>)> {
    let view = query::message(&network.setting(n), key(network, sent)).unwrap().unwrap();
    assert!(view.stations.iter().all(|it| it.receipt.is_some()), "each has its proof");
    let said = view.stations.into_iter().map(|it| it.record);
    said.map(|it| (it.station, it.agency.to_string(), it.reason)).collect()
}

fn custody(network: &Network, n: usize, sent: Sent) -> Custody {
    query::message(&network.setting(n), key(network, sent)).unwrap().unwrap().record.custody
}

/// Facts about a message in the journal of agency `n`, by their names.
fn facts(network: &Network, n: usize, sent: Sent) -> Vec<&'static str> {
    let facts = network.facts(n, 0).into_iter();
    let about = facts.filter(|it| it.message().is_some_and(|it| it.message == sent.message));
    about.map(|it| it.name()).collect()
}

fn said(station: Station, n: usize, reason: Option<Reason>) -> (Station, String, Option<Reason>) {
    let names = ["bra.central-authority", "are.central-authority", "mlt.central-authority"];
    (station, names[n].to_owned(), reason)
}

#[test]
fn a_message_is_held_read_and_released_and_arrives_with_the_proof_of_each_step() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    let message = key(&network, sent);
    assert_eq!(custody(&network, MLT, sent), Custody::UnderReview);
    let way = [said(Station::Accepted, BRA, None), said(Station::Relayed, MLT, None)];
    assert_eq!(stations(&network, BRA, sent), way);
    assert_eq!(facts(&network, ARE, sent), [""; 0], "nothing has gone on");
    let sender = query::message(&network.setting(BRA), message).unwrap().unwrap();
    assert_eq!(sender.readers, [network.agency(MLT).clone()]);

    let owed = outstanding::of_id(&network.setting(MLT), sent.message).unwrap();
    let held: Vec<_> = owed.iter().filter(|it| it.state == State::UnderReview).collect();
    let [held] = &held[..] else { panic!("{owed:?}") };
    assert_eq!((held.state.must_act(), held.since, &held.peer), ("officer", network.now(), &None));
    let (listed, _) = outstanding::page(&network.setting(MLT), false, None, 10).unwrap();
    assert!(listed.iter().any(|it| it.state == State::UnderReview && it.message == sent.message));

    let desk: ContactPointId = "mlt.central-authority/mla".parse().unwrap();
    let inbox = query::inbox_page(&network.setting(MLT), &desk, 0, 10).unwrap();
    assert_eq!(inbox.iter().map(|(_, it)| it.header.key()).collect::<Vec<_>>(), [message]);
    let view = query::message(&network.setting(MLT), message).unwrap().unwrap();
    let particulars = view.record.particulars.clone().unwrap();
    assert_eq!(particulars.from.to_string(), "bra.central-authority/mla");
    let shown = content::open(&network.setting(MLT), &view.header).unwrap();
    let shown = wire::json::from_message(&wire::draft::read_content(&shown).unwrap());
    assert_eq!(shown["facts"], bank_records()["facts"]);
    let call = network.call(MLT, "anna");
    let read = network.ask(MLT, Command::Inbox { call, message, act: InboxAct::Read });
    assert!(matches!(read, Ok(Outcome::Done(_))), "{read:?}");

    decide(&mut network, ANNA, sent, TransitAct::Release).unwrap();
    network.settle();
    let steps = ["taken_over", "read", "transit_released", "handed_over", "statement_recorded"];
    assert_eq!(facts(&network, MLT, sent), steps);
    let released = network.entries(MLT, 0).into_iter();
    let released: Vec<_> = released.filter(|it| it.entry.fact.name() == steps[2]).collect();
    assert_eq!(
        released[0].skeleton.principal.as_deref(),
        Some("spiffe://mlt.central-authority/officer/anna")
    );
    assert_eq!(released[0].skeleton.contact_point, Some(desk));
    let way = [
        said(Station::Accepted, BRA, None),
        said(Station::Relayed, MLT, None),
        said(Station::Released, MLT, None),
        said(Station::Delivered, ARE, None),
    ];
    assert_eq!(stations(&network, BRA, sent), way);
    let [at_origin, at_destination] = network.states(sent.request);
    assert_eq!(at_origin, at_destination);
    let gone = content::open(&network.setting(MLT), &view.header).unwrap_err();
    assert!(matches!(gone, ContentError::Absent), "{gone:?}");
    let again = decide(&mut network, ANNA, sent, TransitAct::Return(Reason::ReviewLaw));
    assert_eq!(again, Err(RejectionReason::StateForbids), "who let it go on can't give it back");
}

#[test]
fn what_is_given_back_is_not_delivered_for_the_officers_reason_and_frees_its_place() {
    for reason in Reason::OF_REVIEW {
        let mut network = network();
        let sent = network.send(BRA, &bank_records());
        let wrong = decide(&mut network, ANNA, sent, TransitAct::Return(Reason::Expired));
        assert_eq!(wrong, Err(RejectionReason::ContentInvalid));
        decide(&mut network, ANNA, sent, TransitAct::Return(reason)).unwrap();
        network.settle();
        network.do_duties(BRA);
        network.settle();
        let way = [
            said(Station::Accepted, BRA, None),
            said(Station::Relayed, MLT, None),
            said(Station::Returned, MLT, Some(reason)),
            said(Station::Undelivered, BRA, Some(reason)),
        ];
        assert_eq!(stations(&network, BRA, sent), way);
        assert_eq!(custody(&network, MLT, sent), Custody::Ended { reason });
        assert_eq!(facts(&network, ARE, sent), ["statement_recorded"], "its place is void");
        let owed = outstanding::of_id(&network.setting(MLT), sent.message).unwrap();
        assert_eq!(owed.len(), 0, "{owed:?}");
        let late = decide(&mut network, ANNA, sent, TransitAct::Release);
        assert_eq!(late, Err(RejectionReason::StateForbids));
    }
}

#[test]
fn remarks_reach_the_origin_each_once_and_the_message_stays_held() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    decide(&mut network, ANNA, sent, TransitAct::Annotate(Remark::FormChecked)).unwrap();
    network.settle();
    decide(&mut network, ANNA, sent, TransitAct::Annotate(Remark::Consult)).unwrap();
    let again = decide(&mut network, ANNA, sent, TransitAct::Annotate(Remark::Consult));
    assert_eq!(again, Err(RejectionReason::StateForbids));
    network.settle();
    assert_eq!(custody(&network, MLT, sent), Custody::UnderReview);
    decide(&mut network, ANNA, sent, TransitAct::Release).unwrap();
    network.settle();
    let way = [
        said(Station::Accepted, BRA, None),
        said(Station::Relayed, MLT, None),
        said(Station::Annotated(Remark::FormChecked), MLT, None),
        said(Station::Annotated(Remark::Consult), MLT, None),
        said(Station::Released, MLT, None),
        said(Station::Delivered, ARE, None),
    ];
    assert_eq!(stations(&network, BRA, sent), way);
    let late = decide(&mut network, ANNA, sent, TransitAct::Annotate(Remark::GroundsDoubtful));
    assert_eq!(late, Err(RejectionReason::StateForbids));
}

#[test]
fn only_an_officer_with_the_right_at_the_desk_that_holds_it_decides() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    let acts = [
        TransitAct::Release,
        TransitAct::Return(Reason::ReviewForm),
        TransitAct::Annotate(Remark::Consult),
    ];
    for act in &acts {
        for role in [Role::Service, Role::Operator, Role::Auditor, Role::Node] {
            let refused = decide(&mut network, (role, "anna"), sent, act.clone());
            assert_eq!(refused, Err(RejectionReason::RoleNotPermitted), "{role:?} {act:?}");
        }
    }
    let post = |name: &str| vec![Who { role: Role::Officer, name: Some(name.to_owned()) }];
    let desk = |name: &str, rights: Vec<(Right, Vec<Who>)>| {
        let id: ContactPointId = format!("mlt.central-authority/{name}").parse().unwrap();
        (id, DeskRights::from_iter(rights))
    };
    let readers = [post("anna"), post("ben")].concat();
    let desks = BTreeMap::from([
        desk("mla", vec![(Right::Read, readers), (Right::Review, post("anna"))]),
        desk("night", vec![(Right::Read, post("carla")), (Right::Review, post("carla"))]),
    ]);
    network.setting(MLT).hold_to(DeskPolicy::from(Rules { desks, ..Rules::default() }));
    let before = network.size(MLT);
    for act in acts {
        let ben = (Role::Officer, "ben");
        let reads_only = decide(&mut network, ben, sent, act.clone());
        assert_eq!(reads_only, Err(RejectionReason::DeskNotPermitted), "{act:?}");
        let carla = (Role::Officer, "carla");
        let of_another_desk = decide(&mut network, carla, sent, act.clone());
        assert_eq!(of_another_desk, Err(RejectionReason::NotFound), "{act:?}");
    }
    let call = network.call(MLT, "carla");
    let message = key(&network, sent);
    let read = network.ask(MLT, Command::Inbox { call, message, act: InboxAct::Read });
    assert_eq!(read.unwrap_err().reason, RejectionReason::NotFound);
    assert_eq!(network.size(MLT), before, "a no changes nothing");

    let call = network.call(MLT, "ben");
    let act = InboxAct::Acknowledge;
    let done = network.ask(MLT, Command::Inbox { call, message, act });
    assert_eq!(done.unwrap_err().reason, RejectionReason::StateForbids);
    decide(&mut network, ANNA, sent, TransitAct::Release).unwrap();
}

#[test]
fn the_same_call_is_the_same_entry_and_its_name_serves_no_other() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    let (call, message) = (network.call(MLT, "anna"), key(&network, sent));
    let act = TransitAct::Release;
    let asked = Command::OfTransit { call: call.clone(), message, act: act.clone() };
    let first = network.ask(MLT, asked.clone()).unwrap();
    let before = network.size(MLT);
    assert_eq!(network.ask(MLT, asked).unwrap(), first);
    assert_eq!(network.size(MLT), before);
    let fingerprint = rogatory::domain::digest::Digest::of(b"another call");
    let call = rogatory::node::command::Call { fingerprint, ..call };
    let other = network.ask(MLT, Command::OfTransit { call, message, act });
    assert_eq!(other.unwrap_err().reason, RejectionReason::IdempotencyKeyReused);
}

#[test]
fn what_nobody_decides_about_is_given_back_at_its_expiry_and_not_released_after() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    network.pass(8 * DAY);
    let late = decide(&mut network, ANNA, sent, TransitAct::Release);
    assert_eq!(late, Err(RejectionReason::StateForbids));
    network.do_duties(MLT);
    network.settle();
    network.do_duties(BRA);
    let way = [
        said(Station::Accepted, BRA, None),
        said(Station::Relayed, MLT, None),
        said(Station::Returned, MLT, Some(Reason::Expired)),
        said(Station::Undelivered, BRA, Some(Reason::Expired)),
    ];
    assert_eq!(stations(&network, BRA, sent), way);
}

#[test]
fn a_restart_finds_what_is_held_and_its_content_again() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    decide(&mut network, ANNA, sent, TransitAct::Annotate(Remark::FormChecked)).unwrap();
    network.restart(MLT);
    assert_eq!(custody(&network, MLT, sent), Custody::UnderReview);
    let view = query::message(&network.setting(MLT), key(&network, sent)).unwrap().unwrap();
    content::open(&network.setting(MLT), &view.header).unwrap();
    network.settle();
    decide(&mut network, ANNA, sent, TransitAct::Release).unwrap();
    network.restart(MLT);
    network.settle();
    let last = stations(&network, BRA, sent).pop().unwrap();
    assert_eq!(last, said(Station::Delivered, ARE, None));
}

#[test]
fn a_lease_of_somebody_else_keeps_a_message_from_being_decided_about() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    let (call, message) = (network.call(MLT, "ben"), key(&network, sent));
    let act = InboxAct::Claim { lease_ms: 60_000 };
    network.ask(MLT, Command::Inbox { call, message, act }).unwrap();
    let other = decide(&mut network, ANNA, sent, TransitAct::Release);
    assert_eq!(other, Err(RejectionReason::ClaimedByAnother));
    network.pass(60_000);
    decide(&mut network, ANNA, sent, TransitAct::Release).unwrap();
}

/// What the agency in the middle was to ring for: at which of its desks, and whether it was handed up.
fn rings(network: &Network) -> Vec<(String, bool)> {
    let rings = alarms::rings(network.setting(MLT).store.as_ref(), 0, 100).unwrap();
    let told = |(_, ring): (u64, Ring)| (ring.desk.to_string(), ring.escalated);
    rings.into_iter().map(told).collect()
}

/// Lets time pass, and the agency in the middle do what is due then.
fn pass(network: &mut Network, millis: i64) {
    network.pass(millis);
    network.do_duties(MLT);
}

fn lease(network: &mut Network, sent: Sent, act: InboxAct) {
    let (call, message) = (network.call(MLT, "anna"), key(network, sent));
    network.ask(MLT, Command::Inbox { call, message, act }).unwrap();
}

#[test]
fn an_urgent_message_that_is_held_rings_then_goes_to_the_next_desk_until_somebody_decides() {
    for act in [TransitAct::Release, TransitAct::Return(Reason::ReviewLaw)] {
        let mut network = network();
        let sent = network.send(BRA, &vessel());
        assert_eq!(custody(&network, MLT, sent), Custody::UnderReview);
        let desk = |name: &str, up: bool| (format!("mlt.central-authority/{name}"), up);
        let mut expected = Vec::new();
        // There is no third desk: it is rung again where it stands, ever more seldom.
        for (wait, ring) in [
            (10, desk("mla", false)),
            (10, desk("night", true)),
            (10, desk("night", false)),
            (20, desk("night", false)),
            (40, desk("night", false)),
        ] {
            pass(&mut network, wait * MINUTE - 1);
            assert_eq!(rings(&network), expected);
            pass(&mut network, 1);
            expected.push(ring);
            assert_eq!(rings(&network), expected);
        }
        let night: ContactPointId = "mlt.central-authority/night".parse().unwrap();
        let listed = query::inbox_page(&network.setting(MLT), &night, 0, 10).unwrap();
        assert_eq!(listed.len(), 1, "it is shown where it was handed to");
        network.restart(MLT);
        decide(&mut network, ANNA, sent, act.clone()).unwrap();
        pass(&mut network, DAY);
        assert_eq!(rings(&network), expected, "{act:?}");
    }
}

#[test]
fn a_lease_on_what_is_held_is_no_decision_and_rings_again_after_its_end() {
    let mut network = network();
    let sent = network.send(BRA, &vessel());
    lease(&mut network, sent, InboxAct::Claim { lease_ms: 30 * MINUTE });
    pass(&mut network, 40 * MINUTE - 1);
    assert_eq!(rings(&network), []);
    pass(&mut network, 1);
    assert_eq!(rings(&network).len(), 1);
    lease(&mut network, sent, InboxAct::Claim { lease_ms: 30 * MINUTE });
    lease(&mut network, sent, InboxAct::Release);
    pass(&mut network, 10 * MINUTE - 1);
    assert_eq!(rings(&network).len(), 1);
    pass(&mut network, 1);
    assert_eq!(rings(&network).len(), 2, "who gave his lease back has not decided");
}

#[test]
fn an_ordinary_message_that_is_held_rings_in_time_before_it_expires() {
    let mut network = network();
    let sent = network.send(BRA, &bank_records());
    let expires_at = query::message(&network.setting(MLT), key(&network, sent)).unwrap().unwrap();
    let left = expires_at.header.address.expires_at.millis_since(network.now());
    assert!(left > RUNG_BEFORE_EXPIRY_MS);
    pass(&mut network, left - RUNG_BEFORE_EXPIRY_MS + 10 * MINUTE - 1);
    assert_eq!(rings(&network), []);
    pass(&mut network, 1);
    assert_eq!(rings(&network), [("mlt.central-authority/mla".to_owned(), false)]);
    pass(&mut network, 10 * MINUTE);
    assert_eq!(rings(&network).len(), 2);
    pass(&mut network, RUNG_BEFORE_EXPIRY_MS);
    assert_eq!(custody(&network, MLT, sent), Custody::Ended { reason: Reason::Expired });
    let before = rings(&network);
    pass(&mut network, DAY);
    assert_eq!(rings(&network), before, "what has ended rings for nobody");
}

/// Four agencies in a row: agency 1 passes on blind, agency 2 reviews.
fn row() -> Lanes {
    let mut lanes = Lanes::new(4, &[(0, 1), (1, 2), (2, 3)]);
    for n in 0..4 {
        lanes.follow(n, |draft| draft.agencies[2].transit = Some(Transit::Reviewing));
    }
    lanes
}

/// An officer of agency `n` lets a message go on.
fn released(lanes: &mut Lanes, n: usize, message: MessageKey) {
    let principal = Principal::new(lanes.agency(n), Role::Officer, "anna").unwrap();
    let fingerprint = rogatory::domain::digest::Digest::of(message.as_bytes());
    let call =
        rogatory::node::command::Call { principal, key: format!("{message:?}"), fingerprint };
    lanes.ask(n, Command::OfTransit { call, message, act: TransitAct::Release });
}

#[test]
fn the_reviewing_transit_of_a_way_can_read_and_the_blind_one_cannot() {
    let mut lanes = row();
    let message = lanes.send(3, 1, false);
    lanes.settle();
    assert_eq!(lanes.custody(1, message), Custody::PassedOn);
    assert_eq!(lanes.custody(2, message), Custody::UnderReview);
    let particulars = |lanes: &Lanes, n: usize| {
        let view = query::message(lanes.nodes[n].setting(), message).unwrap().unwrap();
        view.record.particulars
    };
    assert_eq!(particulars(&lanes, 1), None);
    assert_eq!(particulars(&lanes, 2), particulars(&lanes, 0));
    let view = query::message(lanes.nodes[2].setting(), message).unwrap().unwrap();
    assert_eq!(view.readers, [lanes.agency(2)]);
    content::open(lanes.nodes[2].setting(), &view.header).unwrap();
    released(&mut lanes, 2, message);
    lanes.settle();
    assert_eq!(lanes.inbox(3), [message]);
    let way: Vec<_> = lanes.stations(message).into_iter().map(|(it, by, _)| (it, by)).collect();
    let expected = [
        (Station::Accepted, 0),
        (Station::Relayed, 1),
        (Station::Relayed, 2),
        (Station::Released, 2),
        (Station::Delivered, 3),
    ];
    assert_eq!(way, expected);
    assert!(
        lanes
            .facts(2)
            .iter()
            .any(|it| matches!(it, Fact::Review(it) if it.word == ReviewWord::Released))
    );
}

#[test]
fn a_blind_transit_holds_nothing_that_opens_what_it_passes_on() {
    let mut lanes = row();
    lanes.settle();
    lanes.take_down(2);
    let message = lanes.send(3, 1, false);
    lanes.settle();
    let view = query::message(lanes.nodes[1].setting(), message).unwrap().unwrap();
    assert!(matches!(view.record.custody, Custody::Waiting { .. }), "the bytes are here");
    let closed = content::open(lanes.nodes[1].setting(), &view.header).unwrap_err();
    assert!(matches!(closed, ContentError::Absent), "{closed:?}");
}

#[test]
fn who_is_away_changes_no_reader() {
    // A way over the blind agency 1, and one over the reviewing agency 2.
    let mut lanes = Lanes::new(4, &[(0, 1), (1, 3), (0, 2), (2, 3)]);
    for n in 0..4 {
        lanes.follow(n, |draft| draft.agencies[2].transit = Some(Transit::Reviewing));
    }
    lanes.take_down(1);
    let before = lanes.send(3, 1, false);
    lanes.pass(LONG_MS);
    let after = lanes.send(3, 2, false);
    lanes.pass(LONG_MS);
    for message in [before, after] {
        let view = query::message(lanes.nodes[0].setting(), message).unwrap().unwrap();
        assert_eq!((view.readers, view.ways.len()), (Vec::new(), 0));
        let waits = Custody::Waiting { peer: lanes.agency(1) };
        assert_eq!(lanes.custody(0, message), waits, "nobody else may read it");
    }
    lanes.bring_up(1);
    lanes.work();
    assert_eq!(lanes.inbox(3), [before, after]);
}

#[test]
fn a_transit_that_reviews_passes_nothing_on_that_is_not_sealed_to_it() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    let message = lanes.send(2, 1, false);
    lanes.follow(1, |draft| draft.agencies[1].transit = Some(Transit::Reviewing));
    lanes.work();
    let refused = (Station::NotTaken, 1, Some(Reason::NoRoute));
    assert!(lanes.stations(message).contains(&refused), "{:?}", lanes.stations(message));
    assert_eq!(lanes.custody(0, message), Custody::Ended { reason: Reason::NoRoute });
}

#[test]
fn a_directory_says_beforehand_who_reads_what_goes_a_way() {
    let lanes = row();
    let directory: &Directory = &lanes.nodes[0].setting().directory();
    let channel = rogatory::domain::header::Channel::Assistance;
    let [way] = &directory.routes(&lanes.agency(0), &lanes.agency(3), channel)[..] else {
        panic!("there is one way")
    };
    assert_eq!(way.readers, [lanes.agency(2)]);
    let [near] = &directory.routes(&lanes.agency(0), &lanes.agency(2), channel)[..] else {
        panic!("there is one way")
    };
    assert_eq!(near.readers, [], "who it is for is no reader on its way");
}

/// Five agencies in a row of which agency `reviewer` reviews, with another link between two of them that
/// nobody knows of yet.
fn row_with(reviewer: usize, link: (usize, usize)) -> Lanes {
    let mut lanes = Lanes::new(5, &[(0, 1), (1, 2), (2, 3), (3, 4), link]);
    let ends = [link.0, link.1].map(|it| lanes.agency(it));
    for n in 0..5 {
        lanes.follow(n, |draft| {
            draft.links.retain(|it| !joins(it, &ends));
            draft.agencies[reviewer].transit = Some(Transit::Reviewing);
        });
    }
    lanes
}

fn joins(link: &Link, ends: &[AgencyId; 2]) -> bool {
    ends.contains(&link.a) && ends.contains(&link.b)
}

fn learns(lanes: &mut Lanes, n: usize, (one, other): (usize, usize)) {
    let link = Link::between(lanes.agency(one), lanes.agency(other));
    lanes.follow(n, |draft| draft.links.push(link));
}

#[test]
fn what_is_sealed_to_an_authority_passes_it_whatever_blind_way_opens_meanwhile() {
    // The new link leads straight from agency 2 past the authority 3.
    let mut lanes = row_with(3, (2, 4));
    let message = lanes.send(4, 1, false);
    learns(&mut lanes, 1, (2, 4));
    learns(&mut lanes, 2, (2, 4));
    lanes.settle();
    assert_eq!(lanes.custody(3, message), Custody::UnderReview);
    assert_eq!(lanes.inbox(4), []);
    released(&mut lanes, 3, message);
    lanes.settle();
    assert_eq!(lanes.inbox(4), [message]);
}

#[test]
fn its_origin_keeps_to_the_authority_too_where_its_first_way_is_gone() {
    let mut lanes = row_with(3, (0, 4));
    lanes.take_down(1);
    let message = lanes.send(4, 1, false);
    learns(&mut lanes, 0, (0, 4));
    lanes.pass(LONG_MS);
    let waits = Custody::Waiting { peer: lanes.agency(1) };
    assert_eq!(lanes.custody(0, message), waits, "no other way leads past the authority");
}

#[test]
fn what_an_authority_let_go_on_is_not_led_past_it_again() {
    // By the directory that agencies 2 and 3 have heard of it may have come without passing agency 1.
    let mut lanes = row_with(1, (0, 2));
    let message = lanes.send(4, 1, false);
    for n in [2, 3] {
        learns(&mut lanes, n, (0, 2));
    }
    lanes.settle();
    assert_eq!(lanes.custody(1, message), Custody::UnderReview);
    released(&mut lanes, 1, message);
    lanes.settle();
    assert_eq!(lanes.inbox(4), [message]);
}

#[test]
fn where_no_way_leads_past_the_authority_any_more_the_message_is_not_taken() {
    let mut lanes = row_with(3, (2, 4));
    let message = lanes.send(4, 1, false);
    learns(&mut lanes, 2, (2, 4));
    let ends = [2, 3].map(|n| lanes.agency(n));
    lanes.follow(2, |draft| draft.links.retain(|it| !joins(it, &ends)));
    lanes.work();
    assert_eq!(lanes.custody(0, message), Custody::Ended { reason: Reason::NoRoute });
    assert_eq!(lanes.inbox(4), []);
}
