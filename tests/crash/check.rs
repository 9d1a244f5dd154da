//! What must hold of each acknowledged message after a cut.

use std::sync::Arc;
use std::time::Duration;

use rogatory::directory::Directory;
use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::merkle::receipt::TlogProof;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;
use tokio::task::JoinSet;

use crate::load::Acknowledged;
use crate::network::callers::is_passing;
use crate::network::{Network, ORIGIN};

/// Messages that are looked at at the same time.
const AT_ONCE: usize = 32;
/// A call that the node can't answer now is made so often.
const ATTEMPTS_MAX: u32 = 5;
/// Pause between two such attempts.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(200);

/// Those who look.
#[derive(Clone)]
struct Callers {
    officer: Client,
    auditor: Client,
    directory: Arc<Directory>,
}

/// Why each lost message counts as lost; empty if all are there and whole.
pub async fn lost(network: &Network, acknowledged: &[Acknowledged]) -> Vec<String> {
    let callers = Callers {
        officer: network.client(ORIGIN, Role::Officer).await,
        auditor: network.client(ORIGIN, Role::Auditor).await,
        directory: Arc::clone(&network.made.directory),
    };
    let mut tasks = JoinSet::new();
    for part in acknowledged.chunks(acknowledged.len().div_ceil(AT_ONCE).max(1)) {
        let (part, callers) = (part.to_vec(), callers.clone());
        tasks.spawn(async move {
            let mut lost = Vec::new();
            for it in part {
                if let Err(why) = callers.look(&it).await {
                    lost.push(format!("message {} of the load: {why}", it.number));
                }
            }
            lost
        });
    }
    tasks.join_all().await.concat()
}

impl Callers {
    async fn look(&self, message: &Acknowledged) -> Result<(), String> {
        self.opens(message).await?;
        self.is_proven(message).await?;
        self.has_its_receipt(message).await
    }

    /// The message is there, and its content opens.
    async fn opens(&self, message: &Acknowledged) -> Result<(), String> {
        let asked = pb::GetMessageRequest {
            message_id: message.answer.message_id.clone(),
            with_content: true,
            ..pb::GetMessageRequest::default()
        };
        let shown = answered(|| self.officer.get_message(asked.clone())).await?;
        let content = shown.content.ok_or("it has no content")?;
        let same = content.facts() == message.facts();
        if same { Ok(()) } else { Err("its content is another".to_owned()) }
    }

    /// The receipt verifies, and the journal as it is now still holds its entry at its place.
    async fn is_proven(&self, message: &Acknowledged) -> Result<(), String> {
        let receipt = message.answer.receipt.clone().ok_or("it had no receipt")?;
        let receipt = Statement::from_pb(receipt).map_err(|it| it.to_string())?;
        let place = TlogProof::parse(&receipt.proof).map_err(|it| it.to_string())?.index;
        let checked = statement::check(&self.directory, receipt.clone());
        let checked = checked.map_err(|it| format!("its receipt: {it}"))?;
        if checked.message.message.to_string() != message.answer.message_id {
            return Err("its receipt is of another message".to_owned());
        }
        let asked = pb::ProveInclusionRequest { index: place, size: 0 };
        let proven = answered(|| self.auditor.prove_inclusion(asked)).await?;
        if proven.entry != receipt.entry {
            return Err(format!("entry {place} is another"));
        }
        let now = Statement { entry: proven.entry, proof: proven.proof };
        statement::check(&self.directory, now).map_err(|it| format!("its proof: {it}"))?;
        Ok(())
    }

    /// The same call gets the same receipt, byte for byte.
    async fn has_its_receipt(&self, message: &Acknowledged) -> Result<(), String> {
        let call = message.call();
        let again = answered(|| self.officer.send_message(call.clone())).await?;
        if !again.repeated_call {
            return Err("its call is forgotten".to_owned());
        }
        let same = again.messages == std::slice::from_ref(&message.answer);
        if same { Ok(()) } else { Err("its receipt is another".to_owned()) }
    }
}

/// The answer to a call, or why there is none.
pub async fn answered<T, F>(call: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, ClientError>>,
{
    settled(call).await.map_err(|error| error.to_string())
}

/// What a call comes to, once the node can answer it.
pub async fn settled<T, F>(mut call: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut attempts = 1;
    loop {
        match call().await {
            Err(error) if is_passing(&error) && attempts < ATTEMPTS_MAX => {
                attempts += 1;
                tokio::time::sleep(ATTEMPT_PAUSE).await;
            }
            settled => return settled,
        }
    }
}
