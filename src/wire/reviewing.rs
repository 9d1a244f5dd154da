//! Words of a reviewing transit, both ways.

use crate::domain::fact::Fact;
use crate::domain::reviewing::{ReviewFact, ReviewWord};
use crate::wire::fact::{read_ref, write_ref};
use crate::wire::{WireError, ids, pb};

use pb::entry::Fact as PbFact;

pub(super) fn write(fact: &ReviewFact) -> PbFact {
    let message = write_ref(&fact.message);
    match fact.word {
        ReviewWord::Released => PbFact::TransitReleased(pb::TransitReleased { message }),
        ReviewWord::Annotated(remark) => {
            let remark = remark.to_string();
            PbFact::TransitAnnotated(pb::TransitAnnotated { message, remark })
        }
    }
}

pub(super) fn released(it: pb::TransitReleased) -> Result<Fact, WireError> {
    let pb::TransitReleased { message } = it;
    Ok(Fact::Review(ReviewFact { message: read_ref(message)?, word: ReviewWord::Released }))
}

pub(super) fn annotated(it: pb::TransitAnnotated) -> Result<Fact, WireError> {
    let pb::TransitAnnotated { message, remark } = it;
    let remark = ids::word("transit_annotated.remark", &remark)?;
    let word = ReviewWord::Annotated(remark);
    Ok(Fact::Review(ReviewFact { message: read_ref(message)?, word }))
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::reviewing::Remark;
    use crate::wire::fact::samples::any_ref;

    pub(in crate::wire) fn any_review_fact() -> impl Strategy<Value = ReviewFact> {
        let annotated = prop::sample::select(Remark::ALL.to_vec()).prop_map(ReviewWord::Annotated);
        let word = prop_oneof![Just(ReviewWord::Released), annotated];
        (any_ref(), word).prop_map(|(message, word)| ReviewFact { message, word })
    }
}
