//! The writer's thread and the handle through which everyone else asks.
//!
//! The thread drains its queue into batches: under load one sync serves many commands, at rest a
//! command does not wait for company. Those who ask are served in turn (`queue.rs`), so whoever floods
//! waits behind itself. Answers leave only from here, after the commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::node::command::Command;
use crate::node::company::Company;
use crate::node::queue::{Asker, LINE_LENGTH_MAX, Putter, Refused, Taker, queue};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::{Decision, Node, Stop};

/// Commands that share one commit.
pub const BATCH_COMMANDS: usize = 256;
/// After a commit that left an asker waiting with a full share, the writer waits for others who asked of late so
/// many times as long as the commit took: so most of the time is theirs, whatever a commit takes here.
const BREATHS: i64 = 3;
/// So many milliseconds at the most.
const BREATH_MS_MAX: i64 = 30;
/// Values that one commit changes, roughly; the store takes 2,048, and 2.5 MiB of them.
const BATCH_WEIGHT: usize = 1_500;

type Asked = (Command, oneshot::Sender<Decision>);

/// Asks the writer, and knows when there is something new to see.
#[derive(Clone)]
pub struct Writer {
    queue: Putter<Asked>,
    committed: watch::Receiver<u64>,
    setting: Arc<Setting>,
}

impl Writer {
    /// Starts the writer's thread over `node`. It ends when every handle is gone, or with the
    /// reason why the node must stop.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(node: Node) -> std::io::Result<(Self, JoinHandle<Result<(), Stop>>)> {
        let setting = Arc::clone(node.setting());
        let (queue, asked) = queue();
        let (tell, committed) = watch::channel(setting.journal.next());
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || serve(node, asked, &tell))?;
        Ok((Self { queue, committed, setting }, thread))
    }

    /// What the node stands in: all that readers need.
    pub fn setting(&self) -> &Arc<Setting> {
        &self.setting
    }

    /// Asks for a command; answers once it is durable.
    ///
    /// # Errors
    /// The door's rejection; `QUEUE_FULL` for a caller of whom [`LINE_LENGTH_MAX`] commands wait;
    /// `DRAINING` once the writer has stopped. A caller that goes away does not undo what it asked for.
    pub async fn ask(&self, command: Command) -> Decision {
        self.enqueue(command).await.decided().await
    }

    /// Puts a command into the line of who asks, in order, and gives what will tell its decision. A
    /// caller does not wait for a place in it; a peer and a duty do, and for that only.
    pub async fn enqueue(&self, command: Command) -> Pending {
        let (answer, decided) = oneshot::channel();
        let asker = command.asker();
        // If the writer has stopped, the answer's sender is dropped with the command, and the
        // pending decision says so.
        match asker {
            Asker::Caller(_) => match self.queue.put(&asker, (command, answer)) {
                Ok(()) | Err(Refused::Closed(_)) => {}
                Err(Refused::Full((_, answer))) => {
                    let text = format!("{LINE_LENGTH_MAX} calls of this caller wait already");
                    let no = Rejection::new(RejectionReason::QueueFull, text);
                    // Whoever asked waits for it.
                    drop(answer.send(Err(no)));
                }
            },
            Asker::Duty | Asker::Peer(_) | Asker::Answering(_) => {
                drop(self.queue.put_in_turn(&asker, (command, answer)).await);
            }
        }
        Pending(decided)
    }

    /// True once the writer's thread has ended.
    pub fn has_stopped(&self) -> bool {
        self.queue.is_closed()
    }

    /// Resolves once the writer's thread has ended.
    pub async fn stopped(&self) {
        self.queue.closed().await;
    }

    /// Counts commits: wakes whoever waits for something new.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }
}

/// A decision that is still to be made durable.
pub struct Pending(oneshot::Receiver<Decision>);

impl Pending {
    /// Waits for the decision.
    pub async fn decided(self) -> Decision {
        let stopped = || Rejection::new(RejectionReason::Draining, "the node is stopping");
        self.0.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// What one commit serves, and of whom.
#[derive(Default)]
struct Gathered {
    commands: Vec<Command>,
    answers: Vec<oneshot::Sender<Decision>>,
    taken: BTreeMap<Asker, usize>,
    weight: usize,
}

impl Gathered {
    /// Takes a command, unless it is too much for what is there already.
    fn add(&mut self, (command, answer): Asked) -> Option<Asked> {
        let weight = self.weight.saturating_add(command.weight());
        if weight > BATCH_WEIGHT && !self.commands.is_empty() {
            return Some((command, answer));
        }
        self.weight = weight;
        *self.taken.entry(command.asker()).or_default() += 1;
        self.commands.push(command);
        self.answers.push(answer);
        None
    }
}

/// Gathers what the next commit serves, `left` first, which was too much for the last one, and gives what is
/// too much for this one; waits for the first. `None` once nobody can ask any more.
fn gather(
    queue: &mut Taker<Asked>,
    company: &Company,
    left: Option<Asked>,
) -> Option<(Gathered, Option<Asked>)> {
    let sits_out = queue.has(|it| it.asks_of_itself() && !company.is_sated(it));
    let mut gathered = Gathered::default();
    let may = |taken: &BTreeMap<Asker, usize>, it: &Asker| company.may(it, taken, sits_out);
    let first = left.or_else(|| queue.take_now(|it| may(&BTreeMap::new(), it)));
    let mut next = Some(first.or_else(|| queue.take())?);
    while let Some(asked) = next {
        let left = gathered.add(asked);
        if left.is_some() || gathered.commands.len() >= BATCH_COMMANDS {
            return Some((gathered, left));
        }
        next = queue.take_now(|it| may(&gathered.taken, it));
    }
    Some((gathered, None))
}

fn serve(mut node: Node, mut queue: Taker<Asked>, tell: &watch::Sender<u64>) -> Result<(), Stop> {
    let (mut left, mut company) = (None, Company::default());
    let clock = Arc::clone(&node.setting().clock);
    while let Some((gathered, too_much)) = gather(&mut queue, &company, left.take()) {
        left = too_much;
        let began = clock.now();
        let decisions = node.execute(gathered.commands)?;
        tell.send_modify(|count| *count = count.saturating_add(1));
        for (answer, decision) in gathered.answers.into_iter().zip(decisions) {
            // A caller that went away asked all the same; what it asked for stands.
            drop(answer.send(decision));
        }
        company.note(&gathered.taken, |asker| queue.has(|it| it == asker));
        let absent = company.absent();
        if !absent.is_empty() {
            let took = clock.now().millis_since(began).max(1);
            let breath = took.saturating_mul(BREATHS).clamp(1, BREATH_MS_MAX);
            let breath = Duration::from_millis(breath.unsigned_abs());
            queue.wait_for(breath, |it| absent.contains(it));
        }
    }
    Ok(())
}
