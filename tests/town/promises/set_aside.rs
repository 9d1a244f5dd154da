//! What a node can't hand over, because a part of it is gone: it is set aside before anybody is in doubt
//! about it, holds up nobody, and is concluded in its time.

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::journal::content;
use rogatory::journal::store::Batch;
use rogatory::node::outstanding::{self, State};

use crate::promises::messages::vessel;
use crate::promises::network::{ARE, BRA, DAY, Network, Sent};

/// Loses what is sealed of a message that node `n` sent.
fn lose(network: &Network, n: usize, sent: Sent) {
    let setting = network.setting(n);
    let message = MessageKey::new(network.agency(n), sent.message);
    let key = [b"cm".as_slice(), message.as_bytes(), &[1]].concat();
    let store = setting.store.as_ref();
    assert!(content::get(store, &key).unwrap().is_some(), "it rests there");
    let mut batch = Batch::default();
    content::delete(store, &mut batch, &key).unwrap();
    store.commit(batch).unwrap();
}

#[test]
fn what_cannot_be_put_together_is_never_offered_and_ends_at_its_expiry() {
    let mut network = Network::new();
    let poisoned = network.try_send(BRA, &vessel()).unwrap();
    let other = network.try_send(BRA, &vessel()).unwrap();
    lose(&network, BRA, poisoned);
    network.settle();
    let of = |network: &Network, sent: Sent| -> Vec<Fact> {
        let facts = network.facts(BRA, 0).into_iter();
        facts.filter(|it| it.message().is_some_and(|of| of.message == sent.message)).collect()
    };
    let facts = of(&network, poisoned);
    let [Fact::Submitted { .. }, Fact::SetAside { reason: Reason::ProofInvalid, .. }] = &facts[..]
    else {
        panic!("{facts:?}")
    };
    let arrived = |it: &Fact| matches!(it, Fact::Delivered { header, .. } if header.address.message == other.message);
    assert!(network.facts(ARE, 0).iter().any(arrived), "the one behind it is not held up");
    let owed = outstanding::of_id(&network.setting(BRA), poisoned.message).unwrap();
    let [shelved] = &owed[..] else { panic!("{owed:?}") };
    assert_eq!((shelved.state, shelved.handover), (State::SetAside, 0));
    assert_eq!(shelved.state.must_act(), "operator");

    network.pass(8 * DAY);
    network.do_duties(BRA);
    let facts = of(&network, poisoned);
    let last = facts.last().unwrap();
    assert!(matches!(last, Fact::Undelivered { reason: Reason::Expired, .. }), "{facts:?}");
    let owed = outstanding::of_id(&network.setting(BRA), poisoned.message).unwrap();
    assert!(owed.iter().all(|it| it.state == State::ToTell), "{owed:?}");
}
