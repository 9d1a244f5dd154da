//! The signed directory of a world, and how it changes while messages are under way: links come, go and
//! carry something else, the authorities suspend an agency and let it in again, one joins late, a desk
//! moves and comes back.
//!
//! Each change is a text that whoever may sign it has signed, adopted as the product adopts it; each node hears
//! of the directory that follows at a time of its own. What was taken away comes back before the end, so that what was
//! in doubt over it can be asked. It has chance of its own.

use std::collections::{BTreeMap, BTreeSet};

use rogatory::clock::Timestamp;
use rogatory::directory::Directory;
use rogatory::directory::record::AgencyRecord;
use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::roll::record_key_name;
use rogatory::directory::signed::{
    Adopted, Authorities, Authority, Genesis, Held, Judging, LinkOffer, Member, Roll, Status, write,
};
use rogatory::domain::digest::Digest;
use rogatory::domain::header::Channel;
use rogatory::domain::ids::{AgencyId, ContactPointId, NetworkId};
use rogatory::merkle::note::SignedNote;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::vkey::VerifierKey;
use rogatory::redact::Secret;

use crate::support::{self, Federation};
use crate::world::{Chance, World, count};

/// Chances of a change at each tick of the storm, in a thousand.
const CHANGES_IN_THOUSAND: u64 = 60;
/// One world in so many has an agency that joins late.
const LATE_EVERY: u64 = 3;
/// What was taken away comes back at a tick by so many chances of a thousand.
const BACK_IN_THOUSAND: u64 = 25;

/// A key with its name.
struct Holder {
    key: VerifierKey,
    signer: Ed25519Signer,
}

impl Holder {
    fn new(name: &str) -> Self {
        let signer =
            Ed25519Signer::from_seed(&Secret::new(*Digest::of(name.as_bytes()).as_bytes()));
        Self { key: VerifierKey::new(name, signer.public()).expect("a well-formed name"), signer }
    }

    fn of(agency: &AgencyId) -> Self {
        Self::new(&record_key_name(agency))
    }
}

fn signed(text: &str, holders: &[&Holder]) -> Vec<u8> {
    let lines = holders.iter().map(|it| it.key.sign(text, &it.signer).expect("its own key"));
    SignedNote { text: text.to_owned(), signatures: lines.collect() }.to_bytes()
}

/// What is another for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Away {
    /// The end of a link that an agency named.
    Link(AgencyId, LinkOffer),
    /// The channels of such an end.
    Channels(AgencyId, LinkOffer),
    /// An agency that takes no part.
    Agency(AgencyId),
    /// The desk of an agency.
    Desk(AgencyId),
    /// An agency that has not joined yet.
    Late(AgencyId),
}

/// The texts in force, and who signs them.
pub struct Registry {
    held: Held,
    authorities: [Holder; 3],
    records: BTreeMap<AgencyId, OwnRecord>,
    chance: Chance,
    away: Vec<Away>,
    /// Nothing is taken away from these.
    spared: BTreeSet<AgencyId>,
    /// Whose desk ever moved.
    moved: BTreeSet<AgencyId>,
    /// Who ever took no part.
    absent: BTreeSet<AgencyId>,
    /// Who has joined just now.
    joined: Option<AgencyId>,
}

impl Registry {
    /// The first texts; of some worlds without one agency.
    pub fn new(seed: u64, now: i64, federation: &Federation, spared: Vec<usize>) -> Self {
        let authorities = ["int.first", "int.second", "int.third"].map(Holder::new);
        let network = federation.directory.network().clone();
        let genesis = write::genesis(&network, false, &those(&authorities));
        let genesis = Genesis::parse(&genesis).expect("the genesis is well formed");
        let mut chance = Chance::new(seed ^ 0xd1ce_c702);
        let spared: BTreeSet<AgencyId> =
            spared.into_iter().map(|it| federation.agencies[it].clone()).collect();
        let mut late = None;
        if seed % LATE_EVERY == 1 && federation.agencies.len() > 3 {
            late = chance.pick(&federation.agencies).filter(|it| !spared.contains(*it)).cloned();
        }
        let records = federation.agencies.iter().map(|it| (it.clone(), own(federation, it)));
        let mut registry = Self {
            held: Held::begin(genesis),
            authorities,
            records: records.collect(),
            chance,
            away: late.clone().map(Away::Late).into_iter().collect(),
            spared,
            moved: BTreeSet::new(),
            absent: late.iter().cloned().collect(),
            joined: None,
        };
        let there: Vec<&AgencyId> =
            federation.agencies.iter().filter(|it| Some(*it) != late.as_ref()).collect();
        let active = |id: &AgencyId| (id.clone(), Status::Active);
        registry.adopt_roll(now, there.iter().map(|it| active(it)).collect());
        for agency in there {
            registry.adopt_record(now, agency);
        }
        registry
    }

