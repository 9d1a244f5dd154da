//! What clients do: open requests, answer them item by item, try what is impossible, read what came
//! in, and insist on their answers.

use std::collections::BTreeMap;

use rogatory::domain::acts::Act;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Reason;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{AgencyId, MessageId, RequestId};
use rogatory::domain::lifecycle::Side;
use rogatory::domain::retention::ErasureCause;
use rogatory::domain::station::Station;
use rogatory::domain::violation::Violation;
use rogatory::entropy;
use rogatory::history::requests;
use rogatory::identity::{Principal, Role};
use rogatory::node::Decision;
use rogatory::node::command::{Call, Command, InboxAct, Outcome, Submission};
use rogatory::node::query::{self, MessageView};
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::sealing::{self, Plan, PrepareError};
use rogatory::wire;
use serde_json::{Value, json};

use crate::carriage;
use crate::competences;
use crate::support;
use crate::world::{Chance, Id, Waiting, World};

/// Stands in every content; must stand nowhere in clear.
pub const MARKER: &str = "Xanthippe Marker-Person 4711";

/// A message that was acknowledged to its client.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// The node that took it.
    pub origin: usize,
    /// Its id.
    pub message: MessageId,
    /// Position of the entry.
    pub position: u64,
    /// What was attached.
    pub files: Vec<Vec<u8>>,
}

/// A message that the door refused: nothing of it may stand anywhere.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The node that refused it.
    pub origin: usize,
    /// The id that its client gave it.
    pub message: MessageId,
}

/// What one client wants sent, and whether it was told that it was.
struct Want {
    node: usize,
    request: RequestId,
    message: MessageId,
    act: Act,
    /// True if it names items.
    named: bool,
    text: String,
    expires_in_ms: i64,
    answered: bool,
    files: Vec<Vec<u8>>,
    destinations: usize,
}

/// An act in the making.
struct Deed {
    act: Act,
    kind: &'static str,
    /// What it says besides.
    own: Value,
}

/// Kinds of three profiles; none is a report.
const KINDS: [&str; 3] = ["UNTOC.27.1.B.I.PERSON", "UNTOC.18.3.F.DOCS", "SOM.8.2.VESSEL"];
fn described(files: &[Vec<u8>]) -> Value {
    let each = files.iter().zip(1..).map(|(file, number)| {
        json!({
            "id": format!("A{number}"), "name": format!("annex {number}.pdf"),
            "media_type": "application/pdf", "class": "evidence",
            "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
        })
    });
    Value::Array(each.collect())
}

/// Of so many worlds one, this one of them, has requests to several agencies.
const SEVERAL: (u64, u64) = (2, 4);

/// No request has an item of this name.
const UNKNOWN_ITEM: &str = "I9";

/// All clients.
#[derive(Default)]
pub struct Workload {
    wants: Vec<Want>,
    /// What was acknowledged.
    pub acknowledged: Vec<Acknowledged>,
    /// What was refused.
    pub refused: Vec<Refused>,
    /// What its node said is erased there.
    pub erased: Vec<(usize, Id)>,
    /// Refusals that say too little.
    pub silent: Vec<String>,
    /// What somebody was permitted whose role it is not.
    pub permitted: Vec<String>,
    /// What its node would not send again: it was sent before, as a neighbour has shown.
    pub sent_before: Vec<(usize, MessageId)>,
}

fn principal(agency: &AgencyId) -> Principal {
    Principal::new(agency.clone(), Role::Officer, "clerk").expect("a well-formed name")
}

impl Workload {
    /// One round of what clients do by chance.
    pub fn act(world: &mut World) {
        let node = world.chance.below(world.machines.len() as u64) as usize;
        if world.chance.one_in_thousand(200) {
            Self::erase_or_keep(world, node);
        }
        match world.chance.below(10) {
            0..=2 => Self::open(world, node),
            3..=5 => Self::reply(world, node),
            6..=8 => Self::look(world, node),
            _ => Self::insist(world),
        }
    }

