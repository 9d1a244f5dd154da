//! The promise: the journal of a running node lies beside it as static files, complete under a
//! signed checkpoint, never ahead of what is durable, and made again where it was harmed; anyone
//! with the directory can judge it without the node.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rogatory::identity::Role;
use rogatory::journal::published::Folder;
use rogatory::merkle::tile::{TILE_WIDTH, Tile};
use rogatory::transport::client::Client;
use rogatory::wire::pb;

use crate::network::callers::is_passing;
use crate::network::drafts::{request, sending};
use crate::network::journals::size_of;
use crate::network::{Network, ORIGIN, until};

/// Kills of the node while it publishes.
const KILLS: usize = 6;

/// Where the node of the origin publishes.
fn folder(network: &Network) -> PathBuf {
    network.store(ORIGIN).join("tiles").join(ORIGIN).join("journal/1")
}

async fn send(officer: &Client, messages: std::ops::Range<usize>) {
    for number in messages {
        let asked = sending(&format!("tiles-{number}"), &request("A vessel without lights"));
        officer.send_message(asked).await.expect("the message is accepted");
    }
}

/// Sends one message after the other until the node is gone.
async fn send_until_lost(officer: Client, kill: usize) {
    for number in 0.. {
        let asked = sending(&format!("kill-{kill}-{number}"), &request("A vessel without lights"));
        match officer.send_message(asked).await {
            Ok(_) => {}
            Err(error) if is_passing(&error) => return,
            Err(error) => panic!("{}", error.to_json()),
        }
    }
}

/// Waits until everything that stands in the journal is published; gives its size.
async fn published(network: &Network) -> u64 {
    let folder = Folder::at(folder(network));
    let entries = network.entries(ORIGIN).await;
    until("the journal to be published", async || {
        let note = folder.checkpoint().expect("the checkpoint can be read")?;
        (size_of(&note) >= entries).then_some(size_of(&note))
    })
    .await
}

/// The entries of a published journal as its checkpoint covers them.
fn entries(folder: &Path) -> Vec<Vec<u8>> {
    let folder = Folder::at(folder);
    let Some(note) = folder.checkpoint().expect("the checkpoint can be read") else {
        return Vec::new();
    };
    let size = size_of(&note);
    let tiles = (0..size.div_ceil(TILE_WIDTH)).map(|index| Tile::within(0, index, size));
    tiles
        .flat_map(|tile| folder.entries(&tile.expect("it has entries")).expect("the bundle reads"))
        .collect()
}

/// The same entries as the node replays them.
async fn replayed(network: &Network, size: u64) -> Vec<Vec<u8>> {
    let auditor = network.client(ORIGIN, Role::Auditor).await;
    let asked = pb::ReplayEntriesRequest { start: 0, end: size };
    let mut answers = auditor.replay_entries(asked).await.expect("the journal is replayed");
    let mut entries = Vec::new();
    while let Some(entry) = answers.next().await.expect("the replay goes on") {
        entries.push(entry.entry);
    }
    entries
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder).expect("the folder can be listed") {
        let path = file.expect("the folder can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            // What is being written has another name until it is whole.
            match fs::read(&path) {
                Ok(bytes) => drop(found.insert(path, bytes)),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
            }
        }
    }
    found
}

fn write(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).truncate(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).expect("the file is written");
}

/// What an auditor says who has the files and the directory.
fn audit(network: &Network, verb: &str, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    command.args(["audit", verb, "--tiles"]).arg(folder);
    command.arg("--directory").arg(&network.made.directory_path).args(["-o", "json"]);
    command.env("XDG_CONFIG_HOME", network.folder()).output().expect("the program starts")
}

fn verdict(output: &Output) -> serde_json::Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn fault(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stdout));
    let said: serde_json::Value = serde_json::from_slice(&output.stderr).expect("a JSON error");
    said["fault"].as_str().expect("a fault").to_owned()
}

