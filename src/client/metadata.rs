//! What a client knows about the cluster: brokers, controller, the leaders of its topics; and when
//! it must ask again: on a new topic, on an error, and when its knowledge is old.
//!
//! In Kafka: org.apache.kafka.clients.{Metadata, MetadataCache}, NetworkClient.DefaultMetadataUpdater.
//! Left out: idle topics are not dropped (`metadata.max.idle.ms`).

use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{Endpoint, SortedMap, SortedSet, Span, Time, TopicPartition};
use crate::network::NetworkClient;
use crate::node::{ConfigError, Ctx, Properties};
use crate::wire::kafka::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use crate::wire::{ErrorCode, Uuid};

/// A partition as the metadata tell of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionInfo {
    /// Its leader, if it has one.
    pub leader: Option<i32>,
    /// The leader's epoch, −1 when the broker did not say.
    pub leader_epoch: i32,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct TopicInfo {
    id: Uuid,
    is_internal: bool,
    partitions: Vec<PartitionInfo>,
}

/// The settings that concern metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataConfig {
    /// `bootstrap.servers`.
    pub bootstrap: Vec<Endpoint>,
    /// `metadata.max.age.ms`.
    pub max_age: Span,
    /// `retry.backoff.ms`: the least time between two requests.
    pub retry_backoff: Span,
    /// Whether asking for a topic may create it.
    pub allow_auto_topic_creation: bool,
}

impl MetadataConfig {
    /// The settings in a client's properties.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        Ok(Self {
            bootstrap: super::bootstrap_servers(properties)?,
            max_age: properties.millis("metadata.max.age.ms", 300_000)?,
            retry_backoff: properties.millis("retry.backoff.ms", 100)?,
            allow_auto_topic_creation: super::boolean(
                properties,
                "allow.auto.create.topics",
                true,
            )?,
        })
    }
}

/// A client's knowledge of the cluster.
#[derive(Debug)]
pub struct Metadata {
    config: MetadataConfig,
    /// What its log lines begin with.
    log_context: String,
    wanted: SortedSet<String>,
    /// Everything there is is wanted.
    all_topics: bool,
    brokers: Vec<i32>,
    controller: Option<i32>,
    topics: SortedMap<String, TopicInfo>,
    errors: SortedMap<String, ErrorCode>,
    /// The newest leader epochs that others than a broker's metadata spoke of.
    seen_epochs: SortedMap<TopicPartition, i32>,
    /// Counts the answers taken in.
    updates: u64,
    update_wanted: bool,
    in_flight: bool,
    last_attempt: Option<Time>,
    last_success: Option<Time>,
    /// Nodes to forget as soon as no request of theirs is open.
    leaving: SortedSet<i32>,
}

impl Metadata {
    /// Knows nothing yet but the bootstrap servers. Its log lines begin with `log_context`.
    pub fn new(config: MetadataConfig, log_context: &str) -> Self {
        Self {
            config,
            log_context: log_context.to_owned(),
            wanted: SortedSet::new(),
            all_topics: false,
            brokers: Vec::new(),
            controller: None,
            topics: SortedMap::new(),
            errors: SortedMap::new(),
            seen_epochs: SortedMap::new(),
            updates: 0,
            update_wanted: true,
            in_flight: false,
            last_attempt: None,
            last_success: None,
            leaving: SortedSet::new(),
        }
    }

    /// Tells `network` the bootstrap servers; their ids are negative.
    pub fn bootstrap<T>(&mut self, network: &mut NetworkClient<T>) {
        for (id, server) in (1..).zip(&self.config.bootstrap) {
            network.set_node(-id, server.clone());
            self.brokers.push(-id);
        }
    }

    /// From now on knows `topic` too; a new one is asked for without any back-off.
    pub fn add_topic(&mut self, topic: &str) {
        if !self.wanted.contains(topic) {
            self.wanted.insert(topic.to_owned());
            self.update_wanted = true;
            self.last_attempt = None;
        }
    }

    /// From now on knows all topics, or only those that were added.
    pub fn set_all_topics(&mut self, all: bool) {
        if all && !self.all_topics {
            self.update_wanted = true;
            self.last_attempt = None;
        }
        self.all_topics = all;
    }

