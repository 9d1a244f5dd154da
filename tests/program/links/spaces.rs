//! Network namespaces of a test's own: a switch, and for each node a machine with a cable to it. Only
//! root can make them; elsewhere the tests say so and do nothing.
//!
//! A test runs twice: once where it was started, to make the namespaces and to remove them however it
//! ends, and once, as a process of its own, inside the switch, from where it reaches every machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, agency};
use crate::reload::{adopt, next_record};

/// Tells a test that it runs inside, and of which namespaces.
const INSIDE: &str = "ROGATORY_SPACES";
/// The start of all names; the number of the process that made them follows.
const PREFIX: &str = "rogatory-";
/// The cable of a machine at its own end.
const CABLE: &str = "eth0";
/// A station that is on no cable.
const NOBODY: &str = "02:00:00:00:00:99";

/// What is told on the command line of `ip` and `tc`.
fn run(program: &str, words: &str) -> Output {
    let output = Command::new(program).args(words.split(' ')).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn ip(words: &str) {
    let output = run("ip", words);
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The namespaces, named after the process that made them.
pub(super) struct Spaces {
    prefix: String,
    own: bool,
}

impl Spaces {
    /// Makes them, and cables that are good; none, and says why, where this is not possible.
    fn made() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let missing =
            ["ip", "tc"].into_iter().find(|it| Command::new(it).arg("-V").output().is_err());
        if let Some(missing) = missing {
            println!("SKIPPED: no {missing} on this machine (Debian package iproute2)");
            return None;
        }
        sweep();
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let spaces = Self { prefix: format!("{PREFIX}{process}-{number}"), own: true };
        let switch = spaces.switch();
        let tried = run("ip", &format!("netns add {switch}"));
        if !tried.status.success() {
            let why = String::from_utf8_lossy(&tried.stderr);
            println!("SKIPPED: no network namespaces, for which one must be root: {}", why.trim());
            return None;
        }
        ip(&format!("-n {switch} link add switch type bridge"));
        ip(&format!("-n {switch} addr add {}/24 dev switch", address(254)));
        for stage in STAGES {
            let (machine, port) = (spaces.machine(stage), port(stage));
            ip(&format!("netns add {machine}"));
            ip(&format!("-n {machine} link add {CABLE} type veth peer name {port} netns {switch}"));
            // What is too large for a cable is a packet, not a parcel of packets, which would pass.
            ip(&format!("-n {machine} link set {CABLE} gso_max_segs 1"));
            ip(&format!("-n {machine} addr add {}/24 dev {CABLE}", address(host(stage))));
            ip(&format!("-n {machine} link set lo up"));
            ip(&format!("-n {machine} link set {CABLE} up"));
            ip(&format!("-n {switch} link set {port} master switch up"));
        }
        ip(&format!("-n {switch} link set lo up"));
        ip(&format!("-n {switch} link set switch up"));
        Some(spaces)
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.prefix)
    }

    /// The namespace of a node.
    pub(super) fn machine(&self, stage: &str) -> String {
        format!("{}-{}", self.prefix, short(stage))
    }

    fn all(&self) -> Vec<String> {
        STAGES.iter().map(|it| self.machine(it)).chain([self.switch()]).collect()
    }

    /// Pulls the cable of a machine.
    pub(super) fn pull(&self, stage: &str) {
        ip(&format!("-n {} link set {} down", self.switch(), port(stage)));
    }

    /// Puts it back.
    pub(super) fn put_back(&self, stage: &str) {
        ip(&format!("-n {} link set {} up", self.switch(), port(stage)));
    }

    /// Lets a cable have this discipline in both directions; false if the kernel has none such.
    pub(super) fn disciplined(&self, stage: &str, discipline: &str) -> bool {
        let ends = [(self.switch(), port(stage)), (self.machine(stage), CABLE.to_owned())];
        ends.iter().all(|(space, end)| {
            run("tc", &format!("-n {space} qdisc replace dev {end} root {discipline}"))
                .status
                .success()
        })
    }

    /// Lets it have none again.
    pub(super) fn undisciplined(&self, stage: &str) {
        for (space, end) in [(self.switch(), port(stage)), (self.machine(stage), CABLE.to_owned())]
        {
            // There may be none at one end.
            drop(run("tc", &format!("-n {space} qdisc del dev {end} root")));
        }
    }

    /// How often a machine has sent something again because nobody confirmed it (TCP).
    pub(super) fn sent_again(&self, stage: &str) -> u64 {
        let machine = self.machine(stage);
        let told = run("ip", &format!("netns exec {machine} cat /proc/net/snmp"));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let mut lines = told.lines().filter(|it| it.starts_with("Tcp:"));
        let [names, values] =
            [lines.next(), lines.next()].map(|it| it.unwrap_or_default().split(' '));
        let found = names.zip(values).find(|(name, _)| *name == "RetransSegs");
        found.and_then(|it| it.1.parse().ok()).expect("the kernel counts them")
    }

    /// How many bytes have come to a machine over its cable, packets and all.
    pub(super) fn came(&self, stage: &str) -> u64 {
        let machine = self.machine(stage);
        let told = run("ip", &format!("netns exec {machine} cat /proc/net/dev"));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let cable = format!("{CABLE}:");
        let counts = told.lines().find_map(|it| it.trim_start().strip_prefix(&cable));
        let came = counts.and_then(|it| it.split_whitespace().next()?.parse().ok());
        came.expect("the kernel counts them")
    }

    /// Lets the system of a machine give a connection up that has confirmed nothing for a second or two, as
    /// it does after a quarter of an hour else; false if it can't be told.
    pub(super) fn impatient(&self, stage: &str) -> bool {
        let machine = self.machine(stage);
        let words =
            ["netns", "exec", &machine, "sh", "-c", "echo 2 > /proc/sys/net/ipv4/tcp_retries2"];
        Command::new("ip").args(words).status().is_ok_and(|it| it.success())
    }

    /// How many packets the disciplines of a cable have lost.
    pub(super) fn dropped(&self, stage: &str) -> u64 {
        let ends = [(self.switch(), port(stage)), (self.machine(stage), CABLE.to_owned())];
        let lost = ends.map(|(space, end)| {
            let told = run("tc", &format!("-n {space} -s qdisc show dev {end}"));
            let told = String::from_utf8_lossy(&told.stdout).into_owned();
            let after = told.split("dropped ").nth(1).and_then(|it| it.split(',').next());
            after.and_then(|it| it.parse::<u64>().ok()).expect("it says how many were dropped")
        });
        lost.iter().sum()
    }

    /// Lets packets of more than so many bytes vanish on a cable, without a word to anybody.
    pub(super) fn narrow(&self, stage: &str, bytes: u32) {
        ip(&format!("-n {} link set {} mtu {bytes}", self.switch(), port(stage)));
    }

    /// Lets everything that one machine sends to another vanish; what comes from there arrives.
    pub(super) fn misdirect(&self, from: &str, to: &str) {
        let (from, to) = (self.machine(from), address(host(to)));
        ip(&format!("-n {from} neigh replace {to} lladdr {NOBODY} dev {CABLE} nud permanent"));
    }

    /// Lets it arrive again.
    pub(super) fn redirect(&self, from: &str, to: &str) {
        let (from, to) = (self.machine(from), address(host(to)));
        ip(&format!("-n {from} neigh del {to} dev {CABLE}"));
    }

    /// Gives a machine another address in the place of its own.
    pub(super) fn move_to(&self, stage: &str, host_before: u8, host_after: u8) {
        let machine = self.machine(stage);
        ip(&format!("-n {machine} addr del {}/24 dev {CABLE}", address(host_before)));
        ip(&format!("-n {machine} addr add {}/24 dev {CABLE}", address(host_after)));
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        if self.own {
            self.all().iter().for_each(|it| remove(it));
        }
    }
}

