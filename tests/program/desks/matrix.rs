//! Every power of a policy by every verb, in both languages, through the door of a running node: who has
//! it alone, all but it, it at another desk, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rogatory::identity::desks::{Keeping, Right};
use rogatory::identity::{Role, Verb, permitted};
use serde_json::{Value, json};

use crate::desks::cells::{self, Call, Cell, Known, Power};
use crate::desks::posts::{Came, Post, read_again, restarted_with};
use crate::network::drafts::{self, ORIGIN_DESK};
use crate::network::{DESTINATION, Network, ORIGIN, until};

/// It reviews what passes.
const REVIEWER: &str = "ita.central-authority";
const REVIEWER_DESK: &str = "ita.central-authority/mla";

/// Somebody who calls, and what the policy gives.
struct Caller {
    role: Role,
    name: String,
    /// What it may do where `is_here`, or else at another desk of the agency.
    held: BTreeSet<Power>,
    is_here: bool,
}

impl Caller {
    fn new((role, name): (Role, &str), held: BTreeSet<Power>, is_here: bool) -> Self {
        let name = if is_here { name.to_owned() } else { format!("{name}-elsewhere") };
        Self { role, name, held, is_here }
    }

    /// What it may do with what stands at the desk.
    fn here(&self) -> BTreeSet<Power> {
        let all = self.held.iter().copied();
        all.filter(|it| self.is_here || matches!(it, Power::Of(_))).collect()
    }
}

/// Whoever has one power, as far as a policy gives it alone; all but one; and none.
fn callers() -> Vec<Caller> {
    let mut found = vec![Caller::new((Role::Officer, "nobody"), BTreeSet::new(), true)];
    for power in Power::all() {
        let reads = power.takes_reading() || matches!(power, Power::Of(_));
        let mut alone = BTreeSet::from([power]);
        alone.extend(reads.then_some(Power::At(Right::Read)));
        let blind = power == Power::At(Right::Read);
        let others = Power::all().filter(|it| *it != power && !(blind && it.takes_reading()));
        let name = power.word();
        for is_here in [true, false] {
            found.push(Caller::new((Role::Officer, name), alone.clone(), is_here));
        }
        let name = format!("all-but-{name}");
        found.push(Caller::new((Role::Officer, &name), others.collect(), true));
    }
    let of_services: BTreeSet<Power> = Power::all().filter(|it| it.is_for_services()).collect();
    for is_here in [true, false] {
        found.push(Caller::new((Role::Service, "system"), of_services.clone(), is_here));
    }
    found
}

/// The policy that gives everybody theirs: at `here`, and at another desk.
fn policy(callers: &[Caller], (here, elsewhere): (&str, &str)) -> String {
    let named = |power: Power, is_here: Option<bool>| {
        let has = |it: &&Caller| {
            it.held.contains(&power) && is_here.is_none_or(|wanted| it.is_here == wanted)
        };
        let found = callers.iter().filter(has);
        let mut names: Vec<String> = found.map(|it| format!("{}/{}", it.role, it.name)).collect();
        let drafts = power == Power::At(Right::Send) && is_here == Some(true);
        names.extend(drafts.then(|| "officer/drafter".to_owned()));
        format!("{} = {}\n", power.word(), json!(names))
    };
    let mut text = "format = 1\n".to_owned();
    for (desk, is_here) in [(here, true), (elsewhere, false)] {
        write!(text, "[[desk]]\nid = \"{desk}\"\n").unwrap();
        text.extend(Right::ALL.map(|it| named(Power::At(it), Some(is_here))));
    }
    text += "[keeping]\n";
    text.extend(Keeping::ALL.map(|it| named(Power::Of(it), None)));
    text + "[[four_eyes]]\nacts = [\"request\"]\n"
}

fn elsewhere(agency: &str) -> String {
    format!("{agency}/elsewhere")
}

/// Waits until a desk lists a message.
async fn listed(network: &Network, stage: &str, desk: &str, message: &str) {
    let officer = Post::of(network, stage, Role::Officer, "waits");
    until("a message to be listed", async || {
        let body = json!({"contact_point": desk});
        officer.json("InboxService/ListMessages", &body).await.holds(message).then_some(())
    })
    .await;
}

/// The network, a policy at two of its nodes, and what the calls are about.
struct Scene {
    network: Network,
    known: Known,
    callers: Vec<Caller>,
}

impl Scene {
    async fn set() -> Self {
        let mut network = Network::between(&[REVIEWER]).await;
        for stage in [ORIGIN, REVIEWER, DESTINATION] {
            network.start(stage);
        }
        for stage in [ORIGIN, REVIEWER, DESTINATION] {
            network.serves(stage).await;
        }
        let callers = callers();
        let mut known = Self::sent(&network, &callers).await;
        let at = (ORIGIN_DESK, elsewhere(ORIGIN));
        restarted_with(&mut network, ORIGIN, &policy(&callers, (at.0, &at.1))).await;
        let at = (REVIEWER_DESK, elsewhere(REVIEWER));
        restarted_with(&mut network, REVIEWER, &policy(&callers, (at.0, &at.1))).await;
        let drafter = Post::of(&network, ORIGIN, Role::Officer, "drafter");
        let draft = async |key: &str| {
            let body = json!({"idempotency_key": key, "draft": drafts::request("A draft")});
            drafter.json("ExchangeService/SendMessage", &body).await.json()["draft"].clone()
        };
        (known.draft, known.other_draft) = (draft("one").await, draft("other").await);
        Self { network, known, callers }
    }

