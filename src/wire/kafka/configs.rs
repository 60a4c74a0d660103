//! Configuration of brokers and topics.
//!
//! In Kafka: the schemas of DescribeConfigs, AlterConfigs, IncrementalAlterConfigs in
//! `clients/src/main/resources/common/message`.

use crate::wire::ErrorCode;

messages! {
    /// Asks for the configuration of brokers and topics.
    DescribeConfigsRequest {
        resources: Vec<DescribeConfigsResource> = 0+;
        include_synonyms: bool = 1+;
        include_documentation: bool = 3+;
    }

    /// One of the `resources` in [`DescribeConfigsRequest`].
    DescribeConfigsResource {
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        configuration_keys: Option<Vec<String>> = 0+ null 0+;
    }

    /// The configuration values, with where each comes from.
    DescribeConfigsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<DescribeConfigsResult> = 0+;
    }

    /// One of the `results` in [`DescribeConfigsResponse`].
    DescribeConfigsResult {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        configs: Vec<DescribeConfigsResourceResult> = 0+;
    }

    /// One of the `configs` in [`DescribeConfigsResult`].
    DescribeConfigsResourceResult {
        name: String = 0+;
        value: Option<String> = 0+ null 0+;
        read_only: bool = 0+;
        is_default: bool = 0-0;
        config_source: i8 = 1+ default -1;
        is_sensitive: bool = 0+;
        synonyms: Vec<DescribeConfigsSynonym> = 1+;
        config_type: i8 = 3+;
        documentation: Option<String> = 3+ null 0+;
    }

    /// One of the `synonyms` in [`DescribeConfigsResourceResult`].
    DescribeConfigsSynonym {
        name: String = 1+;
        value: Option<String> = 1+ null 0+;
        source: i8 = 1+;
    }

    /// Replaces the dynamic configuration of brokers or topics.
    AlterConfigsRequest {
        resources: Vec<AlterConfigsRequestAlterConfigsResource> = 0+;
        validate_only: bool = 0+;
    }

    /// One of the `resources` in [`AlterConfigsRequest`].
    AlterConfigsRequestAlterConfigsResource {
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        configs: Vec<AlterConfigsRequestAlterableConfig> = 0+;
    }

    /// One of the `configs` in [`AlterConfigsRequestAlterConfigsResource`].
    AlterConfigsRequestAlterableConfig {
        name: String = 0+;
        value: Option<String> = 0+ null 0+;
    }

    /// The outcome for each resource.
    AlterConfigsResponse {
        throttle_time_ms: i32 = 0+;
        responses: Vec<AlterConfigsResponseAlterConfigsResourceResponse> = 0+;
    }

    /// One of the `responses` in [`AlterConfigsResponse`].
    AlterConfigsResponseAlterConfigsResourceResponse {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        resource_type: i8 = 0+;
        resource_name: String = 0+;
    }

    /// Sets, deletes, appends to or subtracts from single configuration values.
    IncrementalAlterConfigsRequest {
        resources: Vec<IncrementalAlterConfigsRequestAlterConfigsResource> = 0+;
        validate_only: bool = 0+;
    }

    /// One of the `resources` in [`IncrementalAlterConfigsRequest`].
    IncrementalAlterConfigsRequestAlterConfigsResource {
        resource_type: i8 = 0+;
        resource_name: String = 0+;
        configs: Vec<IncrementalAlterConfigsRequestAlterableConfig> = 0+;
    }

    /// One of the `configs` in [`IncrementalAlterConfigsRequestAlterConfigsResource`].
    IncrementalAlterConfigsRequestAlterableConfig {
        name: String = 0+;
        config_operation: i8 = 0+;
        value: Option<String> = 0+ null 0+;
    }

    /// The outcome for each resource.
    IncrementalAlterConfigsResponse {
        throttle_time_ms: i32 = 0+;
        responses: Vec<IncrementalAlterConfigsResponseAlterConfigsResourceResponse> = 0+;
    }

    /// One of the `responses` in [`IncrementalAlterConfigsResponse`].
    IncrementalAlterConfigsResponseAlterConfigsResourceResponse {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        resource_type: i8 = 0+;
        resource_name: String = 0+;
    }
}
