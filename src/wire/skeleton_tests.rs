//! Skeletons come back as they were, and nothing else is one.

use proptest::prelude::*;

use super::*;
use crate::domain::competence::Function;
use crate::domain::due::DueSource;
use crate::wire::header::samples::{any_agency, any_digest, any_order};
use crate::wire::particulars::samples;

fn any_skeleton() -> impl Strategy<Value = Skeleton> {
    let principal = prop::option::of("spiffe://ita\\.x/officer/[a-z]{1,20}");
    let call = prop::option::of(("[ -~]{1,64}", any_digest()));
    let particulars = prop::option::of(samples::any_particulars());
    let desk = prop::option::of(samples::any_contact_point());
    let lease = prop::option::of(1..=i64::MAX);
    let own = (principal, call, particulars, desk, lease, any::<bool>());
    let readers = prop::collection::vec(any_agency(), 0..=READERS_MAX);
    let trail = prop::collection::vec(any_agency(), 0..=TRAIL_MAX);
    let all = (own, any_way(), any_duty(), readers, trail);
    all.prop_map(|(own, (next_hop, hops, statement, void), duty, readers, trail)| Skeleton {
        principal: own.0,
        call: own.1,
        particulars: own.2,
        contact_point: own.3,
        lease_until: own.4.map(Timestamp::from_millis),
        unreadable: own.5,
        next_hop,
        hops,
        statement,
        asked: void.as_ref().map(|it| it.destination.clone()),
        void,
        owed_onward: duty.0,
        owed: duty.0,
        deadline: duty.1,
        access: duty.2,
        rule: duty.3,
        references: duty.4,
        held: duty.5,
        backups: duty.6,
        attachments: hops % 17,
        drafted: duty.7,
        of_draft: duty.8,
        audit: duty.9,
        competence: competence_by(hops),
        keep_until: own.4.map(|it| Timestamp::from_millis(it / 2 + 1)),
        readers,
        trail,
    })
}

fn competence_by(chance: u32) -> Option<Competence> {
    let country =
        ["PAN", "int", "ITA"].into_iter().cycle().nth(usize::try_from(chance % 3).ok()?)?;
    let function = Function::ALL.get(usize::try_from(chance % 31).ok()?)?;
    Competence::read(country, function.as_str())
}

type Duty = (
    Option<Due>,
    Option<NotedDeadline>,
    Option<Access>,
    Option<String>,
    Vec<ReferenceMark>,
    Option<RequestId>,
    Vec<BackupMade>,
    Option<Drafted>,
    Option<MessageId>,
    Option<AuditGrant>,
);

fn any_duty() -> impl Strategy<Value = Duty> {
    let obligation = prop::sample::select(Obligation::ALL);
    let owed = (obligation.clone(), any::<bool>(), any::<i64>(), 0_usize..4).prop_map(
        |(obligation, requester, at, source)| Due {
            obligation,
            owner: if requester { Side::Requester } else { Side::Requested },
            at: Timestamp::from_millis(at),
            source: DueSource::ALL[source],
        },
    );
    let deadline = (any::<[u8; 16]>(), any_agency(), obligation, 0_usize..2, any::<bool>())
        .prop_map(|(request, party, obligation, owner, soon)| NotedDeadline {
            request: RequestId::from_bytes(request),
            party,
            obligation,
            owner: Side::ALL[owner],
            stage: if soon { DueStage::Soon } else { DueStage::Overdue },
        });
    let access = (any::<[u8; 16]>(), "[a-z:/]{1,40}")
        .prop_map(|(request, holder)| Access { request: RequestId::from_bytes(request), holder });
    (
        prop::option::of(owed),
        prop::option::of(deadline),
        prop::option::of(access),
        prop::option::of("[A-Z-]{1,40}"),
        prop::collection::vec(any::<ReferenceMark>(), 0..=REFERENCES_MAX),
        prop::option::of(any::<[u8; 16]>().prop_map(RequestId::from_bytes)),
        prop::collection::vec(any_backup(), 0..4),
        prop::option::of(drafting::samples::any_drafted()),
        prop::option::of(any::<[u8; 16]>().prop_map(MessageId::from_bytes)),
        prop::option::of(auditing::samples::any_grant()),
    )
}

fn any_backup() -> impl Strategy<Value = BackupMade> {
    (any::<u64>(), any::<u64>(), any::<i64>(), any::<i64>()).prop_map(|(from, to, made, until)| {
        let (made_at, keep_until) = (Timestamp::from_millis(made), Timestamp::from_millis(until));
        BackupMade { from, to, made_at, keep_until }
    })
}

type Way = (Option<AgencyId>, u32, Option<StatementDetail>, Option<Void>);

fn any_way() -> impl Strategy<Value = Way> {
    let reason = prop::option::of(prop::sample::select(Reason::ALL.to_vec()));
    let from = prop::option::of(any_agency());
    let detail =
        (any::<i64>(), reason, from, any::<u32>()).prop_map(|(at, reason, from, number)| {
            let at = Timestamp::from_millis(at);
            let cause = (number % 2 == 0).then_some(ErasureCause::AuthorityOrder);
            StatementDetail { at, reason, from, number, cause, attachment: number % 17 }
        });
    let void = (any_agency(), any_agency(), any_order())
        .prop_map(|(origin, destination, order)| Void { origin, destination, order });
    let next_hop = prop::option::of(any_agency());
    (next_hop, any::<u32>(), prop::option::of(detail), prop::option::of(void))
}

