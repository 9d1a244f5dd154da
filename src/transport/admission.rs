//! The door of a listener's calls: who may make which is decided here, before anything of a request
//! is read, for gRPC and JSON alike.
//!
//! The path names the verb, the connection the caller; the table of `identity/permission.rs` says
//! whether they go together. What has no path in `proto/` is no call.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use http::Response;
use tonic::Status;

use crate::clock::Clock;
use crate::identity::permission::Verb;
use crate::transport::caller::{Admitted, Standing};
use crate::transport::json;
use crate::transport::status::{self, EdgeReason};
use crate::transport::tls::stream::ConnectedPeer;

/// Puts the door before `routes`. Whatever stands behind it has the caller as an [`Admitted`].
pub fn before(routes: Router, clock: Arc<dyn Clock>) -> Router {
    routes.layer(middleware::from_fn_with_state(clock, admit))
}

async fn admit(
    State(clock): State<Arc<dyn Clock>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    match admitted(&request, clock.as_ref()) {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            next.run(request).await
        }
        Err(status) if json::is_json(request.headers()) => json::error(&status),
        Err(status) => status.into_http(),
    }
}

fn admitted(request: &Request, clock: &dyn Clock) -> Result<Admitted, Status> {
    let text = "the connection has no certificate";
    let connected = request.extensions().get::<ConnectedPeer>().cloned();
    let connected =
        connected.ok_or_else(|| status::of_edge(EdgeReason::IdentityMalformed, text))?;
    let Some(verb) = Verb::of_path(request.uri().path()) else {
        return Err(status::of_edge(EdgeReason::MethodUnknown, "no such call"));
    };
    let standing = Standing::new(connected, verb);
    Ok(Admitted { principal: standing.principal(clock.now())?, standing })
}
