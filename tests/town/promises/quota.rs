//! What an agency lets attachments take counts what is under way to it, too.

use rogatory::node::attachments;
use rogatory::node::command::{Command, Outcome};
use rogatory::node::query;
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::travelling::Offered;

use crate::promises::messages::bank_records;
use crate::promises::network::{ARE, BRA, HOUR, Network, Sent};

/// The size of each sealed attachment of these tests.
const SEALED_BYTES: u64 = 73;

fn offer(network: &mut Network, sent: Sent) -> Result<Outcome, Rejection> {
    let key = rogatory::domain::header::MessageKey::new(network.agency(BRA), sent.message);
    let header = query::message(&network.setting(ARE), key).unwrap().unwrap().header;
    let message = rogatory::history::message::reference(&header);
    let offered = Offered { from: network.agency(BRA).clone(), message, number: 1, handover: 1 };
    network.ask(ARE, Command::OfferAttachment(Box::new(offered)))
}

fn total(network: &Network) -> u64 {
    attachments::total_bytes(network.setting(ARE).store.as_ref()).unwrap()
}

#[test]
fn what_is_under_way_counts_once_and_until_it_comes_no_more() {
    let quota = |_: usize, setting: &mut rogatory::node::setting::Setting| {
        setting.policy.attachments.quota_bytes = 2 * SEALED_BYTES - 1;
    };
    let mut network = Network::with(|_| {}, quota);
    let first = network.send_attached(BRA, &bank_records(), ARE);
    let second = network.send_attached(BRA, &bank_records(), ARE);
    assert_eq!(total(&network), 0);
    assert!(matches!(offer(&mut network, first), Ok(Outcome::Wanted(_))));
    assert_eq!(total(&network), SEALED_BYTES);
    // Offered again it goes on where it was.
    assert!(matches!(offer(&mut network, first), Ok(Outcome::Wanted(_))));
    assert_eq!(total(&network), SEALED_BYTES);
    let refused = offer(&mut network, second).unwrap_err();
    assert_eq!(refused.reason, RejectionReason::LimitExceeded);
    assert_eq!(refused.text, "attachments here take as many bytes as they may");

    let expiry = network.setting(ARE).policy.expiry_default_ms;
    network.pass(expiry + HOUR);
    network.do_duties(ARE);
    assert_eq!(total(&network), 0, "what comes no more takes nothing");
}
