//! What a policy makes of each verb, to be read as a table: a match without a remainder, so that a verb on
//! which nobody has decided does not compile. And a call of each that does something if it is let in.

use std::collections::BTreeSet;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::domain::digest::Digest;
use rogatory::identity::desks::{Keeping, Right};
use rogatory::identity::{Role, Verb, permitted};
use serde_json::{Value, json};

use crate::network::drafts::{self, DESTINATION_DESK, ORIGIN_DESK};
use crate::network::{DESTINATION, ORIGIN};

const DAY_MS: i64 = 86_400_000;
/// What is handed in as an attachment.
const FILE: &[u8] = b"track";

/// What a line of a policy gives: at a desk, or for the agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    At(Right),
    Of(Keeping),
}

impl Power {
    /// Every power there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let rights = Right::ALL.into_iter().map(Self::At);
        rights.chain(Keeping::ALL.into_iter().map(Self::Of))
    }

    /// The word in policies and in what callers are told.
    pub const fn word(self) -> &'static str {
        match self {
            Self::At(right) => right.as_str(),
            Self::Of(keeping) => keeping.as_str(),
        }
    }

    /// Whether a policy gives it only to those who read at the desk.
    pub const fn takes_reading(self) -> bool {
        match self {
            Self::At(Right::Answer | Right::Claim | Right::Review) => true,
            Self::At(Right::Read | Right::Release | Right::Send) | Self::Of(_) => false,
        }
    }

    /// Whether machines can be given it.
    pub const fn is_for_services(self) -> bool {
        match self {
            Self::At(Right::Answer | Right::Claim | Right::Read | Right::Send) => true,
            Self::At(Right::Release | Right::Review) | Self::Of(_) => false,
        }
    }
}

/// What a policy asks of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: the table of roles decides alone.
    Nothing,
    /// The power; who lacks it is told so.
    Needs(Power),
    /// To see it; for all others it is not there.
    Seen(Right),
    /// To see it, and then the power.
    SeenAnd(Right, Power),
    /// To see it; for all others it is left out.
    Listed(Right),
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Let in.
    Open,
    /// The role may not call it.
    NotOfRole,
    /// `DESK_NOT_PERMITTED`, with this right.
    Forbidden(&'static str),
    /// `NOT_FOUND`.
    Hidden,
    /// Answered, without it.
    LeftOut,
}

impl Rule {
    /// What comes of it for a caller of this role with these powers at the desk.
    pub fn cell(self, verb: Verb, role: Role, held: &BTreeSet<Power>) -> Cell {
        let sees = |right| held.contains(&Power::At(right));
        let has = |power: Power| match held.contains(&power) {
            true => Cell::Open,
            false => Cell::Forbidden(power.word()),
        };
        if !permitted(role, verb) {
            return Cell::NotOfRole;
        }
        match self {
            Self::Nothing => Cell::Open,
            Self::Needs(power) => has(power),
            Self::Seen(right) if sees(right) => Cell::Open,
            Self::SeenAnd(right, power) if sees(right) => has(power),
            Self::Listed(right) if sees(right) => Cell::Open,
            Self::Seen(_) | Self::SeenAnd(..) => Cell::Hidden,
            Self::Listed(_) => Cell::LeftOut,
        }
    }

    /// Whether it decides what a list holds.
    pub const fn is_of_list(self) -> bool {
        match self {
            Self::Listed(_) => true,
            Self::Nothing | Self::Needs(_) | Self::Seen(_) | Self::SeenAnd(..) => false,
        }
    }

    /// The powers that it asks for.
    pub fn powers(self) -> Vec<Power> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Needs(power) => vec![power],
            Self::Seen(right) | Self::Listed(right) => vec![Power::At(right)],
            Self::SeenAnd(right, power) => vec![Power::At(right), power],
        }
    }
}

/// What the calls are about.
#[derive(Default)]
pub struct Known {
    /// A request of the desk, and its first message, with an attachment.
    pub request: String,
    pub message: String,
    /// What was answered.
    pub answer: String,
    /// A request of which everybody who calls was given sight.
    pub confidential: String,
    /// Requests to be approved, and to be sent back.
    pub draft: Value,
    pub other_draft: Value,
    /// Messages that are held for review: to be let go on, and to be given back.
    pub held: String,
    pub other_held: String,
}

/// A call that does something where it is let in.
pub struct Call {
    pub verb: Verb,
    pub rule: Rule,
    pub body: fn(&Known, &str) -> Value,
    /// What those are told who are let in, besides what they asked for: reasons of the state.
    pub besides: &'static [&'static str],
    /// Whether somebody is let in all the way.
    pub is_done: bool,
}

impl Call {
    const fn of(verb: Verb, rule: Rule, body: fn(&Known, &str) -> Value) -> Self {
        Self { verb, rule, body, besides: &[], is_done: true }
    }

