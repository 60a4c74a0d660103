//! Looking at groups: DescribeGroups, ListGroups, and the page's view.
//!
//! In Kafka: GroupCoordinator.handleDescribeGroup, handleListGroups.

use super::metadata::{Group, Member};
use super::state::GroupState;
use super::{GroupAction, GroupCoordinator, TimerKey};
use crate::base::TopicPartition;
use crate::broker::action::RequestContext;
use crate::node::view::{GroupView, MemberView};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    ConsumerProtocolAssignment, DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
    DescribedGroupMember, ListGroupsRequest, ListGroupsResponse, ListedGroup, Versioned,
};
use bytes::Bytes;

/// READ, DELETE and DESCRIBE as a bit field: what anybody may do to a group without an authorizer
/// (kafka.security.authorizer.AclEntry, KIP-430).
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8;

impl GroupCoordinator {
    /// DescribeGroups.
    #[must_use]
    pub fn handle_describe_groups(
        &mut self,
        context: &RequestContext,
        request: &DescribeGroupsRequest,
    ) -> Vec<GroupAction> {
        let with_operations = request.include_authorized_operations;
        let groups = request.groups.iter().map(|id| self.describe(id, with_operations)).collect();
        let response = DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() };
        self.reply(context.token, response);
        self.take_actions()
    }

    fn describe(&self, id: &str, with_operations: bool) -> DescribedGroup {
        let mut described = DescribedGroup { group_id: id.to_owned(), ..DescribedGroup::default() };
        if let Some(error_code) = self.group_error(id, true) {
            return DescribedGroup { error_code, ..described };
        }
        if with_operations {
            described.authorized_operations = ALL_OPERATIONS;
        }
        let Some(group) = self.groups.get(id) else {
            let group_state = GroupState::Dead.name().to_owned();
            return DescribedGroup { group_state, ..described };
        };
        // Before the group is stable nobody can tell which protocol it will have.
        let protocol = group.protocol.clone().filter(|_| group.state == GroupState::Stable);
        let member = |member: &Member| DescribedGroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: protocol.as_deref().map_or(Bytes::new(), |name| member.metadata(name)),
            member_assignment: protocol
                .as_ref()
                .map_or(Bytes::new(), |_| member.assignment.clone()),
        };
        DescribedGroup {
            error_code: ErrorCode::NONE,
            group_state: group.state.name().to_owned(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            members: group.members.values().map(member).collect(),
            protocol_data: protocol.clone().unwrap_or_default(),
            ..described
        }
    }

    /// ListGroups.
    #[must_use]
    pub fn handle_list_groups(
        &mut self,
        context: &RequestContext,
        request: &ListGroupsRequest,
    ) -> Vec<GroupAction> {
        let is_wanted = |group: &&Group| {
            let wanted = &request.states_filter;
            wanted.is_empty() || wanted.iter().any(|state| state == group.state.name())
        };
        let groups = self
            .groups
            .values()
            .filter(is_wanted)
            .map(|group| ListedGroup {
                group_id: group.id.clone(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                group_state: group.state.name().to_owned(),
            })
            .collect();
        // What is listed is what is there already.
        let error_code = if self.loading.is_empty() {
            ErrorCode::NONE
        } else {
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        };
        let response = ListGroupsResponse { error_code, groups, ..ListGroupsResponse::default() };
        self.reply(context.token, response);
        self.take_actions()
    }

    /// The groups of this coordinator, for the page and the checkers.
    pub fn view(&self) -> Vec<GroupView> {
        self.groups.values().map(|group| self.view_of(group)).collect()
    }

    fn view_of(&self, group: &Group) -> GroupView {
        let member = |member: &Member| MemberView {
            member: member.id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            host: member.client_host.clone(),
            session_expires: self
                .timers
                .get(&TimerKey::Session { group: group.id.clone(), member: member.id.clone() }),
            assignment: assigned_partitions(&member.assignment),
        };
        GroupView {
            group: group.id.clone(),
            state: group.state.name().to_owned(),
            generation: group.generation,
            protocol: group.protocol.clone(),
            leader: group.leader.clone(),
            members: group.members.values().map(member).collect(),
            offsets: group
                .offsets
                .iter()
                .map(|(partition, committed)| (partition.clone(), committed.offset))
                .collect(),
        }
    }
}

/// The partitions in a consumer's assignment; none when it is empty or of another protocol.
fn assigned_partitions(assignment: &Bytes) -> Vec<TopicPartition> {
    let Ok(assignment) = ConsumerProtocolAssignment::from_bytes(assignment) else {
        return Vec::new();
    };
    let topics = assignment.assigned_partitions.into_iter();
    topics
        .flat_map(|topic| {
            let name = topic.topic;
            let partitions = topic.partitions.into_iter();
            partitions.map(move |partition| TopicPartition::new(name.clone(), partition))
        })
        .collect()
}
