//! The program itself is killed in the middle: while it hands a file in, while it saves one, and the node
//! while it saves. The same command again goes on where that ended, and what is there then is the file. On
//! a terminal it shows how far it is; in a pipe it does not.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rogatory::domain::digest::Digest;
use serde_json::{Value, json};

use super::proxy::{Proxy, Way};
use crate::cli::people::{RECEIVER, SENDER, answer, command};
use crate::network::drafts::request;
use crate::network::{DESTINATION, Network, ORIGIN, until};

const MIB: u64 = 1024 * 1024;
const BYTES: u64 = 16 * MIB;
/// What has come so far when something is killed.
const GROWN: u64 = 5 * MIB;
/// What else passes, and what may be on the way when it is killed.
const BESIDES: u64 = 2 * MIB;
/// The line carries at most 8 MiB a second: a kill lands in the middle of the file.
const TICK: Duration = Duration::from_millis(2);
const BYTES_A_TICK: usize = 16 * 1024;

/// Where the program reaches a node: over a line that counts.
struct Reached {
    network: Network,
    line: Proxy,
    address: String,
}

impl Reached {
    async fn over(network: Network, stage: &str) -> Self {
        let at = "127.0.0.1:0".parse().expect("an address");
        let line = Proxy::between(at, network.place(stage).listen.agency).await;
        let address = line.address.to_string();
        Self { network, line, address }
    }

    fn command(&self, context: &str, words: &[&str]) -> Command {
        let flags = ["--address", self.address.as_str()];
        command(&self.network, context, &[&flags[..], words].concat())
    }

    /// The program at work, over a line that is slow.
    fn begun(&self, context: &str, words: &[&str]) -> Child {
        self.line.trickle(BYTES_A_TICK, TICK);
        let mut command = self.command(context, words);
        command.stdout(Stdio::null());
        command.spawn().expect("the program starts")
    }

    /// What passed one way while the program ran again over a good line, and what it answered.
    fn again(&self, context: &str, words: &[&str], way: Way) -> (u64, Output) {
        self.line.heal();
        let before = self.line.passed(way);
        let mut command = self.command(context, words);
        let output = command.args(["-o", "json"]).output().expect("the program starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {told}");
        (self.line.passed(way) - before, output)
    }
}

/// A file that no other is like.
fn file() -> Vec<u8> {
    let mut state = 11_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take((BYTES / 8) as usize).flatten().collect()
}

fn written(path: &Path, bytes: &[u8]) -> PathBuf {
    let mut file = std::fs::File::create(path).expect("the folder is ours");
    std::io::Write::write_all(&mut file, bytes).expect("it is written");
    path.to_owned()
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |it| it.len())
}

/// Bytes of the part that grows at a node.
pub(super) fn growing(network: &Network, stage: &str) -> u64 {
    let folder = network.store(stage).join("attachments");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let parts =
        entries.map(|it| it.path()).filter(|it| it.extension().is_some_and(|it| it == "part"));
    parts.map(|it| length(&it)).max().unwrap_or(0)
}

/// Kills the program once so much has come; how much had when it had ended.
async fn killed(mut program: Child, come: impl Fn() -> u64) -> u64 {
    until("the middle of the file", async || {
        assert!(program.try_wait().expect("its status").is_none(), "it was too quick");
        (come() > GROWN).then_some(())
    })
    .await;
    program.kill().expect("it is killed");
    program.wait().expect("it has ended");
    let held = come();
    assert!(held < BYTES, "it was killed in the middle");
    held
}

