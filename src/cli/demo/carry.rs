//! Carries one message from its sender to its reader and checks every proof on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::cli::demo::line::Line;
use crate::cli::demo::network::Network;
use crate::cli::demo::say::{Teller, bold, dim, green};
use crate::cli::demo::times::time_of_day;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::directory::Directory;
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::evidence::statement;
use crate::identity::Role;
use crate::merkle::receipt::TlogProof;
use crate::wire::envelope::Statement;
use crate::wire::json::JsonError;
use crate::wire::{json, pb};

/// A message must reach its reader within this time.
const CARRY_TIME_MAX: Duration = Duration::from_secs(30);
/// How often the sender asks what became of a message.
const ASK_INTERVAL: Duration = Duration::from_millis(10);
/// How long a poll of the inbox waits for a message, in seconds.
const POLL_SECONDS: u32 = 10;

/// What was counted while the story was told.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Messages that were accepted by their origin.
    pub(super) sent: u64,
    /// Messages whose delivery their destination has proved to their origin.
    pub(super) delivered: u64,
    /// Messages that another one answers.
    pub(super) answered: BTreeSet<String>,
    /// Hashes of all entries whose proof was verified.
    pub(super) receipts: BTreeSet<Digest>,
    /// From the command to the first proof of delivery, in milliseconds.
    pub(super) first_delivery_ms: Option<i64>,
    /// Requests by id: who asked, who was asked.
    pub(super) requests: BTreeMap<String, (AgencyId, AgencyId)>,
}

/// A message that has arrived and was read.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    /// Its id.
    pub(super) message: String,
    /// The id of its request.
    pub(super) request: String,
}

/// The corridor as its users have it: an officer at each agency.
pub(super) struct Corridor<'a> {
    network: &'a Network,
    teller: &'a Teller,
    began: Timestamp,
    officers: BTreeMap<AgencyId, Line>,
    cursors: BTreeMap<ContactPointId, u64>,
    headers: BTreeMap<String, Digest>,
    /// What was counted so far.
    pub(super) tally: Tally,
}

/// A proof that was verified.
struct Shown {
    journal: String,
    index: u64,
    size: u64,
    entry: Digest,
    header: Digest,
}

/// What a statement must say.
struct Expected<'a> {
    fact: &'static str,
    issuer: &'a AgencyId,
    origin: &'a AgencyId,
    message: &'a str,
}

impl<'a> Corridor<'a> {
    /// A corridor through `network`; `began` is when the command was given.
    pub(super) fn new(network: &'a Network, teller: &'a Teller, began: Timestamp) -> Self {
        let (officers, cursors, headers) = Default::default();
        Self { network, teller, began, officers, cursors, headers, tally: Tally::default() }
    }

    /// The officer of an agency.
    async fn officer(&mut self, agency: &AgencyId) -> Result<Line> {
        if let Some(known) = self.officers.get(agency) {
            return Ok(known.clone());
        }
        let line = Line::open(self.network, agency, Role::Officer).await?;
        self.officers.insert(agency.clone(), line.clone());
        Ok(line)
    }

    /// Sends a message file and follows it until somebody at its destination has read it.
    ///
    /// # Errors
    /// A rejection, a proof that does not hold, or a message that does not arrive in time.
    pub(super) async fn carry(&mut self, title: &str, message: &Value) -> Result<Carried> {
        self.teller.doing(title);
        let carrying = timeout(CARRY_TIME_MAX, self.carry_on(title, message)).await;
        let carrying = carrying.unwrap_or_else(|_| Err(anyhow!("it did not arrive in time")));
        let carried = carrying.with_context(|| format!("\u{201c}{title}\u{201d}"))?;
        self.teller.step();
        Ok(carried)
    }

    async fn carry_on(&mut self, title: &str, message: &Value) -> Result<Carried> {
        let draft = read_draft(message)?;
        let origin: ContactPointId = draft.from().parse()?;
        let [to] = draft.to.as_slice() else {
            return Err(anyhow!("a message of the examples has one recipient"));
        };
        let desk: ContactPointId = to.parse()?;
        let (from, to) = (origin.agency().clone(), desk.agency().clone());
        self.announce(title, &draft, &origin, &desk);
        let in_reply_to = draft.in_reply_to.clone();
        let sent = self.officer(&from).await?.send(draft).await?;
        let [sent] = sent.as_slice() else {
            return Err(anyhow!("one message was to be accepted, not {}", sent.len()));
        };
        let carried =
            Carried { message: sent.message_id.clone(), request: sent.request_id.clone() };
        self.tally.sent += 1;
        self.tally.answered.extend(in_reply_to);
        let parties = (from.clone(), to.clone());
        self.tally.requests.entry(carried.request.clone()).or_insert(parties);
        let receipt = sent.receipt.clone();
        self.check(receipt, &expected("submitted", &from, &from, &carried.message))?;
        let mut way = Way { from, to, message: carried.message.clone(), told: 0, start: None };
        self.until(&mut way, "delivered").await?;
        self.tally.delivered += 1;
        self.read(&way, &desk).await?;
        self.until(&mut way, "retrieved").await?;
        Ok(carried)
    }

