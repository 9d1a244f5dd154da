//! Machine-readable zones of travel documents (ICAO 9303 parts 3 to 7), read and never repaired.
//!
//! A check digit that fails is a value, not an error: it may be the forgery that is asked about.
//! Only a zone that cannot be read at all (wrong lines, wrong length, wrong signs) is a fault.
//! A digit that holds is no proof either: 6 and G, 8 and S, 1 and L, 0 and U or K, M and W weigh
//! alike.

mod layout;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use layout::{Layout, Span};

use super::ascii::{Ascii, closed_list};
use super::check;
use super::fault::{EntityFault, fault};
use super::partial_date::{Calendar, PartialDate};
use super::sex::Sex;

closed_list! {
    /// Sizes of zones, by their name in message files.
    MrzFormat, "UNKNOWN_MRZ_FORMAT", "the format of a zone is TD1, TD2, TD3, MRV-A or MRV-B" {
        /// Card: three lines of 30.
        Td1 = "TD1",
        /// Larger card: two lines of 36.
        Td2 = "TD2",
        /// Passport: two lines of 44.
        Td3 = "TD3",
        /// Visa: two lines of 44.
        MrvA = "MRV-A",
        /// Smaller visa: two lines of 36.
        MrvB = "MRV-B",
    }
}

closed_list! {
    /// What a check digit is made over.
    Checked, "UNKNOWN_CHECK", "a check digit is of number, birth, expiry, optional or composite" {
        /// The document number.
        Number = "number",
        /// The date of birth.
        Birth = "birth",
        /// The date of expiry.
        Expiry = "expiry",
        /// The optional data; passports only.
        Optional = "optional",
        /// Several fields; not on visas.
        Composite = "composite",
    }
}

/// A check digit as printed, and as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckDigit {
    /// The sign on the document.
    pub printed: char,
    /// What the field gives, 0 to 9.
    pub computed: u8,
    /// Do they agree? A filler agrees over empty optional data.
    pub holds: bool,
}

/// A date of a zone: two digits of the year, and only the parts that are known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MrzDate {
    /// Year of some century, 0 to 99.
    pub year: Option<u8>,
    /// Month, 1 to 12.
    pub month: Option<u8>,
    /// Day, 1 to 31.
    pub day: Option<u8>,
}

impl fmt::Debug for MrzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MrzDate")
    }
}

impl MrzDate {
    /// `None` if a part is neither two digits nor two fillers, or is no month or day.
    fn read(text: &str) -> Option<Self> {
        let part = |at: usize, range: std::ops::RangeInclusive<u8>| {
            let text = text.get(at..at + 2)?;
            if text == "<<" {
                return Some(None);
            }
            let digits = text.bytes().all(|it| it.is_ascii_digit());
            let number = text.parse().ok().filter(|it| digits && range.contains(it))?;
            Some(Some(number))
        };
        Some(Self { year: part(0, 0..=99)?, month: part(2, 1..=12)?, day: part(4, 1..=31)? })
    }

    /// May it be `date`? What is unknown on one side may be anything, and the century is never
    /// known. False for a date of another calendar than the Gregorian, which zones are written in.
    pub fn agrees_with(&self, date: &PartialDate) -> bool {
        let same = |one: Option<u8>, other: Option<u8>| match (one, other) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        let year = self.year.is_none_or(|it| u16::from(it) == date.year() % 100);
        let gregorian = date.calendar() == Calendar::Gregorian;
        gregorian && year && same(self.month, date.month()) && same(self.day, date.day())
    }
}

/// A zone that could be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mrz {
    format: MrzFormat,
    lines: [Ascii<44>; 3],
}

impl Mrz {
    /// Reads a zone; its format follows from the number and length of the lines, and from the `V`
    /// that visas begin with.
    ///
    /// # Errors
    /// `BAD_MRZ_LINES` if no format has such lines; `BAD_MRZ_SIGN` if a sign is not A to Z, 0 to 9
    /// or `<`.
    pub fn read<T: AsRef<str>>(lines: &[T]) -> Result<Self, EntityFault> {
        let why = "a zone is 3 lines of 30 signs, 2 lines of 36, or 2 lines of 44";
        let shape = fault("BAD_MRZ_LINES", why);
        let first = lines.first().ok_or(shape)?.as_ref();
        if lines.len() > 3 || lines.iter().any(|it| it.as_ref().len() != first.len()) {
            return Err(shape);
        }
        let visa = first.starts_with('V');
        let format = match (lines.len(), first.len(), visa) {
            (3, 30, _) => MrzFormat::Td1,
            (2, 36, false) => MrzFormat::Td2,
            (2, 36, true) => MrzFormat::MrvB,
            (2, 44, false) => MrzFormat::Td3,
            (2, 44, true) => MrzFormat::MrvA,
            _ => return Err(shape),
        };
        let known = |it: u8| matches!(it, b'A'..=b'Z' | b'0'..=b'9' | b'<');
        if !lines.iter().all(|it| it.as_ref().bytes().all(known)) {
            return Err(fault("BAD_MRZ_SIGN", "a zone has only A to Z, 0 to 9 and the filler <"));
        }
        let line = |at: usize| Ascii::read(lines.get(at).map_or("", AsRef::as_ref)).ok_or(shape);
        Ok(Self { format, lines: [line(0)?, line(1)?, line(2)?] })
    }

    /// Which format it has.
    pub fn format(&self) -> MrzFormat {
        self.format
    }

