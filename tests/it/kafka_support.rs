//! What the tests of the Kafka adapter share.

use driftless::kafka::KafkaCluster;
use driftless::kafka::properties::ClientProperties;
use driftless::ports::Access;

use crate::support::brokers::{Client, KafkaEnv};

/// Returns the client's settings as text, without `bootstrap.servers` changed.
pub(crate) fn settings(kafka: &KafkaEnv, client: Client) -> String {
    std::fs::read_to_string(kafka.properties(client)).expect("the properties file is there")
}

/// Opens a cluster with settings in a properties file's form.
pub(crate) fn open(text: &str, bootstrap: Option<&str>, access: Access) -> KafkaCluster {
    let properties = ClientProperties::parse("client.properties", text).map_err(|problems| format!("{problems:#?}"));
    match properties.map(|properties| KafkaCluster::new(properties, bootstrap, access)) {
        Ok(Ok(cluster)) => cluster,
        Ok(Err(error)) => panic!("{error}"),
        Err(problems) => panic!("{problems}"),
    }
}

/// Opens a cluster as one of its clients.
pub(crate) fn connect(kafka: &KafkaEnv, client: Client, access: Access) -> KafkaCluster {
    open(&settings(kafka, client), None, access)
}
