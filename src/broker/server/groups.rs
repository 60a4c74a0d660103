//! The group coordinator in its broker: its requests, the partitions of `__consumer_offsets` that
//! come and go with their leadership, and its appends.
//!
//! In Kafka: `KafkaApis`' handlers of groups, `RequestHandlerHelper.onLeadershipChange`.

use super::{Broker, ZkTag};
use crate::broker::action::{Action, AppendOutcome, RequestContext};
use crate::broker::group::GroupAction;
use crate::broker::replica_manager::RoleChange;
use crate::cluster::topic_name::GROUP_METADATA_TOPIC_NAME;
use crate::node::Ctx;
use crate::wire::kafka::AnyRequest;

impl Broker {
    /// Hands a request about groups to the coordinator; gives any other request back.
    pub(super) fn handle_group_request(
        &mut self,
        context: &RequestContext,
        request: AnyRequest,
        ctx: &mut Ctx<'_>,
    ) -> Option<AnyRequest> {
        let (now, groups, metadata) = (ctx.now(), &mut self.groups, &self.metadata);
        let actions = match request {
            AnyRequest::FindCoordinator(request) => {
                groups.handle_find_coordinator(context, &request, metadata)
            }
            AnyRequest::JoinGroup(request) => groups.handle_join_group(now, context, request),
            AnyRequest::SyncGroup(request) => groups.handle_sync_group(now, context, request),
            AnyRequest::Heartbeat(request) => groups.handle_heartbeat(now, context, &request),
            AnyRequest::LeaveGroup(request) => groups.handle_leave_group(now, context, request),
            AnyRequest::OffsetCommit(request) => {
                groups.handle_offset_commit(now, context, request, metadata)
            }
            AnyRequest::OffsetFetch(request) => {
                groups.handle_offset_fetch(now, context, request, metadata)
            }
            AnyRequest::DescribeGroups(request) => groups.handle_describe_groups(context, &request),
            AnyRequest::ListGroups(request) => groups.handle_list_groups(context, &request),
            AnyRequest::DeleteGroups(request) => {
                groups.handle_delete_groups(now, context, &request)
            }
            AnyRequest::OffsetDelete(request) => {
                groups.handle_offset_delete(now, context, &request, metadata)
            }
            request => return Some(request),
        };
        self.apply_group(actions, ctx);
        None
    }

    pub(super) fn apply_group(&mut self, actions: Vec<GroupAction>, ctx: &mut Ctx<'_>) {
        for action in actions {
            match action {
                Action::Zookeeper { request, tag } => {
                    self.zookeeper.submit(request.into(), ZkTag::Group(tag), ctx);
                }
                other => self.apply_common(other, ctx),
            }
        }
    }

    /// Replicas took or gave up leaderships: with a partition of `__consumer_offsets` come and go
    /// the groups in it.
    pub(super) fn on_role_changes(&mut self, roles: &[RoleChange], ctx: &mut Ctx<'_>) {
        for role in roles {
            let now = ctx.now();
            let actions = match role {
                RoleChange::Leader(id) if id.topic == GROUP_METADATA_TOPIC_NAME => {
                    let bytes = self.replicas.log_size(id);
                    self.groups.on_elected(now, id.partition, bytes)
                }
                RoleChange::Follower(id) if id.topic == GROUP_METADATA_TOPIC_NAME => {
                    self.groups.on_partition_lost(now, id.partition)
                }
                RoleChange::Leader(_) | RoleChange::Follower(_) => continue,
            };
            self.apply_group(actions, ctx);
        }
    }

    /// An append of the coordinator is committed, or has failed.
    pub(super) fn on_offsets_appended(
        &mut self,
        tag: u64,
        outcome: AppendOutcome,
        ctx: &mut Ctx<'_>,
    ) {
        let actions = self.groups.on_appended(ctx.now(), tag, outcome);
        self.apply_group(actions, ctx);
    }
}
