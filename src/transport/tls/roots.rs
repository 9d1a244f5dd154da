//! Roots and revocation lists, agency by agency, as the directory names them.
//!
//! An agency's record is its own: one that cannot be read shuts that agency out and nobody else.
//!
//! A list is demanded: nobody is let in of an agency that publishes none, since a certificate that it
//! took back would count until its end. The list covers every certificate of the chain, and past its
//! next update it counts for a grace, during which [`RootsByAgency::overdue`] names the agency; then all
//! of that agency's handshakes fail. Whoever believes roots from a file instead of a directory
//! ([`RootsByAgency::by_roots_alone`]) has no list to look at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::pki::{self, RevocationList, revoke};

/// How long past its next update a list counts, unless configured otherwise: 72 hours.
pub const CRL_GRACE_MILLIS: i64 = 72 * 60 * 60 * 1000;

/// What the directory says of one agency, DER.
#[derive(Clone, Debug, Default)]
pub struct AgencyTrust {
    /// Its roots; more than one while they change over.
    pub roots: Vec<Vec<u8>>,
    /// Its present revocation lists: one of each of its authorities. With none nobody is let in.
    pub crls: Vec<Vec<u8>>,
}

/// Why nobody of an agency is let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsFault {
    /// It names no root.
    #[error("{0} has no root")]
    NoRoot(AgencyId),
    /// One of its roots is not an authority's certificate.
    #[error("root {1} of {0} is not an authority's certificate")]
    Root(AgencyId, usize),
    /// Its revocation list cannot be read, or has no number or next update.
    #[error("the revocation list of {0} cannot be read")]
    List(AgencyId),
    /// Its revocation list is older than the one that is known.
    #[error("the revocation list of {0} is number {1}, and number {2} is known")]
    ListBackwards(AgencyId, u64, u64),
    /// It had a revocation list, and has none any more.
    #[error("{0} has taken its revocation list back")]
    ListGone(AgencyId),
}

impl RootsFault {
    /// Whose record or lists.
    pub const fn agency(&self) -> &AgencyId {
        match self {
            Self::NoRoot(agency)
            | Self::Root(agency, _)
            | Self::List(agency)
            | Self::ListBackwards(agency, ..)
            | Self::ListGone(agency) => agency,
        }
    }
}

/// A root, and what webpki does not look at in one: its times and its path length.
pub(super) struct Root {
    pub(super) anchor: TrustAnchor<'static>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// How many authorities may stand below it; `None` for any number.
    pub(super) path_length: Option<u32>,
}

pub(super) struct List {
    pub(super) parsed: CertRevocationList<'static>,
    /// Who issued it, by name.
    issuer: Vec<u8>,
    number: u64,
    next_update: Timestamp,
    /// Up to when the list counts, grace included.
    pub(super) counts_until: Timestamp,
}

pub(super) struct Trust {
    pub(super) roots: Vec<Root>,
    pub(super) lists: Vec<List>,
    /// Whether nobody is let in where there is no list.
    pub(super) needs_list: bool,
}

/// Whom to believe, by agency.
#[derive(Default)]
pub struct RootsByAgency(BTreeMap<AgencyId, Arc<Trust>>);

impl RootsByAgency {
    /// Reads what the directory says. Agencies with a fault are left out, and named.
    pub fn build(
        agencies: impl IntoIterator<Item = (AgencyId, AgencyTrust)>,
        crl_grace_millis: i64,
    ) -> (Self, Vec<RootsFault>) {
        Self::default().followed_by(agencies, crl_grace_millis)
    }

    /// What follows on these: what the directory says now. An agency whose new record has a fault,
    /// whose list goes back or is gone, keeps what it had, and is named.
    pub fn followed_by(
        &self,
        agencies: impl IntoIterator<Item = (AgencyId, AgencyTrust)>,
        crl_grace_millis: i64,
    ) -> (Self, Vec<RootsFault>) {
        let mut built = BTreeMap::new();
        let mut faults = Vec::new();
        for (agency, given) in agencies {
            let before = self.0.get(&agency);
            let read = read(&agency, &given, crl_grace_millis);
            match read.and_then(|trust| goes_on(&agency, before, trust)) {
                Ok(trust) => {
                    built.insert(agency, Arc::new(trust));
                }
                Err(fault) => {
                    built.extend(before.map(|it| (agency, Arc::clone(it))));
                    faults.push(fault);
                }
            }
        }
        (Self(built), faults)
    }

