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

/// What is said of content that is gone; empty while it is there.
pub fn erasure(message: &pb::MessageSummary) -> String {
    match message.erased_at.is_empty() {
        true => String::new(),
        false => format!("content erased on {} ({})", message.erased_at, message.erasure_cause),
    }
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
