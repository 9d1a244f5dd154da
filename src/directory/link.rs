//! A link: two agencies whose nodes talk to each other directly.

use std::collections::BTreeSet;

use crate::directory::strict::Table;
use crate::domain::header::Channel;
use crate::domain::ids::AgencyId;

/// Highest cost of a link; the lowest is 1.
pub const COST_MAX: u32 = 1_000_000;
/// Cost of a link that names none.
pub const COST_DEFAULT: u32 = 1;

/// Two agencies that hand messages to each other, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// One end.
    pub a: AgencyId,
    /// The other end.
    pub b: AgencyId,
    /// What the link carries; never empty. A link that names no channels carries all.
    pub channels: BTreeSet<Channel>,
    /// Decides between routes of equally many hops; the cheaper one is taken. No unit.
    pub cost: u32,
}

impl Link {
    /// A link that carries every channel at the default cost.
    pub fn between(a: AgencyId, b: AgencyId) -> Self {
        Self { a, b, channels: BTreeSet::from(Channel::ALL), cost: COST_DEFAULT }
    }
}

pub(crate) const KEYS: &[&str] = &["a", "b", "channels", "cost"];

/// Reads one link; `known` are the ids of the directory's agencies.
pub(crate) fn read(table: &Table<'_>, known: &BTreeSet<AgencyId>) -> Option<Link> {
    table.require(&["a", "b"]);
    let ends = (read_end(table, "a", known), read_end(table, "b", known));
    let (channels, cost) = (read_channels(table), read_cost(table));
    let (a, b) = (ends.0?, ends.1?);
    if a == b {
        table.fault("links an agency with itself");
    }
    if let Some(spot) = table.spot("b") {
        let pair = if a < b { format!("{a} {b}") } else { format!("{b} {a}") };
        table.notes.claim("link", pair.as_bytes(), &spot);
    }
    Some(Link { a, b, channels, cost })
}

fn read_end(table: &Table<'_>, key: &'static str, known: &BTreeSet<AgencyId>) -> Option<AgencyId> {
    let spot = table.spot(key)?;
    let id: AgencyId = spot.parsed()?;
    if !known.contains(&id) {
        spot.fault("the directory has no such agency");
    }
    Some(id)
}

/// Reads `cost`.
pub(crate) fn read_cost(table: &Table<'_>) -> u32 {
    let cost = table.integer("cost", 1..=u64::from(COST_MAX));
    cost.and_then(|it| u32::try_from(it).ok()).unwrap_or(COST_DEFAULT)
}

/// Reads `channels`; all where none are named.
pub(crate) fn read_channels(table: &Table<'_>) -> BTreeSet<Channel> {
    if !table.has("channels") {
        return BTreeSet::from(Channel::ALL);
    }
    let mut channels = BTreeSet::new();
    let spots = table.elements("channels", Channel::ALL.len());
    if spots.is_empty() {
        table.fault_at("channels", "needs at least one channel; leave it out for all");
    }
    for spot in spots {
        let Some(channel) = spot.parsed::<Channel>() else {
            continue;
        };
        if !channels.insert(channel) {
            spot.fault("this channel is listed twice");
        }
    }
    channels
}
