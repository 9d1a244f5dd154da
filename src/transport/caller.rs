//! Who calls, may they, and which call is it?
//!
//! The certificate was verified in the handshake; it is judged again on every request, because
//! connections outlive certificates and revocations. `admission.rs` does so before anything of the
//! request is read, and leaves an [`Admitted`] with it, without which nothing here is served.

use std::str::FromStr;

use aws_lc_rs::hmac;
use prost::Message;
use tonic::{Request, Status};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MalformedId, MessageId};
use crate::domain::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::entropy;
use crate::identity::permission::{Verb, permitted};
use crate::identity::principal::Principal;
use crate::node::command::Call;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::redact::Secret;
use crate::transport::shares::{CallTime, Shares};
use crate::transport::status::{self, EdgeReason};
use crate::transport::tls::stream::ConnectedPeer;

/// A caller whose right to a call can be asked for again while the call lasts.
#[derive(Clone)]
pub struct Standing {
    connected: ConnectedPeer,
    verb: Verb,
}

impl Standing {
    /// Whoever is at the other end of a connection, and asks for `verb`.
    pub fn new(connected: ConnectedPeer, verb: Verb) -> Self {
        Self { connected, verb }
    }

    /// What is asked for.
    pub const fn verb(&self) -> Verb {
        self.verb
    }

    /// The caller, if the certificate still holds and its role may do this.
    ///
    /// # Errors
    /// Why not, with the reason of the certificate's refusal or `ROLE_NOT_PERMITTED`.
    pub fn principal(&self, now: Timestamp) -> Result<Principal, Status> {
        let principal = self.connected.principal(now);
        let principal = principal.map_err(|refusal| status::of_refusal(&refusal))?;
        if permitted(principal.role, self.verb) {
            return Ok(principal);
        }
        let text = format!("the role {} may not do this", principal.role);
        Err(status::of_rejection(Rejection::new(RejectionReason::RoleNotPermitted, text)))
    }
}

/// A call that the door let in (`admission.rs`): who makes it, and which it is.
#[derive(Clone)]
pub struct Admitted {
    /// Judged when the call came.
    pub principal: Principal,
    /// To be judged again.
    pub standing: Standing,
    /// What callers take at this listener.
    pub shares: Shares,
    /// What the call may take beyond the time of others.
    pub time: CallTime,
}

impl Admitted {
    /// How the door let a request in that is now served as `verb`.
    ///
    /// # Errors
    /// `INTERNAL` for a request that no door let in, or that was let in for another verb: nothing is
    /// served on trust.
    pub fn of<T>(request: &Request<T>, verb: Verb) -> Result<Self, Status> {
        let admitted = request.extensions().get::<Self>();
        let admitted = admitted.filter(|it| it.standing.verb == verb).cloned();
        admitted.ok_or_else(|| status::of_failure(&"a call came past its door"))
    }
}

/// The caller of an agency's own node.
///
/// # Errors
/// Another agency, and a call that no door let in.
pub fn caller<T>(request: &Request<T>, setting: &Setting, verb: Verb) -> Result<Principal, Status> {
    let principal = Admitted::of(request, verb)?.principal;
    if principal.agency == setting.agency {
        return Ok(principal);
    }
    let text = "this door is for callers of the node's own agency";
    Err(status::of_edge(EdgeReason::RoleNotPermitted, text))
}

/// The neighbour whose node calls.
///
/// # Errors
/// As [`caller`], and an agency to which no link leads.
pub fn peer<T>(request: &Request<T>, setting: &Setting, verb: Verb) -> Result<AgencyId, Status> {
    let agency = Admitted::of(request, verb)?.principal.agency;
    if setting.directory().are_linked(&setting.agency, &agency) {
        return Ok(agency);
    }
    let text = "the directory names no link between our agencies";
    Err(status::of_edge(EdgeReason::NotInDirectory, text))
}

/// A call that is to be remembered, by the key that its caller gave it.
///
/// # Errors
/// A key that is empty or over its limit.
pub fn call(
    setting: &Setting,
    principal: Principal,
    key: &str,
    submitted: Digest,
) -> Result<Call, Status> {
    let pointer = "/idempotency_key";
    if key.is_empty() {
        let text = "a call that changes something has a key of its caller's choice";
        return Err(status::of_field(pointer, "REQUIRED", text));
    }
    if key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let text = format!("a key has at most {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
        return Err(status::of_field(pointer, "LIMIT_EXCEEDED", text));
    }
    debug_assert_eq!(principal.agency, setting.agency);
    Ok(Call { principal, key: key.to_owned(), fingerprint: submitted })
}

/// A call that its caller did not name: the node does, and nobody can repeat it.
pub fn unnamed_call(setting: &Setting, principal: Principal, submitted: Digest) -> Call {
    let key = hex::encode(entropy::bytes::<16>(setting.entropy.as_ref()));
    Call { principal, key, fingerprint: submitted }
}

/// Fingerprint of what was submitted: the same call has the same, for as long as the journal
/// stands, and nobody without the node's key can tell from it what was said.
pub fn fingerprint<M: Message>(setting: &Setting, method: &str, submitted: &M) -> Digest {
    tag(&setting.keys.fingerprint, &format!("call {method}"), &submitted.encode_to_vec())
}

/// A name or id that a call carries.
///
/// # Errors
/// What is wrong with it, at `pointer`.
pub fn name<T: FromStr<Err = MalformedId>>(pointer: &str, text: &str) -> Result<T, Status> {
    if text.is_empty() {
        return Err(status::of_field(pointer, "REQUIRED", "the field is required"));
    }
    text.parse()
        .map_err(|fault: MalformedId| status::of_field(pointer, "MALFORMED", fault.to_string()))
}

/// The message that a call names.
///
/// # Errors
/// What is wrong with its origin or its id.
pub fn message(origin: &str, message_id: &str) -> Result<MessageKey, Status> {
    let origin: AgencyId = name("/origin", origin)?;
    let message: MessageId = name("/message_id", message_id)?;
    Ok(MessageKey::new(&origin, message))
}

/// A keyed hash of `bytes` for one purpose.
pub fn tag(key: &Secret<32>, purpose: &str, bytes: &[u8]) -> Digest {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(purpose.as_bytes());
    context.update(b"\n");
    context.update(bytes);
    Digest::from_slice(context.sign().as_ref()).expect("SHA-256 gives 32 bytes")
}