    /// What happens before anybody has a policy.
    async fn sent(network: &Network, callers: &[Caller]) -> Known {
        let officer = Post::of(network, ORIGIN, Role::Officer, "first");
        let done = async |post: &Post, call: &str, body: Value| post.json(call, &body).await.json();
        let none = Known::default();
        done(&officer, "AttachmentService/BeginAttachment", cells::file()).await;
        let piece = cells::piece(&none, "");
        done(&officer, "AttachmentService/AppendAttachment", piece).await;
        let mut file = drafts::request("A vessel");
        let described = cells::file();
        file["attachments"] = json!([{
            "id": "A1", "name": "track.bin", "class": "evidence",
            "size_bytes": described["size_bytes"], "sha256": described["sha256"],
        }]);
        let sending = async |post: &Post, key: &str, file: &Value| {
            let body = json!({"idempotency_key": key, "draft": file});
            let sent = done(post, "ExchangeService/SendMessage", body).await;
            let word = |name: &str| sent["messages"][0][name].as_str().unwrap().to_owned();
            (word("message_id"), word("request_id"))
        };
        let (message, request) = sending(&officer, "a", &file).await;
        let reviewer = Post::of(network, REVIEWER, Role::Officer, "first");
        let passes = async |origin: &str, message: &str| {
            listed(network, REVIEWER, REVIEWER_DESK, message).await;
            let body = json!({"idempotency_key": message, "origin": origin, "message_id": message});
            done(&reviewer, "InboxService/ReleaseTransit", body).await;
        };
        passes(ORIGIN, &message).await;
        listed(network, DESTINATION, drafts::DESTINATION_DESK, &message).await;
        let there = Post::of(network, DESTINATION, Role::Officer, "first");
        let file = drafts::act(DESTINATION, "ack_receipt", &request, &message);
        let (answer, _) = sending(&there, "a", &file).await;
        passes(DESTINATION, &answer).await;
        listed(network, ORIGIN, ORIGIN_DESK, &answer).await;

        let (held, _) = sending(&officer, "b", &drafts::request("Another vessel")).await;
        let (other_held, _) = sending(&officer, "c", &drafts::request("A third vessel")).await;
        let mut file = drafts::request("What few may know");
        file["handling"]["confidentiality_requested"] = json!(true);
        let (_, confidential) = sending(&officer, "d", &file).await;
        for message in [&held, &other_held] {
            listed(network, REVIEWER, REVIEWER_DESK, message).await;
        }
        let known = Known { request, message, answer, confidential, held, other_held, ..none };
        for caller in callers {
            let holder = format!("spiffe://{ORIGIN}/{}/{}", caller.role, caller.name);
            let key = &caller.name;
            let of = &known.confidential;
            let body = json!({"idempotency_key": key, "request_id": of, "holder": holder});
            done(&officer, "ExchangeService/GrantAccess", body).await;
        }
        for (key, grant) in
            [("x", cells::grant(&known, "x")), ("y", cells::other_grant(&known, "y"))]
        {
            assert_eq!(grant["idempotency_key"], key);
            done(&officer, "AuditService/GrantContent", grant).await;
        }
        known
    }

    fn stage(call: &Call) -> &'static str {
        if call.is_of_transit() { REVIEWER } else { ORIGIN }
    }

    /// What the policy makes of a call, in one language.
    async fn found(&self, call: &Call, post: &Post, (language, key): (&str, &str)) -> Came {
        let body = (call.body)(&self.known, key);
        match language {
            "json" => post.json(call.path(), &body).await,
            _ => post.grpc(call.path(), &body).await,
        }
    }

    /// What is left out of a list for those who may not see it.
    fn shown(&self, call: &Call, came: &Came) -> bool {
        let of_draft = call.rule == cells::Rule::Listed(Right::Release);
        let draft = self.known.draft["draft_id"].as_str().unwrap();
        came.holds(if of_draft { draft } else { &self.known.request })
    }
}

/// Nobody is told more or less than this.
fn check(call: &Call, expected: Cell, came: &Came, shown: bool) -> bool {
    let told = (came.reason.as_str(), came.right.as_str());
    match expected {
        Cell::NotOfRole => told == ("ROLE_NOT_PERMITTED", ""),
        Cell::Forbidden(right) => told == ("DESK_NOT_PERMITTED", right),
        Cell::Hidden => told == ("NOT_FOUND", ""),
        Cell::LeftOut => told == ("", "") && !shown,
        Cell::Open if call.rule.is_of_list() => told == ("", "") && shown,
        Cell::Open => (told.0.is_empty() && call.is_done) || call.besides.contains(&told.0),
    }
}

