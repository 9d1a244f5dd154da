//! The directory as a whole: from its text to a value that can be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::competence::{self, Competent, Unaddressed, Wanted};
use crate::directory::contact_point::ContactPoint;
use crate::directory::journal_keys::JournalKeys;
use crate::directory::link::{self, Link};
use crate::directory::record::{self, AgencyRecord, Transit};
use crate::directory::route::{Asked, Graph, ROUTES_MAX, Route, Through};
use crate::directory::strict::{self, Fault, Table};
use crate::directory::write::DirectoryDraft;
use crate::domain::digest::Digest;
use crate::domain::header::Channel;
use crate::domain::ids::{AgencyId, ContactPointId, JournalName, NetworkId};

/// Largest text of a directory, in bytes: some 1,000 agencies with all their keys, or 390 with 50 desks
/// each. It is for tools and small networks: 2,000 agencies with 100,000 desks are 43 MB, which only
/// the folder of a signed directory holds, a record each ([`crate::directory::signed`]).
pub const DIRECTORY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most agencies of one directory.
pub const AGENCIES_MAX: usize = 4096;
/// Most links of one directory.
pub const LINKS_MAX: usize = 32_768;

/// One thing that is wrong with a directory's text.
pub type DirectoryFault = Fault;

const KEYS: &[&str] = &["network", "version", "agency", "link"];

/// Who is in the network, as one version of its text says.
#[derive(Clone, Debug)]
pub struct Directory {
    network: NetworkId,
    version: u64,
    hash: Digest,
    agencies: BTreeMap<AgencyId, Arc<AgencyRecord>>,
    links: Vec<Link>,
    graph: Graph,
    competence: Arc<competence::Table>,
    issued_at: Option<Timestamp>,
    /// Revocation lists in force, by agency; where there are none by themselves, those of records.
    lists: Option<ListsByAgency>,
}

/// Revocation lists (DER) by agency.
pub(crate) type ListsByAgency = BTreeMap<AgencyId, Vec<Arc<Vec<u8>>>>;

impl Directory {
    /// Reads a directory.
    ///
    /// # Errors
    /// Every fault of the text at once ([`strict::FAULTS_MAX`] of them spelled out).
    pub fn parse(text: &str) -> Result<Self, Vec<DirectoryFault>> {
        let draft = strict::read(text, DIRECTORY_BYTES_MAX, KEYS, read_document)?;
        let agencies = draft.agencies.into_iter();
        let agencies = agencies.map(|it| (it.id.clone(), Arc::new(it))).collect();
        let named = (draft.version, Digest::of(text.as_bytes()));
        Ok(Self::assembled(draft.network, named, agencies, draft.links))
    }

    /// A directory of records that were judged one by one; `named` are its version and its hash.
    pub(crate) fn assembled(
        network: NetworkId,
        named: (u64, Digest),
        agencies: BTreeMap<AgencyId, Arc<AgencyRecord>>,
        links: Vec<Link>,
    ) -> Self {
        let (version, hash) = named;
        let graph = Graph::new(&agencies, &links);
        let competence = Arc::new(competence::Table::new(&agencies));
        let (issued_at, lists) = (None, None);
        Self { network, version, hash, agencies, links, graph, competence, issued_at, lists }
    }

    /// The same, of a roll that was issued at a time.
    pub(crate) fn issued(self, at: Option<Timestamp>) -> Self {
        Self { issued_at: at, ..self }
    }

    /// The same, with the revocation lists in force.
    pub(crate) fn with_lists(self, lists: ListsByAgency) -> Self {
        Self { lists: Some(lists), ..self }
    }

    /// The revocation lists (DER) that count for an agency of this directory; none of one that
    /// names no root.
    pub fn lists(&self, record: &AgencyRecord) -> Vec<Vec<u8>> {
        match &self.lists {
            Some(_) if record.roots.is_empty() => Vec::new(),
            Some(lists) => {
                let own = lists.get(&record.id).into_iter().flatten();
                own.map(|der| der.as_ref().clone()).collect()
            }
            None => record.crls.clone(),
        }
    }

    /// When the authorities issued the roll that it follows from; `None` if nobody signed it.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// The network's name.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }

    /// The version, from 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 of the text's bytes; of a signed directory over those of all its texts.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// The record of one agency.
    pub fn agency(&self, id: &AgencyId) -> Option<&AgencyRecord> {
        self.agencies.get(id).map(Arc::as_ref)
    }

    /// All agencies, in the order of their ids.
    pub fn agencies(&self) -> impl Iterator<Item = &AgencyRecord> {
        self.agencies.values().map(Arc::as_ref)
    }

    /// All links, in the order of the text.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The keys of one volume of a journal, retired or in use.
    pub fn journal(&self, name: &JournalName) -> Option<&JournalKeys> {
        self.agency(name.agency())?.journals.iter().find(|it| it.name == *name)
    }

    /// The volume that the agency writes to.
    pub fn current_journal(&self, agency: &AgencyId) -> Option<&JournalKeys> {
        self.agency(agency)?.current_journal()
    }

    /// One desk.
    pub fn contact_point(&self, id: &ContactPointId) -> Option<&ContactPoint> {
        let mut desks = self.agency(id.agency())?.contact_points.iter();
        desks.find(|it| it.id == *id)
    }

