//! Prints what changes in requests: states, messages, stations. Everything known comes first.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Stream};
use crate::cli::request::list;
use crate::cli::sheet::Sheet;
use crate::domain::ids::RequestId;
use crate::wire::pb;

/// Requests that are looked at where none is named.
const REQUESTS_MAX: u32 = 50;

/// What to look at, and how often.
#[derive(Debug)]
pub struct Watch {
    /// One request, or all.
    pub request: Option<RequestId>,
    /// Pause between two looks.
    pub interval: Duration,
    /// When to give up.
    pub timeout: Option<Duration>,
}

/// Something that was not so before.
struct Change {
    request: String,
    what: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Watch {
    /// Watches until the request is over, or for ever.
    ///
    /// # Errors
    /// What the node answers; exit status 8 when the time is over.
    pub async fn run(&self, line: &Line, output: &Output) -> Result<()> {
        let mut stream = output.stream();
        let watching = self.watch(line, output, &mut stream);
        let ended = match self.timeout {
            Some(timeout) => tokio::time::timeout(timeout, watching)
                .await
                .unwrap_or_else(|_| Err(Failure::new(Exit::Pending, "the request goes on").into())),
            None => watching.await,
        };
        stream.finish()?;
        ended
    }

    async fn watch(&self, line: &Line, output: &Output, stream: &mut Stream) -> Result<()> {
        let mut known = BTreeSet::new();
        loop {
            let mut is_over = self.request.is_some();
            for id in self.ids(line).await? {
                let asked = pb::GetRequestStateRequest { request_id: id };
                let seen = line.client.get_request_state(asked).await?;
                let parties = seen.request.iter().flat_map(|it| &it.parties);
                is_over &= parties.clone().all(|it| it.owner == "nobody");
                for change in changes(&seen).into_iter().filter(|it| known.insert(it.key())) {
                    stream.push(|| change.to_json(), || change.to_sheet(output))?;
                }
            }
            if is_over {
                return Ok(());
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn ids(&self, line: &Line) -> Result<Vec<String>> {
        if let Some(id) = self.request {
            return Ok(vec![id.to_string()]);
        }
        let whole = list::fetch(line, REQUESTS_MAX, String::new()).await?;
        // The oldest first: what happened first is told first.
        Ok(whole.requests.into_iter().rev().map(|it| it.request_id).collect())
    }
}

fn changes(seen: &pb::GetRequestStateResponse) -> Vec<Change> {
    let request = seen.request.clone().unwrap_or_default();
    let mut found = Vec::new();
    let mut add = |what, fields| {
        found.push(Change { request: request.request_id.clone(), what, fields });
    };
    for message in &seen.messages {
        let id = ("message_id", message.message_id.clone());
        add(
            "message",
            vec![
                ("at", message.sent_at.clone()),
                id.clone(),
                ("message_type", message.message_type.clone()),
                ("outcome", message.outcome.clone()),
                ("from", message.from.clone()),
            ],
        );
        for station in &message.stations {
            add(
                "station",
                vec![
                    ("at", station.at.clone()),
                    id.clone(),
                    ("station", station.station.clone()),
                    ("agency", station.agency.clone()),
                    ("reason", station.reason.clone()),
                ],
            );
        }
    }
    for party in &request.parties {
        add(
            "state",
            vec![
                ("at", party.since.clone()),
                ("agency", party.agency.clone()),
                ("state", party.state.clone()),
                ("owner", party.owner.clone()),
                ("due", party.due.clone()),
                ("due_source", party.due_source.clone()),
            ],
        );
    }
    found
}

impl Change {
    fn key(&self) -> String {
        self.to_json().to_string()
    }

    fn present(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.fields.iter().filter(|(_, value)| !value.is_empty())
    }

    fn to_json(&self) -> Value {
        let mut object = json!({ "request_id": self.request, "change": self.what });
        if let Value::Object(object) = &mut object {
            let fields = self.present();
            object.extend(fields.map(|(name, value)| ((*name).to_owned(), json!(value))));
        }
        object
    }

    fn to_sheet(&self, output: &Output) -> Sheet {
        let values = self.present().map(|(name, value)| match *name {
            "at" | "due" => output.times().show(value),
            _ => value.clone(),
        });
        let named = [self.request.clone(), self.what.to_owned()];
        Sheet::new().row(named.into_iter().chain(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_station_and_each_state_is_a_change_of_its_own() {
        let station = |word: &str| pb::Station { station: word.to_owned(), ..Default::default() };
        let message = pb::MessageSummary {
            stations: vec![station("accepted"), station("delivered")],
            ..Default::default()
        };
        let party = pb::PartyState { state: "sent".to_owned(), ..Default::default() };
        let request = pb::RequestState { parties: vec![party], ..Default::default() };
        let seen = pb::GetRequestStateResponse { request: Some(request), messages: vec![message] };
        let found = changes(&seen);
        let words: Vec<&str> = found.iter().map(|it| it.what).collect();
        assert_eq!(words, ["message", "station", "station", "state"]);
        let keys: BTreeSet<String> = found.iter().map(Change::key).collect();
        assert_eq!(keys.len(), 4);
    }
}
