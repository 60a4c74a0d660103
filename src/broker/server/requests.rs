//! From a request to its handler, and from what the handler says to the connection.
//!
//! In Kafka: `kafka.server.KafkaApis.handle`.

use super::Broker;
use super::zookeeper::ServerTag;
use crate::base::trace::LogLevel;
use crate::base::{SortedSet, TopicPartition};
use crate::broker::action::{RequestContext, RequestToken};
use crate::broker::handlers::{self, Handled};
use crate::broker::socket_server::Refusal;
use crate::node::{Ctx, Properties};
use crate::wire::kafka::{AnyRequest, LeaderAndIsrRequest, MetadataRequest};
use std::ops::ControlFlow;

/// A LeaderAndIsr request whose topics' settings are on their way from ZooKeeper. Kafka's handler
/// thread waits for them; here the request does.
#[derive(Clone, Debug)]
pub(super) struct ParkedLeaderAndIsr {
    context: RequestContext,
    request: LeaderAndIsrRequest,
    missing: SortedSet<String>,
}

impl Broker {
    /// Begins every request that can begin; true when there was any.
    pub(super) fn begin_requests(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let mut begun = false;
        while self.is_serving() {
            let ready = self.sockets.ready();
            if ready.is_empty() {
                break;
            }
            for conn in ready {
                begun = true;
                match self.sockets.next_request(conn, ctx) {
                    Ok(Some((context, request))) => self.handle(context, request, ctx),
                    Ok(None) => {}
                    Err(refusal) => log_refusal(&refusal, ctx),
                }
            }
        }
        begun
    }

    fn handle(&mut self, context: RequestContext, request: AnyRequest, ctx: &mut Ctx<'_>) {
        let (api, version) = (request.api(), context.api_version);
        if !handlers::api_versions::is_supported(api, version) {
            let text = format!(
                "Received request api key {} with unsupported version {version}",
                api.name()
            );
            let handled =
                handlers::unsupported(&request).map_or(Handled::Close(text), Handled::Reply);
            self.finish(context.token, handled, ctx);
            return;
        }
        let token = context.token;
        let handled = match request {
            AnyRequest::ApiVersions(_) => handlers::api_versions::handle().into(),
            AnyRequest::Metadata(request) => self.handle_metadata(request, version, ctx),
            AnyRequest::Produce(request) => {
                let (replicas, now) = (&mut self.replicas, ctx.now());
                handlers::produce::handle(&context, request, replicas, ctx.volume, now)
            }
            AnyRequest::Fetch(request) => {
                let (replicas, now) = (&mut self.replicas, ctx.now());
                let max_bytes = self.config.fetch_max_bytes;
                handlers::fetch::handle(&context, request, max_bytes, replicas, ctx.volume, now)
            }
            AnyRequest::ListOffsets(request) => {
                handlers::list_offsets::handle(request, version, &self.replicas, ctx.volume).into()
            }
            AnyRequest::InitProducerId(request) => {
                if let Some(response) = handlers::init_producer_id::refusal(&request) {
                    response.into()
                } else {
                    let actions = self.producer_ids.generate(token);
                    self.apply_producer_id(actions, ctx);
                    Handled::Later
                }
            }
            AnyRequest::DeleteRecords(request) => {
                let (replicas, now) = (&mut self.replicas, ctx.now());
                handlers::delete_records::handle(&context, request, replicas, ctx.volume, now)
            }
            AnyRequest::OffsetForLeaderEpoch(request) => {
                handlers::offset_for_leader_epoch::handle(request, &self.replicas).into()
            }
            request => match self.handle_group_request(&context, request, ctx) {
                None => Handled::Later,
                Some(request) => match self.handle_admin_request(&context, request, ctx) {
                    ControlFlow::Break(handled) => handled,
                    ControlFlow::Continue(request) => {
                        self.handle_cluster_action(&context, request, ctx)
                    }
                },
            },
        };
        self.finish(token, handled, ctx);
    }

