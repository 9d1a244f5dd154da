//! A directory that reaches a node late makes no liar of a peer that has it: where nobody else confirms the one
//! here, it may be this node that lags. Where others do, the peer is not believed for ever.

use rogatory::directory::freshness::FreshFor;
use rogatory::domain::fact::Fact;
use rogatory::domain::misconduct::CutOffCause;
use rogatory::history::message::Custody;
use rogatory::node::claims::BELIEVED_MS;
use rogatory::node::conduct::{LIES_MAX, SPAN_MS};
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::Outbound;
use rogatory::node::setting::Following;
use rogatory::wire::relay::{Handing, Incoming, Outgoing};

use crate::promises::network::{ARE, BRA, MINUTE, Network, Sent};
use crate::promises::newer::{custody, follow, in_doubt, sent_to_the_new_desk, with_new_desk};
use crate::session;

const HOUR: i64 = 60 * MINUTE;
const ALARM_AFTER: i64 = 72 * HOUR;

/// A network in which BRA follows a directory that ARE lacks, and sends to a desk that only that one names.
/// Each directory counts for some days after a peer has confirmed it, which happens now.
fn late() -> (Network, Sent) {
    let mut network = Network::with(
        |_| {},
        |_, setting| {
            let fresh_for = FreshFor { alarm_after_ms: ALARM_AFTER, end_after_ms: 24 * 14 * HOUR };
            let now = setting.clock.now();
            setting.directory = Following::confirmed(setting.directory(), fresh_for, now);
        },
    );
    follow(&mut network, BRA, 1, with_new_desk);
    let sent = sent_to_the_new_desk(&mut network);
    assert_eq!(custody(&network, BRA, BRA, sent), in_doubt(&network, ARE));
    (network, sent)
}

/// For what ARE cut others off.
fn cut_off(network: &Network) -> Vec<Option<CutOffCause>> {
    let cut = |it: Fact| if let Fact::PeerCutOff { cause, .. } = it { Some(cause) } else { None };
    network.facts(ARE, 0).into_iter().filter_map(cut).collect()
}

/// What BRA hands over again and again in one session, and what it is told.
fn asked_again(network: &mut Network, times: u32) -> Vec<String> {
    let (bra, are) = (network.setting(BRA), network.setting(ARE));
    let mut outbound = Outbound::new(bra.clone(), are.agency.clone());
    let mut inbound = Inbound::new(are, bra.agency.clone());
    let welcome = network.answered(ARE, &mut inbound, outbound.hello());
    outbound.take(welcome).unwrap();
    let handings = session::handings(outbound.poll().unwrap());
    let [handing]: [Handing; 1] = handings.try_into().unwrap();
    let told = |_| {
        let frame = Outgoing::Handing(Box::new(handing.clone()));
        match network.answered(ARE, &mut inbound, frame) {
            Incoming::Refused(refused) => {
                assert!(refused.retry, "{refused:?}");
                refused.reason
            }
            other => panic!("{other:?}"),
        }
    };
    let mut told: Vec<String> = (0..times).map(told).collect();
    told.dedup();
    told
}

#[test]
fn an_honest_peer_whose_directory_comes_days_late_is_not_cut_off_for_it() {
    let (mut network, sent) = late();
    for _ in 0..ALARM_AFTER / (HOUR / 2) - 1 {
        network.pass(HOUR / 2);
        assert_eq!(asked_again(&mut network, 2), ["DIRECTORY_BEHIND"]);
    }
    assert_eq!(asked_again(&mut network, 10 * LIES_MAX), ["DIRECTORY_BEHIND"]);
    assert_eq!(cut_off(&network), []);
    follow(&mut network, ARE, 1, with_new_desk);
    network.settle();
    assert_eq!(custody(&network, BRA, BRA, sent), Some(Custody::PassedOn));
    assert_eq!(cut_off(&network), []);
}

#[test]
fn where_others_confirm_the_directory_here_it_is_believed_for_an_hour_and_nothing_is_lost() {
    let (mut network, sent) = late();
    for _ in 0..2 {
        network.pass(BELIEVED_MS / 2 - 1);
        assert_eq!(asked_again(&mut network, 2 * LIES_MAX), ["DIRECTORY_BEHIND"]);
        network.setting(ARE).confirm_directory(network.now());
    }
    network.pass(2);
    assert_eq!(asked_again(&mut network, LIES_MAX), ["DIRECTORY_BEHIND"]);
    assert_eq!(cut_off(&network), []);
    assert_eq!(asked_again(&mut network, LIES_MAX), ["PEER_CUT_OFF"]);
    assert_eq!(cut_off(&network), [Some(CutOffCause::Directory)]);
    // What was refused so is still owed, and arrives once the directory is here.
    assert_eq!(custody(&network, BRA, BRA, sent), in_doubt(&network, ARE));
    follow(&mut network, ARE, 1, with_new_desk);
    network.pass(SPAN_MS);
    network.settle();
    assert_eq!(custody(&network, BRA, BRA, sent), Some(Custody::PassedOn));
}
