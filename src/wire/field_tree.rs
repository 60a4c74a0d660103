//! The tree of fields of a frame, with the byte range of each: what the inspector shows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::reader::DecodeError;

/// More nodes than this are counted, not kept: a frame of a megabyte of records stays readable.
const MAX_NODES: usize = 10_000;

/// One field of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldNode {
    /// The field's name, as Kafka's protocol guide writes it.
    pub name: Cow<'static, str>,
    /// Its type, such as `int32` or `compact_array`.
    pub type_name: Cow<'static, str>,
    /// Its value as text; the number of elements for an array, empty for a struct.
    pub value: String,
    /// Offset of its first byte in the frame.
    pub start: u32,
    /// Offset behind its last byte.
    pub end: u32,
    /// The fields inside it.
    pub children: Vec<FieldNode>,
}

impl FieldNode {
    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&FieldNode> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Puts this node and all inside it at these bytes; gives their number.
    fn place(&mut self, start: u32, end: u32) -> usize {
        (self.start, self.end) = (start, end);
        1 + self.children.iter_mut().map(|child| child.place(start, end)).sum::<usize>()
    }
}

/// Builds a tree while fields open and close.
#[derive(Debug, Default)]
pub(super) struct FieldTree {
    root: Vec<FieldNode>,
    open: Vec<FieldNode>,
    nodes: usize,
    omitted: usize,
}

impl FieldTree {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self, name: Cow<'static, str>, type_name: &'static str, start: usize) {
        self.open.push(FieldNode {
            name,
            type_name: type_name.into(),
            start: start as u32,
            ..FieldNode::default()
        });
    }

    pub(super) fn close(&mut self, value: String, end: usize) {
        if let Some(mut node) = self.open.pop() {
            node.value = value;
            node.end = end as u32;
            self.attach(node);
        }
    }

    /// Closes what an error left open, down to `depth` open nodes.
    pub(super) fn close_to(&mut self, depth: usize, end: usize) {
        while self.open.len() > depth {
            self.close(String::new(), end);
        }
    }

    pub(super) fn rewind(&mut self, position: usize) {
        self.open.clear();
        self.root.retain(|node| node.end as usize <= position);
    }

    pub(super) fn note(&mut self, start: usize, end: usize, error: &DecodeError) {
        self.attach(FieldNode {
            name: "error".into(),
            type_name: "bytes".into(),
            value: error.to_string(),
            start: start as u32,
            end: end as u32,
            children: Vec::new(),
        });
    }

    pub(super) fn rest(&mut self, start: usize, end: usize) {
        self.attach(FieldNode {
            name: "rest".into(),
            type_name: "bytes".into(),
            value: format!("{} bytes", end - start),
            start: start as u32,
            end: end as u32,
            children: Vec::new(),
        });
    }

    /// Puts nodes that were read from other bytes into the innermost open node, as if all of them
    /// stood at `start` to `end`.
    pub(super) fn graft(&mut self, nodes: Vec<FieldNode>, start: usize, end: usize) {
        for mut node in nodes {
            let count = node.place(start as u32, end as u32);
            if self.nodes + count > MAX_NODES {
                self.omitted += count;
                continue;
            }
            self.nodes += count - 1;
            self.attach(node);
        }
    }

    fn attach(&mut self, node: FieldNode) {
        if self.nodes >= MAX_NODES {
            self.omitted += 1;
            return;
        }
        self.nodes += 1;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root.push(node),
        }
    }

    pub(super) fn finish(self, name: String, end: usize) -> FieldNode {
        let value = match self.omitted {
            0 => String::new(),
            omitted => format!("{omitted} more fields not shown"),
        };
        FieldNode {
            name: name.into(),
            type_name: "frame".into(),
            value,
            start: 0,
            end: end as u32,
            children: self.root,
        }
    }
}