/// The code of gRPC that goes with it.
const fn code(expected: Cell) -> Option<i32> {
    match expected {
        Cell::NotOfRole | Cell::Forbidden(_) => Some(7),
        Cell::Hidden => Some(5),
        Cell::LeftOut => Some(0),
        Cell::Open => None,
    }
}

fn languages(call: &Call) -> &'static [&'static str] {
    let is_of_role = [Role::Officer, Role::Service].iter().any(|it| permitted(*it, call.verb));
    // Who streams is asked for nothing in JSON; what no role here may call is asked for in JSON by
    // `tests/program/roles.rs`.
    if call.verb.is_streamed() || !is_of_role { &["grpc"] } else { &["json", "grpc"] }
}

#[test]
fn every_power_is_asked_for_by_some_verb_and_nobody_is_asked_who_is_never_let_in() {
    let calls = cells::calls();
    let asked: BTreeSet<Power> = calls.iter().flat_map(|it| it.rule.powers()).collect();
    assert_eq!(asked, Power::all().collect());
    for verb in Verb::ALL {
        assert!(calls.iter().any(|it| it.verb == verb), "{verb:?}");
        let is_of_desks = permitted(Role::Officer, verb) || permitted(Role::Service, verb);
        let asks = calls.iter().any(|it| it.verb == verb && !it.rule.powers().is_empty());
        assert!(is_of_desks || !asks, "{verb:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_of_a_policy_holds_in_json_and_in_grpc() {
    let scene = Scene::set().await;
    let calls = cells::calls();
    let posts = |stage: &'static str| {
        let of = |it: &Caller| Post::of(&scene.network, stage, it.role, &it.name);
        scene.callers.iter().map(of).collect::<Vec<_>>()
    };
    let (origin, reviewer) = (posts(ORIGIN), posts(REVIEWER));
    let posts = |call| if Scene::stage(call) == REVIEWER { &reviewer } else { &origin };
    let mut cells = Vec::new();
    for call in &calls {
        for (caller, post) in scene.callers.iter().zip(posts(call)) {
            let expected = call.rule.cell(call.verb, caller.role, &caller.here());
            let languages = languages(call).iter();
            cells.extend(languages.map(|language| (call, caller, post, *language, expected)));
        }
    }
    let entries =
        async || [scene.network.entries(ORIGIN).await, scene.network.entries(REVIEWER).await];
    let before = entries().await;
    // What is refused first: nothing of it may change anything.
    cells.sort_by_key(|(.., expected)| *expected == Cell::Open);
    let first_open = cells.iter().position(|(.., expected)| *expected == Cell::Open).unwrap();
    let (mut done, mut wrong) = (BTreeMap::new(), Vec::new());
    for (number, (call, caller, post, language, expected)) in cells.into_iter().enumerate() {
        if number == first_open {
            let after = entries().await;
            if after != before {
                wrong.push(format!(
                    "what is refused is on record: {after:?} entries, not {before:?}"
                ));
            }
        }
        let came = scene.found(call, post, (language, &format!("key-{number}"))).await;
        let holds = check(call, expected, &came, scene.shown(call, &came));
        let code = code(expected).filter(|_| language == "grpc");
        if !holds || code.is_some_and(|it| it != came.code) {
            let told = (came.code, &came.reason, &came.right);
            wrong.push(format!(
                "{} of {} in {language}: {expected:?}, but {told:?}",
                call.path(),
                caller.name
            ));
        }
        if expected == Cell::Open {
            *done.entry(call.verb).or_insert(0) += usize::from(came.reason.is_empty());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for call in &calls {
        let is_done = done.get(&call.verb).is_some_and(|it| *it > 0);
        assert_eq!(is_done, call.is_done_by_somebody(), "{}", call.path());
    }
    the_other_desk_is_a_desk_as_well(&scene, &calls, &origin).await;
}

/// With the two desks exchanged, whoever had nothing to say here has it, and the others have not.
async fn the_other_desk_is_a_desk_as_well(scene: &Scene, calls: &[Call], posts: &[Post]) {
    let at = (elsewhere(ORIGIN), ORIGIN_DESK);
    let exchanged = policy(&scene.callers, (&at.0, at.1));
    assert_eq!(read_again(&scene.network, ORIGIN, &exchanged).await.read_fault, "");
    let of_reading = [Verb::GetRequestState, Verb::ListMessages, Verb::ListDeadlines];
    for call in calls.iter().filter(|it| of_reading.contains(&it.verb)) {
        for (caller, post) in scene.callers.iter().zip(posts) {
            let there = Caller { held: caller.held.clone(), name: caller.name.clone(), ..*caller };
            let there = Caller { is_here: !caller.is_here, ..there };
            let expected = call.rule.cell(call.verb, caller.role, &there.here());
            let came = scene.found(call, post, ("json", "")).await;
            let holds = check(call, expected, &came, scene.shown(call, &came));
            assert!(holds, "{} of {}: {expected:?}, but {came:?}", call.path(), caller.name);
        }
    }
}
