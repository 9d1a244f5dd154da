//! One contact with a peer, a step at a time, made as the node itself makes it: for an operator who
//! asks why there is none.
//!
//! Out comes every step with what was found, up to the first that fails, with its reason and what can
//! be done. Nothing changes on either side: no message is handed over and no text of the directory is
//! given or taken. The peer sees a session that begins and ends.

use std::cmp::Ordering;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use crate::clock::Clock;
use crate::directory::signed::compare::Holding;
use crate::directory::{Directory, Endpoint};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::node::duties::inbound::PROTOCOL_VERSION;
use crate::pki::{self, CertificateFacts};
use crate::transport::limits;
use crate::transport::peer::in_full;
use crate::transport::tls::stream::ConnectError;
use crate::transport::tls::{
    Admission, ClientSettings, ClientTls, Gate, Line, Noted, OwnCertificate, Refusal, RootsByAgency,
};
use crate::wire::gossip::{GOSSIP_BYTES_MAX, Said};
use crate::wire::pb::gossip_service_client::GossipServiceClient;
use crate::wire::pb::relay_service_client::RelayServiceClient;
use crate::wire::relay::{Hello, Incoming, Outgoing, Welcome};

/// Longest wait for a connection, and for each answer.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The node whose contact is tried.
pub struct Probe {
    /// Its agency.
    pub agency: AgencyId,
    /// The directory that it follows.
    pub directory: Arc<Directory>,
    /// Hash of the genesis that it pins.
    pub genesis: Digest,
    /// What it shows to peers.
    pub own: Arc<OwnCertificate>,
    /// Whom it believes.
    pub roots: Arc<ArcSwap<RootsByAgency>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which: `own certificate`, `name`, `connect`, `tls`, `agency`, `protocol`, `checkpoint`,
    /// `directory`, `clock`.
    pub name: &'static str,
    /// What was found, or what is wrong.
    pub outcome: Result<String, Trouble>,
}

/// Why a step failed, and what can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub reason: String,
    /// What to do.
    pub advice: &'static str,
    /// Nobody answered at all.
    pub is_silence: bool,
}

/// The steps of one contact.
pub type Steps = Vec<Step>;

fn trouble(reason: impl Into<String>, advice: &'static str) -> Trouble {
    Trouble { reason: reason.into(), advice, is_silence: false }
}

impl Probe {
    /// What can be said before anybody is dialled: the node's own certificate, and the directory's word
    /// on the peer. With it the peer's nodes, none if a step failed.
    pub fn before(&self, peer: &AgencyId) -> (Steps, Vec<Endpoint>) {
        let own = Step { name: "own certificate", outcome: self.own_certificate() };
        if own.outcome.is_err() {
            return (vec![own], Vec::new());
        }
        let nodes = match self.directory.agency(peer) {
            None => Err(trouble(
                format!(
                    "the directory, version {}, does not know {peer}",
                    self.directory.version()
                ),
                "look at the name; a new agency comes with a newer directory (directory adopt)",
            )),
            Some(record) if record.nodes.is_empty() => Err(trouble(
                format!("the directory names no node of {peer}: it has none, or is suspended"),
                "the authorities' roll says whether it is active (directory show)",
            )),
            Some(_) if !self.directory.are_linked(&self.agency, peer) => Err(trouble(
                format!("the directory names no link between {} and {peer}", self.agency),
                "a link stands where the records of both agencies name it (directory check)",
            )),
            Some(record) => Ok(record.nodes.clone()),
        };
        let said = |it: &Vec<Endpoint>| {
            let nodes = it.iter().map(|node| format!("{} at {}", node.name, node.peer_address));
            nodes.collect::<Vec<_>>().join(", ")
        };
        let outcome = nodes.as_ref().map(said).map_err(Clone::clone);
        (vec![own, Step { name: "name", outcome }], nodes.unwrap_or_default())
    }

    /// Dials one node of a peer; the steps up to the first that fails.
    pub async fn contact(&self, peer: &AgencyId, node: &Endpoint) -> Steps {
        let mut steps = Steps::new();
        if self.dial(peer, node, &mut steps).await.is_none() {
            tracing::debug!(%peer, "a contact that was tried has failed");
        }
        steps
    }

