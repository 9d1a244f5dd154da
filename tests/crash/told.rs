//! What a receiving node stated to its neighbour, and whether it stands by it after a cut.

use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::merkle::receipt::TlogProof;
use rogatory::transport::client::Client;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;
use tokio::task::JoinSet;

use crate::attaching::Attaching;
use crate::check::{answered, settled};
use crate::erasing::Erasing;
use crate::load::Acknowledged;
use crate::network::{DESTINATION, HUB, Network, ORIGIN};

/// Statements that are asked for at a time.
const PAGE: i32 = 500;
/// Messages that are looked at at the same time.
const AT_ONCE: usize = 32;

/// A message that the receiving node says it has.
#[derive(Clone)]
struct Delivered {
    message: String,
    statement: Statement,
}

/// What was said and asked besides, by which a message is judged.
pub struct Besides<'a> {
    /// Messages whose sender was acknowledged.
    pub sent: &'a [Acknowledged],
    /// What was to be erased.
    pub erasing: &'a Erasing,
    /// Files that were sent.
    pub attaching: &'a Attaching,
}

/// The statements of the receiving node, as its neighbour keeps them.
#[derive(Default)]
pub struct Told {
    start: u64,
    delivered: Vec<Delivered>,
    /// Messages whose attachment the receiving node says it has.
    arrived: Vec<String>,
}

impl Told {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.delivered.len() + self.arrived.len()
    }

    /// How many attachments are there.
    pub fn arrived(&self) -> usize {
        self.arrived.len()
    }

    /// Asks the neighbour for what it has heard since.
    pub async fn hear(&mut self, network: &Network, neighbour: &Client) {
        loop {
            let asked = pb::ListStatementsRequest { start: self.start, page_size: PAGE };
            let page = answered(|| neighbour.list_statements(asked)).await;
            let page = page.unwrap_or_else(|why| panic!("the hub's statements: {why}"));
            for kept in page.statements {
                self.start = kept.index + 1;
                let heard = Statement { entry: kept.entry, proof: kept.proof };
                let checked = statement::check(&network.made.directory, heard.clone());
                let checked = checked.expect("the hub keeps what holds");
                if checked.entry.journal.agency().as_str() != DESTINATION {
                    continue;
                }
                let message = checked.message.message.to_string();
                match checked.station.as_str() {
                    "delivered" => self.delivered.push(Delivered { message, statement: heard }),
                    "attachment_arrived" => self.arrived.push(message),
                    _ => {}
                }
            }
            if page.next_start == 0 {
                return;
            }
        }
    }

    /// A caller who may ask the neighbour.
    pub async fn neighbour(network: &Network) -> Client {
        network.client(HUB, Role::Auditor).await
    }

    /// Why each message and attachment counts as lost that the node had said it has.
    pub async fn lost(&self, network: &Network, besides: &Besides<'_>) -> Vec<String> {
        let Besides { sent, erasing, attaching } = *besides;
        let officer = network.client(DESTINATION, Role::Officer).await;
        let auditor = network.client(DESTINATION, Role::Auditor).await;
        let facts_of = |it: &Delivered| {
            let sent = sent.iter().find(|sent| sent.answer.message_id == it.message);
            sent.map(Acknowledged::facts)
        };
        let mut tasks = JoinSet::new();
        for part in self.delivered.chunks(self.delivered.len().div_ceil(AT_ONCE).max(1)) {
            let part: Vec<_> = part.iter().map(|it| (it.clone(), facts_of(it))).collect();
            let (officer, auditor) = (officer.clone(), auditor.clone());
            let erasing = erasing.clone();
            tasks.spawn(async move {
                let mut lost = Vec::new();
                for (it, facts) in part {
                    let looked = it.look(&officer, &auditor, (facts, &erasing)).await;
                    lost.extend(looked.err().map(|why| format!("message {}: {why}", it.message)));
                }
                lost
            });
        }
        let mut lost = tasks.join_all().await.concat();
        for message in &self.arrived {
            match attaching.holds(&officer, message).await {
                Err(error) if error.reason() == "CONTENT_ERASED" && erasing.was_asked(message) => {}
                Err(error) => lost.push(format!("the attachment of message {message}: {error}")),
                Ok(()) => {}
            }
        }
        lost
    }
}

impl Delivered {
    async fn look(
        &self,
        officer: &Client,
        auditor: &Client,
        (facts, erasing): (Option<String>, &Erasing),
    ) -> Result<(), String> {
        let proof = TlogProof::parse(&self.statement.proof).map_err(|it| it.to_string())?;
        let signed = SignedCheckpoint::parse(&proof.checkpoint).map_err(|it| it.to_string())?;
        let (index, size) = (proof.index, signed.checkpoint.size);
        let asked = pb::ProveInclusionRequest { index, size };
        let proven = answered(|| auditor.prove_inclusion(asked)).await?;
        if proven.entry != self.statement.entry {
            return Err(format!("entry {index} is another"));
        }
        let now = TlogProof::parse(&proven.proof).map_err(|it| it.to_string())?;
        // A later cosignature may stand beside the lines that were given, byte for byte.
        let given = |line| now.checkpoint.split(|it| *it == b'\n').any(|it| it == line);
        let mut lines = proof.checkpoint.split(|it| *it == b'\n');
        if (now.index, now.hashes) != (index, proof.hashes) || !lines.all(given) {
            return Err("its receipt is another".to_owned());
        }
        let asked =
            pb::ReadMessageRequest { origin: ORIGIN.to_owned(), message_id: self.message.clone() };
        let read = settled(|| officer.read_message(asked.clone())).await;
        let Some(read) = erasing.judge(&self.message, read, officer).await? else {
            return Ok(());
        };
        let content = read.content.ok_or("it has no content")?;
        match facts {
            // The sender was acknowledged, so we know what it says.
            Some(facts) if content.facts() != facts => Err("its content is another".to_owned()),
            Some(_) | None => Ok(()),
        }
    }
}
