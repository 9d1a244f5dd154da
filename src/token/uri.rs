//! The name of a key in a token (RFC 7512).
//!
//! Read strictly: what is not known is refused, since a word that is passed over may be the one that
//! told two keys apart. A PIN or a module in the URI is refused in so many words.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How the URIs begin (RFC 7512, 2.3).
pub const SCHEME: &str = "pkcs11:";
/// Longest URI, in bytes.
pub const URI_BYTES_MAX: usize = 1024;

/// What is wrong with a URI: the attribute, and what about it. It does not say what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {problem}")]
pub struct UriFault {
    /// The attribute, or `pkcs11` for the whole.
    pub attribute: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

const fn fault(attribute: &'static str, problem: &'static str) -> UriFault {
    UriFault { attribute, problem }
}

/// A private key in a token: which token, and which key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUri {
    text: String,
    /// The token's label.
    pub token: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What it was made as.
    pub model: Option<String>,
    /// The key's label.
    pub object: Option<String>,
    /// The key's id.
    pub id: Option<Vec<u8>>,
    /// The file of the PIN.
    pub pin_source: Option<PathBuf>,
}

/// Attributes of the path that are not taken, and why.
const NOT_TAKEN: &[(&str, UriFault)] = &[
    ("slot-id", fault("slot-id", "slots change their numbers; name token or serial")),
    ("slot-description", fault("slot-description", "is not taken; name token or serial")),
    ("slot-manufacturer", fault("slot-manufacturer", "is not taken; name token or serial")),
    ("library-manufacturer", fault("library-manufacturer", "the module is set by token.module")),
    ("library-description", fault("library-description", "the module is set by token.module")),
    ("library-version", fault("library-version", "the module is set by token.module")),
];

impl FromStr for TokenUri {
    type Err = UriFault;

    fn from_str(text: &str) -> Result<Self, UriFault> {
        let rest = text.strip_prefix(SCHEME).ok_or(fault("pkcs11", "must begin with pkcs11:"))?;
        if text.len() > URI_BYTES_MAX || !text.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(fault("pkcs11", "must be 1,024 characters of ASCII at most, no spaces"));
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut uri = Self { text: text.to_owned(), ..Self::default() };
        for attribute in path.split(';') {
            uri.take(attribute)?;
        }
        for attribute in query.into_iter().flat_map(|it| it.split('&')) {
            uri.ask(attribute)?;
        }
        if uri.token.is_none() && uri.serial.is_none() {
            return Err(fault("token", "is missing: name token or serial"));
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(fault("object", "is missing: name object or id"));
        }
        Ok(uri)
    }
}

impl TokenUri {
    /// Takes an attribute of the path.
    fn take(&mut self, attribute: &str) -> Result<(), UriFault> {
        let (name, value) = named(attribute)?;
        match name {
            "token" => once(&mut self.token, "token", value, words),
            "serial" => once(&mut self.serial, "serial", value, words),
            "manufacturer" => once(&mut self.manufacturer, "manufacturer", value, words),
            "model" => once(&mut self.model, "model", value, words),
            "object" => once(&mut self.object, "object", value, words),
            "id" => once(&mut self.id, "id", value, Ok),
            "type" if value == "private" => Ok(()),
            "type" => Err(fault("type", "must be private: a key that signs")),
            "pin-value" => Err(PIN_VALUE),
            other => {
                let told = NOT_TAKEN.iter().find(|(name, _)| *name == other);
                Err(told.map_or(UNKNOWN, |(_, fault)| *fault))
            }
        }
    }

    /// Takes an attribute of the query.
    fn ask(&mut self, attribute: &str) -> Result<(), UriFault> {
        let (name, value) = named(attribute)?;
        match name {
            "pin-source" => once(&mut self.pin_source, "pin-source", value, file),
            "pin-value" => Err(PIN_VALUE),
            "module-path" => Err(fault("module-path", "the module is set by token.module")),
            "module-name" => Err(fault("module-name", "the module is set by token.module")),
            _ => Err(UNKNOWN),
        }
    }
}

const PIN_VALUE: UriFault =
    fault("pin-value", "a PIN does not stand in a URI; name its file by token.pin or pin-source");
const UNKNOWN: UriFault = fault("pkcs11", "has an attribute that is not known here");

fn named(attribute: &str) -> Result<(&str, &str), UriFault> {
    attribute.split_once('=').ok_or(fault("pkcs11", "must be attributes, each NAME=VALUE"))
}

fn once<T>(
    slot: &mut Option<T>,
    name: &'static str,
    value: &str,
    read: impl FnOnce(Vec<u8>) -> Result<T, &'static str>,
) -> Result<(), UriFault> {
    if slot.is_some() {
        return Err(fault(name, "stands there twice"));
    }
    let bytes = decoded(value).ok_or(fault(name, "has a % that two hex digits do not follow"))?;
    if bytes.is_empty() {
        return Err(fault(name, "is empty"));
    }
    *slot = Some(read(bytes).map_err(|problem| fault(name, problem))?);
    Ok(())
}

