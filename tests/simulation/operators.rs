//! What operators do: set a message aside, try it again or end it, and have a node take nothing new for
//! a while.

use std::sync::Arc;

use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Reason;
use rogatory::domain::header::MessageKey;
use rogatory::history::message::{self, Custody};
use rogatory::history::{outbox, set_aside};
use rogatory::identity::{Principal, Role};
use rogatory::node::command::{Call, Command, InboxAct, SetAsideAct};
use rogatory::node::setting::Setting;
use rogatory::node::{query, records};

use crate::support;
use crate::world::{Chance, Waiting, World};

/// Of so many worlds one, this one of them, has messages that are set aside and nodes that are drained.
const BUSY: (u64, u64) = (2, 6);
/// In so many of a thousand ticks a node sets a message aside that waits.
const SET_ASIDE: u64 = 15;
/// In so many an operator looks at what was set aside.
const DECIDES: u64 = 100;
/// In so many an operator begins to drain a node, or ends it.
const DRAINS: (u64, u64) = (4, 150);
/// In so many somebody tries what is not for his role.
const TRESPASSES: u64 = 20;

fn call(setting: &Setting, role: Role, chance: &mut Chance) -> Call {
    let key = format!("operator-{}", chance.below(u64::MAX));
    let principal = Principal::new(setting.agency.clone(), role, "duty-2");
    Call {
        principal: principal.expect("a well-formed name"),
        fingerprint: Digest::of(key.as_bytes()),
        key,
    }
}

/// A message that waits at a node and was offered to nobody.
fn waiting(setting: &Setting, agencies: &[rogatory::domain::ids::AgencyId]) -> Option<MessageKey> {
    let store = setting.store.as_ref();
    let owed =
        agencies.iter().flat_map(|peer| outbox::owed(store, peer, None, 8).unwrap_or_default());
    owed.map(|it| it.1).find(|key| {
        let record = message::find(store, *key).ok().flatten();
        record.is_some_and(|it| matches!(it.custody, Custody::Waiting { .. }))
    })
}

impl World {
    /// One round of operators. Once everything heals, nothing stays set aside and nobody drains.
    pub fn operate(&mut self) {
        let is_busy = self.seed % BUSY.1 == BUSY.0;
        if !is_busy && self.is_stormy() {
            return;
        }
        // A chance of its own: what else happens in other worlds does not depend on it.
        let mut chance = Chance::new(self.seed ^ self.now() as u64 ^ 0x0be7_a7e5);
        for node in 0..self.machines.len() {
            let Some(setting) = self.setting(node) else {
                continue;
            };
            if self.is_stormy() && chance.one_in_thousand(SET_ASIDE) {
                let message = waiting(&setting, &self.federation.agencies);
                let reason = Reason::HandlingForbids;
                let command = message.map(|message| Command::SetAside { message, reason });
                command.into_iter().for_each(|it| self.ask(node, it, Waiting::Nobody));
            }
            if chance.one_in_thousand(DECIDES) {
                self.decide(node, &setting, &mut chance);
            }
            self.drain(node, &setting, &mut chance);
            if chance.one_in_thousand(TRESPASSES) {
                self.trespass(node, &setting, &mut chance);
            }
        }
    }

    /// Somebody of the agency tries what another role may do.
    fn trespass(&mut self, node: usize, setting: &Arc<Setting>, chance: &mut Chance) {
        let rows = setting.store.as_ref();
        let listed = query::inbox_page(setting, &support::desk(&setting.agency), 0, 1);
        let Some((_, view)) = listed.unwrap_or_default().pop() else {
            return;
        };
        let message = view.header.key();
        let request = view.record.particulars.map(|it| it.request);
        let aside = set_aside::ROWS.page(rows, None, 1).unwrap_or_default();
        let command = match (chance.below(5), request, aside.first()) {
            (0, Some(request), _) => {
                let call = call(setting, Role::Auditor, chance);
                Command::Hold { call, request, held: true }
            }
            (1, _, Some((message, _))) => {
                let call = call(setting, Role::Officer, chance);
                Command::OfSetAside { call, message: *message, act: SetAsideAct::Return }
            }
            (2, _, _) => Command::Drain { call: call(setting, Role::Officer, chance), on: true },
            (3, _, _) => {
                let (call, act) = (call(setting, Role::Auditor, chance), InboxAct::Read);
                Command::Inbox { call, message, act }
            }
            (_, _, _) => {
                let (call, act) = (call(setting, Role::Operator, chance), InboxAct::Acknowledge);
                Command::Inbox { call, message, act }
            }
        };
        self.ask(node, command, Waiting::Trespassing);
    }

    fn decide(&mut self, node: usize, setting: &Arc<Setting>, chance: &mut Chance) {
        let rows = setting.store.as_ref();
        for (message, it) in set_aside::ROWS.page(rows, None, 8).unwrap_or_default() {
            let may_return = it.in_doubt.is_none() && chance.below(2) == 0;
            let act = if may_return { SetAsideAct::Return } else { SetAsideAct::Release };
            let call = call(setting, Role::Operator, chance);
            self.ask(node, Command::OfSetAside { call, message, act }, Waiting::Nobody);
        }
    }

    fn drain(&mut self, node: usize, setting: &Arc<Setting>, chance: &mut Chance) {
        let drains = records::draining(setting.store.as_ref()).is_ok_and(|it| it.is_some());
        let on = match (drains, self.is_stormy()) {
            (true, false) => false,
            (true, true) if chance.one_in_thousand(DRAINS.1) => false,
            (false, true) if chance.one_in_thousand(DRAINS.0) => true,
            (true, true) | (false, _) => return,
        };
        let call = call(setting, Role::Operator, chance);
        self.ask(node, Command::Drain { call, on }, Waiting::Nobody);
    }
}
