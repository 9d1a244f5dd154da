//! The promise: a store of each format that was ever released is read or migrated, and one of a
//! newer format is refused by its number.
//!
//! `tests/data/stores/format-N.tar.gz` holds the closed stores of three nodes after a small exchange,
//! as the first release with format N wrote them. A new format adds its own:
//! `ROGATORY_TEST_STORES=DIR cargo test --test program formats` leaves what [`exchange`] grows in DIR
//! (`ROGATORY_TEST_SETTLED_STORES` the same with its rows settled), and
//! `tar -C DIR -czf` packs it. The keys of these nodes are those of `support/`, which nobody uses.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output, Stdio};
use std::sync::Arc;

use rogatory::cli::demo::authorities::Ceremony;
use rogatory::cli::node::setting;
use rogatory::clock::SystemClock;
use rogatory::config::{Config, NodeKeys};
use rogatory::directory::write::DirectoryDraft;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::{self, SeededEntropy, SystemEntropy};
use rogatory::history;
use rogatory::journal::format::{FORMAT_NUMBER, SETTLED_FORMAT_NUMBER, record_of};
use rogatory::journal::settled;
use rogatory::journal::slot_disks::FileSlots;
use rogatory::journal::slots::{FILE_NAME, SlotDisk};
use rogatory::journal::store::{Batch, DiskStore, FORMAT_KEY, Sealed, Store};
use rogatory::journal::{Checked, Depth, StoreJournal};
use rogatory::node::command::Command;
use rogatory::node::setting::Setting;
use rogatory::node::{self, content, query};
use rogatory::redact::Secret;
use rogatory::wire;
use serde_json::json;

use crate::corridor::{Corridor, desk_of};
use crate::network::{Network, ORIGIN};
use crate::support::{Federation, agency};

/// Folders of the three stores.
const STORES: [&str; 3] = ["origin", "transit", "destination"];
const DESKS: [&str; 1] = ["second"];
const FACTS: &str = "A vessel was sighted without lights";
const CACHE_BYTES: u64 = 1 << 20;

/// The three nodes, of which only the keys and names count.
fn federation() -> Federation {
    Federation::grow(1, 3, &[(0, 1), (1, 2)], &DESKS)
}

/// The store of node `n` under its key, and the slots beside it.
fn open(folder: &Path, n: usize) -> (Arc<Sealed<DiskStore>>, Box<dyn SlotDisk>) {
    let engine = DiskStore::open(folder, CACHE_BYTES).expect("the store opens");
    let store = federation().sealed(n, engine).expect("it is sealed with that key");
    let slots = FileSlots::open(&folder.join(FILE_NAME)).expect("the slots open");
    (Arc::new(store), Box::new(slots))
}

/// A request, its receipts and its acknowledgement between three nodes, on stores in `folder`.
fn exchange(folder: &Path) {
    let mut places = STORES.into_iter().enumerate().map(|(n, name)| {
        let (store, slots) = open(&folder.join(name), n);
        (store as Arc<dyn Store>, slots)
    });
    let mut row = Corridor::over(&DESKS, [(); 3].map(|()| places.next().expect("three stores")));
    let request = RequestId::from_bytes([7; 16]);
    let (from, to) = (desk_of(0, "desk"), desk_of(2, "desk"));
    let kind = "SOM.8.2.VESSEL";
    let urgency = json!({"level": "priority", "reason": "A vessel adrift"});
    let file = json!({
        "message_type": "request", "kind": kind, "from": from, "to": [to],
        "urgency": urgency, "facts": FACTS,
    });
    row.submit(0, "key-1", request, &file.to_string());
    row.rest();
    let answer = json!({
        "message_type": "ack_receipt", "kind": kind, "from": to, "to": [from],
        "urgency": urgency, "request_id": request.to_string(),
    });
    row.submit(2, "key-2", request, &answer.to_string());
    row.rest();
    for node in &mut row.nodes {
        let done = node.execute(vec![Command::Countersign]).expect("the store holds");
        done.into_iter().for_each(|it| drop(it.expect("it is countersigned")));
    }
}

/// What a store says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    checked: Checked,
    facts: Vec<&'static str>,
}

