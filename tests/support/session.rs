//! One session between two nodes in one process: what the one owes to the other goes over.

use std::sync::Arc;

use rogatory::node::Node;
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::wire::relay::{Handing, Incoming, Outgoing};

/// Lets `left` hand what it owes to `right`; gives the messages that went over.
pub fn hand_over(left: &mut Node, right: &mut Node) -> Vec<Handing> {
    hand_over_where(left, right, |_| Fate::Answered)
}

/// What becomes of a frame.
pub enum Fate {
    /// It arrives, and its answer too.
    Answered,
    /// It arrives, and its answer does not.
    Unheard,
    /// It is answered so, by whoever can't read it.
    Refused(Incoming),
}

/// The same over a link on which this becomes of each frame of `left`.
pub fn hand_over_where(
    left: &mut Node,
    right: &mut Node,
    fate: impl Fn(&Outgoing) -> Fate,
) -> Vec<Handing> {
    let peers = (left.setting().agency.clone(), right.setting().agency.clone());
    let mut outbound = Outbound::new(Arc::clone(left.setting()), peers.1);
    let mut inbound = Inbound::new(Arc::clone(right.setting()), peers.0);
    let mut handed = Vec::new();
    let mut frames = vec![outbound.hello()];
    while let Some(frame) = frames.pop() {
        if let Outgoing::Handing(handing) = &frame {
            handed.push(handing.as_ref().clone());
        }
        let reply = match fate(&frame) {
            Fate::Answered => answer(right, &mut inbound, frame),
            Fate::Unheard => {
                answer(right, &mut inbound, frame);
                continue;
            }
            Fate::Refused(reply) => reply,
        };
        let wishes = outbound.take(reply).unwrap();
        grant(left, &mut outbound, wishes, &mut frames);
    }
    handed
}

/// Executes what the session wants, again and again, and collects the frames that it sends.
fn grant(
    node: &mut Node,
    outbound: &mut Outbound,
    mut wishes: Vec<Wish>,
    frames: &mut Vec<Outgoing>,
) {
    loop {
        for wish in wishes {
            match wish {
                Wish::Send(frame) => frames.push(*frame),
                Wish::Execute(command, then) => {
                    node.execute(vec![*command]).unwrap().remove(0).unwrap();
                    outbound.executed(&then);
                }
            }
        }
        wishes = outbound.poll().unwrap();
        if wishes.is_empty() {
            return;
        }
    }
}

/// The messages that a session wants to hand over.
pub fn handings(wishes: Vec<Wish>) -> Vec<Handing> {
    let handing = |it| match it {
        Wish::Send(frame) => match *frame {
            Outgoing::Handing(handing) => Some(*handing),
            Outgoing::Hello(_)
            | Outgoing::CheckpointOffer(_)
            | Outgoing::Notice(_)
            | Outgoing::Missing(_) => None,
        },
        Wish::Execute(..) => None,
    };
    wishes.into_iter().filter_map(handing).collect()
}

/// Lets a node answer one frame.
pub fn answer(node: &mut Node, inbound: &mut Inbound, frame: Outgoing) -> Incoming {
    match inbound.take(frame).unwrap() {
        Step::Reply(reply) => reply,
        Step::Ask(command, asked) => {
            let decision = node.execute(vec![*command]).unwrap().remove(0);
            inbound.tell(&asked, decision).unwrap()
        }
    }
}
