//! The storage key: the store is sealed anew, stopped at many instants, and the old key is gone.

use std::path::Path;

use rogatory::config::Environment;
use rogatory::config::storage_keys;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::Role;
use serde_json::json;

use crate::network::{DESTINATION, HUB, Network, ORIGIN};
use crate::rotation::{done, keys, killed, opens, replays, sent, states};
use crate::stores::{at_rest, exchange, node, program, text};

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        names.map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub async fn it_is_sealed_anew() {
    let mut network = Network::started().await;
    let messages = vec![sent(&network, "one").await, sent(&network, "two").await];
    opens(&network, &messages).await;
    exchange(&network, "course", &"A longer text, of some chunks. ".repeat(300)).await;
    at_rest(&network, DESTINATION).await;
    let running = keys(&network, DESTINATION, &["rotate", "storage"]);
    assert_eq!(running.code, 6, "{}", running.err);
    assert!(running.err.to_string().contains("stop it first"), "{}", running.err);
    for stage in [DESTINATION, HUB, ORIGIN] {
        assert!(network.terminate(stage).await.success());
    }
    let before = node(&network, DESTINATION, &["check"]);
    assert_eq!(before.code, 0, "{}", before.err);
    let folder = network.place(DESTINATION).folder.join("keys");
    let environment = Environment::default();
    let old = storage_keys::files(&folder, &environment).expect("a key").remove(0).1;

    killed(&network, DESTINATION, &["rotate", "storage"], 26, || {
        let now = node(&network, DESTINATION, &["check"]);
        assert_eq!((now.code, &now.out), (0, &before.out), "{}", now.err);
    });
    done(&network, DESTINATION, &["rotate", "storage"]);
    let left = storage_keys::files(&folder, &environment).expect("a key");
    assert_eq!(left.len(), 1, "those before it are destroyed");
    assert_ne!(left[0].1.expose(), old.expose());
    assert_eq!(states(&network, DESTINATION, "storage"), ["in use"]);
    let now = node(&network, DESTINATION, &["check"]);
    assert_eq!((now.code, &now.out), (0, &before.out), "{}", now.err);
    let place = network.store(DESTINATION);
    let beside = names(place.parent().expect("a folder"));
    assert!(!beside.iter().any(|it| it.starts_with(".reseal")), "{beside:?}");
    assert!(place.join("directory").is_dir(), "what else lay there went along");

    // Nothing opens under the old key any more, and everything is read as before.
    let wrong = network.place(DESTINATION).folder.join("keys-aside");
    crate::stores::copy_folder(&folder, &wrong);
    let path = left[0].0.clone();
    std::fs::remove_file(&path).expect("it goes");
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(old.expose());
    crate::rotation::put(&path, text.as_bytes());
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let refused = node(&network, DESTINATION, &["check"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    let said = refused.err.to_string();
    assert!(said.contains("the store is sealed under another storage key"), "{said}");
    std::fs::remove_dir_all(&folder).expect("it goes");
    crate::stores::copy_folder(&wrong, &folder);
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.start(stage);
    }
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.serves(stage).await;
    }
    let messages = [messages, vec![sent(&network, "three").await]].concat();
    opens(&network, &messages).await;
    replays(&network).await;
}

/// Takes a backup of the destination, which runs.
fn backed_up(network: &Network, name: &str) -> String {
    let place = network.place(DESTINATION);
    let caller = &place.callers[&Role::Operator];
    let address = place.listen.agency.to_string();
    let file = network.folder().join(name);
    let who = ["--address", &address, "--agency", DESTINATION, "--directory"];
    let directory = network.folder().join("directory");
    let papers = ["--tls-cert", text(&caller.certificate), "--tls-key", text(&caller.key)];
    let words = [&["node", "backup", text(&file)], &who[..], &[text(&directory)], &papers].concat();
    let done = program(&words);
    assert_eq!(done.code, 0, "{}", done.err);
    text(&file).to_owned()
}

/// Salvages the store of the destination, puts the new one in its place, and checks it.
fn salvaged(network: &Network, entries: &serde_json::Value) {
    let store = network.store(DESTINATION);
    let new = store.with_file_name("store-new");
    let done = node(network, DESTINATION, &["salvage", "--to", text(&new)]);
    assert_eq!((done.code, &done.out["lost"]), (0, &json!([])), "{}", done.err);
    std::fs::remove_dir_all(&store).expect("it goes");
    std::fs::remove_file(store.with_file_name("store-new.lost.json")).expect("it goes");
    crate::stores::copy_folder(&new, &store);
    std::fs::remove_dir_all(&new).expect("it goes");
    holds(network, entries);
}

fn holds(network: &Network, entries: &serde_json::Value) {
    let checked = node(network, DESTINATION, &["check"]);
    assert_eq!((checked.code, &checked.out["entries"]), (0, entries), "{}", checked.err);
}

pub async fn it_is_saved_between_two_keys() {
    let mut network = Network::started_with(&[]).await;
    let key = network.folder().join("backup.key");
    let made = program(&["keys", "backup", text(&key)]);
    let public = made.out["public"].as_str().expect("a path").to_owned();
    let named = format!("[backup]\nkey = \"{public}\"");
    network.configure(DESTINATION, "[backup]\nkey = \"\"", &named);
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.start(stage);
    }
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.serves(stage).await;
    }
    let messages = vec![sent(&network, "one").await, sent(&network, "two").await];
    opens(&network, &messages).await;
    at_rest(&network, DESTINATION).await;
    let backup = backed_up(&network, "before");
    for stage in [DESTINATION, HUB, ORIGIN] {
        assert!(network.terminate(stage).await.success());
    }
    let entries = node(&network, DESTINATION, &["check"]).out["entries"].clone();
    assert!(entries.as_u64() > Some(0));

    // The next key is made, and the store is still under the one before.
    let folder = network.place(DESTINATION).folder.join("keys");
    let old = storage_keys::files(&folder, &Environment::default()).expect("a key").remove(0);
    storage_keys::make(&folder, &SystemEntropy).expect("a key");
    salvaged(&network, &entries);
    // A backup under the key before is restored under the latest.
    std::fs::remove_dir_all(network.store(DESTINATION)).expect("it goes");
    let words = ["restore", "--key", text(&key), &backup];
    let restored = node(&network, DESTINATION, &words);
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert_eq!(restored.out["drafts_lost"], json!([]));
    holds(&network, &entries);
    salvaged(&network, &entries);
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.start(stage);
    }
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.serves(stage).await;
    }
    opens(&network, &messages).await;
    for stage in [DESTINATION, HUB, ORIGIN] {
        assert!(network.terminate(stage).await.success());
    }
    // Once the key before is gone, a backup under it is refused, and nothing is written.
    storage_keys::destroy(&old.0).expect("it goes");
    std::fs::remove_dir_all(network.store(DESTINATION)).expect("it goes");
    let refused = node(&network, DESTINATION, &words);
    assert_eq!((refused.code, &refused.err["reason"]), (6, &json!("CONTENT_INVALID")));
    let said = refused.err["error"].to_string();
    assert!(said.contains("sealed under a storage key that is not here"), "{said}");
    assert!(!network.store(DESTINATION).exists());
}
