//! What a node owes: listed, shown, and decided where it waits for an operator; and the word that it
//! takes nothing new.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::inbox::Name;
use crate::cli::output::Output;
use crate::cli::request::access;
use crate::cli::request::send::{tell_key, unknown};
use crate::cli::sheet::Sheet;
use crate::cli::times::parse_duration;
use crate::wire::{json, pb};

/// Most things that a node gives at a time.
const PAGE_MAX: u32 = 200;
/// Pause between two looks at a node that drains.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What of the queue is wanted.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Asked {
    /// The verb; list where none is given
    #[command(subcommand)]
    verb: Option<Verb>,
    /// What to list.
    #[command(flatten)]
    listing: Listing,
}

/// Which part of the queue.
#[derive(Debug, Clone, Args)]
pub struct Listing {
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Where an earlier list ended
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TOKEN")]
    page_token: String,
    /// Only what was set aside and waits for an operator
    #[arg(long)]
    set_aside: bool,
}

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List all that the node owes: what was set aside, what each peer is owed, and drafts
    #[command(before_help = "Example: rogatory node queue list --set-aside")]
    List(Listing),
    /// Show what is owed of one message, or a draft
    #[command(before_help = "Example: rogatory node queue show 0198c2f4-…")]
    Show(Which),
    /// Try a message again that was set aside
    #[command(before_help = "Example: rogatory node queue release 0198c2f4-…")]
    Release(Deciding),
    /// End a message here that was set aside: it is returned, or not delivered, and its origin is told
    #[command(
        before_help = "Example: rogatory node queue return 0198c2f4-…",
        after_help = "What a peer was offered and has not answered is never returned: it may have it. \
                      Release it, and it is asked again."
    )]
    Return(Deciding),
}

/// Names a message.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Id of the message; AGENCY/ID where two agencies might use the same
    #[arg(value_name = "ID")]
    name: Name,
}

