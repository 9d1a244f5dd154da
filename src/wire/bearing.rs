//! What must be known for good of what a message says, as it is sealed with the particulars.
//!
//! Closed lists are written as places, from 1: the tables below give the order, and a new value
//! joins at the end. So a bearing is small, and what it says hardly changes its length.

use prost::Message;

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, Consent, ItemMark, Redirect};
use crate::domain::due::{Due, DueSource};
use crate::domain::handling::{Classification, HandlingCodes, Label, Onward, Tlp};
use crate::domain::ids::{ContactPointId, StateCode};
use crate::domain::lifecycle::{Side, State};
use crate::domain::limits::{CONSENT_STATES_MAX, ITEMS_MAX, STATED_DUES_MAX};
use crate::domain::obligation::{Obligation, StatedDue};
use crate::wire::{WireError, ids, pb};

/// States of an item in the order of the wire.
const STATES: [State; 18] = [
    State::Sent,
    State::Delivered,
    State::Redirected,
    State::Received,
    State::InExamination,
    State::AwaitingRequester,
    State::ConditionsPending,
    State::Consulting,
    State::Postponed,
    State::InExecution,
    State::PartiallyExecuted,
    State::Withdrawn,
    State::Refused,
    State::Executed,
    State::DeliveredResult,
    State::Informed,
    State::Closed,
    State::Offered,
];

/// Sources of a deadline in the order of the wire.
const SOURCES: [DueSource; 4] = DueSource::ALL;

/// What a bearing is filled up to, in bytes: the first class that holds it.
const CLASSES: [usize; 3] = [96, 224, 480];

fn number<T: PartialEq>(list: &[T], value: &T) -> u32 {
    let place = list.iter().position(|it| it == value);
    place.map_or(0, |it| u32::try_from(it).unwrap_or(u32::MAX).saturating_add(1))
}

fn value<T: Copy>(field: &'static str, list: &[T], number: u32) -> Result<T, WireError> {
    let place = usize::try_from(number).ok().and_then(|it| it.checked_sub(1));
    place.and_then(|it| list.get(it)).copied().ok_or(WireError::Unknown { field })
}

fn value_or_none<T: Copy>(
    field: &'static str,
    list: &[T],
    number: u32,
) -> Result<Option<T>, WireError> {
    if number == 0 { Ok(None) } else { value(field, list, number).map(Some) }
}

/// So many zeros bring the bytes of a bearing to the length of its class.
pub(super) fn filler_bytes(bearing: &pb::Bearing) -> usize {
    let bytes = bearing.encoded_len();
    // Its length takes a second byte from 128 on.
    let taken = bytes + if bytes < 128 { 1 } else { 2 };
    let class = CLASSES.into_iter().find(|class| *class >= taken).unwrap_or(taken);
    class.saturating_sub(taken)
}

pub(super) fn to_pb(bearing: &Bearing) -> pb::Bearing {
    let Bearing {
        label,
        confidential,
        exercise,
        offer,
        items,
        heard,
        dues,
        consent,
        relay_of,
        redirect,
    } = bearing;
    let (redirect, redirect_desk) = redirect.as_ref().map_or((0, String::new()), write_redirect);
    let Label { tlp, codes, classification, onward, originator } = label;
    pb::Bearing {
        tlp: number(Tlp::ALL, tlp),
        handling_codes: u32::from(codes.to_bits()),
        classification: classification.map_or(0, |it| number(Classification::ALL, &it)),
        onward: number(Onward::ALL, onward),
        originator: originator.map(|it| it.to_string()).unwrap_or_default(),
        confidential: *confidential,
        exercise: *exercise,
        offer: *offer,
        items: items.iter().map(write_mark).collect(),
        heard: *heard,
        dues: dues.iter().map(write_due).collect(),
        consent: consent.as_ref().map(write_consent),
        relay_of: relay_of.map(|it| it.as_bytes().to_vec()).unwrap_or_default(),
        redirect,
        redirect_desk,
    }
}