    /// One agency by roots that somebody chose by hand, without any list: for a caller who has no
    /// directory and knows the one node that it calls.
    ///
    /// # Errors
    /// What is wrong with the roots.
    pub fn by_roots_alone(agency: AgencyId, roots: Vec<Vec<u8>>) -> Result<Self, RootsFault> {
        let trust = read(&agency, &AgencyTrust { roots, crls: Vec::new() }, 0)?;
        let trust = Trust { needs_list: false, ..trust };
        Ok(Self([(agency, Arc::new(trust))].into()))
    }

    /// The agencies with lists, and when the first of them was to be followed by the next.
    pub fn next_updates(&self) -> impl Iterator<Item = (&AgencyId, Timestamp)> {
        self.0.iter().filter_map(|(agency, it)| {
            Some((agency, it.lists.iter().map(|list| list.next_update).min()?))
        })
    }

    /// The agencies of which nobody is let in, since they publish no list.
    pub fn without_list(&self) -> Vec<&AgencyId> {
        let bare = |trust: &Arc<Trust>| trust.needs_list && trust.lists.is_empty();
        self.0.iter().filter(|(_, trust)| bare(trust)).map(|(agency, _)| agency).collect()
    }

    /// The agencies one of whose lists is past its next update, for the alarm.
    pub fn overdue(&self, now: Timestamp) -> Vec<&AgencyId> {
        let late = |trust: &Arc<Trust>| trust.lists.iter().any(|list| list.next_update < now);
        self.0.iter().filter(|(_, trust)| late(trust)).map(|(agency, _)| agency).collect()
    }

    pub(super) fn of(&self, agency: &AgencyId) -> Option<&Trust> {
        self.0.get(agency).map(Arc::as_ref)
    }
}

impl fmt::Debug for RootsByAgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn read(agency: &AgencyId, given: &AgencyTrust, grace: i64) -> Result<Trust, RootsFault> {
    if given.roots.is_empty() {
        return Err(RootsFault::NoRoot(agency.clone()));
    }
    let mut roots = Vec::with_capacity(given.roots.len());
    for (index, der) in given.roots.iter().enumerate() {
        roots.push(read_root(der).ok_or_else(|| RootsFault::Root(agency.clone(), index))?);
    }
    let lists = given.crls.iter().map(|der| read_list(der, grace));
    let lists: Option<Vec<List>> = lists.collect();
    let lists = lists.ok_or_else(|| RootsFault::List(agency.clone()))?;
    Ok(Trust { roots, lists, needs_list: true })
}

/// Lists only go forward, each issuer's by itself. An issuer may have gone with its list; whose
/// lists are all gone has taken them back.
fn goes_on(
    agency: &AgencyId,
    before: Option<&Arc<Trust>>,
    trust: Trust,
) -> Result<Trust, RootsFault> {
    let known = before.map(|it| it.lists.as_slice()).unwrap_or_default();
    if trust.lists.is_empty() && !known.is_empty() {
        return Err(RootsFault::ListGone(agency.clone()));
    }
    for list in &trust.lists {
        let before = known.iter().find(|it| it.issuer == list.issuer).map(|it| it.number);
        if let Some(known) = before.filter(|known| list.number < *known) {
            return Err(RootsFault::ListBackwards(agency.clone(), list.number, known));
        }
    }
    Ok(trust)
}

fn read_root(der: &[u8]) -> Option<Root> {
    let facts = pki::inspect(der).ok()?;
    let certificate = CertificateDer::from(der);
    let anchor = webpki::anchor_from_trusted_cert(&certificate).ok()?.to_owned();
    facts.is_authority.then_some(Root {
        anchor,
        not_before: facts.not_before,
        not_after: facts.not_after,
        path_length: facts.path_length,
    })
}

fn read_list(der: &[u8], grace: i64) -> Option<List> {
    let RevocationList { number, next_update, .. } = RevocationList::parse(der).ok()?;
    let parsed = OwnedCertRevocationList::from_der(der).ok()?.into();
    let issuer = revoke::issuer_of(der)?;
    Some(List { parsed, issuer, number, next_update, counts_until: next_update.plus_millis(grace) })
}
