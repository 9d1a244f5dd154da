//! Attachments in the world: streams of their own between nodes, and files handed in by clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use rogatory::domain::digest::Digest;
use rogatory::domain::draft::Draft;
use rogatory::domain::ids::AgencyId;
use rogatory::history::attachments as rows;
use rogatory::node::attachments::upload::{Growing, Upload};
use rogatory::node::attachments::{self};
use rogatory::node::command::Command;
use rogatory::node::duties::carrying::{Carrier, CarryWish};
use rogatory::node::duties::taking::{TakeAsked, TakeStep, Taker, Writers};
use rogatory::node::sealing::Attached;
use rogatory::node::setting::Setting;
use rogatory::wire::carriage::{Parcel, Sent, Taken};

use crate::network::Frame;
use crate::world::{Waiting, World, count};

/// The streams of attachments of a node that is up.
#[derive(Default)]
pub struct Streams {
    dials: BTreeMap<usize, Dial>,
    takers: BTreeMap<usize, (u64, Taker)>,
    writers: Writers,
}

impl Streams {
    /// The number of the stream that is dialled with a peer.
    pub fn number(&self, peer: usize) -> Option<u64> {
        self.dials.get(&peer).map(|it| it.number)
    }

    /// Ends those with anybody else.
    pub fn keep(&mut self, peers: &[usize]) {
        self.dials.retain(|peer, _| peers.contains(peer));
        self.takers.retain(|peer, _| peers.contains(peer));
    }

    /// Whether frames of this stream of a peer are taken.
    pub fn takes(&self, peer: usize, session: u64) -> bool {
        self.takers.get(&peer).is_some_and(|it| it.0 == session)
    }
}

struct Dial {
    carrier: Carrier,
    number: u64,
    heard_at: i64,
}

/// Who waits for a decision about an attachment.
#[derive(Clone, Debug)]
pub enum Carrying {
    /// The stream to this peer, if it is still this one.
    Told(usize, u64, Parcel),
    /// The stream from this peer.
    Asked(usize, u64, TakeAsked),
}

/// A stream that is silent for so long is dialled again, in milliseconds.
const SILENCE_MS: i64 = 4_000;
/// Polls of one tick.
const POLLS: usize = 8;

/// The bytes that a client attaches: no two clients attach the same.
pub fn file(want: usize, number: usize, bytes: usize) -> Vec<u8> {
    let first = Digest::of(format!("{want} {number}").as_bytes());
    first.as_bytes().iter().copied().cycle().take(bytes).collect()
}

impl World {
    /// Whether everything that a node owes of attachments has gone, and nothing ends soon.
    pub fn has_carried_everything(&self, setting: &Setting) -> bool {
        let store = setting.store.as_ref();
        let owes = |peer: &AgencyId| {
            let owed = rows::owed(store, peer, 1_000).unwrap_or_default();
            owed.iter().any(|(message, _)| !self.is_touched(*message))
        };
        let soon = setting.clock.now().plus_millis(200_000);
        let ends = rows::ended(store, soon, 1).is_ok_and(|it| !it.is_empty());
        !ends && !self.federation.agencies.iter().any(owes)
    }

    /// Dials where something is owed, and says what there is to say.
    pub fn carry(&mut self, node: usize, peer: usize, now: i64) {
        let Some(setting) = self.setting(node) else {
            return;
        };
        let agency = self.federation.agencies[peer].clone();
        let is_wanted = Carrier::is_wanted(&setting, &agency).unwrap_or(false);
        let stale = self.streams(node).is_none_or(|streams| {
            let silent = |it: &Dial| it.carrier.is_waiting() && now - it.heard_at > SILENCE_MS;
            streams.dials.get(&peer).is_none_or(silent)
        });
        if is_wanted && stale && self.can_reach(node, peer) {
            count(&mut self.tally, "attachments dial");
            let number = self.next_session();
            let carrier = Carrier::new(setting, agency);
            let hello = carrier.hello();
            if let Some(streams) = self.streams(node) {
                streams.dials.insert(peer, Dial { carrier, number, heard_at: now });
            }
            self.send(node, peer, number, Frame::Sent(Box::new(hello)));
        }
        for _ in 0..POLLS {
            let Some(dial) = self.streams(node).and_then(|it| it.dials.get_mut(&peer)) else {
                return;
            };
            let number = dial.number;
            match dial.carrier.poll() {
                Ok(wishes) if wishes.is_empty() => return,
                Ok(wishes) => self.grant_carriage(node, peer, number, wishes),
                Err(_) => {
                    self.hang_up(node, peer);
                    return;
                }
            }
        }
    }

    fn hang_up(&mut self, node: usize, peer: usize) {
        if let Some(streams) = self.streams(node) {
            streams.dials.remove(&peer);
        }
    }

    fn grant_carriage(&mut self, node: usize, peer: usize, number: u64, wishes: Vec<CarryWish>) {
        for wish in wishes {
            match wish {
                CarryWish::Send(frame) => self.send(node, peer, number, Frame::Sent(frame)),
                CarryWish::Execute(command, parcel) => {
                    let waiting = Waiting::Carrying(Carrying::Told(peer, number, parcel));
                    self.ask(node, *command, waiting);
                }
            }
        }
    }

