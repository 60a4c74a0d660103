//! Several operations as one: all of them, at one zxid, or none.
//!
//! In ZooKeeper: `MultiTransactionRecord`, `MultiResponse`.

use super::{
    CheckVersionRequest, Create2Response, CreateRequest, CreateResponse, CreateTtlRequest,
    DeleteRequest, KeeperCode, MultiHeader, OpCode, SetDataRequest, StatResponse,
};
use crate::wire::schema::{Field, Form};
use crate::wire::{DecodeError, Reader, Writer};

/// `op` of the header that ends a multi, and of a result that is an error.
const NO_OP: i32 = -1;

/// One operation of a multi.
#[derive(Debug, Clone, PartialEq)]
pub enum MultiOperation {
    /// Creates a znode.
    Create(CreateRequest),
    /// Creates a znode and returns its stat.
    Create2(CreateRequest),
    /// Creates a container.
    CreateContainer(CreateRequest),
    /// Creates a znode with a time to live.
    CreateTtl(CreateTtlRequest),
    /// Deletes a znode.
    Delete(DeleteRequest),
    /// Writes the data of a znode.
    SetData(SetDataRequest),
    /// Requires that a znode has a version.
    Check(CheckVersionRequest),
}

impl MultiOperation {
    /// Its operation.
    pub fn op(&self) -> OpCode {
        match self {
            Self::Create(_) => OpCode::Create,
            Self::Create2(_) => OpCode::Create2,
            Self::CreateContainer(_) => OpCode::CreateContainer,
            Self::CreateTtl(_) => OpCode::CreateTtl,
            Self::Delete(_) => OpCode::Delete,
            Self::SetData(_) => OpCode::SetData,
            Self::Check(_) => OpCode::Check,
        }
    }

    /// The path it is about.
    pub fn path(&self) -> &str {
        match self {
            Self::Create(body) | Self::Create2(body) | Self::CreateContainer(body) => &body.path,
            Self::CreateTtl(body) => &body.path,
            Self::Delete(body) => &body.path,
            Self::SetData(body) => &body.path,
            Self::Check(body) => &body.path,
        }
    }

    fn read_one(reader: &mut Reader, op: i32, form: Form) -> Result<Self, DecodeError> {
        match OpCode::from_number(op) {
            Some(OpCode::Create) => Field::read(reader, form).map(Self::Create),
            Some(OpCode::Create2) => Field::read(reader, form).map(Self::Create2),
            Some(OpCode::CreateContainer) => Field::read(reader, form).map(Self::CreateContainer),
            Some(OpCode::CreateTtl) => Field::read(reader, form).map(Self::CreateTtl),
            Some(OpCode::Delete) => Field::read(reader, form).map(Self::Delete),
            Some(OpCode::SetData) => Field::read(reader, form).map(Self::SetData),
            Some(OpCode::Check) => Field::read(reader, form).map(Self::Check),
            _ => Err(not_an_operation(reader)),
        }
    }

    fn write_one(&self, writer: &mut Writer, form: Form) {
        match self {
            Self::Create(body) | Self::Create2(body) | Self::CreateContainer(body) => {
                body.write(writer, form);
            }
            Self::CreateTtl(body) => body.write(writer, form),
            Self::Delete(body) => body.write(writer, form),
            Self::SetData(body) => body.write(writer, form),
            Self::Check(body) => body.write(writer, form),
        }
    }
}

/// The result of one operation of a multi.
#[derive(Debug, Clone, PartialEq)]
pub enum MultiResult {
    /// Of a create.
    Create(CreateResponse),
    /// Of a create2, a container, or a time to live.
    Create2(Create2Response),
    /// Of a delete.
    Delete,
    /// Of a setData.
    SetData(StatResponse),
    /// Of a check.
    Check,
    /// The multi failed: `OK` for operations before the one that failed,
    /// `RUNTIME_INCONSISTENCY` for those behind it.
    Error(KeeperCode),
}

impl MultiResult {
    fn read_one(reader: &mut Reader, op: i32, form: Form) -> Result<Self, DecodeError> {
        if op == NO_OP {
            return reader.i32().map(|err| Self::Error(KeeperCode(err)));
        }
        match OpCode::from_number(op) {
            Some(OpCode::Create) => Field::read(reader, form).map(Self::Create),
            Some(OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl) => {
                Field::read(reader, form).map(Self::Create2)
            }
            Some(OpCode::Delete) => Ok(Self::Delete),
            Some(OpCode::SetData) => Field::read(reader, form).map(Self::SetData),
            Some(OpCode::Check) => Ok(Self::Check),
            _ => Err(not_an_operation(reader)),
        }
    }

    fn write_one(&self, writer: &mut Writer, form: Form) {
        let (op, err) = match self {
            Self::Create(_) => (OpCode::Create.number(), 0),
            Self::Create2(_) => (OpCode::Create2.number(), 0),
            Self::Delete => (OpCode::Delete.number(), 0),
            Self::SetData(_) => (OpCode::SetData.number(), 0),
            Self::Check => (OpCode::Check.number(), 0),
            Self::Error(code) => (NO_OP, code.0),
        };
        MultiHeader { op, done: false, err }.write(writer, form);
        match self {
            Self::Create(body) => body.write(writer, form),
            Self::Create2(body) => body.write(writer, form),
            Self::SetData(body) => body.write(writer, form),
            Self::Error(code) => writer.i32(code.0),
            Self::Delete | Self::Check => {}
        }
    }
}

fn not_an_operation(reader: &Reader) -> DecodeError {
    DecodeError::InvalidValue { at: reader.position(), expected: "an operation of a multi" }
}

/// Reads headers, each with what it announces, up to the one that says it is the last.
fn read_all<T>(
    reader: &mut Reader,
    form: Form,
    read_one: fn(&mut Reader, i32, Form) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    loop {
        reader.open_element(all.len(), "operation");
        let header = MultiHeader::read(reader, form)?;
        if header.done {
            reader.close(|| "end".to_owned());
            return Ok(all);
        }
        all.push(read_one(reader, header.op, form)?);
        reader.close(|| match OpCode::from_number(header.op) {
            Some(op) => op.name().to_owned(),
            None => KeeperCode(header.err).to_string(),
        });
    }
}

fn write_end(writer: &mut Writer, form: Form) {
    MultiHeader { op: NO_OP, done: true, err: NO_OP }.write(writer, form);
}

impl Field for Vec<MultiOperation> {
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        *self = read_all(reader, form, MultiOperation::read_one)?;
        Ok(())
    }

    fn write(&self, writer: &mut Writer, form: Form) {
        for operation in self {
            let op = operation.op().number();
            MultiHeader { op, done: false, err: NO_OP }.write(writer, form);
            operation.write_one(writer, form);
        }
        write_end(writer, form);
    }

    fn type_name(_: Form) -> &'static str {
        "multi"
    }

    fn min_size(form: Form) -> usize {
        MultiHeader::min_size(form)
    }
}

impl Field for Vec<MultiResult> {
    fn read_over(&mut self, reader: &mut Reader, form: Form) -> Result<(), DecodeError> {
        *self = read_all(reader, form, MultiResult::read_one)?;
        Ok(())
    }

    fn write(&self, writer: &mut Writer, form: Form) {
        for result in self {
            result.write_one(writer, form);
        }
        write_end(writer, form);
    }

    fn type_name(_: Form) -> &'static str {
        "multi"
    }

    fn min_size(form: Form) -> usize {
        MultiHeader::min_size(form)
    }
}