    /// Requests of the controller and to it.
    fn handle_cluster_action(
        &mut self,
        context: &RequestContext,
        request: AnyRequest,
        ctx: &mut Ctx<'_>,
    ) -> Handled {
        match request {
            AnyRequest::LeaderAndIsr(request) => {
                self.handle_leader_and_isr(context.clone(), request, ctx)
            }
            AnyRequest::StopReplica(request) => {
                let epoch = self.epoch;
                let (response, roles) = handlers::stop_replica::handle(
                    &request,
                    context.correlation_id,
                    epoch,
                    &mut self.replicas,
                    ctx.volume,
                    ctx.now(),
                );
                self.flush_events(ctx);
                self.on_role_changes(&roles, ctx);
                response.into()
            }
            AnyRequest::UpdateMetadata(request) => {
                let updated = handlers::update_metadata::handle(
                    &request,
                    context.correlation_id,
                    self.epoch,
                    &mut self.replicas,
                    &mut self.metadata,
                );
                let actions = self.admin.on_metadata_updated(&self.metadata);
                self.apply_admin(actions, ctx);
                let deleted = updated.deleted.into_iter();
                let deleted: Vec<_> =
                    deleted.map(|(topic, index)| TopicPartition::new(topic, index)).collect();
                let actions = self.groups.on_partitions_deleted(ctx.now(), &deleted);
                self.apply_group(actions, ctx);
                let answered = self.elections.complete(&self.metadata);
                self.answer_elections(answered, ctx);
                updated.response.into()
            }
            AnyRequest::AlterIsr(request) => {
                let actions = self.controller.handle_alter_isr(ctx.now(), context, request);
                self.apply_controller(actions, ctx);
                Handled::Later
            }
            AnyRequest::ControlledShutdown(request) => {
                let now = ctx.now();
                let actions = self.controller.handle_controlled_shutdown(now, context, &request);
                self.apply_controller(actions, ctx);
                Handled::Later
            }
            request => Handled::Close(format!("{} is not supported", request.api().name())),
        }
    }

    fn handle_metadata(
        &mut self,
        request: MetadataRequest,
        version: i16,
        ctx: &mut Ctx<'_>,
    ) -> Handled {
        let identity = handlers::metadata::Identity {
            cluster_id: &self.cluster_id,
            config: &self.config,
            in_flight: self.admin.in_flight(),
        };
        let answer = handlers::metadata::handle(request, version, &self.metadata, identity);
        if !answer.create.is_empty() {
            let actions = self.admin.auto_create(ctx.now(), &answer.create, &self.metadata);
            self.apply_admin(actions, ctx);
        }
        answer.response.into()
    }

    fn handle_leader_and_isr(
        &mut self,
        context: RequestContext,
        request: LeaderAndIsrRequest,
        ctx: &mut Ctx<'_>,
    ) -> Handled {
        let mut missing = handlers::leader_and_isr::topics(&request);
        missing.retain(|topic| !self.replicas.knows_config_of(topic));
        if missing.is_empty() {
            return self.take_leader_and_isr(&context, &request, ctx);
        }
        for topic in &missing {
            self.ask_zookeeper(ServerTag::ReadTopicConfig(topic.clone()), ctx);
        }
        self.parked.push_back(ParkedLeaderAndIsr { context, request, missing });
        Handled::Later
    }

    fn take_leader_and_isr(
        &mut self,
        context: &RequestContext,
        request: &LeaderAndIsrRequest,
        ctx: &mut Ctx<'_>,
    ) -> Handled {
        let now = ctx.now();
        let (response, roles) = handlers::leader_and_isr::handle(
            request,
            (context.api_version, context.correlation_id),
            self.epoch,
            &mut self.replicas,
            &self.metadata,
            ctx.volume,
            now,
        );
        self.flush_events(ctx);
        self.on_role_changes(&roles, ctx);
        response.into()
    }

    /// The settings of a topic have come: requests that waited for nothing else go on, in order.
    pub(super) fn on_topic_config(&mut self, topic: &str, config: Properties, ctx: &mut Ctx<'_>) {
        self.replicas.set_topic_config(topic, config);
        if self.startup.configs.remove(topic) {
            self.continue_startup(ctx);
        }
        for parked in &mut self.parked {
            parked.missing.remove(topic);
        }
        while let Some(parked) = self.parked.pop_front_if(|parked| parked.missing.is_empty()) {
            let handled = self.take_leader_and_isr(&parked.context, &parked.request, ctx);
            self.finish(parked.context.token, handled, ctx);
        }
    }

    fn finish(&mut self, token: RequestToken, handled: Handled, ctx: &mut Ctx<'_>) {
        self.flush_events(ctx);
        match handled {
            Handled::Reply(response) => self.sockets.reply(token, &response, ctx),
            Handled::Later => {}
            Handled::NoReply => self.sockets.end_without_reply(token),
            Handled::Close(text) => {
                if let Some(refusal) = self.sockets.close(token, &text, ctx) {
                    log_refusal(&refusal, ctx);
                }
            }
        }
    }
}

/// Tells why a connection was closed.
pub(super) fn log_refusal(refusal: &Refusal, ctx: &mut Ctx<'_>) {
    let text = format!("Closing socket for {} because of error: {}", refusal.from, refusal.text);
    ctx.log(LogLevel::Error, "kafka.network.Processor", text);
}
