//! Keys that sign inside a token: Ed25519 for a journal (CKM_EDDSA), ECDSA P-256 for TLS (CKM_ECDSA).

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use cryptoki::error::Error;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::merkle::signature::{
    ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES, SignFault, SignsEd25519, verify_ed25519,
};
use crate::token::session::{Token, said};
use crate::token::{Access, TokenFault, TokenUri};

/// Length of a P-256 signature as tokens give it: r, then s.
pub const P256_SIGNATURE_BYTES: usize = 64;
/// How long a signature may take, the second attempt included: as long as a handshake.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a module may take to begin, and a token to be found and logged in to.
pub const OPENING_TIME_MAX: Duration = Duration::from_secs(60);
/// Calls that may be away before none is made any more.
const AWAY_MAX: usize = 8;
/// What a key signs before it is used, so that a wrong public half is found at the start.
const TRIAL: &[u8] = b"rogatory/v1 trial of a key in a token";
/// CKA_EC_PARAMS of P-256: the curve's object identifier, 1.2.840.10045.3.1.7 (RFC 5480, 2.1.1.1).
const P256_PARAMS: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// CKA_EC_PARAMS of Ed25519: the identifier of RFC 8410, or the curve's name (PKCS#11 3.0, 2.3.10).
const ED25519_PARAMS: [&[u8]; 2] = [&[0x06, 0x03, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];

/// An algorithm, as a token knows it.
struct Algorithm {
    name: &'static str,
    how: fn() -> Mechanism<'static>,
    key_type: KeyType,
    params: &'static [&'static [u8]],
    mechanism: MechanismType,
    mechanism_name: &'static str,
}

const ED25519: Algorithm = Algorithm {
    name: "Ed25519",
    how: || Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
    key_type: KeyType::EC_EDWARDS,
    params: &ED25519_PARAMS,
    mechanism: MechanismType::EDDSA,
    mechanism_name: "CKM_EDDSA",
};

const P256: Algorithm = Algorithm {
    name: "ECDSA P-256",
    how: || Mechanism::Ecdsa,
    key_type: KeyType::EC,
    params: &[P256_PARAMS],
    mechanism: MechanismType::ECDSA,
    mechanism_name: "CKM_ECDSA",
};

/// A private key in a token.
struct Key {
    token: Arc<Token>,
    uri: TokenUri,
    algorithm: &'static Algorithm,
    /// Where it was found, and in which era of the token.
    handle: Mutex<(u64, ObjectHandle)>,
}

impl Key {
    fn open(
        access: &Access,
        uri: &TokenUri,
        algorithm: &'static Algorithm,
    ) -> Result<Self, TokenFault> {
        let token = Token::open(access, uri)?;
        let era = token.era();
        let found = token.with(|session, _| find(session, uri));
        let found = found.map_err(|error| told(uri, "looking for the key", &error))?;
        let handle = match found.as_slice() {
            [] => return Err(TokenFault::NoKey { uri: uri.to_string() }),
            [handle] => *handle,
            several => {
                let found = several.len();
                return Err(TokenFault::TwoKeys { uri: uri.to_string(), found });
            }
        };
        let is = token.with(|session, _| is_of(session, handle, algorithm));
        if !is.map_err(|error| told(uri, "looking at the key", &error))? {
            return Err(TokenFault::KeyType { uri: uri.to_string(), wanted: algorithm.name });
        }
        let signs = token.signs_by(algorithm.mechanism);
        if !signs.map_err(|error| told(uri, "asking for mechanisms", &error))? {
            let mechanism = algorithm.mechanism_name;
            return Err(TokenFault::Mechanism { uri: uri.to_string(), mechanism });
        }
        Ok(Self { token, uri: uri.clone(), algorithm, handle: Mutex::new((era, handle)) })
    }

    /// The public half beside it: CKA_EC_POINT without the octet string around it.
    fn point(&self, bytes: usize) -> Result<Vec<u8>, TokenFault> {
        let none = || TokenFault::NoPublicHalf { uri: self.uri.to_string() };
        let found = self.token.with(|session, era| {
            let handle = self.handle(session, era)?;
            let wanted = [AttributeType::Id, AttributeType::Label];
            let mut beside = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
            for attribute in session.get_attributes(handle, &wanted)? {
                // The id joins the halves; a label does where the key has no id.
                let joins = matches!(&attribute, Attribute::Id(id) if !id.is_empty());
                let is_called = matches!(&attribute, Attribute::Label(it) if !it.is_empty());
                if joins || (is_called && beside.len() == 1) {
                    beside.push(attribute);
                }
            }
            let mut points = Vec::new();
            for public in session.find_objects(&beside)? {
                points.extend(session.get_attributes(public, &[AttributeType::EcPoint])?);
            }
            Ok(points)
        });
        let found = found.map_err(|error| told(&self.uri, "reading the public half", &error))?;
        let mut points = found.into_iter().filter_map(|it| {
            if let Attribute::EcPoint(point) = it { bare(&point, bytes) } else { None }
        });
        match (points.next(), points.next()) {
            (Some(point), None) => Ok(point),
            (Some(_) | None, _) => Err(none()),
        }
    }

