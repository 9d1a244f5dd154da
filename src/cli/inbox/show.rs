//! Opens a message. Its content leaves the node only once the reading is on record.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::inbox::{Named, act, find};
use crate::cli::marks;
use crate::cli::output::{Output, escaped};
use crate::cli::proof::{self, Expected, Standing};
use crate::cli::request::route::{self, Way};
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock};
use crate::wire::{json, pb};

/// Reads one message.
///
/// # Errors
/// What the node answers; a proof that does not hold; a file that exists.
pub async fn run(line: &Line, named: &Named, save: Option<&Path>, output: &Output) -> Result<()> {
    file::must_be_free(save)?;
    let origin = find::origin(line, named).await?;
    let id = named.message.id.to_string();
    let asked = pb::ReadMessageRequest { origin: origin.clone(), message_id: id.clone() };
    let answer = line.client.read_message(asked).await?;
    let message = answer.message.clone().context("an empty answer")?;
    let content = answer.content.clone().context("an answer without content")?;
    let proof = proof::handed_on(line.directory.as_ref(), &content, &origin);
    if let Some(Standing::Fails(why)) = &proof {
        return Err(
            Failure::new(Exit::AnswerIsNo, format!("the request that it hands on: {why}")).into()
        );
    }
    let original = answer.original.as_ref().zip(proof);
    let noted = noted(line, &message, &content).await?;
    let is_note = noted.is_some();
    let said = Said { content: &content, original, noted };
    for (fact, agency, receipt) in [
        ("submitted", origin.as_str(), answer.origin.clone()),
        ("read", line.agency.as_str(), answer.receipt.clone()),
    ] {
        let expected = Expected { fact, agency, origin: &origin, message: &id };
        act::verify(line, receipt, expected, output)?;
    }
    output.show(|| json::from_message(&answer), || sheet(line, &message, &said, output))?;
    if let Some(path) = save {
        file::write_new(path, &json::write_file(&content), file::OWNER_ONLY)?;
        output.note(format!("the content is in {}", path.display()));
    }
    match is_note {
        true => output.note("nobody answers a note; answer the message that it is about"),
        false => {
            let text =
                format!("answer it: rogatory inbox reply {id} --type ack_receipt -f reply.json");
            output.note(text);
        }
    }
    Ok(())
}

/// What a message says.
struct Said<'a> {
    content: &'a pb::Draft,
    /// The request that it hands on, and what was found of its proof.
    original: Option<(&'a pb::Draft, Standing)>,
    /// What a note is about, in words.
    noted: Option<String>,
}

/// What a reviewing transit's note is about: proven to come from its origin, and the same message as the
/// one of that name that is here. None if the message is no note.
async fn noted(
    line: &Line,
    message: &pb::MessageSummary,
    content: &pb::Draft,
) -> Result<Option<String>> {
    let found = proof::noted(line.directory.as_ref(), content, &message.destination);
    let Some((header, standing)) = found else {
        return Ok(None);
    };
    let no =
        |why: &str| Failure::new(Exit::AnswerIsNo, format!("the message that it notes: {why}"));
    if let Standing::Fails(why) = &standing {
        return Err(no(why).into());
    }
    let by = &message.origin;
    let Some(header) = header else {
        return Ok(Some(format!("It is a note of {by} about another message ({standing}).")));
    };
    let (id, origin) = (header.address.message.to_string(), header.address.origin.to_string());
    let asked = pb::GetMessageRequest {
        origin: origin.clone(),
        message_id: id.clone(),
        with_content: false,
    };
    let here = match line.client.get_message(asked).await {
        Ok(answer) => answer.message,
        Err(error) if error.reason() == "NOT_FOUND" => None,
        Err(error) => return Err(error.into()),
    };
    let stations = here.as_ref().map(|it| it.stations.as_slice()).unwrap_or_default();
    let receipts = stations.iter().filter_map(|it| it.receipt.clone());
    let mut headers = receipts.filter_map(|it| proof::header_of(line.directory.as_ref()?, it));
    if headers.any(|it| it != header.hash()) {
        return Err(no("the one of that name that is here is another").into());
    }
    let place = if here.is_some() { "which is here as its origin sent it" } else { "not here yet" };
    Ok(Some(format!("It is a note of {by} about {id} of {origin}, {place} ({standing}).")))
}

fn sheet(line: &Line, message: &pb::MessageSummary, said: &Said<'_>, output: &Output) -> Sheet {
    let times = output.times();
    let sheet = match message.exercise {
        true => Sheet::new().line(marks::EXERCISE_LINE),
        false => Sheet::new(),
    };
    let sheet = sheet
        .field("message", &message.message_id)
        .field("request", &message.request_id)
        .field("kind", &message.kind)
        .field("act", &message.message_type)
        .field("outcome", &message.outcome)
        .field("from", &message.from)
        .field("to", message.to.join(" "))
        .field("urgency", &message.urgency)
        .field("answers", &message.in_reply_to)
        .field("sent", times.show(&message.sent_at))
        .field("respond by", times.show(&message.respond_by))
        .field("confidential", if message.confidential { "yes" } else { "" });
    let way = Way::verified(line.directory.as_ref(), message, SystemClock.now());
    let sheet = route::add(sheet, message, &way, output);
    if let Some(about) = &said.noted {
        // The proof is for programs; people read what it says.
        let note = said.content.transit_note.clone().unwrap_or_default();
        let text = serde_json::json!({ "note": note.text });
        return sheet.line("").line(about).line("").line(escaped(&text, true));
    }
    let Some((original, proof)) = &said.original else {
        return sheet.line("").line(escaped(&json::from_message(said.content), true));
    };
    // Proof and sealed bytes of the request are for programs; people read what it says.
    let mut notice = said.content.clone();
    if let Some(redirect) = &mut notice.redirect {
        redirect.original = None;
    }
    let sheet = sheet.line("").line(escaped(&json::from_message(&notice), true));
    let sheet = sheet.line("").line(format!("It hands on this request ({proof}):"));
    sheet.line("").line(escaped(&json::from_message(*original), true))
}
