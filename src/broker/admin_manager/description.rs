//! What the configs of topics and brokers are, and where each comes from.
//!
//! In Kafka: kafka.server.ConfigHelper.

use super::alteration::{BROKER, TOPIC, kind_name};
use super::log_levels::{BROKER_LOGGER, broker_id};
use super::{AdminAction, AdminManager, AdminTag, Step};
use crate::broker::action::{Action, RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::broker_config::documentation;
use crate::cluster::broker_config::dynamic::{self, ConfigSource, ConfigSynonym};
use crate::cluster::topic_config::{self, TOPIC_CONFIG_KEYS};
use crate::cluster::znode_data::ConfigOverrides;
use crate::cluster::{ConfigType, DynamicBrokerConfig, topic_name, znode_path};
use crate::node::Properties;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::zookeeper::KeeperCode;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Description {
    token: RequestToken,
    told: Told,
    resources: Vec<DescribeConfigsResource>,
    /// What is known of each resource.
    results: Vec<Option<Result<Vec<DescribeConfigsResourceResult>, ApiError>>>,
}

/// What is told of a config besides its value.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Told {
    synonyms: bool,
    documentation: bool,
}

impl AdminManager {
    /// DescribeConfigs: a topic's own settings are read from ZooKeeper.
    #[must_use]
    pub fn handle_describe_configs(
        &mut self,
        context: &RequestContext,
        request: DescribeConfigsRequest,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let job = self.next_job();
        let (synonyms, documentation) = (request.include_synonyms, request.include_documentation);
        let told = Told { synonyms, documentation };
        let mut results = Vec::new();
        for (item, resource) in request.resources.iter().enumerate() {
            let name = &resource.resource_name;
            results.push(match resource.resource_type {
                TOPIC => match topic_name::validate(name) {
                    Err(error) => Some(Err(ApiError::new(
                        ErrorCode::INVALID_TOPIC_EXCEPTION,
                        error.to_string(),
                    ))),
                    Ok(()) if metadata.partitions(name).is_none() => {
                        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                        Some(Err(ApiError::new(code, "")))
                    }
                    Ok(()) => {
                        let read = Op::get_data(znode_path::topic_config(name));
                        self.ask(AdminTag { job, item, step: Step::Description }, read);
                        None
                    }
                },
                BROKER_LOGGER => Some(self.describe_loggers(resource)),
                _ => Some(self.describe_broker(resource, told)),
            });
        }
        let (token, resources) = (context.token, request.resources);
        let description = Description { token, told, resources, results };
        self.descriptions.insert(job, description);
        self.settle_description(job);
        std::mem::take(&mut self.actions)
    }

    pub(super) fn go_on_with_description(&mut self, tag: AdminTag, answer: &Answer) {
        let Some(description) = self.descriptions.get_mut(&tag.job) else { return };
        let Some(resource) = description.resources.get(tag.item) else { return };
        let own = match answer {
            Answer::Data { data, .. } => ConfigOverrides::from_json(data).ok(),
            Answer::Failed(KeeperCode::NO_NODE) => Some(ConfigOverrides::of([].into())),
            _ => None,
        };
        let result = match own {
            Some(own) => {
                let own = Properties(own.config);
                let names = TOPIC_CONFIG_KEYS.iter().map(|key| key.name);
                let names = names.filter(|name| resource.wants(name));
                let told = description.told;
                Ok(names.map(|name| topic_entry(&self.config, &own, name, told)).collect())
            }
            None => Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR)),
        };
        description.results[tag.item] = Some(result);
        self.settle_description(tag.job);
    }

    fn describe_broker(
        &self,
        resource: &DescribeConfigsResource,
        told: Told,
    ) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
        let refuse = |text: String| Err(ApiError::new(ErrorCode::INVALID_REQUEST, text));
        let name = resource.resource_name.as_str();
        if resource.resource_type != BROKER {
            let kind = kind_name(resource.resource_type);
            return refuse(format!("Unsupported resource type: {kind}"));
        }
        let wanted = |name: &&str| resource.wants(name);
        if name.is_empty() {
            let set = self.config.dynamic_default().0.keys().map(String::as_str).filter(wanted);
            return Ok(set.map(|name| broker_entry(&self.config, name, false, told)).collect());
        }
        if broker_id(name)? != self.me {
            return refuse(format!(
                "Unexpected broker id, expected {} or empty string, but received {name}",
                self.me
            ));
        }
        let names = self.config.names().into_iter().filter(wanted);
        Ok(names.map(|name| broker_entry(&self.config, name, true, told)).collect())
    }

    fn settle_description(&mut self, job: u64) {
        let Some(description) = self
            .descriptions
            .get(&job)
            .is_some_and(|description| description.results.iter().all(Option::is_some))
            .then(|| self.descriptions.remove(&job))
            .flatten()
        else {
            return;
        };
        let resources = description.resources.into_iter();
        let results = resources.zip(description.results.into_iter().flatten());
        let results = results.map(|(resource, result)| {
            let (configs, error) = match result {
                Ok(configs) => (configs, ApiError::new(ErrorCode::NONE, "")),
                Err(error) => (Vec::new(), error),
            };
            DescribeConfigsResult {
                error_code: error.code,
                error_message: error.message,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name,
                configs,
            }
        });
        let response = DescribeConfigsResponse { results: results.collect(), throttle_time_ms: 0 };
        self.actions.push(Action::Reply { token: description.token, response: response.into() });
    }
}

