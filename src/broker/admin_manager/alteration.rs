//! Changes of the configs of topics and brokers: checks, then the config znode, then a notification
//! that all brokers see.
//!
//! In Kafka: ZkAdminManager.alterConfigs, incrementalAlterConfigs, AdminZkClient.changeEntityConfig,
//! KIP-339.

use super::log_levels::BROKER_LOGGER;
use super::{AdminAction, AdminManager, AdminTag, Step};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet};
use crate::broker::action::{Action, RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::broker_config::dynamic;
use crate::cluster::topic_config::{self, InvalidTopicConfig};
use crate::cluster::znode_data::{ConfigChange, ConfigOverrides};
use crate::cluster::{ConfigKey, ConfigType, topic_name, znode_path};
use crate::node::Properties;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AlterConfigsRequest, AlterConfigsResponse, AlterConfigsResponseAlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    IncrementalAlterConfigsResponseAlterConfigsResourceResponse,
};
use crate::wire::zookeeper::KeeperCode;

/// Numbers of `ConfigResource.Type`.
pub(super) const TOPIC: i8 = 2;
/// A broker, or with an empty name all of them.
pub(super) const BROKER: i8 = 4;

/// Numbers of `AlterConfigOp.OpType`.
pub(super) const SET: i8 = 0;
/// Back to the default.
pub(super) const DELETE: i8 = 1;
/// More elements of a list.
pub(super) const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Which answer of ZooKeeper a resource waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AlterationStep {
    /// Its configs as they are.
    Read,
    /// Whether the topic is there.
    Exists,
    /// The write of its configs.
    SetConfig,
    /// The creation of its configs.
    CreateConfig,
    /// The notification.
    Notify,
}

/// One change of one config.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) operation: i8,
    pub(super) value: Option<String>,
}

/// A topic or broker whose configs change.
#[derive(Clone, Debug)]
struct Resource {
    kind: i8,
    name: String,
    changes: Vec<Change>,
    /// What it sets once the changes are made.
    configs: SortedMap<String, String>,
    /// The outcome, once it is known.
    outcome: Option<Result<(), ApiError>>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Alteration {
    token: RequestToken,
    is_incremental: bool,
    validate_only: bool,
    resources: Vec<Resource>,
}

impl Resource {
    fn new(kind: i8, name: String, changes: Vec<Change>) -> Self {
        Self { kind, name, changes, configs: SortedMap::new(), outcome: None }
    }
}

impl AdminManager {
    /// AlterConfigs: what is not named goes back to its default.
    #[must_use]
    pub fn handle_alter_configs(
        &mut self,
        context: &RequestContext,
        request: AlterConfigsRequest,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let resources = request.resources.into_iter().map(|resource| {
            let changes = resource.configs.into_iter();
            let changes =
                changes.map(|one| Change { name: one.name, operation: SET, value: one.value });
            Resource::new(resource.resource_type, resource.resource_name, changes.collect())
        });
        let resources = resources.collect();
        self.alter(context.token, false, request.validate_only, resources, metadata)
    }

    /// IncrementalAlterConfigs: only what is named changes.
    #[must_use]
    pub fn handle_incremental_alter_configs(
        &mut self,
        context: &RequestContext,
        request: IncrementalAlterConfigsRequest,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let resources = request.resources.into_iter().map(|resource| {
            let changes = resource.configs.into_iter();
            let changes = changes.map(|one| Change {
                name: one.name,
                operation: one.config_operation,
                value: one.value,
            });
            Resource::new(resource.resource_type, resource.resource_name, changes.collect())
        });
        let resources = resources.collect();
        self.alter(context.token, true, request.validate_only, resources, metadata)
    }

