//! Times: in their form, in their order, and not in the future.

use crate::clock::Timestamp;
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::law::case::{Basis, Case, Findings, basis};
use crate::wire::pb;

const TIME: Basis = basis("R-TIME", "policy");

/// R-TIME: a message is not issued later than now, by more than clocks may differ.
pub(super) fn issued(case: &Case<'_>, found: &mut Findings) {
    let latest = case.standing.now.plus_millis(CLOCK_SKEW_MS_MAX);
    if case.issued_at.is_some_and(|it| it > latest) {
        let told = "it was issued later than now";
        found.reject(TIME, "/issued_at", "ISSUED_IN_FUTURE", told);
    }
}

/// R-TIME: a time is an RFC 3339 time with an offset.
pub(super) fn times(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let mut one = |text: Option<&str>, pointer: &dyn Fn() -> String| {
        if text.is_some_and(|it| Timestamp::parse(it).is_none()) {
            let told = "it is an RFC 3339 time with an offset, such as 2026-01-11T02:47:00Z";
            found.reject(TIME, pointer(), "TIME_MALFORMED", told);
        }
    };
    let conduct = draft.safe_conduct.as_ref();
    let named = [
        ("/position/at", draft.position.as_ref().and_then(|it| it.at.as_deref())),
        (
            "/clarification/answer_by",
            draft.clarification.as_ref().and_then(|it| it.answer_by.as_deref()),
        ),
        (
            "/consultation/answer_by",
            draft.consultation.as_ref().and_then(|it| it.answer_by.as_deref()),
        ),
        ("/conditions/answer_by", draft.conditions.as_ref().and_then(|it| it.answer_by.as_deref())),
        (
            "/postponement/review_at",
            draft.postponement.as_ref().and_then(|it| it.review_at.as_deref()),
        ),
        ("/disclosure/at", draft.disclosure.as_ref().and_then(|it| it.at.as_deref())),
        (
            "/safe_conduct/presence_no_longer_required_at",
            conduct.and_then(|it| it.presence_no_longer_required_at.as_deref()),
        ),
    ];
    for (pointer, text) in named {
        one(text, &|| pointer.to_owned());
    }
    let detention = draft.document_check.as_ref().and_then(|it| it.detention_ends.as_deref());
    one(detention, &|| "/document_check/detention_ends".to_owned());
    let lists = [
        ("hearing", draft.hearing.as_ref().map(|it| it.dates.as_slice())),
        ("appearance", draft.appearance.as_ref().map(|it| it.dates.as_slice())),
        ("custody_transfer", draft.custody_transfer.as_ref().map(|it| it.dates.as_slice())),
        ("liaison", draft.liaison.as_ref().map(|it| it.dates.as_slice())),
    ];
    for (block, dates) in lists {
        for (at, text) in dates.unwrap_or_default().iter().enumerate() {
            one(Some(text), &|| format!("/{block}/dates/{at}"));
        }
    }
}

/// R-TIME: a stretch of time ends after it begins.
pub(super) fn windows(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    for (at, route) in draft.routes.iter().enumerate() {
        window(route.window.as_ref(), &format!("/routes/{at}/window"), found);
    }
    let report = draft.measure_report.as_ref().and_then(|it| it.window.as_ref());
    window(report, "/measure_report/window", found);
    let technique = draft.special_technique.as_ref().and_then(|it| it.window.as_ref());
    window(technique, "/special_technique/window", found);
    let inquiry = draft.inquiry.as_ref().and_then(|it| it.alert_window.as_ref());
    window(inquiry, "/inquiry/alert_window", found);
}

fn window(window: Option<&pb::TimeWindow>, pointer: &str, found: &mut Findings) {
    let Some(window) = window else { return };
    let mut ends = [None, None];
    let fields = [("from", &window.from), ("to", &window.to)];
    for (end, (field, text)) in ends.iter_mut().zip(fields) {
        let Some(text) = text else { continue };
        *end = Timestamp::parse(text);
        if end.is_none() {
            let told = "it is an RFC 3339 time with an offset, such as 2026-01-11T02:47:00Z";
            found.reject(TIME, format!("{pointer}/{field}"), "TIME_MALFORMED", told);
        }
    }
    if let [Some(from), Some(to)] = ends
        && to < from
    {
        let told = "a stretch of time does not end before it begins";
        found.reject(TIME, format!("{pointer}/to"), "WINDOW_REVERSED", told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{BANK, DEPARTURE, HEARING, VESSEL, changed, found, now, text};

    #[test]
    fn a_message_is_not_issued_in_the_future() {
        let at = |millis: i64| {
            let time = now().plus_millis(millis).to_string();
            found("R-TIME", &changed(BANK, |it| it.issued_at = Some(time)))
        };
        assert_eq!(at(CLOCK_SKEW_MS_MAX), [""; 0]);
        assert_eq!(at(CLOCK_SKEW_MS_MAX + 1), ["reject /issued_at ISSUED_IN_FUTURE"]);
    }

    #[test]
    fn times_have_an_offset() {
        for example in [BANK, VESSEL, HEARING, DEPARTURE] {
            assert_eq!(found("R-TIME", &changed(example, |_| ())), [""; 0]);
        }
        let odd = changed(VESSEL, |it| {
            it.position.as_mut().unwrap().at = text("2026-01-11 02:40");
            let hearing = pb::Hearing { dates: vec!["soon".to_owned()], ..Default::default() };
            it.hearing = Some(hearing);
        });
        assert_eq!(
            found("R-TIME", &odd),
            ["reject /hearing/dates/0 TIME_MALFORMED", "reject /position/at TIME_MALFORMED"]
        );
    }

    #[test]
    fn a_window_ends_after_it_begins() {
        let with = |to: &str| {
            let draft = changed(DEPARTURE, |it| {
                it.routes[0].window.as_mut().unwrap().to = text(to);
            });
            found("R-TIME", &draft)
        };
        assert_eq!(with("2026-05-05T20:00:00Z"), [""; 0]);
        assert_eq!(with("2026-05-05T19:59:59Z"), ["reject /routes/0/window/to WINDOW_REVERSED"]);
        assert_eq!(with("later"), ["reject /routes/0/window/to TIME_MALFORMED"]);
    }
}
