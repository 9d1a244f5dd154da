//! Facts about drafts that wait for approval, both ways, and what a skeleton says of one.

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::drafting::DraftFact;
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::kinds::KindCode;
use crate::wire::{WireError, ids, pb};

use pb::entry::Fact as PbFact;

/// What the agency knows of a draft besides, without a word of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafted {
    /// The request that it belongs to, or that it is to open.
    pub request: RequestId,
    /// Its kind.
    pub kind: KindCode,
    /// Its act.
    pub act: Act,
}

pub(super) fn write(fact: &DraftFact) -> PbFact {
    let draft_id = fact.draft().as_bytes().to_vec();
    match fact {
        DraftFact::Made { fingerprint, until, .. } => PbFact::DraftMade(pb::DraftMade {
            draft_id,
            fingerprint: fingerprint.as_bytes().to_vec(),
            until_ms: until.millis(),
        }),
        DraftFact::Shown { .. } => PbFact::DraftShown(pb::DraftShown { draft_id }),
        DraftFact::Approved { fingerprint, .. } => {
            let fingerprint = fingerprint.as_bytes().to_vec();
            PbFact::DraftApproved(pb::DraftApproved { draft_id, fingerprint })
        }
        DraftFact::Withdrawn { .. } => PbFact::DraftWithdrawn(pb::DraftWithdrawn { draft_id }),
        DraftFact::Expired { .. } => PbFact::DraftExpired(pb::DraftExpired { draft_id }),
    }
}

pub(super) fn made(it: &pb::DraftMade) -> Result<DraftFact, WireError> {
    let pb::DraftMade { draft_id, fingerprint, until_ms } = it;
    Ok(DraftFact::Made {
        draft: id("draft_made.draft_id", draft_id)?,
        fingerprint: ids::digest("draft_made.fingerprint", fingerprint)?,
        until: Timestamp::from_millis(*until_ms),
    })
}

pub(super) fn shown(it: &pb::DraftShown) -> Result<DraftFact, WireError> {
    Ok(DraftFact::Shown { draft: id("draft_shown.draft_id", &it.draft_id)? })
}

pub(super) fn approved(it: &pb::DraftApproved) -> Result<DraftFact, WireError> {
    let pb::DraftApproved { draft_id, fingerprint } = it;
    Ok(DraftFact::Approved {
        draft: id("draft_approved.draft_id", draft_id)?,
        fingerprint: ids::digest("draft_approved.fingerprint", fingerprint)?,
    })
}

pub(super) fn withdrawn(it: &pb::DraftWithdrawn) -> Result<DraftFact, WireError> {
    Ok(DraftFact::Withdrawn { draft: id("draft_withdrawn.draft_id", &it.draft_id)? })
}

pub(super) fn expired(it: &pb::DraftExpired) -> Result<DraftFact, WireError> {
    Ok(DraftFact::Expired { draft: id("draft_expired.draft_id", &it.draft_id)? })
}

fn id(field: &'static str, bytes: &[u8]) -> Result<MessageId, WireError> {
    ids::message_id(field, bytes)
}

pub(super) fn write_drafted(drafted: &Drafted) -> pb::Drafted {
    let Drafted { request, kind, act } = drafted;
    let request_id = request.as_bytes().to_vec();
    pb::Drafted { request_id, kind: kind.to_string(), act: act.to_string() }
}

pub(super) fn read_drafted(it: pb::Drafted) -> Result<Drafted, WireError> {
    let pb::Drafted { request_id, kind, act } = it;
    Ok(Drafted {
        request: ids::request_id("skeleton.drafted.request_id", &request_id)?,
        kind: ids::word("skeleton.drafted.kind", &kind)?,
        act: ids::word("skeleton.drafted.act", &act)?,
    })
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::header::samples::any_digest;

    fn any_id() -> impl Strategy<Value = MessageId> {
        any::<[u8; 16]>().prop_map(MessageId::from_bytes)
    }

    pub(in crate::wire) fn any_draft_fact() -> impl Strategy<Value = DraftFact> {
        prop_oneof![
            (any_id(), any_digest(), any::<i64>()).prop_map(|(draft, fingerprint, until)| {
                let until = Timestamp::from_millis(until);
                DraftFact::Made { draft, fingerprint, until }
            }),
            any_id().prop_map(|draft| DraftFact::Shown { draft }),
            (any_id(), any_digest())
                .prop_map(|(draft, fingerprint)| DraftFact::Approved { draft, fingerprint }),
            any_id().prop_map(|draft| DraftFact::Withdrawn { draft }),
            any_id().prop_map(|draft| DraftFact::Expired { draft }),
        ]
    }

    pub(in crate::wire) fn any_drafted() -> impl Strategy<Value = Drafted> {
        let kinds: Vec<KindCode> = KindCode::all().collect();
        (any::<[u8; 16]>(), prop::sample::select(kinds), prop::sample::select(Act::ALL.to_vec()))
            .prop_map(|(request, kind, act)| Drafted {
                request: RequestId::from_bytes(request),
                kind,
                act,
            })
    }
}
