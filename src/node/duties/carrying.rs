//! Carries attachments to one peer, over a connection of their own: several at a time, piece by piece,
//! each from its last durable byte on.
//!
//! Nothing is noted before an offer: the peer answers the same offer with the same receipt for good,
//! so whoever was cut off offers again. Pieces are read where they rest, a few at a time, and no more of
//! them are on the way than the window holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::fact::{Fact, Handover};
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::evidence::statement::{self, StatementError};
use crate::history::attachments::{self, Whereabouts};
use crate::history::message;
use crate::history::rows::HistoryError;
use crate::node::command::Command;
use crate::node::conduct::Misconduct;
use crate::node::doubt::Doubt;
use crate::node::duties::inbound::PROTOCOL_VERSION;
use crate::node::duties::session::RefusedOnce;
use crate::node::queue::Asker;
use crate::node::recovery::{Recovery, is_unconfirmed};
use crate::node::setting::Setting;
use crate::node::travelling::{self, Source};
use crate::wire::WireError;
use crate::wire::carriage::{Offer, PIECE_BYTES_MAX, Parcel, Piece, Sent, Taken};
use crate::wire::envelope::Statement;
use crate::wire::relay::Hello;

/// Attachments on the way to one peer at a time.
pub const PARALLEL: usize = 4;
/// Bytes that are on the way to one peer and not durable there yet, at the most (16 MiB); attachments that
/// go at the same time share them.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;
/// Pieces that one poll reads.
pub const PIECES_AT_ONCE: usize = 4;
/// What was refused is offered again after so many milliseconds.
const AGAIN_MS: i64 = 5_000;
/// So many refusals are remembered beyond the time at which they are asked again.
const REFUSED_KEPT: usize = 1_024;
/// What can't be read here is tried again after so many milliseconds.
const UNREADABLE_AGAIN_MS: i64 = 60_000;

