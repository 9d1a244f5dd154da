//! Links that lose, repeat, reorder and delay frames, and break whole sessions.

use rogatory::wire::carriage::{Sent, Taken};
use rogatory::wire::relay::{Incoming, Outgoing};

use crate::world::{Chance, Tally, count};

/// A frame of either direction.
#[derive(Clone, Debug)]
pub enum Frame {
    /// From the dialling to the listening node.
    Asking(Box<Outgoing>),
    /// Back.
    Answering(Box<Incoming>),
    /// About attachments, from the dialling to the listening node.
    Sent(Box<Sent>),
    /// Back.
    Taken(Box<Taken>),
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub struct InFlight {
    /// When it arrives, in milliseconds of the world's clock.
    pub at: i64,
    /// Who sent it.
    pub from: usize,
    /// Who gets it.
    pub to: usize,
    /// The session that it belongs to, as the dialling node counts them.
    pub session: u64,
    /// What it says.
    pub frame: Frame,
    /// The act of malice that counts once it is taken.
    pub act: Option<&'static str>,
}

/// How badly links behave: chances out of 1,000.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// A frame is lost.
    pub loss: u64,
    /// A frame comes twice.
    pub duplication: u64,
    /// A frame is held back for long.
    pub delay: u64,
}

impl Weather {
    /// Nothing goes wrong.
    pub const CALM: Self = Self { loss: 0, duplication: 0, delay: 0 };
}

/// All frames in flight.
#[derive(Default)]
pub struct Network {
    frames: Vec<InFlight>,
}

impl Network {
    /// Sends a frame through the weather.
    pub fn send(
        &mut self,
        chance: &mut Chance,
        weather: Weather,
        tally: &mut Tally,
        frame: InFlight,
    ) {
        if chance.one_in_thousand(weather.loss) {
            count(tally, "frame lost");
            return;
        }
        if chance.one_in_thousand(weather.duplication) {
            count(tally, "frame repeated");
            let mut again = frame.clone();
            again.at += chance.below(30_000) as i64;
            self.frames.push(again);
        }
        let mut frame = frame;
        if chance.one_in_thousand(weather.delay) {
            count(tally, "frame delayed");
            frame.at += chance.below(5_000) as i64;
        }
        // Frames sent at the same time may arrive in either order.
        frame.at += chance.below(3) as i64;
        self.frames.push(frame);
    }

    /// Takes out what has arrived by `now`, in the order of arrival.
    pub fn arrived(&mut self, now: i64) -> Vec<InFlight> {
        let (mut due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.frames).into_iter().partition(|it| it.at <= now);
        self.frames = rest;
        due.sort_by_key(|it| it.at);
        due
    }

    /// Loses all frames between two nodes: the link is cut.
    pub fn cut(&mut self, left: usize, right: usize) {
        self.frames
            .retain(|it| (it.from, it.to) != (left, right) && (it.from, it.to) != (right, left));
    }

    /// Loses all frames of a node.
    pub fn drop_of(&mut self, node: usize) {
        self.frames.retain(|it| it.from != node);
    }

    /// Loses all frames to a node that is down.
    pub fn drop_to(&mut self, node: usize) {
        self.frames.retain(|it| it.to != node);
    }
}