    /// A node that listens gets a frame.
    pub fn take_sent(&mut self, node: usize, peer: usize, session: u64, frame: Sent) {
        let Some(setting) = self.setting(node) else {
            return;
        };
        let agency = self.federation.agencies[peer].clone();
        let Some(streams) = self.streams(node) else {
            return;
        };
        if matches!(frame, Sent::Hello(_)) {
            let taker = Taker::new(setting, agency, streams.writers.clone());
            streams.takers.insert(peer, (session, taker));
        }
        let Some((_, taker)) = streams.takers.get_mut(&peer).filter(|it| it.0 == session) else {
            return;
        };
        let step = taker.take(frame);
        self.step(node, peer, session, step);
        self.work(node, peer, session);
    }

    /// Checks of whole files go on.
    fn work(&mut self, node: usize, peer: usize, session: u64) {
        loop {
            let Some(streams) = self.streams(node) else {
                return;
            };
            let Some((_, taker)) = streams.takers.get_mut(&peer).filter(|it| it.0 == session)
            else {
                return;
            };
            if !taker.has_work() {
                return;
            }
            let step = taker.work();
            self.step(node, peer, session, step);
        }
    }

    fn step(
        &mut self,
        node: usize,
        peer: usize,
        session: u64,
        step: Result<TakeStep, rogatory::history::rows::HistoryError>,
    ) {
        match step {
            Ok(TakeStep::Reply(replies)) => {
                for reply in replies {
                    self.send(node, peer, session, Frame::Taken(Box::new(reply)));
                }
            }
            Ok(TakeStep::Ask(command, asked)) => {
                let waiting = Waiting::Carrying(Carrying::Asked(peer, session, asked));
                self.ask(node, *command, waiting);
            }
            Err(error) => self.stop(node, format!("node {node} while taking: {error}")),
        }
    }

    /// The node that dialled hears an answer.
    pub fn hear_taken(&mut self, node: usize, peer: usize, session: u64, frame: Taken) {
        let now = self.now();
        let Some(streams) = self.streams(node) else {
            return;
        };
        let Some(dial) = streams.dials.get_mut(&peer).filter(|it| it.number == session) else {
            return;
        };
        dial.heard_at = now;
        match dial.carrier.take(frame) {
            Ok(wishes) => self.grant_carriage(node, peer, session, wishes),
            Err(_) => self.hang_up(node, peer),
        }
    }

    /// A decision about an attachment is durable.
    pub fn release_carriage(
        &mut self,
        node: usize,
        carrying: Carrying,
        decision: rogatory::node::Decision,
    ) {
        match carrying {
            Carrying::Told(peer, number, parcel) => {
                let Some(streams) = self.streams(node) else {
                    return;
                };
                let dial = streams.dials.get_mut(&peer).filter(|it| it.number == number);
                let told = dial.map(|it| it.carrier.executed(&parcel));
                if let Some(Err(error)) = told {
                    self.stop(node, format!("node {node} while carrying: {error}"));
                }
            }
            Carrying::Asked(peer, session, asked) => {
                let Some(streams) = self.streams(node) else {
                    return;
                };
                let Some((_, taker)) = streams.takers.get_mut(&peer).filter(|it| it.0 == session)
                else {
                    return;
                };
                let told = taker.tell(&asked, decision).map(TakeStep::Reply);
                self.step(node, peer, session, told);
                self.work(node, peer, session);
            }
        }
    }

    /// Hands in what a draft attaches, where it is not here already; what is attached then, for each
    /// destination. None if the node stopped meanwhile.
    pub fn attach(
        &mut self,
        node: usize,
        draft: &Draft,
        files: &[Vec<u8>],
    ) -> Option<BTreeMap<AgencyId, Arc<Attached>>> {
        const CALLER: &str = "clerk";
        let setting = self.setting(node)?;
        for file in files {
            let (digest, bytes) = (Digest::of(file), file.len() as u64);
            let mark = attachments::mark_of_upload(&setting, CALLER, bytes, &digest);
            self.execute(node, Upload::Begin { mark, bytes })?;
            let growing = Growing::default();
            let begun = growing.resume(&setting, mark, &digest).ok()?;
            let finished = if begun.complete {
                begun.finished
            } else {
                let rest = &file[usize::try_from(begun.next).ok()?..];
                let appended = growing.append(&setting, (mark, &digest), begun.next, rest);
                appended.ok()?.finished
            };
            if let Some(file) = finished {
                self.execute(node, Upload::Finish(file))?;
            }
        }
        attachments::sending::prepare(&setting, draft, CALLER).ok()
    }

    fn execute(&mut self, node: usize, upload: Upload) -> Option<()> {
        count(&mut self.tally, "command Upload");
        let executed = self.node(node)?.execute(vec![Command::Upload(upload)]);
        match executed {
            Ok(decisions) => decisions.into_iter().all(|it| it.is_ok()).then_some(()),
            Err(stop) => {
                self.stop(node, format!("node {node}: {stop}"));
                None
            }
        }
    }
}

/// The bytes of an attachment that has arrived, opened; none if they are not here.
pub fn opened(
    setting: &Arc<Setting>,
    key: rogatory::domain::header::MessageKey,
    number: u32,
) -> Option<Vec<u8>> {
    let file = attachments::of_message(setting.store.as_ref(), key, number).ok()??;
    let source = attachments::reading::Source::open(setting, file).ok()??;
    let mut bytes = vec![0; usize::try_from(source.bytes()).ok()?];
    source.read(0, &mut bytes).ok()?;
    Some(bytes)
}
