//! Who is served when: the commands of one who floods wait behind each other, and nobody else's behind
//! them; and there is an end to how many wait.
//!
//! Nothing is timed: the writer stands still at a clock that gives no time until the test lets it.

use std::sync::{Arc, Condvar, Mutex};

use rogatory::clock::{Clock, Timestamp};
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::SeededEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::node::Node;
use rogatory::node::command::{Call, Command, Outcome, Submission};
use rogatory::node::queue::LINE_LENGTH_MAX;
use rogatory::node::rejection::RejectionReason;
use rogatory::node::sealing::{self, Plan};
use rogatory::node::setting::Setting;
use rogatory::node::writer::{Pending, Writer};
use rogatory::wire;

use crate::support::{self, Federation};

const START: Timestamp = Timestamp::from_millis(1_768_099_620_000);

/// A clock that gives no time while it is held.
#[derive(Default)]
struct Gate {
    held: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        let mut held = self.held.lock().unwrap();
        held.1 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(held, |it| it.0).unwrap());
        START
    }
}

impl Gate {
    fn hold(&self) {
        *self.held.lock().unwrap() = (true, 0);
    }

    /// Waits until somebody asks for the time.
    fn somebody_waits(&self) {
        drop(self.changed.wait_while(self.held.lock().unwrap(), |it| it.1 == 0).unwrap());
    }

    fn open(&self) {
        self.held.lock().unwrap().0 = false;
        self.changed.notify_all();
    }
}

fn call(setting: &Setting, name: &str, key: &str) -> Call {
    let principal = Principal::new(setting.agency.clone(), Role::Officer, name).unwrap();
    let fingerprint = Digest::of(format!("{name} {key}").as_bytes());
    Call { principal, key: key.to_owned(), fingerprint }
}

fn sending(federation: &Federation, setting: &Setting, name: &str, number: u8) -> Command {
    let [from, to] = [0, 1].map(|it| support::desk(&federation.agencies[it]));
    let text = format!(
        r#"{{"from": "{from}", "to": ["{to}"], "kind": "UNTOC.27.1.B.I.PERSON",
            "message_type": "request", "facts": "of {name}"}}"#
    );
    let draft = wire::draft::read(wire::json::read_file(text.as_bytes()).unwrap()).unwrap();
    let mut id = [number; 16];
    id[0] = u8::try_from(name.len()).unwrap();
    let request = RequestId::from_bytes(id);
    let expires_in_ms = 3_600_000;
    let plan = Plan { request, now: START, expires_in_ms };
    let messages = sealing::prepare(setting, &draft, &plan).unwrap();
    Command::Submit(Box::new(Submission::of(
        call(setting, name, &format!("send {number}")),
        draft,
        &plan,
        messages,
    )))
}

/// A command that comes to a no, and leaves no entry.
fn nothing(setting: &Setting, name: &str, number: usize) -> Command {
    let request = RequestId::from_bytes([9; 16]);
    Command::Hold { call: call(setting, name, &format!("hold {number}")), request, held: true }
}

async fn position(pending: Pending) -> u64 {
    let outcome = pending.decided().await.unwrap();
    let Outcome::Submitted(sent, false) = outcome else { panic!("{outcome:?}") };
    sent[0].position.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_is_served_after_one_of_the_flooders_however_many_of_those_wait() {
    let federation = Federation::grow(1, 2, &[(0, 1)], &[]);
    let gate = Arc::new(Gate::default());
    let store = Arc::new(MemoryStore::open(&MemoryDisk::new()).unwrap());
    let clock: Arc<dyn Clock> = Arc::clone(&gate) as Arc<dyn Clock>;
    let setting = federation.setting(0, store, clock, Arc::new(SeededEntropy::new(1))).unwrap();
    let setting = Arc::new(setting);
    let node = Node::open(Arc::clone(&setting)).unwrap();
    let (writer, thread) = Writer::start(node).unwrap();
    let sends = |name: &str, number| sending(&federation, &setting, name, number);
    let flood: Vec<Command> = (0..3).map(|it| sends("flooder", it)).collect();
    let one = sends("somebody", 0);

    gate.hold();
    let mut flood = flood.into_iter();
    let first = writer.enqueue(flood.next().unwrap()).await;
    gate.somebody_waits();
    // From here on the writer is in its first batch; all the rest waits.
    let mut waiting = Vec::new();
    for command in flood {
        waiting.push(writer.enqueue(command).await);
    }
    let mut filler = Vec::new();
    for number in waiting.len()..LINE_LENGTH_MAX {
        filler.push(writer.enqueue(nothing(&setting, "flooder", number)).await);
    }
    // One more is refused at once, and says why: no place is kept for what does not fit.
    let refused = writer.ask(nothing(&setting, "flooder", LINE_LENGTH_MAX)).await.unwrap_err();
    assert_eq!(refused.reason, RejectionReason::QueueFull);
    assert_eq!(refused.text, "512 calls of this caller wait already");
    // Others have their own line.
    let one = writer.enqueue(one).await;
    gate.open();

    let base = position(first).await;
    let mut places = Vec::new();
    for pending in waiting {
        places.push(position(pending).await);
    }
    assert_eq!(position(one).await, base + 2);
    assert_eq!(places, [base + 1, base + 3]);
    for pending in filler {
        let no = pending.decided().await.unwrap_err();
        assert_eq!(no.reason, RejectionReason::NotFound);
    }
    drop(writer);
    tokio::task::spawn_blocking(move || thread.join()).await.unwrap().unwrap().unwrap();
}
