//! The promise: whatever a line between nodes, or between a node and its caller, does to what it
//! carries, nothing is lost, nothing comes twice, the order of a request is kept, both ends say the
//! same, and every receipt verifies.
//!
//! Real nodes speak real TLS through lines that a test breaks and heals: proxies on loopback
//! ([`proxy`]), and, for
//! root, network namespaces of the test's own ([`spaces`]).

mod apart;
mod attached;
mod attached_apart;
mod attached_struck;
mod callers;
mod holding;
mod killed;
mod nodes;
mod proxy;
mod returning;
mod slow;
mod spaces;
mod urgent;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::network::callers::insistently;
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, drafts, until};
use holding::Sent;
use proxy::Proxy;

/// Where nodes listen for peers, at the ports that the directory names; at the addresses that it
/// names the proxies listen.
const BEHIND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// So many characters of a request are more than all else that passes a line in a moment.
const LONG: usize = 12_000;

/// Three nodes in a row, each with a proxy before the listener at which peers call.
struct Links {
    network: Network,
    lines: BTreeMap<&'static str, Proxy>,
    officer: Client,
    service: Client,
    sent: Vec<Sent>,
    calls: usize,
}

impl Links {
    /// Nodes that have reached each other over lines that are good.
    async fn laid() -> Self {
        Box::pin(Self::laid_with(&[])).await
    }

    /// The same with lines of the configuration of nodes written anew.
    async fn laid_with(changes: &[(&str, &str, &str)]) -> Self {
        let mut network = Network::started_with(&[]).await;
        let mut lines = BTreeMap::new();
        for stage in STAGES {
            let at = network.place(stage).listen.peers;
            let behind = SocketAddr::from((BEHIND, at.port()));
            network.configure(stage, &format!("\"{at}\""), &format!("\"{behind}\""));
            for (_, before, after) in changes.iter().filter(|it| it.0 == stage) {
                network.configure(stage, before, after);
            }
            lines.insert(stage, Proxy::between(at, behind).await);
            network.start(stage);
        }
        Self::over(network, lines).await
    }

    /// Nodes that were started, once they have reached each other.
    async fn over(mut network: Network, lines: BTreeMap<&'static str, Proxy>) -> Self {
        for stage in STAGES {
            network.serves(stage).await;
        }
        let officer = network.client(ORIGIN, Role::Officer).await;
        let service = network.client(DESTINATION, Role::Service).await;
        let links = Self { network, lines, officer, service, sent: Vec::new(), calls: 0 };
        for (at, of) in [(ORIGIN, HUB), (HUB, ORIGIN), (HUB, DESTINATION), (DESTINATION, HUB)] {
            links.reaches(at, of).await;
        }
        links
    }

    /// The line to the node of an agency; all its peers dial it there.
    fn line(&self, to: &str) -> &Proxy {
        self.lines.get(to).expect("each node has a line")
    }

    /// Nothing is wrong with any line.
    fn heal(&self) {
        self.lines.values().for_each(Proxy::heal);
    }

    /// How an agency's node stands with a peer.
    async fn peer(&self, at: &str, of: &str) -> pb::Peer {
        Box::pin(peer(&self.network, at, of)).await
    }

    /// Waits until a node's session with a peer stands.
    async fn reaches(&self, at: &str, of: &str) {
        until("a session", async || self.peer(at, of).await.connected.then_some(())).await;
    }

    /// Waits until a node's session with a peer has ended; gives why.
    async fn loses(&self, at: &str, of: &str) -> String {
        until("the session to end", async || {
            let peer = self.peer(at, of).await;
            (!peer.connected).then_some(peer.last_error)
        })
        .await
    }

    /// Waits until a node owes messages in this state to a peer; gives how many.
    async fn queued(&self, at: &str, state: &str) -> usize {
        Box::pin(queued(&self.network, at, state)).await
    }

    fn call(&mut self, file: &Value) -> pb::SendMessageRequest {
        self.calls += 1;
        drafts::sending(&format!("call-{}", self.calls), file)
    }

    /// The origin sends a request of so many characters.
    async fn ask(&mut self, length: usize) -> Sent {
        let call = self.call(&drafts::request(&"A vessel adrift. ".repeat(length / 17 + 1)));
        let sent = Box::pin(send(&self.officer, ORIGIN, call)).await;
        self.sent.push(sent.clone());
        sent
    }

    /// The origin sends many requests at the same time, each with something that follows it.
    async fn ask_many(&mut self, requests: usize) {
        let mut sending = JoinSet::new();
        for _ in 0..requests {
            let call = self.call(&drafts::request("A vessel adrift"));
            let (officer, key) = (self.officer.clone(), format!("next-{}", self.calls));
            sending.spawn(async move {
                let asked = send(&officer, ORIGIN, call).await;
                let file = drafts::act(ORIGIN, "supplement", asked.request(), asked.message());
                let next = send(&officer, ORIGIN, drafts::sending(&key, &file)).await;
                [asked, next]
            });
        }
        while let Some(sent) = sending.join_next().await {
            self.sent.extend(sent.expect("no sender panics"));
        }
    }

    /// A party says something more on a request.
    async fn follow(&mut self, by: &'static str, act: &str, asked: &Sent) -> Sent {
        let call = self.call(&drafts::act(by, act, asked.request(), asked.message()));
        let client = if by == ORIGIN { &self.officer } else { &self.service };
        let sent = Box::pin(send(client, by, call)).await;
        self.sent.push(sent.clone());
        sent
    }

    /// Waits until a message is delivered, by what its origin shows.
    async fn delivered(&self, sent: &Sent) {
        until("the message to be delivered", async || {
            let stations = Box::pin(holding::stations(&self.network, sent)).await?;
            stations.iter().any(|it| it.station == "delivered").then_some(())
        })
        .await;
    }

    /// Waits until all that was sent has arrived, and asserts everything that must hold then.
    async fn hold(&self) {
        Box::pin(holding::hold(&self.network, &self.sent)).await;
    }
}

/// Sends until there is an answer.
async fn send(client: &Client, origin: &'static str, call: pb::SendMessageRequest) -> Sent {
    let mut answer = insistently(|| client.send_message(call.clone())).await;
    let answer = answer.messages.remove(0);
    Sent { origin, call, answer }
}

async fn peer(network: &Network, at: &str, of: &str) -> pb::Peer {
    let operator = network.client(at, Role::Operator).await;
    until("an operator to be told", async || {
        let answer = operator.list_peers(pb::ListPeersRequest {}).await.ok()?;
        answer.peers.into_iter().find(|it| it.agency == of)
    })
    .await
}

/// What a node owes, from the first page; none if it does not answer just now.
async fn queue(network: &Network, at: &str) -> Option<Vec<pb::QueuedItem>> {
    let operator = network.client(at, Role::Operator).await;
    let asked = pb::ListQueueRequest { page_size: 200, ..Default::default() };
    Some(operator.list_queue(asked).await.ok()?.items)
}

async fn queued(network: &Network, at: &str, state: &str) -> usize {
    until("something to be owed", async || {
        let items = queue(network, at).await?;
        let found = items.iter().filter(|it| it.item == "message" && it.state == state).count();
        (found > 0).then_some(found)
    })
    .await
}