    fn open(world: &mut World, node: usize) {
        let others: Vec<usize> = (0..world.machines.len()).filter(|it| *it != node).collect();
        let Some(to) = world.chance.clone().pick(&others).copied() else {
            return;
        };
        world.chance.below(2);
        let chance = rogatory::entropy::SeededEntropy::new(world.chance.below(u64::MAX));
        let now = rogatory::clock::Clock::now(world.clock.as_ref());
        let request = RequestId::from(entropy::uuid_v7(&chance, now));
        let to = world.federation.agencies[to].clone();
        let items = (1..=world.chance.below(4)).map(|n| json!({"id": format!("I{n}")}));
        let own = json!({"assistance": {"items": items.collect::<Vec<_>>()},
            "handling": {"onward_sharing": "free"}});
        let kind = KINDS[world.chance.below(KINDS.len() as u64) as usize];
        let deed = Deed { act: Act::Request, kind, own };
        let more = Self::more_than(world, node, &to);
        Self::want_of(world, node, (&to, &more), request, deed);
    }

    /// Further agencies to which some requests go besides.
    fn more_than(world: &World, node: usize, to: &AgencyId) -> Vec<AgencyId> {
        // A chance of its own: worlds in which nobody asks several stay what they were.
        let mut chance = Chance::new(world.seed ^ (world.workload.wants.len() as u64) << 8);
        if world.seed % SEVERAL.1 != SEVERAL.0 || chance.below(3) > 0 {
            return Vec::new();
        }
        let own = &world.federation.agencies[node];
        let others = world.federation.agencies.iter().filter(|it| *it != own && *it != to);
        others.take(1 + chance.below(2) as usize).cloned().collect()
    }

    fn reply(world: &mut World, node: usize) {
        let Some(setting) = world.setting(node) else {
            return;
        };
        let found = query::requests_page(&setting, None, 20).unwrap_or_default();
        let Some(view) = world.chance.clone().pick(&found).cloned() else {
            return;
        };
        world.chance.below(2);
        let Some(party) = world.chance.clone().pick(&view.parties).cloned() else {
            return;
        };
        let side = requests::side(&view.record, &setting.agency);
        let Some((_, docket)) = view.dockets.iter().find(|(agency, _)| *agency == party.agency)
        else {
            return;
        };
        let mut acts = docket.possible(side, view.record.kind);
        if world.chance.one_in_thousand(150) {
            // Anything but what opens another request: the door knows what is possible.
            acts = Act::ALL.to_vec();
            acts.retain(|it| !matches!(it, Act::Request | Act::SpontaneousInformation));
        }
        let Some(mut act) = world.chance.clone().pick(&acts).copied() else {
            return;
        };
        if acts.contains(&Act::RedirectNotice) && world.chance.one_in_thousand(800) {
            act = Act::RedirectNotice;
        }
        world.chance.below(2);
        let to = match side {
            Side::Requester => party.agency.clone(),
            Side::Requested => view.record.requester.agency().clone(),
        };
        let mut items: Vec<String> = docket.items().iter().map(ToString::to_string).collect();
        items.retain(|_| world.chance.one_in_thousand(400));
        if world.chance.one_in_thousand(30) {
            items.push(UNKNOWN_ITEM.to_owned());
        }
        let mut own = Self::naming(world, act, items);
        if act == Act::RedirectNotice {
            own["redirect"] = Self::competent(world);
        }
        Self::want(world, node, &to, view.id, Deed { act, kind: view.record.kind.as_str(), own });
    }

    /// Somebody else is competent: another agency, which gets the request now or from its
    /// requester, or a desk of one of the two that have it.
    fn competent(world: &mut World) -> Value {
        let agency = world.chance.below(world.federation.agencies.len() as u64) as usize;
        let desk = support::desk(&world.federation.agencies[agency]);
        let passed_on = !world.chance.one_in_thousand(200);
        json!({"to": desk.to_string(), "reason": "by chance", "passed_on": passed_on})
    }

