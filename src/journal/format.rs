//! Which format a store has. The number is written first of all, and read before anything else is
//! believed.

use super::store::FORMAT;

/// The format that this program writes. Besides it, it reads [`SETTLED_FORMAT_NUMBER`].
pub const FORMAT_NUMBER: u32 = 2;
/// The format of a store with settled rows beside it, which is the same in all else. A store comes to
/// it by itself when rows settle for the first time; a program that does not look for them then
/// refuses it, and does not take them for lost.
pub const SETTLED_FORMAT_NUMBER: u32 = 3;

const PREFIX: &[u8] = b"rogatory store ";

/// The number in a format record; `None` unless it is one, written as we write it.
pub fn number_of(record: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(record.strip_prefix(PREFIX)?).ok()?;
    let number = digits.parse().ok()?;
    (record_of(number) == record).then_some(number)
}

/// The format record of a number.
pub fn record_of(number: u32) -> Vec<u8> {
    [PREFIX, number.to_string().as_bytes()].concat()
}

/// Why a store with this format record is not opened.
pub(super) fn refusal(found: Option<&[u8]>) -> String {
    let Some(record) = found else {
        return "this is no store of rogatory: it has no format record".to_owned();
    };
    match number_of(record) {
        Some(found) if found > SETTLED_FORMAT_NUMBER => format!(
            "the store has format {found} and this program knows format {SETTLED_FORMAT_NUMBER}: a newer \
             program wrote it, and only that one reads it"
        ),
        Some(found) => format!(
            "the store has format {found} and this program needs format {FORMAT_NUMBER}: \
             rogatory node migrate --config FILE --check"
        ),
        None => "this is no store of rogatory: its format record is malformed".to_owned(),
    }
}

// What the store writes is what is read here.
const _: () = assert!(FORMAT.len() == PREFIX.len() + 1 && SETTLED_FORMAT_NUMBER < 10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_record_names_its_number() {
        assert_eq!(number_of(FORMAT), Some(FORMAT_NUMBER));
        assert_eq!(record_of(FORMAT_NUMBER), FORMAT);
        assert_eq!(number_of(b"rogatory store 4294967295"), Some(u32::MAX));
        for odd in
            [&b""[..], b"rogatory store ", b"rogatory store 01", b"rogatory store +1", b"sled 1"]
        {
            assert_eq!(number_of(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_refusal_names_both_formats() {
        let newer = "the store has format 4 and this program knows format 3: a newer program \
                     wrote it, and only that one reads it";
        assert_eq!(refusal(Some(b"rogatory store 4")), newer);
        let older = "the store has format 0 and this program needs format 2: rogatory node \
                     migrate --config FILE --check";
        assert_eq!(refusal(Some(b"rogatory store 0")), older);
        let none = "this is no store of rogatory: it has no format record";
        assert_eq!(refusal(None), none);
        let odd = "this is no store of rogatory: its format record is malformed";
        assert_eq!(refusal(Some(b"rogatory store x")), odd);
    }
}
