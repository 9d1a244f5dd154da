//! Asks the product what it shows at the end of a run, and hands it to the checker as plain values.
//!
//! Of all that judges a run this alone uses the product. What is asked here is compared with what the
//! checker reads off the journals itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rogatory::directory::write::to_toml;
use rogatory::domain::header::{Header, MessageKey};
use rogatory::domain::ids::ContactPointId;
use rogatory::history;
use rogatory::node::conduct;
use rogatory::node::content::{self, ContentError};
use rogatory::node::setting::Setting;
use rogatory::node::{self, query, records};
use rogatory::wire;

use crate::carriage;
use crate::competences;
use crate::directory;
use crate::seen::{Answer, Content, Courses, Id, Lost, Named, Node, Seen, Station, Told};
use crate::support;
use crate::workload::{Acknowledged, MARKER};
use crate::world::World;

/// Place of the skeleton's seed among those of an agency.
const SKELETON_SEED: usize = 4;
/// More than any of these worlds lists.
const ALL: usize = 10_000;

fn told(it: &Acknowledged) -> Told {
    Told {
        origin: it.origin,
        message: it.message.as_bytes().to_vec(),
        position: it.position,
        files: it.files.clone(),
    }
}

fn id_of(header: &Header) -> Id {
    (header.address.origin.to_string(), header.address.message.as_bytes().to_vec())
}

/// All that the world left behind.
pub fn observe(world: &World) -> Result<Seen, String> {
    let nodes = (0..world.machines.len()).map(|node| of_node(world, node));
    let lost = world.setback.as_ref().and_then(|it| it.lost.as_ref()).map(|lost| Lost {
        node: lost.node,
        size: lost.size,
        entries: lost.entries.clone(),
        acknowledged: lost.acknowledged.iter().map(told).collect(),
        listed: lost.listed.clone(),
    });
    let workload = &world.workload;
    let refused = workload.refused.iter().map(|it| (it.origin, it.message.as_bytes().to_vec()));
    let before = workload.sent_before.iter().map(|(at, it)| (*at, it.as_bytes().to_vec()));
    Ok(Seen {
        nodes: nodes.collect::<Result<_, _>>()?,
        directory: to_toml(&world.newest_directory().draft()),
        acknowledged: workload.acknowledged.iter().map(told).collect(),
        refused: refused.collect(),
        silent: workload.silent.clone(),
        permitted: workload.permitted.clone(),
        erased: workload.erased.clone(),
        sent_before: before.collect(),
        requests: workload.requests(),
        asked: competences::asked(world),
        lost,
        reviewing: world.officers.nodes.clone(),
        unread: world.officers.unread.clone(),
        sealed_to: world.sealed_to.clone(),
        links_alive: world.links_alive(),
        link_dead: world.link_dead(),
        moved: world.moved(),
        absent: world.absent(),
        harmful: (0..world.machines.len()).find(|it| world.means_harm(*it) || world.lies(*it)),
        marker: MARKER,
        clear: world.clear_headers.clone(),
        checkpoints: world.shown.iter().cloned().collect::<BTreeSet<_>>(),
    })
}

fn of_node(world: &World, node: usize) -> Result<Node, String> {
    let setting = world.setting(node).ok_or("a node is down at the end")?;
    let mut volumes = Vec::new();
    for volume in setting.before.volumes().iter().chain([&setting.journal]) {
        let mut entries: Vec<Vec<u8>> = Vec::new();
        loop {
            let more = volume.read(entries.len() as u64, 500).map_err(|it| it.to_string())?;
            if more.is_empty() {
                break;
            }
            entries.extend(more);
        }
        volumes.push(entries);
    }
    let headers = headers(volumes.iter().flatten());
    let mine = world.workload.acknowledged.iter().filter(|it| it.origin == node);
    let stations = mine.map(|it| {
        let key = MessageKey::new(&setting.agency, it.message);
        ((setting.agency.to_string(), it.message.as_bytes().to_vec()), stations(&setting, key))
    });
    Ok(Node {
        agency: setting.agency.to_string(),
        skeleton_key: world.federation.seeds[node].0[SKELETON_SEED],
        store_bytes: world.machines[node].disk.bytes(),
        queue_max: world.machines[node].queue_max,
        honours_at_once: World::honours_at_once(node),
        inbox: inbox(&setting, support::desk(&setting.agency)),
        elsewhere: inbox(&setting, directory::desk_elsewhere(&setting.agency)),
        stations: stations.collect(),
        contents: headers.iter().map(|it| (id_of(it), opening(&setting, it))).collect(),
        particulars: headers.iter().filter(|it| is_told(&setting, it)).map(id_of).collect(),
        attachments: attachments(&setting, &headers),
        courses: courses(&setting),
        now: setting.clock.now().millis(),
        cut_off: cut_off(&setting),
        competences: competences(&setting, &headers),
        cosigned: cosigned(&setting),
        // Last: all before is shown by the rows as they stood.
        refolded: if world.is_sound() { refolded(&setting).map(Some) } else { Ok(None) },
        volumes,
    })
}

