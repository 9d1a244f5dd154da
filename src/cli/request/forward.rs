//! Forwards a request that came to a wrong authority: the redirect notice tells its requester who is
//! competent, and goes there with the request and its origin's proof.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::inbox::{Named, reply};
use crate::cli::output::Output;
use crate::cli::request::check;
use crate::cli::request::send::Options;
use crate::domain::acts::Act;
use crate::domain::ids::ContactPointId;
use crate::domain::limits::CONTENT_BYTES_MAX;
use crate::wire::pb;

/// Which request goes on where, and why.
#[derive(Debug, Args)]
pub struct Forward {
    /// The message by which the request came.
    #[command(flatten)]
    pub message: Named,
    /// The contact point that is competent, agency and desk
    #[arg(long, value_name = "AGENCY/DESK")]
    pub to: ContactPointId,
    /// A text file that says why; the requester and the competent authority read it
    #[arg(long, value_name = "FILE")]
    pub note: PathBuf,
    /// Tell the requester only, who sends it there anew; as its handling or its attachments want it
    #[arg(long)]
    pub only_tell: bool,
    /// The rest of the notice as a message file; - reads stdin
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How it is sent.
    #[command(flatten)]
    pub options: Options,
}

/// Forwards it.
///
/// # Errors
/// A note that says nothing; what is wrong with the file, what the node answers, a receipt that does
/// not hold.
pub async fn run(line: &Line, forward: Forward, output: &Output) -> Result<()> {
    let Forward { message, to, note, only_tell, file, options } = forward;
    let reason = file::read_text(&note, u64::try_from(CONTENT_BYTES_MAX)?)?;
    if reason.trim().is_empty() {
        let text = format!("{} says nothing", note.display());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let rest = file.as_deref().map(check::read).transpose()?.unwrap_or_default();
    let redirect = pb::Redirect {
        to: Some(to.to_string()),
        reason: Some(reason.trim_end().to_owned()),
        passed_on: only_tell.then_some(false),
        original: None,
    };
    let draft = pb::Draft { redirect: Some(redirect), ..rest };
    let act = Some(Act::RedirectNotice);
    let notice = reply::Reply { message, act, outcome: None, file, options };
    reply::answer(line, notice, draft, output).await
}
