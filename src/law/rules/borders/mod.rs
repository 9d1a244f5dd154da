//! Every rule at its border: what it still lets pass and what, one step further, it does not.
//!
//! A row names a rule, a message that stands just within and the same one step beyond, and what is
//! told of the second. A rule without a row fails the test, and so does an id that no row tells. The
//! many cases between stand with the rules themselves.
//!
//! - `course.rs` for what a message asks, from whom and how it is answered; `things.rs` for the
//!   persons, numbers and objects that it speaks of.

mod course;
mod things;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::law::case::{Case, Findings};
use crate::law::rules::RULES;
use crate::law::samples::{DIRECTORY, changed, now};
use crate::law::{PartyStatus, Standing, Thread, label};
use crate::wire::pb;

/// A change of a message.
type Change = fn(&mut pb::Draft);

/// The two sides of a border.
struct Border {
    /// The rule, file and function.
    of: &'static str,
    /// The message that is changed.
    example: &'static str,
    /// What is known of the request.
    known: fn() -> Thread,
    /// Just within: nothing is told.
    within: Change,
    /// One step beyond.
    beyond: Change,
    /// What is told beyond: gravity, rule, place, code.
    told: &'static str,
}

/// A border of which nothing but the message need be known.
const fn border(
    of: &'static str,
    example: &'static str,
    within: Change,
    beyond: Change,
    told: &'static str,
) -> Border {
    Border { of, example, known: Thread::default, within, beyond, told }
}

impl Border {
    /// The same where something is known of the request.
    const fn knowing(self, known: fn() -> Thread) -> Self {
        Self { known, ..self }
    }

    /// What the rule alone tells of the changed message.
    fn judge(&self, change: Change) -> Vec<String> {
        let draft = changed(self.example, change);
        let (directory, parties) = (Some(&*DIRECTORY), &*PARTIES);
        let standing = Standing { directory, parties, now: now(), thread: (self.known)() };
        let joined = label::join(&draft, &standing.thread);
        let case = Case::new(&draft, joined.as_ref(), &standing);
        let mut found = Findings::default();
        for rule in RULES.iter().filter(|it| it.name == self.of) {
            (rule.judge)(&case, &mut found);
        }
        let line = |it: &crate::domain::violation::Violation| {
            format!("{} {} {} {}", it.severity, it.rule, it.pointer, it.code)
        };
        found.into_ordered().iter().map(line).collect()
    }
}

/// Two rows beside the built-in ones: a day of accession and a reservation.
static PARTIES: LazyLock<PartyStatus> = LazyLock::new(|| {
    let rows = "[[party]]\nstate = 'ARE'\ninstrument = 'UNTOC'\nfrom = '2026-03-02'\n\
                [[party]]\nstate = 'PAN'\ninstrument = 'SOM-PROTOCOL'\narticle = '8'\n\
                reservation = 'x'\n";
    PartyStatus::built_in().clone().with(PartyStatus::read(rows).unwrap())
});

fn borders() -> impl Iterator<Item = &'static Border> {
    course::BORDERS.iter().chain(things::BORDERS)
}

#[test]
fn each_rule_is_silent_within_its_border_and_speaks_beyond() {
    for border in borders() {
        let (of, told) = (border.of, border.told);
        assert_eq!(border.judge(border.within), [""; 0], "{of}, within: {told}");
        assert_eq!(border.judge(border.beyond), [told], "{of}");
    }
}

#[test]
fn each_rule_has_a_border_and_each_border_a_rule() {
    let rules: BTreeSet<&str> = RULES.iter().map(|it| it.name).collect();
    let shown: BTreeSet<&str> = borders().map(|it| it.of).collect();
    assert_eq!(rules.len(), RULES.len(), "a rule stands in the table once");
    assert_eq!(shown, rules);
}

macro_rules! files {
    ($($file:ident),* $(,)?) => {
        &[$((stringify!($file), include_str!(concat!("../", stringify!($file), ".rs")))),*]
    };
}

/// The files of the rules, each with its text.
const FILES: &[(&str, &str)] = files![
    attachments,
    content,
    document,
    form,
    identifiers,
    kind,
    objects,
    offer,
    parties,
    person,
    protection,
    redirect,
    references,
    response,
    routing,
    scope,
    sea,
    time,
    use_limits,
];

/// Ids of rules as the files of the rules write them.
fn written() -> BTreeSet<&'static str> {
    let named: BTreeSet<&str> = FILES.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = RULES.iter().filter_map(|it| it.name.split(':').next()).collect();
    assert_eq!(named, known, "each file of a rule is looked at");
    let code = FILES.iter().filter_map(|(_, text)| text.split("#[cfg(test)]").next());
    code.flat_map(|it| it.split('"')).filter(|it| it.starts_with("R-")).collect()
}

#[test]
fn each_id_of_a_rule_is_told_at_a_border() {
    let told: BTreeSet<&str> = borders().filter_map(|it| it.told.split(' ').nth(1)).collect();
    assert_eq!(told, written());
    assert!(told.len() > 50, "{}", told.len());
}

/// The register of the reference that this law implements, DOMAIN.md 3.4 by its names.
#[test]
fn each_rule_of_the_register_is_told_at_a_border() {
    let register = [
        "R-PARTY",
        "R-REGIME",
        "R-ROUTE-CA",
        "R-ROUTE-FLAG",
        "R-FORM-ORAL",
        "R-LANG",
        "R-AUTHENTIC",
        "R-CONTENT-A",
        "R-CONTENT-B",
        "R-CONTENT-C",
        "R-CONTENT-D",
        "R-CONTENT-E",
        "R-CONTENT-F",
        "R-CONTENT-13-3",
        "R-DEADLINE",
        "R-SCOPE",
        "R-VIDEO-REASON",
        "R-TRANSFER-CONSENT",
        "R-SEA-ORDER",
        "R-SEA-UNIT",
        "R-SEA-TARGET",
        "R-DOC-ISSUER",
        "R-DOC-LINK",
        "R-RET-STATE",
        "R-PROT-ART5",
        "R-PROT-ASYLUM",
        "R-PROT-CONSULAR",
        "R-USE-ORIGINATOR",
        "R-RESP-REASONS",
        "R-RESP-CONSULT",
        "R-RESP-FORBIDDEN-GROUND",
        "R-ATT-DIGEST",
        "R-TIME",
    ];
    let told = |rule: &str| borders().any(|it| it.told.split(' ').nth(1) == Some(rule));
    let missing: Vec<&str> = register.into_iter().filter(|it| !told(it)).collect();
    assert_eq!(missing, [""; 0]);
}