    /// The lines as read.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(Ascii::as_str).filter(|it| !it.is_empty())
    }

    fn layout(&self) -> &'static Layout {
        Layout::of(self.format)
    }

    fn text(&self, span: Span) -> &str {
        let line = self.lines.get(span.line).map_or("", Ascii::as_str);
        line.get(span.from..span.to).unwrap_or_default()
    }

    fn field(&self, span: Span) -> &str {
        self.text(span).trim_end_matches('<')
    }

    /// Kind of document, one or two letters, such as `P`.
    pub fn document_code(&self) -> &str {
        self.field(Span { line: 0, from: 0, to: 2 })
    }

    /// State or body that issued it, without fillers, such as `D` or `UTO`.
    pub fn issuer(&self) -> &str {
        self.field(Span { line: 0, from: 2, to: 5 })
    }

    /// The name field without trailing fillers: primary, `<<`, secondary.
    pub fn name(&self) -> &str {
        self.field(self.layout().name)
    }

    /// The primary part of the name, parts joined by `<`.
    pub fn primary_name(&self) -> &str {
        self.name().split_once("<<").map_or(self.name(), |(primary, _)| primary)
    }

    /// The secondary part of the name; empty if there is none.
    pub fn secondary_name(&self) -> &str {
        self.name().split_once("<<").map_or("", |(_, secondary)| secondary)
    }

    /// What stands of a long number in the optional data of a card: the rest of the number, and
    /// its check digit (9303-5 note j, 9303-6 note j). `None` for a number of up to nine signs.
    fn overflow(&self) -> Option<(&str, char)> {
        let layout = self.layout();
        let long = layout.long_numbers && self.text(layout.number.next()) == "<";
        let rest = self.text(layout.optional).split('<').next().filter(|it| long && !it.is_empty());
        let (at, digit) = rest?.char_indices().next_back()?;
        Some((rest?.get(..at).unwrap_or_default(), digit))
    }

    /// The document number without fillers at its end; long numbers of cards are joined.
    pub fn number(&self) -> Cow<'_, str> {
        let number = self.text(self.layout().number);
        match self.overflow() {
            Some((rest, _)) => Cow::Owned([number, rest].concat()),
            None => Cow::Borrowed(number.trim_end_matches('<')),
        }
    }

    /// Nationality without fillers, such as `D` or `XXA`.
    pub fn nationality(&self) -> &str {
        self.field(self.layout().nationality)
    }

    /// Date of birth as printed, six signs.
    pub fn birth_text(&self) -> &str {
        self.text(self.layout().birth)
    }

    /// Date of birth, as far as it is known; `None` if it is no date.
    pub fn birth(&self) -> Option<MrzDate> {
        MrzDate::read(self.birth_text())
    }

    /// Date of expiry as printed, six signs.
    pub fn expiry_text(&self) -> &str {
        self.text(self.layout().expiry)
    }

    /// Date of expiry; `None` if it is no date.
    pub fn expiry(&self) -> Option<MrzDate> {
        MrzDate::read(self.expiry_text())
    }

    /// Sex; `None` if the sign means nothing.
    pub fn sex(&self) -> Option<Sex> {
        self.text(self.layout().sex).chars().next().and_then(Sex::of_mrz)
    }

    /// Optional data without trailing fillers; on TD1 those of the first line. What belongs to a
    /// long number is not among them.
    pub fn optional(&self) -> &str {
        let field = self.field(self.layout().optional);
        match self.overflow() {
            Some(_) => field.split_once('<').map_or("", |(_, optional)| optional),
            None => field,
        }
    }

    fn digit(&self, over: &[Span], at: Span) -> Option<CheckDigit> {
        let printed = self.text(at).chars().next()?;
        let computed = check::icao(over.iter().flat_map(|it| self.text(*it).bytes()));
        Some(CheckDigit { printed, computed, holds: printed.to_digit(10) == Some(computed.into()) })
    }

    fn number_digit(&self) -> Option<CheckDigit> {
        let number = self.layout().number;
        let Some((rest, printed)) = self.overflow() else {
            return self.digit(&[number], number.next());
        };
        let computed = check::icao(self.text(number).bytes().chain(rest.bytes()));
        let holds = printed.to_digit(10) == Some(computed.into());
        Some(CheckDigit { printed, computed, holds })
    }

    /// The check digit over `checked`; `None` if the format has none.
    pub fn check_digit(&self, checked: Checked) -> Option<CheckDigit> {
        let layout = self.layout();
        match checked {
            Checked::Number => self.number_digit(),
            Checked::Birth => self.digit(&[layout.birth], layout.birth.next()),
            Checked::Expiry => self.digit(&[layout.expiry], layout.expiry.next()),
            Checked::Optional if layout.optional_checked => {
                let digit = self.digit(&[layout.optional], layout.optional.next())?;
                let empty = self.optional().is_empty() && digit.printed == '<';
                Some(CheckDigit { holds: digit.holds || empty, ..digit })
            }
            Checked::Optional => None,
            Checked::Composite => self.digit(layout.composite_over, layout.composite?),
        }
    }

    /// Does the check digit over `checked` hold? `None` if the format has none.
    pub fn holds(&self, checked: Checked) -> Option<bool> {
        self.check_digit(checked).map(|it| it.holds)
    }

    /// Do all check digits that the format has hold?
    pub fn all_hold(&self) -> bool {
        Checked::ALL.iter().all(|it| self.holds(*it) != Some(false))
    }
}

impl fmt::Display for Mrz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{line}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mrz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mrz({})", self.format)
    }
}
