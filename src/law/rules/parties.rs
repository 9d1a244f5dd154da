//! Is everyone party to what is relied on, and does it say which regime governs?

use crate::domain::ids::StateCode;
use crate::domain::kinds::Profile;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::law::parties::{BUDAPEST, PROTOCOL, Status, UNTOC};
use crate::wire::pb;

const PARTY: Basis = basis("R-PARTY", "VCLT 26, 34");
const RESERVATION: Basis = basis("R-PARTY", "VCLT 21");
const REGIME: Basis = basis("R-REGIME", "UNTOC 18(7)");
const BASIS_STATED: Basis = basis("R-REGIME", "policy");

/// Words for how UNTOC 18(9) to 18(29) apply.
const REGIMES: [&str; 4] = ["default", "instead_of_treaty", "agreed_in_lieu", "not_applicable"];

/// R-PARTY: on the day of issue every State is party to each instrument relied on, and none
/// reserved the article (VCLT 26, 34: a treaty binds its parties; 21: effects of a reservation).
pub(super) fn party(case: &Case<'_>, found: &mut Findings) {
    let stated = case.draft.legal_basis.iter().flat_map(|it| &it.instruments);
    let mut states: Vec<StateCode> = case.own_state().into_iter().collect();
    states.extend(&case.states);
    states.sort_unstable();
    states.dedup();
    for (at, instrument) in stated.enumerate() {
        let pointer = format!("/legal_basis/instruments/{at}");
        for state in &states {
            one(case, found, &pointer, instrument, *state);
        }
    }
}

fn one(
    case: &Case<'_>,
    found: &mut Findings,
    pointer: &str,
    instrument: &pb::Instrument,
    state: StateCode,
) {
    let name = instrument.instrument.as_deref().unwrap_or_default();
    let shown = match name {
        UNTOC => UNTOC,
        PROTOCOL => PROTOCOL,
        BUDAPEST => BUDAPEST,
        _ => "the instrument named here",
    };
    let parties = case.standing.parties;
    match parties.on(state, name, "", case.date()) {
        Status::NotParty => {
            let told = format!("{state} is not party to {shown} on the day of issue");
            return found.reject(PARTY, pointer, "NOT_A_PARTY", told);
        }
        Status::Unknown => {
            let told = format!("whether {state} is party to {shown} is not known here");
            found.warn(PARTY, pointer, "PARTY_STATUS_UNKNOWN", told);
        }
        Status::Party | Status::Reserved { .. } => {}
    }
    for (at, article) in instrument.articles.iter().enumerate() {
        let status = parties.on(state, name, article, case.date());
        let Status::Reserved { objections } = status else { continue };
        let pointer = format!("{pointer}/articles/{at}");
        let objects = |it: &StateCode| objections.contains(it);
        let own = case.own_state();
        if own.iter().any(objects) || case.states.iter().any(objects) {
            let told = format!(
                "{state} reserved this article of {shown}, and the other side objected: whether it \
                 applies between them is contested"
            );
            found.warn(RESERVATION, pointer, "RESERVATION_CONTESTED", told);
        } else {
            let told = format!("{state} reserved this article of {shown}");
            found.reject(RESERVATION, pointer, "ARTICLE_RESERVED", told);
        }
    }
}

