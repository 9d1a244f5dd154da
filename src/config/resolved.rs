//! What a call uses, field by field, and who decided it.
//!
//! A flag beats the environment, the environment beats the context, the context beats the default.

use std::fmt;
use std::path::PathBuf;

use crate::config::context::{Context, ContextError, Contexts};
use crate::config::environment::{CONTEXT_VARIABLES, Environment};
use crate::domain::ids::{AgencyId, ContactPointId};

/// Address that is tried when nobody names one: a node on this machine.
pub const ADDRESS_DEFAULT: &str = "127.0.0.1:7443";

/// Who decided a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of this call.
    Flag,
    /// This environment variable.
    Environment(&'static str),
    /// This context.
    Context(String),
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Context(name) => write!(f, "context {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and who decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<T> {
    /// The value.
    pub value: T,
    /// Who decided it.
    pub origin: Origin,
}

/// What the server's certificate is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The roots and CRL that this directory has for the agency.
    Directory(PathBuf),
    /// These roots.
    Roots(PathBuf),
}

/// All that a call needs, each with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Host and port of the agency listener.
    pub address: Decided<String>,
    /// The agency whose node must answer there.
    pub agency: Decided<AgencyId>,
    /// The caller's certificate chain (PEM).
    pub certificate: Decided<PathBuf>,
    /// The caller's private key (PEM).
    pub key: Decided<PathBuf>,
    /// What the server is checked against.
    pub anchor: Decided<Anchor>,
    /// The caller's desk, where a call needs one.
    pub contact_point: Option<Decided<ContactPointId>>,
}

impl Context {
    /// What the environment says.
    fn of_environment(environment: &Environment) -> Result<Self, ContextError> {
        fn parsed<T: std::str::FromStr<Err: fmt::Display>>(
            environment: &Environment,
            name: &'static str,
        ) -> Result<Option<T>, ContextError> {
            let wrong = |error: T::Err| ContextError::Variable { name, problem: error.to_string() };
            environment.get(name).map(|text| text.parse().map_err(wrong)).transpose()
        }
        for name in environment.unreadable() {
            if CONTEXT_VARIABLES.iter().any(|(it, _)| it == name) {
                return Err(ContextError::Variable { name, problem: "is not UTF-8".to_owned() });
            }
        }
        let path = |name| environment.get(name).map(PathBuf::from);
        Ok(Self {
            address: environment.get("ROGATORY_ADDRESS").map(str::to_owned),
            agency: parsed(environment, "ROGATORY_AGENCY")?,
            certificate: path("ROGATORY_CERTIFICATE"),
            key: path("ROGATORY_KEY"),
            directory: path("ROGATORY_DIRECTORY"),
            roots: path("ROGATORY_ROOTS"),
            contact_point: parsed(environment, "ROGATORY_CONTACT_POINT")?,
        })
    }

    fn anchor(&self) -> Option<Anchor> {
        let directory = self.directory.clone().map(Anchor::Directory);
        directory.or_else(|| self.roots.clone().map(Anchor::Roots))
    }
}

impl Contexts {
    /// The name of the context that a call uses, and who decided that.
    ///
    /// # Errors
    /// As [`Contexts::current`].
    pub fn chosen(
        &self,
        flag: Option<&str>,
        environment: &Environment,
    ) -> Result<Option<Decided<String>>, ContextError> {
        let decided = |value: &str, origin| Some(Decided { value: value.to_owned(), origin });
        if let Some(name) = flag {
            return Ok(decided(name, Origin::Flag));
        }
        if let Some(name) = environment.get("ROGATORY_CONTEXT") {
            return Ok(decided(name, Origin::Environment("ROGATORY_CONTEXT")));
        }
        Ok(self.current()?.map(|value| Decided { value, origin: Origin::Default }))
    }

    /// The directory that is trusted, for what needs no node: flag, environment, context.
    ///
    /// # Errors
    /// [`ContextError::Open`] if nobody names one; what is wrong with the context or a variable.
    pub fn directory(
        &self,
        chosen: Option<&str>,
        flags: &Context,
        environment: &Environment,
    ) -> Result<PathBuf, ContextError> {
        let said = Context::of_environment(environment)?;
        let decided = flags.directory.clone().or(said.directory);
        if let Some(path) = decided {
            return Ok(path);
        }
        let name = self.chosen(chosen, environment)?.map(|it| it.value);
        let context = name.map(|name| self.get(&name)).transpose()?.unwrap_or_default();
        context.directory.ok_or(ContextError::Open(vec!["directory"]))
    }

