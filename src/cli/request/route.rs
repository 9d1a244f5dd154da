//! The way that a message took, and its attachments: stations with times, durations and what was found
//! of their proofs, and what is not answered yet.

use serde_json::{Value, json};

use crate::cli::marks;
use crate::cli::output::Output;
use crate::cli::proof::{self, Standing};
use crate::cli::request::addressed;
use crate::cli::sheet::Sheet;
use crate::cli::times::span;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::wire::pb;

/// What was found of the proofs of a message's stations, and of those of its attachments.
#[derive(Clone, Debug)]
pub struct Way {
    stations: Vec<Standing>,
    attachments: Vec<Vec<Standing>>,
    now: Timestamp,
}

impl Way {
    /// Verifies all that a message is shown with.
    pub fn verified(
        directory: Option<&Directory>,
        message: &pb::MessageSummary,
        now: Timestamp,
    ) -> Self {
        let attached = message.attachments.iter();
        let attached = attached.map(|it| proof::attachment_stations(directory, message, it));
        let attachments = attached.collect();
        Self { stations: proof::stations(directory, message), attachments, now }
    }

    /// Whether a proof does not hold.
    pub fn is_bad(&self) -> bool {
        self.stations.iter().chain(self.attachments.iter().flatten()).any(Standing::is_bad)
    }

    /// Adds to a message, as programs read it, what was found: `proof_found` and `took_ms` of each
    /// station, and `open` where something is not answered yet.
    pub fn add_to(&self, message: &pb::MessageSummary, shown: &mut Value) {
        stations_found(&self.stations, shown);
        note(shown, open(message, self.now).as_ref());
        let attachments = shown.get_mut("attachments").and_then(Value::as_array_mut);
        let all = message.attachments.iter().zip(&self.attachments);
        for ((attachment, found), shown) in all.zip(attachments.into_iter().flatten()) {
            stations_found(found, shown);
            note(shown, open_of(message, attachment, self.now).as_ref());
        }
    }
}

fn stations_found(found: &[Standing], shown: &mut Value) {
    let mut before = None;
    let stations = shown.get_mut("stations").and_then(Value::as_array_mut);
    for (station, standing) in stations.into_iter().flatten().zip(found) {
        let at = station.get("at").and_then(Value::as_str).and_then(Timestamp::parse);
        let took = before.zip(at).map(|(before, at)| at.millis_since(before));
        before = at.or(before);
        if let Value::Object(fields) = station {
            fields.insert("proof_found".to_owned(), standing.to_json());
            fields.insert("took_ms".to_owned(), took.into());
        }
    }
}

fn note(shown: &mut Value, open: Option<&Open>) {
    if let (Value::Object(fields), Some(open)) = (shown, open) {
        let Open { state, agency, since, millis } = open;
        let since = since.to_string();
        let open = json!({ "state": state, "agency": agency, "since": since, "for_ms": millis });
        fields.insert("open".to_owned(), open);
    }
}

/// What is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    /// `waiting`, `set_aside`, `under_review`, `in_doubt` or `no_answer`.
    state: &'static str,
    /// Where it waits, or whose answer is missing.
    agency: String,
    since: Timestamp,
    millis: i64,
}

impl Open {
    fn row(&self, output: &Output) -> [String; 6] {
        let since = output.times().exact(self.since);
        let (state, said) = match self.state {
            "in_doubt" => ("in doubt", format!("no answer since {since}")),
            "no_answer" => ("no answer", format!("no answer since {since}")),
            "set_aside" => ("set aside", format!("waits for an operator since {since}")),
            "under_review" => ("under review", format!("waits for an officer since {since}")),
            other => (other, format!("waits since {since}")),
        };
        let (agency, took) = (self.agency.clone(), span(self.millis));
        [state.to_owned(), agency, String::new(), took, String::new(), said]
    }
}

/// What of a message's way is not known here yet; nothing of one that came, or whose way has ended.
fn open(message: &pb::MessageSummary, now: Timestamp) -> Option<Open> {
    let has = |word: &str| message.stations.iter().any(|it| it.station == word);
    if message.incoming
        || has("delivered")
        || has("undelivered")
        || has("returned") && message.in_transit
    {
        return None;
    }
    let (state, agency) = match message.custody.as_str() {
        "waiting" => ("waiting", &message.origin),
        "set_aside" => ("set_aside", &message.origin),
        "in_doubt" => ("in_doubt", &message.destination),
        _ => match under_review(message) {
            Some(holder) => ("under_review", holder),
            None => ("no_answer", &message.destination),
        },
    };
    since(state, agency, (&message.stations, &message.sent_at), now)
}

/// The reviewing transit that took the message over last, where nothing is known of its word.
fn under_review(message: &pb::MessageSummary) -> Option<&String> {
    let mut took = message.stations.iter().filter(|it| it.station == "relayed");
    let holder = took.next_back().map(|it| &it.agency).filter(|it| message.readers.contains(it))?;
    let decided = |it: &pb::Station| {
        it.agency == *holder && matches!(it.station.as_str(), "released" | "returned")
    };
    (!message.stations.iter().any(decided)).then_some(holder)
}

