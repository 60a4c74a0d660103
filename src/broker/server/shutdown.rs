//! The stop of a broker: it asks the controller to move its leaderships away, then writes its
//! checkpoints, makes its logs durable and leaves.
//!
//! In Kafka: `KafkaServer.controlledShutdown`, `shutdown`.

use super::apply::ToController;
use super::startup::CLEAN_SHUTDOWN_FILE;
use super::{Broker, Life};
use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::{ControlledShutdownRequest, ControlledShutdownResponse};

const REPLICA_MANAGER: &str = "kafka.server.ReplicaManager";
const LOG_MANAGER: &str = "kafka.log.LogManager";

/// How far the controlled shutdown has come.
#[derive(Clone, Debug, Default)]
pub(super) struct ControlledShutdown {
    attempts: i32,
    /// When to try again.
    pub(super) retry_at: Option<Time>,
}

impl Broker {
    pub(super) fn on_stop(&mut self, ctx: &mut Ctx<'_>) {
        let text = "Terminating process due to signal SIGTERM";
        ctx.log(LogLevel::Info, "org.apache.kafka.common.utils.LoggingSignalHandler", text);
        match self.life {
            Life::Starting => {
                self.close_session(ctx);
                self.life = Life::NotRunning;
                ctx.exit(false, "shut down completed");
            }
            Life::Running => {
                self.log(LogLevel::Info, "shutting down", ctx);
                if self.config.controlled_shutdown_enable {
                    self.life = Life::PendingControlledShutdown;
                    self.log(LogLevel::Info, "Starting controlled shutdown", ctx);
                    self.try_controlled_shutdown(ctx);
                } else {
                    self.shut_down(ctx);
                }
            }
            Life::PendingControlledShutdown | Life::NotRunning => {}
        }
    }

    fn try_controlled_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        self.shutdown.attempts += 1;
        let request = ControlledShutdownRequest {
            broker_id: self.config.broker_id,
            broker_epoch: self.epoch,
        };
        if !self.send_to_controller(request, ToController::ControlledShutdown, ctx) {
            self.controlled_shutdown_failed(ctx);
        }
    }

    /// The controller answered, or could not be reached.
    pub(super) fn on_controlled_shutdown(
        &mut self,
        response: Option<&ControlledShutdownResponse>,
        ctx: &mut Ctx<'_>,
    ) {
        if self.life != Life::PendingControlledShutdown {
            return;
        }
        match response {
            Some(response)
                if response.error_code == ErrorCode::NONE
                    && response.remaining_partitions.is_empty() =>
            {
                self.log(LogLevel::Info, "Controlled shutdown succeeded", ctx);
                self.shut_down(ctx);
            }
            Some(response) => {
                let left = response.remaining_partitions.iter();
                let left: Vec<String> =
                    left.map(|one| format!("{}-{}", one.topic_name, one.partition_index)).collect();
                let text = format!("Remaining partitions to move: {}", left.join(","));
                self.log(LogLevel::Info, &text, ctx);
                let text = format!("Error from controller: {}", response.error_code);
                self.log(LogLevel::Info, &text, ctx);
                self.controlled_shutdown_failed(ctx);
            }
            None => {
                self.log(LogLevel::Warn, "Error during controlled shutdown, possibly because leader movement took longer than the configured controller.socket.timeout.ms and/or request.timeout.ms", ctx);
                self.controlled_shutdown_failed(ctx);
            }
        }
    }

    fn controlled_shutdown_failed(&mut self, ctx: &mut Ctx<'_>) {
        self.shutdown.retry_at = Some(ctx.now() + self.config.controlled_shutdown_retry_backoff);
    }

    /// Tries again, or gives up, once the back-off is over.
    pub(super) fn continue_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        if self.shutdown.retry_at.is_none_or(|at| at > ctx.now()) {
            return;
        }
        self.shutdown.retry_at = None;
        let text = "Retrying controlled shutdown after the previous attempt failed...";
        self.log(LogLevel::Warn, text, ctx);
        if self.shutdown.attempts < self.config.controlled_shutdown_max_retries {
            self.try_controlled_shutdown(ctx);
        } else {
            self.log(LogLevel::Warn, "Proceeding to do an unclean shutdown as all the controlled shutdown attempts failed", ctx);
            self.shut_down(ctx);
        }
    }

    /// Leaves: everything is on the disk before the session ends and others take over.
    fn shut_down(&mut self, ctx: &mut Ctx<'_>) {
        self.log_socket_server("Stopping socket server request processors", ctx);
        self.log_socket_server("Stopped socket server request processors", ctx);
        for what in ["Shutting down.", "Shutdown complete."] {
            let text = format!("[GroupCoordinator {}]: {what}", self.id());
            ctx.log(LogLevel::Info, "kafka.coordinator.group.GroupCoordinator", text);
        }
        let id = self.id();
        let text = format!("[ReplicaManager broker={id}] Shutting down");
        ctx.log(LogLevel::Info, REPLICA_MANAGER, text);
        for what in ["shutting down", "shutdown completed"] {
            let text = format!("[ReplicaFetcherManager on broker {id}] {what}");
            ctx.log(LogLevel::Info, "kafka.server.ReplicaFetcherManager", text);
        }
        let text = format!("[ReplicaManager broker={id}] Shut down completely");
        ctx.log(LogLevel::Info, REPLICA_MANAGER, text);
        ctx.log(LogLevel::Info, LOG_MANAGER, "Shutting down.");
        let files = self.replicas.shut_down(ctx.volume);
        self.flush_events(ctx);
        let mut files =
            files.iter().filter(|file| ctx.volume.len(file).is_some()).collect::<Vec<_>>();
        files.dedup();
        let synced = files.into_iter().try_for_each(|file| ctx.fsync(file));
        let marked = synced
            .and_then(|()| ctx.volume.replace(CLEAN_SHUTDOWN_FILE, b""))
            .and_then(|()| ctx.fsync(CLEAN_SHUTDOWN_FILE));
        if let Err(error) = marked {
            let text = format!("Failed to write clean shutdown file: {error}");
            ctx.log(LogLevel::Error, LOG_MANAGER, text);
        }
        ctx.log(LogLevel::Info, LOG_MANAGER, "Shutdown complete.");
        self.close_session(ctx);
        self.log_socket_server("Shutting down socket server", ctx);
        self.log_socket_server("Shutdown completed", ctx);
        self.log(LogLevel::Info, "shut down completed", ctx);
        self.life = Life::NotRunning;
        ctx.exit(false, "shut down completed");
    }
}
