//! The generated types, as `build.rs` makes them from `proto/`. Nothing outside `wire/` and
//! `transport/` names them.
#![expect(
    clippy::allow_attributes,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated"
)]

use prost::Message;

tonic::include_proto!("rogatory.v1");

impl std::fmt::Debug for Draft {
    /// Shows a length and nothing more: content names persons.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} bytes)", self.encoded_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_content_shows_a_length_only() {
        let draft = Draft { facts: Some("Maria went north".to_owned()), ..Draft::default() };
        let asked = SendMessageRequest { draft: Some(draft), ..SendMessageRequest::default() };
        let shown = format!("{asked:?}");
        assert!(shown.contains("Draft(19 bytes)") && !shown.contains("Maria"), "{shown}");
    }
}