#[test]
fn an_empty_skeleton_is_no_bytes() {
    assert!(write(&Skeleton::default()).is_empty());
    assert_eq!(read(&[]), Ok(Skeleton::default()));
}

#[test]
fn an_entry_has_room_for_all_the_backups_that_it_may_name() {
    let (made_at, keep_until) =
        (Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MAX));
    let made = BackupMade { from: u64::MAX, to: u64::MAX, made_at, keep_until };
    let mut skeleton = Skeleton { backups: vec![made; BACKUPS_MAX], ..Skeleton::default() };
    assert!(write(&skeleton).len() < ENTRY_BYTES_MAX - 512, "{}", write(&skeleton).len());
    skeleton.backups.push(made);
    let (what, allowed, given) = ("skeleton.backups", BACKUPS_MAX, BACKUPS_MAX + 1);
    let refused = WireError::TooLarge { what, allowed, given };
    assert_eq!(read(&write(&skeleton)), Err(refused));
}

#[test]
fn a_call_has_a_key_and_a_fingerprint() {
    let call = |key: &str, fingerprint: usize| {
        let idempotency_key = key.to_owned();
        let fingerprint = vec![1; fingerprint];
        let skeleton = pb::Skeleton { idempotency_key, fingerprint, ..Default::default() };
        read(&skeleton.encode_to_vec()).map(|it| it.call.is_some())
    };
    assert_eq!(call("k", 32), Ok(true));
    assert_eq!(call("", 0), Ok(false));
    assert_eq!(call("", 32), Err(WireError::Missing { field: "skeleton.idempotency_key" }));
    let field = "skeleton.fingerprint";
    assert_eq!(call("k", 0), Err(WireError::Length { field, expected: 32, given: 0 }));
    let what = "skeleton.idempotency_key";
    assert_eq!(call(&"k".repeat(64), 32), Ok(true));
    let too_large = WireError::TooLarge { what, allowed: 64, given: 65 };
    assert_eq!(call(&"k".repeat(65), 32), Err(too_large));
}

#[test]
fn faults_of_the_parts_are_named() {
    let skeleton = pb::Skeleton { contact_point: "x".to_owned(), ..Default::default() };
    let why = "it needs an agency, a slash, a desk";
    let field = "skeleton.contact_point";
    assert_eq!(read(&skeleton.encode_to_vec()), Err(WireError::Malformed { field, why }));
    let particulars = Some(pb::Particulars::default());
    let skeleton = pb::Skeleton { particulars, ..Default::default() };
    let range = Err(WireError::OutOfRange { field: "particulars.to" });
    assert_eq!(read(&skeleton.encode_to_vec()), range);
    let void =
        Some(pb::Void { origin: "ita.x".to_owned(), destination: "ita.y".to_owned(), order: None });
    let skeleton = pb::Skeleton { void, ..Default::default() };
    let missing = Err(WireError::Missing { field: "skeleton.void.order" });
    assert_eq!(read(&skeleton.encode_to_vec()), missing);
    let statement = Some(pb::StatementDetail { reason: "X".to_owned(), ..Default::default() });
    let skeleton = pb::Skeleton { statement, ..Default::default() };
    let unknown = Err(WireError::Unknown { field: "skeleton.statement.reason" });
    assert_eq!(read(&skeleton.encode_to_vec()), unknown);
    for (country, function) in [
        ("", ""),
        ("pan", "flag_state_authority"),
        ("PAN", "Flag_state_authority"),
        ("PAN", "the harbour master, Mr X"),
        ("ZZZ", "flag_state_authority"),
    ] {
        let (country, function) = (country.to_owned(), function.to_owned());
        let competence = Some(pb::AskedCompetence { country, function });
        let skeleton = pb::Skeleton { competence, ..Default::default() };
        let unknown = Err(WireError::Unknown { field: "skeleton.competence" });
        assert_eq!(read(&skeleton.encode_to_vec()), unknown, "words of closed lists only");
    }
    let refused = Err(WireError::NotCanonical { what: "skeleton" });
    assert_eq!(read(&[0x38, 0x00]), refused);
}

proptest! {
    #[test]
    fn skeletons_come_back(skeleton in any_skeleton()) {
        let bytes = write(&skeleton);
        let (what, allowed, given) = ("skeleton", ENTRY_BYTES_MAX, bytes.len());
        let expected = match given > allowed {
            // Many recipients and a long trail: whoever records that leaves the trail out.
            true => Err(WireError::TooLarge { what, allowed, given }),
            false => Ok(skeleton),
        };
        prop_assert_eq!(read(&bytes), expected);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        if let Ok(skeleton) = read(&bytes) {
            prop_assert_eq!(write(&skeleton), bytes);
        }
    }
}
