//! Jute, the encoding of all that ZooKeeper sends and stores: big-endian numbers, int32 lengths,
//! -1 for null, no versions. The schema table is Kafka's, with these lengths.
//!
//! In ZooKeeper: `org.apache.jute.BinaryInputArchive`, `zookeeper.jute`.

use bytes::Bytes;

use super::schema::{Field, Form, Lengths};
use super::{DecodeError, Reader, Writer};

/// The form of every jute value.
pub const FORM: Form = Form { version: 0, lengths: Lengths::Jute, nullable: true };

/// Structs as `messages!` makes them, without versions; an `Option` may be null.
macro_rules! jute_records {
    ($(
        $(#[$meta:meta])*
        $name:ident { $( $field:ident: $ty:ty; )* }
    )*) => {
        messages! { $(
            $(#[$meta])*
            $name { $( $field: $ty = 0+ null 0+; )* }
        )* }
    };
}

/// Reads one record from the start of `bytes`, as a file or a znode holds it.
pub fn decode<T: Field>(bytes: &Bytes) -> Result<T, DecodeError> {
    T::read(&mut Reader::new(bytes), FORM)
}

/// Writes one record.
pub fn encode<T: Field>(record: &T) -> Bytes {
    let mut writer = Writer::new();
    record.write(&mut writer, FORM);
    writer.finish()
}
