//! `audit`: replay a journal and verify what it proves.
//!
//! In come entries, proofs and checkpoints, from a node or from files; out go verdicts. Nothing is
//! taken on trust: leaves are hashed again, the tree is built again, signatures, cosignatures and
//! recorded statements are checked against the directory. A journal that does not hold ends with
//! exit code 7 and the fault by its place; a tool that can't look ends with another code.
//!
//! - `replay.rs` prints entries; `verify.rs` judges a journal; `offline.rs` single statements.
//! - `tiles.rs` prints or judges a published journal from its folder.
//! - `proof.rs` fetches the proof of one entry.
//! - `grant.rs`: what auditors are shown besides entries, and by whose word.

pub mod grant;
pub mod offline;
pub mod proof;
pub mod replay;
mod tiles;
pub mod verify;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::args::Global;
use crate::cli::call::Line;
use crate::cli::output::Output;

/// What to do with journals.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print the entries of the node's journal
    #[command(
        before_help = "Example: rogatory audit replay --from 100 -o jsonl",
        after_help = "With --tiles no node is asked: the published files and the directory are \
                      enough. All of them are read and verified, whatever is printed."
    )]
    Replay {
        /// Index of the first entry
        #[arg(long, default_value_t = 0, value_name = "INDEX")]
        from: u64,
        /// Index after the last; the present end where none is given
        #[arg(long, value_name = "INDEX")]
        to: Option<u64>,
        /// The folder of a published journal (C2SP tlog-tiles), such as tiles/AGENCY/journal/1
        #[arg(long, value_name = "DIR")]
        tiles: Option<PathBuf>,
    },
    /// Replay the node's whole journal and verify every proof, or verify saved statements
    #[command(
        before_help = "Example: rogatory audit verify",
        after_help = "With --proof and --entry, --from-dir or --tiles, no node is asked: the \
                      files and the directory are enough."
    )]
    Verify {
        /// A statement's proof (C2SP tlog-proof)
        #[arg(long, value_name = "FILE", requires = "entry")]
        proof: Option<PathBuf>,
        /// The entry that it proves, its exact bytes
        #[arg(long, value_name = "FILE", requires = "proof")]
        entry: Option<PathBuf>,
        /// Verify every NAME.tlog-proof of a folder with its NAME.entry
        #[arg(long, value_name = "DIR", conflicts_with_all = ["proof", "entry"])]
        from_dir: Option<PathBuf>,
        /// Verify the folder of a published journal (C2SP tlog-tiles)
        #[arg(long, value_name = "DIR", conflicts_with_all = ["proof", "entry", "from_dir"])]
        tiles: Option<PathBuf>,
    },
    /// Fetch the proof of one entry, and verify it
    #[command(before_help = "Example: rogatory audit proof 42 --save vessel")]
    Proof {
        /// Index of the entry
        index: u64,
        /// Size of the tree that is to prove it; the latest where none is given
        #[arg(long, value_name = "SIZE")]
        size: Option<u64>,
        /// Write BASE.tlog-proof and BASE.entry
        #[arg(long, value_name = "BASE")]
        save: Option<PathBuf>,
    },
    /// As an officer: let an auditor be shown content, for a time
    #[command(
        before_help = "Example: rogatory audit grant auditor/audit-office \
                       --request 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --reason complaint \
                       --until 2026-12-31T00:00:00Z",
        after_help = "An auditor sees entries and sealed bytes without anybody's word, and content by \
                      such a grant alone. The grant, and each reading, is an entry."
    )]
    Grant(grant::Granting),
    /// As an officer: take content from an auditor
    #[command(before_help = "Example: rogatory audit revoke auditor/audit-office \
                       --request 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    Revoke(grant::Revoking),
    /// As an officer: list what is granted to auditors
    #[command(before_help = "Example: rogatory audit grants")]
    Grants,
    /// As an auditor: read content that was granted
    #[command(before_help = "Example: rogatory audit content 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    Content(grant::Reading),
    /// As an auditor: save the sealed bytes of a message
    #[command(before_help = "Example: rogatory audit sealed 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b \
                       --save vessel")]
    Sealed {
        /// Which message.
        #[command(flatten)]
        reading: grant::Reading,
        /// Write BASE.header, BASE.wraps, BASE.particulars and BASE.content
        #[arg(long, value_name = "BASE")]
        save: PathBuf,
    },
}

/// Does it.
///
/// # Errors
/// Exit status 7 with the fault, or what kept it from being looked for.
pub async fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    match verb {
        Verb::Replay { from, to, tiles: Some(folder) } => {
            tiles::print(global, &folder, (from, to), output)
        }
        Verb::Replay { from, to, tiles: None } => {
            replay::run(&Line::open(global).await?, from, to, output).await
        }
        Verb::Verify { proof: Some(proof), entry: Some(entry), .. } => {
            offline::files(global, &proof, &entry, output)
        }
        Verb::Verify { tiles: Some(folder), .. } => tiles::judge(global, &folder, output),
        Verb::Verify { from_dir: Some(folder), .. } => offline::folder(global, &folder, output),
        Verb::Verify { .. } => verify::run(&Line::open(global).await?, output).await,
        Verb::Grant(it) => grant::grant(&Line::open(global).await?, it, output).await,
        Verb::Revoke(it) => grant::revoke(&Line::open(global).await?, it, output).await,
        Verb::Grants => grant::grants(&Line::open(global).await?, output).await,
        Verb::Content(it) => grant::content(&Line::open(global).await?, it, output).await,
        Verb::Sealed { reading, save } => {
            grant::sealed(&Line::open(global).await?, reading, save, output).await
        }
        Verb::Proof { index, size, save } => {
            let line = Line::open(global).await?;
            proof::run(&line, index, size, save.as_deref(), output).await
        }
    }
}