    /// How an act names its items: by name, or as a result tells them one by one.
    fn naming(world: &mut World, act: Act, items: Vec<String>) -> Value {
        if items.is_empty() {
            return json!({});
        }
        if !matches!(act, Act::Result | Act::PartialResult) || world.chance.below(2) == 0 {
            return json!({"items": items});
        }
        let told = items.into_iter().map(|item| {
            let words = ["delivered", "refused", "pending", "not_available"];
            let status = words[world.chance.below(words.len() as u64) as usize];
            json!({"item": item, "status": status})
        });
        json!({"result": {"items": told.collect::<Vec<_>>()}})
    }

    fn want(world: &mut World, node: usize, to: &AgencyId, request: RequestId, deed: Deed) {
        Self::want_of(world, node, (to, &[]), request, deed);
    }

    fn want_of(
        world: &mut World,
        node: usize,
        (first, more): (&AgencyId, &[AgencyId]),
        request: RequestId,
        deed: Deed,
    ) {
        let from = support::desk(&world.federation.agencies[node]);
        let to: Vec<String> =
            std::iter::once(first).chain(more).map(|it| support::desk(it).to_string()).collect();
        let level = if world.chance.one_in_thousand(300) { "immediate" } else { "routine" };
        let chance = rogatory::entropy::SeededEntropy::new(world.chance.below(u64::MAX));
        let now = rogatory::clock::Clock::now(world.clock.as_ref());
        let message = MessageId::from(entropy::uuid_v7(&chance, now));
        let Deed { act, kind, own } = deed;
        let named = own.get("items").is_some() || own.get("result").is_some();
        let mut file = json!({
            "from": from.to_string(), "to": to, "kind": kind,
            "message_type": act.as_str(), "request_id": request.to_string(),
            "message_id": message.to_string(),
            "urgency": {"level": level, "reason": "by chance"},
            "facts": MARKER,
        });
        if let (Some(fields), Value::Object(own)) = (file.as_object_mut(), own) {
            fields.extend(own);
        }
        // Each of several messages gets an id from the node.
        if let (true, Some(fields)) = (to.len() > 1, file.as_object_mut()) {
            fields.remove("message_id");
        }
        let destinations = to.len();
        let short = world.short_lived();
        let short = world.chance.one_in_thousand(short);
        let expires_in_ms = if short { 20_000 } else { 3_600_000 };
        let files = Self::attached(world, act);
        if !files.is_empty() {
            file["attachments"] = described(&files);
        }
        competences::ask(world, node, &mut file);
        let (text, answered) = (file.to_string(), false);
        let want = Want {
            node,
            request,
            message,
            act,
            named,
            text,
            expires_in_ms,
            answered,
            files,
            destinations,
        };
        world.workload.wants.push(want);
        Self::submit(world, world.workload.wants.len() - 1);
    }

    /// What a client attaches to some requests.
    fn attached(world: &mut World, act: Act) -> Vec<Vec<u8>> {
        if act != Act::Request || !world.chance.one_in_thousand(300) {
            return Vec::new();
        }
        let want = world.workload.wants.len();
        let files = 1 + world.chance.below(3) as usize;
        let sizes: Vec<u64> = (0..files).map(|_| world.chance.below(40_000)).collect();
        let bytes = |it: u64| usize::try_from(it).unwrap_or(0);
        (0..).zip(sizes).map(|(number, it)| carriage::file(want, number, bytes(it))).collect()
    }

    /// Every client that was not answered asks again, with the same key and the same words.
    pub fn insist(world: &mut World) {
        let open: Vec<usize> = world
            .workload
            .wants
            .iter()
            .enumerate()
            .filter(|(_, want)| !want.answered)
            .map(|(index, _)| index)
            .collect();
        for index in open {
            Self::submit(world, index);
        }
    }

