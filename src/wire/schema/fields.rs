//! The types that fields have: numbers, text, bytes, arrays.

use bytes::Bytes;

use super::{Field, Form, Lengths};
use crate::wire::{DecodeError, ErrorCode, Reader, Uuid, Writer};

macro_rules! number_fields {
    ($($ty:ty, $method:ident, $name:literal;)*) => { $(
        impl Field for $ty {
            fn read_over(&mut self, reader: &mut Reader, _: Form) -> Result<(), DecodeError> {
                *self = reader.$method()?;
                Ok(())
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
    fn read_over(&mut self, reader: &mut Reader, _: Form) -> Result<(), DecodeError> {
        self.0 = reader.i16()?;
        Ok(())
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
    fn read_over(&mut self, reader: &mut Reader, _: Form) -> Result<(), DecodeError> {
        self.0.copy_from_slice(reader.take(16)?);
        Ok(())
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
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let value = reader.string(form.lengths)?;
        *self = refuse_null(reader, form, value)?;
        Ok(())
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
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let value = reader.string(form.lengths)?;
        *self = refuse_null(reader, form.nullable(false), value)?.unwrap_or_default();
        Ok(())
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
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let value = reader.bytes(form.lengths)?;
        *self = refuse_null(reader, form, value)?;
        Ok(())
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
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let value = reader.bytes(form.lengths)?;
        *self = refuse_null(reader, form.nullable(false), value)?.unwrap_or_default();
        Ok(())
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

impl<T: Field> Field for Vec<T> {
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        let count = count::<T>(reader, form.nullable(false))?.unwrap_or_default();
        read_elements(self, count, reader, form.nullable(false))
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        writer.count(Some(self.len()), form.lengths);
        for element in self {
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
        self.len().to_string()
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        *self = None;
        let Some(count) = count::<T>(reader, form)? else { return Ok(()) };
        read_elements(self.insert(Vec::new()), count, reader, form.nullable(false))
    }
    fn write(&self, writer: &mut Writer, form: Form) {
        match self {
            Some(elements) => elements.write(writer, form),
            None => writer.count(if form.nullable { None } else { Some(0) }, form.lengths),
        }
    }
    fn type_name(form: Form) -> &'static str {
        Vec::<T>::type_name(form)
    }
    fn min_size(form: Form) -> usize {
        Vec::<T>::min_size(form)
    }
    fn text(&self) -> String {
        self.as_ref().map_or_else(|| "null".to_owned(), |elements| elements.len().to_string())
    }
}

/// The number of elements that follow.
fn count<T: Field>(reader: &mut Reader, form: Form) -> Result<Option<usize>, DecodeError> {
    let count = reader.count(form.lengths, T::min_size(form.nullable(false)))?;
    refuse_null(reader, form, count)
}

fn read_elements<T: Field>(
    elements: &mut Vec<T>,
    count: usize,
    reader: &mut Reader,
    form: Form,
) -> Result<(), DecodeError> {
    elements.clear();
    elements.resize_with(count, T::default);
    for (index, element) in elements.iter_mut().enumerate() {
        reader.open_element(index, T::type_name(form));
        element.read_over(reader, form)?;
        reader.close(|| element.text());
    }
    Ok(())
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
