//! What is in doubt past its expiry stays in doubt, and is shown to whoever can end that: people.

use rogatory::domain::limits::CLOCK_SKEW_MS_MAX;
use rogatory::history::message::Custody;
use rogatory::node::outstanding::{self, Item, Owed, State};
use rogatory::node::overdue::{self, Overdue};

use super::lanes::{LIFE_MS, Lanes};

#[test]
fn it_says_since_when_and_who_must_act_and_ends_once_the_peer_answers() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    let sent_at = lanes.nodes[0].setting().clock.now();
    let message = lanes.send(2, 1, false);
    lanes.hand_over_unheard(0, 1);
    lanes.take_down(1);
    let owed = |lanes: &Lanes| -> Owed {
        let found = outstanding::of_id(lanes.nodes[0].setting(), message.message()).unwrap();
        found.into_iter().find(|it| it.item == Item::Message).expect("it is owed")
    };
    let late = |lanes: &Lanes| overdue::by_peer(lanes.nodes[0].setting()).unwrap();
    let expires_at = owed(&lanes).expires_at.expect("it expires");
    let left = expires_at.millis_since(sent_at) + CLOCK_SKEW_MS_MAX;
    assert!(left >= LIFE_MS);

    // To the last millisecond in which the peer's clock may say that it is in time.
    lanes.pass(left);
    let before = owed(&lanes);
    assert_eq!((before.state, before.state.must_act()), (State::InDoubt, "peer"));
    assert_eq!(late(&lanes), []);

    lanes.pass(1);
    let after = owed(&lanes);
    assert_eq!(after.state.to_string(), "in_doubt_past_expiry");
    assert_eq!(after.state.must_act(), "operators");
    assert_eq!((after.since, after.handover), (expires_at, 1));
    let peer = lanes.agency(1);
    assert_eq!(late(&lanes), [Overdue { peer, messages: 1, since: expires_at }]);
    assert!(matches!(lanes.custody(0, message), Custody::InDoubt { .. }), "nobody ends it");

    lanes.bring_up(1);
    lanes.work();
    assert_eq!(late(&lanes), []);
    assert!(!matches!(lanes.custody(0, message), Custody::InDoubt { .. }));
}
