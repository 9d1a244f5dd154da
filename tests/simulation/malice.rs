//! A transit that means harm: what leaves it is altered, repeated, sent to somebody else, or kept.
//!
//! Its node is the shipped one; what it says goes wrong behind it, as a transit with the right key could
//! do it. Frames are altered as bytes and read again as the receiving node would; what cannot be read does
//! not arrive. All of the invariants hold for everybody, and for it.

use prost::Message;
use rogatory::wire::carriage::{Sent, Taken};
use rogatory::wire::relay::{Incoming, Outgoing};

use crate::network::Frame;
use crate::world::{Chance, World, count};

/// One world in so many has such a transit.
const MALICE_EVERY: u64 = 4;
/// Of a thousand frames that leave it, so many meet one of these acts.
const ACTS: u64 = 300;
/// Frames that it remembers.
const REMEMBERED_MAX: usize = 40;

/// The transit that means harm, and what it has heard itself say.
#[derive(Default)]
pub struct Malice {
    node: Option<usize>,
    remembered: Vec<Frame>,
}

impl Malice {
    /// Of some worlds one node.
    pub fn of(seed: u64, nodes: u64) -> Self {
        let is_there = seed % MALICE_EVERY == MALICE_EVERY - 1;
        let node = is_there.then(|| usize::try_from(seed / MALICE_EVERY % nodes).unwrap_or(0));
        Self { node, remembered: Vec::new() }
    }
}

/// One byte of it is another.
fn flipped(chance: &mut Chance, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
    bytes
}

fn read_as<T: Message + Default>(
    chance: &mut Chance,
    frame: impl Message,
) -> Result<T, prost::DecodeError> {
    T::decode(flipped(chance, frame.encode_to_vec()).as_slice())
}

/// Whether a lie in it comes to the same as silence: others' statements that a transit has taken it can drop.
fn is_of_no_use(frame: &Frame) -> bool {
    match frame {
        Frame::Asking(it) => match it.as_ref() {
            Outgoing::Notice(_) => true,
            Outgoing::Hello(_)
            | Outgoing::CheckpointOffer(_)
            | Outgoing::Handing(_)
            | Outgoing::Missing(_) => false,
        },
        Frame::Answering(it) => match it.as_ref() {
            Incoming::NoticeTaken(_) | Incoming::Refused(_) => true,
            Incoming::Welcome(_)
            | Incoming::Cosigned(_)
            | Incoming::Answer(_)
            | Incoming::Shown(_) => false,
        },
        Frame::Sent(_) | Frame::Taken(_) => false,
    }
}

/// The frame with one byte changed; none if nobody can read it then.
fn altered(chance: &mut Chance, frame: Frame) -> Option<Frame> {
    Some(match frame {
        Frame::Asking(it) => {
            let read = read_as(chance, it.into_pb()).ok()?;
            Frame::Asking(Box::new(Outgoing::from_pb(read).ok()?))
        }
        Frame::Answering(it) => {
            let read = read_as(chance, it.into_pb()).ok()?;
            Frame::Answering(Box::new(Incoming::from_pb(read).ok()?))
        }
        Frame::Sent(it) => {
            let read = read_as(chance, it.into_pb()).ok()?;
            Frame::Sent(Box::new(Sent::from_pb(read).ok()?))
        }
        Frame::Taken(it) => {
            let read = read_as(chance, it.into_pb()).ok()?;
            Frame::Taken(Box::new(Taken::from_pb(read).ok()?))
        }
    })
}

impl World {
    /// Whether a node is the one that means harm.
    pub fn means_harm(&self, node: usize) -> bool {
        self.malice.node == Some(node)
    }

    /// What really leaves a node when it says this: to whom, and which frames.
    pub fn twisted(&mut self, from: usize, to: usize, frame: Frame) -> Vec<(usize, Frame)> {
        if self.malice.node != Some(from) || !self.is_stormy() {
            return vec![(to, frame)];
        }
        if self.malice.remembered.len() < REMEMBERED_MAX {
            self.malice.remembered.push(frame.clone());
        } else {
            let place = self.chance.below(REMEMBERED_MAX as u64) as usize;
            self.malice.remembered[place] = frame.clone();
        }
        if !self.chance.one_in_thousand(ACTS) {
            return vec![(to, frame)];
        }
        match self.chance.below(4) {
            0 if !is_of_no_use(&frame) => {
                count(&mut self.tally, "malice: byte changed");
                altered(&mut self.chance, frame).map(|it| (to, it)).into_iter().collect()
            }
            1 => {
                count(&mut self.tally, "malice: said again");
                let again = self.chance.pick(&self.malice.remembered).cloned();
                [frame].into_iter().chain(again).map(|it| (to, it)).collect()
            }
            2 if !is_of_no_use(&frame) => {
                count(&mut self.tally, "malice: said elsewhere");
                let other = self.chance.below(self.machines.len() as u64) as usize;
                vec![(to, frame.clone()), (other, frame)]
            }
            _ => {
                count(&mut self.tally, "malice: kept");
                Vec::new()
            }
        }
    }
}
