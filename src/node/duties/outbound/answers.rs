//! What the dialling side makes of what the peer answers.

use crate::domain::fact::Reason;
use crate::evidence::statement;
use crate::node::claims;
use crate::node::command::Command;
use crate::node::conduct::Misconduct;
use crate::node::doubt::{self, Doubt, Sighting};
use crate::node::duties::greeting::DIRECTORY_CHANGED;
use crate::node::duties::inbound::{PROTOCOL_VERSION, check_answer};
use crate::node::duties::missed::Missed;
use crate::node::duties::outbound::{Outbound, WAITS, execute, set_aside};
use crate::node::duties::places::Placed;
use crate::node::duties::refusals;
use crate::node::duties::session::{Lie, SessionEnd, Then, Wish};
use crate::node::duties::witnessed;
use crate::node::queue::Asker;
use crate::node::recovery::Recovery;
use crate::node::rejection::RejectionReason;
use crate::wire::envelope::Statement;
use crate::wire::relay::{Answer, Cosigned, Cosigning, Refused, Welcome};

/// Whoever follows a newer directory is asked again so often, in milliseconds, what it has seen: a minute.
const SAID_AGAIN_MS: i64 = 60_000;

impl Outbound {
    pub(super) fn welcome(&mut self, welcome: &Welcome) -> Result<Vec<Wish>, SessionEnd> {
        if self.welcomed || welcome.version != PROTOCOL_VERSION || welcome.window == 0 {
            return Err(Lie::Welcome.into());
        }
        let held = self.setting.journal.next();
        let [witnessed, shown] = [&welcome.witnessed, &welcome.shown];
        let ahead = |note: &[u8]| doubt::is_ahead(&self.setting, note);
        let note = if ahead(shown) > ahead(witnessed) { shown } else { witnessed };
        let said = Sighting {
            by: self.peer.clone(),
            size: Some(welcome.witnessed_size),
            note: note.clone(),
            follows_newer: false,
        };
        if welcome.witnessed_size > held || doubt::is_ahead(&self.setting, &said.note).is_some() {
            let (witnessed, said) = (said.size.unwrap_or_default(), Box::new(said));
            return Err(SessionEnd::Rewound { witnessed, held, said });
        }
        self.draining = welcome.draining;
        self.window = self.window.min(usize::try_from(welcome.window).unwrap_or(self.window));
        self.witnessed = welcome.witnessed_size;
        (self.welcomed, self.told) = (true, welcome.directory_version);
        self.setting.reach.reached(&self.peer);
        self.said = Some(said);
        Ok(self.sighted()?.into_iter().collect())
    }

    /// What the peer said of this journal, as long as somebody waits for that: at once, and now and then again where
    /// it waits for a directory that the peer names.
    pub(super) fn sighted(&mut self) -> Result<Option<Wish>, SessionEnd> {
        let now = self.setting.clock.now();
        let store = self.setting.store.as_ref();
        if self.said_again.is_some_and(|it| now < it) {
            return Ok(None);
        }
        let doubts = Doubt::of(store)?.is_some();
        if !doubts && Recovery::of(store)?.is_none() {
            self.said = None;
            return Ok(None);
        }
        let follows_newer = self.follows_newer();
        self.said_again = follows_newer.then(|| now.plus_millis(SAID_AGAIN_MS));
        let said = if follows_newer { self.said.clone() } else { self.said.take() };
        let said =
            said.filter(|_| doubts || follows_newer).map(|it| Sighting { follows_newer, ..it });
        Ok(said.map(|it| execute(Command::Sighted(it))))
    }

    /// Whether the peer follows a newer directory than this node, or says so and is believed.
    pub(super) fn follows_newer(&self) -> bool {
        self.told > self.greeting.version() && claims::is_believed(&self.setting, &self.peer)
    }

    pub(super) fn cosigned(&mut self, cosigned: Cosigned) -> Result<Vec<Wish>, SessionEnd> {
        let Some(offered) = self.offered.take() else {
            return Err(Lie::NotOffered.into());
        };
        let line = match cosigned.verdict {
            Cosigning::Given(line) => line,
            Cosigning::Withheld(reason) => {
                let size = offered.checkpoint.size;
                // It must do something first, and is not asked again at once, however much waits for it.
                if WAITS.contains(&reason.as_str()) {
                    let again = self.setting.clock.now().plus_millis(refusals::AGAIN_MS);
                    self.rests_until = Some(again);
                    return Ok(Vec::new());
                }
                if reason != "CHECKPOINT_STALE" || cosigned.witnessed_size > size {
                    let text = format!("refused our checkpoint: {reason}");
                    return Err(SessionEnd::Peer(text));
                }
                self.witnessed = cosigned.witnessed_size;
                self.offered_at = None;
                return Ok(Vec::new());
            }
        };
        let by = (&self.peer, self.told);
        let Some(note) = witnessed::note(&self.setting, by, &offered, &line)? else {
            self.rests_until = Some(self.setting.clock.now().plus_millis(refusals::AGAIN_MS));
            return Ok(vec![self.too_early()]);
        };
        let size = offered.checkpoint.size;
        self.witnessed = size;
        let peer = self.peer.clone();
        self.cosigning = true;
        let command = Command::RecordCosigned { peer, size, checkpoint: note };
        Ok(vec![Wish::Execute(Box::new(command), Then::Cosigned)])
    }

