//! The worked examples: message files that stand in the tree, with their times moved.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cli::demo::carry::Corridor;
use crate::cli::demo::made;
use crate::cli::demo::times::Move;
use crate::clock::Timestamp;

/// One of the worked examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Example {
    /// Bank records, UNTOC art. 18(3)(f).
    BankRecords,
    /// A vessel, Protocol art. 8(2).
    Vessel,
    /// A passport, Protocol art. 13.
    Document,
    /// Nationality, Protocol art. 18(3).
    Nationality,
    /// Spontaneous information on a route, Protocol art. 10, UNTOC art. 18(4).
    Route,
    /// A witness heard by video, UNTOC art. 18(18).
    Hearing,
}

impl Example {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::BankRecords,
        Self::Vessel,
        Self::Document,
        Self::Nationality,
        Self::Route,
        Self::Hearing,
    ];

    /// Those that open a request and are not followed further.
    pub(super) const OPENERS: [(Self, &str); 4] = [
        (Self::Document, "Panama asks Ecuador: is this passport good?"),
        (Self::Nationality, "South Africa asks Ethiopia: is he your national?"),
        (Self::Route, "Tunisia tells Italy, unasked, of a departure"),
        (Self::Hearing, "Belgium asks Iraq to hear a witness by video"),
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::BankRecords => {
                include_str!("../../../config/demo/ex1-bank-records-untoc-18-3-f.json")
            }
            Self::Vessel => {
                include_str!("../../../config/demo/ex2-vessel-boarding-som-8-2.json")
            }
            Self::Document => {
                include_str!("../../../config/demo/ex3-document-verification-som-13.json")
            }
            Self::Nationality => {
                include_str!("../../../config/demo/ex4-nationality-verification-som-18-3.json")
            }
            Self::Route => {
                include_str!("../../../config/demo/ex5-spontaneous-route-som-10-untoc-18-4.json")
            }
            Self::Hearing => {
                include_str!("../../../config/demo/ex6-witness-video-hearing-untoc-18-18.json")
            }
        }
    }

    /// The name of its file.
    pub(super) const fn file_name(self) -> &'static str {
        match self {
            Self::BankRecords => "ex1-bank-records.json",
            Self::Vessel => "ex2-vessel.json",
            Self::Document => "ex3-document.json",
            Self::Nationality => "ex4-nationality.json",
            Self::Route => "ex5-route.json",
            Self::Hearing => "ex6-hearing.json",
        }
    }
}

/// The whole life of the request for bank records.
const THREAD: &str = include_str!("../../../config/demo/thread1-ex1-lifecycle.json");
/// Messages of that life, the request included.
pub(super) const THREAD_MESSAGES: u64 = 13;

fn issued_at(message: &Value) -> Result<Timestamp> {
    let issued = message.get("issued_at").and_then(Value::as_str);
    issued.and_then(Timestamp::parse).context("an example has a time of issue")
}

/// An example with its times moved, so that it is issued at `start`.
///
/// # Errors
/// If the file that was built in does not read.
pub(super) fn load(example: Example, start: Timestamp) -> Result<Value> {
    let mut value: Value = serde_json::from_str(example.text())?;
    Move::new(issued_at(&value)?, start).value(&mut value);
    made::describe(&mut value);
    Ok(value)
}

/// The same message without its ids: the node gives new ones, so that it can be sent again.
pub(super) fn as_new(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        fields.shift_remove("message_id");
        fields.shift_remove("request_id");
    }
    message
}

