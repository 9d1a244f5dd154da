//! Three nodes on real sockets, in a row: the one in the middle passes on what it cannot read.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::future::BoxFuture;
use rogatory::clock::{Clock, SystemClock, Timestamp};
use rogatory::directory::Directory;
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::ids::AgencyId;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::store::MemoryStore;
use rogatory::node::Node;
use rogatory::node::setting::{BackupTo, Policy};
use rogatory::node::writer::Writer;
use rogatory::pki::{Authority, Issued, LeafRequest, RevocationList, Validity, inspect};
use rogatory::transport::alarm::{AlarmBoard, AlarmHook, AlarmWays};
use rogatory::transport::certificates::CertificateBoard;
use rogatory::transport::client::{Client, ClientError, ClientSettings};
use rogatory::transport::gossip::Follow;
use rogatory::transport::listener::{self, ListenerLimits};
use rogatory::transport::peer::Dial;
use rogatory::transport::tls::{
    self, AgencyTrust, ClientTls, Line, Listener, OwnCertificate, RootsByAgency, ServerSettings,
    ServerTls,
};
use rogatory::transport::{Listeners, Tasks, Trust, serve};
use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_server::{RelayService, RelayServiceServer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::transport::Channel;

use crate::support::Federation;

const HOUR_MS: i64 = 3_600_000;

/// Roots of all agencies, as every node of the town sees them.
pub(crate) type Roots = Arc<ArcSwap<RootsByAgency>>;

/// Nodes 0, 1 and 2 in a row.
pub(crate) struct Town {
    pub(crate) agencies: Vec<AgencyId>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) addresses: Vec<String>,
    operations: Vec<String>,
    pub(crate) writers: Vec<Writer>,
    pub(crate) roots: Roots,
    authorities: Vec<Authority>,
    /// The certificate that each node shows.
    pub(crate) nodes: Vec<Issued>,
    /// What each node compares with its peers as the directory, if anything.
    follow: Option<Arc<dyn Follow>>,
    clock: Arc<dyn Clock>,
    /// What rings; nothing does if it is empty.
    command: Vec<String>,
    tasks: Vec<Tasks>,
    serving: Tasks,
}

/// A whole second, an hour ago: certificates begin here.
fn past() -> Timestamp {
    let now = SystemClock.now().millis();
    Timestamp::from_millis(now - now.rem_euclid(1000) - HOUR_MS)
}