/// Names a message, and the call about it.
#[derive(Debug, Clone, Args)]
pub struct Deciding {
    /// Which one.
    #[command(flatten)]
    which: Which,
    /// Names the call; the same key with the same message is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Does it.
///
/// # Errors
/// What the node answers; exit status 5 for what is not owed, 7 for a receipt that does not hold.
pub async fn run(line: &Line, asked: Asked, output: &Output) -> Result<()> {
    match asked.verb {
        None => list(line, &asked.listing, output).await,
        Some(Verb::List(listing)) => list(line, &listing, output).await,
        Some(Verb::Show(which)) => show(line, &which.name, output).await,
        Some(Verb::Release(deciding)) => release(line, &deciding, output).await,
        Some(Verb::Return(deciding)) => give_back(line, &deciding, output).await,
    }
}

async fn list(line: &Line, listing: &Listing, output: &Output) -> Result<()> {
    let next_page_token = listing.page_token.clone();
    let mut whole = pb::ListQueueResponse { next_page_token, ..Default::default() };
    loop {
        let have = u32::try_from(whole.items.len()).unwrap_or(u32::MAX);
        let wanted = listing.limit.saturating_sub(have).min(PAGE_MAX);
        if wanted == 0 {
            break;
        }
        let asked = pb::ListQueueRequest {
            page_size: i32::try_from(wanted).unwrap_or(i32::MAX),
            page_token: whole.next_page_token.clone(),
            only_set_aside: listing.set_aside,
            ..Default::default()
        };
        let page = line.client.list_queue(asked).await?;
        whole.items.extend(page.items);
        (whole.next_page_token, whole.drain) = (page.next_page_token, page.drain);
        if whole.next_page_token.is_empty() {
            break;
        }
    }
    if let Some(drain) = &whole.drain {
        output.note(drains(drain, output));
    }
    output.list(|| json::from_message(&whole), "items", || table(&whole.items, output))?;
    if !whole.next_page_token.is_empty() {
        output.note(format!("there are more: --page-token {}", whole.next_page_token));
    }
    Ok(())
}

fn table(items: &[pb::QueuedItem], output: &Output) -> Sheet {
    let times = output.times();
    let rows = items.iter().map(|it| {
        [
            named(it),
            it.message_id.clone(),
            it.origin.clone(),
            it.destination.clone(),
            next_hop(it),
            it.state.clone(),
            it.lane.clone(),
            times.show(&it.since),
            times.show(&it.next_try),
            it.attempts.to_string(),
            it.must_act.clone(),
            it.reason.clone(),
        ]
    });
    let header = [
        "item",
        "message",
        "origin",
        "destination",
        "peer",
        "state",
        "lane",
        "since",
        "next try",
        "attempts",
        "must act",
        "reason",
    ];
    Sheet::new().table(header, rows)
}

/// The next hop, and the one that it takes the place of.
fn next_hop(item: &pb::QueuedItem) -> String {
    match item.ways.last().filter(|it| !it.from.is_empty() && it.from != it.to) {
        Some(way) if way.to == item.peer => format!("{} (not {})", item.peer, way.from),
        Some(_) | None => item.peer.clone(),
    }
}

fn named(item: &pb::QueuedItem) -> String {
    match item.number {
        0 => item.item.clone(),
        number => format!("{} {number}", item.item),
    }
}

/// What is owed of the messages with this name.
async fn of_name(line: &Line, name: &Name, only_set_aside: bool) -> Result<pb::ListQueueResponse> {
    let message_id = name.id.to_string();
    let asked = pb::ListQueueRequest { message_id, only_set_aside, ..Default::default() };
    let mut answer = line.client.list_queue(asked).await?;
    if let Some(origin) = &name.origin {
        answer.items.retain(|it| it.origin == origin.as_str());
    }
    Ok(answer)
}

async fn show(line: &Line, name: &Name, output: &Output) -> Result<()> {
    let answer = of_name(line, name, false).await?;
    if answer.items.is_empty() {
        let text = format!("nothing is owed of {}", name.id);
        return Err(Failure::new(Exit::NotFound, text).into());
    }
    let times = output.times();
    let sheet = || {
        answer.items.iter().fold(Sheet::new(), |sheet, it| {
            let handover = if it.handover == 0 { String::new() } else { it.handover.to_string() };
            let ways = it.ways.iter().map(|way| way_chosen(way, &times.show(&way.at)));
            sheet
                .field("item", named(it))
                .field("message", &it.message_id)
                .field("origin", &it.origin)
                .field("destination", &it.destination)
                .field("state", &it.state)
                .field("peer", &it.peer)
                .field("must act", &it.must_act)
                .field("since", times.show(&it.since))
                .field("next try", times.show(&it.next_try))
                .field("attempts", it.attempts)
                .field("reason", &it.reason)
                .field("handover in doubt", handover)
                .field("lane", &it.lane)
                .field("expires", times.show(&it.expires_at))
                .field("way chosen", ways.collect::<Vec<_>>().join("; "))
                .line("")
        })
    };
    output.list(|| json::from_message(&answer), "items", sheet)
}

/// A way that was chosen, in words.
fn way_chosen(way: &pb::WayChoice, at: &str) -> String {
    let before = match way.from.as_str() {
        "" => String::new(),
        from if from == way.to => " again".to_owned(),
        from => format!(" instead of {from}"),
    };
    format!("{at} by {}{before}: {}", way.to, way.reason)
}

/// The agency of origin of a message that was set aside.
async fn origin(line: &Line, name: &Name) -> Result<String> {
    if let Some(origin) = &name.origin {
        return Ok(origin.to_string());
    }
    let (id, mut found) = (name.id, of_name(line, name, true).await?.items);
    if found.len() > 1 {
        let text = format!("several agencies sent a message {id}; name one: AGENCY/{id}");
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let found = found.pop().map(|it| it.origin);
    found.ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("no message {id} is set aside here")).into()
    })
}

fn key(deciding: &Deciding, output: &Output) -> String {
    let key = deciding.idempotency_key.clone().unwrap_or_else(call::new_key);
    tell_key(&key, deciding.idempotency_key.is_some(), output);
    key
}

