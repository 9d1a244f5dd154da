//! What an agency's people look after: who has sight of what, what is owed, what was filed under
//! which reference, and the figures of a year.

use tonic::{Request, Status};

use crate::clock::Timestamp;
use crate::domain::ids::RequestId;
use crate::history::dues::{self, DueKey};
use crate::history::requests;
use crate::identity::permission::Verb;
use crate::identity::principal::Principal;
use crate::identity::spiffe;
use crate::node::command::{Command, Outcome};
use crate::node::query;
use crate::node::setting::Setting;
use crate::node::sight;
use crate::node::statistics::{self, Count, Group};
use crate::node::writer::Writer;
use crate::node::{proofs, references};
use crate::transport::limits::INBOX_SCAN_MAX;
use crate::transport::{caller, pages, status, views};
use crate::wire::pb;

/// Gives or takes sight of a request; gives the receipt of the entry about it.
///
/// # Errors
/// `NOT_FOUND` for a request that the caller has no sight of, or what the door says.
pub async fn change_sight(
    writer: &Writer,
    principal: Principal,
    asked: pb::GrantAccessRequest,
    granted: bool,
) -> Result<Option<pb::Statement>, Status> {
    let setting = writer.setting();
    let request: RequestId = caller::name("/request_id", &asked.request_id)?;
    let holder = spiffe::parse(&asked.holder)
        .map_err(|fault| status::of_field("/holder", "MALFORMED", fault.to_string()))?;
    let method = if granted { "GrantAccess" } else { "RevokeAccess" };
    let submitted = caller::fingerprint(setting, method, &asked);
    let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
    let command = Command::Sight { call, request, holder, granted };
    let decided = writer.ask(command).await.map_err(status::of_rejection)?;
    let Outcome::Done(position) = decided else {
        return Err(status::of_failure(&"a change of sight came to something else"));
    };
    let receipt = views::read(writer, move |setting| {
        proofs::statement(setting, position).map_err(|error| status::of_history(&error))
    });
    Ok(Some(views::statement(receipt.await?)))
}

/// What is owed, the next first, as far as the caller may see it.
///
/// # Errors
/// A token of another list, or a state that can't be read.
pub fn deadlines(
    setting: &Setting,
    holder: &str,
    asked: &pb::ListDeadlinesRequest,
) -> Result<pb::ListDeadlinesResponse, Status> {
    let broken = |error| status::of_history(&error);
    let size = pages::size(asked.page_size)?;
    let key = &setting.keys.fingerprint;
    let mut place = pages::deadlines_after(key, &asked.page_token)?;
    let mut found = Vec::new();
    let mut looked_at = 0;
    while looked_at < INBOX_SCAN_MAX {
        let page = dues::by_time(setting.store.as_ref(), place.as_ref(), size).map_err(broken)?;
        let ended = page.len() < size;
        looked_at += page.len();
        for (at, due) in page {
            if found.len() == size {
                let next_page_token = place.map(|it| pages::of_deadlines(key, &it));
                let next_page_token = next_page_token.unwrap_or_default();
                return Ok(pb::ListDeadlinesResponse { deadlines: found, next_page_token });
            }
            place = Some(at);
            let shown = deadline(setting, holder, &due)?;
            found.extend(shown.filter(|it| it.ours || !asked.ours_only));
        }
        if ended {
            return Ok(pb::ListDeadlinesResponse {
                deadlines: found,
                next_page_token: String::new(),
            });
        }
    }
    let next_page_token = place.map(|it| pages::of_deadlines(key, &it)).unwrap_or_default();
    Ok(pb::ListDeadlinesResponse { deadlines: found, next_page_token })
}

fn deadline(setting: &Setting, holder: &str, due: &DueKey) -> Result<Option<pb::Deadline>, Status> {
    let broken = |error| status::of_history(&error);
    let rows = setting.store.as_ref();
    let (Some(open), Some(request)) = (
        dues::find(rows, due).map_err(broken)?,
        requests::find(rows, due.request).map_err(broken)?,
    ) else {
        return Ok(None);
    };
    if !sight::has(setting, rows, due.request, holder).map_err(broken)? {
        return Ok(None);
    }
    let side = requests::side(&request, &setting.agency);
    Ok(Some(views::deadline(due.request, &due.party, (request.kind, side), &open)))
}

/// The requests filed under a reference, as far as the caller may see them.
///
/// # Errors
/// A state that can't be read.
pub fn search(
    setting: &Setting,
    holder: &str,
    reference: &str,
) -> Result<pb::SearchRequestsResponse, Status> {
    let broken = |error| status::of_history(&error);
    if reference.is_empty() {
        return Err(status::of_field("/reference", "REQUIRED", "the field is required"));
    }
    let rows = setting.store.as_ref();
    let mark = references::mark(setting, reference);
    let mut requests = Vec::new();
    for id in crate::history::references::requests(rows, &mark).map_err(broken)? {
        if sight::has(setting, rows, id, holder).map_err(broken)? {
            let view = query::request(setting, id).map_err(broken)?;
            requests.extend(view.map(|it| views::request(&setting.agency, &it)));
        }
    }
    Ok(pb::SearchRequestsResponse { requests })
}

/// The figures of a year.
///
/// # Errors
/// A year that no calendar has, or a state that can't be read.
pub fn figures(setting: &Setting, year: u32) -> Result<pb::GetStatisticsResponse, Status> {
    let first = |year: u32| Timestamp::parse(&format!("{year:04}-01-01T00:00:00Z"));
    let (Some(begin), Some(end)) = (first(year), first(year.saturating_add(1))) else {
        return Err(status::of_field("/year", "OUT_OF_RANGE", "it is a year from 0000 to 9998"));
    };
    let rows = statistics::between(setting, begin, end).map_err(|it| status::of_history(&it))?;
    let rows = rows.into_iter().map(|(group, count)| row(group, &count)).collect();
    Ok(pb::GetStatisticsResponse { year, rows })
}

fn row(group: Group, count: &Count) -> pb::StatisticsRow {
    let seconds = |millis: i64| u64::try_from(millis / 1000).unwrap_or(0);
    let median = |times: &[i64]| seconds(Count::median_ms(times));
    pb::StatisticsRow {
        state: group.state,
        direction: if group.sent { "sent" } else { "received" }.to_owned(),
        kind: group.kind,
        urgency: group.urgency.to_owned(),
        outcome: group.outcome.to_owned(),
        count: count.count,
        acknowledged_seconds: median(&count.acknowledged_ms),
        answered_seconds: median(&count.answered_ms),
        concluded_seconds: median(&count.concluded_ms),
        concluded_seconds_max: seconds(count.concluded_ms.iter().copied().max().unwrap_or(0)),
        overdue: count.overdue,
        late: count.late,
    }
}

/// The caller's name where sight is asked for.
///
/// # Errors
/// As [`caller::caller`].
pub fn holder<T>(request: &Request<T>, setting: &Setting, verb: Verb) -> Result<String, Status> {
    Ok(caller::caller(request, setting, verb)?.to_string())
}
