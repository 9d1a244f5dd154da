//! What only a newer directory can judge is refused for good by nobody: it waits until that directory is
//! here, or until it has expired; and what no directory allows is refused for good.

use std::sync::Arc;

use rogatory::directory::contact_point::{ContactPoint, Hours};
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::directory::{AgencyRecord, Directory, Transit};
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::limits::CLOCK_SKEW_MS_MAX;
use rogatory::history::message;
use rogatory::history::message::Custody;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::node::command::{Command, TransitAct};
use rogatory::node::query;
use rogatory::redact::Secret;
use serde_json::json;

use crate::promises::messages::{MLT_DESK, bank_records, from_are, with};
use crate::promises::network::{ARE, BRA, MINUTE, MLT, Network, Sent};

/// The desk that is new.
const NEW: &str = "are.central-authority/new";

/// Node `n` follows the directory so many versions later, with something else in it.
pub(super) fn follow(
    network: &mut Network,
    n: usize,
    by: u64,
    change: impl Fn(&mut DirectoryDraft),
) {
    let mut draft = network.setting(n).directory().draft();
    draft.version += by;
    change(&mut draft);
    let directory = Directory::parse(&to_toml(&draft)).unwrap();
    network.ask(n, Command::AdoptDirectory(Arc::new(directory))).unwrap();
}

/// The record of the agency of this name: a directory sorts them.
fn record<'a>(draft: &'a mut DirectoryDraft, name: &str) -> &'a mut AgencyRecord {
    draft.agencies.iter_mut().find(|it| it.id.to_string() == name).unwrap()
}

pub(super) fn with_new_desk(draft: &mut DirectoryDraft) {
    let desks = &mut record(draft, "are.central-authority").contact_points;
    let ContactPoint { functions, languages, .. } = desks[0].clone();
    let (id, name) = (NEW.parse().unwrap(), "A new desk".to_owned());
    desks.push(ContactPoint { id, name, functions, languages, hours: Hours::Always });
}

/// BRA sends to the new desk, as its own directory names it.
pub(super) fn sent_to_the_new_desk(network: &mut Network) -> Sent {
    network.send(BRA, &with(bank_records(), json!({"to": [NEW]})))
}

pub(super) fn custody(network: &Network, n: usize, from: usize, sent: Sent) -> Option<Custody> {
    let key = MessageKey::new(network.agency(from), sent.message);
    message::find(network.setting(n).store.as_ref(), key).unwrap().map(|it| it.custody)
}

/// Why node `n` took nothing over, each time.
fn refused(network: &Network, n: usize) -> Vec<Reason> {
    let facts = network.facts(n, 0).into_iter();
    facts
        .filter_map(|it| if let Fact::NotTaken { reason, .. } = it { Some(reason) } else { None })
        .collect()
}

pub(super) fn in_doubt(network: &Network, with: usize) -> Option<Custody> {
    Some(Custody::InDoubt { peer: network.agency(with).clone(), number: 1 })
}

#[test]
fn what_goes_to_a_desk_that_only_a_newer_directory_names_arrives_once_that_is_here() {
    let mut network = Network::new();
    follow(&mut network, BRA, 1, with_new_desk);
    let before = network.size(ARE);
    let sent = sent_to_the_new_desk(&mut network);
    for _ in 0..3 {
        assert_eq!(custody(&network, BRA, BRA, sent), in_doubt(&network, ARE));
        assert_eq!((network.size(ARE), refused(&network, ARE)), (before, Vec::new()));
        network.pass(MINUTE);
        network.settle();
    }
    follow(&mut network, ARE, 1, with_new_desk);
    network.settle();
    assert_eq!(custody(&network, BRA, BRA, sent), Some(Custody::PassedOn));
    let listed = query::inbox_page(&network.setting(ARE), &NEW.parse().unwrap(), 0, 10).unwrap();
    let listed: Vec<_> = listed.into_iter().map(|(_, it)| it.header.address.message).collect();
    assert_eq!(listed, [sent.message]);
    assert_eq!(refused(&network, ARE), []);
}