    pub(super) fn answer(&mut self, answer: Answer) -> Result<Vec<Wish>, SessionEnd> {
        let Some(key) = self.asked.remove(&answer.header) else {
            return Ok(Vec::new());
        };
        let said = answer.statement.clone();
        let checked = match check_answer(&self.setting, &self.peer, answer) {
            Ok(checked) => checked,
            // A key of the peer may have changed, and the news of it is on its way.
            Err(_) if self.is_early(&said) => {
                self.first.remove(&key);
                let reason = RejectionReason::DirectoryBehind.as_str().to_owned();
                self.refusals.note(key, reason, self.setting.clock.now());
                return Ok(vec![self.too_early()]);
            }
            Err(error) => return Err(Lie::Answer(error.to_string()).into()),
        };
        // Until the answer is recorded the message is in doubt by the rows, and not by the session.
        self.noting.insert(key);
        self.first.remove(&key);
        self.refusals.forget(&key);
        let by = Asker::Answering(self.peer.clone());
        let command = Command::RecordStatement(by, Box::new(checked));
        Ok(vec![Wish::Execute(Box::new(command), Then::Noted(vec![key]))])
    }

    /// Whether a statement does not hold here, and may by the newer directory that the peer has.
    fn is_early(&self, said: &Statement) -> bool {
        let directory = self.setting.directory();
        let judged = statement::check(&directory, said.clone());
        judged.is_err_and(|error| error.may_hold_by(&directory, self.told, said))
    }

    /// The peer needs a newer directory for what it answered.
    fn too_early(&self) -> Wish {
        execute(Command::Misconduct(self.peer.clone(), Misconduct::Early))
    }

    /// A statement is taken, or never will be.
    pub(super) fn notice_taken(&mut self, sequence: u64) -> Result<Vec<Wish>, SessionEnd> {
        let reached = self.telling.taken(&self.setting, &self.peer, sequence)?;
        let peer = self.peer.clone();
        let note = |sequence| execute(Command::RecordNoticesTaken { peer, sequence });
        Ok(reached.map(note).into_iter().collect())
    }

    pub(super) fn refused(&mut self, refused: Refused) -> Result<Vec<Wish>, SessionEnd> {
        if refused.reason == RejectionReason::PeerCutOff.as_str() {
            return Err(SessionEnd::cut_off(refused.cut_off));
        }
        // Whatever it is asked in this session, it answers nothing more.
        if refused.reason == DIRECTORY_CHANGED {
            return Err(SessionEnd::Peer(format!("refused: {}", refused.reason)));
        }
        let (refused, is_passed_over) = self.placed(refused);
        if is_passed_over {
            return Ok(Vec::new());
        }
        if let Some(key) = refused.header.and_then(|header| self.asked.remove(&header)) {
            // What it may have taken when it was asked before stays in doubt: this word is not signed.
            if self.first.remove(&key) && refusals::is_unreadable(&refused) {
                self.noting.insert(key);
                return Ok(vec![set_aside(key, Reason::FrameInvalid)]);
            }
            self.refusals.note(key, refused.reason, self.setting.clock.now());
            return Ok(Vec::new());
        }
        if let Some(sequence) = refused.sequence.filter(|it| self.telling.has_told(*it)) {
            if refused.retry {
                self.telling.hold(sequence, self.setting.clock.now());
                return Ok(Vec::new());
            }
            return self.notice_taken(sequence);
        }
        if refused.retry && self.missed.is_asked() {
            let again = self.setting.clock.now().plus_millis(refusals::AGAIN_MS);
            self.missed = Missed::refused(again);
            return Ok(Vec::new());
        }
        Err(SessionEnd::Peer(format!("refused: {}", refused.reason)))
    }

    /// What a refusal is about that names a frame by its place; a checkpoint or a question that the peer
    /// can't read holds up nothing else, and is sent again at its time.
    fn placed(&mut self, refused: Refused) -> (Refused, bool) {
        let Some(placed) = refused.frame.and_then(|place| self.places.take(place)) else {
            return (refused, false);
        };
        let again = self.setting.clock.now().plus_millis(refusals::AGAIN_MS);
        match placed {
            Placed::Handing(header) => (Refused { header: Some(header), ..refused }, false),
            Placed::Notice(it) => (Refused { sequence: Some(it), ..refused }, false),
            Placed::Checkpoint => {
                (self.offered, self.rests_until) = (None, Some(again));
                (refused, true)
            }
            Placed::Missing => {
                self.missed = Missed::refused(again);
                (refused, true)
            }
        }
    }
}
