//! A message file to be filled in: every field that a kind needs is in place and empty, each with a
//! comment that names its source and the form that is expected. What the kind may say besides
//! stands at the end, as comments.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::cli::kinds;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::domain::kinds::block::{self, Block};
use crate::domain::kinds::{Kind, KindCode};
use crate::law::beside::beside;
use crate::wire::json::{self, Form};

/// Fields that every message file has, each with what it is for; blocks of the kind may add to them.
const ENVELOPE: [(&str, &str, &str); 15] = [
    ("/message_type", "policy", "what the message does"),
    ("/kind", "policy", "code of the kind of request"),
    ("/form", "UNTOC 18(14)", "electronic_written or oral_note"),
    ("/urgency/level", "policy", "immediate, priority or routine"),
    ("/urgency/reason", "policy", "why, where it is not routine"),
    ("/legal_basis/instruments/0/instrument", "UNTOC 18(6), 18(7)", "treaty relied on"),
    ("/legal_basis/instruments/0/articles", "UNTOC 18(6), 18(7)", "its articles, a list"),
    ("/from", "UNTOC 18(15)(a)", "contact point that sends, `agency/desk`"),
    ("/official/name", "UNTOC 18(14)", "who acts for it; a desk's name will do"),
    ("/official/function", "UNTOC 18(14)", "what the official does there"),
    (
        "/to",
        "UNTOC 18(13); Protocol 8(6)",
        "contact points that it is for, a list of `agency/desk`; or in its place /competence, with \
         /competence/country such as `PAN` and /competence/function such as `flag_state_authority`",
    ),
    ("/references/requesting", "policy", "your own reference"),
    ("/languages/request", "UNTOC 18(14)", "language of the message, such as `en`"),
    ("/handling/tlp", "UNTOC 18(19), 18(20)", "who may see it, such as `TLP:AMBER`"),
    ("/handling/originator", "UNTOC 18(19)", "State whose information it is, such as `ITA`"),
];

/// Measures stand at any step; in a template at the second, which asks to authorise them.
const MEASURES: &str = "/requests/0/measures";
const MEASURES_AUTHORISED: &str = "/requests/1/measures";

/// Writes the template of a kind.
///
/// # Errors
/// Exit status 5 if there is no such kind.
pub fn run(code: &str, output: &Output) -> Result<()> {
    let kind = kinds::find(code)?;
    let template = Template::new(kind);
    output.show(|| template.value(), || Sheet::new().line(template.text()))?;
    output.note(format!("fill it in, then: rogatory request check -f FILE ({kind})"));
    Ok(())
}

/// A file before it is filled in.
struct Template {
    kind: &'static Kind,
    fields: Vec<Field>,
}

/// One field, which may hold others.
struct Field {
    /// Its name in the object in which it stands; empty for the item of a list.
    name: &'static str,
    /// What is expected, a line each.
    comments: Vec<String>,
    holds: Holds,
}

enum Holds {
    Value(Value),
    Object(Vec<Field>),
    /// A list of objects.
    List(Vec<Vec<Field>>),
}

impl Template {
    fn new(code: KindCode) -> Self {
        let kind = code.kind();
        let mut template = Self { kind, fields: Vec::new() };
        for (pointer, source, says) in ENVELOPE {
            template.put(pointer, format!("[{source}] {says}"), envelope_value(kind, pointer));
        }
        for block in kind.must_say().chain(beside(code)) {
            template.put_block(block);
        }
        template
    }

    /// Puts a block where the first of its ways says it.
    fn put_block(&mut self, block: &Block) {
        let Some((first, others)) = block.places.split_first() else {
            return;
        };
        for (at, text) in first.iter().enumerate() {
            let (pointer, word) = block::place(text);
            let pointer = if pointer == MEASURES { MEASURES_AUTHORISED } else { pointer };
            let word = word.map(|it| format!("; must be {it}")).unwrap_or_default();
            let mut comment = format!("{} [{}] {}{word}", block.name, block.source, block.says);
            if at == 0 && !others.is_empty() {
                let ways: Vec<String> = others.iter().map(|group| group.join(" and ")).collect();
                comment += &format!("\nor in its place: {}", ways.join(", or "));
            }
            self.put(pointer, comment, empty(pointer));
        }
    }

    /// Puts a value; what stands there already keeps its value and gets the comment.
    fn put(&mut self, pointer: &'static str, comment: String, value: Value) {
        let steps: Vec<&str> = pointer.split('/').skip(1).collect();
        let field = field_at(&mut self.fields, &steps, value);
        field.comments.extend(comment.lines().map(str::to_owned));
    }