    /// Where the key is in an era of the token.
    fn handle(&self, session: &Session, era: u64) -> Result<ObjectHandle, Error> {
        let (found_in, handle) = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if found_in == era {
            return Ok(handle);
        }
        let found = find(session, &self.uri)?;
        let handle = match found.as_slice() {
            [handle] if is_of(session, *handle, self.algorithm)? => *handle,
            _ => return Err(Error::InvalidValue),
        };
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = (era, handle);
        Ok(handle)
    }

    fn once(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mechanism = (self.algorithm.how)();
        self.token
            .with(|session, era| session.sign(&mechanism, self.handle(session, era)?, message))
    }

    /// Signs, within [`ANSWER_TIME_MAX`].
    fn sign(self: &Arc<Self>, message: &[u8]) -> Result<Vec<u8>, TokenFault> {
        let (key, message) = (Arc::clone(self), message.to_vec());
        in_time(&self.uri, ANSWER_TIME_MAX, move || key.insist(&message))
    }

    /// Signs. If the token does not, it is logged in to anew, once, and asked once more.
    fn insist(&self, message: &[u8]) -> Result<Vec<u8>, TokenFault> {
        let era = self.token.era();
        let first = match self.once(message) {
            Ok(signature) => return Ok(signature),
            Err(error) => said(&error),
        };
        tracing::warn!(key = %self.uri, reason = first, "the token did not sign; it is asked anew");
        let lost = |why: String| TokenFault::Lost { uri: self.uri.to_string(), why };
        self.token.again(&self.uri, era).map_err(|fault| lost(format!("{first}; {fault}")))?;
        self.once(message).map_err(|error| {
            // Of all that is asked for here, only the key can be none of what was expected.
            let gone = matches!(error, Error::InvalidValue);
            let then = if gone { "the key is not there".to_owned() } else { said(&error) };
            lost(format!("{first}; {then}"))
        })
    }
}

/// Calls that a module has not come back from, of this process.
static AWAY: AtomicUsize = AtomicUsize::new(0);

