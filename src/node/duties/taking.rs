//! Takes attachments from a peer that dials: piece by piece, each durable before it is said to be.
//!
//! A piece never passes the writer's queue: it goes into the file of its attachment. The writer is asked
//! twice: whether the attachment is wanted, and, once all of it is here and checked, to state it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::fact::Reason;
use crate::domain::ids::AgencyId;
use crate::history::rows::HistoryError;
use crate::journal::files::{FileError, FileId};
use crate::node::command::{Command, Outcome};
use crate::node::doubt::Doubt;
use crate::node::duties::greeting::{DIRECTORY_CHANGED, Greeting, is_outdated};
use crate::node::duties::inbound::{self, in_conflict};
use crate::node::recovery::{Recovery, is_unconfirmed};
use crate::node::rejection::RejectionReason;
use crate::node::setting::Setting;
use crate::node::travelling::{Carried, Offered, Wanted};
use crate::node::whole::{Check, Found};
use crate::node::{Decision, conduct, proofs};
use crate::wire::carriage::{Offer, Parcel, Piece, Sent, Taken};

/// Attachments that one session may bring at a time.
const LOADS_MAX: usize = 64;

/// One frame, or one finished check, on its way through the door.
#[derive(Debug)]
pub enum TakeStep {
    /// Nothing to ask: what to answer, which may be nothing.
    Reply(Vec<Taken>),
    /// Ask this, then tell the decision with `Taker::tell`.
    Ask(Box<Command>, TakeAsked),
}

/// What was asked, kept until the decision is durable.
#[derive(Clone, Debug)]
pub struct TakeAsked(Parcel);

/// Who writes which file: the session that asked last. An older one that still lingers writes no more.
#[derive(Clone, Debug, Default)]
pub struct Writers(Arc<Mutex<Sessions>>);

#[derive(Debug, Default)]
struct Sessions {
    last: u64,
    files: BTreeMap<FileId, Arc<Mutex<u64>>>,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is a number, which is whole whatever panicked beside it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writers {
    fn session(&self) -> u64 {
        let mut sessions = hold(&self.0);
        sessions.last = sessions.last.saturating_add(1);
        sessions.last
    }

    /// From here on `session` writes the file.
    fn claim(&self, file: FileId, session: u64) -> Arc<Mutex<u64>> {
        let writer = Arc::clone(hold(&self.0).files.entry(file).or_default());
        *hold(&writer) = session;
        writer
    }

    fn forget(&self, file: FileId, session: u64) {
        let mut sessions = hold(&self.0);
        if sessions.files.get(&file).is_some_and(|it| *hold(it) == session) {
            sessions.files.remove(&file);
        }
    }
}

/// An attachment that comes.
struct Load {
    offered: Offered,
    wanted: Wanted,
    writer: Arc<Mutex<u64>>,
    next: u64,
    durable: u64,
    check: Option<Check>,
    /// The writer was asked to state what became of it.
    asked: bool,
}

/// The answering side of one stream of attachments.
pub struct Taker {
    setting: Arc<Setting>,
    peer: AgencyId,
    writers: Writers,
    session: u64,
    /// What this node named in its welcome; none before the peer has greeted.
    greeting: Option<Greeting>,
    offers: BTreeMap<Parcel, Offered>,
    loads: BTreeMap<Parcel, Load>,
    checks: VecDeque<Parcel>,
}

impl Taker {
    /// A stream that `peer`, known by its certificate, has opened.
    pub fn new(setting: Arc<Setting>, peer: AgencyId, writers: Writers) -> Self {
        let session = writers.session();
        Self {
            setting,
            peer,
            writers,
            session,
            greeting: None,
            offers: BTreeMap::new(),
            loads: BTreeMap::new(),
            checks: VecDeque::new(),
        }
    }

    /// Takes one frame. It may write to the disk and wait for it.
    ///
    /// # Errors
    /// `HistoryError` if state can't be read or a file can't be written; what the peer does wrong is a
    /// reply.
    pub fn take(&mut self, frame: Sent) -> Result<TakeStep, HistoryError> {
        if is_outdated(&self.setting, self.greeting) {
            return Ok(refuse(None, DIRECTORY_CHANGED, true));
        }
        match frame {
            Sent::Hello(_) if self.greeting.is_some() => Ok(refuse(None, "HELLO_REPEATED", false)),
            Sent::Hello(hello) => match inbound::greet(&self.setting, &self.peer, &hello)? {
                Ok(welcome) => {
                    self.greeting = Some(Greeting::given(&welcome));
                    Ok(TakeStep::Reply(vec![Taken::Welcome(welcome)]))
                }
                Err(reason) => Ok(refuse(None, reason, false)),
            },
            Sent::Offer(_) | Sent::Piece(_) if self.greeting.is_none() => {
                Ok(refuse(None, "HELLO_MISSING", false))
            }
            Sent::Offer(offer) => self.offer(offer),
            Sent::Piece(piece) => self.piece(piece),
        }
    }

