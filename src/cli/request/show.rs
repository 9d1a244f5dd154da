//! Shows a request: its state at each agency, and its messages.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::proof::{self, Standing};
use crate::cli::request::route;
use crate::cli::sheet::Sheet;
use crate::domain::ids::RequestId;
use crate::wire::{json, pb};

/// Shows one request.
///
/// # Errors
/// What the node answers; with `route`, exit status 7 if a proof does not hold.
pub async fn run(line: &Line, id: RequestId, route: bool, output: &Output) -> Result<()> {
    let asked = pb::GetRequestStateRequest { request_id: id.to_string() };
    let answer = line.client.get_request_state(asked).await?;
    let request = answer.request.clone().context("an empty answer")?;
    let standings: Vec<Vec<Standing>> = match route {
        true => {
            answer.messages.iter().map(|it| proof::stations(line.directory.as_ref(), it)).collect()
        }
        false => Vec::new(),
    };
    output.show(
        || with_standings(json::from_message(&answer), &standings),
        || sheet(&request, &answer.messages, &standings, output),
    )?;
    if standings.iter().flatten().any(Standing::is_bad) {
        return Err(Failure::new(Exit::AnswerIsNo, "a proof does not hold").into());
    }
    if !route {
        output.note(format!("the way of its messages: rogatory request show --route {id}"));
    }
    Ok(())
}

fn sheet(
    request: &pb::RequestState,
    messages: &[pb::MessageSummary],
    standings: &[Vec<Standing>],
    output: &Output,
) -> Sheet {
    let times = output.times();
    let parties = request.parties.iter().map(|it| {
        [
            it.agency.clone(),
            it.state.clone(),
            times.show(&it.since),
            it.owner.clone(),
            times.show(&it.due),
            it.due_source.clone(),
            it.possible_acts.join(" "),
        ]
    });
    let sheet = Sheet::new()
        .field("request", &request.request_id)
        .field("kind", &request.kind)
        .field("requester", &request.requester)
        .field("opened", times.show(&request.opened_at))
        .field("messages", request.message_count)
        .table(["agency", "state", "since", "next", "due", "by", "possible acts"], parties);
    if standings.is_empty() {
        return sheet.table(
            ["message", "", "act", "outcome", "from", "to", "sent", "last station"],
            messages.iter().map(|it| {
                [
                    it.message_id.clone(),
                    if it.incoming { "in" } else { "out" }.to_owned(),
                    it.message_type.clone(),
                    it.outcome.clone(),
                    it.from.clone(),
                    it.to.join(" "),
                    times.show(&it.sent_at),
                    last_station(it),
                ]
            }),
        );
    }
    messages
        .iter()
        .zip(standings)
        .fold(sheet, |sheet, (message, standings)| route::add(sheet, message, standings, output))
}

fn last_station(message: &pb::MessageSummary) -> String {
    match message.stations.last() {
        Some(last) if last.reason.is_empty() => format!("{} {}", last.station, last.agency),
        Some(last) => format!("{} {} {}", last.station, last.agency, last.reason),
        None => message.custody.clone(),
    }
}

/// The API's message, with what was found of each proof beside the station.
fn with_standings(mut answer: Value, standings: &[Vec<Standing>]) -> Value {
    let messages = answer.get_mut("messages").and_then(Value::as_array_mut);
    for (message, standings) in messages.into_iter().flatten().zip(standings) {
        let stations = message.get_mut("stations").and_then(Value::as_array_mut);
        for (station, standing) in stations.into_iter().flatten().zip(standings) {
            if let Value::Object(fields) = station {
                fields.insert("proof_found".to_owned(), standing.to_json());
            }
        }
    }
    answer
}