    const fn or(self, besides: &'static [&'static str]) -> Self {
        Self { besides, ..self }
    }

    const fn never(self, besides: &'static [&'static str]) -> Self {
        Self { besides, is_done: false, ..self }
    }

    /// The name under which it is called.
    pub fn path(&self) -> &'static str {
        self.verb.path().strip_prefix("/rogatory.v1.").unwrap()
    }

    /// Whether somebody is let in all the way who may call it at all.
    pub fn is_done_by_somebody(&self) -> bool {
        self.is_done && [Role::Officer, Role::Service].iter().any(|it| permitted(*it, self.verb))
    }

    /// Whether it is about what the agency reviews.
    pub fn is_of_transit(&self) -> bool {
        self.rule.powers().contains(&Power::At(Right::Review))
    }
}

const READ: Rule = Rule::Seen(Right::Read);
const LISTED: Rule = Rule::Listed(Right::Read);
const RELEASE: Rule = Rule::Seen(Right::Release);
const STATE: &[&str] = &["STATE_FORBIDS"];

const fn needs(right: Right) -> Rule {
    Rule::Needs(Power::At(right))
}

const fn seen(right: Right) -> Rule {
    Rule::SeenAnd(Right::Read, Power::At(right))
}

const fn kept(keeping: Keeping) -> Rule {
    Rule::SeenAnd(Right::Read, Power::Of(keeping))
}

/// The table: what a policy asks of whoever makes a call, and the calls.
#[rustfmt::skip]
fn of(verb: Verb) -> Vec<Call> {
    let call = |rule, body| vec![Call::of(verb, rule, body)];
    let or = |rule, body, besides| vec![Call::of(verb, rule, body).or(besides)];
    match verb {
        Verb::SendMessage        => vec![
            Call::of(verb, needs(Right::Send), opening),
            Call::of(verb, needs(Right::Answer), answering),
        ],
        Verb::ListRequestStates  => call(LISTED, nothing),
        Verb::GetRequestState    => call(READ, |it, _| json!({"request_id": it.request})),
        Verb::GetMessage         => call(READ, |it, _| with_content(message(it))),
        Verb::ResolveRecipients  => call(Rule::Nothing, recipients),
        Verb::GrantAccess        => call(READ, sight),
        Verb::RevokeAccess       => call(READ, sight),
        Verb::EraseContent       => vec![
            Call::of(verb, kept(Keeping::Erase), |it, _| cause(answer(it)))
                .or(&["CONTENT_ERASED"]),
            Call::of(verb, kept(Keeping::Erase), |it, _| cause(json!({"request_id": it.request})))
                .or(&["CONTENT_ERASED"]),
        ],
        // Nobody has asked for an erasure, and no review is owed yet.
        Verb::RefuseErasure      => vec![
            Call::of(verb, kept(Keeping::Erase), refusal).never(STATE),
        ],
        Verb::ReviewContent      => vec![
            Call::of(verb, kept(Keeping::Erase), of_request).never(STATE),
        ],
        Verb::PlaceHold          => call(kept(Keeping::Hold), of_request),
        Verb::ReleaseHold        => or(kept(Keeping::Hold), of_request, STATE),
        Verb::ListDeadlines      => call(LISTED, nothing),
        Verb::SearchRequests     => call(LISTED, |_, _| json!({"reference": drafts::REFERENCE})),
        Verb::GetStatistics      => call(Rule::Nothing, |_, _| json!({"year": 2026})),
        Verb::ListDrafts         => call(Rule::Listed(Right::Release), |_, _| {
            json!({"with_ended": true})
        }),
        Verb::GetDraft           => call(RELEASE, |it, _| json!({"draft_id": it.draft["draft_id"]})),
        Verb::ApproveDraft       => or(RELEASE, approval, STATE),
        Verb::WithdrawDraft      => or(RELEASE, withdrawal, STATE),
        Verb::ListMessages       => call(needs(Right::Read), desk),
        Verb::WatchMessages      => call(needs(Right::Read), desk),
        Verb::ClaimMessage       => or(seen(Right::Claim), inbox_act, &["CLAIMED_BY_ANOTHER"]),
        Verb::ReleaseMessage     => or(seen(Right::Claim), inbox_act, &["NOT_CLAIMED_BY_CALLER"]),
        Verb::ReadMessage        => call(READ, |it, _| answer(it)),
        Verb::AcknowledgeMessage => call(seen(Right::Claim), inbox_act),
        Verb::ReleaseTransit     => or(seen(Right::Review), |it, key| held(&it.held, key), STATE),
        Verb::ReturnTransit      => or(seen(Right::Review), giving_back, STATE),
        Verb::AnnotateTransit    => or(seen(Right::Review), remark, STATE),
        // So many wait at a node, and of those that were not begun nothing is known.
        Verb::BeginAttachment    => or(Rule::Nothing, |_, _| file(), &["LIMIT_EXCEEDED"]),
        Verb::AppendAttachment   => or(Rule::Nothing, piece, &["STATE_FORBIDS", "NOT_FOUND"]),
        Verb::ReadAttachment     => call(READ, |it, _| attachment(message(it))),
        Verb::GrantContent       => call(kept(Keeping::Audit), grant),
        Verb::RevokeContent      => or(kept(Keeping::Audit), other_grant, STATE),
        Verb::ListContentGrants  => call(LISTED, nothing),
        // No officer's and no service's, whatever a policy says.
        Verb::ReplayEntries | Verb::GetCheckpoint | Verb::ProveInclusion
        | Verb::ProveConsistency | Verb::ListStatements | Verb::ReadSealed | Verb::ReadGranted
        | Verb::ListPeers | Verb::ListQueue | Verb::ReleaseSetAside | Verb::ReturnSetAside
        | Verb::SetDrain | Verb::TakeBackup | Verb::GetNodeStatus | Verb::ConfirmVolume
        | Verb::ListLost | Verb::Transfer | Verb::TransferAttachments | Verb::Compare
                                 => call(Rule::Nothing, nothing),
    }
}

