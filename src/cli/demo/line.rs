//! One caller's line to a node: the calls that the demo makes, with the caller's own certificate.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use arc_swap::ArcSwap;

use crate::cli::call::roots_of;
use crate::cli::demo::made;
use crate::cli::demo::network::Network;
use crate::clock::SystemClock;
use crate::domain::ids::AgencyId;
use crate::entropy::{self, SystemEntropy};
use crate::identity::Role;
use crate::transport::client::{Answers, Client, ClientSettings};
use crate::transport::limits::ATTACHMENT_PIECE_BYTES_MAX;
use crate::transport::tls::stream::ClientTls;
use crate::transport::tls::{self, OwnCertificate};
use crate::wire::{draft, pb};

/// Statements that are asked for at a time.
const STATEMENTS_PAGE: i32 = 500;

/// A caller that is connected to the node of its agency; clones share the connection.
#[derive(Clone)]
pub(super) struct Line {
    client: Client,
}

impl Line {
    /// Connects as `role` to the node of `agency`.
    ///
    /// # Errors
    /// If the certificate cannot be read or the node cannot be reached.
    pub(super) async fn open(network: &Network, agency: &AgencyId, role: Role) -> Result<Self> {
        let place = network.place(agency)?;
        let caller = place.callers.get(&role);
        let caller = caller.ok_or_else(|| anyhow!("{agency} has no {role}"))?;
        let own = OwnCertificate::from_pem(&read(&caller.certificate)?, &read(&caller.key)?)?;
        let config = tls::ClientSettings {
            expected: agency.clone(),
            own: Arc::new(own),
            roots: Arc::new(ArcSwap::from_pointee(roots_of(&network.directory))),
            clock: Arc::new(SystemClock),
        };
        let address = place.listen.agency.to_string();
        let settings = ClientSettings::new(address, ClientTls::new(config));
        let client = Client::connect(settings).await;
        Ok(Self { client: client.with_context(|| format!("calling the node of {agency}"))? })
    }

    /// Submits a message.
    ///
    /// # Errors
    /// The node's rejection, or that it cannot be reached; so for every call.
    pub(super) async fn send(&self, draft: pb::Draft) -> Result<Vec<pb::SentMessage>> {
        self.hand_in(&draft).await?;
        let request = pb::SendMessageRequest {
            idempotency_key: new_key(),
            draft: Some(draft),
            ..Default::default()
        };
        Ok(self.client.send_message(request).await?.messages)
    }

    /// Hands in the files that are made for what a message attaches.
    async fn hand_in(&self, draft: &pb::Draft) -> Result<()> {
        for it in draft::attachments_of(draft) {
            let made = made::bytes(&it.name.unwrap_or_default(), usize::try_from(it.bytes)?);
            let (size_bytes, sha256) = (it.bytes, it.digest.to_string());
            let asked = pb::BeginAttachmentRequest { size_bytes, sha256: sha256.clone() };
            let begun = self.client.begin_attachment(asked).await?;
            let (mut offset, mut complete) = (begun.next_offset, begun.complete);
            while !complete {
                let left = made.get(usize::try_from(offset)?..).unwrap_or_default();
                let bytes = left.iter().copied().take(ATTACHMENT_PIECE_BYTES_MAX).collect();
                let sha256 = sha256.clone();
                let asked = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
                let answer = self.client.append_attachment(asked).await?;
                (offset, complete) = (answer.next_offset, answer.complete);
            }
        }
        Ok(())
    }

    /// One message that this agency sent, with its stations.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn message(&self, message: &str) -> Result<pb::MessageSummary> {
        let message_id = message.to_owned();
        let request = pb::GetMessageRequest { message_id, ..Default::default() };
        let answer = self.client.get_message(request).await?;
        answer.message.context("an answer without a message")
    }

    /// The state of a request at the agency that executes it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn state(&self, request: &str, executing: &AgencyId) -> Result<String> {
        let asked = pb::GetRequestStateRequest { request_id: request.to_owned() };
        let answer = self.client.get_request_state(asked).await?;
        let parties = answer.request.context("an answer without a request")?.parties;
        let party = parties.into_iter().find(|it| it.agency == executing.as_str());
        Ok(party.context("the executing agency is no party")?.state)
    }

    /// Polls the inbox of a desk; waits up to `wait_seconds` for a message.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn inbox(
        &self,
        desk: &str,
        after: u64,
        wait_seconds: u32,
    ) -> Result<pb::ListMessagesResponse> {
        let request = pb::ListMessagesRequest {
            contact_point: desk.to_owned(),
            after,
            wait_seconds,
            ..Default::default()
        };
        Ok(self.client.list_messages(request).await?)
    }

    /// Takes a lease on a message.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn claim(
        &self,
        origin: &str,
        message: &str,
    ) -> Result<pb::ClaimMessageResponse> {
        let request = pb::ClaimMessageRequest {
            idempotency_key: new_key(),
            origin: origin.to_owned(),
            message_id: message.to_owned(),
            lease_seconds: 0,
        };
        Ok(self.client.claim_message(request).await?)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn read(
        &self,
        origin: &str,
        message: &str,
    ) -> Result<pb::ReadMessageResponse> {
        let (origin, message_id) = (origin.to_owned(), message.to_owned());
        Ok(self.client.read_message(pb::ReadMessageRequest { origin, message_id }).await?)
    }

    /// Confirms that a message was processed.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn acknowledge(
        &self,
        origin: &str,
        message: &str,
    ) -> Result<pb::AcknowledgeMessageResponse> {
        let request = pb::AcknowledgeMessageRequest {
            idempotency_key: new_key(),
            origin: origin.to_owned(),
            message_id: message.to_owned(),
        };
        Ok(self.client.acknowledge_message(request).await?)
    }

    /// The latest checkpoints of the journal.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn checkpoint(&self) -> Result<pb::GetCheckpointResponse> {
        Ok(self.client.get_checkpoint(pb::GetCheckpointRequest {}).await?)
    }

    /// The entries from `start` to `end`, one after the other.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn entries(
        &self,
        start: u64,
        end: u64,
    ) -> Result<Answers<pb::ReplayEntriesResponse>> {
        Ok(self.client.replay_entries(pb::ReplayEntriesRequest { start, end }).await?)
    }

    /// A page of the statements that the journal recorded.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn statements(&self, start: u64) -> Result<pb::ListStatementsResponse> {
        let request = pb::ListStatementsRequest { start, page_size: STATEMENTS_PAGE };
        Ok(self.client.list_statements(request).await?)
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn new_key() -> String {
    hex::encode(entropy::bytes::<16>(&SystemEntropy))
}
