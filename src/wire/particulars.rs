//! What only recipients may know about a message besides its content, as it is sealed.

use prost::Message;

use crate::clock::Timestamp;
use crate::domain::limits::{PARTICULARS_BYTES_MAX, RECIPIENTS_MAX};
use crate::domain::particulars::Particulars;
use crate::wire::filler::{self, Names};
use crate::wire::{WireError, bearing, decode_canonical, ids, pb};

/// Longest word for an outcome, in bytes.
pub const OUTCOME_BYTES_MAX: usize = 64;

/// The canonical bytes of particulars.
pub fn write(particulars: &Particulars) -> Vec<u8> {
    to_pb(particulars).encode_to_vec()
}

/// Reads particulars from their canonical bytes.
///
/// # Errors
/// Any byte more, less or other than [`write`] would write; names the field at fault. Only how many
/// zeros fill it up is the writer's choice.
pub fn read(bytes: &[u8]) -> Result<Particulars, WireError> {
    from_pb(decode_canonical("particulars", bytes, PARTICULARS_BYTES_MAX)?)
}

pub(super) fn to_pb(particulars: &Particulars) -> pb::Particulars {
    let Particulars {
        request,
        kind,
        act,
        outcome,
        from,
        to,
        in_reply_to,
        urgency,
        respond_by,
        bearing,
        issued_at,
    } = particulars;
    let desks: Vec<String> = std::iter::once(from).chain(to).map(ToString::to_string).collect();
    let bearing = bearing::to_pb(bearing);
    let mut filler = filler::of(&Names {
        words: vec![kind.as_str(), act.as_str(), urgency.as_str()],
        outcome: outcome.as_deref().unwrap_or_default(),
        desks: desks.iter().map(String::as_str).collect(),
    });
    filler.resize(filler.len() + bearing::filler_bytes(&bearing), 0);
    pb::Particulars {
        request_id: request.as_bytes().to_vec(),
        kind: kind.as_str().to_owned(),
        act: act.as_str().to_owned(),
        outcome: outcome.clone().unwrap_or_default(),
        from: from.to_string(),
        to: to.iter().map(ToString::to_string).collect(),
        in_reply_to: in_reply_to.map(|it| it.as_bytes().to_vec()).unwrap_or_default(),
        urgency: urgency.as_str().to_owned(),
        bearing: Some(bearing),
        respond_by_ms: ids::millis_or_zero(*respond_by),
        issued_at_ms: issued_at.millis(),
        filler,
    }
}

pub(super) fn from_pb(particulars: pb::Particulars) -> Result<Particulars, WireError> {
    let pb::Particulars {
        request_id,
        kind,
        act,
        outcome,
        from,
        to,
        in_reply_to,
        urgency,
        bearing,
        respond_by_ms,
        issued_at_ms,
        filler,
    } = particulars;
    if !(1..=RECIPIENTS_MAX).contains(&to.len()) {
        return Err(WireError::OutOfRange { field: "particulars.to" });
    }
    if filler.iter().any(|it| *it != 0) {
        let why = "what fills it up is zeros";
        return Err(WireError::Malformed { field: "particulars.filler", why });
    }
    let to = to.iter().map(|it| ids::name("particulars.to", it));
    let answered =
        (!in_reply_to.is_empty()).then(|| ids::message_id("particulars.in_reply_to", &in_reply_to));
    Ok(Particulars {
        request: ids::request_id("particulars.request_id", &request_id)?,
        kind: ids::word("particulars.kind", &kind)?,
        act: ids::word("particulars.act", &act)?,
        outcome: read_outcome(outcome)?,
        from: ids::name("particulars.from", &from)?,
        to: to.collect::<Result<_, _>>()?,
        in_reply_to: answered.transpose()?,
        urgency: ids::word("particulars.urgency", &urgency)?,
        bearing: bearing::from_pb(ids::part("particulars.bearing", bearing)?)?,
        respond_by: ids::time_or_none(respond_by_ms),
        issued_at: Timestamp::from_millis(issued_at_ms),
    })
}

fn read_outcome(outcome: String) -> Result<Option<String>, WireError> {
    if outcome.is_empty() {
        Ok(None)
    } else if is_outcome(&outcome) {
        Ok(Some(outcome))
    } else {
        let why = "it is a word of at most 64 of a-z, 0-9 and _";
        Err(WireError::Malformed { field: "particulars.outcome", why })
    }
}

