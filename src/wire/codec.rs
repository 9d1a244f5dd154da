//! How messages stand in a stream: protobuf, where a frame of the relay that is none comes out as one that
//! says nothing.
//!
//! A stream ends with what can't be decoded, and the next one would begin with the same frame: so one
//! frame would hold up a peer for good. One that says nothing is refused like any other that can't be
//! read, and the stream goes on behind it. Everything else that can't be decoded is an error.

use std::marker::PhantomData;

use prost::bytes::Buf as _;
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

use crate::wire::pb;

/// The codec of all services.
pub struct FrameCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for FrameCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for FrameCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Name + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = FrameDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        FrameDecoder(PhantomData)
    }
}

/// Decodes one message after the other.
pub struct FrameDecoder<U>(PhantomData<U>);

/// Whether a message is a frame of the relay: one of either side of a stream of messages.
fn is_frame<U: Name>() -> bool {
    [pb::TransferRequest::NAME, pb::TransferResponse::NAME].contains(&U::NAME)
}

impl<U: Message + Default + Name> Decoder for FrameDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        match U::decode(&mut *bytes) {
            Ok(message) => Ok(Some(message)),
            Err(_) if is_frame::<U>() => {
                // What was not looked at belongs to this frame too.
                bytes.advance(bytes.remaining());
                Ok(Some(U::default()))
            }
            Err(error) => Err(Status::internal(error.to_string())),
        }
    }
}