async fn bound() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Where something has listened before; its last connections may still be closing.
async fn bound_again(address: &str) -> TcpListener {
    for _ in 0..3_000 {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{address} does not become free within a minute");
}

impl Town {
    /// Builds the town and lets it run.
    pub(crate) async fn built() -> Self {
        Self::built_with(|_| ()).await
    }

    /// The same, where the nodes' policy is changed.
    pub(crate) async fn built_with(change: impl Fn(&mut Policy)) -> Self {
        Self::built_by(Arc::new(SystemClock), change).await
    }

    /// The same, by a clock that all nodes share.
    pub(crate) async fn built_by(clock: Arc<dyn Clock>, change: impl Fn(&mut Policy)) -> Self {
        Self::built_on(clock, change, |_| (), (Vec::new(), None)).await
    }

    /// By a clock that all nodes share, where each compares this as its directory and is backed up.
    pub(crate) async fn built_whole(clock: Arc<dyn Clock>, follow: Arc<dyn Follow>) -> Self {
        Self::built_on(clock, |_| (), |_| (), (Vec::new(), Some(follow))).await
    }

    /// The same, where something else stands in the directory.
    pub(crate) async fn built_where(named: impl FnOnce(&mut DirectoryDraft)) -> Self {
        Self::built_on(Arc::new(SystemClock), |_| (), named, (Vec::new(), None)).await
    }

    /// The same, where the nodes' policy is changed too, and all of them ring by a command.
    pub(crate) async fn built_ringing(
        named: impl FnOnce(&mut DirectoryDraft),
        change: impl Fn(&mut Policy),
        command: Vec<String>,
    ) -> Self {
        Self::built_on(Arc::new(SystemClock), change, named, (command, None)).await
    }

    async fn built_on(
        clock: Arc<dyn Clock>,
        change: impl Fn(&mut Policy),
        named: impl FnOnce(&mut DirectoryDraft),
        (command, follow): (Vec<String>, Option<Arc<dyn Follow>>),
    ) -> Self {
        let federation = Federation::grow(7, 3, &[(0, 1), (1, 2)], &[]);
        let agencies = federation.agencies.clone();
        let authority = |id| Authority::create(id, Validity::days(past(), 30), &SystemEntropy);
        let authorities: Vec<_> = agencies.iter().map(|id| authority(id).unwrap()).collect();
        let mut draft = federation.directory.draft();
        let mut peers = Vec::new();
        for (record, authority) in draft.agencies.iter_mut().zip(&authorities) {
            let listener = bound().await;
            record.roots = vec![authority.certificate_der().to_vec()];
            record.nodes[0].peer_address = listener.local_addr().unwrap().to_string();
            peers.push(listener);
        }
        named(&mut draft);
        let directory = Arc::new(Directory::parse(&to_toml(&draft)).unwrap());
        let nobody = RevocationList::first(past(), past().plus_millis(29 * 24 * HOUR_MS));
        let trust = |authority| trust_with(authority, &nobody);
        let trusted = agencies.iter().cloned().zip(authorities.iter().map(trust));
        let (built, faults) = RootsByAgency::build(trusted, HOUR_MS);
        assert_eq!(faults, []);
        let mut town = Self {
            agencies,
            directory,
            addresses: Vec::new(),
            operations: Vec::new(),
            writers: Vec::new(),
            roots: Arc::new(ArcSwap::from_pointee(built)),
            authorities,
            nodes: Vec::new(),
            follow,
            clock,
            command,
            tasks: Vec::new(),
            serving: Tasks::new(),
        };
        let of_node = |n| town.leaf(n, Role::Node, "one");
        town.nodes = (0..town.agencies.len()).map(of_node).collect();
        for (n, listener) in peers.into_iter().enumerate() {
            town.start(&federation, n, (listener, &change)).await;
        }
        town
    }

    async fn start(
        &mut self,
        federation: &Federation,
        n: usize,
        (peers, change): (TcpListener, &impl Fn(&mut Policy)),
    ) {
        let store = Arc::new(MemoryStore::new());
        let (clock, chance) = (Arc::clone(&self.clock), Arc::new(SystemEntropy));
        let mut setting = federation.setting(n, store, clock, chance).unwrap();
        setting.directory = Arc::clone(&self.directory).into();
        setting.policy =
            Policy { retry_max_ms: 500, checkpoint_interval_ms: 200, ..setting.policy };
        change(&mut setting.policy);
        // Sealed to the node's own key, which is one of the same kind.
        let own = &self.directory.agency(&self.agencies[n]).unwrap().sealing[0];
        let keep_ms = 24 * HOUR_MS;
        setting.backup =
            self.follow.is_some().then(|| BackupTo { public: own.public.clone(), keep_ms });
        let node = Node::open(Arc::new(setting)).unwrap();
        let (writer, _thread) = Writer::start(node).unwrap();
        let agency = bound().await;
        self.addresses.push(agency.local_addr().unwrap().to_string());
        let operations = bound().await;
        self.operations.push(operations.local_addr().unwrap().to_string());
        let tasks = self.serve(n, Listeners { agency, peers, operations }, writer.clone());
        self.tasks.push(tasks);
        self.writers.push(writer);
    }

    fn serve(&self, n: usize, listeners: Listeners, writer: Writer) -> Tasks {
        let (trust, tasks) = (self.trust(n), Tasks::new());
        let bounds = ListenerLimits::default();
        let hook = ringing(self.command.clone());
        let served = serve(listeners, writer, trust, bounds, hook, tasks.clone());
        self.serving.spawn(served.map(|ended| ended.unwrap()));
        tasks
    }

    /// Lets the node of agency `n`, which was stopped, serve its peers again where they look for it.
    pub(crate) async fn serve_again(&mut self, n: usize) {
        self.tasks[n].ended().await;
        let record = self.directory.agency(&self.agencies[n]).unwrap();
        let peers = bound_again(&record.nodes[0].peer_address).await;
        let (agency, operations) = (bound().await, bound().await);
        self.addresses[n] = agency.local_addr().unwrap().to_string();
        self.operations[n] = operations.local_addr().unwrap().to_string();
        let writer = self.writers[n].clone();
        self.tasks[n] = self.serve(n, Listeners { agency, peers, operations }, writer);
    }

    /// Stops the node of agency `n`; it opens what it has stored anew, and serves where it did.
    pub(crate) async fn restarted(&mut self, n: usize) {
        self.stop(n);
        self.tasks[n].ended().await;
        let before = self.writers.remove(n);
        let setting = Arc::clone(before.setting());
        drop(before);
        let (writer, _thread) = Writer::start(Node::open(setting).unwrap()).unwrap();
        self.writers.insert(n, writer);
        self.serve_again(n).await;
    }

    /// Lets something else answer peers in the place of the node of agency `n`.
    pub(crate) async fn peers_answered_by<S: RelayService>(
        &self,
        n: usize,
        service: RelayServiceServer<S>,
    ) {
        self.stop(n);
        self.tasks[n].ended().await;
        let record = self.directory.agency(&self.agencies[n]).unwrap();
        let peers = bound_again(&record.nodes[0].peer_address).await;
        let (tls, tasks) = (self.trust(n).peers, Tasks::new());
        let accepted = listener::accept(peers, tls, ListenerLimits::default(), &tasks);
        let server = tonic::transport::Server::builder().add_service(service);
        let accepting = tasks.clone();
        tasks.spawn(async move {
            let served = server.serve_with_incoming(accepted).await;
            drop(accepting);
            served.unwrap();
        });
    }

    fn trust(&self, n: usize) -> Trust {
        let own = own(&self.nodes[n]);
        let listener = |listener| {
            Arc::new(ServerTls::new(ServerSettings {
                listener,
                agency: self.agencies[n].clone(),
                own: Arc::clone(&own),
                roots: Arc::clone(&self.roots),
                clock: Arc::new(SystemClock),
            }))
        };
        let (directory, roots) = (Arc::clone(&self.directory), Arc::clone(&self.roots));
        let dial = Arc::new(Dialling { directory, own: Arc::clone(&own), roots });
        let shown =
            CertificateBoard::new([(Listener::Agency, Arc::clone(&own))], Arc::clone(&self.roots));
        Trust {
            agency: listener(Listener::Agency),
            peers: listener(Listener::Peer),
            dial,
            shown,
            follow: self.follow.clone(),
        }
    }

    /// Where the node of agency `n` shows its health.
    pub(crate) fn operations(&self, n: usize) -> &str {
        &self.operations[n]
    }

    /// Tells the node of agency `n` to stop.
    pub(crate) fn stop(&self, n: usize) {
        self.tasks[n].stop();
    }

    /// A certificate of agency `n`.
    pub(crate) fn leaf(&self, n: usize, role: Role, name: &str) -> Issued {
        // Long enough for tests whose clock goes on by days.
        self.leaf_within(n, (role, name), Validity::days(past(), 29))
    }

    /// The same, with a life of its own.
    pub(crate) fn leaf_within(
        &self,
        n: usize,
        (role, name): (Role, &str),
        validity: Validity,
    ) -> Issued {
        let is_node = role == Role::Node;
        let request = LeafRequest {
            principal: Principal::new(self.agencies[n].clone(), role, name).unwrap(),
            validity,
            dns_names: is_node.then(|| "localhost".to_owned()).into_iter().collect(),
            ip_addresses: Vec::new(),
        };
        self.authorities[n].issue(&request, &SystemEntropy).unwrap()
    }

    /// The root certificate of agency `n`.
    pub(crate) fn root_pem(&self, n: usize) -> String {
        self.authorities[n].certificate_pem()
    }

    /// The TLS side of a caller who expects the node of agency `n`.
    pub(crate) fn caller_tls(&self, n: usize, issued: &Issued) -> tls::ClientSettings {
        tls::ClientSettings {
            expected: self.agencies[n].clone(),
            own: own(issued),
            roots: Arc::clone(&self.roots),
            clock: Arc::new(SystemClock),
        }
    }

    /// A caller of agency `n` at its own node.
    pub(crate) async fn client(&self, n: usize, role: Role) -> Client {
        self.client_as(n, n, role).await.unwrap()
    }

    /// A caller of agency `of` at the node of agency `n`.
    pub(crate) async fn client_as(
        &self,
        n: usize,
        of: usize,
        role: Role,
    ) -> Result<Client, ClientError> {
        self.client_with(n, &self.leaf(of, role, "one")).await
    }

    /// A caller with this certificate at the node of agency `n`.
    pub(crate) async fn client_with(
        &self,
        n: usize,
        issued: &Issued,
    ) -> Result<Client, ClientError> {
        let tls = ClientTls::new(self.caller_tls(n, issued));
        let settings = ClientSettings {
            server_name: Some("localhost".to_owned()),
            ..ClientSettings::new(self.addresses[n].clone(), tls)
        };
        Client::connect(settings).await
    }

    /// A channel with this certificate to the node of agency `n`.
    pub(crate) async fn channel(&self, n: usize, issued: &Issued) -> Channel {
        let tls = ClientTls::new(self.caller_tls(n, issued));
        tls.channel(&self.addresses[n], "localhost").await.unwrap()
    }

    /// Agency `n` revokes a certificate, and every node hears of it.
    pub(crate) fn revoke(&self, n: usize, issued: &Issued) {
        self.revoke_all(n, &[issued]);
    }

    /// The same with several at once.
    pub(crate) fn revoke_all(&self, n: usize, issued: &[&Issued]) {
        let next = past().plus_millis(24 * HOUR_MS);
        let nobody = RevocationList::first(past(), next);
        let mut list = nobody.next(past(), next).unwrap();
        for it in issued {
            let serial = inspect(it.certificate_der()).unwrap().serial;
            list.revoke(&hex::decode(serial.replace(':', "")).unwrap(), past());
        }
        let trust = |(at, authority): (usize, &Authority)| {
            trust_with(authority, if at == n { &list } else { &nobody })
        };
        let trusted = self.authorities.iter().enumerate().map(trust);
        let (built, faults) =
            RootsByAgency::build(self.agencies.iter().cloned().zip(trusted), HOUR_MS);
        assert_eq!(faults, []);
        self.roots.store(Arc::new(built));
    }

    /// Tells every node to stop; waits until all have.
    pub(crate) async fn stopped(self) {
        self.tasks.iter().for_each(Tasks::stop);
        self.serving.ended().await;
    }
}

fn trust_with(authority: &Authority, list: &RevocationList) -> AgencyTrust {
    AgencyTrust {
        roots: vec![authority.certificate_der().to_vec()],
        crls: vec![authority.sign_revocations(list).unwrap()],
    }
}

fn own(issued: &Issued) -> Arc<OwnCertificate> {
    let chain = [issued.certificate_der().to_vec()];
    Arc::new(OwnCertificate::from_der(&chain, issued.key_der()).unwrap())
}

struct Dialling {
    directory: Arc<Directory>,
    own: Arc<OwnCertificate>,
    roots: Roots,
}

impl Dial for Dialling {
    fn dial(&self, peer: &AgencyId) -> BoxFuture<'static, Result<Line, String>> {
        let node = self.directory.agency(peer).unwrap().nodes[0].clone();
        let tls = ClientTls::new(tls::ClientSettings {
            expected: peer.clone(),
            own: Arc::clone(&self.own),
            roots: Arc::clone(&self.roots),
            clock: Arc::new(SystemClock),
        });
        async move {
            let channel = tls.line(&node.peer_address, &node.server_name).await;
            channel.map_err(|error| error.to_string())
        }
        .boxed()
    }
}

