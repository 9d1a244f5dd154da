//! A bare server that keeps each frame in the store of a node before it answers it, and does nothing else: what
//! it takes to answer nothing that could still be lost.

use std::path::Path;
use std::sync::mpsc;

use futures::StreamExt as _;
use prost::Message as _;
use rogatory::journal::store::{Batch, DiskStore, Store as _, VALUE_BYTES_MAX};
use rogatory::wire::pb;
use tokio::sync::oneshot;
use tonic::Streaming;

use crate::peers::{Answering, Answers};

/// Frames of one session that wait for the store at the same time: as many as share a commit of a node.
const AT_ONCE: usize = 4;
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

type Back = pb::TransferResponse;
type Asked = (Vec<u8>, oneshot::Sender<Back>);

/// Answers each frame once the store has it.
#[derive(Clone)]
pub(crate) struct Keeper {
    asks: mpsc::Sender<Asked>,
}

impl Keeper {
    /// With a new store in this folder, and a thread that writes.
    pub(crate) fn started(folder: &Path) -> Self {
        let store = DiskStore::open(folder, CACHE_BYTES).expect("a new store");
        let (asks, asked) = mpsc::channel();
        let writer = std::thread::Builder::new().name("keeper".to_owned());
        writer.spawn(move || keep(&store, &asked)).expect("a thread");
        Self { asks }
    }
}

/// Whatever waits shares a commit.
fn keep(store: &DiskStore, asked: &mpsc::Receiver<Asked>) {
    let mut number = 0_u64;
    while let Ok(first) = asked.recv() {
        let (mut batch, mut told) = (Batch::new(), Vec::new());
        for (frame, tell) in std::iter::once(first).chain(asked.try_iter()) {
            for part in frame.chunks(VALUE_BYTES_MAX) {
                number += 1;
                batch.put([&[9], number.to_be_bytes().as_slice()].concat(), part);
            }
            told.push(tell);
        }
        store.commit(batch).expect("the store holds");
        // Whoever asked may have gone at the end of the time.
        told.into_iter().for_each(|tell| drop(tell.send(Back::default())));
    }
}

impl tonic::server::StreamingService<pb::TransferRequest> for Keeper {
    type Response = Back;
    type ResponseStream = Answers;
    type Future = Answering;

    fn call(&mut self, request: tonic::Request<Streaming<pb::TransferRequest>>) -> Answering {
        let asks = self.asks.clone();
        let kept = move |frame: Result<pb::TransferRequest, tonic::Status>| {
            let asks = asks.clone();
            async move {
                let (tell, told) = oneshot::channel();
                asks.send((frame?.encode_to_vec(), tell)).expect("the store's thread");
                Ok(told.await.expect("the store's thread"))
            }
        };
        let answers: Answers = Box::pin(request.into_inner().map(kept).buffered(AT_ONCE));
        Box::pin(std::future::ready(Ok(tonic::Response::new(answers))))
    }
}