fn words(bytes: Vec<u8>) -> Result<String, &'static str> {
    String::from_utf8(bytes).map_err(|_| "is not UTF-8")
}

/// `file:/PATH` or `file:///PATH` (RFC 8089). A program that says the PIN is not run.
fn file(bytes: Vec<u8>) -> Result<PathBuf, &'static str> {
    let text = words(bytes)?;
    let path = text.strip_prefix("file:").ok_or("must be file:/PATH")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = Path::new(path);
    if path.is_absolute() && !text.contains('\0') {
        Ok(path.to_owned())
    } else {
        Err("must be file: and an absolute path")
    }
}

/// Undoes percent-encoding (RFC 3986, 2.1).
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(*hex::decode(digits).ok()?.first()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

impl fmt::Display for TokenUri {
    /// As it was written; no secret can stand there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TokenUri, String> {
        text.parse::<TokenUri>().map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_uri_names_a_token_a_key_and_the_file_of_the_pin() {
        let text = "pkcs11:token=Rome%20HSM;serial=0a1b;manufacturer=M;model=v2;object=journal;\
                    id=%01%ff;type=private?pin-source=file:///run/pin%20file";
        let uri = read(text).unwrap();
        assert_eq!(uri.token.as_deref(), Some("Rome HSM"));
        assert_eq!(uri.serial.as_deref(), Some("0a1b"));
        assert_eq!((uri.manufacturer.as_deref(), uri.model.as_deref()), (Some("M"), Some("v2")));
        assert_eq!(uri.object.as_deref(), Some("journal"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 255][..]));
        assert_eq!(uri.pin_source.as_deref(), Some(Path::new("/run/pin file")));
        assert_eq!(uri.to_string(), text);
        let short = read("pkcs11:token=a;object=b?pin-source=file:/p").unwrap();
        assert_eq!(short.pin_source.as_deref(), Some(Path::new("/p")));
    }

    #[test]
    fn each_wrong_uri_is_told_by_its_attribute() {
        let long = format!("pkcs11:token={};object=b", "a".repeat(URI_BYTES_MAX));
        let module = "the module is set by token.module";
        for (text, wanted) in [
            ("file:/key", "pkcs11: must begin with pkcs11:"),
            ("PKCS11:token=a;object=b", "pkcs11: must begin with pkcs11:"),
            (&long, "pkcs11: must be 1,024 characters of ASCII at most, no spaces"),
            (
                "pkcs11:token=a b;object=c",
                "pkcs11: must be 1,024 characters of ASCII at most, no spaces",
            ),
            ("pkcs11:", "pkcs11: must be attributes, each NAME=VALUE"),
            ("pkcs11:token=a;;object=b", "pkcs11: must be attributes, each NAME=VALUE"),
            ("pkcs11:object=b", "token: is missing: name token or serial"),
            ("pkcs11:token=a", "object: is missing: name object or id"),
            ("pkcs11:token=a;token=a;object=b", "token: stands there twice"),
            ("pkcs11:token=;object=b", "token: is empty"),
            ("pkcs11:token=%4;object=b", "token: has a % that two hex digits do not follow"),
            ("pkcs11:token=%zz;object=b", "token: has a % that two hex digits do not follow"),
            ("pkcs11:token=%ff;object=b", "token: is not UTF-8"),
            ("pkcs11:token=a;object=b;type=public", "type: must be private: a key that signs"),
            ("pkcs11:token=a;object=b;x-note=c", "pkcs11: has an attribute that is not known here"),
            (
                "pkcs11:token=a;slot-id=1;object=b",
                "slot-id: slots change their numbers; name token or serial",
            ),
            ("pkcs11:token=a;object=b?module-path=/m.so", &format!("module-path: {module}")),
            ("pkcs11:token=a;object=b?module-name=m", &format!("module-name: {module}")),
            ("pkcs11:token=a;object=b;library-version=1", &format!("library-version: {module}")),
            ("pkcs11:token=a;object=b?pin-source=pin", "pin-source: must be file:/PATH"),
            ("pkcs11:token=a;object=b?pin-source=|cat", "pin-source: must be file:/PATH"),
            (
                "pkcs11:token=a;object=b?pin-source=file:pin",
                "pin-source: must be file: and an absolute path",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), wanted, "{text}");
        }
    }

    #[test]
    fn a_pin_in_a_uri_is_refused_and_not_repeated() {
        for text in ["pkcs11:token=a;object=b?pin-value=4321", "pkcs11:pin-value=4321;token=a"] {
            let said = read(text).unwrap_err();
            let wanted = "pin-value: a PIN does not stand in a URI; name its file by token.pin or \
                          pin-source";
            assert_eq!(said, wanted);
        }
    }
}
