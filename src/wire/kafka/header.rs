//! The header in front of every request and every response.
//!
//! In Kafka: `RequestHeader`, `ResponseHeader`, `ApiKeys.requestHeaderVersion`.

use super::ApiKey;
use crate::wire::schema::{Field, Form, read_field};
use crate::wire::{DecodeError, Reader, Writer};

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHeader {
    /// The number of the API; [`RequestHeader::api`] gives the API.
    pub api_key: i16,
    /// The version of the API that the request, and so its response, is written in.
    pub api_version: i16,
    /// Returned in the response.
    pub correlation_id: i32,
    /// The client's name, for logs and quotas.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// A header for a request of `api`.
    pub fn new(api: ApiKey, version: i16, correlation_id: i32, client_id: Option<String>) -> Self {
        Self { api_key: api as i16, api_version: version, correlation_id, client_id }
    }

    /// The API asked for, when a 2.8 broker has it.
    pub fn api(&self) -> Option<ApiKey> {
        ApiKey::from_number(self.api_key)
    }

    /// Reads a header. Of an API nobody knows the first three fields are all there is to read.
    pub fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        let plain = Form::plain(0);
        let mut header = Self {
            api_key: read_field(reader, "request_api_key", plain)?,
            api_version: read_field(reader, "request_api_version", plain)?,
            correlation_id: read_field(reader, "correlation_id", plain)?,
            client_id: None,
        };
        let Some(api) = header.api() else {
            return Ok(header);
        };
        let version = api.request_header_version(header.api_version);
        if version >= 1 {
            header.client_id = read_field(reader, "client_id", plain.nullable(true))?;
        }
        if version >= 2 {
            reader.tagged_fields(&mut |_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes the header. The client id never has a compact length, so that any broker can read it.
    pub fn write(&self, writer: &mut Writer) {
        writer.i16(self.api_key);
        writer.i16(self.api_version);
        writer.i32(self.correlation_id);
        let version = self.api().map_or(1, |api| api.request_header_version(self.api_version));
        if version >= 1 {
            self.client_id.write(writer, Form::plain(version).nullable(true));
        }
        if version >= 2 {
            writer.unsigned_varint(0);
        }
    }
}

/// The header of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeader {
    /// As in the request.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header in front of a response of `api` in `version`.
    pub fn read(reader: &mut Reader, api: ApiKey, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = read_field(reader, "correlation_id", Form::plain(0))?;
        if api.response_header_version(version) >= 1 {
            reader.tagged_fields(&mut |_, _| Ok(false))?;
        }
        Ok(Self { correlation_id })
    }

    /// Writes the header in front of a response of `api` in `version`.
    pub fn write(self, writer: &mut Writer, api: ApiKey, version: i16) {
        writer.i32(self.correlation_id);
        if api.response_header_version(version) >= 1 {
            writer.unsigned_varint(0);
        }
    }
}