fn write_redirect(redirect: &Redirect) -> (u32, String) {
    match redirect {
        Redirect::Named(desk) => (1, desk.to_string()),
        Redirect::PassedOn(desk) => (2, desk.to_string()),
        Redirect::HandedOn(desk) => (3, desk.to_string()),
        Redirect::Noted(desk) => (4, desk.to_string()),
    }
}

fn write_mark(mark: &ItemMark) -> pb::ItemMark {
    let ItemMark { item, act, seen } = mark;
    pb::ItemMark {
        item: item.as_ref().map(ToString::to_string).unwrap_or_default(),
        act: number(&Act::ALL, act),
        seen: seen.map_or(0, |it| number(&STATES, &it)),
    }
}

fn write_due(due: &StatedDue) -> pb::StatedDue {
    let StatedDue { obligation, at, source } = due;
    pb::StatedDue {
        obligation: number(Obligation::ALL, obligation),
        at_ms: at.millis(),
        source: number(&SOURCES, source),
    }
}

/// The number of an obligation.
pub(super) fn obligation_number(obligation: Obligation) -> u32 {
    number(Obligation::ALL, &obligation)
}

/// The obligation of that number.
pub(super) fn obligation(field: &'static str, number: u32) -> Result<Obligation, WireError> {
    value(field, Obligation::ALL, number)
}

/// The number of a side.
pub(super) fn side_number(side: Side) -> u32 {
    number(&Side::ALL, &side)
}

/// The side of that number.
pub(super) fn side(field: &'static str, number: u32) -> Result<Side, WireError> {
    value(field, &Side::ALL, number)
}

pub(super) fn write_owed(due: &Due) -> pb::OwedDue {
    let Due { obligation, owner, at, source } = due;
    pb::OwedDue {
        obligation: obligation_number(*obligation),
        owner: side_number(*owner),
        at_ms: at.millis(),
        source: number(&SOURCES, source),
    }
}

pub(super) fn read_owed(due: pb::OwedDue) -> Result<Due, WireError> {
    let pb::OwedDue { obligation: owed, owner, at_ms, source } = due;
    Ok(Due {
        obligation: obligation("skeleton.owed.obligation", owed)?,
        owner: side("skeleton.owed.owner", owner)?,
        at: Timestamp::from_millis(at_ms),
        source: value("skeleton.owed.source", &SOURCES, source)?,
    })
}

fn write_consent(consent: &Consent) -> pb::OnwardConsent {
    let word = match consent.granted {
        None => 0,
        Some(true) => 1,
        Some(false) => 2,
    };
    let states = consent.states.iter().map(StateCode::as_str).collect();
    pb::OnwardConsent { word, states }
}

pub(super) fn from_pb(bearing: pb::Bearing) -> Result<Bearing, WireError> {
    let pb::Bearing {
        tlp,
        handling_codes,
        classification,
        onward,
        originator,
        confidential,
        exercise,
        offer,
        items,
        heard,
        dues,
        consent,
        relay_of,
        redirect,
        redirect_desk,
    } = bearing;
    at_most("particulars.bearing.items", items.len(), ITEMS_MAX)?;
    at_most("particulars.bearing.dues", dues.len(), STATED_DUES_MAX)?;
    let codes = u8::try_from(handling_codes).ok().and_then(HandlingCodes::from_bits);
    let unknown = WireError::Unknown { field: "particulars.bearing.handling_codes" };
    let label = Label {
        tlp: value("particulars.bearing.tlp", Tlp::ALL, tlp)?,
        codes: codes.ok_or(unknown)?,
        classification: value_or_none(
            "particulars.bearing.classification",
            Classification::ALL,
            classification,
        )?,
        onward: value("particulars.bearing.onward", Onward::ALL, onward)?,
        originator: state("particulars.bearing.originator", &originator)?,
    };
    let relayed =
        (!relay_of.is_empty()).then(|| ids::message_id("particulars.bearing.relay_of", &relay_of));
    Ok(Bearing {
        label,
        confidential,
        exercise,
        offer,
        items: items.into_iter().map(read_mark).collect::<Result<_, _>>()?,
        heard,
        dues: dues.into_iter().map(read_due).collect::<Result<_, _>>()?,
        consent: consent.map(|it| read_consent(&it)).transpose()?,
        relay_of: relayed.transpose()?,
        redirect: read_redirect(redirect, &redirect_desk)?,
    })
}

