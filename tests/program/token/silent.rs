//! A module that does not come back from a call.

use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::identity::Role;

use crate::network::drafts::{self, sending};
use crate::network::{ORIGIN, STAGES, until};
use crate::token::serving::{opens, sent, started};
use crate::token::{Held, put};

/// A module in front of `module` whose signatures wait while the file `hang` is there. None, aloud, where
/// there is no C compiler.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn in_front_of(module: &Path, hang: &Path, folder: &Path) -> Option<PathBuf> {
    let library = folder.join("silent.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/token/silent.c");
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1"]);
    cc.arg(format!("-DMODULE=\"{}\"", module.display()));
    cc.arg(format!("-DHANG=\"{}\"", hang.display()));
    let Ok(done) = cc.arg("-o").arg(&library).arg(source).arg("-ldl").output() else {
        println!("SKIPPED: a module that never comes back: there is no cc");
        return None;
    };
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "the module compiles: {said}");
    Some(library)
}

pub async fn a_module_stops_answering() {
    let Some(mut held) = Held::made().await else {
        return;
    };
    let hang = held.network.folder().join("hang");
    let Some(silent) = in_front_of(&held.hsm.module, &hang, held.network.folder()) else {
        return;
    };
    let before = format!("module = \"{}\"", held.hsm.module.display());
    held.configure(&before, &format!("module = \"{}\"", silent.display()));
    // Alone, so that nothing is signed but what this test asks for.
    started(&mut held, &[ORIGIN]).await;
    let first = sent(&held, "before").await;
    let line = held.network.line(ORIGIN, ORIGIN, Role::Officer);
    let connect = || rogatory::transport::client::Client::connect(line.clone());
    let standing = connect().await.expect("a connection");

    // A handshake needs the key, and ends in its time; what stands goes on.
    put(&hang, b"");
    assert!(connect().await.is_err(), "no handshake");
    let said = "the module does not answer within 5 s";
    until(said, async || held.network.log(ORIGIN).contains(said).then_some(())).await;
    standing.list_request_states(Default::default()).await.expect("what stands is served");

    // The journal's key does not sign: nothing is appended, and the node ends as when the token is away.
    let call = sending("while it hangs", &drafts::request("A vessel that nobody hears of"));
    assert!(standing.send_message(call).await.is_err(), "nothing is answered");
    let ended = held.network.ends(ORIGIN).await;
    let log = held.network.log(ORIGIN);
    assert_eq!(ended.code(), Some(74), "{log}");
    assert!(log.contains("the journal's key does not sign: pkcs11:token="), "{log}");

    // Nor does it start, and says why.
    held.network.start(ORIGIN);
    let ended = held.network.ends(ORIGIN).await;
    let log = held.network.log(ORIGIN);
    assert_eq!(ended.code(), Some(6), "{log}");
    assert!(log.contains(said), "{log}");

    std::fs::remove_file(&hang).expect("it answers again");
    started(&mut held, &STAGES).await;
    let second = sent(&held, "afterwards").await;
    opens(&held, &[first, second]).await;
}
