//! A frame that is no protobuf at all holds up none of the others: at the real listener of a node it is
//! refused by its place, and whoever sent it knows by that what it was.

use prost::Message as _;
use prost::bytes::BufMut as _;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::wire;
use rogatory::wire::codec::FrameCodec;
use rogatory::wire::pb;
use rogatory::wire::pb::transfer_request::Frame;
use rogatory::wire::relay::{Incoming, Refused};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, EncodeBuf, Encoder};
use tonic::{Request, Status, Streaming};

use crate::services::hostile::Neighbour;

/// Sends bytes as they are.
#[derive(Default)]
struct AsTheyAre;

impl Encoder for AsTheyAre {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put_slice(&item);
        Ok(())
    }
}

impl Codec for AsTheyAre {
    type Encode = Vec<u8>;
    type Decode = pb::TransferResponse;
    type Encoder = Self;
    type Decoder = <FrameCodec<pb::TransferRequest, pb::TransferResponse> as Codec>::Decoder;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        FrameCodec::<pb::TransferRequest, pb::TransferResponse>::default().decoder()
    }
}

async fn answers(neighbour: &Neighbour, frames: Vec<Vec<u8>>) -> Streaming<pb::TransferResponse> {
    let (sending, outgoing) = mpsc::channel(frames.len());
    for frame in frames {
        sending.send(frame).await.unwrap();
    }
    let mut client = tonic::client::Grpc::new(neighbour.channel.clone());
    client.ready().await.unwrap();
    let path = "/rogatory.v1.RelayService/Transfer".parse().unwrap();
    // Whoever sends goes on listening after its last frame.
    let outgoing = Request::new(ReceiverStream::new(outgoing));
    client.streaming(outgoing, path, AsTheyAre).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_no_protobuf_is_refused_by_its_place_and_the_stream_goes_on() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let said = neighbour.speaks().await;
    let [(hello, _), (checkpoint, _), (handing, delivered)] = &said[..] else {
        panic!("{} frames were said", said.len());
    };
    // A tag that ends nowhere, and a length of more than there is.
    let garbage = [vec![0xff; 40], vec![0x1a, 0xf0, 0x01, 0x00]];
    let frames = vec![
        hello.encode_to_vec(),
        garbage[0].clone(),
        checkpoint.encode_to_vec(),
        garbage[1].clone(),
        handing.encode_to_vec(),
    ];
    let before = neighbour.state();
    let mut heard = answers(&neighbour, frames).await;
    let mut answer = async || Incoming::from_pb(heard.message().await.unwrap().unwrap()).unwrap();
    assert!(matches!(answer().await, Incoming::Welcome(_)));
    let unread = |place| {
        let refused = Refused::unnamed("FRAME_INVALID".to_owned(), false);
        Incoming::Refused(Refused { frame: Some(place), ..refused })
    };
    assert_eq!(answer().await, unread(2));
    assert!(matches!(answer().await, Incoming::Cosigned(_)));
    assert_eq!(answer().await, unread(4));
    assert_eq!(answer().await, *delivered);
    assert_eq!(neighbour.state(), before, "nothing came of it");
    neighbour.town.stopped().await;
}

fn facts(neighbour: &Neighbour, n: usize) -> Vec<Fact> {
    let read = neighbour.town.writers[n].setting().journal.read(0, 1_000).unwrap();
    read.iter().map(|it| wire::entry::read(it).unwrap().fact).collect()
}

/// The first frame of a sort is no frame when it arrives.
fn garbled(is_it: impl Fn(&Frame) -> bool) -> impl FnMut(&mut pb::TransferRequest) {
    let mut first = true;
    move |frame| {
        if frame.frame.as_ref().is_some_and(&is_it) && std::mem::take(&mut first) {
            frame.frame = None;
        }
    }
}

fn offers(said: &[(pb::TransferRequest, Incoming)]) -> usize {
    said.iter().filter(|it| matches!(it.0.frame, Some(Frame::Handing(_)))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_frame_is_unreadable_is_set_aside_and_the_ones_behind_it_arrive() {
    let neighbour = Neighbour::met().await;
    for number in 1..=3 {
        neighbour.submits(number).await;
    }
    let said = neighbour.speaks_with(garbled(|it| matches!(it, Frame::Handing(_)))).await;
    assert_eq!(offers(&said), 2);
    let delivered = |it: &Fact| matches!(it, Fact::Delivered { .. });
    assert_eq!(facts(&neighbour, 1).iter().filter(|it| delivered(it)).count(), 2);
    let aside = |it: &Fact| matches!(it, Fact::SetAside { reason: Reason::FrameInvalid, .. });
    assert_eq!(facts(&neighbour, 0).iter().filter(|it| aside(it)).count(), 1);
    assert_eq!(offers(&neighbour.speaks().await), 0, "it is offered no more");
    neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_unreadable_ends_nothing_and_is_not_offered_again_at_once() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let said = neighbour.speaks_with(garbled(|it| matches!(it, Frame::Checkpoint(_)))).await;
    assert_eq!((said.len(), offers(&said)), (2, 0), "after the greeting one frame, and none again");
    assert_eq!(offers(&neighbour.speaks().await), 1);
    neighbour.town.stopped().await;
}
