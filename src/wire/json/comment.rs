//! Comments of message files: lines that begin with `//`, which a template is full of.

use std::borrow::Cow;

/// The text with every comment line blanked, byte for byte, so that a fault is still named by its
/// line and column. A line counts only if nothing but white space stands before `//`; text within
/// quotes never begins a line, because JSON has no line ends in it, so nothing else can be hit.
pub(super) fn blanked(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.split(|it| *it == b'\n').any(is_comment) {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_vec();
    for line in out.split_mut(|it| *it == b'\n').filter(|it| is_comment(it)) {
        line.fill(b' ');
    }
    Cow::Owned(out)
}

fn is_comment(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"//")
}

#[cfg(test)]
mod tests {
    use crate::wire::json::{JSON_BYTES_MAX, JsonError, read_file, to_message};
    use crate::wire::pb;

    fn facts(text: &str) -> Result<Option<String>, JsonError> {
        read_file(text.as_bytes()).map(|it| it.facts)
    }

    #[test]
    fn full_lines_are_comments_wherever_they_stand() {
        let text = "// first\n{\r\n\t // \"facts\": \"a\",\n\"facts\":\n//\n\"b\"\n}\n// last";
        assert_eq!(facts(text), Ok(Some("b".to_owned())));
        assert_eq!(facts("//\u{202e}\n{}"), Ok(None));
    }

    #[test]
    fn slashes_within_text_are_text() {
        for text in ["https://a.example", "//", " // a", "\\n// a", "\\\"\\n//"] {
            let expected: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(facts(&format!("{{\n\"facts\": \"{text}\"\n}}")), Ok(Some(expected)));
        }
    }

    #[test]
    fn what_is_no_full_line_is_no_comment() {
        for text in [
            "{} // end",
            "{ // begin\n}",
            "{\"facts\": \"a\" // it\n}",
            "/* {} */ {}",
            "/ /\n{}",
            "# a\n{}",
            "{\"facts\": \"a\n// b\"}",
            "{\"facts\": \"a\n// b\n\"}",
            "// {}",
        ] {
            assert!(matches!(facts(text), Err(JsonError::NotJson { .. })), "{text}");
        }
    }

    #[test]
    fn faults_keep_their_line_and_column() {
        let at = |text: &str| match facts(text) {
            Err(JsonError::NotJson { line, column }) => (line, column),
            other => panic!("{other:?}"),
        };
        assert_eq!(at("// one\n// two\n{\n  nope"), at("\n\n{\n  nope"));
        assert_eq!(at("// one\n// two\n{\n  nope"), (4, 3));
    }

    #[test]
    fn comments_count_towards_the_size() {
        let padded = |given: usize| {
            let comment = "/".repeat(given - "\n{}".len());
            facts(&format!("{comment}\n{{}}"))
        };
        assert_eq!(padded(JSON_BYTES_MAX), Ok(None));
        let given = JSON_BYTES_MAX + 1;
        assert_eq!(padded(given), Err(JsonError::TooLarge { given }));
    }

    #[test]
    fn only_message_files_have_comments() {
        let text = b"// a\n{}";
        assert_eq!(read_file(text), Ok(pb::Draft::default()));
        assert_eq!(to_message::<pb::Draft>(text), Err(JsonError::NotJson { line: 1, column: 1 }));
    }
}
