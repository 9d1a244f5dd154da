//! Private keys that stay in a token: a smart card, an HSM, or what stands for one (PKCS#11).
//!
//! In come the path of a module, a PIN and a URI (RFC 7512); out come keys that sign and can't be
//! read. `uri.rs` is the name of a key, `session.rs` the token that was logged in to, `key.rs` what
//! signs there: the journal's Ed25519 key and the P-256 key of a certificate.
//!
//! What always holds:
//! - A PIN that a token has refused is never tried again by this process: tokens lock after a few. Nor
//!   is one tried where the token says that one try is left.
//! - A session that is lost is opened again once for each signature; what fails then is told.
//! - What the token gives is checked with its public half before it counts as a signature of the
//!   journal.
//! - Nobody waits longer for a module than `key.rs` says: it is called in threads of its own, and a call
//!   that does not come back is given up. What it holds stays held until the process ends.
//! - A module is loaded once and stays: PKCS#11 counts logins by process and not by who asks.
//!
//! A module is foreign code that runs in the node's own process. Which one is loaded stands in the
//! configuration alone (`token.module`), never in a URI.
//!
//! Left to others: reading the PIN's file (`config/`), and the forms of TLS (`transport/tls/`).

pub mod key;
mod session;
pub mod uri;

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

pub use key::{Ed25519Key, P256Key};
pub use uri::{TokenUri, UriFault};

/// What opens a token.
#[derive(Clone)]
pub struct Access {
    /// The module, a shared library.
    pub module: PathBuf,
    /// The PIN of the token's user.
    pub pin: Zeroizing<String>,
}

impl fmt::Debug for Access {
    /// Without the PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("module", &self.module).finish_non_exhaustive()
    }
}

/// Why a key in a token can't be used. Each names the field that is wrong; none shows a PIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The module can't be loaded, or does not begin.
    #[error("token.module: {} can't be used: {why}", module.display())]
    Module {
        /// The file.
        module: PathBuf,
        /// What was said.
        why: String,
    },
    /// No token in any slot has what the URI names.
    #[error("{uri}: token, serial: no slot of the module holds such a token")]
    NoToken {
        /// The URI.
        uri: String,
    },
    /// Several tokens have it.
    #[error("{uri}: token, serial: several tokens are called so; name the serial too")]
    TwoTokens {
        /// The URI.
        uri: String,
    },
    /// The token refused the PIN.
    #[error("token.pin: token {token:?} refuses the PIN, which is not tried again: tokens lock")]
    Pin {
        /// Its label.
        token: String,
    },
    /// The token refused this PIN before.
    #[error("token.pin: token {token:?} refused this PIN before; it is not tried again")]
    PinBefore {
        /// Its label.
        token: String,
    },
    /// The token is locked, or would be by one more wrong PIN.
    #[error("token.pin: token {token:?} {what}; log in to it by hand first")]
    PinState {
        /// Its label.
        token: String,
        /// In which state it is.
        what: &'static str,
    },
    /// There is no such key.
    #[error("{uri}: object, id: the token holds no such private key")]
    NoKey {
        /// The URI.
        uri: String,
    },
    /// There are several.
    #[error("{uri}: object, id: the token holds {found} such private keys; name one")]
    TwoKeys {
        /// The URI.
        uri: String,
        /// How many.
        found: usize,
    },
    /// The key is of another algorithm.
    #[error("{uri}: object, id: the key is not of {wanted}, as is needed here")]
    KeyType {
        /// The URI.
        uri: String,
        /// The algorithm that is needed.
        wanted: &'static str,
    },
    /// The token does not sign so.
    #[error("{uri}: token: it has no {mechanism}")]
    Mechanism {
        /// The URI.
        uri: String,
        /// The mechanism of PKCS#11.
        mechanism: &'static str,
    },
    /// The public half is not in the token, or can't be read.
    #[error("{uri}: object, id: the token does not hold the public half beside the private one")]
    NoPublicHalf {
        /// The URI.
        uri: String,
    },
    /// What the token gives is no signature by the key.
    #[error("{uri}: object, id: what the token gives is no signature by the public half")]
    Signature {
        /// The URI.
        uri: String,
    },
    /// The token, or the session with it, is gone, and could not be had again.
    #[error("{uri}: the token does not sign, and was asked for once more: {why}")]
    Lost {
        /// The URI.
        uri: String,
        /// What was said.
        why: String,
    },
    /// The module was called and has not come back.
    #[error("{uri}: the module does not answer within {seconds} s")]
    Silent {
        /// The URI.
        uri: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Anything else that a token says.
    #[error("{uri}: {doing}: {why}")]
    Said {
        /// The URI.
        uri: String,
        /// What was being done.
        doing: &'static str,
        /// What was said.
        why: String,
    },
}