/// Files beside which a message stands, and how it is sent.
fn message(network: &Network, file: &[u8]) -> (String, String) {
    let mut message = request("a vessel without lights");
    message["attachments"] = json!([{
        "id": "A1", "name": "track.bin", "media_type": "application/octet-stream",
        "class": "evidence", "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
    }]);
    let path = written(&network.folder().join("message.json"), message.to_string().as_bytes());
    let attached = written(&network.folder().join("track.bin"), file);
    (path.display().to_string(), format!("A1={}", attached.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_killed_while_a_file_goes_in_or_out_goes_on_where_it_was() {
    let network = Network::started().await;
    let bytes = file();
    let (path, attach) = message(&network, &bytes);
    let send = ["request", "send", "-f", &path, "--attach", &attach, "--idempotency-key", "k-1"];

    // The program, while it hands the file in.
    let sender = Reached::over(network, ORIGIN).await;
    let begun = sender.begun(SENDER, &send);
    let held = killed(begun, || growing(&sender.network, ORIGIN)).await;
    let (passed, output) = sender.again(SENDER, &send, Way::There);
    assert!(passed < BYTES - held + BESIDES, "{passed} bytes were sent, and {held} were there");
    assert!(passed > BYTES - held - BESIDES, "{passed} bytes were sent, and {held} were there");
    let sent: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let id = sent["messages"][0]["message_id"].as_str().expect("an id").to_owned();
    let (passed, output) = sender.again(SENDER, &send, Way::There);
    let again: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&again["messages"], &again["repeated_call"]), (&sent["messages"], &true.into()));
    assert!(passed < BESIDES, "{passed} bytes were sent of what is there");

    // The program, while it saves the file.
    let request = sent["messages"][0]["request_id"].as_str().expect("an id");
    until("the file to arrive", async || {
        let shown = answer(&sender.network, SENDER, &["request", "show", request]);
        (shown["messages"][0]["attachments"][0]["state"] == "arrived").then_some(())
    })
    .await;
    let mut receiver = Reached::over(sender.network, DESTINATION).await;
    answer(&receiver.network, RECEIVER, &["inbox", "claim", &id]);
    let (to, part) =
        ["saved.bin", "saved.bin.part"].map(|it| receiver.network.folder().join(it)).into();
    let shown = to.display().to_string();
    let save = ["inbox", "save", id.as_str(), "A1", "--to", &shown];
    let begun = receiver.begun(RECEIVER, &save);
    let held = killed(begun, || length(&part)).await;
    assert!(!to.exists(), "it has no name before it is whole");

    // The node, while the program saves on: the program ends with its reason, and keeps what it has.
    let mut begun = receiver.begun(RECEIVER, &save);
    until("more of it", async || (length(&part) > held + 2 * MIB).then_some(())).await;
    receiver.network.kill(DESTINATION);
    let ended = until("the program to end", async || begun.try_wait().expect("its status")).await;
    assert_eq!(ended.code(), Some(9), "the node is not there");
    let more = length(&part);
    assert!(more > held && more < BYTES, "{more} after {held}");
    receiver.network.start(DESTINATION);
    receiver.network.serves(DESTINATION).await;
    let (passed, output) = receiver.again(RECEIVER, &save, Way::Back);
    assert!(passed < BYTES - more + BESIDES, "{passed} bytes came, and {more} were there");
    assert!(passed > BYTES - more - BESIDES, "{passed} bytes came, and {more} were there");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["attachment"], &told["bytes"]), (&"A1".into(), &BYTES.into()));
    assert!(std::fs::read(&to).expect("it is there") == bytes, "it is the file that was sent");
    assert!(!part.exists());
}

/// What the program wrote on a terminal of 100 columns.
fn on_a_terminal(reached: &Reached, context: &str, words: &[&str]) -> Option<String> {
    reached.line.trickle(BYTES_A_TICK, TICK);
    let program = reached.command(context, words);
    let quoted = |it: &std::ffi::OsStr| format!("'{}'", it.to_str().expect("UTF-8"));
    let words: Vec<_> =
        std::iter::once(program.get_program()).chain(program.get_args()).map(quoted).collect();
    let line = format!("stty cols 100; exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let Ok(output) = script.env("TERM", "xterm").env_remove("NO_COLOR").output() else {
        println!("SKIPPED: a bar on a terminal: there is no script (util-linux)");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    Some(said)
}

/// Whether a bar was drawn: what goes on, and of how many bytes.
fn has_bar(said: &str, text: &str) -> bool {
    let total = "/16.00 MiB";
    said.split(['\r', '\n']).any(|it| it.contains(text) && it.contains(total))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bar_shows_how_far_a_file_is_on_a_terminal_and_none_in_a_pipe() {
    let network = Network::started().await;
    let bytes = file();
    let (path, attach) = message(&network, &bytes);
    let send = ["request", "send", "-f", &path, "--attach", &attach, "--idempotency-key", "k-1"];
    let sender = Reached::over(network, ORIGIN).await;
    // On a terminal it asks before it sends.
    let sure = [&send[..], &["--yes"]].concat();
    if let Some(said) = on_a_terminal(&sender, SENDER, &sure) {
        assert!(has_bar(&said, "handing in A1"), "{said:?}");
    }
    sender.line.heal();
    let sent = answer(&sender.network, SENDER, &send);
    let id = sent["messages"][0]["message_id"].as_str().expect("an id").to_owned();
    let request = sent["messages"][0]["request_id"].as_str().expect("an id");
    until("the file to arrive", async || {
        let shown = answer(&sender.network, SENDER, &["request", "show", request]);
        (shown["messages"][0]["attachments"][0]["state"] == "arrived").then_some(())
    })
    .await;
    let receiver = Reached::over(sender.network, DESTINATION).await;
    answer(&receiver.network, RECEIVER, &["inbox", "claim", &id]);
    let saving = |name: &str| {
        let to = receiver.network.folder().join(name).display().to_string();
        ["inbox", "save", &id, "A1", "--to", &to].map(str::to_owned)
    };
    let words = saving("on-a-terminal.bin");
    let words = words.each_ref().map(String::as_str);
    if let Some(said) = on_a_terminal(&receiver, RECEIVER, &words) {
        assert!(has_bar(&said, "saving A1"), "{said:?}");
    }
    receiver.line.heal();
    // In a pipe, to the same people: what is said is said in lines, and nothing is drawn.
    let words = saving("in-a-pipe.bin");
    let words = words.each_ref().map(String::as_str);
    let output = receiver.command(RECEIVER, &words).output().expect("the program starts");
    assert!(output.status.success());
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains("saving A1") && !said.contains("MiB"), "{said:?}");
        assert!(!said.contains(['\r', '\u{1b}']), "{said:?}");
    }
}