#[tokio::test]
async fn a_running_nodes_journal_is_published_and_judged_without_it() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    send(&officer, 0..300).await;
    let size = published(&network).await;
    assert!(size > 300, "{size}");
    let folder = folder(&network);
    let found = entries(&folder);
    assert_eq!(found, replayed(&network, size).await, "the very bytes that the node replays");
    // That an auditor read them is an entry more.
    let size = published(&network).await;
    network.terminate(ORIGIN).await;

    let told = verdict(&audit(&network, "verify", &folder));
    assert_eq!((&told["verified"], &told["entries"]), (&true.into(), &size.into()));
    assert_eq!(told["countersigned"], size, "under both signatures of the journal");
    assert_eq!(told["journal"], "ita.coast-guard/journal/1");
    assert_eq!(told["facts"]["submitted"], 300);
    let printed = audit(&network, "replay", &folder);
    assert_eq!(printed.status.code(), Some(0));
    let text = String::from_utf8(printed.stdout).expect("JSON is text");
    assert_eq!(text.matches("\"fact\":\"submitted\"").count(), 300);

    let (bundle, tile) = (folder.join("tile/entries/000"), folder.join("tile/0/000"));
    for path in [&bundle, &tile, &folder.join("checkpoint")] {
        let good = fs::read(path).expect("it is published");
        for place in (0..24).map(|part| part * good.len() / 24) {
            let mut harmed = good.clone();
            harmed[place] ^= 0x10;
            write(path, &harmed);
            assert!(!fault(&audit(&network, "verify", &folder)).is_empty(), "{path:?} {place}");
        }
        write(path, &good[..good.len() - 1]);
        let cut = fault(&audit(&network, "verify", &folder));
        let name = path.strip_prefix(&folder).expect("below the folder").display().to_string();
        assert!(cut.contains(name.split('/').next_back().unwrap_or_default()), "{name}: {cut}");
        write(path, &good);
    }
    fs::remove_file(&tile).expect("the tile is removed");
    assert_eq!(fault(&audit(&network, "verify", &folder)), "tile/0/000 is missing");
    let nothing = audit(&network, "verify", network.folder());
    assert_eq!(nothing.status.code(), Some(5), "there is no published journal");
}

#[tokio::test]
async fn what_is_harmed_is_made_again_by_a_running_node_and_by_one_that_starts() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    send(&officer, 0..20).await;
    published(&network).await;
    let folder = folder(&network);
    let good = files(&folder);
    let names: Vec<PathBuf> = good.keys().cloned().collect();
    assert!(names.len() >= 3, "a checkpoint, a tile, a bundle: {names:?}");
    let healed = async |how: &str| {
        until(how, async || (files(&folder) == good).then_some(())).await;
    };
    for path in &names {
        let bytes = &good[path];
        write(path, &bytes[..bytes.len() / 2]);
        healed("a file that was cut").await;
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 3] ^= 4;
        write(path, &flipped);
        healed("a file with a flipped bit").await;
    }
    let whole = entries(&folder);
    network.terminate(ORIGIN).await;
    fs::remove_dir_all(&folder).expect("the folder is removed");
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    until("the folder", async || folder.join("checkpoint").exists().then_some(())).await;
    until("a folder that was removed", async || (entries(&folder) == whole).then_some(())).await;
    verdict(&audit(&network, "verify", &folder));
    assert!(network.log(ORIGIN).contains("published files were harmed"));
}

#[tokio::test]
async fn no_kill_leaves_files_that_are_ahead_of_the_store_or_do_not_hold() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let folder = folder(&network);
    let mut before = Vec::new();
    for kill in 0..KILLS {
        let officer = network.client(ORIGIN, Role::Officer).await;
        let mut sender = tokio::task::JoinSet::new();
        sender.spawn(send_until_lost(officer, kill));
        let enough = before.len() + 1;
        until("more to be published", async || {
            (folder.is_dir() && entries(&folder).len() >= enough).then_some(())
        })
        .await;
        network.kill(ORIGIN);
        sender.join_next().await.expect("there is a sender").expect("the sender ends");
        let found = entries(&folder);
        assert!(found.starts_with(&before), "nothing that was published changes");
        verdict(&audit(&network, "verify", &folder));
        network.start(ORIGIN);
        network.serves(ORIGIN).await;
        let size = found.len() as u64;
        assert!(network.entries(ORIGIN).await >= size, "published: {size}");
        assert_eq!(found, replayed(&network, size).await, "kill {kill}");
        before = found;
    }
}
