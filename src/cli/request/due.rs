//! Lists what is owed in all requests, the next first.

use anyhow::Result;

use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::request::list::{Listing, PAGE_MAX};
use crate::cli::sheet::Sheet;
use crate::wire::{json, pb};

/// What the columns are.
pub const HEADER: [&str; 8] =
    ["due", "owes", "obligation", "by", "stage", "request", "kind", "executing"];

/// Lists up to so many deadlines.
///
/// # Errors
/// What the node answers.
pub async fn run(line: &Line, listing: Listing, output: &Output) -> Result<()> {
    let whole = fetch(line, listing).await?;
    output.list(
        || json::from_message(&whole),
        "deadlines",
        || Sheet::new().table(HEADER, whole.deadlines.iter().map(|it| row(it, output))),
    )?;
    if !whole.next_page_token.is_empty() {
        output.note(format!("there are more: --page-token {}", whole.next_page_token));
    }
    Ok(())
}

async fn fetch(line: &Line, listing: Listing) -> Result<pb::ListDeadlinesResponse> {
    let mut whole =
        pb::ListDeadlinesResponse { deadlines: Vec::new(), next_page_token: listing.page_token };
    loop {
        let have = u32::try_from(whole.deadlines.len()).unwrap_or(u32::MAX);
        let wanted = listing.limit.saturating_sub(have).min(PAGE_MAX);
        if wanted == 0 {
            return Ok(whole);
        }
        let asked = pb::ListDeadlinesRequest {
            page_size: i32::try_from(wanted).unwrap_or(i32::MAX),
            page_token: whole.next_page_token,
            ours_only: listing.ours,
        };
        let page = line.client.list_deadlines(asked).await?;
        whole.deadlines.extend(page.deadlines);
        whole.next_page_token = page.next_page_token;
        if whole.next_page_token.is_empty() {
            return Ok(whole);
        }
    }
}

/// One deadline as a row.
pub fn row(deadline: &pb::Deadline, output: &Output) -> [String; 8] {
    [
        output.times().show(&deadline.due),
        if deadline.ours { "we" } else { "they" }.to_owned(),
        words(&deadline.obligation),
        words(&deadline.source),
        stage(&deadline.stage),
        deadline.request_id.clone(),
        deadline.kind.clone(),
        deadline.agency.clone(),
    ]
}

/// A word of the API as people write it.
fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// What has passed is written so that it is not read over.
fn stage(stage: &str) -> String {
    let shown = words(stage);
    if stage == "overdue" { shown.to_uppercase() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Global;

    #[test]
    fn a_deadline_says_who_owes_what_until_when_and_who_says_so() {
        let time_format = Some(crate::cli::times::TimeFormat::Iso);
        let global = Global { utc: true, time_format, ..Global::default() };
        let output = Output::new(&global);
        let deadline = pb::Deadline {
            request_id: "r-1".to_owned(),
            agency: "pan.maritime-authority".to_owned(),
            obligation: "confirm_in_writing".to_owned(),
            owner: "requester".to_owned(),
            due: "2027-03-05T12:00:30Z".to_owned(),
            source: "treaty_phrase".to_owned(),
            stage: "due_soon".to_owned(),
            ours: true,
            kind: "SOM.8.2.VESSEL".to_owned(),
        };
        let wanted = [
            "2027-03-05T12:00:30Z",
            "we",
            "confirm in writing",
            "treaty phrase",
            "due soon",
            "r-1",
            "SOM.8.2.VESSEL",
            "pan.maritime-authority",
        ];
        assert_eq!(row(&deadline, &output), wanted);
        let late = pb::Deadline { ours: false, stage: "overdue".to_owned(), ..deadline.clone() };
        let shown = row(&late, &output);
        assert_eq!([shown[1].as_str(), shown[4].as_str()], ["they", "OVERDUE"]);
        let early = pb::Deadline { stage: String::new(), ..deadline };
        assert_eq!(row(&early, &output)[4], "");
    }
}
