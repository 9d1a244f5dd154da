//! Is it about an offence for which the treaties ask for assistance?

use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::law::parties::{PROTOCOL, UNTOC};
use crate::law::rules::content::has_base;
use crate::wire::pb;

const SCOPE: Basis = basis("R-SCOPE", "UNTOC 3(1), 18(1); Protocol 4, 6");
const SERIOUS: Basis = basis("R-SCOPE", "UNTOC 2(b)");
const TRANSNATIONAL: Basis = basis("R-SCOPE", "UNTOC 18(1), 3(2)");

/// Least maximum penalty of a serious crime, in years of imprisonment (UNTOC 2(b)).
pub(super) const SERIOUS_YEARS_MIN: u32 = 4;
/// Tests of transnationality (UNTOC 3(2)).
const TESTS: [&str; 4] = ["3(2)(a)", "3(2)(b)", "3(2)(c)", "3(2)(d)"];
/// Provisions under which an offence is any serious crime.
const SERIOUS_CRIME: [&str; 3] = ["3(1)(b)", "2(b)", "3(1)"];

/// Is `article` this article or part of it?
pub(super) fn is_within(article: &str, whole: &str) -> bool {
    let rest = article.trim().strip_prefix(whole);
    rest.is_some_and(|it| it.is_empty() || it.starts_with('('))
}

fn is_serious_crime(offence: &pb::Offence) -> bool {
    let article = offence.article.as_deref().map(str::trim).unwrap_or_default();
    offence.instrument.as_deref() == Some(UNTOC) && SERIOUS_CRIME.contains(&article)
}

fn is_in_scope(offence: &pb::Offence) -> bool {
    let article = offence.article.as_deref().unwrap_or_default();
    match offence.instrument.as_deref() {
        Some(UNTOC) => {
            let listed = ["5", "6", "8", "23"].iter().any(|it| is_within(article, it));
            listed || is_serious_crime(offence)
        }
        Some(PROTOCOL) => is_within(article, "6"),
        _ => false,
    }
}

/// R-SCOPE: a request under UNTOC or the Protocol names an offence of UNTOC 5, 6, 8, 23, of
/// Protocol 6, or a serious crime with a maximum of at least four years (UNTOC 2(b), 3(1)), and
/// says why a transnational offence of an organised group is reasonably suspected (18(1)). Under
/// another treaty alone its scope is that treaty's.
pub(super) fn offences(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    for (at, offence) in draft.offences.iter().enumerate() {
        let years = offence.max_penalty_years;
        if is_serious_crime(offence) && years.is_none_or(|it| it < SERIOUS_YEARS_MIN) {
            let told = "a serious crime has a maximum of at least four years of imprisonment";
            let pointer = format!("/offences/{at}/max_penalty_years");
            found.reject(SERIOUS, pointer, "NOT_SERIOUS_CRIME", told);
        }
    }
    let mut instruments = draft.legal_basis.iter().flat_map(|it| &it.instruments);
    let ours =
        |it: &pb::Instrument| [Some(UNTOC), Some(PROTOCOL)].contains(&it.instrument.as_deref());
    if !case.asks() || !case.kind.is_some_and(has_base) || !instruments.any(ours) {
        return;
    }
    if draft.offences.is_empty() {
        let told = "it names the offences that the proceeding is about";
        found.reject(SCOPE, "/offences", "OFFENCE_MISSING", told);
    } else if !draft.offences.iter().any(is_in_scope) {
        let told = "none of them is one of UNTOC 5, 6, 8, 23, of Protocol 6, or a serious crime";
        found.reject(SCOPE, "/offences", "OFFENCE_OUT_OF_SCOPE", told);
    }
    let transnational = draft.transnational.as_ref();
    let grounds = transnational.map(|it| it.grounds.as_slice()).unwrap_or_default();
    if !grounds.iter().any(|it| said(Some(it))) {
        let told = "it says which test of UNTOC 3(2) is reasonably suspected to be met";
        found.reject(TRANSNATIONAL, "/transnational/grounds", "TRANSNATIONALITY_MISSING", told);
    }
    for (at, ground) in grounds.iter().enumerate() {
        if said(Some(ground)) && !TESTS.contains(&ground.trim()) {
            let told = "it is one of 3(2)(a), 3(2)(b), 3(2)(c), 3(2)(d)";
            let pointer = format!("/transnational/grounds/{at}");
            found.reject(TRANSNATIONAL, pointer, "TRANSNATIONALITY_UNKNOWN", told);
        }
    }
    if transnational.and_then(|it| it.organised_group_alleged) != Some(true) {
        let told = "it says that an organised criminal group is reasonably suspected";
        let pointer = "/transnational/organised_group_alleged";
        found.reject(TRANSNATIONAL, pointer, "ORGANISED_GROUP_NOT_ALLEGED", told);
    }
}

#[cfg(test)]
mod tests {
    use crate::law::samples::{BANK, HEARING, changed, found, text};

    #[test]
    fn the_examples_are_in_scope() {
        for example in [BANK, HEARING] {
            assert_eq!(found("R-SCOPE", &changed(example, |_| ())), [""; 0]);
        }
    }

    #[test]
    fn a_serious_crime_begins_at_four_years() {
        let years = |years| {
            let draft = changed(BANK, |it| it.offences[0].max_penalty_years = years);
            found("R-SCOPE", &draft)
        };
        let short = ["reject /offences/0/max_penalty_years NOT_SERIOUS_CRIME"];
        assert_eq!(years(Some(4)), [""; 0]);
        assert_eq!(years(Some(3)), short);
        assert_eq!(years(None), short);
        // An offence that the Convention itself names has no least penalty.
        let laundering = changed(BANK, |it| it.offences[1].max_penalty_years = Some(1));
        assert_eq!(found("R-SCOPE", &laundering), [""; 0]);
    }

    #[test]
    fn an_offence_of_the_treaties_is_named() {
        let none = changed(BANK, |it| it.offences.clear());
        assert_eq!(found("R-SCOPE", &none), ["reject /offences OFFENCE_MISSING"]);
        let other = |article: &str| {
            found("R-SCOPE", &changed(HEARING, |it| it.offences[0].article = text(article)))
        };
        assert_eq!(other("6(1)(c)"), [""; 0]);
        assert_eq!(other("61"), ["reject /offences OFFENCE_OUT_OF_SCOPE"]);
        let treaty = changed(BANK, |it| {
            it.offences.clear();
            it.legal_basis.as_mut().unwrap().instruments[0].instrument = text("a treaty of ours");
        });
        assert_eq!(found("R-SCOPE", &treaty), [""; 0]);
    }

    #[test]
    fn a_transnational_offence_of_a_group_is_suspected() {
        let without = changed(BANK, |it| it.transnational = None);
        assert_eq!(
            found("R-SCOPE", &without),
            [
                "reject /transnational/grounds TRANSNATIONALITY_MISSING",
                "reject /transnational/organised_group_alleged ORGANISED_GROUP_NOT_ALLEGED",
            ]
        );
        let unknown = changed(BANK, |it| {
            it.transnational.as_mut().unwrap().grounds = vec!["3(2)(e)".to_owned()];
        });
        let expected = ["reject /transnational/grounds/0 TRANSNATIONALITY_UNKNOWN"];
        assert_eq!(found("R-SCOPE", &unknown), expected);
    }
}
