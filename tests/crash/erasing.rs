//! Erases on the receiving node while its power is cut: what it said is erased stays erased, and what
//! nobody asked to be erased is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::pb;
use tokio::task::JoinSet;

use crate::network::callers::insistently;
use crate::network::drafts::DESTINATION_DESK;
use crate::network::{DESTINATION, Network, ORIGIN};

/// One of so many messages is erased.
const EACH: usize = 3;

#[derive(Default)]
struct Seen {
    after: u64,
    asked: BTreeSet<String>,
    erased: BTreeMap<String, pb::ErasedMessage>,
}

/// What was asked to be erased, and what the node said is; clones share it.
#[derive(Clone, Default)]
pub struct Erasing(Arc<Mutex<Seen>>);

impl Erasing {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("no holder panics")
    }

    /// How many messages are erased by what the node said.
    pub fn count(&self) -> usize {
        self.seen().erased.len()
    }

    /// Whether it was asked that a message is erased.
    pub fn was_asked(&self, message: &str) -> bool {
        self.seen().asked.contains(message)
    }

    /// Starts to erase; it ends with the value.
    pub async fn start(&self, network: &Network) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.clone().erase(network.client(DESTINATION, Role::Officer).await));
        tasks
    }

    async fn erase(self, officer: Client) {
        loop {
            let asked = pb::ListMessagesRequest {
                contact_point: DESTINATION_DESK.to_owned(),
                after: self.seen().after,
                page_size: 50,
                wait_seconds: 1,
                ..pb::ListMessagesRequest::default()
            };
            let page = insistently(|| officer.list_messages(asked.clone())).await;
            for item in page.items {
                let message = item.message.map(|it| it.message_id).unwrap_or_default();
                if (item.sequence as usize).is_multiple_of(EACH) {
                    self.seen().asked.insert(message.clone());
                    let call = call(&message);
                    let done = insistently(|| officer.erase_content(call.clone())).await;
                    let [done] = <[_; 1]>::try_from(done.messages).expect("one message");
                    self.seen().erased.insert(message, done);
                }
                self.seen().after = item.sequence;
            }
        }
    }

    /// What a reading of a message must come to, and why it did not.
    pub async fn judge(
        &self,
        message: &str,
        read: Result<pb::ReadMessageResponse, ClientError>,
        officer: &Client,
    ) -> Result<Option<pb::ReadMessageResponse>, String> {
        let (asked, said) = {
            let seen = self.seen();
            (seen.asked.contains(message), seen.erased.get(message).cloned())
        };
        match (read, said) {
            (Ok(_), Some(_)) => Err("it is erased, and opens".to_owned()),
            (Ok(read), None) => Ok(Some(read)),
            (Err(error), _) if error.reason() != "CONTENT_ERASED" => Err(error.to_string()),
            (Err(_), None) if !asked => Err("nobody asked to erase it".to_owned()),
            (Err(_), said) => {
                let again = officer.erase_content(call(message)).await;
                let again = again.map_err(|error| error.to_string())?.messages;
                let entry = |it: &pb::ErasedMessage| it.receipt.clone().map(|it| it.entry);
                let same = said.is_none_or(|said| again.iter().any(|it| entry(it) == entry(&said)));
                if same { Ok(None) } else { Err("its erasure is another".to_owned()) }
            }
        }
    }
}

fn call(message: &str) -> pb::EraseContentRequest {
    pb::EraseContentRequest {
        message_id: message.to_owned(),
        origin: ORIGIN.to_owned(),
        cause: "own_decision".to_owned(),
        ..pb::EraseContentRequest::default()
    }
}