/// The headers that stand in entries, each once.
fn headers<'a>(entries: impl Iterator<Item = &'a Vec<u8>>) -> Vec<Header> {
    let facts = entries.filter_map(|it| wire::entry::read(it).ok());
    let found = facts.filter_map(|it| it.fact.header().cloned());
    found.map(|it| (it.bytes.clone(), it)).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn inbox(setting: &Arc<Setting>, desk: ContactPointId) -> Answer<Vec<(u64, Vec<u8>)>> {
    let places = query::inbox_page(setting, &desk, 0, ALL).map_err(|it| it.to_string())?;
    Ok(places.into_iter().map(|(place, view)| (place, view.header.bytes)).collect())
}

fn stations(setting: &Arc<Setting>, key: MessageKey) -> Answer<Option<Vec<Station>>> {
    let view = query::message(setting, key).map_err(|it| it.to_string())?;
    let all = view.map(|it| it.stations);
    let shown = |it: query::StationView| Station {
        name: it.record.station.to_string(),
        agency: it.record.agency.to_string(),
        own: it.record.own,
        receipt: it.receipt.map(|it| (it.entry, it.proof)),
    };
    Ok(all.map(|it| it.into_iter().map(shown).collect()))
}

fn opening(setting: &Arc<Setting>, header: &Header) -> Content {
    match query::message(setting, header.key()) {
        Ok(Some(_)) => {}
        Ok(None) => return Content::Unknown,
        Err(error) => return Content::Fails(error.to_string()),
    }
    match content::open(setting, header) {
        Ok(_) => Content::Opens,
        Err(ContentError::Absent) => Content::Absent,
        Err(error) => Content::Fails(error.to_string()),
    }
}

fn is_told(setting: &Arc<Setting>, header: &Header) -> bool {
    let view = query::message(setting, header.key());
    view.ok().flatten().is_some_and(|it| it.record.particulars.is_some())
}

fn attachments(setting: &Arc<Setting>, headers: &[Header]) -> BTreeMap<(Id, u64), Vec<u8>> {
    let mut found = BTreeMap::new();
    let here = headers.iter().filter(|it| it.address.destination == setting.agency);
    for header in here.filter(|it| it.digests.attachments.is_some()) {
        let numbers = (1..).map_while(|number| {
            let bytes = carriage::opened(setting, header.key(), number);
            // None is kept beyond the most that a message has.
            (number <= 64).then_some((number, bytes))
        });
        for (number, bytes) in numbers {
            found.extend(bytes.map(|it| ((id_of(header), u64::from(number)), it)));
        }
    }
    found
}

fn courses(setting: &Arc<Setting>) -> Answer<Courses> {
    let views = query::requests_page(setting, None, ALL).map_err(|it| it.to_string())?;
    let mut found = BTreeMap::new();
    for view in views {
        for (agency, docket) in &view.dockets {
            let states = docket.courses().iter().map(|it| it.state.to_string()).collect();
            found.insert((view.id.as_bytes().to_vec(), agency.to_string()), states);
        }
    }
    Ok(found)
}

fn cut_off(setting: &Arc<Setting>) -> Answer<BTreeMap<String, (i64, String)>> {
    let mut found = BTreeMap::new();
    let now = setting.clock.now();
    for peer in setting.directory().neighbours(&setting.agency) {
        let conduct = conduct::of(setting.store.as_ref(), &peer, now);
        let conduct = conduct.map_err(|it| it.to_string())?;
        let cause = conduct.cut_off_cause().map(|it| it.to_string()).unwrap_or_default();
        let until = conduct.cut_off_until();
        found.extend(until.map(|it| (peer.to_string(), (it.millis(), cause))));
    }
    Ok(found)
}

fn competences(setting: &Arc<Setting>, headers: &[Header]) -> BTreeMap<Id, Named> {
    let named = headers.iter().filter_map(|it| {
        let view = query::message(setting, it.key()).ok().flatten()?;
        let (by, to) = (view.addressed?, view.record.particulars?.to);
        let desk = to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let country = by.competence.country_text().to_owned();
        let (function, version) = (by.competence.function.to_string(), by.directory_version);
        Some((id_of(it), Named { country, function, desk, version }))
    });
    named.collect()
}

fn cosigned(setting: &Arc<Setting>) -> Answer<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for peer in setting.directory().neighbours(&setting.agency) {
        let known = records::cosigned(setting.store.as_ref(), &peer);
        let known = known.map_err(|it| it.to_string())?;
        found.extend(known.map(|it| (peer.to_string(), it.note)));
    }
    Ok(found)
}

fn refolded(setting: &Arc<Setting>) -> Answer<(String, String)> {
    let hash = || history::state_hash(setting.store.as_ref()).map_err(|it| it.to_string());
    let before = hash()?.to_string();
    node::rebuild(setting).map_err(|it| it.to_string())?;
    Ok((before, hash()?.to_string()))
}

/// What a run left behind, in few bytes: two runs of one seed have the same.
pub fn fingerprint(world: &World) -> Result<Vec<(usize, String, String)>, String> {
    let mut found = Vec::new();
    for node in 0..world.machines.len() {
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        let volumes = of_node(world, node)?.volumes;
        let entries: Vec<&[u8]> = volumes.iter().flatten().map(Vec::as_slice).collect();
        let state = history::state_hash(setting.store.as_ref()).map_err(|it| it.to_string())?;
        let all = rogatory::domain::digest::Digest::of_parts(&entries);
        found.push((entries.len(), all.to_string(), state.to_string()));
    }
    Ok(found)
}
