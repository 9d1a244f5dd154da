//! Blocks: the closed list of what a kind of request must or may say, each with its source, its
//! expected form, and the places of a message file where it is said.
//!
//! A place is a JSON pointer (RFC 6901); a step `0` stands for any item of a list. `pointer=word`
//! is a place that counts only where it says just that, such as an undertaking that must be true.
//! Whether a message says a block is for `law/` to judge, on the typed message.

macro_rules! blocks {
    ($(
        $name:ident = $word:literal, $source:literal, $says:literal,
        [$([$($place:literal),+ $(,)?]),+ $(,)?];
    )*) => {
        $(
            #[doc = $says]
            pub const $name: Block = Block {
                name: $word,
                source: $source,
                says: $says,
                places: &[$(&[$($place),+]),+],
                parts: &[],
            };
        )*

        pub(super) const ROWS: &[Block] = &[$($name),*];
    };
}

mod assistance;
mod base;
mod cooperation;
mod protocol;

pub use assistance::*;
pub use base::*;
pub use cooperation::*;
pub use protocol::*;

/// One thing that a kind of request must or may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name in the catalogue.
    pub name: &'static str,
    /// The paragraph that it rests on; `policy` where it is ours.
    pub source: &'static str,
    /// What is expected, in what form; lower case, without full stop.
    pub says: &'static str,
    /// Where it is said: one of these groups of places suffices, and of a group every place counts.
    pub places: &'static [&'static [&'static str]],
    /// The blocks that it stands for; then it has no places of its own.
    pub parts: &'static [Block],
}

impl Block {
    /// The block itself, or the blocks that it stands for.
    pub fn expanded(&self) -> impl Iterator<Item = &Self> {
        let own = self.parts.is_empty().then_some(self);
        own.into_iter().chain(self.parts)
    }
}

/// What every request for mutual legal assistance says (UNTOC 18(15)). What 18(15)(e) wants to know
/// of a person is asked for "where possible", and so is [`PERSON_CONCERNED`] apart.
pub const BASE: Block = Block {
    name: "BASE",
    source: "UNTOC 18(15)",
    says: "what every request for mutual legal assistance says",
    places: &[],
    parts: &[
        REQUESTING_AUTHORITY,
        SUBJECT_AND_NATURE,
        CONDUCTING_AUTHORITY,
        FACTS,
        ASSISTANCE,
        PURPOSE,
    ],
};

/// The same for the service of documents, which needs no summary of facts (UNTOC 18(15)(c)).
pub const BASE_WITHOUT_C: Block = Block {
    name: "BASE without (c)",
    source: "UNTOC 18(15)",
    says: "what a request to serve a document says",
    places: &[],
    parts: &[REQUESTING_AUTHORITY, SUBJECT_AND_NATURE, CONDUCTING_AUTHORITY, ASSISTANCE, PURPOSE],
};

/// Places where an empty text states that there is nothing to say, such as no restrictions.
pub const BLANK_SPEAKS: [&str; 2] = ["/art_18_5/restrictions", "/measure_report/damage"];

/// Every block that has places of its own.
pub fn all() -> impl Iterator<Item = &'static Block> {
    [base::ROWS, assistance::ROWS, cooperation::ROWS, protocol::ROWS].into_iter().flatten()
}

/// A place taken apart: its pointer, and the word that must stand there, if it must be one.
pub fn place(text: &'static str) -> (&'static str, Option<&'static str>) {
    match text.split_once('=') {
        Some((pointer, word)) => (pointer, Some(word)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::kinds::CATALOGUE;

    #[test]
    fn every_block_is_used_or_asked_for_where_possible() {
        let used = CATALOGUE.iter().flat_map(|it| it.mandatory.iter().chain(it.optional));
        let used: Vec<&Block> = used.flat_map(Block::expanded).collect();
        let idle: Vec<&str> = all().filter(|it| !used.contains(it)).map(|it| it.name).collect();
        assert_eq!(idle, ["procedure_wished", "person_concerned"]);
        assert_eq!(all().count(), 226);
    }

    #[test]
    fn every_block_says_where_and_why() {
        for block in all() {
            assert!(!block.name.is_empty() && !block.says.ends_with('.'), "{}", block.name);
            let grounded = ["UNTOC ", "Protocol ", "VCCR ", "Budapest Convention ", "policy"];
            assert!(grounded.iter().any(|it| block.source.starts_with(it)), "{}", block.name);
            assert!(!block.places.is_empty() && block.places.iter().all(|it| !it.is_empty()));
            for text in block.places.iter().copied().flatten() {
                let (pointer, word) = place(text);
                assert!(pointer.starts_with('/') && word != Some(""), "{text}");
            }
        }
    }

    #[test]
    fn no_block_is_there_twice() {
        let told = |it: &Block| format!("{} {:?}", it.name, it.places);
        assert_eq!(all().map(told).collect::<BTreeSet<_>>().len(), all().count());
    }

    #[test]
    fn a_place_may_ask_for_one_word() {
        assert_eq!(place("/facts"), ("/facts", None));
        assert_eq!(place("/sentence/consent=true"), ("/sentence/consent", Some("true")));
    }
}
