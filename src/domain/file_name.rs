//! Names of files that a sender gives: shown, and perhaps saved under, but never a path.
//!
//! A name that leads elsewhere, hides its end, or looks like another name is refused where the message
//! is written, and never used where it is read.

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::unseen::{is_composed, is_unseen};

/// Longest name in bytes: what common file systems take.
pub const FILE_NAME_BYTES_MAX: usize = 255;

/// Why a name is no name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileNameFault {
    /// Empty, `.` or `..`, or it begins or ends with a dot or a blank.
    #[error("it is empty, or begins or ends with a dot or a blank")]
    Edge,
    /// It steers a terminal, or nothing shows of it: control, direction, and joining characters.
    #[error("it has characters that do not show")]
    Hidden,
    /// It has a separator of paths, or what looks like one.
    #[error("it has what separates folders on some system, or looks like it")]
    Path,
    /// A name that some system keeps for a device.
    #[error("some system keeps it for a device")]
    Reserved,
    /// Another spelling of what reads the same: systems that compose names would find another file.
    #[error("it is not in composed form (Unicode NFC)")]
    Form,
    /// Over [`FILE_NAME_BYTES_MAX`].
    #[error("it is longer than 255 bytes")]
    TooLong,
}

/// Whether a name may stand for a file, wherever it is saved.
///
/// # Errors
/// The first reason why not.
pub fn check(name: &str) -> Result<(), FileNameFault> {
    let edge = |c: char| c == '.' || c.is_whitespace();
    if name.is_empty() || name.starts_with(edge) || name.ends_with(edge) {
        return Err(FileNameFault::Edge);
    }
    if name.len() > FILE_NAME_BYTES_MAX {
        return Err(FileNameFault::TooLong);
    }
    if name.chars().any(is_unseen) {
        return Err(FileNameFault::Hidden);
    }
    if !is_composed(name) {
        return Err(FileNameFault::Form);
    }
    // What a compatible form turns into a separator or a dot looks like one already.
    let dots = |text: &str| text.chars().filter(|it| *it == '.').count();
    let shown: String = name.nfkc().collect();
    if name.chars().chain(shown.chars()).any(is_separator) || dots(&shown) != dots(name) {
        return Err(FileNameFault::Path);
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |device: &str| {
        let rest = stem.strip_prefix(device);
        rest.is_some_and(|it| it.len() == 1 && it.bytes().all(|b| b.is_ascii_digit()))
    };
    let devices = ["CON", "PRN", "AUX", "NUL"];
    if devices.contains(&stem.as_str()) || numbered("COM") || numbered("LPT") {
        return Err(FileNameFault::Reserved);
    }
    Ok(())
}

const fn is_separator(c: char) -> bool {
    matches!(
        c,
        '/' | '\\'
            | ':'
            | '*'
            | '?'
            | '"'
            | '<'
            | '>'
            | '|'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f8}'
            | '\u{29f9}'
            | '\u{2571}'
            | '\u{2572}'
            | '\u{a789}'
            | '\u{2236}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_are_names_in_any_script() {
        for name in ["order.pdf", "Anlage 1 (Übersetzung).pdf", "запрос.docx", "證據.jpg", "a"]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert_eq!(check(&"n".repeat(FILE_NAME_BYTES_MAX)), Ok(()));
        let long = "n".repeat(FILE_NAME_BYTES_MAX + 1);
        assert_eq!(check(&long), Err(FileNameFault::TooLong));
    }

    #[test]
    fn what_leads_elsewhere_or_hides_is_no_name() {
        let wrong = [
            ("", FileNameFault::Edge),
            (".", FileNameFault::Edge),
            ("..", FileNameFault::Edge),
            (".bashrc", FileNameFault::Edge),
            ("order.pdf ", FileNameFault::Edge),
            ("../../etc/passwd", FileNameFault::Edge),
            ("a/../../etc/passwd", FileNameFault::Path),
            ("a\\b", FileNameFault::Path),
            ("C:evil", FileNameFault::Path),
            ("a\u{2215}b", FileNameFault::Path),
            ("a\u{ff0f}b", FileNameFault::Path),
            ("a\u{2024}\u{2024}b", FileNameFault::Path),
            ("order\u{202e}fdp.exe", FileNameFault::Hidden),
            ("or\u{200b}der.pdf", FileNameFault::Hidden),
            ("a\u{0}b", FileNameFault::Hidden),
            ("a\nb", FileNameFault::Hidden),
            ("\u{1b}[2J.pdf", FileNameFault::Hidden),
            ("Anla\u{30a}ge.pdf", FileNameFault::Form),
            ("nul.txt", FileNameFault::Reserved),
            ("COM1", FileNameFault::Reserved),
        ];
        for (name, fault) in wrong {
            assert_eq!(check(name), Err(fault), "{}", name.escape_debug());
        }
        assert_eq!(check("console.txt"), Ok(()));
    }
}
