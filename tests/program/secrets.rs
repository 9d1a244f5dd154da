//! The promise: secrets come from files that nobody else may read, never from a flag; they are cleared
//! in memory, copied by nobody by the way, printed by nothing, and in no core dump.

use std::marker::PhantomData;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::CommandFactory as _;
use rogatory::cli::args::Arguments;
use rogatory::config::NodeKeys;
use rogatory::config::note_keys::NoteKey;
use rogatory::entropy::SeededEntropy;
use rogatory::envelope::at_rest::RowKey;
use rogatory::envelope::keyring::{Keyring, SealingPrivate};
use rogatory::envelope::primitive::Cipher;
use rogatory::envelope::storage::StorageKey;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::node::setting::Keys;
use rogatory::redact::Secret;
use rogatory::transport::tls::OwnCertificate;

use crate::network::{HUB, Network, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");
/// Somebody who is nobody in particular.
const NOBODY: u32 = 65_534;

/// Whether a type has `Clone`: the inherent constant is taken where it exists.
struct Is<T>(PhantomData<T>);

trait Otherwise {
    const CLONE: bool = false;
}

impl<T> Otherwise for Is<T> {}

impl<T: Clone> Is<T> {
    const CLONE: bool = true;
}

#[test]
fn no_type_that_holds_a_key_is_cloned_by_the_way() {
    const { assert!(Is::<[u8; 32]>::CLONE, "the question is answered with yes where it is so") };
    let answers = [
        ("Secret", Is::<Secret<32>>::CLONE),
        ("StorageKey", Is::<StorageKey>::CLONE),
        ("RowKey", Is::<RowKey>::CLONE),
        ("Cipher", Is::<Cipher>::CLONE),
        ("SealingPrivate", Is::<SealingPrivate>::CLONE),
        ("Keyring", Is::<Keyring>::CLONE),
        ("Ed25519Signer", Is::<Ed25519Signer>::CLONE),
        ("MlDsa44Signer", Is::<MlDsa44Signer>::CLONE),
        ("NodeKeys", Is::<NodeKeys>::CLONE),
        ("Keys", Is::<Keys>::CLONE),
        ("NoteKey", Is::<NoteKey>::CLONE),
        ("OwnCertificate", Is::<OwnCertificate>::CLONE),
    ];
    for (name, is_cloned) in answers {
        assert!(!is_cloned, "{name}");
    }
}

/// Types whose `Debug` would print a key, or whose copies nobody clears.
const RAW: &[&str] = &[
    "LessSafeKey",
    "EncryptingKey",
    "DecryptingKey",
    "Ed25519KeyPair",
    "PqdsaKeyPair",
    "PrivateKey",
];

#[test]
fn no_struct_around_a_raw_key_derives_clone_or_debug() {
    let mut found = 0;
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&path).expect("source is UTF-8");
        for (at, _) in text.match_indices("struct ") {
            let body = text.get(at..).unwrap_or_default();
            let end = body.find(['}', ';']).unwrap_or(body.len());
            let body = &body[..end];
            let holds =
                |name: &&str| body.split(|c: char| !c.is_alphanumeric()).any(|it| it == *name);
            let before = text[..at].rsplit("\n\n").next().unwrap_or_default();
            let derives = |what: &str| before.contains("derive(") && before.contains(what);
            if RAW.iter().any(&holds) {
                found += 1;
                assert!(!derives("Clone") && !derives("Debug"), "{}: {body}", path.display());
            }
            if holds(&"Secret") || holds(&"StorageKey") {
                found += 1;
                // What is shared or lent is not copied.
                let shared = body.contains("Arc<Secret") || body.contains("&'a StorageKey");
                assert!(shared || !derives("Clone"), "{}: {body}", path.display());
            }
        }
    }
    assert!(found >= 10, "{found}: the places are found");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn keys_show_their_length_and_nothing_else() {
    let keys = NodeKeys::generate(&SeededEntropy::new(1));
    let shown = format!("{keys:?} {:?}", StorageKey::new(Secret::new([0xab; 32])));
    // Which file of witness keys it is, is no secret.
    let shown = shown.replacen("witness: {1: ", "witness: {", 1);
    let numbers = shown.split(|c: char| !c.is_ascii_digit()).filter(|it| !it.is_empty());
    for number in numbers {
        assert!(["32", "44", "25519"].contains(&number), "{number} in {shown}");
    }
    assert!(!shown.contains("171") && !shown.contains("ab, ab"));
}