/// Opens a store as a node does, checks all of it, and folds it again.
fn said(folder: &Path, n: usize) -> Said {
    let federation = federation();
    let (store, slots) = open(folder, n);
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let setting = federation.setting_on(n, (shared, slots), clock, entropy);
    let setting = setting.expect("the journal opens");
    let journal = StoreJournal::open(Arc::clone(&store), setting.journal_name.clone());
    let mut checked = journal.expect("it opens").check(Depth::Full).expect("all of it holds");
    // Records of the greatest checkpoint that came with a statement: the first stores of format 2 have
    // none, and a node that finds none makes them as statements come.
    let later = store.range(b"lS", b"lT", 1_000).expect("records");
    checked.rows -= u64::try_from(later.len()).expect("few");
    let entries = setting.journal.read(0, 1_000).expect("the entries are there");
    let read = entries.iter().map(|bytes| wire::entry::read(bytes).expect("the entry reads"));
    let facts = read.map(|entry| entry.fact.name()).collect();
    let rows: &dyn Store = store.as_ref();
    let before = history::state_hash(rows).expect("the rows are read");
    assert_eq!(history::applied(rows).expect("the rows are read"), checked.entries);
    node::rebuild(&setting).expect("the journal is folded again");
    assert_eq!(history::state_hash(rows).expect("the rows are read"), before, "byte for byte");
    if n != 1 {
        assert_eq!(facts_told(&setting), FACTS);
    }
    Said { checked, facts }
}

/// What the request says, opened with the key at rest.
fn facts_told(setting: &Setting) -> String {
    let views = query::requests_page(setting, None, 10).expect("requests are listed");
    let request = views.first().expect("there is one").id;
    let messages = query::request_messages(setting, request).expect("messages are listed");
    let first = messages.first().expect("there is one");
    assert_eq!(first.header.key(), MessageKey::new(&agency(0), first.header.address.message));
    let bytes = content::open(setting, &first.header).expect("the content opens");
    let draft = wire::draft::read_content(&bytes).expect("it is a message");
    draft.facts.expect("it has facts")
}

fn unpacked(format: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores");
    let packed = packed.join(format!("format-{format}.tar.gz"));
    let tar = Process::new("tar").arg("-C").arg(folder.path()).arg("-xzf").arg(packed).status();
    assert!(tar.expect("there is a tar").success(), "format {format} is unpacked");
    folder
}

/// Where the stores of [`exchange`] stand: where the environment says under `name`, or `otherwise`.
#[expect(clippy::disallowed_methods, reason = "where a new fixture goes is said by its maker")]
fn grown(name: &str, otherwise: &Path) -> PathBuf {
    let folder = std::env::var(name).map_or_else(|_| otherwise.to_owned(), PathBuf::from);
    exchange(&folder);
    folder
}

/// Holds copies of the stores in `folder` against the released ones of this format.
fn says_the_same_as_the_released(folder: &Path) {
    let released = unpacked(FORMAT_NUMBER);
    for (n, name) in STORES.into_iter().enumerate() {
        let today = tempfile::tempdir().expect("a temporary folder");
        let copied = Process::new("cp").arg("-r").arg(folder.join(name)).arg(today.path()).status();
        assert!(copied.expect("there is a cp").success());
        let (today, released) =
            (said(&today.path().join(name), n), said(&released.path().join(name), n));
        assert_eq!(today, released, "{name}");
    }
}

#[test]
fn a_store_of_today_says_what_the_released_one_of_its_format_says() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = grown("ROGATORY_TEST_STORES", temporary.path());
    says_the_same_as_the_released(&folder);
}

#[test]
fn a_store_whose_rows_have_settled_says_the_same_and_has_a_format_of_its_own() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = grown("ROGATORY_TEST_SETTLED_STORES", temporary.path());
    for name in STORES {
        let store = DiskStore::open(&folder.join(name), CACHE_BYTES).expect("the store opens");
        store.settle().expect("its rows settle");
        drop(store);
        assert_eq!(format_of(&folder.join(name)), record_of(SETTLED_FORMAT_NUMBER));
    }
    says_the_same_as_the_released(&folder);
}

/// What the origin of [`exchange`] recorded.
const ORIGINS_FACTS: [&str; 7] = [
    "journal_opened",
    "directory_adopted",
    "submitted",
    "handed_over",
    "statement_recorded",
    "statement_recorded",
    "delivered",
];

