//! The hour, second by second: agencies at the edge submit, take over and read, hubs work side by side,
//! and some of them do not run for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::{Arc, Mutex};
use std::vec::IntoIter;

use rogatory::clock::{Clock as _, HandClock, Timestamp};
use rogatory::directory::Directory;
use rogatory::domain::digest::Digest;
use rogatory::domain::header::{Address, Header, Lane, OrderToken, SealedDigests};
use rogatory::domain::ids::{AgencyId, MessageId};
use rogatory::domain::limits::{EXPIRY_MS_DEFAULT, HOP_LIMIT_DEFAULT};
use rogatory::domain::station::Station;
use rogatory::entropy::{SeededEntropy, bytes, uuid_v7};
use rogatory::wire;

use crate::hub::{Frame, Hub, Moving, Sent};
use crate::post::{HUBS, Post, agency};
use crate::{Asked, MIB, made, status};

/// A message is read so many seconds after it came.
const READ_AFTER: usize = 60;
/// Whatever is under way at the end of the hour comes to its end within so many seconds.
const REST_WITHIN: usize = 3_600;
/// So often in the hour it is said how much there is.
const SHOWN: usize = 12;
/// Bytes of sealed particulars.
const PARTICULARS: u32 = 512;

/// What came of the hour.
#[derive(Default)]
pub(crate) struct Ended {
    /// Messages that were submitted.
    pub(crate) submitted: u64,
    /// Of these, to a neighbour.
    pub(crate) direct: u64,
    /// Delivered by a hub.
    pub(crate) delivered: u64,
    /// Began with another hub than the best.
    pub(crate) rerouted: u64,
    /// Hubs on the ways of those that were delivered.
    pub(crate) hops: u64,
    /// Seconds that urgent ones took.
    pub(crate) urgent: Vec<u64>,
    /// Seconds that others took.
    pub(crate) ordinary: Vec<u64>,
}

/// The network in this hour.
pub(crate) struct Hour {
    /// Its hubs.
    pub(crate) hubs: Vec<Hub>,
    places: BTreeMap<AgencyId, usize>,
    posts: Peekable<IntoIter<Post>>,
    /// Messages whose senders reach no hub.
    held: Vec<Post>,
    inboxes: Vec<Vec<Frame>>,
    /// What comes later, by its second.
    later: BTreeMap<usize, Vec<(usize, Frame)>>,
    clock: Arc<HandClock>,
    entropy: SeededEntropy,
    ended: Ended,
}

impl Hour {
    /// Before its first second.
    pub(crate) fn new(directory: &Directory, posts: Vec<Post>) -> Self {
        let clock = Arc::new(HandClock::at(Timestamp::from_millis(1_768_099_620_000)));
        let names: Vec<AgencyId> = (0..HUBS).map(made::agency).collect();
        let hubs = names.iter().map(|it| Hub::open(directory, it.clone(), &clock)).collect();
        Self {
            hubs,
            places: names.into_iter().zip(0..).collect(),
            posts: posts.into_iter().peekable(),
            held: Vec::new(),
            inboxes: (0..HUBS).map(|_| Vec::new()).collect(),
            later: BTreeMap::new(),
            clock,
            entropy: SeededEntropy::new(7),
            ended: Ended::default(),
        }
    }

    /// Lets it pass, and then what is under way come to its end.
    pub(crate) fn pass(&mut self, asked: &Asked) -> Ended {
        for second in 0..asked.seconds + REST_WITHIN {
            let (from, until) = (asked.seconds / 4, asked.seconds / 4 + asked.seconds / 3);
            let stopped = if (from..until).contains(&second) { asked.down } else { 0 };
            let down: BTreeSet<AgencyId> = (0..stopped).map(made::agency).collect();
            self.clock.advance(1_000);
            self.submit(second, &down);
            for (hub, frame) in self.later.remove(&second).unwrap_or_default() {
                self.inboxes[hub].push(frame);
            }
            let sent = self.work(&down);
            if second < asked.seconds {
                self.hubs.iter_mut().for_each(Hub::note);
            }
            if second < asked.seconds && second % (asked.seconds / SHOWN).max(1) == 0 {
                self.show(second, stopped);
            }
            for (hub, sent) in sent.into_iter().enumerate() {
                sent.into_iter().for_each(|it| self.arrive(second, hub, it));
            }
            let rests = self.posts.peek().is_none() && self.held.is_empty();
            let rests = rests && self.later.is_empty() && self.inboxes.iter().all(Vec::is_empty);
            if rests && self.hubs.iter().all(Hub::is_idle) {
                return std::mem::take(&mut self.ended);
            }
        }
        panic!("the network does not come to rest within {REST_WITHIN} s");
    }

