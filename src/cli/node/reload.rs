//! What a node reads again and takes over while it serves: certificates and the policy about desks
//! at SIGHUP; the directory at SIGHUP from the operator's folder, and from peers whenever they hold
//! something newer.
//!
//! One task does it all, one thing at a time. What can't be read, or is wrong, leaves the present in
//! force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};

use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::node::followed::{Asked, Confirmed, Followed};
use crate::cli::node::own_keys::HeldKey;
use crate::cli::node::run::{own_certificate, read};
use crate::cli::node::{rotation, setting};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, KeySource};
use crate::directory::Directory;
use crate::directory::signed::compare::Lacked;
use crate::directory::signed::{Held, Refusal};
use crate::domain::ids::AgencyId;
use crate::node::command::Command;
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::transport::certificates::CertificateBoard;
use crate::transport::gossip::{Follow, Given};
use crate::transport::peer::Dial;
use crate::transport::tls::own::OwnCertificate;
use crate::transport::tls::roots::RootsByAgency;
use crate::transport::tls::stream::ClientTls;
use crate::transport::tls::{
    AgencyTrust, ClientSettings, Line, Listener, ServerSettings, ServerTls,
};
use crate::transport::{Tasks, Trust};

/// Takes over what is newer.
pub(super) struct Reload {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    pub(super) certificates: Certificates,
    pub(super) followed: Followed,
    pub(super) confirmed: Confirmed,
    pub(super) held: watch::Sender<Arc<Held>>,
    pub(super) writer: Writer,
}

impl Reload {
    /// Until the tasks are told to stop.
    pub(super) async fn when_told(
        mut self,
        mut hangup: Signal,
        mut asked: mpsc::Receiver<Asked>,
        tasks: Tasks,
    ) {
        loop {
            tokio::select! {
                _ = hangup.recv() => self.read_again().await,
                Some(asked) = asked.recv() => match asked {
                    Asked::Judge(given, answer) => {
                        let refused = self.judge(given).await;
                        // The peer may be gone already.
                        drop(answer.send(refused));
                    }
                    Asked::Confirmed => self.confirm(),
                },
                () = tasks.stopping() => return,
            }
        }
    }

    async fn read_again(&mut self) {
        let config = self.would_start_again();
        let own = self.certificates.reload(&self.config);
        let desks = setting::desks(&self.config);
        let desks = desks.map(|it| self.writer.setting().hold_to(it));
        let directory = self.take_over().await;
        let faults: Vec<String> = [config, own, desks, directory]
            .into_iter()
            .filter_map(Result::err)
            .map(|it| sentence(&it))
            .collect();
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        match &fault {
            None => tracing::info!("certificates, desks and the directory were read again"),
            Some(fault) => tracing::error!(error = fault, "what is named stays as it was"),
        }
        self.certificates.shown.read_again(SystemClock.now(), fault);
    }

    /// What the configuration says counts from the next start on; one with which there would be none is told
    /// now.
    fn would_start_again(&self) -> Result<()> {
        tokio::task::block_in_place(|| Config::load(&self.path))?;
        Ok(())
    }

    /// Takes over what the operator's folder has that is newer, and lets the node follow it. What is
    /// refused of the folder stands in the way of nothing else in it.
    async fn take_over(&mut self) -> Result<()> {
        // Reading and verifying takes a while, and the others go on meanwhile.
        let taken = tokio::task::block_in_place(|| self.followed.take_over())?;
        let followed = self.writer.setting().directory().hash();
        if !taken.newer && self.followed.held().hash() == followed {
            self.take_keys(&self.writer.setting().directory())?;
            tracing::info!("the directory was read again; nothing in it is newer");
        } else {
            self.follow().await?;
        }
        taken.whole()
    }

    /// Judges what a peer gave, and lets the node follow what is newer.
    async fn judge(&mut self, given: Given) -> Vec<(Lacked, Refusal)> {
        let before = self.fingerprint();
        let judged = tokio::task::block_in_place(|| self.followed.judge(given));
        let refused = judged.unwrap_or_else(|error| {
            tracing::error!(%error, "what a peer gave of the directory can't be kept");
            Vec::new()
        });
        if self.fingerprint() != before {
            self.confirm();
            if let Err(error) = self.follow().await {
                let fault = sentence(&error);
                tracing::error!(error = fault, "what is named stays as it was");
                self.certificates.shown.read_again(SystemClock.now(), Some(fault));
            }
        }
        refused
    }

    fn fingerprint(&self) -> [crate::domain::digest::Digest; 2] {
        let held = self.followed.held();
        [held.hash(), held.lists_hash()]
    }

    fn confirm(&mut self) {
        let now = SystemClock.now();
        self.writer.setting().confirm_directory(now);
        if let Err(error) = self.confirmed.note(now) {
            tracing::error!(%error, "that a peer confirmed the directory can't be noted");
        }
    }

    /// Brings the keys into force that a directory names for this node.
    fn take_keys(&self, directory: &Directory) -> Result<()> {
        let setting = self.writer.setting();
        tokio::task::block_in_place(|| {
            rotation::destroy_and_tell(&self.config, directory, SystemClock.now());
            rotation::Ready::of(&self.config, setting, directory)?.take(setting)
        })
    }

