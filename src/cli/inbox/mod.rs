//! `inbox`: what came in, for a desk: see it, take it, read it, answer it.
//!
//! In come a desk and message ids; out go the node's answers. A message is named by its id alone
//! where that is enough: `find.rs` looks up whose it is. What the node says it recorded (a lease, a
//! reading, an acknowledgement) is said here only once the receipt was verified.
//!
//! - `list.rs` and `watch.rs` show what is there and what comes; `act.rs` takes and gives back.
//! - `show.rs` opens content, which is on record; `save.rs` its attachments, which land where
//!   `landing.rs` says; `reply.rs` answers.

pub mod act;
pub mod find;
pub mod landing;
pub mod list;
pub mod reply;
pub mod save;
pub mod show;
pub mod watch;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::args::Global;
use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::times::parse_duration;
use crate::domain::ids::{AgencyId, MalformedId, MessageId};

/// What to do with the inbox.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List what came in, in the order in which it came
    #[command(before_help = "Example: rogatory inbox list --open")]
    List(list::Listing),
    /// Print what comes in, as it comes, for ever
    #[command(before_help = "Example: rogatory inbox watch --after 41 -o jsonl")]
    Watch {
        /// Begin after this place of the sequence
        #[arg(long, default_value_t = 0, value_name = "N")]
        after: u64,
    },
    /// Take a message, so that nobody else answers it meanwhile
    #[command(
        before_help = "Example: rogatory inbox claim 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --lease 1h"
    )]
    Claim {
        /// Which message.
        #[command(flatten)]
        message: Named,
        /// How long it is taken; the node's default where none is given
        #[arg(long, value_parser = parse_duration, value_name = "TIME")]
        lease: Option<Duration>,
        /// Names the call; the same key with the same message is the same call
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Give a message back that was taken
    #[command(before_help = "Example: rogatory inbox release 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    Release {
        /// Which message.
        #[command(flatten)]
        message: Named,
        /// Names the call
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Confirm that a message was processed; not the legal acknowledgement, which is a reply
    #[command(before_help = "Example: rogatory inbox ack 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    Ack {
        /// Which message.
        #[command(flatten)]
        message: Named,
        /// Names the call
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Read a message; that it was read, and by whom, is recorded and proved to its sender
    #[command(
        before_help = "Example: rogatory inbox show 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --save m.json"
    )]
    Show {
        /// Which message.
        #[command(flatten)]
        message: Named,
        /// Write the content to this message file
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Save an attachment of a message; a try that was cut off goes on where it ended
    #[command(
        before_help = "Example: rogatory inbox save 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b A1 --to order.pdf"
    )]
    Save {
        /// Which message.
        #[command(flatten)]
        message: Named,
        /// Id of the attachment within the message
        #[arg(value_name = "ATTACHMENT_ID")]
        attachment: String,
        /// Where to.
        #[command(flatten)]
        to: save::Where,
    },
    /// Answer a message: who, to whom and to what is filled in from it
    #[command(before_help = "Example: rogatory inbox reply 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --type result --outcome registry_confirmed -f result.json")]
    Reply(reply::Reply),
}

/// Names a message.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Id of the message; AGENCY/ID where two agencies might use the same
    #[arg(value_name = "MESSAGE_ID")]
    pub(in crate::cli) message: Name,
}

/// Id of a message, and the agency that sent it if that was said.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Name {
    /// The agency, if it was said.
    pub(in crate::cli) origin: Option<AgencyId>,
    /// The id.
    pub(in crate::cli) id: MessageId,
}

impl FromStr for Name {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        match text.split_once('/') {
            Some((origin, id)) => Ok(Self { origin: Some(origin.parse()?), id: id.parse()? }),
            None => Ok(Self { origin: None, id: text.parse()? }),
        }
    }
}

/// Does it.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    let line = Line::open(global).await?;
    match verb {
        Verb::List(listing) => list::run(&line, &listing, output).await,
        Verb::Watch { after } => watch::run(&line, after, output).await,
        Verb::Claim { message, lease, idempotency_key } => {
            let act = act::Act { line: &line, message, key: idempotency_key, output };
            act.claim(lease).await
        }
        Verb::Release { message, idempotency_key } => {
            act::Act { line: &line, message, key: idempotency_key, output }.release().await
        }
        Verb::Ack { message, idempotency_key } => {
            act::Act { line: &line, message, key: idempotency_key, output }.acknowledge().await
        }
        Verb::Show { message, save } => show::run(&line, &message, save.as_deref(), output).await,
        Verb::Save { message, attachment, to } => {
            save::run(&line, &message, (&attachment, &to), output).await
        }
        Verb::Reply(reply) => reply::run(&line, reply, output).await,
    }
}