    /// How much there is in the network now.
    fn show(&self, second: usize, stopped: usize) {
        let queued = self.hubs.iter().filter_map(|it| it.queued.last());
        let (messages, bytes) = queued.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
        let stored: usize = self.hubs.iter().map(Hub::stored).sum();
        println!(
            "after {second:>5} s, {stopped} hubs down: {messages:>7} messages wait, {:>8.1} MiB; stores \
             {:>8.1} MiB, resident {:>8.1} MiB",
            bytes as f64 / MIB,
            stored as f64 / MIB,
            status::mib("self", "VmRSS"),
        );
    }

    /// Everybody at the edge submits what is due, over the first way whose first hub is up.
    fn submit(&mut self, second: usize, down: &BTreeSet<AgencyId>) {
        let mut due = std::mem::take(&mut self.held);
        while let Some(post) = self.posts.next_if(|it| it.second as usize <= second) {
            self.ended.submitted += 1;
            due.push(post);
        }
        for post in due {
            if post.first.is_empty() {
                self.ended.direct += 1;
                continue;
            }
            let is_up = |it: &&u8| !down.contains(&made::agency(usize::from(**it)));
            let Some(hub) = post.first.iter().find(is_up).copied() else {
                self.held.push(post);
                continue;
            };
            self.ended.rerouted += u64::from(post.first.first() != Some(&hub));
            let moving = Arc::new(Moving {
                header: self.header(&post),
                second: post.second,
                destination: post.destination,
            });
            let from = agency(post.origin);
            let frame = Frame::Handed { from, number: 1, hops: 1, moving };
            self.inboxes[usize::from(hub)].push(frame);
        }
    }

    fn header(&self, post: &Post) -> Header {
        let now = self.clock.now();
        let digest = || Digest::from_bytes(bytes(&self.entropy));
        let address = Address {
            network: "demo".parse().expect("a network"),
            message: MessageId::from(uuid_v7(&self.entropy, now)),
            origin: agency(post.origin),
            destination: agency(post.destination),
            channel: post.channel,
            lane: post.lane,
            sent_at: now,
            expires_at: now.plus_millis(EXPIRY_MS_DEFAULT),
            hop_limit: HOP_LIMIT_DEFAULT,
            order: OrderToken { stream: bytes(&self.entropy), number: 1 },
        };
        let digests = SealedDigests {
            particulars: digest(),
            content: digest(),
            wraps: digest(),
            attachments: None,
            particulars_bytes: PARTICULARS,
            content_bytes: post.content,
        };
        wire::header::write_header(&address, &digests)
    }

    /// Lets every hub that is up do its second, as many side by side as there are cores. What comes to
    /// one that is down is in doubt for whoever sent it, and asked again when it is up: it waits here.
    fn work(&mut self, down: &BTreeSet<AgencyId>) -> Vec<Vec<Sent>> {
        let mut sent: Vec<Vec<Sent>> = self.hubs.iter().map(|_| Vec::new()).collect();
        let hubs = self.hubs.iter_mut().zip(&mut self.inboxes).zip(&mut sent);
        let mut jobs: Vec<Job<'_>> = hubs
            .map(|((hub, inbox), sent)| (hub, inbox, sent))
            .filter(|(hub, _, _)| !down.contains(hub.name()))
            .collect();
        // A few hubs have most of the work, so whoever is free takes the longest that is left.
        jobs.sort_by_key(|(_, inbox, _)| inbox.len());
        let jobs = Mutex::new(jobs);
        let next = || jobs.lock().expect("nobody panicked").pop();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|threads| {
            for _ in 0..cores {
                threads.spawn(|| std::iter::from_fn(next).for_each(|it| step(it, down)));
            }
        });
        sent
    }

    /// What a hub sent arrives.
    fn arrive(&mut self, second: usize, hub: usize, (to, frame): Sent) {
        if let Some(place) = self.places.get(&to) {
            self.inboxes[*place].push(frame);
            return;
        }
        // An agency at the edge keeps its receipts, and that is all about them here.
        let Frame::Handed { from, hops, moving, .. } = frame else { return };
        self.ended.delivered += 1;
        self.ended.hops += u64::from(hops - 1);
        let took = second as u64 + 1 - u64::from(moving.second);
        match moving.header.address.lane {
            Lane::Urgent => self.ended.urgent.push(took),
            Lane::Ordinary => self.ended.ordinary.push(took),
        }
        assert_eq!(to, agency(moving.destination), "a message came to somebody else");
        let states = |station| Frame::Stated {
            issuer: to.clone(),
            handed_by: from.clone(),
            station,
            moving: Arc::clone(&moving),
        };
        self.inboxes[hub].push(states(Station::Delivered));
        let read = states(Station::Retrieved);
        self.later.entry(second + READ_AFTER).or_default().push((hub, read));
    }
}

/// A hub, what has come to it, and where it puts what it sends.
type Job<'a> = (&'a mut Hub, &'a mut Vec<Frame>, &'a mut Vec<Sent>);

fn step((hub, inbox, sent): Job<'_>, down: &BTreeSet<AgencyId>) {
    *sent = hub.step(std::mem::take(inbox), |peer| !down.contains(peer));
}
