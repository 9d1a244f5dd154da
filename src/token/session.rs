//! A token that was logged in to: a few sessions, each lent to one signature at a time.
//!
//! One value for each token of the process, since the login is the process's. Whoever finds its
//! session lost asks for another era: all sessions of the era before are dropped, the token is looked
//! for again and logged in to once, and whoever else was lost finds that it is done. A module that
//! does not see a token that was put back is ended and begun anew, while nobody is inside of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::token::{Access, TokenFault, TokenUri};

/// Most sessions with one token; signatures beyond them wait for one.
const SESSIONS_MAX: usize = 4;

/// What a module or token said, in a few words: the crate's own texts are paragraphs.
pub(super) fn said(error: &Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
    match error {
        Error::Pkcs11(code, function) => format!("{code:?} at {function:?}"),
        other => other.to_string(),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept behind these locks is whole at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The modules that were loaded and the tokens that were logged in to. PKCS#11 counts both by process.
#[derive(Debug, Default)]
struct Known {
    modules: BTreeMap<PathBuf, Arc<Module>>,
    tokens: BTreeMap<(PathBuf, Name), Arc<Token>>,
    refused: BTreeMap<(PathBuf, Name), Zeroizing<String>>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known {
    modules: BTreeMap::new(),
    tokens: BTreeMap::new(),
    refused: BTreeMap::new(),
});

/// A module that was loaded. Its calls are made inside of `calls`: read by whoever calls, written by
/// who ends and begins it anew, which no call may meet.
#[derive(Debug)]
struct Module {
    path: PathBuf,
    pkcs11: Pkcs11,
    calls: RwLock<()>,
}

impl Module {
    fn load(path: &Path) -> Result<Self, TokenFault> {
        let module = path.to_owned();
        let pkcs11 =
            Pkcs11::new(path).map_err(|error| TokenFault::Module { module, why: said(&error) })?;
        let module = Self { path: path.to_owned(), pkcs11, calls: RwLock::new(()) };
        module.begin()?;
        Ok(module)
    }

    fn begin(&self) -> Result<(), TokenFault> {
        match self.pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(error) => Err(TokenFault::Module { module: self.path.clone(), why: said(&error) }),
        }
    }

    fn calling(&self) -> RwLockReadGuard<'_, ()> {
        self.calls.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.calls.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells a token from others: label and serial number.
type Name = (String, String);

/// A token that was logged in to.
pub(super) struct Token {
    module: Arc<Module>,
    name: Name,
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    pin: Zeroizing<String>,
    slot: Slot,
    /// Counts how often the token was logged in to anew.
    era: u64,
    free: Vec<Session>,
    lent: usize,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({:?})", self.name)
    }
}

impl Token {
    /// The token that a URI names, logged in to.
    pub(super) fn open(access: &Access, uri: &TokenUri) -> Result<Arc<Self>, TokenFault> {
        let mut known = locked(&KNOWN);
        let module = known.module(&access.module)?;
        let calling = module.calling();
        let (slot, info) = find(&module.pkcs11, uri)?;
        let name = name_of(&info);
        let key = (access.module.clone(), name.clone());
        if let Some(token) = known.tokens.get(&key) {
            locked(&token.pool).pin.clone_from(&access.pin);
            return Ok(Arc::clone(token));
        }
        let session = known.log_in(&module.pkcs11, &key, (slot, &info), &access.pin)?;
        let pin = access.pin.clone();
        let pool = Pool { pin, slot, era: 0, free: vec![session], lent: 0 };
        drop(calling);
        let token =
            Arc::new(Self { module, name, pool: Mutex::new(pool), returned: Condvar::new() });
        known.tokens.insert(key, Arc::clone(&token));
        Ok(token)
    }

    /// Lends a session, with the era that it is of, and waits for one if all are lent.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Session, u64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let calling = self.module.calling();
        let mut pool = locked(&self.pool);
        while pool.free.is_empty() && pool.lent >= SESSIONS_MAX {
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
        let (slot, era) = (pool.slot, pool.era);
        let session = match pool.free.pop() {
            Some(session) => session,
            // A token that has no room for another session is asked when one is free.
            None => self.module.pkcs11.open_ro_session(slot)?,
        };
        pool.lent = pool.lent.saturating_add(1);
        drop(pool);
        let done = work(&session, era);
        let mut pool = locked(&self.pool);
        pool.lent = pool.lent.saturating_sub(1);
        // A session that failed may be in the middle of something.
        if done.is_ok() && pool.era == era {
            pool.free.push(session);
        } else {
            drop(session);
        }
        self.returned.notify_one();
        drop(pool);
        drop(calling);
        done
    }

    /// The era of now.
    pub(super) fn era(&self) -> u64 {
        locked(&self.pool).era
    }

    /// Logs in anew, unless somebody did since `era`.
    pub(super) fn again(&self, uri: &TokenUri, era: u64) -> Result<(), TokenFault> {
        let mut known = locked(&KNOWN);
        // Whoever has a session gives it back first, and nobody gets one before this is done.
        let alone = self.module.alone();
        if locked(&self.pool).era != era {
            return Ok(());
        }
        locked(&self.pool).free.clear();
        let (slot, info) = match find(&self.module.pkcs11, uri) {
            Err(TokenFault::NoToken { .. }) => {
                known.begin_anew(&self.module)?;
                find(&self.module.pkcs11, uri)?
            }
            other => other?,
        };
        let key = (self.module.path.clone(), self.name.clone());
        if name_of(&info) != self.name {
            return Err(TokenFault::NoToken { uri: uri.to_string() });
        }
        let mut pool = locked(&self.pool);
        let session = known.log_in(&self.module.pkcs11, &key, (slot, &info), &pool.pin)?;
        pool.slot = slot;
        pool.era = pool.era.saturating_add(1);
        pool.free.push(session);
        drop(alone);
        tracing::warn!(token = self.name.0, "the token was logged in to anew");
        self.returned.notify_all();
        Ok(())
    }

    /// Whether the token signs by a mechanism.
    pub(super) fn signs_by(&self, kind: cryptoki::mechanism::MechanismType) -> Result<bool, Error> {
        let calling = self.module.calling();
        let slot = locked(&self.pool).slot;
        let listed = self.module.pkcs11.get_mechanism_list(slot)?.contains(&kind);
        let signs = listed && self.module.pkcs11.get_mechanism_info(slot, kind)?.sign();
        drop(calling);
        Ok(signs)
    }
}

impl Known {
    fn module(&mut self, path: &Path) -> Result<Arc<Module>, TokenFault> {
        if let Some(module) = self.modules.get(path) {
            return Ok(Arc::clone(module));
        }
        let module = Arc::new(Module::load(path)?);
        self.modules.insert(path.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// Ends a module and begins it again, with no session of any of its tokens left. Nobody calls it
    /// meanwhile.
    fn begin_anew(&self, module: &Module) -> Result<(), TokenFault> {
        for token in self.tokens.values().filter(|it| it.module.path == module.path) {
            let mut pool = locked(&token.pool);
            pool.free.clear();
            pool.era = pool.era.saturating_add(1);
        }
        // A module that had ended already is begun all the same.
        drop(module.pkcs11.clone().finalize());
        module.begin()
    }

    /// Opens a session and logs in, with a PIN that was not refused before.
    fn log_in(
        &mut self,
        module: &Pkcs11,
        key: &(PathBuf, Name),
        (slot, info): (Slot, &TokenInfo),
        pin: &Zeroizing<String>,
    ) -> Result<Session, TokenFault> {
        let token = || key.1.0.clone();
        let other = |error: &Error| TokenFault::Said {
            uri: token(),
            doing: "logging in",
            why: said(error),
        };
        if self.refused.get(key) == Some(pin) {
            return Err(TokenFault::PinBefore { token: token() });
        }
        let states = [
            (info.user_pin_locked(), "is locked"),
            (info.user_pin_final_try(), "has one try left"),
            (!info.user_pin_initialized(), "has no PIN yet"),
        ];
        if let Some((_, what)) = states.into_iter().find(|(is, _)| *is) {
            return Err(TokenFault::PinState { token: token(), what });
        }
        let session = module.open_ro_session(slot).map_err(|error| other(&error))?;
        match session.login(UserType::User, Some(&AuthPin::from(pin.as_str()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                self.refused.remove(key);
                Ok(session)
            }
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            )) => {
                self.refused.insert(key.clone(), pin.clone());
                Err(TokenFault::Pin { token: token() })
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => {
                Err(TokenFault::PinState { token: token(), what: "is locked" })
            }
            Err(error) => Err(other(&error)),
        }
    }
}

fn name_of(info: &TokenInfo) -> Name {
    (info.label().to_owned(), info.serial_number().to_owned())
}

/// The slot of the one token that a URI names.
fn find(module: &Pkcs11, uri: &TokenUri) -> Result<(Slot, TokenInfo), TokenFault> {
    let doing = "looking for the token";
    let fault = |error: Error| TokenFault::Said { uri: uri.to_string(), doing, why: said(&error) };
    let mut found = None;
    for slot in module.get_slots_with_token().map_err(fault)? {
        // A slot whose token went meanwhile has none.
        let Ok(info) = module.get_token_info(slot) else {
            continue;
        };
        let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|it| it == has);
        let fits = info.token_initialized()
            && is(&uri.token, info.label())
            && is(&uri.serial, info.serial_number())
            && is(&uri.manufacturer, info.manufacturer_id())
            && is(&uri.model, info.model());
        if fits && found.replace((slot, info)).is_some() {
            return Err(TokenFault::TwoTokens { uri: uri.to_string() });
        }
    }
    found.ok_or_else(|| TokenFault::NoToken { uri: uri.to_string() })
}
