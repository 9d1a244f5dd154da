//! Compiles `proto/` without protoc: descriptor set and generated types go to `OUT_DIR`.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

/// Files whose messages are the content of messages: everything in them may name a person.
const CONTENT_FILES: [&str; 5] = [
    "rogatory/v1/acts.proto",
    "rogatory/v1/case.proto",
    "rogatory/v1/draft.proto",
    "rogatory/v1/entities.proto",
    "rogatory/v1/measures.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");
    let files = proto_files(Path::new("proto/rogatory/v1"))?;
    let set = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(files)?
        .file_descriptor_set();

    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    write(&out.join("rogatory.v1.bin"), &without_comments(set.clone()).encode_to_vec())?;
    write(&out.join("verbs.rs"), verbs(&set)?.as_bytes())?;
    // Content has no derived `Debug`, so that no trace can print a person; `wire::pb` gives `Draft`
    // one that shows its length.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .out_dir(&out)
        .build_transport(false)
        .codec_path("crate::wire::codec::FrameCodec")
        .skip_debug(content_messages(&set))
        .compile_fds_with_config(set, config)?;
    Ok(())
}

/// The enum `Verb`, one variant for each method of the services: whoever adds a method has to decide
/// who may call it, or `src/identity/permission.rs` does not compile.
fn verbs(set: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut found: Vec<(String, String, String, bool)> = Vec::new();
    for file in set.file.iter().filter(|file| file.package() == "rogatory.v1") {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let streams = method.client_streaming() || method.server_streaming();
                if found.iter().any(|(name, ..)| name == method.name()) {
                    return Err(format!("{path}: another service has a method of this name").into());
                }
                found.push((method.name().into(), service.name().into(), path, streams));
            }
        }
    }
    let mut out = String::from(
        "/// What can be asked of a node: every method of the services in `proto/rogatory/v1`.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum Verb {\n",
    );
    for (name, service, ..) in &found {
        out += &format!("    /// `{service}.{name}`\n    {name},\n");
    }
    out += "}\n\nimpl Verb {\n    /// Every verb, file by file and service by service.\n";
    out += &format!("    pub const ALL: [Self; {}] = [\n", found.len());
    for (name, ..) in &found {
        out += &format!("        Self::{name},\n");
    }
    out += "    ];\n\n    /// The path under which gRPC and JSON call it.\n\
            pub const fn path(self) -> &'static str {\n        match self {\n";
    for (name, _, path, _) in &found {
        out += &format!("            Self::{name} => \"{path}\",\n");
    }
    out += "        }\n    }\n\n    /// The verb that is called under `path`, exactly.\n\
            pub fn of_path(path: &str) -> Option<Self> {\n        match path {\n";
    for (name, _, path, _) in &found {
        out += &format!("            \"{path}\" => Some(Self::{name}),\n");
    }
    out += "            _ => None,\n        }\n    }\n\n\
            /// True if questions or answers come in a stream: gRPC only.\n\
            pub const fn is_streamed(self) -> bool {\n        match self {\n";
    for (name, .., streams) in &found {
        out += &format!("            Self::{name} => {streams},\n");
    }
    out += "        }\n    }\n}\n";
    Ok(out)
}

#[expect(clippy::disallowed_methods, reason = "made anew by every build; nothing to lose")]
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(path, bytes)
}

/// The `.proto` files of a folder in the order of their names.
fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Full names of the messages of the content files, each with a leading dot.
fn content_messages(set: &FileDescriptorSet) -> Vec<String> {
    set.file
        .iter()
        .filter(|file| CONTENT_FILES.contains(&file.name()))
        .flat_map(|file| {
            file.message_type.iter().map(|it| format!(".{}.{}", file.package(), it.name()))
        })
        .collect()
}

/// The set as the program carries it: comments are for readers of the source.
fn without_comments(mut set: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}
