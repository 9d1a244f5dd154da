//! One fact in a journal, as the bytes that are its leaf in the tree.

use prost::Message;

use crate::clock::Timestamp;
use crate::domain::fact::EntryParts;
use crate::domain::limits::ENTRY_BYTES_MAX;
use crate::wire::fact::{read_fact, write_fact};
use crate::wire::{WireError, decode_canonical, ids, pb};

/// The only version of entries there is.
const ENTRY_VERSION: u32 = 1;

/// The canonical bytes of an entry.
pub fn write(entry: &EntryParts) -> Vec<u8> {
    let EntryParts { journal, recorded_at, directory_version, fact, skeleton } = entry;
    pb::Entry {
        version: ENTRY_VERSION,
        journal: journal.to_string(),
        recorded_at_ms: recorded_at.millis(),
        directory_version: *directory_version,
        skeleton: skeleton.clone(),
        fact: Some(write_fact(fact)),
    }
    .encode_to_vec()
}

/// Reads an entry from its canonical bytes.
///
/// # Errors
/// Any byte more, less or other than [`write`] would write; names the field at fault.
pub fn read(bytes: &[u8]) -> Result<EntryParts, WireError> {
    let pb::Entry { version, journal, recorded_at_ms, directory_version, skeleton, fact } =
        decode_canonical("entry", bytes, ENTRY_BYTES_MAX)?;
    if version != ENTRY_VERSION {
        return Err(WireError::Unknown { field: "entry.version" });
    }
    Ok(EntryParts {
        journal: ids::name("entry.journal", &journal)?,
        recorded_at: Timestamp::from_millis(recorded_at_ms),
        directory_version,
        fact: read_fact(ids::part("entry.fact", fact)?)?,
        skeleton,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::fact::{Fact, Handover, MessageRef, Reason};
    use crate::wire::fact::samples::{any_fact, any_journal};
    use crate::wire::fact::{write_handover, write_ref};
    use crate::wire::header::samples;
    use pb::entry::Fact as PbFact;

    const GOLDEN: &str = "080112196974612e636f6173742d67756172642f6a6f75726e616c2f3118a0c9ccd7ba3320032a0409090909\
        8201760a450a0f6974612e636f6173742d67756172641210019cadb0eef770f48158cde69e1d7f9d1a20b9c5\
        68fadcc50a350d35684b1898c1fdacec52eeb2b33e2e11c96501592d9d1812240a0f6974612e636f6173742d\
        6775617264120f696e742e6c696169736f6e2d68756218011a0745585049524544";

    fn message() -> MessageRef {
        let header = samples::header();
        MessageRef {
            origin: header.address.origin.clone(),
            message: header.address.message,
            header: header.hash(),
        }
    }

    fn handover() -> Handover {
        let to = "int.liaison-hub".parse().unwrap();
        Handover { from: "ita.coast-guard".parse().unwrap(), to, number: 1 }
    }

    fn entry(fact: Fact) -> EntryParts {
        EntryParts {
            journal: "ita.coast-guard/journal/1".parse().unwrap(),
            recorded_at: Timestamp::from_millis(1_768_099_620_000),
            directory_version: 3,
            fact,
            skeleton: vec![9; 4],
        }
    }

    #[test]
    fn the_format_is_what_it_was() {
        let fact =
            Fact::NotTaken { message: message(), handover: handover(), reason: Reason::Expired };
        assert_eq!(hex::encode(write(&entry(fact))), GOLDEN);
    }

    #[test]
    fn the_parts_of_a_fact_are_checked() {
        let missing = |field| Err(WireError::Missing { field });
        let parts = entry(Fact::HandedOver { message: message(), handover: handover() });
        let whole = pb::Entry::decode(&write(&parts)[..]).unwrap();
        let with = |fact| read(&pb::Entry { fact, ..whole.clone() }.encode_to_vec());
        assert_eq!(with(None), missing("entry.fact"));
        let (message, handover) = (write_ref(&message()), write_handover(&handover()));
        let fact = pb::HandedOver { message: None, handover: handover.clone() };
        assert_eq!(with(Some(PbFact::HandedOver(fact))), missing("message"));
        let fact = pb::HandedOver { message: message.clone(), handover: None };
        assert_eq!(with(Some(PbFact::HandedOver(fact))), missing("handover"));
        let fact = pb::Returned { message: message.clone(), reason: "TIRED".to_owned() };
        let unknown = Err(WireError::Unknown { field: "returned.reason" });
        assert_eq!(with(Some(PbFact::Returned(fact))), unknown);
        let none = handover.map(|it| pb::Handover { number: 0, ..it });
        let fact = pb::HandedOver { message, handover: none };
        let range = Err(WireError::OutOfRange { field: "handover.number" });
        assert_eq!(with(Some(PbFact::HandedOver(fact))), range);
        let fact = pb::Submitted { header: vec![0xff] };
        let broken = Err(WireError::Undecodable { what: "header" });
        assert_eq!(with(Some(PbFact::Submitted(fact))), broken);
    }

    #[test]
    fn unknown_fields_and_versions_are_refused() {
        let bytes = write(&entry(Fact::JournalOpened));
        let refused = Err(WireError::NotCanonical { what: "entry" });
        assert_eq!(read(&[&bytes[..], &[0xf8, 0x3f, 0x01]].concat()), refused);
        let mut other = pb::Entry::decode(&bytes[..]).unwrap();
        other.version = 2;
        let unknown = Err(WireError::Unknown { field: "entry.version" });
        assert_eq!(read(&other.encode_to_vec()), unknown);
    }

    #[test]
    fn the_size_of_an_entry_ends_at_its_limit() {
        let room = ENTRY_BYTES_MAX - write(&entry(Fact::JournalOpened)).len();
        let filled = |more: usize| {
            let skeleton = vec![9; 4 + room - 1 + more];
            write(&EntryParts { skeleton, ..entry(Fact::JournalOpened) })
        };
        assert_eq!(filled(0).len(), ENTRY_BYTES_MAX);
        assert_eq!(read(&filled(0)).map(|it| it.skeleton.len()), Ok(4 + room - 1));
        let given = ENTRY_BYTES_MAX + 1;
        let refused = WireError::TooLarge { what: "entry", allowed: ENTRY_BYTES_MAX, given };
        assert_eq!(read(&filled(1)), Err(refused));
    }

    proptest! {
        #[test]
        fn entries_come_back(
            fact in any_fact(),
            journal in any_journal(),
            at in any::<i64>(),
            directory_version in any::<u64>(),
            skeleton in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let recorded_at = Timestamp::from_millis(at);
            let parts = EntryParts { journal, recorded_at, directory_version, fact, skeleton };
            prop_assert_eq!(read(&write(&parts)), Ok(parts));
        }

        #[test]
        fn a_cut_entry_is_another_entry_or_none(fact in any_fact(), cut in 1_usize..400) {
            let bytes = write(&entry(fact));
            let shorter = &bytes[..bytes.len().saturating_sub(cut)];
            if let Ok(other) = read(shorter) {
                prop_assert_eq!(write(&other), shorter);
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(read(&bytes).is_err());
        }
    }
}