/// R-REGIME: a request says what it rests on, and mutual assistance whether UNTOC 18(9) to 18(29)
/// govern: by default where there is no other treaty, by agreement where there is one (18(7)).
pub(super) fn regime(case: &Case<'_>, found: &mut Findings) {
    if !case.opens() {
        return;
    }
    let legal_basis = case.draft.legal_basis.as_ref();
    let named =
        |it: &pb::LegalBasis| it.instruments.iter().any(|it| said(it.instrument.as_deref()));
    if !legal_basis.is_some_and(named) {
        let told = "it names the instrument that it rests on";
        found.reject(BASIS_STATED, "/legal_basis/instruments", "LEGAL_BASIS_MISSING", told);
    }
    if !case.asks() || case.kind.is_none_or(|it| it.profile != Profile::Mla) {
        return;
    }
    let pointer = "/legal_basis/apply_18_9_to_29";
    let Some(word) = legal_basis.and_then(|it| it.apply_18_9_to_29.as_deref()) else {
        let told = "it says whether UNTOC 18(9) to 18(29) govern: default, instead_of_treaty or \
                    not_applicable";
        return found.reject(REGIME, pointer, "REGIME_MISSING", told);
    };
    if !REGIMES.contains(&word) {
        let told = "it is default, instead_of_treaty or not_applicable";
        return found.reject(REGIME, pointer, "REGIME_UNKNOWN", told);
    }
    let other = legal_basis.and_then(|it| it.other_mla_treaty.as_ref()).and_then(|it| it.exists);
    if word == "default" && other == Some(true) {
        let told = "by default they govern only where there is no other treaty";
        found.reject(REGIME, pointer, "REGIME_CONTRADICTS_TREATY", told);
    }
    if ["instead_of_treaty", "agreed_in_lieu"].contains(&word) && other == Some(false) {
        let told = "they can stand in place of a treaty only where there is one";
        found.reject(REGIME, pointer, "REGIME_CONTRADICTS_TREATY", told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{BANK, DEPARTURE, VESSEL, changed, found, now, text};
    use crate::law::{PartyStatus, Standing, Thread, judge};

    fn judged(draft: &pb::Draft, rows: &str) -> Vec<String> {
        let parties = PartyStatus::built_in().clone().with(PartyStatus::read(rows).unwrap());
        let thread = Thread::default();
        let standing = Standing { directory: None, parties: &parties, now: now(), thread };
        let all = judge(draft, &standing).into_iter().filter(|it| it.rule == "R-PARTY");
        all.map(|it| format!("{} {} {}", it.severity, it.pointer, it.text)).collect()
    }

    #[test]
    fn a_state_of_which_nothing_is_known_is_named_and_not_refused() {
        assert_eq!(found("R-PARTY", &changed(VESSEL, |_| ())), [""; 0]);
        let unknown =
            ["warn /legal_basis/instruments/0 whether ARE is party to UNTOC is not known here"];
        assert_eq!(judged(&changed(BANK, |_| ()), ""), unknown);
    }

    #[test]
    fn who_is_not_party_on_the_day_of_issue_is_refused() {
        let rows = |day| format!("[[party]]\nstate='ARE'\ninstrument='UNTOC'\nfrom='{day}'\n");
        let bank = changed(BANK, |_| ());
        assert_eq!(judged(&bank, &rows("2026-03-02")), [""; 0]);
        let refused =
            ["reject /legal_basis/instruments/0 ARE is not party to UNTOC on the day of issue"];
        assert_eq!(judged(&bank, &rows("2026-03-03")), refused);
    }

    #[test]
    fn a_reserved_article_is_refused_and_contested_with_who_objected() {
        let row = |objects: &str| {
            format!(
                "[[party]]\nstate='PAN'\ninstrument='SOM-PROTOCOL'\narticle='8'\n\
                 reservation='x'\nobjections=[{objects}]\n"
            )
        };
        let vessel = changed(VESSEL, |it| {
            it.legal_basis.as_mut().unwrap().instruments[0].articles =
                vec!["9".to_owned(), "8(2)".to_owned()];
        });
        let place = "/legal_basis/instruments/0/articles/1";
        let refused = &format!("reject {place} PAN reserved this article of SOM-PROTOCOL");
        assert_eq!(judged(&vessel, &row("")), [refused.as_str()]);
        assert_eq!(judged(&vessel, &row("'DEU'")), [refused.as_str()]);
        let contested = judged(&vessel, &row("'ITA'"));
        assert_eq!(contested.len(), 1);
        assert!(contested[0].starts_with(&format!("warn {place} PAN reserved")), "{contested:?}");
    }

    #[test]
    fn mutual_assistance_says_which_regime_governs() {
        let with = |word: Option<&str>, other: bool| {
            found(
                "R-REGIME",
                &changed(BANK, |it| {
                    let legal_basis = it.legal_basis.as_mut().unwrap();
                    legal_basis.apply_18_9_to_29 = word.map(str::to_owned);
                    legal_basis.other_mla_treaty.as_mut().unwrap().exists = Some(other);
                }),
            )
        };
        let at = |code: &str| vec![format!("reject /legal_basis/apply_18_9_to_29 {code}")];
        assert_eq!(with(Some("default"), false), [""; 0]);
        assert_eq!(with(Some("instead_of_treaty"), true), [""; 0]);
        assert_eq!(with(Some("not_applicable"), true), [""; 0]);
        assert_eq!(with(None, false), at("REGIME_MISSING"));
        assert_eq!(with(Some("sometimes"), false), at("REGIME_UNKNOWN"));
        assert_eq!(with(Some("default"), true), at("REGIME_CONTRADICTS_TREATY"));
        assert_eq!(with(Some("instead_of_treaty"), false), at("REGIME_CONTRADICTS_TREATY"));
    }

    #[test]
    fn a_message_that_opens_a_course_names_an_instrument() {
        let missing = ["reject /legal_basis/instruments LEGAL_BASIS_MISSING"];
        let none = changed(DEPARTURE, |it| it.legal_basis = None);
        assert_eq!(found("R-REGIME", &none), missing);
        let reply = changed(DEPARTURE, |it| {
            it.legal_basis = None;
            it.message_type = text("ack_receipt");
        });
        assert_eq!(found("R-REGIME", &reply), [""; 0]);
    }
}
