//! A stream of attachments of a neighbour that a test plays itself.

use rogatory::transport::limits::FRAME_BYTES_MAX;
use rogatory::wire::carriage::{Sent, Taken};
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_client::RelayServiceClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::services::hostile::PATIENCE;

/// Frames that may be said before the node has heard one.
const SAID_AHEAD: usize = 64;

/// One stream of attachments.
pub(crate) struct Carriage {
    frames: mpsc::Sender<pb::TransferAttachmentsRequest>,
    answers: Streaming<pb::TransferAttachmentsResponse>,
}

impl Carriage {
    /// One on which nothing was said.
    pub(crate) async fn opened(channel: &Channel) -> Self {
        let mut client = RelayServiceClient::new(channel.clone())
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(SAID_AHEAD);
        let answers = client.transfer_attachments(ReceiverStream::new(outgoing)).await.unwrap();
        Self { frames, answers: answers.into_inner() }
    }

    /// Says a frame. A stream that has ended says so when it is listened to.
    pub(crate) async fn says(&self, frame: pb::TransferAttachmentsRequest) {
        drop(self.frames.send(frame).await);
    }

    /// The next answer, or the status with which the stream has ended.
    pub(crate) async fn hears(&mut self) -> Result<Taken, Status> {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let answer = answer.expect("the node answers or ends the stream")?;
        let answer = answer.ok_or_else(|| Status::cancelled("the stream ended"))?;
        Ok(Taken::from_pb(answer).expect("the node speaks well"))
    }

    /// Says a frame and hears its answer.
    pub(crate) async fn asks(&mut self, frame: Sent) -> Result<Taken, Status> {
        self.says(frame.into_pb()).await;
        self.hears().await
    }
}
