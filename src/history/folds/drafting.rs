//! Drafts that wait for a second pair of eyes: made, and ended once.
//!
//! A journal in which a draft is approved that never waited, or as another one than was drafted, does
//! not fold.

use crate::domain::drafting::DraftFact;
use crate::domain::ids::MessageId;
use crate::history::Opened;
use crate::history::drafts::{self, DraftEnd, DraftRecord, DraftState, find};
use crate::history::rows::{HistoryError, Working};

const DAMAGED: HistoryError = HistoryError::Damaged { what: "entry about a draft" };

pub(super) fn fold(
    rows: &mut Working<'_>,
    opened: &Opened,
    fact: &DraftFact,
) -> Result<(), HistoryError> {
    match fact {
        DraftFact::Made { draft, fingerprint, until } => {
            if find(rows, *draft)?.is_some() {
                return Err(DAMAGED);
            }
            let skeleton = &opened.skeleton;
            let drafted = skeleton.drafted.as_ref().ok_or(DAMAGED)?;
            let (call, submitted) = skeleton.call.clone().ok_or(DAMAGED)?;
            if submitted != *fingerprint {
                return Err(DAMAGED);
            }
            let record = DraftRecord {
                drafter: skeleton.principal.clone().ok_or(DAMAGED)?,
                call,
                fingerprint: *fingerprint,
                desk: skeleton.contact_point.clone().ok_or(DAMAGED)?,
                request: drafted.request,
                kind: drafted.kind,
                act: drafted.act,
                made_at: opened.entry.recorded_at,
                made: opened.position,
                until: *until,
                state: DraftState::Waiting,
                end: None,
                became: Vec::new(),
            };
            drafts::save(rows, *draft, &record);
            Ok(())
        }
        DraftFact::Shown { draft } => find(rows, *draft)?.map(|_| ()).ok_or(DAMAGED),
        DraftFact::Approved { draft, fingerprint } => {
            let record = find(rows, *draft)?.ok_or(DAMAGED)?;
            let by = opened.skeleton.principal.as_ref();
            if record.fingerprint != *fingerprint || by.is_none_or(|it| *it == record.drafter) {
                return Err(DAMAGED);
            }
            end(rows, opened, *draft, DraftState::Approved)
        }
        DraftFact::Withdrawn { draft } => end(rows, opened, *draft, DraftState::Withdrawn),
        DraftFact::Expired { draft } => end(rows, opened, *draft, DraftState::Expired),
    }
}

fn end(
    rows: &mut Working<'_>,
    opened: &Opened,
    draft: MessageId,
    state: DraftState,
) -> Result<(), HistoryError> {
    let mut record = find(rows, draft)?.ok_or(DAMAGED)?;
    if record.state != DraftState::Waiting {
        return Err(DAMAGED);
    }
    let (at, position) = (opened.entry.recorded_at, opened.position);
    record.end = Some(DraftEnd { at, by: opened.skeleton.principal.clone(), position });
    record.state = state;
    drafts::save(rows, draft, &record);
    Ok(())
}

