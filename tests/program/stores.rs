//! A network that was busy, stores as they lie on the disk, and the program at work on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rogatory::cli::node::setting::{self, Opened};
use rogatory::config::Config;
use rogatory::identity::Role;
use rogatory::journal::store::{AFTER_LAST_KEY, Batch, Store as _};
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::Value;

use crate::network::callers::insistently;
use crate::network::drafts::{self, DESTINATION_DESK, ORIGIN_DESK, sending};
use crate::network::{DESTINATION, Network, ORIGIN, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");
/// Length of a part of sled's log in a store of ours.
const SEGMENT_BYTES: usize = 16 * 1024 * 1024;

/// How a call of the program ended.
pub struct Done {
    pub code: i32,
    pub out: Value,
    pub err: Value,
}

/// Runs the program with JSON output.
pub fn program(arguments: &[&str]) -> Done {
    let mut command = Command::new(PROGRAM);
    command.args(["-o", "json"]).args(arguments).stdin(Stdio::null());
    let done = command.output().expect("the program starts");
    let json = |bytes: &[u8]| {
        let last = String::from_utf8_lossy(bytes).trim().to_owned();
        let line = last.lines().last().unwrap_or_default().to_owned();
        serde_json::from_str(&last).or(serde_json::from_str(&line)).unwrap_or(Value::from(last))
    };
    Done {
        code: done.status.code().unwrap_or(-1),
        out: json(&done.stdout),
        err: json(&done.stderr),
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// `node VERB --config …` for the node of a stage.
pub fn node(network: &Network, stage: &str, words: &[&str]) -> Done {
    let config = &network.place(stage).config;
    program(&[&["node"], &words[..1], &["--config", text(config)], &words[1..]].concat())
}

/// Sends a request with a supplement and gets it acknowledged; all of it is delivered afterwards.
pub async fn exchange(network: &Network, name: &str, facts: &str) {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let opened = send(&officer, name, &drafts::request(facts)).await;
    let (request, message) = (&opened.request_id, &opened.message_id);
    let more = drafts::act(ORIGIN, "supplement", request, message);
    let more = send(&officer, &format!("{name}-more"), &more).await;
    let answerer = network.client(DESTINATION, Role::Service).await;
    listed(&answerer, DESTINATION_DESK, &more.message_id).await;
    let answer = drafts::act(DESTINATION, "ack_receipt", request, message);
    let answer = send(&answerer, &format!("{name}-answer"), &answer).await;
    listed(&officer, ORIGIN_DESK, &answer.message_id).await;
}

pub async fn send(client: &Client, key: &str, file: &Value) -> pb::SentMessage {
    let call = sending(key, file);
    let answer = insistently(|| client.send_message(call.clone())).await;
    answer.messages.into_iter().next().expect("one agency, one message")
}

/// Waits until an inbox lists a message.
pub async fn listed(client: &Client, desk: &str, message: &str) {
    let asked = pb::ListMessagesRequest {
        contact_point: desk.to_owned(),
        page_size: 200,
        ..pb::ListMessagesRequest::default()
    };
    until("a message in an inbox", async || {
        let page = client.list_messages(asked.clone()).await.ok()?;
        let mut items = page.items.iter().filter_map(|it| it.message.as_ref());
        items.any(|it| it.message_id == message).then_some(())
    })
    .await;
}

/// Waits until a node's journal has not grown for a while; gives its size.
pub async fn at_rest(network: &Network, stage: &str) -> u64 {
    let (mut last, mut quiet) = (0, 0);
    until("a journal at rest", async || {
        let size = entries(network, stage).await;
        quiet = if size == last { quiet + 1 } else { 0 };
        last = size;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        (quiet >= 8).then_some(size)
    })
    .await
}

/// Entries of a running node, by its metrics.
pub async fn entries(network: &Network, stage: &str) -> u64 {
    let metrics = network.operations(stage, "/metrics").await;
    let line = metrics.lines().find_map(|it| it.strip_prefix("rogatory_journal_entries "));
    line.and_then(|it| it.trim().parse().ok()).expect("the metric is there")
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("an entry");
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

/// A store, put aside so that it can be damaged again and again.
pub struct Kept {
    pub store: PathBuf,
    pub aside: PathBuf,
}

impl Kept {
    pub fn of(network: &Network, stage: &str) -> Self {
        let store = network.store(stage);
        let aside = store.with_file_name("store-aside");
        copy_folder(&store, &aside);
        Self { store, aside }
    }

    /// A store that was put aside before.
    pub fn again_of(network: &Network, stage: &str) -> Self {
        let store = network.store(stage);
        let aside = store.with_file_name("store-aside");
        Self { store, aside }
    }

    /// The store as it was.
    pub fn again(&self) {
        std::fs::remove_dir_all(&self.store).expect("the store goes");
        copy_folder(&self.aside, &self.store);
    }
}

/// Everything in a store, with the checksums that are in front of its values.
pub type Raw = BTreeMap<Vec<u8>, Vec<u8>>;

fn tree(folder: &Path) -> sled::Db {
    let config = sled::Config::new().path(folder).segment_size(SEGMENT_BYTES);
    for _ in 0..6_000 {
        if let Ok(db) = config.open() {
            return db;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    config.open().expect("the store opens")
}

pub fn raw(folder: &Path) -> Raw {
    let db = tree(folder);
    db.iter().map(|it| it.expect("a record")).map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
}

/// Writes (or removes) values as they are, without any checksum being made.
#[expect(clippy::disallowed_methods, reason = "a test damages a store behind the program's back")]
pub fn put_raw(folder: &Path, writes: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let db = tree(folder);
    for (key, value) in writes {
        match value {
            Some(value) => drop(db.insert(key, value.clone()).expect("a write")),
            None => drop(db.remove(key).expect("a removal")),
        }
    }
    db.flush().expect("a flush");
}

/// The store in `folder` as the node of a stage reads it: under its keys, in plaintext.
pub fn own(network: &Network, stage: &str, folder: &Path) -> Opened {
    let mut config = Config::load(&network.place(stage).config).expect("a configuration");
    config.node.data_dir = folder.to_owned();
    setting::open(&config).expect("the store opens")
}

/// Every record of a store, as its node reads it.
pub fn plain(network: &Network, stage: &str, folder: &Path) -> Raw {
    let opened = own(network, stage, folder);
    let (mut found, mut from) = (Raw::new(), vec![0]);
    loop {
        let read = opened.store.range(&from, AFTER_LAST_KEY, 256).expect("records");
        let Some((last, _)) = read.last() else { return found };
        from = [last.as_slice(), &[0]].concat();
        found.extend(read);
    }
}

/// Writes (or removes) values as a node would: sealed, and with right checksums.
pub fn put_plain(
    (network, stage): (&Network, &str),
    folder: &Path,
    writes: &[(Vec<u8>, Option<Vec<u8>>)],
) {
    let mut batch = Batch::new();
    for (key, value) in writes {
        match value {
            Some(value) => batch.put(key.clone(), value.clone()),
            None => batch.delete(key.clone()),
        }
    }
    own(network, stage, folder).store.commit(batch).expect("the store takes it");
}

/// On a thread with room for the futures of many calls.
pub fn with_room<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    const STACK_BYTES: usize = 32 * 1024 * 1024;
    let run = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(test());
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    let ended = thread.expect("a thread").join();
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}