    /// The directory that follows.
    pub fn directory(&self) -> Directory {
        self.held.directory().0
    }

    /// Whether an agency takes part now.
    pub fn is_active(&self, agency: &AgencyId) -> bool {
        self.held.member(agency).is_some_and(|it| it.status == Status::Active)
    }

    /// Signs and adopts another version of the record of an agency that takes part.
    pub fn change(&mut self, now: i64, agency: &AgencyId, change: impl FnOnce(&mut AgencyRecord)) {
        self.change_own(now, agency, |own| change(&mut own.agency));
    }

    fn change_own(&mut self, now: i64, agency: &AgencyId, change: impl FnOnce(&mut OwnRecord)) {
        let own = self.records.get_mut(agency).expect("every agency has one");
        change(own);
        let before = self.held.record(agency).expect("it is in force");
        (own.version, own.previous) = (before.0 + 1, Some(before.1));
        self.adopt_record(now, agency);
    }

    fn adopt_record(&mut self, now: i64, agency: &AgencyId) {
        let text = write::record(&self.records[agency]);
        let judging = Judging::Now(Timestamp::from_millis(now));
        let adopted = self.held.adopt_record(&signed(&text, &[&Holder::of(agency)]), judging);
        assert_eq!(adopted, Ok(Adopted::Newer), "{agency}");
    }

    fn statuses(&self) -> Vec<(AgencyId, Status)> {
        let roll = self.held.roll().map(|it| it.roll.agencies.as_slice()).unwrap_or_default();
        roll.iter().map(|it| (it.id.clone(), it.status)).collect()
    }

    fn adopt_roll(&mut self, now: i64, members: Vec<(AgencyId, Status)>) {
        let now = Timestamp::from_millis(now);
        let before = self.held.roll().map(|it| (it.roll.version, it.hash));
        let (version, previous) = before.unwrap_or((0, self.held.genesis().hash()));
        let member = |(id, status): (AgencyId, Status)| {
            let key = Holder::of(&id).key;
            Member { id, key, status, next: None }
        };
        let roll = Roll {
            network: self.held.genesis().network.clone(),
            version: version + 1,
            previous,
            issued_at: now,
            authorities: those(&self.authorities),
            agencies: members.into_iter().map(member).collect(),
        };
        // Two of the three decide.
        let by = [&self.authorities[0], &self.authorities[2]];
        let adopted = self.held.adopt_roll(&signed(&write::roll(&roll), &by), Judging::Now(now));
        assert_eq!(adopted, Ok(Adopted::Newer));
    }

    fn set_status(&mut self, now: i64, agency: &AgencyId, status: Status) {
        let mut members = self.statuses();
        for member in members.iter_mut().filter(|it| it.0 == *agency) {
            member.1 = status;
        }
        self.adopt_roll(now, members);
    }

    /// An end of a link that may change: nobody who is spared, or takes no part, has one of its ends, and
    /// it is as it was at first.
    fn end_of_a_link(&mut self) -> Option<(AgencyId, LinkOffer)> {
        let is_free = |it: &AgencyId| !self.spared.contains(it) && self.is_active(it);
        let touched = |from: &AgencyId, to: &AgencyId| {
            self.away.iter().any(|it| match it {
                Away::Link(at, offer) | Away::Channels(at, offer) => {
                    (at == from && offer.with == *to) || (at == to && offer.with == *from)
                }
                Away::Agency(_) | Away::Desk(_) | Away::Late(_) => false,
            })
        };
        let mut ends = Vec::new();
        for (from, own) in self.records.iter().filter(|it| is_free(it.0)) {
            let links = own.links.iter();
            let free = links.filter(|it| is_free(&it.with) && !touched(from, &it.with));
            ends.extend(free.map(|it| (from.clone(), it.clone())));
        }
        self.chance.pick(&ends).cloned()
    }

