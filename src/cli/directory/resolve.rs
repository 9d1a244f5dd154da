//! `directory resolve`: where a message would go, as the node says.

use anyhow::Result;

use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::Timestamp;
use crate::domain::competence::Function;
use crate::domain::ids::ContactPointId;
use crate::domain::kinds::KindCode;
use crate::wire::{json, pb};

/// Who is competent, is there, and which way a message would take.
#[derive(Debug, clap::Args)]
pub struct Resolve {
    /// Contact points, `agency/desk`
    #[arg(required_unless_present = "country", conflicts_with = "country", value_name = "DESK")]
    to: Vec<ContactPointId>,
    /// Kind of the request; it decides the channel, and who is competent
    #[arg(long, value_name = "CODE")]
    kind: KindCode,
    /// Find the desks of this State that are competent for the kind: ITA, or `int` for international
    /// bodies
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// Of those only the ones with this function, such as `flag_state_authority`
    #[arg(long, requires = "country", value_name = "FUNCTION")]
    function: Option<Function>,
    /// The instant at which somebody should be there; now without it
    #[arg(long, value_parser = instant, value_name = "TIME")]
    at: Option<Timestamp>,
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("a time is written as 2030-01-01T00:00:00Z")
}

/// Asks the node.
///
/// # Errors
/// What the node answers.
pub(super) async fn resolve(line: &Line, asked: Resolve, output: &Output) -> Result<()> {
    let asked = pb::ResolveRecipientsRequest {
        to: asked.to.iter().map(ToString::to_string).collect(),
        kind: asked.kind.to_string(),
        country: asked.country.unwrap_or_default(),
        function: asked.function.map(|it| it.to_string()).unwrap_or_default(),
        at: asked.at.map(|it| it.to_string()).unwrap_or_default(),
    };
    let answer = line.client.resolve_recipients(asked).await?;
    if answer.left_out > 0 {
        output.note(format!("{} more are competent and come after these", answer.left_out));
    }
    output.list(|| json::from_message(&answer), "recipients", || sheet(&answer, output))
}

fn sheet(answer: &pb::ResolveRecipientsResponse, output: &Output) -> Sheet {
    let rows = answer.recipients.iter().map(|it| {
        [
            it.contact_point.clone(),
            it.name.clone(),
            it.functions.join(" "),
            it.languages.join(" "),
            it.hours.clone(),
            if it.open {
                "open".to_owned()
            } else {
                format!("closed, opens {}", output.times().show(&it.opens_at))
            },
            if it.route.is_empty() { "no route".to_owned() } else { it.route.join(" > ") },
            it.readers.join(" "),
        ]
    });
    let header = ["desk", "name", "functions", "languages", "hours", "then", "route", "readers"];
    Sheet::new().table(header, rows)
}