/// The same of an attachment.
fn open_of(
    message: &pb::MessageSummary,
    attachment: &pb::AttachmentState,
    now: Timestamp,
) -> Option<Open> {
    let (state, agency) = match attachment.state.as_str() {
        _ if message.incoming => return None,
        "waiting" => ("waiting", &message.origin),
        "passed_on" => ("no_answer", &message.destination),
        _ => return None,
    };
    since(state, agency, (&attachment.stations, &message.sent_at), now)
}

fn since(
    state: &'static str,
    agency: &str,
    (stations, sent_at): (&[pb::Station], &str),
    now: Timestamp,
) -> Option<Open> {
    let last = stations.iter().filter_map(|it| Timestamp::parse(&it.at)).max();
    let since = last.or_else(|| Timestamp::parse(sent_at))?;
    Some(Open { state, agency: agency.to_owned(), since, millis: now.millis_since(since) })
}

/// Adds a message, its stations and those of its attachments to a sheet.
pub fn add(sheet: Sheet, message: &pb::MessageSummary, way: &Way, output: &Output) -> Sheet {
    let direction = if message.incoming { "from" } else { "to" };
    let other = if message.incoming { &message.origin } else { &message.destination };
    let act = match message.outcome.as_str() {
        "" => message.message_type.clone(),
        outcome => format!("{} ({outcome})", message.message_type),
    };
    let marks = match marks::of_message(message) {
        none if none.is_empty() => none,
        some => format!("{some}  "),
    };
    let (id, custody) = (&message.message_id, &message.custody);
    let title = format!("{marks}{act} {direction} {other}  {id}  {custody}");
    let mut rows = station_rows(&message.stations, &way.stations, output);
    rows.extend(message.ways.iter().map(|it| chosen_row(it, output)));
    rows.extend(open(message, way.now).map(|it| it.row(output)));
    let header = ["station", "agency", "at", "took", "reason", "proof"];
    let sheet = sheet.line("").line(title);
    let sheet = match message.readers.as_slice() {
        [] => sheet,
        readers => {
            sheet.line(format!("sealed to {} too, which must let it go on", readers.join(" ")))
        }
    };
    let sheet = match &message.competence {
        None => sheet,
        Some(competence) => {
            sheet.line(format!("addressed by competence: {}", addressed::line(competence)))
        }
    };
    let sheet = sheet.table(header, rows);
    message.attachments.iter().zip(&way.attachments).fold(sheet, |sheet, (attachment, found)| {
        let (number, state) = (attachment.number, &attachment.state);
        let title = format!("attachment {number} of {id}  {state}");
        let mut rows = station_rows(&attachment.stations, found, output);
        rows.extend(open_of(message, attachment, way.now).map(|it| it.row(output)));
        sheet.line("").line(title).table(header, rows)
    })
}

/// A way that was chosen here: the next hop from then on, and the one before.
fn chosen_row(way: &pb::WayChoice, output: &Output) -> [String; 6] {
    let at = Timestamp::parse(&way.at).map(|at| output.times().exact(at));
    let instead = match way.from.as_str() {
        "" => String::new(),
        from if from == way.to => "again".to_owned(),
        from => format!("instead of {from}"),
    };
    let at = at.unwrap_or_else(|| way.at.clone());
    ["way chosen".to_owned(), way.to.clone(), at, String::new(), way.reason.clone(), instead]
}