    /// A change by chance; its name if there is one.
    fn change_by_chance(&mut self, now: i64) -> Option<&'static str> {
        match self.chance.below(7) {
            0 => self.add_link(now),
            1 => {
                let (from, offer) = self.end_of_a_link()?;
                self.change_own(now, &from, |own| own.links.retain(|it| it.with != offer.with));
                self.away.push(Away::Link(from, offer));
                Some("directory: link removed")
            }
            2 => {
                let (from, offer) = self.end_of_a_link()?;
                let cost = 1 + self.chance.below(9) as u32;
                self.set_offer(now, &from, LinkOffer { cost, ..offer });
                Some("directory: cost changed")
            }
            3 => {
                let (from, offer) = self.end_of_a_link()?;
                let channels: BTreeSet<Channel> =
                    Channel::ALL.into_iter().filter(|_| self.chance.below(2) == 0).collect();
                if channels.is_empty() {
                    return None;
                }
                self.set_offer(now, &from, LinkOffer { channels, ..offer.clone() });
                self.away.push(Away::Channels(from, offer));
                Some("directory: channels changed")
            }
            4 => {
                let agency = self.somebody()?;
                self.set_status(now, &agency, Status::Suspended);
                self.absent.insert(agency.clone());
                self.away.push(Away::Agency(agency));
                Some("directory: agency suspended")
            }
            5 => {
                let agency = self.somebody()?;
                self.move_desk(now, &agency, desk_elsewhere(&agency));
                self.moved.insert(agency.clone());
                self.away.push(Away::Desk(agency));
                Some("directory: desk moved")
            }
            _ => None,
        }
    }

    /// An agency that is as it was at first, while no other is away.
    fn somebody(&mut self) -> Option<AgencyId> {
        let away = |it: &Away| matches!(it, Away::Agency(_) | Away::Desk(_) | Away::Late(_));
        if self.away.iter().any(away) {
            return None;
        }
        let all = self.records.keys().filter(|it| !self.spared.contains(*it)).cloned();
        let all: Vec<AgencyId> = all.collect();
        self.chance.pick(&all).cloned()
    }

    fn add_link(&mut self, now: i64) -> Option<&'static str> {
        let all: Vec<AgencyId> =
            self.records.keys().filter(|it| self.is_active(it)).cloned().collect();
        let (a, b) = (self.chance.pick(&all)?.clone(), self.chance.pick(&all)?.clone());
        self.open_link(now, &a, &b).then_some("directory: link added")
    }

    /// Names a link at both of its ends, if they take part and neither names it; whether it did.
    pub fn open_link(&mut self, now: i64, a: &AgencyId, b: &AgencyId) -> bool {
        let links = |from: &AgencyId, to: &AgencyId| {
            self.records[from].links.iter().any(|it| it.with == *to)
        };
        let is_free = a != b && !links(a, b) && !links(b, a);
        if !is_free || !self.is_active(a) || !self.is_active(b) {
            return false;
        }
        let all = BTreeSet::from(Channel::ALL);
        for (from, with) in [(a, b), (b, a)] {
            let offer = LinkOffer { with: with.clone(), channels: all.clone(), cost: 1 };
            self.change_own(now, from, |own| own.links.push(offer));
        }
        true
    }

    fn set_offer(&mut self, now: i64, from: &AgencyId, offer: LinkOffer) {
        self.change_own(now, from, |own| {
            own.links.retain(|it| it.with != offer.with);
            own.links.push(offer);
        });
    }

    fn move_desk(&mut self, now: i64, agency: &AgencyId, name: ContactPointId) {
        self.change(now, agency, |record| {
            if let Some(desk) = record.contact_points.first_mut() {
                desk.id = name;
            }
        });
    }

    /// Something that was taken away comes back. What an agency's own text says waits until it takes part.
    fn bring_back(&mut self, now: i64) -> Option<&'static str> {
        let at = self.chance.below(self.away.len() as u64) as usize;
        let waits = match self.away.get(at)? {
            Away::Link(from, _) | Away::Channels(from, _) | Away::Desk(from) => {
                !self.is_active(from)
            }
            Away::Agency(_) | Away::Late(_) => false,
        };
        if waits {
            return None;
        }
        Some(match self.away.remove(at) {
            Away::Link(from, offer) => {
                self.set_offer(now, &from, offer);
                "directory: link back"
            }
            Away::Channels(from, offer) => {
                self.set_offer(now, &from, offer);
                "directory: channels back"
            }
            Away::Agency(agency) => {
                self.set_status(now, &agency, Status::Active);
                "directory: agency restored"
            }
            Away::Desk(agency) => {
                self.move_desk(now, &agency, support::desk(&agency));
                "directory: desk back"
            }
            Away::Late(agency) => {
                let mut members = self.statuses();
                members.push((agency.clone(), Status::Active));
                self.adopt_roll(now, members);
                self.adopt_record(now, &agency);
                self.joined = Some(agency);
                "directory: agency joined"
            }
        })
    }
}