/// Takes out of a request what lies in attachments: nothing of it is handed in.
pub(crate) fn without_attachments(file: &mut Value) {
    file.as_object_mut().unwrap().remove("attachments");
    file["languages"] = json!({"request": "en"});
    for offence in file["offences"].as_array_mut().unwrap() {
        offence.as_object_mut().unwrap().remove("text_attachment");
    }
}

/// A request from agency 0 to agency 2.
pub(crate) fn draft(facts: &str) -> pb::Draft {
    read_file(file(facts).to_string().as_bytes()).unwrap()
}

/// The same as a message file: the worked example of a vessel, between agencies of the town.
pub(crate) fn file(facts: &str) -> Value {
    let example = include_str!("../../../config/demo/ex2-vessel-boarding-som-8-2.json");
    let mut file: Value = serde_json::from_str(example).unwrap();
    let own = ["message_id", "request_id", "issued_at", "respond_by", "attachments"];
    file.as_object_mut().unwrap().retain(|name, _| !own.contains(&name.as_str()));
    file["languages"] = json!({"request": "en"});
    file["handling"]["confidentiality_requested"] = json!(false);
    file["handling"]["review_by"] = Value::Null;
    file["from"] = json!("int.n0/desk");
    file["to"] = json!(["int.n2/desk"]);
    file["facts"] = json!(facts);
    file
}

/// A call that sends it.
pub(crate) fn sending(key: &str, draft: pb::Draft) -> pb::SendMessageRequest {
    pb::SendMessageRequest {
        idempotency_key: key.to_owned(),
        draft: Some(draft),
        ..pb::SendMessageRequest::default()
    }
}

/// The reason of a no.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    result.unwrap_err().reason().to_owned()
}

/// A hook that rings by a command, or nobody if that is empty.
fn ringing(command: Vec<String>) -> AlarmHook {
    let ways =
        AlarmWays { command, webhook: None, webhook_key: None, timeout: Duration::from_secs(1) };
    AlarmHook::new(ways, Arc::new(SystemClock), AlarmBoard::default())
}
