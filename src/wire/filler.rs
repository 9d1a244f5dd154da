//! Zeros that hide how long names are, so that a transit's sizes do not tell one kind, act, contact
//! point or outcome from another.
//!
//! Padding by class alone does not do that: a difference of three bytes can cross the border
//! between two classes. So what is sealed is filled up to what it would be with the longest names.

use crate::domain::ids::{AGENCY_NAME_BYTES_MAX, DESK_NAME_BYTES_MAX};
use crate::wire::particulars::OUTCOME_BYTES_MAX;

/// Longest word of a closed list: kinds, acts and states.
const WORD_BYTES_MAX: usize = 40;
/// Longest contact point: country, dot, name, slash, desk.
const DESK_BYTES_MAX: usize = 3 + 1 + AGENCY_NAME_BYTES_MAX + 1 + DESK_NAME_BYTES_MAX;
/// So many zeros at the least, so that the length of the filler itself has one size.
const FILLER_BYTES_MIN: usize = 128;

/// The names whose lengths are hidden.
#[derive(Default)]
pub(super) struct Names<'a> {
    /// Words of closed lists.
    pub(super) words: Vec<&'a str>,
    /// The outcome, if there is one.
    pub(super) outcome: &'a str,
    /// Contact points.
    pub(super) desks: Vec<&'a str>,
}

/// The zeros that bring these names to their greatest lengths.
pub(super) fn of(names: &Names<'_>) -> Vec<u8> {
    let words = names.words.iter().map(|it| WORD_BYTES_MAX.saturating_sub(it.len()));
    let desks = names.desks.iter().map(|it| DESK_BYTES_MAX.saturating_sub(it.len()));
    let outcome = OUTCOME_BYTES_MAX.saturating_sub(names.outcome.len());
    // An empty text is not written at all, so its tag and length are missing too.
    let unwritten = names.words.iter().filter(|it| it.is_empty()).count()
        + usize::from(names.outcome.is_empty());
    let hidden = words.chain(desks).sum::<usize>() + outcome + unwritten * 2;
    vec![0; FILLER_BYTES_MIN.saturating_add(hidden)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::acts::Act;
    use crate::domain::kinds::KindCode;
    use crate::domain::lifecycle::State;

    #[test]
    fn no_word_is_longer_than_the_filler_reckons_with() {
        let kinds = KindCode::all().map(|it| it.as_str().len());
        let acts = Act::ALL.iter().map(|it| it.as_str().len());
        let states = State::ALL.iter().map(|it| it.as_str().len());
        let longest = kinds.chain(acts).chain(states).max();
        assert!(longest.is_some_and(|it| it <= WORD_BYTES_MAX), "{longest:?}");
    }

    #[test]
    fn names_and_their_filler_always_have_one_size() {
        let size = |words: Vec<&str>, desk: &str| {
            let names = Names { words: words.clone(), outcome: "", desks: vec![desk] };
            let written: usize =
                words.iter().filter(|it| !it.is_empty()).map(|it| it.len() + 2).sum();
            written + desk.len() + of(&names).len()
        };
        let one = size(vec!["UNTOC.27.1.B.I.PERSON", "received"], "int.n2/desk");
        assert_eq!(size(vec!["UNTOC.28.STRATEGIC", ""], "int.n2/another-desk"), one);
    }
}