    fn submit(world: &mut World, index: usize) {
        let want = &world.workload.wants[index];
        let (node, request, expires_in_ms) = (want.node, want.request, want.expires_in_ms);
        let Some(setting) = world.setting(node) else {
            return;
        };
        let file = wire::json::read_file(want.text.as_bytes()).expect("a well-formed file");
        let draft = wire::draft::read(file).expect("a well-formed draft");
        let draft = competences::led(&setting, draft);
        let now = setting.clock.now();
        let plan = Plan { request, now, expires_in_ms };
        let files = want.files.clone();
        let Some(attached) = world.attach(node, &draft, &files) else {
            return;
        };
        let want = &world.workload.wants[index];
        let messages = match sealing::prepare_with(&setting, &draft, &plan, &attached) {
            Ok(messages) => messages,
            Err(PrepareError::Rejected(_)) => {
                world.workload.wants[index].answered = true;
                return;
            }
            Err(PrepareError::History(_)) => return,
        };
        let call = Call {
            principal: principal(&setting.agency),
            key: format!("call-{index}"),
            fingerprint: Digest::of(want.text.as_bytes()),
        };
        let submission = Submission::of(call, draft, &plan, messages);
        world.ask(node, Command::Submit(Box::new(submission)), Waiting::Client(index));
    }

    fn look(world: &mut World, node: usize) {
        let Some(setting) = world.setting(node) else {
            return;
        };
        let desk = support::desk(&setting.agency);
        let found = query::inbox_page(&setting, &desk, 0, 100).unwrap_or_default();
        let Some((_, view)) = world.chance.clone().pick(&found).cloned() else {
            return;
        };
        let act = match world.chance.below(4) {
            0 => InboxAct::Claim { lease_ms: 5_000 },
            1 => InboxAct::Release,
            2 => InboxAct::Read,
            _ => InboxAct::Acknowledge,
        };
        let address = &view.header.address;
        let message = MessageKey::new(&address.origin, address.message);
        let key = format!("look-{}", world.chance.below(u64::MAX));
        let call = Call {
            principal: principal(&setting.agency),
            fingerprint: Digest::of(key.as_bytes()),
            key,
        };
        world.ask(node, Command::Inbox { call, message, act }, Waiting::Nobody);
    }

    /// A request that the node knows, with the messages in it.
    fn known(world: &mut World, node: usize) -> Option<(RequestId, Vec<MessageView>)> {
        let setting = world.setting(node)?;
        let found = query::requests_page(&setting, None, 20).unwrap_or_default();
        let view = world.chance.clone().pick(&found).cloned()?;
        world.chance.below(2);
        Some((view.id, query::request_messages(&setting, view.id).unwrap_or_default()))
    }

    fn call(world: &mut World, node: usize, what: &str) -> Option<Call> {
        let principal = principal(&world.setting(node)?.agency);
        let key = format!("{what}-{}", world.chance.below(u64::MAX));
        Some(Call { principal, fingerprint: Digest::of(key.as_bytes()), key })
    }

    fn erase_or_keep(world: &mut World, node: usize) {
        match world.chance.below(4) {
            0 | 1 => Self::erase(world, node),
            2 => Self::hold(world, node),
            _ => Self::refuse(world, node),
        }
    }

    /// A request of this node that a wrong authority passed on, with what it says here.
    fn went_on(world: &World, node: usize) -> Option<MessageView> {
        let setting = world.setting(node)?;
        let requests = query::requests_page(&setting, None, 20).unwrap_or_default();
        requests.into_iter().find_map(|it| {
            let messages = query::request_messages(&setting, it.id).unwrap_or_default();
            let bearing = |it: &MessageView| it.record.particulars.clone().map(|it| it.bearing);
            let told = |it: &MessageView| bearing(it).is_some_and(|it| it.passed_on().is_some());
            let own = it.record.requester.agency() == &setting.agency && messages.iter().any(told);
            messages.into_iter().next().filter(|it| own && it.record.erased.is_none())
        })
    }

