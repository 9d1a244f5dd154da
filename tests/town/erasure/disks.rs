//! Three nodes in a row, each on a folder of its own as a running node has it, driven by hand; and a
//! look at the bytes of every file in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::digest::Digest;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::domain::retention::ErasureCause;
use rogatory::entropy::{SeededEntropy, SystemEntropy};
use rogatory::identity::{Principal, Role};
use rogatory::journal::slot_disks::FileSlots;
use rogatory::journal::slots::{FILE_NAME, SlotDisk};
use rogatory::journal::store::{DiskStore, StoreError};
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::duties::due;
use rogatory::node::sealing::{self, Plan};
use rogatory::node::setting::Setting;
use rogatory::node::{Decision, Node, Stop, rest};
use rogatory::wire;
use rogatory::wire::relay::Handing;

use crate::session;
use crate::support::{self, Federation};

const CACHE_BYTES: u64 = 1 << 20;

/// A file of slots whose writes fail, before anything is written, while the gate is shut.
struct Gated {
    file: FileSlots,
    shut: Arc<AtomicBool>,
}

impl SlotDisk for Gated {
    fn length(&self) -> std::io::Result<u64> {
        self.file.length()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.file.read(at, into)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        match self.shut.load(Ordering::SeqCst) {
            true => Err(std::io::Error::other("the gate is shut")),
            false => self.file.write(at, bytes),
        }
    }

    fn sync(&self) -> std::io::Result<()> {
        self.file.sync()
    }
}

/// Origin, transit and destination.
pub struct Row {
    pub federation: Federation,
    pub nodes: Vec<Option<Node>>,
    folders: Vec<tempfile::TempDir>,
    gates: Vec<Arc<AtomicBool>>,
    clock: Arc<HandClock>,
}

impl Row {
    pub fn new() -> Self {
        let federation = Federation::grow(5, 3, &[(0, 1), (1, 2)], &[]);
        let start = Timestamp::from_millis(1_768_099_620_000);
        let mut row = Self {
            federation,
            nodes: Vec::new(),
            folders: (0..3).map(|_| tempfile::tempdir().unwrap()).collect(),
            gates: (0..3).map(|_| Arc::new(AtomicBool::new(false))).collect(),
            clock: Arc::new(HandClock::at(start)),
        };
        row.nodes = (0..3).map(|n| Some(Node::open(row.opened(n)).unwrap())).collect();
        row
    }

    /// The folder of node `n`.
    pub fn folder(&self, n: usize) -> &Path {
        self.folders[n].path()
    }

    /// What node `n` stands in, on its own folder.
    pub fn opened(&self, n: usize) -> Arc<Setting> {
        Arc::new(self.opened_on(n, self.folder(n)).unwrap())
    }

    /// What node `n` stands in, on a folder; none if its slots or its journal do not open.
    pub fn opened_on(&self, n: usize, folder: &Path) -> Option<Setting> {
        let store = self.store(n, folder).unwrap();
        let file = FileSlots::open(&folder.join(FILE_NAME)).unwrap();
        let slots = Box::new(Gated { file, shut: Arc::clone(&self.gates[n]) });
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.federation.setting_on(n, (store, slots), clock, Arc::new(SystemEntropy))
    }

    /// The store of a folder, sealed under the storage key of agency `n`.
    pub fn store(
        &self,
        n: usize,
        folder: &Path,
    ) -> Result<Arc<rogatory::journal::store::Sealed<DiskStore>>, StoreError> {
        let store = DiskStore::open(folder, CACHE_BYTES)?;
        self.federation.sealed(n, store).map(Arc::new)
    }

    pub fn setting(&self, n: usize) -> &Arc<Setting> {
        self.nodes[n].as_ref().unwrap().setting()
    }

    fn node(&mut self, n: usize) -> &mut Node {
        self.nodes[n].as_mut().unwrap()
    }

    /// From now on nothing is written to the slots of node `n`, or it is again.
    pub fn shut(&self, n: usize, shut: bool) {
        self.gates[n].store(shut, Ordering::SeqCst);
    }

    pub fn stop(&mut self, n: usize) {
        self.nodes[n] = None;
    }

    pub fn start(&mut self, n: usize) {
        self.nodes[n] = Some(Node::open(self.opened(n)).unwrap());
    }