    /// The topics it knows, and whether they are internal ones.
    pub fn topics(&self) -> impl Iterator<Item = (&str, bool)> {
        self.topics.iter().map(|(topic, info)| (topic.as_str(), info.is_internal))
    }

    /// Asks again as soon as the back-off allows.
    pub fn request_update(&mut self) {
        self.update_wanted = true;
    }

    /// The partitions of `topic` by number, or none while they are not known.
    pub fn partitions(&self, topic: &str) -> Option<&[PartitionInfo]> {
        self.topics.get(topic).map(|info| info.partitions.as_slice())
    }

    /// A leader epoch was heard of, with a committed offset for instance: metadata that are older
    /// count no more, and newer ones are asked for (KIP-320). −1 says nothing.
    ///
    /// In Kafka: Metadata.updateLastSeenEpochIfNewer.
    pub fn saw_epoch(&mut self, partition: &TopicPartition, epoch: i32) {
        let index = usize::try_from(partition.partition).unwrap_or(usize::MAX);
        let info = self.partitions(&partition.topic).and_then(|known| known.get(index));
        let newest = info.map_or(-1, |info| info.leader_epoch);
        if newest.max(self.seen_epochs.get(partition).copied().unwrap_or(-1)) < epoch {
            self.seen_epochs.insert(partition.clone(), epoch);
            self.update_wanted = true;
        }
    }

    /// The leader of a partition and its epoch; none while the leader is not among the brokers, or a
    /// newer epoch was heard of.
    pub fn leader(&self, partition: &TopicPartition) -> Option<(i32, i32)> {
        let index = usize::try_from(partition.partition).ok()?;
        let info = self.partitions(&partition.topic)?.get(index)?;
        let seen = self.seen_epochs.get(partition).copied().unwrap_or(-1);
        if (0..seen).contains(&info.leader_epoch) {
            return None;
        }
        let leader = info.leader.filter(|leader| self.brokers.contains(leader))?;
        Some((leader, info.leader_epoch))
    }

    /// What the last answer held against `topic`.
    pub fn error(&self, topic: &str) -> Option<ErrorCode> {
        self.errors.get(topic).copied()
    }

    /// The controller, as the last answer named it.
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// How many answers it has taken in.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Any broker, as lightly loaded as possible.
    pub fn any_broker<T>(&self, network: &NetworkClient<T>, ctx: &mut Ctx<'_>) -> Option<i32> {
        network.least_loaded_node(&self.brokers, ctx)
    }

    /// Asks for metadata when that is due; the answer comes with `tag` and is for
    /// [`Metadata::on_response`], a failure for [`Metadata::on_failure`].
    pub fn maybe_update<T>(&mut self, network: &mut NetworkClient<T>, tag: T, ctx: &mut Ctx<'_>) {
        self.forget_leaving(network, ctx);
        if self.next_update().is_none_or(|at| at > ctx.now()) {
            return;
        }
        self.last_attempt = Some(ctx.now());
        let Some(node) = self.any_broker(network, ctx) else { return };
        let name = |topic: &String| MetadataRequestTopic {
            name: Some(topic.clone()),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: (!self.all_topics).then(|| self.wanted.iter().map(name).collect()),
            allow_auto_topic_creation: self.config.allow_auto_topic_creation,
            ..MetadataRequest::default()
        };
        self.in_flight = true;
        self.update_wanted = false;
        network.send(node, request, tag, ctx);
    }

    fn next_update(&self) -> Option<Time> {
        if self.in_flight {
            return None;
        }
        let expires = self.last_success.map_or(Time::ZERO, |at| at + self.config.max_age);
        let wanted = if self.update_wanted { Time::ZERO } else { expires };
        let allowed = self.last_attempt.map_or(Time::ZERO, |at| at + self.config.retry_backoff);
        Some(wanted.max(allowed))
    }