#[test]
fn what_goes_to_a_desk_that_no_directory_names_any_more_is_refused_for_good() {
    let mut network = Network::new();
    follow(&mut network, BRA, 1, with_new_desk);
    follow(&mut network, ARE, 1, |_| {});
    let sent = sent_to_the_new_desk(&mut network);
    assert_eq!(refused(&network, ARE), [Reason::HeaderMismatch]);
    network.do_duties(BRA);
    let ended = Custody::Ended { reason: Reason::NextHopRefused };
    assert_eq!(custody(&network, BRA, BRA, sent), Some(ended));
}

#[test]
fn what_waits_for_a_newer_directory_waits_no_longer_than_it_lives() {
    let mut network = Network::new();
    follow(&mut network, BRA, 1, with_new_desk);
    let sent = sent_to_the_new_desk(&mut network);
    let life_ms = network.setting(BRA).policy.expiry_default_ms;
    network.pass(life_ms + CLOCK_SKEW_MS_MAX);
    network.settle();
    assert_eq!(custody(&network, BRA, BRA, sent), in_doubt(&network, ARE));
    assert_eq!(refused(&network, ARE), []);
    network.pass(1);
    network.settle();
    assert_eq!(refused(&network, ARE), [Reason::Expired]);
    network.do_duties(BRA);
    assert!(matches!(custody(&network, BRA, BRA, sent), Some(Custody::Ended { .. })));
}

#[test]
fn a_reviewing_transit_leaves_it_to_the_destination_which_desks_that_has() {
    // MLT reviews, and stands between the two others.
    let between = |draft: &mut DirectoryDraft| {
        draft.links.remove(0);
        record(draft, "mlt.central-authority").transit = Some(Transit::Reviewing);
        with_new_desk(draft);
    };
    let mut network = Network::with(between, |_, _| {});
    follow(&mut network, MLT, 1, |draft| {
        let desks = &mut record(draft, "are.central-authority").contact_points;
        desks.retain(|it| it.id.to_string() != NEW);
    });
    let sent = sent_to_the_new_desk(&mut network);
    assert_eq!(refused(&network, MLT), []);
    assert_eq!(custody(&network, MLT, BRA, sent), Some(Custody::UnderReview));
    let call = network.call(MLT, "anna");
    let message = MessageKey::new(network.agency(BRA), sent.message);
    let act = TransitAct::Release;
    network.ask(MLT, Command::OfTransit { call, message, act }).unwrap();
    network.settle();
    assert_eq!(custody(&network, ARE, BRA, sent), Some(Custody::Held));
}

#[test]
fn a_request_that_is_handed_on_waits_for_the_directory_that_proves_it() {
    let mut network = Network::new();
    // MLT has the version before BRA changed its key; the two others have the next one.
    follow(&mut network, MLT, 1, |draft| {
        record(draft, "bra.central-authority").journals[0].ed25519 =
            Ed25519Signer::from_seed(&Secret::new([99; 32])).public();
    });
    [BRA, ARE].into_iter().for_each(|n| follow(&mut network, n, 2, |_| {}));
    let mut file = bank_records();
    file["handling"]["onward_sharing"] = json!("free");
    let request = network.send(BRA, &file).request;
    network.send(ARE, &from_are(request, "ack_receipt", json!({})));
    let redirect = json!({"redirect": {"to": MLT_DESK, "reason": "The account moved"}});
    network.send(ARE, &from_are(request, "redirect_notice", redirect));
    let delivered = |network: &Network| {
        network.facts(MLT, 0).iter().filter(|it| matches!(it, Fact::Delivered { .. })).count()
    };
    assert_eq!((refused(&network, MLT), delivered(&network)), (Vec::new(), 0));
    let current = network.setting(BRA).directory();
    network.ask(MLT, Command::AdoptDirectory(current)).unwrap();
    network.settle();
    assert_eq!((refused(&network, MLT), delivered(&network)), (Vec::new(), 1));
    let parties = network.shown(MLT, request).parties;
    let states: Vec<_> = parties.into_iter().map(|it| (it.agency, it.state)).collect();
    assert_eq!(states, [(network.agency(MLT).to_string(), "delivered".to_owned())]);
}