    /// The file without comments.
    fn value(&self) -> Value {
        object(&self.fields)
    }

    /// The file with comments.
    fn text(&self) -> String {
        let kind = self.kind;
        let mut out = format!(
            "// {}: {}\n// Rests on {} {}\n// Fill in what is empty. Comments may stay: a line is \
             one if it begins with //.\n{{\n",
            kind.code,
            kind.title,
            kind.instrument(),
            kind.articles().collect::<Vec<_>>().join(", ")
        );
        push_fields(&mut out, &self.fields, 1);
        if !kind.optional.is_empty() {
            out += "  //\n  // What it may say besides:\n";
        }
        for block in kind.optional {
            let ways: Vec<String> = block.places.iter().map(|group| group.join(" and ")).collect();
            let (name, source, says) = (block.name, block.source, block.says);
            out += &format!("  // {name} [{source}] {says}\n  //   at {}\n", ways.join(", or "));
        }
        out += "}";
        out
    }
}

fn field_at<'f>(fields: &'f mut Vec<Field>, steps: &[&'static str], value: Value) -> &'f mut Field {
    let (name, rest) = steps.split_first().expect("a pointer has a step");
    let item = rest.first().and_then(|it| it.parse::<usize>().ok());
    let at = fields.iter().position(|it| it.name == *name).unwrap_or_else(|| {
        let holds = match (rest, item) {
            ([], _) => Holds::Value(value.clone()),
            ([..], Some(_)) => Holds::List(Vec::new()),
            ([..], None) => Holds::Object(Vec::new()),
        };
        fields.push(Field { name, comments: Vec::new(), holds });
        fields.len().saturating_sub(1)
    });
    let field = fields.get_mut(at).expect("it was found or made");
    let rest = if item.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
    if rest.is_empty() {
        return field;
    }
    match &mut field.holds {
        Holds::Object(inner) => field_at(inner, rest, value),
        Holds::List(items) => {
            let item = item.expect("an item of a list has a number");
            while items.len() <= item {
                items.push(Vec::new());
            }
            field_at(items.get_mut(item).expect("it was made"), rest, value)
        }
        Holds::Value(_) => unreachable!("a value holds no field"),
    }
}

/// What stands in a field that is not filled in. An empty text can mean that there is nothing to
/// say; where it does, the field is `null` until somebody says so.
fn empty(pointer: &str) -> Value {
    match json::form(pointer) {
        Some(Form::Text) if !block::BLANK_SPEAKS.contains(&pointer) => json!(""),
        Some(Form::Texts) => json!([]),
        Some(Form::Text | Form::Flag | Form::Number) | None => Value::Null,
    }
}

fn envelope_value(kind: &Kind, pointer: &str) -> Value {
    match pointer {
        "/message_type" => json!(kind.opening().as_str()),
        "/kind" => json!(kind.code),
        "/form" => json!("electronic_written"),
        "/urgency/level" => json!(kind.urgency.as_str()),
        "/legal_basis/instruments/0/instrument" => json!(kind.instrument()),
        "/legal_basis/instruments/0/articles" => json!(kind.articles().collect::<Vec<_>>()),
        _ => empty(pointer),
    }
}

fn object(fields: &[Field]) -> Value {
    let held = |it: &Field| match &it.holds {
        Holds::Value(value) => value.clone(),
        Holds::Object(inner) => object(inner),
        Holds::List(items) => json!(items.iter().map(|it| object(it)).collect::<Vec<_>>()),
    };
    Value::Object(fields.iter().map(|it| (it.name.to_owned(), held(it))).collect::<Map<_, _>>())
}

fn push_fields(out: &mut String, fields: &[Field], level: usize) {
    let margin = "  ".repeat(level);
    for (at, field) in fields.iter().enumerate() {
        for comment in &field.comments {
            out.push_str(&format!("{margin}// {comment}\n"));
        }
        let end = if at + 1 == fields.len() { "\n" } else { ",\n" };
        out.push_str(&format!("{margin}\"{}\": ", field.name));
        match &field.holds {
            Holds::Value(value) => out.push_str(&value.to_string()),
            Holds::Object(inner) => {
                out.push_str("{\n");
                push_fields(out, inner, level + 1);
                out.push_str(&format!("{margin}}}"));
            }
            Holds::List(items) => {
                out.push('[');
                for (at, inner) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "{\n" } else { ", {\n" });
                    push_fields(out, inner, level + 1);
                    out.push_str(&format!("{margin}}}"));
                }
                out.push(']');
            }
        }
        out.push_str(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kinds::KindCode;
    use crate::law::blocks;
    use crate::wire::{draft, pb};

    fn kinds() -> impl Iterator<Item = KindCode> {
        KindCode::all()
    }

    fn read(text: &str) -> pb::Draft {
        json::read_file(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}\n{text}"))
    }

    /// A well-formed value for a place.
    fn sample(pointer: &str) -> Value {
        match (pointer, json::form(pointer)) {
            ("/from", _) => json!("ita.coast-guard/operations-centre"),
            ("/to", _) => json!(["pan.maritime-authority/flag-state-desk"]),
            ("/handling/tlp", _) => json!("TLP:AMBER"),
            ("/handling/handling_code", _) => json!("H1"),
            ("/handling/classification", _) => json!(null),
            ("/handling/onward_sharing", _) => json!("originator_consent"),
            ("/handling/originator", _) => json!("ITA"),
            (
                "/handling/review_by"
                | "/handling/retain_until"
                | "/art_18_5/until"
                | "/custody_transfer/return_by",
                _,
            ) => {
                json!("2027-01-31")
            }
            ("/disclosure/at", _) => json!("2027-01-31T00:00:00Z"),
            (_, Some(Form::Text)) => json!("said"),
            (_, Some(Form::Texts)) => json!(["said"]),
            (_, Some(Form::Flag)) => json!(true),
            (_, Some(Form::Number)) => json!(1),
            (_, None) => panic!("{pointer} is no value"),
        }
    }

    /// Fills what is empty, everywhere.
    fn fill(value: &mut Value, pointer: &str) {
        match value {
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(name, it)| fill(it, &format!("{pointer}/{name}")));
            }
            Value::Array(items) if !items.is_empty() => {
                for (at, it) in items.iter_mut().enumerate() {
                    fill(it, &format!("{pointer}/{at}"));
                }
            }
            Value::Null | Value::Array(_) => *value = sample(pointer),
            Value::String(text) if text.is_empty() => *value = sample(pointer),
            Value::String(_) | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    #[test]
    fn an_empty_template_misses_its_mandatory_blocks_and_no_others() {
        for kind in kinds() {
            let draft = read(&Template::new(kind).text());
            let found = blocks::missing(&draft, kind, kind.opening());
            let found: Vec<&Block> = found.into_iter().map(|it| it.block).collect();
            assert_eq!(found, kind.must_say().collect::<Vec<_>>(), "{kind}");
        }
        assert_eq!(kinds().count(), 53);
    }

    #[test]
    fn a_template_that_is_filled_in_misses_nothing_and_is_well_formed() {
        for kind in kinds() {
            let mut value = Template::new(kind).value();
            fill(&mut value, "");
            let filled = read(&value.to_string());
            assert_eq!(blocks::missing(&filled, kind, kind.opening()), [], "{kind}");
            let read = draft::read(filled).unwrap_or_else(|faults| panic!("{kind}: {faults:?}"));
            assert_eq!((read.kind, read.act), (kind, kind.opening()));
        }
    }

    #[test]
    fn each_mandatory_block_is_named_with_source_and_form() {
        for kind in kinds() {
            let text = Template::new(kind).text();
            for block in kind.must_say().chain(beside(kind)) {
                let told = format!("// {} [{}] {}", block.name, block.source, block.says);
                assert!(text.contains(&told), "{kind}: {told}");
            }
            for block in kind.optional {
                let told = format!("  // {} [{}] ", block.name, block.source);
                assert!(text.contains(&told), "{kind}: {told}");
            }
        }
    }

    #[test]
    fn comments_are_all_that_text_has_more_than_json() {
        for kind in kinds() {
            let template = Template::new(kind);
            let bare: String = template
                .text()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            assert_eq!(serde_json::from_str::<Value>(&bare).unwrap(), template.value(), "{kind}");
        }
    }

    #[test]
    fn a_word_that_must_stand_there_is_named() {
        let kind: KindCode = "UNTOC.18.10.TRANSFER".parse().unwrap();
        let text = Template::new(kind).text();
        assert!(text.contains("must be true\n"), "{text}");
        assert!(text.contains("\"return_by\": \"\""), "{text}");
    }
}
