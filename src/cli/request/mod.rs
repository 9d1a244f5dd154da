//! `request`: send requests and follow them.
//!
//! In come message files and ids; out go the node's answers. A message is said to be accepted only
//! once its receipt was verified here; what is shown of a station's proof was verified here too.
//!
//! - `template.rs` writes a file to be filled in; `check.rs` judges files without a node; `send.rs`
//!   sends one; `anew.rs` sends a request once more, where a wrong authority named another; `forward.rs`
//!   forwards what came to a wrong authority.
//! - `list.rs`, `show.rs`: what the node knows; `due.rs`: what is owed; `route.rs`: the way that
//!   messages took.
//! - `addressed.rs`: to whom a competence led.
//! - `access.rs`: who has sight of a confidential request; `statistics.rs`: the figures of a year.
//! - `approve.rs`: what waits for a second pair of eyes.
//! - `keep.rs`: what is erased, and what is held so that it is not.
//! - `wait.rs`: until a station is reached; `watch.rs`: what changes.

pub mod access;
pub mod addressed;
pub mod anew;
pub mod attach;
pub mod approve;
pub mod check;
pub mod due;
pub mod forward;
pub mod keep;
pub mod list;
pub mod route;
pub mod send;
pub mod show;
pub mod statistics;
pub mod template;
pub mod wait;
pub mod watch;

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::args::Global;
use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::times::parse_duration;
use crate::domain::ids::RequestId;

/// What to do with requests.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Send a message: a new request, or any act in the life of one
    #[command(
        before_help = "Example: rogatory request send -f boarding.json --wait delivered",
        after_help = "The file is JSON; `rogatory request check` judges it without sending. The \
                      same --idempotency-key with the same file is the same call: it is safe to \
                      repeat."
    )]
    Send(send::Sending),
    /// Send a request once more, to the authority that a redirect notice named
    #[command(
        before_help = "Example: rogatory request anew 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --to mlt.central-authority/mla",
        after_help = "It is the same request under the same id, in a message of its own. A wrong \
                      authority passes a request on itself where its handling allows that."
    )]
    Anew(anew::Anew),
    /// Forward a request that came to a wrong authority to the one that is competent, and tell its requester
    #[command(
        before_help = "Example: rogatory request forward 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --to mlt.central-authority/mla --note why.txt -f notice.json",
        after_help = "The id is that of the message by which the request came. It is a redirect notice \
                      (rogatory inbox reply --type redirect_notice): the competent authority gets the \
                      request as it came, with its origin's proof, where its handling lets it go there; \
                      its requester is told where it is. With --only-tell it sends the request there \
                      itself: rogatory request anew."
    )]
    Forward(forward::Forward),
    /// Judge message files by the law, without a node and without sending them
    #[command(
        before_help = "Example: rogatory request check -f boarding.json --network directory.toml",
        after_help = "Every finding is told at once: what stops the message (reject), what its \
                      reader should look at (warn), what is worth knowing (note). Without \
                      --network it is not known who is competent and in which language; without \
                      --parties only the built-in table says who is party to what. Whether an act \
                      is possible now is for a node to say. Exit code 6 if a file is refused."
    )]
    Check(check::Checking),
    /// Write a message file with every field that a kind of request needs, to be filled in
    #[command(
        before_help = "Example: rogatory request template SOM.8.2.VESSEL > boarding.json",
        after_help = "Lines that begin with // are comments; they say what is expected and why, \
                      and may stay in the file. With -o json the file comes without them."
    )]
    Template {
        /// Code of the kind; see rogatory kinds list
        kind: String,
    },
    /// List requests, newest first; what is owed in them; or those under a reference
    #[command(
        before_help = "Example: rogatory request list --due --ours",
        after_help = "With --due each line says when something is due, who owes it (we or they), \
                      what, and who says so: policy, agreed, treaty phrase or suggested."
    )]
    List(list::Listing),
    /// Show a request: its state at each agency, its messages, the way that they took
    #[command(
        before_help = "Example: rogatory request show 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --route"
    )]
    Show {
        /// Id of the request
        request: RequestId,
        /// Show every station with time and duration, and verify its proof
        #[arg(long)]
        route: bool,
    },
    /// Print what changes in a request, or in all of them, until it is over
    #[command(
        before_help = "Example: rogatory request watch 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b -o jsonl"
    )]
    Watch {
        /// Id of the request; all requests where none is given
        request: Option<RequestId>,
        /// Look so often
        #[arg(long, default_value = "2s", value_parser = parse_duration, value_name = "TIME")]
        interval: Duration,
        /// Stop after this time, with exit code 8
        #[arg(long, value_parser = parse_duration, value_name = "TIME")]
        timeout: Option<Duration>,
    },
    /// Give somebody of the agency sight of a confidential request
    #[command(
        before_help = "Example: rogatory request grant 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       officer/night-officer"
    )]
    Grant(access::Access),
    /// Take sight of a confidential request from somebody
    #[command(
        before_help = "Example: rogatory request revoke 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       officer/night-officer"
    )]
    Revoke(access::Access),
    /// List what waits for a second pair of eyes, or show one draft with all that it says
    #[command(
        before_help = "Example: rogatory request approvals",
        after_help = "The agency's policy about its desks (handling.desks of the node) says what waits: \
                      `request send` then answers with a draft instead of a message. Shown are own \
                      drafts, and those that the caller may approve or send back."
    )]
    Approvals(approve::Waiting),
    /// Approve a draft of somebody else; it is sent with that
    #[command(
        before_help = "Example: rogatory request approve 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
    )]
    Approve(approve::Approving),
    /// Take an own draft back that waits, or send one of somebody else back
    #[command(before_help = "Example: rogatory request withdraw-draft \
                       0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    WithdrawDraft(approve::Withdrawing),
    /// Erase the content of a message, or of all messages of a request, for good
    #[command(
        before_help = "Example: rogatory request erase 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --reason own_decision --yes",
        after_help = "The keys of the content are destroyed at this node. What was sent, when and by \
                      whom stays on record, and every proof still verifies. The agency that a message \
                      went to is asked to erase it too where the reason is an order, or where the \
                      sender keeps control of what it gave. Content that is held \
                      (rogatory request hold) or still on its way is not erased."
    )]
    Erase(keep::Erasing),
    /// Keep what the other side asks to be erased, and tell it why
    #[command(
        before_help = "Example: rogatory request keep 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --origin ita.coast-guard --reason in_proceedings",
        after_help = "What others ask to be erased stands in `request list --due` as answer erasure \
                      and at the message as the station erasure_asked. `request erase` erases it. \
                      What is held is kept without a word: the node tells that itself."
    )]
    Keep(keep::Refusing),
    /// Record that somebody looked whether the content of a request is still needed
    #[command(
        before_help = "Example: rogatory request review 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --keep-until 2028-03-01",
        after_help = "A review is owed where a message names a time for it, or the node's [retention] \
                      sets one; it stands in `request list --due` as review retention. Where content is \
                      needed no more, `request erase` erases it, and --erased says so."
    )]
    Review(keep::Reviewing),
    /// Hold a request: nothing of it is erased until it is released
    #[command(before_help = "Example: rogatory request hold 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    Hold(keep::Holding),
    /// Release a request that is held
    #[command(
        before_help = "Example: rogatory request release 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    )]
    Release(keep::Holding),
    /// Count the requests of a year by State, kind, outcome and time taken
    #[command(
        before_help = "Example: rogatory request statistics --year 2026 --csv",
        after_help = statistics::COLUMNS_HELP
    )]
    Statistics(statistics::Figures),
}

