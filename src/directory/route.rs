//! Routes over the directory's links: fewest hops, then lowest cost, then smallest names.
//!
//! A route is found backwards from its destination, level by level. A level holds only agencies
//! that may stand in the middle, so the work follows the transits and their links, not the size of
//! the network; no table of all pairs is kept. The rest of a best route is itself the best route of
//! the agency it starts at, so hops that each compute their own next hop agree, and since every hop
//! is one closer to the destination, no message can go round in a loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::directory::link::Link;
use crate::directory::record::{AgencyRecord, Transit};
use crate::domain::header::Channel;
use crate::domain::ids::AgencyId;

#[derive(Clone, Debug)]
struct Edge {
    to: AgencyId,
    channels: BTreeSet<Channel>,
    cost: u64,
    /// Whether `to` may stand in the middle of a route.
    through: bool,
}

/// Agencies that run nodes, and the links between them.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// Edges of each agency, in the order of the other end's id.
    edges: BTreeMap<AgencyId, Vec<Edge>>,
}

/// Costs of the rest of the way, of the agencies that are equally many hops away.
type Level<'g> = BTreeMap<&'g AgencyId, u64>;

impl Graph {
    pub(crate) fn new(agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>, links: &[Link]) -> Self {
        let mut edges: BTreeMap<AgencyId, Vec<Edge>> = BTreeMap::new();
        for link in links {
            let ends = (agencies.get(&link.a), agencies.get(&link.b));
            let (Some(a), Some(b)) = ends else { continue };
            if a.nodes.is_empty() || b.nodes.is_empty() {
                continue;
            }
            for (from, to) in [(a, b), (b, a)] {
                edges.entry(from.id.clone()).or_default().push(Edge {
                    to: to.id.clone(),
                    channels: link.channels.clone(),
                    cost: u64::from(link.cost),
                    through: to.transit == Some(Transit::Blind),
                });
            }
        }
        for list in edges.values_mut() {
            list.sort_by(|left, right| left.to.cmp(&right.to));
        }
        Self { edges }
    }

    pub(crate) fn neighbours(&self, agency: &AgencyId) -> Vec<AgencyId> {
        self.edges_of(agency).iter().map(|edge| edge.to.clone()).collect()
    }

    pub(crate) fn joins(&self, a: &AgencyId, b: &AgencyId) -> bool {
        self.edges_of(a).binary_search_by(|edge| edge.to.cmp(b)).is_ok()
    }

    fn edges_of(&self, agency: &AgencyId) -> &[Edge] {
        self.edges.get(agency).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn route(
        &self,
        from: &AgencyId,
        to: &AgencyId,
        channel: Channel,
    ) -> Option<Vec<AgencyId>> {
        if from == to {
            return None;
        }
        let levels = self.levels(from, to, channel)?;
        self.descend(from, levels, channel)
    }

    /// Levels from the destination (0 hops) up to the one that `from` is next to; the last element
    /// is `from` alone with the cost of its best way.
    fn levels(&self, from: &AgencyId, to: &AgencyId, channel: Channel) -> Option<Vec<Level<'_>>> {
        let (from, _) = self.edges.get_key_value(from)?;
        let (to, _) = self.edges.get_key_value(to)?;
        let mut seen = BTreeSet::from([to]);
        let mut levels = vec![Level::from([(to, 0)])];
        loop {
            let next = self.level_above(levels.last()?, &seen, from, channel);
            if let Some(cost) = next.get(from) {
                levels.push(Level::from([(from, *cost)]));
                return Some(levels);
            }
            if next.is_empty() {
                return None;
            }
            seen.extend(next.keys().copied());
            levels.push(next);
        }
    }

    /// The agencies one hop further away than `level`, each with its cheapest cost: transits, and
    /// `from` if it is among them.
    fn level_above<'g>(
        &'g self,
        level: &Level<'g>,
        seen: &BTreeSet<&AgencyId>,
        from: &AgencyId,
        channel: Channel,
    ) -> Level<'g> {
        let mut above = Level::new();
        for (agency, rest) in level {
            let edges = self.edges_of(agency).iter().filter(|edge| {
                edge.channels.contains(&channel)
                    && (edge.through || edge.to == *from)
                    && !seen.contains(&edge.to)
            });
            for edge in edges {
                let cost = rest.saturating_add(edge.cost);
                let best = above.entry(&edge.to).or_insert(cost);
                *best = cost.min(*best);
            }
        }
        above
    }

    /// Walks from `from` down the levels, each time to the smallest name on a cheapest way.
    fn descend(
        &self,
        from: &AgencyId,
        mut levels: Vec<Level<'_>>,
        channel: Channel,
    ) -> Option<Vec<AgencyId>> {
        let mut route = Vec::new();
        let mut at = from;
        let mut rest = levels.pop()?.remove(from)?;
        while let Some(level) = levels.pop() {
            let (edge, left) = self.edges_of(at).iter().find_map(|edge| {
                let left = *level.get(&edge.to)?;
                let fits = left.saturating_add(edge.cost) == rest;
                (fits && edge.channels.contains(&channel)).then_some((edge, left))
            })?;
            route.push(edge.to.clone());
            at = &edge.to;
            rest = left;
        }
        Some(route)
    }
}