/// True for a lower-case word: an outcome stands in skeletons, which hold no free text.
pub(super) fn is_outcome(text: &str) -> bool {
    let fits = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    (1..=OUTCOME_BYTES_MAX).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::acts::Act;
    use crate::domain::bearing::Bearing;
    use crate::domain::ids::{ContactPointId, MessageId, RequestId};
    use crate::domain::particulars::Urgency;

    pub(in crate::wire) fn particulars() -> Particulars {
        Particulars {
            request: RequestId::from_bytes([2; 16]),
            kind: "SOM.8.2.VESSEL".parse().unwrap(),
            act: Act::AckReceipt,
            outcome: None,
            from: "pan.maritime-authority/flag-state-desk".parse().unwrap(),
            to: vec!["ita.coast-guard/operations-centre".parse().unwrap()],
            in_reply_to: Some(MessageId::from_bytes([1; 16])),
            urgency: Urgency::Immediate,
            bearing: Bearing::silent(Some("PAN".parse().unwrap())),
            respond_by: None,
            issued_at: Timestamp::from_millis(1_768_099_620_000),
        }
    }

    pub(in crate::wire) fn any_contact_point() -> impl Strategy<Value = ContactPointId> {
        "[a-z]{3}\\.[a-z0-9]{1,20}/[a-z0-9]{1,20}".prop_map(|it| it.parse().unwrap())
    }

    pub(in crate::wire) fn any_particulars() -> impl Strategy<Value = Particulars> {
        let words = (
            prop::sample::select(vec!["SOM.8.2.VESSEL", "UNTOC.18.3.F.DOCS"]),
            prop::sample::select(Act::ALL.to_vec()),
            prop::option::of("[a-z0-9_]{1,64}"),
            prop::sample::select(vec![Urgency::Immediate, Urgency::Priority, Urgency::Routine]),
            bearing::samples::any_bearing(),
        );
        let parties =
            (any_contact_point(), prop::collection::vec(any_contact_point(), 1..=RECIPIENTS_MAX));
        let ids = (any::<[u8; 16]>(), prop::option::of(any::<[u8; 16]>()));
        let times = (prop::option::of(1..=i64::MAX), any::<i64>());
        (words, parties, ids, times).prop_map(|(words, (from, to), ids, times)| {
            let (kind, act, outcome, urgency, bearing) = words;
            Particulars {
                request: RequestId::from_bytes(ids.0),
                kind: kind.parse().unwrap(),
                act,
                outcome,
                from,
                to,
                in_reply_to: ids.1.map(MessageId::from_bytes),
                urgency,
                bearing,
                respond_by: times.0.map(Timestamp::from_millis),
                issued_at: Timestamp::from_millis(times.1),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn changed(change: impl Fn(&mut pb::Particulars)) -> WireError {
        let mut particulars = to_pb(&samples::particulars());
        change(&mut particulars);
        read(&particulars.encode_to_vec()).unwrap_err()
    }

    #[test]
    fn every_field_is_checked() {
        let unknown = |field| WireError::Unknown { field };
        let length = |field, given| WireError::Length { field, expected: 16, given };
        assert_eq!(changed(|it| it.kind.push('X')), unknown("particulars.kind"));
        assert_eq!(changed(|it| it.act.clear()), unknown("particulars.act"));
        assert_eq!(changed(|it| it.urgency.clear()), unknown("particulars.urgency"));
        let missing = WireError::Missing { field: "particulars.bearing" };
        assert_eq!(changed(|it| it.bearing = None), missing);
        assert_eq!(changed(|it| it.request_id.clear()), length("particulars.request_id", 0));
        assert_eq!(changed(|it| it.in_reply_to.push(0)), length("particulars.in_reply_to", 17));
        assert_eq!(changed(|it| it.to.clear()), WireError::OutOfRange { field: "particulars.to" });
        let many = changed(|it| it.to = vec![it.from.clone(); RECIPIENTS_MAX + 1]);
        assert_eq!(many, WireError::OutOfRange { field: "particulars.to" });
        let why = "it needs an agency, a slash, a desk";
        let malformed = |field| WireError::Malformed { field, why };
        assert_eq!(changed(|it| it.from.clear()), malformed("particulars.from"));
        assert_eq!(changed(|it| it.to = vec![String::new()]), malformed("particulars.to"));
        let why = "it is a word of at most 64 of a-z, 0-9 and _";
        let malformed = WireError::Malformed { field: "particulars.outcome", why };
        assert_eq!(changed(|it| it.outcome = "Mr X".to_owned()), malformed);
        assert_eq!(changed(|it| it.outcome = "x".repeat(65)), malformed);
    }

    #[test]
    fn another_encoding_of_the_same_value_is_refused() {
        let bytes = write(&samples::particulars());
        let refused = Err(WireError::NotCanonical { what: "particulars" });
        assert_eq!(read(&[&bytes[..], &[0x68, 0x01]].concat()), refused);
        let given = PARTICULARS_BYTES_MAX + 1;
        let (what, allowed) = ("particulars", PARTICULARS_BYTES_MAX);
        assert_eq!(read(&vec![0; given]), Err(WireError::TooLarge { what, allowed, given }));
    }

    proptest! {
        #[test]
        fn particulars_come_back(particulars in samples::any_particulars()) {
            prop_assert_eq!(read(&write(&particulars)), Ok(particulars));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read(&bytes).is_err());
        }
    }
}
