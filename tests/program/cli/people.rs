//! The program as the people of a test's network run it: by their contexts, against nodes that the test
//! starts and kills.

use std::process::{Command, Output};

use serde_json::Value;

use crate::cli::{code, err, out, program};
use crate::network::{LOOK_INTERVAL, Network, PATIENCE};

/// An officer of the agency that sends.
pub(crate) const SENDER: &str = "ita-coast-guard-officer";
/// An officer of the agency that is asked.
pub(crate) const RECEIVER: &str = "pan-maritime-authority-officer";

/// The program with the context of somebody.
pub(crate) fn command(network: &Network, context: &str, words: &[&str]) -> Command {
    let mut command = program(network.folder());
    command.current_dir(network.folder()).args(["--context", context]).args(words);
    command
}

/// Runs it for programs.
pub(crate) fn call(network: &Network, context: &str, words: &[&str]) -> Output {
    let mut command = command(network, context, words);
    command.args(["-o", "json"]).output().expect("the program starts")
}

/// What it answers.
pub(crate) fn answer(network: &Network, context: &str, words: &[&str]) -> Value {
    let output = call(network, context, words);
    assert_eq!(code(&output), 0, "{words:?}: {}", err(&output));
    serde_json::from_str(&out(&output)).expect("one JSON document")
}

/// Looks until something is there.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looks = PATIENCE.as_millis() / LOOK_INTERVAL.as_millis() / 20;
    for _ in 0..looks {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(20 * LOOK_INTERVAL);
    }
    panic!("waited {PATIENCE:?} for {what}");
}

/// The words of the stations of a message or an attachment.
pub(crate) fn stations(shown: &Value) -> Vec<(&str, &str)> {
    let stations = shown["stations"].as_array().into_iter().flatten();
    stations.filter_map(|it| Some((it["station"].as_str()?, it["agency"].as_str()?))).collect()
}

/// Whether every proof that came with stations was found to hold.
pub(crate) fn all_hold(shown: &Value) -> bool {
    let mut stations = shown["stations"].as_array().into_iter().flatten();
    stations.all(|it| it["proof_found"]["state"] == "holds")
}