    /// When [`Metadata::maybe_update`] has something to do, and why.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let reason = if self.update_wanted { "metadata retry back-off" } else { "metadata age" };
        self.next_update().map(|at| Wakeup { at, reason: reason.into() })
    }

    /// A request was not answered: asks again, somebody else if possible.
    pub fn on_failure(&mut self) {
        self.in_flight = false;
        self.update_wanted = true;
    }

    /// Takes in the answer to the request with `correlation_id`.
    pub fn on_response<T>(
        &mut self,
        correlation_id: i32,
        response: MetadataResponse,
        network: &mut NetworkClient<T>,
        ctx: &mut Ctx<'_>,
    ) {
        self.in_flight = false;
        self.log_errors(correlation_id, &response, ctx);
        let addresses = response.brokers.into_iter().filter_map(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            (broker.node_id >= 0).then(|| (broker.node_id, Endpoint::new(broker.host, port)))
        });
        let addresses: SortedMap<i32, Endpoint> = addresses.collect();
        if addresses.is_empty() {
            // A broker that does not know anybody yet; what we know is better.
            self.update_wanted = true;
            return;
        }
        self.updates += 1;
        self.last_success = Some(ctx.now());
        let brokers: Vec<i32> = addresses.keys().copied().collect();
        for (broker, address) in addresses {
            network.set_node(broker, address);
        }
        self.leaving.extend(self.brokers.iter().filter(|broker| !brokers.contains(broker)));
        self.leaving.retain(|broker| !brokers.contains(broker));
        self.controller =
            Some(response.controller_id).filter(|controller| brokers.contains(controller));
        self.brokers = brokers;
        if self.all_topics {
            let there = |name: &String| response.topics.iter().any(|topic| topic.name == *name);
            self.topics.retain(|name, _| there(name));
        }
        for topic in response.topics {
            self.on_topic(topic);
        }
        self.forget_leaving(network, ctx);
    }

    /// In Kafka: NetworkClient.DefaultMetadataUpdater.handleSuccessfulResponse.
    fn log_errors(&self, correlation_id: i32, response: &MetadataResponse, ctx: &mut Ctx<'_>) {
        let failed = response.topics.iter().filter(|topic| topic.error_code.is_error());
        let errors: Vec<_> =
            failed.map(|topic| format!("{}={}", topic.name, topic.error_code.name())).collect();
        if !errors.is_empty() {
            let (context, errors) = (&self.log_context, errors.join(", "));
            let text = format!(
                "{context}Error while fetching metadata with correlation id {correlation_id} : \
                 {{{errors}}}"
            );
            ctx.log(LogLevel::Warn, "org.apache.kafka.clients.NetworkClient", text);
        }
    }

    fn on_topic(&mut self, topic: MetadataResponseTopic) {
        self.update_wanted |= topic.error_code.is_retriable();
        if topic.error_code.is_error() {
            if !topic.error_code.is_retriable()
                || topic.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            {
                self.topics.remove(&topic.name);
                self.seen_epochs.retain(|partition, _| partition.topic != topic.name);
            }
            self.errors.insert(topic.name, topic.error_code);
            return;
        }
        self.errors.remove(&topic.name);
        let old = self.topics.remove(&topic.name);
        if old.as_ref().is_some_and(|old| old.id != topic.topic_id) {
            self.seen_epochs.retain(|partition, _| partition.topic != topic.name);
        }
        let old = old.filter(|old| old.id == topic.topic_id);
        let mut partitions = Vec::new();
        let mut answered = topic.partitions;
        answered.sort_by_key(|partition| partition.partition_index);
        for (index, partition) in answered.into_iter().enumerate() {
            if usize::try_from(partition.partition_index) != Ok(index) {
                break;
            }
            self.update_wanted |= partition.error_code.is_retriable();
            let (leader, leader_epoch) = (partition.leader_id, partition.leader_epoch);
            let new = PartitionInfo { leader: (leader >= 0).then_some(leader), leader_epoch };
            // A broker that lags behind must not take us back to an older leader (KIP-320).
            let known = old.as_ref().and_then(|old| old.partitions.get(index));
            let newer =
                known.filter(|known| leader_epoch >= 0 && known.leader_epoch > leader_epoch);
            partitions.push(newer.cloned().unwrap_or(new));
        }
        let (id, is_internal) = (topic.topic_id, topic.is_internal);
        self.topics.insert(topic.name, TopicInfo { id, is_internal, partitions });
    }

    fn forget_leaving<T>(&mut self, network: &mut NetworkClient<T>, ctx: &mut Ctx<'_>) {
        let idle = |broker: &&i32| network.in_flight(**broker) == 0;
        let idle: Vec<i32> = self.leaving.iter().filter(idle).copied().collect();
        for broker in idle {
            self.leaving.remove(&broker);
            network.forget_node(broker, ctx);
        }
    }
}

#[cfg(test)]
mod tests;
