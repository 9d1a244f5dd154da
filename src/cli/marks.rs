//! Marks that stand beside a request or a message, so that nobody takes it for what it is not.

use crate::wire::pb;

/// An exercise: upper case, so that it is not read over.
pub const EXERCISE: &str = "EXERCISE";
/// The first line about an exercise.
pub const EXERCISE_LINE: &str = "EXERCISE: without effect in law";
/// Fact and substance are confidential (UNTOC art. 18(20)).
const CONFIDENTIAL: &str = "confidential";
/// The same, where the caller sees no more than that something came.
const NOT_SHOWN: &str = "confidential: claim it to see more";
/// Arrived although the state of its request forbade its act.
const OUT_OF_STATE: &str = "without effect: the request did not allow it then";

/// Whether only the envelope is shown: the message is confidential and nobody claimed it yet.
pub fn is_envelope(message: &pb::MessageSummary) -> bool {
    message.confidential && message.message_type.is_empty()
}

/// The marks of a message; empty where it has none.
pub fn of_message(message: &pb::MessageSummary) -> String {
    let secret = if is_envelope(message) { NOT_SHOWN } else { CONFIDENTIAL };
    let erased = erasure(message);
    join([
        (message.exercise, EXERCISE),
        (message.confidential, secret),
        (message.out_of_state, OUT_OF_STATE),
        (!erased.is_empty(), &erased),
    ])
}

/// What is said of content that is gone, or is to go; empty while neither is so.
pub fn erasure(message: &pb::MessageSummary) -> String {
    let here = match message.erased_at.is_empty() {
        true => String::new(),
        false => format!("content erased on {} ({})", message.erased_at, message.erasure_cause),
    };
    let asked = asked(message);
    join([(!here.is_empty(), &here), (!asked.is_empty(), &asked)])
}

/// What its origin asked of its destination, and what came of that last.
fn asked(message: &pb::MessageSummary) -> String {
    let last = message.stations.iter().rposition(|it| it.station == "erasure_asked");
    let Some((asked, later)) = last.and_then(|at| message.stations.get(at..)?.split_first()) else {
        return String::new();
    };
    let erases = |it: &&pb::Station| it.station == "erased" && it.agency == message.destination;
    let erased = message.stations.iter().find(erases);
    let refused = later.iter().rfind(|it| it.station == "erasure_refused");
    let came = match (erased, refused) {
        (Some(it), _) => format!("erased there on {}", it.at),
        (None, Some(it)) => format!("kept there: {}", it.reason),
        (None, None) => "not answered yet".to_owned(),
    };
    format!("{} asked {} on {} to erase it, {came}", asked.agency, message.destination, asked.at)
}

/// The marks of a request; empty where it has none.
pub fn of_request(request: &pb::RequestState) -> String {
    join([(request.exercise, EXERCISE), (request.confidential, CONFIDENTIAL)])
}

fn join<const N: usize>(marks: [(bool, &str); N]) -> String {
    let set: Vec<&str> = marks.into_iter().filter(|(is_set, _)| *is_set).map(|it| it.1).collect();
    set.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_bears_every_mark_that_it_has_and_the_exercise_first() {
        let plain = pb::MessageSummary { message_type: "result".to_owned(), ..Default::default() };
        assert_eq!(of_message(&plain), "");
        let marked = pb::MessageSummary {
            exercise: true,
            confidential: true,
            out_of_state: true,
            ..plain.clone()
        };
        let wanted = "EXERCISE; confidential; without effect: the request did not allow it then";
        assert_eq!(of_message(&marked), wanted);
        assert!(!is_envelope(&marked));
    }

    #[test]
    fn an_unclaimed_confidential_message_says_how_to_see_more() {
        let hidden = pb::MessageSummary { confidential: true, ..Default::default() };
        assert!(is_envelope(&hidden));
        assert_eq!(of_message(&hidden), "confidential: claim it to see more");
        assert!(!is_envelope(&pb::MessageSummary::default()), "not every short answer hides");
    }

    #[test]
    fn a_message_whose_content_is_erased_says_when_and_why() {
        let erased = pb::MessageSummary {
            erased_at: "2027-03-06T00:00:00Z".to_owned(),
            erasure_cause: "retention_ended".to_owned(),
            ..Default::default()
        };
        let wanted = "content erased on 2027-03-06T00:00:00Z (retention_ended)";
        assert_eq!(of_message(&erased), wanted);
    }

    #[test]
    fn a_message_whose_erasure_is_asked_for_says_what_came_of_it() {
        let station = |station: &str, agency: &str, day: u8, reason: &str| pb::Station {
            station: station.to_owned(),
            agency: agency.to_owned(),
            at: format!("2027-03-0{day}T00:00:00Z"),
            reason: reason.to_owned(),
            ..Default::default()
        };
        let mut message = pb::MessageSummary {
            destination: "pan.z".to_owned(),
            stations: vec![
                station("accepted", "ita.a", 1, ""),
                station("erased", "ita.a", 2, ""),
                station("erasure_asked", "ita.a", 2, ""),
            ],
            ..Default::default()
        };
        let said = |message: &pb::MessageSummary, came: &str, day: u8| {
            let told = format!("ita.a asked pan.z on 2027-03-0{day}T00:00:00Z to erase it, {came}");
            assert_eq!(erasure(message), told);
        };
        said(&message, "not answered yet", 2);
        message.stations.push(station("erasure_refused", "pan.z", 3, "IN_PROCEEDINGS"));
        said(&message, "kept there: IN_PROCEEDINGS", 2);
        message.stations.push(station("erasure_asked", "ita.a", 4, ""));
        said(&message, "not answered yet", 4);
        message.stations.push(station("erased", "pan.z", 5, ""));
        said(&message, "erased there on 2027-03-05T00:00:00Z", 4);
    }

    #[test]
    fn a_request_bears_its_marks() {
        let marked = |exercise, confidential| {
            of_request(&pb::RequestState { exercise, confidential, ..Default::default() })
        };
        assert_eq!(marked(false, false), "");
        assert_eq!(marked(true, false), "EXERCISE");
        assert_eq!(marked(false, true), "confidential");
        assert_eq!(marked(true, true), "EXERCISE; confidential");
    }
}
