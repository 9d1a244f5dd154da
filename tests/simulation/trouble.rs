//! Trouble that a node's own machine makes: a clock that is off, a disk that is slow, a disk that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rogatory::clock::{Clock, HandClock, Timestamp};

use crate::world::{Chance, World, count};

/// Clocks of two machines differ by at most twice as much: less than nodes take for a fault.
const OFF_MS_MAX: u64 = 60_000;
/// Of so many worlds one, this one of them, has clocks that are put forward and back while messages travel.
const JUMPS: (u64, u64) = (4, 6);
/// In so many of a thousand ticks a clock jumps there.
const JUMPS_IN_THOUSAND: u64 = 60;
/// Every so many jumps go beyond what nodes take for a fault, by at most so much.
const FAR_EVERY: u64 = 3;
const FAR_MS: (i64, u64) = (130_000, 600_000);
/// A disk is slow for at most so long, in milliseconds.
const SLOW_MS_MAX: u64 = 20_000;
/// So many bytes at most still fit when a disk runs full.
const ROOM_BYTES_MAX: u64 = 8_000;

/// What troubles a machine.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// How far its clock is ahead of the world's, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
    slow_until: i64,
    is_full: bool,
}

impl Trouble {
    /// Whether its disk has run full.
    pub const fn is_full(&self) -> bool {
        self.is_full
    }
}

/// The world's clock as a machine has it.
struct OffClock {
    world: Arc<HandClock>,
    ahead_ms: Arc<AtomicI64>,
}

impl Clock for OffClock {
    fn now(&self) -> Timestamp {
        self.world.now().plus_millis(self.ahead_ms.load(Ordering::Relaxed))
    }
}

impl World {
    /// The clock of a machine.
    pub fn clock_of(&self, node: usize) -> Arc<dyn Clock> {
        let ahead_ms = Arc::clone(&self.machines[node].trouble.ahead_ms);
        Arc::new(OffClock { world: Arc::clone(&self.clock), ahead_ms })
    }

    /// Clocks go wrong before anything starts.
    pub fn put_clocks_wrong(&mut self) {
        for node in 0..self.machines.len() {
            if self.chance.one_in_thousand(500) {
                count(&mut self.tally, "clock off");
                let ahead = self.chance.below(2 * OFF_MS_MAX) as i64 - OFF_MS_MAX as i64;
                self.machines[node].trouble.ahead_ms.store(ahead, Ordering::Relaxed);
            }
        }
    }

    /// Whether clocks jump in the world of a seed.
    pub const fn has_jumps(seed: u64) -> bool {
        seed % JUMPS.1 == JUMPS.0
    }

    /// A clock is put forward or back, within what nodes take for no fault or beyond.
    fn jump(&mut self, node: usize) {
        // A chance of its own: what else happens in other worlds does not depend on it.
        let mut chance = Chance::new(self.seed ^ self.now() as u64 ^ 0x0c10_c4ed);
        if !Self::has_jumps(self.seed) || !chance.one_in_thousand(JUMPS_IN_THOUSAND) {
            return;
        }
        let known = self.machines[node].trouble.ahead_ms.load(Ordering::Relaxed);
        let ahead = if chance.below(FAR_EVERY) == 0 {
            let far = FAR_MS.0 + chance.below(FAR_MS.1) as i64;
            if chance.below(2) == 0 { far } else { -far }
        } else {
            chance.below(2 * OFF_MS_MAX) as i64 - OFF_MS_MAX as i64
        };
        let is_far = ahead.saturating_abs() > 2 * OFF_MS_MAX as i64;
        count(&mut self.tally, if is_far { "clock beyond the limit" } else { "clock jumped" });
        if ahead < known {
            count(&mut self.tally, "clock put back");
        }
        self.machines[node].trouble.ahead_ms.store(ahead, Ordering::Relaxed);
    }

    /// A disk becomes slow, runs full, or gets room again.
    pub fn trouble(&mut self, node: usize) {
        self.jump(node);
        let now = self.now();
        if self.chance.one_in_thousand(20) {
            count(&mut self.tally, "disk slow");
            let slow_ms = self.chance.below(SLOW_MS_MAX) as i64;
            self.machines[node].trouble.slow_until = now + slow_ms;
        }
        if self.machines[node].trouble.is_full {
            if self.chance.one_in_thousand(200) {
                self.make_room(node);
            }
        } else if self.chance.one_in_thousand(12) {
            count(&mut self.tally, "disk full");
            let room = self.chance.below(ROOM_BYTES_MAX);
            let machine = &mut self.machines[node];
            machine.trouble.is_full = true;
            let bytes = machine.disk.bytes() + usize::try_from(room).unwrap_or(0);
            machine.disk.set_bytes_max(Some(bytes));
            machine.files.allow_bytes(Some(room));
        }
    }

    /// Whether the disk of a node has not answered yet.
    pub fn is_slow(&self, node: usize) -> bool {
        self.machines[node].trouble.slow_until > self.now()
    }

    /// Everything is quick, there is room, and clocks are no further apart than nodes take for no fault.
    pub fn end_trouble(&mut self) {
        for node in 0..self.machines.len() {
            let ahead_ms = &self.machines[node].trouble.ahead_ms;
            if ahead_ms.load(Ordering::Relaxed).saturating_abs() > OFF_MS_MAX as i64 {
                ahead_ms.store(0, Ordering::Relaxed);
            }
            self.machines[node].trouble.slow_until = 0;
            self.make_room(node);
        }
    }

    fn make_room(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        machine.trouble.is_full = false;
        machine.disk.set_bytes_max(None);
        machine.files.allow_bytes(None);
    }
}
