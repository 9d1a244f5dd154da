//! Routes over the directory's links: fewest hops, then lowest cost, then smallest names.
//!
//! All ways from one agency are found together, level by level: a level holds what is equally many
//! hops away, and only agencies that may stand in the middle are gone through. The rest of a best
//! route is itself the best route of the agency it starts at, so hops that each compute their own
//! next hop agree, and since every hop is one closer to the destination, no message can go round in a
//! loop.
//!
//! Blind transits read nothing, so they are gone through first. Only where no way leads over them alone
//! are reviewing transits (UNTOC 18(13)) gone through too, and then a way names those that it leads
//! through: a message that takes it is sealed to them. Once it is sealed, the way of a message leads
//! through blind transits and its own readers, and through nobody else; its first way is one of
//! these, and the rest of a best way is a best way there too, so hops agree as before.
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
    /// The reviewing transits in its middle, in the order of the way: what goes this way is sealed to
    /// them as to its destination.
    pub readers: Vec<AgencyId>,
}

/// Which agencies a way may lead through.
#[derive(Clone, Copy, Debug)]
pub enum Through<'a> {
    /// Blind transits; where no way leads over them alone, reviewing ones as well.
    Any,
    /// Blind transits, and of the reviewing ones those to which a message is sealed.
    Sealed(&'a [AgencyId]),
}

#[derive(Clone, Debug)]
struct Edge {
    /// Number of the other end.
    to: usize,
    /// Whether each of [`Channel::ALL`] is carried.
    carries: [bool; Channel::ALL.len()],
    cost: u64,
    /// What `to` is in the middle of a route.
    transit: Option<Transit>,
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

/// What ways are asked for.
pub(crate) struct Asked<'a> {
    /// Where they start.
    pub from: &'a AgencyId,
    /// Where they lead.
    pub to: &'a AgencyId,
    /// What carries them.
    pub channel: Channel,
    /// So many of them.
    pub most: usize,
    /// Agencies on none of them.
    pub avoid: &'a BTreeSet<AgencyId>,
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
    /// Reviewing transits that may stand in the middle.
    reviewing: Reviewing<'s>,
}

/// The reviewing transits that a search goes through.
#[derive(Clone, Copy)]
enum Reviewing<'s> {
    None,
    All,
    These(&'s BTreeSet<usize>),
}

impl Search<'_> {
    /// Whether the far end of an edge may stand in the middle.
    fn goes_through(&self, edge: &Edge) -> bool {
        match (edge.transit, self.reviewing) {
            (None, _) | (Some(Transit::Reviewing), Reviewing::None) => false,
            (Some(Transit::Blind), _) | (Some(Transit::Reviewing), Reviewing::All) => true,
            (Some(Transit::Reviewing), Reviewing::These(these)) => these.contains(&edge.to),
        }
    }
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
    /// Numbers of the reviewing transits.
    reviewing: BTreeSet<usize>,
    /// The ways over blind transits.
    view: OnceLock<View>,
    /// Those over reviewing ones too, worked out when the first of them is asked for.
    reviewed: OnceLock<View>,
}

impl Graph {
    pub(crate) fn new(agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>, links: &[Link]) -> Self {
        let with_nodes = agencies.values().filter(|it| !it.nodes.is_empty());
        let (names, transits): (Vec<_>, Vec<_>) =
            with_nodes.map(|it| (it.id.clone(), it.transit)).unzip();
        let mut edges = vec![Vec::new(); names.len()];
        for link in links {
            let ends = (names.binary_search(&link.a), names.binary_search(&link.b));
            let (Ok(a), Ok(b)) = ends else { continue };
            let carries = Channel::ALL.map(|it| link.channels.contains(&it));
            for (from, to) in [(a, b), (b, a)] {
                let transit = transits.get(to).copied().flatten();
                if let Some(list) = edges.get_mut(from) {
                    list.push(Edge { to, carries, cost: u64::from(link.cost), transit });
                }
            }
        }
        edges.iter_mut().for_each(|list| list.sort_by_key(|it| it.to));
        let numbered = transits.iter().enumerate();
        let reviewing = numbered.filter(|(_, it)| **it == Some(Transit::Reviewing));
        let reviewing = reviewing.map(|(number, _)| number).collect();
        let (view, reviewed) = (OnceLock::new(), OnceLock::new());
        Self { names, edges, reviewing, view, reviewed }
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
        self.view.get_or_init(|| self.look(origin, Reviewing::None));
    }

