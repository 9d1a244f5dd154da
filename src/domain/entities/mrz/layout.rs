//! Where the fields of a machine-readable zone stand: ICAO 9303 parts 4 to 7, one table a format.

use super::MrzFormat;

/// Signs `from` up to before `to` of a line, counted from nought.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) line: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Span {
    /// The one sign behind it: there stands its check digit.
    pub(super) const fn next(self) -> Self {
        Self { line: self.line, from: self.to, to: self.to + 1 }
    }
}

const fn span(line: usize, from: usize, to: usize) -> Span {
    Span { line, from, to }
}

/// The fields of one format; kind and issuer stand in the same place on all.
pub(super) struct Layout {
    pub(super) name: Span,
    pub(super) number: Span,
    pub(super) nationality: Span,
    pub(super) birth: Span,
    pub(super) sex: Span,
    pub(super) expiry: Span,
    pub(super) optional: Span,
    /// The optional data have a check digit of their own.
    pub(super) optional_checked: bool,
    /// A number may go on in the optional data.
    pub(super) long_numbers: bool,
    pub(super) composite_over: &'static [Span],
    pub(super) composite: Option<Span>,
}

/// The second line of all formats of two lines begins alike.
const TWO_LINES: Layout = Layout {
    name: span(0, 5, 44),
    number: span(1, 0, 9),
    nationality: span(1, 10, 13),
    birth: span(1, 13, 19),
    sex: span(1, 20, 21),
    expiry: span(1, 21, 27),
    optional: span(1, 28, 44),
    optional_checked: false,
    long_numbers: false,
    composite_over: &[],
    composite: None,
};

static TD3: Layout = Layout {
    optional: span(1, 28, 42),
    optional_checked: true,
    composite_over: &[span(1, 0, 10), span(1, 13, 20), span(1, 21, 43)],
    composite: Some(span(1, 43, 44)),
    ..TWO_LINES
};

static TD2: Layout = Layout {
    name: span(0, 5, 36),
    optional: span(1, 28, 35),
    long_numbers: true,
    composite_over: &[span(1, 0, 10), span(1, 13, 20), span(1, 21, 35)],
    composite: Some(span(1, 35, 36)),
    ..TWO_LINES
};

static TD1: Layout = Layout {
    name: span(2, 0, 30),
    number: span(0, 5, 14),
    nationality: span(1, 15, 18),
    birth: span(1, 0, 6),
    sex: span(1, 7, 8),
    expiry: span(1, 8, 14),
    optional: span(0, 15, 30),
    optional_checked: false,
    long_numbers: true,
    composite_over: &[span(0, 5, 30), span(1, 0, 7), span(1, 8, 15), span(1, 18, 29)],
    composite: Some(span(1, 29, 30)),
};

static MRV_A: Layout = TWO_LINES;

static MRV_B: Layout = Layout { name: span(0, 5, 36), optional: span(1, 28, 36), ..TWO_LINES };

impl Layout {
    pub(super) fn of(format: MrzFormat) -> &'static Self {
        match format {
            MrzFormat::Td1 => &TD1,
            MrzFormat::Td2 => &TD2,
            MrzFormat::Td3 => &TD3,
            MrzFormat::MrvA => &MRV_A,
            MrzFormat::MrvB => &MRV_B,
        }
    }
}