/// Why a session must end.
#[derive(Debug, thiserror::Error)]
pub enum CarryEnd {
    /// The state can't be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The peer refused the session.
    #[error("peer: {0}")]
    Peer(String),
    /// The peer answered what no honest node answers.
    #[error("peer: {0}")]
    Lie(#[from] CarryLie),
}

/// An answer about an attachment that no honest node gives. It changes nothing but what is known of the
/// peer's conduct.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarryLie {
    /// A welcome that was given before, or that names what was not proposed.
    #[error("welcome with an unknown version")]
    Welcome,
    /// A piece beyond the end, or all over again.
    #[error("wants what there is not")]
    Wanted,
    /// More than it was sent, or less than it had.
    #[error("says of what was not sent that it is durable")]
    Durable,
    /// A receipt whose proof does not hold.
    #[error(transparent)]
    Answer(#[from] StatementError),
    /// Bytes that are no answer.
    #[error("what it answers can't be read: {0}")]
    Malformed(#[from] WireError),
    /// A receipt for something else.
    #[error("the answer is for another attachment")]
    OtherAnswer,
}

/// What a session wants done.
#[derive(Debug)]
pub enum CarryWish {
    /// Send this frame.
    Send(Box<Sent>),
    /// Execute this, and tell the session with `executed`.
    Execute(Box<Command>, Parcel),
}

/// An attachment on its way.
struct Load {
    message: MessageKey,
    handover: u32,
    /// None where a copy that the store came out of lacks it: the peer may have answered already.
    source: Option<Source>,
    bytes: u64,
    /// Where the next piece begins; none before the peer wants it.
    next: Option<u64>,
    durable: u64,
    /// The peer answered, and what it said is being recorded.
    answered: bool,
}

/// The dialling side of one stream of attachments.
pub struct Carrier {
    setting: Arc<Setting>,
    peer: AgencyId,
    welcomed: bool,
    /// The version of the directory that the peer named in its welcome.
    told: u64,
    loads: BTreeMap<Parcel, Load>,
    shelved: BTreeMap<(MessageKey, u32), Timestamp>,
    refused: BTreeMap<(MessageKey, u32), RefusedOnce>,
}

impl Carrier {
    /// A session that is about to dial `peer`.
    pub fn new(setting: Arc<Setting>, peer: AgencyId) -> Self {
        let (loads, shelved, refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { setting, peer, welcomed: false, told: 0, loads, shelved, refused }
    }

    /// Whether anything is owed to `peer`: whether there is a reason to dial.
    ///
    /// # Errors
    /// `HistoryError` if the state can't be read.
    pub fn is_wanted(setting: &Setting, peer: &AgencyId) -> Result<bool, HistoryError> {
        let rows = setting.store.as_ref();
        Ok(!attachments::owed(rows, peer, 1)?.is_empty() && is_possible(setting, peer)?)
    }

    /// The first frame.
    pub fn hello(&self) -> Sent {
        let directory = self.setting.directory();
        Sent::Hello(Hello {
            versions: vec![PROTOCOL_VERSION],
            network: directory.network().clone(),
            directory_version: directory.version(),
        })
    }

    /// What is to be done now: offers, and a few pieces. Call it until it wishes nothing, after each
    /// frame and each executed wish, and about once a second.
    ///
    /// # Errors
    /// `CarryEnd` ends the session.
    pub fn poll(&mut self) -> Result<Vec<CarryWish>, CarryEnd> {
        let mut wishes = Vec::new();
        if !self.welcomed || !is_possible(&self.setting, &self.peer)? {
            return Ok(wishes);
        }
        self.offer(&mut wishes)?;
        self.send_pieces(&mut wishes)?;
        Ok(wishes)
    }

    fn offer(&mut self, wishes: &mut Vec<CarryWish>) -> Result<(), HistoryError> {
        let now = self.setting.clock.now();
        self.shelved.retain(|_, again| *again > now);
        let rows = self.setting.store.as_ref();
        let look = PARALLEL.saturating_add(self.shelved.len());
        for (message, number) in attachments::owed(rows, &self.peer, look)? {
            if self.loads.len() >= PARALLEL {
                break;
            }
            let on_its_way =
                |it: (&Parcel, &Load)| it.0.number == number && it.1.message == message;
            if self.shelved.contains_key(&(message, number)) || self.loads.iter().any(on_its_way) {
                continue;
            }
            let Some((offer, source, bytes)) = self.offer_of(message, number)? else {
                self.shelved.insert((message, number), now.plus_millis(AGAIN_MS));
                continue;
            };
            let handover = offer.handover;
            let (next, durable, answered) = (None, 0, false);
            let load = Load { message, handover, source, bytes, next, durable, answered };
            self.loads.insert(offer.parcel(), load);
            wishes.push(send(Sent::Offer(offer)));
        }
        Ok(())
    }

    /// The offer of an attachment, and its size; none if it can't be offered.
    fn offer_of(
        &self,
        key: MessageKey,
        number: u32,
    ) -> Result<Option<(Offer, Option<Source>, u64)>, HistoryError> {
        let rows = self.setting.store.as_ref();
        let way = attachments::way(rows, key)?;
        let onward = way.and_then(|it| it.onward).filter(|(peer, _)| *peer == self.peer);
        let (Some((_, handover)), Some(record)) = (onward, message::find(rows, key)?) else {
            return Ok(None);
        };
        let sealed = travelling::sealed(&self.setting, key, number)?;
        let source = Source::open(&self.setting, &record, number)?;
        let Some(sealed) = sealed else {
            tracing::warn!(peer = %self.peer, "nothing names an attachment that is owed");
            return Ok(None);
        };
        let message = message::reference(&record.header()?);
        Ok(Some((Offer { message, number, handover }, source, sealed.bytes)))
    }

    /// Reads and sends pieces, one of each attachment in turn.
    fn send_pieces(&mut self, wishes: &mut Vec<CarryWish>) -> Result<(), HistoryError> {
        let mut broken = Vec::new();
        let mut left = PIECES_AT_ONCE;
        let mut ready = true;
        let sharing = u64::try_from(self.loads.len().max(1)).unwrap_or(u64::MAX);
        let window = WINDOW_BYTES / sharing;
        while ready && left > 0 {
            ready = false;
            for (parcel, load) in &mut self.loads {
                if left == 0 || broken.contains(parcel) {
                    continue;
                }
                match next_piece(&self.setting, *parcel, load, window) {
                    Ok(Some(piece)) => {
                        wishes.push(send(Sent::Piece(piece)));
                        (left, ready) = (left - 1, true);
                    }
                    Ok(None) => {}
                    Err(HistoryError::Files(error)) if !error.is_fatal() => {
                        tracing::error!(%error, "an attachment that is owed can't be read");
                        broken.push(*parcel);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        // It holds up none of the others.
        for parcel in broken {
            self.shelve(parcel, UNREADABLE_AGAIN_MS);
        }
        Ok(())
    }

    fn shelve(&mut self, parcel: Parcel, wait_ms: i64) {
        if let Some(load) = self.loads.remove(&parcel) {
            let again = self.setting.clock.now().plus_millis(wait_ms);
            self.shelved.insert((load.message, parcel.number), again);
        }
    }

    /// Takes one frame of the peer.
    ///
    /// # Errors
    /// `CarryEnd` ends the session.
    pub fn take(&mut self, frame: Taken) -> Result<Vec<CarryWish>, CarryEnd> {
        match frame {
            Taken::Welcome(welcome) => {
                if self.welcomed || welcome.version != PROTOCOL_VERSION {
                    return Err(CarryLie::Welcome.into());
                }
                (self.welcomed, self.told) = (true, welcome.directory_version);
                Ok(Vec::new())
            }
            Taken::Wanted { parcel, offset } => self.wanted(parcel, offset),
            Taken::Durable { parcel, offset } => self.durable(parcel, offset),
            Taken::Answer { parcel, statement } => self.answer(parcel, statement),
            Taken::Refused { parcel: Some(parcel), reason, .. } => {
                tracing::info!(peer = %self.peer, reason, "an attachment is not taken now");
                self.note_refusal(parcel, reason);
                self.shelve(parcel, AGAIN_MS);
                Ok(Vec::new())
            }
            Taken::Refused { parcel: None, reason, .. } => {
                Err(CarryEnd::Peer(format!("refused: {reason}")))
            }
        }
    }

    fn note_refusal(&mut self, parcel: Parcel, reason: String) {
        let Some(load) = self.loads.get(&parcel) else {
            return;
        };
        let (place, now) = ((load.message, parcel.number), self.setting.clock.now());
        if self.refused.len() >= REFUSED_KEPT {
            self.refused.retain(|_, it| it.again > now);
        }
        let times = self.refused.get(&place).map_or(0, |it| it.times).saturating_add(1);
        let again = now.plus_millis(AGAIN_MS);
        self.refused.insert(place, RefusedOnce { reason, again, times });
    }

    /// What the peer did not take in this session, and is asked again: message and number.
    pub const fn not_taken(&self) -> &BTreeMap<(MessageKey, u32), RefusedOnce> {
        &self.refused
    }

    fn wanted(&mut self, parcel: Parcel, offset: u64) -> Result<Vec<CarryWish>, CarryEnd> {
        let Some(load) = self.loads.get_mut(&parcel) else {
            return Ok(Vec::new());
        };
        if offset > load.bytes || load.next.is_some() {
            return Err(CarryLie::Wanted.into());
        }
        if load.source.is_none() {
            tracing::warn!(peer = %self.peer, "an attachment that is owed is not here");
            self.shelve(parcel, UNREADABLE_AGAIN_MS);
            return Ok(Vec::new());
        }
        (load.next, load.durable) = (Some(offset), offset);
        self.refused.remove(&(load.message, parcel.number));
        Ok(Vec::new())
    }

    fn durable(&mut self, parcel: Parcel, offset: u64) -> Result<Vec<CarryWish>, CarryEnd> {
        let Some(load) = self.loads.get_mut(&parcel) else {
            return Ok(Vec::new());
        };
        let sent = load.next.unwrap_or(0);
        if offset > sent || offset < load.durable {
            return Err(CarryLie::Durable.into());
        }
        load.durable = offset;
        Ok(Vec::new())
    }

    fn answer(&mut self, parcel: Parcel, said: Statement) -> Result<Vec<CarryWish>, CarryEnd> {
        let Some(load) = self.loads.get_mut(&parcel) else {
            return Ok(Vec::new());
        };
        let directory = self.setting.directory();
        let checked = match statement::check(&directory, said.clone()) {
            Ok(checked) => checked,
            // A key of the peer may have changed, and the news of it is on its way: it is offered again.
            Err(error) if error.may_hold_by(&directory, self.told, &said) => {
                self.shelve(parcel, AGAIN_MS);
                let command = Command::Misconduct(self.peer.clone(), Misconduct::Early);
                return Ok(vec![CarryWish::Execute(Box::new(command), parcel)]);
            }
            Err(error) => return Err(CarryLie::Answer(error).into()),
        };
        let (from, to) = (self.setting.agency.clone(), self.peer.clone());
        let handover = Handover { from, to, number: load.handover };
        let fits = matches!(&checked.entry.fact, Fact::Attachment(fact)
            if fact.handover == handover
                && fact.attachment.number == parcel.number
                && fact.attachment.message.header == parcel.header);
        if !fits || *checked.entry.journal.agency() != self.peer {
            return Err(CarryLie::OtherAnswer.into());
        }
        load.answered = true;
        self.refused.remove(&(load.message, parcel.number));
        let by = Asker::Answering(self.peer.clone());
        let command = Command::RecordStatement(by, Box::new(checked));
        Ok(vec![CarryWish::Execute(Box::new(command), parcel)])
    }

    /// A wish was executed. What is still owed after it is not offered again at once.
    ///
    /// # Errors
    /// `HistoryError` if the state can't be read.
    pub fn executed(&mut self, parcel: &Parcel) -> Result<(), HistoryError> {
        let Some(load) = self.loads.remove(parcel) else {
            return Ok(());
        };
        let rows = self.setting.store.as_ref();
        let record = attachments::find(rows, load.message, parcel.number)?;
        if record.is_some_and(|it| it.whereabouts == Whereabouts::Here) {
            let again = self.setting.clock.now().plus_millis(AGAIN_MS);
            self.shelved.insert((load.message, parcel.number), again);
        }
        Ok(())
    }

    /// Bytes of pieces that were sent and are not durable with the peer, as far as it has said.
    pub fn on_the_way(&self) -> usize {
        let sent = |it: &Load| it.next.unwrap_or(0).saturating_sub(it.durable);
        let bytes = self.loads.values().map(sent).fold(0, u64::saturating_add);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// True while the peer owes an answer.
    pub fn is_waiting(&self) -> bool {
        !self.welcomed || !self.loads.is_empty()
    }
}

/// The next piece of an attachment, as the window permits.
fn next_piece(
    setting: &Setting,
    parcel: Parcel,
    load: &mut Load,
    window: u64,
) -> Result<Option<Piece>, HistoryError> {
    let Some(offset) = load.next.filter(|_| !load.answered) else {
        return Ok(None);
    };
    if offset >= load.bytes || offset.saturating_sub(load.durable) >= window {
        return Ok(None);
    }
    let piece = u64::try_from(PIECE_BYTES_MAX).unwrap_or(u64::MAX);
    let length = piece.min(load.bytes.saturating_sub(offset));
    let Some(source) = &load.source else {
        return Ok(None);
    };
    let bytes = source.read(setting, offset, usize::try_from(length).unwrap_or(0))?;
    load.next = Some(offset.saturating_add(length));
    Ok(Some(Piece { parcel, offset, bytes }))
}

fn send(frame: Sent) -> CarryWish {
    CarryWish::Send(Box::new(frame))
}

/// Nothing is carried while the end of a journal is in doubt.
fn is_possible(setting: &Setting, peer: &AgencyId) -> Result<bool, HistoryError> {
    let rows = setting.store.as_ref();
    let recovering = Recovery::of(rows)?.is_some_and(|it| !it.settled);
    Ok(!recovering && Doubt::of(rows)?.is_none() && !is_unconfirmed(setting, peer)?)
}
