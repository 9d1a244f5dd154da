//! The writer's thread and the handle through which everyone else asks.
//!
//! The thread drains its queue into batches: under load one sync serves many commands, at rest a
//! command does not wait for company. Those who ask are served in turn (`queue.rs`), so whoever floods
//! waits behind itself. Answers leave only from here, after the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::node::command::Command;
use crate::node::queue::{Asker, LINE_LENGTH_MAX, Putter, Refused, Taker, queue};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::{Decision, Node, Stop};

/// Commands that share one commit.
pub const BATCH_COMMANDS: usize = 256;
/// Commands of one asker that share one commit while nobody else asks.
pub const BATCH_COMMANDS_ALONE: usize = 16;
/// Commands of one asker that share one commit while others ask too: whoever asks beside one who floods
/// waits for two batches of so many at most.
pub const BATCH_COMMANDS_IN_COMPANY: usize = 4;
/// Who asked within so many commits still counts as company.
const COMPANY_COMMITS: u64 = 64;
/// After a commit in which an asker had its full share, the writer waits for others who asked of late as
/// long as the commit took, and so many milliseconds at the most: so half of the time is theirs, whatever
/// a commit takes here.
const BREATH_MS_MAX: i64 = 10;
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
            Asker::Duty | Asker::Peer(_) => {
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

/// Who asks the writer, and so how much of one asker may share a commit. The node's own duties are
/// company to nobody: they follow from what others ask.
#[derive(Default)]
struct Company {
    commits: u64,
    /// In which commit each was served last.
    served: BTreeMap<Asker, u64>,
}

impl Company {
    /// Notes whose commands one commit served.
    fn note<'a>(&mut self, askers: impl Iterator<Item = &'a Asker>) {
        self.commits = self.commits.saturating_add(1);
        for asker in askers.filter(|it| **it != Asker::Duty) {
            self.served.insert(asker.clone(), self.commits);
        }
        let gone = self.commits.saturating_sub(COMPANY_COMMITS);
        self.served.retain(|_, last| *last > gone);
    }

    /// Who asked of late and was not served by the last commit, in which somebody had a full share and more
    /// waits, as `taken` says of it.
    fn absent(&self, taken: &BTreeMap<Asker, usize>) -> BTreeSet<Asker> {
        if !taken.values().any(|of_one| *of_one > BATCH_COMMANDS_IN_COMPANY) {
            return BTreeSet::new();
        }
        self.served.keys().filter(|it| !taken.contains_key(*it)).cloned().collect()
    }

    /// Commands of `asker` that may share a commit now.
    fn share(&self, asker: &Asker) -> usize {
        match self.served.keys().any(|it| it != asker) {
            true => BATCH_COMMANDS_IN_COMPANY,
            false => BATCH_COMMANDS_ALONE,
        }
    }
}

fn serve(mut node: Node, mut queue: Taker<Asked>, tell: &watch::Sender<u64>) -> Result<(), Stop> {
    let (mut next, mut company) = (None, Company::default());
    let clock = Arc::clone(&node.setting().clock);
    while let Some(first) = next.take().or_else(|| queue.take()) {
        let (mut commands, mut answers) = (Vec::new(), Vec::new());
        let (mut weight, mut taken) = (0, BTreeMap::new());
        next = Some(first);
        while let Some((command, answer)) = next.take() {
            weight += command.weight();
            let asker = command.asker();
            let share = company.share(&asker);
            let of_one: &mut usize = taken.entry(asker).or_default();
            *of_one += 1;
            let is_full = weight > BATCH_WEIGHT || *of_one > share;
            if !commands.is_empty() && is_full {
                next = Some((command, answer));
                break;
            }
            commands.push(command);
            answers.push(answer);
            if commands.len() < BATCH_COMMANDS {
                next = queue.take_now();
            }
        }
        company.note(taken.keys());
        let began = clock.now();
        let decisions = node.execute(commands)?;
        tell.send_modify(|count| *count = count.saturating_add(1));
        for (answer, decision) in answers.into_iter().zip(decisions) {
            // A caller that went away asked all the same; what it asked for stands.
            drop(answer.send(decision));
        }
        let absent = company.absent(&taken);
        if !absent.is_empty() {
            let took = clock.now().millis_since(began).clamp(1, BREATH_MS_MAX);
            let breath = Duration::from_millis(took.unsigned_abs());
            queue.wait_for(breath, |it| absent.contains(it));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asker_shares_less_of_a_commit_as_long_as_others_ask_too() {
        let peer = |n: u8| Asker::Peer(format!("int.n{n}").parse().unwrap());
        let (one, other) = (peer(1), peer(2));
        let mut company = Company::default();
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        company.note([&one, &Asker::Duty].into_iter());
        // Who comes new finds somebody; a duty is nobody.
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        assert_eq!(company.share(&other), BATCH_COMMANDS_IN_COMPANY);
        company.note([&other].into_iter());
        for _ in 1..COMPANY_COMMITS {
            assert_eq!(company.share(&one), BATCH_COMMANDS_IN_COMPANY);
            company.note([&one].into_iter());
        }
        // The other asked nothing for so many commits.
        company.note([&one].into_iter());
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        assert_eq!(company.served.len(), 1, "who asks no more is forgotten");
    }

    #[test]
    fn who_asked_of_late_is_waited_for_after_a_full_share_of_another() {
        let peer = |n: u8| Asker::Peer(format!("int.n{n}").parse().unwrap());
        let (one, other) = (peer(1), peer(2));
        let mut company = Company::default();
        let full = BTreeMap::from([(one.clone(), BATCH_COMMANDS_IN_COMPANY + 1)]);
        company.note(full.keys());
        assert_eq!(company.absent(&full), BTreeSet::new(), "nobody else asks");
        company.note([&other, &Asker::Duty].into_iter());
        company.note(full.keys());
        assert_eq!(company.absent(&full), BTreeSet::from([other.clone()]));
        let some = BTreeMap::from([(one.clone(), BATCH_COMMANDS_IN_COMPANY)]);
        assert_eq!(company.absent(&some), BTreeSet::new(), "nothing of it waits");
        let both = BTreeMap::from([(one, BATCH_COMMANDS_IN_COMPANY + 1), (other, 1)]);
        assert_eq!(company.absent(&both), BTreeSet::new(), "nobody is absent");
    }
}
