//! What clients do: open requests, answer them, read what came in, and insist on their answers.

use rogatory::domain::digest::Digest;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{AgencyId, MessageId, RequestId};
use rogatory::domain::lifecycle::Side;
use rogatory::entropy;
use rogatory::history::requests;
use rogatory::identity::{Principal, Role};
use rogatory::node::command::{Call, Command, InboxAct, Outcome, Submission};
use rogatory::node::sealing::{self, Plan, PrepareError};
use rogatory::node::{Decision, query};
use rogatory::wire;

use crate::support;
use crate::world::{Waiting, World};

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
}

/// What one client wants sent, and whether it was told that it was.
struct Want {
    node: usize,
    request: RequestId,
    text: String,
    expires_in_ms: i64,
    answered: bool,
}

/// All clients.
#[derive(Default)]
pub struct Workload {
    wants: Vec<Want>,
    /// What was acknowledged.
    pub acknowledged: Vec<Acknowledged>,
}

fn principal(agency: &AgencyId) -> Principal {
    Principal::new(agency.clone(), Role::Officer, "clerk").expect("a well-formed name")
}

impl Workload {
    /// One round of what clients do by chance.
    pub fn act(world: &mut World) {
        let node = world.chance.below(world.machines.len() as u64) as usize;
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
        Self::want(world, node, &to, request, "request");
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
        let docket = view.dockets.iter().find(|(agency, _)| *agency == party.agency);
        let kind = view.record.kind;
        let possible = docket.map(|(_, it)| it.possible(side, kind)).unwrap_or_default();
        let Some(act) = world.chance.clone().pick(&possible).copied() else {
            return;
        };
        world.chance.below(2);
        let to = match side {
            Side::Requester => party.agency.clone(),
            Side::Requested => view.record.requester.agency().clone(),
        };
        Self::want(world, node, &to, view.id, act.as_str());
    }

    fn want(world: &mut World, node: usize, to: &AgencyId, request: RequestId, act: &str) {
        let from = support::desk(&world.federation.agencies[node]);
        let to = support::desk(to);
        let level = if world.chance.one_in_thousand(300) { "immediate" } else { "routine" };
        let text = format!(
            r#"{{"from": "{from}", "to": ["{to}"], "kind": "UNTOC.27.1.B.I.PERSON",
                "message_type": "{act}", "request_id": "{request}",
                "urgency": {{"level": "{level}", "reason": "by chance"}},
                "facts": "{MARKER}"}}"#
        );
        let short = world.chance.one_in_thousand(250);
        let expires_in_ms = if short { 20_000 } else { 3_600_000 };
        world.workload.wants.push(Want { node, request, text, expires_in_ms, answered: false });
        Self::submit(world, world.workload.wants.len() - 1);
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
        let now = setting.clock.now();
        let plan = Plan { request, now, expires_in_ms };
        let messages = match sealing::prepare(&setting, &draft, &plan) {
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
        let submission = Submission {
            call,
            draft,
            request,
            expires_in_ms,
            messages,
            forbidden: Vec::new(),
            validate_only: false,
        };
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

    /// A client hears of its call.
    pub fn answered(&mut self, call: usize, decision: &Decision) {
        let Some(want) = self.wants.get_mut(call) else {
            return;
        };
        if want.answered {
            return;
        }
        want.answered = true;
        let Ok(Outcome::Submitted(messages, _)) = decision else {
            return;
        };
        for submitted in messages {
            if let Some(position) = submitted.position {
                self.acknowledged.push(Acknowledged {
                    origin: want.node,
                    message: submitted.message,
                    position,
                });
            }
        }
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