impl DescribeConfigsResource {
    /// Whether the config is asked for: no names are all.
    pub(super) fn wants(&self, name: &str) -> bool {
        let keys = self.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
        keys.is_none_or(|keys| keys.iter().any(|key| key == name))
    }
}

/// A topic config: its value, and what stands behind it.
pub(super) fn topic_entry(
    config: &DynamicBrokerConfig,
    own: &Properties,
    name: &str,
    told: Told,
) -> DescribeConfigsResourceResult {
    let key = topic_config::key(name);
    let mut synonyms = config.topic_synonyms(name);
    if let Some(value) = own.get(name) {
        let synonym = ConfigSynonym {
            name: name.to_owned(),
            value: value.to_owned(),
            source: ConfigSource::DynamicTopicConfig,
        };
        synonyms.insert(0, synonym);
    }
    let value = own.get(name).or_else(|| config.current().topic_defaults.get(name));
    let value = value.or_else(|| key.and_then(|key| key.default));
    let mut entry = entry(name, value, false, key.map(|key| key.kind), synonyms, told);
    let documentation = told.documentation.then(|| documentation::of_topic_config(name));
    entry.documentation = documentation.flatten().map(str::to_owned);
    entry
}

fn broker_entry(
    config: &DynamicBrokerConfig,
    name: &str,
    per_broker: bool,
    told: Told,
) -> DescribeConfigsResourceResult {
    let mut synonyms = config.synonyms(name);
    let value = if per_broker { config.value(name) } else { config.dynamic_default().get(name) };
    if !per_broker {
        synonyms.retain(|one| one.source == ConfigSource::DynamicDefaultBrokerConfig);
    }
    let kind = dynamic::key(name).map(|key| key.kind);
    let read_only = !DynamicBrokerConfig::is_dynamic(name);
    let mut entry = entry(name, value, read_only, kind, synonyms, told);
    let documentation = told.documentation.then(|| documentation::of_broker_config(name));
    entry.documentation = documentation.flatten();
    entry
}

/// A password is not told, nor the value of a config whose type nobody knows: it may be one.
fn entry(
    name: &str,
    value: Option<&str>,
    read_only: bool,
    kind: Option<ConfigType>,
    synonyms: Vec<ConfigSynonym>,
    told: Told,
) -> DescribeConfigsResourceResult {
    let is_sensitive = matches!(kind, None | Some(ConfigType::Password));
    let source = synonyms.first().map_or(ConfigSource::DefaultConfig, |one| one.source);
    let synonyms = synonyms.into_iter().filter(|_| told.synonyms);
    let told = |value: &str| (!is_sensitive).then(|| value.to_owned());
    DescribeConfigsResourceResult {
        name: name.to_owned(),
        value: value.and_then(told),
        read_only,
        is_default: source == ConfigSource::DefaultConfig,
        config_source: source as i8,
        is_sensitive,
        synonyms: synonyms
            .map(|one| DescribeConfigsSynonym {
                value: told(&one.value),
                name: one.name,
                source: one.source as i8,
            })
            .collect(),
        config_type: kind.map_or(0, type_number),
        documentation: None,
    }
}

/// Numbers of `DescribeConfigsResponse.ConfigType`.
fn type_number(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
        ConfigType::Class => 8,
        ConfigType::Password => 9,
    }
}