    async fn dial(&self, peer: &AgencyId, node: &Endpoint, steps: &mut Steps) -> Option<()> {
        note(steps, "connect", connect(&node.peer_address).await)?;
        let noted = Noted::default();
        let settings = ClientSettings {
            expected: peer.clone(),
            own: Arc::clone(&self.own),
            roots: Arc::clone(&self.roots),
            clock: Arc::clone(&self.clock),
        };
        let tls = ClientTls::noting(settings, noted.clone());
        let line = tls.line(&node.peer_address, &node.server_name).await;
        let shown = noted.leaf().and_then(|der| pki::inspect(&der).ok());
        let Line { channel, other, .. } = match line {
            Ok(line) => line,
            Err(error) => return note(steps, "tls", Err(of_tls(&error, shown.as_ref()))),
        };
        let facts = shown.as_ref().map(said_of).unwrap_or_default();
        note(steps, "tls", Ok(format!("TLS 1.3, X25519MLKEM768; {facts}")))?;
        let principal = other.principal(self.clock.now());
        let principal = principal.map(|it| it.to_string());
        note(steps, "agency", principal.map_err(|it| trouble(it.to_string(), of_refusal(&it))))?;
        let greeted = self.greet(channel.clone()).await;
        let said = |it: &Welcome| {
            format!("version {}, {} messages may be in flight", it.version, it.window)
        };
        note(steps, "protocol", greeted.as_ref().map(said).map_err(Clone::clone))?;
        note(steps, "checkpoint", Ok(of_checkpoint(&greeted.ok()?)))?;
        let heard = self.hear(channel).await;
        let said = |(theirs, _): &(Holding, i64)| self.compared(theirs);
        note(steps, "directory", heard.as_ref().map(said).map_err(Clone::clone))?;
        let (_, ahead_ms) = heard.ok()?;
        note(steps, "clock", of_clock(ahead_ms))
    }

    /// What the peer follows against what this node follows.
    fn compared(&self, theirs: &Holding) -> String {
        let version = self.directory.version();
        if theirs.hash == self.directory.hash() {
            return format!("both follow version {version}");
        }
        let how = match theirs.version.cmp(&version) {
            Ordering::Less => "it is behind, and is told",
            Ordering::Equal => "they differ, and are compared",
            Ordering::Greater => "this node is behind, and is told",
        };
        format!("it follows version {}, this node {version}: {how}", theirs.version)
    }

    /// Whether this node's own certificate would be let in by who believes the same as this node.
    fn own_certificate(&self) -> Result<String, Trouble> {
        let leaf = self.own.leaf();
        let facts = pki::inspect(&leaf).map(|it| said_of(&it)).unwrap_or_default();
        let gate = Gate::new(Admission::AnyNode, Arc::clone(&self.roots));
        match gate.admit(&self.own.chain(), self.clock.now()) {
            Ok(_) => Ok(facts),
            Err(refusal) => {
                let reason = format!("this node's own: {refusal}; {facts}");
                Err(trouble(reason, of_own(&refusal)))
            }
        }
    }

