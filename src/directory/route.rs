//! Routes over the directory's links: fewest hops, then lowest cost, then smallest names.
//!
//! All ways from one agency are found together, level by level: a level holds what is equally many
//! hops away, and only agencies that may stand in the middle are gone through. The rest of a best
//! route is itself the best route of the agency it starts at, so hops that each compute their own
//! next hop agree, and since every hop is one closer to the destination, no message can go round in a
//! loop.
//!
//! Beside the best way stand the next best that begin with another neighbour, each the best that there
//! is over that neighbour without coming back to where it starts. A node asks from one place only; for
//! that place ([`Graph::look_from`]) everything is worked out once and kept, some megabytes for
//! thousands of agencies. From elsewhere, and around an agency that fails, a way is searched when it is
//! asked for. A table of all pairs would be larger than what a node may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::directory::link::Link;
use crate::directory::record::{AgencyRecord, Transit};
use crate::domain::header::Channel;
use crate::domain::ids::AgencyId;

/// Most ways from one agency to another that are told apart by their first hop.
pub const ROUTES_MAX: usize = 4;

/// One way from an agency to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The agencies after the one where it starts; the destination is the last.
    pub hops: Vec<AgencyId>,
    /// The costs of its links together. No unit.
    pub cost: u64,
}

#[derive(Clone, Debug)]
struct Edge {
    /// Number of the other end.
    to: usize,
    /// Whether each of [`Channel::ALL`] is carried.
    carries: [bool; Channel::ALL.len()],
    cost: u64,
    /// Whether `to` may stand in the middle of a route.
    through: bool,
}

/// The best way to an agency that begins with a certain neighbour.
#[derive(Clone, Debug)]
struct Label {
    /// Number of the first hop.
    first: usize,
    cost: u64,
    /// The agency before the last hop, and which of its labels goes on here; none after one hop.
    before: Option<(usize, usize)>,
    through: bool,
}

/// Labels of each agency by its number, the best first; no two with the same first hop.
type Ways = Vec<Vec<Label>>;

/// All ways from one agency.
#[derive(Clone, Debug)]
struct View {
    origin: usize,
    /// By the place of the channel in [`Channel::ALL`]; channels that the same links carry share one.
    ways: Vec<Arc<Ways>>,
}

/// What is searched.
struct Search<'s> {
    origin: usize,
    /// Place of the channel in [`Channel::ALL`].
    channel: usize,
    /// So many ways that differ in their first hop.
    most: usize,
    /// The only destination that is asked for.
    until: Option<usize>,
    /// Agencies on no way.
    avoid: &'s BTreeSet<usize>,
}

/// The best way to an agency over a first hop that a level has: cost, place of the label before in its
/// level, and whether the agency may stand in the middle.
type Candidates = BTreeMap<(usize, usize), (u64, usize, bool)>;

/// Agencies that run nodes, and the links between them.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// Their ids in order; a number is a place in it.
    names: Vec<AgencyId>,
    /// Edges of each agency, in the order of the other end's id.
    edges: Vec<Vec<Edge>>,
    view: OnceLock<View>,
}

impl Graph {
    pub(crate) fn new(agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>, links: &[Link]) -> Self {
        let with_nodes = agencies.values().filter(|it| !it.nodes.is_empty());
        let (names, through): (Vec<_>, Vec<_>) =
            with_nodes.map(|it| (it.id.clone(), it.transit == Some(Transit::Blind))).unzip();
        let mut edges = vec![Vec::new(); names.len()];
        for link in links {
            let ends = (names.binary_search(&link.a), names.binary_search(&link.b));
            let (Ok(a), Ok(b)) = ends else { continue };
            let carries = Channel::ALL.map(|it| link.channels.contains(&it));
            for (from, to) in [(a, b), (b, a)] {
                let (through, cost) = (through.get(to) == Some(&true), u64::from(link.cost));
                if let Some(list) = edges.get_mut(from) {
                    list.push(Edge { to, carries, cost, through });
                }
            }
        }
        edges.iter_mut().for_each(|list| list.sort_by_key(|it| it.to));
        Self { names, edges, view: OnceLock::new() }
    }

