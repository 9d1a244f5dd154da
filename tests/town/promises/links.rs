//! A statement for a peer with which the directory names no link any more: it is shown for what it is, keeps
//! no node from being drained, and is told once a directory names the link again.

use std::sync::Arc;

use rogatory::domain::fact::Reason;
use rogatory::domain::station::Station;
use rogatory::history;
use rogatory::history::message::Custody;
use rogatory::node::outstanding::{self, Item, State};
use rogatory::node::{Node, remainder};

use super::lanes::Lanes;

#[test]
fn a_statement_whose_link_has_ended_is_shown_and_told_once_there_is_a_link_again() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    lanes.take_down(2);
    let message = lanes.send(2, 1, false);
    lanes.work();
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
    // The transit hears that it is delivered once its link with the origin has ended.
    let ends = (lanes.agency(0), lanes.agency(1));
    let links = lanes.federation.directory.draft().links;
    lanes.follow(1, |draft| draft.links.retain(|it| (&it.a, &it.b) != (&ends.0, &ends.1)));
    lanes.bring_up(2);
    lanes.work();
    assert_eq!(lanes.inbox(2), [message]);
    let is_heard = |lanes: &Lanes| lanes.stations(message).contains(&(Station::Delivered, 2, None));
    assert!(!is_heard(&lanes));

    let setting = Arc::clone(lanes.nodes[1].setting());
    let (listed, _) = outstanding::page(&setting, false, None, 100).unwrap();
    for found in [listed, outstanding::of_id(&setting, message.message()).unwrap()] {
        let [owed] = &found[..] else { panic!("{found:?}") };
        assert_eq!((owed.item, owed.key()), (Item::Statement(1), message));
        assert_eq!((owed.state, owed.reason), (State::WaitingForWay, Some(Reason::LinkEnded)));
        assert_eq!((owed.state.must_act(), owed.peer.as_ref()), ("operator", Some(&ends.0)));
    }
    let rest = remainder::rest(&setting).unwrap();
    assert_eq!((rest.statements, rest.waiting_for_way, rest.is_empty()), (0, 1, true));
    // It outlives a start.
    let before = history::state_hash(setting.store.as_ref()).unwrap();
    lanes.nodes[1] = Node::open(Arc::clone(&setting)).unwrap();
    assert_eq!(history::state_hash(setting.store.as_ref()).unwrap(), before);

    lanes.follow(1, |draft| draft.links = links);
    assert_eq!(outstanding::of_id(&setting, message.message()).unwrap()[0].state, State::ToTell);
    lanes.work();
    assert!(is_heard(&lanes));
    assert_eq!(remainder::rest(&setting).unwrap().waiting_for_way, 0);
    assert_eq!(outstanding::of_id(&setting, message.message()).unwrap().len(), 0);
}