    fn alter(
        &mut self,
        token: RequestToken,
        is_incremental: bool,
        validate_only: bool,
        mut resources: Vec<Resource>,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let job = self.next_job();
        for resource in &mut resources {
            let (kind, name, changes) = (resource.kind, &resource.name, &resource.changes);
            let checked = check_changes(changes, is_incremental);
            resource.outcome = if is_incremental && kind == BROKER_LOGGER {
                Some(checked.and_then(|()| self.alter_loggers(name, changes, validate_only)))
            } else {
                checked.and_then(|()| self.check_resource(kind, name, metadata)).err().map(Err)
            };
        }
        let alteration = Alteration { token, is_incremental, validate_only, resources };
        self.alterations.insert(job, alteration);
        for item in 0..self.alterations[&job].resources.len() {
            self.begin_resource(job, item);
        }
        self.settle_alteration(job);
        std::mem::take(&mut self.actions)
    }

    fn check_resource(
        &self,
        kind: i8,
        name: &str,
        metadata: &MetadataCache,
    ) -> Result<(), ApiError> {
        match kind {
            TOPIC if metadata.partitions(name).is_none() => {
                let text = format!("The topic '{name}' does not exist.");
                Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text))
            }
            TOPIC => topic_name::validate(name).map_err(|error| {
                ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string())
            }),
            BROKER => self.check_broker(name),
            kind => {
                let text = format!(
                    "AlterConfigs is only supported for topics and brokers, but resource type is {}",
                    kind_name(kind)
                );
                Err(ApiError::new(ErrorCode::INVALID_REQUEST, text))
            }
        }
    }

    /// Begins with one resource: an incremental change needs to know what is set already.
    fn begin_resource(&mut self, job: u64, item: usize) {
        let alteration = &self.alterations[&job];
        let resource = &alteration.resources[item];
        if resource.outcome.is_some() {
            return;
        }
        if alteration.is_incremental {
            let read = Op::get_data(config_path(resource));
            let step = Step::Alteration(AlterationStep::Read);
            self.ask(AdminTag { job, item, step }, read);
        } else {
            let changes = resource.changes.iter();
            let set =
                changes.filter_map(|one| Some((one.name.clone(), one.value.clone()?))).collect();
            self.check_configs(job, item, set);
        }
    }

    pub(super) fn go_on_with_alteration(
        &mut self,
        tag: AdminTag,
        step: AlterationStep,
        answer: &Answer,
    ) {
        let alteration = self.alterations.get_mut(&tag.job);
        let Some(resource) = alteration.and_then(|one| one.resources.get_mut(tag.item)) else {
            return;
        };
        let failed = ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR);
        match (step, answer) {
            (AlterationStep::Read, Answer::Data { data, .. }) => {
                match ConfigOverrides::from_json(data) {
                    Ok(known) => self.change_configs(tag, known.config),
                    Err(_) => resource.outcome = Some(Err(failed)),
                }
            }
            (AlterationStep::Read, Answer::Failed(KeeperCode::NO_NODE)) => {
                self.change_configs(tag, SortedMap::new());
            }
            (AlterationStep::Exists, Answer::Failed(KeeperCode::NO_NODE)) => {
                let text = format!("Topic '{}' does not exist.", resource.name);
                let error = ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text);
                resource.outcome = Some(Err(error));
            }
            (AlterationStep::SetConfig, Answer::Failed(KeeperCode::NO_NODE)) => {
                let (path, data) = (config_path(resource), config_data(resource));
                let create = Op::Write(Write::Create { path, data: Some(data) });
                let step = Step::Alteration(AlterationStep::CreateConfig);
                self.ask(AdminTag { step, ..tag }, create);
            }
            (_, Answer::Failed(_)) => resource.outcome = Some(Err(failed)),
            (AlterationStep::Exists, _) => self.write_configs(tag.job, tag.item),
            (AlterationStep::SetConfig | AlterationStep::CreateConfig, _) => {
                let change = ConfigChange::of(entity_path(resource));
                let (path, data) =
                    (znode_path::CONFIG_CHANGE_PREFIX.to_owned(), change.to_json().into());
                let notify = Op::Write(Write::CreateSequential { path, data });
                let step = Step::Alteration(AlterationStep::Notify);
                self.ask(AdminTag { step, ..tag }, notify);
            }
            (AlterationStep::Notify, _) => resource.outcome = Some(Ok(())),
            (AlterationStep::Read, _) => resource.outcome = Some(Err(failed)),
        }
        self.settle_alteration(tag.job);
    }

    fn change_configs(&mut self, tag: AdminTag, known: SortedMap<String, String>) {
        let Some(alteration) = self.alterations.get_mut(&tag.job) else { return };
        let resource = &mut alteration.resources[tag.item];
        match changed(resource.kind, &resource.changes, known) {
            Ok(configs) => self.check_configs(tag.job, tag.item, configs),
            Err(error) => resource.outcome = Some(Err(error)),
        }
    }

    fn check_configs(&mut self, job: u64, item: usize, configs: SortedMap<String, String>) {
        let Some(alteration) = self.alterations.get_mut(&job) else { return };
        let resource = &mut alteration.resources[item];
        let set = Properties(configs.clone());
        let checked = if resource.kind == TOPIC {
            topic_config::validate(&set).map_err(|error| match error {
                InvalidTopicConfig::Value(error) => {
                    invalid_value(TOPIC, &resource.name, &error.to_string())
                }
                other => ApiError::new(ErrorCode::INVALID_CONFIG, other.to_string()),
            })
        } else {
            let checked = self.config.validate(&set, !resource.name.is_empty());
            checked.map_err(|text| invalid_value(BROKER, &resource.name, &text))
        };
        resource.configs = configs;
        match checked {
            Err(error) => resource.outcome = Some(Err(error)),
            Ok(()) if resource.kind == TOPIC => {
                let exists = Op::Exists { path: znode_path::topic(&resource.name), watch: false };
                let step = Step::Alteration(AlterationStep::Exists);
                self.ask(AdminTag { job, item, step }, exists);
            }
            Ok(()) => self.write_configs(job, item),
        }
    }

    fn write_configs(&mut self, job: u64, item: usize) {
        let Some(alteration) = self.alterations.get_mut(&job) else { return };
        let validate_only = alteration.validate_only;
        let resource = &mut alteration.resources[item];
        if validate_only {
            resource.outcome = Some(Ok(()));
            return;
        }
        let configs = resource.configs.iter();
        let configs = configs.map(|(name, value)| format!("{name} -> {value}"));
        let configs = configs.collect::<Vec<_>>().join(",");
        let what = match (resource.kind, resource.name.as_str()) {
            (TOPIC, name) => format!("Updating topic {name}"),
            (_, "") => "Updating brokers".to_owned(),
            (_, name) => format!("Updating broker {name}"),
        };
        let (path, data) = (config_path(resource), config_data(resource));
        self.log(LogLevel::Info, format!("{what} with new configuration : {configs}"));
        let set = Op::Write(Write::SetData { path, data, version: -1 });
        let step = Step::Alteration(AlterationStep::SetConfig);
        self.ask(AdminTag { job, item, step }, set);
    }

    fn settle_alteration(&mut self, job: u64) {
        let is_known = |resource: &Resource| resource.outcome.is_some();
        let Some(Alteration { token, is_incremental, resources, .. }) = self
            .alterations
            .get(&job)
            .is_some_and(|alteration| alteration.resources.iter().all(is_known))
            .then(|| self.alterations.remove(&job))
            .flatten()
        else {
            return;
        };
        let outcomes = resources.into_iter().map(|resource| {
            let error = match resource.outcome {
                Some(Err(error)) => error,
                _ => ApiError::none(),
            };
            (error, resource.kind, resource.name)
        });
        let response = if is_incremental {
            let responses = outcomes.map(|(error, resource_type, resource_name)| {
                IncrementalAlterConfigsResponseAlterConfigsResourceResponse {
                    error_code: error.code,
                    error_message: error.message,
                    resource_type,
                    resource_name,
                }
            });
            let responses = responses.collect();
            IncrementalAlterConfigsResponse { responses, ..Default::default() }.into()
        } else {
            let responses = outcomes.map(|(error, resource_type, resource_name)| {
                AlterConfigsResponseAlterConfigsResourceResponse {
                    error_code: error.code,
                    error_message: error.message,
                    resource_type,
                    resource_name,
                }
            });
            AlterConfigsResponse { responses: responses.collect(), ..Default::default() }.into()
        };
        self.actions.push(Action::Reply { token, response });
    }
}

