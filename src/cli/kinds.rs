//! `kinds`: the catalogue of what can be asked for. Needs no node.

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::domain::header::Channel;
use crate::domain::kinds::{self, Kind, KindCode};

/// What to do with kinds.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List all kinds of request
    #[command(before_help = "Example: rogatory kinds list --channel sea")]
    List {
        /// Only those that travel on this channel
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<Channel>,
    },
    /// Show one kind: who may receive it, how it may be answered
    #[command(before_help = "Example: rogatory kinds show SOM.8.2.VESSEL")]
    Show {
        /// Its code
        code: String,
    },
}

/// Does it.
///
/// # Errors
/// If there is no such kind.
pub fn run(verb: &Verb, output: &Output) -> Result<()> {
    match verb {
        Verb::List { channel } => list(*channel, output),
        Verb::Show { code } => show(code, output),
    }
}

fn list(channel: Option<Channel>, output: &Output) -> Result<()> {
    let found: Vec<KindCode> =
        KindCode::all().filter(|kind| channel.is_none_or(|it| it == kind.channel)).collect();
    output.list(
        || json!({ "kinds": found.iter().map(|it| to_json(it.kind())).collect::<Vec<_>>() }),
        "kinds",
        || {
            let rows = found.iter().map(|kind| {
                [kind.code, kind.channel.as_str(), kind.urgency.as_str(), kind.title]
                    .map(str::to_owned)
            });
            Sheet::new().table(["code", "channel", "urgency", "title"], rows)
        },
    )
}

fn show(code: &str, output: &Output) -> Result<()> {
    let kind = kinds::find(code).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no kind {code}; see rogatory kinds list"))
    })?;
    output.show(
        || to_json(kind),
        || {
            Sheet::new()
                .field("code", kind.code)
                .field("title", kind.title)
                .field("channel", kind.channel)
                .field("urgency", kind.urgency)
                .field("answers by", kind.profile.as_str())
                .field("receivers", kind.receivers.join(", "))
                .field("outcomes", kind.outcomes().collect::<Vec<_>>().join(", "))
        },
    )
}

fn to_json(kind: &Kind) -> Value {
    json!({
        "code": kind.code,
        "title": kind.title,
        "channel": kind.channel.as_str(),
        "urgency": kind.urgency.as_str(),
        "profile": kind.profile.as_str(),
        "receivers": kind.receivers,
        "outcomes": kind.outcomes().collect::<Vec<_>>(),
    })
}
