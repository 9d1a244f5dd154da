//! Hands files in while the power of a node is cut, and sends them: what the node said is durable of a
//! file is there, and what it said is whole is whole, can be sent, and reads as it was handed in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use rogatory::domain::digest::Digest;
use rogatory::entropy::{self, Entropy as _, SeededEntropy};
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::pb;
use serde_json::json;
use tokio::task::JoinSet;

use crate::check::{answered, settled};
use crate::network::callers::{insistently, is_passing};
use crate::network::{LOOK_INTERVAL, Network, ORIGIN, drafts};

/// Files that are handed in at the same time.
const AT_ONCE: u64 = 2;
/// Files between two cuts, so that the disk does not fill.
const FILES_PER_CUT: u32 = 24;
/// Bytes of a piece; a multiple of 16 KiB.
const PIECE: usize = 256 * 1024;
/// One of so many files is made durable before its end too.
const LONG_EACH: u64 = 4;
/// More than what a file grows by before it is made durable.
const LONG_BYTES: usize = 4 * 1024 * 1024 + 96 * 1024;
const SHORT_BYTES_MAX: usize = 512 * 1024;
const ATTACHMENT: &str = "A1";

/// What the node has said of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    /// So many bytes are durable.
    durable: u64,
    /// All of it is.
    is_whole: bool,
    /// The message that it is the attachment of.
    message: Option<String>,
}

#[derive(Default)]
struct Seen {
    /// Files that were begun before, and not sent.
    unfinished: Vec<u64>,
    numbers: u64,
    room: u32,
    said: BTreeMap<u64, Said>,
    /// The same, as it was before the cut.
    heard: BTreeMap<u64, Said>,
    /// Nothing more is handed in once a file is whole.
    stops: bool,
    has_stopped: bool,
}

/// The files of a seed and what was said of them; clones share it.
#[derive(Clone, Default)]
pub struct Attaching {
    seed: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Attaching {
    /// The files of that seed; nobody hands any in yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, seen: Arc::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder panics")
    }

    /// Remembers what was said up to here; gives how many files are whole by it.
    pub fn hear(&self) -> usize {
        let mut seen = self.seen();
        seen.heard = seen.said.clone();
        seen.heard.values().filter(|it| it.is_whole).count()
    }

    /// Forgets what was said after that. Files that were begun since may have been begun.
    pub fn forget(&self) {
        let mut seen = self.seen();
        let Seen { said, heard, .. } = &mut *seen;
        for (number, said) in said {
            *said = heard.get(number).cloned().unwrap_or_default();
        }
        (seen.stops, seen.has_stopped) = (false, false);
    }

    /// Waits with everything once the next file is whole by the node's word.
    pub fn stop_at_a_whole_one(&self) {
        self.seen().stops = true;
    }

    /// Whether it has come to that.
    pub fn has_stopped(&self) -> bool {
        self.seen().has_stopped
    }

    /// The number of the file that is the attachment of a message.
    fn of_message(&self, message: &str) -> Option<u64> {
        let seen = self.seen();
        let is_it = |said: &Said| said.message.as_deref() == Some(message);
        seen.said.iter().find(|(_, said)| is_it(said)).map(|(number, _)| *number)
    }

    /// Starts to hand in, one file at a time if it is `alone`; it ends with the value.
    pub async fn start(&self, network: &Network, alone: bool) -> JoinSet<()> {
        {
            let mut seen = self.seen();
            seen.room = FILES_PER_CUT;
            // What was broken off before goes on first: only so many may grow at the same time.
            let sent = |it: &u64| seen.said.get(it).is_some_and(|it| it.message.is_some());
            seen.unfinished = (1..=seen.numbers).filter(|it| !sent(it)).collect();
        }
        let mut tasks = JoinSet::new();
        for _ in 0..if alone { 1 } else { AT_ONCE } {
            tasks.spawn(self.clone().go_on(network.client(ORIGIN, Role::Officer).await));
        }
        tasks
    }

    async fn go_on(self, officer: Client) {
        loop {
            let number = {
                let mut seen = self.seen();
                if seen.room == 0 || seen.stops && seen.has_stopped {
                    None
                } else if let Some(number) = seen.unfinished.pop() {
                    Some(number)
                } else {
                    seen.room -= 1;
                    seen.numbers += 1;
                    Some(seen.numbers)
                }
            };
            let Some(number) = number else {
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            };
            let file = self.file(number);
            if let Err(why) = self.hand_in(&officer, number, &file).await {
                panic!("file {number}: {why}");
            }
            let stays = {
                let mut seen = self.seen();
                seen.has_stopped |= seen.stops;
                seen.stops
            };
            if !stays {
                let call = self.call(number, &file);
                let answer = insistently(|| officer.send_message(call.clone())).await;
                self.note_message(number, answer);
            }
        }
    }

