//! What the components want done, done: their actions, the news of the connections to other
//! brokers, and the requests that replication makes by itself.

use super::{Broker, ZkTag};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Endpoint, TopicPartition};
use crate::broker::action::{Action, Node, SendError};
use crate::broker::admin_manager::AdminAction;
use crate::broker::controller::{ChannelTag, ControllerAction};
use crate::broker::delayed_elect_leader::Answered;
use crate::broker::producer_id_manager::ProducerIdAction;
use crate::broker::replica_manager::{AppendRequest, AppendTarget, FollowRequest, FollowTag};
use crate::cluster::topic_name::GROUP_METADATA_TOPIC_NAME;
use crate::network::{NetworkClient, NetworkEvent, RequestFailure};
use crate::node::Ctx;
use crate::wire::kafka::{AnyRequest, AnyResponse};

/// What this broker asks of the controller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ToController {
    /// Other in-sync replicas.
    AlterIsr,
    /// To be relieved of its leaderships.
    ControlledShutdown,
}

impl Broker {
    pub(super) fn apply_controller(&mut self, actions: Vec<ControllerAction>, ctx: &mut Ctx<'_>) {
        for action in actions {
            match action {
                Action::Zookeeper { request, tag } => {
                    self.zookeeper.submit(request.into(), ZkTag::Controller(tag), ctx);
                }
                Action::Send { to, request, tag } => {
                    send(&mut self.controller_channel, &to, request, tag, ctx);
                }
                Action::Disconnect(broker) => self.controller_channel.forget_node(broker.0, ctx),
                Action::ElectionHeld { token, results } => {
                    let answered = self.elections.held(token, results, &self.metadata);
                    self.answer_elections(answered, ctx);
                }
                other => self.apply_common(other, ctx),
            }
        }
    }

    pub(super) fn apply_admin(&mut self, actions: Vec<AdminAction>, ctx: &mut Ctx<'_>) {
        for action in actions {
            match action {
                Action::Zookeeper { request, tag } => {
                    self.zookeeper.submit(request.into(), ZkTag::Admin(tag), ctx);
                }
                other => self.apply_common(other, ctx),
            }
        }
    }

    pub(super) fn apply_producer_id(&mut self, actions: Vec<ProducerIdAction>, ctx: &mut Ctx<'_>) {
        for action in actions {
            match action {
                Action::Zookeeper { request, tag } => {
                    self.zookeeper.submit(request.into(), ZkTag::ProducerId(tag), ctx);
                }
                other => self.apply_common(other, ctx),
            }
        }
    }

    /// The actions that need no name of a component; the others were taken out before.
    pub(super) fn apply_common<Z, N>(&mut self, action: Action<Z, N>, ctx: &mut Ctx<'_>) {
        match action {
            Action::Reply { token, response } => {
                self.flush_events(ctx);
                self.sockets.reply(token, &response, ctx);
            }
            Action::Trace(event) => ctx.trace(event),
            Action::Log { level, logger, text } => ctx.log(level, logger, text),
            Action::AppendOffsets { partition, records, acks, tag } => {
                let id = TopicPartition::new(GROUP_METADATA_TOPIC_NAME, partition);
                let request = AppendRequest {
                    target: AppendTarget::Offsets(tag),
                    acks,
                    timeout: self.config.offsets_commit_timeout,
                    records: vec![(id, Ok(records))],
                };
                let done = self.replicas.append_records(request, ctx.volume, ctx.now());
                if let Some(completion) = done {
                    self.complete(completion, ctx);
                }
            }
            Action::CreateOffsetsTopic => {
                let actions = self.admin.create_offsets_topic(ctx.now(), &self.metadata);
                self.apply_admin(actions, ctx);
            }
            Action::Exit(text) => self.halt(&text, ctx),
            Action::LoadOffsets { partition } => {
                let id = TopicPartition::new(GROUP_METADATA_TOPIC_NAME, partition);
                let batches = self.replicas.read_whole_log(&id, ctx.volume);
                let actions = self.groups.on_partition_loaded(ctx.now(), partition, &batches);
                self.apply_group(actions, ctx);
            }
            Action::Zookeeper { .. }
            | Action::Send { .. }
            | Action::Disconnect(_)
            | Action::ElectionHeld { .. } => {}
        }
    }

    pub(super) fn answer_elections(
        &mut self,
        answered: impl IntoIterator<Item = Answered>,
        ctx: &mut Ctx<'_>,
    ) {
        for (token, response) in answered {
            self.sockets.reply(token, &response.into(), ctx);
        }
    }

    pub(super) fn on_controller_channel(
        &mut self,
        events: Vec<NetworkEvent<ChannelTag>>,
        ctx: &mut Ctx<'_>,
    ) {
        for event in events {
            if let NetworkEvent::Connected { node } = event
                && let Some(broker) = self.controller.endpoint(node)
            {
                let me = self.id();
                let text = format!(
                    "[RequestSendThread controllerId={me}] Controller {me} connected to {} for sending state change requests",
                    node_text(node, broker)
                );
                ctx.log(LogLevel::Info, "kafka.controller.RequestSendThread", text);
            } else if let Some((_, tag, outcome)) = outcome_of(event) {
                let actions = self.controller.on_response(ctx.now(), tag, outcome);
                self.apply_controller(actions, ctx);
            }
        }
    }

