//! Stations in order, what ends a message, and records of the greatest length.

use super::*;

fn station(station: Station, agency: &str, from: Option<&str>) -> StationRecord {
    StationRecord {
        station,
        agency: agency.parse().unwrap(),
        at: Timestamp::from_millis(0),
        reason: None,
        from: from.map(|it| it.parse().unwrap()),
        position: 0,
        own: false,
        statement: None,
    }
}

#[test]
fn stations_are_told_in_the_order_in_which_they_came_about() {
    let accepted = station(Station::Accepted, "ita.a", None);
    let first = station(Station::Relayed, "int.h1", Some("ita.a"));
    let refused = station(Station::NotTaken, "int.h2", None);
    let back = station(Station::Returned, "int.h1", None);
    let second = station(Station::Relayed, "int.h3", Some("ita.a"));
    let arrived = station(Station::Delivered, "pan.z", Some("int.h3"));
    let read = station(Station::Retrieved, "pan.z", None);
    let told = [&accepted, &first, &refused, &back, &second, &arrived, &read].map(Clone::clone);
    assert_eq!(in_order(told.to_vec()), told);
    let crossed = [&accepted, &refused, &read, &arrived, &back, &first, &second];
    let expected = [&accepted, &refused, &first, &back, &second, &arrived, &read];
    assert_eq!(in_order(crossed.map(Clone::clone).to_vec()), expected.map(Clone::clone).to_vec());
    let undelivered = station(Station::Undelivered, "ita.a", None);
    let ended = in_order(vec![undelivered.clone(), back.clone(), accepted.clone()]);
    assert_eq!(ended, [back, accepted, undelivered]);
    let ring = ["int.h1", "int.h2"];
    let ring: Vec<_> =
        (0..2).map(|n| station(Station::Relayed, ring[n], Some(ring[1 - n]))).collect();
    assert_eq!(in_order(ring.clone()), ring);
    assert_eq!(in_order(Vec::new()), []);
}

#[test]
fn a_return_counts_only_from_the_last_hop_of_the_chain() {
    let own: AgencyId = "ita.a".parse().unwrap();
    let end: AgencyId = "pan.z".parse().unwrap();
    let first = station(Station::Relayed, "int.h1", Some("ita.a"));
    let second = station(Station::Relayed, "int.h2", Some("int.h1"));
    let stranger = station(Station::Returned, "int.h9", None);
    assert!(!accounted_for(&own, &end, &[first.clone(), stranger.clone()]));
    let back = station(Station::Returned, "int.h2", None);
    assert!(accounted_for(&own, &end, &[first.clone(), second.clone(), back.clone()]));
    assert!(!accounted_for(&own, &end, &[first.clone(), back.clone()]));
    let arrived = station(Station::Delivered, "pan.z", Some("int.h2"));
    assert!(!accounted_for(&own, &end, &[first, second, back, arrived]));
}

#[test]
fn the_destinations_refusal_after_expiry_is_final_by_itself() {
    let own: AgencyId = "ita.a".parse().unwrap();
    let end: AgencyId = "pan.z".parse().unwrap();
    let mut never = station(Station::NotTaken, "pan.z", Some("int.h1"));
    never.reason = Some(Reason::ProofInvalid);
    assert!(!accounted_for(&own, &end, std::slice::from_ref(&never)));
    never.reason = Some(Reason::Expired);
    assert!(accounted_for(&own, &end, std::slice::from_ref(&never)));
}

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, Consent, ItemMark, Redirect};
use crate::domain::ids::{AGENCY_NAME_BYTES_MAX, DESK_NAME_BYTES_MAX, RequestId};
use crate::domain::lifecycle::State;
use crate::domain::limits::{CONSENT_STATES_MAX, HEADER_BYTES_MAX, ITEMS_MAX, RECIPIENTS_MAX};
use crate::domain::particulars::Urgency;
use crate::history::rows::encode;
use crate::journal::memory::MemoryStore;
use crate::journal::store::{Store, VALUE_BYTES_MAX};

