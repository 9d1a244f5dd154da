//! The messages of the hour: when, from whom, to whom, how large, and over which first hops.
//!
//! All by a fixed seed. A few agencies send and get much, most little: an agency's part falls with its
//! place. The ways are the directory's own, as each sender's node would find them.

use std::sync::Arc;

use rogatory::directory::Directory;
use rogatory::domain::header::{Channel, Lane};
use rogatory::domain::ids::AgencyId;

use crate::{Asked, made};

/// Hubs are the first agencies; `made` says so.
pub(crate) const HUBS: usize = made::HUBS;
/// Adds to an agency's place, so that the first does not send everything.
const EVENNESS: f64 = 20.0;

/// A message before it is sent.
pub(crate) struct Post {
    /// The second in which it is submitted.
    pub(crate) second: u32,
    /// Number of its sender.
    pub(crate) origin: u32,
    /// Number of its recipient.
    pub(crate) destination: u32,
    /// Bytes of its sealed content.
    pub(crate) content: u32,
    /// Its channel.
    pub(crate) channel: Channel,
    /// Its lane.
    pub(crate) lane: Lane,
    /// Hubs to begin with, best first; empty where the recipient is a neighbour.
    pub(crate) first: Vec<u8>,
}

/// Chance from a number (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// Picks agencies at the edge by their parts.
struct Parts(Vec<f64>);

impl Parts {
    fn of(agencies: usize) -> Self {
        let mut sum = 0.0;
        let parts = (HUBS..agencies).map(|it| {
            // Places that have nothing to do with countries or hubs.
            let place = it * 7_919 % (agencies - HUBS);
            sum += 1.0 / (place as f64 + EVENNESS);
            sum
        });
        Self(parts.collect())
    }

    fn pick(&self, chance: &mut Chance) -> usize {
        let all = self.0.last().copied().unwrap_or_default();
        let at = chance.below(1 << 53) as f64 / (1_u64 << 53) as f64 * all;
        HUBS + self.0.partition_point(|it| *it <= at).min(self.0.len() - 1)
    }
}

/// Sizes of content: most are forms, some have pages of text.
fn content(chance: &mut Chance) -> u32 {
    match chance.below(100) {
        0..70 => 2_048,
        70..95 => 8_192,
        _ => 65_536,
    }
}

/// All messages in the order of their submission.
pub(crate) fn hour(directory: &Arc<Directory>, asked: &Asked) -> Vec<Post> {
    let (mut chance, parts) = (Chance(20_000_000), Parts::of(asked.agencies));
    let mut posts: Vec<Vec<Post>> = (0..asked.agencies).map(|_| Vec::new()).collect();
    for number in 0..asked.rate * asked.seconds {
        let origin = parts.pick(&mut chance);
        let mut destination = parts.pick(&mut chance);
        while destination == origin {
            destination = parts.pick(&mut chance);
        }
        let lane = if chance.below(10) == 0 { Lane::Urgent } else { Lane::Ordinary };
        posts[origin].push(Post {
            second: u32::try_from(number / asked.rate).unwrap(),
            origin: u32::try_from(origin).unwrap(),
            destination: u32::try_from(destination).unwrap(),
            content: content(&mut chance),
            channel: Channel::ALL[usize::try_from(chance.below(5)).unwrap()],
            lane,
            first: Vec::new(),
        });
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = posts.len().div_ceil(cores);
    std::thread::scope(|threads| {
        for posts in posts.chunks_mut(part) {
            threads.spawn(move || posts.iter_mut().for_each(|it| find_ways(directory, it)));
        }
    });
    let mut posts: Vec<Post> = posts.into_iter().flatten().collect();
    posts.sort_by_key(|it| it.second);
    posts
}

/// The first hops of one sender's messages, from a table of its own.
fn find_ways(directory: &Directory, posts: &mut [Post]) {
    let Some(origin) = posts.first().map(|it| it.origin) else { return };
    let origin = agency(origin);
    let own = directory.clone();
    own.look_from(&origin);
    let hubs: Vec<AgencyId> = (0..HUBS).map(made::agency).collect();
    for post in posts {
        let ways = own.routes(&origin, &agency(post.destination), post.channel);
        assert!(!ways.is_empty(), "the directory has a way from each agency to each other");
        let first = ways.iter().filter_map(|it| it.hops.first());
        let is_direct = ways.first().is_some_and(|it| it.hops.len() == 1);
        let numbers = first.filter_map(|it| hubs.iter().position(|hub| hub == it));
        let numbers = numbers.map(|it| u8::try_from(it).unwrap());
        post.first = if is_direct { Vec::new() } else { numbers.collect() };
    }
}

/// The agency of a number.
pub(crate) fn agency(number: u32) -> AgencyId {
    made::agency(usize::try_from(number).unwrap())
}