    fn look(&self, origin: usize, reviewing: Reviewing<'_>) -> View {
        let mut ways: Vec<Arc<Ways>> = Vec::new();
        for channel in 0..Channel::ALL.len() {
            let same = (0..channel).find(|it| self.are_alike(*it, channel));
            let avoid = &BTreeSet::new();
            let search =
                Search { origin, channel, most: ROUTES_MAX, until: None, avoid, reviewing };
            let shared = same.and_then(|it| ways.get(it)).cloned();
            ways.push(shared.unwrap_or_else(|| Arc::new(self.search(&search))));
        }
        View { origin, ways }
    }

    /// The ways that are kept of those from `origin`.
    fn kept(&self, origin: usize, reviewing: Reviewing<'_>) -> Option<&View> {
        let blind = self.view.get().filter(|it| it.origin == origin)?;
        match reviewing {
            Reviewing::None => Some(blind),
            Reviewing::All => Some(self.reviewed.get_or_init(|| self.look(origin, reviewing))),
            Reviewing::These(_) => None,
        }
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
        let best = |ways: &Ways, to| self.follow(ways, to, 0);
        let asked = Asked { from, to, channel, most: 1, avoid: &BTreeSet::new() };
        self.read(&asked, Through::Any, best).map(|it| it.hops)
    }

    pub(crate) fn next_hop(
        &self,
        from: &AgencyId,
        to: &AgencyId,
        channel: Channel,
    ) -> Option<AgencyId> {
        let first = |ways: &Ways, to: usize| self.names.get(ways.get(to)?.first()?.first).cloned();
        let asked = Asked { from, to, channel, most: 1, avoid: &BTreeSet::new() };
        self.read(&asked, Through::Any, first)
    }

    pub(crate) fn routes(&self, asked: &Asked<'_>, through: Through<'_>) -> Vec<Route> {
        let all = |ways: &Ways, to| Some(self.follow_all(ways, to)).filter(|it| !it.is_empty());
        self.read(asked, through, all).unwrap_or_default()
    }

    /// What `read` makes of the ways from one agency, at the number of another: of the first ways that
    /// lead there, in the order in which [`Through`] has them.
    fn read<T>(
        &self,
        asked: &Asked<'_>,
        through: Through<'_>,
        read: impl Fn(&Ways, usize) -> Option<T>,
    ) -> Option<T> {
        let (origin, to) = (self.number(asked.from)?, self.number(asked.to)?);
        let channel = place_of(asked.channel)?;
        let sealed = match through {
            Through::Any => &[],
            Through::Sealed(readers) => readers,
        };
        let these = sealed.iter().filter_map(|it| self.number(it));
        let these: BTreeSet<_> = these.filter(|it| self.reviewing.contains(it)).collect();
        let tried: &[Reviewing<'_>] = match through {
            Through::Any if !self.reviewing.is_empty() => &[Reviewing::None, Reviewing::All],
            Through::Sealed(_) if !these.is_empty() => &[Reviewing::These(&these)],
            Through::Any | Through::Sealed(_) => &[Reviewing::None],
        };
        let avoid: BTreeSet<_> = asked.avoid.iter().filter_map(|it| self.number(it)).collect();
        tried.iter().find_map(|reviewing| {
            if asked.avoid.is_empty()
                && let Some(view) = self.kept(origin, *reviewing)
            {
                return read(view.ways.get(channel)?, to);
            }
            let (most, reviewing) = (asked.most, *reviewing);
            let search =
                Search { origin, channel, most, until: Some(to), avoid: &avoid, reviewing };
            read(&self.search(&search), to)
        })
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
        let middle = hops.split_last().map(|(_, middle)| middle).unwrap_or_default();
        let reads = |it: &&AgencyId| self.number(it).is_some_and(|it| self.reviewing.contains(&it));
        let readers = middle.iter().filter(reads).cloned().collect();
        Some(Route { hops, cost: last.cost, readers })
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
        edges.map(|edge| ((edge.to, edge.to), (edge.cost, 0, search.goes_through(edge)))).collect()
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
                let way = (label.cost.saturating_add(edge.cost), rank, search.goes_through(edge));
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