    fn offer(&mut self, offer: Offer) -> Result<TakeStep, HistoryError> {
        let parcel = offer.parcel();
        if let Some(reason) = self.not_now()? {
            return Ok(refuse(Some(parcel), reason, true));
        }
        if self.offers.len().saturating_add(self.loads.len()) >= LOADS_MAX {
            return Ok(refuse(Some(parcel), "WINDOW_EXCEEDED", true));
        }
        if let Some(load) = self.loads.remove(&parcel) {
            self.writers.forget(load.wanted.file, self.session);
            self.checks.retain(|it| *it != parcel);
        }
        let Offer { message, number, handover } = offer;
        let offered = Offered { from: self.peer.clone(), message, number, handover };
        self.offers.insert(parcel, offered.clone());
        let command = Command::OfferAttachment(Box::new(offered));
        Ok(TakeStep::Ask(Box::new(command), TakeAsked(parcel)))
    }

    fn not_now(&self) -> Result<Option<&'static str>, HistoryError> {
        let rows = self.setting.store.as_ref();
        if let Some(doubt) = Doubt::of(rows)? {
            return Ok(Some(doubt.reason().as_str()));
        }
        if Recovery::of(rows)?.is_some_and(|it| !it.settled) {
            return Ok(Some(RejectionReason::JournalUnconfirmed.as_str()));
        }
        if is_unconfirmed(&self.setting, &self.peer)? {
            return Ok(Some(RejectionReason::VolumeUnconfirmed.as_str()));
        }
        if conduct::cut_off(rows, &self.peer, self.setting.clock.now())?.is_some() {
            return Ok(Some(RejectionReason::PeerCutOff.as_str()));
        }
        let forked = in_conflict(&self.setting, &self.peer)?;
        Ok(forked.then_some(RejectionReason::JournalForked.as_str()))
    }

    fn piece(&mut self, piece: Piece) -> Result<TakeStep, HistoryError> {
        let Piece { parcel, offset, bytes } = piece;
        let Some(load) = self.loads.get_mut(&parcel) else {
            return Ok(refuse(Some(parcel), RejectionReason::NotFound.as_str(), true));
        };
        if load.asked {
            return Ok(TakeStep::Reply(Vec::new()));
        }
        let end = offset.saturating_add(bytes.len() as u64);
        // More than the header says: what this peer brings is not the attachment.
        if end > load.wanted.sealed.bytes {
            return Ok(self.state(parcel, Found::Refused(Reason::AttachmentAltered)));
        }
        if offset != load.next {
            return Ok(self.drop_load(parcel, "OUT_OF_STEP"));
        }
        let grown = {
            let writer = hold(&load.writer);
            if *writer != self.session {
                drop(writer);
                return Ok(self.drop_load(parcel, "TAKEN_BY_ANOTHER_SESSION"));
            }
            let files = &self.setting.files;
            let grown = files.append(load.wanted.file, offset, &bytes);
            match grown {
                Ok(growth) if growth.length == load.wanted.sealed.bytes => {
                    files.sync(load.wanted.file).map(|it| (it, it))
                }
                Ok(growth) => Ok((growth.length, growth.durable)),
                Err(error) => Err(error),
            }
        };
        let (length, durable) = match grown {
            Ok(grown) => grown,
            Err(FileError::NoRoom { .. }) => {
                return Ok(self.drop_load(parcel, RejectionReason::StorageLow.as_str()));
            }
            // What it belongs to ended meanwhile, and its file with it.
            Err(FileError::OutOfStep { .. } | FileError::Missing { .. }) => {
                return Ok(self.drop_load(parcel, "OUT_OF_STEP"));
            }
            Err(error) => return Err(error.into()),
        };
        load.next = length;
        load.durable = durable;
        if length == load.wanted.sealed.bytes {
            self.begin_check(parcel)?;
        }
        // Also where nothing more is durable: over a slow line the peer must hear that pieces arrive.
        Ok(TakeStep::Reply(vec![Taken::Durable { parcel, offset: durable }]))
    }

    fn drop_load(&mut self, parcel: Parcel, reason: &str) -> TakeStep {
        if let Some(load) = self.loads.remove(&parcel) {
            self.writers.forget(load.wanted.file, self.session);
        }
        refuse(Some(parcel), reason, true)
    }

    fn begin_check(&mut self, parcel: Parcel) -> Result<(), HistoryError> {
        if let Some(load) = self.loads.get_mut(&parcel) {
            load.check = Some(Check::begin(&self.setting, &load.offered, &load.wanted)?);
            self.checks.push_back(parcel);
        }
        Ok(())
    }

    /// Whether a whole file is to be checked: call `work` until it is not.
    pub fn has_work(&self) -> bool {
        !self.checks.is_empty()
    }

