//! Waits until messages have reached a station.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::proof;
use crate::wire::pb;

/// Pause between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A station to wait for. One that lies behind it counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Goal {
    /// A transit, or the destination, took it over
    Relayed,
    /// The destination took it over
    Delivered,
    /// Somebody at the destination read it
    Retrieved,
}

impl Goal {
    const fn word(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
            Self::Retrieved => "retrieved",
        }
    }

    fn is_reached_by(self, station: &str) -> bool {
        let reaching: &[&str] = match self {
            Self::Relayed => &["relayed", "delivered", "retrieved"],
            Self::Delivered => &["delivered", "retrieved"],
            Self::Retrieved => &["retrieved"],
        };
        reaching.contains(&station)
    }
}

/// Waits for all messages, and verifies the proof of the station that ends the wait.
///
/// # Errors
/// Exit status 8 if one is pending when the time is over, 7 if one will never be delivered or a
/// proof does not hold.
pub async fn until(
    line: &Line,
    sent: &[pb::SentMessage],
    goal: Goal,
    timeout: Duration,
    output: &Output,
) -> Result<()> {
    let doing = output.doing(format!("waiting until {}", goal.word()));
    let all = async {
        for message in sent {
            one(line, message, goal, output).await?;
        }
        Ok(())
    };
    let waited = tokio::time::timeout(timeout, all).await;
    drop(doing);
    waited.unwrap_or_else(|_| {
        let request = sent.first().map(|it| it.request_id.as_str()).unwrap_or_default();
        let text = format!(
            "not {} yet; the message is accepted and goes on: rogatory request show --route {request}",
            goal.word()
        );
        Err(Failure::new(Exit::Pending, text).into())
    })
}

async fn one(line: &Line, sent: &pb::SentMessage, goal: Goal, output: &Output) -> Result<()> {
    loop {
        let asked = pb::GetMessageRequest {
            message_id: sent.message_id.clone(),
            ..pb::GetMessageRequest::default()
        };
        let message = line.client.get_message(asked).await?.message.context("an empty answer")?;
        let found = message.stations.iter().position(|it| goal.is_reached_by(&it.station));
        if let Some((station, standing)) = found.and_then(|at| {
            let standing =
                proof::stations(line.directory.as_ref(), &message).into_iter().nth(at)?;
            Some((message.stations.get(at)?, standing))
        }) {
            let text = format!("{} by {} ({standing})", station.station, station.agency);
            if standing.is_bad() {
                return Err(Failure::new(Exit::AnswerIsNo, text).into());
            }
            output.note(text);
            return Ok(());
        }
        if let Some(end) = message.stations.iter().find(|it| it.station == "undelivered") {
            let text = format!("the message will never be delivered: {}", end.reason);
            return Err(Failure::new(Exit::AnswerIsNo, text).into());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_beyond_the_goal_counts_too() {
        assert!(Goal::Relayed.is_reached_by("delivered"));
        assert!(Goal::Delivered.is_reached_by("retrieved"));
        assert!(!Goal::Delivered.is_reached_by("relayed"));
        assert!(!Goal::Relayed.is_reached_by("accepted"));
        assert!(!Goal::Relayed.is_reached_by("not_taken"));
    }
}