fn check_changes(changes: &[Change], is_incremental: bool) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ApiError::new(ErrorCode::INVALID_REQUEST, text));
    let mut seen = SortedSet::new();
    let twice: SortedSet<&str> =
        changes.iter().map(|one| one.name.as_str()).filter(|name| !seen.insert(*name)).collect();
    if is_incremental && !twice.is_empty() {
        let twice = twice.iter().copied().collect::<Vec<_>>().join(",");
        return refuse(format!("Error due to duplicate config keys : {twice}"));
    }
    let null = |one: &&Change| one.value.is_none() && one.operation != DELETE;
    let nulls = changes.iter().filter(null).map(|one| match (is_incremental, one.operation) {
        (false, _) => one.name.clone(),
        (true, APPEND) => format!("APPEND:{}", one.name),
        (true, SUBTRACT) => format!("SUBTRACT:{}", one.name),
        (true, _) => format!("SET:{}", one.name),
    });
    let nulls = nulls.collect::<Vec<_>>().join(",");
    if !nulls.is_empty() {
        return refuse(format!("Null value not supported for : {nulls}"));
    }
    Ok(())
}

/// The configs after the changes.
fn changed(
    kind: i8,
    changes: &[Change],
    mut configs: SortedMap<String, String>,
) -> Result<SortedMap<String, String>, ApiError> {
    for Change { name, operation, value } in changes {
        let value = value.clone().unwrap_or_default();
        match *operation {
            DELETE => drop(configs.remove(name)),
            APPEND | SUBTRACT => {
                let (key, verb) =
                    (key_of(kind, name), if *operation == APPEND { "append" } else { "subtract" });
                let Some(key) = key else {
                    return Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR));
                };
                if key.kind != ConfigType::List {
                    let text = format!("Config value {verb} is not allowed for config key: {name}");
                    return Err(ApiError::new(ErrorCode::INVALID_REQUEST, text));
                }
                let known = configs.get(name).map(String::as_str).or(key.default);
                let mut list: Vec<&str> = known.unwrap_or_default().split(',').collect();
                if *operation == APPEND {
                    list.extend(value.split(','));
                } else {
                    for one in value.split(',') {
                        if let Some(at) = list.iter().position(|known| *known == one) {
                            list.remove(at);
                        }
                    }
                }
                let list = list.join(",");
                configs.insert(name.clone(), list);
            }
            _ => drop(configs.insert(name.clone(), value)),
        }
    }
    Ok(configs)
}

