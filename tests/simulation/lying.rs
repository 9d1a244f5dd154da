//! A neighbour that lies so often that it is cut off: what it answers and hands over does not hold.

use rogatory::node::command::Command;
use rogatory::node::conduct::{self, Misconduct};
use rogatory::node::duties::outbound::SessionEnd;
use rogatory::wire::relay::{Incoming, Outgoing};

use crate::checker;
use crate::malice::Malice;
use crate::network::Frame;
use crate::observed;
use crate::seen::Tally;
use crate::world::{Chance, Sure, Waiting, World};

/// Of a thousand handovers so many don't hold; and no answer does.
const HANDOVERS: u64 = 900;

/// The same proof with its last letters changed: it proves nothing.
fn spoilt(mut proof: Vec<u8>) -> Vec<u8> {
    let end = proof.len().saturating_sub(20);
    for byte in proof.iter_mut().skip(end).filter(|it| it.is_ascii_alphabetic()) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    proof
}

impl World {
    /// A world in which the agency with the most links lies until everything heals, and nobody else does. The
    /// directory stays as it is: what one with a newer directory says that does not hold may be no lie.
    pub fn lying(seed: u64) -> Self {
        let mut world = Self::steady(seed, Sure::Blind);
        (world.setback, world.malice) = (None, Malice::none());
        let links =
            |node: usize| world.links.iter().filter(|it| it.0 == node || it.1 == node).count();
        world.liar = (0..world.machines.len()).max_by_key(|it| links(*it));
        world
    }

    /// Whether a node is the one that lies.
    pub fn lies(&self, node: usize) -> bool {
        self.liar == Some(node)
    }

    /// What a node says that was to say this.
    pub fn said(&self, from: usize, frame: Frame) -> Frame {
        if !self.lies(from) || !self.is_stormy() {
            return frame;
        }
        let mut chance =
            Chance::new(self.seed ^ (self.now() as u64) << 8 ^ self.shown.len() as u64);
        match frame {
            Frame::Answering(mut it) => {
                if let Incoming::Answer(answer) = it.as_mut() {
                    let proof = std::mem::take(&mut answer.statement.proof);
                    answer.statement.proof = spoilt(proof);
                }
                Frame::Answering(it)
            }
            Frame::Asking(mut it) => {
                if let Outgoing::Handing(handing) = it.as_mut()
                    && chance.one_in_thousand(HANDOVERS)
                {
                    let proof = std::mem::take(&mut handing.envelope.origin.proof);
                    handing.envelope.origin.proof = spoilt(proof);
                }
                Frame::Asking(it)
            }
            Frame::Sent(_) | Frame::Taken(_) => frame,
        }
    }

    /// Whether a node takes nothing from a peer: then it does not dial it either.
    pub fn has_cut_off(&self, node: usize, peer: usize) -> bool {
        self.setting(node).is_some_and(|setting| {
            let (peer, now) = (&self.federation.agencies[peer], setting.clock.now());
            conduct::cut_off(setting.store.as_ref(), peer, now).ok().flatten().is_some()
        })
    }

    /// What a session ended with is told to the writer: that the peer has seen more than is here, or lied.
    pub fn note_evidence(&mut self, node: usize, peer: usize, end: SessionEnd) {
        let command = match end {
            SessionEnd::Rewound { said, .. } => Command::Sighted(*said),
            // Frames that the weather repeats look like lies of whoever sent them once.
            SessionEnd::Lie(_) if self.lies(peer) => {
                let peer = self.federation.agencies[peer].clone();
                Command::Misconduct(peer, Misconduct::Lie)
            }
            SessionEnd::Lie(_)
            | SessionEnd::History(_)
            | SessionEnd::Peer(_)
            | SessionEnd::DirectoryChanged => return,
        };
        self.ask(node, command, Waiting::Nobody);
    }
}

/// Seeds in each of which somebody lies.
pub const LIARS: std::ops::RangeInclusive<u64> = 1..=4;

#[test]
fn from_a_neighbour_that_lies_nothing_is_taken_until_its_time_is_over() {
    let mut total = Tally::new();
    for seed in LIARS {
        let mut world = World::lying(seed);
        let lived = world.live();
        let checked = observed::observe(&world).and_then(|seen| checker::check(&seen));
        let found = checked.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        assert_eq!(lived, Ok(()), "seed {seed}");
        for (what, count) in found.into_iter().chain(world.tally) {
            *total.entry(what).or_default() += count;
        }
    }
    crate::say(&format!("{total:?}"));
    for what in ["command Misconduct", "neighbour cut off", "neighbour heard again"] {
        assert!(total.contains_key(what), "{what} never ran");
    }
}