    fn announce(&self, title: &str, draft: &pb::Draft, from: &ContactPointId, to: &ContactPointId) {
        let number = self.tally.sent + 1;
        let name = |desk: &ContactPointId| {
            let known = self.network.directory.contact_point(desk);
            known.map_or_else(String::new, |it| it.name.clone())
        };
        let urgency = draft.urgency.as_ref().map_or("routine", |it| it.level());
        let outcome = draft.outcome.as_ref().map_or_else(String::new, |it| format!(", {it}"));
        let (act, kind) = (draft.message_type(), draft.kind());
        self.teller.line(format!("\n{}  {}", bold(format!("{number:>2}")), bold(title)));
        self.teller.line(format!("    {act}{outcome}; {kind}; {urgency}"));
        self.teller.line(format!("    from {from} {}", dim(name(from))));
        self.teller.line(format!("    to   {to} {}", dim(name(to))));
    }

    /// Asks the origin until it can show a station, and tells every station on the way.
    async fn until(&mut self, way: &mut Way, wanted: &str) -> Result<()> {
        let officer = self.officer(&way.from).await?;
        loop {
            let message = officer.message(&way.message).await?;
            let stations = message.stations;
            for station in stations.iter().skip(way.told) {
                self.tell_station(way, station)?;
            }
            way.told = stations.len();
            if stations.iter().any(|it| it.station == wanted) {
                return Ok(());
            }
            sleep(ASK_INTERVAL).await;
        }
    }

    fn tell_station(&mut self, way: &mut Way, station: &pb::Station) -> Result<()> {
        let fact = match station.station.as_str() {
            "accepted" => "submitted",
            "relayed" => "taken_over",
            "delivered" => "delivered",
            "retrieved" => "read",
            other => return Err(anyhow!("{} says {other}: {}", station.agency, station.reason)),
        };
        let issuer: AgencyId = station.agency.parse()?;
        let expected = expected(fact, &issuer, &way.from, &way.message);
        let shown = self.check(station.receipt.clone(), &expected)?;
        let at = Timestamp::parse(&station.at).context("the time of a station")?;
        let start = *way.start.get_or_insert(at);
        let after = seconds(at.millis_since(start));
        let when = if at == start { time_of_day(at) } else { format!("+{after:.3} s") };
        let name = green(format!("{:<9}", station.station));
        let proof = format!("{} #{} in a tree of {}", shown.journal, shown.index, shown.size);
        self.teller.line(format!("    {name} {when:>12}  {:<28} {}", station.agency, dim(proof)));
        if fact == "delivered" && self.tally.first_delivery_ms.is_none() {
            let took = SystemClock.now().millis_since(self.began);
            self.tally.first_delivery_ms = Some(took);
            let text = format!("first delivery proved {:.2} s after the command", seconds(took));
            self.teller.line(format!("              {}", bold(text)));
        }
        Ok(())
    }

    /// The destination's officer polls, claims, reads and acknowledges.
    async fn read(&mut self, way: &Way, desk: &ContactPointId) -> Result<()> {
        let sequence = self.poll(way, desk).await?;
        let (from, to) = (way.from.clone(), way.to.clone());
        let (origin, message) = (from.as_str(), way.message.as_str());
        let officer = self.officer(&to).await?;
        let claimed = officer.claim(origin, message).await?;
        let read = officer.read(origin, message).await?;
        let acknowledged = officer.acknowledge(origin, message).await?;
        ensure!(read.content.is_some(), "the content was not shown");
        self.check(claimed.receipt, &expected("claimed", &to, &from, message))?;
        self.check(read.receipt, &expected("read", &to, &from, message))?;
        self.check(read.origin, &expected("submitted", &from, &from, message))?;
        self.check(acknowledged.receipt, &expected("acknowledged", &to, &from, message))?;
        let what = "polled, claimed, read, acknowledged";
        let place = dim(format!("place {sequence} of the inbox of {desk}"));
        self.teller.line(format!("    {} {:>12}  {what}; {place}", green("inbox    "), ""));
        Ok(())
    }

