//! Health is told to whoever watches, in the form that container platforms ask for.

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::services::town::Town;

#[tokio::test]
async fn a_watcher_hears_at_once_that_the_node_stops() {
    let town = Town::built().await;
    let address = format!("http://{}", town.operations(0));
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);
    let watched = client.watch(HealthCheckRequest { service: String::new() }).await.unwrap();
    let mut states = watched.into_inner();
    let first = states.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    town.stop(0);
    let second = states.message().await.unwrap().unwrap();
    assert_eq!(second.status(), ServingStatus::NotServing);
}
