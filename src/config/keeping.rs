//! The section `[retention]`: how long what was exchanged is kept, when somebody looks whether it is
//! still needed, and what becomes of another agency's wish that it be erased.

use crate::config::check::number;
use crate::directory::strict::Table;
use crate::domain::retention::{
    Honour, KEEPING, KeepDays, REVIEW_DAYS_MAX, REVIEWS, Retention, ReviewDays,
};

/// The keys of the section.
pub(super) const KEYS: &[&str] = &[
    "assistance_days",
    "cooperation_days",
    "sea_days",
    "information_days",
    "protection_days",
    "companion_days",
    "assistance_review_days",
    "cooperation_review_days",
    "sea_review_days",
    "information_review_days",
    "protection_review_days",
    "companion_review_days",
    "classified_review_days",
    "red_review_days",
    "codes_review_days",
    "honour_erasure",
];

/// Reads the section; each wrong value is a fault.
pub(super) fn read(table: &Table<'_>) -> Retention {
    let keep_days = KEEPING.iter().fold(KeepDays::default(), |kept, it| {
        let (low, high) = (it.days_min.into(), it.days_max.into());
        let days = number(table, it.name, low, high, it.days.into());
        kept.with(it.group, u16::try_from(days).unwrap_or(it.days))
    });
    let honour = table.text("honour_erasure").and_then(|text| {
        let known = text.parse::<Honour>().ok();
        if known.is_none() {
            table.fault_at("honour_erasure", "must be ask or at_once");
        }
        known
    });
    let review_days = REVIEWS.into_iter().fold(ReviewDays::default(), |set, name| {
        let days = number(table, name, 0, REVIEW_DAYS_MAX.into(), 0);
        set.with(name, u16::try_from(days).unwrap_or_default())
    });
    Retention { keep_days, honour: honour.unwrap_or_default(), review_days }
}
