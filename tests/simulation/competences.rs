//! Clients that know who must answer by a function, and not at which desk.
//!
//! They have chance of their own, so that worlds in which nobody asks so stay what they were.

use std::collections::BTreeMap;

use rogatory::directory::Wanted;
use rogatory::domain::draft::Draft;
use rogatory::node::setting::Setting;
use serde_json::{Value, json};

use crate::support::Federation;
use crate::world::{Chance, Id, World};

/// Of so many worlds one, this one of them, has one desk alone that is competent by this function.
const ASKED: (u64, u64) = (10, 12);
const FUNCTION: &str = "interpol_ncb";
/// A kind that such a desk may receive.
const KIND: &str = "UNTOC.27.1.B.I.PERSON";

/// The node whose desk is that one.
pub fn competent(seed: u64, nodes: usize) -> Option<usize> {
    let place = usize::try_from(seed / ASKED.1).unwrap_or(0) % nodes;
    (seed % ASKED.1 == ASKED.0).then_some(place)
}

/// Names the desk in the directory.
pub fn name(seed: u64, federation: &mut Federation) {
    if let Some(node) = competent(seed, federation.agencies.len()) {
        federation.name_competent(node, FUNCTION);
    }
}

/// Lets some requests to one agency name the competence in the place of a desk.
pub fn ask(world: &World, node: usize, file: &mut Value) {
    let mut chance = Chance::new(world.seed ^ (world.now() as u64) << 3 ^ 0xc0_4be7);
    let is_other = competent(world.seed, world.machines.len()).is_some_and(|it| it != node);
    let fits = file["kind"] == KIND
        && file["message_type"] == "request"
        && file["to"].as_array().is_some_and(|it| it.len() == 1);
    if !is_other || !fits || chance.below(3) == 0 {
        return;
    }
    if let Some(fields) = file.as_object_mut() {
        fields.remove("to");
        fields.insert("competence".to_owned(), json!({"country": "int", "function": FUNCTION}));
    }
}

/// The draft with the desk to which the competence leads that it names, as the door sends it.
pub fn led(setting: &Setting, draft: Draft) -> Draft {
    let Some(asked) = draft.competence.filter(|_| draft.to.is_empty()) else {
        return draft;
    };
    let (directory, wanted) = (setting.directory(), Wanted::by(&asked, draft.kind));
    let found = directory.addressee(&setting.agency, &wanted, setting.clock.now());
    let desk = found.expect("one desk alone is competent").id.clone();
    Draft { to: vec![desk], ..draft }
}

/// What clients asked for by a competence, by message.
pub fn asked(world: &World) -> BTreeMap<Id, (String, String)> {
    let texts = world.workload.texts().filter_map(|(node, message, text)| {
        let file: Value = serde_json::from_str(text).ok()?;
        let asked = file.get("competence")?;
        let word = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let origin = world.federation.agencies[node].to_string();
        Some(((origin, message.as_bytes().to_vec()), (word("country"), word("function"))))
    });
    texts.collect()
}