fn read_redirect(word: u32, desk: &str) -> Result<Option<Redirect>, WireError> {
    let unknown = WireError::Unknown { field: "particulars.bearing.redirect" };
    if (word, desk) == (0, "") {
        return Ok(None);
    }
    let desk: ContactPointId = ids::name("particulars.bearing.redirect_desk", desk)?;
    match word {
        1 => Ok(Some(Redirect::Named(desk))),
        2 => Ok(Some(Redirect::PassedOn(desk))),
        3 => Ok(Some(Redirect::HandedOn(desk))),
        4 => Ok(Some(Redirect::Noted(desk))),
        _ => Err(unknown),
    }
}

fn at_most(field: &'static str, given: usize, allowed: usize) -> Result<(), WireError> {
    if given <= allowed { Ok(()) } else { Err(WireError::OutOfRange { field }) }
}

fn state(field: &'static str, text: &str) -> Result<Option<StateCode>, WireError> {
    if text.is_empty() { Ok(None) } else { ids::name(field, text).map(Some) }
}

fn read_mark(mark: pb::ItemMark) -> Result<ItemMark, WireError> {
    let pb::ItemMark { item, act, seen } = mark;
    let field = "particulars.bearing.items.item";
    Ok(ItemMark {
        item: if item.is_empty() { None } else { Some(ids::name(field, &item)?) },
        act: value("particulars.bearing.items.act", &Act::ALL, act)?,
        seen: value_or_none("particulars.bearing.items.seen", &STATES, seen)?,
    })
}

fn read_due(due: pb::StatedDue) -> Result<StatedDue, WireError> {
    let pb::StatedDue { obligation, at_ms, source } = due;
    let field = "particulars.bearing.dues.obligation";
    Ok(StatedDue {
        obligation: value(field, Obligation::ALL, obligation)?,
        at: Timestamp::from_millis(at_ms),
        source: value("particulars.bearing.dues.source", &SOURCES, source)?,
    })
}