/// Every call, in an order in which each can be done: what is erased is read before, and what is given
/// back is remarked on before.
pub fn calls() -> Vec<Call> {
    let mut calls: Vec<Call> = Verb::ALL.into_iter().flat_map(of).collect();
    calls.sort_by_key(|it| (it.verb == Verb::EraseContent, it.verb == Verb::ReturnTransit));
    calls
}

fn nothing(_: &Known, _: &str) -> Value {
    json!({})
}

fn recipients(_: &Known, _: &str) -> Value {
    json!({"to": [DESTINATION_DESK], "kind": "SOM.8.2.VESSEL"})
}

fn desk(_: &Known, _: &str) -> Value {
    json!({"contact_point": ORIGIN_DESK})
}

fn message(known: &Known) -> Value {
    json!({"origin": ORIGIN, "message_id": known.message})
}

fn answer(known: &Known) -> Value {
    json!({"origin": DESTINATION, "message_id": known.answer})
}

fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

fn keyed(body: Value, key: &str) -> Value {
    with(body, "idempotency_key", key)
}

fn with_content(body: Value) -> Value {
    with(body, "with_content", true)
}

fn cause(body: Value) -> Value {
    with(body, "cause", "own_decision")
}

fn inbox_act(known: &Known, key: &str) -> Value {
    keyed(answer(known), key)
}

fn of_request(known: &Known, key: &str) -> Value {
    keyed(json!({"request_id": known.request}), key)
}

fn refusal(known: &Known, key: &str) -> Value {
    with(inbox_act(known, key), "reason", "LAW_REQUIRES")
}

/// Something new: at this desk it waits for a second pair of eyes.
fn opening(_: &Known, key: &str) -> Value {
    keyed(json!({"draft": drafts::request("A second vessel")}), key)
}

fn answering(known: &Known, key: &str) -> Value {
    let file = drafts::act(ORIGIN, "progress_query", &known.request, &known.answer);
    keyed(json!({"draft": file}), key)
}

fn sight(known: &Known, key: &str) -> Value {
    let holder = format!("spiffe://{ORIGIN}/officer/{key}");
    keyed(json!({"request_id": known.confidential, "holder": holder}), key)
}

fn approval(known: &Known, key: &str) -> Value {
    let draft = &known.draft;
    keyed(json!({"draft_id": draft["draft_id"], "fingerprint": draft["fingerprint"]}), key)
}

fn withdrawal(known: &Known, key: &str) -> Value {
    keyed(json!({"draft_id": known.other_draft["draft_id"]}), key)
}

fn held(message: &str, key: &str) -> Value {
    keyed(json!({"origin": ORIGIN, "message_id": message}), key)
}

fn giving_back(known: &Known, key: &str) -> Value {
    with(held(&known.other_held, key), "reason", "REVIEW_COMPETENCE")
}

fn remark(known: &Known, key: &str) -> Value {
    with(held(&known.other_held, key), "remark", "FORM_CHECKED")
}

/// What is said of a file before its bytes come.
pub fn file() -> Value {
    json!({"size_bytes": FILE.len(), "sha256": Digest::of(FILE).to_string()})
}

/// All of its bytes.
pub fn piece(_: &Known, _: &str) -> Value {
    // In base64, as JSON has it.
    with(file(), "bytes", "dHJhY2s=")
}

fn attachment(body: Value) -> Value {
    with(body, "attachment_id", "A1")
}

fn granted(known: &Known, auditor: &str, key: &str) -> Value {
    let until = SystemClock.now().plus_millis(DAY_MS).to_string();
    let auditor = format!("spiffe://{ORIGIN}/auditor/{auditor}");
    keyed(
        json!({"grant": {
            "auditor": auditor, "request_id": known.request, "reason": "complaint", "until": until,
        }}),
        key,
    )
}

/// A grant that nobody takes again.
pub fn grant(known: &Known, key: &str) -> Value {
    granted(known, "audit-office", key)
}

/// A grant that is taken again.
pub fn other_grant(known: &Known, key: &str) -> Value {
    granted(known, "other", key)
}
