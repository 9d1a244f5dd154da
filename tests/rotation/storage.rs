//! The storage key: the store is sealed anew, stopped at many instants, and the old key is gone.

use std::path::Path;

use rogatory::config::Environment;
use rogatory::config::storage_keys;

use crate::network::{DESTINATION, HUB, Network, ORIGIN};
use crate::stores::{at_rest, exchange, node};
use crate::{done, keys, killed, opens, replays, sent, states};

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
    crate::put(&path, text.as_bytes());
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
