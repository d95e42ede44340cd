//! The topics: made at start, where they are missing.

use std::collections::BTreeMap;
use std::time::Duration;

use rskafka::client::error::ProtocolError;
use soma_core::outbox::topic::Topic;
use tokio::time::{interval, timeout};

use crate::clients::{Clients, within};
use crate::error::CallError;
use crate::settings::KafkaSettings;

/// How often it is looked whether a new topic is there.
const LOOK: Duration = Duration::from_millis(20);

/// How many partitions each topic has.
pub(crate) type Counts = BTreeMap<Topic, u32>;

/// The name of a topic in Kafka.
pub(crate) fn name(settings: &KafkaSettings, topic: Topic) -> String {
    format!("{}{topic}", settings.topic_prefix)
}

/// Makes the topics that are missing, and waits until all can be used.
pub(crate) async fn prepare(
    clients: &Clients,
    settings: &KafkaSettings,
) -> Result<Counts, CallError> {
    let there = counts(clients, settings).await?;
    let missing: Vec<Topic> =
        Topic::ALL.iter().copied().filter(|topic| !there.contains_key(topic)).collect();
    if missing.is_empty() {
        return Ok(there);
    }
    for topic in &missing {
        make(clients, settings, *topic).await?;
    }
    let mut look = interval(LOOK);
    let all = timeout(settings.deadline, async {
        loop {
            look.tick().await;
            let there = counts(clients, settings).await?;
            if Topic::ALL.iter().all(|topic| there.contains_key(topic)) {
                return Ok(there);
            }
        }
    });
    let all = all.await.unwrap_or(Err(CallError::NoAnswer(settings.deadline)))?;
    for topic in missing {
        for partition in 0..all.get(&topic).copied().unwrap_or_default() {
            wait_for_leader(clients, settings, topic, partition).await?;
        }
    }
    Ok(all)
}

/// The topics that are there.
async fn counts(clients: &Clients, settings: &KafkaSettings) -> Result<Counts, CallError> {
    let cluster = clients.cluster().await?;
    let listed = within(settings.deadline, cluster.list_topics()).await;
    if listed.is_err() {
        clients.forget(&cluster).await;
    }
    let known = listed?.into_iter().filter_map(|listed| {
        let topic = Topic::parse(listed.name.strip_prefix(&settings.topic_prefix)?)?;
        Some((topic, u32::try_from(listed.partitions.len()).unwrap_or(u32::MAX)))
    });
    Ok(known.collect())
}

/// Makes a topic, unless another is quicker.
async fn make(clients: &Clients, settings: &KafkaSettings, topic: Topic) -> Result<(), CallError> {
    let cluster = clients.cluster().await?;
    let name = name(settings, topic);
    let partitions = i32::try_from(settings.partitions.max(1)).unwrap_or(i32::MAX);
    // −1 stands for the default of the brokers (KIP-464).
    let replicas =
        settings.replication.map_or(-1, |count| i16::try_from(count).unwrap_or(i16::MAX));
    let millis = i32::try_from(settings.deadline.as_millis()).unwrap_or(i32::MAX);
    let made = within(settings.deadline, async {
        cluster.controller_client()?.create_topic(&name, partitions, replicas, millis).await
    });
    match made.await {
        Ok(()) => {
            tracing::info!(topic = name, partitions, "a topic was made");
            Ok(())
        }
        Err(error) if error.protocol() == Some(ProtocolError::TopicAlreadyExists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A topic is listed before its partitions can be used.
async fn wait_for_leader(
    clients: &Clients,
    settings: &KafkaSettings,
    topic: Topic,
    partition: u32,
) -> Result<(), CallError> {
    let name = name(settings, topic);
    let mut look = interval(LOOK);
    let found = timeout(settings.deadline, async {
        loop {
            look.tick().await;
            if clients.connect(&name, partition).await.is_ok() {
                return;
            }
        }
    });
    found.await.map_err(|_| CallError::NoAnswer(settings.deadline))
}
