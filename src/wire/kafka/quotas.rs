//! Client quotas and cluster features.
//!
//! In Kafka: the schemas of DescribeClientQuotas, AlterClientQuotas, UpdateFeatures in
//! `clients/src/main/resources/common/message`.

use crate::wire::ErrorCode;

messages! {
    /// Asks for client quotas that match a filter.
    DescribeClientQuotasRequest {
        components: Vec<ComponentData> = 0+;
        strict: bool = 0+;
    }

    /// One of the `components` in [`DescribeClientQuotasRequest`].
    ComponentData {
        entity_type: String = 0+;
        match_type: i8 = 0+;
        match_: Option<String> = 0+ null 0+;
    }

    /// The matching quotas.
    DescribeClientQuotasResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        entries: Option<Vec<DescribeClientQuotasResponseEntryData>> = 0+ null 0+;
    }

    /// One of the `entries` in [`DescribeClientQuotasResponse`].
    DescribeClientQuotasResponseEntryData {
        entity: Vec<DescribeClientQuotasResponseEntityData> = 0+;
        values: Vec<ValueData> = 0+;
    }

    /// One of the `entity` in [`DescribeClientQuotasResponseEntryData`].
    DescribeClientQuotasResponseEntityData {
        entity_type: String = 0+;
        entity_name: Option<String> = 0+ null 0+;
    }

    /// One of the `values` in [`DescribeClientQuotasResponseEntryData`].
    ValueData {
        key: String = 0+;
        value: f64 = 0+;
    }

    /// Changes client quotas.
    AlterClientQuotasRequest {
        entries: Vec<AlterClientQuotasRequestEntryData> = 0+;
        validate_only: bool = 0+;
    }

    /// One of the `entries` in [`AlterClientQuotasRequest`].
    AlterClientQuotasRequestEntryData {
        entity: Vec<AlterClientQuotasRequestEntityData> = 0+;
        ops: Vec<OpData> = 0+;
    }

    /// One of the `entity` in [`AlterClientQuotasRequestEntryData`].
    AlterClientQuotasRequestEntityData {
        entity_type: String = 0+;
        entity_name: Option<String> = 0+ null 0+;
    }

    /// One of the `ops` in [`AlterClientQuotasRequestEntryData`].
    OpData {
        key: String = 0+;
        value: f64 = 0+;
        remove: bool = 0+;
    }

    /// The outcome for each entity.
    AlterClientQuotasResponse {
        throttle_time_ms: i32 = 0+;
        entries: Vec<AlterClientQuotasResponseEntryData> = 0+;
    }

    /// One of the `entries` in [`AlterClientQuotasResponse`].
    AlterClientQuotasResponseEntryData {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        entity: Vec<AlterClientQuotasResponseEntityData> = 0+;
    }

    /// One of the `entity` in [`AlterClientQuotasResponseEntryData`].
    AlterClientQuotasResponseEntityData {
        entity_type: String = 0+;
        entity_name: Option<String> = 0+ null 0+;
    }

    /// Changes the finalized feature levels of the cluster.
    UpdateFeaturesRequest {
        timeout_ms: i32 = 0+ default 60_000;
        feature_updates: Vec<FeatureUpdateKey> = 0+;
    }

    /// One of the `feature_updates` in [`UpdateFeaturesRequest`].
    FeatureUpdateKey {
        feature: String = 0+;
        max_version_level: i16 = 0+;
        allow_downgrade: bool = 0+;
    }

    /// The outcome for each feature.
    UpdateFeaturesResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        results: Vec<UpdatableFeatureResult> = 0+;
    }

    /// One of the `results` in [`UpdateFeaturesResponse`].
    UpdatableFeatureResult {
        feature: String = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
    }
}