    /// The origin accepts a request that says `facts`, and it is carried to its destination; gives
    /// what travelled.
    pub fn carried(&mut self, request: RequestId, facts: &str) -> Handing {
        self.submitted(request, facts);
        let handed = self.hand_over(0, 1);
        assert_eq!(self.hand_over(1, 2).len(), 1);
        handed.into_iter().next().unwrap()
    }

    pub fn submitted(&mut self, request: RequestId, facts: &str) {
        let from = support::desk(&self.federation.agencies[0]);
        let to = support::desk(&self.federation.agencies[2]);
        let text = format!(
            r#"{{"from": "{from}", "to": ["{to}"], "kind": "UNTOC.27.1.B.I.PERSON",
                "message_type": "request", "facts": "{facts}"}}"#
        );
        self.send(0, request, &text);
    }

    /// The officer of node `n` sends a message in a request; gives the keys of what it sent.
    pub fn send(&mut self, n: usize, request: RequestId, text: &str) -> Vec<MessageKey> {
        let setting = Arc::clone(self.setting(n));
        let draft = wire::draft::read(wire::json::read_file(text.as_bytes()).unwrap()).unwrap();
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: 3_600_000 };
        let messages = sealing::prepare(&setting, &draft, &plan).unwrap();
        let call: String = format!("{request}{}", Digest::of(text.as_bytes()));
        let call = call.chars().take(50).collect();
        let call = Call {
            principal: officer(&setting),
            key: call,
            fingerprint: Digest::of(text.as_bytes()),
        };
        let keys = messages.iter().map(|it| it.header.key()).collect();
        let submission = Submission::of(call, draft, &plan, messages);
        let command = Command::Submit(Box::new(submission));
        self.node(n).execute(vec![command]).unwrap().remove(0).unwrap();
        keys
    }

    /// Does what is due at node `n` now, once.
    pub fn do_duties(&mut self, n: usize) {
        let commands = due::commands(self.setting(n)).unwrap();
        let decided = self.node(n).execute(commands).unwrap();
        assert!(decided.iter().all(Result::is_ok), "{decided:?}");
    }

    /// Node `n` erases a message.
    pub fn erase(&mut self, n: usize, message: MessageKey) -> Result<Decision, Stop> {
        self.erase_for(n, message, ErasureCause::OwnDecision)
    }

    /// Node `n` erases a message for a cause.
    pub fn erase_for(
        &mut self,
        n: usize,
        message: MessageKey,
        cause: ErasureCause,
    ) -> Result<Decision, Stop> {
        let by = Some(officer(self.setting(n)));
        let command = Command::Erase { by, message, cause };
        Ok(self.node(n).execute(vec![command])?.remove(0))
    }

    /// Lets node `left` hand what it owes to node `right`; gives the messages that went over.
    pub fn hand_over(&mut self, left: usize, right: usize) -> Vec<Handing> {
        let [left, right] = self.nodes.get_disjoint_mut([left, right]).unwrap();
        session::hand_over(left.as_mut().unwrap(), right.as_mut().unwrap())
    }

    /// The bytes of the slot that a message has at node `n`.
    pub fn slot_bytes(&self, n: usize, message: MessageKey) -> (u64, Vec<u8>) {
        let slot = rest::slot(self.setting(n).store.as_ref(), message).unwrap().unwrap();
        let file = std::fs::read(self.folder(n).join(FILE_NAME)).unwrap();
        let start = 4_096 + usize::try_from(slot).unwrap() * 128;
        (slot, file[start..start + 104].to_vec())
    }
}

fn officer(setting: &Setting) -> Principal {
    Principal::new(setting.agency.clone(), Role::Officer, "clerk-of-the-night").unwrap()
}

/// A setting of agency 0 with a storage key that is not its own.
pub fn stranger() -> Federation {
    Federation::grow(6, 3, &[(0, 1), (1, 2)], &[])
}

/// A source of chance that gives always the same.
pub fn chance() -> Arc<SeededEntropy> {
    Arc::new(SeededEntropy::new(1))
}

/// Every file under a folder, with its bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}

/// The files under a folder that hold `wanted` anywhere.
pub fn holding(folder: &Path, wanted: &[u8]) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(wanted.len()).any(|it| it == wanted);
    let found = files(folder).into_iter().filter(|(_, bytes)| holds(bytes));
    found.map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// Copies all files of a folder into another.
pub fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        put(&target, &bytes);
    }
}

/// Writes a file of a test.
#[expect(clippy::disallowed_methods, reason = "a test's own copy need not survive")]
pub fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}
