//! What stands at a place of a message file, as its description says: text, a number, a list.

use prost_reflect::Kind;

use crate::wire::json::descriptor;
use crate::wire::pb;

/// The form of a value in a message file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text.
    Text,
    /// true or false.
    Flag,
    /// A number.
    Number,
    /// A list of texts.
    Texts,
}

/// The form of the value at `pointer` (RFC 6901); none where a message file has no value.
pub fn form(pointer: &str) -> Option<Form> {
    let mut at = descriptor::<pb::Draft>();
    let mut steps = pointer.strip_prefix('/')?.split('/').peekable();
    loop {
        let field = at.get_field_by_name(steps.next()?)?;
        if field.is_list() && steps.next_if(|it| it.parse::<usize>().is_ok()).is_none() {
            return (field.kind() == Kind::String && steps.peek().is_none()).then_some(Form::Texts);
        }
        if let Kind::Message(inner) = field.kind() {
            at = inner;
            continue;
        }
        let form = match field.kind() {
            Kind::String => Form::Text,
            Kind::Bool => Form::Flag,
            Kind::Double | Kind::Uint32 | Kind::Int64 => Form::Number,
            Kind::Float
            | Kind::Int32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64
            | Kind::Bytes
            | Kind::Enum(_)
            | Kind::Message(_) => return None,
        };
        return steps.peek().is_none().then_some(form);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_form_of_its_field() {
        assert_eq!(form("/facts"), Some(Form::Text));
        assert_eq!(form("/questions"), Some(Form::Texts));
        assert_eq!(form("/questions/0"), Some(Form::Text));
        assert_eq!(form("/persons/0/names/0/full"), Some(Form::Text));
        assert_eq!(form("/asylum/asked"), Some(Form::Flag));
        assert_eq!(form("/position/lat"), Some(Form::Number));
        assert_eq!(form("/preservation/duration_days"), Some(Form::Number));
    }

    #[test]
    fn what_is_no_value_has_no_form() {
        for pointer in ["", "/", "facts", "/nowhere", "/vessel", "/persons", "/persons/names"] {
            assert_eq!(form(pointer), None, "{pointer}");
        }
        assert_eq!((form("/facts/0"), form("/questions/0/1")), (None, None));
        assert_eq!(form("/filler"), None);
    }
}
