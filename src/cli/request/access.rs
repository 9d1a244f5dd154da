//! Gives or takes sight of a confidential request (UNTOC art. 18(20)); each is an entry, and its
//! receipt is verified.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;

use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::proof;
use crate::cli::request::send::{tell_key, unknown};
use crate::cli::sheet::Sheet;
use crate::domain::ids::{AgencyId, RequestId};
use crate::identity::spiffe::{self, SpiffeError};
use crate::identity::{Principal, Role};
use crate::merkle::receipt::TlogProof;
use crate::wire::{json, pb};

/// Whose sight of which request changes.
#[derive(Debug, Args)]
pub struct Access {
    /// Id of the request
    request: RequestId,
    /// Who: a SPIFFE id, or officer/NAME or service/NAME of the own agency
    holder: Holder,
    /// Names the call; the same key with the same request and holder is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Somebody of an agency; of the caller's own where only role and name were said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Said in full.
    Whole(Principal),
    /// Of the caller's own agency.
    Short {
        /// The role.
        role: Role,
        /// The name of the post.
        name: String,
    },
}

impl FromStr for Holder {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        if text.starts_with(spiffe::SCHEME) {
            return spiffe::parse(text).map(Self::Whole);
        }
        let (role, name) = text.split_once('/').ok_or(SpiffeError::Scheme)?;
        let role = Role::from_word(role).ok_or(SpiffeError::Role)?;
        spiffe::check_name(name)?;
        Ok(Self::Short { role, name: name.to_owned() })
    }
}

impl Holder {
    /// Who it is, for a caller of `agency`.
    pub fn of(self, agency: &AgencyId) -> Principal {
        match self {
            Self::Whole(principal) => principal,
            Self::Short { role, name } => Principal { agency: agency.clone(), role, name },
        }
    }
}

/// Gives sight of a request.
///
/// # Errors
/// What the node answers, or a receipt that does not hold.
pub async fn grant(line: &Line, access: Access, output: &Output) -> Result<()> {
    let call = Call::begin(line, access, output);
    let asked = pb::GrantAccessRequest {
        idempotency_key: call.key.clone(),
        request_id: call.request.clone(),
        holder: call.holder.clone(),
    };
    let answered = line.client.grant_access(asked).await;
    let answer = answered.map_err(|error| unknown(error, "granting", &call.key))?;
    let told = told(line, "access_granted", answer.receipt.clone(), output)?;
    output.show(
        || json::from_message(&answer),
        || Sheet::new().line(format!("{} has sight of {}: {told}", call.holder, call.request)),
    )
}

/// Takes sight of a request.
///
/// # Errors
/// As [`grant`].
pub async fn revoke(line: &Line, access: Access, output: &Output) -> Result<()> {
    let call = Call::begin(line, access, output);
    let asked = pb::RevokeAccessRequest {
        idempotency_key: call.key.clone(),
        request_id: call.request.clone(),
        holder: call.holder.clone(),
    };
    let answered = line.client.revoke_access(asked).await;
    let answer = answered.map_err(|error| unknown(error, "revoking", &call.key))?;
    let told = told(line, "access_revoked", answer.receipt.clone(), output)?;
    output.show(
        || json::from_message(&answer),
        || Sheet::new().line(format!("{} lost sight of {}: {told}", call.holder, call.request)),
    )
}

/// One call, by its name.
struct Call {
    key: String,
    request: String,
    holder: String,
}

impl Call {
    fn begin(line: &Line, access: Access, output: &Output) -> Self {
        let Access { request, holder, idempotency_key } = access;
        let is_given = idempotency_key.is_some();
        let key = idempotency_key.unwrap_or_else(call::new_key);
        tell_key(&key, is_given, output);
        let holder = holder.of(&line.agency).to_string();
        Self { key, request: request.to_string(), holder }
    }
}

/// Verifies a receipt; says where the entry stands.
///
/// # Errors
/// Exit status 7 if it does not hold or states another fact.
pub fn told(
    line: &Line,
    fact: &str,
    receipt: Option<pb::Statement>,
    output: &Output,
) -> Result<String> {
    let no = |why: String| Failure::new(Exit::AnswerIsNo, format!("the receipt {why}"));
    let receipt = receipt.ok_or_else(|| no("is missing".to_owned()))?;
    let Some(directory) = &line.directory else {
        output.note("the receipt is not checked: no directory is named");
        let proof = TlogProof::parse(&receipt.proof);
        let proof = proof.map_err(|why| no(format!("can't be read: {why}")))?;
        return Ok(format!("entry {}", proof.index));
    };
    let proven = proof::check(directory, receipt);
    let proven = proven.map_err(|why| no(format!("({fact}) does not hold: {why}")))?;
    let (stated, journal) = (proven.entry.fact.name(), &proven.entry.journal);
    if stated != fact {
        return Err(no(format!("states {stated} and not {fact}")).into());
    }
    if *journal.agency() != line.agency {
        return Err(no(format!("is of {journal} and not of {}", line.agency)).into());
    }
    Ok(format!("entry {} in {journal}", proven.index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_a_whole_id_or_is_completed_with_the_own_agency() {
        let agency: AgencyId = "ita.coast-guard".parse().unwrap();
        let of = |text: &str| text.parse::<Holder>().map(|it| it.of(&agency).to_string());
        let night = "spiffe://ita.coast-guard/officer/night-officer";
        assert_eq!(of("officer/night-officer").as_deref(), Ok(night));
        assert_eq!(of("service/files").as_deref(), Ok("spiffe://ita.coast-guard/service/files"));
        assert_eq!(of(night).as_deref(), Ok(night));
        // Whether another agency's people may have sight is for the node to say.
        let other = "spiffe://fra.police/officer/desk";
        assert_eq!(of(other).as_deref(), Ok(other));
    }

    #[test]
    fn what_names_nobody_is_told_what_is_wrong_with_it() {
        let fault = |text: &str| text.parse::<Holder>().unwrap_err();
        assert_eq!(fault("night-officer"), SpiffeError::Scheme);
        assert_eq!(fault("chief/night-officer"), SpiffeError::Role);
        assert_eq!(fault("officer/Night Officer"), SpiffeError::Name);
        assert_eq!(fault("officer/a/b"), SpiffeError::Name);
        assert_eq!(fault("spiffe://ita.coast-guard/officer"), SpiffeError::Shape);
    }
}