    /// Hands a file in from where it goes on to its end, and notes each thing that is said.
    async fn hand_in(&self, officer: &Client, number: u64, file: &[u8]) -> Result<(), String> {
        let (size_bytes, sha256) = (file.len() as u64, Digest::of(file).to_string());
        loop {
            let asked = pb::BeginAttachmentRequest { size_bytes, sha256: sha256.clone() };
            let begun = answered(|| officer.begin_attachment(asked.clone())).await?;
            self.note(number, begun.durable_bytes, begun.complete);
            let (mut offset, mut complete) = (begun.next_offset, begun.complete);
            while !complete {
                let at = usize::try_from(offset).expect("it fits");
                let bytes = file[at..file.len().min(at + PIECE)].to_vec();
                let sha256 = sha256.clone();
                let asked = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
                match officer.append_attachment(asked).await {
                    Ok(answer) => {
                        self.note(number, answer.durable_bytes, answer.complete);
                        (offset, complete) = (answer.next_offset, answer.complete);
                    }
                    // It is not known what came of the piece.
                    Err(error) if is_passing(&error) => break,
                    Err(error) => return Err(error.to_string()),
                }
            }
            if complete {
                return Ok(());
            }
        }
    }

    fn note(&self, number: u64, durable: u64, is_whole: bool) {
        let mut seen = self.seen();
        let said = seen.said.entry(number).or_default();
        said.durable = said.durable.max(durable);
        said.is_whole |= is_whole;
    }

    fn note_message(&self, number: u64, answer: pb::SendMessageResponse) {
        let [sent] = <[_; 1]>::try_from(answer.messages).expect("one agency, one message");
        self.seen().said.entry(number).or_default().message = Some(sent.message_id);
    }

    fn call(&self, number: u64, file: &[u8]) -> pb::SendMessageRequest {
        let mut message = drafts::request(&format!("file {number}"));
        message["attachments"] = json!([{
            "id": ATTACHMENT, "name": "track.bin", "media_type": "application/octet-stream",
            "class": "evidence", "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
        }]);
        drafts::sending(&format!("f{}-{number}", self.seed), &message)
    }

    /// Bytes that no other file has.
    fn file(&self, number: u64) -> Vec<u8> {
        let chance = SeededEntropy::new(self.seed.rotate_left(16) ^ number);
        let more = u64::from_be_bytes(entropy::bytes(&chance));
        let more = usize::try_from(more % SHORT_BYTES_MAX as u64).expect("it fits");
        let long = if number.is_multiple_of(LONG_EACH) { LONG_BYTES } else { 0 };
        let mut bytes = vec![0; 1 + long + more];
        chance.fill(&mut bytes);
        bytes
    }

    /// Why each file counts as lost that is not what the node said of it. Those that grow are handed in
    /// to their end, and each is sent and read.
    pub async fn lost(&self, network: &Network) -> Vec<String> {
        let officer = network.client(ORIGIN, Role::Officer).await;
        let all: Vec<(u64, Said)> = self.seen().said.clone().into_iter().collect();
        let mut lost = Vec::new();
        for (number, said) in all {
            if let Err(why) = self.look(&officer, number, &said).await {
                lost.push(format!("file {number}: {why}"));
            }
        }
        lost
    }

    async fn look(&self, officer: &Client, number: u64, said: &Said) -> Result<(), String> {
        let file = self.file(number);
        let (size_bytes, sha256) = (file.len() as u64, Digest::of(&file).to_string());
        let asked = pb::BeginAttachmentRequest { size_bytes, sha256 };
        let begun = answered(|| officer.begin_attachment(asked.clone())).await?;
        if begun.durable_bytes < said.durable {
            let (was, is) = (said.durable, begun.durable_bytes);
            return Err(format!("{was} bytes were durable, {is} are there"));
        }
        if said.is_whole && !begun.complete {
            return Err("it was whole, and is not".to_owned());
        }
        self.hand_in(officer, number, &file).await?;
        let message = match &said.message {
            Some(message) => message.clone(),
            None => {
                let call = self.call(number, &file);
                let answer = answered(|| officer.send_message(call.clone())).await?;
                self.note_message(number, answer);
                self.seen().said[&number].message.clone().expect("it was noted")
            }
        };
        let bytes = read(officer, &message).await.map_err(|error| error.to_string())?;
        if bytes == file { Ok(()) } else { Err("its bytes are others".to_owned()) }
    }

    /// Whether the attachment of a message reads at its destination as it was handed in.
    pub async fn holds(&self, officer: &Client, message: &str) -> Result<(), ClientError> {
        let bytes = read(officer, message).await?;
        // The sender was acknowledged, so we know which file it is.
        let file = self.of_message(message).map(|number| self.file(number));
        assert!(file.is_none_or(|file| file == bytes), "the attachment of {message} is another");
        Ok(())
    }
}

async fn read(officer: &Client, message: &str) -> Result<Vec<u8>, ClientError> {
    let asked = pb::ReadAttachmentRequest {
        origin: ORIGIN.to_owned(),
        message_id: message.to_owned(),
        attachment_id: ATTACHMENT.to_owned(),
        offset: 0,
    };
    let mut pieces = settled(|| officer.read_attachment(asked.clone())).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await? {
        bytes.extend(piece.bytes);
    }
    Ok(bytes)
}
