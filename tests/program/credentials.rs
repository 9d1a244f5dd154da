//! The promise: a node takes its secrets where systemd puts a service's credentials (`LoadCredential=`):
//! flat names in one folder that the group may read, named by `CREDENTIALS_DIRECTORY`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rogatory::identity::Role;
use rogatory::wire::pb;

use crate::network::{Network, ORIGIN};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode is set");
}

/// Moves every key into a folder as systemd makes it: `LoadCredential=sealing:FOLDER` gives
/// `sealing_NAME` for each file in the folder.
#[expect(clippy::disallowed_methods, reason = "a test's files need not survive it")]
fn loaded(keys: &Path, credentials: &Path) -> usize {
    std::fs::create_dir(credentials).expect("a folder");
    let mut moved = 0;
    let mut each = |path: &Path, name: String| {
        let to = credentials.join(name);
        std::fs::rename(path, &to).expect("the key is moved");
        set_mode(&to, 0o440);
        moved += 1;
    };
    for entry in std::fs::read_dir(keys).expect("keys") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !path.is_dir() {
            each(&path, name);
            continue;
        }
        for inner in std::fs::read_dir(&path).expect("keys") {
            let inner = inner.expect("an entry");
            each(&inner.path(), format!("{name}_{}", inner.file_name().to_str().unwrap()));
        }
    }
    set_mode(credentials, 0o550);
    moved
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_runs_on_the_credentials_that_systemd_gives_it() {
    let mut network = Network::between(&[crate::network::HUB]).await;
    let folder = network.place(ORIGIN).folder.clone();
    let credentials = folder.join("credentials");
    let moved = loaded(&folder.join("keys"), &credentials);
    assert!(moved >= 6, "{moved} keys");
    network.configure(ORIGIN, "[keys]\nfolder = \"keys\"\n", "[keys]\n");
    // Without the variable nothing says where they are.
    network.start(ORIGIN);
    assert_eq!(network.ends(ORIGIN).await.code(), Some(6));
    let told = "keys: names no folder, and CREDENTIALS_DIRECTORY is unset";
    assert!(network.log(ORIGIN).contains(told), "{}", network.log(ORIGIN));
    // Elsewhere a key that the group can read is refused.
    let variable = "CREDENTIALS_DIRECTORY";
    network.environment = vec![(variable, folder.clone())];
    network.configure(ORIGIN, "[keys]\n", "[keys]\nfolder = \"credentials\"\n");
    network.start(ORIGIN);
    assert_eq!(network.ends(ORIGIN).await.code(), Some(6), "{}", network.log(ORIGIN));
    network.configure(ORIGIN, "[keys]\nfolder = \"credentials\"\n", "[keys]\n");

    network.environment = vec![(variable, credentials.clone())];
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    officer.list_request_states(Default::default()).await.expect("it answers");
    // The storage key opens what the node wrote before.
    assert!(network.terminate(ORIGIN).await.success());
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let operator = network.client(ORIGIN, Role::Operator).await;
    operator.get_node_status(pb::GetNodeStatusRequest {}).await.expect("it answers");
    assert!(network.terminate(ORIGIN).await.success());
    set_mode(&credentials, 0o700);
}
