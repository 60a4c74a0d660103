//! SASL, SCRAM and delegation tokens.
//!
//! In Kafka: the schemas of SaslHandshake, SaslAuthenticate, CreateDelegationToken,
//! RenewDelegationToken, ExpireDelegationToken, DescribeDelegationToken,
//! DescribeUserScramCredentials, AlterUserScramCredentials in
//! `clients/src/main/resources/common/message`.

use bytes::Bytes;

use crate::wire::ErrorCode;

messages! {
    /// Chooses a SASL mechanism.
    SaslHandshakeRequest {
        mechanism: String = 0+;
    }

    /// The mechanisms the broker has.
    SaslHandshakeResponse {
        error_code: ErrorCode = 0+;
        mechanisms: Vec<String> = 0+;
    }

    /// Carries a SASL token.
    SaslAuthenticateRequest {
        auth_bytes: Bytes = 0+;
    }

    /// The answering token.
    SaslAuthenticateResponse {
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        auth_bytes: Bytes = 0+;
        session_lifetime_ms: i64 = 1+;
    }

    /// Asks for a delegation token.
    CreateDelegationTokenRequest {
        renewers: Vec<CreatableRenewers> = 0+;
        max_lifetime_ms: i64 = 0+;
    }

    /// One of the `renewers` in [`CreateDelegationTokenRequest`].
    CreatableRenewers {
        principal_type: String = 0+;
        principal_name: String = 0+;
    }

    /// The token.
    CreateDelegationTokenResponse {
        error_code: ErrorCode = 0+;
        principal_type: String = 0+;
        principal_name: String = 0+;
        issue_timestamp_ms: i64 = 0+;
        expiry_timestamp_ms: i64 = 0+;
        max_timestamp_ms: i64 = 0+;
        token_id: String = 0+;
        hmac: Bytes = 0+;
        throttle_time_ms: i32 = 0+;
    }

    /// Prolongs a delegation token.
    RenewDelegationTokenRequest {
        hmac: Bytes = 0+;
        renew_period_ms: i64 = 0+;
    }

    /// The new expiry.
    RenewDelegationTokenResponse {
        error_code: ErrorCode = 0+;
        expiry_timestamp_ms: i64 = 0+;
        throttle_time_ms: i32 = 0+;
    }

    /// Ends a delegation token.
    ExpireDelegationTokenRequest {
        hmac: Bytes = 0+;
        expiry_time_period_ms: i64 = 0+;
    }

    /// The new expiry.
    ExpireDelegationTokenResponse {
        error_code: ErrorCode = 0+;
        expiry_timestamp_ms: i64 = 0+;
        throttle_time_ms: i32 = 0+;
    }

    /// Asks for the delegation tokens of owners.
    DescribeDelegationTokenRequest {
        owners: Option<Vec<DescribeDelegationTokenOwner>> = 0+ null 0+;
    }

    /// One of the `owners` in [`DescribeDelegationTokenRequest`].
    DescribeDelegationTokenOwner {
        principal_type: String = 0+;
        principal_name: String = 0+;
    }

    /// The tokens.
    DescribeDelegationTokenResponse {
        error_code: ErrorCode = 0+;
        tokens: Vec<DescribedDelegationToken> = 0+;
        throttle_time_ms: i32 = 0+;
    }

    /// One of the `tokens` in [`DescribeDelegationTokenResponse`].
    DescribedDelegationToken {
        principal_type: String = 0+;
        principal_name: String = 0+;
        issue_timestamp: i64 = 0+;
        expiry_timestamp: i64 = 0+;
        max_timestamp: i64 = 0+;
        token_id: String = 0+;
        hmac: Bytes = 0+;
        renewers: Vec<DescribedDelegationTokenRenewer> = 0+;
    }

    /// One of the `renewers` in [`DescribedDelegationToken`].
    DescribedDelegationTokenRenewer {
        principal_type: String = 0+;
        principal_name: String = 0+;
    }

    /// Asks for the SCRAM credentials of users.
    DescribeUserScramCredentialsRequest {
        users: Option<Vec<UserName>> = 0+ null 0+;
    }

    /// One of the `users` in [`DescribeUserScramCredentialsRequest`].
    UserName {
        name: String = 0+;
    }

    /// The credentials, without their secrets.
    DescribeUserScramCredentialsResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        results: Vec<DescribeUserScramCredentialsResult> = 0+;
    }

    /// One of the `results` in [`DescribeUserScramCredentialsResponse`].
    DescribeUserScramCredentialsResult {
        user: String = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        credential_infos: Vec<CredentialInfo> = 0+;
    }

    /// One of the `credential_infos` in [`DescribeUserScramCredentialsResult`].
    CredentialInfo {
        mechanism: i8 = 0+;
        iterations: i32 = 0+;
    }

    /// Changes the SCRAM credentials of users.
    AlterUserScramCredentialsRequest {
        deletions: Vec<ScramCredentialDeletion> = 0+;
        upsertions: Vec<ScramCredentialUpsertion> = 0+;
    }

    /// One of the `deletions` in [`AlterUserScramCredentialsRequest`].
    ScramCredentialDeletion {
        name: String = 0+;
        mechanism: i8 = 0+;
    }

    /// One of the `upsertions` in [`AlterUserScramCredentialsRequest`].
    ScramCredentialUpsertion {
        name: String = 0+;
        mechanism: i8 = 0+;
        iterations: i32 = 0+;
        salt: Bytes = 0+;
        salted_password: Bytes = 0+;
    }

    /// The outcome for each user.
    AlterUserScramCredentialsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<AlterUserScramCredentialsResult> = 0+;
    }

    /// One of the `results` in [`AlterUserScramCredentialsResponse`].
    AlterUserScramCredentialsResult {
        user: String = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
    }
}
