//! The fake cluster's groups.

use super::FakeCluster;
use crate::base::{ConnId, SortedMap, Span};
use crate::network::testbed::Reply;
use crate::wire::ErrorCode;
use crate::wire::kafka::*;
use bytes::Bytes;

/// A request that waits for others: connection, header.
type Parked = (ConnId, RequestHeader);

#[derive(Default)]
pub(crate) struct FakeGroup {
    pub generation: i32,
    pub stable: bool,
    /// Somebody left: the others must join again.
    preparing: bool,
    pub members: SortedMap<String, Bytes>,
    /// Of static members.
    pub instances: SortedMap<String, String>,
    /// The first that the last member named.
    protocol: String,
    pub leader: String,
    joining: SortedMap<String, Parked>,
    syncing: SortedMap<String, Parked>,
    assignments: SortedMap<String, Bytes>,
    next_member: u32,
}

impl FakeCluster {
    pub(super) fn join(
        &mut self,
        conn: ConnId,
        header: &RequestHeader,
        request: JoinGroupRequest,
    ) -> Vec<Reply> {
        let group = self.groups.entry(request.group_id.clone()).or_default();
        let refuse = |error_code, member_id: String| {
            let response = JoinGroupResponse { error_code, member_id, ..Default::default() };
            vec![Reply::to(header, conn, response, Span::ZERO)]
        };
        if request.member_id.is_empty() {
            group.next_member += 1;
            let client = header.client_id.clone().unwrap_or_default();
            let member = format!("{client}-{}", group.next_member);
            return refuse(ErrorCode::MEMBER_ID_REQUIRED, member);
        }
        let protocol = request.protocols.first().cloned().unwrap_or_default();
        group.protocol = protocol.name;
        group.members.insert(request.member_id.clone(), protocol.metadata);
        if let Some(instance) = request.group_instance_id {
            group.instances.insert(request.member_id.clone(), instance);
        }
        group.stable = false;
        group.joining.insert(request.member_id, (conn, header.clone()));
        self.complete_join(&request.group_id)
    }

    fn complete_join(&mut self, group_id: &str) -> Vec<Reply> {
        let Some(group) = self.groups.get_mut(group_id) else { return Vec::new() };
        if group.members.is_empty()
            || group.members.keys().any(|id| !group.joining.contains_key(id))
        {
            return Vec::new();
        }
        group.generation += 1;
        group.preparing = false;
        if !group.members.contains_key(&group.leader) {
            group.leader = group.members.keys().next().cloned().unwrap_or_default();
        }
        let members = group.members.iter().map(|(member_id, metadata)| JoinGroupResponseMember {
            member_id: member_id.clone(),
            group_instance_id: group.instances.get(member_id).cloned(),
            metadata: metadata.clone(),
        });
        let members: Vec<_> = members.collect();
        let replies = std::mem::take(&mut group.joining).into_iter().map(|(member, parked)| {
            let is_leader = member == group.leader;
            let response = JoinGroupResponse {
                generation_id: group.generation,
                protocol_type: Some("consumer".to_owned()),
                protocol_name: Some(group.protocol.clone()),
                leader: group.leader.clone(),
                member_id: member,
                members: if is_leader { members.clone() } else { Vec::new() },
                ..Default::default()
            };
            Reply::to(&parked.1, parked.0, response, Span::ZERO)
        });
        replies.collect()
    }

    pub(super) fn sync(
        &mut self,
        conn: ConnId,
        header: &RequestHeader,
        request: SyncGroupRequest,
    ) -> Vec<Reply> {
        let group = self.groups.entry(request.group_id).or_default();
        if request.generation_id != group.generation || !group.joining.is_empty() {
            let error_code = ErrorCode::REBALANCE_IN_PROGRESS;
            let response = SyncGroupResponse { error_code, ..Default::default() };
            return vec![Reply::to(header, conn, response, Span::ZERO)];
        }
        group.syncing.insert(request.member_id.clone(), (conn, header.clone()));
        if request.member_id == group.leader {
            let assignments = request.assignments.into_iter();
            group.assignments = assignments.map(|one| (one.member_id, one.assignment)).collect();
            group.stable = true;
        }
        if !group.stable {
            return Vec::new();
        }
        let replies = std::mem::take(&mut group.syncing).into_iter().map(|(member, parked)| {
            let assignment = group.assignments.get(&member).cloned().unwrap_or_default();
            let response = SyncGroupResponse { assignment, ..Default::default() };
            Reply::to(&parked.1, parked.0, response, Span::ZERO)
        });
        replies.collect()
    }

    pub(super) fn heartbeat(&mut self, request: &HeartbeatRequest) -> HeartbeatResponse {
        let group = self.groups.entry(request.group_id.clone()).or_default();
        let error_code = match () {
            () if self.heartbeat_error.is_some() => self.heartbeat_error.unwrap_or(ErrorCode::NONE),
            () if !group.members.contains_key(&request.member_id) => ErrorCode::UNKNOWN_MEMBER_ID,
            () if group.preparing || !group.joining.is_empty() => ErrorCode::REBALANCE_IN_PROGRESS,
            () if request.generation_id != group.generation => ErrorCode::ILLEGAL_GENERATION,
            () => ErrorCode::NONE,
        };
        HeartbeatResponse { error_code, ..Default::default() }
    }

    /// Removes a member, as the coordinator does when its session expires.
    pub(crate) fn leave(&mut self, group_id: &str, member: &str) -> Vec<Reply> {
        let Some(group) = self.groups.get_mut(group_id) else { return Vec::new() };
        group.members.remove(member);
        group.preparing = true;
        group.stable = false;
        self.complete_join(group_id)
    }
}
