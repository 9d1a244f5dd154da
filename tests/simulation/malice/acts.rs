//! Single acts: what a frame is made into.

use prost::Message;
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::{ContactPointId, MessageId, RequestId};
use rogatory::entropy::{self, SeededEntropy};
use rogatory::identity::{Principal, Role};
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;
use rogatory::wire::carriage::{Offer, PIECE_BYTES_MAX, Piece, Sent, Taken};
use rogatory::wire::relay::{CheckpointOffer, Handing, Incoming, Outgoing};
use serde_json::json;

use super::{Said, handed};
use crate::network::Frame;
use crate::support;
use crate::workload::MARKER;
use crate::world::{Chance, Waiting, World};

/// Frames of a flood of what it has said before.
const REPEATED: usize = 150;
/// Frames of a flood of what nobody can read: more than a session may bring.
const UNREADABLE: usize = 1_100;
/// Pieces of an attachment that does not end.
const ENDLESS: u64 = 4;
/// No message has so many attachments.
const NO_SUCH_ATTACHMENT: u32 = 16;

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
pub(super) fn is_of_no_use(frame: &Frame) -> bool {
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
pub(super) fn altered(chance: &mut Chance, frame: Frame) -> Option<Frame> {
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
    /// Says it to another neighbour too, in a session that it really has with that one.
    pub(super) fn said_elsewhere(&mut self, from: usize, said: Said) -> Vec<Said> {
        let others: Vec<(usize, u64)> = (0..self.machines.len())
            .filter(|it| *it != from && *it != said.to)
            .filter_map(|it| Some((it, self.session_of(from, it, &said.frame)?)))
            .collect();
        let Some((other, session)) = self.chance.pick(&others).copied() else {
            return vec![said];
        };
        let elsewhere = Said::of(other, session, said.frame.clone());
        vec![said, elsewhere.counts("malice: said elsewhere")]
    }

    /// The session in which such a frame goes from one node to another, if there is one.
    fn session_of(&self, from: usize, to: usize, frame: &Frame) -> Option<u64> {
        match frame {
            Frame::Asking(_) => self.session_with(from, to),
            Frame::Answering(_) => self.session_with(to, from),
            Frame::Sent(_) => self.stream_with(from, to),
            Frame::Taken(_) => self.stream_with(to, from),
        }
    }

    /// Far more of it than anybody asked for: in some worlds what it said before, in others what nobody
    /// can read.
    pub(super) fn flood(&mut self, said: Said) -> Vec<Said> {
        if !matches!(said.frame, Frame::Asking(_)) {
            return vec![said];
        }
        self.malice.floods += 1;
        let (to, session) = (said.to, said.session);
        let mut frames: Vec<Frame> = Vec::new();
        if (self.seed / super::MALICE_EVERY).is_multiple_of(3) {
            let noise = || {
                let checkpoint = b"no checkpoint at all".to_vec();
                CheckpointOffer { old_size: 0, proof: Vec::new(), checkpoint }
            };
            let noises = (0..UNREADABLE).map(|_| Outgoing::CheckpointOffer(noise()));
            frames.extend(noises.map(|it| Frame::Asking(Box::new(it))));
        } else {
            let known = self.malice.remembered.iter().filter(|(peer, _)| *peer == to);
            let known: Vec<&Frame> =
                known.map(|(_, it)| it).filter(|it| matches!(it, Frame::Asking(_))).collect();
            frames.extend(known.iter().copied().cycle().take(REPEATED).cloned());
        }
        if frames.is_empty() {
            return vec![said];
        }
        let mut all = vec![said];
        all.extend(frames.into_iter().map(|it| Said::of(to, session, it)));
        if let Some(last) = all.pop() {
            all.push(last.counts("malice: flood"));
        }
        all
    }

    /// A message whose header names another destination, in good form.
    pub(super) fn with_a_forged_address(&mut self, said: Said) -> Vec<Said> {
        let Some(mut handing): Option<Handing> = handed(&said.frame) else {
            return vec![said];
        };
        let header = &handing.envelope.header;
        let mut address = header.address.clone();
        let others = self.federation.agencies.iter();
        let others: Vec<_> = others.filter(|it| **it != address.destination).cloned().collect();
        let Some(other) = self.chance.pick(&others).cloned() else {
            return vec![said];
        };
        address.destination = other;
        handing.envelope.header = wire::header::write_header(&address, &header.digests.clone());
        let frame = Frame::Asking(Box::new(Outgoing::Handing(Box::new(handing))));
        vec![Said::of(said.to, said.session, frame).counts("malice: address forged")]
    }

    /// A request that says, in what is sealed, that it comes from a desk of another agency.
    pub(super) fn forge_a_desk(&mut self, node: usize) {
        let Some(setting) = self.setting(node) else { return };
        let agencies = self.federation.agencies.clone();
        let mut others: Vec<_> = agencies.iter().filter(|it| **it != setting.agency).collect();
        let to = others.swap_remove(self.malice.chance.below(others.len() as u64) as usize);
        let Some(named) = self.malice.chance.pick(&others) else { return };
        let (named, to) = (support::desk(named), support::desk(to));
        let chance = SeededEntropy::new(self.malice.chance.below(u64::MAX));
        let now = setting.clock.now();
        let message = MessageId::from(entropy::uuid_v7(&chance, now));
        let request = RequestId::from(entropy::uuid_v7(&chance, now));
        let draft = |from: &ContactPointId| {
            let text = json!({
                "from": from.to_string(), "to": [to.to_string()],
                "kind": "UNTOC.27.1.B.I.PERSON", "message_type": "request",
                "request_id": request.to_string(), "message_id": message.to_string(),
                "urgency": {"level": "routine", "reason": "by chance"}, "facts": MARKER,
            });
            let file = wire::json::read_file(text.to_string().as_bytes());
            wire::draft::read(file.expect("a well-formed file")).expect("a well-formed draft")
        };
        let plan = Plan { request, now, expires_in_ms: 3_600_000 };
        // The door sees a desk of its own agency; what was sealed ahead names another.
        let Ok(sealed) = sealing::prepare(&setting, &draft(&named), &plan) else { return };
        let own = support::desk(&setting.agency);
        let principal = Principal::new(setting.agency.clone(), Role::Officer, "clerk");
        let call = Call {
            principal: principal.expect("a well-formed name"),
            key: format!("forged-{message}"),
            fingerprint: Digest::of(message.as_bytes()),
        };
        let submission = Submission::of(call, draft(&own), &plan, sealed);
        self.malice.forged.insert((setting.agency.to_string(), message.as_bytes().to_vec()));
        self.ask(node, Command::Submit(Box::new(submission)), Waiting::Nobody);
    }

    /// Other bytes than those of the file, more than it has, or a file that there is not.
    pub(super) fn lie_about_an_attachment(&mut self, said: Said) -> Vec<Said> {
        let Frame::Sent(sent) = &said.frame else { return vec![said] };
        let (to, session) = (said.to, said.session);
        let frame = |it: Sent| Said::of(to, session, Frame::Sent(Box::new(it)));
        match sent.as_ref() {
            Sent::Piece(piece) if self.chance.below(2) == 0 => {
                let bytes = flipped(&mut self.chance, piece.bytes.clone());
                let lie = Sent::Piece(Piece { bytes, ..piece.clone() });
                vec![frame(lie).counts("malice: attachment altered")]
            }
            Sent::Piece(piece) => {
                let (parcel, next) = (piece.parcel, piece.offset + piece.bytes.len() as u64);
                let more = (0..ENDLESS).map(|it| {
                    let offset = next + it * PIECE_BYTES_MAX as u64;
                    let bytes = vec![7; PIECE_BYTES_MAX];
                    let more = frame(Sent::Piece(Piece { parcel, offset, bytes }));
                    more.counts("malice: attachment without end")
                });
                [said].into_iter().chain(more).collect()
            }
            Sent::Offer(offer) => {
                let made_up = Offer { number: NO_SUCH_ATTACHMENT, ..offer.clone() };
                let made_up = frame(Sent::Offer(made_up));
                vec![said, made_up.counts("malice: attachment made up")]
            }
            Sent::Hello(_) => vec![said],
        }
    }
}
