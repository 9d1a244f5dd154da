//! Shows a request: its state at each agency, what is owed, and its messages.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::marks;
use crate::cli::output::Output;
use crate::cli::request::route::Way;
use crate::cli::request::{addressed, due, route};
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
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
    let (directory, now) = (line.directory.as_ref(), SystemClock.now());
    let verified = answer.messages.iter().map(|it| Way::verified(directory, it, now));
    let ways: Vec<Way> = if route { verified.collect() } else { Vec::new() };
    output.show(
        || with_ways(json::from_message(&answer), &answer.messages, &ways),
        || sheet(&request, &answer.messages, &ways, output),
    )?;
    if ways.iter().any(Way::is_bad) {
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
    ways: &[Way],
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
    let sheet = match request.exercise {
        true => Sheet::new().line(marks::EXERCISE_LINE),
        false => Sheet::new(),
    };
    let sheet = sheet
        .field("request", &request.request_id)
        .field("kind", &request.kind)
        .field("requester", &request.requester)
        .field("opened", times.show(&request.opened_at))
        .field("messages", request.message_count)
        .field("confidential", if request.confidential { "yes" } else { "" })
        .field("held", if request.held { "yes: nothing of it is erased" } else { "" })
        .field("seen by", request.holders.join(" "))
        .table(["agency", "state", "since", "next", "due", "by", "possible acts"], parties);
    let sheet = owed(items(sheet, request), request, output);
    if ways.is_empty() {
        let sheet = sheet.table(
            ["message", "", "act", "outcome", "from", "to", "sent", "last station", "marks"],
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
                    marks::of_message(it),
                ]
            }),
        );
        return attachments(competences(sheet, messages), messages);
    }
    let sheet = messages
        .iter()
        .zip(ways)
        .fold(sheet, |sheet, (message, way)| route::add(sheet, message, way, output));
    attachments(sheet, messages)
}

/// The messages that were addressed by a competence, and to whom that led.
fn competences(sheet: Sheet, messages: &[pb::MessageSummary]) -> Sheet {
    let named = messages.iter().filter_map(|it| Some((it, it.competence.as_ref()?)));
    named.fold(sheet, |sheet, (message, competence)| {
        let said = addressed::line(competence);
        sheet.line(format!("{} was addressed by competence: {said}", message.message_id))
    })
}

/// How the attachments of the messages stand, where any has some: how many have arrived, then each.
fn attachments(sheet: Sheet, messages: &[pb::MessageSummary]) -> Sheet {
    let all: Vec<&pb::AttachmentState> = messages.iter().flat_map(|it| &it.attachments).collect();
    if all.is_empty() {
        return sheet;
    }
    let arrived = all.iter().filter(|it| it.state == "arrived").count();
    let rows = messages.iter().flat_map(|message| {
        message.attachments.iter().map(|it| {
            let last = it.stations.last();
            [
                message.message_id.clone(),
                it.number.to_string(),
                it.sealed_bytes.to_string(),
                it.state.clone(),
                it.reason.clone(),
                last.map_or_else(String::new, |it| format!("{} {}", it.station, it.agency)),
            ]
        })
    });
    sheet
        .field("attachments", format!("{arrived} of {} arrived", all.len()))
        .table(["message", "attachment", "sealed bytes", "state", "reason", "last station"], rows)
}

/// The items of the request with their states, where it names items.
fn items(sheet: Sheet, request: &pb::RequestState) -> Sheet {
    let rows: Vec<[String; 3]> = request
        .parties
        .iter()
        .flat_map(|party| party.items.iter().map(move |it| (party, it)))
        .map(|(party, it)| [party.agency.clone(), it.item.clone(), it.state.clone()])
        .collect();
    if rows.is_empty() { sheet } else { sheet.table(["agency", "item", "state"], rows) }
}

/// What is owed, the next first.
fn owed(sheet: Sheet, request: &pb::RequestState, output: &Output) -> Sheet {
    let mut open: Vec<&pb::Deadline> =
        request.parties.iter().flat_map(|it| &it.deadlines).collect();
    open.sort_by_key(|it| Timestamp::parse(&it.due));
    if open.is_empty() {
        return sheet;
    }
    let rows = open.into_iter().map(|it| {
        let [due, owes, obligation, by, stage, _, _, executing] = due::row(it, output);
        [due, owes, obligation, by, stage, executing]
    });
    sheet.table(["due", "owes", "obligation", "by", "stage", "executing"], rows)
}

fn last_station(message: &pb::MessageSummary) -> String {
    let goes = |it: &&pb::Station| {
        !["erasure_asked", "erased", "erasure_refused"].contains(&it.station.as_str())
    };
    match message.stations.iter().rfind(goes) {
        Some(last) if last.reason.is_empty() => format!("{} {}", last.station, last.agency),
        Some(last) => format!("{} {} {}", last.station, last.agency, last.reason),
        None => message.custody.clone(),
    }
}

