//! The name that a caller gives a call has its limit at the node's own door, and not at the socket alone: an
//! entry with a longer one could never be read again.

use rogatory::domain::ids::RequestId;
use rogatory::domain::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use rogatory::entropy;
use rogatory::node::command::{Call, Command, Outcome, Submission};
use rogatory::node::rejection::RejectionReason;
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;

use crate::promises::erasures::refolds;
use crate::promises::messages::bank_records;
use crate::promises::network::{BRA, Network};

fn named(network: &mut Network, length: usize) -> Call {
    Call { key: "k".repeat(length), ..network.call(BRA, "clerk") }
}

fn submission(network: &mut Network, length: usize) -> Command {
    let (call, setting) = (named(network, length), network.setting(BRA));
    let file = wire::json::read_file(bank_records().to_string().as_bytes()).unwrap();
    let (draft, now) = (wire::draft::read(file).unwrap(), network.now());
    let request = RequestId::from(entropy::uuid_v7(setting.entropy.as_ref(), now));
    let plan = Plan { request, now, expires_in_ms: setting.policy.expiry_default_ms };
    let messages = sealing::prepare(&setting, &draft, &plan).unwrap();
    Command::Submit(Box::new(Submission::of(call, draft, &plan, messages)))
}

#[test]
fn a_key_over_its_limit_is_refused_by_the_node_itself_and_leaves_no_entry() {
    const MAX: usize = IDEMPOTENCY_KEY_BYTES_MAX;
    let mut network = Network::new();
    let request = network.send(BRA, &bank_records()).request;
    for (length, held) in [(MAX - 1, true), (MAX, false)] {
        let call = named(&mut network, length);
        let done = network.ask(BRA, Command::Hold { call, request, held });
        assert!(matches!(done, Ok(Outcome::Done(_))), "{length}: {done:?}");
    }
    let good = submission(&mut network, MAX - 2);
    assert!(matches!(network.ask(BRA, good), Ok(Outcome::Submitted(_, false))));
    let before = network.size(BRA);
    let call = named(&mut network, MAX + 1);
    let bad = [Command::Hold { call, request, held: true }, submission(&mut network, MAX + 1)];
    for command in bad {
        let no = network.ask(BRA, command).unwrap_err();
        assert_eq!(no.reason, RejectionReason::LimitExceeded);
    }
    assert_eq!(network.size(BRA), before);
    network.settle();
    refolds(&network);
}
