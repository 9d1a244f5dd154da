//! Sends a request once more, to the agency that is competent: the same request, under its id.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::request::send::{self, Options};
use crate::domain::acts::Act;
use crate::domain::ids::{ContactPointId, RequestId};
use crate::wire::pb;

/// Which request goes where.
#[derive(Debug, Args)]
pub struct Anew {
    /// Id of the request
    pub request: RequestId,
    /// The contact point that is competent, agency and desk
    #[arg(long, value_name = "AGENCY/DESK")]
    pub to: ContactPointId,
    /// How it is sent.
    #[command(flatten)]
    pub options: Options,
}

/// Sends it.
///
/// # Errors
/// There is no such request of this agency; what the node answers; a receipt that does not hold.
pub async fn run(line: &Line, anew: &Anew, output: &Output) -> Result<()> {
    let asked = pb::GetRequestStateRequest { request_id: anew.request.to_string() };
    let known = line.client.get_request_state(asked).await?;
    let opens = |it: &&pb::MessageSummary| it.message_type == Act::Request.as_str() && !it.incoming;
    let Some(opening) = known.messages.iter().find(opens) else {
        let text = "this agency did not send that request, so it can't send it anew";
        return Err(Failure::new(Exit::Refused, text.to_owned()).into());
    };
    let asked = pb::GetMessageRequest {
        message_id: opening.message_id.clone(),
        with_content: true,
        ..pb::GetMessageRequest::default()
    };
    let content = line.client.get_message(asked).await?.content;
    let draft = pb::Draft {
        to: vec![anew.to.to_string()],
        // It is another message, issued now.
        message_id: None,
        issued_at: None,
        ..content.context("an answer without content")?
    };
    send::send(line, draft, &anew.options, output).await
}
