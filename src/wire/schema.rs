//! The schema table: what a line of it means and the code it becomes.
//!
//! A message is a list of fields, each with its type and the versions that have it. `messages!`
//! makes of it a plain struct, its reader and its writer; one table is thus the source of the typed
//! codec, of the bounds and of the field tree.
//!
//! In Kafka: `clients/src/main/resources/common/message/*.json` and its `MessageGenerator`.

use super::{DecodeError, Reader, Writer};

mod fields;

pub use fields::bytes_text;

/// Opens content for the inspector.
pub type Describe = fn(&mut Reader) -> Result<(), DecodeError>;

/// How the lengths of strings, bytes and arrays are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// Kafka's first way: int16 for strings, int32 for the others.
    Plain,
    /// In flexible versions (KIP-482): an unsigned varint, one more than the length; structs end
    /// with tagged fields.
    Compact,
    /// ZooKeeper's way: int32 for all.
    Jute,
}

/// The form a value takes in one version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The version of the message.
    pub version: i16,
    /// How lengths are written.
    pub lengths: Lengths,
    /// Whether this value may be null.
    pub nullable: bool,
}

impl Form {
    /// The form of a message that has no flexible versions.
    pub fn plain(version: i16) -> Self {
        Self { version, lengths: Lengths::Plain, nullable: false }
    }

    /// Whether structs end with tagged fields.
    pub fn is_flexible(self) -> bool {
        self.lengths == Lengths::Compact
    }

    /// The same version for a field that may be null, or not.
    pub fn nullable(self, nullable: bool) -> Self {
        Self { nullable, ..self }
    }
}

/// A type that a field can have.
pub trait Field: Default {
    /// Reads a value over this one, in place: what is large is never moved.
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError>;
    /// Reads a value.
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let mut value = Self::default();
        value.read_over(reader, form)?;
        Ok(value)
    }
    /// Writes the value. A null where the form has none becomes the empty value.
    fn write(&self, writer: &mut Writer, form: Form);
    /// The type's name for the inspector.
    fn type_name(form: Form) -> &'static str;
    /// The fewest bytes a value takes; bounds the count of an array.
    fn min_size(form: Form) -> usize;
    /// The value for the inspector; empty for a struct, whose fields say it.
    fn text(&self) -> String {
        String::new()
    }
    /// How many bytes of content end the value: what [`Reader::describe_last`] opens.
    fn content_len(&self) -> usize {
        0
    }
}

/// Reads one field by itself and records it.
pub(super) fn read_field<T: Field>(
    reader: &mut Reader,
    name: &'static str,
    form: Form,
) -> Result<T, DecodeError> {
    let mut value = T::default();
    read_field_over(&mut value, reader, name, form, None)?;
    Ok(value)
}

/// Reads one field of a message in its place and records it.
pub(super) fn read_field_over<T: Field>(
    field: &mut T,
    reader: &mut Reader,
    name: &'static str,
    form: Form,
    inside: Option<Describe>,
) -> Result<(), DecodeError> {
    if !reader.is_recording() {
        return field.read_over(reader, form);
    }
    reader.open(name, T::type_name(form));
    field.read_over(reader, form)?;
    if let Some(inside) = inside {
        reader.describe_last(field.content_len(), inside);
    }
    reader.close(|| field.text());
    Ok(())
}

/// Whether `version` has a field of versions `low` to `high`.
pub(super) const fn has(version: i16, low: i16, high: i16) -> bool {
    low <= version && version <= high
}

/// Writes a tagged field: its number, its size, its value.
pub(super) fn write_tagged<T: Field>(writer: &mut Writer, tag: u32, value: &T, form: Form) {
    let mut content = Writer::new();
    value.write(&mut content, form);
    let content = content.finish();
    writer.unsigned_varint(tag);
    writer.unsigned_varint(content.len() as u32);
    writer.put(&content);
}

