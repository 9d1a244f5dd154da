//! Lists requests: the newest first, or those that are filed under a reference.

use anyhow::Result;
use clap::Args;

use crate::cli::call::Line;
use crate::cli::marks;
use crate::cli::output::Output;
use crate::cli::request::due;
use crate::cli::sheet::Sheet;
use crate::wire::{json, pb};

/// Most requests or deadlines that a node gives at a time.
pub const PAGE_MAX: u32 = 200;

/// What to list.
#[derive(Debug, Args)]
pub struct Listing {
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: u32,
    /// Where an earlier list ended
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TOKEN")]
    pub page_token: String,
    /// List what is owed in the requests, the next first
    #[arg(long)]
    pub due: bool,
    /// Leave out what the other side owes
    #[arg(long, requires = "due")]
    pub ours: bool,
    /// List the requests that either side files under this reference, compared exactly
    #[arg(long, value_name = "REF", conflicts_with_all = ["due", "limit", "page_token"])]
    pub reference: Option<String>,
}

/// Lists what is asked for.
///
/// # Errors
/// What the node answers.
pub async fn run(line: &Line, listing: Listing, output: &Output) -> Result<()> {
    if listing.due {
        return due::run(line, listing, output).await;
    }
    match listing.reference {
        Some(reference) => search(line, reference, output).await,
        None => newest(line, listing.limit, listing.page_token, output).await,
    }
}

async fn newest(line: &Line, limit: u32, token: String, output: &Output) -> Result<()> {
    let whole = fetch(line, limit, token).await?;
    let more = whole.next_page_token.clone();
    output.list(|| json::from_message(&whole), "requests", || sheet(&whole.requests, output))?;
    if !more.is_empty() {
        output.note(format!("there are more: --page-token {more}"));
    }
    Ok(())
}

async fn search(line: &Line, reference: String, output: &Output) -> Result<()> {
    let asked = pb::SearchRequestsRequest { reference };
    let found = line.client.search_requests(asked).await?;
    output.list(|| json::from_message(&found), "requests", || sheet(&found.requests, output))?;
    if found.requests.is_empty() {
        output.note("no request is filed under this reference");
    }
    Ok(())
}

/// Up to `limit` requests from a place on.
///
/// # Errors
/// What the node answers.
pub async fn fetch(
    line: &Line,
    limit: u32,
    token: String,
) -> Result<pb::ListRequestStatesResponse> {
    let mut whole = pb::ListRequestStatesResponse { requests: Vec::new(), next_page_token: token };
    loop {
        let have = u32::try_from(whole.requests.len()).unwrap_or(u32::MAX);
        let wanted = limit.saturating_sub(have).min(PAGE_MAX);
        if wanted == 0 {
            return Ok(whole);
        }
        let asked = pb::ListRequestStatesRequest {
            page_size: i32::try_from(wanted).unwrap_or(i32::MAX),
            page_token: whole.next_page_token.clone(),
        };
        let page = line.client.list_request_states(asked).await?;
        whole.requests.extend(page.requests);
        whole.next_page_token = page.next_page_token;
        if whole.next_page_token.is_empty() {
            return Ok(whole);
        }
    }
}

fn sheet(requests: &[pb::RequestState], output: &Output) -> Sheet {
    let times = output.times();
    let rows = requests.iter().flat_map(|request| {
        request.parties.iter().map(move |party| {
            [
                request.request_id.clone(),
                request.kind.clone(),
                request.requester.clone(),
                party.agency.clone(),
                party.state.clone(),
                party.owner.clone(),
                times.show(&party.due),
                party.due_source.clone(),
                times.show(&request.opened_at),
                marks::of_request(request),
            ]
        })
    });
    let header =
        ["request", "kind", "requester", "at", "state", "next", "due", "by", "opened", "marks"];
    Sheet::new().table(header, rows)
}
