//! Routes over random networks, against every way there is.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rogatory::directory::route::ROUTES_MAX;
use rogatory::directory::write::to_toml;
use rogatory::directory::{AgencyRecord, Directory, DirectoryDraft, Link, Route, Through, Transit};
use rogatory::domain::header::Channel;
use rogatory::domain::ids::AgencyId;

use crate::directory::making::{authority, with_node};

#[derive(Debug, Clone)]
struct Plan {
    transits: Vec<Option<Transit>>,
    links: Vec<(usize, usize, u32, Vec<bool>)>,
}

/// What an agency is in the middle of a way, by a number from 0 to 9.
type Kind = fn(u8) -> Option<Transit>;

/// Seven of ten pass on, all blind.
const BLIND: Kind = |number| (number < 7).then_some(Transit::Blind);
/// Seven of ten pass on, three of these after they looked at it.
const MIXED: Kind = |number| match number {
    0..4 => Some(Transit::Blind),
    4..7 => Some(Transit::Reviewing),
    _ => None,
};

fn plans(kind: Kind) -> impl Strategy<Value = Plan> {
    (2..8_usize).prop_flat_map(move |size| {
        let link = (0..size, 0..size, 1..4_u32, prop::collection::vec(any::<bool>(), 5));
        let links = prop::collection::vec(link, 0..size * 3);
        let transits = prop::collection::vec((0..10_u8).prop_map(kind), size);
        (transits, links).prop_map(|(transits, links)| Plan { transits, links })
    })
}

fn build(plan: &Plan, pki: &(Vec<u8>, Vec<u8>)) -> Directory {
    let agencies: Vec<_> = plan
        .transits
        .iter()
        .zip(1..)
        .map(|(transit, number)| AgencyRecord {
            transit: *transit,
            ..with_node(&format!("int.n{number}"), number, pki)
        })
        .collect();
    let mut seen = BTreeSet::new();
    let mut links = Vec::new();
    for (a, b, cost, carried) in &plan.links {
        if a == b || !seen.insert((a.min(b), a.max(b))) {
            continue;
        }
        let mut channels: BTreeSet<_> = Channel::ALL
            .into_iter()
            .zip(carried)
            .filter_map(|(channel, is)| is.then_some(channel))
            .collect();
        channels.insert(Channel::Border);
        let (a, b) = (agencies[*a].id.clone(), agencies[*b].id.clone());
        links.push(Link { a, b, channels, cost: *cost });
    }
    let draft = DirectoryDraft { network: "demo".parse().unwrap(), version: 1, agencies, links };
    Directory::parse(&to_toml(&draft)).unwrap()
}

/// The best way over each first hop, the best first.
fn best_by_first(directory: &Directory, mut ways: Vec<(usize, u32, Vec<AgencyId>)>) -> Vec<Route> {
    let reviews =
        |it: &&AgencyId| directory.agency(it).unwrap().transit == Some(Transit::Reviewing);
    ways.sort();
    let mut firsts = BTreeSet::new();
    ways.retain(|(_, _, way)| firsts.insert(way[0].clone()));
    ways.truncate(ROUTES_MAX);
    let route = |(_, cost, hops): (usize, u32, Vec<AgencyId>)| {
        let middle = hops.split_last().unwrap().1;
        let readers = middle.iter().filter(reviews).cloned().collect();
        Route { hops, cost: u64::from(cost), readers }
    };
    ways.into_iter().map(route).collect()
}

/// A directory, and which transits a way may lead through.
type Searched<'a> = (&'a Directory, &'a dyn Fn(&AgencyRecord) -> bool);

fn blind(record: &AgencyRecord) -> bool {
    record.transit == Some(Transit::Blind)
}

/// Every loop-free way from `at` to `to` that the rules permit, with its cost.
fn every_way(
    (directory, permitted): Searched<'_>,
    way: &mut Vec<AgencyId>,
    cost: u32,
    to: &AgencyId,
    channel: Channel,
    found: &mut Vec<(usize, u32, Vec<AgencyId>)>,
) {
    let at = way.last().unwrap().clone();
    for link in directory.links().iter().filter(|it| it.channels.contains(&channel)) {
        let next = match (link.a == at, link.b == at) {
            (true, false) => &link.b,
            (false, true) => &link.a,
            _ => continue,
        };
        if way.contains(next) {
            continue;
        }
        way.push(next.clone());
        let through = permitted(directory.agency(next).unwrap());
        if next == to {
            found.push((way.len() - 1, cost + link.cost, way[1..].to_vec()));
        } else if through {
            every_way((directory, permitted), way, cost + link.cost, to, channel, found);
        }
        way.pop();
    }
}