/// Structs with their readers and writers, from a table of fields:
///
/// ```text
/// name: Type = 0-3;            in versions 0 to 3
/// name: Type = 2+;             from version 2 on
///   … null 3+                  may be null from version 3 on; the type is an `Option`
///   … default -1               the value where a version lacks it, and of `Default`
///   … tag 0                    a tagged field, written only when it is not the default
///   … holds path::to::function opens the bytes inside for the inspector
/// ```
macro_rules! messages {
    ($(
        $(#[$meta:meta])*
        $name:ident {
            $( $field:ident: $ty:ty = $low:literal $(- $high:literal)? $(+)?
                $(null $null:literal +)? $(default $default:literal)? $(tag $tag:literal)?
                $(holds $inside:path)?; )*
        }
    )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!("`", stringify!($field), "`, in versions ", $low
                    $(, " to ", $high)?, messages!(@since $($high)?))]
                pub $field: $ty,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: messages!(@default $ty $(, $default)?), )* }
            }
        }

        impl $crate::wire::schema::Field for $name {
            fn read_over(
                &mut self,
                reader: &mut $crate::wire::Reader,
                form: $crate::wire::schema::Form,
            ) -> Result<(), $crate::wire::DecodeError> {
                $( messages!(@untagged $($tag)?; {
                    if messages!(@in form.version, $low $(- $high)?) {
                        $crate::wire::schema::read_field_over(
                            &mut self.$field,
                            reader,
                            stringify!($field),
                            form.nullable(messages!(@null form.version $(, $null)?)),
                            messages!(@inside $($inside)?),
                        )?;
                    }
                }); )*
                if form.is_flexible() {
                    reader.tagged_fields(&mut |reader, tag| {
                        let _ = (&*reader, tag);
                        $( messages!(@tagged $($tag)?; |number| {
                            if tag == number && messages!(@in form.version, $low $(- $high)?) {
                                $crate::wire::schema::read_field_over(
                                    &mut self.$field,
                                    reader,
                                    stringify!($field),
                                    form.nullable(messages!(@null form.version $(, $null)?)),
                                    messages!(@inside $($inside)?),
                                )?;
                                return Ok(true);
                            }
                        }); )*
                        Ok(false)
                    })?;
                }
                Ok(())
            }

            fn write(
                &self,
                writer: &mut $crate::wire::Writer,
                form: $crate::wire::schema::Form,
            ) {
                $( messages!(@untagged $($tag)?; {
                    if messages!(@in form.version, $low $(- $high)?) {
                        let form = form.nullable(messages!(@null form.version $(, $null)?));
                        $crate::wire::schema::Field::write(&self.$field, writer, form);
                    }
                }); )*
                if form.is_flexible() {
                    let present: &[bool] = &[ $( messages!(@present $($tag)?; {
                        messages!(@in form.version, $low $(- $high)?)
                            && self.$field != messages!(@default $ty $(, $default)?)
                    }), )* ];
                    let count = present.iter().filter(|present| **present).count();
                    writer.unsigned_varint(count as u32);
                    $( messages!(@tagged $($tag)?; |number| {
                        if messages!(@in form.version, $low $(- $high)?)
                            && self.$field != messages!(@default $ty $(, $default)?)
                        {
                            let form = form.nullable(messages!(@null form.version $(, $null)?));
                            $crate::wire::schema::write_tagged(writer, number, &self.$field, form);
                        }
                    }); )*
                }
            }

            fn type_name(_: $crate::wire::schema::Form) -> &'static str {
                stringify!($name)
            }

            fn min_size(form: $crate::wire::schema::Form) -> usize {
                let mut size = usize::from(form.is_flexible());
                $( messages!(@untagged $($tag)?; {
                    if messages!(@in form.version, $low $(- $high)?) {
                        size += <$ty as $crate::wire::schema::Field>::min_size(form);
                    }
                }); )*
                size
            }
        }
    )* };
    (@since $high:literal) => { "" };
    (@since) => { " on" };
    (@default $ty:ty) => { <$ty>::default() };
    (@default $ty:ty, $value:literal) => { $value };
    (@in $version:expr, $low:literal) => {
        $crate::wire::schema::has($version, $low, i16::MAX)
    };
    (@in $version:expr, $low:literal - $high:literal) => {
        $crate::wire::schema::has($version, $low, $high)
    };
    (@null $version:expr) => { false };
    (@null $version:expr, $low:literal) => { $version >= $low };
    (@inside) => { None };
    (@inside $inside:path) => { Some($inside) };
    (@untagged; $code:block) => { $code };
    (@untagged $tag:literal; $code:block) => {};
    (@present; $code:block) => { false };
    (@present $tag:literal; $code:block) => { $code };
    (@tagged; |$number:ident| $code:block) => {};
    (@tagged $tag:literal; |$number:ident| $code:block) => { let $number = $tag; $code };
}
