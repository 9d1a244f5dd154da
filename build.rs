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
    // Content has no derived `Debug`, so that no trace can print a person; `wire::pb` gives `Draft`
    // one that shows its length.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .out_dir(&out)
        .build_transport(false)
        .skip_debug(content_messages(&set))
        .compile_fds_with_config(set, config)?;
    Ok(())
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