/// Whether nothing is left of a key where it was, once what holds it is let go of. Whoever manages memory
/// writes there itself, but not over all of it. Between the drop and the look nothing is asked of it here,
/// or it might give the place away again.
fn is_cleared<T>(holder: T, key_of: impl Fn(&T) -> &[u8; 32]) -> bool {
    let own = std::fs::File::open("/proc/self/mem").expect("a process reads its own memory");
    let (key, at) = (*key_of(&holder), key_of(&holder).as_ptr().addr() as u64);
    let mut found = [0; 32];
    own.read_exact_at(&mut found, at).expect("the place is mapped");
    assert_eq!(found, key, "it stands there first");
    drop(holder);
    own.read_exact_at(&mut found, at).expect("the place is still mapped");
    !found.windows(4).any(|part| key.windows(4).any(|it| it == part))
}

fn unlike(first: u8) -> [u8; 32] {
    std::array::from_fn(|at| first.wrapping_mul(31).wrapping_add(u8::try_from(at * 7).unwrap()))
}

#[test]
fn a_key_is_overwritten_where_it_was_when_it_is_dropped() {
    let [bare, second] = [3, 5].map(unlike);
    // Another thread may be given the place before the look, but not each time.
    let is_left = (0..64).any(|_| !is_cleared(Box::new(bare), |it| it));
    assert!(is_left, "what nobody clears is left, and is seen");
    for _ in 0..64 {
        assert!(is_cleared(Secret::new(bare), Secret::expose));
        assert!(is_cleared(Secret::new(second).second(), Secret::expose), "and its second");
    }
}

/// Words in the names of arguments that could carry a secret, and what such an argument may take.
const SUSPECT: &[&str] = &["key", "pin", "password", "passphrase", "secret", "seed", "token"];
/// Arguments that name something else: a call, a page.
const HARMLESS: &[&str] = &["idempotency_key", "page_token"];
const FILES: &[&str] = &["FILE", "DIR", "FOLDER", "PATH"];

fn look(command: &clap::Command, way: &str, seen: &mut usize) {
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let mut words = id.split(['_', '-']);
        if !words.any(|it| SUSPECT.contains(&it)) || HARMLESS.contains(&id) {
            continue;
        }
        *seen += 1;
        let takes = argument.get_action().takes_values();
        let names = argument.get_value_names().unwrap_or_default();
        let is_file = names.iter().any(|it| FILES.contains(&it.as_str()));
        assert!(!takes || is_file, "{way}: --{id} takes {names:?}, and secrets stand in files");
    }
    for inner in command.get_subcommands() {
        look(inner, &format!("{way} {}", inner.get_name()), seen);
    }
}

#[test]
fn no_command_takes_a_secret_as_an_argument() {
    let mut seen = 0;
    look(&Arguments::command(), "rogatory", &mut seen);
    assert!(seen >= 4, "{seen}: the arguments that name files of keys are looked at");
}

fn said(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM).args(words).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_file_that_others_may_read_stops_whoever_would_use_it() {
    let mut network = Network::started_with(&[HUB]).await;
    assert!(network.terminate(HUB).await.success());
    let place = network.place(HUB);
    let config = place.config.to_str().expect("a path").to_owned();
    let run = ["node", "run", "--config", &config];
    let list = ["keys", "list", "--config", &config];
    let of_tls = |name: &str| {
        let text = std::fs::read_to_string(&place.config).expect("a configuration");
        let line = text.lines().find(|it| it.starts_with(&format!("{name} = ")));
        let value = line.and_then(|it| it.split('"').nth(1)).expect("a path").to_owned();
        place.config.parent().expect("a folder").join(value)
    };
    let mut files: Vec<PathBuf> = sources_of_keys(&place.folder.join("keys"));
    assert_eq!(files.len(), 7, "every key is looked at");
    files.push(of_tls("key"));
    for path in files {
        let mode = |mode| {
            let set = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
            set.expect("the mode is set");
        };
        mode(0o644);
        for words in [run, list] {
            let (code, said) = said(&words);
            let wanted = format!(
                "key file {0} is open to others (mode 0644); run: chmod 600 {0}",
                path.display()
            );
            assert_eq!(code, Some(6), "{said}");
            assert!(said.contains(&wanted), "{words:?}: {said}");
        }
        mode(0o600);
    }
}