fn those(holders: &[Holder; 3]) -> Authorities {
    let members = holders.iter().map(|it| Authority { key: it.key.clone(), until: None });
    Authorities { threshold: 2, members: members.collect() }
}

/// The first record of an agency, as the federation has it.
fn own(federation: &Federation, agency: &AgencyId) -> OwnRecord {
    let directory = &federation.directory;
    let links = directory.links().iter().filter_map(|it| {
        let with = match (it.a == *agency, it.b == *agency) {
            (true, _) => &it.b,
            (false, true) => &it.a,
            (false, false) => return None,
        };
        Some(LinkOffer { with: with.clone(), channels: it.channels.clone(), cost: it.cost })
    });
    let network: NetworkId = directory.network().clone();
    let record = directory.agency(agency).expect("it is in the network").clone();
    OwnRecord { network, version: 1, previous: None, agency: record, links: links.collect() }
}

/// The other name that the desk of an agency has for a while.
pub fn desk_elsewhere(agency: &AgencyId) -> ContactPointId {
    format!("{agency}/elsewhere").parse().expect("a well-formed id")
}

impl World {
    /// Changes the directory now and then; when the storm is over, what was taken away comes back.
    pub fn change_directory(&mut self) {
        let (now, stormy) = (self.now(), self.is_stormy());
        let Some(registry) = &mut self.rotations.registry else { return };
        let mut changed = None;
        let is_away = !registry.away.is_empty();
        if !stormy || (is_away && registry.chance.one_in_thousand(BACK_IN_THOUSAND)) {
            changed = registry.bring_back(now);
        } else if registry.chance.one_in_thousand(CHANGES_IN_THOUSAND) {
            changed = registry.change_by_chance(now);
        }
        let joined = registry.joined.take();
        if let Some(what) = changed {
            count(&mut self.tally, what);
            self.rotations.follow(now);
        }
        let joined = joined.and_then(|it| self.federation.agencies.iter().position(|at| *at == it));
        if let Some(node) = joined {
            // It has the directory from whoever let it in.
            self.rotations.hears_now(node, now);
            self.start(node);
        }
    }

    /// The agencies whose desk had another name for a while.
    pub fn moved(&self) -> BTreeSet<String> {
        let all = self.rotations.registry.iter().flat_map(|it| &it.moved);
        all.map(ToString::to_string).collect()
    }

    /// The agencies that took no part for a while.
    pub fn absent(&self) -> BTreeSet<String> {
        let all = self.rotations.registry.iter().flat_map(|it| &it.absent);
        all.map(ToString::to_string).collect()
    }

    /// Whether nothing is away any more that comes back.
    pub fn is_complete(&self) -> bool {
        self.rotations.registry.as_ref().is_none_or(|it| it.away.is_empty())
    }

    /// Whether a node lets in a peer: by the directory that it follows they are linked.
    pub fn lets_in(&self, node: usize, peer: usize) -> bool {
        let (own, other) = (&self.federation.agencies[node], &self.federation.agencies[peer]);
        self.setting(node).is_some_and(|it| it.directory().are_linked(own, other))
    }

    /// The nodes with which a node has a link, by the directory that it follows.
    pub fn peers_of(&self, node: usize) -> Vec<usize> {
        (0..self.machines.len()).filter(|it| *it != node && self.lets_in(node, *it)).collect()
    }
}
