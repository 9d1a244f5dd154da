//! The private keys of a node, wherever they are: in the files of its folder, and in a token.

use std::sync::Arc;

use anyhow::Result;
use zeroize::Zeroizing;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::config::{Config, Environment, KeySource, NodeKeys};
use crate::directory::record::AgencyRecord;
use crate::directory::{JournalKeys, WitnessKeys};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer, SignsEd25519};
use crate::node::cosigning::WitnessSigning;
use crate::node::signing::{JournalSigning, SigningPair};
use crate::token::{Ed25519Key, P256Key, TokenUri};
use crate::transport::tls::own::PrivateKey;

/// The keys of a configuration: all but those of TLS.
pub struct OwnKeys {
    /// What is in files.
    pub files: NodeKeys,
    /// Keys of the journal that are in a token, in the order of the configuration.
    pub(in crate::cli) tokens: Vec<Arc<Ed25519Key>>,
}

fn refused(text: String) -> anyhow::Error {
    Failure::new(Exit::Refused, text).into()
}

impl OwnKeys {
    /// Reads the files and opens the token.
    ///
    /// # Errors
    /// A key that can't be read or is not in the token, with the field that names it.
    pub fn load(config: &Config) -> Result<Self> {
        let environment = Environment::of_process();
        let uris = &config.keys.journal_ed25519;
        let folder = &config.keys.folder;
        let files = if uris.is_empty() {
            NodeKeys::load_under(folder, &environment)?
        } else {
            NodeKeys::load_beside_token(folder, &environment)?
        };
        let tokens = uris.iter().map(|uri| Ok(Arc::new(journal_key(config, uri)?)));
        let own = Self { files, tokens: tokens.collect::<Result<_>>()? };
        own.refuse_repeated()?;
        Ok(own)
    }

    fn refuse_repeated(&self) -> Result<()> {
        for (at, key) in self.tokens.iter().enumerate() {
            let same = self.tokens.iter().take(at).find(|it| it.public_key() == key.public_key());
            if let Some(same) = same {
                let text = format!(
                    "keys.journal_ed25519: {} and {} are the same key",
                    same.uri(),
                    key.uri()
                );
                return Err(refused(text));
            }
        }
        Ok(())
    }

    /// The Ed25519 keys with which a volume may be signed: of each pair of files, and of the token.
    pub(in crate::cli) fn ed25519(&self, volume: u32) -> Vec<Arc<dyn SignsEd25519>> {
        let files = self.files.pairs(volume).filter_map(|(_, it)| it.ed25519);
        let files = files.map(|it| Arc::new(Ed25519Signer::from_seed(it)) as Arc<dyn SignsEd25519>);
        let tokens = self.tokens.iter().map(|it| Arc::clone(it) as Arc<dyn SignsEd25519>);
        files.chain(tokens).collect()
    }

    /// The ML-DSA-44 keys with which a volume may be signed; they are always in files.
    pub(in crate::cli) fn mldsa44(&self, volume: u32) -> Vec<Arc<MlDsa44Signer>> {
        let seeds = self.files.pairs(volume).map(|(_, it)| it.mldsa44);
        seeds.map(|it| Arc::new(MlDsa44Signer::from_seed(it))).collect()
    }

    /// The pairs that sign a volume as the directory names them; none if the one in use is not here.
    pub(super) fn signing(&self, named: &JournalKeys) -> Option<JournalSigning> {
        let volume = named.name.volume();
        let (ed25519s, mldsa44s) = (self.ed25519(volume), self.mldsa44(volume));
        let find = |ed25519: &[u8; 32], mldsa44: &[u8]| {
            let first = ed25519s.iter().find(|it| it.public_key() == *ed25519)?;
            let second = mldsa44s.iter().find(|it| it.public() == mldsa44)?;
            Some(SigningPair { ed25519: Arc::clone(first), mldsa44: Arc::clone(second) })
        };
        let in_use = find(&named.ed25519, &named.mldsa44)?;
        let next = named.next.as_ref().and_then(|next| {
            let pair = find(&next.ed25519, &next.mldsa44);
            if pair.is_none() {
                tracing::error!("the journal's next keys, which the directory names, are not here");
            }
            Some((next.from, pair?))
        });
        Some(JournalSigning::of(in_use, next))
    }