/// Calls into a module in a thread of its own, and waits for it no longer than `time_max`. A call that does
/// not come back keeps its thread; while so many are away that a module has clearly stopped, none is made.
fn in_time<T: Send + 'static>(
    uri: &TokenUri,
    time_max: Duration,
    call: impl FnOnce() -> Result<T, TokenFault> + Send + 'static,
) -> Result<T, TokenFault> {
    let silent = || TokenFault::Silent { uri: uri.to_string(), seconds: time_max.as_secs() };
    if AWAY.load(Ordering::SeqCst) >= AWAY_MAX {
        return Err(silent());
    }
    let (tell, done) = sync_channel(1);
    let (is_over, was_over) = (Arc::new(AtomicBool::new(false)), AtomicBool::swap);
    let seen = Arc::clone(&is_over);
    let work = move || {
        // Whoever asked may have given up; then it has come back all the same.
        drop(tell.send(call()));
        if was_over(&seen, true, Ordering::SeqCst) {
            AWAY.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let started = std::thread::Builder::new().name("token".to_owned()).spawn(work);
    started.map_err(|error| TokenFault::Said {
        uri: uri.to_string(),
        doing: "starting a thread for the call",
        why: error.to_string(),
    })?;
    match done.recv_timeout(time_max) {
        Ok(done) => return done,
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => {
            let why = "its thread ended".to_owned();
            return Err(TokenFault::Said {
                uri: uri.to_string(),
                doing: "calling the module",
                why,
            });
        }
    }
    AWAY.fetch_add(1, Ordering::SeqCst);
    if was_over(&is_over, true, Ordering::SeqCst) {
        // It came back at the same moment.
        AWAY.fetch_sub(1, Ordering::SeqCst);
        return done.try_recv().unwrap_or_else(|_| Err(silent()));
    }
    tracing::error!(error = %silent(), "a call into a module was given up");
    Err(silent())
}

fn told(uri: &TokenUri, doing: &'static str, error: &Error) -> TokenFault {
    TokenFault::Said { uri: uri.to_string(), doing, why: said(error) }
}

/// The private keys that a URI names.
fn find(session: &Session, uri: &TokenUri) -> Result<Vec<ObjectHandle>, Error> {
    let mut wanted = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    wanted.extend(uri.object.as_ref().map(|it| Attribute::Label(it.as_bytes().to_vec())));
    wanted.extend(uri.id.as_ref().map(|it| Attribute::Id(it.clone())));
    session.find_objects(&wanted)
}

fn is_of(session: &Session, key: ObjectHandle, algorithm: &Algorithm) -> Result<bool, Error> {
    let has = session.get_attributes(key, &[AttributeType::KeyType])?;
    if !has.contains(&Attribute::KeyType(algorithm.key_type)) {
        return Ok(false);
    }
    let has = session.get_attributes(key, &[AttributeType::EcParams])?;
    let params = has
        .into_iter()
        .find_map(|it| if let Attribute::EcParams(params) = it { Some(params) } else { None });
    // A token that keeps the curve with the public half alone says nothing here.
    Ok(params.is_none_or(|it| algorithm.params.contains(&it.as_slice())))
}

/// A point as it is, or in the octet string (X.690, 8.7) in which most tokens have it.
fn bare(point: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let length = u8::try_from(bytes).ok()?;
    let inner = point.strip_prefix(&[0x04, length]).unwrap_or(point);
    (inner.len() == bytes).then(|| inner.to_vec())
}

/// An Ed25519 key in a token. What the token gives is verified before it counts.
pub struct Ed25519Key {
    key: Arc<Key>,
    public: [u8; ED25519_PUBLIC_BYTES],
}

impl Ed25519Key {
    /// Finds the key, and lets it sign once.
    ///
    /// # Errors
    /// What is wrong with the module, the token, the PIN or the key.
    pub fn open(access: &Access, uri: &TokenUri) -> Result<Self, TokenFault> {
        let (within, named) = (access.clone(), uri.clone());
        let (key, point) = in_time(uri, OPENING_TIME_MAX, move || {
            let key = Key::open(&within, &named, &ED25519)?;
            let point = key.point(ED25519_PUBLIC_BYTES)?;
            Ok((key, point))
        })?;
        let none = |_| TokenFault::NoPublicHalf { uri: uri.to_string() };
        let opened = Self { key: Arc::new(key), public: point.try_into().map_err(none)? };
        opened.signature(TRIAL)?;
        Ok(opened)
    }

    /// Where it is.
    pub fn uri(&self) -> &TokenUri {
        &self.key.uri
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; ED25519_SIGNATURE_BYTES], TokenFault> {
        let signature = self.key.sign(message)?;
        let wrong = || TokenFault::Signature { uri: self.key.uri.to_string() };
        if !verify_ed25519(&self.public, message, &signature) {
            return Err(wrong());
        }
        signature.try_into().map_err(|_| wrong())
    }
}

impl SignsEd25519 for Ed25519Key {
    fn public_key(&self) -> [u8; ED25519_PUBLIC_BYTES] {
        self.public
    }

    fn try_sign(&self, message: &[u8]) -> Result<[u8; ED25519_SIGNATURE_BYTES], SignFault> {
        self.signature(message).map_err(|fault| SignFault(fault.to_string()))
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Key({})", hex::encode(self.public))
    }
}

/// An ECDSA P-256 key in a token. Whether it is that of a certificate finds out whoever shows one.
pub struct P256Key(Arc<Key>);

impl P256Key {
    /// Finds the key.
    ///
    /// # Errors
    /// What is wrong with the module, the token, the PIN or the key.
    pub fn open(access: &Access, uri: &TokenUri) -> Result<Self, TokenFault> {
        let (within, named) = (access.clone(), uri.clone());
        let key = in_time(uri, OPENING_TIME_MAX, move || Key::open(&within, &named, &P256))?;
        Ok(Self(Arc::new(key)))
    }

    /// Where it is.
    pub fn uri(&self) -> &TokenUri {
        &self.0.uri
    }

    /// Signs the SHA-256 of a message; gives r and s, 32 bytes each. It waits for the token, though not for
    /// longer than [`ANSWER_TIME_MAX`].
    ///
    /// # Errors
    /// That the token did not sign, and not when it was asked once more.
    pub fn try_sign(&self, message: &[u8]) -> Result<[u8; P256_SIGNATURE_BYTES], TokenFault> {
        let hash = digest(&SHA256, message);
        let signature = self.0.sign(hash.as_ref())?;
        signature.try_into().map_err(|_| TokenFault::Signature { uri: self.0.uri.to_string() })
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P256Key({})", self.0.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_given_up_and_counted_until_it_does() {
        let uri: TokenUri = "pkcs11:token=rome;object=journal".parse().unwrap();
        let (come, wait) = sync_channel::<()>(0);
        let wait = Arc::new(Mutex::new(wait));
        let short = Duration::from_millis(10);
        for _ in 0..AWAY_MAX {
            let wait = Arc::clone(&wait);
            let stuck = in_time(&uri, short, move || {
                wait.lock().unwrap().recv().unwrap_or_default();
                Ok(())
            });
            assert_eq!(
                stuck.unwrap_err().to_string(),
                "pkcs11:token=rome;object=journal: the module does not answer within 0 s"
            );
        }
        let refused = in_time(&uri, Duration::from_secs(60), || Ok(7));
        assert!(matches!(refused, Err(TokenFault::Silent { seconds: 60, .. })), "{refused:?}");
        drop(come);
        let again = (0..60_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            in_time(&uri, Duration::from_secs(60), || Ok(7)).ok()
        });
        assert_eq!(again, Some(7), "those that were away have come back");
    }

    #[test]
    fn a_point_is_read_with_and_without_the_string_around_it() {
        let point: Vec<u8> = (1..=32).collect();
        let within = [&[0x04, 32], point.as_slice()].concat();
        assert_eq!(bare(&point, 32), Some(point.clone()));
        assert_eq!(bare(&within, 32), Some(point.clone()));
        for other in [&point[1..], &within[1..], &[], &[within.as_slice(), &[0]].concat()] {
            assert_eq!(bare(other, 32), None);
        }
    }
}