/// Twelve contact points with the longest names, everything said that can be said.
fn longest(desk: &ContactPointId) -> Particulars {
    let mark =
        ItemMark { item: "ABCDEFGH".parse().ok(), act: Act::Reopening, seen: Some(State::Closed) };
    let bearing = Bearing {
        items: vec![mark; ITEMS_MAX],
        consent: Some(Consent {
            granted: Some(true),
            states: vec!["ITA".parse().unwrap(); CONSENT_STATES_MAX],
        }),
        redirect: Some(Redirect::HandedOn(desk.clone())),
        ..Bearing::silent(None)
    };
    Particulars {
        request: RequestId::from_bytes([1; 16]),
        kind: "UNTOC.13.1.A.CONFISCATE_ORDER_REQ".parse().unwrap(),
        act: Act::TransmittedForExecution,
        outcome: Some("x".repeat(64)),
        from: desk.clone(),
        to: vec![desk.clone(); RECIPIENTS_MAX],
        in_reply_to: None,
        urgency: Urgency::Immediate,
        respond_by: None,
        bearing,
        issued_at: Timestamp::from_millis(i64::MAX),
    }
}

fn longest_station(agency: &AgencyId) -> StationRecord {
    StationRecord {
        station: Station::Undelivered,
        agency: agency.clone(),
        at: Timestamp::from_millis(i64::MAX),
        reason: Some(Reason::NextHopRefused),
        from: Some(agency.clone()),
        position: u64::MAX,
        own: false,
        statement: Some(Digest::of(b"entry")),
    }
}

#[test]
fn the_largest_record_fits_its_rows() {
    let agency = format!("ita.{}", "a".repeat(AGENCY_NAME_BYTES_MAX));
    let desk: ContactPointId =
        format!("{agency}/{}", "d".repeat(DESK_NAME_BYTES_MAX)).parse().unwrap();
    let agency: AgencyId = agency.parse().unwrap();
    let particulars = longest(&desk);
    let record = MessageRecord {
        part: Part::Destination,
        header: vec![0; HEADER_BYTES_MAX],
        recorded: u64::MAX,
        recorded_at: Timestamp::from_millis(i64::MAX),
        custody: Custody::Held,
        upstream: Some(agency.clone()),
        hops: 8,
        handovers: 1,
        brought: u32::MAX,
        stations: 9,
        first_stations: vec![longest_station(&agency); STATIONS_HERE_MAX],
        particulars: Some(particulars),
        unreadable: false,
        out_of_state: false,
        inbox: vec![(desk, u64::MAX); RECIPIENTS_MAX + ESCALATIONS_MAX],
        claim: Some(Claim {
            holder: "x".repeat(140),
            until: Timestamp::from_millis(i64::MAX),
            position: 9,
        }),
        read: Some(u64::MAX),
        acknowledged: Some(u64::MAX),
        unclaimed: None,
        references: vec![[0; 16]; 8],
        erased: Some(Erased {
            at: Timestamp::from_millis(i64::MAX),
            cause: ErasureCause::OwnDecision,
            position: u64::MAX,
        }),
    };
    let bytes = encode(&record).len();
    assert!((VALUE_BYTES_MAX..2 * VALUE_BYTES_MAX - 1).contains(&bytes), "{bytes}");
    let store = MemoryStore::new();
    let mut rows = Working::over(&store);
    let key = MessageKey::from_slice(&[7; 24]).unwrap();
    save(&mut rows, key, &record);
    assert_eq!(find(&rows, key).unwrap(), Some(record.clone()));
    // Each of its rows is one that the store takes.
    store.apply(rows.into_batch()).unwrap();
    assert_eq!(find(&store as &dyn Store, key).unwrap(), Some(record));
}

#[derive(Serialize)]
struct OneByOne {
    header: Vec<u8>,
    key: Option<Vec<u8>>,
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct InOneRun {
    #[serde(with = "serde_bytes")]
    header: Vec<u8>,
    #[serde(with = "serde_bytes")]
    key: Option<Vec<u8>>,
}

#[test]
fn bytes_that_are_written_in_one_run_are_the_row_that_they_were_one_by_one() {
    for (header, key) in [(vec![7; 300], Some(vec![255; 200])), (Vec::new(), None)] {
        let row = rows::encode(&OneByOne { header: header.clone(), key: key.clone() });
        let run = InOneRun { header, key };
        assert_eq!(rows::encode(&run), row);
        assert_eq!(rows::decode::<InOneRun>(&row, "row").unwrap(), run);
    }
}
