//! A wrong authority does not let a request fall: it says who is competent.

use crate::domain::acts::Act;
use crate::domain::ids::ContactPointId;
use crate::law::case::{Basis, Case, Findings, basis, said};

const REDIRECT: Basis = basis("R-REDIRECT", "policy (Budapest Convention 27(9)(c), EIO 7(6))");

/// R-REDIRECT: a redirect notice names a contact point that may receive the kind, and says why; so
/// that the requester can send the request there, and nothing comes back in silence.
pub(super) fn competent(case: &Case<'_>, found: &mut Findings) {
    if case.draft.redirect.as_ref().is_some_and(|it| it.original.is_some()) {
        let told = "the node adds the request that is passed on, with its proof";
        found.reject(REDIRECT, "/redirect/original", "SET_BY_NODE", told);
    }
    if case.act != Some(Act::RedirectNotice) {
        return;
    }
    let redirect = case.draft.redirect.as_ref();
    if !said(redirect.and_then(|it| it.reason.as_deref())) {
        let told = "a redirect notice says why somebody else is competent";
        found.reject(REDIRECT, "/redirect/reason", "REDIRECT_REASON_MISSING", told);
    }
    let Some(named) = redirect.and_then(|it| it.to.as_deref()).filter(|it| said(Some(it))) else {
        let told = "a redirect notice names the contact point that is competent";
        return found.reject(REDIRECT, "/redirect/to", "REDIRECT_TARGET_MISSING", told);
    };
    let Ok(id) = named.parse::<ContactPointId>() else {
        let told = "it is a contact point, agency, slash, desk";
        return found.reject(REDIRECT, "/redirect/to", "MALFORMED", told);
    };
    if case.directory().is_none() {
        let told = "without a network it is not known whether that contact point is competent";
        return found.note(REDIRECT, "/redirect/to", "NETWORK_NOT_KNOWN", told);
    }
    let Some(desk) = case.desk(&id) else {
        let told = "the directory has no such contact point";
        return found.reject(REDIRECT, "/redirect/to", "UNKNOWN_CONTACT_POINT", told);
    };
    let Some(kind) = case.kind else { return };
    if !desk.functions.iter().any(|it| kind.receivers.contains(&it.as_str())) {
        let told = format!("{kind} goes to a desk that is {}", kind.receivers.join(" or "));
        found.reject(REDIRECT, "/redirect/to", "WRONG_AUTHORITY_ROLE", told);
    }
}

#[cfg(test)]
mod tests {
    use crate::law::samples::{VESSEL, changed, found, found_offline, text};
    use crate::wire::pb;

    fn notice(to: &str, reason: &str) -> pb::Draft {
        changed(VESSEL, |draft| {
            draft.message_type = text("redirect_notice");
            draft.redirect = Some(pb::Redirect {
                to: text(to),
                reason: text(reason),
                ..pb::Redirect::default()
            });
        })
    }

    #[test]
    fn a_redirect_notice_names_a_competent_desk_and_says_why() {
        let rule = "R-REDIRECT";
        let why = "the vessel is registered elsewhere";
        assert_eq!(found(rule, &notice("ita.coast-guard/operations-centre", why)), [""; 0]);
        let wrong = [
            ("", "reject /redirect/to REDIRECT_TARGET_MISSING"),
            ("somewhere", "reject /redirect/to MALFORMED"),
            ("pan.maritime-authority/nobody", "reject /redirect/to UNKNOWN_CONTACT_POINT"),
            ("pan.central-authority/mla", "reject /redirect/to WRONG_AUTHORITY_ROLE"),
        ];
        for (to, expected) in wrong {
            assert_eq!(found(rule, &notice(to, why)), [expected], "{to}");
        }
        let silent = notice("ita.coast-guard/operations-centre", " ");
        assert_eq!(found(rule, &silent), ["reject /redirect/reason REDIRECT_REASON_MISSING"]);
        let offline = found_offline(rule, &notice("ita.coast-guard/operations-centre", why));
        assert_eq!(offline, ["note /redirect/to NETWORK_NOT_KNOWN"]);
        let forged = changed(VESSEL, |draft| {
            draft.redirect = Some(pb::Redirect {
                original: Some(pb::Original::default()),
                ..pb::Redirect::default()
            });
        });
        assert_eq!(found(rule, &forged), ["reject /redirect/original SET_BY_NODE"]);
        let other = changed(VESSEL, |draft| draft.message_type = text("ack_receipt"));
        assert_eq!(found(rule, &other), [""; 0]);
    }
}
