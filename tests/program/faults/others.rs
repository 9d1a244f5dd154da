//! What is not the disk's: a second process, and a clock that jumps.

use std::process::Command;

use crate::faults::Bench;
use crate::network::ORIGIN;
use crate::network::shim::Shim;

/// Status of what is refused.
const REFUSED: i32 = 6;
/// How far the clock is ahead before it jumps back, in seconds.
const AHEAD_S: i64 = 72_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_a_folder_is_refused_and_the_first_goes_on() {
    let mut bench = Bench::made(None).await;
    bench.start().await;
    bench.send(20).await;
    for verb in ["run", "rebuild"] {
        let second = Command::new(env!("CARGO_BIN_EXE_rogatory"))
            .args(["node", verb, "--config"])
            .arg(&bench.network.place(ORIGIN).config)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(REFUSED), "{verb}: {said}");
        let in_use = ["the store is open elsewhere", "a node has the store in"];
        assert!(in_use.iter().any(|it| said.contains(it)), "{verb}: {said}");
    }
    bench.send(20).await;
    bench.holds_everything().await;
    assert!(bench.network.terminate(ORIGIN).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_back_loses_nothing() {
    let Some(shim) = Shim::built("a clock that jumps back") else { return };
    let mut bench = Bench::made(Some(shim.library())).await;
    shim.set_clock(AHEAD_S);
    bench.start().await;
    bench.send(20).await;
    shim.set_clock(0);
    bench.send(20).await;
    bench.holds_everything().await;
    bench.network.kill(ORIGIN);
    bench.start().await;
    bench.holds_everything().await;
    assert!(bench.network.terminate(ORIGIN).await.success());
}
