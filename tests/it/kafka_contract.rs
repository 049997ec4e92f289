//! The contract of `Cluster`, kept by real brokers of both versions.

use std::sync::Arc;

use crate::contract::suite;
use crate::kafka_support::connect;
use crate::support::brokers::{Client, KafkaEnv, KafkaVersion};
use driftless::ports::Access;

async fn keeps_the_contract(version: KafkaVersion) {
    // A cluster of its own: some checks change what holds for all of it.
    let Some(kafka) = KafkaEnv::start(version, &[]) else { return };
    suite(Arc::new(connect(&kafka, Client::Admin, Access::ReadWrite))).await;
}

#[tokio::test]
async fn brokers_of_the_oldest_line_keep_the_contract() {
    keeps_the_contract(KafkaVersion::V3).await;
}

#[tokio::test]
async fn brokers_of_the_newest_line_keep_the_contract() {
    keeps_the_contract(KafkaVersion::V4).await;
}