/// Does it.
///
/// # Errors
/// What the node answers, or a proof that does not hold.
pub async fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    match verb {
        Verb::Check(checking) => check::run(&checking, output),
        Verb::Template { kind } => template::run(&kind, output),
        Verb::Send(sending) => send::run(sending, global, output).await,
        Verb::Anew(anew) => anew::run(&Line::open(global).await?, &anew, output).await,
        Verb::Forward(it) => forward::run(&Line::open(global).await?, it, output).await,
        Verb::List(listing) => list::run(&Line::open(global).await?, listing, output).await,
        Verb::Show { request, route } => {
            show::run(&Line::open(global).await?, request, route, output).await
        }
        Verb::Watch { request, interval, timeout } => {
            let watch = watch::Watch { request, interval, timeout };
            watch.run(&Line::open(global).await?, output).await
        }
        Verb::Grant(access) => access::grant(&Line::open(global).await?, access, output).await,
        Verb::Revoke(access) => access::revoke(&Line::open(global).await?, access, output).await,
        Verb::Approvals(it) => approve::waiting(&Line::open(global).await?, it, output).await,
        Verb::Approve(it) => approve::approve(&Line::open(global).await?, it, output).await,
        Verb::WithdrawDraft(it) => approve::withdraw(&Line::open(global).await?, it, output).await,
        Verb::Erase(erasing) => keep::erase(&Line::open(global).await?, erasing, output).await,
        Verb::Keep(refusing) => keep::refuse(&Line::open(global).await?, refusing, output).await,
        Verb::Review(it) => keep::review(&Line::open(global).await?, it, output).await,
        Verb::Hold(holding) => keep::hold(&Line::open(global).await?, holding, output).await,
        Verb::Release(holding) => keep::release(&Line::open(global).await?, holding, output).await,
        Verb::Statistics(figures) => {
            figures.judge(output)?;
            statistics::run(&Line::open(global).await?, &figures, output).await
        }
    }
}
