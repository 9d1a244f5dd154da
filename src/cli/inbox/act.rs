//! Takes, gives back, acknowledges: each is an entry, and its receipt is verified.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::inbox::{Named, find};
use crate::cli::output::Output;
use crate::cli::proof::{self, Expected};
use crate::cli::sheet::Sheet;
use crate::cli::times::whole_seconds;
use crate::wire::{json, pb};

/// One act on one message.
pub struct Act<'a> {
    /// The node.
    pub line: &'a Line,
    /// The message.
    pub message: Named,
    /// Names the call.
    pub key: Option<String>,
    /// Where the answer goes.
    pub output: &'a Output,
}

impl Act<'_> {
    /// Takes a lease.
    ///
    /// # Errors
    /// What the node answers, or a receipt that does not hold.
    pub async fn claim(&self, lease: Option<Duration>) -> Result<()> {
        let origin = find::origin(self.line, &self.message).await?;
        let asked = pb::ClaimMessageRequest {
            idempotency_key: self.key(),
            origin: origin.clone(),
            message_id: self.message.message.id.to_string(),
            lease_seconds: lease.map_or(0, whole_seconds),
        };
        let answer = self.line.client.claim_message(asked).await?;
        let until = self.output.times().show(&answer.lease_until);
        let text = format!("claimed; the lease ends {until}");
        self.told(&origin, "claimed", answer.receipt.clone(), &text, || {
            json::from_message(&answer)
        })?;
        self.output.note(format!("read it: rogatory inbox show {}", self.message.message.id));
        Ok(())
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// As [`Act::claim`].
    pub async fn release(&self) -> Result<()> {
        let origin = find::origin(self.line, &self.message).await?;
        let asked = pb::ReleaseMessageRequest {
            idempotency_key: self.key(),
            origin: origin.clone(),
            message_id: self.message.message.id.to_string(),
        };
        let answer = self.line.client.release_message(asked).await?;
        let receipt = answer.receipt.clone();
        self.told(&origin, "released", receipt, "released", || json::from_message(&answer))
    }

    /// Confirms processing.
    ///
    /// # Errors
    /// As [`Act::claim`].
    pub async fn acknowledge(&self) -> Result<()> {
        let origin = find::origin(self.line, &self.message).await?;
        let asked = pb::AcknowledgeMessageRequest {
            idempotency_key: self.key(),
            origin: origin.clone(),
            message_id: self.message.message.id.to_string(),
        };
        let answer = self.line.client.acknowledge_message(asked).await?;
        let receipt = answer.receipt.clone();
        self.told(&origin, "acknowledged", receipt, "acknowledged", || json::from_message(&answer))
    }

    fn key(&self) -> String {
        self.key.clone().unwrap_or_else(call::new_key)
    }

    fn told(
        &self,
        origin: &str,
        fact: &str,
        receipt: Option<pb::Statement>,
        text: &str,
        json: impl FnOnce() -> Value,
    ) -> Result<()> {
        let message = self.message.message.id.to_string();
        let expected =
            Expected { fact, agency: self.line.agency.as_str(), origin, message: &message };
        verify(self.line, receipt, expected, self.output)?;
        self.output.show(json, || Sheet::new().line(format!("{message} {text}")))
    }
}

/// Verifies the receipt of what the node says it recorded.
///
/// # Errors
/// Exit status 7 if it does not hold.
pub fn verify(
    line: &Line,
    receipt: Option<pb::Statement>,
    expected: Expected<'_>,
    output: &Output,
) -> Result<()> {
    let Some(directory) = &line.directory else {
        output.note("the receipt is not checked: no directory is named");
        return Ok(());
    };
    let checked = proof::check_about(directory, receipt.unwrap_or_default(), expected);
    checked.map(drop).map_err(|why| {
        let text = format!("the receipt ({}) does not hold: {why}", expected.fact);
        Failure::new(Exit::AnswerIsNo, text).into()
    })
}