    pub(super) fn on_fetch_channel(
        &mut self,
        events: Vec<NetworkEvent<(Node, FollowTag)>>,
        ctx: &mut Ctx<'_>,
    ) {
        for event in events {
            let Some((_, (leader, tag), outcome)) = outcome_of(event) else { continue };
            let now = ctx.now();
            let more: Vec<FollowRequest> = match outcome {
                Ok(AnyResponse::Fetch(response)) => {
                    self.replicas.on_fetch_response(&leader, &response, ctx.volume, now)
                }
                Ok(AnyResponse::ListOffsets(response)) => self
                    .replicas
                    .on_list_offsets(&leader, &tag, &response, ctx.volume, now)
                    .into_iter()
                    .collect(),
                Ok(_) => Vec::new(),
                Err(error) if tag == FollowTag::Fetch => {
                    self.replicas.on_fetch_failed(leader.id, send_error_text(error), now);
                    Vec::new()
                }
                // The partition is in its back-off and will fetch, and ask, again.
                Err(_) => Vec::new(),
            };
            for (node, request, tag) in more {
                send(&mut self.fetch_channel, &node, request, (node.clone(), tag), ctx);
            }
        }
    }

    /// Sends the fetches of this broker's followers that are due.
    pub(super) fn send_fetches(&mut self, ctx: &mut Ctx<'_>) {
        for (node, request, tag) in self.replicas.due_fetches(ctx.now()) {
            send(&mut self.fetch_channel, &node, request, (node.clone(), tag), ctx);
        }
    }

    /// Sends the ISR changes of this broker's leaders, if it is time and a controller is known.
    pub(super) fn send_alter_isr(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        if self.epoch < 0 || !self.replicas.alter_isr_mut().is_due(now) {
            return;
        }
        let (id, epoch) = (self.config.broker_id, self.epoch);
        let request = self.replicas.alter_isr_mut().take_request(id, epoch);
        if !self.send_to_controller(request, ToController::AlterIsr, ctx) {
            self.replicas.alter_isr_mut().on_failure(now);
        }
    }

    /// Sends a request to the controller; false when none is known.
    pub(super) fn send_to_controller(
        &mut self,
        request: impl Into<AnyRequest>,
        tag: ToController,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let known = self.controller.active_controller().or(self.metadata.controller());
        let Some(broker) = known.and_then(|id| self.metadata.broker(id)) else { return false };
        let to = Node { id: broker.id, endpoint: broker.endpoint.clone() };
        send(&mut self.to_controller, &to, request.into(), tag, ctx);
        true
    }

    pub(super) fn on_to_controller(
        &mut self,
        events: Vec<NetworkEvent<ToController>>,
        ctx: &mut Ctx<'_>,
    ) {
        for event in events {
            if let NetworkEvent::Connected { node } = event
                && let Some(broker) = self.metadata.broker(BrokerId(node))
            {
                let text = format!(
                    "[broker-{}-to-controller-send-thread]: Recorded new controller, from now on will use broker {}",
                    self.id(),
                    node_text(node, &broker.endpoint)
                );
                ctx.log(LogLevel::Info, "kafka.server.BrokerToControllerRequestThread", text);
                continue;
            }
            let Some((_, tag, outcome)) = outcome_of(event) else { continue };
            match (tag, outcome) {
                (ToController::AlterIsr, Ok(AnyResponse::AlterIsr(response))) => {
                    self.replicas.on_alter_isr_response(&response, ctx.now());
                }
                (ToController::AlterIsr, _) => {
                    self.replicas.alter_isr_mut().on_failure(ctx.now());
                }
                (ToController::ControlledShutdown, outcome) => {
                    let response = match &outcome {
                        Ok(AnyResponse::ControlledShutdown(response)) => Some(response),
                        _ => None,
                    };
                    self.on_controlled_shutdown(response, ctx);
                }
            }
        }
    }
}

fn send<T>(
    client: &mut NetworkClient<T>,
    to: &Node,
    request: AnyRequest,
    tag: T,
    ctx: &mut Ctx<'_>,
) {
    client.set_node(to.id.0, to.endpoint.clone());
    client.send(to.id.0, request, tag, ctx);
}

/// A broker as Kafka's clients print it.
fn node_text(id: i32, endpoint: &Endpoint) -> String {
    format!("{endpoint} (id: {id} rack: null)")
}

/// A request that ended: who, its tag, and the response or why there is none.
fn outcome_of<T>(event: NetworkEvent<T>) -> Option<(i32, T, Result<AnyResponse, SendError>)> {
    match event {
        NetworkEvent::Response { node, tag, response, .. } => Some((node, tag, Ok(response))),
        NetworkEvent::Failed { node, tag, error, .. } => {
            let error = match error {
                RequestFailure::Disconnected | RequestFailure::BadResponse => {
                    SendError::Disconnected
                }
                RequestFailure::TimedOut => SendError::TimedOut,
                RequestFailure::UnsupportedVersion => SendError::UnsupportedVersion,
            };
            Some((node, tag, Err(error)))
        }
        NetworkEvent::Sent { .. }
        | NetworkEvent::Connected { .. }
        | NetworkEvent::Disconnected { .. } => None,
    }
}

fn send_error_text(error: SendError) -> &'static str {
    match error {
        SendError::Disconnected => {
            "java.io.IOException: Connection was disconnected before the response was read"
        }
        SendError::TimedOut => "java.net.SocketTimeoutException: The request timed out",
        SendError::UnsupportedVersion => {
            "org.apache.kafka.common.errors.UnsupportedVersionException"
        }
    }
}
