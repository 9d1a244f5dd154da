//! Rows of group F: kinds of other instruments that the same desks exchange.

use super::functions::AT_ALL_HOURS;
use crate::domain::grounds::{self, Grounds};
use crate::domain::header::Channel;
use crate::domain::kinds::{Group, Kind, Postponement, Profile, block};
use crate::domain::urgency::Urgency;

pub(super) const ROWS: [Kind; 1] = [Kind {
    code: "CYBER.29.PRESERVE",
    title: "Expedited preservation of stored computer data",
    group: Group::Companion,
    legal_basis: "Budapest Convention 29; G7 24/7 network",
    senders: AT_ALL_HOURS,
    receivers: AT_ALL_HOURS,
    mandatory: &[
        block::PRESERVING_AUTHORITY,
        block::OFFENCE_AND_FACTS,
        block::DATA_AND_RELATION,
        block::CUSTODIAN_OR_LOCATION,
        block::NECESSITY,
        block::INTENT_TO_SEND_MLA,
    ],
    optional: &[block::PRESERVATION_DURATION],
    profile: Profile::Preserve,
    own_outcomes: &[],
    refusal: Grounds {
        says: "political offence; sovereignty, ordre public 29(5)",
        common: None,
        own: &[grounds::POLITICAL, grounds::SOVEREIGNTY],
    },
    postponement: Postponement::None,
    urgency: Urgency::Immediate,
    as_graded: false,
    deadline_anchor: "hours; data held at least 60 days 29(7)",
    channel: Channel::Police,
    channel_reason: "desks that answer at all hours preserve data before any judicial request \
            (Budapest Convention 29, 35), and sit with the police",
}];