#[test]
fn routes_are_the_best_of_all_ways_and_hops_agree_on_them() {
    let pki = authority("demo");
    let config =
        ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(plan in plans(BLIND))| {
        let directory = build(&plan, &pki);
        let ids: Vec<_> = directory.agencies().map(|it| it.id.clone()).collect();
        for (from, to) in ids.iter().flat_map(|from| ids.iter().map(move |to| (from, to))) {
            for channel in [Channel::Sea, Channel::Border] {
                let route = directory.route(from, to, channel);
                let mut ways = Vec::new();
                if from != to {
                    every_way((&directory, &blind), &mut vec![from.clone()], 0, to, channel, &mut ways);
                }
                let best = ways.into_iter().min().map(|(_, _, way)| way);
                prop_assert_eq!(&route, &best, "{} to {} by {}", from, to, channel);
                let Some(route) = route else { continue };
                let distinct: BTreeSet<_> = route.iter().chain([from]).collect();
                prop_assert_eq!(distinct.len(), route.len() + 1);
                let mut at = from.clone();
                for expected in &route {
                    let next = directory.next_hop(&at, to, channel);
                    prop_assert_eq!(next.as_ref(), Some(expected));
                    at = expected.clone();
                }
                prop_assert_eq!(&at, to);
            }
        }
    });
}

#[test]
fn other_ways_are_the_best_over_each_first_hop_from_a_table_or_searched() {
    let pki = authority("demo");
    let config =
        ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(plan in plans(BLIND))| {
        let directory = build(&plan, &pki);
        let ids: Vec<_> = directory.agencies().map(|it| it.id.clone()).collect();
        for (from, to) in ids.iter().flat_map(|from| ids.iter().map(move |to| (from, to))) {
            let looking = directory.clone();
            looking.look_from(from);
            for channel in [Channel::Sea, Channel::Border] {
                let mut ways = Vec::new();
                if from != to {
                    every_way((&directory, &blind), &mut vec![from.clone()], 0, to, channel, &mut ways);
                }
                let best = best_by_first(&directory, ways.clone());
                prop_assert_eq!(&directory.routes(from, to, channel), &best, "{} {}", from, to);
                prop_assert_eq!(&looking.routes(from, to, channel), &best, "{} {}", from, to);
                let route = best.first().map(|it| it.hops.clone());
                prop_assert_eq!(&looking.route(from, to, channel), &route);
                prop_assert_eq!(looking.next_hop(from, to, channel), route.map(|it| it[0].clone()));
                let avoid = BTreeSet::from([ids[0].clone()]);
                ways.retain(|(_, _, way)| !way.contains(&ids[0]));
                let around = looking.routes_around((from, to), channel, Through::Any, &avoid);
                prop_assert_eq!(around, best_by_first(&directory, ways), "{} {}", from, to);
            }
        }
    });
}

#[test]
fn reviewing_transits_are_gone_through_where_blind_ones_do_not_lead_and_hops_agree_on_the_readers()
{
    let pki = authority("demo");
    let config =
        ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(plan in plans(MIXED))| {
        let directory = build(&plan, &pki);
        let ids: Vec<_> = directory.agencies().map(|it| it.id.clone()).collect();
        let (channel, none) = (Channel::Border, BTreeSet::new());
        for (from, to) in ids.iter().flat_map(|from| ids.iter().map(move |to| (from, to))) {
            if from == to {
                continue;
            }
            let looking = directory.clone();
            looking.look_from(from);
            let any = |it: &AgencyRecord| it.transit.is_some();
            let mut ways = Vec::new();
            every_way((&directory, &blind), &mut vec![from.clone()], 0, to, channel, &mut ways);
            if ways.is_empty() {
                every_way((&directory, &any), &mut vec![from.clone()], 0, to, channel, &mut ways);
            }
            let best = best_by_first(&directory, ways);
            prop_assert_eq!(&directory.routes(from, to, channel), &best, "{} {}", from, to);
            prop_assert_eq!(&looking.routes(from, to, channel), &best, "{} {}", from, to);
            let Some(first) = best.first() else { continue };
            // Every hop of the way finds the rest of it among what the message's readers leave open.
            let (mut at, sealed) = (from.clone(), Through::Sealed(&first.readers));
            for hop in 0..first.hops.len() {
                let onward = directory.routes_around((&at, to), channel, sealed, &none);
                prop_assert_eq!(&onward[0].hops[..], &first.hops[hop..], "{} {}", at, to);
                let of = onward.iter().flat_map(|it| &it.readers);
                prop_assert!(of.into_iter().all(|it| first.readers.contains(it)));
                at = first.hops[hop].clone();
            }
            let closed = directory.routes_around((from, to), channel, Through::Sealed(&[]), &none);
            prop_assert_eq!(closed.is_empty(), !first.readers.is_empty());
        }
    });
}