async fn release(line: &Line, deciding: &Deciding, output: &Output) -> Result<()> {
    let name = &deciding.which.name;
    let (origin, key) = (origin(line, name).await?, key(deciding, output));
    let asked = pb::ReleaseSetAsideRequest {
        idempotency_key: key.clone(),
        origin,
        message_id: name.id.to_string(),
    };
    let answered = line.client.release_set_aside(asked).await;
    let answer = answered.map_err(|error| unknown(error, "releasing", &key))?;
    let told = access::told(line, "way_chosen", answer.receipt.clone(), output)?;
    let to = match answer.peer.as_str() {
        "" => String::new(),
        peer => format!(", by way of {peer}"),
    };
    let text = format!("{} is tried again{to}: {told}", name.id);
    output.show(|| json::from_message(&answer), || Sheet::new().line(text))
}

async fn give_back(line: &Line, deciding: &Deciding, output: &Output) -> Result<()> {
    let name = &deciding.which.name;
    let (origin, key) = (origin(line, name).await?, key(deciding, output));
    let is_own = origin == line.agency.as_str();
    let asked = pb::ReturnSetAsideRequest {
        idempotency_key: key.clone(),
        origin,
        message_id: name.id.to_string(),
    };
    let answered = line.client.return_set_aside(asked).await;
    let answer = answered.map_err(|error| unknown(error, "returning", &key))?;
    let fact = if is_own { "undelivered" } else { "returned" };
    let told = access::told(line, fact, answer.receipt.clone(), output)?;
    let text = format!("{} is {fact}: {told}", name.id);
    output.show(|| json::from_message(&answer), || Sheet::new().line(text))
}

/// Whether the node takes anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Take nothing new, and hand over what is here
    On,
    /// Take again
    Off,
}

/// What to do.
#[derive(Debug, Args)]
pub struct Draining {
    /// on or off; how it stands where neither is given
    switch: Option<Switch>,
    /// Wait so long until nothing is owed but what waits for people
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
}

/// Lets a node take nothing new, or take again, or says how it stands.
///
/// # Errors
/// What the node answers; exit status 8 if it still owes something when the time is over.
pub async fn drain(line: &Line, asked: &Draining, output: &Output) -> Result<()> {
    let state = match asked.switch {
        Some(switch) => {
            let asked = pb::SetDrainRequest { on: switch == Switch::On };
            line.client.set_drain(asked).await?.drain
        }
        None => drain_state(line).await?,
    };
    let Some(wait) = asked.wait else {
        return show_drain(state, output);
    };
    let state = state.context("the node takes new work; there is nothing to wait for")?;
    let doing = output.doing("waiting until nothing is owed");
    let emptied = tokio::time::timeout(wait, emptied(line, state)).await;
    drop(doing);
    match emptied {
        Ok(state) => show_drain(state?, output),
        Err(_) => {
            let text = "it still owes something: rogatory node queue list";
            Err(Failure::new(Exit::Pending, text).into())
        }
    }
}

async fn drain_state(line: &Line) -> Result<Option<pb::DrainState>> {
    Ok(line.client.get_node_status(pb::GetNodeStatusRequest {}).await?.drain)
}

/// How the node stands once nothing is owed; none if it takes again before.
async fn emptied(line: &Line, mut state: pb::DrainState) -> Result<Option<pb::DrainState>> {
    while !state.empty {
        tokio::time::sleep(LOOK_INTERVAL).await;
        match drain_state(line).await? {
            Some(next) => state = next,
            None => return Ok(None),
        }
    }
    Ok(Some(state))
}

fn show_drain(state: Option<pb::DrainState>, output: &Output) -> Result<()> {
    let answer = pb::SetDrainResponse { drain: state };
    let sheet = || match &answer.drain {
        None => Sheet::new().line("the node takes new work"),
        Some(it) => Sheet::new()
            .line(drains(it, output))
            .field("messages", it.messages)
            .field("attachments", it.attachments)
            .field("statements", it.statements)
            .field("without a way", it.waiting_for_way)
            .field("set aside, for an operator", it.set_aside)
            .field("drafts, for an officer", it.drafts),
    };
    output.show(|| json::from_message(&answer), sheet)
}

fn drains(state: &pb::DrainState, output: &Output) -> String {
    let end = if state.empty { "it is empty" } else { "it still hands over what it has" };
    let since = output.times().show(&state.since);
    format!("the node takes nothing new since {since}, by {}: {end}", state.by)
}
