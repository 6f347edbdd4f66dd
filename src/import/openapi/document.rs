//! A document and the files beside it, read without a model: every access may find something else than it should.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A document with the files that it refers to.
#[derive(Debug)]
pub struct Document {
    /// The first is the one that was asked for.
    files: Vec<Value>,
    /// Which file a reference of a file means: the file it stands in, and the text before `#`.
    links: HashMap<(usize, String), usize>,
}

/// A place in a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'d> {
    file: usize,
    pub(super) value: &'d Value,
}

/// Where a reference leads.
pub(super) struct Target<'d> {
    pub(super) node: Node<'d>,
    /// The last part of the pointer, or the file's stem: what the place is called.
    pub(super) name: String,
}

impl Document {
    /// A document of files; `links` says which file a reference means.
    pub(super) fn new(files: Vec<Value>, links: HashMap<(usize, String), usize>) -> Self {
        Self { files, links }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { file: 0, value: &self.files[0] }
    }

    /// The schemas that have a name.
    pub(super) fn components(&self) -> impl Iterator<Item = (&str, Node<'_>)> {
        let root = self.root();
        let new = root.get("components").into_iter().flat_map(|components| components.members_of("schemas"));
        new.chain(root.members_of("definitions"))
    }

    /// Follows one `$ref`. Errors: why it leads nowhere.
    pub(super) fn follow<'d>(&'d self, from: Node<'d>, reference: &str) -> Result<Target<'d>, String> {
        let (address, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if address.is_empty() {
            from.file
        } else {
            let key = (from.file, address.to_owned());
            *self.links.get(&key).ok_or_else(|| format!("`{address}` was not read"))?
        };
        let pointer = percent_decode_str(pointer).decode_utf8_lossy();
        let whole = self.files.get(file).ok_or("there is no such file")?;
        let value = whole.pointer(&pointer).ok_or_else(|| format!("there is no `{reference}`"))?;
        let last = pointer.rsplit('/').next().filter(|last| !last.is_empty());
        let name = match last {
            Some(last) => last.replace("~1", "/").replace("~0", "~"),
            None => address.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default().to_owned(),
        };
        Ok(Target { node: Node { file, value }, name })
    }

    /// Follows references until something else is there; at most 32. Errors: why they lead nowhere.
    pub(super) fn resolve<'d>(&'d self, mut node: Node<'d>) -> Result<Node<'d>, String> {
        for _ in 0..32 {
            let Some(reference) = node.reference() else { return Ok(node) };
            node = self.follow(node, reference)?.node;
        }
        Err("its `$ref` leads back to itself".to_owned())
    }
}

impl<'d> Node<'d> {
    /// Which place this is, for as long as the document lives.
    pub(super) fn id(self) -> usize {
        std::ptr::from_ref(self.value) as usize
    }

    pub(super) fn get(self, key: &str) -> Option<Self> {
        Some(Self { file: self.file, value: self.value.as_object()?.get(key)? })
    }

    pub(super) fn reference(self) -> Option<&'d str> {
        self.value.as_object()?.get("$ref")?.as_str()
    }

    /// The members of the object here, or of the one at `key`; none where there is no object.
    pub(super) fn members(self) -> impl Iterator<Item = (&'d str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(move |(key, value)| (key.as_str(), Self { file: self.file, value }))
    }

    pub(super) fn members_of(self, key: &str) -> impl Iterator<Item = (&'d str, Self)> {
        self.get(key).into_iter().flat_map(Self::members)
    }

    /// The elements of the list at `key`; none where there is no list.
    pub(super) fn items_of(self, key: &str) -> impl Iterator<Item = Self> {
        let items = self.value.get(key).and_then(Value::as_array).into_iter().flatten();
        items.map(move |value| Self { file: self.file, value })
    }

    pub(super) fn text(self, key: &str) -> Option<&'d str> {
        self.value.as_object()?.get(key)?.as_str()
    }

    pub(super) fn is_true(self, key: &str) -> bool {
        self.value.as_object().and_then(|members| members.get(key)).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.value.as_object().is_some_and(|members| members.contains_key(key))
    }
}

/// The addresses before `#` in all references of a value, each once, in order.
pub(super) fn addresses(value: &Value) -> Vec<String> {
    let mut found = indexmap::IndexSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let address = reference.split('#').next().unwrap_or_default();
                    if !address.is_empty() {
                        found.insert(address.to_owned());
                    }
                }
                open.extend(members.values().rev());
            }
            _ => {}
        }
    }
    found.into_iter().collect()
}