    pub(crate) fn neighbours(&self, agency: &AgencyId) -> Vec<AgencyId> {
        let number = self.number(agency);
        let edges = number.map(|it| self.edges_of(it)).unwrap_or_default();
        edges.iter().filter_map(|edge| self.names.get(edge.to)).cloned().collect()
    }

    pub(crate) fn joins(&self, a: &AgencyId, b: &AgencyId) -> bool {
        let numbers = self.number(a).zip(self.number(b));
        numbers
            .is_some_and(|(a, b)| self.edges_of(a).binary_search_by_key(&b, |edge| edge.to).is_ok())
    }

    fn number(&self, agency: &AgencyId) -> Option<usize> {
        self.names.binary_search(agency).ok()
    }

    fn edges_of(&self, number: usize) -> &[Edge] {
        self.edges.get(number).map(Vec::as_slice).unwrap_or_default()
    }

    /// Works out every way from `agency` and keeps it; of several agencies only the first.
    pub(crate) fn look_from(&self, agency: &AgencyId) {
        let Some(origin) = self.number(agency) else { return };
        self.view.get_or_init(|| {
            let mut ways: Vec<Arc<Ways>> = Vec::new();
            for channel in 0..Channel::ALL.len() {
                let same = (0..channel).find(|it| self.are_alike(*it, channel));
                let none = BTreeSet::new();
                let search =
                    Search { origin, channel, most: ROUTES_MAX, until: None, avoid: &none };
                let shared = same.and_then(|it| ways.get(it)).cloned();
                ways.push(shared.unwrap_or_else(|| Arc::new(self.search(&search))));
            }
            View { origin, ways }
        });
    }

    /// Whether the same links carry both channels.
    fn are_alike(&self, one: usize, other: usize) -> bool {
        let mut edges = self.edges.iter().flatten();
        edges.all(|edge| edge.carries.get(one) == edge.carries.get(other))
    }

    pub(crate) fn route(
        &self,
        from: &AgencyId,
        to: &AgencyId,
        channel: Channel,
    ) -> Option<Vec<AgencyId>> {
        self.best(from, to, channel, 1, |ways, to| self.follow(ways, to, 0)).map(|it| it.hops)
    }

    pub(crate) fn next_hop(
        &self,
        from: &AgencyId,
        to: &AgencyId,
        channel: Channel,
    ) -> Option<AgencyId> {
        self.best(from, to, channel, 1, |ways, to| {
            self.names.get(ways.get(to)?.first()?.first).cloned()
        })
    }

    pub(crate) fn routes(&self, from: &AgencyId, to: &AgencyId, channel: Channel) -> Vec<Route> {
        let all = |ways: &Ways, to| Some(self.follow_all(ways, to));
        self.best(from, to, channel, ROUTES_MAX, all).unwrap_or_default()
    }

    pub(crate) fn routes_around(
        &self,
        from: &AgencyId,
        to: &AgencyId,
        channel: Channel,
        avoid: &BTreeSet<AgencyId>,
    ) -> Vec<Route> {
        let ends = self.number(from).zip(self.number(to)).zip(place_of(channel));
        let Some(((origin, to), channel)) = ends else { return Vec::new() };
        let avoid: BTreeSet<_> = avoid.iter().filter_map(|it| self.number(it)).collect();
        let (most, until) = (ROUTES_MAX, Some(to));
        let ways = self.search(&Search { origin, channel, most, until, avoid: &avoid });
        self.follow_all(&ways, to)
    }

    /// What `read` makes of the ways from one agency, at the number of another.
    fn best<T>(
        &self,
        from: &AgencyId,
        to: &AgencyId,
        channel: Channel,
        most: usize,
        read: impl Fn(&Ways, usize) -> Option<T>,
    ) -> Option<T> {
        let (origin, to) = (self.number(from)?, self.number(to)?);
        let channel = place_of(channel)?;
        if let Some(view) = self.view.get().filter(|it| it.origin == origin) {
            return read(view.ways.get(channel)?, to);
        }
        let none = BTreeSet::new();
        let search = Search { origin, channel, most, until: Some(to), avoid: &none };
        read(&self.search(&search), to)
    }