/// The API's message, with what was found of each way.
fn with_ways(mut answer: Value, messages: &[pb::MessageSummary], ways: &[Way]) -> Value {
    let shown = answer.get_mut("messages").and_then(Value::as_array_mut);
    for ((message, way), shown) in messages.iter().zip(ways).zip(shown.into_iter().flatten()) {
        way.add_to(message, shown);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Global;
    use crate::cli::times::TimeFormat;

    fn shown(request: &pb::RequestState, messages: &[pb::MessageSummary]) -> String {
        let time_format = Some(TimeFormat::Iso);
        let output = Output::new(&Global { utc: true, time_format, ..Global::default() });
        sheet(request, messages, &[], &output).in_a_pipe()
    }

    fn request() -> pb::RequestState {
        let deadline = |due: &str, obligation: &str, stage: &str| pb::Deadline {
            agency: "pan.maritime-authority".to_owned(),
            obligation: obligation.to_owned(),
            due: due.to_owned(),
            source: "policy".to_owned(),
            stage: stage.to_owned(),
            ..pb::Deadline::default()
        };
        let party = pb::PartyState {
            agency: "pan.maritime-authority".to_owned(),
            state: "received".to_owned(),
            items: vec![pb::ItemState { item: "I1".to_owned(), state: "executing".to_owned() }],
            deadlines: vec![
                deadline("2027-03-06T00:00:00Z", "answer", ""),
                deadline("2027-03-05T00:00:00Z", "acknowledge", "overdue"),
            ],
            ..pb::PartyState::default()
        };
        let request_id = "r-1".to_owned();
        pb::RequestState { request_id, parties: vec![party], ..pb::RequestState::default() }
    }

    #[test]
    fn an_exercise_is_the_first_thing_that_is_said() {
        let marked = pb::RequestState { exercise: true, ..request() };
        assert!(shown(&marked, &[]).starts_with("EXERCISE: without effect in law\nrequest\tr-1\n"));
        assert!(shown(&request(), &[]).starts_with("request\tr-1\n"));
    }

    #[test]
    fn a_confidential_request_says_who_sees_it() {
        let holders = ["officer/day", "officer/night"];
        let holders = holders.map(|it| format!("spiffe://ita.coast-guard/{it}")).to_vec();
        let secret = pb::RequestState { confidential: true, holders, ..request() };
        let wanted = "confidential\tyes\nseen by\tspiffe://ita.coast-guard/officer/day \
                      spiffe://ita.coast-guard/officer/night\n";
        assert!(shown(&secret, &[]).contains(wanted), "{}", shown(&secret, &[]));
        assert!(!shown(&request(), &[]).contains("confidential"));
    }

    #[test]
    fn items_and_deadlines_have_lines_of_their_own_and_the_next_comes_first() {
        let text = shown(&request(), &[]);
        let agency = "pan.maritime-authority";
        assert!(text.contains(&format!("{agency}\tI1\texecuting\n")), "{text}");
        let wanted = format!(
            "2027-03-05T00:00:00Z\tthey\tacknowledge\tpolicy\tOVERDUE\t{agency}\n\
             2027-03-06T00:00:00Z\tthey\tanswer\tpolicy\t\t{agency}\n"
        );
        assert!(text.contains(&wanted), "{text}");
    }

    #[test]
    fn attachments_say_how_many_have_arrived() {
        let at = |number, state: &str, reason: &str| pb::AttachmentState {
            number,
            sealed_bytes: 72,
            state: state.to_owned(),
            reason: reason.to_owned(),
            ..pb::AttachmentState::default()
        };
        let message = pb::MessageSummary {
            message_id: "m-1".to_owned(),
            attachments: vec![at(1, "arrived", ""), at(2, "not_taken", "EXPIRED")],
            ..pb::MessageSummary::default()
        };
        let text = shown(&request(), std::slice::from_ref(&message));
        let wanted = "attachments\t1 of 2 arrived\nm-1\t1\t72\tarrived\t\t\n\
                      m-1\t2\t72\tnot_taken\tEXPIRED\t\n";
        assert!(text.ends_with(wanted), "{text}");
        assert!(!shown(&request(), &[]).contains("attachments"));
    }

    #[test]
    fn a_message_out_of_state_is_told_from_those_with_effect() {
        let message = pb::MessageSummary {
            message_type: "result".to_owned(),
            out_of_state: true,
            ..pb::MessageSummary::default()
        };
        let text = shown(&request(), std::slice::from_ref(&message));
        let mark = "\twithout effect: the request did not allow it then\n";
        assert!(text.ends_with(mark), "{text}");
        let other = pb::MessageSummary { out_of_state: false, ..message };
        assert!(!shown(&request(), &[other]).contains("without effect"));
    }
}
