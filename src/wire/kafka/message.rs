//! Whole frames: header and body together.
//!
//! In Kafka: `RequestContext.parseRequest`, `AbstractResponse.parseResponse`, `RequestUtils`.

use std::fmt;

use bytes::Bytes;

use super::{AnyRequest, AnyResponse, ApiKey, Message, Request, RequestHeader, ResponseHeader};
use crate::wire::{DecodeError, FieldNode, Reader, Writer};

/// Why a frame is not a request that a broker takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// No API of 2.8 has that number; a broker closes the connection.
    UnknownApi(RequestHeader),
    /// The broker does not speak that version; an `ApiVersions` request is answered with
    /// `UNSUPPORTED_VERSION` in version 0, after any other the connection closes.
    UnsupportedVersion(RequestHeader),
    /// The header or the body cannot be read; the connection closes.
    Malformed {
        /// The header, when it could be read.
        header: Option<RequestHeader>,
        /// What is wrong.
        error: DecodeError,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApi(header) => write!(f, "unknown API key {}", header.api_key),
            Self::UnsupportedVersion(header) => {
                let api = header.api().map_or("unknown API", ApiKey::name);
                write!(f, "unsupported version {} of {api}", header.api_version)
            }
            Self::Malformed { error, .. } => write!(f, "malformed request: {error}"),
        }
    }
}

impl std::error::Error for RequestError {}

/// Reads a request frame.
pub fn decode_request(frame: &Bytes) -> Result<(RequestHeader, AnyRequest), RequestError> {
    read_request(&mut Reader::new(frame))
}

fn read_request(reader: &mut Reader) -> Result<(RequestHeader, AnyRequest), RequestError> {
    let header = match RequestHeader::read(reader) {
        Ok(header) => header,
        Err(error) => {
            return Err(RequestError::Malformed { header: None, error });
        }
    };
    let Some(api) = header.api() else {
        return Err(RequestError::UnknownApi(header));
    };
    if !api.supports(header.api_version) {
        return Err(RequestError::UnsupportedVersion(header));
    }
    match AnyRequest::read(reader, api, header.api_version) {
        Ok(request) => Ok((header, request)),
        Err(error) => Err(RequestError::Malformed { header: Some(header), error }),
    }
}

/// Reads the correlation id of a response frame, which says what request it answers.
pub fn correlation_id(frame: &Bytes) -> Result<i32, DecodeError> {
    Reader::new(frame).i32()
}

/// Reads a response frame, given the version of the request it answers.
pub fn decode_response<M: Message>(frame: &Bytes, version: i16) -> Result<(i32, M), DecodeError> {
    read_response(&mut Reader::new(frame), M::API, version, M::decode)
}

/// Reads a response frame of an API known only at run time.
pub fn decode_any_response(
    frame: &Bytes,
    api: ApiKey,
    version: i16,
) -> Result<(i32, AnyResponse), DecodeError> {
    read_response(&mut Reader::new(frame), api, version, |reader, version| {
        AnyResponse::read(reader, api, version)
    })
}

/// A broker that does not know the version of an `ApiVersions` request answers in version 0, so
/// a response that cannot be read as asked for is read as that.
fn read_response<T>(
    reader: &mut Reader,
    api: ApiKey,
    version: i16,
    read: impl Fn(&mut Reader, i16) -> Result<T, DecodeError>,
) -> Result<(i32, T), DecodeError> {
    let header = ResponseHeader::read(reader, api, version)?;
    let start = reader.position();
    let body = match read(reader, version) {
        Err(_) if api == ApiKey::ApiVersions && version > 0 => {
            reader.rewind(start);
            read(reader, 0)?
        }
        body => body?,
    };
    Ok((header.correlation_id, body))
}

/// Writes a request frame.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Bytes {
    let client_id = client_id.map(str::to_owned);
    let mut writer = Writer::new();
    RequestHeader::new(R::API, version, correlation_id, client_id).write(&mut writer);
    request.encode(&mut writer, version);
    writer.finish()
}

/// Writes a response frame in the version of the request it answers.
pub fn encode_response<M: Message>(response: &M, version: i16, correlation_id: i32) -> Bytes {
    let mut writer = Writer::new();
    ResponseHeader { correlation_id }.write(&mut writer, M::API, version);
    response.encode(&mut writer, version);
    writer.finish()
}

impl AnyRequest {
    /// Writes a request frame.
    pub fn to_frame(&self, version: i16, correlation_id: i32, client_id: Option<&str>) -> Bytes {
        let client_id = client_id.map(str::to_owned);
        let mut writer = Writer::new();
        RequestHeader::new(self.api(), version, correlation_id, client_id).write(&mut writer);
        self.write(&mut writer, version);
        writer.finish()
    }
}

impl AnyResponse {
    /// Writes a response frame.
    pub fn to_frame(&self, version: i16, correlation_id: i32) -> Bytes {
        let mut writer = Writer::new();
        ResponseHeader { correlation_id }.write(&mut writer, self.api(), version);
        self.write(&mut writer, version);
        writer.finish()
    }
}

/// The field tree of a request frame, as far as it can be read.
pub fn describe_request(frame: &Bytes) -> FieldNode {
    let mut reader = Reader::recording(frame);
    let outcome = read_request(&mut reader);
    let name = |header: &RequestHeader| {
        let api = header.api().map_or("unknown API", ApiKey::name);
        format!("{api} request v{}", header.api_version)
    };
    match outcome {
        Ok((header, _)) => reader.into_tree(name(&header), Ok(())),
        Err(RequestError::Malformed { header, error }) => {
            let name = header.as_ref().map_or_else(|| "request".to_owned(), name);
            reader.into_tree(name, Err(&error))
        }
        Err(RequestError::UnknownApi(header) | RequestError::UnsupportedVersion(header)) => {
            reader.into_tree(name(&header), Ok(()))
        }
    }
}

/// The field tree of a response frame, as far as it can be read.
pub fn describe_response(frame: &Bytes, api: ApiKey, version: i16) -> FieldNode {
    let mut reader = Reader::recording(frame);
    let outcome = read_response(&mut reader, api, version, |reader, version| {
        AnyResponse::read(reader, api, version)
    });
    let name = format!("{} response v{version}", api.name());
    reader.into_tree(name, outcome.as_ref().map(drop))
}
