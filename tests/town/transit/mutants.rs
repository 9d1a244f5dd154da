//! Every parser of bytes that come from outside, under bytes that were changed by a seed.
//!
//! `parsers.rs` lists them with sound samples. Each sample is changed in the ways of a bad wire and of a
//! liar: bits turned, cut off, doubled, left out, lengths that claim more, the front of one with the
//! end of another. Nothing may panic, stand still, or take memory that its input does not justify, and
//! what is taken must be what its writer would write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::transit::parsers::{self, Parser, Rule};

/// Changed samples for each parser.
const ROUNDS: u64 = 240;
const SEED: u64 = 0x5eed_0003;
/// No parser takes so long for one input, on any machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// Memory that a parser may hold at once, in bytes: for each byte of its input, and besides.
const MEMORY_PER_BYTE: u64 = 256;
const MEMORY_BESIDES: u64 = 2 << 20;

/// Chance that is always the same (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).expect("a length");
        usize::try_from(self.next() % end).expect("less than a length")
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        let longest = if self.next().is_multiple_of(2) { 16 } else { length };
        from..(from + self.below(longest + 1)).min(length)
    }
}

/// Lengths that lie, as the formats write lengths: varints, big and little end first, decimals.
const LIES: [&[u8]; 9] = [
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    &[0xff; 8],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0, 0, 0, 0],
    &[0x84, 0xff, 0xff, 0xff, 0xff],
    b"18446744073709551615",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// A sample, changed once or a few times.
fn changed(sample: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        match chance.below(9) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            2 if !bytes.is_empty() => bytes[at] = chance.next().to_le_bytes()[0],
            3 => bytes.truncate(at),
            4 => {
                let twice = bytes[chance.range(bytes.len())].to_vec();
                bytes.splice(at..at, twice);
            }
            5 => drop(bytes.drain(chance.range(bytes.len()))),
            6 => {
                let lie = LIES[chance.below(LIES.len())];
                let end = (at + lie.len()).min(bytes.len());
                bytes.splice(at..end, lie.iter().copied());
            }
            7 => {
                let end = chance.below(other.len() + 1);
                bytes.splice(at.., other[end..].iter().copied());
            }
            _ => bytes.extend_from_slice(&other[chance.range(other.len())]),
        }
    }
    bytes
}

/// Gives one input to a parser; what is wrong with what it did.
fn judged(parser: &Parser, input: &[u8], sound: &[Vec<u8>]) -> Result<bool, String> {
    let mut read = None;
    let used = allocation_counter::measure(|| {
        read = catch_unwind(AssertUnwindSafe(|| (parser.read)(input))).ok();
    });
    let Some(read) = read else { return Err("it panicked".to_owned()) };
    let length = u64::try_from(input.len()).expect("a length");
    if used.bytes_max > MEMORY_BESIDES + MEMORY_PER_BYTE * length {
        return Err(format!("it held {} bytes for {length}", used.bytes_max));
    }
    let Some(value) = read else { return Ok(false) };
    match parser.rule {
        Rule::OneEncoding if value != input => Err("it took what it would not write".to_owned()),
        Rule::Settles if (parser.read)(&value).as_ref() != Some(&value) => {
            Err("what it writes is read as something else".to_owned())
        }
        Rule::Bound if !sound.contains(&value) => Err("it took what nobody made".to_owned()),
        Rule::OneEncoding | Rule::Settles | Rule::Bound | Rule::Survives => Ok(true),
    }
}

/// All inputs for one parser; how many of the changed ones it took, or what it did wrong.
fn attacked(parser: &Parser, foreign: &[u8]) -> Result<u64, String> {
    let sound: Option<Vec<Vec<u8>>> = parser.samples.iter().map(|it| (parser.read)(it)).collect();
    let sound = sound.ok_or("it refuses a sound sample")?;
    let mut chance = Chance(SEED);
    let mut taken = 0;
    for round in 0..ROUNDS {
        let sample = &parser.samples[chance.below(parser.samples.len())];
        let other = match chance.below(4) {
            0 => foreign,
            _ => parser.samples[chance.below(parser.samples.len())].as_slice(),
        };
        let input = changed(sample, other, &mut chance);
        match judged(parser, &input, &sound) {
            Ok(took) => taken += u64::from(took),
            Err(why) => return Err(format!("round {round}: {why}: {}", hex::encode(input))),
        }
    }
    for input in [&[][..], &[0], &[0xff; 64], &[0; 4096], foreign] {
        judged(parser, input, &sound).map_err(|why| format!("{why}: {} bytes", input.len()))?;
    }
    Ok(taken)
}

#[test]
fn no_parser_panics_stands_still_or_takes_what_its_writer_would_not_write() {
    let at = Arc::new(Mutex::new(String::new()));
    let (tell, told) = channel();
    let working = Arc::clone(&at);
    let thread = std::thread::Builder::new().name("mutants".to_owned()).spawn(move || {
        let parsers = parsers::all();
        for (number, parser) in parsers.iter().enumerate() {
            *working.lock().expect("nobody panics with it") = parser.name.to_owned();
            let foreign = &parsers[(number + 1) % parsers.len()].samples[0];
            tell.send((parser.name, attacked(parser, foreign))).expect("somebody listens");
        }
    });
    let thread = thread.expect("a thread");
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok((name, Ok(taken))) => {
                println!("{name}: {taken} of {ROUNDS} were still sound");
                seen.push(name);
            }
            Ok((name, Err(why))) => wrong.push(format!("{name}: {why}")),
            Err(RecvTimeoutError::Timeout) => {
                panic!("it stands still at {}", at.lock().expect("a name"));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    thread.join().expect("it ends well");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(seen.len() >= 45, "{} parsers", seen.len());
}