fn are_the_three(folder: &Path) {
    let origin = said(&folder.join(STORES[0]), 0);
    assert_eq!((origin.facts.as_slice(), origin.checked.entries), (&ORIGINS_FACTS[..], 7));
    drop(said(&folder.join(STORES[1]), 1));
    let destination = said(&folder.join(STORES[2]), 2);
    assert!(destination.facts.contains(&"submitted"), "{:?}", destination.facts);
}

#[test]
fn a_store_of_format_2_is_opened_whole() {
    are_the_three(unpacked(2).path());
}

#[test]
fn a_store_of_format_3_is_opened_whole_and_needs_no_step() {
    let folder = unpacked(3);
    for (n, name) in STORES.into_iter().enumerate() {
        assert!(folder.path().join(name).join(settled::FILE_NAME).exists());
        let config = configured(folder.path(), n);
        let check = told(&config, &["migrate", "--apply"]);
        assert_eq!(check["steps"].as_array().map(Vec::len), Some(0), "{check}");
        assert_eq!(told(&config, &["check"])["verified"], json!(true), "{name}");
    }
    are_the_three(folder.path());
}

/// The keys of node `n` as files hold them: the seeds that [`Federation::grow`] draws.
fn keys_of(n: usize) -> NodeKeys {
    let chance = SeededEntropy::new(1 ^ 0x5eed);
    let mut seeds = (0..7 * STORES.len()).map(|_| Secret::new(entropy::bytes::<32>(&chance)));
    let mut next = || seeds.next().expect("there are seven for each");
    (0..7 * n).for_each(|_| drop(next()));
    NodeKeys {
        journal_ed25519: Some(next()),
        journal_mldsa44: Some(next()),
        witness: std::collections::BTreeMap::from([(1, next())]),
        sealing: vec![next()],
        skeleton: next(),
        storage: next(),
        fingerprint: next(),
        volumes: std::collections::BTreeMap::new(),
        storage_before: Vec::new(),
    }
}

/// The configuration of node `n` over its store in `folder`, with its keys and directory beside it.
#[expect(clippy::disallowed_methods, reason = "a test's files need not survive it")]
fn configured(folder: &Path, n: usize) -> PathBuf {
    let directory = federation().directory;
    let draft = DirectoryDraft {
        network: directory.network().clone(),
        version: directory.version(),
        agencies: directory.agencies().cloned().collect(),
        links: directory.links().to_vec(),
    };
    let beside = folder.join(format!("{}-files", STORES[n]));
    keys_of(n).save(&beside.join("keys")).expect("the keys are written");
    let signed = beside.join("directory");
    let ceremony = Ceremony::begin(draft.network.clone(), &signed, beside.join("directory-keys"));
    let ceremony = ceremony.expect("authorities are made");
    ceremony.sign(&draft).expect("the directory is signed");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/node.toml");
    let text = std::fs::read_to_string(file).expect("the reference is there");
    let here = |path: PathBuf| path.display().to_string();
    let text = text
        .replace("ita.coast-guard", agency(n).as_str())
        .replace("network = \"demo\"", "network = \"test\"")
        .replace("/var/lib/rogatory", &here(folder.join(STORES[n])))
        .replace("/etc/rogatory/directory", &here(signed))
        .replace(&"0".repeat(64), &ceremony.genesis().to_string())
        .replace("/etc/rogatory/keys", &here(beside.join("keys")));
    let config = beside.join("node.toml");
    std::fs::write(&config, text).expect("it is written");
    config
}

fn node(config: &Path, arguments: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_rogatory"));
    command.arg("node").args(arguments).args(["-o", "json", "--config"]).arg(config);
    command
}

