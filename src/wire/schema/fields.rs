//! The types that fields have: numbers, text, bytes, arrays.

use bytes::Bytes;

use super::{Field, Form, Lengths};
use crate::wire::{DecodeError, ErrorCode, Reader, Uuid, Writer};

macro_rules! number_fields {
    ($($ty:ty, $method:ident, $name:literal;)*) => { $(
        impl Field for $ty {
            fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
                reader.$method()
            }
            fn write(&self, writer: &mut Writer, _: Form) {
                writer.$method(*self);
            }
            fn type_name(_: Form) -> &'static str {
                $name
            }
            fn min_size(_: Form) -> usize {
                size_of::<$ty>()
            }
            fn text(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

number_fields! {
    bool, bool, "boolean";
    i8, i8, "int8";
    i16, i16, "int16";
    u16, u16, "uint16";
    i32, i32, "int32";
    i64, i64, "int64";
    f64, f64, "float64";
}

impl Field for ErrorCode {
    fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
        reader.i16().map(Self)
    }
    fn write(&self, writer: &mut Writer, _: Form) {
        writer.i16(self.0);
    }
    fn type_name(_: Form) -> &'static str {
        "int16"
    }
    fn min_size(_: Form) -> usize {
        2
    }
    fn text(&self) -> String {
        format!("{} {}", self.0, self.name())
    }
}

impl Field for Uuid {
    fn read(reader: &mut Reader, _: Form) -> Result<Self, DecodeError> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(reader.take(16)?);
        Ok(Self(bytes))
    }
    fn write(&self, writer: &mut Writer, _: Form) {
        writer.put(&self.0);
    }
    fn type_name(_: Form) -> &'static str {
        "uuid"
    }
    fn min_size(_: Form) -> usize {
        16
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Field for Option<String> {
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let value = reader.string(form.lengths)?;
        refuse_null(reader, form, value)
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        let value = self.as_deref();
        writer.string(if form.nullable { value } else { value.or(Some("")) }, form.lengths);
    }
    fn type_name(form: Form) -> &'static str {
        match (form.lengths, form.nullable) {
            (Lengths::Plain, false) => "string",
            (Lengths::Plain, true) => "nullable_string",
            (Lengths::Compact, false) => "compact_string",
            (Lengths::Compact, true) => "compact_nullable_string",
            (Lengths::Jute, _) => "ustring",
        }
    }
    fn min_size(form: Form) -> usize {
        match form.lengths {
            Lengths::Plain => 2,
            Lengths::Compact => 1,
            Lengths::Jute => 4,
        }
    }
    fn text(&self) -> String {
        self.clone().unwrap_or_else(|| "null".to_owned())
    }
}

impl Field for String {
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let value = Option::<String>::read(reader, form.nullable(false))?;
        Ok(value.unwrap_or_default())
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        writer.string(Some(self), form.lengths);
    }
    fn type_name(form: Form) -> &'static str {
        Option::<String>::type_name(form.nullable(false))
    }
    fn min_size(form: Form) -> usize {
        Option::<String>::min_size(form)
    }
    fn text(&self) -> String {
        self.clone()
    }
}

impl Field for Option<Bytes> {
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let value = reader.bytes(form.lengths)?;
        refuse_null(reader, form, value)
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        let value = self.as_deref();
        writer.bytes(if form.nullable { value } else { value.or(Some(&[])) }, form.lengths);
    }
    fn type_name(form: Form) -> &'static str {
        match (form.lengths, form.nullable) {
            (Lengths::Plain, false) => "bytes",
            (Lengths::Plain, true) => "nullable_bytes",
            (Lengths::Compact, false) => "compact_bytes",
            (Lengths::Compact, true) => "compact_nullable_bytes",
            (Lengths::Jute, _) => "buffer",
        }
    }
    fn min_size(form: Form) -> usize {
        if form.is_flexible() { 1 } else { 4 }
    }
    fn text(&self) -> String {
        self.as_ref().map_or_else(|| "null".to_owned(), Bytes::text)
    }
    fn content_len(&self) -> usize {
        self.as_ref().map_or(0, Bytes::len)
    }
}

impl Field for Bytes {
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let value = Option::<Bytes>::read(reader, form.nullable(false))?;
        Ok(value.unwrap_or_default())
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        writer.bytes(Some(self), form.lengths);
    }
    fn type_name(form: Form) -> &'static str {
        Option::<Bytes>::type_name(form.nullable(false))
    }
    fn min_size(form: Form) -> usize {
        Option::<Bytes>::min_size(form)
    }
    fn text(&self) -> String {
        bytes_text(self)
    }
    fn content_len(&self) -> usize {
        self.len()
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let element = form.nullable(false);
        let count = reader.count(form.lengths, T::min_size(element))?;
        let Some(count) = refuse_null(reader, form, count)? else {
            return Ok(None);
        };
        let mut elements = Vec::with_capacity(count);
        for index in 0..count {
            reader.open_element(index, T::type_name(element));
            let value = T::read(reader, element)?;
            reader.close(|| value.text());
            elements.push(value);
        }
        Ok(Some(elements))
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        let count = self.as_ref().map(Vec::len);
        writer.count(if form.nullable { count } else { count.or(Some(0)) }, form.lengths);
        for element in self.iter().flatten() {
            element.write(writer, form.nullable(false));
        }
    }
    fn type_name(form: Form) -> &'static str {
        match form.lengths {
            Lengths::Plain => "array",
            Lengths::Compact => "compact_array",
            Lengths::Jute => "vector",
        }
    }
    fn min_size(form: Form) -> usize {
        if form.is_flexible() { 1 } else { 4 }
    }
    fn text(&self) -> String {
        self.as_ref().map_or_else(|| "null".to_owned(), |elements| elements.len().to_string())
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(reader: &mut Reader, form: Form) -> Result<Self, DecodeError> {
        let value = Option::<Vec<T>>::read(reader, form.nullable(false))?;
        Ok(value.unwrap_or_default())
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        writer.count(Some(self.len()), form.lengths);
        for element in self {
            element.write(writer, form.nullable(false));
        }
    }
    fn type_name(form: Form) -> &'static str {
        Option::<Vec<T>>::type_name(form)
    }
    fn min_size(form: Form) -> usize {
        Option::<Vec<T>>::min_size(form)
    }
    fn text(&self) -> String {
        self.len().to_string()
    }
}

fn refuse_null<T>(reader: &Reader, form: Form, value: Option<T>) -> Result<Option<T>, DecodeError> {
    match value {
        None if !form.nullable => Err(DecodeError::UnexpectedNull { at: reader.position() }),
        value => Ok(value),
    }
}

/// Text when it reads as text, hex otherwise; the start of it when it is long.
pub fn bytes_text(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    match str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text}{more}"),
        _ => {
            let mut hex = String::with_capacity(2 * shown.len() + more.len());
            for byte in shown {
                for digit in [byte >> 4, byte & 15] {
                    hex.extend(char::from_digit(u32::from(digit), 16));
                }
            }
            hex + more
        }
    }
}