    /// Polls the inbox of a desk until the message stands in it.
    async fn poll(&mut self, way: &Way, desk: &ContactPointId) -> Result<u64> {
        let officer = self.officer(desk.agency()).await?;
        loop {
            let after = self.cursors.get(desk).copied().unwrap_or(0);
            let page = officer.inbox(&desk.to_string(), after, POLL_SECONDS).await?;
            self.cursors.insert(desk.clone(), page.next_after);
            let found = page.items.iter().find(|item| {
                let known = item.message.as_ref();
                known.is_some_and(|it| {
                    it.message_id == way.message && it.origin == way.from.as_str()
                })
            });
            if let Some(item) = found {
                return Ok(item.sequence);
            }
        }
    }

    /// Verifies a statement against the directory, that it says what it must, and that all
    /// statements about a message are about the same bytes.
    fn check(&mut self, given: Option<pb::Statement>, expected: &Expected<'_>) -> Result<Shown> {
        let fact = expected.fact;
        let given = given.with_context(|| format!("no receipt for {fact}"))?;
        let shown = verify(&self.network.directory, given, expected)
            .with_context(|| format!("the receipt for {fact}"))?;
        let first = self.headers.entry(expected.message.to_owned()).or_insert(shown.header);
        ensure!(*first == shown.header, "the receipt for {fact} is about other bytes");
        self.tally.receipts.insert(shown.entry);
        Ok(shown)
    }

    /// The state of every request, once both sides agree on it.
    ///
    /// # Errors
    /// If a node cannot be asked, or the two sides do not come to agree.
    pub(super) async fn states(&mut self) -> Result<BTreeMap<String, String>> {
        let mut states = BTreeMap::new();
        for (request, (requester, executing)) in self.tally.requests.clone() {
            let agreed = self.agreed_state(&request, &requester, &executing);
            let agreed = timeout(CARRY_TIME_MAX, agreed).await;
            let state = agreed.map_err(|_| {
                anyhow!("{requester} and {executing} do not agree on the state of {request}")
            })??;
            states.insert(request, state);
        }
        Ok(states)
    }

    async fn agreed_state(
        &mut self,
        request: &str,
        requester: &AgencyId,
        executing: &AgencyId,
    ) -> Result<String> {
        let asking = self.officer(requester).await?;
        let asked = self.officer(executing).await?;
        loop {
            let state = asking.state(request, executing).await?;
            if asked.state(request, executing).await? == state {
                return Ok(state);
            }
            sleep(ASK_INTERVAL).await;
        }
    }
}

/// A message on its way, as its origin follows it.
struct Way {
    from: AgencyId,
    to: AgencyId,
    message: String,
    told: usize,
    start: Option<Timestamp>,
}

fn expected<'a>(
    fact: &'static str,
    issuer: &'a AgencyId,
    origin: &'a AgencyId,
    message: &'a str,
) -> Expected<'a> {
    Expected { fact, issuer, origin, message }
}

fn verify(directory: &Directory, given: pb::Statement, expected: &Expected<'_>) -> Result<Shown> {
    let given = Statement::from_pb(given)?;
    let (entry, signed) = statement::verify(directory, &given)?;
    let fact = entry.fact.name();
    ensure!(fact == expected.fact, "it says {fact}");
    let issuer = entry.journal.agency();
    ensure!(issuer == expected.issuer, "it is of {issuer}, not of {}", expected.issuer);
    let message = entry.fact.message().context("it names no message")?;
    let same =
        message.origin == *expected.origin && message.message.to_string() == expected.message;
    ensure!(same, "it is about another message");
    let index = TlogProof::parse(&given.proof)?.index;
    let (journal, size) = (entry.journal.to_string(), signed.checkpoint.size);
    let (entry, header) = (Digest::of(&given.entry), message.header);
    Ok(Shown { journal, index, size, entry, header })
}

/// Reads a message file as any client would.
fn read_draft(message: &Value) -> Result<pb::Draft> {
    json::read_file(message.to_string().as_bytes()).map_err(|error| match &error {
        JsonError::Invalid(violations) => {
            let listed = violations.iter().map(|it| format!("{}: {}", it.pointer, it.text));
            anyhow!("{}", listed.collect::<Vec<_>>().join("; "))
        }
        JsonError::TooLarge { .. } | JsonError::TooDeep | JsonError::NotJson { .. } => error.into(),
    })
}

/// Milliseconds as seconds; none below zero.
pub(super) fn seconds(millis: i64) -> f64 {
    let millis = u32::try_from(millis.max(0)).unwrap_or(u32::MAX);
    f64::from(millis) / 1_000.0
}
