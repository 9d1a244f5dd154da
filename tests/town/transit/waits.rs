//! A peer that can't cosign yet is not asked again and again, however much waits for its cosignature.

use std::sync::Arc;

use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::wire::relay::{Cosigned, Cosigning, Incoming, Outgoing};

use super::conduct::waiting;
use crate::support::agency;

/// The peer is asked again after so many milliseconds.
const AGAIN_MS: i64 = 5_000;

/// The checkpoints that a session wants to offer now.
fn offered(outbound: &mut Outbound) -> usize {
    let wishes = outbound.poll().expect("the session goes on");
    let is_offer = |it: &&Wish| matches!(it, Wish::Send(frame) if matches!(**frame, Outgoing::CheckpointOffer(_)));
    wishes.iter().filter(is_offer).count()
}

#[test]
fn a_peer_that_must_do_something_first_is_offered_the_checkpoint_again_after_a_while() {
    for reason in ["DIRECTORY_BEHIND", "JOURNAL_UNCONFIRMED", "VOLUME_UNCONFIRMED"] {
        let mut row = waiting();
        let setting = |n: usize| Arc::clone(row.nodes[n].setting());
        let mut outbound = Outbound::new(setting(0), agency(1));
        let mut inbound = Inbound::new(setting(1), agency(0));
        let welcome = row.answered(1, &mut inbound, outbound.hello());
        outbound.take(welcome).expect("it is welcome");
        assert_eq!(offered(&mut outbound), 1, "what waits needs a cosignature");
        for _ in 0..3 {
            let verdict = Cosigning::Withheld(reason.to_owned());
            let withheld = Cosigned { offered_size: 1, witnessed_size: 0, verdict };
            outbound.take(Incoming::Cosigned(withheld)).expect("the session goes on");
            assert_eq!(offered(&mut outbound), 0, "{reason}");
            row.clock.advance(AGAIN_MS - 1);
            assert_eq!(offered(&mut outbound), 0, "{reason}");
            row.clock.advance(1);
            assert_eq!(offered(&mut outbound), 1, "{reason}");
        }
    }
}
