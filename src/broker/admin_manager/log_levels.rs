//! Looking at the broker's loggers and changing their levels.
//!
//! In Kafka: ZkAdminManager.validateLogLevelConfigs, alterLogLevelConfigs, KIP-412.

use super::AdminManager;
use super::alteration::{APPEND, Change, DELETE, SET, invalid_value};
use crate::base::trace::LogLevel;
use crate::broker::api_error::ApiError;
use crate::broker::loggers::{Level, ROOT_LOGGER};
use crate::cluster::broker_config::dynamic::ConfigSource;
use crate::wire::ErrorCode;
use crate::wire::kafka::{DescribeConfigsResource, DescribeConfigsResourceResult};

/// Number of `ConfigResource.Type`: the loggers of a broker.
pub(super) const BROKER_LOGGER: i8 = 8;

impl AdminManager {
    /// All loggers as configs.
    pub(super) fn describe_loggers(
        &self,
        resource: &DescribeConfigsResource,
    ) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
        let name = resource.resource_name.as_str();
        if name.is_empty() {
            return Err(refusal("Broker id must not be empty"));
        }
        let id = broker_id(name)?;
        if id != self.me {
            let text = format!("Unexpected broker id, expected {} but received {name}", self.me);
            return Err(refusal(text));
        }
        let loggers = self.loggers.all().filter(|(name, _)| resource.wants(name));
        let loggers = loggers.map(|(name, level)| DescribeConfigsResourceResult {
            name: name.to_owned(),
            value: Some(level.to_string()),
            config_source: ConfigSource::DynamicBrokerLoggerConfig as i8,
            ..Default::default()
        });
        Ok(loggers.collect())
    }

    /// Changes levels: all of them, or none when one cannot be changed.
    pub(super) fn alter_loggers(
        &mut self,
        name: &str,
        changes: &[Change],
        validate_only: bool,
    ) -> Result<(), ApiError> {
        self.check_broker(name)?;
        let mut levels = Vec::new();
        for change in changes {
            levels.push(self.checked_level(name, change)?);
        }
        if validate_only {
            return Ok(());
        }
        for (change, level) in changes.iter().zip(levels) {
            let logger = &change.name;
            if let Some(level) = level {
                self.log(LogLevel::Info, format!("Updating the log level of {logger} to {level}"));
                self.loggers.set(logger, level);
            } else {
                self.log(LogLevel::Info, format!("Unset the log level of {logger}"));
                self.loggers.unset(logger);
            }
        }
        Ok(())
    }

    /// The level that a change sets, none for the level of the logger above.
    fn checked_level(&self, name: &str, change: &Change) -> Result<Option<Level>, ApiError> {
        let logger = &change.name;
        if !matches!(change.operation, SET | DELETE) {
            let operation = if change.operation == APPEND { "APPEND" } else { "SUBTRACT" };
            let text =
                format!("{operation} operation is not allowed for the BROKER_LOGGER resource");
            return Err(refusal(text));
        }
        if !self.loggers.has(logger) {
            let text = format!("Logger {logger} does not exist!");
            return Err(invalid_value(BROKER_LOGGER, name, &text));
        }
        if change.operation == DELETE {
            if logger == ROOT_LOGGER {
                let text = "Removing the log level of the root logger is not allowed";
                return Err(refusal(text));
            }
            return Ok(None);
        }
        let level = change.value.as_deref().unwrap_or_default();
        level.parse().map(Some).map_err(|()| {
            let text = format!(
                "Cannot set the log level of {logger} to {level} as it is not a supported log \
                 level. Valid log levels are {}",
                Level::names()
            );
            invalid_value(BROKER_LOGGER, name, &text)
        })
    }

    /// Refuses a resource of another broker; an empty name is this broker, or all.
    pub(super) fn check_broker(&self, name: &str) -> Result<(), ApiError> {
        if name.is_empty() || broker_id(name)? == self.me {
            return Ok(());
        }
        let text = format!("Unexpected broker id, expected {}, but received {name}", self.me);
        Err(refusal(text))
    }
}

/// The broker that a resource names.
pub(super) fn broker_id(name: &str) -> Result<i32, ApiError> {
    let bad = |_| refusal(format!("Broker id must be an integer, but it is: {name}"));
    name.parse().map_err(bad)
}

fn refusal(text: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::INVALID_REQUEST, text)
}
