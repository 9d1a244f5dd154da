//! What to try next: commands to paste, for each kind of user.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::cli::demo::examples::{self, Example};
use crate::cli::demo::kept::{KeptAgency, KeptNetwork, NETWORK_FILE};
use crate::cli::demo::made;
use crate::cli::demo::say::{Teller, bold, dim};
use crate::cli::demo::summary::Report;
use crate::cli::demo::{folder, story};
use crate::clock::Timestamp;
use crate::wire::{draft, json};

/// Who sends and who receives in the commands.
const SENDER: &str = "ita.coast-guard";
const RECEIVER: &str = "pan.maritime-authority";
/// Folder of the message files.
const MESSAGES: &str = "messages";
/// The answer to the vessel case.
const ANSWER: &str = "ex2-answer-ack-receipt.json";
/// Takes the id of a message out of the answer to `request send`.
const FIND_MESSAGE: &str = r#"sed -n 's/.*"message_id": *"\([^"]*\)".*/\1/p' | head -n 1"#;

/// After a demo that leaves nothing behind.
pub(super) fn of_thrown_away(teller: &Teller) {
    teller.line(format!("\n{}", bold("What to try next")));
    for (command, what) in [
        ("rogatory demo --all", "every agency of the examples, and a request from end to end"),
        ("rogatory demo --keep DIR", "leaves the nodes running and says what to do with them"),
        ("rogatory demo -o json", "the figures for programs"),
    ] {
        teller.line(format!("   {command:<26} {}", dim(what)));
    }
}

/// Writes the message files that the commands name: every example, and an answer.
///
/// # Errors
/// What the file system said.
pub(super) fn write_files(folder: &Path, start: Timestamp) -> Result<()> {
    folder::make(&folder.join(MESSAGES))?;
    let write = |name: &str, message: &Value| {
        folder::write(&folder.join(MESSAGES).join(name), format!("{message:#}\n"))
    };
    for example in Example::ALL {
        let message = examples::as_new(&examples::load(example, start)?);
        write(example.file_name(), &message)?;
        // Attachments are looked for under their names beside the message.
        let read = json::read_file(message.to_string().as_bytes())?;
        for it in draft::attachments_of(&read) {
            let name = it.name.unwrap_or_default();
            let bytes = made::bytes(&name, usize::try_from(it.bytes)?);
            let path = folder.join(MESSAGES).join(&name);
            if !path.try_exists()? {
                folder::write(&path, bytes)?;
            }
        }
    }
    write(ANSWER, &story::acknowledgement(start)?)
}

/// After a demo whose nodes go on.
pub(super) fn of_kept(kept: &KeptNetwork, folder: &Path, report: &Report, teller: &Teller) {
    let (Some(sender), Some(receiver)) = (of(kept, SENDER), of(kept, RECEIVER)) else {
        return;
    };
    let title = |text: &str| teller.line(format!("\n   {}", bold(text)));
    let command = |text: String| teller.line(format!("     {text}"));
    let file = |name: &str| quoted(&folder.join(MESSAGES).join(name));
    teller.line(format!("\n{}", bold("The nodes go on. To paste into a terminal:")));
    command(format!("export XDG_CONFIG_HOME={}", quoted(folder)));
    title("Focal point: send a request and follow it");
    let officer = call(sender, "officer");
    let send = format!("-o json request send --yes -f {}", file(Example::Vessel.file_name()));
    command(format!("MESSAGE=$({officer} {send} | {FIND_MESSAGE})"));
    if let Some(request) = report.states.keys().next() {
        command(format!("{officer} request show {request}"));
    }
    command(format!("{officer} request list"));
    title("Agency: see what came in, take it, read it, answer it");
    let officer = call(receiver, "officer");
    command(format!("{officer} inbox list"));
    command(format!("{officer} inbox claim {SENDER}/$MESSAGE"));
    command(format!("{officer} inbox show {SENDER}/$MESSAGE"));
    command(format!("{officer} inbox reply {SENDER}/$MESSAGE --yes -f {}", file(ANSWER)));
    title("Case system: the same as JSON");
    command(curl(receiver, "InboxService/ListMessages", "{\"page_size\": 10}"));
    title("Auditor: replay the journal and verify every proof");
    command(format!("{} audit verify", call(receiver, "auditor")));
    title("Operator: peers and queue");
    command(format!("{} node peers", call(sender, "operator")));
    command(format!("{} node queue", call(sender, "operator")));
    title("End it");
    command(format!("{} demo --stop {}", program(), quoted(folder)));
    let file = folder.join(NETWORK_FILE);
    teller.line(dim(format!("\n   for scripts: {}", file.display())));
}

/// The start of a command in somebody's context.
fn call(agency: &KeptAgency, role: &str) -> String {
    let context = agency.roles.get(role).and_then(|it| it.context_name.as_deref());
    format!("{} --context {}", program(), context.unwrap_or_default())
}

fn of<'a>(kept: &'a KeptNetwork, agency: &str) -> Option<&'a KeptAgency> {
    kept.agencies.iter().find(|(id, _)| id.as_str() == agency).map(|(_, it)| it)
}

fn curl(agency: &KeptAgency, method: &str, body: &str) -> String {
    let Some(service) = agency.roles.get("service") else {
        return String::new();
    };
    let port = agency.listeners.get("agency").and_then(|it| it.rsplit(':').next());
    format!(
        "curl --cacert {} --cert {} --key {} --json '{body}' \
         https://localhost:{}/rogatory.v1.{method}",
        quoted(&agency.ca),
        quoted(&service.certificate),
        quoted(&service.key),
        port.unwrap_or_default(),
    )
}

/// This program as a shell takes it.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "rogatory".to_owned(), |path| quoted(&path))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_is_written_is_a_message_file() {
        let home = tempfile::tempdir().unwrap();
        write_files(home.path(), Timestamp::parse("2027-03-05T12:00:30Z").unwrap()).unwrap();
        let files = home.path().join(MESSAGES).read_dir().unwrap().map(|it| it.unwrap().path());
        let (files, attached): (Vec<_>, Vec<_>) =
            files.partition(|it| it.extension().is_some_and(|it| it == "json"));
        assert_eq!((files.len(), attached.len()), (7, 17));
        for file in files {
            let text = std::fs::read(file).unwrap();
            let draft = crate::wire::json::read_file(&text).unwrap();
            assert!(draft.message_id.is_none() && draft.request_id.is_none());
        }
    }

    #[test]
    fn a_shell_reads_a_path_as_it_is() {
        assert_eq!(quoted(Path::new("/tmp/demo-1")), "/tmp/demo-1");
        assert_eq!(quoted(Path::new("/tmp/my demo's")), "'/tmp/my demo'\\''s'");
    }
}