fn station_rows(stations: &[pb::Station], found: &[Standing], output: &Output) -> Vec<[String; 6]> {
    let mut before = None;
    let mut rows = Vec::with_capacity(stations.len());
    for (station, standing) in stations.iter().zip(found) {
        let at = Timestamp::parse(&station.at);
        let took = before.zip(at).map(|(before, at)| span(at.millis_since(before)));
        before = at.or(before);
        rows.push([
            station.station.clone(),
            station.agency.clone(),
            at.map_or_else(|| station.at.clone(), |at| output.times().exact(at)),
            took.unwrap_or_default(),
            station.reason.clone(),
            standing.to_string(),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Global;
    use crate::cli::times::TimeFormat;

    fn station(word: &str, agency: &str, at: &str) -> pb::Station {
        let (station, agency, at) = (word.to_owned(), agency.to_owned(), at.to_owned());
        pb::Station { station, agency, at, ..pb::Station::default() }
    }

    fn message(custody: &str) -> pb::MessageSummary {
        pb::MessageSummary {
            message_id: "m-1".to_owned(),
            origin: "ita.a".to_owned(),
            destination: "pan.z".to_owned(),
            message_type: "request".to_owned(),
            custody: custody.to_owned(),
            stations: vec![
                station("accepted", "ita.a", "2027-03-04T05:06:07Z"),
                station("relayed", "int.hub", "2027-03-04T05:06:08.5Z"),
            ],
            ..pb::MessageSummary::default()
        }
    }

    fn way(message: &pb::MessageSummary) -> Way {
        let now = Timestamp::parse("2027-03-04T05:07:08.5Z").unwrap();
        Way::verified(None, message, now)
    }

    fn shown(message: &pb::MessageSummary) -> String {
        let time_format = Some(TimeFormat::Iso);
        let output = Output::new(&Global { utc: true, time_format, ..Global::default() });
        add(Sheet::new(), message, &way(message), &output).in_a_pipe()
    }

    fn open_state(message: &pb::MessageSummary) -> Value {
        let mut value = json!({ "stations": [{ "at": message.stations[0].at }] });
        way(message).add_to(message, &mut value);
        value["open"].clone()
    }

    #[test]
    fn what_is_not_answered_is_said_with_whose_answer_is_missing_and_since_when() {
        let text = shown(&message("in_doubt"));
        assert!(text.contains("relayed\tint.hub\t"), "{text}");
        assert!(text.contains("\t+1.500 s\t"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("in doubt\tpan.z\t\t+1 min 0 s\t\tno answer since "), "{last}");
        let open = open_state(&message("in_doubt"));
        assert_eq!((&open["state"], &open["for_ms"]), (&"in_doubt".into(), &60_000.into()));
        assert_eq!(open_state(&message("passed_on"))["state"], "no_answer");
        assert_eq!(open_state(&message("passed_on"))["agency"], "pan.z");
        assert_eq!(open_state(&message("waiting"))["agency"], "ita.a");
        assert_eq!(open_state(&message("set_aside"))["state"], "set_aside");
    }

    #[test]
    fn what_a_reviewing_transit_holds_waits_for_its_officer_until_it_is_released() {
        let readers = vec!["int.hub".to_owned()];
        let mut held = pb::MessageSummary { readers, ..message("passed_on") };
        assert_eq!(open_state(&held)["state"], "under_review");
        assert_eq!(open_state(&held)["agency"], "int.hub");
        let text = shown(&held);
        assert!(text.contains("sealed to int.hub too"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("under review\tint.hub\t\t+1 min 0 s\t\twaits for an officer"));
        held.stations.push(station("released", "int.hub", "2027-03-04T05:06:09Z"));
        assert_eq!(open_state(&held)["state"], "no_answer");
        assert!(shown(&held).contains("released\tint.hub\t"));
    }

    #[test]
    fn another_way_is_shown_with_the_next_hop_and_the_one_that_it_takes_the_place_of() {
        let way = pb::WayChoice {
            at: "2027-03-04T05:06:30Z".to_owned(),
            from: "int.hub".to_owned(),
            to: "int.second".to_owned(),
            reason: "PEER_UNREACHABLE".to_owned(),
        };
        let text = shown(&pb::MessageSummary { ways: vec![way], ..message("waiting") });
        let row = text.lines().find(|it| it.starts_with("way chosen\tint.second\t")).unwrap();
        assert!(row.ends_with("\t\tPEER_UNREACHABLE\tinstead of int.hub"), "{row}");
    }

    #[test]
    fn a_way_that_has_ended_and_a_message_that_came_leave_nothing_open() {
        for end in ["delivered", "undelivered"] {
            let mut ended = message("passed_on");
            ended.stations.push(station(end, "pan.z", "2027-03-04T05:06:09Z"));
            assert_eq!(open_state(&ended), Value::Null, "{end}");
            assert!(!shown(&ended).contains("no answer"), "{end}");
        }
        let came = pb::MessageSummary { incoming: true, ..message("held") };
        assert_eq!(open_state(&came), Value::Null);
    }

    #[test]
    fn attachments_have_stations_and_open_ends_of_their_own() {
        let attachment = |number, state: &str, stations| pb::AttachmentState {
            number,
            state: state.to_owned(),
            stations,
            ..pb::AttachmentState::default()
        };
        let relayed = station("attachment_relayed", "int.hub", "2027-03-04T05:06:58.5Z");
        let message = pb::MessageSummary {
            attachments: vec![
                attachment(1, "passed_on", vec![relayed]),
                attachment(2, "arrived", Vec::new()),
            ],
            ..message("passed_on")
        };
        let text = shown(&message);
        let place = text.find("attachment 1 of m-1  passed_on\n").unwrap();
        let wanted = "no answer\tpan.z\t\t+10.000 s\t\tno answer since ";
        assert!(text.get(place..).unwrap().contains(wanted), "{text}");
        assert!(text.contains("attachment 2 of m-1  arrived\n"), "{text}");
        let mut value = json!({ "attachments": [{ "stations": [{ "at": "" }] }, {}] });
        way(&message).add_to(&message, &mut value);
        assert_eq!(value["attachments"][0]["open"]["for_ms"], 10_000);
        assert_eq!(value["attachments"][0]["stations"][0]["proof_found"]["state"], "unchecked");
        assert_eq!(value["attachments"][1]["open"], Value::Null);
    }
}