    /// Somebody erases a message that its agency sent or was sent; what went on elsewhere by an order.
    fn erase(world: &mut World, node: usize) {
        if let Some(view) = Self::went_on(world, node) {
            let address = &view.header.address;
            let id = (address.origin.to_string(), address.message.as_bytes().to_vec());
            let by = Self::call(world, node, "erase").map(|it| it.principal);
            let (message, cause) = (view.header.key(), ErasureCause::AuthorityOrder);
            world.ask(node, Command::Erase { by, message, cause }, Waiting::Erasing(id));
            return;
        }
        let Some((_, messages)) = Self::known(world, node) else {
            return;
        };
        let Some(view) = world.chance.clone().pick(&messages).cloned() else {
            return;
        };
        let causes = [ErasureCause::AuthorityOrder, ErasureCause::OwnDecision];
        let cause = causes[world.chance.below(2) as usize];
        let by = Self::call(world, node, "erase").map(|it| it.principal);
        let address = &view.header.address;
        let id = (address.origin.to_string(), address.message.as_bytes().to_vec());
        let message = view.header.key();
        world.ask(node, Command::Erase { by, message, cause }, Waiting::Erasing(id));
    }

    /// Somebody holds a request or releases it.
    fn hold(world: &mut World, node: usize) {
        let (Some((request, _)), Some(call)) =
            (Self::known(world, node), Self::call(world, node, "hold"))
        else {
            return;
        };
        let held = world.chance.below(3) == 0;
        world.ask(node, Command::Hold { call, request, held }, Waiting::Nobody);
    }

    /// Somebody keeps what the other side asks to be erased, where it does.
    fn refuse(world: &mut World, node: usize) {
        let (Some(setting), Some(call)) = (world.setting(node), Self::call(world, node, "keep"))
        else {
            return;
        };
        let asked = |it: &MessageView| {
            let asks = |it: &query::StationView| it.record.station == Station::ErasureAsked;
            it.stations.iter().any(|it| !it.record.own && asks(it)) && it.record.erased.is_none()
        };
        let requests = query::requests_page(&setting, None, 20).unwrap_or_default().into_iter();
        let found = requests
            .flat_map(|it| query::request_messages(&setting, it.id).unwrap_or_default())
            .find(asked);
        if let Some(message) = found.map(|it| it.header.key()) {
            let reason = Reason::InProceedings;
            let command = Command::RefuseErasure { call, message, reason };
            world.ask(node, command, Waiting::Nobody);
        }
    }

    /// A client hears of its call.
    pub fn answered(&mut self, call: usize, decision: &Decision) {
        let Some(want) = self.wants.get_mut(call) else {
            return;
        };
        // It had asked again before it heard of a refusal, and what was refused then is possible now.
        if let (true, Ok(Outcome::Submitted(_, false))) = (want.answered, decision) {
            let refused = (want.node, want.message);
            self.refused.retain(|it| (it.origin, it.message) != refused);
        }
        if want.answered || is_later(decision) {
            return;
        }
        want.answered = true;
        match decision {
            Ok(Outcome::Submitted(messages, _)) => {
                let told = messages.iter().filter_map(|it| Some((it.message, it.position?)));
                self.acknowledged.extend(told.map(|(message, position)| Acknowledged {
                    origin: want.node,
                    message,
                    position,
                    files: want.files.clone(),
                }));
            }
            Ok(
                Outcome::Answered(_)
                | Outcome::Drafted(_)
                | Outcome::HandedOver(_)
                | Outcome::Shown(_)
                | Outcome::Snapshot(_)
                | Outcome::Wanted(_)
                | Outcome::Witnessed(_)
                | Outcome::Done(_)
                | Outcome::Unchanged,
            ) => self.silent.push(format!("{} came to {decision:?}", want.text)),
            Err(rejection) if rejection.reason == RejectionReason::MessageExists => {
                self.sent_before.push((want.node, want.message));
            }
            Err(rejection) => {
                self.silent.extend(lacking(want, rejection));
                self.refused.push(Refused { origin: want.node, message: want.message });
            }
        }
    }