/// Plays the request for bank records and every message of its life, each sent by its author.
///
/// # Errors
/// A rejection, a proof that does not hold, or a message that does not arrive in time.
pub(super) async fn play_thread(corridor: &mut Corridor<'_>, start: Timestamp) -> Result<()> {
    let request: Value = serde_json::from_str(Example::BankRecords.text())?;
    let moving = Move::new(issued_at(&request)?, start);
    let moved = load(Example::BankRecords, start)?;
    let title = "Brazil asks the Emirates for bank records";
    let opened = corridor.carry(title, &as_new(&moved)).await?;
    let mut ids = BTreeMap::from([(id_of(&request)?, opened.message)]);
    for message in thread()? {
        let mut moved = message.clone();
        moving.value(&mut moved);
        made::describe(&mut moved);
        let answers = message.get("in_reply_to").and_then(Value::as_str).unwrap_or_default();
        let answers = ids.get(answers).context("a message answers one that came before")?;
        if let Some(fields) = moved.as_object_mut() {
            fields.shift_remove("message_id");
            // Issued when it is sent: a node does not believe a message from the future.
            fields.shift_remove("issued_at");
            fields.insert("request_id".to_owned(), opened.request.clone().into());
            fields.insert("in_reply_to".to_owned(), answers.clone().into());
        }
        let act = message.get("message_type").and_then(Value::as_str).unwrap_or_default();
        let from = message.get("from").and_then(Value::as_str).unwrap_or_default();
        let who = if from.starts_with("bra.") { "Brazil" } else { "The Emirates" };
        let carried = corridor.carry(&format!("{who}: {}", title_of(act)), &moved).await?;
        ids.insert(id_of(&message)?, carried.message);
    }
    Ok(())
}

fn thread() -> Result<Vec<Value>> {
    let thread: Value = serde_json::from_str(THREAD)?;
    let messages = thread.get("messages").and_then(Value::as_array);
    messages.cloned().context("a thread has messages")
}

fn id_of(message: &Value) -> Result<String> {
    let id = message.get("message_id").and_then(Value::as_str);
    id.map(str::to_owned).context("a message of the examples has an id")
}

fn title_of(act: &str) -> &str {
    match act {
        "ack_receipt" => "the request is here",
        "transmitted_for_execution" => "the prosecution executes it",
        "clarification_request" => "a question",
        "supplement" => "the answer to the question",
        "progress_query" => "how far is it?",
        "progress_report" => "so far",
        "conditions_offer" => "a condition",
        "conditions_accept" => "the condition is accepted",
        "partial_result" => "a part of the records",
        "result" => "the rest of the records",
        "receipt_of_result" => "the records are here and intact",
        "closing" => "the request is closed",
        other => other,
    }
}

/// Plays the examples that open a request and are not followed further.
///
/// # Errors
/// A rejection, a proof that does not hold, or a message that does not arrive in time.
pub(super) async fn play_openers(corridor: &mut Corridor<'_>, start: Timestamp) -> Result<()> {
    for (example, title) in Example::OPENERS {
        corridor.carry(title, &as_new(&load(example, start)?)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{draft, json};

    fn start() -> Timestamp {
        Timestamp::parse("2027-03-05T12:00:30Z").unwrap()
    }

    #[test]
    fn every_example_is_a_message_file_and_starts_now() {
        for example in Example::ALL {
            let value = load(example, start()).unwrap();
            assert_eq!(value.get("issued_at").unwrap(), "2027-03-05T12:00:30Z");
            let read = json::read_file(as_new(&value).to_string().as_bytes()).unwrap();
            assert!(read.message_id.is_none() && read.request_id.is_none());
            let read = draft::read(read).unwrap();
            assert_eq!(read.issued_at, Some(start()), "{example:?}");
        }
    }

    #[test]
    fn the_thread_answers_message_by_message() {
        let messages = thread().unwrap();
        assert_eq!(messages.len() as u64 + 1, THREAD_MESSAGES);
        let request: Value = serde_json::from_str(Example::BankRecords.text()).unwrap();
        let mut last = id_of(&request).unwrap();
        for message in messages {
            assert_eq!(message.get("in_reply_to").unwrap(), last.as_str());
            let act = message.get("message_type").and_then(Value::as_str).unwrap();
            assert_ne!(title_of(act), act);
            json::read_file(message.to_string().as_bytes()).unwrap();
            last = id_of(&message).unwrap();
        }
    }
}