    /// Says hello, and waits for the welcome.
    async fn greet(&self, channel: Channel) -> Result<Welcome, Trouble> {
        let mut client = RelayServiceClient::new(channel)
            .max_decoding_message_size(limits::FRAME_BYTES_MAX)
            .max_encoding_message_size(limits::FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(1);
        let hello = Outgoing::Hello(Hello {
            versions: vec![PROTOCOL_VERSION],
            network: self.directory.network().clone(),
            directory_version: self.directory.version(),
        });
        let answered = async {
            // The receiver stands right here.
            drop(frames.send(hello.into_pb()).await);
            let answers = client.transfer(ReceiverStream::new(outgoing)).await;
            let answer = answers.map_err(|it| of_status(&it))?.into_inner().message().await;
            let answer = answer.map_err(|it| of_status(&it))?;
            answer.ok_or_else(|| trouble("the peer closed the stream without a word", PEER_TRACE))
        };
        let answer = in_time(answered).await?;
        match Incoming::from_pb(answer) {
            Ok(Incoming::Welcome(welcome)) if welcome.version == PROTOCOL_VERSION => Ok(welcome),
            Ok(Incoming::Welcome(welcome)) => Err(trouble(
                format!("it speaks version {}, this node {PROTOCOL_VERSION}", welcome.version),
                "one of the two programs must be brought up to date",
            )),
            Ok(Incoming::Refused(refused)) => {
                let advice = "both must be of the same network, and speak a common version";
                Err(trouble(format!("the peer refuses the session: {}", refused.reason), advice))
            }
            Ok(
                Incoming::Cosigned(_)
                | Incoming::Answer(_)
                | Incoming::NoticeTaken(_)
                | Incoming::Shown(_),
            )
            | Err(_) => Err(trouble("what it answers to a hello is no welcome", PEER_TRACE)),
        }
    }

    /// Hears what the peer holds of the directory, and how far its clock is ahead, in milliseconds.
    async fn hear(&self, channel: Channel) -> Result<(Holding, i64), Trouble> {
        let mut client =
            GossipServiceClient::new(channel).max_decoding_message_size(GOSSIP_BYTES_MAX);
        let (_open, outgoing) = mpsc::channel(1);
        let answered = async {
            let answers = client.compare(ReceiverStream::new(outgoing)).await;
            let answer = answers.map_err(|it| of_status(&it))?.into_inner().message().await;
            answer.map_err(|it| of_status(&it))
        };
        let frame = in_time(answered).await?.and_then(|it| it.frame);
        let said = frame.and_then(|it| Said::from_pb(it).ok());
        let Some(Said::Holding(theirs, time)) = said else {
            return Err(trouble("it does not say which directory it follows", PEER_TRACE));
        };
        if theirs.genesis != self.genesis {
            let advice = "its node pins another network: compare node.genesis with its operator";
            return Err(trouble("it holds the directory of another network", advice));
        }
        Ok((theirs, time.millis_since(self.clock.now())))
    }
}

/// What to do where only the other side knows more.
const PEER_TRACE: &str = "the peer's operator finds the reason in the trace of its node";

/// Adds a step; nothing where it failed.
fn note(steps: &mut Steps, name: &'static str, outcome: Result<String, Trouble>) -> Option<()> {
    let goes_on = outcome.is_ok();
    steps.push(Step { name, outcome });
    goes_on.then_some(())
}

fn of_checkpoint(welcome: &Welcome) -> String {
    match welcome.witnessed_size {
        0 => "it has seen no checkpoint of this node's journal yet".to_owned(),
        size => format!("the last that it has seen of this node's journal has {size} entries"),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let silent = || Trouble {
        is_silence: true,
        ..trouble(format!("it has not answered within {} s", WAIT_MAX.as_secs()), PEER_TRACE)
    };
    tokio::time::timeout(WAIT_MAX, answer).await.unwrap_or_else(|_| Err(silent()))
}

async fn connect(address: &str) -> Result<String, Trouble> {
    let connecting = tokio::time::timeout(WAIT_MAX, TcpStream::connect(address)).await;
    let connected = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let at = connected.and_then(|tcp| tcp.peer_addr()).map_err(|error| {
        let kind = error.kind();
        let is_far = [io::ErrorKind::TimedOut, io::ErrorKind::HostUnreachable];
        let advice = if kind == io::ErrorKind::ConnectionRefused {
            "nobody listens there: does its node run, and is the address in its record right?"
        } else if is_far.contains(&kind) || kind == io::ErrorKind::NetworkUnreachable {
            "a firewall may stand between: this machine must get out to that address, and in there"
        } else {
            "is the name in its record right, and does this machine's name server know it?"
        };
        Trouble { is_silence: true, ..trouble(format!("{address}: {error}"), advice) }
    })?;
    Ok(if at.to_string() == address { address.to_owned() } else { format!("{address} is {at}") })
}

fn said_of(facts: &CertificateFacts) -> String {
    let who = match &facts.principal {
        Ok(principal) => principal.to_string(),
        Err(fault) => fault.to_string(),
    };
    let (from, until) = (facts.not_before, facts.not_after);
    format!("certificate of {who}, serial {}, from {from} until {until}", facts.serial)
}

/// A handshake that did not come about, with the certificate that was shown, if any was.
fn of_tls(error: &ConnectError, shown: Option<&CertificateFacts>) -> Trouble {
    let shown = shown.map(|it| format!("; {}", said_of(it))).unwrap_or_default();
    match error {
        ConnectError::Refused(refusal) => trouble(format!("{refusal}{shown}"), of_refusal(refusal)),
        ConnectError::Address(_) | ConnectError::Transport(_) => trouble(
            format!("{error}{shown}"),
            "is it a peer listener of this program (TLS 1.3, X25519MLKEM768, HTTP/2) that answers?",
        ),
    }
}

/// What to do where the peer's certificate is not taken.
fn of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OtherAgency | Refusal::Role(_) => {
            "somebody else answers at this address: ask the agency, by another way than this \
             network, whether the address in its record is right"
        }
        Refusal::Expired => "its operator renews it (pki renew), and its node reads it (SIGHUP)",
        Refusal::NotYetValid => "one of the two clocks is wrong, or it is for later",
        Refusal::Revoked => "its agency has taken it back: its operator needs a new certificate",
        Refusal::ListExpired => {
            "its agency must sign a newer revocation list (pki revoke), which the directory carries"
        }
        Refusal::NoList | Refusal::ListSilent | Refusal::ListForged => {
            "its agency must publish the list of the authority that issued this certificate"
        }
        Refusal::UnknownIssuer | Refusal::UnknownAgency | Refusal::Signature => {
            "its record names other roots: it has not published the new ones, or the directory that \
             this node follows is old"
        }
        Refusal::NoCertificate
        | Refusal::ChainTooLong
        | Refusal::Id(_)
        | Refusal::Purpose
        | Refusal::NoProtocol
        | Refusal::NotItsKey
        | Refusal::Chain(_) => "its operator looks at it with pki inspect, and has it issued anew",
    }
}

