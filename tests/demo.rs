//! `demo` plays its story on real nodes, proves what it says, and leaves nothing behind.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The demo's own promise: from the command to the first delivered message.
const FIRST_DELIVERY_SECONDS_MAX: f64 = 5.0;

fn demo(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    command.arg("demo").args(arguments).env("TMPDIR", home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    demo(home, arguments).output().expect("the program starts")
}

fn object(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    serde_json::from_slice(&output.stdout).expect("stdout is one JSON object")
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {value}"))
}

fn states(report: &Value) -> Vec<&str> {
    let requests = report["requests"].as_object().expect("requests by id");
    let mut states: Vec<&str> = requests.values().filter_map(Value::as_str).collect();
    states.sort_unstable();
    states
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().expect("the folder is there").next().is_none()
}

/// Whether a process is the node of that configuration.
fn runs(pid: u64, config: &str) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|it| *it == 0).any(|it| it == config.as_bytes())
}

#[test]
fn the_story_is_told_in_time_and_nothing_is_left_behind() {
    let home = tempfile::tempdir().unwrap();
    let report = object(&run(home.path(), &["-o", "json"]));
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!((&report["messages_sent"], &report["messages_delivered"]), (&7.into(), &7.into()));
    assert_eq!(states(&report), ["closed"]);
    assert!(number(&report, "/first_delivery_seconds") <= FIRST_DELIVERY_SECONDS_MAX, "{report}");
    // Accepted, relayed, delivered, claimed, read, acknowledged: six for each message.
    assert_eq!(report["receipts_verified"], 42);
    let entries = report["entries_replayed"].as_object().unwrap();
    let agencies: Vec<&str> = entries.keys().map(String::as_str).collect();
    assert_eq!(agencies, ["int.liaison-hub", "ita.coast-guard", "pan.maritime-authority"]);
    assert!(entries.values().all(|it| it.as_u64() >= Some(7)), "{report}");
    assert!(is_empty(home.path()));
}

#[test]
fn every_example_and_the_whole_thread_cross_the_hub() {
    let home = tempfile::tempdir().unwrap();
    let report = object(&run(home.path(), &["--all", "-o", "json"]));
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!((&report["messages_sent"], &report["messages_delivered"]), (&24.into(), &24.into()));
    let expected = ["closed", "closed", "delivered", "delivered", "delivered", "informed"];
    assert_eq!(states(&report), expected);
    assert_eq!(report["entries_replayed"].as_object().unwrap().len(), 18);
    // Relayed and recorded for each message: its taking over, its handover and two statements.
    assert!(number(&report, "/entries_replayed/int.liaison-hub") >= 24.0 * 4.0, "{report}");
    assert!(is_empty(home.path()));
}

#[test]
fn a_kept_network_goes_on_until_it_is_stopped() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().canonicalize().unwrap().join("kept");
    let folder_text = folder.to_str().unwrap();
    let told = run(home.path(), &["--keep", folder_text]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let story = String::from_utf8(told.stdout).unwrap();
    for part in ["Italy closes the request", "every proof holds", "audit verify", "curl ", "--stop"]
    {
        assert!(story.contains(part), "{part} in\n{story}");
    }
    assert!(!story.contains('\u{1b}'), "colour goes to terminals only");
    let text = std::fs::read(folder.join("network.json")).unwrap();
    let network: Value = serde_json::from_slice(&text).unwrap();
    let agencies = network["agencies"].as_object().unwrap();
    assert_eq!(agencies.len(), 3);
    let nodes: Vec<(u64, &str)> = agencies
        .values()
        .map(|it| (it["pid"].as_u64().unwrap(), it["config"].as_str().unwrap()))
        .collect();
    for agency in agencies.values() {
        for role in ["officer", "service", "auditor", "operator"] {
            for file in ["certificate", "key", "p12", "context"] {
                let path = agency["roles"][role][file].as_str().unwrap();
                assert!(Path::new(path).is_file(), "{path}");
            }
        }
    }
    assert!(nodes.iter().all(|(pid, config)| runs(*pid, config)));
    let again = run(home.path(), &["--keep", folder_text]);
    assert_eq!(again.status.code(), Some(6), "a folder that is in use is refused");
    let stopped = run(home.path(), &["--stop", folder_text]);
    assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    assert!(!nodes.iter().any(|(pid, config)| runs(*pid, config)));
    assert!(folder.join("network.json").is_file());
}

#[test]
fn an_interrupted_demo_cleans_up() {
    for pause in [0, 40, 150, 400] {
        let home = tempfile::tempdir().unwrap();
        let child = demo(home.path(), &["--all"]).spawn().expect("the program starts");
        while is_empty(home.path()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(pause));
        let kill = format!("kill -s INT {}", child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "after {pause} ms: {errors}");
        assert!(is_empty(home.path()), "after {pause} ms");
    }
}