    /// The requests in which clients wanted messages sent, by message.
    pub fn requests(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let bytes = |it: &Want| (it.message.as_bytes().to_vec(), it.request.as_bytes().to_vec());
        self.wants.iter().map(bytes).collect()
    }

    /// What clients wanted sent: by which node, which message, and what they wrote.
    pub fn texts(&self) -> impl Iterator<Item = (usize, MessageId, &str)> {
        self.wants.iter().map(|it| (it.node, it.message, it.text.as_str()))
    }

    /// To how many agencies the message of a call is addressed.
    pub fn destinations(&self, call: usize) -> usize {
        self.wants.get(call).map_or(1, |want| want.destinations)
    }

    /// True if the message of a call names items.
    pub fn names_items(&self, call: usize) -> bool {
        self.wants.get(call).is_some_and(|want| want.named)
    }

    /// True once no client waits.
    pub fn all_answered(&self) -> bool {
        self.wants.iter().all(|want| want.answered)
    }

    /// What clients still wait for.
    pub fn waiting(&self) -> Vec<&str> {
        self.wants.iter().filter(|want| !want.answered).map(|want| want.text.as_str()).collect()
    }
}

/// Whether the node takes nothing now, and its client asks again.
fn is_later(decision: &Decision) -> bool {
    let later = [
        RejectionReason::JournalBehind,
        RejectionReason::JournalUnconfirmed,
        RejectionReason::Draining,
    ];
    decision.as_ref().is_err_and(|it| later.contains(&it.reason))
}

/// What is wrong with a refusal; none if it says all that it must.
fn lacking(want: &Want, rejection: &Rejection) -> Option<String> {
    let possible = rejection.metadata.iter().find(|(name, _)| *name == "possible_acts");
    let reason = rejection.reason;
    let complaint = if reason == RejectionReason::StateForbids {
        let acts = possible.map(|(_, acts)| acts.split(", ").map(str::parse::<Act>));
        let acts: Option<Vec<Act>> = acts.and_then(|it| it.collect::<Result<_, _>>().ok());
        match acts {
            // Another act goes as well: that it is not passed on with it is what is possible.
            None if rejection.text.contains("say passed_on: false") => return None,
            None => "names no acts",
            // An act on items may be possible for others of them.
            Some(acts) if !want.named && acts.contains(&want.act) => "names what it refuses",
            Some(_) => return None,
        }
    } else if reason == RejectionReason::ContentInvalid {
        let unknown =
            |it: &Violation| it.code == "ITEM_UNKNOWN" && it.pointer.starts_with("/items/");
        // A desk has moved, or an agency takes no part now.
        if rejection.violations.iter().any(|it| it.code == "UNKNOWN_CONTACT_POINT") {
            return None;
        }
        let known = rejection.violations.len() == 1 && rejection.violations.iter().all(unknown);
        if known && want.text.contains(UNKNOWN_ITEM) {
            return None;
        }
        "finds a fault in a sound message"
    } else if matches!(reason, RejectionReason::NotFound | RejectionReason::LimitExceeded) {
        // A crash took the request away, or too many acts are out that nobody has answered.
        return None;
    } else if matches!(reason, RejectionReason::NotYourContactPoint | RejectionReason::NoRoute) {
        // The directory has no such desk now, or no way.
        return None;
    } else {
        "has another reason"
    };
    Some(format!("{rejection}, to {}: {complaint}", want.text))
}