    /// Lets the node follow what is held, and tells the peers.
    async fn follow(&mut self) -> Result<()> {
        let directory = tokio::task::block_in_place(|| self.followed.directory());
        self.held.send_replace(Arc::new(self.followed.held().clone()));
        // What the newer directory names signs and opens before it is followed.
        self.take_keys(&directory)?;
        let directory = Arc::new(directory);
        let command = Command::AdoptDirectory(Arc::clone(&directory));
        let decided = self.writer.ask(command).await;
        decided.map_err(|it| Failure::new(Exit::Failed, it.reason.as_str()))?;
        tracing::info!(version = directory.version(), "a newer directory is followed");
        let trusted = self.followed.trust(&directory, &self.config.node.agency);
        self.certificates.follow(trusted, &self.followed)
    }
}

/// What the node shows and trusts; it can be read again while the node serves.
#[derive(Clone)]
pub(super) struct Certificates {
    agency: Arc<OwnCertificate>,
    peers: Arc<OwnCertificate>,
    roots: Arc<ArcSwap<RootsByAgency>>,
    crl_grace_millis: i64,
    shown: CertificateBoard,
}

impl Certificates {
    pub(super) fn of(config: &Config, followed: &Followed, directory: &Directory) -> Result<Self> {
        let tls = &config.tls;
        let agency = Arc::new(own_certificate(config, &tls.certificate, &tls.key)?);
        let peers = Arc::new(own_certificate(config, &tls.peer_certificate, &tls.peer_key)?);
        let trusted = followed.trust(directory, &config.node.agency);
        let crl_grace_millis = config.directory.crl_grace_millis();
        let (roots, faults) = RootsByAgency::build(trusted, crl_grace_millis);
        for fault in faults {
            tracing::warn!(fault = followed.with_files(&fault), "an agency is not let in");
        }
        let roots = Arc::new(ArcSwap::from_pointee(roots));
        let own = [(Listener::Agency, Arc::clone(&agency)), (Listener::Peer, Arc::clone(&peers))];
        let shown = CertificateBoard::new(own, Arc::clone(&roots));
        Ok(Self { agency, peers, roots, crl_grace_millis, shown })
    }

    /// Both are read and judged before either changes.
    fn reload(&self, config: &Config) -> Result<()> {
        let tls = &config.tls;
        let renewal = |own: &OwnCertificate, chain: &Path, key: &KeySource| {
            let key = HeldKey::load(config, key)?;
            let read = own.renewal(&read(chain)?, key.lent());
            read.with_context(|| format!("certificate {}", chain.display()))
        };
        let agency = renewal(&self.agency, &tls.certificate, &tls.key)?;
        let peers = renewal(&self.peers, &tls.peer_certificate, &tls.peer_key)?;
        self.agency.renew(agency);
        self.peers.renew(peers);
        Ok(())
    }

    /// Trusts as another directory says. An agency whose new record has a fault keeps the roots and
    /// the list that it had, and is named with its files.
    fn follow(&self, trusted: Vec<(AgencyId, AgencyTrust)>, of: &Followed) -> Result<()> {
        let present = self.roots.load();
        let (roots, faults) = present.followed_by(trusted, self.crl_grace_millis);
        self.roots.store(Arc::new(roots));
        if faults.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = faults.iter().map(|it| of.with_files(it)).collect();
        Err(Failure::new(Exit::Refused, named.join("; ")).into())
    }

    pub(super) fn trust(
        &self,
        config: &Config,
        setting: &Arc<Setting>,
        follow: Arc<dyn Follow>,
    ) -> Trust {
        let listener = |listener, own: &Arc<OwnCertificate>| {
            Arc::new(ServerTls::new(ServerSettings {
                listener,
                agency: config.node.agency.clone(),
                own: Arc::clone(own),
                roots: Arc::clone(&self.roots),
                clock: Arc::new(SystemClock),
            }))
        };
        let dial = DirectoryDial {
            setting: Arc::clone(setting),
            own: Arc::clone(&self.peers),
            roots: Arc::clone(&self.roots),
        };
        Trust {
            agency: listener(Listener::Agency, &self.agency),
            peers: listener(Listener::Peer, &self.peers),
            dial: Arc::new(dial),
            shown: self.shown.clone(),
            follow: Some(follow),
        }
    }
}

/// Finds a peer's address in the directory and insists that a node of that agency answers.
struct DirectoryDial {
    setting: Arc<Setting>,
    own: Arc<OwnCertificate>,
    roots: Arc<ArcSwap<RootsByAgency>>,
}

impl Dial for DirectoryDial {
    fn dial(&self, peer: &AgencyId) -> BoxFuture<'static, Result<Line, String>> {
        let nodes = self.setting.directory().agency(peer).map(|record| record.nodes.clone());
        let tls = ClientTls::new(ClientSettings {
            expected: peer.clone(),
            own: Arc::clone(&self.own),
            roots: Arc::clone(&self.roots),
            clock: Arc::new(SystemClock),
        });
        async move {
            let mut last = "the directory names no node".to_owned();
            for node in nodes.unwrap_or_default() {
                match tls.line(&node.peer_address, &node.server_name).await {
                    Ok(line) => return Ok(line),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        }
        .boxed()
    }
}