    /// Checks some more of a file that is whole. It reads the disk and waits for it. Now and then
    /// it tells the peer that it is not forgotten.
    ///
    /// # Errors
    /// `HistoryError` if a file can't be read.
    pub fn work(&mut self) -> Result<TakeStep, HistoryError> {
        let Some(parcel) = self.checks.pop_front() else {
            return Ok(TakeStep::Reply(Vec::new()));
        };
        let setting = Arc::clone(&self.setting);
        let Some(load) = self.loads.get_mut(&parcel) else {
            return Ok(TakeStep::Reply(Vec::new()));
        };
        let Some(check) = load.check.as_mut() else {
            return Ok(TakeStep::Reply(Vec::new()));
        };
        let step = match check.step(&setting) {
            Err(HistoryError::Files(FileError::Missing { .. })) => {
                return Ok(self.drop_load(parcel, RejectionReason::NotFound.as_str()));
            }
            step => step?,
        };
        let Some(found) = step else {
            let life = Taken::Durable { parcel, offset: load.durable };
            let told = check.is_worth_a_word().then_some(life);
            self.checks.push_back(parcel);
            return Ok(TakeStep::Reply(told.into_iter().collect()));
        };
        if matches!(found, Found::Whole(_)) {
            match setting.files.finish(load.wanted.file) {
                Err(FileError::Missing { .. }) => {
                    return Ok(self.drop_load(parcel, RejectionReason::NotFound.as_str()));
                }
                finished => finished?,
            };
        }
        Ok(self.state(parcel, found))
    }

    /// Has the writer state what became of an attachment.
    fn state(&mut self, parcel: Parcel, found: Found) -> TakeStep {
        let Some(load) = self.loads.get_mut(&parcel) else {
            return TakeStep::Reply(Vec::new());
        };
        load.asked = true;
        let (offered, wanted) = (load.offered.clone(), load.wanted.clone());
        let command = Command::StateAttachment(Arc::new(Carried { offered, wanted, found }));
        TakeStep::Ask(Box::new(command), TakeAsked(parcel))
    }

    /// Tells a decision that is durable.
    ///
    /// # Errors
    /// `HistoryError` if state can't be read or a file can't be begun.
    pub fn tell(
        &mut self,
        asked: &TakeAsked,
        decision: Decision,
    ) -> Result<Vec<Taken>, HistoryError> {
        let TakeAsked(parcel) = *asked;
        let offered = self.offers.remove(&parcel);
        match decision {
            Ok(Outcome::Wanted(wanted)) => match offered {
                Some(offered) => self.begin(parcel, offered, *wanted),
                None => Ok(Vec::new()),
            },
            Ok(Outcome::Answered(position)) => {
                self.end(parcel);
                // It may be signed under keys that the peer was told nothing of. It offers again.
                if is_outdated(&self.setting, self.greeting) {
                    let reason = DIRECTORY_CHANGED.to_owned();
                    return Ok(vec![Taken::Refused { parcel: None, reason, retry: true }]);
                }
                let statement = proofs::statement(&self.setting, position)?;
                Ok(vec![Taken::Answer { parcel, statement }])
            }
            Ok(_) => {
                self.end(parcel);
                let reason = "INTERNAL".to_owned();
                Ok(vec![Taken::Refused { parcel: Some(parcel), reason, retry: true }])
            }
            Err(rejection) => {
                self.end(parcel);
                let reason = rejection.reason.as_str().to_owned();
                Ok(vec![Taken::Refused { parcel: Some(parcel), reason, retry: true }])
            }
        }
    }

    fn end(&mut self, parcel: Parcel) {
        if let Some(load) = self.loads.remove(&parcel) {
            self.writers.forget(load.wanted.file, self.session);
        }
    }

    /// Begins the file of an attachment, or finds how far it has come.
    fn begin(
        &mut self,
        parcel: Parcel,
        offered: Offered,
        wanted: Wanted,
    ) -> Result<Vec<Taken>, HistoryError> {
        let writer = self.writers.claim(wanted.file, self.session);
        let durable = {
            // An older session may be writing: what it wrote is seen, and nothing after it.
            let _held = hold(&writer);
            let files = &self.setting.files;
            match files.growth(wanted.file) {
                Ok(growth) if growth.durable < growth.length => files.sync(wanted.file)?,
                Ok(growth) => growth.durable,
                Err(FileError::Missing { .. }) => match files.length(wanted.file) {
                    Ok(length) => length,
                    Err(_) => {
                        files.begin(wanted.file)?;
                        0
                    }
                },
                Err(error) => return Err(error.into()),
            }
        };
        let is_whole = durable == wanted.sealed.bytes;
        let load =
            Load { offered, wanted, writer, next: durable, durable, check: None, asked: false };
        self.loads.insert(parcel, load);
        if is_whole {
            self.begin_check(parcel)?;
        }
        if durable > 0 {
            tracing::info!(peer = %self.peer, offset = durable, "an attachment goes on");
        }
        Ok(vec![Taken::Wanted { parcel, offset: durable }])
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        for load in self.loads.values() {
            self.writers.forget(load.wanted.file, self.session);
        }
    }
}

fn refuse(parcel: Option<Parcel>, reason: &str, retry: bool) -> TakeStep {
    TakeStep::Reply(vec![Taken::Refused { parcel, reason: reason.to_owned(), retry }])
}