    /// What a call uses, field by field: flag, environment, context, default.
    ///
    /// # Errors
    /// [`ContextError::Open`] with every field that nobody decided; what is wrong with the context
    /// or a variable.
    pub fn resolve(
        &self,
        chosen: Option<&str>,
        flags: &Context,
        environment: &Environment,
    ) -> Result<Resolved, ContextError> {
        let said = Context::of_environment(environment)?;
        let name = self.chosen(chosen, environment)?.map(|it| it.value);
        let context = name.as_deref().map(|name| self.get(name)).transpose()?.unwrap_or_default();
        let ladder =
            Ladder { flags, said: &said, context: &context, name: name.unwrap_or_default() };
        let address = ladder.decide("ROGATORY_ADDRESS", |it| it.address.clone());
        let agency = ladder.decide("ROGATORY_AGENCY", |it| it.agency.clone());
        let certificate = ladder.decide("ROGATORY_CERTIFICATE", |it| it.certificate.clone());
        let key = ladder.decide("ROGATORY_KEY", |it| it.key.clone());
        let by = if said.directory.is_some() { "ROGATORY_DIRECTORY" } else { "ROGATORY_ROOTS" };
        let anchor = ladder.decide(by, Context::anchor);
        let open: Vec<&'static str> = [
            ("agency", agency.is_none()),
            ("certificate", certificate.is_none()),
            ("key", key.is_none()),
            ("directory or roots", anchor.is_none()),
        ]
        .into_iter()
        .filter_map(|(field, is_open)| is_open.then_some(field))
        .collect();
        let (Some(agency), Some(certificate), Some(key), Some(anchor)) =
            (agency, certificate, key, anchor)
        else {
            return Err(ContextError::Open(open));
        };
        let default = || Decided { value: ADDRESS_DEFAULT.to_owned(), origin: Origin::Default };
        let address = address.unwrap_or_else(default);
        let contact_point = ladder.decide("ROGATORY_CONTACT_POINT", |it| it.contact_point.clone());
        Ok(Resolved { address, agency, certificate, key, anchor, contact_point })
    }
}

/// Who is asked for a field, in this order.
struct Ladder<'a> {
    flags: &'a Context,
    said: &'a Context,
    context: &'a Context,
    name: String,
}

impl Ladder<'_> {
    fn decide<T>(
        &self,
        variable: &'static str,
        field: impl Fn(&Context) -> Option<T>,
    ) -> Option<Decided<T>> {
        let by_flag = field(self.flags).map(|value| (value, Origin::Flag));
        let said = || field(self.said).map(|value| (value, Origin::Environment(variable)));
        let stored =
            || field(self.context).map(|value| (value, Origin::Context(self.name.clone())));
        let (value, origin) = by_flag.or_else(said).or_else(stored)?;
        Some(Decided { value, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::context::fixtures::{context, stored};

    #[test]
    fn a_flag_beats_the_environment_beats_the_context_beats_the_default() {
        let (_home, contexts) = stored();
        contexts.select("rome").unwrap();
        let flags = Context { key: Some("/f.key".into()), ..Context::default() };
        let environment = Environment::of(&[
            ("ROGATORY_KEY", "/e.key"),
            ("ROGATORY_ROOTS", "/e.roots"),
            ("ROGATORY_CONTACT_POINT", "ita.coast-guard/night"),
        ]);
        let resolved = contexts.resolve(None, &flags, &environment).unwrap();
        assert_eq!(resolved.key, Decided { value: "/f.key".into(), origin: Origin::Flag });
        assert_eq!(
            resolved.anchor,
            Decided {
                value: Anchor::Roots("/e.roots".into()),
                origin: Origin::Environment("ROGATORY_ROOTS"),
            }
        );
        let desk = resolved.contact_point.unwrap();
        assert_eq!(desk.value.desk(), "night");
        assert_eq!(desk.origin.to_string(), "environment variable ROGATORY_CONTACT_POINT");
        assert_eq!(resolved.address.origin, Origin::Context("rome".to_owned()));
        assert_eq!(resolved.address.value, "rome.example:7443");
    }

    #[test]
    fn without_a_context_flags_suffice_and_what_is_open_is_named() {
        let (_home, contexts) = stored();
        let none = Environment::default();
        let error = contexts.resolve(None, &Context::default(), &none).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not known: agency, certificate, key, directory or roots; name them by flag, \
             ROGATORY_ variable or context"
        );
        let flags = Context { address: None, ..context() };
        let resolved = contexts.resolve(None, &flags, &none).unwrap();
        assert_eq!(resolved.address.value, ADDRESS_DEFAULT);
        assert_eq!(resolved.address.origin, Origin::Default);
        let chosen = contexts.resolve(Some("rome"), &Context::default(), &none).unwrap();
        assert_eq!(chosen.key.origin, Origin::Context("rome".to_owned()));
        let wrong = Environment::of(&[("ROGATORY_AGENCY", "Rome")]);
        let error = contexts.resolve(None, &flags, &wrong).unwrap_err();
        assert!(matches!(error, ContextError::Variable { name: "ROGATORY_AGENCY", .. }), "{error}");
    }
}