    /// The witness keys as the agency's record names them; none if the one in use is not here.
    pub(super) fn witness(&self, named: &WitnessKeys) -> Option<WitnessSigning> {
        let find = |public: &[u8; 32]| {
            let mut keys = self.files.witness.values().map(Ed25519Signer::from_seed);
            keys.find(|it| it.public() == *public)
        };
        let in_use = find(&named.ed25519)?;
        let next = named.next.as_ref().and_then(|next| {
            let key = find(&next.ed25519);
            if key.is_none() {
                tracing::error!("the next witness key, which the directory names, is not here");
            }
            Some((next.from, key?))
        });
        Some(WitnessSigning::of(in_use, next))
    }

    /// The keys in the token that no volume of the agency's record names.
    pub(in crate::cli) fn unnamed(
        &self,
        record: Option<&AgencyRecord>,
    ) -> impl Iterator<Item = &Arc<Ed25519Key>> {
        let volumes = record.map(|it| it.journals.as_slice()).unwrap_or_default();
        self.tokens.iter().filter(move |key| {
            let public = key.public_key();
            !volumes.iter().flat_map(JournalKeys::publics).any(|it| it == public)
        })
    }

    /// The pair with which a volume begins that the record does not name yet.
    ///
    /// # Errors
    /// Exit status 6 if its Ed25519 key is to be in the token, and is not.
    pub(super) fn first_pair(
        &self,
        volume: u32,
        record: Option<&AgencyRecord>,
    ) -> Result<SigningPair> {
        let seeds = self.files.journal(volume);
        let seeds = seeds.ok_or_else(|| refused("the new volume has no keys yet".to_owned()))?;
        let ed25519: Arc<dyn SignsEd25519> = match self.files.volumes.get(&(volume, 1)) {
            Some(own) if own.ed25519.is_none() => {
                let unnamed = self.unnamed(record).next();
                let unnamed = unnamed.ok_or_else(|| must_make("the new volume's key"))?;
                Arc::clone(unnamed) as Arc<dyn SignsEd25519>
            }
            Some(_) | None => {
                let seed = seeds.ed25519.ok_or_else(|| must_make("the new volume's key"))?;
                Arc::new(Ed25519Signer::from_seed(seed))
            }
        };
        Ok(SigningPair { ed25519, mldsa44: Arc::new(MlDsa44Signer::from_seed(seeds.mldsa44)) })
    }
}

/// That a key has to be made in the token first, by the token's own means.
pub(in crate::cli) fn must_make(what: &str) -> anyhow::Error {
    refused(format!(
        "{what} is to be in the token, where this program makes none: make it there (pkcs11-tool \
         --keypairgen --key-type EC:edwards25519), add it to keys.journal_ed25519, and ask again"
    ))
}

/// Opens a key of the journal in the token.
pub(in crate::cli) fn journal_key(config: &Config, uri: &TokenUri) -> Result<Ed25519Key> {
    let field = "keys.journal_ed25519";
    let access = config.token.access(uri, &Environment::of_process());
    let access = access.map_err(|error| refused(format!("{field}: {error}")))?;
    Ed25519Key::open(&access, uri).map_err(|fault| refused(format!("{field}: {fault}")))
}

/// The private key of a certificate.
pub enum HeldKey {
    /// Read from a PEM file.
    Pem(Zeroizing<String>),
    /// In a token.
    Token(Arc<P256Key>),
}

impl HeldKey {
    /// Reads the file or opens the token.
    ///
    /// # Errors
    /// What can't be read, or is not in the token; exit status 6 for the latter.
    pub fn load(config: &Config, source: &KeySource) -> Result<Self> {
        let uri = match source {
            KeySource::File(path) => return Ok(Self::Pem(file::read_key(path)?)),
            KeySource::Token(uri) => uri,
        };
        let field = if *source == config.tls.key { "tls.key" } else { "tls.peer_key" };
        let access = config.token.access(uri, &Environment::of_process());
        let access = access.map_err(|error| refused(format!("{field}: {error}")))?;
        let key = P256Key::open(&access, uri);
        let key = key.map_err(|fault| refused(format!("{field}: {fault}")))?;
        Ok(Self::Token(Arc::new(key)))
    }

    /// As certificates take it.
    pub fn lent(&self) -> PrivateKey<'_> {
        match self {
            Self::Pem(text) => PrivateKey::Pem(text),
            Self::Token(key) => PrivateKey::Token(key),
        }
    }
}

/// Where a configuration's own key is, in one word.
pub(in crate::cli) fn place_of(source: &KeySource) -> &'static str {
    match source {
        KeySource::File(_) => IN_FILE,
        KeySource::Token(_) => IN_TOKEN,
    }
}

/// A key in a file.
pub(in crate::cli) const IN_FILE: &str = "file";
/// A key in a token.
pub(in crate::cli) const IN_TOKEN: &str = "token";