    /// Every desk that is competent, in the order in which they are asked (`competence.rs`): who is
    /// there at `at` before who is not.
    pub fn competent(&self, wanted: &Wanted, at: Timestamp) -> Vec<Competent<'_>> {
        self.competence.competent(wanted, at)
    }

    /// The one desk that `own` asks for what is wanted at `at`: of those that a way leads to if it
    /// leads to any, who is there at `at` before who is not, then by function, then who runs a node.
    ///
    /// # Errors
    /// If nobody is competent, or several are and none comes first.
    pub fn addressee(
        &self,
        own: &AgencyId,
        wanted: &Wanted,
        at: Timestamp,
    ) -> Result<&ContactPoint, Unaddressed> {
        let rank = |it: &Competent<'_>| {
            let agency = it.desk.id.agency();
            let reached = self.next_hop(own, agency, wanted.kind.channel).is_some();
            let runs = self.agency(agency).is_some_and(|it| !it.nodes.is_empty());
            let mut functions = wanted.kind.receivers.iter();
            let function = functions.position(|name| *name == it.function.as_str());
            (!reached, it.opens != at, function, !runs)
        };
        let ranked = self.competent(wanted, at).into_iter().map(|it| (rank(&it), it.desk));
        let ranked: Vec<_> = ranked.collect();
        let first = ranked.iter().map(|(rank, _)| rank).min();
        let best: Vec<&ContactPoint> =
            ranked.iter().filter(|(rank, _)| Some(rank) == first).map(|(_, desk)| *desk).collect();
        match best.as_slice() {
            [] => Err(Unaddressed::Nobody),
            [only] => Ok(*only),
            several => Err(Unaddressed::Several(several.iter().map(|it| it.id.clone()).collect())),
        }
    }

    /// The agencies with a node that are linked with `agency`, in the order of their ids.
    pub fn neighbours(&self, agency: &AgencyId) -> Vec<AgencyId> {
        self.graph.neighbours(agency)
    }

    /// Whether a link joins two agencies with nodes.
    pub fn are_linked(&self, a: &AgencyId, b: &AgencyId) -> bool {
        self.graph.joins(a, b)
    }

    /// The way from one agency to another: those after `from`, the destination last.
    ///
    /// Fewest hops, then lowest cost, then the smallest names, so every holder of the same text
    /// finds the same way. Only links that carry `channel` are taken, and only transits stand in the
    /// middle: blind ones, or reviewing ones too where no way leads over blind ones alone. `None` if
    /// there is no way, if an end has no node, or if both ends are the same agency.
    pub fn route(&self, from: &AgencyId, to: &AgencyId, channel: Channel) -> Option<Vec<AgencyId>> {
        self.graph.route(from, to, channel)
    }

    /// The first agency of [`Directory::route`]. Each hop that asks for its own next hop comes one
    /// closer to the end, by the same route as long as all its transits are of one sort.
    pub fn next_hop(&self, from: &AgencyId, to: &AgencyId, channel: Channel) -> Option<AgencyId> {
        self.graph.next_hop(from, to, channel)
    }

    /// The ways from one agency to another that begin with different neighbours, the best first: the
    /// first is that of [`Directory::route`], each other the best over its neighbour that does not
    /// come back to `from`. At most [`ROUTES_MAX`](crate::directory::route::ROUTES_MAX), in the order
    /// of hops, cost and names. Each names its readers; either all have some, or none has.
    ///
    /// A neighbour that is handed a message on such a way goes on by its own best route, which may lead
    /// back to `from`: only the first is a route that all hops agree on.
    pub fn routes(&self, from: &AgencyId, to: &AgencyId, channel: Channel) -> Vec<Route> {
        self.routes_around((from, to), channel, Through::Any, &BTreeSet::new())
    }

    /// As [`Directory::routes`], through these transits, and over none of the agencies in `avoid`. With
    /// some to avoid they are searched when they are asked for.
    pub fn routes_around(
        &self,
        (from, to): (&AgencyId, &AgencyId),
        channel: Channel,
        through: Through<'_>,
        avoid: &BTreeSet<AgencyId>,
    ) -> Vec<Route> {
        self.graph.routes(&Asked { from, to, channel, most: ROUTES_MAX, avoid }, through)
    }

    /// Works out every way from `agency`, so that asking for one later costs microseconds. One
    /// directory keeps the ways from one agency, the first that is named here; those from another are
    /// searched when they are asked for. What is found is the same.
    pub fn look_from(&self, agency: &AgencyId) {
        self.graph.look_from(agency);
    }

    /// Whether an agency reviews what passes through it.
    pub fn reviews(&self, agency: &AgencyId) -> bool {
        self.agency(agency).is_some_and(|it| it.transit == Some(Transit::Reviewing))
    }

    /// What the text said, to be changed and written again as another version.
    pub fn draft(&self) -> DirectoryDraft {
        DirectoryDraft {
            network: self.network.clone(),
            version: self.version,
            agencies: self.agencies().cloned().collect(),
            links: self.links.clone(),
        }
    }
}

fn read_document(root: &Table<'_>) -> Option<DirectoryDraft> {
    root.require(&["network", "version", "agency"]);
    let network = root.parsed::<NetworkId>("network");
    let version = root.integer("version", 1..=u64::MAX >> 1);
    let tables = root.tables("agency", record::KEYS, AGENCIES_MAX);
    if tables.is_empty() && root.has("agency") {
        root.fault_at("agency", "needs at least one agency");
    }
    let agencies: Vec<_> = tables.iter().filter_map(record::read).collect();
    let known: BTreeSet<_> = agencies.iter().map(|it| it.id.clone()).collect();
    let links = root.tables("link", link::KEYS, LINKS_MAX);
    let links = links.iter().filter_map(|it| link::read(it, &known)).collect();
    Some(DirectoryDraft { network: network?, version: version?, agencies, links })
}
