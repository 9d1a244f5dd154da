//! What the node shows and believes, as its operator sees it: how long its certificates last, whose
//! revocation lists are late, and whether what was read last was taken.
//!
//! Written when certificates are read again, read by `node status`, metrics and the trace. A
//! certificate is due from two thirds of its life on.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::clock::{Clock, Timestamp};
use crate::transport::Tasks;
use crate::transport::tls::{Listener, OwnCertificate, RootsByAgency};
use crate::wire::pb;

/// The trace says so often what is due.
const REMINDER_INTERVAL: Duration = Duration::from_secs(3_600);

/// When files were read again, and what was wrong with them.
#[derive(Debug)]
struct Reading {
    at: Timestamp,
    fault: Option<String>,
}

/// Certificates, lists and the last reading of them; clones show the same.
#[derive(Clone)]
pub struct CertificateBoard {
    own: Arc<Vec<(Listener, Arc<OwnCertificate>)>>,
    roots: Arc<ArcSwap<RootsByAgency>>,
    last: Arc<ArcSwapOption<Reading>>,
}

impl CertificateBoard {
    /// Shows these certificates, by listener, and these roots and lists.
    pub fn new(
        own: impl IntoIterator<Item = (Listener, Arc<OwnCertificate>)>,
        roots: Arc<ArcSwap<RootsByAgency>>,
    ) -> Self {
        Self { own: Arc::new(own.into_iter().collect()), roots, last: Arc::default() }
    }

    /// The files were read again; with a fault, what it concerns has stayed as it was.
    pub fn read_again(&self, at: Timestamp, fault: Option<String>) {
        self.last.store(Some(Arc::new(Reading { at, fault })));
    }

    /// True if what was read last had a fault.
    pub fn has_fault(&self) -> bool {
        self.last.load().as_ref().is_some_and(|it| it.fault.is_some())
    }

    /// What the operator is shown.
    pub fn status(&self, now: Timestamp) -> pb::GetNodeStatusResponse {
        let own = self.own.iter().map(|(listener, own)| certificate(*listener, own, now));
        let roots = self.roots.load();
        let mut lists: Vec<pb::RevocationListState> = Vec::new();
        for (agency, next_update) in roots.next_updates() {
            lists.push(pb::RevocationListState {
                agency: agency.to_string(),
                next_update: next_update.to_string(),
                overdue: next_update < now,
            });
        }
        let last = self.last.load();
        pb::GetNodeStatusResponse {
            certificates: own.collect(),
            lists,
            read_at: last.as_ref().map(|it| it.at.to_string()).unwrap_or_default(),
            read_fault: last.as_ref().and_then(|it| it.fault.clone()).unwrap_or_default(),
            directory: None,
            drain: None,
        }
    }

    /// The lines of the metrics: name, labels, value. Times are seconds since 1970.
    pub fn metrics(&self, now: Timestamp) -> Vec<(&'static str, String, u64)> {
        let seconds = |at: Timestamp| u64::try_from(at.millis() / 1000).unwrap_or(0);
        let mut lines = Vec::new();
        for (listener, own) in self.own.iter() {
            let label = format!("{{listener=\"{}\"}}", word(*listener));
            let (life, due) = (own.validity(), u64::from(own.validity().is_due(now)));
            lines.push((
                "rogatory_certificate_end_seconds",
                label.clone(),
                seconds(life.not_after),
            ));
            lines.push(("rogatory_certificate_due", label, due));
        }
        let roots = self.roots.load();
        for (agency, next_update) in roots.next_updates() {
            let label = format!("{{agency=\"{agency}\"}}");
            lines.push(("rogatory_revocation_list_overdue", label, u64::from(next_update < now)));
        }
        lines.push(("rogatory_reading_failed", String::new(), u64::from(self.has_fault())));
        lines
    }

    /// Says in the trace what is due, until the tasks are told to stop.
    pub async fn remind(self, clock: Arc<dyn Clock>, tasks: Tasks) {
        loop {
            let now = clock.now();
            for it in self.status(now).certificates.iter().filter(|it| it.state != FINE) {
                let (listener, end) = (it.listener.as_str(), it.not_after.as_str());
                tracing::warn!(listener, end, state = it.state, "the certificate is to be renewed");
            }
            for agency in self.roots.load().without_list() {
                tracing::warn!(%agency, "nobody is let in of an agency without a revocation list");
            }
            for agency in self.roots.load().overdue(now) {
                tracing::warn!(%agency, "the revocation list is past its next update");
            }
            tokio::select! {
                () = tokio::time::sleep(REMINDER_INTERVAL) => {}
                () = tasks.stopping() => return,
            }
        }
    }
}

const FINE: &str = "fine";

fn word(listener: Listener) -> &'static str {
    match listener {
        Listener::Agency => "agency",
        Listener::Peer => "peers",
    }
}

fn certificate(listener: Listener, own: &OwnCertificate, now: Timestamp) -> pb::NodeCertificate {
    let life = own.validity();
    let state = match (now > life.not_after, life.is_due(now)) {
        (true, _) => "ended",
        (false, true) => "due",
        (false, false) => FINE,
    };
    pb::NodeCertificate {
        listener: word(listener).to_owned(),
        principal: own.principal().to_string(),
        not_before: life.not_before.to_string(),
        not_after: life.not_after.to_string(),
        due_at: life.due_at().to_string(),
        state: state.to_owned(),
    }
}
