//! Lists requests, newest first.

use anyhow::Result;

use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::wire::{json, pb};

/// Most requests that a node gives at a time.
const PAGE_MAX: u32 = 200;

/// Lists up to `limit` requests.
///
/// # Errors
/// What the node answers.
pub async fn run(line: &Line, limit: u32, token: String, output: &Output) -> Result<()> {
    let whole = fetch(line, limit, token).await?;
    let more = whole.next_page_token.clone();
    output.list(|| json::from_message(&whole), "requests", || sheet(&whole, output))?;
    if !more.is_empty() {
        output.note(format!("there are more: --page-token {more}"));
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

fn sheet(whole: &pb::ListRequestStatesResponse, output: &Output) -> Sheet {
    let times = output.times();
    let rows = whole.requests.iter().flat_map(|request| {
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
            ]
        })
    });
    let header = ["request", "kind", "requester", "at", "state", "next", "due", "by", "opened"];
    Sheet::new().table(header, rows)
}