/// The draft became the message of the entry at `position`.
pub(super) fn became(
    rows: &mut Working<'_>,
    draft: MessageId,
    position: u64,
) -> Result<(), HistoryError> {
    let mut record = find(rows, draft)?.ok_or(DAMAGED)?;
    if record.state != DraftState::Approved {
        return Err(DAMAGED);
    }
    record.became.push(position);
    drafts::save(rows, draft, &record);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::domain::acts::Act;
    use crate::domain::digest::Digest;
    use crate::domain::fact::{EntryParts, Fact};
    use crate::domain::ids::RequestId;
    use crate::journal::memory::MemoryStore;
    use crate::wire::drafting::Drafted;
    use crate::wire::skeleton::Skeleton;

    const DRAFT: MessageId = MessageId::from_bytes([1; 16]);

    fn entry(position: u64, by: &str, fact: DraftFact) -> Opened {
        let drafted = Drafted {
            request: RequestId::from_bytes([2; 16]),
            kind: "SOM.8.2.VESSEL".parse().unwrap(),
            act: Act::Request,
        };
        let skeleton = Skeleton {
            principal: Some(by.to_owned()),
            call: Some(("k".to_owned(), Digest::of(b"call"))),
            contact_point: "ita.x/desk".parse().ok(),
            drafted: Some(drafted),
            ..Skeleton::default()
        };
        let entry = EntryParts {
            journal: "ita.x/journal/1".parse().unwrap(),
            recorded_at: Timestamp::from_millis(5),
            directory_version: 1,
            fact: Fact::Draft(fact),
            skeleton: Vec::new(),
        };
        Opened { position, entry, skeleton }
    }

    fn folded(facts: &[(&str, DraftFact)]) -> Result<DraftRecord, HistoryError> {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        for (position, (by, fact)) in (0..).zip(facts) {
            fold(&mut rows, &entry(position, by, fact.clone()), fact)?;
        }
        Ok(find(&rows, DRAFT)?.unwrap())
    }

    fn made() -> (&'static str, DraftFact) {
        let (fingerprint, until) = (Digest::of(b"call"), Timestamp::from_millis(9));
        ("anna", DraftFact::Made { draft: DRAFT, fingerprint, until })
    }

    fn approved(by: &'static str, text: &[u8]) -> (&'static str, DraftFact) {
        (by, DraftFact::Approved { draft: DRAFT, fingerprint: Digest::of(text) })
    }

    #[test]
    fn a_draft_ends_once_and_by_somebody_else() {
        let ended = folded(&[made(), approved("ben", b"call")]).unwrap();
        assert_eq!(ended.state, DraftState::Approved);
        assert_eq!(ended.end.unwrap().by.as_deref(), Some("ben"));
        let withdrawn = ("anna", DraftFact::Withdrawn { draft: DRAFT });
        assert_eq!(folded(&[made(), withdrawn.clone()]).unwrap().state, DraftState::Withdrawn);
        for wrong in [
            vec![approved("ben", b"call")],
            vec![made(), made()],
            vec![made(), approved("anna", b"call")],
            vec![made(), approved("ben", b"another call")],
            vec![made(), withdrawn.clone(), approved("ben", b"call")],
            vec![made(), approved("ben", b"call"), withdrawn.clone()],
            vec![made(), withdrawn.clone(), ("", DraftFact::Expired { draft: DRAFT })],
            vec![("anna", DraftFact::Shown { draft: DRAFT })],
        ] {
            let fault = folded(&wrong).unwrap_err().to_string();
            assert_eq!(fault, "entry about a draft is damaged", "{wrong:?}");
        }
    }

    #[test]
    fn a_message_comes_of_a_draft_only_once_it_is_approved() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        assert!(became(&mut rows, DRAFT, 7).is_err());
        let (by, fact) = made();
        fold(&mut rows, &entry(0, by, fact.clone()), &fact).unwrap();
        assert!(became(&mut rows, DRAFT, 7).is_err());
        let until = Timestamp::from_millis(9);
        assert_eq!(drafts::page(&rows, true, None, 5).unwrap(), [DRAFT]);
        assert_eq!(drafts::ended(&rows, until.plus_millis(-1), 5).unwrap(), []);
        assert_eq!(drafts::ended(&rows, until, 5).unwrap(), [DRAFT]);
        let (by, fact) = approved("ben", b"call");
        fold(&mut rows, &entry(1, by, fact.clone()), &fact).unwrap();
        became(&mut rows, DRAFT, 2).unwrap();
        assert_eq!(find(&rows, DRAFT).unwrap().unwrap().became, [2]);
        assert_eq!(drafts::page(&rows, true, None, 5).unwrap(), []);
        assert_eq!(drafts::page(&rows, false, None, 5).unwrap(), [DRAFT]);
        assert_eq!(drafts::ended(&rows, until, 5).unwrap(), []);
    }
}