/// What to do where this node's own certificate would not be taken.
fn of_own(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Expired => "renew it (pki renew), and let the node read it (SIGHUP)",
        Refusal::Revoked => "have a new one issued (pki issue), with a new key",
        Refusal::NoList | Refusal::ListExpired | Refusal::ListSilent | Refusal::ListForged => {
            "sign a newer revocation list of the authority that issued it, and publish it"
        }
        Refusal::UnknownIssuer | Refusal::UnknownAgency | Refusal::Signature => {
            "the agency's record must name the roots that it leads to: propose and sign a newer one"
        }
        Refusal::NoCertificate
        | Refusal::ChainTooLong
        | Refusal::Id(_)
        | Refusal::NotYetValid
        | Refusal::Purpose
        | Refusal::NoProtocol
        | Refusal::NotItsKey
        | Refusal::Chain(_)
        | Refusal::Role(_)
        | Refusal::OtherAgency => "look at it with pki inspect, and have it issued anew",
    }
}

/// A call that the peer did not answer as it should.
fn of_status(status: &Status) -> Trouble {
    let text = in_full(status);
    let advice = if text.contains("alert") {
        "the peer does not take this node's certificate: does the directory that it follows name \
         this agency's present roots and lists?"
    } else {
        "does the directory that the peer follows name this agency, and the link?"
    };
    trouble(format!("the peer does not let this node in: {text}"), advice)
}

fn of_clock(ahead_ms: i64) -> Result<String, Trouble> {
    let side = if ahead_ms < 0 { "behind" } else { "ahead" };
    let (seconds, rest) = (ahead_ms.unsigned_abs() / 1000, ahead_ms.unsigned_abs() % 1000);
    let said = format!("its clock is {seconds}.{rest:03} s {side}");
    if ahead_ms.saturating_abs() <= CLOCK_SKEW_MS_MAX {
        return Ok(said);
    }
    let advice = "one of the two clocks is wrong: compare each with a time server";
    let most = CLOCK_SKEW_MS_MAX / 1000;
    Err(trouble(format!("{said}, more than the {most} s that messages allow for"), advice))
}