fn key_of(kind: i8, name: &str) -> Option<&'static ConfigKey> {
    match kind {
        TOPIC => topic_config::key(name),
        _ => dynamic::key(name),
    }
}

/// A value that a resource of that kind and name cannot have.
pub(super) fn invalid_value(kind: i8, name: &str, text: &str) -> ApiError {
    let kind = kind_name(kind);
    let resource = format!("ConfigResource(type={kind}, name='{name}')");
    let text = format!("Invalid config value for resource {resource}: {text}");
    ApiError::new(ErrorCode::INVALID_REQUEST, text)
}

/// The name of a resource type in Kafka's messages.
pub(super) fn kind_name(kind: i8) -> &'static str {
    match kind {
        TOPIC => "TOPIC",
        BROKER => "BROKER",
        BROKER_LOGGER => "BROKER_LOGGER",
        _ => "UNKNOWN",
    }
}

fn entity_path(resource: &Resource) -> String {
    match (resource.kind, resource.name.as_str()) {
        (TOPIC, name) => format!("topics/{name}"),
        (_, "") => "brokers/<default>".to_owned(),
        (_, name) => format!("brokers/{name}"),
    }
}

fn config_path(resource: &Resource) -> String {
    znode_path::entity_config(&entity_path(resource))
}

fn config_data(resource: &Resource) -> bytes::Bytes {
    ConfigOverrides::of(resource.configs.clone()).to_json().into()
}
