//! Bytes and types: every format that crosses a connection or lies in a segment, bounded on the way
//! in and described for the inspector. No behaviour lives here.
//!
//! One table of schemas (`kafka/*.rs`, `zookeeper/*.rs`) is the source of the typed structs, of
//! their codec, of its bounds and of the field tree with byte ranges that the inspector shows.
//!
//! In Kafka: `org.apache.kafka.common.protocol`, `org.apache.kafka.common.message`.

#[macro_use]
pub mod schema;

pub mod batch;
pub mod compression;
pub mod conversation;
pub mod error_code;
pub mod field_tree;
pub mod frame;
#[macro_use]
pub mod jute;
pub mod kafka;
pub mod murmur2;
pub mod queue;
pub mod reader;
pub mod summary;
pub mod uuid;
pub mod writer;
pub mod zookeeper;

pub use conversation::{Conversation, Direction, Protocol};
pub use error_code::ErrorCode;
pub use field_tree::FieldNode;
pub use reader::{DecodeError, Reader};
pub use summary::{FrameKind, FrameShape, FrameSummary};
pub use uuid::Uuid;
pub use writer::Writer;