    fn follow_all(&self, ways: &Ways, to: usize) -> Vec<Route> {
        let labels = ways.get(to).map(Vec::len).unwrap_or_default();
        (0..labels).filter_map(|slot| self.follow(ways, to, slot)).collect()
    }

    /// The way that ends with a label, read backwards from it.
    fn follow(&self, ways: &Ways, to: usize, slot: usize) -> Option<Route> {
        let last = ways.get(to)?.get(slot)?;
        let (mut hops, mut at) = (vec![self.names.get(to)?.clone()], last.before);
        while let Some((number, slot)) = at {
            hops.push(self.names.get(number)?.clone());
            at = ways.get(number)?.get(slot)?.before;
        }
        hops.reverse();
        Some(Route { hops, cost: last.cost })
    }

    /// The best ways from one agency to all others, or to the one that is asked for.
    fn search(&self, search: &Search<'_>) -> Ways {
        let mut found: Ways = vec![Vec::new(); self.names.len()];
        let mut level = Vec::new();
        let mut next = self.first_level(search);
        while !next.is_empty() {
            level = settle(&mut found, &level, next, search.most);
            let done = search.until.and_then(|it| found.get(it));
            if done.is_some_and(|it| it.len() >= search.most) {
                break;
            }
            next = self.level_after(&found, &level, search);
        }
        found
    }

    fn first_level(&self, search: &Search<'_>) -> Candidates {
        let edges = self.usable(search, search.origin);
        edges.map(|edge| ((edge.to, edge.to), (edge.cost, 0, edge.through))).collect()
    }

    fn usable<'g>(
        &'g self,
        search: &'g Search<'_>,
        from: usize,
    ) -> impl Iterator<Item = &'g Edge> + use<'g> {
        self.edges_of(from).iter().filter(|edge| {
            edge.carries.get(search.channel) == Some(&true)
                && edge.to != search.origin
                && !search.avoid.contains(&edge.to)
        })
    }

    /// What is one hop further away than `level`, over each first hop by its cheapest way, and of two
    /// that cost the same by the one with the smaller names. An agency that has as many better ways as
    /// are asked for needs no more, nor another one over a first hop that it has: that one has less
    /// hops, so no way comes back to where it was.
    fn level_after(
        &self,
        found: &Ways,
        level: &[(usize, usize)],
        search: &Search<'_>,
    ) -> Candidates {
        let mut next = Candidates::new();
        for (rank, (at, slot)) in level.iter().enumerate() {
            let label = found.get(*at).and_then(|it| it.get(*slot)).filter(|it| it.through);
            let Some(label) = label else { continue };
            for edge in self.usable(search, *at) {
                let has = found.get(edge.to).map(Vec::as_slice).unwrap_or_default();
                if has.len() >= search.most || has.iter().any(|it| it.first == label.first) {
                    continue;
                }
                let way = (label.cost.saturating_add(edge.cost), rank, edge.through);
                let best = next.entry((edge.to, label.first)).or_insert(way);
                *best = way.min(*best);
            }
        }
        next
    }
}

/// Keeps the best of a level's candidates; gives the level, in the order of the names on its ways.
fn settle(
    found: &mut Ways,
    before: &[(usize, usize)],
    candidates: Candidates,
    most: usize,
) -> Vec<(usize, usize)> {
    let mut by_agency: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for ((at, first), (cost, rank, through)) in candidates {
        by_agency.entry(at).or_default().push((cost, rank, first, through));
    }
    let mut level = Vec::new();
    for (at, mut ways) in by_agency {
        ways.sort_unstable();
        let Some(labels) = found.get_mut(at) else { continue };
        for (cost, rank, first, through) in ways.into_iter().take(most.saturating_sub(labels.len()))
        {
            level.push((rank, at, labels.len()));
            labels.push(Label { first, cost, before: before.get(rank).copied(), through });
        }
    }
    level.sort_unstable();
    level.into_iter().map(|(_, at, slot)| (at, slot)).collect()
}

fn place_of(channel: Channel) -> Option<usize> {
    Channel::ALL.iter().position(|it| *it == channel)
}
