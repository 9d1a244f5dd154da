//! The promise: nodes follow a directory that is signed as it must be, take over a newer one
//! without a restart, cut off who is suspended, and keep the last good one whatever they are given.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::network::{DESTINATION, HUB, Network, ORIGIN, agency, until};

fn program(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rogatory")).args(words).output().expect("the program starts")
}

fn done(words: &[&str]) {
    let output = program(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

fn key(network: &Network, name: &str) -> PathBuf {
    network.made.folder.join("directory-keys").join(format!("{name}.key"))
}

/// Two authorities sign a change of the roll; it takes its place in the folder of all nodes.
fn change_roll(network: &Network, version: u64, change: &[&str]) -> PathBuf {
    let folder = &network.made.directory_path;
    done(&[&["directory", "propose", text(folder)], change].concat());
    let proposed = folder.join("proposed").join(format!("roll-{version}.toml"));
    for name in ["demo.first-authority", "demo.third-authority"] {
        done(&["directory", "sign", text(&proposed), "--key", text(&key(network, name))]);
    }
    let note = proposed.with_extension("note");
    done(&["directory", "adopt", text(folder), text(&note)]);
    note
}

async fn version(network: &Network, stage: &str) -> u64 {
    network.metric(stage, "rogatory_directory_version").await.expect("a version")
}

async fn until_version(network: &Network, stage: &str, wanted: u64) {
    until("the newer directory", async || (version(network, stage).await == wanted).then_some(()))
        .await;
}

/// Whether one node is in session with another.
async fn until_connected(network: &Network, stage: &str, peer: &str, wanted: Option<u64>) {
    let name = format!("rogatory_relay_connected{{peer=\"{peer}\"}}");
    until("the session", async || (network.metric(stage, &name).await == wanted).then_some(()))
        .await;
}

async fn until_logged(network: &Network, stage: &str, said: &str) {
    until(said, async || network.log(stage).contains(said).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_agency_is_cut_off_without_a_restart_and_let_in_again() {
    let network = Network::started().await;
    until_connected(&network, HUB, DESTINATION, Some(1)).await;
    until_connected(&network, DESTINATION, HUB, Some(1)).await;
    let before = version(&network, HUB).await;
    change_roll(&network, 2, &["--suspend", DESTINATION]);
    for stage in [HUB, ORIGIN] {
        network.hang_up(stage);
        until_version(&network, stage, before + 1).await;
    }
    // Whether the suspended node has heard of it or not, it is the hub that cuts it off.
    until_connected(&network, HUB, DESTINATION, None).await;
    let name = format!("rogatory_relay_connected{{peer=\"{HUB}\"}}");
    until("the end of the session", async || {
        (network.metric(DESTINATION, &name).await != Some(1)).then_some(())
    })
    .await;
    until_connected(&network, HUB, ORIGIN, Some(1)).await;
    let adopted = network.journal(HUB).await.replayed(&network.made.directory);
    let adopted = adopted.expect("the journal holds under the keys that were known before");
    assert_eq!(adopted.facts.get("directory_adopted"), Some(&2));

    change_roll(&network, 3, &["--activate", DESTINATION]);
    for stage in [HUB, ORIGIN, DESTINATION] {
        network.hang_up(stage);
        until_version(&network, stage, before + 2).await;
    }
    until_connected(&network, HUB, DESTINATION, Some(1)).await;
    until_connected(&network, DESTINATION, HUB, Some(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "what is moved need not outlast the test")]
async fn what_is_not_signed_as_it_must_be_changes_nothing() {
    let mut network = Network::started_with(&[HUB]).await;
    let before = version(&network, HUB).await;
    let folder = network.made.directory_path.clone();
    // A roll by one authority, put into the folder by somebody who can write there.
    done(&["directory", "propose", text(&folder), "--suspend", DESTINATION]);
    let proposed = folder.join("proposed/roll-2.toml");
    let first = key(&network, "demo.first-authority");
    done(&["directory", "sign", text(&proposed), "--key", text(&first)]);
    let (note, roll) = (proposed.with_extension("note"), folder.join("rolls/000002.note"));
    std::fs::copy(&note, &roll).expect("a copy");
    network.hang_up(HUB);
    until_logged(&network, HUB, "1 of the authorities in force have signed, 2 are needed").await;
    assert_eq!(version(&network, HUB).await, before);

    // Two authorities sign: it is followed, and stays when the folder is gone.
    let third = key(&network, "demo.third-authority");
    done(&["directory", "sign", text(&note), "--key", text(&third)]);
    std::fs::copy(&note, &roll).expect("a copy");
    network.hang_up(HUB);
    until_version(&network, HUB, before + 1).await;
    std::fs::rename(&folder, network.made.folder.join("away")).expect("the folder is moved");
    network.hang_up(HUB);
    until_logged(&network, HUB, "what is named stays as it was").await;
    network.kill(HUB);
    network.start(HUB);
    network.serves(HUB).await;
    assert_eq!(version(&network, HUB).await, before + 1);

    // An older folder in its place is no news either.
    std::fs::rename(network.made.folder.join("away"), &folder).expect("it is moved back");
    std::fs::remove_file(&roll).expect("the roll goes");
    network.hang_up(HUB);
    until_logged(&network, HUB, "nothing in it is newer").await;
    assert_eq!(version(&network, HUB).await, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_only_from_the_genesis_that_is_pinned() {
    let mut network = Network::started_with(&[HUB]).await;
    network.kill(HUB);
    let config = std::fs::read_to_string(&network.place(HUB).config).expect("a configuration");
    let pin = config.lines().find(|it| it.starts_with("genesis")).expect("it pins a genesis");
    let pin = pin.to_owned();
    let zero = format!("genesis = \"{}\"", "0".repeat(64));
    let run = |network: &Network| {
        let config = network.place(HUB).config.clone();
        let output = program(&["node", "run", "--config", text(&config)]);
        let code = output.status.code();
        (code, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    network.configure(HUB, &pin, &zero);
    let (code, said) = run(&network);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("is the genesis of another network"), "{said}");
    network.configure(HUB, &zero, "");
    let (code, said) = run(&network);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("node.genesis: is missing: a node starts only with"), "{said}");
    network.configure(HUB, "network = \"demo\"\n", &format!("network = \"demo\"\n{pin}\n"));

    // Its own copy is damaged: the file is named, and nothing is served.
    let own = network.store(HUB).join("directory/rolls/000001.note");
    let good = std::fs::read_to_string(&own).expect("the node keeps a copy");
    let bad = good.replacen("status = \"active\"", "status = \"left\"", 1);
    assert_ne!(good, bad);
    std::fs::remove_file(&own).expect("it goes");
    std::fs::File::create(&own)
        .and_then(|mut it| std::io::Write::write_all(&mut it, bad.as_bytes()))
        .expect("it is written");
    let (code, said) = run(&network);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("000001.note: the signature of demo.first-authority is wrong"), "{said}");
    std::fs::remove_file(&own).expect("it goes");
    network.start(HUB);
    network.serves(HUB).await;
    assert!(network.made.place(&agency(HUB)).is_ok());
}
