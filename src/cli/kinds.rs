//! `kinds`: the catalogue of what can be asked for. Needs no node.

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::domain::grounds::Ground;
use crate::domain::header::Channel;
use crate::domain::kinds::block::Block;
use crate::domain::kinds::{Kind, KindCode};

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
    /// Show one kind: who sends and receives it, what it must say, how it may be answered or refused
    #[command(before_help = "Example: rogatory kinds show SOM.8.2.VESSEL")]
    Show {
        /// Its code
        code: String,
    },
}

/// The row with this code.
///
/// # Errors
/// Exit status 5 if there is no such kind.
pub fn find(code: &str) -> Result<KindCode> {
    let text = || format!("there is no kind {code}; see rogatory kinds list");
    code.parse().map_err(|_| Failure::new(Exit::NotFound, text()).into())
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
                [kind.code, kind.channel.as_str(), kind.urgency_default(), kind.title]
                    .map(str::to_owned)
            });
            Sheet::new().table(["code", "channel", "urgency", "title"], rows)
        },
    )
}

fn show(code: &str, output: &Output) -> Result<()> {
    let kind = find(code)?.kind();
    output.show(
        || to_json(kind),
        || {
            let sheet = Sheet::new()
                .field("code", kind.code)
                .field("title", kind.title)
                .field("group", kind.group.as_str())
                .field("instrument", kind.instrument())
                .field("legal basis", kind.legal_basis)
                .field("senders", kind.senders.join(", "))
                .field("receivers", kind.receivers.join(", "))
                .field("answers by", kind.responses())
                .field("outcomes", kind.outcomes().collect::<Vec<_>>().join(", "))
                .field("refusal", kind.refusal.says)
                .field("postponement", kind.postponement.as_str())
                .field("urgency", kind.urgency_default())
                .field("deadline", kind.deadline_anchor)
                .field("channel", kind.channel)
                .field("why", kind.channel_reason);
            let blocks = rows_of("must", kind.must_say()).chain(rows_of("may", kind.optional));
            let grounds = kind
                .refusal
                .all()
                .map(|it| ["ground", it.code, it.source, it.text, ""].map(str::to_owned));
            sheet.table(["", "name", "source", "what", "places"], blocks.chain(grounds))
        },
    )
}

/// Blocks as rows of a table: whether it must be said, its name, source, form and places.
fn rows_of<'b>(
    need: &'static str,
    blocks: impl IntoIterator<Item = &'b Block>,
) -> impl Iterator<Item = [String; 5]> {
    let row = move |it: &Block| [need, it.name, it.source, it.says, &places(it)].map(str::to_owned);
    blocks.into_iter().map(row)
}

/// `/facts, or /questions`.
fn places(block: &Block) -> String {
    let ways: Vec<String> = block.places.iter().map(|group| group.join(" and ")).collect();
    ways.join(", or ")
}

fn to_json(kind: &Kind) -> Value {
    json!({
        "code": kind.code,
        "title": kind.title,
        "group": kind.group.as_str(),
        "instrument": kind.instrument(),
        "legal_basis": kind.legal_basis,
        "senders": kind.senders,
        "receivers": kind.receivers,
        "mandatory": kind.must_say().map(block_json).collect::<Vec<_>>(),
        "optional": kind.optional.iter().map(block_json).collect::<Vec<_>>(),
        "profile": kind.profile.as_str(),
        "responses": kind.responses(),
        "outcomes": kind.outcomes().collect::<Vec<_>>(),
        "refusal": kind.refusal.says,
        "grounds": kind.refusal.all().map(ground_json).collect::<Vec<_>>(),
        "postponement": kind.postponement.as_str(),
        "urgency": kind.urgency.as_str(),
        "urgency_default": kind.urgency_default(),
        "deadline_anchor": kind.deadline_anchor,
        "channel": kind.channel.as_str(),
        "channel_reason": kind.channel_reason,
    })
}

fn block_json(block: &Block) -> Value {
    json!({
        "name": block.name,
        "source": block.source,
        "says": block.says,
        "places": block.places,
    })
}

fn ground_json(ground: &Ground) -> Value {
    json!({ "code": ground.code, "source": ground.source, "text": ground.text })
}