/// What a command says that must come to an end well.
fn told(config: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = node(config, arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn format_of(folder: &Path) -> Vec<u8> {
    let store = DiskStore::open_older(folder, CACHE_BYTES).expect("the store opens");
    store.get(FORMAT_KEY).expect("it can be read").expect("it has a format")
}

#[test]
fn a_store_of_format_1_is_migrated_and_says_all_that_it_said() {
    let folder = unpacked(1);
    for (n, name) in STORES.into_iter().enumerate() {
        let config = configured(folder.path(), n);
        let check = told(&config, &["migrate", "--check"]);
        assert_eq!((&check["found"], &check["wanted"]), (&json!(1), &json!(2)));
        assert_eq!(
            (check["steps"].as_array().map(Vec::len), &check["applied"]),
            (Some(1), &json!(false))
        );
        assert_eq!(format_of(&folder.path().join(name)), record_of(1), "{name} is as it was");
        let applied = told(&config, &["migrate", "--apply"]);
        assert_eq!(applied["applied"], json!(true));
        assert_eq!(format_of(&folder.path().join(name)), record_of(2));
        assert_eq!(told(&config, &["check"])["verified"], json!(true), "{name}");
        assert_eq!(told(&config, &["rebuild"])["same"], json!(true), "{name}");
        let kept = folder.path().join(format!("{name}.format-1"));
        assert_eq!(format_of(&kept), record_of(1), "the store as it was stands beside");
    }
    are_the_three(folder.path());
}

#[test]
fn a_migration_that_is_killed_leaves_the_old_store_or_the_new_one() {
    let folder = unpacked(1);
    let (store, config) = (folder.path().join(STORES[0]), configured(folder.path(), 0));
    let mut pause_ms = 0;
    while format_of(&store) == record_of(1) {
        let mut command = node(&config, &["migrate", "--apply"]);
        let mut running = command.stdout(Stdio::null()).spawn().expect("it starts");
        // However far it comes by then, what is left must hold.
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        running.kill().expect("it can be killed");
        running.wait().expect("it ends");
        pause_ms += 40 + pause_ms / 4;
    }
    assert_eq!(format_of(&store), record_of(2));
    assert_eq!(said(&store, 0).facts, ORIGINS_FACTS);
}

/// Makes the store of the origin one of this format.
fn renumber(config: &Config, number: u32) {
    let folder = &config.node.data_dir;
    let store = DiskStore::open_older(folder, CACHE_BYTES).expect("the store opens");
    let mut batch = Batch::new();
    batch.put(FORMAT_KEY, record_of(number));
    store.commit(batch).expect("the format is written");
}

fn migrate(network: &Network, wish: &str) -> Output {
    let mut command = Process::new(env!("CARGO_BIN_EXE_rogatory"));
    command.args(["node", "migrate", "--config"]).arg(&network.place(ORIGIN).config);
    command.args([wish, "-o", "json"]).output().expect("the program starts")
}

fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stderr).expect("a JSON error");
    said["error"].as_str().expect("an error").to_owned()
}

fn beside(config: &Config) -> Vec<String> {
    let above = config.node.data_dir.parent().expect("it has a folder above");
    let files = std::fs::read_dir(above).expect("the folder can be listed");
    let names = files.map(|it| it.expect("it can be listed").file_name().into_string());
    names.map(|it| it.expect("a plain name")).filter(|it| it.contains("igrate")).collect()
}

#[tokio::test]
async fn other_formats_are_refused_by_their_number_and_nothing_is_touched() {
    let mut network = Network::started_with(&[]).await;
    let config = Config::load(&network.place(ORIGIN).config).expect("the configuration is good");
    drop(setting::open(&config).expect("the store is made"));
    for wish in ["--check", "--apply"] {
        let output = migrate(&network, wish);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(
            (&told["found"], &told["wanted"]),
            (&json!(FORMAT_NUMBER), &json!(FORMAT_NUMBER))
        );
        assert_eq!((&told["steps"], &told["applied"]), (&json!([]), &json!(false)));
    }

    renumber(&config, 0);
    let text = "no step leads from format 0 to format 2";
    assert_eq!(error(&migrate(&network, "--apply")), text);
    network.start(ORIGIN);
    assert!(network.opens(ORIGIN).await.is_err(), "the node does not start");
    let text = "the store has format 0 and this program needs format 2";
    assert!(network.log(ORIGIN).contains(text), "{}", network.log(ORIGIN));

    renumber(&config, SETTLED_FORMAT_NUMBER + 1);
    let text = format!(
        "the store has format {} and this program knows format {SETTLED_FORMAT_NUMBER}: a newer program \
         wrote it, and only that one reads it",
        SETTLED_FORMAT_NUMBER + 1
    );
    for wish in ["--check", "--apply"] {
        assert_eq!(error(&migrate(&network, wish)), text);
    }
    network.start(ORIGIN);
    assert!(network.opens(ORIGIN).await.is_err(), "the node does not start");
    assert!(network.log(ORIGIN).contains(&text), "{}", network.log(ORIGIN));
    assert_eq!(beside(&config), Vec::<String>::new(), "no copy stays behind");
}