fn sources_of_keys(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(sources_of_keys(&path)) } else { found.push(path) }
    }
    found
}

/// Starts a command in a folder, by a shell that lets it dump as much as it likes. Whoever starts the tests may
/// have QUIT ignored, as a shell does for what it runs in the background: the command has not.
fn dumping(folder: &Path, command: &[&str]) -> Child {
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "ulimit -c unlimited 2>/dev/null; exec env --default-signal=QUIT \"$@\"",
            "sh",
        ])
        .args(command);
    let quiet = shell.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    quiet.stderr(Stdio::null()).spawn().expect("there is a shell")
}

fn signalled(mut child: Child, signal: &str) -> std::process::ExitStatus {
    // A first SEGV from outside is taken for an overflow of a stack that comes again by itself.
    loop {
        let told = Command::new("kill").args(["-s", signal, &child.id().to_string()]).output();
        drop(told.expect("there is kill"));
        std::thread::sleep(std::time::Duration::from_millis(20));
        if let Some(ended) = child.try_wait().expect("it is ours") {
            return ended;
        }
    }
}

async fn serves(network: &Network) {
    until("the node to serve", async || {
        let address = network.place(HUB).config.to_str()?.to_owned();
        let (code, _) = said(&["node", "health", "--config", &address]);
        (code == Some(0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_struck_down_leaves_no_core() {
    let mut network = Network::started_with(&[HUB]).await;
    assert!(network.terminate(HUB).await.success());
    let config = network.place(HUB).config.to_str().expect("a path").to_owned();
    let here = tempfile::tempdir().expect("a folder");
    let control = dumping(here.path(), &["sleep", "600"]);
    let control = signalled(control, "ABRT").core_dumped();
    if !control {
        println!("SKIPPED: that a core is left by others: this machine writes none");
    }
    let cores = || std::fs::read_dir(here.path()).expect("a folder").count();
    let before = cores();
    for signal in ["ABRT", "SEGV", "QUIT"] {
        let node = dumping(here.path(), &[PROGRAM, "node", "run", "--config", &config]);
        serves(&network).await;
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.id()));
        let limits = limits.expect("the limits are shown");
        let line = limits.lines().find(|it| it.starts_with("Max core file size"));
        let words: Vec<&str> = line.expect("a limit").split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{words:?}");
        let ended = signalled(node, signal);
        assert!(ended.signal().is_some() && !ended.core_dumped(), "{signal}: {ended:?}");
    }
    assert_eq!(cores(), before, "no file is left");
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|it| it.uid() == 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_of_the_same_user_does_not_look_into_a_node() {
    let setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    if !is_root() || !setpriv {
        println!("SKIPPED: needs root and setpriv, to be somebody else");
        return;
    }
    let mut network = Network::started_with(&[HUB]).await;
    assert!(network.terminate(HUB).await.success());
    let owner = format!("{NOBODY}:{NOBODY}");
    let given = Command::new("chown").args(["-R", &owner]).arg(network.folder()).status();
    assert!(given.expect("there is chown").success());
    let config = network.place(HUB).config.to_str().expect("a path").to_owned();
    let [user, group] = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
    let as_nobody = ["setpriv", &user, &group, "--clear-groups"];
    let spawned = |words: &[&str]| dumping(network.folder(), &[&as_nobody, words].concat());
    let looked = |child: &Child| {
        let path = format!("/proc/{}/environ", child.id());
        let words = [&as_nobody[1..], &["cat", &path]].concat();
        let seen = Command::new("setpriv").args(words).output().expect("cat");
        (seen.status.success(), PathBuf::from(&path).metadata().expect("it runs").uid())
    };
    let other = spawned(&["sleep", "600"]);
    until("the other process to be nobody's", async || {
        (looked(&other) == (true, NOBODY)).then_some(())
    })
    .await;
    let node = spawned(&[PROGRAM, "node", "run", "--config", &config]);
    serves(&network).await;
    assert_eq!(looked(&node), (false, 0), "its memory is the system's alone");
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.id())).expect("shown");
    assert!(status.contains(&format!("Uid:\t{NOBODY}")), "{status}");
    signalled(node, "KILL");
    signalled(other, "KILL");
}
