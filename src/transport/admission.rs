//! The door of a listener's calls: who may make which is decided here, before anything of a request
//! is read, for gRPC and JSON alike.
//!
//! The path names the verb, the connection the caller; the table of `identity/permission.rs` says
//! whether they go together. What has no path in `proto/` is no call. Then a call waits for a place
//! among those of its caller, and an auditor's for its time (`shares.rs`).
//!
//! A call lasts no longer than the right to it: who waits, or has a stream open, is judged again each
//! second, and told why it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use http::{HeaderMap, Response};
use hyper::body::{Frame, SizeHint};
use tonic::Status;

use crate::clock::Clock;
use crate::identity::permission::Verb;
use crate::transport::caller::{Admitted, Standing};
use crate::transport::json;
use crate::transport::limits::RECHECK_INTERVAL;
use crate::transport::shares::{CallTime, Shares};
use crate::transport::status::{self, EdgeReason};
use crate::transport::tls::stream::ConnectedPeer;

/// Puts the door before `routes`. Whatever stands behind it has the caller as an [`Admitted`].
pub fn before(routes: Router, shares: Shares) -> Router {
    routes.layer(middleware::from_fn_with_state(shares, admit))
}

async fn admit(State(shares): State<Shares>, mut request: Request, next: Next) -> Response<Body> {
    let is_json = json::is_json(request.headers());
    let refuse = |status: Status| if is_json { json::error(&status) } else { status.into_http() };
    let clock = Arc::clone(shares.clock());
    let (principal, standing, time) = match admitted(&request, &shares) {
        Ok(admitted) => {
            let who =
                (admitted.principal.clone(), admitted.standing.clone(), admitted.time.clone());
            request.extensions_mut().insert(admitted);
            who
        }
        Err(status) => return refuse(status),
    };
    // What a call changes is changed by the writer: nothing is cut in two if it is given up here.
    let served = tokio::select! {
        served = shares.served(&principal, (standing.verb(), &time), next.run(request)) => served,
        status = lost(standing.clone(), Arc::clone(&clock)) => return refuse(status),
    };
    let response = match served {
        Ok(response) => response,
        Err(unserved) => return refuse(status::of_unserved(unserved)),
    };
    if is_json {
        return response;
    }
    response.map(|inner| {
        let lost = Box::pin(lost(standing, clock));
        Body::new(Stream { inner, lost, has_ended: false })
    })
}

/// Waits until a caller loses what let the call in; gives why.
async fn lost(standing: Standing, clock: Arc<dyn Clock>) -> Status {
    loop {
        tokio::time::sleep(RECHECK_INTERVAL).await;
        if let Err(status) = standing.principal(clock.now()) {
            return status;
        }
    }
}

/// An answer that ends when its caller is not let in any more.
struct Stream {
    inner: Body,
    lost: Pin<Box<dyn Future<Output = Status> + Send>>,
    has_ended: bool,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(status) = self.lost.as_mut().poll(cx) else {
            return Pin::new(&mut self.inner).poll_frame(cx);
        };
        // Whoever made the stream learns that nobody takes it any more.
        (self.has_ended, self.inner) = (true, Body::empty());
        let mut trailers = HeaderMap::new();
        let written = status.add_header(&mut trailers).map_err(axum::Error::new);
        Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn admitted(request: &Request, shares: &Shares) -> Result<Admitted, Status> {
    let text = "the connection has no certificate";
    let connected = request.extensions().get::<ConnectedPeer>().cloned();
    let connected =
        connected.ok_or_else(|| status::of_edge(EdgeReason::IdentityMalformed, text))?;
    let Some(verb) = Verb::of_path(request.uri().path()) else {
        return Err(status::of_edge(EdgeReason::MethodUnknown, "no such call"));
    };
    let standing = Standing::new(connected, verb);
    let principal = standing.principal(shares.clock().now())?;
    shares.paced(&principal).map_err(status::of_unserved)?;
    let (shares, time) = (shares.clone(), CallTime::default());
    Ok(Admitted { principal, standing, shares, time })
}
