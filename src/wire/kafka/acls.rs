//! Access control lists.
//!
//! In Kafka: the schemas of DescribeAcls, CreateAcls, DeleteAcls in
//! `clients/src/main/resources/common/message`.

use crate::wire::ErrorCode;

messages! {
    /// Asks for access control entries that match a filter.
    DescribeAclsRequest {
        resource_type_filter: i8 = 0+;
        resource_name_filter: Option<String> = 0+ null 0+;
        pattern_type_filter: i8 = 1+ default 3;
        principal_filter: Option<String> = 0+ null 0+;
        host_filter: Option<String> = 0+ null 0+;
        operation: i8 = 0+;
        permission_type: i8 = 0+;
    }

    /// The matching entries.
    DescribeAclsResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        resources: Vec<DescribeAclsResource> = 0+;
    }

    /// One of the `resources` in [`DescribeAclsResponse`].
    DescribeAclsResource {
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        pattern_type: i8 = 1+ default 3;
        acls: Vec<AclDescription> = 0+;
    }

    /// One of the `acls` in [`DescribeAclsResource`].
    AclDescription {
        principal: String = 0+;
        host: String = 0+;
        operation: i8 = 0+;
        permission_type: i8 = 0+;
    }

    /// Adds access control entries.
    CreateAclsRequest {
        creations: Vec<AclCreation> = 0+;
    }

    /// One of the `creations` in [`CreateAclsRequest`].
    AclCreation {
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        resource_pattern_type: i8 = 1+ default 3;
        principal: String = 0+;
        host: String = 0+;
        operation: i8 = 0+;
        permission_type: i8 = 0+;
    }

    /// The outcome for each entry.
    CreateAclsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<AclCreationResult> = 0+;
    }

    /// One of the `results` in [`CreateAclsResponse`].
    AclCreationResult {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
    }

    /// Removes access control entries that match filters.
    DeleteAclsRequest {
        filters: Vec<DeleteAclsFilter> = 0+;
    }

    /// One of the `filters` in [`DeleteAclsRequest`].
    DeleteAclsFilter {
        resource_type_filter: i8 = 0+;
        resource_name_filter: Option<String> = 0+ null 0+;
        pattern_type_filter: i8 = 1+ default 3;
        principal_filter: Option<String> = 0+ null 0+;
        host_filter: Option<String> = 0+ null 0+;
        operation: i8 = 0+;
        permission_type: i8 = 0+;
    }

    /// The entries removed by each filter.
    DeleteAclsResponse {
        throttle_time_ms: i32 = 0+;
        filter_results: Vec<DeleteAclsFilterResult> = 0+;
    }

    /// One of the `filter_results` in [`DeleteAclsResponse`].
    DeleteAclsFilterResult {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        matching_acls: Vec<DeleteAclsMatchingAcl> = 0+;
    }

    /// One of the `matching_acls` in [`DeleteAclsFilterResult`].
    DeleteAclsMatchingAcl {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        pattern_type: i8 = 1+ default 3;
        principal: String = 0+;
        host: String = 0+;
        operation: i8 = 0+;
        permission_type: i8 = 0+;
    }
}
