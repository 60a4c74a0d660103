//! The requests of admin clients.
//!
//! In Kafka: the handlers of topics, configs, elections and reassignments in `KafkaApis`.

use super::Broker;
use crate::base::{SortedSet, Span, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::controller::ElectionType;
use crate::broker::handlers::{self, Handled};
use crate::node::Ctx;
use crate::wire::kafka::{AnyRequest, ElectLeadersRequest};
use std::ops::ControlFlow;

impl Broker {
    /// Handles a request of an admin client; gives any other back.
    pub(super) fn handle_admin_request(
        &mut self,
        context: &RequestContext,
        request: AnyRequest,
        ctx: &mut Ctx<'_>,
    ) -> ControlFlow<Handled, AnyRequest> {
        let Some(request) = self.handle_topic_request(context, request, ctx) else {
            return ControlFlow::Break(Handled::Later);
        };
        let now = ctx.now();
        let actions = match request {
            AnyRequest::AlterPartitionReassignments(request) => {
                self.controller.handle_alter_partition_reassignments(now, context, request)
            }
            AnyRequest::ListPartitionReassignments(request) => {
                self.controller.handle_list_partition_reassignments(now, context, request)
            }
            AnyRequest::ElectLeaders(request) => {
                self.handle_elect_leaders(context, request, ctx);
                return ControlFlow::Break(Handled::Later);
            }
            AnyRequest::DescribeCluster(request) => {
                let (metadata, id) = (&self.metadata, &self.cluster_id);
                let identity = handlers::describe_cluster::handle(&request, metadata, id);
                return ControlFlow::Break(identity.into());
            }
            AnyRequest::DescribeLogDirs(request) => {
                let dir = self.config.log_dir();
                let response = handlers::describe_log_dirs::handle(&request, dir, ctx.volume);
                return ControlFlow::Break(response.into());
            }
            request => return ControlFlow::Continue(request),
        };
        self.apply_controller(actions, ctx);
        ControlFlow::Break(Handled::Later)
    }

    /// What the admin manager does; gives any other back.
    fn handle_topic_request(
        &mut self,
        context: &RequestContext,
        request: AnyRequest,
        ctx: &mut Ctx<'_>,
    ) -> Option<AnyRequest> {
        let (now, is_controller) = (ctx.now(), self.controller.is_active());
        let (admin, metadata) = (&mut self.admin, &self.metadata);
        let actions = match request {
            AnyRequest::CreateTopics(request) => {
                admin.handle_create_topics(now, context, request, is_controller, metadata)
            }
            AnyRequest::DeleteTopics(request) => {
                admin.handle_delete_topics(now, context, request, is_controller, metadata)
            }
            AnyRequest::CreatePartitions(request) => {
                let controller = &self.controller;
                let is_queued = |topic: &str| controller.is_queued_for_deletion(topic);
                admin.handle_create_partitions(
                    now,
                    context,
                    request,
                    is_controller,
                    is_queued,
                    metadata,
                )
            }
            AnyRequest::DescribeConfigs(request) => {
                admin.handle_describe_configs(context, request, metadata)
            }
            AnyRequest::AlterConfigs(request) => {
                admin.handle_alter_configs(context, request, metadata)
            }
            AnyRequest::IncrementalAlterConfigs(request) => {
                admin.handle_incremental_alter_configs(context, request, metadata)
            }
            request => return Some(request),
        };
        self.apply_admin(actions, ctx);
        None
    }

    fn handle_elect_leaders(
        &mut self,
        context: &RequestContext,
        request: ElectLeadersRequest,
        ctx: &mut Ctx<'_>,
    ) {
        let kind = if request.election_type == 0 {
            ElectionType::Preferred
        } else {
            ElectionType::Unclean
        };
        let wants_all = request.topic_partitions.is_none();
        let partitions: SortedSet<TopicPartition> = match request.topic_partitions {
            None => self.metadata.all_partitions(),
            Some(topics) => topics
                .into_iter()
                .flat_map(|topic| {
                    let indexes = topic.partition_id.into_iter();
                    indexes.map(move |index| TopicPartition::new(&topic.topic, index))
                })
                .collect(),
        };
        let wait = Span::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let now = ctx.now();
        self.elections.begin(context.token, wants_all, now + wait);
        let actions = self.controller.handle_elect_leaders(now, context, kind, partitions);
        self.apply_controller(actions, ctx);
    }
}
