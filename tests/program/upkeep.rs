//! The promise: what is wrong with a store is found and named, what can be saved of it is saved and
//! the rest listed, and a backup brings back all that it holds or says why not.
//!
//! The stores are those of real nodes that exchanged messages; the program works on them as an
//! operator has it.

mod backups;
mod checked;
mod salvaged;
mod volumes;

use crate::network::{DESTINATION, HUB, Network, ORIGIN};
use crate::stores::{at_rest, exchange, with_room};

/// A network whose nodes exchanged messages and stopped.
async fn stopped() -> Network {
    let mut network = Network::started().await;
    for number in 0..2 {
        let facts = format!("A vessel was sighted without lights, report {number}. ");
        exchange(&network, &format!("r{number}"), &facts.repeat(1 + number * 60)).await;
    }
    at_rest(&network, ORIGIN).await;
    for stage in [DESTINATION, HUB, ORIGIN] {
        assert!(network.terminate(stage).await.success());
    }
    network
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_is_named_and_rows_are_made_again() {
    let network = stopped().await;
    checked::each_flipped_record_is_named(&network);
    checked::what_has_a_right_checksum_and_is_wrong_is_named(&network);
    checked::rows_are_made_again_byte_for_byte(&network);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_damaged_store_all_is_saved_or_listed() {
    let network = stopped().await;
    salvaged::what_verifies_is_saved_and_the_rest_is_listed(&network);
}

#[test]
fn a_backup_brings_everything_back_or_says_why_not() {
    with_room(|| async {
        let mut town = Box::pin(backups::Town::started()).await;
        Box::pin(backups::an_erasure_names_the_backups_that_hold_it(&town)).await;
        Box::pin(backups::what_is_wrong_is_said_and_nothing_written(&mut town)).await;
        Box::pin(backups::a_restored_node_goes_on(&mut town)).await;
        Box::pin(backups::a_node_that_is_behind_says_so(&mut town)).await;
    });
}

#[test]
fn a_journal_that_is_behind_goes_on_in_a_new_volume() {
    with_room(|| async {
        let mut town = Box::pin(backups::Town::started()).await;
        Box::pin(volumes::an_origin_goes_on_and_lists_what_it_lost(&mut town)).await;
        Box::pin(volumes::a_backup_holds_all_volumes(&mut town)).await;
        Box::pin(volumes::a_transit_gets_back_what_it_lost(&mut town)).await;
        Box::pin(volumes::an_operator_goes_on_without_neighbours_that_are_gone(&mut town)).await;
    });
}
