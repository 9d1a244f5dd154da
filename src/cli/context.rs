//! `context`: a node and a caller under one name.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::Environment;
use crate::config::context::{Context, Contexts};
use crate::config::resolved::{Anchor, Resolved};

/// What to do with contexts.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Keep what the flags say under a name
    #[command(before_help = "Example: rogatory context add rome --address node.example:7443 \
                       --agency ita.coast-guard --tls-cert officer.pem --tls-key officer.key \
                       --directory directory.toml")]
    Add {
        /// 1 to 63 of a-z, 0-9 and inner hyphens
        name: String,
        /// Replace a context of this name
        #[arg(long)]
        replace: bool,
    },
    /// List contexts; the one in use is marked
    #[command(before_help = "Example: rogatory context list")]
    List,
    /// Take a context into use
    #[command(before_help = "Example: rogatory context use rome")]
    Use {
        /// Its name
        name: String,
    },
    /// Show a context, or what a call would use and who decided it
    #[command(before_help = "Example: rogatory context show --resolved")]
    Show {
        /// Its name; the one in use where none is given
        name: Option<String>,
        /// Show what a call would use, each value with its origin
        #[arg(long, conflicts_with = "name")]
        resolved: bool,
    },
    /// Remove a context
    #[command(before_help = "Example: rogatory context remove rome")]
    Remove {
        /// Its name
        name: String,
    },
}

/// Does it.
///
/// # Errors
/// What is wrong with a context, or what the system says.
pub fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    let contexts = Contexts::of_user()?;
    match verb {
        Verb::Add { name, replace } => add(&contexts, &name, replace, global, output),
        Verb::List => list(&contexts, output),
        Verb::Use { name } => {
            contexts.select(&name)?;
            output.note(format!("context {name} is in use"));
            Ok(())
        }
        Verb::Show { resolved: true, .. } => show_resolved(&call::resolve(global)?, output),
        Verb::Show { name, resolved: false } => {
            let flag = name.as_deref().or(global.context.as_deref());
            let chosen = contexts.chosen(flag, &Environment::of_process())?;
            let chosen = chosen.ok_or_else(|| {
                Failure::new(Exit::NotFound, "no context is in use; see rogatory context list")
            })?;
            show(&chosen.value, &contexts.get(&chosen.value)?, output)
        }
        Verb::Remove { name } => {
            contexts.remove(&name)?;
            output.note(format!("context {name} is gone"));
            Ok(())
        }
    }
}

fn add(
    contexts: &Contexts,
    name: &str,
    replace: bool,
    global: &Global,
    output: &Output,
) -> Result<()> {
    if !replace && contexts.names()?.iter().any(|it| it == name) {
        let text = format!("context {name} exists; --replace puts this one in its place");
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let mut context = global.said();
    // A context is used from any folder.
    for path in
        [&mut context.certificate, &mut context.key, &mut context.directory, &mut context.roots]
    {
        *path = path.take().map(|it| absolute(&it)).transpose()?;
    }
    let text = context.to_toml();
    Context::parse(&text, Path::new("")).map_err(|faults| {
        let listed: String = faults.iter().map(|it| format!("\n  {it}")).collect();
        Failure::new(Exit::Usage, format!("the context would be wrong:{listed}"))
    })?;
    contexts.put(name, &context)?;
    output.note(format!("context {name} is kept"));
    if contexts.current()?.is_none() {
        contexts.select(name)?;
        output.note(format!("context {name} is in use"));
    } else {
        output.note(format!("take it into use: rogatory context use {name}"));
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("finding {}", path.display()))
}

fn list(contexts: &Contexts, output: &Output) -> Result<()> {
    let current = contexts.current()?;
    let mut found = Vec::new();
    for name in contexts.names()? {
        let context = contexts.get(&name);
        let is_current = current.as_deref() == Some(name.as_str());
        found.push((name, is_current, context));
    }
    output.list(
        || {
            let listed: Vec<Value> = found
                .iter()
                .map(|(name, is_current, context)| match context {
                    Ok(context) => to_json(name, context, Some(*is_current)),
                    Err(error) => json!({ "name": name, "error": error.to_string() }),
                })
                .collect();
            json!({ "contexts": listed })
        },
        "contexts",
        || {
            let rows = found.iter().map(|(name, is_current, context)| {
                let mark = if *is_current { "*" } else { "" };
                let (agency, address) = match context {
                    Ok(context) => (text(&context.agency), text(&context.address)),
                    Err(_) => ("(faulty)".to_owned(), String::new()),
                };
                [mark.to_owned(), name.clone(), agency, address]
            });
            Sheet::new().table(["", "name", "agency", "address"], rows)
        },
    )
}

fn show(name: &str, context: &Context, output: &Output) -> Result<()> {
    output.show(
        || to_json(name, context, None),
        || {
            Sheet::new()
                .field("name", name)
                .field("address", text(&context.address))
                .field("agency", text(&context.agency))
                .field("certificate", path(&context.certificate))
                .field("key", path(&context.key))
                .field("directory", path(&context.directory))
                .field("roots", path(&context.roots))
                .field("contact_point", text(&context.contact_point))
        },
    )
}

fn show_resolved(resolved: &Resolved, output: &Output) -> Result<()> {
    let (anchor, anchored) = match &resolved.anchor.value {
        Anchor::Directory(path) => ("directory", path),
        Anchor::Roots(path) => ("roots", path),
    };
    let shown = |path: &Path| path.display().to_string();
    let mut rows = vec![
        ("address", resolved.address.value.clone(), resolved.address.origin.to_string()),
        ("agency", resolved.agency.value.to_string(), resolved.agency.origin.to_string()),
        (
            "certificate",
            shown(&resolved.certificate.value),
            resolved.certificate.origin.to_string(),
        ),
        ("key", shown(&resolved.key.value), resolved.key.origin.to_string()),
        (anchor, shown(anchored), resolved.anchor.origin.to_string()),
    ];
    if let Some(desk) = &resolved.contact_point {
        rows.push(("contact_point", desk.value.to_string(), desk.origin.to_string()));
    }
    output.show(
        || {
            let fields = rows.iter().map(|(name, value, origin)| {
                ((*name).to_owned(), json!({ "value": value, "origin": origin }))
            });
            Value::Object(fields.collect())
        },
        || {
            let rows = rows
                .iter()
                .map(|(name, value, origin)| [(*name).to_owned(), value.clone(), origin.clone()]);
            Sheet::new().table(["field", "value", "decided by"], rows)
        },
    )
}

fn text<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn path(value: &Option<PathBuf>) -> String {
    value.as_ref().map(|it| it.display().to_string()).unwrap_or_default()
}

fn to_json(name: &str, context: &Context, is_current: Option<bool>) -> Value {
    let fields = [
        ("address", text(&context.address)),
        ("agency", text(&context.agency)),
        ("certificate", path(&context.certificate)),
        ("key", path(&context.key)),
        ("directory", path(&context.directory)),
        ("roots", path(&context.roots)),
        ("contact_point", text(&context.contact_point)),
    ];
    let mut object = json!({ "name": name });
    if let (Value::Object(object), Some(is_current)) = (&mut object, is_current) {
        object.insert("in_use".to_owned(), Value::Bool(is_current));
    }
    if let Value::Object(object) = &mut object {
        let present = fields.into_iter().filter(|(_, value)| !value.is_empty());
        object.extend(present.map(|(key, value)| (key.to_owned(), Value::String(value))));
    }
    object
}
