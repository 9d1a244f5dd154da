//! One peer that tasks of this node go out to: they dial while the directory names a link with it, and
//! after a failure wait twice as long as before, until it makes contact itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::node::duties::backoff::Backoff;
use crate::node::writer::Writer;
use crate::transport::Tasks;
use crate::transport::peer::{Dial, LOOK_AROUND};
use crate::transport::tls::Line;

/// An attempt that was under way when the peer made contact has so long to succeed, and a peer that owes
/// an answer to messages so long to give it.
pub(super) const AFTER_CONTACT: Duration = Duration::from_millis(500);

/// The peer, and what a task needs to reach it.
pub(super) struct Neighbour {
    /// Whose journal is told of it.
    pub(super) writer: Writer,
    /// How the peer is reached.
    pub(super) dial: Arc<dyn Dial>,
    /// Told when the peer makes contact.
    pub(super) wake: Notify,
    /// Told when the peer opens a relay session anew, and so may know of no older connection.
    pub(super) anew: Notify,
    /// The peer.
    pub(super) peer: AgencyId,
    /// When to stop.
    pub(super) tasks: Tasks,
}

/// What a task goes out for: to hand over messages, or to carry attachments.
pub(super) trait Errand: Sync {
    /// Ends when there is a reason to dial.
    fn wanted(&self) -> impl Future<Output = ()> + Send;

    /// Dials and speaks; resets `backoff` once the peer has answered. `Ok` if nothing is left to say, or the next
    /// session may begin at once; otherwise why it ended.
    fn session(&self, backoff: &mut Backoff) -> impl Future<Output = Result<(), String>> + Send;

    /// A session ended, and the next one begins at `next` at the latest.
    fn broken_off(&self, reason: &str, next: Timestamp) -> impl Future<Output = ()> + Send;
}

impl Neighbour {
    /// Goes out for `errand` again and again, until the directory names no link with the peer or the
    /// node stops.
    pub(super) async fn visit(&self, errand: &impl Errand) {
        tokio::select! {
            () = self.visit_while_linked(errand) => {}
            () = self.tasks.stopping() => {}
        }
    }

    async fn visit_while_linked(&self, errand: &impl Errand) {
        let setting = self.writer.setting();
        let policy = setting.policy;
        let mut backoff = Backoff::new(policy.retry_min_ms, policy.retry_max_ms);
        while self.is_linked() {
            let going_out = async {
                errand.wanted().await;
                errand.session(&mut backoff).await
            };
            let ended = tokio::select! {
                ended = going_out => ended,
                () = self.cut_off() => Err("the directory names no link with it".to_owned()),
            };
            let Err(reason) = ended else {
                continue;
            };
            let wait_ms = backoff.wait_ms(setting.entropy.as_ref());
            errand.broken_off(&reason, setting.clock.now().plus_millis(wait_ms)).await;
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => backoff.reset(),
            }
        }
    }

    /// Dials. An attempt that is still under way a moment after the peer made contact may have begun
    /// where nobody was yet: it is given up, and the next one follows at once.
    ///
    /// # Errors
    /// Why it is not reached.
    pub(super) async fn dialled(&self) -> Result<Line, String> {
        let heard = async {
            self.wake.notified().await;
            // Kept for whoever waits for the next attempt.
            self.wake.notify_one();
            tokio::time::sleep(AFTER_CONTACT).await;
        };
        tokio::select! {
            dialled = self.dial.dial(&self.peer) => dialled,
            () = heard => Err("it made contact meanwhile, and is dialled anew".to_owned()),
        }
    }

    fn is_linked(&self) -> bool {
        let setting = self.writer.setting();
        setting.directory().are_linked(&setting.agency, &self.peer)
    }

    /// Ends once the directory names no link with the peer any more.
    async fn cut_off(&self) {
        while self.is_linked() {
            tokio::time::sleep(LOOK_AROUND).await;
        }
    }
}

/// What a session makes of a peer that opens one of its own meanwhile. It may have lost its power, or
/// its address: then only this side still knows of the connection, and would wait on it for long.
pub(super) struct Doubted {
    /// How long a peer may take that came anew and knows of the connection all the same.
    time: Duration,
    /// Set once the peer has come anew; ends when it has had long enough to answer here.
    patience: Option<Pin<Box<Sleep>>>,
    owes: bool,
}

impl Doubted {
    /// A session that has not been doubted yet, whose peer has so long to answer once it is.
    pub(super) fn within(time: Duration) -> Self {
        Self { time, patience: None, owes: false }
    }

    /// The peer has spoken in this session: the connection is good.
    pub(super) fn heard(&mut self) {
        self.patience = None;
    }

    /// Whether the peer owes an answer in this session; it has its time from when it began to.
    pub(super) fn owes(&mut self, owes: bool) {
        if owes && !self.owes && self.patience.is_some() {
            self.patience = Some(Box::pin(tokio::time::sleep(self.time)));
        }
        self.owes = owes;
    }

    /// Ends when the peer has come anew and leaves unanswered here what it owes: it is dialled anew,
    /// at once.
    pub(super) async fn is_left(&mut self, to: &Neighbour) {
        loop {
            match &mut self.patience {
                None => {
                    to.anew.notified().await;
                    self.patience = Some(Box::pin(tokio::time::sleep(self.time)));
                }
                Some(patience) if self.owes => {
                    patience.await;
                    to.wake.notify_one();
                    return;
                }
                Some(_) => std::future::pending().await,
            }
        }
    }
}

/// Why a session ends that is left so.
pub(super) const LEFT: &str = "the peer came anew and owes an answer here: it is dialled anew";