fn read_consent(consent: &pb::OnwardConsent) -> Result<Consent, WireError> {
    let field = "particulars.bearing.consent.states";
    let granted = match consent.word {
        0 => None,
        1 => Some(true),
        2 => Some(false),
        _ => return Err(WireError::Unknown { field: "particulars.bearing.consent.word" }),
    };
    let letters = consent.states.as_bytes().chunks(3);
    at_most(field, letters.len(), CONSENT_STATES_MAX)?;
    let states = letters.map(|it| ids::name(field, &String::from_utf8_lossy(it)));
    Ok(Consent { granted, states: states.collect::<Result<_, _>>()? })
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::MessageId;

    fn any_state() -> impl Strategy<Value = StateCode> {
        "[A-Z]{3}".prop_map(|it| it.parse().unwrap())
    }

    fn any_label() -> impl Strategy<Value = Label> {
        (
            prop::sample::select(Tlp::ALL),
            0_u8..16,
            prop::option::of(prop::sample::select(Classification::ALL)),
            prop::sample::select(Onward::ALL),
            prop::option::of(any_state()),
        )
            .prop_map(|(tlp, codes, classification, onward, originator)| Label {
                tlp,
                codes: HandlingCodes::from_bits(codes).unwrap(),
                classification,
                onward,
                originator,
            })
    }

    pub(in crate::wire) fn any_bearing() -> impl Strategy<Value = Bearing> {
        let mark = (
            prop::option::of("[A-Za-z0-9-]{1,8}"),
            prop::sample::select(Act::ALL.to_vec()),
            prop::option::of(prop::sample::select(State::ALL.to_vec())),
        )
            .prop_map(|(item, act, seen)| {
                let item = item.map(|it| it.parse().unwrap());
                ItemMark { item, act, seen }
            });
        let due = (
            prop::sample::select(Obligation::ALL),
            any::<i64>(),
            prop::sample::select(SOURCES.to_vec()),
        )
            .prop_map(|(obligation, at, source)| StatedDue {
                obligation,
                at: Timestamp::from_millis(at),
                source,
            });
        let consent = (
            prop::option::of(any::<bool>()),
            prop::collection::vec(any_state(), 0..=CONSENT_STATES_MAX),
        )
            .prop_map(|(granted, states)| Consent { granted, states });
        let redirect = (1_u32..5, "[a-z]{3}[.][a-z]{1,20}/[a-z]{1,20}")
            .prop_map(|(word, desk)| read_redirect(word, &desk).unwrap().unwrap());
        let lists = (
            prop::collection::vec(mark, 0..=ITEMS_MAX),
            prop::collection::vec(due, 0..=STATED_DUES_MAX),
            prop::option::of(consent),
            (prop::option::of(any::<[u8; 16]>()), prop::option::of(redirect)),
        );
        (any_label(), any::<[bool; 3]>(), any::<u64>(), lists).prop_map(
            |(label, [confidential, exercise, offer], heard, (items, dues, consent, rest))| {
                let (relay_of, redirect) = rest;
                let relay_of = relay_of.map(MessageId::from_bytes);
                Bearing {
                    label,
                    confidential,
                    exercise,
                    offer,
                    items,
                    heard,
                    dues,
                    consent,
                    relay_of,
                    redirect,
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_state_has_its_place_on_the_wire() {
        let mut states = STATES.to_vec();
        states.sort_unstable();
        assert_eq!(states, State::ALL);
        assert_eq!((number(&STATES, &State::Sent), number(&STATES, &State::Offered)), (1, 18));
    }

    #[test]
    fn what_is_outside_the_lists_is_named() {
        let whole = to_pb(&Bearing::silent(None));
        let with = |change: &dyn Fn(&mut pb::Bearing)| {
            let mut bearing = whole.clone();
            change(&mut bearing);
            from_pb(bearing).unwrap_err()
        };
        let unknown = |field| WireError::Unknown { field };
        assert_eq!(with(&|it| it.tlp = 0), unknown("particulars.bearing.tlp"));
        assert_eq!(with(&|it| it.tlp = 6), unknown("particulars.bearing.tlp"));
        let codes = unknown("particulars.bearing.handling_codes");
        assert_eq!(with(&|it| it.handling_codes = 16), codes);
        let range = |field| WireError::OutOfRange { field };
        let items = range("particulars.bearing.items");
        assert_eq!(with(&|it| it.items = vec![pb::ItemMark::default(); 17]), items);
        let consent = |word, states: String| Some(pb::OnwardConsent { word, states });
        let states = range("particulars.bearing.consent.states");
        assert_eq!(with(&|it| it.consent = consent(1, "ITA".repeat(17))), states);
        assert_eq!(
            with(&|it| it.consent = consent(3, String::new())),
            unknown("particulars.bearing.consent.word")
        );
    }

    proptest! {
        #[test]
        fn bearings_come_back_and_fit_their_class(bearing in samples::any_bearing()) {
            let written = to_pb(&bearing);
            prop_assert_eq!(from_pb(written.clone()), Ok(bearing));
            let bytes = written.encoded_len();
            let taken = bytes + if bytes < 128 { 1 } else { 2 } + filler_bytes(&written);
            prop_assert!(CLASSES.contains(&taken), "{} bytes", taken);
        }
    }
}