/// Removes a namespace with all that runs in it.
fn remove(space: &str) {
    let within = run("ip", &format!("netns pids {space}"));
    for process in String::from_utf8_lossy(&within.stdout).split_whitespace() {
        drop(run("kill", &format!("-9 {process}")));
    }
    drop(run("ip", &format!("netns del {space}")));
}

/// Removes what a process has left that was killed before it could.
fn sweep() {
    let listed = run("ip", "netns list");
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let process = name.strip_prefix(PREFIX).and_then(|it| it.split('-').next());
        let is_gone = |it: &str| !Path::new(&format!("/proc/{it}")).exists();
        if process.is_some_and(is_gone) {
            remove(name);
        }
    }
}

/// The last part of a machine's address.
pub(super) fn host(stage: &str) -> u8 {
    match stage {
        ORIGIN => 1,
        HUB => 2,
        DESTINATION => 3,
        other => panic!("{other} has no machine"),
    }
}

/// An address on the switch.
pub(super) const fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, host)
}

fn short(stage: &str) -> &str {
    stage.split('.').next().unwrap_or(stage)
}

/// A machine's cable at the switch.
fn port(stage: &str) -> String {
    format!("port-{}", short(stage))
}

/// Lets a node, which does not run, listen at an address of its machine, and its agency's record say so.
pub(super) fn readdress(network: &mut Network, stage: &str, host: u8) {
    let place = network.made.places.iter_mut().find(|it| it.agency == agency(stage));
    let place = place.expect("the agency runs a node");
    let before = place.listen.clone();
    let moved = |it: SocketAddr| SocketAddr::from((address(host), it.port()));
    place.listen.agency = moved(before.agency);
    place.listen.peers = moved(before.peers);
    place.listen.operations = moved(before.operations);
    let after = place.listen.clone();
    for (before, after) in [
        (before.agency, after.agency),
        (before.peers, after.peers),
        (before.operations, after.operations),
    ] {
        network.configure(stage, &format!("\"{before}\""), &format!("\"{after}\""));
    }
    let note = next_record(network, stage, |it| {
        it.nodes.first_mut().expect("the agency names its node").peer_address =
            after.peers.to_string();
    });
    adopt(network, &note);
}

/// Runs the test of this name inside the switch of namespaces of its own.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment")]
pub(super) fn inside(name: &str, test: impl AsyncFnOnce(Spaces)) {
    if let Ok(prefix) = std::env::var(INSIDE) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(Box::pin(test(Spaces { prefix, own: false })));
    }
    let Some(spaces) = Spaces::made() else { return };
    let program = std::env::current_exe().expect("the program knows where it lies");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &spaces.switch()]).arg(program);
    command.args(["--exact", name, "--nocapture"]).env(INSIDE, &spaces.prefix);
    let output = command.output().expect("the test runs inside");
    let [told, errors] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    println!("{told}");
    let passed = output.status.success() && told.contains("1 passed");
    assert!(passed, "inside: {}\n{errors}", output.status);
}
